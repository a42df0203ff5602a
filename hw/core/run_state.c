/*
 * Run state: requests arrive from any thread as bits and are carried out by the main loop, in one place.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/run_state.h"

#include <stdatomic.h>
#include <string.h>

#include "block/block.h"
#include "hw/core/machine.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"
#include "util/machine_lock.h"

static const char *const state_names[RUN_STATE_COUNT] = {
    [RUN_STATE_PRELAUNCH] = "prelaunch",
    [RUN_STATE_RUNNING] = "running",
    [RUN_STATE_PAUSED] = "paused",
    [RUN_STATE_SUSPENDED] = "suspended",
    [RUN_STATE_SHUTDOWN] = "shutdown",
    [RUN_STATE_INTERNAL_ERROR] = "internal-error",
    [RUN_STATE_IO_ERROR] = "io-error",
    [RUN_STATE_GUEST_PANICKED] = "guest-panicked",
    [RUN_STATE_WATCHDOG] = "watchdog",
    [RUN_STATE_INMIGRATE] = "inmigrate",
    [RUN_STATE_FINISH_MIGRATE] = "finish-migrate",
    [RUN_STATE_POSTMIGRATE] = "postmigrate",
    [RUN_STATE_SAVE_VM] = "save-vm",
    [RUN_STATE_RESTORE_VM] = "restore-vm",
    [RUN_STATE_DEBUG] = "debug",
};

static const char *const cause_names[SHUTDOWN_CAUSE_COUNT] = {
    [SHUTDOWN_CAUSE_NONE] = "none",
    [SHUTDOWN_CAUSE_HOST_ERROR] = "host-error",
    [SHUTDOWN_CAUSE_HOST_QMP_QUIT] = "host-qmp-quit",
    [SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET] = "host-qmp-system-reset",
    [SHUTDOWN_CAUSE_HOST_SIGNAL] = "host-signal",
    [SHUTDOWN_CAUSE_HOST_UI] = "host-ui",
    [SHUTDOWN_CAUSE_GUEST_SHUTDOWN] = "guest-shutdown",
    [SHUTDOWN_CAUSE_GUEST_RESET] = "guest-reset",
    [SHUTDOWN_CAUSE_GUEST_PANIC] = "guest-panic",
    [SHUTDOWN_CAUSE_SUBSYSTEM_RESET] = "subsystem-reset",
};

typedef struct {
    RunEventHandler handler;
    void *opaque;
} Handler;

static _Atomic int state = RUN_STATE_PRELAUNCH;
static _Atomic int shutdown_request; /* ShutdownCause */
static _Atomic int reset_request;    /* ShutdownCause */
static _Atomic bool powerdown_request, suspend_request, wakeup_request, panic_request;
static _Atomic int stop_request = -1; /* RunState */
static _Atomic int exit_request = -1;
static ShutdownCause last_cause;
static GArray *handlers; /* of Handler */
static bool (*powerdown_filter)(void *opaque);
static void *powerdown_filter_opaque;
static RunActions actions = {.panic = PANIC_SHUTDOWN, .watchdog = WATCHDOG_RESET};
static bool start_on_arrival;
static bool loop_ends;
static int exit_status;

const char *run_state_name(RunState which)
{
    return state_names[which];
}

const char *shutdown_cause_name(ShutdownCause cause)
{
    return cause_names[cause];
}

RunState run_state_get(void)
{
    return atomic_load(&state);
}

bool run_state_is_running(void)
{
    return run_state_get() == RUN_STATE_RUNNING;
}

RunActions *run_state_actions(void)
{
    return &actions;
}

ShutdownCause run_state_last_shutdown_cause(void)
{
    return last_cause;
}

/* ---- requests ---- */

static void wake_main_loop(void)
{
    g_main_context_wakeup(NULL);
}

void run_state_request_shutdown(ShutdownCause cause)
{
    atomic_store(&shutdown_request, cause);
    wake_main_loop();
}

void run_state_request_reset(ShutdownCause cause)
{
    if (actions.reboot_shuts_down && cause != SHUTDOWN_CAUSE_SUBSYSTEM_RESET) {
        run_state_request_shutdown(cause);
        return;
    }
    atomic_store(&reset_request, cause);
    wake_main_loop();
}

void run_state_request_powerdown(void)
{
    atomic_store(&powerdown_request, true);
    wake_main_loop();
}

void run_state_request_suspend(void)
{
    atomic_store(&suspend_request, true);
    wake_main_loop();
}

void run_state_request_wakeup(void)
{
    atomic_store(&wakeup_request, true);
    wake_main_loop();
}

void run_state_request_stop(RunState which)
{
    atomic_store(&stop_request, which);
    wake_main_loop();
}

void run_state_request_exit(int status)
{
    atomic_store(&exit_request, status);
    wake_main_loop();
}

/* ---- panics ---- */

static GMutex crash_lock;
static bool crash_noted, crash_told; /* by the guest; to the handlers, now */
static uint64_t crash_parameters[HYPERV_CRASH_PARAMETERS];

void run_state_note_hyperv_crash(const uint64_t parameters[HYPERV_CRASH_PARAMETERS])
{
    g_mutex_lock(&crash_lock);
    memcpy(crash_parameters, parameters, sizeof(crash_parameters));
    crash_noted = true;
    g_mutex_unlock(&crash_lock);
}

bool run_state_hyperv_crash(uint64_t parameters[HYPERV_CRASH_PARAMETERS])
{
    bool told;

    g_mutex_lock(&crash_lock);
    told = crash_told;
    memcpy(parameters, crash_parameters, sizeof(crash_parameters));
    g_mutex_unlock(&crash_lock);
    return told;
}

/* A crash that was noted belongs to one panic. */
static void take_crash(void)
{
    g_mutex_lock(&crash_lock);
    crash_told = crash_noted;
    crash_noted = false;
    g_mutex_unlock(&crash_lock);
}

void run_state_guest_panicked(const char *reason)
{
    report_warning("guest panicked: %s", reason);
    atomic_store(&panic_request, true);
    wake_main_loop();
}

void run_state_internal_error(void)
{
    run_state_guest_panicked("the accelerator cannot go on with the guest's state");
}

/* ---- handlers ---- */

void run_state_add_handler(RunEventHandler handler, void *opaque)
{
    Handler entry = {handler, opaque};

    if (!handlers) {
        handlers = g_array_new(FALSE, FALSE, sizeof(Handler));
    }
    g_array_append_val(handlers, entry);
}

void run_state_remove_handler(RunEventHandler handler, void *opaque)
{
    for (guint i = 0; handlers && i < handlers->len; i++) {
        Handler *entry = &g_array_index(handlers, Handler, i);
        if (entry->handler == handler && entry->opaque == opaque) {
            g_array_remove_index(handlers, i);
            return;
        }
    }
}

static void notify(RunEvent event)
{
    for (guint i = 0; handlers && i < handlers->len; i++) {
        Handler entry = g_array_index(handlers, Handler, i);
        entry.handler(event, entry.opaque);
    }
}

void run_state_set_powerdown_filter(bool (*filter)(void *opaque), void *opaque)
{
    powerdown_filter = filter;
    powerdown_filter_opaque = opaque;
}

void run_state_press_power_button(void)
{
    notify(RUN_EVENT_POWERDOWN);
}

/* ---- start and stop ---- */

static void pause_vcpus(void)
{
    Accel *accel = machine_accel(machine_get());

    if (accel) {
        accel_vcpus_pause(accel);
    }
    clock_virtual_set_running(false);
}

static void resume_vcpus(void)
{
    Accel *accel = machine_accel(machine_get());

    clock_virtual_set_running(true);
    if (accel) {
        accel_vcpus_resume(accel);
    }
}

bool run_state_start(GError **error)
{
    if (run_state_is_running()) {
        return true;
    }
    if (run_state_get() == RUN_STATE_SHUTDOWN || run_state_get() == RUN_STATE_GUEST_PANICKED) {
        return error_setf(error, "Resetting the Virtual Machine is required");
    }
    if (run_state_get() == RUN_STATE_INMIGRATE) {
        start_on_arrival = true;
        return true;
    }
    if (run_state_get() == RUN_STATE_FINISH_MIGRATE) {
        return error_setf(error, "The guest is about to leave for another process");
    }
    if (!block_activate_images(error)) {
        return false;
    }
    atomic_store(&state, RUN_STATE_RUNNING);
    notify(RUN_EVENT_RESUME);
    resume_vcpus();
    return true;
}

void run_state_stop(RunState which)
{
    bool was_running = run_state_is_running();

    if (was_running) {
        pause_vcpus();
    } else if (run_state_get() == RUN_STATE_SUSPENDED) {
        clock_virtual_set_running(false);
    }
    atomic_store(&state, which);
    block_drain_all();
    if (block_flush_all() < 0) {
        report_warning("flushing the disks failed while the machine was stopped");
    }
    if (was_running) {
        notify(RUN_EVENT_STOP);
    }
}

/* ---- guests that come and go ---- */

bool run_state_parse(const char *name, RunState *which)
{
    for (unsigned i = 0; i < RUN_STATE_COUNT; i++) {
        if (strcmp(state_names[i], name) == 0) {
            *which = i;
            return true;
        }
    }
    return false;
}

void run_state_begin_incoming(bool start)
{
    start_on_arrival = start;
    atomic_store(&state, RUN_STATE_INMIGRATE);
}

/* What only a reset, or the guest's own wake-up, ends. */
static bool outlasts_the_journey(RunState which)
{
    return which == RUN_STATE_SUSPENDED || which == RUN_STATE_SHUTDOWN ||
           which == RUN_STATE_GUEST_PANICKED || which == RUN_STATE_INTERNAL_ERROR;
}

bool run_state_resume_as(RunState before, GError **error)
{
    atomic_store(&state, before == RUN_STATE_RUNNING ? RUN_STATE_PAUSED : before);
    if (before == RUN_STATE_SUSPENDED) {
        clock_virtual_set_running(true);
    }
    wake_main_loop(); /* requests may have waited */
    return before != RUN_STATE_RUNNING || run_state_start(error);
}

bool run_state_arrived(RunState before, GError **error)
{
    bool lasts = outlasts_the_journey(before);

    if (!lasts && (!start_on_arrival || before == RUN_STATE_POSTMIGRATE)) {
        before = RUN_STATE_PAUSED;
    }
    return run_state_resume_as(before, error);
}

/* ---- carrying requests out ---- */

static void finish(int status)
{
    exit_status = status;
    loop_ends = true;
}

static void do_shutdown(ShutdownCause cause)
{
    bool by_host = cause == SHUTDOWN_CAUSE_HOST_SIGNAL || cause == SHUTDOWN_CAUSE_HOST_QMP_QUIT;

    last_cause = cause;
    notify(RUN_EVENT_SHUTDOWN);
    if (actions.shutdown_pauses && !by_host) {
        run_state_stop(cause == SHUTDOWN_CAUSE_GUEST_PANIC ? RUN_STATE_GUEST_PANICKED
                                                           : RUN_STATE_SHUTDOWN);
        return;
    }
    finish(cause == SHUTDOWN_CAUSE_GUEST_PANIC && actions.panic == PANIC_EXIT_FAILURE ? 1 : 0);
}

static void do_reset(ShutdownCause cause)
{
    bool was_running = run_state_is_running();
    RunState before = run_state_get();

    if (was_running) {
        pause_vcpus();
    }
    block_drain_all();
    last_cause = cause;
    machine_reset(machine_get());
    notify(RUN_EVENT_RESET);
    if (was_running) {
        resume_vcpus();
    } else if (before == RUN_STATE_SHUTDOWN || before == RUN_STATE_GUEST_PANICKED ||
               before == RUN_STATE_SUSPENDED) {
        atomic_store(&state, before == RUN_STATE_SUSPENDED ? RUN_STATE_RUNNING : RUN_STATE_PAUSED);
        if (before == RUN_STATE_SUSPENDED) {
            resume_vcpus();
        }
    }
}

static void do_suspend(void)
{
    if (!run_state_is_running()) {
        return;
    }
    pause_vcpus();
    atomic_store(&state, RUN_STATE_SUSPENDED);
    /* The clock of timers goes on: an RTC alarm may be what wakes the machine. */
    clock_virtual_set_running(true);
    notify(RUN_EVENT_SUSPEND);
}

static void do_wakeup(void)
{
    if (run_state_get() != RUN_STATE_SUSPENDED) {
        return;
    }
    /* S3 ends in a reset that keeps memory; firmware sees the CMOS shutdown code and jumps to the vector. */
    notify(RUN_EVENT_WAKEUP);
    machine_wakeup(machine_get());
    notify(RUN_EVENT_WAKEUP_DONE);
    atomic_store(&state, RUN_STATE_RUNNING);
    resume_vcpus();
}

static void do_panic(void)
{
    notify(RUN_EVENT_GUEST_PANICKED);
    if (actions.panic == PANIC_NONE) {
        return;
    }
    run_state_stop(RUN_STATE_GUEST_PANICKED);
    if (actions.panic != PANIC_PAUSE) {
        run_state_request_shutdown(SHUTDOWN_CAUSE_GUEST_PANIC);
    }
}

/* Nothing changes a guest that is being copied: what it asks for waits. */
static bool in_transit(void)
{
    return run_state_get() == RUN_STATE_FINISH_MIGRATE || run_state_get() == RUN_STATE_INMIGRATE;
}

bool run_state_requests_waiting(void)
{
    return atomic_load(&panic_request) || atomic_load(&suspend_request) ||
           atomic_load(&wakeup_request) || atomic_load(&powerdown_request) ||
           atomic_load(&reset_request) != SHUTDOWN_CAUSE_NONE ||
           atomic_load(&shutdown_request) != SHUTDOWN_CAUSE_NONE;
}

static bool process_end_of_process(void)
{
    int request = atomic_exchange(&exit_request, -1);

    if (request >= 0) {
        finish(request);
        return true;
    }
    request = atomic_exchange(&shutdown_request, SHUTDOWN_CAUSE_NONE);
    if (request != SHUTDOWN_CAUSE_NONE) {
        do_shutdown(request);
        return true;
    }
    return false;
}

void run_state_process_requests(void)
{
    int request;

    if (in_transit()) {
        process_end_of_process();
        return;
    }
    request = atomic_exchange(&stop_request, -1);
    if (request >= 0 && run_state_is_running()) {
        run_state_stop(request);
    }
    if (atomic_exchange(&panic_request, false)) {
        take_crash();
        do_panic();
    }
    if (atomic_exchange(&suspend_request, false)) {
        do_suspend();
    }
    if (process_end_of_process()) {
        return;
    }
    request = atomic_exchange(&reset_request, SHUTDOWN_CAUSE_NONE);
    if (request != SHUTDOWN_CAUSE_NONE) {
        do_reset(request);
    }
    if (atomic_exchange(&wakeup_request, false)) {
        do_wakeup();
    }
    if (atomic_exchange(&powerdown_request, false) &&
        !(powerdown_filter && powerdown_filter(powerdown_filter_opaque))) {
        run_state_press_power_button();
    }
}

int run_state_loop(Machine *machine G_GNUC_UNUSED)
{
    run_state_process_requests();
    while (!loop_ends) {
        g_main_context_iteration(NULL, TRUE);
        run_state_process_requests();
    }
    if (run_state_is_running()) {
        pause_vcpus();
        atomic_store(&state, RUN_STATE_SHUTDOWN);
    }
    block_drain_all();
    if (block_flush_all() < 0) {
        report_error("flushing the disks failed");
        exit_status = exit_status ? exit_status : 1;
    }
    notify(RUN_EVENT_EXIT);
    return exit_status;
}
