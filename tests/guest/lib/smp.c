/*
 * Other CPUs: started by INIT and SIPI, then asleep until there is work.
 *
 * Source: Intel SDM volume 3, section 8.4.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "boot.h"
#include "guest.h"

#define TRAMPOLINE 0x8000u
#define ICR_INIT   0x4500u
#define ICR_SIPI   0x4600u
#define START_MS   2000
#define WORK_MS    20000

typedef struct {
    void (*volatile body)(void *);
    void *volatile argument;
    volatile unsigned arrived, started, done;
} Cpu;

extern uint8_t trampoline[], trampoline_end[], trampoline_cpu[], secondary_start[];

static Cpu cpus[MAX_CPUS];

unsigned cpu_index(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    return (here - (uintptr_t)cpu_stacks) / STACK_BYTES;
}

static void on_call(TrapFrame *frame __attribute__((unused)))
{
    lapic_eoi();
}

void smp_init(void)
{
    trap_set(VECTOR_CALL, on_call);
    trap_set(VECTOR_DONE, on_call);
    cpus[0].arrived = 1;
}

_Noreturn void runtime_start_secondary(unsigned cpu)
{
    Cpu *self = &cpus[cpu];
    trap_load(cpu);
    lapic_init();
    __atomic_store_n(&self->arrived, 1, __ATOMIC_SEQ_CST);
    lapic_send_ipi(0, VECTOR_DONE);
    for (;;) {
        interrupts_off();
        if (self->started == self->done) {
            __asm__ volatile("sti; hlt; cli" : : : "memory");
            continue;
        }
        self->body(self->argument);
        __atomic_store_n(&self->done, self->started, __ATOMIC_SEQ_CST);
        lapic_send_ipi(0, VECTOR_DONE);
    }
}

static void send_command(unsigned cpu, uint32_t command)
{
    lapic_write(0x310, cpu << 24);
    lapic_write(0x300, command);
    while (lapic_read(0x300) & (1u << 12)) {
        pause_cpu();
    }
}

bool smp_start(unsigned cpu)
{
    uint32_t number = cpu;
    memcpy((void *)TRAMPOLINE, trampoline, trampoline_end - trampoline);
    memcpy((void *)(TRAMPOLINE + (trampoline_cpu - trampoline)), &number, sizeof(number));
    send_command(cpu, ICR_INIT);
    send_command(cpu, ICR_SIPI | TRAMPOLINE >> 12);
    return wait_for(&cpus[cpu].arrived, 1, START_MS);
}

void smp_begin(unsigned cpu, void (*body)(void *), void *argument)
{
    cpus[cpu].body = body;
    cpus[cpu].argument = argument;
    __atomic_store_n(&cpus[cpu].started, cpus[cpu].started + 1, __ATOMIC_SEQ_CST);
    lapic_send_ipi(cpu, VECTOR_CALL);
}

bool smp_wait(unsigned cpu, unsigned milliseconds)
{
    return wait_for(&cpus[cpu].done, cpus[cpu].started, milliseconds);
}

bool smp_run(unsigned cpu, void (*body)(void *), void *argument)
{
    if (cpu == cpu_index()) {
        body(argument);
        return true;
    }
    smp_begin(cpu, body, argument);
    return smp_wait(cpu, WORK_MS);
}

uintptr_t smp_entry32(unsigned cpu __attribute__((unused)))
{
    return (uintptr_t)secondary_start;
}

bool smp_arrived(unsigned cpu)
{
    return cpus[cpu].arrived;
}

void smp_forget(unsigned cpu)
{
    cpus[cpu].arrived = 0;
    cpus[cpu].started = cpus[cpu].done = 0;
}
