/*
 * Event channels inside: the ports table and the delivery ABI behind it.
 *
 * A port's state is one 64-bit word, so that a sender reads a consistent state without a lock:
 * bits 0-3 kind, 4-19 vCPU, 20-39 the other end (port, virq or pirq), 40-55 remote domain, 56-59
 * priority.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_EVTCHN_PRIVATE_H
#define HW_XEN_EVTCHN_PRIVATE_H

#include "hw/xen/evtchn.h"

enum {
    XEN_PORTS_MAX = 131072,
    XEN_PORTS_PER_CHUNK = 512,
    XEN_PORT_CHUNKS = XEN_PORTS_MAX / XEN_PORTS_PER_CHUNK,
    XEN_FIFO_QUEUES = 16,
    XEN_FIFO_WORDS_PER_PAGE = 1024,
    XEN_FIFO_PAGES = XEN_PORTS_MAX / XEN_FIFO_WORDS_PER_PAGE,
    XEN_FIFO_LINK_TRIES = 4,
};

typedef struct {
    uint64_t state;
    XenEvtchnBackend *backend;
    /* FIFO, under the queue locks: the queue (vCPU << 4 | priority) it was last linked on. */
    uint32_t last_queue;
    bool early_pending; /* FIFO: raised before the guest gave the page of its word */
} XenPort;

typedef struct {
    unsigned kind; /* EVTCHNSTAT_* */
    unsigned vcpu;
    uint32_t other; /* interdomain: remote port; virq, pirq: its number */
    uint16_t remote_domain;
    unsigned priority;
} XenPortState;

typedef struct XenPortOps {
    const char *name;
    /* The port is enabled on (its vCPU): pend it, raise the upcall if it was neither pending nor
     * masked. */
    void (*set_pending)(XenDomain *domain, uint32_t port, XenPort *entry, unsigned vcpu);
    void (*clear_pending)(XenDomain *domain, uint32_t port, XenPort *entry);
    void (*unmask)(XenDomain *domain, uint32_t port, XenPort *entry, unsigned vcpu);
    bool (*is_pending)(XenDomain *domain, uint32_t port, XenPort *entry);
    bool (*is_masked)(XenDomain *domain, uint32_t port, XenPort *entry);
} XenPortOps;

extern const XenPortOps xen_evtchn_2l_ops, xen_evtchn_fifo_ops;

typedef struct {
    GMutex lock;
    uint32_t tail;
} XenFifoQueue;

typedef struct {
    struct evtchn_fifo_control_block *control; /* NULL until the guest gives one; in guest memory */
    void *page;
    uint64_t gfn;
    uint32_t offset;
    XenFifoQueue queues[XEN_FIFO_QUEUES];
} XenFifoVcpu;

typedef struct {
    const XenPortOps *ops;
    XenPort *chunks[XEN_PORT_CHUNKS];
    uint32_t lowest_free; /* no port below is free */
    uint32_t top;         /* no port from here on was ever used */
    GHashTable *backends; /* number -> XenEvtchnBackend, owned by their holders */
    uint32_t next_backend;
    /* FIFO */
    uint32_t *fifo_pages[XEN_FIFO_PAGES];
    uint64_t fifo_gfns[XEN_FIFO_PAGES];
    unsigned fifo_page_count;
} XenEvtchn;

struct XenEvtchnBackend {
    XenDomain *domain;
    uint32_t number;
    uint32_t guest_port; /* atomic; 0: not connected */
    XenEvtchnHandler handler;
};

void xen_evtchn_init(XenDomain *domain);
void xen_evtchn_free(XenDomain *domain);
/* Closes every port and returns to the 2-level ABI; back ends find themselves disconnected. */
void xen_evtchn_reset(XenDomain *domain);
GVariant *xen_evtchn_save(XenDomain *domain);
bool xen_evtchn_load(XenDomain *domain, GVariant *state, GError **error);

uint32_t xen_evtchn_max_ports(XenDomain *domain);
/* NULL if the port is out of range or was never used. */
XenPort *xen_port(XenDomain *domain, uint32_t port);
XenPortState xen_port_state(XenPort *entry);
void xen_port_set_state(XenPort *entry, const XenPortState *state);
int64_t xen_port_allocate(XenDomain *domain);
void xen_port_free(XenDomain *domain, uint32_t port);
void xen_port_raise(XenDomain *domain, uint32_t port, XenPort *entry);
bool xen_port_is_pending(XenDomain *domain, uint32_t port);
bool xen_virq_is_global(unsigned virq);
int64_t xen_port_close(XenDomain *domain, uint32_t port);
/* Tells the kernel (again) what it may do with the port, after any change. */
void xen_port_offload(XenDomain *domain, uint32_t port, XenPort *entry);

/* The upcall bit of a vCPU, and whoever sleeps on a port. */
void xen_vcpu_mark_events_pending(XenDomain *domain, unsigned vcpu);
void xen_evtchn_check_pollers(XenDomain *domain, uint32_t port);

int64_t xen_evtchn_fifo_init_control(XenDomain *domain, uint64_t gfn, uint32_t offset,
                                     unsigned vcpu);
int64_t xen_evtchn_fifo_expand(XenDomain *domain, uint64_t gfn);
int64_t xen_evtchn_fifo_set_priority(XenDomain *domain, uint32_t port, uint32_t priority);
void xen_evtchn_fifo_destroy(XenDomain *domain);
GVariant *xen_evtchn_fifo_save(XenDomain *domain);
bool xen_evtchn_fifo_load(XenDomain *domain, GVariant *state, GError **error);

int64_t xen_evtchn_connect_backend(XenDomain *domain, uint32_t number);
void xen_evtchn_backend_send(XenPort *entry);
void xen_evtchn_backend_disconnect(XenPort *entry);

#endif
