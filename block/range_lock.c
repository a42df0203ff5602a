/*
 * Byte-range holds in order of arrival.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/range_lock.h"

void range_lock_init(RangeLock *lock)
{
    pthread_mutex_init(&lock->mutex, NULL);
}

void range_lock_clear(RangeLock *lock)
{
    pthread_mutex_destroy(&lock->mutex);
}

static bool conflicts(const RangeHold *a, const RangeHold *b)
{
    return (a->exclusive || b->exclusive) && a->start < b->end && b->start < a->end;
}

/* Those that came earlier, granted or waiting, go first. */
static bool may_go(const RangeLock *lock, const RangeHold *hold)
{
    for (const RangeHold *other = lock->first; other && other != hold; other = other->next) {
        if (conflicts(other, hold)) {
            return false;
        }
    }
    return true;
}

bool range_lock_acquire(RangeLock *lock, RangeHold *hold)
{
    pthread_mutex_lock(&lock->mutex);
    hold->next = NULL;
    if (lock->last) {
        lock->last->next = hold;
    } else {
        lock->first = hold;
    }
    lock->last = hold;
    hold->granted = may_go(lock, hold);
    bool granted = hold->granted;
    pthread_mutex_unlock(&lock->mutex);
    return granted;
}

static void unlink_hold(RangeLock *lock, RangeHold *hold)
{
    RangeHold *before = NULL;

    for (RangeHold *at = lock->first; at != hold; at = at->next) {
        before = at;
    }
    if (before) {
        before->next = hold->next;
    } else {
        lock->first = hold->next;
    }
    if (lock->last == hold) {
        lock->last = before;
    }
}

static RangeHold *grant_one(RangeLock *lock)
{
    for (RangeHold *hold = lock->first; hold; hold = hold->next) {
        if (!hold->granted && may_go(lock, hold)) {
            hold->granted = true;
            return hold;
        }
    }
    return NULL;
}

void range_lock_release(RangeLock *lock, RangeHold *hold)
{
    RangeHold *next;

    pthread_mutex_lock(&lock->mutex);
    unlink_hold(lock, hold);
    while ((next = grant_one(lock))) {
        pthread_mutex_unlock(&lock->mutex);
        next->ready(next);
        pthread_mutex_lock(&lock->mutex);
    }
    pthread_mutex_unlock(&lock->mutex);
}
