/*
 * The options of -netdev user. What is not given follows from net=: the gateway is address 2, the
 * name server 3, and DHCP begins with 15.
 *
 * Source: QEMU's documented -netdev user.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <arpa/inet.h>
#include <string.h>

#include "net/user.h"
#include "util/error.h"

#define NAME_MAX_LENGTH 255
#define BOOTFILE_MAX    127

#define DEFAULT_NET    "10.0.2.0/24"
#define DEFAULT_PREFIX "fec0::"
#define PREFIX_LENGTH  64

#define HOST_NUMBER 0x0202
#define DNS_NUMBER  0x0203
#define DHCP_NUMBER 0x020f

/* ---- addresses ---- */

/* The networks of old that a lone address stands for. */
static const struct {
    uint32_t mask, value, netmask;
} classes[] = {
    {0x80000000, 0x00000000, 0xff000000}, {0xfff00000, 0xac100000, 0xfff00000},
    {0xc0000000, 0x80000000, 0xffff0000}, {0xffff0000, 0xc0a80000, 0xffff0000},
    {0xfffe0000, 0xc6120000, 0xfffe0000}, {0xe0000000, 0xc0000000, 0xffffff00},
    {0x00000000, 0x00000000, 0xfffffff0},
};

static uint32_t class_mask(uint32_t address)
{
    unsigned i = 0;

    while ((address & classes[i].mask) != classes[i].value) {
        i++;
    }
    return classes[i].netmask;
}

static bool parse_mask(const char *text, uint32_t *mask)
{
    struct in_addr address;
    uint64_t bits;

    if (parse_uint(text, "net", 0, 32, &bits, NULL)) {
        *mask = bits ? ~0u << (32 - bits) : 0;
        return true;
    }
    if (inet_pton(AF_INET, text, &address) != 1) {
        return false;
    }
    *mask = ntohl(address.s_addr);
    return (~*mask & (~*mask + 1)) == 0; /* ones, then zeros */
}

/* DHCP's first address is at 15 and more follow: a network has to have room for some. */
static bool parse_net(UserOptions *user, const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, "/", 2);
    struct in_addr address;
    uint32_t mask;

    if (!parts[0] || inet_pton(AF_INET, parts[0], &address) != 1) {
        return error_setf(error, "Parameter 'net' expects ADDRESS[/MASK], not '%s'", text);
    }
    mask = class_mask(ntohl(address.s_addr));
    if (parts[1] && !parse_mask(parts[1], &mask)) {
        return error_setf(error, "Parameter 'net' expects ADDRESS[/MASK], not '%s'", text);
    }
    if (~mask < 3) {
        return error_setf(error, "Parameter 'net': network '%s' is too small", text);
    }
    user->mask.s_addr = htonl(mask);
    user->net.s_addr = address.s_addr & user->mask.s_addr;
    return true;
}

static struct in_addr in_net(const UserOptions *user, uint32_t number)
{
    return (struct in_addr){user->net.s_addr | (htonl(number) & ~user->mask.s_addr)};
}

static bool read_address(OptionReader *options, const char *key, struct in_addr *address,
                         GError **error)
{
    const char *text = NULL;

    if (!option_get_string(options, key, &text, error)) {
        return false;
    }
    return !text || inet_pton(AF_INET, text, address) == 1 ||
           error_setf(error, "Parameter '%s' expects an IPv4 address, not '%s'", key, text);
}

static bool check_in_net(const UserOptions *user, const char *key, struct in_addr address,
                         GError **error)
{
    uint32_t number = ntohl(address.s_addr & ~user->mask.s_addr);
    char text[INET_ADDRSTRLEN];

    if ((address.s_addr & user->mask.s_addr) == user->net.s_addr && number &&
        number != ~ntohl(user->mask.s_addr)) {
        return true;
    }
    inet_ntop(AF_INET, &address, text, sizeof(text));
    return error_setf(error, "Parameter '%s': %s is no host's address in the network of 'net'", key,
                      text);
}

static bool check_different(const char *key, struct in_addr address, const char *other_key,
                            struct in_addr other, GError **error)
{
    return address.s_addr != other.s_addr ||
           error_setf(error, "Parameters '%s' and '%s' are the same address", key, other_key);
}

static bool read_ipv4(UserOptions *user, OptionReader *options, GError **error)
{
    const char *net = DEFAULT_NET;

    if (!option_get_string(options, "net", &net, error) || !parse_net(user, net, error)) {
        return false;
    }
    user->host = in_net(user, HOST_NUMBER);
    user->dns = in_net(user, DNS_NUMBER);
    user->dhcp_start = in_net(user, DHCP_NUMBER);
    return read_address(options, "host", &user->host, error) &&
           read_address(options, "dns", &user->dns, error) &&
           read_address(options, "dhcpstart", &user->dhcp_start, error) &&
           check_in_net(user, "host", user->host, error) &&
           check_in_net(user, "dns", user->dns, error) &&
           check_in_net(user, "dhcpstart", user->dhcp_start, error) &&
           check_different("dns", user->dns, "host", user->host, error) &&
           check_different("dhcpstart", user->dhcp_start, "host", user->host, error) &&
           check_different("dhcpstart", user->dhcp_start, "dns", user->dns, error);
}

static bool read_address6(OptionReader *options, const char *key, struct in6_addr *address,
                          GError **error)
{
    const char *text = NULL;

    if (!option_get_string(options, key, &text, error)) {
        return false;
    }
    return !text || inet_pton(AF_INET6, text, address) == 1 ||
           error_setf(error, "Parameter '%s' expects an IPv6 address, not '%s'", key, text);
}

/* ipv6-net=PREFIX[/LENGTH] is short for ipv6-prefix= and ipv6-prefixlen=. */
static bool read_net6(UserOptions *user, OptionReader *options, GError **error)
{
    uint64_t length = PREFIX_LENGTH;
    const char *net = NULL;

    inet_pton(AF_INET6, DEFAULT_PREFIX, &user->net6);
    if (!option_get_string(options, "ipv6-net", &net, error) ||
        !read_address6(options, "ipv6-prefix", &user->net6, error) ||
        !option_get_uint(options, "ipv6-prefixlen", 0, 126, &length, error)) {
        return false;
    }
    if (net) {
        g_auto(GStrv) parts = g_strsplit(net, "/", 2);
        if (!parts[0] || inet_pton(AF_INET6, parts[0], &user->net6) != 1 ||
            (parts[1] && !parse_uint(parts[1], "ipv6-net", 0, 126, &length, NULL))) {
            return error_setf(error, "Parameter 'ipv6-net' expects PREFIX[/LENGTH], not '%s'", net);
        }
    }
    user->prefix_length = length;
    return true;
}

static void set_number6(struct in6_addr *address, const struct in6_addr *net, uint8_t number)
{
    *address = *net;
    address->s6_addr[15] |= number;
}

static bool same_prefix(const UserOptions *user, const struct in6_addr *address)
{
    unsigned bytes = user->prefix_length / 8;
    uint8_t mask = 0xff00 >> user->prefix_length % 8;

    return memcmp(address, &user->net6, bytes) == 0 &&
           !((address->s6_addr[bytes] ^ user->net6.s6_addr[bytes]) & mask);
}

static bool read_ipv6(UserOptions *user, OptionReader *options, GError **error)
{
    if (!read_net6(user, options, error)) {
        return false;
    }
    set_number6(&user->host6, &user->net6, 2);
    set_number6(&user->dns6, &user->net6, 3);
    if (!read_address6(options, "ipv6-host", &user->host6, error) ||
        !read_address6(options, "ipv6-dns", &user->dns6, error)) {
        return false;
    }
    if (!same_prefix(user, &user->host6)) {
        return error_setf(error, "Parameter 'ipv6-host' is not in the network of 'ipv6-net'");
    }
    return same_prefix(user, &user->dns6) ||
           error_setf(error, "Parameter 'ipv6-dns' is not in the network of 'ipv6-net'");
}

/* One protocol given as on means that one alone. */
static bool read_protocols(UserOptions *user, OptionReader *options, GError **error)
{
    bool has4 = option_reader_has(options, "ipv4");
    bool has6 = option_reader_has(options, "ipv6");

    user->ipv4 = user->ipv6 = true;
    if (!option_get_bool(options, "ipv4", &user->ipv4, error) ||
        !option_get_bool(options, "ipv6", &user->ipv6, error)) {
        return false;
    }
    if (has4 && user->ipv4 && !has6) {
        user->ipv6 = false;
    }
    if (has6 && user->ipv6 && !has4) {
        user->ipv4 = false;
    }
    return user->ipv4 || user->ipv6 || error_setf(error, "'ipv4' and 'ipv6' are both off");
}

/* ---- forwarding ---- */

/* "[address]:port"; an empty address is 0.0.0.0. */
static bool parse_end(const char *text, size_t length, struct in_addr *address, uint16_t *port)
{
    g_autofree char *end = g_strndup(text, length);
    char *colon = strrchr(end, ':');
    uint64_t number;

    if (!colon || !parse_uint(colon + 1, "hostfwd", 0, UINT16_MAX, &number, NULL)) {
        return false;
    }
    *colon = '\0';
    *port = number;
    address->s_addr = 0;
    return !end[0] || inet_pton(AF_INET, end, address) == 1;
}

static bool bad_rule(const char *rule, const char *why, GError **error)
{
    return error_setf(error, "Invalid host forwarding rule '%s' (%s)", rule, why);
}

bool user_forward_parse(const char *rule, bool guest, UserForward *forward, GError **error)
{
    const char *colon = strchr(rule, ':');
    const char *host, *dash;

    if (!colon ||
        (colon != rule && !g_str_has_prefix(rule, "tcp:") && !g_str_has_prefix(rule, "udp:"))) {
        return bad_rule(rule, "Bad protocol name", error);
    }
    forward->udp = rule[0] == 'u';
    host = colon + 1;
    dash = strchr(host, '-');
    if (guest && !dash) {
        return bad_rule(rule, "Bad host port separator", error);
    }
    if ((!guest && dash) || !parse_end(host, dash ? (size_t)(dash - host) : strlen(host),
                                       &forward->host, &forward->host_port)) {
        return bad_rule(rule, "Bad host address or port", error);
    }
    if (guest && (!parse_end(dash + 1, strlen(dash + 1), &forward->guest, &forward->guest_port) ||
                  !forward->guest_port)) {
        return bad_rule(rule, "Bad guest address or port", error);
    }
    return true;
}

static bool read_forwards(UserOptions *user, OptionReader *options, GError **error)
{
    user->forward_rules = netdev_strings(options, "hostfwd", error);
    if (!user->forward_rules) {
        return false;
    }
    for (char **rule = user->forward_rules; *rule; rule++) {
        UserForward forward = {0};
        if (!user->ipv4) {
            return error_setf(error, "Parameter 'hostfwd' needs IPv4, which is off");
        }
        if (!user_forward_parse(*rule, true, &forward, error)) {
            return false;
        }
        g_array_append_val(user->forwards, forward);
    }
    return true;
}

static bool parse_command(const char *rule, UserCommand *command, GError **error)
{
    const char *dash = strchr(rule, '-');

    if (g_str_has_prefix(rule, "tcp:")) {
        rule += strlen("tcp:");
    } else if (rule[0] == ':') {
        rule++;
    }
    if (!dash || dash < rule || !parse_end(rule, dash - rule, &command->server, &command->port) ||
        !command->port || !command->server.s_addr) {
        return error_setf(error, "Invalid guest forwarding rule '%s'", rule);
    }
    if (!g_str_has_prefix(dash + 1, "cmd:") || !dash[5]) {
        return error_setf(error,
                          "Parameter 'guestfwd' does not accept value '%s': only '-cmd:COMMAND' is "
                          "available",
                          rule);
    }
    command->command = g_strdup(dash + 1 + strlen("cmd:"));
    return true;
}

static bool read_commands(UserOptions *user, OptionReader *options, GError **error)
{
    g_auto(GStrv) rules = netdev_strings(options, "guestfwd", error);

    for (char **rule = rules; rules && *rule; rule++) {
        UserCommand command = {0};
        if (!user->ipv4) {
            return error_setf(error, "Parameter 'guestfwd' needs IPv4, which is off");
        }
        if (!parse_command(*rule, &command, error)) {
            return false;
        }
        if (!check_in_net(user, "guestfwd", command.server, error)) {
            g_free(command.command);
            return false;
        }
        g_array_append_val(user->commands, command);
    }
    return rules != NULL;
}

/* ---- all of them ---- */

static bool read_name(OptionReader *options, const char *key, size_t limit, const char **name,
                      GError **error)
{
    return option_get_string(options, key, name, error) &&
           (!*name || strlen(*name) <= limit ||
            error_setf(error, "Parameter '%s' cannot exceed %zu bytes", key, limit));
}

static bool read_names(UserOptions *user, OptionReader *options, GError **error)
{
    user->dns_search = netdev_strings(options, "dnssearch", error);
    return user->dns_search &&
           read_name(options, "hostname", NAME_MAX_LENGTH, &user->hostname, error) &&
           read_name(options, "domainname", NAME_MAX_LENGTH, &user->domain_name, error) &&
           read_name(options, "tftp", PATH_MAX - 1, &user->tftp, error) &&
           read_name(options, "tftp-server-name", NAME_MAX_LENGTH, &user->tftp_server_name,
                     error) &&
           read_name(options, "bootfile", BOOTFILE_MAX, &user->bootfile, error);
}

static void command_clear(void *command)
{
    g_free(((UserCommand *)command)->command);
}

bool user_options_read(UserOptions *user, OptionReader *options, GError **error)
{
    static const char no_smb[] = "this build starts no SMB server";

    memset(user, 0, sizeof(*user));
    user->forwards = g_array_new(FALSE, FALSE, sizeof(UserForward));
    user->commands = g_array_new(FALSE, FALSE, sizeof(UserCommand));
    g_array_set_clear_func(user->commands, command_clear);
    return netdev_refuse_key(options, "smb", no_smb, error) &&
           netdev_refuse_key(options, "smbserver", no_smb, error) &&
           read_protocols(user, options, error) &&
           option_get_bool(options, "restrict", &user->restricted, error) &&
           read_ipv4(user, options, error) && read_ipv6(user, options, error) &&
           read_names(user, options, error) && read_forwards(user, options, error) &&
           read_commands(user, options, error) && option_reader_finish(options, error);
}

void user_options_clear(UserOptions *user)
{
    g_strfreev(user->dns_search);
    g_strfreev(user->forward_rules);
    g_array_unref(user->forwards);
    g_array_unref(user->commands);
}
