/*
 * Byte ranges of a node held by requests: an exclusive hold waits for every overlapping hold before
 * it and keeps later ones waiting. Read-modify-write (O_DIRECT, copy-on-write) needs that.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_RANGE_LOCK_H
#define BLOCK_RANGE_LOCK_H

#include <glib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct RangeHold RangeHold;

/* Memory of the holder, from acquire to release. */
struct RangeHold {
    uint64_t start, end;
    bool exclusive, granted;
    void (*ready)(RangeHold *hold); /* it is granted now; from another hold's release */
    RangeHold *next;
};

typedef struct {
    pthread_mutex_t mutex;
    RangeHold *first, *last; /* in order of arrival, granted and waiting */
} RangeLock;

void range_lock_init(RangeLock *lock);
void range_lock_clear(RangeLock *lock);
/** range_lock_acquire: true: granted now; false: hold->ready will be called. */
bool range_lock_acquire(RangeLock *lock, RangeHold *hold);
/** range_lock_release: gives @hold up and calls ready of those that may go on. */
void range_lock_release(RangeLock *lock, RangeHold *hold);

#endif
