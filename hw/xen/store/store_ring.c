/*
 * The guest's ring: docs/misc/xenstore-ring.txt, xen/io/xs_wire.h.
 *
 * The page belongs to the guest as much as to us. Each index is loaded once, checked (producer -
 * consumer must not exceed the ring) and used from the copy; data is copied out of the page once
 * and looked at in the copy. Our own two indices are taken from the page too, as xenstored does: a
 * guest that spoils them spoils its own connection only, since the check and the mask hold for any
 * value.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store_ring.h"

#include <string.h>

#include "hw/xen/store/store_private.h"
#include "util/trace.h"

TRACE_DEFINE(xenstore_ring);

#define SERVER_FEATURES (XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR)
/* Pieces of requests taken in one poll: a guest that never stops must not hold the store for ever.
 */
#define PIECES_MAX 256

typedef struct xenstore_domain_interface Page;

G_STATIC_ASSERT(sizeof(Page) <= STORE_RING_PAGE_SIZE);

struct StoreRing {
    XenStore *store;
    StoreConnection *connection;
    Page *page;
    const StoreRingOps *ops;
    void *opaque;
};

static uint32_t load(const uint32_t *field)
{
    return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

/* Release: what was copied into or out of the ring is done before the index moves. */
static void put(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELEASE);
}

static void notify(StoreRing *ring)
{
    ring->ops->notify(ring->opaque);
}

/* True and the number of bytes between the indices, or a broken ring. */
static bool ring_level(StoreRing *ring, uint32_t producer, uint32_t consumer, uint32_t *level)
{
    *level = producer - consumer;
    if (*level <= XENSTORE_RING_SIZE) {
        return true;
    }
    store_connection_break(ring->connection, XENSTORE_ERROR_RINGIDX);
    return false;
}

/* Puts out as much as there is room for; true if bytes moved. */
static bool flush(StoreRing *ring)
{
    Page *page = ring->page;
    const uint8_t *bytes;
    unsigned length;
    bool moved = false;

    while ((length = store_connection_peek(ring->connection, &bytes)) > 0) {
        uint32_t consumer = load(&page->rsp_cons);
        uint32_t producer = load(&page->rsp_prod);
        uint32_t offset = MASK_XENSTORE_IDX(producer), level;

        if (!ring_level(ring, producer, consumer, &level)) {
            return moved;
        }
        /* Up to the ring's end, and no more than there is room for. */
        length = MIN(length, MIN(XENSTORE_RING_SIZE - level, XENSTORE_RING_SIZE - offset));
        if (length == 0) {
            return moved;
        }
        memcpy(page->rsp + offset, bytes, length);
        put(&page->rsp_prod, producer + length);
        store_connection_consume(ring->connection, length);
        moved = true;
    }
    return moved;
}

/* Takes one piece of a request; true if bytes moved. */
static bool take(StoreRing *ring)
{
    Page *page = ring->page;
    unsigned length = store_connection_wanted(ring->connection);
    uint32_t producer, consumer, offset, level;

    if (length == 0) {
        return false;
    }
    producer = load(&page->req_prod);
    consumer = load(&page->req_cons);
    if (!ring_level(ring, producer, consumer, &level) || level == 0) {
        return false;
    }
    offset = MASK_XENSTORE_IDX(consumer);
    length = MIN(length, MIN(level, XENSTORE_RING_SIZE - offset));
    store_connection_feed(ring->connection, page->req + offset, length);
    put(&page->req_cons, consumer + length);
    return true;
}

static bool wants_reconnection(const StoreRing *ring)
{
    return load(&ring->page->connection) == XENSTORE_RECONNECT;
}

bool store_ring_poll(StoreRing *ring)
{
    bool moved = false, more = true;

    store_lock(ring->store);
    if (ring->connection->open && wants_reconnection(ring)) {
        TRACE(xenstore_ring, "domain %u reconnects", ring->connection->domid);
        store_connection_restart(ring->connection);
    }
    for (unsigned i = 0; more && i < PIECES_MAX; i++) {
        bool out = flush(ring);

        more = take(ring);
        moved |= out || more;
    }
    moved |= flush(ring);
    if (moved) {
        notify(ring);
    }
    store_unlock(ring->store);
    return more;
}

/* ---- what the connection tells its door ---- */

static void ring_wake(void *opaque)
{
    StoreRing *ring = opaque;

    if (flush(ring)) {
        notify(ring);
    }
}

static void ring_restarted(void *opaque)
{
    StoreRing *ring = opaque;
    Page *page = ring->page;
    bool awaited = wants_reconnection(ring);

    put(&page->req_cons, 0);
    put(&page->req_prod, 0);
    put(&page->rsp_cons, 0);
    put(&page->rsp_prod, 0);
    put(&page->server_features, SERVER_FEATURES);
    put(&page->error, XENSTORE_ERROR_NONE);
    put(&page->connection, XENSTORE_CONNECTED);
    if (awaited) {
        notify(ring);
    }
}

static void ring_broken(void *opaque, uint32_t error)
{
    StoreRing *ring = opaque;

    TRACE(xenstore_ring, "domain %u: error %u", ring->connection->domid, error);
    put(&ring->page->error, error);
    notify(ring);
}

static const StoreConnectionOps ring_ops = {
    .wake = ring_wake,
    .restarted = ring_restarted,
    .broken = ring_broken,
};

/* ---- life ---- */

StoreRing *store_ring_new(XenStore *store, uint16_t domid, void *page, const StoreRingOps *ops,
                          void *opaque, GError **error)
{
    StoreDomain *domain;
    StoreRing *ring = NULL;
    int result = 0;

    store_lock(store);
    domain = store_domain_find(store, domid);
    if (!domain) {
        result = ENOENT;
    } else if (!domain->connection || ((uintptr_t)page & (sizeof(uint32_t) - 1))) {
        result = EINVAL;
    } else if (domain->connection->ops) {
        result = EBUSY;
    } else {
        ring = g_new0(StoreRing, 1);
        ring->store = store;
        ring->connection = domain->connection;
        ring->page = page;
        ring->ops = ops;
        ring->opaque = opaque;
        store_connection_set_door(ring->connection, &ring_ops, ring);
        store_ring_reset(ring);
    }
    store_unlock(store);
    if (result) {
        g_set_error(error, STORE_ERROR, result, "xenstore ring of domain %u: %s", domid,
                    g_strerror(result));
    }
    return ring;
}

void store_ring_free(StoreRing *ring)
{
    if (ring) {
        store_lock(ring->store);
        store_connection_set_door(ring->connection, NULL, NULL);
        store_unlock(ring->store);
        g_free(ring);
    }
}

void store_ring_reset(StoreRing *ring)
{
    store_lock(ring->store);
    put(&ring->page->connection, XENSTORE_CONNECTED);
    if (ring->connection->open) {
        store_connection_restart(ring->connection);
    } else {
        ring_restarted(ring);
    }
    store_unlock(ring->store);
}

bool store_ring_is_broken(StoreRing *ring)
{
    bool broken;

    store_lock(ring->store);
    broken = ring->connection->error != XENSTORE_ERROR_NONE;
    store_unlock(ring->store);
    return broken;
}
