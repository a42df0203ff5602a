/*
 * Detection, transports, shared info, time.
 *
 * Sources: Xen's public headers arch-x86/cpuid.h, xen.h; its docs/misc/pvh.pandoc.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define SIGNATURE_EBX 0x566e6558
#define SIGNATURE_ECX 0x65584d4d
#define SIGNATURE_EDX 0x4d4d566e
#define BASE_FIRST    0x40000000u
#define BASE_LAST     0x40010000u
#define BASE_STEP     0x100u
#define STUB_BYTES    32

extern uint8_t direct_vmmcall[], direct_vmcall[];

static uint32_t base;
static Transport transport;
static uint8_t hypercall_page[PAGE_SIZE] PAGE_ALIGNED;
static volatile struct vcpu_info *vcpu_places[MAX_CPUS];
volatile struct shared_info *shared_info;

uint32_t xen_base(void)
{
    if (base == 0 && (cpuid(1, 0).ecx & 1u << 31)) {
        for (uint32_t leaf = BASE_FIRST; leaf < BASE_LAST && base == 0; leaf += BASE_STEP) {
            CpuidLeaf r = cpuid(leaf, 0);
            if (r.ebx == SIGNATURE_EBX && r.ecx == SIGNATURE_ECX && r.edx == SIGNATURE_EDX) {
                base = leaf;
            }
        }
    }
    return base;
}

static bool is_amd(void)
{
    uint32_t vendor = cpuid(0, 0).ebx;
    return vendor == 0x68747541 || vendor == 0x6f677948; /* "Auth", "Hygo" */
}

uint8_t *xen_page(void)
{
    return hypercall_page;
}

void xen_set_page(void *page)
{
    wrmsr(cpuid(xen_base() + 2, 0).ebx, (uintptr_t)page);
}

Transport xen_transport(void)
{
    return transport;
}

void xen_use(Transport wanted)
{
    transport = wanted;
}

/* As every Linux does before its first hypercall. */
static void read_revision(void)
{
    wrmsr(MSR_REVISION, 0);
    cpuid(1, 0);
    rdmsr(MSR_REVISION);
}

void xen_start(void)
{
    const char *name = option_value("transport");
    if (!xen_base()) {
        bail_out("there is no Xen");
    }
    if (name && strcmp(name, "direct") == 0) {
        read_revision();
        xen_use(TRANSPORT_DIRECT);
    } else {
        xen_set_page(hypercall_page);
        xen_use(TRANSPORT_PAGE);
    }
    note("%s build, Xen's leaves at 0x%x, transport %s", IS_64_BIT ? "64-bit" : "32-bit", base,
         transport == TRANSPORT_PAGE ? "page" : "direct");
}

uintptr_t xen_entry(unsigned number)
{
    if (transport == TRANSPORT_PAGE) {
        return (uintptr_t)hypercall_page + (number % (PAGE_SIZE / STUB_BYTES)) * STUB_BYTES;
    }
    return (uintptr_t)(is_amd() ? direct_vmmcall : direct_vmcall);
}

bool xen_instruction_traps(unsigned number)
{
    const volatile uint8_t *at = (const volatile uint8_t *)xen_entry(number);
    for (unsigned i = 0; i < 8; i++) {
        if (at[i] == 0x0f && at[i + 1] == 0x01 && (at[i + 2] == 0xd9 || at[i + 2] == 0xc1)) {
            return true;
        }
    }
    return false;
}

#ifdef __x86_64__
long hypercall(unsigned number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
               unsigned long e)
{
    long result = number;
    register unsigned long r10 __asm__("r10") = d;
    register unsigned long r8 __asm__("r8") = e;
    __asm__ volatile("call *%[entry]"
                     : "+a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     : [entry] "b"(xen_entry(number))
                     : "rcx", "r9", "r11", "memory", "cc");
    return result;
}
#else
static uintptr_t entries[MAX_CPUS];

long hypercall(unsigned number, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
               unsigned long e)
{
    long result = number;
    uintptr_t *entry = &entries[cpu_index()];
    *entry = xen_entry(number);
    /* All seven registers are in use: the entry is pushed first, and called from there. */
    __asm__ volatile("push %[entry]; call *(%%esp); add $4, %%esp"
                     : "+a"(result), "+b"(a), "+c"(b), "+d"(c), "+S"(d), "+D"(e)
                     : [entry] "m"(*entry)
                     : "memory", "cc");
    return result;
}
#endif

long set_timer_op(uint64_t deadline)
{
    if (IS_64_BIT) {
        return hypercall1(__HYPERVISOR_set_timer_op, (unsigned long)deadline);
    }
    return hypercall(__HYPERVISOR_set_timer_op, (uint32_t)deadline, (uint32_t)(deadline >> 32), 0,
                     0, 0);
}

void *no_memory(void)
{
    return (void *)(uintptr_t)(WINDOW_START + (WINDOW_PAGES - 2) * PAGE_SIZE);
}

long get_param(unsigned index, uint64_t *value)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index};
    long result = hvm_op(HVMOP_get_param, &param);
    *value = param.value;
    return result;
}

long set_param(unsigned index, uint64_t value)
{
    struct xen_hvm_param param = {.domid = DOMID_SELF, .index = index, .value = value};
    return hvm_op(HVMOP_set_param, &param);
}

void xen_latch(void)
{
    long result = set_param(HVM_PARAM_CALLBACK_IRQ, 0);
    if (result != 0) {
        bail_out("HVM_PARAM_CALLBACK_IRQ cannot be set: %ld", result);
    }
}

unsigned xen_domid(void)
{
    CpuidLeaf leaf = cpuid(xen_base() + 4, 0);
    bool there =
        cpuid(xen_base(), 0).eax >= xen_base() + 4 && (leaf.eax & XEN_HVM_CPUID_DOMID_PRESENT);
    return there ? leaf.ecx : (unsigned)option_number("domid", 1);
}

long add_to_physmap(unsigned space, unsigned long index, unsigned long frame)
{
    struct xen_add_to_physmap add = {
        .domid = DOMID_SELF, .space = space, .idx = index, .gpfn = frame};
    return memory_op(XENMEM_add_to_physmap, &add);
}

void xen_map_shared_info(void)
{
    void *page = page_alloc();
    xen_latch();
    long result = add_to_physmap(XENMAPSPACE_shared_info, 0, frame_of(page));
    if (result != 0) {
        bail_out("shared info cannot be mapped: %ld", result);
    }
    shared_info = page;
}

volatile struct vcpu_info *vcpu_info(unsigned vcpu)
{
    if (vcpu_places[vcpu]) {
        return vcpu_places[vcpu];
    }
    if (vcpu >= XEN_LEGACY_MAX_VCPUS) {
        bail_out("vCPU %u has no vcpu_info", vcpu);
    }
    return &shared_info->vcpu_info[vcpu];
}

void vcpu_info_moved(unsigned vcpu, volatile struct vcpu_info *place)
{
    vcpu_places[vcpu] = place;
}

/* (delta << shift) * mul >> 32, with the 96 bits that it takes. */
static uint64_t scale(uint64_t delta, int8_t shift, uint32_t mul)
{
    delta = shift < 0 ? delta >> -shift : delta << shift;
    uint64_t low = (delta & UINT32_MAX) * mul, high = (delta >> 32) * mul;
    return high + (low >> 32);
}

uint64_t pvclock_read(const volatile struct vcpu_time_info *info)
{
    uint32_t version;
    uint64_t time;
    do {
        version = info->version & ~1u;
        barrier();
        time = info->system_time +
               scale(rdtsc() - info->tsc_timestamp, info->tsc_shift, info->tsc_to_system_mul);
        barrier();
    } while (info->version != version);
    return time;
}

uint64_t system_time(void)
{
    return pvclock_read(&vcpu_info(cpu_index())->time);
}

long poll_until(uint64_t deadline)
{
    struct sched_poll poll = {.nr_ports = 0, .timeout = deadline};
    return sched_op(SCHEDOP_poll, &poll);
}
