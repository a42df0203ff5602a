/*
 * -netdev dgram: Ethernet frames as datagrams over UDP, UDP multicast, or a Unix socket.
 *
 * Source: QEMU's documented -netdev dgram.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/dgram.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev/fd_source.h"
#include "net/netdev_address.h"
#include "util/error.h"

#define FRAME_MIN     14
#define READS_AT_ONCE 32

typedef union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
} Address;

typedef struct {
    NetClient *client;
    int fd;
    Address remote;
    socklen_t remote_length; /* 0: the socket is connected */
    bool mute;               /* there is nobody to send to */
    bool blocked;            /* the adapter takes no frames now */
    bool full;               /* the socket takes none now */
    char *path;              /* the socket's file, ours */
    GSource *reader, *writer;
    uint8_t input[NET_FRAME_MAX];
} DgramNetdev;

/* ---- frames ---- */

static int reader_wanted(void *opaque)
{
    DgramNetdev *self = opaque;

    return self->blocked ? FD_SOURCE_NONE : self->fd;
}

static bool reader_ready(void *opaque)
{
    DgramNetdev *self = opaque;

    for (unsigned i = 0; i < READS_AT_ONCE && !self->blocked; i++) {
        ssize_t size = recv(self->fd, self->input, sizeof(self->input), MSG_DONTWAIT | MSG_TRUNC);
        struct iovec piece = {self->input, size};
        NetPacket packet = {&piece, 1, size, {0}};
        if (size < 0) {
            break; /* nothing there; or an old error of a peer that is not up, now taken */
        }
        if (size >= FRAME_MIN && (size_t)size <= sizeof(self->input)) {
            self->blocked = !net_client_send(self->client, &packet);
        }
    }
    return true;
}

static int writer_wanted(void *opaque)
{
    DgramNetdev *self = opaque;

    return self->full ? self->fd : FD_SOURCE_NONE;
}

static bool writer_ready(void *opaque)
{
    DgramNetdev *self = opaque;

    self->full = false;
    net_client_ready(self->client);
    return true;
}

bool dgram_netdev_receive(NetClient *client, const NetPacket *packet)
{
    DgramNetdev *self = client->opaque;
    struct msghdr message = {
        .msg_name = self->remote_length ? &self->remote : NULL,
        .msg_namelen = self->remote_length,
        .msg_iov = (struct iovec *)packet->pieces,
        .msg_iovlen = packet->count,
    };

    if (self->mute) {
        return true;
    }
    if (sendmsg(self->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN) {
        self->full = true;
        g_main_context_wakeup(NULL);
        return false;
    }
    return true; /* sent, or lost, as datagrams are */
}

void dgram_netdev_peer_ready(NetClient *client)
{
    DgramNetdev *self = client->opaque;

    self->blocked = false;
    g_main_context_wakeup(NULL);
}

void dgram_netdev_free(NetClient *client)
{
    DgramNetdev *self = client->opaque;

    fd_source_destroy(&self->reader);
    fd_source_destroy(&self->writer);
    close(self->fd);
    if (self->path) {
        unlink(self->path);
        g_free(self->path);
    }
    g_free(self);
}

static DgramNetdev *dgram_new(const NetClientClass *type, const char *id, int fd)
{
    DgramNetdev *self = g_new0(DgramNetdev, 1);

    self->fd = fd;
    self->client = net_client_new(type, id, self);
    self->reader = fd_source_attach(reader_wanted, G_IO_IN, reader_ready, self);
    self->writer = fd_source_attach(writer_wanted, G_IO_OUT, writer_ready, self);
    return self;
}

/* ---- UDP ---- */

static bool resolve(const SocketTarget *target, Address *address, socklen_t *length, GError **error)
{
    g_autoptr(GError) reason = NULL;
    GResolver *resolver = g_resolver_get_default();
    const char *host = target->host[0] ? target->host : "0.0.0.0";
    GList *found = g_resolver_lookup_by_name(resolver, host, NULL, &reason);
    bool done = false;

    g_object_unref(resolver);
    for (GList *item = found; item && !done; item = item->next) {
        g_autoptr(GSocketAddress) native = g_inet_socket_address_new(item->data, target->port);
        bool ipv6 = g_socket_address_get_family(native) == G_SOCKET_FAMILY_IPV6;
        gssize size = g_socket_address_get_native_size(native);
        if (!(ipv6 ? target->no_ipv6 : target->no_ipv4) && size <= (gssize)sizeof(*address)) {
            done = g_socket_address_to_native(native, address, sizeof(*address), NULL);
            *length = size;
        }
    }
    g_list_free_full(found, g_object_unref);
    return done || error_setf(error, "address resolution failed for %s:%u: %s", host, target->port,
                              reason ? reason->message : "no address of the wanted family");
}

static bool is_multicast(const Address *address)
{
    return address->any.sa_family == AF_INET && IN_MULTICAST(ntohl(address->in.sin_addr.s_addr));
}

static bool bind_to(int fd, const Address *address, socklen_t length, GError **error)
{
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return bind(fd, &address->any, length) == 0 ||
           error_set_errno(error, errno, "cannot bind the socket");
}

/* Every member of the group hears every other, those on this host too. */
static bool join_group(int fd, const Address *group, const Address *interface, GError **error)
{
    struct ip_mreq request = {.imr_multiaddr = group->in.sin_addr};
    int on = 1;

    if (interface->any.sa_family == AF_INET) {
        request.imr_interface = interface->in.sin_addr;
    }
    if (setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)) < 0) {
        return error_set_errno(error, errno, "cannot join the multicast group");
    }
    if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &on, sizeof(on)) < 0 ||
        (request.imr_interface.s_addr &&
         setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request.imr_interface,
                    sizeof(request.imr_interface)) < 0)) {
        return error_set_errno(error, errno, "cannot send to the multicast group");
    }
    return true;
}

static bool set_up_udp(int fd, const Address *local, socklen_t local_length, const Address *remote,
                       socklen_t remote_length, GError **error)
{
    if (is_multicast(remote)) {
        return bind_to(fd, remote, remote_length, error) && join_group(fd, remote, local, error);
    }
    if (!local_length) {
        return error_setf(error, "a local address is needed unless the remote one is multicast");
    }
    if (local->any.sa_family != remote->any.sa_family) {
        return error_setf(error, "the local and the remote address are of different families");
    }
    return bind_to(fd, local, local_length, error);
}

NetClient *dgram_netdev_udp(const NetClientClass *type, const char *id, const SocketTarget *local,
                            const SocketTarget *remote, GError **error)
{
    Address here = {0}, there = {0};
    socklen_t here_length = 0, there_length = 0;
    DgramNetdev *self;
    int fd;

    if (!resolve(remote, &there, &there_length, error) ||
        (local && !resolve(local, &here, &here_length, error))) {
        return NULL;
    }
    fd = socket(there.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !set_up_udp(fd, &here, here_length, &there, there_length, error)) {
        if (fd < 0) {
            error_set_errno(error, errno, "cannot make a socket");
        } else {
            close(fd);
        }
        return NULL;
    }
    self = dgram_new(type, id, fd);
    self->remote = there;
    self->remote_length = there_length;
    net_client_set_info(self->client, "%s=%s:%u", is_multicast(&there) ? "mcast" : "udp",
                        remote->host, remote->port);
    return self->client;
}

/* ---- Unix ---- */

static bool unix_address(const char *path, Address *address, GError **error)
{
    if (strlen(path) >= sizeof(address->un.sun_path)) {
        return error_setf(error, "UNIX socket path '%s' is too long (at most %zu bytes)", path,
                          sizeof(address->un.sun_path) - 1);
    }
    address->un.sun_family = AF_UNIX;
    g_strlcpy(address->un.sun_path, path, sizeof(address->un.sun_path));
    return true;
}

NetClient *dgram_netdev_unix(const NetClientClass *type, const char *id, const char *local,
                             const char *remote, GError **error)
{
    Address here = {0}, there = {0};
    DgramNetdev *self;
    int fd;

    if (!unix_address(local, &here, error) || (remote && !unix_address(remote, &there, error))) {
        return NULL;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error_set_errno(error, errno, "cannot make a socket");
        return NULL;
    }
    if (unlink(local) < 0 && errno != ENOENT) {
        error_set_errno(error, errno, "cannot replace '%s'", local);
        close(fd);
        return NULL;
    }
    if (bind(fd, &here.any, sizeof(here.un)) < 0) {
        error_set_errno(error, errno, "cannot bind the socket to '%s'", local);
        close(fd);
        return NULL;
    }
    self = dgram_new(type, id, fd);
    self->path = g_strdup(local);
    self->remote = there;
    self->remote_length = sizeof(there.un);
    self->mute = !remote;
    net_client_set_info(self->client, "udp=%s:%s", local, remote ? remote : "");
    return self->client;
}

/* ---- a socket from elsewhere ---- */

NetClient *dgram_netdev_fd(const NetClientClass *type, const char *id, int fd, GError **error)
{
    DgramNetdev *self;
    int kind = 0;
    socklen_t length = sizeof(kind);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &length) < 0 || kind != SOCK_DGRAM) {
        error_setf(error, "file descriptor %d is not a datagram socket", fd);
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    self = dgram_new(type, id, fd);
    net_client_set_info(self->client, "fd=%d", fd);
    return self->client;
}

/* ---- -netdev dgram ---- */

static const NetClientClass dgram_class = {
    .type = "dgram",
    .receive = dgram_netdev_receive,
    .peer_ready = dgram_netdev_peer_ready,
    .free = dgram_netdev_free,
};

static NetClient *open_targets(const char *id, const SocketTarget *local,
                               const SocketTarget *remote, GError **error)
{
    if (local && local->kind == SOCKET_FD) {
        if (remote) {
            error_setf(error, "Parameter 'remote' is not allowed when 'local.type' is 'fd'");
            return NULL;
        }
        return dgram_netdev_fd(&dgram_class, id, local->fd, error);
    }
    if (local && local->kind == SOCKET_UNIX) {
        if (local->abstract || (remote && (remote->kind != SOCKET_UNIX || remote->abstract))) {
            error_setf(error, "'local' and 'remote' must both be unix sockets with a file");
            return NULL;
        }
        return dgram_netdev_unix(&dgram_class, id, local->path, remote ? remote->path : NULL,
                                 error);
    }
    if (!remote || remote->kind != SOCKET_TCP) {
        error_setf(error,
                   "Parameter 'remote' of type inet is needed, or 'local' of type unix or fd");
        return NULL;
    }
    return dgram_netdev_udp(&dgram_class, id, local, remote, error);
}

static NetClient *open_dgram(const char *id, OptionReader *options, GError **error)
{
    g_autoptr(SocketTarget) local = NULL;
    g_autoptr(SocketTarget) remote = NULL;

    if (option_reader_has(options, "local") &&
        !(local = netdev_stream_address(options, "local", false, error))) {
        return NULL;
    }
    if (option_reader_has(options, "remote") &&
        !(remote = netdev_stream_address(options, "remote", false, error))) {
        return NULL;
    }
    return option_reader_finish(options, error) ? open_targets(id, local, remote, error) : NULL;
}

const NetdevDriver netdev_driver_dgram = {
    .type = "dgram",
    .help = "frames as datagrams: local.type=inet|unix|fd,remote.type=inet|unix",
    .open = open_dgram,
};
