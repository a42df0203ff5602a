/*
 * Image locks: open-file-description locks on single bytes of the image tell other processes (ours
 * and QEMU's alike) what is being done with it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_IMAGE_LOCK_H
#define BLOCK_IMAGE_LOCK_H

#include <glib.h>
#include <stdbool.h>

typedef struct {
    int fd;
    unsigned used;     /* permissions whose "used" byte is locked */
    unsigned unshared; /* permissions whose "unshared" byte is locked */
} ImageLock;

/** image_lock_supported: true if the file system of @fd has such locks. */
bool image_lock_supported(int fd);
/**
 * image_lock_set: locks for @permissions and @shared (BLOCK_PERMISSION_*), and gives up the rest.
 * @filename: for the message. False: somebody else's use conflicts; the locks are as before.
 */
bool image_lock_set(ImageLock *lock, const char *filename, unsigned permissions, unsigned shared,
                    GError **error);

#endif
