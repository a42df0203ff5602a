/*
 * The node graph: BlockNode, its driver's table, the links between users and nodes with their
 * permissions, and the operations that travel down it. For the block folder only; devices use
 * include/block/block.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_NODE_H
#define BLOCK_NODE_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "block/block.h"
#include "block/engine.h"
#include "util/options.h"

/* Lengths that users see are counted in sectors of this size, whatever the file's tail is. */
#define BLOCK_SECTOR_SIZE 512

typedef struct BlockNode BlockNode;
typedef struct BlockLink BlockLink;
typedef struct BlockDriver BlockDriver;
typedef struct BlockOperation BlockOperation;

/* What a user of a node does, and lets others do. The bit numbers are those of QEMU's image locks.
 */
typedef enum {
    BLOCK_PERMISSION_READ = 1 << 0,
    BLOCK_PERMISSION_WRITE = 1 << 1,
    BLOCK_PERMISSION_WRITE_UNCHANGED = 1 << 2,
    BLOCK_PERMISSION_RESIZE = 1 << 3,
    BLOCK_PERMISSION_ALL = (1 << 4) - 1,
} BlockPermission;

#define BLOCK_PERMISSION_COUNT 4

/** block_permission_name: "consistent read", "write", … of bit number @bit. */
const char *block_permission_name(unsigned bit);

typedef enum {
    BLOCK_OPERATION_READ,
    BLOCK_OPERATION_WRITE,
    BLOCK_OPERATION_WRITE_ZEROES,
    BLOCK_OPERATION_DISCARD,
    BLOCK_OPERATION_FLUSH,
} BlockOperationKind;

/*
 * One operation on its way down the graph: a format changes @offset or makes others of its own, a
 * protocol ends it with block_operation_done(). The submitter owns the memory until @done.
 */
struct BlockOperation {
    BlockOperationKind kind;
    BlockWriteFlags flags;
    uint64_t offset, length;
    const struct iovec *vector;
    unsigned count;
    BlockEngine *engine; /* completes it */
    void (*done)(BlockOperation *operation, int result);
    void *opaque; /* the submitter's */

    BlockNode *node; /* where it is now */
    void *state;     /* that driver's */
    EngineTask task; /* the protocol's, or that of a result that is already known */
};

/** What a node takes from the node above it when its own options say nothing. */
typedef struct {
    bool drive_style; /* -drive: drivers may be left out, and errors name format and protocol */
    bool is_child;    /* below another node: no node-name needed, discard is the parent's affair */
    const char *path; /* of the options in what the user typed: "" or "file." */
    bool guessed;     /* raw because it looks like nothing else */
    bool read_only, auto_read_only, force_share, direct, no_flush;
} BlockOpenContext;

typedef enum {
    DETECT_ZEROES_OFF,
    DETECT_ZEROES_ON,
    DETECT_ZEROES_UNMAP,
} DetectZeroes;

struct BlockNode {
    const BlockDriver *driver;
    char *name;
    char *filename; /* for messages; "" for nodes without a file */
    unsigned references;
    bool monitor_owned; /* made by -blockdev or blockdev-add */
    bool read_only, auto_read_only, force_share, direct, no_flush, unmap;
    DetectZeroes detect_zeroes;
    uint64_t length;  /* bytes that requests may reach; atomic */
    GSList *users;    /* BlockLink */
    BlockLink *child; /* the one node below, or NULL */
    void *state;      /* the driver's, driver->state_size bytes */
};

struct BlockLink {
    BlockNode *node;   /* what is used */
    BlockNode *parent; /* by a node, or NULL: by a device */
    const char *role;  /* "file", "backing", "root" */
    char *user;        /* who, for messages */
    unsigned permissions, shared;
};

struct BlockDriver {
    const char *name;
    bool is_protocol;
    bool one_thread;            /* its state has no lock: one context at a time submits */
    const char *const *options; /* names of its own options, NULL-ended */
    size_t state_size;
    /** open: @options are checked for unknown names already. The node's common fields are set. */
    bool (*open)(BlockNode *node, JsonObject *options, const BlockOpenContext *context,
                 GError **error);
    void (*close)(BlockNode *node);
    /** length: bytes now. */
    uint64_t (*length)(BlockNode *node);
    /** submit: bounds and read-only have been checked. */
    void (*submit)(BlockNode *node, BlockOperation *operation);
    /** child_permissions: what this node needs of the node below to give its users @permissions. */
    void (*child_permissions)(BlockNode *node, unsigned permissions, unsigned shared,
                              unsigned *child_permissions, unsigned *child_shared);
    /** set_permissions: a protocol locks its image. False leaves everything as it was. */
    bool (*set_permissions)(BlockNode *node, unsigned permissions, unsigned shared, GError **error);
    /** request_alignment: NULL means 1. */
    uint32_t (*request_alignment)(BlockNode *node);
};

extern const BlockDriver block_driver_file, block_driver_host_device, block_driver_null_co,
    block_driver_null_aio, block_driver_raw, block_driver_overlay, block_driver_blkdebug;

/** block_driver_find: a driver that can be named by users, or NULL. */
const BlockDriver *block_driver_find(const char *name);
/** block_driver_is_foreign: true if @name is a format or protocol that others have and we have not.
 */
bool block_driver_is_foreign(const char *name);
/** block_driver_refuse: sets *@error to "Driver 'x' is not supported…" or "Unknown driver 'x'";
 * false. */
bool block_driver_refuse(const char *name, GError **error);

/* ---- nodes ---- */

/**
 * block_node_new: a node with one reference, not opened.
 * @name: NULL makes one up ("#block003")
 */
BlockNode *block_node_new(const BlockDriver *driver, const char *name, GError **error);
BlockNode *block_node_ref(BlockNode *node);
void block_node_unref(BlockNode *node);
BlockNode *block_node_find(const char *name);
/** block_node_foreach: every node that exists. */
void block_node_foreach(void (*visit)(BlockNode *node, void *opaque), void *opaque);
/** block_node_length: bytes now, asked of the driver. */
uint64_t block_node_length(BlockNode *node);
uint32_t block_node_request_alignment(BlockNode *node);
/** block_node_cleanup: drops the monitor's references. */
void block_node_cleanup(void);

/** block_identifier_valid: letters, digits, '-', '.', '_', first a letter. */
bool block_identifier_valid(const char *name);
/** drive_id_exists: in drive.c; node names and drive ids share one name space. */
bool drive_id_exists(const char *id);

/* ---- links and permissions ---- */

/**
 * block_link_new: @user starts to use @node (a reference is taken).
 * @parent: the node that uses it, or NULL. @role: a constant string.
 */
BlockLink *block_link_new(BlockNode *node, BlockNode *parent, const char *role, const char *user,
                          unsigned permissions, unsigned shared, GError **error);
/** block_link_set: other permissions; on failure the old ones stay. */
bool block_link_set(BlockLink *link, unsigned permissions, unsigned shared, GError **error);
void block_link_free(BlockLink *link);

/* ---- opening (open.c) ---- */

/** block_open: the node that @options describe, with one reference. */
BlockNode *block_open(JsonObject *options, const BlockOpenContext *context, GError **error);
/** block_open_child: opens or looks up member @role ("file", "image"; a constant) of @options as the
 * node below @node. */
bool block_open_child(BlockNode *node, const char *role, JsonObject *options,
                      const BlockOpenContext *context, GError **error);
/** block_open_probed: -drive file=X without a format: the protocol, and raw above it if nothing
 * else is there. */
BlockNode *block_open_probed(JsonObject *options, const BlockOpenContext *context, GError **error);
/** block_open_overlay: a temporary copy-on-write node over @base; takes a reference of its own. */
BlockNode *block_open_overlay(BlockNode *base, const char *name, GError **error);

/* ---- probing (probe.c) ---- */

#define BLOCK_PROBE_SIZE 512

/** block_probe: the foreign format that the first @size bytes of an image begin, or NULL. */
const char *block_probe(const uint8_t *start, size_t size);

/* ---- operations ---- */

/** block_node_submit: checks @operation against @node and hands it to the driver. */
void block_node_submit(BlockNode *node, BlockOperation *operation);
/** block_operation_done: ends it from a completion. */
void block_operation_done(BlockOperation *operation, int result);
/** block_operation_done_later: ends it from inside submit. */
void block_operation_done_later(BlockOperation *operation, int result);
/** block_operation_emulate_zeroes: does a WRITE_ZEROES by writing zeroes to @node. */
void block_operation_emulate_zeroes(BlockNode *node, BlockOperation *operation);
/** block_node_run: does @operation to its end here, polling @engine; 0 or -errno. Start-up and
 * tests. */
int block_node_run(BlockNode *node, BlockOperationKind kind, uint64_t offset, void *buffer,
                   uint64_t length);

/* ---- vectors (vector.c) ---- */

/** vector_length: the sum of the lengths, or UINT64_MAX if that does not fit. */
uint64_t vector_length(const struct iovec *vector, unsigned count);
/** vector_is_zero: every byte is 0. */
bool vector_is_zero(const struct iovec *vector, unsigned count);
/** vector_copy_out / _in: between @length bytes of the vector from @offset on and @buffer. */
void vector_copy_out(const struct iovec *vector, unsigned count, uint64_t offset, void *buffer,
                     uint64_t length);
void vector_copy_in(const struct iovec *vector, unsigned count, uint64_t offset, const void *buffer,
                    uint64_t length);
void vector_fill_zero(const struct iovec *vector, unsigned count, uint64_t offset, uint64_t length);
/** vector_slice: a new vector (g_free) of @length bytes from @offset on. */
struct iovec *vector_slice(const struct iovec *vector, unsigned count, uint64_t offset,
                           uint64_t length, unsigned *slice_count);

#endif
