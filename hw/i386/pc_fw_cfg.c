/*
 * What the PC puts into fw_cfg for its firmware.
 *
 * Source: the keys and files that SeaBIOS, OVMF and Linux read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/i386/acpi_tables.h"
#include "hw/i386/boot_firmware.h"
#include "hw/i386/smbios.h"
#include "util/bytes.h"

#define SLEEP_STATE_PRESENT 0x80
#define LEGACY_TABLE_MAX    0xffff

static bool add_bytes(const PcPlatform *platform, const char *name, const void *data, size_t size,
                      GError **error)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);

    return fw_cfg_add_file(platform->fw_cfg, name, bytes, error);
}

static void add_machine_items(const PcPlatform *platform)
{
    const MachineConfig *config = machine_config(platform->machine);
    FwCfg *fw_cfg = platform->fw_cfg;
    g_autoptr(GBytes) uuid = g_bytes_new(config->uuid, sizeof(config->uuid));
    uint32_t apic_limit = 0;

    for (unsigned i = 0; i < platform->max_cpus; i++) {
        apic_limit = MAX(apic_limit, platform->apic_ids[i] + 1);
    }
    fw_cfg_add_bytes(fw_cfg, FW_CFG_UUID, uuid);
    fw_cfg_add_u64(fw_cfg, FW_CFG_RAM_SIZE, platform->ram_below_4g + platform->ram_above_4g);
    fw_cfg_add_u16(fw_cfg, FW_CFG_NOGRAPHIC, !platform->graphics);
    fw_cfg_add_u16(fw_cfg, FW_CFG_NB_CPUS, config->smp.cpus);
    fw_cfg_add_u16(fw_cfg, FW_CFG_MAX_CPUS, MIN(apic_limit, UINT16_MAX));
    fw_cfg_add_u16(fw_cfg, FW_CFG_BOOT_MENU, config->boot.menu);
    fw_cfg_add_u16(fw_cfg, FW_CFG_BOOT_DEVICE, (uint8_t)config->boot.order[0]);
    fw_cfg_add_u32(fw_cfg, FW_CFG_IRQ0_OVERRIDE, 1);
}

/* No NUMA nodes: their number, 0, then the node of each possible APIC ID. */
static void add_numa(const PcPlatform *platform)
{
    gsize size = 8 * (1 + (gsize)platform->apic_ids[platform->max_cpus - 1] + 1);
    g_autoptr(GBytes) bytes = g_bytes_new_take(g_malloc0(size), size);

    fw_cfg_add_bytes(platform->fw_cfg, FW_CFG_NUMA, bytes);
}

static bool add_memory_map(const PcPlatform *platform, GError **error)
{
    g_autoptr(GBytes) all = e820_to_bytes(platform->e820, 0);
    g_autoptr(GBytes) reserved = e820_to_bytes(platform->e820, E820_RESERVED);
    g_autoptr(GByteArray) old = g_byte_array_new();
    g_autoptr(GBytes) old_bytes = NULL;
    uint8_t count[4];

    /* The first interface had reserved ranges only, with their number in front. */
    store_le32(count, g_bytes_get_size(reserved) / E820_ENTRY_SIZE);
    g_byte_array_append(old, count, sizeof(count));
    g_byte_array_append(old, g_bytes_get_data(reserved, NULL), g_bytes_get_size(reserved));
    old_bytes = g_bytes_new(old->data, old->len);
    fw_cfg_add_bytes(platform->fw_cfg, FW_CFG_E820_TABLE, old_bytes);
    return fw_cfg_add_file(platform->fw_cfg, "etc/e820", all, error);
}

static bool add_splash(const PcPlatform *platform, const char *path, GError **error)
{
    g_autofree char *contents = NULL;
    g_autoptr(GError) local = NULL;
    gsize size;
    bool jpeg;

    if (!g_file_get_contents(path, &contents, &size, &local)) {
        return error_setf(error, "-boot splash=%s: %s", path, local->message);
    }
    jpeg = size >= 2 && (uint8_t)contents[0] == 0xff && (uint8_t)contents[1] == 0xd8;
    if (!jpeg && (size < 30 || memcmp(contents, "BM", 2) != 0 || contents[28] != 24)) {
        return error_setf(error, "-boot splash=%s: not a JPEG file or a BMP file of 24 bits", path);
    }
    return add_bytes(platform, jpeg ? "bootsplash.jpg" : "bootsplash.bmp", contents, size, error);
}

static bool add_boot_options(const PcPlatform *platform, GError **error)
{
    const BootConfig *boot = &machine_config(platform->machine)->boot;
    uint8_t wait[4];

    /* Milliseconds before the firmware starts anew when nothing boots; all ones: never. */
    store_le32(wait, (uint32_t)(boot->reboot_timeout == INT32_MIN ? -1 : boot->reboot_timeout));
    if (!add_bytes(platform, "etc/boot-fail-wait", wait, sizeof(wait), error)) {
        return false;
    }
    store_le16(wait, MIN(boot->splash_time, UINT16_MAX));
    if (boot->splash_time != UINT32_MAX &&
        !add_bytes(platform, "etc/boot-menu-wait", wait, 2, error)) {
        return false;
    }
    return !boot->splash || add_splash(platform, boot->splash, error);
}

/* The ROM that boots -kernel goes before every device. */
static bool add_boot_order(const PcPlatform *platform, bool kernel_rom, GError **error)
{
    size_t length;
    g_autofree char *devices = boot_order_text(platform->machine, &length);
    g_autofree char *text = g_strconcat(kernel_rom ? BOOT_FIRMWARE_ROM_PATH : "",
                                        kernel_rom && devices ? "\n" : "", devices, NULL);

    return add_bytes(platform, "bootorder", text, *text ? strlen(text) + 1 : 0, error);
}

/* A byte for each of S0-S5: the top bit says that the state is there, the others are its SLP_TYP.
 */
static bool add_sleep_states(const PcPlatform *platform, GError **error)
{
    const uint8_t states[6] = {
        SLEEP_STATE_PRESENT,
        0,
        0,
        1 | (platform->s3_disabled ? 0 : SLEEP_STATE_PRESENT),
        platform->s4_value | (platform->s4_disabled ? 0 : SLEEP_STATE_PRESENT),
        SLEEP_STATE_PRESENT,
    };

    return add_bytes(platform, "etc/system-states", states, sizeof(states), error);
}

/* -nographic: the firmware's console is the first serial port. */
static bool add_serial_console(const PcPlatform *platform, GError **error)
{
    uint8_t port[2];

    if (platform->graphics || !platform->serial_ports[0]) {
        return true;
    }
    store_le16(port, platform->serial_ports[0]);
    return add_bytes(platform, "etc/sercon-port", port, sizeof(port), error);
}

/* Firmware that does not know the table loader takes -acpitable from here. */
static void add_legacy_acpi(const PcPlatform *platform, const GPtrArray *user)
{
    g_autoptr(GByteArray) all = g_byte_array_new();
    g_autoptr(GBytes) bytes = NULL;
    uint8_t number[2];

    store_le16(number, user->len);
    g_byte_array_append(all, number, sizeof(number));
    for (unsigned i = 0; i < user->len; i++) {
        gsize size = g_bytes_get_size(user->pdata[i]);

        if (size > LEGACY_TABLE_MAX) {
            return;
        }
        store_le16(number, size);
        g_byte_array_append(all, number, sizeof(number));
        g_byte_array_append(all, g_bytes_get_data(user->pdata[i], NULL), size);
    }
    bytes = g_bytes_new(all->data, all->len);
    fw_cfg_add_bytes(platform->fw_cfg, FW_CFG_ACPI_TABLES, bytes);
}

static bool add_acpi(const PcPlatform *platform, GError **error)
{
    g_autoptr(GPtrArray) user =
        acpi_user_tables(machine_config(platform->machine)->acpi_tables, error);

    if (!user) {
        return false;
    }
    if (user->len > 0) {
        add_legacy_acpi(platform, user);
    }
    return !platform->acpi ||
           (acpi_fw_cfg_add(platform, user, error) && add_sleep_states(platform, error));
}

static bool add_smbios(const PcPlatform *platform, GError **error)
{
    g_autoptr(SmbiosTables) tables = smbios_tables_new(platform, false, error);

    return tables &&
           add_bytes(platform, "etc/smbios/smbios-tables", tables->structures->data,
                     tables->structures->len, error) &&
           add_bytes(platform, "etc/smbios/smbios-anchor", tables->entry, tables->entry_size,
                     error);
}

static bool add_user_entries(const PcPlatform *platform, GError **error)
{
    const GPtrArray *entries = machine_config(platform->machine)->fw_cfg_entries;

    for (unsigned i = 0; entries && i < entries->len; i++) {
        if (!fw_cfg_add_user_entry(platform->fw_cfg, entries->pdata[i], error)) {
            return false;
        }
    }
    return true;
}

bool pc_fw_cfg_populate(const PcPlatform *platform, GError **error)
{
    const MachineConfig *config = machine_config(platform->machine);
    bool kernel_rom = config->kernel && (config->bios || platform->flash);

    add_machine_items(platform);
    add_numa(platform);
    return add_memory_map(platform, error) && add_boot_options(platform, error) &&
           add_boot_order(platform, kernel_rom, error) && add_serial_console(platform, error) &&
           add_acpi(platform, error) && add_smbios(platform, error) &&
           (!kernel_rom || boot_firmware_add(platform, error)) && add_user_entries(platform, error);
}
