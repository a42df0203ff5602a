/*
 * RAM out of the stream.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "migration/ram.h"
#include "util/bytes.h"
#include "util/error.h"

typedef struct {
    const char *name;
    unsigned skip; /* blocks of that name before the one that is meant */
    RamBlock *found;
    unsigned count; /* of all blocks */
} Search;

static void match(RamBlock *block, void *opaque)
{
    Search *search = opaque;

    search->count++;
    if (!search->found && strcmp(ram_block_name(block), search->name) == 0) {
        if (search->skip == 0) {
            search->found = block;
        } else {
            search->skip--;
        }
    }
}

static unsigned earlier_of_that_name(const RamReceiver *receiver, const char *name)
{
    unsigned count = 0;

    for (guint i = 0; i < receiver->blocks->len; i++) {
        count += strcmp(ram_block_name(g_ptr_array_index(receiver->blocks, i)), name) == 0;
    }
    return count;
}

static char *size_text(uint64_t bytes)
{
    return bytes % MiB ? g_strdup_printf("%" G_GUINT64_FORMAT " bytes", (guint64)bytes)
                       : g_strdup_printf("%" G_GUINT64_FORMAT " MiB", (guint64)(bytes / MiB));
}

static bool add_block(RamReceiver *receiver, const char *name, uint64_t size, GError **error)
{
    Search search = {.name = name, .skip = earlier_of_that_name(receiver, name)};

    ram_block_foreach(match, &search);
    if (!search.found) {
        return error_setf(error, "the saved guest has memory '%.64s', which this machine lacks",
                          name);
    }
    if (ram_block_size(search.found) != size) {
        g_autofree char *theirs = size_text(size);
        g_autofree char *ours = size_text(ram_block_size(search.found));

        return error_setf(error, "the saved guest has %s of memory '%s', this machine has %s",
                          theirs, name, ours);
    }
    g_ptr_array_add(receiver->blocks, ram_block_ref(search.found));
    return true;
}

static void block_unref(gpointer block)
{
    ram_block_unref(block);
}

bool ram_receiver_init(RamReceiver *receiver, GVariant *layout, GError **error)
{
    gsize count = g_variant_n_children(layout);
    Search search = {.name = ""};

    receiver->blocks = g_ptr_array_new_with_free_func(block_unref);
    if (count > STREAM_BLOCKS_MAX) {
        return error_setf(error, "the saved guest has %zu pieces of memory", count);
    }
    for (gsize i = 0; i < count; i++) {
        const char *name;
        guint64 size;

        g_variant_get_child(layout, i, "(&st)", &name, &size);
        if (!add_block(receiver, name, size, error)) {
            return false;
        }
    }
    ram_block_foreach(match, &search);
    return search.count == count ||
           error_setf(error, "the saved guest has %zu pieces of memory, this machine has %u", count,
                      search.count);
}

void ram_receiver_clear(RamReceiver *receiver)
{
    g_clear_pointer(&receiver->blocks, g_ptr_array_unref);
}

static bool is_zero(const uint8_t *memory, uint64_t length)
{
    return memory[0] == 0 && memcmp(memory, memory + 1, length - 1) == 0;
}

/* Memory that nobody has touched stays so. */
static void clear(uint8_t *memory, uint64_t length)
{
    for (uint64_t at = 0; at < length; at += RAM_PAGE_SIZE) {
        if (!is_zero(memory + at, RAM_PAGE_SIZE)) {
            memset(memory + at, 0, RAM_PAGE_SIZE);
        }
    }
}

static bool check_run(const RamReceiver *receiver, const RamRun *run, uint64_t count)
{
    uint64_t pages;

    if (run->block >= receiver->blocks->len || count == 0) {
        return false;
    }
    pages = (ram_block_size(g_ptr_array_index(receiver->blocks, run->block)) + RAM_PAGE_SIZE - 1) /
            RAM_PAGE_SIZE;
    return run->first < pages && count <= pages - run->first;
}

/* One run at the start of @runs; how many bytes it took, 0: it is not sound. */
static size_t receive_run(RamReceiver *receiver, const uint8_t *runs, size_t length)
{
    RamRun run;
    uint64_t count, bytes;
    uint8_t *to;

    if (length < sizeof(run)) {
        return 0;
    }
    memcpy(&run, runs, sizeof(run));
    count = run.pages & ~RUN_ZERO;
    bytes = count * RAM_PAGE_SIZE;
    if (!check_run(receiver, &run, count)) {
        return 0;
    }
    to = (uint8_t *)ram_block_host(g_ptr_array_index(receiver->blocks, run.block)) +
         run.first * RAM_PAGE_SIZE;
    if (run.pages & RUN_ZERO) {
        clear(to, bytes);
        return sizeof(run);
    }
    if (bytes > length - sizeof(run)) {
        return 0;
    }
    memcpy(to, runs + sizeof(run), bytes);
    return sizeof(run) + bytes;
}

bool ram_receive(RamReceiver *receiver, const uint8_t *runs, size_t length, GError **error)
{
    while (length > 0) {
        size_t taken = receive_run(receiver, runs, length);

        if (taken == 0) {
            return error_setf(error, "the stream has memory that this machine cannot have");
        }
        runs += taken;
        length -= taken;
    }
    return true;
}
