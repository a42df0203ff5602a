/*
 * The 2-level event ABI: a pending and a mask bit a port in shared info, a selector word a vCPU
 * (Xen's public/xen.h, "EVENT CHANNEL NOTIFICATIONS").
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

static uint32_t *pending_word(XenDomain *domain, uint32_t port)
{
    return (uint32_t *)(domain->shared_info + SHARED_INFO_PENDING) + port / 32;
}

static uint32_t *mask_word(XenDomain *domain, uint32_t port)
{
    unsigned at = domain->long_mode ? SHARED_INFO_MASK_64 : SHARED_INFO_MASK_32;
    return (uint32_t *)(domain->shared_info + at) + port / 32;
}

static bool set_bit(uint32_t *word, uint32_t bit)
{
    uint32_t mask = 1u << (bit % 32);
    return __atomic_fetch_or(word, mask, __ATOMIC_SEQ_CST) & mask;
}

static bool clear_bit(uint32_t *word, uint32_t bit)
{
    uint32_t mask = 1u << (bit % 32);
    return __atomic_fetch_and(word, ~mask, __ATOMIC_SEQ_CST) & mask;
}

static bool test_bit(const uint32_t *word, uint32_t bit)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST) & (1u << (bit % 32));
}

static uint32_t selector_bit(const XenDomain *domain, uint32_t port)
{
    return port / (domain->long_mode ? 64 : 32);
}

static uint32_t *selector_word(XenDomain *domain, uint32_t port, unsigned vcpu)
{
    uint8_t *info = xen_vcpu_info(domain, vcpu);
    unsigned at = domain->long_mode ? VCPU_INFO_SELECTOR_64 : VCPU_INFO_SELECTOR_32;

    return (uint32_t *)(info + at) + selector_bit(domain, port) / 32;
}

static void select_and_upcall(XenDomain *domain, uint32_t port, unsigned vcpu)
{
    if (!set_bit(selector_word(domain, port, vcpu), selector_bit(domain, port))) {
        xen_vcpu_mark_events_pending(domain, vcpu);
    }
}

static void two_level_set_pending(XenDomain *domain, uint32_t port, XenPort *entry, unsigned vcpu)
{
    if (port >= EVTCHN_2L_PORTS_64 || set_bit(pending_word(domain, port), port)) {
        return;
    }
    if (!test_bit(mask_word(domain, port), port)) {
        select_and_upcall(domain, port, vcpu);
    }
    xen_evtchn_check_pollers(domain, port);
}

static void two_level_clear_pending(XenDomain *domain, uint32_t port, XenPort *entry)
{
    clear_bit(pending_word(domain, port), port);
}

static void two_level_unmask(XenDomain *domain, uint32_t port, XenPort *entry, unsigned vcpu)
{
    if (clear_bit(mask_word(domain, port), port) && test_bit(pending_word(domain, port), port)) {
        select_and_upcall(domain, port, vcpu);
    }
}

static bool two_level_is_pending(XenDomain *domain, uint32_t port, XenPort *entry)
{
    return test_bit(pending_word(domain, port), port);
}

static bool two_level_is_masked(XenDomain *domain, uint32_t port, XenPort *entry)
{
    return test_bit(mask_word(domain, port), port);
}

/*
 * While another ABI is in use the guest does not look at the bits here. A send rings nothing if it
 * finds the pending bit set, or then the selector's, so both are cleared first, and the selector
 * before the pending bit: the sender who has set the pending bit since then has yet to look at a
 * selector that is clear, or that a third has set, and rings, after our upcall was written. All of
 * that is of one vCPU, so each has a port of its own.
 */
uint32_t xen_domain_bell_port(XenDomain *domain, unsigned vcpu)
{
    const uint32_t port = EVTCHN_2L_PORTS_32 - 1 - vcpu;

    if (__atomic_load_n(&domain->evtchn.ops, __ATOMIC_ACQUIRE) == &xen_evtchn_2l_ops ||
        vcpu >= EVTCHN_2L_PORTS_32 - 1) {
        return 0;
    }
    clear_bit(selector_word(domain, port, vcpu), selector_bit(domain, port));
    clear_bit(pending_word(domain, port), port);
    if (test_bit(mask_word(domain, port), port)) {
        clear_bit(mask_word(domain, port), port);
    }
    return port;
}

const XenPortOps xen_evtchn_2l_ops = {
    .name = "2-level",
    .set_pending = two_level_set_pending,
    .clear_pending = two_level_clear_pending,
    .unmask = two_level_unmask,
    .is_pending = two_level_is_pending,
    .is_masked = two_level_is_masked,
};
