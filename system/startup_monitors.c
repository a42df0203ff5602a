/*
 * Start-up: the monitors, and what they may ask of this folder.
 *
 * They are made before the board, so that a serial port that shares a terminal with one has the
 * terminal in the end. What clients send waits for the main loop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "chardev/chardev.h"
#include "command_line.h"
#include "config-host.h"
#include "monitor/monitor.h"
#include "startup_stages.h"
#include "user_objects.h"
#include "util/error.h"

static void visit_options(void (*visit)(const char *name, const char *argument, void *opaque),
                          void *opaque)
{
    unsigned count;
    const CommandOption *options = command_options(&count);

    for (unsigned i = 0; i < count; i++) {
        visit(options[i].name, options[i].argument, opaque);
    }
}

static const MonitorHost host = {
    .version_major = COMPATIBLE_MAJOR,
    .version_minor = COMPATIBLE_MINOR,
    .version_micro = COMPATIBLE_MICRO,
    .package = "Xenolith " XENOLITH_VERSION,
    .object_add = user_object_add,
    .object_delete = user_object_delete,
    .object_foreach = user_object_foreach,
    .object_types = user_object_types,
    .option_foreach = visit_options,
};

static bool add_monitor(const char *chardev, const char *mode, GError **error)
{
    MonitorConfig monitor = {
        .chardev = chardev,
        .control = strcmp(mode, "readline") != 0,
        .pretty = strcmp(mode, "pretty") == 0,
    };

    return monitor_add(&monitor, error);
}

static bool make_monitor(PendingOption *pending, GError **error)
{
    static unsigned counter;
    g_autofree char *id = g_strdup_printf("compat_monitor%u", counter++);
    bool none;
    Chardev *chardev;

    if (g_str_has_prefix(pending->text, "chardev:") &&
        !chardev_find(pending->text + strlen("chardev:"))) {
        return error_setf(error, "chardev \"%s\" not found", pending->text + strlen("chardev:"));
    }
    chardev = chardev_new_from_legacy(pending->text, id, &none, error);
    return chardev && add_monitor(chardev_id(chardev), pending->value, error);
}

/* "-serial mon:…": a monitor behind the same terminal. */
static bool make_serial_monitors(StartConfig *config, GError **error)
{
    char **chardevs = machine_config(machine_get())->serial_chardevs;

    for (unsigned i = 0; i < config->serials->len; i++) {
        const PendingOption *pending = config->serials->pdata[i];
        if (g_str_has_prefix(pending->text, "mon:") && chardevs[i] &&
            !add_monitor(chardevs[i], "readline", error)) {
            g_prefix_error(error, "%s: ", pending->where);
            return false;
        }
    }
    return true;
}

bool startup_make_monitors(StartConfig *config, GError **error)
{
    char **chardevs = machine_config(machine_get())->serial_chardevs;

    monitors_init(&host);
    if (!startup_for_each(config->monitors, make_monitor, error) ||
        !make_serial_monitors(config, error)) {
        return false;
    }
    if (!startup_default_monitor(config)) {
        return true;
    }
    /* -nographic: the monitor shares the terminal with the serial port, if that is the default one
     */
    PendingOption on_stdio = {.text = (char *)"stdio", .value = (char *)"readline"};
    bool made = config->serials->len == 0 && chardevs[0]
                    ? add_monitor(chardevs[0], "readline", error)
                    : make_monitor(&on_stdio, error);
    if (!made) {
        g_prefix_error(error, "-nographic: ");
    }
    return made;
}
