/*
 * Firmware files: where they are looked for, and the BIOS ROM in the memory map.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_FIRMWARE_H
#define HW_I386_FIRMWARE_H

#include "hw/core/machine.h"

#define PC_DEFAULT_FIRMWARE "bios-256k.bin"
#define PC_ISA_BIOS_END     UINT64_C(0x100000)
#define PC_ISA_BIOS_MAX     UINT64_C(0x20000) /* of the firmware's end, below PC_ISA_BIOS_END */

/**
 * firmware_find: the path of firmware file @name: as it is, then in each folder of -L, then where
 * the distribution's firmware packages put it. Caller frees; NULL: nowhere.
 */
char *firmware_find(const MachineConfig *config, const char *name);

/**
 * pc_firmware_map: puts the BIOS (-bios, or the default) read-only at the end of the first 4 GiB,
 * and its last 128 KiB below 1 MiB too, where the host bridge's PAM registers let it be seen.
 * @pci_memory: the PCI address space, which RAM hides where there is RAM
 * False: "could not load PC BIOS 'NAME'" with the reason.
 */
bool pc_firmware_map(Machine *machine, MemoryRegion *pci_memory, GError **error);

#endif
