/*
 * Netdevs: the table of types, making one, finding one for an adapter.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/netdev.h"

#include <string.h>

#include "config-host.h"
#include "util/error.h"

static const NetdevDriver *const drivers[] = {
#ifdef CONFIG_SLIRP
    &netdev_driver_user,
#endif
    &netdev_driver_tap,  &netdev_driver_socket, &netdev_driver_stream, &netdev_driver_dgram, NULL,
};

/* Types of QEMU that this build may lack; whoever asks for one learns that it was no typing error.
 */
static const char *const known_types[] = {
    "af-xdp", "bridge",     "hubport",    "l2tpv3",        "netmap",     "passt",        "user",
    "vde",    "vhost-user", "vhost-vdpa", "vmnet-bridged", "vmnet-host", "vmnet-shared",
};

void net_netdev_type_foreach(void (*visit)(const char *type, const char *help, void *opaque),
                             void *opaque)
{
    for (unsigned i = 0; drivers[i]; i++) {
        visit(drivers[i]->type, drivers[i]->help, opaque);
    }
}

static const NetdevDriver *find_driver(const char *type, GError **error)
{
    for (unsigned i = 0; drivers[i]; i++) {
        if (strcmp(drivers[i]->type, type) == 0) {
            return drivers[i];
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(known_types); i++) {
        if (strcmp(known_types[i], type) == 0) {
            error_setf(error, "network backend '%s' is not compiled into this binary", type);
            return NULL;
        }
    }
    error_setf(error, "Parameter 'type' does not accept value '%s'", type);
    return NULL;
}

/* Names that this build gives itself begin with '#', which no user can type. */
static bool check_id(const char *id, GError **error)
{
    if (!id) {
        return error_setf(error, "Parameter 'id' is missing");
    }
    if (!option_is_identifier(id[0] == '#' ? id + 1 : id)) {
        return error_setf(error, "Parameter 'id' expects an identifier, not '%s'", id);
    }
    if (net_client_find(id, false)) {
        return error_setf(error, "Duplicate ID '%s' for netdev", id);
    }
    return true;
}

NetClient *net_netdev_new(JsonObject *object, GError **error)
{
    g_autoptr(OptionReader) options = option_reader_new(object, NULL);
    const NetdevDriver *driver;
    const char *type = NULL;
    const char *id = NULL;

    if (!option_get_string(options, "type", &type, error) ||
        !option_get_string(options, "id", &id, error)) {
        return NULL;
    }
    if (!type) {
        error_setf(error, "Parameter 'type' is missing");
        return NULL;
    }
    driver = find_driver(type, error);
    if (!driver || !check_id(id, error)) {
        return NULL;
    }
    return driver->open(id, options, error);
}

bool net_netdev_remove(const char *id, GError **error)
{
    NetClient *netdev = net_client_find(id, false);

    if (!netdev) {
        g_set_error(error, XENOLITH_ERROR, XENOLITH_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found",
                    id);
        return false;
    }
    net_client_free(netdev);
    return true;
}

NetClient *net_netdev_claim(const char *id, const char *option, GError **error)
{
    NetClient *netdev = net_client_find(id, false);

    if (!netdev) {
        error_setf(error, "Property '%s' can't find value '%s'", option, id);
        return NULL;
    }
    if (netdev->peer) {
        error_setf(error, "Property '%s' can't take value '%s', it's in use", option, id);
        return NULL;
    }
    return netdev;
}

static void collect_netdev(NetClient *client, void *list)
{
    if (!client->type->is_adapter) {
        g_ptr_array_add(list, client);
    }
}

void net_cleanup(void)
{
    g_autoptr(GPtrArray) netdevs = g_ptr_array_new();

    net_announce_stop();
    net_client_foreach(collect_netdev, netdevs);
    for (unsigned i = netdevs->len; i > 0; i--) {
        net_client_free(netdevs->pdata[i - 1]);
    }
}
