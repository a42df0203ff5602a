/*
 * I/O threads: those with names, and the pool of those that devices without a name share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/block/io_thread.h"

#include <unistd.h>

#include "block/doorbell.h"
#include "util/error.h"

struct IOThread {
    char *id; /* NULL: of the pool */
    unsigned users;
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread; /* NULL: not started yet */
    GMutex lock;
    GCond started;
    pid_t host_id; /* 0: it has not come up yet; @lock */
    IOThreadParameters parameters;
};

static GHashTable *threads; /* id -> IOThread */
static GPtrArray *pool;     /* those without a name, which end with their last user */

static gpointer run_loop(gpointer opaque)
{
    IOThread *thread = opaque;

    g_mutex_lock(&thread->lock);
    thread->host_id = gettid();
    g_cond_signal(&thread->started);
    g_mutex_unlock(&thread->lock);
    g_main_context_push_thread_default(thread->context);
    block_context_enter(thread->context);
    g_main_loop_run(thread->loop);
    block_context_leave(thread->context);
    g_main_context_pop_thread_default(thread->context);
    return NULL;
}

static IOThread *thread_new(const char *id)
{
    IOThread *thread = g_new0(IOThread, 1);

    thread->id = g_strdup(id);
    g_mutex_init(&thread->lock);
    g_cond_init(&thread->started);
    thread->context = g_main_context_new();
    thread->loop = g_main_loop_new(thread->context, FALSE);
    return thread;
}

IOThread *io_thread_new(const char *id, GError **error)
{
    if (!threads) {
        threads = g_hash_table_new(g_str_hash, g_str_equal);
    }
    if (g_hash_table_contains(threads, id)) {
        error_setf(error, "attempt to add duplicate property '%s' to object (type 'container')",
                   id);
        return NULL;
    }
    IOThread *thread = thread_new(id);
    g_hash_table_insert(threads, thread->id, thread);
    return thread;
}

static gboolean quit_loop(gpointer opaque)
{
    g_main_loop_quit(opaque);
    return G_SOURCE_REMOVE;
}

/* From inside, so that a loop that is only just starting hears of it. */
static void stop(IOThread *thread)
{
    if (thread->thread) {
        g_autoptr(GSource) source = g_idle_source_new();

        g_source_set_callback(source, quit_loop, thread->loop, NULL);
        g_source_attach(source, thread->context);
        g_thread_join(thread->thread);
        thread->thread = NULL;
    }
}

static void thread_free(IOThread *thread)
{
    stop(thread);
    g_main_loop_unref(thread->loop);
    g_main_context_unref(thread->context);
    g_mutex_clear(&thread->lock);
    g_cond_clear(&thread->started);
    g_free(thread->id);
    g_free(thread);
}

bool io_thread_free(IOThread *thread, GError **error)
{
    if (thread->users > 0) {
        return error_setf(error, "object '%s' is in use, can not be deleted", thread->id);
    }
    g_hash_table_remove(threads, thread->id);
    thread_free(thread);
    return true;
}

IOThread *io_thread_find(const char *id)
{
    return threads ? g_hash_table_lookup(threads, id) : NULL;
}

/* A thread's name has 15 characters. */
static void start(IOThread *thread)
{
    if (!thread->thread) {
        g_autofree char *name = g_strdup_printf("IO %.12s", thread->id ? thread->id : "disk");

        thread->thread = g_thread_new(name, run_loop, thread);
    }
}

int io_thread_host_id(IOThread *thread)
{
    int id;

    start(thread);
    g_mutex_lock(&thread->lock);
    while (thread->host_id == 0) {
        g_cond_wait(&thread->started, &thread->lock);
    }
    id = thread->host_id;
    g_mutex_unlock(&thread->lock);
    return id;
}

void io_thread_set_parameters(IOThread *thread, const IOThreadParameters *parameters)
{
    thread->parameters = *parameters;
}

IOThreadParameters io_thread_parameters(const IOThread *thread)
{
    return thread->parameters;
}

IOThread *io_thread_ref(const char *id, GError **error)
{
    IOThread *thread = io_thread_find(id);

    if (!thread) {
        error_setf(error, "Device '%s' not found", id);
        return NULL;
    }
    start(thread);
    thread->users++;
    return thread;
}

static IOThread *least_used(void)
{
    IOThread *least = NULL;

    for (guint i = 0; i < pool->len; i++) {
        IOThread *thread = g_ptr_array_index(pool, i);
        if (!least || thread->users < least->users) {
            least = thread;
        }
    }
    return least;
}

IOThread *io_thread_ref_any(void)
{
    if (!pool) {
        pool = g_ptr_array_new();
    }
    IOThread *thread = pool->len < g_get_num_processors() ? NULL : least_used();
    if (!thread) {
        thread = thread_new(NULL);
        g_ptr_array_add(pool, thread);
    }
    start(thread);
    thread->users++;
    return thread;
}

void io_thread_share(IOThread *thread)
{
    thread->users++;
}

void io_thread_unref(IOThread *thread)
{
    if (!thread || --thread->users > 0 || thread->id) {
        return;
    }
    g_ptr_array_remove(pool, thread);
    if (pool->len == 0) {
        g_clear_pointer(&pool, g_ptr_array_unref);
    }
    thread_free(thread);
}

const char *io_thread_id(const IOThread *thread)
{
    return thread->id;
}

GMainContext *io_thread_context(const IOThread *thread)
{
    return thread ? thread->context : NULL;
}

/* ---- a call in another thread ---- */

typedef struct {
    void (*function)(void *opaque);
    void *opaque;
    GMutex lock;
    GCond done;
    bool finished;
} Call;

static gboolean run_call(gpointer opaque)
{
    Call *call = opaque;

    call->function(call->opaque);
    g_mutex_lock(&call->lock);
    call->finished = true;
    g_cond_signal(&call->done);
    g_mutex_unlock(&call->lock);
    return G_SOURCE_REMOVE;
}

void io_context_run(GMainContext *context, void (*function)(void *opaque), void *opaque)
{
    if (!context || g_main_context_is_owner(context)) {
        function(opaque);
        return;
    }
    Call call = {.function = function, .opaque = opaque};
    g_autoptr(GSource) source = g_idle_source_new();

    g_mutex_init(&call.lock);
    g_cond_init(&call.done);
    g_source_set_priority(source, G_PRIORITY_HIGH);
    g_source_set_callback(source, run_call, &call, NULL);
    g_source_attach(source, context);
    g_mutex_lock(&call.lock);
    while (!call.finished) {
        g_cond_wait(&call.done, &call.lock);
    }
    g_mutex_unlock(&call.lock);
    g_mutex_clear(&call.lock);
    g_cond_clear(&call.done);
}
