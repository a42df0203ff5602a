/*
 * pvpanic: a guest's panic follows -action panic=.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

static void events_are_shown(void)
{
    QTestState *state = qtest_init("-machine pc -device pvpanic");

    g_assert_cmphex(qtest_inb(state, 0x505), ==, 0x07);
    qtest_outb(state, 0x505, 0x02); /* a crash kernel takes over: the machine goes on */
    g_assert_cmphex(qtest_inb(state, 0x505), ==, 0x07);
    qtest_quit(state);
    state = qtest_init("-machine pc -device pvpanic,events=1,ioport=0x600");
    g_assert_cmphex(qtest_inb(state, 0x600), ==, 0x01);
    qtest_quit(state);
}

static void expect_status_of_panic(const char *action, int status)
{
    QTestState *state = qtest_initf("-machine pc -device pvpanic -action panic=%s", action);

    qtest_set_expected_status(state, status);
    qtest_outb(state, 0x505, 0x01);
    g_assert_cmpint(qtest_wait_exit(state), ==, status);
}

static void a_panic_ends_as_the_action_says(void)
{
    expect_status_of_panic("shutdown", 0);
    expect_status_of_panic("exit-failure", 1);
}

static void a_panic_may_leave_the_machine_there(void)
{
    static const char *const actions[] = {"pause", "none"};

    for (unsigned i = 0; i < G_N_ELEMENTS(actions); i++) {
        QTestState *state = qtest_initf("-machine pc -device pvpanic -action panic=%s", actions[i]);
        qtest_outb(state, 0x505, 0x01);
        g_assert_cmphex(qtest_inb(state, 0x505), ==, 0x07);
        qtest_quit(state);
    }
}

static void an_orderly_shutdown_ends_the_process(void)
{
    QTestState *state = qtest_init("-machine pc -device pvpanic");

    qtest_outb(state, 0x505, 0x04);
    g_assert_cmpint(qtest_wait_exit(state), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("pvpanic/events", events_are_shown);
    qtest_add_func("pvpanic/action", a_panic_ends_as_the_action_says);
    qtest_add_func("pvpanic/stays", a_panic_may_leave_the_machine_there);
    qtest_add_func("pvpanic/shutdown", an_orderly_shutdown_ends_the_process);
    return g_test_run();
}
