/*
 * Which special page the guest has put at which frame.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

/* Anywhere that a processor can address: guests like to use the room of a PCI device's BAR. */
#define MAX_OVERLAY_GFN ((UINT64_C(1) << (52 - XEN_PAGE_SHIFT)) - 1)

static uint64_t *place_of(XenDomain *domain, XenPageKind kind, unsigned index)
{
    switch (kind) {
    case XEN_PAGE_SHARED_INFO:
        return &domain->shared_info_gfn;
    case XEN_PAGE_GRANT_TABLE:
        return &domain->gnttab.table_gfn[index];
    default:
        return &domain->gnttab.status_gfn[index];
    }
}

/* The page is nowhere any more; the host knows already. */
static void forget(XenDomain *domain, XenPageKind kind, unsigned index)
{
    *place_of(domain, kind, index) = XEN_GFN_NONE;
    if (kind == XEN_PAGE_SHARED_INFO) {
        domain->host->ops->set_shared_info(domain->host, XEN_GFN_NONE);
    }
}

static void unmap(XenDomain *domain, XenPageKind kind, unsigned index)
{
    uint64_t gfn = *place_of(domain, kind, index);
    if (gfn != XEN_GFN_NONE) {
        domain->host->ops->unmap_page(domain->host, kind, index, gfn);
        forget(domain, kind, index);
    }
}

/* Which page is shown at @gfn; false: none. */
static bool page_at(XenDomain *domain, uint64_t gfn, XenPageKind *kind, unsigned *index)
{
    static const XenPageKind kinds[] = {XEN_PAGE_GRANT_TABLE, XEN_PAGE_GRANT_STATUS};
    *kind = XEN_PAGE_SHARED_INFO;
    *index = 0;
    if (gfn == XEN_GFN_NONE || domain->shared_info_gfn == gfn) {
        return gfn != XEN_GFN_NONE;
    }
    for (*index = 0; *index < domain->config.max_grant_frames; ++*index) {
        for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
            *kind = kinds[i];
            if (*place_of(domain, *kind, *index) == gfn) {
                return true;
            }
        }
    }
    return false;
}

bool xen_overlay_remove(XenDomain *domain, uint64_t gfn)
{
    XenPageKind kind;
    unsigned index;
    if (!page_at(domain, gfn, &kind, &index)) {
        return false;
    }
    unmap(domain, kind, index);
    return true;
}

/* Shown at the new frame first: if that fails, all is as it was. */
int64_t xen_overlay_map(XenDomain *domain, XenPageKind kind, unsigned index, uint64_t gfn)
{
    uint64_t *place = place_of(domain, kind, index);
    XenPageKind covered_kind;
    unsigned covered_index;
    if (gfn > MAX_OVERLAY_GFN) {
        return -XEN_EINVAL;
    }
    if (*place == gfn) {
        return 0;
    }
    int result = domain->host->ops->map_page(domain->host, kind, index, gfn);
    if (result != 0) {
        return result;
    }
    if (page_at(domain, gfn, &covered_kind, &covered_index)) {
        forget(domain, covered_kind, covered_index);
    }
    if (*place != XEN_GFN_NONE) {
        domain->host->ops->unmap_page(domain->host, kind, index, *place);
    }
    *place = gfn;
    if (kind == XEN_PAGE_SHARED_INFO) {
        domain->host->ops->set_shared_info(domain->host, gfn);
        xen_time_update_wall_clock(domain);
    }
    return 0;
}

void xen_overlay_reset(XenDomain *domain)
{
    unmap(domain, XEN_PAGE_SHARED_INFO, 0);
    for (unsigned i = 0; i < domain->config.max_grant_frames; i++) {
        unmap(domain, XEN_PAGE_GRANT_TABLE, i);
        unmap(domain, XEN_PAGE_GRANT_STATUS, i);
    }
    memset(domain->shared_info, 0, XEN_PAGE_SIZE);
}

/* (shared info's contents and frame, [grant table frames], [status frames]) */
static GVariant *save_places(const uint64_t *places, unsigned count)
{
    return g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, places, count, sizeof(*places));
}

GVariant *xen_overlay_save(XenDomain *domain)
{
    unsigned count = domain->config.max_grant_frames;
    return g_variant_new(
        "(@ayt@at@at)",
        g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, domain->shared_info, XEN_PAGE_SIZE, 1),
        domain->shared_info_gfn, save_places(domain->gnttab.table_gfn, count),
        save_places(domain->gnttab.status_gfn, count));
}

static bool load_places(XenDomain *domain, XenPageKind kind, GVariant *places, unsigned limit)
{
    gsize count;
    const uint64_t *gfns = g_variant_get_fixed_array(places, &count, sizeof(*gfns));
    if (count != domain->config.max_grant_frames) {
        return false;
    }
    for (gsize i = 0; i < count; i++) {
        if (gfns[i] != XEN_GFN_NONE &&
            (i >= limit || xen_overlay_map(domain, kind, i, gfns[i]) != 0)) {
            return false;
        }
    }
    return true;
}

bool xen_overlay_load(XenDomain *domain, GVariant *state, GError **error)
{
    g_autoptr(GVariant) page = g_variant_get_child_value(state, 0);
    g_autoptr(GVariant) table = g_variant_get_child_value(state, 2);
    g_autoptr(GVariant) status = g_variant_get_child_value(state, 3);
    uint64_t gfn;
    gsize length;
    const void *bytes = g_variant_get_fixed_array(page, &length, 1);
    g_variant_get_child(state, 1, "t", &gfn);
    if (length != XEN_PAGE_SIZE) {
        return xen_state_error(error, "shared info has the wrong size");
    }
    memcpy(domain->shared_info, bytes, length);
    if ((gfn != XEN_GFN_NONE && xen_overlay_map(domain, XEN_PAGE_SHARED_INFO, 0, gfn) != 0) ||
        !load_places(domain, XEN_PAGE_GRANT_TABLE, table, domain->gnttab.frames) ||
        !load_places(domain, XEN_PAGE_GRANT_STATUS, status, xen_gnttab_status_frames(domain))) {
        return xen_state_error(error, "a special page is at no valid frame");
    }
    return true;
}
