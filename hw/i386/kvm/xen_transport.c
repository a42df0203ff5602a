/*
 * How a hypercall comes to us and its result goes back; the hypercall page; sleep.
 *
 * With CONFIG_KVM_XEN the instruction itself exits. Else the stubs of the page, and what xen_patch.c
 * has rewritten, write to a port. Either way the registers are those of Xen's hypercall convention.
 *
 * A vCPU that sleeps in SCHEDOP_block or _poll is halted in KVM, which wakes it for its LAPIC's
 * interrupts; whoever has another reason kicks it.
 *
 * Source: Xen's public/arch-x86/xen-x86_64.h and xen-x86_32.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hw/i386/kvm/xen_host.h"
#include "target/i386/kvm/kvm_x86.h"
#include "util/machine_lock.h"
#include "util/trace.h"

TRACE_DEFINE(xen_hypercall_page)

#define EFER_LMA    (UINT64_C(1) << 10)
#define STUB_SIZE   XEN_HYPERCALL_STUB_SIZE
#define STUBS       (XEN_PAGE_SIZE / STUB_SIZE)
#define OPCODE_INT3 0xcc

#define LOOK_AGAIN_NS UINT64_C(1000000)
#define LONG_CALL_US  5000
#define OTHERS_US     200

/* ---- registers ---- */

static bool get_regs(KvmVcpu *vcpu, struct kvm_regs *regs)
{
    if (vcpu->run->kvm_valid_regs & KVM_SYNC_X86_REGS) {
        *regs = vcpu->run->s.regs.regs;
        return true;
    }
    return ioctl(vcpu->fd, KVM_GET_REGS, regs) == 0;
}

static void set_regs(KvmVcpu *vcpu, const struct kvm_regs *regs)
{
    if (vcpu->run->kvm_valid_regs & KVM_SYNC_X86_REGS) {
        vcpu->run->s.regs.regs = *regs;
        vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
    } else {
        ioctl(vcpu->fd, KVM_SET_REGS, regs);
    }
}

static void note_paging(XenHostVcpu *vcpu, const struct kvm_sregs *sregs)
{
    vcpu->paging = (X86Paging){sregs->cr0, sregs->cr3, sregs->cr4, sregs->efer};
    vcpu->paging_known = true;
}

static bool learn_paging(XenHostVcpu *vcpu)
{
    struct kvm_sregs sregs;

    if (!vcpu->paging_known && ioctl(vcpu->vcpu->fd, KVM_GET_SREGS, &sregs) == 0) {
        note_paging(vcpu, &sregs);
    }
    return vcpu->paging_known;
}

bool xen_host_translate(GuestMemory *memory, unsigned index, uint64_t gva, bool write,
                        uint64_t *gpa)
{
    KvmXenHost *host = (KvmXenHost *)((char *)memory - offsetof(KvmXenHost, guest_memory));
    XenHostVcpu *vcpu = &host->vcpus[index];
    X86Translation translation;

    if (!learn_paging(vcpu) ||
        !x86_page_walk(&vcpu->paging, gva, xen_host_read_ram, host, &translation) ||
        (write && !translation.writable)) {
        return false;
    }
    *gpa = translation.physical;
    return true;
}

/* ---- sleep ---- */

static void set_mp_state(KvmVcpu *vcpu, uint32_t state)
{
    struct kvm_mp_state mp_state = {state};

    ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp_state);
}

static void end_sleep(KvmXenHost *host, XenHostVcpu *vcpu)
{
    unsigned index = vcpu->vcpu->parent.index;
    struct kvm_mp_state state;

    vcpu->sleeping = false;
    xen_timers_disarm(host->timers, XEN_TIMER_POLL, index);
    if (host->kind == &xen_host_kernel_kind) {
        xen_timers_disarm(host->timers, XEN_TIMER_RETRY, index);
    }
    xen_domain_awake(host->domain, index);
    xen_domain_runstate(host->domain, index, RUNSTATE_running);
    if (ioctl(vcpu->vcpu->fd, KVM_GET_MP_STATE, &state) == 0 &&
        state.mp_state == KVM_MP_STATE_HALTED) {
        set_mp_state(vcpu->vcpu, KVM_MP_STATE_RUNNABLE);
    }
}

/* Sends and timers that the kernel completes wake nobody who sleeps with interrupts off. */
static void look_again_later(KvmXenHost *host, XenHostVcpu *vcpu)
{
    if (host->kind == &xen_host_kernel_kind) {
        xen_timers_arm(host->timers, XEN_TIMER_RETRY, vcpu->vcpu->parent.index,
                       kvm_clock_ns(host->kvm) + LOOK_AGAIN_NS);
    }
}

static void start_sleep(KvmXenHost *host, XenHostVcpu *vcpu, uint64_t deadline)
{
    unsigned index = vcpu->vcpu->parent.index;

    atomic_store(&vcpu->deadline_passed, false);
    vcpu->sleeping = true;
    xen_domain_runstate(host->domain, index, RUNSTATE_blocked);
    set_mp_state(vcpu->vcpu, KVM_MP_STATE_HALTED);
    if (deadline) {
        xen_timers_arm(host->timers, XEN_TIMER_POLL, index, deadline);
    }
    look_again_later(host, vcpu);
}

void xen_host_end_sleeps(KvmXenHost *host)
{
    for (unsigned i = 0; i < host->vcpu_count; i++) {
        if (host->vcpus[i].vcpu && host->vcpus[i].sleeping) {
            end_sleep(host, &host->vcpus[i]);
        }
    }
}

static bool sleep_is_over(KvmXenHost *host, XenHostVcpu *vcpu)
{
    unsigned index = vcpu->vcpu->parent.index;

    if (atomic_load(&vcpu->deadline_passed) || !xen_domain_may_sleep(host->domain, index)) {
        return true;
    }
    if (atomic_exchange(&vcpu->look_again, false)) {
        if (xen_domain_sleep_is_over(host->domain, index)) {
            return true;
        }
        look_again_later(host, vcpu);
    }
    return false;
}

static void before_run(void *opaque, KvmVcpu *kvm_vcpu)
{
    KvmXenHost *host = opaque;
    XenHostVcpu *vcpu = &host->vcpus[kvm_vcpu->parent.index];

    if (G_UNLIKELY(vcpu->sleeping) && sleep_is_over(host, vcpu)) {
        end_sleep(host, vcpu);
    }
    if (kvm_vcpu->parent.index == 0) {
        xen_host_follow_line(host);
    }
    xen_host_send_again(host, vcpu);
    host->kind->before_run(host, vcpu);
}

/* The guest has run: whatever it slept for, an interrupt came first. */
static void after_run(void *opaque, KvmVcpu *kvm_vcpu)
{
    KvmXenHost *host = opaque;
    XenHostVcpu *vcpu = &host->vcpus[kvm_vcpu->parent.index];

    if (G_UNLIKELY(vcpu->sleeping)) {
        end_sleep(host, vcpu);
    }
    if (kvm_vcpu->parent.index == 0) {
        xen_host_follow_line(host);
    }
}

/* ---- hypercalls ---- */

static void wait_or_go_on(KvmXenHost *host, XenHostVcpu *vcpu, XenCallOutcome outcome,
                          uint64_t deadline)
{
    if (outcome == XEN_CALL_SLEEP) {
        start_sleep(host, vcpu, deadline);
    } else if (outcome == XEN_CALL_YIELD) {
        sched_yield();
    }
}

/* What SCHEDOP_shutdown left to be done when the domain's lock is free. */
static void finish_shutdown(KvmXenHost *host, XenHypercall *call)
{
    if (host->soft_reset_wanted) {
        host->soft_reset_wanted = false;
        xen_machine_soft_reset(host);
    }
    if (host->suspended) {
        /* there is nobody to save the guest in between: "cancelled", which it takes as a resume in
         * place */
        host->suspended = false;
        call->result = 1;
    }
}

bool xen_host_call_is_long(XenHost *xen, unsigned index)
{
    XenHostVcpu *vcpu = &xen_host_of(xen)->vcpus[index];

    return g_get_monotonic_time() - vcpu->call_since > LONG_CALL_US;
}

bool xen_host_let_others(XenHost *xen, unsigned index)
{
    XenHostVcpu *vcpu = &xen_host_of(xen)->vcpus[index];
    bool locked = machine_lock_held();

    if (locked) {
        machine_unlock();
    }
    g_usleep(OTHERS_US); /* a lock that is taken again at once would not reach who waits for it */
    if (locked) {
        machine_lock();
    }
    vcpu->call_since = g_get_monotonic_time();
    return !atomic_load(&vcpu->vcpu->requests);
}

static void run_call(KvmXenHost *host, XenHostVcpu *vcpu, XenHypercall *call)
{
    unsigned index = vcpu->vcpu->parent.index;
    XenCallOutcome outcome;

    if (xen_domain_call_is_light(call)) {
        outcome = xen_domain_hypercall(host->domain, index, call);
    } else {
        machine_lock();
        vcpu->call_since = g_get_monotonic_time();
        outcome = xen_domain_hypercall(host->domain, index, call);
        finish_shutdown(host, call);
        machine_unlock();
    }
    wait_or_go_on(host, vcpu, outcome, call->deadline);
}

static void hypercall(void *opaque, KvmVcpu *kvm_vcpu)
{
    KvmXenHost *host = opaque;
    XenHostVcpu *vcpu = &host->vcpus[kvm_vcpu->parent.index];
    struct kvm_run *run = kvm_vcpu->run;
    XenHypercall call = {
        .number = (uint32_t)MIN(run->xen.u.hcall.input, UINT32_MAX),
        .long_mode = run->xen.u.hcall.longmode != 0,
        .cpl = run->xen.u.hcall.cpl,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(call.arguments); i++) {
        call.arguments[i] = run->xen.u.hcall.params[i];
    }
    vcpu->paging_known = false;
    run_call(host, vcpu, &call);
    run->xen.u.hcall.result = call.result;
}

static void fill_call(XenHypercall *call, const struct kvm_regs *regs,
                      const struct kvm_sregs *sregs)
{
    const uint64_t long_arguments[] = {regs->rdi, regs->rsi, regs->rdx,
                                       regs->r10, regs->r8,  regs->r9};
    const uint64_t short_arguments[] = {regs->rbx, regs->rcx, regs->rdx,
                                        regs->rsi, regs->rdi, regs->rbp};

    call->long_mode = (sregs->efer & EFER_LMA) && sregs->cs.l;
    call->cpl = sregs->ss.dpl;
    call->number = call->long_mode ? (uint32_t)MIN(regs->rax, UINT32_MAX) : (uint32_t)regs->rax;
    memcpy(call->arguments, call->long_mode ? long_arguments : short_arguments,
           sizeof(call->arguments));
}

static void hypercall_port(void *opaque, KvmVcpu *kvm_vcpu)
{
    KvmXenHost *host = opaque;
    XenHostVcpu *vcpu = &host->vcpus[kvm_vcpu->parent.index];
    XenHypercall call = {0};
    struct kvm_regs regs;
    struct kvm_sregs sregs;

    if (!get_regs(kvm_vcpu, &regs) || ioctl(kvm_vcpu->fd, KVM_GET_SREGS, &sregs) < 0) {
        return;
    }
    fill_call(&call, &regs, &sregs);
    note_paging(vcpu, &sregs);
    run_call(host, vcpu, &call);
    vcpu->paging_known = false;
    regs.rax = call.long_mode ? call.result : (uint32_t)call.result;
    set_regs(kvm_vcpu, &regs);
}

/* ---- the hypercall page ---- */

const uint8_t xen_call_port_write[XEN_CALL_LENGTH] = {0xe7, KVM_XEN_PORT, 0x90};

bool xen_call_is_instruction(const uint8_t *at)
{
    return at[0] == 0x0f && at[1] == 0x01 && (at[2] == 0xd9 || at[2] == 0xc1);
}

static void note_page(KvmXenHost *host, uint64_t gfn)
{
    unsigned i = 0;

    while (i < XEN_HYPERCALL_PAGES - 1 && host->hypercall_pages[i] != gfn) {
        i++;
    }
    memmove(host->hypercall_pages + 1, host->hypercall_pages,
            i * sizeof(host->hypercall_pages[0]));
    host->hypercall_pages[0] = gfn;
}

/* mov $number,%eax; then the instruction or the port write; ret. */
static void write_stub(KvmXenHost *host, uint8_t *stub, uint32_t number)
{
    static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1}, vmmcall[] = {0x0f, 0x01, 0xd9};
    static const uint8_t undefined[] = {0x0f, 0x0b};
    bool to_port = host->kind == &xen_host_user_kind || number == __HYPERVISOR_sched_op;

    memset(stub, OPCODE_INT3, STUB_SIZE);
    if (number == __HYPERVISOR_iret) {
        memcpy(stub, undefined, sizeof(undefined));
        return;
    }
    stub[0] = 0xb8;
    memcpy(stub + 1, &number, sizeof(number));
    if (to_port) {
        stub[5] = 0xe7; /* out %eax,$port */
        stub[6] = KVM_XEN_PORT;
        stub[7] = 0xc3;
    } else {
        memcpy(stub + 5, host->vendor_amd ? vmmcall : vmcall, sizeof(vmcall));
        stub[8] = 0xc3;
    }
}

static bool write_page(KvmXenHost *host, KvmVcpu *vcpu, uint64_t value)
{
    uint8_t *page = xen_host_frame(host, value >> XEN_PAGE_SHIFT);
    struct kvm_sregs sregs;

    if (value % XEN_PAGE_SIZE != 0 || !page || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0) {
        return false;
    }
    TRACE(xen_hypercall_page, "at 0x%" G_GINT64_MODIFIER "x", value);
    for (uint32_t i = 0; i < STUBS; i++) {
        write_stub(host, page + i * STUB_SIZE, i);
    }
    ram_dirty_mark(page, XEN_PAGE_SIZE);
    note_page(host, value >> XEN_PAGE_SHIFT);
    xen_domain_latch_mode(host->domain, sregs.efer & EFER_LMA);
    return true;
}

static bool write_msr(void *opaque, KvmVcpu *vcpu, uint32_t index, uint64_t value)
{
    KvmXenHost *host = opaque;

    return index == host->kvm->xen_hypercall_msr && write_page(host, vcpu, value);
}

/*
 * KVM completes sends by the bare instruction itself; by a port write each is an exit to us. But it
 * answers SCHEDOP_poll with a yield, which is no way to wait for a lock's holder. A vCPU alone waits
 * for none.
 */
static bool instruction_serves(const KvmXenHost *host)
{
    return host->kind == &xen_host_kernel_kind && host->vcpu_count == 1;
}

static bool read_msr(void *opaque, KvmVcpu *kvm_vcpu, uint32_t index, uint64_t *value)
{
    KvmXenHost *host = opaque;
    XenHostVcpu *vcpu = &host->vcpus[kvm_vcpu->parent.index];
    struct kvm_regs regs;

    if (index != MSR_IA32_UCODE_REV) {
        return false;
    }
    vcpu->paging_known = false;
    /* once a CPU's start: INIT, of which we do not hear when it was not waited for, stops KVM's clock */
    host->kind->check(host, vcpu);
    if (!instruction_serves(host) && get_regs(kvm_vcpu, &regs) && learn_paging(vcpu)) {
        xen_patcher_run(host->patcher, &vcpu->paging, regs.rip);
    }
    vcpu->paging_known = false;
    return kvm_msr_get(kvm_vcpu->fd, MSR_IA32_UCODE_REV, value);
}

/* ---- life ---- */

static bool vcpu_init(void *opaque, KvmVcpu *kvm_vcpu, GError **error)
{
    KvmXenHost *host = opaque;
    XenHostVcpu *vcpu;

    g_assert(kvm_vcpu->parent.index < host->vcpu_count);
    vcpu = &host->vcpus[kvm_vcpu->parent.index];
    vcpu->vcpu = kvm_vcpu;
    return host->kind->vcpu_init(host, vcpu, error);
}

static void vcpu_woken(void *opaque, KvmVcpu *kvm_vcpu)
{
    KvmXenHost *host = opaque;

    host->kind->check(host, &host->vcpus[kvm_vcpu->parent.index]);
}

static void clock_started(void *opaque)
{
    KvmXenHost *host = opaque;

    for (unsigned i = 0; i < host->vcpu_count; i++) {
        if (host->vcpus[i].vcpu) {
            host->kind->clock_started(host, &host->vcpus[i]);
        }
    }
}

static bool deliver_msi(void *opaque, const MsiMessage *message)
{
    KvmXenHost *host = opaque;

    /* vector 0, which no other message has */
    return (message->data & 0xff) == 0 &&
           xen_domain_deliver_msi(host->domain, message->address, message->data);
}

const KvmXenOps xen_host_kvm_ops = {
    .vcpu_init = vcpu_init,
    .before_run = before_run,
    .after_run = after_run,
    .vcpu_woken = vcpu_woken,
    .clock_started = clock_started,
    .hypercall = hypercall,
    .hypercall_port = hypercall_port,
    .write_msr = write_msr,
    .read_msr = read_msr,
    .deliver_msi = deliver_msi,
};
