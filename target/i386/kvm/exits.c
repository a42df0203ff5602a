/*
 * Why KVM_RUN came back, a handler a reason.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst, section 5.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "target/i386/kvm/kvm_x86.h"
#include "util/log.h"
#include "util/machine_lock.h"
#include "util/trace.h"

TRACE_DEFINE(kvm_exit)

#define MSR_HV_CRASH_P0 0x40000100u

static void end_vcpu(KvmVcpu *vcpu, AccelGuestRequest request)
{
    KvmAccel *kvm = vcpu->kvm;

    /* A guest that has ended must not run on before somebody resets it. */
    vcpu->blocked = true;
    kvm->ops->request(kvm->opaque, request);
}

static void end_with_registers(KvmVcpu *vcpu)
{
    kvm_x86_report_registers(vcpu);
    end_vcpu(vcpu, ACCEL_GUEST_INTERNAL_ERROR);
}

static uint64_t load_value(const uint8_t *data, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, data, size);
    return GUINT64_FROM_LE(value);
}

static void store_value(uint8_t *data, uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    memcpy(data, &value, size);
}

/* @count is over 1 for a string instruction. */
static void exit_io(KvmVcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    AddressSpace *io = vcpu->kvm->io;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    unsigned size = run->io.size;

    vcpu->io_pending = true;
    if (run->io.port == KVM_XEN_PORT && vcpu->kvm->xen_ops && size == 4 &&
        run->io.direction == KVM_EXIT_IO_OUT && run->io.count == 1) {
        vcpu->kvm->xen_ops->hypercall_port(vcpu->kvm->xen_opaque, vcpu);
        return;
    }
    for (uint32_t i = 0; i < run->io.count; i++, data += size) {
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            address_space_store(io, run->io.port, load_value(data, size), size);
        } else {
            store_value(data, address_space_load(io, run->io.port, size), size);
        }
    }
}

/* KVM splits an access at pages and at 8 bytes, so a piece may have any length up to 8. */
static void exit_mmio(KvmVcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    AddressSpace *memory = vcpu->kvm->memory;
    unsigned size = MIN(run->mmio.len, (uint32_t)sizeof(run->mmio.data));
    bool natural = size && (size & (size - 1)) == 0;

    vcpu->io_pending = true;
    if (run->mmio.is_write && natural) {
        address_space_store(memory, run->mmio.phys_addr, load_value(run->mmio.data, size), size);
    } else if (run->mmio.is_write) {
        address_space_write(memory, run->mmio.phys_addr, run->mmio.data, size);
    } else if (natural) {
        store_value(run->mmio.data, address_space_load(memory, run->mmio.phys_addr, size), size);
    } else {
        address_space_read(memory, run->mmio.phys_addr, run->mmio.data, size);
    }
}

static void exit_ioapic_eoi(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;

    machine_lock();
    kvm->ops->ioapic_eoi(kvm->opaque, vcpu->run->eoi.vector);
    machine_unlock();
}

/* Interrupt windows and signals: the loop looks at what is pending before it goes in again. */
static void exit_nothing(KvmVcpu *vcpu)
{
}

static void exit_shutdown(KvmVcpu *vcpu)
{
    end_vcpu(vcpu, ACCEL_GUEST_RESET);
}

static bool in_user_mode(KvmVcpu *vcpu)
{
    struct kvm_sregs sregs;

    return ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) == 0 && (sregs.cr0 & 1) && sregs.ss.dpl == 3;
}

static void exit_internal_error(KvmVcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;

    report_error("KVM internal error. Suberror: %u", run->internal.suberror);
    for (uint32_t i = 0; i < MIN(run->internal.ndata, 16u); i++) {
        report_error("extra data[%u]: 0x%016" G_GINT64_MODIFIER "x", i,
                     (uint64_t)run->internal.data[i]);
    }
    if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION) {
        report_error("emulation failure");
        if (in_user_mode(vcpu)) {
            /* KVM has given the process an invalid-opcode exception: the guest's kernel goes on */
            kvm_x86_report_registers(vcpu);
            return;
        }
    }
    end_with_registers(vcpu);
}

static void exit_fail_entry(KvmVcpu *vcpu)
{
    report_error("KVM: entry failed, hardware error 0x%" G_GINT64_MODIFIER "x on CPU %u",
                 (uint64_t)vcpu->run->fail_entry.hardware_entry_failure_reason,
                 vcpu->run->fail_entry.cpu);
    end_with_registers(vcpu);
}

static void exit_hardware(KvmVcpu *vcpu)
{
    report_error("KVM: unknown exit, hardware reason 0x%" G_GINT64_MODIFIER "x",
                 (uint64_t)vcpu->run->hw.hardware_exit_reason);
    end_with_registers(vcpu);
}

/* TLFS: the guest has filled in five numbers before it wrote the control register. */
static void tell_hyperv_crash(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;
    uint64_t parameters[HYPERV_CRASH_PARAMETERS];

    for (unsigned i = 0; i < G_N_ELEMENTS(parameters); i++) {
        if (!kvm_msr_get(vcpu->fd, MSR_HV_CRASH_P0 + i, &parameters[i])) {
            return;
        }
    }
    if (kvm->ops->hyperv_crash && x86_cpu_model_has(vcpu->parent.model, "hv-crash")) {
        kvm->ops->hyperv_crash(kvm->opaque, parameters);
    }
}

static void exit_system_event(KvmVcpu *vcpu)
{
    switch (vcpu->run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        end_vcpu(vcpu, ACCEL_GUEST_SHUTDOWN);
        break;
    case KVM_SYSTEM_EVENT_RESET:
        end_vcpu(vcpu, ACCEL_GUEST_RESET);
        break;
    case KVM_SYSTEM_EVENT_CRASH:
        tell_hyperv_crash(vcpu);
        end_vcpu(vcpu, ACCEL_GUEST_PANICKED);
        break;
    default:
        report_error("KVM: system event %u", vcpu->run->system_event.type);
        end_with_registers(vcpu);
        break;
    }
}

/* The guest held the CPU for longer than a notify window. */
static void exit_notify(KvmVcpu *vcpu)
{
    bool invalid = vcpu->run->notify.flags & KVM_NOTIFY_CONTEXT_INVALID;

    if (invalid || vcpu->kvm->options.notify_vmexit == NOTIFY_VMEXIT_INTERNAL_ERROR) {
        report_error("KVM: notify VM exit%s", invalid ? " with an invalid context" : "");
        end_with_registers(vcpu);
    }
}

/* Only MSRs of the Xen host's filter come here; a filter that another one left is not ours. */
static void exit_read_msr(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;
    uint64_t value = 0;

    vcpu->io_pending = true;
    vcpu->run->msr.error =
        !kvm->xen_ops || !kvm->xen_ops->read_msr(kvm->xen_opaque, vcpu, vcpu->run->msr.index, &value);
    vcpu->run->msr.data = value;
}

static void exit_write_msr(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;

    vcpu->io_pending = true;
    vcpu->run->msr.error = !kvm->xen_ops ||
                           !kvm->xen_ops->write_msr(kvm->xen_opaque, vcpu, vcpu->run->msr.index,
                                                    vcpu->run->msr.data);
}

static void exit_xen(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;

    vcpu->io_pending = true;
    if (kvm->xen_ops && vcpu->run->xen.type == KVM_EXIT_XEN_HCALL) {
        kvm->xen_ops->hypercall(kvm->xen_opaque, vcpu);
    }
}

typedef struct {
    const char *name;
    void (*handle)(KvmVcpu *vcpu);
} ExitHandler;

static const ExitHandler exit_handlers[] = {
    [KVM_EXIT_UNKNOWN] = {"unknown", exit_hardware},
    [KVM_EXIT_IO] = {"io", exit_io},
    [KVM_EXIT_MMIO] = {"mmio", exit_mmio},
    [KVM_EXIT_HLT] = {"hlt", exit_nothing},
    [KVM_EXIT_IRQ_WINDOW_OPEN] = {"irq-window-open", exit_nothing},
    [KVM_EXIT_SHUTDOWN] = {"shutdown", exit_shutdown},
    [KVM_EXIT_FAIL_ENTRY] = {"fail-entry", exit_fail_entry},
    [KVM_EXIT_INTR] = {"intr", exit_nothing},
    [KVM_EXIT_SET_TPR] = {"set-tpr", exit_nothing},
    [KVM_EXIT_INTERNAL_ERROR] = {"internal-error", exit_internal_error},
    [KVM_EXIT_SYSTEM_EVENT] = {"system-event", exit_system_event},
    [KVM_EXIT_IOAPIC_EOI] = {"ioapic-eoi", exit_ioapic_eoi},
    [KVM_EXIT_X86_RDMSR] = {"rdmsr", exit_read_msr},
    [KVM_EXIT_X86_WRMSR] = {"wrmsr", exit_write_msr},
    [KVM_EXIT_HYPERV] = {"hyperv", kvm_hyperv_exit},
    [KVM_EXIT_XEN] = {"xen", exit_xen},
    [KVM_EXIT_NOTIFY] = {"notify", exit_notify},
};

void kvm_x86_handle_exit(KvmVcpu *vcpu)
{
    uint32_t reason = vcpu->run->exit_reason;
    const ExitHandler *handler =
        reason < G_N_ELEMENTS(exit_handlers) ? &exit_handlers[reason] : NULL;

    if (!handler || !handler->handle) {
        report_error("KVM: exit reason %u is not known here", reason);
        end_with_registers(vcpu);
        return;
    }
    TRACE(kvm_exit, "cpu %u %s", vcpu->parent.index, handler->name);
    if (vcpu->kvm->xen_ops) {
        vcpu->kvm->xen_ops->after_run(vcpu->kvm->xen_opaque, vcpu);
    }
    handler->handle(vcpu);
}

void kvm_x86_run_failed(KvmVcpu *vcpu, int errnum)
{
    report_error("KVM cannot run CPU %u: %s", vcpu->parent.index, g_strerror(errnum));
    end_with_registers(vcpu);
}
