/*
 * IA-PC HPET at 0xfed00000, 3 timers (2-32 by property), legacy replacement, MSI delivery.
 *
 * Source: IA-PC HPET specification 1.0a.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "hw/core/device.h"

/* Type "hpet", no bus. Output pins: unnamed 0-23 go to GSI 0-23; "pit-enable" 0: level 0 while legacy replacement is
 * on. Input pins "rtc" 0 and "pit" 0: those chips' interrupts, passed on to GSI 8 and 0(2) unless legacy mode is on. */
DEVICE_DECLARE(HPET, hpet, HW_HPET)

#endif
