/*
 * Trace points: the list of them and their switches. Output goes to the log.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/trace.h"

#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/error.h"
#include "util/log.h"

static TracePoint *trace_points;

/* Runs before main, once per point and single-threaded: a list needs no allocation. */
void trace_register(TracePoint *point)
{
    point->next = trace_points;
    trace_points = point;
}

void trace_print(const TracePoint *point, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);

    int64_t now = g_get_real_time();
    log_printf(LOG_TRACE, "%ld@%" G_GINT64_FORMAT ".%06d:%s %s\n", (long)syscall(SYS_gettid),
               now / G_USEC_PER_SEC, (int)(now % G_USEC_PER_SEC), point->name, text);
}

unsigned trace_set_enabled(const char *pattern, bool enabled)
{
    g_autoptr(GPatternSpec) spec = g_pattern_spec_new(pattern);
    unsigned matched = 0;

    for (TracePoint *point = trace_points; point; point = point->next) {
        if (g_pattern_spec_match_string(spec, point->name)) {
            __atomic_store_n(&point->enabled, enabled, __ATOMIC_RELAXED);
            matched++;
        }
    }
    if (enabled && matched > 0) {
        log_mask |= LOG_TRACE;
    }
    return matched;
}

static int compare_names(const void *a, const void *b)
{
    const TracePoint *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

void trace_foreach(void (*visit)(const TracePoint *point, void *opaque), void *opaque)
{
    g_autoptr(GPtrArray) points = g_ptr_array_new();

    for (TracePoint *point = trace_points; point; point = point->next) {
        g_ptr_array_add(points, point);
    }
    g_ptr_array_sort(points, compare_names);
    for (unsigned i = 0; i < points->len; i++) {
        visit(points->pdata[i], opaque);
    }
}

bool trace_load_events(const char *path, GError **error)
{
    g_autofree char *content = NULL;
    g_autoptr(GError) reason = NULL;

    if (!g_file_get_contents(path, &content, NULL, &reason)) {
        return error_setf(error, "Could not read trace events: %s", reason->message);
    }
    g_auto(GStrv) lines = g_strsplit(content, "\n", -1);
    for (unsigned i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        bool enable = line[0] != '-';
        if (trace_set_enabled(enable ? line : line + 1, enable) == 0) {
            report_warning("%s:%u: no trace point matches '%s'", path, i + 1, line);
        }
    }
    return true;
}
