/*
 * The PV disk: base of "xen-disk" and "xen-cdrom".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_DISK_H
#define HW_BLOCK_XEN_DISK_H

#include "hw/block/io_thread.h"
#include "hw/ide/ide.h"
#include "hw/xen/xen_device.h"
#include "xen_block_queue.h"
#include "xen_vdev.h"

#define XEN_DISK_SECTOR_SIZE 512 /* of the nodes in xenstore, whatever the disk's own */
#define XEN_DISK_QUEUES_MAX  64

typedef struct {
    XenDevice parent_instance;

    /* Properties. */
    char *drive_property, *vdev_property, *iothread_property;
    char *write_error_property, *read_error_property;
    uint64_t logical_block_size, physical_block_size, minimum_io_size, optimal_io_size;
    uint64_t discard_granularity; /* UINT64_MAX: the logical block size */
    uint32_t ring_order_max;
    uint32_t queues_max; /* 0: one for each vCPU */
    int32_t write_cache_property;
    bool share_write;
    bool persistent_grants; /* offered */

    bool is_cdrom;
    XenVdev vdev;
    char *vdev_name;
    IOThread *thread; /* of iothread=, or NULL */

    /* The image, and the emulated drive that owns it until the guest unplugs that. */
    char *image; /* drive id or node name; NULL: no medium */
    IDEDrive *emulated;
    bool told_why;

    XenBlockTarget target; /* .backend NULL: the emulated drive has the image */
    GPtrArray *queues;     /* XenBlockQueue; connected */
    GPtrArray *threads;    /* IOThread of each, which may be the same */
    bool held_by_stop;     /* one of the target's holds: the machine does not run */
    bool broken;           /* atomic: a queue broke since we connected */
} XenDisk;

typedef XenDeviceClass XenDiskClass;

GType xen_disk_get_type(void);
#define HW_XEN_DISK(object) G_TYPE_CHECK_INSTANCE_CAST((object), xen_disk_get_type(), XenDisk)

/* ---- xen_disk_image.c: who has the image ---- */

/** xen_disk_claim_image: at set-up: the image, or the emulated drive to wait for. */
bool xen_disk_claim_image(XenDisk *disk, GError **error);
/** xen_disk_may_appear: true with the image open: the emulated drive, if any, is unplugged. */
bool xen_disk_may_appear(XenDevice *device);
/** xen_disk_let_go: closes an image that an emulated drive will want. */
void xen_disk_let_go(XenDevice *device);
void xen_disk_release_image(XenDisk *disk);

/* ---- xen_disk_nodes.c: what the areas say ---- */

bool xen_disk_publish(XenDevice *device, uint32_t transaction, GError **error);
/** xen_disk_publish_size: "sectors" in the units of the front end, by transaction or at once. */
bool xen_disk_publish_size(XenDisk *disk, uint32_t transaction, GError **error);
/** xen_disk_size_changed: the image or the medium is another one: capacity and front end hear. */
void xen_disk_size_changed(XenDisk *disk);

/* ---- xen_disk_connection.c: rings ---- */

bool xen_disk_connect(XenDevice *device, GVariant *saved, GError **error);
void xen_disk_disconnect(XenDevice *device);
/* Whether a flush failed since which none has succeeded, and each queue. */
#define XEN_DISK_STATE "(ba" XEN_BLOCK_QUEUE_STATE ")"
GVariant *xen_disk_save(XenDevice *device);
/** xen_disk_hold, xen_disk_unhold: no request is begun in between; nestable. */
void xen_disk_hold(XenDisk *disk);
void xen_disk_unhold(XenDisk *disk);
/** xen_disk_resume: the machine runs again: requests that waited go on. */
void xen_disk_resume(XenDisk *disk);

#endif
