/*
 * Accel: what runs the guest's CPUs. KVM in accel/kvm, the qtest accelerator (no guest code) in
 * accel/qtest.
 *
 * The irqchip is split: the LAPIC is the accelerator's; PIC, IOAPIC and PIT are chips of ours. What
 * the accelerator asks of them goes through AccelGuestOps; what they ask of it are the functions
 * below.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include <glib-object.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/memory.h"

typedef struct _Accel Accel;
typedef struct Vcpu Vcpu;                   /* accel/vcpu.h */
typedef struct X86CPUModel X86CPUModel;     /* target/i386/cpu_model.h */
typedef struct X86CPUIDEntry X86CPUIDEntry; /* target/i386/cpu_model.h */
typedef struct X86BootState X86BootState;   /* target/i386/boot_state.h */
typedef struct X86Registers X86Registers;   /* target/i386/registers.h */

#define TYPE_ACCEL (accel_get_type())
G_DECLARE_DERIVABLE_TYPE(Accel, accel, XL, ACCEL, GObject)

typedef struct {
    uint64_t address;
    uint32_t data;
} MsiMessage;

#define IOAPIC_PIN_COUNT 24

/* How long a batched write may wait when nothing else makes the guest exit: see memory_region_set_coalesced(). */
#define ACCEL_BATCH_NS (100 * INT64_C(1000000))

typedef enum {
    ACCEL_GUEST_RESET,          /* triple fault, KVM_EXIT_SHUTDOWN */
    ACCEL_GUEST_INTERNAL_ERROR, /* KVM cannot go on; registers were dumped */
    ACCEL_GUEST_PANICKED,       /* KVM_SYSTEM_EVENT_CRASH */
    ACCEL_GUEST_SHUTDOWN,       /* KVM_SYSTEM_EVENT_SHUTDOWN */
} AccelGuestRequest;

#define HYPERV_CRASH_PARAMETERS 5

/* The machine's side. All but @request and @hyperv_crash are called with the machine lock held. */
typedef struct {
    /** pic_acknowledge: INTA cycle: the vector, or -1 if the PIC has none any more. */
    int (*pic_acknowledge)(void *opaque);
    /** ioapic_eoi: a level-triggered vector was ended by a LAPIC. */
    void (*ioapic_eoi)(void *opaque, uint8_t vector);
    /** request: from a vCPU thread, no lock held. */
    void (*request)(void *opaque, AccelGuestRequest request);
    /** hyperv_crash: before ACCEL_GUEST_PANICKED: what the guest wrote to HV_X64_MSR_CRASH_P0 to P4. From a vCPU
     * thread, no lock held. May be NULL. */
    void (*hyperv_crash)(void *opaque, const uint64_t parameters[HYPERV_CRASH_PARAMETERS]);
} AccelGuestOps;

/* A statistic of the accelerator: a number, or a histogram's buckets. Plain data. */
typedef enum {
    ACCEL_STAT_CUMULATIVE,
    ACCEL_STAT_INSTANT,
    ACCEL_STAT_PEAK,
    ACCEL_STAT_LINEAR_HISTOGRAM, /* buckets of bucket_size */
    ACCEL_STAT_LOG2_HISTOGRAM,   /* bucket n holds [2^(n-1), 2^n) */
} AccelStatKind;

typedef enum {
    ACCEL_STAT_NO_UNIT,
    ACCEL_STAT_BYTES,
    ACCEL_STAT_SECONDS,
    ACCEL_STAT_CYCLES,
    ACCEL_STAT_BOOLEAN,
} AccelStatUnit;

typedef struct {
    const char *name;
    AccelStatKind kind;
    AccelStatUnit unit;
    unsigned base; /* a value is in units of base^exponent: 2 or 10 */
    int exponent;
    uint32_t bucket_size;
    unsigned count;
    const uint64_t *values;
} AccelStat;

typedef void AccelStatVisitor(const AccelStat *stat, void *opaque);

struct _AccelClass {
    GObjectClass parent_class;
    const char *name; /* "kvm", "qtest" */
    const char *description;
    bool (*set_option)(Accel *accel, const char *key, const char *value, GError **error);
    /** wants_xen: its options ask for a guest that finds Xen. May be NULL. */
    bool (*wants_xen)(Accel *accel);
    /** start: open the device, make the VM, listen to both spaces. The machine has no chips yet. */
    bool (*start)(Accel *accel, AddressSpace *memory, AddressSpace *io, const AccelGuestOps *ops,
                  void *opaque, GError **error);
    Vcpu *(*vcpu_new)(Accel *accel, unsigned index, uint32_t apic_id, const X86CPUModel *model,
                      GError **error);
    void (*vcpu_reset)(Accel *accel, Vcpu *vcpu, const X86BootState *boot);
    void (*vcpus_resume)(Accel *accel);
    void (*vcpus_pause)(Accel *accel);
    void (*pic_line)(Accel *accel, bool level);
    bool (*msi_deliver)(Accel *accel, const MsiMessage *message);
    void (*ioapic_route)(Accel *accel, unsigned pin, const MsiMessage *message, bool masked,
                         bool level);
    int (*msi_route_add)(Accel *accel, const MsiMessage *message);
    void (*msi_route_update)(Accel *accel, int route, const MsiMessage *message);
    void (*msi_route_remove)(Accel *accel, int route);
    bool (*irqfd_attach)(Accel *accel, int route, int eventfd, bool attach);
    GVariant *(*vcpu_save)(Accel *accel, Vcpu *vcpu);
    bool (*vcpu_load)(Accel *accel, Vcpu *vcpu, GVariant *state, GError **error);
    void (*vcpu_dump)(Accel *accel, Vcpu *vcpu, GString *out);
    void (*vcpu_nmi)(Accel *accel, Vcpu *vcpu);
    /** vcpu_registers: see accel_vcpu_registers(); NULL where no guest code runs. */
    bool (*vcpu_registers)(Accel *accel, Vcpu *vcpu, X86Registers *registers);
    GVariant *(*save)(Accel *accel); /* VM-wide: the guest's clock */
    bool (*load)(Accel *accel, GVariant *state, GError **error);
    /** log_dirty, sync_dirty: NULL where no guest code runs. */
    bool (*log_dirty)(Accel *accel, bool on, GError **error);
    bool (*sync_dirty)(Accel *accel, GError **error);
    /** stats: see accel_stats(); NULL: it has none. */
    bool (*stats)(Accel *accel, Vcpu *vcpu, AccelStatVisitor *visit, void *opaque, GError **error);
    /** host_cpuid: see accel_host_cpuid(); NULL where no guest code runs. */
    const struct X86CPUIDEntry *(*host_cpuid)(Accel *accel, unsigned *count);
};

/** accel_new: by name; @error: "invalid accelerator NAME". accel_type_register: from the accel's
 * file. */
Accel *accel_new(const char *name, GError **error);
void accel_type_table_add(GType (*get_type)(void));
void accel_type_foreach(void (*visit)(AccelClass *klass, void *opaque), void *opaque);

#define ACCEL_TYPE_REGISTER(get_type_function)                                                     \
    static void __attribute__((constructor)) register_##get_type_function(void)                    \
    {                                                                                              \
        accel_type_table_add(get_type_function);                                                   \
    }

const char *accel_name(Accel *accel);
/** accel_wants_xen: true if the guest shall find Xen, which not every board has. */
bool accel_wants_xen(Accel *accel);
/** accel_is_qtest: true where CLOCK_VIRTUAL is driven by the socket and no vCPU runs. */
bool accel_is_qtest(Accel *accel);
/** accel_set_option: one key=value of -accel; false names the key and the value. */
bool accel_set_option(Accel *accel, const char *key, const char *value, GError **error);
bool accel_start(Accel *accel, AddressSpace *memory, AddressSpace *io, const AccelGuestOps *ops,
                 void *opaque, GError **error);

/** accel_vcpu_new: vCPU @index with its thread, stopped. @model is copied or outlives the vCPU. */
Vcpu *accel_vcpu_new(Accel *accel, unsigned index, uint32_t apic_id, const X86CPUModel *model,
                     GError **error);
unsigned accel_vcpu_count(Accel *accel);
Vcpu *accel_vcpu(Accel *accel, unsigned index);
/** accel_vcpu_reset: power-on state; @boot (may be NULL) then replaces the registers of a direct
 * boot. */
void accel_vcpu_reset(Accel *accel, Vcpu *vcpu, const X86BootState *boot);
/** accel_vcpus_resume / pause: all; pause returns when every vCPU is out of the guest. Machine lock
 * held (released while waiting). */
void accel_vcpus_resume(Accel *accel);
void accel_vcpus_pause(Accel *accel);

/** accel_pic_line: the master 8259's INT output; level. Machine lock held. */
void accel_pic_line(Accel *accel, bool level);
/** accel_msi_deliver: an MSI write now, no route needed. False: no CPU took it. */
bool accel_msi_deliver(Accel *accel, const MsiMessage *message);
/** accel_ioapic_route: redirection entry of @pin changed: what it would send. @level: wants EOI
 * exits. */
void accel_ioapic_route(Accel *accel, unsigned pin, const MsiMessage *message, bool masked,
                        bool level);
/** accel_msi_route_*: a lasting route for irqfd; add returns its number or -1. */
int accel_msi_route_add(Accel *accel, const MsiMessage *message);
void accel_msi_route_update(Accel *accel, int route, const MsiMessage *message);
void accel_msi_route_remove(Accel *accel, int route);
bool accel_irqfd_attach(Accel *accel, int route, int eventfd, bool attach);

/**
 * accel_host_cpuid: what the started accelerator can give a guest, for x86_cpu_model_parse();
 * *@count entries that the accelerator owns. NULL: everything goes (qtest).
 */
const struct X86CPUIDEntry *accel_host_cpuid(Accel *accel, unsigned *count);
/** accel_set_debug_threads: -name debug-threads=on: vCPU threads made from now on are named. */
void accel_set_debug_threads(bool on);
bool accel_debug_threads(void);

GVariant *accel_vcpu_save(Accel *accel, Vcpu *vcpu);
bool accel_vcpu_load(Accel *accel, Vcpu *vcpu, GVariant *state, GError **error);
void accel_vcpu_dump(Accel *accel, Vcpu *vcpu, GString *out);
void accel_vcpu_nmi(Accel *accel, Vcpu *vcpu);
/** accel_vcpu_registers: the registers now; false: this accelerator has none, or the host refused. */
bool accel_vcpu_registers(Accel *accel, Vcpu *vcpu, X86Registers *registers);
/**
 * accel_log_dirty: from now on it is noted which pages the guest writes; accel_sync_dirty adds what
 * was noted since then to the log of util/memory.h. Machine lock held.
 */
bool accel_log_dirty(Accel *accel, bool on, GError **error);
bool accel_sync_dirty(Accel *accel, GError **error);
/**
 * accel_stats: @visit for each statistic of @vcpu (NULL: of the VM) as it is now. Nothing is visited where the
 * accelerator or the host has none. Machine lock held, which may be let go of while a vCPU is called out.
 */
bool accel_stats(Accel *accel, Vcpu *vcpu, AccelStatVisitor *visit, void *opaque, GError **error);
GVariant *accel_save(Accel *accel);
bool accel_load(Accel *accel, GVariant *state, GError **error);

#endif
