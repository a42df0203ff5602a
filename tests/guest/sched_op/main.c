/*
 * sched_op: yield, block, shutdown_code, remote_shutdown, watchdog's errors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define VECTOR 0xf3

static long shutdown_code(unsigned reason)
{
    struct sched_shutdown s = {.reason = reason};
    return sched_op(SCHEDOP_shutdown_code, &s);
}

static long watchdog(unsigned id, unsigned seconds)
{
    struct sched_watchdog w = {.id = id, .timeout = seconds};
    return sched_op(SCHEDOP_watchdog, &w);
}

static void yielding(void)
{
    unsigned good = 0;
    for (unsigned i = 0; i < 100; i++) {
        good += sched_op(SCHEDOP_yield, NULL) == 0;
    }
    expect("a hundred yields come back", good, 100);
}

static void blocking(void)
{
    long port = bind_virq(VIRQ_TIMER, 0);
    uint64_t start = host_ns();
    vcpu_info(0)->evtchn_upcall_mask = 1;
    set_timer_op(system_time() + 50 * NS_PER_MS);
    expect("block comes back when the timer's event comes", sched_op(SCHEDOP_block, NULL), 0);
    expect_range("after 50 ms, in us", (host_ns() - start) / 1000, 49900, 150000);
    expect("it unmasks upcalls", vcpu_info(0)->evtchn_upcall_mask, 0);
    check(port_pending(port), "the event is pending");
    events_forget();
    events_take();
    expect("it was the timer's", event_count[port], 1);
    port_close(port);
}

static void wake_other(void *opaque)
{
    uint64_t until = system_time() + 30 * NS_PER_MS;
    while (system_time() < until) {
        poll_until(until);
    }
    port_send(*(long *)opaque);
}

static void blocked_vcpu_is_woken_by_another(void)
{
    long port = bind_ipi(0);
    uint64_t start = host_ns();
    if (!check(smp_start(1), "vCPU 1 comes up")) {
        return;
    }
    events_take();
    events_forget();
    start = host_ns();
    smp_begin(1, wake_other, &port);
    while (!port_pending(port) && !event_count[port] && host_ns() - start < 3000 * NS_PER_MS) {
        sched_op(SCHEDOP_block, NULL);
        /* The local APIC interrupt that tells of vCPU 1's end wakes too. */
        __asm__ volatile("sti; nop; cli" : : : "memory");
    }
    expect_range("an event of vCPU 1 wakes vCPU 0, in us", (host_ns() - start) / 1000, 20000,
                 300000);
    smp_wait(1, 2000);
    port_close(port);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    /* Interrupts stay off, but without a way for upcalls Xen wakes no blocked vCPU. */
    events_by_callback_vector(VECTOR);
    yielding();
    blocking();
    blocked_vcpu_is_woken_by_another();
    struct sched_remote_shutdown remote = {.domain_id = xen_domid() + 1000,
                                           .reason = SHUTDOWN_poweroff};
    expect("shutdown of nobody: -ESRCH", sched_op(SCHEDOP_remote_shutdown, &remote), -XEN_ESRCH);
    remote.domain_id = 0;
    expect("of domain 0: -EPERM", sched_op(SCHEDOP_remote_shutdown, &remote), -XEN_EPERM);
    remote.domain_id = xen_domid();
    expect("of itself this way: -EPERM", sched_op(SCHEDOP_remote_shutdown, &remote), -XEN_EPERM);
    expect("pin_override: -EPERM", sched_op(SCHEDOP_pin_override, &remote), -XEN_EPERM);
    expect("a shutdown code", shutdown_code(SHUTDOWN_crash), 0);
    expect("a second one: -EBUSY", shutdown_code(SHUTDOWN_crash), -XEN_EBUSY);
    expect("watchdog 0 with no time: -EINVAL", watchdog(0, 0), -XEN_EINVAL);
    expect("watchdog 3: -EINVAL", watchdog(3, 100), -XEN_EINVAL);
    expect("watchdog 1 that nobody made: -EINVAL", watchdog(1, 100), -XEN_EINVAL);
    expect("the first watchdog is 1", watchdog(0, 100), 1);
    expect("the second is 2", watchdog(0, 100), 2);
    expect("a third: -ENOSPC", watchdog(0, 100), -XEN_ENOSPC);
    expect("one is set again", watchdog(2, 200), 0);
    expect("one is stopped", watchdog(1, 0), 0);
    expect("and cannot be again: -EINVAL", watchdog(1, 0), -XEN_EINVAL);
    expect("its place is free", watchdog(0, 100), 1);
    expect("both are stopped", watchdog(1, 0) | watchdog(2, 0), 0);
    expect("shutdown nowhere: -EFAULT", sched_op(SCHEDOP_shutdown, no_memory()), -XEN_EFAULT);
    expect("no such operation: -ENOSYS", sched_op(33, NULL), -XEN_ENOSYS);
}
