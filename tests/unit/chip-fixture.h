/*
 * What the chips' unit tests share: a machine without a board, an accelerator that records, port
 * and memory access as a guest makes it, a hand-driven clock, and a wire that counts edges.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_CHIP_FIXTURE_H
#define TESTS_UNIT_CHIP_FIXTURE_H

#include "hw/core/machine.h"
#include "hw/isa/isa.h"
#include "util/clock.h"
#include "util/machine_lock.h"

/* ---- the accelerator ---- */

typedef struct {
    Accel parent_instance;
    GArray *messages; /* of MsiMessage, delivered */
    MsiMessage route[IOAPIC_PIN_COUNT];
    bool route_masked[IOAPIC_PIN_COUNT], route_level[IOAPIC_PIN_COUNT];
    unsigned route_changes;
    bool refuses; /* no CPU takes a message */
} FakeAccel;

typedef AccelClass FakeAccelClass;

static GType fake_accel_get_type(void);
G_DEFINE_TYPE(FakeAccel, fake_accel, TYPE_ACCEL)

static bool fake_accel_msi_deliver(Accel *accel, const MsiMessage *message)
{
    FakeAccel *fake = (FakeAccel *)accel;

    if (!fake->refuses) {
        g_array_append_val(fake->messages, *message);
    }
    return !fake->refuses;
}

static void fake_accel_ioapic_route(Accel *accel, unsigned pin, const MsiMessage *message,
                                    bool masked, bool level)
{
    FakeAccel *fake = (FakeAccel *)accel;

    g_assert_cmpuint(pin, <, IOAPIC_PIN_COUNT);
    fake->route[pin] = *message;
    fake->route_masked[pin] = masked;
    fake->route_level[pin] = level;
    fake->route_changes++;
}

static void fake_accel_nothing(Accel *accel)
{
}

static void fake_accel_finalize(GObject *object)
{
    g_array_unref(((FakeAccel *)object)->messages);
    G_OBJECT_CLASS(fake_accel_parent_class)->finalize(object);
}

static void fake_accel_class_init(FakeAccelClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = fake_accel_finalize;
    klass->name = "fake";
    klass->msi_deliver = fake_accel_msi_deliver;
    klass->ioapic_route = fake_accel_ioapic_route;
    klass->vcpus_resume = fake_accel_nothing;
    klass->vcpus_pause = fake_accel_nothing;
}

static void fake_accel_init(FakeAccel *fake)
{
    fake->messages = g_array_new(FALSE, FALSE, sizeof(MsiMessage));
}

/* ---- the machine ---- */

static Machine *machine;
static FakeAccel *accel;
static ISABus *isa;

static inline void fixture_setup(void)
{
    machine = machine_new("none", NULL);
    accel = g_object_new(fake_accel_get_type(), NULL);
    machine_set_accel(machine, XL_ACCEL(accel));
    g_object_unref(accel); /* the machine's now */
    isa = isa_bus_new(machine, NULL, machine_memory_root(machine), machine_io_root(machine));
}

static inline void fixture_teardown(void)
{
    machine_destroy(machine);
}

static inline void fixture_main_init(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    device_types_init();
    clock_virtual_set_manual();
    machine_lock();
}

static inline void fixture_plug(Device *device, Bus *bus)
{
    GError *error = NULL;

    device_realize_and_unref(device, machine, bus, &error);
    g_assert_no_error(error);
}

/* ---- guest accesses ---- */

static inline void out_port(uint16_t port, uint32_t value, unsigned size)
{
    address_space_store(machine_io(machine), port, value, size);
}

static inline uint32_t in_port(uint16_t port, unsigned size)
{
    return (uint32_t)address_space_load(machine_io(machine), port, size);
}

static inline void outb(uint16_t port, uint8_t value)
{
    out_port(port, value, 1);
}

static inline uint8_t inb(uint16_t port)
{
    return (uint8_t)in_port(port, 1);
}

static inline void writel(hwaddr address, uint32_t value)
{
    address_space_store(machine_memory(machine), address, value, 4);
}

static inline uint32_t readl(hwaddr address)
{
    return (uint32_t)address_space_load(machine_memory(machine), address, 4);
}

static inline void writeq(hwaddr address, uint64_t value)
{
    address_space_store(machine_memory(machine), address, value, 8);
}

static inline uint64_t readq(hwaddr address)
{
    return address_space_load(machine_memory(machine), address, 8);
}

/* ---- time ---- */

static inline int64_t now_ns(void)
{
    return clock_get_ns(CLOCK_VIRTUAL);
}

static inline void step_ns(int64_t ns)
{
    clock_virtual_step_to(now_ns() + ns);
}

/* ---- wires ---- */

typedef struct {
    int level;
    unsigned rises, falls;
    IRQLine *line;
} Wire;

static inline void wire_changed(void *opaque, int n, int level)
{
    Wire *wire = opaque;

    wire->rises += level && !wire->level;
    wire->falls += !level && wire->level;
    wire->level = level != 0;
}

/* Watches output pin @n of @device. */
static inline void wire_attach(Wire *wire, Device *device, const char *name, int n)
{
    *wire = (Wire){.line = irq_line_new(wire_changed, wire, 0)};
    device_connect_irq(device, name, n, wire->line);
}

static inline void wire_detach(Wire *wire, Device *device, const char *name, int n)
{
    device_connect_irq(device, name, n, NULL);
    irq_line_free(wire->line);
}

/* ---- saved state ---- */

/* Saves @device, resets it, loads it again, and checks that a second save gives the same. */
static inline void check_round_trip(Device *device)
{
    GError *error = NULL;
    g_autoptr(GVariant) saved = g_variant_ref_sink(device_save(device));
    g_autoptr(GVariant) again = NULL;

    device_reset(device);
    device_load(device, saved, &error);
    g_assert_no_error(error);
    again = g_variant_ref_sink(device_save(device));
    g_assert_true(g_variant_equal(saved, again));
}

/* The saved state of @device with one field replaced; floating @value is taken. */
static inline GVariant *state_with(Device *device, const char *field, GVariant *value)
{
    g_autoptr(GVariant) saved = g_variant_ref_sink(device_save(device));
    g_autoptr(GVariant) fields = NULL;
    GVariantDict dict;
    guint32 version;

    g_variant_get(saved, "(uv)", &version, &fields);
    g_variant_dict_init(&dict, fields);
    g_assert_true(g_variant_dict_contains(&dict, field));
    g_variant_dict_insert_value(&dict, field, value);
    return g_variant_ref_sink(g_variant_new("(uv)", version, g_variant_dict_end(&dict)));
}

/* A stream whose @field has @value is refused with an error; the device then gets its state back. */
static inline void check_refused(Device *device, const char *field, GVariant *value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) good = g_variant_ref_sink(device_save(device));
    g_autoptr(GVariant) bad = state_with(device, field, value);

    g_assert_false(device_load(device, bad, &error));
    g_assert_nonnull(error);
    g_assert_true(device_load(device, good, NULL));
}

#endif
