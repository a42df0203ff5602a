/*
 * The Xen platform device on a board with a PIIX3 IDE function, and cards of any PCI class.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_XEN_PLATFORM_FIXTURE_H
#define TESTS_UNIT_XEN_PLATFORM_FIXTURE_H

#include "hw/xen/xen_platform.h"
#include "ide-fixture.h"

#define MAGIC 0x10
#define DISKS 1
#define NICS  2
#define AUX   4
#define NVME  8

/* ---- cards of each class ---- */

DEVICE_DECLARE(Card, card, CARD)

struct _Card {
    PCIDevice parent_instance;
    uint16_t class_id; /* property */
    unsigned went, came;
    MemoryRegion io, memory;
};

static uint64_t card_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0xa0 + offset;
}

static const MemoryRegionOps card_ops = {.read = card_read};

static bool card_realize(PCIDevice *device, GError **error)
{
    Card *card = CARD(device);

    store_le16(pci_device_config(device) + PCI_CLASS_DEVICE, card->class_id);
    memory_region_init_io(&card->io, &card_ops, card, "card-io", 0x20);
    memory_region_init_io(&card->memory, &card_ops, card, "card-memory", 0x1000);
    pci_register_bar(device, 0, PCI_BASE_ADDRESS_SPACE_IO, &card->io);
    pci_register_bar(device, 1, 0, &card->memory);
    pci_set_interrupt_pin(device, 1);
    return true;
}

static void card_unrealize(PCIDevice *device)
{
    memory_region_destroy(&CARD(device)->io);
    memory_region_destroy(&CARD(device)->memory);
}

static void card_plug_changed(PCIDevice *device, bool plugged)
{
    Card *card = CARD(device);

    card->went += !plugged;
    card->came += plugged;
}

static const DeviceProperty card_properties[] = {
    DEVICE_PROPERTY(UINT16, "class", Card, class_id, 0x0200, "class and subclass"),
};

DEVICE_TYPE(Card, card, "test-card", TYPE_PCI_DEVICE)

static void card_instance_init(Card *card)
{
}

static void card_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci_class = HW_PCI_DEVICE_CLASS(klass);

    klass->saved_version = 1;
    pci_class->vendor_id = 0x1234;
    pci_class->device_id = 0x5678;
    pci_class->class_id = 0x0200;
    pci_class->pci_realize = card_realize;
    pci_class->pci_unrealize = card_unrealize;
    pci_class->plug_changed = card_plug_changed;
    device_class_add_properties(klass, card_properties, G_N_ELEMENTS(card_properties));
}

/* A host's adapter, passed through. */
struct _HostCard {
    Card parent_instance;
};
DEVICE_DECLARE(HostCard, host_card, HOST_CARD)
DEVICE_TYPE(HostCard, host_card, "test-host-card", card_get_type())

static void host_card_instance_init(HostCard *card)
{
}

static void host_card_class_init(DeviceClass *klass)
{
    HW_PCI_DEVICE_CLASS(klass)->stays_plugged = true;
}

/* ---- the board ---- */

static XenPlatform *platform;
static int intx[4];

static int map_intx(PCIDevice *device, int pin)
{
    return (int)((PCI_SLOT(pci_device_devfn(device)) + (unsigned)pin) & 3);
}

static void intx_changed(void *opaque, int n, int level)
{
    intx[n] = level;
}

static uint32_t address(unsigned devfn, unsigned offset)
{
    return 0x80000000u | devfn << 8 | offset;
}

static inline uint32_t config_of(PCIDevice *device, unsigned offset, unsigned size)
{
    return pci_bus_config_read(pci_device_bus(device), address(pci_device_devfn(device), offset),
                               size);
}

static inline void set_config_of(PCIDevice *device, unsigned offset, uint32_t value, unsigned size)
{
    pci_bus_config_write(pci_device_bus(device), address(pci_device_devfn(device), offset), value,
                         size);
}

static inline Card *plug_card(const char *type, const char *class_id, PCIBus *bus)
{
    PCIDevice *device = pci_device_new(type, -1);
    GError *error = NULL;

    g_assert_true(device_set_property_text(HW_DEVICE(device), "class", class_id, &error));
    device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(bus), &error);
    g_assert_no_error(error);
    return CARD(device);
}

static inline void setup_platform(void)
{
    PCIDevice *device;

    setup();
    memset(intx, 0, sizeof(intx));
    pci_bus_set_irq_handler(pci, map_intx, intx_changed, NULL, 4);
    device = pci_device_new(TYPE_XEN_PLATFORM, PCI_DEVFN(2, 0));
    g_assert_true(device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(pci), NULL));
    platform = HW_XEN_PLATFORM(device);
}

static inline PCIDevice *platform_device(void)
{
    return HW_PCI_DEVICE(platform);
}

static inline void unplug(uint16_t mask)
{
    out_port(MAGIC, mask, 2);
}

#endif
