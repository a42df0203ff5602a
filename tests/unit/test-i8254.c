/*
 * The 8254 and port 0x61: the six modes with their exact edges, gates, BCD, latches, read-back,
 * catch-up.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chip-fixture.h"
#include "hw/timer/i8254.h"

#define FREQUENCY  1193182
#define COUNTER(n) ((uint16_t)(0x40 + (n)))
#define CONTROL    0x43
#define SPEAKER    0x61

static I8254 *pit;
static Device *device;
static Device *speaker;
static Wire irq;

static void setup(void)
{
    fixture_setup();
    device = device_new(i8254_get_type());
    pit = HW_I8254(device);
    wire_attach(&irq, device, NULL, 0);
    fixture_plug(device, HW_BUS(isa));
    speaker = device_new(pc_speaker_get_type());
    pc_speaker_connect(HW_PC_SPEAKER(speaker), pit);
    fixture_plug(speaker, HW_BUS(isa));
}

static void teardown(void)
{
    wire_detach(&irq, device, NULL, 0);
    fixture_teardown();
}

static int64_t tick_now(void)
{
    return (int64_t)muldiv64((uint64_t)now_ns(), FREQUENCY, NS_PER_SECOND);
}

static int64_t ns_of_tick(int64_t tick)
{
    return (int64_t)(((unsigned __int128)(uint64_t)tick * NS_PER_SECOND + FREQUENCY - 1) /
                     FREQUENCY);
}

/* Lets @ticks pulses of CLK go by. */
static void clk(int64_t ticks)
{
    clock_virtual_step_to(ns_of_tick(tick_now() + ticks));
}

static void load(unsigned n, unsigned mode, uint16_t count)
{
    outb(CONTROL, (uint8_t)(n << 6 | 0x30 | mode << 1));
    outb(COUNTER(n), (uint8_t)count);
    outb(COUNTER(n), (uint8_t)(count >> 8));
}

static uint16_t count_of(unsigned n)
{
    outb(CONTROL, (uint8_t)(n << 6));
    uint8_t low = inb(COUNTER(n));
    return (uint16_t)(low | inb(COUNTER(n)) << 8);
}

static uint8_t status_of(unsigned n)
{
    outb(CONTROL, (uint8_t)(0xe0 | 2u << n));
    return inb(COUNTER(n));
}

static bool out(unsigned n)
{
    bool level = i8254_output(pit, n);
    g_assert_cmpint((status_of(n) & 0x80) != 0, ==, level);
    return level;
}

static void reset_leaves_the_counters_stopped(void)
{
    setup();
    g_assert_cmpint(irq.level, ==, 0);
    g_assert_cmphex(status_of(0), ==, 0x70); /* no count yet, two bytes, mode 0 */
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    step_ns(NS_PER_SECOND);
    g_assert_cmpuint(irq.rises, ==, 0);
    g_assert_cmphex(count_of(0), ==, 0);
    g_assert_true(i8254_gate(pit, 0));
    g_assert_true(i8254_gate(pit, 1));
    g_assert_false(i8254_gate(pit, 2));
    g_assert_cmphex(inb(CONTROL), ==, 0xff);
    teardown();
}

static void mode0_rises_on_terminal_count(void)
{
    setup();
    load(0, 0, 4);
    g_assert_false(out(0));
    clk(4);
    g_assert_false(out(0));
    g_assert_cmpuint(count_of(0), ==, 1);
    clk(1); /* N + 1 clocks after the write */
    g_assert_true(out(0));
    g_assert_cmpuint(irq.rises, ==, 1);
    g_assert_cmpuint(count_of(0), ==, 0);
    clk(3); /* it counts on, and OUT stays */
    g_assert_cmpuint(count_of(0), ==, 0xfffd);
    clk(100000);
    g_assert_true(out(0));
    g_assert_cmpuint(irq.rises, ==, 1);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    teardown();
}

static void mode0_first_byte_stops_counting(void)
{
    setup();
    load(0, 0, 100);
    clk(11);
    outb(COUNTER(0), 50);
    clk(1000);
    g_assert_cmpuint(count_of(0), ==, 90);
    g_assert_false(out(0));
    outb(COUNTER(0), 0);
    clk(51);
    g_assert_true(out(0));
    teardown();
}

static void mode0_gate_freezes_the_count(void)
{
    setup();
    i8254_set_gate(pit, 2, true);
    load(2, 0, 10);
    clk(4); /* one to load, three counted */
    i8254_set_gate(pit, 2, false);
    clk(100);
    g_assert_cmpuint(count_of(2), ==, 7);
    g_assert_false(out(2));
    i8254_set_gate(pit, 2, true);
    clk(7);
    g_assert_true(out(2));
    teardown();
}

static void mode1_is_a_retriggerable_one_shot(void)
{
    setup();
    load(2, 1, 5);
    g_assert_true(out(2));
    g_assert_cmphex(status_of(2) & 0x40, ==, 0x40); /* waits for the trigger */
    clk(20);
    g_assert_true(out(2));
    i8254_set_gate(pit, 2, true);
    clk(1);
    g_assert_false(out(2));
    g_assert_cmphex(status_of(2) & 0x40, ==, 0);
    clk(3);
    i8254_set_gate(pit, 2, false); /* no effect on the pulse */
    i8254_set_gate(pit, 2, true);  /* and a trigger starts it anew */
    clk(5);
    g_assert_false(out(2));
    clk(1);
    g_assert_true(out(2));
    /* A new count is for the next trigger. */
    i8254_set_gate(pit, 2, false);
    i8254_set_gate(pit, 2, true);
    clk(1);
    outb(COUNTER(2), 2);
    outb(COUNTER(2), 0);
    clk(4);
    g_assert_false(out(2));
    clk(1);
    g_assert_true(out(2));
    i8254_set_gate(pit, 2, false);
    i8254_set_gate(pit, 2, true);
    clk(3);
    g_assert_true(out(2));
    teardown();
}

static void mode2_divides_by_n(void)
{
    setup();
    load(0, 2, 3);
    g_assert_true(out(0));
    clk(1);
    for (unsigned period = 0; period < 4; period++) {
        g_assert_cmpuint(count_of(0), ==, 3);
        g_assert_true(out(0));
        clk(1);
        g_assert_cmpuint(count_of(0), ==, 2);
        g_assert_true(out(0));
        clk(1);
        g_assert_cmpuint(count_of(0), ==, 1);
        g_assert_false(out(0));
        clk(1);
    }
    teardown();
}

static void mode2_new_count_waits_for_the_period_to_end(void)
{
    setup();
    load(0, 2, 100);
    clk(31);
    outb(COUNTER(0), 40);
    outb(COUNTER(0), 0);
    g_assert_cmphex(status_of(0) & 0x40, ==, 0x40);
    g_assert_cmpuint(count_of(0), ==, 70);
    unsigned before = irq.rises;
    clk(70);
    g_assert_cmpuint(irq.rises, ==, before + 1);
    g_assert_cmpuint(count_of(0), ==, 40);
    g_assert_cmphex(status_of(0) & 0x40, ==, 0);
    clk(40);
    g_assert_cmpuint(irq.rises, ==, before + 2);
    teardown();
}

static void mode2_gate_restarts(void)
{
    setup();
    i8254_set_gate(pit, 2, true);
    load(2, 2, 10);
    clk(10);
    g_assert_false(out(2));
    i8254_set_gate(pit, 2, false); /* OUT goes high at once */
    g_assert_true(out(2));
    clk(50);
    g_assert_cmpuint(count_of(2), ==, 1);
    i8254_set_gate(pit, 2, true);
    clk(1);
    g_assert_cmpuint(count_of(2), ==, 10);
    teardown();
}

static void mode3_is_a_square_wave(void)
{
    static const uint16_t even[] = {4, 2, 4, 2};
    static const uint16_t odd[] = {4, 2, 0, 4, 2};

    setup();
    load(0, 3, 4);
    clk(1);
    for (unsigned i = 0; i < 12; i++) {
        g_assert_cmpuint(count_of(0), ==, even[i % 4]);
        g_assert_cmpint(out(0), ==, i % 4 < 2);
        clk(1);
    }
    load(0, 3, 5); /* high for three, low for two */
    clk(1);
    for (unsigned i = 0; i < 15; i++) {
        g_assert_cmpuint(count_of(0), ==, odd[i % 5]);
        g_assert_cmpint(out(0), ==, i % 5 < 3);
        clk(1);
    }
    teardown();
}

static void mode3_new_count_waits_for_the_half_cycle(void)
{
    setup();
    load(0, 3, 100);
    clk(11); /* ten clocks into the high half of fifty */
    outb(COUNTER(0), 20);
    outb(COUNTER(0), 0);
    clk(39);
    g_assert_true(out(0));
    clk(1);
    g_assert_false(out(0));
    clk(9);
    g_assert_false(out(0));
    clk(1);
    g_assert_true(out(0));
    /* In the low half: from the end of the cycle. */
    clk(10);
    g_assert_false(out(0));
    outb(COUNTER(0), 60);
    outb(COUNTER(0), 0);
    clk(10);
    g_assert_true(out(0));
    clk(29);
    g_assert_true(out(0));
    clk(1);
    g_assert_false(out(0));
    teardown();
}

static void illegal_count_of_one_leaves_out_high(void)
{
    setup();
    for (unsigned mode = 2; mode <= 3; mode++) {
        load(0, mode, 1);
        clk(5);
        g_assert_true(out(0));
        g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
        outb(COUNTER(0), 10); /* and the next count starts at once */
        outb(COUNTER(0), 0);
        clk(1);
        g_assert_cmpuint(count_of(0), ==, 10);
    }
    teardown();
}

static void mode4_strobes_once(void)
{
    setup();
    load(0, 4, 4);
    g_assert_true(out(0));
    unsigned before = irq.rises;
    clk(4);
    g_assert_true(out(0));
    clk(1);
    g_assert_false(out(0));
    clk(1);
    g_assert_true(out(0));
    g_assert_cmpuint(irq.rises, ==, before + 1);
    g_assert_cmpuint(count_of(0), ==, 0xffff);
    clk(200000);
    g_assert_cmpuint(irq.rises, ==, before + 1);
    outb(COUNTER(0), 9); /* a new count strobes again */
    outb(COUNTER(0), 0);
    clk(11);
    g_assert_cmpuint(irq.rises, ==, before + 2);
    teardown();
}

static void mode5_strobes_on_each_trigger(void)
{
    setup();
    load(2, 5, 3);
    clk(50);
    g_assert_true(out(2));
    for (unsigned i = 0; i < 2; i++) {
        i8254_set_gate(pit, 2, true);
        clk(3);
        g_assert_true(out(2));
        clk(1);
        g_assert_false(out(2));
        clk(1);
        g_assert_true(out(2));
        i8254_set_gate(pit, 2, false);
    }
    teardown();
}

static void bcd_counts_in_decimal(void)
{
    setup();
    outb(CONTROL, 0x31);
    outb(COUNTER(0), 0x00);
    outb(COUNTER(0), 0x10); /* one thousand */
    clk(2);
    g_assert_cmphex(count_of(0), ==, 0x0999);
    clk(999);
    g_assert_true(out(0));
    clk(1);
    g_assert_cmphex(count_of(0), ==, 0x9999);
    outb(CONTROL, 0x35); /* mode 2, zero is ten thousand */
    outb(COUNTER(0), 0);
    outb(COUNTER(0), 0);
    clk(2);
    g_assert_cmphex(count_of(0), ==, 0x9999);
    g_assert_cmphex(status_of(0), ==, 0xb5);
    teardown();
}

static void zero_is_the_largest_count(void)
{
    setup();
    load(0, 2, 0);
    clk(1);
    g_assert_cmphex(count_of(0), ==, 0);
    clk(1);
    g_assert_cmphex(count_of(0), ==, 0xffff);
    unsigned before = irq.rises;
    clk(65534);
    g_assert_cmpuint(irq.rises, ==, before);
    clk(1);
    g_assert_cmpuint(irq.rises, ==, before + 1);
    teardown();
}

static void single_byte_access(void)
{
    setup();
    outb(CONTROL, 0x14); /* low byte only, mode 2 */
    outb(COUNTER(0), 0x40);
    clk(2);
    g_assert_cmphex(inb(COUNTER(0)), ==, 0x3f);
    g_assert_cmphex(inb(COUNTER(0)), ==, 0x3f);
    outb(CONTROL, 0x24); /* high byte only */
    outb(COUNTER(0), 0x02);
    clk(2);
    g_assert_cmphex(inb(COUNTER(0)), ==, 0x01);
    outb(CONTROL, 0x00);
    clk(0x100);
    g_assert_cmphex(inb(COUNTER(0)), ==, 0x01); /* latched */
    g_assert_cmphex(inb(COUNTER(0)), ==, 0x00); /* now */
    teardown();
}

static void latch_holds_until_read(void)
{
    setup();
    load(0, 2, 1000);
    clk(101);
    outb(CONTROL, 0x00);
    clk(100);
    outb(CONTROL, 0x00); /* the first one stands */
    g_assert_cmphex(inb(COUNTER(0)), ==, 900 & 0xff);
    g_assert_cmphex(inb(COUNTER(0)), ==, 900 >> 8);
    g_assert_cmphex(inb(COUNTER(0)), ==, 800 & 0xff);
    g_assert_cmphex(inb(COUNTER(0)), ==, 800 >> 8);
    teardown();
}

static void read_back_latches_status_and_count(void)
{
    setup();
    load(0, 2, 1000);
    load(2, 0, 77);
    clk(11);
    outb(CONTROL, 0xc0 | 0x0a); /* both of counters 0 and 2 */
    clk(500);
    g_assert_cmphex(inb(COUNTER(0)), ==, 0xb4); /* OUT, two bytes, mode 2 */
    g_assert_cmphex(inb(COUNTER(0)), ==, 990 & 0xff);
    g_assert_cmphex(inb(COUNTER(0)), ==, 990 >> 8);
    g_assert_cmphex(inb(COUNTER(2)), ==, 0x30); /* the gate is low, it was loaded all the same */
    g_assert_cmphex(inb(COUNTER(2)), ==, 77);
    g_assert_cmphex(inb(COUNTER(2)), ==, 0);
    /* Null count until the clock after the write; the mode as it was written. */
    load(0, 6, 10);
    g_assert_cmphex(status_of(0), ==, 0xfc);
    clk(1);
    g_assert_cmphex(status_of(0), ==, 0xbc);
    teardown();
}

static void interrupts_do_not_drift(void)
{
    setup();
    load(0, 2, 11932); /* 100 Hz, nearly */
    unsigned before = irq.rises;
    int64_t start = tick_now() + 1;
    clock_virtual_step_to(ns_of_tick(start + INT64_C(11932) * 100000) - 1);
    g_assert_cmpuint(irq.rises, ==, before + 99999);
    step_ns(1);
    g_assert_cmpuint(irq.rises, ==, before + 100000);
    teardown();
}

static void square_wave_interrupts_once_a_period(void)
{
    setup();
    load(0, 3, 1193);
    unsigned before = irq.rises;
    clk(1 + 1193 * 1000);
    g_assert_cmpuint(irq.rises, ==, before + 1000);
    teardown();
}

static void missed_periods_are_made_up_for(void)
{
    /* The clock leaps as it does when the process is held up: the timers then see it late. */
    setup();
    load(0, 2, 1193);
    clk(1);
    unsigned before = irq.rises;
    clock_virtual_set_ns(now_ns() + 10 * NS_PER_MS);
    clk(1);
    g_assert_cmpuint(irq.rises, ==, before + 1);
    clk(1193 * 30);
    g_assert_cmpuint(irq.rises, ==, before + 40);
    clk(1193 * 10);
    g_assert_cmpuint(irq.rises, ==, before + 50);
    /* More than a second is forgotten. */
    before = irq.rises;
    clock_virtual_set_ns(now_ns() + 3600 * NS_PER_SECOND);
    clk(1193 * 10);
    g_assert_cmpuint(irq.rises, >=, before + 10);
    g_assert_cmpuint(irq.rises, <=, before + 12);
    teardown();
}

static void hpet_takes_and_gives_back_the_interrupt(void)
{
    IRQLine *enable;

    setup();
    enable = device_get_irq_in(device, NULL, 0);
    load(0, 2, 1193);
    clk(1194);
    unsigned before = irq.rises;
    irq_set(enable, 0);
    g_assert_cmpint(irq.level, ==, 0);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    clk(1193 * 10);
    g_assert_cmpuint(irq.rises, ==, before);
    irq_set(enable, 1);
    before = irq.rises;
    clk(1193 * 10);
    g_assert_cmpuint(irq.rises, ==, before + 10);
    teardown();
}

static void speaker_port_shows_gate_output_and_refresh(void)
{
    setup();
    g_assert_cmphex(inb(SPEAKER) & 0xcf, ==, 0);
    outb(SPEAKER, 0xff);
    g_assert_cmphex(inb(SPEAKER) & 0xcf, ==, 0x0f);
    g_assert_true(i8254_gate(pit, 2));
    load(2, 0, 100);
    g_assert_cmphex(inb(SPEAKER) & 0x20, ==, 0);
    clk(101);
    g_assert_cmphex(inb(SPEAKER) & 0x20, ==, 0x20);
    outb(SPEAKER, 0x00);
    g_assert_false(i8254_gate(pit, 2));
    /* The refresh bit toggles about every 15 us. */
    unsigned toggles = 0;
    uint8_t last = inb(SPEAKER) & 0x10;
    for (unsigned i = 0; i < 1000; i++) {
        step_ns(NS_PER_US);
        toggles += (inb(SPEAKER) & 0x10) != last;
        last = inb(SPEAKER) & 0x10;
    }
    g_assert_cmpuint(toggles, >=, 65);
    g_assert_cmpuint(toggles, <=, 67);
    teardown();
}

static void speaker_wants_a_timer(void)
{
    g_autoptr(GError) error = NULL;

    setup();
    g_assert_false(
        device_realize_and_unref(device_new(pc_speaker_get_type()), machine, HW_BUS(isa), &error));
    g_assert_nonnull(error);
    teardown();
}

static void stopped_counter_is_a_state_like_any_other(void)
{
    setup();
    load(0, 2, 0xfff0); /* more than a decimal counter holds */
    clk(10);
    outb(CONTROL, 0x35); /* decimal, and no count yet */
    check_round_trip(device);
    g_assert_true(out(0));
    outb(COUNTER(0), 0x50);
    outb(COUNTER(0), 0x00);
    clk(1);
    g_assert_cmphex(count_of(0), ==, 0x50);
    teardown();
}

static void state_survives_save_and_load(void)
{
    setup();
    load(0, 3, 1193);
    load(1, 2, 18);
    outb(SPEAKER, 0x03);
    outb(CONTROL, 0xb6);
    outb(COUNTER(2), 0x34); /* half a count */
    clk(5000);
    outb(CONTROL, 0x40); /* half-read latch */
    inb(COUNTER(1));
    check_round_trip(device);
    check_round_trip(speaker);
    g_assert_cmphex(inb(SPEAKER) & 0x0f, ==, 0x03);
    outb(COUNTER(2), 0x12);
    clk(1);
    g_assert_cmphex(count_of(2), ==, 0x1234);
    unsigned before = irq.rises;
    clk(1193 * 5);
    g_assert_cmpuint(irq.rises, ==, before + 5);
    check_refused(device, "channels[0].period", g_variant_new_uint32(0));
    check_refused(device, "channels[0].state", g_variant_new_byte(3));
    check_refused(device, "channels[1].start", g_variant_new_int64(G_MININT64));
    check_refused(device, "channels[2].control", g_variant_new_byte(0x0f));
    check_refused(device, "rise_tick", g_variant_new_int64(-1));
    check_refused(speaker, "control", g_variant_new_byte(0x10));
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/i8254/reset_leaves_the_counters_stopped", reset_leaves_the_counters_stopped);
    g_test_add_func("/i8254/mode0_rises_on_terminal_count", mode0_rises_on_terminal_count);
    g_test_add_func("/i8254/mode0_first_byte_stops_counting", mode0_first_byte_stops_counting);
    g_test_add_func("/i8254/mode0_gate_freezes_the_count", mode0_gate_freezes_the_count);
    g_test_add_func("/i8254/mode1_is_a_retriggerable_one_shot", mode1_is_a_retriggerable_one_shot);
    g_test_add_func("/i8254/mode2_divides_by_n", mode2_divides_by_n);
    g_test_add_func("/i8254/mode2_new_count_waits_for_the_period_to_end",
                    mode2_new_count_waits_for_the_period_to_end);
    g_test_add_func("/i8254/mode2_gate_restarts", mode2_gate_restarts);
    g_test_add_func("/i8254/mode3_is_a_square_wave", mode3_is_a_square_wave);
    g_test_add_func("/i8254/mode3_new_count_waits_for_the_half_cycle",
                    mode3_new_count_waits_for_the_half_cycle);
    g_test_add_func("/i8254/illegal_count_of_one_leaves_out_high",
                    illegal_count_of_one_leaves_out_high);
    g_test_add_func("/i8254/mode4_strobes_once", mode4_strobes_once);
    g_test_add_func("/i8254/mode5_strobes_on_each_trigger", mode5_strobes_on_each_trigger);
    g_test_add_func("/i8254/bcd_counts_in_decimal", bcd_counts_in_decimal);
    g_test_add_func("/i8254/zero_is_the_largest_count", zero_is_the_largest_count);
    g_test_add_func("/i8254/single_byte_access", single_byte_access);
    g_test_add_func("/i8254/latch_holds_until_read", latch_holds_until_read);
    g_test_add_func("/i8254/read_back_latches_status_and_count",
                    read_back_latches_status_and_count);
    g_test_add_func("/i8254/interrupts_do_not_drift", interrupts_do_not_drift);
    g_test_add_func("/i8254/square_wave_interrupts_once_a_period",
                    square_wave_interrupts_once_a_period);
    g_test_add_func("/i8254/missed_periods_are_made_up_for", missed_periods_are_made_up_for);
    g_test_add_func("/i8254/hpet_takes_and_gives_back_the_interrupt",
                    hpet_takes_and_gives_back_the_interrupt);
    g_test_add_func("/i8254/speaker_port_shows_gate_output_and_refresh",
                    speaker_port_shows_gate_output_and_refresh);
    g_test_add_func("/i8254/speaker_wants_a_timer", speaker_wants_a_timer);
    g_test_add_func("/i8254/stopped_counter_is_a_state_like_any_other",
                    stopped_counter_is_a_state_like_any_other);
    g_test_add_func("/i8254/state_survives_save_and_load", state_survives_save_and_load);
    return g_test_run();
}
