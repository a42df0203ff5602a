/*
 * -object: parsed here, made at start-up by user_objects.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "option_handlers.h"
#include "user_objects.h"
#include "util/error.h"

bool option_object(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    if (option_wants_help(argument)) {
        user_objects_print_help();
        config->done = true;
        return true;
    }
    JsonObject *object = options_parse(argument, "qom-type", error);
    if (!object) {
        return false;
    }
    start_config_push(config, config->objects, argument, NULL, object);
    return true;
}
