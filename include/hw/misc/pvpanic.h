/*
 * pvpanic: bits of its event port. Source: QEMU, docs/specs/pvpanic.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_MISC_PVPANIC_H
#define HW_MISC_PVPANIC_H

#define PVPANIC_DEFAULT_PORT 0x505

enum {
    PVPANIC_PANICKED = 0x01,     /* the guest's kernel has panicked */
    PVPANIC_CRASH_LOADED = 0x02, /* it has panicked and goes on into a crash kernel */
    PVPANIC_SHUTDOWN = 0x04,     /* it has shut down in order */
    PVPANIC_EVENTS = 0x07,
};

#endif
