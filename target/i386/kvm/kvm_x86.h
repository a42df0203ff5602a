/*
 * What the files of target/i386/kvm share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TARGET_I386_KVM_KVM_X86_H
#define TARGET_I386_KVM_KVM_X86_H

#include <string.h>

#include "accel/kvm/kvm_accel.h"

#define MSR_IA32_TSC          0x10u
#define MSR_FEATURE_CONTROL   0x3au
#define MSR_IA32_UCODE_REV    0x8bu
#define MSR_PLATFORM_INFO     0xceu
#define MSR_CORE_CAPABILITY   0xcfu
#define MSR_MTRR_CAP          0xfeu
#define MSR_ARCH_CAPABILITIES 0x10au
#define MSR_MTRR_PHYS_BASE(n) (0x200u + 2 * (n))
#define MSR_MTRR_PHYS_MASK(n) (0x201u + 2 * (n))
#define MSR_MTRR_FIX64K       0x250u
#define MSR_MTRR_FIX16K_80000 0x258u
#define MSR_MTRR_FIX16K_A0000 0x259u
#define MSR_MTRR_FIX4K(n)     (0x268u + (n))
#define MSR_MTRR_DEF_TYPE     0x2ffu
#define MSR_PERF_CAPABILITIES 0x345u
#define MSR_VMX_BASIC         0x480u
#define MSR_VMX_LAST          0x493u
#define MSR_TSC_DEADLINE      0x6e0u

/* What a vCPU had when KVM made it: what a reset brings back. */
struct KvmVcpuState {
    GArray *msrs; /* of struct kvm_msr_entry: every MSR that is saved, with its power-on value */
    struct kvm_lapic_state lapic;
    void *xsave; /* kvm->xsave_size bytes, or a struct kvm_fpu */
    struct kvm_xcrs xcrs;
    struct kvm_debugregs debugregs;
    uint64_t apic_base;
    struct kvm_nested_state *nested; /* kvm->nested_size bytes, or NULL */
};

/* ---- msrs.c ---- */

/** kvm_msrs_list: the MSRs that make up @vcpu's state, with their values now (GArray of
 * kvm_msr_entry). */
GArray *kvm_msrs_list(KvmVcpu *vcpu);
/** kvm_msrs_get: fills the data of @msrs; entries KVM refuses are taken out. */
void kvm_msrs_get(KvmVcpu *vcpu, GArray *msrs);
/** kvm_msrs_set: sets all; returns how many KVM refused, the first of them in *@refused. */
unsigned kvm_msrs_set(KvmVcpu *vcpu, const struct kvm_msr_entry *msrs, unsigned count,
                      uint32_t *refused);
bool kvm_msr_get(int fd, uint32_t index, uint64_t *value);
bool kvm_msr_set(int fd, uint32_t index, uint64_t value);
/** kvm_msrs_set_boot_mtrrs: MTRRs as firmware leaves them: RAM write-back, the PCI hole uncached.
 */
void kvm_msrs_set_boot_mtrrs(KvmVcpu *vcpu, const X86BootState *boot);

/* ---- reset.c ---- */
bool kvm_x86_note_power_on(KvmVcpu *vcpu, GError **error);
void kvm_x86_vcpu_reset(Accel *accel, Vcpu *vcpu, const X86BootState *boot);

/* ---- state.c ---- */
GVariant *kvm_x86_vcpu_save(Accel *accel, Vcpu *vcpu);
bool kvm_x86_vcpu_load(Accel *accel, Vcpu *vcpu, GVariant *state, GError **error);

/* ---- tsc.c ---- */
/** kvm_x86_tsc_offset: of @vcpu's TSC from the host's; false: KVM does not tell. */
bool kvm_x86_tsc_offset(KvmVcpu *vcpu, uint64_t *offset);
/** kvm_x86_tsc_at_stop: what the TSC that says @tsc now said when the guest's clock was stopped. */
uint64_t kvm_x86_tsc_at_stop(KvmVcpu *vcpu, uint64_t tsc);
/** kvm_x86_tsc_loaded: @vcpu comes with this offset and TSC; CPU 0 before the others. */
void kvm_x86_tsc_loaded(KvmVcpu *vcpu, uint64_t offset, uint64_t tsc);

/** kvm_x86_fpu_size: bytes of what kvm_x86_get_fpu() fills in. */
size_t kvm_x86_fpu_size(const KvmAccel *kvm);
/** kvm_x86_get_fpu: the XSAVE area, or a struct kvm_fpu where KVM has no XSAVE. False with errno
 * set. */
bool kvm_x86_get_fpu(KvmVcpu *vcpu, void *area);

/** kvm_x86_get_nested: the state of a guest's own hypervisor; NULL if KVM keeps none. Caller frees.
 */
struct kvm_nested_state *kvm_x86_get_nested(KvmVcpu *vcpu);

/* Offsets in an XSAVE area. */
#define XSAVE_CONTROL_WORD 0
#define XSAVE_MXCSR        24
#define XSAVE_HEADER       512

/* ---- hyperv.c ---- */

/** kvm_hyperv_setup: -cpu hv-...: KVM has what the model shows, and does it for this vCPU. */
bool kvm_hyperv_setup(KvmVcpu *vcpu, GError **error);
/** kvm_hyperv_exit: KVM_EXIT_HYPERV. */
void kvm_hyperv_exit(KvmVcpu *vcpu);

/* ---- registers.c ---- */
void kvm_x86_vcpu_dump(Accel *accel, Vcpu *vcpu, GString *out);
bool kvm_x86_vcpu_registers(Accel *accel, Vcpu *vcpu, X86Registers *registers);
/** kvm_x86_report_registers: the dump, on stderr by report_error(). Own thread or stopped. */
void kvm_x86_report_registers(KvmVcpu *vcpu);

/* ---- interrupts.c ---- */
void kvm_x86_vcpu_nmi(Accel *accel, Vcpu *vcpu);
/** kvm_x86_pending_extint: a PIC vector that KVM holds and the guest has not taken, or -1. */
int kvm_x86_pending_extint(KvmVcpu *vcpu);

#endif
