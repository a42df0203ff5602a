/*
 * Between events and naps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_block_pace.h"

#include <string.h>

#define POOR_NAPS_MAX  2
#define WORTH_REQUESTS 2

void xen_block_pace_init(XenBlockPace *pace, bool enabled)
{
    memset(pace, 0, sizeof(*pace));
    pace->enabled = enabled;
    pace->wanted = XEN_BLOCK_PACE_EPOCH;
}

static void begin_epoch(XenBlockPace *pace, int64_t now_ns)
{
    pace->requests = 0;
    pace->since_ns = now_ns;
}

static int64_t arm(XenBlockPace *pace, uint64_t wanted, int64_t now_ns)
{
    pace->napping = false;
    pace->wanted = wanted;
    begin_epoch(pace, now_ns);
    return 0;
}

static int64_t nap(XenBlockPace *pace, int64_t now_ns)
{
    pace->nap_taken = 0;
    pace->nap_start_ns = now_ns;
    return pace->nap_ns;
}

static int64_t start_naps(XenBlockPace *pace, int64_t now_ns)
{
    pace->armed_ns = (now_ns - pace->since_ns) / (int64_t)pace->requests;
    pace->napping = true;
    pace->worked = false;
    pace->poor_naps = 0;
    pace->nap_ns = XEN_BLOCK_PACE_NAP_NS;
    begin_epoch(pace, now_ns);
    return nap(pace, now_ns);
}

/* True if the guest was at least as fast as it is with events. */
static bool was_good(const XenBlockPace *pace, int64_t now_ns)
{
    return pace->nap_taken >= WORTH_REQUESTS &&
           (now_ns - pace->nap_start_ns) / (int64_t)pace->nap_taken <=
               pace->armed_ns + pace->armed_ns / 16;
}

static int64_t after_good_nap(XenBlockPace *pace, int64_t now_ns)
{
    pace->poor_naps = 0;
    pace->worked = true;
    if (pace->requests >= XEN_BLOCK_PACE_LONG) {
        return arm(pace, XEN_BLOCK_PACE_EPOCH, now_ns);
    }
    if (pace->nap_taken < XEN_BLOCK_PACE_FEW && pace->nap_ns < XEN_BLOCK_PACE_NAP_MAX_NS) {
        pace->nap_ns *= 2;
    } else if (pace->nap_taken > XEN_BLOCK_PACE_MANY && pace->nap_ns > XEN_BLOCK_PACE_NAP_MIN_NS) {
        pace->nap_ns /= 2;
    }
    return nap(pace, now_ns);
}

static int64_t after_poor_nap(XenBlockPace *pace, int64_t now_ns)
{
    if (++pace->poor_naps > POOR_NAPS_MAX || pace->nap_ns <= XEN_BLOCK_PACE_NAP_MIN_NS) {
        return arm(pace, pace->worked ? XEN_BLOCK_PACE_EPOCH : XEN_BLOCK_PACE_AGAIN, now_ns);
    }
    pace->nap_ns /= 2;
    return nap(pace, now_ns);
}

static int64_t while_napping(XenBlockPace *pace, unsigned taken, int64_t now_ns)
{
    int64_t left_ns = pace->nap_start_ns + pace->nap_ns - now_ns;

    pace->nap_taken += taken;
    pace->requests += taken;
    pace->last_ns = now_ns;
    if (left_ns > 0) {
        return left_ns;
    }
    return was_good(pace, now_ns) ? after_good_nap(pace, now_ns) : after_poor_nap(pace, now_ns);
}

int64_t xen_block_pace_next(XenBlockPace *pace, unsigned taken, int64_t now_ns)
{
    if (pace->napping) {
        return while_napping(pace, taken, now_ns);
    }
    if (!pace->enabled || taken == 0) {
        return 0;
    }
    if (now_ns - pace->last_ns > XEN_BLOCK_PACE_IDLE_NS) {
        begin_epoch(pace, now_ns);
    }
    pace->last_ns = now_ns;
    pace->requests += taken;
    return pace->requests > pace->wanted ? start_naps(pace, now_ns) : 0;
}
