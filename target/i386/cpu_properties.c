/*
 * The properties of -cpu that are no feature bits: name, kind, range, and where the value goes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "target/i386/cpu_definitions.h"
#include "util/error.h"
#include "util/options.h"

typedef enum {
    PROPERTY_BOOL,
    PROPERTY_NUMBER,
    PROPERTY_ACCEPTED, /* a tuning switch of the emulator that has nothing to switch here */
} PropertyKind;

typedef struct {
    const char *name;
    PropertyKind kind;
    size_t offset;
    uint64_t max;
    size_t set_offset; /* bool that notes that the user gave it; 0: none */
    bool is_64_bit;
} Property;

#define BOOL(name, field)                                                                          \
    {                                                                                              \
        name, PROPERTY_BOOL, offsetof(X86CPUModel, field), 1, 0, false                             \
    }
#define NUMBER(name, field, max)                                                                   \
    {                                                                                              \
        name, PROPERTY_NUMBER, offsetof(X86CPUModel, field), max, 0,                               \
            sizeof(((X86CPUModel *)0)->field) == 8                                                 \
    }
#define NUMBER_NOTED(name, field, max, noted)                                                      \
    {                                                                                              \
        name, PROPERTY_NUMBER, offsetof(X86CPUModel, field), max, offsetof(X86CPUModel, noted),    \
            sizeof(((X86CPUModel *)0)->field) == 8                                                 \
    }

static const Property properties[] = {
    NUMBER("family", family, 255 + 15),
    NUMBER("model", model, 255),
    NUMBER("stepping", stepping, 15),
    NUMBER_NOTED("level", level, UINT32_MAX, level_set),
    NUMBER_NOTED("level-func7", level_func7, UINT32_MAX, level_func7_set),
    NUMBER_NOTED("xlevel", xlevel, UINT32_MAX, xlevel_set),
    NUMBER("xlevel2", xlevel2, UINT32_MAX),
    NUMBER("min-level", min_level, UINT32_MAX),
    NUMBER("min-xlevel", min_xlevel, UINT32_MAX),
    NUMBER("min-xlevel2", min_xlevel2, UINT32_MAX),
    NUMBER("phys-bits", phys_bits, UINT32_MAX),
    NUMBER("host-phys-bits-limit", host_phys_bits_limit, 255),
    NUMBER("ucode-rev", microcode_revision, UINT64_MAX),
    BOOL("host-phys-bits", host_phys_bits),
    BOOL("kvm", kvm),
    BOOL("check", check),
    BOOL("enforce", enforce),
    BOOL("x-force-features", force_features),
    BOOL("migratable", migratable),
    BOOL("l3-cache", l3_cache),
    BOOL("legacy-cache", legacy_cache),
    BOOL("host-cache-info", host_cache_info),
    BOOL("pmu", pmu),
    BOOL("cpuid-0xb", cpuid_0xb),
    BOOL("fill-mtrr-mask", fill_mtrr_mask),
    BOOL("full-cpuid-auto-level", full_auto_level),
    BOOL("vmware-cpuid-freq", frequency_leaf),
    BOOL("lmce", lmce),
    BOOL("xen-vapic", xen_vapic),
    {"tcg-cpuid", PROPERTY_ACCEPTED},
    {"x-migrate-smi-count", PROPERTY_ACCEPTED},
    {"x-vendor-cpuid-only", PROPERTY_ACCEPTED},
    {"x-intel-pt-auto-level", PROPERTY_ACCEPTED},
    {"kvm-no-smi-migration", PROPERTY_ACCEPTED},
};

static bool parse_number(const char *key, const char *value, uint64_t *number, GError **error)
{
    char *end;
    unsigned long long parsed;

    errno = 0;
    parsed = strtoull(value, &end, 0);
    if (!*value || *end || errno || strchr(value, '-')) {
        return error_setf(error, "Parameter '%s' expects uint64, not '%s'", key, value);
    }
    *number = parsed;
    return true;
}

static bool set_number(X86CPUModel *model, const Property *property, const char *value,
                       GError **error)
{
    uint64_t number = 0;

    if (!parse_number(property->name, value, &number, error)) {
        return false;
    }
    if (number > property->max) {
        return error_setf(
            error, "Property .%s doesn't take value %" PRIu64 " (minimum: 0, maximum: %" PRIu64 ")",
            property->name, number, property->max);
    }
    if (property->is_64_bit) {
        G_STRUCT_MEMBER(uint64_t, model, property->offset) = number;
    } else {
        G_STRUCT_MEMBER(uint32_t, model, property->offset) = (uint32_t)number;
    }
    if (property->set_offset) {
        G_STRUCT_MEMBER(bool, model, property->set_offset) = true;
    }
    return true;
}

static bool set_vendor(X86CPUModel *model, const char *value, GError **error)
{
    if (strlen(value) != 12) {
        return error_setf(error, "Property '.vendor' doesn't take value '%s'", value);
    }
    g_free(model->vendor);
    model->vendor = g_strdup(value);
    return true;
}

static bool set_model_id(X86CPUModel *model, const char *value, GError **error)
{
    g_free(model->model_id);
    model->model_id = g_strndup(value, 48);
    return true;
}

/* Hz with the decimal suffixes of the old spelling "tsc-freq=2.4G" */
static bool set_tsc_frequency(X86CPUModel *model, const char *value, GError **error)
{
    char *end;
    double frequency = g_ascii_strtod(value, &end);
    static const char suffixes[] = "kMGT";
    const char *suffix = *end ? strchr(suffixes, *end == 'K' ? 'k' : *end) : NULL;

    for (const char *s = suffixes; suffix && s <= suffix; s++) {
        frequency *= 1000;
    }
    if (end == value || (*end && (!suffix || end[1])) || !(frequency >= 0) || frequency > 1e15) {
        return error_setf(error, "Parameter 'tsc-frequency' expects a frequency in Hz, not '%s'",
                          value);
    }
    model->tsc_frequency = (uint64_t)frequency;
    return true;
}

static const struct {
    const char *name;
    bool (*set)(X86CPUModel *model, const char *value, GError **error);
} setters[] = {
    {"vendor", set_vendor},
    {"model-id", set_model_id},
    {"tsc-frequency", set_tsc_frequency},
    {"tsc-freq", set_tsc_frequency},
};

bool cpu_properties_set(X86CPUModel *model, const char *key, const char *value, bool *known,
                        GError **error)
{
    bool ignored;

    *known = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(setters); i++) {
        if (g_str_equal(key, setters[i].name)) {
            return setters[i].set(model, value, error);
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(properties); i++) {
        const Property *property = &properties[i];

        if (!g_str_equal(key, property->name)) {
            continue;
        }
        switch (property->kind) {
        case PROPERTY_BOOL:
            return parse_bool(value, key, &G_STRUCT_MEMBER(bool, model, property->offset), error);
        case PROPERTY_NUMBER:
            return set_number(model, property, value, error);
        default:
            return parse_bool(value, key, &ignored, error);
        }
    }
    if (g_str_has_prefix(key, "hv-")) {
        return cpu_hyperv_set(model, key, value, known, error);
    }
    *known = false;
    return true;
}
