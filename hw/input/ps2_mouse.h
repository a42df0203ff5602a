/*
 * A PS/2 mouse: standard, IntelliMouse (wheel) and Explorer (wheel, five buttons).
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Auxiliary device"; Microsoft, "Wheel
 * support: PS/2 IntelliMouse" for the identification knock and packet formats.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_INPUT_PS2_MOUSE_H
#define HW_INPUT_PS2_MOUSE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct PS2Mouse PS2Mouse;

/** ps2_mouse_new: @changed: there is something to read now. */
PS2Mouse *ps2_mouse_new(void (*changed)(void *opaque), void *opaque);
void ps2_mouse_free(PS2Mouse *mouse);
void ps2_mouse_reset(PS2Mouse *mouse);
/** ps2_mouse_move: right, down, wheel down; INPUT_BUTTON_* that are pressed now. */
void ps2_mouse_move(PS2Mouse *mouse, int dx, int dy, int dz, unsigned buttons);
bool ps2_mouse_has_data(PS2Mouse *mouse);
uint8_t ps2_mouse_read(PS2Mouse *mouse);
/** ps2_mouse_write: a command or its parameter. */
void ps2_mouse_write(PS2Mouse *mouse, uint8_t byte);
GVariant *ps2_mouse_save(PS2Mouse *mouse);
bool ps2_mouse_load(PS2Mouse *mouse, GVariant *state, GError **error);

#endif
