/*
 * Addresses of netdevs on sockets: "addr" with its type, and the older forms "host:port".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NET_NETDEV_ADDRESS_H
#define NET_NETDEV_ADDRESS_H

#include "chardev/socket_address.h"
#include "net/netdev.h"

/** netdev_stream_address: the object @key of @options: type=inet|unix|fd with that type's members.
 */
SocketTarget *netdev_stream_address(OptionReader *options, const char *key, bool server,
                                    GError **error);
/** netdev_host_port: "host:port" or ":port", of option @key; a host's name is looked up later. */
SocketTarget *netdev_host_port(const char *text, const char *key, GError **error);

#endif
