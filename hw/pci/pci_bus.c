/*
 * PCI buses: who sits where, interrupt routing, configuration accesses, saved configuration spaces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/machine.h"
#include "hw/pci/pci_private.h"
#include "util/bytes.h"

BUS_TYPE(PCIBus, pci_bus, TYPE_PCI_BUS)

static bool slot_is_free(PCIBus *bus, unsigned slot)
{
    if (bus->reserved_slots & (1u << slot)) {
        return false;
    }
    for (unsigned function = 0; function < 8; function++) {
        if (bus->devices[PCI_DEVFN(slot, function)]) {
            return false;
        }
    }
    return true;
}

static int free_devfn(PCIBus *bus)
{
    for (unsigned slot = 1; slot < 32; slot++) {
        if (slot_is_free(bus, slot)) {
            return (int)PCI_DEVFN(slot, 0);
        }
    }
    return -1;
}

int pci_bus_highest_free(PCIBus *bus)
{
    for (unsigned slot = 31; slot > 0; slot--) {
        if (slot_is_free(bus, slot)) {
            return (int)PCI_DEVFN(slot, 0);
        }
    }
    return -1;
}

static bool check_functions(PCIBus *bus, PCIDevice *device, int devfn, GError **error)
{
    unsigned slot = PCI_SLOT(devfn);
    PCIDevice *first = bus->devices[PCI_DEVFN(slot, 0)];

    if (PCI_FUNC(devfn) != 0) {
        if (first && !(first->function->config[PCI_HEADER_TYPE] & 0x80)) {
            return error_setf(error, "PCI: %x.0 indicates single function, but %x.%x is already "
                              "populated", slot, slot, PCI_FUNC(devfn));
        }
        return true;
    }
    for (unsigned function = 1; function < 8 && !device->multifunction; function++) {
        if (bus->devices[PCI_DEVFN(slot, function)]) {
            return error_setf(error, "PCI: %x.0 indicates single function, but %x.%x is already "
                              "populated", slot, slot, function);
        }
    }
    return true;
}

static bool pci_bus_check(Bus *base, Device *plugged, GError **error)
{
    PCIBus *bus = HW_PCI_BUS(base);
    PCIDevice *device = HW_PCI_DEVICE(plugged);
    int devfn = device->address < 0 ? free_devfn(bus) : device->address;

    if (devfn < 0) {
        return error_setf(error, "PCI: no slot/function available for %s, all in use or reserved",
                          device_name(plugged));
    }
    if (bus->devices[devfn]) {
        return error_setf(error, "PCI: slot %d function %d not available for %s, in use by %s",
                          PCI_SLOT(devfn), PCI_FUNC(devfn), device_name(plugged),
                          device_name(HW_DEVICE(bus->devices[devfn])));
    }
    if (!check_functions(bus, device, devfn, error)) {
        return false;
    }
    device->function->devfn = (uint8_t)devfn;
    bus->devices[devfn] = device;
    return true;
}

/* Open Firmware's names for what firmware boots from; others are just "pci". */
static const struct {
    uint16_t class_id;
    const char *name;
} firmware_names[] = {
    {0x0100, "scsi"}, {0x0101, "ide"}, {0x0102, "fdc"}, {0x0200, "ethernet"}, {0x0300, "display"},
    {0x0600, "host"}, {0x0601, "isa"}, {0x0604, "pci-bridge"},
};

static char *pci_bus_firmware_path(Bus *base, Device *child)
{
    PCIDevice *device = HW_PCI_DEVICE(child);
    uint16_t class_id = load_le16(device->function->config + PCI_CLASS_DEVICE);
    unsigned devfn = device->function->devfn;
    const char *name = "pci";
    g_autofree char *unit = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(firmware_names); i++) {
        if (firmware_names[i].class_id == class_id) {
            name = firmware_names[i].name;
        }
    }
    unit = PCI_FUNC(devfn) ? g_strdup_printf("%s@%x,%x", name, PCI_SLOT(devfn), PCI_FUNC(devfn))
                           : g_strdup_printf("%s@%x", name, PCI_SLOT(devfn));
    /* The host bridge is a device of its own bus here, so the root's part is added to its children's. */
    if (!bus_get_owner(base) || device_get_bus(bus_get_owner(base)) == base) {
        return g_strdup_printf("pci@i0cf8/%s", unit);
    }
    return g_steal_pointer(&unit);
}

/* ---- hot-plug ---- */

void pci_bus_set_hotplug(PCIBus *bus, const PCIHotplugOps *ops, void *opaque)
{
    bus->hotplug = ops;
    bus->hotplug_opaque = opaque;
}

bool pci_bus_slot_is_removable(PCIBus *bus, unsigned slot)
{
    for (unsigned function = 0; function < 8; function++) {
        PCIDevice *device = bus->devices[PCI_DEVFN(slot, function)];
        if (device && !HW_DEVICE_GET_CLASS(device)->hotpluggable) {
            return false;
        }
    }
    return true;
}

void pci_bus_empty_slot(PCIBus *bus, unsigned slot)
{
    for (int function = 7; function >= 0; function--) {
        PCIDevice *device = bus->devices[PCI_DEVFN(slot, function)];
        if (device && HW_DEVICE_GET_CLASS(device)->hotpluggable) {
            device_unrealize(HW_DEVICE(device));
        }
    }
}

static bool pci_bus_may_hotplug(Bus *base)
{
    return HW_PCI_BUS(base)->hotplug != NULL;
}

static void pci_bus_plugged(Bus *base, Device *device)
{
    PCIBus *bus = HW_PCI_BUS(base);

    bus->hotplug->plugged(bus->hotplug_opaque, HW_PCI_DEVICE(device));
}

static bool pci_bus_request_unplug(Bus *base, Device *device, GError **error)
{
    PCIBus *bus = HW_PCI_BUS(base);

    return bus->hotplug->request_unplug(bus->hotplug_opaque, HW_PCI_DEVICE(device), error);
}

/* ---- reset and saved state ---- */

static void pci_bus_reset(Bus *base)
{
    PCIBus *bus = HW_PCI_BUS(base);

    if (bus->hotplug) {
        bus->hotplug->reset(bus->hotplug_opaque);
    }

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (bus->devices[devfn]) {
            pci_function_reset(bus->devices[devfn]);
        }
    }
}

static GVariant *pci_bus_save(Bus *base)
{
    PCIBus *bus = HW_PCI_BUS(base);
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(ybbay)"));
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        PCIDevice *device = bus->devices[devfn];
        if (device) {
            g_variant_builder_add(&builder, "(ybb@ay)", (guchar)devfn, device->function->irq_level,
                                  device->function->unplugged,
                                  g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE,
                                                            device->function->config,
                                                            PCI_CONFIG_SIZE, 1));
        }
    }
    return g_variant_builder_end(&builder);
}

static bool load_function(PCIBus *bus, GVariant *entry, GError **error)
{
    g_autoptr(GVariant) bytes = NULL;
    guchar devfn;
    gboolean level, unplugged;
    gsize length;
    const uint8_t *config;
    PCIDevice *device;

    g_variant_get(entry, "(ybb@ay)", &devfn, &level, &unplugged, &bytes);
    config = g_variant_get_fixed_array(bytes, &length, 1);
    device = bus->devices[devfn];
    if (!device || length != PCI_CONFIG_SIZE ||
        memcmp(config, device->function->config, PCI_COMMAND) != 0) {
        return error_setf(error, "saved PCI function %02x.%x does not fit this machine",
                          PCI_SLOT(devfn), PCI_FUNC(devfn));
    }
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        uint8_t changeable = device->function->write_mask[i] | device->function->write1_clear_mask[i];
        device->function->config[i] =
            (uint8_t)((device->function->config[i] & ~changeable) | (config[i] & changeable));
    }
    device->function->irq_level = level;
    pci_function_update(device);
    pci_device_set_unplugged(device, unplugged);
    return true;
}

static bool pci_bus_load(Bus *base, GVariant *state, GError **error)
{
    PCIBus *bus = HW_PCI_BUS(base);
    GVariantIter iter;
    GVariant *entry;
    bool loaded = true;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE("a(ybbay)"))) {
        return error_setf(error, "saved PCI bus has type '%s'", g_variant_get_type_string(state));
    }
    g_variant_iter_init(&iter, state);
    while (loaded && (entry = g_variant_iter_next_value(&iter))) {
        loaded = load_function(bus, entry, error);
        g_variant_unref(entry);
    }
    return loaded;
}

static void pci_bus_finalize(GObject *object)
{
    g_free(HW_PCI_BUS(object)->irq_levels);
    G_OBJECT_CLASS(g_type_class_peek_parent(g_type_class_peek(pci_bus_get_type())))->finalize(object);
}

static void pci_bus_class_init(BusClass *bus_class)
{
    G_OBJECT_CLASS(bus_class)->finalize = pci_bus_finalize;
    bus_class->check = pci_bus_check;
    bus_class->firmware_path = pci_bus_firmware_path;
    bus_class->hotplug = true;
    bus_class->may_hotplug = pci_bus_may_hotplug;
    bus_class->plugged = pci_bus_plugged;
    bus_class->request_unplug = pci_bus_request_unplug;
    bus_class->reset = pci_bus_reset;
    bus_class->save = pci_bus_save;
    bus_class->load = pci_bus_load;
}

PCIBus *pci_bus_new(Machine *machine, Device *owner, const char *name, MemoryRegion *memory,
                    MemoryRegion *io)
{
    PCIBus *bus = HW_PCI_BUS(g_object_new(pci_bus_get_type(), NULL));

    bus->memory = memory;
    bus->io = io;
    bus_setup(HW_BUS(bus), machine, owner, name);
    g_object_unref(bus);
    return bus;
}

/* ---- interrupts ---- */

void pci_bus_set_irq_handler(PCIBus *bus, PCIMapIRQ map, IRQHandler handler, void *opaque,
                             unsigned count)
{
    bus->map_irq = map;
    bus->irq_handler = handler;
    bus->irq_opaque = opaque;
    bus->irq_count = count;
    g_free(bus->irq_levels);
    bus->irq_levels = g_new0(int, count);
}

void pci_bus_drive_irq(PCIBus *bus, PCIDevice *device, int change)
{
    int pin = device->function->config[PCI_INTERRUPT_PIN] - 1;
    int n;

    if (!bus->map_irq || pin < 0 || pin >= PCI_PIN_COUNT) {
        return;
    }
    n = bus->map_irq(device, pin);
    g_assert(n >= 0 && (unsigned)n < bus->irq_count);
    bus->irq_levels[n] += change;
    g_assert(bus->irq_levels[n] >= 0);
    bus->irq_handler(bus->irq_opaque, n, bus->irq_levels[n] != 0);
}

bool pci_bus_irq_level(PCIBus *bus, unsigned n)
{
    return n < bus->irq_count && bus->irq_levels[n] != 0;
}

/* ---- configuration accesses ---- */

PCIDevice *pci_bus_device(PCIBus *bus, uint8_t devfn)
{
    return bus->devices[devfn];
}

void pci_bus_reserve_slot(PCIBus *bus, unsigned slot)
{
    bus->reserved_slots |= 1u << (slot & 31);
}

static PCIDevice *addressed_device(PCIBus *bus, uint32_t config_address)
{
    unsigned number = (config_address >> 16) & 0xff;
    PCIDevice *device = number == 0 ? bus->devices[(config_address >> 8) & 0xff] : NULL;

    return device && !device->function->unplugged ? device : NULL;
}

uint32_t pci_bus_config_read(PCIBus *bus, uint32_t config_address, unsigned size)
{
    PCIDevice *device = addressed_device(bus, config_address);

    if (!device) {
        return UINT32_MAX;
    }
    return HW_PCI_DEVICE_GET_CLASS(device)->config_read(device, config_address & 0xff, size);
}

void pci_bus_config_write(PCIBus *bus, uint32_t config_address, uint32_t value, unsigned size)
{
    PCIDevice *device = addressed_device(bus, config_address);

    if (device) {
        HW_PCI_DEVICE_GET_CLASS(device)->config_write(device, config_address & 0xff, value, size);
    }
}
