/*
 * QMP: saving, restoring and moving the guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "migration/migration.h"
#include "monitor/qmp_command.h"

#define PAGE_SIZE 4096

/* ---- what people ask ---- */

static JsonObject *ram_figures(const MigrationInfo *info)
{
    JsonObject *ram = json_object_new();
    const struct {
        const char *name;
        uint64_t value;
    } figures[] = {
        {"transferred", info->transferred},
        {"remaining", info->remaining},
        {"total", info->total},
        {"duplicate", info->zero_pages},
        {"skipped", 0},
        {"normal", info->normal_pages},
        {"normal-bytes", info->normal_pages * PAGE_SIZE},
        {"dirty-pages-rate", info->dirty_pages_rate},
        {"dirty-sync-count", info->passes},
        {"postcopy-requests", 0},
        {"page-size", PAGE_SIZE},
        {"multifd-bytes", 0},
        {"pages-per-second", info->total_ms > 0 ? (info->normal_pages + info->zero_pages) * 1000 /
                                                      (uint64_t)info->total_ms
                                                : 0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(figures); i++) {
        json_object_set_int_member(ram, figures[i].name, (int64_t)figures[i].value);
    }
    json_object_set_double_member(ram, "mbps", info->megabits_per_second);
    return ram;
}

static void set_known(JsonObject *object, const char *name, int64_t value)
{
    if (value >= 0) {
        json_object_set_int_member(object, name, value);
    }
}

static bool query_migrate(QmpCall *call, GError **error)
{
    JsonObject *answer = json_object_new();
    g_autofree char *blocker = migration_blocker();
    MigrationInfo info;

    if (blocker) {
        JsonArray *reasons = json_array_new();

        json_array_add_string_element(reasons, blocker);
        json_object_set_array_member(answer, "blocked-reasons", reasons);
    }
    migration_info(&info);
    if (info.status != MIGRATION_NONE) {
        json_object_set_string_member(answer, "status", migration_status_name(info.status));
        set_known(answer, "total-time", info.total_ms);
        set_known(answer, "setup-time", info.setup_ms);
        set_known(answer, "downtime", info.downtime_ms);
    }
    if (migration_in_progress()) {
        set_known(answer, "expected-downtime", info.expected_downtime_ms);
    }
    if (info.has_ram) {
        json_object_set_object_member(answer, "ram", ram_figures(&info));
    }
    if (info.error) {
        json_object_set_string_member(answer, "error-desc", info.error);
    }
    migration_info_clear(&info);
    return qmp_return_object(call, answer);
}

/* ---- settings ---- */

static bool query_capabilities(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();
    const char *name;
    bool on;

    for (unsigned i = 0; (name = migration_capability_name(i, &on)); i++) {
        JsonObject *entry = json_object_new();

        json_object_set_string_member(entry, "capability", name);
        json_object_set_boolean_member(entry, "state", on);
        json_array_add_object_element(list, entry);
    }
    return qmp_return_array(call, list);
}

static bool set_capabilities(QmpCall *call, GError **error)
{
    JsonArray *list = json_object_get_array_member(call->arguments, "capabilities");

    if (migration_in_progress()) {
        return error_setf(error, "There's a migration process in progress");
    }
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *entry = json_array_get_object_element(list, i);

        if (!migration_capability_set(json_object_get_string_member(entry, "capability"),
                                      json_object_get_boolean_member(entry, "state"), error)) {
            return false;
        }
    }
    return true;
}

static bool query_parameters(QmpCall *call, GError **error)
{
    JsonObject *answer = json_object_new();

    for (unsigned i = 0; i < MIGRATION_PARAMETERS; i++) {
        json_object_set_int_member(answer, migration_parameter_name(i),
                                   (int64_t)migration_parameter(i));
    }
    return qmp_return_object(call, answer);
}

static bool set_parameters(QmpCall *call, GError **error)
{
    for (unsigned i = 0; i < MIGRATION_PARAMETERS; i++) {
        const char *name = migration_parameter_name(i);

        if (qmp_has(call, name) && !migration_parameter_set(i, qmp_int(call, name, 0), error)) {
            return false;
        }
    }
    return true;
}

/* ---- doing it ---- */

static int take_fd(const char *name, void *opaque, GError **error)
{
    return monitor_fd_take(opaque, name, error);
}

static bool migrate(QmpCall *call, GError **error)
{
    if (qmp_bool(call, "resume", false)) {
        return error_setf(error, "Cannot resume if there is no paused migration");
    }
    return migration_start(qmp_string(call, "uri"), take_fd, call->monitor, error);
}

static bool migrate_incoming(QmpCall *call, GError **error)
{
    return migration_receive(qmp_string(call, "uri"), take_fd, call->monitor, error);
}

static bool migrate_cancel(QmpCall *call, GError **error)
{
    migration_cancel();
    return true;
}

static bool migrate_continue(QmpCall *call, GError **error)
{
    return migration_continue(qmp_string(call, "state"), error);
}

static bool not_paused(QmpCall *call, GError **error)
{
    return error_setf(error,
                      "migration cannot be paused or recovered: only one with postcopy could, "
                      "which is not supported by this build");
}

static bool no_postcopy(QmpCall *call, GError **error)
{
    return error_setf(error, "Enable postcopy with migrate_set_capability before the start of "
                             "migration");
}

static const QmpCommand commands[] = {
    {"query-migrate", NULL, "MigrationInfo", 0, query_migrate},
    {"query-migrate-capabilities", NULL, "[MigrationCapabilityStatus]", 0, query_capabilities},
    {"migrate-set-capabilities", "capabilities:[MigrationCapabilityStatus]", NULL, 0,
     set_capabilities},
    {"query-migrate-parameters", NULL, "MigrationParameters", 0, query_parameters},
    {"migrate-set-parameters", "=MigrationParameters", NULL, 0, set_parameters},
    {"migrate", "uri:str detach?:bool resume?:bool", NULL, 0, migrate},
    {"migrate-incoming", "uri:str", NULL, 0, migrate_incoming},
    {"migrate_cancel", NULL, NULL, 0, migrate_cancel},
    {"migrate-continue", "state:MigrationStatus", NULL, 0, migrate_continue},
    {"migrate-start-postcopy", NULL, NULL, 0, no_postcopy},
    {"migrate-pause", NULL, NULL, QMP_OOB, not_paused},
    {"migrate-recover", "uri:str", NULL, QMP_OOB, not_paused},
};
const QmpTable qmp_table_migration = {commands, G_N_ELEMENTS(commands)};
