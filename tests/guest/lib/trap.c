/*
 * Exceptions and interrupts: the table, the handlers, and catching an exception on purpose.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "boot.h"
#include "guest.h"

#define GATE_INTERRUPT 0x8e00
#define TSS_AVAILABLE  0x89
#define EXCEPTIONS     32
#define VECTOR_NMI     2

typedef struct {
    uint16_t offset_low, selector, flags, offset_middle;
#ifdef __x86_64__
    uint32_t offset_high, reserved;
#endif
} PACKED Gate;

#ifdef __x86_64__
typedef struct {
    uint32_t reserved;
    uint64_t sp0, others[11];
    uint16_t reserved2, io_map;
} PACKED Tss;
#else
typedef struct {
    uint32_t link, sp0, ss0, others[22];
    uint16_t trap, io_map;
} PACKED Tss;
#endif

typedef struct {
    void *jump[5];
    volatile bool armed;
    volatile int vector;
} Catch;

extern uint8_t trap_stubs[], gdt[], gdt_tss[];
void enter_user(void (*body)(void *), void *argument, void *stack);

static Gate idt[256] __attribute__((aligned(16)));
static Tss tss[MAX_CPUS];
static TrapHandler handlers[256];
static Catch catches[MAX_CPUS];

static void set_gate(unsigned vector)
{
    uintptr_t at = (uintptr_t)trap_stubs + vector * TRAP_STUB_BYTES;
    idt[vector] = (Gate){.offset_low = at,
                         .selector = SELECTOR_CODE,
                         .flags = GATE_INTERRUPT,
                         .offset_middle = at >> 16};
}

void trap_init(void)
{
    for (unsigned i = 0; i < 256; i++) {
        set_gate(i);
    }
}

static void set_tss(unsigned cpu)
{
    uintptr_t at = (uintptr_t)&tss[cpu];
    uint64_t low = (sizeof(Tss) - 1) | (uint64_t)(at & 0xffffff) << 16 |
                   (uint64_t)TSS_AVAILABLE << 40 | (uint64_t)(at >> 24 & 0xff) << 56;
    uint64_t *entry = (uint64_t *)(gdt_tss + cpu * TSS_DESCRIPTOR);
    tss[cpu].io_map = sizeof(Tss);
#ifndef __x86_64__
    tss[cpu].ss0 = SELECTOR_DATA;
#else
    entry[1] = 0;
#endif
    entry[0] = low;
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS + cpu * TSS_DESCRIPTOR));
}

void trap_load(unsigned cpu)
{
    struct {
        uint16_t limit;
        uintptr_t base;
    } PACKED pointer = {sizeof(idt) - 1, (uintptr_t)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
    set_tss(cpu);
}

void trap_set(unsigned vector, TrapHandler handler)
{
    handlers[vector] = handler;
}

static _Noreturn void report(const TrapFrame *frame)
{
    uintptr_t cr2;
    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    bail_out("CPU %u: unexpected %s %u, error 0x%lx, at 0x%lx, CR2 0x%lx", cpu_index(),
             frame->vector < EXCEPTIONS ? "exception" : "interrupt", (unsigned)frame->vector,
             (unsigned long)frame->error, (unsigned long)frame->ip, (unsigned long)cr2);
}

void trap_entry(TrapFrame *frame)
{
    Catch *catch = &catches[cpu_index()];
    if (frame->vector < EXCEPTIONS && frame->vector != VECTOR_NMI && catch->armed) {
        catch->vector = frame->vector;
        catch->armed = false;
        __builtin_longjmp(catch->jump, 1);
    }
    if (!handlers[frame->vector]) {
        if (frame->vector == VECTOR_SPURIOUS) {
            return;
        }
        report(frame);
    }
    handlers[frame->vector](frame);
}

/* Not inlined: what is in registers here is lost when the exception comes. */
static __attribute__((noinline)) bool armed_first(Catch *catch)
{
    catch->vector = NO_TRAP;
    return true;
}

__attribute__((noinline)) int trap_catch(void (*body)(void *), void *argument)
{
    Catch *catch = &catches[cpu_index()];
    armed_first(catch);
    if (__builtin_setjmp(catch->jump) == 0) {
        catch->armed = true;
        body(argument);
        catches[cpu_index()].armed = false;
    }
    return catches[cpu_index()].vector;
}

typedef struct {
    void (*body)(void *);
    void *argument;
} UserCall;

static uint8_t user_stack[PAGE_SIZE] __attribute__((aligned(16)));

static void go_to_user(void *opaque)
{
    UserCall *call = opaque;
    uint8_t here;
    /* Exceptions come in well below what is in use now. */
    tss[cpu_index()].sp0 = ((uintptr_t)&here - 2048) & ~(uintptr_t)15;
    enter_user(call->body, call->argument, user_stack + sizeof(user_stack) - 8 * sizeof(void *));
}

/* The body's return goes to address 0 or wherever the stack says: it ends by an exception in any
 * case. */
int trap_catch_user(void (*body)(void *), void *argument)
{
    UserCall call = {body, argument};
    memset(user_stack, 0, sizeof(user_stack));
    return trap_catch(go_to_user, &call);
}
