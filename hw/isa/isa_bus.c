/*
 * The ISA bus: interrupt lines and the two address spaces that its devices claim ranges of.
 *
 * Source: IEEE P996 (draft) for the signals; a device's address decoding is its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/isa/isa.h"

#include "hw/core/machine.h"

struct _ISABus {
    Bus parent_instance;
    MemoryRegion *memory;
    MemoryRegion *io;
    IRQLine *irqs[ISA_IRQ_COUNT];
    I8257 *dma;
};

static void isa_bus_class_init(gpointer klass, gpointer data G_GNUC_UNUSED)
{
    BusClass *bus_class = klass;
    bus_class->max_devices = 0;
    bus_class->hotplug = false;
}

/* The type's name is what DeviceClass.bus_type says, so G_DEFINE_TYPE's CamelCase name will not do.
 */
GType isa_bus_get_type(void)
{
    static gsize type;
    if (g_once_init_enter(&type)) {
        g_once_init_leave(&type, g_type_register_static_simple(
                                     TYPE_BUS, TYPE_ISA_BUS, sizeof(ISABusClass),
                                     isa_bus_class_init, sizeof(ISABus), NULL, G_TYPE_FLAG_NONE));
    }
    return type;
}

ISABus *isa_bus_new(Machine *machine, Device *owner, MemoryRegion *memory, MemoryRegion *io)
{
    ISABus *bus = g_object_new(isa_bus_get_type(), NULL);
    bus->memory = memory;
    bus->io = io;
    bus_setup(HW_BUS(bus), machine, owner, "isa.0");
    return bus;
}

void isa_bus_set_irqs(ISABus *bus, IRQLine *const lines[ISA_IRQ_COUNT])
{
    for (unsigned n = 0; n < ISA_IRQ_COUNT; n++) {
        bus->irqs[n] = lines[n];
    }
}

IRQLine *isa_bus_irq(ISABus *bus, unsigned n)
{
    return n < ISA_IRQ_COUNT ? bus->irqs[n] : NULL;
}

void isa_bus_set_dma(ISABus *bus, I8257 *dma)
{
    bus->dma = dma;
}

I8257 *isa_bus_dma(ISABus *bus)
{
    return bus->dma;
}

MemoryRegion *isa_bus_io(ISABus *bus)
{
    return bus->io;
}

MemoryRegion *isa_bus_memory(ISABus *bus)
{
    return bus->memory;
}

ISABus *isa_device_bus(Device *device)
{
    return HW_ISA_BUS(device_get_bus(device));
}
