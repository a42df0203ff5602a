/*
 * Network clients: pairs, frames from one end to the other, and the queue of what an end cannot
 * take at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/net.h"

#include <stdarg.h>
#include <string.h>

#include "util/machine_lock.h"

/* What may wait for one client. A guest that does not listen costs no more than this. */
#define QUEUE_FRAMES 1024
#define QUEUE_BYTES  (4u << 20)

typedef struct {
    NetOffload offload;
    size_t size;
    uint8_t data[];
} WaitingFrame;

static GPtrArray *clients; /* of NetClient, in the order of creation */

/* ---- clients ---- */

NetClient *net_client_new(const NetClientClass *type, const char *name, void *opaque)
{
    NetClient *client = g_new0(NetClient, 1);

    client->type = type;
    client->name = g_strdup(name);
    client->opaque = opaque;
    g_queue_init(&client->waiting);
    if (!clients) {
        clients = g_ptr_array_new();
    }
    g_ptr_array_add(clients, client);
    return client;
}

void net_client_free(NetClient *client)
{
    net_client_disconnect(client);
    g_ptr_array_remove(clients, client);
    if (clients->len == 0) {
        g_clear_pointer(&clients, g_ptr_array_unref);
    }
    if (!client->type->is_adapter && client->type->free) {
        client->type->free(client);
    }
    g_free(client->info);
    g_free(client->name);
    g_free(client);
}

void net_client_set_info(NetClient *client, const char *format, ...)
{
    va_list arguments;

    g_free(client->info);
    va_start(arguments, format);
    client->info = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

NetClient *net_client_find(const char *name, bool is_adapter)
{
    for (unsigned i = 0; clients && i < clients->len; i++) {
        NetClient *client = clients->pdata[i];
        if (client->type->is_adapter == is_adapter && strcmp(client->name, name) == 0) {
            return client;
        }
    }
    return NULL;
}

void net_client_foreach(void (*visit)(NetClient *client, void *opaque), void *opaque)
{
    for (unsigned i = 0; clients && i < clients->len; i++) {
        visit(clients->pdata[i], opaque);
    }
}

/* ---- the queue of what waits ---- */

static void enqueue(NetClient *client, const NetPacket *packet)
{
    WaitingFrame *frame;
    size_t offset = 0;

    if (client->waiting.length >= QUEUE_FRAMES ||
        packet->size > QUEUE_BYTES - client->waiting_size) {
        client->dropped++;
        return;
    }
    frame = g_malloc(sizeof(*frame) + packet->size);
    frame->offload = packet->offload;
    frame->size = packet->size;
    for (unsigned i = 0; i < packet->count; i++) {
        memcpy(frame->data + offset, packet->pieces[i].iov_base, packet->pieces[i].iov_len);
        offset += packet->pieces[i].iov_len;
    }
    client->waiting_size += frame->size;
    g_queue_push_tail(&client->waiting, frame);
}

static WaitingFrame *take_first(NetClient *client)
{
    WaitingFrame *frame = g_queue_pop_head(&client->waiting);

    client->waiting_size -= frame->size;
    return frame;
}

static void put_back(NetClient *client, WaitingFrame *frame)
{
    client->waiting_size += frame->size;
    g_queue_push_head(&client->waiting, frame);
}

static bool deliver(NetClient *client, WaitingFrame *frame)
{
    struct iovec piece = {frame->data, frame->size};
    NetPacket packet = {&piece, 1, frame->size, frame->offload};

    return client->type->receive(client, &packet);
}

/* Whoever was told to wait for @client's queue need not any more. */
static void unblock(NetClient *sender)
{
    if (sender && sender->blocked) {
        sender->blocked = false;
        if (sender->type->peer_ready) {
            sender->type->peer_ready(sender);
        }
    }
}

static void drop_waiting(NetClient *client)
{
    while (client->waiting.length > 0) {
        g_free(take_first(client));
    }
}

void net_client_ready(NetClient *client)
{
    machine_lock_assert();
    /* receive() itself may say that it is ready: the loop below goes on anyway. */
    if (client->delivering) {
        return;
    }
    client->delivering = true;
    while (client->waiting.length > 0) {
        WaitingFrame *frame = take_first(client);
        if (!deliver(client, frame) && net_client_link(client)) {
            put_back(client, frame);
            break;
        }
        g_free(frame);
    }
    client->delivering = false;
    if (client->waiting.length == 0) {
        unblock(client->peer);
    }
}

/* ---- sending ---- */

bool net_client_send(NetClient *client, const NetPacket *packet)
{
    NetClient *peer = client->peer;

    machine_lock_assert();
    if (!net_client_link(client) || !peer->type->receive || packet->size > NET_FRAME_MAX) {
        return true;
    }
    if (peer->waiting.length == 0 && !peer->delivering && peer->type->receive(peer, packet)) {
        return true;
    }
    enqueue(peer, packet);
    client->blocked = true;
    return false;
}

/* ---- pairs ---- */

static void tell_link_changed(NetClient *client)
{
    if (client && client->type->link_changed) {
        client->type->link_changed(client);
    }
}

static unsigned takes_of(const NetClient *client)
{
    return client && client->type->takes ? client->type->takes((NetClient *)client) : 0;
}

static void tell_offloads(NetClient *client)
{
    if (client->type->set_offloads) {
        client->type->set_offloads(client, takes_of(client->peer));
    }
}

void net_client_connect(NetClient *adapter, NetClient *netdev)
{
    machine_lock_assert();
    g_assert(!adapter->peer && !netdev->peer);
    adapter->peer = netdev;
    netdev->peer = adapter;
    tell_offloads(netdev);
    tell_offloads(adapter);
    tell_link_changed(netdev);
    tell_link_changed(adapter);
}

void net_client_disconnect(NetClient *client)
{
    NetClient *ends[2] = {client, client->peer};

    machine_lock_assert();
    if (!client->peer) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        ends[i]->peer = NULL;
        drop_waiting(ends[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        tell_offloads(ends[i]);
        tell_link_changed(ends[i]);
        unblock(ends[i]);
    }
}

void net_client_set_link(NetClient *client, bool up)
{
    NetClient *peer = client->peer;
    bool before = net_client_link(client);

    machine_lock_assert();
    client->link_down = !up;
    if (net_client_link(client) == before) {
        return;
    }
    if (before) {
        drop_waiting(client);
        drop_waiting(peer);
    }
    tell_link_changed(client);
    tell_link_changed(peer);
    unblock(client);
    unblock(peer);
}

bool net_client_link(const NetClient *client)
{
    return client->peer && !client->link_down && !client->peer->link_down;
}

unsigned net_client_peer_takes(const NetClient *client)
{
    return takes_of(client->peer);
}

void net_client_takes_changed(NetClient *client)
{
    if (client->peer) {
        tell_offloads(client->peer);
    }
}
