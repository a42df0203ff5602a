/*
 * Intel 82371SB (PIIX3) function 0. ELCR lives with the 8259s, as their trigger mode is theirs to know.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/isa/piix3.h"

#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "util/bytes.h"

#define PIRQ_ROUTE        0x60 /* PIRQRC[A:D] */
#define PIRQ_COUNT        4
#define PIRQ_DISABLED     0x80
#define RESET_CPU         0x04 /* RCPU: a rise starts the reset */
#define RESET_HARD        0x02 /* SRST */

struct _PIIX3 {
    PCIDevice parent_instance;
    I440FX *host;
    ISABus *isa;
    uint8_t reset_control;
    uint16_t isa_levels; /* what the PIRQs drive now */
    IRQLine *isa_lines[ISA_IRQ_COUNT];
};

/* ---- PIRQ ---- */

int piix3_pirq_route(PIIX3 *bridge, unsigned n)
{
    uint8_t route = pci_device_config(&bridge->parent_instance)[PIRQ_ROUTE + n];

    return route & PIRQ_DISABLED ? -1 : route & 0x0f;
}

/* Each ISA line is the OR of the PIRQs routed to it. */
static void drive_lines(PIIX3 *bridge)
{
    PCIBus *bus = pci_device_bus(&bridge->parent_instance);
    uint16_t levels = 0;
    uint16_t changed;

    for (unsigned n = 0; n < PIRQ_COUNT; n++) {
        int line = piix3_pirq_route(bridge, n);
        if (line >= 0 && pci_bus_irq_level(bus, n)) {
            levels |= (uint16_t)(1u << line);
        }
    }
    changed = levels ^ bridge->isa_levels;
    bridge->isa_levels = levels;
    for (unsigned line = 0; changed; line++, changed >>= 1) {
        if (changed & 1) {
            irq_set(bridge->isa_lines[line], (levels >> line) & 1);
        }
    }
}

static void pirq_changed(void *opaque, int n G_GNUC_UNUSED, int level G_GNUC_UNUSED)
{
    drive_lines(opaque);
}

/* The board's wiring: INTA of slot s is PIRQ (s - 1) mod 4, the other pins follow. */
static int map_pirq(PCIDevice *device, int pin)
{
    return (int)((PCI_SLOT(pci_device_devfn(device)) - 1 + (unsigned)pin) & 3);
}

static void piix3_config_write(PCIDevice *device, uint32_t address, uint32_t value, unsigned size)
{
    pci_default_config_write(device, address, value, size);
    if (address < PIRQ_ROUTE + PIRQ_COUNT && address + size > PIRQ_ROUTE) {
        drive_lines(HW_PIIX3(device));
    }
}

/* ---- reset control, port 0xcf9 ---- */

static uint64_t reset_control_read(void *opaque, hwaddr offset G_GNUC_UNUSED,
                                   unsigned size G_GNUC_UNUSED)
{
    return ((PIIX3 *)opaque)->reset_control;
}

static void reset_control_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value,
                                unsigned size G_GNUC_UNUSED)
{
    PIIX3 *bridge = opaque;

    if (value & RESET_CPU) {
        run_state_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    }
    bridge->reset_control = (uint8_t)value & RESET_HARD;
}

static const MemoryRegionOps reset_control_ops = {
    .read = reset_control_read,
    .write = reset_control_write,
};

/* ---- life ---- */

/* Power-on values of the writable registers, with the bits a guest may change. */
static const struct {
    uint8_t offset, value, mask;
} registers[] = {
    {0x4c, 0x4d, 0xff}, /* ISA I/O recovery timer */
    {0x4e, 0x03, 0xff}, {0x4f, 0x00, 0x01}, /* X-bus chip select */
    {0x60, 0x80, 0x8f}, {0x61, 0x80, 0x8f}, {0x62, 0x80, 0x8f}, {0x63, 0x80, 0x8f}, /* PIRQRC */
    {0x69, 0x02, 0xfe}, /* top of memory */
    {0x6a, 0x00, 0x00}, {0x70, 0x80, 0xef}, {0x71, 0x80, 0xef}, /* motherboard interrupts */
    {0x76, 0x0c, 0x8f}, {0x77, 0x0c, 0x8f}, /* motherboard DMA */
    {0x78, 0x02, 0xff}, {0x79, 0x00, 0xff}, /* chip select */
    {0x80, 0x00, 0x7f}, {0x82, 0x00, 0x0f}, /* APIC base, deterministic latency */
    {0xa0, 0x08, 0x1f}, {0xa2, 0x00, 0xff}, {0xa3, 0x00, 0x20}, {0xa4, 0x00, 0xff},
    {0xa5, 0x00, 0xff}, {0xa6, 0x00, 0xff}, {0xa7, 0x00, 0x20}, {0xa8, 0x0f, 0xff},
    {0xaa, 0x00, 0xff}, {0xab, 0x00, 0x03}, {0xac, 0x00, 0xff}, {0xae, 0x00, 0xff}, /* SMI */
};

static bool piix3_realize(PCIDevice *device, GError **error G_GNUC_UNUSED)
{
    PIIX3 *bridge = HW_PIIX3(device);
    Machine *machine = device_get_machine(HW_DEVICE(device));
    uint8_t *config = pci_device_config(device);
    uint8_t *mask = pci_device_write_mask(device);

    for (guint i = 0; i < G_N_ELEMENTS(registers); i++) {
        config[registers[i].offset] = registers[i].value;
        mask[registers[i].offset] = registers[i].mask;
    }
    store_le16(config + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                         PCI_COMMAND_SPECIAL);
    store_le16(mask + PCI_COMMAND, 0);
    store_le16(config + PCI_STATUS, PCI_STATUS_DEVSEL_MEDIUM);
    bridge->isa = isa_bus_new(machine, HW_DEVICE(device), machine_memory_root(machine),
                              machine_io_root(machine));
    pci_bus_set_irq_handler(pci_device_bus(device), map_pirq, pirq_changed, bridge, PIRQ_COUNT);
    i440fx_set_reset_control(bridge->host, &reset_control_ops, bridge);
    return true;
}

static void piix3_reset(Device *device)
{
    PIIX3 *bridge = HW_PIIX3(device);

    bridge->reset_control = 0;
    drive_lines(bridge);
}

static bool piix3_post_load(Device *device, GError **error G_GNUC_UNUSED)
{
    PIIX3 *bridge = HW_PIIX3(device);

    bridge->reset_control &= RESET_HARD;
    return true;
}

static const SavedField piix3_fields[] = {
    SAVED(PIIX3, reset_control),
    SAVED(PIIX3, isa_levels),
};

DEVICE_TYPE(PIIX3, piix3, "PIIX3", TYPE_PCI_DEVICE)

static void piix3_instance_init(PIIX3 *bridge)
{
    device_init_irq_out(HW_DEVICE(bridge), NULL, bridge->isa_lines, ISA_IRQ_COUNT);
}

static void piix3_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci_class = HW_PCI_DEVICE_CLASS(klass);

    klass->description = "ISA bridge";
    klass->category = DEVICE_CATEGORY_BRIDGE;
    klass->reset = piix3_reset;
    klass->saved_fields = piix3_fields;
    klass->saved_field_count = G_N_ELEMENTS(piix3_fields);
    klass->post_load = piix3_post_load;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x7000;
    pci_class->class_id = 0x0601;
    pci_class->pci_realize = piix3_realize;
    pci_class->config_write = piix3_config_write;
}

PIIX3 *piix3_new(Machine *machine, I440FX *host, int devfn, GError **error)
{
    PCIDevice *device = pci_device_new("PIIX3", devfn);
    PIIX3 *bridge = HW_PIIX3(device);

    bridge->host = host;
    device->multifunction = true;
    device_set_path(HW_DEVICE(device), "/machine/piix3");
    if (!device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(i440fx_bus(host)), error)) {
        return NULL;
    }
    return bridge;
}

ISABus *piix3_isa_bus(PIIX3 *bridge)
{
    return bridge->isa;
}
