/*
 * libFuzzer target: requests to two connections, a guest's and a privileged one, whole and in any
 * pieces: transactions, watches, permissions, lying headers, plain bytes. Now and then the store is
 * saved, loaded into a second one and saved again, which must give the same. At the end the store
 * must be sound.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>

#include "fuzz-store-request.h"

enum { STEPS = 200 };

typedef struct {
    StoreConnection *connection;
    Remembered remembered;
    GByteArray *answer; /* what has come of the answer in progress */
} Client;

/* Takes all that waits to go out; answers and events, one behind the other. */
static void drain(Client *client)
{
    const uint8_t *bytes;
    unsigned length;

    while ((length = store_connection_peek(client->connection, &bytes)) > 0) {
        struct xsd_sockmsg header;

        g_byte_array_append(client->answer, bytes, length);
        store_connection_consume(client->connection, length);
        while (client->answer->len >= sizeof(header)) {
            memcpy(&header, client->answer->data, sizeof(header));
            if (header.len > XENSTORE_PAYLOAD_MAX) {
                abort();
            }
            if (client->answer->len < sizeof(header) + header.len) {
                break;
            }
            remember(&client->remembered, client->answer->data, client->answer->len);
            g_byte_array_remove_range(client->answer, 0, sizeof(header) + header.len);
        }
    }
}

static void feed(Client *client, const uint8_t *bytes, size_t length, unsigned most)
{
    while (length > 0) {
        unsigned piece = MIN(MIN(length, most), store_connection_wanted(client->connection));

        if (piece == 0) {
            drain(client);
            piece = MIN(MIN(length, most), store_connection_wanted(client->connection));
        }
        if (piece == 0) {
            return;
        }
        store_connection_feed(client->connection, bytes, piece);
        bytes += piece;
        length -= piece;
    }
}

static void restart(Client *client)
{
    store_connection_restart(client->connection);
    g_byte_array_set_size(client->answer, 0);
}

static void save_and_load(XenStore *store)
{
    g_autoptr(GVariant) saved = g_variant_ref_sink(store_save(store));
    g_autoptr(GVariant) again = NULL;
    XenStore *copy = store_new();

    if (!store_load(copy, saved, NULL)) {
        abort();
    }
    again = g_variant_ref_sink(store_save(copy));
    if (!g_variant_equal(saved, again) || !store_check(copy, NULL)) {
        abort();
    }
    store_free(copy);
}

static void feed_raw(Client *client, Input *input)
{
    size_t length;
    unsigned limit = (unsigned)take(input, 1) % 64;
    const uint8_t *bytes = take_bytes(input, limit, &length);

    feed(client, bytes, length, UINT32_MAX);
}

static void step(XenStore *store, Client *clients, Input *input)
{
    uint8_t what = (uint8_t)take(input, 1);
    Client *client = &clients[what & 1];

    if (what < 200) {
        g_autoptr(GByteArray) request = take_request(input, &client->remembered);
        feed(client, request->data, request->len, what & 2 ? 1 + (unsigned)take(input, 1) : 4200);
    } else if (what < 216) {
        feed_raw(client, input);
    } else if (what < 217) {
        save_and_load(store);
    } else if (what < 220) {
        restart(client);
    }
    if (!(what & 4)) {
        drain(client);
    }
    if (client->connection->error) {
        restart(client);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    XenStore *store = store_new();
    Client clients[2] = {{.answer = g_byte_array_new()}, {.answer = g_byte_array_new()}};
    Input input = {data, size};

    store_domain_create(store, 1, NULL);
    store_domain_introduce(store, 1, NULL);
    store_lock(store);
    clients[0].connection = store_domain_find(store, 1)->connection;
    clients[1].connection = store_connection_new(store, 0);
    store_op_write(clients[1].connection, NULL, "/local/domain/1", "", 0);
    store_op_set_permissions(clients[1].connection, NULL, "/local/domain/1",
                             &(StorePermission){1, 0}, 1);
    for (unsigned i = 0; i < STEPS && input.left > 0; i++) {
        step(store, clients, &input);
        /* a domain may have gone and come back */
        StoreDomain *domain = store_domain_find(store, 1);
        if (!domain || !domain->connection) {
            break;
        }
        clients[0].connection = domain->connection;
    }
    if (!store_check(store, NULL)) {
        abort();
    }
    store_connection_free(clients[1].connection);
    store_unlock(store);
    g_byte_array_unref(clients[0].answer);
    g_byte_array_unref(clients[1].answer);
    store_free(store);
    return 0;
}
