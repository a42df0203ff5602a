/*
 * The serial ports on the board: COM1 to COM4, their interrupts, data both ways through a socket,
 * the 16550A's self tests as drivers run them, what -serial and -device isa-serial refuse.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define COM1 0x3f8

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH };

static void receive_text(int fd, const char *text)
{
    size_t length = strlen(text), have = 0;
    g_autofree char *buffer = g_malloc0(length + 1);

    while (have < length) {
        ssize_t count = read(fd, buffer + have, length - have);
        g_assert_true(count > 0 || (count < 0 && errno == EINTR));
        have += MAX(count, 0);
    }
    g_assert_cmpstr(buffer, ==, text);
}

static void wait_for_data(QTestState *state, uint16_t base)
{
    for (unsigned i = 0; !(qtest_inb(state, base + LSR) & 1); i++) {
        g_assert_cmpuint(i, <, 10000);
        g_usleep(1000);
    }
}

static void data_goes_both_ways(void)
{
    int fd;
    QTestState *state = qtest_init_with_serial("-machine pc", &fd);

    for (const char *p = "from the guest\n"; *p; p++) {
        g_assert_cmphex(qtest_inb(state, COM1 + LSR) & 0x60, ==, 0x60);
        qtest_outb(state, COM1 + DATA, *p);
    }
    receive_text(fd, "from the guest\n");
    /* Without a line end it takes a moment, but it comes. */
    qtest_outb(state, COM1 + DATA, '>');
    receive_text(fd, ">");
    qtest_outb(state, COM1 + IIR, 0x01);
    g_assert_cmpint(write(fd, "to the guest", 12), ==, 12);
    for (const char *p = "to the guest"; *p; p++) {
        wait_for_data(state, COM1);
        g_assert_cmphex(qtest_inb(state, COM1 + DATA), ==, *p);
    }
    close(fd);
    qtest_quit(state);
}

static void last_words_before_the_end_come_out(void)
{
    int fd;
    QTestState *state = qtest_init_with_serial("-machine pc", &fd);

    for (const char *p = "no line end"; *p; p++) {
        qtest_outb(state, COM1 + DATA, *p);
    }
    qtest_quit(state);
    receive_text(fd, "no line end");
    close(fd);
}

static void four_ports_have_their_addresses_and_interrupts(void)
{
    static const struct {
        uint16_t base;
        int pin;
    } ports[] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};
    QTestState *state =
        qtest_init("-machine pc -serial null -serial null -serial null -serial null");

    qtest_irq_intercept_in(state, "ioapic");
    for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
        g_assert_cmphex(qtest_inb(state, ports[i].base + MSR), ==, 0xb0);
        qtest_outb(state, ports[i].base + IER, 0x02);
        g_assert_true(qtest_get_irq(state, ports[i].pin));
        g_assert_cmphex(qtest_inb(state, ports[i].base + IIR), ==, 0x02);
        g_assert_false(qtest_get_irq(state, ports[i].pin));
    }
    qtest_quit(state);
}

/* What the 8250 driver of Linux does to find out what a port is. */
static void probing_finds_a_16550a_with_a_fifo_of_16(void)
{
    QTestState *state = qtest_init("-machine pc -serial null");
    unsigned count = 0;

    qtest_outb(state, COM1 + IER, 0x00);
    g_assert_cmphex(qtest_inb(state, COM1 + IER), ==, 0x00);
    qtest_outb(state, COM1 + IER, 0x0f);
    g_assert_cmphex(qtest_inb(state, COM1 + IER), ==, 0x0f);
    qtest_outb(state, COM1 + IER, 0x00);
    qtest_outb(state, COM1 + MCR, 0x1a); /* loop, OUT2, RTS */
    g_assert_cmphex(qtest_inb(state, COM1 + MSR) & 0xf0, ==, 0x90);
    qtest_outb(state, COM1 + IIR, 0x01);
    g_assert_cmphex(qtest_inb(state, COM1 + IIR) >> 6, ==, 3);
    for (unsigned i = 0; i < 256; i++) {
        qtest_outb(state, COM1 + DATA, i);
    }
    while (qtest_inb(state, COM1 + LSR) & 1) {
        g_assert_cmphex(qtest_inb(state, COM1 + DATA), ==, count);
        g_assert_cmpuint(++count, <, 256);
    }
    g_assert_cmpuint(count, ==, 16);
    qtest_quit(state);
}

static void character_timeout_runs_on_the_virtual_clock(void)
{
    QTestState *state = qtest_init("-machine pc -serial null");

    qtest_irq_intercept_in(state, "ioapic");
    qtest_outb(state, COM1 + LCR, 0x83);
    qtest_outb(state, COM1 + DATA, 1); /* 115200 baud: a character lasts 86.8 us */
    qtest_outb(state, COM1 + LCR, 0x03);
    qtest_outb(state, COM1 + IIR, 0xc1);
    qtest_outb(state, COM1 + MCR, 0x10);
    qtest_outb(state, COM1 + IER, 0x01);
    qtest_outb(state, COM1 + DATA, 'x');
    qtest_clock_step(state, 340000);
    g_assert_false(qtest_get_irq(state, 4));
    qtest_clock_step(state, 10000);
    g_assert_true(qtest_get_irq(state, 4));
    g_assert_cmphex(qtest_inb(state, COM1 + IIR), ==, 0xcc);
    qtest_quit(state);
}

static void device_option_makes_ports_too(void)
{
    QTestState *state = qtest_init("-machine pc -nodefaults -chardev null,id=c "
                                   "-device isa-serial,chardev=c,id=s,index=1 "
                                   "-device isa-serial,iobase=0x1000,irq=5");

    qtest_outb(state, 0x2f8 + SCRATCH, 0x5a);
    qtest_outb(state, 0x1000 + SCRATCH, 0xa5);
    g_assert_cmphex(qtest_inb(state, 0x2f8 + SCRATCH), ==, 0x5a);
    g_assert_cmphex(qtest_inb(state, 0x1000 + SCRATCH), ==, 0xa5);
    g_assert_cmphex(qtest_inb(state, COM1 + SCRATCH), ==, 0xff);
    qtest_irq_intercept_in(state, "ioapic");
    qtest_outb(state, 0x1000 + IER, 0x02);
    g_assert_true(qtest_get_irq(state, 5));
    qtest_quit(state);
}

/* A peer that does not read must not stop the machine, nor make it grow. */
static void a_stalled_peer_holds_the_transmitter(void)
{
    int fd;
    QTestState *state = qtest_init_with_serial("-machine pc", &fd);
    unsigned sent = 0, received = 0;

    while (qtest_inb(state, COM1 + LSR) & 0x20) {
        qtest_outb(state, COM1 + DATA, 'a' + sent++ % 26);
        g_assert_cmpuint(sent, <, 4000000);
    }
    qtest_clock_step(state, 1000000); /* it lives */
    while (received < sent) {
        char buffer[4096];
        ssize_t count = read(fd, buffer, sizeof(buffer));
        g_assert_cmpint(count, >, 0);
        for (ssize_t i = 0; i < count; i++) {
            g_assert_cmpint(buffer[i], ==, 'a' + received++ % 26);
        }
    }
    for (unsigned i = 0; !(qtest_inb(state, COM1 + LSR) & 0x20); i++) {
        g_assert_cmpuint(i, <, 10000);
        g_usleep(1000);
    }
    close(fd);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("serial/data", data_goes_both_ways);
    qtest_add_func("serial/last-words", last_words_before_the_end_come_out);
    qtest_add_func("serial/ports", four_ports_have_their_addresses_and_interrupts);
    qtest_add_func("serial/probe", probing_finds_a_16550a_with_a_fifo_of_16);
    qtest_add_func("serial/timeout", character_timeout_runs_on_the_virtual_clock);
    qtest_add_func("serial/device", device_option_makes_ports_too);
    qtest_add_func("serial/stalled", a_stalled_peer_holds_the_transmitter);
    return g_test_run();
}
