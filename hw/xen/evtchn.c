/*
 * Event channels: the ports table (facts: Xen's public/event_channel.h and its documented
 * behaviour).
 *
 * A sender looks a port up through two atomic loads and acts on one copy of its state; only changes
 * of the table take the domain's lock. Chunks of the table are never freed while the domain lives.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

enum {
    STATE_VCPU_SHIFT = 4,
    STATE_OTHER_SHIFT = 20,
    STATE_REMOTE_SHIFT = 40,
    STATE_PRIORITY_SHIFT = 56,
};

uint32_t xen_evtchn_max_ports(XenDomain *domain)
{
    if (domain->evtchn.ops == &xen_evtchn_fifo_ops) {
        return XEN_PORTS_MAX;
    }
    return domain->long_mode ? EVTCHN_2L_PORTS_64 : EVTCHN_2L_PORTS_32;
}

XenPort *xen_port(XenDomain *domain, uint32_t port)
{
    if (port == 0 || port >= xen_evtchn_max_ports(domain)) {
        return NULL;
    }
    XenPort *chunk =
        __atomic_load_n(&domain->evtchn.chunks[port / XEN_PORTS_PER_CHUNK], __ATOMIC_ACQUIRE);
    return chunk ? &chunk[port % XEN_PORTS_PER_CHUNK] : NULL;
}

XenPortState xen_port_state(XenPort *entry)
{
    uint64_t word = __atomic_load_n(&entry->state, __ATOMIC_ACQUIRE);
    return (XenPortState){
        .kind = word & 0xf,
        .vcpu = (word >> STATE_VCPU_SHIFT) & 0xffff,
        .other = (word >> STATE_OTHER_SHIFT) & 0xfffff,
        .remote_domain = (word >> STATE_REMOTE_SHIFT) & 0xffff,
        .priority = (word >> STATE_PRIORITY_SHIFT) & 0xf,
    };
}

void xen_port_set_state(XenPort *entry, const XenPortState *state)
{
    uint64_t word = state->kind | (uint64_t)state->vcpu << STATE_VCPU_SHIFT |
                    (uint64_t)state->other << STATE_OTHER_SHIFT |
                    (uint64_t)state->remote_domain << STATE_REMOTE_SHIFT |
                    (uint64_t)state->priority << STATE_PRIORITY_SHIFT;
    __atomic_store_n(&entry->state, word, __ATOMIC_RELEASE);
}

static bool make_chunk(XenDomain *domain, uint32_t port)
{
    XenPort **slot = &domain->evtchn.chunks[port / XEN_PORTS_PER_CHUNK];
    if (!*slot) {
        XenPort *chunk = g_try_new0(XenPort, XEN_PORTS_PER_CHUNK);
        if (!chunk) {
            return false;
        }
        __atomic_store_n(slot, chunk, __ATOMIC_RELEASE);
    }
    return true;
}

/* The lowest closed port, still closed: the caller gives it its state. */
int64_t xen_port_allocate(XenDomain *domain)
{
    XenEvtchn *table = &domain->evtchn;
    uint32_t max = xen_evtchn_max_ports(domain);
    for (uint32_t port = MAX(table->lowest_free, 1); port < max; port++) {
        if (!make_chunk(domain, port)) {
            return -XEN_ENOMEM;
        }
        XenPort *entry = xen_port(domain, port);
        if (xen_port_state(entry).kind == EVTCHNSTAT_closed) {
            entry->last_queue = EVTCHN_FIFO_PRIORITY_DEFAULT;
            entry->early_pending = false;
            table->lowest_free = port + 1;
            table->top = MAX(table->top, port + 1);
            return port;
        }
    }
    return -XEN_ENOSPC;
}

void xen_port_free(XenDomain *domain, uint32_t port)
{
    XenPort *entry = xen_port(domain, port);
    domain->host->ops->release_port(domain->host, port);
    xen_port_set_state(entry, &(XenPortState){.priority = EVTCHN_FIFO_PRIORITY_DEFAULT});
    domain->evtchn.ops->clear_pending(domain, port, entry);
    __atomic_store_n(&entry->early_pending, false, __ATOMIC_RELAXED);
    domain->evtchn.lowest_free = MIN(domain->evtchn.lowest_free, port);
}

void xen_port_offload(XenDomain *domain, uint32_t port, XenPort *entry)
{
    const XenHostOps *host = domain->host->ops;
    XenPortState state = xen_port_state(entry);
    bool two_level = domain->evtchn.ops == &xen_evtchn_2l_ops;
    XenPortTarget target = {.fd = -1};
    host->release_port(domain->host, port);
    if (state.kind == EVTCHNSTAT_ipi && two_level) {
        target.kind = XEN_PORT_IPI;
        target.target_port = port;
        target.target_vcpu = state.vcpu;
    } else if (state.kind == EVTCHNSTAT_interdomain && entry->backend) {
        target.kind = XEN_PORT_EVENTFD;
        target.fd = entry->backend->handler.fd;
        if (target.fd < 0) {
            return;
        }
    } else if (state.kind == EVTCHNSTAT_interdomain && state.remote_domain != 0 && two_level) {
        XenPort *remote = xen_port(domain, state.other);
        target.kind = XEN_PORT_LOCAL;
        target.target_port = state.other;
        target.target_vcpu = remote ? xen_port_state(remote).vcpu : 0;
    } else {
        return;
    }
    host->assign_port(domain->host, port, &target);
}

void xen_port_raise(XenDomain *domain, uint32_t port, XenPort *entry)
{
    const XenPortOps *ops = __atomic_load_n(&domain->evtchn.ops, __ATOMIC_ACQUIRE);
    ops->set_pending(domain, port, entry, xen_port_state(entry).vcpu);
}

bool xen_port_is_pending(XenDomain *domain, uint32_t port)
{
    XenPort *entry = xen_port(domain, port);
    return entry && domain->evtchn.ops->is_pending(domain, port, entry);
}

bool xen_virq_is_global(unsigned virq)
{
    return virq != VIRQ_TIMER && virq != VIRQ_DEBUG && virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

/* A global VIRQ's port may be moved to another vCPU; its registration stays with vCPU 0. */
static uint32_t *virq_slot(XenDomain *domain, const XenPortState *state)
{
    unsigned owner = xen_virq_is_global(state->other) ? 0 : state->vcpu;
    return &domain->vcpus[owner].virq_port[state->other];
}

static void forget_virq(XenDomain *domain, const XenPortState *state)
{
    __atomic_store_n(virq_slot(domain, state), 0, __ATOMIC_RELEASE);
    xen_virq_changed(domain, state->other, state->vcpu);
}

static void detach_loopback(XenDomain *domain, uint32_t port, const XenPortState *state)
{
    XenPort *remote = xen_port(domain, state->other);
    if (!remote) {
        return;
    }
    XenPortState there = xen_port_state(remote);
    if (there.kind == EVTCHNSTAT_interdomain && there.other == port && !remote->backend) {
        there.kind = EVTCHNSTAT_unbound;
        there.other = 0;
        xen_port_set_state(remote, &there);
        xen_port_offload(domain, state->other, remote);
    }
}

int64_t xen_port_close(XenDomain *domain, uint32_t port)
{
    XenPort *entry = xen_port(domain, port);
    XenPortState state = entry ? xen_port_state(entry) : (XenPortState){0};
    switch (state.kind) {
    case EVTCHNSTAT_closed:
        return -XEN_EINVAL;
    case EVTCHNSTAT_virq:
        forget_virq(domain, &state);
        break;
    case EVTCHNSTAT_pirq:
        domain->pirqs[state.other].port = 0;
        break;
    case EVTCHNSTAT_interdomain:
        if (state.remote_domain == 0) {
            xen_evtchn_backend_disconnect(entry);
        } else {
            detach_loopback(domain, port, &state);
        }
        break;
    default:
        break;
    }
    xen_port_free(domain, port);
    return 0;
}

void xen_evtchn_init(XenDomain *domain)
{
    domain->evtchn.ops = &xen_evtchn_2l_ops;
    domain->evtchn.lowest_free = 1;
    domain->evtchn.next_backend = 1;
    domain->evtchn.backends = g_hash_table_new(NULL, NULL);
}

void xen_evtchn_reset(XenDomain *domain)
{
    for (uint32_t port = 1; port < domain->evtchn.top; port++) {
        xen_port_close(domain, port);
    }
    xen_evtchn_fifo_destroy(domain);
    __atomic_store_n(&domain->evtchn.ops, &xen_evtchn_2l_ops, __ATOMIC_RELEASE);
    domain->evtchn.lowest_free = 1;
    domain->evtchn.top = 1;
}

void xen_evtchn_free(XenDomain *domain)
{
    g_hash_table_destroy(domain->evtchn.backends);
    for (unsigned i = 0; i < XEN_PORT_CHUNKS; i++) {
        g_free(domain->evtchn.chunks[i]);
    }
}

void xen_domain_raise_virq(XenDomain *domain, unsigned virq, unsigned vcpu)
{
    if (virq >= XEN_VIRQS || vcpu >= domain->config.vcpus) {
        return;
    }
    uint32_t port = __atomic_load_n(&domain->vcpus[vcpu].virq_port[virq], __ATOMIC_ACQUIRE);
    XenPort *entry = port ? xen_port(domain, port) : NULL;
    if (entry) {
        xen_port_raise(domain, port, entry);
    }
}

void xen_vcpu_mark_events_pending(XenDomain *domain, unsigned vcpu)
{
    uint8_t *info = xen_vcpu_info(domain, vcpu);
    if (__atomic_exchange_n(&info[VCPU_INFO_PENDING], 1, __ATOMIC_SEQ_CST) == 0) {
        domain->host->ops->raise_upcall(domain->host, vcpu);
        xen_vcpu_wake(domain, vcpu);
    }
}

void xen_evtchn_check_pollers(XenDomain *domain, uint32_t port)
{
    if (__atomic_load_n(&domain->pollers, __ATOMIC_SEQ_CST) == 0) {
        return;
    }
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        int64_t waiting = __atomic_load_n(&domain->vcpus[i].poll_port, __ATOMIC_SEQ_CST);
        if (waiting == 0 || waiting == (int64_t)port) {
            __atomic_store_n(&domain->vcpus[i].woken, true, __ATOMIC_SEQ_CST);
            domain->host->ops->wake(domain->host, i);
        }
    }
}

/* ---- saved state: (abi, [(port, state)], fifo) ---- */

GVariant *xen_evtchn_save(XenDomain *domain)
{
    GVariantBuilder ports;
    g_variant_builder_init(&ports, G_VARIANT_TYPE("a(utub)"));
    for (uint32_t port = 1; port < domain->evtchn.top; port++) {
        XenPort *entry = xen_port(domain, port);
        if (entry && (xen_port_state(entry).kind != EVTCHNSTAT_closed)) {
            g_variant_builder_add(&ports, "(utub)", port, entry->state, entry->last_queue,
                                  entry->early_pending);
        }
    }
    return g_variant_new("(a(utub)@*)", &ports, xen_evtchn_fifo_save(domain));
}

/* Whatever a stream may say, the table stays one that the code above could have made. */
static bool load_port(XenDomain *domain, uint32_t port, uint64_t word, uint32_t last_queue,
                      bool early)
{
    XenPort probe = {.state = word};
    XenPortState state = xen_port_state(&probe);
    if (port == 0 || port >= xen_evtchn_max_ports(domain) || !make_chunk(domain, port) ||
        state.kind == EVTCHNSTAT_closed || state.kind > EVTCHNSTAT_ipi ||
        state.vcpu >= domain->config.vcpus || (last_queue >> 4) >= domain->config.vcpus) {
        return false;
    }
    XenPort *entry = xen_port(domain, port);
    if (xen_port_state(entry).kind != EVTCHNSTAT_closed) {
        return false;
    }
    if (state.kind == EVTCHNSTAT_virq) {
        if (state.other >= XEN_VIRQS || *virq_slot(domain, &state) != 0) {
            return false;
        }
        *virq_slot(domain, &state) = port;
        xen_virq_changed(domain, state.other, state.vcpu);
    } else if (state.kind == EVTCHNSTAT_pirq) {
        if (state.other >= domain->config.max_pirqs || domain->pirqs[state.other].port) {
            return false;
        }
        domain->pirqs[state.other].port = port;
    } else if (state.kind == EVTCHNSTAT_interdomain && state.remote_domain == 0) {
        /* The back end binds again when it is loaded; until then the port waits for it. */
        state.kind = EVTCHNSTAT_unbound;
        state.other = 0;
    }
    xen_port_set_state(entry, &state);
    entry->last_queue = last_queue;
    entry->early_pending = early;
    domain->evtchn.top = MAX(domain->evtchn.top, port + 1);
    return true;
}

static bool check_loopbacks(XenDomain *domain)
{
    for (uint32_t port = 1; port < domain->evtchn.top; port++) {
        XenPort *entry = xen_port(domain, port);
        XenPortState state = entry ? xen_port_state(entry) : (XenPortState){0};
        if (state.kind == EVTCHNSTAT_interdomain) {
            XenPort *remote = xen_port(domain, state.other);
            XenPortState there = remote ? xen_port_state(remote) : (XenPortState){0};
            if (there.kind != EVTCHNSTAT_interdomain || there.other != port) {
                return false;
            }
        }
    }
    return true;
}

bool xen_evtchn_load(XenDomain *domain, GVariant *state, GError **error)
{
    g_autoptr(GVariant) ports = g_variant_get_child_value(state, 0);
    g_autoptr(GVariant) fifo = g_variant_get_child_value(state, 1);
    if (!xen_evtchn_fifo_load(domain, fifo, error)) {
        return false;
    }
    GVariantIter iter;
    uint32_t port, last_queue;
    uint64_t word;
    gboolean early;
    g_variant_iter_init(&iter, ports);
    while (g_variant_iter_next(&iter, "(utub)", &port, &word, &last_queue, &early)) {
        if (!load_port(domain, port, word, last_queue, early)) {
            return xen_state_error(error, "event channel port %u is not valid", port);
        }
    }
    if (!check_loopbacks(domain)) {
        return xen_state_error(error, "event channels are connected to nothing");
    }
    for (port = 1; port < domain->evtchn.top; port++) {
        XenPort *entry = xen_port(domain, port);
        if (entry) {
            xen_port_offload(domain, port, entry);
        }
    }
    return true;
}
