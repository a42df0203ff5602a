/*
 * multicall: each entry runs, each result is stored, errors of the list are the call's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static long multicall(volatile struct multicall_entry *list, unsigned long count)
{
    return hypercall(__HYPERVISOR_multicall, (unsigned long)(uintptr_t)list, count, 0, 0, 0);
}

void test_main(void)
{
    xen_start();
    struct multicall_entry *list = page_alloc();
    struct evtchn_bind_ipi bind = {0};
    list[0] = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_version}};
    list[1] =
        (struct multicall_entry){.op = __HYPERVISOR_event_channel_op,
                                 .args = {EVTCHNOP_bind_ipi, (unsigned long)(uintptr_t)&bind}};
    list[2] = (struct multicall_entry){.op = 63};
    list[3] = (struct multicall_entry){.op = __HYPERVISOR_multicall,
                                       .args = {(unsigned long)(uintptr_t)list, 1}};
    list[4] = (struct multicall_entry){
        .op = __HYPERVISOR_sched_op, .args = {SCHEDOP_yield}, .result = 77};
    expect("five entries run", multicall(list, 5), 0);
    expect("the first result", list[0].result, xen_version(XENVER_version, NULL));
    expect("the second result", list[1].result, 0);
    check(bind.port > 0, "its structure was written: port %u", bind.port);
    expect("an unknown hypercall: -ENOSYS in its entry", (long)list[2].result, -XEN_ENOSYS);
    expect("a multicall within: -EINVAL in its entry", (long)list[3].result, -XEN_EINVAL);
    expect("what comes behind still runs", list[4].result, 0);
    expect("the arguments are left alone", list[0].args[0], XENVER_version);
    expect("an empty list", multicall(list, 0), 0);
    expect("an empty list nowhere", multicall(no_memory(), 0), 0);
    expect("a list nowhere: -EFAULT", multicall(no_memory(), 1), -XEN_EFAULT);

    /* The second entry lies in no memory. */
    uint8_t *page = page_alloc();
    window_map(20, frame_of(page), 0);
    struct multicall_entry *last =
        (void *)(uintptr_t)(WINDOW_START + 21 * PAGE_SIZE - sizeof(*last));
    *last = (struct multicall_entry){.op = __HYPERVISOR_xen_version, .args = {XENVER_pagesize}};
    expect("a list that runs out of memory: -EFAULT", multicall(last, 2), -XEN_EFAULT);
    expect("what was before that has run", last->result, 4096);

    struct multicall_entry *many = page_alloc_many(16);
    unsigned count = 16 * PAGE_SIZE / sizeof(*many), good = 0;
    for (unsigned i = 0; i < count; i++) {
        many[i].op = __HYPERVISOR_xen_version;
        many[i].args[0] = XENVER_pagesize;
    }
    expect("a list of many pages", multicall(many, count), 0);
    for (unsigned i = 0; i < count; i++) {
        good += many[i].result == 4096;
    }
    expect("all of them ran", good, count);
}
