/*
 * Times direct reads of one size from a disk, one at a time, for the benchmarks.
 *
 *   disk-read DEVICE SIZE COUNT [random]
 *
 * Prints the mean in microseconds of the guest's clock.  Sequential reads start at the beginning; random
 * ones are spread over the first 32 MiB.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SPAN (32u << 20)

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr, "usage: disk-read DEVICE SIZE COUNT [random]\n");
        return 2;
    }
    size_t size = strtoul(argv[2], NULL, 0);
    unsigned long count = strtoul(argv[3], NULL, 0);
    int device = open(argv[1], O_RDONLY | O_DIRECT | O_CLOEXEC);
    void *buffer;
    uint64_t state = 1;

    if (device < 0 || size == 0 || size > SPAN || count == 0 || posix_memalign(&buffer, 4096, size) != 0) {
        perror(argv[1]);
        return 1;
    }
    memset(buffer, 0, size);
    double start = now();
    for (unsigned long i = 0; i < count; i++) {
        uint64_t slots = SPAN / size;
        uint64_t slot = i % slots;

        if (argc > 4) {
            state = state * 6364136223846793005ull + 1442695040888963407ull;
            slot = (state >> 33) % slots;
        }
        if (pread(device, buffer, size, (off_t)(slot * size)) != (ssize_t)size) {
            perror("read");
            return 1;
        }
    }
    printf("disk-read: %zu bytes, %lu reads, %.1f us each\n", size, count, (now() - start) / (double)count);
    return 0;
}
