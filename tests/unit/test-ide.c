/*
 * IDE disk: registers, interrupts, PIO, IDENTIFY, settings, errors, reset, saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide-fixture.h"

#define IMAGE "disk"

/* ---- presence, signature ---- */

static void empty_channel_reads_as_zero(void)
{
    setup();
    outb(PRIMARY + 6, 0xa0);
    outb(PRIMARY + 2, 0x55);
    for (unsigned i = 1; i < 8; i++) {
        g_assert_cmphex(inb(PRIMARY + i), ==, 0);
    }
    g_assert_cmphex(alternate_status(PRIMARY), ==, 0);
    outb(PRIMARY + 7, 0xec);
    g_assert_cmpint(irq_rises[0], ==, 0);
    teardown();
}

static void missing_slave_does_not_answer(void)
{
    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    outb(PRIMARY + 6, 0xb0);
    outb(PRIMARY + 2, 0x55);
    outb(PRIMARY + 3, 0xaa);
    g_assert_cmphex(inb(PRIMARY + 2), ==, 0);
    g_assert_cmphex(inb(PRIMARY + 7), ==, 0);
    outb(PRIMARY + 7, 0xec);
    g_assert_cmphex(inb(PRIMARY + 7), ==, 0);
    outb(PRIMARY + 6, 0xa0); /* drive 0 saw the writes too */
    g_assert_cmphex(inb(PRIMARY + 2), ==, 0x55);
    g_assert_cmphex(inb(PRIMARY + 3), ==, 0xaa);
    g_assert_cmphex(inb(PRIMARY + 6), ==, 0xa0);
    g_assert_cmphex(inb(PRIMARY + 7), ==, DRDY | DSC);
    teardown();
}

static void soft_reset_shows_the_signature(void)
{
    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    outb(PRIMARY + 6, 0xb0);
    outb(control_port(PRIMARY), 0x04);
    g_assert_cmphex(alternate_status(PRIMARY), ==, BSY);
    outb(control_port(PRIMARY), 0x00);
    g_assert_cmphex(alternate_status(PRIMARY), ==, DRDY | DSC);
    g_assert_cmphex(inb(PRIMARY + 1), ==, 1);
    g_assert_cmphex(inb(PRIMARY + 2), ==, 1);
    g_assert_cmphex(inb(PRIMARY + 3), ==, 1);
    g_assert_cmphex(inb(PRIMARY + 4), ==, 0);
    g_assert_cmphex(inb(PRIMARY + 5), ==, 0);
    g_assert_cmphex(inb(PRIMARY + 6), ==, 0xa0);
    g_assert_cmpint(irq_rises[0], ==, 0);
    outb(PRIMARY + 7, 0x90); /* EXECUTE DEVICE DIAGNOSTIC */
    g_assert_cmpint(irq_level[0], ==, 1);
    g_assert_cmphex(inb(PRIMARY + 1), ==, 1);
    teardown();
}

static void ports_follow_configuration(void)
{
    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    g_assert_cmphex(get_config(0, 4), ==, 0x70108086);
    g_assert_cmphex(get_config(8, 4) >> 8, ==, 0x010180);
    g_assert_cmphex(inb(PRIMARY + 7), ==, DRDY | DSC);
    set_config(0x40, 0x0000, 2);
    g_assert_cmphex(inb(PRIMARY + 7), ==, 0xff);
    set_config(0x40, 0xffff, 2);
    g_assert_cmphex(get_config(0x40, 2), ==, 0xf3ff);
    g_assert_cmphex(inb(PRIMARY + 7), ==, DRDY | DSC);
    set_config(PCI_COMMAND, 0, 2);
    g_assert_cmphex(inb(PRIMARY + 7), ==, 0xff);
    as_firmware();
    machine_reset(machine);
    g_assert_cmphex(get_config(0x40, 4), ==, 0);
    g_assert_cmphex(inb(PRIMARY + 7), ==, 0xff);
    teardown();
}

/* ---- IDENTIFY ---- */

static char *words_to_text(const uint16_t *words, unsigned first, unsigned count)
{
    char *text = g_malloc0(count * 2 + 1);

    for (unsigned i = 0; i < count; i++) {
        text[2 * i] = (char)(words[first + i] >> 8);
        text[2 * i + 1] = (char)words[first + i];
    }
    return g_strchomp(text);
}

static void check_sum(const uint16_t words[256])
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < 256; i++) {
        sum += (uint8_t)(words[i] + (words[i] >> 8));
    }
    g_assert_cmphex(words[255] & 0xff, ==, 0xa5);
    g_assert_cmphex(sum, ==, 0);
}

static void identify_tells_what_is_there(void)
{
    uint16_t words[256];
    g_autofree char *serial = NULL, *model = NULL, *version = NULL;

    setup();
    make_sparse(IMAGE, 200 * GiB);
    add_disk(IMAGE, "wwn=0x5000c50015ea71ac,rotation_rate=7200,physical_block_size=4096");
    identify(PRIMARY, 0xec, words);
    check_sum(words);
    serial = words_to_text(words, 10, 10);
    version = words_to_text(words, 23, 4);
    model = words_to_text(words, 27, 20);
    g_assert_cmpstr(serial, ==, "QM00001");
    g_assert_cmpstr(version, ==, "2.5+");
    g_assert_cmpstr(model, ==, "QEMU HARDDISK");
    g_assert_cmphex(words[0], ==, 0x0040);
    g_assert_cmpint(words[1], ==, 16383);
    g_assert_cmpint(words[3], ==, 16);
    g_assert_cmpint(words[6], ==, 63);
    g_assert_cmphex(words[60] | words[61] << 16, ==, 0x0fffffff);
    g_assert_cmpint(words[100] | (uint64_t)words[101] << 16 | (uint64_t)words[102] << 32, ==,
                    200 * GiB / 512);
    g_assert_cmphex(words[49] & 0x0f00, ==, 0x0b00); /* DMA, LBA, IORDY */
    g_assert_cmphex(words[83] & 0x7400, ==, 0x7400); /* valid, both flushes, 48 bits */
    g_assert_cmphex(words[88], ==, 0x203f);
    g_assert_cmphex(words[106], ==, 0x6003);
    g_assert_cmphex(words[108], ==, 0x5000);
    g_assert_cmphex(words[111], ==, 0x71ac);
    g_assert_cmphex(words[84] & 0x0100, ==, 0x0100);
    g_assert_cmpint(words[217], ==, 7200);
    g_assert_cmpint(words[169], ==, 0); /* no discard=unmap */
    g_assert_cmphex(words[59], ==, 0x0110);
    teardown();
}

static void identity_comes_from_properties(void)
{
    uint16_t words[256];
    char node[16];
    g_autofree char *serial = NULL, *model = NULL, *version = NULL;

    setup();
    make_image(IMAGE, 4 * MiB);
    add_node(IMAGE, ",discard=unmap,file.discard=unmap", node);
    add_drive_on("ide-hd", 0, 1, node, "serial=ABC,model=A disk,ver=9z,cyls=10,heads=4,secs=17");
    outb(PRIMARY + 6, 0xb0);
    outb(PRIMARY + 7, 0xec);
    wait_ready(PRIMARY);
    for (unsigned i = 0; i < 256; i++) {
        words[i] = (uint16_t)in_port(PRIMARY, 2);
    }
    check_sum(words);
    serial = words_to_text(words, 10, 10);
    version = words_to_text(words, 23, 4);
    model = words_to_text(words, 27, 20);
    g_assert_cmpstr(serial, ==, "ABC");
    g_assert_cmpstr(version, ==, "9z");
    g_assert_cmpstr(model, ==, "A disk");
    g_assert_cmpint(words[1], ==, 10);
    g_assert_cmpint(words[3], ==, 4);
    g_assert_cmpint(words[6], ==, 17);
    g_assert_cmphex(words[169], ==, 1);
    g_assert_cmphex(words[69] & 0x4000, ==, 0x4000);
    g_assert_cmphex(words[93] & 0xff00, ==, 0x6b00); /* device 1 */
    teardown();
}

/* ---- PIO ---- */

static void pio_reads_sectors(void)
{
    uint8_t bytes[5 * 512];

    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0x20, (Command){.lba = 100, .count = 5});
    g_assert_cmphex(alternate_status(PRIMARY) & BSY, ==, BSY);
    read_blocks(PRIMARY, bytes, sizeof(bytes), 512);
    check_pattern(bytes, 100 * 512, sizeof(bytes));
    g_assert_cmphex(alternate_status(PRIMARY), ==, DRDY | DSC);
    g_assert_cmpint(irq_level[0], ==, 0);
    g_assert_cmpint(irq_rises[0], ==, 5);
    g_assert_cmpint(result_lba(PRIMARY), ==, 104);
    g_assert_cmpint(inb(PRIMARY + 2), ==, 0);
    g_assert_cmphex(in_port(PRIMARY, 2), ==, 0xffff); /* no data without DRQ */
    teardown();
}

static void count_zero_is_256_sectors(void)
{
    g_autofree uint8_t *bytes = g_malloc(256 * 512);

    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0x20, (Command){.lba = 1, .count = 0});
    read_blocks(PRIMARY, bytes, 256 * 512, 512);
    check_pattern(bytes, 512, 256 * 512);
    g_assert_cmphex(alternate_status(PRIMARY), ==, DRDY | DSC);
    teardown();
}

static void data_port_takes_32_and_8_bits(void)
{
    uint8_t bytes[512];

    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0x20, (Command){.lba = 7, .count = 1});
    wait_ready(PRIMARY);
    for (unsigned i = 0; i < 508; i += 4) {
        store_le32(bytes + i, in_port(PRIMARY, 4));
    }
    g_assert_cmphex(inb(PRIMARY), ==, pattern(7 * 512 + 508)); /* takes a word */
    g_assert_cmphex(alternate_status(PRIMARY) & DRQ, ==, DRQ);
    g_assert_cmphex(in_port(PRIMARY, 4), ==,
                    (uint32_t)(pattern(7 * 512 + 510) | pattern(7 * 512 + 511) << 8));
    check_pattern(bytes, 7 * 512, 508);
    g_assert_cmphex(alternate_status(PRIMARY) & DRQ, ==, 0);
    teardown();
}

static void read_multiple_moves_blocks(void)
{
    g_autofree uint8_t *bytes = g_malloc(200 * 512);

    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0xc6, (Command){.count = 8});
    check_done(PRIMARY);
    irq_rises[0] = 0;
    send_command(PRIMARY, 0xc4, (Command){.lba = 50, .count = 200});
    read_blocks(PRIMARY, bytes, 200 * 512, 8 * 512);
    check_pattern(bytes, 50 * 512, 200 * 512);
    g_assert_cmpint(irq_rises[0], ==, 25);
    send_command(PRIMARY, 0xc6, (Command){.count = 3}); /* not a power of 2 */
    check_error(PRIMARY, 0x04);
    send_command(PRIMARY, 0xc6, (Command){.count = 32}); /* more than there is */
    check_error(PRIMARY, 0x04);
    send_command(PRIMARY, 0xc6, (Command){.count = 0});
    check_done(PRIMARY);
    send_command(PRIMARY, 0xc4, (Command){.lba = 50, .count = 1}); /* now off */
    check_error(PRIMARY, 0x04);
    teardown();
}

static void check_image(uint64_t offset, const uint8_t *bytes, size_t length)
{
    g_autofree uint8_t *stored = read_image(IMAGE, offset, length);

    g_assert_cmpmem(stored, length, bytes, length);
}

static void pio_writes_reach_the_image(void)
{
    g_autofree uint8_t *bytes = g_malloc(300 * 512);

    setup();
    make_sparse(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    fill_pattern(bytes, 12345, 300 * 512);
    send_command(PRIMARY, 0x30, (Command){.lba = 10, .count = 3});
    write_blocks(PRIMARY, bytes, 3 * 512, 512);
    check_done(PRIMARY);
    check_image(10 * 512, bytes, 3 * 512);
    send_wide(PRIMARY, 0x34, (Command){.lba = 1000, .count = 300}); /* more than a buffer */
    write_blocks(PRIMARY, bytes, 300 * 512, 512);
    check_done(PRIMARY);
    check_image(1000 * 512, bytes, 300 * 512);
    send_wide(PRIMARY, 0x39, (Command){.lba = 3000, .count = 40}); /* MULTIPLE EXT */
    write_blocks(PRIMARY, bytes, 40 * 512, 16 * 512);
    check_done(PRIMARY);
    check_image(3000 * 512, bytes, 40 * 512);
    send_wide(PRIMARY, 0xce, (Command){.lba = 5000, .count = 17}); /* MULTIPLE FUA EXT */
    write_blocks(PRIMARY, bytes, 17 * 512, 16 * 512);
    check_done(PRIMARY);
    check_image(5000 * 512, bytes, 17 * 512);
    send_command(PRIMARY, 0xe7, (Command){0});
    check_done(PRIMARY);
    teardown();
}

static void lba48_reaches_beyond_28_bits(void)
{
    uint8_t bytes[512];
    uint64_t far = 0x123456789; /* x 512: 2.4 TB */

    setup();
    make_sparse(IMAGE, 4 * TiB);
    add_disk(IMAGE, NULL);
    fill_pattern(bytes, 99, 512);
    send_wide(PRIMARY, 0x34, (Command){.lba = far, .count = 1});
    write_blocks(PRIMARY, bytes, 512, 512);
    check_done(PRIMARY);
    check_image(far * 512, bytes, 512);
    g_assert_cmphex(inb(PRIMARY + 3), ==, 0x89);
    outb(control_port(PRIMARY), 0x80); /* HOB */
    g_assert_cmphex(inb(PRIMARY + 3), ==, 0x23);
    g_assert_cmphex(inb(PRIMARY + 4), ==, 0x01);
    outb(PRIMARY + 1, 0); /* a write ends HOB */
    g_assert_cmphex(inb(PRIMARY + 3), ==, 0x89);
    send_wide(PRIMARY, 0x27, (Command){0}); /* READ NATIVE MAX EXT */
    check_done(PRIMARY);
    outb(control_port(PRIMARY), 0x80);
    g_assert_cmphex(inb(PRIMARY + 3), ==, (4 * TiB / 512 - 1) >> 24 & 0xff);
    outb(control_port(PRIMARY), 0);
    send_command(PRIMARY, 0xf8, (Command){0});
    check_done(PRIMARY);
    g_assert_cmphex(result_lba(PRIMARY), ==, 0x0fffffff);
    teardown();
}

static void chs_follows_the_translation_set(void)
{
    uint8_t bytes[512];

    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0x91, (Command){.chs = true, .count = 17, .lba = (uint64_t)3 << 24});
    check_done(PRIMARY); /* 4 heads of 17 sectors */
    send_command(PRIMARY, 0x20,
                 (Command){.chs = true, .count = 1, .lba = 5 | 9 << 8 | (uint64_t)2 << 24});
    read_blocks(PRIMARY, bytes, 512, 512);
    check_pattern(bytes, ((9 * 4 + 2) * 17 + 4) * 512, 512);
    send_command(PRIMARY, 0x20, (Command){.chs = true, .count = 1, .lba = 18}); /* sector 18 */
    check_error(PRIMARY, 0x10);
    send_command(PRIMARY, 0x20, (Command){.chs = true, .count = 1, .lba = 0}); /* sector 0 */
    check_error(PRIMARY, 0x10);
    send_command(PRIMARY, 0x20,
                 (Command){.chs = true, .count = 1, .lba = 1 | (uint64_t)4 << 24}); /* head 4 */
    check_error(PRIMARY, 0x10);
    teardown();
}

static void addresses_beyond_the_end_are_not_found(void)
{
    setup();
    make_image(IMAGE, 1 * MiB); /* 2048 sectors */
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0x20, (Command){.lba = 2048, .count = 1});
    check_error(PRIMARY, 0x10);
    send_command(PRIMARY, 0x30, (Command){.lba = 2040, .count = 9});
    check_error(PRIMARY, 0x10);
    g_assert_cmpint(result_lba(PRIMARY), ==, 2048);
    send_wide(PRIMARY, 0x24, (Command){.lba = UINT64_C(0xffffffffffff), .count = 0});
    check_error(PRIMARY, 0x10);
    send_wide(PRIMARY, 0x42, (Command){.lba = 2047, .count = 2});
    check_error(PRIMARY, 0x10);
    send_command(PRIMARY, 0x40, (Command){.lba = 0, .count = 0}); /* VERIFY 256 */
    check_done(PRIMARY);
    send_command(PRIMARY, 0x70, (Command){.lba = 2047}); /* SEEK */
    check_done(PRIMARY);
    send_command(PRIMARY, 0x70, (Command){.lba = 2048});
    check_error(PRIMARY, 0x10);
    teardown();
}

/* ---- interrupts ---- */

static void nien_holds_the_interrupt_back(void)
{
    setup();
    make_image(IMAGE, 1 * MiB);
    add_disk(IMAGE, NULL);
    outb(control_port(PRIMARY), 0x02);
    send_command(PRIMARY, 0xe5, (Command){0});
    g_assert_cmpint(irq_level[0], ==, 0);
    outb(control_port(PRIMARY), 0x00);
    g_assert_cmpint(irq_level[0], ==, 1); /* it was only held back */
    alternate_status(PRIMARY);
    g_assert_cmpint(irq_level[0], ==, 1);
    inb(PRIMARY + 7);
    g_assert_cmpint(irq_level[0], ==, 0);
    outb(control_port(PRIMARY), 0x02);
    send_command(PRIMARY, 0xe5, (Command){0});
    inb(PRIMARY + 7);
    outb(control_port(PRIMARY), 0x00);
    g_assert_cmpint(irq_level[0], ==, 0);
    teardown();
}

static void only_the_selected_drive_interrupts(void)
{
    char node[16];

    setup();
    make_image(IMAGE, 1 * MiB);
    make_image("second", 1 * MiB);
    add_disk(IMAGE, NULL);
    add_node("second", NULL, node);
    add_drive_on("ide-hd", 0, 1, node, NULL);
    send_command(PRIMARY, 0xe5, (Command){0});
    g_assert_cmpint(irq_level[0], ==, 1);
    outb(PRIMARY + 6, 0xb0);
    g_assert_cmpint(irq_level[0], ==, 0);
    outb(PRIMARY + 6, 0xa0);
    g_assert_cmpint(irq_level[0], ==, 1);
    send_command(PRIMARY, 0x20, (Command){.lba = 0, .count = 1}); /* a command clears it */
    g_assert_cmpint(irq_level[0], ==, 0);
    send_command(PRIMARY, 0xe5, (Command){.slave = true}); /* the channel is taken */
    g_assert_cmpint(irq_level[0], ==, 0);
    outb(PRIMARY + 6, 0xa0);
    g_assert_cmphex(wait_ready(PRIMARY), ==, DRDY | DSC | DRQ);
    teardown();
}

/* ---- errors ---- */

static void failing_sector_is_named(void)
{
    uint8_t bytes[512];

    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    shrink_image(IMAGE, 1000 * 512);
    send_command(PRIMARY, 0x20, (Command){.lba = 990, .count = 100});
    for (unsigned i = 0; i < 10; i++) { /* what can be read arrives */
        read_blocks(PRIMARY, bytes, 512, 512);
        check_pattern(bytes, (990 + i) * 512, 512);
    }
    check_error(PRIMARY, 0x40);
    g_assert_cmpint(result_lba(PRIMARY), ==, 1000);
    g_assert_cmpint(inb(PRIMARY + 2), ==, 90);
    send_wide(PRIMARY, 0x42, (Command){.lba = 0, .count = 4000});
    check_error(PRIMARY, 0x40);
    g_assert_cmpint(inb(PRIMARY + 3) | inb(PRIMARY + 4) << 8, ==, 1000);
    send_command(PRIMARY, 0x20, (Command){.lba = 999, .count = 1}); /* and it goes on */
    read_blocks(PRIMARY, bytes, 512, 512);
    teardown();
}

static void unknown_commands_are_aborted(void)
{
    static const uint8_t codes[] = {0x00, 0x01, 0x08, 0x22, 0x2f, 0x60, 0x92,
                                    0xa0, 0xa1, 0xb1, 0xde, 0xf1, 0xf9, 0xff};

    setup();
    make_image(IMAGE, 1 * MiB);
    add_disk(IMAGE, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(codes); i++) {
        send_command(PRIMARY, codes[i], (Command){0});
        check_error(PRIMARY, 0x04);
    }
    send_wide(PRIMARY, 0x06, (Command){.feature = 1, .count = 1}); /* TRIM was not offered */
    check_error(PRIMARY, 0x04);
    teardown();
}

static unsigned stops;

static void note_stop(const char *name, bool is_read, int errnum)
{
    stops++;
    g_assert_true(is_read);
    g_assert_cmpint(errnum, ==, EIO);
}

static void wait_for_stop(void)
{
    int64_t end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    while (stops == 0) {
        g_main_context_iteration(NULL, FALSE);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

static void stop_policy_retries_on_resume(void)
{
    uint8_t bytes[8 * 512];

    setup();
    make_image(IMAGE, 1 * MiB);
    add_disk(IMAGE, "rerror=stop");
    block_set_stop_handler(note_stop);
    stops = 0;
    run_state_start(NULL);
    shrink_image(IMAGE, 100 * 512);
    send_command(PRIMARY, 0x20, (Command){.lba = 104, .count = 8});
    wait_for_stop();
    run_state_stop(RUN_STATE_IO_ERROR);
    g_assert_cmpint(stops, ==, 1);
    g_assert_cmphex(alternate_status(PRIMARY) & BSY, ==, BSY);
    make_image("fresh", 1 * MiB);
    {
        /* The user mends the image in place. */
        g_autofree char *path = image_path(IMAGE);
        g_autofree uint8_t *good = read_image("fresh", 0, 1 * MiB);
        FILE *file = fopen(path, "r+b");
        g_assert_cmpint(fwrite(good, 1, 1 * MiB, file), ==, 1 * MiB);
        fclose(file);
    }
    run_state_start(NULL);
    read_blocks(PRIMARY, bytes, sizeof(bytes), 512);
    check_pattern(bytes, 104 * 512, sizeof(bytes));
    run_state_stop(RUN_STATE_PAUSED);
    block_set_stop_handler(NULL);
    teardown();
}

static void ignore_policy_goes_on(void)
{
    setup();
    make_image(IMAGE, 1 * MiB);
    add_disk(IMAGE, "rerror=ignore");
    shrink_image(IMAGE, 100 * 512);
    send_command(PRIMARY, 0x40, (Command){.lba = 90, .count = 200});
    check_done(PRIMARY);
    teardown();
}

/* ---- reset ---- */

static void soft_reset_waits_for_what_is_in_flight(void)
{
    uint16_t words[256];

    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0x20, (Command){.lba = 0, .count = 100});
    outb(control_port(PRIMARY), 0x04);
    outb(control_port(PRIMARY), 0x00);
    g_assert_cmphex(alternate_status(PRIMARY), ==, BSY); /* the read is still in flight */
    outb(PRIMARY + 7, 0xec);
    g_assert_cmphex(wait_ready(PRIMARY), ==, DRDY | DSC);
    g_assert_cmphex(inb(PRIMARY + 3), ==, 1);
    g_assert_cmpint(irq_rises[0], ==, 0);
    send_command(PRIMARY, 0x30, (Command){.lba = 0, .count = 1}); /* in the middle of a write */
    out_port(PRIMARY, 0x1234, 2);
    outb(control_port(PRIMARY), 0x04);
    outb(control_port(PRIMARY), 0x00);
    g_assert_cmphex(alternate_status(PRIMARY), ==, DRDY | DSC);
    identify(PRIMARY, 0xec, words);
    teardown();
}

static void machine_reset_drains_and_restores(void)
{
    uint16_t words[256];

    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0xef, (Command){.feature = 0x82}); /* write cache off */
    check_done(PRIMARY);
    send_command(PRIMARY, 0xef, (Command){.feature = 0x03, .count = 0x22}); /* MWDMA 2 */
    check_done(PRIMARY);
    send_command(PRIMARY, 0xef, (Command){.feature = 0xaa});
    check_done(PRIMARY);
    identify(PRIMARY, 0xec, words);
    g_assert_cmphex(words[85] & 0x20, ==, 0);
    g_assert_cmphex(words[63], ==, 0x0407);
    g_assert_cmphex(words[88], ==, 0x003f);
    send_command(PRIMARY, 0x20, (Command){.lba = 0, .count = 0});
    machine_reset(machine);
    as_firmware();
    g_assert_cmphex(alternate_status(PRIMARY), ==, DRDY | DSC);
    identify(PRIMARY, 0xec, words);
    g_assert_cmphex(words[85] & 0x20, ==, 0x20);
    g_assert_cmphex(words[88], ==, 0x203f);
    send_command(PRIMARY, 0xef, (Command){.feature = 0x03, .count = 0x46}); /* UDMA 6 */
    check_error(PRIMARY, 0x04);
    send_command(PRIMARY, 0xef, (Command){.feature = 0x77});
    check_error(PRIMARY, 0x04);
    teardown();
}

/* ---- power, SMART ---- */

static void power_modes_are_told(void)
{
    setup();
    make_image(IMAGE, 1 * MiB);
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0xe5, (Command){0});
    check_done(PRIMARY);
    g_assert_cmphex(inb(PRIMARY + 2), ==, 0xff);
    send_command(PRIMARY, 0xe0, (Command){0}); /* STANDBY IMMEDIATE */
    check_done(PRIMARY);
    send_command(PRIMARY, 0xe5, (Command){0});
    check_done(PRIMARY);
    g_assert_cmphex(inb(PRIMARY + 2), ==, 0x00);
    send_command(PRIMARY, 0x40, (Command){.count = 1}); /* the medium is needed */
    check_done(PRIMARY);
    send_command(PRIMARY, 0xe3, (Command){.count = 2}); /* IDLE, standby after 10 s */
    check_done(PRIMARY);
    send_command(PRIMARY, 0xe5, (Command){0});
    check_done(PRIMARY);
    g_assert_cmphex(inb(PRIMARY + 2), ==, 0x80);
    clock_virtual_step_to(clock_get_ns(CLOCK_VIRTUAL) + 11 * NS_PER_SECOND);
    send_command(PRIMARY, 0xe5, (Command){0});
    check_done(PRIMARY);
    g_assert_cmphex(inb(PRIMARY + 2), ==, 0x00);
    send_command(PRIMARY, 0xe6, (Command){0}); /* SLEEP: only a reset ends it */
    check_done(PRIMARY);
    send_command(PRIMARY, 0xe5, (Command){0});
    pump();
    g_assert_cmpint(irq_level[0], ==, 0);
    outb(control_port(PRIMARY), 0x04);
    outb(control_port(PRIMARY), 0x00);
    send_command(PRIMARY, 0xe5, (Command){0});
    check_done(PRIMARY);
    g_assert_cmphex(inb(PRIMARY + 2), ==, 0xff);
    teardown();
}

static Command smart(uint8_t feature, uint8_t low, uint8_t count)
{
    return (Command){.feature = feature, .lba = 0xc24f00 | low, .count = count};
}

static void smart_page(uint8_t feature, uint8_t low, uint8_t *bytes, bool summed)
{
    uint8_t sum = 0;

    send_command(PRIMARY, 0xb0, smart(feature, low, 1));
    read_blocks(PRIMARY, bytes, 512, 512);
    for (unsigned i = 0; i < 512; i++) {
        sum += bytes[i];
    }
    g_assert_true(!summed || sum == 0);
}

static void smart_reports_health(void)
{
    uint8_t bytes[512];
    uint16_t words[256];

    setup();
    make_image(IMAGE, 1 * MiB);
    add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0xb0, smart(0xda, 0, 0)); /* RETURN STATUS */
    check_done(PRIMARY);
    g_assert_cmphex(inb(PRIMARY + 4), ==, 0x4f);
    g_assert_cmphex(inb(PRIMARY + 5), ==, 0xc2);
    smart_page(0xd0, 0, bytes, true);
    g_assert_cmphex(load_le16(bytes), ==, 1);
    g_assert_cmphex(bytes[2], ==, 1);
    smart_page(0xd1, 0, bytes, true);
    g_assert_cmphex(bytes[2], ==, 1);
    send_command(PRIMARY, 0xb0, smart(0xd4, 0x02, 0)); /* extended self-test */
    check_done(PRIMARY);
    smart_page(0xd5, 0x06, bytes, true);
    g_assert_cmphex(bytes[2], ==, 0x02);
    g_assert_cmphex(bytes[508], ==, 1);
    smart_page(0xd5, 0x00, bytes, false);
    g_assert_cmphex(bytes[2], ==, 1);
    g_assert_cmphex(bytes[12], ==, 1);
    smart_page(0xd5, 0x01, bytes, true);
    send_command(PRIMARY, 0xb0, smart(0xd5, 0x55, 1));
    check_error(PRIMARY, 0x04);
    send_command(PRIMARY, 0xb0, (Command){.feature = 0xd0}); /* without the key */
    check_error(PRIMARY, 0x04);
    send_command(PRIMARY, 0xb0, smart(0xd9, 0, 0)); /* DISABLE */
    check_done(PRIMARY);
    send_command(PRIMARY, 0xb0, smart(0xd0, 0, 0));
    check_error(PRIMARY, 0x04);
    identify(PRIMARY, 0xec, words);
    g_assert_cmphex(words[85] & 1, ==, 0);
    send_command(PRIMARY, 0xb0, smart(0xd8, 0, 0));
    check_done(PRIMARY);
    teardown();
}

/* ---- properties, geometry, paths ---- */

static void check_refusal(const char *type, const char *properties, const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(try_drive(type, 0, properties, &error));
    g_assert_cmpstr(error->message, ==, text);
}

static void wrong_properties_are_named(void)
{
    char node[16];
    g_autofree char *drive = NULL;

    setup();
    make_image(IMAGE, 4 * MiB);
    add_node(IMAGE, NULL, node);
    check_refusal("ide-hd", "unit=0", "No drive specified");
    check_refusal("ide-hd", "drive=nosuch", "Property 'ide-hd.drive' can't find value 'nosuch'");
    check_refusal("ide-hd", "unit=2", "Can't create IDE unit 2, bus supports only 2 units");
#define WITH(text) g_free(drive), drive = g_strdup_printf("drive=%s,%s", node, text)
    check_refusal("ide-hd", (WITH("logical_block_size=4096"), drive),
                  "logical_block_size must be 512 for IDE");
    check_refusal("ide-hd", (WITH("physical_block_size=1000"), drive),
                  "physical_block_size must be a power of 2 between 512 and 2097152");
    check_refusal("ide-hd", (WITH("discard_granularity=4096"), drive),
                  "discard_granularity must be 512 for ide");
    check_refusal("ide-hd", (WITH("bios-chs-trans=odd"), drive),
                  "Parameter 'bios-chs-trans' does not accept value 'odd'");
    check_refusal("ide-hd", (WITH("cyls=5,heads=17,secs=63"), drive),
                  "heads must be between 1 and 16");
    check_refusal("ide-hd", (WITH("rerror=enospc"), drive), "'enospc' invalid read error action");
    check_refusal("ide-hd", (WITH("werror=maybe"), drive), "'maybe' invalid write error action");
    WITH("unit=0");
    g_assert_nonnull(try_drive("ide-hd", 0, drive, NULL));
    check_refusal("ide-cd", "unit=0", "IDE unit 0 is in use");
    g_assert_nonnull(try_drive("ide-cd", 0, "", NULL)); /* gets unit 1 */
    check_refusal("ide-cd", "", "Bus 'ide.0' is full");
    teardown();
}

static void check_geometry(int cylinders, int heads, int sectors, int translation)
{
    uint16_t c;
    uint8_t h, s;
    int t;

    g_assert_true(ide_drive_geometry(ide, 0, 0, &c, &h, &s, &t));
    g_assert_cmpint(c, ==, cylinders);
    g_assert_cmpint(h, ==, heads);
    g_assert_cmpint(s, ==, sectors);
    g_assert_cmpint(t, ==, translation);
    g_assert_false(ide_drive_geometry(ide, 0, 1, &c, &h, &s, &t));
    g_assert_false(ide_drive_geometry(ide, 9, 9, &c, &h, &s, &t));
}

/* An image with one partition that ends at @head, @sector. */
static void make_partitioned(uint64_t size, uint8_t head, uint8_t sector)
{
    g_autofree char *path = image_path(IMAGE);
    uint8_t mbr[512] = {0};
    FILE *file;

    make_sparse(IMAGE, size);
    mbr[0x1be + 5] = head;
    mbr[0x1be + 6] = sector;
    store_le32(mbr + 0x1be + 12, 1000);
    store_le16(mbr + 510, 0xaa55);
    file = fopen(path, "r+b");
    g_assert_cmpint(fwrite(mbr, 1, 512, file), ==, 512);
    fclose(file);
}

static void geometry_is_guessed(void)
{
    static const struct {
        uint64_t size;
        uint8_t head, sector; /* 0: no table */
        const char *properties;
        int cylinders, heads, sectors, translation;
    } rows[] = {
        {100 * MiB, 0, 0, NULL, 203, 16, 63, IDE_TRANSLATION_NONE},
        {1 * GiB, 0, 0, NULL, 2080, 16, 63, IDE_TRANSLATION_LBA},
        {100 * GiB, 0, 0, NULL, 16383, 16, 63, IDE_TRANSLATION_LBA},
        {100 * MiB, 3, 17, NULL, 204800 / 68, 4, 17, IDE_TRANSLATION_NONE},
        {1 * GiB, 254, 63, NULL, 2080, 16, 63, IDE_TRANSLATION_LARGE},
        {100 * GiB, 254, 63, NULL, 16383, 16, 63, IDE_TRANSLATION_LBA},
        {100 * MiB, 0, 0, "cyls=900,heads=8,secs=32", 900, 8, 32, IDE_TRANSLATION_NONE},
        {100 * MiB, 0, 0, "bios-chs-trans=rechs", 203, 16, 63, IDE_TRANSLATION_RECHS},
        {512, 0, 0, NULL, 2, 16, 63, IDE_TRANSLATION_NONE},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        setup();
        if (rows[i].sector) {
            make_partitioned(rows[i].size, rows[i].head, rows[i].sector);
        } else {
            make_sparse(IMAGE, rows[i].size);
        }
        add_disk(IMAGE, rows[i].properties);
        check_geometry(rows[i].cylinders, rows[i].heads, rows[i].sectors, rows[i].translation);
        teardown();
    }
}

static void check_path_part(unsigned channel, const char *text)
{
    Device *drive = add_drive_on("ide-cd", channel, 1, NULL, NULL);
    Bus *bus = device_get_bus(drive);
    g_autofree char *part = HW_BUS_GET_CLASS(bus)->firmware_path(bus, drive);

    g_assert_cmpstr(part, ==, text);
}

static void firmware_path_names_the_channel(void)
{
    setup();
    check_path_part(0, "drive@0");
    check_path_part(1, "drive@1");
    teardown();
}

static void boot_index_is_taken_once(void)
{
    setup();
    g_assert_nonnull(try_drive("ide-cd", 1, "bootindex=3", NULL));
    check_refusal("ide-cd", "bootindex=3", "The bootindex 3 has already been used");
    g_assert_nonnull(try_drive("ide-cd", 0, "unit=0", NULL)); /* what failed left its place */
    teardown();
}

/* ---- unplug ---- */

static void unplugged_disk_is_back_after_reset(void)
{
    uint16_t words[256];
    IDEDrive *drive;

    setup();
    make_image(IMAGE, 4 * MiB);
    add_disk(IMAGE, NULL);
    drive = ide_controller_drive(ide, 0, 0);
    g_assert_true(ide_drive_is_disk(drive));
    for (unsigned i = 0; i < 3; i++) {
        identify(PRIMARY, 0xec, words);
        send_command(PRIMARY, 0x20, (Command){.lba = 0, .count = 200}); /* in flight */
        ide_drive_unplug(drive);
        g_assert_true(ide_drive_is_unplugged(drive));
        g_assert_cmphex(inb(PRIMARY + 7), ==, 0);
        g_assert_cmpint(irq_level[0], ==, 0);
        while (g_main_context_iteration(NULL, FALSE)) {
        }
        block_drain_all();
        outb(PRIMARY + 7, 0xec);
        g_assert_cmphex(inb(PRIMARY + 7), ==, 0);
        machine_reset(machine);
        as_firmware();
        g_assert_false(ide_drive_is_unplugged(drive));
    }
    identify(PRIMARY, 0xec, words);
    check_sum(words);
    teardown();
}

static void unplugged_disk_can_be_written_by_another(void)
{
    BlockBackend *other;
    char node[16];
    GError *error = NULL;
    IDEDrive *drive;

    setup();
    make_image(IMAGE, 4 * MiB);
    add_node(IMAGE, NULL, node);
    add_drive_on("ide-hd", 0, 0, node, NULL);
    drive = ide_controller_drive(ide, 0, 0);
    g_assert_cmpstr(ide_drive_block_name(drive), ==, node);
    other = block_backend_attach(node, "other", (BlockPermissions){.write = true, .resize = true},
                                 NULL);
    g_assert_null(other);
    ide_drive_unplug(drive);
    other = block_backend_attach(node, "other", (BlockPermissions){.write = true, .resize = true},
                                 &error);
    g_assert_no_error(error);
    machine_reset(machine); /* the other one still has it */
    g_assert_true(ide_drive_is_unplugged(drive));
    block_backend_detach(other);
    machine_reset(machine);
    g_assert_false(ide_drive_is_unplugged(drive));
    teardown();
}

/* ---- saved state ---- */

static void state_survives_in_the_middle_of_a_command(void)
{
    uint8_t bytes[512 * 4], rest[512];
    Device *disk;
    g_autoptr(GVariant) reading = NULL, writing = NULL;

    setup();
    make_image(IMAGE, 4 * MiB);
    disk = add_disk(IMAGE, NULL);
    send_command(PRIMARY, 0x20, (Command){.lba = 40, .count = 4});
    wait_ready(PRIMARY);
    read_data(PRIMARY, bytes, 700); /* into the second block */
    reading = save_all(disk);
    machine_reset(machine);
    as_firmware();
    g_assert_cmpint(irq_level[0], ==, 0);
    load_all(disk, reading);
    g_assert_cmpint(irq_level[0], ==, 1);
    read_data(PRIMARY, bytes + 700, 1024 - 700);
    read_blocks(PRIMARY, bytes + 1024, 1024, 512);
    check_pattern(bytes, 40 * 512, sizeof(bytes));

    fill_pattern(rest, 777, 512);
    send_command(PRIMARY, 0x30, (Command){.lba = 60, .count = 1});
    write_data(PRIMARY, rest, 100);
    writing = save_all(disk);
    machine_reset(machine);
    as_firmware();
    load_all(disk, writing);
    write_data(PRIMARY, rest + 100, 412);
    check_done(PRIMARY);
    check_image(60 * 512, rest, 512);
    teardown();
}

static void bad_states_are_refused(void)
{
    static const struct {
        const char *field, *value;
    } rows[] = {
        {"pio", "byte 0x63"},
        {"pio", "byte 0x4"}, /* a packet's, on a disk */
        {"pio", "byte 0x2"}, /* with no block in the buffer */
        {"request", "byte 0x20"},
        {"request", "byte 0x1"}, /* a read of nothing */
        {"request", "byte 0x9"},
        {"pio_end", "uint32 65537"},
        {"pio_position", "uint32 4000000000"},
        {"buffer_fill", "uint32 1000000"},
        {"transfer.block", "uint16 17"},
        {"transfer.position", "uint64 281474976710656"},
        {"multiple", "byte 0x11"},
        {"chs_heads", "byte 0x0"},
        {"chs_sectors", "byte 0x0"},
        {"smart.next_test", "byte 0x15"},
        {"dma_waiting", "true"},
        {"retry_pending", "true"},
        {"packet.data_out", "uint32 100000"},
        {"status", "uint32 1"},
    };
    g_autoptr(GVariant) saved = NULL;
    Device *disk;

    setup();
    make_image(IMAGE, 4 * MiB);
    disk = add_disk(IMAGE, NULL);
    saved = g_variant_ref_sink(device_save(disk));
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        GVariant *value = g_variant_parse(NULL, rows[i].value, NULL, NULL, NULL);
        g_autoptr(GVariant) bad = state_with(saved, rows[i].field, value);

        g_variant_unref(value);
        if (device_load(disk, bad, &error)) {
            g_error("%s = %s was taken", rows[i].field, rows[i].value);
        }
        g_assert_nonnull(error);
        device_reset(disk);
    }
    teardown();
}

static void odd_states_do_no_harm(void)
{
    static const uint8_t commands[] = {0x20, 0x30, 0xc4, 0xc5, 0xc8, 0xca, 0xec};
    Device *disk;
    unsigned taken = 0;

    setup();
    make_image(IMAGE, 4 * MiB);
    disk = add_disk(IMAGE, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        g_autoptr(GVariant) saved = NULL;

        send_command(PRIMARY, commands[i], (Command){.lba = 64, .count = 40});
        wait_ready(PRIMARY);
        if (commands[i] == 0x30) {
            write_data(PRIMARY, guest(0), 512 + 10);
        } else if (commands[i] < 0xc8 && commands[i] != 0xc5) {
            read_data(PRIMARY, guest(0), 512 + 10);
        }
        saved = g_variant_ref_sink(device_save(disk));
        taken += try_odd_states(disk, saved, PRIMARY, 300);
        as_firmware();
    }
    g_assert_cmpuint(taken, >, 100); /* else this was no test of what follows a load */
    teardown();
}

int main(int argc, char **argv)
{
    ide_test_init(&argc, &argv);
    g_test_add_func("/ide/empty-channel", empty_channel_reads_as_zero);
    g_test_add_func("/ide/missing-slave", missing_slave_does_not_answer);
    g_test_add_func("/ide/signature", soft_reset_shows_the_signature);
    g_test_add_func("/ide/decode", ports_follow_configuration);
    g_test_add_func("/ide/identify", identify_tells_what_is_there);
    g_test_add_func("/ide/identify-properties", identity_comes_from_properties);
    g_test_add_func("/ide/pio-read", pio_reads_sectors);
    g_test_add_func("/ide/count-zero", count_zero_is_256_sectors);
    g_test_add_func("/ide/data-port-sizes", data_port_takes_32_and_8_bits);
    g_test_add_func("/ide/read-multiple", read_multiple_moves_blocks);
    g_test_add_func("/ide/pio-write", pio_writes_reach_the_image);
    g_test_add_func("/ide/lba48", lba48_reaches_beyond_28_bits);
    g_test_add_func("/ide/chs", chs_follows_the_translation_set);
    g_test_add_func("/ide/beyond-end", addresses_beyond_the_end_are_not_found);
    g_test_add_func("/ide/nien", nien_holds_the_interrupt_back);
    g_test_add_func("/ide/two-drives", only_the_selected_drive_interrupts);
    g_test_add_func("/ide/failing-sector", failing_sector_is_named);
    g_test_add_func("/ide/unknown-commands", unknown_commands_are_aborted);
    g_test_add_func("/ide/error-stop", stop_policy_retries_on_resume);
    g_test_add_func("/ide/error-ignore", ignore_policy_goes_on);
    g_test_add_func("/ide/soft-reset-in-flight", soft_reset_waits_for_what_is_in_flight);
    g_test_add_func("/ide/machine-reset", machine_reset_drains_and_restores);
    g_test_add_func("/ide/power", power_modes_are_told);
    g_test_add_func("/ide/smart", smart_reports_health);
    g_test_add_func("/ide/wrong-properties", wrong_properties_are_named);
    g_test_add_func("/ide/geometry", geometry_is_guessed);
    g_test_add_func("/ide/firmware-path", firmware_path_names_the_channel);
    g_test_add_func("/ide/boot-index", boot_index_is_taken_once);
    g_test_add_func("/ide/unplug", unplugged_disk_is_back_after_reset);
    g_test_add_func("/ide/unplug-shares", unplugged_disk_can_be_written_by_another);
    g_test_add_func("/ide/save-load", state_survives_in_the_middle_of_a_command);
    g_test_add_func("/ide/bad-state", bad_states_are_refused);
    g_test_add_func("/ide/odd-states", odd_states_do_no_harm);
    return g_test_run();
}
