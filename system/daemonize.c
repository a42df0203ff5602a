/*
 * -daemonize: the parent stays until the machine is up, so that "started" means started.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include "util/error.h"

static int ready_fd = -1;

/* The child writes one byte when it is up; end of file means that it died. */
static void G_GNUC_NORETURN wait_for_child(int fd)
{
    char byte;
    ssize_t n;

    do {
        n = read(fd, &byte, 1);
    } while (n < 0 && errno == EINTR);
    _exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

bool daemonize_begin(GError **error)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0) {
        return error_set_errno(error, errno, "-daemonize: cannot make a pipe");
    }
    pid_t pid = fork();
    if (pid < 0) {
        return error_set_errno(error, errno, "-daemonize: cannot fork");
    }
    if (pid > 0) {
        close(fds[1]);
        wait_for_child(fds[0]);
    }
    close(fds[0]);
    ready_fd = fds[1];
    setsid();
    return true;
}

bool daemonize_finish(GError **error)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0) {
        return error_set_errno(error, errno, "-daemonize: cannot open /dev/null");
    }
    if (chdir("/") < 0) {
        return error_set_errno(error, errno, "-daemonize: cannot change to /");
    }
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        dup2(null, fd);
    }
    close(null);
    if (write(ready_fd, "", 1) != 1) {
        return error_set_errno(error, errno, "-daemonize: the parent is gone");
    }
    close(ready_fd);
    ready_fd = -1;
    return true;
}
