/*
 * The board's interrupt wiring: what drives each global system interrupt, and the two controllers behind it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_GSI_H
#define HW_I386_GSI_H

#include "hw/core/device.h"

#define GSI_COUNT 24

/*
 * Type "pc-gsi", no bus. Input pins "isa" and "pirq" 0-15, "sci" 0, "hpet" and "xen" 0-23: each is ORed into its GSI. Output
 * pins "pic" 0-15 and "ioapic" 0-23; GSI 0 (the timer) is IOAPIC pin 2, as the MADT's override says.
 */
DEVICE_DECLARE(Gsi, gsi, HW_GSI)

/** GsiFilter: line @n goes to @level; true: somebody else takes it, the controllers are not told. */
typedef bool (*GsiFilter)(void *opaque, unsigned n, bool level);

/** gsi_set_filter: asked at each change of a line, under the machine lock. */
void gsi_set_filter(Gsi *gsi, GsiFilter filter, void *opaque);
/** gsi_device_level: true while a device drives line @n; pin "xen" does not count. Any thread. */
bool gsi_device_level(Gsi *gsi, unsigned n);
/** gsi_raised: how often line @n (below GSI_COUNT) has gone high since the machine was made. */
uint64_t gsi_raised(Gsi *gsi, unsigned n);

#endif
