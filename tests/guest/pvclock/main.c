/*
 * Time: the pvclock runs right and never back, on one vCPU and across two; the wall clock;
 * registered time areas.
 *
 * Words: now= the host's time at the start, seconds since 1970; seconds= how long the clock is held
 * against the host's, once a second on each vCPU in turn.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define LOOKS 20000

static void rate(void)
{
    uint64_t host = host_ns(), xen = system_time();
    rest(200);
    int64_t host_passed = host_ns() - host, xen_passed = system_time() - xen;
    expect_range("200 ms by the pvclock and by the HPET differ by us",
                 (xen_passed - host_passed) / 1000, -1000, 1000);
}

static void shape(const volatile struct vcpu_time_info *info)
{
    check(!(info->version & 1), "the version is even");
    check(info->version != 0, "something was written");
    check(info->tsc_to_system_mul & 0x80000000u, "the multiplier uses all its bits");
    check((int64_t)(rdtsc() - info->tsc_timestamp) >= 0, "the TSC stamp is in the past");
}

static void monotonic(void)
{
    uint64_t last = system_time();
    unsigned back = 0;
    for (unsigned i = 0; i < LOOKS; i++) {
        uint64_t now = system_time();
        back += now < last;
        last = now;
    }
    expect("it never goes back", back, 0);
}

static volatile uint64_t latest;
static volatile unsigned backwards, turns;

/* Each takes turns to look: what it sees must not be before what the other saw. */
static void look_in_turn(unsigned mine, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t patience = rdtsc();
        while (turns % 2 != mine) {
            sched_op(SCHEDOP_yield, NULL);
            if (rdtsc() - patience > UINT64_C(20000000000)) {
                return;
            }
        }
        uint64_t now = system_time();
        if (now < latest) {
            backwards++;
        }
        latest = now;
        __atomic_fetch_add(&turns, 1, __ATOMIC_SEQ_CST);
    }
}

static void other_side(void *opaque)
{
    look_in_turn(1, *(unsigned *)opaque);
}

static void across_vcpus(void)
{
    unsigned count = option_number("turns", 50);
    if (!check(smp_start(1), "vCPU 1 comes up")) {
        return;
    }
    latest = 0;
    smp_begin(1, other_side, &count);
    look_in_turn(0, count);
    check(smp_wait(1, 5000), "two vCPUs looked in turn, %u times", turns);
    expect("neither saw time go back", backwards, 0);
    shape(&vcpu_info(1)->time);
}

/* How far the pvclock is from the HPET, which the machine takes from the host's clock, as both have
 * run since @start; the best of a few looks, because each look at the HPET leaves the guest. */
typedef struct {
    uint64_t xen, host;
} ClockPair;

static ClockPair both_clocks(void)
{
    ClockPair best = {0, 0};
    uint64_t narrowest = UINT64_MAX;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t before = system_time(), host = host_ns(), after = system_time();
        if (after - before < narrowest) {
            narrowest = after - before;
            best = (ClockPair){before + narrowest / 2, host};
        }
    }
    return best;
}

static int64_t worst_ns;
static ClockPair start;

static void hold_against_host(void *opaque __attribute__((unused)))
{
    ClockPair now = both_clocks();
    int64_t apart = (int64_t)(now.xen - start.xen) - (int64_t)(now.host - start.host);
    apart = apart < 0 ? -apart : apart;
    worst_ns = apart > worst_ns ? apart : worst_ns;
    if (now.xen < latest) {
        backwards++;
    }
    latest = now.xen;
}

static void long_run(unsigned seconds)
{
    unsigned count = 10, done = 0;
    start = both_clocks();
    latest = 0;
    backwards = 0;
    for (; done < seconds; done++) {
        rest(1000);
        hold_against_host(NULL);
        if (!smp_run(1, hold_against_host, NULL)) {
            break;
        }
        smp_begin(1, other_side, &count);
        look_in_turn(0, count);
        smp_wait(1, 5000);
    }
    ClockPair end = both_clocks();
    note("%llu ns by the pvclock, %llu by the host, at most %lld apart",
         (unsigned long long)(end.xen - start.xen), (unsigned long long)(end.host - start.host),
         (long long)worst_ns);
    expect("seconds that it was held against the host's clock", done, seconds);
    check(end.host - start.host >= seconds * UINT64_C(1000000000), "so many seconds did pass");
    expect_range("at most so many us apart", worst_ns / 1000, 0, 1000);
    expect("neither vCPU saw time go back", backwards, 0);
}

static uint64_t wall_seconds(uint32_t *ns)
{
    uint32_t version;
    uint64_t seconds;
    do {
        version = shared_info->wc_version & ~1u;
        barrier();
        seconds = shared_info->wc_sec;
#ifdef __x86_64__
        seconds |= (uint64_t)shared_info->wc_sec_hi << 32;
#else
        seconds |= (uint64_t)shared_info->arch.wc_sec_hi << 32;
#endif
        *ns = shared_info->wc_nsec;
        barrier();
    } while (shared_info->wc_version != version);
    return seconds;
}

static void wall_clock(void)
{
    uint32_t ns;
    uint64_t seconds = wall_seconds(&ns), now = option_number("now", 0);
    check(shared_info->wc_version != 0 && !(shared_info->wc_version & 1),
          "the wall clock's version is even");
    check(ns < 1000000000u, "its nanoseconds are less than a second");
    check(seconds > 1600000000u, "it is a time of this century: %llu", (unsigned long long)seconds);
    if (now) {
        /* The wall clock is the host's time at system time 0. */
        expect_range("with the system time it is the host's, s",
                     seconds + system_time() / 1000000000, now - 5, now + 120);
    }
}

static void time_area(void)
{
    volatile struct vcpu_time_info *area = (void *)((uint8_t *)page_alloc() + 96);
    struct vcpu_register_time_memory_area r = {.addr.v = 0};
    set_xen_guest_handle(r.addr.h, (struct vcpu_time_info *)(uintptr_t)area);
    expect("a time area", vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &r), 0);
    rest(2);
    shape(area);
    int64_t apart = pvclock_read(area) - system_time();
    expect_range("it tells the same time as vcpu_info, us", apart / 1000, -1000, 1000);
    rest(100);
    apart = pvclock_read(area) - system_time();
    expect_range("and still does, us", apart / 1000, -1000, 1000);
    expect("of no vCPU: -ENOENT", vcpu_op(VCPUOP_register_vcpu_time_memory_area, 2, &r),
           -XEN_ENOENT);
    expect("from nowhere: -EFAULT", vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, no_memory()),
           -XEN_EFAULT);
    volatile struct vcpu_time_info *physical = page_alloc();
    r.addr.p = (uintptr_t)physical;
    long result = vcpu_op(VCPUOP_register_vcpu_time_phys_area, 0, &r);
    if (result == -XEN_ENOSYS) {
        skip("a time area by its physical address", "this Xen has no such operation");
        return;
    }
    expect("a time area by its physical address", result, 0);
    rest(2);
    shape(physical);
    apart = pvclock_read(physical) - system_time();
    expect_range("it tells the same time, us", apart / 1000, -1000, 1000);
}

static void after_a_move(void)
{
    uint64_t before = system_time();
    xen_map_shared_info();
    check(system_time() >= before, "the time goes on when shared info moves");
    uint32_t ns;
    check(wall_seconds(&ns) > 1600000000u, "and the wall clock is there");
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    shape(&vcpu_info(0)->time);
    rate();
    monotonic();
    across_vcpus();
    if (option_number("seconds", 0)) {
        long_run(option_number("seconds", 0));
    }
    wall_clock();
    time_area();
    after_a_move();
}
