/*
 * libFuzzer: a hostile front end of a PV network adapter. It writes any requests into its tx ring
 * (headers, segmentation, multicast, extra slots nobody knows), moves indices, data and grants
 * about while they are worked on, and takes its rings away and back; frames come from outside
 * meanwhile, and the peer is busy at times.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define FIXTURE_KEEPS_RAM
#include "fuzz-input.h"
#include "hw/core/run_state.h"
#include "hw/net/xen_net_headers.h"
#include "hw/net/xen_net_queue.h"
#include "tests/unit/xen-fixture.h"
#include "util/machine_lock.h"

#include <xen/io/netif.h>

enum {
    TX_FRAME = 20,
    RX_FRAME = 21,
    DATA_FRAME = 40,
    BUFFER_FRAME = 70,
    GRANTED = 60,
    STEPS = 200,
};

typedef struct {
    Fixture *fixture;
    XenNetTarget target;
    XenNetQueue *queue;
    unsigned takes;
    bool broken, split, busy;
    uint64_t seen; /* of all bytes that came: what the sanitizers shall look at */
} Adapter;

/* ---- the guest ---- */

static uint8_t *page(Adapter *adapter, unsigned frame)
{
    return adapter->fixture->ram + frame % FIXTURE_FRAMES * XEN_PAGE_SIZE;
}

static void grant(Adapter *adapter, uint32_t ref, uint16_t flags, uint32_t frame)
{
    grant_entry_v1_t entry = {flags, 0, frame};

    memcpy(adapter->fixture->pages[XEN_PAGE_GRANT_TABLE][0] + ref % 512 * sizeof(entry), &entry,
           sizeof(entry));
}

static uint32_t new_port(Adapter *adapter)
{
    evtchn_alloc_unbound_t alloc = {.dom = DOMID_SELF, .remote_dom = 0};

    call_struct(adapter->fixture, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &alloc,
                sizeof(alloc));
    return alloc.port;
}

static uint32_t *producer(Adapter *adapter, unsigned ring)
{
    return (uint32_t *)page(adapter, ring);
}

static void put_slot(Adapter *adapter, unsigned ring, const void *slot, size_t size, size_t stride)
{
    uint32_t index = (*producer(adapter, ring))++ % 256;

    memcpy(page(adapter, ring) + 64 + index * stride, slot, size);
}

static void put_extra(Adapter *adapter, Input *input)
{
    netif_extra_info_t extra = {.type = (uint8_t)take(input, 1) % 6};
    uint64_t rest = take(input, 6);

    extra.flags = rest >> 40 & XEN_NETIF_EXTRA_FLAG_MORE;
    memcpy(&extra.u, &rest, sizeof(extra.u));
    if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO && (rest & 3)) {
        extra.u.gso.type = 1 + (rest & 1);
    }
    put_slot(adapter, TX_FRAME, &extra, sizeof(extra), sizeof(netif_tx_request_t));
}

/* A request that is right in most of its fields. */
static void put_request(Adapter *adapter, Input *input)
{
    uint8_t shape = (uint8_t)take(input, 1), where = (uint8_t)take(input, 1);
    netif_tx_request_t request = {.gref = DATA_FRAME + where % 24,
                                  .offset = (uint16_t)(where & 0x80 ? take(input, 2) : 0),
                                  .flags = shape & 15,
                                  .id = where,
                                  .size = (uint16_t)take(input, 2)};

    if (!(shape & 0x80)) {
        request.size %= XEN_PAGE_SIZE + 1;
    }
    put_slot(adapter, TX_FRAME, &request, sizeof(request), sizeof(request));
    if (shape & NETTXF_extra_info) {
        put_extra(adapter, input);
    }
}

/* Headers that are nearly right, of a length of the input's. */
static void put_headers(Adapter *adapter, Input *input)
{
    uint8_t shape = (uint8_t)take(input, 1), *data = page(adapter, DATA_FRAME + shape % 24);
    bool six = shape & 0x80;
    unsigned ip = 14 + (shape & 0x40 ? 4 : 0), size = (unsigned)take(input, 2);
    unsigned length = six ? size - ip - 40 : size - ip;

    data[12] = ip > 14 ? 0x81 : six ? 0x86 : 0x08;
    data[13] = ip > 14 ? 0 : six ? 0xdd : 0;
    data[ip - 2] = six ? 0x86 : 0x08;
    data[ip - 1] = six ? 0xdd : 0;
    data[ip] = six ? 0x60 : 0x45;
    data[ip + (six ? 4 : 2)] = (uint8_t)(length >> 8);
    data[ip + (six ? 5 : 3)] = (uint8_t)length;
    data[ip + 6] = data[ip + 7] = 0;
    data[ip + (six ? 6 : 9)] = shape & 0x20 ? 17 : 6;
    data[ip + (six ? 52 : 32)] = 0x50;
}

static void scribble(Adapter *adapter, Input *input)
{
    static const unsigned frames[] = {TX_FRAME, RX_FRAME, DATA_FRAME, BUFFER_FRAME};
    unsigned place = (unsigned)take(input, 2);
    uint64_t value = take(input, 8);

    memcpy(page(adapter, frames[place >> 14]) + place % (XEN_PAGE_SIZE - 8), &value, sizeof(value));
}

static void put_buffers(Adapter *adapter, Input *input)
{
    unsigned count = (unsigned)take(input, 1) % 32;

    for (unsigned i = 0; i < count; i++) {
        netif_rx_request_t request = {.id = (uint16_t)i, .gref = BUFFER_FRAME + i};
        put_slot(adapter, RX_FRAME, &request, sizeof(request), sizeof(request));
    }
}

/* ---- the network ---- */

static bool look_at(void *opaque, const NetPacket *packet)
{
    Adapter *adapter = opaque;
    size_t size = 0;

    for (unsigned i = 0; i < packet->count; i++) {
        const uint8_t *bytes = packet->pieces[i].iov_base;
        for (size_t at = 0; at < packet->pieces[i].iov_len; at += 61) {
            adapter->seen += bytes[at];
        }
        size += packet->pieces[i].iov_len;
    }
    g_assert_cmpuint(size, ==, packet->size);
    if (packet->offload.flags & NET_NEEDS_CSUM) {
        g_assert_cmpuint(packet->offload.csum_start + packet->offload.csum_offset + 2, <=, size);
    }
    return true;
}

static bool from_guest(void *opaque, const NetPacket *packet)
{
    Adapter *adapter = opaque;

    adapter->target.blocked = adapter->busy;
    return net_finish_packet(packet, adapter->takes, look_at, adapter);
}

static bool multicast(void *opaque, bool add G_GNUC_UNUSED, const uint8_t mac[NET_MAC_LENGTH])
{
    ((Adapter *)opaque)->seen += mac[5];
    return mac[5] & 1;
}

static void buffers(void *opaque G_GNUC_UNUSED)
{
}

static void broken(void *opaque, const char *reason)
{
    g_assert_nonnull(reason);
    ((Adapter *)opaque)->broken = true;
}

static void to_guest(Adapter *adapter, Input *input)
{
    uint8_t shape = (uint8_t)take(input, 1);
    size_t size = (size_t)take(input, 2) + 1;
    g_autofree uint8_t *bytes = g_malloc0(size);
    size_t cut = shape & 1 ? MIN(size, 20) : size;
    struct iovec pieces[2] = {{bytes, cut}, {bytes + cut, size - cut}};
    NetPacket packet = {pieces, shape & 1 ? 2 : 1, size, {.flags = shape >> 1 & 3}};

    if (shape & 8) {
        packet.offload.gso_type = shape & 16 ? NET_GSO_TCPV6 : NET_GSO_TCPV4;
        packet.offload.gso_size = 1448;
    }
    adapter->seen += xen_net_flow(bytes, cut);
    xen_net_queue_receive(adapter->queue, &packet);
}

/* ---- the back end ---- */

static void close_queue(Adapter *adapter)
{
    g_clear_pointer(&adapter->queue, xen_net_queue_close);
}

static void open_queue(Adapter *adapter)
{
    XenNetQueueConfig config = {.tx_reference = TX_FRAME, .rx_reference = RX_FRAME};

    close_queue(adapter);
    grant(adapter, TX_FRAME, GTF_permit_access, TX_FRAME);
    grant(adapter, RX_FRAME, GTF_permit_access, RX_FRAME);
    config.tx_port = new_port(adapter);
    config.rx_port = adapter->split ? new_port(adapter) : config.tx_port;
    adapter->target.blocked = false;
    adapter->queue = xen_net_queue_open(&adapter->target, &config, NULL);
}

static void pump(Adapter *adapter)
{
    for (unsigned i = 0; i < 8 && g_main_context_iteration(NULL, FALSE); i++) {
    }
    if (adapter->broken) {
        adapter->broken = false;
        for (unsigned ring = TX_FRAME; ring <= RX_FRAME; ring++) {
            *producer(adapter, ring) = *(producer(adapter, ring) + 2);
        }
        open_queue(adapter);
    }
}

static void step(Adapter *adapter, Input *input)
{
    uint8_t what = (uint8_t)take(input, 1);

    switch (what % 12) {
    case 0:
        scribble(adapter, input);
        break;
    case 1:
        *producer(adapter, TX_FRAME + (what >> 5 & 1)) += (uint32_t)take(input, 1);
        break;
    case 2:
        grant(adapter, (uint32_t)take(input, 2), (uint16_t)take(input, 2),
              (uint32_t)take(input, 2));
        break;
    case 3:
        open_queue(adapter);
        break;
    case 4:
        put_buffers(adapter, input);
        break;
    case 5:
    case 6:
        if (adapter->queue) {
            to_guest(adapter, input);
        }
        break;
    case 7:
        put_headers(adapter, input);
        break;
    case 8:
        adapter->busy = what & 0x20;
        adapter->target.blocked = false;
        break;
    default:
        put_request(adapter, input);
        break;
    }
    if (adapter->queue && (what & 0x80)) {
        xen_net_queue_look(adapter->queue);
    }
    if (what & 0x40) {
        pump(adapter);
    }
}

/* There is no machine: it always runs. */
bool run_state_is_running(void)
{
    return true;
}

void run_state_add_handler(RunEventHandler handler G_GNUC_UNUSED, void *opaque G_GNUC_UNUSED)
{
}

void run_state_remove_handler(RunEventHandler handler G_GNUC_UNUSED, void *opaque G_GNUC_UNUSED)
{
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {data, size};
    uint8_t flags = (uint8_t)take(&input, 1);
    Adapter adapter = {.takes = flags & 7, .split = flags & 8};

    if (!machine_lock_held()) {
        machine_lock();
    }
    adapter.fixture = fixture_new(1);
    adapter.target = (XenNetTarget){.domain = adapter.fixture->domain,
                                    .frame = from_guest,
                                    .multicast = multicast,
                                    .buffers = buffers,
                                    .broken = broken,
                                    .opaque = &adapter,
                                    .scatter = flags & 16,
                                    .notifies = flags & 32};
    memset(page(&adapter, TX_FRAME), 0, 64);
    memset(page(&adapter, RX_FRAME), 0, 64);
    for (unsigned i = 0; i < GRANTED; i++) {
        grant(&adapter, DATA_FRAME + i, GTF_permit_access, DATA_FRAME + i);
    }
    open_queue(&adapter);
    for (unsigned i = 0; i < STEPS && input.left > 0; i++) {
        step(&adapter, &input);
    }
    if (adapter.queue) {
        xen_net_queue_look(adapter.queue);
    }
    pump(&adapter);
    close_queue(&adapter);
    g_assert_cmpuint(xen_grant_active(adapter.fixture->domain), ==, 0);
    fixture_free(adapter.fixture);
    return 0;
}
