/*
 * Intel 82371SB (PIIX3) function 0: PCI-to-ISA bridge, PIRQ routing, reset control.
 *
 * Source: Intel 82371FB/82371SB data sheet.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_ISA_PIIX3_H
#define HW_ISA_PIIX3_H

#include "hw/isa/isa.h"
#include "hw/pci/i440fx.h"

/* Type "PIIX3": function 8086:7000. */
DEVICE_DECLARE(PIIX3, piix3, HW_PIIX3)

/**
 * piix3_new: realizes the bridge at @devfn of @host's bus with the ISA bus "isa.0".
 * Unnamed output pins 0-15: the ISA interrupts as the PIRQs drive them.
 */
PIIX3 *piix3_new(Machine *machine, I440FX *host, int devfn, GError **error);
ISABus *piix3_isa_bus(PIIX3 *bridge);
/** piix3_pirq_route: the ISA interrupt that PIRQ @n (0-3) drives, or -1. */
int piix3_pirq_route(PIIX3 *bridge, unsigned n);

#endif
