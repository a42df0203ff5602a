/*
 * A PV disk's ring: block requests and responses in the slots of a XenRing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_BLOCK_RING_H
#define HW_BLOCK_XEN_BLOCK_RING_H

#include "hw/xen/xen_ring.h"
#include "xen_blkif.h"

typedef struct {
    XenRing base;
    const BlkifLayout *layout;
} XenBlockRing;

/** xen_block_ring_open: as xen_ring_open(), for slots of @layout. */
bool xen_block_ring_open(XenBlockRing *ring, XenDomain *domain, const BlkifLayout *layout,
                         const uint32_t *refs, unsigned pages, GError **error);
/** xen_block_ring_take: copies the next request that waits. */
void xen_block_ring_take(XenBlockRing *ring, BlkifRequest *request);
/** xen_block_ring_respond: writes a response that the guest does not see before xen_ring_push(). */
void xen_block_ring_respond(XenBlockRing *ring, uint64_t id, uint8_t operation, int16_t status);

#endif
