/*
 * From the block layer's backends to the devices that use them, and back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_BLOCK_DEVICES_H
#define MONITOR_BLOCK_DEVICES_H

#include "block/block_query.h"
#include "hw/core/device.h"

/** block_device_of: the device that uses @backend, or NULL. */
Device *block_device_of(BlockBackend *backend);
/** block_device_path: its id, else its path, else ""; caller frees. */
char *block_device_path(BlockBackend *backend);
/**
 * block_backend_by_names: by -drive id @device or by device id or path @qdev; exactly one is
 * wanted. NULL: @error.
 */
BlockBackend *block_backend_by_names(const char *device, const char *qdev, GError **error);

#endif
