/*
 * How many warnings a guest may bring about: a bucketful at once, then one a second. Whoever reads
 * the process's stderr may keep it all, or not read it for a while.
 *
 * A state machine without clock or lock: time comes with each call.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_REPORT_LIMIT_H
#define UTIL_REPORT_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    REPORT_LIMIT_BURST = 100,
};

typedef struct {
    int64_t full_ns;   /* when the bucket will be full again */
    uint64_t left_out; /* messages since the last one that was told */
} ReportLimit;

/**
 * report_limit_take: true if a message may be told at @now_ns (of any clock that does not go back);
 * @left_out: how many were not since the last one that was.
 */
bool report_limit_take(ReportLimit *limit, int64_t now_ns, uint64_t *left_out);

#endif
