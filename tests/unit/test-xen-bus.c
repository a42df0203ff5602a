/*
 * xenbus from the back ends' side: areas and permissions, every transition of the state machine,
 * front ends that lie, vanish, begin anew or resume, unplug and removal, reset, saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-bus-fixture.h"

/* ---- a device that counts ---- */

typedef struct {
    XenDevice parent_instance;
    uint32_t wanted;
} TestDevice;

static unsigned connects, disconnects, let_gos, tear_downs, changes;
static bool refuse_connection, hidden;
static char *last_saved;

GType test_device_get_type(void);
DEVICE_TYPE(TestDevice, test_device, "test-xen-device", TYPE_XEN_DEVICE)

static bool test_set_up(XenDevice *device, GError **error)
{
    device->number = ((TestDevice *)device)->wanted;
    return true;
}

static void test_tear_down(XenDevice *device)
{
    tear_downs++;
}

static bool test_may_appear(XenDevice *device)
{
    return !hidden;
}

static void test_let_go(XenDevice *device)
{
    let_gos++;
}

static bool test_publish(XenDevice *device, uint32_t transaction, GError **error)
{
    return xen_device_write_backend(device, transaction, error, "feature-x", "%d", 7) &&
           xen_device_write_frontend(device, transaction, error, "virtual-device", "%u",
                                     device->number);
}

static bool test_connect(XenDevice *device, GVariant *saved, GError **error)
{
    uint64_t value = 3;

    if (refuse_connection) {
        return error_setf(error, "ring-ref is missing");
    }
    g_free(last_saved);
    last_saved = saved ? g_variant_print(saved, FALSE) : NULL;
    connects++;
    return xen_device_read_frontend_number(device, "number", 0, 10, &value, error);
}

static void test_disconnect(XenDevice *device)
{
    disconnects++;
}

static void test_changed(XenDevice *device, XenbusState state)
{
    changes++;
}

static GVariant *test_save(XenDevice *device)
{
    return g_variant_new_string("in the middle");
}

static const DeviceProperty test_properties[] = {
    DEVICE_PROPERTY(UINT32, "number", TestDevice, wanted, 0, "its number"),
};

static void test_device_class_init(DeviceClass *klass)
{
    XenDeviceClass *xen_class = HW_XEN_DEVICE_CLASS(klass);

    xen_class->backend_type = "qtest";
    xen_class->frontend_class = "vtest";
    xen_class->set_up = test_set_up;
    xen_class->tear_down = test_tear_down;
    xen_class->may_appear = test_may_appear;
    xen_class->let_go = test_let_go;
    xen_class->publish = test_publish;
    xen_class->connect = test_connect;
    xen_class->disconnect = test_disconnect;
    xen_class->frontend_changed = test_changed;
    xen_class->save = test_save;
    device_class_add_properties(klass, test_properties, G_N_ELEMENTS(test_properties));
}

static void test_device_instance_init(TestDevice *device)
{
}

static XenDevice *setup(void)
{
    connects = disconnects = let_gos = tear_downs = changes = 0;
    refuse_connection = hidden = false;
    g_clear_pointer(&last_saved, g_free);
    bus_setup_all();
    return add_device("test-xen-device", "number=9");
}

#define BACKEND  "/local/domain/0/backend/qtest/5/9"
#define FRONTEND "/local/domain/5/device/vtest/9"

/* ---- areas ---- */

static void assert_permissions(const char *path, uint16_t owner, uint16_t reader)
{
    unsigned count;
    g_autofree StorePermission *permissions =
        store_client_get_permissions(xen_bus_client(bus), 0, path, &count, NULL);

    g_assert_nonnull(permissions);
    g_assert_cmpuint(count, ==, 2);
    g_assert_cmpuint(permissions[0].domid, ==, owner);
    g_assert_cmpuint(permissions[0].access, ==, STORE_ACCESS_NONE);
    g_assert_cmpuint(permissions[1].domid, ==, reader);
    g_assert_cmpuint(permissions[1].access, ==, STORE_ACCESS_READ);
}

static void assert_node(const char *path, const char *value)
{
    g_autofree char *text = store_client_read(guest_store, 0, path, NULL, NULL);

    g_assert_cmpstr(text, ==, value);
}

static void areas_are_as_a_tool_stack_makes_them(void)
{
    setup();
    assert_permissions(BACKEND, 0, GUEST_ID);
    assert_permissions(BACKEND "/feature-x", 0, GUEST_ID);
    assert_permissions(FRONTEND, GUEST_ID, 0);
    assert_permissions(FRONTEND "/state", GUEST_ID, 0);
    assert_node(BACKEND "/frontend", FRONTEND);
    assert_node(BACKEND "/frontend-id", "5");
    assert_node(BACKEND "/online", "1");
    assert_node(BACKEND "/state", "2");
    assert_node(BACKEND "/hotplug-status", "connected");
    assert_node(BACKEND "/feature-x", "7");
    assert_node(FRONTEND "/backend", BACKEND);
    assert_node(FRONTEND "/backend-id", "0");
    assert_node(FRONTEND "/state", "1");
    assert_node(FRONTEND "/virtual-device", "9");
    g_assert_false(store_client_write(guest_store, 0, BACKEND "/state", "4", 1, NULL));
    bus_teardown_all();
    g_assert_cmpuint(tear_downs, ==, 1);
}

static void a_number_is_used_once(void)
{
    g_autoptr(GError) error = NULL;

    setup();
    g_assert_null(try_device("test-xen-device", "number=9", &error));
    g_assert_cmpstr(error->message, ==, "device vtest/9 exists already");
    assert_node(FRONTEND "/state", "1");
    add_device("test-xen-device", "number=10");
    bus_teardown_all();
}

static void removal_takes_the_areas_away(void)
{
    XenDevice *device = setup();

    enter(device, XenbusStateInitialised);
    xen_device_remove(device);
    g_assert_cmpuint(disconnects, ==, 1);
    g_assert_cmpuint(tear_downs, ==, 1);
    assert_node(BACKEND, NULL);
    assert_node(FRONTEND, NULL);
    g_assert_true(store_check(store, NULL));
    bus_teardown_all();
}

/* ---- states ---- */

static void front_end_connects_and_closes(void)
{
    XenDevice *device = setup();

    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    g_assert_cmpuint(connects, ==, 1);
    g_assert_cmpuint(enter(device, XenbusStateConnected), ==, XenbusStateConnected);
    g_assert_cmpuint(connects, ==, 1);
    g_assert_cmpuint(enter(device, XenbusStateClosing), ==, XenbusStateClosing);
    g_assert_cmpuint(disconnects, ==, 1);
    g_assert_cmpuint(enter(device, XenbusStateClosed), ==, XenbusStateClosed);
    g_assert_cmpuint(enter(device, XenbusStateInitialising), ==, XenbusStateInitWait);
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    g_assert_cmpuint(connects, ==, 2);
    g_assert_cmpuint(disconnects, ==, 1);
    g_assert_cmpuint(changes, ==, 6);
    bus_teardown_all();
    g_assert_cmpuint(disconnects, ==, 2);
}

/* Rows: the state of the front end before (as a connected or fresh one), what it writes, what we
 * say. */
static void each_transition_has_its_answer(void)
{
    static const struct {
        unsigned before, after, answer, connects, disconnects;
    } rows[] = {
        {1, 2, 2, 0, 0}, {1, 3, 4, 1, 0}, {1, 4, 4, 1, 0}, {1, 5, 5, 0, 0}, {1, 6, 6, 0, 0},
        {1, 7, 2, 0, 0}, {1, 8, 2, 0, 0}, {3, 1, 2, 1, 1}, {3, 2, 4, 1, 0}, {3, 4, 4, 1, 0},
        {3, 5, 5, 1, 1}, {3, 6, 6, 1, 1}, {3, 7, 4, 1, 0}, {3, 8, 4, 1, 0}, {4, 1, 2, 1, 1},
        {4, 3, 4, 2, 1}, {4, 5, 5, 1, 1}, {4, 6, 6, 1, 1}, {4, 7, 4, 1, 0}, {5, 1, 2, 0, 0},
        {5, 3, 5, 0, 0}, {5, 4, 5, 0, 0}, {5, 6, 6, 0, 0}, {6, 1, 2, 0, 0}, {6, 3, 6, 0, 0},
        {6, 4, 6, 0, 0}, {6, 5, 6, 0, 0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        XenDevice *device = setup();

        if (rows[i].before != 1) {
            enter(device, rows[i].before);
        }
        unsigned answer = enter(device, rows[i].after);
        if (answer != rows[i].answer || connects != rows[i].connects ||
            disconnects != rows[i].disconnects) {
            g_error("%u to %u: state %u, %u connects, %u disconnects", rows[i].before,
                    rows[i].after, answer, connects, disconnects);
        }
        bus_teardown_all();
    }
}

static void nonsense_in_state_changes_nothing(void)
{
    XenDevice *device = setup();

    enter(device, XenbusStateInitialised);
    guest_write_text(device, "state", "connected!");
    pump();
    guest_write_text(device, "state", "");
    pump();
    g_assert_cmpuint(enter(device, 0), ==, XenbusStateConnected);
    g_assert_cmpuint(enter(device, 9), ==, XenbusStateConnected);
    g_assert_cmpuint(enter(device, 4000000000u), ==, XenbusStateConnected);
    g_assert_cmpuint(disconnects, ==, 0);
    g_assert_cmpuint(enter(device, XenbusStateClosing), ==, XenbusStateClosing);
    bus_teardown_all();
}

static void vanished_front_end_is_closed_and_may_come_again(void)
{
    XenDevice *device = setup();

    enter(device, XenbusStateInitialised);
    g_assert_true(store_client_remove(guest_store, 0, FRONTEND "/state", NULL));
    pump();
    g_assert_cmpuint(disconnects, ==, 1);
    g_assert_cmpuint(backend_state(device), ==, XenbusStateClosed);
    g_assert_cmpuint(enter(device, XenbusStateInitialising), ==, XenbusStateInitWait);
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    bus_teardown_all();
}

/* Linux after kexec: the new kernel finds Connected and resets the front end. */
static void crash_kernel_begins_anew(void)
{
    XenDevice *device = setup();

    enter(device, XenbusStateInitialised);
    enter(device, XenbusStateConnected);
    g_assert_cmpuint(enter(device, XenbusStateClosing), ==, XenbusStateClosing);
    g_assert_cmpuint(enter(device, XenbusStateClosed), ==, XenbusStateClosed);
    g_assert_cmpuint(enter(device, XenbusStateInitialising), ==, XenbusStateInitWait);
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    /* And one that goes straight back. */
    g_assert_cmpuint(enter(device, XenbusStateInitialising), ==, XenbusStateInitWait);
    g_assert_cmpuint(connects, ==, 2);
    g_assert_cmpuint(disconnects, ==, 2);
    bus_teardown_all();
}

static void refused_connection_is_told_and_ends_with_close(void)
{
    XenDevice *device = setup();

    refuse_connection = true;
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateClosing);
    assert_node("/local/domain/5/error/device/vtest/9/error", "22 ring-ref is missing");
    refuse_connection = false;
    g_assert_cmpuint(enter(device, XenbusStateConnected), ==, XenbusStateClosing);
    g_assert_cmpuint(enter(device, XenbusStateClosed), ==, XenbusStateClosed);
    g_assert_cmpuint(enter(device, XenbusStateInitialising), ==, XenbusStateInitWait);
    guest_write_text(device, "number", "11");
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateClosing);
    assert_node("/local/domain/5/error/device/vtest/9/error",
                "22 number is not a number from 0 to 10");
    enter(device, XenbusStateInitialising);
    guest_write_text(device, "number", "10");
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    assert_node("/local/domain/5/error/device/vtest/9/error", NULL);
    bus_teardown_all();
}

/* ---- hotplug ---- */

static void unplug_waits_for_the_front_end(void)
{
    XenDevice *device = setup();

    enter(device, XenbusStateInitialised);
    enter(device, XenbusStateConnected);
    xen_device_request_unplug(device);
    pump();
    assert_node(BACKEND "/online", "0");
    assert_node(BACKEND "/state", "5");
    g_assert_cmpuint(disconnects, ==, 0);
    g_assert_cmpuint(enter(device, XenbusStateClosing), ==, XenbusStateClosing);
    g_assert_cmpuint(tear_downs, ==, 0);
    g_assert_cmpuint(enter(device, XenbusStateClosed), ==, 0);
    g_assert_cmpuint(disconnects, ==, 1);
    g_assert_cmpuint(tear_downs, ==, 1);
    g_assert_cmpuint(bus_get_children(HW_BUS(bus))->len, ==, 0);
    bus_teardown_all();
}

static void unplug_without_a_front_end_is_at_once(void)
{
    XenDevice *device = setup();

    xen_device_request_unplug(device);
    g_assert_cmpuint(tear_downs, ==, 1);
    assert_node(BACKEND, NULL);
    bus_teardown_all();
}

static unsigned refusals;

static void count_refusal(Device *device)
{
    refusals++;
}

static bool device_del(XenDevice *device, GError **error)
{
    bool done = HW_BUS_GET_CLASS(bus)->request_unplug(HW_BUS(bus), HW_DEVICE(device), error);

    pump();
    return done;
}

static void guest_that_never_answers_loses_the_device_when_asked_again(void)
{
    XenDevice *device = setup();
    g_autoptr(GError) error = NULL;

    enter(device, XenbusStateInitialised);
    g_assert_true(device_del(device, &error));
    g_assert_false(device_del(device, &error));
    g_assert_nonnull(strstr(error->message, "already in the process of unplug"));
    g_assert_cmpuint(tear_downs, ==, 0);
    g_assert_cmpuint(disconnects, ==, 0);
    device->unplug_deadline = clock_get_ns(CLOCK_VIRTUAL); /* so long it has waited */
    g_assert_true(device_del(device, NULL));
    g_assert_cmpuint(disconnects, ==, 1);
    g_assert_cmpuint(tear_downs, ==, 1);
    assert_node(BACKEND, NULL);
    assert_node(FRONTEND, NULL);
    bus_teardown_all();
}

static void refusal_is_told_and_may_be_overruled(void)
{
    XenDevice *device = setup();

    refusals = 0;
    device_set_unplug_refused_listener(count_refusal);
    enter(device, XenbusStateInitialised);
    store_client_printf(guest_store, 0, NULL, "error/device/vtest/9/error", "16 of before");
    pump();
    g_assert_true(device_del(device, NULL));
    g_assert_cmpuint(refusals, ==, 0);
    store_client_printf(guest_store, 0, NULL, "error/device/vtest/9/error", "16 in use");
    pump();
    g_assert_cmpuint(refusals, ==, 1);
    g_assert_cmpuint(tear_downs, ==, 0);
    g_assert_true(device_del(device, NULL));
    g_assert_cmpuint(tear_downs, ==, 1);
    device_set_unplug_refused_listener(NULL);
    bus_teardown_all();
}

static void reset_ends_what_was_asked(void)
{
    XenDevice *device = setup();

    enter(device, XenbusStateInitialised);
    g_assert_true(device_del(device, NULL));
    reset_machine();
    g_assert_cmpuint(tear_downs, ==, 1);
    g_assert_cmpuint(bus_get_children(HW_BUS(bus))->len, ==, 0);
    assert_node(FRONTEND, NULL);
    bus_teardown_all();
}

static void tools_unplug_by_the_online_node(void)
{
    XenDevice *device = setup();

    enter(device, XenbusStateInitialised);
    store_client_write(xen_bus_client(bus), 0, BACKEND "/online", "0", 1, NULL);
    pump();
    assert_node(BACKEND "/state", "5");
    g_assert_cmpuint(enter(device, XenbusStateClosed), ==, 0);
    g_assert_cmpuint(tear_downs, ==, 1);
    bus_teardown_all();

    device = setup();
    enter(device, XenbusStateInitialised);
    store_client_remove(xen_bus_client(bus), 0, BACKEND, NULL);
    pump();
    g_assert_cmpuint(disconnects, ==, 1);
    g_assert_cmpuint(tear_downs, ==, 1);
    bus_teardown_all();
}

static void hidden_device_appears_when_it_may(void)
{
    setup();
    hidden = true;
    XenDevice *device = add_device("test-xen-device", "number=11");
    assert_node("/local/domain/5/device/vtest/11/state", NULL);
    xen_bus_emulated_unplugged(bus);
    assert_node("/local/domain/5/device/vtest/11/state", NULL);
    hidden = false;
    xen_bus_emulated_unplugged(bus);
    assert_node("/local/domain/5/device/vtest/11/state", "1");
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    hidden = true;
    reset_machine();
    assert_node("/local/domain/5/device/vtest/11/state", NULL);
    bus_teardown_all();
}

/* ---- reset and saved state ---- */

static void reset_makes_the_areas_anew(void)
{
    XenDevice *device = setup();

    for (unsigned i = 1; i <= 3; i++) {
        g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
        guest_write_text(device, "left-over", "1");
        reset_machine();
        g_assert_cmpuint(disconnects, ==, i);
        assert_node(FRONTEND "/state", "1");
        assert_node(FRONTEND "/left-over", NULL);
        assert_node(BACKEND "/state", "2");
    }
    g_assert_true(let_gos > 0);
    g_assert_true(store_check(store, NULL));
    bus_teardown_all();
}

static void reset_of_the_device_alone_drops_the_connection(void)
{
    XenDevice *device = setup();

    enter(device, XenbusStateInitialised);
    device_reset(HW_DEVICE(device));
    g_assert_cmpuint(disconnects, ==, 1);
    assert_node(FRONTEND "/state", "1");
    bus_teardown_all();
}

/* The end of S3 resets the chips, but the guest's memory and its rings are as it left them. */
static void wake_from_sleep_keeps_connections(void)
{
    XenDevice *device = setup();

    enter(device, XenbusStateInitialised);
    run_state_request_suspend();
    run_state_process_requests();
    g_assert_cmpint(run_state_get(), ==, RUN_STATE_SUSPENDED);
    run_state_request_wakeup();
    run_state_process_requests();
    g_assert_cmpint(run_state_get(), ==, RUN_STATE_RUNNING);
    g_assert_cmpuint(disconnects, ==, 0);
    g_assert_cmpuint(connects, ==, 1);
    assert_node(BACKEND "/state", "4");
    machine_reset(machine);
    g_assert_cmpuint(disconnects, ==, 1);
    bus_teardown_all();
}

static GVariant *saved_with(guint32 state, guint32 frontend, bool present, bool connected,
                            GVariant *inner)
{
    return g_variant_ref_sink(g_variant_new(
        "(uv)", 1,
        g_variant_new("(uubbb@mv)", state, frontend, present, true, connected,
                      g_variant_new_maybe(G_VARIANT_TYPE_VARIANT,
                                          inner ? g_variant_new_variant(inner) : NULL))));
}

static void loaded_device_connects_when_the_machine_runs(void)
{
    XenDevice *device = setup();
    g_autoptr(GVariant) state = NULL;
    g_autoptr(GVariant) store_state = NULL;
    g_autoptr(GVariant) again = NULL;
    GError *error = NULL;

    enter(device, XenbusStateInitialised);
    enter(device, XenbusStateConnected);
    run_state_stop(RUN_STATE_PAUSED);
    state = save_device(device);
    store_state = g_variant_ref_sink(store_save(store));
    bus_teardown_all();

    device = setup();
    run_state_stop(RUN_STATE_PAUSED);
    device_load(HW_DEVICE(device), state, &error);
    g_assert_no_error(error);
    pump(); /* the old tree says Initialising */
    store_load(store, store_state, &error);
    g_assert_no_error(error);
    pump();
    g_assert_cmpuint(connects, ==, 0);
    again = save_device(device);
    g_assert_true(g_variant_equal(again, state));
    run_state_start(NULL);
    g_assert_cmpuint(connects, ==, 1);
    g_assert_cmpstr(last_saved, ==, "'in the middle'");
    assert_node(BACKEND "/state", "4");
    pump();
    g_assert_cmpuint(enter(device, XenbusStateClosing), ==, XenbusStateClosing);
    g_assert_cmpuint(disconnects, ==, 1);
    bus_teardown_all();
}

static void bad_saved_state_is_refused(void)
{
    XenDevice *device = setup();
    g_autoptr(GVariant) wrong_type =
        g_variant_ref_sink(g_variant_new("(uv)", 1, g_variant_new("(u)", 4)));
    g_autoptr(GVariant) wrong_state = saved_with(99, 4, true, true, NULL);
    g_autoptr(GVariant) wrong_front = saved_with(4, 99, true, true, NULL);
    g_autoptr(GVariant) not_present = saved_with(4, 4, false, true, NULL);

    g_assert_false(device_load(HW_DEVICE(device), wrong_type, NULL));
    g_assert_false(device_load(HW_DEVICE(device), wrong_state, NULL));
    g_assert_false(device_load(HW_DEVICE(device), wrong_front, NULL));
    g_assert_false(device_load(HW_DEVICE(device), not_present, NULL));
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    bus_teardown_all();
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        {"areas", areas_are_as_a_tool_stack_makes_them},
        {"number", a_number_is_used_once},
        {"removal", removal_takes_the_areas_away},
        {"connect-and-close", front_end_connects_and_closes},
        {"transitions", each_transition_has_its_answer},
        {"nonsense", nonsense_in_state_changes_nothing},
        {"vanished", vanished_front_end_is_closed_and_may_come_again},
        {"crash-kernel", crash_kernel_begins_anew},
        {"refused", refused_connection_is_told_and_ends_with_close},
        {"unplug", unplug_waits_for_the_front_end},
        {"unplug-at-once", unplug_without_a_front_end_is_at_once},
        {"unplug-forced", guest_that_never_answers_loses_the_device_when_asked_again},
        {"unplug-refused", refusal_is_told_and_may_be_overruled},
        {"unplug-reset", reset_ends_what_was_asked},
        {"tools", tools_unplug_by_the_online_node},
        {"hidden", hidden_device_appears_when_it_may},
        {"reset", reset_makes_the_areas_anew},
        {"device-reset", reset_of_the_device_alone_drops_the_connection},
        {"wake", wake_from_sleep_keeps_connections},
        {"load", loaded_device_connects_when_the_machine_runs},
        {"bad-state", bad_saved_state_is_refused},
    };

    bus_test_init(&argc, &argv);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/xen-bus/", tests[i].name, NULL);
        g_test_add_func(path, tests[i].test);
    }
    return g_test_run();
}
