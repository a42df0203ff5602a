/*
 * The keyboard controller on the board: self tests and initialization as firmware runs them,
 * interrupts 1 and 12, reset through the controller, the machine without it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#define DATA   0x60
#define STATUS 0x64

static uint8_t read_data(QTestState *state)
{
    g_assert_cmphex(qtest_inb(state, STATUS) & 1, ==, 1);
    return qtest_inb(state, DATA);
}

static void command(QTestState *state, uint8_t value)
{
    g_assert_cmphex(qtest_inb(state, STATUS) & 2, ==, 0); /* the input buffer is always free */
    qtest_outb(state, STATUS, value);
}

static void firmware_initialization_succeeds(void)
{
    QTestState *state = qtest_init("-machine pc");

    command(state, 0xaa);
    g_assert_cmphex(read_data(state), ==, 0x55);
    command(state, 0xab);
    g_assert_cmphex(read_data(state), ==, 0x00);
    command(state, 0xad);
    command(state, 0xa7);
    command(state, 0x60);
    qtest_outb(state, DATA, 0x30); /* both off, no interrupts */
    qtest_outb(state, DATA, 0xff);
    g_assert_cmphex(read_data(state), ==, 0xfa);
    g_assert_cmphex(read_data(state), ==, 0xaa);
    qtest_outb(state, DATA, 0xf5);
    g_assert_cmphex(read_data(state), ==, 0xfa);
    qtest_outb(state, DATA, 0xf0);
    g_assert_cmphex(read_data(state), ==, 0xfa);
    qtest_outb(state, DATA, 0x02);
    g_assert_cmphex(read_data(state), ==, 0xfa);
    command(state, 0x60);
    qtest_outb(state, DATA, 0x61); /* translate, interrupt 1, mouse off */
    qtest_outb(state, DATA, 0xf4);
    g_assert_cmphex(read_data(state), ==, 0xfa);
    command(state, 0x20);
    g_assert_cmphex(read_data(state), ==, 0x61);
    qtest_quit(state);
}

static void bytes_raise_interrupts_1_and_12(void)
{
    QTestState *state = qtest_init("-machine pc");

    qtest_irq_intercept_in(state, "ioapic");
    qtest_outb(state, DATA, 0xee);
    g_assert_true(qtest_get_irq(state, 1));
    g_assert_false(qtest_get_irq(state, 12));
    g_assert_cmphex(read_data(state), ==, 0xee);
    g_assert_false(qtest_get_irq(state, 1));
    command(state, 0xd4);
    qtest_outb(state, DATA, 0xf2);
    g_assert_true(qtest_get_irq(state, 12));
    g_assert_cmphex(qtest_inb(state, STATUS) & 0x21, ==, 0x21);
    g_assert_cmphex(read_data(state), ==, 0xfa);
    g_assert_true(qtest_get_irq(state, 12)); /* the next byte */
    g_assert_cmphex(read_data(state), ==, 0x00);
    g_assert_false(qtest_get_irq(state, 12));
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 12), ==, 2);
    qtest_quit(state);
}

/* The scratch register of COM1 forgets its value: the whole machine was reset. */
static void wait_for_reset(QTestState *state)
{
    for (unsigned i = 0; qtest_inb(state, 0x3ff) != 0; i++) {
        g_assert_cmpuint(i, <, 10000);
        g_usleep(1000);
    }
}

static void the_reset_line_resets_the_machine(void)
{
    QTestState *state = qtest_init("-machine pc -serial null");

    qtest_outb(state, 0x3ff, 0x77);
    command(state, 0xfe);
    wait_for_reset(state);
    qtest_outb(state, 0x3ff, 0x77);
    command(state, 0xd1);
    qtest_outb(state, DATA, 0x02); /* reset line low, A20 on */
    wait_for_reset(state);
    command(state, 0x20);
    g_assert_cmphex(read_data(state), ==, 0x03);
    qtest_quit(state);
}

static void the_machine_may_have_none(void)
{
    QTestState *state = qtest_init("-machine pc,i8042=off");

    g_assert_cmphex(qtest_inb(state, STATUS), ==, 0xff);
    qtest_outb(state, STATUS, 0xfe);
    g_assert_cmphex(qtest_inb(state, DATA), ==, 0xff);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("i8042/firmware", firmware_initialization_succeeds);
    qtest_add_func("i8042/interrupts", bytes_raise_interrupts_1_and_12);
    qtest_add_func("i8042/reset", the_reset_line_resets_the_machine);
    qtest_add_func("i8042/off", the_machine_may_have_none);
    return g_test_run();
}
