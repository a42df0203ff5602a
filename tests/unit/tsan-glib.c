/*
 * GLib's locks over POSIX threads, for ThreadSanitizer.
 *
 * The system's GLib is not built for ThreadSanitizer, and its GMutex, GCond and GRWLock are futexes of its own: the
 * sanitizer cannot see what they order and would call everything they guard a race. This file takes their place in
 * the tests of the suite `threads`: the same functions over pthread locks, which the sanitizer knows, so that it sees
 * races and wrong lock orders. The program's definitions win over the library's for the program and for every library
 * but GLib itself, whose own locks stay inside it; no lock is used from both sides. Thread pools and main contexts
 * have such inner locks, so the sanitizer is told of what goes through them. GThread needs nothing: it is a pthread.
 *
 * Source of facts: GLib's reference manual (Threads, Thread Pools), compiler-rt's tsan_interface.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <dlfcn.h>
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

static void must_be_zero(int result)
{
    if (result != 0) {
        abort();
    }
}

/* A lock's room, not from GLib: GLib's allocator may itself be what is being locked. */
static void *make_room(size_t size)
{
    void *room = calloc(1, size);

    if (!room) {
        abort();
    }
    return room;
}

/*
 * The pthread lock of `place`, made at its first use: GLib's locks may be static zeros. When two threads come at once,
 * the later one's is thrown away again.
 */
static void *lock_at(gpointer *place, void *(*make)(void), void (*destroy)(void *))
{
    void *lock = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    void *expected = NULL;

    if (lock) {
        return lock;
    }
    lock = make();
    if (!__atomic_compare_exchange_n(place, &expected, lock, FALSE, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        destroy(lock);
        return expected;
    }
    return lock;
}

static void clear_at(gpointer *place, void (*destroy)(void *))
{
    void *lock = __atomic_exchange_n(place, NULL, __ATOMIC_ACQ_REL);

    if (lock) {
        destroy(lock);
    }
}

static void *mutex_of_type(int type)
{
    pthread_mutex_t *mutex = make_room(sizeof(*mutex));
    pthread_mutexattr_t attributes;

    must_be_zero(pthread_mutexattr_init(&attributes));
    must_be_zero(pthread_mutexattr_settype(&attributes, type));
    must_be_zero(pthread_mutex_init(mutex, &attributes));
    pthread_mutexattr_destroy(&attributes);
    return mutex;
}

/* GMutex */

static void *mutex_make(void)
{
    return mutex_of_type(PTHREAD_MUTEX_ERRORCHECK);
}

static void mutex_destroy(void *mutex)
{
    must_be_zero(pthread_mutex_destroy(mutex));
    free(mutex);
}

static pthread_mutex_t *mutex_at(GMutex *mutex)
{
    return lock_at(&mutex->p, mutex_make, mutex_destroy);
}

EXPORT void (g_mutex_init)(GMutex *mutex)
{
    mutex->p = mutex_make();
}

EXPORT void (g_mutex_clear)(GMutex *mutex)
{
    clear_at(&mutex->p, mutex_destroy);
}

EXPORT void (g_mutex_lock)(GMutex *mutex)
{
    must_be_zero(pthread_mutex_lock(mutex_at(mutex)));
}

EXPORT gboolean (g_mutex_trylock)(GMutex *mutex)
{
    int result = pthread_mutex_trylock(mutex_at(mutex));

    if (result != EBUSY) {
        must_be_zero(result);
    }
    return result == 0;
}

EXPORT void (g_mutex_unlock)(GMutex *mutex)
{
    must_be_zero(pthread_mutex_unlock(mutex_at(mutex)));
}

/* GRecMutex */

static void *rec_mutex_make(void)
{
    return mutex_of_type(PTHREAD_MUTEX_RECURSIVE);
}

static pthread_mutex_t *rec_mutex_at(GRecMutex *mutex)
{
    return lock_at(&mutex->p, rec_mutex_make, mutex_destroy);
}

EXPORT void (g_rec_mutex_init)(GRecMutex *mutex)
{
    mutex->p = rec_mutex_make();
}

EXPORT void (g_rec_mutex_clear)(GRecMutex *mutex)
{
    clear_at(&mutex->p, mutex_destroy);
}

EXPORT void (g_rec_mutex_lock)(GRecMutex *mutex)
{
    must_be_zero(pthread_mutex_lock(rec_mutex_at(mutex)));
}

EXPORT gboolean (g_rec_mutex_trylock)(GRecMutex *mutex)
{
    return pthread_mutex_trylock(rec_mutex_at(mutex)) == 0;
}

EXPORT void (g_rec_mutex_unlock)(GRecMutex *mutex)
{
    must_be_zero(pthread_mutex_unlock(rec_mutex_at(mutex)));
}

/* GRWLock */

static void *rw_lock_make(void)
{
    pthread_rwlock_t *lock = make_room(sizeof(*lock));

    must_be_zero(pthread_rwlock_init(lock, NULL));
    return lock;
}

static void rw_lock_destroy(void *lock)
{
    must_be_zero(pthread_rwlock_destroy(lock));
    free(lock);
}

static pthread_rwlock_t *rw_lock_at(GRWLock *lock)
{
    return lock_at(&lock->p, rw_lock_make, rw_lock_destroy);
}

EXPORT void (g_rw_lock_init)(GRWLock *lock)
{
    lock->p = rw_lock_make();
}

EXPORT void (g_rw_lock_clear)(GRWLock *lock)
{
    clear_at(&lock->p, rw_lock_destroy);
}

EXPORT void (g_rw_lock_writer_lock)(GRWLock *lock)
{
    must_be_zero(pthread_rwlock_wrlock(rw_lock_at(lock)));
}

EXPORT gboolean (g_rw_lock_writer_trylock)(GRWLock *lock)
{
    return pthread_rwlock_trywrlock(rw_lock_at(lock)) == 0;
}

EXPORT void (g_rw_lock_writer_unlock)(GRWLock *lock)
{
    must_be_zero(pthread_rwlock_unlock(rw_lock_at(lock)));
}

EXPORT void (g_rw_lock_reader_lock)(GRWLock *lock)
{
    must_be_zero(pthread_rwlock_rdlock(rw_lock_at(lock)));
}

EXPORT gboolean (g_rw_lock_reader_trylock)(GRWLock *lock)
{
    return pthread_rwlock_tryrdlock(rw_lock_at(lock)) == 0;
}

EXPORT void (g_rw_lock_reader_unlock)(GRWLock *lock)
{
    must_be_zero(pthread_rwlock_unlock(rw_lock_at(lock)));
}

/* GCond: waits on the monotonic clock, as g_cond_wait_until() counts. */

static void *cond_make(void)
{
    pthread_cond_t *cond = make_room(sizeof(*cond));
    pthread_condattr_t attributes;

    must_be_zero(pthread_condattr_init(&attributes));
    must_be_zero(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must_be_zero(pthread_cond_init(cond, &attributes));
    pthread_condattr_destroy(&attributes);
    return cond;
}

static void cond_destroy(void *cond)
{
    must_be_zero(pthread_cond_destroy(cond));
    free(cond);
}

static pthread_cond_t *cond_at(GCond *cond)
{
    return lock_at(&cond->p, cond_make, cond_destroy);
}

EXPORT void (g_cond_init)(GCond *cond)
{
    cond->p = cond_make();
}

EXPORT void (g_cond_clear)(GCond *cond)
{
    clear_at(&cond->p, cond_destroy);
}

EXPORT void (g_cond_wait)(GCond *cond, GMutex *mutex)
{
    must_be_zero(pthread_cond_wait(cond_at(cond), mutex_at(mutex)));
}

EXPORT gboolean (g_cond_wait_until)(GCond *cond, GMutex *mutex, gint64 end_time)
{
    struct timespec end = {
        .tv_sec = end_time / G_USEC_PER_SEC,
        .tv_nsec = end_time % G_USEC_PER_SEC * 1000,
    };
    int result = pthread_cond_timedwait(cond_at(cond), mutex_at(mutex), &end);

    if (result != ETIMEDOUT) {
        must_be_zero(result);
    }
    return result == 0;
}

EXPORT void (g_cond_signal)(GCond *cond)
{
    must_be_zero(pthread_cond_signal(cond_at(cond)));
}

EXPORT void (g_cond_broadcast)(GCond *cond)
{
    must_be_zero(pthread_cond_broadcast(cond_at(cond)));
}

/*
 * g_once_init: one lock for all places, and the list of those whose value is being made. The fast path, a load with
 * acquire, is in GLib's macro.
 */

typedef struct OncePlace OncePlace;
struct OncePlace {
    volatile void *location;
    OncePlace *next;
};

static pthread_mutex_t once_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t once_made = PTHREAD_COND_INITIALIZER;
static OncePlace *once_making;

static OncePlace **once_find(volatile void *location)
{
    OncePlace **at = &once_making;

    while (*at && (*at)->location != location) {
        at = &(*at)->next;
    }
    return at;
}

EXPORT gboolean (g_once_init_enter)(volatile void *location)
{
    volatile gsize *value = location;
    gboolean ours = FALSE;

    must_be_zero(pthread_mutex_lock(&once_mutex));
    while (__atomic_load_n(value, __ATOMIC_ACQUIRE) == 0) {
        if (!*once_find(location)) {
            OncePlace *place = make_room(sizeof(*place));

            place->location = location;
            place->next = once_making;
            once_making = place;
            ours = TRUE;
            break;
        }
        must_be_zero(pthread_cond_wait(&once_made, &once_mutex));
    }
    must_be_zero(pthread_mutex_unlock(&once_mutex));
    return ours;
}

EXPORT void (g_once_init_leave)(volatile void *location, gsize result)
{
    volatile gsize *value = location;
    OncePlace **at;
    OncePlace *place;

    must_be_zero(pthread_mutex_lock(&once_mutex));
    at = once_find(location);
    place = *at;
    if (!place || result == 0) {
        abort();
    }
    *at = place->next;
    free(place);
    __atomic_store_n(value, result, __ATOMIC_RELEASE);
    must_be_zero(pthread_cond_broadcast(&once_made));
    must_be_zero(pthread_mutex_unlock(&once_mutex));
}

/*
 * Thread pools: GLib's own, with a function in front of the caller's that takes over what was done before the push.
 */

typedef struct PoolCall {
    GFunc function;
    gpointer data;
} PoolCall;

/* The next definition of a function: GLib's own. */
static void *behind(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (!found) {
        abort();
    }
    return found;
}

static void call_from_pool(gpointer item, gpointer data)
{
    PoolCall *call = data;

    __tsan_acquire(call);
    __tsan_acquire(item);
    call->function(item, call->data);
}

EXPORT GThreadPool *(g_thread_pool_new)(GFunc function, gpointer data, gint threads, gboolean exclusive,
                                        GError **error)
{
    __typeof__(&g_thread_pool_new) make = behind("g_thread_pool_new");
    /* Kept for ever, like the pools of the programs under test. */
    PoolCall *call = make_room(sizeof(*call));

    call->function = function;
    call->data = data;
    __tsan_release(call);
    return make(call_from_pool, call, threads, exclusive, error);
}

EXPORT gboolean (g_thread_pool_push)(GThreadPool *pool, gpointer item, GError **error)
{
    __typeof__(&g_thread_pool_push) push = behind("g_thread_pool_push");

    __tsan_release(item);
    return push(pool, item, error);
}

/*
 * Idle sources: how one thread, or a GTask's, gives work to another's main loop. What was done before the source was
 * attached comes before its dispatch.
 */

static GSourceFuncs idle_funcs;
static pthread_once_t idle_once = PTHREAD_ONCE_INIT;

static gboolean idle_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    __tsan_acquire(source);
    return g_idle_funcs.dispatch(source, callback, data);
}

static void make_idle_funcs(void)
{
    idle_funcs = g_idle_funcs;
    idle_funcs.dispatch = idle_dispatch;
}

EXPORT guint (g_source_attach)(GSource *source, GMainContext *context)
{
    __typeof__(&g_source_attach) attach = behind("g_source_attach");

    must_be_zero(pthread_once(&idle_once, make_idle_funcs));
    if (source->source_funcs == &g_idle_funcs) {
        g_source_set_funcs(source, &idle_funcs);
    }
    __tsan_release(source);
    return attach(source, context);
}
