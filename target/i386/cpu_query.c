/*
 * CPU models for monitors: which there are, what is in one, what the host lacks for it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "target/i386/cpu_definitions.h"

typedef struct {
    char *name, *alias_of;
} ModelName;

static void model_name_free(gpointer data)
{
    ModelName *entry = data;

    g_free(entry->name);
    g_free(entry->alias_of);
    g_free(entry);
}

static void add_name(GPtrArray *names, char *name, const char *alias_of)
{
    ModelName *entry = g_new0(ModelName, 1);

    entry->name = name;
    entry->alias_of = g_strdup(alias_of);
    g_ptr_array_add(names, entry);
}

static void add_definition(const X86CPUDefinition *definition, void *opaque)
{
    size_t length = strlen(definition->name);

    add_name(opaque, g_strdup(definition->name), NULL);
    if (g_str_has_suffix(definition->name, "-v1")) {
        add_name(opaque, g_strndup(definition->name, length - 3), definition->name);
    }
    if (definition->alias) {
        add_name(opaque, g_strdup(definition->alias), definition->name);
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp((*(ModelName *const *)a)->name, (*(ModelName *const *)b)->name);
}

void x86_cpu_model_foreach(void (*visit)(const char *name, const char *alias_of, void *opaque),
                           void *opaque)
{
    static const char *const special[] = {"base", "host", "max"};
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(model_name_free);

    cpu_definition_foreach(add_definition, names);
    for (unsigned i = 0; i < G_N_ELEMENTS(special); i++) {
        add_name(names, g_strdup(special[i]), NULL);
    }
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const ModelName *entry = g_ptr_array_index(names, i);
        visit(entry->name, entry->alias_of, opaque);
    }
}

void x86_cpu_model_features(const X86CPUModel *model,
                            void (*visit)(const char *feature, bool on, void *opaque), void *opaque)
{
    for (unsigned word = 0; word < FEATURE_WORD_COUNT; word++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            const char *name = feature_words[word].names[bit];
            if (name) {
                visit(name, model_has_bit(model, word, bit), opaque);
            }
        }
    }
}

void x86_cpu_model_missing(const char *name, const X86CPUIDEntry *host_entries, unsigned host_count,
                           void (*visit)(const char *feature, void *opaque), void *opaque)
{
    const X86CPUDefinition *definition = cpu_definition_find(name);
    X86CPUModel *model = g_new0(X86CPUModel, 1);

    if (definition && host_entries) {
        cpu_definition_load(definition, model);
        for (unsigned word = 0; word < FEATURE_WORD_COUNT; word++) {
            uint64_t missing =
                model->features[word] & ~feature_host_value(word, host_entries, host_count);
            for (unsigned bit = 0; bit < 64; bit++) {
                if ((missing >> bit & 1) && feature_words[word].names[bit]) {
                    visit(feature_words[word].names[bit], opaque);
                }
            }
        }
    }
    x86_cpu_model_free(model);
}

X86CPUIdentity x86_cpu_model_identity(const X86CPUModel *model)
{
    return (X86CPUIdentity){
        .vendor = model->vendor ? model->vendor : "",
        .model_id = model->model_id ? model->model_id : "",
        .family = model->family,
        .model = model->model,
        .stepping = model->stepping,
        .level = model->level,
        .xlevel = model->xlevel,
    };
}
