/*
 * Event channels as a table: ports come and go, each kind has its status, each mistake its error.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static unsigned own;

static void kinds_and_status(void)
{
    PortStatus s;
    long ipi = bind_ipi(1), virq = bind_virq(VIRQ_TIMER, 1), unbound = alloc_unbound(DOMID_SELF, 0);
    check(ipi > 0 && virq > 0 && unbound > 0 && ipi != virq && virq != unbound,
          "three ports: %ld %ld %ld", ipi, virq, unbound);
    expect("status of the first", port_status(ipi, &s), 0);
    expect("an IPI", s.status, EVTCHNSTAT_ipi);
    expect("of vCPU 1", s.vcpu, 1);
    expect("status of the second", port_status(virq, &s), 0);
    expect("a VIRQ", s.status, EVTCHNSTAT_virq);
    expect("the timer's", s.virq, VIRQ_TIMER);
    expect("of vCPU 1", s.vcpu, 1);
    expect("status of the third", port_status(unbound, &s), 0);
    expect("unbound", s.status, EVTCHNSTAT_unbound);
    expect("waiting for domain 0", s.remote_domain, 0);
    expect("of vCPU 0", s.vcpu, 0);
    expect("the first is closed", port_close(ipi), 0);
    expect("its status can be asked for", port_status(ipi, &s), 0);
    expect("it is closed", s.status, EVTCHNSTAT_closed);
    expect("the lowest closed port is the next", bind_ipi(0), ipi);
    expect("all are closed", port_close(ipi) | port_close(virq) | port_close(unbound), 0);
    expect("port 0 is closed and can be asked for", port_status(0, &s), 0);
    expect("its status", s.status, EVTCHNSTAT_closed);
}

static void loopback(void)
{
    PortStatus s;
    long here = alloc_unbound(DOMID_SELF, DOMID_SELF);
    expect("sending on an unbound port is no error", port_send(here), 0);
    long there = bind_interdomain(own, here);
    check(there > 0 && there != here, "a port is bound to another of the same domain: %ld, %ld",
          here, there);
    check(port_pending(there), "an event is pending there, in case one was lost");
    port_status(here, &s);
    expect("the first is interdomain", s.status, EVTCHNSTAT_interdomain);
    expect("with this domain", s.remote_domain, own);
    expect("and the second port", s.remote_port, there);
    port_status(there, &s);
    expect("the second with the first", s.remote_port, here);
    port_clear(there);
    expect("the first sends", port_send(here), 0);
    check(port_pending(there) && !port_pending(here), "the second gets it");
    expect("the second sends", port_send(there), 0);
    check(port_pending(here), "the first gets it");
    check(bind_interdomain(own, here) == -XEN_EINVAL,
          "a bound port cannot be bound again: -EINVAL");
    expect("the second is closed", port_close(there), 0);
    check(!port_pending(there), "nothing is pending on a closed port");
    port_status(here, &s);
    expect("the first is unbound again", s.status, EVTCHNSTAT_unbound);
    expect("and waits for this domain", s.remote_domain, own);
    long again = bind_interdomain(DOMID_SELF, here);
    check(again > 0, "DOMID_SELF binds it again");
    port_close(again);
    port_close(here);
}

static void errors(void)
{
    PortStatus s;
    expect("an IPI of no vCPU: -ENOENT", bind_ipi(2), -XEN_ENOENT);
    expect("a VIRQ that is none: -EINVAL", bind_virq(24, 0), -XEN_EINVAL);
    expect("a VIRQ of no vCPU: -ENOENT", bind_virq(VIRQ_TIMER, 2), -XEN_ENOENT);
    expect("a global VIRQ on another vCPU: -EINVAL", bind_virq(VIRQ_CONSOLE, 1), -XEN_EINVAL);
    long virq = bind_virq(VIRQ_TIMER, 0);
    expect("a VIRQ twice: -EEXIST", bind_virq(VIRQ_TIMER, 0), -XEN_EEXIST);
    expect("a VIRQ cannot be sent: -EINVAL", port_send(virq), -XEN_EINVAL);
    expect("a vCPU's VIRQ cannot be moved: -EINVAL", port_bind_vcpu(virq, 1), -XEN_EINVAL);
    expect("a pirq that is none: -EINVAL", bind_pirq(100000, 0), -XEN_EINVAL);
    expect("an unbound port of domain 0: -EPERM", alloc_unbound(0, DOMID_SELF), -XEN_EPERM);
    expect("of nobody: -ESRCH", alloc_unbound(own + 1000, 0), -XEN_ESRCH);
    expect("a port of nobody: -ESRCH", bind_interdomain(own + 1000, 1), -XEN_ESRCH);
    expect("a port that domain 0 has not: -EINVAL", bind_interdomain(0, 4000), -XEN_EINVAL);
    expect("a VIRQ is no remote port: -EINVAL", bind_interdomain(DOMID_SELF, virq), -XEN_EINVAL);
    expect("a remote port beyond all: -EINVAL", bind_interdomain(DOMID_SELF, 0xffffffff),
           -XEN_EINVAL);
    expect("port 0 cannot be closed: -EINVAL", port_close(0), -XEN_EINVAL);
    expect("nor sent: -EINVAL", port_send(0), -XEN_EINVAL);
    expect("nor moved: -EINVAL", port_bind_vcpu(0, 0), -XEN_EINVAL);
    expect("a port beyond all cannot be closed: -EINVAL", port_close(0xffffffff), -XEN_EINVAL);
    expect("nor sent: -EINVAL", port_send(0xffffffff), -XEN_EINVAL);
    expect("nor asked for: -EINVAL", port_status(0xffffffff, &s), -XEN_EINVAL);
    expect("nor unmasked: -EINVAL", port_unmask(0xffffffff), -XEN_EINVAL);
    expect("nor moved: -EINVAL", port_bind_vcpu(0xffffffff, 0), -XEN_EINVAL);
    long ipi = bind_ipi(0);
    expect("an IPI cannot be moved: -EINVAL", port_bind_vcpu(ipi, 1), -XEN_EINVAL);
    long unbound = alloc_unbound(DOMID_SELF, 0);
    expect("a port cannot go to no vCPU: -ENOENT", port_bind_vcpu(unbound, 2), -XEN_ENOENT);
    expect("an unbound port can be moved", port_bind_vcpu(unbound, 1), 0);
    port_status(unbound, &s);
    expect("its vCPU is told", s.vcpu, 1);
    long global = bind_virq(VIRQ_ARGO, 0);
    expect("a global VIRQ can be moved", port_bind_vcpu(global, 1), 0);
    struct evtchn_status other = {.dom = 0, .port = 1};
    expect("domain 0's status: -EPERM", event_channel_op(EVTCHNOP_status, &other), -XEN_EPERM);
    other.dom = own + 1000;
    expect("nobody's: -ESRCH", event_channel_op(EVTCHNOP_status, &other), -XEN_ESRCH);
    other = (struct evtchn_status){.dom = own, .port = ipi};
    expect("by the domain's number", event_channel_op(EVTCHNOP_status, &other), 0);
    port_close(virq);
    port_close(ipi);
    port_close(unbound);
    port_close(global);
}

static void full_table(void)
{
    unsigned count = 0;
    uint32_t last = 0;
    long port;
    while ((port = bind_ipi(0)) > 0) {
        count++;
        last = port;
    }
    expect("a full table: -ENOSPC", port, -XEN_ENOSPC);
    expect("the last port is the last bit", last, PORTS_2L - 1);
    check(count >= PORTS_2L - 16, "nearly all could be had: %u", count);
    expect("the last one can be sent", port_send(last), 0);
    check(port_pending(last), "and is pending");
    expect("any can be closed", port_close(77), 0);
    expect("and is the next", bind_ipi(0), 77);
}

static void reset(void)
{
    PortStatus s;
    struct evtchn_reset r = {.dom = 0};
    expect("reset of domain 0: -EPERM", event_channel_op(EVTCHNOP_reset, &r), -XEN_EPERM);
    r.dom = own + 1000;
    expect("of nobody: -ESRCH", event_channel_op(EVTCHNOP_reset, &r), -XEN_ESRCH);
    r.dom = DOMID_SELF;
    expect("of this domain", event_channel_op(EVTCHNOP_reset, &r), 0);
    port_status(77, &s);
    expect("port 77 is closed", s.status, EVTCHNSTAT_closed);
    port_status(store_port, &s);
    expect("the store's port is closed too", s.status, EVTCHNSTAT_closed);
    expect("ports start again at 1", bind_ipi(0), 1);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    own = xen_domid();
    uint64_t port = 0;
    get_param(HVM_PARAM_STORE_EVTCHN, &port);
    store_port = port;
    PortStatus s = {0};
    port_status(store_port, &s);
    expect("the store's port is interdomain", s.status, EVTCHNSTAT_interdomain);
    expect("with domain 0", s.remote_domain, 0);
    kinds_and_status();
    loopback();
    errors();
    full_table();
    reset();
}
