/*
 * GNTTABOP_copy between frames and the domain's own grants.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grants.h"

static uint8_t *source, *target;
static unsigned own;

static struct gnttab_copy plain(unsigned length)
{
    struct gnttab_copy c = {.len = length};
    c.source.u.gmfn = frame_of(source);
    c.source.domid = DOMID_SELF;
    c.dest.u.gmfn = frame_of(target);
    c.dest.domid = DOMID_SELF;
    return c;
}

static void between_frames(void)
{
    struct gnttab_copy c = plain(1000);
    c.source.offset = 100;
    c.dest.offset = 200;
    memset(target, 0, PAGE_SIZE);
    expect("1000 bytes from frame to frame", grant_copy(&c), GNTST_okay);
    check(memcmp(source + 100, target + 200, 1000) == 0, "they are there");
    check(target[199] == 0 && target[1200] == 0, "and nothing else");
    c = plain(PAGE_SIZE);
    expect("a whole page", grant_copy(&c), GNTST_okay);
    check(memcmp(source, target, PAGE_SIZE) == 0, "it is there");
    c = plain(0);
    expect("nothing", grant_copy(&c), GNTST_okay);
    c = plain(100);
    c.source.offset = PAGE_SIZE - 99;
    expect("over the source's end: bad argument", grant_copy(&c), GNTST_bad_copy_arg);
    c = plain(100);
    c.dest.offset = PAGE_SIZE - 99;
    expect("over the target's end: bad argument", grant_copy(&c), GNTST_bad_copy_arg);
    c = plain(10);
    c.source.u.gmfn = 0xe0000;
    expect("from no RAM: bad page", grant_copy(&c), GNTST_bad_page);
    c = plain(10);
    c.dest.u.gmfn = 0xe0000;
    expect("into no RAM: bad page", grant_copy(&c), GNTST_bad_page);
    c = plain(10);
    c.source.domid = 0;
    expect("a frame of domain 0: permission denied", grant_copy(&c), GNTST_permission_denied);
    c = plain(10);
    c.dest.domid = xen_domid() + 1000;
    expect("a frame of nobody: permission denied", grant_copy(&c), GNTST_permission_denied);
}

static void through_grants(void)
{
    struct gnttab_copy c = plain(500);
    grant_page(30, own, source, GTF_readonly);
    grant_page(31, own, target, 0);
    memset(target, 0, PAGE_SIZE);
    c.source.u.ref = 30;
    c.source.domid = own;
    c.source.offset = 7;
    c.dest.u.ref = 31;
    c.dest.domid = own;
    c.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    expect("from grant to grant", grant_copy(&c), GNTST_okay);
    check(memcmp(source + 7, target, 500) == 0, "it is there");
    expect("the source is not in use after it", grants_v1[30].flags & (GTF_reading | GTF_writing),
           0);
    expect("nor the target", grants_v1[31].flags & (GTF_reading | GTF_writing), 0);
    c.source.domid = c.dest.domid = DOMID_SELF;
    expect("by DOMID_SELF", grant_copy(&c), GNTST_okay);
    c.dest.u.ref = 30;
    c.source.u.ref = 31;
    expect("into a read-only grant: general error", grant_copy(&c), GNTST_general_error);
    c.dest.u.ref = 31;
    c.source.u.ref = 33;
    expect("from an entry that grants nothing: general error", grant_copy(&c), GNTST_general_error);
    c.source.u.ref = 1000000;
    expect("from no entry: bad reference", grant_copy(&c), GNTST_bad_gntref);
    grant_page(34, 0, source, 0);
    c.source.u.ref = 34;
    expect("from one for domain 0: general error", grant_copy(&c), GNTST_general_error);
    c.source.u.ref = 30;
    c.source.domid = xen_domid() + 1000;
    expect("from a grant of nobody: bad domain", grant_copy(&c), GNTST_bad_domain);
    grant_page(35, own, (void *)0xe0000000u, 0);
    c.source.domid = own;
    c.source.u.ref = 35;
    check(grant_copy(&c) < 0, "from a grant of no RAM: an error");
    expect("which is not in use after it", grants_v1[35].flags & (GTF_reading | GTF_writing), 0);
}

static void several(void)
{
    struct gnttab_copy list[3] = {plain(10), plain(10), plain(10)};
    memset(target, 0, PAGE_SIZE);
    list[1].source.offset = PAGE_SIZE;
    list[2].dest.offset = 20;
    expect("three at once", grant_table_op(GNTTABOP_copy, list, 3), 0);
    expect("the first", list[0].status, GNTST_okay);
    expect("the second is bad", list[1].status, GNTST_bad_copy_arg);
    expect("the third", list[2].status, GNTST_okay);
    check(memcmp(source, target + 20, 10) == 0, "it is there");
    expect("none at all", grant_table_op(GNTTABOP_copy, list, 0), 0);
    expect("a list nowhere: -EFAULT", grant_table_op(GNTTABOP_copy, no_memory(), 1), -XEN_EFAULT);
}

void test_main(void)
{
    xen_start();
    xen_latch();
    grants_map();
    own = xen_domid();
    source = page_alloc();
    target = page_alloc();
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        source[i] = i * 7 + 1;
    }
    between_frames();
    through_grants();
    several();
}
