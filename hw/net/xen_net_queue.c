/*
 * One queue of a PV network adapter.
 *
 * Everything in the rings is the guest's to change at any time: requests are copied before anybody
 * looks at them, and a frame is put together in memory of ours before its headers are read.
 *
 * Source: xen/io/netif.h; which faults end a connection and which a frame as Linux's back end has
 * it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_net_queue.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/core/run_state.h"
#include "hw/xen/evtchn.h"
#include "hw/xen/xen_abi.h"
#include "hw/xen/xen_ring.h"
#include "util/error.h"
#include "util/read_section.h"
#include "util/trace.h"
#include "xen_net_headers.h"
#include "xen_net_tx.h"

#include <xen/io/netif.h>

TRACE_DEFINE(xen_net_transmit);
TRACE_DEFINE(xen_net_receive);

#define TX_SLOT_SIZE sizeof(netif_tx_request_t)
#define RX_SLOT_SIZE sizeof(netif_rx_response_t)

/* Slots that are taken in one go, so that a guest which never ends filling keeps nobody waiting. */
#define SLOTS_A_TURN 64u

/* How often a front end that sends no event for its buffers is asked for them. */
#define LOOK_AGAIN_US 10000

typedef struct {
    GSource base;
    XenNetQueue *queue;
} QueueSource;

struct XenNetQueue {
    const XenNetTarget *target;
    XenRing tx, rx;
    XenEvtchnBackend *tx_channel;
    XenEvtchnBackend *rx_channel; /* NULL: one for both */
    int event_fd;
    GSource *source;
    bool broken;
};

/* ---- events ---- */

static void show_transmitted(XenNetQueue *queue)
{
    if (xen_ring_push(&queue->tx)) {
        xen_evtchn_notify(queue->tx_channel);
    }
}

static void show_received(XenNetQueue *queue)
{
    if (xen_ring_push(&queue->rx)) {
        xen_evtchn_notify(queue->rx_channel ? queue->rx_channel : queue->tx_channel);
    }
}

void xen_net_queue_look(XenNetQueue *queue)
{
    g_source_set_ready_time(queue->source, 0);
}

static void break_down(XenNetQueue *queue, const char *reason)
{
    queue->broken = true;
    queue->target->broken(queue->target->opaque, reason);
}

/* ---- frames from the guest ---- */

static bool hand_over(XenNetQueue *queue, XenNetTx *tx, uint8_t *frame)
{
    struct iovec piece = {.iov_base = frame};
    NetPacket packet = {.pieces = &piece, .count = 1};

    if (!xen_net_tx_describe(tx, frame, &packet.offload)) {
        return false;
    }
    piece.iov_len = packet.size = tx->size;
    TRACE(xen_net_transmit, "%zu bytes, flags 0x%x, segments of %u", tx->size,
          tx->requests[0].flags, packet.offload.gso_size);
    return queue->target->frame(queue->target->opaque, &packet);
}

static int16_t transmit(XenNetQueue *queue, XenNetTx *tx)
{
    uint8_t frame[XEN_NETIF_MAX_TX_SIZE];

    if (tx->multicast != XEN_NET_MULTICAST_NONE) {
        bool add = tx->multicast == XEN_NET_MULTICAST_ADD;
        return queue->target->multicast(queue->target->opaque, add, tx->group) ? NETIF_RSP_OKAY
                                                                               : NETIF_RSP_ERROR;
    }
    return xen_net_tx_copy(tx, queue->target->domain, frame) && hand_over(queue, tx, frame)
               ? NETIF_RSP_OKAY
               : NETIF_RSP_ERROR;
}

/* Takes one frame's slots; how many they were, or 0 with the queue broken. */
static unsigned take_frame(XenNetQueue *queue, unsigned waiting)
{
    XenNetTx tx;
    const char *fault = xen_net_tx_take(&tx, &queue->tx, waiting);

    if (fault) {
        break_down(queue, fault);
        return 0;
    }
    xen_net_tx_respond(&tx, &queue->tx, tx.valid ? transmit(queue, &tx) : NETIF_RSP_ERROR);
    return tx.slots;
}

/* True if there is more. */
static bool take_frames(XenNetQueue *queue)
{
    unsigned taken = 0;

    while (taken < SLOTS_A_TURN && !queue->target->blocked && !queue->broken) {
        int64_t waiting = xen_ring_waiting(&queue->tx);
        if (waiting < 0) {
            break_down(queue, "the transmit ring's indices contradict each other");
        } else if (waiting > 0) {
            taken += take_frame(queue, (unsigned)waiting);
        } else if (!xen_ring_arm(&queue->tx, 1)) {
            return false;
        }
    }
    return !queue->target->blocked && !queue->broken;
}

/* ---- frames to the guest ---- */

static unsigned data_slots(const NetPacket *packet)
{
    return (unsigned)((packet->size + XEN_PAGE_SIZE - 1) / XEN_PAGE_SIZE);
}

static bool is_segmented(const NetPacket *packet)
{
    return packet->offload.gso_type != NET_GSO_NONE;
}

/* What is left to do, as the first slot tells it. */
static uint16_t receive_flags(const NetPacket *packet)
{
    uint16_t flags = is_segmented(packet) ? NETRXF_extra_info : 0;

    if (packet->offload.flags & NET_NEEDS_CSUM) {
        flags |= NETRXF_csum_blank | NETRXF_data_validated;
    } else if (packet->offload.flags & NET_DATA_VALID) {
        flags |= NETRXF_data_validated;
    }
    return flags;
}

static void put_data(XenNetQueue *queue, const uint8_t *bytes, unsigned length, uint16_t flags)
{
    netif_rx_request_t request;
    netif_rx_response_t response = {.flags = flags, .status = (int16_t)length};

    xen_ring_take(&queue->rx, &request, sizeof(request));
    response.id = request.id;
    if (xen_grant_write(queue->target->domain, request.gref, 0, bytes, length) != GNTST_okay) {
        response.status = NETIF_RSP_ERROR;
    }
    xen_ring_respond(&queue->rx, &response, sizeof(response));
}

static void put_segmentation(XenNetQueue *queue, const NetOffload *offload)
{
    netif_rx_request_t unused;
    bool ipv6 = (offload->gso_type & ~NET_GSO_ECN) == NET_GSO_TCPV6;
    netif_extra_info_t extra = {
        .type = XEN_NETIF_EXTRA_TYPE_GSO,
        .u.gso = {.size = offload->gso_size,
                  .type = ipv6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4}};

    xen_ring_take(&queue->rx, &unused, sizeof(unused));
    xen_ring_respond(&queue->rx, &extra, sizeof(extra));
}

static void put_frame(XenNetQueue *queue, const NetPacket *packet, const uint8_t *bytes)
{
    unsigned left = (unsigned)packet->size;
    uint16_t flags = receive_flags(packet);

    for (bool first = true; left > 0; first = false) {
        unsigned length = MIN(left, XEN_PAGE_SIZE);
        left -= length;
        put_data(queue, bytes, length, (uint16_t)(flags | (left ? NETRXF_more_data : 0)));
        if (first && is_segmented(packet)) {
            put_segmentation(queue, &packet->offload);
        }
        bytes += length;
        flags = 0;
    }
    TRACE(xen_net_receive, "%zu bytes, flags 0x%x", packet->size, receive_flags(packet));
}

/* Whether @needed buffers are there; else the guest is asked to tell when they are. */
static bool has_buffers(XenNetQueue *queue, unsigned needed)
{
    int64_t waiting = xen_ring_waiting(&queue->rx);

    if (waiting < 0) {
        break_down(queue, "the receive ring's indices contradict each other");
        return false;
    }
    if (waiting >= needed ||
        (xen_ring_arm(&queue->rx, needed) && xen_ring_waiting(&queue->rx) >= needed)) {
        return true;
    }
    if (!queue->target->notifies) {
        g_source_set_ready_time(queue->source, g_get_monotonic_time() + LOOK_AGAIN_US);
    }
    return false;
}

static void gather(const NetPacket *packet, uint8_t *bytes)
{
    for (unsigned i = 0; i < packet->count; i++) {
        memcpy(bytes, packet->pieces[i].iov_base, packet->pieces[i].iov_len);
        bytes += packet->pieces[i].iov_len;
    }
}

bool xen_net_queue_receive(XenNetQueue *queue, const NetPacket *packet)
{
    unsigned needed = data_slots(packet) + is_segmented(packet);
    g_autofree uint8_t *whole = NULL;

    if (queue->broken || needed == 0 || packet->size > XEN_NETIF_MAX_TX_SIZE ||
        (needed > 1 && !queue->target->scatter)) {
        return true;
    }
    if (!run_state_is_running() || !has_buffers(queue, needed)) {
        return queue->broken;
    }
    if (packet->count > 1) {
        whole = g_malloc(packet->size);
        gather(packet, whole);
    }
    put_frame(queue, packet, whole ? whole : packet->pieces[0].iov_base);
    show_received(queue);
    return true;
}

/* ---- the main loop ---- */

static gboolean queue_dispatch(GSource *base, GSourceFunc callback G_GNUC_UNUSED,
                               gpointer opaque G_GNUC_UNUSED)
{
    XenNetQueue *queue = ((QueueSource *)base)->queue;
    uint64_t count;

    g_source_set_ready_time(base, -1);
    if (read(queue->event_fd, &count, sizeof(count)) < 0) {
        count = 0; /* no event of the guest: somebody here wants the rings looked at */
    }
    if (!run_state_is_running() || queue->broken) {
        return G_SOURCE_CONTINUE;
    }
    if (take_frames(queue)) {
        g_source_set_ready_time(base, 0);
    }
    if (!queue->broken) {
        show_transmitted(queue);
        queue->target->buffers(queue->target->opaque);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {.dispatch = queue_dispatch};

static void make_source(XenNetQueue *queue)
{
    queue->source = g_source_new(&source_functions, sizeof(QueueSource));
    ((QueueSource *)queue->source)->queue = queue;
    g_source_add_unix_fd(queue->source, queue->event_fd, G_IO_IN);
    g_source_set_ready_time(queue->source, 0);
    g_source_attach(queue->source, NULL);
}

static void run_event(RunEvent event, void *opaque)
{
    if (event == RUN_EVENT_RESUME || event == RUN_EVENT_WAKEUP_DONE) {
        xen_net_queue_look(opaque);
    }
}

/* ---- life ---- */

static XenEvtchnBackend *bind_port(XenNetQueue *queue, uint32_t port, GError **error)
{
    return xen_evtchn_bind(queue->target->domain, port, &(XenEvtchnHandler){.fd = queue->event_fd},
                           error);
}

static bool open_channels(XenNetQueue *queue, const XenNetQueueConfig *config, GError **error)
{
    queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->event_fd < 0) {
        return error_set_errno(error, errno, "no eventfd for an event channel");
    }
    queue->tx_channel = bind_port(queue, config->tx_port, error);
    if (queue->tx_channel && config->rx_port != config->tx_port) {
        queue->rx_channel = bind_port(queue, config->rx_port, error);
        return queue->rx_channel != NULL;
    }
    return queue->tx_channel != NULL;
}

XenNetQueue *xen_net_queue_open(const XenNetTarget *target, const XenNetQueueConfig *config,
                                GError **error)
{
    XenNetQueue *queue = g_new0(XenNetQueue, 1);

    queue->target = target;
    queue->event_fd = -1;
    if (!xen_ring_open(&queue->tx, target->domain, TX_SLOT_SIZE, &config->tx_reference, 1, error) ||
        !xen_ring_open(&queue->rx, target->domain, RX_SLOT_SIZE, &config->rx_reference, 1, error) ||
        !open_channels(queue, config, error)) {
        xen_net_queue_close(queue);
        return NULL;
    }
    make_source(queue);
    run_state_add_handler(run_event, queue);
    return queue;
}

static void close_retired(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

void xen_net_queue_close(XenNetQueue *queue)
{
    if (queue->source) {
        run_state_remove_handler(run_event, queue);
        g_source_destroy(queue->source);
        g_source_unref(queue->source);
    }
    g_clear_pointer(&queue->tx_channel, xen_evtchn_unbind);
    g_clear_pointer(&queue->rx_channel, xen_evtchn_unbind);
    if (queue->event_fd >= 0) {
        /* A sender that found the channel just before it went may still write. */
        read_section_retire(GINT_TO_POINTER(queue->event_fd), close_retired);
    }
    xen_ring_close(&queue->tx);
    xen_ring_close(&queue->rx);
    g_free(queue);
}
