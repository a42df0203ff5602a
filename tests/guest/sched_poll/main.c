/*
 * SCHEDOP_poll: sleeps until its time, a port of its list, or an upcall; and really sleeps.
 *
 * Word: sleep= seconds to sleep in all; the runner looks at what the process used meanwhile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define SLACK_US 30000
#define VECTOR   0xf3

static long poll(const evtchn_port_t *ports, unsigned count, uint64_t timeout)
{
    struct sched_poll p = {.nr_ports = count, .timeout = timeout};
    set_xen_guest_handle(p.ports, (evtchn_port_t *)(uintptr_t)ports);
    return sched_op(SCHEDOP_poll, &p);
}

static void quiet(uint32_t port)
{
    port_clear(port);
    vcpu_info(0)->evtchn_upcall_pending = 0;
    vcpu_info(0)->evtchn_pending_sel = 0;
}

/*
 * A KVM with Xen support answers SCHEDOP_poll at once, as if something had woken the vCPU, where
 * the instruction itself is the call; that is allowed, and loops like Linux's live with it.
 */
static bool answered_by_kvm(void)
{
    uint64_t until = system_time() + 20 * NS_PER_MS;
    return xen_instruction_traps(__HYPERVISOR_sched_op) && poll(NULL, 0, until) == 0 &&
           system_time() < until;
}

static void time_out(void)
{
    static const unsigned delays_ms[] = {1, 20, 200};
    for (unsigned i = 0; i < ARRAY_SIZE(delays_ms); i++) {
        uint64_t start = system_time();
        expect("poll without ports", poll(NULL, 0, start + delays_ms[i] * NS_PER_MS), 0);
        int64_t late = (int64_t)(system_time() - start) / 1000 - delays_ms[i] * 1000;
        expect_range("sleeps until its time, us late", late, 0, SLACK_US);
    }
    uint64_t start = host_ns();
    expect("a time that has passed", poll(NULL, 0, system_time() - 1000), 0);
    expect_range("is no sleep, us", (host_ns() - start) / 1000, 0, SLACK_US);
}

static void on_ports(void)
{
    evtchn_port_t timer = bind_virq(VIRQ_TIMER, 0), other = bind_ipi(0);
    evtchn_port_t both[2] = {other, timer};
    port_mask(timer);
    port_mask(other);
    uint64_t start = system_time();
    set_timer_op(start + 30 * NS_PER_MS);
    expect("poll of one masked port", poll(&timer, 1, start + 3000 * NS_PER_MS), 0);
    expect_range("comes back with its event, us late",
                 (int64_t)(system_time() - start) / 1000 - 30000, 0, SLACK_US);
    check(port_pending(timer), "which is pending");
    start = system_time();
    expect("poll of a port that is pending", poll(&timer, 1, start + 3000 * NS_PER_MS), 0);
    expect_range("comes back at once, us", (system_time() - start) / 1000, 0, SLACK_US);
    quiet(timer);
    start = system_time();
    set_timer_op(start + 30 * NS_PER_MS);
    expect("poll of two", poll(both, 2, start + 3000 * NS_PER_MS), 0);
    expect_range("comes back with the second's event, us late",
                 (int64_t)(system_time() - start) / 1000 - 30000, 0, SLACK_US);
    quiet(timer);
    start = system_time();
    set_timer_op(start + 20 * NS_PER_MS);
    expect("poll of a port while another's masked event comes",
           poll(&other, 1, start + 60 * NS_PER_MS), 0);
    expect_range("comes back by its time, us late", (int64_t)(system_time() - start) / 1000 - 60000,
                 0, SLACK_US);
    check(port_pending(timer) && !port_pending(other), "only the other is pending");
    quiet(timer);
    port_unmask(timer);
    start = system_time();
    set_timer_op(start + 20 * NS_PER_MS);
    expect("poll while an unmasked event comes", poll(&other, 1, start + 3000 * NS_PER_MS), 0);
    expect_range("comes back with the upcall, us late",
                 (int64_t)(system_time() - start) / 1000 - 20000, 0, SLACK_US);
    quiet(timer);
    start = system_time();
    set_timer_op(start + 20 * NS_PER_MS);
    port_mask(timer);
    expect("poll without a time", poll(&timer, 1, 0), 0);
    expect_range("waits for its port, us late", (int64_t)(system_time() - start) / 1000 - 20000, 0,
                 SLACK_US);
    quiet(timer);
    port_close(timer);
    port_close(other);
}

static void send_later(void *opaque)
{
    uint64_t until = system_time() + 30 * NS_PER_MS;
    while (system_time() < until) {
        poll_until(until);
    }
    port_send(*(evtchn_port_t *)opaque);
}

static void woken_by_another_vcpu(void)
{
    evtchn_port_t port = bind_ipi(0);
    if (!check(smp_start(1), "vCPU 1 comes up")) {
        return;
    }
    port_mask(port);
    uint64_t start = system_time();
    smp_begin(1, send_later, &port);
    while (!port_pending(port) && system_time() - start < 3000 * NS_PER_MS) {
        poll(&port, 1, start + 3000 * NS_PER_MS);
        __asm__ volatile("sti; nop; cli" : : : "memory");
    }
    expect_range("an event that vCPU 1 sends ends it, us", (int64_t)(system_time() - start) / 1000,
                 25000, 300000);
    smp_wait(1, 2000);
    port_close(port);
}

static void errors(void)
{
    static evtchn_port_t ports[200];
    evtchn_port_t bad = PORTS_2L + 5;
    uint64_t later = system_time() + 10 * NS_PER_MS;
    expect("129 ports: -EINVAL", poll(ports, 129, later), -XEN_EINVAL);
    expect("a port that is none: -EINVAL", poll(&bad, 1, later), -XEN_EINVAL);
    expect("ports nowhere: -EFAULT", poll(no_memory(), 1, later), -XEN_EFAULT);
    expect("poll nowhere: -EFAULT", sched_op(SCHEDOP_poll, no_memory()), -XEN_EFAULT);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    /* Interrupts stay off, but without a way for upcalls Xen wakes no sleeping vCPU for one. */
    events_by_callback_vector(VECTOR);
    if (answered_by_kvm()) {
        skip("poll sleeps",
             "this host's KVM answers the bare instruction itself, without sleeping");
        return;
    }
    time_out();
    on_ports();
    errors();
    woken_by_another_vcpu();
    unsigned seconds = option_number("sleep", 0);
    for (unsigned i = 0; i < seconds; i++) {
        uint64_t until = system_time() + 1000 * NS_PER_MS;
        while (system_time() < until) {
            poll_until(until);
        }
    }
    check(true, "slept %u s in all", seconds);
}
