/*
 * QMP: trays and media.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/block_devices.h"
#include "monitor/qmp_command.h"

static BlockBackend *find(QmpCall *call, GError **error)
{
    return block_backend_by_names(qmp_string(call, "device"), qmp_string(call, "id"), error);
}

static const char *name_of(QmpCall *call)
{
    const char *device = qmp_string(call, "device");

    return device ? device : qmp_string(call, "id");
}

/* A drive that no device uses is nobody's disk yet: its medium may go. */
static bool check_removable(QmpCall *call, BlockBackend *backend, GError **error)
{
    return !block_backend_is_attached(backend) || block_backend_is_removable(backend) ||
           error_setf(error, "Device '%s' is not removable", name_of(call));
}

/* False with @error: it stays closed. *@wait: the guest has been asked and may yet open it. */
static bool open_tray(QmpCall *call, BlockBackend *backend, bool force, bool *wait, GError **error)
{
    *wait = false;
    if (!check_removable(call, backend, error)) {
        return false;
    }
    if (!block_backend_has_tray(backend) || block_backend_tray_open(backend)) {
        return true;
    }
    if (block_backend_medium_locked(backend)) {
        block_backend_request_eject(backend, force);
        if (!force) {
            *wait = true;
            return error_setf(error,
                              "Device '%s' is locked and force was not specified, wait for tray to "
                              "open and try again",
                              name_of(call));
        }
    }
    block_backend_set_tray(backend, true);
    return true;
}

static bool blockdev_open_tray(QmpCall *call, GError **error)
{
    BlockBackend *backend = find(call, error);
    g_autoptr(GError) reason = NULL;
    bool wait;

    if (!backend) {
        return false;
    }
    if (!open_tray(call, backend, qmp_bool(call, "force", false), &wait, &reason) && !wait) {
        g_propagate_error(error, g_steal_pointer(&reason));
        return false;
    }
    return true; /* asked: DEVICE_TRAY_MOVED tells when the guest has opened it */
}

static bool close_tray(QmpCall *call, BlockBackend *backend, GError **error)
{
    if (!check_removable(call, backend, error)) {
        return false;
    }
    if (block_backend_has_tray(backend) && block_backend_tray_open(backend)) {
        block_backend_set_tray(backend, false);
    }
    return true;
}

static bool blockdev_close_tray(QmpCall *call, GError **error)
{
    BlockBackend *backend = find(call, error);

    return backend && close_tray(call, backend, error);
}

static bool check_open(QmpCall *call, BlockBackend *backend, GError **error)
{
    return check_removable(call, backend, error) &&
           (!block_backend_has_tray(backend) || block_backend_tray_open(backend) ||
            error_setf(error, "Tray of device '%s' is not open", name_of(call)));
}

static bool remove_medium(QmpCall *call, BlockBackend *backend, GError **error)
{
    return check_open(call, backend, error) && block_backend_exchange_medium(backend, NULL, error);
}

static bool insert_medium(QmpCall *call, BlockBackend *backend, const char *node, GError **error)
{
    if (!check_open(call, backend, error)) {
        return false;
    }
    if (block_backend_is_inserted(backend)) {
        return error_setf(error, "There already is a medium in device '%s'", name_of(call));
    }
    return block_backend_exchange_medium(backend, node, error);
}

static bool blockdev_remove_medium(QmpCall *call, GError **error)
{
    BlockBackend *backend = find(call, error);

    return backend && remove_medium(call, backend, error);
}

static bool blockdev_insert_medium(QmpCall *call, GError **error)
{
    BlockBackend *backend = find(call, error);

    return backend && insert_medium(call, backend, qmp_string(call, "node-name"), error);
}

static bool eject(QmpCall *call, GError **error)
{
    BlockBackend *backend = find(call, error);
    bool wait;

    return backend && open_tray(call, backend, qmp_bool(call, "force", false), &wait, error) &&
           remove_medium(call, backend, error);
}

/* ---- blockdev-change-medium ---- */

static bool wants_read_only(QmpCall *call, BlockBackend *backend)
{
    const char *mode = qmp_string(call, "read-only-mode");

    if (!mode || strcmp(mode, "retain") == 0) {
        return block_backend_retains_read_only(backend);
    }
    return strcmp(mode, "read-only") == 0;
}

/* Makes a node of the file; returns its name. */
static char *open_medium(QmpCall *call, BlockBackend *backend, GError **error)
{
    static unsigned counter;
    const char *format = qmp_string(call, "format");
    g_autoptr(JsonObject) options = json_object_new();
    JsonObject *file = json_object_new();
    g_autofree char *name = g_strdup_printf("medium%u", counter++);

    while (block_node_exists(name) || block_backend_find(name)) {
        g_free(name);
        name = g_strdup_printf("medium%u", counter++);
    }
    json_object_set_string_member(file, "driver", "file");
    json_object_set_string_member(file, "filename", qmp_string(call, "filename"));
    json_object_set_string_member(options, "driver", format ? format : "raw");
    json_object_set_string_member(options, "node-name", name);
    json_object_set_boolean_member(options, "read-only", wants_read_only(call, backend));
    json_object_set_object_member(options, "file", file);
    return block_node_add(options, error) ? g_steal_pointer(&name) : NULL;
}

static bool change_medium(QmpCall *call, BlockBackend *backend, const char *node, GError **error)
{
    bool wait;

    return open_tray(call, backend, qmp_bool(call, "force", false), &wait, error) &&
           remove_medium(call, backend, error) && insert_medium(call, backend, node, error) &&
           close_tray(call, backend, error);
}

static bool blockdev_change_medium(QmpCall *call, GError **error)
{
    BlockBackend *backend = find(call, error);
    g_autofree char *node = NULL;

    if (!backend || !check_removable(call, backend, error)) {
        return false;
    }
    node = open_medium(call, backend, error);
    if (!node) {
        return false;
    }
    bool changed = change_medium(call, backend, node, error);
    block_node_disown(node); /* the drive has it, or nobody */
    return changed;
}

static const QmpCommand commands[] = {
    {"eject", "device?:str id?:str force?:bool", NULL, 0, eject},
    {"blockdev-open-tray", "device?:str id?:str force?:bool", NULL, 0, blockdev_open_tray},
    {"blockdev-close-tray", "device?:str id?:str", NULL, 0, blockdev_close_tray},
    {"blockdev-remove-medium", "id:str", NULL, 0, blockdev_remove_medium},
    {"blockdev-insert-medium", "id:str node-name:str", NULL, 0, blockdev_insert_medium},
    {"blockdev-change-medium",
     "device?:str id?:str filename:str format?:str force?:bool "
     "read-only-mode?:BlockdevChangeReadOnlyMode",
     NULL, 0, blockdev_change_medium},
};
const QmpTable qmp_table_media = {commands, G_N_ELEMENTS(commands)};
