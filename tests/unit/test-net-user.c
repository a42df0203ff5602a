/*
 * -netdev user: what its network answers to a guest: ARP, DHCP, TCP to and from this host; and what
 * of its options is wrong.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net-fixture.h"
#include "util/clock.h"

#define GATEWAY 0x0a000202u
#define GUEST   0x0a00020fu
#define FIN     0x01
#define SYN     0x02
#define RST     0x04
#define ACK     0x10

static const uint8_t guest_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

/* ---- a guest of a few lines ---- */

typedef struct {
    FakeEnd adapter;
    NetClient *netdev;
    uint8_t gateway_mac[6];
    unsigned seen; /* frames looked at */
} Guest;

static NetClient *make_netdev(const char *text, GError **error)
{
    g_autoptr(JsonObject) options = net_options_parse(text, "type", error);

    g_assert_nonnull(options);
    return net_netdev_new(options, error);
}

static void guest_init(Guest *guest, const char *options)
{
    g_autoptr(GError) error = NULL;

    memset(guest, 0, sizeof(*guest));
    guest->netdev = make_netdev(options, &error);
    g_assert_no_error(error);
    fake_init(&guest->adapter, &fake_adapter_class, "nic");
    net_client_connect(guest->adapter.client, guest->netdev);
}

static void guest_clear(Guest *guest)
{
    net_client_free(guest->netdev);
    fake_clear(&guest->adapter);
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = value >> 8;
    at[1] = value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static unsigned get16(const uint8_t *at)
{
    return at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static uint32_t sum(const uint8_t *data, size_t size)
{
    uint32_t total = 0;

    for (size_t i = 0; i < size; i++) {
        total += i % 2 ? data[i] : data[i] << 8;
    }
    return total;
}

static uint16_t fold(uint32_t total)
{
    while (total >> 16) {
        total = (total & 0xffff) + (total >> 16);
    }
    return total;
}

/* An IPv4 packet with @payload_size bytes at offset 34; the caller fills and frees it. */
static uint8_t *make_ip(Guest *guest, uint8_t protocol, uint32_t from, uint32_t to,
                        size_t payload_size)
{
    uint8_t *frame = g_malloc0(34 + payload_size);
    uint8_t *ip = frame + 14;

    memcpy(frame, guest->gateway_mac, 6);
    memcpy(frame + 6, guest_mac, 6);
    put16(frame + 12, 0x0800);
    ip[0] = 0x45;
    put16(ip + 2, 20 + payload_size);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, from);
    put32(ip + 16, to);
    put16(ip + 10, ~fold(sum(ip, 20)));
    return frame;
}

/* Sends @size bytes whose transport sum, at @offset of it, is left to the netdev. */
static void send_partial(Guest *guest, uint8_t *frame, size_t size, unsigned offset,
                         uint16_t gso_size)
{
    struct iovec piece = {frame, size};
    NetPacket packet = {
        &piece,
        1,
        size,
        {NET_NEEDS_CSUM, gso_size ? NET_GSO_TCPV4 : NET_GSO_NONE, 54, gso_size, 34, offset}};

    put16(frame + 34 + offset, fold(sum(frame + 26, 8) + frame[23] + size - 34));
    g_assert_true(net_client_send(guest->adapter.client, &packet));
}

static void send_udp(Guest *guest, uint32_t from, uint32_t to, unsigned from_port, unsigned to_port,
                     const void *data, size_t size)
{
    g_autofree uint8_t *frame = make_ip(guest, 17, from, to, 8 + size);

    put16(frame + 34, from_port);
    put16(frame + 36, to_port);
    put16(frame + 38, 8 + size);
    memcpy(frame + 42, data, size);
    send_partial(guest, frame, 42 + size, 6, 0);
}

static void send_tcp(Guest *guest, unsigned from_port, unsigned to_port, uint32_t sequence,
                     uint32_t acknowledged, uint8_t flags, const void *data, size_t size,
                     uint16_t gso_size)
{
    g_autofree uint8_t *frame = make_ip(guest, 6, GUEST, GATEWAY, 20 + size);
    uint8_t *tcp = frame + 34;

    put16(tcp, from_port);
    put16(tcp + 2, to_port);
    put32(tcp + 4, sequence);
    put32(tcp + 8, acknowledged);
    tcp[12] = 0x50;
    tcp[13] = flags;
    put16(tcp + 14, 65535);
    if (size) {
        memcpy(tcp + 20, data, size);
    }
    send_partial(guest, frame, 54 + size, 16, gso_size);
}

/* The next frame that @matches; others are passed over. */
static const uint8_t *next_frame(Guest *guest, bool (*matches)(const GByteArray *frame))
{
    run_until(({
        while (guest->seen < guest->adapter.frames->len &&
               !matches(guest->adapter.frames->pdata[guest->seen])) {
            guest->seen++;
        }
        guest->seen < guest->adapter.frames->len;
    }));
    return ((GByteArray *)guest->adapter.frames->pdata[guest->seen++])->data;
}

static bool is_arp_reply(const GByteArray *frame)
{
    return frame->len >= 42 && get16(frame->data + 12) == 0x0806 && get16(frame->data + 20) == 2;
}

static bool is_arp_request(const GByteArray *frame)
{
    return frame->len >= 42 && get16(frame->data + 12) == 0x0806 && get16(frame->data + 20) == 1;
}

static bool is_ip(const GByteArray *frame, uint8_t protocol)
{
    return frame->len >= 42 && get16(frame->data + 12) == 0x0800 && frame->data[23] == protocol;
}

static bool is_udp(const GByteArray *frame)
{
    return is_ip(frame, 17);
}

static bool is_tcp(const GByteArray *frame)
{
    return is_ip(frame, 6) && frame->len >= 54;
}

static void send_arp(Guest *guest, unsigned operation, const uint8_t *to_mac, uint32_t from,
                     uint32_t to)
{
    uint8_t frame[60] = {0};

    memset(frame, 0xff, 6);
    memcpy(frame + 6, guest_mac, 6);
    memcpy(frame + 12, "\x08\x06\0\1\x08\0\6\4", 8);
    put16(frame + 20, operation);
    memcpy(frame + 22, guest_mac, 6);
    put32(frame + 28, from);
    memcpy(frame + 32, to_mac, 6);
    put32(frame + 38, to);
    g_assert_true(send_bytes(guest->adapter.client, frame, sizeof(frame)));
}

static void guest_finds_gateway(Guest *guest)
{
    static const uint8_t nobody[6];
    const uint8_t *reply;

    send_arp(guest, 1, nobody, GUEST, GATEWAY);
    reply = next_frame(guest, is_arp_reply);
    g_assert_cmpuint(get32(reply + 28), ==, GATEWAY);
    g_assert_cmpuint(get32(reply + 38), ==, GUEST);
    memcpy(guest->gateway_mac, reply + 22, 6);
    g_assert_cmpmem(guest->gateway_mac, 6, "\x52\x55\x0a\0\2\2", 6);
}

/* ---- a server of a few lines ---- */

static int listen_here(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, length), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    return fd;
}

static int accept_here(int listener)
{
    int fd;

    run_until((fd = accept(listener, NULL, NULL)) >= 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void read_all(int fd, uint8_t *data, size_t size)
{
    size_t have = 0;

    run_until(({
        ssize_t count = read(fd, data + have, size - have);
        have += MAX(count, 0);
        have == size;
    }));
}

/* ---- the tests ---- */

static void test_arp_is_answered_for_the_gateway(void)
{
    Guest guest;

    guest_init(&guest, "user,id=u");
    g_assert_cmpstr(guest.netdev->info, ==, "net=10.0.2.0,restrict=off");
    guest_finds_gateway(&guest);
    guest_clear(&guest);
}

static const uint8_t *dhcp_option(const uint8_t *frame, uint8_t wanted)
{
    const uint8_t *option = frame + 42 + 240;

    while (*option != wanted) {
        g_assert_cmpuint(*option, !=, 255);
        option += *option ? 2 + option[1] : 1;
    }
    return option + 2;
}

static const uint8_t *ask_dhcp(Guest *guest, uint8_t kind)
{
    uint8_t bootp[300] = {1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78};
    static const uint8_t cookie[] = {99, 130, 83, 99, 53, 1};

    memcpy(bootp + 28, guest_mac, 6);
    memcpy(bootp + 236, cookie, sizeof(cookie));
    bootp[242] = kind;
    if (kind == 3) {
        memcpy(bootp + 243, "\x32\4\xc0\xa8\x4d\x15", 6); /* the address asked for */
        bootp[249] = 255;
    } else {
        bootp[243] = 255;
    }
    memset(guest->gateway_mac, 0xff, 6);
    send_udp(guest, 0, 0xffffffff, 68, 67, bootp, sizeof(bootp));
    return next_frame(guest, is_udp);
}

static void test_dhcp_gives_what_the_options_say(void)
{
    Guest guest;
    const uint8_t *reply;

    guest_init(&guest,
               "user,id=u,net=192.168.77.0/24,dhcpstart=192.168.77.21,dns=192.168.77.53,"
               "hostname=xeno,domainname=example.org,host=192.168.77.1,"
               "dnssearch=a.example,dnssearch=b.example,bootfile=boot.0");
    reply = ask_dhcp(&guest, 1);
    g_assert_cmpuint(get16(reply + 34), ==, 67);
    g_assert_cmpuint(get32(reply + 42 + 16), ==, 0xc0a84d15); /* 192.168.77.21 */
    g_assert_cmpuint(dhcp_option(reply, 53)[0], ==, 2);
    g_assert_cmpuint(get32(dhcp_option(reply, 1)), ==, 0xffffff00);
    g_assert_cmpuint(get32(dhcp_option(reply, 3)), ==, 0xc0a84d01);
    g_assert_cmpuint(get32(dhcp_option(reply, 6)), ==, 0xc0a84d35);
    g_assert_cmpmem(dhcp_option(reply, 12), 4, "xeno", 4);
    g_assert_cmpmem(dhcp_option(reply, 15), 11, "example.org", 11);
    g_assert_cmpmem(dhcp_option(reply, 119), 3, "\1a\7", 3);
    g_assert_cmpstr((const char *)reply + 42 + 108, ==, "boot.0");
    reply = ask_dhcp(&guest, 3);
    g_assert_cmpuint(dhcp_option(reply, 53)[0], ==, 5);
    guest_clear(&guest);
}

static void test_tcp_reaches_a_server_of_this_host(void)
{
    g_autofree uint8_t *data = g_malloc(20000);
    g_autofree uint8_t *arrived = g_malloc(20000);
    const uint8_t *reply;
    uint32_t theirs;
    uint16_t port;
    int listener = listen_here(&port), connection;
    Guest guest;

    for (unsigned i = 0; i < 20000; i++) {
        data[i] = i * 7 + (i >> 8);
    }
    guest_init(&guest, "user,id=u");
    guest_finds_gateway(&guest);
    send_tcp(&guest, 1234, port, 1000, 0, SYN, NULL, 0, 0);
    connection = accept_here(listener);
    reply = next_frame(&guest, is_tcp);
    g_assert_cmpuint(reply[47], ==, SYN | ACK);
    g_assert_cmpuint(get32(reply + 42), ==, 1001);
    g_assert_cmpuint(fold(sum(reply + 26, 8) + 6 + get16(reply + 16) - 20 +
                          sum(reply + 34, get16(reply + 16) - 20)),
                     ==, 0xffff);
    theirs = get32(reply + 38) + 1;
    send_tcp(&guest, 1234, port, 1001, theirs, ACK, data, 5, 0);
    read_all(connection, arrived, 5);
    g_assert_cmpmem(arrived, 5, data, 5);
    send_tcp(&guest, 1234, port, 1006, theirs, ACK, data, 20000, 1460); /* one large packet */
    read_all(connection, arrived, 20000);
    g_assert_cmpmem(arrived, 20000, data, 20000);
    g_assert_cmpint(write(connection, "answer", 6), ==, 6);
    do {
        reply = next_frame(&guest, is_tcp);
    } while (get16(reply + 16) == 40);
    g_assert_cmpmem(reply + 54, 6, "answer", 6);
    g_autofree char *info = net_user_info();
    g_assert_nonnull(strstr(info, "TCP[ESTABLISHED]"));
    guest_clear(&guest); /* with the connection open */
    run_until(read(connection, arrived, 1) == 0);
    close(connection);
    close(listener);
}

static int connect_here(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    connect(fd, (struct sockaddr *)&address, sizeof(address));
    return fd;
}

static void check_forwarded(Guest *guest, uint16_t port, unsigned guest_port)
{
    const uint8_t *request;
    int connection = connect_here(port);

    /* The guest is asked for its address first. */
    request = next_frame(guest, is_arp_request);
    send_arp(guest, 2, request + 22, GUEST, get32(request + 28));
    request = next_frame(guest, is_tcp);
    g_assert_cmpuint(request[47], ==, SYN);
    g_assert_cmpuint(get32(request + 30), ==, GUEST);
    g_assert_cmpuint(get16(request + 36), ==, guest_port);
    close(connection);
}

static void test_a_port_is_forwarded_to_the_guest(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *options = NULL;
    g_autofree char *rule = NULL;
    uint16_t port, second;
    Guest guest;

    close(listen_here(&port));
    close(listen_here(&second));
    options = g_strdup_printf("user,id=u,hostfwd=tcp:127.0.0.1:%u-:22,hostfwd=udp::0-:53", port);
    guest_init(&guest, options);
    check_forwarded(&guest, port, 22);

    rule = g_strdup_printf("tcp:127.0.0.1:%u-10.0.2.15:2222", second);
    g_assert_true(net_user_forward("u", rule, &error));
    g_assert_false(net_user_forward(NULL, rule, &error));
    g_assert_nonnull(strstr(error->message, "Could not set up host forwarding rule"));
    g_clear_error(&error);
    *strchr(rule, '-') = '\0';
    g_assert_true(net_user_unforward(NULL, rule, &error));
    g_assert_false(net_user_unforward(NULL, rule, &error));
    g_clear_error(&error);
    g_assert_false(net_user_forward("x", "tcp::1-:1", &error));
    g_assert_cmpstr(error->message, ==, "unrecognized netdev id 'x'");
    guest_clear(&guest);
    g_assert_cmpint(recv(connect_here(port), &port, 1, 0), ==, -1);
}

static void test_a_command_answers_at_a_guest_address(void)
{
    const uint8_t *reply;
    uint32_t theirs;
    Guest guest;

    guest_init(&guest, "user,id=u,restrict=on,host=10.0.2.1,"
                       "guestfwd=tcp:10.0.2.2:7-cmd:echo from a command");
    guest_finds_gateway(&guest);
    send_tcp(&guest, 1234, 7, 1000, 0, SYN, NULL, 0, 0);
    reply = next_frame(&guest, is_tcp);
    g_assert_cmpuint(reply[47], ==, SYN | ACK);
    theirs = get32(reply + 38) + 1;
    send_tcp(&guest, 1234, 7, 1001, theirs, ACK, NULL, 0, 0);
    do {
        reply = next_frame(&guest, is_tcp);
    } while (get16(reply + 16) == 40);
    g_assert_cmpmem(reply + 54, 15, "from a command\n", 15);
    guest_clear(&guest);
}

static void test_a_restricted_network_has_no_way_out(void)
{
    const uint8_t *reply;
    uint16_t port;
    int listener = listen_here(&port);
    Guest guest;

    guest_init(&guest, "user,id=u,restrict=on");
    g_assert_cmpstr(guest.netdev->info, ==, "net=10.0.2.0,restrict=on");
    guest_finds_gateway(&guest);
    send_tcp(&guest, 1234, port, 1000, 0, SYN, NULL, 0, 0);
    reply = next_frame(&guest, is_tcp);
    g_assert_true(reply[47] & RST);
    g_assert_cmpint(accept(listener, NULL, NULL), ==, -1);
    guest_clear(&guest);
    close(listener);
}

static void test_frames_without_sense_harm_nobody(void)
{
    Guest guest;

    guest_init(&guest, "user,id=u");
    guest_finds_gateway(&guest);
    for (unsigned round = 0; round < 5000; round++) {
        uint8_t frame[200];
        size_t size = g_test_rand_int_range(1, sizeof(frame));
        for (size_t i = 0; i < size; i++) {
            frame[i] = g_test_rand_int_range(0, 256);
        }
        memcpy(frame, guest.gateway_mac, MIN(size, 6));
        if (size > 24 && round % 4) {
            put16(frame + 12, round % 4 == 1 ? 0x0800 : round % 4 == 2 ? 0x86dd : 0x0806);
            frame[14] = round % 4 == 1 ? 0x45 : 0x60;
        }
        send_bytes(guest.adapter.client, frame, size);
    }
    guest_finds_gateway(&guest);
    guest_clear(&guest);
}

static const struct {
    const char *options, *message;
} refused[] = {
    {"user,id=u,net=x", "Parameter 'net' expects ADDRESS[/MASK], not 'x'"},
    {"user,id=u,net=10.0.0.0/33", "Parameter 'net' expects ADDRESS[/MASK], not '10.0.0.0/33'"},
    {"user,id=u,net=10.0.0.0/255.0.255.0",
     "Parameter 'net' expects ADDRESS[/MASK], not '10.0.0.0/255.0.255.0'"},
    {"user,id=u,net=10.0.0.0/31", "Parameter 'net': network '10.0.0.0/31' is too small"},
    {"user,id=u,host=10.0.3.2",
     "Parameter 'host': 10.0.3.2 is no host's address in the network of 'net'"},
    {"user,id=u,host=10.0.2.3", "Parameters 'dns' and 'host' are the same address"},
    {"user,id=u,dhcpstart=a", "Parameter 'dhcpstart' expects an IPv4 address, not 'a'"},
    {"user,id=u,ipv4=off,ipv6=off", "'ipv4' and 'ipv6' are both off"},
    {"user,id=u,ipv6-net=fd00::/127",
     "Parameter 'ipv6-net' expects PREFIX[/LENGTH], not 'fd00::/127'"},
    {"user,id=u,ipv6-host=fd00::2", "Parameter 'ipv6-host' is not in the network of 'ipv6-net'"},
    {"user,id=u,smb=/tmp", "Parameter 'smb' is not available: this build starts no SMB server"},
    {"user,id=u,hostfwd=tcp:1", "Invalid host forwarding rule 'tcp:1' (Bad host port separator)"},
    {"user,id=u,hostfwd=sctp::1-:2",
     "Invalid host forwarding rule 'sctp::1-:2' (Bad protocol name)"},
    {"user,id=u,hostfwd=tcp::1-:0",
     "Invalid host forwarding rule 'tcp::1-:0' (Bad guest address or port)"},
    {"user,id=u,hostfwd=tcp::99999-:1",
     "Invalid host forwarding rule 'tcp::99999-:1' (Bad host address or port)"},
    {"user,id=u,guestfwd=tcp:10.0.2.100:80-tcp:1.2.3.4:5",
     "Parameter 'guestfwd' does not accept value '10.0.2.100:80-tcp:1.2.3.4:5': only "
     "'-cmd:COMMAND' "
     "is available"},
    {"user,id=u,guestfwd=x", "Invalid guest forwarding rule 'x'"},
    {"user,id=u,restrict=maybe", "Parameter 'restrict' expects 'on' or 'off', not 'maybe'"},
    {"user,id=u,bad=1", "Invalid parameter 'bad'"},
};

static void test_wrong_options_are_named(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(make_netdev(refused[i].options, &error));
        g_assert_cmpstr(error->message, ==, refused[i].message);
        g_assert_null(net_client_find("u", false));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    machine_lock();
    timers_init();
    clock_virtual_set_running(true);
    g_test_add_func("/net-user/arp", test_arp_is_answered_for_the_gateway);
    g_test_add_func("/net-user/dhcp", test_dhcp_gives_what_the_options_say);
    g_test_add_func("/net-user/tcp", test_tcp_reaches_a_server_of_this_host);
    g_test_add_func("/net-user/forward", test_a_port_is_forwarded_to_the_guest);
    g_test_add_func("/net-user/command", test_a_command_answers_at_a_guest_address);
    g_test_add_func("/net-user/restricted", test_a_restricted_network_has_no_way_out);
    g_test_add_func("/net-user/no-sense", test_frames_without_sense_harm_nobody);
    g_test_add_func("/net-user/options", test_wrong_options_are_named);
    return g_test_run();
}
