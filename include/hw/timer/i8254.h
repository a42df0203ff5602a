/*
 * 8254 programmable interval timer (0x40-0x43) with the PC's port 0x61 and speaker gate.
 *
 * Source: Intel 8254 data sheet; PIIX3 data sheet for NMI status and control (0x61).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/core/device.h"

/* Type "isa-pit" on the ISA bus: unnamed output pin 0 is OUT0; input pin 0 (level 0: HPET legacy mode took IRQ 0).
 * Counts CLOCK_VIRTUAL. */
DEVICE_DECLARE(I8254, i8254, HW_I8254)

/** i8254_gate / output / set_gate of channel 2, for port 0x61. */
bool i8254_output(I8254 *pit, unsigned channel);
bool i8254_gate(I8254 *pit, unsigned channel);
void i8254_set_gate(I8254 *pit, unsigned channel, bool level);

/* Type "isa-pcspk": port 0x61 and channel 2's gate; pcspk_connect() before realize. Silent. */
DEVICE_DECLARE(PCSpeaker, pc_speaker, HW_PC_SPEAKER)
void pc_speaker_connect(PCSpeaker *speaker, I8254 *pit);

#endif
