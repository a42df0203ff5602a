/*
 * A connection to the store: what one client has (watches, transactions), the request that is
 * coming in and the messages that are to go out. Its door, ring or socket, moves the bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

#include "util/bytes.h"

#define HEADER_SIZE ((unsigned)sizeof(struct xsd_sockmsg))

static guint event_hash(gconstpointer opaque)
{
    const StoreMessage *message = opaque;
    guint hash = 5381;

    for (unsigned i = HEADER_SIZE; i < message->length; i++) {
        hash = hash * 33 + message->bytes[i];
    }
    return hash;
}

static gboolean event_equal(gconstpointer a, gconstpointer b)
{
    const StoreMessage *x = a, *y = b;

    return x->length == y->length && memcmp(x->bytes, y->bytes, x->length) == 0;
}

static void message_free(StoreMessage *message)
{
    g_free(message->bytes);
    g_free(message);
}

static void watch_free(gpointer watch)
{
    store_watch_free(watch);
}

static void transaction_free(gpointer transaction)
{
    store_transaction_free(transaction);
}

StoreConnection *store_connection_new(XenStore *store, uint16_t domid)
{
    StoreConnection *connection = g_new0(StoreConnection, 1);

    connection->store = store;
    connection->domid = domid;
    connection->target = -1;
    connection->open = true;
    connection->base = g_strdup_printf(STORE_DOMAIN_PATH "%u", domid);
    connection->watches = g_ptr_array_new_with_free_func(watch_free);
    connection->transactions = g_hash_table_new_full(NULL, NULL, NULL, transaction_free);
    connection->next_transaction = 1;
    connection->events = g_hash_table_new(event_hash, event_equal);
    g_queue_init(&connection->output);
    g_ptr_array_add(store->connections, connection);
    return connection;
}

void store_connection_free(StoreConnection *connection)
{
    g_ptr_array_remove(connection->store->connections, connection);
    store_connection_drop(connection);
    g_hash_table_unref(connection->events);
    g_hash_table_unref(connection->transactions);
    g_ptr_array_unref(connection->watches);
    g_free(connection->base);
    g_free(connection);
}

void store_connection_set_door(StoreConnection *connection, const StoreConnectionOps *ops,
                               void *opaque)
{
    connection->ops = ops;
    connection->opaque = opaque;
    connection->wake_due = false;
}

bool store_connection_is_privileged(const StoreConnection *connection)
{
    return connection->domid == STORE_DOMID_PRIVILEGED;
}

void store_connection_drop_watches(StoreConnection *connection)
{
    g_ptr_array_set_size(connection->watches, 0);
}

void store_connection_drop_transactions(StoreConnection *connection)
{
    g_hash_table_remove_all(connection->transactions);
}

void store_connection_drop(StoreConnection *connection)
{
    StoreMessage *message;

    store_connection_drop_watches(connection);
    store_connection_drop_transactions(connection);
    g_hash_table_remove_all(connection->events);
    while ((message = g_queue_pop_head(&connection->output))) {
        message_free(message);
    }
    connection->output_sent = 0;
    connection->output_bytes = 0;
    connection->replies = 0;
    connection->input_length = 0;
}

void store_connection_restart(StoreConnection *connection)
{
    store_connection_drop(connection);
    connection->open = true;
    connection->error = XENSTORE_ERROR_NONE;
    connection->next_transaction = 1;
    if (connection->ops && connection->ops->restarted) {
        connection->ops->restarted(connection->opaque);
    }
}

void store_connection_break(StoreConnection *connection, uint32_t error)
{
    store_connection_drop(connection);
    connection->error = error;
    if (connection->ops && connection->ops->broken) {
        connection->ops->broken(connection->opaque, error);
    }
}

static bool is_alive(const StoreConnection *connection)
{
    return connection->open && connection->error == XENSTORE_ERROR_NONE;
}

void store_connection_wake(StoreConnection *connection)
{
    if (connection->ops && connection->ops->wake) {
        connection->wake_due = true;
    }
}

/* ---- output ---- */

static StoreMessage *message_new(const struct xsd_sockmsg *header, const void *payload)
{
    StoreMessage *message = g_new0(StoreMessage, 1);

    message->length = HEADER_SIZE + header->len;
    message->bytes = g_malloc(message->length);
    message->event = header->type == XS_WATCH_EVENT;
    store_le32(message->bytes, header->type);
    store_le32(message->bytes + 4, header->req_id);
    store_le32(message->bytes + 8, header->tx_id);
    store_le32(message->bytes + 12, header->len);
    if (header->len) {
        memcpy(message->bytes + HEADER_SIZE, payload, header->len);
    }
    return message;
}

void store_connection_queue(StoreConnection *connection, const struct xsd_sockmsg *header,
                            const void *payload)
{
    StoreMessage *message;

    if (!is_alive(connection)) {
        return;
    }
    message = message_new(header, payload);
    connection->output_bytes += message->length;
    if (message->event) {
        g_hash_table_add(connection->events, message);
    } else {
        connection->replies++;
    }
    g_queue_push_tail(&connection->output, message);
    store_connection_wake(connection);
}

static bool is_queued(const StoreConnection *connection, const struct xsd_sockmsg *header,
                      const char *payload)
{
    StoreMessage *message = message_new(header, payload);
    bool found = g_hash_table_contains(connection->events, message);

    message_free(message);
    return found;
}

static bool has_room(StoreConnection *connection, size_t length)
{
    unsigned limit = connection->queue_limit;

    if (limit == 0) {
        limit = connection->store->quotas[STORE_QUOTA_QUEUE];
    }
    if (connection->output_bytes + length <= limit) {
        return true;
    }
    if (connection->queue_limit) {
        store_connection_break(connection, XENSTORE_ERROR_COMM);
    }
    return false;
}

void store_connection_event(StoreConnection *connection, const char *path, const char *token)
{
    size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
    struct xsd_sockmsg header = {.type = XS_WATCH_EVENT, .len = path_size + token_size};
    g_autofree char *payload = NULL;

    if (connection->ops && connection->ops->event) {
        connection->ops->event(connection->opaque, path, token);
        store_connection_wake(connection);
        return;
    }
    /* The protocol cannot carry a longer one. */
    if (!is_alive(connection) || header.len > XENSTORE_PAYLOAD_MAX) {
        return;
    }
    payload = g_malloc(header.len);
    memcpy(payload, path, path_size);
    memcpy(payload + path_size, token, token_size);
    /* Special events are counted by their listeners: each one goes out. */
    if (path[0] != '@' && is_queued(connection, &header, payload)) {
        return;
    }
    if (has_room(connection, HEADER_SIZE + header.len)) {
        store_connection_queue(connection, &header, payload);
    }
}

unsigned store_connection_peek(const StoreConnection *connection, const uint8_t **bytes)
{
    const StoreMessage *message = g_queue_peek_head((GQueue *)&connection->output);

    if (!message) {
        return 0;
    }
    *bytes = message->bytes + connection->output_sent;
    return message->length - connection->output_sent;
}

void store_connection_consume(StoreConnection *connection, unsigned length)
{
    StoreMessage *message = g_queue_peek_head(&connection->output);

    connection->output_sent += length;
    if (connection->output_sent < message->length) {
        return;
    }
    connection->output_sent = 0;
    connection->output_bytes -= message->length;
    if (message->event) {
        /* A special event may be queued twice; the set knows one of the two. */
        if (g_hash_table_lookup(connection->events, message) == message) {
            g_hash_table_remove(connection->events, message);
        }
    } else {
        connection->replies--;
    }
    message_free(g_queue_pop_head(&connection->output));
}

/* ---- input ---- */

static void read_header(const StoreConnection *connection, struct xsd_sockmsg *header)
{
    header->type = load_le32(connection->input);
    header->req_id = load_le32(connection->input + 4);
    header->tx_id = load_le32(connection->input + 8);
    header->len = load_le32(connection->input + 12);
}

unsigned store_connection_wanted(const StoreConnection *connection)
{
    struct xsd_sockmsg header;

    if (!is_alive(connection) ||
        connection->replies >= connection->store->quotas[STORE_QUOTA_OUTSTANDING]) {
        return 0;
    }
    if (connection->input_length < HEADER_SIZE) {
        return HEADER_SIZE - connection->input_length;
    }
    read_header(connection, &header);
    return HEADER_SIZE + header.len - connection->input_length;
}

void store_connection_feed(StoreConnection *connection, const void *bytes, unsigned length)
{
    struct xsd_sockmsg header;

    memcpy(connection->input + connection->input_length, bytes, length);
    connection->input_length += length;
    if (connection->input_length < HEADER_SIZE) {
        return;
    }
    read_header(connection, &header);
    if (header.len > XENSTORE_PAYLOAD_MAX) {
        store_connection_break(connection, XENSTORE_ERROR_PROTO);
        return;
    }
    if (connection->input_length == HEADER_SIZE + header.len) {
        store_wire_request(connection, &header, (const char *)connection->input + HEADER_SIZE);
        connection->input_length = 0;
    }
}
