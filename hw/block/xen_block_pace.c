/*
 * Between events and naps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_block_pace.h"

#include <string.h>

#define POOR_NAPS_MAX  2
#define WORTH_REQUESTS 2

void xen_block_pace_init(XenBlockPace *pace, int64_t nap_ns)
{
    memset(pace, 0, sizeof(*pace));
    pace->nap_ns = nap_ns;
    pace->wanted = XEN_BLOCK_PACE_EPOCH;
}

static void begin_epoch(XenBlockPace *pace, uint64_t wanted, int64_t now_ns)
{
    pace->requests = 0;
    pace->wanted = wanted;
    pace->since_ns = now_ns;
}

static int64_t arm(XenBlockPace *pace, uint64_t wanted, int64_t now_ns)
{
    pace->napping = false;
    begin_epoch(pace, wanted, now_ns);
    return 0;
}

static int64_t nap(XenBlockPace *pace, int64_t now_ns)
{
    pace->nap_taken = 0;
    pace->nap_end_ns = now_ns + pace->nap_ns;
    return pace->nap_ns;
}

static int64_t start_naps(XenBlockPace *pace, int64_t now_ns)
{
    pace->armed_ns = (now_ns - pace->since_ns) / (int64_t)pace->requests;
    pace->napping = true;
    pace->poor_naps = 0;
    begin_epoch(pace, XEN_BLOCK_PACE_EPOCH, now_ns);
    return nap(pace, now_ns);
}

/* A nap is over. */
static int64_t judge_nap(XenBlockPace *pace, int64_t now_ns)
{
    pace->requests += pace->nap_taken;
    if (pace->nap_taken >= WORTH_REQUESTS) {
        pace->poor_naps = 0;
    } else if (++pace->poor_naps == POOR_NAPS_MAX) {
        return arm(pace, XEN_BLOCK_PACE_AGAIN, now_ns);
    }
    if (pace->requests >= pace->wanted) {
        int64_t each_ns = (now_ns - pace->since_ns) / (int64_t)pace->requests;
        if (each_ns > pace->armed_ns + pace->armed_ns / 16) {
            return arm(pace, XEN_BLOCK_PACE_AGAIN, now_ns);
        }
        pace->wanted += XEN_BLOCK_PACE_EPOCH;
    }
    if (pace->requests >= XEN_BLOCK_PACE_LONG) {
        return arm(pace, XEN_BLOCK_PACE_EPOCH, now_ns);
    }
    return nap(pace, now_ns);
}

int64_t xen_block_pace_next(XenBlockPace *pace, unsigned taken, int64_t now_ns)
{
    if (pace->nap_ns == 0) {
        return 0;
    }
    if (pace->napping) {
        pace->nap_taken += taken;
        pace->last_ns = now_ns;
        return now_ns < pace->nap_end_ns ? pace->nap_end_ns - now_ns : judge_nap(pace, now_ns);
    }
    if (taken == 0) {
        return 0;
    }
    if (now_ns - pace->last_ns > XEN_BLOCK_PACE_IDLE_NS) {
        begin_epoch(pace, pace->wanted, now_ns);
    }
    pace->last_ns = now_ns;
    pace->requests += taken;
    return pace->requests > pace->wanted ? start_naps(pace, now_ns) : 0;
}
