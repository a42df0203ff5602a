/*
 * Taking and releasing a grant: the entry is read once, checked, and marked in use against a guest
 * that may change it at any moment. Version 1 marks the entry itself, version 2 its word in the
 * status frames.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

int xen_gnttab_mark_v1(XenDomain *domain, XenGrantActive *active, bool writable)
{
    grant_entry_v1_t *entry = xen_gnttab_entry_v1(domain, active->ref);
    uint32_t *word = (uint32_t *)entry;
    uint32_t seen = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    bool held = active->readers + active->writers > 0;
    for (unsigned i = 0; i < XEN_GRANT_TRIES; i++) {
        uint16_t flags = seen & 0xffff, owner = seen >> 16;
        if (!held && ((flags & GTF_type_mask) != GTF_permit_access || owner != active->domain)) {
            return GNTST_general_error;
        }
        if (writable && (flags & GTF_readonly)) {
            return GNTST_general_error;
        }
        uint32_t wanted = seen | GTF_reading | (writable ? GTF_writing : 0);
        if (__atomic_compare_exchange_n(word, &seen, wanted, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            if (!held) {
                active->gfn = __atomic_load_n(&entry->frame, __ATOMIC_SEQ_CST);
                active->offset = 0;
                active->length = XEN_PAGE_SIZE;
            }
            return GNTST_okay;
        }
    }
    return GNTST_general_error;
}

static bool header_fits(const XenGrantActive *active, uint32_t header, bool writable)
{
    uint16_t flags = header & 0xffff, owner = header >> 16;
    return (flags & GTF_type_mask) == GTF_permit_access && owner == active->domain &&
           !(writable && (flags & GTF_readonly));
}

static int read_place_v2(grant_entry_v2_t *entry, uint32_t header, XenGrantActive *active,
                         bool copy)
{
    active->sub_page = header & GTF_sub_page;
    active->offset = 0;
    active->length = XEN_PAGE_SIZE;
    if (active->sub_page) {
        if (!copy) {
            return GNTST_general_error;
        }
        active->offset = __atomic_load_n(&entry->sub_page.page_off, __ATOMIC_SEQ_CST);
        active->length = __atomic_load_n(&entry->sub_page.length, __ATOMIC_SEQ_CST);
        if (active->offset + active->length > XEN_PAGE_SIZE) {
            return GNTST_general_error;
        }
    }
    active->gfn = __atomic_load_n(&entry->full_page.frame, __ATOMIC_SEQ_CST);
    return GNTST_okay;
}

int xen_gnttab_mark_v2(XenDomain *domain, XenGrantActive *active, bool writable, bool copy)
{
    grant_entry_v2_t *entry = xen_gnttab_entry_v2(domain, active->ref);
    uint32_t *word = (uint32_t *)entry;
    bool held = active->readers + active->writers > 0;
    uint32_t header = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    /*
     * A transitive grant leads to another domain's table. There is none but the guest's own, and
     * Xen refuses those that lead back, so that such an entry is never good.
     */
    if (!held && !header_fits(active, header, writable)) {
        return GNTST_general_error;
    }
    if (held && writable && (header & GTF_readonly)) {
        return GNTST_general_error;
    }
    __atomic_fetch_or(xen_gnttab_status(domain, active->ref),
                      GTF_reading | (writable ? GTF_writing : 0), __ATOMIC_SEQ_CST);
    int status = GNTST_okay;
    /* The guest clears the entry first and looks at the status after: look again behind the mark.
     */
    header = __atomic_load_n(word, __ATOMIC_SEQ_CST);
    if (held) {
        if (writable && (header & GTF_readonly)) {
            status = GNTST_general_error;
        } else if (active->sub_page && !copy) {
            status = GNTST_general_error;
        }
    } else if (!header_fits(active, header, writable)) {
        status = GNTST_general_error;
    } else {
        status = read_place_v2(entry, header, active, copy);
    }
    if (status != GNTST_okay) {
        unsigned clear = (active->writers ? 0 : GTF_writing) | (held ? 0 : GTF_reading);
        xen_gnttab_clear(domain, active->ref, clear);
    }
    return status;
}

void xen_gnttab_clear(XenDomain *domain, uint32_t ref, unsigned bits)
{
    uint16_t *word = domain->gnttab.version == 2 ? xen_gnttab_status(domain, ref)
                                                 : &xen_gnttab_entry_v1(domain, ref)->flags;
    __atomic_fetch_and(word, (uint16_t)~bits, __ATOMIC_SEQ_CST);
}

static bool is_held(const XenGrantActive *active)
{
    return active->readers + active->writers > 0;
}

static XenGrantActive *active_slot(XenGnttab *table, uint32_t ref)
{
    XenGrantActive **chunk = &table->active[ref / XEN_GRANT_ACTIVE_CHUNK];
    if (!*chunk) {
        *chunk = g_new0(XenGrantActive, XEN_GRANT_ACTIVE_CHUNK);
    }
    return *chunk + ref % XEN_GRANT_ACTIVE_CHUNK;
}

XenGrantActive *xen_gnttab_active(XenDomain *domain, uint32_t ref)
{
    XenGrantActive *chunk = ref / XEN_GRANT_ACTIVE_CHUNK < domain->config.max_grant_frames
                                ? domain->gnttab.active[ref / XEN_GRANT_ACTIVE_CHUNK]
                                : NULL;
    XenGrantActive *active = chunk ? chunk + ref % XEN_GRANT_ACTIVE_CHUNK : NULL;
    return active && is_held(active) ? active : NULL;
}

int xen_gnttab_acquire(XenDomain *domain, uint16_t domain_id, uint32_t ref, bool writable,
                       bool copy, XenGrantActive **active)
{
    XenGnttab *table = &domain->gnttab;
    if (ref >= xen_gnttab_refs(domain)) {
        return GNTST_bad_gntref;
    }
    XenGrantActive *entry = active_slot(table, ref);
    bool held = is_held(entry);
    if (held && entry->domain != domain_id) {
        return GNTST_general_error;
    }
    if (!held) {
        *entry = (XenGrantActive){.ref = ref, .domain = domain_id};
    }
    int status = table->version == 2 ? xen_gnttab_mark_v2(domain, entry, writable, copy)
                                     : xen_gnttab_mark_v1(domain, entry, writable);
    if (status != GNTST_okay) {
        return status;
    }
    table->active_count += !held;
    *(writable ? &entry->writers : &entry->readers) += 1;
    *active = entry;
    return GNTST_okay;
}

void xen_gnttab_release(XenDomain *domain, XenGrantActive *active, bool writable)
{
    *(writable ? &active->writers : &active->readers) -= 1;
    unsigned bits = active->writers == 0 ? GTF_writing : 0;
    bool last = active->readers + active->writers == 0;
    xen_gnttab_clear(domain, active->ref, bits | (last ? GTF_reading : 0));
    domain->gnttab.active_count -= last;
}

static void unalias_mapping(XenDomain *domain, const XenGrantMapping *mapping)
{
    if (mapping->flags & GNTMAP_host_map) {
        domain->host->ops->unalias_frame(domain->host, mapping->host_address >> XEN_PAGE_SHIFT);
    }
}

void xen_gnttab_release_all(XenDomain *domain)
{
    XenGnttab *table = &domain->gnttab;
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, table->mappings);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        unalias_mapping(domain, value);
    }
    g_hash_table_remove_all(table->mappings);
    for (uint32_t ref = 0; table->active_count > 0 && ref < xen_gnttab_refs(domain); ref++) {
        XenGrantActive *active = xen_gnttab_active(domain, ref);
        if (active) {
            xen_gnttab_clear(domain, ref, GTF_reading | GTF_writing);
            active->readers = active->writers = 0;
            table->active_count--;
        }
    }
    table->generation++;
}
