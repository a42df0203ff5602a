/*
 * Bus master IDE: region tables of every shape, memory that is not RAM, stops and resets with a
 * request in flight, TRIM, saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide-fixture.h"

#define IMAGE "disk"
#define DATA  0x200000

#define ACTIVE    0x01
#define FAULT     0x02
#define INTERRUPT 0x04

#define READ_DMA      0xc8
#define WRITE_DMA     0xca
#define READ_DMA_EXT  0x25
#define WRITE_DMA_EXT 0x35

static void begin(uint64_t size)
{
    setup();
    make_image(IMAGE, size);
    add_disk(IMAGE, NULL);
}

/* A read of @count sectors from @lba with this table; the bus master's status at its end. */
static uint8_t read_with(const Region *regions, unsigned table, uint64_t lba, uint32_t count)
{
    prepare_dma(PRIMARY, regions, table);
    send_wide(PRIMARY, READ_DMA_EXT, (Command){.lba = lba, .count = count});
    start_dma(PRIMARY, true);
    return wait_dma(PRIMARY);
}

static void finish(void)
{
    outb(bus_master_port(PRIMARY), 0);
    outb(bus_master_port(PRIMARY) + 2, 0x06);
}

static void simple_read_and_write(void)
{
    static const Region one[] = {{DATA, 0x1000, true}};
    g_autofree uint8_t *stored = NULL;

    begin(4 * MiB);
    g_assert_cmphex(read_with(one, 1, 16, 8), ==, INTERRUPT);
    check_pattern(guest(DATA), 16 * 512, 0x1000);
    check_done(PRIMARY);
    finish();
    g_assert_cmphex(inb(BUS_MASTER + 2), ==, 0);
    fill_pattern(guest(DATA), 4242, 0x1000);
    prepare_dma(PRIMARY, one, 1);
    send_command(PRIMARY, WRITE_DMA, (Command){.lba = 99, .count = 8});
    start_dma(PRIMARY, false);
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    stored = read_image(IMAGE, 99 * 512, 0x1000);
    check_pattern(stored, 4242, 0x1000);
    teardown();
}

static void secondary_channel_has_its_own_registers(void)
{
    static const Region one[] = {{DATA, 512, true}};
    char node[16];

    setup();
    make_image(IMAGE, 1 * MiB);
    add_node(IMAGE, NULL, node);
    add_drive_on("ide-hd", 1, 1, node, NULL);
    prepare_dma(SECONDARY, one, 1);
    outb(SECONDARY + 6, 0xf0);
    send_command(SECONDARY, READ_DMA, (Command){.lba = 5, .count = 1, .slave = true});
    start_dma(SECONDARY, true);
    g_assert_cmphex(wait_dma(SECONDARY), ==, INTERRUPT);
    check_done(SECONDARY);
    check_pattern(guest(DATA), 5 * 512, 512);
    g_assert_cmphex(inb(BUS_MASTER + 2), ==, 0);
    g_assert_cmpint(irq_rises[0], ==, 0);
    teardown();
}

static void registers_keep_what_they_hold(void)
{
    begin(1 * MiB);
    out_port(BUS_MASTER + 4, 0xffffffff, 4);
    g_assert_cmphex(in_port(BUS_MASTER + 4, 4), ==, 0xfffffffc);
    out_port(BUS_MASTER + 4, 0x12345678, 4);
    g_assert_cmphex(in_port(BUS_MASTER + 4, 2), ==, 0x5678);
    g_assert_cmphex(in_port(BUS_MASTER + 6, 2), ==, 0x1234);
    outb(BUS_MASTER + 2, 0x60);
    g_assert_cmphex(inb(BUS_MASTER + 2), ==, 0x60);
    outb(BUS_MASTER, 0xfe); /* direction only */
    g_assert_cmphex(inb(BUS_MASTER), ==, 0x08);
    outb(BUS_MASTER + 1, 0xff);
    g_assert_cmphex(inb(BUS_MASTER + 1), ==, 0);
    machine_reset(machine);
    as_firmware();
    g_assert_cmphex(in_port(BUS_MASTER, 4), ==, 0);
    g_assert_cmphex(in_port(BUS_MASTER + 4, 4), ==, 0);
    teardown();
}

static void regions_of_any_shape_are_gathered(void)
{
    static const Region regions[] = {
        {DATA + 1, 2, false}, /* odd address: bit 0 does not count */
        {DATA + 0x1000, 510, false},
        {DATA + 0x2000, 1023, false}, /* odd length likewise */
        {DATA + 0x3000, 2, false},
        {DATA + 0x4000, 0x1000, false},
        {DATA + 0x5800, 0x600 - 2, false},
        {DATA + 0x6000, 2, true},
    };
    static const uint32_t lengths[] = {2, 510, 1022, 2, 0x1000, 0x5fe, 2};
    uint64_t offset = 300 * 512;

    begin(4 * MiB);
    g_assert_cmphex(read_with(regions, 7, 300, (2 + 510 + 1022 + 2 + 0x1000 + 0x600) / 512), ==,
                    INTERRUPT);
    check_done(PRIMARY);
    for (unsigned i = 0; i < G_N_ELEMENTS(lengths); i++) {
        check_pattern(guest(regions[i].address & ~1u), offset, lengths[i]);
        g_assert_cmphex(guest(regions[i].address & ~1u)[lengths[i]], ==, 0);
        offset += lengths[i];
    }
    teardown();
}

/* 256 words each in its own region: a sector is moved in one request although it has 256 pieces. */
static void two_byte_regions_work(void)
{
    Region regions[1024];

    begin(4 * MiB);
    for (unsigned i = 0; i < 1024; i++) {
        regions[i] = (Region){DATA + i * 16, 2, i == 1023};
    }
    g_assert_cmphex(read_with(regions, 1024, 77, 4), ==, INTERRUPT);
    check_done(PRIMARY);
    for (unsigned i = 0; i < 1024; i++) {
        check_pattern(guest(DATA + i * 16), 77 * 512 + i * 2, 2);
    }
    teardown();
}

static void length_zero_is_64_kib(void)
{
    static const Region regions[] = {{DATA, 0, false}, {DATA + 0x20000, 0, true}};

    begin(4 * MiB);
    g_assert_cmphex(read_with(regions, 2, 8, 256), ==, INTERRUPT);
    check_done(PRIMARY);
    check_pattern(guest(DATA), 8 * 512, 65536);
    check_pattern(guest(DATA + 0x20000), 8 * 512 + 65536, 65536);
    teardown();
}

static void long_table_stays_active(void)
{
    static const Region one[] = {{DATA, 0x1000, true}};

    begin(4 * MiB);
    g_assert_cmphex(read_with(one, 1, 0, 1), ==, ACTIVE | INTERRUPT);
    check_done(PRIMARY);
    check_pattern(guest(DATA), 0, 512);
    g_assert_cmphex(guest(DATA)[512], ==, 0);
    finish();
    g_assert_cmphex(inb(BUS_MASTER + 2), ==, 0);
    teardown();
}

static void short_table_ends_with_no_interrupt(void)
{
    static const Region tiny[] = {{DATA, 0x10, true}};
    static const Region one_sector[] = {{DATA, 0x200, true}};

    begin(4 * MiB);
    g_assert_cmphex(read_with(tiny, 1, 0, 1), ==, 0);
    g_assert_cmphex(wait_ready(PRIMARY), ==, DRDY | DSC);
    g_assert_cmpint(irq_rises[0], ==, 0);
    finish();
    g_assert_cmphex(read_with(one_sector, 1, 0, 2), ==, 0);
    g_assert_cmphex(wait_ready(PRIMARY), ==, DRDY | DSC);
    check_pattern(guest(DATA), 0, 512); /* what had a place is there */
    finish();
    g_assert_cmphex(read_with(one_sector, 1, 4, 1), ==, INTERRUPT); /* and it goes on */
    check_done(PRIMARY);
    teardown();
}

/* A table of zeros without an end: 64 KiB to address 0 again and again, until the drive is done. */
static void table_without_end_is_survived(void)
{
    static const Region none[1] = {{0, 0, false}};

    begin(8 * MiB);
    address_space_fill(machine_memory(machine), PRD_TABLE, 0, 65536);
    prepare_dma(PRIMARY, none, 1);
    send_wide(PRIMARY, READ_DMA_EXT, (Command){.lba = 0, .count = 16384});
    start_dma(PRIMARY, true);
    g_assert_cmphex(wait_dma(PRIMARY), ==, ACTIVE | INTERRUPT);
    check_done(PRIMARY);
    check_pattern(guest(0), 8 * MiB - 65536, 65536);
    teardown();
}

static void largest_request_is_32_mib(void)
{
    Region regions[512];
    g_autofree uint8_t *stored = NULL;

    setup();
    make_sparse(IMAGE, 64 * MiB);
    add_disk(IMAGE, NULL);
    for (unsigned i = 0; i < 512; i++) {
        regions[i] = (Region){DATA + (i % 64) * 0x10000, 0, i == 511};
    }
    fill_pattern(guest(DATA), 0, 4 * MiB);
    prepare_dma(PRIMARY, regions, 512);
    send_wide(PRIMARY, WRITE_DMA_EXT, (Command){.lba = 0, .count = 0});
    start_dma(PRIMARY, false);
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    stored = read_image(IMAGE, 28 * MiB, 4 * MiB);
    check_pattern(stored, 0, 4 * MiB);
    memset(guest(DATA), 0, 4 * MiB);
    g_assert_cmphex(read_with(regions, 512, 0, 0), ==, INTERRUPT);
    check_done(PRIMARY);
    check_pattern(guest(DATA), 0, 4 * MiB);
    teardown();
}

static void chip_memory_is_bounced(void)
{
    static const Region regions[] = {
        {DATA, 512, false}, {CHIP_START + 0x100, 1024, false}, {DATA + 512, 512, true}};
    g_autofree uint8_t *stored = NULL;

    begin(4 * MiB);
    g_assert_cmphex(read_with(regions, 3, 20, 4), ==, INTERRUPT);
    check_done(PRIMARY);
    check_pattern(guest(DATA), 20 * 512, 512);
    check_pattern(chip_bytes + 0x100, 21 * 512, 1024);
    check_pattern(guest(DATA + 512), 23 * 512, 512);
    finish();
    fill_pattern(chip_bytes + 0x100, 31337, 1024);
    prepare_dma(PRIMARY, regions, 3);
    send_command(PRIMARY, WRITE_DMA, (Command){.lba = 1000, .count = 4});
    start_dma(PRIMARY, false);
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    stored = read_image(IMAGE, 1001 * 512, 1024);
    check_pattern(stored, 31337, 1024);
    teardown();
}

/* What is to go where nothing is: the bus master's error bit, an interrupt, an aborted command. */
static void hole_in_memory_is_a_fault(void)
{
    static const Region hole[] = {{HOLE_START, 4096, true}};
    static const Region part[] = {{DATA, 512, false}, {HOLE_START, 512, true}};

    begin(4 * MiB);
    g_assert_cmphex(read_with(hole, 1, 0, 8), ==, FAULT | INTERRUPT);
    check_error(PRIMARY, 0x04);
    finish();
    g_assert_cmphex(inb(BUS_MASTER + 2), ==, 0);
    g_assert_cmphex(read_with(part, 2, 0, 2), ==, FAULT | INTERRUPT);
    check_error(PRIMARY, 0x04);
    finish();
    prepare_dma(PRIMARY, hole, 1);
    send_command(PRIMARY, WRITE_DMA, (Command){.count = 8});
    start_dma(PRIMARY, false);
    g_assert_cmphex(wait_dma(PRIMARY), ==, FAULT | INTERRUPT);
    check_error(PRIMARY, 0x04);
    finish();
    out_port(BUS_MASTER + 4, HOLE_START, 4); /* the table itself */
    send_command(PRIMARY, READ_DMA, (Command){.count = 8});
    start_dma(PRIMARY, true);
    g_assert_cmphex(wait_dma(PRIMARY), ==, FAULT | INTERRUPT);
    check_error(PRIMARY, 0x04);
    teardown();
}

static void bus_mastering_off_is_a_fault(void)
{
    static const Region one[] = {{DATA, 512, true}};

    begin(4 * MiB);
    set_config(PCI_COMMAND, PCI_COMMAND_IO, 2);
    g_assert_cmphex(read_with(one, 1, 0, 1), ==, FAULT | INTERRUPT);
    check_error(PRIMARY, 0x04);
    g_assert_cmphex(guest(DATA)[0], ==, 0);
    teardown();
}

static void start_may_come_before_the_command(void)
{
    static const Region one[] = {{DATA, 512, true}};

    begin(4 * MiB);
    prepare_dma(PRIMARY, one, 1);
    start_dma(PRIMARY, true);
    g_assert_cmphex(inb(BUS_MASTER + 2), ==, ACTIVE);
    send_command(PRIMARY, READ_DMA, (Command){.lba = 3, .count = 1});
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    check_pattern(guest(DATA), 3 * 512, 512);
    teardown();
}

static void command_waits_for_start(void)
{
    static const Region one[] = {{DATA, 512, true}};

    begin(4 * MiB);
    prepare_dma(PRIMARY, one, 1);
    send_command(PRIMARY, READ_DMA, (Command){.lba = 3, .count = 1});
    for (unsigned i = 0; i < 10; i++) {
        pump();
    }
    g_assert_cmphex(alternate_status(PRIMARY), ==, DRDY | DSC | DRQ);
    g_assert_cmphex(in_port(PRIMARY, 2), ==, 0xffff); /* not by this way */
    start_dma(PRIMARY, true);
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    teardown();
}

/* The start bit goes off while the read is in flight: memory is quiet when Active reads as 0. */
static void stop_in_flight_ends_when_memory_is_quiet(void)
{
    static const Region one[] = {{DATA, 0x1000, true}};

    begin(4 * MiB);
    prepare_dma(PRIMARY, one, 1);
    send_command(PRIMARY, READ_DMA, (Command){.count = 8});
    start_dma(PRIMARY, true);
    outb(BUS_MASTER, 0);
    g_assert_cmphex(inb(BUS_MASTER + 2), ==, ACTIVE);
    g_assert_cmphex(alternate_status(PRIMARY) & BSY, ==, BSY);
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY); /* it was the last chunk: all is there */
    check_pattern(guest(DATA), 0, 0x1000);
    g_assert_cmphex(inb(BUS_MASTER + 2), ==, INTERRUPT);
    teardown();
}

/* Stopped between two chunks the command cannot go on; a new start is another transfer's. */
static void stop_and_start_in_flight_aborts_the_old_command(void)
{
    Region regions[256];
    static const Region one[] = {{0x80000, 512, true}};

    setup();
    make_sparse(IMAGE, 64 * MiB);
    add_disk(IMAGE, NULL);
    for (unsigned i = 0; i < 256; i++) {
        regions[i] = (Region){DATA + (i % 64) * 0x10000, 0, i == 255};
    }
    prepare_dma(PRIMARY, regions, 256);
    send_wide(PRIMARY, READ_DMA_EXT, (Command){.count = 32768});
    start_dma(PRIMARY, true);
    outb(BUS_MASTER, 0);
    write_table(one, 1);
    memset(guest(0x80000), 0x5a, 512);
    start_dma(PRIMARY, true);
    check_error(PRIMARY, 0x04);
    g_assert_cmphex(guest(0x80000)[0], ==, 0x5a);
    g_assert_cmphex(inb(BUS_MASTER + 2), ==, ACTIVE | INTERRUPT);
    outb(BUS_MASTER + 2, 0x04);
    send_command(PRIMARY, READ_DMA, (Command){.count = 1});
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    g_assert_cmphex(guest(0x80000)[0], ==, 0);
    teardown();
}

static void soft_reset_in_flight_does_not_corrupt(void)
{
    static const Region one[] = {{DATA, 0, true}};

    begin(4 * MiB);
    for (unsigned i = 0; i < 20; i++) {
        prepare_dma(PRIMARY, one, 1);
        send_command(PRIMARY, READ_DMA, (Command){.lba = i, .count = 128});
        start_dma(PRIMARY, true);
        outb(control_port(PRIMARY), 0x04);
        outb(BUS_MASTER, 0);
        while (i % 2 && g_main_context_iteration(NULL, FALSE)) {
        }
        g_assert_cmphex(alternate_status(PRIMARY), ==, BSY); /* as long as SRST is set */
        outb(control_port(PRIMARY), 0x00);
        g_assert_cmphex(wait_ready(PRIMARY), ==, DRDY | DSC);
        memset(guest(DATA), 0xee, 65536);
        while (g_main_context_iteration(NULL, FALSE)) {
        }
        g_assert_cmphex(guest(DATA)[0], ==, 0xee); /* nothing comes late */
        g_assert_cmphex(guest(DATA)[65535], ==, 0xee);
        g_assert_cmphex(inb(BUS_MASTER + 2) & ACTIVE, ==, 0);
    }
    g_assert_cmpint(irq_rises[0], ==, 0);
    g_assert_cmphex(read_with(one, 1, 9, 128), ==, INTERRUPT);
    check_done(PRIMARY);
    check_pattern(guest(DATA), 9 * 512, 65536);
    teardown();
}

static void machine_reset_in_flight(void)
{
    static const Region one[] = {{DATA, 0, true}};
    static const Region chip_region[] = {{CHIP_START, 0x2000, true}};

    begin(4 * MiB);
    for (unsigned i = 0; i < 10; i++) {
        prepare_dma(PRIMARY, i % 2 ? one : chip_region, 1);
        send_command(PRIMARY, READ_DMA, (Command){.lba = i, .count = 16});
        start_dma(PRIMARY, true);
        machine_reset(machine);
        as_firmware();
        g_assert_cmphex(alternate_status(PRIMARY), ==, DRDY | DSC);
        g_assert_cmphex(inb(BUS_MASTER + 2), ==, 0);
    }
    g_assert_cmphex(read_with(one, 1, 9, 128), ==, INTERRUPT);
    check_done(PRIMARY);
    teardown();
}

static void failing_sector_is_named(void)
{
    static const Region regions[] = {{DATA, 0, false}, {DATA + 0x10000, 0, true}};

    begin(4 * MiB);
    shrink_image(IMAGE, 1111 * 512);
    g_assert_cmphex(read_with(regions, 2, 1000, 256), ==, ACTIVE | INTERRUPT);
    check_error(PRIMARY, 0x40);
    g_assert_cmpint(inb(PRIMARY + 3) | inb(PRIMARY + 4) << 8, ==, 1111);
    g_assert_cmpint(inb(PRIMARY + 2), ==, 256 - 111);
    check_pattern(guest(DATA), 1000 * 512, 111 * 512); /* what could be read is there */
    teardown();
}

static void fua_and_lba28_writes(void)
{
    static const Region one[] = {{DATA, 1024, true}};
    g_autofree uint8_t *stored = NULL;

    begin(4 * MiB);
    fill_pattern(guest(DATA), 5, 1024);
    prepare_dma(PRIMARY, one, 1);
    send_wide(PRIMARY, 0x3d, (Command){.lba = 200, .count = 2}); /* WRITE DMA FUA EXT */
    start_dma(PRIMARY, false);
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    stored = read_image(IMAGE, 200 * 512, 1024);
    check_pattern(stored, 5, 1024);
    teardown();
}

/* ---- TRIM ---- */

static void put_range(unsigned i, uint64_t sector, uint16_t count)
{
    store_le64(guest(DATA) + 8 * i, sector | (uint64_t)count << 48);
}

static void trim_discards_ranges(void)
{
    static const Region one[] = {{DATA, 512, true}};
    char node[16];
    g_autofree uint8_t *stored = NULL;

    setup();
    make_image(IMAGE, 4 * MiB);
    add_node(IMAGE, ",discard=unmap,file.discard=unmap", node);
    add_drive_on("ide-hd", 0, 0, node, NULL);
    memset(guest(DATA), 0, 512);
    put_range(0, 1024, 8);
    put_range(2, 1032, 8); /* joins the first */
    put_range(63, 4096, 64);
    prepare_dma(PRIMARY, one, 1);
    send_wide(PRIMARY, 0x06, (Command){.feature = 1, .count = 1});
    start_dma(PRIMARY, false);
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    stored = read_image(IMAGE, 0, 4 * MiB);
    check_pattern(stored, 0, 1024 * 512);
    for (unsigned i = 0; i < 16 * 512; i++) {
        g_assert_cmphex(stored[1024 * 512 + i], ==, 0);
    }
    check_pattern(stored + 1040 * 512, 1040 * 512, (4096 - 1040) * 512);
    g_assert_cmphex(stored[4096 * 512], ==, 0);
    check_pattern(stored + 4160 * 512, 4160 * 512, 512);
    finish();
    put_range(0, 8190, 3); /* beyond the end */
    prepare_dma(PRIMARY, one, 1);
    send_wide(PRIMARY, 0x06, (Command){.feature = 1, .count = 1});
    start_dma(PRIMARY, false);
    wait_dma(PRIMARY);
    check_error(PRIMARY, 0x14);
    finish();
    send_wide(PRIMARY, 0x06, (Command){.feature = 1, .count = 9}); /* more than word 105 */
    check_error(PRIMARY, 0x04);
    send_wide(PRIMARY, 0x06, (Command){.feature = 0, .count = 1});
    check_error(PRIMARY, 0x04);
    prepare_dma(PRIMARY, one, 1); /* payload longer than the table */
    send_wide(PRIMARY, 0x06, (Command){.feature = 1, .count = 2});
    start_dma(PRIMARY, false);
    g_assert_cmphex(wait_dma(PRIMARY), ==, 0);
    g_assert_cmphex(wait_ready(PRIMARY), ==, DRDY | DSC);
    teardown();
}

/* ---- saved state, errors that stop ---- */

static void waiting_command_survives_save_and_load(void)
{
    static const Region one[] = {{DATA, 512, true}};
    g_autoptr(GVariant) state = NULL;
    Device *disk;

    setup();
    make_image(IMAGE, 4 * MiB);
    disk = add_disk(IMAGE, NULL);
    prepare_dma(PRIMARY, one, 1);
    send_command(PRIMARY, READ_DMA, (Command){.lba = 3, .count = 1});
    state = save_all(disk);
    machine_reset(machine);
    as_firmware();
    load_all(disk, state);
    g_assert_cmphex(in_port(BUS_MASTER + 4, 4), ==, PRD_TABLE);
    start_dma(PRIMARY, true);
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    check_pattern(guest(DATA), 3 * 512, 512);
    teardown();
}

static unsigned stops;

static void note_stop(const char *name, bool is_read, int errnum)
{
    stops++;
}

/* Stopped in the middle of a transfer, saved, loaded, image mended, resumed: all arrives. */
static void stopped_transfer_survives_save_and_load(void)
{
    static const Region regions[] = {
        {DATA, 0x3000, false}, {DATA + 0x8000, 0, false}, {DATA + 0x20000, 0x5000, true}};
    g_autoptr(GVariant) state = NULL;
    g_autofree char *path = NULL;
    g_autofree uint8_t *good = NULL;
    FILE *file;
    Device *disk;

    setup();
    make_image(IMAGE, 4 * MiB);
    disk = add_disk(IMAGE, "rerror=stop");
    good = read_image(IMAGE, 0, 4 * MiB);
    path = image_path(IMAGE);
    shrink_image(IMAGE, 55 * 512);
    block_set_stop_handler(note_stop);
    stops = 0;
    run_state_start(NULL);
    prepare_dma(PRIMARY, regions, 3);
    send_command(PRIMARY, READ_DMA, (Command){.lba = 0, .count = 192});
    start_dma(PRIMARY, true);
    while (stops == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    run_state_stop(RUN_STATE_IO_ERROR);
    state = save_all(disk);
    machine_reset(machine);
    as_firmware();
    load_all(disk, state);
    file = fopen(path, "r+b");
    g_assert_cmpint(fwrite(good, 1, 4 * MiB, file), ==, 4 * MiB);
    fclose(file);
    run_state_start(NULL);
    g_assert_cmphex(wait_dma(PRIMARY), ==, INTERRUPT);
    check_done(PRIMARY);
    check_pattern(guest(DATA), 0, 0x3000);
    check_pattern(guest(DATA + 0x8000), 0x3000, 65536);
    check_pattern(guest(DATA + 0x20000), 0x13000, 0x5000);
    run_state_stop(RUN_STATE_PAUSED);
    block_set_stop_handler(NULL);
    teardown();
}

/* Any order of register writes, with random tables: the drive answers afterwards as ever. */
static void random_register_writes_do_no_harm(void)
{
    GRand *dice = g_rand_new_with_seed(20240229);
    static const Region one[] = {{DATA, 512, true}};

    begin(4 * MiB);
    for (unsigned i = 0; i < 60000; i++) {
        uint32_t value = g_rand_int(dice);
        unsigned kind = g_rand_int_range(dice, 0, 10);

        if (kind < 4) {
            out_port(PRIMARY + g_rand_int_range(dice, 0, 8), value, 1u << (value >> 30) % 3);
        } else if (kind < 5) {
            outb(PRIMARY + 7, (uint8_t)(value & 1 ? READ_DMA_EXT + (value >> 8 & 0x10) : value));
        } else if (kind < 7) {
            out_port(BUS_MASTER + g_rand_int_range(dice, 0, 8), value, 1);
        } else if (kind < 8) {
            out_port(BUS_MASTER + 4, value & 0x1fffffc, 4);
            store_le32(guest(value & 0xfffff8), value >> 3);
        } else if (kind < 9) {
            in_port(PRIMARY + g_rand_int_range(dice, 0, 8), 1u << (value >> 30) % 3);
            pump();
        } else if ((value & 15) == 0) {
            outb(control_port(PRIMARY), (uint8_t)(value >> 8));
        } else if ((value & 0x3ff) == 1) {
            machine_reset(machine);
            as_firmware();
        }
    }
    outb(control_port(PRIMARY), 0x04);
    outb(control_port(PRIMARY), 0x00);
    outb(PRIMARY + 6, 0xe0);
    wait_ready(PRIMARY);
    g_assert_cmphex(read_with(one, 1, 0, 1), ==, INTERRUPT);
    check_done(PRIMARY);
    g_rand_free(dice);
    teardown();
}

int main(int argc, char **argv)
{
    ide_test_init(&argc, &argv);
    g_test_add_func("/ide-dma/simple", simple_read_and_write);
    g_test_add_func("/ide-dma/secondary", secondary_channel_has_its_own_registers);
    g_test_add_func("/ide-dma/registers", registers_keep_what_they_hold);
    g_test_add_func("/ide-dma/shapes", regions_of_any_shape_are_gathered);
    g_test_add_func("/ide-dma/two-bytes", two_byte_regions_work);
    g_test_add_func("/ide-dma/64-kib", length_zero_is_64_kib);
    g_test_add_func("/ide-dma/long-table", long_table_stays_active);
    g_test_add_func("/ide-dma/short-table", short_table_ends_with_no_interrupt);
    g_test_add_func("/ide-dma/endless-table", table_without_end_is_survived);
    g_test_add_func("/ide-dma/largest", largest_request_is_32_mib);
    g_test_add_func("/ide-dma/bounce", chip_memory_is_bounced);
    g_test_add_func("/ide-dma/hole", hole_in_memory_is_a_fault);
    g_test_add_func("/ide-dma/mastering-off", bus_mastering_off_is_a_fault);
    g_test_add_func("/ide-dma/start-first", start_may_come_before_the_command);
    g_test_add_func("/ide-dma/command-first", command_waits_for_start);
    g_test_add_func("/ide-dma/stop", stop_in_flight_ends_when_memory_is_quiet);
    g_test_add_func("/ide-dma/restart", stop_and_start_in_flight_aborts_the_old_command);
    g_test_add_func("/ide-dma/soft-reset", soft_reset_in_flight_does_not_corrupt);
    g_test_add_func("/ide-dma/machine-reset", machine_reset_in_flight);
    g_test_add_func("/ide-dma/failing-sector", failing_sector_is_named);
    g_test_add_func("/ide-dma/fua", fua_and_lba28_writes);
    g_test_add_func("/ide-dma/trim", trim_discards_ranges);
    g_test_add_func("/ide-dma/save-waiting", waiting_command_survives_save_and_load);
    g_test_add_func("/ide-dma/save-stopped", stopped_transfer_survives_save_and_load);
    g_test_add_func("/ide-dma/random", random_register_writes_do_no_harm);
    return g_test_run();
}
