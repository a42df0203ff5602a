/*
 * -drive: options of a drive, its place on an interface, and the table of all drives.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/backend.h"
#include "block/block_query.h"
#include "block/drive_options.h"
#include "util/error.h"

#include <string.h>

typedef struct {
    DriveInfo info; /* first: what others see */
    BlockBackend *backend;
} Drive;

typedef struct {
    const char *name;
    int units_per_bus; /* 0: one bus without end */
    bool has_error_policy;
} InterfaceKind;

static const InterfaceKind interfaces[DRIVE_IF_COUNT] = {
    [DRIVE_IF_NONE] = {"none", 0, true},      [DRIVE_IF_IDE] = {"ide", 2, true},
    [DRIVE_IF_SCSI] = {"scsi", 7, true},      [DRIVE_IF_FLOPPY] = {"floppy", 0, false},
    [DRIVE_IF_PFLASH] = {"pflash", 0, false}, [DRIVE_IF_MTD] = {"mtd", 0, false},
    [DRIVE_IF_SD] = {"sd", 0, false},         [DRIVE_IF_VIRTIO] = {"virtio", 0, true},
    [DRIVE_IF_XEN] = {"xen", 0, true},
};

static GPtrArray *drives;
static bool global_snapshot;

void drive_set_global_snapshot(bool on)
{
    global_snapshot = on;
}

static Drive *drive_at(unsigned i)
{
    return g_ptr_array_index(drives, i);
}

static unsigned drive_count(void)
{
    return drives ? drives->len : 0;
}

DriveInfo *drive_get(DriveInterface interface, int bus, int unit)
{
    for (unsigned i = 0; i < drive_count(); i++) {
        DriveInfo *info = &drive_at(i)->info;
        if (info->interface == interface && info->bus == bus && info->unit == unit) {
            return info;
        }
    }
    return NULL;
}

DriveInfo *drive_nth(DriveInterface interface, unsigned n)
{
    for (unsigned i = 0; i < drive_count(); i++) {
        if (drive_at(i)->info.interface == interface && n-- == 0) {
            return &drive_at(i)->info;
        }
    }
    return NULL;
}

bool drive_id_exists(const char *id)
{
    return block_backend_find(id) != NULL;
}

bool drives_check_claimed(GError **error)
{
    for (unsigned i = 0; i < drive_count(); i++) {
        const DriveInfo *info = &drive_at(i)->info;
        if (info->interface != DRIVE_IF_NONE && !info->claimed) {
            return error_setf(error, "machine type does not support if=%s,bus=%d,unit=%d",
                              interfaces[info->interface].name, info->bus, info->unit);
        }
    }
    return true;
}

/* ---- where ---- */

static bool choose_interface(const DriveOptions *options, DriveInfo *info,
                             DriveInterface default_interface, GError **error)
{
    info->interface = default_interface;
    if (!options->interface) {
        return true;
    }
    for (unsigned i = 0; i < DRIVE_IF_COUNT; i++) {
        if (g_str_equal(interfaces[i].name, options->interface)) {
            info->interface = i;
            return true;
        }
    }
    return error_setf(error, "unsupported bus type '%s'", options->interface);
}

static void next_free_unit(DriveInfo *info, int per_bus)
{
    while (drive_get(info->interface, info->bus, info->unit)) {
        info->unit++;
        if (per_bus && info->unit >= per_bus) {
            info->unit -= per_bus;
            info->bus++;
        }
    }
}

static bool choose_place(const DriveOptions *options, DriveInfo *info, GError **error)
{
    int per_bus = interfaces[info->interface].units_per_bus;

    info->bus = (int)MAX(options->bus, 0);
    info->unit = (int)MAX(options->unit, 0);
    if (options->index >= 0) {
        if (options->bus >= 0 || options->unit >= 0) {
            return error_setf(error, "index cannot be used with bus and unit");
        }
        info->bus = per_bus ? (int)options->index / per_bus : 0;
        info->unit = per_bus ? (int)options->index % per_bus : (int)options->index;
    } else if (options->unit < 0) {
        next_free_unit(info, per_bus);
    }
    if (per_bus && info->unit >= per_bus) {
        return error_setf(error, "unit %d too big (max is %d)", info->unit, per_bus - 1);
    }
    if (drive_get(info->interface, info->bus, info->unit)) {
        return error_setf(error, "drive with bus=%d, unit=%d (index=%d) exists", info->bus,
                          info->unit, info->bus * per_bus + info->unit);
    }
    return true;
}

static bool choose_id(const DriveOptions *options, DriveInfo *info, GError **error)
{
    const InterfaceKind *kind = &interfaces[info->interface];
    const char *media = !kind->units_per_bus ? "" : info->cdrom ? "-cd" : "-hd";

    if (options->id) {
        info->id = g_strdup(options->id);
    } else if (kind->units_per_bus) {
        info->id = g_strdup_printf("%s%d%s%d", kind->name, info->bus, media, info->unit);
    } else {
        info->id = g_strdup_printf("%s%d", kind->name, info->unit);
    }
    if (!block_identifier_valid(info->id)) {
        return error_setf(error,
                          "Parameter 'id' expects an identifier (letters, digits, '-', '.', '_', "
                          "starting with a letter), not '%s'",
                          info->id);
    }
    if (block_backend_find(info->id)) {
        return error_setf(error, "Duplicate ID '%s' for drive", info->id);
    }
    if (block_node_find(info->id)) {
        return error_setf(error, "Device name '%s' conflicts with an existing node name", info->id);
    }
    return true;
}

static bool check_policies(const DriveOptions *options, const DriveInfo *info, GError **error)
{
    if (interfaces[info->interface].has_error_policy) {
        return true;
    }
    if (options->werror) {
        return error_setf(error, "werror is not supported by this bus type");
    }
    if (options->rerror) {
        return error_setf(error, "rerror is not supported by this bus type");
    }
    return true;
}

/* ---- what ---- */

/* Puts the temporary overlay over *@node. */
static bool add_overlay(BlockNode **node, GError **error)
{
    BlockNode *overlay = block_open_overlay(*node, NULL, error);

    if (!overlay) {
        return false;
    }
    overlay->detect_zeroes = (*node)->detect_zeroes;
    block_node_unref(*node);
    *node = overlay;
    return true;
}

static BlockNode *open_node(DriveOptions *options, GError **error)
{
    bool snapshot = (options->snapshot || global_snapshot) && !options->read_only;
    g_autoptr(JsonObject) description = drive_options_describe_node(options, snapshot, error);
    BlockOpenContext context = {.drive_style = true, .path = ""};

    if (!description) {
        return NULL;
    }
    BlockNode *node = block_open(description, &context, error);
    if (node && snapshot && !add_overlay(&node, error)) {
        g_clear_pointer(&node, block_node_unref);
    }
    return node;
}

static bool make_backend(Drive *drive, DriveOptions *options, GError **error)
{
    BlockNode *node = NULL;

    drive->info.has_medium = drive_options_have_medium(options);
    if (drive->info.has_medium) {
        node = open_node(options, error);
        if (!node) {
            return false;
        }
    }
    drive->backend = block_backend_new_drive(drive->info.id, node, error);
    block_node_unref(node);
    if (!drive->backend) {
        return false;
    }
    drive->backend->claimed_by_board = drive->info.interface != DRIVE_IF_NONE;
    drive->backend->write_cache = options->cache_writeback;
    block_backend_set_limits(drive->backend, &options->limits);
    return block_backend_set_error_policy(drive->backend, options->rerror, options->werror, error);
}

static void drive_free(Drive *drive)
{
    if (drive->backend) {
        block_backend_free_drive(drive->backend);
    }
    g_free(drive->info.id);
    g_free(drive);
}

static bool fill_drive(Drive *drive, DriveOptions *options, DriveInterface default_interface,
                       GError **error)
{
    DriveInfo *info = &drive->info;

    info->cdrom = options->cdrom;
    return choose_interface(options, info, default_interface, error) &&
           choose_place(options, info, error) && choose_id(options, info, error) &&
           check_policies(options, info, error) && make_backend(drive, options, error);
}

DriveInfo *drive_add(JsonObject *object, DriveInterface default_interface, GError **error)
{
    g_autoptr(DriveOptions) options = drive_options_read(object, error);

    if (!options) {
        return NULL;
    }
    Drive *drive = g_new0(Drive, 1);
    if (!fill_drive(drive, options, default_interface, error)) {
        drive_free(drive);
        return NULL;
    }
    if (!drives) {
        drives = g_ptr_array_new();
    }
    g_ptr_array_add(drives, drive);
    return &drive->info;
}

bool drive_delete(const char *id, GError **error)
{
    for (unsigned i = 0; i < drive_count(); i++) {
        Drive *drive = drive_at(i);
        if (g_str_equal(drive->info.id, id)) {
            g_ptr_array_remove_index(drives, i);
            block_backend_forget_drive(drive->backend);
            drive->backend = NULL;
            drive_free(drive);
            return true;
        }
    }
    g_set_error(error, xenolith_error_quark(), XENOLITH_ERROR_DEVICE_NOT_FOUND,
                "Device '%s' not found", id);
    return false;
}

void drives_cleanup(void)
{
    for (unsigned i = 0; i < drive_count(); i++) {
        drive_free(drive_at(i));
    }
    g_clear_pointer(&drives, g_ptr_array_unref);
    global_snapshot = false;
}
