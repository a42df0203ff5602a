/*
 * The two areas of a device in the store: paths, permissions, the nodes that every device has.
 *
 * Source: docs/misc/xenstore-paths.pandoc; permissions and nodes as libxl makes them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "util/log.h"
#include "util/options.h"
#include "xen_bus_private.h"

void xen_device_make_paths(XenDevice *device)
{
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);
    unsigned domid = xen_domain_id(xen_bus_domain(device->bus));
    unsigned number = device->number;

    device->backend_path =
        g_strdup_printf(STORE_DOMAIN_PATH "0/backend/%s/%u/%u", klass->backend_type, domid, number);
    device->frontend_path =
        g_strdup_printf(STORE_DOMAIN_PATH "%u/device/%s/%u", domid, klass->frontend_class, number);
    device->error_path = g_strdup_printf(STORE_DOMAIN_PATH "%u/error/device/%s/%u/error", domid,
                                         klass->frontend_class, number);
}

/* ---- nodes ---- */

static bool write_node(XenDevice *device, uint32_t transaction, const char *area, const char *name,
                       const char *format, va_list arguments, GError **error)
{
    g_autofree char *path = g_strconcat(area, "/", name, NULL);
    g_autofree char *value = g_strdup_vprintf(format, arguments);

    return store_client_write(xen_device_client(device), transaction, path, value, strlen(value),
                              error);
}

bool xen_device_write_backend(XenDevice *device, uint32_t transaction, GError **error,
                              const char *name, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    bool written =
        write_node(device, transaction, device->backend_path, name, format, arguments, error);
    va_end(arguments);
    return written;
}

bool xen_device_write_frontend(XenDevice *device, uint32_t transaction, GError **error,
                               const char *name, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    bool written =
        write_node(device, transaction, device->frontend_path, name, format, arguments, error);
    va_end(arguments);
    return written;
}

char *xen_device_read_frontend(XenDevice *device, const char *name)
{
    g_autofree char *path = g_strconcat(device->frontend_path, "/", name, NULL);

    return store_client_read(xen_device_client(device), 0, path, NULL, NULL);
}

bool xen_device_read_frontend_number(XenDevice *device, const char *name, uint64_t minimum,
                                     uint64_t maximum, uint64_t *value, GError **error)
{
    g_autofree char *text = xen_device_read_frontend(device, name);
    guint64 number;

    if (!text) {
        return true;
    }
    if (!g_ascii_string_to_unsigned(text, 10, minimum, maximum, &number, NULL)) {
        return error_setf(error,
                          "%s is not a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                          name, (guint64)minimum, (guint64)maximum);
    }
    *value = number;
    return true;
}

/* ---- making and removing ---- */

static bool make_area(XenDevice *device, uint32_t transaction, const char *path, uint16_t owner,
                      uint16_t reader, GError **error)
{
    const StorePermission permissions[] = {{owner, STORE_ACCESS_NONE}, {reader, STORE_ACCESS_READ}};
    StoreClient *client = xen_device_client(device);

    store_client_remove(client, transaction, path, NULL); /* perhaps none is there */
    return store_client_mkdir(client, transaction, path, error) &&
           store_client_set_permissions(client, transaction, path, permissions,
                                        G_N_ELEMENTS(permissions), error);
}

static bool fill_areas(XenDevice *device, uint32_t t, GError **error)
{
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);
    unsigned domid = xen_domain_id(xen_bus_domain(device->bus));

    return xen_device_write_backend(device, t, error, "frontend-id", "%u", domid) &&
           xen_device_write_backend(device, t, error, "frontend", "%s", device->frontend_path) &&
           xen_device_write_backend(device, t, error, "online", "1") &&
           xen_device_write_backend(device, t, error, "hotplug-status", "connected") &&
           xen_device_write_frontend(device, t, error, "backend", "%s", device->backend_path) &&
           xen_device_write_frontend(device, t, error, "backend-id", "%u",
                                     STORE_DOMID_PRIVILEGED) &&
           xen_device_write_frontend(device, t, error, "state", "%u", XenbusStateInitialising) &&
           (!klass->publish || klass->publish(device, t, error)) &&
           xen_device_write_backend(device, t, error, "state", "%u", XenbusStateInitWait);
}

static bool create(StoreClient *client G_GNUC_UNUSED, uint32_t transaction, void *opaque,
                   GError **error)
{
    XenDevice *device = opaque;
    uint16_t domid = xen_domain_id(xen_bus_domain(device->bus));

    return make_area(device, transaction, device->backend_path, STORE_DOMID_PRIVILEGED, domid,
                     error) &&
           make_area(device, transaction, device->frontend_path, domid, STORE_DOMID_PRIVILEGED,
                     error) &&
           fill_areas(device, transaction, error);
}

bool xen_device_create_area(XenDevice *device, GError **error)
{
    StoreClient *client = xen_device_client(device);

    xen_device_unwatch(device);
    if (!store_client_transaction_run(client, create, device, error)) {
        return false;
    }
    store_client_remove(client, 0, device->error_path, NULL);
    device->state = XenbusStateInitWait;
    device->frontend_state = XenbusStateInitialising;
    device->online = device->present = true;
    device->unplug_asked = false;
    xen_device_watch(device);
    return true;
}

static bool remove_both(StoreClient *client, uint32_t transaction, void *opaque,
                        GError **error G_GNUC_UNUSED)
{
    XenDevice *device = opaque;

    store_client_remove(client, transaction, device->frontend_path, NULL);
    store_client_remove(client, transaction, device->backend_path, NULL);
    return true;
}

void xen_device_remove_area(XenDevice *device)
{
    xen_device_unwatch(device);
    if (device->present) {
        device->present = false;
        store_client_transaction_run(xen_device_client(device), remove_both, device, NULL);
    }
    device->state = XenbusStateUnknown;
    device->frontend_state = XenbusStateUnknown;
}

/* ---- watches ---- */

/* A handler may be the end of the device. */
static void frontend_event(StoreClient *client G_GNUC_UNUSED, const char *path G_GNUC_UNUSED,
                           void *opaque)
{
    g_autoptr(Device) device = g_object_ref(opaque);

    xen_device_check_frontend(HW_XEN_DEVICE(device));
}

static void backend_event(StoreClient *client G_GNUC_UNUSED, const char *path G_GNUC_UNUSED,
                          void *opaque)
{
    g_autoptr(Device) device = g_object_ref(opaque);

    xen_device_check_backend(HW_XEN_DEVICE(device));
}

static void error_event(StoreClient *client G_GNUC_UNUSED, const char *path G_GNUC_UNUSED,
                        void *opaque)
{
    g_autoptr(Device) device = g_object_ref(opaque);

    xen_device_check_error(HW_XEN_DEVICE(device));
}

static StoreClientWatch *watch_path(XenDevice *device, const char *path,
                                    StoreClientWatchHandler handler)
{
    g_autoptr(GError) error = NULL;
    StoreClientWatch *made =
        store_client_watch(xen_device_client(device), path, handler, device, &error);

    if (!made) {
        report_warning("%s: %s", device_name(HW_DEVICE(device)), error->message);
    }
    return made;
}

static StoreClientWatch *watch(XenDevice *device, const char *area, const char *name,
                               StoreClientWatchHandler handler)
{
    g_autofree char *path = g_strconcat(area, "/", name, NULL);

    return watch_path(device, path, handler);
}

void xen_device_watch(XenDevice *device)
{
    xen_device_unwatch(device);
    device->frontend_watch = watch(device, device->frontend_path, "state", frontend_event);
    device->backend_watch = watch(device, device->backend_path, "online", backend_event);
    device->error_watch = watch_path(device, device->error_path, error_event);
}

void xen_device_unwatch(XenDevice *device)
{
    StoreClient *client = xen_device_client(device);

    store_client_unwatch(client, device->frontend_watch);
    store_client_unwatch(client, device->backend_watch);
    store_client_unwatch(client, device->error_watch);
    device->frontend_watch = device->backend_watch = device->error_watch = NULL;
}
