/*
 * Types of QMP: from text to types, and the check of values against them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/schema.h"

#include <string.h>

#include "util/error.h"

static GHashTable *types;     /* text to SchemaType */
static GHashTable *arguments; /* text of members to SchemaType */

static const struct {
    const char *name, *json_type;
} builtins[] = {
    {"str", "string"},   {"int", "int"},   {"number", "number"},
    {"bool", "boolean"}, {"null", "null"}, {"any", "value"},
};

/* ---- from text ---- */

static void add_member(SchemaType *type, const char *word)
{
    const char *colon = strchr(word, ':');

    g_assert(colon && colon > word);
    bool optional = colon[-1] == '?';
    SchemaMember member = {
        .name = g_strndup(word, (gsize)(colon - word) - (optional ? 1 : 0)),
        .optional = optional,
        .type = schema_type(colon + 1),
    };
    g_array_append_val(type->members, member);
}

static void add_members(SchemaType *type, const char *text)
{
    g_auto(GStrv) words = g_strsplit_set(text, " ", -1);

    for (char **word = words; *word; word++) {
        if (**word) {
            add_member(type, *word);
        }
    }
}

static void add_alternatives(SchemaType *type, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (char **word = words; *word; word++) {
        SchemaMember member = {.name = g_strdup(""), .type = schema_type(*word)};
        g_array_append_val(type->members, member);
    }
}

static void add_variants(SchemaType *type, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    type->variants = g_array_new(FALSE, FALSE, sizeof(SchemaVariant));
    for (char **word = words + 1; *word; word++) {
        char *equals = strchr(*word, '=');
        g_assert(equals);
        SchemaVariant variant = {
            .value = g_strndup(*word, (gsize)(equals - *word)),
            .type = schema_type(equals + 1),
        };
        g_array_append_val(type->variants, variant);
    }
    type->tag = g_intern_string(words[0]);
}

static SchemaType *new_type(const char *text, SchemaKind kind)
{
    SchemaType *type = g_new0(SchemaType, 1);

    type->name = g_strdup(text);
    type->kind = kind;
    type->members = g_array_new(FALSE, FALSE, sizeof(SchemaMember));
    if (text) {
        g_hash_table_insert(types, type->name, type);
    }
    return type;
}

/* The type is in the table before its members are read: they may name it again. */
static const SchemaType *from_row(const SchemaRow *row)
{
    SchemaType *type = new_type(row->name, row->kind);

    if (row->kind == SCHEMA_ENUM) {
        type->values = g_strsplit(row->members, " ", -1);
    } else if (row->kind == SCHEMA_ALTERNATE) {
        add_alternatives(type, row->members);
    } else {
        add_members(type, row->members);
    }
    if (row->variants) {
        add_variants(type, row->variants);
    }
    return type;
}

static const SchemaType *make_type(const char *text)
{
    size_t length = strlen(text);

    if (text[0] == '[') {
        g_assert(length > 2 && text[length - 1] == ']');
        g_autofree char *element = g_strndup(text + 1, length - 2);
        SchemaType *type = new_type(text, SCHEMA_ARRAY);
        type->element = schema_type(element);
        return type;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (strcmp(builtins[i].name, text) == 0) {
            SchemaType *type = new_type(text, SCHEMA_BUILTIN);
            type->json_type = builtins[i].json_type;
            return type;
        }
    }
    for (unsigned i = 0; i < schema_row_count; i++) {
        if (strcmp(schema_rows[i].name, text) == 0) {
            return from_row(&schema_rows[i]);
        }
    }
    g_error("QMP schema: no type '%s'", text);
}

const SchemaType *schema_type(const char *text)
{
    if (!types) {
        types = g_hash_table_new(g_str_hash, g_str_equal);
        arguments = g_hash_table_new(g_str_hash, g_str_equal);
    }
    const SchemaType *type = g_hash_table_lookup(types, text);
    return type ? type : make_type(text);
}

const SchemaType *schema_members(const char *text)
{
    SchemaType *type;

    if (text && text[0] == '=') {
        return schema_type(text + 1);
    }
    text = g_intern_string(text ? text : "");
    schema_type("any");
    type = g_hash_table_lookup(arguments, text);
    if (!type) {
        type = new_type(NULL, SCHEMA_OBJECT);
        g_hash_table_insert(arguments, (gpointer)(uintptr_t)text, type);
        add_members(type, text);
    }
    return type;
}

int schema_enum_index(const char *enum_name, const char *value)
{
    const SchemaType *type = schema_type(enum_name);

    for (int i = 0; type->values[i]; i++) {
        if (strcmp(type->values[i], value) == 0) {
            return i;
        }
    }
    return -1;
}

/* ---- the check ---- */

static const char *json_type_of(JsonNode *node)
{
    switch (json_node_get_node_type(node)) {
    case JSON_NODE_OBJECT:
        return "object";
    case JSON_NODE_ARRAY:
        return "array";
    case JSON_NODE_NULL:
        return "null";
    default:
        break;
    }
    switch (json_node_get_value_type(node)) {
    case G_TYPE_STRING:
        return "string";
    case G_TYPE_BOOLEAN:
        return "boolean";
    case G_TYPE_INT64:
        return "int";
    default:
        return "number";
    }
}

static bool wrong_type(const char *name, const char *expected, GError **error)
{
    return error_setf(error, "Invalid parameter type for '%s', expected: %s",
                      name[0] ? name : "arguments", expected);
}

static bool check_builtin(const SchemaType *type, JsonNode *node, const char *name, GError **error)
{
    const char *found = json_type_of(node);

    if (strcmp(type->json_type, "value") == 0 || strcmp(type->json_type, found) == 0 ||
        (strcmp(type->json_type, "number") == 0 && strcmp(found, "int") == 0)) {
        return true;
    }
    return wrong_type(name, strcmp(type->json_type, "int") == 0 ? "integer" : type->json_type,
                      error);
}

static bool check_enum(const SchemaType *type, JsonNode *node, const char *name, GError **error)
{
    if (strcmp(json_type_of(node), "string") != 0) {
        return wrong_type(name, "string", error);
    }
    const char *value = json_node_get_string(node);
    return g_strv_contains((const char *const *)type->values, value) ||
           error_setf(error, "Parameter '%s' does not accept value '%s'", name, value);
}

static bool check_array(const SchemaType *type, JsonNode *node, const char *name, GError **error)
{
    if (!JSON_NODE_HOLDS_ARRAY(node)) {
        return wrong_type(name, "array", error);
    }
    JsonArray *array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        g_autofree char *element = g_strdup_printf("%s[%u]", name, i);
        if (!schema_check(type->element, json_array_get_element(array, i), element, error)) {
            return false;
        }
    }
    return true;
}

/* What an alternate's branch looks like from outside. */
static const char *outer_json_type(const SchemaType *type)
{
    switch (type->kind) {
    case SCHEMA_BUILTIN:
        return type->json_type;
    case SCHEMA_ENUM:
        return "string";
    case SCHEMA_ARRAY:
        return "array";
    default:
        return "object";
    }
}

static bool check_alternate(const SchemaType *type, JsonNode *node, const char *name,
                            GError **error)
{
    const char *found = json_type_of(node);

    for (guint i = 0; i < type->members->len; i++) {
        const SchemaType *branch = g_array_index(type->members, SchemaMember, i).type;
        if (strcmp(outer_json_type(branch), found) == 0) {
            return schema_check(branch, node, name, error);
        }
    }
    return wrong_type(name, type->name, error);
}

static char *join(const char *name, const char *member)
{
    return name[0] ? g_strdup_printf("%s.%s", name, member) : g_strdup(member);
}

static bool check_members(const SchemaType *type, JsonObject *object, const char *name,
                          GHashTable *known, GError **error)
{
    for (guint i = 0; i < type->members->len; i++) {
        const SchemaMember *member = &g_array_index(type->members, SchemaMember, i);
        g_autofree char *path = join(name, member->name);
        JsonNode *value = json_object_get_member(object, member->name);

        g_hash_table_add(known, member->name);
        if (!value) {
            if (!member->optional) {
                return error_setf(error, "Parameter '%s' is missing", path);
            }
        } else if (!schema_check(member->type, value, path, error)) {
            return false;
        }
    }
    return true;
}

static bool check_variant(const SchemaType *type, JsonObject *object, const char *name,
                          GHashTable *known, GError **error)
{
    const char *value = json_object_get_string_member_with_default(object, type->tag, NULL);

    for (guint i = 0; value && i < type->variants->len; i++) {
        const SchemaVariant *variant = &g_array_index(type->variants, SchemaVariant, i);
        if (strcmp(variant->value, value) == 0) {
            return check_members(variant->type, object, name, known, error) &&
                   (!variant->type->variants ||
                    check_variant(variant->type, object, name, known, error));
        }
    }
    return true; /* a value without members of its own */
}

static bool check_unexpected(JsonObject *object, const char *name, GHashTable *known,
                             GError **error)
{
    JsonObjectIter iter;
    const char *member;
    JsonNode *value;

    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &member, &value)) {
        if (!g_hash_table_contains(known, member)) {
            g_autofree char *path = join(name, member);
            return error_setf(error, "Parameter '%s' is unexpected", path);
        }
    }
    return true;
}

static bool check_object(const SchemaType *type, JsonNode *node, const char *name, GError **error)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        return wrong_type(name, "object", error);
    }
    JsonObject *object = json_node_get_object(node);
    return check_members(type, object, name, known, error) &&
           (!type->variants || check_variant(type, object, name, known, error)) &&
           check_unexpected(object, name, known, error);
}

bool schema_check(const SchemaType *type, JsonNode *node, const char *name, GError **error)
{
    switch (type->kind) {
    case SCHEMA_BUILTIN:
        return check_builtin(type, node, name, error);
    case SCHEMA_ENUM:
        return check_enum(type, node, name, error);
    case SCHEMA_ARRAY:
        return check_array(type, node, name, error);
    case SCHEMA_ALTERNATE:
        return check_alternate(type, node, name, error);
    default:
        return check_object(type, node, name, error);
    }
}
