/*
 * CPU models: -cpu NAME[,+feature][,-feature][,feature=on|off][,property=value], and the CPUID they
 * make.
 *
 * Source of leaf layouts: Intel SDM volume 2A CPUID, AMD APM volume 3 appendix E.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TARGET_I386_CPU_MODEL_H
#define TARGET_I386_CPU_MODEL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct X86CPUModel X86CPUModel;

typedef struct X86CPUIDEntry {
    uint32_t function, index;
    bool index_significant;
    uint32_t eax, ebx, ecx, edx;
} X86CPUIDEntry;

/*
 * Host entries may also tell feature MSRs: @function is this plus the MSR's number, the value is
 * EDX:EAX. Only x86_cpu_model_parse() reads them, a guest never sees them.
 */
#define X86_HOST_MSR_FUNCTION 0xfffe0000u

typedef struct {
    unsigned sockets, dies, cores, threads;
} X86Topology;

/**
 * x86_cpu_model_parse: @text of -cpu (NULL: @default_model). Unknown model or feature: one error
 * line as QEMU words it. Features the host lacks are warned of, or refused with "enforce".
 * @host_entries: what KVM_GET_SUPPORTED_CPUID says, or NULL (qtest: everything a model names is
 * taken)
 */
X86CPUModel *x86_cpu_model_parse(const char *text, const char *default_model,
                                 const X86CPUIDEntry *host_entries, unsigned host_count,
                                 const X86Topology *topology, GError **error);
void x86_cpu_model_free(X86CPUModel *model);
const char *x86_cpu_model_name(const X86CPUModel *model);
/** x86_cpu_model_has: a feature by QEMU's name ("x2apic", "xen-vapic", "lm"). */
bool x86_cpu_model_has(const X86CPUModel *model, const char *feature);
/** x86_cpu_model_cpuid: the entries for the vCPU with @apic_id (topology leaves included); caller
 * frees. */
X86CPUIDEntry *x86_cpu_model_cpuid(const X86CPUModel *model, uint32_t apic_id, unsigned *count);
/** x86_cpu_model_phys_bits: MAXPHYADDR. */
unsigned x86_cpu_model_phys_bits(const X86CPUModel *model);
/** x86_apic_id: of CPU @index in @topology (each level rounded up to a power of two, as QEMU does).
 */
uint32_t x86_apic_id(const X86Topology *topology, unsigned index);
/** x86_cpu_model_signature: CPUID.1:EAX, which is also EDX at power-on. */
uint32_t x86_cpu_model_signature(const X86CPUModel *model);
/** x86_cpu_model_tsc_khz: tsc-frequency in kHz, 0 if not given. */
uint32_t x86_cpu_model_tsc_khz(const X86CPUModel *model);
/**
 * x86_cpu_model_msr: the value the model gives to a feature MSR in *@value. False: the model does
 * not say, the accelerator's own value stays.
 */
bool x86_cpu_model_msr(const X86CPUModel *model, uint32_t msr, uint64_t *value);
/** x86_cpu_model_msr_removed: bits of a feature MSR's word that the user switched off by name. */
uint64_t x86_cpu_model_msr_removed(const X86CPUModel *model, uint32_t msr);
/** x86_cpu_model_shows_kvm: the KVM leaves are there (kvm=on). */
bool x86_cpu_model_shows_kvm(const X86CPUModel *model);
/** x86_cpu_model_shows_hyperv: the guest finds Hyper-V's leaves at 0x40000000, and those of KVM or
 * Xen at 0x40000100. */
bool x86_cpu_model_shows_hyperv(const X86CPUModel *model);
/** x86_cpu_model_hyperv_enforced: what the leaves do not tell is not there (hv-enforce-cpuid=on). */
bool x86_cpu_model_hyperv_enforced(const X86CPUModel *model);
/** x86_cpu_model_hyperv_missing: the first enlightenment of @model that the leaves @host do not
 * offer; NULL: they offer all. */
const char *x86_cpu_model_hyperv_missing(const X86CPUModel *model, const X86CPUIDEntry *host,
                                         unsigned count);
/** x86_cpu_model_frequency_leaf: leaf 0x40000010 tells the TSC's frequency if it is stable. */
bool x86_cpu_model_frequency_leaf(const X86CPUModel *model);
/** x86_cpu_model_lmce: local machine checks (lmce=on). */
bool x86_cpu_model_lmce(const X86CPUModel *model);
/**
 * x86_cpu_model_foreach: every name -cpu takes, sorted.
 * @alias_of: the versioned name behind it, or NULL
 */
void x86_cpu_model_foreach(void (*visit)(const char *name, const char *alias_of, void *opaque),
                           void *opaque);
/** x86_cpu_model_features: every named feature and whether @model has it. */
void x86_cpu_model_features(const X86CPUModel *model,
                            void (*visit)(const char *feature, bool on, void *opaque),
                            void *opaque);
/** x86_cpu_model_missing: the features that the model called @name has and the host has not. */
void x86_cpu_model_missing(const char *name, const X86CPUIDEntry *host_entries, unsigned host_count,
                           void (*visit)(const char *feature, void *opaque), void *opaque);
/** x86_cpu_model_identity: vendor, family, model, stepping and level as CPUID tells them. */
typedef struct {
    const char *vendor, *model_id;
    uint32_t family, model, stepping, level, xlevel;
} X86CPUIdentity;
X86CPUIdentity x86_cpu_model_identity(const X86CPUModel *model);
/** x86_cpu_model_print_help: -cpu help. */
void x86_cpu_model_print_help(void);

#endif
