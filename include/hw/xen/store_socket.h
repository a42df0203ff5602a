/*
 * The host's door to xenstore: a Unix stream socket that speaks the protocol of xenstored to
 * privileged clients, so that xenstore-ls, xenstore-read and their sisters work with XENSTORED_PATH
 * set to it.
 *
 * A client that does not take its answers stops being read, and one that lets watch events pile up
 * over STORE_SOCKET_QUEUE_MAX bytes is cut off.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_STORE_SOCKET_H
#define HW_XEN_STORE_SOCKET_H

#include "hw/xen/store.h"

#define STORE_SOCKET_QUEUE_MAX   (4u << 20)
#define STORE_SOCKET_CLIENTS_MAX 64

typedef struct StoreSocket StoreSocket;

/**
 * store_socket_new: listens on @path with mode 0600. A socket left there by a process that is gone
 * is replaced; one that somebody listens on, or a file of another kind, is an error.
 * @context: where clients are served; NULL: the default context
 */
StoreSocket *store_socket_new(XenStore *store, const char *path, GMainContext *context,
                              GError **error);
/** store_socket_free: cuts all clients off and removes the socket's name. In @context's thread. */
void store_socket_free(StoreSocket *server);
unsigned store_socket_client_count(StoreSocket *server);

#endif
