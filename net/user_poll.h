/*
 * libslirp's descriptors and timeouts on the main loop.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NET_USER_POLL_H
#define NET_USER_POLL_H

#include <glib.h>
#include <slirp/libslirp.h>

/** user_poll_attach: a source on the default main context that runs @slirp. */
GSource *user_poll_attach(Slirp *slirp);
/** user_poll_destroy: stops and releases *@source and clears it; NULL is fine. */
void user_poll_destroy(GSource **source);

#endif
