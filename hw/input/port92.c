/*
 * port92: system control port A of the PS/2: fast A20 gate and fast reset.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "System Control Port A (hex 0092)".
 *
 * Output pin "a20" follows bit 1; the board combines it with the keyboard controller's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/run_state.h"
#include "hw/isa/isa.h"

#define PORT 0x92

enum {
    FAST_RESET = 0x01, /* going from 0 to 1 resets the processor */
    A20_GATE = 0x02,
};

DEVICE_DECLARE(Port92, port92, HW_PORT92)

struct _Port92 {
    Device parent_instance;
    uint8_t value;
    IRQLine *a20;
    MemoryRegion region;
};

DEVICE_TYPE(Port92, port92, "port92", TYPE_DEVICE)

static uint64_t port92_read(void *opaque, hwaddr offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    return HW_PORT92(opaque)->value;
}

static void port92_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value,
                         unsigned size G_GNUC_UNUSED)
{
    Port92 *self = HW_PORT92(opaque);
    uint8_t before = self->value;

    self->value = value;
    irq_set(self->a20, (value & A20_GATE) != 0);
    if ((value & FAST_RESET) && !(before & FAST_RESET)) {
        run_state_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const MemoryRegionOps port92_ops = {
    .read = port92_read,
    .write = port92_write,
    .valid_min = 1,
    .valid_max = 1,
    .impl_min = 1,
    .impl_max = 1,
};

static bool port92_realize(Device *device, GError **error G_GNUC_UNUSED)
{
    Port92 *self = HW_PORT92(device);

    memory_region_init_io(&self->region, &port92_ops, self, "port92", 1);
    memory_region_add(isa_bus_io(isa_device_bus(device)), PORT, &self->region);
    return true;
}

static void port92_unrealize(Device *device)
{
    memory_region_destroy(&HW_PORT92(device)->region);
}

static void port92_reset(Device *device)
{
    Port92 *self = HW_PORT92(device);

    self->value = 0;
    irq_set(self->a20, 0);
}

static bool port92_post_load(Device *device, GError **error G_GNUC_UNUSED)
{
    Port92 *self = HW_PORT92(device);

    irq_set(self->a20, (self->value & A20_GATE) != 0);
    return true;
}

static const SavedField port92_fields[] = {SAVED(Port92, value)};

static void port92_class_init(DeviceClass *klass)
{
    klass->description = "system control port A: fast A20 and reset";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->realize = port92_realize;
    klass->unrealize = port92_unrealize;
    klass->reset = port92_reset;
    klass->saved_version = 1;
    klass->saved_fields = port92_fields;
    klass->saved_field_count = G_N_ELEMENTS(port92_fields);
    klass->post_load = port92_post_load;
}

static void port92_instance_init(Port92 *self)
{
    device_init_irq_out(HW_DEVICE(self), "a20", &self->a20, 1);
}
