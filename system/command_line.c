/*
 * Walks the arguments by the option table.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command_line.h"

#include <stdio.h>
#include <string.h>

#include "config-host.h"
#include "unsupported_options.h"
#include "util/error.h"

#define HELP_COLUMN 16

void command_line_print_version(void)
{
    printf("Xenolith %s, with the command line of QEMU emulator version %d.%d.%d\n",
           XENOLITH_VERSION, COMPATIBLE_MAJOR, COMPATIBLE_MINOR, COMPATIBLE_MICRO);
}

static void print_option(const CommandOption *option)
{
    g_autofree char *form = option->argument
                                ? g_strdup_printf("-%s %s", option->name, option->argument)
                                : g_strdup_printf("-%s", option->name);
    g_auto(GStrv) lines = g_strsplit(option->help, "\n", -1);
    bool beside = strlen(form) < HELP_COLUMN - 1;

    if (!beside) {
        printf("%s\n", form);
    }
    for (unsigned i = 0; lines[i]; i++) {
        printf("%-*s%s\n", HELP_COLUMN, i == 0 && beside ? form : "", lines[i]);
    }
}

void command_line_print_help(void)
{
    unsigned count;
    const CommandOption *options = command_options(&count);

    command_line_print_version();
    printf("usage: qemu-system-x86_64 [options] [disk_image]\n\n"
           "'disk_image' is a raw hard disk image for IDE hard disk 0\n");
    for (unsigned group = 0; group < OPTION_GROUP_COUNT; group++) {
        printf("\n%s:\n", command_group_title(group));
        for (unsigned i = 0; i < count; i++) {
            if (options[i].group == group) {
                print_option(&options[i]);
            }
        }
    }
    printf("\nWhere -M, -device and others take properties, 'help' lists them.\n");
}

static const CommandOption *find_option(const char *name)
{
    unsigned count;
    const CommandOption *options = command_options(&count);

    for (unsigned i = 0; i < count; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

/* An error is one line: what was typed must not break it. */
static char *printable(const char *text)
{
    char *copy = g_strdup(text);

    for (char *p = copy; *p; p++) {
        if (g_ascii_iscntrl(*p)) {
            *p = ' ';
        }
    }
    return copy;
}

static bool handle_option(StartConfig *config, const CommandOption *option, const char *typed,
                          const char *argument, GError **error)
{
    g_autofree char *where = argument ? g_strdup_printf("%s %s", typed, argument) : g_strdup(typed);

    g_free(config->where);
    config->where = printable(where);
    if (!option->handle(config, option, argument ? argument : "", error)) {
        g_prefix_error(error, "%s: ", config->where);
        return false;
    }
    return true;
}

/* Takes argv[*position] and, if it has one, its argument; moves *@position behind. */
static bool parse_one(StartConfig *config, char **argv, int argc, int *position, GError **error)
{
    const char *typed = argv[(*position)++];
    const CommandOption *option;
    const char *name, *argument = NULL;

    if (typed[0] != '-' || typed[1] == '\0') {
        return handle_option(config, find_option("hda"), "-hda", typed, error);
    }
    name = typed[1] == '-' ? typed + 2 : typed + 1;
    option = find_option(name);
    if (!option) {
        g_autofree char *shown = printable(typed);
        const char *reason = unsupported_option_reason(name);
        return error_setf(error, "%s: %s", shown, reason ? reason : "invalid option");
    }
    if (option->argument) {
        if (*position >= argc) {
            return error_setf(error, "%s: requires an argument", typed);
        }
        argument = argv[(*position)++];
    }
    return handle_option(config, option, typed, argument, error);
}

bool command_line_parse(StartConfig *config, int argc, char **argv, GError **error)
{
    int position = 1;

    while (position < argc && !config->done) {
        if (!parse_one(config, argv, argc, &position, error)) {
            return false;
        }
    }
    return true;
}
