/*
 * The ATA register bits and the codes that both kinds of drive use.
 *
 * Source: ATA/ATAPI-7 volume 1, sections 5 and 6.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_IDE_ATA_H
#define HW_IDE_ATA_H

/* Command block, offset from the channel's base port. */
enum {
    ATA_DATA,
    ATA_ERROR, /* written: features */
    ATA_COUNT,
    ATA_LBA_LOW,
    ATA_LBA_MID,
    ATA_LBA_HIGH,
    ATA_DEVICE,
    ATA_STATUS, /* written: command */
    ATA_COMMAND_BLOCK_SIZE
};

#define ATA_STATUS_ERR  0x01
#define ATA_STATUS_DRQ  0x08
#define ATA_STATUS_DSC  0x10 /* seek complete */
#define ATA_STATUS_DRDY 0x40
#define ATA_STATUS_BSY  0x80

#define ATA_ERROR_ABRT 0x04
#define ATA_ERROR_IDNF 0x10
#define ATA_ERROR_UNC  0x40 /* of a read */
#define ATA_ERROR_WP   0x40 /* of a write */

#define ATA_DEVICE_LBA  0x40
#define ATA_DEVICE_DEV1 0x10
#define ATA_DEVICE_ONES 0xa0 /* obsolete bits that read as ones */

#define ATA_CONTROL_NIEN 0x02
#define ATA_CONTROL_SRST 0x04
#define ATA_CONTROL_HOB  0x80

/* The count register of a packet command: interrupt reason. */
#define ATAPI_REASON_COMMAND 0x01 /* command or status, not data */
#define ATAPI_REASON_TO_HOST 0x02

/* Commands that code names outside of the table. */
#define ATA_COMMAND_DEVICE_RESET 0x08
#define ATA_COMMAND_DIAGNOSTIC   0x90

#define ATA_SECTOR_SIZE 512

#endif
