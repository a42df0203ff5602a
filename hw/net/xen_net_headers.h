/*
 * What a PV adapter looks up in a frame's headers: where the transport header is, for what is left
 * to do with its check sum, and which flow the frame belongs to.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_NET_XEN_NET_HEADERS_H
#define HW_NET_XEN_NET_HEADERS_H

#include "net/net.h"

typedef struct {
    bool ipv6;
    uint8_t protocol;   /* TCP (6) or UDP (17) */
    uint16_t addresses; /* offsets: source and destination address, one after the other */
    uint16_t transport;
    uint16_t header_length; /* up to the payload of TCP and UDP */
    uint32_t end;           /* of the packet as IP says it, which nobody has checked */
} XenNetHeaders;

/**
 * xen_net_find_headers: of @frame, @size bytes. False: no whole TCP or UDP header over IPv4 or IPv6
 * is in it, or it is a fragment.
 */
bool xen_net_find_headers(const uint8_t *frame, size_t size, XenNetHeaders *headers);

/**
 * xen_net_describe: fills @offload for a frame whose check sum is blank and which is to be cut into
 * segments of @gso_size bytes (0: not at all) of NET_GSO_ @gso_type. The sum of the pseudo header
 * is put into @frame, as not every front end does that. What follows the IP packet is cut off
 * *@size: nobody shall sum it. False: the headers do not allow it.
 */
bool xen_net_describe(uint8_t *frame, size_t *size, uint8_t gso_type, uint16_t gso_size,
                      NetOffload *offload);

/** xen_net_flow: a number that is the same for all frames of a flow; 0 for what has none. */
uint32_t xen_net_flow(const uint8_t *frame, size_t size);

#endif
