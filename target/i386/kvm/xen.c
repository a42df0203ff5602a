/*
 * What a Xen guest sees of its hypervisor in the processor: Xen's CPUID leaves, and the MSRs that
 * come to us.
 *
 * Sources: Xen's public/arch-x86/cpuid.h; the kernel's Documentation/virt/kvm/api.rst,
 * KVM_X86_SET_MSR_FILTER.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <stdint.h>

#include <xen/arch-x86/cpuid.h>

#include "target/i386/kvm/kvm_x86.h"
#include "util/error.h"

/* Which version of Xen brought what. */
#define VERSION_HVM_LEAF      UINT32_C(0x40005)
#define VERSION_VCPU_ID       UINT32_C(0x40006)
#define VERSION_DOMAIN_ID     UINT32_C(0x4000b)
#define VERSION_UPCALL_VECTOR UINT32_C(0x40011)

#define TSC_LEAF_STABLE (1u << 1)
#define TSC_LEAF_RDTSCP (1u << 2)

typedef struct {
    struct kvm_cpuid_entry2 *entries;
    unsigned count;
    uint32_t base; /* of Xen's leaves */
} Leaves;

/* ns = (ticks << shift, or >> -shift) * multiplier >> 32, with the multiplier's top bit used. */
static void tsc_scale(uint32_t khz, uint32_t *multiplier, int8_t *shift)
{
    uint64_t hz = (uint64_t)khz * 1000;

    *shift = 0;
    while (hz > UINT64_C(2000000000)) {
        hz >>= 1;
        (*shift)--;
    }
    while (hz <= UINT64_C(1000000000)) {
        hz <<= 1;
        (*shift)++;
    }
    *multiplier = (uint32_t)((UINT64_C(1000000000) << 32) / hz);
}

uint32_t kvm_hypervisor_leaves(const X86CPUModel *model)
{
    return x86_cpu_model_shows_hyperv(model) ? KVM_LEAVES_AFTER_HYPERV : KVM_LEAVES;
}

static struct kvm_cpuid_entry2 *add(Leaves *leaves, uint32_t leaf)
{
    struct kvm_cpuid_entry2 *entry = &leaves->entries[leaves->count++];

    *entry = (struct kvm_cpuid_entry2){.function = leaves->base + leaf};
    return entry;
}

static struct kvm_cpuid_entry2 *add_sub(Leaves *leaves, uint32_t leaf, uint32_t index)
{
    struct kvm_cpuid_entry2 *entry = add(leaves, leaf);

    entry->index = index;
    entry->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
    return entry;
}

static void add_time(KvmVcpu *vcpu, Leaves *leaves)
{
    int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
    int host_khz = ioctl(vcpu->kvm->fd, KVM_GET_TSC_KHZ, 0);
    bool stable = x86_cpu_model_has(vcpu->parent.model, "invtsc");
    bool rdtscp = x86_cpu_model_has(vcpu->parent.model, "rdtscp");
    struct kvm_cpuid_entry2 *entry = add_sub(leaves, 3, 0);
    uint32_t multiplier = 0;
    int8_t shift = 0;

    khz = MAX(khz, 0);
    entry->eax = (stable ? TSC_LEAF_STABLE : 0) | (rdtscp ? TSC_LEAF_RDTSCP : 0);
    entry->ecx = (uint32_t)khz;
    if (khz) {
        tsc_scale((uint32_t)khz, &multiplier, &shift);
    }
    entry = add_sub(leaves, 3, 1);
    entry->ecx = multiplier;
    entry->edx = (uint32_t)(int32_t)shift;
    entry = add_sub(leaves, 3, 2);
    entry->eax = (uint32_t)(host_khz > 0 ? host_khz : khz);
}

static void add_hvm(KvmVcpu *vcpu, Leaves *leaves)
{
    uint32_t version = vcpu->kvm->options.xen_version;
    struct kvm_cpuid_entry2 *entry = add_sub(leaves, 4, 0);

    entry->eax = XEN_HVM_CPUID_IOMMU_MAPPINGS;
    if (x86_cpu_model_has(vcpu->parent.model, "xen-vapic")) {
        entry->eax |= XEN_HVM_CPUID_APIC_ACCESS_VIRT | XEN_HVM_CPUID_X2APIC_VIRT;
    }
    if (version >= VERSION_VCPU_ID) {
        entry->eax |= XEN_HVM_CPUID_VCPU_ID_PRESENT;
        entry->ebx = vcpu->parent.index;
    }
    if (version >= VERSION_DOMAIN_ID) {
        entry->eax |= XEN_HVM_CPUID_DOMID_PRESENT;
        entry->ecx = vcpu->kvm->options.xen_domid;
    }
    if (version >= VERSION_UPCALL_VECTOR) {
        entry->eax |= XEN_HVM_CPUID_UPCALL_VECTOR;
        entry->eax |= vcpu->kvm->wide_apic_ids ? XEN_HVM_CPUID_EXT_DEST_ID : 0;
    }
}

unsigned kvm_xen_cpuid(KvmVcpu *vcpu, struct kvm_cpuid_entry2 *entries)
{
    uint32_t version = vcpu->kvm->options.xen_version;
    bool hvm_leaf = version >= VERSION_HVM_LEAF;
    Leaves leaves = {entries, 0, kvm_hypervisor_leaves(vcpu->parent.model)};
    struct kvm_cpuid_entry2 *entry = add(&leaves, 0);

    entry->eax = leaves.base + (hvm_leaf ? 4 : 3);
    entry->ebx = XEN_CPUID_SIGNATURE_EBX;
    entry->ecx = XEN_CPUID_SIGNATURE_ECX;
    entry->edx = XEN_CPUID_SIGNATURE_EDX;
    add(&leaves, 1)->eax = version;
    entry = add(&leaves, 2);
    entry->eax = 1; /* hypercall pages */
    entry->ebx = vcpu->kvm->xen_hypercall_msr;
    add_time(vcpu, &leaves);
    if (hvm_leaf) {
        add_hvm(vcpu, &leaves);
    }
    g_assert(leaves.count <= KVM_XEN_CPUID_ENTRIES);
    return leaves.count;
}

/* A filter's bit says "allowed": none is, so that each access comes to user space. */
bool kvm_xen_filter_msrs(KvmAccel *kvm, GError **error)
{
    static uint64_t nothing_allowed[1];
    struct kvm_msr_filter filter = {
        .flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
        .ranges[0] = {.flags = KVM_MSR_FILTER_WRITE,
                      .nmsrs = 1,
                      .base = kvm->xen_hypercall_msr,
                      .bitmap = (uint8_t *)nothing_allowed},
        .ranges[1] = {.flags = KVM_MSR_FILTER_READ,
                      .nmsrs = 1,
                      .base = MSR_IA32_UCODE_REV,
                      .bitmap = (uint8_t *)nothing_allowed},
    };

    if (!kvm_enable(kvm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER, 0) ||
        ioctl(kvm->vm_fd, KVM_X86_SET_MSR_FILTER, &filter) < 0) {
        return error_set_errno(error, errno,
                               "xen-version: this host's KVM cannot give MSR accesses to user "
                               "space (Linux 5.10 or newer is needed)");
    }
    return true;
}
