/*
 * The cache leaves: 2 and 4 as Intel tells them, 0x80000005, 0x80000006 and 0x8000001d as AMD does.
 *
 * Sources: Intel SDM volume 2A CPUID leaves 2 and 4; AMD APM volume 3 E.4.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "target/i386/cpuid_leaves.h"

typedef enum { CACHE_DATA = 1, CACHE_INSTRUCTION = 2, CACHE_UNIFIED = 3 } CacheType;

typedef struct {
    CacheType type;
    unsigned level, kib, ways;
    bool self_init, inclusive, complex_index, no_invd_sharing;
    bool shared_by_package;
} Cache;

enum { L1D, L1I, L2, L3, CACHE_COUNT };

static const Cache caches_generic[CACHE_COUNT] = {
    {CACHE_DATA, 1, 32, 8, true, false, false, true, false},
    {CACHE_INSTRUCTION, 1, 32, 8, true, false, false, true, false},
    {CACHE_UNIFIED, 2, 4096, 16, true, false, false, true, false},
    {CACHE_UNIFIED, 3, 16384, 16, true, true, true, false, true},
};

#define ZEN(l1i_kib, l1i_ways, l2_kib, l3_kib)                                                     \
    {                                                                                              \
        {CACHE_DATA, 1, 32, 8, true, false, false, true, false},                                   \
            {CACHE_INSTRUCTION, 1, l1i_kib, l1i_ways, true, false, false, true, false},            \
            {CACHE_UNIFIED, 2, l2_kib, 8, true, true, false, false, false},                        \
            {CACHE_UNIFIED, 3, l3_kib, 16, true, true, true, false, true},                         \
    }

static const Cache caches_epyc[CACHE_COUNT] = ZEN(64, 4, 512, 8192);
static const Cache caches_rome[CACHE_COUNT] = ZEN(32, 8, 512, 16384);
static const Cache caches_milan[CACHE_COUNT] = ZEN(32, 8, 512, 32768);
static const Cache caches_genoa[CACHE_COUNT] = ZEN(32, 8, 1024, 32768);

static const Cache *caches_of(const X86CPUModel *model)
{
    static const Cache *const tables[] = {
        [CACHES_INHERIT] = caches_generic, [CACHES_GENERIC] = caches_generic,
        [CACHES_EPYC] = caches_epyc,       [CACHES_ROME] = caches_rome,
        [CACHES_MILAN] = caches_milan,     [CACHES_GENOA] = caches_genoa,
    };

    return tables[model->legacy_cache ? CACHES_GENERIC : model->caches];
}

static unsigned cache_count(const X86CPUModel *model)
{
    return model->l3_cache ? CACHE_COUNT : L3;
}

/* Leaves 4 and 0x8000001d share the layout of EBX, ECX and EDX. */
static void encode_geometry(const Cache *cache, X86CPUIDEntry *entry)
{
    unsigned sets = cache->kib * 1024 / 64 / cache->ways;

    entry->eax = cache->type | cache->level << 5 | (cache->self_init ? 1u << 8 : 0);
    entry->ebx = 63 | (cache->ways - 1) << 22;
    entry->ecx = sets - 1;
    entry->edx = (cache->no_invd_sharing ? 1 : 0) | (cache->inclusive ? 2 : 0) |
                 (cache->complex_index ? 4 : 0);
}

static unsigned mask_of_width(unsigned width)
{
    return (1u << width) - 1;
}

void cpuid_cache_leaf_4(const X86CPUModel *model, unsigned index, X86CPUIDEntry *entry)
{
    TopologyWidths widths = topology_widths(&model->topology);
    unsigned package = widths.threads + widths.cores + widths.dies;
    const Cache *cache;

    if (index >= cache_count(model)) {
        return;
    }
    cache = &caches_of(model)[index];
    encode_geometry(cache, entry);
    entry->eax |= mask_of_width(cache->shared_by_package ? package : widths.threads) << 14 |
                  mask_of_width(package - widths.threads) << 26;
}

void cpuid_cache_leaf_8000001d(const X86CPUModel *model, unsigned index, X86CPUIDEntry *entry)
{
    const X86Topology *topology = &model->topology;
    const Cache *cache;

    if (index >= cache_count(model)) {
        return;
    }
    cache = &caches_of(model)[index];
    encode_geometry(cache, entry);
    entry->eax |=
        (cache->shared_by_package ? topology->cores * topology->threads - 1 : topology->threads - 1)
        << 14;
}

void cpuid_cache_leaf_2(const X86CPUModel *model, X86CPUIDEntry *entry)
{
    /* 0x2c and 0x30: 32 KiB L1 data and code, 8 ways; 0x7d: 2 MiB L2; 0x4d: 16 MiB L3 */
    entry->eax = 1;
    entry->ecx = model->l3_cache ? 0x4d : 0;
    entry->edx = 0x002c307d;
}

void cpuid_cache_leaf_80000005(const X86CPUModel *model, X86CPUIDEntry *entry)
{
    const Cache *caches = caches_of(model);
    /* 255 entries, fully associative, for both page sizes */
    const uint32_t tlb = 0x01ff01ff;

    entry->eax = entry->ebx = tlb;
    if (caches == caches_generic) {
        entry->ecx = entry->edx = 0x40020140; /* 64 KiB, 2 ways: the K8's */
        return;
    }
    entry->ecx = caches[L1D].kib << 24 | caches[L1D].ways << 16 | 1 << 8 | 64;
    entry->edx = caches[L1I].kib << 24 | caches[L1I].ways << 16 | 1 << 8 | 64;
}

/* The code of an associativity in leaf 0x80000006. */
static unsigned associativity_code(unsigned ways)
{
    switch (ways) {
    case 8:
        return 6;
    case 16:
        return 8;
    default:
        return 0xf;
    }
}

void cpuid_cache_leaf_80000006(const X86CPUModel *model, X86CPUIDEntry *entry)
{
    const Cache *caches = caches_of(model);
    unsigned l2_kib = caches == caches_generic ? 512 : caches[L2].kib;
    unsigned l2_ways = caches == caches_generic ? 16 : caches[L2].ways;

    entry->ebx = 0x42004200; /* 512 entries, 4 ways, for 4 KiB pages */
    entry->ecx = l2_kib << 16 | associativity_code(l2_ways) << 12 | 1 << 8 | 64;
    if (model->l3_cache) {
        entry->edx =
            caches[L3].kib / 512 << 18 | associativity_code(caches[L3].ways) << 12 | 1 << 8 | 64;
    }
}
