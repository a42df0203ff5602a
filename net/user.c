/*
 * -netdev user: a network of its own for the guest, made by libslirp in this process: DHCP, a name
 * server, TFTP, and connections out with the rights of the process.
 *
 * Source: libslirp's libslirp.h; QEMU's documented -netdev user.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/user.h"

#include <arpa/inet.h>
#include <string.h>

#include "net/user_poll.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/log.h"

typedef struct {
    NetClient *client;
    Slirp *slirp;
    GSource *source;
} UserNetdev;

static const NetClientClass user_class;

/* ---- what libslirp asks for ---- */

static ssize_t slirp_send_packet(const void *data, size_t size, void *opaque)
{
    UserNetdev *self = opaque;
    struct iovec piece = {(void *)data, size};
    NetPacket packet = {&piece, 1, size, {0}};

    net_client_send(self->client, &packet); /* what cannot be taken waits */
    return size;
}

static void slirp_guest_error(const char *message, void *opaque)
{
    log_printf(LOG_GUEST_ERRORS, "netdev user: %s\n", message);
}

static int64_t slirp_clock(void *opaque)
{
    return clock_get_ns(CLOCK_VIRTUAL);
}

typedef struct {
    UserNetdev *netdev;
    Timer *timer;
    SlirpTimerId id;
    void *opaque;
} SlirpTimer;

static void slirp_timer_fired(void *opaque)
{
    SlirpTimer *self = opaque;

    slirp_handle_timer(self->netdev->slirp, self->id, self->opaque);
}

static void *slirp_timer_new(SlirpTimerId id, void *timer_opaque, void *opaque)
{
    SlirpTimer *self = g_new0(SlirpTimer, 1);

    self->netdev = opaque;
    self->id = id;
    self->opaque = timer_opaque;
    self->timer = timer_new(CLOCK_VIRTUAL, slirp_timer_fired, self);
    return self;
}

static void slirp_timer_free(void *timer, void *opaque)
{
    SlirpTimer *self = timer;

    timer_free(self->timer);
    g_free(self);
}

static void slirp_timer_mod(void *timer, int64_t expire_ms, void *opaque)
{
    timer_mod(((SlirpTimer *)timer)->timer, expire_ms * NS_PER_MS);
}

/* Every descriptor is asked for anew before each poll. */
static void slirp_fd_registered(int fd, void *opaque)
{
}

static void slirp_notify(void *opaque)
{
    UserNetdev *self = opaque;

    if (self->source) {
        user_poll_kick(self->source);
    }
}

/* libslirp makes its timers before slirp_new() has returned. */
static void slirp_made(Slirp *slirp, void *opaque)
{
    ((UserNetdev *)opaque)->slirp = slirp;
}

static const SlirpCb callbacks = {
    .send_packet = slirp_send_packet,
    .guest_error = slirp_guest_error,
    .clock_get_ns = slirp_clock,
    .timer_new_opaque = slirp_timer_new,
    .timer_free = slirp_timer_free,
    .timer_mod = slirp_timer_mod,
    .register_poll_fd = slirp_fd_registered,
    .unregister_poll_fd = slirp_fd_registered,
    .notify = slirp_notify,
    .init_completed = slirp_made,
};

/* ---- the client ---- */

static bool give_to_slirp(void *opaque, const NetPacket *packet)
{
    UserNetdev *self = opaque;
    g_autofree uint8_t *whole = NULL;
    const uint8_t *data = packet->pieces[0].iov_base;
    size_t offset = 0;

    if (packet->count > 1) {
        whole = g_malloc(packet->size);
        for (unsigned i = 0; i < packet->count; i++) {
            memcpy(whole + offset, packet->pieces[i].iov_base, packet->pieces[i].iov_len);
            offset += packet->pieces[i].iov_len;
        }
        data = whole;
    }
    slirp_input(self->slirp, data, packet->size);
    return true;
}

/* It checks sums and knows no offloads, so what a sender left to do is done here. */
static bool user_receive(NetClient *client, const NetPacket *packet)
{
    UserNetdev *self = client->opaque;

    if (packet->count > 0) {
        net_finish_packet(packet, 0, give_to_slirp, self);
        user_poll_kick(self->source);
    }
    return true;
}

static void user_free(NetClient *client)
{
    UserNetdev *self = client->opaque;

    user_poll_destroy(&self->source);
    slirp_cleanup(self->slirp);
    g_free(self);
}

static const NetClientClass user_class = {
    .type = "user",
    .receive = user_receive,
    .free = user_free,
};

/* ---- forwarding ---- */

static bool add_forward(UserNetdev *self, const char *rule, const UserForward *forward,
                        GError **error)
{
    return slirp_add_hostfwd(self->slirp, forward->udp, forward->host, forward->host_port,
                             forward->guest, forward->guest_port) == 0 ||
           error_setf(error, "Could not set up host forwarding rule '%s'", rule);
}

static void find_first(NetClient *client, void *found)
{
    if (client->type == &user_class && !*(NetClient **)found) {
        *(NetClient **)found = client;
    }
}

static UserNetdev *find_user(const char *id, GError **error)
{
    NetClient *client = NULL;

    if (id) {
        client = net_client_find(id, false);
        if (!client) {
            error_setf(error, "unrecognized netdev id '%s'", id);
            return NULL;
        }
    } else {
        net_client_foreach(find_first, &client);
    }
    if (!client || client->type != &user_class) {
        error_setf(error, "user mode network stack not in use");
        return NULL;
    }
    return client->opaque;
}

bool net_user_forward(const char *id, const char *rule, GError **error)
{
    UserNetdev *self = find_user(id, error);
    UserForward forward = {0};

    return self && user_forward_parse(rule, true, &forward, error) &&
           add_forward(self, rule, &forward, error);
}

bool net_user_unforward(const char *id, const char *rule, GError **error)
{
    UserNetdev *self = find_user(id, error);
    UserForward forward = {0};

    if (!self || !user_forward_parse(rule, false, &forward, error)) {
        return false;
    }
    return slirp_remove_hostfwd(self->slirp, forward.udp, forward.host, forward.host_port) == 0 ||
           error_setf(error, "host forwarding rule for %s not found", rule);
}

static void append_connections(NetClient *client, void *text)
{
    UserNetdev *self = client->opaque;

    if (client->type == &user_class) {
        g_autofree char *connections = slirp_connection_info(self->slirp);
        g_string_append_printf(text, "%s:\n%s", client->name, connections);
    }
}

char *net_user_info(void)
{
    GString *text = g_string_new(NULL);

    net_client_foreach(append_connections, text);
    return g_string_free(text, FALSE);
}

/* ---- making one ---- */

static Slirp *start_slirp(UserNetdev *self, const UserOptions *user)
{
    SlirpConfig config = {
        .version = 4,
        .restricted = user->restricted,
        .in_enabled = user->ipv4,
        .vnetwork = user->net,
        .vnetmask = user->mask,
        .vhost = user->host,
        .in6_enabled = user->ipv6,
        .vprefix_addr6 = user->net6,
        .vprefix_len = user->prefix_length,
        .vhost6 = user->host6,
        .vhostname = user->hostname,
        .tftp_server_name = user->tftp_server_name,
        .tftp_path = user->tftp,
        .bootfile = user->bootfile,
        .vdhcp_start = user->dhcp_start,
        .vnameserver = user->dns,
        .vnameserver6 = user->dns6,
        .vdnssearch = user->dns_search[0] ? (const char **)user->dns_search : NULL,
        .vdomainname = user->domain_name,
    };

    return slirp_new(&config, &callbacks, self);
}

static bool set_up_forwards(UserNetdev *self, const UserOptions *user, GError **error)
{
    for (unsigned i = 0; i < user->forwards->len; i++) {
        const UserForward *forward = &g_array_index(user->forwards, UserForward, i);
        if (!add_forward(self, user->forward_rules[i], forward, error)) {
            return false;
        }
    }
    for (unsigned i = 0; i < user->commands->len; i++) {
        UserCommand *command = &g_array_index(user->commands, UserCommand, i);
        if (slirp_add_exec(self->slirp, command->command, &command->server, command->port) < 0) {
            return error_setf(error, "Parameter 'guestfwd': conflicting or invalid server address");
        }
    }
    return true;
}

static NetClient *make_client(const char *id, const UserOptions *user, GError **error)
{
    UserNetdev *self = g_new0(UserNetdev, 1);
    char net[INET_ADDRSTRLEN];

    self->client = net_client_new(&user_class, id, self);
    self->slirp = start_slirp(self, user);
    self->source = user_poll_attach(self->slirp);
    if (!set_up_forwards(self, user, error)) {
        net_client_free(self->client);
        return NULL;
    }
    inet_ntop(AF_INET, &user->net, net, sizeof(net));
    net_client_set_info(self->client, "net=%s,restrict=%s", user->ipv4 ? net : "off",
                        user->restricted ? "on" : "off");
    return self->client;
}

static NetClient *open_user(const char *id, OptionReader *options, GError **error)
{
    UserOptions user;
    NetClient *client = NULL;

    if (user_options_read(&user, options, error)) {
        client = make_client(id, &user, error);
    }
    user_options_clear(&user);
    return client;
}

const NetdevDriver netdev_driver_user = {
    .type = "user",
    .help = "a network of the guest's own inside this process: [net=ADDRESS/MASK]"
            "[,hostfwd=RULE]",
    .open = open_user,
};
