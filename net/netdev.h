/*
 * Netdevs, from the side of those who implement one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NET_NETDEV_H
#define NET_NETDEV_H

#include "net/net.h"
#include "util/options.h"

/* A row of the table in netdev.c; each back end's file has one. */
typedef struct {
    const char *type;
    const char *help;
    /**
     * open: reads its keys ("type" and "id" are read already), refuses others
     * (option_reader_finish()) before it opens anything, and makes the client called @id.
     */
    NetClient *(*open)(const char *id, OptionReader *options, GError **error);
} NetdevDriver;

extern const NetdevDriver netdev_driver_dgram;
extern const NetdevDriver netdev_driver_socket;
extern const NetdevDriver netdev_driver_stream;
extern const NetdevDriver netdev_driver_tap;
extern const NetdevDriver netdev_driver_user;

/** netdev_refuse_key: false with @error when @key, which this build has not, is given. */
bool netdev_refuse_key(OptionReader *options, const char *key, const char *reason, GError **error);
/** netdev_option_fd: a descriptor by number, open; -1 is left in *@fd if the key is absent. */
bool netdev_option_fd(OptionReader *options, const char *key, int *fd, GError **error);
/** netdev_strings: "key" as [{"str": x}] or one string; NULL-ended, g_strfreev; NULL: @error. */
char **netdev_strings(OptionReader *options, const char *key, GError **error);

#endif
