/*
 * The I/O APIC on the board: its place in memory, its registers, level pins and the EOI register.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#define BASE   0xfec00000u
#define WINDOW (BASE + 0x10)
#define EOI    (BASE + 0x40)
#define PATH   "ioapic"
#define MASKED 0x10000u
#define LEVEL  0x8000u
#define REMOTE 0x4000u

static uint32_t get(QTestState *state, uint8_t index)
{
    qtest_writel(state, BASE, index);
    return qtest_readl(state, WINDOW);
}

static void set(QTestState *state, uint8_t index, uint32_t value)
{
    qtest_writel(state, BASE, index);
    qtest_writel(state, WINDOW, value);
}

static void registers_are_where_the_madt_says(void)
{
    QTestState *state = qtest_init("-machine pc");

    g_assert_cmphex(get(state, 1), ==, 0x00170020);
    g_assert_cmphex(get(state, 0), ==, 0);
    for (uint8_t pin = 0; pin < 24; pin++) {
        g_assert_cmphex(get(state, (uint8_t)(0x10 + 2 * pin)), ==, MASKED);
    }
    set(state, 0x3e, MASKED | LEVEL | 0x0931);
    set(state, 0x3f, 0x0f000000);
    g_assert_cmphex(get(state, 0x3e), ==, MASKED | LEVEL | 0x0931);
    g_assert_cmphex(get(state, 0x3f), ==, 0x0f000000);
    qtest_quit(state);
}

static void level_pin_waits_for_eoi(void)
{
    QTestState *state = qtest_init("-machine pc");

    set(state, 0x10 + 2 * 20, LEVEL | 0x51);
    qtest_set_irq_in(state, PATH, NULL, 20, 1);
    g_assert_cmphex(get(state, 0x10 + 2 * 20), ==, REMOTE | LEVEL | 0x51);
    qtest_writel(state, EOI, 0x50);
    g_assert_cmphex(get(state, 0x10 + 2 * 20), ==, REMOTE | LEVEL | 0x51);
    qtest_set_irq_in(state, PATH, NULL, 20, 0);
    qtest_writel(state, EOI, 0x51);
    g_assert_cmphex(get(state, 0x10 + 2 * 20), ==, LEVEL | 0x51);
    qtest_quit(state);
}

static void storm_ends_by_the_clock(void)
{
    QTestState *state = qtest_init("-machine pc");
    unsigned ends = 0;

    set(state, 0x10 + 2 * 20, LEVEL | 0x51);
    qtest_set_irq_in(state, PATH, NULL, 20, 1);
    while (ends < 20000 && (get(state, 0x10 + 2 * 20) & REMOTE)) {
        qtest_writel(state, EOI, 0x51);
        ends++;
    }
    g_assert_cmpuint(ends, ==, 10000);
    qtest_clock_step(state, 9999999);
    g_assert_cmphex(get(state, 0x10 + 2 * 20), ==, LEVEL | 0x51);
    qtest_clock_step(state, 1);
    g_assert_cmphex(get(state, 0x10 + 2 * 20), ==, REMOTE | LEVEL | 0x51);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("ioapic/registers_are_where_the_madt_says", registers_are_where_the_madt_says);
    qtest_add_func("ioapic/level_pin_waits_for_eoi", level_pin_waits_for_eoi);
    qtest_add_func("ioapic/storm_ends_by_the_clock", storm_ends_by_the_clock);
    return g_test_run();
}
