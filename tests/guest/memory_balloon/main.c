/*
 * Ballooning: memory given back is gone, comes back as zeroes, and is counted; exchange; what there
 * is.
 *
 * Word: pages= (of RAM).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static xen_pfn_t list[64];

static long change(unsigned op, unsigned long count, unsigned order, unsigned domain)
{
    struct xen_memory_reservation r = {.nr_extents = count, .extent_order = order, .domid = domain};
    set_xen_guest_handle(r.extent_start, list);
    return memory_op(op, &r);
}

static long current_pages(void)
{
    domid_t self = DOMID_SELF;
    return memory_op(XENMEM_current_reservation, &self);
}

static long ask(unsigned op, unsigned domain)
{
    struct xen_memory_domain which = {.domid = domain};
    return memory_op(op, &which);
}

static void questions(void)
{
    unsigned long pages = option_number("pages", 64 << 8);
    long current = ask(XENMEM_current_reservation, DOMID_SELF);
    note("current %ld, maximum %ld, last frame 0x%lx", current,
         ask(XENMEM_maximum_reservation, DOMID_SELF), ask(XENMEM_maximum_gpfn, DOMID_SELF));
    expect_range("the reservation is about the RAM", current, pages - 64, pages + 64);
    expect_range("the maximum is no less", ask(XENMEM_maximum_reservation, DOMID_SELF), current,
                 pages + 4096);
    check(ask(XENMEM_maximum_gpfn, DOMID_SELF) >= (long)(ram_end() >> PAGE_SHIFT) - 1,
          "the last frame is not below the RAM's");
    check(memory_op(XENMEM_maximum_ram_page, NULL) > 0, "the host has a last page");
    for (unsigned op = XENMEM_current_reservation; op <= XENMEM_maximum_reservation; op++) {
        expect("domain 0's: -EPERM", ask(op, 0), -XEN_EPERM);
        expect("nobody's: -ESRCH", ask(op, xen_domid() + 1000), -XEN_ESRCH);
        expect("by its number", ask(op, xen_domid()), ask(op, DOMID_SELF));
    }
    expect("the last frame of nobody: -ESRCH", ask(XENMEM_maximum_gpfn, xen_domid() + 1000),
           -XEN_ESRCH);
    expect("nowhere: -EFAULT", memory_op(XENMEM_maximum_gpfn, no_memory()), -XEN_EFAULT);
}

static void down_and_up(void)
{
    /* Aligned to all eight of them. */
    uint32_t *pages =
        (uint32_t *)(((uintptr_t)page_alloc_many(16) + 8 * PAGE_SIZE - 1) & ~(8ul * PAGE_SIZE - 1));
    long before = current_pages();
    for (unsigned i = 0; i < 8; i++) {
        pages[i * 1024] = 0xaaaa0000 + i;
        list[i] = frame_of(pages) + i;
    }
    expect("three pages are given back", change(XENMEM_decrease_reservation, 3, 0, DOMID_SELF), 3);
    expect("the reservation is smaller by three", current_pages(), before - 3);
    expect("what is behind them is untouched", pages[3 * 1024], 0xaaaa0003);
    expect("a page that is gone cannot be given back",
           change(XENMEM_decrease_reservation, 1, 0, DOMID_SELF), 0);
    list[1] = frame_of(pages) + 4;
    list[0] = frame_of(pages) + 3;
    list[2] = frame_of(pages) + 1;
    expect("two good ones before a bad one", change(XENMEM_decrease_reservation, 3, 0, DOMID_SELF),
           2);
    expect("five are gone", current_pages(), before - 5);
    for (unsigned i = 0; i < 5; i++) {
        list[i] = frame_of(pages) + i;
    }
    expect("the five come back", change(XENMEM_populate_physmap, 5, 0, DOMID_SELF), 5);
    expect("the reservation is what it was", current_pages(), before);
    expect("they are empty", pages[0] | pages[1024] | pages[2048] | pages[3072] | pages[4096], 0);
    pages[2048] = 0x1234;
    expect("they can be written", pages[2048], 0x1234);
    expect("no more than the maximum comes", change(XENMEM_populate_physmap, 1, 0, DOMID_SELF), 0);
    expect("increase_reservation beyond it neither",
           change(XENMEM_increase_reservation, 1, 0, DOMID_SELF), 0);
    list[0] = frame_of(pages);
    expect("order 3 takes eight at once", change(XENMEM_decrease_reservation, 1, 3, DOMID_SELF), 1);
    expect("eight are gone", current_pages(), before - 8);
    expect("and gives them back", change(XENMEM_populate_physmap, 1, 3, DOMID_SELF), 1);
    expect("the reservation is what it was", current_pages(), before);
}

static void refusals(void)
{
    list[0] = frame_of(page_alloc());
    expect("domain 0's: nothing done", change(XENMEM_decrease_reservation, 1, 0, 0), 0);
    expect("nobody's: nothing done", change(XENMEM_decrease_reservation, 1, 0, xen_domid() + 1000),
           0);
    expect("a huge order: nothing done", change(XENMEM_populate_physmap, 1, 30, DOMID_SELF), 0);
    list[0] = 0xe0000;
    expect("a frame beyond RAM: nothing done",
           change(XENMEM_decrease_reservation, 1, 0, DOMID_SELF), 0);
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};
    r.extent_start.p = no_memory();
    expect("a list nowhere: nothing done", memory_op(XENMEM_decrease_reservation, &r), 0);
    expect("no extents: nothing to do", change(XENMEM_decrease_reservation, 0, 0, DOMID_SELF), 0);
}

static void exchange(void)
{
    uint32_t *pages = page_alloc_many(2);
    static xen_pfn_t in[1], out[1];
    struct xen_memory_exchange e = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                                    .out = {.nr_extents = 1, .domid = DOMID_SELF}};
    set_xen_guest_handle(e.in.extent_start, in);
    set_xen_guest_handle(e.out.extent_start, out);
    list[0] = out[0] = frame_of(pages) + 1;
    in[0] = frame_of(pages);
    change(XENMEM_decrease_reservation, 1, 0, DOMID_SELF);
    long before = current_pages();
    expect("one page for another frame", memory_op(XENMEM_exchange, &e), 0);
    expect("one was exchanged", e.nr_exchanged, 1);
    expect("the reservation is the same", current_pages(), before);
    pages[1024] = 0x4321;
    expect("the new one is there", pages[1024], 0x4321);
    e.nr_exchanged = 2;
    expect("more exchanged than there are: -EINVAL", memory_op(XENMEM_exchange, &e), -XEN_EINVAL);
    e.nr_exchanged = 0;
    e.out.nr_extents = 2;
    expect("not as much as is given: -EINVAL", memory_op(XENMEM_exchange, &e), -XEN_EINVAL);
    e.out.nr_extents = 1;
    e.in.domid = 0;
    check(memory_op(XENMEM_exchange, &e) < 0, "domain 0's is refused");
    list[0] = in[0];
    expect("the first frame is populated again", change(XENMEM_populate_physmap, 1, 0, DOMID_SELF),
           1);
}

void test_main(void)
{
    xen_start();
    questions();
    down_and_up();
    refusals();
    exchange();
}
