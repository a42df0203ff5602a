/*
 * What Xen's state machines need of whoever runs the guest: the accelerator with KVM_XEN, the one
 * without, or a recorder in a test.
 *
 * Functions that return int give 0 or a negative Xen errno, which goes to the guest as it is. All
 * are called with the domain's lock held unless stated otherwise, and must not wait for a vCPU
 * thread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_XEN_HOST_H
#define HW_XEN_XEN_HOST_H

#include <stdbool.h>
#include <stdint.h>

/** Pages that Xen owns and the guest maps where it likes. */
typedef enum {
    XEN_PAGE_SHARED_INFO,
    XEN_PAGE_GRANT_TABLE,  /* index: 0 to max_grant_frames - 1 */
    XEN_PAGE_GRANT_STATUS, /* index: likewise, for version 2 */
    XEN_PAGE_KINDS
} XenPageKind;

/** HVM_PARAM_CALLBACK_IRQ, decoded. */
typedef enum {
    XEN_CALLBACK_NONE,
    XEN_CALLBACK_GSI,    /* gsi */
    XEN_CALLBACK_INTX,   /* device (0-31), pin (0-3), of bus 0 */
    XEN_CALLBACK_VECTOR, /* vector, no EOI */
} XenCallbackKind;

typedef struct {
    XenCallbackKind kind;
    uint32_t gsi;
    uint8_t device, pin;
    uint8_t vector;
} XenCallback;

/** What a port does when the guest sends on it, as far as a kernel can do it. */
typedef enum {
    XEN_PORT_IPI,    /* pend @target_port on @target_vcpu (2-level ABI only) */
    XEN_PORT_LOCAL,  /* loopback: the same */
    XEN_PORT_EVENTFD /* signal @fd */
} XenPortKind;

typedef struct {
    XenPortKind kind;
    uint32_t target_port;
    uint32_t target_vcpu;
    int fd;
} XenPortTarget;

typedef enum {
    XEN_TIMER_SINGLESHOT, /* index: vCPU */
    XEN_TIMER_PERIODIC,   /* index: vCPU */
    XEN_TIMER_WATCHDOG,   /* index: 0 or 1 */
    XEN_TIMER_KINDS
} XenTimerKind;

typedef struct {
    uint64_t tsc_timestamp;
    uint64_t system_time; /* ns */
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
} XenTimeInfo;

typedef struct {
    uint32_t state;      /* RUNSTATE_* */
    uint64_t entry_time; /* ns, when @state was entered */
    uint64_t time[4];    /* ns in each state */
} XenRunstate;

/** Registers for VCPUOP_initialise: Xen's vcpu_hvm_context, checked. */
struct vcpu_hvm_context;

typedef struct XenHost XenHost;

typedef struct {
    /**
     * page_memory: the host memory behind a special page: page-aligned, zeroed when first asked
     * for, the same for ever after. NULL when out of memory.
     */
    void *(*page_memory)(XenHost *host, XenPageKind kind, unsigned index);
    /** map_page: shows that page at frame @gfn, in place of whatever was shown there before. Where it
     * was shown itself until now, unmap_page() follows. */
    int (*map_page)(XenHost *host, XenPageKind kind, unsigned index, uint64_t gfn);
    /** unmap_page: what was there before shows again. */
    void (*unmap_page)(XenHost *host, XenPageKind kind, unsigned index, uint64_t gfn);
    /** alias_frame: shows the RAM page of @source at @gfn too (a mapped grant; a moved frame). */
    int (*alias_frame)(XenHost *host, uint64_t gfn, uint64_t source, bool read_only);
    void (*unalias_frame)(XenHost *host, uint64_t gfn);
    /** decommit: the guest gives @count RAM frames back; their contents are lost. */
    int (*decommit)(XenHost *host, uint64_t gfn, uint64_t count);
    /** repopulate: @count frames are zeroed RAM again. */
    int (*repopulate)(XenHost *host, uint64_t gfn, uint64_t count);

    /** set_long_mode: the word size of the shared structures was latched. */
    void (*set_long_mode)(XenHost *host, bool long_mode);
    /** set_shared_info: the guest sees shared info at @gfn, or XEN_GFN_NONE. */
    void (*set_shared_info)(XenHost *host, uint64_t gfn);
    /** set_vcpu_info, set_time_area, set_runstate_area: registered at @gpa, or XEN_GPA_NONE: none
     * of its own. */
    int (*set_vcpu_info)(XenHost *host, unsigned vcpu, uint64_t gpa);
    int (*set_time_area)(XenHost *host, unsigned vcpu, uint64_t gpa);
    int (*set_runstate_area)(XenHost *host, unsigned vcpu, uint64_t gpa);
    /** set_runstate_update_flag: VMASST_TYPE_runstate_update_flag. */
    void (*set_runstate_update_flag)(XenHost *host, bool on);

    /** set_callback: how upcalls reach the guest now. */
    void (*set_callback)(XenHost *host, const XenCallback *callback);
    /** set_upcall_vector: @vcpu takes its upcalls as this LAPIC vector (0: by the callback). */
    int (*set_upcall_vector)(XenHost *host, unsigned vcpu, uint8_t vector);
    /** raise_upcall: evtchn_upcall_pending of @vcpu went to 1. Any thread, no lock held for sends.
     */
    void (*raise_upcall)(XenHost *host, unsigned vcpu);
    /** wake: @vcpu, asleep in poll or block, may go on. Any thread, no lock. */
    void (*wake)(XenHost *host, unsigned vcpu);

    /** assign_port: the kernel may complete sends on @port. False: it will not; sends come to the
     * domain. */
    bool (*assign_port)(XenHost *host, uint32_t port, const XenPortTarget *target);
    void (*release_port)(XenHost *host, uint32_t port);
    /** set_timer_port: VIRQ_TIMER of @vcpu is 2-level @port; 0: none, or of an ABI the kernel
     * lacks. */
    void (*set_timer_port)(XenHost *host, unsigned vcpu, uint32_t port);

    /** clock_ns: Xen system time: ns since the domain began, the guest's pvclock. Any thread, no
     * lock. */
    uint64_t (*clock_ns)(XenHost *host);
    /** wall_clock_ns: the real time at system time 0, ns since 1970. */
    uint64_t (*wall_clock_ns)(XenHost *host);
    /** arm_timer: call xen_domain_timer_expired() at system time @deadline_ns; replaces an earlier
     * one. */
    void (*arm_timer)(XenHost *host, XenTimerKind kind, unsigned index, uint64_t deadline_ns);
    void (*disarm_timer)(XenHost *host, XenTimerKind kind, unsigned index);
    /** time_info: pvclock parameters of @vcpu. False: the host keeps the areas up to date itself.
     */
    bool (*time_info)(XenHost *host, unsigned vcpu, XenTimeInfo *info);
    /** runstate: the host's own accounting of @vcpu. False: it keeps none, and calls
     * xen_domain_runstate(). */
    bool (*runstate)(XenHost *host, unsigned vcpu, XenRunstate *runstate);

    /** call_is_long: the hypercall in progress on @vcpu, one of many parts, has kept others waiting
     * for long. NULL: none ever has. */
    bool (*call_is_long)(XenHost *host, unsigned vcpu);
    /** let_others: between two parts of such a call, without the domain's lock: gives up what else
     * is held for a while. False: @vcpu is wanted elsewhere; the call is to end with what is done.
     */
    bool (*let_others)(XenHost *host, unsigned vcpu);

    /** shutdown: SCHEDOP_shutdown with @reason (SHUTDOWN_*, unchecked above SHUTDOWN_MAX). */
    void (*shutdown)(XenHost *host, uint8_t reason);
    int (*vcpu_initialise)(XenHost *host, unsigned vcpu, const struct vcpu_hvm_context *context);
    int (*vcpu_up)(XenHost *host, unsigned vcpu);
    int (*vcpu_down)(XenHost *host, unsigned vcpu);
    bool (*vcpu_is_up)(XenHost *host, unsigned vcpu);
    void (*send_nmi)(XenHost *host, unsigned vcpu);
    void (*flush_tlbs)(XenHost *host);
    /** console_write: CONSOLEIO_write's text; NULL: the guest gets -EPERM, as from Xen without
     * debugging. */
    void (*console_write)(XenHost *host, const char *text, unsigned length);
    /** gsi_level: true while the line @gsi is asserted by a device. */
    bool (*gsi_level)(XenHost *host, unsigned gsi);
    /**
     * timer_deadline: of a one-shot timer that the guest has armed with the host behind our back; 0:
     * none. May be NULL: nothing comes between the guest and us.
     */
    uint64_t (*timer_deadline)(XenHost *host, unsigned vcpu);
} XenHostOps;

struct XenHost {
    const XenHostOps *ops;
};

#endif
