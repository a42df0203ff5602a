/*
 * Buses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/bus.h"

#include "hw/core/device_private.h"
#include "hw/core/machine.h"

typedef struct {
    char *name;
    Machine *machine;
    Device *owner;
    GPtrArray *children;
} BusPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(Bus, bus, G_TYPE_OBJECT)

static BusPrivate *bus_private(Bus *bus)
{
    return bus_get_instance_private(bus);
}

static void bus_init(Bus *bus)
{
    bus_private(bus)->children = g_ptr_array_new();
}

static void bus_finalize(GObject *object)
{
    BusPrivate *priv = bus_private(HW_BUS(object));

    g_ptr_array_unref(priv->children);
    g_free(priv->name);
    G_OBJECT_CLASS(bus_parent_class)->finalize(object);
}

static void bus_class_init(BusClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = bus_finalize;
}

void bus_setup(Bus *bus, Machine *machine, Device *owner, const char *name)
{
    BusPrivate *priv = bus_private(bus);

    priv->name = g_strdup(name);
    priv->machine = machine;
    priv->owner = owner;
    if (machine) {
        machine_add_bus(machine, bus);
    }
}

const char *bus_get_name(Bus *bus)
{
    return bus_private(bus)->name;
}

Device *bus_get_owner(Bus *bus)
{
    return bus_private(bus)->owner;
}

Machine *bus_get_machine(Bus *bus)
{
    return bus_private(bus)->machine;
}

GPtrArray *bus_get_children(Bus *bus)
{
    return bus_private(bus)->children;
}

bool bus_check_hotplug(Bus *bus, Device *device, GError **error)
{
    BusClass *klass = bus ? HW_BUS_GET_CLASS(bus) : NULL;

    if (bus && (!klass->hotplug || (klass->may_hotplug && !klass->may_hotplug(bus)))) {
        return error_setf(error, "Bus '%s' does not support hotplugging", bus_get_name(bus));
    }
    if (!HW_DEVICE_GET_CLASS(device)->hotpluggable) {
        return error_setf(error, "Device '%s' does not support hotplugging",
                          G_OBJECT_TYPE_NAME(device));
    }
    return true;
}

bool bus_attach(Bus *bus, Device *device, GError **error)
{
    BusPrivate *priv = bus_private(bus);
    BusClass *klass = HW_BUS_GET_CLASS(bus);

    if (klass->check && !klass->check(bus, device, error)) {
        return false;
    }
    if (klass->max_devices && priv->children->len >= klass->max_devices) {
        return error_setf(error, "Bus '%s' is full", priv->name);
    }
    g_ptr_array_add(priv->children, device);
    return true;
}

void bus_detach(Bus *bus, Device *device)
{
    g_ptr_array_remove(bus_private(bus)->children, device);
}

char *device_firmware_path(Device *device)
{
    GString *path = g_string_new(NULL);
    Bus *bus = device_get_bus(device);

    while (bus) {
        BusClass *klass = HW_BUS_GET_CLASS(bus);
        g_autofree char *part = klass->firmware_path ? klass->firmware_path(bus, device) : NULL;

        if (part) {
            g_string_prepend(path, part);
            g_string_prepend_c(path, '/');
        }
        device = bus_get_owner(bus);
        /* A host bridge sits on the very bus that it provides. */
        bus = device && device_get_bus(device) != bus ? device_get_bus(device) : NULL;
    }
    return g_string_free(path, FALSE);
}
