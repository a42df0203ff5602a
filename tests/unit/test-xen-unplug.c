/*
 * What a Xen guest unplugs: which devices go by which bit, that they are gone when the port write
 * is done, that their images are whole and free, and that reset puts everything back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-platform-fixture.h"

/* ---- IDE ---- */

static void add_all_drives(void)
{
    char node[16];

    make_image("disk0", 1 * MiB);
    make_image("disk1", 1 * MiB);
    make_image("disk2", 1 * MiB);
    make_image("cd", 1 * MiB);
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *name = g_strdup_printf("disk%u", i);

        add_node(name, NULL, node);
        add_drive_on("ide-hd", i / 2, i % 2, node, NULL);
    }
    add_node("cd", ",read-only=on", node);
    add_drive_on("ide-cd", 1, 1, node, NULL);
}

/* Bit 2 * channel + unit: what the guest sees of the four drives. */
static unsigned drives_seen(void)
{
    unsigned seen = 0;

    for (unsigned i = 0; i < 4; i++) {
        uint16_t base = i < 2 ? PRIMARY : SECONDARY;

        outb(base + 6, i & 1 ? 0xb0 : 0xa0);
        outb(base + 2, 0x55);
        seen |= (inb(base + 2) == 0x55 ? 1u : 0) << i;
    }
    return seen;
}

static void disks_go_by_mask_and_reset_puts_them_back(void)
{
    static const struct {
        uint16_t mask;
        unsigned left;
    } rows[] = {
        {0, 0xf},   {NICS | NVME, 0xf}, {0xfff0, 0xf},     {DISKS, 0x8},
        {AUX, 0x9}, {DISKS | AUX, 0x8}, {AUX | NICS, 0x9}, {0xffff, 0x8},
    };

    setup_platform();
    add_all_drives();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmphex(drives_seen(), ==, 0xf);
        unplug(rows[i].mask);
        g_assert_cmphex(drives_seen(), ==, rows[i].left);
        unplug(rows[i].mask);
        g_assert_cmphex(drives_seen(), ==, rows[i].left);
        machine_reset(machine);
        as_firmware();
    }
    g_assert_cmphex(drives_seen(), ==, 0xf);
    /* One after the other, as two drivers of one guest may. */
    unplug(AUX);
    unplug(DISKS);
    g_assert_cmphex(drives_seen(), ==, 0x8);
    teardown();
}

static void legacy_ports_unplug_too(void)
{
    static const struct {
        uint16_t port;
        uint8_t value;
        unsigned left;
        bool nic_left;
    } rows[] = {
        {4, 1, 0x8, false}, {4, 2, 0xf, true},   {8, 1, 0x8, true},
        {8, 2, 0xf, false}, {8, 'x', 0xf, true}, {12, 1, 0xf, true},
    };
    Card *nic;

    setup_platform();
    add_all_drives();
    nic = plug_card("test-card", "0x200", pci);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        set_config_of(platform_device(), PCI_BASE_ADDRESS_0, 0xd000, 4);
        outb(0xd000 + rows[i].port, rows[i].value);
        g_assert_cmphex(drives_seen(), ==, rows[i].left);
        g_assert_cmpint(pci_device_is_unplugged(HW_PCI_DEVICE(nic)), ==, !rows[i].nic_left);
        machine_reset(machine);
        as_firmware();
    }
    set_config_of(platform_device(), PCI_BASE_ADDRESS_0, 0xd000, 4);
    outb(0xd000, 1);
    g_assert_cmphex(inb(0xd000), ==, 1);
    g_assert_cmphex(inb(0x10), ==, 1);
    g_assert_cmphex(inb(0xd001), ==, 0xff);
    g_assert_cmphex(in_port(0xd000, 2), ==, 0xffff);
    out_port(0xd004, 1, 4);
    g_assert_cmphex(drives_seen(), ==, 0xf);
    teardown();
}

/* What the guest wrote by IDE is in the file, and another may write it, when the port write is
 * done. */
static void image_is_free_and_whole_after_the_port_write(void)
{
    uint8_t sector[512];
    g_autofree uint8_t *bytes = NULL;
    BlockBackend *other;
    char node[16];
    GError *error = NULL;

    setup_platform();
    make_image("disk", 1 * MiB);
    add_node("disk", NULL, node);
    add_drive_on("ide-hd", 0, 0, node, NULL);
    memset(sector, 0x5a, sizeof(sector));
    send_command(PRIMARY, 0x30, (Command){.lba = 7, .count = 1});
    write_blocks(PRIMARY, sector, sizeof(sector), sizeof(sector));
    check_done(PRIMARY);
    unplug(DISKS);
    other = block_backend_attach(node, "other", (BlockPermissions){.write = true, .resize = true},
                                 &error);
    g_assert_no_error(error);
    bytes = read_image("disk", 7 * 512, 512);
    g_assert_cmpmem(bytes, 512, sector, 512);
    block_backend_detach(other);
    machine_reset(machine);
    as_firmware();
    send_command(PRIMARY, 0x20, (Command){.lba = 7, .count = 1});
    memset(sector, 0, sizeof(sector));
    read_blocks(PRIMARY, sector, sizeof(sector), sizeof(sector));
    g_assert_cmpmem(bytes, 512, sector, 512);
    teardown();
}

/* A request under way does not keep the image; who takes it is told when it is free. */
static char taken_node[16];
static BlockBackend *taker;
static unsigned told;

static void take_image(void *opaque)
{
    GError *error = NULL;

    g_assert_true(opaque == platform);
    told++;
    taker = block_backend_attach(taken_node, "xvda",
                                 (BlockPermissions){.write = true, .resize = true}, &error);
    g_assert_no_error(error);
}

static void handler_finds_the_image_free(void)
{
    setup_platform();
    make_image("disk", 1 * MiB);
    add_node("disk", NULL, taken_node);
    add_drive_on("ide-hd", 0, 0, taken_node, NULL);
    xen_platform_set_unplug_handler(platform, take_image, platform);
    told = 0;
    unplug(NICS);
    g_assert_cmpuint(told, ==, 0);
    for (unsigned i = 0; i < 20; i++) {
        send_command(PRIMARY, 0x20, (Command){.lba = 0, .count = 200});
        unplug(DISKS);
        g_assert_cmpuint(told, ==, i + 1);
        unplug(DISKS);
        g_assert_cmpuint(told, ==, i + 1);
        block_backend_detach(taker);
        machine_reset(machine);
        as_firmware();
    }
    teardown();
}

/* As a vCPU does it: a thread with the machine lock, while the main loop waits and requests are in
 * flight. */
static gpointer vcpu(gpointer opaque)
{
    int *seen = opaque;

    machine_lock();
    send_command(PRIMARY, 0x20, (Command){.lba = 0, .count = 200});
    unplug(DISKS);
    *seen = (int)drives_seen();
    machine_unlock();
    g_main_context_wakeup(NULL);
    return NULL;
}

static void a_vcpu_may_unplug_beside_the_main_loop(void)
{
    int seen = -1;

    setup_platform();
    add_all_drives();
    machine_lock_attach_main_context();
    for (unsigned i = 0; i < 50; i++) {
        GThread *thread = g_thread_new("vcpu", vcpu, &seen);

        seen = -1;
        while (seen < 0) {
            g_main_context_iteration(NULL, TRUE);
        }
        machine_unlock();
        g_thread_join(thread);
        machine_lock();
        g_assert_cmphex((unsigned)seen, ==, 0x8);
        block_drain_all();
        machine_reset(machine);
        as_firmware();
        g_assert_cmphex(drives_seen(), ==, 0xf);
    }
    teardown();
}

/* ---- PCI ---- */

static void cards_go_by_class(void)
{
    static const struct {
        const char *type, *class_id;
        uint16_t mask; /* 0: stays */
    } rows[] = {
        {"test-card", "0x100", DISKS},  {"test-card", "0x200", NICS},
        {"test-card", "0x108", NVME},   {"test-card", "0x300", 0},
        {"test-host-card", "0x200", 0}, {"test-host-card", "0x100", 0},
        {"test-host-card", "0x108", 0}, {"test-card", "0x280", 0},
    };
    Card *cards[G_N_ELEMENTS(rows)];

    setup_platform();
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        cards[i] = plug_card(rows[i].type, rows[i].class_id, pci);
    }
    for (unsigned mask = 0; mask < 16; mask++) {
        unplug((uint16_t)mask);
        for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
            bool gone = mask & rows[i].mask;

            g_assert_cmphex(config_of(HW_PCI_DEVICE(cards[i]), PCI_VENDOR_ID, 4), ==,
                            gone ? UINT32_MAX : 0x56781234);
        }
        machine_reset(machine);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpuint(cards[i]->went, ==, rows[i].mask ? 8 : 0);
        g_assert_cmpuint(cards[i]->came, ==, cards[i]->went);
        g_assert_cmphex(config_of(HW_PCI_DEVICE(cards[i]), PCI_VENDOR_ID, 4), ==, 0x56781234);
    }
    teardown();
}

static void a_card_that_is_gone_does_nothing(void)
{
    Card *nic;
    PCIDevice *device;
    AddressSpace *dma;

    setup_platform();
    nic = plug_card("test-card", "0x200", pci);
    device = HW_PCI_DEVICE(nic);
    dma = pci_device_dma(device);
    for (unsigned i = 0; i < 3; i++) {
        set_config_of(device, PCI_BASE_ADDRESS_0, 0xe000, 4);
        set_config_of(device, PCI_BASE_ADDRESS_1, 0xf2000000, 4);
        set_config_of(device, PCI_COMMAND, 7, 2);
        pci_set_irq(device, 1);
        g_assert_cmpint(intx[map_intx(device, 0)], ==, 1);
        g_assert_cmphex(in_port(0xe004, 1), ==, 0xa4);
        g_assert_true(address_space_write(dma, 0x1000, "x", 1));
        unplug(NICS);
        g_assert_cmpint(intx[map_intx(device, 0)], ==, 0);
        g_assert_cmphex(in_port(0xe004, 1), ==, 0xff);
        g_assert_cmphex(address_space_load(machine_memory(machine), 0xf2000004, 1), ==, 0xff);
        g_assert_false(address_space_write(dma, 0x1000, "y", 1));
        g_assert_cmphex(config_of(device, PCI_CLASS_DEVICE, 2) & 0xffff, ==, 0xffff);
        /* Writes to where it was, and what its own side does, change nothing. */
        set_config_of(device, PCI_COMMAND, 7, 2);
        pci_set_irq(device, 0);
        pci_set_irq(device, 1);
        g_assert_cmpint(intx[map_intx(device, 0)], ==, 0);
        machine_reset(machine);
        g_assert_cmphex(config_of(device, PCI_VENDOR_ID, 4), ==, 0x56781234);
        g_assert_cmphex(config_of(device, PCI_COMMAND, 2), ==, 0);
        g_assert_cmpint(intx[map_intx(device, 0)], ==, 0);
    }
    /* Taken out for good while it is unplugged. */
    set_config_of(device, PCI_COMMAND, 7, 2);
    pci_set_irq(device, 1);
    unplug(NICS);
    device_unrealize(HW_DEVICE(nic));
    g_assert_cmpint(intx[0] | intx[1] | intx[2] | intx[3], ==, 0);
    teardown();
}

static void cards_behind_a_bridge_go_too(void)
{
    Card *bridge, *nic;
    PCIBus *behind;

    setup_platform();
    bridge = plug_card("test-card", "0x604", pci);
    behind = pci_bus_new(machine, HW_DEVICE(bridge), "pci.1", machine_memory_root(machine),
                         machine_io_root(machine));
    nic = plug_card("test-card", "0x200", behind);
    unplug(NICS);
    g_assert_cmphex(config_of(HW_PCI_DEVICE(nic), PCI_VENDOR_ID, 4), ==, UINT32_MAX);
    g_assert_cmphex(config_of(HW_PCI_DEVICE(bridge), PCI_VENDOR_ID, 4), ==, 0x56781234);
    machine_reset(machine);
    g_assert_cmphex(config_of(HW_PCI_DEVICE(nic), PCI_VENDOR_ID, 4), ==, 0x56781234);
    teardown();
}
/* ---- soft reset ---- */

/* kexec: no firmware runs, so the cards are where they were; the new kernel finds the disks. */
static void the_next_kernel_finds_everything_again(void)
{
    Card *nic;
    PCIDevice *device;

    setup_platform();
    add_all_drives();
    nic = plug_card("test-card", "0x200", pci);
    device = HW_PCI_DEVICE(nic);
    set_config_of(device, PCI_BASE_ADDRESS_0, 0xe000, 4);
    set_config_of(device, PCI_COMMAND, 1, 2);
    for (unsigned i = 0; i < 5; i++) {
        outb(0x10, 1);
        unplug(DISKS | NICS);
        g_assert_cmphex(drives_seen(), ==, 0x8);
        g_assert_cmphex(in_port(0xe004, 1), ==, 0xff);
        xen_platform_soft_reset(platform);
        g_assert_cmphex(drives_seen(), ==, 0xf);
        g_assert_cmphex(in_port(0xe004, 1), ==, 0xa4);
        g_assert_cmphex(inb(0x10), ==, 0);
        g_assert_cmpuint(nic->came, ==, i + 1);
    }
    teardown();
}

int main(int argc, char **argv)
{
    ide_test_init(&argc, &argv);
    g_test_add_func("/xen-unplug/disks", disks_go_by_mask_and_reset_puts_them_back);
    g_test_add_func("/xen-unplug/legacy", legacy_ports_unplug_too);
    g_test_add_func("/xen-unplug/flushes", image_is_free_and_whole_after_the_port_write);
    g_test_add_func("/xen-unplug/handler", handler_finds_the_image_free);
    g_test_add_func("/xen-unplug/from-vcpu", a_vcpu_may_unplug_beside_the_main_loop);
    g_test_add_func("/xen-unplug/cards", cards_go_by_class);
    g_test_add_func("/xen-unplug/card-that-is-gone", a_card_that_is_gone_does_nothing);
    g_test_add_func("/xen-unplug/bridge", cards_behind_a_bridge_go_too);
    g_test_add_func("/xen-unplug/soft-reset", the_next_kernel_finds_everything_again);
    return g_test_run();
}
