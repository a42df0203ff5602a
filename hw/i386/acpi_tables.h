/*
 * ACPI tables of the PC, as bytes with the places where addresses and checksums go.
 *
 * The tables are made once per guest boot (the PCI windows depend on where the firmware put BARs)
 * as one blob of tables plus an RSDP. The addresses inside are not known yet: AcpiTables lists
 * where pointers are, and either the firmware's table loader fills them in, or acpi_tables_place()
 * does for boots without firmware.
 *
 * Source: ACPI specification 3.0 and 6.2.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_ACPI_TABLES_H
#define HW_I386_ACPI_TABLES_H

#include "hw/i386/pc_platform.h"

#define ACPI_HEADER_SIZE      36
#define ACPI_FACS_SIZE        64
#define ACPI_RSDP_SIZE        36
#define ACPI_CHECKSUM         9 /* offset of the checksum in a table's header */
#define ACPI_RSDP_ALIGNMENT   16
#define ACPI_TABLES_ALIGNMENT 64 /* the FACS, which is first, wants it */

/* A pointer of @size bytes at @offset that holds an offset in the tables blob until it is
 * relocated. */
typedef struct {
    uint32_t offset;
    uint8_t size;
} AcpiPointer;

/* A checksum byte at @offset over [@start, @start + @length). */
typedef struct {
    uint32_t offset, start, length;
} AcpiChecksum;

typedef struct {
    GByteArray *tables; /* the FACS first, then every other table */
    GByteArray *rsdp;
    GArray *pointers;  /* AcpiPointer in @tables */
    GArray *checksums; /* AcpiChecksum in @tables, to be computed after the pointers */
    GArray *rsdp_pointers;
    GArray *rsdp_checksums;
    uint32_t guid_page; /* offset of the 32-bit address of vmgenid's page in @tables; 0: there is none */
} AcpiTables;

/** acpi_tables_new: @user: tables of -acpitable (GBytes, complete with header) or NULL. */
AcpiTables *acpi_tables_new(const PcPlatform *platform, GPtrArray *user);
void acpi_tables_free(AcpiTables *tables);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AcpiTables, acpi_tables_free)

/**
 * acpi_tables_place: fills in all pointers and checksums for a blob at @tables_address with the
 * RSDP's pointers, and for vmgenid's page in the page where the blob begins. Call it once; then copy the two arrays to guest memory.
 */
void acpi_tables_place(AcpiTables *tables, uint32_t tables_address);

/** acpi_tables_loader_script: the commands for the firmware's table loader (fw_cfg
 * etc/table-loader). */
GByteArray *acpi_tables_loader_script(const AcpiTables *tables);

/** acpi_board_aml: what the fixed DSDT lacks: the objects that differ between boards. Caller owns.
 */
GByteArray *acpi_board_aml(const PcPlatform *platform);

/** acpi_checksum: what makes the sum of @length bytes, this one included, zero. */
uint8_t acpi_checksum(const uint8_t *data, size_t length);

/** acpi_user_tables: the tables of MachineConfig.acpi_tables (-acpitable) as GBytes; NULL: error.
 */
GPtrArray *acpi_user_tables(GPtrArray *options, GError **error);

/** acpi_fw_cfg_add: the files etc/acpi/tables, etc/acpi/rsdp, etc/table-loader, made when first
 * read. */
bool acpi_fw_cfg_add(const PcPlatform *platform, GPtrArray *user, GError **error);

#endif
