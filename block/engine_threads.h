/*
 * Worker threads of the I/O engine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_ENGINE_THREADS_H
#define BLOCK_ENGINE_THREADS_H

#include "block/engine.h"

/** workers_start: does @task on a worker thread, which calls engine_worker_finished(). */
void workers_start(EngineTask *task);
/** engine_worker_finished: on the worker: @result of one system call on @task. In engine.c. */
void engine_worker_finished(EngineTask *task, int64_t result);

#endif
