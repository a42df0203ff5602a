/*
 * The guest's memory for Xen: special pages shown at frames of the guest's choice, frames that show
 * other frames, and frames given back to the host.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <cpuid.h>
#include <string.h>

#include "hw/i386/kvm/xen_host.h"
#include "util/error.h"
#include "util/machine_lock.h"
#include "util/read_section.h"
#include "util/trace.h"

TRACE_DEFINE(xen_page)

/* Over RAM, BARs and ROMs alike. */
#define OVERLAY_PRIORITY 1000
/* Each alias is a KVM memory slot and a range of the flat view. */
#define MAX_ALIASES 4096u
#define MAX_GFN     ((UINT64_C(1) << (52 - XEN_PAGE_SHIFT)) - 1)

/* Frames where KVM has pages of its own, or where the guest may not hide ours. */
static const struct {
    uint64_t first, last;
} taken[] = {
    {0xfee00, 0xfee00},                                               /* LAPIC */
    {XEN_SPECIAL_BASE >> XEN_PAGE_SHIFT, (UINT64_C(1) << 20) - 1},    /* ours, KVM's, the firmware */
};

/* KVM takes no memory beyond what the host's processor can address. */
static uint64_t highest_frame(void)
{
    unsigned eax = 0, ebx, ecx, edx;
    unsigned bits = __get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx) ? eax & 0xff : 36;

    return MIN((UINT64_C(1) << (bits - XEN_PAGE_SHIFT)) - 1, MAX_GFN);
}

static bool frame_is_taken(const KvmXenHost *host, uint64_t gfn)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(taken); i++) {
        if (gfn >= taken[i].first && gfn <= taken[i].last) {
            return true;
        }
    }
    return gfn > host->max_gfn;
}

void *xen_host_special_page(KvmXenHost *host, unsigned index)
{
    return (uint8_t *)memory_region_host(&host->special) + index * XEN_PAGE_SIZE;
}

void *xen_host_page_memory(XenHost *xen, XenPageKind kind, unsigned index)
{
    KvmXenHost *host = xen_host_of(xen);
    uint64_t offset = (uint64_t)index * XEN_PAGE_SIZE;

    if (kind >= XEN_PAGE_KINDS || offset >= memory_region_size(&host->pages[kind])) {
        return NULL;
    }
    return (uint8_t *)memory_region_host(&host->pages[kind]) + offset;
}

/* ---- what is shown where ---- */

typedef struct {
    MemoryRegion region;
    bool frame; /* of RAM, and counted in @aliases; else a special page */
} Shown;

static void shown_free(gpointer data)
{
    Shown *shown = data;

    memory_region_destroy(&shown->region);
    g_free(shown);
}

static void show(KvmXenHost *host, uint64_t gfn, Shown *shown)
{
    gint64 *key = g_new(gint64, 1);

    *key = (gint64)gfn;
    memory_region_add_overlap(machine_memory_root(host->machine), gfn << XEN_PAGE_SHIFT,
                              &shown->region, OVERLAY_PRIORITY);
    g_hash_table_insert(host->shown, key, shown);
    host->aliases += shown->frame;
}

/* Readers of the last view may still look at the region: it is freed when they are gone. */
static void hide(KvmXenHost *host, uint64_t gfn)
{
    Shown *shown = g_hash_table_lookup(host->shown, &gfn);

    if (!shown) {
        return;
    }
    g_hash_table_remove(host->shown, &gfn);
    host->aliases -= shown->frame;
    memory_region_remove(&shown->region);
    read_section_retire(shown, shown_free);
}

int xen_host_map_page(XenHost *xen, XenPageKind kind, unsigned index, uint64_t gfn)
{
    KvmXenHost *host = xen_host_of(xen);
    Shown *shown;

    machine_lock_assert();
    if (frame_is_taken(host, gfn) || !xen_host_page_memory(xen, kind, index)) {
        return -XEN_EINVAL;
    }
    hide(host, gfn);
    shown = g_new0(Shown, 1);
    memory_region_init_alias(&shown->region, "xen-page", &host->pages[kind],
                             (hwaddr)index * XEN_PAGE_SIZE, XEN_PAGE_SIZE);
    show(host, gfn, shown);
    TRACE(xen_page, "kind %d index %u at frame 0x%" G_GINT64_MODIFIER "x", (int)kind, index, gfn);
    return 0;
}

void xen_host_unmap_page(XenHost *xen, XenPageKind kind, unsigned index, uint64_t gfn)
{
    machine_lock_assert();
    hide(xen_host_of(xen), gfn);
}

/* ---- frames that show other frames ---- */

static const FlatRange *ram_at(KvmXenHost *host, uint64_t address)
{
    const FlatRange *range =
        flat_view_find(address_space_view(machine_memory(host->machine)), address);

    return range && range->region->kind == MEMORY_REGION_RAM ? range : NULL;
}

int xen_host_alias_frame(XenHost *xen, uint64_t gfn, uint64_t source, bool read_only)
{
    KvmXenHost *host = xen_host_of(xen);
    const FlatRange *range;
    Shown *shown;

    machine_lock_assert();
    if (frame_is_taken(host, gfn) || source > host->max_gfn) {
        return -XEN_EINVAL;
    }
    if (host->aliases >= MAX_ALIASES) {
        return -XEN_ENOMEM;
    }
    range = ram_at(host, source << XEN_PAGE_SHIFT);
    if (!range) {
        return -XEN_EINVAL;
    }
    shown = g_new0(Shown, 1);
    shown->frame = true;
    memory_region_init_alias(&shown->region, "xen-frame", range->region,
                             range->offset + ((source << XEN_PAGE_SHIFT) - (hwaddr)range->start),
                             XEN_PAGE_SIZE);
    memory_region_set_readonly(&shown->region, read_only);
    hide(host, gfn);
    show(host, gfn, shown);
    return 0;
}

void xen_host_unalias_frame(XenHost *xen, uint64_t gfn)
{
    KvmXenHost *host = xen_host_of(xen);

    machine_lock_assert();
    hide(host, gfn);
}

/* ---- ballooning ---- */

static bool is_absent(KvmXenHost *host, uint64_t gfn)
{
    return gfn < host->absent_frames &&
           (atomic_load_explicit(&host->absent[gfn / 64], memory_order_relaxed) >> (gfn % 64) & 1);
}

int xen_host_decommit(XenHost *xen, uint64_t gfn, uint64_t count)
{
    KvmXenHost *host = xen_host_of(xen);

    machine_lock_assert();
    for (uint64_t i = 0; i < count; i++) {
        const FlatRange *range =
            gfn + i < host->absent_frames ? ram_at(host, (gfn + i) << XEN_PAGE_SHIFT) : NULL;
        uint64_t offset;

        if (!range || !range->region->ram) {
            return -XEN_EINVAL;
        }
        offset = range->region->ram_offset + range->offset +
                 (((gfn + i) << XEN_PAGE_SHIFT) - (hwaddr)range->start);
        if (!ram_block_discard(range->region->ram, offset, XEN_PAGE_SIZE)) {
            return -XEN_ENOMEM;
        }
        atomic_fetch_or(&host->absent[(gfn + i) / 64], UINT64_C(1) << ((gfn + i) % 64));
    }
    return 0;
}

/* The host gives zeroed pages by itself when they are next touched. */
int xen_host_repopulate(XenHost *xen, uint64_t gfn, uint64_t count)
{
    KvmXenHost *host = xen_host_of(xen);

    for (uint64_t i = gfn; i < gfn + count && i < host->absent_frames; i++) {
        atomic_fetch_and(&host->absent[i / 64], ~(UINT64_C(1) << (i % 64)));
    }
    return 0;
}

/* ---- as Xen's state machines see it ---- */

void *xen_host_frame(KvmXenHost *host, uint64_t gfn)
{
    uint64_t length = XEN_PAGE_SIZE;
    void *page;

    if (gfn > host->max_gfn || is_absent(host, gfn)) {
        return NULL;
    }
    page = address_space_map(machine_memory(host->machine), gfn << XEN_PAGE_SHIFT, &length, true);
    return length == XEN_PAGE_SIZE ? page : NULL;
}

/* Pages of the guest's own RAM; others are few, and always count as written. */
static _Atomic uint32_t *pins_of(KvmXenHost *host, const void *page)
{
    RamBlock *ram = machine_config(host->machine)->ram_block;
    uint64_t offset = (uint64_t)((const uint8_t *)page - (const uint8_t *)ram_block_host(ram));

    return offset < ram_block_size(ram) ? &host->pinned[offset / XEN_PAGE_SIZE] : NULL;
}

static void *pin(GuestMemory *memory, uint64_t gfn)
{
    KvmXenHost *host = (KvmXenHost *)((char *)memory - offsetof(KvmXenHost, guest_memory));
    void *page = xen_host_frame(host, gfn);
    _Atomic uint32_t *pins = page ? pins_of(host, page) : NULL;

    if (pins) {
        atomic_fetch_add_explicit(pins, 1, memory_order_relaxed);
    }
    return page;
}

static void unpin(GuestMemory *memory, uint64_t gfn, void *page, bool written)
{
    KvmXenHost *host = (KvmXenHost *)((char *)memory - offsetof(KvmXenHost, guest_memory));

    _Atomic uint32_t *pins = pins_of(host, page);

    if (pins) {
        atomic_fetch_sub_explicit(pins, 1, memory_order_relaxed);
    }
    address_space_unmap(machine_memory(host->machine), page, XEN_PAGE_SIZE, written);
}

static void mark_region(MemoryRegion *region)
{
    ram_dirty_mark(memory_region_host(region), memory_region_size(region));
}

void xen_host_mark_written(KvmXenHost *host)
{
    RamBlock *ram = machine_config(host->machine)->ram_block;
    uint64_t pages = ram_block_size(ram) / XEN_PAGE_SIZE;

    for (uint64_t i = 0; i < pages; i++) {
        if (atomic_load_explicit(&host->pinned[i], memory_order_relaxed)) {
            ram_dirty_mark((uint8_t *)ram_block_host(ram) + i * XEN_PAGE_SIZE, XEN_PAGE_SIZE);
        }
    }
    mark_region(&host->special);
    for (unsigned i = 0; i < XEN_PAGE_KINDS; i++) {
        mark_region(&host->pages[i]);
    }
}

bool xen_host_read_ram(void *opaque, uint64_t physical, void *entry, unsigned size)
{
    uint8_t *page = xen_host_frame(opaque, physical >> XEN_PAGE_SHIFT);

    if (!page) {
        return false;
    }
    /* one access: the guest may change the entry meanwhile */
    if (size == 8) {
        *(uint64_t *)entry = __atomic_load_n((uint64_t *)(page + physical % XEN_PAGE_SIZE),
                                             __ATOMIC_RELAXED);
    } else {
        *(uint32_t *)entry = __atomic_load_n((uint32_t *)(page + physical % XEN_PAGE_SIZE),
                                             __ATOMIC_RELAXED);
    }
    return true;
}

static const GuestMemoryOps memory_ops = {
    .translate = xen_host_translate,
    .pin = pin,
    .unpin = unpin,
};

/* ---- life ---- */

static bool init_pages(KvmXenHost *host, GError **error)
{
    static const char *const names[XEN_PAGE_KINDS] = {
        [XEN_PAGE_SHARED_INFO] = "xen-shared-info",
        [XEN_PAGE_GRANT_TABLE] = "xen-grant-table",
        [XEN_PAGE_GRANT_STATUS] = "xen-grant-status",
    };

    for (unsigned i = 0; i < XEN_PAGE_KINDS; i++) {
        unsigned count = i == XEN_PAGE_SHARED_INFO ? 1 : host->kvm->options.xen_max_frames;

        if (!memory_region_init_ram(&host->pages[i], names[i], (uint64_t)count * XEN_PAGE_SIZE,
                                    error)) {
            return false;
        }
    }
    return memory_region_init_ram(&host->special, "xen-special",
                                  XEN_SPECIAL_PAGES * (uint64_t)XEN_PAGE_SIZE, error);
}

bool xen_host_memory_init(KvmXenHost *host, GError **error)
{
    host->guest_memory.ops = &memory_ops;
    host->max_gfn = highest_frame();
    host->shown = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    host->pinned = g_malloc0_n(ram_block_size(machine_config(host->machine)->ram_block) /
                                       XEN_PAGE_SIZE + 1, sizeof(*host->pinned));
    host->absent = g_malloc0_n(host->absent_frames / 64 + 1, sizeof(*host->absent));
    if (!init_pages(host, error)) {
        return false;
    }
    memory_region_add_overlap(machine_memory_root(host->machine), XEN_SPECIAL_BASE, &host->special,
                              OVERLAY_PRIORITY);
    return true;
}

void xen_host_memory_free(KvmXenHost *host)
{
    if (!host->shown) {
        return;
    }
    memory_region_destroy(&host->special);
    for (unsigned i = 0; i < XEN_PAGE_KINDS; i++) {
        memory_region_destroy(&host->pages[i]);
    }
    g_hash_table_destroy(host->shown);
    g_free((void *)host->absent);
    g_free((void *)host->pinned);
}
