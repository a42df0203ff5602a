/*
 * Grant table version 2: entries, sub-pages, status frames, transitive grants.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grants.h"

static uint8_t *page, *target;
static unsigned own;

static void set_full(uint32_t ref, unsigned domain, const void *address, unsigned flags)
{
    grants_v2[ref].full_page.hdr.domid = domain;
    grants_v2[ref].full_page.frame = frame_of(address);
    barrier();
    grants_v2[ref].full_page.hdr.flags = GTF_permit_access | flags;
}

static long copy_from(uint32_t ref, unsigned offset, unsigned length)
{
    struct gnttab_copy c = {.len = length, .flags = GNTCOPY_source_gref};
    c.source.u.ref = ref;
    c.source.domid = own;
    c.source.offset = offset;
    c.dest.u.gmfn = frame_of(target);
    c.dest.domid = DOMID_SELF;
    return grant_copy(&c);
}

static void status_frames(void)
{
    grants_map_status();
    expect("the status of an entry that nobody holds", grant_statuses[20], 0);
    expect("a status frame that is not there: -EINVAL",
           add_to_physmap(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status | 4000,
                          frame_of(page_alloc())),
           -XEN_EINVAL);
    struct gnttab_map_grant_ref m = {.flags = GNTMAP_host_map, .ref = 20, .dom = own, .status = 99};
    uint32_t *place = page_alloc();
    m.host_addr = (uintptr_t)place;
    set_full(20, own, page, 0);
    expect("a grant is mapped", grant_table_op(GNTTABOP_map_grant_ref, &m, 1), 0);
    expect("its status", m.status, GNTST_okay);
    expect("it is in use in the status frame", grant_statuses[20], GTF_reading | GTF_writing);
    expect("and not in the entry", grants_v2[20].hdr.flags, GTF_permit_access);
    struct gnttab_unmap_grant_ref u = {.host_addr = m.host_addr, .handle = m.handle};
    grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1);
    expect("unmapped", u.status, GNTST_okay);
    expect("it is free", grant_statuses[20], 0);
}

static void copies(void)
{
    set_full(21, own, page, GTF_readonly);
    expect("a copy from a full page", copy_from(21, 0, PAGE_SIZE), GNTST_okay);
    check(memcmp(page, target, PAGE_SIZE) == 0, "it is there");
    expect("its status is clear", grant_statuses[21], 0);
    set_full(22, 0, page, 0);
    expect("from one for domain 0: general error", copy_from(22, 0, 8), GNTST_general_error);
}

static void sub_pages(void)
{
    volatile grant_entry_v2_t *e = &grants_v2[23];
    e->sub_page.hdr.domid = own;
    e->sub_page.page_off = 100;
    e->sub_page.length = 50;
    e->sub_page.frame = frame_of(page);
    barrier();
    e->sub_page.hdr.flags = GTF_permit_access | GTF_sub_page;
    memset(target, 0, PAGE_SIZE);
    expect("a copy within a sub-page", copy_from(23, 100, 50), GNTST_okay);
    check(memcmp(page + 100, target, 50) == 0, "it is there");
    expect("before it: general error", copy_from(23, 99, 10), GNTST_general_error);
    expect("behind it: general error", copy_from(23, 149, 2), GNTST_general_error);
    struct gnttab_map_grant_ref m = {
        .host_addr = (uintptr_t)page_alloc(), .flags = GNTMAP_host_map, .ref = 23, .dom = own};
    grant_table_op(GNTTABOP_map_grant_ref, &m, 1);
    expect("a sub-page cannot be mapped: general error", m.status, GNTST_general_error);
    expect("its status is clear", grant_statuses[23], 0);
}

static void transitive(void)
{
    volatile grant_entry_v2_t *e = &grants_v2[24];
    e->transitive.hdr.domid = own;
    e->transitive.trans_domid = own;
    e->transitive.gref = 21;
    barrier();
    e->transitive.hdr.flags = GTF_transitive;
    expect("a transitive grant that leads back: general error", copy_from(24, 0, 8),
           GNTST_general_error);
    expect("its status is clear", grant_statuses[24], 0);
}

void test_main(void)
{
    xen_start();
    xen_latch();
    grants_map();
    own = xen_domid();
    page = page_alloc();
    target = page_alloc();
    for (unsigned i = 0; i < PAGE_SIZE; i++) {
        page[i] = i * 3 + 1;
    }
    if (!expect("version 2", grant_set_version(2), 0)) {
        return;
    }
    status_frames();
    copies();
    sub_pages();
    transitive();
    uint64_t store = 0;
    get_param(HVM_PARAM_STORE_PFN, &store);
    expect("the store's grant is still there", grants_v2[1].full_page.frame, store);
    volatile grant_entry_v2_t *reserved = &grants_v2[2];
    reserved->full_page.frame = UINT64_C(1) << 40;
    reserved->full_page.hdr.flags = GTF_permit_access;
    expect("back to version 1 with a reserved entry that does not fit: -ERANGE",
           grant_set_version(1), -XEN_ERANGE);
    reserved->full_page.hdr.flags = 0;
    expect("without it", grant_set_version(1), 0);
}
