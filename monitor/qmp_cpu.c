/*
 * QMP: CPU models.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/qmp_command.h"
#include "target/i386/cpu_model.h"

static const X86CPUIDEntry *host_cpuid(unsigned *count)
{
    Accel *accel = machine_accel(machine_get());

    *count = 0;
    return accel ? accel_host_cpuid(accel, count) : NULL;
}

/* ---- query-cpu-definitions ---- */

static void add_missing(const char *feature, void *list)
{
    json_array_add_string_element(list, feature);
}

static void add_definition(const char *name, const char *alias_of, void *list)
{
    JsonObject *info = json_object_new();
    JsonArray *unavailable = json_array_new();
    g_autofree char *type = g_strconcat(name, "-x86_64-cpu", NULL);
    unsigned count;
    const X86CPUIDEntry *host = host_cpuid(&count);
    bool follows_host = strcmp(name, "host") == 0 || strcmp(name, "max") == 0;

    x86_cpu_model_missing(name, host, count, add_missing, unavailable);
    json_object_set_string_member(info, "name", name);
    json_object_set_string_member(info, "typename", type);
    json_object_set_array_member(info, "unavailable-features", unavailable);
    if (alias_of) {
        json_object_set_string_member(info, "alias-of", alias_of);
    }
    json_object_set_boolean_member(info, "static", strcmp(name, "base") == 0);
    json_object_set_boolean_member(info, "migration-safe", !follows_host);
    json_object_set_boolean_member(info, "deprecated", FALSE);
    json_array_add_object_element(list, info);
}

static bool query_cpu_definitions(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    x86_cpu_model_foreach(add_definition, list);
    return qmp_return_array(call, list);
}

/* ---- query-cpu-model-expansion ---- */

static bool property_text(const char *name, JsonNode *node, char **text, GError **error)
{
    GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;

    if (type == G_TYPE_BOOLEAN) {
        *text = g_strdup(json_node_get_boolean(node) ? "on" : "off");
    } else if (type == G_TYPE_INT64) {
        *text = g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
    } else if (type == G_TYPE_STRING && !strchr(json_node_get_string(node), ',')) {
        *text = g_strdup(json_node_get_string(node));
    } else {
        return error_setf(error, "Invalid parameter type for 'model.props.%s'", name);
    }
    return true;
}

/* The model as -cpu would have it. */
static char *model_text(JsonObject *model, GError **error)
{
    g_autoptr(GString) text = g_string_new(json_object_get_string_member(model, "name"));
    JsonNode *properties = json_object_get_member(model, "props");
    JsonObjectIter iter;
    const char *name;
    JsonNode *value;

    if (strchr(text->str, ',')) {
        error_setf(error, "The CPU definition '%s' is unknown.", text->str);
        return NULL;
    }
    if (!properties) {
        return g_string_free(g_steal_pointer(&text), FALSE);
    }
    if (!JSON_NODE_HOLDS_OBJECT(properties)) {
        error_setf(error, "Invalid parameter type for 'model.props', expected: object");
        return NULL;
    }
    json_object_iter_init_ordered(&iter, json_node_get_object(properties));
    while (json_object_iter_next_ordered(&iter, &name, &value)) {
        g_autofree char *setting = NULL;
        if (!property_text(name, value, &setting, error)) {
            return NULL;
        }
        g_string_append_printf(text, ",%s=%s", name, setting);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void add_feature(const char *feature, bool on, void *properties)
{
    json_object_set_boolean_member(properties, feature, on);
}

static JsonObject *describe_model(const X86CPUModel *model)
{
    X86CPUIdentity identity = x86_cpu_model_identity(model);
    JsonObject *properties = json_object_new();

    x86_cpu_model_features(model, add_feature, properties);
    json_object_set_string_member(properties, "vendor", identity.vendor);
    json_object_set_string_member(properties, "model-id", identity.model_id);
    json_object_set_int_member(properties, "family", identity.family);
    json_object_set_int_member(properties, "model", identity.model);
    json_object_set_int_member(properties, "stepping", identity.stepping);
    json_object_set_int_member(properties, "level", identity.level);
    json_object_set_int_member(properties, "xlevel", identity.xlevel);
    return properties;
}

static bool query_cpu_model_expansion(QmpCall *call, GError **error)
{
    static const X86Topology one_cpu = {1, 1, 1, 1};
    JsonObject *wanted = json_object_get_object_member(call->arguments, "model");
    bool is_static = strcmp(qmp_string(call, "type"), "static") == 0;
    g_autofree char *text = model_text(wanted, error);
    unsigned count;
    const X86CPUIDEntry *host = host_cpuid(&count);
    X86CPUModel *model =
        text ? x86_cpu_model_parse(text, text, host, count, &one_cpu, error) : NULL;
    JsonObject *result, *expanded;

    if (!model) {
        return false;
    }
    result = json_object_new();
    expanded = json_object_new();
    json_object_set_string_member(
        expanded, "name", is_static ? "base" : json_object_get_string_member(wanted, "name"));
    json_object_set_object_member(expanded, "props", describe_model(model));
    json_object_set_object_member(result, "model", expanded);
    x86_cpu_model_free(model);
    return qmp_return_object(call, result);
}

static const QmpCommand commands[] = {
    {"query-cpu-definitions", NULL, "[CpuDefinitionInfo]", 0, query_cpu_definitions},
    {"query-cpu-model-expansion", "type:CpuModelExpansionType model:CpuModelInfo",
     "CpuModelExpansionInfo", 0, query_cpu_model_expansion},
};
const QmpTable qmp_table_cpu = {commands, G_N_ELEMENTS(commands)};
