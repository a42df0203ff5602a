/*
 * What the PCI core's files share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_PCI_PCI_PRIVATE_H
#define HW_PCI_PCI_PRIVATE_H

#include "hw/pci/pci.h"

typedef struct {
    MemoryRegion *region; /* NULL: not implemented */
    uint8_t type;         /* PCI_BASE_ADDRESS_* flags */
    uint64_t size;
    uint64_t mapped; /* where it is decoded now, UINT64_MAX: nowhere */
} PCIBar;

struct PCIFunction {
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t write_mask[PCI_CONFIG_SIZE];
    uint8_t write1_clear_mask[PCI_CONFIG_SIZE];
    uint8_t initial[PCI_CONFIG_SIZE]; /* after realize: what reset goes back to where the guest may write */
    uint8_t devfn;
    PCIBar bars[PCI_REGION_COUNT];
    bool irq_level;  /* what the device drives */
    bool irq_driven; /* what the bus sees (INTx disable) */
    bool unplugged;  /* by the guest, until the next reset */
    MemoryRegion dma_root, dma_alias;
    AddressSpace *dma;
};

struct _PCIBus {
    Bus parent_instance;
    MemoryRegion *memory, *io;
    PCIDevice *devices[256];
    uint32_t reserved_slots;
    PCIMapIRQ map_irq;
    IRQHandler irq_handler;
    void *irq_opaque;
    unsigned irq_count;
    int *irq_levels; /* how many functions drive each */
    const PCIHotplugOps *hotplug; /* NULL: none */
    void *hotplug_opaque;
};

/** pci_function_reset: configuration space to its power-on state. */
void pci_function_reset(PCIDevice *device);
/** pci_function_update: maps BARs and DMA as configuration space says now. */
void pci_function_update(PCIDevice *device);
/** pci_bus_drive_irq: counts @change (+1/-1) of @device's pin in the bus's interrupt. */
void pci_bus_drive_irq(PCIBus *bus, PCIDevice *device, int change);

#endif
