/*
 * A channel: the file descriptor a stream goes through, in either direction, for a thread that may
 * wait. Waiting ends when the channel is cancelled; writing keeps to a rate.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_CHANNEL_H
#define MIGRATION_CHANNEL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct MigrationChannel MigrationChannel;

/**
 * channel_new: takes @fd.
 * @name: for error lines ("fd:7", "unix:/run/x")
 * @child: the process behind it (exec:), waited for at the end; 0: none
 */
MigrationChannel *channel_new(int fd, const char *name, GPid child);
/** channel_new_listening: takes the listening socket @fd; channel_accept() makes it a channel. */
MigrationChannel *channel_new_listening(int fd, const char *name);
bool channel_accept(MigrationChannel *channel, GError **error);
/** channel_free: closes; a child that still runs is left to itself. NULL is fine. */
void channel_free(MigrationChannel *channel);
const char *channel_name(const MigrationChannel *channel);
/** channel_is_socket: what is written can be answered. */
bool channel_is_socket(const MigrationChannel *channel);

/** channel_cancel: whoever waits in @channel comes back with an error, now and later. Any thread.
 */
void channel_cancel(MigrationChannel *channel);
bool channel_is_cancelled(const MigrationChannel *channel);
/** channel_set_rate: bytes a second for writing; 0: as fast as it goes. Any thread. */
void channel_set_rate(MigrationChannel *channel, uint64_t bytes_per_second);

bool channel_write(MigrationChannel *channel, const void *data, size_t length, GError **error);
/** channel_read: exactly @length bytes; an end before that is an error. */
bool channel_read(MigrationChannel *channel, void *data, size_t length, GError **error);
/** channel_read_until_end: at most @length bytes, fewer where the stream ends; *@got: how many. */
bool channel_read_until_end(MigrationChannel *channel, void *data, size_t length, size_t *got,
                            GError **error);
/** channel_finish: all is written (a file: to the disk), a child has ended well. */
bool channel_finish(MigrationChannel *channel, GError **error);
/** channel_transferred: bytes written or read so far. Any thread. */
uint64_t channel_transferred(const MigrationChannel *channel);

#endif
