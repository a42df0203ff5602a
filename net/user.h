/*
 * -netdev user: its options, apart from the stack that runs by them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NET_USER_H
#define NET_USER_H

#include <netinet/in.h>

#include "net/netdev.h"

/* host: tcp|udp:[address]:port; guest: [address]:port, address 0 for the first of DHCP. */
typedef struct {
    bool udp;
    struct in_addr host, guest;
    uint16_t host_port, guest_port;
} UserForward;

/* guestfwd=tcp:server:port-cmd:command */
typedef struct {
    struct in_addr server;
    uint16_t port;
    char *command;
} UserCommand;

typedef struct {
    bool ipv4, ipv6, restricted;
    struct in_addr net, mask, host, dhcp_start, dns;
    struct in6_addr net6, host6, dns6;
    uint8_t prefix_length;
    const char *hostname, *tftp, *tftp_server_name, *bootfile, *domain_name;
    char **dns_search;    /* NULL-ended */
    GArray *forwards;     /* of UserForward */
    char **forward_rules; /* the same as typed */
    GArray *commands;     /* of UserCommand */
} UserOptions;

/** user_options_read: all keys of -netdev user, checked. Clear @user whatever the result. */
bool user_options_read(UserOptions *user, OptionReader *options, GError **error);
void user_options_clear(UserOptions *user);

/** user_forward_parse: "tcp:[address]:port-[address]:port"; without @guest only up to the '-'. */
bool user_forward_parse(const char *rule, bool guest, UserForward *forward, GError **error);

#endif
