/*
 * Timers of the Xen guest: one thread, one timerfd, a deadline for each timer.
 *
 * A thread of its own, because an expiry needs neither the main loop nor the machine lock: it marks
 * an event and interrupts a vCPU. Deadlines are in the guest's clock, which may be set (a restored
 * guest) and stands still while the guest does; the timerfd is told how long it is until then.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "hw/i386/kvm/xen_host.h"
#include "util/error.h"

#define KINDS (XEN_TIMER_RETRY + 1)
#define NS    UINT64_C(1000000000)

struct XenTimers {
    KvmXenHost *host;
    GMutex lock;
    GThread *thread;
    int fd;
    unsigned count;        /* of each kind */
    uint64_t *deadlines;   /* KINDS * count; 0: not armed */
    uint64_t programmed;   /* what the timerfd is set for; UINT64_MAX: nothing */
    bool running, quit;
};

static uint64_t earliest(const XenTimers *timers)
{
    uint64_t first = UINT64_MAX;

    for (unsigned i = 0; i < KINDS * timers->count; i++) {
        if (timers->deadlines[i] && timers->deadlines[i] < first) {
            first = timers->deadlines[i];
        }
    }
    return first;
}

static void program(XenTimers *timers, uint64_t deadline)
{
    struct itimerspec setting = {0};

    timers->programmed = deadline;
    if (deadline != UINT64_MAX) {
        uint64_t now = kvm_clock_ns(timers->host->kvm);
        /* all zeros would mean: never */
        uint64_t ahead = deadline > now ? deadline - now : 1;

        setting.it_value.tv_sec = (time_t)(ahead / NS);
        setting.it_value.tv_nsec = (long)(ahead % NS);
    }
    timerfd_settime(timers->fd, 0, &setting, NULL);
}

void xen_timers_arm(XenTimers *timers, unsigned kind, unsigned index, uint64_t deadline_ns)
{
    g_mutex_lock(&timers->lock);
    timers->deadlines[kind * timers->count + index] = MAX(deadline_ns, 1);
    if (timers->running && deadline_ns < timers->programmed) {
        program(timers, deadline_ns);
    }
    g_mutex_unlock(&timers->lock);
}

/* The timerfd is left alone: firing for nothing is cheaper than a system call each time. */
void xen_timers_disarm(XenTimers *timers, unsigned kind, unsigned index)
{
    g_mutex_lock(&timers->lock);
    timers->deadlines[kind * timers->count + index] = 0;
    g_mutex_unlock(&timers->lock);
}

uint64_t xen_timers_deadline(XenTimers *timers, unsigned kind, unsigned index)
{
    uint64_t deadline;

    g_mutex_lock(&timers->lock);
    deadline = timers->deadlines[kind * timers->count + index];
    g_mutex_unlock(&timers->lock);
    return deadline;
}

void xen_timers_set_running(XenTimers *timers, bool running)
{
    g_mutex_lock(&timers->lock);
    timers->running = running;
    program(timers, running ? earliest(timers) : UINT64_MAX);
    g_mutex_unlock(&timers->lock);
}

static void expire(XenTimers *timers, unsigned slot)
{
    KvmXenHost *host = timers->host;
    unsigned kind = slot / timers->count, index = slot % timers->count;

    if (kind == XEN_TIMER_POLL) {
        atomic_store(&host->vcpus[index].deadline_passed, true);
        kvm_vcpu_kick(host->vcpus[index].vcpu);
    } else if (kind == XEN_TIMER_RETRY) {
        atomic_store(&host->vcpus[index].look_again, true);
        kvm_vcpu_kick(host->vcpus[index].vcpu);
    } else {
        xen_domain_timer_expired(host->domain, kind, index);
    }
}

/* The next slot that is due, taken out of the table; -1: none is. */
static int take_due(XenTimers *timers, uint64_t now)
{
    for (unsigned i = 0; i < KINDS * timers->count; i++) {
        if (timers->deadlines[i] && timers->deadlines[i] <= now) {
            timers->deadlines[i] = 0;
            return (int)i;
        }
    }
    return -1;
}

/* Lock held; given up around each expiry. */
static void run_due(XenTimers *timers)
{
    uint64_t now = kvm_clock_ns(timers->host->kvm);
    int slot;

    timers->programmed = UINT64_MAX;
    while (timers->running && (slot = take_due(timers, now)) >= 0) {
        g_mutex_unlock(&timers->lock);
        expire(timers, (unsigned)slot);
        g_mutex_lock(&timers->lock);
    }
    if (timers->running && earliest(timers) < timers->programmed) {
        program(timers, earliest(timers));
    }
}

static gpointer timer_thread(gpointer opaque)
{
    XenTimers *timers = opaque;
    uint64_t count;

    while (read(timers->fd, &count, sizeof(count)) > 0 || errno == EINTR) {
        g_mutex_lock(&timers->lock);
        if (timers->quit) {
            g_mutex_unlock(&timers->lock);
            break;
        }
        run_due(timers);
        g_mutex_unlock(&timers->lock);
    }
    return NULL;
}

XenTimers *xen_timers_new(KvmXenHost *host, GError **error)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    XenTimers *timers;

    if (fd < 0) {
        error_set_errno(error, errno, "no timer for the Xen guest");
        return NULL;
    }
    timers = g_new0(XenTimers, 1);
    timers->host = host;
    timers->fd = fd;
    timers->count = MAX(host->vcpu_count, 2); /* two watchdogs */
    timers->deadlines = g_new0(uint64_t, KINDS * timers->count);
    timers->programmed = UINT64_MAX;
    g_mutex_init(&timers->lock);
    timers->thread = g_thread_new("xen-timers", timer_thread, timers);
    return timers;
}

void xen_timers_stop(XenTimers *timers)
{
    if (!timers || !timers->thread) {
        return;
    }
    g_mutex_lock(&timers->lock);
    timers->quit = true;
    timers->running = false;
    timerfd_settime(timers->fd, 0, &(struct itimerspec){.it_value.tv_nsec = 1}, NULL);
    g_mutex_unlock(&timers->lock);
    g_thread_join(timers->thread);
    timers->thread = NULL;
}

void xen_timers_free(XenTimers *timers)
{
    if (!timers) {
        return;
    }
    xen_timers_stop(timers);
    close(timers->fd);
    g_mutex_clear(&timers->lock);
    g_free(timers->deadlines);
    g_free(timers);
}

void xen_host_arm_timer(XenHost *host, XenTimerKind kind, unsigned index, uint64_t deadline_ns)
{
    xen_timers_arm(xen_host_of(host)->timers, kind, index, deadline_ns);
}

void xen_host_disarm_timer(XenHost *host, XenTimerKind kind, unsigned index)
{
    xen_timers_disarm(xen_host_of(host)->timers, kind, index);
}
