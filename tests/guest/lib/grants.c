/*
 * The guest's grant table, mapped, for both versions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grants.h"

volatile grant_entry_v1_t *grants_v1;
volatile grant_entry_v2_t *grants_v2;
volatile grant_status_t *grant_statuses;

void grants_map(void)
{
    uint8_t *pages = page_alloc_many(GRANT_FRAMES);
    for (unsigned i = 0; i < GRANT_FRAMES; i++) {
        long result = add_to_physmap(XENMAPSPACE_grant_table, i, frame_of(pages) + i);
        if (result != 0) {
            bail_out("the grant table cannot be mapped: %ld", result);
        }
    }
    grants_v1 = (void *)pages;
    grants_v2 = (void *)pages;
}

void grants_map_status(void)
{
    void *page = page_alloc();
    long result =
        add_to_physmap(XENMAPSPACE_grant_table, XENMAPIDX_grant_table_status, frame_of(page));
    if (result != 0) {
        bail_out("the grant status frame cannot be mapped: %ld", result);
    }
    grant_statuses = page;
}

void grant_page(uint32_t ref, unsigned domain, const void *address, unsigned flags)
{
    grants_v1[ref].domid = domain;
    grants_v1[ref].frame = frame_of(address);
    barrier();
    grants_v1[ref].flags = GTF_permit_access | flags;
}

long grant_set_version(uint32_t version)
{
    struct gnttab_set_version set = {.version = version};
    return grant_table_op(GNTTABOP_set_version, &set, 1);
}

long grant_get_version(unsigned domain, uint32_t *version)
{
    struct gnttab_get_version get = {.dom = domain};
    long result = grant_table_op(GNTTABOP_get_version, &get, 1);
    *version = get.version;
    return result;
}

long grant_copy(struct gnttab_copy *copy)
{
    copy->status = 99;
    long result = grant_table_op(GNTTABOP_copy, copy, 1);
    return result != 0 ? result * 1000 : copy->status;
}
