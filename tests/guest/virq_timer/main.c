/*
 * VIRQ_TIMER by set_timer_op, by VCPUOP_set_singleshot_timer and by the periodic timer: when it
 * comes, how often, and what is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define VECTOR  0xf3
#define LATE_US 20000 /* a busy host may be that late; early it may not be */

static long port;

static long singleshot(unsigned vcpu, uint64_t deadline, uint32_t flags)
{
    struct vcpu_set_singleshot_timer set = {.timeout_abs_ns = deadline, .flags = flags};
    return vcpu_op(VCPUOP_set_singleshot_timer, vcpu, &set);
}

static long periodic(unsigned vcpu, uint64_t period)
{
    struct vcpu_set_periodic_timer set = {.period_ns = period};
    return vcpu_op(VCPUOP_set_periodic_timer, vcpu, &set);
}

static void in_time(const char *text, uint64_t start, uint64_t delay)
{
    bool came = event_wait(port, 1, 3000);
    int64_t late = (system_time() - start - delay) / 1000;
    check(came, "%s: it comes", text);
    expect_range("in time, us late", late, 0, LATE_US);
    rest(5);
    expect("once", event_count[port], 1);
}

static void by_set_timer_op(void)
{
    static const unsigned delays_us[] = {200, 1000, 10000, 100000};
    for (unsigned i = 0; i < ARRAY_SIZE(delays_us); i++) {
        uint64_t start = system_time(), delay = delays_us[i] * UINT64_C(1000);
        events_forget();
        expect("set_timer_op", set_timer_op(start + delay), 0);
        in_time("one shot", start, delay);
    }
    events_forget();
    uint64_t start = system_time();
    set_timer_op(start + 30 * NS_PER_MS);
    expect("stopped before it is due", set_timer_op(0), 0);
    rest(60);
    expect("it does not come", event_count[port], 0);
    set_timer_op(system_time() + 50 * NS_PER_MS);
    start = system_time();
    set_timer_op(start + 5 * NS_PER_MS);
    in_time("the later call counts", start, 5 * NS_PER_MS);
    events_forget();
    set_timer_op(system_time() - 1000);
    check(event_wait(port, 1, 1000), "a time that has passed comes at once");
    /* Old Linux asks for this; it is woken soon. */
    events_forget();
    expect("a time beyond all", set_timer_op(UINT64_C(1) << 63), 0);
    check(event_wait(port, 1, 1000), "comes within a second");
}

static void by_singleshot(void)
{
    uint64_t start = system_time();
    events_forget();
    expect("set_singleshot_timer", singleshot(0, start + 10 * NS_PER_MS, 0), 0);
    in_time("one shot", start, 10 * NS_PER_MS);
    events_forget();
    expect("in the past, only if in the future: -ETIME", singleshot(0, start, VCPU_SSHOTTMR_future),
           -XEN_ETIME);
    rest(5);
    expect("it does not come", event_count[port], 0);
    expect("in the past", singleshot(0, start, 0), 0);
    check(event_wait(port, 1, 1000), "comes at once");
    events_forget();
    expect("in the future, only if so",
           singleshot(0, system_time() + 5 * NS_PER_MS, VCPU_SSHOTTMR_future), 0);
    check(event_wait(port, 1, 1000), "comes");
    events_forget();
    singleshot(0, system_time() + 30 * NS_PER_MS, 0);
    expect("stop_singleshot_timer", vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    rest(60);
    expect("it does not come", event_count[port], 0);
    expect("of another vCPU: -EINVAL", singleshot(1, start, 0), -XEN_EINVAL);
    expect("stop of another vCPU: -EINVAL", vcpu_op(VCPUOP_stop_singleshot_timer, 1, NULL),
           -XEN_EINVAL);
    /* Xen says -ENOENT; a KVM that knows Xen answers itself, for any vCPU but the caller. */
    long none = singleshot(2, start, 0);
    check(none == -XEN_ENOENT || none == -XEN_EINVAL, "of no vCPU: an error");
    expect("nowhere: -EFAULT", vcpu_op(VCPUOP_set_singleshot_timer, 0, no_memory()), -XEN_EFAULT);
}

static void by_periodic(void)
{
    expect("a period below 1 ms: -EINVAL", periodic(0, 999999), -XEN_EINVAL);
    expect("a period beyond all: -EINVAL", periodic(0, UINT64_C(1) << 62), -XEN_EINVAL);
    expect("of no vCPU: -ENOENT", periodic(2, 10 * NS_PER_MS), -XEN_ENOENT);
    events_forget();
    uint64_t start = system_time();
    expect("a period of 10 ms", periodic(0, 10 * NS_PER_MS), 0);
    check(event_wait(port, 10, 5000), "ten ticks come");
    expect_range("in ten periods, ms", (system_time() - start) / NS_PER_MS, 95, 300);
    uint64_t one_shot = system_time();
    unsigned before = event_count[port];
    singleshot(0, one_shot + 3 * NS_PER_MS, 0);
    check(event_wait(port, before + 2, 5000), "a one-shot comes beside it");
    expect("stop_periodic_timer", vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    rest(15);
    before = event_count[port];
    rest(50);
    expect("none comes after it", event_count[port], before);
    expect("stopping it again", vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
}

static void body_other(void *opaque)
{
    *(long *)opaque = set_timer_op(system_time() + 10 * NS_PER_MS);
}

static void on_other_vcpu(void)
{
    long result = -1;
    if (!check(smp_start(1), "vCPU 1 comes up")) {
        return;
    }
    long other = bind_virq(VIRQ_TIMER, 1);
    events_forget();
    smp_run(1, body_other, &result);
    expect("vCPU 1 sets its timer", result, 0);
    check(event_wait(other, 1, 2000), "it comes");
    expect("on vCPU 1", event_vcpu[other], 1);
    expect("and not on vCPU 0", event_count[port], 0);
    events_forget();
    expect("vCPU 0 sets the periodic timer of vCPU 1", periodic(1, 5 * NS_PER_MS), 0);
    check(event_wait(other, 3, 2000), "it comes there");
    expect("until it is stopped", vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL), 0);
}

static void without_a_port(void)
{
    events_forget();
    port_close(port);
    expect("without a port the timer can be set", set_timer_op(system_time() + 2 * NS_PER_MS), 0);
    rest(10);
    expect("nothing comes", event_total, 0);
    port = bind_virq(VIRQ_TIMER, 0);
    events_forget();
    set_timer_op(system_time() + 2 * NS_PER_MS);
    check(event_wait(port, 1, 1000), "with a new port it comes");
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    events_by_callback_vector(VECTOR);
    port = bind_virq(VIRQ_TIMER, 0);
    by_set_timer_op();
    by_singleshot();
    by_periodic();
    on_other_vcpu();
    without_a_port();
}
