/*
 * One image, opened once. A PV disk that is given the drive of an IDE disk waits: the IDE side owns
 * the image, and the guest sees no PV disk, until the guest unplugs it. Then the PV disk opens the
 * same block node for writing. A machine reset closes it again before the IDE disk's own reset
 * takes its write permission back, so that there is one writer at any time and the image stays
 * locked.
 *
 * A PV disk with a drive of its own opens it when it is realized and has no part in this.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "util/log.h"
#include "xen_disk.h"

/* ---- the emulated drive ---- */

/* A drive's id and its node's name mean the same image. */
static const char *node_of(const char *name)
{
    BlockBackend *backend = block_backend_find(name);

    return backend ? block_backend_node_name(backend) : name;
}

static IDEDrive *find_on_controller(PIIX3IDE *controller, const char *node)
{
    for (unsigned i = 0; i < IDE_CHANNEL_COUNT * IDE_UNIT_COUNT; i++) {
        IDEDrive *drive = ide_controller_drive(controller, i / IDE_UNIT_COUNT, i % IDE_UNIT_COUNT);
        const char *name = drive ? ide_drive_block_name(drive) : NULL;
        if (name && g_strcmp0(node_of(name), node) == 0) {
            return drive;
        }
    }
    return NULL;
}

static IDEDrive *find_emulated_drive(XenDisk *disk, const char *node)
{
    GPtrArray *devices = machine_devices(device_get_machine(HW_DEVICE(disk)));

    for (guint i = 0; node && i < devices->len; i++) {
        gpointer device = g_ptr_array_index(devices, i);
        IDEDrive *drive =
            IS_HW_PIIX3_IDE(device) ? find_on_controller(HW_PIIX3_IDE(device), node) : NULL;
        if (drive) {
            return drive;
        }
    }
    return NULL;
}

/* ---- the block layer ---- */

static void resized(void *opaque)
{
    xen_disk_size_changed(opaque);
}

static void medium_changed(void *opaque, bool load G_GNUC_UNUSED)
{
    xen_disk_size_changed(opaque);
}

static void drained_begin(void *opaque)
{
    xen_disk_hold(opaque);
}

/* The machine has stopped: its requests wait until it runs again. */
static void drained_end(void *opaque)
{
    XenDisk *disk = opaque;

    if (!run_state_is_running() && !disk->held_by_stop) {
        disk->held_by_stop = true;
        return;
    }
    xen_disk_unhold(disk);
}

static const BlockDeviceOps block_ops = {
    .medium_changed = medium_changed,
    .resized = resized,
    .drained_begin = drained_begin,
    .drained_end = drained_end,
};

static BlockBackend *attach(XenDisk *disk, bool write, GError **error)
{
    BlockPermissions permissions = {
        .write = write,
        .share_write = disk->share_write,
        .allow_empty = disk->is_cdrom,
        .resize = !disk->is_cdrom,
    };

    return block_backend_attach(disk->image, G_OBJECT_TYPE_NAME(disk), permissions, error);
}

/* Reading first, which tells whether it can be written. */
static BlockBackend *open_backend(XenDisk *disk, GError **error)
{
    if (!disk->image) {
        return block_backend_new_empty(G_OBJECT_TYPE_NAME(disk));
    }
    BlockBackend *backend = attach(disk, false, error);
    if (!backend || disk->is_cdrom || block_backend_is_read_only(backend)) {
        return backend;
    }
    block_backend_detach(backend);
    return attach(disk, true, error);
}

static const char *policy(const char *property)
{
    return g_strcmp0(property, "auto") ? property : NULL;
}

static bool open_image(XenDisk *disk, GError **error)
{
    BlockBackend *backend = open_backend(disk, error);

    if (!backend) {
        return false;
    }
    if (!block_backend_set_error_policy(backend, policy(disk->read_error_property),
                                        policy(disk->write_error_property), error)) {
        block_backend_detach(backend);
        return false;
    }
    if (disk->write_cache_property != ON_OFF_AUTO_AUTO) {
        block_backend_set_write_cache(backend, disk->write_cache_property == ON_OFF_AUTO_ON);
    }
    disk->target.backend = backend;
    disk->target.read_only = disk->is_cdrom || block_backend_is_read_only(backend);
    disk->target.discard = !disk->target.read_only && disk->discard_granularity != 0 &&
                           block_backend_discard_enabled(backend);
    block_backend_set_device_ops(backend, &block_ops, disk);
    block_backend_keep_io_status(backend);
    xen_disk_size_changed(disk);
    return true;
}

void xen_disk_release_image(XenDisk *disk)
{
    if (disk->target.backend) {
        block_backend_set_device_ops(disk->target.backend, NULL, NULL);
        block_backend_detach(disk->target.backend);
        disk->target.backend = NULL;
    }
}

/* ---- owning it ---- */

bool xen_disk_claim_image(XenDisk *disk, GError **error)
{
    const char *name = disk->drive_property;
    IDEDrive *emulated;

    if (!name || !name[0]) {
        return disk->is_cdrom ? open_image(disk, error)
                              : error_setf(error, "drive property not set");
    }
    emulated = find_emulated_drive(disk, node_of(name));
    /* The drive itself is the emulated device's; its node can have another user. */
    disk->image = g_strdup(emulated ? node_of(name) : name);
    if (emulated && ide_drive_is_disk(emulated)) {
        disk->emulated = emulated;
        return true;
    }
    return open_image(disk, error);
}

bool xen_disk_may_appear(XenDevice *device)
{
    XenDisk *disk = HW_XEN_DISK(device);
    g_autoptr(GError) error = NULL;

    if (disk->target.backend) {
        return true;
    }
    if (!ide_drive_is_unplugged(disk->emulated)) {
        if (!disk->told_why) {
            disk->told_why = true;
            report_info("%s is hidden until the guest unplugs the IDE disk '%s', whose image it "
                        "shares",
                        disk->vdev_name, disk->drive_property);
        }
        return false;
    }
    if (!open_image(disk, &error)) {
        report_warning("%s stays hidden: %s", disk->vdev_name, error->message);
        return false;
    }
    return true;
}

void xen_disk_let_go(XenDevice *device)
{
    XenDisk *disk = HW_XEN_DISK(device);

    if (disk->emulated) {
        xen_disk_release_image(disk);
    }
}
