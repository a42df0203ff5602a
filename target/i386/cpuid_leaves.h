/*
 * What the files that make a guest's CPUID share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TARGET_I386_CPUID_LEAVES_H
#define TARGET_I386_CPUID_LEAVES_H

#include "target/i386/cpu_definitions.h"

/* Bits of an APIC id that number the threads of a core, the cores of a die, the dies of a package.
 */
typedef struct {
    unsigned threads, cores, dies;
} TopologyWidths;

TopologyWidths topology_widths(const X86Topology *topology);

/** cpuid_cache_leaf_*: fills the registers of one cache leaf; @entry is zeroed before. */
void cpuid_cache_leaf_2(const X86CPUModel *model, X86CPUIDEntry *entry);
void cpuid_cache_leaf_4(const X86CPUModel *model, unsigned index, X86CPUIDEntry *entry);
void cpuid_cache_leaf_80000005(const X86CPUModel *model, X86CPUIDEntry *entry);
void cpuid_cache_leaf_80000006(const X86CPUModel *model, X86CPUIDEntry *entry);
void cpuid_cache_leaf_8000001d(const X86CPUModel *model, unsigned index, X86CPUIDEntry *entry);

/** cpuid_xsave_leaf: leaf 0xd. False: @index has no component. */
bool cpuid_xsave_leaf(const X86CPUModel *model, unsigned index, X86CPUIDEntry *entry);

#endif
