/*
 * Hyper-V enlightenments: -cpu ...,hv-relaxed,hv-time,... and the CPUID leaves they make.
 *
 * Source: Microsoft's Hypervisor Top Level Functional Specification, "Feature and interface
 * discovery".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "target/i386/cpu_definitions.h"
#include "util/error.h"
#include "util/options.h"

#define LEAF_VENDOR          0x40000000u
#define LEAF_INTERFACE       0x40000001u
#define LEAF_VERSION         0x40000002u
#define LEAF_FEATURES        0x40000003u
#define LEAF_RECOMMENDATIONS 0x40000004u
#define LEAF_LIMITS          0x40000005u

#define INTERFACE_HV1        0x31237648u /* "Hv#1" */
#define VERSION_BUILD        14393u      /* Windows Server 2016's */
#define VERSION_NUMBER       0x000a0000u /* 10.0 */
#define MAXIMUM_PROCESSORS   64u
#define PRIVILEGE_HYPERCALLS (1u << 5)
#define SPINLOCKS_NEVER      UINT32_MAX
#define SPINLOCKS_MINIMUM    0xfffu
#define BIT(n)               (UINT32_C(1) << (n))

enum { HYPERV_VPINDEX, HYPERV_TIME, HYPERV_SYNIC };

/* Bits of the two leaves of capabilities. */
typedef struct {
    const char *name;
    uint32_t features_eax, features_ebx, features_edx, recommendations;
    uint32_t needed; /* rows */
} Enlightenment;

static const Enlightenment enlightenments[] = {
    [HYPERV_VPINDEX] = {"hv-vpindex", .features_eax = BIT(6)},
    [HYPERV_TIME] = {"hv-time", .features_eax = BIT(1) | BIT(9)},
    [HYPERV_SYNIC] = {"hv-synic", .features_eax = BIT(2), .features_ebx = BIT(4) | BIT(5),
                      .needed = BIT(HYPERV_VPINDEX)},
    {"hv-relaxed", .recommendations = BIT(5)},
    {"hv-vapic", .features_eax = BIT(4), .recommendations = BIT(3)},
    {"hv-crash", .features_edx = BIT(10)},
    {"hv-reset", .features_eax = BIT(7)},
    {"hv-runtime", .features_eax = BIT(0)},
    {"hv-stimer", .features_eax = BIT(3), .needed = BIT(HYPERV_SYNIC) | BIT(HYPERV_TIME)},
    {"hv-stimer-direct", .features_edx = BIT(19), .needed = BIT(HYPERV_SYNIC) | BIT(HYPERV_TIME)},
    {"hv-frequencies", .features_eax = BIT(11), .features_edx = BIT(8)},
    {"hv-reenlightenment", .features_eax = BIT(13)},
    {"hv-tlbflush", .recommendations = BIT(2) | BIT(11), .needed = BIT(HYPERV_VPINDEX)},
    {"hv-ipi", .recommendations = BIT(10) | BIT(11), .needed = BIT(HYPERV_VPINDEX)},
    {"hv-avic", .recommendations = BIT(9)},
    {"hv-xmm-input", .features_edx = BIT(4)},
    {"hv-no-nonarch-coresharing", .recommendations = BIT(18)},
};

/* Known by name, and not provided. */
static const char *const absent[] = {
    "hv-passthrough",  "hv-evmcs",  "hv-emsr-bitmap",
    "hv-tlbflush-ext", "hv-syndbg", "hv-tlbflush-direct",
};

static bool parse_u32(const char *key, const char *value, uint32_t *number, GError **error)
{
    char *end;
    unsigned long long parsed;

    errno = 0;
    parsed = strtoull(value, &end, 0);
    if (!*value || *end || errno || parsed > UINT32_MAX || strchr(value, '-')) {
        return error_setf(error, "Parameter '%s' expects a 32-bit number, not '%s'", key, value);
    }
    *number = (uint32_t)parsed;
    return true;
}

static bool set_spinlocks(X86CPUModel *model, const char *value, GError **error)
{
    uint32_t retries = 0;

    if (!parse_u32("hv-spinlocks", value, &retries, error)) {
        return false;
    }
    if (retries < SPINLOCKS_MINIMUM) {
        return error_setf(error,
                          "Property .hv-spinlocks doesn't take value %" PRIu32
                          " (minimum: 4095, maximum: 4294967295)",
                          retries);
    }
    model->hyperv.spinlocks = retries;
    model->hyperv.spinlocks_set = retries != SPINLOCKS_NEVER;
    return true;
}

static bool set_vendor_id(X86CPUModel *model, const char *value, GError **error)
{
    if (strlen(value) > HYPERV_VENDOR_LENGTH) {
        return error_setf(
            error, "Property .hv-vendor-id doesn't take value '%s': 12 characters at most", value);
    }
    memset(model->hyperv.vendor, 0, sizeof(model->hyperv.vendor));
    memcpy(model->hyperv.vendor, value, strlen(value));
    model->hyperv.vendor_set = true;
    return true;
}

/* "auto" is off: whether cores are shared with others is not known here. */
static bool set_flag(X86CPUModel *model, unsigned row, const char *value, GError **error)
{
    bool on = false;
    bool automatic = g_str_equal(value, "auto") &&
                     g_str_equal(enlightenments[row].name, "hv-no-nonarch-coresharing");

    if (!automatic && !parse_bool(value, enlightenments[row].name, &on, error)) {
        return false;
    }
    model->hyperv.rows = on ? model->hyperv.rows | BIT(row) : model->hyperv.rows & ~BIT(row);
    return true;
}

static bool refuse(const char *key, const char *value, GError **error)
{
    bool on;

    if (!parse_bool(value, key, &on, error)) {
        return false;
    }
    return !on || error_setf(error, "Property '%s' is not available", key);
}

bool cpu_hyperv_set(X86CPUModel *model, const char *key, const char *value, bool *known,
                    GError **error)
{
    *known = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(enlightenments); i++) {
        if (g_str_equal(key, enlightenments[i].name)) {
            return set_flag(model, i, value, error);
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(absent); i++) {
        if (g_str_equal(key, absent[i])) {
            return refuse(key, value, error);
        }
    }
    if (g_str_equal(key, "hv-spinlocks")) {
        return set_spinlocks(model, value, error);
    }
    if (g_str_equal(key, "hv-vendor-id")) {
        return set_vendor_id(model, value, error);
    }
    if (g_str_equal(key, "hv-enforce-cpuid")) {
        return parse_bool(value, key, &model->hyperv.enforce, error);
    }
    *known = false;
    return true;
}

bool cpu_hyperv_check(const X86CPUModel *model, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(enlightenments); i++) {
        uint32_t missing = enlightenments[i].needed & ~model->hyperv.rows;

        if ((model->hyperv.rows & BIT(i)) && missing) {
            return error_setf(error, "%s requires %s", enlightenments[i].name,
                              enlightenments[__builtin_ctz(missing)].name);
        }
    }
    return true;
}

bool x86_cpu_model_shows_hyperv(const X86CPUModel *model)
{
    return model->hyperv.rows || model->hyperv.spinlocks_set;
}

bool x86_cpu_model_hyperv_enforced(const X86CPUModel *model)
{
    return model->hyperv.enforce;
}

bool cpu_hyperv_has(const X86CPUModel *model, const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(enlightenments); i++) {
        if (g_str_equal(name, enlightenments[i].name)) {
            return model->hyperv.rows & BIT(i);
        }
    }
    return false;
}

const char *x86_cpu_model_hyperv_missing(const X86CPUModel *model, const X86CPUIDEntry *host,
                                         unsigned count)
{
    const X86CPUIDEntry *features = cpuid_find(host, count, LEAF_FEATURES, 0);
    const X86CPUIDEntry *recommendations = cpuid_find(host, count, LEAF_RECOMMENDATIONS, 0);
    const X86CPUIDEntry none = {0};

    features = features ? features : &none;
    recommendations = recommendations ? recommendations : &none;
    for (unsigned i = 0; i < G_N_ELEMENTS(enlightenments); i++) {
        const Enlightenment *row = &enlightenments[i];

        if ((model->hyperv.rows & BIT(i)) &&
            ((row->features_eax & ~features->eax) || (row->features_ebx & ~features->ebx) ||
             (row->features_edx & ~features->edx) ||
             (row->recommendations & ~recommendations->eax))) {
            return row->name;
        }
    }
    return NULL;
}

unsigned cpu_hyperv_leaves(const X86CPUModel *model, X86CPUIDEntry *entries)
{
    const char *vendor = model->hyperv.vendor_set ? model->hyperv.vendor : "Microsoft Hv";
    X86CPUIDEntry features = {.function = LEAF_FEATURES, .eax = PRIVILEGE_HYPERCALLS};
    X86CPUIDEntry recommendations = {.function = LEAF_RECOMMENDATIONS, .ebx = SPINLOCKS_NEVER};
    unsigned count = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(enlightenments); i++) {
        if (model->hyperv.rows & BIT(i)) {
            features.eax |= enlightenments[i].features_eax;
            features.ebx |= enlightenments[i].features_ebx;
            features.edx |= enlightenments[i].features_edx;
            recommendations.eax |= enlightenments[i].recommendations;
        }
    }
    if (model->hyperv.spinlocks_set) {
        recommendations.ebx = model->hyperv.spinlocks;
    }
    entries[count] = (X86CPUIDEntry){.function = LEAF_VENDOR, .eax = LEAF_LIMITS};
    memcpy(&entries[count].ebx, vendor, 4);
    memcpy(&entries[count].ecx, vendor + 4, 4);
    memcpy(&entries[count++].edx, vendor + 8, 4);
    entries[count++] = (X86CPUIDEntry){.function = LEAF_INTERFACE, .eax = INTERFACE_HV1};
    entries[count++] =
        (X86CPUIDEntry){.function = LEAF_VERSION, .eax = VERSION_BUILD, .ebx = VERSION_NUMBER};
    entries[count++] = features;
    entries[count++] = recommendations;
    entries[count++] = (X86CPUIDEntry){
        .function = LEAF_LIMITS, .eax = MAXIMUM_PROCESSORS, .ebx = MAXIMUM_PROCESSORS};
    return count;
}
