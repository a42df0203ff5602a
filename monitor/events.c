/*
 * QMP events: the table, time stamps, rates.
 *
 * A guest can make some events happen as often as it likes. Of those the first is sent at once, and
 * after it no more than one an interval, always the latest: a client that looks at the last one
 * sees the truth.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/events.h"

#include <string.h>

#include "accel/accel.h"
#include "monitor/monitor_private.h"
#include "util/clock.h"

#define SECOND_NS INT64_C(1000000000)

const QmpEventRow qmp_events[] = {
    {"BALLOON_CHANGE", "actual:int", SECOND_NS, NULL},
    {"BLOCK_IO_ERROR",
     "qom-path:str device:str node-name?:str operation:IoOperationType action:BlockErrorAction "
     "nospace?:bool reason:str",
     SECOND_NS, "qom-path"},
    {"DEVICE_DELETED", "device?:str path:str", 0, NULL},
    {"DEVICE_TRAY_MOVED", "device:str id:str tray-open:bool", 0, NULL},
    {"DEVICE_UNPLUG_GUEST_ERROR", "device?:str path:str", 0, NULL},
    {"DUMP_COMPLETED", "result:DumpQueryResult error?:str", 0, NULL},
    {"GUEST_PANICKED", "action:GuestPanicAction info?:GuestPanicInformation", 0, NULL},
    {"MIGRATION", "status:MigrationStatus", 0, NULL},
    {"MIGRATION_PASS", "pass:int", 0, NULL},
    {"NETDEV_STREAM_CONNECTED", "netdev-id:str addr:SocketAddress", 0, NULL},
    {"NETDEV_STREAM_DISCONNECTED", "netdev-id:str", 0, NULL},
    {"POWERDOWN", NULL, 0, NULL},
    {"RESET", "guest:bool reason:ShutdownCause", 0, NULL},
    {"RESUME", NULL, 0, NULL},
    {"RTC_CHANGE", "offset:int qom-path:str", SECOND_NS, NULL},
    {"SHUTDOWN", "guest:bool reason:ShutdownCause", 0, NULL},
    {"STOP", NULL, 0, NULL},
    {"SUSPEND", NULL, 0, NULL},
    {"WAKEUP", NULL, 0, NULL},
    {"WATCHDOG", "action:WatchdogAction", 0, NULL},
};
const unsigned qmp_event_count = G_N_ELEMENTS(qmp_events);

/* An event that was sent a moment ago. */
typedef struct {
    char *key;
    const QmpEventRow *row;
    JsonNode *waiting; /* the latest since then, or NULL */
    Timer *timer;
} HeldEvent;

static GHashTable *held; /* key to HeldEvent */

static void held_free(gpointer data)
{
    HeldEvent *event = data;

    timer_free(event->timer);
    g_clear_pointer(&event->waiting, json_node_unref);
    g_free(event->key);
    g_free(event);
}

static JsonNode *make_event(const QmpEventRow *row, JsonObject *data)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *event = json_object_new(), *stamp = json_object_new();
    int64_t now_us = g_get_real_time();

    json_object_set_int_member(stamp, "seconds", now_us / G_USEC_PER_SEC);
    json_object_set_int_member(stamp, "microseconds", now_us % G_USEC_PER_SEC);
    json_object_set_object_member(event, "timestamp", stamp);
    json_object_set_string_member(event, "event", row->name);
    if (data) {
        json_object_set_object_member(event, "data", data);
    }
    json_node_take_object(node, event);
    return node;
}

static const QmpEventRow *find_row(const char *name)
{
    for (unsigned i = 0; i < qmp_event_count; i++) {
        if (strcmp(qmp_events[i].name, name) == 0) {
            return &qmp_events[i];
        }
    }
    g_error("QMP events: no row '%s'", name);
}

/* Tests step the virtual clock and want to see what a second does. */
static ClockType rate_clock(void)
{
    Accel *accel = machine_get() ? machine_accel(machine_get()) : NULL;

    return accel && accel_is_qtest(accel) ? CLOCK_VIRTUAL : CLOCK_REALTIME_HOST;
}

static void rearm(HeldEvent *event)
{
    timer_mod(event->timer, clock_get_ns(rate_clock()) + event->row->interval_ns);
}

static void interval_over(void *opaque)
{
    HeldEvent *event = opaque;

    if (!event->waiting) {
        g_hash_table_remove(held, event->key);
        return;
    }
    monitors_send_event(event->waiting);
    g_clear_pointer(&event->waiting, json_node_unref);
    rearm(event);
}

static void send_at_its_rate(const QmpEventRow *row, JsonNode *node, const char *distinction)
{
    g_autofree char *key = g_strdup_printf("%s %s", row->name, distinction);
    HeldEvent *event;

    if (!held) {
        held = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, held_free);
    }
    event = g_hash_table_lookup(held, key);
    if (event) {
        g_clear_pointer(&event->waiting, json_node_unref);
        event->waiting = json_node_ref(node);
        return;
    }
    monitors_send_event(node);
    event = g_new0(HeldEvent, 1);
    event->key = g_steal_pointer(&key);
    event->row = row;
    event->timer = timer_new(rate_clock(), interval_over, event);
    g_hash_table_insert(held, event->key, event);
    rearm(event);
}

void qmp_event(const char *name, JsonObject *data)
{
    const QmpEventRow *row = find_row(name);
    const char *distinction = "";

    if (row->rate_key && data) {
        distinction = json_object_get_string_member_with_default(data, row->rate_key, "");
    }
    g_autoptr(JsonNode) node = make_event(row, data);
    if (row->interval_ns > 0) {
        send_at_its_rate(row, node, distinction);
    } else {
        monitors_send_event(node);
    }
}

void qmp_events_forget(void)
{
    g_clear_pointer(&held, g_hash_table_unref);
}
