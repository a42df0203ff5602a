/*
 * fw_cfg: ports, directory, DMA with its error bit, handlers, saved state, user entries.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tests/unit/pc-fixture.h"

#define DESCRIPTOR 0x1000u
#define DMA_ERROR  1u
#define DMA_READ   2u
#define DMA_SKIP   4u
#define DMA_SELECT 8u
#define DMA_WRITE  16u

static GBytes *text(const char *content)
{
    return g_bytes_new(content, strlen(content));
}

static void add_file(const char *name, const char *content)
{
    g_autoptr(GBytes) bytes = text(content);

    g_assert_true(fw_cfg_add_file(platform.fw_cfg, name, bytes, NULL));
}

/* Runs one descriptor; its control word afterwards. */
static uint32_t dma_at(uint64_t descriptor, uint32_t control, uint32_t length, uint64_t address)
{
    uint8_t raw[16];

    store_be32(raw, control);
    store_be32(raw + 4, length);
    store_be64(raw + 8, address);
    address_space_write(machine_memory(machine), descriptor, raw, sizeof(raw));
    out_port(FW_CFG_PORT_DMA, GUINT32_TO_BE(descriptor >> 32), 4);
    out_port(FW_CFG_PORT_DMA + 4, GUINT32_TO_BE((uint32_t)descriptor), 4);
    address_space_read(machine_memory(machine), descriptor, raw, 4);
    return load_be32(raw);
}

static uint32_t dma(uint32_t control, uint32_t length, uint64_t address)
{
    return dma_at(DESCRIPTOR, control, length, address);
}

static void ports_read_items_and_zeros_after_their_end(void)
{
    uint8_t data[6];

    pc_setup();
    fw_cfg_read_key(FW_CFG_SIGNATURE, data, 6);
    g_assert_cmpmem(data, 6, "QEMU\0\0", 6);
    fw_cfg_read_key(FW_CFG_ID, data, 4);
    g_assert_cmphex(load_le32(data), ==, 3);
    fw_cfg_add_u16(platform.fw_cfg, FW_CFG_NB_CPUS, 0x1234);
    fw_cfg_read_key(FW_CFG_NB_CPUS | 0x4000, data, 3); /* the old write channel bit is ignored */
    g_assert_cmpmem(data, 3, "\x34\x12\0", 3);
    fw_cfg_read_key(0x7abc, data, 2); /* no such item */
    g_assert_cmpmem(data, 2, "\0\0", 2);
    /* A byte written is no selector. */
    outb(FW_CFG_PORT_SELECT, FW_CFG_SIGNATURE);
    g_assert_cmphex(inb(FW_CFG_PORT_DATA), ==, 0);
    pc_teardown();
}

static void directory_is_sorted_and_big_endian(void)
{
    uint8_t raw[4 + 3 * 64];

    pc_setup();
    add_file("opt/b", "two");
    add_file("etc/z", "z");
    add_file("opt/a", "");
    fw_cfg_read_key(FW_CFG_FILE_DIR, raw, sizeof(raw));
    g_assert_cmpuint(load_be32(raw), ==, 3);
    g_assert_cmpstr((char *)raw + 4 + 8, ==, "etc/z");
    g_assert_cmpstr((char *)raw + 4 + 64 + 8, ==, "opt/a");
    g_assert_cmpstr((char *)raw + 4 + 128 + 8, ==, "opt/b");
    g_assert_cmpuint(load_be32(raw + 4), ==, 1);
    g_assert_cmpuint(load_be32(raw + 4 + 64), ==, 0);
    g_assert_cmphex(load_be16(raw + 4 + 128 + 4), ==, FW_CFG_FILE_FIRST);
    pc_teardown();
}

static void names_are_checked(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = text("x");
    char longest[FW_CFG_NAME_LENGTH + 1];

    pc_setup();
    memset(longest, 'n', sizeof(longest));
    longest[FW_CFG_NAME_LENGTH] = '\0';
    g_assert_false(fw_cfg_add_file(platform.fw_cfg, longest, bytes, &error));
    g_assert_nonnull(strstr(error->message, "too long"));
    g_clear_error(&error);
    longest[FW_CFG_NAME_LENGTH - 1] = '\0';
    g_assert_true(fw_cfg_add_file(platform.fw_cfg, longest, bytes, NULL));
    g_assert_false(fw_cfg_add_file(platform.fw_cfg, longest, bytes, &error));
    g_assert_nonnull(strstr(error->message, "duplicate"));
    g_clear_error(&error);
    g_assert_false(fw_cfg_add_file(platform.fw_cfg, "", bytes, &error));
    g_clear_error(&error);
    for (unsigned i = 1; i < FW_CFG_MAX_FILES; i++) {
        g_autofree char *name = g_strdup_printf("opt/%u", i);

        g_assert_true(fw_cfg_add_file(platform.fw_cfg, name, bytes, NULL));
    }
    g_assert_false(fw_cfg_add_file(platform.fw_cfg, "opt/more", bytes, &error));
    pc_teardown();
}

static void dma_port_shows_its_signature(void)
{
    pc_setup();
    g_assert_cmphex(in_port(FW_CFG_PORT_DMA, 4), ==, 0x554d4551);
    g_assert_cmphex(in_port(FW_CFG_PORT_DMA + 4, 4), ==, 0x47464320);
    g_assert_cmphex(inb(FW_CFG_PORT_DMA + 5), ==, 'C');
    pc_teardown();
}

static void dma_reads_skips_and_pads(void)
{
    uint8_t data[12];
    uint32_t size;
    uint16_t key;

    pc_setup();
    add_file("opt/digits", "0123456789");
    key = fw_cfg_find("opt/digits", &size);
    g_assert_cmphex(dma(key << 16 | DMA_SELECT | DMA_READ, 3, 0x2000), ==, 0);
    g_assert_cmphex(dma(DMA_SKIP, 2, 0), ==, 0);
    address_space_fill(machine_memory(machine), 0x2003, 0xee, 9);
    g_assert_cmphex(dma(DMA_READ, 8, 0x2003), ==, 0);
    read_guest(0x2000, data, sizeof(data));
    g_assert_cmpmem(data, 12, "01256789\0\0\0\xee", 12);
    /* Ports and DMA share the position. */
    dma(key << 16 | DMA_SELECT, 0, 0);
    dma(DMA_SKIP, 9, 0);
    g_assert_cmphex(inb(FW_CFG_PORT_DATA), ==, '9');
    /* A skip past everything stays there. */
    dma(DMA_SKIP, UINT32_MAX, 0);
    dma(DMA_SKIP, UINT32_MAX, 0);
    g_assert_cmphex(inb(FW_CFG_PORT_DATA), ==, 0);
    pc_teardown();
}

static void dma_to_nowhere_sets_the_error_bit(void)
{
    uint32_t size;
    uint16_t key;

    pc_setup();
    add_file("opt/x", "xx");
    key = fw_cfg_find("opt/x", &size);
    g_assert_cmphex(dma(key << 16 | DMA_SELECT | DMA_READ, 2, PC_RAM + MiB), ==, DMA_ERROR);
    g_assert_cmphex(dma(DMA_READ, 16, PC_RAM - 8), ==, DMA_ERROR);
    g_assert_cmphex(dma(DMA_READ, 16, UINT64_MAX - 8), ==, DMA_ERROR);
    /* More zeros than an item could be meant to have. */
    g_assert_cmphex(dma(DMA_READ, UINT32_MAX, 0), ==, DMA_ERROR);
    /* Reading into ROM or a chip is no way around its rules either. */
    g_assert_cmphex(dma(DMA_READ, 2, 0xfec00000), ==, DMA_ERROR);
    /* A descriptor outside of RAM does nothing at all. */
    dma_at(0xfffffff8u, DMA_READ, 2, 0x2000);
    dma_at(UINT64_MAX - 4, DMA_READ, 2, 0x2000);
    g_assert_cmphex(dma(DMA_READ, 2, 0x2000), ==, 0);
    pc_teardown();
}

static unsigned selections, writes;
static uint32_t written_offset, written_length;

static void count_selection(void *opaque)
{
    g_autoptr(GBytes) bytes = text(++selections == 1 ? "first" : "later");

    fw_cfg_modify_file(platform.fw_cfg, opaque, bytes);
}

static void record_write(void *opaque, const uint8_t *data, uint32_t offset, uint32_t length)
{
    writes++;
    written_offset = offset;
    written_length = length;
}

static void writes_reach_only_writable_items(void)
{
    g_autoptr(GBytes) zeros = g_bytes_new_static("\0\0\0\0\0\0\0\0", 8);
    uint8_t data[8];
    uint32_t size;
    uint16_t read_only, writable;

    pc_setup();
    writes = 0;
    add_file("opt/fixed", "constant");
    g_assert_true(fw_cfg_add_file_callback(platform.fw_cfg, "etc/vmgenid_addr", NULL, record_write,
                                           NULL, zeros, true, NULL));
    read_only = fw_cfg_find("opt/fixed", &size);
    writable = fw_cfg_find("etc/vmgenid_addr", &size);
    address_space_write(machine_memory(machine), 0x2000, "ABCDEFGH", 8);
    g_assert_cmphex(dma(read_only << 16 | DMA_SELECT | DMA_WRITE, 4, 0x2000), ==, DMA_ERROR);
    g_assert_cmphex(dma(0x77u << 16 | DMA_SELECT | DMA_WRITE, 4, 0x2000), ==, DMA_ERROR);
    g_assert_cmphex(dma(writable << 16 | DMA_SELECT | DMA_WRITE, 9, 0x2000), ==, DMA_ERROR);
    g_assert_cmpuint(writes, ==, 0);
    dma(writable << 16 | DMA_SELECT, 0, 0);
    dma(DMA_SKIP, 2, 0);
    g_assert_cmphex(dma(DMA_WRITE, 4, 0x2000), ==, 0);
    g_assert_cmpuint(writes, ==, 1);
    g_assert_cmpuint(written_offset, ==, 2);
    g_assert_cmpuint(written_length, ==, 4);
    fw_cfg_read_key(writable, data, 8);
    g_assert_cmpmem(data, 8, "\0\0ABCD\0\0", 8);
    /* What the guest wrote goes with a saved machine. */
    {
        g_autoptr(GVariant) saved = g_variant_ref_sink(device_save(HW_DEVICE(platform.fw_cfg)));

        dma(writable << 16 | DMA_SELECT | DMA_WRITE, 8, 0x2000);
        g_assert_true(device_load(HW_DEVICE(platform.fw_cfg), saved, NULL));
    }
    fw_cfg_read_key(writable, data, 8);
    g_assert_cmpmem(data, 8, "\0\0ABCD\0\0", 8);
    pc_teardown();
}

static void selection_remakes_an_item(void)
{
    g_autoptr(GBytes) nothing = g_bytes_new(NULL, 0);
    uint8_t data[5];
    uint32_t size;
    uint16_t key;

    pc_setup();
    selections = 0;
    g_assert_true(fw_cfg_add_file_callback(platform.fw_cfg, "etc/acpi/x", count_selection, NULL,
                                           (void *)"etc/acpi/x", nothing, false, NULL));
    key = fw_cfg_find("etc/acpi/x", &size);
    g_assert_cmpuint(size, ==, 0);
    fw_cfg_read_key(key, data, 5);
    g_assert_cmpmem(data, 5, "first", 5);
    fw_cfg_find("etc/acpi/x", &size);
    g_assert_cmpuint(size, ==, 5);
    fw_cfg_read_key(key, data, 5);
    g_assert_cmpmem(data, 5, "later", 5);
    pc_teardown();
}

static void reset_and_saved_state(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) foreign = g_variant_ref_sink(g_variant_new_string("nonsense"));
    Device *device;

    pc_setup();
    device = HW_DEVICE(platform.fw_cfg);
    out_port(FW_CFG_PORT_SELECT, FW_CFG_ID, 2);
    device_reset(device);
    g_assert_cmphex(inb(FW_CFG_PORT_DATA), ==, 'Q');
    {
        g_autoptr(GVariant) saved = g_variant_ref_sink(device_save(device));

        g_assert_cmphex(inb(FW_CFG_PORT_DATA), ==, 'E');
        g_assert_true(device_load(device, saved, NULL));
        g_assert_cmphex(inb(FW_CFG_PORT_DATA), ==, 'E');
    }
    check_round_trip(device);
    g_assert_false(device_load(device, foreign, &error));
    g_assert_nonnull(error);
    pc_teardown();
}

static void user_entry(const char *json, const char *expected_error)
{
    g_autoptr(JsonNode) node = json_from_string(json, NULL);
    g_autoptr(GError) error = NULL;
    bool good = fw_cfg_add_user_entry(platform.fw_cfg, json_node_get_object(node), &error);

    if (expected_error) {
        g_assert_false(good);
        g_assert_cmpstr(error->message, ==, expected_error);
    } else {
        g_assert_no_error(error);
    }
}

static void user_entries_are_files(void)
{
    g_autofree char *path = NULL, *json = NULL;
    g_autofree uint8_t *data = NULL;
    uint32_t size;

    pc_setup();
    path = make_file("content", "\0\1\2", 3);
    json = g_strdup_printf("{\"name\": \"opt/org/file\", \"file\": \"%s\"}", path);
    user_entry("{\"name\": \"opt/org/text\", \"string\": \"hello\"}", NULL);
    user_entry(json, NULL);
    data = fw_cfg_file("opt/org/text", &size);
    g_assert_cmpmem(data, size, "hello", 5);
    g_free(data);
    data = fw_cfg_file("opt/org/file", &size);
    g_assert_cmpmem(data, size, "\0\1\2", 3);
    user_entry("{\"name\": \"opt/x\"}",
               "-fw_cfg name=opt/x: exactly one of file= and string= is needed");
    user_entry("{\"string\": \"x\"}", "-fw_cfg: name= is missing");
    user_entry("{\"name\": \"opt/x\", \"string\": \"a\", \"bogus\": \"1\"}",
               "-fw_cfg: Invalid parameter 'bogus'");
    user_entry("{\"name\": \"opt/org/text\", \"string\": \"again\"}",
               "-fw_cfg name=opt/org/text: duplicate fw_cfg file name: opt/org/text");
    pc_teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/fw-cfg/ports-read-items-and-zeros-after-their-end",
                    ports_read_items_and_zeros_after_their_end);
    g_test_add_func("/fw-cfg/directory-is-sorted-and-big-endian",
                    directory_is_sorted_and_big_endian);
    g_test_add_func("/fw-cfg/names-are-checked", names_are_checked);
    g_test_add_func("/fw-cfg/dma-port-shows-its-signature", dma_port_shows_its_signature);
    g_test_add_func("/fw-cfg/dma-reads-skips-and-pads", dma_reads_skips_and_pads);
    g_test_add_func("/fw-cfg/dma-to-nowhere-sets-the-error-bit", dma_to_nowhere_sets_the_error_bit);
    g_test_add_func("/fw-cfg/writes-reach-only-writable-items", writes_reach_only_writable_items);
    g_test_add_func("/fw-cfg/selection-remakes-an-item", selection_remakes_an_item);
    g_test_add_func("/fw-cfg/reset-and-saved-state", reset_and_saved_state);
    g_test_add_func("/fw-cfg/user-entries-are-files", user_entries_are_files);
    return g_test_run();
}
