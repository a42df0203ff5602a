/*
 * Warnings: a bucketful at once, then one a second, and none is lost untold.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/report_limit.h"

#include <glib.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"

#define START (INT64_C(5) * NS_PER_SECOND)

static unsigned take_many(ReportLimit *limit, int64_t now_ns, unsigned count)
{
    unsigned told = 0;
    uint64_t left_out;

    for (unsigned i = 0; i < count; i++) {
        told += report_limit_take(limit, now_ns, &left_out);
    }
    return told;
}

static void test_a_bucketful_then_one_a_second(void)
{
    ReportLimit limit = {0};
    uint64_t left_out = 1;

    g_assert_cmpuint(take_many(&limit, START, REPORT_LIMIT_BURST), ==, REPORT_LIMIT_BURST);
    g_assert_cmpuint(take_many(&limit, START + NS_PER_SECOND - 1, 7), ==, 0);
    g_assert_true(report_limit_take(&limit, START + NS_PER_SECOND, &left_out));
    g_assert_cmpuint(left_out, ==, 7);
    g_assert_cmpuint(take_many(&limit, START + NS_PER_SECOND, 1000), ==, 0);
    g_assert_cmpuint(take_many(&limit, START + 4 * NS_PER_SECOND, 1000), ==, 3);
}

static void test_a_rest_fills_the_bucket_and_no_more(void)
{
    ReportLimit limit = {0};

    take_many(&limit, START, 1000);
    g_assert_cmpuint(take_many(&limit, START + 1000 * NS_PER_SECOND, 1000), ==, REPORT_LIMIT_BURST);
}

static void test_few_are_never_left_out(void)
{
    ReportLimit limit = {0};
    uint64_t left_out;

    for (int64_t i = 0; i < 10000; i++) {
        g_assert_true(report_limit_take(&limit, START + i * NS_PER_SECOND, &left_out));
        g_assert_cmpuint(left_out, ==, 0);
    }
}

/* What is on stderr after @count messages of @tell. */
static char *told(void (*tell)(const char *format, ...), unsigned count)
{
    char *text;
    g_autofree char *path = NULL;
    int file = g_file_open_tmp("report-XXXXXX", &path, NULL);
    int before = dup(STDERR_FILENO);

    dup2(file, STDERR_FILENO);
    for (unsigned i = 0; i < count; i++) {
        tell("number %u", i);
    }
    dup2(before, STDERR_FILENO);
    close(before);
    close(file);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    unlink(path);
    return text;
}

static void test_warnings_are_limited_and_errors_are_not(void)
{
    g_autofree char *text = told(report_warning, 100000);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    /* A slow machine may fill the bucket by some while it is emptied. */
    g_assert_cmpuint(g_strv_length(lines), >=, REPORT_LIMIT_BURST);
    g_assert_cmpuint(g_strv_length(lines), <, 3 * REPORT_LIMIT_BURST);
    g_assert_cmpstr(lines[1], ==, "qemu-system-x86_64: warning: number 1");
    g_autofree char *errors = told(report_error, 1000);
    g_assert_nonnull(g_strstr_len(errors, -1, "number 999\n"));
    g_usleep(1100 * 1000);
    g_autofree char *late = told(report_warning, 1);
    g_assert_nonnull(g_strstr_len(late, -1, "messages before this one were left out\n"));
    g_assert_nonnull(g_strstr_len(late, -1, "warning: number 0\n"));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/report-limit/burst", test_a_bucketful_then_one_a_second);
    g_test_add_func("/report-limit/rest", test_a_rest_fills_the_bucket_and_no_more);
    g_test_add_func("/report-limit/few", test_few_are_never_left_out);
    g_test_add_func("/report-limit/warnings", test_warnings_are_limited_and_errors_are_not);
    return g_test_run();
}
