/*
 * pc-testdev: register, bytes, memory, interrupt lines, flushed page.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#define REGISTER 0xe0
#define FLUSH    0xe4
#define BYTES    0xe8
#define IRQ      0x2000
#define MEMORY   0xff000000u

static void the_register_takes_every_width(void)
{
    QTestState *state = qtest_init("-machine pc -device pc-testdev");

    qtest_outl(state, REGISTER, 0x12345678);
    g_assert_cmphex(qtest_inl(state, REGISTER), ==, 0x12345678);
    g_assert_cmphex(qtest_inw(state, REGISTER + 2), ==, 0x1234);
    g_assert_cmphex(qtest_inb(state, REGISTER + 1), ==, 0x56);
    qtest_outb(state, REGISTER + 3, 0xab);
    qtest_outw(state, REGISTER, 0xcdef);
    g_assert_cmphex(qtest_inl(state, REGISTER), ==, 0xab34cdef);
    g_assert_cmphex(qtest_inl(state, BYTES), ==, 0xab34cdef);
    qtest_outl(state, BYTES, 0x01020304);
    g_assert_cmphex(qtest_inl(state, REGISTER), ==, 0x01020304);
    qtest_quit(state);
}

static void its_memory_is_memory(void)
{
    QTestState *state = qtest_init("-machine pc -device pc-testdev");

    g_assert_cmphex(qtest_readq(state, MEMORY), ==, 0);
    qtest_writeq(state, MEMORY + 0xfff8, UINT64_C(0x1122334455667788));
    g_assert_cmphex(qtest_readl(state, MEMORY + 0xfffc), ==, 0x11223344);
    qtest_writeb(state, MEMORY + 0xfff9, 0);
    g_assert_cmphex(qtest_readq(state, MEMORY + 0xfff8), ==, UINT64_C(0x1122334455660088));
    qtest_quit(state);
}

static void its_ports_are_the_isa_lines(void)
{
    QTestState *state = qtest_init("-machine pc -device pc-testdev");

    qtest_irq_intercept_in(state, "ioapic");
    for (int line = 3; line < 16; line++) {
        if (line == 8 || line == 9 || line == 14 || line == 15) {
            continue; /* another device drives it too */
        }
        qtest_outb(state, (uint16_t)(IRQ + line), 1);
        g_assert_true(qtest_get_irq(state, line));
        qtest_outb(state, (uint16_t)(IRQ + line), 0);
        g_assert_false(qtest_get_irq(state, line));
    }
    qtest_quit(state);
}

/* The page keeps what it has; an address that is no memory does nothing. */
static void a_flushed_page_stays(void)
{
    QTestState *state = qtest_init("-machine pc -m 64 -device pc-testdev");

    qtest_writel(state, 0x5008, 0xfeedbeef);
    qtest_outl(state, FLUSH, 0x5123);
    g_assert_cmphex(qtest_readl(state, 0x5008), ==, 0xfeedbeef);
    qtest_writel(state, 0x5008, 1);
    g_assert_cmphex(qtest_readl(state, 0x5008), ==, 1);
    qtest_outl(state, FLUSH, 0xfee00000u);
    qtest_outl(state, FLUSH, 64 << 20);
    qtest_outl(state, FLUSH, UINT32_MAX);
    g_assert_cmphex(qtest_inl(state, FLUSH), ==, 0);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("pc-testdev/register", the_register_takes_every_width);
    qtest_add_func("pc-testdev/memory", its_memory_is_memory);
    qtest_add_func("pc-testdev/lines", its_ports_are_the_isa_lines);
    qtest_add_func("pc-testdev/flush", a_flushed_page_stays);
    return g_test_run();
}
