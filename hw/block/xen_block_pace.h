/*
 * When a queue asks the guest for an event and when it looks at the ring by itself.
 *
 * An event for each request is an exit of the guest and a change of threads each. A guest that has
 * many requests under way loses nothing when we let it make a few of them, unasked, and look again
 * after a nap; one that waits for each request loses the nap. Nobody says which guest it is, so
 * both are tried and what moves more requests is kept: an epoch of armed looks tells what a request
 * takes, then there are naps as long as these are not slower. A nap's length follows what it finds;
 * where naps are no good they are tried again after many more requests: a guest that has begun to
 * do something else is not kept waiting for them, and one that has not loses a few in a thousand.
 * A guest that they did good to and that has only paused gets them back after another epoch.
 *
 * A state machine without clock or thread: time comes with each call.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_BLOCK_PACE_H
#define HW_BLOCK_XEN_BLOCK_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    XEN_BLOCK_PACE_NAP_NS = 100000, /* the first one */
    XEN_BLOCK_PACE_NAP_MIN_NS = 25000,
    XEN_BLOCK_PACE_NAP_MAX_NS = 400000,
    XEN_BLOCK_PACE_FEW = 12,          /* a nap that finds fewer could be longer */
    XEN_BLOCK_PACE_MANY = 24,         /* one that finds more could be shorter */
    XEN_BLOCK_PACE_IDLE_NS = 1000000, /* a pause that long begins the epoch anew */
    XEN_BLOCK_PACE_EPOCH = 64,        /* armed requests that tell how fast it goes */
    XEN_BLOCK_PACE_AGAIN = 1024,      /* armed requests until naps that failed are tried again */
    XEN_BLOCK_PACE_LONG = 16384,      /* requests by naps until the armed way is measured anew */
};

typedef struct {
    bool enabled;
    bool napping;
    bool worked; /* since the naps began one of them was good */
    unsigned poor_naps;
    uint64_t requests, wanted; /* in this epoch, and how many end it when armed */
    uint64_t nap_taken;        /* in this nap so far */
    int64_t nap_ns, nap_start_ns;
    int64_t since_ns, last_ns;
    int64_t armed_ns; /* a request's time when armed */
} XenBlockPace;

/** xen_block_pace_init: @enabled false: never a nap. */
void xen_block_pace_init(XenBlockPace *pace, bool enabled);
/**
 * xen_block_pace_next: after a look at the ring that took @taken requests and left none.
 * Returns 0: ask for an event; else look again in so many ns, without asking.
 */
int64_t xen_block_pace_next(XenBlockPace *pace, unsigned taken, int64_t now_ns);

#endif
