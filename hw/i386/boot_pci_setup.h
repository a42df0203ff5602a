/*
 * PCI as firmware leaves it: bus numbers, BARs, bridge windows, interrupt routing, power
 * management.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_BOOT_PCI_SETUP_H
#define HW_I386_BOOT_PCI_SETUP_H

#include "hw/i386/pc_platform.h"

/** boot_pci_setup: after a reset, before a kernel starts without firmware. Machine lock held. */
void boot_pci_setup(const PcPlatform *platform);

#endif
