/*
 * 82093AA I/O APIC, version 0x20 (EOI register), 24 pins, at 0xfec00000; the LAPICs are the accelerator's.
 *
 * Source: Intel 82093AA data sheet; ICH data sheets for version 0x20.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include "hw/core/device.h"

/*
 * Type "ioapic", no bus. Unnamed input pins 0-23. Each change of an entry is told by accel_ioapic_route(); a pin
 * that fires sends accel_msi_deliver(). The MMIO region is mapped by realize into the machine's memory.
 */
DEVICE_DECLARE(IOAPIC, ioapic, HW_IOAPIC)

/** ioapic_eoi: a LAPIC ended @vector: clears remote IRR and re-sends a level pin that is still high. */
void ioapic_eoi(IOAPIC *ioapic, uint8_t vector);
void ioapic_print(IOAPIC *ioapic, GString *out);

#endif
