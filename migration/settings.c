/*
 * Capabilities and parameters.
 *
 * Capabilities have QEMU's names: management tools switch all that they know off before a save. One
 * that is not here can be switched off, and not on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdatomic.h>
#include <string.h>

#include "migration/migration.h"
#include "util/error.h"

#define MIB UINT64_C(1048576)

static const char *const capability_names[] = {
    [MIGRATION_CAP_EVENTS] = "events",
    [MIGRATION_CAP_PAUSE_BEFORE_SWITCHOVER] = "pause-before-switchover",
    [MIGRATION_CAP_LATE_BLOCK_ACTIVATE] = "late-block-activate",
    [MIGRATION_CAP_RETURN_PATH] = "return-path",
    [MIGRATION_CAP_VALIDATE_UUID] = "validate-uuid",
    "xbzrle",
    "rdma-pin-all",
    "auto-converge",
    "zero-blocks",
    "compress",
    "postcopy-ram",
    "x-colo",
    "release-ram",
    "block",
    "multifd",
    "dirty-bitmaps",
    "postcopy-blocktime",
    "x-ignore-shared",
    "background-snapshot",
    "zero-copy-send",
    "postcopy-preempt",
    "switchover-ack",
    "dirty-limit",
};

static bool switched_on[MIGRATION_CAP_SUPPORTED];

bool migration_capability(MigrationCapability which)
{
    return switched_on[which];
}

bool migration_capability_set(const char *name, bool on, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(capability_names); i++) {
        if (strcmp(capability_names[i], name) != 0) {
            continue;
        }
        if (i < MIGRATION_CAP_SUPPORTED) {
            switched_on[i] = on;
        }
        return i < MIGRATION_CAP_SUPPORTED || !on ||
               error_setf(error, "Migration capability '%s' is not supported by this build", name);
    }
    return error_setf(error, "Migration capability '%s' is not known", name);
}

const char *migration_capability_name(unsigned n, bool *on)
{
    if (n >= G_N_ELEMENTS(capability_names)) {
        return NULL;
    }
    *on = n < MIGRATION_CAP_SUPPORTED && switched_on[n];
    return capability_names[n];
}

static struct {
    const char *name;
    uint64_t maximum;
    _Atomic uint64_t value; /* the sending thread looks too */
} parameters[MIGRATION_PARAMETERS] = {
    [MIGRATION_MAX_BANDWIDTH] = {"max-bandwidth", INT64_MAX, 128 * MIB},
    [MIGRATION_DOWNTIME_LIMIT] = {"downtime-limit", 2000000, 300},
    [MIGRATION_SWITCHOVER_BANDWIDTH] = {"avail-switchover-bandwidth", INT64_MAX, 0},
};

const char *migration_parameter_name(MigrationParameter which)
{
    return parameters[which].name;
}

uint64_t migration_parameter(MigrationParameter which)
{
    return atomic_load(&parameters[which].value);
}

bool migration_parameter_set(MigrationParameter which, int64_t value, GError **error)
{
    if (value < 0 || (uint64_t)value > parameters[which].maximum) {
        return error_setf(
            error, "Parameter '%s' expects an integer in the range of 0 to %" G_GUINT64_FORMAT,
            parameters[which].name, (guint64)parameters[which].maximum);
    }
    atomic_store(&parameters[which].value, (uint64_t)value);
    return true;
}
