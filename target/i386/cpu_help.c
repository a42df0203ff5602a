/*
 * -cpu help.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "target/i386/cpu_definitions.h"

static void add_line(GPtrArray *lines, const char *name, const char *description)
{
    g_autofree char *line = g_strdup_printf("%-26s %s", name, description);

    g_ptr_array_add(lines, g_strdup_printf("  %s", g_strchomp(line)));
}

static const char *model_id_of(const X86CPUDefinition *definition)
{
    while (!definition->model_id && definition->parent) {
        definition = cpu_definition_find(definition->parent);
    }
    return definition->model_id ? definition->model_id : "";
}

static void add_definition(const X86CPUDefinition *definition, void *opaque)
{
    GPtrArray *lines = opaque;
    g_autofree char *text = g_strdup_printf(definition->note ? "%s [%s]" : "%s",
                                            model_id_of(definition), definition->note);
    g_autofree char *alias_text = g_strdup_printf("(alias of %s)", definition->name);

    add_line(lines, definition->name, text);
    if (g_str_has_suffix(definition->name, "-v1")) {
        g_autofree char *plain = g_strndup(definition->name, strlen(definition->name) - 3);
        add_line(lines, plain, "(alias configured by machine type)");
    }
    if (definition->alias) {
        add_line(lines, definition->alias, alias_text);
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void x86_cpu_model_print_help(void)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    cpu_definition_foreach(add_definition, lines);
    g_ptr_array_sort(lines, compare_lines);
    add_line(lines, "base", "base CPU model type with no features enabled");
    add_line(lines, "host", "processor with all supported host features");
    add_line(lines, "max", "Enables all features supported by the accelerator in the current host");
    printf("Available CPUs:\n");
    for (guint i = 0; i < lines->len; i++) {
        printf("%s\n", (char *)g_ptr_array_index(lines, i));
    }
    printf("\nRecognized CPUID flags:\n");
    feature_print_names();
}
