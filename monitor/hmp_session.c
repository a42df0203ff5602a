/*
 * An HMP session on a character device, and human-monitor-command.
 *
 * Behind a multiplexer the monitor is silent until somebody switches to it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/line_editor.h"
#include "monitor/qmp_command.h"

#define RECEIVE_CHUNK 4096u
#define PROMPT        "(qemu) "
#define UNREAD_LIMIT  (1u << 20) /* bytes of output with which no more input is taken */

typedef struct {
    Monitor *monitor;
    LineEditor *editor;
    bool greeted;
    bool hidden; /* another front end of the mux has the terminal */
    guint show_source;
    guint drain_watch; /* set while the peer has too much to read */
} HmpSession;

static void write_text(void *opaque, const char *text, size_t length)
{
    HmpSession *session = opaque;

    monitor_write(session->monitor, text, length);
}

/* Terminals want CR LF, and so does whoever reads human-monitor-command. */
static GString *with_carriage_returns(const char *text)
{
    GString *out = g_string_sized_new(strlen(text) + 64);

    for (; *text; text++) {
        if (*text == '\n') {
            g_string_append_c(out, '\r');
        }
        g_string_append_c(out, *text);
    }
    return out;
}

static void take_line(void *opaque, const char *line)
{
    HmpSession *session = opaque;
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GString) text = NULL;

    hmp_execute(session->monitor, line, said);
    text = with_carriage_returns(said->str);
    write_text(session, text->str, text->len);
    line_editor_prompt(session->editor);
}

static GPtrArray *complete(void *opaque, const char *text)
{
    return hmp_complete(text);
}

static const LineEditorOps editor_ops = {write_text, take_line, complete};

static gboolean show_prompt(gpointer opaque)
{
    HmpSession *session = opaque;
    const MonitorHost *host = monitor_host();

    session->show_source = 0;
    if (session->hidden) {
        return G_SOURCE_REMOVE;
    }
    if (!session->greeted) {
        g_autofree char *banner =
            g_strdup_printf("QEMU %u.%u.%u monitor - type 'help' for more information\r\n",
                            host->version_major, host->version_minor, host->version_micro);
        write_text(session, banner, strlen(banner));
        session->greeted = true;
    }
    line_editor_prompt(session->editor);
    return G_SOURCE_REMOVE;
}

/* Not at once: while the machine is made the terminal is handed from one to the next. */
static void show_soon(HmpSession *session)
{
    if (session->show_source == 0) {
        session->show_source = g_idle_add_full(G_PRIORITY_DEFAULT, show_prompt, session, NULL);
    }
}

static unsigned can_receive(void *opaque)
{
    HmpSession *session = opaque;

    return session->drain_watch ? 0 : RECEIVE_CHUNK;
}

static void output_drained(void *opaque)
{
    HmpSession *session = opaque;

    session->drain_watch = 0;
    char_accept_input(&session->monitor->frontend);
}

static void receive(void *opaque, const uint8_t *data, unsigned length)
{
    HmpSession *session = opaque;

    if (session->show_source) {
        g_clear_handle_id(&session->show_source, g_source_remove);
        show_prompt(session);
    }
    line_editor_feed(session->editor, data, length);
    if (char_queued(&session->monitor->frontend) > UNREAD_LIMIT && session->drain_watch == 0) {
        session->drain_watch =
            char_add_writable_watch(&session->monitor->frontend, output_drained, session);
    }
}

static void event(void *opaque, CharEvent which)
{
    HmpSession *session = opaque;

    switch (which) {
    case CHAR_EVENT_OPENED:
        session->greeted = false;
        line_editor_reset(session->editor);
        show_soon(session);
        break;
    case CHAR_EVENT_MUX_IN:
        session->hidden = false;
        show_soon(session);
        break;
    case CHAR_EVENT_MUX_OUT:
        session->hidden = true;
        break;
    default:
        break;
    }
}

static void session_close(Monitor *monitor)
{
    HmpSession *session = monitor->state;

    g_clear_handle_id(&session->show_source, g_source_remove);
    g_clear_handle_id(&session->drain_watch, g_source_remove);
    line_editor_free(session->editor);
    g_free(session);
}

static const MonitorKind hmp_kind = {session_close, NULL};

bool hmp_monitor_start(const MonitorConfig *config, GError **error)
{
    Monitor *monitor = monitor_new(&hmp_kind, config->chardev, error);
    HmpSession *session;

    if (!monitor) {
        return false;
    }
    session = g_new0(HmpSession, 1);
    session->monitor = monitor;
    session->editor = line_editor_new(&editor_ops, session, PROMPT);
    monitor->state = session;
    char_frontend_set_handlers(&monitor->frontend, can_receive, receive, event, session);
    return true;
}

const GPtrArray *hmp_monitor_history(Monitor *monitor)
{
    return monitor->kind == &hmp_kind ? line_editor_history(((HmpSession *)monitor->state)->editor)
                                      : NULL;
}

/* ---- human-monitor-command ---- */

static bool human_monitor_command(QmpCall *call, GError **error)
{
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GString) text = NULL;
    unsigned cpu_before = call->monitor->cpu;
    int64_t cpu = qmp_int(call, "cpu-index", cpu_before);

    if (cpu < 0 || (qmp_has(call, "cpu-index") && cpu >= monitor_cpu_count())) {
        return error_setf(error, "Parameter 'cpu-index' expects a CPU number");
    }
    call->monitor->cpu = (unsigned)cpu;
    hmp_execute(call->monitor, qmp_string(call, "command-line"), said);
    if (qmp_has(call, "cpu-index")) {
        call->monitor->cpu = cpu_before;
    }
    text = with_carriage_returns(said->str);
    return qmp_return_string(call, text->str);
}

static const QmpCommand commands[] = {
    {"human-monitor-command", "command-line:str cpu-index?:int", "str", 0, human_monitor_command},
};
const QmpTable qmp_table_human = {commands, G_N_ELEMENTS(commands)};
