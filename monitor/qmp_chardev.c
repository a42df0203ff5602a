/*
 * QMP: character devices.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "monitor/qmp_command.h"

static void add_chardev(Chardev *chardev, void *list)
{
    JsonObject *info = json_object_new();

    json_object_set_string_member(info, "label", chardev_id(chardev));
    json_object_set_string_member(info, "filename", chardev_filename(chardev));
    json_object_set_boolean_member(info, "frontend-open", chardev_frontend_open(chardev));
    json_array_add_object_element(list, info);
}

static bool query_chardev(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    chardev_foreach(add_chardev, list);
    return qmp_return_array(call, list);
}

static void add_backend(const char *name, const char *help, void *list)
{
    JsonObject *info = json_object_new();

    json_object_set_string_member(info, "name", name);
    json_array_add_object_element(list, info);
}

static bool query_chardev_backends(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    chardev_driver_foreach(add_backend, list);
    return qmp_return_array(call, list);
}

/* ---- chardev-add ---- */

/* Where QMP's name of an option is not the one of -chardev. */
static const struct {
    const char *backend, *member, *option;
} option_names[] = {
    {"file", "out", "path"},        {"file", "in", "input-path"}, {"serial", "device", "path"},
    {"parallel", "device", "path"}, {"pipe", "device", "path"},
};

static const char *option_name(const char *backend, const char *member)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(option_names); i++) {
        if (strcmp(option_names[i].backend, backend) == 0 &&
            strcmp(option_names[i].member, member) == 0) {
            return option_names[i].option;
        }
    }
    return member;
}

static void copy_members(JsonObject *options, const char *backend, JsonObject *from)
{
    JsonObjectIter iter;
    const char *member;
    JsonNode *value;

    json_object_iter_init_ordered(&iter, from);
    while (json_object_iter_next_ordered(&iter, &member, &value)) {
        if (strcmp(member, "addr") != 0) {
            json_object_set_member(options, option_name(backend, member), json_node_copy(value));
        }
    }
}

/* A name given by getfd becomes the descriptor's number. */
static bool set_fd(QmpCall *call, JsonObject *options, int *taken, GError **error)
{
    const char *name = json_object_get_string_member(options, "str");
    g_autofree char *number = NULL;

    if (g_ascii_isdigit(name[0])) {
        number = g_strdup(name);
    } else {
        *taken = monitor_fd_take(call->monitor, name, error);
        if (*taken < 0) {
            return false;
        }
        number = g_strdup_printf("%d", *taken);
    }
    json_object_remove_member(options, "str");
    json_object_set_string_member(options, "fd", number);
    return true;
}

static bool set_address(QmpCall *call, JsonObject *options, JsonObject *address, int *taken,
                        GError **error)
{
    const char *type = json_object_get_string_member(address, "type");

    if (strcmp(type, "vsock") == 0) {
        return error_setf(error, "chardev: socket: 'vsock' is not available");
    }
    copy_members(options, "socket", json_object_get_object_member(address, "data"));
    json_object_remove_member(options, "numeric");
    json_object_remove_member(options, "keep-alive");
    json_object_remove_member(options, "mptcp");
    return strcmp(type, "fd") != 0 || set_fd(call, options, taken, error);
}

static JsonObject *chardev_options(QmpCall *call, int *taken, GError **error)
{
    JsonObject *backend = json_object_get_object_member(call->arguments, "backend");
    const char *type = json_object_get_string_member(backend, "type");
    JsonObject *data = json_object_get_object_member(backend, "data");
    g_autoptr(JsonObject) options = json_object_new();

    json_object_set_string_member(options, "backend", type);
    json_object_set_string_member(options, "id", qmp_string(call, "id"));
    if (strcmp(type, "socket") == 0) {
        /* QMP's default is a server, that of -chardev a client. */
        bool server = json_object_get_boolean_member_with_default(data, "server", TRUE);
        json_object_set_boolean_member(options, "server", server);
        if (server && !json_object_has_member(data, "wait")) {
            json_object_set_boolean_member(options, "wait", FALSE);
        }
        if (!set_address(call, options, json_object_get_object_member(data, "addr"), taken,
                         error)) {
            return NULL;
        }
    }
    copy_members(options, type, data);
    return g_steal_pointer(&options);
}

static bool chardev_add(QmpCall *call, GError **error)
{
    int taken = -1;
    g_autoptr(JsonObject) options = chardev_options(call, &taken, error);
    Chardev *chardev = options ? chardev_new(options, error) : NULL;
    const char *filename;

    if (!chardev) {
        if (taken >= 0) {
            close(taken);
        }
        return false;
    }
    JsonObject *result = json_object_new();
    filename = chardev_filename(chardev);
    if (g_str_has_prefix(filename, "pty:")) {
        json_object_set_string_member(result, "pty", filename + strlen("pty:"));
    }
    return qmp_return_object(call, result);
}

static bool do_remove(QmpCall *call, GError **error)
{
    const char *id = qmp_string(call, "id");

    if (!chardev_find(id)) {
        return error_setf(error, "Chardev '%s' not found", id);
    }
    return chardev_remove(id, error);
}

static bool send_break(QmpCall *call, GError **error)
{
    Chardev *chardev = chardev_find(qmp_string(call, "id"));

    if (!chardev) {
        return error_setf(error, "Chardev '%s' not found", qmp_string(call, "id"));
    }
    chardev_send_break(chardev);
    return true;
}

/* ---- ring buffers ---- */

static Chardev *find_ringbuf(QmpCall *call, GError **error)
{
    const char *name = qmp_string(call, "device");
    Chardev *chardev = chardev_find(name);

    if (!chardev) {
        error_setf(error, "Device '%s' not found", name);
    } else if (!chardev_is_ringbuf(chardev)) {
        error_setf(error, "%s is not a ringbuf device", name);
        return NULL;
    }
    return chardev;
}

static bool ringbuf_write(QmpCall *call, GError **error)
{
    Chardev *chardev = find_ringbuf(call, error);
    gsize length;
    g_autofree uint8_t *data = chardev ? qmp_bytes(call, &length, error) : NULL;

    if (!data) {
        return false;
    }
    chardev_ringbuf_write(chardev, data, (unsigned)length);
    return true;
}

static bool ringbuf_read(QmpCall *call, GError **error)
{
    Chardev *chardev = find_ringbuf(call, error);
    int64_t size = qmp_int(call, "size", 0);
    g_autofree uint8_t *data = NULL;
    unsigned length;

    if (!chardev) {
        return false;
    }
    if (size <= 0) {
        return error_setf(error, "size must be greater than zero");
    }
    size = MIN(size, 16 << 20);
    data = g_malloc((gsize)size);
    length = chardev_ringbuf_read(chardev, data, (unsigned)size);
    return qmp_return_bytes(call, data, length);
}

static const QmpCommand commands[] = {
    {"query-chardev", NULL, "[ChardevInfo]", 0, query_chardev},
    {"query-chardev-backends", NULL, "[ChardevBackendInfo]", 0, query_chardev_backends},
    {"chardev-add", "id:str backend:ChardevBackend", "ChardevReturn", 0, chardev_add},
    {"chardev-remove", "id:str", NULL, 0, do_remove},
    {"chardev-send-break", "id:str", NULL, 0, send_break},
    {"ringbuf-write", "device:str data:str format?:DataFormat", NULL, 0, ringbuf_write},
    {"ringbuf-read", "device:str size:int format?:DataFormat", "str", 0, ringbuf_read},
};
const QmpTable qmp_table_chardev = {commands, G_N_ELEMENTS(commands)};
