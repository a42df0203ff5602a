/*
 * The floppy controller: commands that move data, by DMA and through the FIFO: reads, writes,
 * multi-track, ends by EOT and by terminal count, implied seeks, VERIFY, SCAN, FORMAT, deleted
 * marks, data rates, protection, media errors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fdc-fixture.h"

static uint8_t *guest(uint32_t address)
{
    return (uint8_t *)memory_region_host(&ram) + address;
}

/* Where sector @r of cylinder @c and head @h lies in a 1.44 MB image. */
static uint64_t place(unsigned c, unsigned h, unsigned r)
{
    return ((c * 2 + h) * 18 + r - 1) * (uint64_t)SECTOR;
}

/* ---- READ DATA by DMA ---- */

static void test_terminal_count_ends_a_read_well(void)
{
    setup();
    add_drive(SIZE_144, false);
    seek(7);
    set_dma(0x10000, 3 * SECTOR, TO_MEMORY);
    send_command(READ, 7, 0, 5, 18);
    check_result(0x00, 0, 0, 7, 0, 8);
    check_pattern(guest(0x10000), place(7, 0, 5), 3 * SECTOR);
    g_assert_cmphex(*guest(0x10000 + 3 * SECTOR), ==, 0);
    g_assert_cmphex(inb(0x08), ==, 0x04); /* the terminal count; the request line is low again */
    teardown();
}

static void test_end_of_track_without_terminal_count_is_an_error(void)
{
    setup();
    add_drive(SIZE_144, false);
    set_dma(0x10000, 8 * SECTOR, TO_MEMORY);
    send_command(0x46, 0, 0, 17, 18);
    check_result(0x40, 0x80, 0, 1, 0, 1);
    check_pattern(guest(0x10000), place(0, 0, 17), 2 * SECTOR);
    teardown();
}

static void test_multi_track_goes_on_with_the_other_side(void)
{
    setup();
    add_drive(SIZE_144, false);
    seek(3);
    set_dma(0x10000, 20 * SECTOR, TO_MEMORY);
    send_command(READ, 3, 0, 10, 18);
    check_result(0x04, 0, 0, 3, 1, 12);
    check_pattern(guest(0x10000), place(3, 0, 10), 20 * SECTOR);
    /* As firmware asks for it: EOT is first plus count minus one, beyond the end of the side. */
    set_dma(0x20000, 20 * SECTOR, TO_MEMORY);
    send_command(READ, 3, 0, 10, 29);
    check_result(0x04, 0, 0, 3, 1, 12);
    check_pattern(guest(0x20000), place(3, 0, 10), 20 * SECTOR);
    /* To the very end of the cylinder. */
    set_dma(0x10000, 18 * SECTOR, TO_MEMORY);
    send_command(READ, 3, 1, 1, 18);
    check_result(0x04, 0, 0, 4, 0, 1);
    teardown();
}

static void test_read_waits_for_its_channel(void)
{
    setup();
    add_drive(SIZE_144, false);
    set_dma(0x10000, 2 * SECTOR, TO_MEMORY);
    outb(0x0a, 0x06);
    send_command(READ, 0, 0, 1, 18);
    for (unsigned i = 0; i < 50; i++) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(200);
    }
    g_assert_cmphex(inb(MSR), ==, BUSY);
    g_assert_cmphex(inb(0x08) & 0xf0, ==, 0x40); /* it asks */
    check_round_trip(fdc);
    outb(0x0a, 0x02);
    check_result(0x00, 0, 0, 0, 0, 3);
    check_pattern(guest(0x10000), 0, 2 * SECTOR);
    teardown();
}

static void test_part_of_a_sector_can_be_read(void)
{
    setup();
    add_drive(SIZE_144, false);
    set_dma(0x10000, SECTOR + 100, TO_MEMORY);
    send_command(READ, 0, 1, 2, 18);
    check_result(0x04, 0, 0, 0, 1, 4);
    check_pattern(guest(0x10000), place(0, 1, 2), SECTOR + 100);
    g_assert_cmphex(*guest(0x10000 + SECTOR + 100), ==, 0);
    teardown();
}

static void test_rom_and_holes_take_no_data(void)
{
    setup();
    add_drive(SIZE_144, false);
    set_dma(ROM_START, SECTOR, TO_MEMORY);
    send_command(READ, 0, 0, 1, 1);
    check_result(0x00, 0, 0, 0, 1, 1);
    g_assert_cmphex(*(uint8_t *)memory_region_host(&rom), ==, 0);
    set_dma(0xfffe00, SECTOR, TO_MEMORY);
    send_command(READ, 0, 0, 1, 1);
    check_result(0x00, 0, 0, 0, 1, 1);
    teardown();
}

/* ---- READ DATA through the FIFO ---- */

static void take_data(uint64_t offset, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        g_assert_cmphex(inb(MSR), ==, RQM | DIO | NONDMA | BUSY);
        g_assert_cmpint(irq6.level, ==, 1);
        g_assert_cmphex(inb(FIFO), ==, pattern(offset + i));
    }
}

static void test_read_without_dma_never_runs_dry(void)
{
    unsigned rises;

    setup();
    add_drive(SIZE_144, false);
    GIVE(0x03, 0xdf, 0x03); /* ND */
    send_command(READ, 0, 0, 1, 18);
    wait_ready();
    rises = irq6.rises;
    take_data(0, 36 * SECTOR);
    g_assert_cmpint(irq6.rises, ==, rises + 1); /* an edge for the result */
    check_result(0x04, 0, 0, 1, 0, 1);
    teardown();
}

static void test_multi_track_runs_on_to_the_next_cylinder(void)
{
    setup();
    add_drive(SIZE_144, false);
    outb(DOR, 0x04);
    send_command(READ, 0, 0, 1, 19);
    wait_ready();
    take_data(0, 38 * SECTOR);
    check_result(0x20, 0, 0, 1, 0, 3);
    teardown();
}

static void test_sectors_before_the_missing_one_are_delivered(void)
{
    setup();
    add_drive(SIZE_144, false);
    outb(DOR, 0x04);
    send_command(0x46, 0, 0, 17, 20);
    wait_ready();
    take_data(place(0, 0, 17), 2 * SECTOR);
    check_result(0x40, 0x04, 0, 0, 0, 19);
    teardown();
}

/* ---- what is not there ---- */

static void test_places_that_no_medium_has(void)
{
    setup();
    send_command(READ, 0, 0, 1, 1); /* no drive */
    check_result(0x40, 0x01, 0, 0, 0, 1);
    add_drive(SIZE_144, false);
    send_command(READ, 80, 0, 1, 1); /* the last cylinder is 79 */
    check_result(0x60, 0x01, 0, 80, 0, 1);
    send_command(READ, 79, 0, 19, 19);
    check_result(0x60, 0x04, 0, 79, 0, 19);
    send_command(READ, 79, 0, 0, 18);
    check_result(0x40, 0x04, 0, 79, 0, 0);
    send_command(READ, 79, 0, 5, 4); /* R behind EOT */
    check_result(0x40, 0x04, 0, 79, 0, 5);
    GIVE(READ, 0x04, 79, 0, 1, 2, 18, 0x1b, 0xff); /* the ID's head is not the one that reads */
    check_result(0x44, 0x04, 0, 79, 0, 1);
    GIVE(READ, 0x00, 79, 0, 1, 3, 18, 0x1b, 0xff); /* sectors of 1024 bytes */
    check_result(0x40, 0x04, 0, 79, 0, 1);
    GIVE(READ, 0x02, 0, 0, 1, 2, 18, 0x1b, 0xff); /* a drive that a cable has no place for */
    check_result(0x42, 0x01, 0, 0, 0, 1);
    teardown();
}

static void test_cylinder_is_compared_without_implied_seeks(void)
{
    setup();
    add_drive(SIZE_144, false);
    GIVE(0x13, 0x00, 0x20, 0x00);
    set_dma(0x10000, SECTOR, TO_MEMORY);
    send_command(READ, 4, 0, 1, 1);
    check_result(0x40, 0x04, 0x10, 4, 0, 1);
    send_command(READ, 0xff, 0, 1, 1);
    check_result(0x40, 0x04, 0x02, 0xff, 0, 1);
    seek(4);
    send_command(READ, 4, 0, 1, 1);
    check_result(0x00, 0, 0, 4, 1, 1);
    GIVE(0x13, 0x00, 0x60, 0x00);
    set_dma(0x10000, SECTOR, TO_MEMORY);
    send_command(READ, 5, 0, 1, 1);
    check_result(0x20, 0, 0, 5, 1, 1); /* the seek is told */
    teardown();
}

static void test_medium_is_read_at_its_own_rate(void)
{
    setup();
    add_drive(720 * KiB, false);
    send_command(READ, 0, 0, 1, 1);
    check_result(0x40, 0x01, 0, 0, 0, 1);
    outb(DIR, 0x02);
    set_dma(0x10000, SECTOR, TO_MEMORY);
    send_command(READ, 1, 0, 1, 9);
    check_result(0x20, 0, 0, 1, 0, 2);
    check_pattern(guest(0x10000), 18 * SECTOR, SECTOR);
    outb(MSR, 0x00); /* DSR has the rate too */
    GIVE(0x4a, 0);
    check_result(0x40, 0x01, 0, 1, 0, 1);
    teardown();
    setup_with("check_media_rate=off");
    add_drive(720 * KiB, false);
    GIVE(0x4a, 0);
    check_result(0x00, 0, 0, 0, 0, 1);
    teardown();
}

static void test_id_fields_pass_one_after_the_other(void)
{
    setup();
    add_drive(SIZE_144, false);
    seek(8);
    for (unsigned i = 0; i < 20; i++) {
        GIVE(0x4a, 0x04);
        check_result(0x04, 0, 0, 8, 1, (uint8_t)(i % 18 + 1));
    }
    GIVE(0x4a, 0x01);
    check_result(0x41, 0x01, 0, 0, 0, 1);
    teardown();
}

static void test_image_shorter_than_its_format_fails_to_read(void)
{
    setup();
    add_drive(100 * KiB, false); /* in a 2.88 MB drive */
    outb(DIR, 0x03);
    set_dma(0x10000, 36 * SECTOR, TO_MEMORY);
    send_command(READ, 2, 1, 1, 36); /* the image ends in cylinder 2, side 1 */
    check_result(0x64, 0x20, 0x20, 2, 1, 1);
    teardown();
}

/* ---- READ TRACK, READ DELETED, VERIFY ---- */

static void test_read_track_begins_at_the_index(void)
{
    setup();
    add_drive(SIZE_144, false);
    set_dma(0x10000, 18 * SECTOR, TO_MEMORY);
    send_command(0x42, 0, 0, 7, 18);
    check_result(0x00, 0, 0, 1, 0, 1);
    check_pattern(guest(0x10000), 0, 18 * SECTOR);
    set_dma(0x10000, 2 * SECTOR, TO_MEMORY);
    send_command(0x42, 0, 0, 40, 18); /* no sector has that R */
    check_result(0x00, 0x04, 0, 0, 0, 3);
    teardown();
}

static void test_deleted_marks(void)
{
    setup();
    add_drive(SIZE_144, false);
    set_dma(0x10000, 4 * SECTOR, TO_MEMORY);
    send_command(0x4c, 0, 0, 3, 18); /* the first that is met ends it: it has no deleted mark */
    check_result(0x00, 0, 0x40, 0, 0, 4);
    check_pattern(guest(0x10000), place(0, 0, 3), SECTOR);
    g_assert_cmphex(*guest(0x10000 + SECTOR), ==, 0);
    send_command(0x6c, 0, 0, 3, 18); /* SK: there is none to be read */
    check_result(0x40, 0x80, 0x40, 0, 0, 3);
    memset(guest(0x10000), 0x77, SECTOR);
    set_dma(0x10000, SECTOR, FROM_MEMORY);
    send_command(0xc9, 0, 0, 3, 18); /* WRITE DELETED DATA */
    check_result(0x00, 0, 0, 0, 0, 4);
    g_autofree uint8_t *bytes = read_image("a", place(0, 0, 3), SECTOR);
    g_assert_cmpmem(bytes, SECTOR, guest(0x10000), SECTOR);
    teardown();
}

static void test_verify_reads_and_gives_nothing(void)
{
    setup();
    add_drive(SIZE_144, false);
    send_command(0x56, 0, 0, 1, 18);
    check_result(0x00, 0, 0, 1, 0, 1);
    GIVE(0x56, 0x80, 0, 0, 1, 2, 18, 0x1b, 5); /* EC: five sectors */
    check_result(0x00, 0, 0, 0, 0, 6);
    GIVE(0xd6, 0x80, 0, 0, 17, 2, 18, 0x1b, 4); /* over to the other side */
    check_result(0x04, 0, 0, 0, 1, 3);
    send_command(0x56, 0, 0, 1, 19); /* more than the side has */
    check_result(0x40, 0x04, 0, 0, 0, 19);
    g_assert_cmphex(inb(0x08), ==, 0);
    teardown();
}

/* ---- WRITE DATA ---- */

static void test_write_by_dma(void)
{
    setup();
    add_drive(SIZE_144, false);
    for (unsigned i = 0; i < 20 * SECTOR; i++) {
        *guest(0x10000 + i) = (uint8_t)(i * 3);
    }
    set_dma(0x10000, 20 * SECTOR, FROM_MEMORY);
    send_command(WRITE, 2, 0, 17, 18);
    check_result(0x24, 0, 0, 3, 0, 1);
    g_autofree uint8_t *bytes = read_image("a", place(2, 0, 17), 20 * SECTOR);
    g_assert_cmpmem(bytes, 20 * SECTOR, guest(0x10000), 20 * SECTOR);
    g_autofree uint8_t *next = read_image("a", place(3, 0, 1), SECTOR);
    check_pattern(next, place(3, 0, 1), SECTOR);
    teardown();
}

static void test_terminal_count_within_a_sector_pads_with_zeros(void)
{
    g_autofree uint8_t *zeros = g_malloc0(SECTOR);

    setup();
    add_drive(SIZE_144, false);
    memset(guest(0x10000), 0xaa, SECTOR);
    set_dma(0x10000, 10, FROM_MEMORY);
    send_command(WRITE, 0, 0, 4, 18);
    check_result(0x00, 0, 0, 0, 0, 5);
    g_autofree uint8_t *bytes = read_image("a", place(0, 0, 4), 2 * SECTOR);
    g_assert_cmpmem(bytes, 10, guest(0x10000), 10);
    g_assert_cmpmem(bytes + 10, SECTOR - 10, zeros, SECTOR - 10);
    check_pattern(bytes + SECTOR, place(0, 0, 5), SECTOR);
    teardown();
}

static void test_write_through_the_fifo(void)
{
    setup();
    add_drive(SIZE_144, false);
    outb(DOR, 0x04);
    send_command(0x45, 0, 0, 4, 5);
    for (unsigned i = 0; i < 2 * SECTOR; i++) {
        g_assert_cmphex(wait_ready(), ==, RQM | NONDMA | BUSY);
        outb(FIFO, (uint8_t)(i * 5));
    }
    check_result(0x00, 0, 0, 1, 0, 1);
    g_autofree uint8_t *bytes = read_image("a", place(0, 0, 4), 2 * SECTOR);
    for (unsigned i = 0; i < 2 * SECTOR; i++) {
        g_assert_cmphex(bytes[i], ==, (uint8_t)(i * 5));
    }
    teardown();
}

static void test_protected_medium_is_not_written(void)
{
    setup();
    add_drive(SIZE_144, true);
    set_dma(0x10000, SECTOR, FROM_MEMORY);
    send_command(WRITE, 0, 0, 1, 1);
    check_result(0x40, 0x02, 0, 0, 0, 1);
    GIVE(0x4d, 0, 2, 18, 0x54, 0xf6);
    check_result(0x40, 0x02, 0, 0, 0, 1);
    g_autofree uint8_t *bytes = read_image("a", 0, SECTOR);
    check_pattern(bytes, 0, SECTOR);
    teardown();
}

/* ---- FORMAT TRACK ---- */

static void put_ids(uint8_t cylinder, uint8_t head, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        /* two to one */
        const uint8_t id[4] = {cylinder, head, (uint8_t)(i / 2 + (i % 2 ? 10 : 1)), 2};
        memcpy(guest(0x10000 + 4 * i), id, sizeof(id));
    }
}

static void test_format_fills_the_track(void)
{
    setup();
    add_drive(SIZE_144, false);
    seek(5);
    put_ids(5, 1, 18);
    set_dma(0x10000, 18 * 4, FROM_MEMORY);
    GIVE(0x4d, 0x04, 2, 18, 0x54, 0xf6);
    uint8_t result[7];
    take_result(result);
    g_assert_cmphex(result[0], ==, 0x04);
    g_assert_cmphex(result[1] | result[2], ==, 0);
    g_autofree uint8_t *bytes = read_image("a", place(5, 0, 18), 20 * SECTOR);
    check_pattern(bytes, place(5, 0, 18), SECTOR);
    for (unsigned i = SECTOR; i < 19 * SECTOR; i++) {
        g_assert_cmphex(bytes[i], ==, 0xf6);
    }
    check_pattern(bytes + 19 * SECTOR, place(6, 0, 1), SECTOR);
    teardown();
}

static void check_format_refused(uint8_t size_code, uint8_t sectors, uint8_t st0, uint8_t st1)
{
    uint8_t result[7];

    set_dma(0x10000, sectors * 4u, FROM_MEMORY);
    GIVE(0x4d, 0x00, size_code, sectors, 0x54, 0xf6);
    take_result(result);
    g_assert_cmphex(result[0], ==, st0);
    g_assert_cmphex(result[1], ==, st1);
}

static void test_format_that_an_image_cannot_hold_writes_nothing(void)
{
    setup();
    add_drive(SIZE_144, false);
    put_ids(0, 0, 18);
    check_format_refused(2, 9, 0x50, 0);
    check_format_refused(3, 18, 0x40, 0x04);
    put_ids(0, 1, 18); /* the other side's IDs */
    check_format_refused(2, 18, 0x50, 0);
    put_ids(0, 0, 18);
    *guest(0x10000 + 2) = 7; /* twice the same sector */
    check_format_refused(2, 18, 0x50, 0);
    *guest(0x10000 + 2) = 200;
    check_format_refused(2, 18, 0x50, 0);
    g_autofree uint8_t *bytes = read_image("a", 0, 18 * SECTOR);
    check_pattern(bytes, 0, 18 * SECTOR);
    GIVE(0x4d, 0, 2, 0, 0x54, 0xf6);
    check_result(0x50, 0, 0, 0, 0, 1);
    teardown();
}

/* ---- SCAN ---- */

static void put_sector(uint32_t address, uint64_t offset, int delta)
{
    for (unsigned i = 0; i < SECTOR; i++) {
        uint8_t byte = pattern(offset + i);
        bool extreme = byte < 2 || byte > 0xfc;

        *guest(address + i) = (uint8_t)(extreme ? byte : byte + delta);
    }
}

static void test_scan_finds_the_sector(void)
{
    setup();
    add_drive(SIZE_144, false);
    put_sector(0x10000, place(0, 0, 3), 0);
    put_sector(0x10000 + SECTOR, place(0, 0, 3), 0);
    put_sector(0x10000 + 2 * SECTOR, place(0, 0, 3), 0);
    set_dma(0x10000, 3 * SECTOR, FROM_MEMORY);
    GIVE(0x51, 0, 0, 0, 1, 2, 18, 0x1b, 1);
    check_result(0x00, 0, 0x08, 0, 0, 3);
    *guest(0x10000 + 2 * SECTOR + 9) = 0xff; /* fits anything */
    set_dma(0x10000 + 2 * SECTOR, SECTOR, FROM_MEMORY);
    GIVE(0x51, 0, 0, 0, 3, 2, 18, 0x1b, 1);
    check_result(0x00, 0, 0x08, 0, 0, 3);
    teardown();
}

static void test_scan_compares_in_each_direction(void)
{
    static const struct {
        uint8_t code;
        int delta;
        uint8_t st2;
    } cases[] = {
        {0x51, 0, 0x08},  {0x51, 1, 0x04}, {0x59, 0, 0x08}, {0x59, 1, 0x00},
        {0x59, -1, 0x04}, {0x5d, 0, 0x08}, {0x5d, 1, 0x04}, {0x5d, -1, 0x00},
    };

    setup();
    add_drive(SIZE_144, false);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint8_t result[7];

        put_sector(0x10000, place(0, 0, 18), cases[i].delta);
        set_dma(0x10000, SECTOR, FROM_MEMORY);
        GIVE(cases[i].code, 0, 0, 0, 18, 2, 18, 0x1b, 1);
        take_result(result);
        g_assert_cmphex(result[0], ==, 0x00);
        g_assert_cmphex(result[2], ==, cases[i].st2);
    }
    teardown();
}

static void test_scan_can_leave_out_every_other_sector(void)
{
    setup();
    add_drive(SIZE_144, false);
    outb(DOR, 0x04);
    GIVE(0x51, 0, 0, 0, 14, 2, 18, 0x1b, 2);
    for (unsigned i = 0; i < 3 * SECTOR; i++) {
        g_assert_cmphex(wait_ready(), ==, RQM | NONDMA | BUSY);
        /* the pattern of sector 18, where it gets by 14 and 16 */
        outb(FIFO, pattern(place(0, 0, 18) + i % SECTOR));
    }
    check_result(0x00, 0, 0x08, 0, 0, 18);
    teardown();
}

/* ---- the medium goes ---- */

static void test_medium_taken_out_during_a_write(void)
{
    setup();
    add_drive(SIZE_144, false);
    outb(DOR, 0x04);
    send_command(0x45, 0, 0, 4, 5);
    for (unsigned i = 0; i < 100; i++) {
        wait_ready();
        outb(FIFO, 1);
    }
    block_backend_exchange_medium(only_backend(), NULL, NULL);
    for (unsigned i = 100; i < SECTOR; i++) {
        wait_ready();
        outb(FIFO, 1);
    }
    check_result(0x40, 0x20, 0x20, 0, 0, 4);
    send_command(0x45, 0, 0, 4, 5);
    check_result(0x40, 0x01, 0, 0, 0, 4);
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
#define ADD(name, function) g_test_add_func("/fdc-transfer/" name, function)
    ADD("terminal-count", test_terminal_count_ends_a_read_well);
    ADD("end-of-track", test_end_of_track_without_terminal_count_is_an_error);
    ADD("multi-track", test_multi_track_goes_on_with_the_other_side);
    ADD("masked-channel", test_read_waits_for_its_channel);
    ADD("part-of-sector", test_part_of_a_sector_can_be_read);
    ADD("rom-and-holes", test_rom_and_holes_take_no_data);
    ADD("fifo-read", test_read_without_dma_never_runs_dry);
    ADD("run-on", test_multi_track_runs_on_to_the_next_cylinder);
    ADD("fifo-read-missing", test_sectors_before_the_missing_one_are_delivered);
    ADD("missing", test_places_that_no_medium_has);
    ADD("cylinder", test_cylinder_is_compared_without_implied_seeks);
    ADD("rate", test_medium_is_read_at_its_own_rate);
    ADD("read-id", test_id_fields_pass_one_after_the_other);
    ADD("short-image", test_image_shorter_than_its_format_fails_to_read);
    ADD("read-track", test_read_track_begins_at_the_index);
    ADD("deleted", test_deleted_marks);
    ADD("verify", test_verify_reads_and_gives_nothing);
    ADD("write", test_write_by_dma);
    ADD("write-part", test_terminal_count_within_a_sector_pads_with_zeros);
    ADD("fifo-write", test_write_through_the_fifo);
    ADD("protected", test_protected_medium_is_not_written);
    ADD("format", test_format_fills_the_track);
    ADD("format-refused", test_format_that_an_image_cannot_hold_writes_nothing);
    ADD("scan", test_scan_finds_the_sector);
    ADD("scan-directions", test_scan_compares_in_each_direction);
    ADD("scan-step", test_scan_can_leave_out_every_other_sector);
    ADD("medium-out", test_medium_taken_out_during_a_write);
    return g_test_run();
}
