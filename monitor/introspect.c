/*
 * query-qmp-schema: the command, event and type tables as a client can read them.
 *
 * Types have numbers for names, as in QEMU: a client must not rely on what they are called.
 *
 * Source: the QMP introspection chapter of QEMU's QAPI documentation.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/events.h"
#include "monitor/qmp_command.h"

typedef struct {
    JsonArray *list;
    GHashTable *names; /* SchemaType to its masked name */
    GQueue waiting;    /* named types that are not in @list yet */
} Writer;

static JsonObject *new_entry(const char *name, const char *meta_type)
{
    JsonObject *entry = json_object_new();

    json_object_set_string_member(entry, "name", name);
    json_object_set_string_member(entry, "meta-type", meta_type);
    return entry;
}

/* The name by which other entries refer to @type; sees to it that it gets an entry of its own. */
static const char *name_of(Writer *writer, const SchemaType *type)
{
    char *name = g_hash_table_lookup(writer->names, type);

    if (name) {
        return name;
    }
    if (type->kind == SCHEMA_BUILTIN) {
        name = g_strdup(type->name);
    } else if (type->kind == SCHEMA_ARRAY) {
        name = g_strdup_printf("[%s]", name_of(writer, type->element));
    } else {
        name = g_strdup_printf("%u", g_hash_table_size(writer->names));
    }
    g_hash_table_insert(writer->names, (gpointer)(uintptr_t)type, name);
    g_queue_push_tail(&writer->waiting, (gpointer)(uintptr_t)type);
    return name;
}

static JsonArray *member_list(Writer *writer, const SchemaType *type)
{
    JsonArray *members = json_array_new();

    for (guint i = 0; i < type->members->len; i++) {
        const SchemaMember *member = &g_array_index(type->members, SchemaMember, i);
        JsonObject *entry = json_object_new();
        if (type->kind == SCHEMA_OBJECT) {
            json_object_set_string_member(entry, "name", member->name);
        }
        json_object_set_string_member(entry, "type", name_of(writer, member->type));
        if (member->optional) {
            json_object_set_null_member(entry, "default");
        }
        json_array_add_object_element(members, entry);
    }
    return members;
}

static bool has_variant(const SchemaType *type, const char *value)
{
    for (guint i = 0; i < type->variants->len; i++) {
        if (strcmp(g_array_index(type->variants, SchemaVariant, i).value, value) == 0) {
            return true;
        }
    }
    return false;
}

static void add_case(JsonArray *variants, const char *value, const char *type_name)
{
    JsonObject *entry = json_object_new();

    json_object_set_string_member(entry, "case", value);
    json_object_set_string_member(entry, "type", type_name);
    json_array_add_object_element(variants, entry);
}

static const SchemaType *tag_type(const SchemaType *type)
{
    for (guint i = 0; i < type->members->len; i++) {
        const SchemaMember *member = &g_array_index(type->members, SchemaMember, i);
        if (strcmp(member->name, type->tag) == 0) {
            return member->type;
        }
    }
    g_assert_not_reached();
}

static JsonArray *variant_list(Writer *writer, const SchemaType *type)
{
    JsonArray *variants = json_array_new();
    const SchemaType *tag = tag_type(type);

    for (guint i = 0; i < type->variants->len; i++) {
        const SchemaVariant *variant = &g_array_index(type->variants, SchemaVariant, i);
        add_case(variants, variant->value, name_of(writer, variant->type));
    }
    for (char **value = tag->values; *value; value++) {
        if (!has_variant(type, *value)) {
            add_case(variants, *value, name_of(writer, schema_members(NULL)));
        }
    }
    return variants;
}

static void write_enum(Writer *writer, JsonObject *entry, const SchemaType *type)
{
    JsonArray *members = json_array_new(), *values = json_array_new();

    for (char **value = type->values; *value; value++) {
        JsonObject *member = json_object_new();
        json_object_set_string_member(member, "name", *value);
        json_array_add_object_element(members, member);
        json_array_add_string_element(values, *value);
    }
    json_object_set_array_member(entry, "members", members);
    json_object_set_array_member(entry, "values", values);
}

static void write_builtin(Writer *writer, JsonObject *entry, const SchemaType *type)
{
    json_object_set_string_member(entry, "json-type", type->json_type);
}

static void write_array(Writer *writer, JsonObject *entry, const SchemaType *type)
{
    json_object_set_string_member(entry, "element-type", name_of(writer, type->element));
}

static void write_members(Writer *writer, JsonObject *entry, const SchemaType *type)
{
    json_object_set_array_member(entry, "members", member_list(writer, type));
    if (type->variants) {
        json_object_set_string_member(entry, "tag", type->tag);
        json_object_set_array_member(entry, "variants", variant_list(writer, type));
    }
}

static const struct {
    const char *meta_type;
    void (*write)(Writer *writer, JsonObject *entry, const SchemaType *type);
} kinds[] = {
    [SCHEMA_BUILTIN] = {"builtin", write_builtin},     [SCHEMA_ENUM] = {"enum", write_enum},
    [SCHEMA_OBJECT] = {"object", write_members},       [SCHEMA_ARRAY] = {"array", write_array},
    [SCHEMA_ALTERNATE] = {"alternate", write_members},
};

static void write_type(Writer *writer, const SchemaType *type)
{
    JsonObject *entry = new_entry(name_of(writer, type), kinds[type->kind].meta_type);

    kinds[type->kind].write(writer, entry, type);
    json_array_add_object_element(writer->list, entry);
}

static void add_features(JsonObject *entry, const char *features)
{
    if (features) {
        g_auto(GStrv) words = g_strsplit(features, " ", -1);
        JsonArray *list = json_array_new();
        for (char **word = words; *word; word++) {
            json_array_add_string_element(list, *word);
        }
        json_object_set_array_member(entry, "features", list);
    }
}

static void write_command(const QmpCommand *command, void *opaque)
{
    Writer *writer = opaque;
    JsonObject *entry = new_entry(command->name, "command");
    const SchemaType *result =
        command->result ? schema_type(command->result) : schema_members(NULL);

    json_object_set_string_member(entry, "arg-type",
                                  name_of(writer, schema_members(command->arguments)));
    json_object_set_string_member(entry, "ret-type", name_of(writer, result));
    if (command->flags & QMP_OOB) {
        json_object_set_boolean_member(entry, "allow-oob", TRUE);
    }
    add_features(entry, command->features);
    json_array_add_object_element(writer->list, entry);
}

static void write_events(Writer *writer)
{
    for (unsigned i = 0; i < qmp_event_count; i++) {
        JsonObject *entry = new_entry(qmp_events[i].name, "event");
        json_object_set_string_member(entry, "arg-type",
                                      name_of(writer, schema_members(qmp_events[i].members)));
        json_array_add_object_element(writer->list, entry);
    }
}

static bool query_qmp_schema(QmpCall *call, GError **error)
{
    Writer writer = {
        .list = json_array_new(),
        .names = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free),
    };
    const SchemaType *type;

    g_queue_init(&writer.waiting);
    qmp_command_foreach(write_command, &writer);
    write_events(&writer);
    while ((type = g_queue_pop_head(&writer.waiting))) {
        write_type(&writer, type);
    }
    g_hash_table_unref(writer.names);
    return qmp_return_array(call, writer.list);
}

static const QmpCommand commands[] = {
    {"query-qmp-schema", NULL, "[SchemaInfo]", 0, query_qmp_schema},
};
const QmpTable qmp_table_schema = {commands, G_N_ELEMENTS(commands)};
