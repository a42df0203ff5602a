/*
 * How an upcall reaches a vCPU: as a vector of its own, as the vector that all share and nobody
 * ends, or as an interrupt line to vCPU 0.
 *
 * A line is driven by vCPU 0's thread alone, each time it comes out of the guest and before it goes
 * in: up while the guest has an upcall pending, down as soon as it has taken it. So whoever raises an
 * upcall needs no lock.
 *
 * Source: Xen's public/hvm/params.h, HVM_PARAM_CALLBACK_IRQ.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/ioctl.h>

#include "hw/i386/kvm/xen_host.h"
#include "util/machine_lock.h"
#include "util/trace.h"

TRACE_DEFINE(xen_callback)

#define MSI_ADDRESS    0xfee00000u
#define CALLBACK(k, v) ((uint32_t)(k) << 8 | (v))

bool xen_host_has_vector(KvmXenHost *host, unsigned index)
{
    return atomic_load(&host->vcpus[index].upcall_vector) || xen_host_callback_vector(host);
}

uint8_t xen_host_callback_vector(KvmXenHost *host)
{
    uint32_t callback = atomic_load(&host->callback);

    return callback >> 8 == XEN_CALLBACK_VECTOR ? (uint8_t)callback : 0;
}

static bool is_line(uint32_t callback)
{
    return callback >> 8 == XEN_CALLBACK_GSI || callback >> 8 == XEN_CALLBACK_INTX;
}

static void drive_line(KvmXenHost *host, bool level)
{
    const XenMachineBoard *board = &host->board;
    const XenCallback *line = &host->line;

    atomic_store(&host->line_level, level);
    if (line->kind == XEN_CALLBACK_GSI) {
        board->set_gsi(board->opaque, line->gsi, level);
    } else if (line->kind == XEN_CALLBACK_INTX) {
        board->set_intx(board->opaque, line->device, line->pin, level);
    }
}

/* vCPU 0 may have a vector of its own beside it, which goes first. */
static bool line_in_use(KvmXenHost *host)
{
    return is_line(atomic_load(&host->callback)) && !atomic_load(&host->vcpus[0].upcall_vector);
}

void xen_host_follow_line(KvmXenHost *host)
{
    bool wanted;

    if (!line_in_use(host) && !atomic_load(&host->line_level)) {
        return;
    }
    wanted = line_in_use(host) && xen_domain_upcall_pending(host->domain, 0);
    if (wanted == atomic_load(&host->line_level)) {
        return;
    }
    machine_lock();
    drive_line(host, wanted);
    machine_unlock();
}

void xen_host_set_callback(XenHost *xen, const XenCallback *callback)
{
    KvmXenHost *host = xen_host_of(xen);
    uint8_t vector = callback->kind == XEN_CALLBACK_VECTOR ? callback->vector : 0;

    TRACE(xen_callback, "kind %d gsi %u device %u pin %u vector 0x%x", (int)callback->kind,
          callback->gsi, callback->device, callback->pin, vector);
    if (atomic_load(&host->line_level)) {
        machine_lock_assert();
        drive_line(host, false);
    }
    host->line = *callback;
    atomic_store(&host->callback, CALLBACK(callback->kind, vector));
    host->kind->vector_changed(host, vector);
    for (unsigned i = 0; i < host->vcpu_count && host->domain; i++) {
        if (xen_domain_upcall_pending(host->domain, i)) {
            xen_host_raise_upcall(xen, i);
        }
    }
}

/* False: its LAPIC is switched off. */
static bool send_message(KvmXenHost *host, XenHostVcpu *vcpu, uint8_t vector)
{
    uint32_t id = vcpu->vcpu->parent.apic_id;
    MsiMessage message = {
        .address = MSI_ADDRESS | (uint64_t)(id & 0xff) << 12 | (uint64_t)(id & 0xffffff00) << 32,
        .data = vector,
    };

    return accel_msi_deliver(&host->kvm->parent_instance, &message);
}

bool xen_host_vcpu_is_runnable(XenHostVcpu *vcpu)
{
    struct kvm_mp_state state;

    return ioctl(vcpu->vcpu->fd, KVM_GET_MP_STATE, &state) == 0 &&
           state.mp_state == KVM_MP_STATE_RUNNABLE;
}

/* Xen's LAPIC keeps a vector that comes while it is off; KVM's forgets it. A vCPU that does not run
 * is seen to when it first comes out. */
void xen_host_send_again(KvmXenHost *host, XenHostVcpu *vcpu)
{
    unsigned index = vcpu->vcpu->parent.index;
    uint8_t own = atomic_load(&vcpu->upcall_vector);

    if (G_LIKELY(!atomic_load(&vcpu->message_waits))) {
        return;
    }
    atomic_store(&vcpu->message_waits, false);
    if (!own || !xen_domain_upcall_pending(host->domain, index) ||
        send_message(host, vcpu, own)) {
        return;
    }
    atomic_store(&vcpu->message_waits, true);
    if (xen_host_vcpu_is_runnable(vcpu)) {
        xen_timers_arm(host->timers, XEN_TIMER_RETRY, index,
                       kvm_clock_ns(host->kvm) + XEN_RETRY_NS);
    }
}

static void raise_own_vector(KvmXenHost *host, XenHostVcpu *vcpu, uint8_t vector)
{
    if (!send_message(host, vcpu, vector)) {
        atomic_store(&vcpu->message_waits, true);
        kvm_vcpu_kick(vcpu->vcpu);
    }
}

void xen_host_raise_upcall(XenHost *xen, unsigned index)
{
    KvmXenHost *host = xen_host_of(xen);
    XenHostVcpu *vcpu = &host->vcpus[index];
    uint8_t own = atomic_load(&vcpu->upcall_vector);
    uint32_t callback = atomic_load(&host->callback);

    if (!vcpu->vcpu) {
        return;
    }
    if (own) {
        raise_own_vector(host, vcpu, own);
    } else if (callback >> 8 == XEN_CALLBACK_VECTOR) {
        host->kind->raise_vector(host, vcpu);
    } else if (index == 0 && is_line(callback)) {
        kvm_vcpu_kick(vcpu->vcpu);
    }
}

bool xen_host_gsi_level(XenHost *xen, unsigned gsi)
{
    const XenMachineBoard *board = &xen_host_of(xen)->board;

    return board->gsi_level(board->opaque, gsi);
}
