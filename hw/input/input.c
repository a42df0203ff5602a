/*
 * Input injection.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/input/input.h"

#include <glib.h>
#include <string.h>

#include "hw/input/input_private.h"
#include "util/clock.h"

static const struct {
    const char *name;
    uint16_t set1;
    uint8_t set3;
} keys[INPUT_KEY_COUNT] = {
#define KEY(name, text, set1, set3) [INPUT_KEY_##name] = {text, set1, set3},
    INPUT_KEYS(KEY)
#undef KEY
};

static GSList *keyboards;
static GSList *mice;      /* of MouseEntry; the first gets the input */
static unsigned mouse_count; /* ever added: the next one's index */
static unsigned mouse_buttons;

typedef struct {
    InputMouse *mouse;
    unsigned index;
} MouseEntry;

/* ---- keys ---- */

const char *input_key_name(unsigned key)
{
    return key < INPUT_KEY_COUNT ? keys[key].name : NULL;
}

InputKey input_key_from_name(const char *name)
{
    for (unsigned key = 1; key < INPUT_KEY_COUNT; key++) {
        if (strcmp(keys[key].name, name) == 0) {
            return key;
        }
    }
    return INPUT_KEY_UNMAPPED;
}

InputKey input_key_from_number(unsigned number)
{
    uint16_t code = number & 0x80 ? 0xe000 | (number & 0x7f) : number;

    for (unsigned key = 1; key < INPUT_KEY_COUNT && number <= 0xff; key++) {
        if (keys[key].set1 == code) {
            return key;
        }
    }
    return INPUT_KEY_UNMAPPED;
}

uint16_t input_key_set1(InputKey key)
{
    return key < INPUT_KEY_COUNT ? keys[key].set1 : 0;
}

uint8_t input_key_set3(InputKey key)
{
    return key < INPUT_KEY_COUNT ? keys[key].set3 : 0;
}

/* ---- devices ---- */

void input_keyboard_add(InputKeyboard *keyboard)
{
    keyboards = g_slist_prepend(keyboards, keyboard);
}

void input_keyboard_remove(InputKeyboard *keyboard)
{
    keyboards = g_slist_remove(keyboards, keyboard);
}

void input_mouse_add(InputMouse *mouse)
{
    MouseEntry *entry = g_new(MouseEntry, 1);

    *entry = (MouseEntry){mouse, mouse_count++};
    mice = g_slist_prepend(mice, entry);
}

void input_mouse_remove(InputMouse *mouse)
{
    for (GSList *item = mice; item; item = item->next) {
        MouseEntry *entry = item->data;
        if (entry->mouse == mouse) {
            mice = g_slist_delete_link(mice, item);
            g_free(entry);
            return;
        }
    }
}

bool input_has_keyboard(void)
{
    return keyboards != NULL;
}

bool input_send_key(InputKey key, bool down)
{
    InputKeyboard *keyboard = keyboards ? keyboards->data : NULL;

    if (!keyboard) {
        return false;
    }
    keyboard->key(keyboard->opaque, key, down);
    return true;
}

bool input_send_mouse(int dx, int dy, int dz, unsigned buttons)
{
    InputMouse *mouse = mice ? ((MouseEntry *)mice->data)->mouse : NULL;

    if (!mouse) {
        return false;
    }
    mouse_buttons = buttons & INPUT_BUTTON_MASK;
    mouse->move(mouse->opaque, dx, dy, dz, mouse_buttons);
    return true;
}

unsigned input_mouse_buttons(void)
{
    return mouse_buttons;
}

void input_mouse_foreach(void (*visit)(const InputMouse *mouse, unsigned index, void *opaque),
                         void *opaque)
{
    for (GSList *item = mice; item; item = item->next) {
        const MouseEntry *entry = item->data;
        visit(entry->mouse, entry->index, opaque);
    }
}

bool input_mouse_choose(unsigned index)
{
    for (GSList *item = mice; item; item = item->next) {
        if (((MouseEntry *)item->data)->index == index) {
            mice = g_slist_remove_link(mice, item);
            mice = g_slist_concat(item, mice);
            return true;
        }
    }
    return false;
}

/* ---- key sequences ---- */

typedef struct {
    InputKey key;
    bool down;
    unsigned hold_ms; /* wait this long before the next step */
} KeyStep;

static GQueue steps = G_QUEUE_INIT;
static Timer *step_timer;

static void run_steps(void *opaque G_GNUC_UNUSED)
{
    KeyStep *step;

    while ((step = g_queue_pop_head(&steps))) {
        unsigned hold_ms = step->hold_ms;
        input_send_key(step->key, step->down);
        g_free(step);
        if (hold_ms) {
            timer_mod(step_timer, clock_get_ns(CLOCK_VIRTUAL) + hold_ms * NS_PER_MS);
            return;
        }
    }
}

static void add_step(InputKey key, bool down, unsigned hold_ms)
{
    KeyStep *step = g_new(KeyStep, 1);

    step->key = key;
    step->down = down;
    step->hold_ms = hold_ms;
    g_queue_push_tail(&steps, step);
}

bool input_send_keys(const InputKey *sequence, unsigned count, unsigned hold_ms)
{
    if (!keyboards) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        add_step(sequence[i], true, i + 1 == count ? hold_ms : 0);
    }
    for (unsigned i = count; i > 0; i--) {
        /* After the last release the next sequence waits as long again: a guest that polls sees
         * both. */
        add_step(sequence[i - 1], false, i == 1 ? hold_ms : 0);
    }
    if (!step_timer) {
        step_timer = timer_new(CLOCK_VIRTUAL, run_steps, NULL);
    }
    if (!timer_pending(step_timer)) {
        run_steps(NULL);
    }
    return true;
}
