/*
 * The two ways of ACPI tables into guest memory: commands for the firmware's table loader, and put
 * there by the machine itself.
 *
 * Source: the loader commands as SeaBIOS and OVMF carry them out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/i386/acpi_tables.h"
#include "hw/i386/vmgenid.h"
#include "util/bytes.h"

#define TABLES_FILE "etc/acpi/tables"
#define RSDP_FILE   "etc/acpi/rsdp"
#define LOADER_FILE "etc/table-loader"

#define COMMAND_SIZE 128
#define NAME_SIZE    56

enum {
    COMMAND_ALLOCATE = 1,
    COMMAND_ADD_POINTER = 2,
    COMMAND_ADD_CHECKSUM = 3,
    COMMAND_WRITE_POINTER = 4,
};
enum { ZONE_HIGH = 1, ZONE_F_SEGMENT = 2 };

/* ---- by the machine ---- */

static void relocate(GByteArray *bytes, const GArray *pointers, uint32_t base)
{
    for (unsigned i = 0; i < pointers->len; i++) {
        const AcpiPointer *pointer = &g_array_index(pointers, AcpiPointer, i);
        uint8_t *place = bytes->data + pointer->offset;

        /* The high half of an 8-byte pointer stays zero: tables lie below 4 GiB. */
        store_le32(place, load_le32(place) + base);
    }
}

static void seal(GByteArray *bytes, const GArray *checksums)
{
    for (unsigned i = 0; i < checksums->len; i++) {
        const AcpiChecksum *checksum = &g_array_index(checksums, AcpiChecksum, i);

        bytes->data[checksum->offset] = 0;
        bytes->data[checksum->offset] =
            acpi_checksum(bytes->data + checksum->start, checksum->length);
    }
}

void acpi_tables_place(AcpiTables *tables, uint32_t tables_address)
{
    relocate(tables->tables, tables->pointers, tables_address);
    if (tables->guid_page) {
        store_le32(tables->tables->data + tables->guid_page,
                   tables_address & ~(uint32_t)(VMGENID_PAGE_SIZE - 1));
    }
    seal(tables->tables, tables->checksums);
    relocate(tables->rsdp, tables->rsdp_pointers, tables_address);
    seal(tables->rsdp, tables->rsdp_checksums);
}

/* ---- by the firmware ---- */

static void allocate(GByteArray *script, const char *file, uint32_t alignment, uint8_t zone)
{
    uint8_t command[COMMAND_SIZE] = {0};

    store_le32(command, COMMAND_ALLOCATE);
    g_strlcpy((char *)command + 4, file, NAME_SIZE);
    store_le32(command + 4 + NAME_SIZE, alignment);
    command[8 + NAME_SIZE] = zone;
    g_byte_array_append(script, command, sizeof(command));
}

static void add_pointer(GByteArray *script, const char *file, const char *target,
                        const AcpiPointer *pointer)
{
    uint8_t command[COMMAND_SIZE] = {0};

    store_le32(command, COMMAND_ADD_POINTER);
    g_strlcpy((char *)command + 4, file, NAME_SIZE);
    g_strlcpy((char *)command + 4 + NAME_SIZE, target, NAME_SIZE);
    store_le32(command + 4 + 2 * NAME_SIZE, pointer->offset);
    command[8 + 2 * NAME_SIZE] = pointer->size;
    g_byte_array_append(script, command, sizeof(command));
}

static void add_pointers(GByteArray *script, const char *file, const GArray *pointers)
{
    for (unsigned i = 0; i < pointers->len; i++) {
        add_pointer(script, file, TABLES_FILE, &g_array_index(pointers, AcpiPointer, i));
    }
}

/* The firmware tells us, by the start of @file, where byte @target_offset of @target is. */
static void write_pointer(GByteArray *script, const char *file, const char *target,
                          uint32_t target_offset, uint8_t size)
{
    uint8_t command[COMMAND_SIZE] = {0};

    store_le32(command, COMMAND_WRITE_POINTER);
    g_strlcpy((char *)command + 4, file, NAME_SIZE);
    g_strlcpy((char *)command + 4 + NAME_SIZE, target, NAME_SIZE);
    store_le32(command + 8 + 2 * NAME_SIZE, target_offset);
    command[12 + 2 * NAME_SIZE] = size;
    g_byte_array_append(script, command, sizeof(command));
}

static void add_guid_page(GByteArray *script, uint32_t place)
{
    const AcpiPointer pointer = {.offset = place, .size = 4};

    allocate(script, VMGENID_GUID_FILE, VMGENID_PAGE_SIZE, ZONE_HIGH);
    add_pointer(script, TABLES_FILE, VMGENID_GUID_FILE, &pointer);
    write_pointer(script, VMGENID_ADDRESS_FILE, VMGENID_GUID_FILE, VMGENID_GUID_OFFSET, 8);
}

static void add_checksums(GByteArray *script, const char *file, const GArray *checksums)
{
    for (unsigned i = 0; i < checksums->len; i++) {
        const AcpiChecksum *checksum = &g_array_index(checksums, AcpiChecksum, i);
        uint8_t command[COMMAND_SIZE] = {0};

        store_le32(command, COMMAND_ADD_CHECKSUM);
        g_strlcpy((char *)command + 4, file, NAME_SIZE);
        store_le32(command + 4 + NAME_SIZE, checksum->offset);
        store_le32(command + 8 + NAME_SIZE, checksum->start);
        store_le32(command + 12 + NAME_SIZE, checksum->length);
        g_byte_array_append(script, command, sizeof(command));
    }
}

GByteArray *acpi_tables_loader_script(const AcpiTables *tables)
{
    GByteArray *script = g_byte_array_new();

    allocate(script, TABLES_FILE, ACPI_TABLES_ALIGNMENT, ZONE_HIGH);
    allocate(script, RSDP_FILE, ACPI_RSDP_ALIGNMENT, ZONE_F_SEGMENT);
    if (tables->guid_page) {
        add_guid_page(script, tables->guid_page);
    }
    add_pointers(script, TABLES_FILE, tables->pointers);
    add_checksums(script, TABLES_FILE, tables->checksums);
    add_pointers(script, RSDP_FILE, tables->rsdp_pointers);
    add_checksums(script, RSDP_FILE, tables->rsdp_checksums);
    return script;
}

/* ---- fw_cfg ---- */

typedef struct {
    const PcPlatform *platform;
    GPtrArray *user;
} AcpiFiles;

static GBytes *to_bytes(const GByteArray *array)
{
    return g_bytes_new(array->data, array->len);
}

/*
 * The firmware places BARs, then reads the tables: they are made again at each selection. Their
 * sizes do not depend on that, so the directory that the firmware read before stays true.
 */
static void refresh(void *opaque)
{
    const AcpiFiles *files = opaque;
    g_autoptr(AcpiTables) tables = acpi_tables_new(files->platform, files->user);
    g_autoptr(GBytes) bytes = to_bytes(tables->tables);

    fw_cfg_modify_file(files->platform->fw_cfg, TABLES_FILE, bytes);
}

static void files_free(gpointer data, GObject *where_the_object_was)
{
    AcpiFiles *files = data;

    g_clear_pointer(&files->user, g_ptr_array_unref);
    g_free(files);
}

bool acpi_fw_cfg_add(const PcPlatform *platform, GPtrArray *user, GError **error)
{
    AcpiFiles *files = g_new0(AcpiFiles, 1);
    g_autoptr(AcpiTables) tables = acpi_tables_new(platform, user);
    g_autoptr(GByteArray) script = acpi_tables_loader_script(tables);
    g_autoptr(GBytes) tables_bytes = to_bytes(tables->tables);
    g_autoptr(GBytes) rsdp_bytes = to_bytes(tables->rsdp);
    g_autoptr(GBytes) script_bytes = to_bytes(script);

    files->platform = platform;
    files->user = user ? g_ptr_array_ref(user) : NULL;
    g_object_weak_ref(G_OBJECT(platform->fw_cfg), files_free, files);
    return fw_cfg_add_file_callback(platform->fw_cfg, TABLES_FILE, refresh, NULL, files,
                                    tables_bytes, false, error) &&
           fw_cfg_add_file(platform->fw_cfg, RSDP_FILE, rsdp_bytes, error) &&
           fw_cfg_add_file(platform->fw_cfg, LOADER_FILE, script_bytes, error);
}
