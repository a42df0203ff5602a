/*
 * Reads, writes, zeroes, discards and flushes of a file or device. O_DIRECT descriptors come by
 * file_direct.c first.
 *
 * Source: pwritev2(2), fallocate(2), linux/fs.h (BLKDISCARD).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

static BlockOperation *operation_of(EngineTask *task)
{
    return (BlockOperation *)((char *)task - G_STRUCT_OFFSET(BlockOperation, task));
}

static FileState *file_of(EngineTask *task)
{
    return operation_of(task)->node->state;
}

static void start(BlockNode *node, BlockOperation *operation, EngineTaskKind kind,
                  void (*done)(EngineTask *task, int64_t result))
{
    FileState *file = node->state;

    operation->task = (EngineTask){
        .kind = kind,
        .flags = file->task_flags,
        .fd = file->fd,
        .offset = operation->offset,
        .length = operation->length,
        .vector = operation->vector,
        .count = operation->count,
        .done = done,
    };
}

static void submit(BlockOperation *operation)
{
    engine_submit(operation->engine, &operation->task);
}

static void note_written(FileState *file)
{
    __atomic_add_fetch(&file->written, 1, __ATOMIC_SEQ_CST);
}

static bool is_unsupported(int64_t result)
{
    return result == -EOPNOTSUPP || result == -ENOTTY || result == -ENODEV || result == -ENOSYS ||
           result == -EINVAL;
}

/* ---- read ---- */

/* The rest of a last sector that is not whole reads as zeroes; anything else beyond the end is an
 * error. */
int file_end_of_read(FileState *file, BlockOperation *operation, uint64_t moved)
{
    uint64_t length = file_length(file);
    uint64_t sectors = length / BLOCK_SECTOR_SIZE + (length % BLOCK_SECTOR_SIZE != 0);
    uint64_t reached = operation->offset + moved;

    if (reached < length || operation->offset + operation->length > sectors * BLOCK_SECTOR_SIZE) {
        return -EIO;
    }
    vector_fill_zero(operation->vector, operation->count, moved, operation->length - moved);
    return 0;
}

static void read_done(EngineTask *task, int64_t result)
{
    BlockOperation *operation = operation_of(task);

    if (result >= 0 && (uint64_t)result < operation->length) {
        result = file_end_of_read(file_of(task), operation, (uint64_t)result);
    }
    block_operation_done(operation, result < 0 ? (int)result : 0);
}

/* ---- flush ---- */

static void flush_done(EngineTask *task, int64_t result)
{
    BlockOperation *operation = operation_of(task);
    FileState *file = file_of(task);

    pthread_mutex_lock(&file->mutex);
    if (result == 0) {
        file->flushed = MAX(file->flushed, (uint64_t)(uintptr_t)operation->state);
    } else if (result == -EINVAL || result == -EROFS) {
        result = 0; /* a character device or the like has nothing to flush */
    } else if (!(file->task_flags & ENGINE_DIRECT)) {
        file->flush_error = (int)result;
    }
    pthread_mutex_unlock(&file->mutex);
    block_operation_done(operation, (int)result);
}

static void start_flush(BlockNode *node, BlockOperation *operation)
{
    FileState *file = node->state;

    pthread_mutex_lock(&file->mutex);
    uint64_t written = __atomic_load_n(&file->written, __ATOMIC_SEQ_CST);
    int known = file->flush_error;
    bool clean = file->flushed == written;
    operation->state = (void *)(uintptr_t)written;
    pthread_mutex_unlock(&file->mutex);
    if (known || clean) {
        block_operation_done_later(operation, known);
        return;
    }
    start(node, operation, ENGINE_SYNC, flush_done);
    submit(operation);
}

/* ---- write ---- */

/* The end of a write that was to be durable, on a host that cannot do both at once. */
static void synced_after_write(EngineTask *task, int64_t result)
{
    block_operation_done(operation_of(task), (int)result);
}

static void change_done(BlockNode *node, BlockOperation *operation, int64_t result)
{
    FileState *file = node->state;

    if (result < 0) {
        block_operation_done(operation, (int)result);
        return;
    }
    note_written(file);
    if (!(operation->flags & BLOCK_WRITE_FUA) || node->no_flush) {
        block_operation_done(operation, 0);
        return;
    }
    start(node, operation, ENGINE_SYNC, synced_after_write);
    submit(operation);
}

static void write_done(EngineTask *task, int64_t result)
{
    BlockOperation *operation = operation_of(task);
    FileState *file = file_of(task);
    bool durable = task->flags & ENGINE_DURABLE;

    if (durable && result == -EOPNOTSUPP) {
        pthread_mutex_lock(&file->mutex);
        file->lacks_durable_write = true;
        pthread_mutex_unlock(&file->mutex);
        file_start_change(operation->node, operation);
        return;
    }
    if (durable && result >= 0) {
        note_written(file); /* earlier writes may still have to be flushed; this one is durable */
        block_operation_done(operation, 0);
        return;
    }
    change_done(operation->node, operation, result);
}

static void start_data_write(BlockNode *node, BlockOperation *operation)
{
    FileState *file = node->state;

    start(node, operation, ENGINE_WRITE, write_done);
    if ((operation->flags & BLOCK_WRITE_FUA) && !node->no_flush) {
        pthread_mutex_lock(&file->mutex);
        bool lacks = file->lacks_durable_write;
        pthread_mutex_unlock(&file->mutex);
        operation->task.flags |= lacks ? 0 : ENGINE_DURABLE;
    }
    submit(operation);
}

/* ---- zeroes ---- */

static void start_zeroes(BlockNode *node, BlockOperation *operation);

static void zeroes_done(EngineTask *task, int64_t result)
{
    BlockOperation *operation = operation_of(task);
    FileState *file = file_of(task);

    if (!is_unsupported(result)) {
        change_done(operation->node, operation, result);
        return;
    }
    pthread_mutex_lock(&file->mutex);
    if (task->mode & FALLOC_FL_PUNCH_HOLE) {
        file->lacks_punch_hole = true;
    } else {
        file->lacks_zero_range = true;
    }
    pthread_mutex_unlock(&file->mutex);
    start_zeroes(operation->node, operation);
}

/* The kernel's cheapest way first, then the next; at last zeroes as data. */
static void start_zeroes(BlockNode *node, BlockOperation *operation)
{
    FileState *file = node->state;

    pthread_mutex_lock(&file->mutex);
    bool punch = (operation->flags & BLOCK_WRITE_MAY_UNMAP) && !file->lacks_punch_hole;
    bool zero = !file->lacks_zero_range;
    pthread_mutex_unlock(&file->mutex);
    if (!punch && !zero) {
        if (file->alignment > 1) {
            block_operation_done_later(operation, -ENOTSUP); /* file_direct.c holds the range */
        } else {
            block_operation_emulate_zeroes(node, operation);
        }
        return;
    }
    start(node, operation, ENGINE_ALLOCATE, zeroes_done);
    operation->task.mode =
        punch ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : FALLOC_FL_ZERO_RANGE;
    submit(operation);
}

/* ---- discard ---- */

static int64_t discard_device(EngineTask *task)
{
    uint64_t range[2] = {task->offset, task->length};

    return ioctl(task->fd, BLKDISCARD, range) < 0 ? -errno : 0;
}

/* A discard is a hint: a host that cannot do it is no error. */
static void discard_done(EngineTask *task, int64_t result)
{
    BlockOperation *operation = operation_of(task);

    if (is_unsupported(result)) {
        block_operation_done(operation, 0);
        return;
    }
    change_done(operation->node, operation, result);
}

static void start_discard(BlockNode *node, BlockOperation *operation)
{
    FileState *file = node->state;

    start(node, operation, file->is_regular ? ENGINE_ALLOCATE : ENGINE_CALL, discard_done);
    operation->task.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    operation->task.call = discard_device;
    submit(operation);
}

/* ---- all of them ---- */

void file_start_change(BlockNode *node, BlockOperation *operation)
{
    switch (operation->kind) {
    case BLOCK_OPERATION_WRITE:
        start_data_write(node, operation);
        break;
    case BLOCK_OPERATION_WRITE_ZEROES:
        start_zeroes(node, operation);
        break;
    case BLOCK_OPERATION_DISCARD:
        start_discard(node, operation);
        break;
    case BLOCK_OPERATION_READ:
    case BLOCK_OPERATION_FLUSH:
        break;
    }
}

void file_start_read(BlockNode *node, BlockOperation *operation)
{
    start(node, operation, ENGINE_READ, read_done);
    submit(operation);
}

void file_submit(BlockNode *node, BlockOperation *operation)
{
    FileState *file = node->state;

    if (operation->kind == BLOCK_OPERATION_FLUSH) {
        start_flush(node, operation);
    } else if (file->alignment > 1) {
        file_direct_submit(node, operation);
    } else if (operation->kind == BLOCK_OPERATION_READ) {
        file_start_read(node, operation);
    } else {
        file_start_change(node, operation);
    }
}
