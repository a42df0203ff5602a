/*
 * The operations of xenstore on nodes, watches and transactions, as one client may do them. Both
 * the wire and the in-process clients come here; paths are as the client gave them. Facts:
 * docs/misc/xenstore.txt; the order of checks and errors is xenstored's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

/* ---- finding a node ---- */

/*
 * A client may hold rights on a node without any on its parents, so a missing node is told to
 * nobody who could not have seen it: the nearest node above decides between ENOENT and EACCES.
 */
static int missing_node_error(const StoreView *view, const StoreConnection *connection,
                              const char *path, unsigned need)
{
    g_autofree char *above = g_strdup(path);
    StoreNode *node = NULL;
    int result;

    do {
        char *parent = store_path_parent(above);

        g_free(above);
        above = parent;
        result = store_view_get(view, above, &node);
        if (result == ENOSPC) {
            return ENOSPC;
        }
    } while (!node && strcmp(above, "/") != 0);
    return node && (store_node_access(node, connection) & need) ? ENOENT : EACCES;
}

/* The node at canonical @path if @connection has all rights of @need on it. */
static int find_node(const StoreView *view, const StoreConnection *connection, const char *path,
                     unsigned need, StoreNode **node)
{
    int result = store_view_get(view, path, node);

    if (result == ENOENT) {
        return missing_node_error(view, connection, path, need);
    }
    if (result == 0 && (store_node_access(*node, connection) & need) != need) {
        return EACCES;
    }
    return result;
}

int store_op_read(StoreConnection *connection, StoreTransaction *transaction, const char *path,
                  StoreNode **node)
{
    const StoreView view = {connection->store, transaction};
    g_autofree char *name = store_path_canonical(connection, path, false, NULL);

    return name ? find_node(&view, connection, name, STORE_ACCESS_READ, node) : EINVAL;
}

/* ---- creating and writing ---- */

/* The paths that are to be made for @path, lowest first; *@top is the first that exists. */
static int list_missing(const StoreView *view, const char *path, GPtrArray *missing, char **top)
{
    g_autofree char *at = g_strdup(path);
    StoreNode *node = NULL;
    int result;

    while ((result = store_view_get(view, at, &node)) == ENOENT) {
        char *parent = store_path_parent(at);

        g_ptr_array_add(missing, at);
        at = parent;
    }
    *top = g_steal_pointer(&at);
    return result;
}

static int add_child(const StoreView *view, const char *parent, const char *path)
{
    StoreNode *node;
    int result = store_view_get(view, parent, &node);

    if (result == 0) {
        StoreNode *copy = store_node_copy(node);

        store_node_add_child(copy, store_path_name(path));
        result = store_view_put(view, parent, copy);
    }
    return result;
}

/* A new node has its parent's permissions; what a domain makes it owns. */
static StoreNode *inherit(const StoreView *view, const StoreConnection *connection,
                          const char *parent)
{
    StoreNode *above, *node;

    if (store_view_get(view, parent, &above) != 0) {
        return NULL;
    }
    node = store_node_new(above->permissions, above->permission_count, NULL, NULL);
    if (!store_connection_is_privileged(connection)) {
        node->permissions[0].domid = connection->domid;
    }
    return node;
}

static int create_node(const StoreView *view, StoreConnection *connection, const char *path,
                       GBytes *value)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *top = NULL;
    const char *parent;
    int result = list_missing(view, path, missing, &top);

    if (result == 0 &&
        store_quota_exceeded(connection, STORE_QUOTA_NODES,
                             store_view_node_count(view, connection->domid) + missing->len)) {
        result = ENOSPC;
    }
    parent = top;
    for (unsigned i = missing->len; result == 0 && i > 0; i--) {
        const char *name = g_ptr_array_index(missing, i - 1);
        StoreNode *node = inherit(view, connection, parent);

        if (!node) {
            return ENOSPC;
        }
        if (i == 1 && value) {
            store_node_set_value(node, value);
        }
        result = store_view_put(view, name, node);
        if (result == 0) {
            result = add_child(view, parent, name);
        }
        parent = name;
    }
    return result;
}

static void fire_created(const StoreView *view, const char *path)
{
    StoreNode *node;

    if (store_view_get(view, path, &node) == 0) {
        store_view_fire(view, path, NULL, node, false);
    }
}

static int replace_value(const StoreView *view, const char *path, const StoreNode *old,
                         GBytes *value)
{
    StoreNode *node = store_node_copy(old);
    int result;

    store_node_set_value(node, value);
    result = store_view_put(view, path, node);
    if (result == 0) {
        store_view_fire(view, path, NULL, node, false);
    }
    return result;
}

int store_op_write(StoreConnection *connection, StoreTransaction *transaction, const char *path,
                   const void *value, size_t length)
{
    const StoreView view = {connection->store, transaction};
    g_autofree char *name = store_path_canonical(connection, path, false, NULL);
    g_autoptr(GBytes) bytes = NULL;
    StoreNode *node;
    int result;

    if (!name) {
        return EINVAL;
    }
    result = find_node(&view, connection, name, STORE_ACCESS_WRITE, &node);
    if (result != 0 && result != ENOENT) {
        return result;
    }
    if (store_quota_exceeded(connection, STORE_QUOTA_VALUE, length)) {
        return ENOSPC;
    }
    bytes = g_bytes_new(value, length);
    if (result == 0) {
        return replace_value(&view, name, node, bytes);
    }
    result = create_node(&view, connection, name, bytes);
    if (result == 0) {
        fire_created(&view, name);
    }
    return result;
}

int store_op_mkdir(StoreConnection *connection, StoreTransaction *transaction, const char *path)
{
    const StoreView view = {connection->store, transaction};
    g_autofree char *name = store_path_canonical(connection, path, false, NULL);
    StoreNode *node;
    int result;

    if (!name) {
        return EINVAL;
    }
    result = find_node(&view, connection, name, STORE_ACCESS_WRITE, &node);
    if (result == ENOENT) {
        result = create_node(&view, connection, name, NULL);
        if (result == 0) {
            fire_created(&view, name);
        }
    }
    return result;
}

/* ---- removing ---- */

/* Adds @path and all below it to @paths, children before parents. */
static int list_subtree(const StoreView *view, const char *path, GPtrArray *paths)
{
    g_autoptr(GBytes) children = NULL;
    StoreNode *node;
    gsize length, offset = 0;
    const char *names;
    int result = store_view_get(view, path, &node);

    if (result != 0) {
        return result;
    }
    children = g_bytes_ref(node->children);
    names = g_bytes_get_data(children, &length);
    while (offset < length) {
        g_autofree char *child = store_path_child(path, names + offset);

        result = list_subtree(view, child, paths);
        if (result != 0) {
            return result;
        }
        offset += strlen(names + offset) + 1;
    }
    g_ptr_array_add(paths, g_strdup(path));
    return 0;
}

/* Watches hear of a removal while the nodes still show who may know. */
static void fire_removed(const StoreView *view, const GPtrArray *paths)
{
    for (unsigned i = 0; i < paths->len; i++) {
        const char *path = g_ptr_array_index(paths, i);
        StoreNode *node;

        if (store_view_get(view, path, &node) == 0) {
            store_view_fire(view, path, node, NULL, i + 1 < paths->len);
        }
    }
}

int store_remove_subtree(const StoreView *view, const char *path)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *parent = store_path_parent(path);
    StoreNode *node, *copy;
    int result = store_view_get(view, parent, &node);

    if (result == 0) {
        result = list_subtree(view, path, paths);
    }
    if (result != 0) {
        return result;
    }
    fire_removed(view, paths);
    for (unsigned i = 0; i < paths->len; i++) {
        store_view_remove(view, g_ptr_array_index(paths, i));
    }
    result = store_view_get(view, parent, &node);
    if (result != 0) {
        return result;
    }
    copy = store_node_copy(node);
    store_node_remove_child(copy, store_path_name(path));
    return store_view_put(view, parent, copy);
}

int store_op_remove(StoreConnection *connection, StoreTransaction *transaction, const char *path)
{
    const StoreView view = {connection->store, transaction};
    g_autofree char *name = store_path_canonical(connection, path, false, NULL);
    StoreNode *node;
    int result;

    if (!name) {
        return EINVAL;
    }
    result = find_node(&view, connection, name, STORE_ACCESS_WRITE, &node);
    if (result == ENOENT) {
        g_autofree char *parent = store_path_parent(name);

        /* To remove what is not there is no error if its parent is. */
        return store_view_get(&view, parent, &node);
    }
    if (result != 0) {
        return result;
    }
    return strcmp(name, "/") == 0 ? EINVAL : store_remove_subtree(&view, name);
}

/* ---- permissions ---- */

int store_op_get_permissions(StoreConnection *connection, StoreTransaction *transaction,
                             const char *path, StoreNode **node)
{
    const StoreView view = {connection->store, transaction};
    g_autofree char *name = store_path_canonical(connection, path, true, NULL);

    return name ? find_node(&view, connection, name, STORE_ACCESS_READ, node) : EINVAL;
}

int store_op_set_permissions(StoreConnection *connection, StoreTransaction *transaction,
                             const char *path, const StorePermission *permissions, unsigned count)
{
    const StoreView view = {connection->store, transaction};
    g_autofree char *name = store_path_canonical(connection, path, true, NULL);
    StoreNode *node, *copy;
    int result;

    if (count == 0 || store_quota_exceeded(connection, STORE_QUOTA_PERMISSIONS, count)) {
        return count == 0 ? EINVAL : ENOSPC;
    }
    if (!store_domain_find(connection->store, permissions[0].domid)) {
        return ENOENT;
    }
    result =
        name ? find_node(&view, connection, name, STORE_ACCESS_WRITE | STORE_ACCESS_OWNER, &node)
             : EINVAL;
    if (result != 0) {
        return result;
    }
    if (!store_connection_is_privileged(connection) &&
        permissions[0].domid != store_node_owner(node)) {
        return EPERM;
    }
    copy = store_node_copy(node);
    store_node_set_permissions(copy, permissions, count);
    for (unsigned i = 1; i < count; i++) {
        if (!store_domain_find(connection->store, permissions[i].domid)) {
            copy->permissions[i].access |= STORE_ACCESS_IGNORED;
        }
    }
    store_node_ref(node); /* who could read it before hears of this too */
    result = store_view_put(&view, name, copy);
    if (result == 0) {
        store_view_fire(&view, name, node, copy, false);
    }
    store_node_unref(node);
    return result;
}

/* ---- watches ---- */

static int find_watch(const StoreConnection *connection, const char *path, const char *token)
{
    for (unsigned i = 0; i < connection->watches->len; i++) {
        const StoreWatch *watch = g_ptr_array_index(connection->watches, i);

        if (strcmp(watch->path, path) == 0 && strcmp(watch->token, token) == 0) {
            return i;
        }
    }
    return -1;
}

int store_op_watch(StoreConnection *connection, const char *path, const char *token,
                   char **event_path)
{
    bool relative;
    g_autofree char *name = store_path_canonical(connection, path, true, &relative);
    StoreWatch *watch;

    if (!name) {
        return EINVAL;
    }
    if (find_watch(connection, name, token) >= 0) {
        return EEXIST;
    }
    if (store_quota_exceeded(connection, STORE_QUOTA_WATCHES, connection->watches->len + 1)) {
        return E2BIG;
    }
    watch = store_watch_new(connection, name, token, relative);
    g_ptr_array_add(connection->watches, watch);
    *event_path = g_strdup(watch->path + watch->prefix);
    return 0;
}

int store_op_unwatch(StoreConnection *connection, const char *path, const char *token)
{
    g_autofree char *name = store_path_canonical(connection, path, true, NULL);
    int found;

    if (!name) {
        return EINVAL;
    }
    found = find_watch(connection, name, token);
    if (found < 0) {
        return ENOENT;
    }
    g_ptr_array_remove_index(connection->watches, found);
    return 0;
}

/* ---- transactions ---- */

int store_op_transaction_find(StoreConnection *connection, uint32_t id,
                              StoreTransaction **transaction)
{
    *transaction = id ? g_hash_table_lookup(connection->transactions, GUINT_TO_POINTER(id)) : NULL;
    return id == 0 || *transaction ? 0 : ENOENT;
}

int store_op_transaction_start(StoreConnection *connection, uint32_t *id)
{
    GHashTable *open = connection->transactions;

    if (store_quota_exceeded(connection, STORE_QUOTA_TRANSACTIONS, g_hash_table_size(open) + 1)) {
        return ENOSPC;
    }
    do {
        *id = connection->next_transaction++;
    } while (*id == 0 || g_hash_table_contains(open, GUINT_TO_POINTER(*id)));
    g_hash_table_insert(open, GUINT_TO_POINTER(*id), store_transaction_new(connection, *id));
    return 0;
}

int store_op_transaction_end(StoreConnection *connection, StoreTransaction *transaction,
                             bool commit)
{
    int result = 0;

    /* Its own events may break the connection and drop what it has: this one is out of reach first.
     */
    g_hash_table_steal(connection->transactions, GUINT_TO_POINTER(transaction->id));
    if (commit) {
        result = store_transaction_commit(transaction);
    }
    store_transaction_free(transaction);
    return result;
}
