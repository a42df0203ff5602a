/*
 * HMP: saving and moving the guest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "migration/migration.h"
#include "monitor/hmp.h"
#include "util/options.h"

/* "-d" (do not wait) is how it always is: a monitor that waited could not cancel. */
static bool run_migrate(HmpCall *call, GError **error)
{
    const char *uri = call->words[call->count - 1];

    for (unsigned i = 0; i + 1 < call->count; i++) {
        if (strcmp(call->words[i], "-d") != 0) {
            return error_setf(error, "unsupported option %s", call->words[i]);
        }
    }
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "migrate", 's', "uri", uri, 0);
    return result != NULL;
}

static bool run_incoming(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "migrate-incoming", 's', "uri", call->words[0], 0);
    return result != NULL;
}

static bool run_cancel(HmpCall *call, GError **error)
{
    return hmp_qmp_object(call, "migrate_cancel", NULL, error);
}

static bool run_continue(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "migrate-continue", 's', "state", call->words[0], 0);
    return result != NULL;
}

/* ---- settings ---- */

static bool run_set_capability(HmpCall *call, GError **error)
{
    bool on;

    return parse_bool(call->words[1], "state", &on, error) &&
           migration_capability_set(call->words[0], on, error);
}

static bool set_parameter(MigrationParameter which, const char *text, GError **error)
{
    uint64_t value;

    if (which == MIGRATION_DOWNTIME_LIMIT) {
        return parse_uint(text, migration_parameter_name(which), 0, INT64_MAX, &value, error) &&
               migration_parameter_set(which, (int64_t)value, error);
    }
    /* megabytes without a suffix */
    return parse_size(text, migration_parameter_name(which), UINT64_C(1) << 20, &value, error) &&
           migration_parameter_set(which, (int64_t)MIN(value, INT64_MAX), error);
}

static bool run_set_parameter(HmpCall *call, GError **error)
{
    for (unsigned i = 0; i < MIGRATION_PARAMETERS; i++) {
        if (strcmp(migration_parameter_name(i), call->words[0]) == 0) {
            return set_parameter(i, call->words[1], error);
        }
    }
    return error_setf(error, "invalid parameter: %s", call->words[0]);
}

static bool run_set_speed(HmpCall *call, GError **error)
{
    return set_parameter(MIGRATION_MAX_BANDWIDTH, call->words[0], error);
}

static bool run_set_downtime(HmpCall *call, GError **error)
{
    char *end;
    double seconds = g_ascii_strtod(call->words[0], &end);

    if (*end || end == call->words[0] || !(seconds >= 0 && seconds <= 2000)) {
        return error_setf(error, "invalid parameter: %s", call->words[0]);
    }
    return migration_parameter_set(MIGRATION_DOWNTIME_LIMIT, (int64_t)(seconds * 1000), error);
}

static const HmpCommand commands[] = {
    {"migrate", "[-d] uri", "save the guest, or move it to another process", 1, 3, run_migrate},
    {"migrate_incoming", "uri", "receive the guest that -incoming defer waits for", 1, 1,
     run_incoming},
    {"migrate_cancel", "", "give it up; the guest goes on here", 0, 0, run_cancel},
    {"migrate_continue", "state", "go on from where it waits", 1, 1, run_continue},
    {"migrate_set_capability", "capability on|off", "switch a capability", 2, 2,
     run_set_capability},
    {"migrate_set_parameter", "parameter value", "set a parameter", 2, 2, run_set_parameter},
    {"migrate_set_speed", "megabytes", "how much a second it may send", 1, 1, run_set_speed},
    {"migrate_set_downtime", "seconds", "how long the guest may stand still", 1, 1,
     run_set_downtime},
};
const HmpTable hmp_table_migration = {commands, G_N_ELEMENTS(commands)};

/* ---- info ---- */

static void print_ram(HmpCall *call, const MigrationInfo *info)
{
    const struct {
        const char *name;
        uint64_t value;
        const char *unit;
    } rows[] = {
        {"transferred ram", info->transferred >> 10, " kbytes"},
        {"remaining ram", info->remaining >> 10, " kbytes"},
        {"total ram", info->total >> 10, " kbytes"},
        {"duplicate", info->zero_pages, " pages"},
        {"normal", info->normal_pages, " pages"},
        {"dirty sync count", info->passes, ""},
        {"dirty pages rate", info->dirty_pages_rate, " pages"},
    };

    hmp_printf(call, "throughput: %.2f mbps\n", info->megabits_per_second);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        hmp_printf(call, "%s: %" G_GUINT64_FORMAT "%s\n", rows[i].name, (guint64)rows[i].value,
                   rows[i].unit);
    }
}

static void print_time(HmpCall *call, const char *name, int64_t ms)
{
    if (ms >= 0) {
        hmp_printf(call, "%s: %" G_GINT64_FORMAT " ms\n", name, (gint64)ms);
    }
}

static bool info_migrate(HmpCall *call, GError **error)
{
    MigrationInfo info;

    migration_info(&info);
    if (info.status != MIGRATION_NONE) {
        hmp_printf(call, "Migration status: %s%s%s\n", migration_status_name(info.status),
                   info.error ? ": " : "", info.error ? info.error : "");
        print_time(call, "total time", info.total_ms);
        print_time(call, "setup", info.setup_ms);
        print_time(call, "downtime", info.downtime_ms);
    }
    if (migration_in_progress()) {
        print_time(call, "expected downtime", info.expected_downtime_ms);
    }
    if (info.has_ram) {
        print_ram(call, &info);
    }
    migration_info_clear(&info);
    return true;
}

static bool info_capabilities(HmpCall *call, GError **error)
{
    const char *name;
    bool on;

    for (unsigned i = 0; (name = migration_capability_name(i, &on)); i++) {
        hmp_printf(call, "%s: %s\n", name, on ? "on" : "off");
    }
    return true;
}

static bool info_parameters(HmpCall *call, GError **error)
{
    for (unsigned i = 0; i < MIGRATION_PARAMETERS; i++) {
        hmp_printf(call, "%s: %" G_GUINT64_FORMAT " %s\n", migration_parameter_name(i),
                   (guint64)migration_parameter(i),
                   i == MIGRATION_DOWNTIME_LIMIT ? "ms" : "bytes/second");
    }
    return true;
}

static const HmpCommand info_commands[] = {
    {"migrate", "", "how a migration goes", 0, 0, info_migrate},
    {"migrate_capabilities", "", "what a migration can do", 0, 0, info_capabilities},
    {"migrate_parameters", "", "what it keeps to", 0, 0, info_parameters},
};
const HmpTable hmp_info_migration = {info_commands, G_N_ELEMENTS(info_commands)};
