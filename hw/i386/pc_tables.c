/*
 * What the PC tells its firmware and kernels: CMOS bytes and the platform description.
 *
 * Source of the CMOS layout: the AT's map as SeaBIOS and Bochs' BIOS read it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/i386/pc_machine.h"
#include "util/bytes.h"

enum {
    CMOS_FLOPPY_TYPES = 0x10,    /* high nibble drive A, low nibble drive B */
    CMOS_DISK_TYPES = 0x12,      /* high nibble drive 0, low nibble drive 1; 15: see 0x19/0x1a */
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_MEMORY = 0x15,     /* KiB, 16 bits */
    CMOS_EXTENDED_MEMORY = 0x17, /* KiB above 1 MiB, 16 bits; again at 0x30 */
    CMOS_DISK0_TYPE = 0x19,
    CMOS_DISK0_GEOMETRY = 0x1b,
    CMOS_DISK1_GEOMETRY = 0x24,
    CMOS_EXTENDED_MEMORY2 = 0x30,
    CMOS_MEMORY_ABOVE_16M = 0x34, /* units of 64 KiB, 16 bits */
    CMOS_BOOT_FLAGS = 0x38,       /* high nibble: third boot device; bit 0: no floppy signature check */
    CMOS_TRANSLATION = 0x39,      /* two bits for each of four disks */
    CMOS_BOOT_ORDER = 0x3d,       /* low nibble: first boot device, high nibble: second */
    CMOS_MEMORY_ABOVE_4G = 0x5b,  /* units of 64 KiB, 24 bits */
    CMOS_CPU_COUNT = 0x5f,        /* minus one */
};

#define EQUIPMENT_FLOPPIES 0x01 /* at least one; bits 7-6: their number minus one */
#define EQUIPMENT_FPU      0x02
#define EQUIPMENT_PS2      0x04
#define USER_DEFINED_TYPE  47
#define BASE_MEMORY_KIB    640
#define KVM_PAGES_BASE 0xfeffc000u /* KVM's identity-map page and TSS */
#define KVM_PAGES_SIZE 0x4000u

static void put16(PcMachine *pc, unsigned index, uint64_t value)
{
    uint16_t clipped = (uint16_t)MIN(value, UINT16_MAX);

    mc146818_set_cmos(pc->rtc, index, (uint8_t)clipped);
    mc146818_set_cmos(pc->rtc, index + 1, (uint8_t)(clipped >> 8));
}

static void fill_memory(PcMachine *pc)
{
    uint64_t extended = pc->below_4g > MiB ? (pc->below_4g - MiB) / KiB : 0;
    uint64_t above_16m = pc->below_4g > 16 * MiB ? (pc->below_4g - 16 * MiB) / (64 * KiB) : 0;
    uint64_t above_4g = pc->above_4g / (64 * KiB);

    put16(pc, CMOS_BASE_MEMORY, BASE_MEMORY_KIB);
    put16(pc, CMOS_EXTENDED_MEMORY, extended);
    put16(pc, CMOS_EXTENDED_MEMORY2, extended);
    put16(pc, CMOS_MEMORY_ABOVE_16M, above_16m);
    for (unsigned i = 0; i < 3; i++) {
        mc146818_set_cmos(pc->rtc, CMOS_MEMORY_ABOVE_4G + i, (uint8_t)(above_4g >> (8 * i)));
    }
}

static uint8_t boot_nibble(char letter)
{
    switch (letter) {
    case 'a':
        return 1;
    case 'c':
        return 2;
    case 'd':
        return 3;
    case 'n':
        return 4;
    default:
        return 0;
    }
}

static void fill_boot_order(PcMachine *pc)
{
    const BootConfig *boot = &machine_config(HW_MACHINE(pc))->boot;
    const char *letters = boot->once[0] ? boot->once : boot->order[0] ? boot->order : "cad";
    uint8_t nibbles[3] = {0};

    for (unsigned i = 0; i < 3 && letters[i]; i++) {
        nibbles[i] = boot_nibble(letters[i]);
    }
    mc146818_set_cmos(pc->rtc, CMOS_BOOT_ORDER, (uint8_t)(nibbles[1] << 4 | nibbles[0]));
    mc146818_set_cmos(pc->rtc, CMOS_BOOT_FLAGS, (uint8_t)(nibbles[2] << 4 | !pc->fd_bootchk));
}

static void fill_geometry(PcMachine *pc, unsigned base, uint16_t cylinders, uint8_t heads,
                          uint8_t sectors)
{
    const uint8_t bytes[9] = {
        (uint8_t)cylinders,  (uint8_t)(cylinders >> 8), heads, 0xff, 0xff,
        (uint8_t)(0xc0 | (heads > 8) << 3),
        (uint8_t)cylinders,  (uint8_t)(cylinders >> 8), sectors,
    };

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        mc146818_set_cmos(pc->rtc, base + i, bytes[i]);
    }
}

static void fill_disks(PcMachine *pc)
{
    uint8_t types = 0, translations = 0;

    for (unsigned disk = 0; disk < 4; disk++) {
        uint16_t cylinders;
        uint8_t heads, sectors;
        int translation;

        if (!ide_drive_geometry(pc->ide, disk / 2, disk % 2, &cylinders, &heads, &sectors,
                                &translation)) {
            continue;
        }
        translations |= (uint8_t)((translation & 3) << (disk * 2));
        if (disk < 2) {
            types |= disk == 0 ? 0xf0 : 0x0f;
            mc146818_set_cmos(pc->rtc, CMOS_DISK0_TYPE + disk, USER_DEFINED_TYPE);
            fill_geometry(pc, disk == 0 ? CMOS_DISK0_GEOMETRY : CMOS_DISK1_GEOMETRY, cylinders,
                          heads, sectors);
        }
    }
    mc146818_set_cmos(pc->rtc, CMOS_DISK_TYPES, types);
    mc146818_set_cmos(pc->rtc, CMOS_TRANSLATION, translations);
}

static void fill_floppies(PcMachine *pc)
{
    uint8_t types = 0, equipment = EQUIPMENT_FPU | (pc->i8042 ? EQUIPMENT_PS2 : 0);
    unsigned count = 0;

    for (unsigned unit = 0; unit < FDC_UNIT_COUNT; unit++) {
        FDCDriveInfo info;

        if (fdc_drive_info(pc->fdc, unit, &info)) {
            types |= (uint8_t)(unit == 0 ? info.cmos_type << 4 : info.cmos_type);
            count++;
        }
    }
    if (count > 0) {
        equipment |= (uint8_t)(EQUIPMENT_FLOPPIES | (count - 1) << 6);
    }
    mc146818_set_cmos(pc->rtc, CMOS_FLOPPY_TYPES, types);
    mc146818_set_cmos(pc->rtc, CMOS_EQUIPMENT, equipment);
}

void pc_fill_cmos(PcMachine *pc)
{
    fill_memory(pc);
    fill_boot_order(pc);
    fill_disks(pc);
    fill_floppies(pc);
    mc146818_set_cmos(pc->rtc, CMOS_CPU_COUNT,
                      (uint8_t)(machine_config(HW_MACHINE(pc))->smp.cpus - 1));
}

/* ---- platform ---- */

static void find_serial_ports(PcMachine *pc)
{
    static const struct {
        uint16_t base;
        uint8_t irq;
    } standard[PC_SERIAL_PORTS] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};
    GPtrArray *devices = machine_devices(HW_MACHINE(pc));
    PcPlatform *platform = &pc->platform;

    for (guint i = 0; i < devices->len; i++) {
        Device *device = g_ptr_array_index(devices, i);
        guint64 base, irq;

        if (strcmp(G_OBJECT_TYPE_NAME(device), "isa-serial") != 0) {
            continue;
        }
        g_object_get(device, "iobase", &base, "irq", &irq, NULL);
        for (unsigned port = 0; port < PC_SERIAL_PORTS; port++) {
            if (standard[port].base == base) {
                platform->serial_ports[port] = (uint16_t)base;
                platform->serial_irqs[port] = (uint8_t)irq;
            }
        }
    }
}

static void find_pvpanic(PcMachine *pc)
{
    GPtrArray *devices = machine_devices(HW_MACHINE(pc));

    for (guint i = 0; i < devices->len; i++) {
        Device *device = g_ptr_array_index(devices, i);
        guint64 port;

        if (strcmp(G_OBJECT_TYPE_NAME(device), "pvpanic") == 0) {
            g_object_get(device, "ioport", &port, NULL);
            pc->platform.pvpanic_port = (uint16_t)port;
        }
    }
}

static void describe_floppies(PcMachine *pc)
{
    pc->platform.floppy_controller = true;
    for (unsigned unit = 0; unit < FDC_UNIT_COUNT; unit++) {
        pc->platform.floppy_present[unit] =
            fdc_drive_info(pc->fdc, unit, &pc->platform.floppies[unit]);
    }
}

static void describe_cpu(PcMachine *pc)
{
    unsigned count;
    g_autofree X86CPUIDEntry *entries =
        x86_cpu_model_cpuid(pc->cpu_model, pc->apic_ids[0], &count);

    pc->platform.cpu_has_long_mode = x86_cpu_model_has(pc->cpu_model, "lm");
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].function == 1) {
            pc->platform.cpu_signature = entries[i].eax;
            pc->platform.cpu_features = entries[i].edx;
        }
    }
}

static void describe_sleep_states(PcMachine *pc)
{
    guint64 s3_disabled = 0, s4_disabled = 0, s4_value = 0;

    g_object_get(pc->pm, "disable_s3", &s3_disabled, "disable_s4", &s4_disabled, "s4_val",
                 &s4_value, NULL);
    pc->platform.s3_disabled = s3_disabled != 0;
    pc->platform.s4_disabled = s4_disabled != 0;
    pc->platform.s4_value = (uint8_t)s4_value;
}

bool pc_fill_platform(PcMachine *pc, GError **error)
{
    Machine *machine = HW_MACHINE(pc);
    MachineConfig *config = machine_config(machine);
    PcPlatform *platform = &pc->platform;

    platform->machine = machine;
    platform->pci_root = i440fx_bus(pc->host);
    platform->fw_cfg = pc->fw_cfg;
    platform->ram_below_4g = pc->below_4g;
    platform->ram_above_4g = pc->above_4g;
    platform->max_cpus = config->smp.max_cpus;
    platform->apic_ids = pc->apic_ids;
    platform->flash = pc->has_flash;
    platform->acpi = pc->acpi;
    platform->smbios_64 = pc->smbios_64;
    platform->hpet = pc->hpet;
    platform->i8042 = pc->i8042;
    platform->graphics = pc->graphics;
    platform->machine_version = HW_MACHINE_GET_CLASS(machine)->name;
    find_serial_ports(pc);
    find_pvpanic(pc);
    describe_floppies(pc);
    describe_cpu(pc);
    if (pc->acpi) {
        describe_sleep_states(pc);
    }
    platform->e820 = e820_new();
    return e820_add_ram(platform->e820, pc->below_4g, pc->above_4g, error) &&
           e820_add(platform->e820, KVM_PAGES_BASE, KVM_PAGES_SIZE, E820_RESERVED, error) &&
           (!pc->xen || e820_add(platform->e820, XEN_MACHINE_RESERVED_BASE,
                                 XEN_MACHINE_RESERVED_SIZE, E820_RESERVED, error));
}
