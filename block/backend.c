/*
 * Block backends: who uses which node with which permissions, error policies, removable media.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/backend.h"
#include "block/block_query.h"
#include "util/clock.h"
#include "util/error.h"

#include <errno.h>
#include <string.h>

static GPtrArray *backends;
static void (*stop_handler)(const char *backend_name, bool is_read, int errnum);

/* ---- life ---- */

static BlockBackend *backend_new(const char *name)
{
    BlockBackend *backend = g_new0(BlockBackend, 1);

    if (!backends) {
        backends = g_ptr_array_new();
    }
    backend->name = g_strdup(name);
    backend->write_cache = true;
    backend->read_policy = ERROR_POLICY_REPORT;
    backend->write_policy = ERROR_POLICY_ENOSPC;
    backend->engine = engine_for_context(NULL);
    for (unsigned i = 0; i < 2; i++) {
        backend->queues[i].backend = backend;
        backend->queues[i].is_write = i == 1;
    }
    g_ptr_array_add(backends, backend);
    return backend;
}

static void backend_free(BlockBackend *backend)
{
    g_ptr_array_remove(backends, backend);
    if (backends->len == 0) {
        g_clear_pointer(&backends, g_ptr_array_unref);
    }
    block_link_free(backend->root);
    engine_unref(backend->engine);
    g_free(backend->throttle);
    g_free(backend->name);
    g_free(backend->owner);
    g_free(backend);
}

static char *describe(const BlockBackend *backend)
{
    const char *name = backend->name[0] ? backend->name : backend->owner;

    return name ? g_strdup_printf("block device '%s'", name) : g_strdup("an unnamed block device");
}

BlockBackend *block_backend_find(const char *name)
{
    for (unsigned i = 0; backends && i < backends->len; i++) {
        BlockBackend *backend = g_ptr_array_index(backends, i);
        if (name[0] && g_str_equal(backend->name, name)) {
            return backend;
        }
    }
    return NULL;
}

/* Links @backend to @node. A drive nobody uses only keeps the image from being taken for itself
 * alone. */
static bool link_node(BlockBackend *backend, BlockNode *node, unsigned permissions, unsigned shared,
                      GError **error)
{
    g_autofree char *user = describe(backend);

    backend->root = block_link_new(node, NULL, "root", user, permissions, shared, error);
    return backend->root != NULL;
}

BlockBackend *block_backend_new_drive(const char *name, BlockNode *node, GError **error)
{
    BlockBackend *backend = backend_new(name);

    backend->is_drive = true;
    if (node && !link_node(backend, node, BLOCK_PERMISSION_READ, BLOCK_PERMISSION_ALL, error)) {
        backend_free(backend);
        return NULL;
    }
    return backend;
}

void block_backend_free_drive(BlockBackend *backend)
{
    backend->is_drive = false;
    if (!backend->attached) {
        backend_free(backend);
    }
}

void block_backend_forget_drive(BlockBackend *backend)
{
    block_backend_remove_medium(backend);
    backend->name[0] = '\0';
    block_backend_free_drive(backend);
}

void block_backend_set_limits(BlockBackend *backend, const ThrottleLimits *limits)
{
    g_clear_pointer(&backend->throttle, g_free);
    if (throttle_limits_any(limits)) {
        backend->throttle = g_new0(Throttle, 1);
        throttle_init(backend->throttle, limits, clock_get_ns(CLOCK_REALTIME_HOST));
    }
}

/* ---- devices ---- */

static bool set_user_permissions(BlockBackend *backend, unsigned permissions, unsigned shared,
                                 GError **error)
{
    return !backend->root || block_link_set(backend->root, permissions, shared, error);
}

/* What the device asks for with @node (NULL: no medium) as its medium. */
static void fit_medium(BlockBackend *backend, const BlockNode *node)
{
    if (backend->follow_medium) {
        backend->may_write = node && !node->read_only;
        backend->permissions =
            BLOCK_PERMISSION_READ | (backend->may_write ? BLOCK_PERMISSION_WRITE : 0);
    }
}

static void keep_wanted(BlockBackend *backend, BlockPermissions wanted)
{
    backend->follow_medium = wanted.follow_medium && wanted.write;
    backend->last_read_only = !backend->follow_medium;
    backend->permissions = BLOCK_PERMISSION_READ | (wanted.write ? BLOCK_PERMISSION_WRITE : 0);
    backend->shared = BLOCK_PERMISSION_READ | BLOCK_PERMISSION_WRITE_UNCHANGED |
                      (wanted.share_write ? BLOCK_PERMISSION_WRITE : 0) |
                      (wanted.resize ? BLOCK_PERMISSION_RESIZE : 0);
    backend->may_write = wanted.write;
}

static bool attach_drive(BlockBackend *backend, BlockPermissions wanted, GError **error)
{
    if (backend->attached) {
        return error_setf(error,
                          backend->claimed_by_board
                              ? "Drive '%s' is already in use because it has been automatically "
                                "connected to another device (did you need 'if=none' in the drive "
                                "options?)"
                              : "Drive '%s' is already in use by another device",
                          backend->name);
    }
    if (!backend->root && !wanted.allow_empty) {
        return error_setf(error, "Device needs media, but drive is empty");
    }
    keep_wanted(backend, wanted);
    fit_medium(backend, block_backend_node(backend));
    return set_user_permissions(backend, backend->permissions, backend->shared, error);
}

static BlockBackend *attach_node(BlockNode *node, const char *owner_name, BlockPermissions wanted,
                                 GError **error)
{
    BlockBackend *backend = backend_new("");

    backend->owner = g_strdup(owner_name);
    keep_wanted(backend, wanted);
    fit_medium(backend, node);
    if (!link_node(backend, node, backend->permissions, backend->shared, error)) {
        backend_free(backend);
        return NULL;
    }
    backend->attached = true;
    return backend;
}

BlockBackend *block_backend_attach(const char *name, const char *owner_name,
                                   BlockPermissions permissions, GError **error)
{
    BlockBackend *backend = block_backend_find(name);
    BlockNode *node = block_node_find(name);

    if (!backend && node) {
        return attach_node(node, owner_name, permissions, error);
    }
    if (!backend) {
        error_setf(error, "Property '%s.drive' can't find value '%s'", owner_name, name);
        return NULL;
    }
    if (!attach_drive(backend, permissions, error)) {
        return NULL;
    }
    backend->attached = true;
    backend->owner = g_strdup(owner_name);
    return backend;
}

BlockBackend *block_backend_new_removable(const char *owner_name, BlockPermissions permissions)
{
    BlockBackend *backend = backend_new("");

    backend->owner = g_strdup(owner_name);
    backend->attached = true;
    keep_wanted(backend, permissions);
    fit_medium(backend, NULL);
    return backend;
}

BlockBackend *block_backend_new_empty(const char *owner_name)
{
    return block_backend_new_removable(owner_name, (BlockPermissions){0});
}

static void flush_quietly(BlockBackend *backend)
{
    if (backend->root && backend->may_write) {
        block_backend_flush_now(backend);
    }
}

void block_backend_detach(BlockBackend *backend)
{
    if (!backend) {
        return;
    }
    block_drain(backend);
    flush_quietly(backend);
    backend->ops = NULL;
    backend->follow_medium = false;
    backend->attached = backend->yielded = backend->may_write = false;
    backend->keeps_io_status = false;
    block_backend_reset_io_status(backend);
    g_clear_pointer(&backend->owner, g_free);
    if (!backend->is_drive) {
        backend_free(backend);
        return;
    }
    block_backend_set_context(backend, NULL);
    backend->medium_locked = backend->tray_open = false;
    set_user_permissions(backend, BLOCK_PERMISSION_READ, BLOCK_PERMISSION_ALL, NULL);
}

void block_backend_yield_write(BlockBackend *backend)
{
    if (backend->yielded || !backend->may_write) {
        return;
    }
    block_drain(backend);
    flush_quietly(backend);
    backend->yielded = true;
    set_user_permissions(backend, BLOCK_PERMISSION_READ, BLOCK_PERMISSION_ALL, NULL);
}

bool block_backend_take_write(BlockBackend *backend, GError **error)
{
    if (!backend->yielded) {
        return true;
    }
    if (!set_user_permissions(backend, backend->permissions, backend->shared, error)) {
        return false;
    }
    backend->yielded = false;
    return true;
}

/* ---- what a device asks ---- */

BlockNode *block_backend_node(BlockBackend *backend)
{
    return backend->root ? backend->root->node : NULL;
}

const char *block_backend_name(BlockBackend *backend)
{
    if (backend->name[0] || !backend->root) {
        return backend->name;
    }
    return backend->root->node->name;
}

const char *block_backend_node_name(BlockBackend *backend)
{
    return backend->root ? backend->root->node->name : NULL;
}

const char *block_backend_filename(BlockBackend *backend)
{
    return backend->root ? backend->root->node->filename : NULL;
}

uint64_t block_backend_length(BlockBackend *backend)
{
    return backend->root ? block_node_length(backend->root->node) : 0;
}

bool block_backend_is_inserted(BlockBackend *backend)
{
    return backend->root != NULL;
}

bool block_backend_is_read_only(BlockBackend *backend)
{
    return !backend->root || backend->root->node->read_only;
}

uint32_t block_backend_request_alignment(BlockBackend *backend)
{
    return backend->root ? block_node_request_alignment(backend->root->node) : 1;
}

bool block_backend_discard_enabled(BlockBackend *backend)
{
    return backend->root && backend->root->node->unmap;
}

bool block_backend_write_cache(BlockBackend *backend)
{
    return backend->write_cache;
}

void block_backend_set_write_cache(BlockBackend *backend, bool on)
{
    backend->write_cache = on;
}

const char *block_backend_serial(BlockBackend *backend)
{
    return NULL; /* a property of the device; -drive has none */
}

/* ---- removable media ---- */

void block_backend_set_device_ops(BlockBackend *backend, const BlockDeviceOps *ops, void *opaque)
{
    backend->ops = ops;
    backend->ops_opaque = opaque;
}

void block_backend_lock_medium(BlockBackend *backend, bool locked)
{
    backend->medium_locked = locked;
}

bool block_backend_medium_locked(BlockBackend *backend)
{
    return backend->ops && backend->ops->is_medium_locked
               ? backend->ops->is_medium_locked(backend->ops_opaque)
               : backend->medium_locked;
}

void block_backend_eject(BlockBackend *backend, bool eject_flag)
{
    backend->tray_open = eject_flag;
    block_tell_tray_moved(backend, eject_flag);
}

bool block_backend_tray_open(BlockBackend *backend)
{
    return backend->ops && backend->ops->is_tray_open
               ? backend->ops->is_tray_open(backend->ops_opaque)
               : backend->tray_open;
}

static void tell_medium_changed(BlockBackend *backend, bool load)
{
    bool was_open = block_backend_tray_open(backend);

    if (backend->ops && backend->ops->medium_changed) {
        backend->ops->medium_changed(backend->ops_opaque, load);
    }
    if (block_backend_tray_open(backend) != was_open) {
        block_tell_tray_moved(backend, !was_open);
    }
}

void block_backend_set_tray(BlockBackend *backend, bool open)
{
    tell_medium_changed(backend, !open);
}

bool block_backend_exchange_medium(BlockBackend *backend, const char *node_name, GError **error)
{
    const BlockDeviceOps *ops = backend->ops;
    bool done = true;

    /* A device with a tray sees nothing: it is open. */
    if (block_backend_has_tray(backend)) {
        backend->ops = NULL;
    }
    if (node_name) {
        done = block_backend_insert_medium(backend, node_name, error);
    } else {
        block_backend_remove_medium(backend);
    }
    backend->ops = ops;
    return done;
}

void block_backend_remove_medium(BlockBackend *backend)
{
    if (!backend->root) {
        return;
    }
    block_drain(backend);
    flush_quietly(backend);
    backend->last_read_only = backend->root->node->read_only;
    block_link_free(backend->root);
    backend->root = NULL;
    tell_medium_changed(backend, false);
}

bool block_backend_insert_medium(BlockBackend *backend, const char *node_name, GError **error)
{
    BlockNode *node = block_node_find(node_name);

    if (backend->root) {
        return error_setf(error, "There already is a medium in device '%s'",
                          block_backend_name(backend));
    }
    if (!node) {
        return error_setf(error, "Failed to find node with node-name='%s'", node_name);
    }
    fit_medium(backend, node);
    unsigned permissions = backend->attached ? backend->permissions : BLOCK_PERMISSION_READ;
    unsigned shared = backend->attached ? backend->shared : BLOCK_PERMISSION_ALL;
    if (!link_node(backend, node, permissions, shared, error)) {
        return false;
    }
    tell_medium_changed(backend, true);
    return true;
}

/* ---- errors ---- */

static const char *const policy_names[] = {
    [ERROR_POLICY_REPORT] = "report",
    [ERROR_POLICY_IGNORE] = "ignore",
    [ERROR_POLICY_ENOSPC] = "enospc",
    [ERROR_POLICY_STOP] = "stop",
};

bool block_backend_parse_policy(const char *text, bool is_read, ErrorPolicy *policy, GError **error)
{
    if (g_str_equal(text, "auto")) {
        *policy = is_read ? ERROR_POLICY_REPORT : ERROR_POLICY_ENOSPC;
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(policy_names); i++) {
        if (g_str_equal(policy_names[i], text) && !(is_read && i == ERROR_POLICY_ENOSPC)) {
            *policy = i;
            return true;
        }
    }
    return error_setf(error, "'%s' invalid %s error action", text, is_read ? "read" : "write");
}

bool block_backend_set_error_policy(BlockBackend *backend, const char *rerror, const char *werror,
                                    GError **error)
{
    ErrorPolicy read_policy = backend->read_policy, write_policy = backend->write_policy;

    if (rerror && !block_backend_parse_policy(rerror, true, &read_policy, error)) {
        return false;
    }
    if (werror && !block_backend_parse_policy(werror, false, &write_policy, error)) {
        return false;
    }
    backend->read_policy = read_policy;
    backend->write_policy = write_policy;
    return true;
}

void block_set_stop_handler(void (*stop)(const char *backend_name, bool is_read, int errnum))
{
    stop_handler = stop;
}

void block_backend_keep_io_status(BlockBackend *backend)
{
    backend->keeps_io_status = true;
}

bool block_backend_has_io_status(BlockBackend *backend)
{
    return backend->keeps_io_status && (backend->read_policy == ERROR_POLICY_STOP ||
                                        backend->write_policy == ERROR_POLICY_STOP ||
                                        backend->write_policy == ERROR_POLICY_ENOSPC);
}

/* A disk's queues fail in their own threads; the first error is the one to tell. */
static void note_io_status(BlockBackend *backend, int errnum)
{
    int none = 0;

    __atomic_compare_exchange_n(&backend->io_status, &none, errnum, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
}

static BlockErrorAction error_action(BlockBackend *backend, bool is_read, int errnum)
{
    ErrorPolicy policy = is_read ? backend->read_policy : backend->write_policy;

    if (policy == ERROR_POLICY_ENOSPC) {
        policy = errnum == ENOSPC ? ERROR_POLICY_STOP : ERROR_POLICY_REPORT;
    }
    if (policy == ERROR_POLICY_IGNORE) {
        return BLOCK_ERROR_IGNORE;
    }
    if (policy == ERROR_POLICY_REPORT || !stop_handler) {
        return BLOCK_ERROR_REPORT;
    }
    note_io_status(backend, errnum);
    return BLOCK_ERROR_STOP;
}

BlockErrorAction block_error_action(BlockBackend *backend, bool is_read, int errnum)
{
    BlockErrorAction action = error_action(backend, is_read, errnum);

    block_tell_io_error(backend, is_read, errnum, action);
    if (action == BLOCK_ERROR_STOP) {
        stop_handler(block_backend_name(backend), is_read, errnum);
    }
    return action;
}

int block_backend_io_status(BlockBackend *backend)
{
    return __atomic_load_n(&backend->io_status, __ATOMIC_RELAXED);
}

void block_backend_reset_io_status(BlockBackend *backend)
{
    __atomic_store_n(&backend->io_status, 0, __ATOMIC_RELAXED);
}

/* ---- all of them ---- */

void block_backend_foreach(void (*visit)(BlockBackend *backend, void *opaque), void *opaque)
{
    /* A visitor may free the one it is given. */
    for (unsigned i = 0; backends && i < backends->len;) {
        BlockBackend *backend = g_ptr_array_index(backends, i);
        visit(backend, opaque);
        if (backends && i < backends->len && g_ptr_array_index(backends, i) == backend) {
            i++;
        }
    }
}

static void close_medium(BlockBackend *backend, void *opaque)
{
    block_link_free(backend->root);
    backend->root = NULL;
}

void block_cleanup(void)
{
    block_drain_all();
    block_backend_foreach(close_medium, NULL);
    drives_cleanup();
    block_node_cleanup();
}
