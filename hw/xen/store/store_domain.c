/*
 * The domains that the store knows: who exists, who is connected, what becomes of the nodes of one
 * that goes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

StoreDomain *store_domain_find(XenStore *store, uint16_t domid)
{
    return g_hash_table_lookup(store->domains, GUINT_TO_POINTER(domid));
}

StoreDomain *store_domain_add(XenStore *store, uint16_t domid)
{
    StoreDomain *domain = g_new0(StoreDomain, 1);

    domain->domid = domid;
    if (domid != STORE_DOMID_PRIVILEGED) {
        domain->connection = store_connection_new(store, domid);
        domain->connection->open = false;
    }
    g_hash_table_insert(store->domains, GUINT_TO_POINTER(domid), domain);
    return domain;
}

void store_domain_free(StoreDomain *domain)
{
    if (domain->connection) {
        store_connection_free(domain->connection);
    }
    g_free(domain);
}

static gint compare_domids(gconstpointer a, gconstpointer b)
{
    return ((const StoreDomain *)a)->domid - ((const StoreDomain *)b)->domid;
}

GList *store_domain_list(XenStore *store)
{
    return g_list_sort(g_hash_table_get_values(store->domains), compare_domids);
}

void store_domain_account(XenStore *store, uint16_t domid, int nodes)
{
    StoreDomain *domain = store_domain_find(store, domid);

    if (domain) {
        domain->nodes += nodes;
    }
}

/* A node whose owner goes: away with it, unless it has to stay or orphans are kept. */
static void orphan(XenStore *store, const char *path, const StoreNode *node, bool keep)
{
    const StoreView view = {store, NULL};
    bool must_stay = path[0] == '@' || path[1] == '\0';
    StoreNode *copy;

    if (!keep && !must_stay) {
        store_remove_subtree(&view, path);
        return;
    }
    copy = store_node_copy(node);
    copy->permissions[0].domid = STORE_DOMID_PRIVILEGED;
    store_tree_put(store, path, copy);
}

static gint compare_paths(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void remove_owned_nodes(XenStore *store, uint16_t domid, bool keep)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer path, node;

    g_hash_table_iter_init(&iter, store->nodes);
    while (g_hash_table_iter_next(&iter, &path, &node)) {
        if (store_node_owner(node) == domid) {
            g_ptr_array_add(paths, g_strdup(path));
        }
    }
    /* Parents first: one event for a whole branch. */
    g_ptr_array_sort(paths, compare_paths);
    for (unsigned i = 0; i < paths->len; i++) {
        const char *owned = g_ptr_array_index(paths, i);

        /* It may have gone with a parent. */
        node = store_tree_get(store, owned);
        if (node) {
            orphan(store, owned, node, keep);
        }
    }
}

/* A later domain of the same id must find no right that was given to this one. */
static void forget_permissions(XenStore *store, uint16_t domid)
{
    GHashTableIter iter;
    gpointer item;

    g_hash_table_iter_init(&iter, store->nodes);
    while (g_hash_table_iter_next(&iter, NULL, &item)) {
        store_node_forget_domain(item, domid);
    }
    for (unsigned i = 0; i < store->connections->len; i++) {
        StoreConnection *connection = g_ptr_array_index(store->connections, i);

        if (connection->target == domid) {
            connection->target = -1;
        }
        g_hash_table_iter_init(&iter, connection->transactions);
        while (g_hash_table_iter_next(&iter, NULL, &item)) {
            store_transaction_forget_domain(item, domid);
        }
    }
}

static void disconnect(XenStore *store, StoreDomain *domain, bool keep_orphans)
{
    bool was_introduced = domain->introduced;

    store_connection_drop(domain->connection);
    domain->connection->open = false;
    domain->introduced = false;
    domain->connection->target = -1;
    remove_owned_nodes(store, domain->domid, keep_orphans);
    forget_permissions(store, domain->domid);
    if (was_introduced) {
        store_watch_fire_special(store, STORE_EVENT_RELEASE);
    }
}

int store_domain_do_introduce(XenStore *store, uint16_t domid)
{
    StoreDomain *domain = store_domain_find(store, domid);
    bool first;

    if (!domain || !domain->connection) {
        return EINVAL;
    }
    first = !domain->introduced;
    domain->introduced = true;
    domain->shutdown = false;
    store_connection_restart(domain->connection);
    if (first) {
        store_watch_fire_special(store, STORE_EVENT_INTRODUCE);
    }
    return 0;
}

int store_domain_do_release(XenStore *store, uint16_t domid)
{
    StoreDomain *domain = store_domain_find(store, domid);

    if (domid == STORE_DOMID_PRIVILEGED) {
        return EINVAL;
    }
    if (!domain || !domain->introduced) {
        return ENOENT;
    }
    disconnect(store, domain, false);
    return 0;
}

int store_domain_set_target(XenStore *store, uint16_t domid, uint16_t target)
{
    StoreDomain *domain = store_domain_find(store, domid);
    const StoreDomain *target_domain = store_domain_find(store, target);

    if (!domain || !domain->introduced || !target_domain || !target_domain->introduced) {
        return ENOENT;
    }
    if (!domain->connection || !target_domain->connection) {
        return EINVAL;
    }
    domain->connection->target = target;
    return 0;
}

/* ---- public ---- */

static bool report(int errnum, uint16_t domid, GError **error)
{
    if (errnum) {
        g_set_error(error, STORE_ERROR, errnum, "xenstore: domain %u: %s", domid,
                    g_strerror(errnum));
    }
    return errnum == 0;
}

bool store_domain_create(XenStore *store, uint16_t domid, GError **error)
{
    int result = 0;

    store_lock(store);
    if (domid == STORE_DOMID_PRIVILEGED || domid >= STORE_DOMID_SELF) {
        result = EINVAL;
    } else if (store_domain_find(store, domid)) {
        result = EEXIST;
    } else {
        store_domain_add(store, domid);
    }
    store_unlock(store);
    return report(result, domid, error);
}

bool store_domain_introduce(XenStore *store, uint16_t domid, GError **error)
{
    int result;

    store_lock(store);
    result = store_domain_do_introduce(store, domid);
    store_unlock(store);
    return report(result, domid, error);
}

bool store_domain_release(XenStore *store, uint16_t domid, GError **error)
{
    int result;

    store_lock(store);
    result = store_domain_do_release(store, domid);
    store_unlock(store);
    return report(result, domid, error);
}

bool store_domain_destroy(XenStore *store, uint16_t domid, bool keep_orphans, GError **error)
{
    StoreDomain *domain;
    int result = 0;

    store_lock(store);
    domain = store_domain_find(store, domid);
    if (!domain) {
        result = ENOENT;
    } else if (!domain->connection) {
        result = EINVAL;
    } else if (domain->connection->ops) {
        result = EBUSY; /* its ring is still there */
    } else {
        disconnect(store, domain, keep_orphans);
        g_hash_table_remove(store->domains, GUINT_TO_POINTER(domid));
    }
    store_unlock(store);
    return report(result, domid, error);
}

void store_domain_shutdown(XenStore *store, uint16_t domid)
{
    StoreDomain *domain;

    store_lock(store);
    domain = store_domain_find(store, domid);
    if (domain && domain->introduced && domain->connection && !domain->shutdown) {
        domain->shutdown = true;
        store_watch_fire_special(store, STORE_EVENT_RELEASE);
    }
    store_unlock(store);
}

void store_domain_reset(XenStore *store, uint16_t domid)
{
    StoreDomain *domain;

    store_lock(store);
    domain = store_domain_find(store, domid);
    if (domain && domain->introduced && domain->connection) {
        store_connection_restart(domain->connection);
    }
    store_unlock(store);
}

bool store_domain_is_introduced(XenStore *store, uint16_t domid)
{
    const StoreDomain *domain;
    bool introduced;

    store_lock(store);
    domain = store_domain_find(store, domid);
    introduced = domain && domain->introduced;
    store_unlock(store);
    return introduced;
}

unsigned store_domain_node_count(XenStore *store, uint16_t domid)
{
    const StoreDomain *domain;
    unsigned count;

    store_lock(store);
    domain = store_domain_find(store, domid);
    count = domain ? domain->nodes : 0;
    store_unlock(store);
    return count;
}
