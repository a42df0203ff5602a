/*
 * -pidfile: locked while the process lives, so that a second one with the same file is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"

static char *pidfile_path; /* absolute: -daemonize changes the folder */
static int pidfile_fd = -1;
static pid_t pidfile_owner;

/* True if @fd is the file that @path names: another process may have removed it before we got the
 * lock. */
static bool is_still_named(int fd, const char *path)
{
    struct stat open_file, named_file;

    return fstat(fd, &open_file) == 0 && stat(path, &named_file) == 0 &&
           open_file.st_ino == named_file.st_ino && open_file.st_dev == named_file.st_dev;
}

static int open_locked(const char *path, GError **error)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    for (;;) {
        int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        if (fd < 0) {
            error_set_errno(error, errno, "cannot create PID file: Could not create '%s'", path);
            return -1;
        }
        if (fcntl(fd, F_SETLK, &lock) < 0) {
            error_set_errno(error, errno, "cannot create PID file: Cannot lock '%s'", path);
            close(fd);
            return -1;
        }
        if (is_still_named(fd, path)) {
            return fd;
        }
        close(fd);
    }
}

bool pidfile_write(const char *path, GError **error)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    int fd = open_locked(path, error);

    if (fd < 0) {
        g_prefix_error(error, "-pidfile %s: ", path);
        return false;
    }
    if (ftruncate(fd, 0) < 0 || write(fd, text, length) != length) {
        int saved_errno = errno;
        close(fd);
        return error_set_errno(error, saved_errno, "-pidfile %s: cannot write", path);
    }
    pidfile_fd = fd;
    pidfile_path = g_canonicalize_filename(path, NULL);
    pidfile_owner = getpid();
    return true;
}

void pidfile_remove(void)
{
    if (pidfile_fd >= 0 && pidfile_owner == getpid()) {
        unlink(pidfile_path);
        close(pidfile_fd);
        pidfile_fd = -1;
        g_clear_pointer(&pidfile_path, g_free);
    }
}
