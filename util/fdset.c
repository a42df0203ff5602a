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
    char *note; /* or NULL */
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
    fdset_take(false, &set, copy, NULL);
    return true;
}

static LentFile *lent_file(unsigned i)
{
    return &g_array_index(lent_files, LentFile, i);
}

void fdset_set_note(const char *note)
{
    LentFile *last = lent_file(lent_files->len - 1);

    g_free(last->note);
    last->note = g_strdup(note);
}

static uint32_t lowest_free_set(void)
{
    uint32_t set = 0;

    for (unsigned i = 0; i < lent_files->len;) {
        if (lent_file(i)->set == set) {
            set++;
            i = 0;
        } else {
            i++;
        }
    }
    return set;
}

int fdset_take(bool new_set, uint32_t *set, int fd, const char *note)
{
    if (!lent_files) {
        lent_files = g_array_new(FALSE, FALSE, sizeof(LentFile));
    }
    if (new_set) {
        *set = lowest_free_set();
    }
    LentFile lent = {.set = *set, .fd = fd, .note = g_strdup(note)};
    g_array_append_val(lent_files, lent);
    return fd;
}

bool fdset_remove(uint32_t set, int fd)
{
    bool found = false;

    for (unsigned i = 0; lent_files && i < lent_files->len;) {
        LentFile *lent = lent_file(i);
        if (lent->set != set || (fd >= 0 && lent->fd != fd)) {
            i++;
            continue;
        }
        close(lent->fd);
        g_free(lent->note);
        g_array_remove_index(lent_files, i);
        found = true;
    }
    return found;
}

static int compare_sets(const void *a, const void *b)
{
    const LentFile *left = a, *right = b;

    return left->set != right->set ? (left->set < right->set ? -1 : 1) : left->fd - right->fd;
}

void fdset_foreach(void (*visit)(uint32_t set, int fd, const char *note, void *opaque),
                   void *opaque)
{
    if (!lent_files) {
        return;
    }
    g_array_sort(lent_files, compare_sets);
    for (unsigned i = 0; i < lent_files->len; i++) {
        visit(lent_file(i)->set, lent_file(i)->fd, lent_file(i)->note, opaque);
    }
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
