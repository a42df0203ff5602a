/*
 * The runtime itself, without Xen: paging, exceptions, user mode, timers, a second CPU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

static void divide_by_zero(void *opaque)
{
    volatile int *zero = opaque;
    *zero = 100 / *zero;
}

static void touch(void *opaque)
{
    *(volatile uint32_t *)opaque = 7;
}

static void privileged(void *opaque __attribute__((unused)))
{
    __asm__ volatile("hlt");
}

static void user_touch(void *opaque)
{
    *(volatile uint32_t *)opaque = 9;
    __asm__ volatile("ud2");
}

static void exceptions_are_caught(void)
{
    int zero = 0;
    uint32_t *page = page_alloc();
    expect("a division by zero is vector 0", trap_catch(divide_by_zero, &zero), 0);
    expect("a hole is a page fault", trap_catch(touch, (void *)WINDOW_START), 14);
    uint32_t *window = window_map(3, frame_of(page), 0);
    expect("a mapped page is none", trap_catch(touch, window), NO_TRAP);
    expect("the window shows the page", page[0], 7);
    window_map(3, frame_of(page), WINDOW_READ_ONLY);
    expect("a read-only page is a page fault", trap_catch(touch, window), 14);
    window_unmap(3);
    expect("hlt in user mode is a protection fault", trap_catch_user(privileged, NULL), 13);
    expect("user mode runs", trap_catch_user(user_touch, page), 6);
    expect("user mode writes", page[0], 9);
    window_map(4, frame_of(page), WINDOW_KERNEL_ONLY);
    expect("user mode may not touch the kernel's page",
           trap_catch_user(user_touch, (uint8_t *)window + PAGE_SIZE), 14);
}

static void numbers_and_options(void)
{
    char text[64];
    format(text, sizeof(text), "%d %u %04x %llu %s", -5, 7u, 0xabu, 12345678901234567ull, "end");
    expect_text("numbers are written", text, "-5 7 00ab 12345678901234567 end");
    volatile uint64_t big = UINT64_C(0x123456789abcdef), small = 1000000007;
    expect("64-bit division", big / small, 81985528);
    expect("64-bit remainder", big % small,
           INT64_C(0x123456789abcdef) - 81985528 * INT64_C(1000000007));
    check(option("word"), "a word of the command line");
    check(!option("wor"), "a part of one is none");
    expect("a number of the command line", option_number("number", 0), 0x1f);
}

static void time_passes(void)
{
    uint64_t before = host_ns();
    rest(20);
    expect_range("20 ms of rest by the HPET, in us", (host_ns() - before) / 1000, 19000, 200000);
}

static unsigned seen;

static void on_other(void *opaque)
{
    *(unsigned *)opaque = cpu_index() + 100;
    seen = lapic_read(LAPIC_ID) >> 24;
}

static void second_cpu(void)
{
    unsigned value = 0;
    if (!check(smp_start(1), "a second CPU comes up by INIT and SIPI")) {
        return;
    }
    check(smp_run(1, on_other, &value), "it takes work");
    expect("it knows its number", value, 101);
    expect("its local APIC has that number", seen, 1);
    value = 0;
    check(smp_run(1, on_other, &value) && value == 101, "it takes work again");
}

static volatile unsigned hpet_interrupts;

static void on_hpet(TrapFrame *frame __attribute__((unused)))
{
    hpet_interrupts++;
    hpet_acknowledge();
    lapic_eoi();
}

static void hpet_interrupt(void)
{
    for (unsigned level = 0; level < 2; level++) {
        hpet_interrupts = 0;
        trap_set(0x50, on_hpet);
        ioapic_set(16, 0x50, level);
        check(hpet_raise(16, level, 200), "the HPET can be routed to pin 16");
        check(wait_for(&hpet_interrupts, 1, 1000), "it interrupts (%s)", level ? "level" : "edge");
        rest(5);
        expect("once", hpet_interrupts, 1);
        ioapic_mask(16);
    }
}

void test_main(void)
{
    note("%s build, RAM up to 0x%llx", IS_64_BIT ? "64-bit" : "32-bit",
         (unsigned long long)ram_end());
    numbers_and_options();
    exceptions_are_caught();
    time_passes();
    hpet_interrupt();
    second_cpu();
}
