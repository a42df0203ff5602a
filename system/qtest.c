/*
 * The qtest server's connection: lines in, lines out, the log.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qtest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "chardev/chardev.h"
#include "hw/core/run_state.h"
#include "qtest_private.h"
#include "util/bytes.h"
#include "util/error.h"

#define MAX_LINE      (256 * MiB)
#define RECEIVE_CHUNK 65536

static struct {
    bool active;
    CharFrontend frontend;
    GString *line; /* received, no newline yet */
    bool line_is_too_long;
    FILE *log;        /* NULL: no log */
    int64_t start_us; /* of this connection */
} server;

/* ---- the log ---- */

static void write_log(char direction, const char *text)
{
    if (server.log) {
        double seconds = (g_get_monotonic_time() - server.start_us) / 1e6;
        fprintf(server.log, "[%c +%.6f] %s\n", direction, seconds, text);
        fflush(server.log);
    }
}

static bool open_log(const char *path, GError **error)
{
    if (!path) {
        server.log = stderr;
    } else if (strcmp(path, "none") != 0) {
        server.log = fopen(path, "we");
        if (!server.log) {
            return error_set_errno(error, errno, "-qtest-log %s: Could not open '%s'", path, path);
        }
    }
    return true;
}

static void close_log(void)
{
    if (server.log && server.log != stderr) {
        fclose(server.log);
    }
    server.log = NULL;
}

/* ---- lines ---- */

void qtest_send(const char *line)
{
    g_autofree char *text = g_strconcat(line, "\n", NULL);

    write_log('S', line);
    char_write_all(&server.frontend, (const uint8_t *)text, strlen(text));
}

void qtest_sendf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    qtest_send(line);
}

static void take_line(void)
{
    bool has_nul = strlen(server.line->str) != server.line->len;

    if (server.line->len > 0 && server.line->str[server.line->len - 1] == '\r') {
        g_string_truncate(server.line, server.line->len - 1);
    }
    write_log('R', server.line->str);
    if (server.line_is_too_long || has_nul) {
        qtest_send(has_nul ? "FAIL Zero byte in a command" : "FAIL Command too long");
    } else {
        qtest_execute(server.line->str);
    }
    server.line_is_too_long = false;
    g_string_truncate(server.line, 0);
}

static void add_to_line(const uint8_t *data, size_t length)
{
    if (server.line->len + length > MAX_LINE) {
        server.line_is_too_long = true;
        g_string_truncate(server.line, 0);
        return;
    }
    g_string_append_len(server.line, (const char *)data, length);
}

static unsigned can_receive(void *opaque)
{
    return RECEIVE_CHUNK;
}

static void receive(void *opaque, const uint8_t *data, unsigned length)
{
    while (length > 0 && server.active) {
        const uint8_t *newline = memchr(data, '\n', length);
        unsigned part = newline ? newline - data : length;
        add_to_line(data, part);
        if (!newline) {
            return;
        }
        take_line();
        data += part + 1;
        length -= part + 1;
    }
}

static void event(void *opaque, CharEvent which)
{
    if (which == CHAR_EVENT_OPENED) {
        server.start_us = g_get_monotonic_time();
        server.line_is_too_long = false;
        g_string_truncate(server.line, 0);
        qtest_forget_interrupts();
        write_log('I', "OPENED");
    } else if (which == CHAR_EVENT_CLOSED) {
        write_log('I', "CLOSED");
        run_state_request_exit(0);
    }
}

bool qtest_start(const char *chardev_id, const char *log_path, GError **error)
{
    if (!open_log(log_path, error)) {
        return false;
    }
    server.line = g_string_new(NULL);
    if (!char_frontend_attach_by_id(&server.frontend, chardev_id, "qtest", error)) {
        g_string_free(server.line, TRUE);
        close_log();
        return false;
    }
    server.active = true;
    char_frontend_set_handlers(&server.frontend, can_receive, receive, event, NULL);
    return true;
}

void qtest_stop(void)
{
    if (server.active) {
        server.active = false;
        char_frontend_set_handlers(&server.frontend, NULL, NULL, NULL, NULL);
        char_frontend_detach(&server.frontend);
        g_string_free(server.line, TRUE);
        close_log();
    }
}
