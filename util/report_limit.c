/*
 * A bucket of messages that fills by one a second.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/report_limit.h"

#include <glib.h>

#include "util/clock.h"

bool report_limit_take(ReportLimit *limit, int64_t now_ns, uint64_t *left_out)
{
    int64_t full_ns = MAX(limit->full_ns, now_ns) + NS_PER_SECOND;

    if (full_ns - now_ns > REPORT_LIMIT_BURST * NS_PER_SECOND) {
        limit->left_out++;
        return false;
    }
    limit->full_ns = full_ns;
    *left_out = limit->left_out;
    limit->left_out = 0;
    return true;
}
