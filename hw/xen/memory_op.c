/*
 * MEMORY_OP: special pages into the guest's frames, ballooning, and what there is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

enum {
    COMMAND_MASK = 0x3f, /* above it: where an interrupted batch goes on */
    COMMAND_SHIFT = 6,
    MAX_ORDER = 9,
    PAGES_A_CALL = 1 << 18,
};

bool xen_frame_absent(const XenDomain *domain, uint64_t gfn)
{
    return gfn <= domain->config.max_gfn && (domain->absent[gfn / 64] >> (gfn % 64) & 1);
}

static void set_absent(XenDomain *domain, uint64_t gfn, bool absent)
{
    if (xen_frame_absent(domain, gfn) != absent) {
        domain->absent[gfn / 64] ^= UINT64_C(1) << (gfn % 64);
        domain->absent_count += absent ? 1 : -1;
    }
}

uint64_t xen_current_pages(const XenDomain *domain)
{
    return domain->config.ram_frames - domain->absent_count + domain->adjustment;
}

static bool frame_present(XenDomain *domain, uint64_t gfn)
{
    return gfn <= domain->config.max_gfn && !xen_frame_absent(domain, gfn) &&
           guest_frame_is_memory(domain->memory, gfn);
}

static bool give_back(XenDomain *domain, uint64_t gfn)
{
    if (xen_overlay_remove(domain, gfn)) {
        return true;
    }
    if (!frame_present(domain, gfn) || domain->host->ops->decommit(domain->host, gfn, 1) != 0) {
        return false;
    }
    set_absent(domain, gfn, true);
    return true;
}

static bool take_again(XenDomain *domain, uint64_t gfn)
{
    if (!xen_frame_absent(domain, gfn) ||
        domain->host->ops->repopulate(domain->host, gfn, 1) != 0) {
        return false;
    }
    set_absent(domain, gfn, false);
    return true;
}

static bool change_extent(XenDomain *domain, uint64_t gfn, unsigned order, bool give)
{
    uint64_t pages = UINT64_C(1) << order;
    for (uint64_t i = 0; i < pages; i++) {
        if (!(give ? give_back(domain, gfn + i) : take_again(domain, gfn + i))) {
            return false;
        }
    }
    return true;
}

static const XenField reservation_fields[] = {
    {0, 8, 0, 4}, {8, 8, 4, 4}, {16, 4, 8, 4}, {20, 4, 12, 4}, {24, 2, 16, 2}};
static const XenLayout reservation_layout = XEN_LAYOUT(reservation_fields, 20);

static bool one_extent(XenCall *call, unsigned op, const xen_memory_reservation_t *res,
                       uint64_t index)
{
    XenDomain *domain = call->domain;
    uint64_t gfn;
    if (op == XENMEM_increase_reservation) {
        /* Pages of no frame: there is nothing behind them, only the count. */
        uint64_t pages = UINT64_C(1) << res->extent_order;
        if (xen_current_pages(domain) + pages > domain->config.ram_frames) {
            return false;
        }
        domain->adjustment += pages;
        return true;
    }
    if (!xen_long_in(call, XEN_GUEST_ADDRESS(res->extent_start), index, &gfn) ||
        !change_extent(domain, gfn, res->extent_order, op == XENMEM_decrease_reservation)) {
        return false;
    }
    return op == XENMEM_decrease_reservation ||
           xen_long_out(call, XEN_GUEST_ADDRESS(res->extent_start), index, gfn);
}

/* increase_reservation, decrease_reservation, populate_physmap: how many extents are done. */
static int64_t change_reservation(XenCall *call, unsigned op, uint64_t start)
{
    xen_memory_reservation_t res;
    uint64_t done = start;
    if (!xen_struct_in(call, call->arguments[1], &res, sizeof(res), &reservation_layout)) {
        return start;
    }
    if (xen_check_self(call->domain, res.domid) != 0 || res.extent_order > MAX_ORDER ||
        res.nr_extents > UINT64_MAX >> COMMAND_SHIFT) {
        return start;
    }
    uint64_t limit = start + (PAGES_A_CALL >> res.extent_order);
    while (done < res.nr_extents && done < limit && xen_call_goes_on(call, true) &&
           one_extent(call, op, &res, done)) {
        done++;
    }
    return done;
}

static const XenField exchange_fields[] = {
    {0, 8, 0, 4},   {8, 8, 4, 4},   {16, 4, 8, 4},  {20, 4, 12, 4}, {24, 2, 16, 2}, {32, 8, 20, 4},
    {40, 8, 24, 4}, {48, 4, 28, 4}, {52, 4, 32, 4}, {56, 2, 36, 2}, {64, 8, 40, 4}};
static const XenLayout exchange_layout = XEN_LAYOUT(exchange_fields, 44);

static int64_t check_exchange(XenDomain *domain, const xen_memory_exchange_t *exch)
{
    int64_t result = xen_check_self(domain, exch->in.domid);
    if (exch->nr_exchanged > exch->in.nr_extents || exch->in.domid != exch->out.domid) {
        return -XEN_EINVAL;
    }
    if (result != 0) {
        return result;
    }
    if (exch->in.extent_order > MAX_ORDER || exch->out.extent_order > MAX_ORDER) {
        return -XEN_EPERM;
    }
    if (exch->in.nr_extents > PAGES_A_CALL || exch->out.nr_extents > PAGES_A_CALL ||
        exch->in.nr_extents << exch->in.extent_order != exch->out.nr_extents
                                                            << exch->out.extent_order) {
        return -XEN_EINVAL;
    }
    return 0;
}

/* One page of @res: number @page counted over all its extents. */
static int64_t exchange_page(XenCall *call, const xen_memory_reservation_t *res, uint64_t page,
                             bool give)
{
    uint64_t first, index = page >> res->extent_order;
    if (!xen_long_in(call, XEN_GUEST_ADDRESS(res->extent_start), index, &first)) {
        return -XEN_EFAULT;
    }
    uint64_t gfn = first + (page & ((UINT64_C(1) << res->extent_order) - 1));
    if (!(give ? give_back(call->domain, gfn) : take_again(call->domain, gfn))) {
        return -XEN_EINVAL;
    }
    return 0;
}

static int64_t exchange(XenCall *call, void *argument)
{
    xen_memory_exchange_t *exch = argument;
    int64_t result = check_exchange(call->domain, exch);
    if (result != 0) {
        return result;
    }
    uint64_t begin = exch->nr_exchanged << exch->in.extent_order;
    uint64_t pages = MIN(exch->in.nr_extents << exch->in.extent_order, begin + PAGES_A_CALL);
    for (uint64_t i = begin; i < pages && result == 0; i++) {
        result = xen_call_goes_on(call, true) ? exchange_page(call, &exch->in, i, true)
                                              : -XEN_EAGAIN;
        if (result == 0) {
            result = exchange_page(call, &exch->out, i, false);
        }
        if (result == 0) {
            exch->nr_exchanged = (i + 1) >> exch->in.extent_order;
        }
    }
    return result;
}

/* ---- special pages ---- */

static void remember_move(XenDomain *domain, uint64_t gfn, uint64_t source)
{
    g_hash_table_insert(domain->moved, g_memdup2(&gfn, sizeof(gfn)),
                        g_memdup2(&source, sizeof(source)));
}

static int64_t move_frame(XenDomain *domain, uint64_t source, uint64_t gfn)
{
    if (!frame_present(domain, source) || gfn > domain->config.max_gfn) {
        return -XEN_EINVAL;
    }
    if (source == gfn) {
        return 0;
    }
    int result = domain->host->ops->alias_frame(domain->host, gfn, source, false);
    if (result == 0) {
        remember_move(domain, gfn, source);
        set_absent(domain, gfn, false);
    }
    return result;
}

static int64_t add_one(XenDomain *domain, unsigned space, uint64_t index, uint64_t gfn)
{
    bool status = index & XENMAPIDX_grant_table_status;
    switch (space) {
    case XENMAPSPACE_shared_info:
        return index == 0 ? xen_overlay_map(domain, XEN_PAGE_SHARED_INFO, 0, gfn) : -XEN_EINVAL;
    case XENMAPSPACE_grant_table:
        if (status) {
            index &= ~(uint64_t)XENMAPIDX_grant_table_status;
            return index < xen_gnttab_status_frames(domain)
                       ? xen_overlay_map(domain, XEN_PAGE_GRANT_STATUS, index, gfn)
                       : -XEN_EINVAL;
        }
        if (index >= domain->config.max_grant_frames || !xen_gnttab_grow(domain, index + 1)) {
            return -XEN_EINVAL;
        }
        return xen_overlay_map(domain, XEN_PAGE_GRANT_TABLE, index, gfn);
    case XENMAPSPACE_gmfn:
        return move_frame(domain, index, gfn);
    default:
        return -XEN_EINVAL;
    }
}

static int64_t add_to_physmap(XenCall *call, void *argument)
{
    xen_add_to_physmap_t *add = argument;
    if (add->space == XENMAPSPACE_gmfn_foreign) {
        return -XEN_ENOSYS;
    }
    int64_t result = xen_check_self(call->domain, add->domid);
    if (result != 0 || add->space != XENMAPSPACE_gmfn_range) {
        return result != 0 ? result : add_one(call->domain, add->space, add->idx, add->gpfn);
    }
    for (; add->size > 0 && result == 0; result == 0 ? add->size-- : 0) {
        result = xen_call_goes_on(call, true)
                     ? add_one(call->domain, XENMAPSPACE_gmfn, add->idx, add->gpfn)
                     : -XEN_EAGAIN;
        if (result == 0) {
            add->idx++;
            add->gpfn++;
        }
    }
    return result;
}

static int64_t add_to_physmap_batch(XenCall *call, void *argument)
{
    xen_add_to_physmap_batch_t *batch = argument;
    int64_t result = xen_check_self(call->domain, batch->domid);
    if (result != 0) {
        return result;
    }
    if (batch->space == XENMAPSPACE_gmfn_range) {
        return -XEN_EINVAL;
    }
    if (batch->space == XENMAPSPACE_gmfn_foreign) {
        return xen_check_self(call->domain, batch->u.foreign_domid) == -XEN_ESRCH ? -XEN_ESRCH
                                                                                  : -XEN_EPERM;
    }
    for (unsigned i = 0; i < batch->size; i++) {
        uint64_t index, gfn;
        if (!xen_call_goes_on(call, true)) {
            return -XEN_EAGAIN;
        }
        if (!xen_long_in(call, XEN_GUEST_ADDRESS(batch->idxs), i, &index) ||
            !xen_long_in(call, XEN_GUEST_ADDRESS(batch->gpfns), i, &gfn)) {
            return -XEN_EFAULT;
        }
        int32_t error = add_one(call->domain, batch->space, index, gfn);
        if (!xen_copy_out(call, XEN_GUEST_ADDRESS(batch->errs) + i * sizeof(error), &error,
                          sizeof(error))) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

static int64_t remove_from_physmap(XenCall *call, void *argument)
{
    xen_remove_from_physmap_t *remove = argument;
    XenDomain *domain = call->domain;
    uint64_t gfn = remove->gpfn;
    int64_t result = xen_check_self(domain, remove->domid);
    if (result != 0) {
        return result;
    }
    if (g_hash_table_remove(domain->moved, &gfn)) {
        domain->host->ops->unalias_frame(domain->host, gfn);
        return 0;
    }
    return give_back(domain, gfn) ? 0 : -XEN_ENOENT;
}

/* ---- what there is ---- */

static int64_t memory_map(XenCall *call, void *argument)
{
    xen_memory_map_t *map = argument;
    GArray *entries = call->domain->memory_map;
    if (entries->len == 0) {
        return -XEN_ENOSYS;
    }
    map->nr_entries = MIN(map->nr_entries, entries->len);
    for (unsigned i = 0; i < map->nr_entries; i++) {
        XenMemoryMapEntry *entry = &g_array_index(entries, XenMemoryMapEntry, i);
        uint8_t e820[20];
        memcpy(e820, &entry->start, 8);
        memcpy(e820 + 8, &entry->size, 8);
        memcpy(e820 + 16, &entry->type, 4);
        if (!xen_copy_out(call, XEN_GUEST_ADDRESS(map->buffer) + i * sizeof(e820), e820,
                          sizeof(e820))) {
            return -XEN_EFAULT;
        }
    }
    return 0;
}

static int64_t current_reservation(XenCall *call, void *argument)
{
    struct xen_memory_domain *which = argument;
    int64_t result = xen_check_self(call->domain, which->domid);
    return result != 0 ? result : (int64_t)xen_current_pages(call->domain);
}

static int64_t maximum_reservation(XenCall *call, void *argument)
{
    struct xen_memory_domain *which = argument;
    int64_t result = xen_check_self(call->domain, which->domid);
    return result != 0 ? result : (int64_t)call->domain->config.ram_frames;
}

static int64_t maximum_gpfn(XenCall *call, void *argument)
{
    struct xen_memory_domain *which = argument;
    int64_t result = xen_check_self(call->domain, which->domid);
    return result != 0 ? result : (int64_t)call->domain->config.max_gfn;
}

static int64_t maximum_ram_page(XenCall *call, void *argument)
{
    return call->domain->config.max_gfn;
}

static int64_t not_permitted(XenCall *call, void *argument)
{
    return -XEN_EPERM;
}

static int64_t get_vnumainfo(XenCall *call, void *argument)
{
    return -XEN_EOPNOTSUPP;
}

static const XenField physmap_fields[] = {
    {0, 2, 0, 2}, {2, 2, 2, 2}, {4, 4, 4, 4}, {8, 8, 8, 4}, {16, 8, 12, 4}};
static const XenLayout physmap_layout = XEN_LAYOUT(physmap_fields, 16);
static const XenField batch_fields[] = {{0, 2, 0, 2}, {2, 2, 2, 2},   {4, 2, 4, 2},  {6, 2, 6, 2},
                                        {8, 8, 8, 4}, {16, 8, 12, 4}, {24, 8, 16, 4}};
static const XenLayout batch_layout = XEN_LAYOUT(batch_fields, 20);
static const XenField remove_fields[] = {{0, 2, 0, 2}, {8, 8, 4, 4}};
static const XenLayout remove_layout = XEN_LAYOUT(remove_fields, 8);
static const XenField map_fields[] = {{0, 4, 0, 4}, {8, 8, 4, 4}};
static const XenLayout map_layout = XEN_LAYOUT(map_fields, 8);

static const XenSubOp memory_ops[] = {
    {XENMEM_maximum_ram_page, "maximum_ram_page", maximum_ram_page, 0},
    {XENMEM_current_reservation, "current_reservation", current_reservation,
     sizeof(struct xen_memory_domain)},
    {XENMEM_maximum_reservation, "maximum_reservation", maximum_reservation,
     sizeof(struct xen_memory_domain)},
    {XENMEM_maximum_gpfn, "maximum_gpfn", maximum_gpfn, sizeof(struct xen_memory_domain)},
    {XENMEM_add_to_physmap, "add_to_physmap", add_to_physmap, sizeof(xen_add_to_physmap_t), 0,
     &physmap_layout},
    {XENMEM_add_to_physmap_batch, "add_to_physmap_batch", add_to_physmap_batch,
     sizeof(xen_add_to_physmap_batch_t), 0, &batch_layout},
    {XENMEM_remove_from_physmap, "remove_from_physmap", remove_from_physmap,
     sizeof(xen_remove_from_physmap_t), 0, &remove_layout},
    {XENMEM_memory_map, "memory_map", memory_map, sizeof(xen_memory_map_t), XEN_OUT, &map_layout},
    {XENMEM_exchange, "exchange", exchange, sizeof(xen_memory_exchange_t), XEN_OUT_ALWAYS,
     &exchange_layout},
    {XENMEM_set_memory_map, "set_memory_map", not_permitted, 0},
    {XENMEM_set_pod_target, "set_pod_target", not_permitted, 0},
    {XENMEM_get_pod_target, "get_pod_target", not_permitted, 0},
    {24, "claim_pages", not_permitted, 0},
    {XENMEM_get_vnumainfo, "get_vnumainfo", get_vnumainfo, 0},
    {28, "acquire_resource", not_permitted, 0},
};

int64_t xen_memory_op(XenCall *call)
{
    uint32_t command = call->arguments[0];
    unsigned op = command & COMMAND_MASK;
    uint64_t start = command >> COMMAND_SHIFT;
    int64_t result;
    xen_lock(call->domain);
    uint64_t before = xen_current_pages(call->domain);
    if (op == XENMEM_increase_reservation || op == XENMEM_decrease_reservation ||
        op == XENMEM_populate_physmap) {
        result = change_reservation(call, op, start);
    } else if (start != 0) {
        result = -XEN_ENOSYS;
    } else {
        result = xen_sub_op(call, __HYPERVISOR_memory_op, memory_ops, G_N_ELEMENTS(memory_ops), op,
                            call->arguments[1]);
    }
    bool changed = xen_current_pages(call->domain) != before;
    xen_unlock(call->domain);
    if (changed) {
        xen_memory_changed(call->domain);
    }
    return result;
}

/* ---- reset and saved state: ([absent bitmap words], [(frame, source)], adjustment) ---- */

void xen_memory_reset(XenDomain *domain, bool soft)
{
    GHashTableIter iter;
    gpointer gfn;
    g_hash_table_iter_init(&iter, domain->moved);
    while (g_hash_table_iter_next(&iter, &gfn, NULL)) {
        domain->host->ops->unalias_frame(domain->host, *(uint64_t *)gfn);
    }
    g_hash_table_remove_all(domain->moved);
    domain->adjustment = 0;
    for (uint64_t frame = 0; !soft && domain->absent_count > 0 && frame <= domain->config.max_gfn;
         frame++) {
        if (xen_frame_absent(domain, frame)) {
            domain->host->ops->repopulate(domain->host, frame, 1);
            set_absent(domain, frame, false);
        }
    }
}

GVariant *xen_memory_save(XenDomain *domain)
{
    GVariantBuilder moves;
    GHashTableIter iter;
    gpointer gfn, source;
    g_variant_builder_init(&moves, G_VARIANT_TYPE("a(tt)"));
    g_hash_table_iter_init(&iter, domain->moved);
    while (g_hash_table_iter_next(&iter, &gfn, &source)) {
        g_variant_builder_add(&moves, "(tt)", *(uint64_t *)gfn, *(uint64_t *)source);
    }
    return g_variant_new("(@ata(tt)x)",
                         g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, domain->absent,
                                                   domain->config.max_gfn / 64 + 1, 8),
                         &moves, domain->adjustment);
}

bool xen_memory_load(XenDomain *domain, GVariant *state, GError **error)
{
    g_autoptr(GVariant) bitmap = g_variant_get_child_value(state, 0);
    g_autoptr(GVariant) moves = g_variant_get_child_value(state, 1);
    gsize words;
    const uint64_t *bits = g_variant_get_fixed_array(bitmap, &words, 8);
    if (words != domain->config.max_gfn / 64 + 1) {
        return xen_state_error(error, "the memory size differs");
    }
    for (uint64_t gfn = 0; gfn <= domain->config.max_gfn; gfn++) {
        if ((bits[gfn / 64] >> (gfn % 64) & 1) && !give_back(domain, gfn)) {
            return xen_state_error(error, "frame %" G_GUINT64_FORMAT " cannot be absent", gfn);
        }
    }
    GVariantIter iter;
    uint64_t gfn, source;
    g_variant_iter_init(&iter, moves);
    while (g_variant_iter_next(&iter, "(tt)", &gfn, &source)) {
        if (move_frame(domain, source, gfn) != 0) {
            return xen_state_error(error, "a moved frame is not valid");
        }
    }
    g_variant_get_child(state, 2, "x", &domain->adjustment);
    if (domain->adjustment < 0 || (uint64_t)domain->adjustment > domain->absent_count) {
        domain->adjustment = 0;
        return xen_state_error(error, "the reservation is not valid");
    }
    return true;
}
