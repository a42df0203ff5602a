/*
 * What the block tests share: a folder of image files, drives from option text, requests that are
 * waited for on the main loop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_BLOCK_FIXTURE_H
#define TESTS_UNIT_BLOCK_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/block.h"
#include "block/engine.h"
#include "util/machine_lock.h"
#include "util/options.h"

static char *folder;

static inline void fixture_start(void)
{
    machine_lock();
    folder = g_dir_make_tmp("block-XXXXXX", NULL);
    g_assert_nonnull(folder);
    g_assert_cmpint(chdir(folder), ==, 0);
}

static inline void fixture_end(void)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_unlink(name);
    }
    g_clear_pointer(&dir, g_dir_close);
    g_assert_cmpint(chdir("/"), ==, 0);
    g_rmdir(folder);
    g_free(folder);
    machine_unlock();
}

/* An image whose byte i is pattern(i). */
static inline uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / 512 + 1);
}

static inline void make_image(const char *name, uint64_t size)
{
    g_autofree uint8_t *bytes = g_malloc(size + 1);

    for (uint64_t i = 0; i < size; i++) {
        bytes[i] = pattern(i);
    }
    g_assert_true(g_file_set_contents(name, (const char *)bytes, (gssize)size, NULL));
}

static inline void make_sparse(const char *name, uint64_t size)
{
    g_assert_true(g_file_set_contents(name, "", 0, NULL));
    g_assert_cmpint(truncate(name, (off_t)size), ==, 0);
}

static inline uint64_t image_size(const char *name)
{
    struct stat status;

    g_assert_cmpint(stat(name, &status), ==, 0);
    return (uint64_t)status.st_size;
}

/* The text of what goes wrong with these options, or NULL if nothing does. */
static inline char *drive_error(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) options = options_parse(text, NULL, &error);

    if (options) {
        drive_add(options, DRIVE_IF_IDE, &error);
    }
    return error ? g_strdup(error->message) : NULL;
}

static inline char *node_error(const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) options = options_parse(text, NULL, &error);

    if (options) {
        block_node_add(options, &error);
    }
    return error ? g_strdup(error->message) : NULL;
}

static inline void add_drive(const char *text)
{
    g_autofree char *message = drive_error(text);
    g_assert_cmpstr(message, ==, NULL);
}

static inline void add_node(const char *text)
{
    g_autofree char *message = node_error(text);
    g_assert_cmpstr(message, ==, NULL);
}

#define WRITER ((BlockPermissions){.write = true, .resize = true})
#define READER ((BlockPermissions){.resize = true})

static inline BlockBackend *attach(const char *name, BlockPermissions permissions)
{
    GError *error = NULL;
    BlockBackend *backend = block_backend_attach(name, "ide-hd", permissions, &error);

    g_assert_no_error(error);
    return backend;
}

static inline char *attach_error(const char *name, BlockPermissions permissions)
{
    g_autoptr(GError) error = NULL;
    BlockBackend *backend = block_backend_attach(name, "ide-hd", permissions, &error);

    g_assert_true(!backend == !!error);
    return error ? g_strdup(error->message) : NULL;
}

/* A drive "d" of these options with a writing device. */
static inline BlockBackend *open_drive(const char *text)
{
    g_autofree char *options = g_strdup_printf("%s,if=none,id=d", text);

    add_drive(options);
    return attach("d", WRITER);
}

static inline void close_all(BlockBackend *backend)
{
    block_backend_detach(backend);
    block_cleanup();
}

/* ---- requests ---- */

typedef struct {
    bool finished;
    int result;
} Waiter;

static inline void note_result(void *opaque, int result)
{
    Waiter *waiter = opaque;

    g_assert_false(waiter->finished);
    waiter->finished = true;
    waiter->result = result;
}

static inline int wait_result(Waiter *waiter)
{
    while (!waiter->finished) {
        g_main_context_iteration(NULL, TRUE);
    }
    return waiter->result;
}

static inline int do_read(BlockBackend *backend, uint64_t offset, void *buffer, size_t length)
{
    Waiter waiter = {false, 0};
    struct iovec vector = {buffer, length};

    block_readv(backend, offset, &vector, 1, note_result, &waiter);
    g_assert_false(waiter.finished);
    return wait_result(&waiter);
}

static inline int do_write(BlockBackend *backend, uint64_t offset, const void *buffer,
                           size_t length, BlockWriteFlags flags)
{
    Waiter waiter = {false, 0};
    struct iovec vector = {(void *)(uintptr_t)buffer, length};

    block_writev(backend, offset, &vector, 1, flags, note_result, &waiter);
    g_assert_false(waiter.finished);
    return wait_result(&waiter);
}

static inline int do_zeroes(BlockBackend *backend, uint64_t offset, uint64_t length,
                            BlockWriteFlags flags)
{
    Waiter waiter = {false, 0};

    block_write_zeroes(backend, offset, length, flags, note_result, &waiter);
    g_assert_false(waiter.finished);
    return wait_result(&waiter);
}

static inline int do_discard(BlockBackend *backend, uint64_t offset, uint64_t length)
{
    Waiter waiter = {false, 0};

    block_discard(backend, offset, length, note_result, &waiter);
    g_assert_false(waiter.finished);
    return wait_result(&waiter);
}

static inline int do_flush(BlockBackend *backend)
{
    Waiter waiter = {false, 0};

    block_flush(backend, note_result, &waiter);
    g_assert_false(waiter.finished);
    return wait_result(&waiter);
}

static inline bool all_bytes(const uint8_t *bytes, size_t length, uint8_t value)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static inline bool all_pattern(const uint8_t *bytes, uint64_t offset, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != pattern(offset + i)) {
            return false;
        }
    }
    return true;
}

/* ---- the same test on both engines ---- */

static inline void on_ring(gconstpointer test)
{
    engine_disable_ring(false);
    ((void (*)(void))test)();
}

static inline void on_threads(gconstpointer test)
{
    engine_disable_ring(true);
    ((void (*)(void))test)();
    engine_disable_ring(false);
}

static inline void add_on_both(const char *path, void (*test)(void))
{
    g_autofree char *ring = g_strdup_printf("%s/ring", path);
    g_autofree char *threads = g_strdup_printf("%s/threads", path);

    g_test_add_data_func(ring, (gconstpointer)test, on_ring);
    g_test_add_data_func(threads, (gconstpointer)test, on_threads);
}

#endif
