/*
 * Xenstore's watches and transactions, its events by interrupt, and a request in pieces.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#include <xen/io/xs_wire.h>

#define VECTOR 0xf3

static StoreAnswer answer;

static bool two(unsigned type, const char *a, const char *b)
{
    char payload[128];
    unsigned length = format(payload, sizeof(payload), "%s", a) + 1;
    length += format(payload + length, sizeof(payload) - length, "%s", b) + 1;
    return store_ask(type, 0, payload, length, &answer);
}

static void event(const char *path, const char *token)
{
    if (!store_event(&answer, 3000)) {
        check(false, "an event for %s", path);
        return;
    }
    bool good =
        strcmp(answer.text, path) == 0 && strcmp(answer.text + strlen(answer.text) + 1, token) == 0;
    if (!check(good, "an event for %s with token %s", path, token)) {
        note("  got %s with token %s", answer.text, answer.text + strlen(answer.text) + 1);
    }
}

static void no_event(const char *why)
{
    check(!store_event(&answer, 100), "no event %s", why);
}

static void watches(void)
{
    store_write(0, "data/w", "0", &answer);
    check(two(XS_WATCH, "data/w", "token") && answer.type == XS_WATCH, "a watch");
    event("data/w", "token");
    store_write(0, "data/w", "1", &answer);
    event("data/w", "token");
    store_write(0, "data/w/below", "1", &answer);
    event("data/w/below", "token");
    store_write(0, "data/other", "1", &answer);
    no_event("for another node");
    check(two(XS_WATCH, "data/w", "token") && store_is_error(&answer, "EEXIST"),
          "the same watch again: EEXIST");
    check(two(XS_WATCH, "data/w", "second") && answer.type == XS_WATCH, "with another token");
    event("data/w", "second");
    check(two(XS_UNWATCH, "data/w", "second") && answer.type == XS_UNWATCH, "which ends");
    check(two(XS_UNWATCH, "data/w", "second") && store_is_error(&answer, "ENOENT"), "once: ENOENT");
    store_text(XS_RM, 0, "data/w", &answer);
    event("data/w", "token");
    check(two(XS_WATCH, "/local/domain/0/name", "zero") && answer.type == XS_WATCH,
          "a node of domain 0 can be watched");
    check(two(XS_WATCH, "a b", "t") && store_is_error(&answer, "EINVAL"),
          "a path that is none: EINVAL");
    check(store_ask(XS_RESET_WATCHES, 0, "", 1, &answer) && answer.type == XS_RESET_WATCHES,
          "all watches end");
    while (store_event(&answer, 50)) {
        note("left: %s", answer.text);
    }
    store_write(0, "data/w", "2", &answer);
    no_event("after that");
}

static uint32_t start(void)
{
    return store_ask(XS_TRANSACTION_START, 0, "", 1, &answer) && answer.type == XS_TRANSACTION_START
               ? parse_number(answer.text)
               : 0;
}

static void transactions(void)
{
    store_write(0, "data/t", "before", &answer);
    uint32_t id = start();
    check(id != 0, "a transaction %u", id);
    check(store_write(id, "data/t", "within", &answer) && answer.type == XS_WRITE,
          "a value is written in it");
    store_text(XS_READ, 0, "data/t", &answer);
    expect_text("outside it is not seen", answer.text, "before");
    store_text(XS_READ, id, "data/t", &answer);
    expect_text("inside it is", answer.text, "within");
    check(store_text(XS_TRANSACTION_END, id, "F", &answer) && answer.type == XS_TRANSACTION_END,
          "it is dropped");
    store_text(XS_READ, 0, "data/t", &answer);
    expect_text("nothing has changed", answer.text, "before");
    id = start();
    store_write(id, "data/t", "within", &answer);
    check(store_text(XS_TRANSACTION_END, id, "T", &answer) && answer.type == XS_TRANSACTION_END,
          "one is committed");
    store_text(XS_READ, 0, "data/t", &answer);
    expect_text("now it is seen", answer.text, "within");
    id = start();
    store_text(XS_READ, id, "data/t", &answer);
    store_write(id, "data/t2", "x", &answer);
    store_write(0, "data/t", "meanwhile", &answer);
    check(store_text(XS_TRANSACTION_END, id, "T", &answer) && store_is_error(&answer, "EAGAIN"),
          "one that read what was changed meanwhile: EAGAIN");
    check(store_text(XS_READ, 0, "data/t2", &answer) && store_is_error(&answer, "ENOENT"),
          "nothing of it is there");
    store_write(0, "data/t2", "", &answer);
    store_write(0, "data/unrelated", "", &answer);
    id = start();
    store_write(id, "data/t2", "x", &answer);
    store_write(0, "data/unrelated", "y", &answer);
    check(store_text(XS_TRANSACTION_END, id, "T", &answer) && answer.type == XS_TRANSACTION_END,
          "one that did not touch what was changed is committed");
    check(store_text(XS_TRANSACTION_END, id, "T", &answer) && store_is_error(&answer, "ENOENT"),
          "once: ENOENT");
    id = start();
    check(store_text(XS_TRANSACTION_END, id, "X", &answer) && store_is_error(&answer, "EINVAL"),
          "neither T nor F: EINVAL");
    store_text(XS_TRANSACTION_END, id, "F", &answer);
    unsigned many = 0;
    uint32_t ids[32];
    while (many < 32 && (ids[many] = start()) != 0) {
        many++;
    }
    check(many >= 5 && many < 32 && store_is_error(&answer, "ENOSPC"), "%u at once and no more: %s",
          many, answer.text);
    for (unsigned i = 0; i < many; i++) {
        store_text(XS_TRANSACTION_END, ids[i], "F", &answer);
    }
}

/* The ring by hand: the header in two pieces, then an interrupt that tells of the answer. */
static void pieces_and_interrupt(void)
{
    struct {
        struct xsd_sockmsg header;
        char path[6];
    } PACKED request = {{.type = XS_READ, .req_id = 7, .len = 6}, "domid"};
    const char *bytes = (const char *)&request;
    events_by_callback_vector(VECTOR);
    rest(2);
    events_forget();
    for (unsigned i = 0; i < sizeof(request); i++) {
        store_ring->req[MASK_XENSTORE_IDX(store_ring->req_prod)] = bytes[i];
        barrier();
        store_ring->req_prod = store_ring->req_prod + 1;
        if (i == 5 || i == 17) {
            port_send(store_port);
            rest(2);
        }
    }
    events_forget();
    port_send(store_port);
    check(event_wait(store_port, 1, 3000),
          "the answer to a request in three pieces is told by an event");
    uint32_t length = store_ring->rsp_prod - store_ring->rsp_cons;
    check(length > sizeof(struct xsd_sockmsg), "it is there: %u bytes", length);
    struct xsd_sockmsg reply;
    for (unsigned i = 0; i < sizeof(reply); i++) {
        ((char *)&reply)[i] = store_ring->rsp[MASK_XENSTORE_IDX(store_ring->rsp_cons + i)];
    }
    expect("with the request's number", reply.req_id, 7);
    expect("of its type", reply.type, XS_READ);
    store_ring->rsp_cons = store_ring->rsp_prod;
}

/* The guest breaks the ring: the store says so and can be reconnected. */
static void broken_ring(void)
{
    if (!(store_ring->server_features & XENSTORE_SERVER_FEATURE_RECONNECTION)) {
        skip("reconnection", "the store does not offer it");
        return;
    }
    two(XS_WATCH, "data/w", "lost");
    store_event(&answer, 1000);
    store_ring->req_prod = store_ring->req_cons + 5000;
    port_send(store_port);
    rest(20);
    check(store_ring->error != 0, "a ring that cannot be: error %u", store_ring->error);
    store_ring->connection = XENSTORE_RECONNECT;
    port_send(store_port);
    for (unsigned i = 0; i < 100 && store_ring->connection != XENSTORE_CONNECTED; i++) {
        rest(5);
    }
    expect("reconnected", store_ring->connection, XENSTORE_CONNECTED);
    expect("without error", store_ring->error, 0);
    check(store_text(XS_READ, 0, "domid", &answer) && answer.type == XS_READ, "the store answers");
    store_write(0, "data/w", "3", &answer);
    no_event("of watches from before");
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    if (!check(store_connect(), "there is a store")) {
        return;
    }
    watches();
    transactions();
    pieces_and_interrupt();
    broken_ring();
}
