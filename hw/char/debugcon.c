/*
 * isa-debugcon: a port that firmware and kernels write log text to, a byte at a time. SeaBIOS logs
 * to 0x402, Bochs' own port is 0xe9. Reading gives a fixed value, by which a guest sees that the
 * port is there.
 *
 * Source: Bochs documentation ("port 0xe9 hack"); SeaBIOS, "Debugging".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/output_buffer.h"
#include "hw/isa/isa.h"

DEVICE_DECLARE(DebugConsole, debug_console, HW_DEBUG_CONSOLE)

struct _DebugConsole {
    Device parent_instance;
    uint32_t iobase, readback;
    char *chardev;
    CharFrontend frontend;
    CharOutput *output;
    MemoryRegion region;
};

DEVICE_TYPE(DebugConsole, debug_console, "isa-debugcon", TYPE_DEVICE)

static uint64_t debug_console_read(void *opaque, hwaddr offset G_GNUC_UNUSED,
                                   unsigned size G_GNUC_UNUSED)
{
    return HW_DEBUG_CONSOLE(opaque)->readback & 0xff;
}

/* There is no status to poll, so a byte that a full back end does not take is lost. */
static void debug_console_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value,
                                unsigned size G_GNUC_UNUSED)
{
    char_output_put(HW_DEBUG_CONSOLE(opaque)->output, value);
}

static const MemoryRegionOps debug_console_ops = {
    .read = debug_console_read,
    .write = debug_console_write,
    .valid_min = 1,
    .valid_max = 1,
    .impl_min = 1,
    .impl_max = 1,
};

static bool debug_console_realize(Device *device, GError **error)
{
    DebugConsole *self = HW_DEBUG_CONSOLE(device);

    if (!self->chardev) {
        return error_setf(error, "Can't create debugcon device, empty char device");
    }
    if (!char_frontend_attach_by_id(&self->frontend, self->chardev, "isa-debugcon", error)) {
        return false;
    }
    self->output = char_output_new(&self->frontend, NULL, NULL);
    memory_region_init_io(&self->region, &debug_console_ops, self, "debugcon", 1);
    memory_region_add(isa_bus_io(isa_device_bus(device)), self->iobase, &self->region);
    return true;
}

static void debug_console_unrealize(Device *device)
{
    DebugConsole *self = HW_DEBUG_CONSOLE(device);

    memory_region_destroy(&self->region);
    g_clear_pointer(&self->output, char_output_free);
    char_frontend_detach(&self->frontend);
}

static void debug_console_reset(Device *device)
{
    char_output_flush(HW_DEBUG_CONSOLE(device)->output);
}

static const DeviceProperty debug_console_properties[] = {
    DEVICE_PROPERTY_RANGE(UINT32, "iobase", DebugConsole, iobase, 0, 0xffff, 0xe9, "the I/O port"),
    DEVICE_PROPERTY(UINT32, "readback", DebugConsole, readback, 0xe9,
                    "what reading the port gives"),
    DEVICE_PROPERTY_TEXT("chardev", DebugConsole, chardev, NULL, "ID of the chardev behind it"),
};

static void debug_console_class_init(DeviceClass *klass)
{
    klass->description = "debug console port";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->realize = debug_console_realize;
    klass->unrealize = debug_console_unrealize;
    klass->reset = debug_console_reset;
    klass->saved_version = 1; /* no state: an empty table */
    device_class_add_properties(klass, debug_console_properties,
                                G_N_ELEMENTS(debug_console_properties));
}

static void debug_console_instance_init(DebugConsole *self G_GNUC_UNUSED)
{
}
