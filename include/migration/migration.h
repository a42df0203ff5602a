/*
 * Guests that are saved, restored and moved: what the monitors and start-up ask of migration/.
 *
 * All functions are for the main thread with the machine lock held.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_MIGRATION_H
#define MIGRATION_MIGRATION_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    MIGRATION_NONE,
    MIGRATION_SETUP,
    MIGRATION_CANCELLING,
    MIGRATION_CANCELLED,
    MIGRATION_ACTIVE,
    MIGRATION_PRE_SWITCHOVER,
    MIGRATION_DEVICE,
    MIGRATION_COMPLETED,
    MIGRATION_FAILED,
    MIGRATION_STATUS_COUNT
} MigrationStatus;

/** migration_status_name: QMP's: "setup", "pre-switchover" … */
const char *migration_status_name(MigrationStatus status);

typedef struct {
    MigrationStatus status;
    char *error; /* of a failed one, or NULL */
    bool has_ram;
    uint64_t total, remaining, transferred; /* bytes */
    uint64_t normal_pages, zero_pages, dirty_pages_rate, passes;
    double megabits_per_second;
    int64_t setup_ms, total_ms, downtime_ms, expected_downtime_ms; /* -1: not known */
} MigrationInfo;

/** migration_info: of the guest that leaves, or the one that arrives. */
void migration_info(MigrationInfo *info);
void migration_info_clear(MigrationInfo *info);
/** migration_in_progress: no device may come or go. */
bool migration_in_progress(void);

/** migration_blocker: why this machine cannot be saved at all, or NULL; the caller frees. */
char *migration_blocker(void);

/** MigrationTakeFd: the descriptor called @name, the caller's from now on; -1: @error. */
typedef int MigrationTakeFd(const char *name, void *opaque, GError **error);

typedef struct {
    void (*status_changed)(MigrationStatus status);
    void (*pass)(uint64_t number); /* pages are about to be gone through for the nth time */
} MigrationListener;

/** migration_set_listener: who is told; NULL: nobody. */
void migration_set_listener(const MigrationListener *listener);

/* ---- leaving ---- */

/**
 * migration_start: begins to send the guest to @uri, which runs on meanwhile if it runs. What is
 * wrong with @uri, or with the time, is the caller's error; what fails later is in
 * migration_info().
 */
bool migration_start(const char *uri, MigrationTakeFd *take_fd, void *opaque, GError **error);
/** migration_cancel: gives it up; nothing happens if there is none. */
void migration_cancel(void);
/** migration_continue: from @status, at which it waits ("pre-switchover"). */
bool migration_continue(const char *status, GError **error);

/* ---- arriving ---- */

/** migration_expect: the process waits for a guest: images are not locked until it is here. Before
 * any is opened. */
void migration_expect(void);
/** migration_begin_waiting: the machine is made; @start: it runs as soon as the guest is here. */
void migration_begin_waiting(bool start);
/** migration_receive: -incoming URI, migrate-incoming: once. */
bool migration_receive(const char *uri, MigrationTakeFd *take_fd, void *opaque, GError **error);

/** migration_shut_down: the process ends; whatever is under way is given up. */
void migration_shut_down(void);

/* ---- settings ---- */

typedef enum {
    MIGRATION_CAP_EVENTS,
    MIGRATION_CAP_PAUSE_BEFORE_SWITCHOVER,
    MIGRATION_CAP_LATE_BLOCK_ACTIVATE,
    MIGRATION_CAP_RETURN_PATH,
    MIGRATION_CAP_VALIDATE_UUID,
    MIGRATION_CAP_SUPPORTED, /* those from here on only have names */
} MigrationCapability;

bool migration_capability(MigrationCapability which);
/** migration_capability_set: by name; false: what it cannot do it does not pretend to. */
bool migration_capability_set(const char *name, bool on, GError **error);
/** migration_capability_name: number @n with its state, or NULL behind the last. */
const char *migration_capability_name(unsigned n, bool *on);

typedef enum {
    MIGRATION_MAX_BANDWIDTH,        /* bytes a second; 0: no limit */
    MIGRATION_DOWNTIME_LIMIT,       /* ms */
    MIGRATION_SWITCHOVER_BANDWIDTH, /* bytes a second to reckon with at the end; 0: as measured */
    MIGRATION_PARAMETERS
} MigrationParameter;

const char *migration_parameter_name(MigrationParameter which);
uint64_t migration_parameter(MigrationParameter which);
bool migration_parameter_set(MigrationParameter which, int64_t value, GError **error);

#endif
