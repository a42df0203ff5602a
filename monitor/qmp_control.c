/*
 * QMP: the session itself, its commands and events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/run_state.h"
#include "monitor/events.h"
#include "monitor/qmp_command.h"
#include "monitor/qmp_session.h"

JsonObject *qmp_version_object(void)
{
    const MonitorHost *host = monitor_host();
    JsonObject *version = json_object_new(), *triple = json_object_new();

    json_object_set_int_member(triple, "micro", host->version_micro);
    json_object_set_int_member(triple, "minor", host->version_minor);
    json_object_set_int_member(triple, "major", host->version_major);
    json_object_set_object_member(version, "qemu", triple);
    json_object_set_string_member(version, "package", host->package);
    return version;
}

static bool do_capabilities(QmpCall *call, GError **error)
{
    bool oob = qmp_has(call, "enable") &&
               json_array_get_length(json_object_get_array_member(call->arguments, "enable")) > 0;

    return qmp_session_negotiate(call->monitor, oob) ||
           qmp_fail(error, XENOLITH_ERROR_COMMAND_NOT_FOUND,
                    "Capabilities negotiation is already complete, command ignored");
}

static bool query_version(QmpCall *call, GError **error)
{
    return qmp_return_object(call, qmp_version_object());
}

static JsonObject *named(const char *name)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "name", name);
    return object;
}

static void add_command(const QmpCommand *command, void *list)
{
    json_array_add_object_element(list, named(command->name));
}

static bool query_commands(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    qmp_command_foreach(add_command, list);
    return qmp_return_array(call, list);
}

static bool query_events(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    for (unsigned i = 0; i < qmp_event_count; i++) {
        json_array_add_object_element(list, named(qmp_events[i].name));
    }
    return qmp_return_array(call, list);
}

static bool quit(QmpCall *call, GError **error)
{
    run_state_request_shutdown(SHUTDOWN_CAUSE_HOST_QMP_QUIT);
    run_state_process_requests();
    return true;
}

/* Connections that a broken peer could hold up: none here ever waits, so there is nothing to cut.
 */
static bool query_yank(QmpCall *call, GError **error)
{
    return qmp_return_array(call, json_array_new());
}

static bool yank(QmpCall *call, GError **error)
{
    JsonArray *instances = json_object_get_array_member(call->arguments, "instances");

    return json_array_get_length(instances) == 0 ||
           qmp_fail(error, XENOLITH_ERROR_DEVICE_NOT_FOUND, "Instance not found");
}

static const QmpCommand commands[] = {
    {"qmp_capabilities", "enable?:[QMPCapability]", NULL, 0, do_capabilities},
    {"query-version", NULL, "VersionInfo", 0, query_version},
    {"query-commands", NULL, "[CommandInfo]", 0, query_commands},
    {"query-events", NULL, "[EventInfo]", 0, query_events},
    {"quit", NULL, NULL, 0, quit},
    {"query-yank", NULL, "[YankInstance]", 0, query_yank},
    {"yank", "instances:[YankInstance]", NULL, QMP_OOB, yank},
};
const QmpTable qmp_table_control = {commands, G_N_ELEMENTS(commands)};
