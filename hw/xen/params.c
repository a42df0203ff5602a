/*
 * HVM_OP: parameters, the upcall, and a few questions (Xen's public/hvm/hvm_op.h, params.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

enum { PARAM_READ = 1, PARAM_WRITE = 2 };

/* What the guest itself may do; the rest is the builder's: -EPERM. */
static const uint8_t param_rights[XEN_HVM_PARAMS] = {
    [HVM_PARAM_CALLBACK_IRQ] = PARAM_READ | PARAM_WRITE,
    [HVM_PARAM_STORE_PFN] = PARAM_READ,
    [HVM_PARAM_STORE_EVTCHN] = PARAM_READ | PARAM_WRITE,
    [HVM_PARAM_CONSOLE_PFN] = PARAM_READ,
    [HVM_PARAM_CONSOLE_EVTCHN] = PARAM_READ | PARAM_WRITE,
    [HVM_PARAM_VM86_TSS] = PARAM_READ | PARAM_WRITE,
    [HVM_PARAM_VM86_TSS_SIZED] = PARAM_READ | PARAM_WRITE,
    [HVM_PARAM_ACPI_IOPORTS_LOCATION] = PARAM_READ | PARAM_WRITE,
    [HVM_PARAM_VM_GENERATION_ID_ADDR] = PARAM_READ | PARAM_WRITE,
    [HVM_PARAM_X87_FIP_WIDTH] = PARAM_READ | PARAM_WRITE,
};

static void set_callback(XenDomain *domain, uint64_t value)
{
    XenCallback callback = {.kind = XEN_CALLBACK_NONE};
    switch (value >> 56) {
    case HVM_PARAM_CALLBACK_TYPE_GSI:
        if (value != 0) {
            callback.kind = XEN_CALLBACK_GSI;
            callback.gsi = (uint8_t)value;
        }
        break;
    case HVM_PARAM_CALLBACK_TYPE_PCI_INTX:
        if ((value >> 32 & 0xffff) == 0) {
            callback.kind = XEN_CALLBACK_INTX;
            callback.device = value >> 11 & 31;
            callback.pin = value & 3;
        }
        break;
    case HVM_PARAM_CALLBACK_TYPE_VECTOR:
        if (domain->config.callback_vector) {
            callback.kind = XEN_CALLBACK_VECTOR;
            callback.vector = (uint8_t)value;
        }
        break;
    default:
        break;
    }
    domain->callback = callback;
    domain->host->ops->set_callback(domain->host, &callback);
}

static int64_t check_value(unsigned index, uint64_t value)
{
    switch (index) {
    case HVM_PARAM_X87_FIP_WIDTH:
        return value == 0 || value == 4 || value == 8 ? 0 : -XEN_EINVAL;
    case HVM_PARAM_ACPI_IOPORTS_LOCATION:
        return value <= 1 ? 0 : -XEN_EINVAL;
    case HVM_PARAM_VM86_TSS:
        return value <= UINT32_MAX ? 0 : -XEN_EINVAL;
    default:
        return 0;
    }
}

static int64_t set_param(XenCall *call, void *argument)
{
    xen_hvm_param_t *param = argument;
    XenDomain *domain = call->domain;
    if (param->index >= XEN_HVM_PARAMS) {
        return -XEN_EINVAL;
    }
    int64_t result = xen_check_self(domain, param->domid);
    if (result == 0 && !(param_rights[param->index] & PARAM_WRITE)) {
        result = -XEN_EPERM;
    }
    if (result == 0) {
        result = check_value(param->index, param->value);
    }
    if (result != 0) {
        return result;
    }
    domain->params[param->index] = param->value;
    if (param->index == HVM_PARAM_CALLBACK_IRQ) {
        set_callback(domain, param->value);
        xen_domain_latch_mode(domain, call->long_mode);
    }
    return 0;
}

static int64_t get_param(XenCall *call, void *argument)
{
    xen_hvm_param_t *param = argument;
    if (param->index >= XEN_HVM_PARAMS) {
        return -XEN_EINVAL;
    }
    int64_t result = xen_check_self(call->domain, param->domid);
    if (result == 0 && !(param_rights[param->index] & PARAM_READ)) {
        result = -XEN_EPERM;
    }
    if (result == 0) {
        param->value = call->domain->params[param->index];
    }
    return result;
}

static int64_t set_upcall_vector(XenCall *call, void *argument)
{
    xen_hvm_evtchn_upcall_vector_t *set = argument;
    XenDomain *domain = call->domain;
    if (set->vector < 0x10) {
        return -XEN_EINVAL;
    }
    if (set->vcpu >= domain->config.vcpus) {
        return -XEN_ENOENT;
    }
    int result = domain->host->ops->set_upcall_vector(domain->host, set->vcpu, set->vector);
    if (result == 0) {
        domain->vcpus[set->vcpu].upcall_vector = set->vector;
        if (xen_domain_upcall_pending(domain, set->vcpu)) {
            domain->host->ops->raise_upcall(domain->host, set->vcpu);
        }
    }
    return result;
}

static int64_t flush_tlbs(XenCall *call, void *argument)
{
    if (call->arguments[1] != 0) {
        return -XEN_EINVAL;
    }
    call->domain->host->ops->flush_tlbs(call->domain->host);
    return 0;
}

/* A hint for shadowed page tables, which hardware-assisted paging has none of: so says Xen. */
static int64_t pagetable_dying(XenCall *call, void *argument)
{
    xen_hvm_pagetable_dying_t *dying = argument;
    int64_t result = xen_check_self(call->domain, dying->domid);
    return result != 0 ? result : -XEN_EINVAL;
}

static int64_t get_time(XenCall *call, void *argument)
{
    xen_hvm_get_time_t *time = argument;
    time->now = xen_now(call->domain);
    return 0;
}

/* Nobody reads Xen's trace buffers here; the arguments are checked as if somebody did. */
static int64_t xentrace(XenCall *call, void *argument)
{
    xen_hvm_xentrace_t *trace = argument;
    return trace->extra_bytes > sizeof(trace->extra) ? -XEN_EINVAL : 0;
}

static int64_t get_mem_type(XenCall *call, void *argument)
{
    xen_hvm_get_mem_type_t *get = argument;
    XenDomain *domain = call->domain;
    int64_t result = xen_check_self(domain, get->domid);
    if (result == 0) {
        bool ram =
            !xen_frame_absent(domain, get->pfn) && guest_frame_is_memory(domain->memory, get->pfn);
        get->mem_type = ram ? HVMMEM_ram_rw : HVMMEM_mmio_dm;
    }
    return result;
}

static int64_t guest_request_vm_event(XenCall *call, void *argument)
{
    return call->arguments[1] == 0 ? 0 : -XEN_EINVAL;
}

static int64_t altp2m(XenCall *call, void *argument)
{
    return -XEN_EOPNOTSUPP;
}

static const XenSubOp hvm_ops[] = {
    {HVMOP_set_param, "set_param", set_param, sizeof(xen_hvm_param_t)},
    {HVMOP_get_param, "get_param", get_param, sizeof(xen_hvm_param_t), XEN_OUT},
    {HVMOP_flush_tlbs, "flush_tlbs", flush_tlbs},
    {HVMOP_pagetable_dying, "pagetable_dying", pagetable_dying, sizeof(xen_hvm_pagetable_dying_t)},
    {HVMOP_get_time, "get_time", get_time, sizeof(xen_hvm_get_time_t), XEN_OUT},
    {HVMOP_xentrace, "xentrace", xentrace, sizeof(xen_hvm_xentrace_t)},
    {HVMOP_get_mem_type, "get_mem_type", get_mem_type, sizeof(xen_hvm_get_mem_type_t), XEN_OUT},
    {HVMOP_set_evtchn_upcall_vector, "set_evtchn_upcall_vector", set_upcall_vector,
     sizeof(xen_hvm_evtchn_upcall_vector_t)},
    {HVMOP_guest_request_vm_event, "guest_request_vm_event", guest_request_vm_event},
    {HVMOP_altp2m, "altp2m", altp2m},
};

int64_t xen_hvm_op(XenCall *call)
{
    xen_lock(call->domain);
    int64_t result = xen_sub_op(call, __HYPERVISOR_hvm_op, hvm_ops, G_N_ELEMENTS(hvm_ops),
                                call->arguments[0], call->arguments[1]);
    xen_unlock(call->domain);
    return result;
}

void xen_domain_set_param(XenDomain *domain, unsigned index, uint64_t value)
{
    if (index < XEN_HVM_PARAMS) {
        xen_lock(domain);
        domain->params[index] = value;
        xen_unlock(domain);
    }
}

uint64_t xen_domain_param(XenDomain *domain, unsigned index)
{
    xen_lock(domain);
    uint64_t value = index < XEN_HVM_PARAMS ? domain->params[index] : 0;
    xen_unlock(domain);
    return value;
}

void xen_params_reset(XenDomain *domain)
{
    memset(domain->params, 0, sizeof(domain->params));
    set_callback(domain, 0);
}

GVariant *xen_params_save(XenDomain *domain)
{
    return g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, domain->params, XEN_HVM_PARAMS, 8);
}

bool xen_params_load(XenDomain *domain, GVariant *state, GError **error)
{
    gsize count;
    const uint64_t *values = g_variant_get_fixed_array(state, &count, 8);
    if (count != XEN_HVM_PARAMS) {
        return xen_state_error(error, "the number of parameters differs");
    }
    memcpy(domain->params, values, sizeof(domain->params));
    set_callback(domain, domain->params[HVM_PARAM_CALLBACK_IRQ]);
    return true;
}
