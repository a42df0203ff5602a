/*
 * Scan codes of keys, for keyboards.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_INPUT_INPUT_PRIVATE_H
#define HW_INPUT_INPUT_PRIVATE_H

#include "hw/input/input.h"

/** input_key_set1: make code, 0xe000 added for a prefixed one; input_key_set3: make code. 0: none.
 */
uint16_t input_key_set1(InputKey key);
uint8_t input_key_set3(InputKey key);

#endif
