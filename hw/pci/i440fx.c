/*
 * Intel 82441FX host bridge. What differs from the chip: the DRAM row registers are plain storage.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/pci/i440fx.h"

#include <string.h>

#include "hw/core/machine.h"
#include "util/bytes.h"

#define I440FX_PAM        0x59 /* seven registers, two segments each but the first */
#define I440FX_PAM_COUNT  7
#define I440FX_SMRAM      0x72
#define PAM_READ_ENABLE   1
#define PAM_WRITE_ENABLE  2
#define SMRAM_G_SMRAME    0x08
#define SMRAM_D_LCK       0x10
#define SMRAM_D_CLS       0x20
#define SMRAM_D_OPEN      0x40
#define SMRAM_C_BASE_SEG  0x02 /* read-only 010: A0000h */

#define SEGMENT_COUNT     13
#define ISA_HOLE          0xa0000
#define ISA_HOLE_SIZE     0x60000
#define CONFIG_ADDRESS    0xcf8
#define CONFIG_DATA       0xcfc
#define CONFIG_ENABLE     0x80000000u

typedef struct {
    I440FX *host;
    uint64_t start;
    MemoryRegion ram;   /* an alias of RAM: read-only or read-write */
    MemoryRegion split; /* reads PCI, writes RAM */
    unsigned mode;
} PamSegment;

struct _I440FX {
    PCIDevice parent_instance;
    PCIBus *bus;
    RamBlock *ram;
    uint64_t below_4g;
    MemoryRegion ram_all, ram_low, ram_high;
    MemoryRegion pci_memory;
    AddressSpace *pci_space; /* what PCI answers where RAM is hidden */
    MemoryRegion isa_nothing, isa_hole, smram;
    PamSegment segments[SEGMENT_COUNT];
    MemoryRegion address_port, data_port;
    const MemoryRegionOps *reset_control;
    void *reset_opaque;
    uint32_t config_address;
};

/* ---- PAM and SMRAM ---- */

static uint64_t split_read(void *opaque, hwaddr offset, unsigned size)
{
    PamSegment *segment = opaque;

    return address_space_load(segment->host->pci_space, segment->start + offset, size);
}

static void split_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PamSegment *segment = opaque;
    uint8_t *host = (uint8_t *)ram_block_host(segment->host->ram) + segment->start + offset;

    value = GUINT64_TO_LE(value);
    memcpy(host, &value, size);
}

static const MemoryRegionOps split_ops = {
    .read = split_read,
    .write = split_write,
    .valid_max = 8,
    .impl_max = 8,
    .valid_unaligned = true,
};

/* Segment 0 is F0000-FFFFF (PAM0 bits 5:4); 1-12 are 16 KiB each from C0000, two to a register. */
static unsigned segment_mode(const uint8_t *config, unsigned segment)
{
    unsigned index = (segment + 1) / 2;
    unsigned shift = segment == 0 || segment % 2 == 0 ? 4 : 0;

    return (config[I440FX_PAM + index] >> shift) & 3;
}

static void segment_update(PamSegment *segment, unsigned mode)
{
    segment->mode = mode;
    memory_region_set_enabled(&segment->ram, (mode & PAM_READ_ENABLE) != 0);
    memory_region_set_readonly(&segment->ram, !(mode & PAM_WRITE_ENABLE));
    memory_region_set_enabled(&segment->split, mode == PAM_WRITE_ENABLE);
}

static void i440fx_update_memory(I440FX *host)
{
    const uint8_t *config = pci_device_config(&host->parent_instance);
    uint8_t smram = config[I440FX_SMRAM];

    memory_transaction_begin();
    for (unsigned i = 0; i < SEGMENT_COUNT; i++) {
        segment_update(&host->segments[i], segment_mode(config, i));
    }
    /* A0000-BFFFF is PCI's unless SMRAM is opened for code outside SMM. */
    memory_region_set_enabled(&host->smram, (smram & SMRAM_D_OPEN) && (smram & SMRAM_G_SMRAME) &&
                                                !(smram & SMRAM_D_CLS));
    memory_transaction_commit();
}

static void smram_locked(I440FX *host)
{
    uint8_t *config = pci_device_config(&host->parent_instance);
    uint8_t *mask = pci_device_write_mask(&host->parent_instance);

    /* D_LCK holds until reset: it clears D_OPEN and makes the register read-only but for D_CLS. */
    if (config[I440FX_SMRAM] & SMRAM_D_LCK) {
        config[I440FX_SMRAM] &= (uint8_t)~SMRAM_D_OPEN;
        mask[I440FX_SMRAM] = SMRAM_D_CLS;
    }
}

static void i440fx_config_write(PCIDevice *device, uint32_t address, uint32_t value, unsigned size)
{
    I440FX *host = HW_I440FX(device);

    pci_default_config_write(device, address, value, size);
    if (address <= I440FX_SMRAM && address + size > I440FX_PAM) {
        smram_locked(host);
        i440fx_update_memory(host);
    }
}

/* ---- configuration mechanism #1 ---- */

static uint64_t address_read(void *opaque, hwaddr offset, unsigned size)
{
    I440FX *host = opaque;

    if (size == 4) {
        return host->config_address;
    }
    if (offset == 1 && size == 1 && host->reset_control) {
        return host->reset_control->read(host->reset_opaque, 0, 1);
    }
    return UINT64_MAX;
}

static void address_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I440FX *host = opaque;

    if (size == 4) {
        host->config_address = (uint32_t)value;
    } else if (offset == 1 && size == 1 && host->reset_control) {
        host->reset_control->write(host->reset_opaque, 0, value, 1);
    }
}

static const MemoryRegionOps address_ops = {.read = address_read, .write = address_write};

static uint64_t data_read(void *opaque, hwaddr offset, unsigned size)
{
    I440FX *host = opaque;

    if (!(host->config_address & CONFIG_ENABLE)) {
        return UINT64_MAX;
    }
    return pci_bus_config_read(host->bus, (host->config_address & ~3u) | (uint32_t)offset, size);
}

static void data_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I440FX *host = opaque;

    if (host->config_address & CONFIG_ENABLE) {
        pci_bus_config_write(host->bus, (host->config_address & ~3u) | (uint32_t)offset,
                             (uint32_t)value, size);
    }
}

static const MemoryRegionOps data_ops = {.read = data_read, .write = data_write};

/* ---- life ---- */

static void map_segments(I440FX *host, MemoryRegion *root)
{
    for (unsigned i = 0; i < SEGMENT_COUNT; i++) {
        PamSegment *segment = &host->segments[i];
        uint64_t size = i == 0 ? 64 * KiB : 16 * KiB;

        segment->host = host;
        segment->start = i == 0 ? 0xf0000 : 0xc0000 + (i - 1) * 16 * KiB;
        memory_region_init_alias(&segment->ram, "pam-ram", &host->ram_all, segment->start, size);
        memory_region_init_io(&segment->split, &split_ops, segment, "pam-write-only", size);
        memory_region_add_overlap(root, segment->start, &segment->ram, 3);
        memory_region_add_overlap(root, segment->start, &segment->split, 3);
    }
}

static void map_memory(I440FX *host, MemoryRegion *root)
{
    uint64_t size = ram_block_size(host->ram);

    memory_region_init_ram_block(&host->ram_all, ram_block_name(host->ram), host->ram, 0, size);
    memory_region_init_alias(&host->ram_low, "ram-below-4g", &host->ram_all, 0, host->below_4g);
    memory_region_add(root, 0, &host->ram_low);
    if (size > host->below_4g) {
        memory_region_init_alias(&host->ram_high, "ram-above-4g", &host->ram_all, host->below_4g,
                                 size - host->below_4g);
        memory_region_add(root, 4 * GiB, &host->ram_high);
    }
    memory_region_init(&host->pci_memory, "pci", UINT64_MAX);
    memory_region_add_overlap(root, 0, &host->pci_memory, -1);
    host->pci_space = address_space_new(&host->pci_memory, "pci");
}

/*
 * The hole at A0000-FFFFF shows PCI: a window on the PCI space above RAM's priority, and behind it nothing, so
 * that RAM does not shine through where no PCI device answers.
 */
static void map_hole(I440FX *host, MemoryRegion *root)
{
    static const MemoryRegionOps nothing_ops = {.valid_max = 8};

    memory_region_init_io(&host->isa_nothing, &nothing_ops, host, "isa-hole", ISA_HOLE_SIZE);
    memory_region_add_overlap(root, ISA_HOLE, &host->isa_nothing, 1);
    memory_region_init_alias(&host->isa_hole, "pci-hole-isa", &host->pci_memory, ISA_HOLE,
                             ISA_HOLE_SIZE);
    memory_region_add_overlap(root, ISA_HOLE, &host->isa_hole, 2);
    memory_region_init_alias(&host->smram, "smram-open", &host->ram_all, ISA_HOLE, 0x20000);
    memory_region_add_overlap(root, ISA_HOLE, &host->smram, 3);
}

static bool i440fx_realize(PCIDevice *device, GError **error G_GNUC_UNUSED)
{
    I440FX *host = HW_I440FX(device);
    Machine *machine = device_get_machine(HW_DEVICE(device));
    MemoryRegion *io = machine_io_root(machine);
    uint8_t *config = pci_device_config(device);
    uint8_t *mask = pci_device_write_mask(device);

    store_le16(config + PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    store_le16(mask + PCI_COMMAND, PCI_COMMAND_SERR | PCI_COMMAND_PARITY);
    store_le16(config + PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM | PCI_STATUS_FAST_BACK);
    config[I440FX_SMRAM] = SMRAM_C_BASE_SEG;
    mask[I440FX_SMRAM] = SMRAM_D_OPEN | SMRAM_D_CLS | SMRAM_D_LCK | SMRAM_G_SMRAME;
    mask[I440FX_PAM] = 0x30;
    for (unsigned i = 1; i < I440FX_PAM_COUNT; i++) {
        mask[I440FX_PAM + i] = 0x33;
    }
    /* 0x50-0x58: PMCCFG … DRAMT; 0x60-0x67: DRB; 0x68, 0x93 others: storage for firmware. */
    for (unsigned i = 0x50; i < 0x59; i++) {
        mask[i] = 0xff;
    }
    for (unsigned i = 0x60; i < 0x69; i++) {
        mask[i] = 0xff;
    }
    memory_region_init_io(&host->address_port, &address_ops, host, "pci-conf-address", 4);
    memory_region_init_io(&host->data_port, &data_ops, host, "pci-conf-data", 4);
    /* Every configuration access is a write here and then one to the data port, which exits. */
    memory_region_set_coalesced(&host->address_port, 0, 4);
    memory_region_add(io, CONFIG_ADDRESS, &host->address_port);
    memory_region_add(io, CONFIG_DATA, &host->data_port);
    return true;
}

static void i440fx_unrealize(PCIDevice *device)
{
    I440FX *host = HW_I440FX(device);
    MemoryRegion *regions[] = {&host->address_port, &host->data_port, &host->isa_hole,
                               &host->isa_nothing,  &host->smram,     &host->ram_low,
                               &host->ram_high};

    address_space_free(host->pci_space);
    for (unsigned i = 0; i < SEGMENT_COUNT; i++) {
        memory_region_destroy(&host->segments[i].ram);
        memory_region_destroy(&host->segments[i].split);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(regions); i++) {
        memory_region_destroy(regions[i]);
    }
    memory_region_destroy(&host->pci_memory);
    memory_region_destroy(&host->ram_all);
    ram_block_unref(host->ram);
}

static void i440fx_reset(Device *device)
{
    I440FX *host = HW_I440FX(device);
    uint8_t *mask = pci_device_write_mask(&host->parent_instance);

    host->config_address = 0;
    mask[I440FX_SMRAM] = SMRAM_D_OPEN | SMRAM_D_CLS | SMRAM_D_LCK | SMRAM_G_SMRAME;
    pci_device_config(&host->parent_instance)[I440FX_SMRAM] = SMRAM_C_BASE_SEG;
    i440fx_update_memory(host);
}

static bool i440fx_post_load(Device *device, GError **error G_GNUC_UNUSED)
{
    smram_locked(HW_I440FX(device));
    i440fx_update_memory(HW_I440FX(device));
    return true;
}

static const SavedField i440fx_fields[] = {
    SAVED(I440FX, config_address),
};

DEVICE_TYPE(I440FX, i440fx, "i440FX", TYPE_PCI_DEVICE)

static void i440fx_instance_init(I440FX *host G_GNUC_UNUSED)
{
}

static void i440fx_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci_class = HW_PCI_DEVICE_CLASS(klass);

    klass->description = "Host bridge";
    klass->category = DEVICE_CATEGORY_BRIDGE;
    klass->reset = i440fx_reset;
    klass->saved_fields = i440fx_fields;
    klass->saved_field_count = G_N_ELEMENTS(i440fx_fields);
    klass->post_load = i440fx_post_load;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x1237;
    pci_class->revision = 2;
    pci_class->class_id = 0x0600;
    pci_class->pci_realize = i440fx_realize;
    pci_class->pci_unrealize = i440fx_unrealize;
    pci_class->config_write = i440fx_config_write;
}

I440FX *i440fx_new(Machine *machine, RamBlock *ram, uint64_t below_4g, GError **error)
{
    PCIDevice *device = pci_device_new("i440FX", PCI_DEVFN(0, 0));
    I440FX *host = HW_I440FX(device);
    MemoryRegion *root = machine_memory_root(machine);

    host->ram = ram_block_ref(ram);
    host->below_4g = below_4g;
    map_memory(host, root);
    map_hole(host, root);
    map_segments(host, root);
    host->bus = pci_bus_new(machine, HW_DEVICE(host), "pci.0", &host->pci_memory,
                            machine_io_root(machine));
    device_set_path(HW_DEVICE(host), "/machine/i440fx");
    if (!device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(host->bus), error)) {
        return NULL;
    }
    return host;
}

PCIBus *i440fx_bus(I440FX *host)
{
    return host->bus;
}

MemoryRegion *i440fx_pci_memory(I440FX *host)
{
    return &host->pci_memory;
}

void i440fx_set_reset_control(I440FX *host, const MemoryRegionOps *ops, void *opaque)
{
    host->reset_control = ops;
    host->reset_opaque = opaque;
}
