/*
 * The socket back end against real peers: server and client, Unix and TCP, telnet, passed
 * descriptors, peers that leave, stall and come back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "chardev-fixture.h"

static char *directory;

static socklen_t unix_address(struct sockaddr_un *address, const char *path)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    g_strlcpy(address->sun_path, path, sizeof(address->sun_path));
    return sizeof(*address);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un address;
    socklen_t length = unix_address(&address, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, length), ==, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int listen_unix(const char *path)
{
    struct sockaddr_un address;
    socklen_t length = unix_address(&address, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    unlink(path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, length), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

/* The port behind "…:PORT,server=on" of a listening chardev. */
static uint16_t port_of(Chardev *chardev)
{
    g_autofree char *name = g_strdup(chardev_filename(chardev));

    *strstr(name, ",server=on") = '\0';
    return atoi(strrchr(name, ':') + 1);
}

static int connect_tcp(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Waits for @text from the chardev, with the main loop running. */
static void expect(int fd, const char *text, size_t length)
{
    g_autofree char *buffer = g_malloc(length + 1);
    size_t have = 0;

    run_until(({
        ssize_t count = read(fd, buffer + have, length - have);
        have += MAX(count, 0);
        have == length;
    }));
    g_assert_cmpmem(buffer, length, text, length);
}

static char *socket_path(const char *name)
{
    return g_build_filename(directory, name, NULL);
}

static void finish(Recorder *recorder, const char *id)
{
    recorder_clear(recorder);
    g_assert_true(chardev_remove(id, NULL));
}

static void test_unix_server_talks_and_accepts_again_after_its_peer_left(void)
{
    g_autofree char *path = socket_path("server");
    g_autofree char *options = g_strdup_printf("socket,id=s,path=%s,server=on,wait=off", path);
    Chardev *chardev = make_chardev(options);
    g_autofree char *disconnected = g_strdup_printf("disconnected:unix:%s,server=on", path);
    Recorder recorder;

    recorder_init(&recorder, chardev);
    g_assert_cmpstr(chardev_filename(chardev), ==, disconnected);
    g_assert_cmpuint(recorder.opened, ==, 0);
    g_assert_cmpint(write_text(&recorder, "nobody"), ==, 6);
    for (unsigned round = 1; round <= 3; round++) {
        int peer = connect_unix(path);
        run_until(recorder.opened == round);
        g_assert_cmpstr(chardev_filename(chardev), ==, disconnected + strlen("disconnected:"));
        g_assert_cmpint(write(peer, "ab", 2), ==, 2);
        run_until(recorder.received->len == 2 * round);
        g_assert_cmpint(write_text(&recorder, "hello"), ==, 5);
        expect(peer, "hello", 5);
        close(peer);
        run_until(recorder.closed == round);
    }
    finish(&recorder, "s");
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
}

static void test_what_a_peer_sent_before_it_left_is_delivered(void)
{
    g_autofree char *path = socket_path("server");
    g_autofree char *options = g_strdup_printf("socket,id=s,path=%s,server=on,wait=off", path);
    Recorder recorder;

    recorder_init(&recorder, make_chardev(options));
    recorder.room = 3;
    int peer = connect_unix(path);
    g_assert_cmpint(write(peer, "abcdef", 6), ==, 6);
    close(peer);
    run_until(recorder_has(&recorder, "abc"));
    run_for_ms(10);
    g_assert_cmpuint(recorder.closed, ==, 0);
    recorder.room = 100;
    char_accept_input(&recorder.frontend);
    run_until(recorder.closed == 1);
    g_assert_true(recorder_has(&recorder, "abcdef"));
    finish(&recorder, "s");
}

static void test_a_stale_socket_file_is_replaced_and_another_file_is_not(void)
{
    g_autofree char *path = socket_path("stale");
    g_autofree char *options = g_strdup_printf("socket,id=s,path=%s,server=on,wait=off", path);
    g_autofree char *message =
        g_strdup_printf("Failed to bind socket to %s: Address already in use", path);
    g_autoptr(GError) error = NULL;

    close(listen_unix(path));
    make_chardev(options);
    g_assert_true(chardev_remove("s", NULL));
    g_assert_true(g_file_set_contents(path, "mine", -1, NULL));
    g_assert_null(try_chardev(options, &error));
    g_assert_cmpstr(error->message, ==, message);
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
    unlink(path);
}

static void test_abstract_socket_has_no_file(void)
{
    g_autofree char *name = g_strdup_printf("xenolith-test-%d", getpid());
    g_autofree char *options =
        g_strdup_printf("socket,id=s,path=%s,abstract=on,server=on,wait=off", name);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    Recorder recorder;
    int peer = socket(AF_UNIX, SOCK_STREAM, 0);

    recorder_init(&recorder, make_chardev(options));
    memcpy(address.sun_path + 1, name, strlen(name));
    g_assert_cmpint(connect(peer, (struct sockaddr *)&address,
                            offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)),
                    ==, 0);
    run_until(recorder.opened == 1);
    close(peer);
    run_until(recorder.closed == 1);
    finish(&recorder, "s");
}

static void test_tcp_server_picks_a_port_and_names_its_peer(void)
{
    Chardev *chardev = make_chardev("socket,id=s,host=127.0.0.1,port=0,server=on,wait=off");
    Recorder recorder;

    recorder_init(&recorder, chardev);
    int peer = connect_tcp(port_of(chardev));
    run_until(recorder.opened == 1);
    g_assert_true(g_str_has_prefix(chardev_filename(chardev), "tcp:127.0.0.1:"));
    g_assert_nonnull(strstr(chardev_filename(chardev), ",server=on <-> 127.0.0.1:"));
    g_assert_cmpint(write_text(&recorder, "x"), ==, 1);
    expect(peer, "x", 1);
    close(peer);
    run_until(recorder.closed == 1);
    finish(&recorder, "s");
}

static void test_tcp_server_tries_the_ports_up_to_to(void)
{
    Chardev *first = make_chardev("socket,id=a,host=127.0.0.1,port=0,server=on,wait=off");
    unsigned port = port_of(first);
    g_autoptr(GError) error = NULL;
    g_autofree char *taken =
        g_strdup_printf("socket,id=b,host=127.0.0.1,port=%u,server=on,wait=off", port);
    g_autofree char *next = g_strdup_printf("%s,to=%u", taken, MIN(port + 50, 65535));
    g_autofree char *message =
        g_strdup_printf("Failed to bind socket to 127.0.0.1:%u: Address already in use", port);

    g_assert_null(try_chardev(taken, &error));
    g_assert_cmpstr(error->message, ==, message);
    Chardev *second = make_chardev(next);
    g_assert_cmpuint(port_of(second), >, port);
    g_assert_true(chardev_remove("a", NULL));
    g_assert_true(chardev_remove("b", NULL));
}

static void test_server_with_an_empty_host_takes_ipv4_peers(void)
{
    Chardev *chardev = make_chardev("socket,id=s,host=,port=0,server=on,wait=off");
    Recorder recorder;

    recorder_init(&recorder, chardev);
    int peer = connect_tcp(port_of(chardev));
    run_until(recorder.opened == 1);
    close(peer);
    finish(&recorder, "s");
}

static gpointer connect_soon(gpointer path)
{
    g_usleep(50000);
    return GINT_TO_POINTER(connect_unix(path));
}

static void test_wait_waits_for_the_first_peer(void)
{
    g_autofree char *path = socket_path("wait");
    g_autofree char *options = g_strdup_printf("socket,id=s,path=%s,server=on", path);
    GThread *thread = g_thread_new("peer", connect_soon, path);
    Recorder recorder;

    recorder_init(&recorder, make_chardev(options));
    g_assert_cmpuint(recorder.opened, ==, 1);
    close(GPOINTER_TO_INT(g_thread_join(thread)));
    run_until(recorder.closed == 1);
    finish(&recorder, "s");
}

static void test_client_connects_and_stays_away_once_its_peer_left(void)
{
    g_autofree char *path = socket_path("client");
    g_autofree char *options = g_strdup_printf("socket,id=s,path=%s", path);
    int listener = listen_unix(path);
    Recorder recorder;

    recorder_init(&recorder, make_chardev(options));
    g_assert_cmpuint(recorder.opened, ==, 1);
    int peer = accept(listener, NULL, NULL);
    g_assert_cmpint(write(peer, "in", 2), ==, 2);
    run_until(recorder_has(&recorder, "in"));
    close(peer);
    run_until(recorder.closed == 1);
    run_for_ms(20);
    g_assert_cmpint(accept(listener, NULL, NULL), ==, -1);
    g_assert_cmpint(write_text(&recorder, "lost"), ==, 4);
    close(listener);
    finish(&recorder, "s");
}

static void test_reconnecting_client_starts_without_a_server_and_comes_back(void)
{
    g_autofree char *path = socket_path("again");
    g_autofree char *options = g_strdup_printf("socket,id=s,path=%s,reconnect-ms=20", path);
    Recorder recorder;

    unlink(path);
    recorder_init(&recorder, make_chardev(options));
    run_for_ms(50);
    g_assert_cmpuint(recorder.opened, ==, 0);
    int listener = listen_unix(path);
    for (unsigned round = 1; round <= 3; round++) {
        int peer;
        run_until((peer = accept(listener, NULL, NULL)) >= 0);
        run_until(recorder.opened == round);
        g_assert_cmpint(write_text(&recorder, "hi"), ==, 2);
        expect(peer, "hi", 2);
        close(peer);
        run_until(recorder.closed == round);
    }
    close(listener);
    finish(&recorder, "s"); /* with an attempt under way or planned */
    run_for_ms(50);
}

static void test_an_inherited_connected_descriptor_is_used(void)
{
    int pair[2];
    Recorder recorder;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_autofree char *options = g_strdup_printf("socket,id=s,fd=%d", pair[0]);
    recorder_init(&recorder, make_chardev(options));
    g_assert_cmpuint(recorder.opened, ==, 1);
    g_assert_true(fcntl(pair[0], F_GETFD) & FD_CLOEXEC);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    write_text(&recorder, "x");
    expect(pair[1], "x", 1);
    finish(&recorder, "s");
    close(pair[1]);
}

static void test_an_inherited_listening_descriptor_is_accepted_on(void)
{
    g_autofree char *path = socket_path("inherited");
    int listener = listen_unix(path);
    g_autofree char *client = g_strdup_printf("socket,id=s,fd=%d", listener);
    g_autofree char *server = g_strdup_printf("%s,server=on,wait=off", client);
    g_autofree char *message = g_strdup_printf(
        "File descriptor %d is a listening socket: 'server=on' is missing", listener);
    g_autoptr(GError) error = NULL;
    Recorder recorder;

    g_assert_null(try_chardev(client, &error));
    g_assert_cmpstr(error->message, ==, message);
    recorder_init(&recorder, make_chardev(server));
    int peer = connect_unix(path);
    run_until(recorder.opened == 1);
    close(peer);
    run_until(recorder.closed == 1);
    finish(&recorder, "s");
    unlink(path);
}

/* ---- a peer that does not read, and one that is gone ---- */

static void set_flag(void *opaque)
{
    *(bool *)opaque = true;
}

static void test_a_peer_that_does_not_read_holds_output_back(void)
{
    static const uint8_t block[65536];
    static uint8_t drain[65536];
    int pair[2];
    Recorder recorder;
    bool ready = false;
    int taken;
    unsigned rounds = 0;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_autofree char *options = g_strdup_printf("socket,id=s,fd=%d", pair[0]);
    recorder_init(&recorder, make_chardev(options));
    while ((taken = char_write(&recorder.frontend, block, sizeof(block))) > 0) {
        g_assert_cmpuint(++rounds, <, 1000);
    }
    g_assert_cmpint(taken, ==, 0);
    char_add_writable_watch(&recorder.frontend, set_flag, &ready);
    run_for_ms(20);
    g_assert_false(ready);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    while (read(pair[1], drain, sizeof(drain)) > 0) {
    }
    run_until(ready);
    g_assert_cmpint(write_text(&recorder, "x"), ==, 1);
    finish(&recorder, "s");
    close(pair[1]);
}

static void test_a_dead_peer_found_by_a_write_closes_even_if_no_input_is_wanted(void)
{
    int pair[2];
    Recorder recorder;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_autofree char *options = g_strdup_printf("socket,id=s,fd=%d", pair[0]);
    recorder_init(&recorder, make_chardev(options));
    recorder.room = 0;
    close(pair[1]);
    run_for_ms(10);
    g_assert_cmpuint(recorder.closed, ==, 0);
    g_assert_cmpint(write_text(&recorder, "x"), ==, 1);
    g_assert_cmpuint(recorder.closed, ==, 0); /* not from within the writer */
    run_until(recorder.closed == 1);
    g_assert_cmpint(write_text(&recorder, "x"), ==, 1);
    finish(&recorder, "s");
}

static void test_a_peer_that_leaves_while_output_is_queued_is_fine(void)
{
    static const uint8_t block[1 << 20];
    int pair[2];
    Recorder recorder;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_autofree char *options = g_strdup_printf("socket,id=s,fd=%d", pair[0]);
    recorder_init(&recorder, make_chardev(options));
    char_write_all(&recorder.frontend, block, sizeof(block));
    g_assert_cmpuint(char_queued(&recorder.frontend), >, 0);
    close(pair[1]);
    run_until(recorder.closed == 1);
    g_assert_cmpuint(char_queued(&recorder.frontend), ==, 0);
    finish(&recorder, "s");
}

/* ---- telnet ---- */

static void test_telnet_negotiates_escapes_and_knows_break(void)
{
    Chardev *chardev =
        make_chardev("socket,id=s,host=127.0.0.1,port=0,server=on,wait=off,telnet=on");
    static const char greeting[] = "\377\373\001\377\373\003\377\373\000\377\375\000";
    static const char input[] = "a\377\375\001b\377\377c\377\363d\377\372\030\001\377\360e\r\000f";
    Recorder recorder;

    g_assert_true(g_str_has_prefix(chardev_filename(chardev), "disconnected:telnet:127.0.0.1:"));
    recorder_init(&recorder, chardev);
    int peer = connect_tcp(port_of(chardev));
    expect(peer, greeting, 12);
    /* One byte at a time, so that every state is left and entered between reads. */
    for (unsigned i = 0; i < sizeof(input) - 1; i++) {
        g_assert_cmpint(write(peer, input + i, 1), ==, 1);
        run_for_ms(1);
    }
    run_until(recorder.received->len == 8);
    g_assert_true(recorder_has(&recorder, "ab\377cde\rf"));
    g_assert_cmpuint(recorder.breaks, ==, 1);
    g_assert_cmpint(write_text(&recorder, "x\377y"), ==, 3);
    expect(peer, "x\377\377y", 4);
    close(peer);
    finish(&recorder, "s");
}

/* ---- descriptors ---- */

static void send_fds(int socket, const char *text, const int *fds, unsigned count)
{
    char control[CMSG_SPACE(sizeof(int) * 8)] = {0};
    struct iovec data = {(char *)text, strlen(text)};
    struct msghdr message = {
        .msg_iov = &data,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = CMSG_SPACE(sizeof(int) * count),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    g_assert_cmpint(sendmsg(socket, &message, 0), ==, (int)strlen(text));
}

static unsigned open_fd_count(void)
{
    g_autoptr(GDir) dir = g_dir_open("/proc/self/fd", 0, NULL);
    unsigned count = 0;

    while (g_dir_read_name(dir)) {
        count++;
    }
    return count;
}

static void test_passed_descriptors_can_be_taken_and_are_never_leaked(void)
{
    int pair[2], pipes[2];
    Recorder recorder;
    unsigned count;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_assert_cmpint(pipe(pipes), ==, 0);
    g_autofree char *options = g_strdup_printf("socket,id=s,fd=%d", pair[0]);
    recorder_init(&recorder, make_chardev(options));
    unsigned before = open_fd_count();

    send_fds(pair[1], "one", &pipes[1], 1);
    run_until(recorder_has(&recorder, "one"));
    g_autofree int *fds = char_take_fds(&recorder.frontend, &count);
    g_assert_cmpuint(count, ==, 1);
    g_assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    g_assert_cmpint(write(fds[0], "!", 1), ==, 1);
    char byte = 0;
    g_assert_cmpint(read(pipes[0], &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, '!');
    close(fds[0]);
    g_assert_null(char_take_fds(&recorder.frontend, &count));
    g_assert_cmpuint(count, ==, 0);

    /* Not taken: replaced by the next set, and gone with the connection. */
    send_fds(pair[1], "two", pipes, 2);
    run_until(recorder_has(&recorder, "onetwo"));
    send_fds(pair[1], "three", pipes, 1);
    run_until(recorder_has(&recorder, "onetwothree"));
    g_assert_cmpuint(open_fd_count(), ==, before + 1);
    close(pair[1]);
    run_until(recorder.closed == 1);
    g_assert_cmpuint(open_fd_count(), ==, before - 2);
    close(pipes[0]);
    close(pipes[1]);
    finish(&recorder, "s");
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    directory = g_dir_make_tmp("chardev-XXXXXX", NULL);
#define ADD(path, function) g_test_add_func("/chardev/socket/" path, function)
    ADD("unix-server", test_unix_server_talks_and_accepts_again_after_its_peer_left);
    ADD("last-words", test_what_a_peer_sent_before_it_left_is_delivered);
    ADD("stale-file", test_a_stale_socket_file_is_replaced_and_another_file_is_not);
    ADD("abstract", test_abstract_socket_has_no_file);
    ADD("tcp-server", test_tcp_server_picks_a_port_and_names_its_peer);
    ADD("to", test_tcp_server_tries_the_ports_up_to_to);
    ADD("empty-host", test_server_with_an_empty_host_takes_ipv4_peers);
    ADD("wait", test_wait_waits_for_the_first_peer);
    ADD("client", test_client_connects_and_stays_away_once_its_peer_left);
    ADD("reconnect", test_reconnecting_client_starts_without_a_server_and_comes_back);
    ADD("fd/connected", test_an_inherited_connected_descriptor_is_used);
    ADD("fd/listening", test_an_inherited_listening_descriptor_is_accepted_on);
    ADD("stalled-peer", test_a_peer_that_does_not_read_holds_output_back);
    ADD("dead-peer", test_a_dead_peer_found_by_a_write_closes_even_if_no_input_is_wanted);
    ADD("queued-and-left", test_a_peer_that_leaves_while_output_is_queued_is_fine);
    ADD("telnet", test_telnet_negotiates_escapes_and_knows_break);
    ADD("take-fds", test_passed_descriptors_can_be_taken_and_are_never_leaked);
#undef ADD
    status = g_test_run();
    g_autofree char *command = g_strdup_printf("rm -rf '%s'", directory);
    return system(command) == 0 ? status : 1;
}
