/*
 * Lines of the guest's drivers. A guest may write as fast as it likes; the log gets no more than so
 * many lines a second.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/platform/driver_log.h"

#include <string.h>

#include "util/clock.h"
#include "util/trace.h"

TRACE_DEFINE(xen_platform_log);

void driver_log_reset(DriverLog *log)
{
    memset(log, 0, sizeof(*log));
    log->second_ns = clock_get_ns(CLOCK_VIRTUAL);
}

static bool may_print(DriverLog *log)
{
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);

    /* A loaded clock may be behind the one the state was saved by. */
    if (now < log->second_ns || now - log->second_ns >= NS_PER_SECOND) {
        log->second_ns = now;
        log->lines = 0;
    }
    if (log->lines >= DRIVER_LOG_LINES_PER_SECOND) {
        log->lines_dropped += log->lines_dropped < UINT32_MAX;
        return false;
    }
    log->lines++;
    return true;
}

static void end_line(DriverLog *log)
{
    uint32_t length = log->length;

    log->length = 0;
    if (!may_print(log)) {
        return;
    }
    if (log->lines_dropped > 0) {
        TRACE(xen_platform_log, "(%u lines dropped)", log->lines_dropped);
        log->lines_dropped = 0;
    }
    TRACE(xen_platform_log, "%.*s", (int)length, (const char *)log->line);
}

void driver_log_put(DriverLog *log, uint8_t byte)
{
    if (byte == '\n') {
        end_line(log);
        return;
    }
    if (byte == '\r') {
        return;
    }
    /* Nothing that a terminal would obey. */
    log->line[log->length++] = byte == '\t' || (byte >= ' ' && byte < 0x7f) ? byte : '?';
    if (log->length == sizeof(log->line)) {
        end_line(log);
    }
}

bool driver_log_is_sound(const DriverLog *log)
{
    return log->length < sizeof(log->line) && log->lines <= DRIVER_LOG_LINES_PER_SECOND;
}
