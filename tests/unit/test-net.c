/*
 * Network clients: pairs, order, the queue and its bound, links, addresses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net-fixture.h"
#include "util/clock.h"

static unsigned freed;

static void fake_free(NetClient *client)
{
    freed++;
}

static const NetClientClass fake_netdev_class = {
    .type = "fake",
    .receive = fake_receive,
    .peer_ready = fake_peer_ready,
    .link_changed = fake_link_changed,
    .takes = fake_takes,
    .set_offloads = fake_set_offloads,
    .free = fake_free,
};

typedef struct {
    FakeEnd adapter, netdev;
} Pair;

static void pair_init(Pair *pair)
{
    fake_init(&pair->adapter, &fake_adapter_class, "nic");
    fake_init(&pair->netdev, &fake_netdev_class, "host");
    pair->adapter.takes = NET_TAKES_CSUM;
    pair->netdev.takes = NET_TAKES_CSUM | NET_TAKES_TSO4;
    net_client_connect(pair->adapter.client, pair->netdev.client);
}

static void pair_clear(Pair *pair)
{
    fake_clear(&pair->adapter);
    fake_clear(&pair->netdev);
}

static bool send_number(FakeEnd *end, uint32_t number)
{
    uint8_t frame[60] = {0};

    memcpy(frame, &number, sizeof(number));
    return send_bytes(end->client, frame, sizeof(frame));
}

static uint32_t received_number(FakeEnd *end, unsigned index)
{
    uint32_t number;

    memcpy(&number, fake_frame(end, index)->data, sizeof(number));
    return number;
}

static void test_a_pair_hands_frames_over_whole(void)
{
    Pair pair;
    struct iovec pieces[2] = {{(void *)"abc", 3}, {(void *)"defgh", 5}};
    NetPacket packet = {pieces, 2, 8, {.flags = NET_NEEDS_CSUM, .csum_start = 14}};

    pair_init(&pair);
    g_assert_cmpuint(pair.netdev.offloads, ==, NET_TAKES_CSUM);
    g_assert_cmpuint(pair.adapter.offloads, ==, NET_TAKES_CSUM | NET_TAKES_TSO4);
    g_assert_cmpuint(net_client_peer_takes(pair.netdev.client), ==, NET_TAKES_CSUM);
    g_assert_true(net_client_send(pair.adapter.client, &packet));
    g_assert_cmpmem(fake_frame(&pair.netdev, 0)->data, 8, "abcdefgh", 8);
    g_assert_cmpuint(pair.netdev.last.csum_start, ==, 14);
    pair.adapter.takes = 0;
    net_client_takes_changed(pair.adapter.client);
    g_assert_cmpuint(pair.netdev.offloads, ==, 0);
    pair_clear(&pair);
}

static void test_what_waits_keeps_its_order_and_its_offloads(void)
{
    Pair pair;

    pair_init(&pair);
    pair.adapter.busy = true;
    for (uint32_t i = 0; i < 5; i++) {
        g_assert_false(send_number(&pair.netdev, i));
    }
    pair.adapter.busy = false;
    g_assert_false(send_number(&pair.netdev, 5)); /* may not overtake */
    g_assert_cmpuint(pair.netdev.ready, ==, 0);
    net_client_ready(pair.adapter.client);
    g_assert_cmpuint(pair.netdev.ready, ==, 1);
    for (uint32_t i = 0; i < 6; i++) {
        g_assert_cmpuint(received_number(&pair.adapter, i), ==, i);
    }
    g_assert_cmpuint(pair.adapter.client->waiting_size, ==, 0);
    g_assert_true(send_number(&pair.netdev, 6));
    pair_clear(&pair);
}

static void test_a_queue_has_a_bound_in_frames_and_bytes(void)
{
    Pair pair;
    g_autofree uint8_t *large = g_malloc0(NET_FRAME_MAX + 1);

    pair_init(&pair);
    pair.adapter.busy = true;
    for (uint32_t i = 0; i < 3000; i++) {
        g_assert_false(send_number(&pair.netdev, i));
    }
    g_assert_cmpuint(pair.adapter.client->waiting.length, ==, 1024);
    g_assert_cmpuint(pair.adapter.client->dropped, ==, 3000 - 1024);
    pair.adapter.busy = false;
    net_client_ready(pair.adapter.client);
    g_assert_cmpuint(pair.adapter.frames->len, ==, 1024);
    g_assert_cmpuint(received_number(&pair.adapter, 1023), ==, 1023);

    pair.adapter.busy = true;
    for (unsigned i = 0; i < 1000; i++) {
        send_bytes(pair.netdev.client, large, NET_FRAME_MAX);
    }
    g_assert_cmpuint(pair.adapter.client->waiting_size, <=, 4 << 20);
    g_assert_cmpuint(pair.adapter.client->waiting_size, >, (4 << 20) - NET_FRAME_MAX);
    g_assert_true(send_bytes(pair.netdev.client, large, NET_FRAME_MAX + 1)); /* never a frame */
    pair_clear(&pair);
}

static void test_a_disconnect_drops_what_waits_and_wakes_the_sender(void)
{
    Pair pair;

    pair_init(&pair);
    pair.adapter.busy = true;
    g_assert_false(send_number(&pair.netdev, 1));
    net_client_disconnect(pair.netdev.client);
    g_assert_cmpuint(pair.adapter.client->waiting.length, ==, 0);
    g_assert_cmpuint(pair.netdev.ready, ==, 1);
    g_assert_cmpuint(pair.netdev.offloads, ==, 0);
    g_assert_false(net_client_link(pair.adapter.client));
    pair.adapter.busy = false;
    net_client_ready(pair.adapter.client);
    g_assert_true(send_number(&pair.netdev, 2));
    g_assert_cmpuint(pair.adapter.frames->len, ==, 0);
    g_assert_cmpuint(pair.adapter.links, ==, 2);
    pair_clear(&pair);
}

static void test_a_netdev_that_goes_is_freed_and_its_adapter_sees_no_link(void)
{
    Pair pair;

    freed = 0;
    pair_init(&pair);
    g_assert_true(net_netdev_remove("host", NULL));
    pair.netdev.client = NULL;
    g_assert_cmpuint(freed, ==, 1);
    g_assert_null(pair.adapter.client->peer);
    g_assert_cmpuint(pair.adapter.links, ==, 2);
    g_assert_true(send_number(&pair.adapter, 1));
    pair_clear(&pair);
    g_assert_cmpuint(freed, ==, 1);
}

static void test_a_link_is_down_while_either_end_is(void)
{
    Pair pair;

    pair_init(&pair);
    pair.adapter.busy = true;
    g_assert_false(send_number(&pair.netdev, 1));
    net_client_set_link(pair.netdev.client, false);
    g_assert_cmpuint(pair.netdev.ready, ==, 1);
    g_assert_cmpuint(pair.adapter.links, ==, 2);
    net_client_set_link(pair.adapter.client, false);
    g_assert_cmpuint(pair.adapter.links, ==, 2); /* no change */
    net_client_set_link(pair.netdev.client, true);
    g_assert_false(net_client_link(pair.netdev.client));
    pair.adapter.busy = false;
    g_assert_true(send_number(&pair.netdev, 2));
    g_assert_cmpuint(pair.adapter.frames->len, ==, 0);
    net_client_set_link(pair.adapter.client, true);
    g_assert_cmpuint(pair.adapter.links, ==, 3);
    g_assert_true(send_number(&pair.netdev, 3));
    g_assert_cmpuint(received_number(&pair.adapter, 0), ==, 3);
    pair_clear(&pair);
}

static void test_a_netdev_is_claimed_once(void)
{
    g_autoptr(GError) error = NULL;
    Pair pair;

    fake_init(&pair.adapter, &fake_adapter_class, "nic");
    fake_init(&pair.netdev, &fake_netdev_class, "host");
    g_assert_null(net_netdev_claim("nic", "netdev", &error));
    g_assert_cmpstr(error->message, ==, "Property 'netdev' can't find value 'nic'");
    g_clear_error(&error);
    g_assert_true(net_netdev_claim("host", "netdev", &error) == pair.netdev.client);
    net_client_connect(pair.adapter.client, pair.netdev.client);
    g_assert_null(net_netdev_claim("host", "netdev", &error));
    g_assert_cmpstr(error->message, ==, "Property 'netdev' can't take value 'host', it's in use");
    pair_clear(&pair);
}

static void test_addresses_are_read_strictly(void)
{
    static const char *const bad[] = {
        "",
        "52",
        "52:54:00:12:34",
        "52:54:00:12:34:5",
        "52:54:00:12:34:56:7",
        "52:54:00:12:34-56",
        "52:54:00:12:34:5g",
        "525400123456",
        "52 54 00 12 34 56",
        "52:54:0:12:34:56",
    };
    static const uint8_t expected[NET_MAC_LENGTH] = {0x52, 0x54, 0x00, 0xab, 0xCD, 0x56};
    uint8_t mac[NET_MAC_LENGTH];

    g_assert_true(net_parse_mac("52:54:00:ab:CD:56", mac));
    g_assert_cmpmem(mac, sizeof(mac), expected, sizeof(expected));
    memset(mac, 0, sizeof(mac));
    g_assert_true(net_parse_mac("52-54-00-ab-cd-56", mac));
    g_assert_cmpmem(mac, sizeof(mac), expected, sizeof(expected));
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(net_parse_mac(bad[i], mac));
    }
}

static void test_default_addresses_leave_out_given_ones(void)
{
    uint8_t mac[NET_MAC_LENGTH];
    static const uint8_t first[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    static const uint8_t given[] = {0x52, 0x54, 0, 0x12, 0x34, 0x57};
    static const uint8_t third[] = {0x52, 0x54, 0, 0x12, 0x34, 0x58};

    net_use_mac(given);
    net_default_mac(mac);
    g_assert_cmpmem(mac, sizeof(mac), first, sizeof(first));
    net_default_mac(mac);
    g_assert_cmpmem(mac, sizeof(mac), third, sizeof(third));
}

/* RARP, RFC 903: who I am, from me to everybody; five times, with pauses. */
static void test_an_adapter_is_announced(void)
{
    static const uint8_t mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
    static const NetAnnouncement quick = {3, 5, 5, 10};
    static const char *const other[] = {"other", NULL};
    static const char *const mine[] = {"other", "nic", NULL};
    uint8_t expected[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x12,
                            0x34, 0x56, 0x80, 0x35, 0,    1,    8,    0,    6, 4,
                            0,    3,    0x52, 0x54, 0,    0x12, 0x34, 0x56, 0, 0,
                            0,    0,    0x52, 0x54, 0,    0x12, 0x34, 0x56};
    Pair pair;

    pair_init(&pair);
    net_announce(&quick, NULL);
    g_assert_cmpuint(pair.netdev.frames->len, ==, 0); /* it has no address */
    memcpy(pair.adapter.client->mac, mac, sizeof(mac));
    net_announce(&quick, other);
    g_assert_cmpuint(pair.netdev.frames->len, ==, 0);
    net_announce(&quick, mine);
    g_assert_cmpuint(pair.netdev.frames->len, ==, 1);
    run_until(pair.netdev.frames->len == 3);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpmem(fake_frame(&pair.netdev, i)->data, fake_frame(&pair.netdev, i)->len,
                        expected, sizeof(expected));
    }
    net_announce(&quick, NULL);
    net_announce_stop();
    for (unsigned i = 0; i < 30; i++) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(1000);
    }
    g_assert_cmpuint(pair.netdev.frames->len, ==, 4);
    pair_clear(&pair);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    machine_lock();
    timers_init();
    g_test_add_func("/net/whole", test_a_pair_hands_frames_over_whole);
    g_test_add_func("/net/order", test_what_waits_keeps_its_order_and_its_offloads);
    g_test_add_func("/net/bound", test_a_queue_has_a_bound_in_frames_and_bytes);
    g_test_add_func("/net/disconnect", test_a_disconnect_drops_what_waits_and_wakes_the_sender);
    g_test_add_func("/net/removed", test_a_netdev_that_goes_is_freed_and_its_adapter_sees_no_link);
    g_test_add_func("/net/link", test_a_link_is_down_while_either_end_is);
    g_test_add_func("/net/announcement", test_an_adapter_is_announced);
    g_test_add_func("/net/claim", test_a_netdev_is_claimed_once);
    g_test_add_func("/net/address", test_addresses_are_read_strictly);
    g_test_add_func("/net/default-address", test_default_addresses_leave_out_given_ones);
    return g_test_run();
}
