/*
 * A device of the bus: realize, reset, saved state.
 *
 * A save holds what the areas do not: our state, what was last seen of the front end, and what the
 * class needs to go on in the middle of its rings. Store and domain are loaded by others, in any
 * order, so a loaded device binds its rings again when the machine next runs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/log.h"
#include "xen_bus_private.h"

G_DEFINE_ABSTRACT_TYPE(XenDevice, xen_device, TYPE_DEVICE)

XenDomain *xen_device_domain(XenDevice *device)
{
    return xen_bus_domain(device->bus);
}

StoreClient *xen_device_client(XenDevice *device)
{
    return xen_bus_client(device->bus);
}

/* ---- appearing ---- */

static bool may_appear(XenDevice *device)
{
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);

    return !klass->may_appear || klass->may_appear(device);
}

static bool appear(XenDevice *device, GError **error)
{
    return !may_appear(device) || xen_device_create_area(device, error);
}

void xen_device_try_to_appear(XenDevice *device)
{
    g_autoptr(GError) error = NULL;

    if (!device->present && !device->reconnect_pending && !appear(device, &error)) {
        report_warning("%s: %s", device_name(HW_DEVICE(device)), error->message);
    }
}

void xen_device_let_go(XenDevice *device)
{
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);

    xen_device_drop(device);
    xen_device_remove_area(device);
    if (klass->let_go) {
        klass->let_go(device);
    }
}

/* ---- life ---- */

static void forget_paths(XenDevice *device)
{
    g_clear_pointer(&device->backend_path, g_free);
    g_clear_pointer(&device->frontend_path, g_free);
    g_clear_pointer(&device->error_path, g_free);
}

static void withdraw(XenDevice *device)
{
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);

    xen_device_let_go(device);
    forget_paths(device);
    if (klass->tear_down) {
        klass->tear_down(device);
    }
}

static bool xen_device_realize(Device *self, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(self);
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);

    device->bus = HW_XEN_BUS(device_get_bus(self));
    if (klass->set_up && !klass->set_up(device, error)) {
        return false;
    }
    xen_device_make_paths(device);
    if (!xen_bus_number_is_free(device->bus, device)) {
        error_setf(error, "device %s/%u exists already", klass->frontend_class, device->number);
        withdraw(device);
        return false;
    }
    if (!appear(device, error)) {
        withdraw(device);
        return false;
    }
    device->fresh = true;
    return true;
}

static void xen_device_unrealize(Device *self)
{
    withdraw(HW_XEN_DEVICE(self));
}

static void xen_device_reset(Device *self)
{
    XenDevice *device = HW_XEN_DEVICE(self);
    g_autoptr(GError) error = NULL;

    if (device->fresh) {
        device->fresh = false; /* made a moment ago */
        return;
    }
    if (xen_bus_is_waking(device->bus)) {
        return;
    }
    xen_device_let_go(device);
    if (!appear(device, &error)) {
        report_warning("%s is missing after the reset: %s", device_name(self), error->message);
    }
}

/* ---- saved state ---- */

#define SAVED_TYPE "(uubbbmv)"

static GVariant *class_state(XenDevice *device)
{
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);

    if (device->reconnect_pending) {
        return device->saved;
    }
    return device->connected && klass->save ? klass->save(device) : NULL;
}

static GVariant *xen_device_save(Device *self)
{
    XenDevice *device = HW_XEN_DEVICE(self);
    GVariant *state = class_state(device);
    bool connected = device->reconnect_pending ? device->was_connected : device->connected;

    return g_variant_new(
        "(uubbb@mv)", device->state, device->frontend_state, device->present, device->online,
        connected,
        g_variant_new_maybe(G_VARIANT_TYPE_VARIANT, state ? g_variant_new_variant(state) : NULL));
}

static void take_watches(XenDevice *device, bool present)
{
    device->present = present;
    if (present) {
        xen_device_watch(device);
    } else {
        xen_device_unwatch(device);
    }
}

static bool xen_device_load(Device *self, GVariant *state, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(self);
    g_autoptr(GVariant) saved = NULL;
    guint32 ours, frontend;
    gboolean present, online, connected;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE(SAVED_TYPE))) {
        return error_setf(error, "saved state has type '%s'", g_variant_get_type_string(state));
    }
    g_variant_get(state, SAVED_TYPE, &ours, &frontend, &present, &online, &connected, &saved);
    if (ours > XenbusStateReconfigured || frontend > XenbusStateReconfigured ||
        (connected && !present)) {
        return error_setf(error, "saved states %u and %u do not hold together", ours, frontend);
    }
    xen_device_drop(device);
    take_watches(device, present);
    device->state = (XenbusState)ours;
    device->frontend_state = (XenbusState)frontend;
    device->online = online;
    device->unplug_asked = present && !online;
    device->unplug_deadline = 0;
    device->reconnect_pending = true;
    device->was_connected = connected;
    device->saved = g_steal_pointer(&saved);
    return true;
}

void xen_device_reconnect(XenDevice *device)
{
    g_autoptr(GVariant) saved = g_steal_pointer(&device->saved);

    if (!device->reconnect_pending) {
        return;
    }
    device->reconnect_pending = false;
    if (!device->present) {
        return;
    }
    if (!may_appear(device)) {
        xen_device_fail(device, "what the device works on is not to be had");
    } else if (device->was_connected) {
        xen_device_connect_frontend(device, saved);
        if (!device->online) {
            xen_device_request_unplug(device); /* as it had been asked */
        }
    }
    xen_device_check_frontend(device);
}

static void xen_device_init(XenDevice *device G_GNUC_UNUSED)
{
}

static void xen_device_class_init(XenDeviceClass *klass)
{
    DeviceClass *device_class = HW_DEVICE_CLASS(klass);

    device_class->bus_type = TYPE_XEN_BUS;
    device_class->realize = xen_device_realize;
    device_class->unrealize = xen_device_unrealize;
    device_class->reset = xen_device_reset;
    device_class->save = xen_device_save;
    device_class->load = xen_device_load;
    device_class->saved_version = 1;
    device_class->hotpluggable = true;
}
