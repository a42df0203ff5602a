/*
 * What a Xen domain looks like from outside, for those who ask how it is (monitors): plain copies,
 * taken at one moment, that change nothing. And the two things a person may do to it from there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_XEN_QUERY_H
#define HW_XEN_XEN_QUERY_H

#include "hw/xen/xen_domain.h"

/** xen_query_version: what the guest is told of Xen: major << 16 | minor. */
uint32_t xen_query_version(const XenDomain *domain);

/* ---- hypercalls ---- */

enum {
    XEN_HYPERCALL_NUMBERS = 64, /* Xen's own end at 63 */
};

typedef struct {
    unsigned number;  /* XEN_HYPERCALL_NUMBERS - 1: this one and all beyond it */
    const char *name; /* NULL: Xen has none of this number */
    uint64_t count;   /* since the domain was made, of all vCPUs; those inside a multicall too */
} XenHypercallCount;

/**
 * xen_query_hypercalls: @visit for each number that the guest has called, in order. Those that the
 * host's kernel completes without us (KVM_XEN: sends between vCPUs, timers) are not counted.
 */
void xen_query_hypercalls(XenDomain *domain,
                          void (*visit)(const XenHypercallCount *count, void *opaque),
                          void *opaque);

/* ---- event channels ---- */

typedef enum { /* Xen's EVTCHNSTAT_* */
               XEN_PORT_TYPE_CLOSED,
               XEN_PORT_TYPE_UNBOUND,
               XEN_PORT_TYPE_INTERDOMAIN,
               XEN_PORT_TYPE_PIRQ,
               XEN_PORT_TYPE_VIRQ,
               XEN_PORT_TYPE_IPI,
} XenPortType;

typedef struct {
    uint32_t port;
    XenPortType type;
    unsigned vcpu;
    bool has_remote; /* unbound and interdomain ones: */
    uint16_t remote; /* the domain at the other end */
    uint32_t target; /* interdomain: the port there; pirq, virq: its number; else 0 */
    bool pending, masked;
    unsigned priority; /* FIFO ABI */
} XenPortInfo;

typedef struct {
    bool fifo;      /* the guest's delivery ABI; else 2-level */
    uint32_t limit; /* ports that this ABI has */
    uint32_t open;  /* ports that are not closed */
} XenEvtchnInfo;

XenEvtchnInfo xen_query_evtchn(XenDomain *domain);
/** xen_query_ports: @visit for each port that is not closed, in order. */
void xen_query_ports(XenDomain *domain, void (*visit)(const XenPortInfo *port, void *opaque),
                     void *opaque);
/**
 * xen_port_inject: raises @port as a sender at its other end would. False: out of range, closed or
 * unbound, which nobody can send to. Any thread.
 */
bool xen_port_inject(XenDomain *domain, uint32_t port);

/* ---- grants and memory ---- */

typedef struct {
    unsigned active; /* references that back ends hold */
    unsigned frames, max_frames;
    unsigned version;
} XenGrantInfo;

XenGrantInfo xen_query_grants(XenDomain *domain);

/** xen_query_pages: pages of RAM that the guest has not given back; what XENMEM_current_reservation
 * says. */
uint64_t xen_query_pages(XenDomain *domain);
/** xen_set_memory_listener: @changed hears that xen_query_pages() has become another (in any
 * thread); NULL: nobody. */
void xen_set_memory_listener(void (*changed)(XenDomain *domain));

#endif
