/*
 * Reading the records of a stream. Nothing of it is believed: a length counts only in a header
 * whose sum is right and only up to its kind's greatest, memory is taken as the bytes come, and a
 * variant must be in normal form.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <zlib.h>

#include "migration/stream.h"
#include "util/error.h"

#define READ_STEP (UINT32_C(1) << 20)

typedef struct {
    MigrationChannel *channel;
    const StreamSink *sink;
    void *opaque;
    GByteArray *payload; /* of the record in hand */
    uint64_t records;
    uint32_t sum;
    RecordKind last; /* records come in the order of their kinds */
    bool ended;
} Reader;

static const struct {
    const char *name;
    uint64_t length_max;
} kinds[RECORD_KINDS] = {
    [RECORD_CONFIG] = {"configuration", CONFIG_LENGTH_MAX},
    [RECORD_RAM] = {"RAM", RAM_LENGTH_MAX},
    [RECORD_SECTION] = {"section", SECTION_LENGTH_MAX},
    [RECORD_END] = {"end", sizeof(StreamEnd)},
};

static bool read_preamble(Reader *reader, GError **error)
{
    StreamPreamble preamble;
    const char *name = channel_name(reader->channel);
    size_t got;

    if (!channel_read_until_end(reader->channel, &preamble, sizeof(preamble), &got, error)) {
        return false;
    }
    if (got == 0) {
        return error_setf(error, "%s: the stream is empty", name);
    }
    if (got >= 4 && memcmp(preamble.magic, "QEVM", 4) == 0) {
        return error_setf(error, "%s: this is a stream of QEMU, which cannot be read here", name);
    }
    if (memcmp(preamble.magic, STREAM_MAGIC, MIN(got, sizeof(preamble.magic))) != 0) {
        return error_setf(error, "%s: this is not the stream of a saved guest", name);
    }
    if (got < sizeof(preamble)) {
        return error_setf(error, "%s: the stream is cut off", name);
    }
    if (preamble.version != STREAM_VERSION || preamble.reserved != 0) {
        return error_setf(error, "%s: the stream has version %u, this build reads version %u", name,
                          preamble.version, STREAM_VERSION);
    }
    return true;
}

static bool check_header(Reader *reader, const RecordHeader *header, GError **error)
{
    const char *name = channel_name(reader->channel);

    if (header->header_sum !=
        (uint32_t)crc32_z(0, (const void *)header, offsetof(RecordHeader, header_sum))) {
        return error_setf(error,
                          "%s: the stream is damaged (header of record %" G_GUINT64_FORMAT ")",
                          name, (guint64)reader->records);
    }
    if (header->kind == 0 || header->kind >= RECORD_KINDS || header->reserved != 0) {
        return error_setf(error, "%s: the stream has a record of unknown kind %u", name,
                          header->kind);
    }
    if (header->length > kinds[header->kind].length_max) {
        return error_setf(error, "%s: the stream has a %s record of %" G_GUINT64_FORMAT " bytes",
                          name, kinds[header->kind].name, (guint64)header->length);
    }
    if (header->kind < reader->last || (header->kind == RECORD_CONFIG) != (reader->last == 0)) {
        return error_setf(error, "%s: the stream has a %s record at the wrong place", name,
                          kinds[header->kind].name);
    }
    return true;
}

static bool read_payload(Reader *reader, const RecordHeader *header, GError **error)
{
    uint64_t left = header->length;

    g_byte_array_set_size(reader->payload, 0);
    while (left > 0) {
        guint at = reader->payload->len;
        guint step = (guint)MIN(left, READ_STEP);

        g_byte_array_set_size(reader->payload, at + step);
        if (!channel_read(reader->channel, reader->payload->data + at, step, error)) {
            return false;
        }
        left -= step;
    }
    return header->payload_sum ==
               (uint32_t)crc32_z(0, reader->payload->data, reader->payload->len) ||
           error_setf(error, "%s: the stream is damaged (%s record %" G_GUINT64_FORMAT ")",
                      channel_name(reader->channel), kinds[header->kind].name,
                      (guint64)reader->records);
}

/* ---- what is in them ---- */

/* A variant of @type from untrusted bytes, which are copied; NULL if they are not its normal form.
 */
static GVariant *variant_from(const char *type, const uint8_t *data, size_t length)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, length);
    g_autoptr(GVariant) variant =
        g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, FALSE));

    return g_variant_is_normal_form(variant) ? g_steal_pointer(&variant) : NULL;
}

static bool take_config(Reader *reader, GError **error)
{
    g_autoptr(GVariant) config = variant_from("a{sv}", reader->payload->data, reader->payload->len);

    return config ? reader->sink->config(reader->opaque, config, error)
                  : error_setf(error, "%s: the stream's configuration cannot be read",
                               channel_name(reader->channel));
}

static bool take_ram(Reader *reader, GError **error)
{
    return reader->sink->ram(reader->opaque, reader->payload->data, reader->payload->len, error);
}

/* The two names behind the header; the offset of the variant, or 0. */
static size_t section_names(const GByteArray *payload, char **path, char **type)
{
    SectionHeader header;
    size_t names, start;

    if (payload->len < sizeof(header)) {
        return 0;
    }
    memcpy(&header, payload->data, sizeof(header));
    names = sizeof(header) + header.path_length + header.type_length;
    start = (names + 7) & ~(size_t)7;
    if (header.reserved || header.path_length == 0 || header.path_length > SECTION_NAME_MAX ||
        header.type_length > SECTION_NAME_MAX || start > payload->len) {
        return 0;
    }
    *path = g_strndup((const char *)payload->data + sizeof(header), header.path_length);
    *type = g_strndup((const char *)payload->data + sizeof(header) + header.path_length,
                      header.type_length);
    return start;
}

static bool type_is_good(const char *type)
{
    return g_variant_type_string_is_valid(type) && g_variant_type_is_definite(G_VARIANT_TYPE(type));
}

static bool take_section(Reader *reader, GError **error)
{
    g_autofree char *path = NULL, *type = NULL;
    g_autoptr(GVariant) state = NULL;
    size_t start = section_names(reader->payload, &path, &type);

    if (start > 0 && g_utf8_validate(path, -1, NULL) && type_is_good(type)) {
        state = variant_from(type, reader->payload->data + start, reader->payload->len - start);
    }
    if (!state) {
        return error_setf(error, "%s: section %" G_GUINT64_FORMAT " of the stream cannot be read",
                          channel_name(reader->channel), (guint64)reader->records);
    }
    return reader->sink->section(reader->opaque, path, state, error);
}

static bool take_end(Reader *reader, GError **error)
{
    StreamEnd end = {0};

    if (reader->payload->len == sizeof(end)) {
        memcpy(&end, reader->payload->data, sizeof(end));
    }
    reader->ended = true;
    return (reader->payload->len == sizeof(end) && end.records == reader->records &&
            end.sum == reader->sum) ||
           error_setf(error, "%s: the stream lacks records, or has too many",
                      channel_name(reader->channel));
}

static bool take_record(Reader *reader, RecordKind kind, GError **error)
{
    static bool (*const takers[RECORD_KINDS])(Reader * reader, GError * *error) = {
        [RECORD_CONFIG] = take_config,
        [RECORD_RAM] = take_ram,
        [RECORD_SECTION] = take_section,
        [RECORD_END] = take_end,
    };

    return takers[kind](reader, error);
}

static bool read_record(Reader *reader, GError **error)
{
    RecordHeader header;

    if (!channel_read(reader->channel, &header, sizeof(header), error) ||
        !check_header(reader, &header, error) || !read_payload(reader, &header, error) ||
        !take_record(reader, header.kind, error)) {
        return false;
    }
    reader->last = header.kind;
    reader->records++;
    reader->sum = (uint32_t)crc32_z(reader->sum, (const void *)&header, sizeof(header));
    return true;
}

bool stream_read(MigrationChannel *channel, const StreamSink *sink, void *opaque, GError **error)
{
    g_autoptr(GByteArray) payload = g_byte_array_new();
    Reader reader = {.channel = channel, .sink = sink, .opaque = opaque, .payload = payload};
    bool good = read_preamble(&reader, error);

    while (good && !reader.ended) {
        good = read_record(&reader, error);
    }
    return good;
}
