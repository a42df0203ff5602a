/*
 * Lent file descriptors: found by set and access mode, refused when they are not the lender's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void test_access_mode_selects_the_file(void)
{
    int reader = open("/dev/null", O_RDONLY), writer = open("/dev/null", O_RDWR);

    g_assert_true(fdset_add(3, reader, NULL));
    g_assert_true(fdset_add(3, writer, NULL));
    int opened = fdset_open("/dev/fdset/3", O_RDWR);
    g_assert_cmpint(opened, >, 2);
    g_assert_cmpint(fcntl(opened, F_GETFL) & O_ACCMODE, ==, O_RDWR);
    g_assert_cmpint(fcntl(opened, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    close(opened);
    g_assert_cmpint(fdset_open("/dev/fdset/3", O_WRONLY), ==, -1);
    g_assert_cmpint(errno, ==, EACCES);
    close(reader);
    close(writer);
}

static void test_unknown_set(void)
{
    static const char *const paths[] = {"/dev/fdset/77", "/dev/fdset/", "/dev/fdset/x",
                                        "/dev/fdset/-1", "/dev/null"};

    for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
        errno = 0;
        g_assert_cmpint(fdset_open(paths[i], O_RDONLY), ==, -1);
        g_assert_cmpint(errno, ==, ENOENT);
    }
    g_assert_true(fdset_is_path("/dev/fdset/1"));
    g_assert_false(fdset_is_path("/dev/null"));
}

static void test_what_cannot_be_lent(void)
{
    g_autoptr(GError) error = NULL;
    int own = open("/dev/null", O_RDONLY | O_CLOEXEC);

    g_assert_false(fdset_add(1, 1, &error));
    g_assert_cmpstr(error->message, ==, "fd cannot be a standard I/O stream");
    g_clear_error(&error);
    g_assert_false(fdset_add(1, own, &error));
    g_assert_cmpstr(error->message, ==, "fd is not valid or already in use");
    g_clear_error(&error);
    close(own);
    g_assert_false(fdset_add(1, own, &error));
    g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fdset/access-mode-selects", test_access_mode_selects_the_file);
    g_test_add_func("/fdset/unknown-set", test_unknown_set);
    g_test_add_func("/fdset/what-cannot-be-lent", test_what_cannot_be_lent);
    return g_test_run();
}
