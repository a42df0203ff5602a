/*
 * QMP: the object tree, types, and the objects of -object.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/block/io_thread.h"
#include "monitor/qmp_command.h"
#include "monitor/qom_tree.h"

static bool device_not_found(const char *path, GError **error)
{
    return qmp_fail(error, XENOLITH_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", path);
}

static JsonObject *property_info(const char *name, const char *type)
{
    JsonObject *info = json_object_new();

    json_object_set_string_member(info, "name", name);
    json_object_set_string_member(info, "type", type);
    return info;
}

/* ---- qom-list ---- */

static void add_child(JsonArray *list, const char *name, const char *type)
{
    g_autofree char *child_type = g_strdup_printf("child<%s>", type);

    json_array_add_object_element(list, property_info(name, child_type));
}

/* The name of @path below @parent, or NULL if it is no direct child. */
static const char *child_name(const char *parent, const char *path)
{
    size_t length = strcmp(parent, "/") == 0 ? 0 : strlen(parent);

    if (strncmp(parent, path, length) != 0 || path[length] != '/' || path[length + 1] == '\0') {
        return NULL;
    }
    return strchr(path + length + 1, '/') ? NULL : path + length + 1;
}

static void add_device_properties(JsonArray *list, Device *device)
{
    guint count;
    g_autofree GParamSpec **specs =
        g_object_class_list_properties(G_OBJECT_GET_CLASS(device), &count);

    json_array_add_object_element(list, property_info("realized", "bool"));
    for (guint i = 0; i < count; i++) {
        if (device_property_of(specs[i])) {
            json_array_add_object_element(
                list, property_info(qom_property_name(specs[i]), device_property_type(specs[i])));
        }
    }
}

static bool qom_list(QmpCall *call, GError **error)
{
    g_autoptr(GPtrArray) nodes = qom_tree_nodes();
    const QomNode *node = qom_tree_find(nodes, qmp_string(call, "path"));
    JsonArray *list;

    if (!node) {
        return device_not_found(qmp_string(call, "path"), error);
    }
    list = json_array_new();
    json_array_add_object_element(list, property_info("type", "string"));
    if (node->device) {
        add_device_properties(list, node->device);
    }
    for (guint i = 0; i < nodes->len; i++) {
        const QomNode *other = g_ptr_array_index(nodes, i);
        const char *name = child_name(node->path, other->path);
        if (name) {
            add_child(list, name, other->type);
        }
    }
    return qmp_return_array(call, list);
}

/* ---- qom-get and qom-set ---- */

static bool property_not_found(const QomNode *node, const char *name, GError **error)
{
    return error_setf(error, "Property '%s.%s' not found", node->type, name);
}

static const QomNode *find_child(GPtrArray *nodes, const QomNode *parent, const char *name)
{
    for (guint i = 0; i < nodes->len; i++) {
        const QomNode *node = g_ptr_array_index(nodes, i);
        if (g_strcmp0(child_name(parent->path, node->path), name) == 0) {
            return node;
        }
    }
    return NULL;
}

static bool qom_get(QmpCall *call, GError **error)
{
    g_autoptr(GPtrArray) nodes = qom_tree_nodes();
    const char *name = qmp_string(call, "property");
    const QomNode *node = qom_tree_find(nodes, qmp_string(call, "path"));
    const QomNode *child;
    JsonNode *value;

    if (!node) {
        return device_not_found(qmp_string(call, "path"), error);
    }
    if (strcmp(name, "type") == 0) {
        return qmp_return_string(call, node->type);
    }
    if (node->device && strcmp(name, "realized") == 0) {
        return qmp_return_node(call, json_node_init_boolean(json_node_alloc(), TRUE));
    }
    value = node->device ? qom_property_get(node->device, name) : NULL;
    if (value) {
        return qmp_return_node(call, value);
    }
    child = find_child(nodes, node, name);
    return child ? qmp_return_string(call, child->path) : property_not_found(node, name, error);
}

static bool qom_set(QmpCall *call, GError **error)
{
    g_autoptr(GPtrArray) nodes = qom_tree_nodes();
    const char *name = qmp_string(call, "property");
    const QomNode *node = qom_tree_find(nodes, qmp_string(call, "path"));

    if (!node) {
        return device_not_found(qmp_string(call, "path"), error);
    }
    if (!node->device) {
        return property_not_found(node, name, error);
    }
    return device_set_property_node(node->device, name,
                                    json_object_get_member(call->arguments, "value"), error);
}

/* ---- types ---- */

typedef struct {
    JsonArray *list;
    const char *implements;
    bool abstract;
} TypeList;

static void add_type(const char *name, const char *parent, bool abstract, void *opaque)
{
    TypeList *types = opaque;
    JsonObject *info;

    if ((abstract && !types->abstract) ||
        (types->implements && !qom_type_is_a(name, types->implements))) {
        return;
    }
    info = json_object_new();
    json_object_set_string_member(info, "name", name);
    if (abstract) {
        json_object_set_boolean_member(info, "abstract", TRUE);
    }
    json_object_set_string_member(info, "parent", parent);
    json_array_add_object_element(types->list, info);
}

static bool qom_list_types(QmpCall *call, GError **error)
{
    TypeList types = {json_array_new(), qmp_string(call, "implements"),
                      qmp_bool(call, "abstract", false)};

    qom_type_foreach(add_type, &types);
    return qmp_return_array(call, types.list);
}

static void set_default(JsonObject *info, GParamSpec *spec)
{
    const GValue *value = g_param_spec_get_default_value(spec);
    DevicePropertyKind kind = device_property_of(spec)->kind;

    if (kind == DEVICE_PROPERTY_BOOL) {
        json_object_set_boolean_member(info, "default-value", g_value_get_boolean(value));
    } else if (kind == DEVICE_PROPERTY_INT32) {
        json_object_set_int_member(info, "default-value", g_value_get_int(value));
    } else if (G_VALUE_HOLDS_UINT64(value)) {
        json_object_set_int_member(info, "default-value", (gint64)g_value_get_uint64(value));
    } else if (G_VALUE_HOLDS_STRING(value) && g_value_get_string(value)) {
        json_object_set_string_member(info, "default-value", g_value_get_string(value));
    }
}

static JsonArray *class_properties(GType type)
{
    GObjectClass *klass = g_type_class_ref(type);
    JsonArray *list = json_array_new();
    guint count;
    g_autofree GParamSpec **specs = g_object_class_list_properties(klass, &count);

    for (guint i = 0; i < count; i++) {
        if (device_property_of(specs[i])) {
            const char *blurb = g_param_spec_get_blurb(specs[i]);
            JsonObject *info =
                property_info(qom_property_name(specs[i]), device_property_type(specs[i]));
            if (blurb && *blurb) {
                json_object_set_string_member(info, "description", blurb);
            }
            set_default(info, specs[i]);
            json_array_add_object_element(list, info);
        }
    }
    g_type_class_unref(klass);
    return list;
}

static bool device_list_properties(QmpCall *call, GError **error)
{
    const char *name = qmp_string(call, "typename");
    GType type = device_type_lookup(name);

    if (type) {
        return qmp_return_array(call, class_properties(type));
    }
    type = g_type_from_name(name);
    if (strcmp(name, "device") == 0 || (type && g_type_is_a(type, TYPE_DEVICE))) {
        return error_setf(error, "Parameter 'typename' expects a non-abstract device type");
    }
    return device_not_found(name, error);
}

typedef struct {
    const char *name;
    bool found;
} NameSearch;

static void match_name(const char *name, const char *parent, bool abstract, void *opaque)
{
    NameSearch *search = opaque;

    search->found |= strcmp(name, search->name) == 0;
}

static bool qom_list_properties(QmpCall *call, GError **error)
{
    NameSearch search = {qmp_string(call, "typename"), false};
    GType type = device_type_lookup(search.name);

    if (type) {
        return qmp_return_array(call, class_properties(type));
    }
    qom_type_foreach(match_name, &search);
    if (!search.found) {
        return qmp_fail(error, XENOLITH_ERROR_DEVICE_NOT_FOUND, "Class '%s' not found",
                        search.name);
    }
    return qmp_return_array(call, json_array_new());
}

/* ---- objects ---- */

static bool object_add(QmpCall *call, GError **error)
{
    return monitor_host()->object_add(call->arguments, error);
}

static bool object_del(QmpCall *call, GError **error)
{
    return monitor_host()->object_delete(qmp_string(call, "id"), error);
}

static void add_iothread(const char *id, const char *type, void *ram, void *list)
{
    IOThread *thread = strcmp(type, "iothread") == 0 ? io_thread_find(id) : NULL;
    JsonObject *info;

    if (!thread) {
        return;
    }
    IOThreadParameters parameters = io_thread_parameters(thread);
    info = json_object_new();
    json_object_set_string_member(info, "id", id);
    json_object_set_int_member(info, "thread-id", io_thread_host_id(thread));
    json_object_set_int_member(info, "poll-max-ns", (gint64)parameters.poll_max_ns);
    json_object_set_int_member(info, "poll-grow", (gint64)parameters.poll_grow);
    json_object_set_int_member(info, "poll-shrink", (gint64)parameters.poll_shrink);
    json_object_set_int_member(info, "aio-max-batch", (gint64)parameters.aio_max_batch);
    json_array_add_object_element(list, info);
}

static bool query_iothreads(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    monitor_host()->object_foreach(add_iothread, list);
    return qmp_return_array(call, list);
}

static const QmpCommand commands[] = {
    {"qom-list", "path:str", "[ObjectPropertyInfo]", 0, qom_list},
    {"qom-get", "path:str property:str", "any", 0, qom_get},
    {"qom-set", "path:str property:str value:any", NULL, 0, qom_set},
    {"qom-list-types", "implements?:str abstract?:bool", "[ObjectTypeInfo]", 0, qom_list_types},
    {"qom-list-properties", "typename:str", "[ObjectPropertyInfo]", 0, qom_list_properties},
    {"device-list-properties", "typename:str", "[ObjectPropertyInfo]", 0, device_list_properties},
    {"object-add", "=ObjectOptions", NULL, 0, object_add},
    {"object-del", "id:str", NULL, 0, object_del},
    {"query-iothreads", NULL, "[IOThreadInfo]", 0, query_iothreads},
};
const QmpTable qmp_table_object = {commands, G_N_ELEMENTS(commands)};
