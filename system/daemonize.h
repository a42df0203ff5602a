/*
 * -daemonize.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_DAEMONIZE_H
#define SYSTEM_DAEMONIZE_H

#include <glib.h>
#include <stdbool.h>

/**
 * daemonize_begin: forks. The caller goes on as the child, in a session of its own; the parent
 * waits until the child calls daemonize_finish() (and then ends with status 0) or dies (status 1).
 * No threads yet.
 */
bool daemonize_begin(GError **error);
/** daemonize_finish: everything is up: leaves the folder and the terminal, releases the parent. */
bool daemonize_finish(GError **error);

#endif
