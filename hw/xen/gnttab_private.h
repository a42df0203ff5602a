/*
 * Grant tables inside.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_GNTTAB_PRIVATE_H
#define HW_XEN_GNTTAB_PRIVATE_H

#include "hw/xen/gnttab.h"
#include "hw/xen/xen_abi.h"

enum {
    XEN_GRANTS_PER_FRAME_V1 = 512,
    XEN_GRANTS_PER_FRAME_V2 = 256,
    XEN_GRANT_STATUS_PER_FRAME = 2048,
    XEN_GRANT_RESERVED = GNTTAB_NR_RESERVED_ENTRIES,
    XEN_GRANT_TRIES = 5,
    XEN_GRANT_HANDLES_MAX = 65536,
    XEN_GRANT_BATCH_MAX = 65536,
    XEN_GRANT_ACTIVE_CHUNK = XEN_GRANTS_PER_FRAME_V1,
};

/* A ref that somebody holds, as long as it has readers or writers: what was read from the guest's
 * entry when it was first taken. */
typedef struct {
    uint32_t ref;
    uint64_t gfn;
    uint16_t offset, length; /* of a sub-page grant; else 0, 4096 */
    bool sub_page;
    uint16_t domain;
    unsigned readers, writers; /* holders; a writer is counted as one, not as both */
} XenGrantActive;

/* A mapping of the guest's own (GNTTABOP_map_grant_ref). */
typedef struct {
    uint32_t ref;
    uint32_t flags; /* GNTMAP_* still in force */
    uint64_t host_address;
} XenGrantMapping;

typedef struct {
    unsigned version;
    unsigned frames;                  /* of the table */
    uint8_t **table;                  /* max_grant_frames pages */
    uint8_t **status;                 /* likewise */
    uint64_t *table_gfn, *status_gfn; /* where the guest sees them */
    XenGrantActive **active;          /* by ref in chunks, made when first needed */
    unsigned active_count;            /* held ones */
    GHashTable *mappings;             /* handle -> XenGrantMapping */
    uint32_t next_handle;
    uint32_t generation; /* counts resets */
} XenGnttab;

void xen_gnttab_init(XenDomain *domain);
void xen_gnttab_free(XenDomain *domain);
void xen_gnttab_reset(XenDomain *domain);
GVariant *xen_gnttab_save(XenDomain *domain);
bool xen_gnttab_load(XenDomain *domain, GVariant *state, GError **error);

unsigned xen_gnttab_refs(const XenDomain *domain);
unsigned xen_gnttab_status_frames(const XenDomain *domain);
/* Makes the table at least @frames long; false if beyond the maximum or out of memory. */
bool xen_gnttab_grow(XenDomain *domain, unsigned frames);
grant_entry_v1_t *xen_gnttab_entry_v1(XenDomain *domain, uint32_t ref);
grant_entry_v2_t *xen_gnttab_entry_v2(XenDomain *domain, uint32_t ref);
uint16_t *xen_gnttab_status(XenDomain *domain, uint32_t ref);
int64_t xen_gnttab_set_version(XenDomain *domain, uint32_t version);
int xen_gnttab_swap(XenDomain *domain, uint32_t a, uint32_t b);

/* What is known of @ref if somebody holds it, else NULL. */
XenGrantActive *xen_gnttab_active(XenDomain *domain, uint32_t ref);
/*
 * Takes @ref for @domain_id and marks the guest's entry. @copy: sub-page grants are allowed.
 * GNTST_*; *active stays valid while held.
 */
int xen_gnttab_acquire(XenDomain *domain, uint16_t domain_id, uint32_t ref, bool writable,
                       bool copy, XenGrantActive **active);
void xen_gnttab_release(XenDomain *domain, XenGrantActive *active, bool writable);
/* The entry's flags, read once and marked with cmpxchg or the status frame: version 1 and 2. */
int xen_gnttab_mark_v1(XenDomain *domain, XenGrantActive *active, bool writable);
int xen_gnttab_mark_v2(XenDomain *domain, XenGrantActive *active, bool writable, bool copy);
void xen_gnttab_clear(XenDomain *domain, uint32_t ref, unsigned bits);

int xen_gnttab_map(XenDomain *domain, gnttab_map_grant_ref_t *map);
int xen_gnttab_unmap(XenDomain *domain, uint32_t handle, uint64_t host_address,
                     uint64_t device_address);
int xen_gnttab_copy(XenDomain *domain, const gnttab_copy_t *copy);
void xen_gnttab_release_all(XenDomain *domain);

#endif
