/*
 * A PS/2 keyboard: scan code sets 1 to 3, all commands, typematic repeat.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "101-key keyboard".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_INPUT_PS2_KEYBOARD_H
#define HW_INPUT_PS2_KEYBOARD_H

#include <glib.h>

#include "hw/input/input_private.h"

typedef struct PS2Keyboard PS2Keyboard;

/** ps2_keyboard_new: @changed: there is something to read now. */
PS2Keyboard *ps2_keyboard_new(void (*changed)(void *opaque), void *opaque);
void ps2_keyboard_free(PS2Keyboard *keyboard);
void ps2_keyboard_reset(PS2Keyboard *keyboard);
/** ps2_keyboard_key: a key goes down or up. Repeated downs are taken for the keyboard's own repeat.
 */
void ps2_keyboard_key(PS2Keyboard *keyboard, InputKey key, bool down);
bool ps2_keyboard_has_data(PS2Keyboard *keyboard);
uint8_t ps2_keyboard_read(PS2Keyboard *keyboard);
/** ps2_keyboard_write: a command or its parameter. */
void ps2_keyboard_write(PS2Keyboard *keyboard, uint8_t byte);
/** ps2_keyboard_leds: bit 0 scroll, 1 num, 2 caps lock. */
unsigned ps2_keyboard_leds(PS2Keyboard *keyboard);
GVariant *ps2_keyboard_save(PS2Keyboard *keyboard);
bool ps2_keyboard_load(PS2Keyboard *keyboard, GVariant *state, GError **error);

#endif
