/*
 * Xenstore from inside the process.
 *
 * Watch events are queued under the store's lock and handed out by store_client_dispatch() without
 * it, so that a handler may take its own locks and call the store. The queue holds an event once;
 * if it grows beyond EVENTS_MAX a watch gets one event with its own path in place of many, which
 * the protocol allows ("watches may be triggered spuriously"), so that a guest cannot make us hold
 * ever more memory.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store_client.h"

#include <string.h>

#include "hw/xen/store/store_private.h"

#define EVENTS_MAX 1024

struct StoreClientWatch {
    uint64_t id;
    char *path; /* as given */
    StoreClientWatchHandler handler;
    void *opaque;
};

typedef struct {
    uint64_t watch;
    char *path;
} Event;

struct StoreClient {
    XenStore *store;
    StoreConnection *connection;
    GHashTable *watches; /* id -> StoreClientWatch */
    uint64_t next_watch;
    GQueue events;       /* Event, oldest first */
    GHashTable *waiting; /* the same as a set */
    GSource *source;
};

typedef struct {
    GSource base;
    StoreClient *client;
} ClientSource;

/* ---- events ---- */

static guint event_hash(gconstpointer opaque)
{
    const Event *event = opaque;

    return g_str_hash(event->path) ^ (guint)event->watch;
}

static gboolean event_equal(gconstpointer a, gconstpointer b)
{
    const Event *x = a, *y = b;

    return x->watch == y->watch && strcmp(x->path, y->path) == 0;
}

static void event_free(Event *event)
{
    g_free(event->path);
    g_free(event);
}

static void watch_free(gpointer opaque)
{
    StoreClientWatch *watch = opaque;

    g_free(watch->path);
    g_free(watch);
}

static StoreClientWatch *watch_find(StoreClient *client, uint64_t id)
{
    return g_hash_table_lookup(client->watches, &id);
}

static void take_event(void *opaque, const char *path, const char *token)
{
    StoreClient *client = opaque;
    const StoreClientWatch *watch = watch_find(client, g_ascii_strtoull(token, NULL, 10));
    Event *event;

    if (!watch) {
        return;
    }
    event = g_new0(Event, 1);
    event->watch = watch->id;
    event->path = g_strdup(client->events.length < EVENTS_MAX ? path : watch->path);
    if (g_hash_table_contains(client->waiting, event)) {
        event_free(event);
        return;
    }
    g_hash_table_add(client->waiting, event);
    g_queue_push_tail(&client->events, event);
}

static void wake(void *opaque)
{
    StoreClient *client = opaque;

    if (client->source && client->events.length > 0) {
        g_source_set_ready_time(client->source, 0);
    }
}

static const StoreConnectionOps client_ops = {
    .wake = wake,
    .event = take_event,
};

static Event *pop_event(StoreClient *client)
{
    Event *event = g_queue_pop_head(&client->events);

    if (event) {
        g_hash_table_remove(client->waiting, event);
    }
    return event;
}

unsigned store_client_dispatch(StoreClient *client)
{
    unsigned handled = 0, most;

    store_lock(client->store);
    most = client->events.length;
    store_unlock(client->store);
    /* Events that handlers cause are left for the next time. */
    for (unsigned i = 0; i < most; i++) {
        StoreClientWatchHandler handler = NULL;
        const StoreClientWatch *watch;
        void *opaque = NULL;
        Event *event;

        store_lock(client->store);
        event = pop_event(client);
        watch = event ? watch_find(client, event->watch) : NULL;
        if (watch) {
            handler = watch->handler;
            opaque = watch->opaque;
        }
        store_unlock(client->store);
        if (!event) {
            break;
        }
        if (handler) {
            handler(client, event->path, opaque);
            handled++;
        }
        event_free(event);
    }
    return handled;
}

static gboolean source_dispatch(GSource *base, GSourceFunc callback, gpointer opaque)
{
    StoreClient *client = ((ClientSource *)base)->client;

    g_source_set_ready_time(base, -1);
    store_client_dispatch(client);
    store_lock(client->store);
    wake(client);
    store_unlock(client->store);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {
    .dispatch = source_dispatch,
};

void store_client_attach(StoreClient *client, GMainContext *context)
{
    store_lock(client->store);
    if (!client->source) {
        client->source = g_source_new(&source_functions, sizeof(ClientSource));
        ((ClientSource *)client->source)->client = client;
        g_source_set_ready_time(client->source, -1);
        g_source_attach(client->source, context);
        wake(client);
    }
    store_unlock(client->store);
}

/* ---- life ---- */

StoreClient *store_client_new(XenStore *store, uint16_t domid)
{
    StoreClient *client = g_new0(StoreClient, 1);

    client->store = store;
    client->watches = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, watch_free);
    client->waiting = g_hash_table_new(event_hash, event_equal);
    client->next_watch = 1;
    g_queue_init(&client->events);
    store_lock(store);
    client->connection = store_connection_new(store, domid);
    store_connection_set_door(client->connection, &client_ops, client);
    store_unlock(store);
    return client;
}

void store_client_free(StoreClient *client)
{
    XenStore *store;
    Event *event;

    if (!client) {
        return;
    }
    store = client->store;
    store_lock(store);
    store_connection_free(client->connection);
    if (client->source) {
        g_source_destroy(client->source);
        g_source_unref(client->source);
    }
    while ((event = pop_event(client))) {
        event_free(event);
    }
    g_hash_table_unref(client->waiting);
    g_hash_table_unref(client->watches);
    g_free(client);
    store_unlock(store);
}

/* ---- calls ---- */

static bool report(int errnum, const char *path, GError **error)
{
    if (errnum) {
        g_set_error(error, STORE_ERROR, errnum, "xenstore: %s: %s", path, g_strerror(errnum));
    }
    return errnum == 0;
}

static int find_transaction(StoreClient *client, uint32_t id, StoreTransaction **transaction)
{
    return store_op_transaction_find(client->connection, id, transaction);
}

/* Lock and find the transaction; the caller unlocks. */
static int begin(StoreClient *client, uint32_t id, StoreTransaction **transaction)
{
    store_lock(client->store);
    return find_transaction(client, id, transaction);
}

static bool finish(StoreClient *client, int errnum, const char *path, GError **error)
{
    store_unlock(client->store);
    return report(errnum, path, error);
}

char *store_client_read(StoreClient *client, uint32_t transaction, const char *path, size_t *length,
                        GError **error)
{
    StoreTransaction *in;
    StoreNode *node;
    char *value = NULL;
    int result = begin(client, transaction, &in);

    if (result == 0) {
        result = store_op_read(client->connection, in, path, &node);
    }
    if (result == 0) {
        gsize size;
        const char *bytes = g_bytes_get_data(node->value, &size);

        value = g_malloc(size + 1);
        memcpy(value, bytes ? bytes : "", size);
        value[size] = '\0';
        if (length) {
            *length = size;
        }
    }
    finish(client, result, path, error);
    return value;
}

bool store_client_read_uint(StoreClient *client, uint32_t transaction, const char *path,
                            uint64_t *value, GError **error)
{
    size_t length;
    g_autofree char *text = store_client_read(client, transaction, path, &length, error);
    guint64 number;

    if (!text) {
        return false;
    }
    if (strlen(text) != length ||
        !g_ascii_string_to_unsigned(text, 10, 0, UINT64_MAX, &number, NULL)) {
        return report(EINVAL, path, error);
    }
    *value = number;
    return true;
}

bool store_client_exists(StoreClient *client, uint32_t transaction, const char *path)
{
    g_autofree char *value = store_client_read(client, transaction, path, NULL, NULL);

    return value != NULL;
}

bool store_client_write(StoreClient *client, uint32_t transaction, const char *path,
                        const void *value, size_t length, GError **error)
{
    StoreTransaction *in;
    int result = begin(client, transaction, &in);

    /* What could not be read over the wire shall not be written here. */
    if (result == 0 && length > XENSTORE_PAYLOAD_MAX) {
        result = E2BIG;
    }
    if (result == 0) {
        result = store_op_write(client->connection, in, path, value, length);
    }
    return finish(client, result, path, error);
}

bool store_client_printf(StoreClient *client, uint32_t transaction, GError **error,
                         const char *path, const char *format, ...)
{
    g_autofree char *value = NULL;
    va_list arguments;

    va_start(arguments, format);
    value = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return store_client_write(client, transaction, path, value, strlen(value), error);
}

bool store_client_mkdir(StoreClient *client, uint32_t transaction, const char *path, GError **error)
{
    StoreTransaction *in;
    int result = begin(client, transaction, &in);

    if (result == 0) {
        result = store_op_mkdir(client->connection, in, path);
    }
    return finish(client, result, path, error);
}

bool store_client_remove(StoreClient *client, uint32_t transaction, const char *path,
                         GError **error)
{
    StoreTransaction *in;
    int result = begin(client, transaction, &in);

    if (result == 0) {
        result = store_op_remove(client->connection, in, path);
    }
    return finish(client, result, path, error);
}

char **store_client_directory(StoreClient *client, uint32_t transaction, const char *path,
                              GError **error)
{
    GPtrArray *names = g_ptr_array_new();
    StoreTransaction *in;
    StoreNode *node;
    int result = begin(client, transaction, &in);

    if (result == 0) {
        result = store_op_read(client->connection, in, path, &node);
    }
    if (result == 0) {
        gsize size, offset = 0;
        const char *children = g_bytes_get_data(node->children, &size);

        while (offset < size) {
            g_ptr_array_add(names, g_strdup(children + offset));
            offset += strlen(children + offset) + 1;
        }
    }
    g_ptr_array_add(names, NULL);
    if (!finish(client, result, path, error)) {
        g_ptr_array_unref(names);
        return NULL;
    }
    return (char **)g_ptr_array_free(names, FALSE);
}

bool store_client_set_permissions(StoreClient *client, uint32_t transaction, const char *path,
                                  const StorePermission *permissions, unsigned count,
                                  GError **error)
{
    StoreTransaction *in;
    int result = begin(client, transaction, &in);

    if (result == 0) {
        result = store_op_set_permissions(client->connection, in, path, permissions, count);
    }
    return finish(client, result, path, error);
}

StorePermission *store_client_get_permissions(StoreClient *client, uint32_t transaction,
                                              const char *path, unsigned *count, GError **error)
{
    StorePermission *permissions = NULL;
    StoreTransaction *in;
    StoreNode *node;
    int result = begin(client, transaction, &in);

    if (result == 0) {
        result = store_op_get_permissions(client->connection, in, path, &node);
    }
    if (result == 0) {
        *count = node->permission_count;
        permissions = g_memdup2(node->permissions, *count * sizeof(*permissions));
        for (unsigned i = 0; i < *count; i++) {
            permissions[i].access &= STORE_ACCESS_READ | STORE_ACCESS_WRITE;
        }
    }
    finish(client, result, path, error);
    return permissions;
}

/* ---- watches ---- */

static void token_of(const StoreClientWatch *watch, char token[24])
{
    g_snprintf(token, 24, "%" G_GUINT64_FORMAT, watch->id);
}

StoreClientWatch *store_client_watch(StoreClient *client, const char *path,
                                     StoreClientWatchHandler handler, void *opaque, GError **error)
{
    g_autofree char *event_path = NULL;
    StoreClientWatch *watch = g_new0(StoreClientWatch, 1);
    char token[24];
    int result;

    watch->path = g_strdup(path);
    watch->handler = handler;
    watch->opaque = opaque;
    store_lock(client->store);
    watch->id = client->next_watch++;
    token_of(watch, token);
    result = store_op_watch(client->connection, path, token, &event_path);
    if (result == 0) {
        g_hash_table_insert(client->watches, &watch->id, watch);
        store_connection_event(client->connection, event_path, token);
    } else {
        watch_free(watch);
        watch = NULL;
    }
    finish(client, result, path, error);
    return watch;
}

void store_client_unwatch(StoreClient *client, StoreClientWatch *watch)
{
    char token[24];

    if (!watch) {
        return;
    }
    store_lock(client->store);
    token_of(watch, token);
    store_op_unwatch(client->connection, watch->path, token);
    /* Events that wait for it find no watch of that id. */
    g_hash_table_remove(client->watches, &watch->id);
    store_unlock(client->store);
}

/* ---- transactions ---- */

uint32_t store_client_transaction_start(StoreClient *client, GError **error)
{
    uint32_t id = 0;
    int result;

    store_lock(client->store);
    result = store_op_transaction_start(client->connection, &id);
    return finish(client, result, "transaction", error) ? id : 0;
}

bool store_client_transaction_end(StoreClient *client, uint32_t transaction, bool commit,
                                  GError **error)
{
    StoreTransaction *in;
    int result = begin(client, transaction, &in);

    if (result == 0) {
        result = in ? store_op_transaction_end(client->connection, in, commit) : ENOENT;
    }
    return finish(client, result, "transaction", error);
}

bool store_client_transaction_run(StoreClient *client, StoreClientTransactionBody body,
                                  void *opaque, GError **error)
{
    for (;;) {
        g_autoptr(GError) conflict = NULL;
        uint32_t id = store_client_transaction_start(client, error);

        if (id == 0) {
            return false;
        }
        if (!body(client, id, opaque, error)) {
            store_client_transaction_end(client, id, false, NULL);
            return false;
        }
        if (store_client_transaction_end(client, id, true, &conflict)) {
            return true;
        }
        if (!g_error_matches(conflict, STORE_ERROR, EAGAIN)) {
            g_propagate_error(error, g_steal_pointer(&conflict));
            return false;
        }
    }
}
