/*
 * Two cascaded 8259A interrupt controllers as on a PC (master 0x20/0x21, slave 0xa0/0xa1, ELCR 0x4d0/0x4d1).
 *
 * Source: Intel 8259A data sheet; 82371SB (PIIX3) for ELCR.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "hw/core/device.h"

/*
 * Type "isa-i8259": one device holds both chips. On the ISA bus. Unnamed input pins 0-15 are IR0-IR15 (2 is the
 * cascade and ignored); unnamed output pin 0 is the master's INT.
 */
DEVICE_DECLARE(I8259, i8259, HW_I8259)

/** i8259_acknowledge: the INTA cycle; the vector (spurious IR7 included), never -1 once INT was high. */
int i8259_acknowledge(I8259 *pic);
/** i8259_output: the level of the master's INT. */
bool i8259_output(I8259 *pic);
/** i8259_print: "info pic" text. */
void i8259_print(I8259 *pic, GString *out);

#endif
