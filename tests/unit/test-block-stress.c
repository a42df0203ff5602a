/*
 * Random requests in parallel, compared with a model in memory: every drive kind on both engines.
 * Requests in flight at one time never overlap unless all of them read, so that the model is exact.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block-fixture.h"

#define SIZE     (2 << 20)
#define SLOTS    24
#define REQUESTS 3000
#define MAX_SIZE 20000

typedef struct {
    bool busy, is_read;
    uint64_t offset;
    size_t length;
    uint8_t *memory;
    struct iovec vector[3];
} Slot;

static uint8_t *model;
static Slot slots[SLOTS];
static unsigned in_flight, completed;
static unsigned granularity;

static void request_done(void *opaque, int result)
{
    Slot *slot = opaque;

    g_assert_cmpint(result, ==, 0);
    if (slot->is_read) {
        g_assert_cmpmem(slot->memory, slot->length, model + slot->offset, slot->length);
    }
    slot->busy = false;
    in_flight--;
    completed++;
}

static bool overlaps(const Slot *wanted)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        const Slot *other = &slots[i];
        if (other->busy && other != wanted && !(other->is_read && wanted->is_read) &&
            wanted->offset < other->offset + other->length &&
            other->offset < wanted->offset + wanted->length) {
            return true;
        }
    }
    return false;
}

static void choose_range(Slot *slot)
{
    slot->length = (size_t)g_test_rand_int_range(1, MAX_SIZE);
    slot->length = (slot->length + granularity - 1) / granularity * granularity;
    slot->offset = (uint64_t)g_test_rand_int_range(0, (int)(SIZE - slot->length));
    slot->offset -= slot->offset % granularity;
}

static unsigned split(Slot *slot)
{
    size_t first = slot->length / 3 / granularity * granularity;

    slot->vector[0] = (struct iovec){slot->memory, first};
    slot->vector[1] = (struct iovec){slot->memory + first, first};
    slot->vector[2] = (struct iovec){slot->memory + 2 * first, slot->length - 2 * first};
    return 3;
}

static void submit(BlockBackend *backend, Slot *slot)
{
    unsigned kind = (unsigned)g_test_rand_int_range(0, 10);

    slot->is_read = kind < 5;
    choose_range(slot);
    if (overlaps(slot)) {
        return;
    }
    slot->busy = true;
    in_flight++;
    if (slot->is_read) {
        memset(slot->memory, 0xee, slot->length);
        block_readv(backend, slot->offset, slot->vector, split(slot), request_done, slot);
    } else if (kind < 9) {
        memset(slot->memory, g_test_rand_int_range(0, 4) * 60, slot->length);
        memcpy(model + slot->offset, slot->memory, slot->length);
        block_writev(backend, slot->offset, slot->vector, split(slot),
                     kind == 8 ? BLOCK_WRITE_FUA : 0, request_done, slot);
    } else {
        memset(model + slot->offset, 0, slot->length);
        block_write_zeroes(backend, slot->offset, slot->length, BLOCK_WRITE_MAY_UNMAP, request_done,
                           slot);
    }
}

static void run(const char *options, unsigned step)
{
    g_autofree char *contents = NULL;
    gsize length;
    bool overlay = strstr(options, "snapshot") != NULL;

    granularity = step;
    make_image("a", SIZE);
    model = g_malloc(SIZE);
    for (unsigned i = 0; i < SIZE; i++) {
        model[i] = pattern(i);
    }
    BlockBackend *backend = open_drive(options);
    completed = 0;
    while (completed < REQUESTS) {
        block_plug();
        for (unsigned i = 0; i < SLOTS; i++) {
            if (!slots[i].busy && g_test_rand_int_range(0, 2)) {
                submit(backend, &slots[i]);
            }
        }
        block_unplug();
        if (g_test_rand_int_range(0, 200) == 0) {
            block_drain(backend);
            g_assert_cmpuint(in_flight, ==, 0);
        } else if (in_flight > 0) {
            g_main_context_iteration(NULL, TRUE);
        }
    }
    close_all(backend);
    g_assert_true(g_file_get_contents("a", &contents, &length, NULL));
    if (!overlay) {
        g_assert_cmpmem(contents, length, model, SIZE);
    }
    g_free(model);
}

static void test_stress(void)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        slots[i] = (Slot){.memory = g_malloc(MAX_SIZE + 4096)};
    }
    run("file=a,format=raw", 512);
    run("file=a,format=raw,discard=unmap,detect-zeroes=unmap", 512);
    run("file=a,format=raw,cache=writethrough", 512);
    run("file=a,format=raw,snapshot=on", 512);
    run("file=a,format=raw,snapshot=on", 1);
    int fd = open("a", O_RDWR | O_DIRECT | O_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        run("file=a,format=raw,cache=none", 512);
        run("file=a,format=raw,cache=none", 1);
    }
    for (unsigned i = 0; i < SLOTS; i++) {
        g_free(slots[i].memory);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_start();
    add_on_both("/block/stress", test_stress);
    int result = g_test_run();
    fixture_end();
    return result;
}
