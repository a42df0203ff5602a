/*
 * stdio: standard input and output, the terminal in raw mode.
 *
 * Descriptors 0 and 1 are shared with the shell and with other programs of a pipeline, so their
 * O_NONBLOCK stays as it is: a terminal or pipe is opened once more for ourselves, and what cannot
 * be is asked before each write.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chardev/fd_chardev.h"
#include "chardev/terminal.h"
#include "util/error.h"

#define TYPE_STDIO_CHARDEV (stdio_chardev_get_type())
G_DECLARE_FINAL_TYPE(StdioChardev, stdio_chardev, XL, STDIO_CHARDEV, FdChardev)

struct _StdioChardev {
    FdChardev parent_instance;
    bool owner;
};

G_DEFINE_FINAL_TYPE(StdioChardev, stdio_chardev, TYPE_FD_CHARDEV)

static bool stdio_in_use;

/* A description of our own of what stdout is, non-blocking; -1 if it cannot or need not be had. */
static int reopen_output(void)
{
    struct stat status;

    if (fstat(STDOUT_FILENO, &status) < 0 ||
        !(S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))) {
        return -1;
    }
    return open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void start(StdioChardev *self)
{
    int in_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    int out_fd = reopen_output();
    bool out_blocks = out_fd < 0;

    if (out_blocks) {
        out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    }
    fd_chardev_start(XL_FD_CHARDEV(self), in_fd, out_fd, out_blocks);
}

static bool stdio_open(Chardev *chardev, OptionReader *options, GError **error)
{
    StdioChardev *self = XL_STDIO_CHARDEV(chardev);
    bool signals = true;

    if (!option_get_bool(options, "signal", &signals, error) ||
        !option_reader_finish(options, error)) {
        return false;
    }
    if (stdio_in_use) {
        return error_setf(error, "cannot use stdio by multiple character devices");
    }
    stdio_in_use = self->owner = true;
    start(self);
    terminal_take(signals);
    chardev_set_filename(chardev, g_strdup("stdio"));
    chardev_event(chardev, CHAR_EVENT_OPENED);
    return true;
}

static void stdio_close(Chardev *chardev)
{
    StdioChardev *self = XL_STDIO_CHARDEV(chardev);

    if (self->owner) {
        terminal_restore();
        stdio_in_use = self->owner = false;
    }
    fd_chardev_close(chardev);
}

static void stdio_chardev_class_init(StdioChardevClass *klass)
{
    XL_CHARDEV_CLASS(klass)->open = stdio_open;
    XL_CHARDEV_CLASS(klass)->close = stdio_close;
}

static void stdio_chardev_init(StdioChardev *self G_GNUC_UNUSED)
{
}

const CharDriver char_driver_stdio = {
    .name = "stdio",
    .help = "[signal=on|off]: standard input and output",
    .get_type = stdio_chardev_get_type,
};
