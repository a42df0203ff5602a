/*
 * A store behind a Unix socket and nothing else: test-xenstore-server PATH [SECONDS]. For Debian's
 * xenstore-* tools (XENSTORED_PATH=PATH) and for trying things out. Ends after SECONDS or when its
 * input ends.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hw/xen/store_domain_tree.h"
#include "hw/xen/store_socket.h"

static gboolean quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
    static const StoreDomainConfig config = {
        .domid = 1,
        .name = "test",
        .uuid = "f6dca20a-54bb-43af-9a62-67c55cb75708",
        .memory_static_max = 262144,
        .memory_target = 262144,
        .cpus = 1,
        .max_cpus = 1,
        .acpi = true,
    };
    XenStore *store = store_new();
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    StoreSocket *server;
    GError *error = NULL;

    if (argc < 2 || !store_domain_create(store, 1, &error) ||
        !store_domain_introduce(store, 1, &error) ||
        !store_domain_tree_create(store, &config, &error) ||
        !(server = store_socket_new(store, argv[1], NULL, &error))) {
        fprintf(stderr, "%s\n",
                error ? error->message : "usage: test-xenstore-server PATH [SECONDS]");
        return 1;
    }
    g_timeout_add_seconds(argc > 2 ? atoi(argv[2]) : 3600, quit, loop);
    g_main_loop_run(loop);
    store_socket_free(server);
    store_free(store);
    g_main_loop_unref(loop);
    return 0;
}
