/*
 * The two 8259As: initialization, priorities, each kind of end of interrupt, modes, cascade,
 * spurious vectors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chip-fixture.h"
#include "hw/intc/i8259.h"

#define MASTER 0x20
#define SLAVE  0xa0
#define ELCR   0x4d0

static I8259 *pic;
static Device *device;
static Wire output;

static void initialize(uint16_t port, uint8_t base, uint8_t icw3, uint8_t icw4)
{
    outb(port, 0x11);
    outb(port + 1, base);
    outb(port + 1, icw3);
    outb(port + 1, icw4);
}

static void setup(void)
{
    fixture_setup();
    device = device_new(i8259_get_type());
    pic = HW_I8259(device);
    wire_attach(&output, device, NULL, 0);
    fixture_plug(device, HW_BUS(isa));
    initialize(MASTER, 0x30, 0x04, 0x01);
    initialize(SLAVE, 0x70, 0x02, 0x01);
}

static void teardown(void)
{
    wire_detach(&output, device, NULL, 0);
    fixture_teardown();
}

static void set_line(int n, int level)
{
    irq_set(device_get_irq_in(device, NULL, n), level);
}

static void pulse(int n)
{
    set_line(n, 1);
    set_line(n, 0);
}

static uint8_t irr(uint16_t port)
{
    outb(port, 0x0a);
    return inb(port);
}

static uint8_t isr(uint16_t port)
{
    outb(port, 0x0b);
    return inb(port);
}

static void reset_clears_everything(void)
{
    setup();
    outb(MASTER + 1, 0xfb);
    outb(ELCR, 0xf8);
    pulse(3);
    device_reset(device);
    g_assert_cmphex(inb(MASTER), ==, 0);
    g_assert_cmphex(inb(MASTER + 1), ==, 0);
    g_assert_cmphex(inb(SLAVE + 1), ==, 0);
    g_assert_cmphex(inb(ELCR), ==, 0);
    g_assert_cmpint(output.level, ==, 0);
    g_assert_false(i8259_output(pic));
    teardown();
}

static void edge_is_latched_and_acknowledged(void)
{
    setup();
    pulse(3);
    g_assert_cmpint(output.level, ==, 1);
    g_assert_cmphex(irr(MASTER), ==, 0x08);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x33);
    g_assert_cmpint(output.level, ==, 0);
    g_assert_cmphex(irr(MASTER), ==, 0);
    g_assert_cmphex(isr(MASTER), ==, 0x08);
    /* In service: the same and lower ones wait, a higher one does not. */
    pulse(3);
    pulse(5);
    g_assert_cmpint(output.level, ==, 0);
    pulse(1);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x31);
    outb(MASTER, 0x20);
    g_assert_cmphex(isr(MASTER), ==, 0x08);
    outb(MASTER, 0x20);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x33);
    outb(MASTER, 0x63); /* specific */
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x35);
    outb(MASTER, 0x20);
    g_assert_cmphex(isr(MASTER), ==, 0);
    g_assert_cmpint(output.level, ==, 0);
    teardown();
}

static void high_line_makes_one_edge(void)
{
    setup();
    set_line(4, 1);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x34);
    outb(MASTER, 0x20);
    set_line(4, 1);
    g_assert_cmpint(output.level, ==, 0);
    set_line(4, 0);
    set_line(4, 1);
    g_assert_cmpint(output.level, ==, 1);
    /* ICW1 resets the edge sense circuit: the line has to fall and rise again. */
    initialize(MASTER, 0x30, 0x04, 0x01);
    g_assert_cmpint(output.level, ==, 0);
    set_line(4, 1);
    g_assert_cmpint(output.level, ==, 0);
    teardown();
}

static void mask_hides_but_keeps_a_request(void)
{
    setup();
    outb(MASTER + 1, 0x10);
    g_assert_cmphex(inb(MASTER + 1), ==, 0x10);
    pulse(4);
    g_assert_cmpint(output.level, ==, 0);
    g_assert_cmphex(irr(MASTER), ==, 0x10);
    outb(MASTER + 1, 0);
    g_assert_cmpint(output.level, ==, 1);
    teardown();
}

static void level_pin_follows_its_line(void)
{
    setup();
    outb(ELCR, 0xff);
    outb(ELCR + 1, 0xff);
    g_assert_cmphex(inb(ELCR), ==, 0xf8);
    g_assert_cmphex(inb(ELCR + 1), ==, 0xde);
    set_line(5, 1);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x35);
    outb(MASTER, 0x20);
    g_assert_cmpint(output.level, ==, 1); /* still asserted: again */
    set_line(5, 0);
    g_assert_cmpint(output.level, ==, 0);
    g_assert_cmphex(irr(MASTER), ==, 0);
    /* A line that is high when its pin becomes level triggered counts at once. */
    outb(ELCR, 0);
    set_line(5, 1);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x35);
    outb(MASTER, 0x20);
    g_assert_cmpint(output.level, ==, 0);
    outb(ELCR, 0x20);
    g_assert_cmpint(output.level, ==, 1);
    teardown();
}

static void slave_comes_through_the_cascade(void)
{
    setup();
    pulse(12);
    g_assert_cmpint(output.level, ==, 1);
    g_assert_cmphex(irr(MASTER), ==, 0x04);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x74);
    g_assert_cmphex(isr(MASTER), ==, 0x04);
    g_assert_cmphex(isr(SLAVE), ==, 0x10);
    /* Pins 3-7 of the master are below the slave's. */
    pulse(3);
    g_assert_cmpint(output.level, ==, 0);
    pulse(9);
    g_assert_cmpint(output.level, ==, 0); /* fully nested: the slave's pin is in service */
    outb(SLAVE, 0x20);
    outb(MASTER, 0x20);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x71);
    outb(SLAVE, 0x20);
    outb(MASTER, 0x20);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x33);
    teardown();
}

static void two_slave_requests_are_both_delivered(void)
{
    setup();
    pulse(8);
    pulse(15);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x70);
    outb(SLAVE, 0x20);
    outb(MASTER, 0x20);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x77);
    outb(SLAVE, 0x20);
    outb(MASTER, 0x20);
    g_assert_cmpint(output.level, ==, 0);
    g_assert_cmphex(isr(SLAVE) | isr(MASTER) | irr(SLAVE) | irr(MASTER), ==, 0);
    teardown();
}

static void cascade_pin_has_no_input(void)
{
    setup();
    pulse(2);
    g_assert_cmpint(output.level, ==, 0);
    g_assert_cmphex(irr(MASTER), ==, 0);
    teardown();
}

static void special_fully_nested_mode_lets_the_slave_nest(void)
{
    setup();
    initialize(MASTER, 0x30, 0x04, 0x11);
    pulse(12);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x74);
    pulse(9);
    g_assert_cmpint(output.level, ==, 1);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x71);
    pulse(3);
    g_assert_cmpint(output.level, ==, 0);
    outb(SLAVE, 0x20);
    g_assert_cmphex(isr(SLAVE), ==, 0x10);
    teardown();
}

static void auto_eoi_leaves_nothing_in_service(void)
{
    setup();
    initialize(MASTER, 0x30, 0x04, 0x03);
    pulse(6);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x36);
    g_assert_cmphex(isr(MASTER), ==, 0);
    /* With rotation the one just served becomes the lowest. */
    outb(MASTER, 0x80);
    pulse(1);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x31);
    pulse(1);
    pulse(5);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x35);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x31);
    outb(MASTER, 0x00); /* rotation off: the order stands at 2-7, 0, 1 */
    pulse(3);
    pulse(4);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x33);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x34);
    pulse(3);
    pulse(4);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x33);
    teardown();
}

static void rotation_and_set_priority(void)
{
    setup();
    outb(MASTER, 0xc4); /* 4 is the lowest, so 5 the highest */
    pulse(0);
    pulse(6);
    pulse(4);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x36);
    outb(MASTER, 0xa0); /* rotate on non-specific: 6 the lowest, 7 the highest */
    g_assert_cmphex(isr(MASTER), ==, 0);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x30);
    outb(MASTER, 0xe0); /* rotate on specific 0: 1 the highest */
    pulse(0);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x34);
    outb(MASTER, 0x40); /* no operation */
    g_assert_cmphex(isr(MASTER), ==, 0x10);
    outb(MASTER, 0x20);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x30);
    teardown();
}

static void special_mask_mode_enables_lower_levels(void)
{
    setup();
    pulse(3);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x33);
    pulse(6);
    g_assert_cmpint(output.level, ==, 0);
    outb(MASTER + 1, 0x08); /* mask the one in service ... */
    outb(MASTER, 0x68);     /* ... and all others may interrupt */
    g_assert_cmpint(output.level, ==, 1);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x36);
    outb(MASTER, 0x20); /* a masked in-service bit is not what a non-specific EOI ends */
    g_assert_cmphex(isr(MASTER), ==, 0x08);
    outb(MASTER, 0x20);
    g_assert_cmphex(isr(MASTER), ==, 0x08);
    outb(MASTER, 0x48); /* special mask mode off */
    outb(MASTER, 0x20);
    g_assert_cmphex(isr(MASTER), ==, 0);
    teardown();
}

static void poll_acknowledges(void)
{
    setup();
    outb(MASTER, 0x0c);
    g_assert_cmphex(inb(MASTER), ==, 0);
    g_assert_cmphex(inb(MASTER), ==, irr(MASTER)); /* a poll is one read */
    pulse(4);
    outb(MASTER, 0x0c);
    g_assert_cmphex(inb(MASTER), ==, 0x84);
    g_assert_cmphex(isr(MASTER), ==, 0x10);
    g_assert_cmpint(output.level, ==, 0);
    outb(MASTER, 0x20);
    pulse(11);
    outb(MASTER, 0x0c);
    g_assert_cmphex(inb(MASTER), ==, 0x82);
    outb(SLAVE, 0x0c);
    g_assert_cmphex(inb(SLAVE), ==, 0x83);
    teardown();
}

static void vanished_request_gives_the_spurious_vector(void)
{
    setup();
    outb(ELCR, 0x20);
    outb(ELCR + 1, 0x08);
    set_line(5, 1);
    set_line(5, 0);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x37);
    g_assert_cmphex(isr(MASTER), ==, 0);
    /* On the slave: the master has its cascade in service, the slave nothing. */
    set_line(11, 1);
    set_line(11, 0);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x77);
    g_assert_cmphex(isr(MASTER), ==, 0x04);
    g_assert_cmphex(isr(SLAVE), ==, 0);
    teardown();
}

static void short_initialization_sequences(void)
{
    setup();
    /* Single, no ICW4: the word after ICW2 is a mask again; auto EOI and nesting are off. */
    initialize(MASTER, 0x30, 0x04, 0x13);
    outb(MASTER, 0x12);
    outb(MASTER + 1, 0x58);
    outb(MASTER + 1, 0x7f);
    g_assert_cmphex(inb(MASTER + 1), ==, 0x7f);
    pulse(7);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x5f);
    g_assert_cmphex(isr(MASTER), ==, 0x80);
    /* Cascaded, no ICW4. */
    outb(MASTER, 0x10);
    g_assert_cmphex(inb(MASTER + 1), ==, 0);
    outb(MASTER + 1, 0x47); /* the low bits come from the pin */
    outb(MASTER + 1, 0x04);
    outb(MASTER + 1, 0xfe);
    g_assert_cmphex(inb(MASTER + 1), ==, 0xfe);
    pulse(0);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x40);
    teardown();
}

static void state_survives_save_and_load(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    setup();
    outb(MASTER + 1, 0x40);
    outb(ELCR + 1, 0x08);
    outb(MASTER, 0xc4);
    set_line(11, 1);
    pulse(3);
    g_assert_cmphex(i8259_acknowledge(pic), ==, 0x73);
    check_round_trip(device);
    g_assert_cmphex(inb(MASTER + 1), ==, 0x40);
    g_assert_cmphex(inb(ELCR + 1), ==, 0x08);
    g_assert_cmphex(isr(SLAVE), ==, 0x08);
    i8259_print(pic, text);
    g_assert_nonnull(strstr(text->str, "pic0: irr=08 imr=40 isr=04 hprio=5 irq_base=30"));
    check_refused(device, "chips[0].highest", g_variant_new_byte(8));
    check_refused(device, "chips[1].init_state", g_variant_new_byte(4));
    check_refused(device, "chips[1].elcr", g_variant_new_byte(0x01));
    check_refused(device, "chips[0].imr", g_variant_new_uint32(0));
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/i8259/reset_clears_everything", reset_clears_everything);
    g_test_add_func("/i8259/edge_is_latched_and_acknowledged", edge_is_latched_and_acknowledged);
    g_test_add_func("/i8259/high_line_makes_one_edge", high_line_makes_one_edge);
    g_test_add_func("/i8259/mask_hides_but_keeps_a_request", mask_hides_but_keeps_a_request);
    g_test_add_func("/i8259/level_pin_follows_its_line", level_pin_follows_its_line);
    g_test_add_func("/i8259/slave_comes_through_the_cascade", slave_comes_through_the_cascade);
    g_test_add_func("/i8259/two_slave_requests_are_both_delivered",
                    two_slave_requests_are_both_delivered);
    g_test_add_func("/i8259/cascade_pin_has_no_input", cascade_pin_has_no_input);
    g_test_add_func("/i8259/special_fully_nested_mode_lets_the_slave_nest",
                    special_fully_nested_mode_lets_the_slave_nest);
    g_test_add_func("/i8259/auto_eoi_leaves_nothing_in_service",
                    auto_eoi_leaves_nothing_in_service);
    g_test_add_func("/i8259/rotation_and_set_priority", rotation_and_set_priority);
    g_test_add_func("/i8259/special_mask_mode_enables_lower_levels",
                    special_mask_mode_enables_lower_levels);
    g_test_add_func("/i8259/poll_acknowledges", poll_acknowledges);
    g_test_add_func("/i8259/vanished_request_gives_the_spurious_vector",
                    vanished_request_gives_the_spurious_vector);
    g_test_add_func("/i8259/short_initialization_sequences", short_initialization_sequences);
    g_test_add_func("/i8259/state_survives_save_and_load", state_survives_save_and_load);
    return g_test_run();
}
