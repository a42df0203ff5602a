/*
 * FdSource: a GSource that asks before each poll which descriptor to wait on.
 *
 * A back end's descriptor comes and goes, and its input is wanted only while the front end has
 * room. Asking anew each time leaves no stale registration behind and needs no bookkeeping where
 * things change.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHARDEV_FD_SOURCE_H
#define CHARDEV_FD_SOURCE_H

#include <glib.h>
#include <stdbool.h>

enum {
    FD_SOURCE_NONE = -1,  /* wait for nothing now */
    FD_SOURCE_READY = -2, /* call ready() without waiting */
};

/**
 * fd_source_attach: a source on the default main context.
 * @wanted: the descriptor to wait on now, or one of the values above
 * @condition: what to wait for; hang-up and errors count too
 * @ready: false removes the source
 * Returns the source; end it with fd_source_destroy().
 */
GSource *fd_source_attach(int (*wanted)(void *opaque), GIOCondition condition,
                          bool (*ready)(void *opaque), void *opaque);
/** fd_source_destroy: stops and releases *@source and clears it; NULL is fine. */
void fd_source_destroy(GSource **source);

#endif
