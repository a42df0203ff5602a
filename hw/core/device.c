/*
 * Device: life, reset, saved state, interrupt pins.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/device.h"

#include "hw/core/device_private.h"
#include "hw/core/machine.h"

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(Device, device, G_TYPE_OBJECT)

DevicePrivate *device_private(Device *device)
{
    return device_get_instance_private(device);
}

static void pin_group_free(gpointer data)
{
    PinGroup *group = data;

    for (unsigned i = 0; i < group->in_count; i++) {
        irq_line_free(group->in[i]);
    }
    for (unsigned i = 0; group->out_made && i < group->out_count; i++) {
        irq_line_free(group->out_made[i]);
    }
    g_free(group->out_made);
    g_free(group->in);
    g_free(group->name);
    g_free(group);
}

static void device_init(Device *device)
{
    DevicePrivate *priv = device_private(device);

    priv->pins = g_ptr_array_new_with_free_func(pin_group_free);
}

static void device_constructed(GObject *object)
{
    device_properties_apply_defaults(HW_DEVICE(object));
    G_OBJECT_CLASS(device_parent_class)->constructed(object);
}

static void device_finalize(GObject *object)
{
    Device *device = HW_DEVICE(object);
    DevicePrivate *priv = device_private(device);

    device_properties_free(device);
    g_ptr_array_unref(priv->pins);
    g_clear_pointer(&priv->given, g_hash_table_unref);
    g_clear_error(&priv->global_error);
    g_free(priv->id);
    g_free(priv->path);
    G_OBJECT_CLASS(device_parent_class)->finalize(object);
}

static void device_class_init(DeviceClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->constructed = device_constructed;
    object_class->finalize = device_finalize;
    klass->category = DEVICE_CATEGORY_MISC;
}

Device *device_new(GType type)
{
    return HW_DEVICE(g_object_new(type, NULL));
}

Device *device_new_by_name(const char *type_name, GError **error)
{
    GType type = device_type_lookup(type_name);

    if (type == 0) {
        error_setf(error, "'%s' is not a valid device model name", type_name);
        return NULL;
    }
    return device_new(type);
}

static bool device_check_bus(Device *device, Bus *bus, GError **error)
{
    const char *wanted = HW_DEVICE_GET_CLASS(device)->bus_type;

    if (!wanted || (bus && g_type_is_a(G_OBJECT_TYPE(bus), g_type_from_name(wanted)))) {
        return true;
    }
    if (!bus) {
        return error_setf(error, "No '%s' bus found for device '%s'", wanted,
                          device_type_name(G_OBJECT_TYPE(device)));
    }
    return error_setf(error, "Device '%s' can't go on %s bus", device_type_name(G_OBJECT_TYPE(device)),
                      G_OBJECT_TYPE_NAME(bus));
}

bool device_realize(Device *device, Machine *machine, Bus *bus, GError **error)
{
    DevicePrivate *priv = device_private(device);
    DeviceClass *klass = HW_DEVICE_GET_CLASS(device);

    g_assert(!priv->realized);
    if (priv->global_error) {
        g_propagate_error(error, g_steal_pointer(&priv->global_error));
        return false;
    }
    if (!device_check_bus(device, bus, error)) {
        return false;
    }
    priv->machine = machine;
    priv->bus = klass->bus_type ? bus : NULL;
    if (priv->bus && !bus_attach(bus, device, error)) {
        priv->bus = NULL;
        return false;
    }
    if (klass->realize && !klass->realize(device, error)) {
        if (machine) {
            boot_order_remove(machine, device);
        }
        if (priv->bus) {
            bus_detach(bus, device);
        }
        priv->bus = NULL;
        return false;
    }
    priv->realized = true;
    g_object_ref(device);
    if (machine) {
        machine_adopt(machine, device);
    }
    device_reset(device);
    return true;
}

bool device_realize_and_unref(Device *device, Machine *machine, Bus *bus, GError **error)
{
    bool realized = device_realize(device, machine, bus, error);

    g_object_unref(device);
    return realized;
}

static void (*removal_listener)(Device *device);

void device_set_removal_listener(void (*removed)(Device *device))
{
    removal_listener = removed;
}

static void (*refusal_listener)(Device *device);

void device_set_unplug_refused_listener(void (*refused)(Device *device))
{
    refusal_listener = refused;
}

void device_unplug_refused(Device *device)
{
    if (refusal_listener) {
        refusal_listener(device);
    }
}

void device_unrealize(Device *device)
{
    DevicePrivate *priv = device_private(device);
    DeviceClass *klass = HW_DEVICE_GET_CLASS(device);

    if (!priv->realized) {
        return;
    }
    if (klass->unrealize) {
        klass->unrealize(device);
    }
    priv->realized = false;
    if (priv->machine) {
        boot_order_remove(priv->machine, device);
        machine_disown(priv->machine, device);
    }
    if (priv->bus) {
        bus_detach(priv->bus, device);
        priv->bus = NULL;
    }
    if (removal_listener) {
        removal_listener(device);
    }
    g_object_unref(device);
}

bool device_is_realized(Device *device)
{
    return device_private(device)->realized;
}

void device_reset(Device *device)
{
    DeviceClass *klass = HW_DEVICE_GET_CLASS(device);

    if (klass->reset) {
        klass->reset(device);
    }
}

/* ---- saved state ---- */

GVariant *device_save(Device *device)
{
    DeviceClass *klass = HW_DEVICE_GET_CLASS(device);
    GVariant *state;

    if (klass->save) {
        state = klass->save(device);
    } else {
        state = saved_fields_to_variant(device, klass->saved_fields, klass->saved_field_count);
    }
    return g_variant_new("(uv)", klass->saved_version, state);
}

static bool device_load_fields(Device *device, GVariant *state, GError **error)
{
    DeviceClass *klass = HW_DEVICE_GET_CLASS(device);

    if (klass->load) {
        if (!klass->load(device, state, error)) {
            return false;
        }
    } else if (!saved_fields_from_variant(device, klass->saved_fields, klass->saved_field_count,
                                          state, error)) {
        return false;
    }
    return !klass->post_load || klass->post_load(device, error);
}

bool device_load(Device *device, GVariant *state, GError **error)
{
    DeviceClass *klass = HW_DEVICE_GET_CLASS(device);
    g_autoptr(GVariant) fields = NULL;
    guint32 version;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE("(uv)"))) {
        return error_setf(error, "saved state of '%s' has type '%s'", device_name(device),
                          g_variant_get_type_string(state));
    }
    g_variant_get(state, "(uv)", &version, &fields);
    if (version != klass->saved_version) {
        return error_setf(error, "saved state of '%s' has version %u instead of %u",
                          device_name(device), version, klass->saved_version);
    }
    if (!device_load_fields(device, fields, error)) {
        g_prefix_error(error, "device '%s': ", device_name(device));
        return false;
    }
    return true;
}

/* ---- identity ---- */

void device_set_id(Device *device, const char *id)
{
    DevicePrivate *priv = device_private(device);

    g_assert(!priv->realized);
    g_free(priv->id);
    priv->id = g_strdup(id);
}

const char *device_get_id(Device *device)
{
    return device_private(device)->id;
}

const char *device_name(Device *device)
{
    const char *id = device_get_id(device);

    return id ? id : device_type_name(G_OBJECT_TYPE(device));
}

void device_set_path(Device *device, const char *path)
{
    DevicePrivate *priv = device_private(device);

    g_free(priv->path);
    priv->path = g_strdup(path);
}

const char *device_get_path(Device *device)
{
    return device_private(device)->path;
}

Machine *device_get_machine(Device *device)
{
    return device_private(device)->machine;
}

Bus *device_get_bus(Device *device)
{
    return device_private(device)->bus;
}

/* ---- pins ---- */

static PinGroup *pin_group_find(Device *device, const char *name)
{
    DevicePrivate *priv = device_private(device);

    for (guint i = 0; i < priv->pins->len; i++) {
        PinGroup *group = g_ptr_array_index(priv->pins, i);
        if (g_strcmp0(group->name, name) == 0) {
            return group;
        }
    }
    return NULL;
}

static PinGroup *pin_group_get(Device *device, const char *name)
{
    PinGroup *group = pin_group_find(device, name);

    if (!group) {
        group = g_new0(PinGroup, 1);
        group->name = g_strdup(name);
        g_ptr_array_add(device_private(device)->pins, group);
    }
    return group;
}

void device_init_irq_in(Device *device, const char *name, IRQHandler handler, int count)
{
    PinGroup *group = pin_group_get(device, name);

    g_assert(group->in_count == 0);
    group->in = g_new0(IRQLine *, count);
    group->in_count = count;
    for (int i = 0; i < count; i++) {
        group->in[i] = irq_line_new(handler, device, i);
    }
}

void device_init_irq_out(Device *device, const char *name, IRQLine **slots, int count)
{
    PinGroup *group = pin_group_get(device, name);

    g_assert(group->out_count == 0);
    group->out_slots = slots;
    group->out_count = count;
}

IRQLine *device_get_irq_in(Device *device, const char *name, int n)
{
    PinGroup *group = pin_group_find(device, name);

    if (!group || n < 0 || (unsigned)n >= group->in_count) {
        return NULL;
    }
    return group->in[n];
}

void device_connect_irq(Device *device, const char *name, int n, IRQLine *line)
{
    PinGroup *group = pin_group_find(device, name);

    g_assert(group && n >= 0 && (unsigned)n < group->out_count);
    group->out_slots[n] = line;
}

static void intercept_line(IRQLine *line, IRQHandler intercept, void *opaque, int n, bool passes)
{
    line->intercept = intercept;
    line->intercept_opaque = opaque;
    line->intercept_n = n;
    line->intercept_passes = passes;
}

bool device_intercept_irq_in(Device *device, const char *name, IRQHandler intercept, void *opaque)
{
    PinGroup *group = pin_group_find(device, name);

    if (!group || group->in_count == 0) {
        return false;
    }
    for (unsigned i = 0; i < group->in_count; i++) {
        intercept_line(group->in[i], intercept, opaque, i, false);
    }
    return true;
}

bool device_intercept_irq_out(Device *device, const char *name, IRQHandler intercept, void *opaque)
{
    PinGroup *group = pin_group_find(device, name);

    if (!group || group->out_count == 0) {
        return false;
    }
    if (!group->out_made) {
        group->out_made = g_new0(IRQLine *, group->out_count);
    }
    for (unsigned i = 0; i < group->out_count; i++) {
        /* A line of its own in front of the real one: other drivers of that pin stay out of it. */
        IRQLine *front = irq_line_new(NULL, NULL, 0);
        if (group->out_slots[i]) {
            *front = *group->out_slots[i];
        }
        intercept_line(front, intercept, opaque, i, true);
        group->out_made[i] = front;
        group->out_slots[i] = front;
    }
    return true;
}
