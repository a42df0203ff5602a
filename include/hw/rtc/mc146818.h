/*
 * MC146818 real-time clock with 128 bytes of CMOS RAM (0x70-0x71; 0x72/0x73 extended bank not
 * present).
 *
 * Source: Motorola MC146818A data sheet.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_RTC_MC146818_H
#define HW_RTC_MC146818_H

#include "hw/core/device.h"

/* Type "mc146818rtc" on the ISA bus; output pin 0 is IRQ (8), output pin "alarm" 0 pulses when an
 * enabled alarm goes off (for PIIX4_PM's input "rtc-alarm": status bit and wake-up). Properties:
 * base_year (subtracted from the year; 0 gives the true century), lost_tick_policy. The clock base
 * and offset come from MachineConfig (rtc_*). */
DEVICE_DECLARE(MC146818, mc146818, HW_MC146818)

/** mc146818_set_cmos / get_cmos: a byte of the NVRAM (0x0e-0x7f) that the board fills in for
 * firmware. */
void mc146818_set_cmos(MC146818 *rtc, unsigned index, uint8_t value);
uint8_t mc146818_get_cmos(MC146818 *rtc, unsigned index);
/** mc146818_set_listener: @changed (may be NULL) hears when a guest sets the clock: its time minus the
 * host's UTC, in seconds. Machine lock held. */
void mc146818_set_listener(void (*changed)(MC146818 *rtc, int64_t offset_seconds));
/** mc146818_forget_lost_ticks: periodic interrupts that the guest is still owed ("slew") are not made up for:
 * somebody has set its clock by other means. Machine lock held. */
void mc146818_forget_lost_ticks(MC146818 *rtc);
/** mc146818_nmi_masked: bit 7 of the index port: the guest wants no NMI. */
bool mc146818_nmi_masked(MC146818 *rtc);

#endif
