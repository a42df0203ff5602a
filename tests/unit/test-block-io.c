/*
 * What a guest may rely on: data round trips in every cache mode on both engines, odd sizes, files
 * that shrink or cannot grow, zeroes and discards, overlays, draining, throttling, statistics,
 * error policies.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block-fixture.h"

#include "block/node.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define SIZE (1 << 20)

/* ---- round trips ---- */

static bool folder_has_direct(void)
{
    make_sparse("probe", 4096);
    int fd = open("probe", O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

static void round_trip(const char *options)
{
    g_autofree uint8_t *out = g_malloc(65536), *in = g_malloc(65536);
    uint8_t sector[512];

    make_image("a", SIZE);
    BlockBackend *backend = open_drive(options);
    g_assert_cmpuint(block_backend_length(backend), ==, SIZE);
    g_assert_cmpint(do_read(backend, 512, in, 65536), ==, 0);
    g_assert_true(all_pattern(in, 512, 65536));
    memset(out, 0xa5, 65536);
    g_assert_cmpint(do_write(backend, 4096, out, 65536, 0), ==, 0);
    memset(out, 0x5a, 512);
    g_assert_cmpint(do_write(backend, 512 * 21, out, 512, BLOCK_WRITE_FUA), ==, 0);
    g_assert_cmpint(do_flush(backend), ==, 0);
    g_assert_cmpint(do_flush(backend), ==, 0);
    g_assert_cmpint(do_read(backend, 4096, in, 65536), ==, 0);
    memset(out, 0xa5, 512);
    memset(out + 512 * 21 - 4096, 0x5a, 512);
    g_assert_cmpmem(in, 65536, out, 65536);
    g_assert_cmpint(do_zeroes(backend, 8192, 8192, 0), ==, 0);
    g_assert_cmpint(do_zeroes(backend, 20480, 512, BLOCK_WRITE_FUA), ==, 0);
    g_assert_cmpint(do_discard(backend, 32768, 4096), ==, 0);
    g_assert_cmpint(do_read(backend, 4096, in, 24576), ==, 0);
    g_assert_true(all_bytes(in, 4096, 0xa5) && all_bytes(in + 4096, 8192, 0));
    g_assert_true(all_bytes(in + 16384, 512, 0) && all_bytes(in + 16896, 1024, 0xa5));
    g_assert_cmpint(block_pread(backend, SIZE - 512, sector, 512), ==, 0);
    g_assert_true(all_pattern(sector, SIZE - 512, 512));
    close_all(backend);
    g_assert_cmpuint(image_size("a"), ==, SIZE);
}

static void test_round_trip_in_every_cache_mode(void)
{
    static const char *const modes[] = {"writeback", "writethrough", "unsafe", "none",
                                        "directsync"};
    bool direct = folder_has_direct();

    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *options = g_strdup_printf("file=a,format=raw,cache=%s", modes[i]);
        if (i < 3 || direct) {
            round_trip(options);
        }
    }
    round_trip("file=a,format=raw,discard=unmap,detect-zeroes=unmap");
    round_trip("file=a,format=raw,aio=threads");
    round_trip("file=a,format=raw,snapshot=on");
}

/* Offsets, lengths and memory that O_DIRECT would refuse. */
static void test_direct_takes_any_alignment(void)
{
    g_autofree uint8_t *model = g_malloc(SIZE), *buffer = g_malloc(40000);

    if (!folder_has_direct()) {
        g_test_skip("no O_DIRECT on this file system");
        return;
    }
    make_image("a", SIZE);
    BlockBackend *backend = open_drive("file=a,format=raw,cache=none");
    g_assert_cmpuint(block_backend_request_alignment(backend), >, 1);
    for (unsigned i = 0; i < SIZE; i++) {
        model[i] = pattern(i);
    }
    for (unsigned round = 0; round < 60; round++) {
        uint64_t offset = (uint64_t)g_test_rand_int_range(0, SIZE - 33000);
        size_t length = (size_t)g_test_rand_int_range(1, 33000);
        uint8_t *memory = buffer + round % 7;
        if (round % 2) {
            memset(memory, (int)round, length);
            memset(model + offset, (int)round, length);
            g_assert_cmpint(do_write(backend, offset, memory, length, 0), ==, 0);
        }
        g_assert_cmpint(do_read(backend, offset, memory, length), ==, 0);
        g_assert_cmpmem(memory, length, model + offset, length);
    }
    close_all(backend);
    g_autofree char *contents = NULL;
    gsize length;
    g_assert_true(g_file_get_contents("a", &contents, &length, NULL));
    g_assert_cmpmem(contents, length, model, SIZE);
}

/* Many writes of parts of one block at once: none may undo another. */
static void test_direct_writes_into_one_block(void)
{
    enum { COUNT = 64 };
    uint8_t bytes[COUNT * 8];
    struct iovec vectors[COUNT];
    Waiter waiters[COUNT] = {{false, 0}};

    if (!folder_has_direct()) {
        g_test_skip("no O_DIRECT on this file system");
        return;
    }
    make_sparse("a", 4096);
    BlockBackend *backend = open_drive("file=a,format=raw,cache=none");
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
    block_plug();
    for (unsigned i = 0; i < COUNT; i++) {
        vectors[i] = (struct iovec){bytes + i * 8, 8};
        block_writev(backend, i * 8, &vectors[i], 1, 0, note_result, &waiters[i]);
    }
    block_unplug();
    for (unsigned i = 0; i < COUNT; i++) {
        g_assert_cmpint(wait_result(&waiters[i]), ==, 0);
    }
    uint8_t in[sizeof(bytes)];
    g_assert_cmpint(do_read(backend, 0, in, sizeof(in)), ==, 0);
    g_assert_cmpmem(in, sizeof(in), bytes, sizeof(bytes));
    close_all(backend);
}

/* ---- bounds and odd files ---- */

static void test_bounds(void)
{
    uint8_t sector[512] = {0};

    make_image("a", SIZE);
    BlockBackend *backend = open_drive("file=a,format=raw");
    g_assert_cmpint(do_read(backend, SIZE, sector, 512), ==, -EIO);
    g_assert_cmpint(do_read(backend, SIZE - 256, sector, 512), ==, -EIO);
    g_assert_cmpint(do_read(backend, UINT64_MAX - 100, sector, 512), ==, -EIO);
    g_assert_cmpint(do_write(backend, SIZE, sector, 512, 0), ==, -EIO);
    g_assert_cmpint(do_zeroes(backend, 0, UINT64_MAX, 0), ==, -EIO);
    g_assert_cmpint(do_discard(backend, SIZE - 512, 1024), ==, -EIO);
    g_assert_cmpint(do_read(backend, SIZE, sector, 0), ==, 0);
    struct iovec endless[] = {{sector, SIZE_MAX}, {sector, 512}};
    Waiter waiter = {false, 0};
    block_readv(backend, 0, endless, 2, note_result, &waiter);
    g_assert_cmpint(wait_result(&waiter), ==, -EIO);
    close_all(backend);
    g_assert_cmpuint(image_size("a"), ==, SIZE);
}

static void odd_size(const char *options)
{
    uint8_t sector[512], out[512];

    make_image("a", 512 * 3 + 100);
    BlockBackend *backend = open_drive(options);
    g_assert_cmpuint(block_backend_length(backend), ==, 512 * 4);
    memset(sector, 0xff, 512);
    g_assert_cmpint(do_read(backend, 512 * 3, sector, 512), ==, 0);
    g_assert_true(all_pattern(sector, 512 * 3, 100) && all_bytes(sector + 100, 412, 0));
    g_assert_cmpint(do_read(backend, 512 * 4, sector, 512), ==, -EIO);
    memset(out, 0x77, 512);
    g_assert_cmpint(do_write(backend, 512 * 3, out, 512, 0), ==, 0);
    g_assert_cmpint(do_read(backend, 512 * 3, sector, 512), ==, 0);
    g_assert_cmpmem(sector, 512, out, 512);
    close_all(backend);
    g_assert_cmpuint(image_size("a"), ==, 512 * 4);
}

static void test_last_sector_that_is_not_whole(void)
{
    odd_size("file=a,format=raw");
    odd_size("file=a,format=raw,aio=threads");
    if (folder_has_direct()) {
        odd_size("file=a,format=raw,cache=none");
    }
}

static void truncated(const char *options)
{
    g_autofree uint8_t *buffer = g_malloc(8192);

    make_image("a", SIZE);
    BlockBackend *backend = open_drive(options);
    g_assert_cmpint(truncate("a", 6144), ==, 0);
    g_assert_cmpuint(block_backend_length(backend), ==, 6144);
    g_assert_cmpint(do_read(backend, 0, buffer, 4096), ==, 0);
    g_assert_true(all_pattern(buffer, 0, 4096));
    g_assert_cmpint(do_read(backend, 4096, buffer, 4096), ==, -EIO);
    g_assert_cmpint(do_read(backend, 65536, buffer, 4096), ==, -EIO);
    g_assert_cmpint(truncate("a", 4096 + 100), ==, 0);
    g_assert_cmpint(do_read(backend, 4096, buffer, 512), ==, 0);
    g_assert_true(all_pattern(buffer, 4096, 100) && all_bytes(buffer + 100, 412, 0));
    g_assert_cmpint(do_read(backend, 4096, buffer, 1024), ==, -EIO);
    memset(buffer, 3, 4096);
    g_assert_cmpint(do_write(backend, 65536, buffer, 4096, 0), ==, 0);
    g_assert_cmpint(do_read(backend, 65536, buffer, 4096), ==, 0);
    close_all(backend);
}

static void test_file_truncated_under_the_guest(void)
{
    truncated("file=a,format=raw");
    truncated("file=a,format=raw,aio=threads");
    if (folder_has_direct()) {
        truncated("file=a,format=raw,cache=none");
    }
}

static void test_window_of_a_file(void)
{
    uint8_t sector[512];

    make_image("a", SIZE);
    BlockBackend *backend = open_drive("file=a,format=raw,offset=1024,size=4096");
    g_assert_cmpuint(block_backend_length(backend), ==, 4096);
    g_assert_cmpint(do_read(backend, 3584, sector, 512), ==, 0);
    g_assert_true(all_pattern(sector, 1024 + 3584, 512));
    g_assert_cmpint(do_read(backend, 4096, sector, 512), ==, -EIO);
    close_all(backend);
}

/* A write that a file size limit stops is an error of that write: no signal ends the process. */
static void file_size_limit(void)
{
    struct rlimit limit = {.rlim_cur = SIZE, .rlim_max = RLIM_INFINITY};
    uint8_t sector[512] = {1};

    fixture_start();
    make_sparse("a", 4 * SIZE);
    BlockBackend *backend = open_drive("file=a,format=raw");
    g_assert_cmpint(setrlimit(RLIMIT_FSIZE, &limit), ==, 0);
    g_assert_cmpint(do_write(backend, 2 * SIZE, sector, 512, 0), ==, -EFBIG);
    g_assert_cmpint(do_write(backend, 0, sector, 512, 0), ==, 0);
    close_all(backend);
    fixture_end();
}

static void test_file_size_limit(void)
{
    if (g_test_subprocess()) {
        file_size_limit();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

static void fill_small_file_system(void)
{
    g_autofree uint8_t *buffer = g_malloc(SIZE);
    int result = 0;

    memset(buffer, 9, SIZE);
    g_assert_cmpint(chdir("small"), ==, 0);
    make_sparse("a", 16 * SIZE);
    BlockBackend *backend = open_drive("file=a,format=raw");
    for (unsigned i = 0; i < 16 && result == 0; i++) {
        result = do_write(backend, (uint64_t)i * SIZE, buffer, SIZE, 0);
    }
    g_assert_cmpint(result, ==, -ENOSPC);
    g_assert_cmpint(do_read(backend, 0, buffer, SIZE), ==, 0);
    g_assert_true(all_bytes(buffer, SIZE, 9));
    close_all(backend);
}

static void full_file_system(void)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        g_printerr("skipped\n");
        return;
    }
    fixture_start();
    g_assert_cmpint(mkdir("small", 0700), ==, 0);
    g_assert_cmpint(mount("small", "small", "tmpfs", 0, "size=4M"), ==, 0);
    fill_small_file_system();
    g_assert_cmpint(chdir(folder), ==, 0);
    umount2("small", MNT_DETACH);
    rmdir("small");
    fixture_end();
}

static void test_full_file_system(void)
{
    if (g_test_subprocess()) {
        full_file_system();
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

/* ---- zeroes ---- */

static uint64_t allocated_bytes(const char *name)
{
    struct stat status;

    sync();
    g_assert_cmpint(stat(name, &status), ==, 0);
    return (uint64_t)status.st_blocks * 512;
}

static void test_discard_and_zeroes_give_space_back(void)
{
    g_autofree uint8_t *zeroes = g_malloc0(SIZE / 2);

    make_image("a", SIZE);
    uint64_t full = allocated_bytes("a");
    BlockBackend *backend = open_drive("file=a,format=raw");
    g_assert_cmpint(do_discard(backend, 0, SIZE / 2), ==, 0);
    g_assert_cmpint(do_zeroes(backend, 0, SIZE / 4, BLOCK_WRITE_MAY_UNMAP), ==, 0);
    g_assert_cmpuint(allocated_bytes("a"), ==, full);
    close_all(backend);
    make_image("a", SIZE);
    backend = open_drive("file=a,format=raw,discard=unmap,detect-zeroes=unmap");
    g_assert_cmpint(do_discard(backend, 0, SIZE / 2), ==, 0);
    uint64_t half = allocated_bytes("a");
    g_assert_cmpuint(half, <, full);
    g_assert_cmpint(do_write(backend, SIZE / 2, zeroes, SIZE / 2, 0), ==, 0);
    g_assert_cmpuint(allocated_bytes("a"), <, half);
    close_all(backend);
    g_assert_cmpuint(image_size("a"), ==, SIZE);
}

/* ---- overlay ---- */

static void test_overlay_keeps_the_image(void)
{
    g_autofree uint8_t *model = g_malloc(SIZE), *buffer = g_malloc(70000);

    make_image("a", SIZE - 1000);
    for (unsigned i = 0; i < SIZE; i++) {
        model[i] = i < SIZE - 1000 ? pattern(i) : 0;
    }
    BlockBackend *backend = open_drive("file=a,format=raw,snapshot=on");
    g_assert_false(block_backend_is_read_only(backend));
    uint64_t length = block_backend_length(backend);
    g_assert_cmpuint(length, ==, SIZE - 512);
    for (unsigned round = 0; round < 300; round++) {
        size_t size = (size_t)g_test_rand_int_range(1, round % 3 ? 3000 : 66000);
        uint64_t offset = (uint64_t)g_test_rand_int_range(0, (int)(length - size));
        if (round % 5 == 0) {
            memset(model + offset, 0, size);
            g_assert_cmpint(do_zeroes(backend, offset, size, 0), ==, 0);
        } else if (round % 2) {
            memset(buffer, (int)round, size);
            memset(model + offset, (int)round, size);
            g_assert_cmpint(do_write(backend, offset, buffer, size, 0), ==, 0);
        }
        g_assert_cmpint(do_read(backend, offset, buffer, size), ==, 0);
        g_assert_cmpmem(buffer, size, model + offset, size);
    }
    g_assert_cmpint(do_flush(backend), ==, 0);
    close_all(backend);
    g_autofree char *contents = NULL;
    gsize size;
    g_assert_true(g_file_get_contents("a", &contents, &size, NULL));
    g_assert_cmpuint(size, ==, SIZE - 1000);
    g_assert_true(all_pattern((uint8_t *)contents, 0, size));
}

static void test_global_snapshot(void)
{
    uint8_t sector[512] = {1};

    make_image("a", SIZE);
    drive_set_global_snapshot(true);
    BlockBackend *backend = open_drive("file=a,format=raw");
    g_assert_cmpint(do_write(backend, 0, sector, 512, 0), ==, 0);
    close_all(backend);
    g_autofree char *contents = NULL;
    g_assert_true(g_file_get_contents("a", &contents, NULL, NULL));
    g_assert_true(all_pattern((uint8_t *)contents, 0, 512));
}

/* Parts of one absent cluster written at once: each survives. */
static void test_overlay_writes_into_one_cluster(void)
{
    enum { COUNT = 8 };
    uint8_t bytes[COUNT][512], in[4096];
    struct iovec vectors[COUNT];
    Waiter waiters[COUNT] = {{false, 0}};

    make_image("a", 8192);
    BlockBackend *backend = open_drive("file=a,format=raw,snapshot=on");
    for (unsigned i = 0; i < COUNT; i += 2) {
        memset(bytes[i], 0x40 + (int)i, 512);
        vectors[i] = (struct iovec){bytes[i], 512};
        block_writev(backend, 4096 + i * 512, &vectors[i], 1, 0, note_result, &waiters[i]);
    }
    for (unsigned i = 0; i < COUNT; i += 2) {
        g_assert_cmpint(wait_result(&waiters[i]), ==, 0);
    }
    g_assert_cmpint(do_read(backend, 4096, in, 4096), ==, 0);
    for (unsigned i = 0; i < COUNT; i++) {
        g_assert_true(i % 2 ? all_pattern(in + i * 512, 4096 + i * 512, 512)
                            : all_bytes(in + i * 512, 512, (uint8_t)(0x40 + i)));
    }
    close_all(backend);
}

/* ---- drain, statistics, throttling ---- */

static int begins, ends;

static void count_begin(void *opaque)
{
    begins++;
}

static void count_end(void *opaque)
{
    ends++;
}

static void test_drain_waits_for_every_request(void)
{
    static const BlockDeviceOps ops = {.drained_begin = count_begin, .drained_end = count_end};
    enum { COUNT = 20 };
    uint8_t sector[512];
    struct iovec vector = {sector, 512};
    Waiter waiters[COUNT] = {{false, 0}};

    BlockBackend *backend = open_drive("driver=null-co,size=1M,latency-ns=20000000,read-zeroes=on");
    block_backend_set_device_ops(backend, &ops, NULL);
    begins = ends = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        block_readv(backend, i * 512, &vector, 1, note_result, &waiters[i]);
    }
    gint64 start = g_get_monotonic_time();
    block_drain(backend);
    g_assert_cmpint(g_get_monotonic_time() - start, >=, 15000);
    for (unsigned i = 0; i < COUNT; i++) {
        g_assert_true(waiters[i].finished);
        g_assert_cmpint(waiters[i].result, ==, 0);
    }
    g_assert_cmpint(begins, ==, 1);
    g_assert_cmpint(ends, ==, 1);
    block_drain_all();
    g_assert_cmpint(block_flush_all(), ==, 0);
    close_all(backend);
}

static void detach_in_done(void *opaque, int result)
{
    BlockBackend **backend = opaque;

    block_backend_detach(*backend);
    *backend = NULL;
}

static void test_detach_from_a_completion(void)
{
    uint8_t sector[512];
    struct iovec vector = {sector, 512};

    add_node("driver=null-co,node-name=n,size=1M");
    BlockBackend *backend = attach("n", WRITER);
    block_readv(backend, 0, &vector, 1, detach_in_done, &backend);
    while (backend) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_true(block_node_delete("n", NULL));
    block_cleanup();
}

static void test_statistics(void)
{
    uint8_t sectors[1024] = {1};
    BlockStatistics statistics;

    make_image("a", SIZE);
    BlockBackend *backend = open_drive("file=a,format=raw,discard=unmap");
    do_read(backend, 0, sectors, 1024);
    do_read(backend, 512, sectors, 512);
    do_write(backend, 4096, sectors, 1024, 0);
    do_zeroes(backend, 512, 512, 0);
    do_flush(backend);
    do_discard(backend, 8192, 4096);
    do_read(backend, SIZE, sectors, 512);
    do_write(backend, SIZE, sectors, 512, 0);
    block_backend_statistics(backend, &statistics);
    g_assert_cmpuint(statistics.read_operations, ==, 2);
    g_assert_cmpuint(statistics.read_bytes, ==, 1536);
    g_assert_cmpuint(statistics.read_failed, ==, 1);
    g_assert_cmpuint(statistics.write_operations, ==, 2);
    g_assert_cmpuint(statistics.write_bytes, ==, 1536);
    g_assert_cmpuint(statistics.write_failed, ==, 1);
    g_assert_cmpuint(statistics.flush_operations, ==, 1);
    g_assert_cmpuint(statistics.discard_operations, ==, 1);
    g_assert_cmpuint(statistics.highest_write_offset, ==, 5120);
    g_assert_cmpuint(statistics.read_ns, >, 0);
    g_assert_cmpuint(statistics.write_ns, >, 0);
    close_all(backend);
}

#define MANY   80
#define PIECES 64

/* One request of each number of pieces, more at once than are kept for the next ones. */
static void read_many(BlockBackend *backend, uint8_t (*memory)[PIECES * 512])
{
    struct iovec vector[PIECES];
    Waiter waiters[MANY] = {{false, 0}};

    memset(memory, 0, MANY * sizeof(*memory));
    for (unsigned i = 0; i < MANY; i++) {
        for (unsigned piece = 0; piece <= i % PIECES; piece++) {
            vector[piece] = (struct iovec){memory[i] + piece * 512, 512};
        }
        block_readv(backend, i * 512, vector, i % PIECES + 1, note_result, &waiters[i]);
    }
    for (unsigned i = 0; i < MANY; i++) {
        g_assert_cmpint(wait_result(&waiters[i]), ==, 0);
        g_assert_true(all_pattern(memory[i], i * 512, (i % PIECES + 1) * 512));
    }
}

static void test_many_requests_of_every_size(void)
{
    uint8_t(*memory)[PIECES * 512] = g_malloc(MANY * sizeof(*memory));

    make_image("a", SIZE);
    BlockBackend *backend = open_drive("file=a,format=raw");
    for (unsigned round = 0; round < 3; round++) {
        read_many(backend, memory);
    }
    close_all(backend);
    g_free(memory);
}

static gint64 time_reads(BlockBackend *backend, unsigned count)
{
    uint8_t sectors[4096];
    gint64 start = g_get_monotonic_time();

    for (unsigned i = 0; i < count; i++) {
        g_assert_cmpint(do_read(backend, 0, sectors, sizeof(sectors)), ==, 0);
    }
    return g_get_monotonic_time() - start;
}

static void test_throttling_slows_and_drain_does_not_wait(void)
{
    uint8_t sectors[4096];
    struct iovec vector = {sectors, sizeof(sectors)};
    Waiter waiters[10] = {{false, 0}};

    BlockBackend *backend = open_drive("driver=null-co,size=1M,throttling.iops-total=100");
    /* Ten are saved up, the other ten come at a hundredth of a second each. */
    gint64 slow = time_reads(backend, 22);
    g_assert_cmpint(slow, >=, 90000);
    for (unsigned i = 0; i < 10; i++) {
        block_readv(backend, 0, &vector, 1, note_result, &waiters[i]);
    }
    gint64 start = g_get_monotonic_time();
    block_drain(backend);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 60000);
    g_assert_true(waiters[9].finished);
    close_all(backend);
    backend = open_drive("driver=null-co,size=1M,bps_rd=409600,bps_rd_max=819200");
    g_assert_cmpint(time_reads(backend, 20), <, 50000);
    close_all(backend);
}

/* ---- errors ---- */

static int stops, stop_errnum;

static void note_stop(const char *backend_name, bool is_read, int errnum)
{
    g_assert_cmpstr(backend_name, ==, "d");
    stops++;
    stop_errnum = errnum;
}

static void test_error_policies(void)
{
    static const struct {
        const char *options;
        bool is_read;
        int errnum;
        BlockErrorAction action;
        bool has_status; /* some error may stop the machine */
    } rows[] = {
        {"", true, EIO, BLOCK_ERROR_REPORT, true},
        {"", false, EIO, BLOCK_ERROR_REPORT, true},
        {"", false, ENOSPC, BLOCK_ERROR_STOP, true},
        {",rerror=ignore,werror=ignore", true, EIO, BLOCK_ERROR_IGNORE, false},
        {",rerror=ignore,werror=ignore", false, ENOSPC, BLOCK_ERROR_IGNORE, false},
        {",rerror=stop,werror=stop", true, EIO, BLOCK_ERROR_STOP, true},
        {",rerror=stop,werror=stop", false, EIO, BLOCK_ERROR_STOP, true},
        {",rerror=stop,werror=report", false, EIO, BLOCK_ERROR_REPORT, true},
        {",werror=report", false, ENOSPC, BLOCK_ERROR_REPORT, false},
        {",werror=enospc", false, EIO, BLOCK_ERROR_REPORT, true},
    };

    block_set_stop_handler(note_stop);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *options = g_strdup_printf("driver=null-co%s", rows[i].options);
        BlockBackend *backend = open_drive(options);
        stops = 0;
        g_assert_false(block_backend_has_io_status(backend));
        block_backend_keep_io_status(backend);
        g_assert_cmpint(block_backend_has_io_status(backend), ==, rows[i].has_status);
        g_assert_cmpint(block_error_action(backend, rows[i].is_read, rows[i].errnum), ==,
                        rows[i].action);
        g_assert_cmpint(stops, ==, rows[i].action == BLOCK_ERROR_STOP);
        g_assert_cmpint(block_backend_io_status(backend), ==, stops ? rows[i].errnum : 0);
        block_error_action(backend, rows[i].is_read, ERANGE); /* a later one does not count */
        g_assert_cmpint(block_backend_io_status(backend), ==, stops ? rows[i].errnum : 0);
        block_backend_reset_io_status(backend);
        g_assert_cmpint(block_backend_io_status(backend), ==, 0);
        close_all(backend);
    }
    block_set_stop_handler(NULL);
}

/* ---- another context ---- */

typedef struct {
    BlockBackend *backend;
    GMainContext *context;
    GMainLoop *loop;
    unsigned completed; /* atomic */
    GThread *thread;
    uint8_t sectors[100][512];
} IOThread;

static void completed_in_thread(void *opaque, int result)
{
    IOThread *io = opaque;

    g_assert_true(g_thread_self() == io->thread);
    g_assert_false(machine_lock_held());
    g_assert_cmpint(result, ==, 0);
    __atomic_add_fetch(&io->completed, 1, __ATOMIC_SEQ_CST);
}

static gboolean submit_in_thread(gpointer opaque)
{
    IOThread *io = opaque;

    io->thread = g_thread_self();
    block_plug();
    for (unsigned i = 0; i < 100; i++) {
        struct iovec vector = {io->sectors[i], 512};
        block_readv(io->backend, i * 512, &vector, 1, completed_in_thread, io);
    }
    block_unplug();
    return G_SOURCE_REMOVE;
}

static gpointer run_loop(gpointer opaque)
{
    IOThread *io = opaque;

    g_main_context_push_thread_default(io->context);
    g_main_loop_run(io->loop);
    g_main_context_pop_thread_default(io->context);
    return NULL;
}

static void in_another_context(const char *options)
{
    IOThread io = {.context = g_main_context_new()};
    BlockStatistics statistics;

    make_image("a", SIZE);
    io.loop = g_main_loop_new(io.context, FALSE);
    io.backend = open_drive(options);
    block_backend_set_context(io.backend, io.context);
    GSource *start = g_idle_source_new(); /* not g_main_context_invoke(): it may run it here */
    g_source_set_callback(start, submit_in_thread, &io, NULL);
    g_source_attach(start, io.context);
    g_source_unref(start);
    GThread *thread = g_thread_new("io", run_loop, &io);
    while (__atomic_load_n(&io.completed, __ATOMIC_SEQ_CST) == 0) {
        g_usleep(100);
    }
    block_drain(io.backend);
    g_assert_cmpuint(__atomic_load_n(&io.completed, __ATOMIC_SEQ_CST), ==, 100);
    block_backend_statistics(io.backend, &statistics);
    g_assert_cmpuint(statistics.read_operations, ==, 100);
    g_assert_cmpuint(statistics.read_ns, >, 0);
    g_main_loop_quit(io.loop);
    g_thread_join(thread);
    block_backend_set_context(io.backend, NULL);
    g_main_loop_unref(io.loop);
    g_main_context_unref(io.context);
    close_all(io.backend);
}

static void test_requests_of_an_io_thread(void)
{
    in_another_context("file=a,format=raw");
    in_another_context("driver=null-co,size=1M,iops=10000,iops_max=20000");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add_on_both("/block/io/file-size-limit", test_file_size_limit);
    add_on_both("/block/io/full-file-system", test_full_file_system);
    if (g_test_subprocess()) {
        return g_test_run();
    }
    fixture_start();
    add_on_both("/block/io/round-trip", test_round_trip_in_every_cache_mode);
    add_on_both("/block/io/direct-takes-any-alignment", test_direct_takes_any_alignment);
    add_on_both("/block/io/direct-writes-into-one-block", test_direct_writes_into_one_block);
    add_on_both("/block/io/bounds", test_bounds);
    add_on_both("/block/io/last-sector-that-is-not-whole", test_last_sector_that_is_not_whole);
    add_on_both("/block/io/file-truncated-under-the-guest", test_file_truncated_under_the_guest);
    add_on_both("/block/io/window-of-a-file", test_window_of_a_file);
    add_on_both("/block/io/discard-and-zeroes-give-space-back",
                test_discard_and_zeroes_give_space_back);
    add_on_both("/block/io/overlay-keeps-the-image", test_overlay_keeps_the_image);
    add_on_both("/block/io/global-snapshot", test_global_snapshot);
    add_on_both("/block/io/overlay-writes-into-one-cluster", test_overlay_writes_into_one_cluster);
    add_on_both("/block/io/drain-waits-for-every-request", test_drain_waits_for_every_request);
    add_on_both("/block/io/detach-from-a-completion", test_detach_from_a_completion);
    add_on_both("/block/io/statistics", test_statistics);
    add_on_both("/block/io/many-requests", test_many_requests_of_every_size);
    add_on_both("/block/io/throttling", test_throttling_slows_and_drain_does_not_wait);
    g_test_add_func("/block/io/error-policies", test_error_policies);
    add_on_both("/block/io/requests-of-an-io-thread", test_requests_of_an_io_thread);
    int result = g_test_run();
    fixture_end();
    return result;
}
