/*
 * Where events come from: the run state, the block layer, the clock chip.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>

#include "block/block_query.h"
#include "hw/core/run_state.h"
#include "hw/rtc/mc146818.h"
#include "hw/watchdog/watchdog.h"
#include "migration/migration.h"
#include "monitor/block_devices.h"
#include "monitor/events.h"
#include "monitor/json_text.h"
#include "net/net.h"
#include "util/machine_lock.h"

static unsigned powerdowns;

unsigned event_powerdown_count(void)
{
    return powerdowns;
}

static void send_powerdown(void)
{
    powerdowns++;
    qmp_event("POWERDOWN", NULL);
}

void event_powerdown_if_untold(unsigned told_before)
{
    if (powerdowns == told_before) {
        send_powerdown();
    }
}

/* ---- run state ---- */

static JsonObject *cause_data(void)
{
    ShutdownCause cause = run_state_last_shutdown_cause();
    JsonObject *data = json_object_new();

    json_object_set_boolean_member(data, "guest",
                                   cause == SHUTDOWN_CAUSE_GUEST_SHUTDOWN ||
                                       cause == SHUTDOWN_CAUSE_GUEST_RESET ||
                                       cause == SHUTDOWN_CAUSE_GUEST_PANIC);
    json_object_set_string_member(data, "reason", shutdown_cause_name(cause));
    return data;
}

static JsonObject *panic_details(void)
{
    uint64_t parameters[HYPERV_CRASH_PARAMETERS];
    JsonObject *details;

    if (!run_state_hyperv_crash(parameters)) {
        return NULL;
    }
    details = json_object_new();
    json_object_set_string_member(details, "type", "hyper-v");
    for (unsigned i = 0; i < HYPERV_CRASH_PARAMETERS; i++) {
        g_autofree char *name = g_strdup_printf("arg%u", i + 1);

        json_object_set_member(details, name, json_text_uint64(parameters[i]));
    }
    return details;
}

static JsonObject *panic_data(void)
{
    const RunActions *actions = run_state_actions();
    bool pauses = actions->panic == PANIC_PAUSE ||
                  (actions->panic == PANIC_SHUTDOWN && actions->shutdown_pauses);
    JsonObject *data = json_object_new();
    JsonObject *details = panic_details();

    if (details) {
        json_object_set_object_member(data, "info", details);
    }
    json_object_set_string_member(data, "action",
                                  actions->panic == PANIC_NONE ? "run"
                                  : pauses                     ? "pause"
                                                               : "poweroff");
    return data;
}

static void run_state_changed(RunEvent event, void *opaque)
{
    switch (event) {
    case RUN_EVENT_STOP:
        qmp_event("STOP", NULL);
        break;
    case RUN_EVENT_RESUME:
        qmp_event("RESUME", NULL);
        break;
    case RUN_EVENT_POWERDOWN:
        send_powerdown();
        break;
    case RUN_EVENT_SHUTDOWN:
        qmp_event("SHUTDOWN", cause_data());
        break;
    case RUN_EVENT_RESET:
        qmp_event("RESET", cause_data());
        break;
    case RUN_EVENT_SUSPEND:
        qmp_event("SUSPEND", NULL);
        break;
    case RUN_EVENT_WAKEUP:
        qmp_event("WAKEUP", NULL);
        break;
    case RUN_EVENT_GUEST_PANICKED:
        qmp_event("GUEST_PANICKED", panic_data());
        break;
    default:
        break;
    }
}

static void watchdog_ran_out(unsigned action)
{
    static const char *const names[] = {
        [WATCHDOG_RESET] = "reset", [WATCHDOG_SHUTDOWN] = "shutdown", [WATCHDOG_POWEROFF] = "poweroff",
        [WATCHDOG_PAUSE] = "pause", [WATCHDOG_DEBUG] = "debug",       [WATCHDOG_NONE] = "none",
        [WATCHDOG_INJECT_NMI] = "inject-nmi",
    };
    JsonObject *data = json_object_new();

    json_object_set_string_member(data, "action", names[action]);
    qmp_event("WATCHDOG", data);
}

/* ---- block layer ---- */

static void tray_moved(BlockBackend *backend, bool open)
{
    JsonObject *data = json_object_new();
    g_autofree char *path = block_device_path(backend);

    json_object_set_string_member(data, "device", block_backend_drive_id(backend));
    json_object_set_string_member(data, "id", path);
    json_object_set_boolean_member(data, "tray-open", open);
    qmp_event("DEVICE_TRAY_MOVED", data);
}

static JsonObject *io_error_data(BlockBackend *backend, bool is_read, int errnum,
                                 BlockErrorAction action)
{
    static const char *const actions[] = {
        [BLOCK_ERROR_REPORT] = "report",
        [BLOCK_ERROR_IGNORE] = "ignore",
        [BLOCK_ERROR_STOP] = "stop",
    };
    JsonObject *data = json_object_new();
    g_autofree char *path = block_device_path(backend);
    const char *node = block_backend_node_name(backend);

    json_object_set_string_member(data, "qom-path", path);
    json_object_set_string_member(data, "device", block_backend_drive_id(backend));
    if (node) {
        json_object_set_string_member(data, "node-name", node);
    }
    json_object_set_string_member(data, "operation", is_read ? "read" : "write");
    json_object_set_string_member(data, "action", actions[action]);
    if (block_backend_has_io_status(backend)) {
        json_object_set_boolean_member(data, "nospace", errnum == ENOSPC);
    }
    json_object_set_string_member(data, "reason", g_strerror(errnum));
    return data;
}

typedef struct {
    BlockBackend *backend; /* may be gone by the time the main loop looks */
    bool is_read, found;
    int errnum;
    BlockErrorAction action;
} IoError;

static void match_backend(BlockBackend *backend, void *opaque)
{
    IoError *failure = opaque;

    failure->found |= backend == failure->backend;
}

static gboolean send_io_error(gpointer opaque)
{
    IoError *failure = opaque;

    block_backend_foreach(match_backend, failure);
    if (failure->found) {
        qmp_event("BLOCK_IO_ERROR", io_error_data(failure->backend, failure->is_read,
                                                  failure->errnum, failure->action));
    }
    return G_SOURCE_REMOVE;
}

/* An I/O thread has no business in a monitor: its news wait for the main loop. */
static void io_error(BlockBackend *backend, bool is_read, int errnum, BlockErrorAction action)
{
    IoError failure = {backend, is_read, false, errnum, action};

    if (machine_lock_held()) {
        send_io_error(&failure);
    } else {
        g_idle_add_full(G_PRIORITY_HIGH, send_io_error, g_memdup2(&failure, sizeof(failure)),
                        g_free);
    }
}

static const BlockListener block_listener = {tray_moved, io_error};

/* ---- devices ---- */

static void device_event(const char *name, Device *device)
{
    JsonObject *data = json_object_new();

    if (device_get_id(device)) {
        json_object_set_string_member(data, "device", device_get_id(device));
    }
    json_object_set_string_member(data, "path", device_get_path(device));
    qmp_event(name, data);
}

static void device_removed(Device *device)
{
    device_event("DEVICE_DELETED", device);
}

static void unplug_refused(Device *device)
{
    device_event("DEVICE_UNPLUG_GUEST_ERROR", device);
}

/* ---- chips ---- */

static void rtc_changed(MC146818 *rtc, int64_t offset_seconds)
{
    JsonObject *data = json_object_new();

    json_object_set_int_member(data, "offset", offset_seconds);
    json_object_set_string_member(data, "qom-path", device_get_path(HW_DEVICE(rtc)));
    qmp_event("RTC_CHANGE", data);
}

/* ---- guests that leave or arrive ---- */

static void migration_status_changed(MigrationStatus status)
{
    JsonObject *data;

    if (migration_capability(MIGRATION_CAP_EVENTS)) {
        data = json_object_new();
        json_object_set_string_member(data, "status", migration_status_name(status));
        qmp_event("MIGRATION", data);
    }
}

static void migration_pass(uint64_t number)
{
    JsonObject *data;

    if (migration_capability(MIGRATION_CAP_EVENTS)) {
        data = json_object_new();
        json_object_set_int_member(data, "pass", (int64_t)number);
        qmp_event("MIGRATION_PASS", data);
    }
}

static const MigrationListener migration_listener = {migration_status_changed, migration_pass};

/* ---- network ---- */

static JsonObject *address_data(GSocketAddress *address)
{
    JsonObject *data = json_object_new();

    if (G_IS_INET_SOCKET_ADDRESS(address)) {
        GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS(address);
        g_autofree char *host = g_inet_address_to_string(g_inet_socket_address_get_address(inet));
        g_autofree char *port = g_strdup_printf("%u", g_inet_socket_address_get_port(inet));
        json_object_set_string_member(data, "type", "inet");
        json_object_set_string_member(data, "host", host);
        json_object_set_string_member(data, "port", port);
    } else {
        const char *path = G_IS_UNIX_SOCKET_ADDRESS(address)
                               ? g_unix_socket_address_get_path(G_UNIX_SOCKET_ADDRESS(address))
                               : NULL;
        json_object_set_string_member(data, "type", "unix");
        json_object_set_string_member(data, "path", path ? path : "");
    }
    return data;
}

static void net_stream_changed(const char *id, GSocketAddress *peer)
{
    JsonObject *data = json_object_new();

    json_object_set_string_member(data, "netdev-id", id);
    if (peer) {
        json_object_set_object_member(data, "addr", address_data(peer));
    }
    qmp_event(peer ? "NETDEV_STREAM_CONNECTED" : "NETDEV_STREAM_DISCONNECTED", data);
}

void event_sources_start(void)
{
    migration_set_listener(&migration_listener);
    run_state_add_handler(run_state_changed, NULL);
    block_set_listener(&block_listener);
    device_set_removal_listener(device_removed);
    device_set_unplug_refused_listener(unplug_refused);
    mc146818_set_listener(rtc_changed);
    watchdog_set_listener(watchdog_ran_out);
    net_set_stream_listener(net_stream_changed);
    event_balloon_start();
}

void event_sources_stop(void)
{
    run_state_remove_handler(run_state_changed, NULL);
    block_set_listener(NULL);
    migration_set_listener(NULL);
    device_set_removal_listener(NULL);
    device_set_unplug_refused_listener(NULL);
    mc146818_set_listener(NULL);
    watchdog_set_listener(NULL);
    net_set_stream_listener(NULL);
    event_balloon_stop();
    qmp_events_forget();
}
