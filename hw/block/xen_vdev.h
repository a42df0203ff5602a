/*
 * Names and numbers of Xen's virtual disks.
 *
 * Source: Xen's docs/man/xen-vbd-interface.7.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_VDEV_H
#define HW_BLOCK_XEN_VDEV_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    XEN_VDEV_XVD,
    XEN_VDEV_HD,
    XEN_VDEV_SD,
} XenVdevKind;

typedef struct {
    XenVdevKind kind;
    uint32_t disk, partition; /* partition 0: the whole disk */
} XenVdev;

/**
 * xen_vdev_parse: "xvda", "xvdaa3", "hdb", "sdc1", "d2p1", "d5" or a number ("51712", "0xca00").
 * False names the bad text and the reason.
 */
bool xen_vdev_parse(const char *text, XenVdev *vdev, GError **error);
/** xen_vdev_number: what the front end's virtual-device node says. */
uint32_t xen_vdev_number(const XenVdev *vdev);
/** xen_vdev_from_number: the reverse; false if it names no disk of these kinds. */
bool xen_vdev_from_number(uint32_t number, XenVdev *vdev);
/** xen_vdev_name: "xvda1"; caller frees. */
char *xen_vdev_name(const XenVdev *vdev);

#endif
