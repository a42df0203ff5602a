/*
 * The domain as seen from outside: counts, ports, grants, memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/xen_query.h"

#include "xen_private.h"

uint32_t xen_query_version(const XenDomain *domain)
{
    return domain->config.version;
}

/* ---- hypercalls ---- */

/* Each vCPU has a row of its own, so that counting shares no cache line and needs no lock. */
void xen_count_hypercall(XenDomain *domain, unsigned vcpu, uint32_t number)
{
    uint64_t *count = &domain->hypercall_counts[(size_t)vcpu * XEN_HYPERCALL_NUMBERS +
                                                MIN(number, XEN_HYPERCALL_NUMBERS - 1)];

    __atomic_store_n(count, __atomic_load_n(count, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

static uint64_t hypercall_count(XenDomain *domain, unsigned number)
{
    uint64_t sum = 0;

    for (size_t vcpu = 0; vcpu < domain->config.vcpus; vcpu++) {
        sum += __atomic_load_n(&domain->hypercall_counts[vcpu * XEN_HYPERCALL_NUMBERS + number],
                               __ATOMIC_RELAXED);
    }
    return sum;
}

void xen_query_hypercalls(XenDomain *domain,
                          void (*visit)(const XenHypercallCount *count, void *opaque), void *opaque)
{
    for (unsigned number = 0; number < XEN_HYPERCALL_NUMBERS; number++) {
        XenHypercallCount count = {number, xen_hypercall_name(number),
                                   hypercall_count(domain, number)};
        if (count.count > 0) {
            visit(&count, opaque);
        }
    }
}

/* ---- event channels ---- */

static XenPortInfo describe(XenDomain *domain, uint32_t port, XenPort *entry)
{
    const XenPortOps *ops = domain->evtchn.ops;
    XenPortState state = xen_port_state(entry);
    bool has_remote = state.kind == EVTCHNSTAT_unbound || state.kind == EVTCHNSTAT_interdomain;
    bool has_target = state.kind == EVTCHNSTAT_interdomain || state.kind == EVTCHNSTAT_pirq ||
                      state.kind == EVTCHNSTAT_virq;

    return (XenPortInfo){
        .port = port,
        .type = (XenPortType)state.kind,
        .vcpu = state.vcpu,
        .has_remote = has_remote,
        .remote = has_remote ? state.remote_domain : 0,
        .target = has_target ? state.other : 0,
        .pending = ops->is_pending(domain, port, entry),
        .masked = ops->is_masked(domain, port, entry),
        .priority = state.priority,
    };
}

void xen_query_ports(XenDomain *domain, void (*visit)(const XenPortInfo *port, void *opaque),
                     void *opaque)
{
    xen_lock(domain);
    for (uint32_t port = 1; port < domain->evtchn.top; port++) {
        XenPort *entry = xen_port(domain, port);
        if (entry && xen_port_state(entry).kind != EVTCHNSTAT_closed) {
            XenPortInfo info = describe(domain, port, entry);
            visit(&info, opaque);
        }
    }
    xen_unlock(domain);
}

static void count_port(const XenPortInfo *port, void *opaque)
{
    (*(uint32_t *)opaque)++;
}

XenEvtchnInfo xen_query_evtchn(XenDomain *domain)
{
    XenEvtchnInfo info = {0};

    xen_lock(domain);
    info.fifo = domain->evtchn.ops == &xen_evtchn_fifo_ops;
    info.limit = xen_evtchn_max_ports(domain);
    xen_query_ports(domain, count_port, &info.open);
    xen_unlock(domain);
    return info;
}

bool xen_port_inject(XenDomain *domain, uint32_t port)
{
    bool open;

    xen_lock(domain);
    XenPort *entry = xen_port(domain, port);
    unsigned kind = entry ? xen_port_state(entry).kind : EVTCHNSTAT_closed;
    open = kind != EVTCHNSTAT_closed && kind != EVTCHNSTAT_unbound;
    if (open) {
        xen_port_raise(domain, port, entry);
    }
    xen_unlock(domain);
    return open;
}

/* ---- grants and memory ---- */

XenGrantInfo xen_query_grants(XenDomain *domain)
{
    XenGrantInfo info = {.active = xen_grant_active(domain),
                         .max_frames = domain->config.max_grant_frames};

    xen_lock(domain);
    info.frames = domain->gnttab.frames;
    info.version = domain->gnttab.version;
    xen_unlock(domain);
    return info;
}

uint64_t xen_query_pages(XenDomain *domain)
{
    uint64_t pages;

    xen_lock(domain);
    pages = xen_current_pages(domain);
    xen_unlock(domain);
    return pages;
}

static void (*memory_listener)(XenDomain *domain);

void xen_set_memory_listener(void (*changed)(XenDomain *domain))
{
    __atomic_store_n(&memory_listener, changed, __ATOMIC_RELEASE);
}

void xen_memory_changed(XenDomain *domain)
{
    void (*changed)(XenDomain * domain) = __atomic_load_n(&memory_listener, __ATOMIC_ACQUIRE);

    if (changed) {
        changed(domain);
    }
}
