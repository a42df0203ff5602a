/*
 * -monitor, -qmp, -qmp-pretty, -mon.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "option_handlers.h"
#include "util/error.h"

/* @data: "readline", "control" or "pretty". The argument is a character device as -serial takes it.
 */
bool option_monitor(StartConfig *config, const CommandOption *option, const char *argument,
                    GError **error)
{
    config->default_monitor = false;
    if (strcmp(argument, "none") != 0) {
        start_config_push(config, config->monitors, argument, option->data, NULL);
    }
    return true;
}

/* The chardev is one of -chardev; @value then names its id. */
bool option_mon(StartConfig *config, const CommandOption *option, const char *argument,
                GError **error)
{
    static const char *const modes[] = {"readline", "control", NULL};
    g_autoptr(OptionReader) reader = option_parse_reader(argument, "chardev", error);
    const char *chardev = NULL, *id = NULL;
    bool pretty = false;
    int mode = 0;

    if (!reader || !option_get_string(reader, "chardev", &chardev, error) ||
        !option_get_string(reader, "id", &id, error) ||
        !option_get_enum(reader, "mode", modes, &mode, error) ||
        !option_get_bool(reader, "pretty", &pretty, error) ||
        !option_reader_finish(reader, error)) {
        return false;
    }
    if (!chardev) {
        return error_setf(error, "Parameter 'chardev' is missing");
    }
    if (mode == 0 && option_reader_has(reader, "pretty")) {
        return error_setf(error, "'pretty' is not compatible with HMP monitors");
    }
    g_autofree char *text = g_strdup_printf("chardev:%s", chardev);
    config->default_monitor = false;
    start_config_push(config, config->monitors, text,
                      mode == 0 ? "readline"
                      : pretty  ? "pretty"
                                : "control",
                      NULL);
    return true;
}
