/*
 * ib700: a watchdog that is fed stays quiet, one that is not does what -action watchdog= says.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#define START  0x443
#define STOP   0x441
#define SECOND INT64_C(1000000000)

static void a_fed_watchdog_is_quiet(void)
{
    QTestState *state = qtest_init("-machine pc -device ib700 -action watchdog=poweroff");

    qtest_outb(state, START, 0x0a); /* 10 s */
    for (unsigned i = 0; i < 5; i++) {
        qtest_clock_step(state, 9 * SECOND);
        qtest_outb(state, START, 0x0a);
    }
    qtest_outb(state, STOP, 0);
    qtest_clock_step(state, 100 * SECOND);
    g_assert_true(qtest_probe_child(state));
    g_assert_cmphex(qtest_inb(state, START), ==, 0xff);
    qtest_quit(state);
}

/* The value counts down from 30 s in steps of 2; only its low four bits matter. */
static void each_value_is_its_time(void)
{
    for (unsigned value = 0; value < 15; value += 7) {
        QTestState *state = qtest_init("-machine pc -device ib700 -action watchdog=poweroff");
        qtest_outb(state, START, (uint8_t)(0xf0 | value));
        qtest_clock_step(state, (30 - 2 * (int64_t)value) * SECOND - 1);
        g_assert_true(qtest_probe_child(state));
        qtest_clock_step(state, 1);
        g_assert_cmpint(qtest_wait_exit(state), ==, 0);
    }
}

/* A reset stops the watchdog. That there was one shows in the first PIC's mask,
 * which it clears. */
static void reset_starts_anew_without_the_watchdog(void)
{
    QTestState *state = qtest_init("-machine pc -device ib700 -watchdog-action reset");

    qtest_outb(state, 0x21, 0x5a);
    g_assert_cmphex(qtest_inb(state, 0x21), ==, 0x5a);
    qtest_outb(state, START, 0x0e);
    qtest_clock_step(state, 2 * SECOND);
    while (qtest_inb(state, 0x21) == 0x5a) {
        g_usleep(1000);
    }
    qtest_outb(state, 0x21, 0x5a);
    qtest_clock_step(state, 100 * SECOND);
    g_usleep(20000);
    g_assert_cmphex(qtest_inb(state, 0x21), ==, 0x5a);
    qtest_quit(state);
}

static void what_does_not_end_the_machine(void)
{
    static const char *const actions[] = {"none", "debug", "pause", "inject-nmi"};

    for (unsigned i = 0; i < G_N_ELEMENTS(actions); i++) {
        QTestState *state = qtest_initf("-machine pc -device ib700 -action watchdog=%s", actions[i]);
        qtest_outb(state, START, 0x0f);
        qtest_clock_step(state, 1);
        g_usleep(10000);
        g_assert_cmphex(qtest_inb(state, STOP), ==, 0xff);
        qtest_quit(state);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("ib700/fed", a_fed_watchdog_is_quiet);
    qtest_add_func("ib700/times", each_value_is_its_time);
    qtest_add_func("ib700/reset", reset_starts_anew_without_the_watchdog);
    qtest_add_func("ib700/others", what_does_not_end_the_machine);
    return g_test_run();
}
