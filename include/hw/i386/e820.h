/*
 * The memory map of the PC as the BIOS call E820h reports it.
 *
 * Source: ACPI specification 6.2, section 15 (system address map interfaces).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_E820_H
#define HW_I386_E820_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

#define E820_MAX_ENTRIES 128 /* what a Linux zero page holds */
#define E820_ENTRY_SIZE  20  /* bytes of an entry in memory: address, length, type */

typedef enum {
    E820_RAM = 1,
    E820_RESERVED = 2,
    E820_ACPI = 3, /* tables; free once the OS has read them */
    E820_NVS = 4,
    E820_UNUSABLE = 5,
} E820Type;

typedef struct {
    uint64_t address, length; /* bytes */
    E820Type type;
} E820Entry;

typedef struct E820Table E820Table;

/** e820_new: an empty table; free with e820_free(). */
E820Table *e820_new(void);
void e820_free(E820Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(E820Table, e820_free)

/** e820_copy: a second table with the same entries. */
E820Table *e820_copy(const E820Table *table);

/**
 * e820_add: adds [@address, @address + @length). Where it overlaps what is there, the higher type
 * number wins (so a reserved range may be cut out of RAM). A length of 0 adds nothing. False: the
 * range wraps around or the table would hold more than E820_MAX_ENTRIES.
 */
bool e820_add(E820Table *table, uint64_t address, uint64_t length, E820Type type, GError **error);

/** e820_add_ram: RAM of a PC: @below_4g bytes from 0 and @above_4g bytes from 4 GiB. */
bool e820_add_ram(E820Table *table, uint64_t below_4g, uint64_t above_4g, GError **error);

/**
 * e820_add_legacy_holes: what firmware takes out of the first MiB: the EBDA at 0x9fc00, nothing at
 * 0xa0000-0xeffff, the BIOS segment 0xf0000-0xfffff reserved. For boots without firmware.
 */
bool e820_add_legacy_holes(E820Table *table, GError **error);

/** e820_entries: sorted by address, disjoint; neighbours of one type are merged. Owned by @table.
 */
const E820Entry *e820_entries(const E820Table *table, unsigned *count);

/** e820_to_bytes: the entries as 20-byte records (fw_cfg etc/e820, Linux zero page); @only 0: all
 * types. */
GBytes *e820_to_bytes(const E820Table *table, unsigned only);

/** e820_covers: true if all of [@address, @address + @length) is of @type. */
bool e820_covers(const E820Table *table, uint64_t address, uint64_t length, E820Type type);

#endif
