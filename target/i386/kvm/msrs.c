/*
 * A vCPU's MSRs: which of them are its state, reading and setting them in one go, and the MTRRs of
 * a guest that starts without firmware.
 *
 * Sources: Intel SDM volume 4; volume 3A chapter 11 (MTRRs); the kernel's api.rst,
 * KVM_GET_MSR_INDEX_LIST.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "target/i386/kvm/kvm_x86.h"
#include "util/trace.h"

TRACE_DEFINE(kvm_msr_refused)

#define VARIABLE_MTRR_COUNT 8u
#define MEMORY_TYPE_UC      0u
#define MEMORY_TYPE_WP      5u
#define MEMORY_TYPE_WB      6u

typedef struct {
    uint32_t first, last;
} MsrRange;

/* State that KVM keeps and KVM_GET_MSR_INDEX_LIST does not name. */
static const MsrRange unlisted[] = {
    {MSR_MTRR_PHYS_BASE(0), MSR_MTRR_PHYS_MASK(VARIABLE_MTRR_COUNT - 1)},
    {MSR_MTRR_FIX64K, MSR_MTRR_FIX64K},
    {MSR_MTRR_FIX16K_80000, MSR_MTRR_FIX16K_A0000},
    {MSR_MTRR_FIX4K(0), MSR_MTRR_FIX4K(7)},
    {MSR_MTRR_DEF_TYPE, MSR_MTRR_DEF_TYPE},
    {0x277, 0x277}, /* PAT */
    {0x17a, 0x17b}, /* MCG_STATUS, MCG_CTL */
    {0x400, 0x427}, /* ten machine check banks */
    {0x280, 0x289}, /* their CMCI thresholds */
};

/* Listed, but what the CPU model says, or another interface's, or nothing a guest of ours can
 * reach. */
static const MsrRange excluded[] = {
    {MSR_IA32_UCODE_REV, MSR_IA32_UCODE_REV},
    {MSR_PLATFORM_INFO, MSR_CORE_CAPABILITY},
    {MSR_ARCH_CAPABILITIES, MSR_ARCH_CAPABILITIES},
    {MSR_PERF_CAPABILITIES, MSR_PERF_CAPABILITIES},
    {MSR_VMX_BASIC, MSR_VMX_LAST},
    {MSR_TSC_DEADLINE, MSR_TSC_DEADLINE}, /* after the LAPIC, by itself */
    {0xc0011029, 0xc0011029},             /* DE_CFG: LFENCE, fixed by the host */
};

static const MsrRange hyperv[] = {{0x40000000, 0x400010ff}};

static bool in_ranges(const MsrRange *ranges, unsigned count, uint32_t index)
{
    for (unsigned i = 0; i < count; i++) {
        if (index >= ranges[i].first && index <= ranges[i].last) {
            return true;
        }
    }
    return false;
}

static struct kvm_msr_list *index_list(int fd, unsigned long request)
{
    struct kvm_msr_list probe = {0};
    struct kvm_msr_list *list;

    if (ioctl(fd, request, &probe) < 0 && errno != E2BIG) {
        return g_new0(struct kvm_msr_list, 1);
    }
    list = g_malloc0(sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
    list->nmsrs = probe.nmsrs;
    if (ioctl(fd, request, list) < 0) {
        list->nmsrs = 0;
    }
    return list;
}

/*
 * One KVM_GET_MSRS or KVM_SET_MSRS of as many entries as KVM takes; returns how many it did. Both
 * stop at the first they refuse.
 */
static unsigned transfer(int fd, unsigned long request, struct kvm_msr_entry *entries,
                         unsigned count)
{
    g_autofree struct kvm_msrs *argument = g_malloc0(sizeof(*argument) + count * sizeof(*entries));
    int done;

    argument->nmsrs = count;
    memcpy(argument->entries, entries, count * sizeof(*entries));
    done = ioctl(fd, request, argument);
    if (done <= 0) {
        return 0;
    }
    memcpy(entries, argument->entries, (unsigned)done * sizeof(*entries));
    return (unsigned)done;
}

bool kvm_msr_get(int fd, uint32_t index, uint64_t *value)
{
    struct kvm_msr_entry entry = {.index = index};

    if (transfer(fd, KVM_GET_MSRS, &entry, 1) != 1) {
        return false;
    }
    *value = entry.data;
    return true;
}

bool kvm_msr_set(int fd, uint32_t index, uint64_t value)
{
    struct kvm_msr_entry entry = {.index = index, .data = value};

    return transfer(fd, KVM_SET_MSRS, &entry, 1) == 1;
}

void kvm_msrs_get(KvmVcpu *vcpu, GArray *msrs)
{
    guint at = 0;

    while (at < msrs->len) {
        at += transfer(vcpu->fd, KVM_GET_MSRS, &g_array_index(msrs, struct kvm_msr_entry, at),
                       msrs->len - at);
        if (at < msrs->len) {
            g_array_remove_index(msrs, at);
        }
    }
}

unsigned kvm_msrs_set(KvmVcpu *vcpu, const struct kvm_msr_entry *msrs, unsigned count,
                      uint32_t *refused)
{
    g_autofree struct kvm_msr_entry *copy = g_memdup2(msrs, count * sizeof(*msrs));
    unsigned failures = 0, at = 0;

    while (at < count) {
        at += transfer(vcpu->fd, KVM_SET_MSRS, copy + at, count - at);
        if (at < count) {
            TRACE(kvm_msr_refused, "cpu %u msr 0x%x value 0x%" G_GINT64_MODIFIER "x",
                  vcpu->parent.index, msrs[at].index, (uint64_t)msrs[at].data);
            if (failures++ == 0 && refused) {
                *refused = msrs[at].index;
            }
            at++;
        }
    }
    return failures;
}

static void add_index(GArray *msrs, uint32_t index)
{
    struct kvm_msr_entry entry = {.index = index};

    for (guint i = 0; i < msrs->len; i++) {
        if (g_array_index(msrs, struct kvm_msr_entry, i).index == index) {
            return;
        }
    }
    g_array_append_val(msrs, entry);
}

GArray *kvm_msrs_list(KvmVcpu *vcpu)
{
    g_autofree struct kvm_msr_list *list = index_list(vcpu->kvm->fd, KVM_GET_MSR_INDEX_LIST);
    GArray *msrs = g_array_new(FALSE, TRUE, sizeof(struct kvm_msr_entry));
    bool shows_hyperv = vcpu->parent.model && x86_cpu_model_shows_hyperv(vcpu->parent.model);

    for (unsigned i = 0; i < list->nmsrs; i++) {
        if (!in_ranges(excluded, G_N_ELEMENTS(excluded), list->indices[i]) &&
            (shows_hyperv || !in_ranges(hyperv, G_N_ELEMENTS(hyperv), list->indices[i]))) {
            add_index(msrs, list->indices[i]);
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(unlisted); i++) {
        for (uint32_t index = unlisted[i].first; index <= unlisted[i].last; index++) {
            add_index(msrs, index);
        }
    }
    kvm_msrs_get(vcpu, msrs);
    return msrs;
}

/* The hole below 4 GiB as power-of-two blocks, each a variable MTRR. Returns how many were used. */
static unsigned cover_hole(uint64_t start, unsigned phys_bits, struct kvm_msr_entry *entries)
{
    const uint64_t end = UINT64_C(1) << 32;
    uint64_t address_mask = (UINT64_C(1) << phys_bits) - 1;
    unsigned used = 0;

    while (start < end && used < VARIABLE_MTRR_COUNT) {
        uint64_t size = start & -start;

        while (start + size > end) {
            size /= 2;
        }
        entries[2 * used] = (struct kvm_msr_entry){.index = MSR_MTRR_PHYS_BASE(used),
                                                   .data = start | MEMORY_TYPE_UC};
        entries[2 * used + 1] = (struct kvm_msr_entry){.index = MSR_MTRR_PHYS_MASK(used),
                                                       .data = (address_mask & -size) | 1 << 11};
        start += size;
        used++;
    }
    return used;
}

void kvm_msrs_set_boot_mtrrs(KvmVcpu *vcpu, const X86BootState *boot)
{
    const uint64_t all_wb = UINT64_C(0x0101010101010101) * MEMORY_TYPE_WB;
    const uint64_t all_wp = UINT64_C(0x0101010101010101) * MEMORY_TYPE_WP;
    uint64_t hole = CLAMP(boot->ram_below_4g, UINT64_C(0x80000000), UINT64_C(0x100000000));
    unsigned phys_bits = vcpu->parent.model ? x86_cpu_model_phys_bits(vcpu->parent.model) : 36;
    struct kvm_msr_entry entries[16 + 2 * VARIABLE_MTRR_COUNT] = {
        {.index = MSR_MTRR_FIX64K, .data = all_wb},
        {.index = MSR_MTRR_FIX16K_80000, .data = all_wb},
        {.index = MSR_MTRR_FIX16K_A0000, .data = 0},
    };
    unsigned count = 3;

    for (unsigned i = 0; i < 8; i++) {
        entries[count++] = (struct kvm_msr_entry){.index = MSR_MTRR_FIX4K(i), .data = all_wp};
    }
    count += 2 * cover_hole(hole & ~UINT64_C(0xfffff), phys_bits, entries + count);
    /* last: on, the fixed ranges too, write-back where nothing else is said */
    entries[count++] = (struct kvm_msr_entry){.index = MSR_MTRR_DEF_TYPE,
                                              .data = 1 << 11 | 1 << 10 | MEMORY_TYPE_WB};
    kvm_msrs_set(vcpu, entries, count, NULL);
}
