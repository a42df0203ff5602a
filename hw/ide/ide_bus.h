/*
 * One channel: the command block, the control block, the interrupt line and two places for drives.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_IDE_IDE_BUS_H
#define HW_IDE_IDE_BUS_H

#include "bus_master.h"
#include "hw/ide/ide.h"

typedef struct _IDEBus IDEBus;
GType ide_bus_get_type(void);
#define HW_IDE_BUS(object) G_TYPE_CHECK_INSTANCE_CAST((object), ide_bus_get_type(), IDEBus)

struct _IDEBus {
    Bus parent_instance;
    unsigned channel;
    IRQLine **irq;                      /* the controller's output pin */
    IDEDrive *drives[IDE_UNIT_COUNT];   /* what the guest finds */
    IDEDrive *realized[IDE_UNIT_COUNT]; /* what is there, unplugged or not */
    BusMaster bus_master;
    uint8_t selected; /* unit */
    uint8_t control;
    bool irq_level;
};

extern const MemoryRegionOps ide_command_block_ops; /* opaque: the IDEBus */
extern const MemoryRegionOps ide_control_block_ops;

/** ide_bus_new: "ide.CHANNEL" of @owner. @irq: the pin it drives; @memory: where its bus master
 * goes. */
IDEBus *ide_bus_new(Machine *machine, Device *owner, unsigned channel, IRQLine **irq,
                    AddressSpace *memory);
/** ide_bus_update_irq: drives the pin from the selected drive's interrupt and nIEN. */
void ide_bus_update_irq(IDEBus *bus);
/** ide_bus_settle_irq: after loading: the pin's level, with none of an edge's effects. */
void ide_bus_settle_irq(IDEBus *bus);

#endif
