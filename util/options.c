/*
 * Options: "key=value,key.sub=value" or JSON into a JsonObject, and a reader of typed values.
 *
 * The text form is first a flat list of keys, because an option may give a key and keys below it
 * together
 * ("file=disk.img,file.locking=off"): only with all keys known is it clear which of them nest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/options.h"

#include <errno.h>
#include <string.h>

#include "util/error.h"

#define MAX_NESTING    64
#define MAX_KEY_LENGTH 128

/* ---- text to JsonObject ---- */

typedef struct {
    GHashTable *values; /* key as typed (char *) to value (char *) */
    GPtrArray *keys;    /* the same keys in the order of their first appearance; not owned */
} FlatOptions;

static void flat_options_clear(FlatOptions *flat)
{
    g_ptr_array_unref(flat->keys);
    g_hash_table_unref(flat->values);
}

static void flat_options_set(FlatOptions *flat, const char *key, char *value)
{
    if (!g_hash_table_contains(flat->values, key)) {
        char *owned = g_strdup(key);
        g_ptr_array_add(flat->keys, owned);
        g_hash_table_insert(flat->values, owned, value);
        return;
    }
    /* The last one wins. Replacing keeps the first key string, which flat->keys points to. */
    g_hash_table_insert(flat->values, g_strdup(key), value);
}

/* Takes text up to a single comma; two commas stand for one. *@text is left behind that comma. */
static char *take_value(const char **text)
{
    GString *value = g_string_new(NULL);
    const char *p = *text;

    for (; *p; p++) {
        if (*p == ',') {
            if (p[1] != ',') {
                p++;
                break;
            }
            p++;
        }
        g_string_append_c(value, *p);
    }
    *text = p;
    return g_string_free(value, FALSE);
}

static bool is_key_character(char c)
{
    return g_ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
}

static bool check_key(const char *key, GError **error)
{
    unsigned dots = 0;
    size_t length = strlen(key);
    bool good = length > 0 && length <= MAX_KEY_LENGTH && key[0] != '.' && key[length - 1] != '.' &&
                !strstr(key, "..");

    for (const char *p = key; *p; p++) {
        good = good && is_key_character(*p);
        dots += *p == '.';
    }
    if (!good || dots >= MAX_NESTING) {
        return error_setf(error, "Invalid parameter '%s'", key);
    }
    return true;
}

static bool parse_flat(const char *text, const char *implied_key, FlatOptions *flat, GError **error)
{
    bool first = true;

    while (*text) {
        size_t word = strcspn(text, "=,");
        g_autofree char *key = NULL;
        char *value;
        if (text[word] == '=') {
            key = g_strndup(text, word);
            text += word + 1;
            value = take_value(&text);
        } else if (first && implied_key) {
            key = g_strdup(implied_key);
            value = take_value(&text);
        } else {
            key = take_value(&text);
            value = g_strdup("on");
        }
        first = false;
        if (!check_key(key, error)) {
            g_free(value);
            return false;
        }
        flat_options_set(flat, key, value);
    }
    return true;
}

/* Puts the value at its place; a key whose parent is itself a value keeps its dots. */
static void nest_option(JsonObject *object, const FlatOptions *flat, const char *key)
{
    const char *value = g_hash_table_lookup(flat->values, key);
    const char *segment = key;
    const char *dot;

    while ((dot = strchr(segment, '.'))) {
        g_autofree char *prefix = g_strndup(key, dot - key);
        if (g_hash_table_contains(flat->values, prefix)) {
            break;
        }
        const char *name = prefix + (segment - key);
        if (!json_object_has_member(object, name)) {
            json_object_set_object_member(object, name, json_object_new());
        }
        object = json_object_get_object_member(object, name);
        segment = dot + 1;
    }
    json_object_set_string_member(object, segment, value);
}

static bool is_index(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 6 && strspn(text, "0123456789") == length &&
           (text[0] != '0' || length == 1);
}

static bool fold_arrays(JsonObject *object, const char *path, GError **error);

static bool fold_to_array(JsonObject *parent, const char *name, JsonObject *object,
                          const char *path, GError **error)
{
    unsigned size = json_object_get_size(object);
    g_autoptr(JsonArray) array = json_array_sized_new(size);

    for (unsigned i = 0; i < size; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        JsonNode *element = json_object_get_member(object, index);
        if (!element) {
            return error_setf(error, "Parameter '%s.%u' missing", path, i);
        }
        json_array_add_element(array, json_node_copy(element));
    }
    json_object_set_array_member(parent, name, g_steal_pointer(&array));
    return true;
}

static bool fold_member(JsonObject *parent, const char *name, const char *path, GError **error)
{
    JsonNode *node = json_object_get_member(parent, name);

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        return true;
    }
    JsonObject *object = json_node_get_object(node);
    if (!fold_arrays(object, path, error)) {
        return false;
    }
    g_autoptr(GList) members = json_object_get_members(object);
    unsigned indices = 0;
    for (GList *m = members; m; m = m->next) {
        indices += is_index(m->data);
    }
    if (indices == 0) {
        return true;
    }
    if (indices != json_object_get_size(object)) {
        return error_setf(error, "Parameters '%s.*' used inconsistently", path);
    }
    return fold_to_array(parent, name, object, path, error);
}

/* An object whose member names are 0, 1, 2 … is an array. */
static bool fold_arrays(JsonObject *object, const char *path, GError **error)
{
    g_autoptr(GList) members = json_object_get_members(object);

    for (GList *m = members; m; m = m->next) {
        g_autofree char *member_path =
            path ? g_strdup_printf("%s.%s", path, (char *)m->data) : g_strdup(m->data);
        if (!fold_member(object, m->data, member_path, error)) {
            return false;
        }
    }
    return true;
}

static JsonObject *parse_keyval(const char *text, const char *implied_key, GError **error)
{
    FlatOptions flat = {
        .values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
        .keys = g_ptr_array_new(),
    };
    g_autoptr(JsonObject) object = json_object_new();
    bool good = parse_flat(text, implied_key, &flat, error);

    for (unsigned i = 0; good && i < flat.keys->len; i++) {
        nest_option(object, &flat, flat.keys->pdata[i]);
    }
    flat_options_clear(&flat);
    if (!good || !fold_arrays(object, NULL, error)) {
        return NULL;
    }
    return g_steal_pointer(&object);
}

/* The JSON parser recurses: without a limit, a long row of '[' would overflow the stack. */
static bool json_nesting_is_sane(const char *text)
{
    unsigned depth = 0;
    bool in_string = false;

    for (const char *p = text; *p; p++) {
        if (in_string) {
            if (*p == '\\' && p[1]) {
                p++;
            } else if (*p == '"') {
                in_string = false;
            }
        } else if (*p == '"') {
            in_string = true;
        } else if (*p == '{' || *p == '[') {
            if (++depth > MAX_NESTING) {
                return false;
            }
        } else if ((*p == '}' || *p == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

static JsonObject *parse_json(const char *text, GError **error)
{
    if (!json_nesting_is_sane(text)) {
        error_setf(error, "JSON nests deeper than %d levels", MAX_NESTING);
        return NULL;
    }
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autoptr(GError) reason = NULL;
    if (!json_parser_load_from_data(parser, text, -1, &reason)) {
        error_setf(error, "JSON parse error: %s", reason->message);
        return NULL;
    }
    JsonNode *root = json_parser_get_root(parser);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
        error_setf(error, "Expecting a JSON object");
        return NULL;
    }
    return json_object_ref(json_node_get_object(root));
}

JsonObject *options_parse(const char *text, const char *implied_key, GError **error)
{
    return text[0] == '{' ? parse_json(text, error) : parse_keyval(text, implied_key, error);
}

/* ---- lone values ---- */

bool option_is_identifier(const char *text)
{
    return g_ascii_isalpha(text[0]) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
               strlen(text);
}

bool parse_bool(const char *text, const char *what, bool *value, GError **error)
{
    static const char *const names[][2] = {
        {"off", "on"},
        {"no", "yes"},
        {"false", "true"},
        {"n", "y"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        for (unsigned on = 0; on < 2; on++) {
            if (strcmp(text, names[i][on]) == 0) {
                *value = on;
                return true;
            }
        }
    }
    return error_setf(error, "Parameter '%s' expects 'on' or 'off', not '%s'", what, text);
}

/* Leading blanks and signs, which strtoull() would take, are no part of a number here. */
static bool parse_magnitude(const char *text, const char **end, uint64_t *value)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;

    *end = text;
    if (hex ? !g_ascii_isxdigit(digits[0]) : !g_ascii_isdigit(digits[0])) {
        return false;
    }
    char *stop;
    errno = 0;
    *value = g_ascii_strtoull(digits, &stop, hex ? 16 : 10);
    *end = stop;
    return errno == 0;
}

bool parse_uint(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *value,
                GError **error)
{
    const char *end;
    uint64_t number;

    if (!parse_magnitude(text, &end, &number) || *end) {
        return error_setf(error, "Parameter '%s' expects a number, not '%s'", what, text);
    }
    if (number < min || number > max) {
        return error_setf(error,
                          "Parameter '%s' expects a number from %" G_GUINT64_FORMAT
                          " to %" G_GUINT64_FORMAT ", not '%s'",
                          what, min, max, text);
    }
    *value = number;
    return true;
}

static bool check_int(int64_t number, const char *text, const char *what, int64_t min, int64_t max,
                      int64_t *value, GError **error)
{
    if (number < min || number > max) {
        return error_setf(error,
                          "Parameter '%s' expects a number from %" G_GINT64_FORMAT
                          " to %" G_GINT64_FORMAT ", not '%s'",
                          what, min, max, text);
    }
    *value = number;
    return true;
}

bool parse_int(const char *text, const char *what, int64_t min, int64_t max, int64_t *value,
               GError **error)
{
    bool negative = text[0] == '-';
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    const char *end;
    uint64_t magnitude;

    if (!parse_magnitude(text + negative, &end, &magnitude) || *end || magnitude > limit) {
        return error_setf(error, "Parameter '%s' expects a number, not '%s'", what, text);
    }
    int64_t number = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return check_int(number, text, what, min, max, value, error);
}

/* The unit of a suffix letter, 0 if it is none. */
static uint64_t size_suffix(char suffix)
{
    static const char letters[] = "bkmgtpe";
    const char *found = suffix ? strchr(letters, g_ascii_tolower(suffix)) : NULL;
    return found ? UINT64_C(1) << (10 * (found - letters)) : 0;
}

/* Reads ".25": *@billionths of a unit, *@end behind the digits. More than nine digits are refused.
 */
static bool parse_fraction(const char *text, const char **end, uint64_t *billionths)
{
    unsigned digits = 0;

    *billionths = 0;
    for (text++; g_ascii_isdigit(*text); text++, digits++) {
        if (digits == 9) {
            return false;
        }
        *billionths = *billionths * 10 + (*text - '0');
    }
    for (unsigned i = digits; i < 9; i++) {
        *billionths *= 10;
    }
    *end = text;
    return digits > 0;
}

bool parse_size(const char *text, const char *what, uint64_t unit, uint64_t *value, GError **error)
{
    const char *end;
    uint64_t whole, billionths = 0;
    bool good = parse_magnitude(text, &end, &whole);

    if (good && *end == '.') {
        good =
            !(text[0] == '0' && (text[1] | 0x20) == 'x') && parse_fraction(end, &end, &billionths);
    }
    if (good && *end) {
        unit = size_suffix(*end);
        good = unit && end[1] == '\0';
    }
    if (!good) {
        return error_setf(
            error,
            "Parameter '%s' expects a size (a number with suffix k, M, G, T, P or E), "
            "not '%s'",
            what, text);
    }
    unsigned __int128 size =
        (unsigned __int128)whole * unit + (unsigned __int128)billionths * unit / 1000000000;
    if (size > UINT64_MAX) {
        return error_setf(error, "Parameter '%s': size '%s' is too large", what, text);
    }
    *value = size;
    return true;
}

/* ---- the reader ---- */

struct OptionReader {
    JsonObject *object;
    char *where;
    GHashTable *read; /* keys that somebody asked for; owned strings */
};

OptionReader *option_reader_new(JsonObject *object, const char *where)
{
    OptionReader *reader = g_new0(OptionReader, 1);

    reader->object = json_object_ref(object);
    reader->where = g_strdup(where);
    reader->read = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return reader;
}

void option_reader_free(OptionReader *reader)
{
    if (reader) {
        json_object_unref(reader->object);
        g_free(reader->where);
        g_hash_table_unref(reader->read);
        g_free(reader);
    }
}

bool option_reader_has(OptionReader *reader, const char *key)
{
    return json_object_has_member(reader->object, key);
}

JsonNode *option_get_node(OptionReader *reader, const char *key)
{
    if (!json_object_has_member(reader->object, key)) {
        return NULL;
    }
    g_hash_table_add(reader->read, g_strdup(key));
    return json_object_get_member(reader->object, key);
}

static bool with_where(OptionReader *reader, bool good, GError **error)
{
    if (!good && reader->where) {
        g_prefix_error(error, "%s: ", reader->where);
    }
    return good;
}

static bool wrong_type(OptionReader *reader, const char *key, const char *expected, GError **error)
{
    error_setf(error, "Invalid parameter type for '%s', expected: %s", key, expected);
    return with_where(reader, false, error);
}

static bool node_is_scalar(JsonNode *node, GType type)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == type;
}

bool option_get_bool(OptionReader *reader, const char *key, bool *value, GError **error)
{
    JsonNode *node = option_get_node(reader, key);

    if (!node) {
        return true;
    }
    if (node_is_scalar(node, G_TYPE_BOOLEAN)) {
        *value = json_node_get_boolean(node);
        return true;
    }
    if (!node_is_scalar(node, G_TYPE_STRING)) {
        return wrong_type(reader, key, "boolean", error);
    }
    return with_where(reader, parse_bool(json_node_get_string(node), key, value, error), error);
}

/* A number as text, whether it came as a JSON integer or as a string; NULL if it is neither. */
static char *node_number_text(JsonNode *node)
{
    if (node_is_scalar(node, G_TYPE_INT64)) {
        return g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
    }
    return node_is_scalar(node, G_TYPE_STRING) ? json_node_dup_string(node) : NULL;
}

bool option_get_uint(OptionReader *reader, const char *key, uint64_t min, uint64_t max,
                     uint64_t *value, GError **error)
{
    JsonNode *node = option_get_node(reader, key);

    if (!node) {
        return true;
    }
    g_autofree char *text = node_number_text(node);
    if (!text) {
        return wrong_type(reader, key, "integer", error);
    }
    return with_where(reader, parse_uint(text, key, min, max, value, error), error);
}

bool option_get_int(OptionReader *reader, const char *key, int64_t min, int64_t max, int64_t *value,
                    GError **error)
{
    JsonNode *node = option_get_node(reader, key);

    if (!node) {
        return true;
    }
    g_autofree char *text = node_number_text(node);
    if (!text) {
        return wrong_type(reader, key, "integer", error);
    }
    return with_where(reader, parse_int(text, key, min, max, value, error), error);
}

bool option_get_size(OptionReader *reader, const char *key, uint64_t unit, uint64_t *value,
                     GError **error)
{
    JsonNode *node = option_get_node(reader, key);

    if (!node) {
        return true;
    }
    g_autofree char *text = node_number_text(node);
    if (!text) {
        return wrong_type(reader, key, "size", error);
    }
    /* A JSON number is in bytes whatever the text form's default unit. */
    uint64_t default_unit = node_is_scalar(node, G_TYPE_INT64) ? 1 : unit;
    return with_where(reader, parse_size(text, key, default_unit, value, error), error);
}

bool option_get_string(OptionReader *reader, const char *key, const char **value, GError **error)
{
    JsonNode *node = option_get_node(reader, key);

    if (!node) {
        return true;
    }
    if (!node_is_scalar(node, G_TYPE_STRING)) {
        return wrong_type(reader, key, "string", error);
    }
    *value = json_node_get_string(node);
    return true;
}

bool option_get_enum(OptionReader *reader, const char *key, const char *const *names, int *value,
                     GError **error)
{
    const char *text = NULL;

    if (!option_get_string(reader, key, &text, error)) {
        return false;
    }
    if (!text) {
        return true;
    }
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0) {
            *value = i;
            return true;
        }
    }
    error_setf(error, "Parameter '%s' does not accept value '%s'", key, text);
    return with_where(reader, false, error);
}

bool option_get_object(OptionReader *reader, const char *key, JsonObject **value, GError **error)
{
    JsonNode *node = option_get_node(reader, key);

    *value = NULL;
    if (!node) {
        return true;
    }
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        return wrong_type(reader, key, "object", error);
    }
    *value = json_node_get_object(node);
    return true;
}

bool option_reader_finish(OptionReader *reader, GError **error)
{
    g_autoptr(GList) members = json_object_get_members(reader->object);

    for (GList *m = members; m; m = m->next) {
        if (!g_hash_table_contains(reader->read, m->data)) {
            error_setf(error, "Invalid parameter '%s'", (char *)m->data);
            return with_where(reader, false, error);
        }
    }
    return true;
}
