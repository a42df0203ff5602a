/*
 * hvm_op's small operations: time, TLB flush, memory types, hints.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#ifndef HVMOP_get_time
#define HVMOP_get_time 10
struct xen_hvm_get_time {
    uint64_t now;
};
#endif

static void time(void)
{
    struct xen_hvm_get_time t = {0};
    uint64_t before = system_time();
    expect("get_time", hvm_op(HVMOP_get_time, &t), 0);
    uint64_t after = system_time();
    expect_range("it is not before the pvclock, ns", t.now - before, -1000, 1000000000);
    expect_range("nor after it, ns", after - t.now, -1000, 1000000000);
    expect("nowhere: -EFAULT", hvm_op(HVMOP_get_time, no_memory()), -XEN_EFAULT);
}

static void memory_type(void)
{
    struct xen_hvm_get_mem_type type = {.domid = DOMID_SELF, .pfn = frame_of(page_alloc())};
    expect("the type of a frame", hvm_op(HVMOP_get_mem_type, &type), 0);
    expect("of RAM", type.mem_type, HVMMEM_ram_rw);
    type.pfn = 0xe0000;
    expect("the type of a hole", hvm_op(HVMOP_get_mem_type, &type), 0);
    expect("which the device model serves", type.mem_type, HVMMEM_mmio_dm);
    type.domid = xen_domid() + 1000;
    expect("of nobody's frame: -ESRCH", hvm_op(HVMOP_get_mem_type, &type), -XEN_ESRCH);
}

static uint32_t *first, *second, *shown;

/* A translation that was changed behind the TLB's back is forgotten. */
static void flush(void)
{
    first = page_alloc();
    second = page_alloc();
    first[0] = 1;
    second[0] = 2;
    shown = window_map(30, frame_of(first), 0);
    expect("a page of the window", *(volatile uint32_t *)shown, 1);
    expect("flush_tlbs", hvm_op(HVMOP_flush_tlbs, NULL), 0);
    window_map(30, frame_of(second), 0);
    expect("another frame there", *(volatile uint32_t *)shown, 2);
    expect("flush_tlbs with a list: -EINVAL", hvm_op(HVMOP_flush_tlbs, first), -XEN_EINVAL);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    time();
    memory_type();
    flush();
    struct xen_hvm_pagetable_dying dying = {.domid = DOMID_SELF, .gpa = 0x1000};
    expect("pagetable_dying means nothing with nested paging: -EINVAL",
           hvm_op(HVMOP_pagetable_dying, &dying), -XEN_EINVAL);
    dying.domid = xen_domid() + 1000;
    check(hvm_op(HVMOP_pagetable_dying, &dying) < 0, "nobody's page table: an error");
    check(hvm_op(8, NULL) < 0, "set_mem_type is the device model's");
    expect("no such operation: -ENOSYS", hvm_op(99, NULL), -XEN_ENOSYS);
}
