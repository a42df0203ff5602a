/*
 * Reading and writing the records of a stream (stream_format.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_STREAM_H
#define MIGRATION_STREAM_H

#include "migration/channel.h"
#include "migration/stream_format.h"

/* ---- writing ---- */

typedef struct {
    MigrationChannel *channel;
    uint64_t records;
    uint32_t sum;
} StreamWriter;

/** stream_begin: the preamble. @config: a{sv}; a floating one is sunk. */
bool stream_begin(StreamWriter *writer, MigrationChannel *channel, GVariant *config,
                  GError **error);
bool stream_write_ram(StreamWriter *writer, const void *runs, size_t length, GError **error);
bool stream_write_section(StreamWriter *writer, const char *path, GVariant *state, GError **error);
bool stream_end(StreamWriter *writer, GError **error);

/* ---- reading ---- */

/* What a reader makes of the records; each false ends it with that error. */
typedef struct {
    bool (*config)(void *opaque, GVariant *config, GError **error);
    /** ram: @runs holds @length bytes of runs, of which nothing has been checked. */
    bool (*ram)(void *opaque, const uint8_t *runs, size_t length, GError **error);
    bool (*section)(void *opaque, const char *path, GVariant *state, GError **error);
} StreamSink;

/** stream_read: a whole stream, to its END and not a byte further. */
bool stream_read(MigrationChannel *channel, const StreamSink *sink, void *opaque, GError **error);

#endif
