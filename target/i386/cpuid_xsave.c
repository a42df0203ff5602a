/*
 * Leaf 0xd: the extended states of the guest, and where XSAVE puts them.
 *
 * Source: Intel SDM volume 1 chapter 13, volume 2A CPUID leaf 0DH.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "target/i386/cpuid_leaves.h"

#define LEGACY_AREA_SIZE 576u /* x87 and SSE, and the header */
#define COMPONENT_COUNT  20u

typedef struct {
    const char *feature; /* the component is there with it; NULL: never on its own */
    uint32_t size, offset, flags;
} Component;

/* Offsets of the standard form on a processor with everything; a host's own numbers go first. */
static const Component components[COMPONENT_COUNT] = {
    [2] = {"avx", 256, 576, 0},         [3] = {"mpx", 64, 960, 0},
    [4] = {"mpx", 64, 1024, 0},         [5] = {"avx512f", 64, 1088, 0},
    [6] = {"avx512f", 512, 1152, 0},    [7] = {"avx512f", 1024, 1664, 0},
    [9] = {"pku", 8, 2688, 0},          [17] = {"amx-tile", 64, 2752, 2},
    [18] = {"amx-tile", 8192, 2816, 6},
};

static bool component_enabled(const X86CPUModel *model, unsigned index)
{
    return index < COMPONENT_COUNT && components[index].feature &&
           x86_cpu_model_has(model, components[index].feature) &&
           (!model->host || cpuid_find(model->host, model->host_count, 0xd, index));
}

static Component component_of(const X86CPUModel *model, unsigned index)
{
    Component component = components[index];
    const X86CPUIDEntry *host = cpuid_find(model->host, model->host_count, 0xd, index);

    if (host) {
        component.size = host->eax;
        component.offset = host->ebx;
        component.flags = host->ecx;
    }
    return component;
}

static uint32_t enabled_mask(const X86CPUModel *model)
{
    uint32_t mask = 3;

    for (unsigned i = 2; i < COMPONENT_COUNT; i++) {
        if (component_enabled(model, i)) {
            mask |= 1u << i;
        }
    }
    return mask;
}

static uint32_t standard_size(const X86CPUModel *model)
{
    uint32_t size = LEGACY_AREA_SIZE;

    for (unsigned i = 2; i < COMPONENT_COUNT; i++) {
        if (component_enabled(model, i)) {
            Component component = component_of(model, i);
            size = MAX(size, component.offset + component.size);
        }
    }
    return size;
}

bool cpuid_xsave_leaf(const X86CPUModel *model, unsigned index, X86CPUIDEntry *entry)
{
    if (!x86_cpu_model_has(model, "xsave")) {
        return index == 0;
    }
    if (index == 0) {
        entry->eax = enabled_mask(model);
        entry->ebx = LEGACY_AREA_SIZE; /* KVM follows XCR0 */
        entry->ecx = standard_size(model);
        return true;
    }
    if (index == 1) {
        entry->eax = (uint32_t)model->features[FEATURE_D_1_EAX];
        entry->ebx = entry->eax & (1 << 1 | 1 << 3) ? standard_size(model) : 0;
        return true;
    }
    if (!component_enabled(model, index)) {
        return false;
    }
    Component component = component_of(model, index);
    entry->eax = component.size;
    entry->ebx = component.offset;
    entry->ecx = component.flags;
    return true;
}
