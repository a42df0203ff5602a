/*
 * The log of written pages: a bit a page, for every RAM block that exists when it is started.
 *
 * Whoever writes guest memory in this process marks it after the write, so that a page which is
 * sent in between is sent again. Marking finds the log inside a read section: stopping it waits for
 * nobody.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdatomic.h>

#include "util/memory.h"
#include "util/read_section.h"

#define BITS 64u

typedef struct {
    RamBlock *block;
    const uint8_t *host;
    uint64_t pages;
    _Atomic uint64_t *bits;
} LoggedBlock;

struct RamDirtyLog {
    GArray *blocks; /* of LoggedBlock */
};

static _Atomic(RamDirtyLog *) current;

static uint64_t word_count(const LoggedBlock *logged)
{
    return (logged->pages + BITS - 1) / BITS;
}

static void mark_range(const LoggedBlock *logged, uint64_t first, uint64_t last)
{
    for (uint64_t page = first; page <= last; page++) {
        uint64_t bit = UINT64_C(1) << (page % BITS);
        _Atomic uint64_t *word = &logged->bits[page / BITS];

        if (!(atomic_load_explicit(word, memory_order_relaxed) & bit)) {
            atomic_fetch_or(word, bit);
        }
    }
}

static void add_block(RamBlock *block, void *opaque)
{
    RamDirtyLog *log = opaque;
    LoggedBlock logged = {
        .block = ram_block_ref(block),
        .host = ram_block_host(block),
        .pages = (ram_block_size(block) + RAM_PAGE_SIZE - 1) / RAM_PAGE_SIZE,
    };

    logged.bits = g_malloc0_n(word_count(&logged), sizeof(*logged.bits));
    if (logged.pages > 0) {
        mark_range(&logged, 0, logged.pages - 1);
    }
    g_array_append_val(log->blocks, logged);
}

static const LoggedBlock *block_at(const RamDirtyLog *log, unsigned index)
{
    return &g_array_index(log->blocks, LoggedBlock, index);
}

RamDirtyLog *ram_dirty_log_start(void)
{
    RamDirtyLog *log = g_new0(RamDirtyLog, 1);

    g_assert(!atomic_load(&current));
    log->blocks = g_array_new(FALSE, FALSE, sizeof(LoggedBlock));
    ram_block_foreach(add_block, log);
    atomic_store(&current, log);
    return log;
}

static void log_free(gpointer opaque)
{
    RamDirtyLog *log = opaque;

    for (guint i = 0; i < log->blocks->len; i++) {
        ram_block_unref(block_at(log, i)->block);
        g_free((void *)block_at(log, i)->bits);
    }
    g_array_unref(log->blocks);
    g_free(log);
}

void ram_dirty_log_stop(RamDirtyLog *log)
{
    if (log) {
        atomic_store(&current, NULL);
        read_section_retire(log, log_free);
    }
}

unsigned ram_dirty_log_blocks(const RamDirtyLog *log)
{
    return log->blocks->len;
}

RamBlock *ram_dirty_log_block(const RamDirtyLog *log, unsigned index)
{
    return block_at(log, index)->block;
}

uint64_t ram_dirty_log_take(RamDirtyLog *log, unsigned index, uint64_t word)
{
    return atomic_exchange(&block_at(log, index)->bits[word], 0);
}

uint64_t ram_dirty_log_count(const RamDirtyLog *log)
{
    uint64_t count = 0;

    for (guint i = 0; i < log->blocks->len; i++) {
        const LoggedBlock *logged = block_at(log, i);

        for (uint64_t word = 0; word < word_count(logged); word++) {
            count += (unsigned)__builtin_popcountll(
                atomic_load_explicit(&logged->bits[word], memory_order_relaxed));
        }
    }
    return count;
}

static const LoggedBlock *find(const RamDirtyLog *log, const uint8_t *host)
{
    for (guint i = 0; i < log->blocks->len; i++) {
        const LoggedBlock *logged = block_at(log, i);

        if (host >= logged->host && host < logged->host + logged->pages * RAM_PAGE_SIZE) {
            return logged;
        }
    }
    return NULL;
}

/* The pages of [@host, @host + @length) as far as one block goes. Inside a read section. */
static void mark(const RamDirtyLog *log, const uint8_t *host, uint64_t length)
{
    const LoggedBlock *logged = find(log, host);
    uint64_t offset, last;

    if (!logged) {
        return;
    }
    offset = (uint64_t)(host - logged->host);
    last = (offset + length - 1) / RAM_PAGE_SIZE;
    mark_range(logged, offset / RAM_PAGE_SIZE, MIN(last, logged->pages - 1));
}

void ram_dirty_mark(const void *host, uint64_t length)
{
    const RamDirtyLog *log;

    if (G_LIKELY(!atomic_load_explicit(&current, memory_order_relaxed)) || length == 0) {
        return;
    }
    read_section_enter();
    log = atomic_load(&current);
    if (log) {
        mark(log, host, length);
    }
    read_section_leave();
}

void ram_dirty_merge(const void *host, const uint64_t *bitmap, uint64_t pages)
{
    for (uint64_t word = 0; word * BITS < pages; word++) {
        uint64_t bits = bitmap[word];

        while (bits) {
            unsigned bit = (unsigned)__builtin_ctzll(bits);

            if (word * BITS + bit < pages) {
                ram_dirty_mark((const uint8_t *)host + (word * BITS + bit) * RAM_PAGE_SIZE, 1);
            }
            bits &= bits - 1;
        }
    }
}
