/*
 * Transactions: isolation, and a matrix of what conflicts with what: EAGAIN exactly when a node
 * that the transaction read or wrote was changed, made or removed by somebody else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xenstore-fixture.h"

static void a_transaction_is_seen_only_when_committed(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    assert_write(f.guest, 0, "data/a", "old");
    assert_write(f.guest, 0, "data/gone", "");
    tx = start(f.guest);
    g_assert_cmpuint(tx, !=, 0);
    assert_write(f.guest, tx, "data/a", "new");
    assert_write(f.guest, tx, "data/b/c", "made");
    assert_ok(f.guest, XS_RM, tx, "data/gone");
    assert_value(f.guest, tx, "data/a", "new");
    assert_value(f.guest, tx, "data/b/c", "made");
    assert_error(f.guest, XS_READ, tx, "data/gone", "ENOENT");
    assert_ok(f.guest, XS_DIRECTORY, tx, "data");
    g_assert_cmpmem(answer.payload, answer.length, "a\0b", 4);
    assert_value(f.guest, 0, "data/a", "old");
    assert_error(f.guest, XS_READ, 0, "data/b", "ENOENT");
    assert_ok(f.guest, XS_TRANSACTION_END, tx, "T");
    assert_value(f.guest, 0, "data/a", "new");
    assert_value(f.guest, 0, "data/b/c", "made");
    assert_error(f.guest, XS_READ, 0, "data/gone", "ENOENT");
    fixture_free(&f);
}

static void an_abandoned_transaction_leaves_nothing(void)
{
    Fixture f = fixture_new();
    unsigned nodes = store_domain_node_count(f.store, 5);
    uint32_t tx = start(f.guest);

    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    assert_write(f.guest, tx, "data/a", "new");
    assert_events_now("");
    assert_ok(f.guest, XS_TRANSACTION_END, tx, "F");
    assert_events_now("");
    assert_error(f.guest, XS_READ, 0, "data/a", "ENOENT");
    assert_error(f.guest, XS_READ, tx, "data/a", "ENOENT");
    g_assert_cmpuint(store_domain_node_count(f.store, 5), ==, nodes);
    fixture_free(&f);
}

static void transaction_operations_refuse_nonsense(void)
{
    Fixture f = fixture_new();
    uint32_t tx = start(f.guest);

    assert_error(f.guest, XS_TRANSACTION_START, tx, "", "EBUSY");
    assert_error(f.guest, XS_TRANSACTION_END, tx, "X", "EINVAL");
    assert_error(f.guest, XS_TRANSACTION_END, 0, "T", "ENOENT");
    assert_error(f.guest, XS_TRANSACTION_END, tx + 1, "T", "ENOENT");
    assert_error(f.guest, XS_READ, tx + 1, "data", "ENOENT");
    /* Ids are a connection's own. */
    assert_error(f.other, XS_READ, tx, "data", "ENOENT");
    assert_ok(f.guest, XS_TRANSACTION_END, tx, "T");
    assert_error(f.guest, XS_TRANSACTION_END, tx, "T", "ENOENT");
    fixture_free(&f);
}

static void ids_pass_over_zero_and_those_in_use(void)
{
    Fixture f = fixture_new();
    uint32_t first = start(f.tool);

    f.tool->next_transaction = UINT32_MAX;
    g_assert_cmpuint(start(f.tool), ==, UINT32_MAX);
    g_assert_cmpuint(start(f.tool), !=, 0);
    g_assert_cmpuint(first, ==, 1);
    g_assert_true(g_hash_table_contains(f.tool->transactions, GUINT_TO_POINTER(2)));
    fixture_free(&f);
}

/* What the transaction does, and what another does meanwhile. */
typedef struct {
    uint32_t type;
    const char *payload;
    unsigned length;
} Step;
#define STEP(type, literal)                                                                        \
    {                                                                                              \
        type, literal, sizeof(literal)                                                             \
    }
#define STEP_WRITE(path, value)                                                                    \
    {                                                                                              \
        XS_WRITE, path "\0" value, sizeof(path "\0" value) - 1                                     \
    }

typedef struct {
    const char *name;
    Step inside[3];
    Step outside[3];
    bool conflict;
} Case;

/* The start: data/a = 1, data/b = 1, data/d/x = 1. */
static const Case cases[] = {
    {"read, other node written", {STEP(XS_READ, "data/a")}, {STEP_WRITE("data/b", "2")}, false},
    {"read, same node written", {STEP(XS_READ, "data/a")}, {STEP_WRITE("data/a", "2")}, true},
    {"read, same value written", {STEP(XS_READ, "data/a")}, {STEP_WRITE("data/a", "1")}, true},
    {"written, same node read", {STEP_WRITE("data/a", "2")}, {STEP(XS_READ, "data/a")}, false},
    {"written, same node written", {STEP_WRITE("data/a", "2")}, {STEP_WRITE("data/a", "3")}, true},
    {"written, other node written",
     {STEP_WRITE("data/a", "2")},
     {STEP_WRITE("data/b", "3")},
     false},
    {"read, removed", {STEP(XS_READ, "data/a")}, {STEP(XS_RM, "data/a")}, true},
    {"read, parent removed", {STEP(XS_READ, "data/d/x")}, {STEP(XS_RM, "data/d")}, true},
    {"read, sibling made", {STEP(XS_READ, "data/a")}, {STEP(XS_MKDIR, "data/new")}, false},
    {"listed, child made", {STEP(XS_DIRECTORY, "data")}, {STEP(XS_MKDIR, "data/new")}, true},
    {"listed, child removed", {STEP(XS_DIRECTORY, "data")}, {STEP(XS_RM, "data/a")}, true},
    {"listed, child's value written",
     {STEP(XS_DIRECTORY, "data")},
     {STEP_WRITE("data/a", "2")},
     false},
    {"made, another child made", {STEP(XS_MKDIR, "data/n1")}, {STEP(XS_MKDIR, "data/n2")}, true},
    {"made, same child made", {STEP(XS_MKDIR, "data/n1")}, {STEP(XS_MKDIR, "data/n1")}, true},
    {"made elsewhere", {STEP(XS_MKDIR, "data/n1")}, {STEP(XS_MKDIR, "data/d/n2")}, false},
    {"made, parent removed", {STEP(XS_MKDIR, "data/d/n1")}, {STEP(XS_RM, "data/d")}, true},
    {"removed, same removed", {STEP(XS_RM, "data/a")}, {STEP(XS_RM, "data/a")}, true},
    {"removed, child made below", {STEP(XS_RM, "data/d")}, {STEP(XS_MKDIR, "data/d/n")}, true},
    {"removed, node below written", {STEP(XS_RM, "data/d")}, {STEP_WRITE("data/d/x", "2")}, true},
    {"not found, made", {STEP(XS_READ, "data/none")}, {STEP(XS_MKDIR, "data/none")}, true},
    {"not found, made and removed",
     {STEP(XS_READ, "data/none")},
     {STEP(XS_MKDIR, "data/none"), STEP(XS_RM, "data/none")},
     true /* the parent, met on the way, has changed */},
    {"resurrected by another",
     {STEP(XS_READ, "data/a")},
     {STEP(XS_RM, "data/a"), STEP_WRITE("data/a", "1")},
     true},
    {"resurrected within",
     {STEP(XS_RM, "data/a"), STEP_WRITE("data/a", "9")},
     {STEP_WRITE("data/b", "2")},
     false},
    {"resurrected within, written by another",
     {STEP(XS_RM, "data/a"), STEP_WRITE("data/a", "9")},
     {STEP_WRITE("data/a", "2")},
     true},
    {"made and removed within",
     {STEP(XS_MKDIR, "data/n"), STEP(XS_RM, "data/n")},
     {STEP_WRITE("data/a", "2")},
     false},
    {"removed within, parent resurrected by another",
     {STEP(XS_RM, "data/d/x")},
     {STEP(XS_RM, "data/d"), STEP_WRITE("data/d/x", "1")},
     true},
    {"permissions read, set",
     {STEP(XS_GET_PERMS, "data/a")},
     {STEP(XS_SET_PERMS, "data/a\0n5\0r6")},
     true},
    {"permissions set, value written",
     {STEP(XS_SET_PERMS, "data/a\0n5\0r6")},
     {STEP_WRITE("data/a", "2")},
     true},
    {"nothing done", {{0}}, {STEP_WRITE("data/a", "2")}, false},
    {"nothing changed", {STEP(XS_READ, "data/a"), STEP_WRITE("data/b", "2")}, {{0}}, false},
};

static void take_steps(StoreConnection *connection, uint32_t tx, const Step *steps)
{
    for (unsigned i = 0; i < 3 && steps[i].payload; i++) {
        ask(connection, steps[i].type, tx, steps[i].payload, steps[i].length);
    }
}

static void run_case(const Case *c, bool outside_in_transaction)
{
    Fixture f = fixture_new();
    uint32_t tx, other;

    assert_write(f.guest, 0, "data/a", "1");
    assert_write(f.guest, 0, "data/b", "1");
    assert_write(f.guest, 0, "data/d/x", "1");
    tx = start(f.guest);
    other = outside_in_transaction ? start(f.guest) : 0;
    take_steps(f.guest, other, c->outside);
    if (!outside_in_transaction) {
        /* What was done before it looked is its own world. */
        take_steps(f.guest, tx, c->inside);
        g_assert_true(ASK(f.guest, XS_TRANSACTION_END, tx, "T"));
    } else {
        take_steps(f.guest, tx, c->inside);
        g_assert_true(ASK(f.guest, XS_TRANSACTION_END, other, "T"));
        g_assert_cmpint(ASK(f.guest, XS_TRANSACTION_END, tx, "T"), ==, !c->conflict);
        g_assert_cmpstr(answer.payload, ==, c->conflict ? "EAGAIN" : "OK");
    }
    fixture_free(&f);
}

static void run_interleaved(const Case *c)
{
    Fixture f = fixture_new();
    uint32_t tx;

    assert_write(f.guest, 0, "data/a", "1");
    assert_write(f.guest, 0, "data/b", "1");
    assert_write(f.guest, 0, "data/d/x", "1");
    tx = start(f.guest);
    take_steps(f.guest, tx, c->inside);
    take_steps(f.guest, 0, c->outside);
    g_test_message("%s", c->name);
    g_assert_cmpint(ASK(f.guest, XS_TRANSACTION_END, tx, "T"), ==, !c->conflict);
    g_assert_cmpstr(answer.payload, ==, c->conflict ? "EAGAIN" : "OK");
    fixture_free(&f);
}

static void conflict_matrix(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        run_interleaved(&cases[i]);
    }
}

static void conflict_matrix_does_not_bite_what_came_before(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        run_case(&cases[i], false);
    }
}

static void conflict_matrix_between_two_transactions(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        /* Made and removed in one transaction leaves only the parent changed. */
        run_case(&cases[i], true);
    }
}

static void events_are_held_until_the_commit(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    assert_write(f.guest, 0, "data/a/b", "1");
    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    assert_ok(f.guest, XS_WATCH, 0, "data/a/b\0low");
    tx = start(f.guest);
    assert_write(f.guest, tx, "data/x", "1");
    assert_write(f.guest, tx, "data/x", "2");
    assert_ok(f.guest, XS_RM, tx, "data/a");
    assert_ok(f.guest, XS_SET_PERMS, tx, "data/x\0n5");
    assert_events_now("");
    assert_ok(f.guest, XS_TRANSACTION_END, tx, "T");
    g_assert_cmpuint(answer.events_before, ==, answer.events->len);
    assert_events_now("data/x tok,data/a tok,data/a/b low");
    fixture_free(&f);
}

static void a_wide_event_replaces_an_exact_one(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    assert_write(f.guest, 0, "data/a/b", "1");
    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    tx = start(f.guest);
    assert_ok(f.guest, XS_RM, tx, "data/a");
    assert_write(f.guest, tx, "data/a/b", "again");
    assert_ok(f.guest, XS_RM, tx, "data/a/b");
    assert_ok(f.guest, XS_TRANSACTION_END, tx, "T");
    assert_events_now("data/a tok,data/a/b tok");
    fixture_free(&f);
}

static void a_deleted_nodes_readers_hear_of_the_commit(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    assert_write(f.guest, 0, "data/a", "1");
    assert_ok(f.guest, XS_SET_PERMS, 0, "data/a\0n5\0r6");
    assert_ok(f.other, XS_WATCH, 0, "/local/domain/5/data/a\0tok");
    tx = start(f.guest);
    assert_ok(f.guest, XS_RM, tx, "data/a");
    assert_ok(f.guest, XS_TRANSACTION_END, tx, "T");
    assert_events(f.other, "/local/domain/5/data/a tok");
    fixture_free(&f);
}

static void a_domain_that_goes_takes_the_ground_away(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    assert_write(f.tool, 0, "/x", "");
    tx = start(f.tool);
    assert_ok(f.tool, XS_SET_PERMS, tx, "/x\0n6\0r5");
    g_assert_true(store_domain_destroy(f.store, 6, false, NULL));
    f.other = NULL;
    assert_error(f.tool, XS_TRANSACTION_END, tx, "T", "EAGAIN");
    assert_ok(f.tool, XS_GET_PERMS, 0, "/x");
    g_assert_cmpmem(answer.payload, answer.length, "n0", 3);
    fixture_free(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function) g_test_add_func("/xenstore/transaction/" #function, function)
    TEST(a_transaction_is_seen_only_when_committed);
    TEST(an_abandoned_transaction_leaves_nothing);
    TEST(transaction_operations_refuse_nonsense);
    TEST(ids_pass_over_zero_and_those_in_use);
    TEST(conflict_matrix);
    TEST(conflict_matrix_does_not_bite_what_came_before);
    TEST(conflict_matrix_between_two_transactions);
    TEST(events_are_held_until_the_commit);
    TEST(a_wide_event_replaces_an_exact_one);
    TEST(a_deleted_nodes_readers_hear_of_the_commit);
    TEST(a_domain_that_goes_takes_the_ground_away);
    return g_test_run();
}
