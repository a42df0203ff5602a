/*
 * ACPI's own power management registers: see hw/acpi/acpi_pm.h.
 *
 * The timer is a function of CLOCK_VIRTUAL. Its status bit is worked out when somebody looks; a
 * host timer is armed only when the guest has asked for the overflow's interrupt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/acpi/acpi_pm.h"

#include "util/error.h"
#include "util/trace.h"

#define TIMER_MASK    0xffffff /* 24 bits */
#define TIMER_TOP_BIT 23
#define STATUS_EVENTS                                                                              \
    (ACPI_PM1_TIMER | ACPI_PM1_GLOBAL_LOCK | ACPI_PM1_POWER_BUTTON | ACPI_PM1_SLEEP_BUTTON |       \
     ACPI_PM1_RTC)
#define STATUS_WRITABLE (STATUS_EVENTS | ACPI_PM1_BUS_MASTER | ACPI_PM1_WAKE)
/* SCI_EN, BM_RLD, SLP_TYP; GBL_RLS and SLP_EN read as zero. */
#define CONTROL_WRITABLE (ACPI_PM1_SCI_ENABLE | 0x0002 | ACPI_PM1_SLEEP_TYPE)

enum {
    OFFSET_STATUS = 0,
    OFFSET_ENABLE = 2,
    OFFSET_CONTROL = 4,
};

TRACE_DEFINE(acpi_pm1_write);
TRACE_DEFINE(acpi_sci);
TRACE_DEFINE(acpi_gpe_write);

static int64_t timer_ticks(void)
{
    return (int64_t)muldiv64((uint64_t)clock_get_ns(CLOCK_VIRTUAL), ACPI_PM_TIMER_FREQUENCY,
                             NS_PER_SECOND);
}

/* The first nanosecond at which the timer has @ticks. */
static int64_t ns_of_ticks(int64_t ticks)
{
    unsigned __int128 product = (unsigned __int128)(uint64_t)ticks * NS_PER_SECOND;
    return (int64_t)((product + ACPI_PM_TIMER_FREQUENCY - 1) / ACPI_PM_TIMER_FREQUENCY);
}

static void sync_overflow(AcpiPm *pm)
{
    int64_t half = timer_ticks() >> TIMER_TOP_BIT;
    if (half != pm->timer_half) {
        pm->timer_half = half;
        pm->status |= ACPI_PM1_TIMER;
    }
}

static void update(AcpiPm *pm)
{
    bool enabled = pm->control & ACPI_PM1_SCI_ENABLE;
    bool level =
        enabled && ((pm->status & pm->enable & STATUS_EVENTS) || (pm->gpe_status & pm->gpe_enable));
    if (level != pm->sci_level) {
        TRACE(acpi_sci, "level %d status 0x%04x gpe 0x%04x", level, pm->status, pm->gpe_status);
        pm->sci_level = level;
        pm->ops->sci(pm->opaque, level);
    }
    if (enabled && (pm->enable & ~pm->status & ACPI_PM1_TIMER)) {
        timer_mod(pm->overflow_timer, ns_of_ticks((pm->timer_half + 1) << TIMER_TOP_BIT));
    } else {
        timer_del(pm->overflow_timer);
    }
}

static void overflow(void *opaque)
{
    sync_overflow(opaque);
    update(opaque);
}

/* ---- PM1 ---- */

/* One byte of a 16-bit register. */
static uint16_t with_byte(uint16_t old, unsigned byte, uint8_t value)
{
    unsigned shift = byte * 8;
    return (uint16_t)((old & ~(0xff << shift)) | value << shift);
}

static uint64_t pm1_read(void *opaque, hwaddr offset, unsigned size)
{
    AcpiPm *pm = opaque;
    uint16_t value = 0;
    switch (offset & ~1u) {
    case OFFSET_STATUS:
        sync_overflow(pm);
        value = pm->status;
        break;
    case OFFSET_ENABLE:
        value = pm->enable;
        break;
    case OFFSET_CONTROL:
        value = pm->control;
        break;
    default:
        break;
    }
    return value >> (offset & 1) * 8 & 0xff;
}

static void write_control(AcpiPm *pm, unsigned byte, uint8_t value)
{
    uint16_t control = with_byte(pm->control, byte, value);
    pm->control = control & CONTROL_WRITABLE;
    update(pm);
    if (control & ACPI_PM1_SLEEP_ENABLE) {
        pm->ops->sleep(pm->opaque, (control & ACPI_PM1_SLEEP_TYPE) >> ACPI_PM1_SLEEP_TYPE_SHIFT);
    }
}

static void pm1_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;
    unsigned byte = offset & 1;
    TRACE(acpi_pm1_write, "offset %u value 0x%02x", (unsigned)offset, (unsigned)value);
    sync_overflow(pm);
    switch (offset & ~1u) {
    case OFFSET_STATUS: /* a one clears */
        pm->status &= ~with_byte(0, byte, (uint8_t)value);
        update(pm);
        break;
    case OFFSET_ENABLE:
        pm->enable = with_byte(pm->enable, byte, (uint8_t)value) & STATUS_EVENTS;
        update(pm);
        break;
    case OFFSET_CONTROL:
        write_control(pm, byte, (uint8_t)value);
        break;
    default:
        break;
    }
}

/* A byte at a time: every field lies within one, and so no access size needs a rule of its own. */
static const MemoryRegionOps pm1_ops = {
    pm1_read, pm1_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};

/* ---- timer ---- */

static uint64_t timer_read(void *opaque, hwaddr offset, unsigned size)
{
    return (uint64_t)(timer_ticks() & TIMER_MASK) >> offset * 8;
}

static void timer_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
}

static const MemoryRegionOps timer_ops = {
    timer_read,    timer_write,   .valid_min = 1,   .valid_max = 4,
    .impl_min = 1, .impl_max = 4, .lockless = true,
};

/* ---- general-purpose events ---- */

static uint64_t gpe_read(void *opaque, hwaddr offset, unsigned size)
{
    const AcpiPm *pm = opaque;
    uint16_t value = offset & 2 ? pm->gpe_enable : pm->gpe_status;
    return value >> (offset & 1) * 8 & 0xff;
}

static void gpe_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    AcpiPm *pm = opaque;
    unsigned byte = offset & 1;
    TRACE(acpi_gpe_write, "offset %u value 0x%02x", (unsigned)offset, (unsigned)value);
    if (offset & 2) {
        pm->gpe_enable = with_byte(pm->gpe_enable, byte, (uint8_t)value);
    } else {
        pm->gpe_status &= ~with_byte(0, byte, (uint8_t)value);
    }
    update(pm);
}

static const MemoryRegionOps gpe_ops = {
    gpe_read, gpe_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};

/* ---- the owner's side ---- */

void acpi_pm_init(AcpiPm *pm, const AcpiPmOps *ops, void *opaque)
{
    pm->ops = ops;
    pm->opaque = opaque;
    pm->overflow_timer = timer_new(CLOCK_VIRTUAL, overflow, pm);
    memory_region_init_io(&pm->pm1_region, &pm1_ops, pm, "acpi-pm1", ACPI_PM1_SIZE);
    memory_region_init_io(&pm->timer_region, &timer_ops, pm, "acpi-timer", ACPI_PM_TIMER_SIZE);
    memory_region_init_io(&pm->gpe_region, &gpe_ops, pm, "acpi-gpe0", ACPI_GPE_SIZE);
}

void acpi_pm_destroy(AcpiPm *pm)
{
    memory_region_destroy(&pm->pm1_region);
    memory_region_destroy(&pm->timer_region);
    memory_region_destroy(&pm->gpe_region);
    g_clear_pointer(&pm->overflow_timer, timer_free);
}

void acpi_pm_reset(AcpiPm *pm)
{
    pm->status = 0;
    pm->enable = 0;
    pm->control = 0;
    pm->gpe_status = 0;
    pm->gpe_enable = 0;
    pm->timer_half = timer_ticks() >> TIMER_TOP_BIT;
    pm->sci_level = false;
    timer_del(pm->overflow_timer);
    pm->ops->sci(pm->opaque, false);
}

void acpi_pm_set_sci_enable(AcpiPm *pm, bool on)
{
    sync_overflow(pm);
    pm->control = on ? pm->control | ACPI_PM1_SCI_ENABLE : pm->control & ~ACPI_PM1_SCI_ENABLE;
    update(pm);
}

void acpi_pm_raise(AcpiPm *pm, uint16_t status)
{
    pm->status |= status & STATUS_WRITABLE;
    update(pm);
}

void acpi_pm_raise_gpe(AcpiPm *pm, unsigned n)
{
    if (n < 16) {
        pm->gpe_status |= (uint16_t)(1u << n);
        update(pm);
    }
}

bool acpi_pm_loaded(AcpiPm *pm, GError **error)
{
    const int64_t half_limit = (INT64_C(1) << 60) >> TIMER_TOP_BIT;
    if ((pm->status & ~STATUS_WRITABLE) || (pm->enable & ~STATUS_EVENTS) ||
        (pm->control & ~CONTROL_WRITABLE) || pm->timer_half < 0 || pm->timer_half >= half_limit) {
        return error_setf(error, "saved ACPI registers are out of range");
    }
    pm->sci_level = false;
    pm->ops->sci(pm->opaque, false);
    update(pm);
    return true;
}
