/*
 * libFuzzer target: the guest's page. Each step of the input is: an action, an offset, a length and
 * bytes to write there; or a request put in properly; or output taken; then the ring is polled. The
 * bytes around the page must stay as they are and the store must be sound at the end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdlib.h>
#include <string.h>

#include "hw/xen/store/store_private.h"
#include "hw/xen/store_ring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct xenstore_domain_interface Page;

static void notify(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void put_request(Page *page, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        page->req[MASK_XENSTORE_IDX(page->req_prod)] = bytes[i];
        page->req_prod++;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const StoreRingOps ops = {.notify = notify};
    uint8_t *page = g_malloc0(STORE_RING_PAGE_SIZE);
    XenStore *store = store_new();
    unsigned notified = 0;
    StoreRing *ring;
    size_t at = 0;

    store_domain_create(store, 1, NULL);
    store_domain_introduce(store, 1, NULL);
    ring = store_ring_new(store, 1, page, &ops, &notified, NULL);
    while (at + 4 <= size) {
        Page *shared = (Page *)page;
        unsigned action = data[at] & 7, offset = (data[at + 1] | data[at + 2] << 8) % sizeof(Page);
        size_t length = MIN((size_t)data[at + 3], size - at - 4);

        at += 4;
        if (action == 0) {
            memcpy(page + offset, data + at, MIN(length, sizeof(Page) - offset));
        } else if (action == 1) {
            shared->rsp_cons = shared->rsp_prod;
        } else if (action == 2) {
            shared->connection = XENSTORE_RECONNECT;
        } else {
            put_request(shared, data + at, length);
        }
        at += length;
        store_ring_poll(ring);
    }
    if (!store_check(store, NULL)) {
        abort();
    }
    for (unsigned i = sizeof(Page); i < STORE_RING_PAGE_SIZE; i++) {
        if (page[i] != 0) {
            abort();
        }
    }
    store_ring_free(ring);
    store_free(store);
    g_free(page);
    return 0;
}
