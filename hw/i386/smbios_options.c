/*
 * -smbios: parsing and checking.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/smbios_options.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "util/error.h"
#include "util/options.h"

#define MAX_FILE_BYTES   65535 /* a table of entry point 2.1 holds no more in all */
#define STRUCTURE_HEADER 4
#define OEM_STRINGS_TYPE 11

/* Which keys each type takes. */
static const struct {
    unsigned type;
    const char *keys;
} known_keys[] = {
    {0, "vendor version date release uefi"},
    {1, "manufacturer product version serial uuid sku family"},
    {2, "manufacturer product version serial asset location"},
    {3, "manufacturer version serial asset sku"},
    {4, "sock_pfx manufacturer version serial asset part max-speed current-speed processor-id "
        "processor-family"},
    {8, "internal_reference external_reference connector_type port_type"},
    {OEM_STRINGS_TYPE, "value path"},
    {17, "loc_pfx bank manufacturer serial asset part speed"},
    {41, "designation kind instance pcidev"},
};

typedef struct {
    unsigned type;
    GHashTable *values; /* key → text */
} SmbiosEntry;

struct SmbiosOptions {
    GPtrArray *entries; /* SmbiosEntry in the order given */
    GPtrArray *strings; /* of type 11 */
    GPtrArray *files;   /* GBytes */
};

static void entry_free(gpointer data)
{
    SmbiosEntry *entry = data;

    g_hash_table_unref(entry->values);
    g_free(entry);
}

void smbios_options_free(SmbiosOptions *options)
{
    if (!options) {
        return;
    }
    g_ptr_array_unref(options->entries);
    g_ptr_array_unref(options->strings);
    g_ptr_array_unref(options->files);
    g_free(options);
}

/* The strings behind a structure end with an empty one: two zero bytes, at least. */
static bool structure_is_whole(const uint8_t *data, gsize size)
{
    return size >= STRUCTURE_HEADER + 2 && data[1] >= STRUCTURE_HEADER && data[1] + 2u <= size &&
           data[size - 1] == 0 && data[size - 2] == 0;
}

static bool add_file(SmbiosOptions *options, const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    char *contents;
    gsize size;

    if (!g_file_get_contents(path, &contents, &size, &local)) {
        return error_setf(error, "-smbios file=%s: Cannot read SMBIOS file: %s", path,
                          local->message);
    }
    g_ptr_array_add(options->files, g_bytes_new_take(contents, size));
    if (size > MAX_FILE_BYTES || !structure_is_whole((uint8_t *)contents, size)) {
        return error_setf(error, "-smbios file=%s: not an SMBIOS structure with its strings", path);
    }
    return true;
}

/* One string a line or NUL, as far as the file goes. */
static bool add_strings_from(SmbiosOptions *options, const char *path, GError **error)
{
    g_autofree char *contents = NULL;
    g_autoptr(GError) local = NULL;
    gsize size;

    if (!g_file_get_contents(path, &contents, &size, &local)) {
        return error_setf(error, "-smbios type=11,path=%s: Unable to read: %s", path,
                          local->message);
    }
    if (memchr(contents, '\0', size)) {
        return error_setf(error, "-smbios type=11,path=%s: NUL in OEM strings value", path);
    }
    g_strchomp(contents);
    g_ptr_array_add(options->strings, g_steal_pointer(&contents));
    return true;
}

static const char *keys_of(unsigned type)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(known_keys); i++) {
        if (known_keys[i].type == type) {
            return known_keys[i].keys;
        }
    }
    return NULL;
}

static bool take_values(SmbiosOptions *options, OptionReader *reader, unsigned type, GError **error)
{
    g_auto(GStrv) keys = NULL;
    SmbiosEntry *entry;

    if (!keys_of(type)) {
        return error_setf(error,
                          "-smbios type=%u: Don't know how to build fields for SMBIOS type "
                          "%u; file= takes a structure as it is",
                          type, type);
    }
    keys = g_strsplit(keys_of(type), " ", -1);
    entry = g_new0(SmbiosEntry, 1);
    entry->type = type;
    entry->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_ptr_array_add(options->entries, entry);
    for (char **key = keys; *key; key++) {
        const char *value = NULL;

        if (!option_get_string(reader, *key, &value, error)) {
            return false;
        }
        if (value) {
            g_hash_table_replace(entry->values, g_strdup(*key), g_strdup(value));
        }
    }
    return true;
}

/* value= may come many times, and is an array then. */
static bool take_oem_strings(SmbiosOptions *options, OptionReader *reader, GError **error)
{
    JsonNode *node = option_get_node(reader, "value");
    const char *path = NULL;

    if (node && JSON_NODE_HOLDS_ARRAY(node)) {
        JsonArray *array = json_node_get_array(node);

        for (unsigned i = 0; i < json_array_get_length(array); i++) {
            const char *text = json_node_get_string(json_array_get_element(array, i));

            g_ptr_array_add(options->strings, g_strdup(text ? text : ""));
        }
    } else if (node && json_node_get_string(node)) {
        g_ptr_array_add(options->strings, json_node_dup_string(node));
    } else if (node) {
        return error_setf(error, "-smbios type=11: value must be a string");
    }
    if (!option_get_string(reader, "path", &path, error)) {
        return false;
    }
    return !path || add_strings_from(options, path, error);
}

static bool take_entry(SmbiosOptions *options, JsonObject *object, GError **error)
{
    g_autoptr(OptionReader) reader = option_reader_new(object, "-smbios");
    const char *file = NULL;
    uint64_t type = 0;

    if (!option_get_string(reader, "file", &file, error)) {
        return false;
    }
    if (file) {
        return option_reader_finish(reader, error) && add_file(options, file, error);
    }
    if (!option_reader_has(reader, "type")) {
        return error_setf(error, "-smbios: one of type= and file= is needed");
    }
    if (!option_get_uint(reader, "type", 0, 127, &type, error)) {
        return false;
    }
    if (!(type == OEM_STRINGS_TYPE ? take_oem_strings(options, reader, error)
                                   : take_values(options, reader, type, error))) {
        return false;
    }
    return option_reader_finish(reader, error);
}

static bool files_do_not_clash(const SmbiosOptions *options, GError **error)
{
    for (unsigned i = 0; i < options->entries->len; i++) {
        const SmbiosEntry *entry = options->entries->pdata[i];

        if (smbios_option_file_has_type(options, entry->type)) {
            return error_setf(error, "-smbios type=%u: can't process fields, a file= has this type",
                              entry->type);
        }
    }
    return true;
}

SmbiosOptions *smbios_options_new(GPtrArray *entries, GError **error)
{
    g_autoptr(SmbiosOptions) options = g_new0(SmbiosOptions, 1);

    options->entries = g_ptr_array_new_with_free_func(entry_free);
    options->strings = g_ptr_array_new_with_free_func(g_free);
    options->files = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    for (unsigned i = 0; entries && i < entries->len; i++) {
        if (!take_entry(options, entries->pdata[i], error)) {
            return NULL;
        }
    }
    return files_do_not_clash(options, error) ? g_steal_pointer(&options) : NULL;
}

unsigned smbios_options_given(const SmbiosOptions *options, unsigned type)
{
    unsigned count = 0;

    for (unsigned i = 0; i < options->entries->len; i++) {
        count += ((const SmbiosEntry *)options->entries->pdata[i])->type == type;
    }
    return count;
}

const char *smbios_option(const SmbiosOptions *options, unsigned type, const char *key,
                          const char *fallback)
{
    for (unsigned i = options->entries->len; i-- > 0;) {
        const SmbiosEntry *entry = options->entries->pdata[i];
        const char *value = entry->type == type ? g_hash_table_lookup(entry->values, key) : NULL;

        if (value) {
            return value;
        }
    }
    return fallback;
}

const char *smbios_option_of(const SmbiosOptions *options, unsigned type, unsigned n,
                             const char *key)
{
    for (unsigned i = 0; i < options->entries->len; i++) {
        const SmbiosEntry *entry = options->entries->pdata[i];

        if (entry->type == type && n-- == 0) {
            return g_hash_table_lookup(entry->values, key);
        }
    }
    return NULL;
}

bool smbios_option_number(const SmbiosOptions *options, unsigned type, const char *key,
                          uint64_t max, uint64_t *value, GError **error)
{
    const char *text = smbios_option(options, type, key, NULL);
    g_autofree char *what = g_strdup_printf("-smbios type=%u,%s", type, key);

    return !text || parse_uint(text, what, 0, max, value, error);
}

GPtrArray *smbios_option_strings(const SmbiosOptions *options)
{
    return options->strings;
}

GPtrArray *smbios_option_files(const SmbiosOptions *options)
{
    return options->files;
}

bool smbios_option_file_has_type(const SmbiosOptions *options, unsigned type)
{
    for (unsigned i = 0; i < options->files->len; i++) {
        const uint8_t *data = g_bytes_get_data(options->files->pdata[i], NULL);

        if (data[0] == type) {
            return true;
        }
    }
    return false;
}
