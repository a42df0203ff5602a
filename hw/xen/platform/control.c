/*
 * Requests to the guest through the store, and the machine's power-down by them.
 *
 * A guest acknowledges by clearing control/shutdown, from a kernel thread and before anything is
 * shut down; five seconds of its own time are ample even for one that swaps, and short enough for
 * whoever pressed the button. What it does after that is its own affair, as it is after the ACPI
 * button.
 *
 * A request that is not answered is taken back: a kernel that starts its xenbus driver later, after
 * a kexec for instance, would obey what it finds there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/xen_control.h"

#include <errno.h>
#include <string.h>

#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "hw/xen/store_client.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/trace.h"

TRACE_DEFINE(xen_control_request);
TRACE_DEFINE(xen_control_acknowledged);

/* feature: where the guest says "1" it can or "0" it cannot; NULL: nobody has ever announced it. */
typedef struct {
    const char *name;
    const char *feature;
} Request;

enum {
    REQUEST_NONE,
    REQUEST_POWEROFF,
};

static const Request requests[] = {
    [REQUEST_NONE] = {NULL, NULL},
    [REQUEST_POWEROFF] = {"poweroff", "feature-poweroff"},
    {"halt", NULL},
    {"reboot", "feature-reboot"},
    {"suspend", "feature-suspend"},
    {"s3", "feature-s3"},
    {"s4", "feature-s4"},
};

struct _XenControl {
    Device parent_instance;
    XenStore *store;
    uint16_t domid;
    StoreClient *client;
    uint8_t pending; /* index into requests */
    Timer *give_up;  /* armed: the ACPI button is next */
};

typedef enum {
    FEATURE_SILENT, /* not announced: some guests obey all the same */
    FEATURE_CANNOT,
    FEATURE_CAN,
} Feature;

DEVICE_TYPE(XenControl, xen_control, TYPE_XEN_CONTROL, TYPE_DEVICE)

/* ---- the domain's nodes ---- */

static char *domain_path(XenControl *control, const char *tail)
{
    return g_strdup_printf(STORE_DOMAIN_PATH "%u/%s", control->domid, tail);
}

/* NULL: not there. */
static char *read_node(XenControl *control, uint32_t transaction, const char *tail)
{
    g_autofree char *path = domain_path(control, tail);

    return store_client_read(control->client, transaction, path, NULL, NULL);
}

static Feature read_feature(XenControl *control, const Request *request)
{
    g_autofree char *tail = g_strconcat("control/", request->feature, NULL);
    g_autofree char *value = request->feature ? read_node(control, 0, tail) : NULL;

    if (g_strcmp0(value, "1") == 0) {
        return FEATURE_CAN;
    }
    return g_strcmp0(value, "0") == 0 ? FEATURE_CANNOT : FEATURE_SILENT;
}

typedef struct {
    XenControl *control;
    const char *tail, *value;
} NodeWrite;

/* The guest owns the node, as it answers there; one that it has removed is made anew. */
static bool write_guests_node(StoreClient *client, uint32_t transaction, void *opaque,
                              GError **error)
{
    const NodeWrite *write = opaque;
    const StorePermission owner = {write->control->domid, STORE_ACCESS_NONE};
    g_autofree char *path = domain_path(write->control, write->tail);

    return store_client_write(client, transaction, path, write->value, strlen(write->value),
                              error) &&
           store_client_set_permissions(client, transaction, path, &owner, 1, error);
}

static bool write_node(XenControl *control, const char *tail, const char *value, GError **error)
{
    NodeWrite write = {control, tail, value};

    if (store_client_transaction_run(control->client, write_guests_node, &write, error)) {
        return true;
    }
    g_prefix_error(error, "xenstore ~/%s: ", tail);
    return false;
}

/* ---- the request that is under way ---- */

static void forget(XenControl *control)
{
    control->pending = REQUEST_NONE;
    timer_del(control->give_up);
}

/* True while the node still says what was asked. */
static bool is_unanswered(XenControl *control, uint32_t transaction)
{
    g_autofree char *value = read_node(control, transaction, "control/shutdown");

    return control->pending != REQUEST_NONE &&
           g_strcmp0(value, requests[control->pending].name) == 0;
}

static bool clear_if_unanswered(StoreClient *client, uint32_t transaction, void *opaque,
                                GError **error)
{
    NodeWrite clear = {opaque, "control/shutdown", ""};

    return !is_unanswered(opaque, transaction) ||
           write_guests_node(client, transaction, &clear, error);
}

static void take_back(XenControl *control)
{
    g_autoptr(GError) error = NULL;

    if (!store_client_transaction_run(control->client, clear_if_unanswered, control, &error)) {
        report_warning("xen: the request to the guest cannot be taken back: %s", error->message);
    }
    forget(control);
}

/* Cleared, removed, or overwritten by somebody else: the request is no longer ours to see to. */
static void shutdown_changed(StoreClient *client G_GNUC_UNUSED, const char *path G_GNUC_UNUSED,
                             void *opaque)
{
    XenControl *control = opaque;

    if (control->pending != REQUEST_NONE && !is_unanswered(control, 0)) {
        TRACE(xen_control_acknowledged, "%s", requests[control->pending].name);
        forget(control);
    }
}

static bool request_row(XenControl *control, uint8_t row, GError **error)
{
    if (!write_node(control, "control/shutdown", requests[row].name, error)) {
        return false;
    }
    TRACE(xen_control_request, "%s", requests[row].name);
    control->pending = row;
    timer_del(control->give_up);
    return true;
}

bool xen_control_request(XenControl *control, const char *request, GError **error)
{
    for (uint8_t i = REQUEST_NONE + 1; i < G_N_ELEMENTS(requests); i++) {
        if (strcmp(requests[i].name, request) != 0) {
            continue;
        }
        if (read_feature(control, &requests[i]) == FEATURE_CANNOT) {
            return error_setf(error, "the guest cannot do '%s': its control/%s is 0", request,
                              requests[i].feature);
        }
        return request_row(control, i, error);
    }
    return error_setf(error,
                      "'%s' is no request to a Xen guest: expected poweroff, halt, reboot, "
                      "suspend, s3 or s4",
                      request);
}

const char *xen_control_pending(XenControl *control)
{
    return requests[control->pending].name;
}

/* ---- power-down ---- */

static void no_answer(void *opaque)
{
    XenControl *control = opaque;

    /* The answer may be there and its event not yet dispatched. */
    if (!is_unanswered(control, 0)) {
        forget(control);
        return;
    }
    report_warning("the guest has not answered the power-down in xenstore within %d seconds: "
                   "pressing its ACPI power button",
                   XEN_CONTROL_TIMEOUT_SECONDS);
    take_back(control);
    run_state_press_power_button();
}

/* True: the guest has been asked, or is just being asked. */
static bool powerdown(void *opaque)
{
    XenControl *control = opaque;
    g_autoptr(GError) error = NULL;

    /* In S3 the button is what wakes the machine. */
    if (run_state_get() == RUN_STATE_SUSPENDED ||
        read_feature(control, &requests[REQUEST_POWEROFF]) != FEATURE_CAN) {
        return false;
    }
    if (timer_pending(control->give_up) && is_unanswered(control, 0)) {
        return true;
    }
    if (!request_row(control, REQUEST_POWEROFF, &error)) {
        report_warning("xen: the guest cannot be asked to power off: %s", error->message);
        return false;
    }
    timer_mod(control->give_up,
              clock_get_ns(CLOCK_VIRTUAL) + XEN_CONTROL_TIMEOUT_SECONDS * NS_PER_SECOND);
    return true;
}

/* ---- the rest of what a tool stack may ask ---- */

bool xen_control_sysrq(XenControl *control, char key, GError **error)
{
    const char text[] = {key, '\0'};

    if (!g_ascii_isalnum(key)) {
        return error_setf(error, "SysRq key 0x%02x is no letter and no digit", (uint8_t)key);
    }
    return write_node(control, "control/sysrq", text, error);
}

bool xen_control_set_memory_target(XenControl *control, uint64_t kib, GError **error)
{
    g_autofree char *maximum_path = domain_path(control, "memory/static-max");
    g_autofree char *target_path = domain_path(control, "memory/target");
    uint64_t maximum;

    if (!store_client_read_uint(control->client, 0, maximum_path, &maximum, error)) {
        return false;
    }
    if (kib == 0 || kib > maximum) {
        return error_setf(
            error, "memory target %" G_GUINT64_FORMAT " KiB is not within 1 and %" G_GUINT64_FORMAT,
            (guint64)kib, (guint64)maximum);
    }
    return store_client_printf(control->client, 0, error, target_path, "%" G_GUINT64_FORMAT,
                               (guint64)kib);
}

/* ---- life ---- */

static bool xen_control_realize(Device *device, GError **error)
{
    XenControl *control = HW_XEN_CONTROL(device);
    g_autofree char *path = domain_path(control, "control/shutdown");

    control->client = store_client_new(control->store, STORE_DOMID_PRIVILEGED);
    if (!store_client_watch(control->client, path, shutdown_changed, control, error)) {
        g_clear_pointer(&control->client, store_client_free);
        return false;
    }
    store_client_attach(control->client, NULL);
    control->give_up = timer_new(CLOCK_VIRTUAL, no_answer, control);
    run_state_set_powerdown_filter(powerdown, control);
    return true;
}

static void xen_control_unrealize(Device *device)
{
    XenControl *control = HW_XEN_CONTROL(device);

    run_state_set_powerdown_filter(NULL, NULL);
    g_clear_pointer(&control->give_up, timer_free);
    g_clear_pointer(&control->client, store_client_free);
}

static void xen_control_reset(Device *device)
{
    XenControl *control = HW_XEN_CONTROL(device);

    if (control->pending != REQUEST_NONE) {
        take_back(control);
    }
}

static bool xen_control_post_load(Device *device, GError **error)
{
    XenControl *control = HW_XEN_CONTROL(device);
    bool waits = timer_pending(control->give_up);

    if (control->pending >= G_N_ELEMENTS(requests) ||
        (waits && control->pending != REQUEST_POWEROFF)) {
        forget(control);
        return error_setf(error, "saved request to the Xen guest is out of range");
    }
    return true;
}

static const SavedField xen_control_fields[] = {
    SAVED(XenControl, pending),
    SAVED_TIMER(XenControl, give_up),
};

static void xen_control_instance_init(XenControl *control G_GNUC_UNUSED)
{
}

static void xen_control_class_init(DeviceClass *klass)
{
    klass->description = "requests to a Xen guest";
    klass->realize = xen_control_realize;
    klass->unrealize = xen_control_unrealize;
    klass->reset = xen_control_reset;
    klass->post_load = xen_control_post_load;
    klass->saved_fields = xen_control_fields;
    klass->saved_field_count = G_N_ELEMENTS(xen_control_fields);
    klass->saved_version = 1;
}

XenControl *xen_control_new(Machine *machine, XenStore *store, uint16_t domid, GError **error)
{
    XenControl *control;

    if (machine_find_device(machine, "/machine/xen-control")) {
        error_setf(error, "the machine already has a " TYPE_XEN_CONTROL);
        return NULL;
    }
    control = HW_XEN_CONTROL(device_new(xen_control_get_type()));
    control->store = store;
    control->domid = domid;
    device_set_path(HW_DEVICE(control), "/machine/xen-control");
    return device_realize_and_unref(HW_DEVICE(control), machine, NULL, error) ? control : NULL;
}
