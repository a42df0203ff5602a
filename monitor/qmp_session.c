/*
 * A QMP session: greeting, negotiation, requests in, replies and events out.
 *
 * Requests wait in a short queue and run one a turn of the main loop, in order; an out-of-band one
 * runs as soon as it has been read. A client that does not read its replies gets no more requests
 * run, and one that does not even read events loses them: it harms itself only.
 *
 * Source: the QMP specification (docs/interop/qmp-spec of QEMU 10.0).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <unistd.h>

#include "monitor/json_stream.h"
#include "monitor/json_text.h"
#include "monitor/qmp_command.h"
#include "monitor/qmp_session.h"
#include "util/log.h"

#define RECEIVE_CHUNK   65536u
#define MAX_REQUESTS    8u          /* that wait; then no more is read */
#define REPLIES_AT_MOST (1u << 20)  /* unread bytes of output with which requests still run */
#define EVENTS_AT_MOST  (16u << 20) /* and with which events are still sent */

typedef struct {
    JsonNode *request; /* NULL: @error */
    GError *error;
    GArray *fds; /* of int, that came with it; or NULL */
} Request;

typedef struct {
    Monitor *monitor;
    JsonStream *stream;
    GQueue requests; /* of Request */
    guint run_source;
    guint drain_watch;
    bool pretty;
    bool negotiated, oob;
    bool events_lost;
    GArray *incoming_fds; /* with the last bytes; of the request that ends next. Or NULL */
    Request *running;     /* or NULL */
} QmpSession;

static const char *const class_names[] = {
    [XENOLITH_ERROR_GENERIC] = "GenericError",
    [XENOLITH_ERROR_DEVICE_NOT_FOUND] = "DeviceNotFound",
    [XENOLITH_ERROR_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
    [XENOLITH_ERROR_COMMAND_NOT_FOUND] = "CommandNotFound",
    [XENOLITH_ERROR_KVM_MISSING_CAP] = "KVMMissingCap",
};

static void schedule(QmpSession *session);

/* ---- descriptors (SCM_RIGHTS) ---- */

static void close_fds(GArray *fds)
{
    for (guint i = 0; i < fds->len; i++) {
        close(g_array_index(fds, int, i));
    }
    g_array_unref(fds);
}

static void collect_fds(QmpSession *session)
{
    unsigned count;
    g_autofree int *fds = char_take_fds(&session->monitor->frontend, &count);

    if (count > 0) {
        g_clear_pointer(&session->incoming_fds, close_fds);
        session->incoming_fds = g_array_new(FALSE, FALSE, sizeof(int));
        g_array_append_vals(session->incoming_fds, fds, count);
    }
}

static void request_free(Request *request)
{
    g_clear_pointer(&request->request, json_node_unref);
    g_clear_error(&request->error);
    g_clear_pointer(&request->fds, close_fds);
    g_free(request);
}

/* ---- output ---- */

static void send_node(QmpSession *session, JsonNode *node)
{
    g_autoptr(GString) text = g_string_new(NULL);

    json_text_append(text, node, session->pretty);
    g_string_append(text, "\r\n");
    monitor_write(session->monitor, text->str, text->len);
}

static JsonObject *error_object(const GError *error)
{
    JsonObject *object = json_object_new();
    unsigned code = error->domain == xenolith_error_quark() ? (unsigned)error->code : 0;

    json_object_set_string_member(object, "class",
                                  class_names[code < G_N_ELEMENTS(class_names) ? code : 0]);
    json_object_set_string_member(object, "desc", error->message);
    return object;
}

/* Takes @result. */
static void send_reply(QmpSession *session, JsonNode *result, const GError *error, JsonNode *id)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *reply = json_object_new();

    if (result) {
        json_object_set_member(reply, "return", result);
    } else {
        json_object_set_object_member(reply, "error", error_object(error));
    }
    if (id) {
        json_object_set_member(reply, "id", json_node_copy(id));
    }
    json_node_take_object(node, reply);
    send_node(session, node);
}

static void send_greeting(QmpSession *session)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
    JsonObject *greeting = json_object_new(), *content = json_object_new();
    JsonArray *capabilities = json_array_new();

    json_object_set_object_member(content, "version", qmp_version_object());
    json_array_add_string_element(capabilities, "oob");
    json_object_set_array_member(content, "capabilities", capabilities);
    json_object_set_object_member(greeting, "QMP", content);
    json_node_take_object(node, greeting);
    send_node(session, node);
}

static void send_event(Monitor *monitor, JsonNode *event)
{
    QmpSession *session = monitor->state;

    if (!session->negotiated) {
        return;
    }
    if (char_queued(&monitor->frontend) > EVENTS_AT_MOST) {
        if (!session->events_lost) {
            report_warning("a QMP client does not read; its events are dropped");
        }
        session->events_lost = true;
        return;
    }
    session->events_lost = false;
    send_node(session, event);
}

/* ---- requests ---- */

static bool check_member(const char *name, JsonNode *value, GError **error)
{
    bool is_string =
        JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_STRING;

    if (strcmp(name, "execute") == 0 || strcmp(name, "exec-oob") == 0) {
        return is_string || error_setf(error, "QMP input member '%s' must be a string", name);
    }
    if (strcmp(name, "arguments") == 0) {
        return JSON_NODE_HOLDS_OBJECT(value) ||
               error_setf(error, "QMP input member 'arguments' must be an object");
    }
    return strcmp(name, "id") == 0 ||
           error_setf(error, "QMP input member '%s' is unexpected", name);
}

static bool check_request(const QmpSession *session, JsonNode *node, GError **error)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        return error_setf(error, "QMP input must be a JSON object");
    }
    JsonObject *request = json_node_get_object(node);
    json_object_iter_init_ordered(&iter, request);
    while (json_object_iter_next_ordered(&iter, &name, &value)) {
        if (strcmp(name, "exec-oob") == 0 && !session->oob) {
            return error_setf(error, "QMP input member 'exec-oob' is unexpected");
        }
        if (!check_member(name, value, error)) {
            return false;
        }
    }
    if (json_object_has_member(request, "execute") && json_object_has_member(request, "exec-oob")) {
        return error_setf(error, "QMP input member 'exec-oob' clashes with 'execute'");
    }
    return json_object_has_member(request, "execute") ||
           json_object_has_member(request, "exec-oob") ||
           error_setf(error, "QMP input lacks member 'execute'");
}

static bool check_command(const QmpSession *session, const char *name, bool oob, GError **error)
{
    const QmpCommand *command = qmp_command_find(name);

    if (!session->negotiated && strcmp(name, "qmp_capabilities") != 0) {
        return qmp_fail(error, XENOLITH_ERROR_COMMAND_NOT_FOUND,
                        command ? "Expecting capabilities negotiation with 'qmp_capabilities'"
                                : "The command %s has not been found",
                        name);
    }
    if (session->negotiated && strcmp(name, "qmp_capabilities") == 0) {
        return qmp_fail(error, XENOLITH_ERROR_COMMAND_NOT_FOUND,
                        "Capabilities negotiation is already complete, command ignored");
    }
    if (oob && command && !(command->flags & QMP_OOB)) {
        return error_setf(error, "The command %s does not support OOB", name);
    }
    return true;
}

static JsonNode *execute(QmpSession *session, JsonNode *node, GError **error)
{
    if (!check_request(session, node, error)) {
        return NULL;
    }
    JsonObject *request = json_node_get_object(node);
    bool oob = json_object_has_member(request, "exec-oob");
    const char *name = json_object_get_string_member(request, oob ? "exec-oob" : "execute");
    JsonObject *arguments = json_object_has_member(request, "arguments")
                                ? json_object_get_object_member(request, "arguments")
                                : NULL;

    return check_command(session, name, oob, error)
               ? qmp_run(session->monitor, name, arguments, error)
               : NULL;
}

static void answer(QmpSession *session, Request *request)
{
    g_autoptr(GError) error = NULL;
    JsonNode *result = NULL, *id = NULL;

    if (request->request) {
        Request *before = session->running;
        session->running = request;
        result = execute(session, request->request, &error);
        session->running = before;
        if (JSON_NODE_HOLDS_OBJECT(request->request)) {
            id = json_object_get_member(json_node_get_object(request->request), "id");
        }
    }
    send_reply(session, result, request->request ? error : request->error, id);
    request_free(request);
}

static void output_drained(void *opaque)
{
    QmpSession *session = opaque;

    session->drain_watch = 0;
    schedule(session);
}

static bool output_is_stuck(QmpSession *session)
{
    CharFrontend *frontend = &session->monitor->frontend;

    if (char_queued(frontend) <= REPLIES_AT_MOST) {
        return false;
    }
    if (session->drain_watch == 0) {
        session->drain_watch = char_add_writable_watch(frontend, output_drained, session);
    }
    return true;
}

static gboolean run_next(gpointer opaque)
{
    QmpSession *session = opaque;
    Request *request;

    if (output_is_stuck(session) || g_queue_is_empty(&session->requests)) {
        session->run_source = 0;
        return G_SOURCE_REMOVE;
    }
    request = g_queue_pop_head(&session->requests);
    answer(session, request);
    if (g_queue_get_length(&session->requests) == MAX_REQUESTS - 1) {
        char_accept_input(&session->monitor->frontend);
    }
    if (g_queue_is_empty(&session->requests)) {
        session->run_source = 0;
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static void schedule(QmpSession *session)
{
    if (session->run_source == 0 && !g_queue_is_empty(&session->requests)) {
        session->run_source = g_idle_add_full(G_PRIORITY_DEFAULT, run_next, session, NULL);
    }
}

static bool is_out_of_band(const QmpSession *session, const Request *request)
{
    return session->oob && request->request && JSON_NODE_HOLDS_OBJECT(request->request) &&
           json_object_has_member(json_node_get_object(request->request), "exec-oob");
}

static void take_value(JsonNode *node, const GError *error, void *opaque)
{
    QmpSession *session = opaque;
    Request *request = g_new0(Request, 1);

    request->request = node;
    request->error = error ? g_error_copy(error) : NULL;
    request->fds = g_steal_pointer(&session->incoming_fds);
    if (is_out_of_band(session, request)) {
        answer(session, request);
        return;
    }
    g_queue_push_tail(&session->requests, request);
    schedule(session);
}

/* ---- the connection ---- */

/* One read may hold any number of requests: what is read already is kept, more is not read. */
static unsigned can_receive(void *opaque)
{
    QmpSession *session = opaque;
    bool full = g_queue_get_length(&session->requests) >= MAX_REQUESTS;

    return full ? 0 : RECEIVE_CHUNK;
}

static void receive(void *opaque, const uint8_t *data, unsigned length)
{
    QmpSession *session = opaque;

    collect_fds(session);
    json_stream_feed(session->stream, data, length);
}

static void forget_requests(QmpSession *session)
{
    Request *request;

    while ((request = g_queue_pop_head(&session->requests))) {
        request_free(request);
    }
    g_clear_handle_id(&session->run_source, g_source_remove);
    g_clear_handle_id(&session->drain_watch, g_source_remove);
    json_stream_reset(session->stream);
    g_clear_pointer(&session->incoming_fds, close_fds);
}

/* What a client has sent before it went is done all the same: "echo … | qemu -qmp stdio". */
static void finish_requests(QmpSession *session)
{
    Request *request;

    while ((request = g_queue_pop_head(&session->requests))) {
        answer(session, request);
    }
}

static void event(void *opaque, CharEvent which)
{
    QmpSession *session = opaque;

    if (which == CHAR_EVENT_OPENED) {
        session->negotiated = session->oob = session->events_lost = false;
        json_stream_reset(session->stream);
        send_greeting(session);
    } else if (which == CHAR_EVENT_CLOSED) {
        finish_requests(session);
        session->negotiated = session->oob = false;
        forget_requests(session);
        g_hash_table_remove_all(session->monitor->fds);
    }
}

static void session_close(Monitor *monitor)
{
    QmpSession *session = monitor->state;

    forget_requests(session);
    json_stream_free(session->stream);
    g_free(session);
}

static const MonitorKind qmp_kind = {session_close, send_event};

bool qmp_session_negotiate(Monitor *monitor, bool oob)
{
    QmpSession *session = monitor->state;

    if (monitor->kind != &qmp_kind) {
        return false;
    }
    session->negotiated = true;
    session->oob = oob;
    return true;
}

int qmp_session_take_fd(Monitor *monitor)
{
    QmpSession *session = monitor->state;
    GArray *fds = monitor->kind == &qmp_kind && session->running ? session->running->fds : NULL;

    if (!fds || fds->len == 0) {
        return -1;
    }
    int fd = g_array_index(fds, int, 0);
    g_array_remove_index(fds, 0);
    return fd;
}

bool qmp_monitor_start(const MonitorConfig *config, GError **error)
{
    Monitor *monitor = monitor_new(&qmp_kind, config->chardev, error);
    QmpSession *session;

    if (!monitor) {
        return false;
    }
    session = g_new0(QmpSession, 1);
    session->monitor = monitor;
    session->pretty = config->pretty;
    session->stream = json_stream_new(take_value, session);
    g_queue_init(&session->requests);
    monitor->state = session;
    char_frontend_set_handlers(&monitor->frontend, can_receive, receive, event, session);
    return true;
}
