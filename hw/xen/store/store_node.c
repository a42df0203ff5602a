/*
 * Nodes, paths and permission strings of xenstore.
 * Facts: docs/misc/xenstore.txt of Xen (paths, permissions).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

static GBytes *bytes_or_empty(GBytes *bytes)
{
    return bytes ? g_bytes_ref(bytes) : g_bytes_new(NULL, 0);
}

StoreNode *store_node_new(const StorePermission *permissions, unsigned count, GBytes *value,
                          GBytes *children)
{
    StoreNode *node = g_new0(StoreNode, 1);

    node->refs = 1;
    node->value = bytes_or_empty(value);
    node->children = bytes_or_empty(children);
    store_node_set_permissions(node, permissions, count);
    return node;
}

StoreNode *store_node_copy(const StoreNode *node)
{
    StoreNode *copy =
        store_node_new(node->permissions, node->permission_count, node->value, node->children);

    copy->generation = node->generation;
    return copy;
}

StoreNode *store_node_ref(StoreNode *node)
{
    node->refs++;
    return node;
}

void store_node_unref(StoreNode *node)
{
    if (!node || --node->refs > 0) {
        return;
    }
    g_bytes_unref(node->value);
    g_bytes_unref(node->children);
    g_free(node->permissions);
    g_free(node);
}

uint16_t store_node_owner(const StoreNode *node)
{
    return node->permissions[0].domid;
}

void store_node_set_value(StoreNode *node, GBytes *value)
{
    g_bytes_unref(node->value);
    node->value = g_bytes_ref(value);
}

void store_node_set_permissions(StoreNode *node, const StorePermission *permissions, unsigned count)
{
    StorePermission *copy = g_memdup2(permissions, count * sizeof(*permissions));

    g_free(node->permissions);
    node->permissions = copy;
    node->permission_count = count;
}

static void set_children(StoreNode *node, GByteArray *names)
{
    g_bytes_unref(node->children);
    node->children = g_byte_array_free_to_bytes(names);
}

void store_node_add_child(StoreNode *node, const char *name)
{
    gsize length;
    const uint8_t *old = g_bytes_get_data(node->children, &length);
    GByteArray *names = g_byte_array_sized_new(length + strlen(name) + 1);

    g_byte_array_append(names, old, length);
    g_byte_array_append(names, (const uint8_t *)name, strlen(name) + 1);
    set_children(node, names);
}

/* The offset of @name in the list of children, or -1. */
static gssize child_offset(const StoreNode *node, const char *name)
{
    gsize length, offset = 0;
    const char *names = g_bytes_get_data(node->children, &length);

    while (offset < length) {
        if (strcmp(names + offset, name) == 0) {
            return offset;
        }
        offset += strlen(names + offset) + 1;
    }
    return -1;
}

bool store_node_has_child(const StoreNode *node, const char *name)
{
    return child_offset(node, name) >= 0;
}

bool store_node_remove_child(StoreNode *node, const char *name)
{
    gssize offset = child_offset(node, name);
    gsize length;
    const uint8_t *old = g_bytes_get_data(node->children, &length);
    GByteArray *names;

    if (offset < 0) {
        return false;
    }
    names = g_byte_array_sized_new(length);
    g_byte_array_append(names, old, length);
    g_byte_array_remove_range(names, offset, strlen(name) + 1);
    set_children(node, names);
    return true;
}

static bool acts_as(const StoreConnection *connection, uint16_t domid)
{
    return domid == connection->domid || domid == connection->target;
}

unsigned store_node_access(const StoreNode *node, const StoreConnection *connection)
{
    if (store_connection_is_privileged(connection) || acts_as(connection, store_node_owner(node))) {
        return STORE_ACCESS_READ | STORE_ACCESS_WRITE | STORE_ACCESS_OWNER;
    }
    for (unsigned i = 1; i < node->permission_count; i++) {
        const StorePermission *permission = &node->permissions[i];

        if (!(permission->access & STORE_ACCESS_IGNORED) &&
            acts_as(connection, permission->domid)) {
            return permission->access;
        }
    }
    return node->permissions[0].access & (STORE_ACCESS_READ | STORE_ACCESS_WRITE);
}

void store_node_forget_domain(StoreNode *node, uint16_t domid)
{
    for (unsigned i = 1; i < node->permission_count; i++) {
        if (node->permissions[i].domid == domid) {
            node->permissions[i].access |= STORE_ACCESS_IGNORED;
        }
    }
}

/* ---- paths ---- */

bool store_path_is_valid(const char *path, bool special)
{
    size_t length = strlen(path);

    if (path[0] != '/' && !(special && path[0] == '@')) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isalnum(path[i]) && !strchr("-/_@", path[i])) {
            return false;
        }
    }
    return (length == 1 || path[length - 1] != '/') && !strstr(path, "//") &&
           length <= XENSTORE_ABS_PATH_MAX;
}

char *store_path_parent(const char *path)
{
    const char *slash = strrchr(path + 1, '/');

    return slash ? g_strndup(path, slash - path) : g_strdup("/");
}

const char *store_path_name(const char *path)
{
    return strrchr(path, '/') + 1;
}

char *store_path_child(const char *path, const char *name)
{
    return g_strconcat(strcmp(path, "/") == 0 ? "" : path, "/", name, NULL);
}

bool store_path_is_below(const char *path, const char *top)
{
    size_t length = strlen(top);

    if (strcmp(top, "/") == 0) {
        return path[0] == '/';
    }
    return strncmp(path, top, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

char *store_path_canonical(const StoreConnection *connection, const char *given, bool special,
                           bool *relative)
{
    const unsigned *quotas = connection->store->quotas;
    bool is_relative = given[0] != '/' && given[0] != '@';
    size_t limit = quotas[is_relative ? STORE_QUOTA_PATH_RELATIVE : STORE_QUOTA_PATH_ABSOLUTE];
    g_autofree char *path = NULL;

    if (relative) {
        *relative = is_relative;
    }
    if (given[0] == '\0' || strlen(given) > limit) {
        return NULL;
    }
    path = is_relative ? g_strconcat(connection->base, "/", given, NULL) : g_strdup(given);
    return store_path_is_valid(path, special) ? g_steal_pointer(&path) : NULL;
}

/* ---- permission strings ---- */

static const struct {
    char letter;
    uint8_t access;
} access_letters[] = {
    {'n', STORE_ACCESS_NONE},
    {'r', STORE_ACCESS_READ},
    {'w', STORE_ACCESS_WRITE},
    {'b', STORE_ACCESS_READ | STORE_ACCESS_WRITE},
};

bool store_permission_parse(const char *text, StorePermission *permission)
{
    guint64 domid;

    for (unsigned i = 0; i < G_N_ELEMENTS(access_letters); i++) {
        if (text[0] != '\0' && text[0] == access_letters[i].letter) {
            permission->access = access_letters[i].access;
            if (!g_ascii_string_to_unsigned(text + 1, 10, 0, UINT16_MAX, &domid, NULL)) {
                return false;
            }
            permission->domid = domid;
            return true;
        }
    }
    return false;
}

char *store_permission_format(const StorePermission *permission)
{
    uint8_t access = permission->access & (STORE_ACCESS_READ | STORE_ACCESS_WRITE);

    /* The letters stand in the order of the bits. */
    return g_strdup_printf("%c%u", access_letters[access].letter, permission->domid);
}
