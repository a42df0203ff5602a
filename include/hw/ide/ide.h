/*
 * IDE: a channel with two drives, and what the PIIX3 function and the board use of it.
 *
 * Source: ATA/ATAPI-7, SFF-8038i (bus master), MMC-5 (CD-ROM).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_IDE_IDE_H
#define HW_IDE_IDE_H

#include "hw/pci/pci.h"

#define TYPE_IDE_BUS      "IDE"
#define IDE_CHANNEL_COUNT 2 /* of a controller */
#define IDE_UNIT_COUNT    2 /* of a channel */

/* A disk ("ide-hd") or CD-ROM ("ide-cd") on a channel. */
typedef struct _IDEDrive IDEDrive;

/* Type "piix3-ide": PCI function 8086:7010 with buses ide.0 and ide.1 (I/O 0x1f0/0x3f6,
 * 0x170/0x376; bus master BAR4). Output pins: unnamed 0 and 1 are the channels' interrupts (IRQ 14
 * and 15). A channel decodes its ports when PCI command bit 0 and bit 15 of its IDETIM register
 * (0x40, 0x42) are set, as the firmware does. */
DEVICE_DECLARE(PIIX3IDE, piix3_ide, HW_PIIX3_IDE)

/** ide_create_drives: an ide-hd or ide-cd for each -drive if=ide (and the default empty CD-ROM if
 * @default_cdrom). */
bool ide_create_drives(PIIX3IDE *controller, bool default_cdrom, GError **error);

/* How the BIOS maps its CHS addresses to the drive's; the values are those of CMOS byte 0x39. */
typedef enum {
    IDE_TRANSLATION_NONE,
    IDE_TRANSLATION_LBA,
    IDE_TRANSLATION_LARGE,
    IDE_TRANSLATION_RECHS,
} IDETranslation;

/**
 * ide_drive_geometry: the CHS of drive @unit of channel @channel for CMOS; false: no hard disk
 * there.
 * @translation: an IDETranslation
 */
bool ide_drive_geometry(PIIX3IDE *controller, unsigned channel, unsigned unit, uint16_t *cylinders,
                        uint8_t *heads, uint8_t *sectors, int *translation);

/** ide_controller_drive: the drive that was realized as @unit of @channel, unplugged or not; NULL
 * if none. */
IDEDrive *ide_controller_drive(PIIX3IDE *controller, unsigned channel, unsigned unit);
/** ide_drive_is_disk: true for ide-hd. */
bool ide_drive_is_disk(IDEDrive *drive);
/**
 * ide_drive_unplug: takes the drive off its channel: the guest finds nothing there until the next
 * reset, which puts it back. A request that is under way is waited for, what the cache holds is
 * flushed, and the write permission on its block node is given up. Any thread with the machine
 * lock: an IDE drive's requests run in the main context, whose lock that is.
 */
void ide_drive_unplug(IDEDrive *drive);
bool ide_drive_is_unplugged(IDEDrive *drive);
/** ide_drive_block_name: the -drive id or node name behind the drive, or NULL; owned by the drive.
 */
const char *ide_drive_block_name(IDEDrive *drive);

#endif
