/*
 * Options: both spellings give the same object, values are checked by type, and what nobody asked
 * for is refused by name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/options.h"

static char *to_json(JsonObject *object)
{
    g_autoptr(JsonNode) node = json_node_alloc();

    json_node_init_object(node, object);
    return json_to_string(node, FALSE);
}

static void assert_parses(const char *text, const char *implied_key, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) object = options_parse(text, implied_key, &error);

    g_assert_no_error(error);
    g_autofree char *json = to_json(object);
    g_assert_cmpstr(json, ==, expected);
}

static void assert_refused(const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) object = options_parse(text, NULL, &error);

    g_assert_null(object);
    g_assert_cmpstr(error->message, ==, expected);
}

static void test_keyval_forms(void)
{
    assert_parses("", NULL, "{}");
    assert_parses("a=1,b=two", NULL, "{\"a\":\"1\",\"b\":\"two\"}");
    assert_parses("disk,a=1", "file", "{\"file\":\"disk\",\"a\":\"1\"}");
    assert_parses("file=x", "file", "{\"file\":\"x\"}");
    assert_parses("disk,flag,other", "file",
                  "{\"file\":\"disk\",\"flag\":\"on\",\"other\":\"on\"}");
    assert_parses("flag", NULL, "{\"flag\":\"on\"}");
    assert_parses("a=1,", NULL, "{\"a\":\"1\"}");
    assert_parses("a=", NULL, "{\"a\":\"\"}");
    assert_parses("a=b=c", NULL, "{\"a\":\"b=c\"}");
}

static void test_two_commas_are_one(void)
{
    assert_parses("a=x,,y,b=,,", NULL, "{\"a\":\"x,y\",\"b\":\",\"}");
    assert_parses("my,,disk,a=1", "file", "{\"file\":\"my,disk\",\"a\":\"1\"}");
}

static void test_last_value_wins(void)
{
    assert_parses("a=1,b=2,a=3", NULL, "{\"a\":\"3\",\"b\":\"2\"}");
}

static void test_dots_nest(void)
{
    assert_parses("a.b=1,a.c.d=2", NULL, "{\"a\":{\"b\":\"1\",\"c\":{\"d\":\"2\"}}}");
    assert_parses("a.0=x,a.1=y", NULL, "{\"a\":[\"x\",\"y\"]}");
    assert_parses("a.0.k=x,a.1.k=y", NULL, "{\"a\":[{\"k\":\"x\"},{\"k\":\"y\"}]}");
}

static void test_value_beside_nested_keys_keeps_the_dot(void)
{
    assert_parses("file=x,file.locking=off", NULL, "{\"file\":\"x\",\"file.locking\":\"off\"}");
    assert_parses("file.locking=off,file=x", NULL, "{\"file.locking\":\"off\",\"file\":\"x\"}");
}

static void test_bad_keyval_is_refused(void)
{
    assert_refused("=x", "Invalid parameter ''");
    assert_refused("a..b=1", "Invalid parameter 'a..b'");
    assert_refused(".a=1", "Invalid parameter '.a'");
    assert_refused("a b=1", "Invalid parameter 'a b'");
    assert_refused("a.0=x,a.2=y", "Parameter 'a.1' missing");
    assert_refused("a.0=x,a.b=y", "Parameters 'a.*' used inconsistently");
}

static void test_absurd_depth_is_refused(void)
{
    g_autoptr(GString) dots = g_string_new("a");
    g_autoptr(GString) brackets = g_string_new("{\"a\":");
    g_autoptr(GError) error = NULL;

    for (int i = 0; i < 100000; i++) {
        g_string_append(dots, ".a");
        g_string_append_c(brackets, '[');
    }
    g_assert_null(options_parse(dots->str, NULL, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(options_parse(brackets->str, NULL, &error));
    g_assert_cmpstr(error->message, ==, "JSON nests deeper than 64 levels");
}

static void test_json_form(void)
{
    g_autoptr(GError) error = NULL;

    assert_parses("{\"a\": 1, \"b\": {\"c\": true}}", "file", "{\"a\":1,\"b\":{\"c\":true}}");
    g_assert_null(options_parse("{\"a\":", NULL, &error));
    g_assert_true(g_str_has_prefix(error->message, "JSON parse error: "));
}

static OptionReader *reader_of(const char *text)
{
    g_autoptr(JsonObject) object = options_parse(text, NULL, NULL);
    return option_reader_new(object, "-drive x");
}

static void test_absent_keys_keep_the_default(void)
{
    g_autoptr(OptionReader) reader = reader_of("a=1");
    bool on = true;
    uint64_t number = 7;
    const char *text = "before";
    int choice = 3;
    static const char *const names[] = {"x", NULL};

    g_assert_true(option_get_bool(reader, "none", &on, NULL));
    g_assert_true(option_get_uint(reader, "none", 0, 1, &number, NULL));
    g_assert_true(option_get_string(reader, "none", &text, NULL));
    g_assert_true(option_get_enum(reader, "none", names, &choice, NULL));
    g_assert_true(on);
    g_assert_cmpuint(number, ==, 7);
    g_assert_cmpstr(text, ==, "before");
    g_assert_cmpint(choice, ==, 3);
}

static void test_json_scalars_and_strings_are_alike(void)
{
    g_autoptr(OptionReader) reader =
        reader_of("{\"b1\": true, \"b2\": \"on\", \"n1\": 5, \"n2\": \"0x10\", \"s\": \"1k\", "
                  "\"bytes\": 512, \"i\": -3}");
    bool b1 = false, b2 = false;
    uint64_t n1 = 0, n2 = 0, size = 0, bytes = 0;
    int64_t i = 0;

    g_assert_true(option_get_bool(reader, "b1", &b1, NULL));
    g_assert_true(option_get_bool(reader, "b2", &b2, NULL));
    g_assert_true(option_get_uint(reader, "n1", 0, 9, &n1, NULL));
    g_assert_true(option_get_uint(reader, "n2", 0, 99, &n2, NULL));
    g_assert_true(option_get_size(reader, "s", 1, &size, NULL));
    g_assert_true(option_get_size(reader, "bytes", 1 << 20, &bytes, NULL));
    g_assert_true(option_get_int(reader, "i", -5, 5, &i, NULL));
    g_assert_true(b1 && b2);
    g_assert_cmpuint(n1, ==, 5);
    g_assert_cmpuint(n2, ==, 16);
    g_assert_cmpuint(size, ==, 1024);
    g_assert_cmpuint(bytes, ==, 512);
    g_assert_cmpint(i, ==, -3);
    g_assert_true(option_reader_finish(reader, NULL));
}

static void test_errors_name_option_key_and_value(void)
{
    g_autoptr(OptionReader) reader = reader_of("b=maybe,n=12x,big=99,e=red,sub.k=1");
    static const char *const names[] = {"green", "blue", NULL};
    g_autoptr(GError) error = NULL;
    bool on;
    uint64_t number;
    int choice;
    const char *text;

    g_assert_false(option_get_bool(reader, "b", &on, &error));
    g_assert_cmpstr(error->message, ==,
                    "-drive x: Parameter 'b' expects 'on' or 'off', not 'maybe'");
    g_clear_error(&error);
    g_assert_false(option_get_uint(reader, "n", 0, 100, &number, &error));
    g_assert_cmpstr(error->message, ==, "-drive x: Parameter 'n' expects a number, not '12x'");
    g_clear_error(&error);
    g_assert_false(option_get_uint(reader, "big", 1, 16, &number, &error));
    g_assert_cmpstr(error->message, ==,
                    "-drive x: Parameter 'big' expects a number from 1 to 16, not '99'");
    g_clear_error(&error);
    g_assert_false(option_get_enum(reader, "e", names, &choice, &error));
    g_assert_cmpstr(error->message, ==, "-drive x: Parameter 'e' does not accept value 'red'");
    g_clear_error(&error);
    g_assert_false(option_get_string(reader, "sub", &text, &error));
    g_assert_cmpstr(error->message, ==,
                    "-drive x: Invalid parameter type for 'sub', expected: string");
}

static void test_unread_key_is_refused(void)
{
    g_autoptr(OptionReader) reader = reader_of("known=1,typo=2");
    g_autoptr(GError) error = NULL;
    uint64_t number;

    g_assert_true(option_get_uint(reader, "known", 0, 9, &number, NULL));
    g_assert_true(option_reader_has(reader, "typo"));
    g_assert_false(option_reader_finish(reader, &error));
    g_assert_cmpstr(error->message, ==, "-drive x: Invalid parameter 'typo'");
    g_assert_nonnull(option_get_node(reader, "typo"));
    g_assert_true(option_reader_finish(reader, NULL));
}

static void test_nested_object(void)
{
    g_autoptr(OptionReader) reader = reader_of("file.driver=file,file.filename=x,plain=1");
    JsonObject *object = NULL;

    g_assert_true(option_get_object(reader, "file", &object, NULL));
    g_assert_cmpstr(json_object_get_string_member(object, "filename"), ==, "x");
    g_assert_false(option_get_object(reader, "plain", &object, NULL));
    g_assert_true(option_get_object(reader, "none", &object, NULL));
    g_assert_null(object);
}

static void test_sizes(void)
{
    static const struct {
        const char *text;
        uint64_t unit, expected;
    } good[] = {
        {"0", 1, 0},
        {"128", 1 << 20, UINT64_C(128) << 20},
        {"128k", 1 << 20, 128 << 10},
        {"1.5G", 1, UINT64_C(3) << 29},
        {"2T", 1, UINT64_C(2) << 40},
        {"7b", 1 << 20, 7},
        {"0x100", 1, 256},
        {"0.5M", 1, 1 << 19},
        {"18446744073709551615", 1, UINT64_MAX},
    };
    static const char *const bad[] = {
        "",    "x",      "-1",    " 1", "1x", "1kk", "1.k",
        ".5k", "0x1.5k", "1.2.3", "+1", "0x", "16E", "18446744073709551616",
        "1e3"};

    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        uint64_t value = 1;
        g_assert_true(parse_size(good[i].text, "size", good[i].unit, &value, NULL));
        g_assert_cmpuint(value, ==, good[i].expected);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        uint64_t value = 42;
        g_autoptr(GError) error = NULL;
        g_assert_false(parse_size(bad[i], "size", 1, &value, &error));
        g_assert_nonnull(error);
        g_assert_cmpuint(value, ==, 42);
    }
}

static void test_integers_at_their_limits(void)
{
    int64_t i;
    uint64_t u;

    g_assert_true(parse_int("-9223372036854775808", "x", INT64_MIN, INT64_MAX, &i, NULL));
    g_assert_cmpint(i, ==, INT64_MIN);
    g_assert_true(parse_int("9223372036854775807", "x", INT64_MIN, INT64_MAX, &i, NULL));
    g_assert_cmpint(i, ==, INT64_MAX);
    g_assert_false(parse_int("9223372036854775808", "x", INT64_MIN, INT64_MAX, &i, NULL));
    g_assert_false(parse_int("--1", "x", -5, 5, &i, NULL));
    g_assert_false(parse_int("-6", "x", -5, 5, &i, NULL));
    g_assert_true(parse_uint("0xffffffffffffffff", "x", 0, UINT64_MAX, &u, NULL));
    g_assert_cmpuint(u, ==, UINT64_MAX);
    g_assert_false(parse_uint("0x10000000000000000", "x", 0, UINT64_MAX, &u, NULL));
    g_assert_false(parse_uint("0x-1", "x", 0, UINT64_MAX, &u, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/keyval", test_keyval_forms);
    g_test_add_func("/options/two-commas-are-one", test_two_commas_are_one);
    g_test_add_func("/options/last-value-wins", test_last_value_wins);
    g_test_add_func("/options/dots-nest", test_dots_nest);
    g_test_add_func("/options/value-beside-nested-keys",
                    test_value_beside_nested_keys_keeps_the_dot);
    g_test_add_func("/options/bad-keyval-is-refused", test_bad_keyval_is_refused);
    g_test_add_func("/options/absurd-depth-is-refused", test_absurd_depth_is_refused);
    g_test_add_func("/options/json", test_json_form);
    g_test_add_func("/options/absent-keys-keep-the-default", test_absent_keys_keep_the_default);
    g_test_add_func("/options/json-scalars-and-strings", test_json_scalars_and_strings_are_alike);
    g_test_add_func("/options/errors-name-everything", test_errors_name_option_key_and_value);
    g_test_add_func("/options/unread-key-is-refused", test_unread_key_is_refused);
    g_test_add_func("/options/nested-object", test_nested_object);
    g_test_add_func("/options/sizes", test_sizes);
    g_test_add_func("/options/integers-at-their-limits", test_integers_at_their_limits);
    return g_test_run();
}
