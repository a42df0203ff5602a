/*
 * The registers that ACPI itself defines: PM1 status, enable and control, the power management
 * timer, and a general-purpose event block. A chip embeds them and maps their regions where it
 * decodes them.
 *
 * Source: Advanced Configuration and Power Interface Specification 6.3, section 4.8.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_ACPI_ACPI_PM_H
#define HW_ACPI_ACPI_PM_H

#include "hw/core/saved_state.h"
#include "util/clock.h"
#include "util/memory.h"

#define ACPI_PM_TIMER_FREQUENCY 3579545 /* Hz */
#define ACPI_PM1_SIZE           8       /* status, enable, control, and two bytes not used */
#define ACPI_PM_TIMER_SIZE      4
#define ACPI_GPE_SIZE           4 /* sixteen status bits, sixteen enable bits */

/* PM1 status and enable. */
enum {
    ACPI_PM1_TIMER = 1 << 0,
    ACPI_PM1_BUS_MASTER = 1 << 4, /* status only */
    ACPI_PM1_GLOBAL_LOCK = 1 << 5,
    ACPI_PM1_POWER_BUTTON = 1 << 8,
    ACPI_PM1_SLEEP_BUTTON = 1 << 9,
    ACPI_PM1_RTC = 1 << 10,
    ACPI_PM1_WAKE = 1 << 15, /* status only */
};

/* PM1 control. */
enum {
    ACPI_PM1_SCI_ENABLE = 1 << 0,
    ACPI_PM1_SLEEP_TYPE_SHIFT = 10,
    ACPI_PM1_SLEEP_TYPE = 7 << 10,
    ACPI_PM1_SLEEP_ENABLE = 1 << 13,
};

typedef struct {
    /** sci: the system control interrupt is now @level. */
    void (*sci)(void *opaque, bool level);
    /** sleep: the guest set SLP_EN with this SLP_TYP (0-7). */
    void (*sleep)(void *opaque, unsigned sleep_type);
} AcpiPmOps;

typedef struct {
    const AcpiPmOps *ops;
    void *opaque;
    uint16_t status, enable, control;
    uint16_t gpe_status, gpe_enable;
    int64_t timer_half; /* changes of the timer's top bit that status knows of */
    bool sci_level;
    Timer *overflow_timer;
    MemoryRegion pm1_region;   /* ACPI_PM1_SIZE bytes */
    MemoryRegion timer_region; /* ACPI_PM_TIMER_SIZE bytes; read without the machine lock */
    MemoryRegion gpe_region;   /* ACPI_GPE_SIZE bytes */
} AcpiPm;

/** acpi_pm_init: makes the regions; the owner maps them. @ops and @opaque outlive @pm. */
void acpi_pm_init(AcpiPm *pm, const AcpiPmOps *ops, void *opaque);
void acpi_pm_destroy(AcpiPm *pm);
void acpi_pm_reset(AcpiPm *pm);
/** acpi_pm_set_sci_enable: what the SMI command port's ACPI enable and disable do. */
void acpi_pm_set_sci_enable(AcpiPm *pm, bool on);
/** acpi_pm_raise: sets PM1 status bits and the SCI that may follow. */
void acpi_pm_raise(AcpiPm *pm, uint16_t status);
/** acpi_pm_raise_gpe: sets general-purpose event @n (0-15). */
void acpi_pm_raise_gpe(AcpiPm *pm, unsigned n);
/** acpi_pm_loaded: after the fields below were loaded: checks them, brings SCI and timer in step.
 */
bool acpi_pm_loaded(AcpiPm *pm, GError **error);

/* For the owner's table of saved fields; @field is its AcpiPm. */
#define ACPI_PM_SAVED(Type, field)                                                                 \
    SAVED(Type, field.status), SAVED(Type, field.enable), SAVED(Type, field.control),              \
        SAVED(Type, field.gpe_status), SAVED(Type, field.gpe_enable),                              \
        SAVED(Type, field.timer_half)

#endif
