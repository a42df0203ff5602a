/*
 * VCPUOP_register_vcpu_info: the place moves with its contents, events are pending after it, more
 * than 32 vCPUs.
 *
 * Word: cpus=.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define VECTOR 0xf3

static long register_at(unsigned vcpu, unsigned long frame, unsigned offset)
{
    struct vcpu_register_vcpu_info info = {.mfn = frame, .offset = offset};
    return vcpu_op(VCPUOP_register_vcpu_info, vcpu, &info);
}

static long register_place(unsigned vcpu, volatile struct vcpu_info *place)
{
    long result =
        register_at(vcpu, frame_of((void *)(uintptr_t)place), (uintptr_t)place % PAGE_SIZE);
    if (result == 0) {
        vcpu_info_moved(vcpu, place);
    }
    return result;
}

static void errors(void)
{
    unsigned long frame = frame_of(page_alloc());
    expect("over the page's end: -EINVAL", register_at(0, frame, PAGE_SIZE - 63), -XEN_EINVAL);
    expect("beyond the page: -EINVAL", register_at(0, frame, 0x80000000), -XEN_EINVAL);
    expect("in no RAM: -EINVAL", register_at(0, 0xe0000, 0), -XEN_EINVAL);
    check(register_at(0, frame, 3) < 0, "not aligned: an error");
    expect("of no vCPU: -ENOENT", register_at(option_number("cpus", 1), frame, 0), -XEN_ENOENT);
    expect("from nowhere: -EFAULT", vcpu_op(VCPUOP_register_vcpu_info, 0, no_memory()),
           -XEN_EFAULT);
}

static void moves(void)
{
    uint8_t *page = page_alloc();
    long port = bind_ipi(0);
    volatile struct vcpu_info *place = (void *)(page + PAGE_SIZE - sizeof(struct vcpu_info));
    uint64_t before = system_time();
    shared_info->vcpu_info[0].evtchn_upcall_mask = 0;
    expect("the last place of a page", register_place(0, place), 0);
    check(system_time() >= before, "it has the time");
    expect("an upcall is pending", place->evtchn_upcall_pending, 1);
    check(place->evtchn_pending_sel == (xen_ulong_t)-1, "every selector is set");
    check(event_total == 0, "nothing came yet");
    events_forget();
    rest(5);
    expect("nothing but the upcall comes", event_total, 0);
    port_send(port);
    check(event_wait(port, 1, 2000), "events come through it");
    expect("and not the old place", shared_info->vcpu_info[0].evtchn_upcall_pending, 0);
    port_mask(port);
    port_send(port);
    expect("a masked one sets no flag", place->evtchn_upcall_pending, 0);
    port_unmask(port);
    check(event_wait(port, 2, 2000), "unmasked it comes");
    port_close(port);
}

static void send(void *opaque)
{
    port_send(*(long *)opaque);
}

static void other_vcpu(unsigned vcpu)
{
    volatile struct vcpu_info *place = page_alloc();
    note("vCPU %u", vcpu);
    expect("its place while it is down", register_place(vcpu, place), 0);
    if (!check(smp_start(vcpu), "it comes up")) {
        return;
    }
    long there = bind_ipi(vcpu), here = bind_ipi(0);
    events_forget();
    port_send(there);
    check(event_wait(there, 1, 2000), "an event for it comes");
    expect("there", event_vcpu[there], vcpu);
    check(smp_run(vcpu, send, &here), "it sends one");
    check(event_wait(here, 1, 2000), "which comes here");
    check(pvclock_read(&place->time) != 0, "it has the time");
    expect("its place cannot be moved from here now: -EINVAL",
           register_at(vcpu, frame_of(page_alloc()), 0), -XEN_EINVAL);
    port_close(there);
    port_close(here);
}

static void again(void)
{
    volatile struct vcpu_info *place = (void *)((uint8_t *)page_alloc() + 128);
    long port = bind_ipi(0);
    expect("vCPU 0's place is moved once more", register_place(0, place), 0);
    events_forget();
    port_send(port);
    check(event_wait(port, 1, 2000), "events come through it");
}

void test_main(void)
{
    unsigned cpus = option_number("cpus", 1);
    xen_start();
    xen_map_shared_info();
    events_by_callback_vector(VECTOR);
    errors();
    moves();
    if (cpus > 1) {
        other_vcpu(1);
    }
    if (cpus > XEN_LEGACY_MAX_VCPUS) {
        other_vcpu(cpus - 1);
    }
    again();
}
