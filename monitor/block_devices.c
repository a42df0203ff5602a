/*
 * Backends and devices.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/block_devices.h"

#include "hw/core/machine.h"
#include "util/error.h"

Device *block_device_of(BlockBackend *backend)
{
    void *owner = block_backend_device(backend);
    GPtrArray *devices = machine_get() ? machine_devices(machine_get()) : NULL;

    for (guint i = 0; owner && devices && i < devices->len; i++) {
        if (g_ptr_array_index(devices, i) == owner) {
            return owner;
        }
    }
    return NULL;
}

char *block_device_path(BlockBackend *backend)
{
    Device *device = block_device_of(backend);

    if (!device) {
        return g_strdup("");
    }
    return g_strdup(device_get_id(device) ? device_get_id(device) : device_get_path(device));
}

typedef struct {
    Device *device;
    BlockBackend *found;
} Search;

static void match_device(BlockBackend *backend, void *opaque)
{
    Search *search = opaque;

    if (block_backend_device(backend) == search->device) {
        search->found = backend;
    }
}

static bool not_found(const char *name, GError **error)
{
    g_set_error(error, xenolith_error_quark(), XENOLITH_ERROR_DEVICE_NOT_FOUND,
                "Device '%s' not found", name);
    return false;
}

BlockBackend *block_backend_by_names(const char *device, const char *qdev, GError **error)
{
    Search search = {0};

    if (!device == !qdev) {
        error_setf(error, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    if (device) {
        BlockBackend *backend = block_backend_find(device);
        if (!backend) {
            not_found(device, error);
        }
        return backend;
    }
    search.device = machine_find_device(machine_get(), qdev);
    if (!search.device) {
        not_found(qdev, error);
        return NULL;
    }
    block_backend_foreach(match_device, &search);
    if (!search.found) {
        error_setf(error, "Device '%s' does not have a block device backend", qdev);
    }
    return search.found;
}
