/*
 * One queue of a PV network adapter: a ring of frames from the guest, a ring of buffers for frames
 * to it, and their event channels. Knows no device and no xenstore. Machine lock held for every
 * call; works in the main loop.
 *
 * A frame is copied once, out of the guest's pages or into them, and answered at once: between two
 * calls nothing is in flight, so the rings' own indices are all the state there is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_NET_XEN_NET_QUEUE_H
#define HW_NET_XEN_NET_QUEUE_H

#include "hw/xen/xen_domain.h"
#include "net/net.h"

typedef struct XenNetQueue XenNetQueue;

/* What the queues of an adapter share. */
typedef struct {
    XenDomain *domain;
    /** frame: one from the guest; false: its headers are wrong. */
    bool (*frame)(void *opaque, const NetPacket *packet);
    /** multicast: the guest wants a group's frames (@add), or does not; false: it cannot be. */
    bool (*multicast)(void *opaque, bool add, const uint8_t mac[NET_MAC_LENGTH]);
    /** buffers: the guest may have buffers again for frames that wait. */
    void (*buffers)(void *opaque);
    /** broken: the guest does not keep to the protocol; the queue does nothing any more. The queue
     * may not be closed from there. */
    void (*broken)(void *opaque, const char *reason);
    void *opaque;
    bool scatter;  /* the guest takes frames of more than one buffer */
    bool notifies; /* it sends an event for new buffers; else we look for them */
    bool blocked;  /* the network takes no more frames now; xen_net_queue_look() when it does */
} XenNetTarget;

typedef struct {
    uint32_t tx_reference, rx_reference;
    uint32_t tx_port, rx_port; /* may be the same */
} XenNetQueueConfig;

/** xen_net_queue_open: takes rings and ports and goes on where their indices stand. */
XenNetQueue *xen_net_queue_open(const XenNetTarget *target, const XenNetQueueConfig *config,
                                GError **error);
void xen_net_queue_close(XenNetQueue *queue);
/** xen_net_queue_look: both rings are looked at soon. */
void xen_net_queue_look(XenNetQueue *queue);
/**
 * xen_net_queue_receive: a frame for the guest, whose front end can do what is left to do with it.
 * True: it was taken, or dropped because the guest could never take it; false: not now.
 */
bool xen_net_queue_receive(XenNetQueue *queue, const NetPacket *packet);

#endif
