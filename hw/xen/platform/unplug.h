/*
 * What a Xen guest may unplug of the emulated machine.
 *
 * Source: Xen's docs/misc/hvm-emulated-unplug.pandoc.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_PLATFORM_UNPLUG_H
#define HW_XEN_PLATFORM_UNPLUG_H

#include "hw/core/machine.h"

enum {
    XEN_UNPLUG_DISKS = 1 << 0,     /* IDE disks, SCSI controllers */
    XEN_UNPLUG_NICS = 1 << 1,      /* network adapters */
    XEN_UNPLUG_AUX_DISKS = 1 << 2, /* IDE disks but the primary master */
    XEN_UNPLUG_NVME = 1 << 3,      /* NVMe controllers */
};

/**
 * xen_unplug: takes away what @mask names, on every PCI bus of @machine; the next reset puts it
 * back. When it returns the guest finds none of it and its images are free. CD-ROMs stay, so does
 * what is passed through from the host and what is on no PCI bus. Any thread with the machine lock.
 * Returns how many devices went.
 */
unsigned xen_unplug(Machine *machine, uint16_t mask);

/**
 * xen_plug_back: undoes every xen_unplug() and resets the devices that are back; their place in
 * configuration space, which no firmware would set up again, stays. Whoever took an image has given
 * it back before. As xen_unplug().
 */
void xen_plug_back(Machine *machine);

#endif
