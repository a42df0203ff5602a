/*
 * PCI functions: configuration space, base addresses, bus mastering, INTx.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/machine.h"
#include "hw/pci/pci_private.h"
#include "util/bytes.h"

#define PCI_DEFAULT_SUBSYSTEM_VENDOR 0x1af4
#define PCI_DEFAULT_SUBSYSTEM        0x1100
#define BAR_UNMAPPED                 UINT64_MAX

G_DEFINE_ABSTRACT_TYPE(PCIDevice, pci_device, TYPE_DEVICE)

static unsigned bar_offset(unsigned number)
{
    return number == PCI_ROM_REGION ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + number * 4;
}

static bool bar_is_io(const PCIBar *bar)
{
    return bar->type & PCI_BASE_ADDRESS_SPACE_IO;
}

static bool bar_is_64bit(const PCIBar *bar)
{
    return !bar_is_io(bar) && (bar->type & PCI_BASE_ADDRESS_MEM_TYPE_64);
}

/* ---- accessors ---- */

uint8_t *pci_device_config(PCIDevice *device)
{
    return device->function->config;
}

uint8_t *pci_device_write_mask(PCIDevice *device)
{
    return device->function->write_mask;
}

uint8_t *pci_device_write1_clear_mask(PCIDevice *device)
{
    return device->function->write1_clear_mask;
}

uint8_t pci_device_devfn(PCIDevice *device)
{
    return device->function->devfn;
}

PCIBus *pci_device_bus(PCIDevice *device)
{
    return HW_PCI_BUS(device_get_bus(HW_DEVICE(device)));
}

static bool bus_master_enabled(PCIFunction *function)
{
    return !function->unplugged && load_le16(function->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

AddressSpace *pci_device_dma(PCIDevice *device)
{
    PCIFunction *function = device->function;

    if (!function->dma) {
        MemoryRegion *memory = machine_memory_root(device_get_machine(HW_DEVICE(device)));

        memory_region_init(&function->dma_root, "bus master", UINT64_MAX);
        memory_region_init_alias(&function->dma_alias, "bus master", memory, 0, UINT64_MAX);
        memory_region_add(&function->dma_root, 0, &function->dma_alias);
        memory_region_set_enabled(&function->dma_alias, bus_master_enabled(function));
        function->dma = address_space_new(&function->dma_root, device_name(HW_DEVICE(device)));
    }
    return function->dma;
}

/* ---- base addresses ---- */

void pci_register_bar(PCIDevice *device, unsigned number, uint8_t type, MemoryRegion *region)
{
    PCIFunction *function = device->function;
    PCIBar *bar = &function->bars[number];
    uint64_t size = memory_region_size(region);
    uint64_t mask = ~(size - 1);
    unsigned offset = bar_offset(number);

    g_assert(number < PCI_REGION_COUNT && !bar->region && (size & (size - 1)) == 0);
    bar->region = region;
    bar->type = type;
    bar->size = size;
    bar->mapped = BAR_UNMAPPED;
    if (number == PCI_ROM_REGION) {
        mask |= PCI_ROM_ADDRESS_ENABLE;
        type = 0;
    }
    store_le32(function->config + offset, type);
    store_le32(function->write_mask + offset, (uint32_t)mask);
    if (bar_is_64bit(bar)) {
        g_assert(number < 5);
        store_le32(function->config + offset + 4, 0);
        store_le32(function->write_mask + offset + 4, (uint32_t)(mask >> 32));
    }
}

/* Where @bar is decoded with configuration space as it is now. */
static uint64_t bar_decoded(PCIFunction *function, unsigned number)
{
    const PCIBar *bar = &function->bars[number];
    uint16_t command = load_le16(function->config + PCI_COMMAND);
    uint64_t address = load_le32(function->config + bar_offset(number));
    uint64_t last;

    if (function->unplugged) {
        return BAR_UNMAPPED;
    }
    if (bar_is_io(bar)) {
        address &= ~(bar->size - 1);
        last = address + bar->size - 1;
        return (command & PCI_COMMAND_IO) && address != 0 && last <= 0xffff ? address
                                                                           : BAR_UNMAPPED;
    }
    if (!(command & PCI_COMMAND_MEMORY) ||
        (number == PCI_ROM_REGION && !(address & PCI_ROM_ADDRESS_ENABLE))) {
        return BAR_UNMAPPED;
    }
    if (bar_is_64bit(bar)) {
        address |= (uint64_t)load_le32(function->config + bar_offset(number) + 4) << 32;
    }
    address &= ~(bar->size - 1);
    last = address + bar->size - 1;
    /* All ones is how a guest sizes the BAR; no machine decodes there. */
    if (address == 0 || last < address || last == UINT64_MAX ||
        (!bar_is_64bit(bar) && last >= UINT32_MAX)) {
        return BAR_UNMAPPED;
    }
    return address;
}

uint64_t pci_bar_address(PCIDevice *device, unsigned number)
{
    return device->function->bars[number].region ? device->function->bars[number].mapped
                                                  : BAR_UNMAPPED;
}

static void bar_update(PCIDevice *device, unsigned number)
{
    PCIBar *bar = &device->function->bars[number];
    PCIBus *bus = pci_device_bus(device);
    uint64_t address = bar_decoded(device->function, number);

    if (address == bar->mapped) {
        return;
    }
    memory_region_remove(bar->region);
    bar->mapped = address;
    if (address != BAR_UNMAPPED) {
        memory_region_add_overlap(bar_is_io(bar) ? bus->io : bus->memory, address, bar->region, 1);
    }
}

static void irq_update(PCIDevice *device)
{
    PCIFunction *function = device->function;
    bool disabled = load_le16(function->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
    bool driven = function->irq_level && !disabled && !function->unplugged &&
                  function->config[PCI_INTERRUPT_PIN] != 0;

    if (function->irq_level) {
        function->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    } else {
        function->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_INTERRUPT;
    }
    if (driven != function->irq_driven) {
        function->irq_driven = driven;
        pci_bus_drive_irq(pci_device_bus(device), device, driven ? 1 : -1);
    }
}

void pci_function_update(PCIDevice *device)
{
    PCIFunction *function = device->function;

    memory_transaction_begin();
    for (unsigned i = 0; i < PCI_REGION_COUNT; i++) {
        if (function->bars[i].region) {
            bar_update(device, i);
        }
    }
    if (function->dma) {
        memory_region_set_enabled(&function->dma_alias, bus_master_enabled(function));
    }
    memory_transaction_commit();
    irq_update(device);
}

void pci_device_set_unplugged(PCIDevice *device, bool unplugged)
{
    PCIDeviceClass *klass = HW_PCI_DEVICE_GET_CLASS(device);

    if (device->function->unplugged == unplugged) {
        return;
    }
    device->function->unplugged = unplugged;
    pci_function_update(device);
    if (klass->plug_changed) {
        klass->plug_changed(device, !unplugged);
    }
}

bool pci_device_is_unplugged(PCIDevice *device)
{
    return device->function->unplugged;
}

/* ---- configuration space ---- */

uint32_t pci_default_config_read(PCIDevice *device, uint32_t address, unsigned size)
{
    uint32_t value = 0;

    if (address + size > PCI_CONFIG_SIZE) {
        return UINT32_MAX;
    }
    memcpy(&value, device->function->config + address, size);
    return GUINT32_FROM_LE(value);
}

static bool touches(uint32_t address, unsigned size, unsigned start, unsigned length)
{
    return address < start + length && start < address + size;
}

void pci_default_config_write(PCIDevice *device, uint32_t address, uint32_t value, unsigned size)
{
    PCIFunction *function = device->function;

    if (address + size > PCI_CONFIG_SIZE) {
        return;
    }
    for (unsigned i = 0; i < size; i++, value >>= 8) {
        uint8_t *byte = &function->config[address + i];
        uint8_t mask = function->write_mask[address + i];
        uint8_t clear = function->write1_clear_mask[address + i] & (uint8_t)value;

        *byte = (uint8_t)(((*byte & ~mask) | (value & mask)) & ~clear);
    }
    if (touches(address, size, PCI_COMMAND, 2) || touches(address, size, PCI_BASE_ADDRESS_0, 24) ||
        touches(address, size, PCI_ROM_ADDRESS, 4)) {
        pci_function_update(device);
    }
}

void pci_set_interrupt_pin(PCIDevice *device, uint8_t pin)
{
    device->function->config[PCI_INTERRUPT_PIN] = pin;
}

void pci_set_irq(PCIDevice *device, int level)
{
    device->function->irq_level = level != 0;
    irq_update(device);
}

static bool range_is_free(PCIFunction *function, unsigned offset, unsigned size)
{
    for (unsigned i = offset; i < offset + size; i++) {
        if (function->config[i] || function->write_mask[i]) {
            return false;
        }
    }
    return true;
}

unsigned pci_add_capability(PCIDevice *device, uint8_t id, unsigned offset, unsigned size,
                            GError **error)
{
    PCIFunction *function = device->function;

    for (unsigned try = PCI_STD_HEADER_SIZEOF; !offset && try + size <= PCI_CONFIG_SIZE; try += 4) {
        if (range_is_free(function, try, size)) {
            offset = try;
        }
    }
    if (!offset || offset + size > PCI_CONFIG_SIZE) {
        error_setf(error, "no room for PCI capability 0x%02x of %s", id,
                   device_name(HW_DEVICE(device)));
        return 0;
    }
    function->config[offset] = id;
    function->config[offset + 1] = function->config[PCI_CAPABILITY_LIST];
    function->config[PCI_CAPABILITY_LIST] = (uint8_t)offset;
    function->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    return offset;
}

static void config_setup(PCIDevice *device)
{
    PCIDeviceClass *klass = HW_PCI_DEVICE_GET_CLASS(device);
    PCIFunction *function = device->function;
    uint8_t *config = function->config;

    store_le16(config + PCI_VENDOR_ID, klass->vendor_id);
    store_le16(config + PCI_DEVICE_ID, klass->device_id);
    config[PCI_REVISION_ID] = klass->revision;
    config[PCI_CLASS_PROG] = klass->prog_if;
    store_le16(config + PCI_CLASS_DEVICE, klass->class_id);
    if (!klass->is_bridge) {
        bool own = klass->subsystem_vendor_id != 0;
        store_le16(config + PCI_SUBSYSTEM_VENDOR_ID,
                   own ? klass->subsystem_vendor_id : PCI_DEFAULT_SUBSYSTEM_VENDOR);
        store_le16(config + PCI_SUBSYSTEM_ID, own ? klass->subsystem_id : PCI_DEFAULT_SUBSYSTEM);
    }
    if (device->multifunction) {
        config[PCI_HEADER_TYPE] |= 0x80;
    }
    store_le16(function->write_mask + PCI_COMMAND,
               PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR |
                   PCI_COMMAND_PARITY | PCI_COMMAND_INTX_DISABLE);
    store_le16(function->write1_clear_mask + PCI_STATUS,
               PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT |
                   PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR |
                   PCI_STATUS_DETECTED_PARITY);
    function->write_mask[PCI_CACHE_LINE_SIZE] = 0xff;
    function->write_mask[PCI_LATENCY_TIMER] = 0xf8;
    function->write_mask[PCI_INTERRUPT_LINE] = 0xff;
}

void pci_function_reset(PCIDevice *device)
{
    PCIFunction *function = device->function;

    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        uint8_t changeable = function->write_mask[i] | function->write1_clear_mask[i];
        function->config[i] =
            (uint8_t)((function->config[i] & ~changeable) | (function->initial[i] & changeable));
    }
    function->irq_level = false;
    pci_function_update(device);
    pci_device_set_unplugged(device, false);
}

static bool pci_device_realize(Device *base, GError **error)
{
    PCIDevice *device = HW_PCI_DEVICE(base);
    PCIDeviceClass *klass = HW_PCI_DEVICE_GET_CLASS(device);

    config_setup(device);
    if (klass->pci_realize && !klass->pci_realize(device, error)) {
        pci_device_bus(device)->devices[device->function->devfn] = NULL;
        return false;
    }
    memcpy(device->function->initial, device->function->config, PCI_CONFIG_SIZE);
    return true;
}

static void pci_device_unrealize(Device *base)
{
    PCIDevice *device = HW_PCI_DEVICE(base);
    PCIDeviceClass *klass = HW_PCI_DEVICE_GET_CLASS(device);
    PCIFunction *function = device->function;

    pci_set_irq(device, 0);
    for (unsigned i = 0; i < PCI_REGION_COUNT; i++) {
        if (function->bars[i].region) {
            memory_region_remove(function->bars[i].region);
            function->bars[i].region = NULL;
        }
    }
    if (klass->pci_unrealize) {
        klass->pci_unrealize(device);
    }
    pci_device_bus(device)->devices[function->devfn] = NULL;
    if (function->dma) {
        address_space_free(function->dma);
        memory_region_destroy(&function->dma_alias);
        memory_region_destroy(&function->dma_root);
        function->dma = NULL;
    }
}

static void pci_device_finalize(GObject *object)
{
    g_free(HW_PCI_DEVICE(object)->function);
    G_OBJECT_CLASS(pci_device_parent_class)->finalize(object);
}

static void pci_device_init(PCIDevice *device)
{
    device->function = g_new0(PCIFunction, 1);
}

static const DeviceProperty pci_device_properties[] = {
    DEVICE_PROPERTY(PCI_ADDRESS, "addr", PCIDevice, address, (uint64_t)-1,
                    "Slot and optional function number, example: 06.0 or 06"),
    DEVICE_PROPERTY(BOOL, "multifunction", PCIDevice, multifunction, false,
                    "other functions share the slot"),
};

static void pci_device_class_init(PCIDeviceClass *klass)
{
    DeviceClass *device_class = HW_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = pci_device_finalize;
    device_class->bus_type = TYPE_PCI_BUS;
    device_class->realize = pci_device_realize;
    device_class->unrealize = pci_device_unrealize;
    klass->config_read = pci_default_config_read;
    klass->config_write = pci_default_config_write;
    device_class_add_properties(device_class, pci_device_properties,
                                G_N_ELEMENTS(pci_device_properties));
}

PCIDevice *pci_device_new(const char *type_name, int devfn)
{
    GType type = device_type_lookup(type_name);
    PCIDevice *device;

    g_assert(type);
    device = HW_PCI_DEVICE(device_new(type));
    device->address = devfn;
    return device;
}
