/*
 * libFuzzer target: bytes of requests to two connections, a guest's and a privileged one. Each
 * piece of input is: a byte (bit 0: who; bits 1-7: how many bytes follow), the bytes. Now and then
 * the store is saved, loaded into a second one and saved again, which must give the same. At the
 * end the store must be sound.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>

#include "hw/xen/store/store_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drain(StoreConnection *connection)
{
    const uint8_t *bytes;
    unsigned length;

    while ((length = store_connection_peek(connection, &bytes)) > 0) {
        store_connection_consume(connection, length);
    }
}

static void feed(StoreConnection *connection, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        unsigned piece = MIN(length, store_connection_wanted(connection));

        if (piece == 0) {
            return;
        }
        store_connection_feed(connection, bytes, piece);
        bytes += piece;
        length -= piece;
    }
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    XenStore *store = store_new();
    StoreConnection *who[2];
    size_t at = 0;

    store_domain_create(store, 1, NULL);
    store_domain_introduce(store, 1, NULL);
    store_lock(store);
    who[0] = store_domain_find(store, 1)->connection;
    who[1] = store_connection_new(store, 0);
    store_op_write(who[1], NULL, "/local/domain/1", "", 0);
    store_op_set_permissions(who[1], NULL, "/local/domain/1", &(StorePermission){1, 0}, 1);
    while (at < size) {
        StoreConnection *connection = who[data[at] & 1];
        size_t length = MIN((size_t)data[at] >> 1, size - at - 1);

        feed(connection, data + at + 1, length);
        at += 1 + length;
        if (length % 2) {
            drain(connection);
        }
        if (connection->error) {
            store_connection_restart(connection);
        }
        if (length == 127) {
            save_and_load(store);
        }
    }
    if (!store_check(store, NULL)) {
        abort();
    }
    save_and_load(store);
    store_connection_free(who[1]);
    store_unlock(store);
    store_free(store);
    return 0;
}
