/*
 * A guest that leaves: a thread sends its memory while it runs on, pass after pass over the pages
 * written meanwhile, until what is left fits into the downtime allowed; then it is stopped, its
 * devices and the rest follow, and the images are given up.
 *
 * The thread waits for the channel and never holds the machine lock meanwhile; whatever touches the
 * machine it asks the main loop to do (main_call.h). Until the very end everything can be undone:
 * then the guest goes on here as if nothing had been.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "block/block.h"
#include "hw/core/run_state.h"
#include "migration/machine_state.h"
#include "migration/outgoing_private.h"
#include "migration/private.h"
#include "migration/transport.h"
#include "util/error.h"
#include "util/log.h"
#include "util/machine_lock.h"

#define PAUSE_MS 10 /* between two passes that find nothing */

static Outgoing *leaving; /* the last one; kept for its figures */

static void outgoing_free(Outgoing *out)
{
    ram_sender_clear(&out->sender);
    channel_free(out->channel);
    g_clear_pointer(&out->sections, g_ptr_array_unref);
    g_clear_error(&out->error);
    g_mutex_clear(&out->lock);
    g_cond_clear(&out->woken);
    g_free(out->uri);
    g_free(out);
}

/* ---- on the main loop ---- */

/* A cancelled one does not look as if it went on. */
static void advance(MigrationStatus status)
{
    if (migration_status() != MIGRATION_CANCELLING) {
        migration_set_status(status);
    }
}

static void begin(void *opaque)
{
    Outgoing *out = opaque;
    Accel *accel = machine_accel(machine_get());

    out->log = ram_dirty_log_start();
    out->total = ram_total(out->log);
    ram_sender_init(&out->sender, out->log, &out->writer);
    if (!accel_log_dirty(accel, true, &out->error)) {
        return;
    }
    out->description = g_variant_ref_sink(
        machine_describe(machine_get(), ram_layout(out->log), out->wants_answer));
    out->setup_ms = outgoing_ms_since(out->started_us);
    advance(MIGRATION_ACTIVE);
}

static void begin_pass(void *opaque)
{
    Outgoing *out = opaque;

    if (out->passes > 0) {
        accel_sync_dirty(machine_accel(machine_get()), &out->error);
    }
    out->remaining = ram_dirty_log_count(out->log) * RAM_PAGE_SIZE;
    out->passes++;
    migration_tell_pass(out->passes);
}

/* The guest may just have asked for something that only this process knows of: that comes first. */
static void stop_guest(void *opaque)
{
    Outgoing *out = opaque;

    run_state_process_requests();
    out->before = run_state_get();
    out->stopped = true;
    out->stopped_us = g_get_monotonic_time();
    run_state_stop(RUN_STATE_FINISH_MIGRATE);
    if (run_state_requests_waiting()) {
        out->stopped = false;
        run_state_resume_as(out->before, &out->error);
        return;
    }
    if (out->waits_at_switchover) {
        advance(MIGRATION_PRE_SWITCHOVER);
    }
}

static void take_state(void *opaque)
{
    Outgoing *out = opaque;

    advance(MIGRATION_DEVICE);
    /* devices may still write to the guest's memory when they are saved: before the log's last look
     */
    out->sections = machine_sections_save(machine_get());
    machine_sections_add(out->sections, OUTGOING_RUN_STATE,
                         g_variant_new_string(run_state_name(out->before)));
    if (accel_sync_dirty(machine_accel(machine_get()), &out->error)) {
        block_deactivate_images(&out->error);
    }
    out->remaining = ram_dirty_log_count(out->log) * RAM_PAGE_SIZE;
}

static void go_on_here(Outgoing *out)
{
    g_autoptr(GError) error = NULL;

    if (!out->stopped) {
        return;
    }
    if (!block_activate_images(&error)) {
        run_state_resume_as(RUN_STATE_PAUSED, NULL);
    } else {
        run_state_resume_as(out->before, &error);
    }
    if (error) {
        report_error("the guest stays stopped: %s", error->message);
    }
}

static void conclude(void *opaque)
{
    Outgoing *out = opaque;

    accel_log_dirty(machine_accel(machine_get()), false, NULL);
    ram_dirty_log_stop(g_steal_pointer(&out->log));
    out->total_ms = outgoing_ms_since(out->started_us);
    if (!out->error) {
        out->remaining = 0;
        out->downtime_ms = outgoing_ms_since(out->stopped_us);
        run_state_stop(RUN_STATE_POSTMIGRATE);
        migration_set_status(MIGRATION_COMPLETED);
    } else if (out->cancelled) {
        go_on_here(out);
        migration_set_status(MIGRATION_CANCELLED);
    } else {
        report_warning("migration: %s", out->error->message);
        go_on_here(out);
        migration_set_failed(out->error->message);
    }
    out->transferred = out->channel ? channel_transferred(out->channel) : 0;
    g_clear_pointer(&out->channel, channel_free);
    g_clear_pointer(&out->sections, g_ptr_array_unref);
    out->ended = true;
}

/* ---- on the thread ---- */

/* False: it went wrong, or the process ends. */
static bool on_main(Outgoing *out, void (*function)(void *opaque))
{
    return main_call(function, out) && !out->error;
}

static bool open_channel(Outgoing *out)
{
    MigrationChannel *channel;
    bool cancelled;

    if (!out->channel) {
        channel = transport_open_outgoing(out->uri, NULL, NULL, &out->error);
        g_mutex_lock(&out->lock);
        out->channel = channel;
        cancelled = out->cancelled;
        g_mutex_unlock(&out->lock);
        if (channel && cancelled) {
            channel_cancel(channel);
        }
    }
    return out->channel != NULL;
}

/* Bytes a second that can be reckoned with at the end. */
static uint64_t bandwidth_at_the_end(const Outgoing *out)
{
    uint64_t said = migration_parameter(MIGRATION_SWITCHOVER_BANDWIDTH);

    return said ? said : out->bandwidth;
}

/* Whether what is left can be sent while the guest stands still. */
static bool little_is_left(Outgoing *out)
{
    uint64_t bandwidth = bandwidth_at_the_end(out);
    uint64_t limit_ms = migration_parameter(MIGRATION_DOWNTIME_LIMIT);

    if (out->remaining == 0) {
        return true;
    }
    if (out->passes <= 1 || bandwidth == 0) {
        return false;
    }
    out->expected_downtime_ms = (int64_t)(out->remaining * 1000 / bandwidth);
    return (uint64_t)out->expected_downtime_ms <= limit_ms;
}

static bool send_pass(Outgoing *out)
{
    uint64_t bytes_before = channel_transferred(out->channel);
    int64_t before_us = g_get_monotonic_time();
    int64_t took_us;

    channel_set_rate(out->channel, migration_parameter(MIGRATION_MAX_BANDWIDTH));
    if (!ram_send_written(&out->sender, &out->error)) {
        return false;
    }
    took_us = MAX(g_get_monotonic_time() - before_us, 1);
    out->bandwidth =
        (channel_transferred(out->channel) - bytes_before) * G_USEC_PER_SEC / (uint64_t)took_us;
    out->dirty_pages_rate = out->remaining / RAM_PAGE_SIZE * G_USEC_PER_SEC / (uint64_t)took_us;
    return true;
}

static bool send_while_it_runs(Outgoing *out)
{
    for (;;) {
        if (!on_main(out, begin_pass)) {
            return false;
        }
        if (little_is_left(out)) {
            return true;
        }
        if (!send_pass(out)) {
            return false;
        }
    }
}

static bool wait_for_leave(Outgoing *out)
{
    g_mutex_lock(&out->lock);
    while (out->waits_at_switchover && !out->cancelled) {
        g_cond_wait(&out->woken, &out->lock);
    }
    g_mutex_unlock(&out->lock);
    return !out->cancelled || error_setf(&out->error, "%s: cancelled", out->uri);
}

static bool stop_and_take_state(Outgoing *out)
{
    while (!out->stopped) {
        if (!on_main(out, stop_guest)) {
            return false;
        }
        if (!out->stopped) {
            g_usleep(PAUSE_MS * 1000);
        }
    }
    return wait_for_leave(out) && on_main(out, take_state);
}

static bool send_sections(Outgoing *out)
{
    for (guint i = 0; i < out->sections->len; i++) {
        const MachineSection *section = g_ptr_array_index(out->sections, i);

        if (!stream_write_section(&out->writer, section->path, section->state, &out->error)) {
            return false;
        }
    }
    return true;
}

static bool hear_answer(Outgoing *out)
{
    char answer[sizeof(MIGRATION_ANSWER) - 1];
    g_autoptr(GError) reason = NULL;

    if (!out->wants_answer) {
        return true;
    }
    if (!channel_read(out->channel, answer, sizeof(answer), &reason) ||
        memcmp(answer, MIGRATION_ANSWER, sizeof(answer)) != 0) {
        return error_setf(&out->error, "%s: the guest has not arrived", out->uri);
    }
    return true;
}

static bool send_rest(Outgoing *out)
{
    channel_set_rate(out->channel, 0);
    return ram_send_written(&out->sender, &out->error) && send_sections(out) &&
           stream_end(&out->writer, &out->error) && channel_finish(out->channel, &out->error) &&
           hear_answer(out);
}

static gpointer outgoing_thread(gpointer opaque)
{
    Outgoing *out = opaque;

    if (open_channel(out)) {
        out->wants_answer =
            migration_capability(MIGRATION_CAP_RETURN_PATH) && channel_is_socket(out->channel);
        if (on_main(out, begin) &&
            stream_begin(&out->writer, out->channel, g_steal_pointer(&out->description),
                         &out->error) &&
            send_while_it_runs(out) && stop_and_take_state(out)) {
            send_rest(out);
        }
    }
    if (!out->error && !out->sections) {
        error_setf(&out->error, "the process ends");
    }
    main_call(conclude, out);
    return NULL;
}

/* ---- commands ---- */

/* What may take its time is opened by the thread. */
static bool opens_at_once(const char *uri)
{
    return !g_str_has_prefix(uri, "tcp:");
}

char *migration_blocker(void)
{
    const char *temporary = block_temporary_node();

    if (!machine_config(machine_get())->ram_block) {
        return g_strdup_printf("The machine '%s' has nothing to save",
                               HW_MACHINE_GET_CLASS(machine_get())->name);
    }
    return temporary ? g_strdup_printf("What was written to '%s' ends with this process "
                                       "(snapshot=on)",
                                       temporary)
                     : NULL;
}

bool migration_start(const char *uri, MigrationTakeFd *take_fd, void *opaque, GError **error)
{
    RunState state = run_state_get();
    MigrationChannel *channel = NULL;
    g_autofree char *blocker = migration_blocker();

    if (migration_in_progress()) {
        return error_setf(error, "There's a migration process in progress");
    }
    if (state == RUN_STATE_INMIGRATE) {
        return error_setf(error, "Guest is waiting for an incoming migration");
    }
    if (state == RUN_STATE_POSTMIGRATE) {
        return error_setf(error, "Can't migrate the vm that was paused due to previous migration");
    }
    if (blocker) {
        return error_setf(error, "%s", blocker);
    }
    if (opens_at_once(uri)) {
        channel = transport_open_outgoing(uri, take_fd, opaque, error);
        if (!channel) {
            return false;
        }
    }
    migration_outgoing_shut_down();
    leaving = g_new0(Outgoing, 1);
    g_mutex_init(&leaving->lock);
    g_cond_init(&leaving->woken);
    leaving->uri = g_strdup(uri);
    leaving->channel = channel;
    leaving->waits_at_switchover = migration_capability(MIGRATION_CAP_PAUSE_BEFORE_SWITCHOVER);
    leaving->started_us = g_get_monotonic_time();
    leaving->downtime_ms = leaving->expected_downtime_ms = -1;
    migration_set_status(MIGRATION_SETUP);
    leaving->thread = g_thread_new("migration", outgoing_thread, leaving);
    return true;
}

void migration_cancel(void)
{
    if (!leaving || leaving->ended || !migration_in_progress()) {
        return;
    }
    migration_set_status(MIGRATION_CANCELLING);
    g_mutex_lock(&leaving->lock);
    leaving->cancelled = true;
    if (leaving->channel) {
        channel_cancel(leaving->channel);
    }
    g_cond_signal(&leaving->woken);
    g_mutex_unlock(&leaving->lock);
}

bool migration_continue(const char *status, GError **error)
{
    if (strcmp(status, migration_status_name(migration_status())) != 0) {
        return error_setf(error, "Migration not in expected state: %s",
                          migration_status_name(migration_status()));
    }
    if (migration_status() == MIGRATION_PRE_SWITCHOVER) {
        g_mutex_lock(&leaving->lock);
        leaving->waits_at_switchover = false;
        g_cond_signal(&leaving->woken);
        g_mutex_unlock(&leaving->lock);
    }
    return true;
}

/* ---- figures ---- */

int64_t outgoing_ms_since(int64_t us)
{
    return (g_get_monotonic_time() - us) / 1000;
}

void migration_outgoing_info(MigrationInfo *info)
{
    const Outgoing *out = leaving;

    if (!out) {
        return;
    }
    info->total_ms = out->ended ? out->total_ms : outgoing_ms_since(out->started_us);
    if (out->total == 0) {
        return;
    }
    info->has_ram = true;
    info->total = out->total;
    info->remaining = out->log ? ram_dirty_log_count(out->log) * RAM_PAGE_SIZE : out->remaining;
    info->transferred = out->channel ? channel_transferred(out->channel) : out->transferred;
    info->normal_pages = atomic_load(&out->sender.normal);
    info->zero_pages = atomic_load(&out->sender.zeros);
    info->dirty_pages_rate = out->dirty_pages_rate;
    info->passes = out->passes;
    info->megabits_per_second =
        info->total_ms > 0 ? (double)info->transferred * 8 / 1000 / (double)info->total_ms : 0;
    info->setup_ms = out->setup_ms;
    info->downtime_ms = out->downtime_ms;
    info->expected_downtime_ms = out->expected_downtime_ms;
}

/* ---- the end ---- */

void migration_join(GThread *thread)
{
    bool locked = machine_lock_held();

    if (locked) {
        machine_unlock();
    }
    g_thread_join(thread);
    if (locked) {
        machine_lock();
    }
}

void migration_outgoing_shut_down(void)
{
    if (!leaving) {
        return;
    }
    migration_cancel();
    migration_join(leaving->thread);
    if (leaving->log) {
        ram_dirty_log_stop(g_steal_pointer(&leaving->log));
    }
    g_clear_pointer(&leaving->description, g_variant_unref);
    g_clear_pointer(&leaving, outgoing_free);
}
