/*
 * What the machine does to PCI when no firmware runs: BARs, windows, interrupts, RAM at
 * 0xc0000-0xfffff.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/boot_pci_setup.h"
#include "tests/unit/pc-fixture.h"

DEVICE_DECLARE(Card, card, CARD)

struct _Card {
    PCIDevice parent_instance;
    uint64_t large; /* size of its 64-bit prefetchable BAR 2-3 */
    MemoryRegion io, memory, prefetch;
};

static const MemoryRegionOps card_ops = {0};

static bool card_realize(PCIDevice *device, GError **error)
{
    Card *card = CARD(device);

    memory_region_init_io(&card->io, &card_ops, card, "card-io", 0x40);
    memory_region_init_io(&card->memory, &card_ops, card, "card-memory", 0x20000);
    memory_region_init_io(&card->prefetch, &card_ops, card, "card-prefetch", card->large);
    pci_register_bar(device, 0, PCI_BASE_ADDRESS_SPACE_IO, &card->io);
    pci_register_bar(device, 1, 0, &card->memory);
    pci_register_bar(device, 2, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH,
                     &card->prefetch);
    pci_set_interrupt_pin(device, 1);
    return true;
}

DEVICE_TYPE(Card, card, "test-boot-card", TYPE_PCI_DEVICE)

static void card_instance_init(Card *card)
{
    card->large = MiB;
}

static void card_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci_class = HW_PCI_DEVICE_CLASS(klass);

    pci_class->vendor_id = 0x1234;
    pci_class->device_id = 0x5678;
    pci_class->class_id = 0x0200;
    pci_class->pci_realize = card_realize;
}

/* A bridge with nothing behind it. */
DEVICE_DECLARE(Bridge, bridge, BRIDGE)

struct _Bridge {
    PCIDevice parent_instance;
};

static bool bridge_realize(PCIDevice *device, GError **error)
{
    pci_device_config(device)[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_BRIDGE;
    memset(pci_device_write_mask(device) + PCI_PRIMARY_BUS, 0xff, 3);
    store_le16(pci_device_write_mask(device) + PCI_IO_BASE, 0xf0f0);
    store_le32(pci_device_write_mask(device) + PCI_MEMORY_BASE, 0xfff0fff0);
    store_le32(pci_device_write_mask(device) + PCI_PREF_MEMORY_BASE, 0xfff0fff0);
    return true;
}

DEVICE_TYPE(Bridge, bridge, "test-boot-bridge", TYPE_PCI_DEVICE)

static void bridge_instance_init(Bridge *bridge)
{
}

static void bridge_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci_class = HW_PCI_DEVICE_CLASS(klass);

    pci_class->vendor_id = 0x1b36;
    pci_class->device_id = 0x0001;
    pci_class->class_id = 0x0604;
    pci_class->is_bridge = true;
    pci_class->pci_realize = bridge_realize;
}

static PCIDevice *plug(unsigned slot, uint64_t large)
{
    PCIDevice *device = pci_device_new("test-boot-card", PCI_DEVFN(slot, 0));

    CARD(device)->large = large;
    fixture_plug(HW_DEVICE(device), HW_BUS(platform.pci_root));
    return device;
}

static uint32_t config(unsigned devfn, unsigned reg, unsigned size)
{
    return pci_bus_config_read(platform.pci_root, 0x80000000u | devfn << 8 | reg, size);
}

static void every_bar_has_a_place_of_its_own(void)
{
    struct {
        uint64_t start, end;
    } taken[16];
    unsigned count = 0;

    pc_setup();
    for (unsigned slot = 2; slot < 6; slot++) {
        plug(slot, slot == 4 ? 64 * MiB : MiB);
    }
    boot_pci_setup(&platform);
    for (unsigned slot = 2; slot < 6; slot++) {
        PCIDevice *card = pci_bus_device(platform.pci_root, PCI_DEVFN(slot, 0));
        uint64_t io = pci_bar_address(card, 0), memory = pci_bar_address(card, 1);
        uint64_t prefetch = pci_bar_address(card, 2);

        g_assert_cmphex(io, >=, 0xc000);
        g_assert_cmphex(io, <=, 0xffc0);
        g_assert_cmphex(io & 0x3f, ==, 0);
        g_assert_cmphex(memory, >=, 0xe0000000);
        g_assert_cmphex(memory, <, 0xfec00000);
        g_assert_cmphex(memory & 0x1ffff, ==, 0);
        g_assert_cmphex(prefetch & (CARD(card)->large - 1), ==, 0);
        taken[count].start = memory;
        taken[count++].end = memory + 0x20000;
        taken[count].start = prefetch;
        taken[count++].end = prefetch + CARD(card)->large;
        for (unsigned i = 0; i < count; i++) {
            for (unsigned j = 0; j < i; j++) {
                g_assert_true(taken[i].end <= taken[j].start || taken[j].end <= taken[i].start);
            }
        }
    }
    pc_teardown();
}

static void large_bars_go_above_4_gib_when_they_must(void)
{
    PCIDevice *small, *large;

    pc_setup();
    platform.ram_above_4g = 3 * GiB + MiB;
    small = plug(2, MiB);
    large = plug(3, 4 * GiB);
    boot_pci_setup(&platform);
    g_assert_cmphex(pci_bar_address(large, 2), ==, 8 * GiB);
    g_assert_cmphex(pci_bar_address(small, 2), >=, 8 * GiB);
    g_assert_cmphex(pci_bar_address(large, 1), <, 0xfec00000);
    /* And not beyond RAM when they need not. */
    pc_teardown();
    pc_setup();
    large = plug(3, GiB);
    boot_pci_setup(&platform);
    g_assert_cmphex(pci_bar_address(large, 2), <, 0xfec00000);
    g_assert_cmphex(pci_bar_address(large, 2), >=, PC_RAM);
    pc_teardown();
}

static void interrupt_lines_follow_the_links(void)
{
    static const uint8_t irqs[] = {10, 10, 11, 11};

    pc_setup();
    for (unsigned slot = 2; slot < 10; slot++) {
        plug(slot, MiB);
    }
    boot_pci_setup(&platform);
    for (unsigned slot = 2; slot < 10; slot++) {
        g_assert_cmpuint(config(PCI_DEVFN(slot, 0), PCI_INTERRUPT_LINE, 1), ==,
                         irqs[(slot + 3) & 3]);
    }
    /* The PIIX3's own registers say the same, and the lines are level-triggered. */
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpuint(config(PCI_DEVFN(1, 0), 0x60 + i, 1), ==, irqs[i]);
    }
    pc_teardown();
}

static void the_bios_segments_are_ram(void)
{
    uint64_t shadow;

    pc_setup();
    boot_pci_setup(&platform);
    for (shadow = 0xc0000; shadow < 0x100000; shadow += 0x4000) {
        writel(shadow, (uint32_t)shadow ^ 0x5a5a5a5a);
    }
    for (shadow = 0xc0000; shadow < 0x100000; shadow += 0x4000) {
        g_assert_cmphex(readl(shadow), ==, (uint32_t)shadow ^ 0x5a5a5a5a);
    }
    pc_teardown();
}

static void a_second_reset_gives_the_same(void)
{
    uint64_t memory, io;
    PCIDevice *card;

    pc_setup();
    card = plug(4, MiB);
    boot_pci_setup(&platform);
    memory = pci_bar_address(card, 1);
    io = pci_bar_address(card, 0);
    g_assert_cmphex(memory, !=, UINT64_MAX);
    machine_reset(machine);
    g_assert_cmphex(pci_bar_address(card, 1), ==, UINT64_MAX);
    boot_pci_setup(&platform);
    g_assert_cmphex(pci_bar_address(card, 1), ==, memory);
    g_assert_cmphex(pci_bar_address(card, 0), ==, io);
    pc_teardown();
}

static void an_empty_bridge_is_numbered_and_closed(void)
{
    unsigned bridge = PCI_DEVFN(6, 0);

    pc_setup();
    fixture_plug(HW_DEVICE(pci_device_new("test-boot-bridge", bridge)), HW_BUS(platform.pci_root));
    plug(7, MiB);
    boot_pci_setup(&platform);
    g_assert_cmpuint(config(bridge, PCI_PRIMARY_BUS, 1), ==, 0);
    g_assert_cmpuint(config(bridge, PCI_SECONDARY_BUS, 1), ==, 1);
    g_assert_cmpuint(config(bridge, PCI_SUBORDINATE_BUS, 1), ==, 1);
    g_assert_cmphex(config(bridge, PCI_IO_BASE, 1), >, config(bridge, PCI_IO_LIMIT, 1));
    g_assert_cmphex(config(bridge, PCI_MEMORY_BASE, 2), >, config(bridge, PCI_MEMORY_LIMIT, 2));
    g_assert_cmphex(config(bridge, PCI_PREF_MEMORY_BASE, 2), >,
                    config(bridge, PCI_PREF_MEMORY_LIMIT, 2));
    g_assert_cmphex(pci_bar_address(pci_bus_device(platform.pci_root, PCI_DEVFN(7, 0)), 1), !=,
                    UINT64_MAX);
    pc_teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/boot-pci/every-bar-has-a-place-of-its-own", every_bar_has_a_place_of_its_own);
    g_test_add_func("/boot-pci/large-bars-go-above-4-gib-when-they-must",
                    large_bars_go_above_4_gib_when_they_must);
    g_test_add_func("/boot-pci/interrupt-lines-follow-the-links", interrupt_lines_follow_the_links);
    g_test_add_func("/boot-pci/the-bios-segments-are-ram", the_bios_segments_are_ram);
    g_test_add_func("/boot-pci/a-second-reset-gives-the-same", a_second_reset_gives_the_same);
    g_test_add_func("/boot-pci/an-empty-bridge-is-numbered-and-closed",
                    an_empty_bridge_is_numbered_and_closed);
    return g_test_run();
}
