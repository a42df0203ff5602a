/*
 * Monitors: how others drive the machine. QMP (JSON) and HMP (for people) over character devices.
 *
 * All of it runs on the main loop under the machine lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

/* What the monitors ask of whoever made the machine. */
typedef struct {
    unsigned version_major, version_minor, version_micro; /* QEMU's, that clients compare */
    const char *package;                                  /* this program and its own version */
    /** object_add: -object / object-add. object_delete: the reverse. */
    bool (*object_add)(JsonObject *options, GError **error);
    bool (*object_delete)(const char *id, GError **error);
    /** object_foreach: every object of -object, by id. @ram: of a memory backend, or NULL. */
    void (*object_foreach)(void (*visit)(const char *id, const char *type, void *ram, void *opaque),
                           void *opaque);
    /** object_types: the names of the types object_add takes, NULL-ended. */
    const char *const *(*object_types)(void);
    /** option_foreach: the options of the command line; @argument: its form, or NULL. */
    void (*option_foreach)(void (*visit)(const char *name, const char *argument, void *opaque),
                           void *opaque);
} MonitorHost;

typedef struct {
    const char *chardev; /* id */
    bool control;        /* QMP; else HMP */
    bool pretty;         /* QMP: indented */
} MonitorConfig;

/** monitors_init: before the first monitor_add(), once the machine exists. @host stays valid. */
void monitors_init(const MonitorHost *host);
/** monitor_add: a monitor on a character device. False: no such device, or it is in use. */
bool monitor_add(const MonitorConfig *config, GError **error);
/** monitors_cleanup: before the character devices go. */
void monitors_cleanup(void);

#endif
