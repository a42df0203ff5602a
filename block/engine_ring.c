/*
 * io_uring: queue of tasks, submission in batches, completions, and the wait for them.
 *
 * Source: io_uring(7), io_uring_enter(2), liburing's man pages.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "config-host.h"
#include "block/engine_ring.h"

#include <errno.h>
#include <limits.h>

#ifdef CONFIG_IO_URING
#include "util/clock.h"

#include <liburing.h>
#include <poll.h>

#define RING_ENTRIES            128
#define RING_COMPLETION_ENTRIES 1024

struct EngineRing {
    struct io_uring ring;
    bool has_allocate;
    bool broken; /* io_uring_enter itself failed: only outstanding completions are taken */
    unsigned in_flight;
    unsigned prepared;       /* entries of the submission queue that the kernel has not taken */
    EngineTask *head, *tail; /* queued, the first @prepared of them are in the submission queue */
    EngineTask *first_unprepared;
};

EngineRing *ring_new(void)
{
    EngineRing *ring = g_new0(EngineRing, 1);
    struct io_uring_params params = {
        .flags = IORING_SETUP_CQSIZE,
        .cq_entries = RING_COMPLETION_ENTRIES,
    };

    if (io_uring_queue_init_params(RING_ENTRIES, &ring->ring, &params) < 0) {
        g_free(ring);
        return NULL;
    }
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->ring);
    if (probe) {
        ring->has_allocate = io_uring_opcode_supported(probe, IORING_OP_FALLOCATE);
        io_uring_free_probe(probe);
    }
    return ring;
}

void ring_free(EngineRing *ring)
{
    io_uring_queue_exit(&ring->ring);
    g_free(ring);
}

int ring_fd(EngineRing *ring)
{
    return ring->ring.ring_fd;
}

bool ring_can(EngineRing *ring, const EngineTask *task)
{
    if (ring->broken) {
        return false;
    }
    switch (task->kind) {
    case ENGINE_READ:
    case ENGINE_WRITE:
    case ENGINE_SYNC:
    case ENGINE_POLL:
    case ENGINE_POLL_CANCEL:
        return true;
    case ENGINE_ALLOCATE:
        return ring->has_allocate;
    case ENGINE_CALL:
        break;
    }
    return false;
}

void ring_queue(EngineRing *ring, EngineTask *task)
{
    task->next = NULL;
    if (ring->tail) {
        ring->tail->next = task;
    } else {
        ring->head = task;
    }
    ring->tail = task;
    if (!ring->first_unprepared) {
        ring->first_unprepared = task;
    }
}

static void prepare(struct io_uring_sqe *sqe, EngineTask *task)
{
    unsigned count = MIN(task->current_count, (unsigned)IOV_MAX);
    uint64_t offset = task->offset + task->moved;

    switch (task->kind) {
    case ENGINE_READ:
        io_uring_prep_readv(sqe, task->fd, task->current, count, offset);
        break;
    case ENGINE_WRITE:
        io_uring_prep_writev(sqe, task->fd, task->current, count, offset);
        sqe->rw_flags = task->flags & ENGINE_DURABLE ? RWF_DSYNC : 0;
        break;
    case ENGINE_SYNC:
        io_uring_prep_fsync(sqe, task->fd, IORING_FSYNC_DATASYNC);
        break;
    case ENGINE_ALLOCATE:
        io_uring_prep_fallocate(sqe, task->fd, task->mode, (off_t)task->offset,
                                (off_t)task->length);
        break;
    case ENGINE_POLL:
        io_uring_prep_poll_multishot(sqe, task->fd, POLLIN);
        break;
    case ENGINE_POLL_CANCEL:
        io_uring_prep_poll_remove(sqe, (uintptr_t)task->poll);
        break;
    case ENGINE_CALL:
        io_uring_prep_nop(sqe);
        break;
    }
    io_uring_sqe_set_data(sqe, task);
}

static void fill_submission_queue(EngineRing *ring)
{
    while (ring->first_unprepared && ring->in_flight + ring->prepared < RING_COMPLETION_ENTRIES) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
        if (!sqe) {
            return;
        }
        prepare(sqe, ring->first_unprepared);
        ring->first_unprepared = ring->first_unprepared->next;
        ring->prepared++;
    }
}

static void take_submitted(EngineRing *ring, unsigned count)
{
    ring->in_flight += count;
    ring->prepared -= count;
    while (count-- > 0) {
        ring->head = ring->head->next;
    }
    if (!ring->head) {
        ring->tail = NULL;
    }
}

/* The kernel no longer takes anything from us: what it has not taken goes elsewhere. */
static EngineTask *break_ring(EngineRing *ring)
{
    EngineTask *left = ring->head;

    ring->broken = true;
    ring->head = ring->tail = ring->first_unprepared = NULL;
    ring->prepared = 0;
    return left;
}

/* After a system call that was to submit, whatever it returned: what the kernel has taken. */
static unsigned note_submitted(EngineRing *ring)
{
    unsigned taken = ring->prepared - io_uring_sq_ready(&ring->ring);

    take_submitted(ring, taken);
    return taken;
}

EngineTask *ring_submit(EngineRing *ring)
{
    while (ring->head) {
        fill_submission_queue(ring);
        if (ring->prepared == 0) {
            return NULL;
        }
        int result = io_uring_submit(&ring->ring);
        if (note_submitted(ring) > 0 || result == -EINTR) {
            continue;
        }
        if (result == -EAGAIN || result == -EBUSY || result == 0) {
            return ring->in_flight > 0 ? NULL : break_ring(ring);
        }
        return break_ring(ring);
    }
    return NULL;
}

bool ring_can_wait(EngineRing *ring)
{
    return !ring->broken && (ring->ring.features & IORING_FEAT_EXT_ARG);
}

EngineTask *ring_submit_and_wait(EngineRing *ring, int64_t wait_ns)
{
    struct __kernel_timespec until = {
        .tv_sec = wait_ns / NS_PER_SECOND,
        .tv_nsec = wait_ns % NS_PER_SECOND,
    };
    struct io_uring_cqe *cqe;

    fill_submission_queue(ring);
    int result = wait_ns < 0 ? io_uring_submit_and_wait(&ring->ring, 1)
                             : io_uring_submit_and_wait_timeout(&ring->ring, &cqe, 1, &until, NULL);
    unsigned taken = note_submitted(ring);
    bool harmless = result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
                    result == -EBUSY;
    if (!harmless || (ring->prepared > 0 && taken == 0 && ring->in_flight == 0)) {
        return break_ring(ring);
    }
    return ring->first_unprepared ? ring_submit(ring) : NULL;
}

bool ring_has_queued(EngineRing *ring)
{
    return ring->head != NULL;
}

bool ring_ready(EngineRing *ring)
{
    return io_uring_cq_ready(&ring->ring) > 0 || io_uring_cq_has_overflow(&ring->ring);
}

void ring_reap(EngineRing *ring, EngineRingReap reap)
{
    struct io_uring_cqe *cqe;

    while (io_uring_peek_cqe(&ring->ring, &cqe) == 0 && cqe) {
        EngineTask *task = io_uring_cqe_get_data(cqe);
        int64_t result = cqe->res;
        bool more = cqe->flags & IORING_CQE_F_MORE;

        io_uring_cqe_seen(&ring->ring, cqe);
        ring->in_flight -= !more;
        reap(task, result, more);
    }
}

#else /* no liburing: the engine never gets a ring */

struct EngineRing {
    int unused;
};

EngineRing *ring_new(void)
{
    return NULL;
}

void ring_free(EngineRing *ring)
{
}

int ring_fd(EngineRing *ring)
{
    return -1;
}

bool ring_can(EngineRing *ring, const EngineTask *task)
{
    return false;
}

void ring_queue(EngineRing *ring, EngineTask *task)
{
}

EngineTask *ring_submit(EngineRing *ring)
{
    return NULL;
}

bool ring_can_wait(EngineRing *ring)
{
    return false;
}

EngineTask *ring_submit_and_wait(EngineRing *ring, int64_t wait_ns)
{
    return NULL;
}

bool ring_has_queued(EngineRing *ring)
{
    return false;
}

bool ring_ready(EngineRing *ring)
{
    return false;
}

void ring_reap(EngineRing *ring, EngineRingReap reap)
{
}

#endif
