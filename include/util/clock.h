/*
 * Clocks and timers.
 *
 * CLOCK_VIRTUAL runs while the guest runs and is what emulated chips count; under the qtest
 * accelerator it moves only by clock_step/clock_set. CLOCK_REALTIME_HOST never stops (monotonic).
 * CLOCK_HOST is the wall clock. All values are nanoseconds.
 *
 * Timers fire on the main loop with the machine lock held.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS     INT64_C(1000000)
#define NS_PER_US     INT64_C(1000)

typedef enum {
    CLOCK_VIRTUAL,
    CLOCK_REALTIME_HOST,
    CLOCK_HOST,
    CLOCK_TYPE_COUNT
} ClockType;

/** clock_get_ns: the clock's time now; any thread. */
int64_t clock_get_ns(ClockType type);

/** clock_virtual_set_running: starts or stops CLOCK_VIRTUAL (run state); it starts stopped at 0. */
void clock_virtual_set_running(bool running);

/** clock_virtual_set_ns: moves CLOCK_VIRTUAL, for loading saved state. */
void clock_virtual_set_ns(int64_t ns);

/** clock_virtual_set_manual: the qtest accelerator: CLOCK_VIRTUAL moves only by clock_virtual_step_to. */
void clock_virtual_set_manual(void);

/**
 * clock_virtual_step_to: manual mode: moves the clock to @ns and runs each timer that is due on the way,
 * in order, with the clock reading that timer's own expiry.
 */
void clock_virtual_step_to(int64_t ns);

/** clock_next_deadline_ns: expiry of the earliest timer of @type, or -1 if none is armed. */
int64_t clock_next_deadline_ns(ClockType type);

typedef struct Timer Timer;
typedef void (*TimerCallback)(void *opaque);

/** timer_new: an unarmed timer; free with timer_free(). */
Timer *timer_new(ClockType type, TimerCallback callback, void *opaque);
/** timer_free: disarms and frees; NULL is fine. */
void timer_free(Timer *timer);
/** timer_mod: arms @timer for absolute time @expire_ns of its clock; any thread with the machine lock. */
void timer_mod(Timer *timer, int64_t expire_ns);
/** timer_del: disarms. */
void timer_del(Timer *timer);
/** timer_pending: true while armed. */
bool timer_pending(const Timer *timer);
/** timer_expire_ns: when it will fire, or -1. */
int64_t timer_expire_ns(const Timer *timer);

/** timers_init: attaches the clocks to the default main context; called once by main (or a test). */
void timers_init(void);

/** muldiv64: a * b / c with a 128-bit product. */
static inline uint64_t muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((unsigned __int128)a * b / c);
}

#endif
