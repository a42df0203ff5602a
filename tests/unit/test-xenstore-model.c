/*
 * A model beside the store: random operations of two guests and a tool, in and out of transactions,
 * against a plain map from path to value. At random points the whole is saved, loaded into a fresh
 * store and compared; the rest of the run goes on in the loaded one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xenstore-fixture.h"

#define ROUNDS 30
#define STEPS  600

static const char *const names[] = {"a", "b", "c", "a/x", "a/y", "a/x/1", "b/x", "b/x/1/2"};

typedef struct {
    GHashTable *values;         /* the tree below /local/domain/5 as it should be */
    GHashTable *in_transaction; /* as the open transaction should see it; NULL: none is open */
    uint32_t tx;
} Model;

static GHashTable *map_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static GHashTable *map_copy(GHashTable *map)
{
    GHashTable *copy = map_new();
    GHashTableIter iter;
    gpointer key, value;

    g_hash_table_iter_init(&iter, map);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        g_hash_table_insert(copy, g_strdup(key), g_strdup(value));
    }
    return copy;
}

static void model_make_parents(GHashTable *map, const char *path)
{
    g_autofree char *parent = g_strdup(path);
    char *slash;

    while ((slash = strrchr(parent, '/'))) {
        *slash = '\0';
        if (!g_hash_table_contains(map, parent)) {
            g_hash_table_insert(map, g_strdup(parent), g_strdup(""));
        }
    }
}

static gboolean is_below(gpointer key, gpointer value, gpointer top)
{
    return g_str_has_prefix(key, top) &&
           (((char *)key)[strlen(top)] == '\0' || ((char *)key)[strlen(top)] == '/');
}

static void model_write(GHashTable *map, const char *path, const char *value)
{
    model_make_parents(map, path);
    g_hash_table_insert(map, g_strdup(path), g_strdup(value));
}

/* Is RM an error? Only if neither the node nor its parent is there. */
static bool model_remove(GHashTable *map, const char *path)
{
    g_autofree char *parent = g_strdup(path);
    char *slash = strrchr(parent, '/');

    if (slash) {
        *slash = '\0';
    }
    if (!g_hash_table_contains(map, path)) {
        return !slash || g_hash_table_contains(map, parent);
    }
    g_hash_table_foreach_remove(map, is_below, (gpointer)path);
    return true;
}

static void compare(Fixture *f, GHashTable *map, uint32_t tx)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *value = g_hash_table_lookup(map, names[i]);
        bool found = ask(f->guest, XS_READ, tx, names[i], strlen(names[i]) + 1);

        g_assert_cmpint(found, ==, value != NULL);
        g_assert_cmpstr(answer.payload, ==, value ? value : "ENOENT");
    }
}

static void save_and_go_on_in_a_copy(Fixture *f)
{
    g_autoptr(GVariant) saved = g_variant_ref_sink(store_save(f->store));
    g_autoptr(GVariant) again = NULL;
    XenStore *copy = store_new();
    GError *error = NULL;

    g_assert_true(store_load(copy, saved, &error));
    g_assert_no_error(error);
    again = g_variant_ref_sink(store_save(copy));
    g_assert_true(g_variant_equal(saved, again));
    store_connection_free(f->tool);
    store_unlock(f->store);
    store_free(f->store);
    f->store = copy;
    store_lock(copy);
    f->tool = store_connection_new(copy, 0);
    f->guest = connection_of(copy, 5);
    f->other = connection_of(copy, 6);
}

static void end_transaction(Fixture *f, Model *m, bool commit)
{
    /* What others did meanwhile touched none of its nodes: it must hold. */
    g_assert_true(ask(f->guest, XS_TRANSACTION_END, m->tx, commit ? "T" : "F", 2));
    if (commit) {
        g_hash_table_unref(m->values);
        m->values = m->in_transaction;
    } else {
        g_hash_table_unref(m->in_transaction);
    }
    m->in_transaction = NULL;
}

/* While a transaction is open the guest works in it, and the tool writes where it does not look. */
static void one_step(Fixture *f, Model *m, GRand *rand)
{
    const char *path = names[g_rand_int_range(rand, 0, G_N_ELEMENTS(names))];
    GHashTable *map = m->in_transaction ? m->in_transaction : m->values;
    uint32_t tx = m->in_transaction ? m->tx : 0;
    g_autofree char *payload = g_strdup_printf("%s|%u", path, g_rand_int_range(rand, 0, 100));
    unsigned path_size = strlen(path) + 1, length = strlen(payload);

    payload[path_size - 1] = '\0';
    switch (g_rand_int_range(rand, 0, 9)) {
    case 0:
    case 1:
        g_assert_true(ask(f->guest, XS_WRITE, tx, payload, length));
        model_write(map, path, payload + path_size);
        break;
    case 2:
        g_assert_cmpint(ask(f->guest, XS_RM, tx, path, path_size), ==, model_remove(map, path));
        break;
    case 3:
        g_assert_true(ask(f->guest, XS_MKDIR, tx, path, path_size));
        if (!g_hash_table_contains(map, path)) {
            model_write(map, path, "");
        }
        break;
    case 4:
        ask(f->guest, XS_WATCH, 0, payload, length + 1);
        break;
    case 5:
        if (!m->in_transaction) {
            m->tx = start(f->guest);
            m->in_transaction = map_copy(m->values);
        } else {
            end_transaction(f, m, g_rand_int_range(rand, 0, 4) != 0);
        }
        break;
    case 6:
        assert_write(f->tool, 0, "/elsewhere", "1");
        compare(f, m->values, 0);
        break;
    default:
        compare(f, map, tx);
        break;
    }
}

/* A request half in, events not yet out: all of it must survive. */
static void interrupt(Fixture *f, GRand *rand)
{
    g_autoptr(GByteArray) half = g_byte_array_new();
    unsigned in = g_rand_int_range(rand, 1, 17);

    make_request(half, XS_READ, 1, 0, "a", 2);
    feed(f->guest, half->data, in);
    save_and_go_on_in_a_copy(f);
    g_assert_cmpuint(f->guest->input_length, ==, in);
    feed(f->guest, half->data + in, half->len - in);
    forget_answer();
    fetch_output(f->guest);
    g_assert_true(answer.answered);
}

static void run(unsigned seed, bool save)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    Fixture f = fixture_new();
    Model m = {map_new()};

    for (unsigned i = 0; i < STEPS; i++) {
        one_step(&f, &m, rand);
        if (save && g_rand_int_range(rand, 0, 40) == 0) {
            interrupt(&f, rand);
        }
    }
    if (m.in_transaction) {
        end_transaction(&f, &m, true);
    }
    compare(&f, m.values, 0);
    g_assert_cmpuint(store_domain_node_count(f.store, 5), ==, g_hash_table_size(m.values) + 1);
    g_hash_table_unref(m.values);
    fixture_free(&f);
}

static void the_store_agrees_with_the_model(void)
{
    for (unsigned seed = 0; seed < ROUNDS; seed++) {
        run(seed, false);
    }
}

static void saving_and_loading_at_any_point_changes_nothing(void)
{
    for (unsigned seed = 0; seed < ROUNDS; seed++) {
        run(seed, true);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xenstore/model/the_store_agrees_with_the_model",
                    the_store_agrees_with_the_model);
    g_test_add_func("/xenstore/model/saving_and_loading_at_any_point_changes_nothing",
                    saving_and_loading_at_any_point_changes_nothing);
    return g_test_run();
}
