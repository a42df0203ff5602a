/*
 * Where firmware images are looked for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_FIRMWARE_PATH_H
#define SYSTEM_FIRMWARE_PATH_H

#include <glib.h>

/** firmware_path_add_defaults: appends the folders searched after those of -L to @path (of char *).
 */
void firmware_path_add_defaults(GPtrArray *path);

#endif
