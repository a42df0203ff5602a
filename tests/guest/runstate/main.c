/*
 * Runstate: what get_runstate_info answers and what the registered area says, with and without the
 * update flag.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#ifndef XEN_RUNSTATE_UPDATE
#define XEN_RUNSTATE_UPDATE (UINT64_C(1) << 63)
#endif

static uint64_t sum(const volatile struct vcpu_runstate_info *info)
{
    return info->time[0] + info->time[1] + info->time[2] + info->time[3];
}

static long register_area(volatile struct vcpu_runstate_info *area)
{
    struct vcpu_register_runstate_memory_area r = {.addr.v = 0};
    set_xen_guest_handle(r.addr.h, (struct vcpu_runstate_info *)(uintptr_t)area);
    return vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r);
}

static void plausible(const char *what, const volatile struct vcpu_runstate_info *info)
{
    note("%s: state %d since %llu, running %llu, runnable %llu, blocked %llu, offline %llu", what,
         info->state, (unsigned long long)info->state_entry_time, (unsigned long long)info->time[0],
         (unsigned long long)info->time[1], (unsigned long long)info->time[2],
         (unsigned long long)info->time[3]);
    expect("the state is running", info->state, RUNSTATE_running);
    check((int64_t)(system_time() - info->state_entry_time) >= 0,
          "since a time that is not in the future");
}

static void by_hypercall(void)
{
    struct vcpu_runstate_info first = {0}, second = {0};
    expect("get_runstate_info", vcpu_op(VCPUOP_get_runstate_info, 0, &first), 0);
    plausible("by hypercall", &first);
    uint64_t start = system_time();
    rest(20);
    uint64_t passed = system_time() - start;
    expect("once more", vcpu_op(VCPUOP_get_runstate_info, 0, &second), 0);
    expect_range("the times have grown by what has passed, us", (sum(&second) - sum(&first)) / 1000,
                 passed / 1000 - 5000, passed / 1000 + 20000);
    check(second.time[RUNSTATE_running] > first.time[RUNSTATE_running], "running has grown");
    expect("of a vCPU that is down", vcpu_op(VCPUOP_get_runstate_info, 1, &first), 0);
    expect("nowhere: -EFAULT", vcpu_op(VCPUOP_get_runstate_info, 0, no_memory()), -XEN_EFAULT);
    expect("of no vCPU: -ENOENT", vcpu_op(VCPUOP_get_runstate_info, 2, &first), -XEN_ENOENT);
}

static bool area_grows(volatile struct vcpu_runstate_info *area)
{
    uint64_t before = sum(area);
    for (unsigned i = 0; i < 50; i++) {
        rest(2);
        poll_until(system_time() + 2 * NS_PER_MS);
        if (sum(area) > before) {
            return true;
        }
    }
    return false;
}

static void by_area(void)
{
    uint8_t *pages = page_alloc_many(2);
    volatile struct vcpu_runstate_info *area = (void *)(pages + 64);
    memset(pages, 0xff, 256);
    expect("an area", register_area(area), 0);
    plausible("by area", area);
    check(!(area->state_entry_time & XEN_RUNSTATE_UPDATE), "no update is under way");
    expect("nothing is written behind it", pages[64 + sizeof(*area)], 0xff);
    expect("nor before it", pages[63], 0xff);
    check(area_grows(area), "its times grow");
    struct vcpu_runstate_info now = {0};
    uint64_t told = sum(area);
    vcpu_op(VCPUOP_get_runstate_info, 0, &now);
    expect_range("get_runstate_info is not behind it, ns", sum(&now) - told, 0, 1000000000);
    /* Over two pages. */
    area = (void *)(pages + PAGE_SIZE - 20);
    memset((void *)(uintptr_t)area, 0xff, sizeof(*area));
    expect("an area over a page border", register_area(area), 0);
    plausible("over the border", area);
    check(area_grows(area), "its times grow");
    expect("the update flag",
           hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag, 0,
                     0, 0),
           0);
    check(area_grows(area), "with it they grow too");
    check(!(area->state_entry_time & XEN_RUNSTATE_UPDATE), "and it is seen down");
    hypercall(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag, 0, 0,
              0);
}

static void by_physical_area(void)
{
    uint8_t *page = page_alloc();
    volatile struct vcpu_runstate_info *area = (void *)(page + 256);
    struct vcpu_register_runstate_memory_area r = {.addr.p = (uintptr_t)area};
    long result = vcpu_op(VCPUOP_register_runstate_phys_area, 0, &r);
    if (result == -XEN_ENOSYS) {
        skip("an area by its physical address", "this Xen has no such operation");
        return;
    }
    expect("an area by its physical address", result, 0);
    plausible("by physical address", area);
    check(area_grows(area), "its times grow");
    r.addr.p = (uintptr_t)page + PAGE_SIZE - 16;
    check(vcpu_op(VCPUOP_register_runstate_phys_area, 0, &r) < 0, "over a page's end: an error");
    r.addr.p = (uintptr_t)page + 3;
    check(vcpu_op(VCPUOP_register_runstate_phys_area, 0, &r) < 0, "not aligned: an error");
    r.addr.p = ~UINT64_C(0);
    expect("taken away", vcpu_op(VCPUOP_register_runstate_phys_area, 0, &r), 0);
    memset(page, 0, PAGE_SIZE);
    poll_until(system_time() + 5 * NS_PER_MS);
    expect("it is written no more", sum(area), 0);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    by_hypercall();
    by_area();
    by_physical_area();
}
