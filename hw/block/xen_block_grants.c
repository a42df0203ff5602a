/*
 * Persistent grants.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_block_grants.h"

#include "hw/xen/xen_abi.h"

static void grant_free(XenBlockGrants *grants, XenBlockGrant *grant)
{
    xen_grant_unpin(grants->domain, &grant->pin);
    g_free(grant);
}

void xen_block_grants_init(XenBlockGrants *grants, XenDomain *domain, unsigned limit)
{
    grants->domain = domain;
    grants->limit = limit;
    grants->held = g_hash_table_new(NULL, NULL);
    g_queue_init(&grants->idle);
}

void xen_block_grants_clear(XenBlockGrants *grants)
{
    GHashTableIter iter;
    gpointer grant;

    g_hash_table_iter_init(&iter, grants->held);
    while (g_hash_table_iter_next(&iter, NULL, &grant)) {
        grant_free(grants, grant);
    }
    g_hash_table_destroy(grants->held);
    grants->held = NULL;
    g_queue_init(&grants->idle);
}

static bool make_room(XenBlockGrants *grants)
{
    if (g_hash_table_size(grants->held) < grants->limit) {
        return true;
    }
    GList *oldest = g_queue_pop_head_link(&grants->idle);
    if (!oldest) {
        return false;
    }
    XenBlockGrant *grant = oldest->data;
    g_hash_table_remove(grants->held, GUINT_TO_POINTER(grant->pin.ref));
    grant_free(grants, grant);
    return true;
}

XenBlockGrant *xen_block_grants_get(XenBlockGrants *grants, uint32_t ref, int *status)
{
    XenBlockGrant *grant = g_hash_table_lookup(grants->held, GUINT_TO_POINTER(ref));

    *status = GNTST_okay;
    if (grant) {
        if (grant->users++ == 0) {
            g_queue_unlink(&grants->idle, &grant->link);
        }
        return grant;
    }
    if (!make_room(grants)) {
        *status = GNTST_no_space;
        return NULL;
    }
    grant = g_new0(XenBlockGrant, 1);
    *status = xen_grant_pin(grants->domain, ref, true, &grant->pin);
    if (*status != GNTST_okay) {
        g_free(grant);
        return NULL;
    }
    grant->users = 1;
    grant->link.data = grant;
    g_hash_table_insert(grants->held, GUINT_TO_POINTER(ref), grant);
    return grant;
}

void xen_block_grants_put(XenBlockGrants *grants, XenBlockGrant *grant)
{
    if (--grant->users == 0) {
        g_queue_push_tail_link(&grants->idle, &grant->link);
    }
}
