/*
 * pipe: the named pipes PATH.in and PATH.out, or one two-way file PATH.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <unistd.h>

#include "chardev/fd_chardev.h"
#include "util/error.h"

#define TYPE_PIPE_CHARDEV (pipe_chardev_get_type())
G_DECLARE_FINAL_TYPE(PipeChardev, pipe_chardev, XL, PIPE_CHARDEV, FdChardev)

struct _PipeChardev {
    FdChardev parent_instance;
};

G_DEFINE_FINAL_TYPE(PipeChardev, pipe_chardev, TYPE_FD_CHARDEV)

static bool pipe_open(Chardev *chardev, OptionReader *options, GError **error)
{
    const char *path = NULL;
    g_autofree char *in_path = NULL;
    g_autofree char *out_path = NULL;
    int in_fd, out_fd;

    if (!option_get_string(options, "path", &path, error)) {
        return false;
    }
    if (!path) {
        return error_setf(error, "chardev: pipe: no device path given");
    }
    in_path = g_strconcat(path, ".in", NULL);
    out_path = g_strconcat(path, ".out", NULL);
    /* Read-write, so that neither open waits for a peer and the input has no end when a writer
     * leaves. */
    in_fd = chardev_open_path(in_path, O_RDWR | O_NONBLOCK, NULL);
    out_fd = chardev_open_path(out_path, O_RDWR | O_NONBLOCK, NULL);
    if (in_fd < 0 || out_fd < 0) {
        if (in_fd >= 0) {
            close(in_fd);
        }
        if (out_fd >= 0) {
            close(out_fd);
        }
        in_fd = out_fd = chardev_open_path(path, O_RDWR | O_NONBLOCK, error);
        if (in_fd < 0) {
            return false;
        }
    }
    fd_chardev_start(XL_FD_CHARDEV(chardev), in_fd, out_fd, false);
    chardev_set_filename(chardev, g_strdup("pipe"));
    chardev_event(chardev, CHAR_EVENT_OPENED);
    return true;
}

static void pipe_chardev_class_init(PipeChardevClass *klass)
{
    XL_CHARDEV_CLASS(klass)->open = pipe_open;
}

static void pipe_chardev_init(PipeChardev *self G_GNUC_UNUSED)
{
}

const CharDriver char_driver_pipe = {
    .name = "pipe",
    .help = "path=: named pipes PATH.in and PATH.out, or one two-way PATH",
    .get_type = pipe_chardev_get_type,
};
