/*
 * The HPET: identity, counter, one-shot and periodic comparators, 32-bit mode, level, FSB, legacy
 * replacement.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chip-fixture.h"
#include "hw/timer/hpet.h"

#define BASE       0xfed00000u
#define CONFIG     (BASE + 0x010)
#define STATUS     (BASE + 0x020)
#define COUNTER    (BASE + 0x0f0)
#define TIMER(n)   (BASE + 0x100 + 0x20 * (n))
#define COMPARE(n) (TIMER(n) + 8)
#define FSB(n)     (TIMER(n) + 0x10)

enum {
    LEVEL = 0x0002,
    ENABLE = 0x0004,
    PERIODIC = 0x0008,
    SET_VALUE = 0x0040,
    BITS32 = 0x0100,
    FSB_ENABLE = 0x4000,
};

#define ROUTE(gsi) ((gsi) << 9)

static Device *device;
static Wire gsi[24];
static Wire pit_enable;

static void setup_with(const char *property, const char *value)
{
    fixture_setup();
    device = device_new(hpet_get_type());
    if (property) {
        g_assert_true(device_set_property_text(device, property, value, NULL));
    }
    for (int i = 0; i < 24; i++) {
        wire_attach(&gsi[i], device, NULL, i);
    }
    wire_attach(&pit_enable, device, "pit-enable", 0);
    fixture_plug(device, NULL);
}

static void setup(void)
{
    setup_with("hpet-intcap", "0xff0104");
}

static void teardown(void)
{
    for (int i = 0; i < 24; i++) {
        wire_detach(&gsi[i], device, NULL, i);
    }
    wire_detach(&pit_enable, device, "pit-enable", 0);
    fixture_teardown();
}

static void ticks(int64_t n)
{
    step_ns(n * 10);
}

static void identity_and_reset_values(void)
{
    setup_with(NULL, NULL);
    g_assert_cmphex(readq(BASE), ==, UINT64_C(0x009896808086a201));
    g_assert_cmphex(readl(BASE), ==, 0x8086a201);
    g_assert_cmphex(readl(BASE + 4), ==, 10000000); /* femtoseconds */
    g_assert_cmphex(readq(CONFIG), ==, 0);
    g_assert_cmphex(readq(STATUS), ==, 0);
    g_assert_cmphex(readq(COUNTER), ==, 0);
    for (unsigned n = 0; n < 3; n++) {
        g_assert_cmphex(readq(TIMER(n)), ==, UINT64_C(0x400000030));
        g_assert_cmphex(readq(COMPARE(n)), ==, UINT64_MAX);
        g_assert_cmphex(readq(FSB(n)), ==, 0);
    }
    g_assert_cmphex(readq(TIMER(3)), ==, 0);
    g_assert_cmpint(pit_enable.level, ==, 1);
    teardown();
}

static void properties_shape_the_block(void)
{
    setup_with("timers", "32");
    g_assert_cmphex(readl(BASE), ==, 0x8086bf01);
    g_assert_cmphex(readq(COMPARE(31)), ==, UINT64_MAX);
    teardown();
    setup_with("msi", "on");
    g_assert_cmphex(readl(TIMER(0)), ==, 0x8030);
    teardown();
    device = device_new(hpet_get_type());
    g_assert_false(device_set_property_text(device, "timers", "33", NULL));
    g_assert_false(device_set_property_text(device, "timers", "2", NULL));
    g_object_unref(device);
}

static void counter_runs_while_enabled(void)
{
    setup();
    writeq(COUNTER, UINT64_C(0xfffffffe));
    ticks(100);
    g_assert_cmphex(readq(COUNTER), ==, 0xfffffffe);
    writel(CONFIG, 1);
    ticks(5);
    g_assert_cmphex(readq(COUNTER), ==, UINT64_C(0x100000003));
    g_assert_cmphex(readl(COUNTER), ==, 3);
    g_assert_cmphex(readl(COUNTER + 4), ==, 1);
    writel(CONFIG, 0);
    ticks(1000);
    g_assert_cmphex(readq(COUNTER), ==, UINT64_C(0x100000003));
    writel(COUNTER + 4, 7); /* a half at a time */
    g_assert_cmphex(readq(COUNTER), ==, UINT64_C(0x700000003));
    teardown();
}

static void one_shot_edge(void)
{
    setup();
    writel(TIMER(0), ENABLE | ROUTE(16));
    writeq(COMPARE(0), 1000);
    writel(CONFIG, 1);
    ticks(999);
    g_assert_cmpuint(gsi[16].rises, ==, 0);
    ticks(1);
    g_assert_cmpuint(gsi[16].rises, ==, 1);
    g_assert_cmpint(gsi[16].level, ==, 0);
    g_assert_cmphex(readl(STATUS), ==, 0); /* edges leave no status */
    ticks(100000);
    g_assert_cmpuint(gsi[16].rises, ==, 1);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    writeq(COMPARE(0), readq(COUNTER) + 50);
    ticks(50);
    g_assert_cmpuint(gsi[16].rises, ==, 2);
    writeq(COMPARE(0), readq(COUNTER) - 1); /* gone by: not before the counter comes round */
    ticks(1000000);
    g_assert_cmpuint(gsi[16].rises, ==, 2);
    teardown();
}

static void disabled_interrupt_arms_nothing(void)
{
    setup();
    writeq(COMPARE(0), 1000);
    writel(CONFIG, 1);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    writel(TIMER(0), ENABLE | ROUTE(16));
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), >=, 0);
    writel(CONFIG, 0);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    teardown();
}

static void periodic_as_linux_programs_it(void)
{
    setup();
    writel(CONFIG, 0);
    writel(COUNTER, 0);
    writel(COUNTER + 4, 0);
    writel(CONFIG, 1);
    ticks(500);
    writel(TIMER(0), ENABLE | PERIODIC | SET_VALUE | BITS32 | ROUTE(2));
    writel(COMPARE(0), readl(COUNTER) + 100000);
    writel(COMPARE(0), 100000);
    g_assert_cmphex(readl(TIMER(0)) & SET_VALUE, ==, 0);
    g_assert_cmpuint(readl(COMPARE(0)), ==, 100500);
    ticks(99999);
    g_assert_cmpuint(gsi[2].rises, ==, 0);
    ticks(1);
    g_assert_cmpuint(gsi[2].rises, ==, 1);
    g_assert_cmpuint(readl(COMPARE(0)), ==, 200500);
    ticks(INT64_C(100000) * 100000);
    g_assert_cmpuint(gsi[2].rises, ==, 100001);
    writel(TIMER(0), PERIODIC | BITS32 | ROUTE(2)); /* unwatched, it advances all the same */
    ticks(1000000);
    g_assert_cmpuint(gsi[2].rises, ==, 100001);
    g_assert_cmpuint(readl(COMPARE(0)) - readl(COUNTER), ==, 100000);
    teardown();
}

static void late_service_keeps_the_grid(void)
{
    setup();
    writel(TIMER(0), ENABLE | PERIODIC | SET_VALUE | ROUTE(2));
    writeq(COMPARE(0), 100000);
    writel(CONFIG, 1);
    clock_virtual_set_ns(now_ns() + 10 * 350000);
    /* The guest looks before the main loop: the interrupt comes first, the grid stays. */
    g_assert_cmpuint(readq(COMPARE(0)), ==, 400000);
    g_assert_cmpuint(gsi[2].rises, ==, 1);
    ticks(50000);
    g_assert_cmpuint(gsi[2].rises, ==, 2);
    teardown();
}

static void too_short_a_period_does_not_swamp_the_host(void)
{
    setup();
    writel(TIMER(0), ENABLE | PERIODIC | SET_VALUE | ROUTE(2));
    writeq(COMPARE(0), 1);
    writel(CONFIG, 1);
    step_ns(NS_PER_MS);
    g_assert_cmpuint(gsi[2].rises, >=, 90);
    g_assert_cmpuint(gsi[2].rises, <=, 101);
    writel(TIMER(0), ENABLE | PERIODIC | SET_VALUE | ROUTE(2));
    writeq(COMPARE(0), 0); /* no period: no match but the counter's own */
    unsigned before = gsi[2].rises;
    step_ns(NS_PER_MS);
    g_assert_cmpuint(gsi[2].rises, ==, before);
    teardown();
}

static void comparator_of_32_bits_matches_at_each_wrap(void)
{
    setup();
    writel(TIMER(1), ENABLE | BITS32 | ROUTE(17));
    writeq(COMPARE(1), UINT64_C(0x5500000010)); /* the high half is not there */
    g_assert_cmphex(readq(COMPARE(1)), ==, 0x10);
    writeq(COUNTER, 0xfffffff0);
    writel(CONFIG, 1);
    ticks(0x1f);
    g_assert_cmpuint(gsi[17].rises, ==, 0);
    ticks(1);
    g_assert_cmpuint(gsi[17].rises, ==, 1);
    ticks(INT64_C(0x100000000) - 1);
    g_assert_cmpuint(gsi[17].rises, ==, 1);
    ticks(1);
    g_assert_cmpuint(gsi[17].rises, ==, 2);
    teardown();
}

static void level_stays_until_its_status_is_cleared(void)
{
    setup();
    writel(TIMER(2), ENABLE | LEVEL | ROUTE(18));
    writeq(COMPARE(2), 100);
    writel(CONFIG, 1);
    ticks(100);
    g_assert_cmpint(gsi[18].level, ==, 1);
    g_assert_cmphex(readl(STATUS), ==, 4);
    writel(STATUS, 3);
    g_assert_cmpint(gsi[18].level, ==, 1);
    writel(TIMER(2), ENABLE | LEVEL | ROUTE(19)); /* the line moves along */
    g_assert_cmpint(gsi[18].level, ==, 0);
    g_assert_cmpint(gsi[19].level, ==, 1);
    writel(TIMER(2), LEVEL | ROUTE(19)); /* no interrupt, the status stays */
    g_assert_cmpint(gsi[19].level, ==, 0);
    g_assert_cmphex(readl(STATUS), ==, 4);
    writel(TIMER(2), ENABLE | LEVEL | ROUTE(19));
    g_assert_cmpint(gsi[19].level, ==, 1);
    writel(STATUS, 4);
    g_assert_cmpint(gsi[19].level, ==, 0);
    g_assert_cmphex(readl(STATUS), ==, 0);
    teardown();
}

static void level_without_interrupt_still_sets_status(void)
{
    setup();
    writel(TIMER(2), LEVEL | ROUTE(18));
    writeq(COMPARE(2), 100);
    writel(CONFIG, 1);
    ticks(100);
    g_assert_cmphex(readl(STATUS), ==, 4);
    g_assert_cmpint(gsi[18].level, ==, 0);
    teardown();
}

static void shared_level_line_is_ored(void)
{
    setup();
    for (unsigned n = 0; n < 2; n++) {
        writel(TIMER(n), ENABLE | LEVEL | ROUTE(20));
        writeq(COMPARE(n), 100);
    }
    writel(CONFIG, 1);
    ticks(100);
    writel(STATUS, 1);
    g_assert_cmpint(gsi[20].level, ==, 1);
    writel(STATUS, 2);
    g_assert_cmpint(gsi[20].level, ==, 0);
    teardown();
}

static void route_that_is_not_there_is_not_taken(void)
{
    setup();
    writel(TIMER(0), ROUTE(16));
    writel(TIMER(0), ROUTE(5) | ENABLE);
    g_assert_cmphex(readl(TIMER(0)), ==, 0x30 | ROUTE(16) | ENABLE);
    writel(TIMER(0), 0xffffffff); /* what is read-only stays, FSB is not there */
    g_assert_cmphex(readl(TIMER(0)), ==, 0x30 | ROUTE(16) | 0x14e);
    g_assert_cmphex(readl(TIMER(0) + 4), ==, 0xff0104);
    teardown();
}

static void fsb_sends_a_message(void)
{
    setup_with("msi", "on");
    writeq(FSB(0), UINT64_C(0xfee0100000004045));
    g_assert_cmphex(readq(FSB(0)), ==, UINT64_C(0xfee0100000004045));
    writel(TIMER(0), ENABLE | FSB_ENABLE);
    writeq(COMPARE(0), 100);
    writel(CONFIG, 1);
    ticks(100);
    g_assert_cmpuint(accel->messages->len, ==, 1);
    MsiMessage message = g_array_index(accel->messages, MsiMessage, 0);
    g_assert_cmphex(message.address, ==, 0xfee01000);
    g_assert_cmphex(message.data, ==, 0x4045);
    g_assert_cmpuint(gsi[2].rises, ==, 0);
    writeq(FSB(0), UINT64_C(0x0010000000000001)); /* an address that is no message window */
    writeq(COMPARE(0), 200);
    ticks(100);
    g_assert_cmpuint(accel->messages->len, ==, 1);
    teardown();
}

static void legacy_replacement_takes_lines_0_and_8(void)
{
    IRQLine *pit, *rtc;

    setup();
    pit = device_get_irq_in(device, "pit", 0);
    rtc = device_get_irq_in(device, "rtc", 0);
    irq_set(pit, 1);
    irq_set(rtc, 1);
    g_assert_cmpint(gsi[0].level, ==, 1);
    g_assert_cmpint(gsi[8].level, ==, 1);
    writel(TIMER(0), ENABLE | ROUTE(16));
    writeq(COMPARE(0), 100);
    writel(TIMER(1), ENABLE | ROUTE(17));
    writeq(COMPARE(1), 200);
    writel(CONFIG, 3);
    g_assert_cmpint(pit_enable.level, ==, 0);
    g_assert_cmpint(gsi[0].level, ==, 0);
    g_assert_cmpint(gsi[8].level, ==, 0);
    irq_set(pit, 0);
    irq_set(pit, 1);
    g_assert_cmpint(gsi[0].level, ==, 0);
    unsigned line0 = gsi[0].rises, line8 = gsi[8].rises;
    ticks(100);
    g_assert_cmpuint(gsi[0].rises, ==, line0 + 1);
    ticks(100);
    g_assert_cmpuint(gsi[8].rises, ==, line8 + 1);
    g_assert_cmpuint(gsi[16].rises + gsi[17].rises, ==, 0);
    irq_set(rtc, 0);
    writel(CONFIG, 1);
    g_assert_cmpint(pit_enable.level, ==, 1);
    g_assert_cmpint(gsi[0].level, ==, 1); /* what the PIT says now */
    g_assert_cmpint(gsi[8].level, ==, 0);
    teardown();
}

static void reset_gives_the_pit_its_line_back(void)
{
    setup();
    writel(TIMER(0), ENABLE | LEVEL);
    writeq(COMPARE(0), 10);
    writel(CONFIG, 3);
    ticks(10);
    g_assert_cmpint(gsi[0].level, ==, 1);
    device_reset(device);
    g_assert_cmpint(gsi[0].level, ==, 0);
    g_assert_cmpint(pit_enable.level, ==, 1);
    g_assert_cmphex(readl(CONFIG), ==, 0);
    ticks(1000);
    g_assert_cmphex(readq(COUNTER), ==, 0);
    teardown();
}

static void state_survives_save_and_load(void)
{
    setup();
    writel(TIMER(0), ENABLE | PERIODIC | SET_VALUE | BITS32 | ROUTE(2));
    writel(COMPARE(0), 100000);
    writel(TIMER(2), ENABLE | LEVEL | ROUTE(18));
    writeq(COMPARE(2), 100);
    writel(CONFIG, 1);
    ticks(1000);
    unsigned before = gsi[2].rises;
    uint64_t counter = readq(COUNTER);
    check_round_trip(device);
    g_assert_cmphex(readq(COUNTER), ==, counter);
    g_assert_cmpint(gsi[18].level, ==, 1);
    ticks(99000);
    g_assert_cmpuint(gsi[2].rises, ==, before + 1);
    ticks(100000);
    g_assert_cmpuint(gsi[2].rises, ==, before + 2);
    check_refused(device, "timer_count", g_variant_new_uint32(32));
    check_refused(device, "config", g_variant_new_uint64(4));
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/hpet/identity_and_reset_values", identity_and_reset_values);
    g_test_add_func("/hpet/properties_shape_the_block", properties_shape_the_block);
    g_test_add_func("/hpet/counter_runs_while_enabled", counter_runs_while_enabled);
    g_test_add_func("/hpet/one_shot_edge", one_shot_edge);
    g_test_add_func("/hpet/disabled_interrupt_arms_nothing", disabled_interrupt_arms_nothing);
    g_test_add_func("/hpet/periodic_as_linux_programs_it", periodic_as_linux_programs_it);
    g_test_add_func("/hpet/late_service_keeps_the_grid", late_service_keeps_the_grid);
    g_test_add_func("/hpet/too_short_a_period_does_not_swamp_the_host",
                    too_short_a_period_does_not_swamp_the_host);
    g_test_add_func("/hpet/comparator_of_32_bits_matches_at_each_wrap",
                    comparator_of_32_bits_matches_at_each_wrap);
    g_test_add_func("/hpet/level_stays_until_its_status_is_cleared",
                    level_stays_until_its_status_is_cleared);
    g_test_add_func("/hpet/level_without_interrupt_still_sets_status",
                    level_without_interrupt_still_sets_status);
    g_test_add_func("/hpet/shared_level_line_is_ored", shared_level_line_is_ored);
    g_test_add_func("/hpet/route_that_is_not_there_is_not_taken",
                    route_that_is_not_there_is_not_taken);
    g_test_add_func("/hpet/fsb_sends_a_message", fsb_sends_a_message);
    g_test_add_func("/hpet/legacy_replacement_takes_lines_0_and_8",
                    legacy_replacement_takes_lines_0_and_8);
    g_test_add_func("/hpet/reset_gives_the_pit_its_line_back", reset_gives_the_pit_its_line_back);
    g_test_add_func("/hpet/state_survives_save_and_load", state_survives_save_and_load);
    return g_test_run();
}
