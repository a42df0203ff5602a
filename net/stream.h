/*
 * A netdev over one stream connection: what -netdev stream and -netdev socket share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "chardev/socket_address.h"
#include "net/netdev.h"

/** stream_netdev_listen: waits for a peer at @target (taken over), again and again. */
NetClient *stream_netdev_listen(const NetClientClass *type, const char *id, SocketTarget *target,
                                GError **error);
/**
 * stream_netdev_connect: connects to @target (taken over).
 * @wait: the connection stands when this returns, or it fails; else it is made meanwhile
 * @reconnect_ms: how long after a failure or a loss it tries again; 0: never
 */
NetClient *stream_netdev_connect(const NetClientClass *type, const char *id, SocketTarget *target,
                                 bool wait, uint64_t reconnect_ms, GError **error);

/* The functions of a class of such a netdev. */
bool stream_netdev_receive(NetClient *client, const NetPacket *packet);
void stream_netdev_peer_ready(NetClient *client);
void stream_netdev_free(NetClient *client);

#endif
