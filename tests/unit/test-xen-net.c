/*
 * The PV network adapter as a guest and a netdev use it: nodes, frames both ways, fragments,
 * segmentation, check sums, multicast, queues, buffers that are missing, a peer that is busy, front
 * ends that lie, floods, saved state, hotplug.
 *
 * Guest memory: grant N is frame N. Queue q has its tx ring in frame 20 + 2q and its rx ring behind
 * it; data pages begin at DATA_FRAME (sent) and BUFFER_FRAME (received into).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net-fixture.h"
#include "xen-bus-fixture.h"

#include <xen/io/netif.h>

enum {
    RING_FRAME = 20,
    DATA_FRAME = 40,
    BUFFER_FRAME = 90,
    FRAMES_USED = 100,
    ENTRIES = 256,
    REQ_PROD = 0,
    REQ_EVENT = 1,
    RSP_PROD = 2,
    RSP_EVENT = 3,
    TX = 0,
    RX = 1,
};

#define MAC "52:54:00:aa:bb:cc"

static FakeEnd peer;
static XenDevice *adapter;
static struct {
    unsigned queues;
    bool split;
    struct {
        uint32_t port[2], produced[2], consumed[2];
    } queue[4];
} front;

static const NetClientClass fake_netdev_class = {
    .type = "fake",
    .receive = fake_receive,
    .peer_ready = fake_peer_ready,
    .link_changed = fake_link_changed,
    .takes = fake_takes,
    .set_offloads = fake_set_offloads,
};

/* ---- guest memory and rings ---- */

static uint8_t *frame(uint32_t number)
{
    return xen->ram + (size_t)number * XEN_PAGE_SIZE;
}

static void grant(uint32_t ref, uint16_t flags)
{
    *((grant_entry_v1_t *)xen->pages[XEN_PAGE_GRANT_TABLE][0] + ref) =
        (grant_entry_v1_t){flags, 0, ref};
}

static uint32_t *ring_index(unsigned q, unsigned kind, unsigned which)
{
    return (uint32_t *)frame(RING_FRAME + 2 * q + kind) + which;
}

static void *slot(unsigned q, unsigned kind, uint32_t index)
{
    size_t size = kind == TX ? sizeof(netif_tx_request_t) : sizeof(netif_rx_request_t);

    return frame(RING_FRAME + 2 * q + kind) + 64 + index % ENTRIES * size;
}

static uint32_t new_port(void)
{
    evtchn_alloc_unbound_t alloc = {.dom = DOMID_SELF, .remote_dom = 0};

    g_assert_cmpint(call_struct(xen, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &alloc,
                                sizeof(alloc)),
                    ==, 0);
    return alloc.port;
}

static void send_event(unsigned q, unsigned kind)
{
    evtchn_send_t send = {front.queue[q].port[kind]};

    g_assert_cmpint(
        call_struct(xen, __HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, sizeof(send)), ==, 0);
}

static void submit(unsigned q, unsigned kind)
{
    __atomic_store_n(ring_index(q, kind, REQ_PROD), front.queue[q].produced[kind],
                     __ATOMIC_SEQ_CST);
    send_event(q, kind);
    pump();
}

static void *next_slot(unsigned q, unsigned kind)
{
    return slot(q, kind, front.queue[q].produced[kind]++);
}

static unsigned responses(unsigned q, unsigned kind)
{
    return *ring_index(q, kind, RSP_PROD) - front.queue[q].consumed[kind];
}

/* ---- connecting ---- */

static void write_in_queue(unsigned q, const char *name, uint32_t value)
{
    g_autofree char *path =
        front.queues > 1 ? g_strdup_printf("queue-%u/%s", q, name) : g_strdup(name);

    guest_write_number(adapter, path, value);
}

static void prepare_queue(unsigned q)
{
    for (unsigned kind = TX; kind <= RX; kind++) {
        memset(frame(RING_FRAME + 2 * q + kind), 0, XEN_PAGE_SIZE);
        *ring_index(q, kind, REQ_EVENT) = *ring_index(q, kind, RSP_EVENT) = 1;
        front.queue[q].produced[kind] = front.queue[q].consumed[kind] = 0;
        front.queue[q].port[kind] =
            kind == TX || front.split ? new_port() : front.queue[q].port[TX];
        write_in_queue(q, kind == TX ? "tx-ring-ref" : "rx-ring-ref", RING_FRAME + 2 * q + kind);
        if (front.split) {
            write_in_queue(q, kind == TX ? "event-channel-tx" : "event-channel-rx",
                           front.queue[q].port[kind]);
        }
    }
    if (!front.split) {
        write_in_queue(q, "event-channel", front.queue[q].port[TX]);
    }
}

/* Everything a current Linux front end writes, but its state. */
static void prepare_front(void)
{
    static const char *const features[] = {"request-rx-copy",   "feature-rx-notify",
                                           "feature-sg",        "feature-gso-tcpv4",
                                           "feature-gso-tcpv6", "feature-ipv6-csum-offload"};

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        guest_write_number(adapter, features[i], 1);
    }
    if (front.queues > 1) {
        guest_write_number(adapter, "multi-queue-num-queues", front.queues);
    }
    for (uint32_t ref = RING_FRAME; ref < RING_FRAME + FRAMES_USED; ref++) {
        grant(ref, GTF_permit_access);
    }
    for (unsigned q = 0; q < front.queues; q++) {
        prepare_queue(q);
    }
}

static void connect_front(void)
{
    prepare_front();
    g_assert_cmpuint(enter(adapter, XenbusStateConnected), ==, XenbusStateConnected);
}

static void setup_adapter(const char *properties)
{
    bus_setup_all();
    memset(&front, 0, sizeof(front));
    front.queues = 1;
    fake_init(&peer, &fake_netdev_class, "n0");
    peer.takes = NET_TAKES_CSUM | NET_TAKES_TSO4 | NET_TAKES_TSO6;
    g_autofree char *all =
        g_strdup_printf("netdev=n0%s%s", properties ? "," : "", properties ? properties : "");
    adapter = add_device("xen-net-device", all);
}

static void setup_connected(void)
{
    setup_adapter("mac=" MAC);
    connect_front();
}

static void teardown(void)
{
    bus_teardown_all();
    fake_clear(&peer);
}

static void assert_backend(const char *name, const char *value)
{
    g_autofree char *text = guest_read(adapter->backend_path, name);

    g_assert_cmpstr(text, ==, value);
}

/* The ring is down, the guest knows why, nothing of it is held, and it may begin again. */
static void assert_failed(const char *reason)
{
    g_autofree char *text = store_client_read(guest_store, 0, adapter->error_path, NULL, NULL);
    g_autofree char *wanted = g_strdup_printf("22 %s", reason);

    g_assert_cmpstr(text, ==, wanted);
    g_assert_cmpuint(backend_state(adapter), ==, XenbusStateClosing);
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    g_assert_cmpuint(enter(adapter, XenbusStateClosed), ==, XenbusStateClosed);
    g_assert_cmpuint(enter(adapter, XenbusStateInitialising), ==, XenbusStateInitWait);
    connect_front();
}

/* ---- sending ---- */

static void put_tx(unsigned q, uint32_t ref, unsigned offset, unsigned flags, unsigned size)
{
    netif_tx_request_t *request = next_slot(q, TX);

    *request = (netif_tx_request_t){.gref = ref,
                                    .offset = (uint16_t)offset,
                                    .flags = (uint16_t)flags,
                                    .id = (uint16_t)(front.queue[q].produced[TX] + 1000),
                                    .size = (uint16_t)size};
}

static void put_extra(unsigned q, netif_extra_info_t extra)
{
    void *at = next_slot(q, TX);

    memset(at, 0xee, sizeof(netif_tx_request_t));
    memcpy(at, &extra, sizeof(extra));
}

static void put_gso(unsigned q, uint8_t type, uint16_t size)
{
    put_extra(q, (netif_extra_info_t){.type = XEN_NETIF_EXTRA_TYPE_GSO,
                                      .u.gso = {.type = type, .size = size}});
}

static int16_t take_tx(unsigned q)
{
    g_assert_cmpuint(responses(q, TX), >, 0);
    uint32_t index = front.queue[q].consumed[TX]++;
    netif_tx_response_t *response = slot(q, TX, index);

    if (response->status != NETIF_RSP_NULL) {
        g_assert_cmpuint(response->id, ==, index + 1001);
    }
    return response->status;
}

static int16_t send_simple(unsigned flags, unsigned size)
{
    put_tx(0, DATA_FRAME, 0, flags, size);
    submit(0, TX);
    return take_tx(0);
}

static void fill(uint8_t *bytes, size_t length, unsigned seed)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(i * 7 + seed + (i >> 8));
    }
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

enum {
    TCP4_HEADERS = 14 + 20 + 20,
    TCP6_HEADERS = 14 + 40 + 20,
};

/* A TCP segment of @size bytes at @at; its sum field has rubbish. */
static void make_tcp(uint8_t *at, size_t size, bool six)
{
    size_t transport = six ? 54 : 34;

    fill(at, MIN(size, XEN_PAGE_SIZE), 3);
    memcpy(at, "\x52\x54\0\1\2\3\x52\x54\0\xaa\xbb\xcc", 12);
    put16(at + 12, six ? 0x86dd : 0x0800);
    at[14] = six ? 0x60 : 0x45;
    if (six) {
        put16(at + 18, (unsigned)size - 54);
        at[20] = 6;
    } else {
        put16(at + 16, (unsigned)size - 14);
        put16(at + 20, 0);
        at[23] = 6;
    }
    at[transport + 12] = 5 << 4;
    put16(at + transport + 16, 0xdead);
}

/* The sum over pseudo header and segment; 0xffff when the field is right. */
static unsigned tcp_sum(const uint8_t *at, size_t size, bool six)
{
    size_t transport = six ? 54 : 34, addresses = six ? 22 : 26;
    uint64_t sum = 6 + (size - transport);

    for (size_t i = addresses; i < transport; i += 2) {
        sum += get16(at + i);
    }
    for (size_t i = transport; i < size; i++) {
        sum += (i - transport) % 2 ? at[i] : (unsigned)at[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (unsigned)sum;
}

/* ---- receiving ---- */

static void put_buffers(unsigned q, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t index = front.queue[q].produced[RX];
        netif_rx_request_t *request = next_slot(q, RX);
        *request = (netif_rx_request_t){.id = (uint16_t)(index % ENTRIES),
                                        .gref = BUFFER_FRAME + index % 24};
    }
    submit(q, RX);
}

static netif_rx_response_t take_rx(unsigned q)
{
    g_assert_cmpuint(responses(q, RX), >, 0);
    return *(netif_rx_response_t *)slot(q, RX, front.queue[q].consumed[RX]++);
}

static uint8_t *buffer(unsigned index)
{
    return frame(BUFFER_FRAME + index % 24);
}

static bool deliver(const void *data, size_t size, NetOffload offload)
{
    struct iovec pieces[2] = {{(void *)data, 20}, {(uint8_t *)data + 20, size - 20}};
    NetPacket packet = {pieces, 2, size, offload};

    return net_client_send(peer.client, &packet);
}

/* ---- tests: nodes ---- */

static void adapter_publishes_what_it_can(void)
{
    setup_adapter("mac=" MAC ",idx=3");
    g_assert_true(g_str_has_suffix(adapter->backend_path, "/backend/vif/5/3"));
    g_assert_true(g_str_has_suffix(adapter->frontend_path, "/device/vif/3"));
    assert_backend("mac", MAC);
    assert_backend("handle", "3");
    static const char *const on[] = {"feature-rx-copy",
                                     "feature-sg",
                                     "feature-gso-tcpv4",
                                     "feature-gso-tcpv6",
                                     "feature-ipv6-csum-offload",
                                     "online",
                                     "feature-split-event-channels",
                                     "feature-multicast-control"};
    for (unsigned i = 0; i < G_N_ELEMENTS(on); i++) {
        assert_backend(on[i], "1");
    }
    assert_backend("feature-ctrl-ring", NULL);
    assert_backend("feature-rx-flip", "0");
    assert_backend("multi-queue-max-queues", "4");
    g_autofree char *mac = guest_read(adapter->frontend_path, "mac");
    g_assert_cmpstr(mac, ==, MAC);
    g_assert_cmpuint(guest_number(adapter->frontend_path, "handle"), ==, 3);
    teardown();
}

static void wrong_properties_are_told(void)
{
    static const struct {
        const char *properties, *message;
    } rows[] = {
        {"netdev=n1", "Property 'netdev' can't find value 'n1'"},
        {"netdev=n0", "Property 'netdev' can't take value 'n0', it's in use"},
        {"idx=0", "device vif/0 exists already"},
        {"mac=52:54", "Parameter 'mac' expects a MAC address, not '52:54'"},
        {"mac=53:54:00:00:00:01", "mac '53:54:00:00:00:01' is a multicast address"},
    };

    setup_adapter("mac=" MAC);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(try_device("xen-net-device", rows[i].properties, &error));
        g_assert_cmpstr(error->message, ==, rows[i].message);
    }
    XenDevice *second = add_device("xen-net-device", "addr=0x2,bootindex=1,num-queues=2");
    g_assert_cmpuint(second->number, ==, 1);
    g_autofree char *mac = guest_read(second->backend_path, "mac");
    g_assert_true(g_str_has_prefix(mac, "52:54:00:12:34:"));
    teardown();
}

static void missing_or_wrong_nodes_are_told(void)
{
    static const struct {
        const char *name, *value, *reason;
    } rows[] = {
        {"request-rx-copy", "0", "request-rx-copy is not set: page flipping is not there"},
        {"tx-ring-ref", "99999", "the ring's pages cannot be mapped (status -3)"},
        {"rx-ring-ref", "x", "rx-ring-ref is not a number from 0 to 4294967295"},
        {"event-channel", "4000", "Xen: event channel port 4000 does not wait for a back end"},
        {"multi-queue-num-queues", "5", "multi-queue-num-queues is not a number from 1 to 4"},
        {"multi-queue-num-queues", "2", "queue-0/tx-ring-ref is missing"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        setup_adapter(NULL);
        prepare_front();
        guest_write_text(adapter, rows[i].name, rows[i].value);
        g_assert_cmpuint(enter(adapter, XenbusStateConnected), ==, XenbusStateClosing);
        g_autofree char *text = store_client_read(guest_store, 0, adapter->error_path, NULL, NULL);
        g_assert_cmpstr(text + 3, ==, rows[i].reason);
        g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
        teardown();
    }
}

/* ---- tests: sending ---- */

static void frames_of_one_to_eighteen_slots_are_sent(void)
{
    setup_connected();
    for (unsigned count = 1; count <= 18; count++) {
        unsigned size = count * 1000;
        for (unsigned i = 0; i < count; i++) {
            fill(frame(DATA_FRAME + i) + 96 * i, 1000, i);
            put_tx(0, DATA_FRAME + i, 96 * i, i + 1 < count ? NETTXF_more_data : 0,
                   i == 0 ? size : 1000);
        }
        submit(0, TX);
        GByteArray *got = fake_frame(&peer, count - 1);
        g_assert_cmpuint(got->len, ==, size);
        for (unsigned i = 0; i < count; i++) {
            g_assert_cmpint(take_tx(0), ==, NETIF_RSP_OKAY);
            g_assert_cmpmem(got->data + 1000 * i, 1000, frame(DATA_FRAME + i) + 96 * i, 1000);
        }
    }
    g_assert_cmpint(send_simple(NETTXF_data_validated, 60), ==, NETIF_RSP_OKAY);
    g_assert_cmpuint(peer.last.flags, ==, NET_DATA_VALID);
    teardown();
}

static void blank_sums_are_described(bool six)
{
    unsigned transport = six ? 54 : 34;

    make_tcp(frame(DATA_FRAME), 500, six);
    memset(frame(DATA_FRAME) + 500, 0xff, 20); /* padding that nobody shall sum */
    g_assert_cmpint(send_simple(NETTXF_csum_blank | NETTXF_data_validated, 520), ==,
                    NETIF_RSP_OKAY);
    GByteArray *got = fake_frame(&peer, 0);
    g_assert_cmpuint(got->len, ==, 500);
    g_assert_cmpuint(peer.last.flags, ==, NET_NEEDS_CSUM);
    g_assert_cmpuint(peer.last.csum_start, ==, transport);
    g_assert_cmpuint(peer.last.csum_offset, ==, 16);
    /* A peer that takes nothing gets the finished sum. */
    peer.takes = 0;
    g_assert_cmpint(send_simple(NETTXF_csum_blank, 520), ==, NETIF_RSP_OKAY);
    got = fake_frame(&peer, 1);
    g_assert_cmpuint(peer.last.flags, ==, 0);
    g_assert_cmpuint(tcp_sum(got->data, got->len, six), ==, 0xffff);
}

static void blank_sums_are_left_to_the_peer_or_made(void)
{
    for (unsigned six = 0; six < 2; six++) {
        setup_connected();
        blank_sums_are_described(six);
        teardown();
    }
}

static void put_segmented(bool six, unsigned pages, uint16_t segment)
{
    unsigned size = pages * XEN_PAGE_SIZE;

    for (unsigned i = 0; i < pages; i++) {
        fill(frame(DATA_FRAME + i), XEN_PAGE_SIZE, i);
    }
    make_tcp(frame(DATA_FRAME), size, six);
    put_tx(0, DATA_FRAME, 0, NETTXF_extra_info | NETTXF_csum_blank | NETTXF_more_data, size);
    put_gso(0, six ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4, segment);
    for (unsigned i = 1; i < pages; i++) {
        put_tx(0, DATA_FRAME + i, 0, i + 1 < pages ? NETTXF_more_data : 0, XEN_PAGE_SIZE);
    }
    submit(0, TX);
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_OKAY);
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_NULL);
    for (unsigned i = 1; i < pages; i++) {
        g_assert_cmpint(take_tx(0), ==, NETIF_RSP_OKAY);
    }
}

static void segmentation_is_left_to_the_peer_or_done(void)
{
    for (unsigned six = 0; six < 2; six++) {
        unsigned headers = six ? TCP6_HEADERS : TCP4_HEADERS;
        setup_connected();
        put_segmented(six, 15, 1448);
        g_assert_cmpuint(peer.frames->len, ==, 1);
        g_assert_cmpuint(peer.last.gso_type, ==, six ? NET_GSO_TCPV6 : NET_GSO_TCPV4);
        g_assert_cmpuint(peer.last.gso_size, ==, 1448);
        g_assert_cmpuint(peer.last.header_length, ==, headers);
        peer.takes = 0;
        put_segmented(six, 15, 1448);
        unsigned payload = 15 * XEN_PAGE_SIZE - headers;
        g_assert_cmpuint(peer.frames->len, ==, 1 + (payload + 1447) / 1448);
        for (unsigned i = 1; i < peer.frames->len; i++) {
            GByteArray *got = fake_frame(&peer, i);
            g_assert_cmpuint(tcp_sum(got->data, got->len, six), ==, 0xffff);
            g_assert_cmpmem(got->data + headers, got->len - headers,
                            fake_frame(&peer, 0)->data + headers + (i - 1) * 1448,
                            got->len - headers);
        }
        teardown();
    }
}

/* Each is one frame's error; the ring goes on, and nothing reaches the peer. */
static void lying_headers_are_an_error_of_the_frame(void)
{
    static const struct {
        unsigned at, value, size;
    } lies[] = {
        {12, 0x1234, 500}, /* no IP */
        {16, 487, 500},    /* IP longer than the frame */
        {16, 39, 500},     /* IP shorter than its headers */
        {20, 0x2000, 500}, /* a fragment */
        {22, 0x4001, 500}, /* ICMP */
        {14, 0x4f00, 70},  /* options beyond the end */
        {46, 0xf000, 80},  /* TCP options beyond the end */
        {46, 0x4000, 500}, /* TCP header too short */
        {14, 0x6500, 500}, /* version 6 in a frame of version 4 */
    };

    for (unsigned takes = 0; takes < 2; takes++) {
        setup_connected();
        peer.takes = takes ? peer.takes : 0;
        for (unsigned i = 0; i < G_N_ELEMENTS(lies); i++) {
            make_tcp(frame(DATA_FRAME), lies[i].size, false);
            put16(frame(DATA_FRAME) + lies[i].at, lies[i].value);
            g_assert_cmpint(send_simple(NETTXF_csum_blank, lies[i].size), ==, NETIF_RSP_ERROR);
        }
        for (unsigned size = 0; size < TCP4_HEADERS; size++) {
            make_tcp(frame(DATA_FRAME), TCP4_HEADERS, false);
            g_assert_cmpint(send_simple(NETTXF_csum_blank, size), ==, NETIF_RSP_ERROR);
        }
        make_tcp(frame(DATA_FRAME), 3000, true); /* segmentation of the wrong protocol */
        put_tx(0, DATA_FRAME, 0, NETTXF_extra_info | NETTXF_csum_blank, 3000);
        put_gso(0, XEN_NETIF_GSO_TYPE_TCPV4, 1000);
        submit(0, TX);
        g_assert_cmpint(take_tx(0), ==, NETIF_RSP_ERROR);
        g_assert_cmpint(take_tx(0), ==, NETIF_RSP_NULL);
        g_assert_cmpuint(peer.frames->len, ==, 0);
        g_assert_cmpint(send_simple(0, 100), ==, NETIF_RSP_OKAY);
        g_assert_cmpuint(peer.frames->len, ==, 1);
        teardown();
    }
}

/* Segments too small to be made by us: an error, and the ring does not stand still for it. */
static void tiny_segments_do_not_stop_the_ring(void)
{
    setup_connected();
    peer.takes = 0;
    make_tcp(frame(DATA_FRAME), 3000, false);
    put_tx(0, DATA_FRAME, 0, NETTXF_extra_info | NETTXF_csum_blank, 3000);
    put_gso(0, XEN_NETIF_GSO_TYPE_TCPV4, 1);
    submit(0, TX);
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_ERROR);
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_NULL);
    g_assert_cmpint(send_simple(0, 100), ==, NETIF_RSP_OKAY);
    teardown();
}

static void wrong_sizes_and_grants_are_an_error_of_the_frame(void)
{
    setup_connected();
    g_assert_cmpint(send_simple(0, 13), ==, NETIF_RSP_ERROR);
    put_tx(0, 7, 0, 0, 100); /* not granted */
    put_tx(0, DATA_FRAME, 0, NETTXF_more_data, 100);
    put_tx(0, DATA_FRAME, 0, 0, 101); /* more than the frame */
    put_tx(0, DATA_FRAME, 0, NETTXF_more_data, 200);
    put_tx(0, 7, 0, 0, 100);
    put_tx(0, DATA_FRAME, 0, 0, 64);
    submit(0, TX);
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmpint(take_tx(0), ==, NETIF_RSP_ERROR);
    }
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_OKAY);
    g_assert_cmpuint(peer.frames->len, ==, 1);
    teardown();
}

static void broken_protocol_ends_the_connection(void)
{
    setup_connected();
    put_tx(0, DATA_FRAME, 4000, 0, 97);
    submit(0, TX);
    assert_failed("a frame's fragment crosses the end of its page");
    for (unsigned i = 0; i < 19; i++) {
        put_tx(0, DATA_FRAME, 0, i < 18 ? NETTXF_more_data : 0, i == 0 ? 1900 : 100);
    }
    submit(0, TX);
    assert_failed("a frame's fragments do not end");
    put_tx(0, DATA_FRAME, 0, NETTXF_more_data, 100);
    submit(0, TX);
    assert_failed("a frame's fragments do not end");
    put_tx(0, DATA_FRAME, 0, NETTXF_extra_info, 100);
    submit(0, TX);
    assert_failed("a frame's extra information does not end");
    put_tx(0, DATA_FRAME, 0, NETTXF_extra_info, 100);
    put_extra(0, (netif_extra_info_t){.type = 9});
    submit(0, TX);
    assert_failed("a frame has extra information of an unknown type");
    put_tx(0, DATA_FRAME, 0, NETTXF_extra_info, 100);
    put_gso(0, 7, 1000);
    submit(0, TX);
    assert_failed("a frame asks for segmentation of an unknown type");
    put_tx(0, DATA_FRAME, 0, NETTXF_extra_info, 100);
    put_gso(0, XEN_NETIF_GSO_TYPE_TCPV4, 0);
    submit(0, TX);
    assert_failed("a frame asks for segments of no size");
    front.queue[0].produced[TX] += 257;
    submit(0, TX);
    assert_failed("the transmit ring's indices contradict each other");
    g_assert_cmpint(send_simple(0, 100), ==, NETIF_RSP_OKAY);
    *ring_index(0, RX, REQ_PROD) = 300;
    g_assert_true(deliver(frame(DATA_FRAME), 100, (NetOffload){0}));
    pump();
    assert_failed("the receive ring's indices contradict each other");
    teardown();
}

/* A guest that keeps its ring full: a turn of the main loop ends all the same. */
static void a_flood_is_taken_in_turns(void)
{
    setup_connected();
    for (unsigned i = 0; i < ENTRIES; i++) {
        put_tx(0, DATA_FRAME, 0, 0, 60);
    }
    *ring_index(0, TX, REQ_PROD) = front.queue[0].produced[TX];
    send_event(0, TX);
    g_assert_true(g_main_context_iteration(NULL, FALSE));
    g_assert_cmpuint(peer.frames->len, <=, 64);
    pump();
    g_assert_cmpuint(peer.frames->len, ==, ENTRIES);
    g_assert_cmpuint(responses(0, TX), ==, ENTRIES);
    teardown();
}

static void busy_peer_stops_the_ring(void)
{
    setup_connected();
    peer.busy = true;
    for (unsigned i = 0; i < 5; i++) {
        put_tx(0, DATA_FRAME, 0, 0, 60 + i);
    }
    submit(0, TX);
    g_assert_cmpuint(responses(0, TX), ==, 1); /* it waits in the peer's queue */
    peer.busy = false;
    net_client_ready(peer.client);
    pump();
    g_assert_cmpuint(responses(0, TX), ==, 5);
    g_assert_cmpuint(peer.frames->len, ==, 5);
    for (unsigned i = 0; i < 5; i++) {
        g_assert_cmpuint(fake_frame(&peer, i)->len, ==, 60 + i);
    }
    teardown();
}

/* Segments that a busy peer could not take are in its queue, all of them. */
static void busy_peer_loses_no_segment(void)
{
    setup_connected();
    peer.takes = 0;
    peer.busy = true;
    put_segmented(false, 4, 1448);
    g_assert_cmpuint(peer.frames->len, ==, 0);
    peer.busy = false;
    net_client_ready(peer.client);
    g_assert_cmpuint(peer.frames->len, ==, (4 * XEN_PAGE_SIZE - TCP4_HEADERS + 1447) / 1448);
    teardown();
}

static void link_down_drops_and_netdev_may_go(void)
{
    setup_connected();
    peer.busy = true;
    send_simple(0, 60);
    put_tx(0, DATA_FRAME, 0, 0, 61);
    submit(0, TX);
    g_assert_cmpuint(responses(0, TX), ==, 0);
    net_client_set_link(peer.client, false);
    pump();
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_OKAY); /* dropped */
    peer.busy = false;
    put_buffers(0, 4);
    g_assert_true(deliver(frame(DATA_FRAME), 100, (NetOffload){0}));
    g_assert_cmpuint(responses(0, RX), ==, 0);
    net_client_set_link(peer.client, true);
    g_assert_cmpint(send_simple(0, 62), ==, NETIF_RSP_OKAY);
    g_assert_cmpuint(peer.frames->len, ==, 1);
    net_client_free(g_steal_pointer(&peer.client));
    g_assert_cmpint(send_simple(0, 63), ==, NETIF_RSP_OKAY);
    g_assert_cmpuint(peer.frames->len, ==, 1);
    teardown();
}

/* ---- tests: receiving ---- */

static void frames_arrive_in_the_guests_pages(void)
{
    uint8_t data[9000];

    setup_connected();
    fill(data, sizeof(data), 5);
    put_buffers(0, 24);
    g_assert_true(deliver(data, 60, (NetOffload){.flags = NET_DATA_VALID}));
    netif_rx_response_t one = take_rx(0);
    g_assert_cmpint(one.status, ==, 60);
    g_assert_cmpuint(one.id, ==, 0);
    g_assert_cmpuint(one.offset, ==, 0);
    g_assert_cmpuint(one.flags, ==, NETRXF_data_validated);
    g_assert_cmpmem(buffer(0), 60, data, 60);
    g_assert_true(deliver(data, sizeof(data), (NetOffload){0}));
    for (unsigned i = 0; i < 3; i++) {
        one = take_rx(0);
        g_assert_cmpuint(one.id, ==, i + 1);
        g_assert_cmpuint(one.flags, ==, i < 2 ? NETRXF_more_data : 0);
        g_assert_cmpint(one.status, ==, i < 2 ? 4096 : 9000 - 8192);
        g_assert_cmpmem(buffer(i + 1), (size_t)one.status, data + 4096 * i, (size_t)one.status);
    }
    grant(BUFFER_FRAME + 4, 0);
    g_assert_true(deliver(data, 100, (NetOffload){0}));
    g_assert_cmpint(take_rx(0).status, ==, NETIF_RSP_ERROR);
    teardown();
}

static void what_is_left_to_do_is_told_to_the_guest(void)
{
    uint8_t data[9000];

    setup_connected();
    g_assert_cmpuint(net_client_peer_takes(peer.client), ==,
                     NET_TAKES_CSUM | NET_TAKES_TSO4 | NET_TAKES_TSO6);
    make_tcp(data, sizeof(data), true);
    put_buffers(0, 24);
    g_assert_true(deliver(data, sizeof(data),
                          (NetOffload){.flags = NET_NEEDS_CSUM,
                                       .gso_type = NET_GSO_TCPV6,
                                       .gso_size = 1400,
                                       .csum_start = 54,
                                       .csum_offset = 16}));
    g_assert_cmpuint(responses(0, RX), ==, 4);
    g_assert_cmpuint(take_rx(0).flags, ==,
                     NETRXF_csum_blank | NETRXF_data_validated | NETRXF_extra_info |
                         NETRXF_more_data);
    netif_rx_response_t raw = take_rx(0);
    netif_extra_info_t extra;
    memcpy(&extra, &raw, sizeof(extra));
    g_assert_cmpuint(extra.type, ==, XEN_NETIF_EXTRA_TYPE_GSO);
    g_assert_cmpuint(extra.flags, ==, 0);
    g_assert_cmpuint(extra.u.gso.type, ==, XEN_NETIF_GSO_TYPE_TCPV6);
    g_assert_cmpuint(extra.u.gso.size, ==, 1400);
    g_assert_cmpuint(take_rx(0).id, ==, 2);
    g_assert_cmpuint(take_rx(0).flags, ==, 0);
    teardown();
}

static void plain_front_end_gets_whole_small_frames_only(void)
{
    uint8_t data[5000] = {2};

    setup_adapter(NULL);
    prepare_front();
    guest_write_number(adapter, "feature-sg", 0);
    guest_write_number(adapter, "feature-rx-notify", 0);
    guest_write_number(adapter, "feature-no-csum-offload", 1);
    g_assert_cmpuint(enter(adapter, XenbusStateConnected), ==, XenbusStateConnected);
    g_assert_cmpuint(net_client_peer_takes(peer.client), ==, 0);
    /* Without an event of the front end's the waiting frame is delivered. */
    g_assert_false(deliver(data, 100, (NetOffload){0}));
    put_buffers(0, 0);
    for (unsigned i = 0; i < 4; i++) {
        netif_rx_request_t *request = next_slot(0, RX);
        *request = (netif_rx_request_t){.id = (uint16_t)i, .gref = BUFFER_FRAME + i};
    }
    *ring_index(0, RX, REQ_PROD) = 4;
    run_until(responses(0, RX) == 1);
    g_assert_true(deliver(data, 5000, (NetOffload){0}));
    g_assert_cmpuint(responses(0, RX), ==, 1);
    teardown();
}

static void frames_wait_for_buffers(void)
{
    uint8_t data[9000] = {2};

    setup_connected();
    g_assert_false(deliver(data, 100, (NetOffload){0}));
    g_assert_false(deliver(data, 9000, (NetOffload){0}));
    put_buffers(0, 3);
    g_assert_cmpuint(responses(0, RX), ==, 1);
    g_assert_cmpuint(peer.ready, ==, 0);
    put_buffers(0, 1);
    g_assert_cmpuint(responses(0, RX), ==, 4);
    g_assert_cmpuint(peer.ready, ==, 1);
    /* A machine that stands still has no buffers. */
    put_buffers(0, 4);
    run_state_stop(RUN_STATE_PAUSED);
    g_assert_false(deliver(data, 100, (NetOffload){0}));
    g_assert_cmpuint(responses(0, RX), ==, 4);
    run_state_start(NULL);
    pump();
    g_assert_cmpuint(responses(0, RX), ==, 5);
    teardown();
}

static void events_are_sent_when_they_are_asked_for(void)
{
    setup_connected();
    *ring_index(0, TX, RSP_EVENT) = 100;
    for (unsigned i = 0; i < 3; i++) {
        unsigned before = *ring_index(0, TX, REQ_EVENT);
        send_simple(0, 60);
        g_assert_cmpuint(*ring_index(0, TX, REQ_EVENT), ==, i + 2);
        g_assert_cmpuint(before, ==, i + 1);
    }
    /* No event for the buffers that there are, one for those that are missing. */
    uint8_t data[9000] = {2};
    put_buffers(0, 2);
    g_assert_false(deliver(data, 9000, (NetOffload){0}));
    g_assert_cmpuint(*ring_index(0, RX, REQ_EVENT), ==, 3);
    teardown();
}

static void multicast_is_filtered_when_asked(void)
{
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 5};
    uint8_t data[100] = {1, 0, 0x5e, 0, 0, 5};
    netif_extra_info_t change = {.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD};

    setup_adapter(NULL);
    prepare_front();
    guest_write_number(adapter, "request-multicast-control", 1);
    g_assert_cmpuint(enter(adapter, XenbusStateConnected), ==, XenbusStateConnected);
    put_buffers(0, 24);
    g_assert_true(deliver(data, 100, (NetOffload){0}));
    g_assert_cmpuint(responses(0, RX), ==, 0);
    memcpy(change.u.mcast.addr, group, 6);
    put_tx(0, 0, 0, NETTXF_extra_info, 0);
    put_extra(0, change);
    submit(0, TX);
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_OKAY);
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_NULL);
    g_assert_true(deliver(data, 100, (NetOffload){0}));
    g_assert_cmpuint(responses(0, RX), ==, 1);
    change.type = XEN_NETIF_EXTRA_TYPE_MCAST_DEL;
    put_tx(0, 0, 0, NETTXF_extra_info, 0);
    put_extra(0, change);
    submit(0, TX);
    g_assert_true(deliver(data, 100, (NetOffload){0}));
    g_assert_cmpuint(responses(0, RX), ==, 1);
    memset(data, 0xff, 6);
    g_assert_true(deliver(data, 100, (NetOffload){0}));
    g_assert_cmpuint(responses(0, RX), ==, 2);
    /* The list has an end. */
    take_tx(0);
    take_tx(0);
    change.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD;
    for (unsigned i = 0; i < 65; i++) {
        change.u.mcast.addr[5] = (uint8_t)i;
        put_tx(0, 0, 0, NETTXF_extra_info, 0);
        put_extra(0, change);
        submit(0, TX);
        g_assert_cmpint(take_tx(0), ==, i < 64 ? NETIF_RSP_OKAY : NETIF_RSP_ERROR);
        take_tx(0);
    }
    teardown();
}

static void flows_are_spread_over_queues_and_stay_on_theirs(void)
{
    uint8_t data[500];
    unsigned used = 0;

    setup_adapter(NULL);
    front.queues = 4;
    front.split = true;
    connect_front();
    for (unsigned q = 0; q < 4; q++) {
        put_buffers(q, 200);
        put_tx(q, DATA_FRAME, 0, 0, 60 + q);
        submit(q, TX);
        g_assert_cmpint(take_tx(q), ==, NETIF_RSP_OKAY);
        g_assert_cmpuint(fake_frame(&peer, q)->len, ==, 60 + q);
    }
    for (unsigned flow = 0; flow < 32; flow++) {
        make_tcp(data, sizeof(data), false);
        put16(data + 34, 5000 + flow);
        for (unsigned i = 0; i < 3; i++) {
            g_assert_true(deliver(data, sizeof(data), (NetOffload){0}));
        }
    }
    for (unsigned q = 0; q < 4; q++) {
        g_assert_cmpuint(responses(q, RX) % 3, ==, 0);
        used += responses(q, RX) > 0;
    }
    g_assert_cmpuint(used, ==, 4);
    teardown();
}

/* ---- tests: life ---- */

static void reset_drops_rings_and_begins_anew(void)
{
    setup_connected();
    put_buffers(0, 4);
    reset_machine();
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
    g_assert_cmpuint(backend_state(adapter), ==, XenbusStateInitWait);
    g_assert_cmpuint(net_client_peer_takes(peer.client), ==, 0);
    connect_front();
    g_assert_cmpint(send_simple(0, 60), ==, NETIF_RSP_OKAY);
    teardown();
}

static void unplugged_adapter_leaves_its_netdev_free(void)
{
    GError *error = NULL;

    setup_connected();
    xen_device_unplug(adapter, &error);
    g_assert_no_error(error);
    pump();
    g_assert_cmpuint(backend_state(adapter), ==, XenbusStateClosing);
    g_assert_false(xen_device_unplug(adapter, &error));
    g_clear_error(&error);
    guest_write_number(adapter, "state", XenbusStateClosed);
    pump();
    g_assert_null(peer.client->peer);
    adapter = add_device("xen-net-device", "netdev=n0");
    g_assert_cmpuint(adapter->number, ==, 0);
    connect_front();
    g_assert_cmpint(send_simple(0, 60), ==, NETIF_RSP_OKAY);
    xen_device_remove(adapter); /* whatever the guest does */
    g_assert_null(peer.client->peer);
    teardown();
}

typedef struct {
    uint8_t *ram, *grants, *info;
    GVariant *device, *store, *domain;
} Saved;

static Saved save_all(void)
{
    return (Saved){.ram = g_memdup2(xen->ram, FIXTURE_FRAMES * XEN_PAGE_SIZE),
                   .grants = g_memdup2(xen->pages[XEN_PAGE_GRANT_TABLE][0], XEN_PAGE_SIZE),
                   .info = g_memdup2(shared_info(xen), XEN_PAGE_SIZE),
                   .device = save_device(adapter),
                   .store = g_variant_ref_sink(store_save(store)),
                   .domain = g_variant_ref_sink(xen_domain_save(xen->domain))};
}

static void load_all(const Saved *saved)
{
    GError *error = NULL;

    memcpy(xen->ram, saved->ram, FIXTURE_FRAMES * XEN_PAGE_SIZE);
    device_load(HW_DEVICE(adapter), saved->device, &error);
    g_assert_no_error(error);
    xen_domain_load(xen->domain, saved->domain, &error);
    g_assert_no_error(error);
    memcpy(xen->pages[XEN_PAGE_GRANT_TABLE][0], saved->grants, XEN_PAGE_SIZE);
    memcpy(shared_info(xen), saved->info, XEN_PAGE_SIZE);
    store_load(store, saved->store, &error);
    g_assert_no_error(error);
}

static void free_saved(Saved *saved)
{
    g_free(saved->ram);
    g_free(saved->grants);
    g_free(saved->info);
    g_variant_unref(saved->device);
    g_variant_unref(saved->store);
    g_variant_unref(saved->domain);
}

/* Sent and received half way round, with a group, frames on both sides waiting in the rings. */
static void loaded_adapter_goes_on_in_its_rings(void)
{
    netif_extra_info_t add = {.type = XEN_NETIF_EXTRA_TYPE_MCAST_ADD,
                              .u.mcast.addr = {1, 0, 0x5e, 0, 0, 7}};
    uint8_t data[100] = {1, 0, 0x5e, 0, 0, 7};

    setup_adapter("mac=" MAC);
    prepare_front();
    guest_write_number(adapter, "request-multicast-control", 1);
    g_assert_cmpuint(enter(adapter, XenbusStateConnected), ==, XenbusStateConnected);
    put_tx(0, 0, 0, NETTXF_extra_info, 0);
    put_extra(0, add);
    submit(0, TX);
    put_buffers(0, 4);
    g_assert_true(deliver(data, 100, (NetOffload){0}));
    run_state_stop(RUN_STATE_PAUSED);
    put_tx(0, DATA_FRAME, 0, 0, 77); /* the last the guest did */
    submit(0, TX);
    Saved saved = save_all();
    typeof(front) before = front;
    teardown();

    setup_adapter("mac=" MAC);
    run_state_stop(RUN_STATE_PAUSED);
    load_all(&saved);
    front = before;
    pump();
    g_assert_cmpuint(peer.frames->len, ==, 0);
    run_state_start(NULL);
    pump();
    g_autoptr(GVariant) again = save_device(adapter);
    g_assert_true(g_variant_equal(again, saved.device));
    g_assert_cmpuint(backend_state(adapter), ==, XenbusStateConnected);
    g_assert_cmpuint(peer.frames->len, ==, 1);
    g_assert_cmpuint(fake_frame(&peer, 0)->len, ==, 77);
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_OKAY);
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_NULL);
    g_assert_cmpint(take_tx(0), ==, NETIF_RSP_OKAY);
    g_assert_true(deliver(data, 100, (NetOffload){0}));
    g_assert_cmpuint(responses(0, RX), ==, 2);
    data[5] = 8;
    g_assert_true(deliver(data, 100, (NetOffload){0}));
    g_assert_cmpuint(responses(0, RX), ==, 2);
    free_saved(&saved);
    teardown();
}

/* A wrong state is told to the guest as an error; nothing else happens. */
static void wrong_saved_state_is_refused(void)
{
    g_autofree uint8_t *many = g_malloc0(65 * 6);
    GVariant *states[] = {
        g_variant_new_string("text"),
        g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, many, 7, 1),
        g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, many, 65 * 6, 1),
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
        GError *error = NULL;
        setup_connected();
        run_state_stop(RUN_STATE_PAUSED);
        g_autoptr(GVariant) state = g_variant_ref_sink(g_variant_new(
            "(uv)", 1,
            g_variant_new(
                "(uubbb@mv)", XenbusStateConnected, XenbusStateConnected, TRUE, TRUE, TRUE,
                g_variant_new_maybe(G_VARIANT_TYPE_VARIANT, g_variant_new_variant(states[i])))));
        device_load(HW_DEVICE(adapter), state, &error);
        g_assert_no_error(error);
        run_state_start(NULL);
        pump();
        g_assert_cmpuint(backend_state(adapter), ==, XenbusStateClosing);
        g_assert_cmpuint(xen_grant_active(xen->domain), ==, 0);
        teardown();
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*test)(void);
    } tests[] = {
        {"nodes", adapter_publishes_what_it_can},
        {"bad-properties", wrong_properties_are_told},
        {"bad-nodes", missing_or_wrong_nodes_are_told},
        {"fragments", frames_of_one_to_eighteen_slots_are_sent},
        {"sums", blank_sums_are_left_to_the_peer_or_made},
        {"segments", segmentation_is_left_to_the_peer_or_done},
        {"lying-headers", lying_headers_are_an_error_of_the_frame},
        {"tiny-segments", tiny_segments_do_not_stop_the_ring},
        {"bad-frames", wrong_sizes_and_grants_are_an_error_of_the_frame},
        {"broken", broken_protocol_ends_the_connection},
        {"flood", a_flood_is_taken_in_turns},
        {"busy", busy_peer_stops_the_ring},
        {"busy-segments", busy_peer_loses_no_segment},
        {"link", link_down_drops_and_netdev_may_go},
        {"receive", frames_arrive_in_the_guests_pages},
        {"receive-offload", what_is_left_to_do_is_told_to_the_guest},
        {"receive-plain", plain_front_end_gets_whole_small_frames_only},
        {"wait", frames_wait_for_buffers},
        {"events", events_are_sent_when_they_are_asked_for},
        {"multicast", multicast_is_filtered_when_asked},
        {"queues", flows_are_spread_over_queues_and_stay_on_theirs},
        {"reset", reset_drops_rings_and_begins_anew},
        {"unplug", unplugged_adapter_leaves_its_netdev_free},
        {"load", loaded_adapter_goes_on_in_its_rings},
        {"bad-state", wrong_saved_state_is_refused},
    };

    bus_test_init(&argc, &argv);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strconcat("/xen-net/", tests[i].name, NULL);
        g_test_add_func(path, tests[i].test);
    }
    return g_test_run();
}
