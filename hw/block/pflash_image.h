/*
 * The image behind a flash chip: read whole at the start; what the guest changes goes to the image
 * in the background, one request at a time, and is flushed when the last of it is written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_PFLASH_IMAGE_H
#define HW_BLOCK_PFLASH_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

typedef struct PflashImage PflashImage;

/**
 * pflash_image_new: takes the image @drive (a -drive id or a node name), for writing if it may be
 * written, and fills the chip's memory from it.
 * @owner: the device's type, for errors; @name: the chip's name
 * @storage: @size bytes (a multiple of 512) that stay where they are as long as the image
 * NULL: the drive is not there or in use, cannot be read, or is not @size bytes long
 */
PflashImage *pflash_image_new(const char *drive, const char *owner, const char *name,
                              uint8_t *storage, uint64_t size, GError **error);
/** pflash_image_free: waits until everything is written. NULL: nothing happens. */
void pflash_image_free(PflashImage *image);

bool pflash_image_is_read_only(const PflashImage *image);
/** pflash_image_changed: @length bytes of the storage from @offset on go to the image. Machine lock
 * held. */
void pflash_image_changed(PflashImage *image, uint64_t offset, uint64_t length);
/** pflash_image_take_failure: true once after a write to the image failed. */
bool pflash_image_take_failure(PflashImage *image);

#endif
