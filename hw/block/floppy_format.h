/*
 * Types of floppy drives, and the formats of the diskettes that each can read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_FLOPPY_FORMAT_H
#define HW_BLOCK_FLOPPY_FORMAT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define FLOPPY_SECTOR_SIZE 512
#define FLOPPY_SIZE_CODE   2 /* N of such a sector: 128 << 2 bytes */

typedef enum {
    FLOPPY_TYPE_144,
    FLOPPY_TYPE_288,
    FLOPPY_TYPE_120,
    FLOPPY_TYPE_NONE,
    FLOPPY_TYPE_AUTO, /* what the medium at start-up needs */
    FLOPPY_TYPE_COUNT
} FloppyType;

/* Data rates as DSR and CCR have them. */
typedef enum {
    FLOPPY_RATE_500K,
    FLOPPY_RATE_300K,
    FLOPPY_RATE_250K,
    FLOPPY_RATE_1M,
} FloppyRate;

typedef struct {
    FloppyType type; /* the least drive that reads it */
    uint8_t sectors, cylinders, heads;
    uint8_t rate;
} FloppyFormat;

/** floppy_format_find: the format of @bytes in a drive of @type (auto: in any); NULL: none. */
const FloppyFormat *floppy_format_find(FloppyType type, uint64_t bytes);
/** floppy_format_default: what a drive of @type (neither none nor auto) is made for. */
const FloppyFormat *floppy_format_default(FloppyType type);
/** floppy_type_parse: "144", "288", "120", "none", "auto" as the value of @property. */
bool floppy_type_parse(const char *property, const char *text, FloppyType *type, GError **error);
/** floppy_type_cmos: the nibble of CMOS byte 0x10. */
uint8_t floppy_type_cmos(FloppyType type);

#endif
