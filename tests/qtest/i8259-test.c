/*
 * The interrupt controllers on the board: ports, cascade and edge/level control as a guest finds
 * them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#define MASTER 0x20
#define SLAVE  0xa0
#define ELCR   0x4d0
#define PATH   "/machine/i8259"

static QTestState *start(void)
{
    QTestState *state = qtest_init("-machine pc");

    qtest_irq_intercept_out(state, PATH);
    return state;
}

static void initialize(QTestState *state, uint16_t port, uint8_t base, uint8_t icw3)
{
    qtest_outb(state, port, 0x11);
    qtest_outb(state, port + 1, base);
    qtest_outb(state, port + 1, icw3);
    qtest_outb(state, port + 1, 0x01);
}

static uint8_t read_register(QTestState *state, uint16_t port, uint8_t ocw3)
{
    qtest_outb(state, port, ocw3);
    return qtest_inb(state, port);
}

static void ports_are_decoded(void)
{
    QTestState *state = start();

    g_assert_cmphex(qtest_inb(state, MASTER + 1), ==, 0);
    qtest_outb(state, MASTER + 1, 0xfb);
    qtest_outb(state, SLAVE + 1, 0xef);
    g_assert_cmphex(qtest_inb(state, MASTER + 1), ==, 0xfb);
    g_assert_cmphex(qtest_inb(state, SLAVE + 1), ==, 0xef);
    qtest_outw(state, ELCR, 0xffff); /* both bytes of a word */
    g_assert_cmphex(qtest_inb(state, ELCR), ==, 0xf8);
    g_assert_cmphex(qtest_inb(state, ELCR + 1), ==, 0xde);
    g_assert_cmphex(qtest_inw(state, ELCR), ==, 0xdef8);
    qtest_quit(state);
}

static void slave_reaches_int_through_the_master(void)
{
    QTestState *state = start();

    initialize(state, MASTER, 0x08, 0x04);
    initialize(state, SLAVE, 0x70, 0x02);
    g_assert_false(qtest_get_irq(state, 0));
    qtest_set_irq_in(state, PATH, NULL, 10, 1);
    g_assert_true(qtest_get_irq(state, 0));
    g_assert_cmphex(read_register(state, MASTER, 0x0a), ==, 0x04);
    g_assert_cmphex(read_register(state, SLAVE, 0x0a), ==, 0x04);
    g_assert_cmphex(read_register(state, MASTER, 0x0c), ==, 0x82); /* a poll acknowledges */
    g_assert_cmphex(read_register(state, SLAVE, 0x0c), ==, 0x82);
    g_assert_false(qtest_get_irq(state, 0));
    g_assert_cmphex(read_register(state, MASTER, 0x0b), ==, 0x04);
    qtest_outb(state, SLAVE, 0x20);
    qtest_outb(state, MASTER, 0x20);
    g_assert_cmphex(read_register(state, MASTER, 0x0b), ==, 0);
    g_assert_false(qtest_get_irq(state, 0)); /* an edge comes once */
    qtest_outb(state, ELCR + 1, 0x04);       /* a level stays */
    g_assert_true(qtest_get_irq(state, 0));
    qtest_set_irq_in(state, PATH, NULL, 10, 0);
    g_assert_cmphex(read_register(state, SLAVE, 0x0a), ==, 0);
    qtest_quit(state);
}

static void mask_keeps_int_low(void)
{
    QTestState *state = start();

    initialize(state, MASTER, 0x08, 0x04);
    qtest_outb(state, MASTER + 1, 0xff);
    qtest_set_irq_in(state, PATH, NULL, 4, 1);
    g_assert_false(qtest_get_irq(state, 0));
    g_assert_cmphex(read_register(state, MASTER, 0x0a), ==, 0x10);
    qtest_outb(state, MASTER + 1, 0xef);
    g_assert_true(qtest_get_irq(state, 0));
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("i8259/ports_are_decoded", ports_are_decoded);
    qtest_add_func("i8259/slave_reaches_int_through_the_master",
                   slave_reaches_int_through_the_master);
    qtest_add_func("i8259/mask_keeps_int_low", mask_keeps_int_low);
    return g_test_run();
}
