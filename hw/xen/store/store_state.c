/*
 * Saving and loading the store.
 *
 * The nodes are saved parents first and children in their order, so that the lists of children are
 * made again from the paths; node counts, the set of queued events and the like follow from the
 * rest. A loaded state is first built apart from the store and only put in when all of it has been
 * checked.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

#include "util/bytes.h"
#include "util/error.h"

#define STATE_VERSION 1

#define PERMISSIONS_TYPE "a(qy)"
#define NODE_TYPE        "(st" PERMISSIONS_TYPE "ay)"  /* path, generation, permissions, value */
#define CURRENT_TYPE     "(t" PERMISSIONS_TYPE "ayay)" /* as NODE, but with children */
/* path, generation, modified, fire, exact, original's permissions, current node */
#define ACCESSED_TYPE    "(stbbbm" PERMISSIONS_TYPE "m" CURRENT_TYPE ")"
#define TRANSACTION_TYPE "(ubba" ACCESSED_TYPE ")" /* id, failed, stale, accessed */
#define WATCH_TYPE       "(sayb)"                  /* path, token, relative */
#define MESSAGE_TYPE     "ay"
/* open, error, target, next transaction, watches, transactions, input, output, bytes of it sent */
#define CONNECTION_TYPE "(buiua" WATCH_TYPE "a" TRANSACTION_TYPE "aya" MESSAGE_TYPE "u)"
#define DOMAIN_TYPE     "(qbbm" CONNECTION_TYPE ")" /* domid, introduced, shutdown, connection */
#define STATE_TYPE      "(uta" NODE_TYPE "a" DOMAIN_TYPE ")" /* version first */

/* ---- saving ---- */

static GVariant *save_bytes(const void *bytes, size_t length)
{
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, length, 1);
}

static GVariant *save_gbytes(GBytes *bytes)
{
    return save_bytes(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static GVariant *save_permissions(const StoreNode *node)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE(PERMISSIONS_TYPE));
    for (unsigned i = 0; i < node->permission_count; i++) {
        g_variant_builder_add(&builder, "(qy)", node->permissions[i].domid,
                              node->permissions[i].access);
    }
    return g_variant_builder_end(&builder);
}

static void save_nodes(XenStore *store, const char *path, GVariantBuilder *builder)
{
    const StoreNode *node = store_tree_get(store, path);
    gsize length, offset = 0;
    const char *names = g_bytes_get_data(node->children, &length);

    g_variant_builder_add(builder, "(st@" PERMISSIONS_TYPE "@ay)", path, node->generation,
                          save_permissions(node), save_gbytes(node->value));
    while (offset < length) {
        g_autofree char *child = store_path_child(path, names + offset);

        save_nodes(store, child, builder);
        offset += strlen(names + offset) + 1;
    }
}

static GVariant *save_accessed(const StoreAccessed *accessed)
{
    const StoreNode *current = accessed->current;
    GVariant *original_permissions =
        accessed->original ? save_permissions(accessed->original) : NULL;
    GVariant *saved = NULL;

    if (current) {
        saved = g_variant_new("(t@" PERMISSIONS_TYPE "@ay@ay)", current->generation,
                              save_permissions(current), save_gbytes(current->value),
                              save_gbytes(current->children));
    }
    return g_variant_new(
        "(stbbb@m" PERMISSIONS_TYPE "@m" CURRENT_TYPE ")", accessed->path, accessed->generation,
        accessed->modified, accessed->fire, accessed->exact,
        g_variant_new_maybe(G_VARIANT_TYPE(PERMISSIONS_TYPE), original_permissions),
        g_variant_new_maybe(G_VARIANT_TYPE(CURRENT_TYPE), saved));
}

static GVariant *save_transaction(const StoreTransaction *transaction)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a" ACCESSED_TYPE));
    for (unsigned i = 0; i < transaction->accessed->len; i++) {
        g_variant_builder_add_value(&builder,
                                    save_accessed(g_ptr_array_index(transaction->accessed, i)));
    }
    return g_variant_new("(ubb@a" ACCESSED_TYPE ")", transaction->id, transaction->failed,
                         transaction->stale, g_variant_builder_end(&builder));
}

static gint compare_transactions(gconstpointer a, gconstpointer b)
{
    uint32_t x = ((const StoreTransaction *)a)->id, y = ((const StoreTransaction *)b)->id;

    return x < y ? -1 : x > y;
}

static GVariant *save_transactions(const StoreConnection *connection)
{
    g_autoptr(GList) list =
        g_list_sort(g_hash_table_get_values(connection->transactions), compare_transactions);
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a" TRANSACTION_TYPE));
    for (GList *i = list; i; i = i->next) {
        g_variant_builder_add_value(&builder, save_transaction(i->data));
    }
    return g_variant_builder_end(&builder);
}

static GVariant *save_watches(const StoreConnection *connection)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a" WATCH_TYPE));
    for (unsigned i = 0; i < connection->watches->len; i++) {
        const StoreWatch *watch = g_ptr_array_index(connection->watches, i);

        /* Tokens are the client's: bytes of any kind, where a GVariant string is UTF-8. */
        g_variant_builder_add(&builder, "(s^ayb)", watch->path, watch->token, watch->prefix > 0);
    }
    return g_variant_builder_end(&builder);
}

static GVariant *save_output(const StoreConnection *connection)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("a" MESSAGE_TYPE));
    for (GList *i = connection->output.head; i; i = i->next) {
        const StoreMessage *message = i->data;

        g_variant_builder_add_value(&builder, save_bytes(message->bytes, message->length));
    }
    return g_variant_builder_end(&builder);
}

static GVariant *save_connection(const StoreConnection *connection)
{
    return g_variant_new("(buiu@a" WATCH_TYPE "@a" TRANSACTION_TYPE "@ay@a" MESSAGE_TYPE "u)",
                         connection->open, connection->error, connection->target,
                         connection->next_transaction, save_watches(connection),
                         save_transactions(connection),
                         save_bytes(connection->input, connection->input_length),
                         save_output(connection), connection->output_sent);
}

static GVariant *save_domain(const StoreDomain *domain)
{
    GVariant *connection = domain->connection ? save_connection(domain->connection) : NULL;

    return g_variant_new("(qbb@m" CONNECTION_TYPE ")", domain->domid, domain->introduced,
                         domain->shutdown,
                         g_variant_new_maybe(G_VARIANT_TYPE(CONNECTION_TYPE), connection));
}

GVariant *store_save(XenStore *store)
{
    g_autoptr(GList) list = NULL;
    GVariantBuilder nodes, domains;
    GVariant *state;

    store_lock(store);
    g_variant_builder_init(&nodes, G_VARIANT_TYPE("a" NODE_TYPE));
    save_nodes(store, "/", &nodes);
    save_nodes(store, STORE_EVENT_INTRODUCE, &nodes);
    save_nodes(store, STORE_EVENT_RELEASE, &nodes);
    g_variant_builder_init(&domains, G_VARIANT_TYPE("a" DOMAIN_TYPE));
    list = store_domain_list(store);
    for (GList *i = list; i; i = i->next) {
        g_variant_builder_add_value(&domains, save_domain(i->data));
    }
    state = g_variant_new("(ut@a" NODE_TYPE "@a" DOMAIN_TYPE ")", STATE_VERSION, store->generation,
                          g_variant_builder_end(&nodes), g_variant_builder_end(&domains));
    store_unlock(store);
    return state;
}

/* ---- loading ---- */

static GBytes *load_bytes(GVariant *value)
{
    gsize length;
    const void *bytes = g_variant_get_fixed_array(value, &length, 1);

    return g_bytes_new(bytes, length);
}

static bool load_permissions(StoreNode *node, GVariant *value, XenStore *store, GError **error)
{
    gsize count = g_variant_n_children(value);
    g_autofree StorePermission *permissions = g_new0(StorePermission, MAX(count, 1));

    if (count == 0 || count > XENSTORE_PAYLOAD_MAX) {
        return error_setf(error, "xenstore state: a node with %zu permissions", count);
    }
    for (gsize i = 0; i < count; i++) {
        g_variant_get_child(value, i, "(qy)", &permissions[i].domid, &permissions[i].access);
        permissions[i].access &= STORE_ACCESS_READ | STORE_ACCESS_WRITE | STORE_ACCESS_IGNORED;
    }
    if (store && !store_domain_find(store, permissions[0].domid)) {
        return error_setf(error, "xenstore state: a node of domain %u, which does not exist",
                          permissions[0].domid);
    }
    store_node_set_permissions(node, permissions, count);
    return true;
}

static StoreNode *load_node(GVariant *permissions, GVariant *value, XenStore *store, GError **error)
{
    static const StorePermission nobody;
    g_autoptr(GBytes) bytes = value ? load_bytes(value) : NULL;
    StoreNode *node = store_node_new(&nobody, 1, bytes, NULL);

    if (g_bytes_get_size(node->value) > XENSTORE_PAYLOAD_MAX) {
        error_setf(error, "xenstore state: a value of %zu bytes", g_bytes_get_size(node->value));
    } else if (load_permissions(node, permissions, store, error)) {
        return node;
    }
    store_node_unref(node);
    return NULL;
}

/* Adds the node's name to its parent, which must have come before it. */
static bool load_into_parent(XenStore *store, const char *path, GError **error)
{
    g_autofree char *parent = store_path_parent(path);
    StoreNode *above = store_tree_get(store, parent);

    if (!above) {
        return error_setf(error, "xenstore state: '%s' has no parent", path);
    }
    store_node_add_child(above, store_path_name(path));
    return true;
}

static bool may_be_in_tree(const char *path)
{
    return store_path_is_valid(path, false) || strcmp(path, STORE_EVENT_INTRODUCE) == 0 ||
           strcmp(path, STORE_EVENT_RELEASE) == 0;
}

static bool load_tree(XenStore *store, GVariant *nodes, GError **error)
{
    GVariantIter iter;
    const char *path;
    uint64_t generation;
    GVariant *item;

    g_variant_iter_init(&iter, nodes);
    while ((item = g_variant_iter_next_value(&iter))) {
        g_autoptr(GVariant) own_item = item, permissions = NULL, value = NULL;
        StoreNode *node;

        g_variant_get(own_item, "(&st@" PERMISSIONS_TYPE "@ay)", &path, &generation, &permissions,
                      &value);
        if (!may_be_in_tree(path) || store_tree_get(store, path) ||
            generation > store->generation) {
            return error_setf(error, "xenstore state: '%s' is no node, comes twice or is too new",
                              path);
        }
        node = load_node(permissions, value, store, error);
        if (!node) {
            return false;
        }
        node->generation = generation;
        if (path[0] == '/' && path[1] != '\0' && !load_into_parent(store, path, error)) {
            store_node_unref(node);
            return false;
        }
        store_tree_insert(store, path, node);
    }
    if (!store_tree_get(store, "/") || !store_tree_get(store, STORE_EVENT_INTRODUCE) ||
        !store_tree_get(store, STORE_EVENT_RELEASE)) {
        return error_setf(error, "xenstore state: the root or a special node is missing");
    }
    return true;
}

/* Names without '/', each with its NUL. */
static bool children_are_valid(GBytes *children)
{
    gsize length, offset = 0;
    const char *names = g_bytes_get_data(children, &length);

    if (length > 0 && names[length - 1] != '\0') {
        return false;
    }
    while (offset < length) {
        g_autofree char *path = g_strconcat("/", names + offset, NULL);

        if (strchr(names + offset, '/') || path[1] == '\0' || !store_path_is_valid(path, false)) {
            return false;
        }
        offset += strlen(names + offset) + 1;
    }
    return true;
}

static StoreNode *load_current(GVariant *saved, XenStore *store, GError **error)
{
    g_autoptr(GVariant) permissions = NULL, value = NULL, names = NULL;
    g_autoptr(GBytes) children = NULL;
    uint64_t generation;
    StoreNode *node;

    g_variant_get(saved, "(t@" PERMISSIONS_TYPE "@ay@ay)", &generation, &permissions, &value,
                  &names);
    children = load_bytes(names);
    node = load_node(permissions, value, NULL, error);
    if (!node) {
        return NULL;
    }
    if (!children_are_valid(children) || generation > store->generation) {
        error_setf(error, "xenstore state: a transaction's node is malformed");
        store_node_unref(node);
        return NULL;
    }
    node->generation = generation;
    g_bytes_unref(node->children);
    node->children = g_steal_pointer(&children);
    return node;
}

static bool load_accessed(StoreTransaction *transaction, GVariant *saved, GError **error)
{
    XenStore *store = transaction->connection->store;
    g_autoptr(GVariant) original = NULL, current = NULL;
    StoreAccessed accessed = {0};
    gboolean modified, fire, exact;
    const char *path;

    g_variant_get(saved, "(&stbbb@m" PERMISSIONS_TYPE "@m" CURRENT_TYPE ")", &path,
                  &accessed.generation, &modified, &fire, &exact, &original, &current);
    if (!store_path_is_valid(path, true) ||
        g_hash_table_contains(transaction->accessed_by_path, path)) {
        return error_setf(
            error, "xenstore state: a transaction's path '%s' is no path or comes twice", path);
    }
    accessed.modified = modified;
    accessed.fire = fire;
    accessed.exact = exact;
    if (g_variant_n_children(original) > 0) {
        g_autoptr(GVariant) permissions = g_variant_get_maybe(original);

        accessed.original = load_node(permissions, NULL, NULL, error);
        if (!accessed.original) {
            return false;
        }
    }
    if (g_variant_n_children(current) > 0) {
        g_autoptr(GVariant) node = g_variant_get_maybe(current);

        accessed.current = load_current(node, store, error);
        if (!accessed.current) {
            store_node_unref(accessed.original);
            return false;
        }
        /* What it would write must belong to somebody. */
        transaction->stale |= !store_domain_find(store, store_node_owner(accessed.current));
    }
    accessed.path = g_strdup(path);
    store_transaction_add(transaction, &accessed);
    return true;
}

static bool load_transactions(StoreConnection *connection, GVariant *saved, GError **error)
{
    for (gsize i = 0; i < g_variant_n_children(saved); i++) {
        g_autoptr(GVariant) accessed = NULL;
        StoreTransaction *transaction;
        gboolean failed, stale;
        uint32_t id;

        g_variant_get_child(saved, i, "(ubb@a" ACCESSED_TYPE ")", &id, &failed, &stale, &accessed);
        if (id == 0 || g_hash_table_contains(connection->transactions, GUINT_TO_POINTER(id))) {
            return error_setf(error, "xenstore state: transaction %u is none or comes twice", id);
        }
        transaction = store_transaction_new(connection, id);
        transaction->failed = failed;
        transaction->stale = stale;
        g_hash_table_insert(connection->transactions, GUINT_TO_POINTER(id), transaction);
        for (gsize j = 0; j < g_variant_n_children(accessed); j++) {
            g_autoptr(GVariant) item = g_variant_get_child_value(accessed, j);

            if (!load_accessed(transaction, item, error)) {
                return false;
            }
        }
    }
    return true;
}

static bool load_watches(StoreConnection *connection, GVariant *saved, GError **error)
{
    for (gsize i = 0; i < g_variant_n_children(saved); i++) {
        const char *path, *token;
        gboolean relative;

        g_variant_get_child(saved, i, "(&s^&ayb)", &path, &token, &relative);
        /* A relative one must lie below its base, of which it leaves out the length. */
        if (!store_path_is_valid(path, true) ||
            (relative && (!store_path_is_below(path, connection->base) ||
                          path[strlen(connection->base)] != '/'))) {
            return error_setf(error, "xenstore state: a watch of '%s' cannot be", path);
        }
        g_ptr_array_add(connection->watches, store_watch_new(connection, path, token, relative));
    }
    return true;
}

static bool load_message(StoreConnection *connection, GVariant *saved, GError **error)
{
    struct xsd_sockmsg header;
    gsize length;
    const uint8_t *bytes = g_variant_get_fixed_array(saved, &length, 1);

    if (length < sizeof(header) || length > sizeof(header) + XENSTORE_PAYLOAD_MAX ||
        load_le32(bytes + 12) != length - sizeof(header)) {
        return error_setf(error, "xenstore state: a message of %zu bytes is malformed", length);
    }
    header.type = load_le32(bytes);
    header.req_id = load_le32(bytes + 4);
    header.tx_id = load_le32(bytes + 8);
    header.len = load_le32(bytes + 12);
    store_connection_queue(connection, &header, bytes + sizeof(header));
    return true;
}

static bool load_output(StoreConnection *connection, GVariant *saved, uint32_t sent, GError **error)
{
    const uint8_t *bytes;

    for (gsize i = 0; i < g_variant_n_children(saved); i++) {
        g_autoptr(GVariant) message = g_variant_get_child_value(saved, i);

        if (!load_message(connection, message, error)) {
            return false;
        }
    }
    if (sent > 0 && sent >= store_connection_peek(connection, &bytes)) {
        return error_setf(error, "xenstore state: %u bytes sent of less", sent);
    }
    connection->output_sent = sent;
    return true;
}

static bool load_input(StoreConnection *connection, GVariant *saved, GError **error)
{
    const size_t header = sizeof(struct xsd_sockmsg);
    gsize length;
    const uint8_t *bytes = g_variant_get_fixed_array(saved, &length, 1);

    /* Less than a header, or less than the message that the header tells. */
    if (length >= header && (load_le32(bytes + 12) > XENSTORE_PAYLOAD_MAX ||
                             length - header >= load_le32(bytes + 12))) {
        return error_setf(error, "xenstore state: %zu bytes of input are no partial request",
                          length);
    }
    if (length > 0) {
        memcpy(connection->input, bytes, length);
    }
    connection->input_length = length;
    return true;
}

static bool load_connection(StoreConnection *connection, GVariant *saved, GError **error)
{
    g_autoptr(GVariant) watches = NULL, transactions = NULL, input = NULL, output = NULL;
    uint32_t broken, sent;
    gboolean is_open;

    g_variant_get(saved, "(buiu@a" WATCH_TYPE "@a" TRANSACTION_TYPE "@ay@a" MESSAGE_TYPE "u)",
                  &is_open, &broken, &connection->target, &connection->next_transaction, &watches,
                  &transactions, &input, &output, &sent);
    if (connection->target < -1 || connection->target >= STORE_DOMID_SELF) {
        return error_setf(error, "xenstore state: a target domain %d", connection->target);
    }
    connection->open = true;
    if (!load_watches(connection, watches, error) ||
        !load_transactions(connection, transactions, error) ||
        !load_input(connection, input, error) || !load_output(connection, output, sent, error)) {
        return false;
    }
    connection->open = is_open;
    connection->error = broken;
    return true;
}

/* The domains' ids first: nodes and transactions ask for owners. */
static bool load_domains(XenStore *store, GVariant *domains, GError **error)
{
    for (gsize i = 0; i < g_variant_n_children(domains); i++) {
        g_autoptr(GVariant) connection = NULL;
        gboolean introduced, shutdown;
        StoreDomain *domain;
        uint16_t domid;

        g_variant_get_child(domains, i, "(qbb@m" CONNECTION_TYPE ")", &domid, &introduced,
                            &shutdown, &connection);
        if (domid >= STORE_DOMID_SELF || store_domain_find(store, domid) ||
            (g_variant_n_children(connection) > 0) != (domid != STORE_DOMID_PRIVILEGED)) {
            return error_setf(error, "xenstore state: domain %u cannot be, or comes twice", domid);
        }
        domain = store_domain_add(store, domid);
        domain->introduced = introduced;
        domain->shutdown = shutdown;
    }
    if (!store_domain_find(store, STORE_DOMID_PRIVILEGED)) {
        return error_setf(error, "xenstore state: domain 0 is missing");
    }
    return true;
}

static bool load_connections(XenStore *store, GVariant *domains, GError **error)
{
    for (gsize i = 0; i < g_variant_n_children(domains); i++) {
        g_autoptr(GVariant) maybe = NULL, connection = NULL;
        uint16_t domid;

        g_variant_get_child(domains, i, "(qbb@m" CONNECTION_TYPE ")", &domid, NULL, NULL, &maybe);
        connection = g_variant_get_maybe(maybe);
        if (connection &&
            !load_connection(store_domain_find(store, domid)->connection, connection, error)) {
            return false;
        }
    }
    return true;
}

/* Takes @from's domain over; where @into has a connection for it, its door stays. */
static void adopt_connection(XenStore *into, StoreConnection *from, StoreConnection *old)
{
    GHashTableIter iter;
    gpointer transaction;

    g_ptr_array_remove(from->store->connections, from);
    from->store = into;
    g_ptr_array_add(into->connections, from);
    if (!old) {
        return;
    }
    /* A ring holds a pointer to the old object: its contents change places with the new one's. */
    store_connection_drop(old);
    old->open = from->open;
    old->error = from->error;
    old->target = from->target;
    old->next_transaction = from->next_transaction;
    G_STMT_START
    {
        GPtrArray *watches = old->watches;
        GHashTable *transactions = old->transactions, *events = old->events;

        old->watches = from->watches;
        old->transactions = from->transactions;
        old->events = from->events;
        from->watches = watches;
        from->transactions = transactions;
        from->events = events;
    }
    G_STMT_END;
    g_hash_table_iter_init(&iter, old->transactions);
    while (g_hash_table_iter_next(&iter, NULL, &transaction)) {
        ((StoreTransaction *)transaction)->connection = old;
    }
    memcpy(old->input, from->input, from->input_length);
    old->input_length = from->input_length;
    old->output = from->output;
    old->output_sent = from->output_sent;
    old->output_bytes = from->output_bytes;
    old->replies = from->replies;
    g_queue_init(&from->output);
}

static void swap_pointers(void *a, void *b)
{
    void **x = a, **y = b, *t = *x;

    *x = *y;
    *y = t;
}

/* Puts what was loaded into @store; what it had leaves with @loaded. */
static void adopt(XenStore *store, XenStore *loaded)
{
    g_autoptr(GList) domains = store_domain_list(loaded);

    for (GList *i = domains; i; i = i->next) {
        StoreDomain *domain = i->data;
        StoreDomain *old = store_domain_find(store, domain->domid);

        if (domain->connection) {
            adopt_connection(store, domain->connection, old ? old->connection : NULL);
        }
        if (old) {
            /* The new record gets the connection that the ring knows. */
            swap_pointers(&domain->connection, &old->connection);
        }
    }
    swap_pointers(&store->domains, &loaded->domains);
    swap_pointers(&store->nodes, &loaded->nodes);
    /* Those transactions of other clients that are open stand on nodes that are no more. */
    for (unsigned i = 0; i < store->connections->len; i++) {
        StoreConnection *connection = g_ptr_array_index(store->connections, i);
        const StoreDomain *domain = store_domain_find(store, connection->domid);
        GHashTableIter iter;
        gpointer transaction;

        if (!domain || domain->connection != connection) {
            g_hash_table_iter_init(&iter, connection->transactions);
            while (g_hash_table_iter_next(&iter, NULL, &transaction)) {
                ((StoreTransaction *)transaction)->stale = true;
            }
        }
    }
    store->generation = loaded->generation;
}

/* A store without anything, to load into. */
static XenStore *empty_store(uint64_t generation)
{
    XenStore *store = store_new();

    g_hash_table_remove_all(store->nodes);
    g_hash_table_remove_all(store->domains);
    store->generation = generation;
    return store;
}

static bool rings_are_kept(XenStore *store, XenStore *loaded, GError **error)
{
    g_autoptr(GList) domains = store_domain_list(store);

    for (GList *i = domains; i; i = i->next) {
        const StoreDomain *domain = i->data;

        if (domain->connection && domain->connection->ops &&
            !store_domain_find(loaded, domain->domid)) {
            return error_setf(error, "xenstore state: domain %u has a ring but is not in it",
                              domain->domid);
        }
    }
    return true;
}

bool store_load(XenStore *store, GVariant *state, GError **error)
{
    g_autoptr(GVariant) nodes = NULL, domains = NULL;
    uint64_t generation;
    XenStore *loaded;
    uint32_t version;
    bool good;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE(STATE_TYPE))) {
        return error_setf(error, "xenstore state: type %s where " STATE_TYPE " is needed",
                          g_variant_get_type_string(state));
    }
    g_variant_get(state, "(ut@a" NODE_TYPE "@a" DOMAIN_TYPE ")", &version, &generation, &nodes,
                  &domains);
    if (version != STATE_VERSION || generation >= STORE_NO_GENERATION / 2) {
        return error_setf(error, "xenstore state: version %u is not known, or its count is off",
                          version);
    }
    loaded = empty_store(generation);
    store_lock(store);
    good = load_domains(loaded, domains, error) && load_tree(loaded, nodes, error) &&
           load_connections(loaded, domains, error) && rings_are_kept(store, loaded, error);
    if (good) {
        adopt(store, loaded);
    }
    store_free(loaded);
    store_unlock(store);
    return good;
}
