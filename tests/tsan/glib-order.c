/*
 * Tells ThreadSanitizer what GLib's locks order.
 *
 * Debian's GLib is not built for ThreadSanitizer, and GMutex and GCond are futexes of its own, so to the
 * sanitizer everything they protect looks like a race.  This library is loaded in front of GLib
 * (LD_PRELOAD) and marks each unlock as a release and each lock as an acquire of the lock's address; so
 * for conditions and for thread pools.  GLib's threads, eventfds and polls the sanitizer sees by itself.
 *
 * Source of facts: compiler-rt's tsan_interface.h (__tsan_acquire, __tsan_release).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib.h>

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

/* A pool's function with its data, for the call in the pool's thread. */
typedef struct PoolCall {
    GFunc function;
    gpointer data;
} PoolCall;

static void acquire(void *address)
{
    if (__tsan_acquire != NULL) {
        __tsan_acquire(address);
    }
}

static void release(void *address)
{
    if (__tsan_release != NULL) {
        __tsan_release(address);
    }
}

/* The next definition of `name`: GLib's own. */
#define REAL(name) ((__typeof__(&(name)))real_function(#name))

static void *real_function(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    g_assert(found != NULL);
    return found;
}

void (g_mutex_lock)(GMutex *mutex)
{
    REAL(g_mutex_lock)(mutex);
    acquire(mutex);
}

gboolean (g_mutex_trylock)(GMutex *mutex)
{
    gboolean taken = REAL(g_mutex_trylock)(mutex);

    if (taken) {
        acquire(mutex);
    }
    return taken;
}

void (g_mutex_unlock)(GMutex *mutex)
{
    release(mutex);
    REAL(g_mutex_unlock)(mutex);
}

void (g_rec_mutex_lock)(GRecMutex *mutex)
{
    REAL(g_rec_mutex_lock)(mutex);
    acquire(mutex);
}

void (g_rec_mutex_unlock)(GRecMutex *mutex)
{
    release(mutex);
    REAL(g_rec_mutex_unlock)(mutex);
}

void (g_cond_wait)(GCond *condition, GMutex *mutex)
{
    release(mutex);
    REAL(g_cond_wait)(condition, mutex);
    acquire(mutex);
    acquire(condition);
}

gboolean (g_cond_wait_until)(GCond *condition, GMutex *mutex, gint64 end)
{
    release(mutex);
    gboolean signalled = REAL(g_cond_wait_until)(condition, mutex, end);
    acquire(mutex);
    acquire(condition);
    return signalled;
}

void (g_cond_signal)(GCond *condition)
{
    release(condition);
    REAL(g_cond_signal)(condition);
}

void (g_cond_broadcast)(GCond *condition)
{
    release(condition);
    REAL(g_cond_broadcast)(condition);
}

static void call_from_pool(gpointer item, gpointer user_data)
{
    PoolCall *call = user_data;

    acquire(call);
    acquire(item);
    call->function(item, call->data);
}

GThreadPool *(g_thread_pool_new)(GFunc function, gpointer data, gint threads, gboolean exclusive,
                                 GError **error)
{
    /* Lives as long as the process: a pool's end is not told here. */
    PoolCall *call = g_new(PoolCall, 1);

    call->function = function;
    call->data = data;
    release(call);
    return REAL(g_thread_pool_new)(call_from_pool, call, threads, exclusive, error);
}

gboolean (g_thread_pool_push)(GThreadPool *pool, gpointer item, GError **error)
{
    release(item);
    return REAL(g_thread_pool_push)(pool, item, error);
}
