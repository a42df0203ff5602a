/*
 * Options about the process: names, messages, log, privileges, how it ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "hw/core/run_state.h"
#include "option_handlers.h"
#include "util/error.h"
#include "util/fdset.h"
#include "util/log.h"
#include "util/trace.h"

bool option_name(StartConfig *config, const CommandOption *option, const char *argument,
                 GError **error)
{
    g_autoptr(OptionReader) reader = option_parse_reader(argument, "guest", error);
    const char *guest = NULL, *process = NULL;
    bool debug_threads = false; /* our threads always have names */

    if (!reader || !option_get_string(reader, "guest", &guest, error) ||
        !option_get_string(reader, "process", &process, error) ||
        !option_get_bool(reader, "debug-threads", &debug_threads, error) ||
        !option_reader_finish(reader, error)) {
        return false;
    }
    if (guest) {
        start_config_set(&config->board.name, guest);
    }
    if (process) {
        start_config_set(&config->process.process_name, process);
    }
    return true;
}

bool option_message(StartConfig *config, const CommandOption *option, const char *argument,
                    GError **error)
{
    g_autoptr(OptionReader) reader = option_parse_reader(argument, NULL, error);
    ProcessConfig *process = &config->process;

    return reader && option_get_bool(reader, "timestamp", &process->timestamp, error) &&
           option_get_bool(reader, "guest-name", &process->guest_name_in_messages, error) &&
           option_reader_finish(reader, error);
}

bool option_log_items(StartConfig *config, const CommandOption *option, const char *argument,
                      GError **error)
{
    if (option_wants_help(argument)) {
        log_print_help();
        config->done = true;
        return true;
    }
    return log_set_mask_from_string(argument, error);
}

/* ---- -trace ---- */

static void print_trace_point(const TracePoint *point, void *opaque)
{
    printf("%s\n", point->name);
}

bool option_trace(StartConfig *config, const CommandOption *option, const char *argument,
                  GError **error)
{
    const char *enable = NULL, *events = NULL, *file = NULL;

    if (option_wants_help(argument)) {
        trace_foreach(print_trace_point, NULL);
        config->done = true;
        return true;
    }
    g_autoptr(OptionReader) reader = option_parse_reader(argument, "enable", error);
    if (!reader || !option_get_string(reader, "enable", &enable, error) ||
        !option_get_string(reader, "events", &events, error) ||
        !option_get_string(reader, "file", &file, error) || !option_reader_finish(reader, error)) {
        return false;
    }
    if (enable && trace_set_enabled(enable, true) == 0) {
        report_warning("%s: trace event '%s' does not exist", config->where, enable);
    }
    if (events && !trace_load_events(events, error)) {
        return false;
    }
    if (file) {
        start_config_set(&config->process.log_where, config->where);
        start_config_set(&config->process.log_file, file);
    }
    return true;
}

bool option_log_file(StartConfig *config, const CommandOption *option, const char *argument,
                     GError **error)
{
    start_config_set(&config->process.log_where, config->where);
    start_config_set(&config->process.log_file, argument);
    return true;
}

/* ---- privileges ---- */

bool option_sandbox(StartConfig *config, const CommandOption *option, const char *argument,
                    GError **error)
{
    static const char *const choices[] = {"allow", "deny", NULL};
    static const char *const elevation[] = {"allow", "deny", "children", NULL};
    g_autoptr(OptionReader) reader = option_parse_reader(argument, "enable", error);
    SandboxConfig *sandbox = &config->process.sandbox;
    int obsolete = 1, elevate = 0, spawn = 0, resources = 0;

    if (!reader || !option_get_bool(reader, "enable", &sandbox->enabled, error) ||
        !option_get_enum(reader, "obsolete", choices, &obsolete, error) ||
        !option_get_enum(reader, "elevateprivileges", elevation, &elevate, error) ||
        !option_get_enum(reader, "spawn", choices, &spawn, error) ||
        !option_get_enum(reader, "resourcecontrol", choices, &resources, error) ||
        !option_reader_finish(reader, error)) {
        return false;
    }
    sandbox->no_new_privileges = sandbox->enabled && elevate != 0;
    return true;
}

bool option_run_with(StartConfig *config, const CommandOption *option, const char *argument,
                     GError **error)
{
    g_autoptr(OptionReader) reader = option_parse_reader(argument, NULL, error);
    const char *folder = NULL, *user = NULL;
    bool async_teardown = false;

    if (!reader || !option_get_bool(reader, "async-teardown", &async_teardown, error) ||
        !option_get_string(reader, "chroot", &folder, error) ||
        !option_get_string(reader, "user", &user, error) || !option_reader_finish(reader, error)) {
        return false;
    }
    if (async_teardown) {
        return error_setf(error, "async-teardown=on is not supported by this build");
    }
    if (folder) {
        start_config_set(&config->process.chroot_folder, folder);
    }
    if (user) {
        start_config_set(&config->process.user, user);
    }
    return true;
}

bool option_add_fd(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    g_autoptr(OptionReader) reader = option_parse_reader(argument, NULL, error);
    const char *opaque = NULL; /* a note for query-fdsets */
    uint64_t fd = 0, set = 0;

    if (!reader || !option_get_uint(reader, "fd", 0, INT32_MAX, &fd, error) ||
        !option_get_uint(reader, "set", 0, UINT32_MAX, &set, error) ||
        !option_get_string(reader, "opaque", &opaque, error) ||
        !option_reader_finish(reader, error)) {
        return false;
    }
    if (!option_reader_has(reader, "fd") || !option_reader_has(reader, "set")) {
        return error_setf(error, "fd= and set= are required");
    }
    if (!fdset_add(set, fd, error)) {
        return false;
    }
    fdset_set_note(opaque);
    return true;
}

/* ---- what ends the guest ---- */

/* @data: for -no-reboot and -no-shutdown, what they stand for. */
bool option_action(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    static const char *const reboots[] = {"reset", "shutdown", NULL};
    static const char *const shutdowns[] = {"poweroff", "pause", NULL};
    static const char *const panics[] = {"shutdown", "pause", "exit-failure", "none", NULL};
    static const char *const watchdogs[] = {"reset", "shutdown", "poweroff",   "pause",
                                            "debug", "none",     "inject-nmi", NULL};
    g_autoptr(OptionReader) reader =
        option_parse_reader(option->data ? option->data : argument, NULL, error);
    RunActions *actions = run_state_actions();
    int reboot = actions->reboot_shuts_down, shutdown = actions->shutdown_pauses;
    int panic = actions->panic, watchdog = actions->watchdog;

    if (!reader || !option_get_enum(reader, "reboot", reboots, &reboot, error) ||
        !option_get_enum(reader, "shutdown", shutdowns, &shutdown, error) ||
        !option_get_enum(reader, "panic", panics, &panic, error) ||
        !option_get_enum(reader, "watchdog", watchdogs, &watchdog, error) ||
        !option_reader_finish(reader, error)) {
        return false;
    }
    actions->reboot_shuts_down = reboot;
    actions->shutdown_pauses = shutdown;
    actions->panic = panic;
    actions->watchdog = watchdog;
    return true;
}

bool option_watchdog_action(StartConfig *config, const CommandOption *option, const char *argument,
                            GError **error)
{
    g_autofree char *action = g_strdup_printf("watchdog=%s", argument);
    return option_action(config, option, action, error);
}

bool option_qtest(StartConfig *config, const CommandOption *option, const char *argument,
                  GError **error)
{
    start_config_set(&config->qtest_where, config->where);
    start_config_set(&config->qtest_chardev, argument);
    return true;
}

/* ---- guests that come from elsewhere ---- */

bool option_incoming(StartConfig *config, const CommandOption *option, const char *argument,
                     GError **error)
{
    start_config_set(&config->incoming_where, config->where);
    start_config_set(&config->incoming, argument);
    return true;
}
