/*
 * -netdev socket, stream and dgram: frames between two of them, and what a peer that is no friend
 * sends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net-fixture.h"

static char *folder;

/* A netdev by its options, with a recording adapter in front of it. */
typedef struct {
    FakeEnd adapter;
    NetClient *netdev;
} Side;

static NetClient *make_netdev(const char *text, GError **error)
{
    g_autoptr(JsonObject) options = net_options_parse(text, "type", error);

    g_assert_nonnull(options);
    return net_netdev_new(options, error);
}

static void side_init(Side *side, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    side->netdev = make_netdev(text, &error);
    g_assert_no_error(error);
    fake_init(&side->adapter, &fake_adapter_class, "nic");
    net_client_connect(side->adapter.client, side->netdev);
}

static void side_clear(Side *side)
{
    net_client_free(side->netdev);
    fake_clear(&side->adapter);
}

static void fill(uint8_t *frame, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++) {
        frame[i] = seed + i * 3;
    }
}

/* @from's adapter sends frames of many sizes; @to's receives each whole and in order. */
static void check_frames(Side *from, Side *to, size_t largest)
{
    static const size_t sizes[] = {14, 15, 60, 61, 1514, 9014, 65000, NET_FRAME_MAX};
    unsigned expected = to->adapter.frames->len;

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes) && sizes[i] <= largest; i++) {
        g_autofree uint8_t *frame = g_malloc(sizes[i]);
        fill(frame, sizes[i], i);
        send_bytes(from->adapter.client, frame, sizes[i]);
        run_until(to->adapter.frames->len == expected + 1);
        g_assert_cmpmem(frame, sizes[i], fake_frame(&to->adapter, expected)->data,
                        fake_frame(&to->adapter, expected)->len);
        expected++;
    }
}

static bool is_connected(Side *side, const char *prefix)
{
    return g_str_has_prefix(side->netdev->info, prefix);
}

/* ---- streams ---- */

static void test_a_unix_stream_carries_frames_both_ways(void)
{
    Side server, client;

    side_init(&server, "stream,id=a,server=on,addr.type=unix,addr.path=%s/s", folder);
    g_assert_true(is_connected(&server, "listening on unix:"));
    side_init(&client, "stream,id=b,addr.type=unix,addr.path=%s/s", folder);
    run_until(is_connected(&client, "unix:") && is_connected(&server, "unix:"));
    check_frames(&client, &server, NET_FRAME_MAX);
    check_frames(&server, &client, NET_FRAME_MAX);
    side_clear(&client);
    run_until(is_connected(&server, "listening on"));
    side_init(&client, "stream,id=b,addr.type=unix,addr.path=%s/s", folder);
    run_until(is_connected(&client, "unix:") && is_connected(&server, "unix:"));
    check_frames(&server, &client, 2000);
    side_clear(&client);
    side_clear(&server);
    g_autofree char *path = g_build_filename(folder, "s", NULL);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static unsigned listening_port(Side *server)
{
    return atoi(strrchr(server->netdev->info, ':') + 1);
}

static void test_netdev_socket_speaks_with_stream_over_tcp(void)
{
    Side server, client;

    side_init(&server, "socket,id=a,listen=127.0.0.1:0");
    side_init(&client, "stream,id=b,addr.type=inet,addr.host=127.0.0.1,addr.port=%u",
              listening_port(&server));
    run_until(is_connected(&client, "tcp:127") && is_connected(&server, "tcp:127"));
    check_frames(&client, &server, 9014);
    check_frames(&server, &client, 9014);
    side_clear(&client);
    run_until(is_connected(&server, "listening on"));
    side_init(&client, "socket,id=b,connect=127.0.0.1:%u", listening_port(&server));
    run_until(is_connected(&server, "tcp:127"));
    check_frames(&client, &server, 9014);
    side_clear(&client);
    side_clear(&server);
}

static void test_a_client_comes_back(void)
{
    Side server, client;

    side_init(&client, "stream,id=b,addr.type=unix,addr.path=%s/r,reconnect-ms=20", folder);
    run_until(is_connected(&client, "error: "));
    for (unsigned round = 0; round < 3; round++) {
        side_init(&server, "stream,id=a,server=on,addr.type=unix,addr.path=%s/r", folder);
        run_until(is_connected(&client, "unix:") && is_connected(&server, "unix:"));
        check_frames(&client, &server, 100);
        side_clear(&server);
        run_until(!is_connected(&client, "unix:"));
    }
    side_clear(&client);
}

/* A frame cut anywhere, two glued together: they come out as they went in. */
static void test_framing_is_independent_of_reads(void)
{
    static const uint8_t wire[] = "\0\0\0\x10"
                                  "0123456789abcdef"
                                  "\0\0\0\0"
                                  "\0\0\0\3"
                                  "abc"
                                  "\0\0\0\x0e"
                                  "ABCDEFGHIJKLMN";
    int ends[2];
    Side side;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
    side_init(&side, "socket,id=a,fd=%d", ends[0]);
    for (size_t i = 0; i < sizeof(wire) - 1; i++) {
        g_assert_cmpint(write(ends[1], wire + i, 1), ==, 1);
        while (g_main_context_iteration(NULL, FALSE)) {
        }
    }
    g_assert_cmpint(write(ends[1], wire, sizeof(wire) - 1), ==, sizeof(wire) - 1);
    run_until(side.adapter.frames->len == 4);
    for (unsigned i = 0; i < 4; i++) {
        GByteArray *frame = fake_frame(&side.adapter, i);
        g_assert_cmpmem(frame->data, frame->len, i % 2 ? "ABCDEFGHIJKLMN" : "0123456789abcdef",
                        i % 2 ? 14 : 16);
    }
    side_clear(&side);
    close(ends[1]);
}

static void test_a_length_that_is_too_large_ends_the_connection(void)
{
    static const uint32_t lengths[] = {NET_FRAME_MAX + 1, 0x7fffffff, 0x80000000, 0xffffffff};

    for (unsigned i = 0; i < G_N_ELEMENTS(lengths); i++) {
        uint32_t wire = htonl(lengths[i]);
        int ends[2];
        Side side;

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
        side_init(&side, "stream,id=a,addr.type=fd,addr.str=%d", ends[0]);
        g_assert_cmpint(write(ends[1], &wire, 4), ==, 4);
        run_until(is_connected(&side, "disconnected: the peer sent a frame that is too long"));
        g_assert_true(send_bytes(side.adapter.client, "0123456789abcdef", 16));
        g_assert_cmpuint(side.adapter.frames->len, ==, 0);
        side_clear(&side);
        close(ends[1]);
    }
}

static void test_a_busy_adapter_holds_the_peer_back(void)
{
    uint8_t wire[4 + 1000] = {0, 0, 1000 >> 8, 1000 & 0xff};
    unsigned sent = 0;
    int ends[2];
    Side side;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    side_init(&side, "socket,id=a,fd=%d", ends[0]);
    side.adapter.busy = true;
    for (unsigned idle = 0; idle < 50;) {
        ssize_t count = write(ends[1], wire, sizeof(wire));
        g_assert_true(count == sizeof(wire) || count < 0);
        sent += count > 0;
        idle = count > 0 || g_main_context_iteration(NULL, FALSE) ? 0 : idle + 1;
        g_assert_cmpuint(sent, <, 10000);
    }
    g_assert_cmpuint(side.adapter.client->waiting.length, ==, 1);
    side.adapter.busy = false;
    net_client_ready(side.adapter.client);
    run_until(side.adapter.frames->len == sent);
    g_assert_cmpuint(side.adapter.client->dropped, ==, 0);
    side_clear(&side);
    close(ends[1]);
}

static void test_a_full_socket_holds_the_adapter_back(void)
{
    uint8_t frame[1000], *wire = NULL;
    size_t have = 0, want;
    unsigned sent = 0;
    int ends[2];
    Side side;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    side_init(&side, "socket,id=a,fd=%d", ends[0]);
    fill(frame, sizeof(frame), 1);
    while (send_bytes(side.adapter.client, frame, sizeof(frame))) {
        g_assert_cmpuint(++sent, <, 10000);
    }
    want = (sent + 1) * (4 + sizeof(frame)); /* the refused one waits */
    wire = g_malloc(want);
    run_until(({
        ssize_t count = read(ends[1], wire + have, want - have);
        have += MAX(count, 0);
        have == want;
    }));
    for (unsigned i = 0; i <= sent; i++) {
        g_assert_cmpmem(wire + i * 1004, 4, "\0\0\x03\xe8", 4);
        g_assert_cmpmem(wire + i * 1004 + 4, 1000, frame, 1000);
    }
    g_assert_cmpuint(side.adapter.ready, ==, 1);
    g_free(wire);
    close(ends[1]);
    g_assert_true(send_bytes(side.adapter.client, frame, sizeof(frame)));
    run_until(is_connected(&side, "disconnected: "));
    side_clear(&side);
}

/* ---- datagrams ---- */

static void test_unix_datagrams_carry_frames(void)
{
    Side a, b;

    side_init(&a, "dgram,id=a,local.type=unix,local.path=%s/a,remote.type=unix,remote.path=%s/b",
              folder, folder);
    g_assert_true(send_bytes(a.adapter.client, "nobody is there", 15));
    side_init(&b, "dgram,id=b,local.type=unix,local.path=%s/b,remote.type=unix,remote.path=%s/a",
              folder, folder);
    check_frames(&a, &b, 65000);
    check_frames(&b, &a, 65000);
    side_clear(&a);
    side_clear(&b);
    g_autofree char *path = g_build_filename(folder, "a", NULL);
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static unsigned free_udp_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, length), ==, 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    close(fd);
    return ntohs(address.sin_port);
}

static void test_udp_carries_frames_of_both_netdevs(void)
{
    unsigned first = free_udp_port(), second = free_udp_port();
    Side a, b;

    side_init(&a, "socket,id=a,udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", first, second);
    side_init(&b,
              "dgram,id=b,local.type=inet,local.host=127.0.0.1,local.port=%u,"
              "remote.type=inet,remote.host=127.0.0.1,remote.port=%u",
              first, second);
    check_frames(&a, &b, 9014);
    check_frames(&b, &a, 9014);
    side_clear(&a);
    side_clear(&b);
}

static void test_multicast_reaches_every_member(void)
{
    unsigned port = free_udp_port();
    Side sides[3];

    for (unsigned i = 0; i < 3; i++) {
        side_init(&sides[i], "socket,id=m%u,mcast=230.0.0.1:%u,localaddr=127.0.0.1", i, port);
    }
    g_assert_true(send_bytes(sides[0].adapter.client, "0123456789abcdef", 16));
    run_until(sides[1].adapter.frames->len == 1 && sides[2].adapter.frames->len == 1);
    g_assert_cmpmem(fake_frame(&sides[2].adapter, 0)->data, 16, "0123456789abcdef", 16);
    for (unsigned i = 0; i < 3; i++) {
        side_clear(&sides[i]);
    }
}

static void test_a_descriptor_has_to_be_of_the_right_kind(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *options = NULL;
    int ends[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
    options = g_strdup_printf("dgram,id=a,local.type=fd,local.str=%d", ends[0]);
    g_assert_null(make_netdev(options, &error));
    g_assert_nonnull(strstr(error->message, "is not a datagram socket"));
    close(ends[0]);
    close(ends[1]);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), ==, 0);
    g_clear_error(&error);
    g_free(options);
    options = g_strdup_printf("socket,id=a,fd=%d", ends[0]);
    g_assert_null(make_netdev(options, &error));
    g_assert_nonnull(strstr(error->message, "is neither of type stream nor datagram"));
    close(ends[0]);
    close(ends[1]);
}

static void test_a_pair_of_datagram_sockets_carries_frames(void)
{
    int ends[2];
    Side a, b;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), ==, 0);
    side_init(&a, "dgram,id=a,local.type=fd,local.str=%d", ends[0]);
    side_init(&b, "socket,id=b,fd=%d", ends[1]);
    check_frames(&a, &b, 65000);
    check_frames(&b, &a, 65000);
    side_clear(&a);
    g_assert_true(send_bytes(b.adapter.client, "0123456789abcdef", 16));
    side_clear(&b);
}

/* ---- options ---- */

static const struct {
    const char *options, *message;
} refused[] = {
    {"socket,id=a", "exactly one of listen=, connect=, mcast=, udp= or fd= is required"},
    {"socket,id=a,listen=:1,connect=:2",
     "exactly one of listen=, connect=, mcast=, udp= or fd= is required"},
    {"socket,id=a,listen=x", "Parameter 'listen' expects [host]:port, not 'x'"},
    {"socket,id=a,udp=127.0.0.1:9", "localaddr= is mandatory with udp="},
    {"socket,id=a,listen=:1,localaddr=1.2.3.4", "localaddr= is only valid with mcast= or udp="},
    {"socket,id=a,fd=999", "Parameter 'fd': file descriptor 999 is not open"},
    {"socket,id=a,fd=0x", "Parameter 'fd' expects a number, not '0x'"},
    {"socket,id=a,listen=:1,bad=1", "Invalid parameter 'bad'"},
    {"socket,id=a,mcast=127.0.0.1:9",
     "a local address is needed unless the remote one is multicast"},
    {"stream,id=a", "Parameter 'addr' is missing"},
    {"stream,id=a,addr.type=inet,addr.host=x", "Parameter 'addr.port' is missing"},
    {"stream,id=a,addr.type=vsock", "Parameter 'addr.type' does not accept value 'vsock'"},
    {"stream,id=a,addr.type=unix,addr.path=p,addr.x=1", "addr: Invalid parameter 'x'"},
    {"stream,id=a,server=on,reconnect=1,addr.type=unix,addr.path=p",
     "'reconnect' option is incompatible with server=on"},
    {"dgram,id=a,remote.type=unix,remote.path=p",
     "Parameter 'remote' of type inet is needed, or 'local' of type unix or fd"},
    {"nothing,id=a", "Parameter 'type' does not accept value 'nothing'"},
    {"vde,id=a", "network backend 'vde' is not compiled into this binary"},
    {"stream", "Parameter 'id' is missing"},
    {"stream,id=1", "Parameter 'id' expects an identifier, not '1'"},
};

static void test_wrong_options_are_named(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(make_netdev(refused[i].options, &error));
        g_assert_cmpstr(error->message, ==, refused[i].message);
        g_assert_null(net_client_find("a", false));
    }
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    machine_lock();
    folder = g_dir_make_tmp("test-net-XXXXXX", NULL);
    g_test_add_func("/net-sockets/unix-stream", test_a_unix_stream_carries_frames_both_ways);
    g_test_add_func("/net-sockets/tcp", test_netdev_socket_speaks_with_stream_over_tcp);
    g_test_add_func("/net-sockets/reconnect", test_a_client_comes_back);
    g_test_add_func("/net-sockets/framing", test_framing_is_independent_of_reads);
    g_test_add_func("/net-sockets/too-long", test_a_length_that_is_too_large_ends_the_connection);
    g_test_add_func("/net-sockets/busy-adapter", test_a_busy_adapter_holds_the_peer_back);
    g_test_add_func("/net-sockets/full-socket", test_a_full_socket_holds_the_adapter_back);
    g_test_add_func("/net-sockets/unix-datagrams", test_unix_datagrams_carry_frames);
    g_test_add_func("/net-sockets/udp", test_udp_carries_frames_of_both_netdevs);
    g_test_add_func("/net-sockets/multicast", test_multicast_reaches_every_member);
    g_test_add_func("/net-sockets/kind", test_a_descriptor_has_to_be_of_the_right_kind);
    g_test_add_func("/net-sockets/datagram-pair", test_a_pair_of_datagram_sockets_carries_frames);
    g_test_add_func("/net-sockets/options", test_wrong_options_are_named);
    status = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return status;
}
