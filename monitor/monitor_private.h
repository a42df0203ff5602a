/*
 * What the files of the monitor folder share: a monitor, whatever its language.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_PRIVATE_H
#define MONITOR_PRIVATE_H

#include "chardev/chardev.h"
#include "hw/core/machine.h"
#include "monitor/monitor.h"

typedef struct Monitor Monitor;

typedef struct {
    void (*close)(Monitor *monitor);
    /** send_event: @event is a whole event object. NULL: this kind hears none. */
    void (*send_event)(Monitor *monitor, JsonNode *event);
} MonitorKind;

struct Monitor {
    const MonitorKind *kind;
    CharFrontend frontend; /* not attached: one that lives for one human-monitor-command */
    GHashTable *fds;       /* name to descriptor: getfd */
    unsigned cpu;          /* HMP: the one "cpu N" chose */
    void *state;           /* the kind's */
};

/** monitor_new: a monitor on @chardev, or on nothing. NULL: @error. */
Monitor *monitor_new(const MonitorKind *kind, const char *chardev, GError **error);
void monitor_free(Monitor *monitor);
/** monitors_send_event: to every monitor that hears events. */
void monitors_send_event(JsonNode *event);
const MonitorHost *monitor_host(void);
/** monitor_write: text as it is, queued if need be. */
void monitor_write(Monitor *monitor, const char *text, size_t length);

/** monitor_fd_add: keeps @fd as @name; what had that name is closed. */
void monitor_fd_add(Monitor *monitor, const char *name, int fd);
/** monitor_fd_take: the descriptor called @name, the caller's from now on; -1: @error. */
int monitor_fd_take(Monitor *monitor, const char *name, GError **error);

/** qmp_monitor_start / hmp_monitor_start: a new monitor on @config's chardev. */
bool qmp_monitor_start(const MonitorConfig *config, GError **error);
bool hmp_monitor_start(const MonitorConfig *config, GError **error);

/** monitor_device_of_type: the machine's first device of that type, or NULL. */
Device *monitor_device_of_type(const char *type_name);

/** cpu_count: of the machine; cpu_at: by index or NULL. */
unsigned monitor_cpu_count(void);
Vcpu *monitor_cpu(unsigned index, GError **error);
/** monitor_cpu_path: its place in the object tree; caller frees. */
char *monitor_cpu_path(unsigned index);

#endif
