/*
 * A thread's errand to the main loop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_MAIN_CALL_H
#define MIGRATION_MAIN_CALL_H

#include <glib.h>
#include <stdbool.h>

/** main_call: runs @function on the main loop with the machine lock held, and waits for its end.
 * False: it was not run, and will not be: the process ends. */
bool main_call(void (*function)(void *opaque), void *opaque);
/** main_call_close: from now on nobody is served, who waits comes back. Main thread. */
void main_call_close(void);

#endif
