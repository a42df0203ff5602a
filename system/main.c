/*
 * The entry point.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>

#include "command_line.h"
#include "startup.h"
#include "util/log.h"

int main(int argc, char **argv)
{
    g_autoptr(StartConfig) config = start_config_new();
    g_autoptr(GError) error = NULL;

    device_types_init();
    if (!command_line_parse(config, argc, argv, &error)) {
        report_error("%s", error->message);
        return EXIT_FAILURE;
    }
    return config->done ? EXIT_SUCCESS : startup_run(config);
}
