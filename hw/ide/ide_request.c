/*
 * Requests of a drive to the block layer: one at a time, with the search for the failing sector,
 * the error policy, and the stop and retry that goes with it.
 *
 * While a request is in flight the drive is busy, and a reset by the guest takes effect when the
 * request has ended: the memory it uses stays untouched by anything else until then.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "atapi.h"
#include "ide_drive.h"
#include "util/clock.h"
#include "util/trace.h"

TRACE_DEFINE(ide_request);
TRACE_DEFINE(ide_request_error);

/* A failed chunk is tried again in parts of this fraction, until one sector fails. */
#define SEARCH_FRACTION 16

static const IDERequestOps *const request_ops[IDE_REQUEST_COUNT] = {
    [IDE_REQUEST_READ_PIO] = &ata_read_pio_request,
    [IDE_REQUEST_WRITE_PIO] = &ata_write_pio_request,
    [IDE_REQUEST_READ_DMA] = &ata_read_dma_request,
    [IDE_REQUEST_WRITE_DMA] = &ata_write_dma_request,
    [IDE_REQUEST_VERIFY] = &ata_verify_request,
    [IDE_REQUEST_FLUSH] = &ata_flush_request,
    [IDE_REQUEST_TRIM_PAYLOAD] = &ata_trim_payload_request,
    [IDE_REQUEST_TRIM] = &ata_trim_request,
    [IDE_REQUEST_PACKET_READ_PIO] = &atapi_read_pio_request,
    [IDE_REQUEST_PACKET_READ_DMA] = &atapi_read_dma_request,
    [IDE_REQUEST_PACKET_RAW] = &atapi_raw_request,
    [IDE_REQUEST_PACKET_REPLY_DMA] = &atapi_reply_dma_request,
    [IDE_REQUEST_PACKET_DATA_DMA] = &atapi_data_dma_request,
};

/* ---- completion ---- */

static bool handle_error(IDEDrive *drive, const IDERequestOps *ops, int errnum)
{
    TRACE(ide_request_error, "%s request %u errno %d chunk %u", device_name(HW_DEVICE(drive)),
          drive->request, errnum, drive->transfer.chunk);
    if (drive->transfer.chunk > 1) {
        drive->transfer.chunk_limit = MAX(1, drive->transfer.chunk / SEARCH_FRACTION);
        ops->submit(drive);
        return false;
    }
    switch (block_error_action(drive->backend, ops->is_read, errnum)) {
    case BLOCK_ERROR_IGNORE:
        return true;
    case BLOCK_ERROR_STOP:
        drive->retry_pending = true;
        return false;
    default:
        ops->failed(drive, errnum);
        return false;
    }
}

static void request_ended(void *opaque, int result)
{
    IDEDrive *drive = opaque;
    const IDERequestOps *ops = request_ops[drive->request];
    BusMasterResult moved = BUS_MASTER_DATA;

    drive->in_flight = false;
    if (ops->uses_bus_master) {
        moved = bus_master_release(&drive->bus->bus_master, result == 0);
    }
    if (drive->unplugged) {
        drive->request = IDE_REQUEST_NONE;
        block_backend_yield_write(drive->backend);
        return;
    }
    if (drive->resetting) {
        ide_drive_try_finish_reset(drive);
        return;
    }
    if (moved == BUS_MASTER_FAULT ||
        (moved == BUS_MASTER_STOPPED &&
         (result < 0 || drive->transfer.left > drive->transfer.chunk))) {
        ide_request_bus_master_failed(drive, moved);
        return;
    }
    if (result == 0 || handle_error(drive, ops, -result)) {
        ops->done(drive);
    }
}

/* ---- begin ---- */

static void submit(IDEDrive *drive)
{
    drive->status = ATA_STATUS_BSY | ATA_STATUS_DRDY | ATA_STATUS_DSC;
    drive->last_access_ns = clock_get_ns(CLOCK_VIRTUAL);
    TRACE(ide_request, "%s request %u position %" G_GUINT64_FORMAT " left %u",
          device_name(HW_DEVICE(drive)), drive->request, drive->transfer.position,
          drive->transfer.left);
    request_ops[drive->request]->submit(drive);
}

void ide_request_begin(IDEDrive *drive, IDERequest request)
{
    drive->request = request;
    drive->pio = IDE_PIO_IDLE;
    submit(drive);
}

void ide_request_begin_dma(IDEDrive *drive, IDERequest request)
{
    drive->request = request;
    drive->pio = IDE_PIO_IDLE;
    if (bus_master_is_active(&drive->bus->bus_master)) {
        submit(drive);
        return;
    }
    drive->dma_waiting = true;
    drive->status = ATA_STATUS_DRDY | ATA_STATUS_DSC | ATA_STATUS_DRQ;
}

void ide_request_bus_master_started(IDEDrive *drive)
{
    drive->dma_waiting = false;
    submit(drive);
}

void ide_request_retry(IDEDrive *drive)
{
    if (!drive->retry_pending || drive->unplugged) {
        return;
    }
    drive->retry_pending = false;
    drive->transfer.chunk_limit = UINT32_MAX;
    submit(drive);
}

void ide_request_bus_master_failed(IDEDrive *drive, BusMasterResult result)
{
    if (result == BUS_MASTER_SHORT) {
        /* The drive has data and nowhere to put them; the host finds both bits clear and no
         * interrupt. */
        bus_master_drive_done(&drive->bus->bus_master, result);
        ide_drive_finish(drive, ATA_STATUS_DRDY | ATA_STATUS_DSC, 0);
        return;
    }
    bus_master_drive_done(&drive->bus->bus_master, result);
    if (drive->is_cdrom) {
        atapi_check_condition(drive, ATAPI_SENSE_ABORTED_COMMAND);
    } else {
        ide_drive_abort(drive);
    }
}

/* ---- the block layer ---- */

void ide_request_readv(IDEDrive *drive, uint64_t offset, const struct iovec *vector, unsigned count)
{
    drive->in_flight = true;
    block_readv(drive->backend, offset, vector, count, request_ended, drive);
}

void ide_request_read(IDEDrive *drive, uint64_t offset, void *buffer, uint32_t length)
{
    struct iovec vector = {buffer, length};

    ide_request_readv(drive, offset, &vector, 1);
}

void ide_request_writev(IDEDrive *drive, uint64_t offset, const struct iovec *vector,
                        unsigned count)
{
    drive->in_flight = true;
    block_writev(drive->backend, offset, vector, count,
                 drive->transfer.durable ? BLOCK_WRITE_FUA : 0, request_ended, drive);
}

void ide_request_flush(IDEDrive *drive)
{
    drive->in_flight = true;
    block_flush(drive->backend, request_ended, drive);
}

void ide_request_discard(IDEDrive *drive, uint64_t offset, uint64_t length)
{
    drive->in_flight = true;
    block_discard(drive->backend, offset, length, request_ended, drive);
}
