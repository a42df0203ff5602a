/*
 * HMP: info mem and info tlb: what a CPU's page tables map.
 *
 * The tables are the guest's: entries are read one by one, and a table that maps itself over and
 * over ends at a limit of lines.
 *
 * Source: Intel SDM volume 3A, chapter 4.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>

#include "monitor/guest_memory_view.h"
#include "monitor/hmp.h"
#include "util/bytes.h"

#define MAX_LINES   20000u
#define MAX_ENTRIES (1u << 22)

#define CR0_PG   (UINT64_C(1) << 31)
#define CR4_PSE  (UINT64_C(1) << 4)
#define CR4_PAE  (UINT64_C(1) << 5)
#define CR4_LA57 (UINT64_C(1) << 12)
#define EFER_LMA (UINT64_C(1) << 10)

#define ENTRY_PRESENT  (UINT64_C(1) << 0)
#define ENTRY_WRITABLE (UINT64_C(1) << 1)
#define ENTRY_USER     (UINT64_C(1) << 2)
#define ENTRY_LARGE    (UINT64_C(1) << 7)
#define ENTRY_NX       (UINT64_C(1) << 63)
#define ENTRY_ADDRESS  UINT64_C(0x000ffffffffff000)

typedef struct {
    HmpCall *call;
    unsigned entry_size, index_bits, address_bits;
    bool large_leaves; /* level 2 may hold pages */
    unsigned lines;
    uint64_t entries;
    void (*page)(void *walker, uint64_t address, uint64_t size, uint64_t entry, uint64_t rights);
    /* info mem: the range that grows */
    uint64_t start, end, rights;
} Walker;

static bool goes_on(const Walker *walker)
{
    return walker->lines < MAX_LINES && walker->entries < MAX_ENTRIES;
}

static unsigned level_shift(const Walker *walker, unsigned level)
{
    return 12 + (level - 1) * walker->index_bits;
}

static uint64_t canonical(const Walker *walker, uint64_t address)
{
    if (walker->address_bits > 32 && (address >> (walker->address_bits - 1) & 1)) {
        address |= ~UINT64_C(0) << walker->address_bits;
    }
    return address;
}

static void walk_table(Walker *walker, uint64_t table, unsigned level, uint64_t base,
                       uint64_t rights)
{
    unsigned shift = level_shift(walker, level);
    unsigned count = MIN(1u << walker->index_bits, 1u << MIN(walker->address_bits - shift, 31u));

    for (unsigned i = 0; i < count && goes_on(walker); i++) {
        uint8_t raw[8] = {0};
        walker->entries++;
        if (!guest_view_read_physical(table + i * walker->entry_size, raw, walker->entry_size)) {
            return;
        }
        uint64_t entry = load_le64(raw), address = base + ((uint64_t)i << shift);
        /* the four PAE pointers have no rights of their own */
        uint64_t allowed = walker->index_bits == 9 && walker->address_bits == 32 && level == 3
                               ? rights
                               : rights & entry;
        if (!(entry & ENTRY_PRESENT)) {
            continue;
        }
        bool is_page = level == 1 || ((entry & ENTRY_LARGE) && walker->large_leaves &&
                                      (level == 2 || (level == 3 && walker->address_bits > 32)));
        if (is_page) {
            walker->page(walker, canonical(walker, address), UINT64_C(1) << shift, entry, allowed);
        } else {
            walk_table(walker, entry & ENTRY_ADDRESS, level - 1, address, allowed);
        }
    }
}

static bool walk_all(HmpCall *call, Walker *walker, GError **error)
{
    X86Paging paging;
    unsigned levels;

    if (!guest_view_paging(call->monitor->cpu, &paging, error)) {
        return false;
    }
    walker->call = call;
    if (!(paging.cr0 & CR0_PG)) {
        hmp_printf(call, "PG disabled\n");
        return true;
    }
    walker->index_bits = paging.cr4 & CR4_PAE ? 9 : 10;
    walker->entry_size = paging.cr4 & CR4_PAE ? 8 : 4;
    walker->large_leaves = (paging.cr4 & (CR4_PAE | CR4_PSE)) != 0;
    if (paging.efer & EFER_LMA) {
        levels = paging.cr4 & CR4_LA57 ? 5 : 4;
        walker->address_bits = 12 + 9 * levels;
    } else {
        levels = paging.cr4 & CR4_PAE ? 3 : 2;
        walker->address_bits = 32;
    }
    uint64_t mask = levels == 3 ? ~UINT64_C(0x1f) & 0xffffffff : ENTRY_ADDRESS;
    walk_table(walker, paging.cr3 & mask, levels, 0, ENTRY_WRITABLE | ENTRY_USER | ENTRY_PRESENT);
    return true;
}

/* ---- info tlb ---- */

static void print_page(void *opaque, uint64_t address, uint64_t size, uint64_t entry,
                       uint64_t rights)
{
    static const struct {
        unsigned bit;
        char letter;
    } flags[] = {{63, 'X'}, {8, 'G'}, {7, 'P'}, {6, 'D'}, {5, 'A'},
                 {4, 'C'},  {3, 'T'}, {2, 'U'}, {1, 'W'}};
    Walker *walker = opaque;
    char text[G_N_ELEMENTS(flags) + 1] = {0};

    for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
        text[i] = entry >> flags[i].bit & 1 ? flags[i].letter : '-';
    }
    hmp_printf(walker->call, "%016" PRIx64 ": %016" PRIx64 " %s\n", address,
               entry & ENTRY_ADDRESS & ~(size - 1), text);
    walker->lines++;
}

static bool info_tlb(HmpCall *call, GError **error)
{
    Walker walker = {.page = print_page};

    if (!walk_all(call, &walker, error)) {
        return false;
    }
    if (!goes_on(&walker)) {
        hmp_printf(call, "(there is more)\n");
    }
    return true;
}

/* ---- info mem ---- */

static void print_range(Walker *walker)
{
    if (walker->start == walker->end) {
        return;
    }
    hmp_printf(walker->call, "%016" PRIx64 "-%016" PRIx64 " %016" PRIx64 " %c%c%c\n", walker->start,
               walker->end, walker->end - walker->start, walker->rights & ENTRY_USER ? 'u' : '-',
               'r', walker->rights & ENTRY_WRITABLE ? 'w' : '-');
    walker->lines++;
}

static void extend_range(void *opaque, uint64_t address, uint64_t size, uint64_t entry,
                         uint64_t rights)
{
    Walker *walker = opaque;

    rights &= ENTRY_USER | ENTRY_WRITABLE;
    if (walker->start != walker->end && walker->end == address && walker->rights == rights) {
        walker->end += size;
        return;
    }
    print_range(walker);
    walker->start = address;
    walker->end = address + size;
    walker->rights = rights;
}

static bool info_mem(HmpCall *call, GError **error)
{
    Walker walker = {.page = extend_range};

    if (!walk_all(call, &walker, error)) {
        return false;
    }
    print_range(&walker);
    if (!goes_on(&walker)) {
        hmp_printf(call, "(there is more)\n");
    }
    return true;
}

static const HmpCommand info_commands[] = {
    {"mem", "", "what the CPU's page tables map, in ranges", 0, 0, info_mem},
    {"tlb", "", "what the CPU's page tables map, page by page", 0, 0, info_tlb},
};
const HmpTable hmp_info_memory = {info_commands, G_N_ELEMENTS(info_commands)};
