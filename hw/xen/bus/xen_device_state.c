/*
 * The state machine: what the back end does when the front end enters a state. The front end is the
 * guest's: it may skip states, go back, write nonsense or take its nodes away.
 *
 *   front end            back end
 *   Initialising         drops what was connected (a kernel begun anew), InitWait
 *   InitWait             -
 *   Initialised          connects, Connected; when connected already: the guest has resumed and
 * made its rings again: drops and connects Connected            connects if Initialised was skipped
 *   Closing              drops, Closing
 *   Closed, gone         drops, Closed; removed if it was to be
 *   Reconfiguring, -ed   - (only passed-through PCI has a use for them)
 *
 * Once Closing or Closed, only Initialising begins again.
 *
 * Source: xen/io/xenbus.h; the orders in which Linux's xenbus and its front ends go, crash kernels'
 * reset of a front end included.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/clock.h"
#include "util/log.h"
#include "util/options.h"
#include "util/trace.h"
#include "xen_bus_private.h"

TRACE_DEFINE(xen_device_frontend_state);
TRACE_DEFINE(xen_device_state);

static const char *const state_names[] = {
    [XenbusStateUnknown] = "Unknown",
    [XenbusStateInitialising] = "Initialising",
    [XenbusStateInitWait] = "InitWait",
    [XenbusStateInitialised] = "Initialised",
    [XenbusStateConnected] = "Connected",
    [XenbusStateClosing] = "Closing",
    [XenbusStateClosed] = "Closed",
    [XenbusStateReconfiguring] = "Reconfiguring",
    [XenbusStateReconfigured] = "Reconfigured",
};

const char *xen_device_state_name(XenbusState state)
{
    return (unsigned)state < G_N_ELEMENTS(state_names) ? state_names[state] : "?";
}

/* ---- our state ---- */

void xen_device_touch_state(XenDevice *device)
{
    g_autoptr(GError) error = NULL;

    if (device->present &&
        !xen_device_write_backend(device, 0, &error, "state", "%u", device->state)) {
        report_warning("%s: %s", device_name(HW_DEVICE(device)), error->message);
    }
}

void xen_device_set_state(XenDevice *device, XenbusState state)
{
    if (device->state == state) {
        return;
    }
    TRACE(xen_device_state, "%s %s", device->backend_path, xen_device_state_name(state));
    device->state = state;
    xen_device_touch_state(device);
}

void xen_device_drop(XenDevice *device)
{
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);

    g_clear_pointer(&device->saved, g_variant_unref);
    device->reconnect_pending = false;
    if (device->connected) {
        device->connected = false;
        if (klass->disconnect) {
            klass->disconnect(device);
        }
    }
}

void xen_device_fail(XenDevice *device, const char *reason)
{
    StoreClient *client = xen_device_client(device);

    log_printf(LOG_GUEST_ERRORS, "%s: %s\n", device->frontend_path, reason);
    xen_device_drop(device);
    if (device->present) {
        store_client_printf(client, 0, NULL, device->error_path, "%d %s", EINVAL, reason);
        xen_device_set_state(device, XenbusStateClosing);
    }
}

void xen_device_connect_frontend(XenDevice *device, GVariant *saved)
{
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);
    g_autoptr(GError) error = NULL;

    if (klass->connect && !klass->connect(device, saved, &error)) {
        xen_device_fail(device, error->message);
        return;
    }
    device->connected = true;
    store_client_remove(xen_device_client(device), 0, device->error_path, NULL);
    xen_device_set_state(device, XenbusStateConnected);
}

/* ---- what the front end's states do ---- */

static bool may_connect(XenDevice *device)
{
    return device->online &&
           (device->state == XenbusStateInitWait || device->state == XenbusStateInitialised ||
            device->state == XenbusStateConnected);
}

static void remove_if_asked(XenDevice *device)
{
    if (!device->online) {
        xen_device_remove(device);
    }
}

static void frontend_initialising(XenDevice *device)
{
    xen_device_drop(device);
    if (device->online) {
        xen_device_set_state(device, XenbusStateInitWait);
    } else {
        xen_device_set_state(device, XenbusStateClosed);
        xen_device_remove(device);
    }
}

static void frontend_initialised(XenDevice *device)
{
    xen_device_drop(device);
    if (may_connect(device)) {
        xen_device_connect_frontend(device, NULL);
    }
}

static void frontend_connected(XenDevice *device)
{
    if (!device->connected && may_connect(device)) {
        xen_device_connect_frontend(device, NULL);
    }
}

static void frontend_closing(XenDevice *device)
{
    xen_device_drop(device);
    if (device->state != XenbusStateClosed) {
        xen_device_set_state(device, XenbusStateClosing);
    }
}

static void frontend_closed(XenDevice *device)
{
    xen_device_drop(device);
    xen_device_set_state(device, XenbusStateClosed);
    remove_if_asked(device);
}

static void (*const entered[])(XenDevice *device) = {
    [XenbusStateUnknown] = frontend_closed, /* its nodes are gone */
    [XenbusStateInitialising] = frontend_initialising,
    [XenbusStateInitialised] = frontend_initialised,
    [XenbusStateConnected] = frontend_connected,
    [XenbusStateClosing] = frontend_closing,
    [XenbusStateClosed] = frontend_closed,
    [XenbusStateReconfigured] = NULL,
};

/* False if the node says nothing that means a state. */
static bool read_frontend_state(XenDevice *device, XenbusState *state)
{
    uint64_t number = XenbusStateUnknown;
    g_autoptr(GError) error = NULL;

    if (!xen_device_read_frontend_number(device, "state", XenbusStateInitialising,
                                         XenbusStateReconfigured, &number, &error)) {
        log_printf(LOG_GUEST_ERRORS, "%s: %s\n", device->frontend_path, error->message);
        return false;
    }
    *state = (XenbusState)number;
    return true;
}

void xen_device_check_frontend(XenDevice *device)
{
    XenDeviceClass *klass = HW_XEN_DEVICE_GET_CLASS(device);
    XenbusState state;

    if (!device->present || device->reconnect_pending || !read_frontend_state(device, &state) ||
        state == device->frontend_state) {
        return;
    }
    TRACE(xen_device_frontend_state, "%s %s", device->frontend_path, xen_device_state_name(state));
    device->frontend_state = state;
    if (entered[state]) {
        entered[state](device);
    }
    if (klass->frontend_changed && device->present) {
        klass->frontend_changed(device, state);
    }
}

/* xl and the like end a device by "online" = 0, or take its area away. */
void xen_device_check_backend(XenDevice *device)
{
    g_autofree char *path = g_strconcat(device->backend_path, "/online", NULL);
    g_autofree char *online = NULL;

    if (!device->present || device->reconnect_pending) {
        return;
    }
    online = store_client_read(xen_device_client(device), 0, path, NULL, NULL);
    if (!online) {
        xen_device_remove(device);
    } else if (device->online && g_str_equal(online, "0")) {
        xen_device_request_unplug(device);
    }
}

/* ---- hotplug ---- */

static bool ask_to_close(StoreClient *client G_GNUC_UNUSED, uint32_t transaction, void *opaque,
                         GError **error)
{
    XenDevice *device = opaque;

    return xen_device_write_backend(device, transaction, error, "online", "0") &&
           xen_device_write_backend(device, transaction, error, "state", "%u", XenbusStateClosing);
}

/* A front end that has never begun, or has ended, answers nothing. */
static bool frontend_is_there(XenDevice *device)
{
    return device->present && device->frontend_state != XenbusStateUnknown &&
           device->frontend_state != XenbusStateInitialising &&
           device->frontend_state != XenbusStateClosed;
}

void xen_device_request_unplug(XenDevice *device)
{
    g_autoptr(GError) error = NULL;

    if (!frontend_is_there(device)) {
        xen_device_remove(device);
        return;
    }
    device->online = false;
    device->state = XenbusStateClosing;
    device->unplug_asked = true;
    device->unplug_deadline =
        clock_get_ns(CLOCK_VIRTUAL) + XEN_DEVICE_UNPLUG_SECONDS * INT64_C(1000000000);
    store_client_remove(xen_device_client(device), 0, device->error_path, NULL);
    if (!store_client_transaction_run(xen_device_client(device), ask_to_close, device, &error)) {
        report_warning("%s: %s", device_name(HW_DEVICE(device)), error->message);
    }
}

bool xen_device_unplug(XenDevice *device, GError **error)
{
    if (!device->unplug_asked) {
        xen_device_request_unplug(device);
        return true;
    }
    if (clock_get_ns(CLOCK_VIRTUAL) < device->unplug_deadline) {
        return error_setf(error, "Device %s is already in the process of unplug",
                          device_name(HW_DEVICE(device)));
    }
    log_printf(LOG_GUEST_ERRORS, "%s: taken away, its front end has not let go\n",
               device->frontend_path);
    xen_device_remove(device);
    return true;
}

/* A front end that cannot close says why: Linux' blkfront that its disk is in use. */
void xen_device_check_error(XenDevice *device)
{
    g_autofree char *text = NULL;

    if (!device->present || !device->unplug_asked) {
        return;
    }
    text = store_client_read(xen_device_client(device), 0, device->error_path, NULL, NULL);
    if (text && text[0]) {
        log_printf(LOG_GUEST_ERRORS, "%s: the guest does not let go: %s\n", device->frontend_path,
                   text);
        device->unplug_deadline = 0;
        device_unplug_refused(HW_DEVICE(device));
    }
}

void xen_device_remove(XenDevice *device)
{
    if (device_is_realized(HW_DEVICE(device))) {
        device_unrealize(HW_DEVICE(device));
    }
}
