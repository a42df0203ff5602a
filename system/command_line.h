/*
 * The command line: one table of options that is the parser, -help, and the list the manual is
 * checked against.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_COMMAND_LINE_H
#define SYSTEM_COMMAND_LINE_H

#include "start_config.h"

/* Tools read the number behind "QEMU emulator version", and that of QMP, to learn what they may use. */
#define COMPATIBLE_MAJOR 10
#define COMPATIBLE_MINOR 0
#define COMPATIBLE_MICRO 2

typedef enum {
    OPTION_GROUP_STANDARD,
    OPTION_GROUP_BLOCK,
    OPTION_GROUP_DISPLAY,
    OPTION_GROUP_PC,
    OPTION_GROUP_NETWORK,
    OPTION_GROUP_CHARDEV,
    OPTION_GROUP_BOOT,
    OPTION_GROUP_DEBUG,
    OPTION_GROUP_OBJECT,
    OPTION_GROUP_COUNT
} OptionGroup;

typedef struct CommandOption CommandOption;

struct CommandOption {
    const char *name;
    const char *argument; /* its form for -help; NULL: the option takes none */
    OptionGroup group;
    const char *help;
    /** handle: @argument is "" for an option without one; false: @error without the option's name.
     */
    bool (*handle)(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error);
    size_t field;     /* option_string, option_flag: offset of the member of StartConfig */
    const char *data; /* for other handlers that several options share */
};

/** command_options: the table; *@count rows. */
const CommandOption *command_options(unsigned *count);
/** command_group_title: a heading of -help. */
const char *command_group_title(OptionGroup group);

/**
 * command_line_parse: parses all of @argv into @config; config->done is set when the process has
 * printed what was asked for. False: @error is the whole line for the user, option included.
 */
bool command_line_parse(StartConfig *config, int argc, char **argv, GError **error);

/** command_line_print_help: -help. command_line_print_version: -version. */
void command_line_print_help(void);
void command_line_print_version(void);

#endif
