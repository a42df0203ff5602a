/*
 * The floppy disk controller and what the board uses of it.
 *
 * Source: Intel 82078 data sheet (290474), 82077AA data sheet (290166).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_FDC_H
#define HW_BLOCK_FDC_H

#include "hw/core/bus.h"

#define TYPE_FLOPPY_BUS "floppy-bus"
#define FDC_UNIT_COUNT  2 /* drives that a cable of a PC has */

/* Type "isa-fdc": provides the bus "floppy-bus.N", on which "floppy" drives plug. */
DEVICE_DECLARE(FDC, fdc, HW_FDC)

/**
 * fdc_create_drives: a floppy for each -drive if=floppy; realized @fdc.
 * @error: a drive cannot be made
 */
bool fdc_create_drives(FDC *fdc, GError **error);

/* A drive as firmware and ACPI are told of it. */
typedef struct {
    uint8_t cmos_type;                 /* a nibble of CMOS byte 0x10: 2: 1.2 MB, 4: 1.44, 5: 2.88 */
    uint8_t cylinders, heads, sectors; /* of the largest format that it reads */
} FDCDriveInfo;

/** fdc_drive_info: false: there is no drive @unit. */
bool fdc_drive_info(FDC *fdc, unsigned unit, FDCDriveInfo *info);

#endif
