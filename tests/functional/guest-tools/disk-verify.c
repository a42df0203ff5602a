/*
 * Writes pseudo-random data to a disk or as files, and says later whether every bit of it is there.
 *
 * The sequence of writes follows from the seed alone, so the other side (the host, on the image file)
 * knows what must stand where from one number: how many writes were synced.  Each sector says in itself
 * which write it is from, so a write that was cut off is told apart from one that was lost.
 *
 *   disk-verify write DEVICE SEED BYTES SECONDS [buffered]
 *       writes for SECONDS and reads back; "synced N" after each sync, "written N" at the end
 *   disk-verify check FILE SEED BYTES SYNCED [TOTAL]
 *       every sector that the first SYNCED writes cover is there, or newer (up to TOTAL if given)
 *   disk-verify files FOLDER SEED COUNT SECONDS
 *       makes files, each synced; "synced file N" after each
 *   disk-verify check-files FOLDER SEED SYNCED
 *       the first SYNCED files are there and right
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECTOR 512u
#define WORDS (SECTOR / sizeof(uint64_t))
#define UNIT 4096u
#define MAX_UNITS 64u
#define WRITES_PER_SYNC 16u
#define MAGIC 0x78656e6f6c697468ull

struct write_op {
    uint64_t offset;
    uint32_t length;
};

static uint64_t mix(uint64_t value)
{
    value += 0x9e3779b97f4a7c15ull;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
    return value ^ (value >> 31);
}

static void fail(const char *what)
{
    printf("disk-verify: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Write number `index` of the sequence: where, and how long. */
static struct write_op op_at(uint64_t seed, uint64_t index, uint64_t bytes)
{
    uint64_t random = mix(seed ^ mix(index));
    uint64_t units = bytes / UNIT;
    uint64_t length = 1 + (random & 0xff) % ((random >> 8) % 4 == 0 ? MAX_UNITS : 4);
    struct write_op op;

    if (length > units) {
        length = units;
    }
    op.length = (uint32_t)length * UNIT;
    op.offset = mix(random) % (units - length + 1) * UNIT;
    return op;
}

static void fill_sector(uint64_t *sector, uint64_t seed, uint64_t number, uint64_t index)
{
    uint64_t sum = 0;

    sector[0] = MAGIC ^ seed;
    sector[1] = number;
    sector[2] = index;
    for (size_t i = 3; i < WORDS - 1; i++) {
        sector[i] = seed ^ (number * 0x9e3779b97f4a7c15ull + index) * (2 * i + 1);
    }
    for (size_t i = 0; i < WORDS - 1; i++) {
        sum = (sum << 1 | sum >> 63) ^ sector[i];
    }
    sector[WORDS - 1] = sum;
}

static void fill(uint8_t *buffer, uint64_t seed, struct write_op op, uint64_t index)
{
    for (uint32_t at = 0; at < op.length; at += SECTOR) {
        fill_sector((uint64_t *)(void *)(buffer + at), seed, (op.offset + at) / SECTOR, index);
    }
}

static uint8_t *new_buffer(size_t size)
{
    void *buffer;

    if (posix_memalign(&buffer, UNIT, size) != 0) {
        fail("memory");
    }
    memset(buffer, 0, size);
    return buffer;
}

/* Reads a write of the past that nothing later overlaps (the caller knows) back and compares. */
static void read_back(int device, uint64_t seed, uint64_t index, uint64_t bytes, uint8_t *got, uint8_t *want)
{
    struct write_op op = op_at(seed, index, bytes);

    fill(want, seed, op, index);
    if (pread(device, got, op.length, (off_t)op.offset) != (ssize_t)op.length) {
        fail("read");
    }
    if (memcmp(got, want, op.length) != 0) {
        printf("disk-verify: write %" PRIu64 " at %" PRIu64 " reads back wrong\n", index, op.offset);
        exit(1);
    }
}

static int run_write(char **argument, int count)
{
    uint64_t seed = strtoull(argument[1], NULL, 0), bytes = strtoull(argument[2], NULL, 0), index = 0;
    double end = now() + atof(argument[3]);
    int direct = count > 4 ? 0 : O_DIRECT;
    int device = open(argument[0], O_RDWR | direct | O_CLOEXEC);
    uint8_t *buffer = new_buffer((size_t)MAX_UNITS * UNIT), *got = new_buffer((size_t)MAX_UNITS * UNIT);

    if (device < 0) {
        fail(argument[0]);
    }
    if (bytes < UNIT) {
        errno = EINVAL;
        fail("size");
    }
    while (index == 0 || now() < end) {
        for (unsigned i = 0; i < WRITES_PER_SYNC; i++, index++) {
            struct write_op op = op_at(seed, index, bytes);

            fill(buffer, seed, op, index);
            if (pwrite(device, buffer, op.length, (off_t)op.offset) != (ssize_t)op.length) {
                fail("write");
            }
        }
        if (fdatasync(device) != 0) {
            fail("sync");
        }
        printf("synced %" PRIu64 "\n", index);
        fflush(stdout);
        read_back(device, seed, index - 1, bytes, got, buffer);
    }
    printf("written %" PRIu64 "\n", index);
    return 0;
}

/* What each sector's last write among the first `synced` is: 0 for none, else the write's index + 1. */
static uint64_t *expected(uint64_t seed, uint64_t bytes, uint64_t synced)
{
    uint64_t *last = calloc(bytes / SECTOR, sizeof(*last));

    if (last == NULL) {
        fail("memory");
    }
    for (uint64_t index = 0; index < synced; index++) {
        struct write_op op = op_at(seed, index, bytes);

        for (uint64_t sector = op.offset / SECTOR; sector < (op.offset + op.length) / SECTOR; sector++) {
            last[sector] = index + 1;
        }
    }
    return last;
}

/* Whether `sector`, found at `number`, is what write `wanted` or a later one below `total` left there. */
static int sector_is_right(const uint64_t *sector, uint64_t seed, uint64_t number, uint64_t wanted,
                           uint64_t total, uint64_t bytes)
{
    uint64_t again[WORDS];
    uint64_t index = sector[2];

    if (index != wanted && (index < wanted || index >= total)) {
        return 0;
    }
    if (index != wanted) {
        struct write_op op = op_at(seed, index, bytes);

        if (number < op.offset / SECTOR || number >= (op.offset + op.length) / SECTOR) {
            return 0;
        }
    }
    fill_sector(again, seed, number, index);
    return memcmp(again, sector, SECTOR) == 0;
}

static int run_check(char **argument, int count)
{
    uint64_t seed = strtoull(argument[1], NULL, 0), bytes = strtoull(argument[2], NULL, 0);
    uint64_t synced = strtoull(argument[3], NULL, 0), wrong = 0, checked = 0;
    /* Without a total, later writes may have reached the disk too: the guest was ahead of what it told. */
    uint64_t total = count > 4 ? strtoull(argument[4], NULL, 0) : UINT64_MAX;
    uint64_t *last = expected(seed, bytes, synced);
    uint64_t sector[WORDS];
    FILE *file = fopen(argument[0], "rb");

    if (file == NULL) {
        fail(argument[0]);
    }
    for (uint64_t number = 0; number < bytes / SECTOR; number++) {
        if (fread(sector, SECTOR, 1, file) != 1) {
            fail("read");
        }
        if (last[number] == 0) {
            continue;
        }
        checked++;
        if (!sector_is_right(sector, seed, number, last[number] - 1, total, bytes)) {
            if (wrong++ < 5) {
                printf("disk-verify: sector %" PRIu64 " wants write %" PRIu64 ", says %" PRIu64 "\n",
                       number, last[number] - 1, sector[2]);
            }
        }
    }
    printf("checked %" PRIu64 " sectors, %" PRIu64 " wrong\n", checked, wrong);
    fclose(file);
    free(last);
    return wrong != 0 || checked == 0;
}

static uint32_t file_length(uint64_t seed, uint64_t number)
{
    return (uint32_t)(1 + mix(seed + number) % 32) * SECTOR;
}

static void file_name(char *name, size_t size, const char *folder, uint64_t number)
{
    snprintf(name, size, "%s/file-%06" PRIu64, folder, number);
}

static void fill_file(uint8_t *buffer, uint64_t seed, uint64_t number)
{
    struct write_op op = {0, file_length(seed, number)};

    fill(buffer, seed, op, number);
}

static int run_files(char **argument, int count)
{
    uint64_t seed = strtoull(argument[1], NULL, 0), limit = strtoull(argument[2], NULL, 0);
    double end = now() + atof(argument[3]);
    uint8_t *buffer = new_buffer((size_t)MAX_UNITS * UNIT);
    int folder = open(argument[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[4096];

    (void)count;
    if (folder < 0) {
        fail(argument[0]);
    }
    for (uint64_t number = 0; number < limit && now() < end; number++) {
        uint32_t length = file_length(seed, number);

        file_name(name, sizeof(name), argument[0], number);
        fill_file(buffer, seed, number);
        int file = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
        if (file < 0 || write(file, buffer, length) != (ssize_t)length || fsync(file) != 0 ||
            close(file) != 0 || fsync(folder) != 0) {
            fail(name);
        }
        printf("synced file %" PRIu64 "\n", number + 1);
        fflush(stdout);
    }
    return 0;
}

static int run_check_files(char **argument, int count)
{
    uint64_t seed = strtoull(argument[1], NULL, 0), synced = strtoull(argument[2], NULL, 0), wrong = 0;
    uint8_t *want = new_buffer((size_t)MAX_UNITS * UNIT), *got = new_buffer((size_t)MAX_UNITS * UNIT);
    char name[4096];

    (void)count;
    for (uint64_t number = 0; number < synced; number++) {
        uint32_t length = file_length(seed, number);

        file_name(name, sizeof(name), argument[0], number);
        fill_file(want, seed, number);
        int file = open(name, O_RDONLY | O_CLOEXEC);
        ssize_t had = file < 0 ? -1 : read(file, got, (size_t)MAX_UNITS * UNIT);
        if (had != (ssize_t)length || memcmp(want, got, length) != 0) {
            if (wrong++ < 5) {
                printf("disk-verify: %s is wrong (%zd bytes of %" PRIu32 ")\n", name, had, length);
            }
        }
        if (file >= 0) {
            close(file);
        }
    }
    printf("checked %" PRIu64 " files, %" PRIu64 " wrong\n", synced, wrong);
    return wrong != 0;
}

static const struct {
    const char *name;
    int arguments;
    int (*run)(char **argument, int count);
} commands[] = {
    {"write", 4, run_write},
    {"check", 4, run_check},
    {"files", 4, run_files},
    {"check-files", 3, run_check_files},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (argc >= 2 + commands[i].arguments && strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argv + 2, argc - 2);
        }
    }
    fprintf(stderr, "usage: disk-verify write|check|files|check-files ...\n");
    return 2;
}
