/*
 * Xenstore: the small tree of names and values through which a Xen guest, its back ends and its
 * tools find each other. This is the store itself; its doors are store_ring.h (the guest),
 * store_socket.h (tools on the host) and store_client.h (back ends in this process).
 *
 * Sources: Xen's docs/misc/xenstore.txt and xenstore-ring.txt (protocol), xen/io/xs_wire.h
 * (numbers), and the behaviour of Xen's xenstored where the documents are silent.
 *
 * Locking: the store has one recursive lock. Every function of the store's public headers takes it;
 * between store_lock() and store_unlock() a caller may make several calls atomic. Call-backs of a
 * ring (notify) and wake-ups of clients run with the lock held and must not wait for a lock whose
 * holder calls the store.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_STORE_H
#define HW_XEN_STORE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct XenStore XenStore;

/* Errors of the store's calls: the code is the errno that goes over the wire (ENOENT, EAGAIN). */
#define STORE_ERROR (store_error_quark())
GQuark store_error_quark(void);

#define STORE_DOMID_PRIVILEGED 0
#define STORE_DOMID_SELF       0x7ff0 /* also the first reserved domain id */
#define STORE_DOMAIN_PATH      "/local/domain/"
#define STORE_EVENT_INTRODUCE  "@introduceDomain"
#define STORE_EVENT_RELEASE    "@releaseDomain"

/* What a permission grants; the first permission of a node names its owner and what all others may
 * do. */
enum {
    STORE_ACCESS_NONE = 0,
    STORE_ACCESS_READ = 1 << 0,
    STORE_ACCESS_WRITE = 1 << 1,
};

typedef struct {
    uint16_t domid;
    uint8_t access;
} StorePermission;

/* The limits of unprivileged domains, each a row of one table (store_quota.c). */
typedef enum {
    STORE_QUOTA_NODES,
    STORE_QUOTA_WATCHES,
    STORE_QUOTA_TRANSACTIONS,
    STORE_QUOTA_TRANSACTION_NODES,
    STORE_QUOTA_VALUE,
    STORE_QUOTA_PATH_ABSOLUTE,
    STORE_QUOTA_PATH_RELATIVE,
    STORE_QUOTA_PERMISSIONS,
    STORE_QUOTA_OUTSTANDING,
    STORE_QUOTA_QUEUE,
    STORE_QUOTA_COUNT
} StoreQuota;

/**
 * store_new: a store with "/", "/tool/xenstored" and the two special watch nodes, all of domain 0,
 * and with domain 0 in being. Freed by store_free() after its doors and clients.
 */
XenStore *store_new(void);
void store_free(XenStore *store);

void store_lock(XenStore *store);
void store_unlock(XenStore *store);

/** store_quota_name, store_quota_description: of a row of the table; names are xenstored's where it
 * has one. */
const char *store_quota_name(StoreQuota quota);
const char *store_quota_description(StoreQuota quota);
unsigned store_quota_get(XenStore *store, StoreQuota quota);
/** store_quota_used: how much of it domain @domid uses now; false: it is not a thing that adds up, or
 * there is no such domain. */
bool store_quota_used(XenStore *store, uint16_t domid, StoreQuota quota, unsigned *used);
/** store_quota_set: sets the limit named @name; false if there is no such name. */
bool store_quota_set(XenStore *store, const char *name, unsigned value, GError **error);

/**
 * store_domain_create: tells that domain @domid (1 … 0x7fef) exists, so that permissions may name
 * it. Fails with EEXIST if it does already.
 */
bool store_domain_create(XenStore *store, uint16_t domid, GError **error);

/**
 * store_domain_introduce: opens the domain's connection (afresh: no watches, transactions, queued
 * bytes) and fires @introduceDomain if it was not open. The wire operation INTRODUCE does the same.
 */
bool store_domain_introduce(XenStore *store, uint16_t domid, GError **error);

/**
 * store_domain_release: closes the domain's connection, removes its nodes and fires @releaseDomain.
 * The domain still exists and may be introduced again.
 */
bool store_domain_release(XenStore *store, uint16_t domid, GError **error);

/**
 * store_domain_destroy: the domain is no more: as store_domain_release(), then its id is forgotten,
 * so that permissions left for it never serve a later domain of the same id.
 * @keep_orphans: its nodes are not removed but become domain 0's (xenstored's --keep-orphans)
 */
bool store_domain_destroy(XenStore *store, uint16_t domid, bool keep_orphans, GError **error);

/** store_domain_shutdown: the domain has shut down: fires @releaseDomain, once until RESUME or
 * introduction. */
void store_domain_shutdown(XenStore *store, uint16_t domid);

/**
 * store_domain_reset: for a soft reset: the domain's watches, transactions and half-done messages
 * go; the tree stays.
 */
void store_domain_reset(XenStore *store, uint16_t domid);

/** store_domain_is_introduced: what IS_DOMAIN_INTRODUCED answers. */
bool store_domain_is_introduced(XenStore *store, uint16_t domid);
/** store_domain_node_count: how many nodes the domain owns. */
unsigned store_domain_node_count(XenStore *store, uint16_t domid);

/**
 * store_reset: for a machine reset: the tree is as after store_new(), domains' connections are
 * afresh and still open. Watches of in-process and socket clients stay (and fire for the nodes that
 * vanish); their open transactions will fail with EAGAIN.
 */
void store_reset(XenStore *store);

/**
 * store_check: checks the store against itself: each node's parent lists it, each child listed
 * exists, the node counts are right. Returns true if all is well, else appends a line for each
 * fault to @report (if any).
 */
bool store_check(XenStore *store, GString *report);

/**
 * store_save: a floating GVariant of tree, permissions, generation counts, domains and, for each
 * domain's connection, its watches, open transactions, half-received request and unsent output.
 * Socket and in-process connections are not part of it: their owners make them again.
 */
GVariant *store_save(XenStore *store);

/**
 * store_load: the reverse. Everything is checked before anything is changed; on an error the store
 * is as it was.
 * Rings stay connected: poll each (store_ring_poll) once its page has been loaded too.
 */
bool store_load(XenStore *store, GVariant *state, GError **error);

#endif
