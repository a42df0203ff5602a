/*
 * Event channels from the guest's side: the operations, the 2-level words, the ways an upcall
 * comes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define BITS (sizeof(xen_ulong_t) * 8)

volatile unsigned event_count[EVENT_PORTS], event_vcpu[EVENT_PORTS];
volatile uint32_t event_log[EVENT_LOG];
volatile unsigned event_total, upcall_count[MAX_CPUS];

long bind_ipi(unsigned vcpu)
{
    struct evtchn_bind_ipi bind = {.vcpu = vcpu};
    long result = event_channel_op(EVTCHNOP_bind_ipi, &bind);
    return result ? result : (long)bind.port;
}

long bind_virq(unsigned virq, unsigned vcpu)
{
    struct evtchn_bind_virq bind = {.virq = virq, .vcpu = vcpu};
    long result = event_channel_op(EVTCHNOP_bind_virq, &bind);
    return result ? result : (long)bind.port;
}

long bind_pirq(unsigned pirq, unsigned flags)
{
    struct evtchn_bind_pirq bind = {.pirq = pirq, .flags = flags};
    long result = event_channel_op(EVTCHNOP_bind_pirq, &bind);
    return result ? result : (long)bind.port;
}

long alloc_unbound(unsigned domain, unsigned remote)
{
    struct evtchn_alloc_unbound alloc = {.dom = domain, .remote_dom = remote};
    long result = event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
    return result ? result : (long)alloc.port;
}

long bind_interdomain(unsigned remote, unsigned port)
{
    struct evtchn_bind_interdomain bind = {.remote_dom = remote, .remote_port = port};
    long result = event_channel_op(EVTCHNOP_bind_interdomain, &bind);
    return result ? result : (long)bind.local_port;
}

long port_close(uint32_t port)
{
    struct evtchn_close close = {.port = port};
    return event_channel_op(EVTCHNOP_close, &close);
}

long port_send(uint32_t port)
{
    struct evtchn_send send = {.port = port};
    return event_channel_op(EVTCHNOP_send, &send);
}

long port_unmask(uint32_t port)
{
    struct evtchn_unmask unmask = {.port = port};
    return event_channel_op(EVTCHNOP_unmask, &unmask);
}

long port_bind_vcpu(uint32_t port, unsigned vcpu)
{
    struct evtchn_bind_vcpu bind = {.port = port, .vcpu = vcpu};
    return event_channel_op(EVTCHNOP_bind_vcpu, &bind);
}

long port_status(uint32_t port, PortStatus *status)
{
    struct evtchn_status query = {.dom = DOMID_SELF, .port = port};
    long result = event_channel_op(EVTCHNOP_status, &query);
    *status = (PortStatus){.status = query.status, .vcpu = query.vcpu};
    switch (query.status) {
    case EVTCHNSTAT_unbound:
        status->remote_domain = query.u.unbound.dom;
        break;
    case EVTCHNSTAT_interdomain:
        status->remote_domain = query.u.interdomain.dom;
        status->remote_port = query.u.interdomain.port;
        break;
    case EVTCHNSTAT_pirq:
        status->pirq = query.u.pirq;
        break;
    case EVTCHNSTAT_virq:
        status->virq = query.u.virq;
        break;
    default:
        break;
    }
    return result;
}

/* ---- 2-level words ---- */

static volatile xen_ulong_t *word(volatile xen_ulong_t *words, uint32_t port)
{
    return &words[port / BITS];
}

static xen_ulong_t bit(uint32_t port)
{
    return (xen_ulong_t)1 << port % BITS;
}

bool port_pending(uint32_t port)
{
    return *word(shared_info->evtchn_pending, port) & bit(port);
}

void port_clear(uint32_t port)
{
    __atomic_fetch_and(word(shared_info->evtchn_pending, port), ~bit(port), __ATOMIC_SEQ_CST);
}

void port_mask(uint32_t port)
{
    __atomic_fetch_or(word(shared_info->evtchn_mask, port), bit(port), __ATOMIC_SEQ_CST);
}

bool port_masked(uint32_t port)
{
    return *word(shared_info->evtchn_mask, port) & bit(port);
}

/* ---- upcalls ---- */

void events_forget(void)
{
    for (unsigned i = 0; i < EVENT_PORTS; i++) {
        event_count[i] = 0;
    }
    for (unsigned i = 0; i < MAX_CPUS; i++) {
        upcall_count[i] = 0;
    }
    event_total = 0;
}

static void take_port(uint32_t port)
{
    port_clear(port);
    event_vcpu[port] = cpu_index();
    event_log[__atomic_fetch_add(&event_total, 1, __ATOMIC_SEQ_CST) % EVENT_LOG] = port;
    __atomic_fetch_add(&event_count[port], 1, __ATOMIC_SEQ_CST);
}

void events_take(void)
{
    volatile struct vcpu_info *info = vcpu_info(cpu_index());
    do {
        info->evtchn_upcall_pending = 0;
        xen_ulong_t selector = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
        for (unsigned i = 0; i < BITS; i++) {
            xen_ulong_t words = selector >> i & 1
                                    ? shared_info->evtchn_pending[i] & ~shared_info->evtchn_mask[i]
                                    : 0;
            for (unsigned j = 0; words >> j; j++) {
                if (words >> j & 1) {
                    take_port(i * BITS + j);
                }
                if (j == BITS - 1) {
                    break;
                }
            }
        }
    } while (info->evtchn_upcall_pending);
}

static void on_upcall(TrapFrame *frame __attribute__((unused)))
{
    __atomic_fetch_add(&upcall_count[cpu_index()], 1, __ATOMIC_SEQ_CST);
    events_take();
}

static void on_upcall_with_eoi(TrapFrame *frame)
{
    lapic_eoi();
    on_upcall(frame);
}

/* Level: the line falls when the guest has taken the upcall, and may still be up for a moment. */
static void on_level_upcall(TrapFrame *frame)
{
    on_upcall(frame);
    lapic_eoi();
}

long events_by_callback_vector(unsigned vector)
{
    trap_set(vector, on_upcall);
    return set_param(HVM_PARAM_CALLBACK_IRQ,
                     (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | vector);
}

long events_by_upcall_vector(unsigned vcpu, unsigned vector)
{
    struct xen_hvm_evtchn_upcall_vector set = {.vcpu = vcpu, .vector = vector};
    trap_set(vector, on_upcall_with_eoi);
    return hvm_op(HVMOP_set_evtchn_upcall_vector, &set);
}

long events_by_gsi(unsigned gsi, unsigned vector)
{
    trap_set(vector, on_level_upcall);
    ioapic_set(gsi, vector, true);
    return set_param(HVM_PARAM_CALLBACK_IRQ, (uint64_t)HVM_PARAM_CALLBACK_TYPE_GSI << 56 | gsi);
}

long events_by_intx(unsigned device, unsigned intx, unsigned pin, unsigned vector)
{
    trap_set(vector, on_level_upcall);
    ioapic_set(pin, vector, true);
    return set_param(HVM_PARAM_CALLBACK_IRQ,
                     (uint64_t)HVM_PARAM_CALLBACK_TYPE_PCI_INTX << 56 | (device << 3) << 8 | intx);
}

void events_quiet(void)
{
    set_param(HVM_PARAM_CALLBACK_IRQ, 0);
}

bool event_wait(uint32_t port, unsigned count, unsigned milliseconds)
{
    return wait_for(&event_count[port], count, milliseconds);
}
