/*
 * Xenstore from inside the process: for back ends and for the machine. No bytes of a wire are made;
 * the permissions, quotas, transactions and watches are those of every other client.
 *
 * Paths are absolute, or relative to the client's own /local/domain/N. @transaction is 0 or what
 * store_client_transaction_start() gave. A false result sets *error in the domain STORE_ERROR with
 * an errno.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_STORE_CLIENT_H
#define HW_XEN_STORE_CLIENT_H

#include "hw/xen/store.h"

typedef struct StoreClient StoreClient;
typedef struct StoreClientWatch StoreClientWatch;

/**
 * StoreClientWatchHandler: @path, or something below it, has changed (relative if the watch was);
 * after many changes in a row only the watched path may be told. Runs without the store's lock.
 */
typedef void (*StoreClientWatchHandler)(StoreClient *client, const char *path, void *opaque);

/** store_client_new: a client that acts as domain @domid; domain 0 may do everything. */
StoreClient *store_client_new(XenStore *store, uint16_t domid);
/** store_client_free: ends its watches and transactions. Not to be called from another thread's
 * handler. */
void store_client_free(StoreClient *client);

/**
 * store_client_attach: lets @context (NULL: the default one) dispatch the client's watch events.
 * Without it somebody must call store_client_dispatch().
 */
void store_client_attach(StoreClient *client, GMainContext *context);
/** store_client_dispatch: runs the handlers of all events that are waiting; returns how many. */
unsigned store_client_dispatch(StoreClient *client);

/** store_client_read: the value with a NUL behind it that *@length (may be NULL) does not count;
 * g_free it. */
char *store_client_read(StoreClient *client, uint32_t transaction, const char *path, size_t *length,
                        GError **error);
/** store_client_read_uint: the value as an unsigned decimal number; EINVAL if it is not one. */
bool store_client_read_uint(StoreClient *client, uint32_t transaction, const char *path,
                            uint64_t *value, GError **error);
/** store_client_exists: whether the client can see the node. */
bool store_client_exists(StoreClient *client, uint32_t transaction, const char *path);
bool store_client_write(StoreClient *client, uint32_t transaction, const char *path,
                        const void *value, size_t length, GError **error);
bool store_client_printf(StoreClient *client, uint32_t transaction, GError **error,
                         const char *path, const char *format, ...) G_GNUC_PRINTF(5, 6);
bool store_client_mkdir(StoreClient *client, uint32_t transaction, const char *path,
                        GError **error);
bool store_client_remove(StoreClient *client, uint32_t transaction, const char *path,
                         GError **error);
/** store_client_directory: the names of the children, NULL-terminated; g_strfreev it. */
char **store_client_directory(StoreClient *client, uint32_t transaction, const char *path,
                              GError **error);

bool store_client_set_permissions(StoreClient *client, uint32_t transaction, const char *path,
                                  const StorePermission *permissions, unsigned count,
                                  GError **error);
/** store_client_get_permissions: *@count of them; g_free it. */
StorePermission *store_client_get_permissions(StoreClient *client, uint32_t transaction,
                                              const char *path, unsigned *count, GError **error);

/** store_client_watch: @handler is called once at first and then at each change at or below @path.
 */
StoreClientWatch *store_client_watch(StoreClient *client, const char *path,
                                     StoreClientWatchHandler handler, void *opaque, GError **error);
/** store_client_unwatch: ends @watch; events that waited for it are dropped. */
void store_client_unwatch(StoreClient *client, StoreClientWatch *watch);

/** store_client_transaction_start: its id, never 0; 0 on an error. */
uint32_t store_client_transaction_start(StoreClient *client, GError **error);
/** store_client_transaction_end: commits or drops it; EAGAIN if the commit met a conflict. */
bool store_client_transaction_end(StoreClient *client, uint32_t transaction, bool commit,
                                  GError **error);

typedef bool (*StoreClientTransactionBody)(StoreClient *client, uint32_t transaction, void *opaque,
                                           GError **error);
/**
 * store_client_transaction_run: runs @body in a transaction, again for as long as the commit meets
 * a conflict. If @body fails the transaction is dropped.
 */
bool store_client_transaction_run(StoreClient *client, StoreClientTransactionBody body,
                                  void *opaque, GError **error);

#endif
