/*
 * One queue of a PV disk: ring, event channel, requests. It works in a context of its own (the main
 * loop or an I/O thread) and knows no device and no xenstore.
 *
 * A request: taken from the ring as a copy, checked, its pages pinned; then its steps one after the
 * other (flush, move data, flush …), each a request to the block layer on the guest's own pages;
 * then a response. Responses are shown to the guest once a batch.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_BLOCK_QUEUE_H
#define HW_BLOCK_XEN_BLOCK_QUEUE_H

#include "block/block.h"
#include "hw/xen/evtchn.h"
#include "xen_block_grants.h"
#include "xen_block_ring.h"

typedef struct XenBlockQueue XenBlockQueue;

/* What the queues of a disk share. Fixed while a queue is open, but for what is marked. */
typedef struct {
    XenDomain *domain;
    BlockBackend *backend;
    uint32_t sector_unit;  /* bytes of a sector number of the front end */
    uint32_t logical_size; /* bytes; offsets and lengths are multiples */
    uint64_t capacity;     /* bytes; atomic, changes while queues work */
    bool read_only;
    bool discard;    /* offered */
    bool persistent; /* both ends can */
    unsigned holds;  /* atomic: while not 0 no request is begun */
    bool lost_data;  /* atomic: a flush failed and the guest was told, by a response that may not
                        reach its writers; until one succeeds, no write does */
    bool lost_elsewhere; /* ... before the guest came to this process: none succeeds any more */
    /** broken: the guest's indices lie; the queue does nothing any more. In the queue's context. */
    void (*broken)(void *opaque);
    void *opaque;
} XenBlockTarget;

typedef struct {
    const BlkifLayout *layout;
    const uint32_t *refs;
    unsigned pages;
    uint32_t port;
    GMainContext *context; /* NULL: the default one, under the machine lock */
} XenBlockQueueConfig;

/**
 * xen_block_queue_open: takes ring and port. @saved: what xen_block_queue_save() gave (checked), or
 * NULL. Nothing is processed before xen_block_queue_start(). Main thread.
 */
XenBlockQueue *xen_block_queue_open(XenBlockTarget *target, const XenBlockQueueConfig *config,
                                    GVariant *saved, GError **error);
void xen_block_queue_start(XenBlockQueue *queue);
/** xen_block_queue_stop: no request is begun any more; those in flight go on. Main thread. */
void xen_block_queue_stop(XenBlockQueue *queue);
/** xen_block_queue_close: frees a queue that is stopped and whose backend is drained; what waited
 * to be tried again is forgotten. */
void xen_block_queue_close(XenBlockQueue *queue);

/** xen_block_queue_kick: looks at the ring soon. Any thread. */
void xen_block_queue_kick(XenBlockQueue *queue);
/** xen_block_queue_settle: what the queue is in the middle of is over. Main thread. */
void xen_block_queue_settle(XenBlockQueue *queue);
/** xen_block_queue_show: shows the responses made so far, now. Main thread. */
void xen_block_queue_show(XenBlockQueue *queue);
/** xen_block_queue_retry: what an error stopped is tried again. Main thread. */
void xen_block_queue_retry(XenBlockQueue *queue);
/** xen_block_queue_save: indices and requests begun and not answered, of a drained queue; floating.
 */
GVariant *xen_block_queue_save(XenBlockQueue *queue);
#define XEN_BLOCK_QUEUE_STATE "(uua(yyytttta(uyy)))"

/** xen_block_queue_in_flight: requests begun and not answered. */
unsigned xen_block_queue_in_flight(XenBlockQueue *queue);

#endif
