/*
 * The I/O engine: system calls on file descriptors that complete in one main context. io_uring
 * where the host permits it, worker threads elsewhere (and for what a ring cannot do), with the
 * same results.
 *
 * An engine is used under its context's lock: the machine lock for the default main context, its
 * own thread alone for an I/O thread. Only workers' completions cross threads, by the posted queue.
 *
 * Source: io_uring(7), io_uring_enter(2), preadv2(2), fallocate(2).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_ENGINE_H
#define BLOCK_ENGINE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct BlockEngine BlockEngine;
typedef struct EngineTask EngineTask;

typedef enum {
    ENGINE_READ,
    ENGINE_WRITE,
    ENGINE_SYNC,     /* fdatasync */
    ENGINE_ALLOCATE, /* fallocate */
    ENGINE_CALL,     /* a function on a worker thread */
    ENGINE_POLL,     /* a doorbell's, in the ring only: completes again and again */
    ENGINE_POLL_CANCEL,
} EngineTaskKind;

typedef enum {
    ENGINE_DURABLE = 1 << 0, /* write: RWF_DSYNC */
    ENGINE_DIRECT = 1 << 1,  /* the descriptor is O_DIRECT: a short read ends at end of file */
    ENGINE_THREADS = 1 << 2, /* aio=threads: not through the ring */
    ENGINE_MEMORY = 1 << 3,  /* the file is memory: an I/O thread transfers at once */
} EngineTaskFlags;

/*
 * One task; memory of the caller, who leaves it alone until @done. @done runs from the engine's
 * source or from engine_poll(), never from engine_submit().
 */
struct EngineTask {
    EngineTaskKind kind;
    unsigned flags;
    int fd;
    int mode;                   /* ENGINE_ALLOCATE: FALLOC_FL_* */
    uint64_t offset, length;    /* bytes */
    const struct iovec *vector; /* READ, WRITE: sums up to @length; stays valid until done */
    unsigned count;
    int64_t (*call)(EngineTask *task); /* ENGINE_CALL: result as of @done */
    EngineTask *poll;                  /* ENGINE_POLL_CANCEL: what is to end */
    /** @result: bytes moved (less than @length: a read met the end of file), 0, or a negative
     * errno. */
    void (*done)(EngineTask *task, int64_t result);

    /* the engine's own */
    BlockEngine *engine;
    EngineTask *next;
    const struct iovec *current; /* what is left: @vector, or @rest after a short transfer */
    unsigned current_count;
    bool handed_over; /* to a worker; atomic */
    bool stepped;     /* posted: @result is that of one system call, not the last word */
    uint64_t moved;
    int64_t result;
    int64_t deadline_ns;
    struct iovec *rest;
};

/** engine_for_context: the engine of @context (NULL: the default one), made if needed; a reference.
 */
BlockEngine *engine_for_context(GMainContext *context);
void engine_unref(BlockEngine *engine);
/** engine_of_thread: the engine whose context this thread has entered (block_context_enter), or
 * NULL.
 */
BlockEngine *engine_of_thread(void);
/** engine_is_main: true for the default context's engine, whose lock is the machine lock. */
bool engine_is_main(const BlockEngine *engine);
/**
 * engine_now: ns of CLOCK_REALTIME_HOST. In a turn of an I/O thread's loop the clock is read once
 * for all completions and once for all requests that it takes; everywhere else each time.
 */
int64_t engine_now(BlockEngine *engine);
/** engine_uses_ring: false: the worker threads do everything. */
bool engine_uses_ring(const BlockEngine *engine);

/** engine_submit: starts @task; between plug and unplug it may wait for the unplug. */
void engine_submit(BlockEngine *engine, EngineTask *task);
/** engine_finish_later: runs task->done(@result) from the loop; the task had nothing to do. */
void engine_finish_later(BlockEngine *engine, EngineTask *task, int64_t result);
/** engine_finish_after: the same no sooner than @delay_ns from now. */
void engine_finish_after(BlockEngine *engine, EngineTask *task, int64_t delay_ns, int64_t result);
/** engine_cancel_delayed: forgets a task of engine_finish_after() that has not run; its done is not
 * called. */
void engine_cancel_delayed(BlockEngine *engine, EngineTask *task);
/** engine_poll: waits until something completes (or @wait is false) and runs the done functions. */
void engine_poll(BlockEngine *engine, bool wait);

void engine_plug(void);
void engine_unplug(void);

/** engine_disable_ring: engines made from now on use worker threads only (tests). */
void engine_disable_ring(bool disable);

/** engine_run_blocking: does @task here and now; what the worker threads call. */
int64_t engine_run_blocking(EngineTask *task);

#endif
