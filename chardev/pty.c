/*
 * pty: a pseudo terminal; whoever opens its slave is the peer.
 *
 * The master side says "hang-up" while nobody has the slave open. Nothing wakes us when that
 * changes, so an unconnected pty is looked at once a second, and whenever the guest writes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "chardev/fd_chardev.h"
#include "util/error.h"

#define RECONNECT_POLL_MS 1000

#define TYPE_PTY_CHARDEV (pty_chardev_get_type())
G_DECLARE_FINAL_TYPE(PtyChardev, pty_chardev, XL, PTY_CHARDEV, FdChardev)

struct _PtyChardev {
    FdChardev parent_instance;
    bool connected;
    guint poll_timer; /* runs while not connected */
    char *link_path;  /* path=: a symbolic link to the slave */
};

G_DEFINE_FINAL_TYPE(PtyChardev, pty_chardev, TYPE_FD_CHARDEV)

static bool slave_is_open(PtyChardev *self)
{
    struct pollfd query = {.fd = fd_chardev_in_fd(XL_FD_CHARDEV(self)), .events = POLLIN};

    return poll(&query, 1, 0) >= 0 && !(query.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* Looks at the slave; true if somebody has it open. */
static bool check_connection(PtyChardev *self)
{
    if (!self->connected && slave_is_open(self)) {
        self->connected = true;
        g_clear_handle_id(&self->poll_timer, g_source_remove);
        chardev_event(XL_CHARDEV(self), CHAR_EVENT_OPENED);
        g_main_context_wakeup(NULL); /* input is wanted from now on */
    }
    return self->connected;
}

static gboolean poll_timer(gpointer data)
{
    PtyChardev *self = data;

    /* check_connection() removes the source, which is fine from within it. */
    return check_connection(self) ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void start_polling(PtyChardev *self)
{
    if (!self->poll_timer) {
        self->poll_timer = g_timeout_add(RECONNECT_POLL_MS, poll_timer, self);
    }
}

static void pty_disconnected(FdChardev *fd_chardev)
{
    PtyChardev *self = XL_PTY_CHARDEV(fd_chardev);

    if (!self->connected) {
        return;
    }
    self->connected = false;
    chardev_drop_queue(XL_CHARDEV(self));
    chardev_event(XL_CHARDEV(self), CHAR_EVENT_CLOSED);
    start_polling(self);
}

static bool pty_input_wanted(FdChardev *fd_chardev)
{
    return XL_PTY_CHARDEV(fd_chardev)->connected;
}

static int pty_write(Chardev *chardev, const uint8_t *data, unsigned length)
{
    PtyChardev *self = XL_PTY_CHARDEV(chardev);
    int taken;

    if (!check_connection(self)) {
        return length;
    }
    taken = fd_chardev_write(chardev, data, length);
    if (taken <= 0 && !slave_is_open(self)) {
        pty_disconnected(XL_FD_CHARDEV(self));
        return length;
    }
    return taken;
}

static bool make_link(PtyChardev *self, const char *slave, const char *path, GError **error)
{
    if (path && symlink(slave, path) < 0) {
        return error_set_errno(error, errno, "Failed to create symlink '%s'", path);
    }
    self->link_path = g_strdup(path);
    return true;
}

static bool open_pair(int *master, char **slave_name, GError **error)
{
    struct termios raw;
    int slave;

    if (openpty(master, &slave, NULL, NULL, NULL) < 0) {
        return error_set_errno(error, errno, "Failed to create PTY");
    }
    tcgetattr(slave, &raw);
    cfmakeraw(&raw);
    tcsetattr(slave, TCSAFLUSH, &raw);
    *slave_name = g_strdup(ttyname(slave));
    close(slave);
    fcntl(*master, F_SETFD, FD_CLOEXEC);
    g_unix_set_fd_nonblocking(*master, TRUE, NULL);
    return true;
}

static bool pty_open(Chardev *chardev, OptionReader *options, GError **error)
{
    PtyChardev *self = XL_PTY_CHARDEV(chardev);
    g_autofree char *slave = NULL;
    const char *path = NULL;
    int master;

    if (!option_get_string(options, "path", &path, error) ||
        !option_reader_finish(options, error) || !open_pair(&master, &slave, error)) {
        return false;
    }
    fd_chardev_start(XL_FD_CHARDEV(self), master, master, false);
    if (!make_link(self, slave, path, error)) {
        return false;
    }
    chardev_set_filename(chardev, g_strconcat("pty:", slave, NULL));
    printf("char device redirected to %s (label %s)\n", slave, chardev_id(chardev));
    fflush(stdout);
    start_polling(self);
    return true;
}

static void pty_close(Chardev *chardev)
{
    PtyChardev *self = XL_PTY_CHARDEV(chardev);

    g_clear_handle_id(&self->poll_timer, g_source_remove);
    if (self->link_path) {
        unlink(self->link_path);
        g_clear_pointer(&self->link_path, g_free);
    }
    fd_chardev_close(chardev);
}

static void pty_chardev_class_init(PtyChardevClass *klass)
{
    XL_CHARDEV_CLASS(klass)->open = pty_open;
    XL_CHARDEV_CLASS(klass)->close = pty_close;
    XL_CHARDEV_CLASS(klass)->write = pty_write;
    XL_FD_CHARDEV_CLASS(klass)->input_ended = pty_disconnected;
    XL_FD_CHARDEV_CLASS(klass)->input_wanted = pty_input_wanted;
}

static void pty_chardev_init(PtyChardev *self G_GNUC_UNUSED)
{
}

const CharDriver char_driver_pty = {
    .name = "pty",
    .help = "[path=]: a pseudo terminal, with a symbolic link at path",
    .get_type = pty_chardev_get_type,
};
