/*
 * mux: several front ends (a serial port and a monitor, say) on one back end.
 *
 * What front ends write goes out as it comes; what is typed goes to the one that has the focus. The
 * escape character (Ctrl-a) starts a command. The front end that set its handlers last has the
 * focus at first.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chardev/chardev_private.h"
#include "chardev/fd_source.h"
#include "util/error.h"

#define MAX_FRONTENDS 4
/* Typed ahead of a front end that takes nothing: beyond it the back end is held, escape commands
 * with it. */
#define BUFFER_SIZE 4096

#define TYPE_MUX_CHARDEV (mux_chardev_get_type())
G_DECLARE_FINAL_TYPE(MuxChardev, mux_chardev, XL, MUX_CHARDEV, Chardev)

typedef struct {
    CharFrontend *frontend; /* NULL: free */
    unsigned start, count;
    uint8_t data[BUFFER_SIZE]; /* typed while the front end could not take it; a ring */
} MuxSlot;

struct _MuxChardev {
    Chardev parent_instance;
    CharFrontend base;
    MuxSlot slots[MAX_FRONTENDS];
    int focus; /* slot, -1: none */
    bool escaped;
    bool timestamps, line_start;
    gint64 timestamps_origin;
};

G_DEFINE_FINAL_TYPE(MuxChardev, mux_chardev, TYPE_CHARDEV)

static uint8_t escape_character = 1;
static void (*quit_action)(void);
static void (*save_disks_action)(void);

void chardev_set_escape_character(uint8_t character)
{
    escape_character = character;
}

void chardev_set_mux_actions(void (*quit)(void), void (*save_disks)(void))
{
    quit_action = quit;
    save_disks_action = save_disks;
}

/* ---- input ---- */

static MuxSlot *focused_slot(MuxChardev *self)
{
    return self->focus >= 0 ? &self->slots[self->focus] : NULL;
}

static unsigned slot_room(MuxSlot *slot)
{
    CharFrontend *frontend = slot->frontend;

    return frontend && frontend->can_receive && frontend->receive
               ? frontend->can_receive(frontend->opaque)
               : 0;
}

static void slot_drain(MuxSlot *slot)
{
    unsigned room;

    while (slot->count > 0 && (room = slot_room(slot)) > 0) {
        unsigned length = MIN(MIN(room, slot->count), BUFFER_SIZE - slot->start);
        unsigned start = slot->start;
        slot->start = (slot->start + length) % BUFFER_SIZE;
        slot->count -= length;
        slot->frontend->receive(slot->frontend->opaque, slot->data + start, length);
    }
}

static void slot_receive(MuxSlot *slot, uint8_t byte)
{
    slot_drain(slot);
    if (slot->count == 0 && slot_room(slot) > 0) {
        slot->frontend->receive(slot->frontend->opaque, &byte, 1);
    } else if (slot->count < BUFFER_SIZE) {
        slot->data[(slot->start + slot->count++) % BUFFER_SIZE] = byte;
    }
}

static void slot_event(MuxSlot *slot, CharEvent event)
{
    if (slot->frontend && slot->frontend->event) {
        slot->frontend->event(slot->frontend->opaque, event);
    }
}

static void set_focus(MuxChardev *self, int focus)
{
    if (focus == self->focus) {
        return;
    }
    if (self->focus >= 0) {
        slot_event(&self->slots[self->focus], CHAR_EVENT_MUX_OUT);
    }
    self->focus = focus;
    if (focus >= 0) {
        slot_event(&self->slots[focus], CHAR_EVENT_MUX_IN);
    }
}

static int next_slot(MuxChardev *self, int after)
{
    for (int i = 1; i <= MAX_FRONTENDS; i++) {
        int candidate = (after + i) % MAX_FRONTENDS;
        if (self->slots[candidate].frontend) {
            return candidate;
        }
    }
    return -1;
}

/* ---- the commands behind the escape character ---- */

static void say(MuxChardev *self, const char *text)
{
    char_write_all(&self->base, (const uint8_t *)text, strlen(text));
}

static void command_help(MuxChardev *self);

static void command_quit(MuxChardev *self)
{
    say(self, "QEMU: Terminated\n\r");
    if (quit_action) {
        quit_action();
    } else {
        exit(0);
    }
}

static void command_save_disks(MuxChardev *self G_GNUC_UNUSED)
{
    if (save_disks_action) {
        save_disks_action();
    }
}

static void command_timestamps(MuxChardev *self)
{
    self->timestamps = !self->timestamps;
    self->timestamps_origin = g_get_monotonic_time();
    self->line_start = false;
}

static void command_break(MuxChardev *self)
{
    if (self->focus >= 0) {
        slot_event(&self->slots[self->focus], CHAR_EVENT_BREAK);
    }
}

static void command_switch(MuxChardev *self)
{
    set_focus(self, next_slot(self, MAX(self->focus, 0)));
}

static const struct {
    char key;
    const char *help;
    void (*run)(MuxChardev *self);
} commands[] = {
    {'h', "print this help", command_help},
    {'x', "exit emulator", command_quit},
    {'s', "save disk data back to file (if -snapshot)", command_save_disks},
    {'t', "toggle console timestamps", command_timestamps},
    {'b', "send break (magic sysrq)", command_break},
    {'c', "switch between console and monitor", command_switch},
};

static void escape_name(char name[4])
{
    if (escape_character < 26) {
        snprintf(name, 4, "C-%c", escape_character + 'a' - 1);
    } else {
        snprintf(name, 4, "%c", escape_character);
    }
}

static void command_help(MuxChardev *self)
{
    g_autoptr(GString) text = g_string_new("\n\r");
    char escape[4];

    escape_name(escape);
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_string_append_printf(text, "%s %c    %s\n\r", escape, commands[i].key, commands[i].help);
    }
    g_string_append_printf(text, "%s %s  sends %s\n\r", escape, escape, escape);
    say(self, text->str);
}

static void run_command(MuxChardev *self, uint8_t key)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (commands[i].key == key) {
            commands[i].run(self);
            return;
        }
    }
    /* Help is also behind '?'. Any other key is no command and is swallowed with the escape. */
    if (key == '?') {
        command_help(self);
    }
}

static void mux_byte(MuxChardev *self, uint8_t byte)
{
    MuxSlot *slot = focused_slot(self);
    bool escaped = self->escaped;

    self->escaped = false;
    if (escaped && byte != escape_character) {
        run_command(self, byte);
    } else if (!escaped && byte == escape_character) {
        self->escaped = true;
    } else if (slot) {
        slot_receive(slot, byte);
    }
}

/* Without a focus everything is read, so that commands work; data then has no taker. */
static unsigned base_can_receive(void *opaque)
{
    MuxSlot *slot = focused_slot(opaque);

    return slot ? BUFFER_SIZE - slot->count : BUFFER_SIZE;
}

static void base_receive(void *opaque, const uint8_t *data, unsigned length)
{
    for (unsigned i = 0; i < length; i++) {
        mux_byte(opaque, data[i]);
    }
}

static void base_event(void *opaque, CharEvent event)
{
    MuxChardev *self = opaque;

    chardev_event(opaque, event); /* the base class remembers whether it is open */
    for (unsigned i = 0; i < MAX_FRONTENDS; i++) {
        slot_event(&self->slots[i], event);
    }
}

static void mux_accept_input(Chardev *chardev)
{
    MuxSlot *slot = focused_slot(XL_MUX_CHARDEV(chardev));

    if (slot) {
        slot_drain(slot);
    }
    char_accept_input(&XL_MUX_CHARDEV(chardev)->base);
}

/* ---- output ---- */

static void write_timestamp(MuxChardev *self)
{
    gint64 ms = (g_get_monotonic_time() - self->timestamps_origin) / 1000;
    char text[48];

    snprintf(text, sizeof(text), "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
             (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
    say(self, text);
}

static unsigned write_with_timestamps(MuxChardev *self, const uint8_t *data, unsigned length)
{
    for (unsigned i = 0; i < length; i++) {
        /* Queued bytes would make the next write refuse: stop here and be called again. */
        if (char_queued(&self->base) > 0) {
            return i;
        }
        if (self->line_start) {
            write_timestamp(self);
        }
        self->line_start = data[i] == '\n';
        char_write_all(&self->base, &data[i], 1);
    }
    return length;
}

static int mux_write(Chardev *chardev, const uint8_t *data, unsigned length)
{
    MuxChardev *self = XL_MUX_CHARDEV(chardev);

    if (self->timestamps) {
        return write_with_timestamps(self, data, length);
    }
    return char_write(&self->base, data, length);
}

static int mux_writable_fd(Chardev *chardev)
{
    CharFrontend *base = &XL_MUX_CHARDEV(chardev)->base;

    return base->chardev ? chardev_writable_fd(base->chardev) : FD_SOURCE_READY;
}

/* ---- what the back end below has, the front ends have ---- */

static int *mux_take_fds(Chardev *chardev, unsigned *count)
{
    return char_take_fds(&XL_MUX_CHARDEV(chardev)->base, count);
}

static void mux_set_serial_parameters(Chardev *chardev, int speed, char parity, int data_bits,
                                      int stop_bits)
{
    char_set_serial_parameters(&XL_MUX_CHARDEV(chardev)->base, speed, parity, data_bits, stop_bits);
}

static void mux_send_break(Chardev *chardev, bool on)
{
    char_send_break(&XL_MUX_CHARDEV(chardev)->base, on);
}

static bool mux_get_modem_lines(Chardev *chardev, unsigned *lines)
{
    return char_get_modem_lines(&XL_MUX_CHARDEV(chardev)->base, lines);
}

static void mux_set_modem_lines(Chardev *chardev, unsigned lines)
{
    char_set_modem_lines(&XL_MUX_CHARDEV(chardev)->base, lines);
}

/* ---- front ends ---- */

static bool mux_attach(Chardev *chardev, CharFrontend *frontend, GError **error)
{
    MuxChardev *self = XL_MUX_CHARDEV(chardev);

    for (int i = 0; i < MAX_FRONTENDS; i++) {
        if (!self->slots[i].frontend) {
            self->slots[i].frontend = frontend;
            self->slots[i].start = self->slots[i].count = 0;
            frontend->mux_index = i;
            return true;
        }
    }
    return error_setf(error, "too many uses of multiplexed chardev '%s' (maximum is %d)",
                      chardev_id(chardev), MAX_FRONTENDS);
}

static void mux_detach(Chardev *chardev, CharFrontend *frontend)
{
    MuxChardev *self = XL_MUX_CHARDEV(chardev);

    self->slots[frontend->mux_index].frontend = NULL;
    if (self->focus == frontend->mux_index) {
        set_focus(self, next_slot(self, self->focus));
    }
}

static void mux_handlers_set(Chardev *chardev, CharFrontend *frontend)
{
    MuxChardev *self = XL_MUX_CHARDEV(chardev);

    if (chardev_is_open(chardev)) {
        slot_event(&self->slots[frontend->mux_index], CHAR_EVENT_OPENED);
    }
    if (frontend->receive) {
        set_focus(self, frontend->mux_index);
    }
}

static bool mux_frontend_open(Chardev *chardev)
{
    return next_slot(XL_MUX_CHARDEV(chardev), 0) >= 0;
}

/* ---- life ---- */

static bool take_base(MuxChardev *self, Chardev *base, GError **error)
{
    if (!char_frontend_attach(&self->base, base, error)) {
        return false;
    }
    chardev_set_filename(XL_CHARDEV(self), g_strdup("mux"));
    char_frontend_set_handlers(&self->base, base_can_receive, base_receive, base_event, self);
    return true;
}

static bool mux_open(Chardev *chardev, OptionReader *options, GError **error)
{
    const char *base_id = NULL;
    Chardev *base;

    if (!option_get_string(options, "chardev", &base_id, error)) {
        return false;
    }
    if (!base_id) {
        return error_setf(error, "chardev: mux: no chardev given");
    }
    base = chardev_find(base_id);
    if (!base) {
        return error_setf(error, "mux: base chardev '%s' not found", base_id);
    }
    return take_base(XL_MUX_CHARDEV(chardev), base, error);
}

Chardev *char_mux_new(Chardev *base, GError **error)
{
    MuxChardev *self = g_object_new(TYPE_MUX_CHARDEV, NULL);

    if (!take_base(self, base, error)) {
        g_object_unref(self);
        return NULL;
    }
    return XL_CHARDEV(self);
}

Chardev *char_mux_base(Chardev *chardev)
{
    return XL_IS_MUX_CHARDEV(chardev) ? XL_MUX_CHARDEV(chardev)->base.chardev : NULL;
}

static void mux_close(Chardev *chardev)
{
    char_frontend_detach(&XL_MUX_CHARDEV(chardev)->base);
}

static void mux_chardev_class_init(MuxChardevClass *klass)
{
    ChardevClass *chardev_class = XL_CHARDEV_CLASS(klass);

    chardev_class->open = mux_open;
    chardev_class->close = mux_close;
    chardev_class->write = mux_write;
    chardev_class->writable_fd = mux_writable_fd;
    chardev_class->accept_input = mux_accept_input;
    chardev_class->take_fds = mux_take_fds;
    chardev_class->set_serial_parameters = mux_set_serial_parameters;
    chardev_class->send_break = mux_send_break;
    chardev_class->get_modem_lines = mux_get_modem_lines;
    chardev_class->set_modem_lines = mux_set_modem_lines;
    chardev_class->attach = mux_attach;
    chardev_class->detach = mux_detach;
    chardev_class->handlers_set = mux_handlers_set;
    chardev_class->frontend_open = mux_frontend_open;
    chardev_class->busy = mux_frontend_open;
}

static void mux_chardev_init(MuxChardev *self)
{
    self->focus = -1;
}

const CharDriver char_driver_mux = {
    .name = "mux",
    .help = "chardev=: several front ends on one back end; the same as mux=on",
    .get_type = mux_chardev_get_type,
};
