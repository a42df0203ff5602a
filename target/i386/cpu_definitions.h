/*
 * What a named CPU model is made of, and what a parsed -cpu becomes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TARGET_I386_CPU_DEFINITIONS_H
#define TARGET_I386_CPU_DEFINITIONS_H

#include "target/i386/cpu_features.h"

typedef enum {
    CACHES_INHERIT, /* the parent's, or CACHES_GENERIC at the root */
    CACHES_GENERIC,
    CACHES_EPYC,
    CACHES_ROME,
    CACHES_MILAN,
    CACHES_GENOA,
} CacheKind;

/* Fields left out (0 or NULL) are the parent's. */
typedef struct {
    const char *name;   /* with its version: "Nehalem-v2"; "Nehalem" alone means v1 */
    const char *alias;  /* another name of this version: "Nehalem-IBRS" */
    const char *parent; /* name of the row it starts from */
    const char *vendor;
    int family, model, stepping; /* taken together: family 0 means the parent's three */
    uint32_t level, xlevel;
    const char *model_id;
    CacheKind caches;
    const char *note;     /* what the version changes, for -cpu help */
    const char *features; /* names, '-' before one takes it out */
} X86CPUDefinition;

extern const X86CPUDefinition cpu_definitions_basic[], cpu_definitions_intel[],
    cpu_definitions_amd[];
extern const unsigned cpu_definitions_basic_count, cpu_definitions_intel_count,
    cpu_definitions_amd_count;

/** cpu_definition_find: by name with version, plain name or alias; NULL: none. */
const X86CPUDefinition *cpu_definition_find(const char *name);
/** cpu_definition_foreach: every row, in no order. */
void cpu_definition_foreach(void (*visit)(const X86CPUDefinition *definition, void *opaque),
                            void *opaque);
/** cpu_definition_load: fills @model from @definition and its parents. */
void cpu_definition_load(const X86CPUDefinition *definition, X86CPUModel *model);

#define HYPERV_VENDOR_LENGTH 12
#define HYPERV_LEAVES        6

/* hv-...: which rows of cpu_hyperv.c's table are on, and the numbers. */
typedef struct {
    uint32_t rows;
    uint32_t spinlocks; /* retries before a guest tells that it waits */
    char vendor[HYPERV_VENDOR_LENGTH + 1];
    bool spinlocks_set, vendor_set, enforce;
} HypervFeatures;

struct X86CPUModel {
    char *name;
    X86Topology topology;
    uint64_t features[FEATURE_WORD_COUNT];
    uint64_t user_set[FEATURE_WORD_COUNT]; /* bits the user named */
    char *vendor;                          /* 12 characters */
    uint32_t family, model, stepping;
    char *model_id; /* at most 48 bytes are shown */
    uint32_t level, xlevel, xlevel2, level_func7;
    uint32_t min_level, min_xlevel, min_xlevel2;
    bool level_set, xlevel_set, level_func7_set;
    uint32_t phys_bits, host_phys_bits_limit;
    bool host_phys_bits;
    CacheKind caches;
    bool all_host_features; /* max, host */
    bool is_host;
    bool kvm, check, enforce, force_features, migratable, l3_cache, host_cache_info, legacy_cache;
    bool pmu, cpuid_0xb, fill_mtrr_mask, frequency_leaf, lmce, xen_vapic, full_auto_level;
    HypervFeatures hyperv;
    uint64_t tsc_frequency; /* Hz */
    uint64_t microcode_revision;
    X86CPUIDEntry *host; /* a copy */
    unsigned host_count;
};

/** model_has_bit: one bit of @word. */
static inline bool model_has_bit(const X86CPUModel *model, FeatureWord word, unsigned bit)
{
    return model->features[word] >> bit & 1;
}

/** cpu_properties_set: a -cpu property that is no feature. *@known is false if there is no such
 * property. */
bool cpu_properties_set(X86CPUModel *model, const char *key, const char *value, bool *known,
                        GError **error);

/** cpu_hyperv_set: the same for the properties that begin with "hv-". */
bool cpu_hyperv_set(X86CPUModel *model, const char *key, const char *value, bool *known,
                    GError **error);
/** cpu_hyperv_check: each enlightenment has what it needs. */
bool cpu_hyperv_check(const X86CPUModel *model, GError **error);
/** cpu_hyperv_has: "hv-synic" and so on. */
bool cpu_hyperv_has(const X86CPUModel *model, const char *name);
/** cpu_hyperv_leaves: Hyper-V's leaves into @entries, which has room for HYPERV_LEAVES; how many.
 */
unsigned cpu_hyperv_leaves(const X86CPUModel *model, X86CPUIDEntry *entries);

#endif
