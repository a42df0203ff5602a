/*
 * -netdev tap, in a network namespace of the test's own: frames both ways with the kernel's
 * offloads, scripts, descriptors from elsewhere, and options that are wrong. Without the rights for
 * a namespace, or without /dev/net/tun, what needs them is skipped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net-fixture.h"

#define HOST    "192.168.77.1"
#define GUEST   "192.168.77.2"
#define OPTIONS "tap,id=t,ifname=xtap0,script=no,downscript=no"

static const uint8_t guest_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static bool have_taps;
static char *folder;

typedef struct {
    FakeEnd adapter;
    NetClient *netdev;
    uint8_t host_mac[6];
    unsigned seen;
} Tap;

static NetClient *make_netdev(const char *text, GError **error)
{
    g_autoptr(JsonObject) options = net_options_parse(text, "type", error);

    g_assert_nonnull(options);
    return net_netdev_new(options, error);
}

/* ---- the host's side ---- */

static void interface_ioctl(unsigned long request, struct ifreq *interface)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    g_strlcpy(interface->ifr_name, "xtap0", IFNAMSIZ);
    g_assert_cmpint(ioctl(fd, request, interface), ==, 0);
    close(fd);
}

static void interface_up(Tap *tap)
{
    struct ifreq address = {0}, flags = {0}, hardware = {0};
    struct sockaddr_in *ip = (struct sockaddr_in *)&address.ifr_addr;

    ip->sin_family = AF_INET;
    inet_pton(AF_INET, HOST, &ip->sin_addr);
    interface_ioctl(SIOCSIFADDR, &address);
    inet_pton(AF_INET, "255.255.255.0", &ip->sin_addr);
    interface_ioctl(SIOCSIFNETMASK, &address);
    flags.ifr_flags = IFF_UP | IFF_RUNNING;
    interface_ioctl(SIOCSIFFLAGS, &flags);
    interface_ioctl(SIOCGIFHWADDR, &hardware);
    memcpy(tap->host_mac, hardware.ifr_hwaddr.sa_data, 6);
}

static int udp_socket(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

/* ---- the guest's side ---- */

static void tap_init(Tap *tap, const char *options, unsigned takes)
{
    g_autoptr(GError) error = NULL;

    memset(tap, 0, sizeof(*tap));
    tap->netdev = make_netdev(options, &error);
    g_assert_no_error(error);
    fake_init(&tap->adapter, &fake_adapter_class, "nic");
    tap->adapter.takes = takes;
    net_client_connect(tap->adapter.client, tap->netdev);
    interface_up(tap);
}

static void tap_clear(Tap *tap)
{
    net_client_free(tap->netdev);
    fake_clear(&tap->adapter);
}

static unsigned get16(const uint8_t *at)
{
    return at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = value >> 8;
    at[1] = value;
}

static uint16_t fold(uint32_t total, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        total += i % 2 ? data[i] : data[i] << 8;
    }
    while (total >> 16) {
        total = (total & 0xffff) + (total >> 16);
    }
    return total;
}

static const GByteArray *next_frame(Tap *tap, bool (*matches)(const GByteArray *frame))
{
    run_until(({
        while (tap->seen < tap->adapter.frames->len &&
               !matches(tap->adapter.frames->pdata[tap->seen])) {
            tap->seen++;
        }
        tap->seen < tap->adapter.frames->len;
    }));
    return tap->adapter.frames->pdata[tap->seen++];
}

static bool is_arp_request(const GByteArray *frame)
{
    return frame->len >= 42 && get16(frame->data + 12) == 0x0806 && get16(frame->data + 20) == 1;
}

static bool is_udp(const GByteArray *frame)
{
    return frame->len >= 42 && get16(frame->data + 12) == 0x0800 && frame->data[23] == 17;
}

/* Whoever asks for the guest's address is told. */
static void answer_arp(Tap *tap)
{
    const GByteArray *request = next_frame(tap, is_arp_request);
    uint8_t reply[42];

    memcpy(reply, request->data, sizeof(reply));
    memcpy(reply, request->data + 6, 6);
    memcpy(reply + 6, guest_mac, 6);
    put16(reply + 20, 2);
    memcpy(reply + 22, guest_mac, 6);
    memcpy(reply + 28, request->data + 38, 4);
    memcpy(reply + 32, request->data + 22, 10);
    g_assert_true(send_bytes(tap->adapter.client, reply, sizeof(reply)));
}

static bool skip_without_taps(void)
{
    if (!have_taps) {
        g_test_skip("no rights for a network namespace with a tap");
    }
    return !have_taps;
}

/* ---- frames ---- */

static void send_to_guest(Tap *tap, int fd)
{
    struct sockaddr_in guest = {.sin_family = AF_INET, .sin_port = htons(2000)};

    inet_pton(AF_INET, GUEST, &guest.sin_addr);
    g_assert_cmpint(sendto(fd, "to the guest", 12, 0, (struct sockaddr *)&guest, sizeof(guest)), ==,
                    12);
}

static void check_from_host(unsigned takes, const char *options, bool partial)
{
    const GByteArray *frame;
    uint16_t sum;
    Tap tap;
    int fd;

    tap_init(&tap, options, takes);
    fd = udp_socket(1000);
    send_to_guest(&tap, fd);
    answer_arp(&tap);
    frame = next_frame(&tap, is_udp);
    g_assert_cmpmem(frame->data, 6, guest_mac, 6);
    g_assert_cmpmem(frame->data + 42, 12, "to the guest", 12);
    sum = fold(17 + 20, frame->data + 26, 8);
    if (partial) {
        g_assert_cmpuint(tap.adapter.last.flags & NET_NEEDS_CSUM, ==, NET_NEEDS_CSUM);
        g_assert_cmpuint(tap.adapter.last.csum_start, ==, 34);
        g_assert_cmpuint(get16(frame->data + 40), ==, sum); /* the pseudo header's */
    } else {
        g_assert_cmpuint(tap.adapter.last.flags & NET_NEEDS_CSUM, ==, 0);
        g_assert_cmpuint(fold(sum, frame->data + 34, 20), ==, 0xffff);
    }
    close(fd);
    tap_clear(&tap);
}

static void test_frames_come_with_the_sums_that_the_adapter_wants(void)
{
    if (skip_without_taps()) {
        return;
    }
    check_from_host(0, OPTIONS, false);
    check_from_host(NET_TAKES_CSUM, OPTIONS, true);
    check_from_host(NET_TAKES_CSUM, OPTIONS ",vnet_hdr=off", false);
}

static void send_udp_to_host(Tap *tap, bool lie)
{
    uint8_t frame[42 + 13] = {0};
    struct iovec piece = {frame, sizeof(frame)};
    NetPacket packet = {
        &piece, 1, sizeof(frame), {.flags = NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6}};

    memcpy(frame, tap->host_mac, 6);
    memcpy(frame + 6, guest_mac, 6);
    put16(frame + 12, 0x0800);
    memcpy(frame + 14, "\x45\0\0\0\0\0\0\0\x40\x11", 10);
    put16(frame + 16, 20 + 8 + 13);
    memcpy(frame + 26, "\xc0\xa8\x4d\2\xc0\xa8\x4d\1", 8);
    put16(frame + 24, ~fold(0, frame + 14, 20));
    put16(frame + 34, 2000);
    put16(frame + 36, 1000);
    put16(frame + 38, 8 + 13);
    memcpy(frame + 42, lie ? "from no guest" : "from a guest!", 13);
    put16(frame + 40, fold(17 + 21, frame + 26, 8));
    packet.offload.csum_start = lie ? 5000 : 34;
    g_assert_true(net_client_send(tap->adapter.client, &packet));
}

static void test_the_kernel_finishes_what_the_guest_began(void)
{
    char text[20];
    Tap tap;
    int fd;

    if (skip_without_taps()) {
        return;
    }
    tap_init(&tap, OPTIONS, 0);
    g_assert_cmpuint(net_client_peer_takes(tap.adapter.client), ==,
                     NET_TAKES_CSUM | NET_TAKES_TSO4 | NET_TAKES_TSO6);
    fd = udp_socket(1000);
    send_udp_to_host(&tap, true); /* refused by the kernel, and no more than that */
    send_udp_to_host(&tap, false);
    run_until(recv(fd, text, sizeof(text), 0) == 13);
    g_assert_cmpmem(text, 13, "from a guest!", 13);
    close(fd);
    tap_clear(&tap);
}

static void test_a_busy_adapter_leaves_frames_to_the_kernel(void)
{
    Tap tap;
    int fd;

    if (skip_without_taps()) {
        return;
    }
    tap_init(&tap, OPTIONS, 0);
    fd = udp_socket(1000);
    send_to_guest(&tap, fd);
    answer_arp(&tap);
    next_frame(&tap, is_udp);
    tap.adapter.busy = true;
    for (unsigned i = 0; i < 100; i++) {
        send_to_guest(&tap, fd);
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpuint(tap.adapter.client->waiting.length, ==, 1);
    tap.adapter.busy = false;
    net_client_ready(tap.adapter.client);
    for (unsigned i = 0; i < 100; i++) {
        next_frame(&tap, is_udp);
    }
    close(fd);
    tap_clear(&tap);
}

static void test_an_interface_that_is_removed_is_left_alone(void)
{
    Tap tap;

    if (skip_without_taps()) {
        return;
    }
    tap_init(&tap, OPTIONS, 0);
    g_assert_cmpint(system("ip link delete xtap0"), ==, 0);
    for (unsigned i = 0; i < 50; i++) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(100);
    }
    g_assert_false(g_main_context_iteration(NULL, FALSE)); /* it sleeps, it does not spin */
    g_assert_true(send_bytes(tap.adapter.client, "0123456789abcdef", 16));
    tap_clear(&tap);
}

/* ---- scripts and descriptors ---- */

static char *make_script(const char *name, const char *text)
{
    char *path = g_build_filename(folder, name, NULL);

    g_assert_true(g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
    return path;
}

static void test_scripts_run_with_the_name(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *up = make_script("up", "#!/bin/sh\necho \"up $1\" > \"${0%/*}/said\"\n");
    g_autofree char *down =
        make_script("down", "#!/bin/sh\necho \"down $1\" >> \"${0%/*}/said\"\n");
    g_autofree char *wrong = make_script("wrong", "#!/bin/sh\nexit 3\n");
    g_autofree char *said = g_build_filename(folder, "said", NULL);
    g_autofree char *options = NULL;
    g_autofree char *text = NULL;
    NetClient *netdev;

    if (!skip_without_taps()) {
        options = g_strdup_printf("tap,id=t,script=%s,downscript=%s", up, down);
        netdev = make_netdev(options, &error);
        g_assert_no_error(error);
        g_assert_true(g_str_has_prefix(netdev->info, "ifname=tap0,script=/"));
        net_client_free(netdev);
        g_assert_true(g_file_get_contents(said, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "up tap0\ndown tap0\n");
        g_free(options);
        options = g_strdup_printf("tap,id=t,script=%s,downscript=no", wrong);
        g_assert_null(make_netdev(options, &error));
        g_assert_nonnull(strstr(error->message, "network script"));
        g_assert_cmpuint(if_nametoindex("tap0"), ==, 0);
        g_unlink(said);
    }
    g_unlink(up);
    g_unlink(down);
    g_unlink(wrong);
}

static int open_tun(short flags)
{
    struct ifreq request = {.ifr_flags = flags};
    int fd = open("/dev/net/tun", O_RDWR);

    g_strlcpy(request.ifr_name, "xtap0", IFNAMSIZ);
    g_assert_cmpint(ioctl(fd, TUNSETIFF, &request), ==, 0);
    return fd;
}

static void test_a_descriptor_from_elsewhere_is_used_if_it_is_a_tap(void)
{
    static const short right[] = {IFF_TAP | IFF_NO_PI, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

    if (skip_without_taps()) {
        return;
    }
    int tun = open_tun(IFF_TUN | IFF_NO_PI);
    g_autoptr(GError) error = NULL;
    g_autofree char *tun_options = g_strdup_printf("tap,id=t,fd=%d", tun);

    g_assert_null(make_netdev(tun_options, &error));
    g_assert_nonnull(strstr(error->message, "interface xtap0 is a TUN device, not a TAP one"));
    close(tun);
    for (unsigned i = 0; i < 2; i++) {
        g_autofree char *options =
            g_strdup_printf("tap,id=t,%s=%d,vhost=off", i ? "fd" : "fds", open_tun(right[i]));
        check_from_host(NET_TAKES_CSUM, options, right[i] & IFF_VNET_HDR);
    }
}

static const struct {
    const char *options, *message;
} refused[] = {
    {"tap,id=t,vhost=on",
     "Parameter 'vhost' does not accept value 'on': there is no vhost in this build"},
    {"tap,id=t,vhostforce=on",
     "Parameter 'vhostforce' does not accept value 'on': there is no vhost in this build"},
    {"tap,id=t,vhostfd=3", "Parameter 'vhostfd' is not available: there is no vhost in this build"},
    {"tap,id=t,queues=2",
     "Parameter 'queues' does not accept value '2': a tap has one queue in this build"},
    {"tap,id=t,fds=3:4",
     "Parameter 'fds' does not accept value '3:4': a tap has one queue in this build"},
    {"tap,id=t,fd=1,fds=1", "'fd' and 'fds' are mutually exclusive"},
    {"tap,id=t,fd=0,ifname=x", "Parameter 'ifname' is invalid with 'fd' or 'fds'"},
    {"tap,id=t,fd=777", "Parameter 'fd': file descriptor 777 is not open"},
    {"tap,id=t,br=br0",
     "Parameter 'br' is not available: this build runs no bridge helper; use fd=, or ifname= with "
     "script="},
    {"tap,id=t,ifname=a-name-of-sixteen",
     "Parameter 'ifname' expects a name of 1 to 15 characters, not 'a-name-of-sixteen'"},
    {"tap,id=t,bad=1", "Invalid parameter 'bad'"},
};

static void test_wrong_options_are_named(void)
{
    int fd = open("/dev/null", O_RDWR);
    g_autofree char *options = g_strdup_printf("tap,id=t,fd=%d", fd);
    g_autoptr(GError) error = NULL;

    g_assert_null(make_netdev(options, &error));
    g_assert_nonnull(strstr(error->message, "is not a tap interface's"));
    close(fd);
    for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
        g_clear_error(&error);
        g_assert_null(make_netdev(refused[i].options, &error));
        g_assert_cmpstr(error->message, ==, refused[i].message);
    }
}

int main(int argc, char **argv)
{
    int status;

    have_taps = (unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) &&
                access("/dev/net/tun", R_OK | W_OK) == 0;
    g_test_init(&argc, &argv, NULL);
    machine_lock();
    folder = g_dir_make_tmp("test-net-tap-XXXXXX", NULL);
    g_test_add_func("/net-tap/from-host", test_frames_come_with_the_sums_that_the_adapter_wants);
    g_test_add_func("/net-tap/to-host", test_the_kernel_finishes_what_the_guest_began);
    g_test_add_func("/net-tap/busy", test_a_busy_adapter_leaves_frames_to_the_kernel);
    g_test_add_func("/net-tap/removed", test_an_interface_that_is_removed_is_left_alone);
    g_test_add_func("/net-tap/scripts", test_scripts_run_with_the_name);
    g_test_add_func("/net-tap/descriptor", test_a_descriptor_from_elsewhere_is_used_if_it_is_a_tap);
    g_test_add_func("/net-tap/options", test_wrong_options_are_named);
    status = g_test_run();
    g_rmdir(folder);
    g_free(folder);
    return status;
}
