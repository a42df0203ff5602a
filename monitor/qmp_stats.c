/*
 * QMP: the accelerator's statistics of the VM and its vCPUs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "accel/vcpu.h"
#include "monitor/qmp_command.h"

#define PROVIDER "kvm"

static Accel *provider(void)
{
    Accel *accel = machine_accel(machine_get());

    return accel && strcmp(accel_name(accel), PROVIDER) == 0 ? accel : NULL;
}

static bool list_has(JsonArray *list, const char *name)
{
    for (guint i = 0; i < json_array_get_length(list); i++) {
        if (strcmp(json_array_get_string_element(list, i), name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- values ---- */

typedef struct {
    JsonArray *names; /* NULL: all */
    JsonArray *list;
} StatList;

static JsonNode *stat_value(const AccelStat *stat)
{
    bool histogram = stat->kind == ACCEL_STAT_LINEAR_HISTOGRAM ||
                     stat->kind == ACCEL_STAT_LOG2_HISTOGRAM || stat->count > 1;
    JsonNode *node;
    JsonArray *values;

    if (stat->unit == ACCEL_STAT_BOOLEAN && !histogram) {
        return json_node_init_boolean(json_node_alloc(), stat->values[0] != 0);
    }
    if (!histogram) {
        return json_node_init_int(json_node_alloc(), (gint64)stat->values[0]);
    }
    values = json_array_new();
    for (unsigned i = 0; i < stat->count; i++) {
        json_array_add_int_element(values, (gint64)stat->values[i]);
    }
    node = json_node_new(JSON_NODE_ARRAY);
    json_node_take_array(node, values);
    return node;
}

static void add_value(const AccelStat *stat, void *opaque)
{
    StatList *stats = opaque;
    JsonObject *info;

    if (stats->names && !list_has(stats->names, stat->name)) {
        return;
    }
    info = json_object_new();
    json_object_set_string_member(info, "name", stat->name);
    json_object_set_member(info, "value", stat_value(stat));
    json_array_add_object_element(stats->list, info);
}

/* The result of one target, unless nothing of what was asked for is there. */
static bool add_result(JsonArray *results, Vcpu *vcpu, JsonArray *names, GError **error)
{
    StatList stats = {names, json_array_new()};
    JsonObject *result;

    if (!accel_stats(provider(), vcpu, add_value, &stats, error)) {
        json_array_unref(stats.list);
        return false;
    }
    if (json_array_get_length(stats.list) == 0) {
        json_array_unref(stats.list);
        return true;
    }
    result = json_object_new();
    json_object_set_string_member(result, "provider", PROVIDER);
    if (vcpu) {
        g_autofree char *path = monitor_cpu_path(vcpu->index);
        json_object_set_string_member(result, "qom-path", path);
    }
    json_object_set_array_member(result, "stats", stats.list);
    json_array_add_object_element(results, result);
    return true;
}

static bool add_vcpus(JsonArray *results, const QmpCall *call, JsonArray *names, GError **error)
{
    JsonArray *wanted =
        qmp_has(call, "vcpus") ? json_object_get_array_member(call->arguments, "vcpus") : NULL;

    for (unsigned i = 0; i < monitor_cpu_count(); i++) {
        g_autofree char *path = monitor_cpu_path(i);
        if ((!wanted || list_has(wanted, path)) &&
            !add_result(results, monitor_cpu(i, NULL), names, error)) {
            return false;
        }
    }
    return true;
}

/* False: there are requests, and none is for this provider. @names: of that one, or NULL for all.
 */
static bool find_request(const QmpCall *call, JsonArray **names)
{
    JsonArray *requests;

    *names = NULL;
    if (!qmp_has(call, "providers")) {
        return true;
    }
    requests = json_object_get_array_member(call->arguments, "providers");
    if (json_array_get_length(requests) == 0) {
        return false;
    }
    JsonObject *request = json_array_get_object_element(requests, 0); /* the schema has one kind */
    if (json_object_has_member(request, "names")) {
        *names = json_object_get_array_member(request, "names");
    }
    return true;
}

static bool query_stats(QmpCall *call, GError **error)
{
    g_autoptr(JsonArray) results = json_array_new();
    JsonArray *names;
    bool of_vm = strcmp(qmp_string(call, "target"), "vm") == 0;

    if (provider() && find_request(call, &names) &&
        !(of_vm ? add_result(results, NULL, names, error)
                : add_vcpus(results, call, names, error))) {
        return false;
    }
    return qmp_return_array(call, g_steal_pointer(&results));
}

/* ---- schemas ---- */

static void add_schema_value(const AccelStat *stat, void *list)
{
    static const char *const kinds[] = {"cumulative", "instant", "peak", "linear-histogram",
                                        "log2-histogram"};
    static const char *const units[] = {NULL, "bytes", "seconds", "cycles", "boolean"};
    JsonObject *info = json_object_new();

    json_object_set_string_member(info, "name", stat->name);
    json_object_set_string_member(info, "type", kinds[stat->kind]);
    if (units[stat->unit]) {
        json_object_set_string_member(info, "unit", units[stat->unit]);
    }
    if (stat->exponent != 0) {
        json_object_set_int_member(info, "base", stat->base);
    }
    json_object_set_int_member(info, "exponent", stat->exponent);
    if (stat->kind == ACCEL_STAT_LINEAR_HISTOGRAM) {
        json_object_set_int_member(info, "bucket-size", stat->bucket_size);
    }
    json_array_add_object_element(list, info);
}

static bool add_schema(JsonArray *schemas, const char *target, Vcpu *vcpu, GError **error)
{
    g_autoptr(JsonArray) list = json_array_new();
    JsonObject *schema;

    if (!accel_stats(provider(), vcpu, add_schema_value, list, error)) {
        return false;
    }
    if (json_array_get_length(list) > 0) {
        schema = json_object_new();
        json_object_set_string_member(schema, "provider", PROVIDER);
        json_object_set_string_member(schema, "target", target);
        json_object_set_array_member(schema, "stats", g_steal_pointer(&list));
        json_array_add_object_element(schemas, schema);
    }
    return true;
}

static bool query_stats_schemas(QmpCall *call, GError **error)
{
    g_autoptr(JsonArray) schemas = json_array_new();

    if (provider() &&
        (!add_schema(schemas, "vm", NULL, error) ||
         (monitor_cpu_count() > 0 && !add_schema(schemas, "vcpu", monitor_cpu(0, NULL), error)))) {
        return false;
    }
    return qmp_return_array(call, g_steal_pointer(&schemas));
}

static const QmpCommand commands[] = {
    {"query-stats", "=StatsFilter", "[StatsResult]", 0, query_stats},
    {"query-stats-schemas", "provider?:StatsProvider", "[StatsSchema]", 0, query_stats_schemas},
};
const QmpTable qmp_table_stats = {commands, G_N_ELEMENTS(commands)};
