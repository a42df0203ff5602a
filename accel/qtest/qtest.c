/*
 * The qtest accelerator: no guest code runs; a socket drives ports, memory and the clock.
 * Interrupts the chips send end here and are recorded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "accel/qtest/qtest.h"
#include "accel/vcpu.h"
#include "util/clock.h"
#include "util/error.h"

#define MSI_RECORD_COUNT 256u
#define MSI_ROUTE_COUNT  1024u

struct _QtestAccel {
    Accel parent_instance;
    GPtrArray *vcpus;
    bool pic_level;
    unsigned msi_count;
    MsiMessage msis[MSI_RECORD_COUNT];
    QtestIoapicRoute ioapic[IOAPIC_PIN_COUNT];
    struct {
        bool used;
        MsiMessage message;
    } routes[MSI_ROUTE_COUNT];
};

G_DEFINE_FINAL_TYPE(QtestAccel, qtest_accel, TYPE_ACCEL)
ACCEL_TYPE_REGISTER(qtest_accel_get_type)

static bool qtest_set_option(Accel *accel, const char *key, const char *value, GError **error)
{
    return error_setf(error, "Property 'qtest-accel.%s' not found", key);
}

static bool qtest_start(Accel *accel, AddressSpace *memory, AddressSpace *io,
                        const AccelGuestOps *ops, void *opaque, GError **error)
{
    clock_virtual_set_manual();
    return true;
}

static Vcpu *qtest_vcpu_new(Accel *accel, unsigned index, uint32_t apic_id,
                            const X86CPUModel *model, GError **error)
{
    Vcpu *vcpu = g_new0(Vcpu, 1);

    *vcpu = (Vcpu){.accel = accel, .index = index, .apic_id = apic_id, .model = model};
    g_ptr_array_add(XL_QTEST_ACCEL(accel)->vcpus, vcpu);
    return vcpu;
}

static void qtest_vcpu_reset(Accel *accel, Vcpu *vcpu, const X86BootState *boot)
{
}

static void qtest_vcpus_switch(Accel *accel)
{
}

static void qtest_pic_line(Accel *accel, bool level)
{
    XL_QTEST_ACCEL(accel)->pic_level = level;
}

static bool qtest_msi_deliver(Accel *accel, const MsiMessage *message)
{
    QtestAccel *qtest = XL_QTEST_ACCEL(accel);

    qtest->msis[qtest->msi_count++ % MSI_RECORD_COUNT] = *message;
    return true;
}

static void qtest_ioapic_route(Accel *accel, unsigned pin, const MsiMessage *message, bool masked,
                               bool level)
{
    if (pin < IOAPIC_PIN_COUNT) {
        XL_QTEST_ACCEL(accel)->ioapic[pin] = (QtestIoapicRoute){*message, masked, level};
    }
}

static int qtest_msi_route_add(Accel *accel, const MsiMessage *message)
{
    QtestAccel *qtest = XL_QTEST_ACCEL(accel);

    for (unsigned i = IOAPIC_PIN_COUNT; i < MSI_ROUTE_COUNT; i++) {
        if (!qtest->routes[i].used) {
            qtest->routes[i].used = true;
            qtest->routes[i].message = *message;
            return (int)i;
        }
    }
    return -1;
}

static void qtest_msi_route_update(Accel *accel, int route, const MsiMessage *message)
{
    if (route >= 0 && (unsigned)route < MSI_ROUTE_COUNT) {
        XL_QTEST_ACCEL(accel)->routes[route].message = *message;
    }
}

static void qtest_msi_route_remove(Accel *accel, int route)
{
    if (route >= 0 && (unsigned)route < MSI_ROUTE_COUNT) {
        XL_QTEST_ACCEL(accel)->routes[route].used = false;
    }
}

/* Nothing listens to an eventfd here: the caller takes its slower path. */
static bool qtest_irqfd_attach(Accel *accel, int route, int eventfd, bool attach)
{
    return !attach;
}

static GVariant *qtest_vcpu_save(Accel *accel, Vcpu *vcpu)
{
    return g_variant_new("a{sv}", NULL);
}

static bool qtest_load_nothing(GVariant *state, GError **error)
{
    if (!g_variant_is_of_type(state, G_VARIANT_TYPE_VARDICT) || g_variant_n_children(state) > 0) {
        return error_setf(error, "this state was not saved under the qtest accelerator");
    }
    return true;
}

static bool qtest_vcpu_load(Accel *accel, Vcpu *vcpu, GVariant *state, GError **error)
{
    return qtest_load_nothing(state, error);
}

static void qtest_vcpu_dump(Accel *accel, Vcpu *vcpu, GString *out)
{
    g_string_append_printf(out, "CPU#%u: no guest code runs under qtest\n", vcpu->index);
}

static void qtest_vcpu_nmi(Accel *accel, Vcpu *vcpu)
{
}

static GVariant *qtest_save(Accel *accel)
{
    return g_variant_new("a{sv}", NULL);
}

static bool qtest_load(Accel *accel, GVariant *state, GError **error)
{
    return qtest_load_nothing(state, error);
}

static void qtest_accel_finalize(GObject *object)
{
    g_ptr_array_unref(XL_QTEST_ACCEL(object)->vcpus);
    G_OBJECT_CLASS(qtest_accel_parent_class)->finalize(object);
}

static void qtest_accel_class_init(QtestAccelClass *klass)
{
    AccelClass *accel = XL_ACCEL_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = qtest_accel_finalize;
    accel->name = "qtest";
    accel->description = "QTest";
    accel->set_option = qtest_set_option;
    accel->start = qtest_start;
    accel->vcpu_new = qtest_vcpu_new;
    accel->vcpu_reset = qtest_vcpu_reset;
    accel->vcpus_resume = accel->vcpus_pause = qtest_vcpus_switch;
    accel->pic_line = qtest_pic_line;
    accel->msi_deliver = qtest_msi_deliver;
    accel->ioapic_route = qtest_ioapic_route;
    accel->msi_route_add = qtest_msi_route_add;
    accel->msi_route_update = qtest_msi_route_update;
    accel->msi_route_remove = qtest_msi_route_remove;
    accel->irqfd_attach = qtest_irqfd_attach;
    accel->vcpu_save = qtest_vcpu_save;
    accel->vcpu_load = qtest_vcpu_load;
    accel->vcpu_dump = qtest_vcpu_dump;
    accel->vcpu_nmi = qtest_vcpu_nmi;
    accel->save = qtest_save;
    accel->load = qtest_load;
}

static void qtest_accel_init(QtestAccel *qtest)
{
    qtest->vcpus = g_ptr_array_new_with_free_func(g_free);
}

bool qtest_accel_pic_level(QtestAccel *qtest)
{
    return qtest->pic_level;
}

unsigned qtest_accel_msi_count(QtestAccel *qtest)
{
    return qtest->msi_count;
}

bool qtest_accel_msi(QtestAccel *qtest, unsigned index, MsiMessage *message)
{
    if (index >= qtest->msi_count || qtest->msi_count - index > MSI_RECORD_COUNT) {
        return false;
    }
    *message = qtest->msis[index % MSI_RECORD_COUNT];
    return true;
}

const QtestIoapicRoute *qtest_accel_ioapic_route(QtestAccel *qtest, unsigned pin)
{
    return pin < IOAPIC_PIN_COUNT ? &qtest->ioapic[pin] : NULL;
}

bool qtest_accel_msi_route(QtestAccel *qtest, int route, MsiMessage *message)
{
    if (route < 0 || (unsigned)route >= MSI_ROUTE_COUNT || !qtest->routes[route].used) {
        return false;
    }
    *message = qtest->routes[route].message;
    return true;
}
