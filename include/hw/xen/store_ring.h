/*
 * The guest's door to xenstore: the page it shares with us (xen/io/xs_wire.h, struct
 * xenstore_domain_interface; docs/misc/xenstore-ring.txt), with the reconnection and error
 * features.
 *
 * The guest may write anything into the page at any time: indices are copied once and checked, no
 * byte is looked at twice, and the worst that it can do is to lose its own connection.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_STORE_RING_H
#define HW_XEN_STORE_RING_H

#include "hw/xen/store.h"

#define STORE_RING_PAGE_SIZE 4096

typedef struct StoreRing StoreRing;

typedef struct {
    /* Tells the guest that bytes moved: sends on the store's event channel. Runs under the store's
     * lock. */
    void (*notify)(void *opaque);
} StoreRingOps;

/**
 * store_ring_new: a door for domain @domid, which must exist and have no other; NULL sets *error.
 * The ring is put into its first state, see store_ring_reset().
 * @page: the shared page in our address space, STORE_RING_PAGE_SIZE bytes, 4-byte aligned; the
 * caller's, and must outlive the ring
 */
StoreRing *store_ring_new(XenStore *store, uint16_t domid, void *page, const StoreRingOps *ops,
                          void *opaque, GError **error);
void store_ring_free(StoreRing *ring);

/**
 * store_ring_poll: the guest sent an event: takes requests, answers, puts out watch events. Any
 * thread. Returns true if it stopped after its share of requests with more to do: it must then be
 * called again soon.
 */
bool store_ring_poll(StoreRing *ring);

/**
 * store_ring_reset: machine reset, soft reset: indices, error and connection state of the page are
 * zero, the features are announced, the domain's connection is afresh.
 */
void store_ring_reset(StoreRing *ring);

/** store_ring_is_broken: the guest broke the protocol and has not reconnected. */
bool store_ring_is_broken(StoreRing *ring);

#endif
