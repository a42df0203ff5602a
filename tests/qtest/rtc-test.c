/*
 * The real-time clock on the board: -rtc base and clock, interrupt 8, alarm, CMOS memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#include <time.h>

#define SECOND INT64_C(1000000000)
#define PIN    8

enum {
    SECONDS,
    SECONDS_ALARM,
    MINUTES,
    MINUTES_ALARM,
    HOURS,
    HOURS_ALARM,
    WEEKDAY,
    DAY,
    MONTH,
    YEAR,
    A,
    B,
    C,
    D
};

#define CENTURY 0x32

static uint8_t get(QTestState *state, uint8_t index)
{
    qtest_outb(state, 0x70, index);
    return qtest_inb(state, 0x71);
}

static void set(QTestState *state, uint8_t index, uint8_t value)
{
    qtest_outb(state, 0x70, index);
    qtest_outb(state, 0x71, value);
}

/* 2009-02-13 23:31:30, on the clock that the test drives. */
static QTestState *start(void)
{
    QTestState *state = qtest_init("-machine pc -rtc base=2009-02-13T23:31:30,clock=vm");

    qtest_irq_intercept_in(state, "ioapic");
    return state;
}

static unsigned from_bcd(uint8_t value)
{
    return (value >> 4) * 10u + (value & 15);
}

static void base_is_the_given_date(void)
{
    QTestState *state = start();

    g_assert_cmphex(get(state, CENTURY), ==, 0x20);
    g_assert_cmphex(get(state, YEAR), ==, 0x09);
    g_assert_cmphex(get(state, MONTH), ==, 0x02);
    g_assert_cmphex(get(state, DAY), ==, 0x13);
    g_assert_cmphex(get(state, WEEKDAY), ==, 0x06);
    g_assert_cmphex(get(state, HOURS), ==, 0x23);
    g_assert_cmphex(get(state, MINUTES), ==, 0x31);
    g_assert_cmphex(get(state, B), ==, 0x02);
    g_assert_cmphex(get(state, D), ==, 0x80);
    qtest_clock_step(state, 3600 * SECOND);
    g_assert_cmphex(get(state, DAY), ==, 0x14);
    g_assert_cmphex(get(state, HOURS), ==, 0x00);
    qtest_quit(state);
}

static void default_base_is_the_host_s_utc(void)
{
    QTestState *state = qtest_init("-machine pc");
    time_t now = time(NULL);
    struct tm tm = {
        .tm_sec = (int)from_bcd(get(state, SECONDS)),
        .tm_min = (int)from_bcd(get(state, MINUTES)),
        .tm_hour = (int)from_bcd(get(state, HOURS)),
        .tm_mday = (int)from_bcd(get(state, DAY)),
        .tm_mon = (int)from_bcd(get(state, MONTH)) - 1,
        .tm_year =
            (int)from_bcd(get(state, CENTURY)) * 100 + (int)from_bcd(get(state, YEAR)) - 1900,
    };

    g_assert_cmpint(ABS(timegm(&tm) - now), <=, 3);
    qtest_quit(state);
}

static void periodic_interrupt_on_pin_8(void)
{
    QTestState *state = start();

    get(state, C);
    set(state, A, 0x26);
    set(state, B, 0x42);
    for (unsigned i = 1; i <= 64; i++) {
        qtest_clock_step(state, SECOND / 1024 + 1);
        g_assert_cmpuint(qtest_get_irq_raised_counter(state, PIN), ==, i);
        g_assert_true(qtest_get_irq(state, PIN));
        g_assert_cmphex(get(state, C) & 0xc0, ==, 0xc0);
        g_assert_false(qtest_get_irq(state, PIN));
    }
    qtest_quit(state);
}

static void alarm_interrupt_on_pin_8(void)
{
    QTestState *state = start();

    set(state, HOURS_ALARM, 0x23);
    set(state, MINUTES_ALARM, 0x32);
    set(state, SECONDS_ALARM, 0x00);
    get(state, C);
    set(state, B, 0x22);
    qtest_clock_step(state, 28 * SECOND);
    g_assert_false(qtest_get_irq(state, PIN));
    qtest_clock_step(state, 3 * SECOND);
    g_assert_true(qtest_get_irq(state, PIN));
    g_assert_cmphex(get(state, C) & 0xa0, ==, 0xa0);
    qtest_quit(state);
}

static void update_ended_interrupt_on_pin_8(void)
{
    QTestState *state = start();

    get(state, C);
    set(state, B, 0x12);
    qtest_clock_step(state, SECOND);
    g_assert_true(qtest_get_irq(state, PIN));
    g_assert_cmphex(get(state, C) & 0x90, ==, 0x90);
    qtest_clock_step(state, SECOND);
    g_assert_true(qtest_get_irq(state, PIN));
    qtest_quit(state);
}

static void memory_holds_what_is_written(void)
{
    QTestState *state = start();

    for (unsigned i = 0x40; i < 0x50; i++) {
        set(state, (uint8_t)i, (uint8_t)(0xa5 ^ i));
    }
    for (unsigned i = 0x40; i < 0x50; i++) {
        g_assert_cmphex(get(state, (uint8_t)i), ==, 0xa5 ^ i);
    }
    g_assert_cmphex(qtest_inb(state, 0x72), ==, 0xff); /* no extended bank */
    qtest_quit(state);
}

static void any_writes_leave_the_clock_alive(void)
{
    QTestState *state = start();
    g_autoptr(GRand) random = g_rand_new_with_seed(818);

    for (unsigned i = 0; i < 2000; i++) {
        set(state, (uint8_t)g_rand_int_range(random, 0, 0x40),
            (uint8_t)g_rand_int_range(random, 0, 256));
        get(state, (uint8_t)g_rand_int_range(random, 0, 0x40));
        qtest_clock_step(state, g_rand_int_range(random, 0, 300000000));
    }
    set(state, A, 0x26);
    set(state, B, 0x02);
    set(state, SECONDS, 0x00);
    qtest_clock_step(state, 3 * SECOND);
    g_assert_cmphex(get(state, SECONDS), ==, 0x03);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("rtc/base_is_the_given_date", base_is_the_given_date);
    qtest_add_func("rtc/default_base_is_the_host_s_utc", default_base_is_the_host_s_utc);
    qtest_add_func("rtc/periodic_interrupt_on_pin_8", periodic_interrupt_on_pin_8);
    qtest_add_func("rtc/alarm_interrupt_on_pin_8", alarm_interrupt_on_pin_8);
    qtest_add_func("rtc/update_ended_interrupt_on_pin_8", update_ended_interrupt_on_pin_8);
    qtest_add_func("rtc/memory_holds_what_is_written", memory_holds_what_is_written);
    qtest_add_func("rtc/any_writes_leave_the_clock_alive", any_writes_leave_the_clock_alive);
    return g_test_run();
}
