/*
 * Permissions: what the users of a node do and what they let others do. A change goes down the
 * graph to the image's lock; if somebody there says no, everything above is as it was.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"
#include "util/error.h"

static const char *const permission_names[BLOCK_PERMISSION_COUNT] = {
    "consistent read",
    "write",
    "write unchanged",
    "resize",
};

const char *block_permission_name(unsigned bit)
{
    return permission_names[bit];
}

static char *describe_permissions(unsigned permissions)
{
    GString *text = g_string_new(NULL);

    for (unsigned bit = 0; bit < BLOCK_PERMISSION_COUNT; bit++) {
        if (permissions & (1u << bit)) {
            g_string_append_printf(text, "%s%s", text->len > 0 ? ", " : "", permission_names[bit]);
        }
    }
    return g_string_free(text, FALSE);
}

static bool report_conflict(BlockNode *node, const BlockLink *needs, const BlockLink *denies,
                            GError **error)
{
    g_autofree char *what = describe_permissions(needs->permissions & ~denies->shared);

    return error_setf(error,
                      "Permission conflict on node '%s': permissions '%s' are both required by %s "
                      "(uses node '%s' as '%s' child) and unshared by %s (uses node '%s' as '%s' "
                      "child).",
                      node->name, what, needs->user, node->name, needs->role, denies->user,
                      node->name, denies->role);
}

static bool check_conflicts(const BlockLink *link, GError **error)
{
    for (GSList *l = link->node->users; l; l = l->next) {
        const BlockLink *other = l->data;
        if (other == link) {
            continue;
        }
        if (other->permissions & ~link->shared) {
            return report_conflict(link->node, other, link, error);
        }
        if (link->permissions & ~other->shared) {
            return report_conflict(link->node, link, other, error);
        }
    }
    return true;
}

/* Another process has the images: ours are used for nothing, and carry no locks. */
static bool inactive;

/* Passes on to the node below, or to the image, what all users of @node together need. */
static bool refresh_node(BlockNode *node, GError **error)
{
    unsigned permissions = 0, shared = BLOCK_PERMISSION_ALL;

    for (GSList *l = node->users; l; l = l->next) {
        const BlockLink *link = l->data;
        permissions |= link->permissions;
        shared &= link->shared;
    }
    if (node->force_share) {
        shared = BLOCK_PERMISSION_ALL;
    }
    if (node->child) {
        unsigned child_permissions = permissions, child_shared = shared;
        if (node->driver->child_permissions) {
            node->driver->child_permissions(node, permissions, shared, &child_permissions,
                                            &child_shared);
        }
        return block_link_set(node->child, child_permissions, child_shared, error);
    }
    if (node->driver->set_permissions && inactive) {
        return node->driver->set_permissions(node, 0, BLOCK_PERMISSION_ALL, error);
    }
    if (node->driver->set_permissions) {
        return node->driver->set_permissions(node, permissions, shared, error);
    }
    return true;
}

bool block_link_set(BlockLink *link, unsigned permissions, unsigned shared, GError **error)
{
    unsigned old_permissions = link->permissions, old_shared = link->shared;

    if ((permissions & (BLOCK_PERMISSION_WRITE | BLOCK_PERMISSION_RESIZE)) &&
        link->node->read_only) {
        return error_setf(error, "Block node is read-only");
    }
    link->permissions = permissions;
    link->shared = shared;
    if (check_conflicts(link, error) && refresh_node(link->node, error)) {
        return true;
    }
    link->permissions = old_permissions;
    link->shared = old_shared;
    return false;
}

BlockLink *block_link_new(BlockNode *node, BlockNode *parent, const char *role, const char *user,
                          unsigned permissions, unsigned shared, GError **error)
{
    BlockLink *link = g_new0(BlockLink, 1);

    link->node = block_node_ref(node);
    link->parent = parent;
    link->role = role;
    link->user = g_strdup(user);
    link->shared = BLOCK_PERMISSION_ALL;
    node->users = g_slist_prepend(node->users, link);
    if (!block_link_set(link, permissions, shared, error)) {
        block_link_free(link);
        return NULL;
    }
    return link;
}

void block_link_free(BlockLink *link)
{
    if (!link) {
        return;
    }
    BlockNode *node = link->node;

    node->users = g_slist_remove(node->users, link);
    refresh_node(node, NULL); /* asking for less cannot fail */
    g_free(link->user);
    g_free(link);
    block_node_unref(node);
}

/* ---- images that another process has ---- */

typedef struct {
    bool good;
    GError **error;
} Activation;

static void refresh_image(BlockNode *node, void *opaque)
{
    Activation *activation = opaque;

    if (node->child || !activation->good) {
        return;
    }
    activation->good = refresh_node(node, activation->error);
    if (activation->good && !inactive) {
        node->length = block_node_length(node); /* its user may have made it longer */
    }
}

static bool refresh_images(bool now_inactive, GError **error)
{
    Activation activation = {true, error};

    inactive = now_inactive;
    block_node_foreach(refresh_image, &activation);
    return activation.good;
}

static void match_temporary(BlockNode *node, void *opaque)
{
    if (node->driver == &block_driver_overlay) {
        *(const char **)opaque = node->child ? node->child->node->filename : node->name;
    }
}

const char *block_temporary_node(void)
{
    const char *name = NULL;

    block_node_foreach(match_temporary, &name);
    return name;
}

bool block_deactivate_images(GError **error)
{
    int result;

    block_drain_all();
    result = block_flush_all();
    if (result < 0) {
        return error_set_errno(error, -result, "flushing the disks failed");
    }
    return refresh_images(true, error);
}

bool block_activate_images(GError **error)
{
    if (!inactive || refresh_images(false, error)) {
        return true;
    }
    refresh_images(true, NULL);
    return false;
}
