/*
 * The in-process client: each call and its errors, watches handed out without the lock,
 * transactions run again after a conflict; and the tree that libxl would make.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store_domain_tree.h"
#include "xenstore-fixture.h"

static void calls_do_what_the_wire_does(void)
{
    XenStore *store = store_new();
    StoreClient *c = store_client_new(store, 0);
    g_autofree char *big = g_malloc0(5000);
    GError *error = NULL;
    char **names;
    size_t length;
    uint64_t number;
    char *value;

    g_assert_true(store_client_write(c, 0, "/a/b", "x\0y", 3, &error));
    value = store_client_read(c, 0, "/a/b", &length, &error);
    g_assert_cmpmem(value, length, "x\0y", 3);
    g_free(value);
    g_assert_false(store_client_read_uint(c, 0, "/a/b", &number, &error));
    g_assert_error(error, STORE_ERROR, EINVAL);
    g_clear_error(&error);
    g_assert_true(store_client_printf(c, 0, &error, "/a/n", "%d", 42));
    g_assert_true(store_client_read_uint(c, 0, "/a/n", &number, &error));
    g_assert_cmpuint(number, ==, 42);
    g_assert_false(store_client_read_uint(c, 0, "/a/none", &number, NULL));
    g_assert_true(store_client_mkdir(c, 0, "/a/dir", &error));
    names = store_client_directory(c, 0, "/a", &error);
    g_assert_cmpuint(g_strv_length(names), ==, 3);
    g_assert_cmpstr(names[2], ==, "dir");
    g_strfreev(names);
    g_assert_null(store_client_directory(c, 0, "/none", &error));
    g_assert_error(error, STORE_ERROR, ENOENT);
    g_clear_error(&error);
    g_assert_true(store_client_exists(c, 0, "/a"));
    g_assert_true(store_client_remove(c, 0, "/a", &error));
    g_assert_false(store_client_exists(c, 0, "/a"));
    g_assert_null(store_client_read(c, 0, "/a", NULL, &error));
    g_assert_error(error, STORE_ERROR, ENOENT);
    g_assert_nonnull(strstr(error->message, "/a"));
    g_clear_error(&error);
    g_assert_false(store_client_write(c, 0, "/big", big, 5000, &error));
    g_assert_error(error, STORE_ERROR, E2BIG);
    g_clear_error(&error);
    g_assert_false(store_client_mkdir(c, 99, "/x", &error));
    g_assert_error(error, STORE_ERROR, ENOENT);
    g_clear_error(&error);
    g_assert_false(store_client_transaction_end(c, 0, true, &error));
    g_assert_error(error, STORE_ERROR, ENOENT);
    g_clear_error(&error);
    g_assert_false(store_quota_set(store, "none", 1, &error));
    g_clear_error(&error);
    store_client_free(c);
    store_client_free(NULL);
    store_free(store);
    store_free(NULL);
}

static void permissions_go_in_and_come_out(void)
{
    static const StorePermission given[] = {{0, STORE_ACCESS_NONE},
                                            {7, STORE_ACCESS_READ | STORE_ACCESS_WRITE}};
    XenStore *store = store_new();
    StoreClient *c = store_client_new(store, 0);
    g_autofree StorePermission *got = NULL;
    unsigned count;

    g_assert_true(store_domain_create(store, 7, NULL));
    g_assert_true(store_client_mkdir(c, 0, "/p", NULL));
    g_assert_true(store_client_set_permissions(c, 0, "/p", given, 2, NULL));
    got = store_client_get_permissions(c, 0, "/p", &count, NULL);
    g_assert_cmpmem(got, count * sizeof(*got), given, sizeof(given));
    g_assert_false(store_client_set_permissions(c, 0, "/p", given, 0, NULL));
    g_assert_null(store_client_get_permissions(c, 0, "/q", &count, NULL));
    store_client_free(c);
    store_free(store);
}

typedef struct {
    GString *log;
    StoreClientWatch *end;
} Log;

static void on_change(StoreClient *client, const char *path, void *opaque)
{
    Log *log = opaque;

    g_string_append_printf(log->log, "%s;", path);
    if (log->end) {
        store_client_unwatch(client, log->end);
        log->end = NULL;
    }
}

static void watches_are_dispatched_by_a_context(void)
{
    XenStore *store = store_new();
    StoreClient *c = store_client_new(store, 0), *other = store_client_new(store, 0);
    Log log = {g_string_new(NULL)};
    StoreClientWatch *watch;
    GError *error = NULL;

    watch = store_client_watch(c, "/w", on_change, &log, &error);
    g_assert_nonnull(watch);
    g_assert_null(store_client_watch(c, "/w//", on_change, &log, &error));
    g_assert_error(error, STORE_ERROR, EINVAL);
    g_clear_error(&error);
    store_client_attach(c, NULL);
    while (log.log->len == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_cmpstr(log.log->str, ==, "/w;");
    store_client_printf(other, 0, NULL, "/w/x", "1");
    store_client_printf(other, 0, NULL, "/w/x", "2");
    store_client_printf(other, 0, NULL, "/v", "2");
    g_main_context_iteration(NULL, TRUE);
    g_assert_cmpstr(log.log->str, ==, "/w;/w/x;");
    g_assert_false(g_main_context_iteration(NULL, FALSE));
    /* What waits for a watch that ends is dropped. */
    store_client_printf(other, 0, NULL, "/w/x", "3");
    store_client_unwatch(c, watch);
    store_client_unwatch(c, NULL);
    store_client_dispatch(c);
    g_assert_cmpstr(log.log->str, ==, "/w;/w/x;");
    store_client_free(c);
    store_client_free(other);
    store_free(store);
    g_string_free(log.log, TRUE);
}

static void a_handler_may_end_its_own_watch(void)
{
    XenStore *store = store_new();
    StoreClient *c = store_client_new(store, 0);
    Log log = {g_string_new(NULL)};

    log.end = store_client_watch(c, "/w", on_change, &log, NULL);
    store_client_printf(c, 0, NULL, "/w", "1");
    store_client_printf(c, 0, NULL, "/w/y", "1");
    g_assert_cmpuint(store_client_dispatch(c), ==, 1);
    g_assert_cmpstr(log.log->str, ==, "/w;");
    store_client_watch(c, "/w", on_change, &log, NULL);
    store_client_free(c);
    store_free(store);
    g_string_free(log.log, TRUE);
}

static void many_events_become_one(void)
{
    XenStore *store = store_new();
    StoreClient *c = store_client_new(store, 0);
    Log log = {g_string_new(NULL)};

    store_client_watch(c, "/w", on_change, &log, NULL);
    for (unsigned i = 0; i < 3000; i++) {
        g_autofree char *path = g_strdup_printf("/w/%u", i);

        store_client_printf(c, 0, NULL, path, "1");
        store_client_remove(c, 0, path, NULL);
    }
    g_assert_cmpuint(store_client_dispatch(c), <=, 1025);
    g_assert_cmpuint(store_client_dispatch(c), ==, 0);
    store_client_free(c);
    store_free(store);
    g_string_free(log.log, TRUE);
}

typedef struct {
    StoreClient *other;
    unsigned runs, conflicts;
    bool fail;
} Body;

static bool body(StoreClient *client, uint32_t transaction, void *opaque, GError **error)
{
    Body *b = opaque;
    uint64_t number;

    g_assert_true(store_client_read_uint(client, transaction, "/count", &number, error));
    b->runs++;
    if (b->conflicts > 0) {
        b->conflicts--;
        store_client_printf(b->other, 0, NULL, "/count", "%u", 10 * b->runs);
    }
    if (b->fail) {
        g_set_error_literal(error, STORE_ERROR, EIO, "no");
        return false;
    }
    return store_client_printf(client, transaction, error, "/count", "%u", (unsigned)number + 1);
}

static void a_transaction_is_run_until_it_holds(void)
{
    XenStore *store = store_new();
    StoreClient *c = store_client_new(store, 0);
    Body b = {store_client_new(store, 0), 0, 3, false};
    GError *error = NULL;
    uint64_t number;

    store_client_printf(c, 0, NULL, "/count", "0");
    g_assert_true(store_client_transaction_run(c, body, &b, &error));
    g_assert_cmpuint(b.runs, ==, 4);
    g_assert_true(store_client_read_uint(c, 0, "/count", &number, NULL));
    g_assert_cmpuint(number, ==, 31);
    b.fail = true;
    g_assert_false(store_client_transaction_run(c, body, &b, &error));
    g_assert_error(error, STORE_ERROR, EIO);
    g_clear_error(&error);
    store_client_free(b.other);
    store_client_free(c);
    store_free(store);
}

static void a_bound_client_meets_its_quota(void)
{
    XenStore *store = store_new();
    StoreClient *c;
    GError *error = NULL;

    g_assert_true(store_domain_create(store, 3, NULL));
    c = store_client_new(store, 3);
    for (unsigned i = 0; i < 10; i++) {
        g_assert_cmpuint(store_client_transaction_start(c, NULL), !=, 0);
    }
    g_assert_cmpuint(store_client_transaction_start(c, &error), ==, 0);
    g_assert_error(error, STORE_ERROR, ENOSPC);
    g_clear_error(&error);
    g_assert_false(store_client_transaction_run(c, body, NULL, NULL));
    store_client_free(c);
    store_free(store);
}

/* ---- the domain's tree ---- */

#define UUID "f6dca20a-54bb-43af-9a62-67c55cb75708"

static const StoreDomainConfig config = {
    .domid = 5,
    .name = "guest1",
    .uuid = UUID,
    .memory_static_max = 1048576,
    .memory_target = 524288,
    .memory_videoram = 8192,
    .cpus = 1,
    .max_cpus = 2,
    .acpi = true,
    .acpi_s3 = true,
    .acpi_s4 = false,
    .store_port = 1,
    .store_ring_ref = 1044476,
    .has_console = true,
    .console_port = 2,
    .console_ring_ref = 1044479,
    .console_tty = "/dev/pts/4",
    .bios = "seabios",
    .start_time = 1561550075,
};

static void the_tree_is_what_libxl_makes(void)
{
    static const struct {
        const char *path, *value, *permissions;
    } expected[] = {
        {"", "", "n0r5"},
        {"/vm", "/vm/" UUID, "n0r5"},
        {"/name", "guest1", "n0r5"},
        {"/domid", "5", "n0r5"},
        {"/memory/target", "524288", "n0r5"},
        {"/memory/static-max", "1048576", "n0r5"},
        {"/memory/videoram", "8192", "n0r5"},
        {"/cpu/0/availability", "online", "n0r5"},
        {"/cpu/1/availability", "offline", "n0r5"},
        {"/control", "", "n0r5"},
        {"/control/shutdown", "", "n5"},
        {"/control/sysrq", "", "n5"},
        {"/control/feature-suspend", "", "n5"},
        {"/control/platform-feature-xs_reset_watches", "1", "n0r5"},
        {"/device/suspend/event-channel", "", "n5"},
        {"/data", "", "n5"},
        {"/drivers", "", "n5"},
        {"/feature", "", "n5"},
        {"/attr", "", "n5"},
        {"/error", "", "n5"},
        {"/platform/acpi_s3", "1", "n0r5"},
        {"/platform/acpi_s4", "0", "n0r5"},
        {"/store/port", "1", "n0r5"},
        {"/store/ring-ref", "1044476", "n0r5"},
        {"/console/ring-ref", "1044479", "n0r5"},
        {"/console/tty", "/dev/pts/4", "n0r5"},
        {"/console/backend", "/local/domain/0/backend/console/5/0", "n0r5"},
        {"/hvmloader/bios", "seabios", "n0r5"},
    };
    Fixture f = fixture_new();
    GError *error = NULL;

    assert_write(f.tool, 0, "/local/domain/5/left-over", "x");
    g_assert_true(store_domain_tree_create(f.store, &config, &error));
    g_assert_no_error(error);
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_autofree char *path = g_strconcat("/local/domain/5", expected[i].path, NULL);
        g_autoptr(GString) permissions = g_string_new(NULL);

        g_assert_true(ask(f.tool, XS_READ, 0, path, strlen(path) + 1));
        g_assert_cmpstr(answer.payload, ==, expected[i].value);
        g_assert_true(ask(f.tool, XS_GET_PERMS, 0, path, strlen(path) + 1));
        for (unsigned at = 0; at < answer.length; at += strlen(answer.payload + at) + 1) {
            g_string_append(permissions, answer.payload + at);
        }
        g_assert_cmpstr(permissions->str, ==, expected[i].permissions);
    }
    assert_error(f.tool, XS_READ, 0, "/local/domain/5/left-over", "ENOENT");
    assert_value(f.tool, 0, "/vm/" UUID "/name", "guest1");
    assert_value(f.tool, 0, "/vm/" UUID "/start_time", "1561550075.00");
    assert_value(f.guest, 0, "/vm/" UUID "/uuid", UUID);
    assert_value(f.tool, 0, "/libxl/5/type", "hvm");
    assert_error(f.guest, XS_READ, 0, "/libxl/5/type", "EACCES");
    assert_value(f.tool, 0, "/local/domain/0/name", "Domain-0");
    /* The guest may answer where it must, and not elsewhere. */
    assert_write(f.guest, 0, "control/feature-poweroff", "1");
    g_assert_false(WRITE(f.guest, 0, "memory/target", "1"));
    assert_ok(f.guest, XS_MKDIR, 0, "data/mine");
    assert_error(f.guest, XS_MKDIR, 0, "mine", "EACCES");
    store_domain_tree_remove(f.store, 5, UUID);
    assert_error(f.tool, XS_READ, 0, "/vm/" UUID, "ENOENT");
    fixture_free(&f);
}

static void a_tree_without_a_name_or_domain_is_refused(void)
{
    XenStore *store = store_new();
    StoreDomainConfig bad = config;
    GError *error = NULL;

    bad.uuid = "not-one";
    g_assert_false(store_domain_tree_create(store, &bad, &error));
    g_clear_error(&error);
    bad = config;
    bad.name = NULL;
    g_assert_false(store_domain_tree_create(store, &bad, &error));
    g_clear_error(&error);
    bad = config;
    bad.has_console = false;
    bad.bios = NULL;
    /* Nobody has made domain 5. */
    g_assert_false(store_domain_tree_create(store, &bad, &error));
    g_assert_error(error, STORE_ERROR, ENOENT);
    g_clear_error(&error);
    store_free(store);
}

/* ---- domains that come and go ---- */

static void a_domain_that_is_destroyed_leaves_nothing(void)
{
    Fixture f = fixture_new();

    assert_write(f.guest, 0, "data/a", "1");
    assert_ok(f.tool, XS_WATCH, 0, "/local/domain/5\0w");
    assert_write(f.tool, 0, "/kept", "1");
    assert_ok(f.tool, XS_SET_PERMS, 0, "/kept\0n0\0r5");
    assert_ok(f.tool, XS_SET_PERMS, 0, "@releaseDomain\0n5");
    assert_ok(f.tool, XS_SET_PERMS, 0, "/\0n5");
    g_assert_true(store_domain_destroy(f.store, 5, false, NULL));
    assert_events(f.tool, "/local/domain/5 w");
    assert_error(f.tool, XS_READ, 0, "/local/domain/5", "ENOENT");
    assert_ok(f.tool, XS_GET_PERMS, 0, "@releaseDomain");
    g_assert_cmpstr(answer.payload, ==, "n0");
    assert_ok(f.tool, XS_GET_PERMS, 0, "/");
    g_assert_cmpstr(answer.payload, ==, "n0");
    /* The next of this number has none of its rights. */
    g_assert_true(store_domain_create(f.store, 5, NULL));
    g_assert_true(store_domain_introduce(f.store, 5, NULL));
    f.guest = connection_of(f.store, 5);
    assert_error(f.guest, XS_READ, 0, "/kept", "EACCES");
    fixture_free(&f);
}

static void orphans_may_be_kept(void)
{
    Fixture f = fixture_new();

    assert_write(f.guest, 0, "data/a", "1");
    g_assert_true(store_domain_destroy(f.store, 5, true, NULL));
    assert_value(f.tool, 0, "/local/domain/5/data/a", "1");
    assert_ok(f.tool, XS_GET_PERMS, 0, "/local/domain/5/data/a");
    g_assert_cmpstr(answer.payload, ==, "n0");
    fixture_free(&f);
}

static void domain_calls_refuse_nonsense(void)
{
    Fixture f = fixture_new();
    GError *error = NULL;

    g_assert_false(store_domain_create(f.store, 5, &error));
    g_assert_error(error, STORE_ERROR, EEXIST);
    g_clear_error(&error);
    g_assert_false(store_domain_create(f.store, 0, NULL));
    g_assert_false(store_domain_create(f.store, STORE_DOMID_SELF, NULL));
    g_assert_false(store_domain_introduce(f.store, 99, NULL));
    g_assert_false(store_domain_release(f.store, 99, NULL));
    g_assert_false(store_domain_destroy(f.store, 99, false, NULL));
    g_assert_false(store_domain_destroy(f.store, 0, false, NULL));
    g_assert_true(store_domain_is_introduced(f.store, 5));
    g_assert_false(store_domain_is_introduced(f.store, 99));
    g_assert_cmpuint(store_domain_node_count(f.store, 99), ==, 0);
    store_domain_shutdown(f.store, 99);
    store_domain_reset(f.store, 99);
    fixture_free(&f);
}

static void a_reset_brings_the_first_tree_back(void)
{
    Fixture f = fixture_new();
    uint32_t tx;

    assert_write(f.guest, 0, "data/a", "1");
    assert_ok(f.guest, XS_WATCH, 0, "data\0tok");
    assert_ok(f.tool, XS_WATCH, 0, "/local/domain/5/data/a\0tool");
    tx = start(f.tool);
    assert_ok(f.tool, XS_READ, tx, "/tool");
    store_reset(f.store);
    assert_events(f.tool, "/local/domain/5/data/a tool");
    assert_error(f.tool, XS_TRANSACTION_END, tx, "T", "EAGAIN");
    g_assert_cmpuint(f.guest->watches->len, ==, 0);
    assert_ok(f.tool, XS_DIRECTORY, 0, "/");
    g_assert_cmpmem(answer.payload, answer.length, "tool", 5);
    assert_value(f.tool, 0, "/tool/xenstored", "");
    g_assert_cmpuint(store_domain_node_count(f.store, 5), ==, 0);
    fixture_free(&f);
}

static void check_finds_what_is_wrong(void)
{
    Fixture f = fixture_new();
    g_autoptr(GString) report = g_string_new(NULL);
    StoreNode *root = store_tree_get(f.store, "/");

    store_domain_find(f.store, 5)->nodes++;
    store_node_add_child(root, "nowhere");
    store_node_add_child(root, "tool");
    g_assert_false(store_check(f.store, report));
    g_assert_nonnull(strstr(report->str, "/nowhere"));
    g_assert_nonnull(strstr(report->str, "twice"));
    g_assert_nonnull(strstr(report->str, "domain 5"));
    store_node_remove_child(root, "tool");
    store_node_remove_child(root, "tool");
    g_assert_false(store_node_remove_child(root, "tool"));
    report = (g_string_free(report, TRUE), g_string_new(NULL));
    store_check(f.store, report);
    g_assert_nonnull(strstr(report->str, "/tool: its parent does not list it"));
    store_node_add_child(root, "tool");
    store_node_remove_child(root, "nowhere");
    store_domain_find(f.store, 5)->nodes--;
    fixture_free(&f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function) g_test_add_func("/xenstore/client/" #function, function)
    TEST(calls_do_what_the_wire_does);
    TEST(permissions_go_in_and_come_out);
    TEST(watches_are_dispatched_by_a_context);
    TEST(a_handler_may_end_its_own_watch);
    TEST(many_events_become_one);
    TEST(a_transaction_is_run_until_it_holds);
    TEST(a_bound_client_meets_its_quota);
    TEST(the_tree_is_what_libxl_makes);
    TEST(a_tree_without_a_name_or_domain_is_refused);
    TEST(a_domain_that_is_destroyed_leaves_nothing);
    TEST(orphans_may_be_kept);
    TEST(domain_calls_refuse_nonsense);
    TEST(a_reset_brings_the_first_tree_back);
    TEST(check_finds_what_is_wrong);
    return g_test_run();
}
