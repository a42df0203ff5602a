/*
 * Persistent grants: pages that the front end uses again and again (feature-persistent) stay
 * pinned, the least recently used go when there are too many.
 *
 * Source: xen/io/blkif.h, feature-persistent and its notes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_BLOCK_GRANTS_H
#define HW_BLOCK_XEN_BLOCK_GRANTS_H

#include "hw/xen/gnttab.h"

typedef struct {
    XenGrantPin pin;
    unsigned users; /* requests that move data through it */
    GList link;     /* in XenBlockGrants.idle while there are none */
} XenBlockGrant;

typedef struct {
    XenDomain *domain;
    unsigned limit;
    GHashTable *held; /* ref -> XenBlockGrant */
    GQueue idle;      /* least recently used first */
} XenBlockGrants;

void xen_block_grants_init(XenBlockGrants *grants, XenDomain *domain, unsigned limit);
/** xen_block_grants_clear: unpins everything; none is in use. */
void xen_block_grants_clear(XenBlockGrants *grants);
/**
 * xen_block_grants_get: @ref pinned for writing, and kept. NULL with *@status: the grant's error,
 * or GNTST_no_space: all that may be kept are in use (pin it for this time only).
 */
XenBlockGrant *xen_block_grants_get(XenBlockGrants *grants, uint32_t ref, int *status);
void xen_block_grants_put(XenBlockGrants *grants, XenBlockGrant *grant);

#endif
