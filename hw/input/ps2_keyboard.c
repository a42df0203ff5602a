/*
 * A PS/2 keyboard.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "101-key keyboard": commands, scan code
 * sets, default key types of set 3, typematic rates.
 *
 * Codes are made as set 2; set 1 is their translation, which is what the keyboard controller does
 * too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/input/ps2_keyboard.h"

#include <string.h>

#include "hw/core/saved_state.h"
#include "hw/input/ps2_queue.h"
#include "hw/input/ps2_translate.h"
#include "util/clock.h"
#include "util/error.h"

enum {
    ACKNOWLEDGE = 0xfa,
    RESEND = 0xfe,
    SELF_TEST_PASSED = 0xaa,
    BREAK_PREFIX = 0xf0,
    EXTENDED_PREFIX = 0xe0,
    FIRST_COMMAND = 0xed,
    OVERRUN_SET1 = 0xff,
    OVERRUN = 0x00,
    DEFAULT_TYPEMATIC = 0x2b, /* 500 ms, 10.9 a second */
    SET2_SYSRQ = 0x84,
};

/* Types of keys, which only set 3 lets the host choose. */
enum {
    SENDS_BREAK = 1 << 0,
    REPEATS = 1 << 1,
};

/* How PrintScreen went down: its break code has to match. */
enum {
    PRINT_PLAIN,
    PRINT_SHIFTED, /* with Ctrl or Shift: without the shift codes around it */
    PRINT_SYSRQ,   /* with Alt */
};

struct PS2Keyboard {
    PS2Queue queue;
    uint8_t scan_set, leds, typematic;
    uint8_t pending_command; /* waits for its parameter, 0: none */
    bool scanning, overrun;
    uint8_t key_types[256]; /* by set 3 code */
    uint8_t down[INPUT_KEY_COUNT];
    uint8_t print_form;
    uint16_t repeat_key;
    Timer *repeat;
    void (*changed)(void *opaque);
    void *opaque;
};

/* ---- set 3's default key types ---- */

static const uint8_t make_break_keys[] = {0x11, 0x12, 0x14, 0x19, 0x59};
static const uint8_t make_only_keys[] = {
    0x07, 0x08, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x39, 0x3f, 0x47, 0x4f, 0x56, 0x57,
    0x58, 0x5e, 0x5f, 0x62, 0x65, 0x67, 0x69, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71,
    0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x79, 0x7a, 0x7d, 0x7e, 0x84, 0x8b, 0x8c, 0x8d,
};

static void set_types(PS2Keyboard *keyboard, const uint8_t *codes, unsigned count, uint8_t type)
{
    for (unsigned i = 0; i < count; i++) {
        keyboard->key_types[codes[i]] = type;
    }
}

static void set_default_types(PS2Keyboard *keyboard)
{
    memset(keyboard->key_types, REPEATS, sizeof(keyboard->key_types));
    set_types(keyboard, make_break_keys, sizeof(make_break_keys), SENDS_BREAK);
    set_types(keyboard, make_only_keys, sizeof(make_only_keys), 0);
}

static uint8_t key_type(PS2Keyboard *keyboard, InputKey key)
{
    if (keyboard->scan_set == 3) {
        return keyboard->key_types[input_key_set3(key)];
    }
    return key == INPUT_KEY_PAUSE ? 0 : SENDS_BREAK | REPEATS;
}

/* ---- codes ---- */

#define MAX_CODES 8

typedef struct {
    uint8_t bytes[MAX_CODES];
    unsigned length;
} Codes;

static void add_code(Codes *codes, uint8_t byte)
{
    codes->bytes[codes->length++] = byte;
}

static void add_codes(Codes *codes, const char *bytes, unsigned length)
{
    memcpy(codes->bytes, bytes, length);
    codes->length = length;
}

static bool any_down(const PS2Keyboard *keyboard, InputKey one, InputKey other)
{
    return keyboard->down[one] || keyboard->down[other];
}

static bool control_is_down(const PS2Keyboard *keyboard)
{
    return any_down(keyboard, INPUT_KEY_CTRL, INPUT_KEY_CTRL_R);
}

static void make_plain(Codes *codes, uint16_t set1, bool down)
{
    uint8_t set2 = ps2_set1_to_set2(set1 & 0xff);

    if (set2 == 0) {
        return;
    }
    if (set1 >> 8) {
        add_code(codes, EXTENDED_PREFIX);
    }
    if (!down) {
        add_code(codes, BREAK_PREFIX);
    }
    add_code(codes, set2);
}

static void make_print(PS2Keyboard *keyboard, Codes *codes, bool down)
{
    if (down) {
        keyboard->print_form =
            any_down(keyboard, INPUT_KEY_ALT, INPUT_KEY_ALT_R) ? PRINT_SYSRQ
            : control_is_down(keyboard) || any_down(keyboard, INPUT_KEY_SHIFT, INPUT_KEY_SHIFT_R)
                ? PRINT_SHIFTED
                : PRINT_PLAIN;
    }
    if (keyboard->print_form == PRINT_PLAIN) {
        down ? add_codes(codes, "\xe0\x12\xe0\x7c", 4)
             : add_codes(codes, "\xe0\xf0\x7c\xe0\xf0\x12", 6);
    } else if (keyboard->print_form == PRINT_SHIFTED) {
        make_plain(codes, input_key_set1(INPUT_KEY_PRINT), down);
    } else {
        make_plain(codes, input_key_set1(INPUT_KEY_SYSRQ), down);
    }
}

/* Pause sends its break code right behind the make code. */
static void make_pause(PS2Keyboard *keyboard, Codes *codes, bool down)
{
    if (down && control_is_down(keyboard)) {
        add_codes(codes, "\xe0\x7e\xe0\xf0\x7e", 5);
    } else if (down) {
        add_codes(codes, "\xe1\x14\x77\xe1\xf0\x14\xf0\x77", 8);
    }
}

static void make_set3(PS2Keyboard *keyboard, Codes *codes, InputKey key, bool down)
{
    uint8_t code = input_key_set3(key);

    if (code == 0 || (!down && !(keyboard->key_types[code] & SENDS_BREAK))) {
        return;
    }
    if (!down) {
        add_code(codes, BREAK_PREFIX);
    }
    add_code(codes, code);
}

static void translate_to_set1(Codes *codes)
{
    unsigned length = 0;
    uint8_t break_bit = 0;

    for (unsigned i = 0; i < codes->length; i++) {
        if (codes->bytes[i] == BREAK_PREFIX) {
            break_bit = 0x80;
        } else {
            codes->bytes[length++] = ps2_set2_to_set1(codes->bytes[i]) | break_bit;
            break_bit = 0;
        }
    }
    codes->length = length;
}

static void send_codes(PS2Keyboard *keyboard, const Codes *codes)
{
    uint8_t overrun = keyboard->scan_set == 1 ? OVERRUN_SET1 : OVERRUN;

    if (codes->length == 0) {
        return;
    }
    /* One byte stays free for the overrun code. */
    if (ps2_queue_event_room(&keyboard->queue) > codes->length) {
        ps2_queue_event(&keyboard->queue, codes->bytes, codes->length);
        keyboard->overrun = false;
    } else if (!keyboard->overrun) {
        keyboard->overrun = ps2_queue_event(&keyboard->queue, &overrun, 1);
    }
    keyboard->changed(keyboard->opaque);
}

static void send_key(PS2Keyboard *keyboard, InputKey key, bool down)
{
    Codes codes = {{0}, 0};

    if (keyboard->scan_set == 3) {
        make_set3(keyboard, &codes, key, down);
    } else if (key == INPUT_KEY_PRINT) {
        make_print(keyboard, &codes, down);
    } else if (key == INPUT_KEY_PAUSE) {
        make_pause(keyboard, &codes, down);
    } else {
        make_plain(&codes, input_key_set1(key), down);
    }
    if (keyboard->scan_set == 1) {
        translate_to_set1(&codes);
    }
    send_codes(keyboard, &codes);
}

/* ---- typematic repeat ---- */

static int64_t repeat_delay_ns(const PS2Keyboard *keyboard)
{
    return (1 + (keyboard->typematic >> 5 & 3)) * 250 * NS_PER_MS;
}

static int64_t repeat_period_ns(const PS2Keyboard *keyboard)
{
    unsigned a = keyboard->typematic & 7;
    unsigned b = keyboard->typematic >> 3 & 3;

    return (int64_t)(8 + a) * (1 << b) * 4170 * NS_PER_US;
}

static void stop_repeat(PS2Keyboard *keyboard)
{
    keyboard->repeat_key = INPUT_KEY_UNMAPPED;
    timer_del(keyboard->repeat);
}

static void repeat_timer(void *opaque)
{
    PS2Keyboard *keyboard = opaque;

    /* A guest that does not read would find its buffer full of one key. */
    if (ps2_queue_is_empty(&keyboard->queue)) {
        send_key(keyboard, keyboard->repeat_key, true);
    }
    timer_mod(keyboard->repeat, clock_get_ns(CLOCK_VIRTUAL) + repeat_period_ns(keyboard));
}

static void start_repeat(PS2Keyboard *keyboard, InputKey key)
{
    if (!(key_type(keyboard, key) & REPEATS)) {
        stop_repeat(keyboard);
        return;
    }
    keyboard->repeat_key = key;
    timer_mod(keyboard->repeat, clock_get_ns(CLOCK_VIRTUAL) + repeat_delay_ns(keyboard));
}

void ps2_keyboard_key(PS2Keyboard *keyboard, InputKey key, bool down)
{
    if (key <= INPUT_KEY_UNMAPPED || key >= INPUT_KEY_COUNT || keyboard->down[key] == down) {
        return;
    }
    keyboard->down[key] = down;
    if (!keyboard->scanning) {
        return;
    }
    send_key(keyboard, key, down);
    if (down) {
        start_repeat(keyboard, key);
    } else if (keyboard->repeat_key == key) {
        stop_repeat(keyboard);
    }
}

/* ---- commands ---- */

static void reply(PS2Keyboard *keyboard, uint8_t byte)
{
    ps2_queue_reply(&keyboard->queue, byte);
}

static void set_defaults(PS2Keyboard *keyboard)
{
    keyboard->typematic = DEFAULT_TYPEMATIC;
    keyboard->scan_set = 2;
    keyboard->overrun = false;
    set_default_types(keyboard);
    stop_repeat(keyboard);
    ps2_queue_clear(&keyboard->queue);
}

static void command_echo(PS2Keyboard *keyboard, uint8_t command)
{
    reply(keyboard, command);
}

static void command_with_parameter(PS2Keyboard *keyboard, uint8_t command)
{
    keyboard->pending_command = command;
    reply(keyboard, ACKNOWLEDGE);
}

static void command_identify(PS2Keyboard *keyboard, uint8_t command G_GNUC_UNUSED)
{
    reply(keyboard, ACKNOWLEDGE);
    reply(keyboard, 0xab);
    reply(keyboard, 0x83);
}

static void command_enable(PS2Keyboard *keyboard, uint8_t command G_GNUC_UNUSED)
{
    ps2_queue_clear(&keyboard->queue);
    keyboard->scanning = true;
    reply(keyboard, ACKNOWLEDGE);
}

static void command_disable(PS2Keyboard *keyboard, uint8_t command G_GNUC_UNUSED)
{
    set_defaults(keyboard);
    keyboard->scanning = false;
    reply(keyboard, ACKNOWLEDGE);
}

static void command_defaults(PS2Keyboard *keyboard, uint8_t command G_GNUC_UNUSED)
{
    set_defaults(keyboard);
    reply(keyboard, ACKNOWLEDGE);
}

static void command_all_types(PS2Keyboard *keyboard, uint8_t command)
{
    static const uint8_t types[] = {REPEATS, SENDS_BREAK, 0, SENDS_BREAK | REPEATS};

    memset(keyboard->key_types, types[command - 0xf7], sizeof(keyboard->key_types));
    reply(keyboard, ACKNOWLEDGE);
}

static void command_resend(PS2Keyboard *keyboard, uint8_t command G_GNUC_UNUSED)
{
    reply(keyboard, keyboard->queue.last);
}

static void command_reset(PS2Keyboard *keyboard, uint8_t command G_GNUC_UNUSED)
{
    set_defaults(keyboard);
    keyboard->scanning = true;
    keyboard->leds = 0;
    reply(keyboard, ACKNOWLEDGE);
    reply(keyboard, SELF_TEST_PASSED);
}

static const struct {
    uint8_t first, last;
    void (*run)(PS2Keyboard *keyboard, uint8_t command);
} commands[] = {
    {0xed, 0xed, command_with_parameter}, /* indicators */
    {0xee, 0xee, command_echo},
    {0xf0, 0xf0, command_with_parameter}, /* scan code set */
    {0xf2, 0xf2, command_identify},
    {0xf3, 0xf3, command_with_parameter}, /* typematic rate and delay */
    {0xf4, 0xf4, command_enable},
    {0xf5, 0xf5, command_disable},
    {0xf6, 0xf6, command_defaults},
    {0xf7, 0xfa, command_all_types},
    {0xfb, 0xfd, command_with_parameter}, /* type of the keys that follow */
    {0xfe, 0xfe, command_resend},
    {0xff, 0xff, command_reset},
};

static void run_command(PS2Keyboard *keyboard, uint8_t command)
{
    keyboard->pending_command = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (command >= commands[i].first && command <= commands[i].last) {
            commands[i].run(keyboard, command);
            return;
        }
    }
    reply(keyboard, RESEND);
}

static void select_scan_set(PS2Keyboard *keyboard, uint8_t set)
{
    if (set > 3) {
        reply(keyboard, RESEND);
        return;
    }
    reply(keyboard, ACKNOWLEDGE);
    if (set == 0) {
        reply(keyboard, keyboard->scan_set);
        return;
    }
    keyboard->scan_set = set;
    set_default_types(keyboard);
    stop_repeat(keyboard);
}

static void take_parameter(PS2Keyboard *keyboard, uint8_t value)
{
    static const uint8_t types[] = {REPEATS, SENDS_BREAK, 0};
    uint8_t command = keyboard->pending_command;

    if (command >= 0xfb) {
        /* Any number of keys, until the next command. */
        keyboard->key_types[value] = types[command - 0xfb];
        reply(keyboard, ACKNOWLEDGE);
        return;
    }
    keyboard->pending_command = 0;
    if (command == 0xf0) {
        select_scan_set(keyboard, value);
        return;
    }
    if (command == 0xed) {
        keyboard->leds = value & 7;
    } else {
        keyboard->typematic = value & 0x7f;
    }
    reply(keyboard, ACKNOWLEDGE);
}

void ps2_keyboard_write(PS2Keyboard *keyboard, uint8_t byte)
{
    if (keyboard->pending_command && byte < FIRST_COMMAND) {
        take_parameter(keyboard, byte);
    } else {
        run_command(keyboard, byte);
    }
    keyboard->changed(keyboard->opaque);
}

bool ps2_keyboard_has_data(PS2Keyboard *keyboard)
{
    return !ps2_queue_is_empty(&keyboard->queue);
}

uint8_t ps2_keyboard_read(PS2Keyboard *keyboard)
{
    return ps2_queue_take(&keyboard->queue);
}

unsigned ps2_keyboard_leds(PS2Keyboard *keyboard)
{
    return keyboard->leds;
}

/* ---- life ---- */

PS2Keyboard *ps2_keyboard_new(void (*changed)(void *opaque), void *opaque)
{
    PS2Keyboard *keyboard = g_new0(PS2Keyboard, 1);

    keyboard->changed = changed;
    keyboard->opaque = opaque;
    keyboard->repeat = timer_new(CLOCK_VIRTUAL, repeat_timer, keyboard);
    ps2_keyboard_reset(keyboard);
    return keyboard;
}

void ps2_keyboard_free(PS2Keyboard *keyboard)
{
    if (keyboard) {
        timer_free(keyboard->repeat);
        g_free(keyboard);
    }
}

void ps2_keyboard_reset(PS2Keyboard *keyboard)
{
    set_defaults(keyboard);
    keyboard->scanning = true;
    keyboard->leds = 0;
    keyboard->pending_command = 0;
    keyboard->queue.last = 0;
    keyboard->print_form = PRINT_PLAIN;
    memset(keyboard->down, 0, sizeof(keyboard->down));
}

static const SavedField keyboard_fields[] = {
    PS2_QUEUE_SAVED(PS2Keyboard, queue),
    SAVED(PS2Keyboard, scan_set),
    SAVED(PS2Keyboard, leds),
    SAVED(PS2Keyboard, typematic),
    SAVED(PS2Keyboard, pending_command),
    SAVED(PS2Keyboard, scanning),
    SAVED(PS2Keyboard, overrun),
    SAVED_ARRAY(PS2Keyboard, key_types),
    SAVED_ARRAY(PS2Keyboard, down),
    SAVED(PS2Keyboard, print_form),
    SAVED(PS2Keyboard, repeat_key),
    SAVED_TIMER(PS2Keyboard, repeat),
};

GVariant *ps2_keyboard_save(PS2Keyboard *keyboard)
{
    return saved_fields_to_variant(keyboard, keyboard_fields, G_N_ELEMENTS(keyboard_fields));
}

static bool takes_parameter(uint8_t command)
{
    return command == 0 || command == 0xed || command == 0xf0 || command == 0xf3 ||
           (command >= 0xfb && command <= 0xfd);
}

bool ps2_keyboard_load(PS2Keyboard *keyboard, GVariant *state, GError **error)
{
    if (!saved_fields_from_variant(keyboard, keyboard_fields, G_N_ELEMENTS(keyboard_fields), state,
                                   error)) {
        ps2_keyboard_reset(keyboard);
        return false;
    }
    if (!ps2_queue_is_valid(&keyboard->queue) || keyboard->scan_set < 1 || keyboard->scan_set > 3 ||
        keyboard->repeat_key >= INPUT_KEY_COUNT || keyboard->print_form > PRINT_SYSRQ ||
        !takes_parameter(keyboard->pending_command)) {
        ps2_keyboard_reset(keyboard);
        return error_setf(error, "keyboard: the saved state is out of range");
    }
    for (unsigned i = 0; i < INPUT_KEY_COUNT; i++) {
        keyboard->down[i] = keyboard->down[i] != 0;
    }
    return true;
}
