/*
 * The floppy controller: registers, resets, commands without data, seeks, the disk change line,
 * saved state, and a guest that writes anything anywhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fdc-fixture.h"

/* ---- registers and resets ---- */

static void test_controller_is_idle_at_power_on(void)
{
    setup();
    g_assert_cmphex(inb(MSR), ==, RQM);
    g_assert_cmphex(inb(DOR), ==, 0x0c);
    g_assert_cmphex(inb(SRA), ==, 0x56); /* no second drive, not at track 0, not protected */
    g_assert_cmphex(inb(SRB), ==, 0xc0);
    g_assert_cmphex(inb(FIFO), ==, 0);
    g_assert_cmphex(inb(DIR), ==, 0); /* nobody there to say anything */
    g_assert_cmpint(irq6.rises, ==, 0);
    outb(TDR, 0xff);
    g_assert_cmphex(inb(TDR), ==, 0x03);
    outb(DOR, 0x3d);
    g_assert_cmphex(inb(DOR), ==, 0x3d);
    g_assert_cmphex(inb(SRB), ==, 0xe3);
    teardown();
}

static void check_four_polls(void)
{
    g_assert_cmpint(irq6.level, ==, 1);
    for (unsigned unit = 0; unit < 4; unit++) {
        sense((uint8_t)(0xc0 | unit), 0);
        g_assert_cmpint(irq6.level, ==, 0);
    }
    GIVE(0x08);
    g_assert_cmphex(take(), ==, 0x80);
    g_assert_cmphex(inb(MSR), ==, RQM);
}

static void test_reset_is_followed_by_four_polls(void)
{
    setup();
    add_drive(SIZE_144, false);
    seek(5);
    GIVE(0x0f, 0); /* a command that never gets its last byte */
    outb(DOR, 0x08);
    g_assert_cmphex(inb(MSR), ==, 0);
    outb(FIFO, 0x10); /* nobody hears it */
    g_assert_cmpint(irq6.level, ==, 0);
    outb(DOR, 0x0c);
    check_four_polls();
    outb(MSR, 0x80); /* the reset of DSR, which lets go by itself */
    check_four_polls();
    outb(DOR, 0x08);
    outb(DOR, 0x0c);
    GIVE(0x10); /* a host that asks for something else does not hear of it later */
    g_assert_cmpint(irq6.level, ==, 0);
    g_assert_cmphex(take(), ==, 0x90);
    GIVE(0x08);
    g_assert_cmphex(take(), ==, 0x80);
    teardown();
}

/* ---- commands ---- */

static void test_unknown_commands_are_invalid(void)
{
    static const uint8_t codes[] = {0x00, 0x01, 0x0b, 0x15, 0x1a, 0x1f, 0x34, 0x48, 0x87, 0xff};

    setup();
    for (unsigned i = 0; i < sizeof(codes); i++) {
        GIVE(codes[i]);
        g_assert_cmphex(take(), ==, 0x80);
        g_assert_cmphex(inb(MSR), ==, RQM);
    }
    g_assert_cmpint(irq6.rises, ==, 0);
    teardown();
}

static void check_bytes(const uint8_t *expected, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmphex(take(), ==, expected[i]);
    }
    g_assert_cmphex(inb(MSR), ==, RQM);
}

#define CHECK_BYTES(...)                                                                           \
    do {                                                                                           \
        const uint8_t expected_[] = {__VA_ARGS__};                                                 \
        check_bytes(expected_, sizeof(expected_));                                                 \
    } while (0)

static void test_settings_are_dumped_saved_and_restored(void)
{
    setup();
    GIVE(0x18);
    CHECK_BYTES(0x41);
    GIVE(0x0e);
    CHECK_BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0x60, 0);
    GIVE(0x03, 0xdf, 0x02);
    GIVE(0x13, 0x00, 0x1a, 0x09);
    GIVE(0x12, 0x84 | 0x03);
    GIVE(0x0f, 0x01, 7);
    sense(0x21, 7);
    GIVE(0x94);
    CHECK_BYTES(0x10);
    GIVE(0x0e);
    CHECK_BYTES(0, 7, 0, 0, 0xdf, 0x02, 0, 0x87, 0x1a, 0x09);
    GIVE(0x2e);
    CHECK_BYTES(0, 0, 0, 7, 0, 0, 0xdf, 0x02, 0, 0x87, 0x1a, 0x09, 0, 0, 0, 0);
    GIVE(0x4e, 0x02, 0, 1, 2, 3, 4, 5, 6, 8, 0x04, 0x40, 10, 0x11, 0, 0, 0);
    GIVE(0x2e);
    CHECK_BYTES(0x02, 0, 1, 2, 3, 4, 5, 6, 8, 0x04, 0x40, 10, 0x11, 0, 0, 0);
    GIVE(0x17, 0x03);
    CHECK_BYTES(0x03);
    GIVE(0x33, 0x80);
    g_assert_cmphex(inb(MSR), ==, RQM);
    teardown();
}

static void test_lock_keeps_the_fifo_settings_over_a_reset(void)
{
    setup();
    GIVE(0x13, 0x00, 0x57, 0x20);
    GIVE(0x94);
    CHECK_BYTES(0x10);
    outb(MSR, 0x80);
    GIVE(0x0e);
    CHECK_BYTES(0, 0, 0, 0, 0, 0, 0, 0x80, 0x57, 0x20);
    GIVE(0x14);
    CHECK_BYTES(0x00);
    outb(MSR, 0x80);
    GIVE(0x0e);
    CHECK_BYTES(0, 0, 0, 0, 0, 0, 0, 0, 0x70, 0);
    teardown();
}

static void test_drive_specification_has_its_own_end(void)
{
    setup();
    GIVE(0x8e, 0x0a, 0x35, 0x80);
    CHECK_BYTES(0x0a, 0x15, 0, 0);
    GIVE(0x8e, 0xc0); /* nothing new, nothing to be said */
    g_assert_cmphex(inb(MSR), ==, RQM);
    GIVE(0x8e, 0x01, 0x22, 0x43, 0x64, 0x80);
    CHECK_BYTES(0x01, 0x02, 0x03, 0x04);
    teardown();
}

static void test_drive_status(void)
{
    setup();
    add_drive(SIZE_144, true);
    GIVE(0x04, 0x04);
    CHECK_BYTES(0x7c); /* protected, track 0, head 1 */
    GIVE(0x04, 0x01);
    CHECK_BYTES(0x29); /* nobody there */
    seek(3);
    GIVE(0x04, 0x00);
    CHECK_BYTES(0x68);
    g_assert_cmphex(inb(SRA) & 0x12, ==, 0x10);
    teardown();
}

/* ---- seeks ---- */

static void test_seeks(void)
{
    setup();
    add_drive(SIZE_144, false);
    seek(40);
    GIVE(0xcf, 0, 5); /* relative, inwards */
    sense(0x20, 45);
    GIVE(0x8f, 4, 46); /* outwards, farther than there is */
    sense(0x24, 0);
    GIVE(0x0f, 0, 200); /* against the stop, from where recalibrating takes two commands */
    sense(0x20, 200);
    GIVE(0x07, 0);
    sense(0x70, 0);
    GIVE(0x07, 0);
    sense(0x20, 0);
    GIVE(0x07, 1); /* a drive that is not there never says track 0 */
    sense(0x71, 0);
    GIVE(0x08);
    g_assert_cmphex(take(), ==, 0x80);
    teardown();
}

static void test_overlapped_seeks_are_each_sensed(void)
{
    setup();
    GIVE(0x0f, 1, 9);
    GIVE(0x0f, 0, 8);
    g_assert_cmpint(irq6.level, ==, 1);
    sense(0x20, 8);
    g_assert_cmpint(irq6.level, ==, 1);
    sense(0x21, 9);
    g_assert_cmpint(irq6.level, ==, 0);
    teardown();
}

/* ---- media ---- */

static void test_disk_change_line_falls_at_a_step_with_a_medium(void)
{
    char node[16], other[16];
    BlockBackend *backend;
    GError *error = NULL;

    setup();
    make("floppy", "unit=0", "floppy-bus.0");
    backend = only_backend();
    g_assert_true(block_backend_is_removable(backend));
    g_assert_false(block_backend_has_tray(backend));
    g_assert_cmphex(inb(DIR), ==, 0x80);
    seek(1);
    g_assert_cmphex(inb(DIR), ==, 0x80);
    make_image("a", SIZE_144);
    add_node("a", false, node);
    block_backend_exchange_medium(backend, node, &error);
    g_assert_no_error(error);
    g_assert_cmphex(inb(DIR), ==, 0x80);
    seek(1); /* no step */
    g_assert_cmphex(inb(DIR), ==, 0x80);
    seek(0);
    g_assert_cmphex(inb(DIR), ==, 0x00);
    outb(DOR, 0x0d); /* another drive, which is not there */
    g_assert_cmphex(inb(DIR), ==, 0x00);
    outb(DOR, 0x0c);
    block_backend_exchange_medium(backend, NULL, NULL);
    g_assert_cmphex(inb(DIR), ==, 0x80);
    seek(2);
    g_assert_cmphex(inb(DIR), ==, 0x80);
    /* A protected one goes into the same drive, and then a writable one again. */
    make_image("b", 720 * KiB);
    add_node("b", true, other);
    block_backend_exchange_medium(backend, other, &error);
    g_assert_no_error(error);
    GIVE(0x04, 0);
    g_assert_cmphex(take() & 0x40, ==, 0x40);
    block_backend_exchange_medium(backend, NULL, NULL);
    block_backend_exchange_medium(backend, node, &error);
    g_assert_no_error(error);
    GIVE(0x04, 0);
    g_assert_cmphex(take() & 0x40, ==, 0x00);
    teardown();
}

static void test_size_of_the_image_tells_drive_and_format(void)
{
    static const struct {
        unsigned kib;
        uint8_t cmos, cylinders, sectors;
    } cases[] = {
        {1440, 4, 80, 18}, {2880, 5, 80, 36}, {1200, 2, 80, 15}, {720, 4, 80, 18},
        {360, 2, 80, 15},  {1680, 4, 80, 18}, {100, 5, 80, 36},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        FDCDriveInfo info;

        setup();
        g_assert_false(fdc_drive_info(HW_FDC(fdc), 0, &info));
        add_drive(cases[i].kib * KiB, false);
        g_assert_true(fdc_drive_info(HW_FDC(fdc), 0, &info));
        g_assert_cmpint(info.cmos_type, ==, cases[i].cmos);
        g_assert_cmpint(info.cylinders, ==, cases[i].cylinders);
        g_assert_cmpint(info.sectors, ==, cases[i].sectors);
        g_assert_false(fdc_drive_info(HW_FDC(fdc), 1, &info));
        teardown();
    }
}

static void test_type_can_be_given(void)
{
    FDCDriveInfo info;

    setup_with("fallback=120");
    make("floppy", "unit=1,drive-type=144", "floppy-bus.0");
    make("floppy", "", "floppy-bus.0");
    g_assert_true(fdc_drive_info(HW_FDC(fdc), 0, &info));
    g_assert_cmpint(info.cmos_type, ==, 2);
    g_assert_true(fdc_drive_info(HW_FDC(fdc), 1, &info));
    g_assert_cmpint(info.cmos_type, ==, 4);
    teardown();
}

/* ---- saved state ---- */

static void reload(Device *device, GVariant *state)
{
    GError *error = NULL;

    device_reset(device);
    device_load(device, state, &error);
    g_assert_no_error(error);
}

static void test_state_survives_saving(void)
{
    g_autoptr(GVariant) state = NULL;
    Device *drive;

    setup();
    drive = add_drive(SIZE_144, false);
    seek(9);
    check_round_trip(drive);
    check_refused(drive, "cylinder", g_variant_new_byte(85));
    outb(DOR, 0x04); /* no DMA */
    send_command(READ, 9, 0, 3, 4);
    g_assert_cmphex(wait_ready(), ==, RQM | DIO | NONDMA | BUSY);
    for (unsigned i = 0; i < 700; i++) {
        g_assert_cmphex(take(), ==, pattern((9 * 36 + 2) * SECTOR + i));
    }
    check_round_trip(fdc);
    state = g_variant_ref_sink(device_save(fdc));
    outb(DOR, 0);
    reload(fdc, state);
    g_assert_cmpint(irq6.level, ==, 1);
    for (unsigned i = 700; i < 2 * SECTOR; i++) {
        g_assert_cmphex(take(), ==, pattern((9 * 36 + 2) * SECTOR + i));
    }
    /* MT goes on with all of the other side up to EOT. */
    for (unsigned i = 0; i < 4 * SECTOR; i++) {
        g_assert_cmphex(take(), ==, pattern((9 * 36 + 18) * SECTOR + i));
    }
    check_round_trip(fdc); /* with a result */
    check_result(0x04, 0, 0, 10, 0, 1);
    GIVE(0x0f, 0);
    check_round_trip(fdc); /* with half a command */
    give(3);
    check_round_trip(fdc); /* with a seek to be sensed */
    sense(0x20, 3);
    teardown();
}

/* One field of a state made bad; the controller works as before. */
static void check_bad_state(const char *field, GVariant *value)
{
    g_autoptr(GVariant) state = g_variant_ref_sink(device_save(fdc));
    g_autoptr(GVariant) inner = NULL, values = NULL, bytes = NULL, bad = NULL;
    g_autoptr(GError) error = NULL;
    GVariantDict dict;
    guint32 version;

    g_variant_get(state, "(uv)", &version, &inner);
    g_variant_get(inner, "(@a{sv}@ay)", &values, &bytes);
    g_variant_dict_init(&dict, values);
    g_assert_true(g_variant_dict_contains(&dict, field));
    g_variant_dict_insert_value(&dict, field, value);
    bad = g_variant_ref_sink(g_variant_new(
        "(uv)", version, g_variant_new("(@a{sv}@ay)", g_variant_dict_end(&dict), bytes)));
    g_assert_false(device_load(fdc, bad, &error));
    g_assert_nonnull(error);
    reload(fdc, state);
}

static void test_bad_states_are_refused(void)
{
    setup();
    add_drive(SIZE_144, false);
    check_bad_state("phase", g_variant_new_byte(2));
    check_bad_state("phase", g_variant_new_byte(3));
    check_bad_state("phase", g_variant_new_byte(99));
    check_bad_state("fifo_position", g_variant_new_byte(1));
    check_bad_state("tdr", g_variant_new_byte(4));
    check_bad_state("dsr", g_variant_new_byte(0x80));
    check_bad_state("polls_left", g_variant_new_byte(5));
    check_bad_state("seek_ended", g_variant_new_byte(0x10));
    check_bad_state("command_unit", g_variant_new_byte(4));
    check_bad_state("command_head", g_variant_new_byte(2));
    outb(DOR, 0x04);
    send_command(READ, 0, 0, 1, 1);
    wait_ready();
    check_bad_state("transfer.kind", g_variant_new_byte(1));
    check_bad_state("transfer.kind", g_variant_new_byte(7));
    check_bad_state("transfer.unit", g_variant_new_byte(1));
    check_bad_state("transfer.unit", g_variant_new_byte(200));
    check_bad_state("transfer.fill", g_variant_new_uint32(0));
    check_bad_state("transfer.fill", g_variant_new_uint32(1 << 20));
    check_bad_state("transfer.position", g_variant_new_uint32(1024));
    check_bad_state("transfer.left", g_variant_new_uint16(511));
    check_bad_state("transfer.step", g_variant_new_byte(0));
    check_bad_state("transfer.head_done", g_variant_new_byte(2));
    check_bad_state("phase", g_variant_new_byte(4));
    for (unsigned i = 0; i < 1024; i++) {
        g_assert_cmphex(take(), ==, pattern(i < 512 ? i : i - 512 + 18 * 512));
    }
    check_result(0x04, 0, 0, 1, 0, 1);
    GIVE(0x10);
    check_bad_state("fifo_position", g_variant_new_byte(1));
    check_bad_state("fifo_length", g_variant_new_byte(18));
    g_assert_cmphex(take(), ==, 0x90);
    teardown();
}

/* ---- hostile guests ---- */

static void random_access(GRand *rand)
{
    static const uint16_t ports[] = {DOR,  MSR,  FIFO, FIFO, FIFO, FIFO, DIR,  0x0a,
                                     0x0b, 0x08, 0x0c, 0x0d, 0x04, 0x05, 0x81, 0x0e};
    uint16_t port = ports[g_rand_int_range(rand, 0, G_N_ELEMENTS(ports))];
    unsigned size = 1u << g_rand_int_range(rand, 0, 3);

    if (g_rand_int_range(rand, 0, 3) == 0) {
        in_port(port, size);
    } else if (port != DOR || g_rand_int_range(rand, 0, 50) == 0) {
        out_port(port, g_rand_int(rand), size);
    }
}

static void change_medium(GRand *rand, BlockBackend *backend, const char *node)
{
    if (g_rand_int_range(rand, 0, 2)) {
        block_backend_exchange_medium(backend, NULL, NULL);
    } else if (!block_backend_is_inserted(backend)) {
        block_backend_exchange_medium(backend, node, NULL);
    }
}

/* Half of the commands are well formed at first, so that they get as far as data. */
static void random_command(GRand *rand)
{
    static const uint8_t codes[] = {0xe6, 0xc5, 0x4d, 0x42, 0xd1, 0xd9, 0xdd, 0x56, 0xec, 0xc9,
                                    0x4a, 0x07, 0x0f, 0x8f, 0x13, 0x03, 0x08, 0x8e, 0x4e, 0x2e};
    uint8_t code = codes[g_rand_int_range(rand, 0, G_N_ELEMENTS(codes))];
    uint8_t cylinder = (uint8_t)g_rand_int_range(rand, 0, 84);
    const uint8_t bytes[] = {code,
                             (uint8_t)(g_rand_int(rand) & 0x84),
                             cylinder,
                             (uint8_t)(g_rand_int(rand) & 1),
                             (uint8_t)g_rand_int_range(rand, 0, 21),
                             2,
                             (uint8_t)g_rand_int_range(rand, 0, 256),
                             0x1b,
                             (uint8_t)g_rand_int_range(rand, 0, 4)};

    for (unsigned i = 0; i < sizeof(bytes) && (inb(MSR) & (RQM | DIO)) == RQM; i++) {
        outb(FIFO, bytes[i]);
    }
}

static void test_random_accesses_hurt_nobody(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_test_rand_int());
    BlockBackend *backend;
    char node[16];

    setup();
    add_drive(SIZE_144, false);
    backend = only_backend();
    make_image("b", 720 * KiB);
    add_node("b", g_rand_int(rand) & 1, node);
    for (unsigned i = 0; i < 60000; i++) {
        if (i % 97 == 0) {
            random_command(rand);
        }
        random_access(rand);
        if (i % 13 == 0) {
            g_main_context_iteration(NULL, FALSE);
        }
        if (i % 499 == 0) {
            block_drain_all();
            check_round_trip(fdc);
        }
        if (i % 1999 == 0) {
            change_medium(rand, backend, node);
        }
    }
    block_drain_all();
    device_reset(dma);
    device_reset(fdc);
    g_assert_cmphex(inb(MSR), ==, RQM);
    teardown();
}

/* The machine ends while the drive is at work. */
static void test_end_with_a_request_under_way(void)
{
    setup();
    add_drive(SIZE_144, false);
    outb(DOR, 0x04);
    send_command(READ, 0, 0, 1, 18);
    g_assert_cmphex(inb(MSR), ==, BUSY);
    teardown();
}

static void test_reset_with_a_request_under_way(void)
{
    setup();
    add_drive(SIZE_144, false);
    outb(DOR, 0x04);
    send_command(READ, 0, 0, 1, 18);
    outb(DOR, 0x00);
    outb(DOR, 0x04);
    g_assert_cmphex(inb(MSR), ==, 0); /* until the buffer is free */
    g_assert_cmphex(wait_ready(), ==, RQM);
    check_four_polls();
    send_command(READ, 0, 0, 1, 18);
    device_reset(fdc);
    g_assert_cmphex(inb(MSR), ==, RQM);
    g_assert_cmpint(irq6.level, ==, 0);
    teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
#define ADD(name, function) g_test_add_func("/fdc/" name, function)
    ADD("power-on", test_controller_is_idle_at_power_on);
    ADD("reset", test_reset_is_followed_by_four_polls);
    ADD("invalid", test_unknown_commands_are_invalid);
    ADD("settings", test_settings_are_dumped_saved_and_restored);
    ADD("lock", test_lock_keeps_the_fifo_settings_over_a_reset);
    ADD("drive-specification", test_drive_specification_has_its_own_end);
    ADD("drive-status", test_drive_status);
    ADD("seek", test_seeks);
    ADD("overlapped-seek", test_overlapped_seeks_are_each_sensed);
    ADD("disk-change", test_disk_change_line_falls_at_a_step_with_a_medium);
    ADD("formats", test_size_of_the_image_tells_drive_and_format);
    ADD("types", test_type_can_be_given);
    ADD("state", test_state_survives_saving);
    ADD("bad-states", test_bad_states_are_refused);
    ADD("random", test_random_accesses_hurt_nobody);
    ADD("end-in-flight", test_end_with_a_request_under_way);
    ADD("reset-in-flight", test_reset_with_a_request_under_way);
    return g_test_run();
}
