/*
 * Signals that end the process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_SIGNALS_H
#define SYSTEM_SIGNALS_H

#include <glib.h>
#include <stdbool.h>

/**
 * signals_init: from now on SIGINT, SIGTERM and SIGHUP ask the main loop for a clean shutdown and
 * SIGPIPE does nothing. Call before the first thread: threads inherit the mask.
 */
bool signals_init(GError **error);

#endif
