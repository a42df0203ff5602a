/*
 * The rules of "blkdebug": on which event which error is injected into which requests, and the
 * state that chooses among them.
 *
 * A rule sleeps until its event; then it is active, in place of those that were, and fails the
 * requests that it covers, until another event makes others active. "once" ends it with its first
 * victim.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_BLKDEBUG_RULES_H
#define BLOCK_BLKDEBUG_RULES_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The events that raw images have; the others have names, which rules may use, and never come. */
typedef enum {
    BLKDEBUG_EVENT_READ_AIO,
    BLKDEBUG_EVENT_WRITE_AIO,
    BLKDEBUG_EVENT_FLUSH_TO_OS,
    BLKDEBUG_EVENT_FLUSH_TO_DISK,
    BLKDEBUG_EVENT_PWRITEV,
    BLKDEBUG_EVENT_PWRITEV_ZERO,
    BLKDEBUG_EVENT_PWRITEV_DONE,
    BLKDEBUG_EVENT_NONE, /* before every request */
    BLKDEBUG_EVENT_OTHER,
} BlkdebugEvent;

/* As in the enumeration BlkdebugIOType. */
typedef enum {
    BLKDEBUG_IO_READ,
    BLKDEBUG_IO_WRITE,
    BLKDEBUG_IO_WRITE_ZEROES,
    BLKDEBUG_IO_DISCARD,
    BLKDEBUG_IO_FLUSH,
    BLKDEBUG_IO_BLOCK_STATUS, /* nobody asks */
} BlkdebugIoType;

typedef struct BlkdebugRules BlkdebugRules;

BlkdebugRules *blkdebug_rules_new(void);
void blkdebug_rules_free(BlkdebugRules *rules);

/** blkdebug_rules_add: @array: of objects as inject-error= (@inject) or set-state= have them; NULL:
 * none. */
bool blkdebug_rules_add(BlkdebugRules *rules, JsonArray *array, bool inject, GError **error);
/** blkdebug_rules_read_file: a configuration file with [inject-error] and [set-state] sections. */
bool blkdebug_rules_read_file(BlkdebugRules *rules, const char *path, GError **error);

/** blkdebug_rules_event: @event has come. */
void blkdebug_rules_event(BlkdebugRules *rules, BlkdebugEvent event);
/** blkdebug_rules_check: 0, or the negative errno for this request. @offset, @length: bytes. */
int blkdebug_rules_check(BlkdebugRules *rules, BlkdebugIoType type, uint64_t offset,
                         uint64_t length);

#endif
