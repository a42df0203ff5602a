/*
 * The I/O engine: one GSource a context that starts tasks, resumes short transfers and runs the
 * done functions. See engine.h for who may call what from where.
 *
 * The locks of this folder are pthread's, not GLib's, because ThreadSanitizer follows those.
 *
 * Three ways lead to a done function: the ring's completion queue, the posted queue (worker
 * threads, and tasks that had nothing to do), and the delayed list (null-co's latency). Doorbells
 * (doorbell.c) are called after them, so that one batch of system calls serves both.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/engine.h"
#include "block/engine_private.h"
#include "block/engine_threads.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/trace.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* O_DIRECT transfers move whole sectors of at least this size; a smaller step means end of file. */
#define DIRECT_STEP 512

TRACE_DEFINE(block_engine_task);

typedef struct {
    GSource base;
    BlockEngine *engine;
} EngineSource;

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static GSList *engines;
static bool ring_disabled;

static __thread unsigned plug_depth;
static __thread BlockEngine *plugged_engine; /* has tasks that wait for the unplug */
static __thread BlockEngine *thread_engine;

static void start_task(EngineTask *task);

/* ---- posted queue ---- */

static void append_posted(BlockEngine *engine, EngineTask *task, bool wake)
{
    task->next = NULL;
    pthread_mutex_lock(&engine->posted_lock);
    if (engine->posted_tail) {
        engine->posted_tail->next = task;
    } else {
        engine->posted_head = task;
    }
    engine->posted_tail = task;
    __atomic_store_n(&engine->posted_count, engine->posted_count + 1, __ATOMIC_RELEASE);
    wake = wake && !engine->signalled;
    if (wake) {
        /* Inside the lock: once the task has been taken, its end may be the end of the engine. */
        __atomic_store_n(&engine->signalled, true, __ATOMIC_RELEASE);
        eventfd_write(engine->event_fd, 1);
    }
    pthread_mutex_unlock(&engine->posted_lock);
}

static EngineTask *pop_posted(BlockEngine *engine)
{
    pthread_mutex_lock(&engine->posted_lock);
    EngineTask *task = engine->posted_head;
    if (task) {
        engine->posted_head = task->next;
        __atomic_store_n(&engine->posted_count, engine->posted_count - 1, __ATOMIC_RELEASE);
        if (!engine->posted_head) {
            engine->posted_tail = NULL;
        }
    }
    pthread_mutex_unlock(&engine->posted_lock);
    return task;
}

static void clear_signal(BlockEngine *engine)
{
    eventfd_t value;

    if (!__atomic_load_n(&engine->signalled, __ATOMIC_ACQUIRE)) {
        return;
    }
    pthread_mutex_lock(&engine->posted_lock);
    bool signalled = engine->signalled;
    __atomic_store_n(&engine->signalled, false, __ATOMIC_RELEASE);
    if (signalled) {
        eventfd_read(engine->event_fd, &value);
    }
    pthread_mutex_unlock(&engine->posted_lock);
}

static unsigned count_posted(BlockEngine *engine)
{
    return __atomic_load_n(&engine->posted_count, __ATOMIC_ACQUIRE);
}

void engine_worker_finished(EngineTask *task, int64_t result)
{
    task->stepped = true;
    task->result = result;
    append_posted(task->engine, task, true);
}

/* ---- tasks ---- */

static void finish_task(EngineTask *task, int64_t result)
{
    TRACE(block_engine_task,
          "kind %d fd %d offset %" G_GUINT64_FORMAT " length %" G_GUINT64_FORMAT
          " result %" G_GINT64_FORMAT,
          task->kind, task->fd, task->offset, task->length, result);
    g_clear_pointer(&task->rest, g_free);
    task->done(task, result);
}

/* Makes task->current name what is left after @bytes more have moved. */
static void skip_moved(EngineTask *task, uint64_t bytes)
{
    const struct iovec *from = task->current;
    unsigned count = task->current_count;

    while (count > 0 && bytes >= from->iov_len) {
        bytes -= from->iov_len;
        from++;
        count--;
    }
    struct iovec *rest = g_new(struct iovec, MAX(count, 1));
    memcpy(rest, from, count * sizeof(*rest));
    if (count > 0) {
        rest[0].iov_base = (char *)rest[0].iov_base + bytes;
        rest[0].iov_len -= bytes;
    }
    g_free(task->rest);
    task->rest = rest;
    task->current = rest;
    task->current_count = count;
}

static void advance_transfer(EngineTask *task, int64_t result)
{
    if (result == 0) {
        finish_task(task, task->kind == ENGINE_READ ? (int64_t)task->moved : -ENOSPC);
        return;
    }
    task->moved += (uint64_t)result;
    bool met_end = task->kind == ENGINE_READ && (task->flags & ENGINE_DIRECT) &&
                   task->moved % DIRECT_STEP != 0;
    if (task->moved >= task->length || met_end) {
        finish_task(task, (int64_t)task->moved);
        return;
    }
    skip_moved(task, (uint64_t)result);
    start_task(task);
}

/* One system call of @task has returned @result: go on, or tell its owner. */
static void advance_task(EngineTask *task, int64_t result)
{
    if (result == -EINTR) {
        start_task(task);
        return;
    }
    if (result == -EAGAIN && !(task->flags & ENGINE_THREADS)) {
        task->flags |=
            ENGINE_THREADS; /* the ring is short of something; a blocking call waits for it */
        start_task(task);
        return;
    }
    bool is_transfer = task->kind == ENGINE_READ || task->kind == ENGINE_WRITE;
    if (result < 0 || !is_transfer) {
        finish_task(task, result);
        return;
    }
    advance_transfer(task, result);
}

void engine_send_refused(EngineTask *refused)
{
    while (refused) {
        EngineTask *next = refused->next;
        if (refused->kind == ENGINE_POLL || refused->kind == ENGINE_POLL_CANCEL) {
            doorbell_completed(refused, -EIO, false);
        } else {
            workers_start(refused);
        }
        refused = next;
    }
}

void engine_submit_queued(BlockEngine *engine)
{
    if (engine->ring && ring_has_queued(engine->ring)) {
        engine_send_refused(ring_submit(engine->ring));
    }
}

static void append_reaped(EngineTask *task, int64_t result)
{
    BlockEngine *engine = task->engine;

    task->result = result;
    task->next = NULL;
    if (engine->reaped_head) {
        engine->reaped_tail->next = task;
    } else {
        engine->reaped_head = task;
    }
    engine->reaped_tail = task;
}

/* A transfer that never waits is cheaper done than given away; its end still comes by the loop. */
static bool transfer_at_once(EngineTask *task)
{
    bool is_transfer = task->kind == ENGINE_READ || task->kind == ENGINE_WRITE;

    if (!is_transfer || !(task->flags & ENGINE_MEMORY) || task->engine != thread_engine) {
        return false;
    }
    append_reaped(task, engine_run_blocking(task));
    return true;
}

static void start_task(EngineTask *task)
{
    BlockEngine *engine = task->engine;

    if (transfer_at_once(task)) {
        return;
    }

    if (!engine->ring || (task->flags & ENGINE_THREADS) || !ring_can(engine->ring, task)) {
        workers_start(task);
        return;
    }
    ring_queue(engine->ring, task);
    if (plug_depth == 0) {
        engine_submit_queued(engine);
        return;
    }
    if (plugged_engine && plugged_engine != engine) {
        engine_submit_queued(plugged_engine);
    }
    plugged_engine = engine;
}

void engine_submit(BlockEngine *engine, EngineTask *task)
{
    task->engine = engine;
    task->moved = 0;
    task->rest = NULL;
    task->stepped = false;
    task->current = task->vector;
    task->current_count = task->count;
    start_task(task);
}

void engine_finish_later(BlockEngine *engine, EngineTask *task, int64_t result)
{
    task->engine = engine;
    task->rest = NULL;
    task->stepped = false;
    task->result = result;
    append_posted(engine, task, !g_main_context_is_owner(engine->context));
}

void engine_plug(void)
{
    plug_depth++;
}

void engine_unplug(void)
{
    if (plug_depth > 0 && --plug_depth == 0 && plugged_engine) {
        BlockEngine *engine = plugged_engine;
        plugged_engine = NULL;
        engine_submit_queued(engine);
    }
}

/* ---- delays ---- */

int64_t engine_next_deadline(const BlockEngine *engine)
{
    int64_t next = engine->delayed ? engine->delayed->deadline_ns : 0;

    for (BlockDoorbell *doorbell = engine->doorbells; doorbell; doorbell = doorbell->next) {
        if (doorbell->deadline_ns && (!next || doorbell->deadline_ns < next)) {
            next = doorbell->deadline_ns;
        }
    }
    return next;
}

void engine_update_ready_time(BlockEngine *engine)
{
    if (engine == thread_engine && engine->ring && ring_can_wait(engine->ring)) {
        return; /* its loop looks at the deadlines itself */
    }
    int64_t deadline_ns = engine_next_deadline(engine);
    if (!deadline_ns) {
        g_source_set_ready_time(engine->source, -1);
        return;
    }
    int64_t wait_ns = deadline_ns - clock_get_ns(CLOCK_REALTIME_HOST);
    int64_t wait_us = wait_ns > 0 ? (wait_ns + NS_PER_US - 1) / NS_PER_US : 0;
    g_source_set_ready_time(engine->source, g_get_monotonic_time() + wait_us);
}

void engine_finish_after(BlockEngine *engine, EngineTask *task, int64_t delay_ns, int64_t result)
{
    EngineTask **at = &engine->delayed;

    task->engine = engine;
    task->rest = NULL;
    task->result = result;
    task->deadline_ns = clock_get_ns(CLOCK_REALTIME_HOST) + delay_ns;
    while (*at && (*at)->deadline_ns <= task->deadline_ns) {
        at = &(*at)->next;
    }
    task->next = *at;
    *at = task;
    if (at == &engine->delayed) {
        engine_update_ready_time(engine);
    }
}

void engine_cancel_delayed(BlockEngine *engine, EngineTask *task)
{
    for (EngineTask **at = &engine->delayed; *at; at = &(*at)->next) {
        if (*at == task) {
            *at = task->next;
            break;
        }
    }
    engine_update_ready_time(engine);
}

static bool has_expired(BlockEngine *engine)
{
    int64_t deadline_ns = engine_next_deadline(engine);

    return deadline_ns && deadline_ns <= clock_get_ns(CLOCK_REALTIME_HOST);
}

static void run_expired(BlockEngine *engine)
{
    if (!engine_next_deadline(engine)) {
        return;
    }
    int64_t now = clock_get_ns(CLOCK_REALTIME_HOST);
    while (engine->delayed && engine->delayed->deadline_ns <= now) {
        EngineTask *task = engine->delayed;
        engine->delayed = task->next;
        finish_task(task, task->result);
    }
    doorbells_expire(engine);
    engine_update_ready_time(engine);
}

int64_t engine_now(BlockEngine *engine)
{
    if (engine != thread_engine || engine->turn_ns < 0) {
        return clock_get_ns(CLOCK_REALTIME_HOST);
    }
    if (engine->turn_ns == 0) {
        engine->turn_ns = clock_get_ns(CLOCK_REALTIME_HOST);
    }
    return engine->turn_ns;
}

/* ---- the loop's side ---- */

bool engine_ready(BlockEngine *engine)
{
    return engine->reaped_head || engine->pending_doorbells > 0 || count_posted(engine) > 0 ||
           (engine->ring && ring_ready(engine->ring)) || has_expired(engine);
}

/* A completion is queued before any done function runs, so that one may poll again itself. */
static void reap_one(EngineTask *task, int64_t result, bool more)
{
    if (task->kind == ENGINE_POLL || task->kind == ENGINE_POLL_CANCEL) {
        doorbell_completed(task, result, more);
        return;
    }
    append_reaped(task, result);
}

static void run_reaped(BlockEngine *engine)
{
    EngineTask *task;

    /* Those there are now: done functions may add more. */
    EngineTask *last = engine->reaped_head ? engine->reaped_tail : NULL;

    while (last && (task = engine->reaped_head)) {
        engine->reaped_head = task->next;
        bool was_last = task == last;
        advance_task(task, task->result);
        if (was_last) {
            break;
        }
    }
}

static void run_posted(BlockEngine *engine)
{
    EngineTask *task;

    /* No more than there are now: a done function that submits again must not hold up the loop. */
    for (unsigned left = count_posted(engine); left > 0 && (task = pop_posted(engine)); left--) {
        if (task->stepped) {
            advance_task(task, task->result);
        } else {
            finish_task(task, task->result);
        }
    }
}

void engine_run(BlockEngine *engine, bool keep_queued)
{
    engine_plug();
    clear_signal(engine);
    if (engine->ring) {
        ring_reap(engine->ring, reap_one);
    }
    engine->turn_ns = 0;
    run_reaped(engine);
    run_posted(engine);
    run_expired(engine);
    engine->turn_ns = 0;
    doorbells_run(engine);
    engine->turn_ns = -1;
    if (keep_queued && plug_depth == 1 && plugged_engine == engine) {
        plugged_engine = NULL;
    }
    engine_unplug();
    if (plug_depth == 0 && !keep_queued) {
        engine_submit_queued(engine);
    }
}

static gboolean source_prepare(GSource *source, gint *timeout)
{
    BlockEngine *engine = ((EngineSource *)source)->engine;

    *timeout = -1;
    engine_submit_queued(engine);
    return engine_ready(engine);
}

static gboolean source_check(GSource *source)
{
    BlockEngine *engine = ((EngineSource *)source)->engine;

    doorbells_source_check(engine);
    return engine_ready(engine);
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer opaque)
{
    engine_run(((EngineSource *)source)->engine, false);
    return G_SOURCE_CONTINUE;
}

/* With the source's last reference: not while it is being dispatched, in whatever thread. */
static void source_finalize(GSource *source)
{
    BlockEngine *engine = ((EngineSource *)source)->engine;

    if (engine->ring) {
        ring_free(engine->ring);
    }
    doorbells_free(engine);
    close(engine->event_fd);
    pthread_mutex_destroy(&engine->posted_lock);
    g_main_context_unref(engine->context);
    g_free(engine);
}

static GSourceFuncs source_functions = {
    .prepare = source_prepare,
    .check = source_check,
    .dispatch = source_dispatch,
    .finalize = source_finalize,
};

static int poll_timeout_ms(BlockEngine *engine)
{
    int64_t deadline_ns = engine_next_deadline(engine);
    if (!deadline_ns) {
        return -1;
    }
    int64_t wait_ns = deadline_ns - clock_get_ns(CLOCK_REALTIME_HOST);
    if (wait_ns <= 0) {
        return 0;
    }
    return (int)MIN((wait_ns + NS_PER_MS - 1) / NS_PER_MS, 1000);
}

void engine_poll(BlockEngine *engine, bool wait)
{
    unsigned depth = plug_depth;

    plug_depth = 0; /* what is waited for must be under way */
    engine_submit_queued(engine);
    while (wait && !engine_ready(engine)) {
        struct pollfd fds[2] = {
            {.fd = engine->event_fd, .events = POLLIN},
            {.fd = engine->ring ? ring_fd(engine->ring) : -1, .events = POLLIN},
        };
        poll(fds, G_N_ELEMENTS(fds), poll_timeout_ms(engine));
        if (fds[0].revents) {
            clear_signal(engine);
        }
    }
    engine_run(engine, false);
    plug_depth = depth;
}

/* ---- engines ---- */

static BlockEngine *engine_new(GMainContext *context)
{
    BlockEngine *engine = g_new0(BlockEngine, 1);

    /* A file size limit (ulimit -f) is an error of one request, not the end of the process. */
    signal(SIGXFSZ, SIG_IGN);
    engine->context = g_main_context_ref(context);
    engine->turn_ns = -1;
    engine->is_main = context == g_main_context_default();
    pthread_mutex_init(&engine->posted_lock, NULL);
    engine->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (engine->event_fd < 0) {
        g_error("eventfd: %s", g_strerror(errno));
    }
    engine->ring = ring_disabled ? NULL : ring_new();
    engine->source = g_source_new(&source_functions, sizeof(EngineSource));
    ((EngineSource *)engine->source)->engine = engine;
    g_source_set_static_name(engine->source, "block engine");
    /* A done function may run the loop; and GLib wakes itself after each dispatch of one that may
     * not. */
    g_source_set_can_recurse(engine->source, TRUE);
    g_source_add_unix_fd(engine->source, engine->event_fd, G_IO_IN);
    if (engine->ring) {
        g_source_add_unix_fd(engine->source, ring_fd(engine->ring), G_IO_IN);
    }
    g_source_attach(engine->source, context);
    return engine;
}

BlockEngine *engine_for_context(GMainContext *context)
{
    BlockEngine *engine = NULL;

    if (!context) {
        context = g_main_context_default();
    }
    pthread_mutex_lock(&registry_lock);
    for (GSList *l = engines; l && !engine; l = l->next) {
        BlockEngine *candidate = l->data;
        engine = candidate->context == context ? candidate : NULL;
    }
    if (!engine) {
        engine = engine_new(context);
        engines = g_slist_prepend(engines, engine);
    }
    engine->references++;
    pthread_mutex_unlock(&registry_lock);
    return engine;
}

void engine_unref(BlockEngine *engine)
{
    pthread_mutex_lock(&registry_lock);
    bool last = --engine->references == 0;
    if (last) {
        engines = g_slist_remove(engines, engine);
    }
    pthread_mutex_unlock(&registry_lock);
    if (last) {
        if (plugged_engine == engine) {
            plugged_engine = NULL;
        }
        g_source_destroy(engine->source);
        g_source_unref(engine->source);
    }
}

void engine_set_thread(BlockEngine *engine)
{
    thread_engine = engine;
}

BlockEngine *engine_of_thread(void)
{
    return thread_engine;
}

bool engine_is_main(const BlockEngine *engine)
{
    return engine->is_main;
}

bool engine_uses_ring(const BlockEngine *engine)
{
    return engine->ring != NULL;
}

void engine_disable_ring(bool disable)
{
    ring_disabled = disable;
}
