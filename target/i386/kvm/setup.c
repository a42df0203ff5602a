/*
 * What KVM offers a guest's processor, and giving a vCPU its CPUID, feature MSRs, clock and machine
 * checks.
 *
 * Sources: the kernel's Documentation/virt/kvm/api.rst and x86/cpuid.rst; Intel SDM volume 3B
 * chapter 15.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <asm/kvm_para.h>
#include <cpuid.h>
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/i386/kvm/kvm_x86.h"
#include "util/error.h"
#include "util/log.h"

#define REQUEST_GUEST_STATE_PERMISSION 0x1025 /* ARCH_REQ_XCOMP_GUEST_PERM */
#define AMX_TILE_DATA                  18
#define MCE_BANKS                      10u
#define MCG_CTL_PRESENT                (UINT64_C(1) << 8)
#define MCG_SER_PRESENT                (UINT64_C(1) << 24)
#define MCG_LMCE_PRESENT               (UINT64_C(1) << 27)

static struct kvm_cpuid2 *supported_cpuid(KvmAccel *kvm, GError **error)
{
    for (unsigned room = 128; room <= 8192; room *= 2) {
        struct kvm_cpuid2 *list = g_malloc0(sizeof(*list) + room * sizeof(list->entries[0]));

        list->nent = room;
        if (ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, list) == 0) {
            return list;
        }
        g_free(list);
        if (errno != E2BIG) {
            break;
        }
    }
    error_set_errno(error, errno, "KVM does not tell its CPUID");
    return NULL;
}

/* The words of the VMX controls hold what may be set: the upper half of the MSR. */
static bool is_vmx_control(uint32_t msr)
{
    return msr == 0x48b || (msr >= 0x48d && msr <= 0x490);
}

static void add_feature_msrs(KvmAccel *kvm, GArray *entries)
{
    static const uint32_t wanted[] = {
        MSR_CORE_CAPABILITY,
        MSR_ARCH_CAPABILITIES,
        MSR_PERF_CAPABILITIES,
        0x480,
        0x485,
        0x48b,
        0x48c,
        0x48d,
        0x48e,
        0x48f,
        0x490,
        0x491,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
        uint64_t value;

        if (kvm_msr_get(kvm->fd, wanted[i], &value)) {
            X86CPUIDEntry entry = {.function = X86_HOST_MSR_FUNCTION + wanted[i]};

            value = is_vmx_control(wanted[i]) ? value >> 32 : value;
            entry.eax = (uint32_t)value;
            entry.edx = (uint32_t)(value >> 32);
            g_array_append_val(entries, entry);
        }
    }
}

/* KVM's list leaves to user space what depends on how user space sets the VM up. */
static void adjust_entry(KvmAccel *kvm, X86CPUIDEntry *entry)
{
    switch (entry->function) {
    case 1:
        entry->ecx |= 1u << 21; /* x2apic: the LAPIC is in the kernel */
        if (kvm_check(kvm, KVM_CAP_TSC_DEADLINE_TIMER)) {
            entry->ecx |= 1u << 24;
        }
        break;
    case 0x40000001:
        entry->eax |= 1u << KVM_FEATURE_MSI_EXT_DEST_ID; /* our IOAPIC and MSIs carry 15 bits */
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
        if (!(entry->eax | entry->ebx | entry->ecx | entry->edx)) {
            __cpuid(entry->function, entry->eax, entry->ebx, entry->ecx, entry->edx);
        }
        break;
    default:
        break;
    }
}

GArray *kvm_x86_host_cpuid(KvmAccel *kvm, GError **error)
{
    g_autofree struct kvm_cpuid2 *list = NULL;
    GArray *entries;
    int xsave_size;

    /* Without this KVM does not offer AMX; on a processor that has none it fails, which is as good.
     */
    syscall(SYS_arch_prctl, REQUEST_GUEST_STATE_PERMISSION, AMX_TILE_DATA);
    xsave_size = kvm_check(kvm, KVM_CAP_XSAVE2);
    kvm->xsave_size = xsave_size ? MAX(xsave_size, (int)sizeof(struct kvm_xsave))
                      : kvm_check(kvm, KVM_CAP_XSAVE) ? (int)sizeof(struct kvm_xsave)
                                                      : 0;
    list = supported_cpuid(kvm, error);
    if (!list) {
        return NULL;
    }
    entries = g_array_new(FALSE, TRUE, sizeof(X86CPUIDEntry));
    for (unsigned i = 0; i < list->nent; i++) {
        const struct kvm_cpuid_entry2 *from = &list->entries[i];
        X86CPUIDEntry entry = {
            .function = from->function,
            .index = from->index,
            .index_significant = from->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
            .eax = from->eax,
            .ebx = from->ebx,
            .ecx = from->ecx,
            .edx = from->edx,
        };
        adjust_entry(kvm, &entry);
        g_array_append_val(entries, entry);
    }
    add_feature_msrs(kvm, entries);
    return entries;
}

static uint32_t tsc_khz(KvmVcpu *vcpu)
{
    int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);

    return khz > 0 ? (uint32_t)khz : 0;
}

static bool set_tsc_frequency(KvmVcpu *vcpu, GError **error)
{
    uint32_t wanted = x86_cpu_model_tsc_khz(vcpu->parent.model);
    uint32_t now = tsc_khz(vcpu);

    if (!wanted || wanted == now || ioctl(vcpu->fd, KVM_SET_TSC_KHZ, (unsigned long)wanted) == 0) {
        return true;
    }
    return error_setf(
        error,
        "TSC frequency mismatch between VM (%u kHz) and host (%u kHz), and TSC scaling "
        "unavailable",
        wanted, now);
}

/* Leaf 0x40000010: the frequencies, for guests that know it from VMware. */
static void add_frequency_leaf(KvmVcpu *vcpu, struct kvm_cpuid2 *list)
{
    uint32_t khz = tsc_khz(vcpu);

    if (!x86_cpu_model_frequency_leaf(vcpu->parent.model) || !khz ||
        x86_cpu_model_shows_hyperv(vcpu->parent.model)) {
        return;
    }
    list->entries[list->nent++] =
        (struct kvm_cpuid_entry2){.function = 0x40000010, .eax = khz, .ebx = 1000000};
    for (unsigned i = 0; i < list->nent; i++) {
        if (list->entries[i].function == 0x40000000) {
            list->entries[i].eax = 0x40000010;
        }
    }
}

static bool set_cpuid(KvmVcpu *vcpu, GError **error)
{
    unsigned count;
    g_autofree X86CPUIDEntry *entries =
        x86_cpu_model_cpuid(vcpu->parent.model, vcpu->parent.apic_id, &count);
    g_autofree struct kvm_cpuid2 *list = g_malloc0(
        sizeof(*list) + (count + 1 + KVM_XEN_CPUID_ENTRIES) * sizeof(list->entries[0]));
    bool xen = vcpu->kvm->options.xen_version != 0;
    uint32_t base = kvm_hypervisor_leaves(vcpu->parent.model);

    for (unsigned i = 0; i < count; i++) {
        if (xen && entries[i].function >> 8 == base >> 8) {
            continue; /* KVM's own, which a guest must not find beside Xen's */
        }
        list->entries[list->nent++] = (struct kvm_cpuid_entry2){
            .function = entries[i].function,
            .index = entries[i].index,
            .flags = entries[i].index_significant ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
            .eax = entries[i].eax,
            .ebx = entries[i].ebx,
            .ecx = entries[i].ecx,
            .edx = entries[i].edx,
        };
    }
    if (xen) {
        list->nent += kvm_xen_cpuid(vcpu, list->entries + list->nent);
    } else {
        add_frequency_leaf(vcpu, list);
    }
    return ioctl(vcpu->fd, KVM_SET_CPUID2, list) == 0 ||
           error_set_errno(error, errno, "KVM refuses the CPUID of CPU %u", vcpu->parent.index);
}

static void set_machine_checks(KvmVcpu *vcpu)
{
    uint64_t supported = 0;
    uint64_t wanted = MCG_CTL_PRESENT | MCG_SER_PRESENT;

    if (!x86_cpu_model_has(vcpu->parent.model, "mce") ||
        !x86_cpu_model_has(vcpu->parent.model, "mca") ||
        ioctl(vcpu->kvm->fd, KVM_X86_GET_MCE_CAP_SUPPORTED, &supported) < 0) {
        return;
    }
    if (x86_cpu_model_lmce(vcpu->parent.model)) {
        wanted |= MCG_LMCE_PRESENT;
    }
    wanted = (wanted & supported) | MIN(kvm_check(vcpu->kvm, KVM_CAP_MCE), (int)MCE_BANKS);
    ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &wanted);
}

static void set_feature_msrs(KvmVcpu *vcpu)
{
    static const uint32_t from_model[] = {MSR_IA32_UCODE_REV, MSR_CORE_CAPABILITY,
                                          MSR_ARCH_CAPABILITIES, MSR_PERF_CAPABILITIES};

    for (unsigned i = 0; i < G_N_ELEMENTS(from_model); i++) {
        uint64_t wanted, now = 0;

        if (!x86_cpu_model_msr(vcpu->parent.model, from_model[i], &wanted) ||
            kvm_msr_set(vcpu->fd, from_model[i], wanted)) {
            continue;
        }
        if ((!kvm_msr_get(vcpu->fd, from_model[i], &now) || now != wanted) &&
            vcpu->parent.index == 0) {
            report_warning("KVM refuses to set MSR 0x%x to 0x%" G_GINT64_MODIFIER
                           "x; the guest reads 0x%" G_GINT64_MODIFIER "x",
                           from_model[i], wanted, now);
        }
    }
}

/* vmx-...=off: the bit leaves the capability MSR that KVM has filled in. */
static void set_vmx_msrs(KvmVcpu *vcpu)
{
    for (uint32_t msr = MSR_VMX_BASIC; msr <= 0x491; msr++) {
        uint64_t removed = x86_cpu_model_msr_removed(vcpu->parent.model, msr);
        uint64_t value;

        if (removed && kvm_msr_get(vcpu->fd, msr, &value)) {
            value &= ~(is_vmx_control(msr) ? removed << 32 : removed);
            if (!kvm_msr_set(vcpu->fd, msr, value) && vcpu->parent.index == 0) {
                report_warning("KVM refuses to take bits 0x%" G_GINT64_MODIFIER "x out of MSR 0x%x",
                               removed, msr);
            }
        }
    }
}

bool kvm_x86_vcpu_setup(KvmVcpu *vcpu, GError **error)
{
    if (!vcpu->parent.model) {
        return error_setf(error, "CPU %u has no model", vcpu->parent.index);
    }
    if (!set_tsc_frequency(vcpu, error) || !kvm_hyperv_setup(vcpu, error) ||
        !set_cpuid(vcpu, error)) {
        return false;
    }
    set_machine_checks(vcpu);
    set_feature_msrs(vcpu);
    set_vmx_msrs(vcpu);
    if (vcpu->kvm->xen_ops &&
        !vcpu->kvm->xen_ops->vcpu_init(vcpu->kvm->xen_opaque, vcpu, error)) {
        return false;
    }
    return kvm_x86_note_power_on(vcpu, error);
}
