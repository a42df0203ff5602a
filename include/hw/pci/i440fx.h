/*
 * Intel 82441FX (i440FX, PMC): host bridge, memory map of the first 4 GiB, configuration mechanism #1.
 *
 * Source: Intel 440FX PCIset 82441FX data sheet (PAM, SMRAM, CONFADD/CONFDATA).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_PCI_I440FX_H
#define HW_PCI_I440FX_H

#include "hw/pci/pci.h"

/* Type "i440FX": function 8086:1237 at 00.0 of its own bus "pci.0". */
DEVICE_DECLARE(I440FX, i440fx, HW_I440FX)

/**
 * i440fx_new: realizes the bridge with its bus.
 * @ram: the machine's RAM; @below_4g: bytes of it mapped from 0, the rest goes from 4 GiB on
 */
I440FX *i440fx_new(Machine *machine, RamBlock *ram, uint64_t below_4g, GError **error);
PCIBus *i440fx_bus(I440FX *host);
/** i440fx_pci_memory: where BARs and ROMs appear; RAM hides it. */
MemoryRegion *i440fx_pci_memory(I440FX *host);
/**
 * i440fx_set_reset_control: port 0xcf9 lies inside CONFADD (0xcf8-0xcfb) but is the south bridge's: byte
 * accesses to it go there.
 */
void i440fx_set_reset_control(I440FX *host, const MemoryRegionOps *ops, void *opaque);

#endif
