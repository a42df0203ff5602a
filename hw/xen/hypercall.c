/*
 * The hypercall table: what there is, who does it, and Xen's answer to what an unprivileged HVM
 * guest may not do (facts: Xen's public headers and its hypercall table for HVM guests).
 *
 * Structures are copied in once and widened there; no handler knows the guest's word size, except
 * where an array of unsigned longs is read element by element.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/log.h"
#include "util/trace.h"
#include "xen_private.h"

TRACE_DEFINE(xen_hypercall);

enum {
    MULTICALL_MAX = 65536,
    CONSOLE_PIECE = 256,
    CONSOLE_MAX = 4096,
};

bool xen_copy_in(XenCall *call, uint64_t address, void *buffer, size_t length)
{
    return guest_read_virtual(call->domain->memory, call->vcpu, address, buffer, length);
}

bool xen_copy_out(XenCall *call, uint64_t address, const void *buffer, size_t length)
{
    return guest_write_virtual(call->domain->memory, call->vcpu, address, buffer, length);
}

unsigned xen_struct_size(const XenCall *call, unsigned size, const XenLayout *layout)
{
    return call->long_mode || !layout ? size : layout->size32;
}

bool xen_struct_in(XenCall *call, uint64_t address, void *native, unsigned size,
                   const XenLayout *layout)
{
    uint8_t narrow[XEN_SUB_OP_BYTES], *wide = native;
    if (call->long_mode || !layout) {
        return xen_copy_in(call, address, native, size);
    }
    if (!xen_copy_in(call, address, narrow, layout->size32)) {
        return false;
    }
    memset(wide, 0, size);
    for (unsigned i = 0; i < layout->count; i++) {
        const XenField *field = &layout->fields[i];
        memcpy(wide + field->at64, narrow + field->at32, field->size32);
    }
    return true;
}

bool xen_struct_out(XenCall *call, uint64_t address, const void *native, unsigned size,
                    const XenLayout *layout)
{
    uint8_t narrow[XEN_SUB_OP_BYTES];
    const uint8_t *wide = native;
    if (call->long_mode || !layout) {
        return xen_copy_out(call, address, native, size);
    }
    memset(narrow, 0, layout->size32);
    for (unsigned i = 0; i < layout->count; i++) {
        const XenField *field = &layout->fields[i];
        memcpy(narrow + field->at32, wide + field->at64, field->size32);
    }
    return xen_copy_out(call, address, narrow, layout->size32);
}

bool xen_long_in(XenCall *call, uint64_t array, uint64_t index, uint64_t *value)
{
    unsigned size = call->long_mode ? 8 : 4;
    *value = 0;
    return xen_copy_in(call, array + index * size, value, size);
}

bool xen_long_out(XenCall *call, uint64_t array, uint64_t index, uint64_t value)
{
    unsigned size = call->long_mode ? 8 : 4;
    return xen_copy_out(call, array + index * size, &value, size);
}

int64_t xen_check_self(const XenDomain *domain, uint16_t id)
{
    if (id == DOMID_SELF || id == domain->config.domain_id) {
        return 0;
    }
    return id == 0 ? -XEN_EPERM : -XEN_ESRCH;
}

static void log_sub_op_once(XenDomain *domain, unsigned hypercall, uint64_t op)
{
    uint64_t bit = UINT64_C(1) << (op & 63);
    uint64_t *seen = &domain->logged_sub_ops[hypercall & 63];
    if (!(__atomic_fetch_or(seen, bit, __ATOMIC_RELAXED) & bit)) {
        log_printf(LOG_UNIMP, "xen: hypercall %u has no operation %" G_GUINT64_FORMAT "\n",
                   hypercall, op);
    }
}

int64_t xen_sub_op(XenCall *call, unsigned hypercall, const XenSubOp *table, unsigned count,
                   uint64_t op, uint64_t address)
{
    uint64_t storage[XEN_SUB_OP_BYTES / sizeof(uint64_t)];
    for (unsigned i = 0; i < count; i++) {
        const XenSubOp *row = &table[i];
        if (row->op != op) {
            continue;
        }
        if (row->size > 0 && !xen_struct_in(call, address, storage, row->size, row->layout)) {
            return -XEN_EFAULT;
        }
        int64_t result = row->handler(call, storage);
        if (((row->flags & XEN_OUT_ALWAYS) || ((row->flags & XEN_OUT) && result >= 0)) &&
            !xen_struct_out(call, address, storage, row->size, row->layout)) {
            return -XEN_EFAULT;
        }
        return result;
    }
    log_sub_op_once(call->domain, hypercall, op);
    return -XEN_ENOSYS;
}

bool xen_call_goes_on(XenCall *call, bool locked)
{
    XenHost *host = call->domain->host;
    if (!host->ops->call_is_long || !host->ops->call_is_long(host, call->vcpu)) {
        return true;
    }
    if (locked) {
        xen_unlock(call->domain);
    }
    call->cut_short = !host->ops->let_others(host, call->vcpu);
    if (locked) {
        xen_lock(call->domain);
    }
    return !call->cut_short;
}

static int64_t vm_assist(XenCall *call)
{
    uint64_t command = call->arguments[0], type = call->arguments[1];
    XenDomain *domain = call->domain;
    if (type != VMASST_TYPE_runstate_update_flag) {
        return -XEN_EINVAL;
    }
    if (command != VMASST_CMD_enable && command != VMASST_CMD_disable) {
        return -XEN_ENOSYS;
    }
    xen_lock(domain);
    domain->runstate_update_flag = command == VMASST_CMD_enable;
    domain->host->ops->set_runstate_update_flag(domain->host, domain->runstate_update_flag);
    xen_unlock(domain);
    return 0;
}

static int64_t console_io(XenCall *call)
{
    const XenHostOps *host = call->domain->host->ops;
    uint32_t command = call->arguments[0];
    uint64_t left = MIN((uint32_t)call->arguments[1], CONSOLE_MAX), at = call->arguments[2];
    if ((command != CONSOLEIO_write && command != CONSOLEIO_read)) {
        return -XEN_ENOSYS;
    }
    if (command == CONSOLEIO_read || !host->console_write) {
        return -XEN_EPERM;
    }
    while (left > 0) {
        char text[CONSOLE_PIECE];
        unsigned piece = MIN(left, sizeof(text));
        if (!xen_copy_in(call, at, text, piece)) {
            return -XEN_EFAULT;
        }
        host->console_write(call->domain->host, text, piece);
        at += piece;
        left -= piece;
    }
    return 0;
}

/* multicall_entry: op, result, args[6], all unsigned long. */
static int64_t multicall(XenCall *call)
{
    uint64_t list = call->arguments[0];
    uint32_t count = call->arguments[1];
    if (call->depth > 0) {
        return -XEN_EINVAL;
    }
    if (count > MULTICALL_MAX) {
        return -XEN_E2BIG;
    }
    for (uint32_t i = 0; i < count; i++) {
        XenCall inner = {
            .domain = call->domain, .vcpu = call->vcpu, .long_mode = call->long_mode, .depth = 1};
        uint64_t fields[8];
        if (!xen_call_goes_on(call, false)) {
            return -XEN_EAGAIN;
        }
        for (unsigned f = 0; f < G_N_ELEMENTS(fields); f++) {
            if (f != 1 && !xen_long_in(call, list, i * 8ull + f, &fields[f])) {
                return -XEN_EFAULT;
            }
        }
        memcpy(inner.arguments, &fields[2], sizeof(inner.arguments));
        uint32_t number = MIN(fields[0], UINT32_MAX);
        int64_t result = xen_call_run(&inner, number);
        if (!xen_long_out(call, list, i * 8ull + 1, result)) {
            return -XEN_EFAULT;
        }
        if (inner.outcome != XEN_CALL_DONE) {
            call->outcome = inner.outcome;
            call->deadline = inner.deadline;
        }
        if (inner.cut_short) {
            return -XEN_EAGAIN;
        }
    }
    return 0;
}

typedef struct {
    unsigned number;
    const char *name;
    int64_t (*handler)(XenCall *call); /* NULL: always @error */
    int error;
    uint64_t light; /* bit n: its operation n is, see xen_domain_call_is_light() */
} Hypercall;

#define ALL_LIGHT UINT64_MAX
#define OP(name)  (UINT64_C(1) << (name))


static const Hypercall hypercalls[] = {
    {__HYPERVISOR_platform_op, "platform_op", NULL, -XEN_EPERM},
    {__HYPERVISOR_memory_op, "memory_op", xen_memory_op, 0,
     OP(XENMEM_maximum_ram_page) | OP(XENMEM_current_reservation) |
         OP(XENMEM_maximum_reservation) | OP(XENMEM_memory_map) | OP(XENMEM_maximum_gpfn)},
    {__HYPERVISOR_multicall, "multicall", multicall, 0},
    {__HYPERVISOR_set_timer_op, "set_timer_op", xen_set_timer_op, 0, ALL_LIGHT},
    {__HYPERVISOR_xen_version, "xen_version", xen_version_op, 0, ALL_LIGHT},
    {__HYPERVISOR_console_io, "console_io", console_io, 0, ALL_LIGHT},
    {__HYPERVISOR_grant_table_op, "grant_table_op", xen_grant_table_op, 0},
    {__HYPERVISOR_vm_assist, "vm_assist", vm_assist, 0, ALL_LIGHT},
    {__HYPERVISOR_vcpu_op, "vcpu_op", xen_vcpu_op, 0,
     OP(VCPUOP_is_up) | OP(VCPUOP_get_runstate_info) | OP(VCPUOP_set_periodic_timer) |
         OP(VCPUOP_stop_periodic_timer) | OP(VCPUOP_set_singleshot_timer) |
         OP(VCPUOP_stop_singleshot_timer)},
    {__HYPERVISOR_mmuext_op, "mmuext_op", NULL, -XEN_EOPNOTSUPP},
    {__HYPERVISOR_sched_op, "sched_op", xen_sched_op, 0,
     OP(SCHEDOP_yield) | OP(SCHEDOP_block) | OP(SCHEDOP_poll)},
    {__HYPERVISOR_event_channel_op, "event_channel_op", xen_event_channel_op, 0,
     ALL_LIGHT & ~(OP(EVTCHNOP_bind_pirq) | OP(EVTCHNOP_reset))},
    {__HYPERVISOR_physdev_op, "physdev_op", xen_physdev_op, 0},
    {__HYPERVISOR_hvm_op, "hvm_op", xen_hvm_op, 0,
     OP(HVMOP_get_param) | OP(HVMOP_get_time)},
    {__HYPERVISOR_sysctl, "sysctl", NULL, -XEN_EPERM},
    {__HYPERVISOR_domctl, "domctl", NULL, -XEN_EPERM},
    {__HYPERVISOR_xenpmu_op, "xenpmu_op", NULL, -XEN_EOPNOTSUPP},
    {__HYPERVISOR_dm_op, "dm_op", NULL, -XEN_EPERM},
    {__HYPERVISOR_hypfs_op, "hypfs_op", NULL, -XEN_EPERM},
    {__HYPERVISOR_arch_1, "paging_domctl_cont", NULL, -XEN_EPERM},
};

static const Hypercall *find(uint32_t number)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(hypercalls); i++) {
        if (hypercalls[i].number == number) {
            return &hypercalls[i];
        }
    }
    return NULL;
}

const char *xen_hypercall_name(uint32_t number)
{
    const Hypercall *row = find(number);
    return row ? row->name : NULL;
}

static void log_once(XenDomain *domain, uint32_t number, const Hypercall *row)
{
    uint64_t bit = UINT64_C(1) << (number & 63);
    if (!(__atomic_fetch_or(&domain->logged_hypercalls, bit, __ATOMIC_RELAXED) & bit)) {
        log_printf(LOG_UNIMP, "xen: the guest may not make hypercall %u (%s)\n", number,
                   row ? row->name : "unknown");
    }
}

int64_t xen_call_run(XenCall *call, uint32_t number)
{
    const Hypercall *row = find(number);
    xen_count_hypercall(call->domain, call->vcpu, number);
    if (row && row->handler) {
        return row->handler(call);
    }
    log_once(call->domain, number, row);
    return row ? row->error : -XEN_ENOSYS;
}

bool xen_domain_call_is_light(const XenHypercall *call)
{
    const Hypercall *row = find(call->number);
    uint64_t op = call->long_mode ? call->arguments[0] : (uint32_t)call->arguments[0];

    if (!row || !row->handler || row->light == ALL_LIGHT) {
        return true;
    }
    return op < 64 && (row->light >> op & 1);
}

XenCallOutcome xen_domain_hypercall(XenDomain *domain, unsigned vcpu, XenHypercall *hypercall)
{
    XenCall call = {.domain = domain, .vcpu = vcpu, .long_mode = hypercall->long_mode};
    int64_t result = -XEN_EPERM;
    for (unsigned i = 0; i < G_N_ELEMENTS(call.arguments); i++) {
        call.arguments[i] =
            hypercall->long_mode ? hypercall->arguments[i] : (uint32_t)hypercall->arguments[i];
    }
    if (hypercall->cpl == 0 && vcpu < domain->config.vcpus) {
        result = xen_call_run(&call, hypercall->number);
    }
    TRACE(xen_hypercall,
          "vcpu %u number %u (0x%" G_GINT64_MODIFIER "x, 0x%" G_GINT64_MODIFIER
          "x, 0x%" G_GINT64_MODIFIER "x) = %" G_GINT64_FORMAT,
          vcpu, hypercall->number, call.arguments[0], call.arguments[1], call.arguments[2], result);
    hypercall->result = hypercall->long_mode ? (uint64_t)result : (uint32_t)result;
    hypercall->deadline = call.deadline;
    return call.outcome;
}
