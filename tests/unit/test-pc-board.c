/*
 * The whole PC in one process, with the qtest accelerator: every chip's state is saved, spoilt by a reset,
 * loaded and saved again; what does not fit is refused; run-state requests are carried out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "util/clock.h"
#include "util/machine_lock.h"

static Machine *machine;

static void build_pc(void)
{
    g_autoptr(GError) error = NULL;
    Accel *accel;
    MachineConfig *config;

    machine = machine_new("pc", &error);
    g_assert_no_error(error);
    accel = accel_new("qtest", &error);
    g_assert_no_error(error);
    machine_set_accel(machine, accel);
    g_object_unref(accel);
    config = machine_config(machine);
    config->ram_size = 16 << 20;
    config->rtc_clock = RTC_CLOCK_VM; /* the only clock that stands still between two saves */
    config->smp = (SmpConfig){2, 2, 2, 1, 1, 1};
    g_assert_true(machine_build(machine, &error));
    g_assert_true(machine_finish(machine, &error));
    machine_reset(machine);
}

static void outb(uint16_t port, uint8_t value)
{
    address_space_store(machine_io(machine), port, value, 1);
}

static void outl(uint16_t port, uint32_t value)
{
    address_space_store(machine_io(machine), port, value, 4);
}

static uint8_t inb(uint16_t port)
{
    return (uint8_t)address_space_load(machine_io(machine), port, 1);
}

/* Something in every chip that differs from its reset value. */
static void use_all_chips(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
    } writes[] = {
        {0x20, 0x11}, {0x21, 0x30}, {0x21, 0x04}, {0x21, 0x01}, {0x21, 0xfa}, /* 8259 */
        {0xa0, 0x11}, {0xa1, 0x38}, {0xa1, 0x02}, {0xa1, 0x01}, {0xa1, 0xfe},
        {0x43, 0x34}, {0x40, 0x9c}, {0x40, 0x2e},                             /* 8254 channel 0 */
        {0x61, 0x03}, {0x70, 0x0b}, {0x71, 0x42}, {0x70, 0x3e}, {0x71, 0x99}, /* speaker, RTC */
        {0x4d0, 0x20}, {0x92, 0x02},                                          /* ELCR, port 92 */
        {0x64, 0x60}, {0x60, 0x47},                                           /* i8042 */
        {0xb2, 0xf1},                                                         /* ACPI on */
    };
    Device *ioapic = machine_find_device(machine, "ioapic");

    for (unsigned i = 0; i < G_N_ELEMENTS(writes); i++) {
        outb(writes[i].port, writes[i].value);
    }
    outl(0xcf8, 0x80000058); /* PAM: F0000 read-write */
    outl(0xcfc, 0x00003000);
    outl(0xcf8, 0x80000860); /* PIRQA to 11 */
    outl(0xcfc, 0x8080800b);
    address_space_store(machine_memory(machine), 0xfec00000, 0x14, 4);
    address_space_store(machine_memory(machine), 0xfec00010, 0x8041, 4);
    address_space_store(machine_memory(machine), 0xfed00010, 1, 4); /* HPET on */
    irq_raise(device_get_irq_in(ioapic, NULL, 2));
    clock_virtual_step_to(clock_get_ns(CLOCK_VIRTUAL) + 5 * NS_PER_MS);
}

static GVariant *saved(void)
{
    return g_variant_ref_sink(machine_save(machine));
}

static void every_chip_comes_back_as_it_was_saved(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) before = NULL;
    g_autoptr(GVariant) reset = NULL;
    g_autoptr(GVariant) after = NULL;

    build_pc();
    use_all_chips();
    g_assert_cmphex(inb(0x21), ==, 0xfa);
    before = saved();
    machine_reset(machine);
    g_assert_cmphex(inb(0x4d0), ==, 0);
    reset = saved();
    g_assert_false(g_variant_equal(before, reset));
    g_assert_true(machine_load(machine, before, &error));
    g_assert_no_error(error);
    g_assert_cmphex(inb(0x21), ==, 0xfa);
    g_assert_cmphex(inb(0x4d0), ==, 0x20);
    outb(0x70, 0x3e);
    g_assert_cmphex(inb(0x71), ==, 0x99);
    /* F0000 is RAM again: a write stays. */
    address_space_store(machine_memory(machine), 0xf0000, 0x5a, 1);
    g_assert_cmphex(address_space_load(machine_memory(machine), 0xf0000, 1), ==, 0x5a);
    outb(0x70, 0x0b); /* the index as it was saved */
    after = saved();
    g_assert_true(machine_load(machine, after, &error));
    machine_destroy(machine);
}

static void assert_same_state(GVariant *a, GVariant *b)
{
    g_autofree char *left = g_variant_print(a, FALSE);
    g_autofree char *right = g_variant_print(b, FALSE);
    size_t i = 0;

    while (left[i] && left[i] == right[i]) {
        i++;
    }
    if (left[i] || right[i]) {
        i -= MIN(i, 120);
        g_test_message("saved:  …%.240s", left + i);
        g_test_message("loaded: …%.240s", right + i);
        g_test_fail();
    }
}

/* A second load of the same state gives the same state: nothing depends on what was there before. */
static void load_does_not_depend_on_the_state_before(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) before = NULL;
    g_autoptr(GVariant) first = NULL;
    g_autoptr(GVariant) second = NULL;

    build_pc();
    use_all_chips();
    before = saved();
    g_assert_true(machine_load(machine, before, &error));
    first = saved();
    machine_reset(machine);
    g_assert_true(machine_load(machine, before, &error));
    second = saved();
    assert_same_state(before, first);
    assert_same_state(first, second);
    machine_destroy(machine);
}

static void state_of_another_machine_is_refused(void)
{
    static const char *const rows[] = {
        "('pc-i440fx-2.4', int64 0, @a{sv} {}, @a{sv} {}, <true>, @av [])",
        "('pc-i440fx-8.2', int64 0, @a{sv} {}, @a{sv} {}, <true>, @av [])",
        "('pc-i440fx-8.2', int64 0)",
        "'nonsense'",
    };

    build_pc();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) state = g_variant_parse(NULL, rows[i], NULL, NULL, NULL);

        g_assert_nonnull(state);
        g_assert_false(machine_load(machine, state, &error));
        g_assert_nonnull(error);
    }
    machine_destroy(machine);
}

static GString *events;

static void note_event(RunEvent event, void *opaque)
{
    static const char letters[] = {
        [RUN_EVENT_STOP] = 's',     [RUN_EVENT_RESUME] = 'r',  [RUN_EVENT_POWERDOWN] = 'p',
        [RUN_EVENT_SHUTDOWN] = 'd', [RUN_EVENT_RESET] = 'R',   [RUN_EVENT_SUSPEND] = 'z',
        [RUN_EVENT_WAKEUP] = 'w',   [RUN_EVENT_WAKEUP_DONE] = 'W', [RUN_EVENT_GUEST_PANICKED] = 'c',
        [RUN_EVENT_EXIT] = 'x',
    };

    g_string_append_c(events, letters[event]);
}

static gboolean end_loop(gpointer opaque)
{
    run_state_request_shutdown(SHUTDOWN_CAUSE_HOST_SIGNAL);
    return G_SOURCE_REMOVE;
}

static void requests_become_events_in_order(void)
{
    g_autoptr(GError) error = NULL;

    build_pc();
    events = g_string_new(NULL);
    run_state_add_handler(note_event, NULL);
    g_assert_true(run_state_start(&error));
    g_assert_true(run_state_is_running());
    outb(0xcf9, 0x06);
    run_state_request_powerdown();
    g_timeout_add(1, end_loop, NULL);
    g_assert_cmpint(run_state_loop(machine), ==, 0);
    g_assert_cmpstr(events->str, ==, "rRpdx");
    g_assert_cmpint(run_state_last_shutdown_cause(), ==, SHUTDOWN_CAUSE_HOST_SIGNAL);
    run_state_remove_handler(note_event, NULL);
    g_string_free(events, TRUE);
    machine_destroy(machine);
}

static uint64_t told_crash[HYPERV_CRASH_PARAMETERS];
static unsigned panics, crashes;

static void note_panic(RunEvent event, void *opaque)
{
    if (event == RUN_EVENT_GUEST_PANICKED) {
        panics++;
        crashes += run_state_hyperv_crash(told_crash);
    }
}

/* What a Hyper-V guest wrote before its panic is told with that one and no other. */
static void a_crash_is_told_with_its_panic(void)
{
    const uint64_t parameters[HYPERV_CRASH_PARAMETERS] = {0x1e, 2, 3, 4, UINT64_MAX};
    int before = run_state_actions()->panic;

    build_pc();
    run_state_add_handler(note_panic, NULL);
    run_state_actions()->panic = PANIC_NONE;
    run_state_note_hyperv_crash(parameters);
    run_state_guest_panicked("test");
    run_state_process_requests();
    g_assert_cmpuint(panics, ==, 1);
    g_assert_cmpuint(crashes, ==, 1);
    g_assert_cmpmem(told_crash, sizeof(told_crash), parameters, sizeof(parameters));
    run_state_guest_panicked("test");
    run_state_process_requests();
    g_assert_cmpuint(panics, ==, 2);
    g_assert_cmpuint(crashes, ==, 1);
    run_state_actions()->panic = before;
    run_state_remove_handler(note_panic, NULL);
    machine_destroy(machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    device_types_init();
    clock_virtual_set_manual();
    timers_init();
    machine_lock();
    g_test_add_func("/pc-board/every_chip_comes_back_as_it_was_saved",
                    every_chip_comes_back_as_it_was_saved);
    g_test_add_func("/pc-board/load_does_not_depend_on_the_state_before",
                    load_does_not_depend_on_the_state_before);
    g_test_add_func("/pc-board/a_crash_is_told_with_its_panic", a_crash_is_told_with_its_panic);
    g_test_add_func("/pc-board/state_of_another_machine_is_refused",
                    state_of_another_machine_is_refused);
    g_test_add_func("/pc-board/requests_become_events_in_order", requests_become_events_in_order);
    return g_test_run();
}
