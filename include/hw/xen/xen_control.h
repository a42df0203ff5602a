/*
 * What a tool stack asks of a running Xen guest through ~/control and ~/memory in the store: to
 * power off, reboot or suspend, to obey a SysRq key, to grow or shrink. The machine's power-down
 * goes this way when the guest has said that it listens, and presses the ACPI power button when the
 * guest then does not answer.
 *
 * Sources: Xen's docs/misc/xenstore-paths.pandoc ("Platform Feature and Control Paths"); Linux'
 * drivers/xen/manage.c for what a guest does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_XEN_CONTROL_H
#define HW_XEN_XEN_CONTROL_H

#include "hw/core/device.h"
#include "hw/xen/store.h"

#define TYPE_XEN_CONTROL "xen-control"

/* How long the guest may take to acknowledge a power-down, of its own time. */
#define XEN_CONTROL_TIMEOUT_SECONDS 5

/* Reset forgets what was asked; its saved state is that of any device. All calls: main loop,
 * machine lock held. */
DEVICE_DECLARE(XenControl, xen_control, HW_XEN_CONTROL)

/**
 * xen_control_new: for domain @domid of @store, which must outlive the machine's devices. The
 * machine owns it. It takes the run state's power-down filter. NULL and @error if there is one
 * already.
 */
XenControl *xen_control_new(Machine *machine, XenStore *store, uint16_t domid, GError **error);

/**
 * xen_control_request: writes @request ("poweroff", "halt", "reboot", "suspend", "s3", "s4") to
 * control/shutdown, over whatever is there. False: there is no such request, the guest has said
 * that it cannot do it, or the store refuses.
 */
bool xen_control_request(XenControl *control, const char *request, GError **error);
/** xen_control_pending: the request that the guest has not yet acknowledged, or NULL. */
const char *xen_control_pending(XenControl *control);
/** xen_control_sysrq: presses SysRq and @key, a letter or digit as Linux knows them. */
bool xen_control_sysrq(XenControl *control, char key, GError **error);
/** xen_control_set_memory_target: asks the guest's balloon for @kib, at most memory/static-max. */
bool xen_control_set_memory_target(XenControl *control, uint64_t kib, GError **error);

#endif
