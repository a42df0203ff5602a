/*
 * DATA SET MANAGEMENT with TRIM: ranges from guest memory, discarded one after the other.
 *
 * Source: ATA8-ACS, section 7.10.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide_drive.h"
#include "util/bytes.h"

#define FEATURE_TRIM 0x01
#define ENTRY_SIZE   8

bool ata_trim_supported(IDEDrive *drive)
{
    return drive->discard_granularity != 0 && block_backend_discard_enabled(drive->backend);
}

void ata_data_set_management(IDEDrive *drive)
{
    uint32_t blocks = drive->current.count | drive->previous.count << 8;

    if (!ata_trim_supported(drive) || drive->current.feature != FEATURE_TRIM || blocks == 0 ||
        blocks > IDE_TRIM_BLOCKS || block_backend_is_read_only(drive->backend)) {
        ide_drive_abort(drive);
        return;
    }
    drive->buffer_fill = blocks * ATA_SECTOR_SIZE;
    drive->pio_position = 0; /* of the next entry */
    ide_request_begin_dma(drive, IDE_REQUEST_TRIM_PAYLOAD);
}

static void payload_submit(IDEDrive *drive)
{
    BusMaster *master = &drive->bus->bus_master;
    BusMasterResult result = bus_master_copy(master, drive->buffer, drive->buffer_fill, false);

    if (result != BUS_MASTER_DATA) {
        ide_request_bus_master_failed(drive, result);
        return;
    }
    ide_request_begin(drive, IDE_REQUEST_TRIM);
}

/* The bus master stays active until the ranges are discarded: the host sees one transfer. */
static void end_transfer(IDEDrive *drive)
{
    bus_master_drive_done(&drive->bus->bus_master, BUS_MASTER_DATA);
}

/* An entry: 48 bits of first sector, 16 bits of count. Of count 0: not used. */
static uint32_t read_entry(IDEDrive *drive, uint32_t position, uint64_t *sector)
{
    uint64_t entry = load_le64(drive->buffer + position);

    *sector = entry & ((UINT64_C(1) << 48) - 1);
    return (uint32_t)(entry >> 48);
}

/* The next range in use, joined with those that follow it on the disk. 0: there is none. */
static uint32_t next_range(IDEDrive *drive, uint64_t *sector)
{
    uint32_t count = 0;

    while (drive->pio_position < drive->buffer_fill) {
        uint64_t first;
        uint32_t more = read_entry(drive, drive->pio_position, &first);

        if (count == 0) {
            *sector = first;
        } else if (more != 0 && first != *sector + count) {
            break;
        }
        count += more;
        drive->pio_position += ENTRY_SIZE;
    }
    return count;
}

static void trim_submit(IDEDrive *drive)
{
    IDETransfer *transfer = &drive->transfer;
    uint32_t start = drive->pio_position;

    transfer->left = next_range(drive, &transfer->position);
    transfer->chunk = 1; /* a failing discard is not searched */
    if (transfer->left == 0) {
        end_transfer(drive);
        ide_drive_complete(drive);
        return;
    }
    if (transfer->position >= drive->sector_count ||
        transfer->left > drive->sector_count - transfer->position) {
        end_transfer(drive);
        ata_set_address(drive, transfer->position);
        ide_drive_fail(drive, ATA_ERROR_IDNF | ATA_ERROR_ABRT);
        return;
    }
    /* The entries count as done when their discard has succeeded: a retry reads them again. */
    transfer->written = drive->pio_position;
    drive->pio_position = start;
    ide_request_discard(drive, transfer->position * ATA_SECTOR_SIZE,
                        (uint64_t)transfer->left * ATA_SECTOR_SIZE);
}

static void trim_done(IDEDrive *drive)
{
    drive->pio_position = drive->transfer.written;
    trim_submit(drive);
}

static void trim_failed(IDEDrive *drive, int errnum G_GNUC_UNUSED)
{
    end_transfer(drive);
    ata_set_address(drive, drive->transfer.position);
    ide_drive_abort(drive);
}

const IDERequestOps ata_trim_payload_request = {.submit = payload_submit};

const IDERequestOps ata_trim_request = {
    .submit = trim_submit,
    .done = trim_done,
    .failed = trim_failed,
};
