/*
 * The 16550A at its ISA ports and the debug console: registers, FIFOs, interrupts, loop mode, back
 * pressure, saved state. Reference: National Semiconductor PC16550D data sheet.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chardev/output_buffer.h"
#include "chardev-fixture.h"
#include "chip-fixture.h"
#include "hw/char/serial_registers.h"

#define COM1 0x3f8

static Device *serial;
static Wire irq4;
static int peer; /* the test's end of COM1's pty or pipe; -1 with a ringbuf */

static uint8_t uart(unsigned offset)
{
    return inb(COM1 + offset);
}

static void set_uart(unsigned offset, uint8_t value)
{
    outb(COM1 + offset, value);
}

static Device *new_serial(const char *first_property, ...) G_GNUC_NULL_TERMINATED;
static Device *new_serial(const char *first_property, ...)
{
    Device *device = device_new_by_name("isa-serial", NULL);
    GError *error = NULL;
    va_list arguments;

    g_assert_nonnull(device);
    va_start(arguments, first_property);
    for (const char *name = first_property; name; name = va_arg(arguments, const char *)) {
        device_set_property_text(device, name, va_arg(arguments, const char *), &error);
        g_assert_no_error(error);
    }
    va_end(arguments);
    return device;
}

static void setup_wires(void)
{
    IRQLine *lines[ISA_IRQ_COUNT] = {NULL};

    fixture_setup();
    irq4 = (Wire){.line = irq_line_new(wire_changed, &irq4, 0)};
    lines[4] = irq4.line;
    isa_bus_set_irqs(isa, lines);
}

static void setup_on(const char *chardev)
{
    setup_wires();
    make_chardev(chardev);
    serial = new_serial("chardev", "c", NULL);
    fixture_plug(serial, HW_BUS(isa));
    peer = -1;
}

/* On a ringbuf: it takes everything at once. */
static void setup(void)
{
    setup_on("ringbuf,id=c");
}

static void setup_with_peer(void)
{
    setup_on("pty,id=c");
    peer = open(chardev_filename(chardev_find("c")) + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
    g_assert_cmpint(peer, >=, 0);
    run_for_ms(1100); /* the pty notices within a second that it was opened */
}

/* On named pipes: they hold so much and no more, while a pty goes on passing what it has to its
 * reader's side for as long as the kernel's worker takes to get round to it. */
static void setup_with_pipe(void)
{
    g_autofree char *folder = g_dir_make_tmp("serial-XXXXXX", NULL);
    g_autofree char *in = g_strconcat(folder, "/com.in", NULL);
    g_autofree char *out = g_strconcat(folder, "/com.out", NULL);
    g_autofree char *options = g_strconcat("pipe,id=c,path=", folder, "/com", NULL);

    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    setup_on(options);
    peer = open(out, O_RDONLY | O_NONBLOCK);
    g_assert_cmpint(peer, >=, 0);
    unlink(in);
    unlink(out);
    rmdir(folder);
}

static void teardown(void)
{
    if (peer >= 0) {
        close(peer);
    }
    fixture_teardown();
    irq_line_free(irq4.line);
    chardev_cleanup();
}

static void sends(const char *text)
{
    g_assert_cmpint(write(peer, text, strlen(text)), ==, (int)strlen(text));
}

static char *sent(void)
{
    static char buffer[65536];
    unsigned length;

    char_output_flush_all();
    length = chardev_ringbuf_read(chardev_find("c"), (uint8_t *)buffer, sizeof(buffer) - 1);
    buffer[length] = '\0';
    return buffer;
}

/* One character time at 115200 8N1 is 86.8 us. */
static void set_115200_8n1(void)
{
    set_uart(UART_LCR, LCR_DLAB);
    set_uart(UART_DATA, 1);
    set_uart(UART_IER, 0);
    set_uart(UART_LCR, 3);
}

/* ---- registers ---- */

static void test_registers_after_reset(void)
{
    static const uint8_t expected[] = {0x00, 0x00, 0x01, 0x00, 0x00, 0x60, 0xb0, 0x00};

    setup();
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 8; i++) {
            g_assert_cmphex(uart(i), ==, expected[i]);
        }
        /* Everything that can be set, then reset. */
        set_uart(UART_LCR, 0xff);
        set_uart(UART_DATA, 0x55);
        set_uart(UART_LCR, 0x1f);
        set_uart(UART_IER, 0x0f);
        set_uart(UART_IIR, 0xc1);
        set_uart(UART_MCR, 0x1f);
        set_uart(UART_SCR, 0xa5);
        device_reset(serial);
        g_assert_cmpint(irq4.level, ==, 0);
    }
    teardown();
}

static void test_scratch_and_reserved_bits(void)
{
    setup();
    set_uart(UART_SCR, 0x5a);
    g_assert_cmphex(uart(UART_SCR), ==, 0x5a);
    set_uart(UART_IER, 0xff);
    g_assert_cmphex(uart(UART_IER), ==, 0x0f);
    set_uart(UART_IER, 0);
    set_uart(UART_MCR, 0xff);
    g_assert_cmphex(uart(UART_MCR), ==, 0x1f);
    set_uart(UART_MCR, 0);
    set_uart(UART_LSR, 0xff);
    g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    teardown();
}

static void test_divisor_latch_hides_data_and_interrupt_enable(void)
{
    setup();
    set_uart(UART_IER, 0x05);
    set_uart(UART_LCR, LCR_DLAB | 3);
    g_assert_cmphex(uart(UART_DATA), ==, 12);
    set_uart(UART_DATA, 0x34);
    set_uart(UART_IER, 0x12);
    g_assert_cmphex(uart(UART_DATA), ==, 0x34);
    g_assert_cmphex(uart(UART_IER), ==, 0x12);
    set_uart(UART_LCR, 3);
    g_assert_cmphex(uart(UART_IER), ==, 0x05);
    g_assert_cmpstr(sent(), ==, "");
    teardown();
}

static void test_a_wider_access_is_split_into_registers(void)
{
    setup();
    out_port(COM1 + UART_MCR, 0x5a000003, 4);
    g_assert_cmphex(uart(UART_MCR), ==, 0x03);
    g_assert_cmphex(uart(UART_SCR), ==, 0x5a);
    teardown();
}

/* ---- transmitter ---- */

static void test_transmit_in_order_with_the_transmitter_always_empty(void)
{
    setup();
    for (const char *p = "hello\nworld"; *p; p++) {
        set_uart(UART_DATA, *p);
        g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    }
    g_assert_cmpstr(sent(), ==, "hello\nworld");
    teardown();
}

static void test_transmit_interrupt_comes_goes_with_iir_and_comes_again(void)
{
    setup();
    set_uart(UART_IER, IER_TRANSMIT);
    g_assert_cmpint(irq4.level, ==, 1); /* empty already */
    g_assert_cmphex(uart(UART_IIR), ==, IIR_TRANSMIT);
    g_assert_cmpint(irq4.level, ==, 0);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_NONE);
    set_uart(UART_DATA, 'a');
    g_assert_cmpint(irq4.level, ==, 1);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_TRANSMIT);
    /* Disabling and enabling while empty asks again: drivers test for this. */
    set_uart(UART_IER, 0);
    set_uart(UART_IER, IER_TRANSMIT);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_TRANSMIT);
    teardown();
}

static void test_each_write_makes_an_edge_even_if_iir_is_not_read(void)
{
    setup();
    set_uart(UART_IER, IER_TRANSMIT);
    unsigned before = irq4.rises;
    for (unsigned i = 1; i <= 3; i++) {
        set_uart(UART_DATA, 'x');
        g_assert_cmpuint(irq4.rises, ==, before + i);
    }
    teardown();
}

/* Sends until THRE stays away, also after the kernel has moved what it had to the reader's side. */
static unsigned fill_transmitter(void)
{
    unsigned count = 0;

    for (unsigned idle = 0; idle < 5; idle++) {
        while (uart(UART_LSR) & LSR_THR_EMPTY) {
            set_uart(UART_DATA, 'a' + count++ % 26);
            g_assert_cmpuint(count, <, 200000);
            idle = 0;
        }
        run_for_ms(10);
    }
    return count;
}

static void test_full_back_end_holds_thre_back_and_bounds_memory(void)
{
    unsigned count, received = 0;
    char buffer[4096];

    setup_with_pipe();
    set_uart(UART_IIR, FCR_ENABLE);
    count = fill_transmitter();
    g_assert_cmphex(uart(UART_LSR) & (LSR_THR_EMPTY | LSR_TRANSMITTER_EMPTY), ==, 0);
    set_uart(UART_IER, IER_TRANSMIT);
    g_assert_cmpint(irq4.level, ==, 0);
    /* Fifteen more fit into the FIFO; what comes then is lost, as on the chip. */
    for (unsigned i = 0; i < 15; i++) {
        set_uart(UART_DATA, 'a' + count++ % 26);
    }
    set_uart(UART_DATA, '!');
    check_round_trip(serial);
    run_until(({
        ssize_t length = read(peer, buffer, sizeof(buffer));
        for (ssize_t i = 0; i < length; i++) {
            g_assert_cmpint(buffer[i], ==, 'a' + received++ % 26);
        }
        received == count;
    }));
    run_until(irq4.level == 1);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_TRANSMIT | IIR_FIFO);
    g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    teardown();
}

static void test_a_peer_that_leaves_frees_the_transmitter(void)
{
    setup_with_peer();
    fill_transmitter();
    close(peer);
    peer = -1;
    run_until(uart(UART_LSR) & LSR_THR_EMPTY);
    teardown();
}

static void test_clearing_the_transmit_fifo_drops_what_waits(void)
{
    setup_with_peer();
    set_uart(UART_IIR, FCR_ENABLE);
    fill_transmitter();
    set_uart(UART_IER, IER_TRANSMIT);
    set_uart(UART_IIR, FCR_ENABLE | FCR_CLEAR_TRANSMIT);
    g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_TRANSMIT | IIR_FIFO);
    teardown();
}

/* ---- receiver ---- */

static void test_receive_one_at_a_time_without_fifo(void)
{
    setup_with_peer();
    set_uart(UART_IER, IER_RECEIVED);
    sends("ab");
    run_until(irq4.level == 1);
    run_for_ms(10);
    g_assert_cmphex(uart(UART_LSR), ==, 0x61);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_RECEIVED);
    g_assert_cmphex(uart(UART_DATA), ==, 'a');
    g_assert_cmpint(irq4.level, ==, 0);
    run_until(irq4.level == 1); /* the second waited in the back end, it was not lost */
    g_assert_cmphex(uart(UART_LSR), ==, 0x61);
    g_assert_cmphex(uart(UART_DATA), ==, 'b');
    g_assert_cmphex(uart(UART_DATA), ==, 'b'); /* the buffer keeps it */
    g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    teardown();
}

static void test_fifo_trigger_levels(void)
{
    static const unsigned levels[] = {1, 4, 8, 14};

    setup();
    set_uart(UART_MCR, MCR_LOOP);
    for (unsigned i = 0; i < 4; i++) {
        set_uart(UART_IIR, FCR_ENABLE | FCR_CLEAR_RECEIVE | i << FCR_TRIGGER_SHIFT);
        set_uart(UART_IER, IER_RECEIVED);
        for (unsigned n = 1; n <= 16; n++) {
            set_uart(UART_DATA, n);
            g_assert_cmpint(irq4.level, ==, n >= levels[i]);
            g_assert_cmphex(uart(UART_IIR), ==,
                            IIR_FIFO | (n >= levels[i] ? IIR_RECEIVED : IIR_NONE));
        }
        for (unsigned n = 1; n <= 16; n++) {
            g_assert_cmphex(uart(UART_DATA), ==, n);
            g_assert_cmpint(irq4.level, ==, 16 - n >= levels[i]);
        }
    }
    teardown();
}

static void test_character_timeout_after_four_character_times(void)
{
    setup();
    set_115200_8n1();
    set_uart(UART_MCR, MCR_LOOP);
    set_uart(UART_IIR, FCR_ENABLE | 3 << FCR_TRIGGER_SHIFT);
    set_uart(UART_IER, IER_RECEIVED);
    set_uart(UART_DATA, 'a');
    step_ns(200 * NS_PER_US);
    set_uart(UART_DATA, 'b'); /* starts the time anew */
    step_ns(340 * NS_PER_US);
    g_assert_cmpint(irq4.level, ==, 0);
    step_ns(10 * NS_PER_US);
    g_assert_cmpint(irq4.level, ==, 1);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_FIFO | IIR_TIMEOUT);
    g_assert_cmphex(uart(UART_DATA), ==, 'a'); /* reading ends it and starts the time anew */
    g_assert_cmpint(irq4.level, ==, 0);
    step_ns(350 * NS_PER_US);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_FIFO | IIR_TIMEOUT);
    g_assert_cmphex(uart(UART_DATA), ==, 'b');
    step_ns(NS_PER_SECOND);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_FIFO | IIR_NONE);
    teardown();
}

static void test_overrun_loses_the_new_character_in_fifo_mode_and_the_old_one_without(void)
{
    setup();
    set_uart(UART_MCR, MCR_LOOP);
    set_uart(UART_IER, IER_LINE);
    set_uart(UART_DATA, 'a');
    set_uart(UART_DATA, 'b');
    g_assert_cmphex(uart(UART_IIR), ==, IIR_LINE);
    g_assert_cmphex(uart(UART_LSR), ==, 0x63);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_NONE); /* reading LSR clears the error */
    g_assert_cmphex(uart(UART_DATA), ==, 'b');
    set_uart(UART_IIR, FCR_ENABLE);
    for (unsigned i = 0; i < 17; i++) {
        set_uart(UART_DATA, i);
    }
    g_assert_cmphex(uart(UART_LSR), ==, 0x63);
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(uart(UART_DATA), ==, i);
    }
    g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    teardown();
}

static void test_switching_the_fifo_clears_it(void)
{
    setup();
    set_uart(UART_MCR, MCR_LOOP);
    set_uart(UART_IIR, FCR_ENABLE);
    set_uart(UART_DATA, 'a');
    set_uart(UART_IIR, FCR_ENABLE); /* no change: stays */
    g_assert_cmphex(uart(UART_LSR), ==, 0x61);
    set_uart(UART_IIR,
             FCR_CLEAR_RECEIVE); /* bit 0 is 0: the others count for nothing, the mode changes */
    g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_NONE);
    teardown();
}

static void test_flow_from_a_fast_peer_loses_nothing(void)
{
    g_autoptr(GByteArray) got = g_byte_array_new();
    char text[501];

    for (unsigned i = 0; i < 500; i++) {
        text[i] = 'A' + i % 50;
    }
    text[500] = '\0';
    setup_with_peer();
    set_uart(UART_IIR, FCR_ENABLE);
    sends(text);
    run_until(({
        while (uart(UART_LSR) & LSR_DATA_READY) {
            uint8_t byte = uart(UART_DATA);
            g_byte_array_append(got, &byte, 1);
        }
        got->len == 500;
    }));
    g_assert_cmpmem(got->data, got->len, text, 500);
    g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    teardown();
}

static void test_break_arrives_with_its_place_in_the_fifo(void)
{
    setup_on("pty,id=c,mux=on");
    peer = open(chardev_filename(chardev_find("c-base")) + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
    run_for_ms(1100);
    set_uart(UART_IIR, FCR_ENABLE);
    set_uart(UART_IER, IER_LINE);
    sends("a\001b");
    run_for_ms(20);
    /* The break is behind 'a': only bit 7 knows of it yet. */
    g_assert_cmphex(uart(UART_LSR), ==, 0xe1);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_FIFO | IIR_NONE);
    g_assert_cmphex(uart(UART_DATA), ==, 'a');
    g_assert_cmphex(uart(UART_IIR), ==, IIR_FIFO | IIR_LINE);
    g_assert_cmphex(uart(UART_LSR), ==, 0xf1);
    g_assert_cmphex(uart(UART_LSR), ==, 0x61);
    g_assert_cmphex(uart(UART_DATA), ==, 0);
    g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    teardown();
}

/* ---- loop mode and modem lines ---- */

static void test_loop_mode_connects_outputs_to_inputs(void)
{
    setup();
    set_uart(UART_MCR, MCR_LOOP);
    g_assert_cmphex(uart(UART_MSR), ==, MSR_DELTA_CTS | MSR_DELTA_DSR | MSR_DELTA_DCD);
    set_uart(UART_MCR, MCR_LOOP | MCR_RTS);
    g_assert_cmphex(uart(UART_MSR), ==, MSR_CTS | MSR_DELTA_CTS);
    set_uart(UART_MCR, MCR_LOOP | MCR_DTR);
    g_assert_cmphex(uart(UART_MSR), ==, MSR_DSR | MSR_DELTA_DSR | MSR_DELTA_CTS);
    set_uart(UART_MCR, MCR_LOOP | MCR_OUT1);
    g_assert_cmphex(uart(UART_MSR), ==, MSR_RI | MSR_DELTA_DSR); /* RI counts when it goes away */
    set_uart(UART_MCR, MCR_LOOP | MCR_OUT2);
    g_assert_cmphex(uart(UART_MSR), ==, MSR_DCD | MSR_DELTA_DCD | MSR_TRAILING_RI);
    g_assert_cmphex(uart(UART_MSR), ==, MSR_DCD);
    set_uart(UART_DATA, 0x77);
    g_assert_cmphex(uart(UART_DATA), ==, 0x77);
    g_assert_cmpstr(sent(), ==, "");
    set_uart(UART_MCR, 0);
    g_assert_cmphex(uart(UART_MSR) & 0xf0, ==, 0xb0);
    teardown();
}

static void test_modem_interrupt_is_the_last_in_priority_and_ends_with_msr(void)
{
    setup();
    set_uart(UART_MCR, MCR_LOOP);
    uart(UART_MSR);
    set_uart(UART_IER, IER_MASK);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_TRANSMIT);
    set_uart(UART_MCR, MCR_LOOP | MCR_RTS);
    set_uart(UART_DATA, 1);
    set_uart(UART_DATA, 2);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_LINE); /* overrun */
    uart(UART_LSR);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_RECEIVED);
    uart(UART_DATA);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_TRANSMIT);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_MODEM);
    g_assert_cmpint(irq4.level, ==, 1);
    uart(UART_MSR);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_NONE);
    g_assert_cmpint(irq4.level, ==, 0);
    teardown();
}

static void test_the_line_waits_while_in_loop_mode(void)
{
    setup_with_peer();
    set_uart(UART_IIR, FCR_ENABLE);
    set_uart(UART_MCR, MCR_LOOP);
    sends("x");
    run_for_ms(20);
    g_assert_cmphex(uart(UART_LSR), ==, 0x60);
    set_uart(UART_MCR, 0);
    run_until(uart(UART_LSR) & LSR_DATA_READY);
    g_assert_cmphex(uart(UART_DATA), ==, 'x');
    teardown();
}

/* ---- saved state ---- */

static void test_saved_state_has_fifos_interrupts_and_the_timeout(void)
{
    setup();
    set_115200_8n1();
    set_uart(UART_MCR, MCR_LOOP | MCR_OUT2);
    set_uart(UART_IIR, FCR_ENABLE | 2 << FCR_TRIGGER_SHIFT);
    set_uart(UART_IER, IER_RECEIVED | IER_MODEM);
    set_uart(UART_SCR, 0x42);
    set_uart(UART_DATA, 'q');
    set_uart(UART_DATA, 'r');
    check_round_trip(serial);
    g_assert_cmphex(uart(UART_SCR), ==, 0x42);
    step_ns(350 * NS_PER_US);
    g_assert_cmphex(uart(UART_IIR), ==, IIR_FIFO | IIR_TIMEOUT);
    check_round_trip(serial);
    g_assert_cmpint(irq4.level, ==, 1);
    g_assert_cmphex(uart(UART_DATA), ==, 'q');
    g_assert_cmphex(uart(UART_DATA), ==, 'r');
    teardown();
}

static void test_impossible_saved_state_is_refused(void)
{
    setup();
    check_refused(serial, "receive_count", g_variant_new_byte(2)); /* without FIFO */
    check_refused(serial, "receive_start", g_variant_new_byte(16));
    check_refused(serial, "transmit_count", g_variant_new_byte(17));
    check_refused(serial, "transmit_start", g_variant_new_byte(255));
    check_refused(serial, "trigger_select", g_variant_new_byte(4));
    check_refused(serial, "ier", g_variant_new_byte(0x10));
    check_refused(serial, "mcr", g_variant_new_byte(0x20));
    check_refused(serial, "line_errors", g_variant_new_byte(0x01));
    check_refused(serial, "divisor", g_variant_new_byte(1));
    teardown();
}

/* Any bytes in any order, with a peer that talks: nothing a guest writes may upset the process. */
static void test_random_accesses_do_no_harm(void)
{
    char buffer[4096];

    setup_with_peer();
    for (unsigned i = 0; i < 100000; i++) {
        if (g_test_rand_bit()) {
            out_port(COM1 + g_test_rand_int_range(0, 8), g_test_rand_int(),
                     1u << g_test_rand_int_range(0, 3));
        } else {
            uart(g_test_rand_int_range(0, 8));
        }
        if (i % 64 == 0) {
            step_ns(g_test_rand_int_range(0, 10000000));
            g_assert_cmpint(write(peer, "0123456789", g_test_rand_int_range(0, 10)), >=, -1);
            g_assert_cmpint(read(peer, buffer, sizeof(buffer)), >=, -1);
            g_main_context_iteration(NULL, FALSE);
        }
    }
    set_uart(UART_IIR, 0x00);
    set_uart(UART_IIR, FCR_ENABLE | FCR_CLEAR_RECEIVE | FCR_CLEAR_TRANSMIT);
    check_round_trip(serial);
    teardown();
}

/* ---- where the ports are ---- */

static void test_ports_take_the_first_free_index(void)
{
    static const uint16_t bases[] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    g_autoptr(GError) error = NULL;

    setup_wires();
    fixture_plug(new_serial("index", "1", NULL), HW_BUS(isa));
    for (unsigned i = 0; i < 3; i++) {
        fixture_plug(new_serial(NULL, NULL), HW_BUS(isa));
    }
    for (unsigned i = 0; i < 4; i++) {
        outb(bases[i] + UART_SCR, 0x10 + i);
    }
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(inb(bases[i] + UART_SCR), ==, 0x10 + i);
    }
    g_assert_false(device_realize_and_unref(new_serial(NULL, NULL), machine, HW_BUS(isa), &error));
    g_assert_cmpstr(error->message, ==, "Max. supported number of ISA serial ports is 4.");
    teardown();
}

static void test_wrong_properties_are_named(void)
{
    static const struct {
        const char *property, *value, *message;
    } cases[] = {
        {"index", "4", "Max. supported number of ISA serial ports is 4."},
        {"index", "0", "isa-serial: index 0 is in use"},
        {"irq", "16", "isa-serial: irq 16 is not an ISA interrupt (0 to 15)"},
        {"iobase", "0x10000", "isa-serial: iobase 0x10000 is not an I/O port"},
        {"iobase", "0xfff9", "isa-serial: iobase 0xfff9 is not an I/O port"},
        {"baudbase", "0", "isa-serial: baudbase must not be 0"},
        {"chardev", "zz", "Property 'serial.chardev' can't find value 'zz'"},
        {"chardev", "c", "Property 'serial.chardev' can't take value 'c': Device 'c' is in use"},
    };

    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Device *device = new_serial(cases[i].property, cases[i].value, NULL);
        g_assert_false(device_realize_and_unref(device, machine, HW_BUS(isa), &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
    }
    teardown();
}

static void test_iobase_irq_and_no_chardev(void)
{
    setup_wires();
    fixture_plug(new_serial("iobase", "0x1230", "irq", "4", NULL), HW_BUS(isa));
    outb(0x1230 + UART_IER, IER_TRANSMIT);
    g_assert_cmpint(irq4.level, ==, 1);
    for (unsigned i = 0; i < 5000; i++) {
        outb(0x1230, 'x');
    }
    g_assert_cmphex(inb(0x1230 + UART_LSR), ==, 0x60);
    g_assert_cmphex(inb(COM1), ==, 0xff);
    teardown();
}

/* ---- debug console ---- */

static void test_debug_console_writes_and_reads_back(void)
{
    GError *error = NULL;
    Device *console;

    setup_wires();
    make_chardev("ringbuf,id=c");
    console = device_new_by_name("isa-debugcon", NULL);
    device_set_property_text(console, "chardev", "c", &error);
    device_set_property_text(console, "iobase", "0x402", &error);
    g_assert_no_error(error);
    fixture_plug(console, HW_BUS(isa));
    g_assert_cmphex(inb(0x402), ==, 0xe9);
    for (const char *p = "SeaBIOS\n"; *p; p++) {
        outb(0x402, *p);
    }
    g_assert_cmpstr(sent(), ==, "SeaBIOS\n");
    check_round_trip(console);
    g_assert_false(device_realize_and_unref(device_new_by_name("isa-debugcon", NULL), machine,
                                            HW_BUS(isa), &error));
    g_assert_cmpstr(error->message, ==, "Can't create debugcon device, empty char device");
    g_clear_error(&error);
    peer = -1;
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
#define ADD(path, function) g_test_add_func("/serial/" path, function)
    ADD("reset", test_registers_after_reset);
    ADD("scratch", test_scratch_and_reserved_bits);
    ADD("divisor", test_divisor_latch_hides_data_and_interrupt_enable);
    ADD("wide-access", test_a_wider_access_is_split_into_registers);
    ADD("transmit/order", test_transmit_in_order_with_the_transmitter_always_empty);
    ADD("transmit/interrupt", test_transmit_interrupt_comes_goes_with_iir_and_comes_again);
    ADD("transmit/edges", test_each_write_makes_an_edge_even_if_iir_is_not_read);
    ADD("transmit/full", test_full_back_end_holds_thre_back_and_bounds_memory);
    ADD("transmit/peer-leaves", test_a_peer_that_leaves_frees_the_transmitter);
    ADD("transmit/clear", test_clearing_the_transmit_fifo_drops_what_waits);
    ADD("receive/no-fifo", test_receive_one_at_a_time_without_fifo);
    ADD("receive/trigger", test_fifo_trigger_levels);
    ADD("receive/timeout", test_character_timeout_after_four_character_times);
    ADD("receive/overrun",
        test_overrun_loses_the_new_character_in_fifo_mode_and_the_old_one_without);
    ADD("receive/switch", test_switching_the_fifo_clears_it);
    ADD("receive/flow", test_flow_from_a_fast_peer_loses_nothing);
    ADD("receive/break", test_break_arrives_with_its_place_in_the_fifo);
    ADD("loop", test_loop_mode_connects_outputs_to_inputs);
    ADD("loop/priorities", test_modem_interrupt_is_the_last_in_priority_and_ends_with_msr);
    ADD("loop/line-waits", test_the_line_waits_while_in_loop_mode);
    ADD("state", test_saved_state_has_fifos_interrupts_and_the_timeout);
    ADD("state/refused", test_impossible_saved_state_is_refused);
    ADD("random", test_random_accesses_do_no_harm);
    ADD("index", test_ports_take_the_first_free_index);
    ADD("properties", test_wrong_properties_are_named);
    ADD("iobase", test_iobase_irq_and_no_chardev);
    ADD("debugcon", test_debug_console_writes_and_reads_back);
#undef ADD
    return g_test_run();
}
