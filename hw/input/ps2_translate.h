/*
 * The keyboard controller's translation from scan code set 2 to set 1.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_INPUT_PS2_TRANSLATE_H
#define HW_INPUT_PS2_TRANSLATE_H

#include <stdint.h>

/** ps2_set2_to_set1: one byte that is not the break prefix 0xf0. */
uint8_t ps2_set2_to_set1(uint8_t code);
/** ps2_set1_to_set2: the make code whose translation is @code (below 0x80). */
uint8_t ps2_set1_to_set2(uint8_t code);

#endif
