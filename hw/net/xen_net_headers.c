/*
 * Headers of frames that come from the guest. Nothing in them is believed: each offset is checked
 * against the frame's size before it is used.
 *
 * Source: RFC 791, 768, 8200, 9293, IEEE 802.1Q.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_net_headers.h"

enum {
    ETHERNET_HEADER = 14,
    ETHERTYPE_OFFSET = 12,
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
    VLAN_TAG = 4,
    VLAN_TAGS_MAX = 2,
    IPV4_HEADER = 20,
    IPV4_FRAGMENT = 0x3fff, /* more fragments, or an offset */
    IPV6_HEADER = 40,
    IPV6_HOP_BY_HOP = 0,
    IPV6_ROUTING = 43,
    IPV6_DESTINATION = 60,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    TCP_HEADER = 20,
    TCP_SUM = 16,
    UDP_HEADER = 8,
    UDP_SUM = 6,
};

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* ---- finding them ---- */

static uint16_t skip_tags(const uint8_t *frame, size_t size, size_t *ip)
{
    uint16_t type = get16(frame + ETHERTYPE_OFFSET);

    *ip = ETHERNET_HEADER;
    for (unsigned n = 0; type == ETHERTYPE_VLAN && n < VLAN_TAGS_MAX; n++) {
        if (*ip + VLAN_TAG > size) {
            return 0;
        }
        type = get16(frame + *ip + 2);
        *ip += VLAN_TAG;
    }
    return type;
}

static bool find_in_ipv4(const uint8_t *frame, size_t size, size_t ip, XenNetHeaders *headers)
{
    unsigned length;

    if (ip + IPV4_HEADER > size || frame[ip] >> 4 != 4) {
        return false;
    }
    length = (frame[ip] & 0xfu) * 4;
    headers->protocol = frame[ip + 9];
    headers->addresses = (uint16_t)(ip + 12);
    headers->transport = (uint16_t)(ip + length);
    headers->end = (uint32_t)ip + get16(frame + ip + 2);
    return length >= IPV4_HEADER && ip + length <= size && !(get16(frame + ip + 6) & IPV4_FRAGMENT);
}

static bool is_extension(uint8_t type)
{
    return type == IPV6_HOP_BY_HOP || type == IPV6_ROUTING || type == IPV6_DESTINATION;
}

static bool find_in_ipv6(const uint8_t *frame, size_t size, size_t ip, XenNetHeaders *headers)
{
    size_t at = ip + IPV6_HEADER;
    uint8_t next;

    if (at > size || frame[ip] >> 4 != 6) {
        return false;
    }
    next = frame[ip + 6];
    while (is_extension(next) && at + 8 <= size) {
        next = frame[at];
        at += (frame[at + 1] + 1u) * 8;
    }
    headers->ipv6 = true;
    headers->protocol = next;
    headers->addresses = (uint16_t)(ip + 8);
    headers->transport = (uint16_t)at;
    headers->end = (uint32_t)ip + IPV6_HEADER + get16(frame + ip + 4);
    return at <= size;
}

static bool find_payload(const uint8_t *frame, size_t size, XenNetHeaders *headers)
{
    size_t left = size - headers->transport, length = UDP_HEADER;

    if (headers->protocol == PROTOCOL_TCP) {
        length = left >= TCP_HEADER ? (frame[headers->transport + 12] >> 4) * 4u : 0;
        if (length < TCP_HEADER) {
            return false;
        }
    } else if (headers->protocol != PROTOCOL_UDP) {
        return false;
    }
    headers->header_length = (uint16_t)(headers->transport + length);
    return length <= left;
}

bool xen_net_find_headers(const uint8_t *frame, size_t size, XenNetHeaders *headers)
{
    size_t ip;

    *headers = (XenNetHeaders){0};
    if (size < ETHERNET_HEADER || size > UINT16_MAX) {
        return false;
    }
    switch (skip_tags(frame, size, &ip)) {
    case ETHERTYPE_IPV4:
        return find_in_ipv4(frame, size, ip, headers) && find_payload(frame, size, headers);
    case ETHERTYPE_IPV6:
        return find_in_ipv6(frame, size, ip, headers) && find_payload(frame, size, headers);
    default:
        return false;
    }
}

/* ---- check sums ---- */

static unsigned address_bytes(const XenNetHeaders *headers)
{
    return headers->ipv6 ? 32 : 8;
}

/* Not inverted, as the one who finishes the sum expects it in its field. */
static void put_pseudo_header_sum(uint8_t *frame, const XenNetHeaders *headers, unsigned field)
{
    uint32_t sum = headers->protocol + headers->end - headers->transport;

    for (unsigned i = 0; i < address_bytes(headers); i += 2) {
        sum += get16(frame + headers->addresses + i);
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    frame[field] = (uint8_t)(sum >> 8);
    frame[field + 1] = (uint8_t)sum;
}

bool xen_net_describe(uint8_t *frame, size_t *size, uint8_t gso_type, uint16_t gso_size,
                      NetOffload *offload)
{
    uint8_t family_type;
    XenNetHeaders headers;

    if (!xen_net_find_headers(frame, *size, &headers) || headers.end > *size ||
        headers.header_length > headers.end) {
        return false;
    }
    family_type = headers.ipv6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
    if (gso_size && (headers.protocol != PROTOCOL_TCP || gso_type != family_type)) {
        return false;
    }
    *offload = (NetOffload){.flags = NET_NEEDS_CSUM,
                            .csum_start = headers.transport,
                            .csum_offset = headers.protocol == PROTOCOL_TCP ? TCP_SUM : UDP_SUM};
    put_pseudo_header_sum(frame, &headers, headers.transport + offload->csum_offset);
    *size = headers.end;
    if (gso_size && *size > (size_t)headers.header_length + gso_size) {
        offload->gso_type = gso_type;
        offload->gso_size = gso_size;
        offload->header_length = headers.header_length;
    }
    return true;
}

/* ---- flows ---- */

uint32_t xen_net_flow(const uint8_t *frame, size_t size)
{
    XenNetHeaders headers;
    uint32_t hash = 2166136261u; /* FNV-1a */

    if (!xen_net_find_headers(frame, size, &headers)) {
        return 0;
    }
    for (unsigned i = 0; i < address_bytes(&headers); i++) {
        hash = (hash ^ frame[headers.addresses + i]) * 16777619u;
    }
    for (unsigned i = 0; i < 4; i++) { /* both ports */
        hash = (hash ^ frame[headers.transport + i]) * 16777619u;
    }
    return hash ^ hash >> 16;
}
