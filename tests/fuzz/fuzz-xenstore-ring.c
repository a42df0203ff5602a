/*
 * libFuzzer target: the guest's page. Requests go in whole or a few bytes at a time, over the wrap
 * of the ring and in the middle of a header, answers are taken or left, indices and any bytes of
 * the page are overwritten, the connection is restarted; after each step the ring is polled. The
 * bytes behind the page's structure must stay as they are and the store must be sound at the end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>

#include "fuzz-store-request.h"
#include "hw/xen/store_ring.h"

enum { STEPS = 400 };

typedef struct xenstore_domain_interface Page;

typedef struct {
    uint8_t *page;
    StoreRing *ring;
    Remembered remembered;
    GByteArray *answer;
} Guest;

static void notify(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void take_answers(Guest *guest)
{
    Page *page = (Page *)guest->page;
    struct xsd_sockmsg header;

    for (unsigned i = 0; page->rsp_cons != page->rsp_prod && i < XENSTORE_RING_SIZE; i++) {
        uint8_t byte = (uint8_t)page->rsp[MASK_XENSTORE_IDX(page->rsp_cons)];
        g_byte_array_append(guest->answer, &byte, 1);
        page->rsp_cons++;
    }
    while (guest->answer->len >= sizeof(header)) {
        memcpy(&header, guest->answer->data, sizeof(header));
        if (header.len > XENSTORE_PAYLOAD_MAX) {
            g_byte_array_set_size(guest->answer, 0); /* the fuzzer wrote over it */
            return;
        }
        if (guest->answer->len < sizeof(header) + header.len) {
            return;
        }
        remember(&guest->remembered, guest->answer->data, guest->answer->len);
        g_byte_array_remove_range(guest->answer, 0, sizeof(header) + header.len);
    }
}

/* In pieces, with a poll behind each; a full ring is polled too, and what does not fit then is
 * lost. */
static void put(Guest *guest, const uint8_t *bytes, size_t length, unsigned piece)
{
    Page *page = (Page *)guest->page;

    for (size_t i = 0; i < length; i++) {
        if (page->req_prod - page->req_cons == XENSTORE_RING_SIZE) {
            take_answers(guest);
            store_ring_poll(guest->ring);
        }
        page->req[MASK_XENSTORE_IDX(page->req_prod)] = (char)bytes[i];
        page->req_prod++;
        if (i % piece == piece - 1) {
            store_ring_poll(guest->ring);
        }
    }
}

static void overwrite(Guest *guest, Input *input)
{
    Page *page = (Page *)guest->page;
    uint8_t what = (uint8_t)take(input, 1);
    uint32_t *const words[] = {&page->req_prod, &page->req_cons,   &page->rsp_prod,
                               &page->rsp_cons, &page->connection, &page->server_features};
    unsigned at, limit;
    const uint8_t *bytes;
    size_t length;

    if (what < 192) {
        uint32_t *word = words[what % G_N_ELEMENTS(words)];
        *word = what & 0x40 ? (uint32_t)take(input, 4) : *word + (uint32_t)take(input, 1) - 128;
        return;
    }
    at = (unsigned)take(input, 2) % sizeof(Page);
    limit = (unsigned)take(input, 1);
    bytes = take_bytes(input, MIN(limit, sizeof(Page) - at), &length);
    memcpy(guest->page + at, bytes, length);
}

static void step(Guest *guest, Input *input)
{
    uint8_t what = (uint8_t)take(input, 1);

    if (what < 224) {
        g_autoptr(GByteArray) request = take_request(input, &guest->remembered);
        put(guest, request->data, request->len, what & 1 ? 1 + (unsigned)take(input, 1) : 600);
    } else if (what < 240) {
        overwrite(guest, input);
    } else if (what < 246) {
        ((Page *)guest->page)->connection = XENSTORE_RECONNECT;
    } else if (what < 250) {
        store_ring_reset(guest->ring);
    }
    store_ring_poll(guest->ring);
    if ((what & 6) != 6) {
        take_answers(guest);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const StoreRingOps ops = {.notify = notify};
    XenStore *store = store_new();
    Guest guest = {.page = g_malloc0(STORE_RING_PAGE_SIZE), .answer = g_byte_array_new()};
    Input input = {data, size};
    unsigned notified = 0;

    store_domain_create(store, 1, NULL);
    store_domain_introduce(store, 1, NULL);
    store_lock(store);
    StoreConnection *builder = store_connection_new(store, 0);
    store_op_write(builder, NULL, "/local/domain/1/data", "", 0);
    store_op_set_permissions(builder, NULL, "/local/domain/1/data", &(StorePermission){1, 0}, 1);
    store_connection_free(builder);
    store_unlock(store);
    guest.ring = store_ring_new(store, 1, guest.page, &ops, &notified, NULL);
    for (unsigned i = 0; i < STEPS && input.left > 0; i++) {
        step(&guest, &input);
    }
    if (!store_check(store, NULL)) {
        abort();
    }
    for (unsigned i = sizeof(Page); i < STORE_RING_PAGE_SIZE; i++) {
        if (guest.page[i] != 0) {
            abort();
        }
    }
    store_ring_free(guest.ring);
    store_free(store);
    g_byte_array_unref(guest.answer);
    g_free(guest.page);
    return 0;
}
