/*
 * Where a socket back end listens or connects: host= port= to= ipv4= ipv6=, path= abstract= tight=,
 * fd=.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHARDEV_SOCKET_ADDRESS_H
#define CHARDEV_SOCKET_ADDRESS_H

#include <gio/gio.h>

#include "util/options.h"

typedef enum {
    SOCKET_TCP,
    SOCKET_UNIX,
    SOCKET_FD,
} SocketKind;

typedef struct {
    SocketKind kind;
    char *host;
    uint16_t port, last_port; /* a server may take any of them */
    bool no_ipv4, no_ipv6;
    char *path;
    bool abstract, tight;
    int fd;
} SocketTarget;

/** socket_target_read: takes the keys above from @options; @server allows what only a listener may
 * have. */
bool socket_target_read(SocketTarget *target, bool server, OptionReader *options, GError **error);
void socket_target_clear(SocketTarget *target);
SocketTarget *socket_target_copy(const SocketTarget *target);
void socket_target_free(SocketTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SocketTarget, socket_target_free)
/** socket_target_listen: a listening socket, ready for accept. */
GSocket *socket_target_listen(const SocketTarget *target, GError **error);
/** socket_target_connect: a connected socket; waits for the peer; any thread. */
GSocket *socket_target_connect(const SocketTarget *target, GCancellable *cancellable,
                               GError **error);
/** socket_target_text: "unix:/path", "tcp:host:port" (prefix @protocol for TCP). @local: what a
 * listener got. */
char *socket_target_text(const SocketTarget *target, const char *protocol, GSocket *listener);
/** socket_address_text: "127.0.0.1:5555" or the path; caller frees; never NULL. */
char *socket_address_text(GSocketAddress *address);

#endif
