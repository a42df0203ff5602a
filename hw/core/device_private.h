/*
 * What the files of the device core share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CORE_DEVICE_PRIVATE_H
#define HW_CORE_DEVICE_PRIVATE_H

#include "hw/core/bus.h"

typedef struct {
    char *name; /* NULL: the unnamed pins */
    IRQLine **in;
    unsigned in_count;
    IRQLine **out_slots; /* the device's own array */
    unsigned out_count;
    IRQLine **out_made; /* lines made for intercepted outputs that led nowhere */
} PinGroup;

typedef struct {
    char *id;
    char *path;
    Machine *machine;
    Bus *bus;
    bool realized;
    GPtrArray *pins;       /* of PinGroup */
    GHashTable *given;     /* names of properties that were given a value */
    GError *global_error;  /* a -global that could not be applied; told at realize */
} DevicePrivate;

DevicePrivate *device_private(Device *device);

/** device_properties_apply_defaults: the defaults, then -global; _free: what the fields own. */
void device_properties_apply_defaults(Device *device);
void device_properties_free(Device *device);

/** bus_attach / bus_detach: the bus's list of children. */
bool bus_attach(Bus *bus, Device *device, GError **error);
void bus_detach(Bus *bus, Device *device);

/** machine_adopt: adds a realized device and gives it its path; machine_disown: the reverse. */
void machine_adopt(Machine *machine, Device *device);
void machine_disown(Machine *machine, Device *device);
void boot_order_remove(Machine *machine, Device *device);

#endif
