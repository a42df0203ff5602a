/*
 * A ring shared with a front end.
 *
 * Source: xen/io/ring.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_block_ring.h"

#include <string.h>

#include "util/error.h"

/* Offsets of the shared indices in the first page. */
enum {
    REQUEST_PRODUCER = 0,
    REQUEST_EVENT = 4,
    RESPONSE_PRODUCER = 8,
    RESPONSE_EVENT = 12,
};

static uint32_t *shared(XenBlockRing *ring, unsigned offset)
{
    return (uint32_t *)((uint8_t *)ring->pins[0].page + offset);
}

static uint32_t read_index(XenBlockRing *ring, unsigned offset)
{
    return __atomic_load_n(shared(ring, offset), __ATOMIC_ACQUIRE);
}

static void write_index(XenBlockRing *ring, unsigned offset, uint32_t value)
{
    __atomic_store_n(shared(ring, offset), value, __ATOMIC_RELEASE);
}

/* ---- life ---- */

bool xen_block_ring_open(XenBlockRing *ring, XenDomain *domain, const BlkifLayout *layout,
                         const uint32_t *refs, unsigned pages, GError **error)
{
    int status = xen_grant_pin_all(domain, refs, pages, true, ring->pins);

    if (status != GNTST_okay) {
        return error_setf(error, "the ring's pages cannot be mapped (status %d)", status);
    }
    ring->domain = domain;
    ring->layout = layout;
    ring->pages = pages;
    ring->entries = blkif_ring_entries(layout, pages);
    uint32_t responses = read_index(ring, RESPONSE_PRODUCER);
    uint32_t requests = read_index(ring, REQUEST_PRODUCER);
    ring->requests_taken = ring->responses_made = ring->responses_shown = responses;
    if (requests - responses > ring->entries) {
        xen_block_ring_close(ring);
        return error_setf(error, "the ring's indices %u and %u are further apart than its %u slots",
                          requests, responses, ring->entries);
    }
    return true;
}

bool xen_block_ring_restore(XenBlockRing *ring, uint32_t requests_taken, uint32_t responses_made,
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

void xen_block_ring_close(XenBlockRing *ring)
{
    for (unsigned i = 0; i < ring->pages; i++) {
        xen_grant_unpin(ring->domain, &ring->pins[i]);
    }
    ring->pages = 0;
}

/* ---- slots ---- */

/* A slot may lie across two pages, which are apart in our address space. */
static void copy_slot(XenBlockRing *ring, uint32_t index, uint8_t *bytes, unsigned length,
                      bool to_ring)
{
    unsigned offset = BLKIF_RING_HEADER + (index & (ring->entries - 1)) * ring->layout->slot_size;

    while (length > 0) {
        unsigned in_page = offset % XEN_PAGE_SIZE;
        unsigned step = MIN(length, XEN_PAGE_SIZE - in_page);
        uint8_t *place = (uint8_t *)ring->pins[offset / XEN_PAGE_SIZE].page + in_page;

        memcpy(to_ring ? place : bytes, to_ring ? bytes : place, step);
        offset += step;
        bytes += step;
        length -= step;
    }
}

int64_t xen_block_ring_waiting(XenBlockRing *ring)
{
    uint32_t waiting = read_index(ring, REQUEST_PRODUCER) - ring->requests_taken;
    uint32_t room = ring->entries - (ring->requests_taken - ring->responses_made);

    return waiting <= room ? (int64_t)waiting : -1;
}

void xen_block_ring_take(XenBlockRing *ring, BlkifRequest *request)
{
    uint8_t slot[BLKIF_SLOT_MAX];

    copy_slot(ring, ring->requests_taken, slot, ring->layout->slot_size, false);
    ring->requests_taken++;
    blkif_decode(ring->layout, slot, request);
}

bool xen_block_ring_arm(XenBlockRing *ring)
{
    write_index(ring, REQUEST_EVENT, ring->requests_taken + 1);
    /* The guest writes its producer and then reads the event index: we the other way round. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return read_index(ring, REQUEST_PRODUCER) != ring->requests_taken;
}

void xen_block_ring_respond(XenBlockRing *ring, uint64_t id, uint8_t operation, int16_t status)
{
    uint8_t slot[BLKIF_SLOT_MAX];

    blkif_encode_response(ring->layout, slot, id, operation, status);
    copy_slot(ring, ring->responses_made, slot, ring->layout->response_size, true);
    ring->responses_made++;
}

bool xen_block_ring_push(XenBlockRing *ring)
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
