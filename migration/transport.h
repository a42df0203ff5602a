/*
 * Transports: what "migrate" and "-incoming" can name.
 *
 *     fd:NUMBER  fd:NAME  exec:COMMAND  unix:PATH  tcp:HOST:PORT  file:PATH[,offset=BYTES]
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_TRANSPORT_H
#define MIGRATION_TRANSPORT_H

#include "migration/channel.h"
#include "migration/migration.h"

/**
 * transport_open_outgoing / _incoming: the channel that @uri names. A socket of another process is
 * connected to here; an incoming socket listens, see channel_accept().
 * @take_fd: looks up the names of fd: (may be NULL)
 */
MigrationChannel *transport_open_outgoing(const char *uri, MigrationTakeFd *take_fd, void *opaque,
                                          GError **error);
MigrationChannel *transport_open_incoming(const char *uri, MigrationTakeFd *take_fd, void *opaque,
                                          GError **error);

#endif
