/*
 * Event channels from the side of the back ends, which are domain 0.
 *
 * A sender on a vCPU thread reaches the back end inside a read section; unbinding retires it, so
 * that a handler in progress may end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <unistd.h>

#include "util/read_section.h"
#include "xen_private.h"

void xen_evtchn_backend_send(XenPort *entry)
{
    read_section_enter();
    XenEvtchnBackend *backend = __atomic_load_n(&entry->backend, __ATOMIC_ACQUIRE);
    if (backend && backend->handler.fd >= 0) {
        uint64_t one = 1;
        /* An eventfd at its limit is already as signalled as it can be. */
        ssize_t written = write(backend->handler.fd, &one, sizeof(one));
        (void)written;
    } else if (backend && backend->handler.notify) {
        backend->handler.notify(backend->handler.opaque);
    }
    read_section_leave();
}

void xen_evtchn_backend_disconnect(XenPort *entry)
{
    XenEvtchnBackend *backend = entry->backend;
    __atomic_store_n(&entry->backend, NULL, __ATOMIC_RELEASE);
    if (backend) {
        __atomic_store_n(&backend->guest_port, 0, __ATOMIC_RELEASE);
    }
}

uint32_t xen_evtchn_offer(XenDomain *domain)
{
    xen_lock(domain);
    int64_t port = xen_port_allocate(domain);
    if (port > 0) {
        XenPortState state = {.kind = EVTCHNSTAT_unbound, .priority = EVTCHN_FIFO_PRIORITY_DEFAULT};
        xen_port_set_state(xen_port(domain, port), &state);
    }
    xen_unlock(domain);
    return port > 0 ? port : 0;
}

XenEvtchnBackend *xen_evtchn_listen(XenDomain *domain, const XenEvtchnHandler *handler)
{
    XenEvtchnBackend *backend = g_new0(XenEvtchnBackend, 1);
    backend->domain = domain;
    backend->handler = *handler;
    xen_lock(domain);
    do {
        /* 20 bits are kept of a remote port's number. */
        backend->number = domain->evtchn.next_backend++ & 0xfffff;
    } while (backend->number == 0 ||
             g_hash_table_contains(domain->evtchn.backends, GUINT_TO_POINTER(backend->number)));
    g_hash_table_insert(domain->evtchn.backends, GUINT_TO_POINTER(backend->number), backend);
    xen_unlock(domain);
    return backend;
}

static void connect(XenEvtchnBackend *backend, uint32_t port, XenPort *entry)
{
    XenPortState state = xen_port_state(entry);
    __atomic_store_n(&entry->backend, backend, __ATOMIC_RELEASE);
    __atomic_store_n(&backend->guest_port, port, __ATOMIC_RELEASE);
    state.kind = EVTCHNSTAT_interdomain;
    state.remote_domain = 0;
    state.other = backend->number;
    xen_port_set_state(entry, &state);
    xen_port_offload(backend->domain, port, entry);
}

XenEvtchnBackend *xen_evtchn_bind(XenDomain *domain, uint32_t guest_port,
                                  const XenEvtchnHandler *handler, GError **error)
{
    XenEvtchnBackend *backend = NULL;
    xen_lock(domain);
    XenPort *entry = xen_port(domain, guest_port);
    XenPortState state = entry ? xen_port_state(entry) : (XenPortState){0};
    if (state.kind != EVTCHNSTAT_unbound || state.remote_domain != 0) {
        xen_state_error(error, "event channel port %u does not wait for a back end", guest_port);
    } else {
        backend = xen_evtchn_listen(domain, handler);
        connect(backend, guest_port, entry);
        /* The guest may have sent before anyone listened. */
        xen_evtchn_backend_send(entry);
    }
    xen_unlock(domain);
    return backend;
}

uint32_t xen_evtchn_number(const XenEvtchnBackend *backend)
{
    return backend->number;
}

uint32_t xen_evtchn_guest_port(const XenEvtchnBackend *backend)
{
    return __atomic_load_n(&backend->guest_port, __ATOMIC_ACQUIRE);
}

bool xen_evtchn_notify(XenEvtchnBackend *backend)
{
    uint32_t port = xen_evtchn_guest_port(backend);
    XenPort *entry = port ? xen_port(backend->domain, port) : NULL;
    if (!entry) {
        return false;
    }
    xen_port_raise(backend->domain, port, entry);
    return true;
}

void xen_evtchn_unbind(XenEvtchnBackend *backend)
{
    XenDomain *domain = backend->domain;
    xen_lock(domain);
    uint32_t port = xen_evtchn_guest_port(backend);
    XenPort *entry = port ? xen_port(domain, port) : NULL;
    if (entry && entry->backend == backend) {
        XenPortState state = xen_port_state(entry);
        state.kind = EVTCHNSTAT_unbound;
        state.other = 0;
        xen_evtchn_backend_disconnect(entry);
        xen_port_set_state(entry, &state);
        xen_port_offload(domain, port, entry);
    }
    g_hash_table_remove(domain->evtchn.backends, GUINT_TO_POINTER(backend->number));
    xen_unlock(domain);
    read_section_retire(backend, g_free);
}

/* The guest binds to a port that a back end listens on. */
int64_t xen_evtchn_connect_backend(XenDomain *domain, uint32_t number)
{
    XenEvtchnBackend *backend =
        g_hash_table_lookup(domain->evtchn.backends, GUINT_TO_POINTER(number));
    if (!backend || xen_evtchn_guest_port(backend) != 0) {
        return -XEN_EINVAL;
    }
    int64_t port = xen_port_allocate(domain);
    if (port > 0) {
        XenPort *entry = xen_port(domain, port);
        XenPortState state = {.priority = EVTCHN_FIFO_PRIORITY_DEFAULT};
        xen_port_set_state(entry, &state);
        connect(backend, port, entry);
    }
    return port;
}
