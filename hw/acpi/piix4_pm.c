/*
 * PIIX4 function 3: power management and SMBus.
 *
 * Without system management mode nobody would answer the APM port's SMI, so the chip does itself
 * what firmware's handler does: the two ACPI commands set and clear SCI_EN. DEVACTB says from reset
 * that the handler is in place.
 *
 * Source: Intel 82371AB (PIIX4) data sheet (290562) chapter 7; ACPI specification 6.3 section 4.8.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/acpi/piix4_pm.h"

#include "hw/acpi/acpi_pm.h"
#include "hw/acpi/pci_hotplug.h"
#include "hw/acpi/piix4_smbus.h"
#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "util/bytes.h"
#include "util/log.h"
#include "util/trace.h"

/* Configuration registers. */
enum {
    CONFIG_PM_BASE = 0x40,
    CONFIG_DEVICE_FIRST =
        0x44, /* counters, general-purpose inputs, device activity and resources */
    CONFIG_DEVICE_LAST = 0x7f,
    CONFIG_DEVACTB_BYTE3 = 0x5b,
    CONFIG_PM_MISC = 0x80,
    CONFIG_SMBUS_BASE = 0x90,
    CONFIG_SMBUS_HOST = 0xd2,
    CONFIG_SMBUS_SLAVE_FIRST = 0xd3,
    CONFIG_SMBUS_SLAVE_LAST = 0xd5,
};

#define BASE_IS_IO        0x01
#define PM_BASE_MASK      0xffc0
#define SMBUS_BASE_MASK   0xfff0
#define PM_IO_ENABLE      0x01
#define SMBUS_ENABLE      0x01
#define SMBUS_IRQ_SELECT  0x0e
#define SMBUS_IRQ_IS_9    0x08
#define DEVACTB_APM_READY 0x02 /* bit 25: APM writes make an SMI */

#define PM_IO_SIZE      0x40
#define PM_TIMER_OFFSET 0x08

enum {
    SLEEP_TYPE_S5 = 0,
    SLEEP_TYPE_S3 = 1,
    SLEEP_TYPE_S4 = 2,
};

struct _PIIX4PM {
    PCIDevice parent_instance;
    uint8_t disable_s3, disable_s4, s4_value;
    uint32_t smbus_base; /* property: firmware's default, 0: none */
    AcpiPm acpi;
    Piix4Smbus smbus;
    uint8_t apm_command, apm_status;
    bool alarm_woke; /* what ended S3 */
    bool sci_level;
    IRQLine *sci;
    MemoryRegion pm_io; /* 64 bytes at PM base: the ACPI registers over pm_rest */
    MemoryRegion pm_rest;
    MemoryRegion apm_region;
    AcpiPciHotplug hotplug;
};

TRACE_DEFINE(piix4_pm_sleep);
TRACE_DEFINE(piix4_pm_apm);

DEVICE_TYPE(PIIX4PM, piix4_pm, "PIIX4_PM", TYPE_PCI_DEVICE)

/* ---- SCI: the ACPI registers and, when routed there, the SMBus ---- */

static void update_sci(PIIX4PM *pm)
{
    uint8_t host = pci_device_config(HW_PCI_DEVICE(pm))[CONFIG_SMBUS_HOST];
    bool smbus_shares = (host & SMBUS_IRQ_SELECT) == SMBUS_IRQ_IS_9;
    irq_set(pm->sci, pm->sci_level || (smbus_shares && piix4_smbus_irq_level(&pm->smbus)));
}

static void acpi_sci(void *opaque, bool level)
{
    PIIX4PM *pm = opaque;
    pm->sci_level = level;
    update_sci(pm);
}

static void smbus_irq(void *opaque, bool level)
{
    update_sci(opaque);
}

/* ---- sleeping and waking ---- */

static void acpi_sleep(void *opaque, unsigned type)
{
    PIIX4PM *pm = opaque;
    TRACE(piix4_pm_sleep, "SLP_TYP %u", type);
    if (type == SLEEP_TYPE_S5) {
        run_state_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else if (type == SLEEP_TYPE_S3 && !pm->disable_s3) {
        run_state_request_suspend();
    } else if (type == pm->s4_value && !pm->disable_s4) {
        /* The guest has saved itself to disk; it finds the image when it starts the next time. */
        run_state_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else {
        log_printf(LOG_GUEST_ERRORS, "PIIX4_PM: no sleep state has SLP_TYP %u\n", type);
    }
}

static const AcpiPmOps acpi_ops = {acpi_sci, acpi_sleep};

static void press_button(PIIX4PM *pm, uint16_t button)
{
    if (run_state_get() == RUN_STATE_SUSPENDED) {
        run_state_request_wakeup();
    } else if (pm->acpi.control & ACPI_PM1_SCI_ENABLE) {
        /* Without an ACPI system nobody would ever clear the bit, and the next one would take it as
         * its own. */
        acpi_pm_raise(&pm->acpi, button);
    }
}

static void piix4_pm_run_event(RunEvent event, void *opaque)
{
    PIIX4PM *pm = opaque;
    switch (event) {
    case RUN_EVENT_POWERDOWN:
        press_button(pm, ACPI_PM1_POWER_BUTTON);
        break;
    case RUN_EVENT_SUSPEND:
        pm->alarm_woke = false;
        break;
    case RUN_EVENT_WAKEUP_DONE:
        /* Whatever else wakes the machine looks like its power button, the only other source there
         * is. */
        acpi_pm_raise(&pm->acpi,
                      ACPI_PM1_WAKE | (pm->alarm_woke ? ACPI_PM1_RTC : ACPI_PM1_POWER_BUTTON));
        pm->alarm_woke = false;
        break;
    default:
        break;
    }
}

static void rtc_alarm(void *opaque, int n, int level)
{
    PIIX4PM *pm = opaque;
    if (!level) {
        return;
    }
    if (run_state_get() == RUN_STATE_SUSPENDED && (pm->acpi.enable & ACPI_PM1_RTC)) {
        pm->alarm_woke = true;
        run_state_request_wakeup();
    }
    acpi_pm_raise(&pm->acpi, ACPI_PM1_RTC);
}

uint16_t piix4_pm_io_base(PIIX4PM *pm)
{
    return load_le32(pci_device_config(&pm->parent_instance) + CONFIG_PM_BASE) & PM_BASE_MASK;
}

void piix4_pm_press_sleep_button(PIIX4PM *pm)
{
    press_button(pm, ACPI_PM1_SLEEP_BUTTON);
}

void piix4_pm_raise_gpe(PIIX4PM *pm, unsigned n)
{
    acpi_pm_raise_gpe(&pm->acpi, n);
}

void piix4_pm_sleep_states(PIIX4PM *pm, bool *s3, bool *s4, uint8_t *s4_value)
{
    *s3 = !pm->disable_s3;
    *s4 = !pm->disable_s4;
    *s4_value = pm->s4_value;
}

static void hotplug_event(void *opaque)
{
    piix4_pm_raise_gpe(opaque, ACPI_PCI_HOTPLUG_GPE);
}

/* ---- APM ports ---- */

static uint64_t apm_read(void *opaque, hwaddr offset, unsigned size)
{
    const PIIX4PM *pm = opaque;
    return offset == 0 ? pm->apm_command : pm->apm_status;
}

static void apm_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PIIX4PM *pm = opaque;
    if (offset != 0) {
        pm->apm_status = (uint8_t)value;
        return;
    }
    TRACE(piix4_pm_apm, "command 0x%02x", (unsigned)value);
    pm->apm_command = (uint8_t)value;
    if (value == PIIX4_PM_ACPI_ENABLE || value == PIIX4_PM_ACPI_DISABLE) {
        acpi_pm_set_sci_enable(&pm->acpi, value == PIIX4_PM_ACPI_ENABLE);
    }
}

static const MemoryRegionOps apm_ops = {
    apm_read, apm_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};

/* ---- registers without a function: the rest of PM I/O space ---- */

static uint64_t zero_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static void ignored_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    const MemoryRegion *region = opaque;
    log_printf(LOG_UNIMP, "PIIX4_PM: write of 0x%x to %s register 0x%02x\n", (unsigned)value,
               region->name, (unsigned)offset);
}

static const MemoryRegionOps zero_ops = {
    zero_read, ignored_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 4,
};

/* ---- configuration space ---- */

static void update_mapping(PIIX4PM *pm)
{
    const uint8_t *config = pci_device_config(HW_PCI_DEVICE(pm));
    uint32_t pm_base = load_le32(config + CONFIG_PM_BASE) & PM_BASE_MASK;
    uint32_t smbus_base = load_le32(config + CONFIG_SMBUS_BASE) & SMBUS_BASE_MASK;
    memory_transaction_begin();
    memory_region_set_address(&pm->pm_io, pm_base);
    memory_region_set_enabled(&pm->pm_io, pm_base && (config[CONFIG_PM_MISC] & PM_IO_ENABLE));
    memory_region_set_address(&pm->smbus.region, smbus_base);
    memory_region_set_enabled(&pm->smbus.region,
                              smbus_base && (config[CONFIG_SMBUS_HOST] & SMBUS_ENABLE));
    memory_transaction_commit();
}

static void piix4_pm_config_write(PCIDevice *device, uint32_t address, uint32_t value,
                                  unsigned size)
{
    PIIX4PM *pm = HW_PIIX4_PM(device);
    pci_default_config_write(device, address, value, size);
    if (address + size > CONFIG_PM_BASE) {
        update_mapping(pm);
        update_sci(pm);
    }
}

static void setup_config(PIIX4PM *pm)
{
    uint8_t *config = pci_device_config(HW_PCI_DEVICE(pm));
    uint8_t *mask = pci_device_write_mask(HW_PCI_DEVICE(pm));
    store_le16(config + PCI_STATUS, PCI_STATUS_FAST_BACK | PCI_STATUS_DEVSEL_MEDIUM);
    store_le32(config + CONFIG_PM_BASE, BASE_IS_IO);
    store_le32(mask + CONFIG_PM_BASE, PM_BASE_MASK);
    memset(mask + CONFIG_DEVICE_FIRST, 0xff, CONFIG_DEVICE_LAST + 1 - CONFIG_DEVICE_FIRST);
    config[CONFIG_DEVACTB_BYTE3] = DEVACTB_APM_READY;
    mask[CONFIG_PM_MISC] = PM_IO_ENABLE;
    store_le32(config + CONFIG_SMBUS_BASE, (pm->smbus_base & SMBUS_BASE_MASK) | BASE_IS_IO);
    store_le32(mask + CONFIG_SMBUS_BASE, SMBUS_BASE_MASK);
    config[CONFIG_SMBUS_HOST] = pm->smbus_base ? SMBUS_IRQ_IS_9 | SMBUS_ENABLE : 0;
    mask[CONFIG_SMBUS_HOST] = SMBUS_IRQ_SELECT | SMBUS_ENABLE;
    memset(mask + CONFIG_SMBUS_SLAVE_FIRST, 0xff,
           CONFIG_SMBUS_SLAVE_LAST + 1 - CONFIG_SMBUS_SLAVE_FIRST);
    pci_set_interrupt_pin(HW_PCI_DEVICE(pm), 1);
}

/* ---- life ---- */

static void map_regions(PIIX4PM *pm)
{
    MemoryRegion *io = machine_io_root(device_get_machine(HW_DEVICE(pm)));
    memory_region_init(&pm->pm_io, "piix4-pm", PM_IO_SIZE);
    memory_region_init_io(&pm->pm_rest, &zero_ops, &pm->pm_rest, "PM I/O", PM_IO_SIZE);
    memory_region_add_overlap(&pm->pm_io, 0, &pm->pm_rest, -1);
    memory_region_add(&pm->pm_io, 0, &pm->acpi.pm1_region);
    memory_region_add(&pm->pm_io, PM_TIMER_OFFSET, &pm->acpi.timer_region);
    memory_region_set_enabled(&pm->pm_io, false);
    memory_region_add(io, 0, &pm->pm_io);
    memory_region_set_enabled(&pm->smbus.region, false);
    memory_region_add(io, 0, &pm->smbus.region);

    memory_region_init_io(&pm->apm_region, &apm_ops, pm, "apm", 2);
    memory_region_add(io, PIIX4_PM_APM_PORT, &pm->apm_region);
    memory_region_add(io, PIIX4_PM_GPE0_PORT, &pm->acpi.gpe_region);
    memory_region_add(io, PIIX4_PM_HOTPLUG_PORT, &pm->hotplug.region);
}

static bool piix4_pm_realize(PCIDevice *device, GError **error)
{
    PIIX4PM *pm = HW_PIIX4_PM(device);
    if (pm->smbus_base & ~(uint32_t)SMBUS_BASE_MASK) {
        return error_setf(error, "Property 'PIIX4_PM.smb_io_base' doesn't take value '%u'",
                          pm->smbus_base);
    }
    setup_config(pm);
    acpi_pm_init(&pm->acpi, &acpi_ops, pm);
    piix4_smbus_init(&pm->smbus, smbus_irq, pm);
    acpi_pci_hotplug_init(&pm->hotplug, pci_device_bus(device), hotplug_event, pm);
    map_regions(pm);
    run_state_add_handler(piix4_pm_run_event, pm);
    return true;
}

static void piix4_pm_unrealize(PCIDevice *device)
{
    PIIX4PM *pm = HW_PIIX4_PM(device);
    run_state_remove_handler(piix4_pm_run_event, pm);
    acpi_pm_destroy(&pm->acpi);
    piix4_smbus_destroy(&pm->smbus);
    memory_region_destroy(&pm->pm_rest);
    memory_region_destroy(&pm->pm_io);
    memory_region_destroy(&pm->apm_region);
    acpi_pci_hotplug_destroy(&pm->hotplug);
}

static void piix4_pm_reset(Device *device)
{
    PIIX4PM *pm = HW_PIIX4_PM(device);
    pm->apm_command = 0;
    pm->apm_status = 0;
    piix4_smbus_reset(&pm->smbus);
    acpi_pci_hotplug_reset(&pm->hotplug);
    acpi_pm_reset(&pm->acpi);
    update_mapping(pm);
}

static bool piix4_pm_post_load(Device *device, GError **error)
{
    PIIX4PM *pm = HW_PIIX4_PM(device);
    update_mapping(pm);
    return acpi_pm_loaded(&pm->acpi, error);
}

static const DeviceProperty piix4_pm_properties[] = {
    DEVICE_PROPERTY_RANGE(UINT8, "disable_s3", PIIX4PM, disable_s3, 0, 1, 0,
                          "1: no suspend to RAM"),
    DEVICE_PROPERTY_RANGE(UINT8, "disable_s4", PIIX4PM, disable_s4, 0, 1, 0,
                          "1: no suspend to disk"),
    DEVICE_PROPERTY_RANGE(UINT8, "s4_val", PIIX4PM, s4_value, 0, 7, SLEEP_TYPE_S4,
                          "SLP_TYP of suspend to disk"),
    DEVICE_PROPERTY(UINT32, "smb_io_base", PIIX4PM, smbus_base, 0,
                    "I/O port of the SMBus registers before firmware sets it"),
};

static const SavedField piix4_pm_fields[] = {
    ACPI_PM_SAVED(PIIX4PM, acpi), SAVED_ARRAY(PIIX4PM, smbus.registers),
    SAVED(PIIX4PM, apm_command),  SAVED(PIIX4PM, apm_status),
    SAVED(PIIX4PM, alarm_woke),   ACPI_PCI_HOTPLUG_SAVED(PIIX4PM, hotplug),
};

static void piix4_pm_instance_init(PIIX4PM *pm)
{
    device_init_irq_out(HW_DEVICE(pm), NULL, &pm->sci, 1);
    device_init_irq_in(HW_DEVICE(pm), "rtc-alarm", rtc_alarm, 1);
}

static void piix4_pm_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci = HW_PCI_DEVICE_CLASS(klass);
    klass->description = "PIIX4 power management";
    klass->category = DEVICE_CATEGORY_BRIDGE;
    klass->reset = piix4_pm_reset;
    klass->post_load = piix4_pm_post_load;
    klass->saved_fields = piix4_pm_fields;
    klass->saved_field_count = G_N_ELEMENTS(piix4_pm_fields);
    klass->saved_version = 2;
    pci->vendor_id = 0x8086;
    pci->device_id = 0x7113;
    pci->class_id = 0x0680;
    pci->revision = 3;
    pci->pci_realize = piix4_pm_realize;
    pci->pci_unrealize = piix4_pm_unrealize;
    pci->config_write = piix4_pm_config_write;
    device_class_add_properties(klass, piix4_pm_properties, G_N_ELEMENTS(piix4_pm_properties));
}
