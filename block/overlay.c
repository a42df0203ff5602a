/*
 * snapshot=on: a node whose writes go to a temporary file and are gone at exit. The file has no
 * name; a bitmap in memory says which clusters are in it, all others are read from the node below.
 *
 * A write to a cluster that is not there yet holds the whole cluster: what the write does not cover
 * is copied from below first, and nobody else may do the same meanwhile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"
#include "block/range_lock.h"
#include "util/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CLUSTER_SIZE UINT64_C(4096)

typedef struct {
    int fd;
    uint8_t *bitmap; /* a bit a cluster */
    size_t bitmap_size;
    RangeLock ranges;
} OverlayState;

static bool is_present(const OverlayState *overlay, uint64_t cluster)
{
    return __atomic_load_n(&overlay->bitmap[cluster / 8], __ATOMIC_ACQUIRE) & (1u << cluster % 8);
}

static void mark_present(OverlayState *overlay, uint64_t cluster)
{
    __atomic_fetch_or(&overlay->bitmap[cluster / 8], (uint8_t)(1u << cluster % 8),
                      __ATOMIC_RELEASE);
}

static void start_file_task(OverlayState *overlay, BlockEngine *engine, EngineTask *task,
                            EngineTaskKind kind, uint64_t offset, const struct iovec *vector,
                            unsigned count, void (*done)(EngineTask *task, int64_t result))
{
    *task = (EngineTask){
        .kind = kind,
        .fd = overlay->fd,
        .offset = offset,
        .length = vector_length(vector, count),
        .vector = vector,
        .count = count,
        .done = done,
    };
    engine_submit(engine, task);
}

/* ---- read ---- */

typedef struct OverlayRead OverlayRead;

/* A run of clusters that are all here or all below. */
typedef struct {
    OverlayRead *read;
    uint64_t offset, length;
    struct iovec *vector;
    unsigned count;
    BlockOperation below;
    EngineTask task;
} ReadRun;

struct OverlayRead {
    BlockOperation *outer;
    unsigned pending;
    int result;
    GPtrArray *runs;
};

static void run_free(gpointer data)
{
    ReadRun *run = data;

    g_free(run->vector);
    g_free(run);
}

static void run_done(ReadRun *run, int result)
{
    OverlayRead *read = run->read;

    if (result < 0) {
        read->result = result;
    }
    if (--read->pending > 0) {
        return;
    }
    BlockOperation *outer = read->outer;
    result = read->result;
    g_ptr_array_unref(read->runs);
    g_free(read);
    block_operation_done(outer, result);
}

static void below_read(BlockOperation *operation, int result)
{
    run_done(operation->opaque, result);
}

static void here_read(EngineTask *task, int64_t result)
{
    ReadRun *run = (ReadRun *)((char *)task - G_STRUCT_OFFSET(ReadRun, task));

    if (result >= 0 && (uint64_t)result < run->length) {
        vector_fill_zero(run->vector, run->count, (uint64_t)result, run->length - (uint64_t)result);
    }
    run_done(run, result < 0 ? (int)result : 0);
}

static void start_run(BlockNode *node, ReadRun *run)
{
    OverlayState *overlay = node->state;
    BlockEngine *engine = run->read->outer->engine;

    if (is_present(overlay, run->offset / CLUSTER_SIZE)) {
        start_file_task(overlay, engine, &run->task, ENGINE_READ, run->offset, run->vector,
                        run->count, here_read);
        return;
    }
    run->below = (BlockOperation){
        .kind = BLOCK_OPERATION_READ,
        .offset = run->offset,
        .length = run->length,
        .vector = run->vector,
        .count = run->count,
        .engine = engine,
        .done = below_read,
        .opaque = run,
    };
    block_node_submit(node->child->node, &run->below);
}

/* How far from @offset on, at most to @end, the clusters are alike. */
static uint64_t end_of_run(const OverlayState *overlay, uint64_t offset, uint64_t end)
{
    uint64_t cluster = offset / CLUSTER_SIZE;
    bool present = is_present(overlay, cluster);

    do {
        cluster++;
    } while (cluster * CLUSTER_SIZE < end && is_present(overlay, cluster) == present);
    return MIN(cluster * CLUSTER_SIZE, end);
}

static void submit_read(BlockNode *node, BlockOperation *operation)
{
    OverlayState *overlay = node->state;
    OverlayRead *read = g_new0(OverlayRead, 1);
    uint64_t end = operation->offset + operation->length;
    uint64_t at = operation->offset;

    read->outer = operation;
    read->runs = g_ptr_array_new_with_free_func(run_free);
    while (at < end) {
        ReadRun *run = g_new0(ReadRun, 1);
        run->read = read;
        run->offset = at;
        at = end_of_run(overlay, at, end);
        run->length = at - run->offset;
        run->vector = vector_slice(operation->vector, operation->count,
                                   run->offset - operation->offset, run->length, &run->count);
        g_ptr_array_add(read->runs, run);
    }
    read->pending = read->runs->len;
    for (unsigned i = 0, count = read->runs->len; i < count; i++) {
        start_run(node, g_ptr_array_index(read->runs, i));
    }
}

/* ---- write ---- */

typedef struct {
    BlockOperation *outer;
    BlockNode *node;
    RangeHold hold;
    bool held;
    struct {
        uint64_t offset, length;
    } gaps[2]; /* of the first and last cluster, not covered by the write and not here yet */
    unsigned gap_count, gap;
    BlockOperation below;
    EngineTask task;
    struct iovec vector;
    uint8_t buffer[CLUSTER_SIZE];
} OverlayWrite;

static OverlayState *overlay_of(const OverlayWrite *write)
{
    return write->node->state;
}

static OverlayWrite *write_of_task(EngineTask *task)
{
    return (OverlayWrite *)((char *)task - G_STRUCT_OFFSET(OverlayWrite, task));
}

static void end_write(OverlayWrite *write, int result)
{
    BlockOperation *outer = write->outer;

    if (write->held) {
        range_lock_release(&overlay_of(write)->ranges, &write->hold);
    }
    g_free(write);
    block_operation_done(outer, result);
}

static void data_written(EngineTask *task, int64_t result)
{
    OverlayWrite *write = write_of_task(task);
    const BlockOperation *outer = write->outer;

    if (result >= 0 && write->held) {
        uint64_t last = (outer->offset + outer->length - 1) / CLUSTER_SIZE;
        for (uint64_t cluster = outer->offset / CLUSTER_SIZE; cluster <= last; cluster++) {
            mark_present(overlay_of(write), cluster);
        }
    }
    end_write(write, result < 0 ? (int)result : 0);
}

static void next_step(OverlayWrite *write);

static void gap_written(EngineTask *task, int64_t result)
{
    OverlayWrite *write = write_of_task(task);

    if (result < 0) {
        end_write(write, (int)result);
        return;
    }
    write->gap++;
    next_step(write);
}

static void gap_read(BlockOperation *operation, int result)
{
    OverlayWrite *write = operation->opaque;

    if (result < 0) {
        end_write(write, result);
        return;
    }
    start_file_task(overlay_of(write), write->outer->engine, &write->task, ENGINE_WRITE,
                    write->gaps[write->gap].offset, &write->vector, 1, gap_written);
}

static void copy_gap(OverlayWrite *write)
{
    write->vector =
        (struct iovec){.iov_base = write->buffer, .iov_len = write->gaps[write->gap].length};
    write->below = (BlockOperation){
        .kind = BLOCK_OPERATION_READ,
        .offset = write->gaps[write->gap].offset,
        .length = write->gaps[write->gap].length,
        .vector = &write->vector,
        .count = 1,
        .engine = write->outer->engine,
        .done = gap_read,
        .opaque = write,
    };
    block_node_submit(write->node->child->node, &write->below);
}

static void next_step(OverlayWrite *write)
{
    const BlockOperation *outer = write->outer;

    if (write->gap < write->gap_count) {
        copy_gap(write);
        return;
    }
    start_file_task(overlay_of(write), outer->engine, &write->task, ENGINE_WRITE, outer->offset,
                    outer->vector, outer->count, data_written);
}

static void add_gap(OverlayWrite *write, uint64_t start, uint64_t end)
{
    end = MIN(end, write->node->length);
    if (start < end && !is_present(overlay_of(write), start / CLUSTER_SIZE)) {
        write->gaps[write->gap_count].offset = start;
        write->gaps[write->gap_count++].length = end - start;
    }
}

static void start_write(OverlayWrite *write)
{
    uint64_t start = write->outer->offset, end = start + write->outer->length;

    if (write->held) {
        add_gap(write, write->hold.start, start);
        add_gap(write, end, write->hold.end);
    }
    next_step(write);
}

static void hold_granted(EngineTask *task, int64_t result)
{
    start_write(write_of_task(task));
}

static void hold_ready(RangeHold *hold)
{
    OverlayWrite *write = (OverlayWrite *)((char *)hold - G_STRUCT_OFFSET(OverlayWrite, hold));

    write->task = (EngineTask){.done = hold_granted};
    engine_finish_later(write->outer->engine, &write->task, 0);
}

static bool all_present(const OverlayState *overlay, uint64_t start, uint64_t end)
{
    for (uint64_t cluster = start / CLUSTER_SIZE; cluster * CLUSTER_SIZE < end; cluster++) {
        if (!is_present(overlay, cluster)) {
            return false;
        }
    }
    return true;
}

static void submit_write(BlockNode *node, BlockOperation *operation)
{
    OverlayState *overlay = node->state;
    OverlayWrite *write = g_new0(OverlayWrite, 1);
    uint64_t start = operation->offset, end = start + operation->length;

    write->outer = operation;
    write->node = node;
    if (all_present(overlay, start, end)) {
        start_write(write);
        return;
    }
    write->held = true;
    write->hold = (RangeHold){
        .start = start / CLUSTER_SIZE * CLUSTER_SIZE,
        .end = (end + CLUSTER_SIZE - 1) / CLUSTER_SIZE * CLUSTER_SIZE,
        .exclusive = true,
        .ready = hold_ready,
    };
    if (range_lock_acquire(&overlay->ranges, &write->hold)) {
        start_write(write);
    }
}

/* ---- the driver ---- */

static void overlay_submit(BlockNode *node, BlockOperation *operation)
{
    switch (operation->kind) {
    case BLOCK_OPERATION_READ:
        submit_read(node, operation);
        break;
    case BLOCK_OPERATION_WRITE:
        submit_write(node, operation);
        break;
    case BLOCK_OPERATION_WRITE_ZEROES:
        block_operation_emulate_zeroes(node, operation);
        break;
    case BLOCK_OPERATION_DISCARD:
    case BLOCK_OPERATION_FLUSH: /* nothing outlives the process */
        block_operation_done_later(operation, 0);
        break;
    }
}

static void overlay_close(BlockNode *node)
{
    OverlayState *overlay = node->state;

    close(overlay->fd);
    munmap(overlay->bitmap, overlay->bitmap_size);
    range_lock_clear(&overlay->ranges);
}

static uint64_t overlay_length(BlockNode *node)
{
    return node->length;
}

static void overlay_child_permissions(BlockNode *node, unsigned permissions, unsigned shared,
                                      unsigned *child_permissions, unsigned *child_shared)
{
    *child_permissions = BLOCK_PERMISSION_READ;
    *child_shared = BLOCK_PERMISSION_READ | BLOCK_PERMISSION_WRITE_UNCHANGED;
}

const BlockDriver block_driver_overlay = {
    .name = "overlay",
    .one_thread = true,
    .state_size = sizeof(OverlayState),
    .close = overlay_close,
    .length = overlay_length,
    .submit = overlay_submit,
    .child_permissions = overlay_child_permissions,
};

static int open_temporary(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0) {
        return fd;
    }
    g_autofree char *path = g_build_filename(directory, "xenolith-XXXXXX", NULL);
    fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    unlink(path);
    return fd;
}

static bool set_up_state(BlockNode *node, OverlayState *overlay, GError **error)
{
    const char *directory = g_getenv("TMPDIR") ? g_getenv("TMPDIR") : "/var/tmp";
    uint64_t clusters = node->length / CLUSTER_SIZE + 1;

    overlay->bitmap_size = clusters / 8 + 1;
    overlay->bitmap = mmap(NULL, overlay->bitmap_size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (overlay->bitmap == MAP_FAILED) {
        return error_set_errno(error, errno, "Could not create temporary overlay of '%s'",
                               node->filename);
    }
    overlay->fd = open_temporary(directory);
    if (overlay->fd < 0) {
        munmap(overlay->bitmap, overlay->bitmap_size);
        return error_set_errno(error, -overlay->fd, "Could not create temporary overlay in '%s'",
                               directory);
    }
    range_lock_init(&overlay->ranges);
    return true;
}

static bool link_base(BlockNode *node, BlockNode *base, GError **error)
{
    g_autofree char *user = g_strdup_printf("node '%s'", node->name);
    unsigned permissions, shared;

    overlay_child_permissions(node, 0, 0, &permissions, &shared);
    node->child = block_link_new(base, node, "backing", user, permissions, shared, error);
    return node->child != NULL;
}

BlockNode *block_open_overlay(BlockNode *base, const char *name, GError **error)
{
    BlockNode *node = block_node_new(&block_driver_overlay, name, error);

    if (!node) {
        return NULL;
    }
    node->length = base->length;
    node->filename = (g_free(node->filename), g_strdup(base->filename));
    OverlayState *overlay = g_new0(OverlayState, 1);
    if (!set_up_state(node, overlay, error)) {
        g_free(overlay);
        block_node_unref(node);
        return NULL;
    }
    node->state = overlay;
    if (!link_base(node, base, error)) {
        block_node_unref(node);
        return NULL;
    }
    return node;
}
