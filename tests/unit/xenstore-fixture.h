/*
 * Wire requests to a connection of the store, with the answer taken apart from the watch events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_XENSTORE_FIXTURE_H
#define TESTS_UNIT_XENSTORE_FIXTURE_H

#include <string.h>

#include "hw/xen/store/store_private.h"
#include "hw/xen/store_client.h"
#include "util/bytes.h"

/* The last answer, and "path token" of each event before and behind it. */
typedef struct {
    uint32_t type, req_id, tx_id, length;
    char payload[XENSTORE_PAYLOAD_MAX + 1];
    GPtrArray *events;
    unsigned events_before; /* the answer */
    bool answered;
} Answer;

static Answer answer;

static inline void fetch_output(StoreConnection *connection)
{
    const uint8_t *bytes;
    unsigned length;

    if (!answer.events) {
        answer.events = g_ptr_array_new_with_free_func(g_free);
    }
    while ((length = store_connection_peek(connection, &bytes)) > 0) {
        if (load_le32(bytes) == XS_WATCH_EVENT) {
            const char *path = (const char *)bytes + 16;

            g_assert_cmpuint(load_le32(bytes + 4), ==, 0);
            g_assert_cmpuint(load_le32(bytes + 8), ==, 0);
            g_ptr_array_add(answer.events, g_strdup_printf("%s %s", path, path + strlen(path) + 1));
        } else {
            answer.type = load_le32(bytes);
            answer.req_id = load_le32(bytes + 4);
            answer.tx_id = load_le32(bytes + 8);
            answer.length = load_le32(bytes + 12);
            g_assert_cmpuint(answer.length, ==, length - 16);
            memcpy(answer.payload, bytes + 16, answer.length);
            answer.payload[answer.length] = '\0';
            answer.answered = true;
            answer.events_before = answer.events->len;
        }
        store_connection_consume(connection, length);
    }
}

static inline void forget_answer(void)
{
    if (answer.events) {
        g_ptr_array_unref(answer.events);
    }
    memset(&answer, 0, sizeof(answer));
    answer.events = g_ptr_array_new_with_free_func(g_free);
}

static inline void feed(StoreConnection *connection, const void *bytes, unsigned length)
{
    const uint8_t *at = bytes;

    while (length > 0) {
        unsigned piece = MIN(length, store_connection_wanted(connection));

        g_assert_cmpuint(piece, >, 0);
        store_connection_feed(connection, at, piece);
        at += piece;
        length -= piece;
    }
}

static inline void make_request(GByteArray *request, uint32_t type, uint32_t req_id, uint32_t tx_id,
                                const void *payload, uint32_t length)
{
    uint8_t header[16];

    store_le32(header, type);
    store_le32(header + 4, req_id);
    store_le32(header + 8, tx_id);
    store_le32(header + 12, length);
    g_byte_array_append(request, header, sizeof(header));
    if (length) {
        g_byte_array_append(request, payload, length);
    }
}

/* Sends one request, fetches the answer; true if it was no error. */
static inline bool ask(StoreConnection *connection, uint32_t type, uint32_t tx_id,
                       const void *payload, uint32_t length)
{
    static uint32_t req_id = 77;
    g_autoptr(GByteArray) request = g_byte_array_new();

    forget_answer();
    make_request(request, type, ++req_id, tx_id, payload, length);
    feed(connection, request->data, request->len);
    fetch_output(connection);
    g_assert_true(answer.answered);
    g_assert_cmpuint(answer.req_id, ==, req_id);
    g_assert_cmpuint(answer.tx_id, ==, tx_id);
    g_assert_true(answer.type == type || answer.type == XS_ERROR);
    return answer.type != XS_ERROR;
}

/* The payload is a string literal; its closing NUL counts. */
#define ASK(connection, type, tx, literal) ask(connection, type, tx, literal, sizeof(literal))

#define assert_ok(connection, type, tx, literal)                                                   \
    do {                                                                                           \
        bool ok_ = ASK(connection, type, tx, literal);                                             \
        if (!ok_) {                                                                                \
            g_test_message("%s", answer.payload);                                                  \
        }                                                                                          \
        g_assert_true(ok_);                                                                        \
    } while (0)
#define assert_error(connection, type, tx, literal, name)                                          \
    do {                                                                                           \
        g_assert_false(ASK(connection, type, tx, literal));                                        \
        g_assert_cmpstr(answer.payload, ==, name);                                                 \
        g_assert_cmpuint(answer.length, ==, strlen(name) + 1);                                     \
    } while (0)
#define assert_value(connection, tx, path, text)                                                   \
    do {                                                                                           \
        assert_ok(connection, XS_READ, tx, path);                                                  \
        g_assert_cmpstr(answer.payload, ==, text);                                                 \
        g_assert_cmpuint(answer.length, ==, strlen(text));                                         \
    } while (0)
/* WRITE takes the value without a NUL. */
#define WRITE(connection, tx, path, value)                                                         \
    ask(connection, XS_WRITE, tx, path "\0" value, sizeof(path "\0" value) - 1)
#define assert_write(connection, tx, path, value)                                                  \
    do {                                                                                           \
        g_assert_true(WRITE(connection, tx, path, value));                                         \
        g_assert_cmpstr(answer.payload, ==, "OK");                                                 \
    } while (0)

/* All events of the last answer, or of what has come since, as one string. */
static inline char *events_text(void)
{
    g_autoptr(GPtrArray) copy = g_ptr_array_new();

    for (unsigned i = 0; i < answer.events->len; i++) {
        g_ptr_array_add(copy, g_ptr_array_index(answer.events, i));
    }
    g_ptr_array_add(copy, NULL);
    return g_strjoinv(",", (char **)copy->pdata);
}

static inline void assert_events_now(const char *expected)
{
    g_autofree char *text = events_text();

    g_assert_cmpstr(text, ==, expected);
}

/* What @connection was told since it was looked at last. */
static inline void assert_events(StoreConnection *connection, const char *expected)
{
    forget_answer();
    fetch_output(connection);
    g_assert_false(answer.answered);
    assert_events_now(expected);
}

typedef struct {
    XenStore *store;
    StoreConnection *tool;  /* privileged */
    StoreConnection *guest; /* domain 5 */
    StoreConnection *other; /* domain 6 */
} Fixture;

static inline StoreConnection *connection_of(XenStore *store, uint16_t domid)
{
    return store_domain_find(store, domid)->connection;
}

static inline Fixture fixture_new(void)
{
    static const StorePermission of_guest[] = {{5, STORE_ACCESS_NONE}};
    Fixture f = {.store = store_new()};
    StoreClient *client = store_client_new(f.store, 0);
    GError *error = NULL;

    for (unsigned domid = 5; domid <= 6; domid++) {
        g_assert_true(store_domain_create(f.store, domid, &error));
        g_assert_true(store_domain_introduce(f.store, domid, &error));
    }
    g_assert_true(store_client_mkdir(client, 0, "/local/domain/5", &error));
    g_assert_true(store_client_set_permissions(client, 0, "/local/domain/5", of_guest, 1, &error));
    g_assert_no_error(error);
    store_client_free(client);
    store_lock(f.store);
    f.tool = store_connection_new(f.store, 0);
    f.guest = connection_of(f.store, 5);
    f.other = connection_of(f.store, 6);
    return f;
}

static inline void fixture_free(Fixture *f)
{
    g_autoptr(GString) report = g_string_new(NULL);

    store_check(f->store, report);
    g_assert_cmpstr(report->str, ==, "");
    store_connection_free(f->tool);
    store_unlock(f->store);
    store_free(f->store);
    g_clear_pointer(&answer.events, g_ptr_array_unref);
}

static inline uint32_t start(StoreConnection *connection)
{
    assert_ok(connection, XS_TRANSACTION_START, 0, "");
    return g_ascii_strtoull(answer.payload, NULL, 10);
}

#endif
