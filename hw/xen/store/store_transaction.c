/*
 * Transactions of xenstore, and the view through which every operation reads and writes.
 *
 * The algorithm
 * -------------
 * The store counts: each change of a node gives it a generation number that no other node had or
 * will have. A transaction copies nothing at its start. The first time that it meets a path, to
 * read or to write, it notes the node's generation there and then ("there is no node" is noted too)
 * and keeps a reference to the node, which is immutable. From then on it sees its own note: reads
 * give the noted node, writes and removals replace it in the note only. Others see nothing of this.
 *
 * The commit compares, for each path noted, the generation noted with the one in the tree. Any
 * difference means that somebody changed, made or removed a node on which the transaction's reads
 * or writes stand: EAGAIN, and nothing was done. If all agree the modified notes go into the tree,
 * with new generations, and the watch events that were held back are fired.
 *
 * What follows from it:
 *  - To add or remove a child changes the parent (its list of children), so two transactions that
 * add children to one node conflict; two that change values of different nodes do not.
 *  - A node removed and made again by others ("resurrected") has another generation: conflict,
 * though its value may be the same. A node that the transaction itself removes and makes again is
 * just modified.
 *  - A node that was not there, was made and removed by others in between, is again "no node": no
 * conflict by this path, but its parent's generation has changed, and whoever looked for the node
 * through the permission rules has met the parent too.
 *  - Reads of one transaction are not a snapshot: two paths may be noted at different times. If a
 * change came between, the commit fails; what was read is never acted upon.
 *  - Node quotas: a transaction counts as its owner's nodes + what it added; the sum is checked
 * again at the commit, since the tree may have filled up meanwhile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

static void accessed_free(gpointer opaque)
{
    StoreAccessed *accessed = opaque;

    store_node_unref(accessed->original);
    store_node_unref(accessed->current);
    g_free(accessed->path);
    g_free(accessed);
}

StoreTransaction *store_transaction_new(StoreConnection *connection, uint32_t id)
{
    StoreTransaction *transaction = g_new0(StoreTransaction, 1);

    transaction->connection = connection;
    transaction->id = id;
    transaction->accessed = g_ptr_array_new_with_free_func(accessed_free);
    transaction->accessed_by_path = g_hash_table_new(g_str_hash, g_str_equal);
    return transaction;
}

void store_transaction_free(StoreTransaction *transaction)
{
    g_hash_table_unref(transaction->accessed_by_path);
    g_ptr_array_unref(transaction->accessed);
    g_free(transaction);
}

void store_transaction_add(StoreTransaction *transaction, const StoreAccessed *accessed)
{
    StoreAccessed *copy = g_memdup2(accessed, sizeof(*accessed));

    g_ptr_array_add(transaction->accessed, copy);
    g_hash_table_insert(transaction->accessed_by_path, copy->path, copy);
}

/* The note for @path, made now if need be; NULL if the transaction may touch no more nodes. */
static StoreAccessed *access_path(const StoreView *view, const char *path)
{
    StoreTransaction *transaction = view->transaction;
    StoreAccessed *accessed = g_hash_table_lookup(transaction->accessed_by_path, path);
    StoreNode *node;

    if (accessed) {
        return accessed;
    }
    if (store_quota_exceeded(transaction->connection, STORE_QUOTA_TRANSACTION_NODES,
                             transaction->accessed->len + 1)) {
        transaction->failed = true;
        return NULL;
    }
    node = store_tree_get(view->store, path);
    store_transaction_add(transaction,
                          &(StoreAccessed){
                              .path = g_strdup(path),
                              .generation = node ? node->generation : STORE_NO_GENERATION,
                              .original = node ? store_node_ref(node) : NULL,
                              .current = node ? store_node_ref(node) : NULL,
                          });
    return g_hash_table_lookup(transaction->accessed_by_path, path);
}

int store_view_get(const StoreView *view, const char *path, StoreNode **node)
{
    if (!view->transaction) {
        *node = store_tree_get(view->store, path);
    } else {
        StoreAccessed *accessed = access_path(view, path);

        if (!accessed) {
            *node = NULL;
            return ENOSPC;
        }
        *node = accessed->current;
    }
    return *node ? 0 : ENOENT;
}

static int modify(const StoreView *view, const char *path, StoreNode *node)
{
    StoreAccessed *accessed = access_path(view, path);

    if (!accessed) {
        store_node_unref(node);
        return ENOSPC;
    }
    if (node) {
        node->generation = ++view->store->generation;
    }
    store_node_unref(accessed->current);
    accessed->current = node;
    accessed->modified = true;
    return 0;
}

int store_view_put(const StoreView *view, const char *path, StoreNode *node)
{
    if (view->transaction) {
        return modify(view, path, node);
    }
    store_tree_put(view->store, path, node);
    return 0;
}

int store_view_remove(const StoreView *view, const char *path)
{
    if (view->transaction) {
        return modify(view, path, NULL);
    }
    store_tree_remove(view->store, path);
    return 0;
}

void store_view_fire(const StoreView *view, const char *path, const StoreNode *before,
                     const StoreNode *after, bool exact)
{
    StoreAccessed *accessed;

    if (!view->transaction) {
        store_watch_fire(view->store, path, before, after, exact);
        return;
    }
    accessed = access_path(view, path);
    if (accessed) {
        /* An event for all who watch above replaces one for this path alone, never the reverse. */
        accessed->exact = exact && (!accessed->fire || accessed->exact);
        accessed->fire = true;
    }
}

static int added_nodes(const StoreTransaction *transaction, uint16_t domid)
{
    int added = 0;

    for (unsigned i = 0; i < transaction->accessed->len; i++) {
        const StoreAccessed *accessed = g_ptr_array_index(transaction->accessed, i);

        if (accessed->modified && accessed->current &&
            store_node_owner(accessed->current) == domid) {
            added++;
        }
        if (accessed->modified && accessed->original &&
            store_node_owner(accessed->original) == domid) {
            added--;
        }
    }
    return added;
}

unsigned store_view_node_count(const StoreView *view, uint16_t domid)
{
    const StoreDomain *domain = store_domain_find(view->store, domid);
    int count = domain ? domain->nodes : 0;

    if (view->transaction) {
        count += added_nodes(view->transaction, domid);
    }
    return MAX(count, 0);
}

static bool has_conflict(const StoreTransaction *transaction)
{
    XenStore *store = transaction->connection->store;

    for (unsigned i = 0; i < transaction->accessed->len; i++) {
        const StoreAccessed *accessed = g_ptr_array_index(transaction->accessed, i);
        const StoreNode *node = store_tree_get(store, accessed->path);

        if (accessed->generation != (node ? node->generation : STORE_NO_GENERATION)) {
            return true;
        }
    }
    return transaction->stale;
}

static void apply(const StoreTransaction *transaction)
{
    XenStore *store = transaction->connection->store;

    for (unsigned i = 0; i < transaction->accessed->len; i++) {
        const StoreAccessed *accessed = g_ptr_array_index(transaction->accessed, i);

        if (!accessed->modified) {
            continue;
        }
        if (accessed->current) {
            store_tree_put(store, accessed->path, store_node_ref(accessed->current));
        } else {
            store_tree_remove(store, accessed->path);
        }
    }
}

static void fire(const StoreTransaction *transaction)
{
    for (unsigned i = 0; i < transaction->accessed->len; i++) {
        const StoreAccessed *accessed = g_ptr_array_index(transaction->accessed, i);

        if (accessed->fire) {
            store_watch_fire(transaction->connection->store, accessed->path, accessed->original,
                             accessed->current, accessed->exact);
        }
    }
}

int store_transaction_commit(StoreTransaction *transaction)
{
    StoreConnection *connection = transaction->connection;
    const StoreView view = {connection->store, transaction};

    if (transaction->failed) {
        return ENOMEM;
    }
    if (has_conflict(transaction)) {
        return EAGAIN;
    }
    if (added_nodes(transaction, connection->domid) > 0 &&
        store_quota_exceeded(connection, STORE_QUOTA_NODES,
                             store_view_node_count(&view, connection->domid))) {
        return ENOSPC;
    }
    apply(transaction);
    fire(transaction);
    return 0;
}

void store_transaction_forget_domain(StoreTransaction *transaction, uint16_t domid)
{
    for (unsigned i = 0; i < transaction->accessed->len; i++) {
        StoreAccessed *accessed = g_ptr_array_index(transaction->accessed, i);

        if (!accessed->current) {
            continue;
        }
        store_node_forget_domain(accessed->current, domid);
        if (store_node_owner(accessed->current) == domid) {
            transaction->stale = true;
        }
    }
}
