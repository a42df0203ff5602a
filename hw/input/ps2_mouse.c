/*
 * A PS/2 mouse.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Auxiliary device"; Microsoft, "Wheel
 * support: PS/2 IntelliMouse".
 *
 * Movement is reported when it comes and the last report has been read; what comes meanwhile adds
 * up, so the sample rate limits nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/input/ps2_mouse.h"

#include <string.h>

#include "hw/core/saved_state.h"
#include "hw/input/input.h"
#include "hw/input/ps2_queue.h"
#include "util/error.h"

enum {
    ACKNOWLEDGE = 0xfa,
    RESEND = 0xfe,
    SELF_TEST_PASSED = 0xaa,
    TYPE_STANDARD = 0,
    TYPE_WHEEL = 3,
    TYPE_EXPLORER = 4,
    STATUS_REMOTE = 0x40,
    STATUS_ENABLED = 0x20,
    STATUS_SCALING = 0x10,
    DEFAULT_RATE = 100,     /* reports a second */
    DEFAULT_RESOLUTION = 2, /* 4 counts a millimetre */
    MAX_PACKET = 4,
    MAX_MOVE = 255,
    MAX_WHEEL = 127,
    MAX_EXPLORER_WHEEL = 7,
    /* Movement that adds up unread; a day of it must not overflow. */
    MAX_ACCUMULATED = 1 << 20,
};

struct PS2Mouse {
    PS2Queue queue;
    uint8_t type, resolution, rate;
    uint8_t pending_command; /* waits for its parameter, 0: none */
    uint8_t former_rates[2]; /* the last two before @rate: the knock */
    bool remote, enabled, scaling, wrap;
    int32_t dx, dy, dz; /* not reported yet; dy grows upward */
    uint8_t buttons, reported_buttons;
    void (*changed)(void *opaque);
    void *opaque;
};

/* ---- reports ---- */

static int take_move(int32_t *accumulated, int limit)
{
    int value = CLAMP(*accumulated, -limit, limit);

    *accumulated -= value;
    return value;
}

/* 2:1 scaling, which applies to stream mode only. */
static int scaled(int value)
{
    static const uint8_t small[] = {0, 1, 1, 3, 6, 9};
    int size = ABS(value);

    size = size < (int)G_N_ELEMENTS(small) ? small[size] : MIN(2 * size, MAX_MOVE);
    return value < 0 ? -size : size;
}

static unsigned make_packet(PS2Mouse *mouse, uint8_t packet[MAX_PACKET], bool scale)
{
    int dx = take_move(&mouse->dx, MAX_MOVE);
    int dy = take_move(&mouse->dy, MAX_MOVE);
    int dz = take_move(&mouse->dz, mouse->type == TYPE_EXPLORER ? MAX_EXPLORER_WHEEL : MAX_WHEEL);

    if (scale && mouse->scaling) {
        dx = scaled(dx);
        dy = scaled(dy);
    }
    mouse->reported_buttons = mouse->buttons;
    packet[0] = 0x08 | (mouse->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0);
    packet[1] = dx;
    packet[2] = dy;
    if (mouse->type == TYPE_STANDARD) {
        return 3;
    }
    packet[3] = dz;
    if (mouse->type == TYPE_EXPLORER) {
        packet[3] = (dz & 0x0f) | (mouse->buttons & INPUT_BUTTON_SIDE ? 0x10 : 0) |
                    (mouse->buttons & INPUT_BUTTON_EXTRA ? 0x20 : 0);
    }
    return 4;
}

static bool something_to_report(const PS2Mouse *mouse)
{
    return mouse->dx || mouse->dy || (mouse->dz && mouse->type != TYPE_STANDARD) ||
           mouse->buttons != mouse->reported_buttons;
}

static void stream(PS2Mouse *mouse)
{
    uint8_t packet[MAX_PACKET];
    unsigned length;
    bool clicked = mouse->buttons != mouse->reported_buttons;

    if (!mouse->enabled || mouse->remote || mouse->wrap || !something_to_report(mouse)) {
        return;
    }
    /* Movement waits until the last report is read, a click must not: its release would hide it. */
    if (mouse->queue.event_count > 0 &&
        !(clicked && ps2_queue_event_room(&mouse->queue) >= MAX_PACKET)) {
        return;
    }
    length = make_packet(mouse, packet, true);
    ps2_queue_event(&mouse->queue, packet, length);
    mouse->changed(mouse->opaque);
}

static void accumulate(int32_t *sum, int value)
{
    *sum = CLAMP((int64_t)*sum + value, -MAX_ACCUMULATED, MAX_ACCUMULATED);
}

void ps2_mouse_move(PS2Mouse *mouse, int dx, int dy, int dz, unsigned buttons)
{
    if (!mouse->enabled && !mouse->remote) {
        mouse->buttons = mouse->reported_buttons = buttons & INPUT_BUTTON_MASK;
        return;
    }
    accumulate(&mouse->dx, dx);
    accumulate(&mouse->dy, dy == INT_MIN ? INT_MAX : -dy);
    accumulate(&mouse->dz, dz);
    mouse->buttons = buttons & INPUT_BUTTON_MASK;
    stream(mouse);
}

/* ---- commands ---- */

static void reply(PS2Mouse *mouse, uint8_t byte)
{
    ps2_queue_reply(&mouse->queue, byte);
}

static void forget_movement(PS2Mouse *mouse)
{
    ps2_queue_clear(&mouse->queue);
    mouse->dx = mouse->dy = mouse->dz = 0;
}

static void set_defaults(PS2Mouse *mouse)
{
    mouse->rate = DEFAULT_RATE;
    mouse->resolution = DEFAULT_RESOLUTION;
    mouse->remote = mouse->enabled = mouse->scaling = mouse->wrap = false;
    memset(mouse->former_rates, 0, sizeof(mouse->former_rates));
    forget_movement(mouse);
}

static void command_scaling(PS2Mouse *mouse, uint8_t command)
{
    mouse->scaling = command == 0xe7;
    reply(mouse, ACKNOWLEDGE);
}

static void command_with_parameter(PS2Mouse *mouse, uint8_t command)
{
    mouse->pending_command = command;
    reply(mouse, ACKNOWLEDGE);
}

static void command_status(PS2Mouse *mouse, uint8_t command G_GNUC_UNUSED)
{
    uint8_t status = (mouse->remote ? STATUS_REMOTE : 0) | (mouse->enabled ? STATUS_ENABLED : 0) |
                     (mouse->scaling ? STATUS_SCALING : 0) |
                     (mouse->buttons & INPUT_BUTTON_LEFT ? 4 : 0) |
                     (mouse->buttons & INPUT_BUTTON_MIDDLE ? 2 : 0) |
                     (mouse->buttons & INPUT_BUTTON_RIGHT ? 1 : 0);

    reply(mouse, ACKNOWLEDGE);
    reply(mouse, status);
    reply(mouse, mouse->resolution);
    reply(mouse, mouse->rate);
}

static void command_mode(PS2Mouse *mouse, uint8_t command)
{
    forget_movement(mouse);
    mouse->remote = command == 0xf0;
    reply(mouse, ACKNOWLEDGE);
}

static void command_read_data(PS2Mouse *mouse, uint8_t command G_GNUC_UNUSED)
{
    uint8_t packet[MAX_PACKET];
    unsigned length = make_packet(mouse, packet, false);

    reply(mouse, ACKNOWLEDGE);
    for (unsigned i = 0; i < length; i++) {
        reply(mouse, packet[i]);
    }
}

static void command_wrap(PS2Mouse *mouse, uint8_t command)
{
    mouse->wrap = command == 0xee;
    reply(mouse, ACKNOWLEDGE);
}

static void command_identify(PS2Mouse *mouse, uint8_t command G_GNUC_UNUSED)
{
    reply(mouse, ACKNOWLEDGE);
    reply(mouse, mouse->type);
}

static void command_enable(PS2Mouse *mouse, uint8_t command)
{
    forget_movement(mouse);
    mouse->enabled = command == 0xf4;
    reply(mouse, ACKNOWLEDGE);
}

static void command_defaults(PS2Mouse *mouse, uint8_t command G_GNUC_UNUSED)
{
    set_defaults(mouse);
    reply(mouse, ACKNOWLEDGE);
}

static void command_resend(PS2Mouse *mouse, uint8_t command G_GNUC_UNUSED)
{
    reply(mouse, mouse->queue.last);
}

static void command_reset(PS2Mouse *mouse, uint8_t command G_GNUC_UNUSED)
{
    set_defaults(mouse);
    mouse->type = TYPE_STANDARD;
    reply(mouse, ACKNOWLEDGE);
    reply(mouse, SELF_TEST_PASSED);
    reply(mouse, mouse->type);
}

static const struct {
    uint8_t code;
    void (*run)(PS2Mouse *mouse, uint8_t command);
} commands[] = {
    {0xe6, command_scaling},  {0xe7, command_scaling},        {0xe8, command_with_parameter},
    {0xe9, command_status},   {0xea, command_mode},           {0xeb, command_read_data},
    {0xec, command_wrap},     {0xee, command_wrap},           {0xf0, command_mode},
    {0xf2, command_identify}, {0xf3, command_with_parameter}, {0xf4, command_enable},
    {0xf5, command_enable},   {0xf6, command_defaults},       {0xfe, command_resend},
    {0xff, command_reset},
};

static void run_command(PS2Mouse *mouse, uint8_t command)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (commands[i].code == command) {
            commands[i].run(mouse, command);
            return;
        }
    }
    reply(mouse, RESEND);
}

/* Three sample rates in a row make the mouse show what else it can do. */
static void set_rate(PS2Mouse *mouse, uint8_t rate)
{
    if (rate == 80 && mouse->former_rates[1] == 200) {
        if (mouse->former_rates[0] == 100) {
            mouse->type = TYPE_WHEEL;
        } else if (mouse->former_rates[0] == 200) {
            mouse->type = TYPE_EXPLORER;
        }
    }
    mouse->former_rates[1] = mouse->former_rates[0];
    mouse->former_rates[0] = rate;
    mouse->rate = rate;
}

static void take_parameter(PS2Mouse *mouse, uint8_t value)
{
    uint8_t command = mouse->pending_command;

    mouse->pending_command = 0;
    if (command == 0xf3) {
        set_rate(mouse, value);
    } else if (value <= 3) {
        mouse->resolution = value;
    } else {
        reply(mouse, RESEND);
        return;
    }
    reply(mouse, ACKNOWLEDGE);
}

void ps2_mouse_write(PS2Mouse *mouse, uint8_t byte)
{
    if (mouse->wrap && byte != 0xec && byte != 0xff) {
        reply(mouse, byte);
    } else if (mouse->pending_command && byte < 0xe6) {
        take_parameter(mouse, byte);
    } else {
        mouse->pending_command = 0;
        run_command(mouse, byte);
    }
    mouse->changed(mouse->opaque);
}

bool ps2_mouse_has_data(PS2Mouse *mouse)
{
    return !ps2_queue_is_empty(&mouse->queue);
}

uint8_t ps2_mouse_read(PS2Mouse *mouse)
{
    uint8_t byte = ps2_queue_take(&mouse->queue);

    stream(mouse);
    return byte;
}

/* ---- life ---- */

PS2Mouse *ps2_mouse_new(void (*changed)(void *opaque), void *opaque)
{
    PS2Mouse *mouse = g_new0(PS2Mouse, 1);

    mouse->changed = changed;
    mouse->opaque = opaque;
    ps2_mouse_reset(mouse);
    return mouse;
}

void ps2_mouse_free(PS2Mouse *mouse)
{
    g_free(mouse);
}

void ps2_mouse_reset(PS2Mouse *mouse)
{
    set_defaults(mouse);
    mouse->type = TYPE_STANDARD;
    mouse->pending_command = 0;
    mouse->queue.last = 0;
    mouse->buttons = mouse->reported_buttons = 0;
}

static const SavedField mouse_fields[] = {
    PS2_QUEUE_SAVED(PS2Mouse, queue),
    SAVED(PS2Mouse, type),
    SAVED(PS2Mouse, resolution),
    SAVED(PS2Mouse, rate),
    SAVED(PS2Mouse, pending_command),
    SAVED_ARRAY(PS2Mouse, former_rates),
    SAVED(PS2Mouse, remote),
    SAVED(PS2Mouse, enabled),
    SAVED(PS2Mouse, scaling),
    SAVED(PS2Mouse, wrap),
    SAVED(PS2Mouse, dx),
    SAVED(PS2Mouse, dy),
    SAVED(PS2Mouse, dz),
    SAVED(PS2Mouse, buttons),
    SAVED(PS2Mouse, reported_buttons),
};

GVariant *ps2_mouse_save(PS2Mouse *mouse)
{
    return saved_fields_to_variant(mouse, mouse_fields, G_N_ELEMENTS(mouse_fields));
}

static bool state_is_valid(const PS2Mouse *mouse)
{
    return ps2_queue_is_valid(&mouse->queue) && mouse->resolution <= 3 &&
           (mouse->type == TYPE_STANDARD || mouse->type == TYPE_WHEEL ||
            mouse->type == TYPE_EXPLORER) &&
           (mouse->pending_command == 0 || mouse->pending_command == 0xe8 ||
            mouse->pending_command == 0xf3);
}

bool ps2_mouse_load(PS2Mouse *mouse, GVariant *state, GError **error)
{
    if (!saved_fields_from_variant(mouse, mouse_fields, G_N_ELEMENTS(mouse_fields), state, error)) {
        ps2_mouse_reset(mouse);
        return false;
    }
    if (!state_is_valid(mouse)) {
        ps2_mouse_reset(mouse);
        return error_setf(error, "mouse: the saved state is out of range");
    }
    accumulate(&mouse->dx, 0);
    accumulate(&mouse->dy, 0);
    accumulate(&mouse->dz, 0);
    mouse->buttons &= INPUT_BUTTON_MASK;
    mouse->reported_buttons &= INPUT_BUTTON_MASK;
    return true;
}
