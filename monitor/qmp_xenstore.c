/*
 * QMP: the Xen guest's xenstore, read and written as domain 0. Paths are absolute, or relative to
 * /local/domain/0. A value is text, or base64 where bytes may be in it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/monitor_xen.h"
#include "monitor/qmp_command.h"

static StoreClient *store_client(GError **error)
{
    XenMachine *xen = monitor_xen(error);

    return xen ? xen_bus_client(xen_machine_bus(xen)) : NULL;
}

static bool xenstore_read(QmpCall *call, GError **error)
{
    StoreClient *client = store_client(error);
    g_autofree char *value = NULL;
    size_t length;

    if (!client) {
        return false;
    }
    value = store_client_read(client, 0, qmp_string(call, "path"), &length, error);
    return value && qmp_return_bytes(call, value, length);
}

static bool xenstore_write(QmpCall *call, GError **error)
{
    StoreClient *client = store_client(error);
    gsize length;
    g_autofree uint8_t *data = client ? qmp_bytes(call, &length, error) : NULL;

    if (!data) {
        return false;
    }
    return store_client_write(client, 0, qmp_string(call, "path"), data, length, error);
}

static bool xenstore_list(QmpCall *call, GError **error)
{
    StoreClient *client = store_client(error);
    g_auto(GStrv) names = NULL;
    JsonArray *list;

    if (!client) {
        return false;
    }
    names = store_client_directory(client, 0, qmp_string(call, "path"), error);
    if (!names) {
        return false;
    }
    list = json_array_new();
    for (char **name = names; *name; name++) {
        json_array_add_string_element(list, *name);
    }
    return qmp_return_array(call, list);
}

static bool xenstore_rm(QmpCall *call, GError **error)
{
    StoreClient *client = store_client(error);

    return client && store_client_remove(client, 0, qmp_string(call, "path"), error);
}

static const QmpCommand commands[] = {
    {"xenstore-read", "path:str format?:DataFormat", "str", 0, xenstore_read},
    {"xenstore-write", "path:str data:str format?:DataFormat", NULL, 0, xenstore_write},
    {"xenstore-list", "path:str", "[str]", 0, xenstore_list},
    {"xenstore-rm", "path:str", NULL, 0, xenstore_rm},
};
const QmpTable qmp_table_xenstore = {commands, G_N_ELEMENTS(commands)};
