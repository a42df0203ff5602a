/*
 * The accelerators' table, and the calls the machine makes, each handed to the accelerator in use.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "accel/vcpu.h"
#include "target/i386/cpu_model.h"
#include "util/error.h"

typedef struct {
    GPtrArray *vcpus; /* of Vcpu, owned by the accelerator's own class */
} AccelPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(Accel, accel, G_TYPE_OBJECT)

#define MAX_ACCEL_TYPES 8

static GType (*type_table[MAX_ACCEL_TYPES])(void);
static unsigned type_count;
static bool debug_threads;

static void accel_finalize(GObject *object)
{
    AccelPrivate *private = accel_get_instance_private(XL_ACCEL(object));

    g_ptr_array_unref(private->vcpus);
    G_OBJECT_CLASS(accel_parent_class)->finalize(object);
}

static void accel_class_init(AccelClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = accel_finalize;
}

static void accel_init(Accel *accel)
{
    AccelPrivate *private = accel_get_instance_private(accel);

    private->vcpus = g_ptr_array_new();
}

void accel_type_table_add(GType (*get_type)(void))
{
    g_assert(type_count < MAX_ACCEL_TYPES);
    type_table[type_count++] = get_type;
}

void accel_type_foreach(void (*visit)(AccelClass *klass, void *opaque), void *opaque)
{
    for (unsigned i = 0; i < type_count; i++) {
        AccelClass *klass = g_type_class_ref(type_table[i]());

        visit(klass, opaque);
        g_type_class_unref(klass);
    }
}

Accel *accel_new(const char *name, GError **error)
{
    for (unsigned i = 0; i < type_count; i++) {
        GType type = type_table[i]();
        AccelClass *klass = g_type_class_ref(type);
        bool found = g_str_equal(klass->name, name);

        g_type_class_unref(klass);
        if (found) {
            return g_object_new(type, NULL);
        }
    }
    error_setf(error, "invalid accelerator %s", name);
    return NULL;
}

const char *accel_name(Accel *accel)
{
    return XL_ACCEL_GET_CLASS(accel)->name;
}

bool accel_is_qtest(Accel *accel)
{
    return g_str_equal(accel_name(accel), "qtest");
}

bool accel_wants_xen(Accel *accel)
{
    AccelClass *klass = XL_ACCEL_GET_CLASS(accel);

    return klass->wants_xen && klass->wants_xen(accel);
}

bool accel_set_option(Accel *accel, const char *key, const char *value, GError **error)
{
    return XL_ACCEL_GET_CLASS(accel)->set_option(accel, key, value, error);
}

bool accel_start(Accel *accel, AddressSpace *memory, AddressSpace *io, const AccelGuestOps *ops,
                 void *opaque, GError **error)
{
    return XL_ACCEL_GET_CLASS(accel)->start(accel, memory, io, ops, opaque, error);
}

Vcpu *accel_vcpu_new(Accel *accel, unsigned index, uint32_t apic_id, const X86CPUModel *model,
                     GError **error)
{
    AccelPrivate *private = accel_get_instance_private(accel);
    Vcpu *vcpu;

    if (index != private->vcpus->len) {
        error_setf(error, "CPU %u cannot be made before CPU %u", index, private->vcpus->len);
        return NULL;
    }
    vcpu = XL_ACCEL_GET_CLASS(accel)->vcpu_new(accel, index, apic_id, model, error);
    if (vcpu) {
        g_ptr_array_add(private->vcpus, vcpu);
    }
    return vcpu;
}

unsigned accel_vcpu_count(Accel *accel)
{
    AccelPrivate *private = accel_get_instance_private(accel);

    return private->vcpus->len;
}

Vcpu *accel_vcpu(Accel *accel, unsigned index)
{
    AccelPrivate *private = accel_get_instance_private(accel);

    return index < private->vcpus->len ? g_ptr_array_index(private->vcpus, index) : NULL;
}

void accel_vcpu_reset(Accel *accel, Vcpu *vcpu, const X86BootState *boot)
{
    XL_ACCEL_GET_CLASS(accel)->vcpu_reset(accel, vcpu, boot);
}

void accel_vcpus_resume(Accel *accel)
{
    XL_ACCEL_GET_CLASS(accel)->vcpus_resume(accel);
}

void accel_vcpus_pause(Accel *accel)
{
    XL_ACCEL_GET_CLASS(accel)->vcpus_pause(accel);
}

void accel_pic_line(Accel *accel, bool level)
{
    XL_ACCEL_GET_CLASS(accel)->pic_line(accel, level);
}

bool accel_msi_deliver(Accel *accel, const MsiMessage *message)
{
    return XL_ACCEL_GET_CLASS(accel)->msi_deliver(accel, message);
}

void accel_ioapic_route(Accel *accel, unsigned pin, const MsiMessage *message, bool masked,
                        bool level)
{
    XL_ACCEL_GET_CLASS(accel)->ioapic_route(accel, pin, message, masked, level);
}

int accel_msi_route_add(Accel *accel, const MsiMessage *message)
{
    return XL_ACCEL_GET_CLASS(accel)->msi_route_add(accel, message);
}

void accel_msi_route_update(Accel *accel, int route, const MsiMessage *message)
{
    XL_ACCEL_GET_CLASS(accel)->msi_route_update(accel, route, message);
}

void accel_msi_route_remove(Accel *accel, int route)
{
    XL_ACCEL_GET_CLASS(accel)->msi_route_remove(accel, route);
}

bool accel_irqfd_attach(Accel *accel, int route, int eventfd, bool attach)
{
    return XL_ACCEL_GET_CLASS(accel)->irqfd_attach(accel, route, eventfd, attach);
}

const X86CPUIDEntry *accel_host_cpuid(Accel *accel, unsigned *count)
{
    AccelClass *klass = XL_ACCEL_GET_CLASS(accel);

    *count = 0;
    return klass->host_cpuid ? klass->host_cpuid(accel, count) : NULL;
}

void accel_set_debug_threads(bool on)
{
    debug_threads = on;
}

bool accel_debug_threads(void)
{
    return debug_threads;
}

GVariant *accel_vcpu_save(Accel *accel, Vcpu *vcpu)
{
    return XL_ACCEL_GET_CLASS(accel)->vcpu_save(accel, vcpu);
}

bool accel_vcpu_load(Accel *accel, Vcpu *vcpu, GVariant *state, GError **error)
{
    return XL_ACCEL_GET_CLASS(accel)->vcpu_load(accel, vcpu, state, error);
}

void accel_vcpu_dump(Accel *accel, Vcpu *vcpu, GString *out)
{
    XL_ACCEL_GET_CLASS(accel)->vcpu_dump(accel, vcpu, out);
}

bool accel_vcpu_registers(Accel *accel, Vcpu *vcpu, X86Registers *registers)
{
    AccelClass *klass = XL_ACCEL_GET_CLASS(accel);

    return klass->vcpu_registers && klass->vcpu_registers(accel, vcpu, registers);
}

void accel_vcpu_nmi(Accel *accel, Vcpu *vcpu)
{
    XL_ACCEL_GET_CLASS(accel)->vcpu_nmi(accel, vcpu);
}

bool accel_log_dirty(Accel *accel, bool on, GError **error)
{
    AccelClass *klass = XL_ACCEL_GET_CLASS(accel);

    return !klass->log_dirty || klass->log_dirty(accel, on, error);
}

bool accel_sync_dirty(Accel *accel, GError **error)
{
    AccelClass *klass = XL_ACCEL_GET_CLASS(accel);

    return !klass->sync_dirty || klass->sync_dirty(accel, error);
}

bool accel_stats(Accel *accel, Vcpu *vcpu, AccelStatVisitor *visit, void *opaque, GError **error)
{
    AccelClass *klass = XL_ACCEL_GET_CLASS(accel);

    return !klass->stats || klass->stats(accel, vcpu, visit, opaque, error);
}

GVariant *accel_save(Accel *accel)
{
    return XL_ACCEL_GET_CLASS(accel)->save(accel);
}

bool accel_load(Accel *accel, GVariant *state, GError **error)
{
    return XL_ACCEL_GET_CLASS(accel)->load(accel, state, error);
}
