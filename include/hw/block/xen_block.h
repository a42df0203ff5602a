/*
 * PV disks: what the board uses of "xen-disk" and "xen-cdrom".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_BLOCK_H
#define HW_BLOCK_XEN_BLOCK_H

#include "hw/ide/ide.h"
#include "hw/xen/xen_bus.h"

/** xen_block_create_drives: a xen-disk or xen-cdrom for each -drive if=xen, named from xvda on. */
bool xen_block_create_drives(XenBus *bus, GError **error);

/**
 * xen_block_create_twin: the hard disk @drive as a xen-disk too, number @number counted from xvda,
 * which appears when the guest has unplugged @drive. It takes over the drive's settings for the
 * image. Does nothing if a PV disk shares the drive's image already.
 */
bool xen_block_create_twin(XenBus *bus, IDEDrive *drive, unsigned number, GError **error);

#endif
