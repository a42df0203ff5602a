/*
 * The I/O APIC: registers, message composition, edge and level, remote IRR and both kinds of EOI,
 * storm guard.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chip-fixture.h"
#include "hw/intc/ioapic.h"

#define BASE   0xfec00000u
#define MASKED 0x10000u
#define LEVEL  0x8000u
#define REMOTE 0x4000u

static IOAPIC *ioapic;
static Device *device;

static void setup(void)
{
    fixture_setup();
    device = device_new(ioapic_get_type());
    ioapic = HW_IOAPIC(device);
    fixture_plug(device, NULL);
}

static uint32_t get(uint8_t index)
{
    writel(BASE, index);
    return readl(BASE + 0x10);
}

static void set(uint8_t index, uint32_t value)
{
    writel(BASE, index);
    writel(BASE + 0x10, value);
}

static void set_entry(unsigned pin, uint32_t high, uint32_t low)
{
    set((uint8_t)(0x11 + pin * 2), high);
    set((uint8_t)(0x10 + pin * 2), low);
}

static uint32_t entry_low(unsigned pin)
{
    return get((uint8_t)(0x10 + pin * 2));
}

static void set_line(int n, int level)
{
    irq_set(device_get_irq_in(device, NULL, n), level);
}

static unsigned sent(void)
{
    return accel->messages->len;
}

static MsiMessage last_message(void)
{
    g_assert_cmpuint(sent(), >, 0);
    return g_array_index(accel->messages, MsiMessage, sent() - 1);
}

static void registers_have_their_reset_values(void)
{
    setup();
    g_assert_cmphex(readl(BASE), ==, 0);
    g_assert_cmphex(get(0), ==, 0);
    g_assert_cmphex(get(1), ==, 0x00170020);
    for (unsigned pin = 0; pin < 24; pin++) {
        g_assert_cmphex(entry_low(pin), ==, MASKED);
        g_assert_cmphex(get((uint8_t)(0x11 + pin * 2)), ==, 0);
    }
    g_assert_cmphex(get(0x40), ==, 0); /* beyond the last entry */
    g_assert_cmphex(get(0x05), ==, 0);
    g_assert_cmpuint(accel->route_changes, ==, 0); /* masked is what an accelerator starts with */
    fixture_teardown();
}

static void only_defined_bits_are_written(void)
{
    setup();
    set(0, 0xffffffff);
    g_assert_cmphex(get(0), ==, 0x0f000000);
    g_assert_cmphex(get(2), ==, 0x0f000000); /* arbitration follows the id */
    set(1, 0);
    g_assert_cmphex(get(1), ==, 0x00170020);
    set(0x11, 0xffffffff);
    set(0x10, 0xffffffff);
    g_assert_cmphex(get(0x11), ==, 0xff000000);
    g_assert_cmphex(get(0x10), ==, 0x1afff); /* delivery status and remote IRR are the chip's */
    set(0x3f, 0x55000000);
    g_assert_cmphex(get(0x3f), ==, 0x55000000);
    set(0x40, 0xffffffff);
    set(0xff, 0xffffffff);
    /* Only address bits 0-7 are decoded, and the window takes whole words. */
    writel(BASE + 0x100, 1);
    g_assert_cmphex(readl(BASE + 0x110), ==, 0x00170020);
    writel(BASE, 0x3f);
    address_space_store(machine_memory(machine), BASE + 0x10, 0, 1);
    g_assert_cmphex(readl(BASE + 0x10), ==, 0x55000000);
    fixture_teardown();
}

static void edge_is_sent_once(void)
{
    setup();
    set_entry(4, 0x03000000, 0x31);
    g_assert_cmpuint(sent(), ==, 0);
    set_line(4, 1);
    g_assert_cmpuint(sent(), ==, 1);
    g_assert_cmphex(last_message().address, ==, 0xfee03000);
    g_assert_cmphex(last_message().data, ==, 0x31);
    set_line(4, 1);
    g_assert_cmpuint(sent(), ==, 1);
    set_line(4, 0);
    set_line(4, 1);
    g_assert_cmpuint(sent(), ==, 2);
    g_assert_cmphex(entry_low(4), ==, 0x31);
    ioapic_eoi(ioapic, 0x31); /* nothing to end */
    g_assert_cmpuint(sent(), ==, 2);
    fixture_teardown();
}

static void edge_on_a_masked_pin_is_lost(void)
{
    setup();
    set_entry(4, 0, MASKED | 0x31);
    set_line(4, 1);
    set_entry(4, 0, 0x31);
    g_assert_cmpuint(sent(), ==, 0);
    fixture_teardown();
}

static void messages_carry_mode_and_destination(void)
{
    static const struct {
        uint32_t high, low;
        uint64_t address;
        uint32_t data;
    } cases[] = {
        {0x00000000, 0x0040, 0xfee00000, 0x040},  /* fixed, physical 0 */
        {0xff000000, 0x0041, 0xfeeff000, 0x041},  /* broadcast */
        {0x05000000, 0x0942, 0xfee05004, 0x142},  /* lowest priority, logical */
        {0x01000000, 0x0443, 0xfee01000, 0x443},  /* NMI */
        {0x01000000, 0x0544, 0xfee01000, 0x544},  /* INIT */
        {0x01000000, 0x0745, 0xfee01000, 0x745},  /* ExtINT */
        {0x02000000, 0xa046, 0xfee02000, 0xc046}, /* level, polarity has no say */
        {0x01000000, 0x8447, 0xfee01000, 0x447},  /* NMI is an edge even where it says level */
    };

    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        set_line((int)i, 0);
        set_entry(i, cases[i].high, cases[i].low);
        set_line((int)i, 1);
        g_assert_cmpuint(sent(), ==, i + 1);
        g_assert_cmphex(last_message().address, ==, cases[i].address);
        g_assert_cmphex(last_message().data, ==, cases[i].data);
    }
    fixture_teardown();
}

static void smi_and_reserved_modes_send_nothing(void)
{
    static const uint32_t modes[] = {0x0200, 0x0300, 0x0600};

    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        set_entry(i, 0, modes[i] | 0x50);
        set_line((int)i, 1);
        g_assert_true(accel->route_masked[i]);
    }
    g_assert_cmpuint(sent(), ==, 0);
    fixture_teardown();
}

static void level_waits_for_the_end_of_interrupt(void)
{
    setup();
    set_entry(16, 0, LEVEL | 0x61);
    set_line(16, 1);
    g_assert_cmpuint(sent(), ==, 1);
    g_assert_cmphex(entry_low(16), ==, REMOTE | LEVEL | 0x61);
    set_line(16, 0);
    set_line(16, 1);
    g_assert_cmpuint(sent(), ==, 1); /* one at a time */
    ioapic_eoi(ioapic, 0x62);
    g_assert_cmpuint(sent(), ==, 1); /* another vector */
    ioapic_eoi(ioapic, 0x61);
    g_assert_cmpuint(sent(), ==, 2); /* still high: again */
    set_line(16, 0);
    ioapic_eoi(ioapic, 0x61);
    g_assert_cmpuint(sent(), ==, 2);
    g_assert_cmphex(entry_low(16), ==, LEVEL | 0x61);
    fixture_teardown();
}

static void eoi_register_ends_every_pin_of_a_vector(void)
{
    setup();
    set_entry(16, 0, LEVEL | 0x61);
    set_entry(17, 0, LEVEL | 0x61);
    set_line(16, 1);
    set_line(17, 1);
    set_line(16, 0);
    set_line(17, 0);
    g_assert_cmpuint(sent(), ==, 2);
    writel(BASE + 0x40, 0x61);
    g_assert_cmphex(entry_low(16), ==, LEVEL | 0x61);
    g_assert_cmphex(entry_low(17), ==, LEVEL | 0x61);
    g_assert_cmphex(readl(BASE + 0x40), ==, 0); /* write-only */
    fixture_teardown();
}

static void masked_level_is_sent_when_unmasked(void)
{
    setup();
    set_entry(16, 0, MASKED | LEVEL | 0x61);
    set_line(16, 1);
    g_assert_cmpuint(sent(), ==, 0);
    set_entry(16, 0, LEVEL | 0x61);
    g_assert_cmpuint(sent(), ==, 1);
    /* Masking in the middle keeps remote IRR; the EOI then finds the pin masked. */
    set_entry(16, 0, MASKED | LEVEL | 0x61);
    g_assert_cmphex(entry_low(16), ==, MASKED | REMOTE | LEVEL | 0x61);
    ioapic_eoi(ioapic, 0x61);
    g_assert_cmpuint(sent(), ==, 1);
    g_assert_cmphex(entry_low(16), ==, MASKED | LEVEL | 0x61);
    fixture_teardown();
}

static void switching_to_edge_clears_remote_irr(void)
{
    setup();
    set_entry(16, 0, LEVEL | 0x61);
    set_line(16, 1);
    g_assert_cmphex(entry_low(16), ==, REMOTE | LEVEL | 0x61);
    set_entry(16, 0, MASKED | 0x61);
    set_entry(16, 0, MASKED | LEVEL | 0x61);
    g_assert_cmphex(entry_low(16), ==, MASKED | LEVEL | 0x61);
    fixture_teardown();
}

static void untaken_level_stays_pending(void)
{
    setup();
    accel->refuses = true;
    set_entry(16, 0, LEVEL | 0x61);
    set_line(16, 1);
    g_assert_cmphex(entry_low(16), ==, LEVEL | 0x61);
    accel->refuses = false;
    set_entry(16, 0, LEVEL | 0x61);
    g_assert_cmpuint(sent(), ==, 1);
    g_assert_cmphex(entry_low(16), ==, REMOTE | LEVEL | 0x61);
    fixture_teardown();
}

static void accelerator_hears_of_changes_only(void)
{
    setup();
    set_entry(9, 0x01000000, LEVEL | 0x59);
    g_assert_cmphex(accel->route[9].address, ==, 0xfee01000);
    g_assert_cmphex(accel->route[9].data, ==, 0xc059);
    g_assert_false(accel->route_masked[9]);
    g_assert_true(accel->route_level[9]);
    unsigned changes = accel->route_changes;
    set_entry(9, 0x01000000, LEVEL | 0x59);
    set_line(9, 1);
    ioapic_eoi(ioapic, 0x59);
    g_assert_cmpuint(accel->route_changes, ==, changes);
    device_reset(device);
    g_assert_true(accel->route_masked[9]);
    g_assert_false(accel->route_level[9]);
    fixture_teardown();
}

static void storm_of_ends_is_slowed_down(void)
{
    unsigned before;

    setup();
    set_entry(16, 0, LEVEL | 0x61);
    set_line(16, 1);
    for (unsigned i = 0; i < 50000 && entry_low(16) & REMOTE; i++) {
        ioapic_eoi(ioapic, 0x61);
    }
    before = sent();
    g_assert_cmpuint(before, ==, 10000);
    g_assert_cmphex(entry_low(16), ==, LEVEL | 0x61);
    set_entry(16, 0, LEVEL | 0x61); /* no way round it */
    g_assert_cmpuint(sent(), ==, before);
    step_ns(10 * NS_PER_MS);
    g_assert_cmpuint(sent(), ==, before + 1);
    /* A device that was quieted in between ends it. */
    set_line(16, 0);
    ioapic_eoi(ioapic, 0x61);
    set_line(16, 1);
    g_assert_cmpuint(sent(), ==, before + 2);
    fixture_teardown();
}

static void state_survives_save_and_load(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    setup();
    set(0, 0x02000000);
    set_entry(16, 0x01000000, LEVEL | 0x61);
    set_line(16, 1);
    check_round_trip(device);
    g_assert_cmphex(get(0), ==, 0x02000000);
    g_assert_cmphex(entry_low(16), ==, REMOTE | LEVEL | 0x61);
    g_assert_false(accel->route_masked[16]);
    g_assert_cmpuint(sent(), ==, 1);
    ioapic_eoi(ioapic, 0x61); /* the line's level came along */
    g_assert_cmpuint(sent(), ==, 2);
    ioapic_print(ioapic, text);
    g_assert_nonnull(strstr(text->str, "remote-irr"));
    check_refused(device, "lines", g_variant_new_uint32(1u << 24));
    check_refused(device, "id", g_variant_new_byte(0x10));
    fixture_teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/ioapic/registers_have_their_reset_values", registers_have_their_reset_values);
    g_test_add_func("/ioapic/only_defined_bits_are_written", only_defined_bits_are_written);
    g_test_add_func("/ioapic/edge_is_sent_once", edge_is_sent_once);
    g_test_add_func("/ioapic/edge_on_a_masked_pin_is_lost", edge_on_a_masked_pin_is_lost);
    g_test_add_func("/ioapic/messages_carry_mode_and_destination",
                    messages_carry_mode_and_destination);
    g_test_add_func("/ioapic/smi_and_reserved_modes_send_nothing",
                    smi_and_reserved_modes_send_nothing);
    g_test_add_func("/ioapic/level_waits_for_the_end_of_interrupt",
                    level_waits_for_the_end_of_interrupt);
    g_test_add_func("/ioapic/eoi_register_ends_every_pin_of_a_vector",
                    eoi_register_ends_every_pin_of_a_vector);
    g_test_add_func("/ioapic/masked_level_is_sent_when_unmasked",
                    masked_level_is_sent_when_unmasked);
    g_test_add_func("/ioapic/switching_to_edge_clears_remote_irr",
                    switching_to_edge_clears_remote_irr);
    g_test_add_func("/ioapic/untaken_level_stays_pending", untaken_level_stays_pending);
    g_test_add_func("/ioapic/accelerator_hears_of_changes_only", accelerator_hears_of_changes_only);
    g_test_add_func("/ioapic/storm_of_ends_is_slowed_down", storm_of_ends_is_slowed_down);
    g_test_add_func("/ioapic/state_survives_save_and_load", state_survives_save_and_load);
    return g_test_run();
}
