/*
 * ACPI PCI hot-plug: a block of ports through which the DSDT hears which slots of bus 0 were filled
 * or are to be emptied, and empties them.
 *
 * Source: the port layout that PC firmware tables for i440FX virtual machines use
 * ("acpi-pci-hotplug"): 0x00 filled, 0x04 to be emptied, 0x08 eject, 0x0c removable, 0x10 bus, 0x14
 * index, each 32 bits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_ACPI_PCI_HOTPLUG_H
#define HW_ACPI_PCI_HOTPLUG_H

#include "hw/pci/pci.h"

#define ACPI_PCI_HOTPLUG_SIZE 0x18
#define ACPI_PCI_HOTPLUG_GPE  1

/* How much guest time a guest has before device_del may be repeated. */
#define ACPI_PCI_HOTPLUG_SECONDS 5

typedef struct {
    PCIBus *bus;
    /** raise: tells the guest to look: general-purpose event ACPI_PCI_HOTPLUG_GPE. */
    void (*raise)(void *opaque);
    void *opaque;
    uint32_t filled, emptying; /* a bit a slot */
    uint32_t selected;         /* the bus; only 0 has slots */
    int64_t deadline[32];      /* virtual clock, ns: of the request to empty the slot */
    MemoryRegion region;       /* ACPI_PCI_HOTPLUG_SIZE bytes; the owner maps it */
} AcpiPciHotplug;

/** acpi_pci_hotplug_init: @bus accepts hot-plug from now on. */
void acpi_pci_hotplug_init(AcpiPciHotplug *hotplug, PCIBus *bus, void (*raise)(void *opaque),
                           void *opaque);
void acpi_pci_hotplug_destroy(AcpiPciHotplug *hotplug);
/** acpi_pci_hotplug_reset: the registers; the bus's own reset has emptied what was to be emptied.
 */
void acpi_pci_hotplug_reset(AcpiPciHotplug *hotplug);

/* For the owner's table of saved fields. */
#define ACPI_PCI_HOTPLUG_SAVED(Type, field)                                                        \
    SAVED(Type, field.filled), SAVED(Type, field.emptying), SAVED(Type, field.selected)

#endif
