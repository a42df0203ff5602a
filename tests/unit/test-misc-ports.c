/*
 * pvpanic, isa-debug-exit and port 92: what a guest writes and what the machine is asked to do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chip-fixture.h"
#include "hw/core/run_state.h"
#include "hw/misc/pvpanic.h"

static unsigned resets, panics, shutdowns;

static void count_event(RunEvent event, void *opaque)
{
    resets += event == RUN_EVENT_RESET;
    panics += event == RUN_EVENT_GUEST_PANICKED;
    shutdowns += event == RUN_EVENT_SHUTDOWN;
}

/*
 * Lets the run state carry out what chips asked for: main() has ended its loop, so that it goes
 * round once only.
 */
static int carry_out_requests(void)
{
    return run_state_loop(machine);
}

static Device *plug(const char *type)
{
    Device *device = device_new_by_name(type, NULL);

    g_assert_nonnull(device);
    fixture_plug(device, HW_BUS(isa));
    return device;
}

static void test_debug_exit_ends_with_twice_the_value_and_one(void)
{
    fixture_setup();
    plug("isa-debug-exit");
    g_assert_cmphex(inb(0x501), ==, 0);
    out_port(0x501, 0x10, 1);
    g_assert_cmpint(carry_out_requests(), ==, 0x21);
    out_port(0x501, 0x7f, 2);
    g_assert_cmpint(carry_out_requests(), ==, 0xff);
    out_port(0x501, 0x80, 2); /* a status has eight bits */
    g_assert_cmpint(carry_out_requests(), ==, 0x01);
    fixture_teardown();
}

static void test_debug_exit_must_fit_the_port_space(void)
{
    Device *device = device_new_by_name("isa-debug-exit", NULL);
    g_autoptr(GError) error = NULL;

    fixture_setup();
    g_assert_true(device_set_property_text(device, "iobase", "0xffff", NULL));
    g_assert_false(device_realize_and_unref(device, machine, HW_BUS(isa), &error));
    g_assert_cmpstr(error->message, ==,
                    "isa-debug-exit: iosize 2 does not fit behind iobase 0xffff");
    g_clear_error(&error);
    device = device_new_by_name("isa-debug-exit", NULL);
    g_assert_false(device_set_property_text(device, "iosize", "8", &error));
    g_object_unref(device);
    fixture_teardown();
}

static void test_pvpanic_tells_its_events_and_reports_a_panic(void)
{
    Device *device;

    fixture_setup();
    run_state_add_handler(count_event, NULL);
    run_state_actions()->panic = PANIC_NONE;
    device = plug("pvpanic");
    g_assert_cmphex(inb(0x505), ==, PVPANIC_EVENTS);
    check_round_trip(device);
    outb(0x505, PVPANIC_CRASH_LOADED);
    outb(0x505, 0xf8); /* nothing we know */
    carry_out_requests();
    g_assert_cmpuint(panics, ==, 0);
    outb(0x505, PVPANIC_PANICKED);
    carry_out_requests();
    g_assert_cmpuint(panics, ==, 1);
    run_state_remove_handler(count_event, NULL);
    fixture_teardown();
}

static void test_pvpanic_events_that_are_off_do_nothing(void)
{
    Device *device = device_new_by_name("pvpanic", NULL);

    fixture_setup();
    run_state_add_handler(count_event, NULL);
    panics = 0;
    g_assert_true(device_set_property_text(device, "events", "2", NULL));
    g_assert_true(device_set_property_text(device, "ioport", "0x600", NULL));
    fixture_plug(device, HW_BUS(isa));
    g_assert_cmphex(inb(0x600), ==, 2);
    g_assert_cmphex(inb(0x505), ==, 0xff);
    outb(0x600, PVPANIC_PANICKED);
    carry_out_requests();
    g_assert_cmpuint(panics, ==, 0);
    run_state_remove_handler(count_event, NULL);
    fixture_teardown();
}

static void test_port92_drives_a20_and_resets_on_a_rising_bit(void)
{
    Device *device = device_new_by_name("port92", NULL);
    Wire a20;

    fixture_setup();
    run_state_add_handler(count_event, NULL);
    resets = 0;
    wire_attach(&a20, device, "a20", 0);
    fixture_plug(device, HW_BUS(isa));
    g_assert_cmphex(inb(0x92), ==, 0);
    outb(0x92, 0x02);
    g_assert_cmpint(a20.level, ==, 1);
    g_assert_cmphex(inb(0x92), ==, 0x02);
    check_round_trip(device);
    g_assert_cmpint(a20.level, ==, 1);
    outb(0x92, 0x00);
    g_assert_cmpint(a20.level, ==, 0);
    carry_out_requests();
    g_assert_cmpuint(resets, ==, 0);
    outb(0x92, 0x01);
    outb(0x92, 0x01);
    carry_out_requests();
    g_assert_cmpuint(resets, ==, 1);
    g_assert_cmphex(inb(0x92), ==, 0);
    wire_detach(&a20, device, "a20", 0);
    run_state_remove_handler(count_event, NULL);
    fixture_teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    run_state_request_exit(0);
    run_state_loop(NULL);
    g_test_add_func("/debug-exit/status", test_debug_exit_ends_with_twice_the_value_and_one);
    g_test_add_func("/debug-exit/ports", test_debug_exit_must_fit_the_port_space);
    g_test_add_func("/pvpanic/panic", test_pvpanic_tells_its_events_and_reports_a_panic);
    g_test_add_func("/pvpanic/events", test_pvpanic_events_that_are_off_do_nothing);
    g_test_add_func("/port92", test_port92_drives_a20_and_resets_on_a_rising_bit);
    return g_test_run();
}
