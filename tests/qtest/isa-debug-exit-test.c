/*
 * isa-debug-exit: the guest's value is the process's exit status.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

static void status_is_twice_the_value_and_one(void)
{
    static const uint8_t values[] = {0x00, 0x10, 0x7f};

    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
        QTestState *state = qtest_init("-machine pc -device isa-debug-exit");
        qtest_set_expected_status(state, values[i] << 1 | 1);
        qtest_outb(state, 0x501, values[i]);
        g_assert_cmpint(qtest_wait_exit(state), ==, values[i] << 1 | 1);
    }
}

static void port_and_size_can_be_chosen(void)
{
    QTestState *state = qtest_init("-machine pc -device isa-debug-exit,iobase=0xf4,iosize=4");

    g_assert_cmphex(qtest_inl(state, 0xf4), ==, 0);
    qtest_set_expected_status(state, 7);
    qtest_outl(state, 0xf4, 3);
    g_assert_cmpint(qtest_wait_exit(state), ==, 7);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("isa-debug-exit/status", status_is_twice_the_value_and_one);
    qtest_add_func("isa-debug-exit/port", port_and_size_can_be_chosen);
    return g_test_run();
}
