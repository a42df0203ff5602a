/*
 * SMBIOS: structures, entry points, -smbios overrides.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/acpi_tables.h"
#include "hw/i386/smbios.h"
#include "tests/unit/pc-fixture.h"

static GPtrArray *entries;
static GPtrArray *nodes;

static void option(const char *json)
{
    JsonNode *node = json_from_string(json, NULL);

    g_assert_nonnull(node);
    g_ptr_array_add(nodes, node);
    g_ptr_array_add(entries, json_node_get_object(node));
}

static void setup(void)
{
    pc_setup();
    nodes = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
    entries = g_ptr_array_new();
    machine_config(machine)->smbios_entries = entries;
}

static void teardown(void)
{
    machine_config(machine)->smbios_entries = NULL;
    g_ptr_array_unref(entries);
    g_ptr_array_unref(nodes);
    pc_teardown();
}

/* The @n-th structure of @type, NULL if there are fewer. Every structure is walked, as dmidecode
 * does. */
static const uint8_t *find(const SmbiosTables *tables, uint8_t type, unsigned n)
{
    const uint8_t *data = tables->structures->data, *end = data + tables->structures->len;

    while (data < end) {
        const uint8_t *next = data + data[1];

        while (next[0] || next[1]) {
            next++;
        }
        next += 2;
        g_assert_true(next <= end);
        if (data[0] == type && n-- == 0) {
            return data;
        }
        data = next;
    }
    return NULL;
}

/* The text of the string whose number is at @offset of @structure. */
static const char *string_at(const uint8_t *structure, unsigned offset)
{
    const char *text = (const char *)structure + structure[1];
    unsigned number = structure[offset];

    g_assert_cmpuint(offset, <, structure[1]);
    if (number == 0) {
        return "";
    }
    while (--number) {
        text += strlen(text) + 1;
    }
    return text;
}

static void entry_point_21_is_valid(void)
{
    g_autoptr(SmbiosTables) tables = NULL;
    unsigned count = 0;

    setup();
    tables = smbios_tables_new(&platform, true, NULL);
    smbios_tables_place(tables, 0xf0080);
    g_assert_cmpmem(tables->entry, 4, "_SM_", 4);
    g_assert_cmpuint(tables->entry_size, ==, 31);
    g_assert_cmpuint(acpi_checksum(tables->entry, 31), ==, 0);
    g_assert_cmpuint(acpi_checksum(tables->entry + 16, 15), ==, 0);
    g_assert_cmpuint(load_le16(tables->entry + 22), ==, tables->structures->len);
    g_assert_cmphex(load_le32(tables->entry + 24), ==, 0xf0080);
    for (unsigned type = 0; type < 128; type++) {
        for (unsigned n = 0; find(tables, type, n); n++) {
            count++;
        }
    }
    g_assert_cmpuint(load_le16(tables->entry + 28), ==, count);
    g_assert_nonnull(find(tables, 127, 0));
    teardown();
}

static void entry_point_30_is_valid(void)
{
    g_autoptr(SmbiosTables) tables = NULL;

    setup();
    platform.smbios_64 = true;
    tables = smbios_tables_new(&platform, true, NULL);
    smbios_tables_place(tables, 0xf0080);
    g_assert_cmpmem(tables->entry, 5, "_SM3_", 5);
    g_assert_cmpuint(tables->entry_size, ==, 24);
    g_assert_cmpuint(acpi_checksum(tables->entry, 24), ==, 0);
    g_assert_cmphex(load_le64(tables->entry + 16), ==, 0xf0080);
    g_assert_cmpuint(find(tables, 4, 0)[1], ==, 48);
    teardown();
}

static void bios_information_only_without_firmware(void)
{
    g_autoptr(SmbiosTables) with = NULL;
    g_autoptr(SmbiosTables) without = NULL;

    setup();
    with = smbios_tables_new(&platform, true, NULL);
    without = smbios_tables_new(&platform, false, NULL);
    g_assert_nonnull(find(with, 0, 0));
    g_assert_cmpuint(find(with, 0, 0)[1], ==, 24);
    g_assert_null(find(without, 0, 0));
    teardown();
}

static void system_information_has_name_and_uuid(void)
{
    static const uint8_t uuid[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    g_autoptr(SmbiosTables) tables = NULL;
    const uint8_t *system;

    setup();
    memcpy(machine_config(machine)->uuid, uuid, sizeof(uuid));
    tables = smbios_tables_new(&platform, false, NULL);
    system = find(tables, 1, 0);
    g_assert_cmpuint(system[1], ==, 27);
    g_assert_cmpstr(string_at(system, 4), ==, "QEMU");
    g_assert_cmpstr(string_at(system, 5), ==, "Standard PC (i440FX + PIIX, 1996)");
    g_assert_cmpstr(string_at(system, 6), ==, "pc-i440fx-8.2");
    /* The first three fields are little-endian. */
    g_assert_cmpmem(system + 8, 16,
                    "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff", 16);
    teardown();
}

static void options_override_strings(void)
{
    g_autoptr(SmbiosTables) tables = NULL;
    const uint8_t *structure;

    setup();
    option("{\"type\": \"0\", \"vendor\": \"V\", \"release\": \"4.17\", \"uefi\": \"on\"}");
    option("{\"type\": \"1\", \"manufacturer\": \"Ignored\"}");
    option("{\"type\": \"1\", \"manufacturer\": \"M\", \"serial\": \"S1\", \"family\": \"F\", "
           "\"uuid\": \"01020304-0506-0708-090a-0b0c0d0e0f10\"}");
    option("{\"type\": \"2\", \"product\": \"Board\"}");
    option("{\"type\": \"4\", \"max-speed\": \"4000\", \"sock_pfx\": \"S\"}");
    option("{\"type\": \"17\", \"speed\": \"3200\", \"bank\": \"B\"}");
    tables = smbios_tables_new(&platform, false, NULL);
    structure = find(tables, 0, 0);
    g_assert_cmpstr(string_at(structure, 4), ==, "V");
    g_assert_cmpuint(structure[0x13], ==, 0x1c);
    g_assert_cmpuint(structure[0x14], ==, 4);
    g_assert_cmpuint(structure[0x15], ==, 17);
    structure = find(tables, 1, 0);
    g_assert_cmpstr(string_at(structure, 4), ==, "M");
    g_assert_cmpstr(string_at(structure, 7), ==, "S1");
    g_assert_cmpstr(string_at(structure, 26), ==, "F");
    g_assert_cmphex(structure[8], ==, 0x04);
    structure = find(tables, 2, 0);
    g_assert_cmpuint(structure[1], ==, 15);
    g_assert_cmpstr(string_at(structure, 5), ==, "Board");
    structure = find(tables, 4, 0);
    g_assert_cmpuint(structure[1], ==, 42);
    g_assert_cmpstr(string_at(structure, 4), ==, "S 0");
    g_assert_cmpuint(load_le16(structure + 0x14), ==, 4000);
    structure = find(tables, 17, 0);
    g_assert_cmpuint(structure[1], ==, 40);
    g_assert_cmpuint(load_le16(structure + 0x15), ==, 3200);
    g_assert_cmpstr(string_at(structure, 0x11), ==, "B");
    teardown();
}

static void sockets_and_memory_follow_the_machine(void)
{
    g_autoptr(SmbiosTables) tables = NULL;
    const uint8_t *structure;

    setup();
    machine_config(machine)->smp = (SmpConfig){8, 8, 2, 1, 2, 2};
    platform.ram_below_4g = 3 * GiB;
    platform.ram_above_4g = 37 * GiB;
    tables = smbios_tables_new(&platform, false, NULL);
    g_assert_nonnull(find(tables, 4, 1));
    g_assert_null(find(tables, 4, 2));
    g_assert_cmpuint(find(tables, 4, 0)[0x23], ==, 2);
    g_assert_cmpuint(find(tables, 4, 0)[0x25], ==, 4);
    structure = find(tables, 16, 0);
    g_assert_cmpuint(structure[1], ==, 23);
    g_assert_cmpuint(load_le32(structure + 7), ==, 40 * GiB / KiB);
    g_assert_cmpuint(load_le16(structure + 13), ==, 3);
    g_assert_cmpuint(load_le16(find(tables, 17, 0) + 12), ==, 16384);
    g_assert_cmpuint(load_le16(find(tables, 17, 2) + 12), ==, 8192);
    structure = find(tables, 19, 1);
    g_assert_cmpuint(load_le32(structure + 4), ==, 4 * GiB / KiB);
    g_assert_cmpuint(load_le32(structure + 8), ==, 41 * GiB / KiB - 1);
    teardown();
}

static void oem_strings_and_files_are_taken(void)
{
    g_autofree char *strings = NULL, *structure = NULL, *from_file = NULL, *file = NULL;
    g_autoptr(SmbiosTables) tables = NULL;
    const uint8_t *oem;

    setup();
    strings = make_file("strings", "from a file\n", 12);
    structure = make_file("type3",
                          "\x03\x05\x34\x12\x01"
                          "Own chassis\0\0",
                          18);
    from_file = g_strdup_printf("{\"type\": \"11\", \"path\": \"%s\"}", strings);
    file = g_strdup_printf("{\"file\": \"%s\"}", structure);
    option("{\"type\": \"11\", \"value\": [\"one\", \"two\"]}");
    option("{\"type\": \"11\", \"value\": \"three\"}");
    option(from_file);
    option(file);
    tables = smbios_tables_new(&platform, false, NULL);
    oem = find(tables, 11, 0);
    g_assert_cmpuint(oem[4], ==, 4);
    g_assert_cmpmem(oem + 5, 27, "one\0two\0three\0from a file\0", 27);
    g_assert_cmpstr(string_at(find(tables, 3, 0), 4), ==, "Own chassis");
    g_assert_null(find(tables, 3, 1));
    teardown();
}

static void refused(const char *json, const char *expected)
{
    g_autoptr(SmbiosTables) tables = NULL;
    g_autoptr(GError) error = NULL;

    setup();
    option(json);
    tables = smbios_tables_new(&platform, false, &error);
    g_assert_null(tables);
    g_assert_nonnull(strstr(error->message, expected));
    teardown();
}

static void wrong_options_are_named(void)
{
    refused("{\"type\": \"0\", \"release\": \"4\"}", "release=4: Invalid BIOS release");
    refused("{\"type\": \"0\", \"release\": \"1.999\"}", "Invalid BIOS release");
    refused("{\"type\": \"1\", \"uuid\": \"xyz\"}", "uuid=xyz: Invalid UUID");
    refused("{\"type\": \"1\", \"bogus\": \"x\"}", "bogus");
    refused("{\"type\": \"99\", \"x\": \"y\"}", "type=99");
    refused("{\"type\": \"4\", \"max-speed\": \"100000\"}", "max-speed");
    refused("{\"file\": \"/nonexistent\"}", "/nonexistent");
    refused("{\"manufacturer\": \"x\"}", "one of type= and file=");
    refused("{\"type\": \"41\", \"pcidev\": \"nic9\"}", "No PCI device nic9");
}

static void broken_files_are_refused(void)
{
    static const struct {
        const char *data;
        size_t size;
    } files[] = {
        {"", 0},
        {"\x01", 1},
        {"\x01\xff\0\0\0\0", 6},
        {"\x01\x03\0\0\0\0", 6},
        {"\x01\x04\0\0x\0", 6},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = NULL, *json = NULL;
        g_autoptr(GError) error = NULL;

        setup();
        path = make_file("broken", files[i].data, files[i].size);
        json = g_strdup_printf("{\"file\": \"%s\"}", path);
        option(json);
        g_assert_null(smbios_tables_new(&platform, false, &error));
        g_assert_nonnull(strstr(error->message, "not an SMBIOS structure"));
        teardown();
    }
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/smbios/entry-point-21-is-valid", entry_point_21_is_valid);
    g_test_add_func("/smbios/entry-point-30-is-valid", entry_point_30_is_valid);
    g_test_add_func("/smbios/bios-information-only-without-firmware",
                    bios_information_only_without_firmware);
    g_test_add_func("/smbios/system-information-has-name-and-uuid",
                    system_information_has_name_and_uuid);
    g_test_add_func("/smbios/options-override-strings", options_override_strings);
    g_test_add_func("/smbios/sockets-and-memory-follow-the-machine",
                    sockets_and_memory_follow_the_machine);
    g_test_add_func("/smbios/oem-strings-and-files-are-taken", oem_strings_and_files_are_taken);
    g_test_add_func("/smbios/wrong-options-are-named", wrong_options_are_named);
    g_test_add_func("/smbios/broken-files-are-refused", broken_files_are_refused);
    return g_test_run();
}
