/*
 * A vCPU's one-shot and periodic timers (VIRQ_TIMER), and the domain's two watchdogs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

#define FAR_AHEAD_SHIFT 50
#define FALLBACK_NS     UINT64_C(100000000)
#define NS_IN_SECOND    UINT64_C(1000000000)

void xen_timer_set_singleshot(XenDomain *domain, unsigned vcpu, uint64_t deadline)
{
    domain->vcpus[vcpu].singleshot = deadline;
    if (deadline) {
        domain->host->ops->arm_timer(domain->host, XEN_TIMER_SINGLESHOT, vcpu, deadline);
    } else {
        domain->host->ops->disarm_timer(domain->host, XEN_TIMER_SINGLESHOT, vcpu);
    }
}

void xen_timer_set_periodic(XenDomain *domain, unsigned vcpu, uint64_t period)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    v->period = period;
    v->next_period = period ? xen_now(domain) + period : 0;
    if (period) {
        domain->host->ops->arm_timer(domain->host, XEN_TIMER_PERIODIC, vcpu, v->next_period);
    } else {
        domain->host->ops->disarm_timer(domain->host, XEN_TIMER_PERIODIC, vcpu);
    }
}

void xen_timer_reset(XenDomain *domain)
{
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        xen_timer_set_singleshot(domain, i, 0);
        xen_timer_set_periodic(domain, i, 0);
    }
    for (unsigned i = 0; i < XEN_WATCHDOGS; i++) {
        domain->watchdogs[i] = (XenWatchdog){0};
        domain->host->ops->disarm_timer(domain->host, XEN_TIMER_WATCHDOG, i);
    }
}

static void periodic_expired(XenDomain *domain, unsigned vcpu)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    uint64_t now = xen_now(domain);
    if (v->period == 0) {
        return;
    }
    /* Ticks that nobody saw are not made up for. */
    v->next_period += v->period;
    if (v->next_period <= now) {
        v->next_period = now + v->period;
    }
    domain->host->ops->arm_timer(domain->host, XEN_TIMER_PERIODIC, vcpu, v->next_period);
    xen_domain_raise_virq(domain, VIRQ_TIMER, vcpu);
}

void xen_domain_timer_expired(XenDomain *domain, XenTimerKind kind, unsigned index)
{
    xen_lock(domain);
    if (kind == XEN_TIMER_WATCHDOG && index < XEN_WATCHDOGS) {
        if (domain->watchdogs[index].deadline) {
            domain->watchdogs[index].deadline = 0;
            domain->host->ops->shutdown(domain->host, SHUTDOWN_watchdog);
        }
    } else if (kind == XEN_TIMER_SINGLESHOT && index < domain->config.vcpus) {
        if (domain->vcpus[index].singleshot) {
            domain->vcpus[index].singleshot = 0;
            xen_domain_raise_virq(domain, VIRQ_TIMER, index);
        }
    } else if (kind == XEN_TIMER_PERIODIC && index < domain->config.vcpus) {
        periodic_expired(domain, index);
    }
    xen_unlock(domain);
}

int64_t xen_watchdog_set(XenDomain *domain, uint32_t id, uint32_t seconds)
{
    int64_t result = 0;
    if (id > XEN_WATCHDOGS || (id == 0 && seconds == 0)) {
        return -XEN_EINVAL;
    }
    if (id == 0) {
        while (id < XEN_WATCHDOGS && domain->watchdogs[id].in_use) {
            id++;
        }
        if (id == XEN_WATCHDOGS) {
            return -XEN_ENOSPC;
        }
        result = ++id;
    } else if (!domain->watchdogs[id - 1].in_use) {
        return -XEN_EINVAL;
    }
    XenWatchdog *watchdog = &domain->watchdogs[id - 1];
    watchdog->in_use = seconds != 0;
    watchdog->deadline = seconds ? xen_now(domain) + seconds * NS_IN_SECOND : 0;
    if (seconds) {
        domain->host->ops->arm_timer(domain->host, XEN_TIMER_WATCHDOG, id - 1, watchdog->deadline);
    } else {
        domain->host->ops->disarm_timer(domain->host, XEN_TIMER_WATCHDOG, id - 1);
    }
    return result;
}

/* The kernel can raise the timer's port by itself, as long as it is a 2-level one. */
void xen_virq_changed(XenDomain *domain, unsigned virq, unsigned vcpu)
{
    if (virq == VIRQ_TIMER) {
        bool two_level = domain->evtchn.ops == &xen_evtchn_2l_ops;
        domain->host->ops->set_timer_port(
            domain->host, vcpu, two_level ? domain->vcpus[vcpu].virq_port[VIRQ_TIMER] : 0);
    }
}

int64_t xen_set_timer_op(XenCall *call)
{
    XenDomain *domain = call->domain;
    uint64_t deadline =
        call->long_mode ? call->arguments[0] : call->arguments[0] | call->arguments[1] << 32;
    uint64_t now = xen_now(domain);
    int64_t ahead = deadline - now;
    /* Old Linux asks for times that wrapped: it is woken soon, to find out for itself. */
    if (deadline != 0 &&
        ((int64_t)deadline < 0 || (ahead > 0 && (ahead >> FAR_AHEAD_SHIFT) != 0))) {
        deadline = now + FALLBACK_NS;
    }
    xen_lock(domain);
    xen_timer_set_singleshot(domain, call->vcpu, deadline);
    xen_unlock(domain);
    return 0;
}
