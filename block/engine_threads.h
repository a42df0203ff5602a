/*
 * Worker threads of the I/O engine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_ENGINE_THREADS_H
#define BLOCK_ENGINE_THREADS_H

#include "block/engine.h"

/** Called on the worker: @result of one system call on @task. */
typedef void (*WorkerDone)(EngineTask *task, int64_t result);

/** workers_start: does @task on a worker thread, then calls @done there (the same for every caller). */
void workers_start(EngineTask *task, WorkerDone done);

#endif
