/*
 * -netdev, -nic and the older -net: parsed here, made at start-up. -nic makes a netdev and the
 * adapter in front of it; of -net there can be one adapter and one netdev, which are connected.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "net/net.h"
#include "option_handlers.h"
#include "util/error.h"

/* The adapters there are, for model=; the first is the default. */
static const char *const models[] = {"xen-net-device"};

/* ---- help ---- */

static void print_type(const char *type, const char *help, void *opaque)
{
    printf("  %-7s %s\n", type, help);
}

static bool print_netdev_help(StartConfig *config)
{
    printf("Available netdev backend types:\n");
    net_netdev_type_foreach(print_type, NULL);
    config->done = true;
    return true;
}

static bool print_model_help(StartConfig *config)
{
    printf("Available NIC models:\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        printf("  %s\n", models[i]);
    }
    config->done = true;
    return true;
}

/* ---- members ---- */

/* Takes the string @key out of @object; NULL if it is absent or no string. */
static char *take_string(JsonObject *object, const char *key)
{
    g_autoptr(JsonNode) node = json_object_dup_member(object, key);
    char *text = node ? option_node_text(node) : NULL;

    if (text) {
        json_object_remove_member(object, key);
    }
    return text;
}

static bool check_model(const char *model, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(models); i++) {
        if (strcmp(models[i], model) == 0) {
            return true;
        }
    }
    return error_setf(error,
                      "Parameter 'model' does not accept value '%s': the only adapter is '%s'",
                      model, models[0]);
}

/* The -device that an adapter's options stand for; NULL: @error. */
static JsonObject *make_device(const char *model, const char *mac_key, const char *mac,
                               const char *netdev, GError **error)
{
    uint8_t address[NET_MAC_LENGTH];
    JsonObject *device;

    if (!check_model(model ? model : models[0], error)) {
        return NULL;
    }
    if (mac && !net_parse_mac(mac, address)) {
        error_setf(error, "Parameter '%s' expects an Ethernet address, not '%s'", mac_key, mac);
        return NULL;
    }
    device = json_object_new();
    json_object_set_string_member(device, "driver", model ? model : models[0]);
    if (netdev) {
        json_object_set_string_member(device, "netdev", netdev);
    }
    if (mac) {
        json_object_set_string_member(device, "mac", mac);
    }
    return device;
}

/* ---- -netdev ---- */

bool option_netdev(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    JsonObject *object;

    if (option_wants_help(argument)) {
        return print_netdev_help(config);
    }
    object = net_options_parse(argument, "type", error);
    if (!object) {
        return false;
    }
    start_config_push(config, config->netdevs, argument, NULL, object);
    return true;
}

/* ---- -nic ---- */

static void give_id(JsonObject *object, const char *prefix, unsigned number)
{
    if (!json_object_has_member(object, "id")) {
        g_autofree char *id = g_strdup_printf("#%s%u", prefix, number);
        json_object_set_string_member(object, "id", id);
    }
}

static bool check_nic_id(JsonObject *object, GError **error)
{
    JsonNode *id = json_object_get_member(object, "id");

    return (JSON_NODE_HOLDS_VALUE(id) && json_node_get_value_type(id) == G_TYPE_STRING) ||
           error_setf(error, "Invalid parameter type for 'id', expected: string");
}

bool option_nic(StartConfig *config, const CommandOption *option, const char *argument,
                GError **error)
{
    g_autoptr(JsonObject) object = NULL;
    g_autofree char *model = NULL;
    g_autofree char *mac = NULL;
    JsonObject *device;

    if (strcmp(argument, "none") == 0) {
        return true;
    }
    if (option_wants_help(argument)) {
        return print_netdev_help(config);
    }
    object = net_options_parse(argument, "type", error);
    if (!object) {
        return false;
    }
    model = take_string(object, "model");
    mac = take_string(object, "mac");
    if (model && option_wants_help(model)) {
        return print_model_help(config);
    }
    give_id(object, "nic", config->netdevs->len);
    if (!check_nic_id(object, error)) {
        return false;
    }
    device = make_device(model, "mac", mac, json_object_get_string_member(object, "id"), error);
    if (!device) {
        return false;
    }
    start_config_push(config, config->netdevs, argument, NULL, g_steal_pointer(&object));
    start_config_push(config, config->devices, models[0], NULL, device);
    return true;
}

/* ---- -net ---- */

static bool one_only(JsonObject *present, const char *what, GError **error)
{
    return !present ||
           error_setf(error,
                      "a second %s of -net is not available: there is no hub to connect "
                      "them, use -nic or -netdev",
                      what);
}

static bool add_hub_adapter(StartConfig *config, JsonObject *object, GError **error)
{
    g_autoptr(OptionReader) options = option_reader_new(object, NULL);
    const char *type = NULL, *model = NULL, *mac = NULL, *netdev = NULL, *name = NULL;
    JsonObject *device;

    if (!option_get_string(options, "type", &type, error) ||
        !option_get_string(options, "model", &model, error) ||
        !option_get_string(options, "macaddr", &mac, error) ||
        !option_get_string(options, "netdev", &netdev, error) ||
        !option_get_string(options, "name", &name, error)) {
        return false;
    }
    if (model && option_wants_help(model)) {
        return print_model_help(config);
    }
    if (!option_reader_finish(options, error)) {
        return false;
    }
    if (!netdev && !one_only(config->hub_adapter, "adapter", error)) {
        return false;
    }
    device = make_device(model, "macaddr", mac, netdev, error);
    if (!device) {
        return false;
    }
    if (name) {
        json_object_set_string_member(device, "id", name);
    }
    if (!netdev) {
        config->hub_adapter = device;
    }
    start_config_push(config, config->devices, models[0], NULL, device);
    return true;
}

bool option_net(StartConfig *config, const CommandOption *option, const char *argument,
                GError **error)
{
    g_autoptr(JsonObject) object = NULL;

    if (strcmp(argument, "none") == 0) {
        return true;
    }
    if (option_wants_help(argument)) {
        return print_netdev_help(config);
    }
    object = net_options_parse(argument, "type", error);
    if (!object) {
        return false;
    }
    if (g_str_has_prefix(argument, "nic") && (!argument[3] || argument[3] == ',')) {
        return add_hub_adapter(config, object, error);
    }
    if (!one_only(config->hub_netdev, "back end", error)) {
        return false;
    }
    give_id(object, "net", config->netdevs->len);
    if (!check_nic_id(object, error)) {
        return false;
    }
    config->hub_netdev = object;
    start_config_push(config, config->netdevs, argument, NULL, g_steal_pointer(&object));
    return true;
}

void net_options_connect_hub(StartConfig *config)
{
    if (config->hub_adapter && config->hub_netdev) {
        json_object_set_string_member(config->hub_adapter, "netdev",
                                      json_object_get_string_member(config->hub_netdev, "id"));
    }
}
