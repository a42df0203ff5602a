/*
 * The image behind a flash chip: see the header. A guest programs byte by byte; while one write is
 * on its way the next changes add up to one range, so that the host sees few requests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/block/pflash_image.h"

#include <string.h>

#include "block/block.h"
#include "util/log.h"

#define SECTOR_SIZE UINT64_C(512)

struct PflashImage {
    BlockBackend *backend;
    uint8_t *storage;
    uint64_t size;
    uint8_t *copy;       /* of what is being written: the guest may go on */
    uint64_t first, end; /* changed and not yet on its way; equal: nothing */
    bool read_only, busy, failed;
};

static BlockBackend *attach(const char *drive, const char *owner, GError **error)
{
    BlockBackend *backend =
        block_backend_attach(drive, owner, (BlockPermissions){.write = false}, error);

    if (!backend || block_backend_is_read_only(backend)) {
        return backend;
    }
    block_backend_detach(backend);
    return block_backend_attach(drive, owner, (BlockPermissions){.write = true}, error);
}

static bool read_all(PflashImage *image, const char *name, GError **error)
{
    uint64_t length = block_backend_length(image->backend);
    int result;

    if (length != image->size) {
        return error_setf(error,
                          "device '%s' requires %" G_GUINT64_FORMAT " bytes, block backend '%s' "
                          "provides %" G_GUINT64_FORMAT " bytes",
                          name, image->size, block_backend_name(image->backend), length);
    }
    result = block_pread(image->backend, 0, image->storage, image->size);
    return result >= 0 || error_set_errno(error, -result, "can't read block backend '%s'",
                                          block_backend_name(image->backend));
}

PflashImage *pflash_image_new(const char *drive, const char *owner, const char *name,
                              uint8_t *storage, uint64_t size, GError **error)
{
    BlockBackend *backend = attach(drive, owner, error);
    PflashImage *image;

    if (!backend) {
        return NULL;
    }
    image = g_new0(PflashImage, 1);
    image->backend = backend;
    image->storage = storage;
    image->size = size;
    image->read_only = block_backend_is_read_only(backend);
    if (!read_all(image, name, error)) {
        pflash_image_free(image);
        return NULL;
    }
    return image;
}

void pflash_image_free(PflashImage *image)
{
    if (image) {
        block_backend_detach(image->backend);
        g_free(image->copy);
        g_free(image);
    }
}

bool pflash_image_is_read_only(const PflashImage *image)
{
    return image->read_only;
}

bool pflash_image_take_failure(PflashImage *image)
{
    bool failed = image->failed;

    image->failed = false;
    return failed;
}

/* ---- writing ---- */

static void finished(void *opaque, int result);

static void write_next(PflashImage *image)
{
    uint64_t first = image->first, length = image->end - image->first;
    struct iovec vector;

    image->copy = g_realloc(image->copy, length);
    memcpy(image->copy, image->storage + first, length);
    vector = (struct iovec){.iov_base = image->copy, .iov_len = length};
    image->first = image->end = 0;
    image->busy = true;
    block_writev(image->backend, first, &vector, 1, 0, finished, image);
}

static void flushed(void *opaque, int result)
{
    PflashImage *image = opaque;

    image->busy = false;
    if (result < 0) {
        image->failed = true;
        report_error("Could not update PFLASH: %s", g_strerror(-result));
    }
    if (image->end > image->first) {
        write_next(image);
    }
}

static void finished(void *opaque, int result)
{
    PflashImage *image = opaque;

    if (result < 0) {
        flushed(image, result);
    } else if (image->end > image->first) {
        write_next(image);
    } else {
        block_flush(image->backend, flushed, image);
    }
}

void pflash_image_changed(PflashImage *image, uint64_t offset, uint64_t length)
{
    uint64_t first = offset & ~(SECTOR_SIZE - 1);
    uint64_t end = (offset + length + SECTOR_SIZE - 1) & ~(SECTOR_SIZE - 1);

    if (image->read_only || length == 0) {
        return;
    }
    g_assert(end <= image->size);
    image->first = image->end == 0 ? first : MIN(image->first, first);
    image->end = MAX(image->end, end);
    if (!image->busy) {
        write_next(image);
    }
}
