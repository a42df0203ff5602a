/*
 * The short text of -serial, -monitor, -parallel and -debugcon, made into the options of -chardev.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "chardev/chardev.h"
#include "util/error.h"
#include "util/options.h"

/* Puts the options behind "PREFIX:" into @options; false: @error is set. */
typedef bool (*LegacyParser)(const char *rest, JsonObject **options, GError **error);

static bool parse_path(const char *rest, JsonObject **options, GError **error G_GNUC_UNUSED)
{
    *options = json_object_new();
    json_object_set_string_member(*options, "path", rest);
    return true;
}

/* "PATH,server=on,…" */
static bool parse_unix(const char *rest, JsonObject **options, GError **error)
{
    *options = options_parse(rest, "path", error);
    return *options != NULL;
}

/* "HOST:PORT,server=on,…"; the host may be empty, or an IPv6 address in brackets. */
static bool parse_tcp(const char *rest, JsonObject **options, GError **error)
{
    size_t address_length = strcspn(rest, ",");
    g_autofree char *address = g_strndup(rest, address_length);
    const char *more = rest + address_length + (rest[address_length] == ',');
    char *colon = strrchr(address, ':');
    char *host = address;

    if (!colon || !colon[1]) {
        return error_setf(error, "'%s' is not HOST:PORT", address);
    }
    *options = options_parse(more, NULL, error);
    if (!*options) {
        return false;
    }
    *colon = '\0';
    if (host[0] == '[' && colon > host + 1 && colon[-1] == ']') {
        host++;
        colon[-1] = '\0';
    }
    json_object_set_string_member(*options, "host", host);
    json_object_set_string_member(*options, "port", colon + 1);
    return true;
}

static bool parse_telnet(const char *rest, JsonObject **options, GError **error)
{
    if (!parse_tcp(rest, options, error)) {
        return false;
    }
    json_object_set_string_member(*options, "telnet", "on");
    return true;
}

static const struct {
    const char *prefix;
    const char *backend;
    LegacyParser parse;
} forms[] = {
    {"file:", "file", parse_path}, {"pipe:", "pipe", parse_path},
    {"pty:", "pty", parse_path},   {"unix:", "socket", parse_unix},
    {"tcp:", "socket", parse_tcp}, {"telnet:", "socket", parse_telnet},
};

/* Words that are a back end by themselves. */
static const char *const words[] = {"null", "pty", "stdio", "vc", "ringbuf"};

static bool parse_word(const char *text, JsonObject **options)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        /* "vc:80Cx24C" has a size behind it. */
        size_t length = strlen(words[i]);
        if (strncmp(text, words[i], length) == 0 &&
            (text[length] == '\0' || (text[length] == ':' && strcmp(words[i], "vc") == 0))) {
            *options = json_object_new();
            json_object_set_string_member(*options, "backend", words[i]);
            return true;
        }
    }
    return false;
}

static bool parse_legacy(const char *text, JsonObject **options, GError **error)
{
    if (parse_word(text, options)) {
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (g_str_has_prefix(text, forms[i].prefix)) {
            if (!forms[i].parse(text + strlen(forms[i].prefix), options, error)) {
                return false;
            }
            json_object_set_string_member(*options, "backend", forms[i].backend);
            return true;
        }
    }
    if (g_str_has_prefix(text, "/dev/")) {
        parse_path(text, options, error);
        json_object_set_string_member(*options, "backend", "serial");
        return true;
    }
    return error_setf(error, "'%s' is not a valid char driver", text);
}

static Chardev *find_named(const char *id, GError **error)
{
    Chardev *chardev = chardev_find(id);

    if (!chardev) {
        error_setf(error, "'chardev:%s': there is no chardev '%s'", id, id);
    }
    return chardev;
}

Chardev *chardev_new_from_legacy(const char *text, const char *id, bool *none, GError **error)
{
    g_autoptr(JsonObject) options = NULL;
    bool mux = g_str_has_prefix(text, "mon:");

    *none = strcmp(text, "none") == 0;
    if (*none) {
        return NULL;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        return find_named(text + strlen("chardev:"), error);
    }
    if (!parse_legacy(mux ? text + strlen("mon:") : text, &options, error)) {
        return NULL;
    }
    json_object_set_string_member(options, "id", id);
    if (mux) {
        json_object_set_string_member(options, "mux", "on");
        /* Ctrl-C belongs to the guest where Ctrl-a x ends us. */
        if (strcmp(json_object_get_string_member(options, "backend"), "stdio") == 0) {
            json_object_set_string_member(options, "signal", "off");
        }
    }
    return chardev_new(options, error);
}
