/*
 * QMP: trace points, and questions about parts this machine has not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/rtc/mc146818.h"
#include "monitor/qmp_command.h"
#include "util/trace.h"

/* ---- trace points ---- */

typedef struct {
    GPatternSpec *pattern;
    JsonArray *list;
    bool found;
} TraceSearch;

static void add_trace_point(const TracePoint *point, void *opaque)
{
    TraceSearch *search = opaque;
    JsonObject *info;

    if (!g_pattern_spec_match_string(search->pattern, point->name)) {
        return;
    }
    search->found = true;
    info = json_object_new();
    json_object_set_string_member(info, "name", point->name);
    json_object_set_string_member(info, "state", point->enabled ? "enabled" : "disabled");
    json_array_add_object_element(search->list, info);
}

static bool no_such_event(const char *name, GError **error)
{
    return error_setf(error, "unknown event \"%s\"", name);
}

static bool is_pattern(const char *name)
{
    return strpbrk(name, "*?") != NULL;
}

static bool trace_event_get_state(QmpCall *call, GError **error)
{
    const char *name = qmp_string(call, "name");
    TraceSearch search = {g_pattern_spec_new(name), json_array_new(), false};

    trace_foreach(add_trace_point, &search);
    g_pattern_spec_free(search.pattern);
    qmp_return_array(call, search.list);
    return search.found || is_pattern(name) || no_such_event(name, error);
}

static bool trace_event_set_state(QmpCall *call, GError **error)
{
    const char *name = qmp_string(call, "name");

    return trace_set_enabled(name, qmp_bool(call, "enable", false)) > 0 || is_pattern(name) ||
           qmp_bool(call, "ignore-unavailable", false) || no_such_event(name, error);
}

/* ---- what is not there ---- */

static bool screendump(QmpCall *call, GError **error)
{
    return error_setf(error, "There is no console to take a screendump from");
}

static bool rtc_reset_reinjection(QmpCall *call, GError **error)
{
    Device *rtc = monitor_device_of_type("mc146818rtc");

    if (rtc) {
        mc146818_forget_lost_ticks(HW_MC146818(rtc));
    }
    return true;
}

static const QmpCommand commands[] = {
    {"trace-event-get-state", "name:str", "[TraceEventInfo]", 0, trace_event_get_state},
    {"trace-event-set-state", "name:str enable:bool ignore-unavailable?:bool", NULL, 0,
     trace_event_set_state},
    {"screendump", "filename:str device?:str head?:int", NULL, 0, screendump},
    {"rtc-reset-reinjection", NULL, NULL, 0, rtc_reset_reinjection},
};
const QmpTable qmp_table_misc = {commands, G_N_ELEMENTS(commands)};
