/*
 * HMP: the Xen domain, its event channels and its store.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/qmp_command.h"
#include "util/options.h"

/* ---- event channels ---- */

static void print_port(HmpCall *call, JsonObject *port)
{
    const char *type = json_object_get_string_member(port, "type");
    const char *remote = json_object_get_string_member(port, "remote-domain");
    int64_t target = json_object_get_int_member(port, "target");

    hmp_printf(call, "port %4d: vcpu: %d %s", (int)json_object_get_int_member(port, "port"),
               (int)json_object_get_int_member(port, "vcpu"), type);
    if (strcmp(type, "ipi") != 0) {
        hmp_printf(call, " (%s%s%" G_GINT64_FORMAT ")", remote, remote[0] ? ":" : "", target);
    }
    hmp_printf(call, "%s%s\n", json_object_get_boolean_member(port, "pending") ? " PENDING" : "",
               json_object_get_boolean_member(port, "masked") ? " MASKED" : "");
}

static void print_ports(HmpCall *call, JsonArray *list)
{
    for (guint i = 0; i < json_array_get_length(list); i++) {
        print_port(call, json_array_get_object_element(list, i));
    }
}

static bool run_event_list(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "xen-event-list", 0);

    if (result) {
        print_ports(call, json_node_get_array(result));
    }
    return result != NULL;
}

static bool run_event_inject(HmpCall *call, GError **error)
{
    uint64_t port;

    if (!parse_uint(call->words[0], "port", 0, UINT32_MAX, &port, error)) {
        return false;
    }
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "xen-event-inject", 'i', "port", (int64_t)port, 0);
    if (result) {
        hmp_printf(call, "Delivered port %u\n", (unsigned)port);
    }
    return result != NULL;
}

/* ---- xenstore ---- */

static bool run_store_read(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "xenstore-read", 's', "path", call->words[0], 0);

    if (result) {
        hmp_printf(call, "%s\n", json_node_get_string(result));
    }
    return result != NULL;
}

static bool run_store_write(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "xenstore-write", 's', "path", call->words[0],
                                         's', "data", call->words[1], 0);
    return result != NULL;
}

static bool run_store_list(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "xenstore-list", 's', "path", call->count ? call->words[0] : "/", 0);
    JsonArray *list = result ? json_node_get_array(result) : NULL;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        hmp_printf(call, "%s\n", json_array_get_string_element(list, i));
    }
    return list != NULL;
}

static bool run_store_rm(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "xenstore-rm", 's', "path", call->words[0], 0);
    return result != NULL;
}

static const HmpCommand commands[] = {
    {"xen-event-list", "", "the Xen guest's event channels", 0, 0, run_event_list},
    {"xen-event-inject", "port", "raise an event channel of the Xen guest", 1, 1, run_event_inject},
    {"xenstore-read", "path", "a value of the Xen guest's store", 1, 1, run_store_read},
    {"xenstore-write", "path value", "write it", 2, 2, run_store_write},
    {"xenstore-list", "[path]", "the children of a node of the store", 0, 1, run_store_list},
    {"xenstore-rm", "path", "remove a node of the store and all below it", 1, 1, run_store_rm},
};
const HmpTable hmp_table_xen = {commands, G_N_ELEMENTS(commands)};

/* ---- info xen ---- */

static int64_t number(JsonObject *object, const char *name)
{
    return json_object_get_int_member(object, name);
}

static const char *text(JsonObject *object, const char *name)
{
    return json_object_get_string_member_with_default(object, name, "?");
}

static void print_memory(HmpCall *call, JsonObject *memory)
{
    hmp_printf(call, "memory: %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " KiB",
               number(memory, "actual") / 1024, number(memory, "maximum") / 1024);
    if (json_object_has_member(memory, "target")) {
        hmp_printf(call, ", target %" G_GINT64_FORMAT, number(memory, "target") / 1024);
    }
    hmp_printf(call, "\n");
}

static void print_quotas(HmpCall *call, JsonArray *list)
{
    hmp_printf(call, "store:\n");
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *quota = json_array_get_object_element(list, i);
        if (json_object_has_member(quota, "used")) {
            hmp_printf(call, "  %s: %d of %d\n", text(quota, "name"), (int)number(quota, "used"),
                       (int)number(quota, "limit"));
        }
    }
}

static void print_hypercalls(HmpCall *call, JsonObject *info)
{
    JsonArray *list = json_object_get_array_member(info, "hypercalls");
    JsonArray *uncounted = json_object_get_array_member(info, "uncounted");

    hmp_printf(call, "hypercalls:\n");
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *row = json_array_get_object_element(list, i);
        hmp_printf(call, "  %2d %s: %" G_GINT64_FORMAT "\n", (int)number(row, "number"),
                   text(row, "name"), number(row, "count"));
    }
    for (guint i = 0; i < json_array_get_length(uncounted); i++) {
        hmp_printf(call, "  not counted where the kernel completes it: %s\n",
                   json_array_get_string_element(uncounted, i));
    }
}

static bool info_xen(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-xen", 0);
    JsonObject *info = result ? json_node_get_object(result) : NULL;

    if (!info) {
        return false;
    }
    JsonObject *evtchn = json_object_get_object_member(info, "event-channels");
    JsonObject *grants = json_object_get_object_member(info, "grants");
    hmp_printf(call, "domain %d, Xen %s, %d-bit guest\nhost: %s, hypercalls by %s\n",
               (int)number(info, "domain-id"), text(info, "version"),
               (int)number(info, "guest-bits"), text(info, "host"), text(info, "transport"));
    print_memory(call, json_object_get_object_member(info, "memory"));
    hmp_printf(call, "grants: %d in use, %d of %d frames, version %d\n",
               (int)number(grants, "in-use"), (int)number(grants, "frames"),
               (int)number(grants, "max-frames"), (int)number(grants, "version"));
    print_quotas(call, json_object_get_array_member(info, "store-quotas"));
    print_hypercalls(call, info);
    hmp_printf(call, "event channels: %d of %d, %s\n", (int)number(evtchn, "open"),
               (int)number(evtchn, "limit"), text(evtchn, "abi"));
    print_ports(call, json_object_get_array_member(info, "ports"));
    return true;
}

static const HmpCommand info_commands[] = {
    {"xen", "", "the Xen guest: hypercalls, event channels, grants, store", 0, 0, info_xen},
};
const HmpTable hmp_info_xen = {info_commands, G_N_ELEMENTS(info_commands)};
