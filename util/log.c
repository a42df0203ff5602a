/*
 * Reports to the user on stderr, and the log.
 *
 * Each line is formatted whole and written by one write(), so that lines of several threads do not
 * mix and nothing is lost in a buffer when the process is killed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/error.h"
#include "util/report_limit.h"
#include "util/trace.h"

#define PROGRAM_NAME "qemu-system-x86_64"

unsigned log_mask;

static int log_fd = STDERR_FILENO;
static bool report_timestamp;
static char *report_guest_name;

typedef struct {
    const char *name;
    unsigned mask;
    const char *help;
} LogItemName;

static const LogItemName log_item_names[] = {
    {"guest_errors", LOG_GUEST_ERRORS, "the guest does what its hardware documents as wrong"},
    {"unimp", LOG_UNIMP, "the guest asks for something that is not there"},
    {"cpu_reset", LOG_RESET, "show the CPU state before each reset"},
    {"all", LOG_GUEST_ERRORS | LOG_UNIMP | LOG_RESET, "all of the above"},
};

static void write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, text, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        text += written;
        length -= written;
    }
}

static void G_GNUC_PRINTF(2, 0) report(const char *kind, const char *format, va_list arguments)
{
    g_autoptr(GString) line = g_string_new(NULL);

    if (report_timestamp) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        g_autofree char *stamp = g_date_time_format_iso8601(now);
        g_string_append_printf(line, "%s ", stamp);
    }
    if (report_guest_name) {
        g_string_append_printf(line, "%s ", report_guest_name);
    }
    g_string_append_printf(line, PROGRAM_NAME ": %s", kind);
    g_string_append_vprintf(line, format, arguments);
    g_string_append_c(line, '\n');
    write_all(STDERR_FILENO, line->str, line->len);
}

void report_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report("", format, arguments);
    va_end(arguments);
}

/* Warnings and the like: those that a guest can bring about again and again. */
static void G_GNUC_PRINTF(2, 0)
    report_limited(const char *kind, const char *format, va_list arguments)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static ReportLimit limit;
    uint64_t left_out;

    pthread_mutex_lock(&lock);
    bool told = report_limit_take(&limit, clock_get_ns(CLOCK_REALTIME_HOST), &left_out);
    pthread_mutex_unlock(&lock);
    if (!told) {
        return;
    }
    if (left_out > 0) {
        report_error("%" G_GUINT64_FORMAT " messages before this one were left out",
                     (guint64)left_out);
    }
    report(kind, format, arguments);
}

void report_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_limited("warning: ", format, arguments);
    va_end(arguments);
}

void report_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_limited("info: ", format, arguments);
    va_end(arguments);
}

void report_set_timestamp(bool on)
{
    report_timestamp = on;
}

void report_set_guest_name(const char *name)
{
    g_free(report_guest_name);
    report_guest_name = g_strdup(name);
}

void log_printf(LogItem item, const char *format, ...)
{
    if (!log_enabled(item)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    write_all(g_atomic_int_get(&log_fd), text, strlen(text));
}

static const LogItemName *find_item(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(log_item_names); i++) {
        if (strcmp(log_item_names[i].name, name) == 0) {
            return &log_item_names[i];
        }
    }
    return NULL;
}

bool log_set_mask_from_string(const char *items, GError **error)
{
    g_auto(GStrv) names = g_strsplit(items, ",", -1);
    unsigned mask = 0;

    for (char **name = names; *name; name++) {
        if (g_str_has_prefix(*name, "trace:")) {
            const char *pattern = *name + strlen("trace:");
            if (trace_set_enabled(pattern, true) == 0) {
                return error_setf(error, "no trace point matches '%s'; see -trace help", pattern);
            }
            mask |= LOG_TRACE;
            continue;
        }
        if (strcmp(*name, "none") == 0) {
            mask = 0;
            continue;
        }
        const LogItemName *item = find_item(*name);
        if (!item) {
            return error_setf(error, "unknown log item '%s'; see -d help", *name);
        }
        mask |= item->mask;
    }
    log_mask = mask | (log_mask & LOG_TRACE);
    return true;
}

void log_print_help(void)
{
    printf("Log items (comma separated):\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(log_item_names); i++) {
        printf("%-15s %s\n", log_item_names[i].name, log_item_names[i].help);
    }
    printf("%-15s %s\n", "trace:PATTERN", "trace points that match; see -trace help");
    printf("%-15s %s\n", "none", "forget the items named before");
}

/* QEMU users write "%d" in -D for the process id. */
static char *expand_log_path(const char *path, GError **error)
{
    const char *percent = strchr(path, '%');

    if (!percent) {
        return g_strdup(path);
    }
    if (percent[1] != 'd' || strchr(percent + 2, '%')) {
        error_setf(error, "bad log file name '%s': only one %%d may stand in it", path);
        return NULL;
    }
    return g_strdup_printf("%.*s%d%s", (int)(percent - path), path, (int)getpid(), percent + 2);
}

bool log_set_file(const char *path, GError **error)
{
    g_autofree char *name = expand_log_path(path, error);
    if (!name) {
        return false;
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) {
        return error_set_errno(error, errno, "Could not open log file '%s'", name);
    }
    int old = log_fd;
    g_atomic_int_set(&log_fd, fd);
    if (old != STDERR_FILENO) {
        close(old);
    }
    return true;
}
