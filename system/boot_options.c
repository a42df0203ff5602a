/*
 * -boot, -L, -fw_cfg, -smbios, -acpitable: what the firmware and the guest find at start.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "firmware_path.h"
#include "option_handlers.h"
#include "util/error.h"

#define MAX_SPLASH_TIME    0xffff
#define MAX_REBOOT_TIMEOUT 0xffff
#define PC_BOOT_DEVICES    "acdn" /* floppy, hard disk, CD-ROM, network */
#define PC_MAX_BOOT_ORDER  3      /* nibbles of CMOS that the firmware reads */

/* ---- -boot ---- */

static bool check_boot_letters(const char *letters, GError **error)
{
    for (const char *p = letters; *p; p++) {
        if (!strchr(PC_BOOT_DEVICES, *p)) {
            return error_setf(error, "Invalid boot device '%c'", *p);
        }
        if (strchr(p + 1, *p)) {
            return error_setf(error, "Boot device '%c' was given twice", *p);
        }
    }
    if (strlen(letters) > PC_MAX_BOOT_ORDER) {
        return error_setf(error, "Too many boot devices '%s', a pc takes %d", letters,
                          PC_MAX_BOOT_ORDER);
    }
    return true;
}

static bool read_boot_letters(OptionReader *reader, const char *key, char order[8], GError **error)
{
    const char *letters = NULL;

    if (!option_get_string(reader, key, &letters, error)) {
        return false;
    }
    if (!letters) {
        return true;
    }
    if (!check_boot_letters(letters, error)) {
        return false;
    }
    g_strlcpy(order, letters, 8);
    return true;
}

static bool read_boot_times(OptionReader *reader, BootConfig *boot, GError **error)
{
    uint64_t splash_time = boot->splash_time;
    int64_t reboot_timeout = boot->reboot_timeout;

    if (!option_get_uint(reader, "splash-time", 0, MAX_SPLASH_TIME, &splash_time, error) ||
        !option_get_int(reader, "reboot-timeout", -1, MAX_REBOOT_TIMEOUT, &reboot_timeout, error)) {
        return false;
    }
    boot->splash_time = splash_time;
    boot->reboot_timeout = reboot_timeout;
    return true;
}

bool option_boot(StartConfig *config, const CommandOption *option, const char *argument,
                 GError **error)
{
    g_autoptr(OptionReader) reader = option_parse_reader(argument, "order", error);
    BootConfig *boot = &config->board.boot;
    const char *splash = NULL;

    if (!reader || !read_boot_letters(reader, "order", boot->order, error) ||
        !read_boot_letters(reader, "once", boot->once, error) ||
        !option_get_bool(reader, "menu", &boot->menu, error) ||
        !option_get_bool(reader, "strict", &boot->strict, error) ||
        !option_get_string(reader, "splash", &splash, error) ||
        !read_boot_times(reader, boot, error) || !option_reader_finish(reader, error)) {
        return false;
    }
    if (splash) {
        start_config_set(&boot->splash, splash);
    }
    return true;
}

/* ---- -L ---- */

bool option_firmware_folder(StartConfig *config, const CommandOption *option, const char *argument,
                            GError **error)
{
    if (option_wants_help(argument)) {
        firmware_path_add_defaults(config->board.firmware_path);
        for (unsigned i = 0; i < config->board.firmware_path->len; i++) {
            printf("%s\n", (char *)config->board.firmware_path->pdata[i]);
        }
        config->done = true;
        return true;
    }
    g_ptr_array_add(config->board.firmware_path, g_strdup(argument));
    return true;
}

/* ---- what the loaders take as it is ---- */

static JsonObject *parse_named(const char *argument, const char *implied_key, const char *first,
                               const char *second, GError **error)
{
    g_autoptr(JsonObject) object = options_parse(argument, implied_key, error);

    if (!object) {
        return NULL;
    }
    if (!json_object_has_member(object, first) && !json_object_has_member(object, second)) {
        error_setf(error, "Must specify %s= or %s=", first, second);
        return NULL;
    }
    return g_steal_pointer(&object);
}

bool option_fw_cfg(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    JsonObject *object = parse_named(argument, "name", "file", "string", error);

    if (object) {
        g_ptr_array_add(config->board.fw_cfg_entries, object);
    }
    return object != NULL;
}

bool option_smbios(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    JsonObject *object = parse_named(argument, NULL, "type", "file", error);

    if (object) {
        g_ptr_array_add(config->board.smbios_entries, object);
    }
    return object != NULL;
}

bool option_acpi_table(StartConfig *config, const CommandOption *option, const char *argument,
                       GError **error)
{
    JsonObject *object = parse_named(argument, NULL, "file", "data", error);

    if (object) {
        g_ptr_array_add(config->board.acpi_tables, object);
    }
    return object != NULL;
}
