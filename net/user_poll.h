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
/** user_poll_kick: @source's slirp has new work: packets that wait for an answer of the guest. */
void user_poll_kick(GSource *source);
/** user_poll_destroy: stops and releases *@source and clears it; NULL is fine. */
void user_poll_destroy(GSource **source);

#endif
