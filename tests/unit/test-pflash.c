/*
 * Flash memory: its state is saved and loaded in the middle of every kind of command, spoilt state
 * is refused, properties are checked, and contents that came with a guest go to the image.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block-fixture.h"
#include "hw/block/pflash_cfi01.h"
#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "util/memory.h"

#define SIZE 0x10000u
#define BASE UINT64_C(0x100000)

static Machine *machine;

static Device *new_flash(const char *drive)
{
    Device *device = device_new_by_name("cfi.pflash01", NULL);
    GError *error = NULL;

    g_assert_true(device_set_property_text(device, "name", "flash", &error));
    g_assert_true(device_set_property_text(device, "num-blocks", "16", &error));
    g_assert_true(device_set_property_text(device, "sector-length", "4096", &error));
    g_assert_true(!drive || device_set_property_text(device, "drive", drive, &error));
    g_assert_no_error(error);
    return device;
}

static PflashCfi01 *plug(const char *drive)
{
    Device *device = new_flash(drive);
    GError *error = NULL;

    device_realize_and_unref(device, machine, NULL, &error);
    g_assert_no_error(error);
    device_reset(device);
    memory_region_add(machine_memory_root(machine), BASE,
                      pflash_cfi01_memory(HW_PFLASH_CFI01(device)));
    return HW_PFLASH_CFI01(device);
}

static void store(uint64_t offset, uint8_t value)
{
    address_space_store(machine_memory(machine), BASE + offset, value, 1);
}

static uint8_t load(uint64_t offset)
{
    return (uint8_t)address_space_load(machine_memory(machine), BASE + offset, 1);
}

static void setup(void)
{
    machine = machine_new("none", NULL);
}

static void teardown(void)
{
    machine_destroy(machine);
}

static void without_an_image_it_begins_erased(void)
{
    setup();
    plug(NULL);
    g_assert_cmphex(load(0), ==, 0xff);
    store(0, 0x40);
    store(5, 0xab);
    store(0, 0xff);
    g_assert_cmphex(load(5), ==, 0xab);
    teardown();
}

static void every_state_survives_a_save_and_a_load(void)
{
    static const uint8_t sequences[][6] = {
        {0xff}, {0x70}, {0x90},    {0x98},       {0x20},          {0x40},
        {0x60}, {0xe8}, {0xe8, 1}, {0xe8, 1, 7}, {0xe8, 1, 7, 8}, {0xe8, 1, 7, 8, 0xd0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(sequences); i++) {
        g_autoptr(GVariant) saved = NULL, again = NULL;
        g_autoptr(GError) error = NULL;
        uint8_t before;
        Device *device;

        setup();
        device = HW_DEVICE(plug(NULL));
        for (unsigned j = 0; j < 6 && (j == 0 || sequences[i][j]); j++) {
            store(0x200 + (j > 2), sequences[i][j]);
        }
        before = load(0x10);
        saved = g_variant_ref_sink(device_save(device));
        device_reset(device);
        g_assert_true(device_load(device, saved, &error));
        g_assert_no_error(error);
        again = g_variant_ref_sink(device_save(device));
        g_assert_true(g_variant_equal(saved, again));
        g_assert_cmphex(load(0x10), ==, before);
        teardown();
    }
}

/* @saved with the byte field @name set to @value. */
static GVariant *spoil(GVariant *saved, const char *name, GVariant *value)
{
    g_autoptr(GVariant) fields = g_variant_get_child_value(saved, 1);
    g_autoptr(GVariant) inner = g_variant_is_of_type(fields, G_VARIANT_TYPE_VARIANT)
                                    ? g_variant_get_variant(fields)
                                    : g_variant_ref(fields);
    g_autoptr(GVariant) version = g_variant_get_child_value(saved, 0);
    GVariantDict dict;
    GVariant *changed;

    g_variant_dict_init(&dict, inner);
    g_assert_true(g_variant_dict_contains(&dict, name));
    g_variant_dict_insert_value(&dict, name, value);
    changed = g_variant_dict_end(&dict);
    if (g_variant_is_of_type(fields, G_VARIANT_TYPE_VARIANT)) {
        changed = g_variant_new_variant(changed);
    }
    return g_variant_ref_sink(g_variant_new_tuple((GVariant *[]){version, changed}, 2));
}

static void impossible_states_are_refused(void)
{
    g_autoptr(GVariant) saved = NULL;
    Device *device;
    const struct {
        const char *name;
        GVariant *value;
    } spoilt[] = {
        {"cycle", g_variant_new_byte(4)},
        {"cycle", g_variant_new_byte(1)}, /* of no command */
        {"remaining", g_variant_new_uint16(257)},
        {"buffer_offset", g_variant_new_uint64(SIZE)},
        {"buffer_offset", g_variant_new_uint64(1)},
        {"buffer_offset", g_variant_new_uint64(UINT64_MAX)},
    };

    setup();
    device = HW_DEVICE(plug(NULL));
    saved = g_variant_ref_sink(device_save(device));
    for (unsigned i = 0; i < G_N_ELEMENTS(spoilt); i++) {
        g_autoptr(GVariant) bad = spoil(saved, spoilt[i].name, spoilt[i].value);
        g_autoptr(GError) error = NULL;

        g_assert_false(device_load(device, bad, &error));
        g_assert_nonnull(error);
    }
    teardown();
}

static void properties_are_checked(void)
{
    static const char *const bad[][3] = {
        {"num-blocks", "0", "attribute \"num-blocks\" not specified or zero."},
        {"sector-length", "0", "attribute \"sector-length\" not specified or zero."},
        {"sector-length", "1000", "cfi.pflash01: num-blocks=16 of sector-length=1000: *"},
        {"num-blocks", "4294967295", "cfi.pflash01: num-blocks=4294967295 of *"},
        {"drive", "nobody", "Property 'cfi.pflash01.drive' can't find value 'nobody'"},
    };

    setup();
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        Device *device = new_flash(NULL);
        g_autoptr(GError) error = NULL;

        g_assert_true(device_set_property_text(device, bad[i][0], bad[i][1], NULL));
        g_assert_false(device_realize_and_unref(device, machine, NULL, &error));
        g_assert_true(g_pattern_match_simple(bad[i][2], error->message));
    }
    teardown();
}

static void an_image_of_another_size_is_refused(void)
{
    Device *device;
    g_autoptr(GError) error = NULL;

    setup();
    make_image("small", SIZE / 2);
    add_node("driver=file,filename=small,node-name=flash-file");
    device = new_flash("flash-file");
    g_assert_false(device_realize_and_unref(device, machine, NULL, &error));
    g_assert_cmpstr(error->message, ==,
                    "device 'cfi.pflash01' requires 65536 bytes, block backend 'flash-file' "
                    "provides 32768 bytes");
    teardown();
    g_assert_true(block_node_delete("flash-file", NULL));
}

static void contents_that_arrived_go_to_the_image(void)
{
    g_autoptr(GVariant) saved = NULL;
    g_autofree char *contents = NULL;
    g_autoptr(GError) error = NULL;
    PflashCfi01 *flash;
    gsize size;

    setup();
    make_image("flash", SIZE);
    add_node("driver=file,filename=flash,node-name=flash-file");
    flash = plug("flash-file");
    g_assert_cmphex(load(0x1234), ==, pattern(0x1234));
    saved = g_variant_ref_sink(device_save(HW_DEVICE(flash)));
    /* the RAM stream brings what the guest's flash held where it came from */
    memset((uint8_t *)memory_region_host(pflash_cfi01_memory(flash)) + 0x1200, 0x77, 0x100);
    g_assert_true(device_load(HW_DEVICE(flash), saved, &error));
    g_assert_true(run_state_start(&error));
    g_assert_no_error(error);
    run_state_stop(RUN_STATE_PAUSED);
    g_assert_true(g_file_get_contents("flash", &contents, &size, NULL));
    g_assert_cmphex((uint8_t)contents[0x1234], ==, 0x77);
    g_assert_cmphex((uint8_t)contents[0x1334], ==, pattern(0x1334));
    teardown();
    g_assert_true(block_node_delete("flash-file", NULL));
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    device_types_init();
    fixture_start();
    g_test_add_func("/pflash/erased", without_an_image_it_begins_erased);
    g_test_add_func("/pflash/saved", every_state_survives_a_save_and_a_load);
    g_test_add_func("/pflash/refused", impossible_states_are_refused);
    g_test_add_func("/pflash/properties", properties_are_checked);
    g_test_add_func("/pflash/size", an_image_of_another_size_is_refused);
    g_test_add_func("/pflash/arrived", contents_that_arrived_go_to_the_image);
    status = g_test_run();
    fixture_end();
    return status;
}
