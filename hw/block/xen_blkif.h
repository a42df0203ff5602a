/*
 * The block protocol's structures in the two word sizes of front ends. Slots are copied out of the
 * shared ring first; nothing here looks at shared memory.
 *
 * Source: xen/io/blkif.h; the 32-bit layout is the i386 compiler's, with 64-bit members aligned
 * to 4.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_BLKIF_H
#define HW_BLOCK_XEN_BLKIF_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/xen/xen_abi.h"
#include <xen/io/blkif.h>

enum {
    BLKIF_DIRECT_SEGMENTS = BLKIF_MAX_SEGMENTS_PER_REQUEST,
    BLKIF_INDIRECT_SEGMENTS = 256, /* feature-max-indirect-segments */
    BLKIF_SEGMENT_SIZE = 8,        /* bytes, in a request and in an indirect page */
    BLKIF_SEGMENTS_PER_PAGE = 4096 / BLKIF_SEGMENT_SIZE,
    BLKIF_SLOT_MAX = 112, /* bytes of the larger layout's slot */
};

/* Byte offsets; what is the same in both is not here. */
typedef struct {
    unsigned slot_size;
    unsigned id, sector, segments; /* read, write, flush, barrier */
    unsigned discard_count;        /* discard */
    unsigned indirect_refs;        /* indirect */
    unsigned response_size;
} BlkifLayout;

extern const BlkifLayout blkif_layout_x86_64, blkif_layout_x86_32;

typedef struct {
    uint32_t ref;
    uint8_t first, last; /* sectors in the page, inclusive */
} BlkifSegment;

typedef struct {
    uint8_t operation; /* of an indirect request the inner one, which its response repeats */
    bool indirect;
    bool secure;            /* discard */
    uint16_t segment_count; /* unchecked */
    uint64_t id, sector, sector_count;
    BlkifSegment segments[BLKIF_DIRECT_SEGMENTS];
    uint32_t indirect_refs[BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST];
} BlkifRequest;

/** blkif_decode: @slot (slot_size bytes, a private copy) taken apart; nothing is checked. Of the
 * segments and references those that its operation has are set. */
void blkif_decode(const BlkifLayout *layout, const uint8_t *slot, BlkifRequest *request);
/** blkif_decode_segments: @count of them from an indirect page's copy. */
void blkif_decode_segments(const uint8_t *bytes, unsigned count, BlkifSegment *segments);
/** blkif_encode_response: response_size bytes into @slot. */
void blkif_encode_response(const BlkifLayout *layout, uint8_t *slot, uint64_t id, uint8_t operation,
                           int16_t status);

#endif
