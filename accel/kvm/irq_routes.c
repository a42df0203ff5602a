/*
 * The table of interrupt routes: number to MSI. Routes 0-23 are the IOAPIC's pins, the others are
 * given out to devices whose interrupts come by eventfd.
 *
 * With a split irqchip KVM reads the routes of the pins for one purpose more: the vectors of its
 * level-triggered ones are those whose EOI exits. So a pin's route must be right while it is
 * unmasked and level, and may be stale otherwise; that saves a table update for each mask and
 * unmask of an interrupt.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst, KVM_SET_GSI_ROUTING, KVM_IRQFD,
 * KVM_SIGNAL_MSI.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "accel/kvm/kvm_accel.h"
#include "util/log.h"
#include "util/trace.h"

TRACE_DEFINE(kvm_ioapic_route)
TRACE_DEFINE(kvm_irq_routes)

#define MSI_DATA_LEVEL  (1u << 15)
#define MSI_DATA_ASSERT (1u << 14)
#define MAX_ROUTES      4096u

typedef struct {
    bool used;
    bool changed; /* since KVM last got the table */
    unsigned irqfds;
    bool synthetic; /* to an interrupt of a vCPU's SynIC, else a message */
    uint32_t vcpu, sint;
    MsiMessage message;
} Route;

struct KvmIrqRoutes {
    KvmAccel *kvm;
    GArray *routes; /* of Route, by number */
    unsigned limit;
    bool dirty;
};

static Route *route_at(KvmIrqRoutes *routes, int number)
{
    if (number < 0 || (guint)number >= routes->routes->len) {
        return NULL;
    }
    return &g_array_index(routes->routes, Route, number);
}

/* Bits 5-11 of an MSI's address are bits 8-14 of the APIC id where the guest was told so. */
static void split_address(const KvmAccel *kvm, uint64_t address, uint32_t *low, uint32_t *high)
{
    *low = (uint32_t)address;
    *high = (uint32_t)(address >> 32);
    if (kvm->wide_apic_ids && *high == 0) {
        *high = (*low >> 5 & 0x7f) << 8;
        *low &= ~0xfe0u;
    }
}

static bool messages_equal(const MsiMessage *a, const MsiMessage *b)
{
    return a->address == b->address && a->data == b->data;
}

static void fill_entry(KvmAccel *kvm, const Route *route, uint32_t number,
                       struct kvm_irq_routing_entry *entry)
{
    entry->gsi = number;
    if (route->synthetic) {
        entry->type = KVM_IRQ_ROUTING_HV_SINT;
        entry->u.hv_sint.vcpu = route->vcpu;
        entry->u.hv_sint.sint = route->sint;
        return;
    }
    entry->type = KVM_IRQ_ROUTING_MSI;
    entry->u.msi.data = route->message.data;
    split_address(kvm, route->message.address, &entry->u.msi.address_lo,
                  &entry->u.msi.address_hi);
}

void kvm_irq_routes_commit(KvmAccel *kvm)
{
    KvmIrqRoutes *routes = kvm->routes;
    g_autofree struct kvm_irq_routing *table = NULL;

    if (!routes->dirty) {
        return;
    }
    table = g_malloc0(sizeof(*table) + routes->routes->len * sizeof(table->entries[0]));
    for (guint i = 0; i < routes->routes->len; i++) {
        Route *route = &g_array_index(routes->routes, Route, i);
        struct kvm_irq_routing_entry *entry = &table->entries[table->nr];

        if (route->used) {
            fill_entry(kvm, route, i, entry);
            table->nr++;
        }
        route->changed = false;
    }
    routes->dirty = false;
    TRACE(kvm_irq_routes, "%u routes", table->nr);
    if (ioctl(kvm->vm_fd, KVM_SET_GSI_ROUTING, table) < 0) {
        report_error("KVM refuses the interrupt routes: %s", g_strerror(errno));
    }
}

static void kvm_ioapic_route(Accel *accel, unsigned pin, const MsiMessage *message, bool masked,
                             bool level)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    Route *route = route_at(kvm->routes, (int)pin);
    MsiMessage wanted = *message;

    if (!route || pin >= IOAPIC_PIN_COUNT) {
        return;
    }
    if (level) {
        wanted.data |= MSI_DATA_LEVEL | MSI_DATA_ASSERT;
    }
    TRACE(kvm_ioapic_route, "pin %u address 0x%" G_GINT64_MODIFIER "x data 0x%x%s%s", pin,
          message->address, message->data, masked ? " masked" : "", level ? " level" : "");
    if (!route->used || !messages_equal(&route->message, &wanted)) {
        route->message = wanted;
        route->used = true;
        route->changed = kvm->routes->dirty = true;
    }
    if (route->changed && !masked && (level || route->irqfds)) {
        kvm_irq_routes_commit(kvm);
    }
}

static int add_route(KvmIrqRoutes *routes, const Route *from)
{
    Route route = *from;

    route.used = route.changed = true;
    routes->dirty = true;
    for (guint i = IOAPIC_PIN_COUNT; i < routes->routes->len; i++) {
        if (!g_array_index(routes->routes, Route, i).used) {
            g_array_index(routes->routes, Route, i) = route;
            return (int)i;
        }
    }
    if (routes->routes->len >= routes->limit) {
        return -1;
    }
    g_array_append_val(routes->routes, route);
    return (int)routes->routes->len - 1;
}

static int kvm_msi_route_add(Accel *accel, const MsiMessage *message)
{
    return add_route(XL_KVM_ACCEL(accel)->routes, &(Route){.message = *message});
}

int kvm_sint_route_add(KvmAccel *kvm, unsigned vcpu, unsigned sint)
{
    return add_route(kvm->routes, &(Route){.synthetic = true, .vcpu = vcpu, .sint = sint});
}

static void kvm_msi_route_update(Accel *accel, int number, const MsiMessage *message)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    Route *route = route_at(kvm->routes, number);

    if (!route || !route->used || messages_equal(&route->message, message)) {
        return;
    }
    route->message = *message;
    route->changed = kvm->routes->dirty = true;
    if (route->irqfds) {
        kvm_irq_routes_commit(kvm);
    }
}

static void kvm_msi_route_remove(Accel *accel, int number)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    Route *route = route_at(kvm->routes, number);

    /* KVM may keep the entry until the next change: nothing sends through it any more */
    if (route && number >= IOAPIC_PIN_COUNT) {
        memset(route, 0, sizeof(*route));
        kvm->routes->dirty = true;
    }
}

static bool kvm_irqfd_attach(Accel *accel, int number, int eventfd, bool attach)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    Route *route = route_at(kvm->routes, number);
    struct kvm_irqfd irqfd = {
        .fd = (uint32_t)eventfd,
        .gsi = (uint32_t)number,
        .flags = attach ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
    };

    if (!route || !route->used) {
        return false;
    }
    if (attach && route->changed) {
        kvm_irq_routes_commit(kvm);
    }
    if (ioctl(kvm->vm_fd, KVM_IRQFD, &irqfd) < 0) {
        return false;
    }
    route->irqfds += attach ? 1 : (route->irqfds ? -1u : 0);
    return true;
}

static bool kvm_msi_deliver(Accel *accel, const MsiMessage *message)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    struct kvm_msi msi = {.data = message->data};

    if (kvm->xen_ops && kvm->xen_ops->deliver_msi(kvm->xen_opaque, message)) {
        return true;
    }
    split_address(kvm, message->address, &msi.address_lo, &msi.address_hi);
    return ioctl(kvm->vm_fd, KVM_SIGNAL_MSI, &msi) > 0;
}

void kvm_irq_routes_class_init(AccelClass *klass)
{
    klass->ioapic_route = kvm_ioapic_route;
    klass->msi_route_add = kvm_msi_route_add;
    klass->msi_route_update = kvm_msi_route_update;
    klass->msi_route_remove = kvm_msi_route_remove;
    klass->irqfd_attach = kvm_irqfd_attach;
    klass->msi_deliver = kvm_msi_deliver;
}

KvmIrqRoutes *kvm_irq_routes_new(KvmAccel *kvm)
{
    KvmIrqRoutes *routes = g_new0(KvmIrqRoutes, 1);
    int limit = kvm_check(kvm, KVM_CAP_IRQ_ROUTING);

    routes->kvm = kvm;
    routes->limit = limit > 0 ? MIN((unsigned)limit, MAX_ROUTES) : 1024;
    routes->routes = g_array_new(FALSE, TRUE, sizeof(Route));
    g_array_set_size(routes->routes, IOAPIC_PIN_COUNT);
    return routes;
}

void kvm_irq_routes_free(KvmIrqRoutes *routes)
{
    if (routes) {
        g_array_unref(routes->routes);
        g_free(routes);
    }
}
