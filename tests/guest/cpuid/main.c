/*
 * Xen's CPUID leaves: range, version, hypercall page, time, and what an HVM guest is told, by
 * version.
 *
 * Words: version=, domid=, vapic, base= (where the leaves are), cpus=.
 * Source: Xen's public/arch-x86/cpuid.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define VERSION_HVM_LEAF      0x40005
#define VERSION_VCPU_ID       0x40006
#define VERSION_UPCALL_VECTOR 0x40011
#ifndef XEN_HVM_CPUID_UPCALL_VECTOR
#define XEN_HVM_CPUID_UPCALL_VECTOR (1u << 6)
#endif

static uint32_t version;

static void range_and_version(void)
{
    uint32_t base = xen_base();
    expect("the leaves are where they belong", base, option_number("base", 0x40000000));
    unsigned least = version < VERSION_HVM_LEAF ? 3 : 4;
    expect_range("the range has all leaves of the version", cpuid(base, 0).eax, base + least,
                 base + 5);
    expect("leaf 1 is the version", cpuid(base + 1, 0).eax, version);
    check(memcmp(&(uint32_t[]){cpuid(base, 0).ebx, cpuid(base, 0).ecx, cpuid(base, 0).edx},
                 "XenVMMXenVMM", 12) == 0,
          "the signature is XenVMMXenVMM");
    for (uint32_t leaf = 0x40000000; leaf < 0x40000400; leaf += 0x100) {
        CpuidLeaf r = cpuid(leaf, 0);
        check(r.ebx != 0x4b4d564b, "no KVM at 0x%x", leaf);
    }
    check(cpuid(1, 0).ecx >> 31, "the hypervisor bit is set");
}

static void hypercall_leaf(void)
{
    CpuidLeaf r = cpuid(xen_base() + 2, 0);
    expect("one hypercall page", r.eax, 1);
    expect("its MSR", r.ebx, xen_base() == 0x40000000 ? 0x40000000 : 0x40000200);
    expect("no features of paravirtual page tables", r.ecx, 0);
}

static void time_leaf(void)
{
    CpuidLeaf flags = cpuid(xen_base() + 3, 0), scale = cpuid(xen_base() + 3, 1),
              host = cpuid(xen_base() + 3, 2);
    expect("the TSC is not emulated", flags.eax & 1, 0);
    expect("tsc_mode is the default", flags.ebx, 0);
    check(flags.ecx > 1000, "the TSC's kHz are told: %u", flags.ecx);
    check(scale.ecx & 0x80000000u, "subleaf 1 has a multiplier with its highest bit set: 0x%x",
          scale.ecx);
    expect_range("subleaf 1 has a shift", (int8_t)scale.edx, -32, 31);
    check(host.eax > 1000, "subleaf 2 has the host's kHz: %u", host.eax);
    xen_start();
    xen_map_shared_info();
    volatile struct vcpu_time_info *info = &vcpu_info(0)->time;
    expect("the multiplier is pvclock's", scale.ecx, info->tsc_to_system_mul);
    expect("the shift is pvclock's", (int8_t)scale.edx, info->tsc_shift);
    uint64_t t = host_ns(), tsc = rdtsc();
    rest(30);
    uint64_t ns = host_ns() - t, ticks = rdtsc() - tsc;
    /* ticks * 1e6 / ns, in kHz */
    expect_range("the kHz are those of the TSC within 5 %", ticks * 1000 / (ns / 1000),
                 (uint64_t)flags.ecx * 95 / 100, (uint64_t)flags.ecx * 105 / 100);
}

static void vcpu_id(void *opaque)
{
    *(CpuidLeaf *)opaque = cpuid(xen_base() + 4, 0);
}

static void hvm_leaf(void)
{
    CpuidLeaf r = cpuid(xen_base() + 4, 0);
    bool vapic = option("vapic");
    if (version < VERSION_HVM_LEAF) {
        expect("before 4.5 there is no leaf for HVM guests", r.eax | r.ebx | r.ecx | r.edx, 0);
        return;
    }
    expect("APIC access virtualization is announced with xen-vapic only",
           !!(r.eax & XEN_HVM_CPUID_APIC_ACCESS_VIRT), vapic);
    expect("x2APIC virtualization likewise", !!(r.eax & XEN_HVM_CPUID_X2APIC_VIRT), vapic);
    check(r.eax & XEN_HVM_CPUID_IOMMU_MAPPINGS, "foreign mappings have IOMMU entries");
    expect("the vCPU's id is there from 4.6 on", !!(r.eax & XEN_HVM_CPUID_VCPU_ID_PRESENT),
           version >= VERSION_VCPU_ID);
    expect("the first vCPU is 0", r.ebx, 0);
    expect("the upcall vector is announced from 4.17 on", !!(r.eax & XEN_HVM_CPUID_UPCALL_VECTOR),
           version >= VERSION_UPCALL_VECTOR);
    if (r.eax & XEN_HVM_CPUID_DOMID_PRESENT) {
        expect("the domain's id", r.ecx, option_number("domid", 1));
    } else {
        expect("no domain id without its flag", r.ecx, 0);
    }
    if (version >= VERSION_VCPU_ID && option_number("cpus", 1) > 1 &&
        check(smp_start(1), "vCPU 1 comes up")) {
        CpuidLeaf other = {0};
        smp_run(1, vcpu_id, &other);
        expect("the second vCPU is 1", other.ebx, 1);
        expect("with the same flags", other.eax, r.eax);
    }
}

void test_main(void)
{
    version = option_number("version", 0x4000a);
    if (!check(xen_base() != 0, "Xen's signature is found")) {
        return;
    }
    range_and_version();
    hypercall_leaf();
    hvm_leaf();
    time_leaf();
}
