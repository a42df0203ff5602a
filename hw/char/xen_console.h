/*
 * Between the "xen-console" device and the primary console that it may serve.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CHAR_XEN_CONSOLE_H
#define HW_CHAR_XEN_CONSOLE_H

#include "hw/char/xen_primary_console.h"

/** xen_primary_console_claim: @frontend, attached, is its other side; false if it has one. */
bool xen_primary_console_claim(XenPrimaryConsole *console, CharFrontend *frontend);
/** xen_primary_console_unclaim: its output is dropped again. */
void xen_primary_console_unclaim(XenPrimaryConsole *console);
/** xen_primary_console_is_claimed: a device serves it. */
bool xen_primary_console_is_claimed(const XenPrimaryConsole *console);

/** xen_console_tty: the device file of @frontend's back end if that is a pseudo terminal. */
const char *xen_console_tty(const CharFrontend *frontend);

#endif
