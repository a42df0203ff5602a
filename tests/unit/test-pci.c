/*
 * The PCI core: configuration space rules, BAR decoding, INTx, addresses, saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/machine.h"
#include "hw/pci/pci.h"
#include "util/bytes.h"

DEVICE_DECLARE(Card, card, CARD)

struct _Card {
    PCIDevice parent_instance;
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

    memory_region_init_io(&card->io, &card_ops, card, "card-io", 0x20);
    memory_region_init_io(&card->memory, &card_ops, card, "card-memory", 0x1000);
    pci_register_bar(device, 0, PCI_BASE_ADDRESS_SPACE_IO, &card->io);
    pci_register_bar(device, 1, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
                     &card->memory);
    pci_set_interrupt_pin(device, 1);
    return pci_add_capability(device, PCI_CAP_ID_VNDR, 0, 8, error) != 0;
}

static void card_unrealize(PCIDevice *device)
{
    memory_region_destroy(&CARD(device)->io);
    memory_region_destroy(&CARD(device)->memory);
}

DEVICE_TYPE(Card, card, "test-card", TYPE_PCI_DEVICE)

static void card_instance_init(Card *card)
{
}

static void card_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci_class = HW_PCI_DEVICE_CLASS(klass);

    pci_class->vendor_id = 0x1234;
    pci_class->device_id = 0x5678;
    pci_class->class_id = 0x0200;
    pci_class->revision = 7;
    pci_class->pci_realize = card_realize;
    pci_class->pci_unrealize = card_unrealize;
}

static Machine *machine;
static PCIBus *bus;
static int irq_levels[4];

static int map_irq(PCIDevice *device, int pin)
{
    return (int)((PCI_SLOT(pci_device_devfn(device)) + (unsigned)pin) & 3);
}

static void irq_changed(void *opaque, int n, int level)
{
    irq_levels[n] = level;
}

static void setup(void)
{
    memset(irq_levels, 0, sizeof(irq_levels));
    machine = machine_new("none", NULL);
    bus = pci_bus_new(machine, NULL, "pci.0", machine_memory_root(machine),
                      machine_io_root(machine));
    pci_bus_set_irq_handler(bus, map_irq, irq_changed, NULL, 4);
}

static PCIDevice *plug(int devfn)
{
    PCIDevice *device = pci_device_new("test-card", devfn);

    g_assert_true(device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(bus), NULL));
    return device;
}

static uint32_t address(unsigned devfn, unsigned offset)
{
    return 0x80000000u | devfn << 8 | offset;
}

static uint32_t config(PCIDevice *device, unsigned offset, unsigned size)
{
    return pci_bus_config_read(bus, address(pci_device_devfn(device), offset), size);
}

static void set_config(PCIDevice *device, unsigned offset, uint32_t value, unsigned size)
{
    pci_bus_config_write(bus, address(pci_device_devfn(device), offset), value, size);
}

static void header_is_as_the_class_says(void)
{
    PCIDevice *card;

    setup();
    card = plug(PCI_DEVFN(3, 0));
    g_assert_cmphex(config(card, PCI_VENDOR_ID, 4), ==, 0x56781234);
    g_assert_cmphex(config(card, PCI_CLASS_REVISION, 4), ==, 0x02000007);
    g_assert_cmphex(config(card, PCI_SUBSYSTEM_VENDOR_ID, 4), ==, 0x11001af4);
    g_assert_cmphex(config(card, PCI_INTERRUPT_PIN, 1), ==, 1);
    g_assert_cmphex(config(card, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, ==, PCI_STATUS_CAP_LIST);
    g_assert_cmphex(config(card, config(card, PCI_CAPABILITY_LIST, 1), 1), ==, PCI_CAP_ID_VNDR);
    g_assert_cmphex(pci_bus_config_read(bus, address(PCI_DEVFN(9, 0), 0), 4), ==, UINT32_MAX);
    g_assert_cmphex(pci_bus_config_read(bus, address(0, 0) | 1 << 16, 4), ==, UINT32_MAX);
    /* Identity is read-only. */
    set_config(card, PCI_VENDOR_ID, 0, 4);
    g_assert_cmphex(config(card, PCI_VENDOR_ID, 4), ==, 0x56781234);
    machine_destroy(machine);
}

static void bars_answer_sizing_and_decode_when_enabled(void)
{
    PCIDevice *card;

    setup();
    card = plug(PCI_DEVFN(3, 0));
    set_config(card, PCI_BASE_ADDRESS_0, UINT32_MAX, 4);
    g_assert_cmphex(config(card, PCI_BASE_ADDRESS_0, 4), ==, 0xffffffe1);
    set_config(card, PCI_BASE_ADDRESS_1, UINT32_MAX, 4);
    set_config(card, PCI_BASE_ADDRESS_2, UINT32_MAX, 4);
    g_assert_cmphex(config(card, PCI_BASE_ADDRESS_1, 4), ==, 0xfffff00c);
    g_assert_cmphex(config(card, PCI_BASE_ADDRESS_2, 4), ==, UINT32_MAX);
    /* Enabled at the sizing value: decoded nowhere. */
    set_config(card, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(pci_bar_address(card, 1), ==, UINT64_MAX);
    set_config(card, PCI_BASE_ADDRESS_0, 0xc000, 4);
    set_config(card, PCI_BASE_ADDRESS_1, 0x10000000, 4);
    set_config(card, PCI_BASE_ADDRESS_2, 2, 4);
    g_assert_cmphex(address_space_load(machine_io(machine), 0xc004, 1), ==, 0xa4);
    g_assert_cmphex(address_space_load(machine_memory(machine), 0x210000008, 1), ==, 0xa8);
    set_config(card, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    g_assert_cmphex(address_space_load(machine_io(machine), 0xc004, 1), ==, 0xff);
    g_assert_cmphex(pci_bar_address(card, 1), ==, 0x210000000);
    machine_reset(machine);
    g_assert_cmphex(config(card, PCI_COMMAND, 2), ==, 0);
    g_assert_cmphex(pci_bar_address(card, 1), ==, UINT64_MAX);
    machine_destroy(machine);
}

static void intx_is_shared_and_can_be_disabled(void)
{
    PCIDevice *a, *b;

    setup();
    a = plug(PCI_DEVFN(3, 0));
    b = plug(PCI_DEVFN(7, 0)); /* the same interrupt: 3 and 7 agree modulo 4 */
    pci_set_irq(a, 1);
    g_assert_cmpint(irq_levels[3], ==, 1);
    g_assert_cmphex(config(a, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, PCI_STATUS_INTERRUPT);
    pci_set_irq(b, 1);
    pci_set_irq(a, 0);
    g_assert_cmpint(irq_levels[3], ==, 1);
    set_config(b, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, 2);
    g_assert_cmpint(irq_levels[3], ==, 0);
    set_config(b, PCI_COMMAND, 0, 2);
    g_assert_cmpint(irq_levels[3], ==, 1);
    device_unrealize(HW_DEVICE(b));
    g_assert_cmpint(irq_levels[3], ==, 0);
    machine_destroy(machine);
}

static void addresses_are_checked(void)
{
    g_autoptr(GError) error = NULL;
    PCIDevice *device;

    setup();
    plug(PCI_DEVFN(1, 0));
    device = pci_device_new("test-card", PCI_DEVFN(1, 0));
    g_assert_false(device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(bus), &error));
    g_assert_cmpstr(error->message, ==, "PCI: slot 1 function 0 not available for test-card, in use "
                    "by test-card");
    g_clear_error(&error);
    device = pci_device_new("test-card", PCI_DEVFN(1, 1));
    g_assert_false(device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(bus), &error));
    g_clear_error(&error);
    /* Slot 2 is kept for somebody: the next free one is 3. */
    pci_bus_reserve_slot(bus, 2);
    g_assert_cmphex(pci_device_devfn(plug(-1)), ==, PCI_DEVFN(3, 0));
    for (unsigned slot = 4; slot < 32; slot++) {
        plug(-1);
    }
    device = pci_device_new("test-card", -1);
    g_assert_false(device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(bus), &error));
    g_assert_nonnull(strstr(error->message, "no slot/function available"));
    machine_destroy(machine);
}

static void dma_follows_bus_master_enable(void)
{
    MemoryRegion ram;
    PCIDevice *card;
    AddressSpace *dma;

    setup();
    g_assert_true(memory_region_init_ram(&ram, "ram", 0x1000, NULL));
    memory_region_add(machine_memory_root(machine), 0, &ram);
    card = plug(PCI_DEVFN(3, 0));
    dma = pci_device_dma(card);
    g_assert_false(address_space_write(dma, 0, "x", 1));
    set_config(card, PCI_COMMAND, PCI_COMMAND_MASTER, 2);
    g_assert_true(address_space_write(dma, 0, "x", 1));
    g_assert_cmphex(address_space_load(machine_memory(machine), 0, 1), ==, 'x');
    memory_region_destroy(&ram);
    machine_destroy(machine);
}

static void configuration_survives_save_and_load(void)
{
    g_autoptr(GVariant) saved = NULL;
    g_autoptr(GVariant) again = NULL;
    g_autoptr(GVariant) foreign =
        g_variant_ref_sink(g_variant_new_parsed("[(byte 0x18, false, false, [byte 1, 2])]"));
    g_autoptr(GError) error = NULL;
    BusClass *klass;
    PCIDevice *card;

    setup();
    card = plug(PCI_DEVFN(3, 0));
    klass = HW_BUS_GET_CLASS(bus);
    set_config(card, PCI_BASE_ADDRESS_0, 0xd000, 4);
    set_config(card, PCI_COMMAND, PCI_COMMAND_IO, 2);
    set_config(card, PCI_INTERRUPT_LINE, 11, 1);
    pci_set_irq(card, 1);
    saved = g_variant_ref_sink(klass->save(HW_BUS(bus)));
    machine_reset(machine);
    g_assert_cmpint(irq_levels[3], ==, 0);
    g_assert_true(klass->load(HW_BUS(bus), saved, &error));
    g_assert_cmphex(pci_bar_address(card, 0), ==, 0xd000);
    g_assert_cmpint(irq_levels[3], ==, 1);
    again = g_variant_ref_sink(klass->save(HW_BUS(bus)));
    g_assert_true(g_variant_equal(saved, again));
    g_assert_false(klass->load(HW_BUS(bus), foreign, &error));
    machine_destroy(machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    device_types_init();
    g_test_add_func("/pci/header_is_as_the_class_says", header_is_as_the_class_says);
    g_test_add_func("/pci/bars_answer_sizing_and_decode_when_enabled",
                    bars_answer_sizing_and_decode_when_enabled);
    g_test_add_func("/pci/intx_is_shared_and_can_be_disabled", intx_is_shared_and_can_be_disabled);
    g_test_add_func("/pci/addresses_are_checked", addresses_are_checked);
    g_test_add_func("/pci/dma_follows_bus_master_enable", dma_follows_bus_master_enable);
    g_test_add_func("/pci/configuration_survives_save_and_load",
                    configuration_survives_save_and_load);
    return g_test_run();
}
