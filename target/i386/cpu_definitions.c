/*
 * Finding a named CPU model and laying its rows over each other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "target/i386/cpu_definitions.h"

void cpu_definition_foreach(void (*visit)(const X86CPUDefinition *definition, void *opaque),
                            void *opaque)
{
    for (unsigned i = 0; i < cpu_definitions_basic_count; i++) {
        visit(&cpu_definitions_basic[i], opaque);
    }
    for (unsigned i = 0; i < cpu_definitions_intel_count; i++) {
        visit(&cpu_definitions_intel[i], opaque);
    }
    for (unsigned i = 0; i < cpu_definitions_amd_count; i++) {
        visit(&cpu_definitions_amd[i], opaque);
    }
}

typedef struct {
    const char *name;
    const X86CPUDefinition *found;
} Search;

static void match_definition(const X86CPUDefinition *definition, void *opaque)
{
    Search *search = opaque;
    size_t length = strlen(search->name);
    bool first_version = g_str_has_prefix(definition->name, search->name) &&
                         g_str_equal(definition->name + length, "-v1");

    if (first_version || g_str_equal(definition->name, search->name) ||
        g_strcmp0(definition->alias, search->name) == 0) {
        search->found = definition;
    }
}

const X86CPUDefinition *cpu_definition_find(const char *name)
{
    Search search = {name, NULL};

    cpu_definition_foreach(match_definition, &search);
    return search.found;
}

static void apply_features(X86CPUModel *model, const char *text)
{
    g_auto(GStrv) names = g_strsplit(text, " ", -1);

    for (unsigned i = 0; names[i]; i++) {
        bool remove = names[i][0] == '-';
        FeatureWord word;
        uint64_t mask;

        if (!feature_find(names[i] + remove, &word, &mask)) {
            g_error("CPU model table names no feature '%s'", names[i]);
        }
        if (remove) {
            model->features[word] &= ~mask;
        } else {
            model->features[word] |= mask;
        }
    }
}

static void replace_string(char **where, const char *value)
{
    if (value) {
        g_free(*where);
        *where = g_strdup(value);
    }
}

void cpu_definition_load(const X86CPUDefinition *definition, X86CPUModel *model)
{
    if (definition->parent) {
        cpu_definition_load(cpu_definition_find(definition->parent), model);
    }
    if (definition->family) {
        model->family = (uint32_t)definition->family;
        model->model = (uint32_t)definition->model;
        model->stepping = (uint32_t)definition->stepping;
    }
    if (definition->level) {
        model->min_level = definition->level;
    }
    if (definition->xlevel) {
        model->min_xlevel = definition->xlevel;
    }
    if (definition->caches != CACHES_INHERIT) {
        model->caches = definition->caches;
    }
    replace_string(&model->vendor, definition->vendor);
    replace_string(&model->model_id, definition->model_id);
    if (definition->features) {
        apply_features(model, definition->features);
    }
}
