/*
 * Port 0x92 on the board: it keeps its bits and its bit 0 resets the machine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

static void keeps_its_bits(void)
{
    QTestState *state = qtest_init("-machine pc");

    qtest_outb(state, 0x92, 0x02);
    g_assert_cmphex(qtest_inb(state, 0x92), ==, 0x02);
    qtest_outb(state, 0x92, 0x00);
    g_assert_cmphex(qtest_inb(state, 0x92), ==, 0x00);
    qtest_quit(state);
}

static void bit_0_resets_the_machine(void)
{
    QTestState *state = qtest_init("-machine pc -serial null");

    qtest_outb(state, 0x3ff, 0x77);
    qtest_outb(state, 0x92, 0x03);
    for (unsigned i = 0; qtest_inb(state, 0x3ff) != 0; i++) {
        g_assert_cmpuint(i, <, 10000);
        g_usleep(1000);
    }
    g_assert_cmphex(qtest_inb(state, 0x92), ==, 0x00);
    qtest_quit(state);
}

static void no_reboot_ends_instead(void)
{
    QTestState *state = qtest_init("-machine pc -no-reboot");

    qtest_outb(state, 0x92, 0x01);
    g_assert_cmpint(qtest_wait_exit(state), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("port92/bits", keeps_its_bits);
    qtest_add_func("port92/reset", bit_0_resets_the_machine);
    qtest_add_func("port92/no-reboot", no_reboot_ends_instead);
    return g_test_run();
}
