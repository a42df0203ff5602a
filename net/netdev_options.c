/*
 * Options of netdevs: the text of -netdev, and what several back ends read alike.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "net/netdev.h"
#include "util/error.h"

/* Keys that may be given more than once. */
static const char *const repeatable[] = {"hostfwd", "guestfwd", "dnssearch"};

static int repeatable_index(const char *word)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(repeatable); i++) {
        size_t length = strlen(repeatable[i]);
        if (strncmp(word, repeatable[i], length) == 0 && word[length] == '=') {
            return i;
        }
    }
    return -1;
}

/* Where the next word begins: behind a comma that stands alone. */
static const char *next_word(const char *text)
{
    for (; *text; text++) {
        if (*text == ',') {
            if (text[1] != ',') {
                return text + 1;
            }
            text++;
        }
    }
    return text;
}

/* "hostfwd=a,hostfwd=b" becomes "hostfwd.0.str=a,hostfwd.1.str=b". */
static char *number_repeated_keys(const char *text)
{
    unsigned counts[G_N_ELEMENTS(repeatable)] = {0};
    GString *numbered = g_string_new(NULL);

    while (*text) {
        const char *next = next_word(text);
        int index = repeatable_index(text);
        if (index >= 0) {
            g_string_append_printf(numbered, "%s.%u.str", repeatable[index], counts[index]++);
            text += strlen(repeatable[index]);
        }
        g_string_append_len(numbered, text, next - text);
        text = next;
    }
    return g_string_free(numbered, FALSE);
}

JsonObject *net_options_parse(const char *text, const char *implied_key, GError **error)
{
    g_autofree char *numbered = NULL;

    if (text[0] == '{') {
        return options_parse(text, implied_key, error);
    }
    numbered = number_repeated_keys(text);
    return options_parse(numbered, implied_key, error);
}

bool netdev_refuse_key(OptionReader *options, const char *key, const char *reason, GError **error)
{
    return !option_reader_has(options, key) ||
           error_setf(error, "Parameter '%s' is not available: %s", key, reason);
}

bool netdev_option_fd(OptionReader *options, const char *key, int *fd, GError **error)
{
    uint64_t number = 0;

    *fd = -1;
    if (!option_reader_has(options, key)) {
        return true;
    }
    if (!option_get_uint(options, key, 0, INT_MAX, &number, error)) {
        return false;
    }
    if (fcntl((int)number, F_GETFD) < 0) {
        return error_setf(error, "Parameter '%s': file descriptor %d is not open", key,
                          (int)number);
    }
    *fd = (int)number;
    return true;
}

static const char *string_of(JsonNode *node)
{
    JsonObject *object;

    if (JSON_NODE_HOLDS_OBJECT(node)) {
        object = json_node_get_object(node);
        if (json_object_get_size(object) != 1 || !json_object_has_member(object, "str")) {
            return NULL;
        }
        node = json_object_get_member(object, "str");
    }
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
        return NULL;
    }
    return json_node_get_string(node);
}

char **netdev_strings(OptionReader *options, const char *key, GError **error)
{
    g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
    JsonNode *node = option_get_node(options, key);
    JsonArray *array = node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
    unsigned count = array ? json_array_get_length(array) : node != NULL;

    for (unsigned i = 0; i < count; i++) {
        const char *text = string_of(array ? json_array_get_element(array, i) : node);
        if (!text) {
            error_setf(error,
                       "Invalid parameter type for '%s', expected: array of {\"str\": string}",
                       key);
            return NULL;
        }
        g_ptr_array_add(strings, g_strdup(text));
    }
    g_ptr_array_add(strings, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
}
