/*
 * xen-console: a Xen console whose other side is a character device.
 *
 * idx=0 is the domain's primary console, which is there without a device: then the device only says
 * where it goes, and has no areas in xenstore. Any other is an ordinary PV device, with a ring that
 * the guest grants.
 *
 * Source: xen/io/console.h; nodes as libxl makes them (docs/misc/xenstore-paths.pandoc,
 * docs/misc/console.txt).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_console.h"

#include "hw/xen/gnttab.h"
#include "hw/xen/xen_abi.h"
#include "hw/xen/xen_device.h"
#include "util/error.h"
#include "util/log.h"
#include "xen_console_ring.h"

#define INDEX_FREE    (-1)
#define INDEX_CHOICES 100 /* what is tried for idx=-1 */
#define NOT_GIVEN     UINT64_MAX
/* Bytes of output that a tool stack keeps for whoever attaches; the guest may see it. */
#define OUTPUT_LIMIT 1048576u

typedef struct {
    XenDevice parent_instance;
    char *chardev_property;
    int32_t index_property;
    CharFrontend frontend;
    XenPrimaryConsole *primary; /* the one that we serve; NULL: our own ring */
    /* connected, or NULL */
    XenConsoleRing *ring;
    XenGrantPin pin;
} XenConsole;

GType xen_console_get_type(void);
DEVICE_TYPE(XenConsole, xen_console, "xen-console", TYPE_XEN_DEVICE)

#define HW_XEN_CONSOLE(object)                                                                     \
    G_TYPE_CHECK_INSTANCE_CAST((object), xen_console_get_type(), XenConsole)

/* ---- which one ---- */

static XenPrimaryConsole *primary_of(XenDevice *device)
{
    return xen_primary_console_find(HW_XEN_BUS(device_get_bus(HW_DEVICE(device))));
}

static bool index_is_free(XenDevice *device, uint32_t index)
{
    XenPrimaryConsole *primary = index == 0 ? primary_of(device) : NULL;

    device->number = index;
    return index == 0 ? primary && !xen_primary_console_is_claimed(primary)
                      : xen_device_number_is_free(device);
}

static bool choose_index(XenConsole *console, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(console);

    if (console->index_property != INDEX_FREE) {
        uint32_t index = (uint32_t)console->index_property;
        return index_is_free(device, index) ||
               error_setf(error, "device console/%u exists already", index);
    }
    for (uint32_t index = 0; index < INDEX_CHOICES; index++) {
        if (index_is_free(device, index)) {
            console->index_property = (int32_t)index;
            return true;
        }
    }
    return error_setf(error, "cannot find device index for console device");
}

/* ---- the primary console's terminal in xenstore ---- */

static char *primary_tty_path(XenDevice *device)
{
    return g_strdup_printf(STORE_DOMAIN_PATH "%u/console/tty",
                           xen_domain_id(xen_device_domain(device)));
}

static void show_primary_tty(XenConsole *console)
{
    XenDevice *device = HW_XEN_DEVICE(console);
    g_autofree char *path = primary_tty_path(device);
    const char *tty = xen_primary_console_tty(console->primary);
    g_autoptr(GError) error = NULL;

    if (tty && !store_client_printf(xen_device_client(device), 0, &error, path, "%s", tty)) {
        report_warning("xen-console: %s", error->message);
    }
}

static void hide_primary_tty(XenDevice *device)
{
    g_autofree char *path = primary_tty_path(device);

    store_client_remove(xen_device_client(device), 0, path, NULL); /* perhaps none is there */
}

/* ---- life ---- */

static void xen_console_tear_down(XenDevice *device)
{
    XenConsole *console = HW_XEN_CONSOLE(device);

    if (console->primary) {
        xen_primary_console_unclaim(console->primary);
        console->primary = NULL;
        hide_primary_tty(device);
    }
    char_frontend_detach(&console->frontend);
}

static bool xen_console_set_up(XenDevice *device, GError **error)
{
    XenConsole *console = HW_XEN_CONSOLE(device);
    const char *chardev = console->chardev_property;

    if (!chardev || !chardev[0]) {
        return error_setf(error, "no backing character device");
    }
    if (!choose_index(console, error) ||
        !char_frontend_attach_by_id(&console->frontend, chardev, "xen-console", error)) {
        return false;
    }
    if (device->number == 0) {
        console->primary = primary_of(device);
        xen_primary_console_claim(console->primary, &console->frontend);
        show_primary_tty(console);
    }
    return true;
}

/* The primary console's nodes are the domain's, not a device's. */
static bool xen_console_may_appear(XenDevice *device)
{
    return !HW_XEN_CONSOLE(device)->primary;
}

/* Of this process, whatever the area says that was loaded. */
static bool publish_tty(XenDevice *device, uint32_t t, GError **error)
{
    const char *tty = xen_console_tty(&HW_XEN_CONSOLE(device)->frontend);
    g_autofree char *path = g_strconcat(device->frontend_path, "/tty", NULL);

    if (tty) {
        return xen_device_write_frontend(device, t, error, "tty", "%s", tty);
    }
    store_client_remove(xen_device_client(device), t, path, NULL); /* perhaps none is there */
    return true;
}

static bool xen_console_publish(XenDevice *device, uint32_t t, GError **error)
{
    return xen_device_write_backend(device, t, error, "protocol", "vt100") &&
           xen_device_write_frontend(device, t, error, "protocol", "vt100") &&
           xen_device_write_frontend(device, t, error, "limit", "%u", OUTPUT_LIMIT) &&
           xen_device_write_frontend(device, t, error, "type", "ioemu") &&
           xen_device_write_frontend(device, t, error, "output", "pty") &&
           publish_tty(device, t, error);
}

/* ---- connection ---- */

static bool read_needed(XenDevice *device, const char *name, uint32_t *value, GError **error)
{
    uint64_t number = NOT_GIVEN;

    if (!xen_device_read_frontend_number(device, name, 0, UINT32_MAX, &number, error)) {
        return false;
    }
    *value = (uint32_t)number;
    return number != NOT_GIVEN || error_setf(error, "%s is missing", name);
}

static void close_ring(XenConsole *console)
{
    xen_console_ring_free(g_steal_pointer(&console->ring));
    xen_grant_unpin(xen_device_domain(HW_XEN_DEVICE(console)), &console->pin);
}

static bool xen_console_connect(XenDevice *device, GVariant *saved G_GNUC_UNUSED, GError **error)
{
    XenConsole *console = HW_XEN_CONSOLE(device);
    XenDomain *domain = xen_device_domain(device);
    g_autofree char *name = g_strdup_printf("xen-console %u", device->number);
    uint32_t reference, port;

    if (!read_needed(device, "ring-ref", &reference, error) ||
        !read_needed(device, "port", &port, error) || !publish_tty(device, 0, error)) {
        return false;
    }
    int status = xen_grant_pin(domain, reference, true, &console->pin);
    if (status != GNTST_okay) {
        return error_setf(error, "ring-ref %u cannot be mapped (%d)", reference, status);
    }
    console->ring = xen_console_ring_new(domain, console->pin.page, name);
    xen_console_ring_set_frontend(console->ring, &console->frontend);
    if (!xen_console_ring_connect(console->ring, port, error)) {
        close_ring(console);
        return false;
    }
    return true;
}

/* A front end that goes may use its page for something else already. */
static void xen_console_disconnect(XenDevice *device)
{
    XenConsole *console = HW_XEN_CONSOLE(device);

    if (device->frontend_state == XenbusStateConnected) {
        xen_console_ring_flush(console->ring);
    }
    close_ring(console);
}

/* ---- type ---- */

static const DeviceProperty console_properties[] = {
    DEVICE_PROPERTY_TEXT("chardev", XenConsole, chardev_property, NULL,
                         "ID of a chardev to use as a backend"),
    DEVICE_PROPERTY_RANGE(
        INT32, "idx", XenConsole, index_property, (uint64_t)INDEX_FREE, INT32_MAX,
        (uint64_t)INDEX_FREE,
        "the console's number, 0 for the primary one; -1: the first that is free"),
};

static void xen_console_class_init(DeviceClass *klass)
{
    XenDeviceClass *xen_class = HW_XEN_DEVICE_CLASS(klass);

    klass->description = "Xen PV console";
    klass->category = DEVICE_CATEGORY_INPUT;
    klass->user_creatable = true;
    xen_class->backend_type = "console";
    xen_class->frontend_class = "console";
    xen_class->set_up = xen_console_set_up;
    xen_class->tear_down = xen_console_tear_down;
    xen_class->may_appear = xen_console_may_appear;
    xen_class->publish = xen_console_publish;
    xen_class->connect = xen_console_connect;
    xen_class->disconnect = xen_console_disconnect;
    device_class_add_properties(klass, console_properties, G_N_ELEMENTS(console_properties));
}

static void xen_console_instance_init(XenConsole *console G_GNUC_UNUSED)
{
}
