/*
 * A Xen console's ring: bytes between the guest's page and a character device, and the event
 * channel that tells of them. Machine lock held for every call.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CHAR_XEN_CONSOLE_RING_H
#define HW_CHAR_XEN_CONSOLE_RING_H

#include "chardev/chardev.h"
#include "hw/xen/xen_domain.h"

typedef struct XenConsoleRing XenConsoleRing;

/**
 * xen_console_ring_new: over @page, a whole page that the guest sees too and that outlives the
 * ring. @name: for the log; copied.
 */
XenConsoleRing *xen_console_ring_new(XenDomain *domain, void *page, const char *name);
/** xen_console_ring_free: disconnects first; NULL is fine. */
void xen_console_ring_free(XenConsoleRing *ring);

/**
 * xen_console_ring_set_frontend: @frontend, attached to its back end, gets the guest's output and
 * gives it input; the ring has its handlers until another one is set. NULL: output is dropped.
 */
void xen_console_ring_set_frontend(XenConsoleRing *ring, CharFrontend *frontend);

/** xen_console_ring_connect: binds @port of the guest's, in place of an earlier one; what is in the
 * page already counts. */
bool xen_console_ring_connect(XenConsoleRing *ring, uint32_t port, GError **error);
/** xen_console_ring_disconnect: the page is not touched any more; fine when not connected. */
void xen_console_ring_disconnect(XenConsoleRing *ring);
/** xen_console_ring_port: the guest's port, 0 if not connected or closed by the guest. */
uint32_t xen_console_ring_port(const XenConsoleRing *ring);

/**
 * xen_console_ring_flush: takes all output that is there, the machine running or not: what the back
 * end does not take now is queued for it.
 */
void xen_console_ring_flush(XenConsoleRing *ring);

#endif
