/*
 * file: output to a file or named pipe, input from another (input-path) or none.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <glib-unix.h>
#include <unistd.h>

#include "chardev/fd_chardev.h"
#include "util/error.h"

#define TYPE_FILE_CHARDEV (file_chardev_get_type())
G_DECLARE_FINAL_TYPE(FileChardev, file_chardev, XL, FILE_CHARDEV, FdChardev)

struct _FileChardev {
    FdChardev parent_instance;
};

G_DEFINE_FINAL_TYPE(FileChardev, file_chardev, TYPE_FD_CHARDEV)

static bool file_open(Chardev *chardev, OptionReader *options, GError **error)
{
    const char *path = NULL;
    const char *input_path = NULL;
    bool append = false;
    int in_fd = -1;
    int out_fd;

    if (!option_get_string(options, "path", &path, error) ||
        !option_get_string(options, "input-path", &input_path, error) ||
        !option_get_bool(options, "append", &append, error) ||
        !option_reader_finish(options, error)) {
        return false;
    }
    if (!path) {
        return error_setf(error, "chardev: file: no filename given");
    }
    out_fd = chardev_open_path(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), error);
    if (out_fd < 0) {
        return false;
    }
    if (input_path) {
        in_fd = chardev_open_path(input_path, O_RDONLY | O_NONBLOCK, error);
        if (in_fd < 0) {
            close(out_fd);
            return false;
        }
    }
    g_unix_set_fd_nonblocking(out_fd, TRUE, NULL); /* for a named pipe or terminal as the path */
    fd_chardev_start(XL_FD_CHARDEV(chardev), in_fd, out_fd, false);
    chardev_set_filename(chardev, g_strdup("file"));
    chardev_event(chardev, CHAR_EVENT_OPENED);
    return true;
}

static void file_chardev_class_init(FileChardevClass *klass)
{
    XL_CHARDEV_CLASS(klass)->open = file_open;
}

static void file_chardev_init(FileChardev *self G_GNUC_UNUSED)
{
}

const CharDriver char_driver_file = {
    .name = "file",
    .help = "path=[,append=on][,input-path=]: output to a file",
    .get_type = file_chardev_get_type,
};
