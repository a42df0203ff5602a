/*
 * How it goes, of the guest that leaves or the one that arrives, and who is told.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "migration/private.h"

static const char *const status_names[MIGRATION_STATUS_COUNT] = {
    [MIGRATION_NONE] = "none",
    [MIGRATION_SETUP] = "setup",
    [MIGRATION_CANCELLING] = "cancelling",
    [MIGRATION_CANCELLED] = "cancelled",
    [MIGRATION_ACTIVE] = "active",
    [MIGRATION_PRE_SWITCHOVER] = "pre-switchover",
    [MIGRATION_DEVICE] = "device",
    [MIGRATION_COMPLETED] = "completed",
    [MIGRATION_FAILED] = "failed",
};

static const MigrationListener *listener;
static MigrationStatus status;
static char *error_text;

const char *migration_status_name(MigrationStatus which)
{
    return status_names[which];
}

void migration_set_listener(const MigrationListener *new_listener)
{
    listener = new_listener;
}

MigrationStatus migration_status(void)
{
    return status;
}

void migration_set_status(MigrationStatus now)
{
    if (now == status) {
        return;
    }
    status = now;
    if (now == MIGRATION_SETUP) {
        g_clear_pointer(&error_text, g_free);
    }
    if (listener) {
        listener->status_changed(now);
    }
}

void migration_set_failed(const char *reason)
{
    g_free(error_text);
    error_text = g_strdup(reason);
    migration_set_status(MIGRATION_FAILED);
}

void migration_tell_pass(uint64_t number)
{
    if (listener) {
        listener->pass(number);
    }
}

bool migration_in_progress(void)
{
    return status == MIGRATION_SETUP || status == MIGRATION_ACTIVE ||
           status == MIGRATION_CANCELLING || status == MIGRATION_PRE_SWITCHOVER ||
           status == MIGRATION_DEVICE;
}

void migration_info(MigrationInfo *info)
{
    *info = (MigrationInfo){
        .status = status,
        .error = g_strdup(error_text),
        .setup_ms = -1,
        .total_ms = -1,
        .downtime_ms = -1,
        .expected_downtime_ms = -1,
    };
    migration_outgoing_info(info);
}

void migration_info_clear(MigrationInfo *info)
{
    g_clear_pointer(&info->error, g_free);
}

void migration_shut_down(void)
{
    main_call_close();
    migration_outgoing_shut_down();
    migration_incoming_shut_down();
}
