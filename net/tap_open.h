/*
 * Opening a tap interface, and the scripts that set it up.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NET_TAP_OPEN_H
#define NET_TAP_OPEN_H

#include <glib.h>
#include <net/if.h>
#include <stdbool.h>

typedef struct {
    int fd;
    bool vnet_header; /* each frame has a struct virtio_net_hdr before it */
    char name[IFNAMSIZ];
} TapInterface;

typedef enum {
    TAP_HEADER_AUTO, /* where the kernel has it */
    TAP_HEADER_ON,
    TAP_HEADER_OFF,
} TapHeader;

/** tap_open: makes interface @name, or the next tapN if it is NULL, or opens one that persists. */
bool tap_open(TapInterface *tap, const char *name, TapHeader header, GError **error);
/** tap_adopt: @fd from elsewhere, if it is a tap's; @fd stays the caller's on failure. */
bool tap_adopt(TapInterface *tap, int fd, GError **error);
/** tap_run_script: @script with the interface's name as its argument; it must end with status 0. */
bool tap_run_script(const char *script, const char *name, GError **error);

#endif
