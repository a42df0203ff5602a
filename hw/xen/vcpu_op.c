/*
 * VCPU_OP: starting and stopping vCPUs, their areas and timers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

#define MIN_PERIOD_NS UINT64_C(1000000)
#define MAX_PERIOD_NS (UINT64_C(1) << 55)

/* The vCPU named is argument 1 of the hypercall, checked before any of these. */
static unsigned target(const XenCall *call)
{
    return call->arguments[1];
}

/* Descriptor attributes as in public/hvm/hvm_vcpu.h: type 0-3, S 4, DPL 5-6, P 7. */
enum { SEGMENT_CODE = 1 << 3, SEGMENT_READ_WRITE = 1 << 1, SEGMENT_S = 1 << 4, SEGMENT_P = 1 << 7 };

static bool is_usable(uint16_t attributes, bool code_or_data)
{
    return (attributes & SEGMENT_P) && !(attributes & SEGMENT_S) == !code_or_data;
}

/* Code in CS, writable data in SS, readable in DS and ES or nothing, a task in TR. */
static bool segments_are_good(const struct vcpu_hvm_x86_32 *regs)
{
    const uint16_t data[] = {regs->ds_ar, regs->es_ar};
    for (unsigned i = 0; i < G_N_ELEMENTS(data); i++) {
        if (data[i] != 0 &&
            (!is_usable(data[i], true) ||
             ((data[i] & SEGMENT_CODE) && !(data[i] & SEGMENT_READ_WRITE)))) {
            return false;
        }
    }
    return is_usable(regs->cs_ar, true) && (regs->cs_ar & SEGMENT_CODE) &&
           is_usable(regs->ss_ar, true) && !(regs->ss_ar & SEGMENT_CODE) &&
           (regs->ss_ar & SEGMENT_READ_WRITE) && is_usable(regs->tr_ar, false);
}

static int64_t initialise(XenCall *call, void *argument)
{
    const vcpu_hvm_context_t *context = argument;
    const XenHostOps *host = call->domain->host->ops;
    if (context->mode > VCPU_HVM_MODE_64B || context->pad != 0) {
        return -XEN_EINVAL;
    }
    if (context->mode == VCPU_HVM_MODE_32B) {
        const uint16_t *pad = context->cpu_regs.x86_32.pad2;
        if (context->cpu_regs.x86_32.pad1 != 0 || pad[0] != 0 || pad[1] != 0 || pad[2] != 0 ||
            !segments_are_good(&context->cpu_regs.x86_32)) {
            return -XEN_EINVAL;
        }
    }
    if (host->vcpu_is_up(call->domain->host, target(call))) {
        return -XEN_EEXIST;
    }
    int result = host->vcpu_initialise(call->domain->host, target(call), context);
    call->domain->vcpus[target(call)].initialised |= result == 0;
    return result;
}

static int64_t up(XenCall *call, void *argument)
{
    const XenHostOps *host = call->domain->host->ops;
    if (!call->domain->vcpus[target(call)].initialised &&
        !host->vcpu_is_up(call->domain->host, target(call))) {
        return -XEN_EINVAL; /* it has no registers to start with */
    }
    return host->vcpu_up(call->domain->host, target(call));
}

static int64_t down(XenCall *call, void *argument)
{
    XenDomain *domain = call->domain;
    const XenHostOps *host = domain->host->ops;
    unsigned running = 0;
    for (unsigned i = 0; i < domain->config.vcpus; i++) {
        running += i != target(call) && host->vcpu_is_up(domain->host, i);
    }
    if (running == 0) {
        /* The last one: nobody could start any again. */
        host->shutdown(domain->host, SHUTDOWN_poweroff);
        return 0;
    }
    domain->vcpus[target(call)].initialised |= host->vcpu_is_up(domain->host, target(call));
    return host->vcpu_down(domain->host, target(call));
}

static int64_t is_up(XenCall *call, void *argument)
{
    return call->domain->host->ops->vcpu_is_up(call->domain->host, target(call));
}

static const XenField runstate_fields[] = {{0, 4, 0, 4},   {8, 8, 4, 8},   {16, 8, 12, 8},
                                           {24, 8, 20, 8}, {32, 8, 28, 8}, {40, 8, 36, 8}};
static const XenLayout runstate_layout = XEN_LAYOUT(runstate_fields, RUNSTATE_SIZE_32);

static int64_t get_runstate_info(XenCall *call, void *argument)
{
    XenRunstate runstate;
    xen_runstate_get(call->domain, target(call), &runstate);
    vcpu_runstate_info_t info = {.state = runstate.state, .state_entry_time = runstate.entry_time};
    memcpy(info.time, runstate.time, sizeof(info.time));
    return xen_struct_out(call, call->arguments[2], &info, sizeof(info), &runstate_layout)
               ? 0
               : -XEN_EFAULT;
}

/* The host keeps an area that lies in one piece; one over two frames apart is ours alone. */
static uint64_t place_for_host(const XenArea *area)
{
    if (area->length == 0 || (area->page[1] && area->gpa[1] != area->gpa[0] + area->part[0])) {
        return XEN_GPA_NONE;
    }
    return area->gpa[0];
}

static int64_t runstate_placed(XenDomain *domain, unsigned vcpu)
{
    XenVcpu *v = &domain->vcpus[vcpu];
    uint64_t gpa = place_for_host(&v->runstate_area);
    /* What the host cannot keep (some kernels: over a page border) is kept here. */
    v->runstate_area.with_host =
        domain->host->ops->set_runstate_area(domain->host, vcpu, gpa) == 0 && gpa != XEN_GPA_NONE;
    xen_runstate_get(domain, vcpu, &v->runstate);
    v->runstate.entry_time = MAX(v->runstate.entry_time, xen_now(domain));
    xen_runstate_write(domain, vcpu);
    return 0;
}

static int64_t time_placed(XenDomain *domain, unsigned vcpu)
{
    uint64_t gpa = place_for_host(&domain->vcpus[vcpu].time_area);
    int result = domain->host->ops->set_time_area(domain->host, vcpu, gpa);
    if (result == 0) {
        xen_time_update_vcpu(domain, vcpu);
    }
    return result;
}

static int64_t register_runstate(XenCall *call, void *argument)
{
    struct vcpu_register_runstate_memory_area *area = argument;
    XenVcpu *v = &call->domain->vcpus[target(call)];
    uint64_t gva = call->long_mode ? area->addr.p : (uint32_t)area->addr.p;
    unsigned length = call->domain->long_mode ? RUNSTATE_SIZE_64 : RUNSTATE_SIZE_32;
    if (gva == 0) {
        xen_area_clear(call->domain, &v->runstate_area);
    } else if (!xen_area_set_virtual(call, call->vcpu, &v->runstate_area, gva, length)) {
        return -XEN_EFAULT;
    }
    return runstate_placed(call->domain, target(call));
}

static int64_t register_time(XenCall *call, void *argument)
{
    struct vcpu_register_time_memory_area *area = argument;
    XenVcpu *v = &call->domain->vcpus[target(call)];
    uint64_t gva = call->long_mode ? area->addr.p : (uint32_t)area->addr.p;
    if (gva == 0) {
        xen_area_clear(call->domain, &v->time_area);
    } else if (!xen_area_set_virtual(call, call->vcpu, &v->time_area, gva, TIME_INFO_SIZE)) {
        return -XEN_EFAULT;
    }
    return time_placed(call->domain, target(call));
}

/* All ones takes the area away; it must be aligned and lie in one page. */
static int64_t set_physical(XenCall *call, XenArea *area, uint64_t gpa, unsigned length)
{
    unsigned align = call->domain->long_mode ? 8 : 4;
    if (gpa == UINT64_MAX) {
        xen_area_clear(call->domain, area);
        return 0;
    }
    if (gpa % align != 0 || gpa % XEN_PAGE_SIZE + length > XEN_PAGE_SIZE) {
        return -XEN_ENXIO;
    }
    return xen_area_set_physical(call->domain, area, gpa, length) ? 0 : -XEN_EINVAL;
}

static int64_t register_runstate_physical(XenCall *call, void *argument)
{
    struct vcpu_register_runstate_memory_area *area = argument;
    unsigned length = call->domain->long_mode ? RUNSTATE_SIZE_64 : RUNSTATE_SIZE_32;
    int64_t result =
        set_physical(call, &call->domain->vcpus[target(call)].runstate_area, area->addr.p, length);
    return result != 0 ? result : runstate_placed(call->domain, target(call));
}

static int64_t register_time_physical(XenCall *call, void *argument)
{
    struct vcpu_register_time_memory_area *area = argument;
    int64_t result = set_physical(call, &call->domain->vcpus[target(call)].time_area, area->addr.p,
                                  TIME_INFO_SIZE);
    return result != 0 ? result : time_placed(call->domain, target(call));
}

static int64_t set_periodic(XenCall *call, void *argument)
{
    vcpu_set_periodic_timer_t *set = argument;
    if (set->period_ns < MIN_PERIOD_NS || set->period_ns > MAX_PERIOD_NS) {
        return -XEN_EINVAL;
    }
    xen_timer_set_periodic(call->domain, target(call), set->period_ns);
    return 0;
}

static int64_t stop_periodic(XenCall *call, void *argument)
{
    xen_timer_set_periodic(call->domain, target(call), 0);
    return 0;
}

static int64_t set_singleshot(XenCall *call, void *argument)
{
    vcpu_set_singleshot_timer_t *set = argument;
    if (target(call) != call->vcpu) {
        return -XEN_EINVAL;
    }
    if ((set->flags & VCPU_SSHOTTMR_future) && set->timeout_abs_ns < xen_now(call->domain)) {
        return -XEN_ETIME;
    }
    /* Zero is a time long past here, not "stop". */
    xen_timer_set_singleshot(call->domain, call->vcpu, MAX(set->timeout_abs_ns, 1));
    return 0;
}

static int64_t stop_singleshot(XenCall *call, void *argument)
{
    if (target(call) != call->vcpu) {
        return -XEN_EINVAL;
    }
    xen_timer_set_singleshot(call->domain, call->vcpu, 0);
    return 0;
}

static int64_t register_info(XenCall *call, void *argument)
{
    vcpu_register_vcpu_info_t *info = argument;
    unsigned vcpu = target(call);
    if (vcpu != call->vcpu && call->domain->host->ops->vcpu_is_up(call->domain->host, vcpu)) {
        return -XEN_EINVAL;
    }
    return xen_vcpu_register_info(call->domain, vcpu, info->mfn, info->offset);
}

static int64_t send_nmi(XenCall *call, void *argument)
{
    if (call->arguments[2] != 0) {
        return -XEN_EINVAL;
    }
    call->domain->host->ops->send_nmi(call->domain->host, target(call));
    return 0;
}

static int64_t get_physid(XenCall *call, void *argument)
{
    return -XEN_EINVAL; /* only for the vCPUs of a pinned hardware domain */
}

static const XenField singleshot_fields[] = {{0, 8, 0, 8}, {8, 4, 8, 4}};
static const XenLayout singleshot_layout = XEN_LAYOUT(singleshot_fields, 12);

static const XenSubOp vcpu_ops[] = {
    {VCPUOP_up, "up", up},
    {VCPUOP_down, "down", down},
    {VCPUOP_is_up, "is_up", is_up},
    {VCPUOP_get_runstate_info, "get_runstate_info", get_runstate_info},
    {VCPUOP_register_runstate_memory_area, "register_runstate_memory_area", register_runstate, 8},
    {VCPUOP_set_periodic_timer, "set_periodic_timer", set_periodic, 8},
    {VCPUOP_stop_periodic_timer, "stop_periodic_timer", stop_periodic},
    {VCPUOP_set_singleshot_timer, "set_singleshot_timer", set_singleshot,
     sizeof(vcpu_set_singleshot_timer_t), 0, &singleshot_layout},
    {VCPUOP_stop_singleshot_timer, "stop_singleshot_timer", stop_singleshot},
    {VCPUOP_register_vcpu_info, "register_vcpu_info", register_info,
     sizeof(vcpu_register_vcpu_info_t)},
    {VCPUOP_send_nmi, "send_nmi", send_nmi},
    {VCPUOP_get_physid, "get_physid", get_physid},
    {VCPUOP_register_vcpu_time_memory_area, "register_vcpu_time_memory_area", register_time, 8},
    {VCPUOP_register_runstate_phys_area, "register_runstate_phys_area", register_runstate_physical,
     8},
    {VCPUOP_register_vcpu_time_phys_area, "register_vcpu_time_phys_area", register_time_physical,
     8},
};

int64_t xen_vcpu_op(XenCall *call)
{
    vcpu_hvm_context_t context;
    int64_t result;
    if (call->arguments[1] >= call->domain->config.vcpus) {
        return -XEN_ENOENT;
    }
    xen_lock(call->domain);
    if (call->arguments[0] == VCPUOP_initialise) {
        result = xen_copy_in(call, call->arguments[2], &context, sizeof(context))
                     ? initialise(call, &context)
                     : -XEN_EFAULT;
    } else {
        result = xen_sub_op(call, __HYPERVISOR_vcpu_op, vcpu_ops, G_N_ELEMENTS(vcpu_ops),
                            call->arguments[0], call->arguments[2]);
    }
    xen_unlock(call->domain);
    return result;
}
