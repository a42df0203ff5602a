/*
 * QMP: the balloon. A Xen guest has one without a device: memory/target in its store says how much
 * memory it is to have, and it gives frames back or takes them again by hypercall.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/xen_control.h"
#include "hw/xen/xen_query.h"
#include "monitor/events.h"
#include "monitor/monitor_xen.h"
#include "monitor/qmp_command.h"
#include "util/machine_lock.h"

#define PAGE_SIZE 4096

static XenMachine *find_xen(GError **error)
{
    XenMachine *xen = xen_machine_find(machine_get());

    if (!xen) {
        qmp_fail(error, XENOLITH_ERROR_DEVICE_NOT_ACTIVE, "No balloon device has been activated");
    }
    return xen;
}

static JsonObject *describe(XenDomain *domain)
{
    JsonObject *info = json_object_new();

    json_object_set_int_member(info, "actual", (gint64)xen_query_pages(domain) * PAGE_SIZE);
    return info;
}

static bool query_balloon(QmpCall *call, GError **error)
{
    XenMachine *xen = find_xen(error);

    return xen && qmp_return_object(call, describe(xen_machine_domain(xen)));
}

/* As QEMU: more than there is means all of it. */
static bool balloon(QmpCall *call, GError **error)
{
    XenMachine *xen = find_xen(error);
    int64_t value = qmp_int(call, "value", 0);
    uint64_t ram_size = machine_config(machine_get())->ram_size;
    Device *control;

    if (!xen) {
        return false;
    }
    if (value < 1024) {
        return error_setf(error, "Parameter 'target' expects a size");
    }
    control = machine_find_device(machine_get(), "/machine/xen-control");
    return control ? xen_control_set_memory_target(HW_XEN_CONTROL(control),
                                                   MIN((uint64_t)value, ram_size) / 1024, error)
                   : error_setf(error, "The machine has no " TYPE_XEN_CONTROL);
}

/* ---- BALLOON_CHANGE ---- */

static gboolean send_change(gpointer opaque)
{
    XenMachine *xen = xen_machine_find(machine_get());

    if (xen) {
        qmp_event("BALLOON_CHANGE", describe(xen_machine_domain(xen)));
    }
    return G_SOURCE_REMOVE;
}

static void memory_changed(XenDomain *domain)
{
    if (machine_lock_held()) {
        send_change(NULL);
    } else {
        g_idle_add(send_change, NULL);
    }
}

void event_balloon_start(void)
{
    xen_set_memory_listener(memory_changed);
}

void event_balloon_stop(void)
{
    xen_set_memory_listener(NULL);
}

static const QmpCommand commands[] = {
    {"query-balloon", NULL, "BalloonInfo", 0, query_balloon},
    {"balloon", "value:int", NULL, 0, balloon},
};
const QmpTable qmp_table_balloon = {commands, G_N_ELEMENTS(commands)};
