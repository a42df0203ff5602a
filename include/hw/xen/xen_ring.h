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
#ifndef HW_XEN_XEN_RING_H
#define HW_XEN_XEN_RING_H

#include "hw/xen/gnttab.h"

#define XEN_RING_HEADER    64 /* bytes before the first slot */
#define XEN_RING_ORDER_MAX 4
#define XEN_RING_PAGES_MAX (1u << XEN_RING_ORDER_MAX)

typedef struct {
    XenDomain *domain;
    XenGrantPin pins[XEN_RING_PAGES_MAX];
    unsigned pages;
    unsigned slot_size; /* bytes: the larger of request and response */
    uint32_t entries;
    uint32_t requests_taken; /* index of the next request */
    uint32_t responses_made; /* index of the next response, not yet shown to the guest perhaps */
    uint32_t responses_shown;
} XenRing;

/** xen_ring_entries: how many slots of @slot_size bytes @pages pages hold, a power of 2. */
uint32_t xen_ring_entries(unsigned slot_size, unsigned pages);
/**
 * xen_ring_open: pins the @pages pages @refs and goes on where the front end's indices stand. False
 * with @error: a grant cannot be had, or the indices contradict each other.
 */
bool xen_ring_open(XenRing *ring, XenDomain *domain, unsigned slot_size, const uint32_t *refs,
                   unsigned pages, GError **error);
/** xen_ring_restore: goes on at saved indices; false if they contradict each other. */
bool xen_ring_restore(XenRing *ring, uint32_t requests_taken, uint32_t responses_made,
                      GError **error);
void xen_ring_close(XenRing *ring);

/** xen_ring_waiting: requests not yet taken; -1: the indices lie. */
int64_t xen_ring_waiting(XenRing *ring);
/** xen_ring_take: copies the first @length bytes of the next of them. */
void xen_ring_take(XenRing *ring, void *request, unsigned length);
/** xen_ring_arm: asks for an event when @count requests wait; true if they do meanwhile. */
bool xen_ring_arm(XenRing *ring, uint32_t count);
/** xen_ring_respond: writes a response of @length bytes that the guest does not see before push. */
void xen_ring_respond(XenRing *ring, const void *response, unsigned length);
/** xen_ring_push: shows all responses; true if the guest wants an event for them. */
bool xen_ring_push(XenRing *ring);

#endif
