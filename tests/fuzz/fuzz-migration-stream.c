/*
 * libFuzzer target: a stream of a saved guest, as records whose sums are made right: each piece of
 * input is a kind, two bytes of length, and the payload. What the reader accepts goes to memory of
 * 128 KiB and to a dictionary of sections. Whatever comes, it is an error or a value.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "migration/ram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take_config(void *opaque, GVariant *config, GError **error)
{
    g_autoptr(GVariant) layout =
        g_variant_lookup_value(config, "ram", G_VARIANT_TYPE(RAM_LAYOUT_TYPE));
    g_autoptr(GVariant) ours = g_variant_ref_sink(g_variant_new_parsed("[('ram', uint64 131072)]"));

    ram_receiver_clear(opaque);
    if (layout && !ram_receiver_init(opaque, layout, NULL)) {
        ram_receiver_clear(opaque);
    }
    return ((RamReceiver *)opaque)->blocks || ram_receiver_init(opaque, ours, error);
}

static bool take_ram(void *opaque, const uint8_t *runs, size_t length, GError **error)
{
    return ram_receive(opaque, runs, length, error);
}

static bool take_section(void *opaque, const char *path, GVariant *state, GError **error)
{
    g_autofree char *text = g_variant_print(state, TRUE);

    return path[0] != '\0' && text[0] != '\0';
}

static const StreamSink sink = {take_config, take_ram, take_section};

static void append_record(GByteArray *stream, uint32_t kind, const uint8_t *data, size_t length)
{
    RecordHeader header = {.kind = kind, .length = length};

    header.payload_sum = (uint32_t)crc32_z(0, data, length);
    header.header_sum =
        (uint32_t)crc32_z(0, (const void *)&header, offsetof(RecordHeader, header_sum));
    g_byte_array_append(stream, (const guint8 *)&header, sizeof(header));
    g_byte_array_append(stream, data, (guint)length);
}

static GByteArray *make_stream(const uint8_t *data, size_t size)
{
    GByteArray *stream = g_byte_array_new();
    StreamPreamble preamble = {.version = STREAM_VERSION};

    memcpy(preamble.magic, STREAM_MAGIC, sizeof(preamble.magic));
    g_byte_array_append(stream, (const guint8 *)&preamble, sizeof(preamble));
    while (size >= 3) {
        size_t length = MIN((size_t)data[1] | (size_t)data[2] << 8, size - 3);

        append_record(stream, data[0] % (RECORD_KINDS + 1), data + 3, length);
        data += 3 + length;
        size -= 3 + length;
    }
    g_byte_array_append(stream, data, (guint)size);
    return stream;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static RamBlock *ram;
    g_autoptr(GByteArray) stream = make_stream(data, size);
    RamReceiver receiver = {0};
    MigrationChannel *channel;
    int fd = memfd_create("stream", MFD_CLOEXEC);

    if (!ram) {
        ram = ram_block_new(&(RamBlockConfig){.name = "ram", .size = 131072}, NULL);
    }
    if (write(fd, stream->data, stream->len) == (ssize_t)stream->len &&
        lseek(fd, 0, SEEK_SET) == 0) {
        channel = channel_new(fd, "fuzz", 0);
        stream_read(channel, &sink, &receiver, NULL);
        channel_free(channel);
    } else {
        close(fd);
    }
    ram_receiver_clear(&receiver);
    return 0;
}
