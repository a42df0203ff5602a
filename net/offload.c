/*
 * What a sender left to do with a packet, done in software: the Internet check sum, and TCP cut
 * into segments. The headers come from a guest or from another process: each is checked against
 * the packet's size and against what the offload says before it is used.
 *
 * Source: RFC 791, 1071, 8200, 9293; struct virtio_net_hdr of linux/virtio_net.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "net/net.h"

/* Linux sends no smaller segments (TCP_MIN_SND_MSS); a guest shall not make 65536 frames of one. */
#define GSO_SIZE_MIN 48

#define ETHERNET_HEADER 14
#define VLAN_TAG        4
#define IPV4_HEADER     20
#define IPV6_HEADER     40
#define TCP_HEADER      20
#define TCP_SUM_OFFSET  16

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define PROTOCOL_TCP   6

#define IPV4_MORE_OR_OFFSET 0x3fff

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

/* Extension headers of IPv6 that may stand before TCP: hop-by-hop, routing, destination. */
#define IPV6_HOP_BY_HOP  0
#define IPV6_ROUTING     43
#define IPV6_DESTINATION 60

/* A packet in one piece, and where its headers are. */
typedef struct {
    uint8_t *data;
    size_t size;
    bool ipv6;
    size_t ip, tcp, payload; /* offsets */
} Segmentable;

static uint16_t get16(const uint8_t *at)
{
    return at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = value >> 8;
    at[1] = value & 0xff;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

/* ---- the sum of RFC 1071 ---- */

/* @data's words added to @sum. Only the last piece of what is summed may be of odd size. */
static uint64_t sum_add(uint64_t sum, const uint8_t *data, size_t size)
{
    size_t i = 0;

    for (; i + 4 <= size; i += 4) {
        sum += get32(data + i);
    }
    if (i + 2 <= size) {
        sum += get16(data + i);
        i += 2;
    }
    if (i < size) {
        sum += (uint32_t)data[i] << 8;
    }
    return sum;
}

static uint16_t sum_fold(uint64_t sum)
{
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum & 0xffff;
}

/* Zero means "no sum" in UDP; the other form of zero is as good everywhere. */
static uint16_t sum_nonzero(uint16_t sum)
{
    return sum ? sum : 0xffff;
}

static uint8_t *packet_copy(const NetPacket *packet)
{
    uint8_t *data = g_malloc(packet->size + 1);
    size_t offset = 0;

    for (unsigned i = 0; i < packet->count; i++) {
        size_t length = MIN(packet->pieces[i].iov_len, packet->size - offset);
        if (length) {
            memcpy(data + offset, packet->pieces[i].iov_base, length);
        }
        offset += length;
    }
    memset(data + offset, 0, packet->size - offset);
    return data;
}

static bool fill_sum(const NetPacket *packet, bool (*out)(void *opaque, const NetPacket *packet),
                     void *opaque)
{
    size_t start = packet->offload.csum_start;
    size_t field = start + packet->offload.csum_offset;
    g_autofree uint8_t *data = NULL;

    if (start < ETHERNET_HEADER || field + 2 > packet->size) {
        return false;
    }
    data = packet_copy(packet);
    put16(data + field, sum_nonzero(sum_fold(sum_add(0, data + start, packet->size - start))));
    struct iovec piece = {data, packet->size};
    NetPacket finished = {&piece, 1, packet->size, {0}};
    return out(opaque, &finished);
}

/* ---- finding TCP ---- */

static bool find_ip(Segmentable *packet, unsigned gso_type)
{
    uint16_t type;

    packet->ip = ETHERNET_HEADER;
    if (packet->size < ETHERNET_HEADER + VLAN_TAG) {
        return false;
    }
    type = get16(packet->data + 12);
    if (type == ETHERTYPE_VLAN) {
        type = get16(packet->data + 16);
        packet->ip += VLAN_TAG;
    }
    packet->ipv6 = type == ETHERTYPE_IPV6;
    return type == (gso_type == NET_GSO_TCPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
}

static bool find_tcp_in_ipv4(Segmentable *packet)
{
    const uint8_t *ip = packet->data + packet->ip;
    size_t left = packet->size - packet->ip;

    if (left < IPV4_HEADER || ip[0] >> 4 != 4) {
        return false;
    }
    packet->tcp = packet->ip + (ip[0] & 0xf) * 4;
    return (ip[0] & 0xf) * 4 >= IPV4_HEADER && packet->tcp <= packet->size &&
           get16(ip + 2) == left && !(get16(ip + 6) & IPV4_MORE_OR_OFFSET) && ip[9] == PROTOCOL_TCP;
}

static bool is_extension(uint8_t header)
{
    return header == IPV6_HOP_BY_HOP || header == IPV6_ROUTING || header == IPV6_DESTINATION;
}

static bool find_tcp_in_ipv6(Segmentable *packet)
{
    const uint8_t *ip = packet->data + packet->ip;
    size_t left = packet->size - packet->ip;
    uint8_t next;

    if (left < IPV6_HEADER || ip[0] >> 4 != 6 || get16(ip + 4) != left - IPV6_HEADER) {
        return false;
    }
    next = ip[6];
    packet->tcp = packet->ip + IPV6_HEADER;
    while (is_extension(next) && packet->tcp + 8 <= packet->size) {
        next = packet->data[packet->tcp];
        packet->tcp += (packet->data[packet->tcp + 1] + 1) * 8;
    }
    return next == PROTOCOL_TCP && packet->tcp <= packet->size;
}

static bool find_payload(Segmentable *packet)
{
    size_t length;

    if (packet->size - packet->tcp < TCP_HEADER) {
        return false;
    }
    length = (packet->data[packet->tcp + 12] >> 4) * 4;
    packet->payload = packet->tcp + length;
    return length >= TCP_HEADER && packet->payload <= packet->size;
}

static bool find_headers(Segmentable *packet, const NetOffload *offload)
{
    unsigned gso_type = offload->gso_type & ~NET_GSO_ECN;

    if ((gso_type != NET_GSO_TCPV4 && gso_type != NET_GSO_TCPV6) ||
        offload->gso_size < GSO_SIZE_MIN || !find_ip(packet, gso_type) ||
        !(packet->ipv6 ? find_tcp_in_ipv6(packet) : find_tcp_in_ipv4(packet)) ||
        !find_payload(packet)) {
        return false;
    }
    return !(offload->flags & NET_NEEDS_CSUM) ||
           (offload->csum_start == packet->tcp && offload->csum_offset == TCP_SUM_OFFSET);
}

/* ---- one segment ---- */

static void set_ip(const Segmentable *packet, uint8_t *header, unsigned index, size_t length)
{
    uint8_t *ip = header + packet->ip;
    size_t size = packet->payload - packet->ip + length;

    if (packet->ipv6) {
        put16(ip + 4, size - IPV6_HEADER);
        return;
    }
    put16(ip + 2, size);
    put16(ip + 4, get16(ip + 4) + index);
    put16(ip + 10, 0);
    put16(ip + 10, sum_fold(sum_add(0, ip, packet->tcp - packet->ip)));
}

/* The addresses, the protocol and TCP's length. */
static uint64_t pseudo_header_sum(const Segmentable *packet, const uint8_t *header, size_t length)
{
    const uint8_t *ip = header + packet->ip;
    uint64_t sum = packet->ipv6 ? sum_add(0, ip + 8, 32) : sum_add(0, ip + 12, 8);

    return sum + PROTOCOL_TCP + (packet->payload - packet->tcp) + length;
}

static void set_tcp(const Segmentable *packet, uint8_t *header, size_t offset, size_t length)
{
    uint8_t *tcp = header + packet->tcp;
    const uint8_t *payload = packet->data + packet->payload + offset;
    bool last = packet->payload + offset + length == packet->size;
    uint64_t sum;

    put32(tcp + 4, get32(tcp + 4) + offset);
    if (!last) {
        tcp[13] &= ~(TCP_FIN | TCP_PSH);
    }
    if (offset > 0) {
        tcp[13] &= ~TCP_CWR;
    }
    put16(tcp + TCP_SUM_OFFSET, 0);
    sum = pseudo_header_sum(packet, header, length);
    sum = sum_add(sum, tcp, packet->payload - packet->tcp);
    sum = sum_add(sum, payload, length);
    put16(tcp + TCP_SUM_OFFSET, sum_fold(sum));
}

static bool cut(const NetPacket *whole, bool (*out)(void *opaque, const NetPacket *packet),
                void *opaque)
{
    g_autofree uint8_t *data = packet_copy(whole);
    Segmentable packet = {.data = data, .size = whole->size};
    g_autofree uint8_t *header = NULL;
    size_t offset = 0;
    unsigned index = 0;

    if (!find_headers(&packet, &whole->offload)) {
        return false;
    }
    header = g_malloc(packet.payload);
    do {
        size_t length = MIN(packet.size - packet.payload - offset, whole->offload.gso_size);
        memcpy(header, data, packet.payload);
        set_ip(&packet, header, index, length);
        set_tcp(&packet, header, offset, length);
        struct iovec pieces[2] = {{header, packet.payload},
                                  {data + packet.payload + offset, length}};
        NetPacket segment = {pieces, 2, packet.payload + length, {0}};
        if (!out(opaque, &segment)) {
            return false;
        }
        offset += length;
        index++;
    } while (packet.payload + offset < packet.size);
    return true;
}

/* ---- the door ---- */

static unsigned needed_bits(const NetOffload *offload)
{
    unsigned needed = offload->flags & NET_NEEDS_CSUM ? NET_TAKES_CSUM : 0;

    switch (offload->gso_type & ~NET_GSO_ECN) {
    case NET_GSO_NONE:
        return needed;
    case NET_GSO_TCPV4:
        return needed | NET_TAKES_TSO4;
    case NET_GSO_TCPV6:
        return needed | NET_TAKES_TSO6;
    default:
        return ~0u; /* nobody takes it */
    }
}

bool net_finish_packet(const NetPacket *packet, unsigned takes,
                       bool (*out)(void *opaque, const NetPacket *packet), void *opaque)
{
    if (packet->size > NET_FRAME_MAX) {
        return false;
    }
    if (!(needed_bits(&packet->offload) & ~takes)) {
        return out(opaque, packet);
    }
    if (packet->offload.gso_type != NET_GSO_NONE) {
        return cut(packet, out, opaque);
    }
    return fill_sum(packet, out, opaque);
}
