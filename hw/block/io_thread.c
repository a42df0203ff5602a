/*
 * I/O threads.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/block/io_thread.h"

#include <unistd.h>

#include "util/error.h"

struct IOThread {
    char *id;
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

static gpointer run_loop(gpointer opaque)
{
    IOThread *thread = opaque;

    g_mutex_lock(&thread->lock);
    thread->host_id = gettid();
    g_cond_signal(&thread->started);
    g_mutex_unlock(&thread->lock);
    g_main_context_push_thread_default(thread->context);
    g_main_loop_run(thread->loop);
    g_main_context_pop_thread_default(thread->context);
    return NULL;
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
    IOThread *thread = g_new0(IOThread, 1);
    thread->id = g_strdup(id);
    g_mutex_init(&thread->lock);
    g_cond_init(&thread->started);
    thread->context = g_main_context_new();
    thread->loop = g_main_loop_new(thread->context, FALSE);
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

bool io_thread_free(IOThread *thread, GError **error)
{
    if (thread->users > 0) {
        return error_setf(error, "object '%s' is in use, can not be deleted", thread->id);
    }
    g_hash_table_remove(threads, thread->id);
    stop(thread);
    g_main_loop_unref(thread->loop);
    g_main_context_unref(thread->context);
    g_mutex_clear(&thread->lock);
    g_cond_clear(&thread->started);
    g_free(thread->id);
    g_free(thread);
    return true;
}

IOThread *io_thread_find(const char *id)
{
    return threads ? g_hash_table_lookup(threads, id) : NULL;
}

static void start(IOThread *thread)
{
    if (!thread->thread) {
        g_autofree char *name = g_strconcat("IO ", thread->id, NULL);
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

void io_thread_unref(IOThread *thread)
{
    if (thread) {
        thread->users--;
    }
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
