/*
 * QMP: the run state.
 *
 * A command that changes the state has changed it when it returns, so that its events come before
 * its reply.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <unistd.h>

#include "block/block.h"
#include "hw/core/run_state.h"
#include "monitor/events.h"
#include "monitor/qmp_command.h"

static bool query_status(QmpCall *call, GError **error)
{
    JsonObject *status = json_object_new();

    json_object_set_boolean_member(status, "running", run_state_is_running());
    json_object_set_string_member(status, "status", run_state_name(run_state_get()));
    return qmp_return_object(call, status);
}

static bool stop(QmpCall *call, GError **error)
{
    if (run_state_is_running()) {
        run_state_stop(RUN_STATE_PAUSED);
    }
    return true;
}

static void forget_io_error(BlockBackend *backend, void *opaque)
{
    block_backend_reset_io_status(backend);
}

static bool cont(QmpCall *call, GError **error)
{
    RunState state = run_state_get();

    if (state == RUN_STATE_SUSPENDED) {
        return true; /* it is the guest that sleeps */
    }
    if (state == RUN_STATE_INTERNAL_ERROR) {
        return error_setf(error, "Resetting the Virtual Machine is required");
    }
    block_backend_foreach(forget_io_error, NULL);
    return run_state_start(error);
}

static bool system_reset(QmpCall *call, GError **error)
{
    run_state_request_reset(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    run_state_process_requests();
    return true;
}

static bool system_powerdown(QmpCall *call, GError **error)
{
    unsigned told = event_powerdown_count();

    run_state_request_powerdown();
    run_state_process_requests();
    event_powerdown_if_untold(told);
    return true;
}

static bool system_wakeup(QmpCall *call, GError **error)
{
    if (run_state_get() != RUN_STATE_SUSPENDED) {
        return error_setf(error, "Unable to wake up: guest is not in suspended state");
    }
    run_state_request_wakeup();
    run_state_process_requests();
    return true;
}

static bool inject_nmi(QmpCall *call, GError **error)
{
    if (monitor_cpu_count() == 0) {
        return error_setf(error, "machine does not provide NMIs");
    }
    for (unsigned i = 0; i < monitor_cpu_count(); i++) {
        Vcpu *vcpu = monitor_cpu(i, NULL);
        accel_vcpu_nmi(machine_accel(machine_get()), vcpu);
    }
    return true;
}

/* ---- actions ---- */

/* The order of the values is that of RunActions' fields. */
static bool set_action(QmpCall *call, GError **error)
{
    static const char *const panics[] = {"shutdown", "pause", "exit-failure", "none"};
    RunActions *actions = run_state_actions();
    const char *reboot = qmp_string(call, "reboot"), *panic = qmp_string(call, "panic");
    const char *shutdown = qmp_string(call, "shutdown"), *watchdog = qmp_string(call, "watchdog");

    if (reboot) {
        actions->reboot_shuts_down = strcmp(reboot, "shutdown") == 0;
    }
    if (shutdown) {
        actions->shutdown_pauses = strcmp(shutdown, "pause") == 0;
    }
    for (unsigned i = 0; panic && i < G_N_ELEMENTS(panics); i++) {
        if (strcmp(panics[i], panic) == 0) {
            actions->panic = i;
        }
    }
    if (watchdog) {
        actions->watchdog = (unsigned)schema_enum_index("WatchdogAction", watchdog);
    }
    return true;
}

static bool watchdog_set_action(QmpCall *call, GError **error)
{
    run_state_actions()->watchdog =
        (unsigned)schema_enum_index("WatchdogAction", qmp_string(call, "action"));
    return true;
}

/* ---- names ---- */

static bool query_name(QmpCall *call, GError **error)
{
    JsonObject *info = json_object_new();
    const char *name = machine_config(machine_get())->name;

    if (name) {
        json_object_set_string_member(info, "name", name);
    }
    return qmp_return_object(call, info);
}

static bool query_uuid(QmpCall *call, GError **error)
{
    const uint8_t *u = machine_config(machine_get())->uuid;
    JsonObject *info = json_object_new();
    g_autofree char *text = g_strdup_printf(
        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2],
        u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);

    json_object_set_string_member(info, "UUID", text);
    return qmp_return_object(call, info);
}

static bool query_kvm(QmpCall *call, GError **error)
{
    Accel *accel = machine_accel(machine_get());
    JsonObject *info = json_object_new();

    json_object_set_boolean_member(info, "enabled", accel && strcmp(accel_name(accel), "kvm") == 0);
    json_object_set_boolean_member(info, "present", TRUE);
    return qmp_return_object(call, info);
}

static const QmpCommand commands[] = {
    {"query-status", NULL, "StatusInfo", 0, query_status},
    {"stop", NULL, NULL, 0, stop},
    {"cont", NULL, NULL, 0, cont},
    {"system_reset", NULL, NULL, 0, system_reset},
    {"system_powerdown", NULL, NULL, 0, system_powerdown},
    {"system_wakeup", NULL, NULL, 0, system_wakeup},
    {"inject-nmi", NULL, NULL, 0, inject_nmi},
    {"set-action",
     "reboot?:RebootAction shutdown?:ShutdownAction panic?:PanicAction watchdog?:WatchdogAction",
     NULL, 0, set_action},
    {"watchdog-set-action", "action:WatchdogAction", NULL, 0, watchdog_set_action},
    {"query-name", NULL, "NameInfo", 0, query_name},
    {"query-uuid", NULL, "UuidInfo", 0, query_uuid},
    {"query-kvm", NULL, "KvmInfo", 0, query_kvm},
};
const QmpTable qmp_table_run = {commands, G_N_ELEMENTS(commands)};
