/*
 * What a Xen guest does with its vCPUs and with itself: start, stop, wake, end.
 *
 * "Up" is KVM's own run state: a vCPU that was never started, or that VCPUOP_down stopped, waits for
 * INIT as after power-on, and VCPUOP_up makes it runnable with the registers it has. As under Xen, a vCPU
 * that halts with interrupts off is down as well: so a kernel leaves its other vCPUs to the next one.
 *
 * Source: Xen's public/vcpu.h, hvm/hvm_vcpu.h, sched.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/ioctl.h>

#include "hw/core/run_state.h"
#include "hw/i386/kvm/xen_host.h"
#include "hw/watchdog/watchdog.h"
#include "util/log.h"

#define CR0_PE   UINT64_C(1)
#define CR0_PG   (UINT64_C(1) << 31)
#define RFLAGS_IF (UINT64_C(1) << 9)
#define CR4_PGE  (UINT64_C(1) << 7)
#define EFER_LME (UINT64_C(1) << 8)
#define EFER_LMA (UINT64_C(1) << 10)

static KvmVcpu *vcpu_at(XenHost *host, unsigned vcpu)
{
    return xen_host_of(host)->vcpus[vcpu].vcpu;
}

/* ---- up and down ---- */

/* A vCPU that sleeps in SCHEDOP_poll is halted too, and may have interrupts off. */
static bool is_running(XenDomain *domain, unsigned index, uint32_t state, uint64_t rflags)
{
    switch (state) {
    case KVM_MP_STATE_UNINITIALIZED:
    case KVM_MP_STATE_INIT_RECEIVED:
        return false;
    case KVM_MP_STATE_HALTED:
        return (rflags & RFLAGS_IF) || xen_domain_is_sleeping(domain, index);
    default:
        return true;
    }
}

bool xen_host_vcpu_is_up(XenHost *host, unsigned index)
{
    XenDomain *domain = xen_host_of(host)->domain;
    KvmVcpu *vcpu = vcpu_at(host, index);
    struct kvm_mp_state state = {0};
    struct kvm_regs regs = {0};
    bool known;

    if (vcpu == kvm_vcpu_current()) {
        return true;
    }
    kvm_vcpu_hold(vcpu);
    known = ioctl(vcpu->fd, KVM_GET_MP_STATE, &state) == 0 &&
            ioctl(vcpu->fd, KVM_GET_REGS, &regs) == 0;
    kvm_vcpu_release(vcpu);
    return known && is_running(domain, index, state.mp_state, regs.rflags);
}

static int set_state(KvmVcpu *vcpu, uint32_t state)
{
    struct kvm_mp_state mp_state = {state};
    int result;

    kvm_vcpu_hold(vcpu);
    result = ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp_state) == 0 ? 0 : -XEN_EINVAL;
    kvm_vcpu_release(vcpu);
    return result;
}

int xen_host_vcpu_up(XenHost *host, unsigned index)
{
    if (xen_host_vcpu_is_up(host, index)) {
        return 0;
    }
    xen_domain_runstate(xen_host_of(host)->domain, index, RUNSTATE_running);
    return set_state(vcpu_at(host, index), KVM_MP_STATE_RUNNABLE);
}

int xen_host_vcpu_down(XenHost *host, unsigned index)
{
    int result = set_state(vcpu_at(host, index), KVM_MP_STATE_UNINITIALIZED);

    xen_domain_runstate(xen_host_of(host)->domain, index, RUNSTATE_offline);
    return result;
}

/* ---- registers of a new vCPU ---- */

/* Attributes as in a descriptor's second word: type 0-3, S 4, DPL 5-6, P 7, AVL 8, L 9, D/B 10, G 11. */
static struct kvm_segment segment(uint32_t base, uint32_t limit, uint16_t attributes)
{
    return (struct kvm_segment){
        .base = base,
        .limit = limit,
        .type = attributes & 0xf,
        .s = attributes >> 4 & 1,
        .dpl = attributes >> 5 & 3,
        .present = attributes >> 7 & 1,
        .avl = attributes >> 8 & 1,
        .l = attributes >> 9 & 1,
        .db = attributes >> 10 & 1,
        .g = attributes >> 11 & 1,
        .unusable = !(attributes >> 7 & 1),
    };
}

static bool load_32(const struct vcpu_hvm_x86_32 *from, struct kvm_regs *regs,
                    struct kvm_sregs *sregs)
{
    *regs = (struct kvm_regs){
        .rax = from->eax, .rbx = from->ebx, .rcx = from->ecx, .rdx = from->edx, .rsi = from->esi,
        .rdi = from->edi, .rbp = from->ebp, .rsp = from->esp, .rip = from->eip,
        .rflags = from->eflags | 2,
    };
    sregs->cs = segment(from->cs_base, from->cs_limit, from->cs_ar);
    sregs->ds = segment(from->ds_base, from->ds_limit, from->ds_ar);
    sregs->ss = segment(from->ss_base, from->ss_limit, from->ss_ar);
    sregs->es = segment(from->es_base, from->es_limit, from->es_ar);
    sregs->tr = segment(from->tr_base, from->tr_limit, from->tr_ar);
    sregs->fs = sregs->gs = sregs->ds;
    sregs->cr0 = from->cr0;
    sregs->cr3 = from->cr3;
    sregs->cr4 = from->cr4;
    sregs->efer = from->efer;
    return (from->cr0 & CR0_PE) || !(from->cr0 & CR0_PG);
}

/* Xen fills in flat segments for a vCPU that starts in 64-bit mode. */
static bool load_64(const struct vcpu_hvm_x86_64 *from, struct kvm_regs *regs,
                    struct kvm_sregs *sregs)
{
    const uint64_t paging = CR0_PE | CR0_PG;

    *regs = (struct kvm_regs){
        .rax = from->rax, .rbx = from->rbx, .rcx = from->rcx, .rdx = from->rdx, .rsi = from->rsi,
        .rdi = from->rdi, .rbp = from->rbp, .rsp = from->rsp, .rip = from->rip,
        .rflags = from->rflags | 2,
    };
    sregs->cs = segment(0, UINT32_MAX, 0xa9b);
    sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = segment(0, UINT32_MAX, 0xc93);
    sregs->tr = segment(0, 0xff, 0x8b);
    sregs->cr0 = from->cr0;
    sregs->cr3 = from->cr3;
    sregs->cr4 = from->cr4;
    sregs->efer = from->efer;
    return (from->cr0 & paging) == paging && (from->efer & EFER_LME) && (from->efer & EFER_LMA);
}

int xen_host_vcpu_initialise(XenHost *host, unsigned index, const struct vcpu_hvm_context *context)
{
    KvmVcpu *vcpu = vcpu_at(host, index);
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    bool good;

    kvm_vcpu_hold(vcpu);
    good = ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) == 0;
    good = good && (context->mode == VCPU_HVM_MODE_32B
                        ? load_32(&context->cpu_regs.x86_32, &regs, &sregs)
                        : load_64(&context->cpu_regs.x86_64, &regs, &sregs));
    good = good && ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) == 0 &&
           ioctl(vcpu->fd, KVM_SET_REGS, &regs) == 0;
    kvm_vcpu_release(vcpu);
    return good ? 0 : -XEN_EINVAL;
}

void xen_host_send_nmi(XenHost *host, unsigned index)
{
    KvmVcpu *vcpu = vcpu_at(host, index);

    kvm_vcpu_hold(vcpu);
    ioctl(vcpu->fd, KVM_NMI, 0);
    kvm_vcpu_release(vcpu);
}

/* KVM flushes what a changed CR4.PGE makes void; there is no other way to ask it to. */
static void flush_tlb(KvmVcpu *vcpu)
{
    struct kvm_sregs sregs;

    kvm_vcpu_hold(vcpu);
    if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) == 0) {
        sregs.cr4 ^= CR4_PGE;
        ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
        sregs.cr4 ^= CR4_PGE;
        ioctl(vcpu->fd, KVM_SET_SREGS, &sregs);
    }
    kvm_vcpu_release(vcpu);
}

void xen_host_flush_tlbs(XenHost *host)
{
    for (unsigned i = 0; i < xen_host_of(host)->vcpu_count; i++) {
        flush_tlb(vcpu_at(host, i));
    }
}

void xen_host_wake(XenHost *host, unsigned index)
{
    kvm_vcpu_kick(vcpu_at(host, index));
}

/* ---- time ---- */

uint64_t xen_host_clock_ns(XenHost *host)
{
    return kvm_clock_ns(xen_host_of(host)->kvm);
}

uint64_t xen_host_wall_clock_ns(XenHost *host)
{
    return kvm_clock_epoch_ns(xen_host_of(host)->kvm);
}

/* A vCPU without a vcpu_info of its own has one of the 32 in shared info. */
uint64_t xen_host_info_place(KvmXenHost *host, unsigned index)
{
    const XenHostVcpu *vcpu = &host->vcpus[index];

    if (vcpu->info_gpa != XEN_GPA_NONE) {
        return vcpu->info_gpa;
    }
    if (host->shared_info_gfn == XEN_GFN_NONE || index >= XEN_LEGACY_MAX_VCPUS) {
        return XEN_GPA_NONE;
    }
    return (host->shared_info_gfn << XEN_PAGE_SHIFT) + index * sizeof(struct vcpu_info);
}

bool xen_host_place_info(KvmXenHost *host, unsigned index)
{
    XenHostVcpu *vcpu = &host->vcpus[index];
    uint64_t gpa = xen_host_info_place(host, index);
    bool done;

    if (gpa == vcpu->info_told || !vcpu->vcpu) {
        return true;
    }
    kvm_vcpu_hold(vcpu->vcpu);
    done = host->kind->tell_info(host, vcpu, gpa);
    if (done) {
        vcpu->info_told = gpa;
    }
    kvm_vcpu_release(vcpu->vcpu);
    return done;
}

void xen_host_place_infos(KvmXenHost *host)
{
    for (unsigned i = 0; i < host->vcpu_count; i++) {
        xen_host_place_info(host, i);
    }
}

int xen_host_set_vcpu_info(XenHost *xen, unsigned index, uint64_t gpa)
{
    KvmXenHost *host = xen_host_of(xen);
    uint64_t before = host->vcpus[index].info_gpa;

    host->vcpus[index].info_gpa = gpa;
    if (!xen_host_place_info(host, index)) {
        host->vcpus[index].info_gpa = before;
        return -XEN_EINVAL;
    }
    return 0;
}

/* ---- the end ---- */

/* The vCPU that asked does not run on: what it would do next, it takes for impossible. */
static void end(AccelGuestRequest request, KvmXenHost *host)
{
    KvmVcpu *vcpu = kvm_vcpu_current();

    if (vcpu) {
        vcpu->blocked = true;
    }
    host->kvm->ops->request(host->kvm->opaque, request);
}

static void inject_nmi(void *opaque)
{
    KvmXenHost *host = opaque;

    xen_host_send_nmi(&host->parent, 0);
}

void xen_host_shutdown(XenHost *xen, uint8_t reason)
{
    KvmXenHost *host = xen_host_of(xen);

    switch (reason) {
    case SHUTDOWN_reboot:
        end(ACCEL_GUEST_RESET, host);
        break;
    case SHUTDOWN_suspend:
        host->suspended = true;
        break;
    case SHUTDOWN_crash:
        report_warning("the guest says that it has crashed");
        end(ACCEL_GUEST_PANICKED, host);
        break;
    case SHUTDOWN_watchdog:
        watchdog_expired("the guest's Xen watchdog", inject_nmi, host);
        break;
    case SHUTDOWN_soft_reset:
        host->soft_reset_wanted = true;
        break;
    default: /* poweroff, and reasons that Xen's tools take for it too */
        end(ACCEL_GUEST_SHUTDOWN, host);
        break;
    }
}

/* To the log, as Xen's own console would get it. */
void xen_host_console_write(XenHost *host, const char *text, unsigned length)
{
    log_printf(LOG_GUEST_ERRORS, "(d%u) %.*s", xen_domain_id(xen_host_of(host)->domain), (int)length,
               text);
}
