/*
 * ACPI PCI hot-plug: the ports, and what device_add and device_del do through them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/acpi/pci_hotplug.h"

#include "util/clock.h"
#include "util/log.h"
#include "util/trace.h"

enum {
    PORT_FILLED = 0x00,
    PORT_EMPTYING = 0x04,
    PORT_EJECT = 0x08,
    PORT_REMOVABLE = 0x0c,
    PORT_SELECT = 0x10,
};

#define SLOTS 32

TRACE_DEFINE(pci_hotplug_filled);
TRACE_DEFINE(pci_hotplug_asked);
TRACE_DEFINE(pci_hotplug_ejected);

/* ---- ports ---- */

static uint32_t removable_slots(AcpiPciHotplug *hotplug)
{
    uint32_t mask = 0;

    for (unsigned slot = 0; slot < SLOTS; slot++) {
        mask |= pci_bus_slot_is_removable(hotplug->bus, slot) ? 1u << slot : 0;
    }
    return mask;
}

static uint32_t take(uint32_t *bits)
{
    uint32_t value = *bits;

    *bits = 0;
    return value;
}

static uint64_t hotplug_read(void *opaque, hwaddr offset, unsigned size G_GNUC_UNUSED)
{
    AcpiPciHotplug *hotplug = opaque;

    if (offset == PORT_SELECT) {
        return hotplug->selected;
    }
    if (hotplug->selected != 0) {
        return 0;
    }
    switch (offset) {
    case PORT_FILLED:
        return take(&hotplug->filled);
    case PORT_EMPTYING:
        return hotplug->emptying;
    case PORT_REMOVABLE:
        return removable_slots(hotplug);
    default:
        return 0;
    }
}

static void eject(AcpiPciHotplug *hotplug, uint32_t slots)
{
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        if (slots & (1u << slot)) {
            TRACE(pci_hotplug_ejected, "slot %u", slot);
            hotplug->emptying &= ~(1u << slot);
            hotplug->filled &= ~(1u << slot);
            pci_bus_empty_slot(hotplug->bus, slot);
        }
    }
}

static void hotplug_write(void *opaque, hwaddr offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    AcpiPciHotplug *hotplug = opaque;

    if (offset == PORT_SELECT) {
        hotplug->selected = (uint32_t)value;
    } else if (offset == PORT_EJECT && hotplug->selected == 0) {
        eject(hotplug, (uint32_t)value);
    } else {
        log_printf(LOG_GUEST_ERRORS, "PCI hot-plug: write of 0x%x to port 0x%02x\n",
                   (unsigned)value, (unsigned)offset);
    }
}

static const MemoryRegionOps hotplug_ops = {
    hotplug_read, hotplug_write, .valid_min = 1, .valid_max = 4, .impl_min = 4, .impl_max = 4,
};

/* ---- the bus's side ---- */

/* Functions of a slot are shown together: the guest looks when function 0 is there. */
static void plugged(void *opaque, PCIDevice *device)
{
    AcpiPciHotplug *hotplug = opaque;
    uint8_t devfn = pci_device_devfn(device);

    if (PCI_FUNC(devfn) == 0) {
        TRACE(pci_hotplug_filled, "slot %u", PCI_SLOT(devfn));
        hotplug->filled |= 1u << PCI_SLOT(devfn);
        hotplug->raise(hotplug->opaque);
    }
}

static bool request_unplug(void *opaque, PCIDevice *device, GError **error)
{
    AcpiPciHotplug *hotplug = opaque;
    unsigned slot = PCI_SLOT(pci_device_devfn(device));
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);

    if ((hotplug->emptying & (1u << slot)) && now < hotplug->deadline[slot]) {
        return error_setf(error, "Device %s is already in the process of unplug",
                          device_name(HW_DEVICE(device)));
    }
    if (!pci_bus_slot_is_removable(hotplug->bus, slot)) {
        return error_setf(error, "PCI slot %u holds a device that does not support hotplugging",
                          slot);
    }
    TRACE(pci_hotplug_asked, "slot %u", slot);
    hotplug->deadline[slot] = now + ACPI_PCI_HOTPLUG_SECONDS * NS_PER_SECOND;
    hotplug->emptying |= 1u << slot;
    hotplug->raise(hotplug->opaque);
    return true;
}

/* The guest that was asked is gone; the next one does not find what was to go. */
static void bus_reset(void *opaque)
{
    AcpiPciHotplug *hotplug = opaque;

    eject(hotplug, hotplug->emptying);
}

static const PCIHotplugOps bus_ops = {plugged, request_unplug, bus_reset};

/* ---- life ---- */

void acpi_pci_hotplug_init(AcpiPciHotplug *hotplug, PCIBus *bus, void (*raise)(void *opaque),
                           void *opaque)
{
    hotplug->bus = bus;
    hotplug->raise = raise;
    hotplug->opaque = opaque;
    memory_region_init_io(&hotplug->region, &hotplug_ops, hotplug, "acpi-pci-hotplug",
                          ACPI_PCI_HOTPLUG_SIZE);
    pci_bus_set_hotplug(bus, &bus_ops, hotplug);
}

void acpi_pci_hotplug_destroy(AcpiPciHotplug *hotplug)
{
    pci_bus_set_hotplug(hotplug->bus, NULL, NULL);
    memory_region_destroy(&hotplug->region);
}

void acpi_pci_hotplug_reset(AcpiPciHotplug *hotplug)
{
    hotplug->filled = 0;
    hotplug->emptying = 0;
    hotplug->selected = 0;
}
