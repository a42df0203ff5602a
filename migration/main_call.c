/*
 * Errands to the main loop, which may end before they are run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "migration/main_call.h"

typedef struct {
    gatomicrefcount references; /* the thread's and the loop's */
    void (*function)(void *opaque);
    void *opaque;
    bool done;
} Call;

static GMutex lock;
static GCond changed;
static bool closed;

static void call_unref(gpointer data)
{
    Call *call = data;

    if (g_atomic_ref_count_dec(&call->references)) {
        g_free(call);
    }
}

static gboolean run(gpointer data)
{
    Call *call = data;
    bool abandoned;

    g_mutex_lock(&lock);
    abandoned = closed;
    g_mutex_unlock(&lock);
    if (abandoned) {
        return G_SOURCE_REMOVE; /* what @opaque names may be gone */
    }
    call->function(call->opaque);
    g_mutex_lock(&lock);
    call->done = true;
    g_cond_broadcast(&changed);
    g_mutex_unlock(&lock);
    return G_SOURCE_REMOVE;
}

bool main_call(void (*function)(void *opaque), void *opaque)
{
    Call *call = g_new0(Call, 1);
    bool done;

    g_atomic_ref_count_init(&call->references);
    g_atomic_ref_count_inc(&call->references);
    call->function = function;
    call->opaque = opaque;
    g_idle_add_full(G_PRIORITY_DEFAULT, run, call, call_unref);
    g_mutex_lock(&lock);
    while (!call->done && !closed) {
        g_cond_wait(&changed, &lock);
    }
    done = call->done;
    g_mutex_unlock(&lock);
    call_unref(call);
    return done;
}

void main_call_close(void)
{
    g_mutex_lock(&lock);
    closed = true;
    g_cond_broadcast(&changed);
    g_mutex_unlock(&lock);
}
