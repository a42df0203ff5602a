/*
 * Sector transfers of a disk: addresses, READ, WRITE and VERIFY by PIO and by bus master, FLUSH.
 *
 * PIO reads fetch up to a buffer of sectors at once and hand them out in DRQ blocks; PIO writes
 * gather DRQ blocks and write a bufferful. DMA goes straight to and from guest memory.
 *
 * Source: ATA/ATAPI-7 volume 1, sections 6.2 (addresses), 6.27-6.30, 6.36, 6.62-6.67.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide_drive.h"

#define BUFFER_SECTORS (IDE_BUFFER_SIZE / ATA_SECTOR_SIZE)
#define DMA_CHUNK_MAX  8192 /* sectors in one block request */

/* ---- addresses ---- */

static bool uses_lba(const IDEDrive *drive)
{
    return drive->wide || (drive->device & ATA_DEVICE_LBA);
}

/* False: no such cylinder, head or sector. */
static bool get_address(const IDEDrive *drive, uint64_t *sector)
{
    const IDETaskFile *now = &drive->current, *before = &drive->previous;
    unsigned head = drive->device & 0x0f;

    if (uses_lba(drive)) {
        *sector = now->lba_low | now->lba_mid << 8 | (uint64_t)now->lba_high << 16;
        *sector |= drive->wide ? (uint64_t)before->lba_low << 24 | (uint64_t)before->lba_mid << 32 |
                                     (uint64_t)before->lba_high << 40
                               : (uint64_t)head << 24;
        return true;
    }
    if (now->lba_low == 0 || now->lba_low > drive->chs_sectors || head >= drive->chs_heads) {
        return false;
    }
    *sector = now->lba_mid | now->lba_high << 8;
    *sector = (*sector * drive->chs_heads + head) * drive->chs_sectors + now->lba_low - 1;
    return true;
}

void ata_set_address(IDEDrive *drive, uint64_t sector)
{
    IDETaskFile *now = &drive->current, *before = &drive->previous;
    uint8_t head;

    if (uses_lba(drive)) {
        now->lba_low = (uint8_t)sector;
        now->lba_mid = (uint8_t)(sector >> 8);
        now->lba_high = (uint8_t)(sector >> 16);
        before->lba_low = (uint8_t)(sector >> 24);
        before->lba_mid = (uint8_t)(sector >> 32);
        before->lba_high = (uint8_t)(sector >> 40);
        head = (sector >> 24) & 0x0f;
        if (drive->wide) {
            return;
        }
    } else {
        uint64_t track = sector / drive->chs_sectors;

        now->lba_low = (uint8_t)(sector % drive->chs_sectors + 1);
        head = track % drive->chs_heads;
        now->lba_mid = (uint8_t)(track / drive->chs_heads);
        now->lba_high = (uint8_t)(track / drive->chs_heads >> 8);
    }
    drive->device = (drive->device & 0xf0) | head;
}

static uint32_t get_count(const IDEDrive *drive)
{
    uint32_t count = drive->current.count;

    if (drive->wide) {
        count |= (uint32_t)drive->previous.count << 8;
        return count ? count : 65536;
    }
    return count ? count : 256;
}

static void set_count(IDEDrive *drive, uint32_t count)
{
    drive->current.count = (uint8_t)count;
    drive->previous.count = (uint8_t)(count >> 8);
}

/* ---- the ends of a transfer ---- */

static void transfer_complete(IDEDrive *drive)
{
    ata_set_address(drive, drive->transfer.position - 1);
    set_count(drive, 0);
    ide_drive_complete(drive);
}

static void transfer_failed(IDEDrive *drive, uint8_t error)
{
    ata_set_address(drive, drive->transfer.position);
    set_count(drive, drive->transfer.left);
    ide_drive_fail(drive, error);
}

static void read_failed(IDEDrive *drive, int errnum G_GNUC_UNUSED)
{
    transfer_failed(drive, ATA_ERROR_UNC);
}

static void write_failed(IDEDrive *drive, int errnum)
{
    transfer_failed(drive,
                    ATA_ERROR_ABRT | (errnum == EPERM || errnum == EROFS ? ATA_ERROR_WP : 0));
}

static void advance(IDEDrive *drive)
{
    drive->transfer.position += drive->transfer.chunk;
    drive->transfer.left -= drive->transfer.chunk;
}

static uint64_t position_bytes(const IDEDrive *drive)
{
    return drive->transfer.position * ATA_SECTOR_SIZE;
}

/* ---- PIO read ---- */

static uint32_t block_bytes(const IDEDrive *drive, uint32_t sectors_left)
{
    return MIN(drive->transfer.block, sectors_left) * ATA_SECTOR_SIZE;
}

static void read_pio_submit(IDEDrive *drive)
{
    IDETransfer *transfer = &drive->transfer;
    uint32_t room = (IDE_BUFFER_SIZE - drive->buffer_fill) / ATA_SECTOR_SIZE;

    transfer->chunk = MIN(MIN(transfer->left, transfer->chunk_limit), room);
    ide_request_read(drive, position_bytes(drive), drive->buffer + drive->buffer_fill,
                     transfer->chunk * ATA_SECTOR_SIZE);
}

/* A DRQ block is offered when all of it is there. */
static bool read_pio_offer(IDEDrive *drive)
{
    uint32_t ready = drive->buffer_fill - drive->pio_end;
    uint32_t wanted = drive->transfer.block * ATA_SECTOR_SIZE;

    if (ready == 0 || (ready < wanted && drive->transfer.left > 0)) {
        return false;
    }
    ide_drive_pio(drive, IDE_PIO_READ_SECTORS, drive->pio_end, MIN(ready, wanted));
    ide_drive_interrupt(drive);
    return true;
}

static void read_pio_done(IDEDrive *drive)
{
    drive->buffer_fill += drive->transfer.chunk * ATA_SECTOR_SIZE;
    advance(drive);
    if (!read_pio_offer(drive)) {
        read_pio_submit(drive);
    }
}

/* The part of a DRQ block that did not fit the buffer's end moves to its start. */
static void read_pio_rewind(IDEDrive *drive)
{
    uint32_t kept = drive->buffer_fill - drive->pio_end;

    memmove(drive->buffer, drive->buffer + drive->pio_end, kept);
    drive->buffer_fill = kept;
    drive->pio_position = 0;
    drive->pio_end = 0;
}

void ata_pio_read_end(IDEDrive *drive)
{
    if (read_pio_offer(drive)) {
        return;
    }
    if (drive->transfer.left == 0) {
        /* The last block's interrupt came before its data: none now. */
        ata_set_address(drive, drive->transfer.position - 1);
        set_count(drive, 0);
        ide_drive_finish(drive, ATA_STATUS_DRDY | ATA_STATUS_DSC, 0);
        return;
    }
    read_pio_rewind(drive);
    ide_request_begin(drive, IDE_REQUEST_READ_PIO);
}

const IDERequestOps ata_read_pio_request = {
    .submit = read_pio_submit,
    .done = read_pio_done,
    .failed = read_failed,
    .is_read = true,
};

/* ---- PIO write ---- */

static void write_pio_ask(IDEDrive *drive)
{
    ide_drive_pio(drive, IDE_PIO_WRITE_SECTORS, drive->buffer_fill,
                  block_bytes(drive, drive->transfer.host_left));
}

void ata_pio_write_end(IDEDrive *drive)
{
    IDETransfer *transfer = &drive->transfer;

    transfer->host_left -= (drive->pio_end - drive->buffer_fill) / ATA_SECTOR_SIZE;
    drive->buffer_fill = drive->pio_end;
    if (transfer->host_left > 0 &&
        drive->buffer_fill + block_bytes(drive, transfer->host_left) <= IDE_BUFFER_SIZE) {
        write_pio_ask(drive);
        ide_drive_interrupt(drive);
        return;
    }
    transfer->written = 0;
    ide_request_begin(drive, IDE_REQUEST_WRITE_PIO);
}

static void write_pio_submit(IDEDrive *drive)
{
    IDETransfer *transfer = &drive->transfer;
    uint32_t gathered = (drive->buffer_fill - transfer->written) / ATA_SECTOR_SIZE;
    struct iovec vector;

    transfer->chunk = MIN(gathered, transfer->chunk_limit);
    vector.iov_base = drive->buffer + transfer->written;
    vector.iov_len = (size_t)transfer->chunk * ATA_SECTOR_SIZE;
    ide_request_writev(drive, position_bytes(drive), &vector, 1);
}

static void write_pio_done(IDEDrive *drive)
{
    IDETransfer *transfer = &drive->transfer;

    transfer->written += transfer->chunk * ATA_SECTOR_SIZE;
    advance(drive);
    if (transfer->written < drive->buffer_fill) {
        write_pio_submit(drive);
        return;
    }
    if (transfer->host_left == 0) {
        transfer_complete(drive);
        return;
    }
    drive->request = IDE_REQUEST_NONE;
    drive->buffer_fill = 0;
    write_pio_ask(drive);
    ide_drive_interrupt(drive);
}

const IDERequestOps ata_write_pio_request = {
    .submit = write_pio_submit,
    .done = write_pio_done,
    .failed = write_failed,
};

/* ---- DMA ---- */

static void dma_submit(IDEDrive *drive, bool to_memory)
{
    IDETransfer *transfer = &drive->transfer;
    BusMaster *master = &drive->bus->bus_master;
    uint32_t wanted = MIN(MIN(transfer->left, transfer->chunk_limit), DMA_CHUNK_MAX);
    BusMasterResult result =
        bus_master_gather(master, wanted * ATA_SECTOR_SIZE, ATA_SECTOR_SIZE, to_memory);

    if (result != BUS_MASTER_DATA) {
        ide_request_bus_master_failed(drive, result);
        return;
    }
    transfer->chunk = master->bytes / ATA_SECTOR_SIZE;
    if (to_memory) {
        ide_request_readv(drive, position_bytes(drive), master->vector, master->vector_count);
    } else {
        ide_request_writev(drive, position_bytes(drive), master->vector, master->vector_count);
    }
}

static void read_dma_submit(IDEDrive *drive)
{
    dma_submit(drive, true);
}

static void write_dma_submit(IDEDrive *drive)
{
    dma_submit(drive, false);
}

static void dma_done(IDEDrive *drive, void (*submit)(IDEDrive *drive))
{
    advance(drive);
    if (drive->transfer.left > 0) {
        submit(drive);
        return;
    }
    bus_master_drive_done(&drive->bus->bus_master, BUS_MASTER_DATA);
    transfer_complete(drive);
}

static void read_dma_done(IDEDrive *drive)
{
    dma_done(drive, read_dma_submit);
}

static void write_dma_done(IDEDrive *drive)
{
    dma_done(drive, write_dma_submit);
}

const IDERequestOps ata_read_dma_request = {
    .submit = read_dma_submit,
    .done = read_dma_done,
    .failed = read_failed,
    .is_read = true,
    .uses_bus_master = true,
};

const IDERequestOps ata_write_dma_request = {
    .submit = write_dma_submit,
    .done = write_dma_done,
    .failed = write_failed,
    .uses_bus_master = true,
};

/* ---- verify ---- */

static void verify_submit(IDEDrive *drive)
{
    IDETransfer *transfer = &drive->transfer;

    transfer->chunk = MIN(MIN(transfer->left, transfer->chunk_limit), BUFFER_SECTORS);
    ide_request_read(drive, position_bytes(drive), drive->buffer,
                     transfer->chunk * ATA_SECTOR_SIZE);
}

static void verify_done(IDEDrive *drive)
{
    advance(drive);
    if (drive->transfer.left > 0) {
        verify_submit(drive);
    } else {
        transfer_complete(drive);
    }
}

const IDERequestOps ata_verify_request = {
    .submit = verify_submit,
    .done = verify_done,
    .failed = read_failed,
    .is_read = true,
};

/* ---- flush ---- */

static void flush_submit(IDEDrive *drive)
{
    drive->transfer.chunk = 1;
    ide_request_flush(drive);
}

static void flush_failed(IDEDrive *drive, int errnum G_GNUC_UNUSED)
{
    ide_drive_abort(drive);
}

const IDERequestOps ata_flush_request = {
    .submit = flush_submit,
    .done = ide_drive_complete,
    .failed = flush_failed,
};

/* ---- start ---- */

static void begin(IDEDrive *drive, unsigned how)
{
    bool writes = how & ATA_TRANSFER_WRITE;

    drive->buffer_fill = 0;
    drive->pio_position = 0;
    drive->pio_end = 0;
    if (how & ATA_TRANSFER_SEEK) {
        ide_drive_complete(drive);
    } else if (how & ATA_TRANSFER_VERIFY) {
        ide_request_begin(drive, IDE_REQUEST_VERIFY);
    } else if (how & ATA_TRANSFER_DMA) {
        ide_request_begin_dma(drive, writes ? IDE_REQUEST_WRITE_DMA : IDE_REQUEST_READ_DMA);
    } else if (writes) {
        write_pio_ask(drive); /* the first block is asked for with no interrupt */
    } else {
        ide_request_begin(drive, IDE_REQUEST_READ_PIO);
    }
}

void ata_transfer_start(IDEDrive *drive, unsigned how)
{
    IDETransfer *transfer = &drive->transfer;
    uint64_t sector;
    uint32_t count = how & ATA_TRANSFER_SEEK ? 1 : get_count(drive);
    bool from_host = (how & (ATA_TRANSFER_WRITE | ATA_TRANSFER_DMA)) == ATA_TRANSFER_WRITE;

    if ((how & ATA_TRANSFER_MULTIPLE) && drive->multiple == 0) {
        ide_drive_abort(drive);
        return;
    }
    if (!get_address(drive, &sector)) {
        ide_drive_fail(drive, ATA_ERROR_IDNF);
        return;
    }
    if (sector >= drive->sector_count || count > drive->sector_count - sector) {
        ata_set_address(drive, MAX(sector, drive->sector_count));
        ide_drive_fail(drive, ATA_ERROR_IDNF);
        return;
    }
    if ((how & ATA_TRANSFER_WRITE) && block_backend_is_read_only(drive->backend)) {
        ide_drive_fail(drive, ATA_ERROR_ABRT | ATA_ERROR_WP);
        return;
    }
    *transfer = (IDETransfer){
        .position = sector,
        .left = count,
        .host_left = from_host ? count : 0,
        .chunk_limit = UINT32_MAX,
        .block = how & ATA_TRANSFER_MULTIPLE ? drive->multiple : 1,
        .durable = (how & ATA_TRANSFER_FUA) != 0,
    };
    begin(drive, how);
}
