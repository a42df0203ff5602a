/*
 * The io_uring half of the engine. Without liburing at build time ring_new() always says no.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_ENGINE_RING_H
#define BLOCK_ENGINE_RING_H

#include "block/engine.h"

typedef struct EngineRing EngineRing;

/** What the ring hands back to the engine: @result of one system call on @task; @more: it goes on.
 */
typedef void (*EngineRingReap)(EngineTask *task, int64_t result, bool more);

/** ring_new: NULL if the host refuses io_uring (ENOSYS, EPERM in containers, no memory to lock). */
EngineRing *ring_new(void);
void ring_free(EngineRing *ring);
/** ring_fd: readable while completions wait. */
int ring_fd(EngineRing *ring);
/** ring_can: false if the kernel's ring lacks the operation of @task (or is broken): use a worker.
 */
bool ring_can(EngineRing *ring, const EngineTask *task);
/** ring_queue: takes @task; nothing reaches the kernel before ring_submit(). */
void ring_queue(EngineRing *ring, EngineTask *task);
/**
 * ring_submit: hands what is queued to the kernel, as far as it takes it.
 * Returns the tasks that must go to worker threads instead, linked by next (the ring broke), or
 * NULL.
 */
EngineTask *ring_submit(EngineRing *ring);
/** ring_can_wait: ring_submit_and_wait() is there. */
bool ring_can_wait(EngineRing *ring);
/** ring_submit_and_wait: ring_submit(), and in the same system call waits for a completion until
 * @wait_ns have passed (-1: for ever). */
EngineTask *ring_submit_and_wait(EngineRing *ring, int64_t wait_ns);
/** ring_has_queued: true while tasks wait for ring_submit(). */
bool ring_has_queued(EngineRing *ring);
/** ring_ready: true if ring_reap() would find something. */
bool ring_ready(EngineRing *ring);
/** ring_reap: calls @reap for each completion. */
void ring_reap(EngineRing *ring, EngineRingReap reap);

#endif
