/*
 * Between a queue and its requests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_XEN_BLOCK_PRIVATE_H
#define HW_BLOCK_XEN_BLOCK_PRIVATE_H

#include "block/doorbell.h"
#include "xen_block_pace.h"
#include "xen_block_queue.h"

/* What is to be done for a request, in this order; a step's bit is cleared when it is done. */
enum {
    STEP_FLUSH_FIRST = 1 << 0,
    STEP_READ = 1 << 1,
    STEP_WRITE = 1 << 2,
    STEP_OVERWRITE = 1 << 3, /* secure discard: zeroes over the data, piece by piece */
    STEP_DISCARD = 1 << 4,
    STEP_FLUSH_LAST = 1 << 5,
    STEP_ALL = (1 << 6) - 1,
};

typedef struct XenBlockRequest XenBlockRequest;

/* The arrays have room for the segments of one of two sizes of request. */
struct XenBlockRequest {
    XenBlockQueue *queue;
    XenBlockRequest *next; /* in a pool, or waiting to be tried again */
    uint8_t operation;     /* as the response repeats it */
    uint8_t steps;
    bool barrier; /* nothing else is under way beside it */
    bool durable; /* the write reaches the medium */
    uint64_t id;
    uint64_t offset, length; /* bytes */
    uint64_t overwritten;    /* bytes */
    unsigned capacity;       /* of the arrays */
    unsigned segment_count;
    BlkifSegment *segments;
    XenGrantPin *pins;      /* the first pinned ones, where grants[] is NULL */
    XenBlockGrant **grants; /* persistent ones */
    struct iovec *vector;
    unsigned vector_count;
    unsigned pinned; /* segments whose page we hold */
};

struct XenBlockQueue {
    XenBlockTarget *target;
    XenBlockRing ring;
    XenBlockGrants grants;
    XenEvtchnBackend *channel;
    GMainContext *context;
    int event_fd;            /* the guest's events, and kicks of this process */
    BlockDoorbell *doorbell; /* NULL: stopped; in the context only */
    XenBlockPace pace;
    bool broken;
    unsigned in_flight;          /* begun, not answered */
    XenBlockRequest *barrier;    /* begun, the ring waits for its end */
    bool barrier_waits;          /* ... and it for the end of the others */
    XenBlockRequest *retry_head; /* stopped by an error, oldest first */
    XenBlockRequest **retry_tail;
    XenBlockRequest *pool[2];
};

/* ---- xen_block_request.c: what the guest asks, checked ---- */

/**
 * xen_block_request_make: the request behind @blkif with its pages pinned. NULL with *@status: what
 * the response says.
 */
XenBlockRequest *xen_block_request_make(XenBlockQueue *queue, const BlkifRequest *blkif,
                                        int16_t *status);
/** xen_block_request_free: unpins and keeps the memory for the next. */
void xen_block_request_free(XenBlockRequest *request);
void xen_block_request_free_pools(XenBlockQueue *queue);
GVariant *xen_block_request_save(XenBlockRequest *request);
/** xen_block_request_load: pins as make does; NULL if the saved state or the grants do not hold. */
XenBlockRequest *xen_block_request_load(XenBlockQueue *queue, GVariant *saved, GError **error);

/* ---- xen_block_steps.c: what is done ---- */

/** xen_block_request_run: the next step, or the response if none is left. */
void xen_block_request_run(XenBlockRequest *request);

/* ---- xen_block_queue.c ---- */

/** xen_block_queue_finish: the response; the request is gone. */
void xen_block_queue_finish(XenBlockRequest *request, int16_t status);
/** xen_block_queue_postpone: to be tried again by xen_block_queue_retry(). */
void xen_block_queue_postpone(XenBlockRequest *request);

#endif
