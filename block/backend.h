/*
 * A BlockBackend from inside the block folder: what drive.c gives it and what its I/O half needs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_BACKEND_H
#define BLOCK_BACKEND_H

#include "block/node.h"
#include "block/throttle.h"

typedef struct BackendRequest BackendRequest;

typedef enum {
    ERROR_POLICY_REPORT,
    ERROR_POLICY_IGNORE,
    ERROR_POLICY_ENOSPC, /* stop when there is no space, else report */
    ERROR_POLICY_STOP,
} ErrorPolicy;

/* Requests that wait for their bucket; reads and writes do not hold each other up. */
typedef struct {
    BackendRequest *first, *last;
    bool waiting; /* the wake task is under way */
    EngineTask wake;
    BlockBackend *backend;
    bool is_write;
} ThrottleQueue;

struct BlockBackend {
    char *name;                   /* drive id, or "" */
    char *owner;                  /* the device that uses it, or NULL */
    bool is_drive;                /* made by -drive: outlives its device */
    bool claimed_by_board;        /* if= other than none */
    BlockLink *root;              /* NULL: no medium */
    unsigned permissions, shared; /* as the device asked */
    bool follow_medium;           /* it writes only media that may be written */
    bool last_read_only;          /* as the last medium was, or as its device has it at first */
    bool attached, may_write, yielded;
    bool write_cache;
    ErrorPolicy read_policy, write_policy;
    bool keeps_io_status;
    int io_status; /* atomic: errno of the first error that stopped the machine, or 0 */
    BlockEngine *engine;

    const BlockDeviceOps *ops;
    void *ops_opaque;
    bool medium_locked, tray_open;

    unsigned in_flight;      /* atomic */
    unsigned draining;       /* atomic */
    Throttle *throttle;      /* NULL: no limits */
    ThrottleQueue queues[2]; /* reads, writes */
    EngineTask release;      /* lets them go in the backend's own context */
    BlockStatistics statistics;
};

/** block_backend_new_drive: an unattached backend that -drive makes; @node may be NULL; takes its
 * own reference. */
BlockBackend *block_backend_new_drive(const char *name, BlockNode *node, GError **error);
/** block_backend_free_drive: the reverse. */
void block_backend_free_drive(BlockBackend *backend);
/** block_backend_set_limits: throttling, before any request. */
void block_backend_set_limits(BlockBackend *backend, const ThrottleLimits *limits);
/** block_drain_begin / _end: in between no request of @backend is under way and no other thread's
 * begins. Main thread. */
void block_drain_begin(BlockBackend *backend);
void block_drain_end(BlockBackend *backend);
/** block_backend_flush_now: waits for a flush of an idle backend; 0 or -errno. */
int block_backend_flush_now(BlockBackend *backend);
/** block_backend_node: the top node, or NULL. */
BlockNode *block_backend_node(BlockBackend *backend);
/** block_backend_parse_policy: werror=/rerror= @text; @is_read for the message and for what is
 * allowed. */
bool block_backend_parse_policy(const char *text, bool is_read, ErrorPolicy *policy,
                                GError **error);
/** block_tell_tray_moved / _io_error: in query.c; to whoever listens. */
void block_tell_tray_moved(BlockBackend *backend, bool open);
void block_tell_io_error(BlockBackend *backend, bool is_read, int errnum, BlockErrorAction action);
/** block_backend_forget_drive: the -drive is gone, its device keeps the empty backend. */
void block_backend_forget_drive(BlockBackend *backend);
/** drives_cleanup: in drive.c; forgets every -drive. */
void drives_cleanup(void);

#endif
