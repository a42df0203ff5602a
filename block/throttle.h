/*
 * Throttling: token buckets on bytes and operations of a drive.
 *
 * A bucket fills with its average rate up to its burst. A request may go when no bucket is in debt
 * and then takes its cost, going into debt if it must; so a request larger than the bucket passes
 * too, and pays later.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_THROTTLE_H
#define BLOCK_THROTTLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    THROTTLE_BYTES_TOTAL,
    THROTTLE_BYTES_READ,
    THROTTLE_BYTES_WRITE,
    THROTTLE_OPERATIONS_TOTAL,
    THROTTLE_OPERATIONS_READ,
    THROTTLE_OPERATIONS_WRITE,
    THROTTLE_BUCKET_COUNT
} ThrottleBucket;

typedef struct {
    struct {
        uint64_t average; /* units a second; 0: no limit */
        uint64_t burst;   /* units a second while bursting; 0: a tenth of a second of the average */
        uint64_t burst_length; /* seconds */
    } buckets[THROTTLE_BUCKET_COUNT];
    uint64_t operation_size; /* bytes that count as one operation; 0: any request is one */
} ThrottleLimits;

typedef struct {
    ThrottleLimits limits;
    double level[THROTTLE_BUCKET_COUNT]; /* tokens; negative is debt */
    int64_t filled_ns;
} Throttle;

/** throttle_limits_check: false if the values contradict each other. */
bool throttle_limits_check(const ThrottleLimits *limits, GError **error);
/** throttle_limits_any: false: there is nothing to limit. */
bool throttle_limits_any(const ThrottleLimits *limits);
/** throttle_init: full buckets at @now_ns. */
void throttle_init(Throttle *throttle, const ThrottleLimits *limits, int64_t now_ns);
/** throttle_wait_ns: 0 if a read (or write) may go at @now_ns, else how long until it may. */
int64_t throttle_wait_ns(Throttle *throttle, bool is_write, int64_t now_ns);
/** throttle_account: takes the cost of a request. */
void throttle_account(Throttle *throttle, bool is_write, uint64_t bytes);

#endif
