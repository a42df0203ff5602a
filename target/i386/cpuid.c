/*
 * The CPUID of a guest's processor, leaf by leaf.
 *
 * Sources: Intel SDM volume 2A CPUID; AMD APM volume 3 appendix E; the kernel's
 * Documentation/virt/kvm/x86/cpuid.rst for 0x40000000.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "target/i386/cpuid_leaves.h"

typedef struct {
    const X86CPUModel *model;
    uint32_t apic_id;
    GArray *entries; /* of X86CPUIDEntry */
} Builder;

static unsigned width_of(unsigned count)
{
    unsigned width = 0;

    while ((1u << width) < count) {
        width++;
    }
    return width;
}

TopologyWidths topology_widths(const X86Topology *topology)
{
    return (TopologyWidths){width_of(topology->threads), width_of(topology->cores),
                            width_of(topology->dies)};
}

uint32_t x86_apic_id(const X86Topology *topology, unsigned index)
{
    TopologyWidths widths = topology_widths(topology);
    unsigned thread = index % topology->threads;
    unsigned core = index / topology->threads % topology->cores;
    unsigned die = index / (topology->threads * topology->cores) % topology->dies;
    unsigned package = index / (topology->threads * topology->cores * topology->dies);

    return package << (widths.threads + widths.cores + widths.dies) |
           die << (widths.threads + widths.cores) | core << widths.threads | thread;
}

uint32_t x86_cpu_model_signature(const X86CPUModel *model)
{
    uint32_t family =
        model->family > 0xf ? 0xf00 | (model->family - 0xf) << 20 : model->family << 8;

    return family | (model->model & 0xf) << 4 | (model->model & 0xf0) << 12 | model->stepping;
}

static bool is_amd(const X86CPUModel *model)
{
    return g_str_equal(model->vendor, "AuthenticAMD") || g_str_equal(model->vendor, "HygonGenuine");
}

static bool is_intel(const X86CPUModel *model)
{
    return g_str_equal(model->vendor, "GenuineIntel");
}

static unsigned threads_per_package(const X86CPUModel *model)
{
    const X86Topology *topology = &model->topology;

    return topology->dies * topology->cores * topology->threads;
}

static void add(Builder *builder, X86CPUIDEntry entry)
{
    g_array_append_val(builder->entries, entry);
}

static bool add_host_copy(Builder *builder, uint32_t function)
{
    const X86CPUModel *model = builder->model;
    bool found = false;

    for (unsigned i = 0; i < model->host_count; i++) {
        if (model->host[i].function == function) {
            add(builder, model->host[i]);
            found = true;
        }
    }
    return found;
}

static uint32_t word(const Builder *builder, FeatureWord index)
{
    return (uint32_t)builder->model->features[index];
}

static void put_vendor(const X86CPUModel *model, X86CPUIDEntry *entry)
{
    char vendor[12] = "";

    memcpy(vendor, model->vendor, strnlen(model->vendor, sizeof(vendor)));
    memcpy(&entry->ebx, vendor, 4);
    memcpy(&entry->edx, vendor + 4, 4);
    memcpy(&entry->ecx, vendor + 8, 4);
}

static void leaf_0(Builder *builder)
{
    X86CPUIDEntry entry = {.function = 0, .eax = builder->model->level};

    put_vendor(builder->model, &entry);
    add(builder, entry);
}

static void leaf_1(Builder *builder)
{
    const X86CPUModel *model = builder->model;
    unsigned threads = threads_per_package(model);
    X86CPUIDEntry entry = {
        .function = 1,
        .eax = x86_cpu_model_signature(model),
        .ebx = builder->apic_id << 24 | 8 << 8, /* CLFLUSH of 64 bytes */
        .ecx = word(builder, FEATURE_1_ECX),
        .edx = word(builder, FEATURE_1_EDX),
    };

    if (threads > 1) {
        entry.ebx |= MIN(threads, 255u) << 16;
        entry.edx |= 1 << 28;
    }
    if (!model->pmu) {
        entry.ecx &= ~(1u << 15);
    }
    add(builder, entry);
}

static void leaf_2(Builder *builder)
{
    X86CPUIDEntry entry = {.function = 2};

    if (builder->model->host_cache_info && add_host_copy(builder, 2)) {
        return;
    }
    if (!is_amd(builder->model)) {
        cpuid_cache_leaf_2(builder->model, &entry);
    }
    add(builder, entry);
}

static void leaf_4(Builder *builder)
{
    if (builder->model->host_cache_info && add_host_copy(builder, 4)) {
        return;
    }
    for (unsigned index = 0; index < 5; index++) {
        X86CPUIDEntry entry = {.function = 4, .index = index, .index_significant = true};

        if (!is_amd(builder->model)) {
            cpuid_cache_leaf_4(builder->model, index, &entry);
        }
        add(builder, entry);
        if (!entry.eax) {
            break;
        }
    }
}

static void leaf_5(Builder *builder)
{
    /* MONITOR extensions, and interrupts as break events */
    add(builder, (X86CPUIDEntry){.function = 5, .ecx = 3});
}

static void leaf_6(Builder *builder)
{
    add(builder, (X86CPUIDEntry){.function = 6, .eax = word(builder, FEATURE_6_EAX)});
}

static void leaf_7(Builder *builder)
{
    uint32_t last = builder->model->level_func7;

    add(builder, (X86CPUIDEntry){.function = 7,
                                 .index_significant = true,
                                 .eax = last,
                                 .ebx = word(builder, FEATURE_7_0_EBX),
                                 .ecx = word(builder, FEATURE_7_0_ECX),
                                 .edx = word(builder, FEATURE_7_0_EDX)});
    if (last >= 1) {
        add(builder, (X86CPUIDEntry){.function = 7,
                                     .index = 1,
                                     .index_significant = true,
                                     .eax = word(builder, FEATURE_7_1_EAX),
                                     .edx = word(builder, FEATURE_7_1_EDX)});
    }
    if (last >= 2) {
        add(builder, (X86CPUIDEntry){.function = 7,
                                     .index = 2,
                                     .index_significant = true,
                                     .edx = word(builder, FEATURE_7_2_EDX)});
    }
}

static void leaf_a(Builder *builder)
{
    if (!builder->model->pmu || !add_host_copy(builder, 0xa)) {
        add(builder, (X86CPUIDEntry){.function = 0xa});
    }
}

typedef struct {
    unsigned type, shift, count;
} TopologyLevel;

static void add_levels(Builder *builder, uint32_t function, const TopologyLevel *levels,
                       unsigned count)
{
    for (unsigned i = 0; i <= count; i++) {
        X86CPUIDEntry entry = {.function = function,
                               .index = i,
                               .index_significant = true,
                               .ecx = i,
                               .edx = builder->apic_id};
        if (i < count) {
            entry.eax = levels[i].shift;
            entry.ebx = levels[i].count;
            entry.ecx |= levels[i].type << 8;
        }
        add(builder, entry);
    }
}

static void leaf_b(Builder *builder)
{
    const X86Topology *topology = &builder->model->topology;
    TopologyWidths widths = topology_widths(topology);
    TopologyLevel levels[] = {
        {1, widths.threads, topology->threads},
        {2, widths.threads + widths.cores + widths.dies, threads_per_package(builder->model)},
    };

    if (builder->model->cpuid_0xb) {
        add_levels(builder, 0xb, levels, G_N_ELEMENTS(levels));
    }
}

static void leaf_1f(Builder *builder)
{
    const X86Topology *topology = &builder->model->topology;
    TopologyWidths widths = topology_widths(topology);
    TopologyLevel levels[] = {
        {1, widths.threads, topology->threads},
        {2, widths.threads + widths.cores, topology->threads * topology->cores},
        {5, widths.threads + widths.cores + widths.dies, threads_per_package(builder->model)},
    };

    if (topology->dies > 1) {
        add_levels(builder, 0x1f, levels, G_N_ELEMENTS(levels));
    }
}

static void leaf_d(Builder *builder)
{
    for (unsigned index = 0; index < 32; index++) {
        X86CPUIDEntry entry = {.function = 0xd, .index = index, .index_significant = true};

        if (cpuid_xsave_leaf(builder->model, index, &entry)) {
            add(builder, entry);
        }
    }
}

static void leaf_14(Builder *builder)
{
    if (x86_cpu_model_has(builder->model, "intel-pt")) {
        add_host_copy(builder, 0x14);
    }
}

static void leaf_1d(Builder *builder)
{
    if (!x86_cpu_model_has(builder->model, "amx-tile")) {
        return;
    }
    /* one palette: 8 tiles of 16 rows of 64 bytes */
    add(builder, (X86CPUIDEntry){.function = 0x1d, .index_significant = true, .eax = 1});
    add(builder, (X86CPUIDEntry){.function = 0x1d,
                                 .index = 1,
                                 .index_significant = true,
                                 .eax = 0x04002000,
                                 .ebx = 0x00080040,
                                 .ecx = 16});
    add(builder, (X86CPUIDEntry){.function = 0x1e, .index_significant = true, .ebx = 0x4010});
}

static void leaf_80000000(Builder *builder)
{
    X86CPUIDEntry entry = {.function = 0x80000000, .eax = builder->model->xlevel};

    put_vendor(builder->model, &entry);
    add(builder, entry);
}

static void leaf_80000001(Builder *builder)
{
    const X86CPUModel *model = builder->model;
    X86CPUIDEntry entry = {.function = 0x80000001,
                           .eax = x86_cpu_model_signature(model),
                           .ecx = word(builder, FEATURE_80000001_ECX),
                           .edx = word(builder, FEATURE_80000001_EDX)};

    /* CmpLegacy; on an Intel processor Linux would drop the thread information for it */
    if (threads_per_package(model) > 1 && !is_intel(model)) {
        entry.ecx |= 2;
    }
    add(builder, entry);
}

static void leaf_80000002(Builder *builder)
{
    char brand[48] = "";

    memcpy(brand, builder->model->model_id, strnlen(builder->model->model_id, sizeof(brand)));
    for (unsigned i = 0; i < 3; i++) {
        X86CPUIDEntry entry = {.function = 0x80000002 + i};

        memcpy(&entry.eax, brand + 16 * i, 4);
        memcpy(&entry.ebx, brand + 16 * i + 4, 4);
        memcpy(&entry.ecx, brand + 16 * i + 8, 4);
        memcpy(&entry.edx, brand + 16 * i + 12, 4);
        add(builder, entry);
    }
}

static void leaf_80000005(Builder *builder)
{
    X86CPUIDEntry entry = {.function = 0x80000005};

    if (builder->model->host_cache_info && add_host_copy(builder, 0x80000005)) {
        return;
    }
    if (!is_intel(builder->model)) {
        cpuid_cache_leaf_80000005(builder->model, &entry);
    }
    add(builder, entry);
}

static void leaf_80000006(Builder *builder)
{
    X86CPUIDEntry entry = {.function = 0x80000006};

    if (builder->model->host_cache_info && add_host_copy(builder, 0x80000006)) {
        return;
    }
    cpuid_cache_leaf_80000006(builder->model, &entry);
    add(builder, entry);
}

static void leaf_80000007(Builder *builder)
{
    add(builder, (X86CPUIDEntry){.function = 0x80000007,
                                 .ebx = word(builder, FEATURE_80000007_EBX),
                                 .edx = word(builder, FEATURE_80000007_EDX)});
}

static void leaf_80000008(Builder *builder)
{
    const X86CPUModel *model = builder->model;
    TopologyWidths widths = topology_widths(&model->topology);
    unsigned threads = threads_per_package(model);
    unsigned linear = !x86_cpu_model_has(model, "lm")    ? 32
                      : x86_cpu_model_has(model, "la57") ? 57
                                                         : 48;
    X86CPUIDEntry entry = {.function = 0x80000008,
                           .eax = model->phys_bits | linear << 8,
                           .ebx = word(builder, FEATURE_80000008_EBX)};

    if (threads > 1) {
        entry.ecx = (widths.threads + widths.cores + widths.dies) << 12 | (threads - 1);
    }
    add(builder, entry);
}

static void leaf_8000000a(Builder *builder)
{
    if (x86_cpu_model_has(builder->model, "svm")) {
        add(builder, (X86CPUIDEntry){.function = 0x8000000a,
                                     .eax = 1,
                                     .ebx = 16, /* address space ids */
                                     .edx = word(builder, FEATURE_8000000A_EDX)});
    }
}

static void leaf_8000001d(Builder *builder)
{
    const X86CPUModel *model = builder->model;

    if (!x86_cpu_model_has(model, "topoext") ||
        (model->host_cache_info && add_host_copy(builder, 0x8000001d))) {
        return;
    }
    for (unsigned index = 0; index < 5; index++) {
        X86CPUIDEntry entry = {.function = 0x8000001d, .index = index, .index_significant = true};

        cpuid_cache_leaf_8000001d(model, index, &entry);
        add(builder, entry);
        if (!entry.eax) {
            break;
        }
    }
}

static void leaf_8000001e(Builder *builder)
{
    const X86Topology *topology = &builder->model->topology;
    TopologyWidths widths = topology_widths(topology);
    uint32_t core = builder->apic_id >> widths.threads & ((1u << widths.cores) - 1);
    uint32_t die = builder->apic_id >> (widths.threads + widths.cores) & ((1u << widths.dies) - 1);
    uint32_t package = builder->apic_id >> (widths.threads + widths.cores + widths.dies);

    if (x86_cpu_model_has(builder->model, "topoext")) {
        add(builder,
            (X86CPUIDEntry){
                .function = 0x8000001e,
                .eax = builder->apic_id,
                .ebx = (core & 0xff) | (topology->threads - 1) << 8,
                .ecx = ((package * topology->dies + die) & 0xff) | (topology->dies - 1) << 8,
            });
    }
}

static void leaf_80000021(Builder *builder)
{
    if (builder->model->xlevel >= 0x80000021) {
        add(builder,
            (X86CPUIDEntry){.function = 0x80000021, .eax = word(builder, FEATURE_80000021_EAX)});
    }
}

static void leaf_c0000000(Builder *builder)
{
    if (builder->model->xlevel2) {
        add(builder, (X86CPUIDEntry){.function = 0xc0000000, .eax = builder->model->xlevel2});
        add(builder,
            (X86CPUIDEntry){.function = 0xc0000001, .edx = word(builder, FEATURE_C0000001_EDX)});
    }
}

/* KVM's leaves give way to Hyper-V's. */
static void leaf_40000000(Builder *builder)
{
    bool hyperv = x86_cpu_model_shows_hyperv(builder->model);
    uint32_t base = hyperv ? 0x40000100 : 0x40000000;
    X86CPUIDEntry entry = {.function = base, .eax = base + 1};
    X86CPUIDEntry leaves_of_hyperv[HYPERV_LEAVES];

    if (hyperv) {
        g_array_append_vals(builder->entries, leaves_of_hyperv,
                            cpu_hyperv_leaves(builder->model, leaves_of_hyperv));
    }
    if (!builder->model->kvm) {
        return;
    }
    memcpy(&entry.ebx, "KVMK", 4);
    memcpy(&entry.ecx, "VMKV", 4);
    memcpy(&entry.edx, "M\0\0\0", 4);
    add(builder, entry);
    add(builder, (X86CPUIDEntry){.function = base + 1,
                                 .eax = word(builder, FEATURE_40000001_EAX),
                                 .edx = word(builder, FEATURE_40000001_EDX)});
}

typedef struct {
    uint32_t function;
    void (*make)(Builder *builder);
} Leaf;

/* A leaf is made if the level of its kind reaches it. */
static const Leaf leaves[] = {
    {0, leaf_0},
    {1, leaf_1},
    {2, leaf_2},
    {4, leaf_4},
    {5, leaf_5},
    {6, leaf_6},
    {7, leaf_7},
    {0xa, leaf_a},
    {0xb, leaf_b},
    {0xd, leaf_d},
    {0x14, leaf_14},
    {0x1d, leaf_1d},
    {0x1f, leaf_1f},
    {0x40000000, leaf_40000000},
    {0x80000000, leaf_80000000},
    {0x80000001, leaf_80000001},
    {0x80000002, leaf_80000002},
    {0x80000005, leaf_80000005},
    {0x80000006, leaf_80000006},
    {0x80000007, leaf_80000007},
    {0x80000008, leaf_80000008},
    {0x8000000a, leaf_8000000a},
    {0x8000001d, leaf_8000001d},
    {0x8000001e, leaf_8000001e},
    {0x80000021, leaf_80000021},
    {0xc0000000, leaf_c0000000},
};

static bool level_reaches(const X86CPUModel *model, uint32_t function)
{
    if (function < 0x40000000) {
        return function <= model->level;
    }
    return function >> 16 != 0x8000 || function == 0x80000000 || function <= model->xlevel;
}

X86CPUIDEntry *x86_cpu_model_cpuid(const X86CPUModel *model, uint32_t apic_id, unsigned *count)
{
    Builder builder = {model, apic_id, g_array_new(FALSE, TRUE, sizeof(X86CPUIDEntry))};

    for (unsigned i = 0; i < G_N_ELEMENTS(leaves); i++) {
        if (level_reaches(model, leaves[i].function)) {
            leaves[i].make(&builder);
        }
    }
    *count = builder.entries->len;
    return (X86CPUIDEntry *)(void *)g_array_free(builder.entries, FALSE);
}
