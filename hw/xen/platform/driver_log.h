/*
 * The lines that a guest's drivers write to the log port, a byte at a time.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_PLATFORM_DRIVER_LOG_H
#define HW_XEN_PLATFORM_DRIVER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define DRIVER_LOG_LINE_SIZE        256 /* a longer one is cut in pieces */
#define DRIVER_LOG_LINES_PER_SECOND 20

typedef struct {
    uint8_t line[DRIVER_LOG_LINE_SIZE];
    uint32_t length;
    int64_t second_ns;      /* CLOCK_VIRTUAL when the present second began */
    uint32_t lines;         /* printed in it */
    uint32_t lines_dropped; /* since the last one printed */
} DriverLog;

void driver_log_reset(DriverLog *log);
/** driver_log_put: one byte; a line feed ends the line, which goes to trace point xen_platform_log.
 */
void driver_log_put(DriverLog *log, uint8_t byte);
/** driver_log_is_sound: the ranges of a loaded state. */
bool driver_log_is_sound(const DriverLog *log);

#endif
