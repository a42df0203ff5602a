/*
 * What the registry alone does with the base class: name, log file, end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHARDEV_BASE_H
#define CHARDEV_BASE_H

#include "chardev/chardev.h"

void chardev_set_id(Chardev *chardev, const char *id);
/** chardev_open_log: logfile= and logappend=: what the front end writes goes there too. */
bool chardev_open_log(Chardev *chardev, const char *path, bool append, GError **error);
/** chardev_is_busy: a front end is attached. */
bool chardev_is_busy(Chardev *chardev);
/** chardev_flush_queue: hands over what the back end takes; true if nothing is left. */
bool chardev_flush_queue(Chardev *chardev);
/** chardev_close: ends the back end; the object stays for those who hold it. */
void chardev_close(Chardev *chardev);

#endif
