/*
 * What the files of the store share: node, tree, view, watch, domain, connection. Everything here
 * is called with the store's lock held. Functions that answer a client return 0 or a positive errno
 * of xs_wire.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_STORE_PRIVATE_H
#define HW_XEN_STORE_PRIVATE_H

#include <errno.h>
#include <stdint.h>

#include <xen/io/xs_wire.h>

#include "hw/xen/store.h"

#define STORE_NO_GENERATION UINT64_MAX
/* In StorePermission.access: the domain it was for is gone (or never was); it grants nothing any
 * more. */
#define STORE_ACCESS_IGNORED 0x80
/* Only as a question: may the connection change the permissions? */
#define STORE_ACCESS_OWNER 0x04

typedef struct StoreNode StoreNode;
typedef struct StoreTransaction StoreTransaction;
typedef struct StoreConnection StoreConnection;
typedef struct StoreDomain StoreDomain;

/* ---- nodes (store_node.c): once in the tree a node does not change; a change is a new node ----
 */

struct StoreNode {
    unsigned refs;
    uint64_t generation;
    unsigned permission_count; /* at least 1 */
    StorePermission *permissions;
    GBytes *value;
    GBytes *children; /* names, each with its NUL, in order of creation */
};

/** store_node_new: @value and @children (NULL: empty) are referenced, the permissions copied. */
StoreNode *store_node_new(const StorePermission *permissions, unsigned count, GBytes *value,
                          GBytes *children);
StoreNode *store_node_copy(const StoreNode *node);
StoreNode *store_node_ref(StoreNode *node);
void store_node_unref(StoreNode *node);
uint16_t store_node_owner(const StoreNode *node);
void store_node_set_value(StoreNode *node, GBytes *value);
void store_node_set_permissions(StoreNode *node, const StorePermission *permissions,
                                unsigned count);
void store_node_add_child(StoreNode *node, const char *name);
bool store_node_remove_child(StoreNode *node, const char *name);
bool store_node_has_child(const StoreNode *node, const char *name);
/** store_node_access: what @connection may do with the node: bits READ, WRITE, OWNER. */
unsigned store_node_access(const StoreNode *node, const StoreConnection *connection);
/** store_node_forget_domain: permissions (not ownership) for @domid no longer count. In place. */
void store_node_forget_domain(StoreNode *node, uint16_t domid);

/* ---- paths (store_node.c) ---- */

bool store_path_is_valid(const char *path, bool special);
char *store_path_parent(const char *path);
const char *store_path_name(const char *path);
char *store_path_child(const char *path, const char *name);
/** store_path_is_below: @path is @top or below it. */
bool store_path_is_below(const char *path, const char *top);
/** store_path_canonical: the absolute path, or NULL if @given is not one. @relative (may be NULL)
 * is told. */
char *store_path_canonical(const StoreConnection *connection, const char *given, bool special,
                           bool *relative);

/* ---- permission strings (store_node.c): "r5" ---- */

bool store_permission_parse(const char *text, StorePermission *permission);
char *store_permission_format(const StorePermission *permission);

/* ---- the store ---- */

struct XenStore {
    GRecMutex lock;
    unsigned depth;
    GHashTable *nodes;      /* path -> StoreNode; "@" paths too */
    uint64_t generation;    /* of the last change or transaction */
    GHashTable *domains;    /* domid -> StoreDomain */
    GPtrArray *connections; /* all, in order of creation; not owned */
    unsigned quotas[STORE_QUOTA_COUNT];
};

StoreNode *store_tree_get(XenStore *store, const char *path);
/** store_tree_put: takes @node over, stamps its generation and keeps the owners' counts. */
void store_tree_put(XenStore *store, const char *path, StoreNode *node);
void store_tree_remove(XenStore *store, const char *path);
/** store_tree_insert: like put, but keeps @node's generation. */
void store_tree_insert(XenStore *store, const char *path, StoreNode *node);
void store_tree_make_base(XenStore *store);

/* ---- domains (store_domain.c) ---- */

struct StoreDomain {
    uint16_t domid;
    bool introduced;
    bool shutdown;
    unsigned nodes;              /* that it owns */
    StoreConnection *connection; /* domain 0: NULL */
};

StoreDomain *store_domain_find(XenStore *store, uint16_t domid);
StoreDomain *store_domain_add(XenStore *store, uint16_t domid);
void store_domain_free(StoreDomain *domain);
GList *store_domain_list(XenStore *store); /* in order of ids; g_list_free it */
void store_domain_account(XenStore *store, uint16_t domid, int nodes);
int store_domain_do_introduce(XenStore *store, uint16_t domid);
int store_domain_do_release(XenStore *store, uint16_t domid);
int store_domain_set_target(XenStore *store, uint16_t domid, uint16_t target);

/* ---- views (store_transaction.c): where an operation reads and writes ---- */

typedef struct {
    XenStore *store;
    StoreTransaction *transaction; /* NULL: the tree itself */
} StoreView;

typedef struct {
    char *path;
    uint64_t generation; /* of the node when first met; STORE_NO_GENERATION: there was none */
    StoreNode *original; /* NULL: there was none */
    StoreNode *current;  /* NULL: there is none in the transaction */
    bool modified;
    bool fire;  /* a watch event is due at the commit … */
    bool exact; /* … for watches on this very path only */
} StoreAccessed;

struct StoreTransaction {
    StoreConnection *connection;
    uint32_t id;
    GPtrArray *accessed; /* StoreAccessed, in order */
    GHashTable *accessed_by_path;
    bool failed; /* a quota was met half way: the commit answers ENOMEM */
    bool stale;  /* the ground has gone from under it: the commit answers EAGAIN */
};

int store_view_get(const StoreView *view, const char *path, StoreNode **node);
int store_view_put(const StoreView *view, const char *path, StoreNode *node);
int store_view_remove(const StoreView *view, const char *path);
/** store_view_fire: a change for watches: now, or with the commit. */
void store_view_fire(const StoreView *view, const char *path, const StoreNode *before,
                     const StoreNode *after, bool exact);
/** store_view_node_count: how many nodes @domid would own if the view were the tree. */
unsigned store_view_node_count(const StoreView *view, uint16_t domid);

StoreTransaction *store_transaction_new(StoreConnection *connection, uint32_t id);
void store_transaction_free(StoreTransaction *transaction);
/** store_transaction_add: for loading: an access as it was saved; takes nodes and path over. */
void store_transaction_add(StoreTransaction *transaction, const StoreAccessed *accessed);
int store_transaction_commit(StoreTransaction *transaction);
/** store_transaction_forget_domain: @domid is gone. */
void store_transaction_forget_domain(StoreTransaction *transaction, uint16_t domid);

/* ---- watches (store_watch.c) ---- */

typedef struct {
    char *path; /* canonical */
    char *token;
    unsigned prefix; /* bytes to leave out of an event's path: the watch was relative */
} StoreWatch;

StoreWatch *store_watch_new(const StoreConnection *connection, const char *path, const char *token,
                            bool relative);
void store_watch_free(StoreWatch *watch);
void store_watch_fire(XenStore *store, const char *path, const StoreNode *before,
                      const StoreNode *after, bool exact);
void store_watch_fire_special(XenStore *store, const char *name);

/* ---- connections (store_connection.c) ---- */

typedef struct {
    uint8_t *bytes; /* header and payload */
    unsigned length;
    bool event;
} StoreMessage;

typedef struct {
    /* Output was queued. Called as the store is unlocked, once for a batch. */
    void (*wake)(void *opaque);
    /* The connection was made afresh: the door is to forget what is under way (may be NULL). */
    void (*restarted)(void *opaque);
    /* The connection has broken off (may be NULL): XENSTORE_ERROR_*. */
    void (*broken)(void *opaque, uint32_t error);
    /* Takes watch events in place of the queue (may be NULL). */
    void (*event)(void *opaque, const char *path, const char *token);
} StoreConnectionOps;

struct StoreConnection {
    XenStore *store;
    uint16_t domid;
    int32_t target; /* a domain in whose name it may act too; -1: none */
    bool open;
    uint32_t error;                /* XENSTORE_ERROR_*: not 0 = broken */
    char *base;                    /* "/local/domain/N" */
    unsigned queue_limit;          /* bytes; 0: the quota's, and events beyond it are lost */
    const StoreConnectionOps *ops; /* NULL: no door */
    void *opaque;
    bool wake_due;

    GPtrArray *watches;
    GHashTable *transactions; /* id -> StoreTransaction */
    uint32_t next_transaction;

    uint8_t input[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
    unsigned input_length;
    GQueue output;        /* StoreMessage */
    unsigned output_sent; /* bytes of the first message that are gone */
    size_t output_bytes;  /* of all messages in the queue */
    unsigned replies;     /* messages in the queue that are no events */
    GHashTable *events;   /* the queued events, to keep out doubles: StoreMessage set */
};

StoreConnection *store_connection_new(XenStore *store, uint16_t domid);
void store_connection_free(StoreConnection *connection);
void store_connection_set_door(StoreConnection *connection, const StoreConnectionOps *ops,
                               void *opaque);
bool store_connection_is_privileged(const StoreConnection *connection);
/** store_connection_restart: as new and open: no watches, transactions, input, output, error. */
void store_connection_restart(StoreConnection *connection);
/** store_connection_drop: forgets watches, transactions, input and output. */
void store_connection_drop(StoreConnection *connection);
void store_connection_drop_watches(StoreConnection *connection);
void store_connection_drop_transactions(StoreConnection *connection);
/** store_connection_break: the client broke the protocol: as drop, and no more until a restart. */
void store_connection_break(StoreConnection *connection, uint32_t error);

/** store_connection_wanted: how many bytes of input it takes now; 0: none until output has gone, or
 * broken. */
unsigned store_connection_wanted(const StoreConnection *connection);
/** store_connection_feed: @length (1 … wanted) bytes; a complete request is carried out. */
void store_connection_feed(StoreConnection *connection, const void *bytes, unsigned length);
/** store_connection_peek: the bytes to send next; 0: none. */
unsigned store_connection_peek(const StoreConnection *connection, const uint8_t **bytes);
void store_connection_consume(StoreConnection *connection, unsigned length);

void store_connection_queue(StoreConnection *connection, const struct xsd_sockmsg *header,
                            const void *payload);
/** store_connection_event: a watch event; a double of one that still waits is left out. */
void store_connection_event(StoreConnection *connection, const char *path, const char *token);
void store_connection_wake(StoreConnection *connection);

/* ---- operations (store_ops.c): @path is as the client gave it ---- */

int store_op_read(StoreConnection *connection, StoreTransaction *transaction, const char *path,
                  StoreNode **node);
int store_op_write(StoreConnection *connection, StoreTransaction *transaction, const char *path,
                   const void *value, size_t length);
int store_op_mkdir(StoreConnection *connection, StoreTransaction *transaction, const char *path);
int store_op_remove(StoreConnection *connection, StoreTransaction *transaction, const char *path);
int store_op_get_permissions(StoreConnection *connection, StoreTransaction *transaction,
                             const char *path, StoreNode **node);
int store_op_set_permissions(StoreConnection *connection, StoreTransaction *transaction,
                             const char *path, const StorePermission *permissions, unsigned count);
int store_op_watch(StoreConnection *connection, const char *path, const char *token,
                   char **event_path);
int store_op_unwatch(StoreConnection *connection, const char *path, const char *token);
int store_op_transaction_start(StoreConnection *connection, uint32_t *id);
int store_op_transaction_find(StoreConnection *connection, uint32_t id,
                              StoreTransaction **transaction);
int store_op_transaction_end(StoreConnection *connection, StoreTransaction *transaction,
                             bool commit);
/** store_remove_subtree: the node, all below it and its name in its parent go; watches fire. */
int store_remove_subtree(const StoreView *view, const char *path);

/* ---- wire (store_wire.c) ---- */

/** store_wire_request: carries out one request and queues its answer. */
void store_wire_request(StoreConnection *connection, const struct xsd_sockmsg *header,
                        const char *payload);
/** store_wire_error_name: "ENOENT"; an errno that has no name on the wire is "EINVAL". */
const char *store_wire_error_name(int errnum);

/* ---- CONTROL (store_control.c) ---- */

int store_control(StoreConnection *connection, const char *const *argument, unsigned count,
                  GString *reply);

/* ---- quotas (store_quota.c) ---- */

void store_quota_init(XenStore *store);
/** store_quota_exceeded: @value is over the limit and @connection is bound by it. */
bool store_quota_exceeded(const StoreConnection *connection, StoreQuota quota, size_t value);

#endif
