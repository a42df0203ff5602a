/*
 * The qtest protocol on a pc: guest memory in all its spellings, interrupt pins, and what
 * intercepting them does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#include <string.h>
#include <unistd.h>

#define PC         "-machine pc -m 16 -nodefaults"
#define ADDRESS    0x200000
#define MIB        (UINT64_C(1) << 20)
#define FIRST_HOLE (16 * MIB)

static void test_memory_in_all_spellings(void)
{
    QTestState *state = qtest_init(PC);
    uint8_t pattern[64], read_back[64];

    for (unsigned i = 0; i < sizeof(pattern); i++) {
        pattern[i] = i * 7 + 1;
    }
    qtest_memwrite(state, ADDRESS, pattern, sizeof(pattern));
    qtest_bufread(state, ADDRESS, read_back, sizeof(read_back));
    g_assert_cmpmem(read_back, sizeof(read_back), pattern, sizeof(pattern));
    qtest_bufwrite(state, ADDRESS + 0x1000, pattern, sizeof(pattern));
    qtest_memread(state, ADDRESS + 0x1000, read_back, sizeof(read_back));
    g_assert_cmpmem(read_back, sizeof(read_back), pattern, sizeof(pattern));

    qtest_writeq(state, ADDRESS, UINT64_C(0x1122334455667788));
    g_assert_cmphex(qtest_readb(state, ADDRESS), ==, 0x88);
    g_assert_cmphex(qtest_readw(state, ADDRESS + 1), ==, 0x6677);
    g_assert_cmphex(qtest_readl(state, ADDRESS + 4), ==, 0x11223344);
    qtest_writeb(state, ADDRESS + 7, 0xff);
    g_assert_cmphex(qtest_readq(state, ADDRESS), ==, UINT64_C(0xff22334455667788));

    qtest_memset(state, ADDRESS, 0xa5, 3);
    g_assert_cmphex(qtest_readl(state, ADDRESS), ==, 0x55a5a5a5);
    qtest_quit(state);
}

static void test_block_at_the_end_of_ram(void)
{
    QTestState *state = qtest_init(PC);
    uint8_t data[16];

    memset(data, 0x5a, sizeof(data));
    qtest_memwrite(state, FIRST_HOLE - 8, data, sizeof(data));
    memset(data, 0, sizeof(data));
    qtest_memread(state, FIRST_HOLE - 8, data, sizeof(data));
    g_assert_cmpmem(data, 16, "\x5a\x5a\x5a\x5a\x5a\x5a\x5a\x5a\xff\xff\xff\xff\xff\xff\xff\xff",
                    16);
    qtest_quit(state);
}

static void test_intercepted_input_is_told_of_once_a_change(void)
{
    QTestState *state = qtest_init(PC);

    qtest_irq_intercept_in(state, "ioapic");
    g_assert_false(qtest_get_irq(state, 20));
    qtest_set_irq_in(state, "ioapic", NULL, 20, 1);
    qtest_set_irq_in(state, "ioapic", NULL, 20, 1);
    g_assert_true(qtest_get_irq(state, 20));
    g_assert_cmpuint(qtest_get_irq_raised_counter(state, 20), ==, 1);
    qtest_set_irq_in(state, "ioapic", NULL, 20, 0);
    g_assert_false(qtest_get_irq(state, 20));
    g_assert_false(qtest_get_irq(state, 21));
    qtest_quit(state);
}

static void assert_fails(QTestState *state, const char *line)
{
    g_autofree char *reply = qtest_raw(state, "%s", line);

    if (!g_str_has_prefix(reply, "FAIL ")) {
        g_error("\"%s\" was answered \"%s\"", line, reply);
    }
}

static void test_only_one_device_is_intercepted(void)
{
    QTestState *state = qtest_init(PC);

    qtest_irq_intercept_in(state, "ioapic");
    qtest_irq_intercept_in(state, "ioapic");
    assert_fails(state, "irq_intercept_in piix3");
    qtest_quit(state);
}

static void test_pins_that_are_not_there(void)
{
    QTestState *state = qtest_init(PC);

    assert_fails(state, "irq_intercept_out_named ioapic no-such-pins");
    assert_fails(state, "set_irq_in ioapic unnamed-gpio-in 24 1");
    assert_fails(state, "set_irq_in ioapic unnamed-gpio-in 2147483647 1");
    assert_fails(state, "set_irq_in ioapic no-such-pins 0 1");
    assert_fails(state, "set_irq_in /machine unnamed-gpio-in 0 1");
    qtest_quit(state);
}

static void test_clock_runs_timers_on_the_way(void)
{
    const int64_t pit_hz = 1193182;
    QTestState *state = qtest_init(PC);

    /* Channel 0, mode 2, 1193 counts: about a thousand interrupts a second. */
    qtest_irq_intercept_in(state, "ioapic");
    qtest_outb(state, 0x43, 0x34);
    qtest_outb(state, 0x40, 1193 & 0xff);
    qtest_outb(state, 0x40, 1193 >> 8);
    uint64_t before = qtest_get_irq_raised_counter(state, 2);
    qtest_clock_step(state, 100 * 1000000);
    uint64_t raised = qtest_get_irq_raised_counter(state, 2) - before;
    g_assert_cmpuint(raised, >=, pit_hz / 1193 / 10 - 1);
    g_assert_cmpuint(raised, <=, pit_hz / 1193 / 10 + 1);
    qtest_quit(state);
}

static void test_exit_status_from_the_guest(void)
{
    QTestState *state = qtest_init(PC " -device isa-debug-exit,iobase=0xf4,iosize=0x04");

    qtest_set_expected_status(state, 33); /* (value << 1) | 1 */
    g_autofree char *reply = qtest_raw(state, "outb 0xf4 16");
    g_assert_cmpstr(reply, ==, "OK");
    g_assert_cmpint(qtest_wait_exit(state), ==, 33);
}

static void test_serial_port_on_a_socket(void)
{
    int fd;
    char byte = 0;
    QTestState *state = qtest_init_with_serial(PC, &fd);

    qtest_outb(state, 0x3f8, 'x');
    qtest_clock_step(state, 10 * 1000000);
    g_assert_cmpint(read(fd, &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 'x');
    close(fd);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("machine/memory-in-all-spellings", test_memory_in_all_spellings);
    qtest_add_func("machine/block-at-the-end-of-ram", test_block_at_the_end_of_ram);
    qtest_add_func("machine/intercepted-input", test_intercepted_input_is_told_of_once_a_change);
    qtest_add_func("machine/one-device-is-intercepted", test_only_one_device_is_intercepted);
    qtest_add_func("machine/pins-that-are-not-there", test_pins_that_are_not_there);
    qtest_add_func("machine/clock-runs-timers", test_clock_runs_timers_on_the_way);
    qtest_add_func("machine/exit-status-from-the-guest", test_exit_status_from_the_guest);
    qtest_add_func("machine/serial-port-on-a-socket", test_serial_port_on_a_socket);
    return g_test_run();
}
