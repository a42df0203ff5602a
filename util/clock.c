/*
 * Clocks and timers: one sorted list and one timerfd for each clock.
 *
 * GLib's own timeouts end on whole milliseconds; a PIT at 1000 Hz or a HPET needs better, hence timerfd.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/clock.h"

#include <errno.h>
#include <glib-unix.h>
#include <stdatomic.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

struct Timer {
    ClockType type;
    TimerCallback callback;
    void *opaque;
    int64_t expire_ns; /* -1: not armed */
    Timer *next;
};

typedef struct {
    GMutex lock; /* guards the list and the timerfd's setting */
    Timer *head; /* by expire_ns, equal ones in the order they were armed */
    int fd;      /* -1 until timers_init(); and for CLOCK_VIRTUAL in manual mode */
} TimerList;

static TimerList lists[CLOCK_TYPE_COUNT] = {{.fd = -1}, {.fd = -1}, {.fd = -1}};

/* CLOCK_VIRTUAL = monotonic + offset while it runs, else virtual_frozen. */
static _Atomic bool virtual_running;
static _Atomic bool virtual_manual;
static _Atomic int64_t virtual_offset;
static _Atomic int64_t virtual_frozen;

static int64_t host_clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NS_PER_SECOND + ts.tv_nsec;
}

int64_t clock_get_ns(ClockType type)
{
    switch (type) {
    case CLOCK_VIRTUAL:
        if (atomic_load_explicit(&virtual_running, memory_order_acquire)) {
            return host_clock_ns(CLOCK_MONOTONIC) + atomic_load(&virtual_offset);
        }
        return atomic_load(&virtual_frozen);
    case CLOCK_HOST:
        return host_clock_ns(CLOCK_REALTIME);
    default:
        return host_clock_ns(CLOCK_MONOTONIC);
    }
}

/* The timerfd's own time for the list's first expiry; 0 disarms it. With the list's lock held. */
static void list_program(TimerList *list, ClockType type)
{
    struct itimerspec spec = {0};
    bool stopped = type == CLOCK_VIRTUAL && !atomic_load(&virtual_running);

    if (list->fd < 0) {
        return;
    }
    if (list->head && !stopped) {
        int64_t ns = list->head->expire_ns;
        if (type == CLOCK_VIRTUAL) {
            ns -= atomic_load(&virtual_offset);
        }
        ns = MAX(ns, 1);
        spec.it_value.tv_sec = ns / NS_PER_SECOND;
        spec.it_value.tv_nsec = ns % NS_PER_SECOND;
    }
    timerfd_settime(list->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* Takes the first timer that is due at @now off the list, or NULL. */
static Timer *list_pop_due(TimerList *list, int64_t now)
{
    Timer *timer = NULL;

    g_mutex_lock(&list->lock);
    if (list->head && list->head->expire_ns <= now) {
        timer = list->head;
        list->head = timer->next;
        timer->next = NULL;
        timer->expire_ns = -1;
    }
    g_mutex_unlock(&list->lock);
    return timer;
}

static void list_run(ClockType type)
{
    TimerList *list = &lists[type];
    int64_t now = clock_get_ns(type);
    Timer *timer;

    if (type == CLOCK_VIRTUAL && !atomic_load(&virtual_running)) {
        return;
    }
    /* One reading of the clock bounds the run: a timer that re-arms itself in the past waits its turn. */
    while ((timer = list_pop_due(list, now))) {
        timer->callback(timer->opaque);
    }
    g_mutex_lock(&list->lock);
    list_program(list, type);
    g_mutex_unlock(&list->lock);
}

static gboolean timerfd_ready(gint fd, GIOCondition condition G_GNUC_UNUSED, gpointer data)
{
    uint64_t expirations;

    while (read(fd, &expirations, sizeof(expirations)) < 0 && errno == EINTR) {
    }
    list_run(GPOINTER_TO_INT(data));
    return G_SOURCE_CONTINUE;
}

void timers_init(void)
{
    for (int type = 0; type < CLOCK_TYPE_COUNT; type++) {
        TimerList *list = &lists[type];
        GSource *source;

        if (list->fd >= 0 || (type == CLOCK_VIRTUAL && atomic_load(&virtual_manual))) {
            continue;
        }
        list->fd = timerfd_create(type == CLOCK_HOST ? CLOCK_REALTIME : CLOCK_MONOTONIC,
                                  TFD_CLOEXEC | TFD_NONBLOCK);
        g_assert(list->fd >= 0);
        source = g_unix_fd_source_new(list->fd, G_IO_IN);
        g_source_set_priority(source, G_PRIORITY_HIGH);
        g_source_set_callback(source, G_SOURCE_FUNC(timerfd_ready), GINT_TO_POINTER(type), NULL);
        g_source_attach(source, NULL);
        g_source_unref(source);
        g_mutex_lock(&list->lock);
        list_program(list, type);
        g_mutex_unlock(&list->lock);
    }
}

static void virtual_reprogram(void)
{
    g_mutex_lock(&lists[CLOCK_VIRTUAL].lock);
    list_program(&lists[CLOCK_VIRTUAL], CLOCK_VIRTUAL);
    g_mutex_unlock(&lists[CLOCK_VIRTUAL].lock);
}

void clock_virtual_set_running(bool running)
{
    if (atomic_load(&virtual_manual) || running == atomic_load(&virtual_running)) {
        return;
    }
    if (running) {
        atomic_store(&virtual_offset,
                     atomic_load(&virtual_frozen) - host_clock_ns(CLOCK_MONOTONIC));
    } else {
        atomic_store(&virtual_frozen,
                     host_clock_ns(CLOCK_MONOTONIC) + atomic_load(&virtual_offset));
    }
    atomic_store_explicit(&virtual_running, running, memory_order_release);
    virtual_reprogram();
}

void clock_virtual_set_ns(int64_t ns)
{
    atomic_store(&virtual_frozen, ns);
    atomic_store(&virtual_offset, ns - host_clock_ns(CLOCK_MONOTONIC));
    virtual_reprogram();
}

void clock_virtual_set_manual(void)
{
    atomic_store(&virtual_running, false);
    atomic_store(&virtual_manual, true);
}

void clock_virtual_step_to(int64_t ns)
{
    TimerList *list = &lists[CLOCK_VIRTUAL];

    for (;;) {
        int64_t due = clock_next_deadline_ns(CLOCK_VIRTUAL);
        Timer *timer;

        if (due < 0 || due > ns) {
            break;
        }
        atomic_store(&virtual_frozen, MAX(due, atomic_load(&virtual_frozen)));
        timer = list_pop_due(list, atomic_load(&virtual_frozen));
        if (timer) {
            timer->callback(timer->opaque);
        }
    }
    atomic_store(&virtual_frozen, MAX(ns, atomic_load(&virtual_frozen)));
}

int64_t clock_next_deadline_ns(ClockType type)
{
    TimerList *list = &lists[type];
    int64_t deadline;

    g_mutex_lock(&list->lock);
    deadline = list->head ? list->head->expire_ns : -1;
    g_mutex_unlock(&list->lock);
    return deadline;
}

Timer *timer_new(ClockType type, TimerCallback callback, void *opaque)
{
    Timer *timer = g_new0(Timer, 1);

    timer->type = type;
    timer->callback = callback;
    timer->opaque = opaque;
    timer->expire_ns = -1;
    return timer;
}

void timer_free(Timer *timer)
{
    if (timer) {
        timer_del(timer);
        g_free(timer);
    }
}

static void list_unlink(TimerList *list, Timer *timer)
{
    for (Timer **link = &list->head; *link; link = &(*link)->next) {
        if (*link == timer) {
            *link = timer->next;
            timer->next = NULL;
            return;
        }
    }
}

void timer_mod(Timer *timer, int64_t expire_ns)
{
    TimerList *list = &lists[timer->type];
    Timer *first;
    Timer **link;

    g_mutex_lock(&list->lock);
    first = list->head;
    if (timer->expire_ns >= 0) {
        list_unlink(list, timer);
    }
    timer->expire_ns = MAX(expire_ns, 0);
    for (link = &list->head; *link && (*link)->expire_ns <= timer->expire_ns; link = &(*link)->next) {
    }
    timer->next = *link;
    *link = timer;
    if (first == timer || list->head == timer) {
        list_program(list, timer->type);
    }
    g_mutex_unlock(&list->lock);
}

void timer_del(Timer *timer)
{
    TimerList *list = &lists[timer->type];

    g_mutex_lock(&list->lock);
    if (timer->expire_ns >= 0) {
        /* The timerfd may now fire for nobody: cheaper than a system call for each disarm. */
        list_unlink(list, timer);
        timer->expire_ns = -1;
    }
    g_mutex_unlock(&list->lock);
}

bool timer_pending(const Timer *timer)
{
    return timer->expire_ns >= 0;
}

int64_t timer_expire_ns(const Timer *timer)
{
    return timer->expire_ns;
}
