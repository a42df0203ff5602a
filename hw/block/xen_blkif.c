/*
 * The block protocol's structures.
 *
 * Source: xen/io/blkif.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_blkif.h"

#include <string.h>

#include "util/bytes.h"

enum {
    OFFSET_OPERATION = 0,
    OFFSET_COUNT = 1, /* segments; flags of a discard; inner operation of an indirect one */
    OFFSET_INDIRECT_COUNT = 2, /* 16 bits */
};

const BlkifLayout blkif_layout_x86_64 = {
    .slot_size = 112,
    .id = 8,
    .sector = 16,
    .segments = 24,
    .discard_count = 24,
    .indirect_refs = 28,
    .response_size = 16,
};

const BlkifLayout blkif_layout_x86_32 = {
    .slot_size = 108,
    .id = 4,
    .sector = 12,
    .segments = 20,
    .discard_count = 20,
    .indirect_refs = 24,
    .response_size = 12,
};

void blkif_decode_segments(const uint8_t *bytes, unsigned count, BlkifSegment *segments)
{
    for (unsigned i = 0; i < count; i++, bytes += BLKIF_SEGMENT_SIZE) {
        segments[i] = (BlkifSegment){load_le32(bytes), bytes[4], bytes[5]};
    }
}

static void decode_indirect(const BlkifLayout *layout, const uint8_t *slot, BlkifRequest *request)
{
    request->indirect = true;
    request->operation = slot[OFFSET_COUNT];
    request->segment_count = load_le16(slot + OFFSET_INDIRECT_COUNT);
    for (unsigned i = 0; i < BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST; i++) {
        request->indirect_refs[i] = load_le32(slot + layout->indirect_refs + 4 * i);
    }
}

void blkif_decode(const BlkifLayout *layout, const uint8_t *slot, BlkifRequest *request)
{
    request->operation = slot[OFFSET_OPERATION];
    request->indirect = request->secure = false;
    request->id = load_le64(slot + layout->id);
    request->sector = load_le64(slot + layout->sector);
    request->sector_count = request->segment_count = 0;
    if (request->operation == BLKIF_OP_INDIRECT) {
        decode_indirect(layout, slot, request);
    } else if (request->operation == BLKIF_OP_DISCARD) {
        request->secure = slot[OFFSET_COUNT] & BLKIF_DISCARD_SECURE;
        request->sector_count = load_le64(slot + layout->discard_count);
    } else {
        request->segment_count = slot[OFFSET_COUNT];
        blkif_decode_segments(slot + layout->segments,
                              MIN(request->segment_count, BLKIF_DIRECT_SEGMENTS),
                              request->segments);
    }
}

void blkif_encode_response(const BlkifLayout *layout, uint8_t *slot, uint64_t id, uint8_t operation,
                           int16_t status)
{
    memset(slot, 0, layout->response_size);
    store_le64(slot, id);
    slot[8] = operation;
    store_le16(slot + 10, (uint16_t)status);
}
