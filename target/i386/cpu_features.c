/*
 * Looking features up: by name, by bit, and in what a host offers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "target/i386/cpu_features.h"

/* Names that mean the same bit. */
static const struct {
    const char *other, *name;
} second_names[] = {
    {"sse3", "pni"},       {"pclmuldq", "pclmulqdq"},
    {"sse4-1", "sse4.1"},  {"sse4-2", "sse4.2"},
    {"i64", "lm"},         {"xd", "nx"},
    {"ffxsr", "fxsr-opt"}, {"kvm-clock", "kvmclock"},
};

typedef struct {
    FeatureWord word;
    uint64_t mask;
} Feature;

static void add_name(GHashTable *table, const char *name, FeatureWord word, uint64_t bit)
{
    Feature *feature = g_hash_table_lookup(table, name);

    if (!feature) {
        feature = g_new0(Feature, 1);
        feature->word = word;
        g_hash_table_insert(table, (void *)name, feature);
    }
    if (feature->word == word) {
        feature->mask |= bit;
    }
}

/* By name; made once, kept as long as the process. */
static GHashTable *feature_table(void)
{
    static GHashTable *table;

    if (g_once_init_enter(&table)) {
        GHashTable *made = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);

        for (unsigned word = 0; word < FEATURE_WORD_COUNT; word++) {
            for (unsigned bit = 0; bit < 64; bit++) {
                if (feature_words[word].names[bit]) {
                    add_name(made, feature_words[word].names[bit], word, UINT64_C(1) << bit);
                }
            }
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(second_names); i++) {
            const Feature *feature = g_hash_table_lookup(made, second_names[i].name);
            add_name(made, second_names[i].other, feature->word, feature->mask);
        }
        g_once_init_leave(&table, made);
    }
    return table;
}

bool feature_find(const char *name, FeatureWord *word, uint64_t *mask)
{
    g_autofree char *plain = strchr(name, '_') ? g_strdelimit(g_strdup(name), "_", '-') : NULL;
    const Feature *feature = g_hash_table_lookup(feature_table(), plain ? plain : name);

    if (feature) {
        *word = feature->word;
        *mask = feature->mask;
    }
    return feature != NULL;
}

uint64_t feature_named_bits(FeatureWord word)
{
    uint64_t bits = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        if (feature_words[word].names[bit]) {
            bits |= UINT64_C(1) << bit;
        }
    }
    return bits;
}

char *feature_describe(FeatureWord word, unsigned bit)
{
    static const char *const register_names[] = {"EAX", "EBX", "ECX", "EDX"};
    const FeatureWordInfo *info = &feature_words[word];
    const char *name = info->names[bit];

    if (info->is_msr) {
        return g_strdup_printf("MSR(%02XH)%s%s [bit %u]", info->function, name ? "." : "",
                               name ? name : "", bit);
    }
    return g_strdup_printf("CPUID.%02XH:%s%s%s [bit %u]", info->function, register_names[info->reg],
                           name ? "." : "", name ? name : "", bit);
}

uint32_t cpuid_register(const X86CPUIDEntry *entry, CPUIDRegister reg)
{
    switch (reg) {
    case CPUID_EAX:
        return entry->eax;
    case CPUID_EBX:
        return entry->ebx;
    case CPUID_ECX:
        return entry->ecx;
    case CPUID_EDX:
        return entry->edx;
    }
    return 0;
}

const X86CPUIDEntry *cpuid_find(const X86CPUIDEntry *entries, unsigned count, uint32_t function,
                                uint32_t index)
{
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].function == function &&
            (!entries[i].index_significant || entries[i].index == index)) {
            return &entries[i];
        }
    }
    return NULL;
}

/* What KVM offers beyond its list: bits it leaves to user space to decide. */
static uint64_t host_extra_bits(FeatureWord word)
{
    switch (word) {
    case FEATURE_1_ECX:
        return UINT64_C(1) << 31; /* hypervisor */
    case FEATURE_6_EAX:
        return 1 << 2; /* arat: the LAPIC timer of a guest never stops */
    case FEATURE_40000001_EDX:
        return 1; /* kvm-hint-dedicated */
    case FEATURE_1_EDX:
        return 1 << 28; /* ht: only says that leaf 4 counts are valid */
    default:
        return 0;
    }
}

uint64_t feature_host_value(FeatureWord word, const X86CPUIDEntry *entries, unsigned count)
{
    const FeatureWordInfo *info = &feature_words[word];
    const X86CPUIDEntry *entry;

    if (info->is_msr) {
        entry = cpuid_find(entries, count, X86_HOST_MSR_FUNCTION + info->function, 0);
        return entry ? entry->eax | (uint64_t)entry->edx << 32 : 0;
    }
    entry = cpuid_find(entries, count, info->function, info->index);
    return (entry ? cpuid_register(entry, info->reg) : 0) | host_extra_bits(word);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void feature_print_names(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    unsigned column = 0;

    for (unsigned w = 0; w < FEATURE_WORD_COUNT; w++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            if (feature_words[w].names[bit]) {
                g_ptr_array_add(names, (void *)feature_words[w].names[bit]);
            }
        }
    }
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (i > 0 && g_str_equal(name, g_ptr_array_index(names, i - 1))) {
            continue;
        }
        if (column == 0 || column + strlen(name) + 1 >= 75) {
            column = (unsigned)printf("%s  %s", column ? "\n" : "", name) - (column ? 1 : 0);
        } else {
            column += (unsigned)printf(" %s", name);
        }
    }
    printf("\n");
}
