/*
 * The SMBus host controller inside PIIX4's power management function. Its bus has no device.
 *
 * Source: Intel 82371AB (PIIX4) data sheet (290562) section 7.3.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_ACPI_PIIX4_SMBUS_H
#define HW_ACPI_PIIX4_SMBUS_H

#include "hw/core/saved_state.h"
#include "util/memory.h"

#define PIIX4_SMBUS_SIZE 16

typedef struct {
    uint8_t registers[PIIX4_SMBUS_SIZE];
    MemoryRegion region;
    void (*irq)(void *opaque, bool level);
    void *opaque;
} Piix4Smbus;

/** piix4_smbus_init: makes the region, which the owner maps; @irq hears of the host controller's
 * interrupt. */
void piix4_smbus_init(Piix4Smbus *smbus, void (*irq)(void *opaque, bool level), void *opaque);
void piix4_smbus_destroy(Piix4Smbus *smbus);
void piix4_smbus_reset(Piix4Smbus *smbus);
/** piix4_smbus_irq_level: the interrupt that the registers now ask for. */
bool piix4_smbus_irq_level(const Piix4Smbus *smbus);

#endif
