/*
 * Trace points and the log: what is off prints nothing, patterns switch, a line is whole.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/trace.h"

#include <string.h>
#include <unistd.h>

#include "util/log.h"

TRACE_DEFINE(test_alpha)
TRACE_DEFINE(test_beta)

static char *log_path;
static unsigned evaluations;

static unsigned count_evaluation(void)
{
    return ++evaluations;
}

static bool is_on(const TracePoint *point)
{
    return point->enabled;
}

static char *log_text(void)
{
    char *text = NULL;

    g_assert_true(g_file_get_contents(log_path, &text, NULL, NULL));
    return text;
}

/* A fresh log, everything off. */
static void start(void)
{
    log_mask = 0;
    trace_set_enabled("*", false);
    g_assert_true(log_set_file(log_path, NULL));
    evaluations = 0;
}

static void test_point_that_is_off_evaluates_nothing(void)
{
    start();
    TRACE(test_alpha, "%u", count_evaluation());
    g_assert_cmpuint(evaluations, ==, 0);
    g_assert_false(is_on(&trace_test_alpha));
    g_autofree char *text = log_text();
    g_assert_cmpstr(text, ==, "");
}

static void test_point_that_is_on_prints_its_name_and_text(void)
{
    start();
    g_assert_cmpuint(trace_set_enabled("test_alpha", true), ==, 1);
    TRACE(test_alpha, "value %d", 42);
    TRACE(test_beta, "not this");
    g_autofree char *text = log_text();
    g_assert_nonnull(strstr(text, ":test_alpha value 42\n"));
    g_assert_null(strstr(text, "not this"));
}

static void test_patterns(void)
{
    start();
    g_assert_cmpuint(trace_set_enabled("test_*", true), ==, 2);
    g_assert_cmpuint(trace_set_enabled("test_?eta", false), ==, 1);
    g_assert_true(is_on(&trace_test_alpha));
    g_assert_false(is_on(&trace_test_beta));
    g_assert_cmpuint(trace_set_enabled("nothing*", true), ==, 0);
}

static void collect_name(const TracePoint *point, void *opaque)
{
    g_ptr_array_add(opaque, (gpointer)point->name);
}

static void test_points_are_listed_in_name_order(void)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    trace_foreach(collect_name, names);
    g_assert_cmpuint(names->len, >=, 2);
    for (unsigned i = 1; i < names->len; i++) {
        g_assert_cmpstr(names->pdata[i - 1], <, names->pdata[i]);
    }
}

static void test_events_file(void)
{
    g_autofree char *path = g_strconcat(log_path, ".events", NULL);
    g_autoptr(GError) error = NULL;

    start();
    g_assert_true(g_file_set_contents(path, "# all\ntest_*\n\n  -test_alpha  \n", -1, NULL));
    g_assert_true(trace_load_events(path, &error));
    g_assert_false(is_on(&trace_test_alpha));
    g_assert_true(is_on(&trace_test_beta));
    unlink(path);
    g_assert_false(trace_load_events(path, &error));
    g_assert_nonnull(strstr(error->message, path));
}

static void test_log_items(void)
{
    g_autoptr(GError) error = NULL;

    start();
    log_printf(LOG_UNIMP, "off\n");
    g_assert_true(log_set_mask_from_string("unimp,guest_errors", NULL));
    g_assert_true(log_enabled(LOG_UNIMP));
    g_assert_false(log_enabled(LOG_RESET));
    log_printf(LOG_UNIMP, "on\n");
    log_printf(LOG_RESET, "other\n");
    g_autofree char *text = log_text();
    g_assert_cmpstr(text, ==, "on\n");

    g_assert_false(log_set_mask_from_string("unimp,bogus", &error));
    g_assert_cmpstr(error->message, ==, "unknown log item 'bogus'; see -d help");
    g_assert_true(log_set_mask_from_string("none", NULL));
    g_assert_false(log_enabled(LOG_UNIMP));
    g_assert_true(log_set_mask_from_string("trace:test_alpha", NULL));
    g_assert_true(is_on(&trace_test_alpha));
}

static void test_log_file_errors(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(log_set_file("/nonexistent/folder/log", &error));
    g_assert_cmpstr(error->message, ==,
                    "Could not open log file '/nonexistent/folder/log': No such file or directory");
    g_clear_error(&error);
    g_assert_false(log_set_file("/tmp/%s", &error));
    g_assert_nonnull(strstr(error->message, "/tmp/%s"));
}

static void *print_lines(void *opaque)
{
    for (int i = 0; i < 500; i++) {
        TRACE(test_alpha, "%s", (const char *)opaque);
    }
    return NULL;
}

static void test_lines_of_threads_do_not_mix(void)
{
    static char long_a[200], long_b[200];

    start();
    memset(long_a, 'a', sizeof(long_a) - 1);
    memset(long_b, 'b', sizeof(long_b) - 1);
    trace_set_enabled("test_alpha", true);
    GThread *first = g_thread_new("first", print_lines, long_a);
    GThread *second = g_thread_new("second", print_lines, long_b);
    g_thread_join(first);
    g_thread_join(second);

    g_autofree char *text = log_text();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), ==, 1001);
    for (unsigned i = 0; i < 1000; i++) {
        g_assert_true(g_str_has_suffix(lines[i], long_a) || g_str_has_suffix(lines[i], long_b));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    int fd = g_file_open_tmp("test-trace-XXXXXX", &log_path, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
    g_test_add_func("/trace/off-evaluates-nothing", test_point_that_is_off_evaluates_nothing);
    g_test_add_func("/trace/on-prints", test_point_that_is_on_prints_its_name_and_text);
    g_test_add_func("/trace/patterns", test_patterns);
    g_test_add_func("/trace/name-order", test_points_are_listed_in_name_order);
    g_test_add_func("/trace/events-file", test_events_file);
    g_test_add_func("/log/items", test_log_items);
    g_test_add_func("/log/file-errors", test_log_file_errors);
    g_test_add_func("/trace/lines-of-threads-do-not-mix", test_lines_of_threads_do_not_mix);
    int status = g_test_run();
    unlink(log_path);
    return status;
}
