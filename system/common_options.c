/*
 * Handlers that many rows of the option table share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "option_handlers.h"
#include "util/error.h"

bool option_wants_help(const char *argument)
{
    return strcmp(argument, "help") == 0 || strcmp(argument, "?") == 0;
}

char *option_node_text(JsonNode *node)
{
    if (!JSON_NODE_HOLDS_VALUE(node)) {
        return NULL;
    }
    switch (json_node_get_value_type(node)) {
    case G_TYPE_STRING:
        return json_node_dup_string(node);
    case G_TYPE_BOOLEAN:
        return g_strdup(json_node_get_boolean(node) ? "on" : "off");
    case G_TYPE_INT64:
        return g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
    default:
        return NULL;
    }
}

OptionReader *option_parse_reader(const char *argument, const char *implied_key, GError **error)
{
    g_autoptr(JsonObject) object = options_parse(argument, implied_key, error);
    return object ? option_reader_new(object, NULL) : NULL;
}

bool option_string(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    start_config_set((char **)((char *)config + option->field), argument);
    return true;
}

bool option_flag(StartConfig *config, const CommandOption *option, const char *argument,
                 GError **error)
{
    *(bool *)((char *)config + option->field) = true;
    return true;
}

bool option_flag_off(StartConfig *config, const CommandOption *option, const char *argument,
                     GError **error)
{
    *(bool *)((char *)config + option->field) = false;
    return true;
}

bool option_ignored(StartConfig *config, const CommandOption *option, const char *argument,
                    GError **error)
{
    return true;
}

/* Options of which this build has only the value that means nothing; @data says of what. */
bool option_none_only(StartConfig *config, const CommandOption *option, const char *argument,
                      GError **error)
{
    if (strcmp(argument, "none") == 0) {
        return true;
    }
    return error_setf(error, "%s are not supported by this build, only 'none' is", option->data);
}

/* libvirt gives each guest an audio back end, which is "none" unless the guest has a sound card. */
bool option_audio_device(StartConfig *config, const CommandOption *option, const char *argument,
                         GError **error)
{
    g_autoptr(OptionReader) reader = option_parse_reader(argument, "driver", error);
    const char *driver = NULL, *id = NULL;

    if (!reader || !option_get_string(reader, "driver", &driver, error) ||
        !option_get_string(reader, "id", &id, error)) {
        return false;
    }
    if (!driver || !id) {
        return error_setf(error, "Parameter '%s' is missing", driver ? "id" : "driver");
    }
    if (strcmp(driver, "none") != 0) {
        return error_setf(error, "audio back ends are not supported by this build, only 'none' is");
    }
    return option_reader_finish(reader, error);
}

bool option_help(StartConfig *config, const CommandOption *option, const char *argument,
                 GError **error)
{
    command_line_print_help();
    config->done = true;
    return true;
}

bool option_version(StartConfig *config, const CommandOption *option, const char *argument,
                    GError **error)
{
    command_line_print_version();
    config->done = true;
    return true;
}
