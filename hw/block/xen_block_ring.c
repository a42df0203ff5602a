/*
 * A PV disk's ring.
 *
 * Source: xen/io/blkif.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_block_ring.h"

bool xen_block_ring_open(XenBlockRing *ring, XenDomain *domain, const BlkifLayout *layout,
                         const uint32_t *refs, unsigned pages, GError **error)
{
    ring->layout = layout;
    return xen_ring_open(&ring->base, domain, layout->slot_size, refs, pages, error);
}

void xen_block_ring_take(XenBlockRing *ring, BlkifRequest *request)
{
    uint8_t slot[BLKIF_SLOT_MAX];

    xen_ring_take(&ring->base, slot, ring->layout->slot_size);
    blkif_decode(ring->layout, slot, request);
}

void xen_block_ring_respond(XenBlockRing *ring, uint64_t id, uint8_t operation, int16_t status)
{
    uint8_t slot[BLKIF_SLOT_MAX];

    blkif_encode_response(ring->layout, slot, id, operation, status);
    xen_ring_respond(&ring->base, slot, ring->layout->response_size);
}
