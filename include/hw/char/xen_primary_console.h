/*
 * The primary console of a Xen domain: its page and its port are the domain's own, there before the
 * guest knows of xenstore. It is always drained, because a front end waits for room in a full ring
 * for ever; where to, a "xen-console" device with idx=0 says.
 *
 * Machine lock held for every call.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CHAR_XEN_PRIMARY_CONSOLE_H
#define HW_CHAR_XEN_PRIMARY_CONSOLE_H

#include "chardev/chardev.h"
#include "hw/xen/xen_bus.h"

typedef struct XenPrimaryConsole XenPrimaryConsole;

/** xen_primary_console_new: its ring is @page, which the guest sees at frame @gfn for ever. */
XenPrimaryConsole *xen_primary_console_new(XenDomain *domain, void *page, uint64_t gfn);
/** xen_primary_console_free: whoever claimed it has gone; NULL is fine. */
void xen_primary_console_free(XenPrimaryConsole *console);

/**
 * xen_primary_console_offer: what the builder of a domain leaves: a port, the parameters, the
 * reserved grant. The domain was just made or reset. Returns the port, 0 if there is none.
 */
uint32_t xen_primary_console_offer(XenPrimaryConsole *console);
/** xen_primary_console_release: before the domain is reset or loaded: takes the output that is
 * there and gives the port back. */
void xen_primary_console_release(XenPrimaryConsole *console);

/** xen_primary_console_port: to be saved with the domain; 0 if the guest has closed it. */
uint32_t xen_primary_console_port(const XenPrimaryConsole *console);
/** xen_primary_console_load: the domain is loaded: goes on at @port (0: nowhere). */
bool xen_primary_console_load(XenPrimaryConsole *console, uint32_t port, GError **error);

/** xen_primary_console_tty: the device file of its pseudo terminal, NULL if it has none. */
const char *xen_primary_console_tty(const XenPrimaryConsole *console);

/** xen_primary_console_publish: lets the devices of @bus find it; before it is freed, the bus is
 * closed. */
void xen_primary_console_publish(XenPrimaryConsole *console, XenBus *bus);
/** xen_primary_console_find: of the domain whose bus this is, or NULL. */
XenPrimaryConsole *xen_primary_console_find(XenBus *bus);

#endif
