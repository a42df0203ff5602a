/*
 * One frame in the transmit ring of a PV adapter: its slots, checked, and its bytes.
 *
 *   first request, extra slots (flag extra_info), further requests (flag more_data)
 *
 * Source: xen/io/netif.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_NET_XEN_NET_TX_H
#define HW_NET_XEN_NET_TX_H

#include "hw/xen/xen_abi.h"
#include "hw/xen/xen_ring.h"
#include "net/net.h"

#include <xen/io/netif.h>

/* Requests of a frame; front ends may use this many and no more. */
#define XEN_NET_REQUESTS_MAX XEN_NETIF_NR_SLOTS_MIN

typedef enum {
    XEN_NET_MULTICAST_NONE,
    XEN_NET_MULTICAST_ADD,
    XEN_NET_MULTICAST_DELETE,
} XenNetMulticast;

typedef struct {
    netif_tx_request_t requests[XEN_NET_REQUESTS_MAX];
    unsigned count;  /* of them */
    unsigned extras; /* slots behind the first */
    unsigned slots;  /* all */
    size_t size;     /* bytes of the frame */
    bool valid;      /* else it is to be answered with an error */
    XenNetMulticast multicast;
    uint8_t group[NET_MAC_LENGTH];
    uint8_t gso_type; /* NET_GSO_ */
    uint16_t gso_size;
} XenNetTx;

/**
 * xen_net_tx_take: takes a frame's slots from @ring, in which @waiting are. NULL, or what the front
 * end did that no back end goes on after.
 */
const char *xen_net_tx_take(XenNetTx *tx, XenRing *ring, unsigned waiting);
/** xen_net_tx_copy: the bytes of a valid frame to @frame; false: a grant cannot be read. */
bool xen_net_tx_copy(const XenNetTx *tx, XenDomain *domain, uint8_t *frame);
/** xen_net_tx_describe: what is left to do with it, and where it ends; false: its headers do not
 * allow that. */
bool xen_net_tx_describe(XenNetTx *tx, uint8_t *frame, NetOffload *offload);
/** xen_net_tx_respond: answers all slots. */
void xen_net_tx_respond(const XenNetTx *tx, XenRing *ring, int16_t status);

#endif
