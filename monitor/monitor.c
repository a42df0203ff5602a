/*
 * Monitors: the list of them, and the file descriptors that clients hand over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/monitor_private.h"

#include <string.h>
#include <unistd.h>

#include "accel/vcpu.h"
#include "monitor/events.h"

static GPtrArray *monitors; /* of Monitor: those on a character device */
static const MonitorHost *host;

const MonitorHost *monitor_host(void)
{
    return host;
}

static void close_fd(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

Monitor *monitor_new(const MonitorKind *kind, const char *chardev, GError **error)
{
    Monitor *monitor = g_new0(Monitor, 1);

    monitor->kind = kind;
    if (chardev && !char_frontend_attach_by_id(&monitor->frontend, chardev, "monitor", error)) {
        g_free(monitor);
        return NULL;
    }
    monitor->fds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_fd);
    if (chardev) {
        g_ptr_array_add(monitors, monitor);
    }
    return monitor;
}

void monitor_free(Monitor *monitor)
{
    g_ptr_array_remove(monitors, monitor);
    char_frontend_set_handlers(&monitor->frontend, NULL, NULL, NULL, NULL);
    monitor->kind->close(monitor);
    char_frontend_detach(&monitor->frontend);
    g_hash_table_unref(monitor->fds);
    g_free(monitor);
}

void monitor_write(Monitor *monitor, const char *text, size_t length)
{
    char_write_all(&monitor->frontend, (const uint8_t *)text, (unsigned)length);
}

void monitors_send_event(JsonNode *event)
{
    for (guint i = 0; monitors && i < monitors->len; i++) {
        Monitor *monitor = g_ptr_array_index(monitors, i);
        if (monitor->kind->send_event) {
            monitor->kind->send_event(monitor, event);
        }
    }
}

/* ---- descriptors ---- */

void monitor_fd_add(Monitor *monitor, const char *name, int fd)
{
    g_hash_table_replace(monitor->fds, g_strdup(name), GINT_TO_POINTER(fd));
}

int monitor_fd_take(Monitor *monitor, const char *name, GError **error)
{
    gpointer key, value;

    if (!g_hash_table_steal_extended(monitor->fds, name, &key, &value)) {
        error_setf(error, "File descriptor named '%s' has not been found", name);
        return -1;
    }
    g_free(key);
    return GPOINTER_TO_INT(value);
}

/* ---- CPUs ---- */

unsigned monitor_cpu_count(void)
{
    Accel *accel = machine_accel(machine_get());

    return accel ? accel_vcpu_count(accel) : 0;
}

Vcpu *monitor_cpu(unsigned index, GError **error)
{
    if (index >= monitor_cpu_count()) {
        error_setf(error, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    return accel_vcpu(machine_accel(machine_get()), index);
}

/* ---- life ---- */

void monitors_init(const MonitorHost *new_host)
{
    host = new_host;
    monitors = g_ptr_array_new();
    event_sources_start();
}

bool monitor_add(const MonitorConfig *config, GError **error)
{
    return config->control ? qmp_monitor_start(config, error) : hmp_monitor_start(config, error);
}

void monitors_cleanup(void)
{
    if (!monitors) {
        return;
    }
    event_sources_stop();
    while (monitors->len > 0) {
        monitor_free(g_ptr_array_index(monitors, monitors->len - 1));
    }
    g_clear_pointer(&monitors, g_ptr_array_unref);
}
