/*
 * Grant tables: frames, both versions, back ends, the guest's own mappings and copies, saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-fixture.h"

#define GRANT(f, op, s) call_struct(f, __HYPERVISOR_grant_table_op, op, &(s), sizeof(s))

static grant_entry_v1_t *entry_v1(Fixture *f, uint32_t ref)
{
    return (grant_entry_v1_t *)f->pages[XEN_PAGE_GRANT_TABLE][ref / 512] + ref % 512;
}

static grant_entry_v2_t *entry_v2(Fixture *f, uint32_t ref)
{
    return (grant_entry_v2_t *)f->pages[XEN_PAGE_GRANT_TABLE][ref / 256] + ref % 256;
}

static uint16_t *status_v2(Fixture *f, uint32_t ref)
{
    return (uint16_t *)f->pages[XEN_PAGE_GRANT_STATUS][ref / 2048] + ref % 2048;
}

static void grant_v1(Fixture *f, uint32_t ref, uint16_t domain, uint32_t gfn, uint16_t flags)
{
    *entry_v1(f, ref) = (grant_entry_v1_t){GTF_permit_access | flags, domain, gfn};
}

static int64_t set_version(Fixture *f, uint32_t version)
{
    gnttab_set_version_t set = {version};
    int64_t result = GRANT(f, GNTTABOP_set_version, set);
    gnttab_get_version_t get = {.dom = DOMID_SELF};
    g_assert_cmpint(GRANT(f, GNTTABOP_get_version, get), ==, 0);
    g_assert_cmpuint(get.version, ==, set.version);
    return result;
}

static void back_end_pin_marks_entry_until_last_release(void)
{
    Fixture *f = fixture_new(1);
    XenGrantPin a, b;
    grant_v1(f, 9, 0, 33, 0);
    g_assert_cmpint(xen_grant_pin(f->domain, 9, false, &a), ==, GNTST_okay);
    g_assert_true(a.page == guest(f, 33 * 4096));
    g_assert_cmphex(entry_v1(f, 9)->flags, ==, GTF_permit_access | GTF_reading);
    g_assert_cmpint(xen_grant_pin(f->domain, 9, true, &b), ==, GNTST_okay);
    g_assert_cmphex(entry_v1(f, 9)->flags, ==, GTF_permit_access | GTF_reading | GTF_writing);
    g_assert_cmpuint(xen_grant_active(f->domain), ==, 1);
    xen_grant_unpin(f->domain, &b);
    g_assert_cmphex(entry_v1(f, 9)->flags, ==, GTF_permit_access | GTF_reading);
    xen_grant_unpin(f->domain, &a);
    g_assert_cmphex(entry_v1(f, 9)->flags, ==, GTF_permit_access);
    g_assert_cmpuint(xen_grant_active(f->domain), ==, 0);
    fixture_free(f);
}

static void bad_grants_are_refused(void)
{
    Fixture *f = fixture_new(1);
    XenGrantPin pin;
    g_assert_cmpint(xen_grant_pin(f->domain, 9, false, &pin), ==, GNTST_general_error);
    g_assert_cmpint(xen_grant_pin(f->domain, 512, false, &pin), ==, GNTST_bad_gntref);
    grant_v1(f, 9, 3, 33, 0); /* for another domain */
    g_assert_cmpint(xen_grant_pin(f->domain, 9, false, &pin), ==, GNTST_general_error);
    grant_v1(f, 9, 0, 33, GTF_readonly);
    g_assert_cmpint(xen_grant_pin(f->domain, 9, true, &pin), ==, GNTST_general_error);
    grant_v1(f, 9, 0, 1 << 30, 0);
    g_assert_cmpint(xen_grant_pin(f->domain, 9, false, &pin), ==, GNTST_bad_page);
    g_assert_cmphex(entry_v1(f, 9)->flags, ==, GTF_permit_access);
    uint32_t refs[] = {10, 11, 12};
    XenGrantPin pins[3];
    grant_v1(f, 10, 0, 33, 0);
    grant_v1(f, 11, 0, 34, 0);
    g_assert_cmpint(xen_grant_pin_all(f->domain, refs, 3, true, pins), ==, GNTST_general_error);
    g_assert_cmpuint(xen_grant_active(f->domain), ==, 0);
    fixture_free(f);
}

static void reset_releases_by_force(void)
{
    Fixture *f = fixture_new(1);
    XenGrantPin pin;
    grant_v1(f, 9, 0, 33, 0);
    xen_grant_pin(f->domain, 9, true, &pin);
    xen_domain_reset(f->domain, true);
    g_assert_cmpuint(xen_grant_active(f->domain), ==, 0);
    grant_v1(f, 9, 0, 34, 0);
    XenGrantPin fresh;
    g_assert_cmpint(xen_grant_pin(f->domain, 9, true, &fresh), ==, GNTST_okay);
    xen_grant_unpin(f->domain, &pin); /* stale */
    g_assert_cmpuint(xen_grant_active(f->domain), ==, 1);
    xen_grant_unpin(f->domain, &fresh);
    fixture_free(f);
}

static void back_end_copies_are_bounded(void)
{
    Fixture *f = fixture_new(1);
    char text[8] = "abcdefg", back[8];
    grant_v1(f, 9, 0, 33, 0);
    g_assert_cmpint(xen_grant_write(f->domain, 9, 4088, text, 8), ==, GNTST_okay);
    g_assert_cmpint(xen_grant_read(f->domain, 9, 4088, back, 8), ==, GNTST_okay);
    g_assert_cmpstr(back, ==, "abcdefg");
    g_assert_cmpint(xen_grant_read(f->domain, 9, 4089, back, 8), ==, GNTST_bad_copy_arg);
    g_assert_cmpint(xen_grant_read(f->domain, 9, 5000, back, 0), ==, GNTST_bad_copy_arg);
    fixture_free(f);
}

static void table_grows_and_is_described(void)
{
    Fixture *f = fixture_new(1);
    gnttab_query_size_t query = {.dom = DOMID_SELF};
    g_assert_cmpint(GRANT(f, GNTTABOP_query_size, query), ==, 0);
    g_assert_cmpuint(query.nr_frames, ==, 1);
    g_assert_cmpuint(query.max_nr_frames, ==, FIXTURE_GRANT_FRAMES);
    query.dom = 9;
    GRANT(f, GNTTABOP_query_size, query);
    g_assert_cmpint(query.status, ==, GNTST_bad_domain);
    gnttab_setup_table_t setup = {.dom = DOMID_SELF, .nr_frames = 3};
    setup.frame_list.p = (xen_pfn_t *)(uintptr_t)FIXTURE_SCRATCH;
    g_assert_cmpint(GRANT(f, GNTTABOP_setup_table, setup), ==, 0);
    g_assert_cmpint(setup.status, ==, GNTST_okay);
    g_assert_cmphex(((uint64_t *)guest(f, FIXTURE_SCRATCH))[2], ==, UINT64_MAX);
    setup.nr_frames = 9;
    GRANT(f, GNTTABOP_setup_table, setup);
    g_assert_cmpint(setup.status, ==, GNTST_general_error);
    setup.dom = 0;
    GRANT(f, GNTTABOP_setup_table, setup);
    g_assert_cmpint(setup.status, ==, GNTST_permission_denied);
    setup = (gnttab_setup_table_t){.dom = DOMID_SELF, .nr_frames = 1};
    setup.frame_list.p = (xen_pfn_t *)(uintptr_t)FIXTURE_UNMAPPED;
    g_assert_cmpint(GRANT(f, GNTTABOP_setup_table, setup), ==, -XEN_EFAULT);
    uint32_t number = __HYPERVISOR_grant_table_op;
    g_assert_cmpint(call(f, number, GNTTABOP_query_size, FIXTURE_ARGUMENT, 2), ==, -XEN_EINVAL);
    g_assert_cmpint(call(f, number, GNTTABOP_copy, FIXTURE_ARGUMENT, UINT32_MAX), ==, -XEN_EINVAL);
    g_assert_cmpint(call(f, number, GNTTABOP_copy, FIXTURE_ARGUMENT, 70000), ==, -XEN_E2BIG);
    g_assert_cmpint(call(f, number, GNTTABOP_transfer, FIXTURE_ARGUMENT, 1), ==, -XEN_ENOSYS);
    fixture_free(f);
}

static void version_2_keeps_reserved_entries(void)
{
    Fixture *f = fixture_new(1);
    XenGrantPin pin;
    g_assert_true(xen_grant_set_reserved(f->domain, 1, 44));
    grant_v1(f, 9, 0, 33, 0);
    g_assert_cmpint(xen_grant_pin(f->domain, 9, false, &pin), ==, GNTST_okay);
    g_assert_cmpint(set_version(f, 2), ==, -XEN_EBUSY);
    xen_grant_unpin(f->domain, &pin);
    g_assert_cmpint(set_version(f, 3), ==, -XEN_EINVAL);
    g_assert_cmpint(set_version(f, 2), ==, 0);
    g_assert_cmpint(set_version(f, 2), ==, 0);
    g_assert_cmpuint(entry_v2(f, 1)->full_page.frame, ==, 44);
    g_assert_cmpuint(entry_v2(f, 9)->hdr.flags, ==, 0);
    entry_v2(f, 2)->full_page.hdr.flags = GTF_permit_access;
    entry_v2(f, 2)->full_page.frame = UINT64_C(1) << 33;
    g_assert_cmpint(set_version(f, 1), ==, -XEN_ERANGE);
    entry_v2(f, 2)->full_page.frame = 3;
    g_assert_cmpint(set_version(f, 1), ==, 0);
    g_assert_cmpuint(entry_v1(f, 1)->frame, ==, 44);
    g_assert_false(xen_grant_set_reserved(f->domain, 8, 1));
    fixture_free(f);
}

static void version_2_marks_status_frames(void)
{
    Fixture *f = fixture_new(1);
    XenGrantPin pin, other;
    set_version(f, 2);
    g_assert_true(xen_grant_set_reserved(f->domain, 0, 20));
    entry_v2(f, 9)->full_page.hdr = (grant_entry_header_t){GTF_permit_access | GTF_readonly, 0};
    entry_v2(f, 9)->full_page.frame = 33;
    g_assert_cmpint(xen_grant_pin(f->domain, 9, true, &pin), ==, GNTST_general_error);
    g_assert_cmpint(xen_grant_pin(f->domain, 9, false, &pin), ==, GNTST_okay);
    g_assert_cmphex(*status_v2(f, 9), ==, GTF_reading);
    g_assert_cmpint(xen_grant_pin(f->domain, 9, true, &other), ==, GNTST_general_error);
    g_assert_cmpint(xen_grant_pin(f->domain, 9, false, &other), ==, GNTST_okay);
    xen_grant_unpin(f->domain, &other);
    xen_grant_unpin(f->domain, &pin);
    g_assert_cmphex(*status_v2(f, 9), ==, 0);
    gnttab_get_status_frames_t get = {.nr_frames = 1, .dom = DOMID_SELF};
    get.frame_list.p = (uint64_t *)(uintptr_t)FIXTURE_SCRATCH;
    g_assert_cmpint(GRANT(f, GNTTABOP_get_status_frames, get), ==, 0);
    g_assert_cmpint(get.status, ==, GNTST_okay);
    get.nr_frames = 2;
    GRANT(f, GNTTABOP_get_status_frames, get);
    g_assert_cmpint(get.status, ==, GNTST_general_error);
    get.dom = 9;
    GRANT(f, GNTTABOP_get_status_frames, get);
    g_assert_cmpint(get.status, ==, GNTST_bad_domain);
    fixture_free(f);
}

static void sub_page_grant_can_be_copied_within_its_bounds(void)
{
    Fixture *f = fixture_new(1);
    XenGrantPin pin;
    char buffer[64];
    set_version(f, 2);
    grant_entry_v2_t *entry = entry_v2(f, 10);
    entry->sub_page.hdr.flags = GTF_permit_access | GTF_sub_page;
    entry->sub_page.page_off = 100;
    entry->sub_page.length = 50;
    entry->sub_page.frame = 33;
    g_assert_cmpint(xen_grant_pin(f->domain, 10, false, &pin), ==, GNTST_general_error);
    g_assert_cmphex(*status_v2(f, 10), ==, 0);
    g_assert_cmpint(xen_grant_read(f->domain, 10, 100, buffer, 50), ==, GNTST_okay);
    g_assert_cmpint(xen_grant_read(f->domain, 10, 99, buffer, 2), ==, GNTST_general_error);
    g_assert_cmpint(xen_grant_read(f->domain, 10, 149, buffer, 2), ==, GNTST_general_error);
    entry->sub_page.length = 4090;
    g_assert_cmpint(xen_grant_read(f->domain, 10, 100, buffer, 1), ==, GNTST_general_error);
    entry->hdr.flags = GTF_transitive;
    g_assert_cmpint(xen_grant_read(f->domain, 10, 100, buffer, 1), ==, GNTST_general_error);
    fixture_free(f);
}

static void guest_maps_and_unmaps_its_own_grant(void)
{
    Fixture *f = fixture_new(1);
    grant_v1(f, 9, 5, 33, 0);
    memcpy(guest(f, 33 * 4096), "granted", 8);
    gnttab_map_grant_ref_t map = {
        .host_addr = 60 * 4096, .flags = GNTMAP_host_map, .ref = 9, .dom = 5};
    g_assert_cmpint(GRANT(f, GNTTABOP_map_grant_ref, map), ==, 0);
    g_assert_cmpint(map.status, ==, GNTST_okay);
    g_assert_cmpstr(f->shown[60], ==, "granted");
    g_assert_cmphex(map.dev_bus_addr, ==, 33 * 4096);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_assert_true(xen_domain_load(f->domain, saved, NULL));
    g_assert_cmpstr(f->shown[60], ==, "granted");
    g_assert_cmpuint(xen_grant_active(f->domain), ==, 1);
    gnttab_unmap_grant_ref_t unmap = {.host_addr = 61 * 4096, .handle = map.handle};
    GRANT(f, GNTTABOP_unmap_grant_ref, unmap);
    g_assert_cmpint(unmap.status, ==, GNTST_bad_virt_addr);
    unmap = (gnttab_unmap_grant_ref_t){.dev_bus_addr = 4096, .handle = map.handle};
    GRANT(f, GNTTABOP_unmap_grant_ref, unmap);
    g_assert_cmpint(unmap.status, ==, GNTST_bad_dev_addr);
    unmap = (gnttab_unmap_grant_ref_t){.host_addr = 60 * 4096, .handle = map.handle};
    GRANT(f, GNTTABOP_unmap_grant_ref, unmap);
    g_assert_cmpint(unmap.status, ==, GNTST_okay);
    g_assert_null(f->shown[60]);
    g_assert_cmphex(entry_v1(f, 9)->flags, ==, GTF_permit_access);
    GRANT(f, GNTTABOP_unmap_grant_ref, unmap);
    g_assert_cmpint(unmap.status, ==, GNTST_bad_handle);
    gnttab_unmap_and_replace_t replace = {.new_addr = 1};
    GRANT(f, GNTTABOP_unmap_and_replace, replace);
    g_assert_cmpint(replace.status, ==, GNTST_general_error);
    replace.new_addr = 0;
    replace.handle = 70000;
    GRANT(f, GNTTABOP_unmap_and_replace, replace);
    g_assert_cmpint(replace.status, ==, GNTST_bad_handle);
    fixture_free(f);
}

static void bad_maps_say_why(void)
{
    Fixture *f = fixture_new(1);
    grant_v1(f, 9, 5, 33, 0);
    static const struct {
        gnttab_map_grant_ref_t map;
        int status;
    } cases[] = {
        {{.ref = 9, .dom = 5}, GNTST_bad_gntref},
        {{.flags = GNTMAP_device_map, .ref = 9, .dom = 5}, GNTST_general_error},
        {{.flags = GNTMAP_host_map | GNTMAP_contains_pte, .ref = 9, .dom = 5}, GNTST_general_error},
        {{.flags = GNTMAP_host_map, .ref = 9, .dom = 0}, GNTST_bad_gntref},
        {{.flags = GNTMAP_host_map, .ref = 9, .dom = 8}, GNTST_bad_domain},
        {{.flags = GNTMAP_host_map, .ref = 8, .dom = 5}, GNTST_general_error},
        {{.flags = GNTMAP_host_map, .ref = 9, .dom = 5, .host_addr = 5}, GNTST_bad_virt_addr},
        {{.flags = GNTMAP_host_map, .ref = 9, .dom = 5, .host_addr = 1 << 30}, GNTST_bad_virt_addr},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        gnttab_map_grant_ref_t map = cases[i].map;
        g_assert_cmpint(GRANT(f, GNTTABOP_map_grant_ref, map), ==, 0);
        g_assert_cmpint(map.status, ==, cases[i].status);
    }
    g_assert_cmpuint(xen_grant_active(f->domain), ==, 0);
    fixture_free(f);
}

static void guest_copies_between_frames_and_grants(void)
{
    Fixture *f = fixture_new(1);
    grant_v1(f, 9, 5, 33, 0);
    memcpy(guest(f, 20 * 4096 + 16), "payload", 8);
    gnttab_copy_t copy = {.source = {.u.gmfn = 20, .domid = DOMID_SELF, .offset = 16},
                          .dest = {.u.ref = 9, .domid = 5, .offset = 32},
                          .len = 8,
                          .flags = GNTCOPY_dest_gref};
    g_assert_cmpint(GRANT(f, GNTTABOP_copy, copy), ==, 0);
    g_assert_cmpint(copy.status, ==, GNTST_okay);
    g_assert_cmpstr(guest(f, 33 * 4096 + 32), ==, "payload");
    copy.len = 4090;
    GRANT(f, GNTTABOP_copy, copy);
    g_assert_cmpint(copy.status, ==, GNTST_bad_copy_arg);
    copy.len = 1;
    copy.source.domid = 0;
    GRANT(f, GNTTABOP_copy, copy);
    g_assert_cmpint(copy.status, ==, GNTST_permission_denied);
    copy.source.domid = 8;
    GRANT(f, GNTTABOP_copy, copy);
    g_assert_cmpint(copy.status, ==, GNTST_permission_denied);
    copy.source = (struct gnttab_copy_ptr){.u.gmfn = 1 << 20, .domid = DOMID_SELF};
    GRANT(f, GNTTABOP_copy, copy);
    g_assert_cmpint(copy.status, ==, GNTST_bad_page);
    copy.source.u.gmfn = 20;
    copy.dest.u.ref = 11;
    GRANT(f, GNTTABOP_copy, copy);
    g_assert_cmpint(copy.status, ==, GNTST_general_error);
    g_assert_cmpuint(xen_grant_active(f->domain), ==, 0);
    fixture_free(f);
}

static void entries_swap_unless_held(void)
{
    Fixture *f = fixture_new(1);
    XenGrantPin pin;
    for (unsigned version = 1; version <= 2; version++) {
        set_version(f, version);
        gnttab_swap_grant_ref_t swap = {.ref_a = 9, .ref_b = 10};
        if (version == 1) {
            grant_v1(f, 9, 0, 33, 0);
        } else {
            entry_v2(f, 9)->full_page.hdr.flags = GTF_permit_access;
            entry_v2(f, 9)->full_page.frame = 33;
        }
        GRANT(f, GNTTABOP_swap_grant_ref, swap);
        g_assert_cmpint(swap.status, ==, GNTST_okay);
        g_assert_cmpint(xen_grant_pin(f->domain, 10, false, &pin), ==, GNTST_okay);
        GRANT(f, GNTTABOP_swap_grant_ref, swap);
        g_assert_cmpint(swap.status, ==, GNTST_eagain);
        xen_grant_unpin(f->domain, &pin);
        swap.ref_b = 600;
        GRANT(f, GNTTABOP_swap_grant_ref, swap);
        g_assert_cmpint(swap.status, ==, GNTST_bad_gntref);
        swap.ref_b = 9;
        GRANT(f, GNTTABOP_swap_grant_ref, swap);
        g_assert_cmpint(swap.status, ==, GNTST_okay);
    }
    fixture_free(f);
}

static void cache_flush_checks_its_arguments(void)
{
    Fixture *f = fixture_new(1);
    static const struct {
        gnttab_cache_flush_t flush;
        int result;
    } cases[] = {
        {{.offset = 4096}, -XEN_EINVAL},
        {{.offset = 4000, .length = 200}, -XEN_EINVAL},
        {{.length = 0, .op = 1}, 0},
        {{.length = 8, .op = GNTTAB_CACHE_SOURCE_GREF}, -XEN_EOPNOTSUPP},
        {{.length = 8, .op = 4}, -XEN_EINVAL},
        {{.length = 8, .op = 3}, 0},
        {{.a.dev_bus_addr = UINT64_C(1) << 40, .length = 8, .op = 3}, -XEN_EPERM},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        gnttab_cache_flush_t flush = cases[i].flush;
        g_assert_cmpint(GRANT(f, GNTTABOP_cache_flush, flush), ==, cases[i].result);
    }
    fixture_free(f);
}

static void narrow_setup_table_and_copy(void)
{
    Fixture *f = fixture_new(1);
    f->narrow = true;
    uint32_t setup[4] = {5, 2, 0, FIXTURE_SCRATCH};
    g_assert_cmpint(GRANT(f, GNTTABOP_setup_table, setup), ==, 0);
    g_assert_cmphex(((uint32_t *)guest(f, FIXTURE_SCRATCH))[1], ==, UINT32_MAX);
    grant_v1(f, 9, 5, 33, 0);
    memcpy(guest(f, 33 * 4096), "narrow", 7);
    struct {
        uint32_t source;
        uint16_t source_domain, source_offset;
        uint32_t dest;
        uint16_t dest_domain, dest_offset, length, flags;
        int16_t status;
    } copy = {9, 5, 0, 21, DOMID_SELF, 4, 7, GNTCOPY_source_gref, 1};
    g_assert_cmpint(GRANT(f, GNTTABOP_copy, copy), ==, 0);
    g_assert_cmpint(copy.status, ==, GNTST_okay);
    g_assert_cmpstr(guest(f, 21 * 4096 + 4), ==, "narrow");
    set_version(f, 2);
    uint32_t frames[3] = {1, 5, FIXTURE_SCRATCH};
    g_assert_cmpint(GRANT(f, GNTTABOP_get_status_frames, frames), ==, 0);
    g_assert_cmphex(((uint64_t *)guest(f, FIXTURE_SCRATCH))[0], ==, UINT64_MAX);
    fixture_free(f);
}

#define ADD(name) g_test_add_func("/xen/gnttab/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(back_end_pin_marks_entry_until_last_release);
    ADD(bad_grants_are_refused);
    ADD(reset_releases_by_force);
    ADD(back_end_copies_are_bounded);
    ADD(table_grows_and_is_described);
    ADD(version_2_keeps_reserved_entries);
    ADD(version_2_marks_status_frames);
    ADD(sub_page_grant_can_be_copied_within_its_bounds);
    ADD(guest_maps_and_unmaps_its_own_grant);
    ADD(bad_maps_say_why);
    ADD(guest_copies_between_frames_and_grants);
    ADD(entries_swap_unless_held);
    ADD(cache_flush_checks_its_arguments);
    ADD(narrow_setup_table_and_copy);
    return g_test_run();
}
