/*
 * GNTTABOP_map_grant_ref and unmap_grant_ref of the domain's own grants.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grants.h"

static uint32_t *page, *place;
static unsigned own;

static long map(uint32_t ref, unsigned domain, uint64_t address, uint32_t flags,
                grant_handle_t *handle)
{
    struct gnttab_map_grant_ref m = {
        .host_addr = address, .flags = flags, .ref = ref, .dom = domain, .status = 99};
    long result = grant_table_op(GNTTABOP_map_grant_ref, &m, 1);
    *handle = m.handle;
    return result ? result * 1000 : m.status;
}

static long unmap(grant_handle_t handle, uint64_t address)
{
    struct gnttab_unmap_grant_ref u = {.host_addr = address, .handle = handle, .status = 99};
    long result = grant_table_op(GNTTABOP_unmap_grant_ref, &u, 1);
    return result ? result * 1000 : u.status;
}

static void write_place(void *opaque __attribute__((unused)))
{
    *(volatile uint32_t *)place = 0x99;
}

static void maps(void)
{
    grant_handle_t first, second;
    page[0] = 0x1234;
    grant_page(50, own, page, 0);
    if (!expect("a grant is mapped", map(50, own, (uintptr_t)place, GNTMAP_host_map, &first),
                GNTST_okay)) {
        return;
    }
    expect("its page is seen", place[0], 0x1234);
    place[1] = 0x77;
    expect("and can be written", page[1], 0x77);
    expect("the entry is in use for both", grants_v1[50].flags & (GTF_reading | GTF_writing),
           GTF_reading | GTF_writing);
    expect("at a second place, read-only",
           map(50, own, (uintptr_t)place + PAGE_SIZE, GNTMAP_host_map | GNTMAP_readonly, &second),
           GNTST_okay);
    expect("its page is seen there", place[1024], 0x1234);
    expect("version 2 while one is mapped: -EBUSY", grant_set_version(2), -XEN_EBUSY);
    check(unmap(first, (uintptr_t)place + 5 * PAGE_SIZE) < 0,
          "unmapped at another address: an error");
    expect("the first is unmapped", unmap(first, (uintptr_t)place), GNTST_okay);
    expect("unmapped again: bad handle", unmap(first, (uintptr_t)place), GNTST_bad_handle);
    expect("the entry is in use for reading still",
           grants_v1[50].flags & (GTF_reading | GTF_writing), GTF_reading);
    expect("the second is unmapped", unmap(second, (uintptr_t)place + PAGE_SIZE), GNTST_okay);
    expect("the entry is free", grants_v1[50].flags & (GTF_reading | GTF_writing), 0);
    expect("no such handle: bad handle", unmap(5000, (uintptr_t)place), GNTST_bad_handle);
}

static void read_only(void)
{
    grant_handle_t handle;
    grant_page(51, own, page, GTF_readonly);
    expect("a read-only grant for writing: general error",
           map(51, own, (uintptr_t)place, GNTMAP_host_map, &handle), GNTST_general_error);
    page[0] = 0x4444;
    expect("for reading",
           map(51, own, (uintptr_t)place, GNTMAP_host_map | GNTMAP_readonly, &handle), GNTST_okay);
    expect("its page is seen", place[0], 0x4444);
    trap_catch(write_place, NULL);
    expect("a write does not reach it", page[0], 0x4444);
    expect("it is unmapped", unmap(handle, (uintptr_t)place), GNTST_okay);
}

static void errors(void)
{
    grant_handle_t handle;
    grant_page(52, own, page, 0);
    grant_page(53, 0, page, 0);
    expect("no kind of mapping: bad reference", map(52, own, (uintptr_t)place, 0, &handle),
           GNTST_bad_gntref);
    expect("for a device: general error",
           map(52, own, (uintptr_t)place, GNTMAP_device_map, &handle), GNTST_general_error);
    expect("of nobody: bad domain", map(52, own + 1000, (uintptr_t)place, GNTMAP_host_map, &handle),
           GNTST_bad_domain);
    expect("DOMID_SELF is nobody here: bad domain",
           map(52, DOMID_SELF, (uintptr_t)place, GNTMAP_host_map, &handle), GNTST_bad_domain);
    expect("no entry: bad reference", map(1000000, own, (uintptr_t)place, GNTMAP_host_map, &handle),
           GNTST_bad_gntref);
    expect("an entry that grants nothing: general error",
           map(60, own, (uintptr_t)place, GNTMAP_host_map, &handle), GNTST_general_error);
    expect("one for domain 0: general error",
           map(53, own, (uintptr_t)place, GNTMAP_host_map, &handle), GNTST_general_error);
    expect("none is in use",
           (grants_v1[52].flags | grants_v1[53].flags) & (GTF_reading | GTF_writing), 0);
    expect("nowhere: -EFAULT", grant_table_op(GNTTABOP_map_grant_ref, no_memory(), 1), -XEN_EFAULT);
}

void test_main(void)
{
    xen_start();
    xen_latch();
    grants_map();
    own = xen_domid();
    page = page_alloc();
    place = page_alloc_many(8);
    maps();
    read_only();
    errors();
}
