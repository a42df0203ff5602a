/*
 * libFuzzer target: packets with offloads whose headers lie, and what a peer sends to -netdev
 * socket in any pieces, to an adapter that is busy now and then. Every frame that comes out is
 * whole and no larger than what went in, and there are no more of them than 48 bytes of payload
 * each make.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz-input.h"
#include "net/net.h"
#include "util/machine_lock.h"

#define PACKET_MAX 4096

typedef struct {
    size_t largest;
    unsigned frames, sum;
} Seen;

static void require(bool condition)
{
    if (!condition) {
        g_error("a frame that cannot be");
    }
}

static bool see(void *opaque, const NetPacket *packet)
{
    Seen *seen = opaque;
    size_t size = 0;

    for (unsigned i = 0; i < packet->count; i++) {
        const uint8_t *bytes = packet->pieces[i].iov_base;
        for (size_t j = 0; j < packet->pieces[i].iov_len; j++) {
            seen->sum += bytes[j]; /* all of it can be read */
        }
        size += packet->pieces[i].iov_len;
    }
    require(size == packet->size && size <= seen->largest);
    seen->frames++;
    return true;
}

/* ---- packets ---- */

/* Headers that are right for @size bytes, which the input then changes. */
static void make_headers(uint8_t *data, size_t size, bool ipv6)
{
    uint8_t *ip = data + 14, *tcp = ip + (ipv6 ? 40 : 20);
    size_t length = size - 14 - (ipv6 ? 40 : 0);

    if (size < 14 + 40 + 20) {
        return;
    }
    data[12] = ipv6 ? 0x86 : 0x08;
    data[13] = ipv6 ? 0xdd : 0x00;
    ip[0] = ipv6 ? 0x60 : 0x45;
    ip[ipv6 ? 4 : 2] = length >> 8;
    ip[ipv6 ? 5 : 3] = length & 0xff;
    ip[ipv6 ? 6 : 9] = 6;
    tcp[12] = 0x50;
}

static void send_packet(Input *input)
{
    g_autofree uint8_t *data = NULL;
    uint8_t kind = take(input, 1);
    size_t size = take(input, 2) % PACKET_MAX;
    unsigned takes = take(input, 1) & 7;
    NetPacket packet = {.size = size};
    struct iovec pieces[2];
    size_t cut;
    Seen seen = {.largest = size};

    data = g_malloc0(size + 1);
    make_headers(data, size, kind & 1);
    packet.offload = (NetOffload){.flags = kind >> 1 & 3,
                                  .gso_type = kind & 8   ? take(input, 1)
                                              : kind & 1 ? 4
                                                         : 1,
                                  .gso_size = take(input, 2),
                                  .csum_start = kind & 16  ? take(input, 2)
                                                : kind & 1 ? 54
                                                           : 34,
                                  .csum_offset = kind & 32 ? take(input, 2) : 16};
    for (unsigned i = take(input, 1) % 8; i > 0 && size; i--) {
        size_t at = take(input, 1) % size;
        data[at] = take(input, 1);
    }
    cut = size ? take(input, 1) % size : 0;
    pieces[0] = (struct iovec){data, cut};
    pieces[1] = (struct iovec){data + cut, size - cut};
    packet.pieces = pieces;
    packet.count = 2;
    net_finish_packet(&packet, takes, see, &seen);
    require(seen.frames <= size / 48 + 1);
}

/* ---- a peer ---- */

typedef struct {
    bool busy;
    Seen seen;
} Adapter;

static bool adapter_receive(NetClient *client, const NetPacket *packet)
{
    Adapter *adapter = client->opaque;

    return !adapter->busy && see(&adapter->seen, packet);
}

static const NetClientClass adapter_class = {
    .type = "adapter",
    .is_adapter = true,
    .receive = adapter_receive,
};

static NetClient *make_netdev(int fd)
{
    g_autofree char *text = g_strdup_printf("socket,id=n,fd=%d", fd);
    g_autoptr(JsonObject) options = net_options_parse(text, "type", NULL);

    return net_netdev_new(options, NULL);
}

static void run_main_loop(void)
{
    for (unsigned i = 0; i < 4 && g_main_context_iteration(NULL, FALSE); i++) {
    }
}

static void send_stream(Input *input)
{
    Adapter adapter = {.seen = {.largest = NET_FRAME_MAX}};
    NetClient *client = net_client_new(&adapter_class, "a", &adapter);
    NetClient *netdev;
    int ends[2];

    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    netdev = make_netdev(ends[0]);
    require(netdev != NULL);
    net_client_connect(client, netdev);
    while (input->left > 0) {
        uint8_t step = take(input, 1);
        size_t length;
        const uint8_t *bytes = take_bytes(input, step & 63, &length);
        struct iovec piece = {(void *)bytes, length};
        NetPacket packet = {&piece, 1, length, {0}};
        adapter.busy = step & 64;
        if (step & 128) {
            net_client_send(client, &packet);
        } else if (write(ends[1], bytes, length) < 0) {
            break;
        }
        if (!adapter.busy) {
            net_client_ready(client);
        }
        run_main_loop();
    }
    net_client_free(netdev);
    net_client_free(client);
    close(ends[1]);
    run_main_loop();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {data, size};
    uint8_t kind = take(&input, 1);

    if (!machine_lock_held()) {
        machine_lock();
    }
    if (kind & 1) {
        send_stream(&input);
        return 0;
    }
    while (input.left > 0) {
        send_packet(&input);
    }
    return 0;
}
