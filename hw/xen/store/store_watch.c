/*
 * Watches of xenstore: who is told of a change.
 *
 * A connection is told if it watches the path or something above it, and if it may read the node as
 * it was, the node as it is, or the node's parent. The two special events have a node each (out of
 * the tree) whose permissions say who may hear them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

StoreWatch *store_watch_new(const StoreConnection *connection, const char *path, const char *token,
                            bool relative)
{
    StoreWatch *watch = g_new0(StoreWatch, 1);

    watch->path = g_strdup(path);
    watch->token = g_strdup(token);
    watch->prefix = relative ? strlen(connection->base) + 1 : 0;
    return watch;
}

void store_watch_free(StoreWatch *watch)
{
    g_free(watch->path);
    g_free(watch->token);
    g_free(watch);
}

static bool can_read(const StoreConnection *connection, const StoreNode *node)
{
    return node && (store_node_access(node, connection) & STORE_ACCESS_READ);
}

static bool may_know(const StoreConnection *connection, const char *path, const StoreNode *before,
                     const StoreNode *after)
{
    g_autofree char *parent = NULL;

    if (can_read(connection, before) || can_read(connection, after)) {
        return true;
    }
    if (path[0] == '@') {
        return false;
    }
    parent = store_path_parent(path);
    return can_read(connection, store_tree_get(connection->store, parent));
}

void store_watch_fire(XenStore *store, const char *path, const StoreNode *before,
                      const StoreNode *after, bool exact)
{
    for (unsigned i = 0; i < store->connections->len; i++) {
        StoreConnection *connection = g_ptr_array_index(store->connections, i);

        if (connection->watches->len == 0 || !may_know(connection, path, before, after)) {
            continue;
        }
        for (unsigned j = 0; j < connection->watches->len; j++) {
            const StoreWatch *watch = g_ptr_array_index(connection->watches, j);

            if (exact ? strcmp(path, watch->path) == 0 : store_path_is_below(path, watch->path)) {
                store_connection_event(connection, path + watch->prefix, watch->token);
            }
        }
    }
}

void store_watch_fire_special(XenStore *store, const char *name)
{
    store_watch_fire(store, name, store_tree_get(store, name), NULL, true);
}
