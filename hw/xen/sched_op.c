/*
 * SCHED_OP: giving up the processor, waiting for events, and ending.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

/* The sleep is announced first: an event that comes from here on is not missed. */
static void announce(XenCall *call, int64_t port)
{
    XenVcpu *v = &call->domain->vcpus[call->vcpu];
    xen_domain_awake(call->domain, call->vcpu);
    __atomic_store_n(&v->sleeping, true, __ATOMIC_SEQ_CST);
    if (port >= 0) {
        __atomic_store_n(&v->poll_port, port, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&call->domain->pollers, 1, __ATOMIC_SEQ_CST);
    }
}

static int64_t yield(XenCall *call, void *argument)
{
    call->outcome = XEN_CALL_YIELD;
    return 0;
}

static int64_t block(XenCall *call, void *argument)
{
    uint8_t *info = xen_vcpu_info(call->domain, call->vcpu);
    announce(call, -1);
    call->domain->vcpus[call->vcpu].poll_count = 0;
    __atomic_store_n(&info[VCPU_INFO_MASK], 0, __ATOMIC_SEQ_CST);
    if (xen_vcpu_upcall_deliverable(call->domain, call->vcpu)) {
        xen_domain_awake(call->domain, call->vcpu);
    } else {
        call->outcome = XEN_CALL_SLEEP;
    }
    return 0;
}

/* 1: one of the ports is pending, 0: none is, else -errno. */
static int64_t look_at_ports(XenCall *call, const sched_poll_t *poll, uint32_t *only)
{
    for (unsigned i = 0; i < poll->nr_ports; i++) {
        uint32_t port;
        if (!xen_copy_in(call, XEN_GUEST_ADDRESS(poll->ports) + i * sizeof(port), &port,
                         sizeof(port))) {
            return -XEN_EFAULT;
        }
        if (!xen_port(call->domain, port)) {
            return -XEN_EINVAL;
        }
        if (xen_port_is_pending(call->domain, port)) {
            return 1;
        }
        call->domain->vcpus[call->vcpu].poll_list[i] = port;
        *only = port;
    }
    return 0;
}

static int64_t poll(XenCall *call, void *argument)
{
    sched_poll_t *poll = argument;
    uint32_t only = 0;
    if (poll->nr_ports > XEN_POLL_PORTS_MAX) {
        return -XEN_EINVAL;
    }
    announce(call, 0);
    int64_t result = 1;
    if (!xen_vcpu_upcall_deliverable(call->domain, call->vcpu)) {
        result = look_at_ports(call, poll, &only);
    }
    if (result != 0 || (poll->timeout != 0 && poll->timeout <= xen_now(call->domain))) {
        xen_domain_awake(call->domain, call->vcpu);
        return MIN(result, 0);
    }
    if (poll->nr_ports == 1) {
        __atomic_store_n(&call->domain->vcpus[call->vcpu].poll_port, only, __ATOMIC_SEQ_CST);
    }
    call->domain->vcpus[call->vcpu].poll_count = poll->nr_ports;
    call->outcome = XEN_CALL_SLEEP;
    call->deadline = poll->timeout;
    return 0;
}

static int64_t shutdown(XenCall *call, void *argument)
{
    sched_shutdown_t *shutdown = argument;
    XenDomain *domain = call->domain;
    uint8_t reason = domain->shutdown_code >= 0 ? domain->shutdown_code : (int)shutdown->reason;
    xen_lock(domain);
    domain->host->ops->shutdown(domain->host, reason);
    xen_unlock(domain);
    return 0;
}

/* The reason of a later shutdown, set once. */
static int64_t shutdown_code(XenCall *call, void *argument)
{
    sched_shutdown_t *shutdown = argument;
    if (call->domain->shutdown_code >= 0) {
        return -XEN_EBUSY;
    }
    call->domain->shutdown_code = (uint8_t)shutdown->reason;
    return 0;
}

static int64_t remote_shutdown(XenCall *call, void *argument)
{
    sched_remote_shutdown_t *remote = argument;
    return xen_check_self(call->domain, remote->domain_id) == -XEN_ESRCH ? -XEN_ESRCH : -XEN_EPERM;
}

static int64_t watchdog(XenCall *call, void *argument)
{
    sched_watchdog_t *watchdog = argument;
    xen_lock(call->domain);
    int64_t result = xen_watchdog_set(call->domain, watchdog->id, watchdog->timeout);
    xen_unlock(call->domain);
    return result;
}

static int64_t pin_override(XenCall *call, void *argument)
{
    return -XEN_EPERM;
}

static const XenField poll_fields[] = {{0, 8, 0, 4}, {8, 4, 4, 4}, {16, 8, 8, 8}};
static const XenLayout poll_layout = XEN_LAYOUT(poll_fields, 16);

static const XenSubOp sched_ops[] = {
    {SCHEDOP_yield, "yield", yield},
    {SCHEDOP_block, "block", block},
    {SCHEDOP_shutdown, "shutdown", shutdown, sizeof(sched_shutdown_t)},
    {SCHEDOP_poll, "poll", poll, sizeof(sched_poll_t), 0, &poll_layout},
    {SCHEDOP_remote_shutdown, "remote_shutdown", remote_shutdown, sizeof(sched_remote_shutdown_t)},
    {SCHEDOP_shutdown_code, "shutdown_code", shutdown_code, sizeof(sched_shutdown_t)},
    {SCHEDOP_watchdog, "watchdog", watchdog, sizeof(sched_watchdog_t)},
    {SCHEDOP_pin_override, "pin_override", pin_override},
};

int64_t xen_sched_op(XenCall *call)
{
    return xen_sub_op(call, __HYPERVISOR_sched_op, sched_ops, G_N_ELEMENTS(sched_ops),
                      call->arguments[0], call->arguments[1]);
}
