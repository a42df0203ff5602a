/*
 * The real-time clock: formats, setting, update cycle, divider, alarm, the three interrupts, lost
 * ticks, NVRAM.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chip-fixture.h"
#include "hw/rtc/mc146818.h"

enum {
    SECONDS,
    SECONDS_ALARM,
    MINUTES,
    MINUTES_ALARM,
    HOURS,
    HOURS_ALARM,
    WEEKDAY,
    DAY,
    MONTH,
    YEAR,
    A,
    B,
    C,
    D,
    CENTURY = 0x32,
};

enum {
    B_24 = 0x02,
    B_BINARY = 0x04,
    B_SQUARE = 0x08,
    B_UPDATE = 0x10,
    B_ALARM = 0x20,
    B_PERIODIC = 0x40,
    B_SET = 0x80,
    C_IRQ = 0x80,
};

static MC146818 *rtc;
static Device *device;
static Wire irq, alarm_pin;

static uint8_t get(uint8_t index)
{
    outb(0x70, index);
    return inb(0x71);
}

static void set(uint8_t index, uint8_t value)
{
    outb(0x70, index);
    outb(0x71, value);
}

/* A clock of the virtual time base, set to a date in BCD with 500 ms to the next second. */
static void set_date(uint8_t century, uint8_t year, uint8_t month, uint8_t day, uint8_t hours,
                     uint8_t minutes, uint8_t seconds)
{
    set(A, 0x76); /* divider in reset */
    set(CENTURY, century);
    set(YEAR, year);
    set(MONTH, month);
    set(DAY, day);
    set(HOURS, hours);
    set(MINUTES, minutes);
    set(SECONDS, seconds);
    set(A, 0x26);
}

static void setup_with(const char *policy)
{
    fixture_setup();
    machine_config(machine)->rtc_clock = RTC_CLOCK_VM;
    device = device_new(mc146818_get_type());
    rtc = HW_MC146818(device);
    if (policy) {
        g_assert_true(device_set_property_text(device, "lost_tick_policy", policy, NULL));
    }
    wire_attach(&irq, device, NULL, 0);
    wire_attach(&alarm_pin, device, "alarm", 0);
    fixture_plug(device, HW_BUS(isa));
    set_date(0x20, 0x24, 0x02, 0x28, 0x23, 0x59, 0x50);
}

static void setup(void)
{
    setup_with(NULL);
}

static void teardown(void)
{
    wire_detach(&irq, device, NULL, 0);
    wire_detach(&alarm_pin, device, "alarm", 0);
    fixture_teardown();
}

static void seconds_pass(int64_t seconds)
{
    step_ns(seconds * NS_PER_SECOND);
}

static void power_on_values(void)
{
    fixture_setup();
    device = device_new(mc146818_get_type());
    fixture_plug(device, HW_BUS(isa));
    g_assert_cmphex(get(A) & 0x7f, ==, 0x26);
    g_assert_cmphex(get(B), ==, B_24);
    g_assert_cmphex(get(D), ==, 0x80);
    set(D, 0);
    g_assert_cmphex(get(D), ==, 0x80);
    g_assert_cmphex(inb(0x70), ==, 0xff); /* the index is write-only */
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_HOST), ==, -1);
    fixture_teardown();
}

static void starts_at_the_host_s_time_plus_offset(void)
{
    fixture_setup();
    /* The offset that makes it 2001-09-09 01:46:40. */
    machine_config(machine)->rtc_offset_seconds =
        1000000000 - clock_get_ns(CLOCK_HOST) / NS_PER_SECOND;
    device = device_new(mc146818_get_type());
    fixture_plug(device, HW_BUS(isa));
    g_assert_cmphex(get(CENTURY), ==, 0x20);
    g_assert_cmphex(get(YEAR), ==, 0x01);
    g_assert_cmphex(get(MONTH), ==, 0x09);
    g_assert_cmphex(get(DAY), ==, 0x09);
    g_assert_cmphex(get(WEEKDAY), ==, 0x01); /* Sunday */
    g_assert_cmphex(get(HOURS), ==, 0x01);
    g_assert_cmphex(get(MINUTES), ==, 0x46);
    fixture_teardown();
}

static void base_year_is_subtracted(void)
{
    fixture_setup();
    machine_config(machine)->rtc_offset_seconds =
        1000000000 - clock_get_ns(CLOCK_HOST) / NS_PER_SECOND;
    device = device_new(mc146818_get_type());
    g_assert_true(device_set_property_text(device, "base_year", "1980", NULL));
    fixture_plug(device, HW_BUS(isa));
    g_assert_cmphex(get(CENTURY), ==, 0x00);
    g_assert_cmphex(get(YEAR), ==, 0x21);
    fixture_teardown();
}

static void time_passes_and_carries(void)
{
    setup();
    step_ns(NS_PER_SECOND / 2 - 1);
    g_assert_cmphex(get(SECONDS), ==, 0x50);
    step_ns(1); /* the first update comes half a second after the divider starts */
    g_assert_cmphex(get(SECONDS), ==, 0x51);
    seconds_pass(9);
    g_assert_cmphex(get(SECONDS), ==, 0x00);
    g_assert_cmphex(get(MINUTES), ==, 0x00);
    g_assert_cmphex(get(HOURS), ==, 0x00);
    g_assert_cmphex(get(DAY), ==, 0x29); /* a leap year */
    seconds_pass(86400);
    g_assert_cmphex(get(DAY), ==, 0x01);
    g_assert_cmphex(get(MONTH), ==, 0x03);
    set_date(0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59);
    seconds_pass(1);
    g_assert_cmphex(get(CENTURY), ==, 0x20);
    g_assert_cmphex(get(0x37), ==, 0x20); /* the byte's other name */
    g_assert_cmphex(get(YEAR), ==, 0x00);
    g_assert_cmphex(get(MONTH), ==, 0x01);
    g_assert_cmphex(get(DAY), ==, 0x01);
    teardown();
}

static void formats(void)
{
    setup();
    set_date(0x20, 0x24, 0x11, 0x30, 0x13, 0x45, 0x59);
    set(B, B_24 | B_BINARY);
    g_assert_cmphex(get(HOURS), ==, 13);
    g_assert_cmphex(get(MINUTES), ==, 45);
    g_assert_cmphex(get(CENTURY), ==, 20);
    set(B, B_BINARY);
    g_assert_cmphex(get(HOURS), ==, 0x80 | 1);
    set(B, 0);
    g_assert_cmphex(get(HOURS), ==, 0x81);
    set(HOURS, 0x12); /* midnight */
    set(B, B_24);
    g_assert_cmphex(get(HOURS), ==, 0x00);
    set(B, 0);
    g_assert_cmphex(get(HOURS), ==, 0x12);
    set(HOURS, 0x92); /* noon */
    set(B, B_24);
    g_assert_cmphex(get(HOURS), ==, 0x12);
    teardown();
}

static void set_bit_holds_the_time(void)
{
    setup();
    set(B, B_24 | B_SET);
    set(SECONDS, 0x10);
    set(MINUTES, 0x20);
    seconds_pass(100);
    g_assert_cmphex(get(SECONDS), ==, 0x10);
    g_assert_cmphex(get(A) & 0x80, ==, 0);
    set(B, B_24);
    g_assert_cmphex(get(SECONDS), ==, 0x10);
    g_assert_cmphex(get(MINUTES), ==, 0x20);
    /* The divider went on: the next second comes when it would have. */
    step_ns(NS_PER_SECOND / 2);
    g_assert_cmphex(get(SECONDS), ==, 0x11);
    set(B, B_24 | B_UPDATE);
    set(B, B_24 | B_UPDATE | B_SET); /* SET clears UIE */
    g_assert_cmphex(get(B), ==, B_24 | B_SET);
    teardown();
}

static void divider_reset_stops_the_clock(void)
{
    setup();
    set(A, 0x66);
    seconds_pass(100);
    g_assert_cmphex(get(SECONDS), ==, 0x50);
    get(C);
    seconds_pass(1);
    g_assert_cmphex(get(C), ==, 0);
    set(A, 0x26);
    step_ns(NS_PER_SECOND / 2 - 1);
    g_assert_cmphex(get(SECONDS), ==, 0x50);
    step_ns(1);
    g_assert_cmphex(get(SECONDS), ==, 0x51);
    teardown();
}

static void weekday_counts_from_what_was_written(void)
{
    setup();
    set(WEEKDAY, 0x07);
    g_assert_cmphex(get(WEEKDAY), ==, 0x07);
    seconds_pass(86400);
    g_assert_cmphex(get(WEEKDAY), ==, 0x01);
    teardown();
}

static void update_in_progress_precedes_the_second(void)
{
    setup();
    step_ns(NS_PER_SECOND / 2); /* at a second */
    g_assert_cmphex(get(A), ==, 0x26);
    step_ns(NS_PER_SECOND - 2229 * NS_PER_US);
    g_assert_cmphex(get(A), ==, 0x26);
    step_ns(2 * NS_PER_US);
    g_assert_cmphex(get(A), ==, 0xa6);
    step_ns(2226 * NS_PER_US);
    g_assert_cmphex(get(A), ==, 0xa6);
    step_ns(NS_PER_US);
    g_assert_cmphex(get(A), ==, 0x26);
    teardown();
}

static void update_ended_interrupt(void)
{
    setup();
    seconds_pass(3);
    g_assert_cmphex(get(C), ==, 0x50); /* the flags come without interrupts too */
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    set(B, B_24 | B_UPDATE);
    step_ns(NS_PER_SECOND / 2);
    get(C);
    step_ns(NS_PER_SECOND - 1);
    g_assert_cmpint(irq.level, ==, 0);
    step_ns(1);
    g_assert_cmpint(irq.level, ==, 1);
    seconds_pass(5); /* unanswered: nothing more to arm for */
    g_assert_cmpuint(irq.rises, ==, 2);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    g_assert_cmphex(get(C) & ~B_ALARM, ==, C_IRQ | 0x50);
    g_assert_cmpint(irq.level, ==, 0);
    g_assert_cmphex(get(C), ==, 0);
    /* A flag that stands when its interrupt is enabled interrupts at once. */
    set(B, B_24);
    seconds_pass(2);
    g_assert_cmpint(irq.level, ==, 0);
    set(B, B_24 | B_UPDATE);
    g_assert_cmpint(irq.level, ==, 1);
    set(B, B_24);
    g_assert_cmpint(irq.level, ==, 0);
    teardown();
}

static void alarm_at_a_time(void)
{
    setup();
    set(HOURS_ALARM, 0x00);
    set(MINUTES_ALARM, 0x01);
    set(SECONDS_ALARM, 0x30);
    get(C);
    set(B, B_24 | B_ALARM);
    step_ns(NS_PER_SECOND / 2); /* 23:59:51 */
    seconds_pass(98);
    g_assert_cmpint(irq.level, ==, 0);
    seconds_pass(1);
    g_assert_cmpint(irq.level, ==, 1);
    g_assert_cmpuint(alarm_pin.rises, ==, 1);
    g_assert_cmphex(get(C) & ~0x40, ==, C_IRQ | B_ALARM | 0x10);
    seconds_pass(86399);
    g_assert_cmpint(irq.level, ==, 0);
    seconds_pass(1);
    g_assert_cmpint(irq.level, ==, 1);
    teardown();
}

static void alarm_with_fields_that_do_not_matter(void)
{
    static const struct {
        uint8_t hours, minutes, seconds;
        int64_t first, second; /* seconds from 23:59:51 */
    } cases[] = {
        {0xff, 0xff, 0xff, 1, 2},
        {0xc0, 0xff, 0x55, 4, 64},
        {0xff, 0x10, 0x05, 9 + 605, 9 + 605 + 3600},
        {0x05, 0xff, 0xff, 9 + 5 * 3600, 9 + 5 * 3600 + 1},
        {0x23, 0x59, 0xff, 1, 2},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        setup();
        step_ns(NS_PER_SECOND / 2);
        set(HOURS_ALARM, cases[i].hours);
        set(MINUTES_ALARM, cases[i].minutes);
        set(SECONDS_ALARM, cases[i].seconds);
        get(C);
        set(B, B_24 | B_ALARM);
        step_ns(cases[i].first * NS_PER_SECOND - 1);
        g_assert_cmpint(irq.level, ==, 0);
        step_ns(1);
        g_assert_cmpint(irq.level, ==, 1);
        g_assert_cmphex(get(C) & B_ALARM, ==, B_ALARM);
        step_ns((cases[i].second - cases[i].first) * NS_PER_SECOND - 1);
        g_assert_cmpint(irq.level, ==, 0);
        step_ns(1);
        g_assert_cmpint(irq.level, ==, 1);
        teardown();
    }
}

static void impossible_alarm_never_comes(void)
{
    setup();
    set(SECONDS_ALARM, 0x61);
    set(MINUTES_ALARM, 0xff);
    set(HOURS_ALARM, 0xff);
    get(C);
    set(B, B_24 | B_ALARM);
    seconds_pass(3 * 86400);
    g_assert_cmpint(irq.level, ==, 0);
    g_assert_cmphex(get(C) & B_ALARM, ==, 0);
    teardown();
}

static void alarm_flag_is_found_without_an_interrupt(void)
{
    setup();
    set(HOURS_ALARM, 0xff);
    set(MINUTES_ALARM, 0xff);
    set(SECONDS_ALARM, 0x05);
    get(C);
    seconds_pass(10); /* 00:00:00 */
    g_assert_cmphex(get(C) & B_ALARM, ==, 0);
    seconds_pass(10);
    g_assert_cmphex(get(C) & (B_ALARM | C_IRQ), ==, B_ALARM);
    g_assert_cmpuint(alarm_pin.rises, ==, 0);
    teardown();
}

static void periodic_rates(void)
{
    static const struct {
        uint8_t rate;
        unsigned hertz;
    } cases[] = {{1, 256}, {2, 128}, {3, 8192}, {6, 1024}, {8, 256}, {13, 8}, {15, 2}};

    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        set(A, 0x70);
        set(A, 0x20 | cases[i].rate);
        get(C);
        set(B, B_24 | B_PERIODIC);
        unsigned count = 0;
        for (int64_t end = now_ns() + NS_PER_SECOND; now_ns() < end;) {
            clock_virtual_step_to(MIN(end, now_ns() + 61 * NS_PER_US));
            if (irq.level) {
                count++;
                g_assert_cmphex(get(C) & (C_IRQ | B_PERIODIC), ==, C_IRQ | B_PERIODIC);
            }
        }
        g_assert_cmpuint(count, ==, cases[i].hertz);
        set(B, B_24);
    }
    set(A, 0x20); /* rate 0: none */
    get(C);
    set(B, B_24 | B_PERIODIC);
    seconds_pass(10);
    g_assert_cmphex(get(C) & B_PERIODIC, ==, 0);
    teardown();
}

static void periodic_flag_is_found_by_polling(void)
{
    setup();
    get(C);
    step_ns(900 * NS_PER_US);
    get(C);
    step_ns(50 * NS_PER_US);
    g_assert_cmphex(get(C) & B_PERIODIC, ==, 0);
    step_ns(977 * NS_PER_US);
    g_assert_cmphex(get(C), ==, B_PERIODIC);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    teardown();
}

static unsigned ticks_taken(int64_t milliseconds)
{
    unsigned count = 0;

    for (int64_t i = 0; i < milliseconds * 10; i++) {
        step_ns(NS_PER_MS / 10);
        if (irq.level) {
            count++;
            get(C);
        }
    }
    return count;
}

static void slew_makes_up_for_lost_ticks(void)
{
    setup_with("slew");
    set(A, 0x2a); /* 64 Hz */
    get(C);
    set(B, B_24 | B_PERIODIC);
    g_assert_cmpuint(ticks_taken(1000), ==, 64);
    seconds_pass(1); /* nobody answers */
    g_assert_cmpuint(ticks_taken(4000), ==, 5 * 64);
    g_assert_cmpuint(ticks_taken(1000), ==, 64);
    teardown();
}

static void discard_forgets_lost_ticks(void)
{
    setup();
    set(A, 0x2a);
    get(C);
    set(B, B_24 | B_PERIODIC);
    g_assert_cmpuint(ticks_taken(1000), ==, 64);
    seconds_pass(1);
    unsigned taken = ticks_taken(4000);
    g_assert_cmpuint(taken, >=, 4 * 64);
    g_assert_cmpuint(taken, <=, 4 * 64 + 1);
    teardown();
}

static void unknown_policy_is_refused(void)
{
    g_autoptr(GError) error = NULL;

    fixture_setup();
    device = device_new(mc146818_get_type());
    g_assert_true(device_set_property_text(device, "lost_tick_policy", "merge", NULL));
    g_assert_false(device_realize_and_unref(device, machine, HW_BUS(isa), &error));
    g_assert_cmpstr(error->message, ==,
                    "Property 'mc146818rtc.lost_tick_policy' doesn't take value 'merge'");
    fixture_teardown();
}

static void reset_keeps_time_and_memory(void)
{
    setup();
    set(0x40, 0x5a);
    set(B, B_24 | B_PERIODIC | B_ALARM | B_UPDATE | B_SQUARE);
    seconds_pass(5);
    g_assert_cmpint(irq.level, ==, 1);
    device_reset(device);
    g_assert_cmpint(irq.level, ==, 0);
    g_assert_cmphex(get(B), ==, B_24);
    g_assert_cmphex(get(C), ==, 0);
    g_assert_cmphex(get(0x40), ==, 0x5a);
    g_assert_cmphex(get(SECONDS), ==, 0x55);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    teardown();
}

static void memory_is_shared_with_the_board(void)
{
    setup();
    mc146818_set_cmos(rtc, 0x5f, 3);
    g_assert_cmphex(get(0x5f), ==, 3);
    set(0x0f, 0xfe);
    g_assert_cmphex(mc146818_get_cmos(rtc, 0x0f), ==, 0xfe);
    mc146818_set_cmos(rtc, B, 0xff); /* registers are not the board's */
    g_assert_cmphex(get(B), ==, B_24);
    mc146818_set_cmos(rtc, 0x80, 1);
    g_assert_cmphex(mc146818_get_cmos(rtc, 0x80), ==, 0);
    outb(0x70, 0x80 | 0x5f);
    g_assert_true(mc146818_nmi_masked(rtc));
    g_assert_cmphex(inb(0x71), ==, 3);
    outb(0x70, 0x5f);
    g_assert_false(mc146818_nmi_masked(rtc));
    teardown();
}

static void nonsense_in_the_time_bytes_is_survived(void)
{
    setup();
    set(B, B_24 | B_SET);
    for (uint8_t i = 0; i < 10; i++) {
        set(i, 0xff);
    }
    set(CENTURY, 0xff);
    set(B, B_24 | B_ALARM | B_UPDATE);
    seconds_pass(2);
    g_assert_cmpint(get(SECONDS) >> 4, <, 6);
    g_assert_cmpint(get(MONTH), <=, 0x12);
    teardown();
}

static void state_survives_save_and_load(void)
{
    setup_with("slew");
    set(WEEKDAY, 0x03);
    set(0x40, 0x77);
    set(HOURS_ALARM, 0xff);
    set(MINUTES_ALARM, 0xff);
    set(SECONDS_ALARM, 0x05);
    set(A, 0x2a);
    set(B, B_24 | B_PERIODIC | B_ALARM);
    seconds_pass(2);
    g_assert_cmpint(irq.level, ==, 1);
    check_round_trip(device);
    g_assert_cmpint(irq.level, ==, 1);
    g_assert_cmphex(get(B), ==, B_24 | B_PERIODIC | B_ALARM);
    g_assert_cmphex(get(0x40), ==, 0x77);
    g_assert_cmphex(get(WEEKDAY), ==, 0x03);
    g_assert_cmphex(get(SECONDS), ==, 0x52);
    get(C);
    set(B, B_24 | B_ALARM);
    get(C);
    seconds_pass(13);
    g_assert_cmpuint(alarm_pin.rises, ==, 1);
    check_refused(device, "index", g_variant_new_byte(0x80));
    check_refused(device, "phase_ns", g_variant_new_int64(NS_PER_SECOND));
    check_refused(device, "offset_seconds", g_variant_new_int64(G_MAXINT64));
    check_refused(device, "seen_second", g_variant_new_int64(INT64_C(1) << 41));
    check_refused(device, "weekday_offset", g_variant_new_byte(7));
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/mc146818/power_on_values", power_on_values);
    g_test_add_func("/mc146818/starts_at_the_host_s_time_plus_offset",
                    starts_at_the_host_s_time_plus_offset);
    g_test_add_func("/mc146818/base_year_is_subtracted", base_year_is_subtracted);
    g_test_add_func("/mc146818/time_passes_and_carries", time_passes_and_carries);
    g_test_add_func("/mc146818/formats", formats);
    g_test_add_func("/mc146818/set_bit_holds_the_time", set_bit_holds_the_time);
    g_test_add_func("/mc146818/divider_reset_stops_the_clock", divider_reset_stops_the_clock);
    g_test_add_func("/mc146818/weekday_counts_from_what_was_written",
                    weekday_counts_from_what_was_written);
    g_test_add_func("/mc146818/update_in_progress_precedes_the_second",
                    update_in_progress_precedes_the_second);
    g_test_add_func("/mc146818/update_ended_interrupt", update_ended_interrupt);
    g_test_add_func("/mc146818/alarm_at_a_time", alarm_at_a_time);
    g_test_add_func("/mc146818/alarm_with_fields_that_do_not_matter",
                    alarm_with_fields_that_do_not_matter);
    g_test_add_func("/mc146818/impossible_alarm_never_comes", impossible_alarm_never_comes);
    g_test_add_func("/mc146818/alarm_flag_is_found_without_an_interrupt",
                    alarm_flag_is_found_without_an_interrupt);
    g_test_add_func("/mc146818/periodic_rates", periodic_rates);
    g_test_add_func("/mc146818/periodic_flag_is_found_by_polling",
                    periodic_flag_is_found_by_polling);
    g_test_add_func("/mc146818/slew_makes_up_for_lost_ticks", slew_makes_up_for_lost_ticks);
    g_test_add_func("/mc146818/discard_forgets_lost_ticks", discard_forgets_lost_ticks);
    g_test_add_func("/mc146818/unknown_policy_is_refused", unknown_policy_is_refused);
    g_test_add_func("/mc146818/reset_keeps_time_and_memory", reset_keeps_time_and_memory);
    g_test_add_func("/mc146818/memory_is_shared_with_the_board", memory_is_shared_with_the_board);
    g_test_add_func("/mc146818/nonsense_in_the_time_bytes_is_survived",
                    nonsense_in_the_time_bytes_is_survived);
    g_test_add_func("/mc146818/state_survives_save_and_load", state_survives_save_and_load);
    return g_test_run();
}
