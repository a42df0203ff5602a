/*
 * The grant table as a whole: size, growth, where its frames are, version, swapped entries.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grants.h"

static long setup(unsigned domain, unsigned count, xen_pfn_t *list, int *status)
{
    struct gnttab_setup_table s = {.dom = domain, .nr_frames = count, .status = 99};
    set_xen_guest_handle(s.frame_list, list);
    long result = grant_table_op(GNTTABOP_setup_table, &s, 1);
    *status = s.status;
    return result;
}

static void sizes(void)
{
    static xen_pfn_t list[2000];
    struct gnttab_query_size q = {.dom = DOMID_SELF, .status = 99};
    int status;
    expect("query_size", grant_table_op(GNTTABOP_query_size, &q, 1), 0);
    expect("its status", q.status, GNTST_okay);
    unsigned max = q.max_nr_frames;
    expect("the maximum is what was asked for", max, option_number("frames", 64));
    check(q.nr_frames >= 1 && q.nr_frames <= max, "it has %u frames", q.nr_frames);
    expect("setup of the frames that are mapped", setup(DOMID_SELF, GRANT_FRAMES, list, &status),
           0);
    expect("its status", status, GNTST_okay);
    for (unsigned i = 0; i < GRANT_FRAMES; i++) {
        expect("the frame is where it was mapped", list[i],
               frame_of((void *)(uintptr_t)grants_v1) + i);
    }
    expect("setup of one more", setup(DOMID_SELF, GRANT_FRAMES + 1, list, &status), 0);
    expect("its status", status, GNTST_okay);
    check(list[GRANT_FRAMES] == (xen_pfn_t)-1, "it is nowhere yet");
    grant_table_op(GNTTABOP_query_size, &q, 1);
    check(q.nr_frames >= GRANT_FRAMES + 1, "the table has grown: %u", q.nr_frames);
    expect("setup of all", setup(DOMID_SELF, max, list, &status), 0);
    expect("its status", status, GNTST_okay);
    setup(DOMID_SELF, max + 1, list, &status);
    expect("setup of more: general error", status, GNTST_general_error);
    setup(xen_domid() + 1000, 1, list, &status);
    expect("of nobody: bad domain", status, GNTST_bad_domain);
    setup(0, 1, list, &status);
    expect("of domain 0: permission denied", status, GNTST_permission_denied);
    expect("a list nowhere: -EFAULT", setup(DOMID_SELF, 1, no_memory(), &status), -XEN_EFAULT);
    q = (struct gnttab_query_size){.dom = xen_domid() + 1000};
    grant_table_op(GNTTABOP_query_size, &q, 1);
    expect("the size of nobody's: bad domain", q.status, GNTST_bad_domain);
    expect("two questions at once: -EINVAL", grant_table_op(GNTTABOP_query_size, &q, 2),
           -XEN_EINVAL);
    expect("a count below zero: -EINVAL", grant_table_op(GNTTABOP_query_size, &q, (unsigned)-1),
           -XEN_EINVAL);
    expect("nowhere: -EFAULT", grant_table_op(GNTTABOP_query_size, no_memory(), 1), -XEN_EFAULT);
    expect("transfer is not for HVM guests: -ENOSYS", grant_table_op(GNTTABOP_transfer, &q, 1),
           -XEN_ENOSYS);
}

static void versions(void)
{
    uint32_t version = 0;
    uint64_t store = 0;
    get_param(HVM_PARAM_STORE_PFN, &store);
    expect("the version", grant_get_version(DOMID_SELF, &version), 0);
    expect("is 1 at first", version, 1);
    expect("of nobody: -ESRCH", grant_get_version(xen_domid() + 1000, &version), -XEN_ESRCH);
    expect("of domain 0: -EPERM", grant_get_version(0, &version), -XEN_EPERM);
    expect("version 3: -EINVAL", grant_set_version(3), -XEN_EINVAL);
    expect("version 0: -EINVAL", grant_set_version(0), -XEN_EINVAL);
    grant_page(100, 0, page_alloc(), 0);
    expect("version 2", grant_set_version(2), 0);
    grant_get_version(DOMID_SELF, &version);
    expect("is told", version, 2);
    expect("the store's entry is kept", grants_v2[1].full_page.frame, store);
    expect("for domain 0", grants_v2[1].hdr.domid, 0);
    expect("others are gone", grants_v2[100].hdr.flags, 0);
    expect("version 2 again", grant_set_version(2), 0);
    expect("version 1", grant_set_version(1), 0);
    expect("the store's entry is kept again", grants_v1[1].frame, store);
    check((grants_v1[1].flags & GTF_type_mask) == GTF_permit_access, "and grants access");
}

static void swaps(void)
{
    struct gnttab_swap_grant_ref swap = {.ref_a = 40, .ref_b = 41, .status = 99};
    void *page = page_alloc();
    grant_page(40, 0, page, GTF_readonly);
    expect("swap", grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1), 0);
    expect("its status", swap.status, GNTST_okay);
    expect("the first entry is empty", grants_v1[40].flags, 0);
    expect("the second has its frame", grants_v1[41].frame, frame_of(page));
    expect("and its flags", grants_v1[41].flags, GTF_permit_access | GTF_readonly);
    swap.ref_b = 1000000;
    grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1);
    expect("with no entry: bad reference", swap.status, GNTST_bad_gntref);
    struct gnttab_swap_grant_ref two[2] = {{.ref_a = 41, .ref_b = 42}, {.ref_a = 42, .ref_b = 43}};
    expect("two at once", grant_table_op(GNTTABOP_swap_grant_ref, two, 2), 0);
    expect("move it twice", grants_v1[43].frame, frame_of(page));
}

void test_main(void)
{
    xen_start();
    xen_latch();
    grants_map();
    versions();
    swaps();
    sizes();
}
