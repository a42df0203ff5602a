/*
 * I/O threads: a thread with a main context of its own, for devices whose requests shall not wait
 * for the main loop. Made by -object iothread and named by a device's property iothread=, or made
 * as devices need them, one for each CPU of the host at most.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_IO_THREAD_H
#define HW_BLOCK_IO_THREAD_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct IOThread IOThread;

/** io_thread_new: a thread that devices find as @id; it starts with its first user. @error if there
 * is one of that name. */
IOThread *io_thread_new(const char *id, GError **error);
/** io_thread_free: ends it; false if a device still uses it. */
bool io_thread_free(IOThread *thread, GError **error);
/** io_thread_ref: the thread called @id for a device, running; @error if there is none. */
IOThread *io_thread_ref(const char *id, GError **error);
/** io_thread_ref_any: a thread without a name: a new one while there are fewer than the host has
 * CPUs, else the one with the fewest users. It ends with its last user. Main thread. */
IOThread *io_thread_ref_any(void);
/** io_thread_share: another reference of a thread that is running. */
void io_thread_share(IOThread *thread);
void io_thread_unref(IOThread *thread);
const char *io_thread_id(const IOThread *thread);
/** io_thread_find: the thread called @id, or NULL. */
IOThread *io_thread_find(const char *id);
/** io_thread_host_id: the host's number of the thread (gettid), which is started if it was not. */
int io_thread_host_id(IOThread *thread);

/* What -object iothread says of its loop; kept for those who ask: the loop waits for its io_uring
 * and does not poll. */
typedef struct {
    uint64_t poll_max_ns, poll_grow, poll_shrink, aio_max_batch;
} IOThreadParameters;

void io_thread_set_parameters(IOThread *thread, const IOThreadParameters *parameters);
IOThreadParameters io_thread_parameters(const IOThread *thread);
/** io_thread_context: its main context; NULL for a NULL @thread: the default one. */
GMainContext *io_thread_context(const IOThread *thread);

/**
 * io_context_run: calls @function in the thread of @context (NULL: the default one, whose lock the
 * caller holds) and waits until it has returned. What runs there never takes the machine lock, so
 * that a holder of it may wait.
 */
void io_context_run(GMainContext *context, void (*function)(void *opaque), void *opaque);

#endif
