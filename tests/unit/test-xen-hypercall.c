/*
 * The hypercall table and all that is neither an event channel nor a grant: memory, version, vCPUs,
 * scheduling, timers, parameters, pirqs, areas, reset, saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-fixture.h"

#define OP(f, n, op, s) call_struct(f, __HYPERVISOR_##n, op, &(s), sizeof(s))

static int64_t vcpu_op(Fixture *f, unsigned op, unsigned vcpu, void *structure, size_t size)
{
    memcpy(guest(f, FIXTURE_ARGUMENT), structure, size);
    int64_t result = call(f, __HYPERVISOR_vcpu_op, op, vcpu, FIXTURE_ARGUMENT);
    memcpy(structure, guest(f, FIXTURE_ARGUMENT), size);
    return result;
}
#define VCPU(f, op, vcpu, s) vcpu_op(f, op, vcpu, &(s), sizeof(s))

static void unprivileged_guest_gets_xens_answers(void)
{
    Fixture *f = fixture_new(1);
    static const int answers[][2] = {{0, -XEN_ENOSYS},      {7, -XEN_EPERM},   {16, -XEN_ENOSYS},
                                     {26, -XEN_EOPNOTSUPP}, {35, -XEN_EPERM},  {36, -XEN_EPERM},
                                     {40, -XEN_EOPNOTSUPP}, {41, -XEN_EPERM},  {42, -XEN_EPERM},
                                     {49, -XEN_EPERM},      {39, -XEN_ENOSYS}, {1000, -XEN_ENOSYS}};
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_assert_cmpint(call(f, answers[i][0], 0, 0, 0), ==, answers[i][1]);
    }
    XenHypercall from_user = {.number = __HYPERVISOR_xen_version, .long_mode = true, .cpl = 3};
    xen_domain_hypercall(f->domain, 0, &from_user);
    g_assert_cmpint((int64_t)from_user.result, ==, -XEN_EPERM);
    fixture_free(f);
}

static void version_tells_what_xen_tells(void)
{
    Fixture *f = fixture_new(1);
    uint32_t n = __HYPERVISOR_xen_version;
    g_assert_cmpint(call(f, n, XENVER_version, 0, 0), ==, 0x40011);
    g_assert_cmpint(call(f, n, XENVER_pagesize, 0, 0), ==, 4096);
    for (unsigned op = XENVER_extraversion; op <= XENVER_commandline; op++) {
        memset(guest(f, FIXTURE_SCRATCH), 0, 2048);
        if (op != XENVER_pagesize) {
            g_assert_cmpint(call(f, n, op, FIXTURE_SCRATCH, 0), ==, 0);
        }
        if (op != XENVER_pagesize && op != XENVER_get_features) {
            g_assert_cmpint(call(f, n, op, FIXTURE_UNMAPPED, 0), ==, -XEN_EFAULT);
        }
    }
    g_assert_cmpstr(guest(f, FIXTURE_SCRATCH), ==, "<denied>");
    call(f, n, XENVER_capabilities, FIXTURE_SCRATCH, 0);
    g_assert_nonnull(strstr(guest(f, FIXTURE_SCRATCH), "hvm-4.17-x86_64"));
    call(f, n, XENVER_guest_handle, FIXTURE_SCRATCH, 0);
    g_assert_cmphex(*(uint8_t *)guest(f, FIXTURE_SCRATCH + 15), ==, 0xab);
    g_assert_cmpint(call(f, n, XENVER_build_id, FIXTURE_SCRATCH, 0), ==, -XEN_EPERM);
    g_assert_cmpint(call(f, n, 99, FIXTURE_SCRATCH, 0), ==, -XEN_ENOSYS);
    xen_feature_info_t info = {0};
    g_assert_cmpint(OP(f, xen_version, XENVER_get_features, info), ==, 0);
    g_assert_true(info.submap & 1 << XENFEAT_hvm_callback_vector);
    info.submap_idx = 1;
    g_assert_cmpint(OP(f, xen_version, XENVER_get_features, info), ==, -XEN_EINVAL);
    fixture_free(f);
}

static void multicall_runs_each_and_stores_results(void)
{
    Fixture *f = fixture_new(1);
    uint64_t list[3][8] = {{__HYPERVISOR_xen_version, 0, XENVER_version},
                           {__HYPERVISOR_multicall, 0, 0, 1},
                           {__HYPERVISOR_sched_op, 7, SCHEDOP_yield}};
    memcpy(guest(f, FIXTURE_SCRATCH), list, sizeof(list));
    g_assert_cmpint(call(f, __HYPERVISOR_multicall, FIXTURE_SCRATCH, 3, 0), ==, 0);
    memcpy(list, guest(f, FIXTURE_SCRATCH), sizeof(list));
    g_assert_cmpint(list[0][1], ==, 0x40011);
    g_assert_cmpint((int64_t)list[1][1], ==, -XEN_EINVAL);
    g_assert_cmpint(list[2][1], ==, 0);
    g_assert_cmpint(f->last.cpl, ==, XEN_CALL_YIELD);
    g_assert_cmpint(call(f, __HYPERVISOR_multicall, FIXTURE_UNMAPPED - 8, 1, 0), ==, -XEN_EFAULT);
    g_assert_cmpint(call(f, __HYPERVISOR_multicall, 0, 1 << 20, 0), ==, -XEN_E2BIG);
    f->narrow = true;
    uint32_t narrow[8] = {__HYPERVISOR_xen_version, 0, XENVER_version};
    memcpy(guest(f, FIXTURE_SCRATCH), narrow, sizeof(narrow));
    g_assert_cmpint(call(f, __HYPERVISOR_multicall, FIXTURE_SCRATCH, 1, 0), ==, 0);
    g_assert_cmpint(((uint32_t *)guest(f, FIXTURE_SCRATCH))[1], ==, 0x40011);
    fixture_free(f);
}

static int64_t add(Fixture *f, unsigned space, uint64_t idx, uint64_t gpfn)
{
    xen_add_to_physmap_t a = {
        .domid = DOMID_SELF, .space = space, .idx = idx, .gpfn = gpfn, .size = 2};
    return OP(f, memory_op, XENMEM_add_to_physmap, a);
}

static void special_pages_appear_move_and_go(void)
{
    Fixture *f = fixture_new(1);
    g_assert_cmpint(add(f, XENMAPSPACE_shared_info, 0, 70), ==, 0);
    g_assert_true(f->shown[70] == shared_info(f));
    g_assert_cmpuint(f->shared_info_gfn, ==, 70);
    g_assert_cmpuint(((uint32_t *)(shared_info(f) + SHARED_INFO_WALL_CLOCK_64))[2], ==, 123);
    g_assert_cmpint(add(f, XENMAPSPACE_shared_info, 0, 71), ==, 0);
    g_assert_null(f->shown[70]);
    g_assert_cmpint(add(f, XENMAPSPACE_shared_info, 0, 71), ==, 0);
    g_assert_cmpint(add(f, XENMAPSPACE_shared_info, 1, 71), ==, -XEN_EINVAL);
    g_assert_cmpint(add(f, XENMAPSPACE_shared_info, 0, UINT64_C(1) << 40), ==, -XEN_EINVAL);
    g_assert_cmpint(add(f, XENMAPSPACE_grant_table, 3, 72), ==, 0);
    g_assert_true(f->shown[72] == f->pages[XEN_PAGE_GRANT_TABLE][3]);
    g_assert_cmpint(add(f, XENMAPSPACE_grant_table, 8, 72), ==, -XEN_EINVAL);
    g_assert_cmpint(add(f, XENMAPSPACE_grant_table, 0x80000000, 72), ==, -XEN_EINVAL);
    gnttab_set_version_t v2 = {2};
    OP(f, grant_table_op, GNTTABOP_set_version, v2);
    g_assert_cmpint(add(f, XENMAPSPACE_grant_table, 0x80000000, 73), ==, 0);
    g_assert_cmpint(add(f, XENMAPSPACE_gmfn_foreign, 0, 73), ==, -XEN_ENOSYS);
    g_assert_cmpint(add(f, XENMAPSPACE_dev_mmio, 0, 73), ==, -XEN_EINVAL);
    g_assert_cmpint(add(f, XENMAPSPACE_gmfn, 20, 90), ==, 0);
    g_assert_true(f->shown[90] == guest(f, 20 * 4096));
    g_assert_cmpint(add(f, XENMAPSPACE_gmfn, 1 << 20, 90), ==, -XEN_EINVAL);
    g_assert_cmpint(add(f, XENMAPSPACE_gmfn_range, 30, 91), ==, 0);
    g_assert_true(f->shown[92] == guest(f, 31 * 4096));
    f->host_refuses = true;
    void *shown = f->shown[f->shared_info_gfn];
    g_assert_cmpint(add(f, XENMAPSPACE_shared_info, 0, 75), ==, -XEN_ENOMEM);
    g_assert_nonnull(shown); /* it is where it was */
    g_assert_true(f->shown[f->shared_info_gfn] == shown && !f->shown[75]);
    f->host_refuses = false;
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_autoptr(GError) error = NULL;
    g_assert_true(xen_domain_load(f->domain, saved, &error));
    g_assert_true(f->shown[73] == f->pages[XEN_PAGE_GRANT_STATUS][0]);
    xen_remove_from_physmap_t remove = {.domid = 5, .gpfn = 73};
    g_assert_cmpint(OP(f, memory_op, XENMEM_remove_from_physmap, remove), ==, 0);
    g_assert_null(f->shown[73]);
    remove.gpfn = 90;
    g_assert_cmpint(OP(f, memory_op, XENMEM_remove_from_physmap, remove), ==, 0);
    g_assert_null(f->shown[90]);
    remove.gpfn = 1 << 20;
    g_assert_cmpint(OP(f, memory_op, XENMEM_remove_from_physmap, remove), ==, -XEN_ENOENT);
    remove.domid = 3;
    g_assert_cmpint(OP(f, memory_op, XENMEM_remove_from_physmap, remove), ==, -XEN_ESRCH);
    fixture_free(f);
}

static void batch_reports_each_error(void)
{
    Fixture *f = fixture_new(1);
    uint64_t *lists = guest(f, FIXTURE_SCRATCH);
    lists[0] = 0, lists[1] = 9;
    lists[2] = 80, lists[3] = 81;
    xen_add_to_physmap_batch_t b = {
        .domid = DOMID_SELF, .space = XENMAPSPACE_grant_table, .size = 2};
    b.idxs.p = (void *)(uintptr_t)FIXTURE_SCRATCH;
    b.gpfns.p = (void *)(uintptr_t)(FIXTURE_SCRATCH + 16);
    b.errs.p = (void *)(uintptr_t)(FIXTURE_SCRATCH + 32);
    g_assert_cmpint(OP(f, memory_op, XENMEM_add_to_physmap_batch, b), ==, 0);
    g_assert_cmpint(((int32_t *)lists)[8], ==, 0);
    g_assert_cmpint(((int32_t *)lists)[9], ==, -XEN_EINVAL);
    b.errs.p = (void *)(uintptr_t)FIXTURE_UNMAPPED;
    g_assert_cmpint(OP(f, memory_op, XENMEM_add_to_physmap_batch, b), ==, -XEN_EFAULT);
    b.idxs.p = (void *)(uintptr_t)FIXTURE_UNMAPPED;
    g_assert_cmpint(OP(f, memory_op, XENMEM_add_to_physmap_batch, b), ==, -XEN_EFAULT);
    b.space = XENMAPSPACE_gmfn_range;
    g_assert_cmpint(OP(f, memory_op, XENMEM_add_to_physmap_batch, b), ==, -XEN_EINVAL);
    b.space = XENMAPSPACE_gmfn_foreign;
    g_assert_cmpint(OP(f, memory_op, XENMEM_add_to_physmap_batch, b), ==, -XEN_EPERM);
    b.domid = 0;
    g_assert_cmpint(OP(f, memory_op, XENMEM_add_to_physmap_batch, b), ==, -XEN_EPERM);
    fixture_free(f);
}

static int64_t balloon(Fixture *f, unsigned command, unsigned count, unsigned order)
{
    xen_memory_reservation_t r = {.nr_extents = count, .extent_order = order, .domid = DOMID_SELF};
    r.extent_start.p = (void *)(uintptr_t)FIXTURE_SCRATCH;
    return OP(f, memory_op, command, r);
}

/* A call of many parts: after two it is long; others may go first once, then the vCPU is wanted. */
static void make_calls_long(Fixture *f)
{
    f->parts = f->rests = 0;
    f->long_after = 2;
    f->wanted_after = 1;
}

static void a_long_call_lets_others_go_first_and_ends_with_what_is_done(void)
{
    Fixture *f = fixture_new(1);
    uint64_t entries[5][8] = {{0}}, *list = guest(f, FIXTURE_SCRATCH);
    for (unsigned i = 0; i < 5; i++) {
        entries[i][0] = __HYPERVISOR_xen_version;
        list[i] = 200 + i;
    }
    make_calls_long(f);
    g_assert_cmpint(balloon(f, XENMEM_decrease_reservation, 5, 0), ==, 3);
    g_assert_cmpuint(f->rests, ==, 2);
    g_assert_true(f->gone[202] && !f->gone[203]);
    make_calls_long(f);
    memcpy(list, entries, sizeof(entries));
    g_assert_cmpint(call(f, __HYPERVISOR_multicall, FIXTURE_SCRATCH, 5, 0), ==, -XEN_EAGAIN);
    g_assert_cmpuint(list[2 * 8 + 1], ==, 0x40011);
    g_assert_cmpuint(list[3 * 8 + 1], ==, 0);
    make_calls_long(f);
    gnttab_copy_t *copies = guest(f, FIXTURE_ARGUMENT);
    for (unsigned i = 0; i < 5; i++) {
        copies[i] = (gnttab_copy_t){.source = {.u.gmfn = 100, .domid = DOMID_SELF},
                                    .dest = {.u.gmfn = 101, .domid = DOMID_SELF},
                                    .len = 8,
                                    .status = 77};
    }
    g_assert_cmpint(call(f, __HYPERVISOR_grant_table_op, GNTTABOP_copy, FIXTURE_ARGUMENT, 5), ==,
                    -XEN_EAGAIN);
    g_assert_cmpint(copies[2].status, ==, GNTST_okay);
    g_assert_cmpint(copies[3].status, ==, 77);
    uint64_t nested[2][8] = {{__HYPERVISOR_grant_table_op, 0, GNTTABOP_copy, FIXTURE_ARGUMENT, 5},
                             {__HYPERVISOR_xen_version}};
    memcpy(list, nested, sizeof(nested));
    make_calls_long(f);
    g_assert_cmpint(call(f, __HYPERVISOR_multicall, FIXTURE_SCRATCH, 2, 0), ==, -XEN_EAGAIN);
    g_assert_cmpint((int64_t)list[1], ==, -XEN_EAGAIN);
    g_assert_cmpuint(list[8 + 1], ==, 0);
    make_calls_long(f);
    f->wanted_after = UINT_MAX;
    g_assert_cmpint(call(f, __HYPERVISOR_grant_table_op, GNTTABOP_copy, FIXTURE_ARGUMENT, 5), ==,
                    0);
    g_assert_cmpuint(f->rests, ==, 3);
    fixture_free(f);
}

static void ballooning_gives_memory_back_and_takes_it(void)
{
    Fixture *f = fixture_new(1);
    uint64_t *list = guest(f, FIXTURE_SCRATCH);
    struct xen_memory_domain self = {DOMID_SELF}, other = {0};
    list[0] = 200, list[1] = 201, list[2] = 200;
    g_assert_cmpint(balloon(f, XENMEM_decrease_reservation, 3, 0), ==, 2); /* 200 is gone */
    g_assert_true(f->gone[200] && f->gone[201]);
    g_assert_cmpint(OP(f, memory_op, XENMEM_current_reservation, self), ==, 254);
    g_assert_cmpint(OP(f, memory_op, XENMEM_maximum_reservation, self), ==, 256);
    g_assert_cmpint(OP(f, memory_op, XENMEM_maximum_gpfn, self), ==, 255);
    g_assert_cmpint(OP(f, memory_op, XENMEM_current_reservation, other), ==, -XEN_EPERM);
    g_assert_cmpint(call(f, __HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0, 0), ==, 255);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_assert_true(xen_domain_load(f->domain, saved, NULL));
    g_assert_true(f->gone[200]);
    xen_domain_reset(f->domain, true);
    g_assert_true(f->gone[200]);
    g_assert_cmpint(balloon(f, XENMEM_increase_reservation, 3, 0), ==, 2);
    xen_domain_reset(f->domain, true);
    g_assert_cmpint(balloon(f, XENMEM_populate_physmap | 1 << 6, 2, 0), ==, 2);
    g_assert_false(f->gone[201]);
    xen_domain_reset(f->domain, false);
    g_assert_false(f->gone[200]);
    list[0] = 208;
    g_assert_cmpint(balloon(f, XENMEM_decrease_reservation, 1, 3), ==, 1);
    g_assert_true(f->gone[215]);
    g_assert_cmpint(balloon(f, XENMEM_populate_physmap, 1, 10), ==, 0);
    f->host_refuses = true;
    g_assert_cmpint(balloon(f, XENMEM_populate_physmap, 1, 3), ==, 0);
    f->host_refuses = false;
    xen_memory_exchange_t e = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                               .out = {.nr_extents = 1, .domid = DOMID_SELF}};
    e.in.extent_start.p = (void *)(uintptr_t)FIXTURE_SCRATCH;
    e.out.extent_start.p = (void *)(uintptr_t)(FIXTURE_SCRATCH + 8);
    list[0] = 100, list[1] = 209;
    g_assert_cmpint(OP(f, memory_op, XENMEM_exchange, e), ==, 0);
    g_assert_cmpuint(e.nr_exchanged, ==, 1);
    g_assert_true(f->gone[100] && !f->gone[209]);
    e.nr_exchanged = 0;
    g_assert_cmpint(OP(f, memory_op, XENMEM_exchange, e), ==, -XEN_EINVAL);
    e.nr_exchanged = 2;
    g_assert_cmpint(OP(f, memory_op, XENMEM_exchange, e), ==, -XEN_EINVAL);
    e.nr_exchanged = 0;
    e.in.extent_order = 10;
    g_assert_cmpint(OP(f, memory_op, XENMEM_exchange, e), ==, -XEN_EPERM);
    e.in.extent_order = 1;
    g_assert_cmpint(OP(f, memory_op, XENMEM_exchange, e), ==, -XEN_EINVAL);
    g_assert_cmpint(call(f, __HYPERVISOR_memory_op, XENMEM_exchange | 1 << 6, 0, 0), ==,
                    -XEN_ENOSYS);
    for (unsigned op = 24; op <= 28; op++) {
        static const int answers[] = {-XEN_EPERM, -XEN_ENOSYS, -XEN_EOPNOTSUPP, -XEN_ENOSYS,
                                      -XEN_EPERM};
        g_assert_cmpint(call(f, __HYPERVISOR_memory_op, op, 0, 0), ==, answers[op - 24]);
    }
    fixture_free(f);
}

static void memory_map_is_what_the_builder_gave(void)
{
    Fixture *f = fixture_new(1);
    xen_memory_map_t map = {.nr_entries = 8};
    map.buffer.p = (void *)(uintptr_t)FIXTURE_SCRATCH;
    g_assert_cmpint(OP(f, memory_op, XENMEM_memory_map, map), ==, 0);
    g_assert_cmpuint(map.nr_entries, ==, 2);
    g_assert_cmphex(*(uint32_t *)guest(f, FIXTURE_SCRATCH + 20), ==, 0xa0000);
    f->narrow = true;
    uint32_t narrow[2] = {1, FIXTURE_SCRATCH};
    g_assert_cmpint(OP(f, memory_op, XENMEM_memory_map, narrow), ==, 0);
    uint32_t physmap[4] = {DOMID_SELF, XENMAPSPACE_shared_info, 0, 77};
    g_assert_cmpint(OP(f, memory_op, XENMEM_add_to_physmap, physmap), ==, 0);
    g_assert_true(f->shown[77] == shared_info(f));
    fixture_free(f);
}

static void vcpus_start_stop_and_answer(void)
{
    Fixture *f = fixture_new(3);
    vcpu_hvm_context_t context = {.mode = VCPU_HVM_MODE_64B};
    uint64_t none = 0;
    g_assert_cmpint(VCPU(f, VCPUOP_initialise, 3, context), ==, -XEN_ENOENT);
    g_assert_cmpint(VCPU(f, VCPUOP_initialise, 1, context), ==, 0);
    g_assert_cmpint(VCPU(f, VCPUOP_initialise, 0, context), ==, -XEN_EEXIST);
    context.mode = 2;
    g_assert_cmpint(VCPU(f, VCPUOP_initialise, 1, context), ==, -XEN_EINVAL);
    context.mode = VCPU_HVM_MODE_32B;
    context.cpu_regs.x86_32.pad2[1] = 1;
    g_assert_cmpint(VCPU(f, VCPUOP_initialise, 1, context), ==, -XEN_EINVAL);
    context.cpu_regs.x86_32 = (struct vcpu_hvm_x86_32){
        .cs_ar = 0xc9b, .ds_ar = 0xc93, .ss_ar = 0xc93, .es_ar = 0, .tr_ar = 0x8b};
    g_assert_cmpint(VCPU(f, VCPUOP_initialise, 2, context), ==, 0);
    context.cpu_regs.x86_32.cs_ar = 0xc93;
    g_assert_cmpint(VCPU(f, VCPUOP_initialise, 2, context), ==, -XEN_EINVAL);
    context.cpu_regs.x86_32.cs_ar = 0;
    g_assert_cmpint(VCPU(f, VCPUOP_initialise, 2, context), ==, -XEN_EINVAL);
    g_assert_cmpint(VCPU(f, VCPUOP_is_up, 1, none), ==, 0);
    g_assert_cmpint(VCPU(f, VCPUOP_up, 1, none), ==, 0);
    g_assert_cmpint(VCPU(f, VCPUOP_is_up, 1, none), ==, 1);
    g_assert_cmpint(VCPU(f, VCPUOP_down, 1, none), ==, 0);
    g_assert_cmpint(VCPU(f, VCPUOP_down, 0, none), ==, 0);
    g_assert_cmpint(f->shutdown, ==, SHUTDOWN_poweroff);
    g_assert_cmpint(VCPU(f, VCPUOP_send_nmi, 1, none), ==, -XEN_EINVAL);
    g_assert_cmpint(call(f, __HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 1, 0), ==, 0);
    g_assert_cmpuint(f->nmis, ==, 1);
    g_assert_cmpint(VCPU(f, VCPUOP_get_physid, 0, none), ==, -XEN_EINVAL);
    g_assert_cmpint(VCPU(f, 16, 0, none), ==, -XEN_ENOSYS);
    fixture_free(f);
}

static void vcpu_info_moves_with_its_events(void)
{
    Fixture *f = fixture_new(40);
    vcpu_register_vcpu_info_t info = {.mfn = 50, .offset = 128};
    uint8_t *place = guest(f, 50 * 4096 + 128);
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_info, 0, info), ==, 0);
    g_assert_cmphex(f->info_gpa[0], ==, 50 * 4096 + 128);
    g_assert_cmpuint(place[0], ==, 1);
    g_assert_cmphex(*(uint64_t *)(place + 8), ==, UINT64_MAX);
    g_assert_cmphex(*(uint64_t *)(place + VCPU_INFO_TIME + 8), ==, 77);
    g_assert_cmpuint(f->upcalls[0], ==, 1);
    info.mfn = 51; /* again, elsewhere */
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_info, 0, info), ==, 0);
    info.offset = 4040;
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_info, 0, info), ==, -XEN_EINVAL);
    info.offset = 3;
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_info, 0, info), ==, -XEN_EINVAL);
    info = (vcpu_register_vcpu_info_t){.mfn = UINT64_MAX};
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_info, 0, info), ==, -XEN_EINVAL);
    f->up[39] = true;
    info.mfn = 52;
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_info, 39, info), ==, -XEN_EINVAL);
    f->up[39] = false;
    g_assert_false(xen_domain_upcall_pending(f->domain, 39));
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_info, 39, info), ==, 0);
    g_assert_true(xen_domain_upcall_pending(f->domain, 39));
    f->host_refuses = true;
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_info, 38, info), ==, -XEN_EINVAL);
    fixture_free(f);
}

static void runstate_and_time_areas_are_kept(void)
{
    Fixture *f = fixture_new(1);
    uint64_t at = 50 * 4096 + 4080; /* over two pages */
    g_assert_cmpint(VCPU(f, VCPUOP_register_runstate_memory_area, 0, at), ==, 0);
    g_assert_cmphex(f->runstate_gpa[0], ==, at);
    g_assert_cmpint(call(f, __HYPERVISOR_vm_assist, VMASST_CMD_enable, 5, 0), ==, 0);
    g_assert_true(f->update_flag);
    f->now = 5000;
    xen_domain_runstate(f->domain, 0, RUNSTATE_blocked);
    f->now = 7000;
    xen_domain_runstate(f->domain, 0, RUNSTATE_running);
    xen_domain_runstate(f->domain, 0, 9);
    vcpu_runstate_info_t seen;
    memcpy(&seen, guest(f, at), sizeof(seen));
    g_assert_cmpint(seen.state, ==, RUNSTATE_running);
    g_assert_cmpuint(seen.state_entry_time, ==, 7000);
    g_assert_cmpuint(seen.time[RUNSTATE_blocked], ==, 2000);
    f->now = 7100;
    vcpu_runstate_info_t info = {0};
    g_assert_cmpint(VCPU(f, VCPUOP_get_runstate_info, 0, info), ==, 0);
    g_assert_cmpuint(info.time[RUNSTATE_blocked], ==, 2000);
    uint64_t time_at = 60 * 4096;
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_time_memory_area, 0, time_at), ==, 0);
    vcpu_time_info_t time;
    memcpy(&time, guest(f, time_at), sizeof(time));
    g_assert_cmpuint(time.system_time, ==, 7100);
    g_assert_cmpuint(time.version % 2, ==, 0);
    f->now = 9000;
    xen_domain_update_time(f->domain);
    memcpy(&time, guest(f, time_at), sizeof(time));
    g_assert_cmpuint(time.system_time, ==, 9000);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_assert_true(xen_domain_load(f->domain, saved, NULL));
    g_assert_cmphex(f->time_gpa[0], ==, time_at);
    uint64_t bad = FIXTURE_UNMAPPED - 8, zero = 0, gone = UINT64_MAX, odd = 50 * 4096 + 1;
    g_assert_cmpint(VCPU(f, VCPUOP_register_runstate_memory_area, 0, bad), ==, -XEN_EFAULT);
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_time_memory_area, 0, bad), ==, -XEN_EFAULT);
    g_assert_cmpint(VCPU(f, VCPUOP_register_runstate_memory_area, 0, zero), ==, 0);
    g_assert_cmphex(f->runstate_gpa[0], ==, XEN_GPA_NONE);
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_time_memory_area, 0, zero), ==, 0);
    time_at = 61 * 4096;
    g_assert_cmpint(VCPU(f, VCPUOP_register_runstate_phys_area, 0, time_at), ==, 0);
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_time_phys_area, 0, time_at), ==, 0);
    g_assert_cmpint(VCPU(f, VCPUOP_register_runstate_phys_area, 0, odd), ==, -XEN_ENXIO);
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_time_phys_area, 0, at), ==, -XEN_ENXIO);
    bad = FIXTURE_UNMAPPED;
    g_assert_cmpint(VCPU(f, VCPUOP_register_vcpu_time_phys_area, 0, bad), ==, -XEN_EINVAL);
    g_assert_cmpint(VCPU(f, VCPUOP_register_runstate_phys_area, 0, gone), ==, 0);
    g_assert_cmpint(call(f, __HYPERVISOR_vm_assist, VMASST_CMD_enable, 4, 0), ==, -XEN_EINVAL);
    g_assert_cmpint(call(f, __HYPERVISOR_vm_assist, 2, 5, 0), ==, -XEN_ENOSYS);
    fixture_free(f);
}

static void timers_fire_their_virq(void)
{
    Fixture *f = fixture_new(2);
    evtchn_bind_virq_t bind = {.virq = VIRQ_TIMER};
    OP(f, event_channel_op, EVTCHNOP_bind_virq, bind);
    g_assert_cmpint(call(f, __HYPERVISOR_set_timer_op, 9000, 0, 0), ==, 0);
    g_assert_cmpuint(f->deadline[XEN_TIMER_SINGLESHOT][0], ==, 9000);
    xen_domain_timer_expired(f->domain, XEN_TIMER_SINGLESHOT, 0);
    g_assert_cmpuint(f->upcalls[0], ==, 1);
    xen_domain_timer_expired(f->domain, XEN_TIMER_SINGLESHOT, 0); /* not armed any more */
    call(f, __HYPERVISOR_set_timer_op, UINT64_MAX, 0, 0);
    g_assert_cmpuint(f->deadline[XEN_TIMER_SINGLESHOT][0], ==, 1000 + 100000000);
    call(f, __HYPERVISOR_set_timer_op, 0, 0, 0);
    g_assert_cmpuint(f->deadline[XEN_TIMER_SINGLESHOT][0], ==, 0);
    f->narrow = true;
    call(f, __HYPERVISOR_set_timer_op, 5, 1, 0);
    g_assert_cmpuint(f->deadline[XEN_TIMER_SINGLESHOT][0], ==, UINT64_C(0x100000005));
    struct {
        uint32_t low, high, flags;
    } narrow = {7777, 0, 0};
    g_assert_cmpint(VCPU(f, VCPUOP_set_singleshot_timer, 0, narrow), ==, 0);
    g_assert_cmpuint(f->deadline[XEN_TIMER_SINGLESHOT][0], ==, 7777);
    f->narrow = false;
    vcpu_set_singleshot_timer_t shot = {10, VCPU_SSHOTTMR_future};
    g_assert_cmpint(VCPU(f, VCPUOP_set_singleshot_timer, 0, shot), ==, -XEN_ETIME);
    g_assert_cmpint(VCPU(f, VCPUOP_set_singleshot_timer, 1, shot), ==, -XEN_EINVAL);
    g_assert_cmpint(VCPU(f, VCPUOP_stop_singleshot_timer, 1, shot), ==, -XEN_EINVAL);
    g_assert_cmpint(VCPU(f, VCPUOP_stop_singleshot_timer, 0, shot), ==, 0);
    uint64_t period = 999999;
    g_assert_cmpint(VCPU(f, VCPUOP_set_periodic_timer, 0, period), ==, -XEN_EINVAL);
    period = 1000000;
    g_assert_cmpint(VCPU(f, VCPUOP_set_periodic_timer, 0, period), ==, 0);
    g_assert_cmpuint(f->deadline[XEN_TIMER_PERIODIC][0], ==, 1001000);
    xen_domain_timer_expired(f->domain, XEN_TIMER_PERIODIC, 0);
    g_assert_cmpuint(f->deadline[XEN_TIMER_PERIODIC][0], ==, 2001000);
    f->now = 9000000;
    xen_domain_timer_expired(f->domain, XEN_TIMER_PERIODIC, 0);
    g_assert_cmpuint(f->deadline[XEN_TIMER_PERIODIC][0], ==, 10000000);
    call(f, __HYPERVISOR_set_timer_op, 99000000, 0, 0);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_assert_true(xen_domain_load(f->domain, saved, NULL));
    g_assert_cmpuint(f->deadline[XEN_TIMER_SINGLESHOT][0], ==, 99000000);
    g_assert_cmpuint(f->timer_port[0], ==, bind.port);
    g_assert_cmpint(VCPU(f, VCPUOP_stop_periodic_timer, 0, period), ==, 0);
    xen_domain_timer_expired(f->domain, XEN_TIMER_PERIODIC, 0);
    fixture_free(f);
}

static void shutdown_and_watchdogs(void)
{
    Fixture *f = fixture_new(1);
    sched_shutdown_t reason = {SHUTDOWN_reboot};
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_shutdown, reason), ==, 0);
    g_assert_cmpint(f->shutdown, ==, SHUTDOWN_reboot);
    reason.reason = SHUTDOWN_crash;
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_shutdown_code, reason), ==, 0);
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_shutdown_code, reason), ==, -XEN_EBUSY);
    sched_remote_shutdown_t remote = {.domain_id = 8};
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_remote_shutdown, remote), ==, -XEN_ESRCH);
    remote.domain_id = DOMID_SELF;
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_remote_shutdown, remote), ==, -XEN_EPERM);
    g_assert_cmpint(call(f, __HYPERVISOR_sched_op, SCHEDOP_pin_override, 0, 0), ==, -XEN_EPERM);
    sched_watchdog_t dog = {0, 0};
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_watchdog, dog), ==, -XEN_EINVAL);
    dog.timeout = 30;
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_watchdog, dog), ==, 1);
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_watchdog, dog), ==, 2);
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_watchdog, dog), ==, -XEN_ENOSPC);
    dog = (sched_watchdog_t){2, 0};
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_watchdog, dog), ==, 0);
    g_assert_cmpint(OP(f, sched_op, SCHEDOP_watchdog, dog), ==, -XEN_EINVAL);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_assert_true(xen_domain_load(f->domain, saved, NULL));
    g_assert_cmpuint(f->deadline[XEN_TIMER_WATCHDOG][0], ==, 1000 + UINT64_C(30000000000));
    xen_domain_timer_expired(f->domain, XEN_TIMER_WATCHDOG, 0);
    g_assert_cmpint(f->shutdown, ==, SHUTDOWN_watchdog);
    fixture_free(f);
}

static int64_t param(Fixture *f, unsigned op, unsigned index, uint64_t *value)
{
    xen_hvm_param_t p = {.domid = DOMID_SELF, .index = index, .value = *value};
    int64_t result = OP(f, hvm_op, op, p);
    *value = p.value;
    return result;
}

static void parameters_have_their_rights(void)
{
    Fixture *f = fixture_new(2);
    uint64_t value = UINT64_C(2) << 56 | 0xf3;
    g_assert_cmpint(param(f, HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &value), ==, 0);
    g_assert_cmpint(f->callback.kind, ==, XEN_CALLBACK_VECTOR);
    g_assert_cmpuint(f->callback.vector, ==, 0xf3);
    value = UINT64_C(1) << 56 | 3 << 11 | 1;
    g_assert_cmpint(param(f, HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &value), ==, 0);
    g_assert_cmpint(f->callback.kind, ==, XEN_CALLBACK_INTX);
    g_assert_cmpuint(f->callback.device * 4 + f->callback.pin, ==, 13);
    value = 20;
    param(f, HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &value);
    g_assert_cmpint(f->callback.kind, ==, XEN_CALLBACK_GSI);
    value = UINT64_C(9) << 56;
    param(f, HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &value);
    g_assert_cmpint(f->callback.kind, ==, XEN_CALLBACK_NONE);
    xen_domain_set_param(f->domain, HVM_PARAM_STORE_PFN, 0xfeff9);
    g_assert_cmpuint(xen_domain_param(f->domain, HVM_PARAM_STORE_PFN), ==, 0xfeff9);
    value = 0;
    g_assert_cmpint(param(f, HVMOP_get_param, HVM_PARAM_STORE_PFN, &value), ==, 0);
    g_assert_cmphex(value, ==, 0xfeff9);
    g_assert_cmpint(param(f, HVMOP_set_param, HVM_PARAM_STORE_PFN, &value), ==, -XEN_EPERM);
    g_assert_cmpint(param(f, HVMOP_get_param, HVM_PARAM_IOREQ_PFN, &value), ==, -XEN_EPERM);
    g_assert_cmpint(param(f, HVMOP_get_param, HVM_NR_PARAMS, &value), ==, -XEN_EINVAL);
    g_assert_cmpint(param(f, HVMOP_set_param, UINT32_MAX, &value), ==, -XEN_EINVAL);
    value = 3;
    g_assert_cmpint(param(f, HVMOP_set_param, HVM_PARAM_X87_FIP_WIDTH, &value), ==, -XEN_EINVAL);
    g_assert_cmpint(param(f, HVMOP_set_param, HVM_PARAM_ACPI_IOPORTS_LOCATION, &value), ==,
                    -XEN_EINVAL);
    value = UINT64_MAX;
    g_assert_cmpint(param(f, HVMOP_set_param, HVM_PARAM_VM86_TSS, &value), ==, -XEN_EINVAL);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_assert_true(xen_domain_load(f->domain, saved, NULL));
    g_assert_cmpuint(xen_domain_param(f->domain, HVM_PARAM_STORE_PFN), ==, 0xfeff9);
    fixture_free(f);
}

static void hvm_questions(void)
{
    Fixture *f = fixture_new(2);
    xen_hvm_evtchn_upcall_vector_t v = {1, 0xf};
    g_assert_cmpint(OP(f, hvm_op, HVMOP_set_evtchn_upcall_vector, v), ==, -XEN_EINVAL);
    v = (xen_hvm_evtchn_upcall_vector_t){2, 0x40};
    g_assert_cmpint(OP(f, hvm_op, HVMOP_set_evtchn_upcall_vector, v), ==, -XEN_ENOENT);
    shared_info(f)[SHARED_INFO_VCPU_SIZE] = 1;
    v.vcpu = 1;
    g_assert_cmpint(OP(f, hvm_op, HVMOP_set_evtchn_upcall_vector, v), ==, 0);
    g_assert_cmpuint(f->vector[1], ==, 0x40);
    g_assert_cmpuint(f->upcalls[1], ==, 1);
    g_assert_cmpint(call(f, __HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 0, 0), ==, 0);
    g_assert_cmpuint(f->flushes, ==, 1);
    g_assert_cmpint(call(f, __HYPERVISOR_hvm_op, HVMOP_flush_tlbs, 1, 0), ==, -XEN_EINVAL);
    xen_hvm_get_time_t time = {0};
    g_assert_cmpint(OP(f, hvm_op, HVMOP_get_time, time), ==, 0);
    g_assert_cmpuint(time.now, ==, 1000);
    xen_hvm_get_mem_type_t type = {.domid = DOMID_SELF, .pfn = 300};
    g_assert_cmpint(OP(f, hvm_op, HVMOP_get_mem_type, type), ==, 0);
    g_assert_cmpint(type.mem_type, ==, HVMMEM_mmio_dm);
    xen_hvm_pagetable_dying_t dying = {.domid = DOMID_SELF};
    g_assert_cmpint(OP(f, hvm_op, HVMOP_pagetable_dying, dying), ==, -XEN_EINVAL);
    xen_hvm_xentrace_t trace = {.extra_bytes = 29};
    g_assert_cmpint(OP(f, hvm_op, HVMOP_xentrace, trace), ==, -XEN_EINVAL);
    g_assert_cmpint(call(f, __HYPERVISOR_hvm_op, HVMOP_guest_request_vm_event, 0, 0), ==, 0);
    g_assert_cmpint(call(f, __HYPERVISOR_hvm_op, HVMOP_altp2m, 0, 0), ==, -XEN_EOPNOTSUPP);
    g_assert_cmpint(call(f, __HYPERVISOR_hvm_op, 2, 0, 0), ==, -XEN_ENOSYS);
    strcpy(guest(f, FIXTURE_SCRATCH), "hello");
    g_assert_cmpint(call(f, __HYPERVISOR_console_io, 0, 5, FIXTURE_SCRATCH), ==, 0);
    g_assert_cmpstr(f->console->str, ==, "hello");
    g_assert_cmpint(call(f, __HYPERVISOR_console_io, 0, 5, FIXTURE_UNMAPPED), ==, -XEN_EFAULT);
    g_assert_cmpint(call(f, __HYPERVISOR_console_io, 1, 5, FIXTURE_SCRATCH), ==, -XEN_EPERM);
    g_assert_cmpint(call(f, __HYPERVISOR_console_io, 2, 0, 0), ==, -XEN_ENOSYS);
    fixture_free(f);
}

static void pirqs_for_lines_and_messages(void)
{
    Fixture *f = fixture_new(1);
    physdev_map_pirq_t map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 10, .pirq = -1};
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_map_pirq, map), ==, -XEN_EINVAL);
    uint64_t callback = UINT64_C(2) << 56 | 0xf3;
    param(f, HVMOP_set_param, HVM_PARAM_CALLBACK_IRQ, &callback);
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_map_pirq, map), ==, 0);
    g_assert_cmpint(map.pirq, ==, 16);
    physdev_map_pirq_t again = map;
    again.pirq = -1;
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_map_pirq, again), ==, 0);
    g_assert_cmpint(again.pirq, ==, 16);
    again.index = 11, again.pirq = 16;
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_map_pirq, again), ==, -XEN_EINVAL);
    again.type = MAP_PIRQ_TYPE_MSI;
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_map_pirq, again), ==, -XEN_EINVAL);
    g_assert_false(xen_domain_set_gsi(f->domain, 10, true)); /* nobody listens yet */
    evtchn_bind_pirq_t bind = {.pirq = 16};
    g_assert_cmpint(OP(f, event_channel_op, EVTCHNOP_bind_pirq, bind), ==, 0);
    g_assert_cmpuint(f->upcalls[0], ==, 1);
    g_assert_cmpint(OP(f, event_channel_op, EVTCHNOP_bind_pirq, bind), ==, -XEN_EEXIST);
    g_assert_true(xen_domain_set_gsi(f->domain, 10, false));
    g_assert_false(xen_domain_set_gsi(f->domain, 99, true));
    memset(shared_info(f), 0, 16);
    memset(shared_info(f) + SHARED_INFO_PENDING, 0, 8);
    f->line = true;
    physdev_eoi_t eoi = {16};
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_eoi, eoi), ==, 0);
    g_assert_cmpuint(f->upcalls[0], ==, 2); /* the line is still up */
    eoi.irq = 5000;
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_eoi, eoi), ==, -XEN_EINVAL);
    physdev_irq_status_query_t query = {.irq = 16};
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_irq_status_query, query), ==, 0);
    g_assert_cmphex(query.flags, ==, XENIRQSTAT_needs_eoi);
    query.irq = UINT32_MAX;
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_irq_status_query, query), ==, -XEN_EINVAL);
    physdev_get_free_pirq_t get = {.type = MAP_PIRQ_TYPE_MSI};
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_get_free_pirq, get), ==, 0);
    g_assert_cmpuint(get.pirq, ==, 63);
    g_assert_cmpint(xen_domain_msi_pirq(f->domain, 0xfee00000 | 63 << 12, 0), ==, 63);
    g_assert_cmpint(xen_domain_msi_pirq(f->domain, 0xfee00000 | 63 << 12, 0x31), ==, -1);
    g_assert_cmpint(xen_domain_msi_pirq(f->domain, UINT64_C(0x100fee00000), 0), ==, -1);
    g_assert_false(xen_domain_deliver_msi(f->domain, 0xfee00000 | 63 << 12, 0));
    bind.pirq = 63;
    OP(f, event_channel_op, EVTCHNOP_bind_pirq, bind);
    g_assert_true(xen_domain_deliver_msi(f->domain, 0xfee00000 | 63 << 12, 0));
    uint32_t port;
    unsigned vcpu;
    g_assert_true(xen_domain_pirq_port(f->domain, 63, &port, &vcpu));
    g_assert_cmpuint(port, ==, bind.port);
    uint64_t gmfn = 55;
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v1, gmfn), ==, 0);
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_pirq_eoi_gmfn_v2, gmfn), ==, -XEN_EBUSY);
    eoi.irq = 63;
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_eoi, eoi), ==, 0);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_assert_true(xen_domain_load(f->domain, saved, NULL));
    g_assert_true(xen_domain_set_gsi(f->domain, 10, true));
    physdev_unmap_pirq_t unmap = {.domid = DOMID_SELF, .pirq = 16};
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_unmap_pirq, unmap), ==, 0);
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_unmap_pirq, unmap), ==, -XEN_EINVAL);
    unmap.domid = 4;
    g_assert_cmpint(OP(f, physdev_op, PHYSDEVOP_unmap_pirq, unmap), ==, -XEN_ESRCH);
    g_assert_cmpint(call(f, __HYPERVISOR_physdev_op, 6, 0, 0), ==, -XEN_ENOSYS);
    fixture_free(f);
}

static void reset_leaves_nothing_behind(void)
{
    Fixture *f = fixture_new(1);
    vcpu_register_vcpu_info_t info = {.mfn = 50};
    add(f, XENMAPSPACE_shared_info, 0, 70);
    VCPU(f, VCPUOP_register_vcpu_info, 0, info);
    xen_hvm_evtchn_upcall_vector_t v = {0, 0x40};
    OP(f, hvm_op, HVMOP_set_evtchn_upcall_vector, v);
    xen_domain_latch_mode(f->domain, false);
    xen_domain_reset(f->domain, true);
    g_assert_null(f->shown[70]);
    g_assert_cmphex(f->info_gpa[0], ==, XEN_GPA_NONE);
    g_assert_cmphex(f->shared_info_gfn, ==, XEN_GFN_NONE);
    g_assert_cmpuint(f->vector[0], ==, 0);
    g_assert_true(xen_domain_long_mode(f->domain));
    g_assert_cmpint(f->pins, ==, 0);
    fixture_free(f);
}

static void bad_configurations_and_streams_are_errors(void)
{
    Fixture *f = fixture_new(1);
    const XenDomainConfig bad[] = {{.version = 0x40000},
                                   {.version = 0x20000, .vcpus = 1},
                                   {.version = 0x40000, .vcpus = 5000},
                                   {.version = 0x40000, .vcpus = 1, .max_pirqs = 5},
                                   {.version = 0x40000, .vcpus = 1, .max_grant_frames = 2000},
                                   {.version = 0x40000, .vcpus = 1, .domain_id = 0x7ff0}};
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(xen_domain_new(&bad[i], &f->host, &f->memory, &error));
        g_assert_nonnull(error);
    }
    const char *texts[] = {"'x'", "@a{sv} {}", "{'general': <1>}",
                           "{'general': <(true, false, 999, uint64 0, uint64 0)>}"};
    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) state = g_variant_parse(NULL, texts[i], NULL, NULL, NULL);
        g_assert_false(xen_domain_load(f->domain, state, &error));
        g_assert_nonnull(error);
    }
    fixture_free(f);
}

/* Each number of a good stream, made wrong in turn: an error or a working domain, never a crash. */
static void damaged_streams_do_not_crash(void)
{
    Fixture *f = fixture_new(1);
    evtchn_bind_virq_t bind = {.virq = VIRQ_TIMER};
    OP(f, event_channel_op, EVTCHNOP_bind_virq, bind);
    add(f, XENMAPSPACE_shared_info, 0, 70);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    gsize size = g_variant_get_size(saved);
    for (gsize i = 0; i < size; i += i < 400 || i + 1200 > size ? 1 : 97) {
        uint8_t *bytes = g_memdup2(g_variant_get_data(saved), size);
        bytes[i] ^= 0x5a;
        g_autoptr(GVariant) state = g_variant_ref_sink(
            g_variant_new_from_data(G_VARIANT_TYPE_VARDICT, bytes, size, FALSE, g_free, bytes));
        xen_domain_load(f->domain, state, NULL);
    }
    fixture_free(f);
}

#define ADD(name) g_test_add_func("/xen/hypercall/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(unprivileged_guest_gets_xens_answers);
    ADD(version_tells_what_xen_tells);
    ADD(multicall_runs_each_and_stores_results);
    ADD(a_long_call_lets_others_go_first_and_ends_with_what_is_done);
    ADD(special_pages_appear_move_and_go);
    ADD(batch_reports_each_error);
    ADD(ballooning_gives_memory_back_and_takes_it);
    ADD(memory_map_is_what_the_builder_gave);
    ADD(vcpus_start_stop_and_answer);
    ADD(vcpu_info_moves_with_its_events);
    ADD(runstate_and_time_areas_are_kept);
    ADD(timers_fire_their_virq);
    ADD(shutdown_and_watchdogs);
    ADD(parameters_have_their_rights);
    ADD(hvm_questions);
    ADD(pirqs_for_lines_and_messages);
    ADD(reset_leaves_nothing_behind);
    ADD(bad_configurations_and_streams_are_errors);
    ADD(damaged_streams_do_not_crash);
    return g_test_run();
}
