/*
 * Saved state of a drive. Requests in flight have ended when a machine is saved; what may be open
 * is a DRQ block, a wait for the bus master, and a request that is to be tried again after an
 * error.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "atapi.h"
#include "ide_drive.h"

static const SavedField fields[] = {
    SAVED(IDEDrive, current.feature),
    SAVED(IDEDrive, current.count),
    SAVED(IDEDrive, current.lba_low),
    SAVED(IDEDrive, current.lba_mid),
    SAVED(IDEDrive, current.lba_high),
    SAVED(IDEDrive, previous.feature),
    SAVED(IDEDrive, previous.count),
    SAVED(IDEDrive, previous.lba_low),
    SAVED(IDEDrive, previous.lba_mid),
    SAVED(IDEDrive, previous.lba_high),
    SAVED(IDEDrive, device),
    SAVED(IDEDrive, status),
    SAVED(IDEDrive, error),
    SAVED(IDEDrive, command),
    SAVED(IDEDrive, interrupt_pending),
    SAVED(IDEDrive, multiple),
    SAVED(IDEDrive, chs_cylinders),
    SAVED(IDEDrive, chs_heads),
    SAVED(IDEDrive, chs_sectors),
    SAVED(IDEDrive, transfer_mode),
    SAVED(IDEDrive, look_ahead),
    SAVED(IDEDrive, write_cache),
    SAVED(IDEDrive, keep_settings),
    SAVED(IDEDrive, power_mode),
    SAVED(IDEDrive, standby_period),
    SAVED(IDEDrive, last_access_ns),
    SAVED(IDEDrive, smart.enabled),
    SAVED(IDEDrive, smart.autosave),
    SAVED(IDEDrive, smart.tests_logged),
    SAVED(IDEDrive, smart.next_test),
    SAVED_ARRAY(IDEDrive, smart.test_number),
    SAVED_ARRAY(IDEDrive, smart.test_hours),
    SAVED(IDEDrive, wide),
    SAVED(IDEDrive, pio),
    SAVED(IDEDrive, pio_position),
    SAVED(IDEDrive, pio_end),
    SAVED(IDEDrive, buffer_fill),
    SAVED(IDEDrive, request),
    SAVED(IDEDrive, dma_waiting),
    SAVED(IDEDrive, retry_pending),
    SAVED(IDEDrive, resetting),
    SAVED(IDEDrive, unplugged),
    SAVED(IDEDrive, transfer.position),
    SAVED(IDEDrive, transfer.left),
    SAVED(IDEDrive, transfer.host_left),
    SAVED(IDEDrive, transfer.written),
    SAVED(IDEDrive, transfer.block),
    SAVED(IDEDrive, transfer.durable),
    SAVED_ARRAY(IDEDrive, packet.packet),
    SAVED(IDEDrive, packet.dma),
    SAVED(IDEDrive, packet.byte_limit),
    SAVED(IDEDrive, packet.data_out),
    SAVED(IDEDrive, packet.raw_fields),
    SAVED(IDEDrive, packet.raw_size),
    SAVED(IDEDrive, packet.sense_key),
    SAVED(IDEDrive, packet.sense_code),
    SAVED(IDEDrive, packet.sense_qualifier),
    SAVED(IDEDrive, packet.sense_has_address),
    SAVED(IDEDrive, packet.sense_address),
    SAVED(IDEDrive, packet.tray_open),
    SAVED(IDEDrive, packet.locked),
    SAVED(IDEDrive, packet.attention),
    SAVED(IDEDrive, packet.media_event),
    SAVED(IDEDrive, packet.retry_count),
};

/* The part of the buffer that holds something. */
static uint32_t buffer_used(const IDEDrive *drive)
{
    return MAX(drive->buffer_fill, drive->pio_end);
}

GVariant *ide_drive_save(Device *device)
{
    IDEDrive *drive = HW_IDE_DRIVE(device);
    uint32_t used = buffer_used(drive);

    return g_variant_new("(@a{sv}@ay)",
                         saved_fields_to_variant(drive, fields, G_N_ELEMENTS(fields)),
                         g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, drive->buffer, used, 1));
}

/* ---- checks ---- */

static bool buffer_fits(const IDEDrive *drive)
{
    bool pio_fits = drive->pio_end <= IDE_BUFFER_SIZE && drive->buffer_fill <= IDE_BUFFER_SIZE &&
                    drive->pio_position <= MAX(drive->pio_end, drive->buffer_fill);

    if (drive->pio != IDE_PIO_IDLE) {
        pio_fits = pio_fits && drive->pio_position < drive->pio_end;
    }
    return pio_fits;
}

/* A kind and a request belong to one of the two types of drive. */
static bool command_fits(const IDEDrive *drive)
{
    bool packet_request = drive->request >= IDE_REQUEST_PACKET_READ_PIO;
    bool packet_pio = drive->pio >= IDE_PIO_PACKET;

    if (drive->request >= IDE_REQUEST_COUNT || drive->pio >= IDE_PIO_COUNT) {
        return false;
    }
    if (drive->request != IDE_REQUEST_NONE && packet_request != drive->is_cdrom) {
        return false;
    }
    if (drive->pio != IDE_PIO_IDLE && drive->pio != IDE_PIO_REPLY &&
        packet_pio != drive->is_cdrom) {
        return false;
    }
    if (drive->pio != IDE_PIO_IDLE && drive->request != IDE_REQUEST_NONE) {
        return false;
    }
    return drive->request != IDE_REQUEST_NONE || (!drive->dma_waiting && !drive->retry_pending);
}

/* TRIM: the entries yet to be discarded. */
static bool trim_fits(const IDEDrive *drive)
{
    if (drive->request != IDE_REQUEST_TRIM && drive->request != IDE_REQUEST_TRIM_PAYLOAD) {
        return true;
    }
    return drive->buffer_fill > 0 && drive->buffer_fill <= IDE_TRIM_BLOCKS * ATA_SECTOR_SIZE &&
           drive->buffer_fill % ATA_SECTOR_SIZE == 0 && drive->pio_position % sizeof(uint64_t) == 0;
}

/* A write by PIO: the next block of the host, and what is not yet on the disk, lie in the buffer.
 */
static bool write_fits(const IDEDrive *drive)
{
    const IDETransfer *transfer = &drive->transfer;

    if (drive->pio == IDE_PIO_WRITE_SECTORS) {
        return drive->buffer_fill < drive->pio_end && drive->buffer_fill % ATA_SECTOR_SIZE == 0 &&
               (drive->pio_end - drive->buffer_fill) % ATA_SECTOR_SIZE == 0 &&
               (drive->pio_end - drive->buffer_fill) / ATA_SECTOR_SIZE <= transfer->host_left;
    }
    if (drive->request == IDE_REQUEST_WRITE_PIO) {
        return transfer->written < drive->buffer_fill && transfer->written % ATA_SECTOR_SIZE == 0 &&
               drive->buffer_fill % ATA_SECTOR_SIZE == 0 &&
               (drive->buffer_fill - transfer->written) / ATA_SECTOR_SIZE <= transfer->left;
    }
    return true;
}

static bool read_fits(const IDEDrive *drive)
{
    if (drive->request == IDE_REQUEST_READ_PIO) {
        return drive->buffer_fill <= IDE_BUFFER_SIZE - IDE_MULTIPLE_MAX * ATA_SECTOR_SIZE &&
               drive->buffer_fill % ATA_SECTOR_SIZE == 0 && drive->pio_end <= drive->buffer_fill;
    }
    if (drive->pio == IDE_PIO_READ_SECTORS || drive->pio == IDE_PIO_PACKET_IN) {
        return drive->pio_end <= drive->buffer_fill;
    }
    if (drive->pio == IDE_PIO_PACKET) {
        return drive->pio_end == sizeof(drive->packet.packet);
    }
    if (drive->pio == IDE_PIO_PACKET_OUT) {
        return drive->pio_end <= drive->packet.data_out;
    }
    return true;
}

static bool transfer_fits(const IDEDrive *drive)
{
    const IDETransfer *transfer = &drive->transfer;
    bool moves =
        drive->request == IDE_REQUEST_READ_PIO || drive->request == IDE_REQUEST_WRITE_PIO ||
        drive->request == IDE_REQUEST_READ_DMA || drive->request == IDE_REQUEST_WRITE_DMA ||
        drive->request == IDE_REQUEST_VERIFY || drive->request == IDE_REQUEST_PACKET_READ_PIO ||
        drive->request == IDE_REQUEST_PACKET_READ_DMA || drive->request == IDE_REQUEST_PACKET_RAW;
    bool moves_by_pio = drive->pio == IDE_PIO_READ_SECTORS || drive->pio == IDE_PIO_WRITE_SECTORS;

    if (moves && transfer->left == 0) {
        return false;
    }
    return transfer->position < UINT64_C(1) << 48 && transfer->host_left <= transfer->left &&
           (drive->is_cdrom || transfer->left <= 65536 || drive->request == IDE_REQUEST_TRIM) &&
           transfer->block <= IDE_MULTIPLE_MAX &&
           (transfer->block > 0 || drive->is_cdrom || (!moves && !moves_by_pio)) &&
           drive->packet.data_out <= IDE_BUFFER_SIZE &&
           drive->packet.raw_size ==
               cd_sector_size(drive->packet.raw_fields) * (drive->packet.raw_size != 0);
}

static bool settings_fit(const IDEDrive *drive)
{
    return drive->multiple <= IDE_MULTIPLE_MAX && !(drive->multiple & (drive->multiple - 1)) &&
           (drive->is_cdrom || (drive->chs_heads > 0 && drive->chs_sectors > 0)) &&
           drive->smart.next_test < SMART_TEST_LOG_ENTRIES &&
           drive->smart.tests_logged <= SMART_TEST_LOG_ENTRIES &&
           !(drive->unplugged && drive->is_cdrom);
}

static bool state_fits(const IDEDrive *drive)
{
    return command_fits(drive) && buffer_fits(drive) && trim_fits(drive) && write_fits(drive) &&
           read_fits(drive) && transfer_fits(drive) && settings_fit(drive);
}

/* ---- load ---- */

static bool load_buffer(IDEDrive *drive, GVariant *bytes, GError **error)
{
    gsize length;
    const void *data = g_variant_get_fixed_array(bytes, &length, 1);

    if (length != buffer_used(drive) || length > IDE_BUFFER_SIZE) {
        return error_setf(error, "saved buffer has %zu bytes", (size_t)length);
    }
    if (length > 0) {
        memcpy(drive->buffer, data, length);
    }
    return true;
}

/* What lies outside of the drive follows the loaded state. */
static void settle(IDEDrive *drive)
{
    drive->transfer.chunk_limit = UINT32_MAX;
    drive->transfer.chunk = 0;
    if (!drive->is_cdrom) {
        block_backend_set_write_cache(drive->backend, drive->write_cache);
    } else {
        block_backend_lock_medium(drive->backend, drive->packet.locked);
    }
    if (drive->unplugged) {
        drive->bus->drives[drive->unit] = NULL;
        block_backend_yield_write(drive->backend);
    }
    ide_bus_settle_irq(drive->bus);
}

bool ide_drive_load(Device *device, GVariant *state, GError **error)
{
    IDEDrive *drive = HW_IDE_DRIVE(device);
    g_autoptr(GVariant) values = NULL, bytes = NULL;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE("(a{sv}ay)"))) {
        return error_setf(error, "saved state has type '%s'", g_variant_get_type_string(state));
    }
    g_variant_get(state, "(@a{sv}@ay)", &values, &bytes);
    if (!saved_fields_from_variant(drive, fields, G_N_ELEMENTS(fields), values, error)) {
        ide_drive_forget_command(drive); /* some fields may be loaded already */
        return false;
    }
    if (!state_fits(drive)) {
        ide_drive_forget_command(drive);
        return error_setf(error, "saved command state does not hold together");
    }
    if (!load_buffer(drive, bytes, error)) {
        ide_drive_forget_command(drive);
        return false;
    }
    settle(drive);
    return true;
}
