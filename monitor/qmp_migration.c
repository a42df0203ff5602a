/*
 * QMP: saving, restoring and migrating. This build cannot; each command says so, and the questions
 * that management tools ask at every start have their answers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/qmp_command.h"

#define REASON "saving and restoring machines is not supported by this build"

static bool send_events; /* the capability "events": there are none to send */

static bool refuse(QmpCall *call, GError **error)
{
    return error_setf(error, REASON);
}

static bool query_migrate(QmpCall *call, GError **error)
{
    JsonObject *info = json_object_new();
    JsonArray *reasons = json_array_new();

    json_array_add_string_element(reasons, REASON);
    json_object_set_array_member(info, "blocked-reasons", reasons);
    return qmp_return_object(call, info);
}

static bool query_capabilities(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();
    JsonObject *events = json_object_new();

    json_object_set_string_member(events, "capability", "events");
    json_object_set_boolean_member(events, "state", send_events);
    json_array_add_object_element(list, events);
    return qmp_return_array(call, list);
}

static bool set_capabilities(QmpCall *call, GError **error)
{
    JsonArray *list = json_object_get_array_member(call->arguments, "capabilities");

    for (guint i = 0; i < json_array_get_length(list); i++) {
        send_events =
            json_object_get_boolean_member(json_array_get_object_element(list, i), "state");
    }
    return true;
}

static bool nothing_to_cancel(QmpCall *call, GError **error)
{
    return true;
}

static bool not_paused(QmpCall *call, GError **error)
{
    return error_setf(error, "migration cannot be paused or recovered: none is under way");
}

static const QmpCommand commands[] = {
    {"query-migrate", NULL, "MigrationInfo", 0, query_migrate},
    {"query-migrate-capabilities", NULL, "[MigrationCapabilityStatus]", 0, query_capabilities},
    {"migrate-set-capabilities", "capabilities:[MigrationCapabilityStatus]", NULL, 0,
     set_capabilities},
    {"migrate-set-parameters", "max-bandwidth?:int downtime-limit?:int", NULL, 0, refuse},
    {"migrate", "uri:str detach?:bool resume?:bool", NULL, 0, refuse},
    {"migrate-incoming", "uri:str", NULL, 0, refuse},
    {"migrate_cancel", NULL, NULL, 0, nothing_to_cancel},
    {"migrate-pause", NULL, NULL, QMP_OOB, not_paused},
    {"migrate-recover", "uri:str", NULL, QMP_OOB, not_paused},
};
const QmpTable qmp_table_migration = {commands, G_N_ELEMENTS(commands)};
