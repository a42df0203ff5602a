/*
 * The TSC of a guest that is saved and loaded: it stands still with the guest's clock.
 *
 * A processor's TSC runs on while the guest is stopped; what is saved is what it was when the clock
 * stopped, and it is set again when the clock goes on.
 *
 * It is set by its offset from the host's: a write to the MSR that comes near what the TSC says
 * anyway is taken by KVM for an attempt to make it equal to another CPU's, and moves nothing. CPU 0
 * has its offset set by its TSC, and the others keep their distance from it, since all were read at
 * different times.
 *
 * Source: the kernel's Documentation/virt/kvm/devices/vcpu.rst, KVM_VCPU_TSC_OFFSET (Linux 5.16).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/ioctl.h>

#include "target/i386/kvm/kvm_x86.h"

#define NS_PER_MS_TICK 1000000u /* kHz are ticks in so many ns */

static bool offset_attribute(KvmVcpu *vcpu, unsigned long request, uint64_t *offset)
{
    struct kvm_device_attr attribute = {
        .group = KVM_VCPU_TSC_CTRL,
        .attr = KVM_VCPU_TSC_OFFSET,
        .addr = (uintptr_t)offset,
    };

    return ioctl(vcpu->fd, request, &attribute) == 0;
}

bool kvm_x86_tsc_offset(KvmVcpu *vcpu, uint64_t *offset)
{
    return offset_attribute(vcpu, KVM_GET_DEVICE_ATTR, offset);
}

uint64_t kvm_x86_tsc_at_stop(KvmVcpu *vcpu, uint64_t tsc)
{
    struct kvm_clock_data clock = {0};
    int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
    uint64_t since, ticks;

    if (!vcpu->kvm->clock_valid || khz <= 0 || ioctl(vcpu->kvm->vm_fd, KVM_GET_CLOCK, &clock) < 0 ||
        clock.clock < vcpu->kvm->clock_ns) {
        return tsc;
    }
    since = clock.clock - vcpu->kvm->clock_ns;
    ticks = (uint64_t)((unsigned __int128)since * (unsigned)khz / NS_PER_MS_TICK);
    return tsc > ticks ? tsc - ticks : tsc;
}

/* CPU 0 first: the distance is what its TSC makes it. */
static void set_offset(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;
    uint64_t offset, now;

    if (vcpu->parent.index == 0) {
        if (!kvm_x86_tsc_offset(vcpu, &offset) || !kvm_msr_get(vcpu->fd, MSR_IA32_TSC, &now)) {
            kvm->tsc_loaded = false;
            return;
        }
        kvm->tsc_distance = offset + (kvm->tsc_value - now) - vcpu->tsc_offset;
        kvm->tsc_loaded = true;
    }
    if (kvm->tsc_loaded) {
        offset = vcpu->tsc_offset + kvm->tsc_distance;
        offset_attribute(vcpu, KVM_SET_DEVICE_ATTR, &offset);
    }
}

void kvm_x86_tsc_loaded(KvmVcpu *vcpu, uint64_t offset, uint64_t tsc)
{
    vcpu->tsc_offset = offset;
    if (vcpu->parent.index == 0) {
        vcpu->kvm->tsc_value = tsc;
    }
    set_offset(vcpu);
}

/* A deadline that has been counted down to with the other offset counts anew. */
static void restart_deadline(KvmVcpu *vcpu)
{
    uint64_t deadline;

    if (kvm_msr_get(vcpu->fd, MSR_TSC_DEADLINE, &deadline) && deadline) {
        kvm_msr_set(vcpu->fd, MSR_TSC_DEADLINE, deadline);
    }
}

void kvm_x86_clock_started(KvmAccel *kvm)
{
    bool loaded = kvm->tsc_loaded;

    for (guint i = 0; loaded && i < kvm->vcpus->len; i++) {
        KvmVcpu *vcpu = g_ptr_array_index(kvm->vcpus, i);

        set_offset(vcpu);
        restart_deadline(vcpu);
    }
    kvm->tsc_loaded = false;
}
