/*
 * A ring shared with a front end: its granted pages, the indices and their events. Knows slots, not
 * what they mean.
 *
 * Everything in the pages is the guest's to change at any time: indices are read once and checked
 * against ours, slots are copied before anyone looks at them.
 *
 * Source: xen/io/ring.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_BLOCK_RING_H
#define HW_BLOCK_XEN_BLOCK_RING_H

#include "hw/xen/gnttab.h"
#include "xen_blkif.h"

#define XEN_BLOCK_RING_ORDER_MAX 4
#define XEN_BLOCK_RING_PAGES_MAX (1u << XEN_BLOCK_RING_ORDER_MAX)

typedef struct {
    XenDomain *domain;
    const BlkifLayout *layout;
    XenGrantPin pins[XEN_BLOCK_RING_PAGES_MAX];
    unsigned pages;
    uint32_t entries;
    uint32_t requests_taken; /* index of the next request */
    uint32_t responses_made; /* index of the next response, not yet shown to the guest perhaps */
    uint32_t responses_shown;
} XenBlockRing;

/**
 * xen_block_ring_open: pins the @pages pages @refs and goes on where the front end's indices stand.
 * False with @error: a grant cannot be had, or the indices contradict each other.
 */
bool xen_block_ring_open(XenBlockRing *ring, XenDomain *domain, const BlkifLayout *layout,
                         const uint32_t *refs, unsigned pages, GError **error);
/** xen_block_ring_restore: goes on at saved indices; false if they contradict each other. */
bool xen_block_ring_restore(XenBlockRing *ring, uint32_t requests_taken, uint32_t responses_made,
                            GError **error);
void xen_block_ring_close(XenBlockRing *ring);

/** xen_block_ring_waiting: requests not yet taken; -1: the indices lie. */
int64_t xen_block_ring_waiting(XenBlockRing *ring);
/** xen_block_ring_take: copies the next of them. */
void xen_block_ring_take(XenBlockRing *ring, BlkifRequest *request);
/** xen_block_ring_arm: asks for an event with the next request; true if one came meanwhile. */
bool xen_block_ring_arm(XenBlockRing *ring);
/** xen_block_ring_respond: writes a response that the guest does not see before push. */
void xen_block_ring_respond(XenBlockRing *ring, uint64_t id, uint8_t operation, int16_t status);
/** xen_block_ring_push: shows all responses; true if the guest wants an event for them. */
bool xen_block_ring_push(XenBlockRing *ring);

#endif
