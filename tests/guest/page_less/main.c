/*
 * Kernels without a hypercall page: functions of nothing but VMCALL or VMMCALL and a return, in
 * every form that compilers make of them, work from the kernel's read of the microcode revision on,
 * and those of the kernel after it; other bytes of its text stay as they are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

extern uint8_t amd_plain[], intel_plain[], amd_endbr[], intel_endbr[], amd_thunk[], intel_thunk[],
    amd_both[], intel_both[], amd_framed[], intel_framed[], decoys[], decoys_end[];

static bool amd;
static uint8_t inverted[16]; /* a function as the compiler made it; as it is it would be found */

static long call(uint8_t *entry, unsigned number, unsigned long first, const void *second)
{
    long result = number;
#ifdef __x86_64__
    __asm__ volatile("call *%[entry]"
                     : "+a"(result), "+D"(first), "+S"(second)
                     : [entry] "b"(entry)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
#else
    unsigned long pointer = (uintptr_t)second;
    __asm__ volatile("call *%[entry]"
                     : "+a"(result), "+b"(first), "+c"(pointer)
                     : [entry] "S"(entry)
                     : "edx", "edi", "memory");
#endif
    return result;
}

static void try_one(const char *name, uint8_t *entry)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = HVM_PARAM_STORE_EVTCHN};
    note("%s", name);
    expect("the version comes through", call(entry, __HYPERVISOR_xen_version, XENVER_version, NULL),
           cpuid(xen_base() + 1, 0).eax);
    expect("a second call too", call(entry, __HYPERVISOR_xen_version, XENVER_pagesize, NULL), 4096);
    expect("and one with a structure", call(entry, __HYPERVISOR_hvm_op, HVMOP_get_param, &param),
           0);
    expect("an unknown number: -ENOSYS", call(entry, 63, 0, NULL), -XEN_ENOSYS);
}

static void on_other_cpu(void *opaque)
{
    *(long *)opaque =
        call(amd ? amd_plain : intel_plain, __HYPERVISOR_xen_version, XENVER_pagesize, NULL);
}

/* The next kernel: its text was not there when this one's was looked through. */
static void after_a_soft_reset(void)
{
    struct sched_shutdown shutdown = {.reason = SHUTDOWN_soft_reset};
    uint8_t *text = page_alloc();

    for (unsigned i = 0; i < sizeof(inverted); i++) {
        text[i] = (uint8_t)~inverted[i];
    }
    call(amd ? amd_plain : intel_plain, __HYPERVISOR_sched_op, SCHEDOP_shutdown, &shutdown);
    rdmsr(MSR_REVISION);
    try_one("another kernel's after a soft reset", text);
    expect("this one's still stands",
           call(amd ? amd_plain : intel_plain, __HYPERVISOR_xen_version, XENVER_pagesize, NULL),
           4096);
}

void test_main(void)
{
    uint8_t before[256];
    unsigned length = decoys_end - decoys;
    if (!xen_base()) {
        bail_out("there is no Xen");
    }
    amd = cpuid(0, 0).ebx == 0x68747541;
    memcpy(before, decoys, length);
    for (unsigned i = 0; i < sizeof(inverted); i++) {
        inverted[i] = (uint8_t) ~(amd ? amd_plain : intel_plain)[i];
    }
    rdmsr(MSR_REVISION);
    check(true, "the microcode revision can be read");
    try_one("plain", amd ? amd_plain : intel_plain);
    try_one("with ENDBR", amd ? amd_endbr : intel_endbr);
    try_one("with a return thunk", amd ? amd_thunk : intel_thunk);
    try_one("with both", amd ? amd_both : intel_both);
    try_one("with a frame", amd ? amd_framed : intel_framed);
    check(memcmp(before, decoys, length) == 0, "the same bytes elsewhere are left alone");
    rdmsr(MSR_REVISION);
    try_one("after the revision was read again", amd ? amd_plain : intel_plain);
    long result = 0;
    if (check(smp_start(1), "a second vCPU comes up")) {
        smp_run(1, on_other_cpu, &result);
        expect("its calls work too", result, 4096);
    }
    after_a_soft_reset();
}
