/*
 * PCI configuration, the I/O APIC, CMOS RAM.
 *
 * Sources: PCI Local Bus Specification 3.0; 82093AA data sheet; MC146818A data sheet.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define IOAPIC_BASE 0xfec00000u

enum { RTE_LEVEL = 1 << 15, RTE_MASKED = 1 << 16, FIRST_RTE = 0x10 };

static void select(unsigned device, unsigned function, unsigned offset)
{
    out32(PCI_ADDRESS, 0x80000000u | device << 11 | function << 8 | (offset & 0xfc));
}

uint32_t pci_read(unsigned device, unsigned function, unsigned offset)
{
    select(device, function, offset);
    return in32(PCI_DATA);
}

void pci_write(unsigned device, unsigned function, unsigned offset, uint32_t value)
{
    select(device, function, offset);
    out32(PCI_DATA, value);
}

int pci_find(uint16_t vendor, uint16_t id)
{
    for (int device = 0; device < 32; device++) {
        if (pci_read(device, 0, 0) == ((uint32_t)id << 16 | vendor)) {
            return device;
        }
    }
    return -1;
}

static void ioapic_write(unsigned index, uint32_t value)
{
    mmio_write32(IOAPIC_BASE, index);
    mmio_write32(IOAPIC_BASE + 0x10, value);
}

void ioapic_mask(unsigned pin)
{
    ioapic_write(FIRST_RTE + 2 * pin, RTE_MASKED);
}

void ioapic_set(unsigned pin, unsigned vector, bool level)
{
    ioapic_mask(pin);
    ioapic_write(FIRST_RTE + 2 * pin + 1, 0);
    ioapic_write(FIRST_RTE + 2 * pin, vector | (level ? RTE_LEVEL : 0));
}

uint8_t cmos_read(uint8_t index)
{
    out8(0x70, index);
    return in8(0x71);
}

void cmos_write(uint8_t index, uint8_t value)
{
    out8(0x70, index);
    out8(0x71, value);
}
