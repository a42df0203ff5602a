/*
 * -netdev stream: Ethernet frames over a TCP or Unix connection to another process. A server goes
 * back to listening when its peer has left; a client with reconnect= tries again.
 *
 * Source: QEMU's documented -netdev stream and its events NETDEV_STREAM_*.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "net/frame_stream.h"
#include "net/netdev_address.h"
#include "util/error.h"
#include "util/log.h"

#define RECONNECT_MAX_MS (G_MAXUINT32)

typedef struct {
    NetClient *client;
    SocketTarget *target;
    GSocket *listener;   /* a server's */
    GSource *acceptor;   /* while nobody is connected */
    GSocket *connection; /* NULL: nobody is there */
    FrameStream *frames;
    uint64_t reconnect_ms;
    guint reconnect_timer;
    GCancellable *connecting;
} StreamNetdev;

static void (*stream_listener)(const char *id, GSocketAddress *peer);

void net_set_stream_listener(void (*changed)(const char *id, GSocketAddress *peer))
{
    stream_listener = changed;
}

static void tell_listener(StreamNetdev *self, GSocketAddress *peer)
{
    if (stream_listener) {
        stream_listener(self->client->name, peer);
    }
}

/* ---- one connection ---- */

static void listen_again(StreamNetdev *self);
static void connect_later(StreamNetdev *self);

static void set_idle_info(StreamNetdev *self)
{
    g_autofree char *text = socket_target_text(self->target, "tcp", self->listener);

    net_client_set_info(self->client, "%s %s", self->listener ? "listening on" : "connecting to",
                        text);
}

static void drop_connection(StreamNetdev *self)
{
    g_clear_pointer(&self->frames, frame_stream_free);
    g_clear_object(&self->connection);
}

static void connection_closed(NetClient *client, const char *reason)
{
    StreamNetdev *self = client->opaque;

    drop_connection(self);
    net_client_set_info(client, "disconnected: %s", reason);
    tell_listener(self, NULL);
    if (self->listener) {
        listen_again(self);
    } else if (self->reconnect_ms) {
        connect_later(self);
    }
    /* What waits for the peer that has gone is dropped by receive(). */
    net_client_ready(client);
}

/* @connection is taken over. */
static void connection_made(StreamNetdev *self, GSocket *connection)
{
    g_autoptr(GSocketAddress) peer = g_socket_get_remote_address(connection, NULL);
    g_autofree char *text = peer ? socket_address_text(peer) : NULL;
    bool inet = peer && G_IS_INET_SOCKET_ADDRESS(peer);

    self->connection = connection;
    if (inet) {
        g_socket_set_option(connection, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
    }
    self->frames = frame_stream_new(self->client, g_socket_get_fd(connection), connection_closed);
    if (text && *text) {
        net_client_set_info(self->client, "%s:%s", inet ? "tcp" : "unix", text);
    } else {
        g_autofree char *target = socket_target_text(self->target, "tcp", NULL);
        net_client_set_info(self->client, "%s", target);
    }
    tell_listener(self, peer);
}

/* ---- a server ---- */

static gboolean peer_waits(GSocket *listener, GIOCondition condition, gpointer opaque)
{
    StreamNetdev *self = opaque;
    g_autoptr(GError) error = NULL;
    GSocket *connection = g_socket_accept(listener, NULL, &error);

    if (!connection) {
        return G_SOURCE_CONTINUE;
    }
    g_clear_pointer(&self->acceptor, g_source_unref);
    connection_made(self, connection);
    return G_SOURCE_REMOVE;
}

static void listen_again(StreamNetdev *self)
{
    self->acceptor = g_socket_create_source(self->listener, G_IO_IN, NULL);
    g_source_set_callback(self->acceptor, G_SOURCE_FUNC(peer_waits), self, NULL);
    g_source_attach(self->acceptor, NULL);
    set_idle_info(self);
}

static StreamNetdev *stream_new(const NetClientClass *type, const char *id, SocketTarget *target)
{
    StreamNetdev *self = g_new0(StreamNetdev, 1);

    self->target = target;
    self->client = net_client_new(type, id, self);
    return self;
}

NetClient *stream_netdev_listen(const NetClientClass *type, const char *id, SocketTarget *target,
                                GError **error)
{
    GSocket *listener = socket_target_listen(target, error);
    StreamNetdev *self;

    if (!listener) {
        socket_target_free(target);
        return NULL;
    }
    g_socket_set_blocking(listener, FALSE);
    self = stream_new(type, id, target);
    self->listener = listener;
    listen_again(self);
    return self->client;
}

/* ---- a client ---- */

static void connect_thread(GTask *task, gpointer source G_GNUC_UNUSED, gpointer data,
                           GCancellable *cancellable)
{
    GError *error = NULL;
    GSocket *connection = socket_target_connect(data, cancellable, &error);

    if (connection) {
        g_task_return_pointer(task, connection, g_object_unref);
    } else {
        g_task_return_error(task, error);
    }
}

static void connect_done(GObject *source G_GNUC_UNUSED, GAsyncResult *result, gpointer opaque)
{
    StreamNetdev *self = opaque;
    g_autoptr(GError) error = NULL;
    g_autoptr(GSocket) connection = NULL;

    /* After a cancel the netdev is gone. */
    if (g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(result)))) {
        connection = g_task_propagate_pointer(G_TASK(result), NULL);
        return;
    }
    connection = g_task_propagate_pointer(G_TASK(result), &error);
    g_clear_object(&self->connecting);
    if (connection) {
        connection_made(self, g_steal_pointer(&connection));
        return;
    }
    net_client_set_info(self->client, "error: %s", error->message);
    if (self->reconnect_ms) {
        connect_later(self);
    } else {
        report_warning("netdev %s: %s", self->client->name, error->message);
    }
}

static gboolean connect_now(gpointer opaque)
{
    StreamNetdev *self = opaque;
    g_autoptr(GTask) task = NULL;

    self->reconnect_timer = 0;
    self->connecting = g_cancellable_new();
    task = g_task_new(NULL, self->connecting, connect_done, self);
    g_task_set_return_on_cancel(task, FALSE);
    g_task_set_check_cancellable(task, FALSE);
    g_task_set_task_data(task, socket_target_copy(self->target),
                         (GDestroyNotify)socket_target_free);
    g_task_run_in_thread(task, connect_thread);
    return G_SOURCE_REMOVE;
}

static void connect_later(StreamNetdev *self)
{
    self->reconnect_timer = g_timeout_add(self->reconnect_ms, connect_now, self);
}

NetClient *stream_netdev_connect(const NetClientClass *type, const char *id, SocketTarget *target,
                                 bool wait, uint64_t reconnect_ms, GError **error)
{
    GSocket *connection = wait ? socket_target_connect(target, NULL, error) : NULL;
    StreamNetdev *self;

    if (wait && !connection) {
        socket_target_free(target);
        return NULL;
    }
    self = stream_new(type, id, target);
    self->reconnect_ms = reconnect_ms;
    set_idle_info(self);
    if (connection) {
        connection_made(self, connection);
    } else {
        connect_now(self);
    }
    return self->client;
}

/* ---- the class ---- */

bool stream_netdev_receive(NetClient *client, const NetPacket *packet)
{
    StreamNetdev *self = client->opaque;

    return !self->frames || frame_stream_send(self->frames, packet);
}

void stream_netdev_peer_ready(NetClient *client)
{
    StreamNetdev *self = client->opaque;

    if (self->frames) {
        frame_stream_resume(self->frames);
    }
}

void stream_netdev_free(NetClient *client)
{
    StreamNetdev *self = client->opaque;

    g_clear_handle_id(&self->reconnect_timer, g_source_remove);
    if (self->connecting) {
        g_cancellable_cancel(self->connecting);
        g_clear_object(&self->connecting);
    }
    if (self->acceptor) {
        g_source_destroy(self->acceptor);
        g_source_unref(self->acceptor);
    }
    drop_connection(self);
    if (self->listener && self->target->kind == SOCKET_UNIX && !self->target->abstract) {
        unlink(self->target->path);
    }
    g_clear_object(&self->listener);
    socket_target_free(self->target);
    g_free(self);
}

static const NetClientClass stream_class = {
    .type = "stream",
    .receive = stream_netdev_receive,
    .peer_ready = stream_netdev_peer_ready,
    .free = stream_netdev_free,
};

/* ---- -netdev stream ---- */

static bool read_reconnect(OptionReader *options, bool server, uint64_t *reconnect_ms,
                           GError **error)
{
    uint64_t seconds = 0;
    bool given =
        option_reader_has(options, "reconnect") || option_reader_has(options, "reconnect-ms");

    if (given && server) {
        return error_setf(error, "'reconnect' option is incompatible with server=on");
    }
    if (option_reader_has(options, "reconnect") && option_reader_has(options, "reconnect-ms")) {
        return error_setf(error, "'reconnect' and 'reconnect-ms' are mutually exclusive");
    }
    if (!option_get_uint(options, "reconnect", 0, RECONNECT_MAX_MS / 1000, &seconds, error)) {
        return false;
    }
    *reconnect_ms = seconds * 1000;
    return option_get_uint(options, "reconnect-ms", 0, RECONNECT_MAX_MS, reconnect_ms, error);
}

static NetClient *open_stream(const char *id, OptionReader *options, GError **error)
{
    bool server = false;
    uint64_t reconnect_ms = 0;
    SocketTarget *target;

    if (!option_get_bool(options, "server", &server, error) ||
        !read_reconnect(options, server, &reconnect_ms, error)) {
        return NULL;
    }
    target = netdev_stream_address(options, "addr", server, error);
    if (!target) {
        return NULL;
    }
    if (!option_reader_finish(options, error)) {
        socket_target_free(target);
        return NULL;
    }
    if (server) {
        return stream_netdev_listen(&stream_class, id, target, error);
    }
    return stream_netdev_connect(&stream_class, id, target, target->kind == SOCKET_FD, reconnect_ms,
                                 error);
}

const NetdevDriver netdev_driver_stream = {
    .type = "stream",
    .help = "frames over a TCP or Unix connection: addr.type=inet|unix|fd[,server=on]"
            "[,reconnect-ms=N]",
    .open = open_stream,
};
