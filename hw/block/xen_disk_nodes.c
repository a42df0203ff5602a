/*
 * What a PV disk says of itself in xenstore.
 *
 * Source: xen/io/blkif.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/log.h"
#include "xen_disk.h"

/* ---- size ---- */

/* Sector numbers count 512 bytes unless the front end says that it counts sector-size. */
static uint32_t sector_unit(const XenDisk *disk)
{
    return disk->target.sector_unit ? disk->target.sector_unit : XEN_DISK_SECTOR_SIZE;
}

bool xen_disk_publish_size(XenDisk *disk, uint32_t transaction, GError **error)
{
    uint64_t capacity = __atomic_load_n(&disk->target.capacity, __ATOMIC_RELAXED);

    return xen_device_write_backend(HW_XEN_DEVICE(disk), transaction, error, "sectors",
                                    "%" G_GUINT64_FORMAT, (guint64)(capacity / sector_unit(disk)));
}

static bool update_size(StoreClient *client G_GNUC_UNUSED, uint32_t transaction, void *opaque,
                        GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(opaque);

    return xen_disk_publish_size(opaque, transaction, error) &&
           xen_device_write_backend(device, transaction, error, "state", "%u", device->state);
}

void xen_disk_size_changed(XenDisk *disk)
{
    XenDevice *device = HW_XEN_DEVICE(disk);
    uint64_t length = block_backend_length(disk->target.backend);
    uint64_t capacity = length - length % disk->logical_block_size;
    g_autoptr(GError) error = NULL;

    if (capacity == __atomic_exchange_n(&disk->target.capacity, capacity, __ATOMIC_RELAXED) ||
        !device->present) {
        return;
    }
    /* Front ends look at the size when they see the state written again. */
    if (!store_client_transaction_run(xen_device_client(device), update_size, disk, &error)) {
        report_warning("%s: %s", disk->vdev_name, error->message);
    }
}

/* ---- all of it ---- */

static bool publish_identity(XenDisk *disk, uint32_t t, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(disk);
    const char *type = disk->is_cdrom ? "cdrom" : "disk";
    unsigned info = (disk->is_cdrom ? VDISK_CDROM | VDISK_REMOVABLE : 0) |
                    (disk->target.read_only ? VDISK_READONLY : 0);

    return xen_device_write_backend(device, t, error, "dev", "%s", disk->vdev_name) &&
           xen_device_write_backend(device, t, error, "type", "qdisk") &&
           xen_device_write_backend(device, t, error, "device-type", "%s", type) &&
           xen_device_write_backend(device, t, error, "removable", "%d", disk->is_cdrom) &&
           xen_device_write_backend(device, t, error, "bootable", "1") &&
           xen_device_write_backend(device, t, error, "mode", disk->target.read_only ? "r" : "w") &&
           xen_device_write_backend(device, t, error, "info", "%u", info) &&
           xen_device_write_frontend(device, t, error, "device-type", "%s", type) &&
           xen_device_write_frontend(device, t, error, "virtual-device", "%u", device->number);
}

/* The disk's end shall not cut a physical sector. */
static uint64_t physical_size(const XenDisk *disk)
{
    return disk->target.capacity % disk->physical_block_size ? disk->logical_block_size
                                                             : disk->physical_block_size;
}

static bool publish_discard(XenDisk *disk, uint32_t t, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(disk);
    uint64_t granularity = disk->discard_granularity == UINT64_MAX ? disk->logical_block_size
                                                                   : disk->discard_granularity;

    return !disk->target.discard ||
           (xen_device_write_backend(device, t, error, "feature-discard", "1") &&
            xen_device_write_backend(device, t, error, "discard-granularity", "%" G_GUINT64_FORMAT,
                                     (guint64)granularity) &&
            xen_device_write_backend(device, t, error, "discard-alignment", "0") &&
            xen_device_write_backend(device, t, error, "discard-secure", "1"));
}

static bool publish_numbers(XenDisk *disk, uint32_t t, GError **error)
{
    const struct {
        const char *name;
        uint64_t value;
    } nodes[] = {
        {"sector-size", disk->logical_block_size},
        {"physical-sector-size", physical_size(disk)},
        {"feature-flush-cache", 1},
        {"feature-barrier", 1},
        {"feature-persistent", disk->persistent_grants},
        {"feature-max-indirect-segments", BLKIF_INDIRECT_SEGMENTS},
        {"max-ring-page-order", disk->ring_order_max},
        {"max-ring-pages", 1u << disk->ring_order_max},
        {"multi-queue-max-queues", disk->queues_max},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(nodes); i++) {
        if (!xen_device_write_backend(HW_XEN_DEVICE(disk), t, error, nodes[i].name,
                                      "%" G_GUINT64_FORMAT, (guint64)nodes[i].value)) {
            return false;
        }
    }
    return true;
}

bool xen_disk_publish(XenDevice *device, uint32_t transaction, GError **error)
{
    XenDisk *disk = HW_XEN_DISK(device);

    disk->target.sector_unit = XEN_DISK_SECTOR_SIZE;
    return publish_identity(disk, transaction, error) &&
           publish_numbers(disk, transaction, error) && publish_discard(disk, transaction, error) &&
           xen_disk_publish_size(disk, transaction, error);
}
