/*
 * HMP: from a line to a command.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/hmp.h"

#include <string.h>

#include "monitor/qmp_command.h"
#include "util/options.h"

static bool run_help(HmpCall *call, GError **error);
static bool run_info(HmpCall *call, GError **error);

static const HmpCommand own_commands[] = {
    {"help|?", "[command]", "show the help, or that of one command", 0, 1, run_help,
     hmp_names_commands},
    {"info", "[subject]", "show what is known of a subject", 0, 8, run_info, hmp_names_info},
};
static const HmpTable own_table = {own_commands, G_N_ELEMENTS(own_commands)};

static const HmpTable *const tables[] = {
    &own_table,        &hmp_table_run,    &hmp_table_device,    &hmp_table_block,
    &hmp_table_memory, &hmp_table_xen,    &hmp_table_migration,
    &hmp_table_net,
};
static const HmpTable *const info_tables[] = {
    &hmp_info_machine,
    &hmp_info_device,
    &hmp_info_block,
    &hmp_info_memory,
    &hmp_info_xen,
    &hmp_info_migration,
    &hmp_info_net,
};

typedef struct {
    const HmpTable *const *tables;
    unsigned count;
} Family;

static const Family command_family = {tables, G_N_ELEMENTS(tables)};
static const Family info_family = {info_tables, G_N_ELEMENTS(info_tables)};

void hmp_printf(HmpCall *call, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_string_append_vprintf(call->out, format, arguments);
    va_end(arguments);
}

const char *hmp_word(const HmpCall *call, unsigned n)
{
    return n < call->count ? call->words[n] : NULL;
}

bool hmp_size(const char *text, uint64_t unit, uint64_t *value, GError **error)
{
    return parse_size(text, "size", unit, value, error);
}

/* ---- look-up ---- */

static bool is_called(const HmpCommand *command, const char *name)
{
    g_auto(GStrv) names = g_strsplit(command->names, "|", -1);

    return g_strv_contains((const char *const *)names, name);
}

static const HmpCommand *find(const Family *family, const char *name)
{
    for (unsigned i = 0; i < family->count; i++) {
        for (unsigned j = 0; j < family->tables[i]->count; j++) {
            if (is_called(&family->tables[i]->commands[j], name)) {
                return &family->tables[i]->commands[j];
            }
        }
    }
    return NULL;
}

static int compare_commands(gconstpointer a, gconstpointer b)
{
    return strcmp((*(const HmpCommand *const *)a)->names, (*(const HmpCommand *const *)b)->names);
}

static GPtrArray *sorted(const Family *family)
{
    GPtrArray *all = g_ptr_array_new();

    for (unsigned i = 0; i < family->count; i++) {
        for (unsigned j = 0; j < family->tables[i]->count; j++) {
            g_ptr_array_add(all, (gpointer)(uintptr_t)&family->tables[i]->commands[j]);
        }
    }
    g_ptr_array_sort(all, compare_commands);
    return all;
}

static void add_names(const Family *family, void (*add)(const char *word, void *opaque),
                      void *opaque)
{
    g_autoptr(GPtrArray) all = sorted(family);

    for (guint i = 0; i < all->len; i++) {
        const HmpCommand *command = g_ptr_array_index(all, i);
        g_auto(GStrv) names = g_strsplit(command->names, "|", -1);
        for (char **name = names; *name; name++) {
            add(*name, opaque);
        }
    }
}

void hmp_names_commands(void (*add)(const char *word, void *opaque), void *opaque)
{
    add_names(&command_family, add, opaque);
}

void hmp_names_info(void (*add)(const char *word, void *opaque), void *opaque)
{
    add_names(&info_family, add, opaque);
}

/* ---- help and info ---- */

static void print_command(HmpCall *call, const char *prefix, const HmpCommand *command)
{
    hmp_printf(call, "%s%s%s%s -- %s\n", prefix, command->names, command->form[0] ? " " : "",
               command->form, command->help);
}

static void print_family(HmpCall *call, const char *prefix, const Family *family)
{
    g_autoptr(GPtrArray) all = sorted(family);

    for (guint i = 0; i < all->len; i++) {
        print_command(call, prefix, g_ptr_array_index(all, i));
    }
}

static bool run_help(HmpCall *call, GError **error)
{
    const HmpCommand *command;

    if (call->count == 0) {
        print_family(call, "", &command_family);
        return true;
    }
    if (strcmp(call->words[0], "info") == 0) {
        print_family(call, "info ", &info_family);
        return true;
    }
    command = find(&command_family, call->words[0]);
    if (command) {
        print_command(call, "", command);
    }
    return command || error_setf(error, "unknown command: '%s'", call->words[0]);
}

static bool check_count(const HmpCommand *command, const char *name, unsigned count, GError **error)
{
    if (count < command->min) {
        return error_setf(error, "%s: parameter expected: %s", name, command->form);
    }
    return count <= command->max ||
           error_setf(error, "%s: extraneous characters at the end of line", name);
}

static bool run_info(HmpCall *call, GError **error)
{
    HmpCall inner = *call;
    const HmpCommand *command;

    if (call->count == 0) {
        print_family(call, "info ", &info_family);
        return true;
    }
    command = find(&info_family, call->words[0]);
    if (!command) {
        return error_setf(error, "unknown command: 'info %s'", call->words[0]);
    }
    inner.words++;
    inner.count--;
    return check_count(command, call->words[0], inner.count, error) && command->run(&inner, error);
}

/* ---- a line ---- */

/* Splits @text at blanks; double quotes keep them. NULL: a quote is not closed. */
static char **split(const char *text, unsigned *count)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

    while (*(text += strspn(text, " \t"))) {
        g_autoptr(GString) word = g_string_new(NULL);
        bool quoted = false;
        for (; *text && (quoted || !strchr(" \t", *text)); text++) {
            if (*text == '"') {
                quoted = !quoted;
            } else {
                if (*text == '\\' && quoted && text[1]) {
                    text++;
                }
                g_string_append_c(word, *text);
            }
        }
        if (quoted) {
            return NULL;
        }
        g_ptr_array_add(words, g_string_free(g_steal_pointer(&word), FALSE));
    }
    *count = words->len;
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_steal(words, NULL);
}

/* "x/10i" is "x /10i". */
static size_t name_length(const char *line)
{
    size_t length = strcspn(line, " \t");
    size_t slash = strcspn(line, "/");

    return slash < length && slash > 0 ? slash : length;
}

static bool run_line(HmpCall *call, const char *line, GError **error)
{
    size_t length = name_length(line);
    g_autofree char *name = g_strndup(line, length);
    g_auto(GStrv) words = NULL;
    const HmpCommand *command = find(&command_family, name);

    if (!command) {
        return error_setf(error, "unknown command: '%s'", name);
    }
    call->rest = line + length + strspn(line + length, " \t");
    words = split(call->rest, &call->count);
    if (!words) {
        return error_setf(error, "%s: a quote is not closed", name);
    }
    call->words = words;
    return check_count(command, name, call->count, error) && command->run(call, error);
}

void hmp_execute(Monitor *monitor, const char *line, GString *out)
{
    HmpCall call = {.monitor = monitor, .out = out};
    g_autoptr(GError) error = NULL;

    line += strspn(line, " \t");
    if (*line == '\0' || *line == '#') {
        return;
    }
    if (!run_line(&call, line, &error)) {
        if (g_str_has_prefix(error->message, "unknown command")) {
            g_string_append_printf(out, "%s\n", error->message);
        } else {
            g_string_append_printf(out, "Error: %s\n", error->message);
        }
    }
}

/* ---- QMP underneath ---- */

JsonNode *hmp_qmp(HmpCall *call, GError **error, const char *name, ...)
{
    g_autoptr(JsonObject) arguments = json_object_new();
    va_list list;
    int type;

    va_start(list, name);
    while ((type = va_arg(list, int)) != 0) {
        const char *key = va_arg(list, const char *);
        if (type == 's') {
            const char *text = va_arg(list, const char *);
            if (text) {
                json_object_set_string_member(arguments, key, text);
            }
        } else if (type == 'i') {
            json_object_set_int_member(arguments, key, va_arg(list, int64_t));
        } else {
            json_object_set_boolean_member(arguments, key, va_arg(list, int));
        }
    }
    va_end(list);
    return qmp_run(call->monitor, name, arguments, error);
}

bool hmp_qmp_object(HmpCall *call, const char *name, JsonObject *arguments, GError **error)
{
    g_autoptr(JsonNode) result = qmp_run(call->monitor, name, arguments, error);

    return result != NULL;
}

/* ---- completion ---- */

typedef struct {
    const char *start;
    GPtrArray *words;
} Matches;

static void add_match(const char *word, void *opaque)
{
    Matches *matches = opaque;

    if (g_str_has_prefix(word, matches->start)) {
        g_ptr_array_add(matches->words, g_strdup(word));
    }
}

GPtrArray *hmp_complete(const char *line)
{
    Matches matches = {.words = g_ptr_array_new_with_free_func(g_free)};
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    unsigned last = g_strv_length(words);
    const HmpCommand *command = NULL;

    if (last == 0) {
        matches.start = "";
        hmp_names_commands(add_match, &matches);
        return matches.words;
    }
    matches.start = words[--last];
    if (last == 0) {
        hmp_names_commands(add_match, &matches);
        return matches.words;
    }
    command = find(&command_family, words[0]);
    if (last == 2 && command && strcmp(words[0], "info") == 0) {
        command = find(&info_family, words[1]);
        last = 1;
    }
    if (command && command->complete && last == 1) {
        command->complete(add_match, &matches);
    }
    return matches.words;
}
