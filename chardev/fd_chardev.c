/*
 * A back end that is one or two file descriptors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/fd_chardev.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "chardev/fd_source.h"

#define READ_SIZE 4096
/* What a pipe or terminal that polls writable takes for certain without blocking. */
#define BLOCKING_WRITE_SIZE 512

typedef struct {
    int in_fd, out_fd;
    bool out_blocks;
    bool held; /* the front end had no room when asked last */
    GSource *input;
} FdChardevPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(FdChardev, fd_chardev, TYPE_CHARDEV)

static FdChardevPrivate *private(void *self)
{
    return fd_chardev_get_instance_private(XL_FD_CHARDEV(self));
}

/* ---- input ---- */

static int input_wanted_fd(void *opaque)
{
    FdChardevPrivate *priv = private(opaque);
    FdChardevClass *klass = XL_FD_CHARDEV_GET_CLASS(opaque);

    if (klass->input_wanted && !klass->input_wanted(opaque)) {
        return FD_SOURCE_NONE;
    }
    priv->held = chardev_can_receive(opaque) == 0;
    return priv->held ? FD_SOURCE_NONE : priv->in_fd;
}

static void input_ended(FdChardev *self)
{
    FdChardevClass *klass = XL_FD_CHARDEV_GET_CLASS(self);

    if (klass->input_ended) {
        klass->input_ended(self);
    } else {
        fd_source_destroy(&private(self)->input);
        chardev_event(XL_CHARDEV(self), CHAR_EVENT_CLOSED);
    }
}

static bool input_ready(void *opaque)
{
    FdChardevPrivate *priv = private(opaque);
    uint8_t data[READ_SIZE];
    unsigned room = MIN(chardev_can_receive(opaque), sizeof(data));
    ssize_t length;

    if (room == 0) {
        return true;
    }
    length = read(priv->in_fd, data, room);
    if (length > 0) {
        chardev_receive(opaque, data, length);
    } else if (length == 0 || (errno != EAGAIN && errno != EINTR)) {
        input_ended(opaque);
    }
    return true;
}

static void fd_chardev_accept_input(Chardev *chardev)
{
    if (private(chardev)->held) {
        g_main_context_wakeup(NULL);
    }
}

/* ---- output ---- */

static bool writable_now(int fd)
{
    struct pollfd query = {.fd = fd, .events = POLLOUT};

    return poll(&query, 1, 0) > 0;
}

int fd_chardev_write(Chardev *chardev, const uint8_t *data, unsigned length)
{
    FdChardevPrivate *priv = private(chardev);
    ssize_t written;

    if (priv->out_fd < 0) {
        return length;
    }
    if (priv->out_blocks) {
        if (!writable_now(priv->out_fd)) {
            return 0;
        }
        length = MIN(length, BLOCKING_WRITE_SIZE);
    }
    do {
        written = write(priv->out_fd, data, length);
    } while (written < 0 && errno == EINTR);
    if (written < 0) {
        return errno == EAGAIN ? 0 : -1;
    }
    return written;
}

static int fd_chardev_writable_fd(Chardev *chardev)
{
    int fd = private(chardev)->out_fd;

    return fd < 0 ? FD_SOURCE_READY : fd;
}

/* ---- life ---- */

void fd_chardev_start(FdChardev *self, int in_fd, int out_fd, bool out_blocks)
{
    FdChardevPrivate *priv = private(self);

    signal(SIGPIPE, SIG_IGN); /* a reader that left is an error of write(), not our end */
    priv->in_fd = in_fd;
    priv->out_fd = out_fd;
    priv->out_blocks = out_blocks;
    if (in_fd >= 0) {
        priv->input = fd_source_attach(input_wanted_fd, G_IO_IN, input_ready, self);
    }
}

int fd_chardev_in_fd(FdChardev *self)
{
    return private(self)->in_fd;
}

int fd_chardev_out_fd(FdChardev *self)
{
    return private(self)->out_fd;
}

void fd_chardev_close(Chardev *chardev)
{
    FdChardevPrivate *priv = private(chardev);

    fd_source_destroy(&priv->input);
    if (priv->in_fd >= 0) {
        close(priv->in_fd);
    }
    if (priv->out_fd >= 0 && priv->out_fd != priv->in_fd) {
        close(priv->out_fd);
    }
    priv->in_fd = priv->out_fd = -1;
}

static void fd_chardev_class_init(FdChardevClass *klass)
{
    ChardevClass *chardev_class = XL_CHARDEV_CLASS(klass);

    chardev_class->close = fd_chardev_close;
    chardev_class->write = fd_chardev_write;
    chardev_class->writable_fd = fd_chardev_writable_fd;
    chardev_class->accept_input = fd_chardev_accept_input;
}

static void fd_chardev_init(FdChardev *self)
{
    FdChardevPrivate *priv = private(self);

    priv->in_fd = priv->out_fd = -1;
}
