/*
 * Saving and loading: everything a connection has survives; a state that is not sound is refused
 * and leaves the store as it was.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store_ring.h"
#include "xenstore-fixture.h"

static void ignore(void *opaque)
{
}

static GVariant *save(XenStore *store)
{
    return g_variant_ref_sink(store_save(store));
}

static void fill(Fixture *f)
{
    uint8_t half[20] = {0};
    const uint8_t *bytes;
    uint32_t tx;

    assert_write(f->guest, 0, "data/a", "1");
    assert_write(f->guest, 0, "data/gone", "1");
    g_assert_true(ask(f->guest, XS_WRITE, 0, "data/bin\0\0\1\xff", 12));
    assert_ok(f->guest, XS_SET_PERMS, 0, "data/a\0n5\0r6\0w77");
    assert_ok(f->guest, XS_WATCH, 0, "data\0t\xff\x01");
    assert_ok(f->guest, XS_WATCH, 0, "@releaseDomain\0t");
    tx = start(f->guest);
    assert_write(f->guest, tx, "data/tx", "in");
    assert_ok(f->guest, XS_RM, tx, "data/gone");
    assert_error(f->guest, XS_READ, tx, "data/none", "ENOENT");
    start(f->guest);
    /* Two events wait, one of them half sent; half a request has come. */
    assert_write(f->tool, 0, "/local/domain/5/data/a", "2");
    assert_write(f->tool, 0, "/local/domain/5/data/b", "2");
    assert_ok(f->tool, XS_SET_TARGET, 0,
              "6\0"
              "5");
    g_assert_cmpuint(store_connection_peek(f->guest, &bytes), >, 5);
    store_connection_consume(f->guest, 5);
    store_le32(half + 12, 10);
    feed(f->guest, half, 20);
    store_domain_shutdown(f->store, 6);
}

static void a_loaded_store_is_the_saved_one(void)
{
    Fixture f = fixture_new();
    XenStore *copy = store_new();
    g_autoptr(GVariant) saved = NULL, again = NULL;
    StoreConnection *guest;
    const uint8_t *bytes;
    GError *error = NULL;

    fill(&f);
    saved = save(f.store);
    g_assert_true(store_load(copy, saved, &error));
    g_assert_no_error(error);
    again = save(copy);
    g_assert_true(g_variant_equal(saved, again));
    g_assert_true(store_check(copy, NULL));
    store_lock(copy);
    guest = connection_of(copy, 5);
    g_assert_cmpuint(guest->watches->len, ==, 2);
    g_assert_cmpuint(g_hash_table_size(guest->transactions), ==, 2);
    g_assert_cmpuint(guest->input_length, ==, 20);
    g_assert_cmpuint(guest->output_sent, ==, 5);
    g_assert_cmpint(connection_of(copy, 6)->target, ==, 5);
    g_assert_true(store_domain_find(copy, 6)->shutdown);
    /* The rest of the event, the rest of the request, the commit. */
    store_connection_consume(guest, store_connection_peek(guest, &bytes));
    feed(guest, "123456", 6);
    assert_events(f.tool, "");
    forget_answer();
    fetch_output(guest);
    g_assert_true(answer.answered);
    g_assert_cmpstr(answer.payload, ==, "EACCES");          /* type 0 is CONTROL */
    g_assert_false(ASK(guest, XS_TRANSACTION_END, 1, "T")); /* data/b came after it */
    g_assert_cmpstr(answer.payload, ==, "EAGAIN");
    assert_write(guest, 0, "data/a", "3");
    assert_events_now("data/a t\xff\x01");
    store_unlock(copy);
    store_free(copy);
    fixture_free(&f);
}

static void a_ring_keeps_its_connection_over_a_load(void)
{
    static const StoreRingOps ops = {.notify = ignore};
    Fixture f = fixture_new();
    XenStore *copy = store_new();
    g_autofree uint8_t *page = g_malloc0(STORE_RING_PAGE_SIZE);
    g_autoptr(GVariant) saved = NULL, again = NULL, empty = NULL;
    StoreClient *client = store_client_new(copy, 0);
    StoreRing *ring;
    GError *error = NULL;
    XenStore *other = store_new();
    uint32_t tx;

    fill(&f);
    saved = save(f.store);
    store_domain_create(copy, 5, NULL);
    store_domain_introduce(copy, 5, NULL);
    store_domain_create(copy, 9, NULL);
    ring = store_ring_new(copy, 5, page, &ops, NULL, NULL);
    tx = store_client_transaction_start(client, NULL);
    g_assert_true(store_client_mkdir(client, tx, "/made", NULL));
    g_assert_true(store_load(copy, saved, &error));
    again = save(copy);
    g_assert_true(g_variant_equal(saved, again));
    /* The event that waited goes out by the ring. */
    store_ring_poll(ring);
    g_assert_cmpuint(((struct xenstore_domain_interface *)page)->rsp_prod, >, 0);
    g_assert_false(store_client_transaction_end(client, tx, true, &error));
    g_assert_error(error, STORE_ERROR, EAGAIN);
    g_clear_error(&error);
    g_assert_true(store_client_printf(client, 0, NULL, "/after", "1"));
    /* A state that knows nothing of the ring's domain does not fit. */
    empty = save(other);
    g_assert_false(store_load(copy, empty, &error));
    g_clear_error(&error);
    store_ring_free(ring);
    g_assert_true(store_load(copy, empty, &error));
    g_assert_false(store_domain_is_introduced(copy, 5));
    store_client_free(client);
    store_free(other);
    store_free(copy);
    fixture_free(&f);
}

/* Text of a state, with one thing changed. */
static void assert_refused(const char *text, const char *from, const char *to)
{
    g_auto(GStrv) parts = g_strsplit(text, from, 2);
    g_autofree char *changed = g_strconcat(parts[0], to, parts[1], NULL);
    g_autoptr(GVariant) state = NULL, before = NULL, after = NULL;
    XenStore *store = store_new();
    GError *error = NULL;

    g_assert_nonnull(parts[1]);
    state = g_variant_parse(NULL, changed, NULL, NULL, &error);
    g_assert_no_error(error);
    before = save(store);
    g_test_message("%s -> %s", from, to);
    g_assert_false(store_load(store, state, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_clear_error(&error);
    after = save(store);
    g_assert_true(g_variant_equal(before, after));
    store_free(store);
}

static void an_unsound_state_is_refused(void)
{
    static const char *const changes[][2] = {
        {"(uint32 1", "(uint32 2"},
        {"'/tool/xenstored'", "'/tool/xen/stored'"},
        {"'/tool/xenstored'", "'/tool'"},
        {"'/tool/xenstored'", "'/tool/'"},
        {"'/tool/xenstored'", "'@toolxenstored'"},
        {"'@releaseDomain'", "'/releaseDomain'"},
        {"[(0, 0x00)]", "[]"},
        {"[(0, 0x00)]", "[(33, 0x00)]"},
        {"(5, true, false", "(6, true, false"},
        {"(5, true, false", "(0, true, false"},
        {"(5, true, false", "(40000, true, false"},
        {"(uint16 0, true, false", "(uint16 1, true, false"},
        {"('/local/domain/5/data', b't\\377\\001', true)", "('/local/domain/6/data', b't', true)"},
        {"('/local/domain/5/data', b't\\377\\001', true)", "('/local/domain/5', b't', true)"},
        {"('/local/domain/5/data', b't\\377\\001', true)", "('local', b't', false)"},
        {"[(1, false, false", "[(0, false, false"},
        {"[(1, false, false", "[(2, false, false"},
        {"('/local/domain/5/data/none'", "('/local/domain/5/data/'"},
        {"('/local/domain/5/data/none'", "('/local/domain/5/data'"},
        {"], 5)", "], 5000)"},
    };
    Fixture f = fixture_new();
    g_autoptr(GVariant) saved = NULL;
    g_autofree char *text = NULL;
    XenStore *store = store_new();
    g_autoptr(GVariant) wrong = g_variant_ref_sink(g_variant_new_uint32(1));

    fill(&f);
    saved = save(f.store);
    text = g_variant_print(saved, TRUE);
    g_test_message("%s", text);
    for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
        assert_refused(text, changes[i][0], changes[i][1]);
    }
    g_assert_false(store_load(store, wrong, NULL));
    store_free(store);
    fixture_free(&f);
}

/* Bits flipped anywhere in the bytes of a state: refused or loaded whole, never worse. */
static void a_damaged_state_does_no_harm(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(12);
    Fixture f = fixture_new();
    g_autoptr(GVariant) saved = NULL;
    unsigned loaded = 0;
    gsize size;

    fill(&f);
    saved = save(f.store);
    size = g_variant_get_size(saved);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t *bytes = g_memdup2(g_variant_get_data(saved), size);
        g_autoptr(GVariant) state = NULL;
        XenStore *store = store_new();

        for (int n = g_rand_int_range(rand, 1, 4); n > 0; n--) {
            bytes[g_rand_int_range(rand, 0, size)] ^= 1 << g_rand_int_range(rand, 0, 8);
        }
        state = g_variant_ref_sink(
            g_variant_new_from_data(g_variant_get_type(saved), bytes, size, FALSE, g_free, bytes));
        if (store_load(store, state, NULL)) {
            g_assert_true(store_check(store, NULL));
            loaded++;
        }
        store_free(store);
    }
    g_assert_cmpuint(loaded, <, 3000);
    fixture_free(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function) g_test_add_func("/xenstore/state/" #function, function)
    TEST(a_loaded_store_is_the_saved_one);
    TEST(a_ring_keeps_its_connection_over_a_load);
    TEST(an_unsound_state_is_refused);
    TEST(a_damaged_state_does_no_harm);
    return g_test_run();
}
