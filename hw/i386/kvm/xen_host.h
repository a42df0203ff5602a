/*
 * The Xen host inside: what stands between Xen's state machines (hw/xen) and KVM.
 *
 * Two kinds of kernel, one behaviour: xen_kernel.c where KVM has CONFIG_KVM_XEN, xen_user.c where it
 * has not. What both do alike is in the other files of this folder.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_KVM_XEN_HOST_H
#define HW_I386_KVM_XEN_HOST_H

#include "accel/kvm/kvm_accel.h"
#include "hw/core/machine.h"
#include "hw/i386/xen_machine.h"
#include "hw/xen/xen_abi.h"
#include "hw/xen/xen_domain.h"
#include "target/i386/page_walk.h"

/* Frames below the firmware that are Xen's own: console, store, and two to spare. */
#define XEN_SPECIAL_BASE    UINT64_C(0xfeff8000)
#define XEN_SPECIAL_PAGES   4u
#define XEN_SPECIAL_CONSOLE 0u
#define XEN_SPECIAL_STORE   1u

/* Of a kernel and those before it that memory may still hold. */
#define XEN_HYPERCALL_PAGES 4u

typedef struct KvmXenHost KvmXenHost;
typedef struct XenTimers XenTimers;
typedef struct XenPatcher XenPatcher;

typedef struct {
    KvmVcpu *vcpu;
    /* where the guest registered its areas; XEN_GPA_NONE: nowhere */
    uint64_t info_gpa, time_gpa, runstate_gpa;
    uint64_t info_told; /* what KVM was told last: @info_gpa, or the place in shared info */
    _Atomic uint8_t upcall_vector;
    /* own thread */
    bool sleeping;
    X86Paging paging; /* of the hypercall in progress */
    bool paging_known;
    int64_t call_since; /* us: when the hypercall in progress began, or last let others go first */
    atomic_bool deadline_passed; /* of a poll */
    atomic_bool look_again;      /* whether what it sleeps for has come */
    uint64_t held_deadline; /* KVM_XEN: of the kernel's timer while the clock stands still; 0: none */
    atomic_bool message_waits;   /* its own vector, which its LAPIC did not take */
    /* plain KVM */
    int sint_route; /* -1: none */
    atomic_bool undelivered; /* an upcall that its LAPIC did not take */
    const uint32_t *time_version; /* of the area that KVM keeps, or NULL */
    uint32_t time_copied;         /* the version that the second area has */
} XenHostVcpu;

/* The parts that differ by the kind of kernel. */
typedef struct {
    const char *name; /* "kernel", "user" */
    bool (*vcpu_init)(KvmXenHost *host, XenHostVcpu *vcpu, GError **error);
    /** tell_info: KVM writes @vcpu's time to the vcpu_info at @gpa from now on; XEN_GPA_NONE: nowhere.
     * @vcpu is held. Returns false if KVM refuses. */
    bool (*tell_info)(KvmXenHost *host, XenHostVcpu *vcpu, uint64_t gpa);
    /** raise_vector: @vcpu takes the callback vector. Any thread, no lock. */
    void (*raise_vector)(KvmXenHost *host, XenHostVcpu *vcpu);
    /** vector_changed: of all vCPUs; 0: none. */
    void (*vector_changed)(KvmXenHost *host, uint8_t vector);
    void (*before_run)(KvmXenHost *host, XenHostVcpu *vcpu);
    /** resumed: MSRs of @vcpu may not be as we have set them: loaded, or gone with an INIT. */
    void (*resumed)(KvmXenHost *host, XenHostVcpu *vcpu);
    /** stopped: @vcpu is, and the guest's clock with it. clock_started: it goes on. */
    void (*stopped)(KvmXenHost *host, XenHostVcpu *vcpu);
    void (*clock_started)(KvmXenHost *host, XenHostVcpu *vcpu);
    /** arrived: @vcpu has been loaded, perhaps with what the other kind had left in its LAPIC. */
    void (*arrived)(KvmXenHost *host, XenHostVcpu *vcpu);
    /** check: the same where it is not known whether anything happened. Own thread. */
    void (*check)(KvmXenHost *host, XenHostVcpu *vcpu);
} XenHostKind;

struct KvmXenHost {
    XenHost parent;
    GuestMemory guest_memory;
    const XenHostKind *kind;
    KvmAccel *kvm;
    Machine *machine;
    XenDomain *domain;
    XenMachineBoard board;
    XenHostVcpu *vcpus;
    unsigned vcpu_count;
    XenTimers *timers;
    XenPatcher *patcher;
    uint64_t shared_info_gfn;
    uint64_t kernel_ports[64]; /* a bit a 2-level port that the kernel completes; domain's lock */
    bool kernel_sends; /* KVM_XEN_HVM_EVTCHN_SEND is there */
    bool calls_write_port; /* all hypercalls of the guest have been made to */
    bool vendor_amd; /* vmmcall, not vmcall */
    /* XenCallbackKind << 8 | vector; see xen_upcall.c */
    _Atomic uint32_t callback;
    XenCallback line; /* machine lock: of a GSI or INTx callback */
    _Atomic bool line_level;
    bool soft_reset_wanted, suspended; /* of the hypercall in progress; machine lock */
    /* xen_memory.c */
    MemoryRegion special;
    MemoryRegion pages[XEN_PAGE_KINDS];
    GHashTable *shown; /* frame -> MemoryRegion over it; machine lock */
    unsigned aliases;
    uint64_t max_gfn; /* where KVM can show something */
    _Atomic uint64_t *absent; /* a bit a frame that the guest has given back */
    uint64_t absent_frames;
    _Atomic uint32_t *pinned; /* a page of the guest's RAM: how many pins it has */
    uint64_t hypercall_pages[XEN_HYPERCALL_PAGES]; /* frames, the last one first; XEN_GFN_NONE */
};

static inline KvmXenHost *xen_host_of(XenHost *host)
{
    return (KvmXenHost *)host;
}

extern const XenHostKind xen_host_kernel_kind, xen_host_user_kind;
extern const XenHostOps xen_host_kernel_ops, xen_host_user_ops;

/* ---- xen_memory.c ---- */
bool xen_host_memory_init(KvmXenHost *host, GError **error);
void xen_host_memory_free(KvmXenHost *host);
void *xen_host_special_page(KvmXenHost *host, unsigned index);
void *xen_host_page_memory(XenHost *host, XenPageKind kind, unsigned index);
int xen_host_map_page(XenHost *host, XenPageKind kind, unsigned index, uint64_t gfn);
void xen_host_unmap_page(XenHost *host, XenPageKind kind, unsigned index, uint64_t gfn);
int xen_host_alias_frame(XenHost *host, uint64_t gfn, uint64_t source, bool read_only);
void xen_host_unalias_frame(XenHost *host, uint64_t gfn);
int xen_host_decommit(XenHost *host, uint64_t gfn, uint64_t count);
int xen_host_repopulate(XenHost *host, uint64_t gfn, uint64_t count);
/** xen_host_frame: the host address of the page at @gfn, or NULL; RAM stays where it is. */
void *xen_host_frame(KvmXenHost *host, uint64_t gfn);
/** xen_host_mark_written: every page that the state machines may have written unnoticed: those
 * that are pinned now, and the special pages. The guest is stopped. */
void xen_host_mark_written(KvmXenHost *host);
/** xen_host_read_ram: an X86ReadPhysical. */
bool xen_host_read_ram(void *host, uint64_t physical, void *entry, unsigned size);

/* ---- xen_upcall.c ---- */
void xen_host_set_callback(XenHost *host, const XenCallback *callback);
void xen_host_raise_upcall(XenHost *host, unsigned vcpu);
/** xen_host_send_again: before the vCPU runs: its own vector, if its LAPIC was off when it was sent.
 * Own thread. */
void xen_host_send_again(KvmXenHost *host, XenHostVcpu *vcpu);
/** xen_host_vcpu_is_runnable: started, and not halted. Own thread. */
bool xen_host_vcpu_is_runnable(XenHostVcpu *vcpu);
/* How long until what a LAPIC that is off did not take is sent again. */
#define XEN_RETRY_NS UINT64_C(1000000)
/** xen_host_follow_line: a line callback is as high as the guest has an upcall pending. vCPU 0's
 * thread. */
void xen_host_follow_line(KvmXenHost *host);
bool xen_host_gsi_level(XenHost *host, unsigned gsi);
uint8_t xen_host_callback_vector(KvmXenHost *host);
/** xen_host_has_vector: upcalls reach vCPU @index as a vector; else by a line, or not at all. */
bool xen_host_has_vector(KvmXenHost *host, unsigned index);

/* ---- xen_timers.c ---- */
#define XEN_TIMER_POLL  XEN_TIMER_KINDS /* a vCPU's sleep in SCHEDOP_poll */
#define XEN_TIMER_RETRY (XEN_TIMER_KINDS + 1) /* an undelivered upcall, or a sleep, is looked at again */
XenTimers *xen_timers_new(KvmXenHost *host, GError **error);
/** xen_timers_stop: for good: none fires any more; they may still be armed and disarmed. */
void xen_timers_stop(XenTimers *timers);
void xen_timers_free(XenTimers *timers);
void xen_timers_arm(XenTimers *timers, unsigned kind, unsigned index, uint64_t deadline_ns);
void xen_timers_disarm(XenTimers *timers, unsigned kind, unsigned index);
/** xen_timers_deadline: what it is armed for, 0: it is not. */
uint64_t xen_timers_deadline(XenTimers *timers, unsigned kind, unsigned index);
/** xen_timers_set_running: they stand still while the guest does. */
void xen_timers_set_running(XenTimers *timers, bool running);
void xen_host_arm_timer(XenHost *host, XenTimerKind kind, unsigned index, uint64_t deadline_ns);
void xen_host_disarm_timer(XenHost *host, XenTimerKind kind, unsigned index);

/* ---- xen_vcpu.c ---- */
int xen_host_vcpu_initialise(XenHost *host, unsigned vcpu, const struct vcpu_hvm_context *context);
int xen_host_vcpu_up(XenHost *host, unsigned vcpu);
int xen_host_vcpu_down(XenHost *host, unsigned vcpu);
bool xen_host_vcpu_is_up(XenHost *host, unsigned vcpu);
void xen_host_send_nmi(XenHost *host, unsigned vcpu);
void xen_host_flush_tlbs(XenHost *host);
void xen_host_wake(XenHost *host, unsigned vcpu);
uint64_t xen_host_clock_ns(XenHost *host);
uint64_t xen_host_wall_clock_ns(XenHost *host);
void xen_host_shutdown(XenHost *host, uint8_t reason);
void xen_host_console_write(XenHost *host, const char *text, unsigned length);
/** xen_host_info_place: where @vcpu's vcpu_info lies for the guest; XEN_GPA_NONE: nowhere. */
uint64_t xen_host_info_place(KvmXenHost *host, unsigned vcpu);
/** xen_host_place_info: tells KVM of that place if it does not know it. Returns false if it refuses.
 * xen_host_place_infos: of every vCPU, after shared info has moved. */
bool xen_host_place_info(KvmXenHost *host, unsigned vcpu);
void xen_host_place_infos(KvmXenHost *host);
int xen_host_set_vcpu_info(XenHost *host, unsigned vcpu, uint64_t gpa);

/* ---- xen_machine.c ---- */
/** xen_machine_soft_reset: SHUTDOWN_soft_reset. Machine lock held, on the vCPU's thread. */
void xen_machine_soft_reset(KvmXenHost *host);

/* ---- xen_transport.c ---- */
extern const KvmXenOps xen_host_kvm_ops;
/** xen_host_call_is_long, xen_host_let_others: a hypercall of thousands of parts stops neither the
 * monitor nor the other vCPUs. */
bool xen_host_call_is_long(XenHost *host, unsigned vcpu);
bool xen_host_let_others(XenHost *host, unsigned vcpu);
bool xen_host_translate(GuestMemory *memory, unsigned vcpu, uint64_t gva, bool write,
                        uint64_t *gpa);

/** xen_host_end_sleeps: vCPUs in SCHEDOP_block and _poll come out of it, which they may at any
 * time. The guest is stopped. */
void xen_host_end_sleeps(KvmXenHost *host);
#define XEN_HYPERCALL_STUB_SIZE 32u
/* What stands for a hypercall where the kernel does not take it: out %eax,$KVM_XEN_PORT; nop. */
#define XEN_CALL_LENGTH 3u
extern const uint8_t xen_call_port_write[XEN_CALL_LENGTH];
/** xen_call_is_instruction: VMCALL or VMMCALL. */
bool xen_call_is_instruction(const uint8_t *at);

/* ---- xen_arrival.c ---- */
/** xen_host_arrived: the guest and its vCPUs have been loaded and may come from the other kind of
 * host; it is about to run. */
void xen_host_arrived(KvmXenHost *host);

/* ---- xen_patch.c ---- */
XenPatcher *xen_patcher_new(KvmXenHost *host);
void xen_patcher_free(XenPatcher *patcher);
/** xen_patcher_run: looks through the text around @rip for functions that are a hypercall
 * instruction and makes each a write to KVM_XEN_PORT. Own thread of the vCPU. */
void xen_patcher_run(XenPatcher *patcher, const X86Paging *paging, uint64_t rip);
/** xen_patcher_forget: another kernel comes; what was found so far says nothing about it. */
void xen_patcher_forget(XenPatcher *patcher);
/** xen_patcher_found: whether the last look has found any. */
bool xen_patcher_found(XenPatcher *patcher);

#define XEN_HOST_COMMON_OPS                                                                        \
    .page_memory = xen_host_page_memory, .map_page = xen_host_map_page,                            \
    .unmap_page = xen_host_unmap_page, .alias_frame = xen_host_alias_frame,                        \
    .unalias_frame = xen_host_unalias_frame, .decommit = xen_host_decommit,                        \
    .repopulate = xen_host_repopulate, .set_callback = xen_host_set_callback,                      \
    .set_vcpu_info = xen_host_set_vcpu_info, .raise_upcall = xen_host_raise_upcall,                \
    .wake = xen_host_wake, .clock_ns = xen_host_clock_ns,                                          \
    .wall_clock_ns = xen_host_wall_clock_ns, .shutdown = xen_host_shutdown,                        \
    .vcpu_initialise = xen_host_vcpu_initialise, .vcpu_up = xen_host_vcpu_up,                      \
    .vcpu_down = xen_host_vcpu_down, .vcpu_is_up = xen_host_vcpu_is_up,                            \
    .send_nmi = xen_host_send_nmi, .flush_tlbs = xen_host_flush_tlbs,                              \
    .console_write = xen_host_console_write, .gsi_level = xen_host_gsi_level,                      \
    .call_is_long = xen_host_call_is_long, .let_others = xen_host_let_others

#endif
