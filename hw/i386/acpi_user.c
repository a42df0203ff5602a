/*
 * -acpitable: tables that the user brings, whole or as data behind a header made here.
 *
 * Source: ACPI specification 3.0, 5.2.6 (table header).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/i386/acpi_tables.h"
#include "util/bytes.h"
#include "util/options.h"

#define MAX_TABLE_BYTES (UINT32_C(16) << 20)

/* A field of the header that an option overrides. */
typedef struct {
    const char *key;
    unsigned offset, size;
    bool text;
    const char *default_text; /* for data=, where no header is given */
    uint32_t default_number;
} HeaderField;

static const HeaderField header_fields[] = {
    {"sig", 0, 4, true, "QEMU", 0},
    {"rev", 8, 1, false, NULL, 1},
    {"oem_id", 10, 6, true, "QEMUQE", 0},
    {"oem_table_id", 16, 8, true, "QEMUQEMU", 0},
    {"oem_rev", 24, 4, false, NULL, 1},
    {"asl_compiler_id", 28, 4, true, "QEMU", 0},
    {"asl_compiler_rev", 32, 4, false, NULL, 1},
};

static bool apply_text(const HeaderField *field, OptionReader *reader, bool use_default,
                       uint8_t *header, GError **error)
{
    const char *value = use_default ? field->default_text : NULL;
    size_t length;

    if (!option_get_string(reader, field->key, &value, error)) {
        return false;
    }
    if (!value) {
        return true;
    }
    length = strlen(value);
    if (length > field->size || (field->offset == 0 && length != field->size)) {
        return error_setf(error, "-acpitable %s=%s: must be %s%u characters", field->key, value,
                          field->offset == 0 ? "" : "at most ", field->size);
    }
    memset(header + field->offset, 0, field->size);
    memcpy(header + field->offset, value, length);
    return true;
}

static bool apply_number(const HeaderField *field, OptionReader *reader, bool use_default,
                         uint8_t *header, GError **error)
{
    uint64_t value = field->default_number;
    uint8_t raw[8];

    if (!use_default && !option_reader_has(reader, field->key)) {
        return true;
    }
    if (!option_get_uint(reader, field->key, 0, field->size == 1 ? UINT8_MAX : UINT32_MAX, &value,
                         error)) {
        return false;
    }
    store_le64(raw, value);
    memcpy(header + field->offset, raw, field->size);
    return true;
}

static bool append_files(GByteArray *table, const char *paths, GError **error)
{
    g_auto(GStrv) names = g_strsplit(paths, ":", -1);

    for (char **name = names; *name; name++) {
        g_autofree char *contents = NULL;
        g_autoptr(GError) local = NULL;
        gsize length;

        if (!g_file_get_contents(*name, &contents, &length, &local)) {
            return error_setf(error, "-acpitable: can't open file %s: %s", *name, local->message);
        }
        if (length > MAX_TABLE_BYTES - table->len) {
            return error_setf(error, "-acpitable: %s makes the table larger than %u MiB", *name,
                              MAX_TABLE_BYTES >> 20);
        }
        g_byte_array_append(table, (const uint8_t *)contents, length);
    }
    return true;
}

static bool read_table(OptionReader *reader, GByteArray *table, GError **error)
{
    const char *file = NULL, *data = NULL;

    if (!option_get_string(reader, "file", &file, error) ||
        !option_get_string(reader, "data", &data, error)) {
        return false;
    }
    if (!file == !data) {
        return error_setf(error, "'-acpitable' requires one of 'data' or 'file'");
    }
    if (data) {
        g_byte_array_set_size(table, ACPI_HEADER_SIZE);
        memset(table->data, 0, ACPI_HEADER_SIZE);
    }
    if (!append_files(table, file ? file : data, error)) {
        return false;
    }
    if (table->len < ACPI_HEADER_SIZE) {
        return error_setf(error, "-acpitable file=%s: %u bytes are less than a table header (%d)",
                          file, table->len, ACPI_HEADER_SIZE);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(header_fields); i++) {
        const HeaderField *field = &header_fields[i];

        if (!(field->text ? apply_text : apply_number)(field, reader, data != NULL, table->data,
                                                       error)) {
            return false;
        }
    }
    return option_reader_finish(reader, error);
}

GPtrArray *acpi_user_tables(GPtrArray *options, GError **error)
{
    g_autoptr(GPtrArray) tables = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);

    for (unsigned i = 0; options && i < options->len; i++) {
        g_autoptr(OptionReader) reader = option_reader_new(options->pdata[i], "-acpitable");
        g_autoptr(GByteArray) table = g_byte_array_new();

        if (!read_table(reader, table, error)) {
            return NULL;
        }
        g_ptr_array_add(tables, g_byte_array_free_to_bytes(g_steal_pointer(&table)));
    }
    return g_steal_pointer(&tables);
}
