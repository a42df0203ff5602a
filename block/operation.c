/*
 * Operations: the checks every node makes, and what a driver leaves to be done in general (zero
 * detection, zeroes written as data).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"
#include "util/bytes.h"

#include <errno.h>

/* Zeroes are written from one small buffer named again and again. */
#define ZERO_BUFFER_SIZE (64 * KiB)
#define ZERO_VECTOR_MAX  256

static uint8_t zero_buffer[ZERO_BUFFER_SIZE] __attribute__((aligned(4096)));

void block_operation_done(BlockOperation *operation, int result)
{
    operation->done(operation, result);
}

static void known_result(EngineTask *task, int64_t result)
{
    BlockOperation *operation =
        (BlockOperation *)((char *)task - G_STRUCT_OFFSET(BlockOperation, task));

    operation->done(operation, (int)result);
}

void block_operation_done_later(BlockOperation *operation, int result)
{
    operation->task.done = known_result;
    engine_finish_later(operation->engine, &operation->task, result);
}

static int check(const BlockNode *node, const BlockOperation *operation)
{
    if (operation->kind == BLOCK_OPERATION_FLUSH) {
        return 0;
    }

    uint64_t end = __atomic_load_n(&node->length, __ATOMIC_RELAXED);

    if (operation->length > end || operation->offset > end - operation->length) {
        return -EIO;
    }
    if (operation->kind != BLOCK_OPERATION_READ && node->read_only) {
        return -EPERM;
    }
    return 0;
}

static void detect_zeroes(const BlockNode *node, BlockOperation *operation)
{
    if (node->detect_zeroes == DETECT_ZEROES_OFF || operation->kind != BLOCK_OPERATION_WRITE ||
        !vector_is_zero(operation->vector, operation->count)) {
        return;
    }
    operation->kind = BLOCK_OPERATION_WRITE_ZEROES;
    if (node->detect_zeroes == DETECT_ZEROES_UNMAP) {
        operation->flags |= BLOCK_WRITE_MAY_UNMAP;
    }
}

void block_node_submit(BlockNode *node, BlockOperation *operation)
{
    int result = check(node, operation);

    operation->node = node;
    detect_zeroes(node, operation);
    if (operation->kind == BLOCK_OPERATION_WRITE_ZEROES && !node->unmap) {
        operation->flags &= ~BLOCK_WRITE_MAY_UNMAP;
    }
    bool nothing = (operation->kind == BLOCK_OPERATION_DISCARD && !node->unmap) ||
                   (operation->kind == BLOCK_OPERATION_FLUSH && node->no_flush) ||
                   (operation->kind != BLOCK_OPERATION_FLUSH && operation->length == 0);
    if (result < 0 || nothing) {
        block_operation_done_later(operation, result);
        return;
    }
    node->driver->submit(node, operation);
}

/* ---- zeroes as data ---- */

typedef struct {
    BlockOperation write;
    BlockOperation *whole;
    BlockNode *node;
    uint64_t position;
    struct iovec vector[ZERO_VECTOR_MAX];
} ZeroWriter;

static void write_next_zeroes(ZeroWriter *writer)
{
    BlockOperation *whole = writer->whole;
    uint64_t length = MIN(whole->length - writer->position, ZERO_BUFFER_SIZE * ZERO_VECTOR_MAX);
    unsigned count = 0;

    for (uint64_t left = length; left > 0; count++) {
        size_t take = MIN(left, ZERO_BUFFER_SIZE);
        writer->vector[count] = (struct iovec){.iov_base = zero_buffer, .iov_len = take};
        left -= take;
    }
    writer->write.kind = BLOCK_OPERATION_WRITE;
    writer->write.flags = whole->flags & BLOCK_WRITE_FUA;
    writer->write.offset = whole->offset + writer->position;
    writer->write.length = length;
    writer->write.vector = writer->vector;
    writer->write.count = count;
    writer->write.engine = whole->engine;
    writer->write.node = writer->node;
    writer->position += length;
    /* Straight to the driver: zero detection would send it back here. */
    writer->node->driver->submit(writer->node, &writer->write);
}

static void zeroes_written(BlockOperation *write, int result)
{
    ZeroWriter *writer = write->opaque;

    if (result == 0 && writer->position < writer->whole->length) {
        write_next_zeroes(writer);
        return;
    }
    BlockOperation *whole = writer->whole;
    g_free(writer);
    block_operation_done(whole, result);
}

void block_operation_emulate_zeroes(BlockNode *node, BlockOperation *operation)
{
    ZeroWriter *writer = g_new0(ZeroWriter, 1);

    writer->whole = operation;
    writer->node = node;
    writer->write.done = zeroes_written;
    writer->write.opaque = writer;
    write_next_zeroes(writer);
}

/* ---- synchronous ---- */

typedef struct {
    bool finished;
    int result;
} Outcome;

static void note_outcome(BlockOperation *operation, int result)
{
    Outcome *outcome = operation->opaque;

    outcome->finished = true;
    outcome->result = result;
}

int block_node_run(BlockNode *node, BlockOperationKind kind, uint64_t offset, void *buffer,
                   uint64_t length)
{
    Outcome outcome = {false, 0};
    struct iovec vector = {.iov_base = buffer, .iov_len = length};
    BlockOperation operation = {
        .kind = kind,
        .offset = offset,
        .length = length,
        .vector = &vector,
        .count = buffer ? 1 : 0,
        .engine = engine_for_context(NULL),
        .done = note_outcome,
        .opaque = &outcome,
    };

    block_node_submit(node, &operation);
    while (!outcome.finished) {
        engine_poll(operation.engine, true);
    }
    engine_unref(operation.engine);
    return outcome.result;
}
