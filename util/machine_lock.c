/*
 * The machine lock and its release around the main loop's poll().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/machine_lock.h"

static GMutex lock;
static _Thread_local bool held;

void machine_lock(void)
{
    g_assert(!held);
    g_mutex_lock(&lock);
    held = true;
}

void machine_unlock(void)
{
    g_assert(held);
    held = false;
    g_mutex_unlock(&lock);
}

bool machine_lock_held(void)
{
    return held;
}

void machine_lock_wait(GCond *cond)
{
    g_assert(held);
    held = false;
    g_cond_wait(cond, &lock);
    held = true;
}

static gint poll_unlocked(GPollFD *fds, guint count, gint timeout)
{
    bool was_held = held;
    gint result;

    /* A poll that cannot wait keeps the lock: giving it up would only cost two system calls. */
    if (!was_held || timeout == 0) {
        return g_poll(fds, count, timeout);
    }
    machine_unlock();
    result = g_poll(fds, count, timeout);
    machine_lock();
    return result;
}

void machine_lock_attach_main_context(void)
{
    g_main_context_set_poll_func(g_main_context_default(), poll_unlocked);
}
