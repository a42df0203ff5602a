/*
 * SMBIOS: what dmidecode shows of the machine.
 *
 * Source: DSP0134, System Management BIOS reference specification 2.8 and 3.0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_SMBIOS_H
#define HW_I386_SMBIOS_H

#include "hw/i386/pc_platform.h"

#define SMBIOS_ENTRY_SIZE_21 31
#define SMBIOS_ENTRY_SIZE_30 24

typedef struct {
    GByteArray *structures;
    uint8_t entry[SMBIOS_ENTRY_SIZE_21];
    unsigned entry_size;
} SmbiosTables;

/**
 * smbios_tables_new: the structures of @platform with the overrides of -smbios.
 * @with_bios_information: make type 0 even if no -smbios type=0 asks for it (no firmware adds its
 * own) NULL: @error names the option.
 */
SmbiosTables *smbios_tables_new(const PcPlatform *platform, bool with_bios_information,
                                GError **error);
void smbios_tables_free(SmbiosTables *tables);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SmbiosTables, smbios_tables_free)

/** smbios_tables_place: writes @address of the structures and the checksums into the entry point.
 */
void smbios_tables_place(SmbiosTables *tables, uint32_t address);

#endif
