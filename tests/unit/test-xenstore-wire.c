/*
 * Every operation of the wire protocol: what it answers, each error it can give, who may use it,
 * what payloads it refuses; watches and permissions as the protocol promises them; every quota
 * reached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xenstore-fixture.h"

static void read_and_write_give_back_the_same_bytes(void)
{
    Fixture f = fixture_new();

    assert_write(f.guest, 0, "data/a", "one");
    assert_value(f.guest, 0, "data/a", "one");
    assert_value(f.tool, 0, "/local/domain/5/data/a", "one");
    g_assert_true(ask(f.guest, XS_WRITE, 0, "data/b\0x\0y", 10));
    g_assert_true(ASK(f.guest, XS_READ, 0, "data/b"));
    g_assert_cmpmem(answer.payload, answer.length, "x\0y", 3);
    assert_write(f.guest, 0, "data/b", "");
    assert_value(f.guest, 0, "data/b", "");
    /* A socket's relative paths are domain 0's. */
    assert_write(f.tool, 0, "rel", "r");
    assert_value(f.tool, 0, "/local/domain/0/rel", "r");
    assert_write(f.tool, 0, "/", "root");
    assert_value(f.tool, 0, "/", "root");
    fixture_free(&f);
}

static void bad_payloads_are_einval(void)
{
    static const uint32_t one[] = {XS_READ, XS_DIRECTORY,       XS_GET_PERMS,      XS_MKDIR,
                                   XS_RM,   XS_GET_DOMAIN_PATH, XS_TRANSACTION_END};
    Fixture f = fixture_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(one); i++) {
        g_assert_false(ask(f.guest, one[i], 0, "data", 4));
        g_assert_cmpstr(answer.payload, ==, "EINVAL");
        g_assert_false(ask(f.guest, one[i], 0, "", 0));
        g_assert_cmpstr(answer.payload, ==, "EINVAL");
        g_assert_false(ask(f.guest, one[i], 0, "a\0b", 4));
        g_assert_cmpstr(answer.payload, ==, "EINVAL");
    }
    g_assert_false(ask(f.guest, XS_WRITE, 0, "data", 4));
    assert_error(f.guest, XS_WATCH, 0, "a", "EINVAL");
    assert_error(f.guest, XS_WATCH, 0, "a\0b\0c", "EINVAL");
    assert_error(f.guest, XS_UNWATCH, 0, "a", "EINVAL");
    assert_error(f.guest, XS_SET_PERMS, 0, "data", "EINVAL");
    assert_error(f.guest, XS_DIRECTORY_PART, 0, "data", "EINVAL");
    assert_error(f.tool, XS_SET_TARGET, 0, "5", "EINVAL");
    assert_error(f.tool, XS_INTRODUCE, 0,
                 "5\0"
                 "1",
                 "EINVAL");
    g_assert_false(ask(f.tool, XS_CONTROL, 0, "", 0));
    fixture_free(&f);
}

static void bad_paths_are_einval(void)
{
    Fixture f = fixture_new();
    char longest[3100] = "/";

    assert_error(f.guest, XS_READ, 0, "", "EINVAL");
    assert_error(f.guest, XS_READ, 0, "a//b", "EINVAL");
    assert_error(f.guest, XS_READ, 0, "a/", "EINVAL");
    assert_error(f.guest, XS_READ, 0, "a b", "EINVAL");
    assert_error(f.guest, XS_READ, 0, "a.b", "EINVAL");
    assert_error(f.guest, XS_READ, 0, "\xc3\xa9", "EINVAL");
    assert_error(f.guest, XS_READ, 0, "//", "EINVAL");
    assert_error(f.guest, XS_READ, 0, "@releaseDomain", "EINVAL");
    assert_error(f.tool, XS_WRITE, 0, "@releaseDomain", "EINVAL");
    assert_error(f.guest, XS_WATCH, 0, "a//b\0t", "EINVAL");
    assert_error(f.guest, XS_UNWATCH, 0, "a//b\0t", "EINVAL");
    assert_error(f.guest, XS_SET_PERMS, 0, "a//b\0n5", "EINVAL");
    assert_error(f.guest, XS_GET_PERMS, 0, "a//b", "EINVAL");
    assert_error(f.guest, XS_RM, 0, "a//b", "EINVAL");
    assert_error(f.guest, XS_MKDIR, 0, "a//b", "EINVAL");

    memset(longest + 1, 'x', XENSTORE_ABS_PATH_MAX);
    longest[XENSTORE_ABS_PATH_MAX] = '\0';
    g_assert_true(ask(f.tool, XS_MKDIR, 0, longest, XENSTORE_ABS_PATH_MAX + 1));
    longest[XENSTORE_ABS_PATH_MAX] = 'x';
    g_assert_false(ask(f.tool, XS_MKDIR, 0, longest, XENSTORE_ABS_PATH_MAX + 2));
    g_assert_cmpstr(answer.payload, ==, "EINVAL");
    longest[1 + XENSTORE_REL_PATH_MAX] = '\0';
    g_assert_true(ask(f.guest, XS_MKDIR, 0, longest + 1, XENSTORE_REL_PATH_MAX + 1));
    longest[1 + XENSTORE_REL_PATH_MAX] = 'x';
    longest[2 + XENSTORE_REL_PATH_MAX] = '\0';
    g_assert_false(ask(f.guest, XS_MKDIR, 0, longest + 1, XENSTORE_REL_PATH_MAX + 2));
    g_assert_cmpstr(answer.payload, ==, "EINVAL");
    fixture_free(&f);
}

static void unknown_operations_are_enosys(void)
{
    static const uint32_t unknown[] = {
        XS_WATCH_EVENT, XS_ERROR,  XS_SET_TARGET + 1, XS_TYPE_COUNT, 24, 25, 26,
        XS_INVALID,     UINT32_MAX};
    Fixture f = fixture_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(unknown); i++) {
        g_assert_false(ask(f.guest, unknown[i], 0, "x", 2));
        g_assert_cmpstr(answer.payload, ==, "ENOSYS");
        g_assert_false(ask(f.tool, unknown[i], 0, "x", 2));
        g_assert_cmpstr(answer.payload, ==, "ENOSYS");
    }
    fixture_free(&f);
}

static void privileged_operations_are_eacces_for_a_guest(void)
{
    static const uint32_t privileged[] = {
        XS_CONTROL, XS_INTRODUCE, XS_RELEASE, XS_IS_DOMAIN_INTRODUCED, XS_RESUME, XS_SET_TARGET};
    Fixture f = fixture_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(privileged); i++) {
        g_assert_false(ask(f.guest, privileged[i], 0, "5", 2));
        g_assert_cmpstr(answer.payload, ==, "EACCES");
    }
    fixture_free(&f);
}

static void mkdir_and_rm_follow_the_document(void)
{
    Fixture f = fixture_new();

    assert_ok(f.guest, XS_MKDIR, 0, "data/x/y");
    assert_value(f.guest, 0, "data/x/y", "");
    assert_write(f.guest, 0, "data/x/y", "v");
    assert_ok(f.guest, XS_MKDIR, 0, "data/x/y");
    assert_value(f.guest, 0, "data/x/y", "v");
    assert_ok(f.guest, XS_DIRECTORY, 0, "data");
    g_assert_cmpmem(answer.payload, answer.length, "x", 2);
    /* Not there, but its parent is: no error. */
    assert_ok(f.guest, XS_RM, 0, "data/none");
    assert_error(f.guest, XS_RM, 0, "data/none/below", "ENOENT");
    assert_ok(f.guest, XS_RM, 0, "data/x");
    assert_error(f.guest, XS_READ, 0, "data/x/y", "ENOENT");
    assert_error(f.guest, XS_READ, 0, "data/x", "ENOENT");
    assert_ok(f.guest, XS_DIRECTORY, 0, "data");
    g_assert_cmpuint(answer.length, ==, 0);
    assert_error(f.tool, XS_RM, 0, "/", "EINVAL");
    assert_error(f.guest, XS_RM, 0, "/", "EACCES");
    assert_error(f.tool, XS_DIRECTORY, 0, "/none", "ENOENT");
    fixture_free(&f);
}

static void directory_part_gives_a_long_list_in_pieces(void)
{
    Fixture f = fixture_new();
    g_autofree char *first_generation = NULL;
    unsigned seen = 0, offset = 0;
    bool ended = false;

    for (unsigned i = 0; i < 900; i++) {
        g_autofree char *path = g_strdup_printf("data/child-%04u", i);

        g_assert_true(ask(f.guest, XS_MKDIR, 0, path, strlen(path) + 1));
    }
    assert_error(f.guest, XS_DIRECTORY, 0, "data", "E2BIG");
    while (!ended) {
        g_autofree char *payload = g_strdup_printf("data|%u", offset);
        size_t size = strlen(payload) + 1, at;

        payload[4] = '\0';
        g_assert_true(ask(f.guest, XS_DIRECTORY_PART, 0, payload, size));
        if (!first_generation) {
            first_generation = g_strdup(answer.payload);
        }
        g_assert_cmpstr(answer.payload, ==, first_generation);
        at = strlen(answer.payload) + 1;
        while (at < answer.length) {
            const char *name = answer.payload + at;
            g_autofree char *expected = g_strdup_printf("child-%04u", seen);

            if (name[0] == '\0') {
                ended = true;
                break;
            }
            g_assert_cmpstr(name, ==, expected);
            seen++;
            offset += strlen(name) + 1;
            at += strlen(name) + 1;
        }
    }
    g_assert_cmpuint(seen, ==, 900);
    assert_error(f.guest, XS_DIRECTORY_PART, 0, "data\0x", "EINVAL");
    assert_error(f.guest, XS_DIRECTORY_PART, 0,
                 "none\0"
                 "0",
                 "ENOENT");
    assert_ok(f.guest, XS_DIRECTORY_PART, 0,
              "data\0"
              "99999");
    g_assert_cmpuint(answer.length, ==, strlen(first_generation) + 2);
    assert_ok(f.guest, XS_MKDIR, 0, "data/another");
    assert_ok(f.guest, XS_DIRECTORY_PART, 0,
              "data\0"
              "0");
    g_assert_cmpstr(answer.payload, !=, first_generation);
    fixture_free(&f);
}

static void permissions_decide_what_a_guest_may_do(void)
{
    Fixture f = fixture_new();

    assert_write(f.tool, 0, "/shared/secret", "s");
    assert_error(f.guest, XS_READ, 0, "/shared/secret", "EACCES");
    /* No more may be learnt of what is not there than of what may not be read. */
    assert_error(f.guest, XS_READ, 0, "/shared/none", "EACCES");
    assert_error(f.guest, XS_WRITE, 0, "/shared/none", "EACCES");
    assert_error(f.guest, XS_MKDIR, 0, "/shared/none", "EACCES");
    assert_error(f.guest, XS_RM, 0, "/shared/secret", "EACCES");
    assert_error(f.guest, XS_GET_PERMS, 0, "/shared/secret", "EACCES");
    assert_error(f.guest, XS_SET_PERMS, 0, "/shared/secret\0n5", "EACCES");

    assert_ok(f.tool, XS_SET_PERMS, 0, "/shared/secret\0n0\0r5");
    assert_value(f.guest, 0, "/shared/secret", "s");
    g_assert_false(WRITE(f.guest, 0, "/shared/secret", "x"));
    g_assert_cmpstr(answer.payload, ==, "EACCES");
    assert_error(f.other, XS_READ, 0, "/shared/secret", "EACCES");

    assert_ok(f.tool, XS_SET_PERMS, 0, "/shared/secret\0n0\0w5");
    assert_write(f.guest, 0, "/shared/secret", "x");
    assert_error(f.guest, XS_READ, 0, "/shared/secret", "EACCES");

    assert_ok(f.tool, XS_SET_PERMS, 0, "/shared/secret\0r0\0b5\0n6");
    assert_write(f.guest, 0, "/shared/secret", "y");
    assert_value(f.guest, 0, "/shared/secret", "y");
    assert_error(f.other, XS_READ, 0, "/shared/secret", "EACCES");
    assert_ok(f.guest, XS_GET_PERMS, 0, "/shared/secret");
    g_assert_cmpmem(answer.payload, answer.length, "r0\0b5\0n6", 9);
    assert_error(f.guest, XS_SET_PERMS, 0, "/shared/secret\0n5", "EACCES");
    fixture_free(&f);
}

static void a_child_inherits_and_belongs_to_its_maker(void)
{
    Fixture f = fixture_new();

    assert_ok(f.tool, XS_MKDIR, 0, "/shared");
    assert_ok(f.tool, XS_SET_PERMS, 0, "/shared\0n0\0b5\0r6");
    assert_write(f.guest, 0, "/shared/a/b", "v");
    assert_ok(f.guest, XS_GET_PERMS, 0, "/shared/a/b");
    g_assert_cmpmem(answer.payload, answer.length, "n5\0b5\0r6", 9);
    assert_value(f.other, 0, "/shared/a/b", "v");
    assert_write(f.tool, 0, "/shared/c", "v");
    assert_ok(f.tool, XS_GET_PERMS, 0, "/shared/c");
    g_assert_cmpmem(answer.payload, answer.length, "n0\0b5\0r6", 9);
    fixture_free(&f);
}

static void set_perms_checks_what_it_is_given(void)
{
    Fixture f = fixture_new();

    assert_write(f.guest, 0, "data", "");
    assert_error(f.guest, XS_SET_PERMS, 0, "data\0x5", "EINVAL");
    assert_error(f.guest, XS_SET_PERMS, 0, "data\0n", "EINVAL");
    assert_error(f.guest, XS_SET_PERMS, 0, "data\0", "EINVAL");
    assert_error(f.guest, XS_SET_PERMS, 0, "data\0n5x", "EINVAL");
    assert_error(f.guest, XS_SET_PERMS, 0, "data\0n-1", "EINVAL");
    assert_error(f.guest, XS_SET_PERMS, 0, "data\0n65536", "EINVAL");
    assert_error(f.guest, XS_SET_PERMS, 0, "data\0n6", "EPERM");
    assert_error(f.guest, XS_SET_PERMS, 0, "data\0n99", "ENOENT");
    assert_error(f.guest, XS_SET_PERMS, 0, "none\0n5", "ENOENT");
    assert_ok(f.guest, XS_SET_PERMS, 0, "data\0n5\0r6");
    assert_value(f.other, 0, "/local/domain/5/data", "");
    /* Domain 9 is not there: the entry is kept and counts for nobody, now or later. */
    assert_ok(f.guest, XS_SET_PERMS, 0, "data\0n5\0b9");
    g_assert_true(store_domain_create(f.store, 9, NULL));
    g_assert_true(store_domain_introduce(f.store, 9, NULL));
    assert_error(connection_of(f.store, 9), XS_READ, 0, "/local/domain/5/data", "EACCES");
    assert_ok(f.guest, XS_GET_PERMS, 0, "data");
    g_assert_cmpmem(answer.payload, answer.length, "n5\0b9", 6);
    /* The owner may be changed by the privileged, and with it the count. */
    g_assert_cmpuint(store_domain_node_count(f.store, 6), ==, 0);
    assert_ok(f.tool, XS_SET_PERMS, 0, "/local/domain/5/data\0n6");
    g_assert_cmpuint(store_domain_node_count(f.store, 6), ==, 1);
    assert_error(f.guest, XS_READ, 0, "data", "EACCES");
    assert_error(f.guest, XS_SET_PERMS, 0, "@releaseDomain\0n5", "EACCES");
    assert_error(f.tool, XS_GET_PERMS, 0, "@other", "ENOENT");
    assert_error(f.guest, XS_GET_PERMS, 0, "@other", "EACCES");
    fixture_free(&f);
}

/* ---- watches ---- */

static void a_watch_fires_once_behind_its_answer(void)
{
    Fixture f = fixture_new();

    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    g_assert_cmpuint(answer.events_before, ==, 0);
    assert_events_now("data tok");
    assert_error(f.guest, XS_WATCH, 0, "data\0tok", "EEXIST");
    assert_error(f.guest, XS_WATCH, 0, "/local/domain/5/data\0tok", "EEXIST");
    assert_ok(f.guest, XS_WATCH, 0, "/local/domain/5/data\0abs");
    assert_events_now("/local/domain/5/data abs");
    /* The transaction id of a WATCH is not looked at. */
    assert_ok(f.guest, XS_WATCH, 4711, "other\0t");
    assert_ok(f.guest, XS_UNWATCH, 4711, "other\0t");
    assert_error(f.guest, XS_UNWATCH, 0, "other\0t", "ENOENT");
    assert_error(f.guest, XS_UNWATCH, 0, "data\0none", "ENOENT");
    fixture_free(&f);
}

static void events_of_a_request_come_before_its_answer(void)
{
    Fixture f = fixture_new();

    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    assert_write(f.guest, 0, "data/sub", "1");
    g_assert_cmpuint(answer.events_before, ==, 1);
    assert_events_now("data/sub tok");
    assert_ok(f.guest, XS_MKDIR, 0, "data/sub");
    assert_events_now("");
    assert_ok(f.guest, XS_MKDIR, 0, "data/dir");
    assert_events_now("data/dir tok");
    assert_ok(f.guest, XS_SET_PERMS, 0, "data/dir\0n5");
    assert_events_now("data/dir tok");
    assert_write(f.guest, 0, "database", "not below data");
    assert_events_now("");
    assert_write(f.tool, 0, "/local/domain/5/data", "2");
    assert_events(f.guest, "data tok");
    assert_ok(f.guest, XS_UNWATCH, 0, "data\0tok");
    assert_write(f.guest, 0, "data/sub", "1");
    assert_events_now("");
    fixture_free(&f);
}

static void a_removal_tells_each_watch_below(void)
{
    Fixture f = fixture_new();

    assert_write(f.guest, 0, "data/a/b/c", "");
    assert_ok(f.guest, XS_WATCH, 0, "data\0top");
    assert_ok(f.guest, XS_WATCH, 0, "data/a/b\0mid");
    assert_ok(f.guest, XS_WATCH, 0, "data/a/b/c\0low");
    assert_ok(f.guest, XS_RM, 0, "data/a");
    assert_events_now("data/a/b/c low,data/a/b mid,data/a top");
    fixture_free(&f);
}

static void events_are_filtered_by_permissions(void)
{
    Fixture f = fixture_new();

    assert_ok(f.guest, XS_WATCH, 0, "/\0all");
    assert_ok(f.guest, XS_WATCH, 0, "/hidden/node\0one");
    assert_write(f.tool, 0, "/hidden/node", "1");
    assert_events(f.guest, "");
    assert_ok(f.tool, XS_SET_PERMS, 0, "/hidden/node\0n0\0r5");
    assert_events(f.guest, "/hidden/node all,/hidden/node one");
    assert_write(f.tool, 0, "/hidden/node", "2");
    assert_events(f.guest, "/hidden/node all,/hidden/node one");
    /* Who loses the right hears that, and nothing more. */
    assert_ok(f.tool, XS_SET_PERMS, 0, "/hidden/node\0n0");
    assert_events(f.guest, "/hidden/node all,/hidden/node one");
    assert_write(f.tool, 0, "/hidden/node", "3");
    assert_events(f.guest, "");
    /* Who may read the node hears of its removal; so does who may read the parent. */
    assert_ok(f.tool, XS_SET_PERMS, 0, "/hidden/node\0r0");
    assert_events(f.guest, "/hidden/node all,/hidden/node one");
    assert_ok(f.tool, XS_RM, 0, "/hidden/node");
    assert_events(f.guest, "/hidden/node all,/hidden/node one");
    assert_write(f.tool, 0, "/hidden/node", "4");
    assert_events(f.guest, "");
    assert_ok(f.tool, XS_SET_PERMS, 0, "/hidden\0n0\0r5");
    assert_events(f.guest, "/hidden all");
    assert_ok(f.tool, XS_RM, 0, "/hidden/node");
    assert_events(f.guest, "/hidden/node all,/hidden/node one");
    fixture_free(&f);
}

static void an_event_that_still_waits_is_not_doubled(void)
{
    Fixture f = fixture_new();

    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    assert_write(f.tool, 0, "/local/domain/5/data", "1");
    assert_write(f.tool, 0, "/local/domain/5/data", "2");
    assert_write(f.tool, 0, "/local/domain/5/data/x", "2");
    assert_write(f.tool, 0, "/local/domain/5/data", "3");
    assert_events(f.guest, "data tok,data/x tok");
    assert_write(f.tool, 0, "/local/domain/5/data", "4");
    assert_events(f.guest, "data tok");
    fixture_free(&f);
}

static void an_event_too_long_for_the_wire_is_left_out(void)
{
    Fixture f = fixture_new();
    g_autofree char *payload = g_malloc0(4096);

    memcpy(payload, "data", 4);
    memset(payload + 5, 't', 4090);
    g_assert_true(ask(f.guest, XS_WATCH, 0, payload, 4096));
    g_assert_cmpuint(answer.events->len, ==, 1);
    assert_write(f.guest, 0, "data/longer", "1");
    assert_events_now("");
    fixture_free(&f);
}

static void special_watches_tell_those_who_may_know(void)
{
    Fixture f = fixture_new();

    assert_ok(f.tool, XS_WATCH, 0, "@introduceDomain\0in");
    assert_ok(f.tool, XS_WATCH, 0, "@releaseDomain\0out");
    assert_ok(f.guest, XS_WATCH, 0, "@releaseDomain\0guest");
    assert_events_now("@releaseDomain guest");
    g_assert_true(store_domain_create(f.store, 7, NULL));
    assert_events(f.tool, "");
    g_assert_true(store_domain_introduce(f.store, 7, NULL));
    assert_events(f.tool, "@introduceDomain in");
    g_assert_true(store_domain_introduce(f.store, 7, NULL));
    assert_events(f.tool, "");
    store_domain_shutdown(f.store, 7);
    store_domain_shutdown(f.store, 7);
    assert_events(f.tool, "@releaseDomain out");
    assert_ok(f.tool, XS_RESUME, 0, "7");
    store_domain_shutdown(f.store, 7);
    assert_events(f.tool, "@releaseDomain out");
    assert_events(f.guest, "");
    assert_ok(f.tool, XS_SET_PERMS, 0, "@releaseDomain\0n0\0r5");
    assert_events_now("@releaseDomain out");
    assert_events(f.guest, "@releaseDomain guest");
    g_assert_true(store_domain_release(f.store, 7, NULL));
    assert_events(f.guest, "@releaseDomain guest");
    /* Each release counts, however fast they come. */
    g_assert_true(store_domain_introduce(f.store, 7, NULL));
    g_assert_true(store_domain_release(f.store, 7, NULL));
    g_assert_true(store_domain_introduce(f.store, 7, NULL));
    g_assert_true(store_domain_release(f.store, 7, NULL));
    assert_events(f.guest, "@releaseDomain guest,@releaseDomain guest");
    fixture_free(&f);
}

static void reset_watches_clears_watches_and_transactions(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    tx = start(f.guest);
    assert_write(f.guest, tx, "data", "x");
    assert_ok(f.guest, XS_RESET_WATCHES, tx, "");
    assert_error(f.guest, XS_TRANSACTION_END, tx, "T", "ENOENT");
    assert_write(f.guest, 0, "data", "y");
    assert_events_now("");
    assert_error(f.guest, XS_UNWATCH, 0, "data\0tok", "ENOENT");
    fixture_free(&f);
}

/* ---- domains ---- */

static void domain_operations_answer_as_documented(void)
{
    Fixture f = fixture_new();

    assert_ok(f.guest, XS_GET_DOMAIN_PATH, 0, "12");
    g_assert_cmpstr(answer.payload, ==, "/local/domain/12");
    assert_error(f.guest, XS_GET_DOMAIN_PATH, 0, "x", "EINVAL");
    assert_ok(f.tool, XS_IS_DOMAIN_INTRODUCED, 0, "5");
    g_assert_cmpstr(answer.payload, ==, "T");
    assert_ok(f.tool, XS_IS_DOMAIN_INTRODUCED, 0, "12");
    g_assert_cmpstr(answer.payload, ==, "F");
    assert_ok(f.tool, XS_IS_DOMAIN_INTRODUCED, 0, "0");
    g_assert_cmpstr(answer.payload, ==, "T");
    assert_ok(f.tool, XS_IS_DOMAIN_INTRODUCED, 0, "32752");
    g_assert_cmpstr(answer.payload, ==, "T");
    assert_error(f.tool, XS_IS_DOMAIN_INTRODUCED, 0, "x", "EINVAL");
    assert_error(f.tool, XS_INTRODUCE, 0,
                 "x\0"
                 "1\0"
                 "2",
                 "EINVAL");
    assert_error(f.tool, XS_INTRODUCE, 0,
                 "5\0"
                 "1\0"
                 "0",
                 "EINVAL");
    assert_error(f.tool, XS_INTRODUCE, 0,
                 "12\0"
                 "1\0"
                 "2",
                 "EINVAL");
    assert_error(f.tool, XS_INTRODUCE, 0,
                 "0\0"
                 "1\0"
                 "2",
                 "EINVAL");
    assert_error(f.tool, XS_RELEASE, 0, "0", "EINVAL");
    assert_error(f.tool, XS_RELEASE, 0, "x", "EINVAL");
    assert_error(f.tool, XS_RELEASE, 0, "12", "ENOENT");
    assert_error(f.tool, XS_RESUME, 0, "0", "EINVAL");
    assert_error(f.tool, XS_RESUME, 0, "12", "ENOENT");
    assert_ok(f.tool, XS_RESUME, 0, "5");
    assert_error(f.tool, XS_SET_TARGET, 0,
                 "5\0"
                 "12",
                 "ENOENT");
    assert_error(f.tool, XS_SET_TARGET, 0,
                 "5\0"
                 "0",
                 "EINVAL");
    assert_error(f.tool, XS_SET_TARGET, 0,
                 "x\0"
                 "5",
                 "EINVAL");
    fixture_free(&f);
}

static void release_closes_and_introduce_opens(void)
{
    Fixture f = fixture_new();

    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    assert_ok(f.tool, XS_RELEASE, 0, "5");
    g_assert_cmpuint(store_connection_wanted(f.guest), ==, 0);
    assert_ok(f.tool, XS_IS_DOMAIN_INTRODUCED, 0, "5");
    g_assert_cmpstr(answer.payload, ==, "F");
    /* Its nodes are gone with it. */
    assert_error(f.tool, XS_READ, 0, "/local/domain/5", "ENOENT");
    g_assert_cmpuint(store_domain_node_count(f.store, 5), ==, 0);
    assert_error(f.tool, XS_RELEASE, 0, "5", "ENOENT");
    assert_ok(f.tool, XS_INTRODUCE, 0,
              "5\0"
              "1234\0"
              "2");
    assert_error(f.guest, XS_READ, 0, "data", "EACCES");
    g_assert_cmpuint(f.guest->watches->len, ==, 0);
    fixture_free(&f);
}

static void set_target_lends_the_targets_rights(void)
{
    Fixture f = fixture_new();

    assert_write(f.guest, 0, "data", "1");
    assert_error(f.other, XS_READ, 0, "/local/domain/5/data", "EACCES");
    assert_ok(f.tool, XS_SET_TARGET, 0,
              "6\0"
              "5");
    assert_write(f.other, 0, "/local/domain/5/data", "2");
    assert_ok(f.other, XS_SET_PERMS, 0, "/local/domain/5/data\0n5\0r6");
    g_assert_true(store_domain_release(f.store, 5, NULL));
    g_assert_cmpint(f.other->target, ==, -1);
    fixture_free(&f);
}

static void control_commands_answer(void)
{
    Fixture f = fixture_new();

    assert_ok(f.tool, XS_CONTROL, 0, "help");
    g_assert_nonnull(strstr(answer.payload, "quota"));
    assert_ok(f.tool, XS_CONTROL, 0, "check");
    g_assert_cmpstr(answer.payload, ==, "OK");
    assert_ok(f.tool, XS_CONTROL, 0, "print\0a test says hello");
    g_assert_cmpstr(answer.payload, ==, "OK");
    assert_error(f.tool, XS_CONTROL, 0, "print", "EINVAL");
    assert_error(f.tool, XS_CONTROL, 0, "none", "EINVAL");
    assert_ok(f.tool, XS_CONTROL, 0, "quota");
    g_assert_nonnull(strstr(answer.payload, "watches"));
    assert_ok(f.tool, XS_CONTROL, 0,
              "quota\0"
              "5");
    g_assert_nonnull(strstr(answer.payload, "nodes"));
    assert_ok(f.tool, XS_CONTROL, 0,
              "quota\0"
              "0");
    assert_error(f.tool, XS_CONTROL, 0,
                 "quota\0"
                 "12",
                 "ENOENT");
    assert_error(f.tool, XS_CONTROL, 0, "quota\0x", "EINVAL");
    assert_error(f.tool, XS_CONTROL, 0,
                 "quota\0set\0none\0"
                 "1",
                 "EINVAL");
    assert_error(f.tool, XS_CONTROL, 0, "quota\0set\0watches\0x", "EINVAL");
    assert_error(f.tool, XS_CONTROL, 0,
                 "quota\0set\0path-length\0"
                 "3073",
                 "EINVAL");
    assert_error(f.tool, XS_CONTROL, 0,
                 "quota\0set\0watches\0"
                 "0",
                 "EINVAL");
    assert_ok(f.tool, XS_CONTROL, 0,
              "quota\0set\0watches\0"
              "1");
    g_assert_cmpuint(store_quota_get(f.store, STORE_QUOTA_WATCHES), ==, 1);
    assert_ok(f.guest, XS_WATCH, 0,
              "a\0"
              "1");
    assert_error(f.guest, XS_WATCH, 0,
                 "a\0"
                 "2",
                 "E2BIG");
    fixture_free(&f);
}

/* ---- quotas ---- */

static void quota_of_nodes(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    /* One is the domain's own top. */
    for (unsigned i = 1; i < 1000; i++) {
        g_autofree char *path = g_strdup_printf("n%u", i);

        g_assert_true(ask(f.guest, XS_MKDIR, 0, path, strlen(path) + 1));
    }
    g_assert_cmpuint(store_domain_node_count(f.store, 5), ==, 1000);
    assert_error(f.guest, XS_MKDIR, 0, "one-more", "ENOSPC");
    g_assert_false(WRITE(f.guest, 0, "n1/below", "x"));
    g_assert_cmpstr(answer.payload, ==, "ENOSPC");
    /* Others are not bound by it, even below the guest's nodes. */
    assert_write(f.tool, 0, "/local/domain/5/tools", "x");
    g_assert_cmpuint(store_domain_node_count(f.store, 5), ==, 1001);
    assert_ok(f.tool, XS_RM, 0, "/local/domain/5/tools");
    assert_ok(f.guest, XS_RM, 0, "n1");
    /* Half of a path is not made when the whole does not fit. */
    assert_error(f.guest, XS_MKDIR, 0, "x/y", "ENOSPC");
    assert_error(f.guest, XS_READ, 0, "x", "ENOENT");
    tx = start(f.guest);
    assert_ok(f.guest, XS_MKDIR, tx, "x");
    assert_error(f.guest, XS_MKDIR, tx, "y", "ENOSPC");
    assert_ok(f.guest, XS_RM, tx, "n2");
    assert_ok(f.guest, XS_MKDIR, tx, "y");
    assert_ok(f.guest, XS_TRANSACTION_END, tx, "T");
    g_assert_cmpuint(store_domain_node_count(f.store, 5), ==, 1000);
    fixture_free(&f);
}

static void quota_of_nodes_is_looked_at_again_at_the_commit(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    g_assert_true(store_quota_set(f.store, "nodes", 4, NULL));
    assert_ok(f.guest, XS_MKDIR, 0, "a");
    assert_ok(f.guest, XS_MKDIR, 0, "b");
    tx = start(f.guest);
    assert_ok(f.guest, XS_MKDIR, tx, "a/x");
    assert_ok(f.guest, XS_MKDIR, 0, "b/x");
    assert_error(f.guest, XS_TRANSACTION_END, tx, "T", "ENOSPC");
    assert_error(f.guest, XS_READ, 0, "a/x", "ENOENT");
    fixture_free(&f);
}

static void quota_of_watches(void)
{
    Fixture f = fixture_new();

    for (unsigned i = 0; i < 128; i++) {
        char payload[16] = "data";
        int length = g_snprintf(payload + 5, 8, "%u", i);

        g_assert_true(ask(f.guest, XS_WATCH, 0, payload, 5 + length + 1));
        g_assert_true(ask(f.tool, XS_WATCH, 0, payload, 5 + length + 1));
    }
    assert_error(f.guest, XS_WATCH, 0, "data\0more", "E2BIG");
    assert_ok(f.tool, XS_WATCH, 0, "data\0more");
    assert_ok(f.guest, XS_UNWATCH, 0,
              "data\0"
              "5");
    assert_ok(f.guest, XS_WATCH, 0, "data\0more");
    fixture_free(&f);
}

static void quota_of_transactions(void)
{
    Fixture f = fixture_new();

    for (unsigned i = 0; i < 10; i++) {
        start(f.guest);
        start(f.tool);
    }
    assert_error(f.guest, XS_TRANSACTION_START, 0, "", "ENOSPC");
    assert_ok(f.tool, XS_TRANSACTION_START, 0, "");
    assert_ok(f.guest, XS_TRANSACTION_END, 3, "F");
    assert_ok(f.guest, XS_TRANSACTION_START, 0, "");
    fixture_free(&f);
}

static void quota_of_transaction_nodes_fails_the_transaction(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    g_assert_true(store_quota_set(f.store, "transaction-nodes", 5, NULL));
    assert_write(f.guest, 0, "a/1", "");
    assert_write(f.guest, 0, "a/2", "");
    assert_write(f.guest, 0, "a/3", "");
    assert_write(f.guest, 0, "a/4", "");
    tx = start(f.guest);
    assert_error(f.guest, XS_RM, tx, "a", "ENOSPC");
    assert_error(f.guest, XS_TRANSACTION_END, tx, "T", "ENOMEM");
    assert_value(f.guest, 0, "a/4", "");
    tx = start(f.guest);
    assert_error(f.guest, XS_WRITE, tx, "b/c/d/e/f", "ENOSPC");
    assert_ok(f.guest, XS_TRANSACTION_END, tx, "F");
    fixture_free(&f);
}

static void quota_of_a_value(void)
{
    Fixture f = fixture_new();
    g_autofree char *payload = g_malloc0(4096);

    memcpy(payload, "data", 4);
    memset(payload + 5, 'v', 2049);
    g_assert_true(ask(f.guest, XS_WRITE, 0, payload, 5 + 2048));
    g_assert_true(ASK(f.guest, XS_READ, 0, "data"));
    g_assert_cmpuint(answer.length, ==, 2048);
    g_assert_false(ask(f.guest, XS_WRITE, 0, payload, 5 + 2049));
    g_assert_cmpstr(answer.payload, ==, "ENOSPC");
    g_assert_true(ask(f.tool, XS_WRITE, 0, payload, 4096));
    fixture_free(&f);
}

static void quota_of_permissions(void)
{
    Fixture f = fixture_new();

    assert_write(f.guest, 0, "data", "");
    assert_ok(f.guest, XS_SET_PERMS, 0, "data\0n5\0r1\0r2\0r3\0r4");
    assert_error(f.guest, XS_SET_PERMS, 0, "data\0n5\0r1\0r2\0r3\0r4\0r6", "ENOSPC");
    assert_ok(f.tool, XS_SET_PERMS, 0, "/local/domain/5/data\0n5\0r1\0r2\0r3\0r4\0r6");
    fixture_free(&f);
}

static void quota_of_outstanding_answers_stops_the_input(void)
{
    Fixture f = fixture_new();
    g_autoptr(GByteArray) request = g_byte_array_new();
    const uint8_t *bytes;

    make_request(request, XS_DIRECTORY, 1, 0, "/", 2);
    for (unsigned i = 0; i < 20; i++) {
        feed(f.tool, request->data, request->len);
    }
    g_assert_cmpuint(store_connection_wanted(f.tool), ==, 0);
    store_connection_consume(f.tool, store_connection_peek(f.tool, &bytes));
    g_assert_cmpuint(store_connection_wanted(f.tool), ==, 16);
    forget_answer();
    fetch_output(f.tool);
    fixture_free(&f);
}

static void quota_of_queued_output_loses_events(void)
{
    Fixture f = fixture_new();

    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    g_assert_true(store_quota_set(f.store, "queued-output", 100, NULL));
    for (unsigned i = 0; i < 100; i++) {
        g_autofree char *path = g_strdup_printf("/local/domain/5/data/%u", i);

        g_assert_true(ask(f.tool, XS_MKDIR, 0, path, strlen(path) + 1));
    }
    g_assert_cmpuint(f.guest->output_bytes, <=, 100);
    assert_events(f.guest, "data/0 tok,data/1 tok,data/2 tok");
    fixture_free(&f);
}

static void an_overlong_request_breaks_the_connection(void)
{
    Fixture f = fixture_new();
    uint8_t header[16] = {0};

    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    store_le32(header + 12, XENSTORE_PAYLOAD_MAX + 1);
    feed(f.guest, header, 16);
    g_assert_cmpuint(f.guest->error, ==, XENSTORE_ERROR_PROTO);
    g_assert_cmpuint(store_connection_wanted(f.guest), ==, 0);
    g_assert_cmpuint(f.guest->watches->len, ==, 0);
    store_domain_reset(f.store, 5);
    assert_ok(f.guest, XS_DIRECTORY, 0, "/local/domain/5");
    fixture_free(&f);
}

static void every_error_has_its_name(void)
{
    g_assert_cmpstr(store_wire_error_name(EPERM), ==, "EPERM");
    g_assert_cmpstr(store_wire_error_name(EISCONN), ==, "EISCONN");
    g_assert_cmpstr(store_wire_error_name(EXDEV), ==, "EINVAL");
    for (unsigned i = 0; i < STORE_QUOTA_COUNT; i++) {
        g_assert_nonnull(store_quota_name(i));
        g_assert_nonnull(store_quota_description(i));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function) g_test_add_func("/xenstore/wire/" #function, function)
    TEST(read_and_write_give_back_the_same_bytes);
    TEST(bad_payloads_are_einval);
    TEST(bad_paths_are_einval);
    TEST(unknown_operations_are_enosys);
    TEST(privileged_operations_are_eacces_for_a_guest);
    TEST(mkdir_and_rm_follow_the_document);
    TEST(directory_part_gives_a_long_list_in_pieces);
    TEST(permissions_decide_what_a_guest_may_do);
    TEST(a_child_inherits_and_belongs_to_its_maker);
    TEST(set_perms_checks_what_it_is_given);
    TEST(a_watch_fires_once_behind_its_answer);
    TEST(events_of_a_request_come_before_its_answer);
    TEST(a_removal_tells_each_watch_below);
    TEST(events_are_filtered_by_permissions);
    TEST(an_event_that_still_waits_is_not_doubled);
    TEST(an_event_too_long_for_the_wire_is_left_out);
    TEST(special_watches_tell_those_who_may_know);
    TEST(reset_watches_clears_watches_and_transactions);
    TEST(domain_operations_answer_as_documented);
    TEST(release_closes_and_introduce_opens);
    TEST(set_target_lends_the_targets_rights);
    TEST(control_commands_answer);
    TEST(quota_of_nodes);
    TEST(quota_of_nodes_is_looked_at_again_at_the_commit);
    TEST(quota_of_watches);
    TEST(quota_of_transactions);
    TEST(quota_of_transaction_nodes_fails_the_transaction);
    TEST(quota_of_a_value);
    TEST(quota_of_permissions);
    TEST(quota_of_outstanding_answers_stops_the_input);
    TEST(quota_of_queued_output_loses_events);
    TEST(an_overlong_request_breaks_the_connection);
    TEST(every_error_has_its_name);
    return g_test_run();
}
