/*
 * PIIX3 IDE function: two channels at the legacy ports, bus master registers behind BAR 4.
 *
 * Source: Intel 82371FB/82371SB data sheet (290550), section 2.3 (configuration) and 2.6 (bus
 * master).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/machine.h"
#include "ide_drive.h"
#include "util/bytes.h"

#define CONFIG_IDETIM       0x40 /* 16 bits a channel */
#define IDETIM_DECODE       0x8000
#define IDETIM_WRITABLE     0xf3ff
#define CONFIG_SIDETIM      0x44 /* timing of the second drives */
#define BUS_MASTER_BAR      4
#define BUS_MASTER_BAR_SIZE 16

typedef struct {
    IDEBus *bus;
    MemoryRegion command_block, control_block;
} Channel;

struct _PIIX3IDE {
    PCIDevice parent_instance;
    Channel channels[IDE_CHANNEL_COUNT];
    IRQLine *irqs[IDE_CHANNEL_COUNT];
    MemoryRegion bus_master;
};

DEVICE_TYPE(PIIX3IDE, piix3_ide, "piix3-ide", TYPE_PCI_DEVICE)

static const struct {
    uint16_t command_block, control_block;
} legacy_ports[IDE_CHANNEL_COUNT] = {{0x1f0, 0x3f6}, {0x170, 0x376}};

/* ---- bus master registers ---- */

static uint64_t bus_master_region_read(void *opaque, hwaddr offset, unsigned size)
{
    PIIX3IDE *self = opaque;
    uint64_t value = 0;

    for (unsigned i = 0; i < size && offset + i < BUS_MASTER_BAR_SIZE; i++) {
        Channel *channel = &self->channels[(offset + i) / BUS_MASTER_REGISTERS];
        uint8_t byte =
            bus_master_read(&channel->bus->bus_master, (offset + i) % BUS_MASTER_REGISTERS);
        value |= (uint64_t)byte << (8 * i);
    }
    return value;
}

static void bus_master_region_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PIIX3IDE *self = opaque;

    for (unsigned i = 0; i < size && offset + i < BUS_MASTER_BAR_SIZE; i++) {
        Channel *channel = &self->channels[(offset + i) / BUS_MASTER_REGISTERS];

        bus_master_write(&channel->bus->bus_master, (offset + i) % BUS_MASTER_REGISTERS,
                         (uint8_t)(value >> (8 * i)));
    }
}

static const MemoryRegionOps bus_master_ops = {
    .read = bus_master_region_read,
    .write = bus_master_region_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

/* ---- decoding ---- */

static void update_decoding(PIIX3IDE *self)
{
    const uint8_t *config = pci_device_config(HW_PCI_DEVICE(self));
    bool io = load_le16(config + PCI_COMMAND) & PCI_COMMAND_IO;

    memory_transaction_begin();
    for (unsigned i = 0; i < IDE_CHANNEL_COUNT; i++) {
        bool decoded = io && (load_le16(config + CONFIG_IDETIM + 2 * i) & IDETIM_DECODE);

        memory_region_set_enabled(&self->channels[i].command_block, decoded);
        memory_region_set_enabled(&self->channels[i].control_block, decoded);
    }
    memory_transaction_commit();
}

static void piix3_ide_config_write(PCIDevice *device, uint32_t address, uint32_t value,
                                   unsigned size)
{
    pci_default_config_write(device, address, value, size);
    update_decoding(HW_PIIX3_IDE(device));
}

/* ---- life ---- */

static void add_channel(PIIX3IDE *self, unsigned i)
{
    static const char *const names[][2] = {{"ide0-command", "ide0-control"},
                                           {"ide1-command", "ide1-control"}};
    Machine *machine = device_get_machine(HW_DEVICE(self));
    Channel *channel = &self->channels[i];

    channel->bus = ide_bus_new(machine, HW_DEVICE(self), i, &self->irqs[i],
                               pci_device_dma(HW_PCI_DEVICE(self)));
    memory_region_init_io(&channel->command_block, &ide_command_block_ops, channel->bus,
                          names[i][0], ATA_COMMAND_BLOCK_SIZE);
    memory_region_init_io(&channel->control_block, &ide_control_block_ops, channel->bus,
                          names[i][1], 1);
    /* Features to device: a command is five to eleven writes here before the one that exits. */
    memory_region_set_coalesced(&channel->command_block, 1, 6);
    memory_region_set_enabled(&channel->command_block, false);
    memory_region_set_enabled(&channel->control_block, false);
    memory_region_add(machine_io_root(machine), legacy_ports[i].command_block,
                      &channel->command_block);
    memory_region_add(machine_io_root(machine), legacy_ports[i].control_block,
                      &channel->control_block);
}

static bool piix3_ide_realize(PCIDevice *device, GError **error G_GNUC_UNUSED)
{
    PIIX3IDE *self = HW_PIIX3_IDE(device);
    uint8_t *mask = pci_device_write_mask(device);

    memory_transaction_begin();
    for (unsigned i = 0; i < IDE_CHANNEL_COUNT; i++) {
        add_channel(self, i);
        store_le16(mask + CONFIG_IDETIM + 2 * i, IDETIM_WRITABLE);
    }
    mask[CONFIG_SIDETIM] = 0xff;
    memory_region_init_io(&self->bus_master, &bus_master_ops, self, "ide-bus-master",
                          BUS_MASTER_BAR_SIZE);
    pci_register_bar(device, BUS_MASTER_BAR, PCI_BASE_ADDRESS_SPACE_IO, &self->bus_master);
    memory_transaction_commit();
    return true;
}

static void piix3_ide_unrealize(PCIDevice *device)
{
    PIIX3IDE *self = HW_PIIX3_IDE(device);

    for (unsigned i = 0; i < IDE_CHANNEL_COUNT; i++) {
        memory_region_destroy(&self->channels[i].command_block);
        memory_region_destroy(&self->channels[i].control_block);
        g_clear_object(&self->channels[i].bus);
    }
    memory_region_destroy(&self->bus_master);
}

static void piix3_ide_reset(Device *device)
{
    update_decoding(HW_PIIX3_IDE(device));
}

/* Configuration space has been loaded with the PCI bus. */
static bool piix3_ide_post_load(Device *device, GError **error G_GNUC_UNUSED)
{
    update_decoding(HW_PIIX3_IDE(device));
    return true;
}

static void piix3_ide_instance_init(PIIX3IDE *self)
{
    device_init_irq_out(HW_DEVICE(self), NULL, self->irqs, IDE_CHANNEL_COUNT);
}

static void piix3_ide_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci_class = HW_PCI_DEVICE_CLASS(klass);

    klass->description = "PIIX3 IDE controller";
    klass->category = DEVICE_CATEGORY_STORAGE;
    klass->reset = piix3_ide_reset;
    klass->post_load = piix3_ide_post_load;
    klass->saved_version = 1;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x7010;
    pci_class->class_id = 0x0101;
    pci_class->prog_if = 0x80;
    pci_class->pci_realize = piix3_ide_realize;
    pci_class->pci_unrealize = piix3_ide_unrealize;
    pci_class->config_write = piix3_ide_config_write;
}

/* ---- drives ---- */

IDEDrive *ide_controller_drive(PIIX3IDE *controller, unsigned channel, unsigned unit)
{
    if (channel >= IDE_CHANNEL_COUNT || unit >= IDE_UNIT_COUNT ||
        !controller->channels[channel].bus) {
        return NULL;
    }
    return controller->channels[channel].bus->realized[unit];
}

bool ide_drive_geometry(PIIX3IDE *controller, unsigned channel, unsigned unit, uint16_t *cylinders,
                        uint8_t *heads, uint8_t *sectors, int *translation)
{
    IDEDrive *drive = ide_controller_drive(controller, channel, unit);

    if (!drive || drive->is_cdrom) {
        return false;
    }
    *cylinders = drive->geometry.cylinders;
    *heads = drive->geometry.heads;
    *sectors = drive->geometry.sectors;
    *translation = drive->geometry.translation;
    return true;
}

static bool create_drive(PIIX3IDE *controller, unsigned channel, unsigned unit, DriveInfo *info,
                         GError **error)
{
    Bus *bus = HW_BUS(controller->channels[channel].bus);
    Machine *machine = device_get_machine(HW_DEVICE(controller));
    Device *device = device_new_by_name(info && !info->cdrom ? "ide-hd" : "ide-cd", error);

    if (!device) {
        return false;
    }
    g_object_set(device, "unit", (guint64)unit, NULL);
    if (info) {
        g_object_set(device, "drive", info->id, NULL);
        if (info->serial) {
            g_object_set(device, "serial", info->serial, NULL);
        }
        info->claimed = true;
    }
    return device_realize_and_unref(device, machine, bus, error);
}

#define DEFAULT_CDROM_CHANNEL 1 /* unit 0 */

bool ide_create_drives(PIIX3IDE *controller, bool default_cdrom, GError **error)
{
    for (unsigned channel = 0; channel < IDE_CHANNEL_COUNT; channel++) {
        for (unsigned unit = 0; unit < IDE_UNIT_COUNT; unit++) {
            DriveInfo *info = drive_get(DRIVE_IF_IDE, (int)channel, (int)unit);
            bool by_default = default_cdrom && channel == DEFAULT_CDROM_CHANNEL && unit == 0;

            if ((info || by_default) && !create_drive(controller, channel, unit, info, error)) {
                return false;
            }
        }
    }
    return true;
}
