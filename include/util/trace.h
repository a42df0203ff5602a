/*
 * Trace points. A point costs one load and one predicted branch while it is off.
 *
 *     TRACE_DEFINE(ide_command);
 *     ...
 *     TRACE(ide_command, "bus %s command 0x%02x", name, command);
 *
 * -trace NAME (with * patterns), -trace enable=NAME,file=PATH,events=PATH switch them on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_TRACE_H
#define UTIL_TRACE_H

#include <glib.h>
#include <stdbool.h>

typedef struct TracePoint TracePoint;
struct TracePoint {
    const char *name;
    bool enabled;
    TracePoint *next;
};

#define TRACE_DEFINE(point)                                                                        \
    static TracePoint trace_##point = {.name = #point};                                            \
    static void __attribute__((constructor)) trace_register_##point(void)                          \
    {                                                                                              \
        trace_register(&trace_##point);                                                            \
    }

#define TRACE(point, ...)                                                                          \
    do {                                                                                           \
        if (G_UNLIKELY(__atomic_load_n(&trace_##point.enabled, __ATOMIC_RELAXED))) {               \
            trace_print(&trace_##point, __VA_ARGS__);                                              \
        }                                                                                          \
    } while (0)

#define TRACE_ENABLED(point) G_UNLIKELY(__atomic_load_n(&trace_##point.enabled, __ATOMIC_RELAXED))

/** trace_register: called by TRACE_DEFINE before main. */
void trace_register(TracePoint *point);
/** trace_print: one line "NAME text" with thread id and time to the log. */
void trace_print(const TracePoint *point, const char *format, ...) G_GNUC_PRINTF(2, 3);
/** trace_set_enabled: switches all points that match @pattern (* and ?); returns how many matched. */
unsigned trace_set_enabled(const char *pattern, bool enabled);
/** trace_foreach: calls @visit for each point, in name order. */
void trace_foreach(void (*visit)(const TracePoint *point, void *opaque), void *opaque);
/** trace_load_events: reads a file of patterns, one a line ('-' before it switches off, '#' comments). */
bool trace_load_events(const char *path, GError **error);

#endif
