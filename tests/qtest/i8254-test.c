/*
 * The interval timer on the board: interrupt 0 at both controllers, counter 2 behind port 0x61.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#define CONTROL   0x43
#define SPEAKER   0x61
#define TIMER_PIN 2
#define SECOND    INT64_C(1000000000)

static void load(QTestState *state, unsigned n, unsigned mode, uint16_t count)
{
    qtest_outb(state, CONTROL, (uint8_t)(n << 6 | 0x30 | mode << 1));
    qtest_outb(state, (uint16_t)(0x40 + n), (uint8_t)count);
    qtest_outb(state, (uint16_t)(0x40 + n), (uint8_t)(count >> 8));
}

static void periodic_interrupt_reaches_pin_2(void)
{
    QTestState *state = qtest_init("-machine pc");
    uint64_t before;

    qtest_irq_intercept_in(state, "ioapic");
    load(state, 0, 2, 11932);
    before = qtest_get_irq_raised_counter(state, TIMER_PIN);
    qtest_clock_step(state, SECOND);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, TIMER_PIN) - before, ==, 99);
    qtest_clock_step(state, 2 * SECOND / 10000);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, TIMER_PIN) - before, ==, 100);
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 0), ==, 0);
    qtest_quit(state);
}

static void interrupt_reaches_the_pic(void)
{
    QTestState *state = qtest_init("-machine pc");

    qtest_outb(state, 0x20, 0x11);
    qtest_outb(state, 0x21, 0x08);
    qtest_outb(state, 0x21, 0x04);
    qtest_outb(state, 0x21, 0x01);
    load(state, 0, 0, 1193);
    qtest_outb(state, 0x20, 0x0a);
    qtest_clock_step(state, 999000);
    g_assert_cmphex(qtest_inb(state, 0x20) & 1, ==, 0);
    qtest_clock_step(state, 3000);
    g_assert_cmphex(qtest_inb(state, 0x20) & 1, ==, 1);
    qtest_quit(state);
}

static void counter_2_times_by_port_61(void)
{
    QTestState *state = qtest_init("-machine pc");

    qtest_outb(state, SPEAKER, (qtest_inb(state, SPEAKER) & ~2) | 1);
    load(state, 2, 0, 11932); /* 10 ms, as kernels time their other clocks */
    qtest_clock_step(state, 9990000);
    g_assert_cmphex(qtest_inb(state, SPEAKER) & 0x21, ==, 0x01);
    qtest_clock_step(state, 12000);
    g_assert_cmphex(qtest_inb(state, SPEAKER) & 0x21, ==, 0x21);
    qtest_quit(state);
}

static void counter_is_read_while_it_counts(void)
{
    QTestState *state = qtest_init("-machine pc");

    load(state, 0, 2, 0);
    qtest_clock_step(state, SECOND / 100); /* 11931 clocks */
    qtest_outb(state, CONTROL, 0xd2);      /* read back the count of counter 0 */
    unsigned count = qtest_inb(state, 0x40);
    count |= (unsigned)qtest_inb(state, 0x40) << 8;
    g_assert_cmpuint(count, >=, 65536 - 11932);
    g_assert_cmpuint(count, <=, 65536 - 11929);
    qtest_outb(state, CONTROL, 0xe2); /* its status */
    g_assert_cmphex(qtest_inb(state, 0x40), ==, 0xb4);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("i8254/periodic_interrupt_reaches_pin_2", periodic_interrupt_reaches_pin_2);
    qtest_add_func("i8254/interrupt_reaches_the_pic", interrupt_reaches_the_pic);
    qtest_add_func("i8254/counter_2_times_by_port_61", counter_2_times_by_port_61);
    qtest_add_func("i8254/counter_is_read_while_it_counts", counter_is_read_while_it_counts);
    return g_test_run();
}
