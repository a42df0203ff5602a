/*
 * add_to_physmap_batch: an error for each element, one for the call.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static xen_ulong_t indices[8];
static xen_pfn_t frames[8];
static int errors[8];

static long batch(unsigned domain, unsigned space, unsigned count)
{
    struct xen_add_to_physmap_batch b = {.domid = domain, .space = space, .size = count};
    set_xen_guest_handle(b.idxs, indices);
    set_xen_guest_handle(b.gpfns, frames);
    set_xen_guest_handle(b.errs, errors);
    return memory_op(XENMEM_add_to_physmap_batch, &b);
}

void test_main(void)
{
    xen_start();
    xen_latch();
    uint32_t *pages[8];
    for (unsigned i = 0; i < 8; i++) {
        pages[i] = page_alloc();
        pages[i][7] = 0x7777;
        frames[i] = frame_of(pages[i]);
        indices[i] = i;
        errors[i] = 99;
    }
    indices[2] = 100000;
    expect("four elements", batch(DOMID_SELF, XENMAPSPACE_grant_table, 4), 0);
    expect("the first is done", errors[0], 0);
    expect("the second is done", errors[1], 0);
    expect("the third is no frame of the table: -EINVAL", errors[2], -XEN_EINVAL);
    expect("the fourth is done", errors[3], 0);
    expect("the fifth was not looked at", errors[4], 99);
    check(pages[0][7] != 0x7777 && pages[3][7] != 0x7777, "the table has appeared");
    expect("no element", batch(DOMID_SELF, XENMAPSPACE_grant_table, 0), 0);
    indices[0] = 0;
    expect("shared info", batch(DOMID_SELF, XENMAPSPACE_shared_info, 2), 0);
    expect("index 0 is there", errors[0], 0);
    expect("index 1 is not: -EINVAL", errors[1], -XEN_EINVAL);
    check(((struct shared_info *)pages[0])->wc_sec > 1000000000u, "it has appeared");
    indices[0] = frame_of(page_alloc());
    *(uint32_t *)(uintptr_t)(indices[0] << PAGE_SHIFT) = 0xbeef;
    frames[0] = frames[5];
    expect("a frame of RAM", batch(DOMID_SELF, XENMAPSPACE_gmfn, 1), 0);
    expect("is done", errors[0], 0);
    expect("is seen there", pages[5][0], 0xbeef);
    expect("ranges have no batch: -EINVAL", batch(DOMID_SELF, XENMAPSPACE_gmfn_range, 1),
           -XEN_EINVAL);
    expect("domain 0's: -EPERM", batch(0, XENMAPSPACE_grant_table, 1), -XEN_EPERM);
    expect("nobody's: -ESRCH", batch(xen_domid() + 1000, XENMAPSPACE_grant_table, 1), -XEN_ESRCH);

    struct xen_add_to_physmap_batch b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .size = 1};
    set_xen_guest_handle(b.gpfns, frames);
    set_xen_guest_handle(b.errs, errors);
    b.idxs.p = no_memory();
    expect("indices nowhere: -EFAULT", memory_op(XENMEM_add_to_physmap_batch, &b), -XEN_EFAULT);
    set_xen_guest_handle(b.idxs, indices);
    indices[0] = 1;
    b.errs.p = no_memory();
    expect("errors nowhere: -EFAULT", memory_op(XENMEM_add_to_physmap_batch, &b), -XEN_EFAULT);
}
