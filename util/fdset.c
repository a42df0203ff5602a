/*
 * Lent file descriptors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h"
#include "util/options.h"

#define FDSET_PREFIX "/dev/fdset/"

typedef struct {
    uint32_t set;
    int fd;
} LentFile;

static GArray *lent_files; /* of LentFile */

bool fdset_add(uint32_t set, int fd, GError **error)
{
    if (fd <= STDERR_FILENO) {
        return error_setf(error, "fd cannot be a standard I/O stream");
    }
    /* What the process opened itself is close-on-exec; a lent file is not, or it would not be here.
     */
    int flags = fcntl(fd, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC)) {
        return error_setf(error, "fd is not valid or already in use");
    }
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return error_set_errno(error, errno, "fd cannot be duplicated");
    }
    if (!lent_files) {
        lent_files = g_array_new(FALSE, FALSE, sizeof(LentFile));
    }
    LentFile lent = {.set = set, .fd = copy};
    g_array_append_val(lent_files, lent);
    return true;
}

bool fdset_is_path(const char *path)
{
    return g_str_has_prefix(path, FDSET_PREFIX);
}

int fdset_open(const char *path, int flags)
{
    const char *number = path + strlen(FDSET_PREFIX);
    bool set_exists = false;
    uint64_t set;

    if (!fdset_is_path(path) || !parse_uint(number, "set", 0, UINT32_MAX, &set, NULL)) {
        errno = ENOENT;
        return -1;
    }
    for (unsigned i = 0; lent_files && i < lent_files->len; i++) {
        LentFile lent = g_array_index(lent_files, LentFile, i);
        if (lent.set != set) {
            continue;
        }
        set_exists = true;
        int mode = fcntl(lent.fd, F_GETFL);
        if (mode >= 0 && (mode & O_ACCMODE) == (flags & O_ACCMODE)) {
            return fcntl(lent.fd, F_DUPFD_CLOEXEC, 0);
        }
    }
    errno = set_exists ? EACCES : ENOENT;
    return -1;
}
