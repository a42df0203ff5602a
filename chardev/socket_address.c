/*
 * Where a socket back end listens or connects.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/socket_address.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/error.h"

/* ---- options ---- */

static bool read_tcp(SocketTarget *target, const char *host, bool server, OptionReader *options,
                     GError **error)
{
    uint64_t port = 0, last_port;
    bool ipv4 = true, ipv6 = true;
    bool ipv4_given = option_reader_has(options, "ipv4");
    bool ipv6_given = option_reader_has(options, "ipv6");

    if (!option_reader_has(options, "port")) {
        return error_setf(error, "chardev: socket: no port given");
    }
    if (!option_get_uint(options, "port", 0, 65535, &port, error) ||
        !option_get_bool(options, "ipv4", &ipv4, error) ||
        !option_get_bool(options, "ipv6", &ipv6, error)) {
        return false;
    }
    last_port = port;
    if (!option_get_uint(options, "to", port, 65535, &last_port, error)) {
        return false;
    }
    if (option_reader_has(options, "to") && !server) {
        return error_setf(error, "'to' option is incompatible with socket in client connect mode");
    }
    if (!ipv4 && !ipv6) {
        return error_setf(error, "Cannot disable IPv4 and IPv6 at same time");
    }
    target->kind = SOCKET_TCP;
    target->host = g_strdup(host);
    target->port = port;
    target->last_port = last_port;
    /* ipv4=on alone asks for IPv4 only, and likewise for IPv6. */
    target->no_ipv4 = !ipv4 || (ipv6_given && ipv6 && !ipv4_given);
    target->no_ipv6 = !ipv6 || (ipv4_given && ipv4 && !ipv6_given);
    return true;
}

static bool read_unix(SocketTarget *target, const char *path, OptionReader *options, GError **error)
{
    size_t limit;

    target->tight = true;
    if (!option_get_bool(options, "abstract", &target->abstract, error) ||
        !option_get_bool(options, "tight", &target->tight, error)) {
        return false;
    }
    limit = sizeof(((struct sockaddr_un *)0)->sun_path) - (target->abstract ? 1 : 0);
    if (strlen(path) >= limit + (target->abstract ? 1 : 0)) {
        return error_setf(error, "UNIX socket path '%s' is too long (at most %zu bytes)", path,
                          limit - (target->abstract ? 0 : 1));
    }
    target->kind = SOCKET_UNIX;
    target->path = g_strdup(path);
    return true;
}

static bool read_fd(SocketTarget *target, const char *text, GError **error)
{
    struct stat status;
    uint64_t fd;

    if (!parse_uint(text, "fd", 0, INT_MAX, &fd, NULL)) {
        return error_setf(error, "Unable to parse FD number %s", text);
    }
    if (fstat(fd, &status) < 0 || !S_ISSOCK(status.st_mode)) {
        return error_setf(error, "File descriptor '%s' is not a socket", text);
    }
    target->kind = SOCKET_FD;
    target->fd = fd;
    return true;
}

bool socket_target_read(SocketTarget *target, bool server, OptionReader *options, GError **error)
{
    const char *host = NULL;
    const char *path = NULL;
    const char *fd = NULL;

    target->fd = -1;
    if (!option_get_string(options, "host", &host, error) ||
        !option_get_string(options, "path", &path, error) ||
        !option_get_string(options, "fd", &fd, error)) {
        return false;
    }
    if ((host != NULL) + (path != NULL) + (fd != NULL) > 1 ||
        (!path && !fd && !host && !option_reader_has(options, "port"))) {
        return error_setf(error,
                          "chardev: socket: exactly one of 'path', 'fd' and 'host' is needed");
    }
    if (path) {
        return read_unix(target, path, options, error);
    }
    if (option_reader_has(options, "abstract") || option_reader_has(options, "tight")) {
        return error_setf(error, "'abstract' and 'tight' need a socket 'path'");
    }
    if (fd) {
        return read_fd(target, fd, error);
    }
    return read_tcp(target, host ? host : "", server, options, error);
}

void socket_target_clear(SocketTarget *target)
{
    g_clear_pointer(&target->host, g_free);
    g_clear_pointer(&target->path, g_free);
}

SocketTarget *socket_target_copy(const SocketTarget *target)
{
    SocketTarget *copy = g_new(SocketTarget, 1);

    *copy = *target;
    copy->host = g_strdup(target->host);
    copy->path = g_strdup(target->path);
    return copy;
}

void socket_target_free(SocketTarget *target)
{
    socket_target_clear(target);
    g_free(target);
}

/* ---- addresses ---- */

static GSocketAddress *unix_address(const SocketTarget *target)
{
    GUnixSocketAddressType type = G_UNIX_SOCKET_ADDRESS_PATH;

    if (target->abstract) {
        type =
            target->tight ? G_UNIX_SOCKET_ADDRESS_ABSTRACT : G_UNIX_SOCKET_ADDRESS_ABSTRACT_PADDED;
    }
    return g_unix_socket_address_new_with_type(target->path, -1, type);
}

static bool family_allowed(const SocketTarget *target, GInetAddress *address)
{
    bool ipv6 = g_inet_address_get_family(address) == G_SOCKET_FAMILY_IPV6;

    return ipv6 ? !target->no_ipv6 : !target->no_ipv4;
}

/* The addresses of a host, as a list of GInetAddress; an empty name is every address of this one.
 */
static GList *resolve(const SocketTarget *target, bool server, GCancellable *cancellable,
                      GError **error)
{
    g_autoptr(GResolver) resolver = NULL;
    g_autoptr(GError) reason = NULL;
    GList *found, *kept = NULL;

    if (!target->host[0]) {
        found = g_list_append(NULL, server ? g_inet_address_new_any(G_SOCKET_FAMILY_IPV6)
                                           : g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV6));
        found = g_list_append(found, server ? g_inet_address_new_any(G_SOCKET_FAMILY_IPV4)
                                            : g_inet_address_new_loopback(G_SOCKET_FAMILY_IPV4));
    } else {
        resolver = g_resolver_get_default();
        found = g_resolver_lookup_by_name(resolver, target->host, cancellable, &reason);
    }
    for (GList *item = found; item; item = item->next) {
        if (family_allowed(target, item->data)) {
            kept = g_list_append(kept, g_object_ref(item->data));
        }
    }
    g_list_free_full(found, g_object_unref);
    if (!kept) {
        error_setf(error, "address resolution failed for %s:%u: %s", target->host, target->port,
                   reason ? reason->message : "no address of the wanted family");
    }
    return kept;
}

char *socket_address_text(GSocketAddress *address)
{
    if (G_IS_INET_SOCKET_ADDRESS(address)) {
        GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS(address);
        GInetAddress *ip = g_inet_socket_address_get_address(inet);
        g_autofree char *text = g_inet_address_to_string(ip);
        bool ipv6 = g_inet_address_get_family(ip) == G_SOCKET_FAMILY_IPV6;
        return g_strdup_printf(ipv6 ? "[%s]:%u" : "%s:%u", text,
                               g_inet_socket_address_get_port(inet));
    }
    if (G_IS_UNIX_SOCKET_ADDRESS(address)) {
        return g_strdup(g_unix_socket_address_get_path(G_UNIX_SOCKET_ADDRESS(address)));
    }
    return g_strdup("");
}

char *socket_target_text(const SocketTarget *target, const char *protocol, GSocket *listener)
{
    g_autoptr(GSocketAddress) address = NULL;
    g_autofree char *text = NULL;

    if (target->kind == SOCKET_UNIX) {
        return g_strdup_printf("unix:%s%s", target->path,
                               !target->abstract ? ""
                               : target->tight   ? ",abstract=on,tight=on"
                                                 : ",abstract=on");
    }
    if (listener) {
        address = g_socket_get_local_address(listener, NULL);
    }
    if (address) {
        text = socket_address_text(address);
        return g_strdup_printf("%s:%s", G_IS_INET_SOCKET_ADDRESS(address) ? protocol : "unix",
                               text);
    }
    if (target->kind == SOCKET_FD) {
        return g_strdup_printf("fd:%d", target->fd);
    }
    return g_strdup_printf("%s:%s:%u", protocol, target->host, target->port);
}

/* ---- listening ---- */

static int bind_socket(GSocket *socket, GSocketAddress *address)
{
    struct sockaddr_storage native;
    gssize size = g_socket_address_get_native_size(address);

    if (size < 0 || (size_t)size > sizeof(native) ||
        !g_socket_address_to_native(address, &native, sizeof(native), NULL)) {
        return EINVAL;
    }
    return bind(g_socket_get_fd(socket), (struct sockaddr *)&native, size) < 0 ? errno : 0;
}

/* A socket file that a dead process left would make bind() fail; anything but a socket is left
 * alone. */
static void remove_stale_socket(const char *path)
{
    struct stat status;

    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode)) {
        unlink(path);
    }
}

static GSocket *listen_unix(const SocketTarget *target, GError **error)
{
    g_autoptr(GSocketAddress) address = unix_address(target);
    g_autoptr(GSocket) socket = g_socket_new(G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, error);
    int errnum;

    if (!socket) {
        return NULL;
    }
    if (!target->abstract) {
        remove_stale_socket(target->path);
    }
    errnum = bind_socket(socket, address);
    if (errnum) {
        error_set_errno(error, errnum, "Failed to bind socket to %s", target->path);
        return NULL;
    }
    return g_socket_listen(socket, error) ? g_steal_pointer(&socket) : NULL;
}

/* Binds and listens on one port of one address; 0, or the errno value of what failed. */
static int try_port(GInetAddress *ip, unsigned port, GSocket **result)
{
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new(ip, port);
    g_autoptr(GSocket) socket =
        g_socket_new(g_inet_address_get_family(ip), G_SOCKET_TYPE_STREAM, 0, NULL);
    int errnum;

    if (!socket) {
        return EAFNOSUPPORT;
    }
    g_socket_set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1, NULL);
    if (g_inet_address_get_family(ip) == G_SOCKET_FAMILY_IPV6) {
        /* The "any" address takes IPv4 peers too; a given one has no use for them. */
        g_socket_set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, !g_inet_address_get_is_any(ip),
                            NULL);
    }
    errnum = bind_socket(socket, address);
    if (errnum == 0 && !g_socket_listen(socket, NULL)) {
        errnum = EADDRINUSE;
    }
    if (errnum == 0) {
        *result = g_steal_pointer(&socket);
    }
    return errnum;
}

static GSocket *listen_tcp(const SocketTarget *target, GError **error)
{
    GList *addresses = resolve(target, true, NULL, error);
    GSocket *socket = NULL;
    int errnum = 0;

    if (!addresses) {
        return NULL;
    }
    for (unsigned port = target->port; port <= target->last_port && !socket; port++) {
        for (GList *item = addresses; item && !socket; item = item->next) {
            errnum = try_port(item->data, port, &socket);
        }
    }
    g_list_free_full(addresses, g_object_unref);
    if (!socket) {
        error_set_errno(error, errnum, "Failed to bind socket to %s:%u", target->host,
                        target->port);
    }
    return socket;
}

static GSocket *from_fd(int fd, bool server, GError **error)
{
    int listening = 0;
    socklen_t length = sizeof(listening);

    fcntl(fd, F_SETFD, FD_CLOEXEC);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length);
    if (server && !listening && listen(fd, 1) < 0) {
        error_set_errno(error, errno, "Failed to listen on file descriptor %d", fd);
        return NULL;
    }
    if (!server && listening) {
        error_setf(error, "File descriptor %d is a listening socket: 'server=on' is missing", fd);
        return NULL;
    }
    return g_socket_new_from_fd(fd, error);
}

GSocket *socket_target_listen(const SocketTarget *target, GError **error)
{
    switch (target->kind) {
    case SOCKET_UNIX:
        return listen_unix(target, error);
    case SOCKET_FD:
        return from_fd(target->fd, true, error);
    default:
        return listen_tcp(target, error);
    }
}

/* ---- connecting ---- */

static GSocket *connect_address(GSocketAddress *address, GCancellable *cancellable, GError **error)
{
    g_autoptr(GSocket) socket =
        g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM, 0, error);

    if (!socket || !g_socket_connect(socket, address, cancellable, error)) {
        return NULL;
    }
    return g_steal_pointer(&socket);
}

static GSocket *connect_tcp(const SocketTarget *target, GCancellable *cancellable, GError **error)
{
    GList *addresses = resolve(target, false, cancellable, error);
    g_autoptr(GError) reason = NULL;
    GSocket *socket = NULL;

    for (GList *item = addresses; item && !socket; item = item->next) {
        g_autoptr(GSocketAddress) address = g_inet_socket_address_new(item->data, target->port);
        g_clear_error(&reason);
        socket = connect_address(address, cancellable, &reason);
    }
    if (addresses && !socket) {
        error_setf(error, "Failed to connect to '%s:%u': %s", target->host, target->port,
                   reason->message);
    }
    g_list_free_full(addresses, g_object_unref);
    return socket;
}

static GSocket *connect_unix(const SocketTarget *target, GCancellable *cancellable, GError **error)
{
    g_autoptr(GSocketAddress) address = unix_address(target);
    g_autoptr(GError) reason = NULL;
    GSocket *socket = connect_address(address, cancellable, &reason);

    if (!socket) {
        error_setf(error, "Failed to connect to '%s': %s", target->path, reason->message);
    }
    return socket;
}

GSocket *socket_target_connect(const SocketTarget *target, GCancellable *cancellable,
                               GError **error)
{
    switch (target->kind) {
    case SOCKET_UNIX:
        return connect_unix(target, cancellable, error);
    case SOCKET_FD:
        return from_fd(target->fd, false, error);
    default:
        return connect_tcp(target, cancellable, error);
    }
}
