/*
 * A GSource that asks before each poll which descriptor to wait on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/fd_source.h"

#include <glib-unix.h>

typedef struct {
    GSource source;
    int (*wanted)(void *opaque);
    bool (*ready)(void *opaque);
    void *opaque;
    GIOCondition condition;
    int fd;
    gpointer tag; /* of the poll on @fd; NULL while there is none */
} FdSource;

static void fd_source_watch(FdSource *self, int fd)
{
    if (fd == self->fd) {
        return;
    }
    if (self->tag) {
        g_source_remove_unix_fd(&self->source, self->tag);
        self->tag = NULL;
    }
    self->fd = fd;
    if (fd >= 0) {
        self->tag = g_source_add_unix_fd(&self->source, fd, self->condition | G_IO_HUP | G_IO_ERR);
    }
}

static gboolean fd_source_prepare(GSource *source, gint *timeout)
{
    FdSource *self = (FdSource *)source;
    int fd = self->wanted(self->opaque);

    *timeout = -1;
    fd_source_watch(self, fd);
    return fd == FD_SOURCE_READY;
}

static gboolean fd_source_check(GSource *source)
{
    FdSource *self = (FdSource *)source;

    if (!self->tag) {
        return self->fd == FD_SOURCE_READY;
    }
    return g_source_query_unix_fd(source, self->tag) != 0;
}

static gboolean fd_source_dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED,
                                   gpointer data G_GNUC_UNUSED)
{
    FdSource *self = (FdSource *)source;

    return self->ready(self->opaque) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static GSourceFuncs fd_source_functions = {
    .prepare = fd_source_prepare,
    .check = fd_source_check,
    .dispatch = fd_source_dispatch,
};

GSource *fd_source_attach(int (*wanted)(void *opaque), GIOCondition condition,
                          bool (*ready)(void *opaque), void *opaque)
{
    GSource *source = g_source_new(&fd_source_functions, sizeof(FdSource));
    FdSource *self = (FdSource *)source;

    self->wanted = wanted;
    self->ready = ready;
    self->opaque = opaque;
    self->condition = condition;
    self->fd = FD_SOURCE_NONE;
    g_source_attach(source, NULL);
    return source;
}

void fd_source_destroy(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_source_unref(*source);
        *source = NULL;
    }
}
