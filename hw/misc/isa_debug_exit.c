/*
 * isa-debug-exit: a port that ends the process: status (value << 1) | 1. For test kernels.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/run_state.h"
#include "hw/isa/isa.h"

#define MAX_SIZE 4

DEVICE_DECLARE(DebugExit, debug_exit, HW_DEBUG_EXIT)

struct _DebugExit {
    Device parent_instance;
    uint32_t iobase, iosize;
    MemoryRegion region;
};

DEVICE_TYPE(DebugExit, debug_exit, "isa-debug-exit", TYPE_DEVICE)

static uint64_t debug_exit_read(void *opaque G_GNUC_UNUSED, hwaddr offset G_GNUC_UNUSED,
                                unsigned size G_GNUC_UNUSED)
{
    return 0;
}

static void debug_exit_write(void *opaque G_GNUC_UNUSED, hwaddr offset G_GNUC_UNUSED,
                             uint64_t value, unsigned size G_GNUC_UNUSED)
{
    /* A parent sees eight bits of a status; the rest of the guest's value has no way out. */
    run_state_request_exit((value << 1 | 1) & 0xff);
}

static const MemoryRegionOps debug_exit_ops = {
    .read = debug_exit_read,
    .write = debug_exit_write,
    .valid_min = 1,
    .valid_max = MAX_SIZE,
    .impl_min = 1,
    .impl_max = MAX_SIZE,
};

static bool debug_exit_realize(Device *device, GError **error)
{
    DebugExit *self = HW_DEBUG_EXIT(device);

    if (self->iosize > 0x10000 - self->iobase) {
        return error_setf(error, "isa-debug-exit: iosize %u does not fit behind iobase 0x%x",
                          self->iosize, self->iobase);
    }
    memory_region_init_io(&self->region, &debug_exit_ops, self, "isa-debug-exit", self->iosize);
    memory_region_add(isa_bus_io(isa_device_bus(device)), self->iobase, &self->region);
    return true;
}

static void debug_exit_unrealize(Device *device)
{
    memory_region_destroy(&HW_DEBUG_EXIT(device)->region);
}

static const DeviceProperty debug_exit_properties[] = {
    DEVICE_PROPERTY_RANGE(UINT32, "iobase", DebugExit, iobase, 0, 0xffff, 0x501, "first I/O port"),
    DEVICE_PROPERTY_RANGE(UINT32, "iosize", DebugExit, iosize, 1, MAX_SIZE, 2, "number of ports"),
};

static void debug_exit_class_init(DeviceClass *klass)
{
    klass->description = "port that ends the process with a status";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->realize = debug_exit_realize;
    klass->unrealize = debug_exit_unrealize;
    klass->saved_version = 1; /* no state: an empty table */
    device_class_add_properties(klass, debug_exit_properties, G_N_ELEMENTS(debug_exit_properties));
}

static void debug_exit_instance_init(DebugExit *self G_GNUC_UNUSED)
{
}
