/*
 * Packet transport: the 12 bytes, data to the host in DRQ blocks no longer than the host's byte
 * limit or by bus master, parameters from the host, sense data, and the comings and goings of the
 * medium.
 *
 * Source: ATA/ATAPI-7 volume 2 section 9.10, MMC-5 section 4.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "atapi.h"

#include <string.h>

#include "util/trace.h"

TRACE_DEFINE(atapi_packet);
TRACE_DEFINE(atapi_sense);
TRACE_DEFINE(atapi_medium);

#define PACKET_SIZE     12
#define FEATURE_DMA     0x01
#define FEATURE_OVERLAP 0x02

#define BUFFER_SECTORS (IDE_BUFFER_SIZE / CD_SECTOR_SIZE)
#define DMA_CHUNK_MAX  1024 /* sectors in one block request */

/* ---- the end of a packet ---- */

static void set_reason(IDEDrive *drive, uint8_t reason)
{
    drive->current.count = (drive->current.count & 0xf8) | reason;
}

static void set_byte_count(IDEDrive *drive, uint32_t count)
{
    drive->current.lba_mid = (uint8_t)count;
    drive->current.lba_high = (uint8_t)(count >> 8);
}

void atapi_complete(IDEDrive *drive)
{
    set_reason(drive, ATAPI_REASON_COMMAND | ATAPI_REASON_TO_HOST);
    ide_drive_complete(drive);
}

void atapi_set_sense(IDEDrive *drive, AtapiSense sense)
{
    IDEPacketState *packet = &drive->packet;

    packet->sense_key = (uint8_t)(sense >> 16);
    packet->sense_code = (uint8_t)(sense >> 8);
    packet->sense_qualifier = (uint8_t)sense;
    packet->sense_has_address = false;
}

void atapi_check_condition(IDEDrive *drive, AtapiSense sense)
{
    TRACE(atapi_sense, "%s packet 0x%02x sense 0x%06x", device_name(HW_DEVICE(drive)),
          drive->packet.packet[0], sense);
    atapi_set_sense(drive, sense);
    set_reason(drive, ATAPI_REASON_COMMAND | ATAPI_REASON_TO_HOST);
    ide_drive_fail(drive, (uint8_t)(drive->packet.sense_key << 4 | ATA_ERROR_ABRT));
}

/* ---- the packet ---- */

void atapi_packet_command(IDEDrive *drive)
{
    IDEPacketState *packet = &drive->packet;

    if (drive->current.feature & FEATURE_OVERLAP) {
        ide_drive_abort(drive);
        return;
    }
    packet->dma = drive->current.feature & FEATURE_DMA;
    packet->byte_limit = (uint16_t)(drive->current.lba_mid | drive->current.lba_high << 8);
    packet->data_out = 0;
    set_reason(drive, ATAPI_REASON_COMMAND);
    /* No interrupt: IDENTIFY says that the host is to look at DRQ. */
    ide_drive_pio(drive, IDE_PIO_PACKET, 0, PACKET_SIZE);
}

void atapi_packet_end(IDEDrive *drive)
{
    const uint8_t *p = drive->packet.packet;

    memcpy(drive->packet.packet, drive->buffer, PACKET_SIZE);
    drive->pio = IDE_PIO_IDLE;
    drive->pio_position = 0;
    drive->pio_end = 0;
    drive->buffer_fill = 0;
    TRACE(atapi_packet, "%s %02x %02x %02x %02x %02x %02x %02x %02x %02x %02x %02x %02x",
          device_name(HW_DEVICE(drive)), p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9],
          p[10], p[11]);
    atapi_run(drive);
}

/* ---- data to the host by PIO ---- */

/* Zero is no limit a transfer could keep; all ones means the largest even number. */
static uint32_t usable_limit(const IDEDrive *drive, uint32_t wanted)
{
    uint32_t limit = drive->packet.byte_limit;

    if (limit == 0xffff || limit == 0) {
        limit = 0xfffe;
    }
    if (wanted <= limit) {
        return wanted;
    }
    return limit >= CD_SECTOR_SIZE ? limit - limit % CD_SECTOR_SIZE : MAX(limit & ~1u, 2);
}

static void offer_block(IDEDrive *drive)
{
    uint32_t ready = drive->buffer_fill - drive->pio_end;
    uint32_t length = usable_limit(drive, ready);

    ide_drive_pio(drive, IDE_PIO_PACKET_IN, drive->pio_end, length);
    set_byte_count(drive, length);
    set_reason(drive, ATAPI_REASON_TO_HOST);
    ide_drive_interrupt(drive);
}

static bool is_raw(const IDEDrive *drive)
{
    return drive->packet.raw_size != 0;
}

void atapi_pio_in_end(IDEDrive *drive)
{
    if (drive->pio_end < drive->buffer_fill) {
        offer_block(drive);
    } else if (drive->transfer.left > 0) {
        drive->buffer_fill = 0;
        drive->pio_position = 0;
        drive->pio_end = 0;
        ide_request_begin(drive,
                          is_raw(drive) ? IDE_REQUEST_PACKET_RAW : IDE_REQUEST_PACKET_READ_PIO);
    } else {
        atapi_complete(drive);
    }
}

/* ---- short replies ---- */

void atapi_reply(IDEDrive *drive, uint32_t length, uint32_t allocation)
{
    drive->transfer.left = 0;
    drive->buffer_fill = MIN(length, allocation);
    drive->pio_end = 0;
    if (drive->buffer_fill == 0) {
        atapi_complete(drive);
    } else if (drive->packet.dma) {
        ide_request_begin_dma(drive, IDE_REQUEST_PACKET_REPLY_DMA);
    } else {
        offer_block(drive);
    }
}

static void reply_dma_submit(IDEDrive *drive)
{
    BusMaster *master = &drive->bus->bus_master;
    BusMasterResult result = bus_master_copy(master, drive->buffer, drive->buffer_fill, true);

    if (result != BUS_MASTER_DATA) {
        ide_request_bus_master_failed(drive, result);
        return;
    }
    bus_master_drive_done(master, result);
    atapi_complete(drive);
}

const IDERequestOps atapi_reply_dma_request = {.submit = reply_dma_submit, .is_read = true};

/* ---- parameters from the host ---- */

static void ask_for_data(IDEDrive *drive)
{
    uint32_t length = usable_limit(drive, drive->packet.data_out - drive->buffer_fill);

    ide_drive_pio(drive, IDE_PIO_PACKET_OUT, drive->buffer_fill, length);
    set_byte_count(drive, length);
    set_reason(drive, 0);
    ide_drive_interrupt(drive);
}

void atapi_want_data(IDEDrive *drive, uint32_t length)
{
    drive->packet.data_out = MIN(length, IDE_BUFFER_SIZE);
    drive->buffer_fill = 0;
    if (drive->packet.dma) {
        ide_request_begin_dma(drive, IDE_REQUEST_PACKET_DATA_DMA);
    } else {
        ask_for_data(drive);
    }
}

void atapi_pio_out_end(IDEDrive *drive)
{
    drive->buffer_fill = drive->pio_end;
    if (drive->buffer_fill < drive->packet.data_out) {
        ask_for_data(drive);
        return;
    }
    drive->pio = IDE_PIO_IDLE;
    atapi_data_arrived(drive);
}

static void data_dma_submit(IDEDrive *drive)
{
    BusMaster *master = &drive->bus->bus_master;
    BusMasterResult result = bus_master_copy(master, drive->buffer, drive->packet.data_out, false);

    if (result != BUS_MASTER_DATA) {
        ide_request_bus_master_failed(drive, result);
        return;
    }
    bus_master_drive_done(master, result);
    drive->buffer_fill = drive->packet.data_out;
    atapi_data_arrived(drive);
}

const IDERequestOps atapi_data_dma_request = {.submit = data_dma_submit};

/* ---- sectors ---- */

static uint64_t position_bytes(const IDEDrive *drive)
{
    return drive->transfer.position * CD_SECTOR_SIZE;
}

static void advance(IDEDrive *drive)
{
    drive->transfer.position += drive->transfer.chunk;
    drive->transfer.left -= drive->transfer.chunk;
}

static void read_failed(IDEDrive *drive, int errnum)
{
    if (errnum == ENOMEDIUM) {
        atapi_check_condition(drive, ATAPI_SENSE_NO_MEDIUM_TRAY_CLOSED);
        return;
    }
    atapi_check_condition(drive, ATAPI_SENSE_READ_ERROR);
    drive->packet.sense_has_address = true;
    drive->packet.sense_address = (uint32_t)drive->transfer.position;
}

static void read_pio_submit(IDEDrive *drive)
{
    IDETransfer *transfer = &drive->transfer;

    transfer->chunk = MIN(MIN(transfer->left, transfer->chunk_limit), BUFFER_SECTORS);
    ide_request_read(drive, position_bytes(drive), drive->buffer, transfer->chunk * CD_SECTOR_SIZE);
}

static void read_pio_done(IDEDrive *drive)
{
    drive->buffer_fill = drive->transfer.chunk * CD_SECTOR_SIZE;
    drive->pio_end = 0;
    advance(drive);
    offer_block(drive);
}

const IDERequestOps atapi_read_pio_request = {
    .submit = read_pio_submit,
    .done = read_pio_done,
    .failed = read_failed,
    .is_read = true,
};

static void read_dma_submit(IDEDrive *drive)
{
    IDETransfer *transfer = &drive->transfer;
    BusMaster *master = &drive->bus->bus_master;
    uint32_t wanted = MIN(MIN(transfer->left, transfer->chunk_limit), DMA_CHUNK_MAX);
    BusMasterResult result =
        bus_master_gather(master, wanted * CD_SECTOR_SIZE, CD_SECTOR_SIZE, true);

    if (result != BUS_MASTER_DATA) {
        ide_request_bus_master_failed(drive, result);
        return;
    }
    transfer->chunk = master->bytes / CD_SECTOR_SIZE;
    ide_request_readv(drive, position_bytes(drive), master->vector, master->vector_count);
}

static void read_dma_done(IDEDrive *drive)
{
    advance(drive);
    if (drive->transfer.left > 0) {
        read_dma_submit(drive);
        return;
    }
    bus_master_drive_done(&drive->bus->bus_master, BUS_MASTER_DATA);
    atapi_complete(drive);
}

const IDERequestOps atapi_read_dma_request = {
    .submit = read_dma_submit,
    .done = read_dma_done,
    .failed = read_failed,
    .is_read = true,
    .uses_bus_master = true,
};

/* One sector with its surroundings: user data are read to their place in a whole sector at the
 * buffer's end. */
static uint8_t *raw_sector(IDEDrive *drive)
{
    return drive->buffer + IDE_BUFFER_SIZE - CD_RAW_SECTOR_SIZE;
}

static void raw_submit(IDEDrive *drive)
{
    drive->transfer.chunk = 1;
    ide_request_read(drive, position_bytes(drive), raw_sector(drive) + 16, CD_SECTOR_SIZE);
}

static void raw_done(IDEDrive *drive)
{
    BusMaster *master = &drive->bus->bus_master;
    BusMasterResult result;

    cd_sector_build((uint32_t)drive->transfer.position, raw_sector(drive));
    drive->buffer_fill =
        cd_sector_select(raw_sector(drive), drive->packet.raw_fields, drive->buffer);
    advance(drive);
    if (!drive->packet.dma) {
        drive->pio_end = 0;
        offer_block(drive);
        return;
    }
    result = bus_master_copy(master, drive->buffer, drive->buffer_fill, true);
    if (result != BUS_MASTER_DATA) {
        ide_request_bus_master_failed(drive, result);
    } else if (drive->transfer.left > 0) {
        raw_submit(drive);
    } else {
        bus_master_drive_done(master, result);
        atapi_complete(drive);
    }
}

const IDERequestOps atapi_raw_request = {
    .submit = raw_submit,
    .done = raw_done,
    .failed = read_failed,
    .is_read = true,
};

static bool begin_transfer(IDEDrive *drive, uint32_t address, uint32_t count)
{
    uint32_t total = atapi_sector_count(drive);

    if (address > total || count > total - address) {
        atapi_check_condition(drive, ATAPI_SENSE_ADDRESS_OUT_OF_RANGE);
        return false;
    }
    if (count == 0) {
        atapi_complete(drive);
        return false;
    }
    drive->transfer = (IDETransfer){
        .position = address,
        .left = count,
        .chunk_limit = UINT32_MAX,
    };
    drive->buffer_fill = 0;
    drive->pio_end = 0;
    return true;
}

void atapi_read_sectors(IDEDrive *drive, uint32_t address, uint32_t count)
{
    drive->packet.raw_size = 0;
    if (!begin_transfer(drive, address, count)) {
        return;
    }
    if (drive->packet.dma) {
        ide_request_begin_dma(drive, IDE_REQUEST_PACKET_READ_DMA);
    } else {
        ide_request_begin(drive, IDE_REQUEST_PACKET_READ_PIO);
    }
}

void atapi_read_raw(IDEDrive *drive, uint32_t address, uint32_t count, uint8_t fields,
                    uint16_t size)
{
    drive->packet.raw_fields = fields;
    drive->packet.raw_size = size;
    if (!begin_transfer(drive, address, count)) {
        return;
    }
    if (drive->packet.dma) {
        ide_request_begin_dma(drive, IDE_REQUEST_PACKET_RAW);
    } else {
        ide_request_begin(drive, IDE_REQUEST_PACKET_RAW);
    }
}

/* ---- medium and tray ---- */

bool atapi_has_medium(IDEDrive *drive)
{
    return !drive->packet.tray_open && block_backend_is_inserted(drive->backend);
}

uint32_t atapi_sector_count(IDEDrive *drive)
{
    uint64_t count;

    if (!atapi_has_medium(drive)) {
        return 0;
    }
    count = block_backend_length(drive->backend) / CD_SECTOR_SIZE;
    return (uint32_t)MIN(count, UINT32_MAX);
}

void atapi_move_tray(IDEDrive *drive, bool open)
{
    IDEPacketState *packet = &drive->packet;

    if (packet->tray_open == open) {
        return;
    }
    packet->tray_open = open;
    block_backend_eject(drive->backend, open);
    if (!open && block_backend_is_inserted(drive->backend)) {
        packet->attention = true;
        packet->media_event = ATAPI_EVENT_NEW_MEDIUM;
    }
}

static void medium_changed(void *opaque, bool load)
{
    IDEDrive *drive = opaque;
    IDEPacketState *packet = &drive->packet;

    TRACE(atapi_medium, "%s %s", device_name(HW_DEVICE(drive)), load ? "loaded" : "removed");
    packet->tray_open = !load;
    packet->attention = load;
    packet->media_event = load ? ATAPI_EVENT_NEW_MEDIUM : ATAPI_EVENT_MEDIUM_REMOVED;
}

static bool is_tray_open(void *opaque)
{
    IDEDrive *drive = opaque;

    return drive->packet.tray_open;
}

static bool is_medium_locked(void *opaque)
{
    IDEDrive *drive = opaque;

    return drive->packet.locked;
}

static void eject_request(void *opaque, bool force)
{
    IDEDrive *drive = opaque;

    drive->packet.media_event = ATAPI_EVENT_EJECT_REQUEST;
    if (force) {
        drive->packet.locked = false;
    }
}

static void resized(void *opaque)
{
    IDEDrive *drive = opaque;

    drive->packet.attention = true;
}

const BlockDeviceOps atapi_medium_ops = {
    .medium_changed = medium_changed,
    .is_tray_open = is_tray_open,
    .is_medium_locked = is_medium_locked,
    .eject_request = eject_request,
    .resized = resized,
};

void atapi_reset(IDEDrive *drive, bool hard)
{
    IDEPacketState *packet = &drive->packet;

    atapi_set_sense(drive, ATAPI_SENSE_NONE);
    packet->data_out = 0;
    if (!hard) {
        return;
    }
    packet->attention = false;
    packet->media_event = ATAPI_EVENT_NONE;
    packet->retry_count = 5;
    if (packet->locked) {
        packet->locked = false;
        block_backend_lock_medium(drive->backend, false);
    }
}
