/*
 * PV disks, "xen-disk" and "xen-cdrom": properties and life. The rest of a disk is in
 * xen_disk_image.c (the image), xen_disk_nodes.c (xenstore) and xen_disk_connection.c (rings).
 *
 * Source: xen/io/blkif.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/block/xen_block.h"

#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "util/bytes.h"
#include "util/error.h"
#include "xen_disk.h"

G_DEFINE_ABSTRACT_TYPE(XenDisk, xen_disk, TYPE_XEN_DEVICE)

/* ---- properties ---- */

static bool is_size(uint64_t size, uint64_t minimum, uint64_t maximum)
{
    return size >= minimum && size <= maximum && (size & (size - 1)) == 0;
}

static bool check_block_sizes(XenDisk *disk, GError **error)
{
    uint64_t logical = disk->logical_block_size, granularity = disk->discard_granularity;

    /* A segment of a request lies within a page. */
    if (!is_size(logical, 512, 4096)) {
        return error_setf(error, "logical_block_size must be a power of 2 between 512 and 4096");
    }
    if (!is_size(disk->physical_block_size, 512, 2 * MiB)) {
        return error_setf(error,
                          "physical_block_size must be a power of 2 between 512 and 2097152");
    }
    if (disk->physical_block_size < logical) {
        disk->physical_block_size = logical;
    }
    if (disk->minimum_io_size % logical || disk->optimal_io_size % logical) {
        return error_setf(error, "min_io_size and opt_io_size must be multiples of "
                                 "logical_block_size");
    }
    if (granularity != UINT64_MAX && (granularity % logical || granularity > UINT32_MAX)) {
        return error_setf(error, "discard_granularity must be a multiple of logical_block_size");
    }
    return true;
}

static void choose_queues(XenDisk *disk)
{
    if (disk->queues_max == 0) {
        unsigned cpus = machine_config(device_get_machine(HW_DEVICE(disk)))->smp.cpus;
        disk->queues_max = CLAMP(cpus, 1, XEN_DISK_QUEUES_MAX);
    }
}

static bool number_is_used(XenDisk *disk, uint32_t number)
{
    GPtrArray *children = bus_get_children(device_get_bus(HW_DEVICE(disk)));

    for (guint i = 0; i < children->len; i++) {
        XenDevice *other = g_ptr_array_index(children, i);
        if (other != HW_XEN_DEVICE(disk) &&
            G_TYPE_CHECK_INSTANCE_TYPE(other, xen_disk_get_type()) && other->number == number) {
            return true;
        }
    }
    return false;
}

/* The one that was asked for, or the first xvd that is free. */
static bool choose_vdev(XenDisk *disk, GError **error)
{
    const char *text = disk->vdev_property;

    if (text && text[0]) {
        if (!xen_vdev_parse(text, &disk->vdev, error)) {
            return false;
        }
        if (number_is_used(disk, xen_vdev_number(&disk->vdev))) {
            return error_setf(error, "vdev '%s' is in use by another disk", text);
        }
    } else {
        disk->vdev = (XenVdev){.kind = XEN_VDEV_XVD};
        while (number_is_used(disk, xen_vdev_number(&disk->vdev))) {
            disk->vdev.disk++;
        }
    }
    disk->vdev_name = xen_vdev_name(&disk->vdev);
    HW_XEN_DEVICE(disk)->number = xen_vdev_number(&disk->vdev);
    return true;
}

/* ---- life ---- */

static void run_event(RunEvent event, void *opaque)
{
    if (event == RUN_EVENT_RESUME) {
        xen_disk_resume(opaque);
    }
}

static void xen_disk_tear_down(XenDevice *device)
{
    XenDisk *disk = HW_XEN_DISK(device);

    run_state_remove_handler(run_event, disk);
    xen_disk_release_image(disk);
    io_thread_unref(disk->thread);
    disk->thread = NULL;
    disk->emulated = NULL;
    g_clear_pointer(&disk->image, g_free);
    g_clear_pointer(&disk->vdev_name, g_free);
}

static bool xen_disk_set_up(XenDevice *device, GError **error)
{
    XenDisk *disk = HW_XEN_DISK(device);
    const char *iothread = disk->iothread_property;

    run_state_add_handler(run_event, disk);
    choose_queues(disk);
    if (check_block_sizes(disk, error) && choose_vdev(disk, error) &&
        (!iothread || !iothread[0] || (disk->thread = io_thread_ref(iothread, error))) &&
        xen_disk_claim_image(disk, error)) {
        return true;
    }
    xen_disk_tear_down(device);
    return false;
}

static void xen_disk_finalize(GObject *object)
{
    g_ptr_array_unref(HW_XEN_DISK(object)->queues);
    g_ptr_array_unref(HW_XEN_DISK(object)->threads);
    G_OBJECT_CLASS(xen_disk_parent_class)->finalize(object);
}

static void xen_disk_init(XenDisk *disk)
{
    disk->queues = g_ptr_array_new();
    disk->threads = g_ptr_array_new_with_free_func((GDestroyNotify)io_thread_unref);
}

static const DeviceProperty disk_properties[] = {
    DEVICE_PROPERTY_TEXT("drive", XenDisk, drive_property, NULL,
                         "Node name or ID of a block device"),
    DEVICE_PROPERTY_TEXT("vdev", XenDisk, vdev_property, NULL,
                         "the guest's name for it: xvdX[N], hdX[N], sdX[N], dN[pN] or a number; "
                         "default: the first free xvdX"),
    DEVICE_PROPERTY(SIZE, "logical_block_size", XenDisk, logical_block_size, 512,
                    "bytes, a power of 2 up to 4096"),
    DEVICE_PROPERTY(SIZE, "physical_block_size", XenDisk, physical_block_size, 512,
                    "bytes, a power of 2"),
    DEVICE_PROPERTY(SIZE, "min_io_size", XenDisk, minimum_io_size, 0,
                    "bytes; the protocol does not tell the guest"),
    DEVICE_PROPERTY(SIZE, "opt_io_size", XenDisk, optimal_io_size, 0,
                    "bytes; the protocol does not tell the guest"),
    DEVICE_PROPERTY(SIZE, "discard_granularity", XenDisk, discard_granularity, UINT64_MAX,
                    "bytes; 0: the guest is not offered discard"),
    DEVICE_PROPERTY_RANGE(UINT32, "max-ring-page-order", XenDisk, ring_order_max, 0,
                          XEN_RING_ORDER_MAX, XEN_RING_ORDER_MAX,
                          "a ring has at most 2^N pages"),
    DEVICE_PROPERTY_RANGE(UINT32, "num-queues", XenDisk, queues_max, 0, XEN_DISK_QUEUES_MAX, 0,
                          "rings that the guest may use; 0: one for each CPU"),
    DEVICE_PROPERTY_TEXT("iothread", XenDisk, iothread_property, NULL,
                         "ID of an iothread object for all queues; default: a thread for each, as "
                         "far as the host has CPUs"),
    DEVICE_PROPERTY(
        BOOL, "persistent-grants", XenDisk, persistent_grants, false,
        "offer them; the guest then copies all data, which only helps where a grant costs "
        "more than a copy"),
    DEVICE_PROPERTY(ONOFFAUTO, "write-cache", XenDisk, write_cache_property, ON_OFF_AUTO_AUTO,
                    "volatile write cache; auto: as the drive's cache mode says"),
    DEVICE_PROPERTY(BOOL, "share-rw", XenDisk, share_write, false,
                    "others may write the image too"),
    DEVICE_PROPERTY_TEXT("werror", XenDisk, write_error_property, "auto",
                         "on a write error: report, ignore, stop, enospc; auto: as the drive says"),
    DEVICE_PROPERTY_TEXT("rerror", XenDisk, read_error_property, "auto",
                         "on a read error: report, ignore, stop; auto: as the drive says"),
};

static void xen_disk_class_init(XenDiskClass *klass)
{
    DeviceClass *device_class = HW_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = xen_disk_finalize;
    device_class->category = DEVICE_CATEGORY_STORAGE;
    device_class->user_creatable = true;
    klass->backend_type = "qdisk";
    klass->frontend_class = "vbd";
    klass->set_up = xen_disk_set_up;
    klass->tear_down = xen_disk_tear_down;
    klass->may_appear = xen_disk_may_appear;
    klass->let_go = xen_disk_let_go;
    klass->publish = xen_disk_publish;
    klass->connect = xen_disk_connect;
    klass->disconnect = xen_disk_disconnect;
    klass->save = xen_disk_save;
    device_class->saved_version = 2;
    device_class_add_properties(device_class, disk_properties, G_N_ELEMENTS(disk_properties));
}

/* ---- the two types ---- */

typedef struct _XenHardDisk XenHardDisk;
typedef struct _XenCdrom XenCdrom;

struct _XenHardDisk {
    XenDisk parent_instance;
};

struct _XenCdrom {
    XenDisk parent_instance;
};

GType xen_hard_disk_get_type(void);
GType xen_cdrom_get_type(void);
DEVICE_TYPE(XenHardDisk, xen_hard_disk, "xen-disk", xen_disk_get_type())
DEVICE_TYPE(XenCdrom, xen_cdrom, "xen-cdrom", xen_disk_get_type())

static void xen_hard_disk_instance_init(XenHardDisk *disk G_GNUC_UNUSED)
{
}

static void xen_hard_disk_class_init(DeviceClass *klass)
{
    klass->description = "Xen PV disk";
}

static void xen_cdrom_instance_init(XenCdrom *cdrom)
{
    cdrom->parent_instance.is_cdrom = true;
}

static void xen_cdrom_class_init(DeviceClass *klass)
{
    klass->description = "Xen PV CD-ROM";
}

/* ---- beside an IDE disk ---- */

static bool has_twin(XenBus *bus, IDEDrive *drive)
{
    GPtrArray *children = bus_get_children(HW_BUS(bus));

    for (guint i = 0; i < children->len; i++) {
        Device *device = g_ptr_array_index(children, i);
        if (G_TYPE_CHECK_INSTANCE_TYPE(device, xen_disk_get_type()) &&
            HW_XEN_DISK(device)->emulated == drive) {
            return true;
        }
    }
    return false;
}

/* What a user set for the disk holds for whichever device has the image. */
static bool copy_settings(Device *from, Device *to, GError **error)
{
    static const char *const names[] = {"share-rw", "write-cache", "werror", "rerror",
                                        "physical_block_size"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *value = device_property_to_text(from, names[i]);
        if (value && !device_set_property_text(to, names[i], value, error)) {
            return false;
        }
    }
    return true;
}

bool xen_block_create_twin(XenBus *bus, IDEDrive *drive, unsigned number, GError **error)
{
    g_autoptr(Device) device = device_new(xen_hard_disk_get_type());
    g_autofree char *vdev = g_strdup_printf("xvd%c", (char)('a' + number));
    g_autofree char *path = g_strdup_printf("/machine/%s", vdev);

    if (has_twin(bus, drive)) {
        return true;
    }
    device_set_path(device, path);
    return copy_settings((Device *)drive, device, error) &&
           device_set_property_text(device, "drive", ide_drive_block_name(drive), error) &&
           device_set_property_text(device, "vdev", vdev, error) &&
           device_realize(device, bus_get_machine(HW_BUS(bus)), HW_BUS(bus), error);
}

/* ---- -drive if=xen ---- */

static bool create_for(XenBus *bus, DriveInfo *drive, GError **error)
{
    GType type = drive->cdrom ? xen_cdrom_get_type() : xen_hard_disk_get_type();
    g_autoptr(Device) device = device_new(type);

    drive->claimed = true;
    return (!drive->has_medium && !drive->cdrom
                ? error_setf(error, "Device needs media, but drive is empty")
                : true) &&
           device_set_property_text(device, "drive", drive->id, error) &&
           device_realize(device, bus_get_machine(HW_BUS(bus)), HW_BUS(bus), error);
}

bool xen_block_create_drives(XenBus *bus, GError **error)
{
    DriveInfo *drive;

    for (unsigned n = 0; (drive = drive_nth(DRIVE_IF_XEN, n)); n++) {
        if (!drive->claimed && !create_for(bus, drive, error)) {
            return false;
        }
    }
    return true;
}
