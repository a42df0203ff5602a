/*
 * Requests to the guest through xenstore, and the machine's power-down by them: a guest that
 * answers, one that does not, one that never said it listens; and the ACPI power button behind it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/xen_control.h"

#include <errno.h>
#include <string.h>

#include "chip-fixture.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/core/run_state.h"
#include "hw/pci/pci.h"
#include "hw/xen/store_client.h"

#define DOMAIN   7
#define CONTROL  "/local/domain/7/control/"
#define SHUTDOWN CONTROL "shutdown"

static XenStore *store;
static StoreClient *tools, *guest;
static XenControl *control;
static unsigned buttons;

static void count_buttons(RunEvent event, void *opaque)
{
    buttons += event == RUN_EVENT_POWERDOWN;
}

/* A node as libxl makes them. */
static void make_node(const char *path, const char *value, bool guests_own)
{
    const StorePermission permissions[] = {{guests_own ? DOMAIN : 0, STORE_ACCESS_NONE},
                                           {DOMAIN, STORE_ACCESS_READ}};
    GError *error = NULL;

    store_client_write(tools, 0, path, value, strlen(value), &error);
    g_assert_no_error(error);
    store_client_set_permissions(tools, 0, path, permissions, guests_own ? 1 : 2, &error);
    g_assert_no_error(error);
}

static void make_tree(void)
{
    static const char *const features[] = {"poweroff", "reboot", "suspend", "s3", "s4"};

    make_node("/local/domain/7", "", false);
    make_node("/local/domain/7/control", "", false);
    make_node(SHUTDOWN, "", true);
    make_node(CONTROL "sysrq", "", true);
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        g_autofree char *path = g_strconcat(CONTROL "feature-", features[i], NULL);
        make_node(path, "", true);
    }
    make_node("/local/domain/7/memory/static-max", "262144", false);
    make_node("/local/domain/7/memory/target", "262144", false);
}

static void guest_writes(const char *path, const char *value)
{
    GError *error = NULL;

    store_client_write(guest, 0, path, value, strlen(value), &error);
    g_assert_no_error(error);
}

static void check_node(const char *path, const char *expected)
{
    g_autofree char *value = store_client_read(guest, 0, path, NULL, NULL);

    g_assert_cmpstr(value, ==, expected);
}

static void settle(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static void setup(void)
{
    GError *error = NULL;

    fixture_setup();
    buttons = 0;
    store = store_new();
    g_assert_true(store_domain_create(store, DOMAIN, NULL));
    g_assert_true(store_domain_introduce(store, DOMAIN, NULL));
    tools = store_client_new(store, 0);
    guest = store_client_new(store, DOMAIN);
    make_tree();
    control = xen_control_new(machine, store, DOMAIN, &error);
    g_assert_no_error(error);
    run_state_add_handler(count_buttons, NULL);
    settle();
}

static void teardown(void)
{
    run_state_remove_handler(count_buttons, NULL);
    fixture_teardown();
    store_client_free(guest);
    store_client_free(tools);
    store_free(store);
}

/* Carries the request out: main() told the loop to end, so it takes one turn. */
static void power_down(void)
{
    run_state_request_powerdown();
    run_state_loop(machine);
    settle();
}

static void seconds(unsigned count)
{
    step_ns(count * NS_PER_SECOND);
    settle();
}

/* ---- power-down ---- */

static void guest_that_listens_is_asked_and_no_button_pressed(void)
{
    setup();
    guest_writes(CONTROL "feature-poweroff", "1");
    power_down();
    check_node(SHUTDOWN, "poweroff");
    g_assert_cmpstr(xen_control_pending(control), ==, "poweroff");
    seconds(4);
    guest_writes(SHUTDOWN, ""); /* the node is the guest's: it may */
    settle();
    g_assert_null(xen_control_pending(control));
    seconds(60);
    g_assert_cmpuint(buttons, ==, 0);
    /* It may be asked again. */
    power_down();
    check_node(SHUTDOWN, "poweroff");
    guest_writes(SHUTDOWN, "");
    settle();
    seconds(60);
    g_assert_cmpuint(buttons, ==, 0);
    teardown();
}

static void silent_guest_gets_the_button(void)
{
    setup();
    guest_writes(CONTROL "feature-poweroff", "1");
    power_down();
    seconds(4);
    power_down(); /* impatience changes nothing */
    g_assert_cmpuint(buttons, ==, 0);
    seconds(1);
    g_assert_cmpuint(buttons, ==, 1);
    /* Taken back, so that the next kernel does not find it. */
    check_node(SHUTDOWN, "");
    g_assert_null(xen_control_pending(control));
    seconds(60);
    g_assert_cmpuint(buttons, ==, 1);
    teardown();
}

static void guest_that_never_said_it_listens_gets_the_button_at_once(void)
{
    static const char *const values[] = {"", "0", "yes"};

    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
        guest_writes(CONTROL "feature-poweroff", values[i]);
        power_down();
        g_assert_cmpuint(buttons, ==, i + 1);
        check_node(SHUTDOWN, "");
    }
    g_assert_true(store_client_remove(tools, 0, "/local/domain/7", NULL)); /* no tree at all */
    power_down();
    g_assert_cmpuint(buttons, ==, 4);
    teardown();
}

static void somebody_elses_request_is_not_taken_back(void)
{
    setup();
    guest_writes(CONTROL "feature-poweroff", "1");
    power_down();
    make_node(SHUTDOWN, "reboot", true);
    settle();
    g_assert_null(xen_control_pending(control));
    seconds(60);
    g_assert_cmpuint(buttons, ==, 0);
    check_node(SHUTDOWN, "reboot");
    teardown();
}

static void answer_that_was_not_yet_seen_counts(void)
{
    setup();
    guest_writes(CONTROL "feature-poweroff", "1");
    power_down();
    guest_writes(SHUTDOWN, "");
    step_ns(60 * NS_PER_SECOND); /* the timer before the watch event */
    g_assert_cmpuint(buttons, ==, 0);
    settle();
    g_assert_null(xen_control_pending(control));
    teardown();
}

static void removed_node_is_an_answer_and_is_made_again(void)
{
    setup();
    guest_writes(CONTROL "feature-poweroff", "1");
    power_down();
    g_assert_true(store_client_remove(guest, 0, SHUTDOWN, NULL));
    settle();
    g_assert_null(xen_control_pending(control));
    power_down();
    check_node(SHUTDOWN, "poweroff");
    guest_writes(SHUTDOWN, ""); /* and is the guest's again */
    settle();
    seconds(60);
    g_assert_cmpuint(buttons, ==, 0);
    teardown();
}

static void sleeping_machine_is_woken_by_the_button(void)
{
    setup();
    guest_writes(CONTROL "feature-poweroff", "1");
    g_assert_true(run_state_start(NULL));
    run_state_request_suspend();
    run_state_loop(machine);
    g_assert_cmpint(run_state_get(), ==, RUN_STATE_SUSPENDED);
    power_down();
    g_assert_cmpuint(buttons, ==, 1);
    check_node(SHUTDOWN, "");
    run_state_request_wakeup();
    run_state_loop(machine);
    g_assert_cmpint(run_state_get(), !=, RUN_STATE_SUSPENDED);
    run_state_stop(RUN_STATE_PAUSED);
    teardown();
}

/* The chip behind the button: its SCI comes only when the guest has not answered. */
static void acpi_chip_hears_of_it_only_after_the_guest(void)
{
    PCIBus *bus;
    Device *pm;
    Wire sci;

    setup();
    bus =
        pci_bus_new(machine, NULL, "pci.0", machine_memory_root(machine), machine_io_root(machine));
    pm = HW_DEVICE(pci_device_new("PIIX4_PM", PCI_DEVFN(1, 3)));
    wire_attach(&sci, pm, NULL, 0);
    fixture_plug(pm, HW_BUS(bus));
    pci_bus_config_write(bus, 0x80000b40, 0x600, 4);
    pci_bus_config_write(bus, 0x80000b80, 1, 1);
    outb(0xb2, 0xf1);
    out_port(0x602, 0x0100, 2); /* power button enabled */
    guest_writes(CONTROL "feature-poweroff", "1");
    power_down();
    g_assert_cmpint(sci.level, ==, 0);
    seconds(5);
    g_assert_cmpint(sci.level, ==, 1);
    g_assert_cmphex(in_port(0x600, 2) & 0x0100, ==, 0x0100);
    wire_detach(&sci, pm, NULL, 0);
    teardown();
}

/* ---- reset and saved state ---- */

static void reset_forgets_and_takes_back(void)
{
    setup();
    guest_writes(CONTROL "feature-poweroff", "1");
    power_down();
    machine_reset(machine);
    check_node(SHUTDOWN, "");
    g_assert_null(xen_control_pending(control));
    seconds(60);
    g_assert_cmpuint(buttons, ==, 0);
    teardown();
}

static void pending_request_goes_on_after_a_load(void)
{
    Device *device;
    g_autoptr(GVariant) saved = NULL;
    GError *error = NULL;

    setup();
    device = HW_DEVICE(control);
    guest_writes(CONTROL "feature-poweroff", "1");
    power_down();
    seconds(2);
    saved = g_variant_ref_sink(device_save(device));
    machine_reset(machine);
    make_node(SHUTDOWN, "poweroff", true); /* the store's own state */
    device_load(device, saved, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(xen_control_pending(control), ==, "poweroff");
    settle();
    seconds(2);
    g_assert_cmpuint(buttons, ==, 0);
    seconds(1);
    g_assert_cmpuint(buttons, ==, 1);
    check_round_trip(device);
    check_refused(device, "pending", g_variant_new_byte(7));
    check_refused(device, "pending", g_variant_new_byte(255));
    check_refused(device, "give_up", g_variant_new_int64(now_ns() + 1)); /* nothing is pending */
    teardown();
}

/* ---- the API ---- */

static void requests_are_checked_and_written(void)
{
    g_autoptr(GError) error = NULL;

    setup();
    guest_writes(CONTROL "feature-suspend", "1");
    g_assert_true(xen_control_request(control, "suspend", &error));
    check_node(SHUTDOWN, "suspend");
    g_assert_cmpstr(xen_control_pending(control), ==, "suspend");
    /* The later one counts, announced or not. */
    g_assert_true(xen_control_request(control, "halt", &error));
    check_node(SHUTDOWN, "halt");
    settle();
    g_assert_cmpstr(xen_control_pending(control), ==, "halt");
    guest_writes(SHUTDOWN, "");
    settle();
    g_assert_null(xen_control_pending(control));
    g_assert_false(xen_control_request(control, "dance", &error));
    g_assert_cmpstr(error->message, ==,
                    "'dance' is no request to a Xen guest: expected poweroff, halt, reboot, "
                    "suspend, s3 or s4");
    g_clear_error(&error);
    guest_writes(CONTROL "feature-reboot", "0");
    g_assert_false(xen_control_request(control, "reboot", &error));
    g_assert_cmpstr(error->message, ==,
                    "the guest cannot do 'reboot': its control/feature-reboot "
                    "is 0");
    g_clear_error(&error);
    check_node(SHUTDOWN, "");
    /* No button for these. */
    g_assert_true(xen_control_request(control, "s3", &error));
    seconds(60);
    g_assert_cmpuint(buttons, ==, 0);
    g_assert_null(xen_control_new(machine, store, DOMAIN, &error));
    g_assert_nonnull(strstr(error->message, "already"));
    teardown();
}

/* A power-down while another request waits: asked and, unanswered, the button. */
static void power_down_overrides_a_request_that_waits(void)
{
    setup();
    guest_writes(CONTROL "feature-poweroff", "1");
    g_assert_true(xen_control_request(control, "suspend", NULL));
    power_down();
    check_node(SHUTDOWN, "poweroff");
    /* And the other way round: the reboot is what counts now. */
    g_assert_true(xen_control_request(control, "reboot", NULL));
    seconds(60);
    g_assert_cmpuint(buttons, ==, 0);
    check_node(SHUTDOWN, "reboot");
    teardown();
}

static void sysrq_keys_are_letters_and_digits(void)
{
    g_autoptr(GError) error = NULL;

    setup();
    g_assert_true(xen_control_sysrq(control, 's', &error));
    check_node(CONTROL "sysrq", "s");
    guest_writes(CONTROL "sysrq", "");
    g_assert_true(xen_control_sysrq(control, '9', &error));
    check_node(CONTROL "sysrq", "9");
    g_assert_false(xen_control_sysrq(control, '\n', &error));
    g_assert_nonnull(strstr(error->message, "0x0a"));
    g_clear_error(&error);
    g_assert_false(xen_control_sysrq(control, (char)0xe4, &error));
    check_node(CONTROL "sysrq", "9");
    teardown();
}

static void memory_target_is_within_the_domain(void)
{
    g_autoptr(GError) error = NULL;

    setup();
    g_assert_true(xen_control_set_memory_target(control, 131072, &error));
    check_node("/local/domain/7/memory/target", "131072");
    g_assert_true(xen_control_set_memory_target(control, 262144, &error));
    g_assert_false(xen_control_set_memory_target(control, 262145, &error));
    g_assert_cmpstr(error->message, ==, "memory target 262145 KiB is not within 1 and 262144");
    g_clear_error(&error);
    g_assert_false(xen_control_set_memory_target(control, 0, &error));
    g_clear_error(&error);
    check_node("/local/domain/7/memory/target", "262144");
    g_assert_true(store_client_remove(tools, 0, "/local/domain/7/memory", NULL));
    g_assert_false(xen_control_set_memory_target(control, 1, &error));
    g_assert_error(error, STORE_ERROR, ENOENT);
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    run_state_request_exit(0);
    run_state_loop(NULL);
    g_test_add_func("/xen-control/answered", guest_that_listens_is_asked_and_no_button_pressed);
    g_test_add_func("/xen-control/unanswered", silent_guest_gets_the_button);
    g_test_add_func("/xen-control/not-announced",
                    guest_that_never_said_it_listens_gets_the_button_at_once);
    g_test_add_func("/xen-control/overwritten", somebody_elses_request_is_not_taken_back);
    g_test_add_func("/xen-control/late-event", answer_that_was_not_yet_seen_counts);
    g_test_add_func("/xen-control/removed", removed_node_is_an_answer_and_is_made_again);
    g_test_add_func("/xen-control/sleeping", sleeping_machine_is_woken_by_the_button);
    g_test_add_func("/xen-control/acpi", acpi_chip_hears_of_it_only_after_the_guest);
    g_test_add_func("/xen-control/reset", reset_forgets_and_takes_back);
    g_test_add_func("/xen-control/state", pending_request_goes_on_after_a_load);
    g_test_add_func("/xen-control/requests", requests_are_checked_and_written);
    g_test_add_func("/xen-control/override", power_down_overrides_a_request_that_waits);
    g_test_add_func("/xen-control/sysrq", sysrq_keys_are_letters_and_digits);
    g_test_add_func("/xen-control/memory", memory_target_is_within_the_domain);
    return g_test_run();
}
