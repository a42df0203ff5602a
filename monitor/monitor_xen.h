/*
 * The Xen side of the machine, for the commands that are about it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_XEN_H
#define MONITOR_XEN_H

#include "hw/i386/xen_machine.h"

/** monitor_xen: the machine's Xen; NULL and @error if it has none. */
XenMachine *monitor_xen(GError **error);
/** monitor_xen_remote: the domain @domid at the other end of a port: "qemu" (this process),
 * "loopback" (the guest itself) or "dom7"; caller frees. */
char *monitor_xen_remote(XenMachine *xen, uint16_t domid);
/** monitor_xen_memory_target: what the guest has been asked to have, in bytes; false: unknown. */
bool monitor_xen_memory_target(XenMachine *xen, uint64_t *bytes);

#endif
