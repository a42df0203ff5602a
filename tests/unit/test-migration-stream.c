/*
 * The stream of a saved guest: what is written is read; cut off anywhere or with a bit wrong
 * anywhere it is refused; lengths, names and types that no writer writes are refused with their
 * sums right.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "migration/ram.h"
#include "util/error.h"

#define RAM_PAGES 32u

/* ---- what is read, as text ---- */

static bool note_config(void *opaque, GVariant *config, GError **error)
{
    g_autofree char *text = g_variant_print(config, FALSE);

    g_string_append_printf(opaque, "config %s\n", text);
    return true;
}

static bool note_ram(void *opaque, const uint8_t *runs, size_t length, GError **error)
{
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_MD5, runs, length);

    g_string_append_printf(opaque, "ram %zu %s\n", length, sum);
    return true;
}

static bool note_section(void *opaque, const char *path, GVariant *state, GError **error)
{
    g_autofree char *text = g_variant_print(state, FALSE);

    g_string_append_printf(opaque, "section %s %s %s\n", path, g_variant_get_type_string(state),
                           text);
    return true;
}

static const StreamSink notes = {note_config, note_ram, note_section};

static int file_with(const void *data, size_t length)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);

    g_assert_cmpint(write(fd, data, length), ==, (ssize_t)length);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    return fd;
}

/* NULL: refused, with @error. */
static char *read_stream(const void *data, size_t length, GError **error)
{
    MigrationChannel *channel = channel_new(file_with(data, length), "test", 0);
    GString *text = g_string_new(NULL);
    bool good = stream_read(channel, &notes, text, error);

    channel_free(channel);
    return g_string_free(text, !good);
}

static void assert_refused(const void *data, size_t length, const char *words)
{
    g_autoptr(GError) error = NULL;
    char *text = read_stream(data, length, &error);

    g_assert_null(text);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, words));
}

/* ---- what is written ---- */

static GByteArray *contents(int fd)
{
    off_t length = lseek(fd, 0, SEEK_END);
    GByteArray *bytes = g_byte_array_new();

    g_byte_array_set_size(bytes, (guint)length);
    g_assert_cmpint(pread(fd, bytes->data, (size_t)length, 0), ==, length);
    return bytes;
}

static GByteArray *sample(void)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);
    MigrationChannel *channel = channel_new(dup(fd), "test", 0);
    StreamWriter writer;
    const uint8_t runs[] = "some runs";
    GByteArray *bytes;

    g_assert_true(
        stream_begin(&writer, channel, g_variant_new_parsed("{'machine': <'pc'>}"), NULL));
    g_assert_true(stream_write_ram(&writer, runs, sizeof(runs), NULL));
    g_autoptr(GVariant) first =
        g_variant_ref_sink(g_variant_new_parsed("(uint32 1, <{'a': <5>}>)"));
    g_autoptr(GVariant) second = g_variant_ref_sink(g_variant_new_parsed("[uint64 7, 8]"));
    g_assert_true(stream_write_section(&writer, "/machine/chip", first, NULL));
    g_assert_true(stream_write_section(&writer, "cpu/0", second, NULL));
    g_assert_true(stream_end(&writer, NULL));
    bytes = contents(fd);
    channel_free(channel);
    close(fd);
    return bytes;
}

static void what_is_written_is_read(void)
{
    g_autoptr(GByteArray) bytes = sample();
    g_autoptr(GError) error = NULL;
    g_autofree char *text = read_stream(bytes->data, bytes->len, &error);

    g_assert_no_error(error);
    g_assert_nonnull(strstr(text, "config {'machine': <'pc'>}\n"));
    g_assert_nonnull(strstr(text, "ram 10 "));
    g_assert_nonnull(strstr(text, "section /machine/chip (uv) (1, <{'a': <5>}>)\n"));
    g_assert_nonnull(strstr(text, "section cpu/0 at [7, 8]\n"));
}

/* A pipe or file may hold more behind it, which is not touched. */
static void bytes_behind_the_end_are_left_alone(void)
{
    g_autoptr(GByteArray) bytes = sample();
    guint length = bytes->len;
    MigrationChannel *channel;
    g_autoptr(GString) text = g_string_new(NULL);
    char rest[4];

    g_byte_array_append(bytes, (const guint8 *)"rest", 4);
    int fd = file_with(bytes->data, bytes->len);
    channel = channel_new(dup(fd), "test", 0);
    g_assert_true(stream_read(channel, &notes, text, NULL));
    g_assert_cmpuint(channel_transferred(channel), ==, length);
    g_assert_cmpint(read(fd, rest, sizeof(rest)), ==, 4);
    g_assert_cmpmem(rest, 4, "rest", 4);
    channel_free(channel);
    close(fd);
}

static void every_wrong_byte_is_found(void)
{
    g_autoptr(GByteArray) bytes = sample();

    for (guint at = 0; at < bytes->len; at++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            bytes->data[at] ^= (guint8)(1u << bit);
            assert_refused(bytes->data, bytes->len, "test: ");
            bytes->data[at] ^= (guint8)(1u << bit);
        }
    }
}

static void every_cut_is_found(void)
{
    g_autoptr(GByteArray) bytes = sample();

    assert_refused(bytes->data, 0, "the stream is empty");
    for (guint length = 1; length < bytes->len; length++) {
        assert_refused(bytes->data, length, "the stream is cut off");
    }
}

/* ---- records that no writer writes ---- */

static void append_preamble(GByteArray *bytes)
{
    StreamPreamble preamble = {.version = STREAM_VERSION};

    memcpy(preamble.magic, STREAM_MAGIC, sizeof(preamble.magic));
    g_byte_array_append(bytes, (const guint8 *)&preamble, sizeof(preamble));
}

static void append_record(GByteArray *bytes, uint32_t kind, uint64_t said_length,
                          const void *payload, size_t length)
{
    RecordHeader header = {.kind = kind, .length = said_length};

    header.payload_sum = (uint32_t)crc32_z(0, payload, length);
    header.header_sum =
        (uint32_t)crc32_z(0, (const void *)&header, offsetof(RecordHeader, header_sum));
    g_byte_array_append(bytes, (const guint8 *)&header, sizeof(header));
    g_byte_array_append(bytes, payload, (guint)length);
}

static GByteArray *with_config(void)
{
    GByteArray *bytes = g_byte_array_new();

    append_preamble(bytes);
    append_record(bytes, RECORD_CONFIG, 0, "", 0); /* the empty dictionary */
    return bytes;
}

static void lengths_beyond_a_kind_are_refused_before_memory_is_taken(void)
{
    static const uint64_t lengths[RECORD_KINDS] = {
        [RECORD_RAM] = RAM_LENGTH_MAX + 1,
        [RECORD_SECTION] = UINT64_MAX,
        [RECORD_END] = sizeof(StreamEnd) + 1,
    };

    for (uint32_t kind = RECORD_RAM; kind < RECORD_KINDS; kind++) {
        g_autoptr(GByteArray) bytes = with_config();

        append_record(bytes, kind, lengths[kind], "", 0);
        assert_refused(bytes->data, bytes->len, " record of ");
    }
}

static void long_record_without_its_bytes_takes_little_memory(void)
{
    g_autoptr(GByteArray) bytes = with_config();

    append_record(bytes, RECORD_SECTION, SECTION_LENGTH_MAX, "x", 1);
    assert_refused(bytes->data, bytes->len, "cut off");
}

static void records_out_of_order_are_refused(void)
{
    static const uint32_t orders[][3] = {
        {RECORD_RAM},
        {RECORD_END},
        {RECORD_CONFIG, RECORD_CONFIG},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(orders); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();

        append_preamble(bytes);
        for (unsigned j = 0; j < 3 && orders[i][j]; j++) {
            append_record(bytes, orders[i][j], 0, "", 0);
        }
        assert_refused(bytes->data, bytes->len, "at the wrong place");
    }
}

static void memory_behind_devices_is_refused(void)
{
    g_autoptr(GByteArray) bytes = sample();

    g_byte_array_set_size(bytes, bytes->len - (guint)(sizeof(RecordHeader) + sizeof(StreamEnd)));
    append_record(bytes, RECORD_RAM, 1, "x", 1);
    assert_refused(bytes->data, bytes->len, "RAM record at the wrong place");
}

static void append_section(GByteArray *bytes, const char *path, const char *type, const void *data,
                           size_t length)
{
    SectionHeader header = {.path_length = (uint16_t)strlen(path),
                            .type_length = (uint16_t)strlen(type)};
    g_autoptr(GByteArray) payload = g_byte_array_new();

    g_byte_array_append(payload, (const guint8 *)&header, sizeof(header));
    g_byte_array_append(payload, (const guint8 *)path, header.path_length);
    g_byte_array_append(payload, (const guint8 *)type, header.type_length);
    g_byte_array_append(payload, (const guint8 *)"\0\0\0\0\0\0\0", -payload->len % 8);
    g_byte_array_append(payload, data, (guint)length);
    append_record(bytes, RECORD_SECTION, payload->len, payload->data, payload->len);
}

static void sections_that_are_no_values_are_refused(void)
{
    g_autofree char *deep = g_strnfill(200, 'a');
    const struct {
        const char *path, *type, *data;
        size_t length;
    } rows[] = {
        {"", "u", "\1\0\0\0", 4},      {"/a", "", "", 0},        {"/a", "*", "x", 1},
        {"/a", "r", "x", 1},           {"/a", "uu", "x", 1},     {"/a", "u", "\1\0\0", 3},
        {"/a", "s", "no end", 6},      {"/a", "b", "\2", 1},     {"/\xff", "u", "\1\0\0\0", 4},
        {"/a", "as", "abc\0\xff", 5},  {"/a", "v", "\1\0uu", 4}, {"/a", deep, "", 0},
        {"/a", "o", "not a path", 11},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = with_config();

        append_section(bytes, rows[i].path, rows[i].type, rows[i].data, rows[i].length);
        assert_refused(bytes->data, bytes->len, "cannot be read");
    }
}

static void section_shorter_than_its_names_is_refused(void)
{
    SectionHeader header = {.path_length = 1000, .type_length = 1000};

    for (size_t length = 0; length <= sizeof(header); length++) {
        g_autoptr(GByteArray) bytes = with_config();

        append_record(bytes, RECORD_SECTION, length, &header, length);
        assert_refused(bytes->data, bytes->len, "cannot be read");
    }
}

static void records_that_were_taken_out_are_missed(void)
{
    g_autoptr(GByteArray) bytes = with_config();
    StreamEnd end = {.records = 2};

    append_record(bytes, RECORD_END, sizeof(end), &end, sizeof(end));
    assert_refused(bytes->data, bytes->len, "lacks records");
}

/* ---- memory ---- */

static RamBlock *block_new(const char *name)
{
    RamBlockConfig config = {.name = name, .size = RAM_PAGES * RAM_PAGE_SIZE};

    return ram_block_new(&config, NULL);
}

static uint8_t *page_of(RamBlock *block, unsigned page)
{
    return (uint8_t *)ram_block_host(block) + page * RAM_PAGE_SIZE;
}

static bool ignore_config(void *opaque, GVariant *config, GError **error)
{
    return true;
}

static bool put_ram(void *opaque, const uint8_t *runs, size_t length, GError **error)
{
    return ram_receive(opaque, runs, length, error);
}

static const StreamSink memory_sink = {ignore_config, put_ram, note_section};

static void pages_come_back_with_what_was_written_last(void)
{
    RamBlock *blocks[] = {block_new("one"), block_new("two")};
    int fd = memfd_create("stream", MFD_CLOEXEC);
    MigrationChannel *channel = channel_new(dup(fd), "test", 0);
    g_autoptr(GVariant) layout = NULL;
    RamReceiver receiver = {0};
    RamDirtyLog *log;
    RamSender sender;
    StreamWriter writer;

    memset(page_of(blocks[0], 3), 0x11, 3 * RAM_PAGE_SIZE);
    memset(page_of(blocks[1], 31), 0x22, RAM_PAGE_SIZE);
    log = ram_dirty_log_start();
    g_assert_cmpuint(ram_dirty_log_count(log), ==, 2 * RAM_PAGES);
    ram_sender_init(&sender, log, &writer);
    layout = g_variant_ref_sink(ram_layout(log));
    g_assert_true(stream_begin(&writer, channel, g_variant_new("a{sv}", NULL), NULL));
    g_assert_true(ram_send_written(&sender, NULL));
    g_assert_cmpuint(ram_dirty_log_count(log), ==, 0);
    g_assert_cmpuint(sender.normal, ==, 4);
    g_assert_cmpuint(sender.zeros, ==, 2 * RAM_PAGES - 4);
    /* the second pass: a page that turned zero, one that turned up */
    memset(page_of(blocks[0], 4), 0, RAM_PAGE_SIZE);
    ram_dirty_mark(page_of(blocks[0], 4) + 100, 1);
    page_of(blocks[1], 0)[RAM_PAGE_SIZE - 1] = 0x33;
    ram_dirty_mark(page_of(blocks[1], 0) + RAM_PAGE_SIZE - 1, 2);
    g_assert_cmpuint(ram_dirty_log_count(log), ==, 3);
    g_assert_true(ram_send_written(&sender, NULL));
    g_assert_true(stream_end(&writer, NULL));
    ram_sender_clear(&sender);
    ram_dirty_log_stop(log);
    channel_free(channel);
    for (unsigned i = 0; i < 2; i++) {
        memset(page_of(blocks[i], 0), 0x77, RAM_PAGES * RAM_PAGE_SIZE);
    }
    lseek(fd, 0, SEEK_SET);
    channel = channel_new(fd, "test", 0);
    g_assert_true(ram_receiver_init(&receiver, layout, NULL));
    g_assert_true(stream_read(channel, &memory_sink, &receiver, NULL));
    g_assert_cmphex(page_of(blocks[0], 2)[0], ==, 0);
    g_assert_cmphex(page_of(blocks[0], 3)[0], ==, 0x11);
    g_assert_cmphex(page_of(blocks[0], 4)[100], ==, 0);
    g_assert_cmphex(page_of(blocks[0], 5)[RAM_PAGE_SIZE - 1], ==, 0x11);
    g_assert_cmphex(page_of(blocks[1], 0)[RAM_PAGE_SIZE - 1], ==, 0x33);
    g_assert_cmphex(page_of(blocks[1], 31)[7], ==, 0x22);
    ram_receiver_clear(&receiver);
    channel_free(channel);
    ram_block_unref(blocks[0]);
    ram_block_unref(blocks[1]);
}

static void runs_outside_memory_are_refused(void)
{
    const struct {
        RamRun run;
        size_t data;
    } rows[] = {
        {{1, 1 | RUN_ZERO, 0}, 0},
        {{0, RUN_ZERO, 0}, 0},
        {{0, 0, 0}, 0},
        {{0, RAM_PAGES + 1, 0}, (RAM_PAGES + 1) * RAM_PAGE_SIZE},
        {{0, 1 | RUN_ZERO, RAM_PAGES}, 0},
        {{0, 2 | RUN_ZERO, RAM_PAGES - 1}, 0},
        {{0, 1 | RUN_ZERO, UINT64_MAX}, 0},
        {{0, 0x7fffffff | RUN_ZERO, 1}, 0},
        {{0, 1, 0}, RAM_PAGE_SIZE - 1},
        {{0, 2, 0}, RAM_PAGE_SIZE},
    };
    RamBlock *block = block_new("one");
    g_autoptr(GVariant) layout = g_variant_ref_sink(
        g_variant_new_parsed("[('one', uint64 %t)]", (guint64)(RAM_PAGES * RAM_PAGE_SIZE)));
    RamReceiver receiver = {0};

    g_assert_true(ram_receiver_init(&receiver, layout, NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree uint8_t *bytes = g_malloc0(sizeof(RamRun) + rows[i].data);

        memcpy(bytes, &rows[i].run, sizeof(RamRun));
        g_assert_false(ram_receive(&receiver, bytes, sizeof(RamRun) + rows[i].data, NULL));
    }
    g_assert_false(ram_receive(&receiver, (const uint8_t *)"short", 5, NULL));
    ram_receiver_clear(&receiver);
    ram_block_unref(block);
}

static void assert_layout_refused(const char *text, const char *words)
{
    g_autoptr(GVariant) layout = g_variant_ref_sink(g_variant_new_parsed(text));
    g_autoptr(GError) error = NULL;
    RamReceiver receiver = {0};

    g_assert_false(ram_receiver_init(&receiver, layout, &error));
    g_assert_nonnull(strstr(error->message, words));
    ram_receiver_clear(&receiver);
}

static void memory_of_another_machine_is_refused(void)
{
    RamBlock *first = block_new("one"), *second = block_new("one");

    assert_layout_refused("[('two', uint64 131072)]", "which this machine lacks");
    assert_layout_refused("[('one', uint64 131071)]",
                          "131071 bytes of memory 'one', this machine has 131072 bytes");
    assert_layout_refused("[('one', uint64 131072)]", "1 pieces of memory, this machine has 2");
    assert_layout_refused("[('one', uint64 131072), ('one', 131072), ('one', 131072)]",
                          "which this machine lacks");
    ram_block_unref(first);
    ram_block_unref(second);
}

/* ---- the log ---- */

static void accelerators_bits_reach_the_right_pages(void)
{
    RamBlock *block = block_new("one");
    RamDirtyLog *log = ram_dirty_log_start();
    const uint64_t bits = 0x8001;

    ram_dirty_log_take(log, 0, 0);
    ram_dirty_merge(page_of(block, 8), &bits, 16);
    g_assert_cmphex(ram_dirty_log_take(log, 0, 0), ==, 0x800100);
    ram_dirty_merge(page_of(block, 8), &bits, 15);
    g_assert_cmphex(ram_dirty_log_take(log, 0, 0), ==, 0x100);
    ram_dirty_mark(page_of(block, 30), UINT32_MAX); /* no further than the block */
    g_assert_cmphex(ram_dirty_log_take(log, 0, 0), ==, 0xc0000000);
    ram_dirty_mark(&bits, sizeof(bits)); /* no guest's memory */
    g_assert_cmpuint(ram_dirty_log_count(log), ==, 0);
    g_assert_true(ram_block_discard(block, 2 * RAM_PAGE_SIZE, RAM_PAGE_SIZE));
    g_assert_cmphex(ram_dirty_log_take(log, 0, 0), ==, 0x4);
    ram_dirty_log_stop(log);
    ram_dirty_mark(page_of(block, 0), 1);
    ram_block_unref(block);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/migration-stream/round-trip", what_is_written_is_read);
    g_test_add_func("/migration-stream/behind-the-end", bytes_behind_the_end_are_left_alone);
    g_test_add_func("/migration-stream/wrong-bytes", every_wrong_byte_is_found);
    g_test_add_func("/migration-stream/cuts", every_cut_is_found);
    g_test_add_func("/migration-stream/lengths",
                    lengths_beyond_a_kind_are_refused_before_memory_is_taken);
    g_test_add_func("/migration-stream/long-and-cut",
                    long_record_without_its_bytes_takes_little_memory);
    g_test_add_func("/migration-stream/order", records_out_of_order_are_refused);
    g_test_add_func("/migration-stream/memory-after-devices", memory_behind_devices_is_refused);
    g_test_add_func("/migration-stream/values", sections_that_are_no_values_are_refused);
    g_test_add_func("/migration-stream/names", section_shorter_than_its_names_is_refused);
    g_test_add_func("/migration-stream/missing-records", records_that_were_taken_out_are_missed);
    g_test_add_func("/migration-stream/memory", pages_come_back_with_what_was_written_last);
    g_test_add_func("/migration-stream/runs", runs_outside_memory_are_refused);
    g_test_add_func("/migration-stream/layout", memory_of_another_machine_is_refused);
    g_test_add_func("/migration-stream/log", accelerators_bits_reach_the_right_pages);
    return g_test_run();
}
