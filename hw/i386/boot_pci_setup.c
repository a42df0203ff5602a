/*
 * PCI as firmware leaves it, for boots without firmware.
 *
 * First every bus is scanned (numbers for the buses, a list of what its BARs and bridges need),
 * then addresses are given out, the largest alignment first, so that nothing is lost between them.
 *
 * Source: PCI Local Bus 3.0 chapter 6; PCI-to-PCI Bridge 1.2 chapter 3; Intel 82441FX, 82371SB,
 * 82371AB data sheets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/boot_pci_setup.h"

#include <inttypes.h>

#include "util/bytes.h"
#include "util/log.h"

#define CONFIG_ENABLE (1u << 31)
#define IO_START      0xc000u
#define IO_END        0x10000u
#define MEMORY_START  0xe0000000u /* as this board's firmware has it, if RAM and sizes allow */
#define MEMORY_END    PC_IOAPIC_BASE
#define MAX_DEPTH     8     /* bridges behind bridges */
#define BAR_PAGE      4096u /* no two memory BARs share a page */
#define BRIDGE_IO     0x1000u
#define BRIDGE_MEMORY 0x100000u

#define VENDOR_INTEL     0x8086
#define DEVICE_I440FX    0x1237
#define DEVICE_PIIX3     0x7000
#define DEVICE_PIIX3_IDE 0x7010
#define DEVICE_PIIX4_PM  0x7113

#define ELCR_PORT 0x4d0

typedef enum { KIND_IO, KIND_MEMORY, KIND_PREFETCH, KIND_COUNT } ResourceKind;
typedef enum { ANY_WIDTH, ONLY_32_BIT, ONLY_64_BIT } WidthFilter;

typedef struct SetupBus SetupBus;

/* What a BAR, or all that is behind a bridge, needs. */
typedef struct {
    uint8_t devfn;
    unsigned reg;     /* of the BAR */
    SetupBus *behind; /* or the bus whose bridge window it is */
    bool is_64;
    uint64_t size, align;
} Resource;

struct SetupBus {
    unsigned number, depth;
    SetupBus *parent;
    uint8_t bridge;     /* devfn on @parent */
    bool wide_prefetch; /* the bridge's prefetchable window takes 64-bit addresses */
    GArray *resources[KIND_COUNT];
};

typedef struct {
    const PcPlatform *platform;
    PCIBus *root;
    GPtrArray *buses; /* SetupBus by number */
} Setup;

static const uint8_t link_irqs[PCI_PIN_COUNT] = {10, 10, 11, 11};

/* ---- configuration space ---- */

static uint32_t config_address(const SetupBus *bus, uint8_t devfn, unsigned reg)
{
    return CONFIG_ENABLE | bus->number << 16 | (uint32_t)devfn << 8 | reg;
}

static uint32_t config_read(const Setup *setup, const SetupBus *bus, uint8_t devfn, unsigned reg,
                            unsigned size)
{
    return pci_bus_config_read(setup->root, config_address(bus, devfn, reg), size);
}

static void config_write(const Setup *setup, const SetupBus *bus, uint8_t devfn, unsigned reg,
                         uint32_t value, unsigned size)
{
    pci_bus_config_write(setup->root, config_address(bus, devfn, reg), value, size);
}

static void bus_free(gpointer data)
{
    SetupBus *bus = data;

    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        g_array_unref(bus->resources[kind]);
    }
    g_free(bus);
}

static SetupBus *bus_new(Setup *setup, SetupBus *parent, uint8_t bridge)
{
    SetupBus *bus = g_new0(SetupBus, 1);

    bus->number = setup->buses->len;
    bus->parent = parent;
    bus->depth = parent ? parent->depth + 1 : 0;
    bus->bridge = bridge;
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        bus->resources[kind] = g_array_new(FALSE, FALSE, sizeof(Resource));
    }
    g_ptr_array_add(setup->buses, bus);
    return bus;
}

/* ---- scan ---- */

static uint64_t bar_size(const Setup *setup, const SetupBus *bus, uint8_t devfn, unsigned reg,
                         uint32_t *flags, bool *is_64)
{
    uint64_t value, mask = PCI_BASE_ADDRESS_MEM_MASK;

    *flags = config_read(setup, bus, devfn, reg, 4);
    config_write(setup, bus, devfn, reg, UINT32_MAX, 4);
    value = config_read(setup, bus, devfn, reg, 4);
    config_write(setup, bus, devfn, reg, 0, 4);
    *is_64 = false;
    if (value == 0) {
        return 0;
    }
    if (*flags & PCI_BASE_ADDRESS_SPACE_IO) {
        value &= PCI_BASE_ADDRESS_IO_MASK & 0xffff;
        return value ? -value & 0xffff : 0;
    }
    *is_64 = (*flags & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
    if (*is_64) {
        config_write(setup, bus, devfn, reg + 4, UINT32_MAX, 4);
        value |= (uint64_t)config_read(setup, bus, devfn, reg + 4, 4) << 32;
        config_write(setup, bus, devfn, reg + 4, 0, 4);
    } else {
        value |= (uint64_t)UINT32_MAX << 32;
    }
    return -(value & mask);
}

static void scan_bars(Setup *setup, SetupBus *bus, uint8_t devfn, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        Resource resource = {.devfn = devfn, .reg = PCI_BASE_ADDRESS_0 + 4 * i};
        ResourceKind kind;
        uint32_t flags;

        resource.size = bar_size(setup, bus, devfn, resource.reg, &flags, &resource.is_64);
        i += resource.is_64;
        if (resource.size == 0 || (resource.size & (resource.size - 1)) != 0) {
            continue;
        }
        resource.align =
            flags & PCI_BASE_ADDRESS_SPACE_IO ? resource.size : MAX(resource.size, BAR_PAGE);
        kind = flags & PCI_BASE_ADDRESS_SPACE_IO       ? KIND_IO
               : flags & PCI_BASE_ADDRESS_MEM_PREFETCH ? KIND_PREFETCH
                                                       : KIND_MEMORY;
        g_array_append_val(bus->resources[kind], resource);
    }
}

static void scan_bus(Setup *setup, SetupBus *bus);

static void scan_bridge(Setup *setup, SetupBus *bus, uint8_t devfn)
{
    SetupBus *behind;

    if (bus->depth >= MAX_DEPTH || setup->buses->len > UINT8_MAX) {
        return;
    }
    behind = bus_new(setup, bus, devfn);
    behind->wide_prefetch = (config_read(setup, bus, devfn, PCI_PREF_MEMORY_BASE, 2) &
                             PCI_PREF_RANGE_TYPE_MASK) == PCI_PREF_RANGE_TYPE_64;
    config_write(setup, bus, devfn, PCI_PRIMARY_BUS, bus->number, 1);
    config_write(setup, bus, devfn, PCI_SECONDARY_BUS, behind->number, 1);
    config_write(setup, bus, devfn, PCI_SUBORDINATE_BUS, UINT8_MAX, 1);
    scan_bus(setup, behind);
    config_write(setup, bus, devfn, PCI_SUBORDINATE_BUS, setup->buses->len - 1, 1);
}

static unsigned resource_count(const SetupBus *bus)
{
    return bus->resources[KIND_IO]->len + bus->resources[KIND_MEMORY]->len +
           bus->resources[KIND_PREFETCH]->len;
}

/* Decoding is off while BARs are sized, and comes back where one gets an address. */
static void scan_function(Setup *setup, SetupBus *bus, uint8_t devfn, uint8_t type)
{
    uint32_t command = config_read(setup, bus, devfn, PCI_COMMAND, 2);
    unsigned before = resource_count(bus);

    config_write(setup, bus, devfn, PCI_COMMAND, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY),
                 2);
    if ((type & 0x7f) == PCI_HEADER_TYPE_NORMAL) {
        scan_bars(setup, bus, devfn, 6);
    } else if ((type & 0x7f) == PCI_HEADER_TYPE_BRIDGE) {
        scan_bars(setup, bus, devfn, 2);
        scan_bridge(setup, bus, devfn);
    }
    if (resource_count(bus) == before) {
        config_write(setup, bus, devfn, PCI_COMMAND, command, 2);
    }
}

static void scan_bus(Setup *setup, SetupBus *bus)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        uint8_t type;

        if (config_read(setup, bus, devfn, PCI_VENDOR_ID, 2) == 0xffff) {
            devfn |= PCI_FUNC(devfn) == 0 ? 7 : 0; /* no function 0: no device */
            continue;
        }
        type = config_read(setup, bus, devfn, PCI_HEADER_TYPE, 1);
        scan_function(setup, bus, devfn, type);
        if (PCI_FUNC(devfn) == 0 && !(type & 0x80)) {
            devfn |= 7;
        }
    }
}

/* ---- sizes of what is behind bridges ---- */

static int larger_alignment_first(gconstpointer a, gconstpointer b)
{
    uint64_t left = ((const Resource *)a)->align, right = ((const Resource *)b)->align;

    return left > right ? -1 : left < right;
}

/* The bytes @resources take from an address that is aligned as the first of them wants. */
static uint64_t total_size(const GArray *resources)
{
    uint64_t size = 0;

    for (unsigned i = 0; i < resources->len; i++) {
        const Resource *resource = &g_array_index(resources, Resource, i);

        size = ((size + resource->align - 1) & ~(resource->align - 1)) + resource->size;
    }
    return size;
}

static bool all_64(const GArray *resources)
{
    for (unsigned i = 0; i < resources->len; i++) {
        if (!g_array_index(resources, Resource, i).is_64) {
            return false;
        }
    }
    return true;
}

/* The innermost buses have the highest numbers, so that each is complete when its parent asks. */
static void sum_bridges(Setup *setup)
{
    for (unsigned n = setup->buses->len; n-- > 0;) {
        SetupBus *bus = setup->buses->pdata[n];

        for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
            GArray *resources = bus->resources[kind];
            uint64_t granularity = kind == KIND_IO ? BRIDGE_IO : BRIDGE_MEMORY;
            Resource window = {.devfn = bus->bridge, .behind = bus};

            g_array_sort(resources, larger_alignment_first);
            if (!bus->parent || resources->len == 0) {
                continue;
            }
            window.align = MAX(g_array_index(resources, Resource, 0).align, granularity);
            window.size = (total_size(resources) + granularity - 1) & ~(granularity - 1);
            window.is_64 = kind == KIND_PREFETCH && bus->wide_prefetch && all_64(resources);
            g_array_append_val(bus->parent->resources[kind], window);
        }
    }
}

/* ---- addresses ---- */

static void write_window(const Setup *setup, const SetupBus *behind, ResourceKind kind,
                         uint64_t first, uint64_t last)
{
    const SetupBus *bus = behind->parent;
    uint8_t devfn = behind->bridge;

    switch (kind) {
    case KIND_IO:
        config_write(setup, bus, devfn, PCI_IO_BASE, first >> 8 & 0xf0, 1);
        config_write(setup, bus, devfn, PCI_IO_LIMIT, last >> 8 & 0xf0, 1);
        config_write(setup, bus, devfn, PCI_IO_BASE_UPPER16, 0, 4);
        break;
    case KIND_MEMORY:
        config_write(setup, bus, devfn, PCI_MEMORY_BASE, first >> 16 & 0xfff0, 2);
        config_write(setup, bus, devfn, PCI_MEMORY_LIMIT, last >> 16 & 0xfff0, 2);
        break;
    case KIND_PREFETCH:
        config_write(setup, bus, devfn, PCI_PREF_MEMORY_BASE, first >> 16 & 0xfff0, 2);
        config_write(setup, bus, devfn, PCI_PREF_MEMORY_LIMIT, last >> 16 & 0xfff0, 2);
        config_write(setup, bus, devfn, PCI_PREF_BASE_UPPER32, first >> 32, 4);
        config_write(setup, bus, devfn, PCI_PREF_LIMIT_UPPER32, last >> 32, 4);
        break;
    case KIND_COUNT:
        break;
    }
}

/* An empty window: its limit is below its base. */
static void close_windows(const Setup *setup)
{
    for (unsigned n = 1; n < setup->buses->len; n++) {
        const SetupBus *bus = setup->buses->pdata[n];

        write_window(setup, bus, KIND_IO, 0xf000, 0);
        write_window(setup, bus, KIND_MEMORY, 0xfff00000, 0);
        write_window(setup, bus, KIND_PREFETCH, 0xfff00000, 0);
    }
}

static uint64_t assign(const Setup *setup, const SetupBus *bus, ResourceKind kind,
                       WidthFilter filter, uint64_t next, uint64_t end);

static void place(const Setup *setup, const SetupBus *bus, ResourceKind kind,
                  const Resource *resource, uint64_t address)
{
    unsigned enable = kind == KIND_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

    if (resource->behind) {
        uint64_t end = address + resource->size;

        write_window(setup, resource->behind, kind, address, end - 1);
        enable |= PCI_COMMAND_MASTER;
        assign(setup, resource->behind, kind, ANY_WIDTH, address, end);
    } else {
        config_write(setup, bus, resource->devfn, resource->reg, address, 4);
        if (resource->is_64) {
            config_write(setup, bus, resource->devfn, resource->reg + 4, address >> 32, 4);
        }
    }
    config_write(setup, bus, resource->devfn, PCI_COMMAND,
                 config_read(setup, bus, resource->devfn, PCI_COMMAND, 2) | enable, 2);
}

static uint64_t assign(const Setup *setup, const SetupBus *bus, ResourceKind kind,
                       WidthFilter filter, uint64_t next, uint64_t end)
{
    for (unsigned i = 0; i < bus->resources[kind]->len; i++) {
        const Resource *resource = &g_array_index(bus->resources[kind], Resource, i);
        uint64_t address = (next + resource->align - 1) & ~(resource->align - 1);

        if (filter != ANY_WIDTH && resource->is_64 != (filter == ONLY_64_BIT)) {
            continue;
        }
        if (address >= end || resource->size > end - address) {
            report_warning("PCI %02x:%02x.%x: no room for %" PRIu64 " bytes of %s", bus->number,
                           PCI_SLOT(resource->devfn), PCI_FUNC(resource->devfn), resource->size,
                           kind == KIND_IO ? "I/O ports" : "memory");
            continue;
        }
        place(setup, bus, kind, resource, address);
        next = address + resource->size;
    }
    return next;
}

/* Whether all memory BARs fit in [@start, MEMORY_END): prefetchable ones first, then the others. */
static bool memory_fits(const SetupBus *root, uint64_t start)
{
    uint64_t next = start;
    static const ResourceKind order[] = {KIND_PREFETCH, KIND_MEMORY};

    for (unsigned i = 0; i < G_N_ELEMENTS(order); i++) {
        const GArray *resources = root->resources[order[i]];
        uint64_t align = resources->len ? g_array_index(resources, Resource, 0).align : 1;

        next = ((next + align - 1) & ~(align - 1)) + total_size(resources);
        if (next > MEMORY_END) {
            return false;
        }
    }
    return true;
}

static void assign_all(const Setup *setup)
{
    const PcPlatform *platform = setup->platform;
    const SetupBus *root = setup->buses->pdata[0];
    uint64_t start = MAX(platform->ram_below_4g, MEMORY_START);
    uint64_t start_64 = (PC_4GIB + platform->ram_above_4g + GiB - 1) & ~(GiB - 1);
    WidthFilter low = ANY_WIDTH;

    if (!memory_fits(root, start)) {
        start = (platform->ram_below_4g + MiB - 1) & ~(MiB - 1);
        low = memory_fits(root, start) ? ANY_WIDTH : ONLY_32_BIT;
    }
    assign(setup, root, KIND_IO, ANY_WIDTH, IO_START, IO_END);
    start = assign(setup, root, KIND_PREFETCH, low, start, MEMORY_END);
    assign(setup, root, KIND_MEMORY, ANY_WIDTH, start, MEMORY_END);
    if (low == ONLY_32_BIT) {
        assign(setup, root, KIND_PREFETCH, ONLY_64_BIT, start_64, UINT64_MAX);
    }
}

/* ---- interrupts and the board's own functions ---- */

/* The pins rotate by the slot at each bridge, and once more at the PIIX's links. */
static uint8_t route_irq(const SetupBus *bus, uint8_t devfn, unsigned pin)
{
    for (; bus->parent; bus = bus->parent) {
        pin = (pin + PCI_SLOT(devfn)) % PCI_PIN_COUNT;
        devfn = bus->bridge;
    }
    return link_irqs[(PCI_SLOT(devfn) + pin + 3) % PCI_PIN_COUNT];
}

static void setup_host_bridge(const Setup *setup, const SetupBus *bus, uint8_t devfn)
{
    /* PAM: 0xc0000-0xfffff is RAM that can be read and written. */
    config_write(setup, bus, devfn, 0x59, 0x30, 1);
    for (unsigned reg = 0x5a; reg <= 0x5f; reg++) {
        config_write(setup, bus, devfn, reg, 0x33, 1);
    }
}

static void setup_isa_bridge(const Setup *setup, const SetupBus *bus, uint8_t devfn)
{
    AddressSpace *io = machine_io(setup->platform->machine);
    uint16_t level = 0;

    for (unsigned i = 0; i < PCI_PIN_COUNT; i++) {
        config_write(setup, bus, devfn, 0x60 + i, link_irqs[i], 1);
        level |= 1u << link_irqs[i];
    }
    address_space_store(io, ELCR_PORT, level & 0xff, 1);
    address_space_store(io, ELCR_PORT + 1, level >> 8, 1);
}

static void setup_ide(const Setup *setup, const SetupBus *bus, uint8_t devfn)
{
    /* IDETIM: both channels decode their legacy ports. */
    config_write(setup, bus, devfn, 0x40, 0x8000, 2);
    config_write(setup, bus, devfn, 0x42, 0x8000, 2);
    config_write(setup, bus, devfn, PCI_COMMAND,
                 config_read(setup, bus, devfn, PCI_COMMAND, 2) | PCI_COMMAND_IO, 2);
}

static void setup_power_management(const Setup *setup, const SetupBus *bus, uint8_t devfn)
{
    config_write(setup, bus, devfn, 0x40, PC_PM_BASE | 1, 4);
    config_write(setup, bus, devfn, 0x80, 1, 1); /* PMREGMISC: power management ports on */
    config_write(setup, bus, devfn, 0x90, PC_SMBUS_BASE | 1, 4);
    config_write(setup, bus, devfn, 0xd2, 9, 1); /* SMBus host on, interrupt IRQ 9 */
    config_write(setup, bus, devfn, PCI_INTERRUPT_LINE, PC_SCI_IRQ, 1);
    if (setup->platform->acpi) {
        address_space_store(machine_io(setup->platform->machine), PC_SMI_COMMAND, PC_ACPI_ENABLE,
                            1);
    }
}

static const struct {
    uint16_t device;
    void (*setup)(const Setup *setup, const SetupBus *bus, uint8_t devfn);
} board_functions[] = {
    {DEVICE_I440FX, setup_host_bridge},
    {DEVICE_PIIX3, setup_isa_bridge},
    {DEVICE_PIIX3_IDE, setup_ide},
    {DEVICE_PIIX4_PM, setup_power_management},
};

static void finish_function(const Setup *setup, const SetupBus *bus, uint8_t devfn)
{
    uint32_t id = config_read(setup, bus, devfn, PCI_VENDOR_ID, 4);
    uint8_t pin = config_read(setup, bus, devfn, PCI_INTERRUPT_PIN, 1);

    if (pin >= 1 && pin <= PCI_PIN_COUNT) {
        config_write(setup, bus, devfn, PCI_INTERRUPT_LINE, route_irq(bus, devfn, pin - 1), 1);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(board_functions) && !bus->parent; i++) {
        if (id == ((uint32_t)board_functions[i].device << 16 | VENDOR_INTEL)) {
            board_functions[i].setup(setup, bus, devfn);
        }
    }
}

static void finish_bus(const Setup *setup, const SetupBus *bus)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        uint8_t type;

        if (config_read(setup, bus, devfn, PCI_VENDOR_ID, 2) == 0xffff) {
            devfn |= PCI_FUNC(devfn) == 0 ? 7 : 0;
            continue;
        }
        type = config_read(setup, bus, devfn, PCI_HEADER_TYPE, 1);
        finish_function(setup, bus, devfn);
        if (PCI_FUNC(devfn) == 0 && !(type & 0x80)) {
            devfn |= 7;
        }
    }
}

void boot_pci_setup(const PcPlatform *platform)
{
    Setup setup = {.platform = platform, .root = platform->pci_root};

    setup.buses = g_ptr_array_new_with_free_func(bus_free);
    memory_transaction_begin();
    scan_bus(&setup, bus_new(&setup, NULL, 0));
    sum_bridges(&setup);
    close_windows(&setup);
    assign_all(&setup);
    for (unsigned i = 0; i < setup.buses->len; i++) {
        finish_bus(&setup, setup.buses->pdata[i]);
    }
    memory_transaction_commit();
    g_ptr_array_unref(setup.buses);
}
