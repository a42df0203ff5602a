/*
 * The qtest protocol itself, on the machine that has no chips: every command, every kind of
 * malformed line, and how the process ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define NO_CHIPS "-machine none"

static void test_open_bus_reads_ones(void)
{
    QTestState *state = qtest_init(NO_CHIPS);
    uint8_t data[3] = {0};

    g_assert_cmphex(qtest_inb(state, 0x80), ==, 0xff);
    g_assert_cmphex(qtest_inw(state, 0x80), ==, 0xffff);
    g_assert_cmphex(qtest_inl(state, 0x80), ==, 0xffffffff);
    g_assert_cmphex(qtest_readb(state, 0x1000), ==, 0xff);
    g_assert_cmphex(qtest_readw(state, 0x1000), ==, 0xffff);
    g_assert_cmphex(qtest_readl(state, 0x1000), ==, 0xffffffff);
    g_assert_cmphex(qtest_readq(state, 0x1000), ==, UINT64_MAX);
    qtest_memread(state, 0x1000, data, sizeof(data));
    g_assert_cmpmem(data, sizeof(data), "\xff\xff\xff", 3);
    memset(data, 0, sizeof(data));
    qtest_bufread(state, 0x1000, data, sizeof(data));
    g_assert_cmpmem(data, sizeof(data), "\xff\xff\xff", 3);
    qtest_quit(state);
}

static void test_writes_to_nothing_are_dropped(void)
{
    QTestState *state = qtest_init(NO_CHIPS);

    qtest_outb(state, 0x80, 1);
    qtest_outw(state, 0xffff, 0x1234);
    qtest_outl(state, 0x80, 1);
    qtest_writeb(state, 0, 1);
    qtest_writeq(state, UINT64_MAX, 1);
    qtest_memwrite(state, 0x1000, "abc", 3);
    qtest_bufwrite(state, 0x1000, "abc", 3);
    qtest_memset(state, 0x1000, 0x55, 4096);
    g_assert_cmphex(qtest_readb(state, 0x1000), ==, 0xff);
    qtest_quit(state);
}

static void test_clock_moves_only_when_told(void)
{
    QTestState *state = qtest_init(NO_CHIPS);

    g_assert_cmpint(qtest_clock_step(state, 0), ==, 0);
    g_usleep(2000);
    g_assert_cmpint(qtest_clock_step(state, 1000), ==, 1000);
    g_assert_cmpint(qtest_clock_step_next(state), ==, 1000);
    g_assert_cmpint(qtest_clock_set(state, 5000000000), ==, 5000000000);
    g_assert_cmpint(qtest_clock_step(state, 1), ==, 5000000001);
    qtest_quit(state);
}

static void test_endianness(void)
{
    QTestState *state = qtest_init(NO_CHIPS);

    g_assert_false(qtest_big_endian(state));
    qtest_quit(state);
}

static void test_malformed_lines_are_answered_fail(void)
{
    static const char *const lines[] = {
        "",
        " ",
        "bogus",
        "outb",
        "outb 0x80",
        "outb 0x80 1 2",
        "outb zz 1",
        "outb 0x80 zz",
        "outb 0x10000 1",
        "inb",
        "inb -1",
        "inb 0x80 0x81",
        "inq 0x80",
        "readb",
        "readb x",
        "readb 0x10000000000000000",
        "writeq 0 0x10000000000000000",
        "read 0",
        "read 0 0",
        "read 0 0xffffffffffffffff",
        "read 0xffffffffffffffff 2",
        "read 0 -5",
        "write 0 1",
        "write 0 1 12",
        "write 0 1 0x1",
        "write 0 1 0xzz",
        "write 0 1 0x1234",
        "write 0 0 0x",
        "memset 0 0 0",
        "memset 0 1",
        "b64read 0 0",
        "b64write 0 3 A",
        "b64write 0 3 AAAAAAAA",
        "b64write 0 1",
        "irq_intercept_in",
        "irq_intercept_in nothing",
        "irq_intercept_out nothing",
        "irq_intercept_out_named nothing",
        "irq_intercept_out_named nothing pin",
        "set_irq_in",
        "set_irq_in nothing unnamed-gpio-in 0 1",
        "set_irq_in nothing pin x 1",
        "clock_step x",
        "clock_step -1",
        "clock_step 1 2",
        "clock_step 0xffffffffffffffff",
        "clock_set",
        "clock_set -1",
        "endianness 1",
        "module_load",
        "module_load block- nbd",
        "rtas call 0 0 0 0",
        "OUTB 0x80 1",
        "outb\t0x80\t1",
        "\x01\x02\xff",
    };
    QTestState *state = qtest_init(NO_CHIPS);

    for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *reply = qtest_raw(state, "%s", lines[i]);
        if (!g_str_has_prefix(reply, "FAIL ")) {
            g_error("\"%s\" was answered \"%s\"", lines[i], reply);
        }
    }
    g_assert_cmphex(qtest_inb(state, 0x80), ==, 0xff);
    qtest_quit(state);
}

static void test_clock_does_not_go_back(void)
{
    QTestState *state = qtest_init(NO_CHIPS);

    qtest_clock_set(state, 100);
    g_autofree char *reply = qtest_raw(state, "clock_set 99");
    g_assert_true(g_str_has_prefix(reply, "FAIL "));
    g_assert_cmpint(qtest_clock_step(state, 0), ==, 100);
    qtest_quit(state);
}

static void test_reply_formats(void)
{
    static const struct {
        const char *line, *reply;
    } table[] = {
        {"inb 128", "OK 0x00ff"},
        {"inw 0x80", "OK 0xffff"},
        {"  inl   0x80  ", "OK 0xffffffff"},
        {"readb 0", "OK 0x00000000000000ff"},
        {"readq 0", "OK 0xffffffffffffffff"},
        {"read 0 2", "OK 0xffff"},
        {"b64read 0 3", "OK ////"},
        {"write 0 4 0x00", "OK"},
        {"endianness\r", "OK little"},
        {"clock_step 5", "OK 5"},
    };
    QTestState *state = qtest_init(NO_CHIPS);

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autofree char *reply = qtest_raw(state, "%s", table[i].line);
        g_assert_cmpstr(reply, ==, table[i].reply);
    }
    qtest_quit(state);
}

static void test_commands_in_one_packet(void)
{
    QTestState *state = qtest_init(NO_CHIPS);

    g_autofree char *first = qtest_raw(state, "inb 0x80\nclock_step 7\ninw 0x80");
    g_assert_cmpstr(first, ==, "OK 0x00ff");
    g_autofree char *third = qtest_raw(state, "clock_step 1");
    g_assert_cmpstr(third, ==, "OK 7");
    qtest_quit(state);
}

static void test_large_block(void)
{
    const size_t size = 1 << 20;
    QTestState *state = qtest_init(NO_CHIPS);
    g_autofree uint8_t *data = g_malloc0(size);

    qtest_memwrite(state, 0, data, size);
    qtest_memread(state, 0, data, size);
    for (size_t i = 0; i < size; i++) {
        g_assert_cmphex(data[i], ==, 0xff);
    }
    qtest_quit(state);
}

static void test_signals_end_it_with_status_0(void)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        QTestState *state = qtest_init(NO_CHIPS);
        g_assert_true(qtest_probe_child(state));
        g_assert_cmpint(kill(qtest_pid(state), signals[i]), ==, 0);
        g_assert_cmpint(qtest_wait_exit(state), ==, 0);
    }
}

static void test_closing_the_connection_ends_it(void)
{
    QTestState *state = qtest_init(NO_CHIPS);

    qtest_outb(state, 0x80, 1);
    qtest_disconnect(state);
    g_assert_cmpint(qtest_wait_exit(state), ==, 0);
}

static void test_no_shutdown_does_not_hold_back_a_signal(void)
{
    QTestState *state = qtest_init(NO_CHIPS " -no-shutdown");

    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("protocol/open-bus-reads-ones", test_open_bus_reads_ones);
    qtest_add_func("protocol/writes-to-nothing", test_writes_to_nothing_are_dropped);
    qtest_add_func("protocol/clock-moves-only-when-told", test_clock_moves_only_when_told);
    qtest_add_func("protocol/clock-does-not-go-back", test_clock_does_not_go_back);
    qtest_add_func("protocol/endianness", test_endianness);
    qtest_add_func("protocol/malformed-lines", test_malformed_lines_are_answered_fail);
    qtest_add_func("protocol/reply-formats", test_reply_formats);
    qtest_add_func("protocol/commands-in-one-packet", test_commands_in_one_packet);
    qtest_add_func("protocol/large-block", test_large_block);
    qtest_add_func("protocol/signals", test_signals_end_it_with_status_0);
    qtest_add_func("protocol/closed-connection", test_closing_the_connection_ends_it);
    qtest_add_func("protocol/no-shutdown-and-signal", test_no_shutdown_does_not_hold_back_a_signal);
    return g_test_run();
}
