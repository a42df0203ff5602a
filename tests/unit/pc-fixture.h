/*
 * A PC's RAM, host bridge, ISA bridge and fw_cfg without an accelerator, and the PcPlatform that
 * describes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_PC_FIXTURE_H
#define TESTS_UNIT_PC_FIXTURE_H

#include <glib/gstdio.h>
#include <string.h>

#include "hw/i386/boot.h"
#include "hw/i386/pc_platform.h"
#include "hw/isa/piix3.h"
#include "hw/pci/i440fx.h"
#include "tests/unit/chip-fixture.h"
#include "util/bytes.h"

#define PC_RAM          (64 * MiB)
#define MAX_TESTED_CPUS 300

static PcPlatform platform;
static uint32_t fixture_apic_ids[MAX_TESTED_CPUS];
static RamBlock *fixture_ram;
static char *fixture_folder; /* for files of the test */
static GPtrArray *fixture_old_machines;

static inline void pc_setup_ram(uint64_t ram)
{
    RamBlockConfig config = {.name = "pc.ram", .size = ram};
    MachineConfig *machine_settings;
    I440FX *host;
    PIIX3 *bridge;
    GError *error = NULL;

    machine = machine_new("none", NULL);
    accel = g_object_new(fake_accel_get_type(), NULL);
    machine_set_accel(machine, XL_ACCEL(accel));
    g_object_unref(accel);
    fixture_ram = ram_block_new(&config, &error);
    g_assert_no_error(error);
    host = i440fx_new(machine, fixture_ram, ram, &error);
    g_assert_no_error(error);
    bridge = piix3_new(machine, host, PCI_DEVFN(1, 0), &error);
    g_assert_no_error(error);
    isa = piix3_isa_bus(bridge);
    machine_settings = machine_config(machine);
    machine_settings->smp = (SmpConfig){1, 1, 1, 1, 1, 1};
    machine_settings->ram_size = ram;
    for (unsigned i = 0; i < MAX_TESTED_CPUS; i++) {
        fixture_apic_ids[i] = i;
    }
    platform = (PcPlatform){
        .machine = machine,
        .pci_root = i440fx_bus(host),
        .fw_cfg = HW_FW_CFG(device_new(fw_cfg_get_type())),
        .e820 = e820_new(),
        .ram_below_4g = ram,
        .max_cpus = 1,
        .apic_ids = fixture_apic_ids,
        .cpu_has_long_mode = true,
        .acpi = true,
        .hpet = true,
        .i8042 = true,
        .serial_ports = {0x3f8, 0x2f8},
        .serial_irqs = {4, 3},
        .pvpanic_port = 0x505,
        .s4_value = 2,
        .machine_version = "pc-i440fx-8.2",
    };
    fixture_plug(HW_DEVICE(platform.fw_cfg), NULL);
    device_reset(HW_DEVICE(platform.fw_cfg));
    e820_add_ram(platform.e820, ram, 0, &error);
    e820_add(platform.e820, 0xfeffc000, 0x4000, E820_RESERVED, &error);
    g_assert_no_error(error);
    fixture_folder = g_dir_make_tmp("xenolith-XXXXXX", NULL);
}

static inline void pc_setup(void)
{
    pc_setup_ram(PC_RAM);
}

static inline void pc_teardown(void)
{
    GDir *folder = g_dir_open(fixture_folder, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(folder))) {
        g_autofree char *path = g_build_filename(fixture_folder, name, NULL);

        g_unlink(path);
    }
    g_dir_close(folder);
    g_rmdir(fixture_folder);
    g_clear_pointer(&fixture_folder, g_free);
    e820_free(platform.e820);
    /* A PC's bridges live as long as the process; the machine stays where leak checkers see it. */
    if (!fixture_old_machines) {
        fixture_old_machines = g_ptr_array_new();
    }
    g_ptr_array_add(fixture_old_machines, machine);
}

/* A file of the test's folder; the caller frees the path. */
static inline char *make_file(const char *name, const void *data, size_t size)
{
    char *path = g_build_filename(fixture_folder, name, NULL);

    g_unlink(path); /* written in place it would keep what is longer of its former contents */
    g_assert_true(g_file_set_contents_full(path, data, size, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
    return path;
}

static inline void read_guest(uint64_t address, void *buffer, size_t size)
{
    g_assert_true(address_space_read(machine_memory(machine), address, buffer, size));
}

/* ---- fw_cfg as a guest reads it ---- */

static inline void fw_cfg_read_key(uint16_t key, void *buffer, size_t size)
{
    out_port(FW_CFG_PORT_SELECT, key, 2);
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)buffer)[i] = inb(FW_CFG_PORT_DATA);
    }
}

/* The key and size of a file, from the directory; 0 if it is not there. */
static inline uint16_t fw_cfg_find(const char *name, uint32_t *size)
{
    uint8_t count[4];

    fw_cfg_read_key(FW_CFG_FILE_DIR, count, sizeof(count));
    for (unsigned i = 0; i < load_be32(count); i++) {
        uint8_t entry[64];

        for (unsigned j = 0; j < sizeof(entry); j++) {
            entry[j] = inb(FW_CFG_PORT_DATA);
        }
        if (strcmp((char *)entry + 8, name) == 0) {
            *size = load_be32(entry);
            return load_be16(entry + 4);
        }
    }
    *size = 0;
    return 0;
}

/* The content of a file, NULL if it is not there; the caller frees. */
static inline uint8_t *fw_cfg_file(const char *name, uint32_t *size)
{
    uint16_t key = fw_cfg_find(name, size);
    uint8_t *data;

    if (key == 0) {
        return NULL;
    }
    data = g_malloc0(*size + 1);
    fw_cfg_read_key(key, data, *size);
    return data;
}

#endif
