/*
 * QMP's types: every row of the tables can be read, and values are checked with QEMU's words.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/events.h"
#include "monitor/qmp_command.h"
#include "monitor/schema.h"

/* NULL: the value fits. */
static char *check_text(const SchemaType *type, const char *json)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) node = json_from_string(json, &error);

    g_assert_no_error(error);
    return schema_check(type, node, "", &error) ? NULL : g_strdup(error->message);
}

static void check(const char *members, const char *json, const char *expected)
{
    g_autofree char *got = check_text(schema_members(members), json);

    g_assert_cmpstr(got, ==, expected);
}

static void test_members(void)
{
    check("", "{}", NULL);
    check("a:int b?:str", "{\"a\":1}", NULL);
    check("a:int b?:str", "{\"a\":1,\"b\":\"x\"}", NULL);
    check("a:int b?:str", "{\"b\":\"x\"}", "Parameter 'a' is missing");
    check("a:int", "{\"a\":1,\"c\":2}", "Parameter 'c' is unexpected");
    check("", "{\"c\":2}", "Parameter 'c' is unexpected");
}

static void test_types(void)
{
    static const struct {
        const char *members, *json, *expected;
    } rows[] = {
        {"a:int", "\"x\"", "integer"}, {"a:int", "1.5", "integer"},
        {"a:int", "true", "integer"},  {"a:str", "1", "string"},
        {"a:bool", "1", "boolean"},    {"a:number", "\"1\"", "number"},
        {"a:[int]", "{}", "array"},    {"a:StatusInfo", "[]", "object"},
        {"a:RunState", "1", "string"}, {"a:int", "null", "integer"},
        {"a:null", "1", "null"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *json = g_strdup_printf("{\"a\":%s}", rows[i].json);
        g_autofree char *text =
            g_strdup_printf("Invalid parameter type for 'a', expected: %s", rows[i].expected);
        check(rows[i].members, json, text);
    }
    check("a:number", "{\"a\":1}", NULL);
    check("a:any", "{\"a\":[{}]}", NULL);
    check("a:RunState", "{\"a\":\"asleep\"}", "Parameter 'a' does not accept value 'asleep'");
}

static void test_errors_name_the_place(void)
{
    check("a:[KeyValue]", "{\"a\":[{\"type\":\"number\",\"data\":1},{\"type\":\"number\"}]}",
          "Parameter 'a[1].data' is missing");
    check("a:StatusInfo", "{\"a\":{\"running\":true,\"status\":1}}",
          "Invalid parameter type for 'a.status', expected: string");
}

static void test_variants_and_alternates(void)
{
    check("=BlockdevOptions", "{\"driver\":\"file\",\"filename\":\"x\"}", NULL);
    check("=BlockdevOptions", "{\"driver\":\"null-co\",\"filename\":\"x\"}",
          "Parameter 'filename' is unexpected");
    check("=BlockdevOptions", "{\"driver\":\"raw\",\"file\":\"name\"}", NULL);
    check("=BlockdevOptions",
          "{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"x\"}}", NULL);
    check("=BlockdevOptions", "{\"driver\":\"raw\",\"file\":{\"driver\":\"file\"}}",
          "Parameter 'file.filename' is missing");
    check("=BlockdevOptions", "{\"driver\":\"raw\",\"file\":7}",
          "Invalid parameter type for 'file', expected: BlockdevRef");
}

static void check_name(const char *name)
{
    for (const char *c = name; *c; c++) {
        g_assert_true(g_ascii_isalnum(*c) || *c == '-' || *c == '_');
    }
}

static void check_command(const QmpCommand *command, void *opaque)
{
    const char **last = opaque;

    g_assert_cmpstr(*last, <, command->name);
    *last = command->name;
    check_name(command->name);
    g_assert_nonnull(command->handle);
    g_assert_cmpint(schema_members(command->arguments)->kind, ==, SCHEMA_OBJECT);
    if (command->result) {
        g_assert_nonnull(schema_type(command->result));
    }
}

static void test_every_row_can_be_read(void)
{
    const char *last = "";

    qmp_command_foreach(check_command, &last);
    for (unsigned i = 0; i < qmp_event_count; i++) {
        check_name(qmp_events[i].name);
        g_assert_nonnull(schema_members(qmp_events[i].members));
    }
    for (unsigned i = 0; i < schema_row_count; i++) {
        const SchemaType *type = schema_type(schema_rows[i].name);
        g_assert_cmpstr(type->name, ==, schema_rows[i].name);
        for (unsigned j = 0; j < i; j++) {
            g_assert_cmpstr(schema_rows[i].name, !=, schema_rows[j].name);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp/schema/members", test_members);
    g_test_add_func("/qmp/schema/types", test_types);
    g_test_add_func("/qmp/schema/errors-name-the-place", test_errors_name_the_place);
    g_test_add_func("/qmp/schema/variants-and-alternates", test_variants_and_alternates);
    g_test_add_func("/qmp/schema/every-row-can-be-read", test_every_row_can_be_read);
    return g_test_run();
}
