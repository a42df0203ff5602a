/*
 * GRANT_TABLE_OP: each sub-operation takes an array of structures and leaves a status in each.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

static int check_table_domain(const XenDomain *domain, uint16_t id)
{
    int64_t result = xen_check_self(domain, id);
    return result == 0            ? GNTST_okay
           : result == -XEN_EPERM ? GNTST_permission_denied
                                  : GNTST_bad_domain;
}

static int64_t map_grant_ref(XenCall *call, void *argument)
{
    gnttab_map_grant_ref_t *map = argument;
    map->status = xen_gnttab_map(call->domain, map);
    if (map->status != GNTST_okay) {
        map->handle = (grant_handle_t)map->status;
    }
    return 0;
}

static int64_t unmap_grant_ref(XenCall *call, void *argument)
{
    gnttab_unmap_grant_ref_t *unmap = argument;
    unmap->status =
        xen_gnttab_unmap(call->domain, unmap->handle, unmap->host_addr, unmap->dev_bus_addr);
    return 0;
}

static int64_t unmap_and_replace(XenCall *call, void *argument)
{
    gnttab_unmap_and_replace_t *unmap = argument;
    /* With translated frames there is no other mapping to put in its place. */
    unmap->status = unmap->new_addr != 0
                        ? GNTST_general_error
                        : xen_gnttab_unmap(call->domain, unmap->handle, unmap->host_addr, 0);
    return 0;
}

static int64_t setup_table(XenCall *call, void *argument)
{
    gnttab_setup_table_t *setup = argument;
    XenDomain *domain = call->domain;
    setup->status = check_table_domain(domain, setup->dom);
    if (setup->status != GNTST_okay) {
        return 0;
    }
    if (!xen_gnttab_grow(domain, setup->nr_frames)) {
        setup->status = GNTST_general_error;
        return 0;
    }
    for (unsigned i = 0; i < setup->nr_frames; i++) {
        if (!xen_long_out(call, XEN_GUEST_ADDRESS(setup->frame_list), i,
                          domain->gnttab.table_gfn[i])) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

static int64_t get_status_frames(XenCall *call, void *argument)
{
    gnttab_get_status_frames_t *get = argument;
    XenDomain *domain = call->domain;
    get->status = check_table_domain(domain, get->dom);
    if (get->status != GNTST_okay) {
        return 0;
    }
    if (get->nr_frames > xen_gnttab_status_frames(domain)) {
        get->status = GNTST_general_error;
        return 0;
    }
    for (unsigned i = 0; i < get->nr_frames; i++) {
        /* uint64_t for both word sizes. */
        if (!xen_copy_out(call, XEN_GUEST_ADDRESS(get->frame_list) + i * sizeof(uint64_t),
                          &domain->gnttab.status_gfn[i], sizeof(uint64_t))) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

static int64_t query_size(XenCall *call, void *argument)
{
    gnttab_query_size_t *query = argument;
    query->status = check_table_domain(call->domain, query->dom);
    if (query->status == GNTST_okay) {
        query->nr_frames = call->domain->gnttab.frames;
        query->max_nr_frames = call->domain->config.max_grant_frames;
    }
    return 0;
}

static int64_t set_version(XenCall *call, void *argument)
{
    gnttab_set_version_t *set = argument;
    int64_t result = xen_gnttab_set_version(call->domain, set->version);
    set->version = call->domain->gnttab.version;
    return result;
}

static int64_t get_version(XenCall *call, void *argument)
{
    gnttab_get_version_t *get = argument;
    int64_t result = xen_check_self(call->domain, get->dom);
    if (result == 0) {
        get->version = call->domain->gnttab.version;
    }
    return result;
}

static int64_t copy(XenCall *call, void *argument)
{
    gnttab_copy_t *copy = argument;
    copy->status = xen_gnttab_copy(call->domain, copy);
    return 0;
}

static int64_t swap_grant_ref(XenCall *call, void *argument)
{
    gnttab_swap_grant_ref_t *swap = argument;
    swap->status = xen_gnttab_swap(call->domain, swap->ref_a, swap->ref_b);
    return 0;
}

/* The caches of an x86 guest are coherent: only the arguments can be wrong. */
static int64_t cache_flush(XenCall *call, void *argument)
{
    gnttab_cache_flush_t *flush = argument;
    if (flush->offset >= XEN_PAGE_SIZE || flush->length > XEN_PAGE_SIZE - flush->offset) {
        return -XEN_EINVAL;
    }
    if (flush->length == 0 || flush->op == 0) {
        return 0;
    }
    if (flush->op & GNTTAB_CACHE_SOURCE_GREF) {
        return -XEN_EOPNOTSUPP;
    }
    if (flush->op & ~(GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL)) {
        return -XEN_EINVAL;
    }
    uint64_t gfn = flush->a.dev_bus_addr >> XEN_PAGE_SHIFT;
    return guest_frame_is_memory(call->domain->memory, gfn) ? 0 : -XEN_EPERM;
}

/* 32-bit callers: only what holds a frame number or a pointer lies elsewhere. */
static const XenField setup_table_fields[] = {
    {0, 2, 0, 2}, {4, 4, 4, 4}, {8, 2, 8, 2}, {16, 8, 12, 4}};
static const XenLayout setup_table_layout = XEN_LAYOUT(setup_table_fields, 16);
static const XenField status_frames_fields[] = {
    {0, 4, 0, 4}, {4, 2, 4, 2}, {6, 2, 6, 2}, {8, 8, 8, 4}};
static const XenLayout status_frames_layout = XEN_LAYOUT(status_frames_fields, 12);
static const XenField copy_fields[] = {{0, 8, 0, 4},   {8, 2, 4, 2},   {10, 2, 6, 2},
                                       {16, 8, 8, 4},  {24, 2, 12, 2}, {26, 2, 14, 2},
                                       {32, 2, 16, 2}, {34, 2, 18, 2}, {36, 2, 20, 2}};
static const XenLayout copy_layout = XEN_LAYOUT(copy_fields, 24);

static const XenSubOp grant_table_ops[] = {
    {GNTTABOP_map_grant_ref, "map_grant_ref", map_grant_ref, sizeof(gnttab_map_grant_ref_t),
     XEN_OUT},
    {GNTTABOP_unmap_grant_ref, "unmap_grant_ref", unmap_grant_ref, sizeof(gnttab_unmap_grant_ref_t),
     XEN_OUT},
    {GNTTABOP_setup_table, "setup_table", setup_table, sizeof(gnttab_setup_table_t), XEN_OUT,
     &setup_table_layout},
    {GNTTABOP_copy, "copy", copy, sizeof(gnttab_copy_t), XEN_OUT, &copy_layout},
    {GNTTABOP_query_size, "query_size", query_size, sizeof(gnttab_query_size_t), XEN_OUT},
    {GNTTABOP_unmap_and_replace, "unmap_and_replace", unmap_and_replace,
     sizeof(gnttab_unmap_and_replace_t), XEN_OUT},
    {GNTTABOP_set_version, "set_version", set_version, sizeof(gnttab_set_version_t),
     XEN_OUT_ALWAYS},
    {GNTTABOP_get_status_frames, "get_status_frames", get_status_frames,
     sizeof(gnttab_get_status_frames_t), XEN_OUT, &status_frames_layout},
    {GNTTABOP_get_version, "get_version", get_version, sizeof(gnttab_get_version_t), XEN_OUT},
    {GNTTABOP_swap_grant_ref, "swap_grant_ref", swap_grant_ref, sizeof(gnttab_swap_grant_ref_t),
     XEN_OUT},
    {GNTTABOP_cache_flush, "cache_flush", cache_flush, sizeof(gnttab_cache_flush_t)},
};

static bool takes_one(uint64_t op)
{
    return op == GNTTABOP_setup_table || op == GNTTABOP_query_size || op == GNTTABOP_set_version ||
           op == GNTTABOP_get_status_frames;
}

static unsigned stride(XenCall *call, uint64_t op)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(grant_table_ops); i++) {
        if (grant_table_ops[i].op == op) {
            return xen_struct_size(call, grant_table_ops[i].size, grant_table_ops[i].layout);
        }
    }
    return 0;
}

int64_t xen_grant_table_op(XenCall *call)
{
    uint64_t op = call->arguments[0];
    int32_t count = call->arguments[2];
    unsigned step = stride(call, op);
    int64_t result = 0;
    if (count < 0 || (takes_one(op) && count != 1)) {
        return -XEN_EINVAL;
    }
    if (count > XEN_GRANT_BATCH_MAX) {
        return -XEN_E2BIG;
    }
    xen_lock(call->domain);
    /* An operation that does not exist says so even of nothing. */
    if (step == 0) {
        result = xen_sub_op(call, __HYPERVISOR_grant_table_op, grant_table_ops,
                            G_N_ELEMENTS(grant_table_ops), op, 0);
    }
    for (int32_t i = 0; i < count && step != 0 && result == 0; i++) {
        result = !xen_call_goes_on(call, true)
                     ? -XEN_EAGAIN
                     : xen_sub_op(call, __HYPERVISOR_grant_table_op, grant_table_ops,
                                  G_N_ELEMENTS(grant_table_ops), op,
                                  call->arguments[1] + (uint64_t)i * step);
    }
    xen_unlock(call->domain);
    return result;
}
