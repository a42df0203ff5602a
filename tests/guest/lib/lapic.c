/*
 * The local APIC in xAPIC mode, waiting with a time limit, and the HPET as a clock beside Xen's.
 *
 * Sources: Intel SDM volume 3, chapter 10; IA-PC HPET specification 1.0a. KVM's local APIC timer
 * counts nanoseconds.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#define LAPIC_BASE 0xfee00000u
#define HPET_BASE  0xfed00000u

enum {
    LAPIC_ICR_LOW = 0x300,
    LAPIC_ICR_HIGH = 0x310,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_DIVIDE = 0x3e0,
    LVT_MASKED = 1 << 16,
    SVR_ENABLE = 1 << 8,
    DIVIDE_BY_16 = 3,
    TIMER_UNITS_PER_MS = 1000000 / 16,
};
enum {
    HPET_CAPABILITIES = 0x00,
    HPET_CONFIG = 0x10,
    HPET_STATUS = 0x20,
    HPET_COUNTER = 0xf0,
    HPET_TIMER0_CONFIG = 0x100,
    HPET_TIMER0_ROUTES = 0x104,
    HPET_TIMER0_COMPARATOR = 0x108,
    HPET_TIMER0_MESSAGE = 0x110,
    HPET_ENABLE = 1,
    TIMER_LEVEL = 1 << 1,
    TIMER_ENABLE = 1 << 2,
    TIMER_32_BIT = 1 << 8,
    TIMER_ROUTE_SHIFT = 9,
    TIMER_MESSAGE_ENABLE = 1 << 14,
    TIMER_MESSAGE_ABLE = 1 << 15,
};
#define FS_PER_NS 1000000u

static volatile bool expired[MAX_CPUS];
static bool hpet_runs;

uint32_t lapic_read(unsigned offset)
{
    return mmio_read32(LAPIC_BASE + offset);
}

void lapic_write(unsigned offset, uint32_t value)
{
    mmio_write32(LAPIC_BASE + offset, value);
}

void lapic_eoi(void)
{
    lapic_write(LAPIC_EOI, 0);
}

static bool vector_bit(unsigned registers, unsigned vector)
{
    return lapic_read(registers + vector / 32 * 16) >> (vector % 32) & 1;
}

bool lapic_in_service(unsigned vector)
{
    return vector_bit(LAPIC_ISR, vector);
}

bool lapic_requested(unsigned vector)
{
    return vector_bit(LAPIC_IRR, vector);
}

void lapic_send_ipi(unsigned cpu, unsigned vector)
{
    lapic_write(LAPIC_ICR_HIGH, cpu << 24);
    lapic_write(LAPIC_ICR_LOW, vector);
}

static void on_timer(TrapFrame *frame __attribute__((unused)))
{
    expired[cpu_index()] = true;
    lapic_eoi();
}

void lapic_init(void)
{
    /* The two interrupt controllers of the PC are not used. */
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    lapic_write(LAPIC_SVR, SVR_ENABLE | VECTOR_SPURIOUS);
    lapic_write(LAPIC_LVT0, LVT_MASKED);
    lapic_write(LAPIC_TPR, 0);
    lapic_write(LAPIC_TIMER_DIVIDE, DIVIDE_BY_16);
    trap_set(VECTOR_TIMER, on_timer);
}

static void start_limit(unsigned milliseconds)
{
    expired[cpu_index()] = false;
    lapic_write(LAPIC_LVT_TIMER, VECTOR_TIMER);
    lapic_write(LAPIC_TIMER_INITIAL, milliseconds * TIMER_UNITS_PER_MS);
}

static void stop_limit(void)
{
    lapic_write(LAPIC_TIMER_INITIAL, 0);
    lapic_write(LAPIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    /* One that is on its way comes now. */
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

bool wait_until(bool (*condition)(void *), void *argument, unsigned milliseconds)
{
    unsigned cpu = cpu_index();
    interrupts_off();
    start_limit(milliseconds);
    bool good;
    while (!(good = condition(argument)) && !expired[cpu]) {
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
    stop_limit();
    return good || condition(argument);
}

typedef struct {
    volatile unsigned *word;
    unsigned value;
} WordCondition;

static bool word_reached(void *opaque)
{
    WordCondition *condition = opaque;
    return *condition->word >= condition->value;
}

bool wait_for(volatile unsigned *word, unsigned value, unsigned milliseconds)
{
    WordCondition condition = {word, value};
    return wait_until(word_reached, &condition, milliseconds);
}

static bool never(void *opaque __attribute__((unused)))
{
    return false;
}

void rest(unsigned milliseconds)
{
    wait_until(never, NULL, milliseconds);
}

/* ---- HPET ---- */

static void hpet_start(void)
{
    if (!hpet_runs) {
        mmio_write32(HPET_BASE + HPET_CONFIG, mmio_read32(HPET_BASE + HPET_CONFIG) | HPET_ENABLE);
        hpet_runs = true;
    }
}

static uint64_t hpet_counter(void)
{
    uint32_t high, low;
    do {
        high = mmio_read32(HPET_BASE + HPET_COUNTER + 4);
        low = mmio_read32(HPET_BASE + HPET_COUNTER);
    } while (high != mmio_read32(HPET_BASE + HPET_COUNTER + 4));
    return (uint64_t)high << 32 | low;
}

uint64_t host_ns(void)
{
    hpet_start();
    return hpet_counter() * (mmio_read32(HPET_BASE + HPET_CAPABILITIES + 4) / FS_PER_NS);
}

static void arm(uint32_t config, unsigned microseconds)
{
    uint32_t tick_ns = mmio_read32(HPET_BASE + HPET_CAPABILITIES + 4) / FS_PER_NS;
    mmio_write32(HPET_BASE + HPET_TIMER0_CONFIG, 0);
    mmio_write32(HPET_BASE + HPET_STATUS, 1);
    mmio_write32(HPET_BASE + HPET_TIMER0_COMPARATOR,
                 (uint32_t)hpet_counter() + microseconds * 1000 / tick_ns);
    mmio_write32(HPET_BASE + HPET_TIMER0_CONFIG, TIMER_ENABLE | TIMER_32_BIT | config);
}

bool hpet_raise(unsigned pin, bool level, unsigned microseconds)
{
    hpet_start();
    if (!(mmio_read32(HPET_BASE + HPET_TIMER0_ROUTES) >> pin & 1)) {
        return false;
    }
    arm((level ? TIMER_LEVEL : 0) | pin << TIMER_ROUTE_SHIFT, microseconds);
    return true;
}

bool hpet_send_message(uint32_t address, uint32_t data, unsigned microseconds)
{
    hpet_start();
    if (!(mmio_read32(HPET_BASE + HPET_TIMER0_CONFIG) & TIMER_MESSAGE_ABLE)) {
        return false;
    }
    mmio_write32(HPET_BASE + HPET_TIMER0_MESSAGE, data);
    mmio_write32(HPET_BASE + HPET_TIMER0_MESSAGE + 4, address);
    arm(TIMER_MESSAGE_ENABLE, microseconds);
    return true;
}

void hpet_acknowledge(void)
{
    mmio_write32(HPET_BASE + HPET_TIMER0_CONFIG,
                 mmio_read32(HPET_BASE + HPET_TIMER0_CONFIG) & ~(uint32_t)TIMER_ENABLE);
    mmio_write32(HPET_BASE + HPET_STATUS, 1);
}
