/*
 * Protocols "null-co" and "null-aio": a disk with nothing behind it, for tests and measurements.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"
#include "util/bytes.h"

#define DEFAULT_SIZE GiB

typedef struct {
    uint64_t size;       /* bytes */
    uint64_t latency_ns; /* of every operation */
    bool read_zeroes;    /* off: a read leaves the memory as it is */
} NullState;

static const char *const null_options[] = {"size", "latency-ns", "read-zeroes", "filename", NULL};

static bool null_open(BlockNode *node, JsonObject *object, const BlockOpenContext *context,
                      GError **error)
{
    NullState *null = node->state;
    g_autoptr(OptionReader) reader = option_reader_new(object, NULL);

    null->size = DEFAULT_SIZE;
    if (!option_get_size(reader, "size", 1, &null->size, error) ||
        !option_get_uint(reader, "latency-ns", 0, INT64_MAX / 2, &null->latency_ns, error) ||
        !option_get_bool(reader, "read-zeroes", &null->read_zeroes, error)) {
        return false;
    }
    null->size = MIN(null->size, INT64_MAX & ~(uint64_t)(BLOCK_SECTOR_SIZE - 1));
    node->length = null->size;
    return true;
}

static void null_close(BlockNode *node)
{
}

static uint64_t null_length(BlockNode *node)
{
    return ((NullState *)node->state)->size;
}

static void null_done(EngineTask *task, int64_t result)
{
    BlockOperation *operation =
        (BlockOperation *)((char *)task - G_STRUCT_OFFSET(BlockOperation, task));

    block_operation_done(operation, (int)result);
}

static void null_submit(BlockNode *node, BlockOperation *operation)
{
    NullState *null = node->state;

    if (operation->kind == BLOCK_OPERATION_READ && null->read_zeroes) {
        vector_fill_zero(operation->vector, operation->count, 0, operation->length);
    }
    if (null->latency_ns == 0) {
        block_operation_done_later(operation, 0);
        return;
    }
    operation->task = (EngineTask){.done = null_done};
    engine_finish_after(operation->engine, &operation->task, (int64_t)null->latency_ns, 0);
}

#define NULL_DRIVER(its_name)                                                                      \
    {                                                                                              \
        .name = its_name, .is_protocol = true, .options = null_options,                            \
        .state_size = sizeof(NullState), .open = null_open, .close = null_close,                   \
        .length = null_length, .submit = null_submit,                                              \
    }

const BlockDriver block_driver_null_co = NULL_DRIVER("null-co");
const BlockDriver block_driver_null_aio = NULL_DRIVER("null-aio");
