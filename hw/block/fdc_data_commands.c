/*
 * The commands of the floppy disk controller that move data: what each asks of the disk and of the
 * host before the first sector. fdc_transfer.c does the rest.
 *
 * Source: Intel 82078 data sheet (290474), chapter 5; 82077AA data sheet (290166) for SCAN.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fdc_private.h"

#define MULTI_TRACK  0x80
#define SKIP         0x20
#define ENABLE_COUNT 0x80 /* VERIFY: SC is the number of sectors */
#define SCAN_COMMAND 0x1f

/* What commands have in common: drive, place, DMA or not. */
static void set_up(FDC *fdc, FDCTransferKind kind)
{
    const uint8_t *command = fdc->fifo;

    fdc->transfer = (FDCTransfer){
        .kind = kind,
        .unit = fdc->command_unit,
        .non_dma = (fdc->specify[1] & SPECIFY2_NON_DMA) || !(fdc->dor & DOR_DMA_GATE),
        .multi_track = command[0] & MULTI_TRACK,
        .disk = {command[2], command[3], command[4]},
        .host = {command[2], command[3], command[4]},
        .head_done = fdc->command_head,
        .size_code = command[5],
        .eot = command[6],
        .step = 1,
    };
    fdc->transfer.normal_end = fdc->transfer.non_dma;
    fdc_set_phase(fdc, FDC_PHASE_DISK);
}

/* To the cylinder that the command names, if it may. Of an empty drive only the failure is told. */
static void implied_seek(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;
    const FloppyDrive *drive = fdc_drive(fdc, t->unit);

    if ((fdc->config & CONFIG_IMPLIED_SEEK) && fdc_seek(fdc, t->unit, t->disk.cylinder) && drive &&
        floppy_drive_has_medium(drive)) {
        t->status[0] |= ST0_SEEK_END;
    }
}

/* From R to EOT, and with MT all of the other side. */
static unsigned sectors_to_eot(FDC *fdc)
{
    const FDCTransfer *t = &fdc->transfer;
    const FloppyDrive *drive = fdc_drive(fdc, t->unit);
    unsigned count;

    if (t->eot < t->disk.sector) {
        return 0;
    }
    count = ((unsigned)t->eot - t->disk.sector) / t->step + 1;
    if (t->multi_track && t->disk.head == 0 && drive && drive->format->heads == 2) {
        count += (t->eot - 1u) / t->step + 1;
    }
    return count;
}

/* The first sector must be there; those behind it are looked for when it is their turn. */
static void begin(FDC *fdc, unsigned count)
{
    FDCTransfer *t = &fdc->transfer;

    fdc->last_count = t->eot;
    implied_seek(fdc);
    if (!fdc_transfer_find_sector(fdc, &t->disk)) {
        fdc_transfer_finish(fdc);
    } else if (t->disk.head != fdc->command_head || count == 0) {
        fdc_transfer_fail(fdc, ST1_NO_DATA, 0);
    } else {
        t->left = (uint16_t)count;
        fdc_transfer_go_on(fdc);
    }
}

void fdc_transfer_read(FDC *fdc)
{
    set_up(fdc, FDC_TRANSFER_READ);
    begin(fdc, sectors_to_eot(fdc));
}

/* No sector of an image has a deleted mark: with SK all are passed over, else the first is read. */
void fdc_transfer_read_deleted(FDC *fdc)
{
    set_up(fdc, FDC_TRANSFER_READ);
    if (!(fdc->fifo[0] & SKIP)) {
        fdc->transfer.status[2] |= ST2_CONTROL_MARK;
        fdc->transfer.normal_end = true;
        begin(fdc, MIN(sectors_to_eot(fdc), 1));
        return;
    }
    implied_seek(fdc);
    if (fdc_transfer_find_sector(fdc, &fdc->transfer.disk)) {
        fdc_transfer_note_error(fdc, ST1_END_OF_CYLINDER, ST2_CONTROL_MARK);
    }
    fdc_transfer_finish(fdc);
}

/* From the index on, whatever R says; it is only compared. */
void fdc_transfer_read_track(FDC *fdc)
{
    const FloppyDrive *drive = fdc_drive(fdc, fdc->command_unit);
    FDCTransfer *t = &fdc->transfer;
    uint8_t wanted = fdc->fifo[4];

    set_up(fdc, FDC_TRANSFER_READ);
    t->multi_track = false;
    t->disk.sector = t->host.sector = 1;
    if (drive && (wanted == 0 || wanted > drive->format->sectors)) {
        t->status[1] |= ST1_NO_DATA;
    }
    begin(fdc, t->eot);
}

void fdc_transfer_write(FDC *fdc)
{
    const FloppyDrive *drive = fdc_drive(fdc, fdc->command_unit);

    set_up(fdc, FDC_TRANSFER_WRITE);
    if (drive && floppy_drive_has_medium(drive) && floppy_drive_is_protected(drive)) {
        implied_seek(fdc);
        fdc_transfer_fail(fdc, ST1_NOT_WRITABLE, 0);
        return;
    }
    begin(fdc, sectors_to_eot(fdc));
}

/* The host gets nothing, so it can end nothing: EOT does, or the count in the last byte (0: 256).
 */
void fdc_transfer_verify(FDC *fdc)
{
    unsigned count = fdc->fifo[8] ? fdc->fifo[8] : 256;

    set_up(fdc, FDC_TRANSFER_VERIFY);
    fdc->transfer.normal_end = true;
    begin(fdc, fdc->fifo[1] & ENABLE_COUNT ? count : sectors_to_eot(fdc));
}

void fdc_transfer_scan(FDC *fdc)
{
    FDCTransferKind kind = FDC_TRANSFER_SCAN_EQUAL;
    uint8_t command = fdc->fifo[0] & SCAN_COMMAND;

    if (command != 0x11) {
        kind = command == 0x19 ? FDC_TRANSFER_SCAN_LOW : FDC_TRANSFER_SCAN_HIGH;
    }
    set_up(fdc, kind);
    fdc->transfer.normal_end = true;
    fdc->transfer.step = fdc->fifo[8] == 2 ? 2 : 1;
    begin(fdc, sectors_to_eot(fdc));
}

/* Its bytes are N, SC, GPL and D; where it goes is where the heads are. */
void fdc_transfer_format(FDC *fdc)
{
    const FloppyDrive *drive = fdc_drive(fdc, fdc->command_unit);
    FDCTransfer *t = &fdc->transfer;

    set_up(fdc, FDC_TRANSFER_FORMAT);
    t->disk = (FDCSector){drive ? drive->cylinder : 0, fdc->command_head, 1};
    t->host = t->disk;
    t->size_code = fdc->fifo[2];
    t->eot = fdc->fifo[3];
    t->normal_end = true;
    t->multi_track = false;
    fdc->last_count = fdc->fifo[3];
    if (drive && floppy_drive_has_medium(drive) && floppy_drive_is_protected(drive)) {
        fdc_transfer_fail(fdc, ST1_NOT_WRITABLE, 0);
    } else if (!fdc_transfer_find_sector(fdc, &t->disk)) {
        fdc_transfer_finish(fdc);
    } else if (t->eot == 0) {
        t->status[0] |= ST0_EQUIPMENT_CHECK;
        fdc_transfer_fail(fdc, 0, 0);
    } else {
        fdc_transfer_data_phase(fdc, (uint32_t)t->eot * FDC_ID_SIZE, FDC_PHASE_FROM_HOST);
    }
}

void fdc_transfer_read_id(FDC *fdc)
{
    FloppyDrive *drive = fdc_drive(fdc, fdc->command_unit);
    FDCTransfer *t = &fdc->transfer;

    set_up(fdc, FDC_TRANSFER_READ);
    t->disk = (FDCSector){drive ? drive->cylinder : 0, fdc->command_head, 1};
    t->size_code = FLOPPY_SIZE_CODE;
    if (fdc_transfer_find_sector(fdc, &t->disk)) {
        t->disk.sector = (uint8_t)(drive->rotation + 1);
        drive->rotation = (uint8_t)((drive->rotation + 1) % drive->format->sectors);
    }
    t->host = t->disk;
    fdc_transfer_finish(fdc);
}
