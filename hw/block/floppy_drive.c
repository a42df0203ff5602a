/*
 * A floppy drive: its type, the medium in it, where its heads are, the disk change line. And the
 * cable that drives hang on.
 *
 * An image's size tells the format of the diskette; one of no known size is read as the drive's
 * own. A drive has no tray that a guest or a host could open: a medium comes and goes at once.
 *
 * Source: Intel 82078 data sheet (290474), chapter 3; IBM PS/2 and PC AT technical references for
 * the disk change line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "fdc_private.h"
#include "hw/core/machine.h"
#include "util/trace.h"

#define CYLINDER_LIMIT                                                                             \
    84 /* where the heads meet the stop, a little behind the last formatted one */

TRACE_DEFINE(floppy_medium);
TRACE_DEFINE(floppy_step);

/* ---- the medium ---- */

bool floppy_drive_has_medium(const FloppyDrive *drive)
{
    return block_backend_is_inserted(drive->backend);
}

bool floppy_drive_is_protected(const FloppyDrive *drive)
{
    return !floppy_drive_has_medium(drive) || block_backend_is_read_only(drive->backend);
}

bool floppy_drive_is_changed(const FloppyDrive *drive)
{
    return drive->changed || !floppy_drive_has_medium(drive);
}

static void look_at_medium(FloppyDrive *drive)
{
    uint64_t bytes = block_backend_length(drive->backend);
    const FloppyFormat *format = floppy_format_find(drive->type, bytes);

    drive->format = format ? format : floppy_format_default(drive->type);
    TRACE(floppy_medium, "%s %" G_GUINT64_FORMAT " bytes: %u cylinders %u heads %u sectors",
          device_name(HW_DEVICE(drive)), bytes, drive->format->cylinders, drive->format->heads,
          drive->format->sectors);
}

static void medium_changed(void *opaque, bool load G_GNUC_UNUSED)
{
    FloppyDrive *drive = opaque;

    drive->changed = true;
    drive->rotation = 0;
    look_at_medium(drive);
}

static const BlockDeviceOps medium_ops = {.medium_changed = medium_changed};

/* ---- the heads ---- */

bool floppy_drive_step(FloppyDrive *drive, unsigned cylinder)
{
    uint8_t target = (uint8_t)MIN(cylinder, CYLINDER_LIMIT);

    if (target == drive->cylinder) {
        return false;
    }
    TRACE(floppy_step, "%s %u to %u", device_name(HW_DEVICE(drive)), drive->cylinder, target);
    drive->cylinder = target;
    /* A step pulse with a medium in place is what takes the line back. */
    drive->changed = drive->changed && !floppy_drive_has_medium(drive);
    return true;
}

/* ---- life ---- */

static bool choose_type(FloppyDrive *drive, GError **error)
{
    const FloppyFormat *format;

    if (!floppy_type_parse("drive-type", drive->type_property, &drive->type, error)) {
        return false;
    }
    if (drive->type == FLOPPY_TYPE_AUTO) {
        format = floppy_format_find(FLOPPY_TYPE_AUTO, block_backend_length(drive->backend));
        drive->type = format ? format->type : drive->fdc->fallback;
    }
    return true;
}

static bool check_block_sizes(const FloppyDrive *drive, GError **error)
{
    return (drive->logical_block_size == FLOPPY_SECTOR_SIZE &&
            drive->physical_block_size == FLOPPY_SECTOR_SIZE) ||
           error_setf(error, "Physical and logical block size must be 512 for floppy");
}

/* A diskette that may not be written is a protected one, and the next one may be another kind. */
static bool attach_backend(FloppyDrive *drive, GError **error)
{
    BlockPermissions permissions = {
        .write = true,
        .share_write = drive->share_write,
        .allow_empty = true,
        .follow_medium = true,
    };
    const char *name = drive->drive_property;

    if (name && name[0]) {
        drive->backend = block_backend_attach(name, G_OBJECT_TYPE_NAME(drive), permissions, error);
    } else {
        drive->backend = block_backend_new_removable(G_OBJECT_TYPE_NAME(drive), permissions);
    }
    return drive->backend != NULL;
}

static bool floppy_drive_realize(Device *device, GError **error)
{
    FloppyDrive *drive = HW_FLOPPY_DRIVE(device);

    drive->fdc = HW_FLOPPY_BUS(device_get_bus(device))->fdc;
    if (!check_block_sizes(drive, error) || !attach_backend(drive, error)) {
        return false;
    }
    if (!choose_type(drive, error)) {
        block_backend_detach(g_steal_pointer(&drive->backend));
        return false;
    }
    if (drive->write_cache_property != ON_OFF_AUTO_AUTO) {
        block_backend_set_write_cache(drive->backend,
                                      drive->write_cache_property == ON_OFF_AUTO_ON);
    }
    block_backend_set_device_ops(drive->backend, &medium_ops, drive);
    drive->changed = true;
    look_at_medium(drive);
    drive->fdc->drives[drive->unit] = drive;
    return true;
}

static void floppy_drive_unrealize(Device *device)
{
    FloppyDrive *drive = HW_FLOPPY_DRIVE(device);

    fdc_drive_gone(drive->fdc, drive);
    block_backend_set_device_ops(drive->backend, NULL, NULL);
    block_backend_detach(g_steal_pointer(&drive->backend));
}

/* The medium stays where it is, and so does what the guest has yet to hear of it. */
static void floppy_drive_reset(Device *device)
{
    FloppyDrive *drive = HW_FLOPPY_DRIVE(device);

    drive->cylinder = 0;
    drive->rotation = 0;
}

static bool floppy_drive_post_load(Device *device, GError **error)
{
    FloppyDrive *drive = HW_FLOPPY_DRIVE(device);

    if (drive->cylinder > CYLINDER_LIMIT) {
        error_setf(error, "cylinder %u", drive->cylinder);
        drive->cylinder = 0;
        return false;
    }
    drive->rotation %= drive->format->sectors;
    return true;
}

static const SavedField floppy_drive_fields[] = {
    SAVED(FloppyDrive, cylinder),
    SAVED(FloppyDrive, rotation),
    SAVED(FloppyDrive, changed),
};

static const DeviceProperty floppy_drive_properties[] = {
    DEVICE_PROPERTY_TEXT("drive", FloppyDrive, drive_property, NULL,
                         "Node name or ID of a block device"),
    DEVICE_PROPERTY_RANGE(UINT32, "unit", FloppyDrive, unit, 0, UINT32_MAX, UINT32_MAX,
                          "0: A, 1: B; default: the first free one"),
    DEVICE_PROPERTY_TEXT("drive-type", FloppyDrive, type_property, "auto",
                         "144, 288, 120, none, auto: as the medium at start-up needs"),
    DEVICE_PROPERTY(SIZE, "logical_block_size", FloppyDrive, logical_block_size, FLOPPY_SECTOR_SIZE,
                    "bytes, 512"),
    DEVICE_PROPERTY(SIZE, "physical_block_size", FloppyDrive, physical_block_size,
                    FLOPPY_SECTOR_SIZE, "bytes, 512"),
    DEVICE_PROPERTY(ONOFFAUTO, "write-cache", FloppyDrive, write_cache_property, ON_OFF_AUTO_AUTO,
                    "the host may keep what was written; auto: as the drive's cache mode says"),
    DEVICE_PROPERTY(BOOL, "share-rw", FloppyDrive, share_write, false,
                    "others may write the image too"),
};

DEVICE_TYPE(FloppyDrive, floppy_drive, "floppy", TYPE_DEVICE)

static void floppy_drive_instance_init(FloppyDrive *drive G_GNUC_UNUSED)
{
}

static void floppy_drive_class_init(DeviceClass *klass)
{
    klass->description = "virtual floppy drive";
    klass->bus_type = TYPE_FLOPPY_BUS;
    klass->category = DEVICE_CATEGORY_STORAGE;
    klass->user_creatable = true;
    klass->realize = floppy_drive_realize;
    klass->unrealize = floppy_drive_unrealize;
    klass->reset = floppy_drive_reset;
    klass->post_load = floppy_drive_post_load;
    klass->saved_fields = floppy_drive_fields;
    klass->saved_field_count = G_N_ELEMENTS(floppy_drive_fields);
    klass->saved_version = 1;
    device_class_add_properties(klass, floppy_drive_properties,
                                G_N_ELEMENTS(floppy_drive_properties));
}

/* ---- the bus ---- */

BUS_TYPE(FloppyBus, floppy_bus, TYPE_FLOPPY_BUS)

FloppyBus *floppy_bus_new(FDC *fdc)
{
    FloppyBus *bus = g_object_new(floppy_bus_get_type(), NULL);
    Machine *machine = device_get_machine(HW_DEVICE(fdc));
    g_autofree char *name = NULL;
    unsigned n = 0;

    do {
        g_free(name);
        name = g_strdup_printf("floppy-bus.%u", n++);
    } while (machine_find_bus(machine, name));
    bus->fdc = fdc;
    bus_setup(HW_BUS(bus), machine, HW_DEVICE(fdc), name);
    return bus;
}

static bool floppy_bus_check(Bus *base, Device *device, GError **error)
{
    FloppyBus *bus = HW_FLOPPY_BUS(base);
    FloppyDrive *drive = HW_FLOPPY_DRIVE(device);

    if (drive->unit == UINT32_MAX) {
        for (drive->unit = 0; fdc_drive(bus->fdc, drive->unit); drive->unit++) {
        }
    }
    if (drive->unit >= FDC_UNIT_COUNT) {
        return error_setf(error, "Can't create floppy unit %u, bus supports only %u units",
                          drive->unit, FDC_UNIT_COUNT);
    }
    if (fdc_drive(bus->fdc, drive->unit)) {
        return error_setf(error, "Floppy unit %u is in use", drive->unit);
    }
    return true;
}

static void floppy_bus_class_init(BusClass *klass)
{
    klass->check = floppy_bus_check;
}
