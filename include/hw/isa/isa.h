/*
 * ISA bus: sixteen interrupt lines, I/O ports and memory of the machine.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "hw/core/bus.h"
#include "util/memory.h"

#define ISA_IRQ_COUNT 16
typedef struct _I8257 I8257; /* hw/dma/i8257.h */

#define TYPE_ISA_BUS "isa-bus"
G_DECLARE_FINAL_TYPE(ISABus, isa_bus, HW, ISA_BUS, Bus)

/** isa_bus_new: "isa.0"; @owner is the ISA bridge or NULL. */
ISABus *isa_bus_new(Machine *machine, Device *owner, MemoryRegion *memory, MemoryRegion *io);
/** isa_bus_set_irqs: the lines 0-15 that isa_bus_irq() hands out; not owned. */
void isa_bus_set_irqs(ISABus *bus, IRQLine *const lines[ISA_IRQ_COUNT]);
/** isa_bus_irq: line @n (0-15), for devices; NULL if out of range. */
IRQLine *isa_bus_irq(ISABus *bus, unsigned n);
MemoryRegion *isa_bus_io(ISABus *bus);
MemoryRegion *isa_bus_memory(ISABus *bus);
/** isa_bus_set_dma: the DMA controllers that isa_bus_dma() hands out; NULL (at first): none. */
void isa_bus_set_dma(ISABus *bus, I8257 *dma);
I8257 *isa_bus_dma(ISABus *bus);
/** isa_device_bus: the ISA bus a realized (or realizing) device sits on. */
ISABus *isa_device_bus(Device *device);

#endif
