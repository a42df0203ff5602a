/*
 * Read sections by epochs. A reader publishes the epoch it entered in; a retired object carries the epoch at which
 * it was replaced and is freed once every active reader has entered later than that.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/read_section.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* One per thread that ever entered a section; never freed, reused after its thread has ended. */
typedef struct ReaderSlot ReaderSlot;
struct ReaderSlot {
    _Atomic uint64_t epoch; /* 0: outside */
    _Atomic bool used;
    unsigned depth; /* owner thread only */
    ReaderSlot *next;
};

typedef struct {
    void *object;
    GDestroyNotify free_object;
    uint64_t epoch;
} Retired;

static _Atomic uint64_t current_epoch = 1;
static _Atomic(ReaderSlot *) slots;
static GMutex retired_lock;
static GQueue retired = G_QUEUE_INIT; /* of Retired, oldest first; under retired_lock */

static void slot_release(gpointer data)
{
    ReaderSlot *slot = data;

    atomic_store(&slot->epoch, 0);
    atomic_store(&slot->used, false);
}

static GPrivate thread_slot = G_PRIVATE_INIT(slot_release);

static ReaderSlot *slot_claim(void)
{
    ReaderSlot *slot;

    for (slot = atomic_load(&slots); slot; slot = slot->next) {
        bool expected = false;
        if (atomic_compare_exchange_strong(&slot->used, &expected, true)) {
            return slot;
        }
    }
    slot = g_new0(ReaderSlot, 1);
    atomic_store(&slot->used, true);
    slot->next = atomic_load(&slots);
    while (!atomic_compare_exchange_weak(&slots, &slot->next, slot)) {
        /* slot->next was reloaded */
    }
    return slot;
}

static ReaderSlot *slot_get(void)
{
    static _Thread_local ReaderSlot *cached;

    if (G_UNLIKELY(!cached)) {
        cached = slot_claim();
        g_private_set(&thread_slot, cached);
    }
    return cached;
}

void read_section_enter(void)
{
    ReaderSlot *slot = slot_get();

    if (slot->depth++ == 0) {
        atomic_store(&slot->epoch, atomic_load(&current_epoch));
    }
}

void read_section_leave(void)
{
    ReaderSlot *slot = slot_get();

    g_assert(slot->depth > 0);
    if (--slot->depth == 0) {
        atomic_store_explicit(&slot->epoch, 0, memory_order_release);
    }
}

static uint64_t oldest_reader(void)
{
    uint64_t oldest = UINT64_MAX;

    for (ReaderSlot *slot = atomic_load(&slots); slot; slot = slot->next) {
        uint64_t epoch = atomic_load(&slot->epoch);
        if (epoch != 0 && epoch < oldest) {
            oldest = epoch;
        }
    }
    return oldest;
}

unsigned read_section_reclaim(void)
{
    uint64_t oldest = oldest_reader();
    GQueue ready = G_QUEUE_INIT;
    Retired *entry;
    unsigned left;

    g_mutex_lock(&retired_lock);
    while ((entry = g_queue_peek_head(&retired)) && entry->epoch < oldest) {
        g_queue_push_tail(&ready, g_queue_pop_head(&retired));
    }
    left = g_queue_get_length(&retired);
    g_mutex_unlock(&retired_lock);

    while ((entry = g_queue_pop_head(&ready))) {
        entry->free_object(entry->object);
        g_free(entry);
    }
    return left;
}

void read_section_retire(void *object, GDestroyNotify free_object)
{
    Retired *entry = g_new(Retired, 1);

    entry->object = object;
    entry->free_object = free_object;
    g_mutex_lock(&retired_lock);
    /* Readers that enter from here on read a higher epoch and can only see the replacement. */
    entry->epoch = atomic_fetch_add(&current_epoch, 1);
    g_queue_push_tail(&retired, entry);
    g_mutex_unlock(&retired_lock);
    read_section_reclaim();
}
