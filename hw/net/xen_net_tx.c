/*
 * One frame in the transmit ring of a PV adapter.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_net_tx.h"

#include <string.h>

#include "hw/xen/xen_abi.h"
#include "xen_net_headers.h"

#define ETHERNET_HEADER 14

/* ---- taking it from the ring ---- */

static const char *use_segmentation(XenNetTx *tx, const netif_extra_info_t *extra)
{
    if (extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 &&
        extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV6) {
        return "a frame asks for segmentation of an unknown type";
    }
    if (extra->u.gso.size == 0) {
        return "a frame asks for segments of no size";
    }
    tx->gso_type = extra->u.gso.type == XEN_NETIF_GSO_TYPE_TCPV6 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
    tx->gso_size = extra->u.gso.size;
    return NULL;
}

static const char *use_extra(XenNetTx *tx, const netif_extra_info_t *extra)
{
    switch (extra->type) {
    case XEN_NETIF_EXTRA_TYPE_GSO:
        return use_segmentation(tx, extra);
    case XEN_NETIF_EXTRA_TYPE_MCAST_ADD:
    case XEN_NETIF_EXTRA_TYPE_MCAST_DEL:
        tx->multicast = extra->type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD ? XEN_NET_MULTICAST_ADD
                                                                      : XEN_NET_MULTICAST_DELETE;
        memcpy(tx->group, extra->u.mcast.addr, NET_MAC_LENGTH);
        return NULL;
    case XEN_NETIF_EXTRA_TYPE_HASH: /* advice */
        return NULL;
    default:
        return "a frame has extra information of an unknown type";
    }
}

static const char *take_extras(XenNetTx *tx, XenRing *ring, unsigned waiting)
{
    netif_extra_info_t extra;
    const char *fault;

    do {
        if (tx->slots == waiting || tx->extras == XEN_NETIF_EXTRA_TYPE_MAX) {
            return "a frame's extra information does not end";
        }
        xen_ring_take(ring, &extra, sizeof(extra));
        tx->slots++;
        tx->extras++;
        fault = use_extra(tx, &extra);
    } while (!fault && extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return fault;
}

static const char *take_requests(XenNetTx *tx, XenRing *ring, unsigned waiting)
{
    while (tx->requests[tx->count - 1].flags & NETTXF_more_data) {
        if (tx->slots == waiting || tx->count == XEN_NET_REQUESTS_MAX) {
            return "a frame's fragments do not end";
        }
        xen_ring_take(ring, &tx->requests[tx->count++], sizeof(tx->requests[0]));
        tx->slots++;
    }
    return NULL;
}

/* The first request's size is the frame's; its own part is what the others leave. */
static void find_sizes(XenNetTx *tx)
{
    unsigned others = 0;

    tx->size = tx->requests[0].size;
    for (unsigned i = 1; i < tx->count; i++) {
        others += tx->requests[i].size;
    }
    tx->valid = others <= tx->size && tx->size >= ETHERNET_HEADER;
    if (others <= tx->size) {
        tx->requests[0].size = (uint16_t)(tx->size - others);
    }
}

static const char *check_pages(const XenNetTx *tx)
{
    for (unsigned i = 0; i < tx->count && tx->valid; i++) {
        if (tx->requests[i].offset + tx->requests[i].size > XEN_PAGE_SIZE) {
            return "a frame's fragment crosses the end of its page";
        }
    }
    return NULL;
}

const char *xen_net_tx_take(XenNetTx *tx, XenRing *ring, unsigned waiting)
{
    const char *fault = NULL;

    *tx = (XenNetTx){.count = 1, .slots = 1};
    xen_ring_take(ring, &tx->requests[0], sizeof(tx->requests[0]));
    if (tx->requests[0].flags & NETTXF_extra_info) {
        fault = take_extras(tx, ring, waiting);
    }
    if (fault) {
        return fault;
    }
    if (tx->multicast != XEN_NET_MULTICAST_NONE) {
        tx->valid = true; /* a message, not a frame: it has no data */
        return NULL;
    }
    fault = take_requests(tx, ring, waiting);
    if (!fault) {
        find_sizes(tx);
        fault = check_pages(tx);
    }
    return fault;
}

/* ---- its bytes ---- */

bool xen_net_tx_copy(const XenNetTx *tx, XenDomain *domain, uint8_t *frame)
{
    for (unsigned i = 0; i < tx->count; i++) {
        const netif_tx_request_t *request = &tx->requests[i];
        if (xen_grant_read(domain, request->gref, request->offset, frame, request->size) !=
            GNTST_okay) {
            return false;
        }
        frame += request->size;
    }
    return true;
}

bool xen_net_tx_describe(XenNetTx *tx, uint8_t *frame, NetOffload *offload)
{
    bool blank = tx->requests[0].flags & NETTXF_csum_blank;

    if (blank || tx->gso_size) {
        return xen_net_describe(frame, &tx->size, tx->gso_type, tx->gso_size, offload);
    }
    if (tx->requests[0].flags & NETTXF_data_validated) {
        offload->flags = NET_DATA_VALID;
    }
    return true;
}

/* ---- answers ---- */

static void respond(XenRing *ring, uint16_t id, int16_t status)
{
    netif_tx_response_t response = {.id = id, .status = status};

    xen_ring_respond(ring, &response, sizeof(response));
}

void xen_net_tx_respond(const XenNetTx *tx, XenRing *ring, int16_t status)
{
    respond(ring, tx->requests[0].id, status);
    for (unsigned i = 0; i < tx->extras; i++) {
        respond(ring, 0, NETIF_RSP_NULL);
    }
    for (unsigned i = 1; i < tx->count; i++) {
        respond(ring, tx->requests[i].id, status);
    }
}
