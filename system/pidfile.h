/*
 * -pidfile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_PIDFILE_H
#define SYSTEM_PIDFILE_H

#include <glib.h>
#include <stdbool.h>

/** pidfile_write: puts our process id into @path and keeps it locked as long as the process lives.
 */
bool pidfile_write(const char *path, GError **error);
/** pidfile_remove: removes it; nothing happens if none was written. */
void pidfile_remove(void);

#endif
