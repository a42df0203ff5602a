/*
 * The walk through a guest's page tables: each kind of paging, each size of page, and what is no
 * translation at all.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>
#include <string.h>

#include "target/i386/page_walk.h"

#define RAM_SIZE 0x10000u
#define P        UINT64_C(1)
#define W        UINT64_C(2)
#define LARGE    UINT64_C(0x80)
#define PG_WP_PE UINT64_C(0x80010001)
#define PAE      UINT64_C(0x20)
#define PSE      UINT64_C(0x10)
#define LA57     UINT64_C(0x1000)
#define LMA      UINT64_C(0x400)

static uint8_t ram[RAM_SIZE];

static bool read_ram(void *opaque, uint64_t physical, void *entry, unsigned size)
{
    if (physical > RAM_SIZE - size) {
        return false;
    }
    memcpy(entry, ram + physical, size);
    return true;
}

static void put(uint64_t table, unsigned index, uint64_t entry, unsigned size)
{
    memcpy(ram + table + index * size, &entry, size);
}

static bool walk(const X86Paging *paging, uint64_t address, X86Translation *translation)
{
    return x86_page_walk(paging, address, read_ram, NULL, translation);
}

static void test_without_paging_addresses_are_physical(void)
{
    X86Paging paging = {.cr0 = 1};
    X86Translation translation;

    g_assert_true(walk(&paging, 0x12345678, &translation));
    g_assert_cmphex(translation.physical, ==, 0x12345678);
    g_assert_true(translation.writable);
    g_assert_false(walk(&paging, UINT64_C(1) << 32, &translation));
}

static void test_two_levels_have_4_kib_and_4_mib_pages(void)
{
    X86Paging paging = {.cr0 = PG_WP_PE, .cr3 = 0x1018, .cr4 = PSE};
    X86Translation translation;

    memset(ram, 0, sizeof(ram));
    put(0x1000, 0x300, 0x2000 | P | W, 4);
    put(0x2000, 0x12, 0xabcde000 | P, 4);
    put(0x1000, 0x301, 0x00c00000 | 0x3 << 13 | LARGE | P | W, 4);
    g_assert_true(walk(&paging, 0xc0012345, &translation));
    g_assert_cmphex(translation.physical, ==, 0xabcde345);
    g_assert_cmpuint(translation.size, ==, 4096);
    g_assert_false(translation.writable);
    g_assert_true(walk(&paging, 0xc0512345, &translation));
    g_assert_cmphex(translation.physical, ==, UINT64_C(0x300d12345));
    g_assert_cmpuint(translation.size, ==, 4 << 20);
    g_assert_true(translation.writable);
    paging.cr4 = 0; /* no PSE: the entry names a table, which lies outside RAM */
    g_assert_false(walk(&paging, 0xc0512345, &translation));
}

static void test_three_levels_ignore_the_write_bit_of_the_top(void)
{
    X86Paging paging = {.cr0 = PG_WP_PE, .cr3 = 0x1020, .cr4 = PAE};
    X86Translation translation;

    memset(ram, 0, sizeof(ram));
    put(0x1020, 3, 0x2000 | P, 8);
    put(0x2000, 1, 0x3000 | P | W, 8);
    put(0x3000, 2, UINT64_C(0x876543000) | P | W, 8);
    put(0x2000, 2, 0x40200000 | LARGE | P | W, 8);
    g_assert_true(walk(&paging, 0xc0202fff, &translation));
    g_assert_cmphex(translation.physical, ==, UINT64_C(0x876543fff));
    g_assert_true(translation.writable);
    g_assert_true(walk(&paging, 0xc0412345, &translation));
    g_assert_cmphex(translation.physical, ==, 0x40212345);
    g_assert_cmpuint(translation.size, ==, 2 << 20);
    g_assert_false(walk(&paging, 0x412345, &translation));
    g_assert_false(walk(&paging, UINT64_C(0x1c0202fff), &translation));
}

static void test_four_levels_have_three_sizes_and_need_canonical_addresses(void)
{
    X86Paging paging = {.cr0 = PG_WP_PE, .cr3 = 0x1000, .cr4 = PAE, .efer = LMA};
    X86Translation translation;

    memset(ram, 0, sizeof(ram));
    put(0x1000, 511, 0x2000 | P | W, 8);
    put(0x2000, 510, 0x3000 | P | W, 8);
    put(0x3000, 8, 0x4000 | P, 8);
    put(0x4000, 1, 0x5000 | P | W | UINT64_C(1) << 63, 8);
    put(0x3000, 9, 0x200000 | LARGE | P | W, 8);
    put(0x2000, 511, UINT64_C(0x40000000) | LARGE | P | W, 8);
    g_assert_true(walk(&paging, UINT64_C(0xffffffff81001123), &translation));
    g_assert_cmphex(translation.physical, ==, 0x5123);
    g_assert_false(translation.writable);
    paging.cr0 &= ~UINT64_C(0x10000);
    g_assert_true(walk(&paging, UINT64_C(0xffffffff81001123), &translation));
    g_assert_true(translation.writable);
    g_assert_true(walk(&paging, UINT64_C(0xffffffff81201123), &translation));
    g_assert_cmphex(translation.physical, ==, 0x201123);
    g_assert_cmpuint(translation.size, ==, 2 << 20);
    g_assert_true(walk(&paging, UINT64_C(0xffffffffc1234567), &translation));
    g_assert_cmphex(translation.physical, ==, 0x41234567);
    g_assert_cmpuint(translation.size, ==, 1 << 30);
    g_assert_false(walk(&paging, UINT64_C(0x0000ffff81001123), &translation));
    g_assert_false(walk(&paging, UINT64_C(0xffffffff81401123), &translation));
}

static void test_five_levels_reach_further(void)
{
    X86Paging paging = {.cr0 = PG_WP_PE, .cr3 = 0x1000, .cr4 = PAE | LA57, .efer = LMA};
    X86Translation translation;

    memset(ram, 0, sizeof(ram));
    put(0x1000, 1, 0x2000 | P | W, 8);
    put(0x2000, 0, 0x3000 | P | W, 8);
    put(0x3000, 0, LARGE | P | W, 8);
    g_assert_true(walk(&paging, UINT64_C(0x0001000000004321), &translation));
    g_assert_cmphex(translation.physical, ==, 0x4321);
    paging.cr4 = PAE;
    g_assert_false(walk(&paging, UINT64_C(0x0001000000004321), &translation));
}

static void test_tables_outside_ram_translate_nothing(void)
{
    X86Paging paging = {.cr0 = PG_WP_PE, .cr3 = 0x7ffff000, .cr4 = PAE, .efer = LMA};
    X86Translation translation;

    g_assert_false(walk(&paging, 0, &translation));
    memset(ram, 0, sizeof(ram));
    paging.cr3 = 0x1000;
    put(0x1000, 0, UINT64_C(0xffffffff000) | P | W, 8);
    g_assert_false(walk(&paging, 0x1234, &translation));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/page-walk/none", test_without_paging_addresses_are_physical);
    g_test_add_func("/page-walk/two-levels", test_two_levels_have_4_kib_and_4_mib_pages);
    g_test_add_func("/page-walk/three-levels", test_three_levels_ignore_the_write_bit_of_the_top);
    g_test_add_func("/page-walk/four-levels",
                    test_four_levels_have_three_sizes_and_need_canonical_addresses);
    g_test_add_func("/page-walk/five-levels", test_five_levels_reach_further);
    g_test_add_func("/page-walk/outside", test_tables_outside_ram_translate_nothing);
    return g_test_run();
}
