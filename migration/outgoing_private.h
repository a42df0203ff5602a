/*
 * The state of a guest's leaving.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_OUTGOING_PRIVATE_H
#define MIGRATION_OUTGOING_PRIVATE_H

#include "hw/core/run_state.h"
#include "migration/ram.h"

/* The section that says what run state the guest was in. */
#define OUTGOING_RUN_STATE "run-state"

/*
 * Fields are the thread's, or the main loop's while the thread waits for it in main_call(). The
 * main loop also reads the figures at any time: they are numbers that go stale, nothing hangs on
 * them.
 */
typedef struct {
    char *uri;
    GThread *thread;
    GMutex lock; /* @channel's appearance, @cancelled, @waits_at_switchover */
    GCond woken;
    MigrationChannel *channel;
    bool cancelled, waits_at_switchover, ended;
    bool wants_answer;
    StreamWriter writer;
    RamDirtyLog *log;
    RamSender sender;
    GVariant *description;
    GPtrArray *sections;
    RunState before; /* the stop */
    bool stopped;
    GError *error;
    /* figures */
    uint64_t total, remaining, transferred, passes, bandwidth, dirty_pages_rate;
    int64_t started_us, stopped_us;
    int64_t setup_ms, total_ms, downtime_ms, expected_downtime_ms;
} Outgoing;

/** outgoing_ms_since: from @us of g_get_monotonic_time() until now. */
int64_t outgoing_ms_since(int64_t us);

#endif
