/*
 * The steps of a request and the error policy: each step is one request to the block layer (pieces
 * of them for a secure discard).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>

#include "util/bytes.h"
#include "util/trace.h"
#include "xen_block_private.h"

TRACE_DEFINE(xen_block_step);
TRACE_DEFINE(xen_block_error);

#define OVERWRITE_PIECE  (1 * MiB)
#define OVERWRITE_PAGE   (64 * KiB)
#define OVERWRITE_VECTOR (OVERWRITE_PIECE / OVERWRITE_PAGE)

#define STEPS_FLUSH  (STEP_FLUSH_FIRST | STEP_FLUSH_LAST)
#define STEPS_CHANGE (STEP_WRITE | STEP_OVERWRITE | STEP_DISCARD)

static void step_done(void *opaque, int result);

/* ---- submitting ---- */

static void submit_flush(XenBlockRequest *request)
{
    block_flush(request->queue->target->backend, step_done, request);
}

static void submit_read(XenBlockRequest *request)
{
    block_readv(request->queue->target->backend, request->offset, request->vector,
                request->vector_count, step_done, request);
}

static void submit_write(XenBlockRequest *request)
{
    block_writev(request->queue->target->backend, request->offset, request->vector,
                 request->vector_count, request->durable ? BLOCK_WRITE_FUA : 0, step_done, request);
}

/* Written as data: a range that is only marked as zeroes keeps what it held on the medium. */
static void submit_overwrite(XenBlockRequest *request)
{
    static uint8_t zeroes[OVERWRITE_PAGE] __attribute__((aligned(4096)));
    struct iovec vector[OVERWRITE_VECTOR];
    uint64_t left = MIN(request->length - request->overwritten, OVERWRITE_PIECE);
    uint64_t offset = request->offset + request->overwritten;
    unsigned count = 0;

    request->overwritten += left;
    for (; left > 0; count++) {
        vector[count] = (struct iovec){zeroes, MIN(left, OVERWRITE_PAGE)};
        left -= vector[count].iov_len;
    }
    block_writev(request->queue->target->backend, offset, vector, count, 0, step_done, request);
}

static void submit_discard(XenBlockRequest *request)
{
    block_discard(request->queue->target->backend, request->offset, request->length, step_done,
                  request);
}

static const struct {
    uint8_t step;
    void (*submit)(XenBlockRequest *request);
} steps[] = {
    {STEP_FLUSH_FIRST, submit_flush}, {STEP_READ, submit_read},
    {STEP_WRITE, submit_write},       {STEP_OVERWRITE, submit_overwrite},
    {STEP_DISCARD, submit_discard},   {STEP_FLUSH_LAST, submit_flush},
};

static uint8_t current_step(const XenBlockRequest *request)
{
    return request->steps & -request->steps;
}

/*
 * Linux's front end takes an error for a flush as a disk that needs none, tells its writers that
 * all is well and never flushes again. What was lost is then told by the next write.
 */
static void note_flush(XenBlockRequest *request, bool failed)
{
    if (current_step(request) & STEPS_FLUSH) {
        __atomic_store_n(&request->queue->target->lost_data, failed, __ATOMIC_RELAXED);
    }
}

/* What another host has lost no flush of this one brings back. */
static bool is_refused(const XenBlockRequest *request, uint8_t step)
{
    const XenBlockTarget *target = request->queue->target;

    return ((step & STEPS_CHANGE) && __atomic_load_n(&target->lost_data, __ATOMIC_RELAXED)) ||
           ((step & STEPS_FLUSH) && target->lost_elsewhere);
}

void xen_block_request_run(XenBlockRequest *request)
{
    uint8_t step = current_step(request);

    if (is_refused(request, step)) {
        xen_block_queue_finish(request, BLKIF_RSP_ERROR);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (steps[i].step == step) {
            TRACE(xen_block_step,
                  "id %" G_GUINT64_FORMAT " step 0x%02x offset %" G_GUINT64_FORMAT
                  " length %" G_GUINT64_FORMAT,
                  (guint64)request->id, step, (guint64)request->offset, (guint64)request->length);
            steps[i].submit(request);
            return;
        }
    }
    xen_block_queue_finish(request, BLKIF_RSP_OKAY);
}

/* ---- ends ---- */

/* True if the request goes on as though nothing had happened. */
static bool handle_error(XenBlockRequest *request, int errnum)
{
    bool is_read = current_step(request) == STEP_READ;

    TRACE(xen_block_error, "id %" G_GUINT64_FORMAT " errno %d", (guint64)request->id, errnum);
    if (errnum == EOPNOTSUPP && current_step(request) == STEP_DISCARD) {
        xen_block_queue_finish(request, BLKIF_RSP_EOPNOTSUPP);
        return false;
    }
    /* No medium is nothing the host could repair while the machine waits. */
    BlockErrorAction action =
        errnum == ENOMEDIUM ? BLOCK_ERROR_REPORT
                            : block_error_action(request->queue->target->backend, is_read, errnum);
    switch (action) {
    case BLOCK_ERROR_IGNORE:
        return true;
    case BLOCK_ERROR_STOP:
        if (current_step(request) == STEP_OVERWRITE) {
            request->overwritten = 0;
        }
        xen_block_queue_postpone(request);
        return false;
    default:
        note_flush(request, true);
        xen_block_queue_finish(request, BLKIF_RSP_ERROR);
        return false;
    }
}

static void step_done(void *opaque, int result)
{
    XenBlockRequest *request = opaque;

    if (result < 0 && !handle_error(request, -result)) {
        return;
    }
    if (result == 0) {
        note_flush(request, false);
    }
    if (current_step(request) == STEP_OVERWRITE && request->overwritten < request->length) {
        /* A long one lets a drain go by. */
        if (__atomic_load_n(&request->queue->target->holds, __ATOMIC_ACQUIRE) > 0) {
            xen_block_queue_postpone(request);
            return;
        }
    } else {
        request->steps &= ~current_step(request);
    }
    xen_block_request_run(request);
}
