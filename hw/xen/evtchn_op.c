/*
 * EVENT_CHANNEL_OP: the fourteen things a guest may do with its ports.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

/* A fresh port with @state on it; the port or -errno. */
static int64_t new_port(XenDomain *domain, XenPortState state)
{
    int64_t port = xen_port_allocate(domain);
    if (port > 0) {
        XenPort *entry = xen_port(domain, port);
        state.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        xen_port_set_state(entry, &state);
        xen_port_offload(domain, port, entry);
    }
    return port;
}

static int64_t give_port(int64_t port, evtchn_port_t *out)
{
    if (port < 0) {
        return port;
    }
    *out = port;
    return 0;
}

static int64_t alloc_unbound(XenCall *call, void *argument)
{
    evtchn_alloc_unbound_t *alloc = argument;
    XenDomain *domain = call->domain;
    int64_t result = xen_check_self(domain, alloc->dom);
    if (result != 0) {
        return result;
    }
    XenPortState state = {.kind = EVTCHNSTAT_unbound, .remote_domain = alloc->remote_dom};
    if (alloc->remote_dom == DOMID_SELF) {
        state.remote_domain = domain->config.domain_id;
    }
    return give_port(new_port(domain, state), &alloc->port);
}

static int64_t bind_loopback(XenDomain *domain, uint32_t remote_port)
{
    uint16_t own = domain->config.domain_id;
    XenPort *remote = xen_port(domain, remote_port);
    XenPortState there = remote ? xen_port_state(remote) : (XenPortState){0};
    if (there.kind != EVTCHNSTAT_unbound || there.remote_domain != own) {
        return -XEN_EINVAL;
    }
    XenPortState here = {
        .kind = EVTCHNSTAT_interdomain, .remote_domain = own, .other = remote_port};
    int64_t port = new_port(domain, here);
    if (port > 0) {
        there.kind = EVTCHNSTAT_interdomain;
        there.other = port;
        xen_port_set_state(remote, &there);
        xen_port_offload(domain, remote_port, remote);
    }
    return port;
}

static int64_t bind_interdomain(XenCall *call, void *argument)
{
    evtchn_bind_interdomain_t *bind = argument;
    XenDomain *domain = call->domain;
    int64_t port;
    if (bind->remote_dom == DOMID_SELF || bind->remote_dom == domain->config.domain_id) {
        port = bind_loopback(domain, bind->remote_port);
    } else if (bind->remote_dom == 0) {
        port = xen_evtchn_connect_backend(domain, bind->remote_port);
    } else {
        return -XEN_ESRCH;
    }
    if (port > 0) {
        /* Something may have been sent while the other end was unbound. */
        xen_port_raise(domain, port, xen_port(domain, port));
    }
    return give_port(port, &bind->local_port);
}

static int64_t bind_virq(XenCall *call, void *argument)
{
    evtchn_bind_virq_t *bind = argument;
    XenDomain *domain = call->domain;
    if (bind->virq >= XEN_VIRQS || (xen_virq_is_global(bind->virq) && bind->vcpu != 0)) {
        return -XEN_EINVAL;
    }
    if (bind->vcpu >= domain->config.vcpus) {
        return -XEN_ENOENT;
    }
    uint32_t *slot = &domain->vcpus[bind->vcpu].virq_port[bind->virq];
    if (*slot != 0) {
        return -XEN_EEXIST;
    }
    XenPortState state = {.kind = EVTCHNSTAT_virq, .vcpu = bind->vcpu, .other = bind->virq};
    int64_t port = new_port(domain, state);
    if (port > 0) {
        __atomic_store_n(slot, port, __ATOMIC_RELEASE);
        xen_virq_changed(domain, bind->virq, bind->vcpu);
    }
    return give_port(port, &bind->port);
}

static int64_t bind_ipi(XenCall *call, void *argument)
{
    evtchn_bind_ipi_t *bind = argument;
    if (bind->vcpu >= call->domain->config.vcpus) {
        return -XEN_ENOENT;
    }
    XenPortState state = {.kind = EVTCHNSTAT_ipi, .vcpu = bind->vcpu};
    return give_port(new_port(call->domain, state), &bind->port);
}

static int64_t bind_pirq(XenCall *call, void *argument)
{
    evtchn_bind_pirq_t *bind = argument;
    XenDomain *domain = call->domain;
    if (bind->pirq >= domain->config.max_pirqs) {
        return -XEN_EINVAL;
    }
    XenPirq *pirq = &domain->pirqs[bind->pirq];
    if (pirq->port != 0) {
        return -XEN_EEXIST;
    }
    XenPortState state = {.kind = EVTCHNSTAT_pirq, .other = bind->pirq};
    int64_t port = new_port(domain, state);
    if (port > 0) {
        pirq->port = port;
        if (pirq->mapped && !pirq->msi && pirq->level) {
            xen_port_raise(domain, port, xen_port(domain, port));
        }
    }
    return give_port(port, &bind->port);
}

static int64_t close_port(XenCall *call, void *argument)
{
    evtchn_close_t *close = argument;
    return xen_port_close(call->domain, close->port);
}

static int64_t send(XenDomain *domain, uint32_t port)
{
    XenPort *entry = xen_port(domain, port);
    XenPortState state = entry ? xen_port_state(entry) : (XenPortState){0};
    switch (state.kind) {
    case EVTCHNSTAT_interdomain:
        if (state.remote_domain == 0) {
            xen_evtchn_backend_send(entry);
        } else {
            XenPort *remote = xen_port(domain, state.other);
            if (remote) {
                xen_port_raise(domain, state.other, remote);
            }
        }
        return 0;
    case EVTCHNSTAT_ipi:
        xen_port_raise(domain, port, entry);
        return 0;
    case EVTCHNSTAT_unbound:
        return 0;
    default:
        return -XEN_EINVAL;
    }
}

static int64_t status(XenCall *call, void *argument)
{
    evtchn_status_t *status = argument;
    int64_t result = xen_check_self(call->domain, status->dom);
    if (result != 0) {
        return result;
    }
    XenPort *entry = xen_port(call->domain, status->port);
    if (!entry && status->port != 0) {
        return -XEN_EINVAL;
    }
    /* port 0 is nobody's, and never open */
    XenPortState state = entry ? xen_port_state(entry) : (XenPortState){0};
    status->status = state.kind;
    status->vcpu = state.vcpu;
    switch (state.kind) {
    case EVTCHNSTAT_unbound:
        status->u.unbound.dom = state.remote_domain;
        break;
    case EVTCHNSTAT_interdomain:
        status->u.interdomain.dom = state.remote_domain;
        status->u.interdomain.port = state.other;
        break;
    case EVTCHNSTAT_pirq:
        status->u.pirq = state.other;
        break;
    case EVTCHNSTAT_virq:
        status->u.virq = state.other;
        break;
    default:
        break;
    }
    return 0;
}

static int64_t bind_vcpu(XenCall *call, void *argument)
{
    evtchn_bind_vcpu_t *bind = argument;
    XenDomain *domain = call->domain;
    if (bind->vcpu >= domain->config.vcpus) {
        return -XEN_ENOENT;
    }
    XenPort *entry = xen_port(domain, bind->port);
    XenPortState state = entry ? xen_port_state(entry) : (XenPortState){0};
    bool movable = state.kind == EVTCHNSTAT_unbound || state.kind == EVTCHNSTAT_interdomain ||
                   state.kind == EVTCHNSTAT_pirq ||
                   (state.kind == EVTCHNSTAT_virq && xen_virq_is_global(state.other));
    if (!movable) {
        return -XEN_EINVAL;
    }
    state.vcpu = bind->vcpu;
    xen_port_set_state(entry, &state);
    if (state.kind == EVTCHNSTAT_interdomain && state.remote_domain != 0) {
        /* The kernel delivers the other end's sends to this vCPU. */
        XenPort *remote = xen_port(domain, state.other);
        if (remote) {
            xen_port_offload(domain, state.other, remote);
        }
    }
    return 0;
}

static int64_t unmask(XenCall *call, void *argument)
{
    evtchn_unmask_t *unmask = argument;
    XenPort *entry = xen_port(call->domain, unmask->port);
    if (!entry) {
        return -XEN_EINVAL;
    }
    call->domain->evtchn.ops->unmask(call->domain, unmask->port, entry, xen_port_state(entry).vcpu);
    return 0;
}

static int64_t reset(XenCall *call, void *argument)
{
    evtchn_reset_t *reset = argument;
    int64_t result = xen_check_self(call->domain, reset->dom);
    if (result == 0) {
        xen_evtchn_reset(call->domain);
    }
    return result;
}

static int64_t init_control(XenCall *call, void *argument)
{
    evtchn_init_control_t *init = argument;
    init->link_bits = EVTCHN_FIFO_LINK_BITS;
    return xen_evtchn_fifo_init_control(call->domain, init->control_gfn, init->offset, init->vcpu);
}

static int64_t expand_array(XenCall *call, void *argument)
{
    evtchn_expand_array_t *expand = argument;
    return xen_evtchn_fifo_expand(call->domain, expand->array_gfn);
}

static int64_t set_priority(XenCall *call, void *argument)
{
    evtchn_set_priority_t *set = argument;
    return xen_evtchn_fifo_set_priority(call->domain, set->port, set->priority);
}

/* Every structure has the same layout for both word sizes. */
static const XenSubOp event_channel_ops[] = {
    {EVTCHNOP_bind_interdomain, "bind_interdomain", bind_interdomain,
     sizeof(evtchn_bind_interdomain_t), XEN_OUT},
    {EVTCHNOP_bind_virq, "bind_virq", bind_virq, sizeof(evtchn_bind_virq_t), XEN_OUT},
    {EVTCHNOP_bind_pirq, "bind_pirq", bind_pirq, sizeof(evtchn_bind_pirq_t), XEN_OUT},
    {EVTCHNOP_close, "close", close_port, sizeof(evtchn_close_t)},
    {EVTCHNOP_status, "status", status, sizeof(evtchn_status_t), XEN_OUT},
    {EVTCHNOP_alloc_unbound, "alloc_unbound", alloc_unbound, sizeof(evtchn_alloc_unbound_t),
     XEN_OUT},
    {EVTCHNOP_bind_ipi, "bind_ipi", bind_ipi, sizeof(evtchn_bind_ipi_t), XEN_OUT},
    {EVTCHNOP_bind_vcpu, "bind_vcpu", bind_vcpu, sizeof(evtchn_bind_vcpu_t)},
    {EVTCHNOP_unmask, "unmask", unmask, sizeof(evtchn_unmask_t)},
    {EVTCHNOP_reset, "reset", reset, sizeof(evtchn_reset_t)},
    {EVTCHNOP_init_control, "init_control", init_control, sizeof(evtchn_init_control_t), XEN_OUT},
    {EVTCHNOP_expand_array, "expand_array", expand_array, sizeof(evtchn_expand_array_t)},
    {EVTCHNOP_set_priority, "set_priority", set_priority, sizeof(evtchn_set_priority_t)},
    {EVTCHNOP_reset_cont, "reset_cont", reset, sizeof(evtchn_reset_t)},
};

int64_t xen_event_channel_op(XenCall *call)
{
    XenDomain *domain = call->domain;
    if (call->arguments[0] == EVTCHNOP_send) {
        /* The one that must not wait for anybody. */
        evtchn_send_t argument;
        if (!xen_copy_in(call, call->arguments[1], &argument, sizeof(argument))) {
            return -XEN_EFAULT;
        }
        return send(domain, argument.port);
    }
    xen_lock(domain);
    int64_t result =
        xen_sub_op(call, __HYPERVISOR_event_channel_op, event_channel_ops,
                   G_N_ELEMENTS(event_channel_ops), call->arguments[0], call->arguments[1]);
    xen_unlock(domain);
    return result;
}
