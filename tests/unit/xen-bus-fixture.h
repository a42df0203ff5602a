/*
 * What the tests of PV devices share: a machine with a bus, a real store with the guest's tree in
 * it, and the guest's own access to the store. Main loop and machine lock are as in the machine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_XEN_BUS_FIXTURE_H
#define TESTS_UNIT_XEN_BUS_FIXTURE_H

#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "hw/xen/store_domain_tree.h"
#include "hw/xen/xen_device.h"
#include "util/clock.h"
#include "util/machine_lock.h"
#include "xen-fixture.h"

#define GUEST_ID 5

static Fixture *xen;
static Machine *machine;
static XenStore *store;
static StoreClient *guest_store;
static XenBus *bus;

static inline void make_tree(void)
{
    StoreDomainConfig config = {.domid = GUEST_ID,
                                .name = "guest",
                                .uuid = "5e0c1d2a-0000-4000-8000-000000000001",
                                .memory_static_max = 1024,
                                .memory_target = 1024,
                                .cpus = 1,
                                .max_cpus = 1,
                                .store_port = 1};
    GError *error = NULL;

    store_domain_tree_create(store, &config, &error);
    g_assert_no_error(error);
}

static inline void bus_setup_all(void)
{
    if (!machine_lock_held()) {
        machine_lock();
    }
    xen = fixture_new(4);
    machine = machine_new("none", NULL);
    machine_config(machine)->smp.cpus = 4;
    store = store_new();
    g_assert_true(store_domain_create(store, GUEST_ID, NULL));
    g_assert_true(store_domain_introduce(store, GUEST_ID, NULL));
    make_tree();
    guest_store = store_client_new(store, GUEST_ID);
    bus = xen_bus_new(machine, xen->domain, store);
    run_state_start(NULL);
}

static inline void bus_teardown_all(void)
{
    machine_destroy(machine);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    store_client_free(guest_store);
    store_free(store);
    fixture_free(xen);
}

static inline void pump(void)
{
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

/* What the machine does at a reset: domain and store first, then buses and devices. */
static inline void reset_machine(void)
{
    xen_domain_reset(xen->domain, false);
    store_reset(store);
    if (!store_domain_is_introduced(store, GUEST_ID)) {
        g_assert_true(store_domain_introduce(store, GUEST_ID, NULL));
    }
    make_tree();
    machine_reset(machine);
    pump();
}

static inline bool set_properties(Device *device, const char *text, GError **error)
{
    g_auto(GStrv) pairs = g_strsplit(text ? text : "", ",", -1);

    for (unsigned i = 0; pairs[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(pairs[i], "=", 2);
        if (!device_set_property_text(device, pair[0], pair[1], error)) {
            return false;
        }
    }
    return true;
}

/* NULL and @error, or the device, which the machine holds. */
static inline XenDevice *try_device(const char *type, const char *properties, GError **error)
{
    Device *device = device_new_by_name(type, error);

    g_assert_nonnull(device);
    if (!set_properties(device, properties, error)) {
        g_object_unref(device);
        return NULL;
    }
    return device_realize_and_unref(device, machine, HW_BUS(bus), error) ? HW_XEN_DEVICE(device)
                                                                         : NULL;
}

static inline XenDevice *add_device(const char *type, const char *properties)
{
    GError *error = NULL;
    XenDevice *device = try_device(type, properties, &error);

    g_assert_no_error(error);
    pump();
    return device;
}

/* ---- as the guest ---- */

static inline char *guest_read(const char *area, const char *name)
{
    g_autofree char *path = g_strconcat(area, "/", name, NULL);

    return store_client_read(guest_store, 0, path, NULL, NULL);
}

static inline uint64_t guest_number(const char *area, const char *name)
{
    g_autofree char *path = g_strconcat(area, "/", name, NULL);
    uint64_t value = 0;
    GError *error = NULL;

    store_client_read_uint(guest_store, 0, path, &value, &error);
    g_assert_no_error(error);
    return value;
}

static inline void guest_write_text(XenDevice *device, const char *name, const char *text)
{
    g_autofree char *path = g_strconcat(device->frontend_path, "/", name, NULL);
    GError *error = NULL;

    store_client_write(guest_store, 0, path, text, strlen(text), &error);
    g_assert_no_error(error);
}

static inline void guest_write_number(XenDevice *device, const char *name, uint64_t value)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)value);

    guest_write_text(device, name, text);
}

/* Writes the front end's state, lets the back end see it, and tells the back end's. */
static inline unsigned enter(XenDevice *device, unsigned state)
{
    g_autofree char *backend = g_strdup(device->backend_path);

    guest_write_number(device, "state", state);
    pump();
    g_autofree char *text = guest_read(backend, "state");
    return text ? (unsigned)g_ascii_strtoull(text, NULL, 10) : 0;
}

static inline unsigned backend_state(XenDevice *device)
{
    return (unsigned)guest_number(device->backend_path, "state");
}

static inline GVariant *save_device(XenDevice *device)
{
    return g_variant_ref_sink(device_save(HW_DEVICE(device)));
}

static inline void bus_test_init(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    device_types_init();
    timers_init();
    clock_virtual_set_manual();
    machine_lock_attach_main_context();
}

#endif
