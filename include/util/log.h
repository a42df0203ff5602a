/*
 * What the process says: errors and warnings for the user, and the log that -d and -D steer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <glib.h>
#include <stdbool.h>

/* The items of -d; the names and help texts are one table in util/log.c. */
typedef enum {
    LOG_GUEST_ERRORS = 1 << 0, /* the guest did what its hardware documents as wrong */
    LOG_UNIMP = 1 << 1,        /* the guest asked for what we do not have */
    LOG_RESET = 1 << 2,        /* CPU state before each reset */
    LOG_TRACE = 1 << 3,        /* trace points go to the log */
} LogItem;

extern unsigned log_mask;

/** report_error: prints "qemu-system-x86_64: TEXT" on stderr (with a time stamp under -msg). */
void report_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
/**
 * report_warning: the same with "warning: " before the text. A guest can bring warnings about:
 * after REPORT_LIMIT_BURST of them and of infos there is one a second, with the number of those
 * left out.
 */
void report_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
/** report_info: the same with "info: ", under the same limit. */
void report_info(const char *format, ...) G_GNUC_PRINTF(1, 2);
/** report_set_timestamp: -msg timestamp=on|off; report_set_guest_name: -msg guest-name=on. */
void report_set_timestamp(bool on);
void report_set_guest_name(const char *name);

/** log_enabled: true if -d has @item; guards costly preparation of a log line. */
static inline bool log_enabled(LogItem item)
{
    return G_UNLIKELY(log_mask & item);
}

/** log_printf: writes to the log if -d has @item. The text ends with its own newline. */
void log_printf(LogItem item, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** log_set_mask_from_string: parses -d's comma list ("help" lists); false names the bad item. */
bool log_set_mask_from_string(const char *items, GError **error);
/** log_print_help: the list of items on stdout, for -d help. */
void log_print_help(void);
/** log_set_file: -D; opens @path for writing. */
bool log_set_file(const char *path, GError **error);

#endif
