/*
 * QMP events: one table of names, contents and rates; query-events and the schema come from it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_EVENTS_H
#define MONITOR_EVENTS_H

#include <json-glib/json-glib.h>
#include <stdint.h>

typedef struct {
    const char *name;
    const char *members;  /* of its data; NULL: none */
    int64_t interval_ns;  /* at least this long between two; the last one counts. 0: each is sent */
    const char *rate_key; /* events that differ in this member have rates of their own; or NULL */
} QmpEventRow;

extern const QmpEventRow qmp_events[];
extern const unsigned qmp_event_count;

/** qmp_event: sends event @name with @data (taken; may be NULL). Main loop, machine lock held. */
void qmp_event(const char *name, JsonObject *data);
/** qmp_events_forget: drops events that are held back. */
void qmp_events_forget(void);

/** event_sources_start / _stop: run state, block layer, chips. */
void event_sources_start(void);
void event_sources_stop(void);
/** event_balloon_start / _stop: BALLOON_CHANGE of a Xen guest. */
void event_balloon_start(void);
void event_balloon_stop(void);
/** event_powerdown: POWERDOWN, for a power button that nobody told of. */
void event_powerdown_if_untold(unsigned told_before);
/** event_powerdown_count: how many POWERDOWN events there have been. */
unsigned event_powerdown_count(void);

#endif
