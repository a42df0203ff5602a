/*
 * Helpers on scatter-gather vectors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"

#include <string.h>

uint64_t vector_length(const struct iovec *vector, unsigned count)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++) {
        if (__builtin_add_overflow(sum, (uint64_t)vector[i].iov_len, &sum)) {
            return UINT64_MAX;
        }
    }
    return sum;
}

static bool bytes_are_zero(const uint8_t *bytes, size_t length)
{
    /* Each byte equals the one before it, and the first is 0. */
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

bool vector_is_zero(const struct iovec *vector, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!bytes_are_zero(vector[i].iov_base, vector[i].iov_len)) {
            return false;
        }
    }
    return true;
}

/* Calls for each piece of @length bytes of the vector from @offset on. */
typedef void (*PieceVisitor)(uint8_t *piece, uint64_t length, uint64_t position, void *opaque);

static void visit_pieces(const struct iovec *vector, unsigned count, uint64_t offset,
                         uint64_t length, PieceVisitor visit, void *opaque)
{
    uint64_t position = 0;

    for (unsigned i = 0; i < count && position < length; i++) {
        uint64_t size = vector[i].iov_len;
        if (offset >= size) {
            offset -= size;
            continue;
        }
        uint64_t take = MIN(size - offset, length - position);
        visit((uint8_t *)vector[i].iov_base + offset, take, position, opaque);
        position += take;
        offset = 0;
    }
}

static void piece_to_buffer(uint8_t *piece, uint64_t length, uint64_t position, void *opaque)
{
    memcpy((uint8_t *)opaque + position, piece, length);
}

void vector_copy_out(const struct iovec *vector, unsigned count, uint64_t offset, void *buffer,
                     uint64_t length)
{
    visit_pieces(vector, count, offset, length, piece_to_buffer, buffer);
}

typedef struct {
    const uint8_t *bytes;
} Source;

static void piece_from_buffer(uint8_t *piece, uint64_t length, uint64_t position, void *opaque)
{
    memcpy(piece, ((Source *)opaque)->bytes + position, length);
}

void vector_copy_in(const struct iovec *vector, unsigned count, uint64_t offset, const void *buffer,
                    uint64_t length)
{
    Source source = {buffer};

    visit_pieces(vector, count, offset, length, piece_from_buffer, &source);
}

static void piece_zero(uint8_t *piece, uint64_t length, uint64_t position, void *opaque)
{
    memset(piece, 0, length);
}

void vector_fill_zero(const struct iovec *vector, unsigned count, uint64_t offset, uint64_t length)
{
    visit_pieces(vector, count, offset, length, piece_zero, NULL);
}

typedef struct {
    struct iovec *vector;
    unsigned count;
} Slice;

static void piece_to_slice(uint8_t *piece, uint64_t length, uint64_t position, void *opaque)
{
    Slice *slice = opaque;

    slice->vector[slice->count++] = (struct iovec){.iov_base = piece, .iov_len = length};
}

struct iovec *vector_slice(const struct iovec *vector, unsigned count, uint64_t offset,
                           uint64_t length, unsigned *slice_count)
{
    Slice slice = {.vector = g_new(struct iovec, MAX(count, 1))};

    visit_pieces(vector, count, offset, length, piece_to_slice, &slice);
    *slice_count = slice.count;
    return slice.vector;
}
