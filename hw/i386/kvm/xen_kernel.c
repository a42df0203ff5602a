/*
 * The Xen host over a KVM with CONFIG_KVM_XEN (Linux 5.12, 5.19): the kernel takes the hypercall
 * instruction, keeps the time and runstate areas, delivers the upcall, and completes sends on
 * 2-level ports and timers by itself.
 *
 * KVM_XEN_HVM_CONFIG_EVTCHN_SEND stays off: all it adds in the kernel is SCHEDOP_poll, which does
 * not know the FIFO ABI and takes an absolute timeout for a relative one. The stub of sched_op in
 * the hypercall page comes to us instead; a guest that uses the bare instruction polls without
 * sleeping.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst, KVM_XEN_HVM_SET_ATTR and its kin.
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
#define LAPIC_IRR               0x200u

/* Newer than the headers that we build with. */
#ifndef KVM_XEN_INVALID_GPA
#define KVM_XEN_INVALID_GPA UINT64_MAX
#define KVM_XEN_INVALID_GFN UINT64_MAX
#endif
#define ATTRIBUTE_RUNSTATE_UPDATE_FLAG 0x5

/* ---- attributes ---- */

static int set_vm(KvmXenHost *host, struct kvm_xen_hvm_attr *attribute)
{
    return ioctl(host->kvm->vm_fd, KVM_XEN_HVM_SET_ATTR, attribute) == 0 ? 0 : -errno;
}

static int set_vcpu(XenHostVcpu *vcpu, const struct kvm_xen_vcpu_attr *attribute)
{
    int result;

    kvm_vcpu_hold(vcpu->vcpu);
    result = ioctl(vcpu->vcpu->fd, KVM_XEN_VCPU_SET_ATTR, attribute) == 0 ? 0 : -errno;
    kvm_vcpu_release(vcpu->vcpu);
    return result;
}

static int place(XenHostVcpu *vcpu, uint16_t type, uint64_t gpa)
{
    struct kvm_xen_vcpu_attr attribute = {
        .type = type,
        .u.gpa = gpa == XEN_GPA_NONE ? KVM_XEN_INVALID_GPA : gpa,
    };

    return set_vcpu(vcpu, &attribute) == 0 ? 0 : -XEN_EINVAL;
}

static bool tell_info(KvmXenHost *host, XenHostVcpu *vcpu, uint64_t gpa)
{
    return place(vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO, gpa) == 0;
}

static int set_area(XenHostVcpu *vcpu, uint16_t type, uint64_t *now, uint64_t gpa)
{
    int result = 0;

    if (*now != gpa && vcpu->vcpu) {
        result = place(vcpu, type, gpa);
    }
    if (result == 0) {
        *now = gpa;
    }
    return result;
}

static int set_time_area(XenHost *xen, unsigned index, uint64_t gpa)
{
    XenHostVcpu *vcpu = &xen_host_of(xen)->vcpus[index];

    return set_area(vcpu, KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO, &vcpu->time_gpa, gpa);
}

static int set_runstate_area(XenHost *xen, unsigned index, uint64_t gpa)
{
    XenHostVcpu *vcpu = &xen_host_of(xen)->vcpus[index];

    return set_area(vcpu, KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR, &vcpu->runstate_gpa, gpa);
}

static void set_runstate_update_flag(XenHost *xen, bool on)
{
    /* a byte, wherever in the union a byte is */
    struct kvm_xen_hvm_attr attribute = {.type = ATTRIBUTE_RUNSTATE_UPDATE_FLAG, .u.vector = on};

    /* Linux 6.2; an older one writes the area without the flag, which a reader must bear */
    set_vm(xen_host_of(xen), &attribute);
}

static void set_long_mode(XenHost *xen, bool long_mode)
{
    struct kvm_xen_hvm_attr attribute = {.type = KVM_XEN_ATTR_TYPE_LONG_MODE,
                                         .u.long_mode = long_mode};

    set_vm(xen_host_of(xen), &attribute);
}

static void set_shared_info(XenHost *xen, uint64_t gfn)
{
    KvmXenHost *host = xen_host_of(xen);
    struct kvm_xen_hvm_attr attribute = {
        .type = KVM_XEN_ATTR_TYPE_SHARED_INFO,
        .u.shared_info.gfn = gfn == XEN_GFN_NONE ? KVM_XEN_INVALID_GFN : gfn,
    };

    if (set_vm(host, &attribute) != 0) {
        report_error("KVM refuses the Xen guest's shared info page");
    }
    host->shared_info_gfn = gfn;
    xen_host_place_infos(host);
}

/* ---- upcalls ---- */

/* What the kernel would complete, it could not tell us, who must raise the line: all comes to us. */
static void take_ports_back(KvmXenHost *host)
{
    struct kvm_xen_hvm_attr ports = {.type = KVM_XEN_ATTR_TYPE_EVTCHN};
    const struct kvm_xen_vcpu_attr timer = {.type = KVM_XEN_VCPU_ATTR_TYPE_TIMER};

    ports.u.evtchn.flags = KVM_XEN_EVTCHN_RESET;
    set_vm(host, &ports);
    memset(host->kernel_ports, 0, sizeof(host->kernel_ports));
    for (unsigned i = 0; i < host->vcpu_count; i++) {
        if (host->vcpus[i].vcpu) {
            set_vcpu(&host->vcpus[i], &timer);
        }
    }
}

static void vector_changed(KvmXenHost *host, uint8_t vector)
{
    struct kvm_xen_hvm_attr attribute = {.type = KVM_XEN_ATTR_TYPE_UPCALL_VECTOR,
                                         .u.vector = vector};

    set_vm(host, &attribute);
    if (!vector) {
        take_ports_back(host);
    }
}

/* Linux 5.19. False: an older one, or the guest has the port's ABI in use. */
static bool ring_bell(KvmXenHost *host, XenHostVcpu *vcpu)
{
    struct kvm_irq_routing_xen_evtchn send = {
        .vcpu = vcpu->vcpu->parent.apic_id,
        .priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
    };

    if (!host->kernel_sends) {
        return false;
    }
    send.port = xen_domain_bell_port(host->domain, vcpu->vcpu->parent.index);
    return send.port && ioctl(host->kvm->vm_fd, KVM_XEN_HVM_EVTCHN_SEND, &send) == 0;
}

/*
 * KVM looks at vcpu_info each time the vCPU goes in. A send in the kernel takes it out of the guest,
 * or out of HLT, and in again; a signal takes it all the way to us.
 */
static void raise_vector(KvmXenHost *host, XenHostVcpu *vcpu)
{
    if (vcpu->vcpu != kvm_vcpu_current() && !ring_bell(host, vcpu)) {
        kvm_vcpu_kick(vcpu->vcpu);
    }
}

static int set_upcall_vector(XenHost *xen, unsigned index, uint8_t vector)
{
    XenHostVcpu *vcpu = &xen_host_of(xen)->vcpus[index];
    struct kvm_xen_vcpu_attr attribute = {.type = KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR,
                                          .u.vector = vector};

    /* Linux 5.19; without it the kernel completes no sends, and ours go as messages */
    set_vcpu(vcpu, &attribute);
    atomic_store(&vcpu->upcall_vector, vector);
    return 0;
}

/* ---- ports and timers ---- */

static bool assign_port(XenHost *xen, uint32_t port, const XenPortTarget *target)
{
    struct kvm_xen_hvm_attr attribute = {.type = KVM_XEN_ATTR_TYPE_EVTCHN};

    if (target->kind != XEN_PORT_EVENTFD &&
        !xen_host_has_vector(xen_host_of(xen), target->target_vcpu)) {
        return false;
    }
    attribute.u.evtchn.send_port = port;
    if (target->kind == XEN_PORT_EVENTFD) {
        attribute.u.evtchn.type = EVTCHNSTAT_interdomain;
        attribute.u.evtchn.deliver.eventfd.port = 0;
        attribute.u.evtchn.deliver.eventfd.fd = target->fd;
    } else {
        attribute.u.evtchn.type =
            target->kind == XEN_PORT_IPI ? EVTCHNSTAT_ipi : EVTCHNSTAT_interdomain;
        attribute.u.evtchn.deliver.port.port = target->target_port;
        attribute.u.evtchn.deliver.port.vcpu =
            xen_host_of(xen)->vcpus[target->target_vcpu].vcpu->parent.apic_id;
        attribute.u.evtchn.deliver.port.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL;
    }
    if (port / 64 >= G_N_ELEMENTS(xen_host_of(xen)->kernel_ports) ||
        set_vm(xen_host_of(xen), &attribute) != 0) {
        return false;
    }
    xen_host_of(xen)->kernel_ports[port / 64] |= UINT64_C(1) << (port % 64);
    return true;
}

/* Each is a wait for all vCPUs in the kernel, so only what is there is taken back. */
static void release_port(XenHost *xen, uint32_t port)
{
    struct kvm_xen_hvm_attr attribute = {.type = KVM_XEN_ATTR_TYPE_EVTCHN};
    KvmXenHost *host = xen_host_of(xen);

    if (port / 64 >= G_N_ELEMENTS(host->kernel_ports) ||
        !(host->kernel_ports[port / 64] >> (port % 64) & 1)) {
        return;
    }
    host->kernel_ports[port / 64] &= ~(UINT64_C(1) << (port % 64));
    attribute.u.evtchn.send_port = port;
    attribute.u.evtchn.flags = KVM_XEN_EVTCHN_DEASSIGN;
    set_vm(host, &attribute);
}

static bool get_timer(XenHostVcpu *vcpu, struct kvm_xen_vcpu_attr *attribute)
{
    bool known;

    *attribute = (struct kvm_xen_vcpu_attr){.type = KVM_XEN_VCPU_ATTR_TYPE_TIMER};
    kvm_vcpu_hold(vcpu->vcpu);
    known = ioctl(vcpu->vcpu->fd, KVM_XEN_VCPU_GET_ATTR, attribute) == 0;
    kvm_vcpu_release(vcpu->vcpu);
    return known;
}

/*
 * A one-shot that we have armed goes along into the kernel, which from then on takes set_timer_op and
 * its kin by itself. While the guest's clock stands still the kernel's would run on: it is held here.
 */
static void set_timer_port(XenHost *xen, unsigned index, uint32_t port)
{
    KvmXenHost *host = xen_host_of(xen);
    XenHostVcpu *vcpu = &host->vcpus[index];
    struct kvm_xen_vcpu_attr attribute = {.type = KVM_XEN_VCPU_ATTR_TYPE_TIMER};
    uint64_t deadline = port ? xen_timers_deadline(host->timers, XEN_TIMER_SINGLESHOT, index) : 0;

    vcpu->held_deadline = 0;
    if (port && !xen_host_has_vector(host, index)) {
        return;
    }
    attribute.u.timer.port = port;
    attribute.u.timer.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL;
    attribute.u.timer.expires_ns = host->kvm->running ? deadline : 0;
    if (set_vcpu(vcpu, &attribute) == 0 && deadline) {
        xen_timers_disarm(host->timers, XEN_TIMER_SINGLESHOT, index);
        vcpu->held_deadline = host->kvm->running ? 0 : deadline;
    }
}

static void stopped(KvmXenHost *host, XenHostVcpu *vcpu)
{
    struct kvm_xen_vcpu_attr attribute;

    if (get_timer(vcpu, &attribute) && attribute.u.timer.port && attribute.u.timer.expires_ns) {
        vcpu->held_deadline = attribute.u.timer.expires_ns;
        attribute.u.timer.expires_ns = 0;
        set_vcpu(vcpu, &attribute);
    }
}

static void clock_started(KvmXenHost *host, XenHostVcpu *vcpu)
{
    struct kvm_xen_vcpu_attr attribute;

    if (vcpu->held_deadline && get_timer(vcpu, &attribute) && attribute.u.timer.port) {
        attribute.u.timer.expires_ns = vcpu->held_deadline;
        set_vcpu(vcpu, &attribute);
    }
    vcpu->held_deadline = 0;
}

static uint64_t timer_deadline(XenHost *xen, unsigned index)
{
    return xen_host_of(xen)->vcpus[index].held_deadline;
}

/* ---- time and runstate ---- */

static bool time_info(XenHost *host, unsigned vcpu, XenTimeInfo *info)
{
    return false;
}

static bool runstate(XenHost *xen, unsigned index, XenRunstate *runstate)
{
    XenHostVcpu *vcpu = &xen_host_of(xen)->vcpus[index];
    struct kvm_xen_vcpu_attr attribute = {.type = KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA};
    int result;

    if (!vcpu->vcpu) {
        return false;
    }
    kvm_vcpu_hold(vcpu->vcpu);
    result = ioctl(vcpu->vcpu->fd, KVM_XEN_VCPU_GET_ATTR, &attribute);
    kvm_vcpu_release(vcpu->vcpu);
    if (result < 0) {
        return false;
    }
    *runstate = (XenRunstate){
        .state = (uint32_t)attribute.u.runstate.state,
        .entry_time = attribute.u.runstate.state_entry_time,
        .time = {attribute.u.runstate.time_running, attribute.u.runstate.time_runnable,
                 attribute.u.runstate.time_blocked, attribute.u.runstate.time_offline},
    };
    return true;
}

/* ---- life ---- */

static bool vcpu_init(KvmXenHost *host, XenHostVcpu *vcpu, GError **error)
{
    struct kvm_xen_vcpu_attr attribute = {.type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID,
                                          .u.vcpu_id = vcpu->vcpu->parent.index};

    /* Linux 5.19 */
    set_vcpu(vcpu, &attribute);
    return true;
}

static void before_run(KvmXenHost *host, XenHostVcpu *vcpu)
{
    xen_domain_refresh_runstate(host->domain, vcpu->vcpu->parent.index);
}

/* A guest that comes from a host without KVM_XEN had its clock kept by KVM's own interface. */
static void resumed(KvmXenHost *host, XenHostVcpu *vcpu)
{
    kvm_msr_set(vcpu->vcpu->fd, MSR_KVM_SYSTEM_TIME_NEW, 0);
}

/*
 * The callback vector is an interrupt of the LAPIC on the other kind of host, which ends it by
 * itself. Here nobody would: the kernel looks at vcpu_info and goes past the LAPIC.
 */
static void drop_lapic_vector(XenHostVcpu *vcpu, uint8_t vector)
{
    struct kvm_lapic_state lapic;
    unsigned at = LAPIC_IRR + vector / 32 * 16 + vector % 32 / 8;

    if (vector && ioctl(vcpu->vcpu->fd, KVM_GET_LAPIC, &lapic) == 0 &&
        (lapic.regs[at] >> (vector % 8) & 1)) {
        lapic.regs[at] &= (char)~(1 << (vector % 8));
        ioctl(vcpu->vcpu->fd, KVM_SET_LAPIC, &lapic);
    }
}

/* The kernel wants the times to add up to when the state began: what is missing was before them. */
static void set_runstate(KvmXenHost *host, XenHostVcpu *vcpu)
{
    struct kvm_xen_vcpu_attr attribute = {.type = KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_DATA};
    XenRunstate kept;
    uint64_t sum;

    xen_domain_kept_runstate(host->domain, vcpu->vcpu->parent.index, &kept);
    sum = kept.time[RUNSTATE_running] + kept.time[RUNSTATE_runnable] + kept.time[RUNSTATE_blocked];
    if (sum > kept.entry_time) {
        return;
    }
    attribute.u.runstate.state = kept.state;
    attribute.u.runstate.state_entry_time = kept.entry_time;
    attribute.u.runstate.time_running = kept.time[RUNSTATE_running];
    attribute.u.runstate.time_runnable = kept.time[RUNSTATE_runnable];
    attribute.u.runstate.time_blocked = kept.time[RUNSTATE_blocked];
    attribute.u.runstate.time_offline = kept.entry_time - sum;
    set_vcpu(vcpu, &attribute); /* else it counts from now, which a guest bears */
}

static void arrived(KvmXenHost *host, XenHostVcpu *vcpu)
{
    drop_lapic_vector(vcpu, xen_host_callback_vector(host));
    set_runstate(host, vcpu);
}

const XenHostKind xen_host_kernel_kind = {
    .name = "kernel",
    .vcpu_init = vcpu_init,
    .tell_info = tell_info,
    .raise_vector = raise_vector,
    .vector_changed = vector_changed,
    .before_run = before_run,
    .resumed = resumed,
    .stopped = stopped,
    .clock_started = clock_started,
    .arrived = arrived,
    .check = before_run,
};

const XenHostOps xen_host_kernel_ops = {
    XEN_HOST_COMMON_OPS,
    .set_long_mode = set_long_mode,
    .set_shared_info = set_shared_info,
    .set_time_area = set_time_area,
    .set_runstate_area = set_runstate_area,
    .set_runstate_update_flag = set_runstate_update_flag,
    .set_upcall_vector = set_upcall_vector,
    .assign_port = assign_port,
    .release_port = release_port,
    .set_timer_port = set_timer_port,
    .timer_deadline = timer_deadline,
    .arm_timer = xen_host_arm_timer,
    .disarm_timer = xen_host_disarm_timer,
    .time_info = time_info,
    .runstate = runstate,
};
