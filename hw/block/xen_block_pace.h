/*
 * When a queue asks the guest for an event and when it looks at the ring by itself.
 *
 * An event for each request is an exit of the guest and a change of threads each. A guest that has
 * many requests under way loses nothing when we let it make a few of them, unasked, and look again
 * after a nap; one that waits for each request loses the nap. Nobody says which guest it is, so
 * both are tried and what moves more requests is kept: an epoch of armed looks, then naps, as long
 * as these are not slower. Naps that find less than two requests twice in a row end at once.
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
    XEN_BLOCK_PACE_NAP_NS = 50000,
    XEN_BLOCK_PACE_IDLE_NS = 1000000, /* a pause that long begins the epoch anew */
    XEN_BLOCK_PACE_EPOCH = 64,        /* requests that tell how fast it goes */
    XEN_BLOCK_PACE_AGAIN = 1024,      /* requests until naps that were slower are tried again */
    XEN_BLOCK_PACE_LONG = 16384,      /* requests until the other way is measured anew */
};

typedef struct {
    int64_t nap_ns; /* 0: never */
    bool napping;
    unsigned poor_naps;
    uint64_t requests, wanted; /* in this epoch, and how many end it */
    uint64_t nap_taken;        /* in this nap so far */
    int64_t since_ns, last_ns, nap_end_ns;
    int64_t armed_ns; /* a request's time when armed */
} XenBlockPace;

void xen_block_pace_init(XenBlockPace *pace, int64_t nap_ns);
/**
 * xen_block_pace_next: after a look at the ring that took @taken requests and left none.
 * Returns 0: ask for an event; else look again in so many ns, without asking.
 */
int64_t xen_block_pace_next(XenBlockPace *pace, unsigned taken, int64_t now_ns);

#endif
