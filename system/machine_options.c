/*
 * -machine, -cpu, -m, -overcommit, -uuid, -global.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "option_handlers.h"
#include "target/i386/cpu_model.h"
#include "util/bytes.h"
#include "util/error.h"

#define RAM_ALIGNMENT UINT64_C(8192)

/* ---- -machine ---- */

static void print_machine(MachineClass *klass, void *opaque)
{
    if (klass->alias) {
        printf("%-20s %s (alias of %s)\n", klass->alias, klass->description, klass->name);
    }
    printf("%-20s %s%s%s\n", klass->name, klass->description, klass->is_default ? " (default)" : "",
           klass->deprecation ? " (deprecated)" : "");
}

static void print_machine_properties(const char *name)
{
    static const char *const common[] = {
        "accel=<string> - accelerators to try, separated by ':'",
        "xen-platform-dev=<on|off|auto> - the Xen platform device; auto: whenever the guest has Xen",
        "kernel-irqchip=<split> - interrupt controllers: LAPICs in the kernel, PIC and IOAPIC here",
        "memory-backend=<string> - id of the -object that is the RAM",
        "dump-guest-core=<bool> - put the RAM into core dumps (default: on)",
        "mem-merge=<bool> - let the host merge equal pages of RAM (default: on)",
    };
    static const char *const pc[] = {
        "acpi=<bool> - ACPI tables (default: on)",
        "hpet=<bool> - HPET (default: on)",
        "i8042=<bool> - keyboard controller (default: on)",
        "fd-bootchk=<bool> - the firmware looks for a boot signature on floppies (default: on)",
        "graphics=<bool> - off: firmware talks to the serial port (default: on)",
        "max-ram-below-4g=<size> - where the hole for PCI begins at the latest",
        "pflash0=<string> - drive or node with the firmware, in flash memory below 4 GiB",
        "pflash1=<string> - the same for a second chip below it (variables)",
        "smbios-entry-point-type=<string> - 32, 64 or auto (default: auto)",
        "xen-pv-disks=<bool> - each IDE hard disk is a PV disk too, once unplugged (default: off)",
    };
    bool is_pc = g_str_has_prefix(name, "pc");

    printf("%s-machine options:\n", name);
    for (unsigned i = 0; i < G_N_ELEMENTS(common); i++) {
        printf("  %s\n", common[i]);
    }
    for (unsigned i = 0; is_pc && i < G_N_ELEMENTS(pc); i++) {
        printf("  %s\n", pc[i]);
    }
}

static bool take_machine_key(StartConfig *config, const char *typed_key, JsonNode *node,
                             GError **error)
{
    g_autofree char *value = option_node_text(node);
    g_autofree char *key = g_strdelimit(g_strdup(typed_key), "_", '-');

    if (!value) {
        return error_setf(error, "Invalid parameter '%s'", typed_key);
    }
    if (strcmp(key, "type") == 0) {
        start_config_set(&config->machine_where, config->where);
        start_config_set(&config->machine_name, value);
    } else if (strcmp(key, "accel") == 0) {
        start_config_set(&config->machine_accel_where, config->where);
        start_config_set(&config->machine_accel, value);
    } else if (strcmp(key, "kernel-irqchip") == 0) {
        start_config_push(config, config->kvm_options, key, value, NULL);
    } else {
        start_config_push(config, config->machine_options, key, value, NULL);
    }
    return true;
}

bool option_machine(StartConfig *config, const CommandOption *option, const char *argument,
                    GError **error)
{
    if (option_wants_help(argument)) {
        printf("Supported machines are:\n");
        machine_type_foreach(print_machine, NULL);
        config->done = true;
        return true;
    }
    g_autoptr(JsonObject) object = options_parse(argument, "type", error);
    if (!object) {
        return false;
    }
    if (json_object_has_member(object, "help")) {
        print_machine_properties(json_object_get_string_member_with_default(object, "type", "pc"));
        config->done = true;
        return true;
    }
    g_autoptr(GList) members = json_object_get_members(object);
    for (GList *m = members; m; m = m->next) {
        if (!take_machine_key(config, m->data, json_object_get_member(object, m->data), error)) {
            return false;
        }
    }
    return true;
}

/* -no-acpi, -no-hpet: the older spelling of -machine KEY=off. */
bool option_machine_off(StartConfig *config, const CommandOption *option, const char *argument,
                        GError **error)
{
    start_config_push(config, config->machine_options, option->data, "off", NULL);
    return true;
}

/* -xen-domid: QEMU's spelling of what belongs to the accelerator here. */
bool option_kvm_key(StartConfig *config, const CommandOption *option, const char *argument,
                    GError **error)
{
    start_config_push(config, config->kvm_options, option->name, argument, NULL);
    return true;
}

bool option_cpu(StartConfig *config, const CommandOption *option, const char *argument,
                GError **error)
{
    if (option_wants_help(argument)) {
        x86_cpu_model_print_help();
        config->done = true;
        return true;
    }
    if (argument[0] == '\0' || argument[0] == ',') {
        return error_setf(error, "a CPU model is missing; see -cpu help");
    }
    start_config_set(&config->cpu_where, config->where);
    start_config_set(&config->board.cpu_model, argument);
    return true;
}

/* ---- -m ---- */

bool option_memory(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    g_autoptr(OptionReader) reader = option_parse_reader(argument, "size", error);
    uint64_t size = config->ram_size, max_size = 0, slots = 0;

    if (!reader || !option_get_size(reader, "size", MiB, &size, error) ||
        !option_get_size(reader, "maxmem", MiB, &max_size, error) ||
        !option_get_uint(reader, "slots", 0, 256, &slots, error) ||
        !option_reader_finish(reader, error)) {
        return false;
    }
    if (size > UINT64_C(1) << 52) {
        return error_setf(error, "Parameter 'size': a machine cannot have that much RAM");
    }
    size = (size + RAM_ALIGNMENT - 1) & ~(RAM_ALIGNMENT - 1);
    if (slots > 0 && max_size == 0) {
        return error_setf(error, "invalid: slots= without maxmem=");
    }
    if (max_size != 0 && max_size < size) {
        return error_setf(error,
                          "invalid value of maxmem: maximum memory size (0x%" G_GINT64_MODIFIER
                          "x) must be at least the initial memory size (0x%" G_GINT64_MODIFIER "x)",
                          max_size, size);
    }
    if (slots > 0 && max_size > size) {
        return error_setf(error,
                          "memory hot-plug (slots=, maxmem=) is not supported by this build");
    }
    config->ram_size = size;
    start_config_set(&config->ram_where, config->where);
    return true;
}

bool option_overcommit(StartConfig *config, const CommandOption *option, const char *argument,
                       GError **error)
{
    g_autoptr(OptionReader) reader = option_parse_reader(argument, NULL, error);
    bool cpu_pm = false;

    if (!reader || !option_get_bool(reader, "mem-lock", &config->process.lock_memory, error) ||
        !option_get_bool(reader, "cpu-pm", &cpu_pm, error) ||
        !option_reader_finish(reader, error)) {
        return false;
    }
    if (cpu_pm) {
        return error_setf(error, "cpu-pm=on is not supported by this build");
    }
    return true;
}

/* ---- -uuid ---- */

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
    unsigned digits = 0;

    if (!g_uuid_string_is_valid(text)) {
        return false;
    }
    for (const char *p = text; *p; p++) {
        if (*p != '-') {
            unsigned value = g_ascii_xdigit_value(*p);
            uuid[digits / 2] = digits % 2 ? uuid[digits / 2] | value : value << 4;
            digits++;
        }
    }
    return digits == 32;
}

bool option_uuid(StartConfig *config, const CommandOption *option, const char *argument,
                 GError **error)
{
    if (!parse_uuid(argument, config->board.uuid)) {
        return error_setf(error, "failed to parse UUID string: wrong format");
    }
    config->board.uuid_set = true;
    return true;
}

/* ---- -global ---- */

/* DRIVER.PROPERTY=VALUE, where the value may hold anything. */
static bool take_short_global(StartConfig *config, const char *argument)
{
    const char *equals = strchr(argument, '=');
    const char *dot = strchr(argument, '.');

    if (!equals || !dot || dot > equals || dot == argument || equals == dot + 1 ||
        memchr(argument, ',', equals - argument)) {
        return false;
    }
    g_autofree char *driver = g_strndup(argument, dot - argument);
    g_autofree char *property = g_strndup(dot + 1, equals - dot - 1);
    g_autoptr(JsonObject) object = json_object_new();
    json_object_set_string_member(object, "driver", driver);
    json_object_set_string_member(object, "property", property);
    json_object_set_string_member(object, "value", equals + 1);
    start_config_push(config, config->globals, NULL, NULL, g_steal_pointer(&object));
    return true;
}

bool option_global(StartConfig *config, const CommandOption *option, const char *argument,
                   GError **error)
{
    static const char *const keys[] = {"driver", "property", "value"};

    if (take_short_global(config, argument)) {
        return true;
    }
    g_autoptr(JsonObject) object = options_parse(argument, NULL, error);
    if (!object) {
        return false;
    }
    g_autoptr(OptionReader) reader = option_reader_new(object, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *value = NULL;
        if (!option_get_string(reader, keys[i], &value, error)) {
            return false;
        }
    }
    if (!option_reader_finish(reader, error)) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!option_reader_has(reader, keys[i])) {
            return error_setf(error, "Parameter '%s' is missing", keys[i]);
        }
    }
    start_config_push(config, config->globals, NULL, NULL, json_object_ref(object));
    return true;
}
