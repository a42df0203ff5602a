/*
 * A ring shared with a front end.
 *
 * Source: xen/io/ring.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/xen_ring.h"

#include <string.h>

#include "hw/xen/xen_abi.h"
#include "util/error.h"

/* Offsets of the shared indices in the first page. */
enum {
    REQUEST_PRODUCER = 0,
    REQUEST_EVENT = 4,
    RESPONSE_PRODUCER = 8,
    RESPONSE_EVENT = 12,
};

static uint32_t *shared(XenRing *ring, unsigned offset)
{
    return (uint32_t *)((uint8_t *)ring->pins[0].page + offset);
}

static uint32_t read_index(XenRing *ring, unsigned offset)
{
    return __atomic_load_n(shared(ring, offset), __ATOMIC_ACQUIRE);
}

static void write_index(XenRing *ring, unsigned offset, uint32_t value)
{
    __atomic_store_n(shared(ring, offset), value, __ATOMIC_RELEASE);
}

/* ---- life ---- */

uint32_t xen_ring_entries(unsigned slot_size, unsigned pages)
{
    uint32_t fit = (pages * XEN_PAGE_SIZE - XEN_RING_HEADER) / slot_size;

    return 1u << (31 - __builtin_clz(fit));
}

bool xen_ring_open(XenRing *ring, XenDomain *domain, unsigned slot_size, const uint32_t *refs,
                   unsigned pages, GError **error)
{
    int status = xen_grant_pin_all(domain, refs, pages, true, ring->pins);

    if (status != GNTST_okay) {
        return error_setf(error, "the ring's pages cannot be mapped (status %d)", status);
    }
    ring->domain = domain;
    ring->slot_size = slot_size;
    ring->pages = pages;
    ring->entries = xen_ring_entries(slot_size, pages);
    uint32_t responses = read_index(ring, RESPONSE_PRODUCER);
    uint32_t requests = read_index(ring, REQUEST_PRODUCER);
    ring->requests_taken = ring->responses_made = ring->responses_shown = responses;
    if (requests - responses > ring->entries) {
        xen_ring_close(ring);
        return error_setf(error, "the ring's indices %u and %u are further apart than its %u slots",
                          requests, responses, ring->entries);
    }
    return true;
}

bool xen_ring_restore(XenRing *ring, uint32_t requests_taken, uint32_t responses_made,
                      GError **error)
{
    if (requests_taken - responses_made > ring->entries) {
        return error_setf(error, "saved ring indices %u and %u contradict each other",
                          requests_taken, responses_made);
    }
    ring->requests_taken = requests_taken;
    ring->responses_made = ring->responses_shown = responses_made;
    return true;
}

void xen_ring_close(XenRing *ring)
{
    for (unsigned i = 0; i < ring->pages; i++) {
        xen_grant_unpin(ring->domain, &ring->pins[i]);
    }
    ring->pages = 0;
}

/* ---- slots ---- */

static void copy_piece(XenRing *ring, unsigned offset, uint8_t *bytes, unsigned length,
                       bool to_ring)
{
    uint8_t *place = (uint8_t *)ring->pins[offset / XEN_PAGE_SIZE].page + offset % XEN_PAGE_SIZE;

    memcpy(to_ring ? place : bytes, to_ring ? bytes : place, length);
}

/* A slot may lie across two pages, which are apart in our address space. */
static void copy_slot(XenRing *ring, uint32_t index, uint8_t *bytes, unsigned length, bool to_ring)
{
    unsigned offset = XEN_RING_HEADER + (index & (ring->entries - 1)) * ring->slot_size;
    unsigned first = MIN(length, XEN_PAGE_SIZE - offset % XEN_PAGE_SIZE);

    copy_piece(ring, offset, bytes, first, to_ring);
    if (first < length) {
        copy_piece(ring, offset + first, bytes + first, length - first, to_ring);
    }
}

int64_t xen_ring_waiting(XenRing *ring)
{
    uint32_t waiting = read_index(ring, REQUEST_PRODUCER) - ring->requests_taken;
    uint32_t room = ring->entries - (ring->requests_taken - ring->responses_made);

    return waiting <= room ? (int64_t)waiting : -1;
}

void xen_ring_take(XenRing *ring, void *request, unsigned length)
{
    copy_slot(ring, ring->requests_taken, request, length, false);
    ring->requests_taken++;
}

bool xen_ring_arm(XenRing *ring, uint32_t count)
{
    write_index(ring, REQUEST_EVENT, ring->requests_taken + count);
    /* The guest writes its producer and then reads the event index: we the other way round. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return read_index(ring, REQUEST_PRODUCER) - ring->requests_taken >= count;
}

void xen_ring_respond(XenRing *ring, const void *response, unsigned length)
{
    copy_slot(ring, ring->responses_made, (void *)response, length, true);
    ring->responses_made++;
}

bool xen_ring_push(XenRing *ring)
{
    uint32_t before = ring->responses_shown, now = ring->responses_made;

    if (before == now) {
        return false;
    }
    ring->responses_shown = now;
    write_index(ring, RESPONSE_PRODUCER, now);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return now - read_index(ring, RESPONSE_EVENT) < now - before;
}
