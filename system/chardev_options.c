/*
 * -chardev, -serial, -echr, -debugcon.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "chardev/chardev.h"
#include "option_handlers.h"
#include "util/error.h"

bool option_chardev(StartConfig *config, const CommandOption *option, const char *argument,
                    GError **error)
{
    if (option_wants_help(argument)) {
        chardev_print_help();
        config->done = true;
        return true;
    }
    JsonObject *object = options_parse(argument, "backend", error);
    if (!object) {
        return false;
    }
    start_config_push(config, config->chardevs, argument, NULL, object);
    return true;
}

bool option_serial(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    if (config->serials->len == G_N_ELEMENTS(config->board.serial_chardevs)) {
        return error_setf(error, "a machine has at most %zu serial ports",
                          G_N_ELEMENTS(config->board.serial_chardevs));
    }
    start_config_push(config, config->serials, argument, NULL, NULL);
    return true;
}

/* -echr: the code of the character that starts a command of the mux, such as 1 for Ctrl-a. */
bool option_escape_character(StartConfig *config, const CommandOption *option, const char *argument,
                             GError **error)
{
    uint64_t code;

    if (!parse_uint(argument, option->name, 0, UINT8_MAX, &code, error)) {
        return false;
    }
    chardev_set_escape_character(code);
    return true;
}

/* A chardev and the isa-debugcon in front of it. */
bool option_debug_console(StartConfig *config, const CommandOption *option, const char *argument,
                          GError **error)
{
    JsonObject *device;

    if (strcmp(argument, "none") == 0) {
        return true;
    }
    device = json_object_new();
    json_object_set_string_member(device, "driver", "isa-debugcon");
    json_object_set_string_member(device, "chardev", "debugcon");
    start_config_push(config, config->legacy_chardevs, argument, "debugcon", NULL);
    start_config_push(config, config->devices, "isa-debugcon", NULL, device);
    return true;
}
