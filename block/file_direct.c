/*
 * O_DIRECT: what does not fit the descriptor's alignment goes through a bounce buffer; a write of
 * part of a block reads the block first, and nothing else may change that block meanwhile.
 *
 * Source: open(2), "O_DIRECT"; statx(2), "STATX_DIOALIGN".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    BlockOperation *outer;
    BlockOperation inner; /* what the file sees of a change */
    BlockNode *node;
    RangeHold hold;
    EngineTask task;     /* the bounced read, or the wait for the hold */
    uint64_t start, end; /* of the outer's range, aligned */
    uint8_t *bounce;
    struct iovec vector; /* of the bounce buffer */
} DirectRequest;

static FileState *file_of(const DirectRequest *request)
{
    return request->node->state;
}

static DirectRequest *request_of_task(EngineTask *task)
{
    return (DirectRequest *)((char *)task - G_STRUCT_OFFSET(DirectRequest, task));
}

static bool range_fits(const DirectRequest *request)
{
    return request->start == request->outer->offset &&
           request->end == request->outer->offset + request->outer->length;
}

static bool memory_fits(const FileState *file, const BlockOperation *operation)
{
    for (unsigned i = 0; i < operation->count; i++) {
        if ((uintptr_t)operation->vector[i].iov_base % file->memory_alignment ||
            operation->vector[i].iov_len % file->alignment) {
            return false;
        }
    }
    return true;
}

static bool make_bounce(DirectRequest *request)
{
    uint64_t length = request->end - request->start;
    void *memory;

    if (posix_memalign(&memory, MAX(file_of(request)->memory_alignment, 512), length) != 0) {
        return false;
    }
    request->bounce = memory;
    request->vector = (struct iovec){.iov_base = memory, .iov_len = length};
    return true;
}

static void read_bounced(DirectRequest *request, void (*done)(EngineTask *task, int64_t result))
{
    FileState *file = file_of(request);

    request->task = (EngineTask){
        .kind = ENGINE_READ,
        .flags = file->task_flags,
        .fd = file->fd,
        .offset = request->start,
        .length = request->end - request->start,
        .vector = &request->vector,
        .count = 1,
        .done = done,
    };
    engine_submit(request->outer->engine, &request->task);
}

static void free_request(DirectRequest *request)
{
    free(request->bounce);
    g_free(request);
}

/* ---- read ---- */

static void bounced_read_done(EngineTask *task, int64_t result)
{
    DirectRequest *request = request_of_task(task);
    BlockOperation *outer = request->outer;
    uint64_t head = outer->offset - request->start;

    if (result >= 0) {
        uint64_t moved = (uint64_t)result > head ? (uint64_t)result - head : 0;
        moved = MIN(moved, outer->length);
        vector_copy_in(outer->vector, outer->count, 0, request->bounce + head, moved);
        result = moved < outer->length ? file_end_of_read(file_of(request), outer, moved) : 0;
    }
    free_request(request);
    block_operation_done(outer, (int)result);
}

/* ---- change ---- */

static void end_change(DirectRequest *request, int result)
{
    BlockOperation *outer = request->outer;
    BlockNode *node = request->node;

    range_lock_release(&file_of(request)->ranges, &request->hold);
    free_request(request);
    if (outer->kind == BLOCK_OPERATION_WRITE_ZEROES && result == -ENOTSUP) {
        block_operation_emulate_zeroes(node, outer);
        return;
    }
    block_operation_done(outer, result);
}

static void inner_done(BlockOperation *inner, int result)
{
    end_change(inner->opaque, result);
}

static void start_inner(DirectRequest *request)
{
    BlockOperation *inner = &request->inner;

    *inner = *request->outer;
    inner->done = inner_done;
    inner->opaque = request;
    if (request->bounce) {
        inner->offset = request->start;
        inner->length = request->end - request->start;
        inner->vector = &request->vector;
        inner->count = 1;
    }
    file_start_change(request->node, inner);
}

/* The file grew to whole blocks by the last write: back to where the outer's write ends. */
static void merged_write_done(BlockOperation *inner, int result)
{
    DirectRequest *request = inner->opaque;
    FileState *file = file_of(request);
    uint64_t wanted = request->outer->offset + request->outer->length;
    uint64_t before = (uint64_t)(uintptr_t)inner->state;

    wanted = MAX(wanted, before);
    if (result == 0 && file->is_regular && wanted < request->end &&
        ftruncate(file->fd, (off_t)wanted) < 0) {
        result = -errno;
    }
    end_change(request, result);
}

static void old_block_read(EngineTask *task, int64_t result)
{
    DirectRequest *request = request_of_task(task);
    BlockOperation *outer = request->outer;
    uint64_t length = request->end - request->start;

    if (result < 0) {
        end_change(request, (int)result);
        return;
    }
    memset(request->bounce + result, 0, length - (uint64_t)result);
    vector_copy_out(outer->vector, outer->count, 0,
                    request->bounce + (outer->offset - request->start), outer->length);
    uint64_t before = file_length(file_of(request));
    start_inner(request);
    request->inner.state = (void *)(uintptr_t)before;
    request->inner.done = merged_write_done;
}

static void start_change(DirectRequest *request)
{
    FileState *file = file_of(request);
    BlockOperation *outer = request->outer;

    if (outer->kind != BLOCK_OPERATION_WRITE || (range_fits(request) && memory_fits(file, outer))) {
        start_inner(request);
        return;
    }
    if (!make_bounce(request)) {
        range_lock_release(&file->ranges, &request->hold);
        g_free(request);
        block_operation_done_later(outer, -ENOMEM);
        return;
    }
    if (!range_fits(request)) {
        read_bounced(request, old_block_read);
        return;
    }
    vector_copy_out(outer->vector, outer->count, 0, request->bounce, outer->length);
    start_inner(request);
}

static void hold_granted(EngineTask *task, int64_t result)
{
    start_change(request_of_task(task));
}

/* From the release of another request, perhaps in another context: go on in our own. */
static void hold_ready(RangeHold *hold)
{
    DirectRequest *request = (DirectRequest *)((char *)hold - G_STRUCT_OFFSET(DirectRequest, hold));

    request->task.done = hold_granted;
    engine_finish_later(request->outer->engine, &request->task, 0);
}

static void submit_change(DirectRequest *request)
{
    bool partial = request->outer->kind == BLOCK_OPERATION_WRITE && !range_fits(request);

    request->hold = (RangeHold){
        .start = request->start, .end = request->end, .exclusive = partial, .ready = hold_ready};
    if (range_lock_acquire(&file_of(request)->ranges, &request->hold)) {
        start_change(request);
    }
}

static void submit_bounced_read(DirectRequest *request)
{
    BlockOperation *outer = request->outer;

    if (!make_bounce(request)) {
        g_free(request);
        block_operation_done_later(outer, -ENOMEM);
        return;
    }
    read_bounced(request, bounced_read_done);
}

void file_direct_submit(BlockNode *node, BlockOperation *operation)
{
    FileState *file = node->state;
    uint64_t mask = file->alignment - 1;
    DirectRequest *request = g_new0(DirectRequest, 1);

    request->outer = operation;
    request->node = node;
    request->start = operation->offset & ~mask;
    request->end = (operation->offset + operation->length + mask) & ~mask;
    if (operation->kind != BLOCK_OPERATION_READ) {
        submit_change(request);
    } else if (range_fits(request) && memory_fits(file, operation)) {
        g_free(request);
        file_start_read(node, operation);
    } else {
        submit_bounced_read(request);
    }
}
