/*
 * QMP: netdevs, links, filters of adapters, announcements.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <unistd.h>

#include "monitor/qmp_command.h"
#include "net/net.h"

/* ---- netdev_add, netdev_del ---- */

/* A descriptor may be named by getfd's name; then it is @taken from the monitor. */
static bool name_to_fd(QmpCall *call, JsonObject *options, const char *key, int *taken,
                       GError **error)
{
    const char *name = json_object_get_string_member_with_default(options, key, "");
    g_autofree char *number = NULL;

    if (!name[0] || g_ascii_isdigit(name[0])) {
        return true;
    }
    *taken = monitor_fd_take(call->monitor, name, error);
    if (*taken < 0) {
        return false;
    }
    number = g_strdup_printf("%d", *taken);
    json_object_set_string_member(options, key, number);
    return true;
}

static JsonObject *copy_of(JsonObject *object)
{
    JsonObject *copy = json_object_new();
    JsonObjectIter iter;
    const char *member;
    JsonNode *value;

    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &member, &value)) {
        json_object_set_member(copy, member, json_node_copy(value));
    }
    return copy;
}

/* The addresses of stream and dgram, which have their descriptor's name in "str". */
static bool addresses_to_fd(QmpCall *call, JsonObject *options, int *taken, GError **error)
{
    static const char *const keys[] = {"addr", "local"};

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        JsonObject *address;
        if (!json_object_has_member(options, keys[i])) {
            continue;
        }
        address = copy_of(json_object_get_object_member(options, keys[i]));
        json_object_set_object_member(options, keys[i], address);
        if (strcmp(json_object_get_string_member(address, "type"), "fd") == 0 &&
            !name_to_fd(call, address, "str", taken, error)) {
            return false;
        }
    }
    return true;
}

static bool netdev_add(QmpCall *call, GError **error)
{
    g_autoptr(JsonObject) options = copy_of(call->arguments);
    int taken = -1;
    bool done;

    if (json_object_has_member(options, "fd") && json_object_has_member(options, "fds")) {
        return error_setf(error, "'fd' and 'fds' are mutually exclusive");
    }
    done = name_to_fd(call, options, "fd", &taken, error) &&
           name_to_fd(call, options, "fds", &taken, error) &&
           addresses_to_fd(call, options, &taken, error) && net_netdev_new(options, error) != NULL;
    if (!done && taken >= 0) {
        close(taken);
    }
    return done;
}

static bool netdev_del(QmpCall *call, GError **error)
{
    return net_netdev_remove(qmp_string(call, "id"), error);
}

/* ---- set_link ---- */

/* A name may be that of an adapter and of a netdev. */
static bool set_link(QmpCall *call, GError **error)
{
    const char *name = qmp_string(call, "name");
    NetClient *ends[] = {net_client_find(name, true), net_client_find(name, false)};

    for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
        if (ends[i]) {
            net_client_set_link(ends[i], qmp_bool(call, "up", false));
        }
    }
    return ends[0] || ends[1] ||
           qmp_fail(error, XENOLITH_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", name);
}

/* ---- query-rx-filter ---- */

static char *mac_text(const uint8_t *mac)
{
    return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                           mac[5]);
}

static JsonArray *address_table(const GByteArray *table)
{
    JsonArray *list = json_array_new();

    for (guint i = 0; i + NET_MAC_LENGTH <= table->len; i += NET_MAC_LENGTH) {
        g_autofree char *text = mac_text(table->data + i);
        json_array_add_string_element(list, text);
    }
    return list;
}

static JsonObject *filter_info(NetClient *client)
{
    NetRxFilter filter = {.unicast_table = g_byte_array_new(),
                          .multicast_table = g_byte_array_new()};
    JsonObject *info = json_object_new();
    g_autofree char *mac = NULL;

    client->type->rx_filter(client, &filter);
    mac = mac_text(filter.main_mac);
    json_object_set_string_member(info, "name", client->name);
    json_object_set_boolean_member(info, "promiscuous", filter.promiscuous);
    json_object_set_string_member(info, "multicast", filter.all_multicast ? "all" : "normal");
    json_object_set_string_member(info, "unicast", "normal");
    json_object_set_string_member(info, "vlan", "all");
    json_object_set_boolean_member(info, "broadcast-allowed", !filter.no_broadcast);
    json_object_set_boolean_member(info, "multicast-overflow", FALSE);
    json_object_set_boolean_member(info, "unicast-overflow", FALSE);
    json_object_set_string_member(info, "main-mac", mac);
    json_object_set_array_member(info, "vlan-table", json_array_new());
    json_object_set_array_member(info, "unicast-table", address_table(filter.unicast_table));
    json_object_set_array_member(info, "multicast-table", address_table(filter.multicast_table));
    g_byte_array_unref(filter.unicast_table);
    g_byte_array_unref(filter.multicast_table);
    return info;
}

static void add_filter(NetClient *client, void *list)
{
    if (client->type->is_adapter && client->type->rx_filter) {
        json_array_add_object_element(list, filter_info(client));
    }
}

static bool query_rx_filter(QmpCall *call, GError **error)
{
    const char *name = qmp_string(call, "name");
    g_autoptr(JsonArray) list = json_array_new();
    NetClient *adapter;

    if (!name) {
        net_client_foreach(add_filter, list);
        return qmp_return_array(call, g_steal_pointer(&list));
    }
    adapter = net_client_find(name, true);
    if (!adapter) {
        return error_setf(error,
                          net_client_find(name, false) ? "net client(%s) isn't a NIC"
                                                       : "invalid net client name: %s",
                          name);
    }
    if (!adapter->type->rx_filter) {
        return error_setf(error, "net client(%s) doesn't support rx-filter querying", name);
    }
    add_filter(adapter, list);
    return qmp_return_array(call, g_steal_pointer(&list));
}

/* ---- announce-self ---- */

static char **interface_names(const QmpCall *call)
{
    JsonArray *list = qmp_has(call, "interfaces")
                          ? json_object_get_array_member(call->arguments, "interfaces")
                          : NULL;
    GPtrArray *names;

    if (!list || json_array_get_length(list) == 0) {
        return NULL;
    }
    names = g_ptr_array_new();
    for (guint i = 0; i < json_array_get_length(list); i++) {
        g_ptr_array_add(names, g_strdup(json_array_get_string_element(list, i)));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

static bool in_range(const QmpCall *call, const char *key, int64_t min, int64_t max, int64_t *value,
                     GError **error)
{
    *value = qmp_int(call, key, 0);
    return (*value >= min && *value <= max) ||
           error_setf(error,
                      "Parameter '%s' expects a value between %" G_GINT64_FORMAT
                      " and %" G_GINT64_FORMAT,
                      key, min, max);
}

static bool announce_self(QmpCall *call, GError **error)
{
    g_auto(GStrv) names = NULL;
    NetAnnouncement wanted;
    int64_t rounds;

    if (!in_range(call, "initial", 1, 100000, &wanted.initial_ms, error) ||
        !in_range(call, "max", 1, 100000, &wanted.max_ms, error) ||
        !in_range(call, "rounds", 1, 1000, &rounds, error) ||
        !in_range(call, "step", 0, 10000, &wanted.step_ms, error)) {
        return false;
    }
    wanted.rounds = (unsigned)rounds;
    names = interface_names(call);
    net_announce(&wanted, (const char *const *)names);
    return true;
}

static const QmpCommand commands[] = {
    {"netdev_add", "=Netdev", NULL, 0, netdev_add},
    {"netdev_del", "id:str", NULL, 0, netdev_del},
    {"set_link", "name:str up:bool", NULL, 0, set_link},
    {"query-rx-filter", "name?:str", "[RxFilterInfo]", 0, query_rx_filter},
    {"announce-self", "=AnnounceParameters", NULL, 0, announce_self},
};
const QmpTable qmp_table_net = {commands, G_N_ELEMENTS(commands)};
