/*
 * ACPI tables: layout and checksums, iasl's opinion of the AML, the firmware's loader script,
 * -acpitable.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/acpi_aml.h"
#include "hw/i386/acpi_tables.h"
#include "tests/unit/pc-fixture.h"

#define BASE 0x3ff0000u

static const uint8_t *at(const AcpiTables *tables, uint32_t address)
{
    g_assert_cmphex(address, >=, BASE);
    g_assert_cmphex(address, <, BASE + tables->tables->len);
    return tables->tables->data + (address - BASE);
}

static const uint8_t *find(const AcpiTables *tables, const char *signature)
{
    const uint8_t *rsdt = at(tables, load_le32(tables->rsdp->data + 16));

    for (unsigned i = ACPI_HEADER_SIZE; i < load_le32(rsdt + 4); i += 4) {
        const uint8_t *table = at(tables, load_le32(rsdt + i));

        if (memcmp(table, signature, 4) == 0) {
            return table;
        }
    }
    return NULL;
}

static AcpiTables *placed(GPtrArray *user)
{
    AcpiTables *tables = acpi_tables_new(&platform, user);

    acpi_tables_place(tables, BASE);
    return tables;
}

static void every_table_is_found_and_sums_to_zero(void)
{
    static const char *const expected[] = {"FACP", "APIC", "WAET", "HPET"};
    g_autoptr(AcpiTables) tables = NULL;
    const uint8_t *rsdt, *xsdt, *fadt, *dsdt;

    pc_setup();
    tables = placed(NULL);
    g_assert_cmpmem(tables->rsdp->data, 8, "RSD PTR ", 8);
    g_assert_cmpuint(acpi_checksum(tables->rsdp->data, 20), ==, 0);
    g_assert_cmpuint(acpi_checksum(tables->rsdp->data, 36), ==, 0);
    rsdt = at(tables, load_le32(tables->rsdp->data + 16));
    xsdt = at(tables, load_le64(tables->rsdp->data + 24));
    g_assert_cmpmem(rsdt, 4, "RSDT", 4);
    g_assert_cmpmem(xsdt, 4, "XSDT", 4);
    g_assert_cmpuint(acpi_checksum(rsdt, load_le32(rsdt + 4)), ==, 0);
    g_assert_cmpuint(acpi_checksum(xsdt, load_le32(xsdt + 4)), ==, 0);
    g_assert_cmpuint(load_le32(rsdt + 4), ==, 36 + 4 * G_N_ELEMENTS(expected));
    g_assert_cmpuint(load_le32(xsdt + 4), ==, 36 + 8 * G_N_ELEMENTS(expected));
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        const uint8_t *table = at(tables, load_le32(rsdt + 36 + 4 * i));

        g_assert_cmpmem(table, 4, expected[i], 4);
        g_assert_cmpuint(acpi_checksum(table, load_le32(table + 4)), ==, 0);
        g_assert_cmphex(load_le64(xsdt + 36 + 8 * i), ==, load_le32(rsdt + 36 + 4 * i));
    }
    fadt = find(tables, "FACP");
    dsdt = at(tables, load_le32(fadt + 40));
    g_assert_cmpmem(dsdt, 4, "DSDT", 4);
    g_assert_cmphex(load_le64(fadt + 140), ==, load_le32(fadt + 40));
    g_assert_cmpuint(acpi_checksum(dsdt, load_le32(dsdt + 4)), ==, 0);
    g_assert_cmphex(load_le32(fadt + 36), ==, BASE);
    g_assert_cmpmem(at(tables, BASE), 4, "FACS", 4);
    pc_teardown();
}

static void fadt_names_the_piix4_ports(void)
{
    g_autoptr(AcpiTables) tables = NULL;
    const uint8_t *fadt;

    pc_setup();
    tables = placed(NULL);
    fadt = find(tables, "FACP");
    g_assert_cmpuint(load_le16(fadt + 46), ==, 9);
    g_assert_cmphex(load_le32(fadt + 48), ==, 0xb2);
    g_assert_cmphex(fadt[52], ==, 0xf1);
    g_assert_cmphex(fadt[53], ==, 0xf0);
    g_assert_cmphex(load_le32(fadt + 56), ==, 0x600);
    g_assert_cmphex(load_le32(fadt + 64), ==, 0x604);
    g_assert_cmphex(load_le32(fadt + 76), ==, 0x608);
    g_assert_cmphex(load_le32(fadt + 80), ==, 0xafe0);
    g_assert_cmphex(fadt[92], ==, 4);
    g_assert_cmphex(load_le64(fadt + 120), ==, 0xcf9);
    g_assert_cmphex(fadt[128], ==, 0x06);
    /* Both buttons are fixed hardware; no VGA; an 8042. */
    g_assert_cmphex(load_le32(fadt + 112) & 0x30, ==, 0);
    g_assert_cmphex(load_le16(fadt + 109), ==, 0x07);
    pc_teardown();
}

static void madt_lists_cpus_and_overrides(void)
{
    g_autoptr(AcpiTables) tables = NULL;
    const uint8_t *madt;
    unsigned lapics = 0, enabled = 0, x2apics = 0, overrides = 0, ioapics = 0, nmis = 0;

    pc_setup();
    machine_config(machine)->smp.cpus = 290;
    platform.max_cpus = 300;
    tables = placed(NULL);
    madt = find(tables, "APIC");
    g_assert_cmphex(load_le32(madt + 36), ==, 0xfee00000);
    for (uint32_t i = 44; i < load_le32(madt + 4); i += madt[i + 1]) {
        const uint8_t *entry = madt + i;

        g_assert_cmpuint(entry[1], >, 0);
        lapics += entry[0] == 0;
        enabled += entry[0] == 0 ? entry[4] : entry[0] == 9 ? entry[8] : 0;
        x2apics += entry[0] == 9;
        nmis += entry[0] == 4 || entry[0] == 10;
        if (entry[0] == 1) {
            ioapics++;
            g_assert_cmphex(load_le32(entry + 4), ==, 0xfec00000);
        } else if (entry[0] == 2) {
            overrides++;
            g_assert_cmphex(load_le32(entry + 4), ==, entry[3] == 0 ? 2 : entry[3]);
            g_assert_cmphex(load_le16(entry + 8), ==, entry[3] == 0 ? 0 : 0x0d);
        } else if (entry[0] == 9) {
            g_assert_cmpuint(load_le32(entry + 4), ==, 255 + x2apics - 1);
        }
    }
    g_assert_cmpuint(lapics, ==, 255);
    g_assert_cmpuint(x2apics, ==, 45);
    g_assert_cmpuint(enabled, ==, 290);
    g_assert_cmpuint(overrides, ==, 5);
    g_assert_cmpuint(ioapics, ==, 1);
    g_assert_cmpuint(nmis, ==, 2);
    pc_teardown();
}

static void run_iasl(const char *const *arguments)
{
    g_autoptr(GPtrArray) command = g_ptr_array_new();
    g_autofree char *output = NULL, *errors = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    g_ptr_array_add(command, (void *)"iasl");
    for (; *arguments; arguments++) {
        g_ptr_array_add(command, (void *)*arguments);
    }
    g_ptr_array_add(command, NULL);
    g_spawn_sync(fixture_folder, (char **)command->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                 &output, &errors, &status, &error);
    g_assert_no_error(error);
    if (!g_spawn_check_wait_status(status, NULL) || strstr(errors, "Could not") ||
        strstr(errors, "AE_") || strstr(errors, "Invalid")) {
        g_test_message("%s%s", output, errors);
        g_test_fail();
    }
}

/* Disassembles every table and compiles what came out; warnings are errors. */
static void check_with_iasl(void)
{
    static const char *const names[] = {"FACP", "APIC", "WAET", "HPET", "DSDT"};
    g_autoptr(AcpiTables) tables = placed(NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        const uint8_t *table = strcmp(names[i], "DSDT") == 0
                                   ? at(tables, load_le32(find(tables, "FACP") + 40))
                                   : find(tables, names[i]);
        g_autofree char *aml = g_strconcat(names[i], ".aml", NULL);
        g_autofree char *dsl = g_strconcat(names[i], ".dsl", NULL);
        g_autofree char *path = NULL;

        if (!table) {
            continue;
        }
        path = make_file(aml, table, load_le32(table + 4));
        run_iasl((const char *[]){"-vs", "-d", aml, NULL});
        /* 3168: Processor () is what guests older than ACPI 6 know. */
        run_iasl((const char *[]){"-vs", "-we", "-vw", "3168", dsl, NULL});
    }
}

static void iasl_accepts_a_small_machine(void)
{
    g_autofree char *iasl = g_find_program_in_path("iasl");

    if (!iasl) {
        g_test_skip("iasl is not installed");
        return;
    }
    pc_setup();
    check_with_iasl();
    pc_teardown();
}

static void iasl_accepts_a_large_machine(void)
{
    g_autofree char *iasl = g_find_program_in_path("iasl");

    if (!iasl) {
        g_test_skip("iasl is not installed");
        return;
    }
    pc_setup();
    machine_config(machine)->smp.cpus = 290;
    platform.max_cpus = 300;
    platform.ram_below_4g = 0xc0000000;
    platform.ram_above_4g = 61 * GiB;
    platform.serial_ports[2] = 0x3e8;
    platform.serial_irqs[2] = 4;
    platform.serial_ports[3] = 0x2e8;
    platform.serial_irqs[3] = 3;
    check_with_iasl();
    pc_teardown();
}

/* Whether @needle (@size bytes) is among the board's objects. */
static bool board_has(const void *needle, size_t size)
{
    g_autoptr(GByteArray) aml = acpi_board_aml(&platform);

    return memmem(aml->data, aml->len, needle, size) != NULL;
}

static void objects_follow_the_board(void)
{
    pc_setup();
    g_assert_true(board_has("COM1", 4));
    g_assert_true(board_has("COM2", 4));
    g_assert_false(board_has("COM3", 4));
    g_assert_true(board_has("HPET", 4));
    g_assert_true(board_has("PEVT", 4));
    g_assert_true(board_has("_S3_\x12\x06\x04\x01\x01\x00\x00", 11));
    g_assert_true(board_has("_S4_\x12\x08\x04\x0a\x02\x0a\x02\x00\x00", 13));
    g_assert_true(board_has("C000", 4));
    g_assert_false(board_has("C001", 4));
    platform.serial_ports[0] = 0;
    platform.hpet = platform.i8042 = false;
    platform.pvpanic_port = 0;
    platform.s3_disabled = platform.s4_disabled = true;
    g_assert_false(board_has("COM1", 4));
    g_assert_false(board_has("HPET", 4));
    g_assert_false(board_has("PEVT", 4));
    g_assert_false(board_has("KBD_", 4));
    g_assert_false(board_has("_S3_", 4));
    g_assert_false(board_has("_S4_", 4));
    g_assert_true(board_has("_S5_", 4));
    pc_teardown();
}

static void floppy_drives_are_described(void)
{
    static const uint8_t resources[] = {0x47, 0x01, 0xf2, 0x03, 0xf2, 0x03, 0x01, 0x04, 0x47, 0x01,
                                        0xf7, 0x03, 0xf7, 0x03, 0x01, 0x01, 0x22, 0x40, 0x00, 0x2a,
                                        0x04, 0x00, 0x79, 0x00};
    static const uint8_t none[20] = {[16] = 2}, second[20] = {[4] = 1, [16] = 2};

    pc_setup();
    g_assert_false(board_has("FDC0", 4));
    platform.floppy_controller = true;
    g_assert_true(board_has("FDC0", 4));
    g_assert_true(board_has(resources, sizeof(resources)));
    g_assert_true(board_has(none, sizeof(none)));
    g_assert_false(board_has("_FDI", 4));
    platform.floppy_present[1] = true;
    platform.floppies[1] = (FDCDriveInfo){4, 80, 2, 18};
    g_assert_true(board_has(second, sizeof(second)));
    g_assert_false(board_has("FLPA", 4));
    g_assert_true(board_has("FLPB\x08_ADR\x01\x08_FDI", 14));
    /* sixteen numbers: unit, type, last cylinder, sectors, last head ... */
    g_assert_true(board_has("\x10\x01\x0a\x04\x0a\x4f\x0a\x12\x01\x0a\xaf", 11));
    pc_teardown();
}

static void pci_windows_lie_around_ram(void)
{
    uint8_t low[8], high[16];

    pc_setup();
    platform.ram_below_4g = 0xc0000000;
    platform.ram_above_4g = 5 * GiB + MiB;
    store_le32(low, 0xc0000000);
    store_le32(low + 4, 0xfebfffff);
    store_le64(high, 10 * GiB);
    store_le64(high + 8, 12 * GiB - 1);
    g_assert_true(board_has(low, sizeof(low)));
    g_assert_true(board_has(high, sizeof(high)));
    pc_teardown();
}

/* ---- the loader script, carried out as firmware does ---- */

typedef struct {
    const char *name;
    uint8_t *data;
    uint32_t size, address;
} LoadedFile;

#define LOADED_FILES 4

static LoadedFile *loaded(LoadedFile *files, const uint8_t *name)
{
    for (unsigned i = 0; i < LOADED_FILES; i++) {
        if (strcmp(files[i].name, (const char *)name) == 0) {
            return &files[i];
        }
    }
    g_assert_not_reached();
}

static void carry_out(const uint8_t *command, LoadedFile *files)
{
    LoadedFile *file = loaded(files, command + 4);

    if (load_le32(command) == 2) {
        uint8_t *place = file->data + load_le32(command + 116);

        g_assert_cmpuint(load_le32(command + 116) + command[120], <=, file->size);
        store_le32(place, load_le32(place) + loaded(files, command + 60)->address);
    } else if (load_le32(command) == 3) {
        uint32_t offset = load_le32(command + 60), start = load_le32(command + 64);
        uint32_t length = load_le32(command + 68);

        g_assert_cmpuint(start + length, <=, file->size);
        g_assert_cmpuint(file->data[offset], ==, 0);
        file->data[offset] += acpi_checksum(file->data + start, length);
    } else if (load_le32(command) == 4) {
        g_assert_cmpuint(load_le32(command + 116) + command[124], <=, file->size);
        store_le64(file->data + load_le32(command + 116),
                   loaded(files, command + 60)->address + load_le32(command + 120));
    } else {
        g_assert_cmpuint(load_le32(command), ==, 1);
        g_assert_cmpuint(load_le32(command + 60) & (load_le32(command + 60) - 1), ==, 0);
    }
}

static void run_loader_script(bool with_vmgenid)
{
    g_autoptr(AcpiTables) expected = NULL;
    g_autofree uint8_t *script = NULL, *tables = NULL, *rsdp = NULL;
    uint8_t guid_address[8] = {0};
    /* Without firmware the GUID's page is that in which the blob begins. */
    LoadedFile files[LOADED_FILES] = {{"etc/acpi/tables", NULL, 0, BASE},
                                      {"etc/acpi/rsdp", NULL, 0, 0xf0000},
                                      {"etc/vmgenid_guid", NULL, 4096, BASE & ~0xfffu},
                                      {"etc/vmgenid_addr", guid_address, 8, 0}};
    uint32_t script_size;

    pc_setup();
    if (with_vmgenid) {
        fixture_plug(device_new_by_name("vmgenid", NULL), NULL);
    }
    g_assert_true(acpi_fw_cfg_add(&platform, NULL, NULL));
    script = fw_cfg_file("etc/table-loader", &script_size);
    files[0].data = tables = fw_cfg_file("etc/acpi/tables", &files[0].size);
    files[1].data = rsdp = fw_cfg_file("etc/acpi/rsdp", &files[1].size);
    g_assert_cmpuint(script_size % 128, ==, 0);
    for (uint32_t i = 0; i < script_size; i += 128) {
        carry_out(script + i, files);
    }
    expected = placed(NULL);
    g_assert_cmpmem(tables, files[0].size, expected->tables->data, expected->tables->len);
    g_assert_cmpmem(rsdp, files[1].size, expected->rsdp->data, expected->rsdp->len);
    g_assert_cmphex(load_le64(guid_address), ==, with_vmgenid ? (BASE & ~0xfffu) + 40 : 0);
    pc_teardown();
}

/* OVMF puts the power management block elsewhere before it asks for the tables. */
static void fadt_follows_the_power_management_block(void)
{
    static const uint16_t bases[] = {0x600, 0xb000};
    Device *pm;

    pc_setup();
    pm = HW_DEVICE(pci_device_new("PIIX4_PM", PCI_DEVFN(1, 3)));
    fixture_plug(pm, HW_BUS(platform.pci_root));
    for (unsigned i = 0; i < G_N_ELEMENTS(bases); i++) {
        g_autoptr(AcpiTables) tables = NULL;
        const uint8_t *fadt;

        pci_bus_config_write(platform.pci_root, 0x80000000 | PCI_DEVFN(1, 3) << 8 | 0x40,
                             bases[i] | 1, 4);
        tables = acpi_tables_new(&platform, NULL);
        fadt = memmem(tables->tables->data, tables->tables->len, "FACP", 4);
        g_assert_cmphex(load_le32(fadt + 56), ==, bases[i]);
        g_assert_cmphex(load_le32(fadt + 64), ==, bases[i] + 4u);
        g_assert_cmphex(load_le32(fadt + 76), ==, bases[i] + 8u);
        g_assert_cmphex(load_le64(fadt + 148 + 4), ==, bases[i]);
        g_assert_cmphex(load_le64(fadt + 208 + 4), ==, bases[i] + 8u);
    }
    pc_teardown();
}

static void loader_script_gives_the_same_tables(void)
{
    run_loader_script(false);
    run_loader_script(true);
}

/* ---- -acpitable ---- */

static GPtrArray *user_tables(const char *json, GError **error)
{
    g_autoptr(JsonNode) node = json_from_string(json, NULL);
    g_autoptr(GPtrArray) options = g_ptr_array_new();

    g_ptr_array_add(options, json_node_get_object(node));
    return acpi_user_tables(options, error);
}

static void user_data_gets_a_header(void)
{
    g_autofree char *path = NULL, *json = NULL;
    g_autoptr(GPtrArray) user = NULL;
    g_autoptr(AcpiTables) tables = NULL;
    const uint8_t *table;

    pc_setup();
    path = make_file("data", "payload", 7);
    json =
        g_strdup_printf("{\"sig\": \"SLIC\", \"oem_id\": \"VENDOR\", \"oem_table_id\": \"MODEL\", "
                        "\"rev\": \"3\", \"data\": \"%s:%s\"}",
                        path, path);
    user = user_tables(json, NULL);
    g_assert_nonnull(user);
    tables = placed(user);
    table = find(tables, "SLIC");
    g_assert_nonnull(table);
    g_assert_cmpuint(load_le32(table + 4), ==, 36 + 14);
    g_assert_cmpuint(table[8], ==, 3);
    g_assert_cmpmem(table + 36, 14, "payloadpayload", 14);
    g_assert_cmpuint(acpi_checksum(table, 50), ==, 0);
    /* A SLIC's OEM IDs are also those of the FADT and the root tables. */
    g_assert_cmpmem(find(tables, "FACP") + 10, 14, "VENDORMODEL\0\0\0", 14);
    g_assert_cmpmem(tables->rsdp->data + 9, 6, "VENDOR", 6);
    g_assert_cmpuint(acpi_checksum(tables->rsdp->data, 20), ==, 0);
    pc_teardown();
}

static void wrong_user_tables_are_refused(void)
{
    g_autofree char *path = NULL, *short_table = NULL, *long_signature = NULL;
    const char *const cases[] = {"{\"sig\": \"ABCD\"}", "{\"file\": \"/nonexistent/table\"}"};
    g_autoptr(GError) error = NULL;

    pc_setup();
    path = make_file("short", "too short", 9);
    short_table = g_strdup_printf("{\"file\": \"%s\"}", path);
    long_signature = g_strdup_printf("{\"sig\": \"ABCDE\", \"data\": \"%s\"}", path);
    g_assert_null(user_tables(cases[0], &error));
    g_assert_cmpstr(error->message, ==, "'-acpitable' requires one of 'data' or 'file'");
    g_clear_error(&error);
    g_assert_null(user_tables(cases[1], &error));
    g_assert_nonnull(strstr(error->message, "/nonexistent/table"));
    g_clear_error(&error);
    g_assert_null(user_tables(short_table, &error));
    g_assert_nonnull(strstr(error->message, "9 bytes are less than a table header"));
    g_clear_error(&error);
    g_assert_null(user_tables(long_signature, &error));
    g_assert_cmpstr(error->message, ==, "-acpitable sig=ABCDE: must be 4 characters");
    pc_teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/acpi/every-table-is-found-and-sums-to-zero",
                    every_table_is_found_and_sums_to_zero);
    g_test_add_func("/acpi/fadt-names-the-piix4-ports", fadt_names_the_piix4_ports);
    g_test_add_func("/acpi/madt-lists-cpus-and-overrides", madt_lists_cpus_and_overrides);
    g_test_add_func("/acpi/floppy-drives-are-described", floppy_drives_are_described);
    g_test_add_func("/acpi/iasl-accepts-a-small-machine", iasl_accepts_a_small_machine);
    g_test_add_func("/acpi/iasl-accepts-a-large-machine", iasl_accepts_a_large_machine);
    g_test_add_func("/acpi/objects-follow-the-board", objects_follow_the_board);
    g_test_add_func("/acpi/pci-windows-lie-around-ram", pci_windows_lie_around_ram);
    g_test_add_func("/acpi/fadt-follows-the-power-management-block",
                    fadt_follows_the_power_management_block);
    g_test_add_func("/acpi/loader-script-gives-the-same-tables",
                    loader_script_gives_the_same_tables);
    g_test_add_func("/acpi/user-data-gets-a-header", user_data_gets_a_header);
    g_test_add_func("/acpi/wrong-user-tables-are-refused", wrong_user_tables_are_refused);
    return g_test_run();
}
