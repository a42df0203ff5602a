/*
 * JsonStream: bytes of a connection in, JSON values out, one at a time.
 *
 * It finds where a value ends, and lets nothing through that could hurt what parses it: nesting,
 * size and number of tokens are bounded, bare words and escapes are checked, text is UTF-8. After
 * an error it goes on with the next value, so that one bad line never ends a session.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_JSON_STREAM_H
#define MONITOR_JSON_STREAM_H

#include <json-glib/json-glib.h>
#include <stddef.h>
#include <stdint.h>

/* What a client may send as one value. QEMU's limits, so that what works there works here. */
#define JSON_STREAM_MAX_BYTES  (64u << 20)
#define JSON_STREAM_MAX_TOKENS (2u << 20)
#define JSON_STREAM_MAX_DEPTH  1024u

typedef struct JsonStream JsonStream;

/** @node: the value, now the callee's; NULL: @error says what was wrong (not the callee's). */
typedef void (*JsonStreamTake)(JsonNode *node, const GError *error, void *opaque);

JsonStream *json_stream_new(JsonStreamTake take, void *opaque);
void json_stream_free(JsonStream *stream);
/** json_stream_feed: @take is called for each value that ends in @data; it must not free @stream.
 */
void json_stream_feed(JsonStream *stream, const uint8_t *data, size_t length);
/** json_stream_reset: forgets a value that has begun (the peer is another one). */
void json_stream_reset(JsonStream *stream);

#endif
