/*
 * The Unix socket: raw clients, several at once, slow ones, ones that break the rules; the name in
 * the file system; and Debian's own tools if they are installed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hw/xen/store_socket.h"
#include "xenstore-fixture.h"

typedef struct {
    XenStore *store;
    StoreSocket *server;
    char *directory, *path;
} Host;

static void host_new(Host *h)
{
    GError *error = NULL;

    h->store = store_new();
    h->directory = g_dir_make_tmp("xenstore-XXXXXX", NULL);
    h->path = g_build_filename(h->directory, "socket", NULL);
    h->server = store_socket_new(h->store, h->path, NULL, &error);
    g_assert_no_error(error);
}

static void host_free(Host *h)
{
    store_socket_free(h->server);
    g_assert_false(g_file_test(h->path, G_FILE_TEST_EXISTS));
    g_assert_true(store_check(h->store, NULL));
    store_free(h->store);
    g_rmdir(h->directory);
    g_free(h->directory);
    g_free(h->path);
}

static void serve(void)
{
    for (int i = 0; i < 50; i++) {
        while (g_main_context_iteration(NULL, FALSE)) {
        }
    }
}

static int connect_to(Host *h)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, h->path, sizeof(address.sun_path));
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    serve();
    return fd;
}

static void send_request(int fd, uint32_t type, const void *payload, uint32_t length)
{
    g_autoptr(GByteArray) request = g_byte_array_new();

    make_request(request, type, 5, 0, payload, length);
    g_assert_cmpint(send(fd, request->data, request->len, MSG_NOSIGNAL), ==, request->len);
}

static void assert_message(int fd, uint32_t type, const void *payload, unsigned length)
{
    uint8_t bytes[16 + 4096];

    g_assert_cmpint(recv(fd, bytes, 16 + length, 0), ==, 16 + length);
    g_assert_cmpuint(load_le32(bytes), ==, type);
    g_assert_cmpmem(bytes + 16, load_le32(bytes + 12), payload, length);
}

static void several_clients_share_the_store(void)
{
    Host h;
    int a, b;
    char c;

    host_new(&h);
    a = connect_to(&h);
    b = connect_to(&h);
    g_assert_cmpuint(store_socket_client_count(h.server), ==, 2);
    send_request(b, XS_WATCH, "/x\0tok", 7);
    serve();
    assert_message(b, XS_WATCH, "OK", 3);
    assert_message(b, XS_WATCH_EVENT, "/x\0tok", 7);
    send_request(a, XS_WRITE, "/x\0value", 8);
    send_request(a, XS_READ, "/x", 3);
    serve();
    assert_message(a, XS_WRITE, "OK", 3);
    assert_message(a, XS_READ, "value", 5);
    assert_message(b, XS_WATCH_EVENT, "/x\0tok", 7);
    close(a);
    serve();
    g_assert_cmpuint(store_socket_client_count(h.server), ==, 1);
    g_assert_cmpint(recv(b, &c, 1, 0), ==, -1);
    host_free(&h);
    g_assert_cmpint(recv(b, &c, 1, 0), ==, 0);
    close(b);
}

static void a_client_with_an_overlong_request_is_cut_off(void)
{
    uint8_t header[16] = {0};
    Host h;
    char c;
    int a;

    host_new(&h);
    a = connect_to(&h);
    store_le32(header + 12, 4097);
    g_assert_cmpint(send(a, header, 16, 0), ==, 16);
    serve();
    g_assert_cmpint(recv(a, &c, 1, 0), ==, 0);
    g_assert_cmpuint(store_socket_client_count(h.server), ==, 0);
    close(a);
    host_free(&h);
}

/* One that asks and never reads is not read any more; once it reads, all its answers are there. */
static void a_client_that_does_not_read_waits(void)
{
    g_autoptr(GByteArray) request = g_byte_array_new();
    StoreConnection *connection;
    unsigned sent = 0, got = 0;
    uint8_t bytes[65536];
    StoreClient *client;
    ssize_t n;
    Host h;
    int a;

    host_new(&h);
    client = store_client_new(h.store, 0);
    memset(bytes, 'v', 4000);
    g_assert_true(store_client_write(client, 0, "/big", bytes, 4000, NULL));
    a = connect_to(&h);
    connection = g_ptr_array_index(h.store->connections, h.store->connections->len - 1);
    make_request(request, XS_READ, 1, 0, "/big", 5);
    for (unsigned i = 0;
         i < 500 && send(a, request->data, request->len, MSG_NOSIGNAL) == (ssize_t)request->len;
         i++) {
        sent++;
        serve();
    }
    g_assert_cmpuint(connection->output_bytes, <=, 20 * 4112);
    g_assert_cmpuint(connection->replies, ==, 20);
    while (got < sent * 4016) {
        n = recv(a, bytes, sizeof(bytes), 0);
        got += n > 0 ? n : 0;
        serve();
    }
    g_assert_cmpuint(got, ==, sent * 4016);
    g_assert_cmpuint(connection->replies, ==, 0);
    close(a);
    serve();
    store_client_free(client);
    host_free(&h);
}

static void a_client_that_lets_events_pile_up_is_cut_off(void)
{
    StoreClient *client;
    Host h;
    int a;

    host_new(&h);
    client = store_client_new(h.store, 0);
    a = connect_to(&h);
    send_request(a, XS_WATCH, "/\0tok", 6);
    serve();
    for (unsigned i = 0; i < 200000 && store_socket_client_count(h.server) == 1; i++) {
        g_autofree char *path = g_strdup_printf("/%u", i);

        store_client_printf(client, 0, NULL, path, "1");
        store_client_remove(client, 0, path, NULL);
        if (i % 64 == 0) {
            serve();
        }
    }
    g_assert_cmpuint(store_socket_client_count(h.server), ==, 0);
    close(a);
    store_client_free(client);
    host_free(&h);
}

static void more_clients_than_allowed_are_turned_away(void)
{
    int fds[STORE_SOCKET_CLIENTS_MAX + 1];
    Host h;
    char c;

    host_new(&h);
    for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = connect_to(&h);
    }
    g_assert_cmpuint(store_socket_client_count(h.server), ==, STORE_SOCKET_CLIENTS_MAX);
    g_assert_cmpint(recv(fds[STORE_SOCKET_CLIENTS_MAX], &c, 1, 0), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(fds); i++) {
        close(fds[i]);
    }
    serve();
    g_assert_cmpuint(store_socket_client_count(h.server), ==, 0);
    host_free(&h);
}

static void the_name_is_taken_with_care(void)
{
    g_autofree char *file = NULL, *stale = NULL, *much = g_strnfill(200, 'x');
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    StoreSocket *second;
    GError *error = NULL;
    Host h;
    int fd;

    host_new(&h);
    g_assert_cmpint(stat(h.path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    g_assert_null(store_socket_new(h.store, h.path, NULL, &error));
    g_assert_nonnull(strstr(error->message, "somebody listens"));
    g_clear_error(&error);
    file = g_build_filename(h.directory, "file", NULL);
    g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    g_assert_null(store_socket_new(h.store, file, NULL, &error));
    g_assert_nonnull(strstr(error->message, file));
    g_clear_error(&error);
    g_assert_null(store_socket_new(h.store, "", NULL, &error));
    g_clear_error(&error);
    g_assert_null(store_socket_new(h.store, much, NULL, &error));
    g_clear_error(&error);
    g_assert_null(store_socket_new(h.store, "/nowhere/at/all", NULL, &error));
    g_clear_error(&error);
    /* Left by one that is gone. */
    stale = g_build_filename(h.directory, "stale", NULL);
    g_strlcpy(address.sun_path, stale, sizeof(address.sun_path));
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    close(fd);
    second = store_socket_new(h.store, stale, g_main_context_default(), &error);
    g_assert_no_error(error);
    store_socket_free(second);
    store_socket_free(NULL);
    g_unlink(file);
    host_free(&h);
}

/* ---- Debian's tools ---- */

typedef struct {
    bool done;
    int status;
    char *output;
} Run;

static void tool_done(GObject *process, GAsyncResult *result, gpointer opaque)
{
    Run *run = opaque;

    g_subprocess_communicate_utf8_finish(G_SUBPROCESS(process), result, &run->output, NULL, NULL);
    run->status = g_subprocess_get_if_exited(G_SUBPROCESS(process))
                      ? g_subprocess_get_exit_status(G_SUBPROCESS(process))
                      : -1;
    run->done = true;
}

static void assert_tool(Host *h, const char *command, int status, const char *expected)
{
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_autoptr(GSubprocess) process = NULL;
    g_auto(GStrv) arguments = g_strsplit(command, " ", 0);
    Run run = {0};

    g_subprocess_launcher_setenv(launcher, "XENSTORED_PATH", h->path, TRUE);
    process = g_subprocess_launcher_spawnv(launcher, (const char *const *)arguments, NULL);
    g_assert_nonnull(process);
    g_subprocess_communicate_utf8_async(process, NULL, NULL, tool_done, &run);
    while (!run.done) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_test_message("%s", command);
    g_assert_cmpint(run.status, ==, status);
    g_assert_cmpstr(run.output, ==, expected);
    g_free(run.output);
}

static void debians_tools_work(void)
{
    g_autofree char *tool = g_find_program_in_path("xenstore-ls");
    Host h;

    if (!tool) {
        g_test_skip("xenstore-utils is not installed");
        return;
    }
    host_new(&h);
    assert_tool(&h, "xenstore-ls", 0, "tool = \"\"\n xenstored = \"\"\n");
    assert_tool(&h, "xenstore-write /a/b one /a/c two", 0, "");
    assert_tool(&h, "xenstore-read /a/b /a/c", 0, "one\ntwo\n");
    assert_tool(&h, "xenstore-read /none", 1, "");
    assert_tool(&h, "xenstore-list /a", 0, "b\nc\n");
    assert_tool(&h, "xenstore-exists /a/b", 0, "");
    assert_tool(&h, "xenstore-exists /none", 1, "");
    assert_tool(&h, "xenstore-chmod /a/b n0 r0", 0, "");
    assert_tool(&h, "xenstore-ls -fp /a", 0, "/a/b = \"one\"   (n0,r0)\n/a/c = \"two\"   (n0)\n");
    assert_tool(&h, "xenstore-rm /a/b", 0, "");
    assert_tool(&h, "xenstore-ls -f /a", 0, "/a/c = \"two\"\n");
    assert_tool(&h, "xenstore-watch -n 1 /a", 0, "/a\n");
    host_free(&h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define TEST(function) g_test_add_func("/xenstore/socket/" #function, function)
    TEST(several_clients_share_the_store);
    TEST(a_client_with_an_overlong_request_is_cut_off);
    TEST(a_client_that_does_not_read_waits);
    TEST(a_client_that_lets_events_pile_up_is_cut_off);
    TEST(more_clients_than_allowed_are_turned_away);
    TEST(the_name_is_taken_with_care);
    TEST(debians_tools_work);
    return g_test_run();
}
