/*
 * The machine's tree: buses, devices by path, and -device.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/device_private.h"
#include "hw/core/machine_private.h"

void machine_add_bus(Machine *machine, Bus *bus)
{
    g_ptr_array_add(machine_private(machine)->buses, g_object_ref(bus));
}

GPtrArray *machine_buses(Machine *machine)
{
    return machine_private(machine)->buses;
}

Bus *machine_find_bus(Machine *machine, const char *name)
{
    GPtrArray *buses = machine_private(machine)->buses;

    for (guint i = 0; i < buses->len; i++) {
        Bus *bus = g_ptr_array_index(buses, i);
        Device *owner = bus_get_owner(bus);

        if (strcmp(bus_get_name(bus), name) == 0) {
            return bus;
        }
        /* A bridge with an id lends it to its bus. */
        if (owner && device_get_id(owner) && strcmp(device_get_id(owner), name) == 0) {
            return bus;
        }
    }
    return NULL;
}

static bool bus_has_room(Bus *bus)
{
    unsigned limit = HW_BUS_GET_CLASS(bus)->max_devices;

    return limit == 0 || bus_get_children(bus)->len < limit;
}

Bus *machine_find_bus_by_type(Machine *machine, const char *type_name)
{
    GPtrArray *buses = machine_private(machine)->buses;
    GType type = g_type_from_name(type_name);
    Bus *full = NULL;

    for (guint i = 0; type && i < buses->len; i++) {
        Bus *bus = g_ptr_array_index(buses, i);

        if (!g_type_is_a(G_OBJECT_TYPE(bus), type)) {
            continue;
        }
        if (bus_has_room(bus)) {
            return bus;
        }
        full = full ? full : bus;
    }
    return full;
}

GPtrArray *machine_devices(Machine *machine)
{
    return machine_private(machine)->devices;
}

static bool path_matches(const char *path, const char *wanted)
{
    size_t length = strlen(path), wanted_length = strlen(wanted);

    if (wanted[0] == '/') {
        return strcmp(path, wanted) == 0;
    }
    return length > wanted_length && path[length - wanted_length - 1] == '/' &&
           strcmp(path + length - wanted_length, wanted) == 0;
}

Device *machine_device_of_type(Machine *machine, GType type)
{
    GPtrArray *devices = machine_devices(machine);

    for (guint i = 0; i < devices->len; i++) {
        if (G_TYPE_CHECK_INSTANCE_TYPE(g_ptr_array_index(devices, i), type)) {
            return g_ptr_array_index(devices, i);
        }
    }
    return NULL;
}

Device *machine_find_device(Machine *machine, const char *wanted)
{
    GPtrArray *devices = machine_devices(machine);
    Device *found = NULL;

    for (guint i = 0; i < devices->len; i++) {
        Device *device = g_ptr_array_index(devices, i);

        if (g_strcmp0(device_get_id(device), wanted) == 0) {
            return device;
        }
        if (path_matches(device_get_path(device), wanted)) {
            if (found) {
                return NULL;
            }
            found = device;
        }
    }
    return found;
}

static char *make_path(Machine *machine, Device *device)
{
    MachinePrivate *priv = machine_private(machine);
    const char *id = device_get_id(device);

    if (id) {
        return g_strdup_printf("/machine/peripheral/%s", id);
    }
    if (priv->built) {
        return g_strdup_printf("/machine/peripheral-anon/device[%u]", priv->anonymous_count++);
    }
    return g_strdup_printf("/machine/unattached/device[%u]", priv->unattached_count++);
}

void machine_adopt(Machine *machine, Device *device)
{
    DevicePrivate *priv = device_private(device);

    if (!priv->path) {
        priv->path = make_path(machine, device);
    }
    g_ptr_array_add(machine_devices(machine), device);
}

void machine_disown(Machine *machine, Device *device)
{
    g_ptr_array_remove(machine_devices(machine), device);
}

/* ---- -device ---- */

static bool id_is_well_formed(const char *id)
{
    if (!g_ascii_isalpha(id[0])) {
        return false;
    }
    for (const char *p = id; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr("-._", *p)) {
            return false;
        }
    }
    return true;
}

static bool take_id(Machine *machine, Device *device, JsonObject *options, GError **error)
{
    const char *id;
    g_autofree char *path = NULL;

    if (!json_object_has_member(options, "id")) {
        return true;
    }
    id = json_object_get_string_member_with_default(options, "id", "");
    if (!id_is_well_formed(id)) {
        return error_setf(error, "Parameter 'id' expects an identifier");
    }
    path = g_strdup_printf("/machine/peripheral/%s", id);
    if (machine_find_device(machine, path)) {
        return error_setf(error, "Duplicate device ID '%s'", id);
    }
    device_set_id(device, id);
    return true;
}

static bool set_properties(Device *device, JsonObject *options, GError **error)
{
    static const char *const reserved[] = {"driver", "id", "bus", NULL};
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init_ordered(&iter, options);
    while (json_object_iter_next_ordered(&iter, &name, &node)) {
        if (!g_strv_contains(reserved, name) &&
            !device_set_property_node(device, name, node, error)) {
            return false;
        }
    }
    return true;
}

static bool find_bus(Machine *machine, Device *device, JsonObject *options, Bus **bus,
                     GError **error)
{
    const char *wanted = HW_DEVICE_GET_CLASS(device)->bus_type;
    const char *name;

    *bus = NULL;
    if (json_object_has_member(options, "bus")) {
        name = json_object_get_string_member_with_default(options, "bus", "");
        *bus = machine_find_bus(machine, name);
        if (!*bus) {
            return error_setf(error, "Bus '%s' not found", name);
        }
        if (!HW_DEVICE_GET_CLASS(device)->ignores_bus) {
            return true;
        }
    }
    if (wanted) {
        *bus = machine_find_bus_by_type(machine, wanted);
        if (!*bus) {
            return error_setf(error, "No '%s' bus found for device '%s'", wanted,
                              device_type_name(G_OBJECT_TYPE(device)));
        }
    }
    return true;
}

Device *machine_add_device_from_options(Machine *machine, JsonObject *options, GError **error)
{
    const char *driver = json_object_get_string_member_with_default(options, "driver", NULL);
    bool running = machine_private(machine)->finished;
    g_autoptr(Device) device = NULL;
    Bus *bus;

    if (!driver) {
        error_setf(error, "Parameter 'driver' is missing");
        return NULL;
    }
    device = device_new_by_name(driver, error);
    if (!device) {
        return NULL;
    }
    if (!HW_DEVICE_GET_CLASS(device)->user_creatable) {
        error_setf(error, "Parameter 'driver' expects a pluggable device type");
        return NULL;
    }
    if (!take_id(machine, device, options, error) ||
        !find_bus(machine, device, options, &bus, error) ||
        (running && !bus_check_hotplug(bus, device, error)) ||
        !set_properties(device, options, error) || !device_realize(device, machine, bus, error)) {
        return NULL;
    }
    if (running && bus && HW_BUS_GET_CLASS(bus)->plugged) {
        HW_BUS_GET_CLASS(bus)->plugged(bus, device);
    }
    return device;
}
