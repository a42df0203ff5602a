/*
 * Announcements: after a guest has moved, switches learn where its addresses are now from a frame
 * that each adapter's host side sends for it (RARP, as nobody answers it).
 *
 * Source: RFC 903; rounds and pauses as in QEMU's announce-self.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "net/net.h"
#include "util/clock.h"

#define RARP_SIZE 60 /* the least an Ethernet frame has */

typedef struct {
    NetAnnouncement wanted;
    char **names; /* NULL: every adapter */
    unsigned round;
    Timer *timer;
} Announcer;

/* One at a time: a new one ends the one before. */
static Announcer *current;

static void make_frame(uint8_t frame[RARP_SIZE], const uint8_t mac[NET_MAC_LENGTH])
{
    /* Ethernet type; hardware Ethernet, protocol IPv4, their lengths, "request reverse". */
    static const uint8_t fixed[] = {0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};

    memset(frame, 0, RARP_SIZE);
    memset(frame, 0xff, NET_MAC_LENGTH);
    memcpy(frame + 6, mac, NET_MAC_LENGTH);
    memcpy(frame + 12, fixed, sizeof(fixed));
    memcpy(frame + 22, mac, NET_MAC_LENGTH);
    memcpy(frame + 32, mac, NET_MAC_LENGTH);
}

static void announce_one(NetClient *client, void *opaque)
{
    static const uint8_t none[NET_MAC_LENGTH];
    char **names = opaque;
    uint8_t frame[RARP_SIZE];
    struct iovec piece = {frame, sizeof(frame)};
    NetPacket packet = {&piece, 1, sizeof(frame), {0}};

    if (!client->type->is_adapter || memcmp(client->mac, none, sizeof(none)) == 0 ||
        (names && !g_strv_contains((const char *const *)names, client->name))) {
        return;
    }
    make_frame(frame, client->mac);
    net_client_send(client, &packet);
}

static void end_current(void)
{
    timer_free(current->timer);
    g_strfreev(current->names);
    g_clear_pointer(&current, g_free);
}

/* The pauses grow by a step up to a maximum. */
static void announce_round(void *opaque)
{
    int64_t pause = current->wanted.initial_ms + (int64_t)current->round * current->wanted.step_ms;

    net_client_foreach(announce_one, current->names);
    if (++current->round >= current->wanted.rounds) {
        end_current();
        return;
    }
    pause = MIN(pause, current->wanted.max_ms);
    timer_mod(current->timer, clock_get_ns(CLOCK_REALTIME_HOST) + pause * NS_PER_MS);
}

void net_announce(const NetAnnouncement *wanted, const char *const *names)
{
    net_announce_stop();
    current = g_new0(Announcer, 1);
    current->wanted = *wanted;
    current->names = g_strdupv((char **)names);
    current->timer = timer_new(CLOCK_REALTIME_HOST, announce_round, NULL);
    announce_round(NULL);
}

void net_announce_stop(void)
{
    if (current) {
        end_current();
    }
}
