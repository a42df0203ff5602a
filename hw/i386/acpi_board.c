/*
 * The part of the DSDT that differs between boards: host bridge windows, CPUs, serial ports,
 * keyboard, HPET, pvpanic, fw_cfg, PCI hot-plug slots and sleep states. It follows the fixed part
 * (dsdt.dsl) in one table, because SeaBIOS looks for keyboard and serial ports in the DSDT only.
 *
 * Source: ACPI specification 3.0; device IDs from the guests' drivers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/acpi_tables.h"

#include <linux/pci_regs.h>

#include "hw/acpi/pci_hotplug.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/i386/acpi_aml.h"
#include "util/bytes.h"

#define STATUS_PRESENT    0x0f /* present, enabled, shown, working */
#define STATUS_NOT_SHOWN  0x0b
#define MAX_PROCESSOR_ID  254 /* what a Processor object can name */
#define PCI_CONFIG_ENABLE (1u << 31)

/* The 64-bit window: 2 GiB above RAM, and wherever the firmware put a BAR above 4 GiB. */
typedef struct {
    uint64_t first, last;
} Window;

static uint32_t config_read(PCIBus *root, unsigned bus, unsigned devfn, unsigned reg, unsigned size)
{
    return pci_bus_config_read(root, PCI_CONFIG_ENABLE | bus << 16 | devfn << 8 | reg, size);
}

static void widen_by_bars(PCIBus *root, unsigned bus, unsigned devfn, unsigned bars, Window *window)
{
    for (unsigned i = 0; i + 1 < bars; i++) {
        uint32_t low = config_read(root, bus, devfn, PCI_BASE_ADDRESS_0 + 4 * i, 4);
        uint64_t address;

        if ((low & (PCI_BASE_ADDRESS_SPACE | PCI_BASE_ADDRESS_MEM_TYPE_MASK)) !=
            PCI_BASE_ADDRESS_MEM_TYPE_64) {
            continue;
        }
        i++;
        address = (uint64_t)config_read(root, bus, devfn, PCI_BASE_ADDRESS_0 + 4 * i, 4) << 32;
        if (address != 0 && address != (uint64_t)UINT32_MAX << 32) {
            address |= low & PCI_BASE_ADDRESS_MEM_MASK;
            window->first = MIN(window->first, address & ~(GiB - 1));
            window->last = MAX(window->last, address | (GiB - 1));
        }
    }
}

/* The guest numbers the buses, and may do so in circles: each is looked at once. */
static void widen_by_bus(PCIBus *root, unsigned bus, bool seen[256], Window *window)
{
    seen[bus] = true;
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        uint8_t type;

        if (config_read(root, bus, devfn, PCI_VENDOR_ID, 2) == 0xffff) {
            continue;
        }
        type = config_read(root, bus, devfn, PCI_HEADER_TYPE, 1) & 0x7f;
        widen_by_bars(root, bus, devfn, type == PCI_HEADER_TYPE_NORMAL ? 6 : 2, window);
        if (type == PCI_HEADER_TYPE_BRIDGE) {
            unsigned behind = config_read(root, bus, devfn, PCI_SECONDARY_BUS, 1);

            if (!seen[behind]) {
                widen_by_bus(root, behind, seen, window);
            }
        }
    }
}

static Window pci_window64(const PcPlatform *platform)
{
    uint64_t ram_end = PC_4GIB + platform->ram_above_4g;
    Window window = {.first = (ram_end + GiB - 1) & ~(GiB - 1)};
    bool seen[256] = {false};

    window.last = window.first + PC_PCI_HOLE64_SIZE - 1;
    if (platform->pci_root) {
        widen_by_bus(platform->pci_root, 0, seen, &window);
    }
    return window;
}

static void host_bridge(Aml *aml, const PcPlatform *platform)
{
    GByteArray *resources = g_byte_array_new();
    Window high = pci_window64(platform);

    resource_bus_numbers(resources, 0, 0xff);
    resource_io(resources, 0xcf8, 8);
    resource_io_window(resources, 0x0000, 0x0cf7);
    resource_io_window(resources, 0x0d00, PIIX4_PM_HOTPLUG_PORT - 1);
    resource_io_window(resources, PIIX4_PM_HOTPLUG_PORT + ACPI_PCI_HOTPLUG_SIZE, PC_GPE0_BASE - 1);
    resource_io_window(resources, PC_GPE0_BASE + PC_GPE0_LENGTH, 0xffff);
    resource_memory_window32(resources, 0xa0000, 0xbffff, true);
    resource_memory_window32(resources, platform->ram_below_4g, PC_IOAPIC_BASE - 1, false);
    resource_memory_window64(resources, high.first, high.last);
    resource_end(resources);

    aml_scope(aml, "\\_SB.PCI0");
    aml_name_buffer(aml, "_CRS", resources);
    aml_close(aml);
    g_byte_array_unref(resources);
}

/* ---- PCI hot-plug: slots whose devices can come and go ---- */

#define FIRST_SLOT           2 /* behind the host bridge and the PIIX */
#define NOTIFY_DEVICE_CHECK  1
#define NOTIFY_EJECT_REQUEST 3

static bool has_hotplug(const PcPlatform *platform, unsigned slot)
{
    return pci_bus_slot_is_removable(platform->pci_root, slot);
}

static void slot_name(char name[5], unsigned slot)
{
    g_snprintf(name, 5, "S%03X", PCI_DEVFN(slot, 0));
}

static void hotplug_slots(Aml *aml, const PcPlatform *platform)
{
    char name[5];

    for (unsigned slot = FIRST_SLOT; slot < 32; slot++) {
        if (has_hotplug(platform, slot)) {
            slot_name(name, slot);
            aml_device(aml, name);
            aml_name_integer(aml, "_ADR", slot << 16);
            aml_name_integer(aml, "_SUN", slot);
            aml_method(aml, "_EJ0", 1);
            aml_call_integer(aml, "PCEJ", 1u << slot);
            aml_close(aml);
            aml_close(aml);
        }
    }
}

static void pci_hotplug(Aml *aml, const PcPlatform *platform)
{
    char name[5];

    if (!platform->acpi || !platform->pci_root) {
        return;
    }
    aml_scope(aml, "\\_SB.PCI0");
    hotplug_slots(aml, platform);
    aml_method(aml, "DVNT", 2);
    for (unsigned slot = FIRST_SLOT; slot < 32; slot++) {
        if (has_hotplug(platform, slot)) {
            slot_name(name, slot);
            aml_if_argument_bits(aml, 0, 1u << slot);
            aml_notify_argument(aml, name, 1);
            aml_close(aml);
        }
    }
    aml_close(aml);
    aml_close(aml);

    aml_scope(aml, "\\_GPE");
    aml_method(aml, "_E01", 0);
    aml_call_field_integer(aml, "\\_SB.PCI0.DVNT", "\\_SB.PCI0.PCIU", NOTIFY_DEVICE_CHECK);
    aml_call_field_integer(aml, "\\_SB.PCI0.DVNT", "\\_SB.PCI0.PCID", NOTIFY_EJECT_REQUEST);
    aml_close(aml);
    aml_close(aml);
}

static void name_resources(Aml *aml, GByteArray *resources)
{
    resource_end(resources);
    aml_name_buffer(aml, "_CRS", resources);
    g_byte_array_unref(resources);
}

static void serial_port(Aml *aml, unsigned n, uint16_t base, uint8_t irq)
{
    GByteArray *resources = g_byte_array_new();
    char name[] = {'C', 'O', 'M', '1' + n, '\0'};

    aml_device(aml, name);
    aml_name_eisa_id(aml, "_HID", "PNP0501");
    aml_name_integer(aml, "_UID", n + 1);
    aml_name_integer(aml, "_STA", STATUS_PRESENT);
    resource_io(resources, base, 8);
    resource_irq(resources, irq);
    name_resources(aml, resources);
    aml_close(aml);
}

static void keyboard_and_mouse(Aml *aml)
{
    GByteArray *resources = g_byte_array_new();

    aml_device(aml, "KBD");
    aml_name_eisa_id(aml, "_HID", "PNP0303");
    aml_name_integer(aml, "_STA", STATUS_PRESENT);
    resource_io(resources, 0x60, 1);
    resource_io(resources, 0x64, 1);
    resource_irq(resources, 1);
    name_resources(aml, resources);
    aml_close(aml);

    resources = g_byte_array_new();
    aml_device(aml, "MOU");
    aml_name_eisa_id(aml, "_HID", "PNP0F13");
    aml_name_integer(aml, "_STA", STATUS_PRESENT);
    resource_irq(resources, 12);
    name_resources(aml, resources);
    aml_close(aml);
}

static void panic_device(Aml *aml, uint16_t port)
{
    GByteArray *resources = g_byte_array_new();

    aml_device(aml, "PEVT");
    aml_name_string(aml, "_HID", "QEMU0001");
    resource_io(resources, port, 1);
    name_resources(aml, resources);
    aml_port_field(aml, "PEOR", "PEPT", port);
    aml_name_integer(aml, "_STA", STATUS_PRESENT);
    aml_method_return(aml, "RDPT", "PEPT");
    aml_method_store_argument(aml, "WRPT", "PEPT");
    aml_close(aml);
}

/* INT 13h parameters of a drive, as its BIOS would return them. */
static void floppy_drive(Aml *aml, unsigned n, const FDCDriveInfo *info)
{
    const uint8_t parameters[] = {
        n,
        info->cmos_type,
        info->cylinders - 1,
        info->sectors,
        info->heads - 1,
        0xaf,          /* step rate, head unload time */
        0x02,          /* head load time, DMA */
        0x25,          /* motor off, in ticks */
        0x02,          /* bytes of a sector */
        info->sectors, /* end of track */
        0x1b,          /* gap when reading */
        0xff,          /* data length */
        0x6c,          /* gap when formatting */
        0xf6,          /* filler when formatting */
        0x0f,          /* head settle time, ms */
        0x08,          /* motor start time, 1/8 s */
    };
    char name[] = {'F', 'L', 'P', 'A' + n, '\0'};

    aml_device(aml, name);
    aml_name_integer(aml, "_ADR", n);
    aml_name_package(aml, "_FDI", parameters, G_N_ELEMENTS(parameters));
    aml_close(aml);
}

#define FDE_DRIVES 4
#define FDE_TAPE   2 /* never there */

static void floppy_controller(Aml *aml, const PcPlatform *platform)
{
    GByteArray *resources = g_byte_array_new();
    g_autoptr(GByteArray) presence = g_byte_array_new();
    uint8_t words[4 * (FDE_DRIVES + 1)] = {0};

    aml_device(aml, "FDC0");
    aml_name_eisa_id(aml, "_HID", "PNP0700");
    resource_io(resources, 0x3f2, 4);
    resource_io(resources, 0x3f7, 1);
    resource_irq(resources, 6);
    resource_dma(resources, 2);
    name_resources(aml, resources);
    for (unsigned n = 0; n < FDC_UNIT_COUNT; n++) {
        if (platform->floppy_present[n]) {
            store_le32(words + 4 * n, 1);
            floppy_drive(aml, n, &platform->floppies[n]);
        }
    }
    store_le32(words + 4 * FDE_DRIVES, FDE_TAPE);
    g_byte_array_append(presence, words, sizeof(words));
    aml_name_buffer(aml, "_FDE", presence);
    aml_close(aml);
}

static void isa_devices(Aml *aml, const PcPlatform *platform)
{
    aml_scope(aml, "\\_SB.PCI0.ISA");
    if (platform->i8042) {
        keyboard_and_mouse(aml);
    }
    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        if (platform->serial_ports[i]) {
            serial_port(aml, i, platform->serial_ports[i], platform->serial_irqs[i]);
        }
    }
    if (platform->floppy_controller) {
        floppy_controller(aml, platform);
    }
    if (platform->pvpanic_port) {
        panic_device(aml, platform->pvpanic_port);
    }
    aml_close(aml);
}

static void system_devices(Aml *aml, const PcPlatform *platform)
{
    GByteArray *resources;

    aml_scope(aml, "\\_SB");
    if (platform->hpet) {
        resources = g_byte_array_new();
        aml_device(aml, "HPET");
        aml_name_eisa_id(aml, "_HID", "PNP0103");
        aml_name_integer(aml, "_UID", 0);
        aml_name_integer(aml, "_STA", STATUS_PRESENT);
        resource_memory_fixed(resources, PC_HPET_BASE, 0x400, false);
        name_resources(aml, resources);
        aml_close(aml);
    }
    resources = g_byte_array_new();
    aml_device(aml, "FWCF");
    aml_name_string(aml, "_HID", "QEMU0002");
    aml_name_integer(aml, "_STA", STATUS_NOT_SHOWN);
    resource_io(resources, FW_CFG_PORT_SELECT, 12);
    name_resources(aml, resources);
    aml_close(aml);
    aml_close(aml);
}

static void processors(Aml *aml, const PcPlatform *platform)
{
    unsigned present = machine_config(platform->machine)->smp.cpus;

    aml_scope(aml, "\\_SB");
    for (unsigned i = 0; i < MIN(present, platform->max_cpus); i++) {
        char name[] = {'C', "0123456789ABCDEF"[i >> 8 & 15], "0123456789ABCDEF"[i >> 4 & 15],
                       "0123456789ABCDEF"[i & 15], '\0'};

        if (i <= MAX_PROCESSOR_ID && platform->apic_ids[i] < 255) {
            aml_processor(aml, name, i);
        } else {
            aml_device(aml, name);
            aml_name_string(aml, "_HID", "ACPI0007");
            aml_name_integer(aml, "_UID", i);
        }
        aml_close(aml);
    }
    aml_close(aml);
}

static void sleep_states(Aml *aml, const PcPlatform *platform)
{
    const uint8_t s3[] = {1, 1, 0, 0}, s4[] = {platform->s4_value, platform->s4_value, 0, 0};
    const uint8_t s5[] = {0, 0, 0, 0};

    if (!platform->s3_disabled) {
        aml_name_package(aml, "\\_S3", s3, G_N_ELEMENTS(s3));
    }
    if (!platform->s4_disabled) {
        aml_name_package(aml, "\\_S4", s4, G_N_ELEMENTS(s4));
    }
    aml_name_package(aml, "\\_S5", s5, G_N_ELEMENTS(s5));
}

GByteArray *acpi_board_aml(const PcPlatform *platform)
{
    Aml aml;

    aml_init(&aml);
    host_bridge(&aml, platform);
    isa_devices(&aml, platform);
    system_devices(&aml, platform);
    pci_hotplug(&aml, platform);
    processors(&aml, platform);
    sleep_states(&aml, platform);
    return aml_take(&aml);
}
