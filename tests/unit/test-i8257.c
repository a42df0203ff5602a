/*
 * The ISA DMA controllers: programming, transfers in both directions, terminal count, wrap, mask,
 * words, cascade, saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/dma/i8257.h"

#include <string.h>

#include "tests/unit/chip-fixture.h"
#include "util/bytes.h"

#define RAM_BYTES (1 * MiB)

static I8257 *dma;
static MemoryRegion ram;
static unsigned ready_calls;

static void ready(void *opaque)
{
    ready_calls++;
}

static uint8_t *memory(void)
{
    return memory_region_host(&ram);
}

static void setup(void)
{
    Device *device = device_new(i8257_get_type());

    fixture_setup();
    g_assert_true(memory_region_init_ram(&ram, "ram", RAM_BYTES, NULL));
    memory_region_add(machine_memory_root(machine), 0, &ram);
    g_assert_null(isa_bus_dma(isa));
    fixture_plug(device, HW_BUS(isa));
    dma = isa_bus_dma(isa);
    g_assert_true(dma == HW_I8257(device));
    ready_calls = 0;
    g_assert_true(i8257_connect(dma, 2, ready, NULL));
}

static void teardown(void)
{
    fixture_teardown();
    memory_region_destroy(&ram);
}

/* Channel 2. @mode without the channel. */
static void program(uint32_t address, uint16_t count, uint8_t mode)
{
    outb(0x0c, 0);
    outb(0x0b, mode | 2);
    outb(0x04, (uint8_t)address);
    outb(0x04, (uint8_t)(address >> 8));
    outb(0x81, (uint8_t)(address >> 16));
    outb(0x05, (uint8_t)count);
    outb(0x05, (uint8_t)(count >> 8));
}

static uint16_t read_pair(uint16_t port)
{
    uint16_t low;

    outb(0x0c, 0);
    low = inb(port);
    return (uint16_t)(low | inb(port) << 8);
}

static void test_device_fills_memory_up_to_the_count(void)
{
    uint8_t data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    bool tc;

    setup();
    program(0x12340, 5, 0x44);
    g_assert_cmpuint(i8257_bytes_left(dma, 2), ==, 0); /* masked */
    g_assert_cmpuint(i8257_to_memory(dma, 2, data, 3, &tc), ==, 0);
    outb(0x0a, 0x02);
    g_assert_cmpuint(i8257_bytes_left(dma, 2), ==, 6);
    g_assert_cmpuint(i8257_to_memory(dma, 2, data, 4, &tc), ==, 4);
    g_assert_false(tc);
    g_assert_cmphex(read_pair(0x04), ==, 0x2344);
    g_assert_cmphex(read_pair(0x05), ==, 1);
    g_assert_cmpuint(i8257_to_memory(dma, 2, data + 4, 4, &tc), ==, 2);
    g_assert_true(tc);
    g_assert_cmpmem(memory() + 0x12340, 8, "\1\2\3\4\5\6\0\0", 8);
    g_assert_cmphex(inb(0x08), ==, 0x04); /* the count has ended; reading takes the bit back */
    g_assert_cmphex(inb(0x08), ==, 0x00);
    g_assert_cmphex(inb(0x0f) & 0x0f, ==, 0x0f); /* and the channel is masked */
    g_assert_cmpuint(i8257_to_memory(dma, 2, data, 4, &tc), ==, 0);
    teardown();
}

static void test_memory_fills_device_in_its_own_direction_only(void)
{
    uint8_t data[4] = {0};
    bool tc;

    setup();
    memcpy(memory() + 0x500, "abcd", 4);
    program(0x500, 3, 0x48);
    outb(0x0a, 0x02);
    g_assert_cmpuint(i8257_to_memory(dma, 2, data, 4, &tc), ==, 0);
    g_assert_false(tc);
    g_assert_cmpuint(i8257_from_memory(dma, 2, data, 4, &tc), ==, 4);
    g_assert_true(tc);
    g_assert_cmpmem(data, 4, "abcd", 4);
    teardown();
}

static void test_verify_counts_and_touches_nothing(void)
{
    uint8_t data[4] = {9, 9, 9, 9};
    bool tc;

    setup();
    program(0x500, 3, 0x40);
    outb(0x0a, 0x02);
    g_assert_cmpuint(i8257_to_memory(dma, 2, data, 4, &tc), ==, 4);
    g_assert_true(tc);
    g_assert_cmpuint(memory()[0x500], ==, 0);
    teardown();
}

static void test_address_wraps_within_its_page(void)
{
    uint8_t data[4] = {1, 2, 3, 4};
    bool tc;

    setup();
    program(0x2fffe, 3, 0x44);
    outb(0x0a, 0x02);
    g_assert_cmpuint(i8257_to_memory(dma, 2, data, 4, &tc), ==, 4);
    g_assert_cmpmem(memory() + 0x2fffe, 2, "\1\2", 2);
    g_assert_cmpmem(memory() + 0x20000, 2, "\3\4", 2);
    g_assert_cmpuint(memory()[0x30000], ==, 0);
    program(0x20001, 3, 0x64); /* downwards */
    outb(0x0a, 0x02);
    g_assert_cmpuint(i8257_to_memory(dma, 2, data, 4, &tc), ==, 4);
    g_assert_cmpmem(memory() + 0x20000, 2, "\2\1", 2);
    g_assert_cmpmem(memory() + 0x2fffe, 2, "\4\3", 2);
    teardown();
}

static void test_automatic_channel_starts_again(void)
{
    uint8_t data[2] = {5, 6};
    bool tc;

    setup();
    program(0x600, 1, 0x54);
    outb(0x0a, 0x02);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(i8257_to_memory(dma, 2, data, 2, &tc), ==, 2);
        g_assert_true(tc);
        g_assert_cmphex(read_pair(0x04), ==, 0x600);
        g_assert_cmpuint(i8257_bytes_left(dma, 2), ==, 2);
    }
    teardown();
}

static void test_words_go_to_even_addresses(void)
{
    uint8_t data[5] = {1, 2, 3, 4, 5};
    bool tc;

    setup();
    g_assert_true(i8257_connect(dma, 5, ready, NULL));
    outb(0xd8, 0);
    outb(0xd6, 0x45); /* channel 5, to memory */
    outb(0xc4, 0x00);
    outb(0xc4, 0x80); /* word 0x8000 of the page: byte 0x10000 */
    outb(0x8b, 0x05); /* bit 0 does not count */
    outb(0xc6, 1);
    outb(0xc6, 0);
    outb(0xd4, 0x01);
    g_assert_cmpuint(i8257_bytes_left(dma, 5), ==, 4);
    g_assert_cmpuint(i8257_to_memory(dma, 5, data, 5, &tc), ==, 4);
    g_assert_true(tc);
    g_assert_cmpmem(memory() + 0x50000, 4, data, 4);
    teardown();
}

static void test_device_hears_when_it_may_move(void)
{
    setup();
    program(0x600, 1, 0x44);
    outb(0x0a, 0x02);
    g_assert_cmpuint(ready_calls, ==, 0); /* it has not asked */
    outb(0x0a, 0x06);
    i8257_set_request(dma, 2, true);
    g_assert_cmphex(inb(0x08) & 0xf0, ==, 0x40);
    outb(0x08, 0x04); /* the chip is off */
    outb(0x0e, 0);
    g_assert_cmpuint(ready_calls, ==, 0);
    outb(0x08, 0x00);
    g_assert_cmpuint(ready_calls, ==, 1);
    teardown();
}

static void test_places_are_taken_once(void)
{
    setup();
    g_assert_false(i8257_connect(dma, 2, ready, NULL));
    g_assert_false(i8257_connect(dma, 4, ready, NULL));
    g_assert_false(i8257_connect(dma, 8, ready, NULL));
    g_assert_true(i8257_connect(dma, 2, NULL, NULL));
    g_assert_true(i8257_connect(dma, 2, ready, NULL));
    teardown();
}

static void test_hole_drops_and_reads_as_ones(void)
{
    uint8_t data[2] = {1, 2};
    bool tc;

    setup();
    program(0xf00000, 1, 0x54);
    outb(0x0a, 0x02);
    g_assert_cmpuint(i8257_to_memory(dma, 2, data, 2, &tc), ==, 2);
    outb(0x0b, 0x5a);
    g_assert_cmpuint(i8257_from_memory(dma, 2, data, 2, &tc), ==, 2);
    g_assert_cmpmem(data, 2, "\xff\xff", 2);
    teardown();
}

static void test_state_survives_saving(void)
{
    setup();
    program(0x34567, 0x1234, 0x58);
    outb(0x0e, 0);
    outb(0x09, 0x05);
    i8257_set_request(dma, 2, true);
    outb(0x89, 0x77);
    outb(0xc4, 0x11); /* the byte pointer of the second chip stands on the high byte */
    check_round_trip(HW_DEVICE(dma));
    check_refused(HW_DEVICE(dma), "chips[1].mask", g_variant_new_byte(0x10));
    g_assert_cmphex(read_pair(0x04), ==, 0x4567);
    outb(0xc4, 0x22);
    outb(0xd8, 0);
    g_assert_cmphex(inb(0xc4), ==, 0x11);
    g_assert_cmphex(inb(0xc4), ==, 0x22);
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
#define ADD(name, function) g_test_add_func("/i8257/" name, function)
    ADD("to-memory", test_device_fills_memory_up_to_the_count);
    ADD("from-memory", test_memory_fills_device_in_its_own_direction_only);
    ADD("verify", test_verify_counts_and_touches_nothing);
    ADD("wrap", test_address_wraps_within_its_page);
    ADD("automatic", test_automatic_channel_starts_again);
    ADD("words", test_words_go_to_even_addresses);
    ADD("ready", test_device_hears_when_it_may_move);
    ADD("connect", test_places_are_taken_once);
    ADD("hole", test_hole_drops_and_reads_as_ones);
    ADD("state", test_state_survives_saving);
    return g_test_run();
}
