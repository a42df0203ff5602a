/*
 * Flash memory with the firmware: where it lies, the Intel command set as a guest uses it, and what
 * reaches the image.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOUR_GIB  (UINT64_C(1) << 32)
#define CODE_SIZE (256 * 1024)
#define VARS_SIZE (132 * 4096)
#define CODE      (FOUR_GIB - CODE_SIZE)
#define VARS      (CODE - VARS_SIZE)

static char *folder, *code_path, *vars_path;

static uint8_t code_byte(uint64_t offset)
{
    return (uint8_t)(offset ^ offset >> 8 ^ offset >> 16);
}

static void make_images(void)
{
    g_autofree uint8_t *code = g_malloc(CODE_SIZE), *vars = g_malloc(VARS_SIZE);

    for (uint64_t i = 0; i < CODE_SIZE; i++) {
        code[i] = code_byte(i);
    }
    memset(vars, 0x5a, VARS_SIZE);
    g_assert_true(g_file_set_contents(code_path, (char *)code, CODE_SIZE, NULL));
    g_assert_true(g_file_set_contents(vars_path, (char *)vars, VARS_SIZE, NULL));
}

static QTestState *start(const char *more)
{
    make_images();
    return qtest_initf("-machine pc -drive if=pflash,format=raw,unit=0,readonly=on,file=%s "
                       "-drive if=pflash,format=raw,unit=1,file=%s %s",
                       code_path, vars_path, more);
}

static void firmware_is_where_the_cpu_looks(void)
{
    QTestState *state = start("");

    g_assert_cmphex(qtest_readb(state, 0xfffffff0), ==, code_byte(CODE_SIZE - 16));
    g_assert_cmphex(qtest_readb(state, CODE), ==, code_byte(0));
    g_assert_cmphex(qtest_readb(state, 0xe0000), ==, code_byte(CODE_SIZE - 0x20000));
    g_assert_cmphex(qtest_readb(state, 0xfffff), ==, code_byte(CODE_SIZE - 1));
    g_assert_cmphex(qtest_readl(state, VARS), ==, 0x5a5a5a5a);
    g_assert_cmphex(qtest_readb(state, VARS - 1), ==, 0xff);
    qtest_quit(state);
}

static void query_table_and_identifiers_are_those_of_the_chip(void)
{
    static const uint8_t expected[] = {
        'Q', 'R', 'Y', 1, 0,  0x31, 0, 0, 0, 0, 0,  0x45, 0x55, 0, 0,   7,   7,   0x0a, 0,
        4,   4,   4,   0, 18, 2,    0, 8, 0, 1, 63, 0,    16,   0, 'P', 'R', 'I', '1',  '0'};
    QTestState *state = start("-global driver=cfi.pflash01,property=id1,value=0x89 "
                              "-global driver=cfi.pflash01,property=id3,value=0x18");

    qtest_writeb(state, CODE + 0x55, 0x98);
    for (unsigned i = 0; i < sizeof(expected); i++) {
        g_assert_cmphex(qtest_readb(state, CODE + 0x10 + i), ==, expected[i]);
    }
    qtest_writeb(state, CODE, 0x90);
    g_assert_cmphex(qtest_readb(state, CODE), ==, 0x89);
    g_assert_cmphex(qtest_readb(state, CODE + 1), ==, 0x18);
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x5a); /* the other chip goes on */
    qtest_writeb(state, CODE, 0xff);
    g_assert_cmphex(qtest_readb(state, CODE + 0x10), ==, code_byte(0x10));
    qtest_quit(state);
}

/* What OVMF does to tell flash from RAM and ROM. */
static void a_driver_tells_it_from_ram_and_rom(void)
{
    QTestState *state = start("");

    qtest_writeb(state, VARS, 0x50);
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x5a);
    qtest_writeb(state, VARS, 0x70);
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x00);
    qtest_writeb(state, VARS, 0xff);
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x5a);
    qtest_quit(state);
}

static void expect_image(uint64_t offset, const void *bytes, size_t count)
{
    g_autofree char *contents = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(vars_path, &contents, &size, NULL));
    g_assert_cmpuint(size, ==, VARS_SIZE);
    g_assert_cmpmem(contents + offset, count, bytes, count);
}

static void what_is_programmed_and_erased_is_in_the_image(void)
{
    uint8_t erased[4096], text[] = "flash";
    QTestState *state = start("");

    memset(erased, 0xff, sizeof(erased));
    qtest_writeb(state, VARS + 0x1234, 0x20);
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x80);
    qtest_writeb(state, VARS + 0x1234, 0xd0);
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x80);
    for (unsigned i = 0; i < sizeof(text); i++) {
        qtest_writeb(state, VARS + 0x3000 + i, i % 2 ? 0x10 : 0x40);
        qtest_writeb(state, VARS + 0x3000 + i, text[i]);
    }
    qtest_writeb(state, VARS, 0xff);
    g_assert_cmphex(qtest_readl(state, VARS + 0xffc), ==, 0x5a5a5a5a);
    g_assert_cmphex(qtest_readl(state, VARS + 0x1000), ==, 0xffffffff);
    g_assert_cmphex(qtest_readl(state, VARS + 0x1ffc), ==, 0xffffffff);
    g_assert_cmphex(qtest_readl(state, VARS + 0x2000), ==, 0x5a5a5a5a);
    g_assert_cmphex(qtest_readb(state, VARS + 0x3000), ==, 'f');
    qtest_quit(state);
    expect_image(0x1000, erased, sizeof(erased));
    expect_image(0x3000, text, sizeof(text));
    expect_image(0x2fff, "\x5a", 1);
}

static void begin_buffer(QTestState *state, uint64_t address, unsigned count)
{
    qtest_writeb(state, address, 0xe8);
    g_assert_cmphex(qtest_readb(state, address), ==, 0x80);
    qtest_writeb(state, address, (uint8_t)(count - 1));
}

static void a_buffer_is_written_when_it_is_confirmed(void)
{
    const uint64_t place = VARS + 0x4010;
    QTestState *state = start("");

    begin_buffer(state, place, 256 - 0x10);
    for (unsigned i = 0; i < 256 - 0x10; i += 4) {
        qtest_writel(state, place + i, 0x01020304 + i);
    }
    qtest_writeb(state, place, 0xd0);
    g_assert_cmphex(qtest_readb(state, place), ==, 0x80);
    begin_buffer(state, VARS + 0x5000, 2); /* never confirmed */
    qtest_writew(state, VARS + 0x5000, 0x1111);
    qtest_writeb(state, VARS + 0x5000, 0x99);
    g_assert_cmphex(qtest_readw(state, VARS + 0x5000), ==, 0x5a5a);
    begin_buffer(state, VARS + 0x6000, 2); /* crosses into the next buffer's place */
    qtest_writeb(state, VARS + 0x60ff, 0x22);
    qtest_writeb(state, VARS + 0x6100, 0x22);
    qtest_writeb(state, VARS, 0x70);
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x90);
    qtest_writeb(state, VARS, 0xff);
    g_assert_cmphex(qtest_readw(state, VARS + 0x60ff), ==, 0x5a5a);
    g_assert_cmphex(qtest_readl(state, place + 0x20), ==, 0x01020324);
    g_assert_cmphex(qtest_readb(state, place - 1), ==, 0x5a);
    qtest_quit(state);
    expect_image(0x4010, "\x04\x03\x02\x01\x08", 5);
    expect_image(0x4100, "\x5a", 1);
}

static void a_read_only_image_gives_errors_in_the_status(void)
{
    QTestState *state = start("");

    qtest_writeb(state, CODE, 0x40);
    qtest_writeb(state, CODE, 0x00);
    g_assert_cmphex(qtest_readb(state, CODE), ==, 0x90);
    qtest_writeb(state, CODE, 0x20);
    qtest_writeb(state, CODE, 0xd0);
    g_assert_cmphex(qtest_readb(state, CODE), ==, 0xb0);
    qtest_writeb(state, CODE, 0x60);
    qtest_writeb(state, CODE, 0x01);
    g_assert_cmphex(qtest_readb(state, CODE), ==, 0xb0);
    qtest_writeb(state, CODE, 0x50);
    g_assert_cmphex(qtest_readb(state, CODE + 1), ==, code_byte(1));
    qtest_quit(state);
}

static void bad_sequences_end_in_the_array(void)
{
    static const uint8_t bad[][2] = {{0x20, 0x77}, {0x20, 0xff}, {0x60, 0x55}, {0x12, 0x12}};
    QTestState *state = start("");

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        qtest_writeb(state, VARS, bad[i][0]);
        qtest_writeb(state, VARS, bad[i][1]);
        g_assert_cmphex(qtest_readb(state, VARS), ==, 0x5a);
    }
    qtest_quit(state);
}

static void nobody_writes_to_a_secure_chip(void)
{
    QTestState *state = start("-global driver=cfi.pflash01,property=secure,value=on");

    qtest_writeb(state, VARS, 0x70);
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x5a);
    qtest_writeb(state, VARS, 0x40);
    qtest_writeb(state, VARS, 0x00);
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x5a);
    qtest_quit(state);
}

static void machine_properties_name_nodes(void)
{
    QTestState *state;

    make_images();
    state = qtest_initf("-blockdev driver=file,filename=%s,node-name=f,read-only=on "
                        "-blockdev driver=raw,file=f,node-name=code,read-only=on "
                        "-machine pc,pflash0=code -drive if=pflash,unit=1,format=raw,file=%s",
                        code_path, vars_path);
    g_assert_cmphex(qtest_readb(state, 0xfffffff0), ==, code_byte(CODE_SIZE - 16));
    g_assert_cmphex(qtest_readb(state, VARS), ==, 0x5a);
    qtest_quit(state);
}

static void a_small_firmware_is_seen_whole_below_1_mib(void)
{
    QTestState *state;

    make_images();
    g_assert_cmpint(truncate(vars_path, 4096), ==, 0);
    state = qtest_initf("-machine pc -drive if=pflash,format=raw,file=%s", vars_path);
    g_assert_cmphex(qtest_readl(state, 0xff000), ==, 0x5a5a5a5a);
    g_assert_cmphex(qtest_readl(state, 0xfffff000), ==, 0x5a5a5a5a);
    g_assert_cmphex(qtest_readb(state, 0xffffefff), ==, 0xff);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("pflash-XXXXXX", NULL);
    code_path = g_build_filename(folder, "code", NULL);
    vars_path = g_build_filename(folder, "vars", NULL);
    qtest_add_func("pflash/place", firmware_is_where_the_cpu_looks);
    qtest_add_func("pflash/query", query_table_and_identifiers_are_those_of_the_chip);
    qtest_add_func("pflash/probe", a_driver_tells_it_from_ram_and_rom);
    qtest_add_func("pflash/image", what_is_programmed_and_erased_is_in_the_image);
    qtest_add_func("pflash/buffer", a_buffer_is_written_when_it_is_confirmed);
    qtest_add_func("pflash/read-only", a_read_only_image_gives_errors_in_the_status);
    qtest_add_func("pflash/bad-sequence", bad_sequences_end_in_the_array);
    qtest_add_func("pflash/secure", nobody_writes_to_a_secure_chip);
    qtest_add_func("pflash/nodes", machine_properties_name_nodes);
    qtest_add_func("pflash/small", a_small_firmware_is_seen_whole_below_1_mib);
    status = g_test_run();
    g_unlink(code_path);
    g_unlink(vars_path);
    g_rmdir(folder);
    g_free(code_path);
    g_free(vars_path);
    g_free(folder);
    return status;
}
