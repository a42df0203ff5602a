/*
 * The JSON front end of QMP: what a value is, what is refused, and that neither the way bytes are
 * cut nor rubbish between values makes a difference. And the text that goes out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/json_stream.h"
#include "monitor/json_text.h"

/* What came out: values as text, errors as "!TEXT", each ended by a newline. */
static void take(JsonNode *node, const GError *error, void *opaque)
{
    GString *out = opaque;

    if (node) {
        json_text_append(out, node, false);
        json_node_unref(node);
    } else {
        g_string_append_printf(out, "!%s", error->message);
    }
    g_string_append_c(out, '\n');
}

static char *run(const void *data, size_t length, size_t chunk)
{
    GString *out = g_string_new(NULL);
    JsonStream *stream = json_stream_new(take, out);
    const uint8_t *bytes = data;

    for (size_t at = 0; at < length; at += chunk) {
        json_stream_feed(stream, bytes + at, MIN(chunk, length - at));
    }
    json_stream_free(stream);
    return g_string_free(out, FALSE);
}

static void check(const char *input, const char *expected)
{
    for (size_t chunk = 1; chunk <= strlen(input); chunk++) {
        g_autofree char *got = run(input, strlen(input), chunk);
        g_assert_cmpstr(got, ==, expected);
    }
}

static void test_values(void)
{
    check("{}", "{}\n");
    check("{\"a\":1,\"b\":[true,false,null,-2.5e1,\"x\"]}",
          "{\"a\": 1, \"b\": [true, false, null, -25, \"x\"]}\n");
    check(" {}\r\n[]\t{} ", "{}\n[]\n{}\n");
    check("42 \"s\" null ", "42\n\"s\"\nnull\n");
    check("9223372036854775807 -9223372036854775808 ",
          "9223372036854775807\n-9223372036854775808\n");
}

static void test_strings(void)
{
    check("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\ud83d\\ude00\"",
          "\"\\\"\\\\/\\b\\f\\n\\r\\tA\\u00E9\\uD83D\\uDE00\"\n");
    check("\"\xc3\xa9\"", "\"\\u00E9\"\n");
    check("'it\\'s \"so\"'", "\"it's \\\"so\\\"\"\n");
    check("{'a':'b'}", "{\"a\": \"b\"}\n");
}

static void test_errors_name_what_is_wrong(void)
{
    check("]\n{}", "!JSON parse error, unmatched bracket\n{}\n");
    check("{\"a\":1]\n{}", "!JSON parse error, unmatched bracket\n{}\n");
    check("nul\n{}", "!JSON parse error, invalid keyword 'nul'\n{}\n");
    check("01\n{}", "!JSON parse error, invalid keyword '01'\n{}\n");
    check("@\n{}", "!JSON parse error, stray character\n{}\n");
    check("\"\\x\"\n{}", "!JSON parse error, invalid escape sequence in string\n{}\n");
    check("\"\\u0000\"\n{}", "!JSON parse error, \\u0000 is not permitted in strings\n{}\n");
    check("\"abc\n{}", "!JSON parse error, control character in string\n{}\n");
    check("\"\xc0\x80\"\n{}", "!JSON parse error, invalid UTF-8 sequence in string\n{}\n");
    check("[1 2]\n{}", "!JSON parse error, invalid syntax\n{}\n");
    check("{\"a\" 1}\n{}", "!JSON parse error, invalid syntax\n{}\n");
    check(",\n{}", "!JSON parse error, expecting value\n{}\n");
}

/* A byte that no text has ends what went before it. */
static void test_resynchronization(void)
{
    check("{\"a\":[1,\xff{}", "!JSON parse error, stray character\n{}\n");
    check("\"abc\xff{}", "!JSON parse error, stray character\n{}\n");
    check("\xff{}", "!JSON parse error, stray character\n{}\n");
    check("@@@\xff{}", "!JSON parse error, stray character\n{}\n");
}

static void append_repeated(GString *text, const char *piece, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_string_append(text, piece);
    }
}

static void test_nesting_limit(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    append_repeated(text, "[", JSON_STREAM_MAX_DEPTH);
    append_repeated(text, "]", JSON_STREAM_MAX_DEPTH);
    g_autofree char *good = run(text->str, text->len, text->len);
    g_assert_cmpuint(strlen(good), ==, 2 * JSON_STREAM_MAX_DEPTH + 1);

    g_string_truncate(text, 0);
    append_repeated(text, "[", 1000000);
    g_string_append(text, "\n{}");
    g_autofree char *bad = run(text->str, text->len, 4096);
    g_assert_cmpstr(bad, ==, "!JSON nesting depth limit exceeded\n{}\n");
}

static void test_size_and_token_limits(void)
{
    g_autoptr(GString) text = g_string_new("[");

    append_repeated(text, "0,", JSON_STREAM_MAX_TOKENS);
    g_string_append(text, "0]\n{}");
    g_autofree char *tokens = run(text->str, text->len, 65536);
    g_assert_cmpstr(tokens, ==, "!JSON token count limit exceeded\n{}\n");

    g_string_assign(text, "\"");
    for (unsigned i = 0; i < JSON_STREAM_MAX_BYTES / 1024 + 1; i++) {
        append_repeated(text, "0123456789abcdef", 64);
    }
    g_string_append(text, "\"\n{}");
    g_autofree char *size = run(text->str, text->len, 65536);
    g_assert_cmpstr(size, ==, "!JSON token size limit exceeded\n{}\n");
}

/* Random damage to a good conversation: no crash, and the same whatever the cuts. */
static void test_damage(void)
{
    static const char good[] =
        "{\"execute\":\"x\",\"arguments\":{\"a\":[1,-2.5,\"\\u00e9\",true]},'id':null}\n"
        "[[],{},\"\xc3\xa9\\\\\"] ";

    for (unsigned round = 0; round < 20000; round++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        for (int changes = g_test_rand_int_range(1, 5); changes > 0; changes--) {
            text[g_test_rand_int_range(0, sizeof(good) - 1)] = (char)g_test_rand_int_range(0, 256);
        }
        g_autofree char *whole = run(text, sizeof(good) - 1, sizeof(good));
        g_autofree char *bytes = run(text, sizeof(good) - 1, 1);
        g_autofree char *parts = run(text, sizeof(good) - 1, 7);
        g_assert_cmpstr(whole, ==, bytes);
        g_assert_cmpstr(whole, ==, parts);
    }
}

static void test_pretty_text(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_from_string("{\"a\":[1,{}],\"b\":[]}", &error);
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_no_error(error);
    json_text_append(out, node, true);
    g_assert_cmpstr(out->str, ==,
                    "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": []\n}");
}

/* File names may be any bytes; what goes out is JSON all the same. */
static void test_text_of_bytes_that_are_no_text(void)
{
    g_autoptr(JsonNode) node = json_node_init_string(json_node_alloc(), "a\xff\x7f\x01z");
    g_autoptr(GString) out = g_string_new(NULL);

    json_text_append(out, node, false);
    g_assert_cmpstr(out->str, ==, "\"a\\uFFFD\\u007F\\u0001z\"");
}

static void numbers_beyond_signed_ones_are_written(void)
{
    const uint64_t values[] = {0, INT64_MAX, (uint64_t)INT64_MAX + 1, 0xfffff80312345678, UINT64_MAX};
    static const char *const texts[] = {"0", "9223372036854775807", "9223372036854775808",
                                        "18446735290806851192", "18446744073709551615"};

    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
        JsonNode *node = json_text_uint64(values[i]);
        g_autoptr(GString) text = g_string_new(NULL);

        json_text_append(text, node, i % 2);
        g_assert_cmpstr(text->str, ==, texts[i]);
        json_node_unref(node);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp/json/values", test_values);
    g_test_add_func("/qmp/json/strings", test_strings);
    g_test_add_func("/qmp/json/errors-name-what-is-wrong", test_errors_name_what_is_wrong);
    g_test_add_func("/qmp/json/resynchronization", test_resynchronization);
    g_test_add_func("/qmp/json/nesting-limit", test_nesting_limit);
    g_test_add_func("/qmp/json/size-and-token-limits", test_size_and_token_limits);
    g_test_add_func("/qmp/json/damage", test_damage);
    g_test_add_func("/qmp/json/pretty-text", test_pretty_text);
    g_test_add_func("/qmp/json/large-numbers", numbers_beyond_signed_ones_are_written);
    g_test_add_func("/qmp/json/bytes-that-are-no-text", test_text_of_bytes_that_are_no_text);
    return g_test_run();
}
