/*
 * The Xen platform device (PCI 5853:0001): what makes a guest's drivers believe in Xen HVM, the
 * ports through which they unplug emulated disks and network adapters, and the interrupt for
 * callback type PCI INTx.
 *
 * Sources: Xen's docs/misc/hvm-emulated-unplug.pandoc, xen/hvm/pvdrivers.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_XEN_PLATFORM_H
#define HW_XEN_XEN_PLATFORM_H

#include "hw/pci/pci.h"
#include "hw/xen/store.h"

#define TYPE_XEN_PLATFORM "xen-platform"

/* One for a machine: its I/O ports 0x10-0x1f are fixed. */
DEVICE_DECLARE(XenPlatform, xen_platform, HW_XEN_PLATFORM)

/**
 * xen_platform_set_irq: drives the device's INTA, so that re-routing by the guest is followed and
 * other devices share the line. Machine lock held. A reset takes the level back to 0.
 */
void xen_platform_set_irq(XenPlatform *platform, int level);

/**
 * xen_platform_soft_reset: what the start of another kernel (SHUTDOWN_soft_reset: kexec, a crash
 * kernel) means here, where Xen's tools would start the device model anew: what was unplugged is
 * back, the registers are as at power-on. Machine lock held; paravirtual devices have let go of
 * their images before.
 */
void xen_platform_soft_reset(XenPlatform *platform);

/**
 * xen_platform_set_unplug_handler: @handler is called when the guest has unplugged something: it is
 * gone and its images are free for a paravirtual device. On the vCPU's thread, machine lock held.
 */
void xen_platform_set_unplug_handler(XenPlatform *platform, void (*handler)(void *opaque),
                                     void *opaque);

/**
 * xen_platform_set_store: where drivers are looked up that the administrator does not want to load
 * (/mh/driver-blacklist/PRODUCT/BUILD). @store must outlive the device; NULL: all are welcome.
 */
void xen_platform_set_store(XenPlatform *platform, XenStore *store);

#endif
