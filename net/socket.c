/*
 * -netdev socket: the older form of stream and dgram: listen=, connect=, mcast=, udp= or fd=.
 *
 * Source: QEMU's documented -netdev socket.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/socket.h>

#include "net/dgram.h"
#include "net/netdev_address.h"
#include "net/stream.h"
#include "util/error.h"

static const NetClientClass stream_class = {
    .type = "socket",
    .receive = stream_netdev_receive,
    .peer_ready = stream_netdev_peer_ready,
    .free = stream_netdev_free,
};

static const NetClientClass dgram_class = {
    .type = "socket",
    .receive = dgram_netdev_receive,
    .peer_ready = dgram_netdev_peer_ready,
    .free = dgram_netdev_free,
};

typedef struct {
    int fd;
    const char *listen, *connect, *mcast, *udp, *local;
} SocketOptions;

static bool check_options(const SocketOptions *socket, GError **error)
{
    unsigned ways = (socket->fd >= 0) + (socket->listen != NULL) + (socket->connect != NULL) +
                    (socket->mcast != NULL) + (socket->udp != NULL);

    if (ways != 1) {
        return error_setf(error,
                          "exactly one of listen=, connect=, mcast=, udp= or fd= is required");
    }
    if (socket->local && !socket->mcast && !socket->udp) {
        return error_setf(error, "localaddr= is only valid with mcast= or udp=");
    }
    if (socket->udp && !socket->local) {
        return error_setf(error, "localaddr= is mandatory with udp=");
    }
    return true;
}

static bool read_options(SocketOptions *socket, OptionReader *options, GError **error)
{
    return netdev_option_fd(options, "fd", &socket->fd, error) &&
           option_get_string(options, "listen", &socket->listen, error) &&
           option_get_string(options, "connect", &socket->connect, error) &&
           option_get_string(options, "mcast", &socket->mcast, error) &&
           option_get_string(options, "udp", &socket->udp, error) &&
           option_get_string(options, "localaddr", &socket->local, error) &&
           option_reader_finish(options, error) && check_options(socket, error);
}

static NetClient *open_fd(const char *id, int fd, GError **error)
{
    SocketTarget *target;
    int type = 0;
    socklen_t length = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) {
        error_set_errno(error, errno, "Parameter 'fd': file descriptor %d is not a socket", fd);
        return NULL;
    }
    if (type == SOCK_DGRAM) {
        return dgram_netdev_fd(&dgram_class, id, fd, error);
    }
    if (type != SOCK_STREAM) {
        error_setf(error, "Parameter 'fd': socket %d is neither of type stream nor datagram", fd);
        return NULL;
    }
    target = g_new0(SocketTarget, 1);
    target->kind = SOCKET_FD;
    target->fd = fd;
    return stream_netdev_connect(&stream_class, id, target, true, 0, error);
}

/* mcast= takes only an address for localaddr=, udp= one with a port. */
static SocketTarget *local_target(const SocketOptions *socket, GError **error)
{
    if (socket->mcast) {
        g_autofree char *with_port = g_strconcat(socket->local, ":0", NULL);
        return netdev_host_port(with_port, "localaddr", error);
    }
    return netdev_host_port(socket->local, "localaddr", error);
}

static NetClient *open_udp(const char *id, const SocketOptions *socket, GError **error)
{
    g_autoptr(SocketTarget) local = NULL;
    g_autoptr(SocketTarget) remote = NULL;

    remote = socket->mcast ? netdev_host_port(socket->mcast, "mcast", error)
                           : netdev_host_port(socket->udp, "udp", error);
    if (!remote || (socket->local && !(local = local_target(socket, error)))) {
        return NULL;
    }
    return dgram_netdev_udp(&dgram_class, id, local, remote, error);
}

static NetClient *open_socket(const char *id, OptionReader *options, GError **error)
{
    SocketOptions socket = {.fd = -1};
    SocketTarget *target;

    if (!read_options(&socket, options, error)) {
        return NULL;
    }
    if (socket.fd >= 0) {
        return open_fd(id, socket.fd, error);
    }
    if (socket.listen) {
        target = netdev_host_port(socket.listen, "listen", error);
        return target ? stream_netdev_listen(&stream_class, id, target, error) : NULL;
    }
    if (socket.connect) {
        target = netdev_host_port(socket.connect, "connect", error);
        return target ? stream_netdev_connect(&stream_class, id, target, true, 0, error) : NULL;
    }
    return open_udp(id, &socket, error);
}

const NetdevDriver netdev_driver_socket = {
    .type = "socket",
    .help = "frames over a socket: listen=|connect=|mcast=|udp=,localaddr=|fd=",
    .open = open_socket,
};
