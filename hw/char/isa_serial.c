/*
 * isa-serial: a 16550A at COM1 to COM4 or wherever iobase and irq say.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/char/serial.h"
#include "hw/isa/isa.h"

#define AUTOMATIC UINT32_MAX

static const struct {
    uint16_t iobase;
    uint8_t irq;
} standard_ports[] = {{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}};

DEVICE_DECLARE(ISASerial, isa_serial, HW_ISA_SERIAL)

struct _ISASerial {
    Device parent_instance;
    uint32_t index, iobase, irq; /* AUTOMATIC until realize */
    char *chardev;
    IRQLine *irq_out;
    MemoryRegion region;
    SerialPort port;
};

DEVICE_TYPE(ISASerial, isa_serial, "isa-serial", TYPE_DEVICE)

static uint64_t isa_serial_read(void *opaque, hwaddr offset, unsigned size G_GNUC_UNUSED)
{
    return serial_port_read(opaque, offset);
}

static void isa_serial_write(void *opaque, hwaddr offset, uint64_t value,
                             unsigned size G_GNUC_UNUSED)
{
    serial_port_write(opaque, offset, value);
}

static const MemoryRegionOps isa_serial_ops = {
    .read = isa_serial_read,
    .write = isa_serial_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 1,
};

static bool index_is_taken(ISASerial *self, uint32_t index)
{
    GPtrArray *devices = bus_get_children(device_get_bus(HW_DEVICE(self)));

    for (unsigned i = 0; i < devices->len; i++) {
        Device *device = devices->pdata[i];
        if (IS_HW_ISA_SERIAL(device) && device_is_realized(device) &&
            HW_ISA_SERIAL(device)->index == index) {
            return true;
        }
    }
    return false;
}

static bool choose_index(ISASerial *self, GError **error)
{
    if (self->index == AUTOMATIC) {
        for (self->index = 0; index_is_taken(self, self->index); self->index++) {
        }
    } else if (index_is_taken(self, self->index)) {
        return error_setf(error, "isa-serial: index %u is in use", self->index);
    }
    if (self->index >= G_N_ELEMENTS(standard_ports)) {
        return error_setf(error, "Max. supported number of ISA serial ports is %u.",
                          (unsigned)G_N_ELEMENTS(standard_ports));
    }
    return true;
}

static bool choose_resources(ISASerial *self, GError **error)
{
    if (!choose_index(self, error)) {
        return false;
    }
    if (self->iobase == AUTOMATIC) {
        self->iobase = standard_ports[self->index].iobase;
    }
    if (self->irq == AUTOMATIC) {
        self->irq = standard_ports[self->index].irq;
    }
    if (self->iobase > 0x10000 - SERIAL_PORT_SIZE) {
        return error_setf(error, "isa-serial: iobase 0x%x is not an I/O port", self->iobase);
    }
    if (self->irq >= ISA_IRQ_COUNT) {
        return error_setf(error, "isa-serial: irq %u is not an ISA interrupt (0 to 15)", self->irq);
    }
    if (self->port.baud_base == 0) {
        return error_setf(error, "isa-serial: baudbase must not be 0");
    }
    return true;
}

static bool isa_serial_realize(Device *device, GError **error)
{
    ISASerial *self = HW_ISA_SERIAL(device);
    ISABus *bus = isa_device_bus(device);

    if (!choose_resources(self, error) ||
        (self->chardev &&
         !char_frontend_attach_by_id(&self->port.frontend, self->chardev, "serial", error))) {
        return false;
    }
    device_connect_irq(device, NULL, 0, isa_bus_irq(bus, self->irq));
    self->port.irq = &self->irq_out;
    serial_port_init(&self->port);
    memory_region_init_io(&self->region, &isa_serial_ops, &self->port, "serial", SERIAL_PORT_SIZE);
    memory_region_add(isa_bus_io(bus), self->iobase, &self->region);
    return true;
}

static void isa_serial_unrealize(Device *device)
{
    ISASerial *self = HW_ISA_SERIAL(device);

    memory_region_destroy(&self->region);
    serial_port_destroy(&self->port);
}

static void isa_serial_reset(Device *device)
{
    serial_port_reset(&HW_ISA_SERIAL(device)->port);
}

static GVariant *isa_serial_save(Device *device)
{
    return serial_port_save(&HW_ISA_SERIAL(device)->port);
}

static bool isa_serial_load(Device *device, GVariant *state, GError **error)
{
    return serial_port_load(&HW_ISA_SERIAL(device)->port, state, error);
}

static const DeviceProperty isa_serial_properties[] = {
    DEVICE_PROPERTY(UINT32, "index", ISASerial, index, AUTOMATIC,
                    "0 to 3 for COM1 to COM4; the first free one if not given"),
    DEVICE_PROPERTY(UINT32, "iobase", ISASerial, iobase, AUTOMATIC,
                    "first I/O port; by index if not given"),
    DEVICE_PROPERTY(UINT32, "irq", ISASerial, irq, AUTOMATIC,
                    "ISA interrupt; by index if not given"),
    DEVICE_PROPERTY_TEXT("chardev", ISASerial, chardev, NULL, "ID of the chardev behind it"),
    DEVICE_PROPERTY(UINT32, "baudbase", ISASerial, port.baud_base, 115200,
                    "speed in baud at divisor 1"),
    DEVICE_PROPERTY(BOOL, "wakeup", ISASerial, port.wakeup, false,
                    "input wakes a suspended machine"),
};

static void isa_serial_class_init(DeviceClass *klass)
{
    klass->description = "16550A serial port";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_INPUT;
    klass->user_creatable = true;
    klass->realize = isa_serial_realize;
    klass->unrealize = isa_serial_unrealize;
    klass->reset = isa_serial_reset;
    klass->saved_version = 1;
    klass->save = isa_serial_save;
    klass->load = isa_serial_load;
    device_class_add_properties(klass, isa_serial_properties, G_N_ELEMENTS(isa_serial_properties));
}

static void isa_serial_instance_init(ISASerial *self)
{
    device_init_irq_out(HW_DEVICE(self), NULL, &self->irq_out, 1);
}
