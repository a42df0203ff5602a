/*
 * What monitors ask of the block layer beyond what devices do: the graph as it is, limits, sizes,
 * drives that come and go, and news about media and errors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_BLOCK_QUERY_H
#define BLOCK_BLOCK_QUERY_H

#include "block/block.h"
#include "block/throttle.h"

/* A node as it is now. Strings belong to the node. */
typedef struct {
    const char *name, *driver;
    const char *filename; /* "" where there is no file */
    const char *child;    /* the node below, or NULL */
    bool is_protocol, read_only, direct, no_flush, unmap;
    const char *detect_zeroes; /* "off", "on", "unmap" */
    uint64_t length;           /* bytes */
    uint64_t allocated;        /* bytes the file takes on the host; 0: not known */
    bool has_allocated;
} BlockNodeInfo;

/** block_node_query: false: no node of that name. */
bool block_node_query(const char *node_name, BlockNodeInfo *info);
/** block_node_query_all: every node, by name. */
void block_node_query_all(void (*visit)(const BlockNodeInfo *info, void *opaque), void *opaque);
/** block_node_resize: grows (with zeroes) or cuts the image; the devices over it hear of it. */
bool block_node_resize(const char *node_name, uint64_t length, GError **error);

/** block_backend_device: what the device gave with its ops (the device itself), or NULL. */
void *block_backend_device(BlockBackend *backend);
/** block_backend_is_attached: a device uses it. block_backend_drive_id: the -drive's id, or "". */
bool block_backend_is_attached(BlockBackend *backend);
const char *block_backend_drive_id(BlockBackend *backend);
/** block_backend_is_removable: the device's medium can be changed. */
bool block_backend_is_removable(BlockBackend *backend);
/** block_backend_retains_read_only: whether the medium is read-only, or the last one was; of a drive
 * that never had one: whether its device only reads. */
bool block_backend_retains_read_only(BlockBackend *backend);
/** block_backend_has_tray: guest or host can open something. */
bool block_backend_has_tray(BlockBackend *backend);
/** block_backend_error_policies: "auto", "report", "ignore", "enospc", "stop". */
void block_backend_error_policies(BlockBackend *backend, const char **on_read,
                                  const char **on_write);
/** block_backend_request_eject: asks the guest to let the medium go; @force: takes no for no
 * answer. */
void block_backend_request_eject(BlockBackend *backend, bool force);
/** block_backend_set_tray: the host opens or closes the tray. */
void block_backend_set_tray(BlockBackend *backend, bool open);
/** block_backend_exchange_medium: takes the medium out (@node_name NULL) or puts one in while the
 * tray is open: the device hears of it only when the tray closes. */
bool block_backend_exchange_medium(BlockBackend *backend, const char *node_name, GError **error);
/** block_backend_limits: what throttles it (all zero: nothing). set_limits: new ones; drains first.
 */
void block_backend_limits(BlockBackend *backend, ThrottleLimits *limits);
bool block_backend_change_limits(BlockBackend *backend, const ThrottleLimits *limits,
                                 GError **error);
/** drive_delete: a -drive goes: its medium is taken out, and it ends when its device does. */
bool drive_delete(const char *id, GError **error);
/** block_node_disown: the monitor lets @node_name go: it ends with its last user. */
bool block_node_disown(const char *node_name);

/* News. One listener; NULL: none. */
typedef struct {
    /** tray_moved: main thread or a vCPU's, machine lock held. */
    void (*tray_moved)(BlockBackend *backend, bool open);
    /** io_error: any thread. */
    void (*io_error)(BlockBackend *backend, bool is_read, int errnum, BlockErrorAction action);
} BlockListener;

void block_set_listener(const BlockListener *listener);

#endif
