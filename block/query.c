/*
 * The block layer as monitors see it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/block_query.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/backend.h"
#include "block/file.h"
#include "util/error.h"

static const BlockListener *listener;

void block_set_listener(const BlockListener *new_listener)
{
    listener = new_listener;
}

void block_tell_tray_moved(BlockBackend *backend, bool open)
{
    if (listener && listener->tray_moved) {
        listener->tray_moved(backend, open);
    }
}

void block_tell_io_error(BlockBackend *backend, bool is_read, int errnum, BlockErrorAction action)
{
    if (listener && listener->io_error) {
        listener->io_error(backend, is_read, errnum, action);
    }
}

/* ---- nodes ---- */

static bool is_file(const BlockNode *node)
{
    return node->driver == &block_driver_file || node->driver == &block_driver_host_device;
}

static void fill_info(BlockNode *node, BlockNodeInfo *info)
{
    static const char *const detect_names[] = {
        [DETECT_ZEROES_OFF] = "off",
        [DETECT_ZEROES_ON] = "on",
        [DETECT_ZEROES_UNMAP] = "unmap",
    };
    BlockNode *bottom = node;
    struct stat status;

    *info = (BlockNodeInfo){
        .name = node->name,
        .driver = node->driver->name,
        .filename = node->filename,
        .child = node->child ? node->child->node->name : NULL,
        .is_protocol = node->driver->is_protocol,
        .read_only = node->read_only,
        .direct = node->direct,
        .no_flush = node->no_flush,
        .unmap = node->unmap,
        .detect_zeroes = detect_names[node->detect_zeroes],
        .length = block_node_length(node),
    };
    while (bottom->child) {
        bottom = bottom->child->node;
    }
    if (is_file(bottom) && fstat(((FileState *)bottom->state)->fd, &status) == 0) {
        info->allocated = (uint64_t)status.st_blocks * 512;
        info->has_allocated = true;
    }
}

bool block_node_query(const char *node_name, BlockNodeInfo *info)
{
    BlockNode *node = block_node_find(node_name);

    if (node) {
        fill_info(node, info);
    }
    return node != NULL;
}

typedef struct {
    void (*visit)(const BlockNodeInfo *info, void *opaque);
    void *opaque;
} NodeVisit;

static void visit_node(BlockNode *node, void *opaque)
{
    NodeVisit *visit = opaque;
    BlockNodeInfo info;

    fill_info(node, &info);
    visit->visit(&info, visit->opaque);
}

void block_node_query_all(void (*visit)(const BlockNodeInfo *info, void *opaque), void *opaque)
{
    NodeVisit all = {visit, opaque};

    block_node_foreach(visit_node, &all);
}

bool block_node_disown(const char *node_name)
{
    BlockNode *node = block_node_find(node_name);

    if (!node || !node->monitor_owned) {
        return false;
    }
    node->monitor_owned = false;
    block_node_unref(node);
    return true;
}

/* ---- size ---- */

static bool is_over(const BlockNode *node, const BlockNode *below)
{
    while (node != below && node->child) {
        node = node->child->node;
    }
    return node == below;
}

static void tell_resized(BlockBackend *backend, void *opaque)
{
    BlockNode *bottom = opaque;

    if (backend->root && is_over(backend->root->node, bottom) && backend->ops &&
        backend->ops->resized) {
        backend->ops->resized(backend->ops_opaque);
    }
}

static void drain_over(BlockBackend *backend, void *opaque)
{
    if (backend->root && is_over(backend->root->node, opaque)) {
        block_drain(backend);
    }
}

/* Nodes keep the length that requests may reach; those over @opaque learn the new one. */
static void refresh_length(BlockNode *node, void *opaque)
{
    if (is_over(node, opaque)) {
        __atomic_store_n(&node->length, block_node_length(node), __ATOMIC_RELAXED);
    }
}

static bool truncate_file(BlockNode *bottom, uint64_t length, GError **error)
{
    FileState *file = bottom->state;

    if (bottom->driver != &block_driver_file || !file->is_regular) {
        return error_setf(error, "Image format driver does not support resize");
    }
    if (length > INT64_MAX || ftruncate(file->fd, (off_t)length) < 0) {
        return error_set_errno(error, length > INT64_MAX ? EFBIG : errno, "Failed to resize '%s'",
                               bottom->name);
    }
    return true;
}

bool block_node_resize(const char *node_name, uint64_t length, GError **error)
{
    BlockNode *node = block_node_find(node_name);
    BlockNode *bottom = node;

    if (!node) {
        return error_setf(error, "Cannot find device='' nor node-name='%s'", node_name);
    }
    if (length % BLOCK_SECTOR_SIZE != 0) {
        return error_setf(error, "The new size must be a multiple of %d", BLOCK_SECTOR_SIZE);
    }
    while (bottom->child) {
        if (bottom->driver != &block_driver_raw) {
            return error_setf(error, "Image format driver does not support resize");
        }
        bottom = bottom->child->node;
    }
    BlockLink *link = block_link_new(node, NULL, "root", "a resize", BLOCK_PERMISSION_RESIZE,
                                     BLOCK_PERMISSION_ALL, error);
    if (!link) {
        return false;
    }
    block_backend_foreach(drain_over, bottom);
    bool resized = truncate_file(bottom, length, error);
    if (resized) {
        block_node_foreach(refresh_length, bottom);
        block_backend_foreach(tell_resized, bottom);
    }
    block_link_free(link);
    return resized;
}

/* ---- backends ---- */

void *block_backend_device(BlockBackend *backend)
{
    return backend->ops ? backend->ops_opaque : NULL;
}

bool block_backend_is_attached(BlockBackend *backend)
{
    return backend->attached;
}

const char *block_backend_drive_id(BlockBackend *backend)
{
    return backend->name;
}

bool block_backend_is_removable(BlockBackend *backend)
{
    return backend->ops && backend->ops->medium_changed;
}

bool block_backend_retains_read_only(BlockBackend *backend)
{
    return backend->root ? backend->root->node->read_only : backend->last_read_only;
}

bool block_backend_has_tray(BlockBackend *backend)
{
    return backend->ops && backend->ops->is_tray_open;
}

void block_backend_error_policies(BlockBackend *backend, const char **on_read,
                                  const char **on_write)
{
    static const char *const names[] = {
        [ERROR_POLICY_REPORT] = "report",
        [ERROR_POLICY_IGNORE] = "ignore",
        [ERROR_POLICY_ENOSPC] = "enospc",
        [ERROR_POLICY_STOP] = "stop",
    };

    *on_read = names[backend->read_policy];
    *on_write = names[backend->write_policy];
}

void block_backend_request_eject(BlockBackend *backend, bool force)
{
    if (backend->ops && backend->ops->eject_request) {
        backend->ops->eject_request(backend->ops_opaque, force);
    }
}

void block_backend_limits(BlockBackend *backend, ThrottleLimits *limits)
{
    if (backend->throttle) {
        *limits = backend->throttle->limits;
    } else {
        memset(limits, 0, sizeof(*limits));
    }
}

bool block_backend_change_limits(BlockBackend *backend, const ThrottleLimits *limits,
                                 GError **error)
{
    if (!throttle_limits_check(limits, error)) {
        return false;
    }
    block_drain_begin(backend);
    block_backend_set_limits(backend, limits);
    block_drain_end(backend);
    return true;
}
