/*
 * The feature words: which bits of CPUID and of the feature MSRs have a name, and which name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TARGET_I386_CPU_FEATURES_H
#define TARGET_I386_CPU_FEATURES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "target/i386/cpu_model.h"

typedef enum {
    FEATURE_1_EDX,
    FEATURE_1_ECX,
    FEATURE_7_0_EBX,
    FEATURE_7_0_ECX,
    FEATURE_7_0_EDX,
    FEATURE_7_1_EAX,
    FEATURE_7_1_EDX,
    FEATURE_7_2_EDX,
    FEATURE_80000001_EDX,
    FEATURE_80000001_ECX,
    FEATURE_80000007_EBX,
    FEATURE_80000007_EDX,
    FEATURE_80000008_EBX,
    FEATURE_80000021_EAX,
    FEATURE_C0000001_EDX,
    FEATURE_40000001_EAX,
    FEATURE_40000001_EDX,
    FEATURE_8000000A_EDX,
    FEATURE_D_1_EAX,
    FEATURE_6_EAX,
    FEATURE_12_0_EAX,
    FEATURE_12_0_EBX,
    FEATURE_12_1_EAX,
    FEATURE_14_ECX,
    FEATURE_MSR_CF,
    FEATURE_MSR_10A,
    FEATURE_MSR_345,
    FEATURE_MSR_480,
    FEATURE_MSR_485,
    FEATURE_MSR_48B,
    FEATURE_MSR_48C,
    FEATURE_MSR_48D,
    FEATURE_MSR_48E,
    FEATURE_MSR_48F,
    FEATURE_MSR_490,
    FEATURE_MSR_491,
    FEATURE_WORD_COUNT
} FeatureWord;

typedef enum { CPUID_EAX, CPUID_EBX, CPUID_ECX, CPUID_EDX } CPUIDRegister;

typedef struct {
    bool is_msr; /* @function is an MSR number */
    uint32_t function, index;
    bool index_significant;
    CPUIDRegister reg;
    uint64_t unmigratable; /* bits -cpu host leaves out unless migratable=off */
    const char *names[64]; /* NULL: no name, not for guests */
} FeatureWordInfo;

extern const FeatureWordInfo feature_words[FEATURE_WORD_COUNT];

/**
 * feature_find: the word and bits of the feature called @name ('_' and '-' are the same, old second
 * names are known too). False: there is none.
 */
bool feature_find(const char *name, FeatureWord *word, uint64_t *mask);
/** feature_named_bits: the bits of @word that have a name. */
uint64_t feature_named_bits(FeatureWord word);
/** feature_describe: "CPUID.01H:ECX.pni [bit 0]" for a warning; caller frees. */
char *feature_describe(FeatureWord word, unsigned bit);
/** feature_host_value: what @entries (the host's CPUID) offer in @word, with KVM's own additions.
 */
uint64_t feature_host_value(FeatureWord word, const X86CPUIDEntry *entries, unsigned count);
/** cpuid_register: one register of @entry. */
uint32_t cpuid_register(const X86CPUIDEntry *entry, CPUIDRegister reg);
/** cpuid_find: the entry of @function and @index (if significant), or NULL. */
const X86CPUIDEntry *cpuid_find(const X86CPUIDEntry *entries, unsigned count, uint32_t function,
                                uint32_t index);
/** feature_print_names: every name, sorted, wrapped at 79 columns, on stdout. */
void feature_print_names(void);

#endif
