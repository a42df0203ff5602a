/*
 * Input injection: keys and mouse movement from monitors and displays to whatever keyboard and
 * mouse the machine has. Under the machine lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_INPUT_INPUT_H
#define HW_INPUT_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/input/input_keys.h"

enum {
    INPUT_BUTTON_LEFT = 1 << 0,
    INPUT_BUTTON_RIGHT = 1 << 1,
    INPUT_BUTTON_MIDDLE = 1 << 2,
    INPUT_BUTTON_SIDE = 1 << 3,
    INPUT_BUTTON_EXTRA = 1 << 4,
    INPUT_BUTTON_MASK = 0x1f,
};

/* ---- for devices: the one registered last gets the input, until input_mouse_choose() ---- */

typedef struct {
    void (*key)(void *opaque, InputKey key, bool down);
    void *opaque;
} InputKeyboard;

typedef struct {
    /** move: right, down and wheel (down is positive) since the last call; buttons that are down
     * now. */
    void (*move)(void *opaque, int dx, int dy, int dz, unsigned buttons);
    void *opaque;
    const char *name; /* for people */
} InputMouse;

/** input_keyboard_add / input_mouse_add: @keyboard must stay until it is removed. */
void input_keyboard_add(InputKeyboard *keyboard);
void input_keyboard_remove(InputKeyboard *keyboard);
void input_mouse_add(InputMouse *mouse);
void input_mouse_remove(InputMouse *mouse);

/* ---- for monitors and displays ---- */

bool input_has_keyboard(void);
/** input_send_key: false if there is no keyboard. */
bool input_send_key(InputKey key, bool down);
/**
 * input_send_keys: QMP send-key: presses @count keys in order, holds them @hold_ms of guest time
 * and releases them in the reverse order. Calls queue up behind each other. False: no keyboard.
 */
bool input_send_keys(const InputKey *keys, unsigned count, unsigned hold_ms);
/** input_send_mouse: see InputMouse; false if there is no mouse. */
bool input_send_mouse(int dx, int dy, int dz, unsigned buttons);
/** input_mouse_buttons: those that the last input_send_mouse() held down. */
unsigned input_mouse_buttons(void);
/** input_mouse_foreach: @visit for each mouse; the first is the one that gets the input. @index stays a mouse's own. */
void input_mouse_foreach(void (*visit)(const InputMouse *mouse, unsigned index, void *opaque),
                         void *opaque);
/** input_mouse_choose: the mouse @index gets the input from now on; false: there is none. */
bool input_mouse_choose(unsigned index);

/** input_key_name: QMP's name; NULL if @key is out of range. */
const char *input_key_name(unsigned key);
/** input_key_from_name: by QMP's name; INPUT_KEY_UNMAPPED if there is none. */
InputKey input_key_from_name(const char *name);
/** input_key_from_number: by QMP's key number (set 1 code, 0x80 added for a prefixed one); else
 * UNMAPPED. */
InputKey input_key_from_number(unsigned number);

#endif
