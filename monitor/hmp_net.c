/*
 * HMP: netdevs, links, and the forwarding of netdev user.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/qmp_command.h"
#include "net/net.h"
#include "util/options.h"

/* Numbers typed here are text, which netdevs read as well, and a descriptor may have a name. */
static bool run_netdev_add(HmpCall *call, GError **error)
{
    g_autoptr(JsonObject) options = net_options_parse(call->rest, "type", error);
    const char *fd;

    if (!options) {
        return false;
    }
    fd = json_object_get_string_member_with_default(options, "fd", "0");
    if (!g_ascii_isdigit(fd[0])) {
        return hmp_qmp_object(call, "netdev_add", options, error);
    }
    return net_netdev_new(options, error) != NULL;
}

static bool run_netdev_del(HmpCall *call, GError **error)
{
    return net_netdev_remove(call->words[0], error);
}

static bool run_set_link(HmpCall *call, GError **error)
{
    bool up;

    if (!parse_bool(call->words[1], "up", &up, error)) {
        return false;
    }
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "set_link", 's', "name", call->words[0], 'b', "up", (int)up, 0);
    return result != NULL;
}

static bool run_hostfwd_add(HmpCall *call, GError **error)
{
    bool has_id = call->count > 1;

    return net_user_forward(has_id ? call->words[0] : NULL, call->words[has_id], error);
}

static bool run_hostfwd_remove(HmpCall *call, GError **error)
{
    bool has_id = call->count > 1;

    if (!net_user_unforward(has_id ? call->words[0] : NULL, call->words[has_id], error)) {
        return false;
    }
    hmp_printf(call, "host forwarding rule for %s removed\n", call->words[has_id]);
    return true;
}

/* "announce_self [interface,interface…]", with the pauses that a guest which has moved gets. */
static bool run_announce_self(HmpCall *call, GError **error)
{
    g_auto(GStrv) names = call->count ? g_strsplit(call->words[0], ",", -1) : NULL;

    net_announce(&NET_ANNOUNCEMENT_DEFAULT, (const char *const *)names);
    return true;
}

/* ---- completion ---- */

typedef struct {
    void (*add)(const char *word, void *opaque);
    void *opaque;
    bool adapters;
} Adder;

static void add_client(NetClient *client, void *opaque)
{
    Adder *adder = opaque;

    if (adder->adapters || !client->type->is_adapter) {
        adder->add(client->name, adder->opaque);
    }
}

void hmp_names_netdevs(void (*add)(const char *word, void *opaque), void *opaque)
{
    Adder adder = {add, opaque, false};

    net_client_foreach(add_client, &adder);
}

void hmp_names_network(void (*add)(const char *word, void *opaque), void *opaque)
{
    Adder adder = {add, opaque, true};

    net_client_foreach(add_client, &adder);
}

static const HmpCommand commands[] = {
    {"netdev_add", "type,id=ID[,KEY=VALUE...]", "add the host's side of a network adapter", 1, 64,
     run_netdev_add},
    {"netdev_del", "id", "take it away", 1, 1, run_netdev_del, hmp_names_netdevs},
    {"set_link", "name on|off", "plug a network cable in or out", 2, 2, run_set_link,
     hmp_names_network},
    {"hostfwd_add", "[netdev] [tcp|udp]:[address]:port-[address]:port",
     "forward a port of this host to the guest (netdev user)", 1, 2, run_hostfwd_add,
     hmp_names_netdevs},
    {"hostfwd_remove", "[netdev] [tcp|udp]:[address]:port", "forward it no more", 1, 2,
     run_hostfwd_remove, hmp_names_netdevs},
    {"announce_self", "[interface,...]", "tell the network where the guest's addresses are", 0, 1,
     run_announce_self},
};
const HmpTable hmp_table_net = {commands, G_N_ELEMENTS(commands)};

/* ---- info ---- */

static void print_client(HmpCall *call, const char *indent, const NetClient *client)
{
    hmp_printf(call, "%s%s: index=0,type=%s%s%s%s%s\n", indent, client->name,
               client->type->is_adapter ? "nic,model=" : "", client->type->type,
               client->info ? "," : "", client->info ? client->info : "",
               client->link_down ? ",link=off" : "");
}

/* An adapter with its netdev below it, then the netdevs without one. */
static void print_pair(NetClient *client, void *opaque)
{
    HmpCall *call = opaque;

    if (client->type->is_adapter || !client->peer) {
        print_client(call, "", client);
    }
    if (client->type->is_adapter && client->peer) {
        print_client(call, " \\ ", client->peer);
    }
}

static bool info_network(HmpCall *call, GError **error)
{
    net_client_foreach(print_pair, call);
    return true;
}

static bool info_usernet(HmpCall *call, GError **error)
{
    g_autofree char *text = net_user_info();

    hmp_printf(call, "%s", text);
    return true;
}

static const HmpCommand info_commands[] = {
    {"network", "", "network adapters and netdevs", 0, 0, info_network},
    {"usernet", "", "connections of netdev user", 0, 0, info_usernet},
};
const HmpTable hmp_info_net = {info_commands, G_N_ELEMENTS(info_commands)};
