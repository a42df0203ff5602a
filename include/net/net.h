/*
 * Network clients: the host's side (a netdev: user, tap, socket …) and the guest's (an adapter)
 * are connected in pairs and hand Ethernet frames to each other. What cannot be taken at once
 * waits in the taker's queue, which has a bound.
 *
 * Everything here happens with the machine lock held, on any thread.
 *
 * Source: QEMU's documented -netdev behaviour; offloads as in Linux's struct virtio_net_hdr.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum {
    NET_MAC_LENGTH = 6,
    NET_FRAME_MAX = 65536 + 14,   /* a segmented TCP packet with its Ethernet header */
};

/* Bits of NetOffload.flags and values of NetOffload.gso_type: those of virtio_net_hdr. */
enum {
    NET_NEEDS_CSUM = 1,           /* the sum at csum_start + csum_offset is the pseudo header's */
    NET_DATA_VALID = 2,           /* somebody has checked the sums */
    NET_GSO_NONE = 0,
    NET_GSO_TCPV4 = 1,
    NET_GSO_TCPV6 = 4,
    NET_GSO_ECN = 0x80,
};

/* What a client can take beyond whole frames of the usual size; see NetClientClass.takes. */
enum {
    NET_TAKES_CSUM = 1 << 0,      /* NET_NEEDS_CSUM */
    NET_TAKES_TSO4 = 1 << 1,      /* NET_GSO_TCPV4 */
    NET_TAKES_TSO6 = 1 << 2,      /* NET_GSO_TCPV6 */
};

/** NetOffload: what is left to do with a frame. Laid out as struct virtio_net_hdr. */
typedef struct NetOffload {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t header_length;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
} NetOffload;

/** NetPacket: one Ethernet frame without its check sum. The memory is the sender's. */
typedef struct NetPacket {
    const struct iovec *pieces;
    unsigned count;
    size_t size;                  /* the pieces' sum, at most NET_FRAME_MAX */
    NetOffload offload;
} NetPacket;

typedef struct NetClient NetClient;

/** NetRxFilter: what an adapter lets through to the guest, for query-rx-filter. Starts zeroed. */
typedef struct NetRxFilter {
    bool promiscuous;
    bool all_multicast;           /* else those of @multicast_table */
    bool no_broadcast;
    uint8_t main_mac[NET_MAC_LENGTH];
    GByteArray *unicast_table;    /* addresses, one after the other; the caller's */
    GByteArray *multicast_table;
} NetRxFilter;

/** NetClientClass: what a kind of client does. NULL members: nothing is done, nothing taken. */
typedef struct NetClientClass {
    const char *type;             /* as `info network` shows it: "user", "tap", "xen-net-device" */
    bool is_adapter;              /* the guest's side */
    /** receive: take a frame, or drop it; false: not now, see net_client_ready(). */
    bool (*receive)(NetClient *client, const NetPacket *packet);
    /** peer_ready: the peer's queue is empty again after net_client_send() said false. */
    void (*peer_ready)(NetClient *client);
    /** link_changed: net_client_link() is another one: either side's link or the connection. */
    void (*link_changed)(NetClient *client);
    /** takes: NET_TAKES_ bits; a sender does itself what its peer does not take. */
    unsigned (*takes)(NetClient *client);
    /** set_offloads: which NET_TAKES_ bits the peer understands of what this one sends. */
    void (*set_offloads)(NetClient *client, unsigned taken);
    /** rx_filter: an adapter's part of query-rx-filter; NULL: it cannot be asked. */
    void (*rx_filter)(NetClient *client, NetRxFilter *filter);
    /** free: a netdev goes: @client->opaque is to be freed. Not called for adapters. */
    void (*free)(NetClient *client);
} NetClientClass;

struct NetClient {
    const NetClientClass *type;
    char *name;                   /* the id; unique among netdevs, and among adapters */
    void *opaque;                 /* the owner's */
    NetClient *peer;              /* NULL: not connected */
    bool link_down;               /* by set_link */
    char *info;                   /* for `info network`: what comes after the name; or NULL */
    GQueue waiting;               /* frames for this client that it could not take */
    size_t waiting_size;          /* their bytes */
    uint64_t dropped;             /* frames for this client that found its queue full */
    bool blocked;                 /* net_client_send() said false to this client */
    bool delivering;              /* its queue is being emptied */
    uint8_t mac[NET_MAC_LENGTH];  /* an adapter's, set by it, for announcements; zero: none */
};

/** net_client_new: a client with a class and its owner's pointer; @name is copied. */
NetClient *net_client_new(const NetClientClass *type, const char *name, void *opaque);
/** net_client_free: disconnects it, drops its queue, and frees it (and its opaque by the class). */
void net_client_free(NetClient *client);
/** net_client_set_info: replace the text that `info network` shows; printf's form. */
void net_client_set_info(NetClient *client, const char *format, ...) G_GNUC_PRINTF(2, 3);

/** net_client_connect: make @adapter and @netdev peers. Neither has one yet. */
void net_client_connect(NetClient *adapter, NetClient *netdev);
/** net_client_disconnect: they are no peers any more; frames that wait are dropped. */
void net_client_disconnect(NetClient *client);
/** net_client_set_link: set_link of one end; both hear of it. */
void net_client_set_link(NetClient *client, bool up);
/** net_client_link: whether frames pass: connected, and neither end set down. */
bool net_client_link(const NetClient *client);

/**
 * net_client_send: hand a frame to @client's peer. Without link it is dropped. False: the peer
 * could not take it now; the frame waits (or is dropped, with its queue full), and the sender
 * should send nothing more until peer_ready().
 */
bool net_client_send(NetClient *client, const NetPacket *packet);
/** net_client_ready: @client can take frames again: those that wait are delivered now. */
void net_client_ready(NetClient *client);
/** net_client_takes_changed: takes() of @client has another answer now; the peer is told. */
void net_client_takes_changed(NetClient *client);
/** net_client_peer_takes: what the peer takes, NET_TAKES_ bits; 0 without one. */
unsigned net_client_peer_takes(const NetClient *client);

/** net_client_find: by name, an adapter or a netdev; NULL if there is none. */
NetClient *net_client_find(const char *name, bool is_adapter);
/** net_client_foreach: every client in the order of creation; @visit may not free any. */
void net_client_foreach(void (*visit)(NetClient *client, void *opaque), void *opaque);

/* ---- netdevs ---- */

/**
 * net_options_parse: the text of -netdev: JSON, or key=value with the keys that may be repeated
 * (hostfwd, guestfwd, dnssearch) made to arrays of {"str": value}. @implied_key: of the first word.
 */
JsonObject *net_options_parse(const char *text, const char *implied_key, GError **error);
/** net_netdev_new: a netdev of "type" with "id" and that type's keys, as -netdev has them. */
NetClient *net_netdev_new(JsonObject *options, GError **error);
/** net_netdev_remove: the netdev goes; its adapter sees the link go down. */
bool net_netdev_remove(const char *id, GError **error);
/** net_netdev_type_foreach: what this build has, with one line of description each. */
void net_netdev_type_foreach(void (*visit)(const char *type, const char *help, void *opaque),
                             void *opaque);
/**
 * net_set_stream_listener: @changed hears of each connection of a netdev: made (@peer is who) and
 * lost (NULL).
 */
void net_set_stream_listener(void (*changed)(const char *id, GSocketAddress *peer));
/**
 * net_user_forward: one more hostfwd= rule for the netdev user @id (NULL: the first there is).
 * net_user_unforward: takes "tcp|udp:[address]:port" away again.
 */
bool net_user_forward(const char *id, const char *rule, GError **error);
bool net_user_unforward(const char *id, const char *rule, GError **error);
/** net_user_info: the connections of every netdev user, as `info usernet` shows them. */
char *net_user_info(void);
/** net_cleanup: at exit, with no adapter left: netdevs go, down scripts run. */
void net_cleanup(void);

/* ---- announcements ---- */

/** NetAnnouncement: how often, and the pauses between: the first, what each grows by, the most. */
typedef struct NetAnnouncement {
    unsigned rounds;
    int64_t initial_ms, step_ms, max_ms;
} NetAnnouncement;

#define NET_ANNOUNCEMENT_DEFAULT ((NetAnnouncement){5, 50, 100, 550})

/**
 * net_announce: every adapter that has a link (or those of the NULL-ended @names) tells its network
 * where its address is now. net_announce_stop: nothing more is sent.
 */
void net_announce(const NetAnnouncement *wanted, const char *const *names);
void net_announce_stop(void);

/* ---- for adapters ---- */

/**
 * net_netdev_claim: the netdev called @id for an adapter that is being made: it exists and has no
 * adapter yet. @error names @option ("netdev") and the value.
 */
NetClient *net_netdev_claim(const char *id, const char *option, GError **error);
/**
 * net_default_mac: the next address of 52:54:00:12:34:56 … for an adapter that was given none;
 * addresses given by the user (net_use_mac()) are left out.
 */
void net_default_mac(uint8_t mac[NET_MAC_LENGTH]);
void net_use_mac(const uint8_t mac[NET_MAC_LENGTH]);
/** net_parse_mac: "52:54:00:12:34:56", also with '-'. */
bool net_parse_mac(const char *text, uint8_t mac[NET_MAC_LENGTH]);

/**
 * net_finish_packet: do in software what is left to do with @packet for a taker of @takes: sums
 * are filled in, TCP is cut into segments of gso_size. @out is called for each frame; returns
 * false when @out did, or when the headers are not what the offload says (the packet is dropped).
 */
bool net_finish_packet(const NetPacket *packet, unsigned takes,
                       bool (*out)(void *opaque, const NetPacket *packet), void *opaque);

#endif
