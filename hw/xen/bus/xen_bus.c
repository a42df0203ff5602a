/*
 * The bus of paravirtual devices: one access to the store for all of them, and what concerns them
 * together: reset order, unplugged emulated devices, reconnecting after a load.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_bus_private.h"

#include "hw/core/run_state.h"

struct _XenBus {
    Bus parent_instance;
    XenDomain *domain;
    XenStore *store;
    StoreClient *client;
    bool waking; /* S3 ends: the guest's memory and its connections are as it left them */
};

BUS_TYPE(XenBus, xen_bus, TYPE_XEN_BUS)

static GObjectClass *parent_class;

/* A device may go while we look at it. */
static void for_each_device(XenBus *bus, void (*visit)(XenDevice *device))
{
    GPtrArray *children = bus_get_children(HW_BUS(bus));
    g_autoptr(GPtrArray) devices = g_ptr_array_new_with_free_func(g_object_unref);

    for (guint i = 0; i < children->len; i++) {
        g_ptr_array_add(devices, g_object_ref(g_ptr_array_index(children, i)));
    }
    for (guint i = 0; i < devices->len; i++) {
        visit(g_ptr_array_index(devices, i));
    }
}

bool xen_bus_is_waking(XenBus *bus)
{
    return bus->waking;
}

void xen_bus_emulated_unplugged(XenBus *bus)
{
    for_each_device(bus, xen_device_try_to_appear);
}

void xen_bus_reconnect(XenBus *bus)
{
    for_each_device(bus, xen_device_reconnect);
}

/* ---- life ---- */

/* Two devices of one class and number would share their areas. */
bool xen_bus_number_is_free(XenBus *bus, XenDevice *device)
{
    GPtrArray *children = bus_get_children(HW_BUS(bus));
    const char *frontend_class = HW_XEN_DEVICE_GET_CLASS(device)->frontend_class;

    for (guint i = 0; i < children->len; i++) {
        XenDevice *other = g_ptr_array_index(children, i);
        if (other != device && other->number == device->number && other->backend_path &&
            g_str_equal(HW_XEN_DEVICE_GET_CLASS(other)->frontend_class, frontend_class)) {
            return false;
        }
    }
    return true;
}

bool xen_device_number_is_free(XenDevice *device)
{
    return xen_bus_number_is_free(HW_XEN_BUS(device_get_bus(HW_DEVICE(device))), device);
}

/* A device that was to go is gone for the guest that comes up now. */
static void let_go_or_remove(XenDevice *device)
{
    if (device->unplug_asked) {
        xen_device_remove(device);
    } else {
        xen_device_let_go(device);
    }
}

void xen_bus_let_go(XenBus *bus)
{
    for_each_device(bus, let_go_or_remove);
}

static void xen_bus_reset(Bus *self)
{
    XenBus *bus = HW_XEN_BUS(self);

    if (!bus->waking) {
        xen_bus_let_go(bus);
    }
}

static bool xen_bus_request_unplug(Bus *bus G_GNUC_UNUSED, Device *device, GError **error)
{
    return xen_device_unplug(HW_XEN_DEVICE(device), error);
}

static void run_event(RunEvent event, void *opaque)
{
    XenBus *bus = opaque;

    switch (event) {
    case RUN_EVENT_RESUME:
        xen_bus_reconnect(bus);
        break;
    case RUN_EVENT_WAKEUP:
        bus->waking = true;
        break;
    case RUN_EVENT_WAKEUP_DONE:
        bus->waking = false;
        break;
    default:
        break;
    }
}

void xen_bus_close(XenBus *bus)
{
    run_state_remove_handler(run_event, bus);
    g_clear_pointer(&bus->client, store_client_free);
    bus->domain = NULL;
    bus->store = NULL;
}

static void xen_bus_finalize(GObject *object)
{
    XenBus *bus = HW_XEN_BUS(object);

    xen_bus_close(bus);
    parent_class->finalize(object);
}

static void xen_bus_class_init(BusClass *klass)
{
    parent_class = g_type_class_peek_parent(klass);
    klass->hotplug = true;
    klass->reset = xen_bus_reset;
    klass->request_unplug = xen_bus_request_unplug;
    G_OBJECT_CLASS(klass)->finalize = xen_bus_finalize;
}

XenBus *xen_bus_new(Machine *machine, XenDomain *domain, XenStore *store)
{
    XenBus *bus = g_object_new(xen_bus_get_type(), NULL);

    bus->domain = domain;
    bus->store = store;
    bus->client = store_client_new(store, STORE_DOMID_PRIVILEGED);
    store_client_attach(bus->client, NULL);
    bus_setup(HW_BUS(bus), machine, NULL, "xen-bus");
    run_state_add_handler(run_event, bus);
    if (machine) {
        g_object_unref(bus); /* the machine holds it */
    }
    return bus;
}

XenDomain *xen_bus_domain(XenBus *bus)
{
    return bus->domain;
}

XenStore *xen_bus_store(XenBus *bus)
{
    return bus->store;
}

StoreClient *xen_bus_client(XenBus *bus)
{
    return bus->client;
}
