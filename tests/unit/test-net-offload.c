/*
 * net_finish_packet(): sums and segments as bytes, and headers that lie.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net-fixture.h"

#define ETHERNET 14
#define IPV4     20
#define IPV6     40
#define TCP      20

static bool record(void *opaque, const NetPacket *packet)
{
    GByteArray *frame = g_byte_array_new();

    g_assert_cmpuint(packet->offload.flags, ==, 0);
    g_assert_cmpuint(packet->offload.gso_type, ==, NET_GSO_NONE);
    for (unsigned i = 0; i < packet->count; i++) {
        g_byte_array_append(frame, packet->pieces[i].iov_base, packet->pieces[i].iov_len);
    }
    g_assert_cmpuint(frame->len, ==, packet->size);
    g_ptr_array_add(opaque, frame);
    return true;
}

static GPtrArray *frames_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
}

/* RFC 1071, as plainly as it can be written. */
static uint16_t plain_sum(const uint8_t *data, size_t size, uint32_t sum)
{
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 ? data[i] : data[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum & 0xffff;
}

static uint16_t at16(const uint8_t *data)
{
    return data[0] << 8 | data[1];
}

static uint32_t at32(const uint8_t *data)
{
    return (uint32_t)at16(data) << 16 | at16(data + 2);
}

static void set16(uint8_t *data, unsigned value)
{
    data[0] = value >> 8;
    data[1] = value;
}

/* ---- packets ---- */

typedef struct {
    uint8_t *data;
    size_t size, ip, tcp, payload;
    bool ipv6;
    NetOffload offload;
} Made;

/* A TCP packet with @length bytes of payload, the pseudo header's sum in place as guests leave it.
 */
static Made make_tcp(bool ipv6, bool vlan, unsigned options, size_t length, uint16_t gso_size)
{
    Made made = {.ipv6 = ipv6, .ip = ETHERNET + (vlan ? 4 : 0)};
    unsigned tcp_size = TCP + options;
    uint8_t *ip, *tcp;

    made.tcp = made.ip + (ipv6 ? IPV6 : IPV4);
    made.payload = made.tcp + tcp_size;
    made.size = made.payload + length;
    made.data = g_malloc0(made.size);
    memcpy(made.data, "\x52\x54\0\x12\x34\x56\x52\x55\x0a\0\x02\x02", 12);
    if (vlan) {
        set16(made.data + 12, 0x8100);
        set16(made.data + 14, 42);
    }
    set16(made.data + made.ip - 2, ipv6 ? 0x86dd : 0x0800);
    ip = made.data + made.ip;
    tcp = made.data + made.tcp;
    if (ipv6) {
        ip[0] = 0x60;
        set16(ip + 4, tcp_size + length);
        ip[6] = 6;
        ip[7] = 64;
        for (unsigned i = 0; i < 32; i++) {
            ip[8 + i] = 0xe0 + i;
        }
    } else {
        ip[0] = 0x45;
        set16(ip + 2, IPV4 + tcp_size + length);
        set16(ip + 4, 0xfffe); /* wraps in the third segment */
        ip[6] = 0x40;
        ip[8] = 64;
        ip[9] = 6;
        memcpy(ip + 12, "\x0a\0\x02\x0f\xc0\xa8\xff\xfe", 8);
    }
    set16(tcp, 40000);
    set16(tcp + 2, 80);
    memcpy(tcp + 4, "\xff\xff\xff\0", 4); /* wraps soon */
    tcp[12] = tcp_size / 4 << 4;
    tcp[13] = 0x80 | 0x10 | 0x08 | 0x01; /* CWR ACK PSH FIN */
    set16(tcp + 14, 0x1234);
    for (unsigned i = 0; i < options; i++) {
        tcp[TCP + i] = 1;
    }
    for (size_t i = 0; i < length; i++) {
        made.data[made.payload + i] = i * 7 + (i >> 8);
    }
    made.offload = (NetOffload){.flags = NET_NEEDS_CSUM,
                                .gso_type = ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4,
                                .header_length = made.payload,
                                .gso_size = gso_size,
                                .csum_start = made.tcp,
                                .csum_offset = 16};
    return made;
}

static bool finish_with(const Made *made, unsigned takes,
                        bool (*out)(void *opaque, const NetPacket *packet), void *opaque)
{
    /* In three pieces, cut at awkward places. */
    size_t first = MIN(17, made->size), second = MIN(30, made->size - first);
    struct iovec pieces[3] = {{made->data, first},
                              {made->data + first, second},
                              {made->data + first + second, made->size - first - second}};
    NetPacket packet = {pieces, 3, made->size, made->offload};

    return net_finish_packet(&packet, takes, out, opaque);
}

static bool finish_made(const Made *made, unsigned takes, GPtrArray *frames)
{
    return finish_with(made, takes, record, frames);
}

static uint32_t pseudo_sum(const Made *made, const uint8_t *frame, size_t tcp_length)
{
    const uint8_t *addresses = frame + made->ip + (made->ipv6 ? 8 : 12);
    uint32_t sum = (uint16_t)~plain_sum(addresses, made->ipv6 ? 32 : 8, 0);

    return sum + 6 + tcp_length;
}

static void check_segment(const Made *made, const GByteArray *frame, size_t offset, size_t length,
                          unsigned index, bool last)
{
    const uint8_t *ip = frame->data + made->ip;
    const uint8_t *tcp = frame->data + made->tcp;
    size_t tcp_length = made->payload - made->tcp + length;

    g_assert_cmpuint(frame->len, ==, made->payload + length);
    g_assert_cmpmem(frame->data, made->ip, made->data, made->ip);
    g_assert_cmpmem(frame->data + made->payload, length, made->data + made->payload + offset,
                    length);
    if (made->ipv6) {
        g_assert_cmpuint(at16(ip + 4), ==, tcp_length);
    } else {
        g_assert_cmpuint(at16(ip + 2), ==, IPV4 + tcp_length);
        g_assert_cmpuint(at16(ip + 4), ==, (0xfffe + index) & 0xffff);
        g_assert_cmpuint(plain_sum(ip, IPV4, 0), ==, 0);
    }
    g_assert_cmpuint(at32(tcp + 4), ==, (uint32_t)(0xffffff00u + offset));
    g_assert_cmpuint(tcp[13], ==, 0x10 | (index == 0 ? 0x80 : 0) | (last ? 0x09 : 0));
    g_assert_cmpuint(at16(tcp + 14), ==, 0x1234);
    g_assert_cmpuint(plain_sum(tcp, tcp_length, pseudo_sum(made, frame->data, tcp_length)), ==, 0);
}

static void check_cut(bool ipv6, bool vlan, unsigned options, size_t length, uint16_t gso_size)
{
    Made made = make_tcp(ipv6, vlan, options, length, gso_size);
    g_autoptr(GPtrArray) frames = frames_new();
    size_t offset = 0;

    g_assert_true(finish_made(&made, NET_TAKES_CSUM, frames));
    g_assert_cmpuint(frames->len, ==, MAX(1, (length + gso_size - 1) / gso_size));
    for (unsigned i = 0; i < frames->len; i++) {
        size_t part = MIN(length - offset, gso_size);
        check_segment(&made, frames->pdata[i], offset, part, i, i + 1 == frames->len);
        offset += part;
    }
    g_assert_cmpuint(offset, ==, length);
    g_free(made.data);
}

static void test_tcp_is_cut_into_segments(void)
{
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        for (unsigned vlan = 0; vlan < 2; vlan++) {
            check_cut(ipv6, vlan, 12, 60000, 1448);
            check_cut(ipv6, vlan, 0, 3001, 999);
            check_cut(ipv6, vlan, 40, 49, 48);
            check_cut(ipv6, vlan, 4, 96, 48);
            check_cut(ipv6, vlan, 0, 5, 1460);
            check_cut(ipv6, vlan, 0, 0, 1460);
        }
    }
    check_cut(false, false, 0, 65535 - IPV4 - TCP, 65535);
}

static void test_a_sum_is_filled_in(void)
{
    for (size_t length = 0; length < 70; length++) {
        Made made = make_tcp(false, false, 0, length, 0);
        size_t tcp_length = TCP + length;
        g_autoptr(GPtrArray) frames = frames_new();

        made.offload.gso_type = NET_GSO_NONE;
        set16(made.data + made.tcp + 16,
              (uint16_t)~plain_sum(NULL, 0, pseudo_sum(&made, made.data, tcp_length)));
        g_assert_true(finish_made(&made, 0, frames));
        GByteArray *frame = frames->pdata[0];
        g_assert_cmpuint(frame->len, ==, made.size);
        g_assert_cmpuint(
            plain_sum(frame->data + made.tcp, tcp_length, pseudo_sum(&made, made.data, tcp_length)),
            ==, 0);
        g_free(made.data);
    }
}

static bool count_untouched(void *opaque, const NetPacket *packet)
{
    const NetPacket **seen = opaque;

    *seen = packet;
    return true;
}

static void test_what_is_taken_goes_through_untouched(void)
{
    Made made = make_tcp(true, false, 0, 9000, 1000);
    struct iovec piece = {made.data, made.size};
    NetPacket packet = {&piece, 1, made.size, made.offload};
    const NetPacket *seen = NULL;

    g_assert_true(
        net_finish_packet(&packet, NET_TAKES_CSUM | NET_TAKES_TSO6, count_untouched, &seen));
    g_assert_true(seen == &packet);
    g_free(made.data);
}

static bool refuse_second(void *opaque, const NetPacket *packet)
{
    return ++*(unsigned *)opaque < 2;
}

static void test_a_refusal_ends_it(void)
{
    Made made = make_tcp(false, false, 0, 9000, 1000);
    struct iovec piece = {made.data, made.size};
    NetPacket packet = {&piece, 1, made.size, made.offload};
    unsigned calls = 0;

    g_assert_false(net_finish_packet(&packet, 0, refuse_second, &calls));
    g_assert_cmpuint(calls, ==, 2);
    g_free(made.data);
}

/* ---- lies ---- */

typedef struct {
    size_t at;
    unsigned value;
    unsigned size; /* 1 or 2 bytes */
} Lie;

static void check_refused(const Made *made)
{
    g_autoptr(GPtrArray) frames = frames_new();

    g_assert_false(finish_made(made, 0, frames));
    g_assert_cmpuint(frames->len, ==, 0);
}

static void test_lying_headers_are_refused(void)
{
    static const Lie lies4[] = {
        {12, 0x86dd, 2},                     /* the other protocol */
        {12, 0x0806, 2},                     /* none at all */
        {14, 0x65, 1},                       /* version 6 */
        {14, 0x44, 1},                       /* a header that is too short */
        {14, 0x4f, 1},                       /* one that goes on into TCP */
        {16, 2999, 2},                       /* a total that is not the packet's */
        {16, 0, 2},         {20, 0x2000, 2}, /* a fragment */
        {20, 0x0001, 2},    {23, 17, 1},     /* UDP */
        {34 + 12, 0x40, 1},                  /* a TCP header that is too short */
    };
    static const Lie lies6[] = {
        {12, 0x0800, 2}, {14, 0x45, 1},      {18, 2999, 2},
        {20, 17, 1},     {54 + 12, 0x40, 1}, {20, 44, 1}, /* a fragment header */
        {20, 0, 1}, /* options whose length is from TCP's bytes and leads nowhere */
    };

    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        const Lie *lies = ipv6 ? lies6 : lies4;
        for (unsigned i = 0; i < (ipv6 ? G_N_ELEMENTS(lies6) : G_N_ELEMENTS(lies4)); i++) {
            Made made = make_tcp(ipv6, false, 0, 3000, 1000);
            if (lies[i].size == 2) {
                set16(made.data + lies[i].at, lies[i].value);
            } else {
                made.data[lies[i].at] = lies[i].value;
            }
            check_refused(&made);
            g_free(made.data);
        }
    }
}

static void test_lying_offloads_are_refused(void)
{
    static const NetOffload lies[] = {
        {NET_NEEDS_CSUM, NET_GSO_TCPV4, 0, 0, 34, 16},    /* segments of nothing */
        {NET_NEEDS_CSUM, NET_GSO_TCPV4, 0, 47, 34, 16},   /* of next to nothing */
        {NET_NEEDS_CSUM, NET_GSO_TCPV6, 0, 1000, 34, 16}, /* the other protocol */
        {NET_NEEDS_CSUM, 3, 0, 1000, 34, 16},             /* UDP */
        {NET_NEEDS_CSUM, 0x7f, 0, 1000, 34, 16},          /* unknown */
        {NET_NEEDS_CSUM, NET_GSO_TCPV4, 0, 1000, 35, 16}, /* sums elsewhere */
        {NET_NEEDS_CSUM, NET_GSO_TCPV4, 0, 1000, 34, 6},
        {NET_NEEDS_CSUM, NET_GSO_NONE, 0, 0, 65535, 65535}, /* behind the end */
        {NET_NEEDS_CSUM, NET_GSO_NONE, 0, 0, 3053, 0},
        {NET_NEEDS_CSUM, NET_GSO_NONE, 0, 0, 34, 3019},
        {NET_NEEDS_CSUM, NET_GSO_NONE, 0, 0, 0, 16}, /* in the Ethernet header */
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(lies); i++) {
        Made made = make_tcp(false, false, 0, 3000, 1000);
        g_assert_cmpuint(made.size, ==, 3054);
        made.offload = lies[i];
        check_refused(&made);
        g_free(made.data);
    }
}

static void test_packets_cut_short_are_refused(void)
{
    for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
        Made made = make_tcp(ipv6, false, 12, 3000, 1000);
        for (made.size = 0; made.size < made.payload; made.size++) {
            /* Under ASan: nothing behind the end is read. */
            g_autofree uint8_t *exact = g_memdup2(made.data, made.size);
            Made cut = made;
            cut.data = exact;
            check_refused(&cut);
        }
        g_free(made.data);
    }
}

static bool add_bytes(void *opaque, const NetPacket *packet)
{
    for (unsigned i = 0; i < packet->count; i++) {
        const uint8_t *bytes = packet->pieces[i].iov_base;
        for (size_t j = 0; j < packet->pieces[i].iov_len; j++) {
            *(unsigned *)opaque += bytes[j]; /* all of it can be read */
        }
    }
    return true;
}

static void test_random_headers_harm_nobody(void)
{
    unsigned bytes = 0;

    for (unsigned round = 0; round < 20000; round++) {
        Made made = make_tcp(round & 1, round & 2, round % 11 * 4, g_test_rand_int_range(0, 300),
                             g_test_rand_int_range(0, 200));
        for (unsigned i = 0; i < 3; i++) {
            made.data[g_test_rand_int_range(12, made.payload)] = g_test_rand_int_range(0, 256);
        }
        if (round % 5 == 0) {
            made.offload.csum_start = g_test_rand_int_range(0, 65536);
            made.offload.gso_type = g_test_rand_int_range(0, 256);
        }
        finish_with(&made, round % 8, add_bytes, &bytes);
        g_free(made.data);
    }
    g_assert_cmpuint(bytes, >, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/net-offload/segments", test_tcp_is_cut_into_segments);
    g_test_add_func("/net-offload/sum", test_a_sum_is_filled_in);
    g_test_add_func("/net-offload/untouched", test_what_is_taken_goes_through_untouched);
    g_test_add_func("/net-offload/refusal", test_a_refusal_ends_it);
    g_test_add_func("/net-offload/lying-headers", test_lying_headers_are_refused);
    g_test_add_func("/net-offload/lying-offloads", test_lying_offloads_are_refused);
    g_test_add_func("/net-offload/cut-short", test_packets_cut_short_are_refused);
    g_test_add_func("/net-offload/random", test_random_headers_harm_nobody);
    return g_test_run();
}
