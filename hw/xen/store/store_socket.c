/*
 * The Unix socket: xenstored's protocol for privileged clients on the host.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store_socket.h"

#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hw/xen/store/store_private.h"
#include "util/error.h"
#include "util/trace.h"

TRACE_DEFINE(xenstore_socket);

/* Pieces of requests taken from one client before others get their turn. */
#define PIECES_MAX 64

typedef struct Client Client;

struct StoreSocket {
    XenStore *store;
    char *path;
    int fd;
    struct stat identity; /* of the name that we made */
    GMainContext *context;
    GSource *accept_source;
    GPtrArray *clients;
};

typedef struct {
    GSource base;
    Client *client;
    gpointer tag;
} ClientSource;

struct Client {
    StoreSocket *server;
    StoreConnection *connection;
    int fd;
    ClientSource *source;
};

/* ---- clients ---- */

static void client_wake(void *opaque)
{
    Client *client = opaque;

    g_source_set_ready_time(&client->source->base, 0);
}

static void client_broken(void *opaque, uint32_t error)
{
    client_wake(opaque);
}

static const StoreConnectionOps client_ops = {
    .wake = client_wake,
    .broken = client_broken,
};

static void client_free(gpointer opaque)
{
    Client *client = opaque;

    store_lock(client->server->store);
    store_connection_free(client->connection);
    store_unlock(client->server->store);
    g_source_destroy(&client->source->base);
    g_source_unref(&client->source->base);
    close(client->fd);
    g_free(client);
}

/* False: the client is gone. */
static bool client_send(Client *client)
{
    const uint8_t *bytes;
    unsigned length;

    while ((length = store_connection_peek(client->connection, &bytes)) > 0) {
        ssize_t sent = send(client->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        store_connection_consume(client->connection, sent);
    }
    return true;
}

static bool client_receive(Client *client)
{
    for (unsigned i = 0; i < PIECES_MAX; i++) {
        uint8_t bytes[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
        unsigned wanted = store_connection_wanted(client->connection);
        ssize_t got;

        if (wanted == 0) {
            return true;
        }
        got = recv(client->fd, bytes, wanted, MSG_DONTWAIT);
        if (got < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (got == 0) {
            return false;
        }
        store_connection_feed(client->connection, bytes, got);
    }
    return true;
}

static bool client_serve(Client *client)
{
    const uint8_t *bytes;
    GIOCondition condition = 0;

    if (!client_receive(client) || client->connection->error || !client_send(client)) {
        return false;
    }
    if (store_connection_wanted(client->connection) > 0) {
        condition |= G_IO_IN;
    }
    if (store_connection_peek(client->connection, &bytes) > 0) {
        condition |= G_IO_OUT;
    }
    g_source_modify_unix_fd(&client->source->base, client->source->tag, condition);
    return true;
}

static gboolean client_dispatch(GSource *base, GSourceFunc callback, gpointer opaque)
{
    ClientSource *source = (ClientSource *)base;
    Client *client = source->client;
    StoreSocket *server = client->server;
    bool alive;

    g_source_set_ready_time(base, -1);
    store_lock(server->store);
    alive = client_serve(client);
    store_unlock(server->store);
    if (!alive || (g_source_query_unix_fd(base, source->tag) & (G_IO_HUP | G_IO_ERR))) {
        TRACE(xenstore_socket, "client %d is gone", client->fd);
        g_ptr_array_remove_fast(server->clients, client);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs client_functions = {
    .dispatch = client_dispatch,
};

static void client_new(StoreSocket *server, int fd)
{
    Client *client = g_new0(Client, 1);

    client->server = server;
    client->fd = fd;
    client->source = (ClientSource *)g_source_new(&client_functions, sizeof(ClientSource));
    client->source->client = client;
    client->source->tag = g_source_add_unix_fd(&client->source->base, fd, G_IO_IN);
    store_lock(server->store);
    client->connection = store_connection_new(server->store, STORE_DOMID_PRIVILEGED);
    client->connection->queue_limit = STORE_SOCKET_QUEUE_MAX;
    store_connection_set_door(client->connection, &client_ops, client);
    store_unlock(server->store);
    g_source_attach(&client->source->base, server->context);
    g_ptr_array_add(server->clients, client);
}

/* ---- server ---- */

static gboolean accept_ready(gint fd, GIOCondition condition, gpointer opaque)
{
    StoreSocket *server = opaque;
    int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (client < 0) {
        return G_SOURCE_CONTINUE;
    }
    if (server->clients->len >= STORE_SOCKET_CLIENTS_MAX) {
        close(client);
        return G_SOURCE_CONTINUE;
    }
    TRACE(xenstore_socket, "client %d connects", client);
    client_new(server, client);
    return G_SOURCE_CONTINUE;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Makes way for our socket if what is there is one that nobody serves. */
static bool remove_stale(const struct sockaddr_un *address, GError **error)
{
    struct stat status;
    bool served;
    int fd;

    if (lstat(address->sun_path, &status) != 0) {
        return true;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return error_setf(error, "xenstore socket '%s': a file of another kind is there",
                          address->sun_path);
    }
    fd = unix_socket();
    served = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if (served) {
        return error_setf(error, "xenstore socket '%s': somebody listens there", address->sun_path);
    }
    unlink(address->sun_path);
    return true;
}

/* A listening socket or -1. Nobody can connect before listen(), so the mode is right in time. */
static int listen_at(const char *path, struct stat *identity, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path)) {
        error_setf(error, "xenstore socket '%s': a path of 1 to %zu bytes is needed", path,
                   sizeof(address.sun_path) - 1);
        return -1;
    }
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    if (!remove_stale(&address, error)) {
        return -1;
    }
    fd = unix_socket();
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, STORE_SOCKET_CLIENTS_MAX) != 0 ||
        lstat(path, identity) != 0) {
        error_set_errno(error, errno, "xenstore socket '%s'", path);
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

StoreSocket *store_socket_new(XenStore *store, const char *path, GMainContext *context,
                              GError **error)
{
    struct stat identity;
    int fd = listen_at(path, &identity, error);
    StoreSocket *server;

    if (fd < 0) {
        return NULL;
    }
    server = g_new0(StoreSocket, 1);
    server->store = store;
    server->path = g_strdup(path);
    server->fd = fd;
    server->identity = identity;
    server->context = context ? g_main_context_ref(context) : NULL;
    server->clients = g_ptr_array_new_with_free_func(client_free);
    server->accept_source = g_unix_fd_source_new(fd, G_IO_IN);
    g_source_set_callback(server->accept_source, G_SOURCE_FUNC(accept_ready), server, NULL);
    g_source_attach(server->accept_source, context);
    return server;
}

void store_socket_free(StoreSocket *server)
{
    struct stat status;

    if (!server) {
        return;
    }
    g_ptr_array_unref(server->clients);
    g_source_destroy(server->accept_source);
    g_source_unref(server->accept_source);
    close(server->fd);
    if (lstat(server->path, &status) == 0 && status.st_dev == server->identity.st_dev &&
        status.st_ino == server->identity.st_ino) {
        unlink(server->path);
    }
    if (server->context) {
        g_main_context_unref(server->context);
    }
    g_free(server->path);
    g_free(server);
}

unsigned store_socket_client_count(StoreSocket *server)
{
    return server->clients->len;
}
