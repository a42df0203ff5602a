/*
 * StartConfig: defaults and release.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "start_config.h"

static void pending_free(gpointer data)
{
    PendingOption *pending = data;

    g_free(pending->where);
    g_free(pending->text);
    g_free(pending->value);
    g_clear_pointer(&pending->options, json_object_unref);
    g_free(pending);
}

static GPtrArray *pending_list(void)
{
    return g_ptr_array_new_with_free_func(pending_free);
}

static GPtrArray *json_list(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)json_object_unref);
}

StartConfig *start_config_new(void)
{
    StartConfig *config = g_new0(StartConfig, 1);
    GPtrArray **lists[] = {&config->machine_options, &config->accels,         &config->kvm_options,
                           &config->objects,         &config->globals,        &config->chardevs,
                           &config->blockdevs,       &config->drives,         &config->devices,
                           &config->serials,         &config->legacy_chardevs,
                           &config->monitors,        &config->netdevs};

    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        *lists[i] = pending_list();
    }
    config->default_cdrom = true;
    config->default_floppy = true;
    config->default_monitor = true;
    config->board = (MachineConfig){
        .mem_merge = true,
        .dump_guest_core = true,
        .smp = {.cpus = 1, .max_cpus = 1, .sockets = 1, .dies = 1, .cores = 1, .threads = 1},
        .firmware_path = g_ptr_array_new_with_free_func(g_free),
        .boot = {.order = "cad", .splash_time = UINT32_MAX, .reboot_timeout = INT32_MIN},
        .default_devices = true,
        .fw_cfg_entries = json_list(),
        .smbios_entries = json_list(),
        .acpi_tables = json_list(),
    };
    return config;
}

/* What machine_config() did not take over, on the way out after an error or a help text. */
static void board_clear(MachineConfig *board)
{
    char **strings[] = {&board->memory_backend, &board->cpu_model, &board->kernel,
                        &board->initrd,         &board->append,    &board->dtb,
                        &board->bios,           &board->name,      &board->boot.splash};
    GPtrArray **lists[] = {&board->firmware_path, &board->fw_cfg_entries, &board->smbios_entries,
                           &board->acpi_tables};

    for (unsigned i = 0; i < G_N_ELEMENTS(strings); i++) {
        g_clear_pointer(strings[i], g_free);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_clear_pointer(lists[i], g_ptr_array_unref);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(board->serial_chardevs); i++) {
        g_clear_pointer(&board->serial_chardevs[i], g_free);
    }
    ram_block_unref(board->ram_block);
}

void start_config_free(StartConfig *config)
{
    if (!config) {
        return;
    }
    GPtrArray *lists[] = {config->machine_options, config->accels,         config->kvm_options,
                          config->objects,         config->globals,        config->chardevs,
                          config->blockdevs,       config->drives,         config->devices,
                          config->serials,         config->legacy_chardevs, config->monitors,
                          config->netdevs};
    char *strings[] = {config->where,
                       config->machine_where,
                       config->machine_name,
                       config->cpu_where,
                       config->machine_accel_where,
                       config->machine_accel,
                       config->ram_where,
                       config->smp_where,
                       config->boot_where,
                       config->kernel_where,
                       config->ram_path,
                       config->incoming_where,
                       config->incoming,
                       config->qtest_where,
                       config->qtest_chardev,
                       config->qtest_log,
                       config->process.pidfile,
                       config->process.user,
                       config->process.chroot_folder,
                       config->process.process_name,
                       config->process.log_where,
                       config->process.log_file};

    board_clear(&config->board);
    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_ptr_array_unref(lists[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(strings); i++) {
        g_free(strings[i]);
    }
    g_free(config);
}

void start_config_push(StartConfig *config, GPtrArray *list, const char *text, const char *value,
                       JsonObject *options)
{
    PendingOption *pending = g_new0(PendingOption, 1);

    pending->where = g_strdup(config->where);
    pending->text = g_strdup(text);
    pending->value = g_strdup(value);
    pending->options = options;
    g_ptr_array_add(list, pending);
}

void start_config_set(char **field, const char *value)
{
    char *copy = g_strdup(value);

    g_free(*field);
    *field = copy;
}
