/*
 * The ATA command table, with the commands that are small: INITIALIZE DEVICE PARAMETERS, SET
 * MULTIPLE, READ NATIVE MAX, power modes.
 *
 * What is not in the table is aborted, as the standard asks of a command a device does not have.
 *
 * Source: ATA/ATAPI-7 volume 1, section 6 and annex B; obsolete codes from ATA-1 and ATA-3.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "atapi.h"
#include "ide_drive.h"
#include "util/clock.h"
#include "util/log.h"

#define ON_DISK   0x01
#define ON_PACKET 0x02
#define WIDE      0x04 /* 48-bit registers */
#define WAKES     0x08 /* reaches the medium: ends standby */

typedef struct {
    void (*run)(IDEDrive *drive);
    uint8_t flags;
    uint8_t how; /* of a transfer */
} AtaCommand;

/* ---- power ---- */

#define POWER_STANDBY 0x00 /* as CHECK POWER MODE reports */
#define POWER_IDLE    0x80
#define POWER_ACTIVE  0xff
#define POWER_SLEEP   0x01 /* never reported: no command runs */

/* The period codes of STANDBY and IDLE, in seconds. */
static int64_t standby_seconds(uint8_t code)
{
    if (code <= 240) {
        return code * 5;
    }
    if (code <= 251) {
        return (code - 240) * 30 * 60;
    }
    switch (code) {
    case 252:
        return 21 * 60;
    case 255:
        return 21 * 60 + 15;
    default:
        return 8 * 3600;
    }
}

uint8_t ata_power_mode(IDEDrive *drive)
{
    int64_t quiet = clock_get_ns(CLOCK_VIRTUAL) - drive->last_access_ns;

    if (drive->power_mode != POWER_SLEEP && drive->standby_period != 0 &&
        quiet >= standby_seconds(drive->standby_period) * NS_PER_SECOND) {
        drive->power_mode = POWER_STANDBY;
    }
    return drive->power_mode;
}

void ata_power_wake(IDEDrive *drive)
{
    drive->power_mode = POWER_ACTIVE;
    drive->last_access_ns = clock_get_ns(CLOCK_VIRTUAL);
}

bool ata_power_is_sleeping(IDEDrive *drive)
{
    return drive->power_mode == POWER_SLEEP;
}

static void enter_power_mode(IDEDrive *drive, uint8_t mode)
{
    drive->power_mode = mode;
    if (mode == POWER_IDLE || drive->is_cdrom) {
        ide_drive_complete(drive);
    } else {
        ide_request_begin(drive, IDE_REQUEST_FLUSH); /* heads park on a clean cache */
    }
}

static void set_standby_period(IDEDrive *drive)
{
    drive->standby_period = drive->current.count;
    drive->last_access_ns = clock_get_ns(CLOCK_VIRTUAL);
}

static void run_standby(IDEDrive *drive)
{
    set_standby_period(drive);
    enter_power_mode(drive, POWER_STANDBY);
}

static void run_idle(IDEDrive *drive)
{
    set_standby_period(drive);
    enter_power_mode(drive, POWER_IDLE);
}

static void run_standby_immediate(IDEDrive *drive)
{
    enter_power_mode(drive, POWER_STANDBY);
}

static void run_idle_immediate(IDEDrive *drive)
{
    enter_power_mode(drive, POWER_IDLE);
}

static void run_sleep(IDEDrive *drive)
{
    enter_power_mode(drive, POWER_SLEEP);
}

static void run_check_power_mode(IDEDrive *drive)
{
    drive->current.count = ata_power_mode(drive);
    ide_drive_complete(drive);
}

/* ---- small commands ---- */

static void run_nop(IDEDrive *drive)
{
    ide_drive_abort(drive); /* that is what it does */
}

static void run_flush(IDEDrive *drive)
{
    ide_request_begin(drive, IDE_REQUEST_FLUSH);
}

static void run_recalibrate(IDEDrive *drive)
{
    drive->current.lba_mid = 0;
    drive->current.lba_high = 0;
    ide_drive_complete(drive);
}

/* Heads from the device register, sectors from the count: what CHS addresses mean from now on. */
static void run_initialize_parameters(IDEDrive *drive)
{
    unsigned heads = (drive->device & 0x0f) + 1, sectors = drive->current.count;
    uint64_t cylinders;

    if (sectors == 0) {
        ide_drive_abort(drive);
        return;
    }
    cylinders = drive->sector_count / (heads * sectors);
    drive->chs_heads = (uint8_t)heads;
    drive->chs_sectors = (uint8_t)sectors;
    drive->chs_cylinders = (uint16_t)MIN(cylinders, 65535);
    ide_drive_complete(drive);
}

static void run_set_multiple(IDEDrive *drive)
{
    unsigned count = drive->current.count;

    if (count > IDE_MULTIPLE_MAX || (count & (count - 1))) {
        ide_drive_abort(drive);
        return;
    }
    drive->multiple = (uint8_t)count;
    ide_drive_complete(drive);
}

static void run_read_native_max(IDEDrive *drive)
{
    uint64_t last = drive->sector_count ? drive->sector_count - 1 : 0;

    if (!drive->wide && !(drive->device & ATA_DEVICE_LBA)) {
        ide_drive_abort(drive);
        return;
    }
    ata_set_address(drive, drive->wide ? last : MIN(last, 0x0fffffff));
    ide_drive_complete(drive);
}

/* A host that takes a packet device for a disk is shown the signature. */
static void run_refuse_as_packet_device(IDEDrive *drive)
{
    ide_drive_set_signature(drive);
    ide_drive_abort(drive);
}

static void run_identify(IDEDrive *drive)
{
    if (drive->is_cdrom) {
        run_refuse_as_packet_device(drive);
    } else {
        ata_identify(drive);
    }
}

static void run_transfer(IDEDrive *drive);

/* ---- the table ---- */

#define TRANSFER(flags, how)                                                                       \
    {                                                                                              \
        run_transfer, ON_DISK | WAKES | (flags), (how)                                             \
    }
#define W   ATA_TRANSFER_WRITE
#define DMA ATA_TRANSFER_DMA
#define MUL ATA_TRANSFER_MULTIPLE
#define FUA ATA_TRANSFER_FUA
#define VER ATA_TRANSFER_VERIFY

static const AtaCommand commands[256] = {
    [0x00] = {run_nop, ON_DISK | ON_PACKET},
    [0x06] = {ata_data_set_management, ON_DISK | WAKES | WIDE},
    [0x10 ... 0x1f] = {run_recalibrate, ON_DISK | WAKES},
    [0x20] = TRANSFER(0, 0), /* READ SECTOR(S) */
    [0x21] = TRANSFER(0, 0),
    [0x24] = TRANSFER(WIDE, 0),
    [0x25] = TRANSFER(WIDE, DMA),
    [0x27] = {run_read_native_max, ON_DISK | WIDE},
    [0x29] = TRANSFER(WIDE, MUL),
    [0x30] = TRANSFER(0, W), /* WRITE SECTOR(S) */
    [0x31] = TRANSFER(0, W),
    [0x34] = TRANSFER(WIDE, W),
    [0x35] = TRANSFER(WIDE, W | DMA),
    [0x39] = TRANSFER(WIDE, W | MUL),
    [0x3d] = TRANSFER(WIDE, W | DMA | FUA),
    [0x40] = TRANSFER(0, VER),
    [0x41] = TRANSFER(0, VER),
    [0x42] = TRANSFER(WIDE, VER),
    [0x70 ... 0x7f] = TRANSFER(0, ATA_TRANSFER_SEEK),
    [0x91] = {run_initialize_parameters, ON_DISK},
    [0x94] = {run_standby_immediate, ON_DISK | ON_PACKET},
    [0x95] = {run_idle_immediate, ON_DISK | ON_PACKET},
    [0x96] = {run_standby, ON_DISK | ON_PACKET},
    [0x97] = {run_idle, ON_DISK | ON_PACKET},
    [0x98] = {run_check_power_mode, ON_DISK | ON_PACKET},
    [0x99] = {run_sleep, ON_DISK | ON_PACKET},
    [0xa0] = {atapi_packet_command, ON_PACKET},
    [0xa1] = {ata_identify_packet, ON_PACKET},
    [0xb0] = {ata_smart, ON_DISK},
    [0xc4] = TRANSFER(0, MUL),
    [0xc5] = TRANSFER(0, W | MUL),
    [0xc6] = {run_set_multiple, ON_DISK},
    [0xc8] = TRANSFER(0, DMA),
    [0xc9] = TRANSFER(0, DMA),
    [0xca] = TRANSFER(0, W | DMA),
    [0xcb] = TRANSFER(0, W | DMA),
    [0xce] = TRANSFER(WIDE, W | MUL | FUA),
    [0xe0] = {run_standby_immediate, ON_DISK | ON_PACKET},
    [0xe1] = {run_idle_immediate, ON_DISK | ON_PACKET},
    [0xe2] = {run_standby, ON_DISK | ON_PACKET},
    [0xe3] = {run_idle, ON_DISK | ON_PACKET},
    [0xe5] = {run_check_power_mode, ON_DISK | ON_PACKET},
    [0xe6] = {run_sleep, ON_DISK | ON_PACKET},
    [0xe7] = {run_flush, ON_DISK},
    [0xea] = {run_flush, ON_DISK | WIDE},
    [0xec] = {run_identify, ON_DISK | ON_PACKET},
    [0xef] = {ata_set_features, ON_DISK | ON_PACKET},
    [0xf8] = {run_read_native_max, ON_DISK},
};

#undef W
#undef DMA
#undef MUL
#undef FUA
#undef VER

static void run_transfer(IDEDrive *drive)
{
    ata_transfer_start(drive, commands[drive->command].how);
}

void ata_command_run(IDEDrive *drive, uint8_t command)
{
    const AtaCommand *row = &commands[command];

    drive->wide = (row->flags & WIDE) != 0;
    if (drive->is_cdrom && command == 0x20) { /* READ SECTOR(S) */
        run_refuse_as_packet_device(drive);
        return;
    }
    if (!row->run || !(row->flags & (drive->is_cdrom ? ON_PACKET : ON_DISK))) {
        log_printf(LOG_UNIMP, "%s: ATA command 0x%02x aborted\n", device_name(HW_DEVICE(drive)),
                   command);
        ide_drive_abort(drive);
        return;
    }
    if (row->flags & WAKES) {
        ata_power_wake(drive);
    }
    row->run(drive);
}
