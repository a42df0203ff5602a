/*
 * Doorbells: eventfds that the guest's side writes, waited for together with the completions of
 * requests, so that an I/O thread does both with one system call. And the I/O thread's wait itself.
 *
 * Source: io_uring_enter(2), IORING_OP_POLL_ADD.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_DOORBELL_H
#define BLOCK_DOORBELL_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct BlockDoorbell BlockDoorbell;

/**
 * block_doorbell_new: @rung is called in @context (NULL: the default one) after @fd, an eventfd of
 * the caller's that nobody else reads, has been written; several writes may be one call. The
 * responses and requests of a call of @rung and of the completions before it are one batch.
 * Called in @context, as are all functions on doorbells.
 */
BlockDoorbell *block_doorbell_new(GMainContext *context, int fd, void (*rung)(void *opaque),
                                  void *opaque);
/** block_doorbell_free: @rung is not called any more; @fd may be closed. */
void block_doorbell_free(BlockDoorbell *doorbell);
/** block_doorbell_again: calls @rung once the completions at hand have been told; from inside a
 * completion or @rung only. */
void block_doorbell_again(BlockDoorbell *doorbell);
/** block_doorbell_after: calls @rung in @delay_ns even if nobody writes; 0: takes that back. */
void block_doorbell_after(BlockDoorbell *doorbell, int64_t delay_ns);

/**
 * block_context_enter: this thread runs @context from now on: requests that it makes complete here,
 * and its waits are waits for the ring. block_context_leave: before the thread ends.
 */
void block_context_enter(GMainContext *context);
void block_context_leave(GMainContext *context);

#endif
