/*
 * Interrupts that are not the LAPIC's own: the PIC's, by ExtINT on LINT0, and NMIs on LINT1.
 *
 * With a split irqchip the PIC is ours: while its INT is high the boot CPU is given the vector as
 * soon as KVM says that the CPU can take one, else a window is asked for.
 *
 * Sources: Intel 8259A data sheet (INTA); Intel SDM volume 3A 10.5.1 (LVT); the kernel's api.rst,
 * KVM_INTERRUPT and KVM_NMI.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "target/i386/kvm/kvm_x86.h"
#include "util/machine_lock.h"
#include "util/trace.h"

TRACE_DEFINE(kvm_extint)

#define APIC_LVT_LINT0  0x350u
#define APIC_LVT_LINT1  0x360u
#define LVT_MASKED      (1u << 16)
#define LVT_MODE_SHIFT  8
#define LVT_MODE_NMI    4u
#define LVT_MODE_EXTINT 7u

static int acknowledge(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;
    int vector = -1;

    machine_lock();
    if (atomic_load(&kvm->pic_level)) {
        vector = kvm->ops->pic_acknowledge(kvm->opaque);
    }
    machine_unlock();
    return vector;
}

static void inject(KvmVcpu *vcpu)
{
    int vector = acknowledge(vcpu);
    struct kvm_interrupt interrupt = {.irq = (uint32_t)vector};

    if (vector < 0 || vector > 255) {
        return;
    }
    TRACE(kvm_extint, "vector 0x%02x", (unsigned)vector);
    if (ioctl(vcpu->fd, KVM_INTERRUPT, &interrupt) == 0) {
        vcpu->extint_vector = vector;
        vcpu->run->ready_for_interrupt_injection = 0;
    }
}

void kvm_x86_before_run(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;

    if (kvm->xen_ops) {
        kvm->xen_ops->before_run(kvm->xen_opaque, vcpu);
    }
    if (vcpu->parent.index != 0) {
        return;
    }
    if (G_UNLIKELY(atomic_load(&kvm->pic_level)) && vcpu->run->ready_for_interrupt_injection) {
        inject(vcpu);
    }
    vcpu->run->request_interrupt_window = atomic_load(&kvm->pic_level);
}

static uint32_t lapic_register(const struct kvm_lapic_state *lapic, uint32_t offset)
{
    uint32_t value;

    memcpy(&value, lapic->regs + offset, sizeof(value));
    return value;
}

static bool lint_delivers(const struct kvm_lapic_state *lapic, uint32_t offset, uint32_t mode)
{
    uint32_t lvt = lapic_register(lapic, offset);

    return !(lvt & LVT_MASKED) && (lvt >> LVT_MODE_SHIFT & 7) == mode;
}

/*
 * KVM does not tell of a vector given by KVM_INTERRUPT that it has not delivered yet. It shows by
 * this: the CPU could take an interrupt, the PIC's line reaches it, and still KVM is not ready for
 * another.
 */
int kvm_x86_pending_extint(KvmVcpu *vcpu)
{
    struct kvm_lapic_state lapic;
    struct kvm_vcpu_events events;
    struct kvm_regs regs;

    if (vcpu->extint_vector < 0 || vcpu->run->ready_for_interrupt_injection ||
        ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 || !(regs.rflags & 1 << 9) ||
        ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events) < 0 || events.interrupt.injected ||
        events.interrupt.shadow || ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic) < 0 ||
        !lint_delivers(&lapic, APIC_LVT_LINT0, LVT_MODE_EXTINT)) {
        return -1;
    }
    return vcpu->extint_vector;
}

static void raise_nmi(KvmVcpu *vcpu, void *opaque)
{
    struct kvm_lapic_state lapic;

    if (ioctl(vcpu->fd, KVM_GET_LAPIC, &lapic) == 0 &&
        lint_delivers(&lapic, APIC_LVT_LINT1, LVT_MODE_NMI)) {
        ioctl(vcpu->fd, KVM_NMI, 0);
    }
}

void kvm_x86_vcpu_nmi(Accel *accel, Vcpu *vcpu)
{
    kvm_vcpu_call((KvmVcpu *)vcpu, raise_nmi, NULL);
}
