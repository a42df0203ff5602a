/*
 * One Xen domain: everything a guest can reach through a hypercall, without the machine around it.
 *
 * Made once for a machine; reset puts it back to the state of a domain just built. Control calls
 * serialise on the domain's own lock; sending an event takes no lock under the 2-level ABI.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_XEN_DOMAIN_H
#define HW_XEN_XEN_DOMAIN_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/xen/guest_memory.h"
#include "hw/xen/xen_host.h"

typedef struct XenDomain XenDomain;

typedef struct {
    uint64_t start, size; /* bytes */
    uint32_t type;        /* E820's */
} XenMemoryMapEntry;

typedef struct {
    uint16_t domain_id; /* of the guest; 0 means 1 */
    uint32_t version;   /* major << 16 | minor, 3.0 or later */
    unsigned vcpus;     /* 1 to XEN_DOMAIN_MAX_VCPUS */
    uint8_t uuid[16];
    unsigned max_pirqs;                  /* 16 to XEN_DOMAIN_MAX_PIRQS; 0: 256 */
    unsigned max_grant_frames;           /* 1 to XEN_DOMAIN_MAX_GRANT_FRAMES; 0: 64 */
    unsigned max_grant_version;          /* 1 or 2; 0: 2 */
    bool callback_vector;                /* the host can deliver a vector that needs no EOI */
    uint64_t ram_frames;                 /* pages of RAM at the start */
    uint64_t max_gfn;                    /* highest frame with RAM */
    const XenMemoryMapEntry *memory_map; /* copied */
    unsigned memory_map_entries;
} XenDomainConfig;

enum {
    XEN_DOMAIN_MAX_VCPUS = 4096,
    XEN_DOMAIN_MAX_PIRQS = 4096,
    XEN_DOMAIN_MAX_GRANT_FRAMES = 1024,
    XEN_DOMAIN_GSIS = 24,
};

/** xen_domain_new: @host and @memory must outlive it. NULL and @error if @config is out of range.
 */
XenDomain *xen_domain_new(const XenDomainConfig *config, XenHost *host, GuestMemory *memory,
                          GError **error);
void xen_domain_free(XenDomain *domain);

uint16_t xen_domain_id(const XenDomain *domain);
/** xen_domain_set_memory_map: in place of the one of the configuration; @entries are copied. */
void xen_domain_set_memory_map(XenDomain *domain, const XenMemoryMapEntry *entries, unsigned count);

/** A hypercall as its transport found it. */
typedef struct {
    uint32_t number;
    bool long_mode; /* 64-bit caller; else the low halves of @arguments count */
    unsigned cpl;
    uint64_t arguments[6];
    uint64_t result;   /* out: for RAX (EAX of a 32-bit caller: its low half) */
    uint64_t deadline; /* out, with XEN_CALL_SLEEP: system time in ns to wake at; 0: none */
} XenHypercall;

typedef enum {
    XEN_CALL_DONE,
    XEN_CALL_YIELD, /* done; another thread may go first */
    /** done, but the vCPU is to wait until XenHostOps.wake, an interrupt or @deadline, then say
     * xen_domain_awake(). Waking for no reason is allowed. */
    XEN_CALL_SLEEP,
} XenCallOutcome;

/**
 * xen_domain_call_is_light: it touches nothing but the domain: neither the guest's memory map, nor
 * interrupt lines, nor the machine's life. For any other the host takes its own lock before.
 */
bool xen_domain_call_is_light(const XenHypercall *call);
/** xen_domain_hypercall: runs it on the thread of @vcpu. */
XenCallOutcome xen_domain_hypercall(XenDomain *domain, unsigned vcpu, XenHypercall *call);
/** xen_domain_awake: @vcpu no longer sleeps; its poll is over. */
void xen_domain_awake(XenDomain *domain, unsigned vcpu);
/** xen_domain_sleep_is_over: looks at what @vcpu sleeps for, in case somebody else than the domain
 * (a kernel that completes sends) has made it true. On the thread of @vcpu. */
bool xen_domain_sleep_is_over(XenDomain *domain, unsigned vcpu);
/** xen_domain_is_sleeping: @vcpu is in a hypercall that sleeps (SCHEDOP_block, SCHEDOP_poll). Any
 * thread. */
bool xen_domain_is_sleeping(const XenDomain *domain, unsigned vcpu);
/** xen_domain_may_sleep: false as soon as there is a reason to wake (to be asked after announcing
 * the sleep). */
bool xen_domain_may_sleep(XenDomain *domain, unsigned vcpu);

/** xen_domain_latch_mode: the guest wrote the hypercall page MSR in this mode. */
void xen_domain_latch_mode(XenDomain *domain, bool long_mode);
bool xen_domain_long_mode(const XenDomain *domain);

/** xen_domain_timer_expired: a timer that arm_timer() set is due. */
void xen_domain_timer_expired(XenDomain *domain, XenTimerKind kind, unsigned index);
/** xen_domain_raise_virq: @vcpu is 0 for a global one; nothing happens if the guest has not bound
 * it. */
void xen_domain_raise_virq(XenDomain *domain, unsigned virq, unsigned vcpu);
/** xen_domain_upcall_pending: the guest has not yet taken the upcall of @vcpu (level callbacks).
 * Any thread. */
bool xen_domain_upcall_pending(XenDomain *domain, unsigned vcpu);
/** xen_domain_bell_port: for hosts whose kernel sends on 2-level ports: a port whose bits the guest
 * does not look at, not pending and not masked: a send on it makes @vcpu look for its upcall. 0 if
 * there is none: the guest looks at all of them (2-level ABI), or too many vCPUs. Any thread. */
uint32_t xen_domain_bell_port(XenDomain *domain, unsigned vcpu);
/** xen_domain_runstate: @vcpu enters RUNSTATE_* @state now (hosts that keep no accounting). */
void xen_domain_runstate(XenDomain *domain, unsigned vcpu, unsigned state);
/** xen_domain_kept_runstate: the domain's own accounting up to the last change; after a load, what
 * was saved. */
void xen_domain_kept_runstate(XenDomain *domain, unsigned vcpu, XenRunstate *runstate);
/** xen_domain_refresh_runstate: the area of @vcpu is written anew if the host does not keep it; cheap
 * if there is nothing to do. */
void xen_domain_refresh_runstate(XenDomain *domain, unsigned vcpu);
/** xen_domain_update_time: rewrite wall clock and time areas (clock moved, machine resumed). */
void xen_domain_update_time(XenDomain *domain);

/** xen_domain_set_param: what the builder of the domain knows: store and console frames and ports.
 */
void xen_domain_set_param(XenDomain *domain, unsigned index, uint64_t value);
uint64_t xen_domain_param(XenDomain *domain, unsigned index);

/* ---- physical interrupts as event channels ---- */

/** xen_domain_set_gsi: the line @gsi went to @level; true if the guest takes it as an event. */
bool xen_domain_set_gsi(XenDomain *domain, unsigned gsi, bool level);
/** xen_domain_msi_pirq: the pirq a message of (@address, @data) names, or -1 if it is an ordinary
 * one. */
int xen_domain_msi_pirq(XenDomain *domain, uint64_t address, uint32_t data);
/** xen_domain_deliver_msi: such a message was sent; true if an event took it. */
bool xen_domain_deliver_msi(XenDomain *domain, uint64_t address, uint32_t data);
/** xen_domain_pirq_port: the port bound to @pirq and its vCPU; false if none. */
bool xen_domain_pirq_port(XenDomain *domain, unsigned pirq, uint32_t *port, unsigned *vcpu);

/* ---- reset and saved state ---- */

/**
 * xen_domain_reset: back to a domain just built: ports, grants, areas, timers, special pages,
 * callback. Back ends stay connected to nothing. @soft: for SHUTDOWN_soft_reset; frames that the
 * guest gave back by ballooning stay absent. The builder then offers store and console ports and
 * sets their parameters again.
 */
void xen_domain_reset(XenDomain *domain, bool soft);
/** xen_domain_save: everything but RAM and special pages' places in it; a floating a{sv}. */
GVariant *xen_domain_save(XenDomain *domain);
/**
 * xen_domain_load: into a domain of the same configuration that is new or was reset before RAM was
 * loaded (a reset zeroes frames that ballooning took). Back ends then bind and pin again. On error
 * the domain is reset.
 */
bool xen_domain_load(XenDomain *domain, GVariant *state, GError **error);

#endif
