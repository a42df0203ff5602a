/*
 * The machine lock: emulated chips, the run state and the object tree are used only while it is held.
 * The main loop holds it except while it waits; a vCPU thread takes it for an access to a chip.
 * Lock order: docs/devel/locking.rst.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_MACHINE_LOCK_H
#define UTIL_MACHINE_LOCK_H

#include <glib.h>
#include <stdbool.h>

void machine_lock(void);
void machine_unlock(void);
/** machine_lock_held: true if this thread holds it. */
bool machine_lock_held(void);
/** machine_lock_wait: waits on @cond with the machine lock released meanwhile. */
void machine_lock_wait(GCond *cond);
/** machine_lock_assert: aborts (our own bug) in debug builds if this thread does not hold it. */
#ifdef NDEBUG
#define machine_lock_assert() ((void)0)
#else
#define machine_lock_assert() g_assert(machine_lock_held())
#endif
/** machine_lock_attach_main_context: the default main context releases the lock around poll(). */
void machine_lock_attach_main_context(void);

#endif
