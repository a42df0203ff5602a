/*
 * What the network tests share: an adapter that records what it receives.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_NET_FIXTURE_H
#define TESTS_UNIT_NET_FIXTURE_H

#include <string.h>

#include "net/net.h"
#include "util/machine_lock.h"

#define TEST_TIMEOUT_US (10 * G_USEC_PER_SEC)

typedef struct {
    NetClient *client;
    GPtrArray *frames;     /* of GByteArray */
    NetOffload last;       /* of the newest frame */
    bool busy;             /* receive() says: not now */
    unsigned ready, links; /* calls of peer_ready() and link_changed() */
    unsigned takes, offloads;
} FakeEnd;

static inline bool fake_receive(NetClient *client, const NetPacket *packet)
{
    FakeEnd *end = client->opaque;
    GByteArray *frame;
    size_t size = 0;

    if (end->busy) {
        return false;
    }
    frame = g_byte_array_new();
    for (unsigned i = 0; i < packet->count; i++) {
        g_byte_array_append(frame, packet->pieces[i].iov_base, packet->pieces[i].iov_len);
        size += packet->pieces[i].iov_len;
    }
    g_assert_cmpuint(size, ==, packet->size);
    end->last = packet->offload;
    g_ptr_array_add(end->frames, frame);
    return true;
}

static inline void fake_peer_ready(NetClient *client)
{
    ((FakeEnd *)client->opaque)->ready++;
}

static inline void fake_link_changed(NetClient *client)
{
    ((FakeEnd *)client->opaque)->links++;
}

static inline unsigned fake_takes(NetClient *client)
{
    return ((FakeEnd *)client->opaque)->takes;
}

static inline void fake_set_offloads(NetClient *client, unsigned taken)
{
    ((FakeEnd *)client->opaque)->offloads = taken;
}

static const NetClientClass fake_adapter_class = {
    .type = "fake-adapter",
    .is_adapter = true,
    .receive = fake_receive,
    .peer_ready = fake_peer_ready,
    .link_changed = fake_link_changed,
    .takes = fake_takes,
    .set_offloads = fake_set_offloads,
};

static inline void fake_init(FakeEnd *end, const NetClientClass *type, const char *name)
{
    memset(end, 0, sizeof(*end));
    end->frames = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    end->client = net_client_new(type, name, end);
}

static inline void fake_clear(FakeEnd *end)
{
    if (end->client) {
        net_client_free(end->client);
    }
    g_ptr_array_unref(end->frames);
}

static inline GByteArray *fake_frame(FakeEnd *end, unsigned index)
{
    g_assert_cmpuint(index, <, end->frames->len);
    return end->frames->pdata[index];
}

static inline bool send_bytes(NetClient *client, const void *data, size_t size)
{
    struct iovec piece = {(void *)data, size};
    NetPacket packet = {&piece, 1, size, {0}};

    return net_client_send(client, &packet);
}

/* Runs the main loop until @condition holds. */
#define run_until(condition)                                                                       \
    do {                                                                                           \
        gint64 run_until_deadline = g_get_monotonic_time() + TEST_TIMEOUT_US;                      \
        while (!(condition)) {                                                                     \
            if (g_get_monotonic_time() > run_until_deadline) {                                     \
                g_error("%s:%d: still not: %s", __FILE__, __LINE__, #condition);                   \
            }                                                                                      \
            if (!g_main_context_iteration(NULL, FALSE)) {                                          \
                g_usleep(500);                                                                     \
            }                                                                                      \
        }                                                                                          \
    } while (0)

#endif
