/*
 * What the files of the machine share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CORE_MACHINE_PRIVATE_H
#define HW_CORE_MACHINE_PRIVATE_H

#include "hw/core/machine.h"

typedef struct {
    MachineConfig config;
    Accel *accel;
    MemoryRegion memory_root, io_root;
    AddressSpace *memory, *io;
    GPtrArray *devices;    /* realized, in realize order; not owned (each device holds itself) */
    GPtrArray *buses;      /* owned */
    GPtrArray *boot_order; /* of BootEntry */
    unsigned unattached_count, anonymous_count;
    bool built;    /* the board is complete: later devices are the user's */
    bool finished; /* the guest may run: later devices are hot-plugged */
} MachinePrivate;

MachinePrivate *machine_private(Machine *machine);
void boot_entry_free(gpointer data);

#endif
