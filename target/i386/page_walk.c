/*
 * The walk through a guest's page tables.
 *
 * Source: Intel SDM volume 3A, chapter 4: 32-bit, PAE, 4-level and 5-level paging.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "target/i386/page_walk.h"

#define CR0_WP   (UINT64_C(1) << 16)
#define CR0_PG   (UINT64_C(1) << 31)
#define CR4_PSE  (UINT64_C(1) << 4)
#define CR4_PAE  (UINT64_C(1) << 5)
#define CR4_LA57 (UINT64_C(1) << 12)
#define EFER_LMA (UINT64_C(1) << 10)

#define ENTRY_PRESENT  (UINT64_C(1) << 0)
#define ENTRY_WRITABLE (UINT64_C(1) << 1)
#define ENTRY_LARGE    (UINT64_C(1) << 7)
#define ENTRY_ADDRESS  UINT64_C(0x000ffffffffff000)

/* A kind of paging as levels of tables, the last one (level 1) first to be a page. */
typedef struct {
    unsigned levels;
    unsigned entry_size;  /* bytes */
    unsigned index_bits;  /* of a level */
    unsigned top_bits;    /* of the highest level */
    unsigned large_levels; /* bit n: an entry of level n may be a page */
} Kind;

static const Kind two_level = {2, 4, 10, 10, 1 << 2};
static const Kind two_level_small = {2, 4, 10, 10, 0};
static const Kind three_level = {3, 8, 9, 2, 1 << 2};
static const Kind four_level = {4, 8, 9, 9, 1 << 2 | 1 << 3};
static const Kind five_level = {5, 8, 9, 9, 1 << 2 | 1 << 3};

static const Kind *kind_of(const X86Paging *paging)
{
    if (paging->efer & EFER_LMA) {
        return paging->cr4 & CR4_LA57 ? &five_level : &four_level;
    }
    if (paging->cr4 & CR4_PAE) {
        return &three_level;
    }
    return paging->cr4 & CR4_PSE ? &two_level : &two_level_small;
}

static bool canonical(const X86Paging *paging, const Kind *kind, uint64_t address)
{
    unsigned unused = 64 - (12 + kind->levels * 9);

    if (!(paging->efer & EFER_LMA)) {
        return address <= UINT32_MAX;
    }
    return (uint64_t)((int64_t)(address << unused) >> unused) == address;
}

/* A 4 MiB page's entry has bits 32-39 of the address in bits 13-20 (PSE-36). */
static uint64_t page_base(const Kind *kind, uint64_t entry, uint64_t size)
{
    if (kind->entry_size == 4 && size > 4096) {
        return (entry & 0xffc00000) | (entry & 0x1fe000) << 19;
    }
    return entry & ENTRY_ADDRESS & ~(size - 1);
}

/* Tables of PAE paging begin at a multiple of 32, all others at a page. */
static uint64_t root(const X86Paging *paging, const Kind *kind)
{
    return kind == &three_level      ? paging->cr3 & 0xffffffe0
           : kind->entry_size == 4 ? paging->cr3 & 0xfffff000
                                     : paging->cr3 & ENTRY_ADDRESS;
}

static bool walk(const X86Paging *paging, const Kind *kind, uint64_t address, X86ReadPhysical read,
                 void *opaque, X86Translation *translation)
{
    uint64_t table = root(paging, kind);
    bool writable = true;

    for (unsigned level = kind->levels; level > 0; level--) {
        unsigned shift = 12 + (level - 1) * kind->index_bits;
        unsigned bits = level == kind->levels ? kind->top_bits : kind->index_bits;
        uint64_t index = address >> shift & ((UINT64_C(1) << bits) - 1);
        uint64_t size = UINT64_C(1) << shift, entry = 0;

        if (!read(opaque, table + index * kind->entry_size, &entry, kind->entry_size) ||
            !(entry & ENTRY_PRESENT)) {
            return false;
        }
        /* the four entries at the top of PAE paging have no such bit */
        writable = writable && (entry & ENTRY_WRITABLE || (kind == &three_level && level == 3));
        if (level == 1 || ((entry & ENTRY_LARGE) && (kind->large_levels >> level & 1))) {
            translation->physical = page_base(kind, entry, size) + (address & (size - 1));
            translation->size = size;
            translation->writable = writable || !(paging->cr0 & CR0_WP);
            return true;
        }
        table = entry & (kind->entry_size == 4 ? 0xfffff000 : ENTRY_ADDRESS);
    }
    return false;
}

bool x86_page_walk(const X86Paging *paging, uint64_t address, X86ReadPhysical read, void *opaque,
                   X86Translation *translation)
{
    const Kind *kind;

    if (!(paging->cr0 & CR0_PG)) {
        *translation = (X86Translation){.physical = address, .size = 4096, .writable = true};
        return address <= UINT32_MAX;
    }
    kind = kind_of(paging);
    return canonical(paging, kind, address) &&
           walk(paging, kind, address, read, opaque, translation);
}
