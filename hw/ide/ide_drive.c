/*
 * IDE drives: properties, realize, command entry, PIO blocks, reset, unplug. Types "ide-hd" and
 * "ide-cd".
 *
 * Source: ATA/ATAPI-7 volumes 1 and 2.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide_drive.h"

#include <string.h>

#include "atapi.h"
#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/trace.h"

TRACE_DEFINE(ide_command);
TRACE_DEFINE(ide_command_end);

typedef DeviceClass IDEDriveClass;
G_DEFINE_ABSTRACT_TYPE(IDEDrive, ide_drive, TYPE_DEVICE)

/* ---- the end of a command ---- */

void ide_drive_interrupt(IDEDrive *drive)
{
    drive->interrupt_pending = true;
    ide_bus_update_irq(drive->bus);
}

void ide_drive_forget_command(IDEDrive *drive)
{
    drive->request = IDE_REQUEST_NONE;
    drive->pio = IDE_PIO_IDLE;
    drive->dma_waiting = false;
    drive->retry_pending = false;
    drive->pio_position = 0;
    drive->pio_end = 0;
    drive->buffer_fill = 0;
}

void ide_drive_finish(IDEDrive *drive, uint8_t status, uint8_t error)
{
    TRACE(ide_command_end, "%s status 0x%02x error 0x%02x", device_name(HW_DEVICE(drive)), status,
          error);
    ide_drive_forget_command(drive);
    drive->status = status;
    drive->error = error;
}

void ide_drive_complete(IDEDrive *drive)
{
    ide_drive_finish(drive, ATA_STATUS_DRDY | ATA_STATUS_DSC, 0);
    ide_drive_interrupt(drive);
}

void ide_drive_fail(IDEDrive *drive, uint8_t error)
{
    ide_drive_finish(drive, ATA_STATUS_DRDY | ATA_STATUS_DSC | ATA_STATUS_ERR, error);
    ide_drive_interrupt(drive);
}

void ide_drive_abort(IDEDrive *drive)
{
    ide_drive_fail(drive, ATA_ERROR_ABRT);
}

/* ---- PIO ---- */

typedef struct {
    bool out;
    void (*end)(IDEDrive *drive);
} PioRow;

static void reply_end(IDEDrive *drive)
{
    ide_drive_finish(drive, ATA_STATUS_DRDY | ATA_STATUS_DSC, 0);
}

static const PioRow pio_rows[IDE_PIO_COUNT] = {
    [IDE_PIO_REPLY] = {false, reply_end},
    [IDE_PIO_READ_SECTORS] = {false, ata_pio_read_end},
    [IDE_PIO_WRITE_SECTORS] = {true, ata_pio_write_end},
    [IDE_PIO_PACKET] = {true, atapi_packet_end},
    [IDE_PIO_PACKET_IN] = {false, atapi_pio_in_end},
    [IDE_PIO_PACKET_OUT] = {true, atapi_pio_out_end},
};

bool ide_drive_pio_is_out(uint8_t pio)
{
    return pio_rows[pio].out;
}

void ide_drive_pio(IDEDrive *drive, IDEPioKind kind, uint32_t position, uint32_t length)
{
    g_return_if_fail(length > 0 && position + length <= IDE_BUFFER_SIZE);
    drive->request = IDE_REQUEST_NONE;
    drive->pio = kind;
    drive->pio_position = position;
    drive->pio_end = position + length;
    drive->status = ATA_STATUS_DRDY | ATA_STATUS_DSC | ATA_STATUS_DRQ;
    drive->error = 0;
}

void ide_drive_reply(IDEDrive *drive, uint32_t length)
{
    drive->buffer_fill = length;
    ide_drive_pio(drive, IDE_PIO_REPLY, 0, length);
    ide_drive_interrupt(drive);
}

void ide_drive_pio_end(IDEDrive *drive)
{
    pio_rows[drive->pio].end(drive);
}

/* ---- commands and reset ---- */

bool ide_drive_is_idle(const IDEDrive *drive)
{
    return drive->request == IDE_REQUEST_NONE && drive->pio == IDE_PIO_IDLE && !drive->resetting;
}

void ide_drive_run_command(IDEDrive *drive, uint8_t command)
{
    TRACE(ide_command,
          "%s command 0x%02x feature 0x%02x count 0x%02x lba %02x%02x%02x device 0x%02x",
          device_name(HW_DEVICE(drive)), command, drive->current.feature, drive->current.count,
          drive->current.lba_high, drive->current.lba_mid, drive->current.lba_low, drive->device);
    if (ata_power_is_sleeping(drive)) {
        return;
    }
    drive->command = command;
    drive->interrupt_pending = false;
    ide_bus_update_irq(drive->bus);
    drive->error = 0;
    ata_command_run(drive, command);
}

void ide_drive_set_signature(IDEDrive *drive)
{
    drive->current = (IDETaskFile){.count = 1, .lba_low = 1};
    drive->previous = (IDETaskFile){0};
    drive->device = ATA_DEVICE_ONES;
    drive->error = 1; /* diagnostic code: passed */
    drive->status = ATA_STATUS_DRDY | ATA_STATUS_DSC;
    if (drive->is_cdrom) {
        drive->current.lba_mid = 0x14;
        drive->current.lba_high = 0xeb;
        drive->status = 0;
    }
}

void ide_drive_begin_reset(IDEDrive *drive)
{
    drive->resetting = true;
    drive->status = ATA_STATUS_BSY;
    drive->interrupt_pending = false;
    drive->pio = IDE_PIO_IDLE;
    drive->dma_waiting = false;
    drive->retry_pending = false;
    ide_bus_update_irq(drive->bus);
}

void ide_drive_try_finish_reset(IDEDrive *drive)
{
    bool held = (drive->bus->control & ATA_CONTROL_SRST) && !drive->hard_reset;

    if (!drive->resetting || drive->in_flight || held) {
        return;
    }
    drive->resetting = false;
    ide_drive_forget_command(drive);
    ide_drive_set_signature(drive);
    ata_power_wake(drive);
    if (drive->is_cdrom) {
        atapi_reset(drive, drive->hard_reset);
    }
    if (drive->hard_reset || !drive->keep_settings) {
        ata_settings_reset(drive);
    }
}

static void plug_back(IDEDrive *drive)
{
    g_autoptr(GError) error = NULL;

    if (!block_backend_take_write(drive->backend, &error)) {
        report_warning("%s stays unplugged: %s", device_name(HW_DEVICE(drive)),
                       error ? error->message : "its image is in use");
        return;
    }
    drive->unplugged = false;
    drive->bus->drives[drive->unit] = drive;
}

static void ide_drive_reset(Device *device)
{
    IDEDrive *drive = HW_IDE_DRIVE(device);

    drive->hard_reset = true;
    ide_drive_begin_reset(drive);
    if (drive->in_flight) {
        block_drain(drive->backend);
    }
    ide_drive_try_finish_reset(drive);
    drive->hard_reset = false;
    if (drive->unplugged && !drive->in_flight) {
        plug_back(drive);
    }
    ide_bus_update_irq(drive->bus);
}

/* ---- unplug ---- */

void ide_drive_unplug(IDEDrive *drive)
{
    if (drive->unplugged) {
        return;
    }
    drive->unplugged = true;
    drive->bus->drives[drive->unit] = NULL;
    ide_drive_begin_reset(drive);
    if (drive->in_flight) {
        block_drain(drive->backend); /* the request's end gives the permission up */
    } else {
        block_backend_yield_write(drive->backend);
    }
}

bool ide_drive_is_unplugged(IDEDrive *drive)
{
    return drive->unplugged;
}

bool ide_drive_is_disk(IDEDrive *drive)
{
    return !drive->is_cdrom;
}

const char *ide_drive_block_name(IDEDrive *drive)
{
    return drive->drive_property;
}

/* ---- realize ---- */

static void resized(void *opaque)
{
    IDEDrive *drive = opaque;

    drive->sector_count = block_backend_length(drive->backend) / ATA_SECTOR_SIZE;
}

static const BlockDeviceOps disk_ops = {.resized = resized};

/* Nothing is to be submitted while the machine is stopped; what stopped on an error goes on with
 * it. */
static void run_event(RunEvent event, void *opaque)
{
    if (event == RUN_EVENT_RESUME) {
        ide_request_retry(opaque);
    }
}

static bool check_block_sizes(IDEDrive *drive, GError **error)
{
    uint64_t physical = drive->physical_block_size;

    if (drive->logical_block_size != ATA_SECTOR_SIZE) {
        return error_setf(error, "logical_block_size must be 512 for IDE");
    }
    if (physical < ATA_SECTOR_SIZE || physical > 2 * MiB || (physical & (physical - 1))) {
        return error_setf(error,
                          "physical_block_size must be a power of 2 between 512 and 2097152");
    }
    if (drive->minimum_io_size % ATA_SECTOR_SIZE || drive->optimal_io_size % ATA_SECTOR_SIZE) {
        return error_setf(error, "min_io_size and opt_io_size must be multiples of 512");
    }
    if (drive->discard_granularity != UINT64_MAX && drive->discard_granularity != 0 &&
        drive->discard_granularity != ATA_SECTOR_SIZE) {
        return error_setf(error, "discard_granularity must be 512 for ide");
    }
    return true;
}

/* "auto" leaves what -drive said. */
static bool set_error_policies(IDEDrive *drive, GError **error)
{
    const char *write_error = drive->write_error_property;
    const char *read_error = drive->read_error_property;

    return block_backend_set_error_policy(
        drive->backend, g_strcmp0(read_error, "auto") ? read_error : NULL,
        g_strcmp0(write_error, "auto") ? write_error : NULL, error);
}

static bool attach_backend(IDEDrive *drive, GError **error)
{
    const char *owner = G_OBJECT_TYPE_NAME(drive);
    BlockPermissions permissions = {
        .write = !drive->is_cdrom,
        .share_write = drive->share_write,
        .allow_empty = drive->is_cdrom,
        .resize = !drive->is_cdrom,
    };

    if (drive->drive_property && drive->drive_property[0]) {
        drive->backend = block_backend_attach(drive->drive_property, owner, permissions, error);
        return drive->backend != NULL;
    }
    if (!drive->is_cdrom) {
        return error_setf(error, "No drive specified");
    }
    drive->backend = block_backend_new_empty(owner);
    return true;
}

static char *choose_text(const char *property, const char *fallback)
{
    return g_strdup(property && property[0] ? property : fallback);
}

/* Names as guests know them from QEMU: their boot loaders and fstabs refer to disks by model and
 * serial. */
static void choose_names(IDEDrive *drive)
{
    g_autofree char *number =
        g_strdup_printf("QM%05u", drive->bus->channel * IDE_UNIT_COUNT + drive->unit + 1);
    const char *backend_serial = block_backend_serial(drive->backend);

    drive->serial = choose_text(drive->serial_property,
                                backend_serial && backend_serial[0] ? backend_serial : number);
    drive->model =
        choose_text(drive->model_property, drive->is_cdrom ? "QEMU DVD-ROM" : "QEMU HARDDISK");
    drive->version = choose_text(drive->version_property, "2.5+");
}

static void detach_backend(IDEDrive *drive)
{
    block_backend_set_device_ops(drive->backend, NULL, NULL);
    block_backend_detach(drive->backend);
    drive->backend = NULL;
}

static void set_up_backend(IDEDrive *drive)
{
    if (drive->write_cache_property != ON_OFF_AUTO_AUTO) {
        block_backend_set_write_cache(drive->backend,
                                      drive->write_cache_property == ON_OFF_AUTO_ON);
    }
    drive->default_write_cache = block_backend_write_cache(drive->backend);
    block_backend_set_device_ops(drive->backend, drive->is_cdrom ? &atapi_medium_ops : &disk_ops,
                                 drive);
    block_backend_keep_io_status(drive->backend);
    if (!drive->is_cdrom) {
        resized(drive);
    }
}

static bool ide_drive_realize(Device *device, GError **error)
{
    IDEDrive *drive = HW_IDE_DRIVE(device);

    drive->bus = HW_IDE_BUS(device_get_bus(device));
    if (!check_block_sizes(drive, error) || !attach_backend(drive, error)) {
        return false;
    }
    set_up_backend(drive);
    if (!set_error_policies(drive, error) ||
        (!drive->is_cdrom && !ide_geometry_resolve(drive, error)) ||
        !boot_order_add(device_get_machine(device), device, drive->unit ? "/disk@1" : "/disk@0",
                        drive->boot_index, error)) {
        detach_backend(drive);
        return false;
    }
    choose_names(drive);
    drive->buffer = g_malloc0(IDE_BUFFER_SIZE);
    drive->smart = (IDESmart){.enabled = true, .autosave = true};
    drive->bus->drives[drive->unit] = drive;
    drive->bus->realized[drive->unit] = drive;
    run_state_add_handler(run_event, drive);
    return true;
}

static void ide_drive_unrealize(Device *device)
{
    IDEDrive *drive = HW_IDE_DRIVE(device);

    run_state_remove_handler(run_event, drive);
    ide_drive_begin_reset(drive);
    detach_backend(drive);
    drive->bus->drives[drive->unit] = NULL;
    drive->bus->realized[drive->unit] = NULL;
    g_clear_pointer(&drive->buffer, g_free);
    g_clear_pointer(&drive->serial, g_free);
    g_clear_pointer(&drive->model, g_free);
    g_clear_pointer(&drive->version, g_free);
}

/* ---- classes ---- */

static const DeviceProperty drive_properties[] = {
    DEVICE_PROPERTY_TEXT("drive", IDEDrive, drive_property, NULL,
                         "Node name or ID of a block device"),
    DEVICE_PROPERTY_RANGE(UINT32, "unit", IDEDrive, unit, 0, UINT32_MAX, UINT32_MAX,
                          "0: master, 1: slave; default: the first free one"),
    DEVICE_PROPERTY_TEXT("serial", IDEDrive, serial_property, NULL, "serial number, 20 characters"),
    DEVICE_PROPERTY_TEXT("model", IDEDrive, model_property, NULL, "model, 40 characters"),
    DEVICE_PROPERTY_TEXT("ver", IDEDrive, version_property, NULL, "firmware version, 8 characters"),
    DEVICE_PROPERTY(UINT64, "wwn", IDEDrive, world_wide_name, 0, "world wide name, 0: none"),
    DEVICE_PROPERTY(INT32, "bootindex", IDEDrive, boot_index, (uint64_t)-1,
                    "place in the boot order, -1: none"),
    DEVICE_PROPERTY(ONOFFAUTO, "write-cache", IDEDrive, write_cache_property, ON_OFF_AUTO_AUTO,
                    "volatile write cache; auto: as the drive's cache mode says"),
    DEVICE_PROPERTY(SIZE, "logical_block_size", IDEDrive, logical_block_size, ATA_SECTOR_SIZE,
                    "bytes, 512"),
    DEVICE_PROPERTY(SIZE, "physical_block_size", IDEDrive, physical_block_size, ATA_SECTOR_SIZE,
                    "bytes, a power of 2"),
    DEVICE_PROPERTY(SIZE, "min_io_size", IDEDrive, minimum_io_size, 0, "bytes"),
    DEVICE_PROPERTY(SIZE, "opt_io_size", IDEDrive, optimal_io_size, 0, "bytes"),
    DEVICE_PROPERTY(SIZE, "discard_granularity", IDEDrive, discard_granularity, UINT64_MAX,
                    "bytes; 0: the guest is not offered TRIM"),
    DEVICE_PROPERTY_TEXT("werror", IDEDrive, write_error_property, "auto",
                         "on a write error: report, ignore, stop, enospc; auto: as the drive says"),
    DEVICE_PROPERTY_TEXT("rerror", IDEDrive, read_error_property, "auto",
                         "on a read error: report, ignore, stop; auto: as the drive says"),
    DEVICE_PROPERTY(BOOL, "share-rw", IDEDrive, share_write, false,
                    "others may write the image too"),
};

static const DeviceProperty disk_properties[] = {
    DEVICE_PROPERTY(UINT32, "cyls", IDEDrive, cylinders_property, 0, "cylinders, 0: guess"),
    DEVICE_PROPERTY(UINT32, "heads", IDEDrive, heads_property, 0, "heads, 0: guess"),
    DEVICE_PROPERTY(UINT32, "secs", IDEDrive, sectors_property, 0, "sectors of a track, 0: guess"),
    DEVICE_PROPERTY_TEXT("bios-chs-trans", IDEDrive, translation_property, "auto",
                         "BIOS translation: auto, none, lba, large, rechs"),
    DEVICE_PROPERTY(UINT16, "rotation_rate", IDEDrive, rotation_rate, 0,
                    "turns a minute; 0: not told, 1: does not turn"),
};

static void ide_drive_init(IDEDrive *drive G_GNUC_UNUSED)
{
}

static void ide_drive_class_init(IDEDriveClass *klass)
{
    klass->bus_type = TYPE_IDE_BUS;
    klass->category = DEVICE_CATEGORY_STORAGE;
    klass->realize = ide_drive_realize;
    klass->unrealize = ide_drive_unrealize;
    klass->reset = ide_drive_reset;
    klass->save = ide_drive_save;
    klass->load = ide_drive_load;
    klass->saved_version = 1;
    device_class_add_properties(klass, drive_properties, G_N_ELEMENTS(drive_properties));
}

/* ---- the two types ---- */

struct _IDEHardDisk {
    IDEDrive parent_instance;
};

struct _IDECdrom {
    IDEDrive parent_instance;
};

DEVICE_DECLARE(IDEHardDisk, ide_hard_disk, HW_IDE_HARD_DISK)
DEVICE_DECLARE(IDECdrom, ide_cdrom, HW_IDE_CDROM)
DEVICE_TYPE(IDEHardDisk, ide_hard_disk, "ide-hd", TYPE_IDE_DRIVE)
DEVICE_TYPE(IDECdrom, ide_cdrom, "ide-cd", TYPE_IDE_DRIVE)

static void ide_hard_disk_instance_init(IDEHardDisk *disk G_GNUC_UNUSED)
{
}

static void ide_hard_disk_class_init(DeviceClass *klass)
{
    klass->description = "virtual IDE disk";
    klass->user_creatable = true;
    device_class_add_properties(klass, disk_properties, G_N_ELEMENTS(disk_properties));
}

static void ide_cdrom_instance_init(IDECdrom *cdrom)
{
    cdrom->parent_instance.is_cdrom = true;
}

static void ide_cdrom_class_init(DeviceClass *klass)
{
    klass->description = "virtual IDE CD-ROM";
    klass->user_creatable = true;
}
