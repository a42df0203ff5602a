/*
 * socket: TCP or Unix stream, as server or client, plain or telnet, one peer at a time.
 *
 * A server goes back to accepting when its peer has left; a client with reconnect= tries again. A
 * failing write may happen on a vCPU thread in the middle of a chip's handler, so it only marks the
 * connection as broken; the main loop then closes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <gio/gunixfdmessage.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chardev/chardev_private.h"
#include "chardev/fd_source.h"
#include "chardev/socket_address.h"
#include "chardev/telnet.h"
#include "util/error.h"
#include "util/log.h"

#define READ_SIZE    4096
#define MAX_FDS      16 /* of one message */
#define MAX_DELAY_MS (1000 * 1000)

#define TYPE_SOCKET_CHARDEV (socket_chardev_get_type())
G_DECLARE_FINAL_TYPE(SocketChardev, socket_chardev, XL, SOCKET_CHARDEV, Chardev)

struct _SocketChardev {
    Chardev parent_instance;
    SocketTarget target;
    bool server, wait, telnet, nodelay;
    uint64_t reconnect_ms; /* 0: never */

    GSocket *listener;
    GSocket *connection;
    GSource *accept_source, *input_source;
    GCancellable *connecting; /* while a thread connects */
    guint reconnect_timer;
    bool broken;       /* a write failed: the main loop is to close */
    bool held;         /* the front end had no room when asked last */
    bool half_escaped; /* the first of two IAC bytes has been sent */
    TelnetInput telnet_input;
    int *fds;
    unsigned fd_count;
};

G_DEFINE_FINAL_TYPE(SocketChardev, socket_chardev, TYPE_CHARDEV)

static void connection_open(SocketChardev *self, GSocket *connection);
static void connect_later(SocketChardev *self, guint delay_ms);

static const char *protocol(SocketChardev *self)
{
    return self->telnet ? "telnet" : "tcp";
}

static void update_filename(SocketChardev *self)
{
    g_autofree char *target = socket_target_text(&self->target, protocol(self), self->listener);
    g_autoptr(GSocketAddress) peer = NULL;
    g_autofree char *peer_text = NULL;

    if (self->connection) {
        peer = g_socket_get_remote_address(self->connection, NULL);
    }
    if (peer && G_IS_INET_SOCKET_ADDRESS(peer)) {
        peer_text = socket_address_text(peer);
    }
    chardev_set_filename(XL_CHARDEV(self),
                         g_strdup_printf("%s%s%s%s%s", self->connection ? "" : "disconnected:",
                                         target, self->server ? ",server=on" : "",
                                         peer_text ? " <-> " : "", peer_text ? peer_text : ""));
}

/* ---- descriptors that come with the data ---- */

static void close_fds(SocketChardev *self)
{
    for (unsigned i = 0; i < self->fd_count; i++) {
        close(self->fds[i]);
    }
    g_clear_pointer(&self->fds, g_free);
    self->fd_count = 0;
}

static void keep_fds(SocketChardev *self, GSocketControlMessage *message)
{
    int *fds;
    int count = 0;

    if (!G_IS_UNIX_FD_MESSAGE(message)) {
        return;
    }
    fds = g_unix_fd_message_steal_fds(G_UNIX_FD_MESSAGE(message), &count);
    close_fds(self);
    self->fds = fds;
    self->fd_count = MIN(count, MAX_FDS);
    for (int i = MAX_FDS; i < count; i++) {
        close(fds[i]);
    }
}

static int *socket_take_fds(Chardev *chardev, unsigned *count)
{
    SocketChardev *self = XL_SOCKET_CHARDEV(chardev);

    *count = self->fd_count;
    self->fd_count = 0;
    return g_steal_pointer(&self->fds);
}

/* ---- closing ---- */

static int accept_wanted_fd(void *opaque)
{
    SocketChardev *self = opaque;

    return self->connection ? FD_SOURCE_NONE : g_socket_get_fd(self->listener);
}

static void connection_close(SocketChardev *self)
{
    Chardev *chardev = XL_CHARDEV(self);

    fd_source_destroy(&self->input_source);
    g_socket_close(self->connection, NULL);
    g_clear_object(&self->connection);
    close_fds(self);
    self->broken = self->half_escaped = false;
    chardev_drop_queue(chardev);
    update_filename(self);
    if (self->reconnect_ms) {
        connect_later(self, self->reconnect_ms);
    }
    chardev_event(chardev, CHAR_EVENT_CLOSED);
}

/* ---- input ---- */

static int input_wanted_fd(void *opaque)
{
    SocketChardev *self = opaque;

    if (self->broken) {
        return FD_SOURCE_READY;
    }
    self->held = chardev_can_receive(opaque) == 0;
    return self->held ? FD_SOURCE_NONE : g_socket_get_fd(self->connection);
}

static gssize receive_some(SocketChardev *self, uint8_t *data, unsigned size)
{
    g_autoptr(GError) error = NULL;
    GInputVector vector = {data, size};
    GSocketControlMessage **messages = NULL;
    int message_count = 0;
    int flags = 0;
    gssize length = g_socket_receive_message(self->connection, NULL, &vector, 1, &messages,
                                             &message_count, &flags, NULL, &error);

    for (int i = 0; i < message_count; i++) {
        keep_fds(self, messages[i]);
        g_object_unref(messages[i]);
    }
    g_free(messages);
    if (length < 0 && g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
        return -EAGAIN;
    }
    return length;
}

static void deliver(SocketChardev *self, uint8_t *data, unsigned length)
{
    unsigned breaks = 0;

    if (self->telnet) {
        length = telnet_filter(&self->telnet_input, data, length, &breaks);
    }
    if (length > 0) {
        chardev_receive(XL_CHARDEV(self), data, length);
    }
    for (unsigned i = 0; i < breaks; i++) {
        chardev_event(XL_CHARDEV(self), CHAR_EVENT_BREAK);
    }
}

static bool input_ready(void *opaque)
{
    SocketChardev *self = opaque;
    uint8_t data[READ_SIZE];
    unsigned room = MIN(chardev_can_receive(opaque), sizeof(data));
    gssize length;

    if (room == 0) {
        if (self->broken) {
            connection_close(self);
        }
        return true;
    }
    length = receive_some(self, data, room);
    if (length > 0) {
        g_object_ref(self); /* the front end may remove us */
        deliver(self, data, length);
        g_object_unref(self);
    } else if (length != -EAGAIN || self->broken) {
        connection_close(self);
    }
    return true;
}

static void socket_accept_input(Chardev *chardev)
{
    if (XL_SOCKET_CHARDEV(chardev)->held) {
        g_main_context_wakeup(NULL);
    }
}

/* ---- output ---- */

/* Bytes the kernel took, 0: none now, -1: the connection is dead. */
static int send_some(SocketChardev *self, const uint8_t *data, unsigned length)
{
    ssize_t sent;

    do {
        sent = send(g_socket_get_fd(self->connection), data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        return sent;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

/* A 0xff of data goes out as two; the second may have to wait for the next call. */
static int send_telnet(SocketChardev *self, const uint8_t *data, unsigned length)
{
    static const uint8_t escape[2] = {0xff, 0xff};
    unsigned taken = 0;

    while (taken < length) {
        const uint8_t *special = memchr(data + taken, 0xff, length - taken);
        unsigned plain = special ? special - (data + taken) : length - taken;
        int sent = plain ? send_some(self, data + taken, plain)
                         : send_some(self, escape, self->half_escaped ? 1 : 2);
        if (sent < 0) {
            return -1;
        }
        if (plain == 0 && sent > 0) {
            self->half_escaped = !self->half_escaped && sent == 1;
            sent = self->half_escaped ? 0 : 1;
        }
        if (sent == 0) {
            break;
        }
        taken += sent;
    }
    return taken;
}

static int socket_write(Chardev *chardev, const uint8_t *data, unsigned length)
{
    SocketChardev *self = XL_SOCKET_CHARDEV(chardev);
    int taken;

    if (!self->connection || self->broken) {
        return length;
    }
    taken = self->telnet ? send_telnet(self, data, length) : send_some(self, data, length);
    if (taken < 0) {
        self->broken = true;
        g_main_context_wakeup(NULL);
        return length;
    }
    return taken;
}

static int socket_writable_fd(Chardev *chardev)
{
    SocketChardev *self = XL_SOCKET_CHARDEV(chardev);

    return self->connection && !self->broken ? g_socket_get_fd(self->connection) : FD_SOURCE_READY;
}

/* ---- opening ---- */

static void connection_open(SocketChardev *self, GSocket *connection)
{
    unsigned length;
    const uint8_t *greeting = telnet_greeting(&length);

    self->connection = connection;
    self->telnet_input = (TelnetInput){TELNET_DATA};
    g_socket_set_blocking(connection, FALSE);
    if (self->nodelay && g_socket_get_family(connection) != G_SOCKET_FAMILY_UNIX) {
        g_socket_set_option(connection, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
    }
    if (self->telnet) {
        send_some(self, greeting, length);
    }
    self->input_source = fd_source_attach(input_wanted_fd, G_IO_IN, input_ready, self);
    update_filename(self);
    chardev_event(XL_CHARDEV(self), CHAR_EVENT_OPENED);
}

static bool accept_ready(void *opaque)
{
    SocketChardev *self = opaque;
    GSocket *connection;

    if (self->connection) {
        return true;
    }
    connection = g_socket_accept(self->listener, NULL, NULL);
    if (connection) {
        connection_open(self, connection);
    }
    return true;
}

/*
 * The main loop, which reads signals, does not run yet: so they are watched for here, and left for
 * it to read. False: one came before a peer did.
 */
static bool wait_for_peer_or_signal(GSocket *listener)
{
    struct pollfd wait[2] = {{.fd = g_socket_get_fd(listener), .events = POLLIN},
                             {.fd = -1, .events = POLLIN}};
    sigset_t ending;

    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGHUP);
    wait[1].fd = signalfd(-1, &ending, SFD_CLOEXEC);
    while (poll(wait, 2, -1) < 0 && errno == EINTR) {
    }
    if (wait[1].fd >= 0) {
        close(wait[1].fd);
    }
    return !wait[1].revents;
}

static bool wait_for_peer(SocketChardev *self, GError **error)
{
    GSocket *connection;

    report_info("QEMU waiting for connection on: %s", chardev_filename(XL_CHARDEV(self)));
    if (!wait_for_peer_or_signal(self->listener)) {
        return error_setf(error, "a signal ended the wait for a connection");
    }
    connection = g_socket_accept(self->listener, NULL, error);
    if (!connection) {
        return false;
    }
    connection_open(self, connection);
    return true;
}

static bool start_server(SocketChardev *self, GError **error)
{
    self->listener = socket_target_listen(&self->target, error);
    if (!self->listener) {
        return false;
    }
    update_filename(self);
    if (self->wait && !wait_for_peer(self, error)) {
        return false;
    }
    g_socket_set_blocking(self->listener, FALSE);
    self->accept_source = fd_source_attach(accept_wanted_fd, G_IO_IN, accept_ready, self);
    return true;
}

static bool start_client(SocketChardev *self, GError **error)
{
    GSocket *connection;

    if (self->reconnect_ms) {
        update_filename(self);
        connect_later(self, 0);
        return true;
    }
    connection = socket_target_connect(&self->target, NULL, error);
    if (!connection) {
        return false;
    }
    connection_open(self, connection);
    return true;
}

/* ---- connecting again, in a thread: names may take long to resolve and peers long to answer ----
 */

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

static void connect_done(GObject *source, GAsyncResult *result, gpointer data G_GNUC_UNUSED)
{
    SocketChardev *self = XL_SOCKET_CHARDEV(source);
    g_autoptr(GError) error = NULL;
    GSocket *connection = g_task_propagate_pointer(G_TASK(result), &error);

    if (g_cancellable_is_cancelled(g_task_get_cancellable(G_TASK(result)))) {
        g_clear_object(&connection); /* closed meanwhile */
        return;
    }
    g_clear_object(&self->connecting);
    if (connection) {
        connection_open(self, connection);
    } else {
        log_printf(LOG_UNIMP, "chardev '%s': %s\n", chardev_id(XL_CHARDEV(self)), error->message);
        connect_later(self, self->reconnect_ms);
    }
}

static gboolean connect_now(gpointer data)
{
    SocketChardev *self = data;
    g_autoptr(GTask) task = NULL;

    self->reconnect_timer = 0;
    self->connecting = g_cancellable_new();
    task = g_task_new(self, self->connecting, connect_done, NULL);
    g_task_set_task_data(task, socket_target_copy(&self->target),
                         (GDestroyNotify)socket_target_free);
    g_task_run_in_thread(task, connect_thread);
    return G_SOURCE_REMOVE;
}

static void connect_later(SocketChardev *self, guint delay_ms)
{
    if (!self->reconnect_timer && !self->connecting) {
        self->reconnect_timer = g_timeout_add(delay_ms, connect_now, self);
    }
}

/* ---- options ---- */

/* What needs a library or protocol that is not here. Switched off they are what we do anyway. */
static bool refuse_unsupported(OptionReader *options, GError **error)
{
    static const char *const texts[] = {"tls-creds", "tls-authz"};
    static const char *const switches[] = {"websocket", "tn3270"};

    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        if (option_reader_has(options, texts[i])) {
            return error_setf(error, "chardev: socket: '%s' is not available", texts[i]);
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(switches); i++) {
        bool on = false;
        if (!option_get_bool(options, switches[i], &on, error)) {
            return false;
        }
        if (on) {
            return error_setf(error, "chardev: socket: '%s' is not available", switches[i]);
        }
    }
    return true;
}

/* wait=on|off, or the old bare word "nowait". */
static bool read_wait(SocketChardev *self, OptionReader *options, GError **error)
{
    bool no_wait = false;

    self->wait = true;
    if (!option_get_bool(options, "wait", &self->wait, error) ||
        !option_get_bool(options, "nowait", &no_wait, error)) {
        return false;
    }
    self->wait &= !no_wait;
    return true;
}

static bool read_reconnect(SocketChardev *self, OptionReader *options, GError **error)
{
    bool seconds_given = option_reader_has(options, "reconnect");
    uint64_t seconds = 0;

    if (!option_get_uint(options, "reconnect", 0, MAX_DELAY_MS / 1000, &seconds, error)) {
        return false;
    }
    self->reconnect_ms = seconds * 1000;
    if (!option_reader_has(options, "reconnect-ms")) {
        return true;
    }
    if (seconds_given) {
        return error_setf(error, "'reconnect' and 'reconnect-ms' are mutually exclusive");
    }
    return option_get_uint(options, "reconnect-ms", 0, MAX_DELAY_MS, &self->reconnect_ms, error);
}

static bool read_nodelay(SocketChardev *self, OptionReader *options, GError **error)
{
    bool delay = true;

    if (option_reader_has(options, "delay") && option_reader_has(options, "nodelay")) {
        return error_setf(error, "'delay' and 'nodelay' are mutually exclusive");
    }
    if (!option_get_bool(options, "nodelay", &self->nodelay, error) ||
        !option_get_bool(options, "delay", &delay, error)) {
        return false;
    }
    self->nodelay |= !delay;
    return true;
}

static bool check_mode(SocketChardev *self, bool wait_given, GError **error)
{
    if (self->server && self->reconnect_ms) {
        return error_setf(error,
                          "'reconnect' option is incompatible with socket in server listen mode");
    }
    if (!self->server && wait_given) {
        return error_setf(error,
                          "'wait' option is incompatible with socket in client connect mode");
    }
    if (self->target.kind == SOCKET_FD && self->reconnect_ms) {
        return error_setf(error, "'reconnect' option is incompatible with 'fd'");
    }
    return true;
}

static bool socket_open(Chardev *chardev, OptionReader *options, GError **error)
{
    SocketChardev *self = XL_SOCKET_CHARDEV(chardev);
    bool wait_given = option_reader_has(options, "wait") || option_reader_has(options, "nowait");

    if (!option_get_bool(options, "server", &self->server, error) ||
        !read_wait(self, options, error) ||
        !option_get_bool(options, "telnet", &self->telnet, error) ||
        !read_nodelay(self, options, error) || !read_reconnect(self, options, error) ||
        !socket_target_read(&self->target, self->server, options, error) ||
        !check_mode(self, wait_given, error) || !refuse_unsupported(options, error) ||
        !option_reader_finish(options, error)) {
        return false;
    }
    return self->server ? start_server(self, error) : start_client(self, error);
}

/* ---- life ---- */

static void socket_close(Chardev *chardev)
{
    SocketChardev *self = XL_SOCKET_CHARDEV(chardev);
    bool listened = self->listener != NULL;

    g_clear_handle_id(&self->reconnect_timer, g_source_remove);
    if (self->connecting) {
        g_cancellable_cancel(self->connecting);
        g_clear_object(&self->connecting);
    }
    fd_source_destroy(&self->accept_source);
    fd_source_destroy(&self->input_source);
    close_fds(self);
    g_clear_object(&self->connection);
    g_clear_object(&self->listener);
    if (listened && self->target.kind == SOCKET_UNIX && !self->target.abstract) {
        unlink(self->target.path);
    }
}

static void socket_finalize(GObject *object)
{
    socket_target_clear(&XL_SOCKET_CHARDEV(object)->target);
    G_OBJECT_CLASS(socket_chardev_parent_class)->finalize(object);
}

static void socket_chardev_class_init(SocketChardevClass *klass)
{
    ChardevClass *chardev_class = XL_CHARDEV_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = socket_finalize;
    chardev_class->open = socket_open;
    chardev_class->close = socket_close;
    chardev_class->write = socket_write;
    chardev_class->writable_fd = socket_writable_fd;
    chardev_class->accept_input = socket_accept_input;
    chardev_class->take_fds = socket_take_fds;
}

static void socket_chardev_init(SocketChardev *self)
{
    self->target.fd = -1;
}

const CharDriver char_driver_socket = {
    .name = "socket",
    .help = "path=|host=,port=|fd=[,server=on][,wait=off][,telnet=on][,reconnect=]",
    .get_type = socket_chardev_get_type,
};
