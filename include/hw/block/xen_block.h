/*
 * PV disks: what the board uses of "xen-disk" and "xen-cdrom".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_BLOCK_H
#define HW_BLOCK_XEN_BLOCK_H

#include "hw/xen/xen_bus.h"

/** xen_block_create_drives: a xen-disk or xen-cdrom for each -drive if=xen, named from xvda on. */
bool xen_block_create_drives(XenBus *bus, GError **error);

#endif
