/*
 * Run state: whether the guest runs, and requests (from chips, signals, monitors) to change that. A request
 * may come from any thread; the main loop carries it out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CORE_RUN_STATE_H
#define HW_CORE_RUN_STATE_H

#include <glib.h>
#include <stdbool.h>

#include "accel/accel.h"
#include "hw/core/device.h"

typedef enum {
    RUN_STATE_PRELAUNCH,
    RUN_STATE_RUNNING,
    RUN_STATE_PAUSED,
    RUN_STATE_SUSPENDED,
    RUN_STATE_SHUTDOWN,
    RUN_STATE_INTERNAL_ERROR,
    RUN_STATE_IO_ERROR,
    RUN_STATE_GUEST_PANICKED,
    RUN_STATE_WATCHDOG,
    RUN_STATE_INMIGRATE,
    RUN_STATE_FINISH_MIGRATE,
    RUN_STATE_POSTMIGRATE,
    RUN_STATE_SAVE_VM,
    RUN_STATE_RESTORE_VM,
    RUN_STATE_DEBUG,
    RUN_STATE_COUNT
} RunState;

typedef enum {
    SHUTDOWN_CAUSE_NONE,
    SHUTDOWN_CAUSE_HOST_ERROR,
    SHUTDOWN_CAUSE_HOST_QMP_QUIT,
    SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET,
    SHUTDOWN_CAUSE_HOST_SIGNAL,
    SHUTDOWN_CAUSE_HOST_UI,
    SHUTDOWN_CAUSE_GUEST_SHUTDOWN,
    SHUTDOWN_CAUSE_GUEST_RESET,
    SHUTDOWN_CAUSE_GUEST_PANIC,
    SHUTDOWN_CAUSE_SUBSYSTEM_RESET,
    SHUTDOWN_CAUSE_COUNT
} ShutdownCause;

const char *run_state_name(RunState state); /* QMP's names: "running", "guest-panicked" … */
const char *shutdown_cause_name(ShutdownCause cause);
RunState run_state_get(void);
bool run_state_is_running(void);

/* Requests; any thread. */
void run_state_request_shutdown(ShutdownCause cause);
void run_state_request_reset(ShutdownCause cause);
/** run_state_request_powerdown: presses the ACPI power button (notifiers below). */
void run_state_request_powerdown(void);
/** run_state_request_suspend: S3: vCPUs stop until a wake-up, then reset with memory kept. */
void run_state_request_suspend(void);
void run_state_request_wakeup(void);
/** run_state_request_stop: pause with @state (io-error, internal-error, guest-panicked …). */
void run_state_request_stop(RunState state);
/** run_state_request_exit: end with @status once queued requests are done (isa-debug-exit, panic action). */
void run_state_request_exit(int status);
/** run_state_guest_panicked: pvpanic, KVM errors, Xen crash: follows -action panic=. */
void run_state_guest_panicked(const char *reason);
/** run_state_note_hyperv_crash: what a Hyper-V guest says of the panic that comes with the next
 * run_state_guest_panicked(). Any thread. */
void run_state_note_hyperv_crash(const uint64_t parameters[HYPERV_CRASH_PARAMETERS]);
/** run_state_hyperv_crash: the same, while RUN_EVENT_GUEST_PANICKED is told; false: the guest said nothing. */
bool run_state_hyperv_crash(uint64_t parameters[HYPERV_CRASH_PARAMETERS]);
/** run_state_internal_error: KVM_EXIT_INTERNAL_ERROR and the like: stops the machine as "internal-error". */
void run_state_internal_error(void);

/* Main loop only, under the machine lock. */
bool run_state_start(GError **error); /* vCPUs run; while the guest still arrives: later */
void run_state_stop(RunState state);  /* vCPUs stopped, disks drained and flushed */
/** run_state_begin_incoming: the guest's state comes from elsewhere; @start: it runs then if it ran
 * there. */
void run_state_begin_incoming(bool start);
/** run_state_arrived: it is here; it goes on as @before, what it was where it came from. */
bool run_state_arrived(RunState before, GError **error);
/** run_state_resume_as: back to @before, after a stop that came to nothing. */
bool run_state_resume_as(RunState before, GError **error);
/** run_state_requests_waiting: somebody has asked for what run_state_process_requests() does. */
bool run_state_requests_waiting(void);
/** run_state_parse: the state of that name; false: there is none. */
bool run_state_parse(const char *name, RunState *which);

typedef enum {
    RUN_EVENT_STOP,      /* after the vCPUs stopped */
    RUN_EVENT_RESUME,    /* before the vCPUs run */
    RUN_EVENT_POWERDOWN, /* the power button */
    RUN_EVENT_SHUTDOWN,
    RUN_EVENT_RESET,
    RUN_EVENT_SUSPEND,
    RUN_EVENT_WAKEUP,      /* before the reset that ends S3 */
    RUN_EVENT_WAKEUP_DONE, /* after it */
    RUN_EVENT_GUEST_PANICKED,
    RUN_EVENT_EXIT, /* the process is about to end: flush, close */
} RunEvent;

typedef void (*RunEventHandler)(RunEvent event, void *opaque);
/** run_state_add_handler: called on the main loop under the machine lock, in the order added. */
void run_state_add_handler(RunEventHandler handler, void *opaque);
void run_state_remove_handler(RunEventHandler handler, void *opaque);
/**
 * run_state_set_powerdown_filter: @filter is asked when somebody has requested a power-down, on the main loop under
 * the machine lock; true: it asks the guest by its own way, and RUN_EVENT_POWERDOWN is not told. One at a time; NULL:
 * none.
 */
void run_state_set_powerdown_filter(bool (*filter)(void *opaque), void *opaque);
/**
 * run_state_press_power_button: tells RUN_EVENT_POWERDOWN without asking the filter, whose own way has failed. Main
 * loop.
 */
void run_state_press_power_button(void);
/** run_state_last_shutdown_cause: for the SHUTDOWN event; run_state_panic_reason likewise. */
ShutdownCause run_state_last_shutdown_cause(void);

/* The -action table, -no-reboot and -no-shutdown. */
typedef struct {
    bool reboot_shuts_down;  /* -no-reboot, -action reboot=shutdown */
    bool shutdown_pauses;    /* -no-shutdown, -action shutdown=pause */
    enum { PANIC_SHUTDOWN, PANIC_PAUSE, PANIC_EXIT_FAILURE, PANIC_NONE } panic;
    enum { WATCHDOG_RESET, WATCHDOG_SHUTDOWN, WATCHDOG_POWEROFF, WATCHDOG_PAUSE, WATCHDOG_DEBUG, WATCHDOG_NONE,
           WATCHDOG_INJECT_NMI } watchdog;
} RunActions;

RunActions *run_state_actions(void);

/**
 * run_state_process_requests: carries out what has been requested now instead of when the main loop comes round, so
 * that a monitor's reply follows the events it explains. Main loop, under the machine lock.
 */
void run_state_process_requests(void);

/** run_state_loop: runs the main loop until the process shall end; returns the exit status. */
int run_state_loop(Machine *machine);

#endif
