/*
 * Devices that a user adds to the PC: what each holds is saved, spoilt by a reset, loaded, and the
 * same again; a state that it cannot have had is refused.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <elf.h>
#include <string.h>

#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "hw/i386/fw_cfg.h"
#include "hw/i386/vmcoreinfo.h"
#include "hw/i386/vmgenid.h"
#include "hw/core/run_state.h"
#include "hw/watchdog/watchdog.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/machine_lock.h"
#include "util/options.h"

#define PCI_CONFIG_ADDRESS 0xcf8
#define PCI_CONFIG_DATA    0xcfc
#define TESTDEV_SLOT       4
#define TESTDEV_PORTS      0xc000

static Machine *machine;

static Device *add(const char *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) object = options_parse(options, "driver", &error);
    Device *device;

    g_assert_no_error(error);
    device = machine_add_device_from_options(machine, object, &error);
    g_assert_no_error(error);
    return device;
}

static void build_pc(void)
{
    g_autoptr(GError) error = NULL;
    Accel *accel = accel_new("qtest", &error);
    MachineConfig *config;

    machine = machine_new("pc", &error);
    g_assert_no_error(error);
    machine_set_accel(machine, accel);
    g_object_unref(accel);
    config = machine_config(machine);
    config->ram_size = 16 << 20;
    config->smp = (SmpConfig){1, 1, 1, 1, 1, 1};
    g_assert_true(machine_build(machine, &error));
}

static void finish_pc(void)
{
    g_assert_true(machine_finish(machine, NULL));
    machine_reset(machine);
}

static void out(uint16_t port, uint32_t value, unsigned size)
{
    address_space_store(machine_io(machine), port, value, size);
}

static uint32_t in(uint16_t port, unsigned size)
{
    return (uint32_t)address_space_load(machine_io(machine), port, size);
}

static GVariant *state_of(Device *device)
{
    return g_variant_ref_sink(device_save(device));
}

static void check_round_trip(Device *device)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) before = state_of(device), reset = NULL, after = NULL;

    device_reset(device);
    reset = state_of(device);
    g_assert_false(g_variant_equal(before, reset));
    g_assert_true(device_load(device, before, &error));
    g_assert_no_error(error);
    after = state_of(device);
    g_assert_true(g_variant_equal(before, after));
}

static void ib700_keeps_its_deadline(void)
{
    Device *device;
    int64_t deadline;

    build_pc();
    device = add("ib700");
    finish_pc();
    out(0x443, 0x05, 1);
    deadline = clock_get_ns(CLOCK_VIRTUAL) + 20 * NS_PER_SECOND;
    check_round_trip(device);
    g_assert_cmpint(clock_next_deadline_ns(CLOCK_VIRTUAL), <=, deadline);
    device_reset(device);
    machine_destroy(machine);
}

static unsigned told_count, told_action;

static void watchdog_told(unsigned action)
{
    told_count++;
    told_action = action;
}

static void a_watchdog_tells_its_listener(void)
{
    build_pc();
    add("ib700");
    finish_pc();
    watchdog_set_listener(watchdog_told);
    run_state_actions()->watchdog = WATCHDOG_NONE;
    out(0x443, 0x0e, 1);
    clock_virtual_step_to(clock_get_ns(CLOCK_VIRTUAL) + 2 * NS_PER_SECOND);
    g_assert_cmpuint(told_count, ==, 1);
    g_assert_cmpuint(told_action, ==, WATCHDOG_NONE);
    watchdog_set_listener(NULL);
    machine_destroy(machine);
}

static void pc_testdev_keeps_register_and_memory(void)
{
    Device *device;

    build_pc();
    device = add("pc-testdev");
    finish_pc();
    out(0xe0, 0x01020304, 4);
    address_space_store(machine_memory(machine), 0xff001234, 0x55, 1);
    check_round_trip(device);
    g_assert_cmphex(in(0xe0, 4), ==, 0x01020304);
    g_assert_cmphex(address_space_load(machine_memory(machine), 0xff001234, 1), ==, 0x55);
    machine_destroy(machine);
}

static void set_config(unsigned offset, uint32_t value)
{
    out(PCI_CONFIG_ADDRESS, 0x80000000u | TESTDEV_SLOT << 11 | offset, 4);
    out(PCI_CONFIG_DATA, value, 4);
}

static GVariant *with_test(Device *device, guchar test)
{
    g_autoptr(GVariant) saved = state_of(device), fields = NULL;
    GVariantDict dict;
    guint32 version;

    g_variant_get(saved, "(uv)", &version, &fields);
    g_variant_dict_init(&dict, fields);
    g_variant_dict_insert_value(&dict, "current", g_variant_new_byte(test));
    return g_variant_ref_sink(g_variant_new("(uv)", version, g_variant_dict_end(&dict)));
}

static void pci_testdev_keeps_its_test_and_count(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) bad = NULL;
    Device *device;

    build_pc();
    device = add("pci-testdev,addr=4");
    finish_pc();
    set_config(0x14, TESTDEV_PORTS);
    set_config(0x04, 1);
    out(TESTDEV_PORTS, 4, 1);
    out((uint16_t)(TESTDEV_PORTS + in(TESTDEV_PORTS + 4, 4)), 0, 1);
    check_round_trip(device);
    g_assert_cmphex(in(TESTDEV_PORTS, 1), ==, 4);
    g_assert_cmpuint(in(TESTDEV_PORTS + 12, 4), ==, 1);
    bad = with_test(device, 6);
    g_assert_false(device_load(device, bad, &error));
    g_assert_cmpstr(error->message, ==, "device 'pci-testdev': pci-testdev: saved test 6 does not exist");
    machine_destroy(machine);
}

/* ---- vmcoreinfo ---- */

enum { DMA_READ = 0x02, DMA_SELECT = 0x08, DMA_WRITE = 0x10 };

#define DESCRIPTOR 0x1000
#define BUFFER     0x2000
#define NOTE       0x3000

static void memory_write(uint64_t address, const void *data, size_t size)
{
    g_assert_true(address_space_write(machine_memory(machine), address, data, size));
}

static void dma(uint32_t control, uint32_t length)
{
    uint8_t raw[16], status[4];

    store_be32(raw, control);
    store_be32(raw + 4, length);
    store_be64(raw + 8, BUFFER);
    memory_write(DESCRIPTOR, raw, sizeof(raw));
    out(FW_CFG_PORT_DMA, 0, 4);
    out(FW_CFG_PORT_DMA + 4, GUINT32_TO_BE(DESCRIPTOR), 4);
    address_space_read(machine_memory(machine), DESCRIPTOR, status, 4);
    g_assert_cmphex(load_be32(status), ==, 0);
}

static uint32_t key_of(const char *name)
{
    uint8_t count[4], entry[64];

    dma(FW_CFG_FILE_DIR << 16 | DMA_SELECT | DMA_READ, 4);
    address_space_read(machine_memory(machine), BUFFER, count, 4);
    for (uint32_t i = 0; i < load_be32(count); i++) {
        dma(DMA_READ, sizeof(entry));
        address_space_read(machine_memory(machine), BUFFER, entry, sizeof(entry));
        if (strcmp((const char *)entry + 8, name) == 0) {
            return load_be16(entry + 4);
        }
    }
    g_assert_not_reached();
}

static void tell_vmcoreinfo(uint16_t format, uint32_t size, uint64_t address)
{
    uint32_t key = key_of("etc/vmcoreinfo");
    uint8_t file[16] = {0};

    store_le16(file + 2, format);
    store_le32(file + 4, size);
    store_le64(file + 8, address);
    memory_write(BUFFER, file, sizeof(file));
    dma(key << 16 | DMA_SELECT | DMA_WRITE, sizeof(file));
}

static void assert_no_note(uint16_t format, uint32_t size, uint64_t address)
{
    tell_vmcoreinfo(format, size, address);
    g_assert_null(vmcoreinfo_note(machine));
}

static void vmcoreinfo_gives_the_note_that_the_guest_names(void)
{
    static const char description[] = "OSRELEASE=6.1";
    Elf64_Nhdr header = {sizeof("VMCOREINFO"), sizeof(description), 0};
    uint8_t note[64] = {0};
    const uint32_t size = sizeof(header) + 12 + 16;
    Device *device;
    g_autoptr(GBytes) bytes = NULL;

    build_pc();
    device = add("vmcoreinfo");
    finish_pc();
    g_assert_null(vmcoreinfo_note(machine));
    memcpy(note, &header, sizeof(header));
    memcpy(note + sizeof(header), "VMCOREINFO", sizeof("VMCOREINFO"));
    memcpy(note + sizeof(header) + 12, description, sizeof(description));
    memory_write(NOTE, note, sizeof(note));
    assert_no_note(0, size, NOTE);
    assert_no_note(2, size, NOTE);
    assert_no_note(1, size - 1, NOTE);
    assert_no_note(1, 4, NOTE);
    assert_no_note(1, UINT32_MAX, NOTE);
    assert_no_note(1, size, BUFFER);
    assert_no_note(1, size, UINT64_C(1) << 40);
    tell_vmcoreinfo(1, size, NOTE);
    bytes = vmcoreinfo_note(machine);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), note, size);
    check_round_trip(device);
    g_clear_pointer(&bytes, g_bytes_unref);
    bytes = vmcoreinfo_note(machine);
    g_assert_nonnull(bytes);
    device_reset(device);
    g_assert_null(vmcoreinfo_note(machine));
    machine_destroy(machine);
}

/* ---- vmgenid ---- */

#define GUID_PLACE 0x5028
#define GPE_STATUS 0xafe0

static void expect_guid_at(uint64_t address, const uint8_t expected[16])
{
    uint8_t found[16];

    address_space_read(machine_memory(machine), address, found, sizeof(found));
    g_assert_cmpmem(found, 16, expected, 16);
}

static void read_file(const char *name, uint32_t length)
{
    dma(key_of(name) << 16 | DMA_SELECT | DMA_READ, length);
}

static void a_saved_guest_gets_the_new_generation_id(void)
{
    static const uint8_t guid[16] = {0xaf, 0x6e, 0x4e, 0x32, 0xd1, 0xd1, 0xf6, 0x4b,
                                     0xbf, 0x41, 0xb9, 0xbb, 0x6c, 0x91, 0xfb, 0x87};
    static const uint8_t none[16] = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) saved = NULL;
    uint8_t place[8];
    uint32_t key;
    Device *device;

    build_pc();
    device = add("vmgenid,guid=324E6EAF-d1d1-4bf6-bf41-b9bb6c91fb87");
    finish_pc();
    g_assert_cmpstr(vmgenid_text(vmgenid_find(machine)), ==,
                    "324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87");
    read_file("etc/vmgenid_guid", 4096);
    expect_guid_at(BUFFER + 40, guid);
    expect_guid_at(BUFFER + 56, none);
    store_le64(place, GUID_PLACE);
    key = key_of("etc/vmgenid_addr");
    memory_write(BUFFER, place, sizeof(place));
    dma(key << 16 | DMA_SELECT | DMA_WRITE, sizeof(place));
    check_round_trip(device);
    saved = state_of(device);
    expect_guid_at(GUID_PLACE, none); /* the firmware put it there, nobody else */
    g_assert_cmphex(in(GPE_STATUS, 1) & 1 << 5, ==, 0);
    g_assert_true(run_state_start(&error));
    g_assert_no_error(error);
    expect_guid_at(GUID_PLACE, guid);
    g_assert_cmphex(in(GPE_STATUS, 1) & 1 << 5, ==, 1 << 5);
    run_state_stop(RUN_STATE_PAUSED);
    /* Only an arrival tells it again, and a reset forgets the place. */
    memory_write(GUID_PLACE, none, sizeof(none));
    g_assert_true(run_state_start(&error));
    expect_guid_at(GUID_PLACE, none);
    run_state_stop(RUN_STATE_PAUSED);
    device_reset(device);
    read_file("etc/vmgenid_addr", 8);
    g_assert_cmphex(address_space_load(machine_memory(machine), BUFFER, 8), ==, 0);
    machine_destroy(machine);
}

static char *refusal_of(const char *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) object = options_parse(options, "driver", NULL);

    g_assert_null(machine_add_device_from_options(machine, object, &error));
    return g_strdup(error->message);
}

static void there_is_one_generation_id_and_it_is_a_uuid(void)
{
    g_autofree char *bad = NULL, *second = NULL;

    build_pc();
    bad = refusal_of("vmgenid,guid=x");
    g_assert_cmpstr(bad, ==, "Property 'vmgenid.guid' doesn't take value 'x'");
    g_assert_null(vmgenid_find(machine));
    add("vmgenid");
    g_assert_true(g_uuid_string_is_valid(vmgenid_text(vmgenid_find(machine))));
    second = refusal_of("vmgenid,guid=auto");
    g_assert_cmpstr(second, ==, "at most one vmgenid device is permitted");
    machine_destroy(machine);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    device_types_init();
    timers_init();
    machine_lock();
    machine_lock_attach_main_context();
    clock_virtual_set_manual();
    g_test_add_func("/added-devices/ib700", ib700_keeps_its_deadline);
    g_test_add_func("/added-devices/watchdog-listener", a_watchdog_tells_its_listener);
    g_test_add_func("/added-devices/pc-testdev", pc_testdev_keeps_register_and_memory);
    g_test_add_func("/added-devices/pci-testdev", pci_testdev_keeps_its_test_and_count);
    g_test_add_func("/added-devices/vmcoreinfo", vmcoreinfo_gives_the_note_that_the_guest_names);
    g_test_add_func("/added-devices/vmgenid", a_saved_guest_gets_the_new_generation_id);
    g_test_add_func("/added-devices/vmgenid-one", there_is_one_generation_id_and_it_is_a_uuid);
    return g_test_run();
}
