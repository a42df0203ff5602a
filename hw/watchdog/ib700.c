/*
 * iBASE IB700: a watchdog with two ports. A write to the first starts it, the value choosing the
 * time, and again before that is over to keep it quiet; a write to the second stops it.
 *
 * Source: Linux drivers/watchdog/ib700wdt.c (ports, table of times).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/device.h"
#include "hw/isa/isa.h"
#include "hw/watchdog/watchdog.h"
#include "util/clock.h"
#include "util/trace.h"

#define IB700_PORT_START 0x443
#define IB700_PORT_STOP  0x441
#define IB700_TIME_MASK  0x0f
#define IB700_LONGEST    30 /* seconds, with value 0; each step is 2 less */

DEVICE_DECLARE(IB700, ib700, HW_IB700)

struct _IB700 {
    Device parent_instance;
    Timer *timer;
    MemoryRegion start, stop;
};

DEVICE_TYPE(IB700, ib700, "ib700", TYPE_DEVICE)

TRACE_DEFINE(ib700_start);

static void expired(void *opaque G_GNUC_UNUSED)
{
    watchdog_expired("the guest's watchdog ib700", NULL, NULL);
}

static uint64_t port_read(void *opaque G_GNUC_UNUSED, hwaddr offset G_GNUC_UNUSED,
                          unsigned size G_GNUC_UNUSED)
{
    return UINT8_MAX;
}

static void start_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value,
                        unsigned size G_GNUC_UNUSED)
{
    unsigned seconds = IB700_LONGEST - 2 * (value & IB700_TIME_MASK);

    TRACE(ib700_start, "seconds %u", seconds);
    timer_mod(HW_IB700(opaque)->timer, clock_get_ns(CLOCK_VIRTUAL) + seconds * NS_PER_SECOND);
}

static void stop_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED,
                       unsigned size G_GNUC_UNUSED)
{
    timer_del(HW_IB700(opaque)->timer);
}

static const MemoryRegionOps start_ops = {
    port_read, start_write, .valid_min = 1, .valid_max = 1, .impl_min = 1, .impl_max = 1,
};

static const MemoryRegionOps stop_ops = {
    port_read, stop_write, .valid_min = 1, .valid_max = 1, .impl_min = 1, .impl_max = 1,
};

static bool ib700_realize(Device *device, GError **error G_GNUC_UNUSED)
{
    IB700 *self = HW_IB700(device);
    MemoryRegion *io = isa_bus_io(isa_device_bus(device));

    self->timer = timer_new(CLOCK_VIRTUAL, expired, self);
    memory_region_init_io(&self->start, &start_ops, self, "ib700-start", 1);
    memory_region_init_io(&self->stop, &stop_ops, self, "ib700-stop", 1);
    memory_region_add(io, IB700_PORT_START, &self->start);
    memory_region_add(io, IB700_PORT_STOP, &self->stop);
    return true;
}

static void ib700_unrealize(Device *device)
{
    IB700 *self = HW_IB700(device);

    memory_region_destroy(&self->start);
    memory_region_destroy(&self->stop);
    g_clear_pointer(&self->timer, timer_free);
}

static void ib700_reset(Device *device)
{
    timer_del(HW_IB700(device)->timer);
}

static const SavedField ib700_fields[] = {SAVED_TIMER(IB700, timer)};

static void ib700_class_init(DeviceClass *klass)
{
    klass->description = "iBASE IB700 watchdog";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->realize = ib700_realize;
    klass->unrealize = ib700_unrealize;
    klass->reset = ib700_reset;
    klass->saved_fields = ib700_fields;
    klass->saved_field_count = G_N_ELEMENTS(ib700_fields);
    klass->saved_version = 1;
}

static void ib700_instance_init(IB700 *self G_GNUC_UNUSED)
{
}
