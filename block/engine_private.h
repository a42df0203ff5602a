/*
 * Inside the engine: what its tasks, its doorbells and its loop share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_ENGINE_PRIVATE_H
#define BLOCK_ENGINE_PRIVATE_H

#include "block/doorbell.h"
#include "block/engine_ring.h"

#include <pthread.h>

struct BlockDoorbell {
    BlockEngine *engine;
    int fd;
    void (*rung)(void *opaque);
    void *opaque;
    EngineTask poll, cancel; /* in the ring */
    bool armed;              /* the ring has @poll */
    bool cancelling;         /* the ring has @cancel */
    bool gone;               /* its owner has freed it; the ring still knows it */
    bool pending;            /* @rung is to be called */
    gpointer tag;            /* watched by the source instead: no ring, or one that cannot poll */
    int64_t deadline_ns;     /* @rung is called then; 0: never by itself */
    BlockDoorbell *next;
};

struct BlockEngine {
    unsigned references; /* under the registry's lock */
    GMainContext *context;
    bool is_main; /* the context is GLib's default one */
    GSource *source;
    EngineRing *ring;                      /* NULL: worker threads only */
    EngineTask *delayed;                   /* by deadline */
    EngineTask *reaped_head, *reaped_tail; /* completions whose done functions are to run */
    BlockDoorbell *doorbells;
    unsigned pending_doorbells;
    int64_t turn_ns; /* engine_now()'s answer in this turn; 0: not asked yet; -1: between turns */
    int event_fd;

    pthread_mutex_t posted_lock;
    EngineTask *posted_head, *posted_tail;
    unsigned posted_count; /* atomic to readers without the lock */
    bool signalled;        /* event_fd has been written and not yet read; atomic likewise */
};

/* ---- engine.c ---- */

/** engine_set_thread: what engine_of_thread() says in this thread. */
void engine_set_thread(BlockEngine *engine);
/** engine_run: completions, doorbells and what is due; @keep_queued: the caller submits. */
void engine_run(BlockEngine *engine, bool keep_queued);
/** engine_ready: true if engine_run() would find something. */
bool engine_ready(BlockEngine *engine);
/** engine_submit_queued: what waits for the kernel goes there. */
void engine_submit_queued(BlockEngine *engine);
/** engine_next_deadline: of a delay or a doorbell, ns of CLOCK_REALTIME_HOST; 0: none. */
int64_t engine_next_deadline(const BlockEngine *engine);
/** engine_send_refused: tasks that a ring gave back go to workers. */
void engine_send_refused(EngineTask *refused);
void engine_update_ready_time(BlockEngine *engine);

/* ---- doorbell.c ---- */

/** doorbell_completed: @task is a doorbell's, its poll's (@more: the poll goes on) or cancel's. */
void doorbell_completed(EngineTask *task, int64_t result, bool more);
/** doorbells_source_check: those that the source watches itself. */
void doorbells_source_check(BlockEngine *engine);
/** doorbells_run: calls those that have rung. */
void doorbells_run(BlockEngine *engine);
/** doorbells_expire: those whose time has come have rung. */
void doorbells_expire(BlockEngine *engine);
/** doorbells_free: what is left at the engine's end. */
void doorbells_free(BlockEngine *engine);

#endif
