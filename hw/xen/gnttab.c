/*
 * Grant tables: frames, versions, entries (facts: Xen's public/grant_table.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

unsigned xen_gnttab_refs(const XenDomain *domain)
{
    const XenGnttab *table = &domain->gnttab;
    return table->frames *
           (table->version == 2 ? XEN_GRANTS_PER_FRAME_V2 : XEN_GRANTS_PER_FRAME_V1);
}

unsigned xen_gnttab_status_frames(const XenDomain *domain)
{
    if (domain->gnttab.version != 2) {
        return 0;
    }
    return (xen_gnttab_refs(domain) + XEN_GRANT_STATUS_PER_FRAME - 1) / XEN_GRANT_STATUS_PER_FRAME;
}

static uint8_t *page_of(XenDomain *domain, XenPageKind kind, uint8_t **pages, unsigned index)
{
    if (!pages[index]) {
        pages[index] = domain->host->ops->page_memory(domain->host, kind, index);
    }
    return pages[index];
}

bool xen_gnttab_grow(XenDomain *domain, unsigned frames)
{
    XenGnttab *table = &domain->gnttab;
    if (frames > domain->config.max_grant_frames) {
        return false;
    }
    while (table->frames < frames) {
        if (!page_of(domain, XEN_PAGE_GRANT_TABLE, table->table, table->frames)) {
            return false;
        }
        table->frames++;
        for (unsigned i = 0; i < xen_gnttab_status_frames(domain); i++) {
            if (!page_of(domain, XEN_PAGE_GRANT_STATUS, table->status, i)) {
                table->frames--;
                return false;
            }
        }
    }
    return true;
}

grant_entry_v1_t *xen_gnttab_entry_v1(XenDomain *domain, uint32_t ref)
{
    uint8_t *page = domain->gnttab.table[ref / XEN_GRANTS_PER_FRAME_V1];
    return (grant_entry_v1_t *)page + ref % XEN_GRANTS_PER_FRAME_V1;
}

grant_entry_v2_t *xen_gnttab_entry_v2(XenDomain *domain, uint32_t ref)
{
    uint8_t *page = domain->gnttab.table[ref / XEN_GRANTS_PER_FRAME_V2];
    return (grant_entry_v2_t *)page + ref % XEN_GRANTS_PER_FRAME_V2;
}

uint16_t *xen_gnttab_status(XenDomain *domain, uint32_t ref)
{
    uint8_t *page = domain->gnttab.status[ref / XEN_GRANT_STATUS_PER_FRAME];
    return (uint16_t *)page + ref % XEN_GRANT_STATUS_PER_FRAME;
}

static bool active_beyond_reserved(XenDomain *domain)
{
    unsigned reserved = 0;
    for (uint32_t ref = 0; ref < XEN_GRANT_RESERVED; ref++) {
        reserved += xen_gnttab_active(domain, ref) != NULL;
    }
    return domain->gnttab.active_count > reserved;
}

static void clear_frames(XenDomain *domain)
{
    XenGnttab *table = &domain->gnttab;
    for (unsigned i = 0; i < table->frames; i++) {
        memset(table->table[i], 0, XEN_PAGE_SIZE);
    }
    for (unsigned i = 0; i < domain->config.max_grant_frames; i++) {
        if (table->status[i]) {
            memset(table->status[i], 0, XEN_PAGE_SIZE);
        }
    }
}

/* The reserved entries in the wide form; false if one cannot be said in version 1. */
static bool save_reserved(XenDomain *domain, grant_entry_v2_t *saved, uint16_t *status,
                          bool to_version_1)
{
    for (uint32_t ref = 0; ref < XEN_GRANT_RESERVED; ref++) {
        saved[ref] = (grant_entry_v2_t){0};
        if (domain->gnttab.version == 1) {
            grant_entry_v1_t entry = *xen_gnttab_entry_v1(domain, ref);
            saved[ref].full_page.hdr.flags = entry.flags & ~(GTF_reading | GTF_writing);
            saved[ref].full_page.hdr.domid = entry.domid;
            saved[ref].full_page.frame = entry.frame;
            status[ref] = entry.flags & (GTF_reading | GTF_writing);
            continue;
        }
        saved[ref] = *xen_gnttab_entry_v2(domain, ref);
        status[ref] = *xen_gnttab_status(domain, ref);
        uint16_t flags = saved[ref].hdr.flags, type = flags & GTF_type_mask;
        if (to_version_1 && type != GTF_invalid &&
            (type != GTF_permit_access || (flags & GTF_sub_page) ||
             saved[ref].full_page.frame > UINT32_MAX)) {
            return false;
        }
    }
    return true;
}

static void restore_reserved(XenDomain *domain, const grant_entry_v2_t *saved,
                             const uint16_t *status)
{
    for (uint32_t ref = 0; ref < XEN_GRANT_RESERVED; ref++) {
        if (domain->gnttab.version == 2) {
            *xen_gnttab_entry_v2(domain, ref) = saved[ref];
            *xen_gnttab_status(domain, ref) = status[ref];
        } else {
            *xen_gnttab_entry_v1(domain, ref) =
                (grant_entry_v1_t){.flags = saved[ref].hdr.flags | status[ref],
                                   .domid = saved[ref].hdr.domid,
                                   .frame = saved[ref].full_page.frame};
        }
    }
}

static void unmap_status(XenDomain *domain)
{
    for (unsigned i = 0; i < domain->config.max_grant_frames; i++) {
        if (domain->gnttab.status_gfn[i] != XEN_GFN_NONE) {
            xen_overlay_remove(domain, domain->gnttab.status_gfn[i]);
        }
    }
}

int64_t xen_gnttab_set_version(XenDomain *domain, uint32_t version)
{
    XenGnttab *table = &domain->gnttab;
    grant_entry_v2_t saved[XEN_GRANT_RESERVED];
    uint16_t status[XEN_GRANT_RESERVED];
    if (version != 1 && version != 2) {
        return -XEN_EINVAL;
    }
    if (version > domain->config.max_grant_version) {
        return -XEN_ENOSYS;
    }
    if (version == table->version) {
        return 0;
    }
    if (active_beyond_reserved(domain)) {
        return -XEN_EBUSY;
    }
    if (!save_reserved(domain, saved, status, version == 1)) {
        return -XEN_ERANGE;
    }
    unsigned before = table->version;
    table->version = version;
    for (unsigned i = 0; i < xen_gnttab_status_frames(domain); i++) {
        if (!page_of(domain, XEN_PAGE_GRANT_STATUS, table->status, i)) {
            table->version = before;
            return -XEN_ENOMEM;
        }
    }
    if (version == 1) {
        unmap_status(domain);
    }
    clear_frames(domain);
    restore_reserved(domain, saved, status);
    return 0;
}

bool xen_grant_set_reserved(XenDomain *domain, uint32_t ref, uint64_t gfn)
{
    if (ref >= XEN_GRANT_RESERVED || gfn > UINT32_MAX) {
        return false;
    }
    xen_lock(domain);
    if (domain->gnttab.version == 2) {
        grant_entry_v2_t entry = {.full_page = {.frame = gfn}};
        entry.full_page.hdr.flags = GTF_permit_access;
        *xen_gnttab_entry_v2(domain, ref) = entry;
    } else {
        *xen_gnttab_entry_v1(domain, ref) =
            (grant_entry_v1_t){.flags = GTF_permit_access, .domid = 0, .frame = gfn};
    }
    xen_unlock(domain);
    return true;
}

/* Two entries change places; the guest may write to them meanwhile, which harms only itself. */
int xen_gnttab_swap(XenDomain *domain, uint32_t a, uint32_t b)
{
    XenGnttab *table = &domain->gnttab;
    if (a >= xen_gnttab_refs(domain) || b >= xen_gnttab_refs(domain)) {
        return GNTST_bad_gntref;
    }
    if (a == b) {
        return GNTST_okay;
    }
    if (xen_gnttab_active(domain, a) || xen_gnttab_active(domain, b)) {
        return GNTST_eagain;
    }
    if (table->version == 2) {
        grant_entry_v2_t kept = *xen_gnttab_entry_v2(domain, a);
        *xen_gnttab_entry_v2(domain, a) = *xen_gnttab_entry_v2(domain, b);
        *xen_gnttab_entry_v2(domain, b) = kept;
    } else {
        grant_entry_v1_t kept = *xen_gnttab_entry_v1(domain, a);
        *xen_gnttab_entry_v1(domain, a) = *xen_gnttab_entry_v1(domain, b);
        *xen_gnttab_entry_v1(domain, b) = kept;
    }
    return GNTST_okay;
}

void xen_gnttab_init(XenDomain *domain)
{
    XenGnttab *table = &domain->gnttab;
    unsigned max = domain->config.max_grant_frames;
    table->version = 1;
    table->table = g_new0(uint8_t *, max);
    table->status = g_new0(uint8_t *, max);
    table->table_gfn = g_new(uint64_t, max);
    table->status_gfn = g_new(uint64_t, max);
    for (unsigned i = 0; i < max; i++) {
        table->table_gfn[i] = table->status_gfn[i] = XEN_GFN_NONE;
    }
    table->active = g_new0(XenGrantActive *, max);
    table->mappings = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    xen_gnttab_grow(domain, 1);
}

void xen_gnttab_free(XenDomain *domain)
{
    XenGnttab *table = &domain->gnttab;
    g_free(table->table);
    g_free(table->status);
    g_free(table->table_gfn);
    g_free(table->status_gfn);
    for (unsigned i = 0; i < domain->config.max_grant_frames; i++) {
        g_free(table->active[i]);
    }
    g_free(table->active);
    g_hash_table_destroy(table->mappings);
}

void xen_gnttab_reset(XenDomain *domain)
{
    XenGnttab *table = &domain->gnttab;
    xen_gnttab_release_all(domain);
    clear_frames(domain);
    table->version = 1;
    table->frames = 1;
    table->next_handle = 0;
}

/* ---- saved state: (version, [table pages], [status pages]). What back ends hold they take again.
 * ---- */

static GVariant *save_pages(uint8_t **pages, unsigned count)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("aay"));
    for (unsigned i = 0; i < count; i++) {
        g_variant_builder_add_value(
            &builder, g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, pages[i], XEN_PAGE_SIZE, 1));
    }
    return g_variant_builder_end(&builder);
}

static GVariant *save_mappings(XenDomain *domain)
{
    GVariantBuilder builder;
    GHashTableIter iter;
    gpointer handle, value;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(uuut)"));
    g_hash_table_iter_init(&iter, domain->gnttab.mappings);
    while (g_hash_table_iter_next(&iter, &handle, &value)) {
        XenGrantMapping *mapping = value;
        g_variant_builder_add(&builder, "(uuut)", GPOINTER_TO_UINT(handle) - 1, mapping->ref,
                              mapping->flags, mapping->host_address);
    }
    return g_variant_builder_end(&builder);
}

GVariant *xen_gnttab_save(XenDomain *domain)
{
    XenGnttab *table = &domain->gnttab;
    return g_variant_new(
        "(u@aay@aay@a(uuut))", table->version, save_pages(table->table, table->frames),
        save_pages(table->status, xen_gnttab_status_frames(domain)), save_mappings(domain));
}

static bool load_pages(GVariant *pages, uint8_t **into)
{
    for (gsize i = 0; i < g_variant_n_children(pages); i++) {
        g_autoptr(GVariant) page = g_variant_get_child_value(pages, i);
        gsize length;
        const uint8_t *bytes = g_variant_get_fixed_array(page, &length, 1);
        if (length != XEN_PAGE_SIZE) {
            return false;
        }
        memcpy(into[i], bytes, XEN_PAGE_SIZE);
    }
    return true;
}

/* Marks that holders left are wiped: each takes its grants again after the load. */
static void wipe_marks(XenDomain *domain)
{
    for (uint32_t ref = 0; ref < xen_gnttab_refs(domain); ref++) {
        xen_gnttab_clear(domain, ref, GTF_reading | GTF_writing);
    }
}

static bool load_mappings(XenDomain *domain, GVariant *mappings)
{
    GVariantIter iter;
    uint32_t handle, ref, flags;
    uint64_t address;
    g_variant_iter_init(&iter, mappings);
    while (g_variant_iter_next(&iter, "(uuut)", &handle, &ref, &flags, &address)) {
        gnttab_map_grant_ref_t map = {
            .host_addr = address, .flags = flags, .ref = ref, .dom = domain->config.domain_id};
        domain->gnttab.next_handle = handle;
        if (handle >= XEN_GRANT_HANDLES_MAX || xen_gnttab_map(domain, &map) != GNTST_okay ||
            map.handle != handle) {
            return false;
        }
    }
    return true;
}

bool xen_gnttab_load(XenDomain *domain, GVariant *state, GError **error)
{
    uint32_t version;
    g_variant_get_child(state, 0, "u", &version);
    g_autoptr(GVariant) pages = g_variant_get_child_value(state, 1);
    g_autoptr(GVariant) status = g_variant_get_child_value(state, 2);
    g_autoptr(GVariant) mappings = g_variant_get_child_value(state, 3);
    gsize frames = g_variant_n_children(pages);
    if (frames == 0 || frames > domain->config.max_grant_frames ||
        xen_gnttab_set_version(domain, version) != 0 || !xen_gnttab_grow(domain, frames) ||
        g_variant_n_children(status) != xen_gnttab_status_frames(domain) ||
        !load_pages(pages, domain->gnttab.table) || !load_pages(status, domain->gnttab.status)) {
        return xen_state_error(error, "the grant table is not valid");
    }
    wipe_marks(domain);
    if (!load_mappings(domain, mappings)) {
        return xen_state_error(error, "a mapped grant is not valid");
    }
    return true;
}
