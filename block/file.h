/*
 * State of a node over a file descriptor, shared by the file and host_device drivers and their I/O.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_FILE_H
#define BLOCK_FILE_H

#include "block/image_lock.h"
#include "block/node.h"
#include "block/range_lock.h"

typedef struct {
    int fd;
    bool is_block_device;
    bool is_regular;
    bool locking;
    ImageLock lock;
    unsigned task_flags;       /* ENGINE_DIRECT, ENGINE_THREADS */
    uint32_t alignment;        /* of offset and length for O_DIRECT, 1 when buffered */
    uint32_t memory_alignment; /* of the memory */
    RangeLock ranges;          /* O_DIRECT writes */

    uint64_t written;      /* completed writes; atomic */
    pthread_mutex_t mutex; /* what follows */
    uint64_t flushed;      /* how many of the writes are durable */
    int flush_error; /* once a buffered fdatasync has failed nobody knows what is on the disk */
    bool lacks_zero_range, lacks_punch_hole, lacks_durable_write;
} FileState;

/** file_length: bytes of the file or device now. */
uint64_t file_length(const FileState *file);
/** file_submit: the drivers' submit. */
void file_submit(BlockNode *node, BlockOperation *operation);
/** file_direct_submit: a read or change of an O_DIRECT file: bounce buffers, order of overlapping
 * changes. */
void file_direct_submit(BlockNode *node, BlockOperation *operation);
/** file_start_read / file_start_change: @operation fits the descriptor's alignment (buffered:
 * always). */
void file_start_read(BlockNode *node, BlockOperation *operation);
void file_start_change(BlockNode *node, BlockOperation *operation);
/** file_end_of_read: a read met the end of the file after @moved bytes: fills with zeroes or says
 * -EIO. */
int file_end_of_read(FileState *file, BlockOperation *operation, uint64_t moved);

#endif
