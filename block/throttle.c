/*
 * Token buckets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/throttle.h"
#include "util/clock.h"
#include "util/error.h"

#define MAX_RATE UINT64_C(1000000000000000)
/* Without a burst a bucket holds this part of a second. */
#define DEFAULT_BURST_PARTS 10

static bool any_of(const ThrottleLimits *limits, ThrottleBucket first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (limits->buckets[first + i].average || limits->buckets[first + i].burst) {
            return true;
        }
    }
    return false;
}

static bool check_bucket(const ThrottleLimits *limits, ThrottleBucket bucket, GError **error)
{
    uint64_t average = limits->buckets[bucket].average, burst = limits->buckets[bucket].burst;
    uint64_t length = limits->buckets[bucket].burst_length;

    if (average > MAX_RATE || burst > MAX_RATE) {
        return error_setf(error, "bps/iops/max values must be within [0, %" G_GUINT64_FORMAT "]",
                          MAX_RATE);
    }
    if (length == 0) {
        return error_setf(error, "the burst length cannot be 0");
    }
    if (length > 1 && !burst) {
        return error_setf(error, "burst length set without burst rate");
    }
    if (burst && !average) {
        return error_setf(error, "bps_max/iops_max require corresponding bps/iops values");
    }
    if (burst && burst < average) {
        return error_setf(error, "bps_max/iops_max cannot be lower than bps/iops");
    }
    return true;
}

bool throttle_limits_check(const ThrottleLimits *limits, GError **error)
{
    static const ThrottleBucket totals[] = {THROTTLE_BYTES_TOTAL, THROTTLE_OPERATIONS_TOTAL};

    for (unsigned i = 0; i < G_N_ELEMENTS(totals); i++) {
        if (any_of(limits, totals[i], 1) && any_of(limits, totals[i] + 1, 2)) {
            return error_setf(error, "bps/iops/max total values and read/write values cannot be "
                                     "used at the same time");
        }
    }
    if (limits->operation_size && !any_of(limits, THROTTLE_OPERATIONS_TOTAL, 3)) {
        return error_setf(error, "iops size requires an iops value to be set");
    }
    for (unsigned bucket = 0; bucket < THROTTLE_BUCKET_COUNT; bucket++) {
        if (!check_bucket(limits, bucket, error)) {
            return false;
        }
    }
    return true;
}

bool throttle_limits_any(const ThrottleLimits *limits)
{
    return any_of(limits, THROTTLE_BYTES_TOTAL, THROTTLE_BUCKET_COUNT);
}

static double capacity(const ThrottleLimits *limits, unsigned bucket)
{
    if (limits->buckets[bucket].burst) {
        return (double)limits->buckets[bucket].burst * (double)limits->buckets[bucket].burst_length;
    }
    return (double)limits->buckets[bucket].average / DEFAULT_BURST_PARTS;
}

void throttle_init(Throttle *throttle, const ThrottleLimits *limits, int64_t now_ns)
{
    throttle->limits = *limits;
    throttle->filled_ns = now_ns;
    for (unsigned bucket = 0; bucket < THROTTLE_BUCKET_COUNT; bucket++) {
        throttle->level[bucket] = capacity(limits, bucket);
    }
}

static void fill(Throttle *throttle, int64_t now_ns)
{
    double seconds = (double)(now_ns - throttle->filled_ns) / (double)NS_PER_SECOND;

    throttle->filled_ns = now_ns;
    for (unsigned bucket = 0; bucket < THROTTLE_BUCKET_COUNT; bucket++) {
        double level =
            throttle->level[bucket] + (double)throttle->limits.buckets[bucket].average * seconds;
        throttle->level[bucket] = MIN(level, capacity(&throttle->limits, bucket));
    }
}

static bool applies(unsigned bucket, bool is_write)
{
    switch (bucket) {
    case THROTTLE_BYTES_READ:
    case THROTTLE_OPERATIONS_READ:
        return !is_write;
    case THROTTLE_BYTES_WRITE:
    case THROTTLE_OPERATIONS_WRITE:
        return is_write;
    default:
        return true;
    }
}

int64_t throttle_wait_ns(Throttle *throttle, bool is_write, int64_t now_ns)
{
    double longest = 0;

    fill(throttle, now_ns);
    for (unsigned bucket = 0; bucket < THROTTLE_BUCKET_COUNT; bucket++) {
        uint64_t average = throttle->limits.buckets[bucket].average;
        if (average && applies(bucket, is_write) && throttle->level[bucket] < 0) {
            longest = MAX(longest, -throttle->level[bucket] / (double)average);
        }
    }
    return longest > 0 ? (int64_t)(longest * (double)NS_PER_SECOND) + 1 : 0;
}

void throttle_account(Throttle *throttle, bool is_write, uint64_t bytes)
{
    uint64_t size = throttle->limits.operation_size;
    double operations = size && bytes > size ? (double)bytes / (double)size : 1;

    for (unsigned bucket = 0; bucket < THROTTLE_BUCKET_COUNT; bucket++) {
        if (applies(bucket, is_write)) {
            throttle->level[bucket] -=
                bucket < THROTTLE_OPERATIONS_TOTAL ? (double)bytes : operations;
        }
    }
}
