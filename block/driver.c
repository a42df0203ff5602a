/*
 * The drivers by name, and the names of those that others have and we refuse.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"
#include "util/error.h"

static const BlockDriver *const drivers[] = {
    &block_driver_file,     &block_driver_host_device, &block_driver_null_co,
    &block_driver_null_aio, &block_driver_raw,         &block_driver_blkdebug,
};

/* Known from other emulators' command lines. */
static const char *const foreign[] = {
    "blklogwrites",
    "blkreplay",
    "blkverify",
    "bochs",
    "cloop",
    "compress",
    "copy-before-write",
    "copy-on-read",
    "dmg",
    "fat",
    "ftp",
    "ftps",
    "gluster",
    "host_cdrom",
    "http",
    "https",
    "io_uring",
    "iscsi",
    "luks",
    "nbd",
    "nfs",
    "nvme",
    "nvme-io_uring",
    "parallels",
    "preallocate",
    "qcow",
    "qcow2",
    "qed",
    "quorum",
    "rbd",
    "replication",
    "snapshot-access",
    "ssh",
    "throttle",
    "vdi",
    "vhdx",
    "virtio-blk-vfio-pci",
    "virtio-blk-vhost-user",
    "virtio-blk-vhost-vdpa",
    "vmdk",
    "vpc",
    "vvfat",
};

const BlockDriver *block_driver_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (g_str_equal(drivers[i]->name, name)) {
            return drivers[i];
        }
    }
    return NULL;
}

bool block_driver_is_foreign(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
        if (g_str_equal(foreign[i], name)) {
            return true;
        }
    }
    return false;
}

bool block_driver_refuse(const char *name, GError **error)
{
    if (block_driver_is_foreign(name)) {
        return error_setf(error, "Driver '%s' is not supported; images must be raw", name);
    }
    return error_setf(error, "Unknown driver '%s'", name);
}
