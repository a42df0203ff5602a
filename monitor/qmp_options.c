/*
 * QMP: the options of the command line, from the table that parses them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/qmp_command.h"

typedef struct {
    const char *wanted; /* or NULL */
    JsonArray *list;
    bool found;
} OptionSearch;

static bool is_on_off(const char *value)
{
    return g_str_has_prefix(value, "on|off");
}

static void add_parameter(JsonArray *list, const char *name, const char *value)
{
    JsonObject *parameter = json_object_new();

    json_object_set_string_member(parameter, "name", name);
    json_object_set_string_member(parameter, "type", is_on_off(value) ? "boolean" : "string");
    json_array_add_object_element(list, parameter);
}

/* An option's form, such as "[file=FILE][,if=TYPE]", names its keys. */
static JsonArray *parameters_of(const char *form)
{
    JsonArray *list = json_array_new();
    g_auto(GStrv) words = g_strsplit_set(form, "[], \n", -1);

    for (char **word = words; *word; word++) {
        char *equals = strchr(*word, '=');
        if (equals && equals > *word && g_ascii_islower(**word)) {
            *equals = '\0';
            add_parameter(list, *word, equals + 1);
        }
    }
    return list;
}

static void add_option(const char *name, const char *argument, void *opaque)
{
    OptionSearch *search = opaque;
    JsonObject *info;

    if (search->wanted && strcmp(search->wanted, name) != 0) {
        return;
    }
    search->found = true;
    if (!argument || !strchr(argument, '=')) {
        return;
    }
    info = json_object_new();
    json_object_set_string_member(info, "option", name);
    json_object_set_array_member(info, "parameters", parameters_of(argument));
    json_array_add_object_element(search->list, info);
}

static bool query_command_line_options(QmpCall *call, GError **error)
{
    OptionSearch search = {qmp_string(call, "option"), json_array_new(), false};

    monitor_host()->option_foreach(add_option, &search);
    qmp_return_array(call, search.list);
    return !search.wanted || search.found ||
           error_setf(error, "invalid option name: %s", search.wanted);
}

static const QmpCommand commands[] = {
    {"query-command-line-options", "option?:str", "[CommandLineOptionInfo]", 0,
     query_command_line_options},
};
const QmpTable qmp_table_options = {commands, G_N_ELEMENTS(commands)};
