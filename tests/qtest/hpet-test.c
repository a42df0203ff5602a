/*
 * The HPET on the board: identity, its interrupt pin, and legacy replacement of the PIT's and the
 * RTC's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#define BASE       0xfed00000u
#define CONFIG     (BASE + 0x010)
#define STATUS     (BASE + 0x020)
#define COUNTER    (BASE + 0x0f0)
#define TIMER(n)   (BASE + 0x100 + 0x20 * (n))
#define COMPARE(n) (TIMER(n) + 8)

enum {
    LEVEL = 0x0002,
    ENABLE = 0x0004,
    PERIODIC = 0x0008,
    SET_VALUE = 0x0040,
    BITS32 = 0x0100,
};

static QTestState *start(void)
{
    QTestState *state = qtest_init("-machine pc");

    qtest_irq_intercept_in(state, "ioapic");
    return state;
}

static void identity(void)
{
    QTestState *state = start();

    g_assert_cmphex(qtest_readl(state, BASE), ==, 0x8086a201);
    g_assert_cmphex(qtest_readl(state, BASE + 4), ==, 10000000);
    g_assert_cmphex(qtest_readl(state, TIMER(0) + 4), ==, 0x4); /* pin 2 and no other */
    qtest_quit(state);
}

static void can_be_left_out(void)
{
    QTestState *state = qtest_init("-machine pc,hpet=off");

    g_assert_cmphex(qtest_readl(state, BASE), ==, 0xffffffff);
    qtest_quit(state);
}

static void counter_follows_the_clock(void)
{
    QTestState *state = start();

    qtest_writel(state, CONFIG, 1);
    qtest_clock_step(state, 1000000);
    g_assert_cmphex(qtest_readq(state, COUNTER), ==, 100000);
    qtest_quit(state);
}

static void periodic_on_pin_2(void)
{
    QTestState *state = start();

    qtest_writel(state, CONFIG, 1);
    qtest_writel(state, TIMER(0), ENABLE | PERIODIC | SET_VALUE | BITS32 | 2 << 9);
    qtest_writel(state, COMPARE(0), 100000);
    qtest_writel(state, COMPARE(0), 100000);
    qtest_clock_step(state, 999999);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 2), ==, 0);
    qtest_clock_step(state, 1 + 999 * 1000000);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 2), ==, 1000);
    qtest_quit(state);
}

static void level_on_pin_2(void)
{
    QTestState *state = start();

    qtest_writel(state, TIMER(1), ENABLE | LEVEL | 2 << 9);
    qtest_writeq(state, COMPARE(1), 500);
    qtest_writel(state, CONFIG, 1);
    qtest_clock_step(state, 5000);
    g_assert_true(qtest_get_irq(state, 2));
    g_assert_cmphex(qtest_readl(state, STATUS), ==, 2);
    qtest_writel(state, STATUS, 2);
    g_assert_false(qtest_get_irq(state, 2));
    qtest_quit(state);
}

static void legacy_replacement_silences_the_pit_and_the_rtc(void)
{
    QTestState *state = start();

    qtest_outb(state, 0x43, 0x34);
    qtest_outb(state, 0x40, 0x9c);
    qtest_outb(state, 0x40, 0x2e);
    qtest_outb(state, 0x70, 0x0b);
    qtest_outb(state, 0x71, 0x42);
    qtest_writel(state, CONFIG, 3);
    uint64_t pit = qtest_get_irq_raised_counter(state, 2);
    uint64_t rtc = qtest_get_irq_raised_counter(state, 8);
    qtest_clock_step(state, 1000000000);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 2), ==, pit);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 8), ==, rtc);
    uint64_t counter = qtest_readq(state, COUNTER);
    qtest_writel(state, TIMER(0), ENABLE);
    qtest_writeq(state, COMPARE(0), counter + 1000);
    qtest_writel(state, TIMER(1), ENABLE);
    qtest_writeq(state, COMPARE(1), counter + 2000);
    qtest_clock_step(state, 10000);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 2), ==, pit + 1);
    qtest_clock_step(state, 10000);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 8), ==, rtc + 1);
    qtest_writel(state, CONFIG, 0);
    pit = qtest_get_irq_raised_counter(state, 2);
    qtest_clock_step(state, 1000000000);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 2), >=, pit + 99);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("hpet/identity", identity);
    qtest_add_func("hpet/can_be_left_out", can_be_left_out);
    qtest_add_func("hpet/counter_follows_the_clock", counter_follows_the_clock);
    qtest_add_func("hpet/periodic_on_pin_2", periodic_on_pin_2);
    qtest_add_func("hpet/level_on_pin_2", level_on_pin_2);
    qtest_add_func("hpet/legacy_replacement_silences_the_pit_and_the_rtc",
                   legacy_replacement_silences_the_pit_and_the_rtc);
    return g_test_run();
}
