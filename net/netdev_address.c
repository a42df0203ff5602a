/*
 * Addresses of netdevs on sockets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/netdev_address.h"

#include <string.h>

#include "util/error.h"

/* What each type must have, and under which name SocketTarget knows it. */
static const struct {
    const char *type;
    const char *required[3];
} address_types[] = {
    {"inet", {"host", "port"}},
    {"unix", {"path"}},
    {"fd", {"str"}},
};

static bool check_members(JsonObject *address, const char *key, const char *type, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(address_types); i++) {
        if (strcmp(address_types[i].type, type) != 0) {
            continue;
        }
        for (const char *const *name = address_types[i].required; *name; name++) {
            if (!json_object_has_member(address, *name)) {
                return error_setf(error, "Parameter '%s.%s' is missing", key, *name);
            }
        }
        return true;
    }
    return error_setf(error, "Parameter '%s.type' does not accept value '%s'", key, type);
}

/* What changes nothing here. */
static bool is_ignored(const char *member)
{
    static const char *const names[] = {"type", "numeric", "keep-alive", "mptcp", NULL};

    return g_strv_contains(names, member);
}

/* The members as SocketTarget reads them: without the type, an fd's "str" called "fd". */
static JsonObject *target_options(JsonObject *address)
{
    JsonObject *options = json_object_new();
    JsonObjectIter iter;
    const char *member;
    JsonNode *value;

    json_object_iter_init_ordered(&iter, address);
    while (json_object_iter_next_ordered(&iter, &member, &value)) {
        if (!is_ignored(member)) {
            json_object_set_member(options, strcmp(member, "str") == 0 ? "fd" : member,
                                   json_node_copy(value));
        }
    }
    return options;
}

SocketTarget *netdev_stream_address(OptionReader *options, const char *key, bool server,
                                    GError **error)
{
    g_autoptr(SocketTarget) target = g_new0(SocketTarget, 1);
    g_autoptr(JsonObject) members = NULL;
    g_autoptr(OptionReader) reader = NULL;
    JsonObject *address;
    const char *type = NULL;

    if (!option_get_object(options, key, &address, error)) {
        return NULL;
    }
    if (!address) {
        error_setf(error, "Parameter '%s' is missing", key);
        return NULL;
    }
    reader = option_reader_new(address, key);
    if (!option_get_string(reader, "type", &type, error) ||
        !check_members(address, key, type ? type : "", error)) {
        return NULL;
    }
    option_reader_free(reader);
    members = target_options(address);
    reader = option_reader_new(members, key);
    if (!socket_target_read(target, server, reader, error) ||
        !option_reader_finish(reader, error)) {
        return NULL;
    }
    return g_steal_pointer(&target);
}

SocketTarget *netdev_host_port(const char *text, const char *key, GError **error)
{
    g_autoptr(SocketTarget) target = g_new0(SocketTarget, 1);
    const char *colon = strrchr(text, ':');
    uint64_t port;

    if (!colon || !parse_uint(colon + 1, key, 0, UINT16_MAX, &port, NULL)) {
        error_setf(error, "Parameter '%s' expects [host]:port, not '%s'", key, text);
        return NULL;
    }
    target->kind = SOCKET_TCP;
    target->fd = -1;
    target->host = g_strndup(text, colon - text);
    target->port = target->last_port = port;
    return g_steal_pointer(&target);
}
