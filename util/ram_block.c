/*
 * RAM blocks: guest memory as the host maps it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/bytes.h"
#include "util/error.h"
#include "util/memory.h"

/* Transparent huge pages need host and guest addresses that agree modulo this. */
#define HUGE_PAGE_SIZE (2 * MiB)

struct RamBlock {
    atomic_int references;
    char *name;
    uint8_t *host;
    uint64_t size;
    void *reservation;
    size_t reservation_size;
    int fd;
};

static GPtrArray *blocks; /* of RamBlock, in the order they were made */

static int ram_block_open(const RamBlockConfig *config, GError **error)
{
    int fd;

    if (config->path) {
        fd = open(config->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) {
            error_set_errno(error, errno, "can't open backing store %s for guest RAM", config->path);
            return -1;
        }
    } else {
        fd = memfd_create(config->name, MFD_CLOEXEC);
        if (fd < 0) {
            error_set_errno(error, errno, "failed to create memfd");
            return -1;
        }
    }
    if (ftruncate(fd, (off_t)config->size) < 0) {
        error_set_errno(error, errno, "cannot resize guest RAM '%s'", config->name);
        close(fd);
        return -1;
    }
    return fd;
}

/* Maps @block's memory at a huge-page boundary inside a larger reservation. */
static bool ram_block_map(RamBlock *block, bool share, GError **error)
{
    int flags = MAP_FIXED | (share ? MAP_SHARED : MAP_PRIVATE);
    uintptr_t start;

    block->reservation_size = block->size + HUGE_PAGE_SIZE;
    block->reservation = mmap(NULL, block->reservation_size, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block->reservation == MAP_FAILED) {
        return error_set_errno(error, errno, "cannot set up guest memory '%s'", block->name);
    }
    start = ((uintptr_t)block->reservation + HUGE_PAGE_SIZE - 1) & ~(uintptr_t)(HUGE_PAGE_SIZE - 1);
    if (block->fd < 0) {
        flags |= MAP_ANONYMOUS;
    }
    block->host =
        mmap((void *)start, block->size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, block->fd, 0);
    if (block->host == MAP_FAILED) {
        int saved_errno = errno;
        munmap(block->reservation, block->reservation_size);
        return error_set_errno(error, saved_errno, "cannot set up guest memory '%s'", block->name);
    }
    return true;
}

static bool ram_block_preallocate(RamBlock *block, GError **error)
{
    if (madvise(block->host, block->size, MADV_POPULATE_WRITE) == 0) {
        return true;
    }
    if (errno != EINVAL) {
        return error_set_errno(error, errno, "cannot preallocate guest memory '%s'", block->name);
    }
    for (uint64_t offset = 0; offset < block->size; offset += 4096) {
        ((volatile uint8_t *)block->host)[offset] = 0;
    }
    return true;
}

static void ram_block_advise(RamBlock *block, const RamBlockConfig *config)
{
    /* All of these are hints: a kernel without the feature is no error. */
    if (block->size >= HUGE_PAGE_SIZE) {
        madvise(block->host, block->size, MADV_HUGEPAGE);
    }
    madvise(block->host, block->size, MADV_DONTFORK);
    if (config->merge) {
        madvise(block->host, block->size, MADV_MERGEABLE);
    }
    if (!config->dump) {
        madvise(block->host, block->size, MADV_DONTDUMP);
    }
}

static void ram_block_free(RamBlock *block)
{
    if (blocks) {
        g_ptr_array_remove(blocks, block);
    }
    if (block->reservation) {
        munmap(block->reservation, block->reservation_size);
    }
    if (block->fd >= 0) {
        close(block->fd);
    }
    g_free(block->name);
    g_free(block);
}

RamBlock *ram_block_new(const RamBlockConfig *config, GError **error)
{
    RamBlock *block = g_new0(RamBlock, 1);

    atomic_init(&block->references, 1);
    block->name = g_strdup(config->name);
    block->size = config->size;
    block->fd = -1;
    if (config->memfd || config->path) {
        block->fd = ram_block_open(config, error);
        if (block->fd < 0) {
            ram_block_free(block);
            return NULL;
        }
    }
    if (!ram_block_map(block, config->share, error)) {
        block->reservation = NULL;
        ram_block_free(block);
        return NULL;
    }
    ram_block_advise(block, config);
    if (config->prealloc && !ram_block_preallocate(block, error)) {
        ram_block_free(block);
        return NULL;
    }
    if (!blocks) {
        blocks = g_ptr_array_new();
    }
    g_ptr_array_add(blocks, block);
    return block;
}

RamBlock *ram_block_ref(RamBlock *block)
{
    atomic_fetch_add(&block->references, 1);
    return block;
}

void ram_block_unref(RamBlock *block)
{
    if (block && atomic_fetch_sub(&block->references, 1) == 1) {
        ram_block_free(block);
    }
}

void *ram_block_host(RamBlock *block)
{
    return block->host;
}

uint64_t ram_block_size(const RamBlock *block)
{
    return block->size;
}

const char *ram_block_name(const RamBlock *block)
{
    return block->name;
}

int ram_block_fd(const RamBlock *block)
{
    return block->fd;
}

bool ram_block_discard(RamBlock *block, uint64_t offset, uint64_t length)
{
    bool done;

    if (offset > block->size || length > block->size - offset) {
        return false;
    }
    if (block->fd >= 0) {
        done = fallocate(block->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                         (off_t)length) == 0;
    } else {
        done = madvise(block->host + offset, length, MADV_DONTNEED) == 0;
    }
    ram_dirty_mark(block->host + offset, length);
    return done;
}

void ram_block_foreach(void (*visit)(RamBlock *block, void *opaque), void *opaque)
{
    for (guint i = 0; blocks && i < blocks->len; i++) {
        visit(g_ptr_array_index(blocks, i), opaque);
    }
}
