/*
 * Grants used by the guest itself: mapping, unmapping and copying by hypercall. Its own grants are
 * the only ones there are: domain 0 grants nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

/* GNTST_okay if @id can be the granting domain. */
static int check_granter(const XenDomain *domain, uint16_t id)
{
    if (id == domain->config.domain_id) {
        return GNTST_okay;
    }
    return id == 0 ? GNTST_bad_gntref : GNTST_bad_domain;
}

static uint32_t allocate_handle(XenDomain *domain)
{
    XenGnttab *table = &domain->gnttab;
    while (g_hash_table_contains(table->mappings, GUINT_TO_POINTER(table->next_handle + 1))) {
        table->next_handle = (table->next_handle + 1) % XEN_GRANT_HANDLES_MAX;
    }
    uint32_t handle = table->next_handle;
    table->next_handle = (handle + 1) % XEN_GRANT_HANDLES_MAX;
    return handle;
}

static int show_mapping(XenDomain *domain, const gnttab_map_grant_ref_t *map, uint64_t source)
{
    if (!guest_frame_is_memory(domain->memory, source) || xen_frame_absent(domain, source)) {
        return GNTST_bad_page;
    }
    if (!(map->flags & GNTMAP_host_map)) {
        return GNTST_okay;
    }
    if (map->host_addr % XEN_PAGE_SIZE != 0 ||
        (map->host_addr >> XEN_PAGE_SHIFT) > domain->config.max_gfn) {
        return GNTST_bad_virt_addr;
    }
    int result = domain->host->ops->alias_frame(domain->host, map->host_addr >> XEN_PAGE_SHIFT,
                                                source, map->flags & GNTMAP_readonly);
    return result == 0 ? GNTST_okay : GNTST_general_error;
}

int xen_gnttab_map(XenDomain *domain, gnttab_map_grant_ref_t *map)
{
    XenGnttab *table = &domain->gnttab;
    bool writable = !(map->flags & GNTMAP_readonly);
    XenGrantActive *active;
    if (!(map->flags & (GNTMAP_device_map | GNTMAP_host_map))) {
        return GNTST_bad_gntref;
    }
    if (map->flags & (GNTMAP_device_map | GNTMAP_contains_pte | GNTMAP_application_map)) {
        return GNTST_general_error; /* not with hardware-assisted paging */
    }
    int status = check_granter(domain, map->dom);
    if (status != GNTST_okay) {
        return status;
    }
    if (g_hash_table_size(table->mappings) >= XEN_GRANT_HANDLES_MAX) {
        return GNTST_no_space;
    }
    status =
        xen_gnttab_acquire(domain, domain->config.domain_id, map->ref, writable, false, &active);
    if (status != GNTST_okay) {
        return status;
    }
    status = show_mapping(domain, map, active->gfn);
    if (status != GNTST_okay) {
        xen_gnttab_release(domain, active, writable);
        return status;
    }
    map->handle = allocate_handle(domain);
    map->dev_bus_addr = active->gfn << XEN_PAGE_SHIFT;
    XenGrantMapping mapping = {
        .ref = map->ref, .flags = map->flags, .host_address = map->host_addr};
    g_hash_table_insert(table->mappings, GUINT_TO_POINTER(map->handle + 1),
                        g_memdup2(&mapping, sizeof(mapping)));
    return GNTST_okay;
}

/* Drops what the addresses name (0: nothing); the handle goes with the last of its two uses. */
int xen_gnttab_unmap(XenDomain *domain, uint32_t handle, uint64_t host_address,
                     uint64_t device_address)
{
    XenGnttab *table = &domain->gnttab;
    if (handle >= XEN_GRANT_HANDLES_MAX) {
        return GNTST_bad_handle;
    }
    XenGrantMapping *mapping = g_hash_table_lookup(table->mappings, GUINT_TO_POINTER(handle + 1));
    if (!mapping) {
        return GNTST_bad_handle;
    }
    XenGrantActive *active = xen_gnttab_active(domain, mapping->ref);
    if (device_address && (!active || active->gfn << XEN_PAGE_SHIFT != device_address)) {
        return GNTST_bad_dev_addr;
    }
    if (host_address) {
        if (!(mapping->flags & GNTMAP_host_map) || mapping->host_address != host_address) {
            return GNTST_bad_virt_addr;
        }
        domain->host->ops->unalias_frame(domain->host, host_address >> XEN_PAGE_SHIFT);
        mapping->flags &= ~GNTMAP_host_map;
    }
    if (device_address) {
        mapping->flags &= ~GNTMAP_device_map;
    }
    if (!(mapping->flags & (GNTMAP_host_map | GNTMAP_device_map))) {
        bool writable = !(mapping->flags & GNTMAP_readonly);
        g_hash_table_remove(table->mappings, GUINT_TO_POINTER(handle + 1));
        if (active) {
            xen_gnttab_release(domain, active, writable);
        }
    }
    return GNTST_okay;
}

typedef struct {
    XenGrantActive *active; /* NULL: a frame of the guest's own */
    uint64_t gfn;
    uint8_t *page;
    bool writable;
} CopyEnd;

static int open_end(XenDomain *domain, const struct gnttab_copy_ptr *pointer, unsigned length,
                    bool is_ref, bool writable, CopyEnd *end)
{
    uint16_t own = domain->config.domain_id;
    uint16_t id = pointer->domid == DOMID_SELF ? own : pointer->domid;
    end->writable = writable;
    if (!is_ref) {
        if (pointer->domid != DOMID_SELF) {
            return GNTST_permission_denied;
        }
        end->gfn = pointer->u.gmfn;
    } else {
        int status = check_granter(domain, id);
        if (status == GNTST_okay) {
            status = xen_gnttab_acquire(domain, own, pointer->u.ref, writable, true, &end->active);
        }
        if (status != GNTST_okay) {
            return status;
        }
        end->gfn = end->active->gfn;
        if (pointer->offset < end->active->offset ||
            pointer->offset + length > end->active->offset + end->active->length) {
            return GNTST_general_error;
        }
    }
    end->page = xen_frame_absent(domain, end->gfn) ? NULL : guest_pin(domain->memory, end->gfn);
    return end->page ? GNTST_okay : GNTST_bad_page;
}

static void close_end(XenDomain *domain, CopyEnd *end)
{
    guest_unpin(domain->memory, end->gfn, end->page, end->writable);
    if (end->active) {
        xen_gnttab_release(domain, end->active, end->writable);
    }
}

int xen_gnttab_copy(XenDomain *domain, const gnttab_copy_t *copy)
{
    CopyEnd source = {0}, dest = {0};
    if (copy->source.offset + copy->len > (int)XEN_PAGE_SIZE ||
        copy->dest.offset + copy->len > (int)XEN_PAGE_SIZE) {
        return GNTST_bad_copy_arg;
    }
    int status = open_end(domain, &copy->source, copy->len, copy->flags & GNTCOPY_source_gref,
                          false, &source);
    if (status == GNTST_okay) {
        status =
            open_end(domain, &copy->dest, copy->len, copy->flags & GNTCOPY_dest_gref, true, &dest);
    }
    if (status == GNTST_okay) {
        memmove(dest.page + copy->dest.offset, source.page + copy->source.offset, copy->len);
    }
    close_end(domain, &dest);
    close_end(domain, &source);
    return status;
}
