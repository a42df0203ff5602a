/*
 * The Xen platform device: identity, ports by access size, the log's rate, the blacklist, INTx,
 * saved state; and xen-pvdevice.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store_client.h"
#include "util/log.h"
#include "util/trace.h"
#include "xen-platform-fixture.h"

/* ---- identity and ports ---- */

static void identity_is_xens(void)
{
    setup_platform();
    g_assert_cmphex(config_of(platform_device(), PCI_VENDOR_ID, 4), ==, 0x00015853);
    g_assert_cmphex(config_of(platform_device(), PCI_SUBSYSTEM_VENDOR_ID, 4), ==, 0x00015853);
    g_assert_cmphex(config_of(platform_device(), PCI_CLASS_REVISION, 4), ==, 0xff800001);
    g_assert_cmphex(config_of(platform_device(), PCI_INTERRUPT_PIN, 1), ==, 1);
    g_assert_cmphex(config_of(platform_device(), PCI_COMMAND, 2), ==, 3);
    set_config_of(platform_device(), PCI_BASE_ADDRESS_0, UINT32_MAX, 4);
    set_config_of(platform_device(), PCI_BASE_ADDRESS_1, UINT32_MAX, 4);
    g_assert_cmphex(config_of(platform_device(), PCI_BASE_ADDRESS_0, 4), ==, 0xffffff01);
    g_assert_cmphex(config_of(platform_device(), PCI_BASE_ADDRESS_1, 4), ==, 0xff000008);
    teardown();
}

static void ports_answer_by_access_size(void)
{
    setup_platform();
    g_assert_cmphex(in_port(0x10, 2), ==, 0x49d2);
    g_assert_cmphex(inb(0x12), ==, 1);
    g_assert_cmphex(inb(0x10), ==, 0);
    g_assert_cmphex(in_port(0x10, 4), ==, UINT32_MAX);
    g_assert_cmphex(in_port(0x12, 2), ==, 0xffff);
    g_assert_cmphex(inb(0x11), ==, 0xff);
    g_assert_cmphex(in_port(0x11, 2), ==, 0xffff);
    g_assert_cmphex(inb(0x1f), ==, 0xff);
    /* The ROM lock bit is the only one kept, and until reset. */
    outb(0x10, 0xff);
    g_assert_cmphex(inb(0x10), ==, 1);
    outb(0x1f, 0x55);
    out_port(0x14, 0x12345678, 4);
    g_assert_cmphex(in_port(0x10, 2), ==, 0x49d2);
    machine_reset(machine);
    g_assert_cmphex(inb(0x10), ==, 0);
    teardown();
}

static void memory_reads_zero_and_takes_pages_over_it(void)
{
    MemoryRegion page;
    uint64_t base = 0xf0000000;

    setup_platform();
    set_config_of(platform_device(), PCI_BASE_ADDRESS_1, (uint32_t)base, 4);
    g_assert_cmphex(pci_bar_address(platform_device(), 1), ==, base);
    address_space_store(machine_memory(machine), base, 0x11223344, 4);
    g_assert_cmphex(address_space_load(machine_memory(machine), base, 8), ==, 0);
    g_assert_cmphex(address_space_load(machine_memory(machine), base + 0xffffff, 1), ==, 0);
    g_assert_true(memory_region_init_ram(&page, "grant-table", 0x1000, NULL));
    memory_region_add_overlap(machine_memory_root(machine), base + 0x1000, &page, 10);
    address_space_store(machine_memory(machine), base + 0x1000, 0x11223344, 4);
    g_assert_cmphex(address_space_load(machine_memory(machine), base + 0x1000, 4), ==, 0x11223344);
    memory_region_destroy(&page);
    teardown();
}

static void a_second_one_is_refused(void)
{
    PCIDevice *device;
    g_autoptr(GError) error = NULL;

    setup_platform();
    device = pci_device_new(TYPE_XEN_PLATFORM, -1);
    g_assert_false(device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(pci), &error));
    g_assert_cmpstr(error->message, ==, "-device xen-platform: the machine already has one");
    g_assert_cmphex(in_port(MAGIC, 2), ==, 0x49d2);
    teardown();
}
/* ---- log ---- */

static char *log_path;

static void log_start(void)
{
    log_path = image_path("log");
    trace_set_enabled("*", false);
    g_assert_true(log_set_file(log_path, NULL));
    g_assert_cmpuint(trace_set_enabled("xen_platform_log", true), ==, 1);
}

/* The texts that came since the last call, joined by '|'. */
static char *log_lines(void)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) said = NULL;
    GString *result = g_string_new(NULL);

    g_assert_true(g_file_get_contents(log_path, &text, NULL, NULL));
    said = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; said[i]; i++) {
        const char *name = strstr(said[i], "xen_platform_log ");

        if (name) {
            g_string_append_printf(result, "%s|", name + strlen("xen_platform_log "));
        }
    }
    g_assert_true(log_set_file(log_path, NULL));
    return g_string_free(result, FALSE);
}

static void log_end(void)
{
    g_autofree char *null_path = g_strdup("/dev/null");

    trace_set_enabled("*", false);
    g_assert_true(log_set_file(null_path, NULL));
    g_clear_pointer(&log_path, g_free);
}

static void say(const char *text)
{
    for (; *text; text++) {
        outb(0x12, (uint8_t)*text);
    }
}

static void check_log(const char *expected)
{
    g_autofree char *said = log_lines();

    g_assert_cmpstr(said, ==, expected);
}

static void log_port_gives_whole_clean_lines(void)
{
    g_autofree char *very_long = g_strnfill(300, 'x');
    g_autofree char *piece = g_strnfill(256, 'x');
    g_autofree char *expected = g_strdup_printf("%s|%.44s|", piece, piece);

    setup_platform();
    log_start();
    say("hello, ");
    check_log("");
    say("world\r\nnext\n\n");
    check_log("hello, world|next||");
    say("\033[2Jtab\there\x80\n");
    check_log("?[2Jtab\there?|");
    say(very_long);
    say("\n");
    check_log(expected);
    /* The legacy log byte goes the same way. */
    set_config_of(platform_device(), PCI_BASE_ADDRESS_0, 0xd000, 4);
    outb(0xd008, 'o');
    outb(0xd008, 'k');
    outb(0xd008, '\n');
    check_log("ok|");
    /* Half a line does not survive a reset. */
    say("half");
    machine_reset(machine);
    say("whole\n");
    check_log("whole|");
    log_end();
    teardown();
}

static void log_port_is_rate_limited(void)
{
    g_autofree char *said = NULL;
    g_auto(GStrv) split = NULL;

    setup_platform();
    log_start();
    for (unsigned i = 0; i < 1000; i++) {
        say("spam\n");
    }
    said = log_lines();
    split = g_strsplit(said, "|", -1);
    g_assert_cmpuint(g_strv_length(split), ==, 20 + 1);
    clock_virtual_step_to(clock_get_ns(CLOCK_VIRTUAL) + NS_PER_SECOND);
    say("again\n");
    check_log("(980 lines dropped)|again|");
    log_end();
    teardown();
}

/* ---- blacklist ---- */

static void introduce_driver(uint16_t product, uint32_t build)
{
    out_port(0x12, product, 2);
    out_port(0x10, build, 4);
}

static void blacklisted_drivers_are_told_so(void)
{
    XenStore *store = store_new();
    StoreClient *client = store_client_new(store, 0);

    g_assert_true(store_client_mkdir(client, 0, "/mh/driver-blacklist/linux/4294967295", NULL));
    g_assert_true(store_client_mkdir(client, 0, "/mh/driver-blacklist/gplpv-windows/7", NULL));
    setup_platform();
    introduce_driver(3, UINT32_MAX); /* no store: nothing is blacklisted */
    g_assert_cmphex(in_port(MAGIC, 2), ==, 0x49d2);
    xen_platform_set_store(platform, store);
    introduce_driver(3, 7);
    g_assert_cmphex(in_port(MAGIC, 2), ==, 0x49d2);
    introduce_driver(2, 7);
    g_assert_cmphex(in_port(MAGIC, 2), ==, 0xd249);
    introduce_driver(2, 8);
    g_assert_cmphex(in_port(MAGIC, 2), ==, 0x49d2);
    introduce_driver(3, UINT32_MAX);
    g_assert_cmphex(in_port(MAGIC, 2), ==, 0xd249);
    machine_reset(machine);
    g_assert_cmphex(in_port(MAGIC, 2), ==, 0x49d2);
    introduce_driver(0x7777, 7); /* nobody's number */
    g_assert_cmphex(in_port(MAGIC, 2), ==, 0x49d2);
    teardown();
    store_client_free(client);
    store_free(store);
}

/* ---- interrupt ---- */

static void callback_interrupt_shares_and_resets(void)
{
    Card *neighbour;

    setup_platform();
    neighbour = CARD(pci_device_new("test-card", PCI_DEVFN(6, 0))); /* slots 2 and 6: one line */
    g_assert_true(device_realize_and_unref(HW_DEVICE(neighbour), machine, HW_BUS(pci), NULL));
    xen_platform_set_irq(platform, 1);
    xen_platform_set_irq(platform, 1);
    g_assert_cmpint(intx[2], ==, 1);
    pci_set_irq(HW_PCI_DEVICE(neighbour), 1);
    xen_platform_set_irq(platform, 0);
    g_assert_cmpint(intx[2], ==, 1);
    pci_set_irq(HW_PCI_DEVICE(neighbour), 0);
    g_assert_cmpint(intx[2], ==, 0);
    xen_platform_set_irq(platform, 1);
    machine_reset(machine);
    g_assert_cmpint(intx[2], ==, 0);
    teardown();
}

/* ---- saved state ---- */

static GVariant *save_board(void)
{
    return g_variant_ref_sink(g_variant_new("(vv)", HW_BUS_GET_CLASS(pci)->save(HW_BUS(pci)),
                                            device_save(HW_DEVICE(platform))));
}

static void load_board(GVariant *state)
{
    g_autoptr(GVariant) bus_state = NULL, device_state = NULL;
    GError *error = NULL;

    g_variant_get(state, "(vv)", &bus_state, &device_state);
    HW_BUS_GET_CLASS(pci)->load(HW_BUS(pci), bus_state, &error);
    g_assert_no_error(error);
    device_load(HW_DEVICE(platform), device_state, &error);
    g_assert_no_error(error);
}

static void state_comes_back_as_it_was_saved(void)
{
    g_autoptr(GVariant) saved = NULL, again = NULL;
    Card *nic;

    setup_platform();
    log_start();
    nic = plug_card("test-card", "0x200", pci);
    introduce_driver(2, 4711);
    outb(0x10, 1);
    say("before ");
    pci_set_irq(HW_PCI_DEVICE(nic), 1);
    unplug(NICS);
    saved = save_board();
    machine_reset(machine);
    g_assert_false(pci_device_is_unplugged(HW_PCI_DEVICE(nic)));
    load_board(saved);
    g_assert_true(pci_device_is_unplugged(HW_PCI_DEVICE(nic)));
    g_assert_cmpint(intx[0] | intx[1] | intx[2] | intx[3], ==, 0);
    g_assert_cmpuint(nic->went, ==, 2);
    g_assert_cmphex(inb(0x10), ==, 1);
    again = save_board();
    g_assert_true(g_variant_equal(saved, again));
    say("after\n");
    check_log("before after|");
    log_end();
    teardown();
}

static void check_bad_state(const char *field, GVariant *value)
{
    g_autoptr(GVariant) good = g_variant_ref_sink(device_save(HW_DEVICE(platform)));
    g_autoptr(GVariant) fields = NULL, bad = NULL;
    g_autoptr(GError) error = NULL;
    GVariantDict dict;
    guint32 version;

    g_variant_get(good, "(uv)", &version, &fields);
    g_variant_dict_init(&dict, fields);
    g_assert_true(g_variant_dict_contains(&dict, field));
    g_variant_dict_insert_value(&dict, field, value);
    bad = g_variant_ref_sink(g_variant_new("(uv)", version, g_variant_dict_end(&dict)));
    g_assert_false(device_load(HW_DEVICE(platform), bad, &error));
    g_assert_nonnull(error);
    say("still fine\n");
}

static void bad_states_are_refused(void)
{
    setup_platform();
    check_bad_state("flags", g_variant_new_byte(2));
    check_bad_state("log.length", g_variant_new_uint32(256));
    check_bad_state("log.length", g_variant_new_uint32(UINT32_MAX));
    check_bad_state("log.lines", g_variant_new_uint32(21));
    check_bad_state("build", g_variant_new_byte(1));
    teardown();
}

/* ---- xen-pvdevice ---- */

static void pv_device_has_the_id_it_is_given(void)
{
    PCIDevice *device;
    g_autoptr(GError) error = NULL;

    setup_platform();
    device = pci_device_new("xen-pvdevice", -1);
    g_assert_false(device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(pci), &error));
    g_assert_cmpstr(error->message, ==, "Device ID invalid, it must always be supplied");
    g_clear_error(&error);
    device = pci_device_new("xen-pvdevice", -1);
    g_assert_true(set_properties(HW_DEVICE(device), "device-id=0xc000,size=0x300", &error));
    g_assert_false(device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(pci), &error));
    g_assert_nonnull(strstr(error->message, "xen-pvdevice.size"));
    g_clear_error(&error);
    device = pci_device_new("xen-pvdevice", -1);
    g_assert_true(
        set_properties(HW_DEVICE(device), "device-id=0xc000,revision=2,size=0x1000", &error));
    g_assert_true(device_realize_and_unref(HW_DEVICE(device), machine, HW_BUS(pci), &error));
    g_assert_cmphex(config_of(device, PCI_VENDOR_ID, 4), ==, 0xc0005853);
    g_assert_cmphex(config_of(device, PCI_SUBSYSTEM_VENDOR_ID, 4), ==, 0xc0005853);
    g_assert_cmphex(config_of(device, PCI_CLASS_REVISION, 4), ==, 0x08800002);
    set_config_of(device, PCI_BASE_ADDRESS_1, UINT32_MAX, 4);
    g_assert_cmphex(config_of(device, PCI_BASE_ADDRESS_1, 4), ==, 0xfffff008);
    set_config_of(device, PCI_BASE_ADDRESS_1, 0xf3000000, 4);
    set_config_of(device, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
    address_space_store(machine_memory(machine), 0xf3000000, 1, 4);
    g_assert_cmphex(address_space_load(machine_memory(machine), 0xf3000000, 4), ==, UINT32_MAX);
    teardown();
}
int main(int argc, char **argv)
{
    ide_test_init(&argc, &argv);
    g_test_add_func("/xen-platform/identity", identity_is_xens);
    g_test_add_func("/xen-platform/ports", ports_answer_by_access_size);
    g_test_add_func("/xen-platform/memory", memory_reads_zero_and_takes_pages_over_it);
    g_test_add_func("/xen-platform/only-one", a_second_one_is_refused);
    g_test_add_func("/xen-platform/log", log_port_gives_whole_clean_lines);
    g_test_add_func("/xen-platform/log-rate", log_port_is_rate_limited);
    g_test_add_func("/xen-platform/blacklist", blacklisted_drivers_are_told_so);
    g_test_add_func("/xen-platform/interrupt", callback_interrupt_shares_and_resets);
    g_test_add_func("/xen-platform/state", state_comes_back_as_it_was_saved);
    g_test_add_func("/xen-platform/bad-state", bad_states_are_refused);
    g_test_add_func("/xen-platform/pvdevice", pv_device_has_the_id_it_is_given);
    return g_test_run();
}
