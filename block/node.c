/*
 * Nodes: their names, references and lifetime.
 *
 * The registry holds no reference: a node lives as long as links, the monitor or an opener want it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"
#include "util/error.h"

#include <string.h>

static GHashTable *nodes; /* name → BlockNode */
static unsigned anonymous_count;

bool block_identifier_valid(const char *name)
{
    if (!g_ascii_isalpha(name[0])) {
        return false;
    }
    for (const char *c = name; *c; c++) {
        if (!g_ascii_isalnum(*c) && !strchr("-._", *c)) {
            return false;
        }
    }
    return true;
}

BlockNode *block_node_find(const char *name)
{
    return nodes && name ? g_hash_table_lookup(nodes, name) : NULL;
}

static bool check_name(const char *name, GError **error)
{
    if (!block_identifier_valid(name)) {
        return error_setf(error, "Invalid node-name: '%s'", name);
    }
    if (drive_id_exists(name)) {
        return error_setf(error, "node-name=%s is conflicting with a device id", name);
    }
    if (block_node_find(name)) {
        return error_setf(error, "Duplicate nodes with node-name='%s'", name);
    }
    return true;
}

BlockNode *block_node_new(const BlockDriver *driver, const char *name, GError **error)
{
    if (name && !check_name(name, error)) {
        return NULL;
    }
    if (!nodes) {
        nodes = g_hash_table_new(g_str_hash, g_str_equal);
    }
    BlockNode *node = g_new0(BlockNode, 1);
    node->driver = driver;
    node->references = 1;
    node->name = name ? g_strdup(name) : g_strdup_printf("#block%03u", anonymous_count++);
    node->filename = g_strdup("");
    g_hash_table_insert(nodes, node->name, node);
    return node;
}

BlockNode *block_node_ref(BlockNode *node)
{
    node->references++;
    return node;
}

void block_node_unref(BlockNode *node)
{
    if (!node || --node->references > 0) {
        return;
    }
    g_assert(!node->users);
    if (node->state) {
        node->driver->close(node);
        g_free(node->state);
    }
    block_link_free(node->child);
    g_hash_table_remove(nodes, node->name);
    if (g_hash_table_size(nodes) == 0) {
        g_clear_pointer(&nodes, g_hash_table_unref);
    }
    g_free(node->name);
    g_free(node->filename);
    g_free(node);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const BlockNode *)a)->name, ((const BlockNode *)b)->name);
}

void block_node_foreach(void (*visit)(BlockNode *node, void *opaque), void *opaque)
{
    GList *all = nodes ? g_list_sort(g_hash_table_get_values(nodes), compare_names) : NULL;

    for (GList *l = all; l; l = l->next) {
        visit(l->data, opaque);
    }
    g_list_free(all);
}

uint64_t block_node_length(BlockNode *node)
{
    return node->driver->length(node);
}

uint32_t block_node_request_alignment(BlockNode *node)
{
    return node->driver->request_alignment ? node->driver->request_alignment(node) : 1;
}

/* ---- the monitor's nodes ---- */

bool block_node_add(JsonObject *options, GError **error)
{
    BlockOpenContext context = {.path = ""};
    BlockNode *node = block_open(options, &context, error);

    if (!node) {
        return false;
    }
    node->monitor_owned = true;
    return true;
}

bool block_node_exists(const char *node_name)
{
    return block_node_find(node_name) != NULL;
}

bool block_node_delete(const char *node_name, GError **error)
{
    BlockNode *node = block_node_find(node_name);

    if (!node) {
        return error_setf(error, "Failed to find node with node-name='%s'", node_name);
    }
    for (GSList *l = node->users; l; l = l->next) {
        if (!((BlockLink *)l->data)->parent) {
            return error_setf(error, "Node %s is in use", node_name);
        }
    }
    if (!node->monitor_owned) {
        return error_setf(error, "Node %s is not owned by the monitor", node_name);
    }
    if (node->references > 1) {
        return error_setf(error, "Block device %s is in use", node_name);
    }
    block_node_unref(node);
    return true;
}

static void collect_monitor_owned(BlockNode *node, void *opaque)
{
    GSList **owned = opaque;

    if (node->monitor_owned) {
        *owned = g_slist_prepend(*owned, node);
    }
}

void block_node_cleanup(void)
{
    GSList *owned = NULL;

    block_node_foreach(collect_monitor_owned, &owned);
    for (GSList *l = owned; l; l = l->next) {
        BlockNode *node = l->data;
        node->monitor_owned = false;
        block_node_unref(node);
    }
    g_slist_free(owned);
}
