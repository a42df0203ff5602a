/*
 * QMP: devices that come and go.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "migration/migration.h"
#include "monitor/qmp_command.h"

/* What has been described to another process does not change any more. */
static bool may_change(const char *command, GError **error)
{
    return !migration_in_progress() ||
           error_setf(error, "%s not allowed while migrating", command);
}

static bool device_add(QmpCall *call, GError **error)
{
    return may_change("device_add", error) &&
           machine_add_device_from_options(machine_get(), call->arguments, error) != NULL;
}

static bool device_del(QmpCall *call, GError **error)
{
    const char *id = qmp_string(call, "id");
    Device *device = machine_find_device(machine_get(), id);

    if (!may_change("device_del", error)) {
        return false;
    }
    if (!device) {
        return qmp_fail(error, XENOLITH_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", id);
    }
    Bus *bus = device_get_bus(device);
    if (!bus_check_hotplug(bus, device, error)) {
        return false;
    }
    /* DEVICE_DELETED tells when it is gone: now, or when the guest has let go of it. */
    if (bus && HW_BUS_GET_CLASS(bus)->request_unplug) {
        return HW_BUS_GET_CLASS(bus)->request_unplug(bus, device, error);
    }
    device_unrealize(device);
    return true;
}

static const QmpCommand commands[] = {
    {"device_add", "driver:str bus?:str id?:str", NULL, QMP_OPEN_ARGUMENTS, device_add,
     "json-cli json-cli-hotplug"},
    {"device_del", "id:str", NULL, 0, device_del},
};
const QmpTable qmp_table_device = {commands, G_N_ELEMENTS(commands)};
