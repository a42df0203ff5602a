/*
 * A vCPU at power-on, and the registers of a boot without firmware on top.
 *
 * Sources: Intel SDM volume 3A table 9-1 (state after power-up); the kernel's api.rst.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "target/i386/kvm/kvm_x86.h"
#include "util/error.h"
#include "util/log.h"

#define APIC_BASE_DEFAULT UINT64_C(0xfee00000)
#define APIC_BASE_BSP     (UINT64_C(1) << 8)
#define APIC_BASE_ENABLE  (UINT64_C(1) << 11)

/*
 * A state that was never used is marked as initial, its bytes may be anything: put in what the
 * processor would have, and mark x87 and SSE as given.
 */
static void set_initial_fpu(KvmAccel *kvm, void *area)
{
    const uint16_t control_word = 0x37f;
    const uint32_t mxcsr = 0x1f80;

    if (kvm->xsave_size) {
        uint64_t present;

        memcpy((uint8_t *)area + XSAVE_CONTROL_WORD, &control_word, sizeof(control_word));
        memcpy((uint8_t *)area + XSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
        memcpy(&present, (uint8_t *)area + XSAVE_HEADER, sizeof(present));
        present |= 3;
        memcpy((uint8_t *)area + XSAVE_HEADER, &present, sizeof(present));
    } else {
        ((struct kvm_fpu *)area)->fcw = control_word;
        ((struct kvm_fpu *)area)->mxcsr = mxcsr;
    }
}

bool kvm_x86_note_power_on(KvmVcpu *vcpu, GError **error)
{
    KvmAccel *kvm = vcpu->kvm;
    KvmVcpuState *state = g_new0(KvmVcpuState, 1);

    vcpu->power_on = state;
    state->msrs = kvm_msrs_list(vcpu);
    state->xsave = g_malloc0(kvm_x86_fpu_size(kvm));
    if (ioctl(vcpu->fd, KVM_GET_LAPIC, &state->lapic) < 0) {
        return error_set_errno(error, errno, "KVM does not tell the LAPIC of CPU %u",
                               vcpu->parent.index);
    }
    if (!kvm_x86_get_fpu(vcpu, state->xsave)) {
        return error_set_errno(error, errno, "KVM does not tell the FPU of CPU %u",
                               vcpu->parent.index);
    }
    set_initial_fpu(kvm, state->xsave);
    if (kvm->has_xcrs && ioctl(vcpu->fd, KVM_GET_XCRS, &state->xcrs) < 0) {
        kvm->has_xcrs = false;
    }
    if (kvm->has_debugregs && ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &state->debugregs) < 0) {
        kvm->has_debugregs = false;
    }
    state->nested = kvm_x86_get_nested(vcpu);
    state->apic_base =
        APIC_BASE_DEFAULT | APIC_BASE_ENABLE | (vcpu->parent.index == 0 ? APIC_BASE_BSP : 0);
    return true;
}

void kvm_x86_vcpu_cleanup(KvmVcpu *vcpu)
{
    KvmVcpuState *state = vcpu->power_on;

    if (state) {
        g_array_unref(state->msrs);
        g_free(state->xsave);
        g_free(state->nested);
        g_free(state);
        vcpu->power_on = NULL;
    }
}

static struct kvm_segment data_segment(uint16_t selector, uint64_t base, uint8_t type)
{
    return (struct kvm_segment){
        .base = base, .limit = 0xffff, .selector = selector, .type = type, .present = 1, .s = 1};
}

static void power_on_sregs(const KvmVcpu *vcpu, struct kvm_sregs *sregs)
{
    *sregs = (struct kvm_sregs){
        .cs = data_segment(0xf000, 0xffff0000, 11), /* code, read, accessed */
        .ds = data_segment(0, 0, 3),                /* data, write, accessed */
        .es = data_segment(0, 0, 3),
        .fs = data_segment(0, 0, 3),
        .gs = data_segment(0, 0, 3),
        .ss = data_segment(0, 0, 3),
        .ldt = {.limit = 0xffff, .type = 2, .present = 1},
        .tr = {.limit = 0xffff, .type = 11, .present = 1},
        .gdt = {.limit = 0xffff},
        .idt = {.limit = 0xffff},
        .cr0 = 0x60000010,
        .apic_base = vcpu->power_on->apic_base,
    };
}

static struct kvm_segment boot_segment(const X86Segment *from, bool system)
{
    return (struct kvm_segment){
        .base = from->base,
        .limit = from->limit,
        .selector = from->selector,
        .type = from->type,
        .present = from->present,
        .dpl = from->dpl,
        .db = from->db,
        .s = !system && from->code_data,
        .l = from->long_mode,
        .g = from->granularity,
        .unusable = !from->present,
    };
}

static void boot_sregs(const X86BootState *boot, struct kvm_sregs *sregs)
{
    sregs->cs = boot_segment(&boot->code, false);
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = boot_segment(&boot->data, false);
    if (boot->task.present) {
        sregs->tr = boot_segment(&boot->task, true);
    }
    sregs->gdt.base = boot->gdt_base;
    sregs->gdt.limit = boot->gdt_limit;
    sregs->idt.base = boot->idt_base;
    sregs->idt.limit = boot->idt_limit;
    sregs->cr0 = boot->cr0;
    sregs->cr3 = boot->cr3;
    sregs->cr4 = boot->cr4;
    sregs->efer = boot->efer;
}

static void boot_regs(const X86BootState *boot, struct kvm_regs *regs)
{
    *regs = (struct kvm_regs){
        .rax = boot->rax,
        .rbx = boot->rbx,
        .rcx = boot->rcx,
        .rdx = boot->rdx,
        .rsi = boot->rsi,
        .rdi = boot->rdi,
        .rsp = boot->rsp,
        .rbp = boot->rbp,
        .rip = boot->rip,
        .rflags = boot->rflags | 2,
    };
}

/* A part that KVM refuses is told and passed over: a reset has nobody to return an error to. */
static void put(KvmVcpu *vcpu, unsigned long request, const void *value, const char *what)
{
    if (ioctl(vcpu->fd, request, value) < 0) {
        report_error("reset of CPU %u: KVM refuses its %s: %s", vcpu->parent.index, what,
                     g_strerror(errno));
    }
}

static void reset_events(KvmVcpu *vcpu)
{
    struct kvm_vcpu_events events = {.flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
                                              KVM_VCPUEVENT_VALID_SIPI_VECTOR |
                                              KVM_VCPUEVENT_VALID_SHADOW};

    if (vcpu->kvm->has_triple_fault_event) {
        events.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
    }
    put(vcpu, KVM_SET_VCPU_EVENTS, &events, "pending events");
}

static void reset_msrs(KvmVcpu *vcpu)
{
    const GArray *msrs = vcpu->power_on->msrs;
    g_autofree struct kvm_msr_entry *copy = g_memdup2(msrs->data, msrs->len * sizeof(*copy));

    for (guint i = 0; i < msrs->len; i++) {
        if (copy[i].index == MSR_IA32_TSC) {
            copy[i].data = 0;
        }
    }
    kvm_msrs_set(vcpu, copy, msrs->len, NULL);
    kvm_msr_set(vcpu->fd, MSR_TSC_DEADLINE, 0);
}

static void reset_mtrrs(KvmVcpu *vcpu, const X86BootState *boot)
{
    KvmAccel *kvm = vcpu->kvm;

    if (vcpu->parent.index == 0) {
        kvm->boot_mtrrs_set = boot && boot->set_mtrrs;
        if (!kvm->boot_mtrrs_set) {
            return;
        }
        kvm->boot_mtrrs = *boot;
        for (guint i = 0; i < kvm->vcpus->len; i++) {
            kvm_msrs_set_boot_mtrrs(g_ptr_array_index(kvm->vcpus, i), boot);
        }
    } else if (kvm->boot_mtrrs_set) {
        kvm_msrs_set_boot_mtrrs(vcpu, &kvm->boot_mtrrs);
    }
}

/* The parts in the order KVM needs them: mode before MSRs, MSRs before the LAPIC and its timer. */
static void reset_parts(KvmVcpu *vcpu, const X86BootState *boot)
{
    KvmAccel *kvm = vcpu->kvm;
    KvmVcpuState *state = vcpu->power_on;
    struct kvm_sregs sregs;
    struct kvm_regs regs = {.rip = 0xfff0, .rflags = 2};
    struct kvm_mp_state mp_state = {vcpu->parent.index == 0 ? KVM_MP_STATE_RUNNABLE
                                                            : KVM_MP_STATE_UNINITIALIZED};

    regs.rdx = x86_cpu_model_signature(vcpu->parent.model);
    if (state->nested) {
        /* out of a nested guest first: the registers below are the outer one's */
        put(vcpu, KVM_SET_NESTED_STATE, state->nested, "nested state");
    }
    power_on_sregs(vcpu, &sregs);
    put(vcpu, KVM_SET_SREGS, &sregs, "segment registers");
    if (boot) {
        boot_sregs(boot, &sregs);
        boot_regs(boot, &regs);
        put(vcpu, KVM_SET_SREGS, &sregs, "segment registers for the kernel's start");
    }
    put(vcpu, KVM_SET_REGS, &regs, "registers");
    if (kvm->has_xcrs) {
        put(vcpu, KVM_SET_XCRS, &state->xcrs, "extended control registers");
    }
    put(vcpu, kvm->xsave_size ? KVM_SET_XSAVE : KVM_SET_FPU, state->xsave, "FPU");
    reset_msrs(vcpu);
    reset_mtrrs(vcpu, boot);
    put(vcpu, KVM_SET_LAPIC, &state->lapic, "LAPIC");
    put(vcpu, KVM_SET_MP_STATE, &mp_state, "run state");
    reset_events(vcpu);
    if (kvm->has_debugregs) {
        put(vcpu, KVM_SET_DEBUGREGS, &state->debugregs, "debug registers");
    }
}

void kvm_x86_vcpu_reset(Accel *accel, Vcpu *vcpu, const X86BootState *boot)
{
    KvmVcpu *kvm_vcpu = (KvmVcpu *)vcpu;

    if (log_enabled(LOG_RESET)) {
        g_autoptr(GString) text = g_string_new(NULL);

        kvm_x86_vcpu_dump(accel, vcpu, text);
        log_printf(LOG_RESET, "CPU Reset (CPU %u)\n%s", vcpu->index, text->str);
    }
    reset_parts(kvm_vcpu, boot);
    kvm_vcpu->extint_vector = -1;
    kvm_vcpu->blocked = false;
    kvm_vcpu->io_pending = false;
    g_cond_signal(&kvm_vcpu->wake);
}
