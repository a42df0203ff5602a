/*
 * JSON text.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/json_text.h"

#include <math.h>
#include <string.h>

typedef struct {
    GString *out;
    bool pretty;
    unsigned indent;
} Writer;

static void write_node(Writer *writer, JsonNode *node);

static void write_escaped(GString *out, gunichar c)
{
    static const struct {
        char byte, letter;
    } shorts[] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
                  {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};

    for (unsigned i = 0; i < G_N_ELEMENTS(shorts); i++) {
        if (c == (gunichar)shorts[i].byte) {
            g_string_append_c(out, '\\');
            g_string_append_c(out, shorts[i].letter);
            return;
        }
    }
    if (c >= 0x20 && c < 0x7f) {
        g_string_append_c(out, (char)c);
    } else if (c > 0xffff) {
        g_string_append_printf(out, "\\u%04X\\u%04X", 0xd800 + ((c - 0x10000) >> 10),
                               0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
        g_string_append_printf(out, "\\u%04X", c);
    }
}

static void write_string(GString *out, const char *text)
{
    const char *end = text + strlen(text);

    g_string_append_c(out, '"');
    while (text < end) {
        gunichar c = g_utf8_get_char_validated(text, end - text);
        bool valid = c != (gunichar)-1 && c != (gunichar)-2;
        write_escaped(out, valid ? c : 0xfffd);
        text = valid ? g_utf8_next_char(text) : text + 1;
    }
    g_string_append_c(out, '"');
}

static void write_double(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    /* JSON has no infinities. */
    g_string_append(out,
                    isfinite(value) ? g_ascii_formatd(text, sizeof(text), "%.17g", value) : "0");
}

static void write_scalar(GString *out, JsonNode *node)
{
    switch (json_node_get_value_type(node)) {
    case G_TYPE_STRING:
        write_string(out, json_node_get_string(node));
        break;
    case G_TYPE_BOOLEAN:
        g_string_append(out, json_node_get_boolean(node) ? "true" : "false");
        break;
    case G_TYPE_INT64:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, json_node_get_int(node));
        break;
    default:
        write_double(out, json_node_get_double(node));
        break;
    }
}

static void new_line(Writer *writer)
{
    if (writer->pretty) {
        g_string_append_printf(writer->out, "\n%*s", (int)writer->indent * 4, "");
    }
}

static void separate(Writer *writer, bool first)
{
    if (!first) {
        g_string_append(writer->out, writer->pretty ? "," : ", ");
    }
    new_line(writer);
}

static void write_object(Writer *writer, JsonObject *object)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;
    bool first = true;

    g_string_append_c(writer->out, '{');
    writer->indent++;
    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &name, &member)) {
        separate(writer, first);
        write_string(writer->out, name);
        g_string_append(writer->out, ": ");
        write_node(writer, member);
        first = false;
    }
    writer->indent--;
    if (!first) {
        new_line(writer);
    }
    g_string_append_c(writer->out, '}');
}

/*
 * The tree has signed integers of 64 bits. A larger number goes in as an array that no text can give: a NaN first, then
 * its halves.
 */
JsonNode *json_text_uint64(uint64_t value)
{
    JsonArray *halves;
    JsonNode *node;

    if (value <= INT64_MAX) {
        return json_node_init_int(json_node_alloc(), (gint64)value);
    }
    halves = json_array_new();
    json_array_add_double_element(halves, (double)NAN);
    json_array_add_int_element(halves, value >> 32);
    json_array_add_int_element(halves, value & UINT32_MAX);
    node = json_node_init_array(json_node_alloc(), halves);
    json_array_unref(halves);
    return node;
}

static bool is_large_number(JsonArray *array)
{
    JsonNode *first = json_array_get_length(array) == 3 ? json_array_get_element(array, 0) : NULL;

    return first && JSON_NODE_HOLDS_VALUE(first) &&
           json_node_get_value_type(first) == G_TYPE_DOUBLE && isnan(json_node_get_double(first));
}

static void write_array(Writer *writer, JsonArray *array)
{
    guint length = json_array_get_length(array);

    if (is_large_number(array)) {
        g_string_append_printf(writer->out, "%" G_GUINT64_FORMAT,
                               (guint64)json_array_get_int_element(array, 1) << 32 |
                                   (guint64)json_array_get_int_element(array, 2));
        return;
    }
    g_string_append_c(writer->out, '[');
    writer->indent++;
    for (guint i = 0; i < length; i++) {
        separate(writer, i == 0);
        write_node(writer, json_array_get_element(array, i));
    }
    writer->indent--;
    if (length > 0) {
        new_line(writer);
    }
    g_string_append_c(writer->out, ']');
}

static void write_node(Writer *writer, JsonNode *node)
{
    switch (json_node_get_node_type(node)) {
    case JSON_NODE_OBJECT:
        write_object(writer, json_node_get_object(node));
        break;
    case JSON_NODE_ARRAY:
        write_array(writer, json_node_get_array(node));
        break;
    case JSON_NODE_VALUE:
        write_scalar(writer->out, node);
        break;
    default:
        g_string_append(writer->out, "null");
        break;
    }
}

void json_text_append(GString *out, JsonNode *node, bool pretty)
{
    Writer writer = {.out = out, .pretty = pretty};

    write_node(&writer, node);
}
