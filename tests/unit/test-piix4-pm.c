/*
 * PIIX4 power management: mapping, PM1 and SCI, timer, sleep states and waking, APM, events, SMBus,
 * saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chip-fixture.h"
#include "hw/acpi/piix4_pm.h"
#include "hw/core/run_state.h"

#define DEVFN   PCI_DEVFN(1, 3)
#define PM      0x0600
#define STATUS  (PM + 0)
#define ENABLE  (PM + 2)
#define CONTROL (PM + 4)
#define TIMER   (PM + 8)
#define SMBUS   0x0700
#define GPE     0xafe0
#define HOTPLUG 0xae00

enum {
    PM1_TIMER = 0x0001,
    PM1_GLOBAL = 0x0020,
    PM1_POWER = 0x0100,
    PM1_SLEEP = 0x0200,
    PM1_RTC = 0x0400,
    PM1_WAKE = 0x8000,
    SCI_EN = 0x0001,
    SLP_EN = 0x2000,
};

static PIIX4PM *pm;
static Device *device;
static PCIBus *bus;
static Wire sci;
static unsigned events[RUN_EVENT_EXIT + 1];

static void count_event(RunEvent event, void *opaque)
{
    events[event]++;
}

static uint32_t config(unsigned offset, unsigned size)
{
    return pci_bus_config_read(bus, 0x80000000u | DEVFN << 8 | offset, size);
}

static void set_config(unsigned offset, uint32_t value, unsigned size)
{
    pci_bus_config_write(bus, 0x80000000u | DEVFN << 8 | offset, value, size);
}

/* As firmware sets it up. */
static void enable_ports(void)
{
    set_config(0x40, PM | 1, 4);
    set_config(0x80, 1, 1);
    set_config(0x90, SMBUS | 1, 4);
    set_config(0xd2, 0x09, 1);
}

static void setup_with(const char *property, const char *value)
{
    fixture_setup();
    memset(events, 0, sizeof(events));
    bus =
        pci_bus_new(machine, NULL, "pci.0", machine_memory_root(machine), machine_io_root(machine));
    device = HW_DEVICE(pci_device_new("PIIX4_PM", DEVFN));
    pm = HW_PIIX4_PM(device);
    if (property) {
        g_assert_true(device_set_property_text(device, property, value, NULL));
    }
    wire_attach(&sci, device, NULL, 0);
    fixture_plug(device, HW_BUS(bus));
    run_state_add_handler(count_event, NULL);
    enable_ports();
}

static void setup(void)
{
    setup_with(NULL, NULL);
}

static void teardown(void)
{
    run_state_remove_handler(count_event, NULL);
    wire_detach(&sci, device, NULL, 0);
    fixture_teardown();
}

/* Carries out what was requested: main() told the loop to end, so it takes one turn. */
static void run_requests(void)
{
    run_state_loop(machine);
}

static uint16_t inw(uint16_t port)
{
    return (uint16_t)in_port(port, 2);
}

static void outw(uint16_t port, uint16_t value)
{
    out_port(port, value, 2);
}

static void configuration_header(void)
{
    setup();
    g_assert_cmphex(config(PCI_VENDOR_ID, 4), ==, 0x71138086);
    g_assert_cmphex(config(PCI_CLASS_REVISION, 4), ==, 0x06800003);
    g_assert_cmphex(config(PCI_STATUS, 2), ==, 0x0280);
    g_assert_cmphex(config(PCI_INTERRUPT_PIN, 1), ==, 1);
    g_assert_cmphex(config(0x5b, 1), ==, 0x02); /* no SMI handler need be put in place */
    set_config(0x40, 0xffffffff, 4);
    g_assert_cmphex(config(0x40, 4), ==, 0x0000ffc1);
    set_config(0x90, 0xffffffff, 4);
    g_assert_cmphex(config(0x90, 4), ==, 0x0000fff1);
    set_config(0x80, 0xff, 1);
    g_assert_cmphex(config(0x80, 1), ==, 0x01);
    machine_reset(machine);
    g_assert_cmphex(config(0x40, 4), ==, 0x00000001);
    g_assert_cmphex(config(0x80, 1), ==, 0);
    g_assert_cmphex(config(0x90, 4), ==, 0x00000001);
    g_assert_cmphex(config(0xd2, 1), ==, 0);
    teardown();
}

static void ports_follow_the_base_registers(void)
{
    setup();
    outw(ENABLE, PM1_POWER);
    g_assert_cmphex(inw(ENABLE), ==, PM1_POWER);
    set_config(0x40, 0xb001, 4);
    g_assert_cmphex(inw(ENABLE), ==, 0xffff);
    g_assert_cmphex(inw(0xb002), ==, PM1_POWER);
    set_config(0x80, 0, 1);
    g_assert_cmphex(inw(0xb002), ==, 0xffff);
    g_assert_cmphex(inb(SMBUS), ==, 0);
    set_config(0xd2, 0, 1);
    g_assert_cmphex(inb(SMBUS), ==, 0xff);
    set_config(0x40, 0x0001, 4); /* base zero decodes nothing */
    set_config(0x80, 1, 1);
    g_assert_cmphex(inw(2), ==, 0xffff);
    teardown();
}

static void registers_have_their_reset_values(void)
{
    setup();
    g_assert_cmphex(inw(STATUS), ==, 0);
    g_assert_cmphex(inw(ENABLE), ==, 0);
    g_assert_cmphex(inw(CONTROL), ==, 0);
    g_assert_cmphex(in_port(GPE, 4), ==, 0);
    g_assert_cmphex(inb(0xb2), ==, 0);
    g_assert_cmphex(in_port(HOTPLUG, 4), ==, 0);
    g_assert_cmphex(in_port(HOTPLUG + 4, 4), ==, 0);
    g_assert_cmphex(inb(PM + 0x14), ==, 0); /* P_LVL2 */
    outw(ENABLE, 0xffff);
    g_assert_cmphex(inw(ENABLE), ==, 0x0721);
    outw(CONTROL, 0x1c07);
    g_assert_cmphex(inw(CONTROL), ==, 0x1c03);
    g_assert_cmpuint(events[RUN_EVENT_SHUTDOWN], ==, 0);
    teardown();
}

static void apm_commands_switch_acpi_mode(void)
{
    setup();
    outb(0xb3, 0x42);
    outb(0xb2, 0xf1);
    g_assert_cmphex(inw(CONTROL), ==, SCI_EN);
    g_assert_cmphex(inb(0xb2), ==, 0xf1);
    outb(0xb2, 0xf0);
    g_assert_cmphex(inw(CONTROL), ==, 0);
    outb(0xb2, 0x00);
    g_assert_cmphex(inw(CONTROL), ==, 0);
    g_assert_cmphex(inb(0xb3), ==, 0x42);
    teardown();
}

static void power_button_raises_sci(void)
{
    setup();
    run_state_request_powerdown(); /* no ACPI system: nobody to tell */
    run_requests();
    g_assert_cmphex(inw(STATUS) & PM1_POWER, ==, 0);
    outb(0xb2, 0xf1);
    outw(ENABLE, PM1_POWER | PM1_GLOBAL);
    run_state_request_powerdown();
    run_requests();
    g_assert_cmphex(inw(STATUS) & ~PM1_TIMER, ==, PM1_POWER);
    g_assert_cmpint(sci.level, ==, 1);
    outw(STATUS, PM1_SLEEP);
    g_assert_cmpint(sci.level, ==, 1);
    outb(STATUS + 1, PM1_POWER >> 8); /* by bytes as well */
    g_assert_cmpint(sci.level, ==, 0);
    g_assert_cmphex(inw(STATUS) & ~PM1_TIMER, ==, 0);
    /* Status before enable: SCI comes with the enable. */
    piix4_pm_press_sleep_button(pm);
    g_assert_cmphex(inw(STATUS) & ~PM1_TIMER, ==, PM1_SLEEP);
    g_assert_cmpint(sci.level, ==, 0);
    outw(ENABLE, PM1_SLEEP);
    g_assert_cmpint(sci.level, ==, 1);
    outb(0xb2, 0xf0); /* no SCI outside ACPI mode */
    g_assert_cmpint(sci.level, ==, 0);
    teardown();
}

static void timer_counts_at_its_frequency(void)
{
    setup();
    uint32_t start = in_port(TIMER, 4);
    step_ns(NS_PER_SECOND);
    g_assert_cmpuint((in_port(TIMER, 4) - start) & 0xffffff, ==, 3579545);
    g_assert_cmphex(in_port(TIMER, 4) >> 24, ==, 0);
    g_assert_cmphex(inb(TIMER + 1), ==, in_port(TIMER, 4) >> 8 & 0xff);
    out_port(TIMER, 0, 4); /* read-only */
    g_assert_cmpuint((in_port(TIMER, 4) - start) & 0xffffff, ==, 3579545);
    teardown();
}

static void timer_status_follows_the_top_bit(void)
{
    const int64_t half = (INT64_C(1) << 23) * NS_PER_SECOND / 3579545;

    setup();
    outw(STATUS, PM1_TIMER);
    step_ns(half + 1);
    g_assert_cmphex(inw(STATUS), ==, PM1_TIMER);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1); /* no interrupt, no timer */
    outw(STATUS, PM1_TIMER);
    g_assert_cmphex(inw(STATUS), ==, 0);
    outb(0xb2, 0xf1);
    outw(ENABLE, PM1_TIMER);
    g_assert_cmpint(sci.level, ==, 0);
    step_ns(half + 1);
    g_assert_cmpint(sci.level, ==, 1);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), ==, -1);
    outw(STATUS, PM1_TIMER);
    g_assert_cmpint(sci.level, ==, 0);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), >, now_ns());
    teardown();
}

static void soft_off_shuts_down(void)
{
    setup();
    outw(CONTROL, 0x0000 | SCI_EN); /* SLP_TYP alone does nothing */
    run_requests();
    g_assert_cmpuint(events[RUN_EVENT_SHUTDOWN], ==, 0);
    outw(CONTROL, SLP_EN | SCI_EN);
    g_assert_cmphex(inw(CONTROL), ==, SCI_EN); /* SLP_EN reads as zero */
    run_requests();
    g_assert_cmpuint(events[RUN_EVENT_SHUTDOWN], ==, 1);
    g_assert_cmpint(run_state_last_shutdown_cause(), ==, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    teardown();
}

static void suspend_to_disk_shuts_down_where_it_is_offered(void)
{
    bool s3, s4;
    uint8_t value;

    setup();
    outw(CONTROL, SLP_EN | 2 << 10);
    run_requests();
    g_assert_cmpuint(events[RUN_EVENT_SHUTDOWN], ==, 1);
    teardown();
    setup_with("s4_val", "4");
    outw(CONTROL, SLP_EN | 2 << 10);
    run_requests();
    g_assert_cmpuint(events[RUN_EVENT_SHUTDOWN], ==, 0);
    outw(CONTROL, SLP_EN | 4 << 10);
    run_requests();
    g_assert_cmpuint(events[RUN_EVENT_SHUTDOWN], ==, 1);
    piix4_pm_sleep_states(pm, &s3, &s4, &value);
    g_assert_true(s3);
    g_assert_true(s4);
    g_assert_cmpuint(value, ==, 4);
    teardown();
    setup_with("disable_s4", "1");
    outw(CONTROL, SLP_EN | 2 << 10);
    run_requests();
    g_assert_cmpuint(events[RUN_EVENT_SHUTDOWN], ==, 0);
    piix4_pm_sleep_states(pm, &s3, &s4, &value);
    g_assert_false(s4);
    teardown();
}

/* The end of a loop leaves a running machine shut down; a reset makes it one that can start. */
static void start(void)
{
    run_state_request_reset(SHUTDOWN_CAUSE_SUBSYSTEM_RESET);
    run_requests();
    enable_ports();
    g_assert_true(run_state_start(NULL));
}

/* Brings a running machine to S3. */
static void suspend(void)
{
    start();
    outw(CONTROL, SLP_EN | 1 << 10);
    run_requests();
    g_assert_cmpint(run_state_get(), ==, RUN_STATE_SUSPENDED);
    g_assert_cmpuint(events[RUN_EVENT_SUSPEND], ==, 1);
}

static void power_button_ends_s3(void)
{
    setup();
    suspend();
    run_state_request_powerdown();
    run_requests(); /* hears the button and asks for the wake-up ... */
    run_requests(); /* ... which is carried out here */
    g_assert_cmpuint(events[RUN_EVENT_WAKEUP_DONE], ==, 1);
    enable_ports();
    g_assert_cmphex(inw(STATUS) & ~PM1_TIMER, ==, PM1_WAKE | PM1_POWER);
    g_assert_cmphex(inw(CONTROL), ==, 0);
    outw(STATUS, PM1_WAKE | PM1_POWER);
    g_assert_cmphex(inw(STATUS) & ~PM1_TIMER, ==, 0);
    teardown();
}

static void rtc_alarm_ends_s3_when_enabled(void)
{
    setup();
    suspend();
    irq_pulse(device_get_irq_in(device, "rtc-alarm", 0)); /* RTC_EN is off */
    run_requests();
    g_assert_cmpint(run_state_get(), ==, RUN_STATE_SUSPENDED);
    g_assert_cmphex(inw(STATUS) & ~PM1_TIMER, ==, PM1_RTC);
    outw(ENABLE, PM1_RTC);
    irq_pulse(device_get_irq_in(device, "rtc-alarm", 0));
    run_requests();
    g_assert_cmpuint(events[RUN_EVENT_WAKEUP_DONE], ==, 1);
    enable_ports();
    g_assert_cmphex(inw(STATUS) & ~PM1_TIMER, ==, PM1_WAKE | PM1_RTC);
    teardown();
}

static void suspend_can_be_forbidden(void)
{
    setup_with("disable_s3", "1");
    start();
    outw(CONTROL, SLP_EN | 1 << 10);
    run_requests();
    g_assert_cmpuint(events[RUN_EVENT_SUSPEND], ==, 0);
    outw(CONTROL, SLP_EN | 7 << 10); /* no such state */
    run_requests();
    g_assert_cmpuint(events[RUN_EVENT_SUSPEND] + events[RUN_EVENT_SHUTDOWN], ==, 0);
    teardown();
}

static void general_purpose_events(void)
{
    setup();
    outb(0xb2, 0xf1);
    piix4_pm_raise_gpe(pm, 1);
    piix4_pm_raise_gpe(pm, 9);
    piix4_pm_raise_gpe(pm, 16); /* there is none */
    g_assert_cmphex(in_port(GPE, 4), ==, 0x00000202);
    g_assert_cmpint(sci.level, ==, 0);
    outb(GPE + 2, 0x02);
    g_assert_cmpint(sci.level, ==, 1);
    outb(GPE, 0x02);
    g_assert_cmpint(sci.level, ==, 0);
    outb(GPE + 3, 0x02);
    g_assert_cmpint(sci.level, ==, 1);
    out_port(GPE, 0x02020200, 4);
    g_assert_cmphex(in_port(GPE, 4), ==, 0x02020000);
    g_assert_cmpint(sci.level, ==, 0);
    teardown();
}

static void empty_smbus_answers_with_device_error(void)
{
    setup();
    outb(SMBUS + 4, 0xa1);
    outb(SMBUS + 3, 0x00);
    outb(SMBUS + 2, 0x48); /* start a byte-data read */
    g_assert_cmphex(inb(SMBUS), ==, 0x04);
    g_assert_cmphex(inb(SMBUS + 2), ==, 0x08); /* START reads as zero */
    g_assert_cmphex(inb(SMBUS + 4), ==, 0xa1);
    outb(SMBUS, 0x1b);
    g_assert_cmphex(inb(SMBUS), ==, 0x04);
    outb(SMBUS, 0x04);
    g_assert_cmphex(inb(SMBUS), ==, 0);
    outb(SMBUS + 2, 0x02); /* kill */
    g_assert_cmphex(inb(SMBUS), ==, 0x10);
    outb(SMBUS, 0xff);
    /* Its interrupt shares the SCI's line when routed to IRQ 9. */
    outb(SMBUS + 2, 0x49);
    g_assert_cmpint(sci.level, ==, 1);
    set_config(0xd2, 0x01, 1);
    g_assert_cmpint(sci.level, ==, 0);
    set_config(0xd2, 0x09, 1);
    g_assert_cmpint(sci.level, ==, 1);
    outb(SMBUS, 0x04);
    g_assert_cmpint(sci.level, ==, 0);
    teardown();
}

static void smbus_base_can_be_given(void)
{
    g_autoptr(GError) error = NULL;

    setup_with("smb_io_base", "0xb100");
    machine_reset(machine);
    g_assert_cmphex(config(0x90, 4), ==, 0xb101);
    g_assert_cmphex(config(0xd2, 1), ==, 0x09);
    g_assert_cmphex(inb(0xb100), ==, 0);
    teardown();
    fixture_setup();
    bus =
        pci_bus_new(machine, NULL, "pci.0", machine_memory_root(machine), machine_io_root(machine));
    device = HW_DEVICE(pci_device_new("PIIX4_PM", DEVFN));
    g_assert_true(device_set_property_text(device, "smb_io_base", "0xb108", NULL));
    g_assert_false(device_realize_and_unref(device, machine, HW_BUS(bus), &error));
    g_assert_nonnull(strstr(error->message, "smb_io_base"));
    fixture_teardown();
}

static void reset_lowers_sci(void)
{
    setup();
    outb(0xb2, 0xf1);
    piix4_pm_raise_gpe(pm, 1);
    outb(GPE + 2, 0x02);
    g_assert_cmpint(sci.level, ==, 1);
    machine_reset(machine);
    g_assert_cmpint(sci.level, ==, 0);
    g_assert_cmphex(in_port(GPE, 4), ==, 0);
    enable_ports();
    g_assert_cmphex(inw(CONTROL), ==, 0);
    teardown();
}

static void state_survives_save_and_load(void)
{
    setup();
    outb(0xb2, 0xf1);
    outb(0xb3, 0x55);
    outw(ENABLE, PM1_SLEEP);
    piix4_pm_press_sleep_button(pm);
    outb(SMBUS + 4, 0xa1);
    out_port(HOTPLUG + 0x10, 5, 4);
    check_round_trip(device);
    g_assert_cmpint(sci.level, ==, 1);
    g_assert_cmphex(inw(STATUS) & ~PM1_TIMER, ==, PM1_SLEEP);
    g_assert_cmphex(inw(CONTROL), ==, SCI_EN);
    g_assert_cmphex(inb(SMBUS + 4), ==, 0xa1);
    g_assert_cmphex(inb(0xb3), ==, 0x55);
    g_assert_cmphex(in_port(HOTPLUG + 0x10, 4), ==, 5);
    check_refused(device, "acpi.enable", g_variant_new_uint16(0x8000));
    check_refused(device, "acpi.control", g_variant_new_uint16(SLP_EN));
    check_refused(device, "acpi.timer_half", g_variant_new_int64(G_MAXINT64));
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    run_state_request_exit(0);
    run_state_loop(NULL);
    g_test_add_func("/piix4_pm/configuration_header", configuration_header);
    g_test_add_func("/piix4_pm/ports_follow_the_base_registers", ports_follow_the_base_registers);
    g_test_add_func("/piix4_pm/registers_have_their_reset_values",
                    registers_have_their_reset_values);
    g_test_add_func("/piix4_pm/apm_commands_switch_acpi_mode", apm_commands_switch_acpi_mode);
    g_test_add_func("/piix4_pm/power_button_raises_sci", power_button_raises_sci);
    g_test_add_func("/piix4_pm/timer_counts_at_its_frequency", timer_counts_at_its_frequency);
    g_test_add_func("/piix4_pm/timer_status_follows_the_top_bit", timer_status_follows_the_top_bit);
    g_test_add_func("/piix4_pm/soft_off_shuts_down", soft_off_shuts_down);
    g_test_add_func("/piix4_pm/suspend_to_disk_shuts_down_where_it_is_offered",
                    suspend_to_disk_shuts_down_where_it_is_offered);
    g_test_add_func("/piix4_pm/power_button_ends_s3", power_button_ends_s3);
    g_test_add_func("/piix4_pm/rtc_alarm_ends_s3_when_enabled", rtc_alarm_ends_s3_when_enabled);
    g_test_add_func("/piix4_pm/suspend_can_be_forbidden", suspend_can_be_forbidden);
    g_test_add_func("/piix4_pm/general_purpose_events", general_purpose_events);
    g_test_add_func("/piix4_pm/empty_smbus_answers_with_device_error",
                    empty_smbus_answers_with_device_error);
    g_test_add_func("/piix4_pm/smbus_base_can_be_given", smbus_base_can_be_given);
    g_test_add_func("/piix4_pm/reset_lowers_sci", reset_lowers_sci);
    g_test_add_func("/piix4_pm/state_survives_save_and_load", state_survives_save_and_load);
    return g_test_run();
}
