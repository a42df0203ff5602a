/*
 * Worker threads: a task done by plain blocking system calls.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/engine_threads.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <unistd.h>

#define MAX_WORKERS 64

static GThreadPool *pool;

/* One piece of memory, as most small requests are, costs the kernel less than a vector of one. */
static ssize_t transfer(EngineTask *task)
{
    off_t at = (off_t)(task->offset + task->moved);
    const struct iovec *vector = task->current;
    int count = (int)MIN(task->current_count, (unsigned)IOV_MAX);

    if (task->kind == ENGINE_READ) {
        return count == 1 ? pread(task->fd, vector->iov_base, vector->iov_len, at)
                          : preadv(task->fd, vector, count, at);
    }
    if (task->flags & ENGINE_DURABLE) {
        return pwritev2(task->fd, vector, count, at, RWF_DSYNC);
    }
    return count == 1 ? pwrite(task->fd, vector->iov_base, vector->iov_len, at)
                      : pwritev(task->fd, vector, count, at);
}

static int64_t transfer_once(EngineTask *task)
{
    ssize_t result;

    do {
        result = transfer(task);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

static int64_t retry_interrupted(int result)
{
    return result < 0 ? -errno : 0;
}

int64_t engine_run_blocking(EngineTask *task)
{
    int64_t result = -ENOSYS;

    switch (task->kind) {
    case ENGINE_READ:
    case ENGINE_WRITE:
        return transfer_once(task);
    case ENGINE_SYNC:
        do {
            result = retry_interrupted(fdatasync(task->fd));
        } while (result == -EINTR);
        return result;
    case ENGINE_ALLOCATE:
        do {
            result = retry_interrupted(
                fallocate(task->fd, task->mode, (off_t)task->offset, (off_t)task->length));
        } while (result == -EINTR);
        return result;
    case ENGINE_CALL:
        return task->call(task);
    case ENGINE_POLL:
    case ENGINE_POLL_CANCEL:
        break;
    }
    return result;
}

static void work(gpointer data, gpointer unused)
{
    EngineTask *task = data;

    if (__atomic_load_n(&task->handed_over, __ATOMIC_ACQUIRE)) {
        engine_worker_finished(task, engine_run_blocking(task));
    }
}

static void make_pool(void)
{
    pool = g_thread_pool_new(work, NULL, MAX_WORKERS, FALSE, NULL);
}

void workers_start(EngineTask *task)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_pool);
    /* What the pool's own queue orders already, said once more where ThreadSanitizer can see it. */
    __atomic_store_n(&task->handed_over, true, __ATOMIC_RELEASE);
    /* An error means that no further thread could be started; the task is queued all the same. */
    g_thread_pool_push(pool, task, NULL);
}
