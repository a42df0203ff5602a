/*
 * Writing the records of a stream.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <zlib.h>

#include "migration/stream.h"
#include "util/error.h"

static bool write_record(StreamWriter *writer, RecordKind kind, const void *payload, size_t length,
                         GError **error)
{
    RecordHeader header = {.kind = kind, .length = length};

    header.payload_sum = (uint32_t)crc32_z(0, payload, length);
    header.header_sum =
        (uint32_t)crc32_z(0, (const void *)&header, offsetof(RecordHeader, header_sum));
    if (kind != RECORD_END) {
        writer->sum = (uint32_t)crc32_z(writer->sum, (const void *)&header, sizeof(header));
        writer->records++;
    }
    return channel_write(writer->channel, &header, sizeof(header), error) &&
           channel_write(writer->channel, payload, length, error);
}

static bool write_variant(StreamWriter *writer, RecordKind kind, GByteArray *prefix,
                          GVariant *variant, GError **error)
{
    g_autoptr(GVariant) normal = g_variant_get_normal_form(variant);
    gsize size = g_variant_get_size(normal);
    guint start = prefix->len;

    if (size > SECTION_LENGTH_MAX - start) {
        return error_setf(error, "a part of the machine's state has %zu bytes", size);
    }
    g_byte_array_set_size(prefix, start + (guint)size);
    g_variant_store(normal, prefix->data + start);
    return write_record(writer, kind, prefix->data, prefix->len, error);
}

bool stream_begin(StreamWriter *writer, MigrationChannel *channel, GVariant *config, GError **error)
{
    StreamPreamble preamble = {.version = STREAM_VERSION};
    g_autoptr(GVariant) owned = g_variant_ref_sink(config);
    g_autoptr(GByteArray) payload = g_byte_array_new();

    *writer = (StreamWriter){.channel = channel};
    memcpy(preamble.magic, STREAM_MAGIC, sizeof(preamble.magic));
    return channel_write(channel, &preamble, sizeof(preamble), error) &&
           write_variant(writer, RECORD_CONFIG, payload, owned, error);
}

bool stream_write_ram(StreamWriter *writer, const void *runs, size_t length, GError **error)
{
    return write_record(writer, RECORD_RAM, runs, length, error);
}

bool stream_write_section(StreamWriter *writer, const char *path, GVariant *state, GError **error)
{
    const char *type = g_variant_get_type_string(state);
    SectionHeader header = {.path_length = (uint16_t)strlen(path),
                            .type_length = (uint16_t)strlen(type)};
    g_autoptr(GByteArray) payload = g_byte_array_new();
    static const uint8_t zeros[8];

    if (strlen(path) > SECTION_NAME_MAX || strlen(type) > SECTION_NAME_MAX) {
        return error_setf(error, "the state of '%.64s' has too long a name", path);
    }
    g_byte_array_append(payload, (const guint8 *)&header, sizeof(header));
    g_byte_array_append(payload, (const guint8 *)path, header.path_length);
    g_byte_array_append(payload, (const guint8 *)type, header.type_length);
    g_byte_array_append(payload, zeros, -payload->len % sizeof(zeros));
    return write_variant(writer, RECORD_SECTION, payload, state, error);
}

bool stream_end(StreamWriter *writer, GError **error)
{
    StreamEnd end = {.records = writer->records, .sum = writer->sum};

    return write_record(writer, RECORD_END, &end, sizeof(end), error);
}
