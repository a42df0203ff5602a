/*
 * The options of one -drive, read and checked, and the node they describe.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_DRIVE_OPTIONS_H
#define BLOCK_DRIVE_OPTIONS_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "block/throttle.h"

typedef struct {
    JsonObject *rest; /* flat; what -drive itself does not know goes to the node */
    char *file, *driver, *id, *interface, *werror, *rerror, *aio, *discard;
    int64_t index, bus, unit; /* -1: not given */
    bool cdrom, read_only, snapshot;
    bool cache_writeback, cache_direct, cache_no_flush;
    ThrottleLimits limits;
} DriveOptions;

/** drive_options_read: @object as options_parse() made it, dots nested or not. NULL: *@error names
 * the option. */
DriveOptions *drive_options_read(JsonObject *object, GError **error);
void drive_options_free(DriveOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DriveOptions, drive_options_free)

/** drive_options_have_medium: false: a drive without a file. */
bool drive_options_have_medium(const DriveOptions *options);
/**
 * drive_options_describe_node: options for block_open(), in -drive's style.
 * @as_base: the node is only read, under an overlay
 */
JsonObject *drive_options_describe_node(const DriveOptions *options, bool as_base, GError **error);

#endif
