/*
 * i8042: the PS/2 keyboard and mouse controller at ports 0x60 and 0x64.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device
 * controller"; Intel UPI-41/42 data sheet for the status register.
 *
 * Output pins 0 and 1 are the keyboard's and the mouse's interrupt, "a20" is the A20 gate. When the
 * byte in the output buffer is read the next one takes its place at once, with a new edge on its
 * interrupt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/run_state.h"
#include "hw/input/ps2_keyboard.h"
#include "hw/input/ps2_mouse.h"
#include "hw/input/ps2_translate.h"
#include "hw/isa/isa.h"
#include "util/log.h"
#include "util/trace.h"

#define DATA_PORT    0x60
#define COMMAND_PORT 0x64
#define RAM_SIZE     32

TRACE_DEFINE(i8042_read)
TRACE_DEFINE(i8042_write)

enum {
    STATUS_OUTPUT_FULL = 0x01,
    STATUS_SYSTEM = 0x04,
    STATUS_COMMAND = 0x08,
    STATUS_UNLOCKED = 0x10,
    STATUS_MOUSE_DATA = 0x20,

    /* controller command byte, RAM location 0 */
    MODE_KEYBOARD_IRQ = 0x01,
    MODE_MOUSE_IRQ = 0x02,
    MODE_SYSTEM = 0x04,
    MODE_KEYBOARD_OFF = 0x10,
    MODE_MOUSE_OFF = 0x20,
    MODE_TRANSLATE = 0x40,

    OUTPUT_NOT_RESET = 0x01,
    OUTPUT_A20 = 0x02,
    OUTPUT_KEYBOARD_IRQ = 0x10,
    OUTPUT_MOUSE_IRQ = 0x20,
    OUTPUT_OWN_BITS = 0xcf, /* the two above show the output buffer */

    PIN_KEYBOARD = 0,
    PIN_MOUSE = 1,

    BREAK_PREFIX = 0xf0,
    WAITS_FOR_NOTHING = 0, /* data goes to the keyboard */
    WAITS_FOR_PASSWORD = 0xa5,
};

DEVICE_DECLARE(I8042, i8042, HW_I8042)

struct _I8042 {
    Device parent_instance;
    uint8_t ram[RAM_SIZE];
    uint8_t output_port;
    uint8_t command; /* that waits for a data byte, WAITS_FOR_NOTHING if none */
    uint8_t data;    /* the output buffer */
    bool full, mouse_data;
    uint8_t reply; /* the controller's own byte, behind the one in the buffer */
    bool reply_pending, reply_is_mouse;
    bool last_was_command;
    bool break_prefix; /* translation has seen 0xf0 */

    PS2Keyboard *keyboard;
    PS2Mouse *mouse;
    InputKeyboard input_keyboard;
    InputMouse input_mouse;
    IRQLine *irqs[2];
    IRQLine *a20;
    MemoryRegion data_region, command_region;
};

DEVICE_TYPE(I8042, i8042, "i8042", TYPE_DEVICE)

static uint8_t mode(const I8042 *self)
{
    return self->ram[0];
}

/* ---- the output buffer ---- */

static void update_irqs(I8042 *self)
{
    bool keyboard = self->full && !self->mouse_data && (mode(self) & MODE_KEYBOARD_IRQ) &&
                    !(mode(self) & MODE_KEYBOARD_OFF);
    bool mouse = self->full && self->mouse_data && (mode(self) & MODE_MOUSE_IRQ);

    irq_set(self->irqs[PIN_KEYBOARD], keyboard);
    irq_set(self->irqs[PIN_MOUSE], mouse);
}

static void put(I8042 *self, uint8_t byte, bool from_mouse)
{
    self->data = byte;
    self->full = true;
    self->mouse_data = from_mouse;
}

/* A byte from the keyboard as the guest is to see it; false: it is not complete. */
static bool translate(I8042 *self, uint8_t *byte)
{
    uint8_t break_bit;

    if (!(mode(self) & MODE_TRANSLATE)) {
        self->break_prefix = false;
        return true;
    }
    if (*byte == BREAK_PREFIX) {
        self->break_prefix = true;
        return false;
    }
    break_bit = self->break_prefix ? 0x80 : 0;
    self->break_prefix = false;
    *byte = ps2_set2_to_set1(*byte) | break_bit;
    return true;
}

static void fill_from_keyboard(I8042 *self)
{
    while (!self->full && ps2_keyboard_has_data(self->keyboard)) {
        uint8_t byte = ps2_keyboard_read(self->keyboard);
        if (translate(self, &byte)) {
            put(self, byte, false);
        }
    }
}

static void fill(I8042 *self)
{
    if (!self->full && self->reply_pending) {
        self->reply_pending = false;
        put(self, self->reply, self->reply_is_mouse);
    }
    if (!(mode(self) & MODE_KEYBOARD_OFF)) {
        fill_from_keyboard(self);
    }
    if (!self->full && !(mode(self) & MODE_MOUSE_OFF) && ps2_mouse_has_data(self->mouse)) {
        /* Reading may make the mouse call device_changed() with its next report. */
        self->full = true;
        put(self, ps2_mouse_read(self->mouse), true);
    }
    update_irqs(self);
}

static void device_changed(void *opaque)
{
    I8042 *self = opaque;

    if (!self->full) {
        fill(self);
    }
}

static void answer(I8042 *self, uint8_t byte, bool as_mouse)
{
    self->reply = byte;
    self->reply_is_mouse = as_mouse;
    self->reply_pending = true;
    fill(self);
}

static void reply(I8042 *self, uint8_t byte)
{
    answer(self, byte, false);
}

/* ---- the output port ---- */

static uint8_t read_output_port(const I8042 *self)
{
    return (self->output_port & OUTPUT_OWN_BITS) |
           (self->full ? self->mouse_data ? OUTPUT_MOUSE_IRQ : OUTPUT_KEYBOARD_IRQ : 0);
}

static void write_output_port(I8042 *self, uint8_t value)
{
    self->output_port = value;
    irq_set(self->a20, (value & OUTPUT_A20) != 0);
    if (!(value & OUTPUT_NOT_RESET)) {
        run_state_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

/* ---- controller commands ---- */

static void command_read_ram(I8042 *self, uint8_t command)
{
    reply(self, self->ram[command & (RAM_SIZE - 1)]);
}

static void command_wait_for_data(I8042 *self, uint8_t command)
{
    self->command = command;
}

static void command_test_password(I8042 *self, uint8_t command G_GNUC_UNUSED)
{
    reply(self, 0xf1); /* none is installed */
}

static void command_switch(I8042 *self, uint8_t command)
{
    uint8_t bit = command >= 0xad ? MODE_KEYBOARD_OFF : MODE_MOUSE_OFF;
    bool off = command == 0xad || command == 0xa7;

    self->ram[0] = off ? mode(self) | bit : mode(self) & ~bit;
    fill(self);
}

static void command_test_line(I8042 *self, uint8_t command G_GNUC_UNUSED)
{
    reply(self, 0x00); /* no fault */
}

static void command_self_test(I8042 *self, uint8_t command G_GNUC_UNUSED)
{
    self->ram[0] |= MODE_SYSTEM;
    reply(self, 0x55);
}

static void command_read_input_port(I8042 *self, uint8_t command G_GNUC_UNUSED)
{
    reply(self, 0x80); /* keyboard not locked */
}

static void command_read_output_port(I8042 *self, uint8_t command G_GNUC_UNUSED)
{
    reply(self, read_output_port(self));
}

static void command_a20(I8042 *self, uint8_t command)
{
    uint8_t value = self->output_port | OUTPUT_NOT_RESET;

    write_output_port(self, command == 0xdf ? value | OUTPUT_A20 : value & ~OUTPUT_A20);
}

static void command_read_test_inputs(I8042 *self, uint8_t command G_GNUC_UNUSED)
{
    reply(self, 0x00);
}

/* Bits 3:0 that are 0 are pulsed low; only bit 0, the reset line, leads anywhere. */
static void command_pulse(I8042 *self G_GNUC_UNUSED, uint8_t command)
{
    if (!(command & OUTPUT_NOT_RESET)) {
        run_state_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static void command_nothing(I8042 *self G_GNUC_UNUSED, uint8_t command G_GNUC_UNUSED)
{
}

static const struct {
    uint8_t first, last;
    void (*run)(I8042 *self, uint8_t command);
} commands[] = {
    {0x20, 0x3f, command_read_ram},
    {0x60, 0x7f, command_wait_for_data}, /* write RAM */
    {0xa4, 0xa4, command_test_password},
    {0xa5, 0xa5, command_wait_for_data}, /* load a password */
    {0xa6, 0xa6, command_nothing},       /* enable it: there is none */
    {0xa7, 0xa8, command_switch},        /* mouse off, on */
    {0xa9, 0xa9, command_test_line},     /* mouse */
    {0xaa, 0xaa, command_self_test},
    {0xab, 0xab, command_test_line}, /* keyboard */
    {0xad, 0xae, command_switch},    /* keyboard off, on */
    {0xc0, 0xc0, command_read_input_port},
    {0xc1, 0xc2, command_nothing}, /* input port to status bits 7:4, until the next command */
    {0xd0, 0xd0, command_read_output_port},
    {0xd1, 0xd4, command_wait_for_data}, /* output port, buffer as keyboard, as mouse; to mouse */
    {0xdd, 0xdd, command_a20},
    {0xdf, 0xdf, command_a20},
    {0xe0, 0xe0, command_read_test_inputs},
    {0xf0, 0xff, command_pulse},
};

static void run_command(I8042 *self, uint8_t command)
{
    self->command = WAITS_FOR_NOTHING;
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (command >= commands[i].first && command <= commands[i].last) {
            commands[i].run(self, command);
            return;
        }
    }
    log_printf(LOG_GUEST_ERRORS, "i8042: unknown command 0x%02x\n", command);
}

/* ---- data that a command waits for ---- */

static void write_ram(I8042 *self, uint8_t index, uint8_t value)
{
    self->ram[index] = value;
    if (index == 0) {
        fill(self);
    }
}

static void write_data(I8042 *self, uint8_t value)
{
    uint8_t command = self->command;

    if (command == WAITS_FOR_PASSWORD) {
        self->command = value ? command : WAITS_FOR_NOTHING; /* ends with a zero byte */
        return;
    }
    self->command = WAITS_FOR_NOTHING;
    if (command >= 0x60 && command <= 0x7f) {
        write_ram(self, command & (RAM_SIZE - 1), value);
    } else if (command == 0xd1) {
        write_output_port(self, value);
    } else if (command == 0xd2 || command == 0xd3) {
        answer(self, value, command == 0xd3);
    } else if (command == 0xd4) {
        self->ram[0] &= ~MODE_MOUSE_OFF; /* talking to a device lets it talk */
        ps2_mouse_write(self->mouse, value);
    } else {
        self->ram[0] &= ~MODE_KEYBOARD_OFF;
        ps2_keyboard_write(self->keyboard, value);
    }
}

/* ---- ports ---- */

static uint64_t data_read(void *opaque, hwaddr offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    I8042 *self = opaque;
    uint8_t byte = self->data;

    if (self->full) {
        self->full = self->mouse_data = false;
        update_irqs(self);
        fill(self);
    }
    TRACE(i8042_read, "data 0x%02x", byte);
    return byte;
}

static void data_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value,
                       unsigned size G_GNUC_UNUSED)
{
    I8042 *self = opaque;

    TRACE(i8042_write, "data 0x%02x for command 0x%02x", (unsigned)value, self->command);
    self->last_was_command = false;
    write_data(self, value);
}

static uint64_t status_read(void *opaque, hwaddr offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    I8042 *self = opaque;

    return (self->full ? STATUS_OUTPUT_FULL : 0) | (self->mouse_data ? STATUS_MOUSE_DATA : 0) |
           (mode(self) & MODE_SYSTEM ? STATUS_SYSTEM : 0) |
           (self->last_was_command ? STATUS_COMMAND : 0) | STATUS_UNLOCKED;
}

static void command_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value,
                          unsigned size G_GNUC_UNUSED)
{
    I8042 *self = opaque;

    TRACE(i8042_write, "command 0x%02x", (unsigned)value);
    self->last_was_command = true;
    run_command(self, value);
}

static const MemoryRegionOps data_ops = {
    .read = data_read,
    .write = data_write,
    .valid_min = 1,
    .valid_max = 1,
    .impl_min = 1,
    .impl_max = 1,
};

static const MemoryRegionOps command_ops = {
    .read = status_read,
    .write = command_write,
    .valid_min = 1,
    .valid_max = 1,
    .impl_min = 1,
    .impl_max = 1,
};

/* ---- life ---- */

static void key(void *opaque, InputKey input_key, bool down)
{
    ps2_keyboard_key(HW_I8042(opaque)->keyboard, input_key, down);
}

static void move(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
    ps2_mouse_move(HW_I8042(opaque)->mouse, dx, dy, dz, buttons);
}

static bool i8042_realize(Device *device, GError **error G_GNUC_UNUSED)
{
    I8042 *self = HW_I8042(device);
    MemoryRegion *io = isa_bus_io(isa_device_bus(device));

    self->keyboard = ps2_keyboard_new(device_changed, self);
    self->mouse = ps2_mouse_new(device_changed, self);
    self->input_keyboard = (InputKeyboard){key, self};
    self->input_mouse = (InputMouse){move, self, "PS/2 mouse"};
    input_keyboard_add(&self->input_keyboard);
    input_mouse_add(&self->input_mouse);
    memory_region_init_io(&self->data_region, &data_ops, self, "i8042-data", 1);
    memory_region_init_io(&self->command_region, &command_ops, self, "i8042-cmd", 1);
    memory_region_add(io, DATA_PORT, &self->data_region);
    memory_region_add(io, COMMAND_PORT, &self->command_region);
    return true;
}

static void i8042_unrealize(Device *device)
{
    I8042 *self = HW_I8042(device);

    input_keyboard_remove(&self->input_keyboard);
    input_mouse_remove(&self->input_mouse);
    memory_region_destroy(&self->data_region);
    memory_region_destroy(&self->command_region);
    g_clear_pointer(&self->keyboard, ps2_keyboard_free);
    g_clear_pointer(&self->mouse, ps2_mouse_free);
}

static void i8042_reset(Device *device)
{
    I8042 *self = HW_I8042(device);

    memset(self->ram, 0, sizeof(self->ram));
    self->ram[0] = MODE_KEYBOARD_IRQ | MODE_MOUSE_IRQ;
    self->output_port = OUTPUT_NOT_RESET | OUTPUT_A20;
    self->command = WAITS_FOR_NOTHING;
    self->data = self->reply = 0;
    self->full = self->mouse_data = false;
    self->reply_pending = self->reply_is_mouse = false;
    self->last_was_command = true;
    self->break_prefix = false;
    ps2_keyboard_reset(self->keyboard);
    ps2_mouse_reset(self->mouse);
    update_irqs(self);
    irq_set(self->a20, 1);
}

/* ---- saved state ---- */

static const SavedField i8042_fields[] = {
    SAVED_ARRAY(I8042, ram),     SAVED(I8042, output_port),
    SAVED(I8042, command),       SAVED(I8042, data),
    SAVED(I8042, full),          SAVED(I8042, mouse_data),
    SAVED(I8042, reply_pending), SAVED(I8042, reply_is_mouse),
    SAVED(I8042, reply),         SAVED(I8042, last_was_command),
    SAVED(I8042, break_prefix),
};

#define STATE_TYPE "(a{sv}a{sv}a{sv})" /* controller, keyboard, mouse */

static GVariant *i8042_save(Device *device)
{
    I8042 *self = HW_I8042(device);
    GVariant *parts[] = {
        saved_fields_to_variant(self, i8042_fields, G_N_ELEMENTS(i8042_fields)),
        ps2_keyboard_save(self->keyboard),
        ps2_mouse_save(self->mouse),
    };

    return g_variant_new_tuple(parts, G_N_ELEMENTS(parts));
}

static bool i8042_load(Device *device, GVariant *state, GError **error)
{
    I8042 *self = HW_I8042(device);
    g_autoptr(GVariant) own = NULL;
    g_autoptr(GVariant) keyboard = NULL;
    g_autoptr(GVariant) mouse = NULL;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE(STATE_TYPE))) {
        return error_setf(error, "i8042: saved state has type '%s'",
                          g_variant_get_type_string(state));
    }
    own = g_variant_get_child_value(state, 0);
    keyboard = g_variant_get_child_value(state, 1);
    mouse = g_variant_get_child_value(state, 2);
    if (!saved_fields_from_variant(self, i8042_fields, G_N_ELEMENTS(i8042_fields), own, error) ||
        !ps2_keyboard_load(self->keyboard, keyboard, error) ||
        !ps2_mouse_load(self->mouse, mouse, error)) {
        return false;
    }
    irq_set(self->a20, (self->output_port & OUTPUT_A20) != 0);
    fill(self);
    return true;
}

static void i8042_class_init(DeviceClass *klass)
{
    klass->description = "PS/2 keyboard and mouse controller";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_INPUT;
    klass->realize = i8042_realize;
    klass->unrealize = i8042_unrealize;
    klass->reset = i8042_reset;
    klass->saved_version = 1;
    klass->save = i8042_save;
    klass->load = i8042_load;
}

static void i8042_instance_init(I8042 *self)
{
    device_init_irq_out(HW_DEVICE(self), NULL, self->irqs, 2);
    device_init_irq_out(HW_DEVICE(self), "a20", &self->a20, 1);
}
