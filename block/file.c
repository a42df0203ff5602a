/*
 * Protocols "file" (regular files) and "host_device" (block and character devices): opening,
 * locking, length, O_DIRECT's alignment.
 *
 * With auto-read-only a file that may not be written opens read-only instead; a device that wants
 * to write it is then refused when it attaches.
 *
 * Source: open(2), statx(2) (STATX_DIOALIGN), linux/fs.h (BLKGETSIZE64, BLKSSZGET).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/file.h"
#include "util/error.h"
#include "util/fdset.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What O_DIRECT needs at most where the kernel does not tell. */
#define DEFAULT_DIRECT_ALIGNMENT 4096
#define MAX_DIRECT_ALIGNMENT     65536

typedef enum {
    AIO_THREADS,
    AIO_NATIVE,
    AIO_IO_URING,
    AIO_DEFAULT,
} AioMode;

static const char *const aio_names[] = {"threads", "native", "io_uring", NULL};

typedef enum {
    LOCKING_AUTO,
    LOCKING_ON,
    LOCKING_OFF,
} LockingMode;

static const char *const locking_names[] = {"auto", "on", "off", NULL};

/* aio-max-batch and drop-cache are hints that change nothing here: batches follow the devices'
 * plugs. */
static const char *const file_options[] = {"filename",      "aio",        "locking",
                                           "aio-max-batch", "drop-cache", NULL};

typedef struct {
    const char *filename;
    int aio, locking;
} FileOptions;

static bool read_options(JsonObject *object, const BlockNode *node, const BlockOpenContext *context,
                         FileOptions *options, GError **error)
{
    g_autoptr(OptionReader) reader = option_reader_new(object, NULL);
    bool drop_cache;
    uint64_t batch;

    options->aio = AIO_DEFAULT;
    if (!option_get_string(reader, "filename", &options->filename, error) ||
        !option_get_enum(reader, "aio", aio_names, &options->aio, error) ||
        !option_get_enum(reader, "locking", locking_names, &options->locking, error) ||
        !option_get_bool(reader, "drop-cache", &drop_cache, error) ||
        !option_get_uint(reader, "aio-max-batch", 0, INT64_MAX, &batch, error)) {
        return false;
    }
    if (!options->filename) {
        return error_setf(error, "Parameter '%sfilename' is missing", context->path);
    }
    if (options->aio == AIO_NATIVE && !node->direct) {
        return error_setf(error, "aio=native was specified, but it requires cache.direct=on, "
                                 "which was not specified.");
    }
    return true;
}

static int open_descriptor(const char *filename, int flags)
{
    if (fdset_is_path(filename)) {
        int lent = fdset_open(filename, flags | O_CLOEXEC);
        return lent < 0 ? -errno : lent;
    }
    /* O_NONBLOCK: a FIFO or an empty drive must not hold us up before we see what it is. */
    int fd = open(filename, flags | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return -errno;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
}

static bool report_open_failure(const BlockNode *node, const char *filename, int errnum,
                                GError **error)
{
    if (errnum == EINVAL && node->direct) {
        int fd = open_descriptor(filename, O_RDONLY);
        if (fd >= 0) {
            close(fd);
            return error_setf(error, "Could not open '%s': filesystem does not support O_DIRECT",
                              filename);
        }
    }
    return error_set_errno(error, errnum, "Could not open '%s'", filename);
}

static bool open_file(BlockNode *node, FileState *file, const char *filename, GError **error)
{
    int direct = node->direct ? O_DIRECT : 0;
    int fd = open_descriptor(filename, direct | (node->read_only ? O_RDONLY : O_RDWR));

    if ((fd == -EACCES || fd == -EROFS || fd == -EPERM) && !node->read_only &&
        node->auto_read_only) {
        int read_only_fd = open_descriptor(filename, direct | O_RDONLY);
        if (read_only_fd >= 0) {
            fd = read_only_fd;
            node->read_only = true;
        }
    }
    if (fd < 0) {
        return report_open_failure(node, filename, -fd, error);
    }
    file->fd = fd;
    return true;
}

static bool check_kind(const BlockNode *node, FileState *file, const char *filename, GError **error)
{
    struct stat status;

    if (fstat(file->fd, &status) < 0) {
        return error_set_errno(error, errno, "Could not stat '%s'", filename);
    }
    file->is_regular = S_ISREG(status.st_mode);
    file->is_block_device = S_ISBLK(status.st_mode);
    if (node->driver == &block_driver_file && !file->is_regular) {
        return error_setf(error, "'file' driver requires '%s' to be a regular file", filename);
    }
    if (node->driver == &block_driver_host_device && !file->is_block_device &&
        !S_ISCHR(status.st_mode)) {
        return error_setf(error,
                          "'host_device' driver requires '%s' to be either a character or block "
                          "device",
                          filename);
    }
    return true;
}

static bool valid_alignment(uint32_t alignment)
{
    return alignment > 0 && alignment <= MAX_DIRECT_ALIGNMENT && (alignment & (alignment - 1)) == 0;
}

static void find_direct_alignment(FileState *file)
{
    file->alignment = file->memory_alignment = DEFAULT_DIRECT_ALIGNMENT;
#ifdef STATX_DIOALIGN
    struct statx status;
    if (statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
        (status.stx_mask & STATX_DIOALIGN) && valid_alignment(status.stx_dio_offset_align) &&
        valid_alignment(status.stx_dio_mem_align)) {
        file->alignment = status.stx_dio_offset_align;
        file->memory_alignment = status.stx_dio_mem_align;
        return;
    }
#endif
    int sector_size;
    if (file->is_block_device && ioctl(file->fd, BLKSSZGET, &sector_size) == 0 && sector_size > 0 &&
        valid_alignment((uint32_t)sector_size)) {
        file->alignment = file->memory_alignment = (uint32_t)sector_size;
    }
}

static bool set_up_locking(FileState *file, const char *filename, int mode, GError **error)
{
    if (mode == LOCKING_OFF) {
        return true;
    }
    file->locking = image_lock_supported(file->fd);
    file->lock.fd = file->fd;
    if (mode == LOCKING_ON && !file->locking) {
        return error_setf(error, "locking=on, but '%s' cannot be locked", filename);
    }
    return true;
}

static bool is_memory(int fd)
{
    struct statfs status;

    return fstatfs(fd, &status) == 0 &&
           (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

static void choose_engine(FileState *file, int aio)
{
    if (aio == AIO_THREADS) {
        file->task_flags |= ENGINE_THREADS;
    }
    if (aio == AIO_IO_URING) {
        BlockEngine *engine = engine_for_context(NULL);
        if (!engine_uses_ring(engine)) {
            report_warning("aio=io_uring: the host does not offer io_uring, using threads");
        }
        engine_unref(engine);
    }
    if (aio == AIO_DEFAULT && file->is_regular && is_memory(file->fd)) {
        file->task_flags |= ENGINE_MEMORY;
    }
}

static bool set_up_file(BlockNode *node, FileState *file, const FileOptions *options,
                        GError **error)
{
    if (!check_kind(node, file, options->filename, error) ||
        !set_up_locking(file, options->filename, options->locking, error)) {
        return false;
    }
    choose_engine(file, options->aio);
    file->alignment = file->memory_alignment = 1;
    if (node->direct) {
        file->task_flags |= ENGINE_DIRECT;
        find_direct_alignment(file);
    }
    node->length = node->driver->length(node);
    return true;
}

static bool file_open(BlockNode *node, JsonObject *object, const BlockOpenContext *context,
                      GError **error)
{
    FileState *file = node->state;
    FileOptions options = {0};

    if (!read_options(object, node, context, &options, error) ||
        !open_file(node, file, options.filename, error)) {
        return false;
    }
    g_free(node->filename);
    node->filename = g_strdup(options.filename);
    if (!set_up_file(node, file, &options, error)) {
        close(file->fd);
        return false;
    }
    pthread_mutex_init(&file->mutex, NULL);
    range_lock_init(&file->ranges);
    return true;
}

static void file_close(BlockNode *node)
{
    FileState *file = node->state;

    close(file->fd); /* and with it the locks */
    range_lock_clear(&file->ranges);
    pthread_mutex_destroy(&file->mutex);
}

uint64_t file_length(const FileState *file)
{
    uint64_t bytes;
    struct stat status;

    if (file->is_block_device) {
        return ioctl(file->fd, BLKGETSIZE64, &bytes) == 0 ? bytes : 0;
    }
    if (fstat(file->fd, &status) < 0) {
        return 0;
    }
    if (file->is_regular) {
        return (uint64_t)status.st_size;
    }
    off_t end = lseek(file->fd, 0, SEEK_END);
    return end > 0 ? (uint64_t)end : 0;
}

/* A last sector that is not whole counts as one. */
static uint64_t file_node_length(BlockNode *node)
{
    uint64_t length = file_length(node->state);
    uint64_t tail = length % BLOCK_SECTOR_SIZE;

    return tail ? length + (BLOCK_SECTOR_SIZE - tail) : length;
}

static bool file_set_permissions(BlockNode *node, unsigned permissions, unsigned shared,
                                 GError **error)
{
    FileState *file = node->state;

    return !file->locking ||
           image_lock_set(&file->lock, node->filename, permissions, shared, error);
}

static uint32_t file_request_alignment(BlockNode *node)
{
    return ((FileState *)node->state)->alignment;
}

#define FILE_DRIVER(its_name)                                                                      \
    {                                                                                              \
        .name = its_name, .is_protocol = true, .options = file_options,                            \
        .state_size = sizeof(FileState), .open = file_open, .close = file_close,                   \
        .length = file_node_length, .submit = file_submit,                                         \
        .set_permissions = file_set_permissions, .request_alignment = file_request_alignment,      \
    }

const BlockDriver block_driver_file = FILE_DRIVER("file");
const BlockDriver block_driver_host_device = FILE_DRIVER("host_device");
