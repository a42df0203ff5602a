/*
 * The list of all command tables, and how one command runs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/qmp_command.h"

#include <string.h>

static const QmpTable *const tables[] = {
    &qmp_table_control, &qmp_table_schema,  &qmp_table_run,   &qmp_table_machine,
    &qmp_table_cpu,     &qmp_table_memory,  &qmp_table_pci,   &qmp_table_object,
    &qmp_table_device,  &qmp_table_block,   &qmp_table_media, &qmp_table_chardev,
    &qmp_table_fd,      &qmp_table_input,   &qmp_table_misc,  &qmp_table_migration,
    &qmp_table_human,   &qmp_table_options, &qmp_table_xen,   &qmp_table_xenstore,
    &qmp_table_balloon, &qmp_table_stats,   &qmp_table_net,
};

static GPtrArray *all; /* of QmpCommand, by name */

static gint compare_commands(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const QmpCommand *const *)a)->name, (*(const QmpCommand *const *)b)->name);
}

static void collect(void)
{
    if (all) {
        return;
    }
    all = g_ptr_array_new();
    for (unsigned i = 0; i < G_N_ELEMENTS(tables); i++) {
        for (unsigned j = 0; j < tables[i]->count; j++) {
            g_ptr_array_add(all, (gpointer)(uintptr_t)&tables[i]->commands[j]);
        }
    }
    g_ptr_array_sort(all, compare_commands);
}

void qmp_command_foreach(void (*visit)(const QmpCommand *command, void *opaque), void *opaque)
{
    collect();
    for (guint i = 0; i < all->len; i++) {
        visit(g_ptr_array_index(all, i), opaque);
    }
}

const QmpCommand *qmp_command_find(const char *name)
{
    collect();
    for (guint i = 0; i < all->len; i++) {
        const QmpCommand *command = g_ptr_array_index(all, i);
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}

bool qmp_fail(GError **error, XenolithError class, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, xenolith_error_quark(), (gint) class, text);
    return false;
}

static bool is_base64(const QmpCall *call)
{
    return g_strcmp0(qmp_string(call, "format"), "base64") == 0;
}

uint8_t *qmp_bytes(const QmpCall *call, gsize *length, GError **error)
{
    const char *data = qmp_string(call, "data");
    g_autofree uint8_t *bytes = NULL;

    if (!is_base64(call)) {
        *length = strlen(data);
        return (uint8_t *)g_strdup(data);
    }
    bytes = g_base64_decode(data, length);
    if (!bytes || (*length == 0 && data[0])) {
        error_setf(error, "Parameter 'data' is not valid base64");
        return NULL;
    }
    return g_steal_pointer(&bytes);
}

bool qmp_return_bytes(QmpCall *call, const void *bytes, gsize length)
{
    g_autofree char *text = is_base64(call) ? g_base64_encode(bytes, length)
                                            : g_utf8_make_valid(bytes, (gssize)length);

    return qmp_return_string(call, text);
}

/* What a row with open arguments leaves to its handler. */
static JsonObject *known_members(const SchemaType *type, JsonObject *arguments)
{
    JsonObject *known = json_object_new();

    for (guint i = 0; i < type->members->len; i++) {
        const char *name = g_array_index(type->members, SchemaMember, i).name;
        if (json_object_has_member(arguments, name)) {
            json_object_set_member(known, name, json_object_dup_member(arguments, name));
        }
    }
    return known;
}

static bool check_arguments(const QmpCommand *command, JsonObject *arguments, GError **error)
{
    const SchemaType *type = schema_members(command->arguments);
    g_autoptr(JsonObject) known = command->flags & QMP_OPEN_ARGUMENTS
                                      ? known_members(type, arguments)
                                      : json_object_ref(arguments);
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);

    json_node_set_object(node, known);
    return schema_check(type, node, "", error);
}

JsonNode *qmp_run(Monitor *monitor, const char *name, JsonObject *arguments, GError **error)
{
    const QmpCommand *command = qmp_command_find(name);
    g_autoptr(JsonObject) given = arguments ? json_object_ref(arguments) : json_object_new();
    QmpCall call = {.monitor = monitor, .arguments = given};

    if (!command) {
        qmp_fail(error, XENOLITH_ERROR_COMMAND_NOT_FOUND, "The command %s has not been found",
                 name);
        return NULL;
    }
    if (!check_arguments(command, given, error)) {
        return NULL;
    }
    if (!command->handle(&call, error)) {
        g_clear_pointer(&call.result, json_node_unref);
        return NULL;
    }
    if (!call.result) {
        qmp_return_object(&call, json_object_new());
    }
    return call.result;
}
