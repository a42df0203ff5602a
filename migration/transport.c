/*
 * From a URI to an open descriptor.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "migration/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fdset.h"
#include "util/options.h"

typedef struct {
    const char *uri, *rest; /* behind the scheme */
    bool incoming;
    MigrationTakeFd *take_fd;
    void *opaque;
} Target;

/* ---- fd: ---- */

static int lent_descriptor(const Target *target, GError **error)
{
    uint64_t number;

    if (!g_ascii_isdigit(target->rest[0])) {
        if (!target->take_fd) {
            error_setf(error, "%s: a number is needed here", target->uri);
            return -1;
        }
        return target->take_fd(target->rest, target->opaque, error);
    }
    if (!parse_uint(target->rest, "fd", 0, INT32_MAX, &number, error)) {
        return -1;
    }
    if (fcntl((int)number, F_GETFD) < 0) {
        error_set_errno(error, errno, "%s", target->uri);
        return -1;
    }
    return (int)number;
}

static MigrationChannel *open_fd(const Target *target, GError **error)
{
    int fd = lent_descriptor(target, error);

    if (fd < 0) {
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return channel_new(fd, target->uri, 0);
}

/* ---- exec: ---- */

static MigrationChannel *open_exec(const Target *target, GError **error)
{
    char *arguments[] = {(char *)"/bin/sh", (char *)"-c", (char *)(uintptr_t)target->rest, NULL};
    g_autoptr(GError) reason = NULL;
    int fd;
    GPid child;

    if (!g_spawn_async_with_pipes(NULL, arguments, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                  &child, target->incoming ? NULL : &fd,
                                  target->incoming ? &fd : NULL, NULL, &reason)) {
        error_setf(error, "%s: %s", target->uri, reason->message);
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return channel_new(fd, target->uri, child);
}

/* ---- file: ---- */

static int open_path(const char *path, bool incoming)
{
    int flags = incoming ? O_RDONLY : O_WRONLY;
    int fd = fdset_is_path(path) ? fdset_open(path, flags)
                                 : open(path, flags | O_CLOEXEC | (incoming ? 0 : O_CREAT), 0600);

    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd;
}

/* What stands before the offset is somebody else's; what stands behind it goes. */
static bool go_to_offset(const Target *target, int fd, uint64_t offset, GError **error)
{
    if (lseek(fd, (off_t)offset, SEEK_SET) < 0 && (offset > 0 || errno != ESPIPE)) {
        return error_set_errno(error, errno, "%s", target->uri);
    }
    if (!target->incoming && ftruncate(fd, (off_t)offset) < 0 && errno != EINVAL) {
        return error_set_errno(error, errno, "%s", target->uri);
    }
    return true;
}

static MigrationChannel *open_file(const Target *target, GError **error)
{
    const char *mark = strstr(target->rest, ",offset=");
    g_autofree char *path =
        mark ? g_strndup(target->rest, (gsize)(mark - target->rest)) : g_strdup(target->rest);
    uint64_t offset = 0;
    int fd;

    if (mark && !parse_size(mark + strlen(",offset="), "offset", 1, &offset, error)) {
        return NULL;
    }
    if (offset > INT64_MAX) {
        error_setf(error, "%s: the offset is too big", target->uri);
        return NULL;
    }
    fd = open_path(path, target->incoming);
    if (fd < 0) {
        error_set_errno(error, errno, "%s", target->uri);
        return NULL;
    }
    if (!go_to_offset(target, fd, offset, error)) {
        close(fd);
        return NULL;
    }
    return channel_new(fd, target->uri, 0);
}

/* ---- sockets ---- */

static MigrationChannel *connect_to(const Target *target, GSocketAddress *address, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(GSocket) socket =
        g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM,
                     G_SOCKET_PROTOCOL_DEFAULT, &reason);

    if (!socket || !g_socket_connect(socket, address, NULL, &reason)) {
        error_setf(error, "%s: %s", target->uri, reason->message);
        return NULL;
    }
    return channel_new(fcntl(g_socket_get_fd(socket), F_DUPFD_CLOEXEC, 0), target->uri, 0);
}

static MigrationChannel *listen_at(const Target *target, GSocketAddress *address, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autoptr(GSocket) socket =
        g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM,
                     G_SOCKET_PROTOCOL_DEFAULT, &reason);

    if (!socket || !g_socket_bind(socket, address, TRUE, &reason) ||
        !g_socket_listen(socket, &reason)) {
        error_setf(error, "%s: %s", target->uri, reason->message);
        return NULL;
    }
    return channel_new_listening(fcntl(g_socket_get_fd(socket), F_DUPFD_CLOEXEC, 0), target->uri);
}

static MigrationChannel *open_address(const Target *target, GSocketAddress *address, GError **error)
{
    return target->incoming ? listen_at(target, address, error)
                            : connect_to(target, address, error);
}

static MigrationChannel *open_unix(const Target *target, GError **error)
{
    g_autoptr(GSocketAddress) address = g_unix_socket_address_new(target->rest);
    struct stat status;

    if (target->rest[0] == '\0') {
        error_setf(error, "%s: a path is needed", target->uri);
        return NULL;
    }
    if (target->incoming && lstat(target->rest, &status) == 0 && S_ISSOCK(status.st_mode)) {
        unlink(target->rest); /* what a process before us left behind */
    }
    return open_address(target, address, error);
}

/* "HOST:PORT", "[V6]:PORT", ":PORT", "0:PORT": the last two stand for every address of this host.
 */
static GSocketConnectable *parse_host(const char *text)
{
    const char *port = strrchr(text, ':');
    bool any = text[0] == ':' || g_str_has_prefix(text, "0:");
    uint64_t number;

    if (!port || !parse_uint(port + 1, "port", 0, UINT16_MAX, &number, NULL)) {
        return NULL;
    }
    return any ? G_SOCKET_CONNECTABLE(g_network_address_new("0.0.0.0", (guint16)number))
               : g_network_address_parse(text, 0, NULL);
}

static MigrationChannel *open_tcp(const Target *target, GError **error)
{
    g_autoptr(GSocketConnectable) host = parse_host(target->rest);
    g_autoptr(GSocketAddressEnumerator) addresses = NULL;
    g_autoptr(GError) last = NULL;
    MigrationChannel *channel = NULL;

    if (!host) {
        error_setf(error, "%s: HOST:PORT is needed", target->uri);
        return NULL;
    }
    addresses = g_socket_connectable_enumerate(host);
    while (!channel) {
        g_autoptr(GError) reason = NULL;
        g_autoptr(GSocketAddress) address =
            g_socket_address_enumerator_next(addresses, NULL, &reason);

        if (!address) {
            if (reason && !last) {
                error_setf(&last, "%s: %s", target->uri, reason->message);
            }
            break;
        }
        g_clear_error(&last);
        channel = open_address(target, address, &last);
    }
    if (!channel && last) {
        g_propagate_error(error, g_steal_pointer(&last));
    } else if (!channel) {
        error_setf(error, "%s: the host has no address", target->uri);
    }
    return channel;
}

/* ---- schemes ---- */

static const struct {
    const char *scheme;
    MigrationChannel *(*open)(const Target *target, GError **error);
} schemes[] = {
    {"fd:", open_fd},   {"exec:", open_exec}, {"unix:", open_unix},
    {"tcp:", open_tcp}, {"file:", open_file},
};

static MigrationChannel *open_uri(Target *target, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(schemes); i++) {
        if (g_str_has_prefix(target->uri, schemes[i].scheme)) {
            target->rest = target->uri + strlen(schemes[i].scheme);
            return schemes[i].open(target, error);
        }
    }
    error_setf(error, "unknown migration protocol: %s", target->uri);
    return NULL;
}

MigrationChannel *transport_open_outgoing(const char *uri, MigrationTakeFd *take_fd, void *opaque,
                                          GError **error)
{
    Target target = {.uri = uri, .take_fd = take_fd, .opaque = opaque};

    return open_uri(&target, error);
}

MigrationChannel *transport_open_incoming(const char *uri, MigrationTakeFd *take_fd, void *opaque,
                                          GError **error)
{
    Target target = {.uri = uri, .incoming = true, .take_fd = take_fd, .opaque = opaque};

    return open_uri(&target, error);
}
