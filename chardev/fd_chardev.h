/*
 * FdChardev: a back end that is one or two file descriptors. File, pipe, stdio, pty and serial
 * build on it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHARDEV_FD_CHARDEV_H
#define CHARDEV_FD_CHARDEV_H

#include "chardev/chardev_private.h"

#define TYPE_FD_CHARDEV (fd_chardev_get_type())
G_DECLARE_DERIVABLE_TYPE(FdChardev, fd_chardev, XL, FD_CHARDEV, Chardev)

struct _FdChardevClass {
    ChardevClass parent_class;
    /** input_ended: end of file, hang-up or an error on the input; NULL: CLOSED, and no more input.
     */
    void (*input_ended)(FdChardev *self);
    /** input_wanted: false while there is nobody whose input could come; NULL: always true. */
    bool (*input_wanted)(FdChardev *self);
};

/**
 * fd_chardev_start: takes over @in_fd (or -1) and @out_fd (or -1; may be the same) and begins to
 * read.
 * @out_blocks: @out_fd is not in non-blocking mode and must be asked before each write
 */
void fd_chardev_start(FdChardev *self, int in_fd, int out_fd, bool out_blocks);
int fd_chardev_in_fd(FdChardev *self);
int fd_chardev_out_fd(FdChardev *self);
/** fd_chardev_close: the class's close(), for subclasses to chain up to. */
void fd_chardev_close(Chardev *chardev);
/** fd_chardev_write: the class's write(). */
int fd_chardev_write(Chardev *chardev, const uint8_t *data, unsigned length);

#endif
