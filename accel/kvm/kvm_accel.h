/*
 * The KVM accelerator's inside: what accel/kvm, target/i386/kvm and the Xen host in hw/i386/kvm
 * share. Nobody else includes this.
 *
 * Source of the interface: the kernel's Documentation/virt/kvm/api.rst.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef ACCEL_KVM_KVM_ACCEL_H
#define ACCEL_KVM_KVM_ACCEL_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>

#include "accel/accel.h"
#include "accel/vcpu.h"
#include "target/i386/boot_state.h"
#include "target/i386/cpu_model.h"

#define TYPE_KVM_ACCEL (kvm_accel_get_type())
G_DECLARE_FINAL_TYPE(KvmAccel, kvm_accel, XL, KVM_ACCEL, Accel)

/* Pages KVM uses for itself in the guest's space below 4 GiB; e820 must reserve them. */
#define KVM_IDENTITY_MAP_ADDRESS 0xfeffc000u
#define KVM_TSS_ADDRESS          0xfeffd000u

typedef enum {
    NOTIFY_VMEXIT_RUN,
    NOTIFY_VMEXIT_INTERNAL_ERROR,
    NOTIFY_VMEXIT_DISABLE,
} NotifyVmexit;

/* xen-assist=: whether hypercalls and events are the kernel's (CONFIG_KVM_XEN) or ours. */
typedef enum {
    XEN_ASSIST_AUTO,
    XEN_ASSIST_KERNEL,
    XEN_ASSIST_USER,
} XenAssist;

/* What -accel kvm,... said. */
typedef struct {
    char *device; /* "/dev/kvm" */
    uint64_t shadow_memory;
    bool shadow_memory_set;
    uint32_t dirty_ring_size; /* entries a vCPU */
    NotifyVmexit notify_vmexit;
    bool notify_vmexit_set;
    uint32_t notify_window;
    uint32_t xen_version; /* major << 16 | minor; 0: the guest finds no Xen */
    uint32_t xen_max_pirq, xen_max_frames;
    uint16_t xen_domid;
    XenAssist xen_assist;
    char *xen_store_socket; /* NULL: none */
} KvmOptions;

typedef struct KvmVcpu KvmVcpu;
typedef struct KvmIrqRoutes KvmIrqRoutes;
typedef struct KvmMemorySlots KvmMemorySlots;
typedef struct KvmIoZones KvmIoZones;
typedef struct KvmVcpuState KvmVcpuState; /* target/i386/kvm: what a vCPU had at power-on */

/* Reasons for a vCPU thread to leave its run loop. */
enum {
    VCPU_REQUEST_STOP = 1 << 0,
    VCPU_REQUEST_WORK = 1 << 1,
    VCPU_REQUEST_QUIT = 1 << 2,
};

typedef struct VcpuWork VcpuWork;

/*
 * The Xen host (hw/i386/kvm), which is told of what its guest does on the threads of the vCPUs, with
 * no lock held.
 */
typedef struct {
    /** vcpu_init: @vcpu was made; nothing runs yet. */
    bool (*vcpu_init)(void *opaque, KvmVcpu *vcpu, GError **error);
    /** before_run: @vcpu is about to enter the guest. after_run: it came out for a reason of its own. */
    void (*before_run)(void *opaque, KvmVcpu *vcpu);
    void (*after_run)(void *opaque, KvmVcpu *vcpu);
    /** vcpu_woken: @vcpu came out for no reason of the guest's: a kick, or an INIT that it waited for. */
    void (*vcpu_woken)(void *opaque, KvmVcpu *vcpu);
    /** clock_started: all vCPUs are about to run, and the guest's clock goes on. Machine lock. */
    void (*clock_started)(void *opaque);
    /** hypercall: by the instruction (KVM_EXIT_XEN), or by a write to KVM_XEN_PORT. */
    void (*hypercall)(void *opaque, KvmVcpu *vcpu);
    void (*hypercall_port)(void *opaque, KvmVcpu *vcpu);
    /** write_msr, read_msr: an MSR of kvm_xen_filter_msrs(); false: the guest gets #GP. */
    bool (*write_msr)(void *opaque, KvmVcpu *vcpu, uint32_t index, uint64_t value);
    bool (*read_msr)(void *opaque, KvmVcpu *vcpu, uint32_t index, uint64_t *value);
    /** deliver_msi: true if the message is one of a pirq that the guest takes as an event. */
    bool (*deliver_msi)(void *opaque, const MsiMessage *message);
} KvmXenOps;

/* Where the stubs of the hypercall page write the number: no device of a PC is there. */
#define KVM_XEN_PORT 0xe4u

struct KvmVcpu {
    Vcpu parent;
    KvmAccel *kvm;
    int fd;
    struct kvm_run *run;
    GThread *thread;
    pthread_t pthread;
    GCond wake;           /* with the machine lock */
    atomic_uint requests; /* VCPU_REQUEST_* */
    atomic_bool in_guest; /* inside KVM_RUN or about to be */
    atomic_uint holders;  /* kvm_vcpu_hold(): not to enter KVM_RUN while there is one */
    bool stopped;         /* machine lock: out of the run loop */
    bool blocked;    /* machine lock: ended (triple fault, internal error) until a reset or load */
    bool io_pending; /* own thread: the last exit completes only when KVM is entered again */
    uint64_t tsc_offset; /* where a loaded guest comes from */
    int extint_vector; /* own thread: the last vector given to KVM_INTERRUPT, or -1 */
    VcpuWork *work;    /* machine lock */
    KvmVcpuState *power_on;
    int stats_fd; /* -1: not asked for yet */
};

struct _KvmAccel {
    Accel parent_instance;
    KvmOptions options;
    int fd, vm_fd;
    int stats_fd; /* of the VM; -1: not asked for yet */
    int run_size; /* bytes of a vCPU's mapping */
    AddressSpace *memory, *io;
    const AccelGuestOps *ops;
    void *opaque;
    GPtrArray *vcpus;   /* of KvmVcpu */
    bool running;       /* machine lock */
    GCond stopped_cond; /* with the machine lock: a vCPU stopped or did its work */
    atomic_bool pic_level;
    KvmMemorySlots *slots;
    KvmIoZones *zones;
    KvmIrqRoutes *routes;
    struct kvm_coalesced_mmio_ring *coalesced_ring; /* in vCPU 0's mapping */
    GArray *host_cpuid;                             /* of X86CPUIDEntry */
    bool wide_apic_ids; /* KVM_CAP_X2APIC_API is on: 32-bit ids in messages */
    bool has_sregs2, has_xcrs, has_debugregs, has_triple_fault_event;
    int xsave_size;    /* bytes; 0: KVM_GET_FPU only */
    int nested_size;   /* most bytes of KVM_GET_NESTED_STATE; 0: KVM has none */
    bool tsc_loaded; /* and the clock has not gone on since; see tsc.c */
    uint64_t tsc_value, tsc_distance; /* CPU 0's TSC then; offsets here from those saved */
    uint64_t clock_ns; /* of the guest while it is stopped */
    bool clock_valid;
    const KvmXenOps *xen_ops; /* NULL: no Xen */
    void *xen_opaque;
    uint32_t xen_hypercall_msr;
    bool boot_mtrrs_set; /* the boot CPU was started with MTRRs: so are the others */
    X86BootState boot_mtrrs;
    /* the gate: closed while memory slots change under running vCPUs */
    atomic_bool gate_closed;
    GMutex gate_mutex;
    GCond gate_cond;
};

/* ---- kvm.c ---- */

/** kvm_check: KVM_CHECK_EXTENSION on the VM; 0 if it is not there. */
int kvm_check(KvmAccel *kvm, int capability);
/** kvm_enable: KVM_ENABLE_CAP on the VM. False with errno set. */
bool kvm_enable(KvmAccel *kvm, uint32_t capability, uint64_t arg0, uint64_t arg1);
/** kvm_clock_ns: the guest's kvmclock, in ns; it stands still while the guest is stopped. Any
 * thread. */
uint64_t kvm_clock_ns(KvmAccel *kvm);
/** kvm_clock_epoch_ns: the real time at 0 of that clock, ns since 1970. */
uint64_t kvm_clock_epoch_ns(KvmAccel *kvm);

/* ---- kvm_options.c ---- */
void kvm_options_init(KvmOptions *options);
bool kvm_options_set(KvmOptions *options, const char *key, const char *value, GError **error);
/** kvm_options_apply: those that are settings of the VM. */
bool kvm_options_apply(KvmAccel *kvm, GError **error);

/* ---- memory_slots.c, io_zones.c: listeners of the two spaces ---- */
KvmMemorySlots *kvm_memory_slots_new(KvmAccel *kvm);
void kvm_memory_slots_free(KvmMemorySlots *slots);
bool kvm_log_dirty(Accel *accel, bool on, GError **error);
bool kvm_sync_dirty(Accel *accel, GError **error);
KvmIoZones *kvm_io_zones_new(KvmAccel *kvm);
void kvm_io_zones_free(KvmIoZones *zones);
/** kvm_coalesced_drain: plays the writes KVM has batched. Any thread; takes the machine lock if
 * needed. */
void kvm_coalesced_drain(KvmAccel *kvm);
/** kvm_coalesced_watch: while the guest runs (@on), the ring is drained every ACCEL_BATCH_NS at the latest. */
void kvm_coalesced_watch(KvmAccel *kvm, bool on);
static inline bool kvm_coalesced_waiting(const struct kvm_coalesced_mmio_ring *ring)
{
    return ring && __atomic_load_n(&ring->first, __ATOMIC_RELAXED) !=
                       __atomic_load_n(&ring->last, __ATOMIC_RELAXED);
}

/* ---- irq_routes.c ---- */
KvmIrqRoutes *kvm_irq_routes_new(KvmAccel *kvm);
void kvm_irq_routes_free(KvmIrqRoutes *routes);
void kvm_irq_routes_class_init(AccelClass *klass);
/** kvm_irq_routes_commit: gives KVM the table if it has changed. */
void kvm_irq_routes_commit(KvmAccel *kvm);
/** kvm_sint_route_add: the number of a route to @sint of @vcpu's synthetic interrupt controller, or
 * -1. */
int kvm_sint_route_add(KvmAccel *kvm, unsigned vcpu, unsigned sint);

/* ---- stats.c ---- */
/** kvm_stats: see accel_stats(). */
bool kvm_stats(Accel *accel, Vcpu *vcpu, AccelStatVisitor *visit, void *opaque, GError **error);

/* ---- vcpu_thread.c ---- */
bool kvm_vcpu_thread_start(KvmVcpu *vcpu, GError **error);
void kvm_vcpu_thread_join(KvmVcpu *vcpu);
/** kvm_vcpu_kick: @vcpu's thread leaves KVM_RUN, or does not enter it, and looks at its requests.
 */
void kvm_vcpu_kick(KvmVcpu *vcpu);
/** kvm_vcpu_call: runs @function when @vcpu is out of the guest, in any thread; machine lock held.
 */
void kvm_vcpu_call(KvmVcpu *vcpu, void (*function)(KvmVcpu *vcpu, void *opaque), void *opaque);
/**
 * kvm_vcpu_hold: on return @vcpu is not in KVM_RUN and does not enter it before kvm_vcpu_release(),
 * so that its ioctls do not wait. It may be on its way through our own code. Any thread, any lock
 * held; nothing to do for one's own vCPU.
 */
void kvm_vcpu_hold(KvmVcpu *vcpu);
void kvm_vcpu_release(KvmVcpu *vcpu);
/** kvm_vcpu_current: the vCPU whose thread this is, or NULL. */
KvmVcpu *kvm_vcpu_current(void);
void kvm_vcpus_resume(Accel *accel);
void kvm_vcpus_pause(Accel *accel);
/** kvm_gate_close / open: between the two no vCPU is in KVM_RUN. Machine lock held. */
void kvm_gate_close(KvmAccel *kvm);
void kvm_gate_open(KvmAccel *kvm);

/* ---- target/i386/kvm ---- */

struct kvm_cpuid_entry2;
/** kvm_xen_cpuid: Xen's leaves for @vcpu into @entries, which has room for KVM_XEN_CPUID_ENTRIES;
 * how many. */
#define KVM_XEN_CPUID_ENTRIES 8
unsigned kvm_xen_cpuid(KvmVcpu *vcpu, struct kvm_cpuid_entry2 *entries);
/** kvm_xen_filter_msrs: from now on the hypercall page MSR is ours, and reads of the microcode
 * revision too. */
bool kvm_xen_filter_msrs(KvmAccel *kvm, GError **error);
/* The hypercall page MSR, and its place where Hyper-V's MSRs are. */
#define KVM_XEN_MSR_HYPERCALL_PAGE              0x40000000u
#define KVM_XEN_MSR_HYPERCALL_PAGE_AFTER_HYPERV 0x40000200u
/** kvm_hypervisor_leaves: where the CPUID leaves of KVM or Xen begin for a guest of @model. */
uint32_t kvm_hypervisor_leaves(const X86CPUModel *model);
#define KVM_LEAVES              0x40000000u
#define KVM_LEAVES_AFTER_HYPERV 0x40000100u

/** kvm_x86_host_cpuid: KVM_GET_SUPPORTED_CPUID as a guest may have it, and the feature MSRs. */
GArray *kvm_x86_host_cpuid(KvmAccel *kvm, GError **error);
/** kvm_x86_vcpu_setup: CPUID, feature MSRs, TSC frequency, machine checks; then notes the power-on
 * state. */
bool kvm_x86_vcpu_setup(KvmVcpu *vcpu, GError **error);
void kvm_x86_vcpu_cleanup(KvmVcpu *vcpu);
/** kvm_x86_before_run: an interrupt of the PIC goes in, or a window for one is asked for. */
void kvm_x86_before_run(KvmVcpu *vcpu);
/** kvm_x86_handle_exit: what KVM_RUN came back for. */
void kvm_x86_handle_exit(KvmVcpu *vcpu);
/** kvm_x86_run_failed: KVM_RUN failed with @errnum: registers are dumped, the vCPU blocks. */
void kvm_x86_run_failed(KvmVcpu *vcpu, int errnum);
/** kvm_x86_clock_started: the guest's clock goes on; its vCPUs are about to run. */
void kvm_x86_clock_started(KvmAccel *kvm);
void kvm_x86_class_init(AccelClass *klass);

#endif
