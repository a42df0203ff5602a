/*
 * A netdev over datagrams, one frame each: what -netdev dgram and -netdev socket share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NET_DGRAM_H
#define NET_DGRAM_H

#include "chardev/socket_address.h"
#include "net/netdev.h"

/**
 * dgram_netdev_udp: @local and @remote are TCP-style targets; a multicast @remote is joined, and
 * @local, which may be NULL then, is the interface's address.
 */
NetClient *dgram_netdev_udp(const NetClientClass *type, const char *id, const SocketTarget *local,
                            const SocketTarget *remote, GError **error);
/** dgram_netdev_unix: @remote may be NULL: nothing is sent. */
NetClient *dgram_netdev_unix(const NetClientClass *type, const char *id, const char *local,
                             const char *remote, GError **error);
/** dgram_netdev_fd: a socket that is connected; taken over. */
NetClient *dgram_netdev_fd(const NetClientClass *type, const char *id, int fd, GError **error);

/* The functions of a class of such a netdev. */
bool dgram_netdev_receive(NetClient *client, const NetPacket *packet);
void dgram_netdev_peer_ready(NetClient *client);
void dgram_netdev_free(NetClient *client);

#endif
