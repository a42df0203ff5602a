/*
 * The memory map: overlaps, merging, legacy holes, what guests read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/e820.h"
#include "util/bytes.h"

static void check(const E820Table *table, const E820Entry *expected, unsigned expected_count)
{
    unsigned count;
    const E820Entry *entries = e820_entries(table, &count);

    g_assert_cmpuint(count, ==, expected_count);
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmphex(entries[i].address, ==, expected[i].address);
        g_assert_cmphex(entries[i].length, ==, expected[i].length);
        g_assert_cmpuint(entries[i].type, ==, expected[i].type);
    }
}

static void ram_is_split_at_4_gib(void)
{
    g_autoptr(E820Table) table = e820_new();
    const E820Entry expected[] = {
        {0, 3 * GiB, E820_RAM},
        {4 * GiB, 5 * GiB, E820_RAM},
    };

    g_assert_true(e820_add_ram(table, 3 * GiB, 5 * GiB, NULL));
    check(table, expected, G_N_ELEMENTS(expected));
}

static void reserved_cuts_ram_and_neighbours_merge(void)
{
    g_autoptr(E820Table) table = e820_new();
    const E820Entry expected[] = {
        {0, 0x1000, E820_RAM},
        {0x1000, 0x3000, E820_RESERVED},
        {0x4000, 0xc000, E820_RAM},
    };

    g_assert_true(e820_add(table, 0x1000, 0x2000, E820_RESERVED, NULL));
    g_assert_true(e820_add(table, 0x3000, 0x1000, E820_RESERVED, NULL));
    g_assert_true(e820_add(table, 0, 0x10000, E820_RAM, NULL));
    check(table, expected, G_N_ELEMENTS(expected));
    g_assert_true(e820_covers(table, 0x4000, 0xc000, E820_RAM));
    g_assert_false(e820_covers(table, 0x3fff, 2, E820_RAM));
    g_assert_false(e820_covers(table, 0x4000, UINT64_MAX, E820_RAM));
}

static void legacy_holes_look_like_firmware(void)
{
    g_autoptr(E820Table) table = e820_new();
    const E820Entry expected[] = {
        {0, 0x9fc00, E820_RAM},
        {0x9fc00, 0x400, E820_RESERVED},
        {0xf0000, 0x10000, E820_RESERVED},
        {0x100000, 63 * MiB, E820_RAM},
    };

    g_assert_true(e820_add_ram(table, 64 * MiB, 0, NULL));
    g_assert_true(e820_add_legacy_holes(table, NULL));
    check(table, expected, G_N_ELEMENTS(expected));
}

static void bytes_are_20_byte_records(void)
{
    g_autoptr(E820Table) table = e820_new();
    g_autoptr(GBytes) all = NULL, reserved = NULL;
    const uint8_t *data;

    g_assert_true(e820_add_ram(table, 1 * MiB, 0, NULL));
    g_assert_true(e820_add(table, 0xfeffc000, 0x4000, E820_RESERVED, NULL));
    all = e820_to_bytes(table, 0);
    reserved = e820_to_bytes(table, E820_RESERVED);
    g_assert_cmpuint(g_bytes_get_size(all), ==, 40);
    g_assert_cmpuint(g_bytes_get_size(reserved), ==, 20);
    data = g_bytes_get_data(reserved, NULL);
    g_assert_cmphex(load_le64(data), ==, 0xfeffc000);
    g_assert_cmphex(load_le64(data + 8), ==, 0x4000);
    g_assert_cmphex(load_le32(data + 16), ==, 2);
}

static void impossible_ranges_are_refused(void)
{
    g_autoptr(E820Table) table = e820_new();
    g_autoptr(GError) error = NULL;

    g_assert_false(e820_add(table, UINT64_MAX - 10, 100, E820_RAM, &error));
    g_assert_nonnull(strstr(error->message, "wraps around"));
    g_clear_error(&error);
    g_assert_true(e820_add(table, 5, 0, E820_RAM, NULL));
    check(table, NULL, 0);
    for (unsigned i = 0; i < E820_MAX_ENTRIES; i++) {
        g_assert_true(e820_add(table, i * 0x2000, 0x1000, E820_RAM, NULL));
    }
    g_assert_false(e820_add(table, 0x10000000, 0x1000, E820_RAM, &error));
    g_assert_nonnull(strstr(error->message, "128"));
}

static void a_copy_is_independent(void)
{
    g_autoptr(E820Table) table = e820_new();
    g_autoptr(E820Table) copy = NULL;
    unsigned count;

    g_assert_true(e820_add_ram(table, 64 * MiB, 0, NULL));
    copy = e820_copy(table);
    g_assert_true(e820_add_legacy_holes(copy, NULL));
    e820_entries(table, &count);
    g_assert_cmpuint(count, ==, 1);
    e820_entries(copy, &count);
    g_assert_cmpuint(count, ==, 4);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e820/ram-is-split-at-4-gib", ram_is_split_at_4_gib);
    g_test_add_func("/e820/reserved-cuts-ram-and-neighbours-merge",
                    reserved_cuts_ram_and_neighbours_merge);
    g_test_add_func("/e820/legacy-holes-look-like-firmware", legacy_holes_look_like_firmware);
    g_test_add_func("/e820/bytes-are-20-byte-records", bytes_are_20_byte_records);
    g_test_add_func("/e820/impossible-ranges-are-refused", impossible_ranges_are_refused);
    g_test_add_func("/e820/a-copy-is-independent", a_copy_is_independent);
    return g_test_run();
}
