/*
 * The guest's ring: every split of header and payload, full rings, wrapping indices, hostile
 * indices and contents, reconnection, notification exactly when bytes moved.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store_ring.h"
#include "xenstore-fixture.h"

typedef struct xenstore_domain_interface Page;

typedef struct {
    Fixture f;
    Page *page;
    StoreRing *ring;
    unsigned notified;
    GByteArray *got; /* what the guest has read */
} Guest;

static void notify(void *opaque)
{
    ((Guest *)opaque)->notified++;
}

static const StoreRingOps ring_ops = {.notify = notify};

static void guest_new(Guest *g)
{
    memset(g, 0, sizeof(*g));
    g->f = fixture_new();
    store_unlock(g->f.store); /* the ring locks by itself, and wakes as the lock is let go */
    g->page = g_malloc(STORE_RING_PAGE_SIZE);
    memset(g->page, 0xa5, STORE_RING_PAGE_SIZE);
    g->got = g_byte_array_new();
    g->ring = store_ring_new(g->f.store, 5, g->page, &ring_ops, g, NULL);
    g_assert_nonnull(g->ring);
}

static void guest_free(Guest *g)
{
    store_ring_free(g->ring);
    g_byte_array_unref(g->got);
    g_free(g->page);
    store_lock(g->f.store);
    fixture_free(&g->f);
}

/* The guest's side: puts in what fits, takes out what is there. */
static unsigned guest_put(Guest *g, const uint8_t *bytes, unsigned length)
{
    unsigned n = 0;

    while (n < length && g->page->req_prod - g->page->req_cons < XENSTORE_RING_SIZE) {
        g->page->req[MASK_XENSTORE_IDX(g->page->req_prod)] = bytes[n++];
        g->page->req_prod++;
    }
    return n;
}

static void guest_take(Guest *g, unsigned most)
{
    while (most-- > 0 && g->page->rsp_cons != g->page->rsp_prod) {
        g_byte_array_append(g->got, (uint8_t *)&g->page->rsp[MASK_XENSTORE_IDX(g->page->rsp_cons)],
                            1);
        g->page->rsp_cons++;
    }
}

static void assert_reply(Guest *g, uint32_t type, uint32_t id, const void *payload, unsigned length)
{
    g_assert_cmpuint(g->got->len, >=, 16 + length);
    g_assert_cmpuint(load_le32(g->got->data), ==, type);
    g_assert_cmpuint(load_le32(g->got->data + 4), ==, id);
    g_assert_cmpmem(g->got->data + 16, load_le32(g->got->data + 12), payload, length);
    g_byte_array_remove_range(g->got, 0, 16 + length);
}

static void set_indices(Guest *g, uint32_t request, uint32_t response)
{
    g->page->req_cons = g->page->req_prod = request;
    g->page->rsp_cons = g->page->rsp_prod = response;
}

static void a_new_ring_announces_its_features(void)
{
    Guest g;

    guest_new(&g);
    g_assert_cmpuint(g.page->server_features, ==, 3);
    g_assert_cmpuint(g.page->req_cons | g.page->req_prod | g.page->rsp_cons | g.page->rsp_prod, ==,
                     0);
    g_assert_cmpuint(g.page->connection, ==, XENSTORE_CONNECTED);
    g_assert_cmpuint(g.page->error, ==, XENSTORE_ERROR_NONE);
    g_assert_cmpuint(g.notified, ==, 0);
    g_assert_false(store_ring_poll(g.ring));
    g_assert_cmpuint(g.notified, ==, 0);
    guest_free(&g);
}

static void a_ring_needs_a_domain_of_its_own(void)
{
    Guest g;
    GError *error = NULL;

    guest_new(&g);
    g_assert_null(store_ring_new(g.f.store, 5, g.page, &ring_ops, &g, &error));
    g_assert_error(error, STORE_ERROR, EBUSY);
    g_clear_error(&error);
    g_assert_null(store_ring_new(g.f.store, 77, g.page, &ring_ops, &g, &error));
    g_assert_error(error, STORE_ERROR, ENOENT);
    g_clear_error(&error);
    g_assert_null(store_ring_new(g.f.store, 0, g.page, &ring_ops, &g, &error));
    g_assert_error(error, STORE_ERROR, EINVAL);
    g_clear_error(&error);
    g_assert_null(store_ring_new(g.f.store, 6, (uint8_t *)g.page + 1, &ring_ops, &g, &error));
    g_assert_error(error, STORE_ERROR, EINVAL);
    g_clear_error(&error);
    g_assert_false(store_domain_destroy(g.f.store, 5, false, &error));
    g_assert_error(error, STORE_ERROR, EBUSY);
    g_clear_error(&error);
    guest_free(&g);
}

static void a_request_may_be_split_anywhere(void)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    Guest g;

    guest_new(&g);
    make_request(request, XS_WRITE, 7, 0, "data/x\0value", 12);
    for (unsigned first = 0; first <= request->len; first++) {
        for (unsigned second = first; second <= request->len; second++) {
            set_indices(&g, 1024 * 4 - 9, UINT32_MAX - 5);
            g_assert_cmpuint(guest_put(&g, request->data, first), ==, first);
            store_ring_poll(g.ring);
            g_assert_cmpuint(guest_put(&g, request->data + first, second - first), ==,
                             second - first);
            store_ring_poll(g.ring);
            guest_put(&g, request->data + second, request->len - second);
            store_ring_poll(g.ring);
            guest_take(&g, 1024);
            assert_reply(&g, XS_WRITE, 7, "OK", 3);
            g_assert_cmpuint(g.got->len, ==, 0);
        }
    }
    guest_free(&g);
}

static void a_reply_longer_than_the_ring_flows_through_it(void)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    g_autofree char *value = g_malloc0(2048);
    unsigned sent = 0;
    Guest g;

    memset(value, 'v', 2047);
    guest_new(&g);
    {
        g_autofree char *payload = g_strdup_printf("data/x%c%s", '|', value);

        payload[6] = '\0';
        make_request(request, XS_WRITE, 1, 0, payload, 7 + 2047);
    }
    make_request(request, XS_READ, 2, 0, "data/x", 7);
    while (sent < request->len) {
        sent += guest_put(&g, request->data + sent, request->len - sent);
        store_ring_poll(g.ring);
    }
    for (unsigned i = 0; i < 4000 && g.got->len < 19 + 16 + 2047; i++) {
        unsigned before = g.notified, level = g.page->rsp_prod - g.page->rsp_cons;

        guest_take(&g, 13);
        store_ring_poll(g.ring);
        /* Told exactly if there is more to read than was left. */
        g_assert_cmpuint(g.notified - before, ==,
                         g.page->rsp_prod - g.page->rsp_cons > MAX(level, 13) - 13);
    }
    assert_reply(&g, XS_WRITE, 1, "OK", 3);
    assert_reply(&g, XS_READ, 2, value, 2047);
    guest_free(&g);
}

static void events_from_elsewhere_reach_the_ring_by_themselves(void)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    StoreClient *client;
    Guest g;

    guest_new(&g);
    client = store_client_new(g.f.store, 0);
    make_request(request, XS_WATCH, 3, 0, "data\0tok", 9);
    guest_put(&g, request->data, request->len);
    store_ring_poll(g.ring);
    g_assert_cmpuint(g.notified, ==, 1);
    guest_take(&g, 1024);
    assert_reply(&g, XS_WATCH, 3, "OK", 3);
    assert_reply(&g, XS_WATCH_EVENT, 0, "data\0tok", 9);
    g_assert_true(store_client_printf(client, 0, NULL, "/local/domain/5/data", "%u", 5));
    g_assert_cmpuint(g.notified, ==, 2);
    guest_take(&g, 1024);
    assert_reply(&g, XS_WATCH_EVENT, 0, "data\0tok", 9);
    /* A batch under the lock is one notification. */
    store_lock(g.f.store);
    store_client_printf(client, 0, NULL, "/local/domain/5/data/a", "%u", 5);
    store_client_printf(client, 0, NULL, "/local/domain/5/data/b", "%u", 5);
    store_unlock(g.f.store);
    g_assert_cmpuint(g.notified, ==, 3);
    store_client_free(client);
    guest_free(&g);
}

static void bad_indices_break_the_ring_until_reconnection(void)
{
    static const uint32_t bad[][4] = {
        /* req_cons, req_prod, rsp_cons, rsp_prod */
        {0, 1025, 0, 0},       {1, 0, 0, 0},     {0x80000000, 0, 0, 0},
        {0, UINT32_MAX, 0, 0}, {0, 32, 0, 1025}, {0, 32, 5, 4},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GByteArray) request = g_byte_array_new();
        Guest g;

        guest_new(&g);
        make_request(request, XS_READ, 9, 0, "data", 5);
        guest_put(&g, request->data, request->len);
        g.page->req_cons = bad[i][0];
        g.page->req_prod = bad[i][1];
        g.page->rsp_cons = bad[i][2];
        g.page->rsp_prod = bad[i][3];
        store_ring_poll(g.ring);
        g_assert_true(store_ring_is_broken(g.ring));
        g_assert_cmpuint(g.page->error, ==, XENSTORE_ERROR_RINGIDX);
        g_assert_cmpuint(g.notified, >=, 1);
        g.notified = 0;
        set_indices(&g, 0, 0);
        guest_put(&g, request->data, request->len);
        g_assert_false(store_ring_poll(g.ring));
        g_assert_cmpuint(g.page->rsp_prod, ==, 0);
        g_assert_cmpuint(g.notified, ==, 0);

        g.page->connection = XENSTORE_RECONNECT;
        store_ring_poll(g.ring);
        g_assert_cmpuint(g.page->connection, ==, XENSTORE_CONNECTED);
        g_assert_cmpuint(g.page->error, ==, XENSTORE_ERROR_NONE);
        g_assert_cmpuint(g.page->req_cons | g.page->req_prod | g.page->rsp_cons | g.page->rsp_prod,
                         ==, 0);
        g_assert_cmpuint(g.notified, ==, 1);
        g_assert_false(store_ring_is_broken(g.ring));
        guest_put(&g, request->data, request->len);
        store_ring_poll(g.ring);
        guest_take(&g, 1024);
        assert_reply(&g, XS_ERROR, 9, "ENOENT", 7);
        guest_free(&g);
    }
}

static void an_overlong_request_is_a_protocol_error(void)
{
    uint8_t header[16] = {0};
    Guest g;

    guest_new(&g);
    store_le32(header + 12, 4097);
    guest_put(&g, header, 16);
    store_ring_poll(g.ring);
    g_assert_cmpuint(g.page->error, ==, XENSTORE_ERROR_PROTO);
    g_assert_true(store_ring_is_broken(g.ring));
    store_ring_reset(g.ring);
    g_assert_cmpuint(g.page->error, ==, 0);
    g_assert_false(store_ring_is_broken(g.ring));
    guest_free(&g);
}

static void reconnection_drops_all_that_was_under_way(void)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    Guest g;

    guest_new(&g);
    make_request(request, XS_WATCH, 1, 0, "data\0tok", 9);
    make_request(request, XS_TRANSACTION_START, 2, 0, "", 1);
    guest_put(&g, request->data, request->len);
    guest_put(&g, request->data, 20); /* half of another */
    store_ring_poll(g.ring);
    g_assert_cmpuint(g.f.guest->watches->len, ==, 1);
    g.page->connection = XENSTORE_RECONNECT;
    store_ring_poll(g.ring);
    g_assert_cmpuint(g.f.guest->watches->len, ==, 0);
    g_assert_cmpuint(g_hash_table_size(g.f.guest->transactions), ==, 0);
    g_assert_cmpuint(g.f.guest->input_length, ==, 0);
    /* Another number there is no request. */
    g.page->connection = 2;
    g.notified = 0;
    store_ring_poll(g.ring);
    g_assert_cmpuint(g.page->connection, ==, 2);
    g_assert_cmpuint(g.notified, ==, 0);
    guest_free(&g);
}

static void a_released_domains_ring_is_still(void)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    Guest g;

    guest_new(&g);
    make_request(request, XS_READ, 1, 0, "data", 5);
    g_assert_true(store_domain_release(g.f.store, 5, NULL));
    guest_put(&g, request->data, request->len);
    g.page->connection = XENSTORE_RECONNECT;
    store_ring_poll(g.ring);
    g_assert_cmpuint(g.page->req_cons, ==, 0);
    g_assert_cmpuint(g.notified, ==, 0);
    store_ring_reset(g.ring);
    g_assert_cmpuint(g.page->req_prod, ==, 0);
    g.page->connection = XENSTORE_RECONNECT;
    g_assert_true(store_domain_introduce(g.f.store, 5, NULL));
    g_assert_cmpuint(g.page->connection, ==, XENSTORE_CONNECTED);
    g_assert_cmpuint(g.notified, ==, 1);
    guest_put(&g, request->data, request->len);
    store_ring_poll(g.ring);
    guest_take(&g, 1024);
    assert_reply(&g, XS_ERROR, 1, "EACCES", 7);
    guest_free(&g);
}

/* A guest that refills its ring while it is served: here the notification stands for its other
 * vCPU. */
static void one_poll_takes_its_share_and_says_so(void)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    bool more = true;
    unsigned polls = 0;
    Guest g;

    guest_new(&g);
    make_request(request, XS_READ, 1, 0, "", 0);
    g_assert_true(store_quota_set(g.f.store, "outstanding", 100000, NULL));
    for (unsigned i = 0; i < 64; i++) {
        guest_put(&g, request->data, request->len);
    }
    while (more) {
        more = store_ring_poll(g.ring);
        guest_take(&g, 4096);
        g_assert_cmpuint(++polls, <, 100);
    }
    g_assert_cmpuint(g.page->req_cons, ==, 64 * 16);
    guest_free(&g);
}

/* Random bytes and indices all over the page, polled: nothing worse than a broken ring. */
static void a_hostile_page_harms_nobody_else(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(4711);
    Guest g;

    guest_new(&g);
    for (unsigned i = 0; i < 200000; i++) {
        uint8_t *bytes = (uint8_t *)g.page;

        switch (g_rand_int_range(rand, 0, 6)) {
        case 0:
            bytes[g_rand_int_range(rand, 0, sizeof(Page))] = g_rand_int(rand);
            break;
        case 1:
            g.page->req_prod = g.page->req_cons + g_rand_int_range(rand, 0, 1100);
            break;
        case 2:
            g.page->rsp_cons = g.page->rsp_prod;
            break;
        case 3:
            store_le32(bytes + (g_rand_int_range(rand, 0, 1024) & ~3),
                       g_rand_int_range(rand, 0, 24));
            break;
        case 4:
            g.page->connection = 1;
            break;
        default:
            memset(bytes, g_rand_int_range(rand, 0, 2) ? '/' : 0, 1024);
            break;
        }
        store_ring_poll(g.ring);
    }
    store_lock(g.f.store);
    assert_write(g.f.tool, 0, "/still/there", "1");
    store_unlock(g.f.store);
    guest_free(&g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function) g_test_add_func("/xenstore/ring/" #function, function)
    TEST(a_new_ring_announces_its_features);
    TEST(a_ring_needs_a_domain_of_its_own);
    TEST(a_request_may_be_split_anywhere);
    TEST(a_reply_longer_than_the_ring_flows_through_it);
    TEST(events_from_elsewhere_reach_the_ring_by_themselves);
    TEST(bad_indices_break_the_ring_until_reconnection);
    TEST(an_overlong_request_is_a_protocol_error);
    TEST(reconnection_drops_all_that_was_under_way);
    TEST(a_released_domains_ring_is_still);
    TEST(one_poll_takes_its_share_and_says_so);
    TEST(a_hostile_page_harms_nobody_else);
    return g_test_run();
}
