/*
 * PIIX4 power management function: ACPI registers, SMBus, APM ports, and the board's GPE and
 * hot-plug ports.
 *
 * Source: Intel 82371AB (PIIX4) data sheet (290562).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_ACPI_PIIX4_PM_H
#define HW_ACPI_PIIX4_PM_H

#include "hw/pci/pci.h"

/* Ports that the board's ACPI tables name. */
#define PIIX4_PM_APM_PORT     0xb2 /* FADT SMI_CMD */
#define PIIX4_PM_ACPI_ENABLE  0xf1
#define PIIX4_PM_ACPI_DISABLE 0xf0
#define PIIX4_PM_GPE0_PORT    0xafe0 /* 4 bytes */
#define PIIX4_PM_HOTPLUG_PORT 0xae00 /* 0x18 bytes */
#define PIIX4_PM_SCI_IRQ      9

/*
 * Type "PIIX4_PM", PCI 8086:7113. Unnamed output pin 0 is SCI (level, to ISA IRQ 9). Input pin
 * "rtc-alarm" 0: the RTC's output pin "alarm"; sets RTC_STS and, where the guest enabled it, ends
 * S3. Properties: disable_s3, disable_s4, s4_val, smb_io_base. It hears RUN_EVENT_POWERDOWN (power
 * button), SUSPEND and WAKEUP_DONE itself. On RUN_EVENT_SUSPEND the board writes the CMOS shutdown
 * code (0x0f = 0xfe) by which firmware knows S3.
 */
DEVICE_DECLARE(PIIX4PM, piix4_pm, HW_PIIX4_PM)

/** piix4_pm_sleep_states: what the DSDT may offer; @s4_value is SLP_TYP of S4. */
void piix4_pm_sleep_states(PIIX4PM *pm, bool *s3, bool *s4, uint8_t *s4_value);
/** piix4_pm_io_base: the port where the firmware has put PM1 and the timer; 0: nowhere yet. */
uint16_t piix4_pm_io_base(PIIX4PM *pm);
/** piix4_pm_press_sleep_button: SLPBTN_STS and its SCI. */
void piix4_pm_press_sleep_button(PIIX4PM *pm);
/** piix4_pm_raise_gpe: general-purpose event @n (0-15). */
void piix4_pm_raise_gpe(PIIX4PM *pm, unsigned n);

#endif
