/*
 * pvpanic: a port by which a guest's kernel tells that it has panicked. Reading it gives the events
 * it knows.
 *
 * Source: QEMU, docs/specs/pvpanic.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/misc/pvpanic.h"

#include "hw/core/run_state.h"
#include "hw/isa/isa.h"
#include "util/log.h"

DEVICE_DECLARE(Pvpanic, pvpanic, HW_PVPANIC)

struct _Pvpanic {
    Device parent_instance;
    uint16_t ioport;
    uint8_t events;
    MemoryRegion region;
};

DEVICE_TYPE(Pvpanic, pvpanic, "pvpanic", TYPE_DEVICE)

static uint64_t pvpanic_read(void *opaque, hwaddr offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    return HW_PVPANIC(opaque)->events;
}

static void pvpanic_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value,
                          unsigned size G_GNUC_UNUSED)
{
    uint8_t told = value & HW_PVPANIC(opaque)->events;

    if (value & ~PVPANIC_EVENTS) {
        log_printf(LOG_GUEST_ERRORS, "pvpanic: unknown event 0x%02x\n", (unsigned)value);
    }
    if (told & PVPANIC_PANICKED) {
        run_state_guest_panicked("pvpanic: the guest's kernel panicked");
    } else if (told & PVPANIC_CRASH_LOADED) {
        report_info("the guest's kernel panicked and starts its crash kernel");
    } else if (told & PVPANIC_SHUTDOWN) {
        run_state_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    }
}

static const MemoryRegionOps pvpanic_ops = {
    .read = pvpanic_read,
    .write = pvpanic_write,
    .valid_min = 1,
    .valid_max = 1,
    .impl_min = 1,
    .impl_max = 1,
};

static bool pvpanic_realize(Device *device, GError **error G_GNUC_UNUSED)
{
    Pvpanic *self = HW_PVPANIC(device);

    memory_region_init_io(&self->region, &pvpanic_ops, self, "pvpanic", 1);
    memory_region_add(isa_bus_io(isa_device_bus(device)), self->ioport, &self->region);
    return true;
}

static void pvpanic_unrealize(Device *device)
{
    memory_region_destroy(&HW_PVPANIC(device)->region);
}

static const DeviceProperty pvpanic_properties[] = {
    DEVICE_PROPERTY(UINT16, "ioport", Pvpanic, ioport, PVPANIC_DEFAULT_PORT, "the I/O port"),
    DEVICE_PROPERTY_RANGE(UINT8, "events", Pvpanic, events, 0, PVPANIC_EVENTS, PVPANIC_EVENTS,
                          "events it takes: 1 panicked, 2 crash kernel loaded, 4 shut down"),
};

static void pvpanic_class_init(DeviceClass *klass)
{
    klass->description = "panic notification port";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->realize = pvpanic_realize;
    klass->unrealize = pvpanic_unrealize;
    klass->saved_version = 1; /* no state: an empty table */
    device_class_add_properties(klass, pvpanic_properties, G_N_ELEMENTS(pvpanic_properties));
}

static void pvpanic_instance_init(Pvpanic *self G_GNUC_UNUSED)
{
}
