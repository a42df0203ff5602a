/*
 * The guest's grant table, mapped, for both versions.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_GUEST_LIB_GRANTS_H
#define TESTS_GUEST_LIB_GRANTS_H

#include "xen_guest.h"

#define GRANT_FRAMES 2

extern volatile grant_entry_v1_t *grants_v1;
extern volatile grant_entry_v2_t *grants_v2;
extern volatile grant_status_t *grant_statuses;

/** grants_map: shows the table's first frames; bails out if that fails. */
void grants_map(void);
/** grants_map_status: version 2's status frame. */
void grants_map_status(void);
/** grant_page: entry @ref lets @domain at the page of @address, version 1; flags GTF_readonly or 0.
 */
void grant_page(uint32_t ref, unsigned domain, const void *address, unsigned flags);
long grant_set_version(uint32_t version);
long grant_get_version(unsigned domain, uint32_t *version);
/** grant_copy: one copy; the status. Sources and destinations are set up by the caller. */
long grant_copy(struct gnttab_copy *copy);

#endif
