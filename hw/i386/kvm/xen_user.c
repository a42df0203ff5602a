/*
 * The Xen host over any KVM: what the kernel does not know of Xen, done with what it has for others.
 *
 * - The callback vector, which the guest does not end: an interrupt of KVM's Hyper-V SynIC with
 *   auto-EOI is just that. Nothing of Hyper-V is shown to the guest. A guest whose LAPIC is off is
 *   given the vector when it next comes by.
 * - The guest's clock: KVM keeps one pvclock area a vCPU for its own guests (MSR_KVM_SYSTEM_TIME_NEW);
 *   it has Xen's layout, and is put where Xen's vcpu_info has its time. A second area is a copy of
 *   the first, made anew when that one's version has changed.
 * - Runstate is counted from what comes by here: HLT in the guest counts as running.
 *
 * Sources: the kernel's Documentation/virt/kvm/api.rst (KVM_CAP_HYPERV_SYNIC2,
 * KVM_IRQ_ROUTING_HV_SINT) and x86/msr.rst; Hyper-V TLFS, synthetic interrupt controller.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hw/i386/kvm/xen_host.h"
#include "target/i386/kvm/kvm_x86.h"
#include "util/error.h"
#include "util/log.h"

#define MSR_KVM_SYSTEM_TIME_NEW 0x4b564d01u
#define SYSTEM_TIME_ENABLE      1u
#define MSR_HV_SCONTROL         0x40000080u
#define MSR_HV_SINT0            0x40000090u
#define SINT_AUTO_EOI           (UINT64_C(1) << 17)
#define SINT_MASKED             (UINT64_C(1) << 16)
#define SINT                    2u
#define TIME_AT                 offsetof(struct vcpu_info, time)

/* ---- the upcall ---- */

static bool vcpu_init(KvmXenHost *host, XenHostVcpu *vcpu, GError **error)
{
    struct kvm_enable_cap synic = {.cap = KVM_CAP_HYPERV_SYNIC2};

    vcpu->sint_route = -1;
    vcpu->vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
    if (x86_cpu_model_has(vcpu->vcpu->parent.model, "hv-synic")) {
        return error_setf(error, "-cpu: hv-synic: a host without CONFIG_KVM_XEN needs the synthetic "
                                 "interrupt controller for the Xen guest's events");
    }
    if (!kvm_check(host->kvm, KVM_CAP_HYPERV_SYNIC2)) {
        return true;
    }
    if (ioctl(vcpu->vcpu->fd, KVM_ENABLE_CAP, &synic) < 0 ||
        !kvm_msr_set(vcpu->vcpu->fd, MSR_HV_SCONTROL, 1)) {
        return error_set_errno(error, errno,
                               "xen-version: KVM's synthetic interrupt controller of CPU %u",
                               vcpu->vcpu->parent.index);
    }
    vcpu->sint_route = kvm_sint_route_add(host->kvm, vcpu->vcpu->parent.index, SINT);
    return vcpu->sint_route >= 0 ||
           error_setf(error, "xen-version: KVM has no interrupt route for CPU %u",
                      vcpu->vcpu->parent.index);
}

static void vector_changed(KvmXenHost *host, uint8_t vector)
{
    uint64_t value = vector ? vector | SINT_AUTO_EOI : SINT_MASKED;

    for (unsigned i = 0; i < host->vcpu_count; i++) {
        XenHostVcpu *vcpu = &host->vcpus[i];

        if (!vcpu->vcpu || vcpu->sint_route < 0) {
            continue;
        }
        kvm_vcpu_hold(vcpu->vcpu);
        if (!kvm_msr_set(vcpu->vcpu->fd, MSR_HV_SINT0 + SINT, value)) {
            report_error("KVM refuses the Xen guest's callback vector 0x%x", vector);
        }
        kvm_vcpu_release(vcpu->vcpu);
    }
}

/* False: its LAPIC is switched off. */
static bool lapic_took_it(KvmXenHost *host, XenHostVcpu *vcpu)
{
    struct kvm_irq_level line = {.irq = (uint32_t)vcpu->sint_route, .level = 1};

    return ioctl(host->kvm->vm_fd, KVM_IRQ_LINE_STATUS, &line) == 0 && line.status > 0;
}

static void raise_vector(KvmXenHost *host, XenHostVcpu *vcpu)
{
    if (vcpu->sint_route >= 0 && !lapic_took_it(host, vcpu)) {
        atomic_store(&vcpu->undelivered, true);
        kvm_vcpu_kick(vcpu->vcpu);
    }
}

/* Past the LAPIC, where Xen's callback vector comes from: only if the guest can take it now. */
static bool inject(XenHostVcpu *vcpu, uint8_t vector)
{
    struct kvm_vcpu_events events;

    if (!vcpu->vcpu->run->if_flag || ioctl(vcpu->vcpu->fd, KVM_GET_VCPU_EVENTS, &events) < 0 ||
        events.interrupt.injected || events.interrupt.shadow || events.exception.injected ||
        events.nmi.injected) {
        return false;
    }
    events.interrupt.injected = 1;
    events.interrupt.nr = vector;
    events.interrupt.soft = 0;
    events.flags = 0;
    return ioctl(vcpu->vcpu->fd, KVM_SET_VCPU_EVENTS, &events) == 0;
}

/*
 * An upcall stays pending until the guest has taken it, whatever its LAPIC is doing. One that was
 * not started yet is seen to when it first comes out; others are asked again in a while.
 */
static void deliver_again(KvmXenHost *host, XenHostVcpu *vcpu)
{
    uint8_t vector = xen_host_callback_vector(host);
    unsigned index = vcpu->vcpu->parent.index;

    atomic_store(&vcpu->undelivered, false);
    if (!vector || !xen_domain_upcall_pending(host->domain, index) || lapic_took_it(host, vcpu)) {
        return;
    }
    if (!xen_host_vcpu_is_runnable(vcpu)) {
        atomic_store(&vcpu->undelivered, true);
    } else if (!inject(vcpu, vector)) {
        atomic_store(&vcpu->undelivered, true);
        xen_timers_arm(host->timers, XEN_TIMER_RETRY, index, kvm_clock_ns(host->kvm) + XEN_RETRY_NS);
    }
}

static int set_upcall_vector(XenHost *xen, unsigned index, uint8_t vector)
{
    atomic_store(&xen_host_of(xen)->vcpus[index].upcall_vector, vector);
    return 0;
}

/* ---- the clock ---- */

static uint8_t *guest_address(KvmXenHost *host, uint64_t gpa)
{
    uint8_t *page = xen_host_frame(host, gpa >> XEN_PAGE_SHIFT);

    return page ? page + gpa % XEN_PAGE_SIZE : NULL;
}

/* One area after another, both of which KVM may write, so that no reader sees a mixture. */
static void copy_time(KvmXenHost *host, XenHostVcpu *vcpu)
{
    struct vcpu_time_info copy;
    uint32_t *to;
    uint32_t version;

    if (vcpu->time_gpa == XEN_GPA_NONE || !vcpu->time_version ||
        vcpu->time_gpa % XEN_PAGE_SIZE > XEN_PAGE_SIZE - sizeof(copy)) {
        return;
    }
    to = (uint32_t *)(void *)guest_address(host, vcpu->time_gpa);
    if (!to) {
        return;
    }
    version = __atomic_load_n(vcpu->time_version, __ATOMIC_ACQUIRE);
    memcpy(&copy, vcpu->time_version, sizeof(copy));
    __atomic_store_n(to, version | 1, __ATOMIC_SEQ_CST);
    memcpy(to + 1, (const uint32_t *)&copy + 1, sizeof(copy) - sizeof(version));
    __atomic_store_n(to, version & ~1u, __ATOMIC_SEQ_CST);
    ram_dirty_mark(to, sizeof(copy));
    vcpu->time_copied = version;
}

static bool tell_info(KvmXenHost *host, XenHostVcpu *vcpu, uint64_t gpa)
{
    bool none = gpa == XEN_GPA_NONE;

    if (!kvm_msr_set(vcpu->vcpu->fd, MSR_KVM_SYSTEM_TIME_NEW,
                     none ? 0 : (gpa + TIME_AT) | SYSTEM_TIME_ENABLE)) {
        return false;
    }
    vcpu->time_version = none ? NULL : (uint32_t *)(void *)guest_address(host, gpa + TIME_AT);
    return true;
}

static void set_shared_info(XenHost *xen, uint64_t gfn)
{
    KvmXenHost *host = xen_host_of(xen);

    host->shared_info_gfn = gfn;
    xen_host_place_infos(host);
}

static int set_time_area(XenHost *xen, unsigned index, uint64_t gpa)
{
    KvmXenHost *host = xen_host_of(xen);
    XenHostVcpu *vcpu = &host->vcpus[index];

    if (!vcpu->vcpu) {
        return 0;
    }
    kvm_vcpu_hold(vcpu->vcpu);
    vcpu->time_gpa = gpa;
    copy_time(host, vcpu);
    kvm_vcpu_release(vcpu->vcpu);
    return 0;
}

static void before_run(KvmXenHost *host, XenHostVcpu *vcpu)
{
    if (G_UNLIKELY(atomic_load(&vcpu->undelivered))) {
        deliver_again(host, vcpu);
    }
    if (vcpu->time_gpa != XEN_GPA_NONE && vcpu->time_version &&
        __atomic_load_n(vcpu->time_version, __ATOMIC_RELAXED) != vcpu->time_copied) {
        copy_time(host, vcpu);
    }
}

/* A guest that comes from another host has that one's MSRs. */
static void resumed(KvmXenHost *host, XenHostVcpu *vcpu)
{
    unsigned index = vcpu->vcpu->parent.index;

    vcpu->info_told = XEN_GPA_NONE;
    if (!xen_host_place_info(host, index)) {
        report_error("KVM refuses the Xen guest's clock of CPU %u", index);
    }
    copy_time(host, vcpu);
}

/* Timers are all ours, and keep to the clock by themselves. */
static void nothing_to_do(KvmXenHost *host, XenHostVcpu *vcpu)
{
}

static void check(KvmXenHost *host, XenHostVcpu *vcpu)
{
    uint64_t value = 0;

    if (vcpu->info_told != XEN_GPA_NONE &&
        (!kvm_msr_get(vcpu->vcpu->fd, MSR_KVM_SYSTEM_TIME_NEW, &value) ||
         value != ((vcpu->info_told + TIME_AT) | SYSTEM_TIME_ENABLE))) {
        resumed(host, vcpu);
    }
}

static bool time_info(XenHost *host, unsigned vcpu, XenTimeInfo *info)
{
    return false;
}

/* ---- what a kernel without Xen has no part in ---- */

static int set_runstate_area(XenHost *host, unsigned vcpu, uint64_t gpa)
{
    return 0;
}

static bool runstate(XenHost *host, unsigned vcpu, XenRunstate *runstate)
{
    return false;
}

static void set_flag(XenHost *host, bool on)
{
}

static bool assign_port(XenHost *host, uint32_t port, const XenPortTarget *target)
{
    return false;
}

static void release_port(XenHost *host, uint32_t port)
{
}

static void set_timer_port(XenHost *host, unsigned vcpu, uint32_t port)
{
}

const XenHostKind xen_host_user_kind = {
    .name = "user",
    .vcpu_init = vcpu_init,
    .tell_info = tell_info,
    .raise_vector = raise_vector,
    .vector_changed = vector_changed,
    .before_run = before_run,
    .resumed = resumed,
    .stopped = nothing_to_do,
    .clock_started = nothing_to_do,
    .arrived = nothing_to_do,
    .check = check,
};

const XenHostOps xen_host_user_ops = {
    XEN_HOST_COMMON_OPS,
    .set_long_mode = set_flag,
    .set_shared_info = set_shared_info,
    .set_time_area = set_time_area,
    .set_runstate_area = set_runstate_area,
    .set_runstate_update_flag = set_flag,
    .set_upcall_vector = set_upcall_vector,
    .assign_port = assign_port,
    .release_port = release_port,
    .set_timer_port = set_timer_port,
    .arm_timer = xen_host_arm_timer,
    .disarm_timer = xen_host_disarm_timer,
    .time_info = time_info,
    .runstate = runstate,
};
