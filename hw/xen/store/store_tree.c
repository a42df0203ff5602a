/*
 * The tree of xenstore: a table from path to node, and the store as a whole.
 *
 * A node lists its children's names, as the protocol wants them; the table finds any node in one
 * step. Every change replaces a node by a new one with a generation number of its own, from which
 * transactions see what changed (store_transaction.c) and DIRECTORY_PART makes its count.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

G_DEFINE_QUARK(xenolith - store - error, store_error)

static void node_unref(gpointer node)
{
    store_node_unref(node);
}

static void domain_free(gpointer domain)
{
    store_domain_free(domain);
}

void store_tree_make_base(XenStore *store)
{
    static const char *const base[] = {"/", "/tool", "/tool/xenstored", STORE_EVENT_RELEASE,
                                       STORE_EVENT_INTRODUCE};
    const StorePermission owner = {STORE_DOMID_PRIVILEGED, STORE_ACCESS_NONE};

    for (unsigned i = 0; i < G_N_ELEMENTS(base); i++) {
        StoreNode *node = store_node_new(&owner, 1, NULL, NULL);

        if (i < 2) {
            store_node_add_child(node, store_path_name(base[i + 1]));
        }
        store_tree_put(store, base[i], node);
    }
}

XenStore *store_new(void)
{
    XenStore *store = g_new0(XenStore, 1);

    g_rec_mutex_init(&store->lock);
    store_quota_init(store);
    store->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_unref);
    store->domains = g_hash_table_new_full(NULL, NULL, NULL, domain_free);
    store->connections = g_ptr_array_new();
    store_domain_add(store, STORE_DOMID_PRIVILEGED)->introduced = true;
    store_tree_make_base(store);
    return store;
}

void store_free(XenStore *store)
{
    if (!store) {
        return;
    }
    g_hash_table_unref(store->domains);
    g_hash_table_unref(store->nodes);
    g_ptr_array_unref(store->connections);
    g_rec_mutex_clear(&store->lock);
    g_free(store);
}

void store_lock(XenStore *store)
{
    g_rec_mutex_lock(&store->lock);
    store->depth++;
}

/* Doors are woken as the outermost holder lets go: once for all that it did. */
static void wake_doors(XenStore *store)
{
    for (unsigned i = 0; i < store->connections->len; i++) {
        StoreConnection *connection = g_ptr_array_index(store->connections, i);

        if (connection->wake_due) {
            connection->wake_due = false;
            connection->ops->wake(connection->opaque);
        }
    }
}

void store_unlock(XenStore *store)
{
    if (store->depth == 1) {
        wake_doors(store);
    }
    store->depth--;
    g_rec_mutex_unlock(&store->lock);
}

StoreNode *store_tree_get(XenStore *store, const char *path)
{
    return g_hash_table_lookup(store->nodes, path);
}

void store_tree_insert(XenStore *store, const char *path, StoreNode *node)
{
    const StoreNode *old = store_tree_get(store, path);

    if (old) {
        store_domain_account(store, store_node_owner(old), -1);
    }
    store_domain_account(store, store_node_owner(node), 1);
    g_hash_table_replace(store->nodes, g_strdup(path), node);
}

void store_tree_put(XenStore *store, const char *path, StoreNode *node)
{
    node->generation = ++store->generation;
    store_tree_insert(store, path, node);
}

void store_tree_remove(XenStore *store, const char *path)
{
    const StoreNode *old = store_tree_get(store, path);

    if (old) {
        store->generation++;
        store_domain_account(store, store_node_owner(old), -1);
        g_hash_table_remove(store->nodes, path);
    }
}

void store_reset(XenStore *store)
{
    const StoreView view = {store, NULL};
    g_autoptr(GList) domains = NULL;

    store_lock(store);
    domains = store_domain_list(store);
    for (unsigned i = 0; i < store->connections->len; i++) {
        StoreConnection *connection = g_ptr_array_index(store->connections, i);
        GHashTableIter iter;
        gpointer transaction;

        g_hash_table_iter_init(&iter, connection->transactions);
        while (g_hash_table_iter_next(&iter, NULL, &transaction)) {
            ((StoreTransaction *)transaction)->stale = true;
        }
    }
    for (GList *i = domains; i; i = i->next) {
        StoreDomain *domain = i->data;

        domain->shutdown = false;
        if (domain->connection && domain->introduced) {
            store_connection_restart(domain->connection);
            domain->connection->target = -1;
        }
    }
    for (;;) {
        const StoreNode *root = store_tree_get(store, "/");
        g_autofree char *path = NULL;

        if (g_bytes_get_size(root->children) == 0) {
            break;
        }
        path = store_path_child("/", g_bytes_get_data(root->children, NULL));
        store_remove_subtree(&view, path);
    }
    store_tree_make_base(store);
    store_unlock(store);
}

/* ---- self check ---- */

typedef struct {
    XenStore *store;
    GString *report;
    bool good;
    GHashTable *owned; /* domid -> nodes seen */
} Check;

static void G_GNUC_PRINTF(2, 3) complain(Check *check, const char *format, ...)
{
    va_list arguments;

    check->good = false;
    if (check->report) {
        va_start(arguments, format);
        g_string_append_vprintf(check->report, format, arguments);
        va_end(arguments);
        g_string_append_c(check->report, '\n');
    }
}

static void check_children(Check *check, const char *path, const StoreNode *node)
{
    gsize length, offset = 0;
    const char *names = g_bytes_get_data(node->children, &length);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    while (offset < length) {
        g_autofree char *child = store_path_child(path, names + offset);

        if (!store_tree_get(check->store, child)) {
            complain(check, "%s: no such node, but its parent lists it", child);
        }
        if (!g_hash_table_add(seen, (gpointer)(names + offset))) {
            complain(check, "%s: its parent lists it twice", child);
        }
        offset += strlen(names + offset) + 1;
    }
}

static void check_node(gpointer key, gpointer value, gpointer opaque)
{
    Check *check = opaque;
    const char *path = key;
    const StoreNode *node = value;
    gpointer owner = GUINT_TO_POINTER(store_node_owner(node));

    if (!store_domain_find(check->store, store_node_owner(node))) {
        complain(check, "%s: its owner %u does not exist", path, store_node_owner(node));
    }
    g_hash_table_insert(
        check->owned, owner,
        GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(check->owned, owner)) + 1));
    check_children(check, path, node);
    if (path[0] == '/' && path[1] != '\0') {
        g_autofree char *parent = store_path_parent(path);
        const StoreNode *above = store_tree_get(check->store, parent);

        if (!above || !store_node_has_child(above, store_path_name(path))) {
            complain(check, "%s: its parent does not list it", path);
        }
    }
}

bool store_check(XenStore *store, GString *report)
{
    g_autoptr(GHashTable) owned = g_hash_table_new(NULL, NULL);
    Check check = {store, report, true, owned};
    g_autoptr(GList) domains = NULL;

    store_lock(store);
    g_hash_table_foreach(store->nodes, check_node, &check);
    domains = store_domain_list(store);
    for (GList *i = domains; i; i = i->next) {
        const StoreDomain *domain = i->data;
        unsigned seen =
            GPOINTER_TO_UINT(g_hash_table_lookup(owned, GUINT_TO_POINTER(domain->domid)));

        if (seen != domain->nodes) {
            complain(&check, "domain %u: counted as owner of %u nodes, owns %u", domain->domid,
                     domain->nodes, seen);
        }
    }
    store_unlock(store);
    return check.good;
}
