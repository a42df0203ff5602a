/*
 * The primary console of a Xen domain.
 *
 * Source: public/hvm/params.h, and what libxl leaves for an HVM domain.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/char/xen_primary_console.h"

#include <string.h>

#include "hw/xen/evtchn.h"
#include "hw/xen/gnttab.h"
#include "hw/xen/xen_abi.h"
#include "util/log.h"
#include "xen_console.h"
#include "xen_console_ring.h"

#define BUS_KEY "xen-primary-console"

struct XenPrimaryConsole {
    XenDomain *domain;
    XenConsoleRing *ring;
    uint64_t gfn;
    CharFrontend *frontend; /* NULL: not claimed */
};

XenPrimaryConsole *xen_primary_console_new(XenDomain *domain, void *page, uint64_t gfn)
{
    XenPrimaryConsole *console = g_new0(XenPrimaryConsole, 1);

    console->domain = domain;
    console->gfn = gfn;
    console->ring = xen_console_ring_new(domain, page, "xen-console 0");
    return console;
}

void xen_primary_console_free(XenPrimaryConsole *console)
{
    if (console) {
        xen_console_ring_free(console->ring);
        g_free(console);
    }
}

/* ---- the domain's life ---- */

uint32_t xen_primary_console_offer(XenPrimaryConsole *console)
{
    uint32_t port = xen_evtchn_offer(console->domain);
    g_autoptr(GError) error = NULL;

    xen_domain_set_param(console->domain, HVM_PARAM_CONSOLE_PFN, console->gfn);
    xen_domain_set_param(console->domain, HVM_PARAM_CONSOLE_EVTCHN, port);
    xen_grant_set_reserved(console->domain, GNTTAB_RESERVED_CONSOLE, console->gfn);
    if (!xen_console_ring_connect(console->ring, port, &error)) {
        report_warning("the Xen guest's console is out of its reach: %s", error->message);
    }
    return port;
}

void xen_primary_console_release(XenPrimaryConsole *console)
{
    xen_console_ring_flush(console->ring);
    xen_console_ring_disconnect(console->ring);
}

uint32_t xen_primary_console_port(const XenPrimaryConsole *console)
{
    return xen_console_ring_port(console->ring);
}

bool xen_primary_console_load(XenPrimaryConsole *console, uint32_t port, GError **error)
{
    return port == 0 || xen_console_ring_connect(console->ring, port, error);
}

/* ---- its other side ---- */

bool xen_primary_console_claim(XenPrimaryConsole *console, CharFrontend *frontend)
{
    if (console->frontend) {
        return false;
    }
    console->frontend = frontend;
    xen_console_ring_set_frontend(console->ring, frontend);
    return true;
}

void xen_primary_console_unclaim(XenPrimaryConsole *console)
{
    console->frontend = NULL;
    xen_console_ring_set_frontend(console->ring, NULL);
}

bool xen_primary_console_is_claimed(const XenPrimaryConsole *console)
{
    return console->frontend != NULL;
}

const char *xen_console_tty(const CharFrontend *frontend)
{
    const char *name = chardev_filename(frontend->chardev);

    return g_str_has_prefix(name, "pty:") ? name + strlen("pty:") : NULL;
}

const char *xen_primary_console_tty(const XenPrimaryConsole *console)
{
    return console->frontend ? xen_console_tty(console->frontend) : NULL;
}

void xen_primary_console_publish(XenPrimaryConsole *console, XenBus *bus)
{
    g_object_set_data(G_OBJECT(bus), BUS_KEY, console);
}

XenPrimaryConsole *xen_primary_console_find(XenBus *bus)
{
    return g_object_get_data(G_OBJECT(bus), BUS_KEY);
}
