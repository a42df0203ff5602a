/*
 * RAM into the stream. Pages of zeros are runs without contents.
 *
 * A page is copied while the guest may write it: then the log has it again, and so will the stream.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "migration/ram.h"
#include "util/error.h"

#define RECORD_FULL (UINT32_C(1) << 20)

GVariant *ram_layout(const RamDirtyLog *log)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE(RAM_LAYOUT_TYPE));
    for (unsigned i = 0; i < ram_dirty_log_blocks(log); i++) {
        const RamBlock *block = ram_dirty_log_block(log, i);

        g_variant_builder_add(&builder, "(st)", ram_block_name(block),
                              (guint64)ram_block_size(block));
    }
    return g_variant_builder_end(&builder);
}

uint64_t ram_total(const RamDirtyLog *log)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < ram_dirty_log_blocks(log); i++) {
        total += ram_block_size(ram_dirty_log_block(log, i));
    }
    return total;
}

void ram_sender_init(RamSender *sender, RamDirtyLog *log, StreamWriter *writer)
{
    *sender = (RamSender){.log = log, .writer = writer, .runs = g_byte_array_new()};
}

void ram_sender_clear(RamSender *sender)
{
    g_clear_pointer(&sender->runs, g_byte_array_unref);
}

static bool is_zero(const uint8_t *page)
{
    uint64_t first;

    memcpy(&first, page, sizeof(first));
    return first == 0 && memcmp(page, page + sizeof(first), RAM_PAGE_SIZE - sizeof(first)) == 0;
}

static bool flush(RamSender *sender, GError **error)
{
    bool good = sender->runs->len == 0 ||
                stream_write_ram(sender->writer, sender->runs->data, sender->runs->len, error);

    g_byte_array_set_size(sender->runs, 0);
    sender->run = (RamRun){0};
    return good;
}

static bool continues(const RamRun *run, unsigned block, uint64_t page, bool zero)
{
    uint32_t count = run->pages & ~RUN_ZERO;

    return count > 0 && count < ~RUN_ZERO && run->block == block && run->first + count == page &&
           ((run->pages & RUN_ZERO) != 0) == zero;
}

static void add_to_run(RamSender *sender, unsigned block, uint64_t page, bool zero)
{
    if (!continues(&sender->run, block, page, zero)) {
        sender->run = (RamRun){.block = block, .pages = zero ? RUN_ZERO : 0, .first = page};
        sender->run_at = sender->runs->len;
        g_byte_array_append(sender->runs, (const guint8 *)&sender->run, sizeof(sender->run));
    }
    sender->run.pages++;
    memcpy(sender->runs->data + sender->run_at, &sender->run, sizeof(sender->run));
}

static bool send_page(RamSender *sender, unsigned block, const uint8_t *host, uint64_t page,
                      GError **error)
{
    const uint8_t *from = host + page * RAM_PAGE_SIZE;
    bool zero = is_zero(from);

    add_to_run(sender, block, page, zero);
    if (!zero) {
        g_byte_array_append(sender->runs, from, RAM_PAGE_SIZE);
    }
    atomic_fetch_add(zero ? &sender->zeros : &sender->normal, 1);
    return sender->runs->len < RECORD_FULL || flush(sender, error);
}

static bool send_block(RamSender *sender, unsigned index, GError **error)
{
    RamBlock *block = ram_dirty_log_block(sender->log, index);
    uint64_t pages = (ram_block_size(block) + RAM_PAGE_SIZE - 1) / RAM_PAGE_SIZE;

    for (uint64_t first = 0; first < pages; first += 64) {
        uint64_t bits = ram_dirty_log_take(sender->log, index, first / 64);

        while (bits) {
            unsigned bit = (unsigned)__builtin_ctzll(bits);

            if (!send_page(sender, index, ram_block_host(block), first + bit, error)) {
                return false;
            }
            bits &= bits - 1;
        }
    }
    return true;
}

bool ram_send_written(RamSender *sender, GError **error)
{
    for (unsigned i = 0; i < ram_dirty_log_blocks(sender->log); i++) {
        if (!send_block(sender, i, error)) {
            return false;
        }
    }
    return flush(sender, error);
}
