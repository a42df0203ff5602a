/*
 * -cpu: from text to a model, checked against what the host can do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "target/i386/cpu_definitions.h"
#include "util/error.h"
#include "util/log.h"
#include "util/options.h"

/* Named models get these under KVM, whatever their table row says. */
static const char kvm_features_on[] =
    "kvmclock kvm-nopiodelay kvm-asyncpf kvm-steal-time kvm-pv-eoi kvmclock-stable-bit x2apic "
    "kvm-msi-ext-dest-id";
static const char kvm_features_off[] = "acpi monitor svm";

/* A feature of @word means nothing without the bit of @needed. */
static const struct {
    const char *needed;
    FeatureWord first, last;
} dependencies[] = {
    {"xsave", FEATURE_D_1_EAX, FEATURE_D_1_EAX},
    {"svm", FEATURE_8000000A_EDX, FEATURE_8000000A_EDX},
    {"sgx", FEATURE_12_0_EAX, FEATURE_12_1_EAX},
    {"intel-pt", FEATURE_14_ECX, FEATURE_14_ECX},
    {"core-capability", FEATURE_MSR_CF, FEATURE_MSR_CF},
    {"arch-capabilities", FEATURE_MSR_10A, FEATURE_MSR_10A},
    {"pdcm", FEATURE_MSR_345, FEATURE_MSR_345},
    {"vmx", FEATURE_MSR_480, FEATURE_MSR_491},
};

void x86_cpu_model_free(X86CPUModel *model)
{
    if (model) {
        g_free(model->name);
        g_free(model->vendor);
        g_free(model->model_id);
        g_free(model->host);
        g_free(model);
    }
}

static void set_features(X86CPUModel *model, const char *names, bool on)
{
    g_auto(GStrv) list = g_strsplit(names, " ", -1);

    for (unsigned i = 0; list[i]; i++) {
        FeatureWord word;
        uint64_t mask;

        if (feature_find(list[i], &word, &mask)) {
            model->features[word] =
                on ? model->features[word] | mask : model->features[word] & ~mask;
        }
    }
}

bool x86_cpu_model_has(const X86CPUModel *model, const char *feature)
{
    FeatureWord word;
    uint64_t mask;

    if (g_str_equal(feature, "xen-vapic") || g_str_equal(feature, "xen_vapic")) {
        return model->xen_vapic;
    }
    if (g_str_has_prefix(feature, "hv-")) {
        return cpu_hyperv_has(model, feature);
    }
    return feature_find(feature, &word, &mask) && (model->features[word] & mask) == mask;
}

static void take_host_identity(X86CPUModel *model)
{
    const X86CPUIDEntry *leaf0 = cpuid_find(model->host, model->host_count, 0, 0);
    const X86CPUIDEntry *leaf1 = cpuid_find(model->host, model->host_count, 1, 0);
    const X86CPUIDEntry *extended = cpuid_find(model->host, model->host_count, 0x80000000, 0);
    char brand[49] = "";

    model->min_level = leaf0 ? leaf0->eax : 1;
    model->min_xlevel = extended ? extended->eax : 0;
    if (leaf1) {
        model->family = (leaf1->eax >> 8 & 0xf) + (leaf1->eax >> 20 & 0xff);
        model->model = (leaf1->eax >> 4 & 0xf) | (leaf1->eax >> 12 & 0xf0);
        model->stepping = leaf1->eax & 0xf;
    }
    for (unsigned i = 0; i < 3; i++) {
        const X86CPUIDEntry *entry = cpuid_find(model->host, model->host_count, 0x80000002 + i, 0);
        if (entry) {
            memcpy(brand + i * 16, &entry->eax, 4);
            memcpy(brand + i * 16 + 4, &entry->ebx, 4);
            memcpy(brand + i * 16 + 8, &entry->ecx, 4);
            memcpy(brand + i * 16 + 12, &entry->edx, 4);
        }
    }
    g_free(model->model_id);
    model->model_id = g_strdup(brand);
}

/* The guest's system call instructions are the host's, so the vendor is too unless the user says
 * other. */
static void take_host_vendor(X86CPUModel *model)
{
    const X86CPUIDEntry *leaf0 = cpuid_find(model->host, model->host_count, 0, 0);

    if (leaf0) {
        char vendor[13] = "";
        memcpy(vendor, &leaf0->ebx, 4);
        memcpy(vendor + 4, &leaf0->edx, 4);
        memcpy(vendor + 8, &leaf0->ecx, 4);
        g_free(model->vendor);
        model->vendor = g_strdup(vendor);
    }
}

static X86CPUModel *model_new(const X86CPUIDEntry *host_entries, unsigned host_count,
                              const X86Topology *topology)
{
    X86CPUModel *model = g_new0(X86CPUModel, 1);

    model->topology = *topology;
    model->kvm = model->check = model->migratable = model->l3_cache = model->legacy_cache = true;
    model->cpuid_0xb = model->fill_mtrr_mask = model->frequency_leaf = true;
    model->full_auto_level = true;
    model->caches = CACHES_GENERIC;
    model->vendor = g_strdup("GenuineIntel");
    model->model_id = g_strdup("");
    model->host_count = host_entries ? host_count : 0;
    model->host = host_entries ? g_memdup2(host_entries, host_count * sizeof(*host_entries)) : NULL;
    return model;
}

static bool load_host_model(X86CPUModel *model, const char *name, GError **error)
{
    model->is_host = g_str_equal(name, "host");
    if (!model->host) {
        if (model->is_host) {
            return error_setf(error, "CPU model 'host' requires KVM");
        }
        cpu_definition_load(cpu_definition_find("qemu64"), model);
        return true;
    }
    model->all_host_features = true;
    model->pmu = model->host_phys_bits = true;
    take_host_identity(model);
    take_host_vendor(model);
    return true;
}

static bool load_named(X86CPUModel *model, const char *name, GError **error)
{
    const X86CPUDefinition *definition;

    model->name = g_strdup(name);
    if (g_str_equal(name, "host") || g_str_equal(name, "max")) {
        return load_host_model(model, name, error);
    }
    if (g_str_equal(name, "base")) {
        take_host_vendor(model);
        return true;
    }
    definition = cpu_definition_find(name);
    if (!definition) {
        return error_setf(error, "unable to find CPU model '%s'", name);
    }
    cpu_definition_load(definition, model);
    model->legacy_cache = model->caches == CACHES_GENERIC;
    set_features(model, "hypervisor", true);
    if (model->host) {
        take_host_vendor(model);
        set_features(model, kvm_features_on, true);
        set_features(model, kvm_features_off, false);
    }
    return true;
}

static bool set_property(X86CPUModel *model, const char *key, const char *value, GError **error)
{
    g_autofree char *plain = g_strdelimit(g_strdup(key), "_", '-');
    bool known, on;
    FeatureWord word;
    uint64_t mask;

    if (!cpu_properties_set(model, plain, value, &known, error)) {
        return false;
    }
    if (known) {
        return true;
    }
    if (!feature_find(key, &word, &mask)) {
        return error_setf(error, "Property '%s-x86_64-cpu.%s' not found", model->name, key);
    }
    if (!parse_bool(value, key, &on, NULL)) {
        return error_setf(error, "Parameter '%s' expects 'on' or 'off', not '%s'", key, value);
    }
    model->features[word] = on ? model->features[word] | mask : model->features[word] & ~mask;
    model->user_set[word] |= mask;
    return true;
}

static void warn_ambiguous(char **parts, const char *signed_name)
{
    for (unsigned i = 1; parts[i]; i++) {
        size_t length = strcspn(parts[i], "=");

        if (parts[i][length] && strlen(signed_name + 1) == length &&
            strncmp(parts[i], signed_name + 1, length) == 0) {
            report_warning("Ambiguous CPU model string. Don't mix both \"%s\" and \"%s\"",
                           signed_name, parts[i]);
        }
    }
}

/* "key=value" and "key" first, in order; then "+key"; then "-key", which therefore wins. */
static bool apply_properties(X86CPUModel *model, char **parts, GError **error)
{
    static const char signs[] = {0, '+', '-'};

    for (unsigned pass = 0; pass < G_N_ELEMENTS(signs); pass++) {
        for (unsigned i = 1; parts[i]; i++) {
            bool is_signed = parts[i][0] == '+' || parts[i][0] == '-';
            g_auto(GStrv) pair = NULL;

            if (!parts[i][0] || (signs[pass] ? parts[i][0] != signs[pass] : is_signed)) {
                continue;
            }
            if (is_signed) {
                warn_ambiguous(parts, parts[i]);
                if (!set_property(model, parts[i] + 1, signs[pass] == '+' ? "on" : "off", error)) {
                    return false;
                }
                continue;
            }
            pair = g_strsplit(parts[i], "=", 2);
            if (!set_property(model, pair[0], pair[1] ? pair[1] : "on", error)) {
                return false;
            }
        }
    }
    return true;
}

/* Bits that must be asked for by name even on a host that has them. */
static uint64_t never_automatic(FeatureWord word)
{
    switch (word) {
    case FEATURE_80000001_ECX:
        return 1 << 22; /* topoext changes the topology leaves */
    case FEATURE_1_EDX:
        return 1 << 28; /* ht follows from -smp */
    case FEATURE_40000001_EDX:
        return 1; /* kvm-hint-dedicated is a promise of the user's */
    default:
        return 0;
    }
}

/* max and host: what the host has, but where the user said otherwise. */
static void expand_host_features(X86CPUModel *model)
{
    for (unsigned word = 0; word < FEATURE_WORD_COUNT; word++) {
        uint64_t host = feature_host_value(word, model->host, model->host_count);
        uint64_t automatic = host & ~never_automatic(word) & ~model->user_set[word];

        if (model->migratable) {
            automatic &= feature_named_bits(word) & ~feature_words[word].unmigratable;
        }
        model->features[word] = (model->features[word] & model->user_set[word]) | automatic;
    }
}

static void report_bits(FeatureWord word, uint64_t bits, const char *what)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        if (bits >> bit & 1) {
            g_autofree char *text = feature_describe(word, bit);
            report_warning("%s: %s", what, text);
        }
    }
}

static void drop_dependents(X86CPUModel *model)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(dependencies); i++) {
        if (x86_cpu_model_has(model, dependencies[i].needed)) {
            continue;
        }
        for (unsigned word = dependencies[i].first; word <= dependencies[i].last; word++) {
            report_bits(word, model->features[word] & model->user_set[word],
                        "This feature depends on other features that were not requested");
            model->features[word] = 0;
        }
    }
}

static bool check_host(X86CPUModel *model, GError **error)
{
    bool missing = false;

    for (unsigned word = 0; model->host && word < FEATURE_WORD_COUNT; word++) {
        uint64_t host = feature_host_value(word, model->host, model->host_count);
        uint64_t lacking = model->features[word] & ~host;

        if (!lacking || model->force_features) {
            continue;
        }
        missing = true;
        model->features[word] &= host;
        if (model->check || model->enforce) {
            report_bits(word, lacking, "host doesn't support requested feature");
        }
    }
    return !missing || !model->enforce ||
           error_setf(error, "Host doesn't support requested features");
}

static unsigned host_phys_bits(const X86CPUModel *model)
{
    const X86CPUIDEntry *entry = cpuid_find(model->host, model->host_count, 0x80000008, 0);

    return entry && (entry->eax & 0xff) ? entry->eax & 0xff : 36;
}

static bool settle_phys_bits(X86CPUModel *model, GError **error)
{
    bool long_mode = x86_cpu_model_has(model, "lm");
    unsigned host = host_phys_bits(model);

    if (model->host && model->host_phys_bits) {
        model->phys_bits = host;
        if (model->host_phys_bits_limit && model->phys_bits > model->host_phys_bits_limit) {
            model->phys_bits = model->host_phys_bits_limit;
        }
    } else if (model->host && model->phys_bits && model->phys_bits != host) {
        report_warning("Host physical bits (%u) does not match phys-bits property (%u)", host,
                       model->phys_bits);
    }
    if (!long_mode) {
        if (model->phys_bits && !model->host_phys_bits) {
            return error_setf(error, "phys-bits is not user-configurable in 32 bit");
        }
        model->phys_bits = x86_cpu_model_has(model, "pse36") ? 36 : 32;
        return true;
    }
    if (model->phys_bits && (model->phys_bits < 32 || model->phys_bits > 52)) {
        return error_setf(error, "phys-bits should be between 32 and 52  (but is %u)",
                          model->phys_bits);
    }
    if (!model->phys_bits) {
        model->phys_bits = 40;
    }
    return true;
}

static void settle_levels(X86CPUModel *model)
{
    uint32_t level = model->min_level, xlevel = model->min_xlevel, sub7 = 0;

    for (unsigned word = 0; model->full_auto_level && word < FEATURE_WORD_COUNT; word++) {
        const FeatureWordInfo *info = &feature_words[word];

        if (info->is_msr || !model->features[word]) {
            continue;
        }
        if (info->function < 0x40000000) {
            level = MAX(level, info->function);
        } else if (info->function >> 16 == 0x8000) {
            xlevel = MAX(xlevel, info->function);
        } else if (info->function >> 16 == 0xc000) {
            model->min_xlevel2 = MAX(model->min_xlevel2, info->function);
        }
        if (info->function == 7) {
            sub7 = MAX(sub7, info->index);
        }
    }
    if (x86_cpu_model_has(model, "amx-tile")) {
        level = MAX(level, 0x1e);
    }
    if (model->topology.dies > 1) {
        level = MAX(level, 0x1f);
    }
    model->level = model->level_set ? model->level : level;
    model->xlevel = model->xlevel_set ? model->xlevel : xlevel;
    model->xlevel2 = MAX(model->xlevel2, model->min_xlevel2);
    model->level_func7 = model->level_func7_set ? model->level_func7 : sub7;
}

/* Leaf 0x80000001 of an AMD processor repeats most of leaf 1. */
static void copy_amd_aliases(X86CPUModel *model)
{
    const uint64_t repeated = 0x0183f3ff;

    if (g_str_equal(model->vendor, "AuthenticAMD") || g_str_equal(model->vendor, "HygonGenuine")) {
        model->features[FEATURE_80000001_EDX] =
            (model->features[FEATURE_80000001_EDX] & ~repeated) |
            (model->features[FEATURE_1_EDX] & repeated);
    }
}

static bool finish_model(X86CPUModel *model, GError **error)
{
    if (model->all_host_features) {
        expand_host_features(model);
    }
    if (!model->kvm) {
        model->features[FEATURE_40000001_EAX] = model->features[FEATURE_40000001_EDX] = 0;
    }
    drop_dependents(model);
    if (!check_host(model, error) || !settle_phys_bits(model, error)) {
        return false;
    }
    drop_dependents(model);
    copy_amd_aliases(model);
    settle_levels(model);
    return true;
}

X86CPUModel *x86_cpu_model_parse(const char *text, const char *default_model,
                                 const X86CPUIDEntry *host_entries, unsigned host_count,
                                 const X86Topology *topology, GError **error)
{
    X86CPUModel *model = model_new(host_entries, host_count, topology);
    g_auto(GStrv) parts = g_strsplit(text && *text ? text : default_model, ",", -1);
    const char *suffix = "-x86_64-cpu";
    char *name = parts[0] ? parts[0] : (char *)"";

    if (g_str_has_suffix(name, suffix)) {
        name[strlen(name) - strlen(suffix)] = 0;
    }
    if (!load_named(model, name, error) || !apply_properties(model, parts, error) ||
        !cpu_hyperv_check(model, error) || !finish_model(model, error)) {
        x86_cpu_model_free(model);
        return NULL;
    }
    return model;
}

const char *x86_cpu_model_name(const X86CPUModel *model)
{
    return model->name;
}

unsigned x86_cpu_model_phys_bits(const X86CPUModel *model)
{
    return model->phys_bits;
}

uint32_t x86_cpu_model_tsc_khz(const X86CPUModel *model)
{
    return (uint32_t)(model->tsc_frequency / 1000);
}

bool x86_cpu_model_shows_kvm(const X86CPUModel *model)
{
    return model->kvm;
}

bool x86_cpu_model_frequency_leaf(const X86CPUModel *model)
{
    return model->kvm && model->frequency_leaf &&
           (model->tsc_frequency || x86_cpu_model_has(model, "invtsc"));
}

bool x86_cpu_model_lmce(const X86CPUModel *model)
{
    return model->lmce;
}

bool x86_cpu_model_msr(const X86CPUModel *model, uint32_t msr, uint64_t *value)
{
    if (msr == 0x8b) {
        *value = model->microcode_revision;
        return model->microcode_revision != 0;
    }
    for (unsigned word = FEATURE_MSR_CF; word <= FEATURE_MSR_345; word++) {
        if (feature_words[word].function == msr) {
            *value = model->features[word];
            return *value != 0;
        }
    }
    return false;
}

uint64_t x86_cpu_model_msr_removed(const X86CPUModel *model, uint32_t msr)
{
    for (unsigned word = FEATURE_MSR_480; word <= FEATURE_MSR_491; word++) {
        if (feature_words[word].function == msr) {
            return model->user_set[word] & ~model->features[word];
        }
    }
    return 0;
}
