/*
 * VCPUOP_initialise and VCPUOP_up: a vCPU starts in flat protected mode or in long mode with the
 * registers given. It is up until it halts with interrupts off.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define CODE_ACCESS 0xc9b
#define DATA_ACCESS 0xc93
#define TSS_ACCESS  0x8b
#define CR0_PE      1u
#define SPARE       4 /* a vCPU for mistakes only */
#define STACK_WORDS 256

volatile unsigned start_seen[4], start_stop;
uint8_t start_stack[STACK_WORDS * 8] __attribute__((aligned(16)));

/* Tells what it was started with and halts when it is told to, without any stack. */
__asm__(".text\n"
        ".code32\n"
        "started_flat:\n"
        "    mov %eax, start_seen\n"
        "    mov %esi, start_seen + 4\n"
        "    mov %esp, start_seen + 8\n"
        "    movl $32, start_seen + 12\n"
        "1:  pause\n"
        "    cmpl $0, start_stop\n"
        "    je 1b\n"
        "2:  hlt\n"
        "    jmp 2b\n"
#ifdef __x86_64__
        ".code64\n"
        "started_long:\n"
        "    mov %eax, start_seen\n"
        "    mov %esi, start_seen + 4\n"
        "    mov %esp, start_seen + 8\n"
        "    movl $64, start_seen + 12\n"
        "1:  pause\n"
        "    cmpl $0, start_stop\n"
        "    je 1b\n"
        "2:  hlt\n"
        "    jmp 2b\n"
#endif
);
extern uint8_t started_flat[], started_long[];

static struct vcpu_hvm_context flat(uintptr_t entry)
{
    struct vcpu_hvm_context context = {.mode = VCPU_HVM_MODE_32B};
    context.cpu_regs.x86_32 = (struct vcpu_hvm_x86_32){
        .eax = 0x11223344,
        .esi = 0x55667788,
        .esp = (uint32_t)(uintptr_t)(start_stack + sizeof(start_stack)),
        .eip = (uint32_t)entry,
        .cr0 = CR0_PE,
        .cs_limit = 0xffffffff,
        .ds_limit = 0xffffffff,
        .ss_limit = 0xffffffff,
        .es_limit = 0xffffffff,
        .tr_limit = 0x67,
        .cs_ar = CODE_ACCESS,
        .ds_ar = DATA_ACCESS,
        .ss_ar = DATA_ACCESS,
        .es_ar = DATA_ACCESS,
        .tr_ar = TSS_ACCESS,
    };
    return context;
}

static bool seen(void *opaque)
{
    return start_seen[3] == *(unsigned *)opaque;
}

static long register_info(unsigned vcpu)
{
    struct vcpu_register_vcpu_info info = {.mfn = frame_of(page_alloc())};
    return vcpu_op(VCPUOP_register_vcpu_info, vcpu, &info);
}

static bool is_down(void *opaque)
{
    return vcpu_op(VCPUOP_is_up, *(unsigned *)opaque, NULL) == 0;
}

static void starts(const char *what, unsigned vcpu, struct vcpu_hvm_context *context, unsigned mode)
{
    note("%s", what);
    start_seen[0] = start_seen[1] = start_seen[2] = start_seen[3] = start_stop = 0;
    expect("initialise", vcpu_op(VCPUOP_initialise, vcpu, context), 0);
    rest(5);
    expect("it does not run yet", start_seen[3], 0);
    expect("and is not up", vcpu_op(VCPUOP_is_up, vcpu, NULL), 0);
    expect("up", vcpu_op(VCPUOP_up, vcpu, NULL), 0);
    check(wait_until(seen, &mode, 2000), "it runs in its mode");
    expect("with its EAX", start_seen[0], 0x11223344);
    expect("with its ESI", start_seen[1], 0x55667788);
    expect("with its stack", start_seen[2],
           (uint32_t)(uintptr_t)(start_stack + sizeof(start_stack)));
    expect("it is up", vcpu_op(VCPUOP_is_up, vcpu, NULL), 1);
    expect("initialise again: -EEXIST", vcpu_op(VCPUOP_initialise, vcpu, context), -XEN_EEXIST);
    expect("its vcpu_info stays while it is up: -EINVAL", register_info(vcpu), -XEN_EINVAL);
    start_stop = 1;
    check(wait_until(is_down, &vcpu, 2000), "halted with interrupts off it is down");
    expect("another vCPU places its vcpu_info", register_info(vcpu), 0);
}

#ifdef __x86_64__
static void in_long_mode(void)
{
    struct vcpu_hvm_context context = {.mode = VCPU_HVM_MODE_64B};
    uint64_t cr0, cr3, cr4;
    __asm__("mov %%cr0, %0" : "=r"(cr0));
    __asm__("mov %%cr3, %0" : "=r"(cr3));
    __asm__("mov %%cr4, %0" : "=r"(cr4));
    context.cpu_regs.x86_64 = (struct vcpu_hvm_x86_64){
        .rax = 0x11223344,
        .rsi = 0x55667788,
        .rsp = (uintptr_t)(start_stack + sizeof(start_stack)),
        .rip = (uintptr_t)started_long,
        .cr0 = cr0,
        .cr3 = cr3,
        .cr4 = cr4,
        .efer = 0x500,
    };
    starts("long mode", 2, &context, 64);
}
#endif

static void errors(void)
{
    struct vcpu_hvm_context context = flat((uintptr_t)started_flat);
    expect("initialise of the vCPU that runs: -EEXIST", vcpu_op(VCPUOP_initialise, 0, &context),
           -XEN_EEXIST);
    expect("from nowhere: -EFAULT", vcpu_op(VCPUOP_initialise, SPARE, no_memory()), -XEN_EFAULT);
    context.mode = 2;
    expect("a mode that is none: -EINVAL", vcpu_op(VCPUOP_initialise, SPARE, &context),
           -XEN_EINVAL);
    context = flat((uintptr_t)started_flat);
    context.pad = 1;
    expect("padding that is not zero: -EINVAL", vcpu_op(VCPUOP_initialise, SPARE, &context),
           -XEN_EINVAL);
    context = flat((uintptr_t)started_flat);
    context.cpu_regs.x86_32.pad1 = 1;
    expect("likewise in the registers: -EINVAL", vcpu_op(VCPUOP_initialise, SPARE, &context),
           -XEN_EINVAL);
    context = flat((uintptr_t)started_flat);
    context.cpu_regs.x86_32.cs_ar = 0;
    expect("no code segment: -EINVAL", vcpu_op(VCPUOP_initialise, SPARE, &context), -XEN_EINVAL);
    context = flat((uintptr_t)started_flat);
    context.cpu_regs.x86_32.cs_ar = DATA_ACCESS;
    expect("a code segment of data: -EINVAL", vcpu_op(VCPUOP_initialise, SPARE, &context),
           -XEN_EINVAL);
    expect("it was not initialised by any of these", vcpu_op(VCPUOP_up, SPARE, NULL), -XEN_EINVAL);
}

static void joins(void)
{
    struct vcpu_hvm_context context = flat(smp_entry32(3));
    context.cpu_regs.x86_32.ebx = 3;
    expect("a fourth vCPU, which joins this kernel", vcpu_op(VCPUOP_initialise, 3, &context), 0);
    expect("up", vcpu_op(VCPUOP_up, 3, NULL), 0);
    for (unsigned i = 0; i < 100 && !smp_arrived(3); i++) {
        rest(10);
    }
    check(smp_arrived(3), "it arrives");
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    errors();
    struct vcpu_hvm_context context = flat((uintptr_t)started_flat);
    starts("flat protected mode", 1, &context, 32);
#ifdef __x86_64__
    in_long_mode();
#endif
    joins();
    check(smp_start(1), "a vCPU started this way can still be started by INIT and SIPI");
}
