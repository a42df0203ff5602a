/*
 * -drive, -blockdev, -hda … -hdd, -cdrom, -fda, -fdb, -pflash.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "option_handlers.h"
#include "util/error.h"

#define CDROM_INDEX "2"

/* The empty CD-ROM drive that a machine has by default sits at IDE index 2 and gives way. */
static void note_cdrom(StartConfig *config, JsonObject *object)
{
    const char *interface = json_object_get_string_member_with_default(object, "if", "ide");
    const char *media = json_object_get_string_member_with_default(object, "media", "disk");

    if (strcmp(media, "cdrom") == 0 ||
        (strcmp(interface, "ide") == 0 &&
         (json_object_has_member(object, "index") || json_object_has_member(object, "bus")))) {
        config->default_cdrom = false;
    }
}

bool option_drive(StartConfig *config, const CommandOption *option, const char *argument,
                  GError **error)
{
    JsonObject *object = options_parse(argument, "file", error);

    if (!object) {
        return false;
    }
    note_cdrom(config, object);
    start_config_push(config, config->drives, argument, NULL, object);
    return true;
}

bool option_blockdev(StartConfig *config, const CommandOption *option, const char *argument,
                     GError **error)
{
    JsonObject *object = options_parse(argument, "driver", error);

    if (!object) {
        return false;
    }
    start_config_push(config, config->blockdevs, argument, NULL, object);
    return true;
}

/* @index: NULL for the next free one. */
static void push_file(StartConfig *config, const char *file, const char *key, const char *value,
                      const char *index)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "file", file);
    json_object_set_string_member(object, key, value);
    if (index) {
        json_object_set_string_member(object, "index", index);
    }
    start_config_push(config, config->drives, file, NULL, object);
    if (strcmp(key, "media") == 0 && strcmp(index, CDROM_INDEX) == 0) {
        config->default_cdrom = false;
    }
}

/* @data is the drive's index. */
bool option_hard_disk(StartConfig *config, const CommandOption *option, const char *argument,
                      GError **error)
{
    push_file(config, argument, "media", "disk", option->data);
    return true;
}

bool option_cdrom(StartConfig *config, const CommandOption *option, const char *argument,
                  GError **error)
{
    push_file(config, argument, "media", "cdrom", CDROM_INDEX);
    return true;
}

/* @data is the drive's index. */
bool option_floppy(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    push_file(config, argument, "if", "floppy", option->data);
    return true;
}

bool option_flash(StartConfig *config, const CommandOption *option, const char *argument,
                  GError **error)
{
    push_file(config, argument, "if", "pflash", NULL);
    return true;
}
