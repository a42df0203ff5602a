/*
 * The board's interrupt wiring.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/gsi.h"

#define ISA_COUNT   16
#define SCI_GSI     9
#define TIMER_PIN   2

enum {
    SOURCE_ISA = 1 << 0,
    SOURCE_PIRQ = 1 << 1,
    SOURCE_SCI = 1 << 2,
    SOURCE_HPET = 1 << 3,
    SOURCE_XEN = 1 << 4,
};

struct _Gsi {
    Device parent_instance;
    uint8_t sources[GSI_COUNT]; /* who drives it high now */
    uint64_t raised[GSI_COUNT];
    IRQLine *pic[ISA_COUNT];
    IRQLine *ioapic[GSI_COUNT];
    GsiFilter filter;
    void *filter_opaque;
};

/* A line that is taken away while it is high at the controllers goes low there. */
static bool gsi_is_taken(Gsi *gsi, int n, int level)
{
    return gsi->filter && gsi->filter(gsi->filter_opaque, (unsigned)n, level != 0);
}

static void gsi_drive(Gsi *gsi, int n, uint8_t source, int level)
{
    uint8_t before = gsi->sources[n];

    if (level) {
        gsi->sources[n] |= source;
    } else {
        gsi->sources[n] &= (uint8_t)~source;
    }
    if ((before != 0) == (gsi->sources[n] != 0)) {
        return;
    }
    level = gsi->sources[n] != 0;
    gsi->raised[n] += level != 0;
    if (gsi_is_taken(gsi, n, level)) {
        level = 0;
    }
    if (n < ISA_COUNT) {
        irq_set(gsi->pic[n], level != 0);
    }
    irq_set(gsi->ioapic[n == 0 ? TIMER_PIN : n], level != 0);
}

static void isa_input(void *opaque, int n, int level)
{
    gsi_drive(opaque, n, SOURCE_ISA, level);
}

static void pirq_input(void *opaque, int n, int level)
{
    gsi_drive(opaque, n, SOURCE_PIRQ, level);
}

static void sci_input(void *opaque, int n G_GNUC_UNUSED, int level)
{
    gsi_drive(opaque, SCI_GSI, SOURCE_SCI, level);
}

static void hpet_input(void *opaque, int n, int level)
{
    gsi_drive(opaque, n, SOURCE_HPET, level);
}

static void xen_input(void *opaque, int n, int level)
{
    gsi_drive(opaque, n, SOURCE_XEN, level);
}

void gsi_set_filter(Gsi *gsi, GsiFilter filter, void *opaque)
{
    gsi->filter = filter;
    gsi->filter_opaque = opaque;
}

bool gsi_device_level(Gsi *gsi, unsigned n)
{
    return n < GSI_COUNT &&
           (__atomic_load_n(&gsi->sources[n], __ATOMIC_RELAXED) & ~SOURCE_XEN) != 0;
}

uint64_t gsi_raised(Gsi *gsi, unsigned n)
{
    return gsi->raised[n];
}

static const SavedField gsi_fields[] = {
    SAVED_ARRAY(Gsi, sources),
};

DEVICE_TYPE(Gsi, gsi, "pc-gsi", TYPE_DEVICE)

static void gsi_instance_init(Gsi *gsi)
{
    Device *device = HW_DEVICE(gsi);

    device_init_irq_in(device, "isa", isa_input, ISA_COUNT);
    device_init_irq_in(device, "pirq", pirq_input, ISA_COUNT);
    device_init_irq_in(device, "sci", sci_input, 1);
    device_init_irq_in(device, "hpet", hpet_input, GSI_COUNT);
    device_init_irq_in(device, "xen", xen_input, GSI_COUNT);
    device_init_irq_out(device, "pic", gsi->pic, ISA_COUNT);
    device_init_irq_out(device, "ioapic", gsi->ioapic, GSI_COUNT);
}

/* No reset: the lines follow their drivers, each of which lets go of its own when it is reset. */
static void gsi_class_init(DeviceClass *klass)
{
    klass->description = "interrupt wiring of the PC";
    klass->saved_fields = gsi_fields;
    klass->saved_field_count = G_N_ELEMENTS(gsi_fields);
}
