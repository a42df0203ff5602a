/*
 * Flat views: a region tree rendered to a sorted list of disjoint ranges.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdatomic.h>
#include <string.h>

#include "util/memory_private.h"

typedef unsigned __int128 wide;

typedef struct {
    FlatView view;
    atomic_int references;
} SharedView;

/* What is being rendered, and through which window of the address space. */
typedef struct {
    GArray *ranges;    /* of FlatRange, sorted */
    GArray *doorbells; /* of Doorbell */
} Rendering;

typedef struct {
    wide start, end;
} Window;

static void insert_range(GArray *ranges, guint index, wide start, wide end, MemoryRegion *region,
                         hwaddr offset, bool readonly)
{
    FlatRange range = {start, end - start, region, offset, readonly, region->trapped};

    g_array_insert_val(ranges, index, range);
}

/* Fills the gaps of [start, end) that no higher priority has taken with @region; @base is its address. */
static void render_leaf(Rendering *out, MemoryRegion *region, __int128 base, Window window,
                        bool readonly)
{
    wide at = window.start;
    guint i = 0;

    while (at < window.end) {
        FlatRange *range = NULL;

        for (; i < out->ranges->len; i++) {
            range = &g_array_index(out->ranges, FlatRange, i);
            if (range->start + range->size > at) {
                break;
            }
            range = NULL;
        }
        if (!range || range->start >= window.end) {
            insert_range(out->ranges, i, at, window.end, region, (hwaddr)((__int128)at - base),
                         readonly);
            return;
        }
        if (range->start > at) {
            wide gap_end = range->start;
            insert_range(out->ranges, i, at, gap_end, region, (hwaddr)((__int128)at - base),
                         readonly);
            at = gap_end;
            i++;
            continue;
        }
        at = range->start + range->size;
        i++;
    }
}

static void render_doorbells(Rendering *out, MemoryRegion *region, __int128 base, Window window)
{
    for (guint i = 0; region->doorbells && i < region->doorbells->len; i++) {
        Doorbell doorbell = g_array_index(region->doorbells, Doorbell, i);
        __int128 address = base + doorbell.address;

        if (address >= (__int128)window.start &&
            address + MAX(doorbell.size, 1) <= (__int128)window.end) {
            doorbell.address = (hwaddr)address;
            g_array_append_val(out->doorbells, doorbell);
        }
    }
}

/* @base: where @region's first byte lies in the address space; may be negative through an alias. */
static void render(Rendering *out, MemoryRegion *region, __int128 base, Window window, bool readonly)
{
    if (!region->enabled) {
        return;
    }
    if (base > (__int128)window.start) {
        window.start = (wide)base;
    }
    if (base + (__int128)region->size < (__int128)window.end) {
        window.end = base + (__int128)region->size < 0 ? 0 : (wide)(base + (__int128)region->size);
    }
    if (window.start >= window.end) {
        return;
    }
    readonly |= region->readonly;
    if (region->kind == MEMORY_REGION_ALIAS) {
        render(out, region->alias, base - (__int128)region->alias_offset, window, readonly);
        return;
    }
    for (GList *child = region->children; child; child = child->next) {
        MemoryRegion *sub = child->data;
        render(out, sub, base + (__int128)sub->address, window, readonly);
    }
    if (region->kind != MEMORY_REGION_CONTAINER) {
        render_leaf(out, region, base, window, readonly);
        render_doorbells(out, region, base, window);
    }
}

static bool can_merge(const FlatRange *a, const FlatRange *b)
{
    return a->start + a->size == b->start && a->region == b->region &&
           a->readonly == b->readonly && a->trapped == b->trapped &&
           (wide)a->offset + a->size == b->offset;
}

static void merge_neighbours(GArray *ranges)
{
    guint kept = 0;

    for (guint i = 1; i < ranges->len; i++) {
        FlatRange *last = &g_array_index(ranges, FlatRange, kept);
        FlatRange *range = &g_array_index(ranges, FlatRange, i);

        if (can_merge(last, range)) {
            last->size += range->size;
        } else {
            g_array_index(ranges, FlatRange, ++kept) = *range;
        }
    }
    if (ranges->len > 0) {
        g_array_set_size(ranges, kept + 1);
    }
}

FlatView *flat_view_render(MemoryRegion *root)
{
    SharedView *shared = g_new0(SharedView, 1);
    Rendering out = {g_array_new(FALSE, FALSE, sizeof(FlatRange)),
                     g_array_new(FALSE, FALSE, sizeof(Doorbell))};
    Window whole = {0, (wide)1 << 64};

    render(&out, root, 0, whole, false);
    merge_neighbours(out.ranges);
    atomic_init(&shared->references, 1);
    shared->view.count = out.ranges->len;
    shared->view.doorbell_count = out.doorbells->len;
    shared->view.ranges = (FlatRange *)(void *)g_array_free(out.ranges, FALSE);
    shared->view.doorbells = (Doorbell *)(void *)g_array_free(out.doorbells, FALSE);
    return &shared->view;
}

FlatView *flat_view_ref(FlatView *view)
{
    atomic_fetch_add(&((SharedView *)(void *)view)->references, 1);
    return view;
}

void flat_view_unref(FlatView *view)
{
    SharedView *shared = (SharedView *)(void *)view;

    if (view && atomic_fetch_sub(&shared->references, 1) == 1) {
        g_free(view->ranges);
        g_free(view->doorbells);
        g_free(shared);
    }
}

static bool range_equal(const FlatRange *a, const FlatRange *b)
{
    return a->start == b->start && a->size == b->size && a->region == b->region &&
           a->offset == b->offset && a->readonly == b->readonly && a->trapped == b->trapped;
}

static bool doorbell_equal(const Doorbell *a, const Doorbell *b)
{
    return a->address == b->address && a->size == b->size && a->match == b->match &&
           a->data == b->data && a->fd == b->fd;
}

bool flat_view_equal(const FlatView *a, const FlatView *b)
{
    if (a->count != b->count || a->doorbell_count != b->doorbell_count) {
        return false;
    }
    for (unsigned i = 0; i < a->count; i++) {
        if (!range_equal(&a->ranges[i], &b->ranges[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < a->doorbell_count; i++) {
        if (!doorbell_equal(&a->doorbells[i], &b->doorbells[i])) {
            return false;
        }
    }
    return true;
}

const FlatRange *flat_view_find(const FlatView *view, uint64_t address)
{
    unsigned low = 0, high = view->count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        const FlatRange *range = &view->ranges[middle];

        if (address < range->start) {
            high = middle;
        } else if (address >= range->start + range->size) {
            low = middle + 1;
        } else {
            return range;
        }
    }
    return NULL;
}
