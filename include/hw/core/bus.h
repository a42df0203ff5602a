/*
 * Bus: where devices plug in. A bus belongs to the device that provides it (or to the machine).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CORE_BUS_H
#define HW_CORE_BUS_H

#include "hw/core/device.h"

#define TYPE_BUS (bus_get_type())
G_DECLARE_DERIVABLE_TYPE(Bus, bus, HW, BUS, GObject)

struct _BusClass {
    GObjectClass parent_class;
    unsigned max_devices; /* 0: no limit but check() */
    bool hotplug;
    /** check: @device (not yet realized) may take the place its properties name, or gets a free one. */
    bool (*check)(Bus *bus, Device *device, GError **error);
    /** may_hotplug: whether this bus takes and gives devices while the guest runs; NULL: as @hotplug says. */
    bool (*may_hotplug)(Bus *bus);
    /** plugged: @device was realized after the machine was finished. May be NULL. */
    void (*plugged)(Bus *bus, Device *device);
    /** firmware_path: this device's part of a bootorder path, e.g. "drive@1"; caller frees; NULL: none. */
    char *(*firmware_path)(Bus *bus, Device *device);
    /**
     * request_unplug: device_del: asks the guest to let @device go, and unrealizes it when it has, or at the next reset.
     * Asked again it may take the device away without the guest's leave, or say in @error that it still waits.
     * NULL: nobody needs to be asked.
     */
    bool (*request_unplug)(Bus *bus, Device *device, GError **error);
    /** reset: what the bus itself holds. May be NULL. */
    void (*reset)(Bus *bus);
    GVariant *(*save)(Bus *bus);
    bool (*load)(Bus *bus, GVariant *state, GError **error);
};

/*
 * BUS_TYPE: defines NAME_get_type() for a final bus type with QEMU's type name and registers it before main,
 * so that DeviceClass.bus_type can name it. The caller writes NAME_class_init(BusClass *).
 */
#define BUS_TYPE(Name, name, qemu_name)                                                            \
    static void name##_class_init(BusClass *klass);                                                \
    static void name##_class_init_thunk(gpointer klass, gpointer data G_GNUC_UNUSED)               \
    {                                                                                              \
        name##_class_init((BusClass *)klass);                                                      \
    }                                                                                              \
    GType name##_get_type(void)                                                                    \
    {                                                                                              \
        static gsize type;                                                                         \
        if (g_once_init_enter(&type)) {                                                            \
            g_once_init_leave(&type, device_type_register_static(TYPE_BUS, qemu_name,              \
                                                                 name##_class_init_thunk,          \
                                                                 sizeof(Name), NULL));             \
        }                                                                                          \
        return type;                                                                               \
    }                                                                                              \
    static void __attribute__((constructor)) name##_register_type(void)                            \
    {                                                                                              \
        device_type_table_add(name##_get_type);                                                    \
    }

/** bus_check_hotplug: false and @error if @device cannot come to or leave @bus (NULL: none) of a running machine. */
bool bus_check_hotplug(Bus *bus, Device *device, GError **error);
/** bus_setup: @name is what bus= takes ("pci.0", "ide.1"); @owner may be NULL (the machine's). */
void bus_setup(Bus *bus, Machine *machine, Device *owner, const char *name);
const char *bus_get_name(Bus *bus);
Device *bus_get_owner(Bus *bus);
Machine *bus_get_machine(Bus *bus);
/** bus_get_children: Device pointers in the order of plugging; owned by the bus. */
GPtrArray *bus_get_children(Bus *bus);
/** device_firmware_path: the whole bootorder path of @device, e.g. "/pci@i0cf8/ide@1,1/drive@0/disk@0". */
char *device_firmware_path(Device *device);

#endif
