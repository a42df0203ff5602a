/*
 * The floppy controller on the pc machine: what firmware and suites of others look at: idle status,
 * CMOS bytes, reads with and without a medium by DMA, seeks, VERIFY, boot order, random registers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/qtest/fw-cfg-guest.h"

#define SECTOR   512
#define SIZE_144 (1440 * KiB)

#define DOR  0x3f2
#define MSR  0x3f4
#define FIFO 0x3f5
#define DIR  0x3f7
#define IRQ  6

static char *make_image(size_t size)
{
    char *path = NULL;
    int fd = g_file_open_tmp("fdc-XXXXXX", &path, NULL);
    g_autofree uint8_t *bytes = g_malloc(size);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 3 + i / SECTOR);
    }
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, bytes, size), ==, (ssize_t)size);
    close(fd);
    return path;
}

static QTestState *start(const char *arguments)
{
    QTestState *s = qtest_initf("-machine pc -m 16 %s", arguments);

    qtest_irq_intercept_in(s, "ioapic");
    return s;
}

static QTestState *start_with(const char *path, const char *more)
{
    g_autofree char *arguments =
        g_strdup_printf("-nodefaults -drive file=%s,if=floppy,format=raw%s", path, more);

    return start(arguments);
}

static void give(QTestState *s, const uint8_t *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmphex(qtest_inb(s, MSR) & 0xc0, ==, 0x80);
        qtest_outb(s, FIFO, bytes[i]);
    }
}

static void take(QTestState *s, uint8_t *bytes, unsigned count)
{
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    while (!(qtest_inb(s, MSR) & 0x80)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    for (unsigned i = 0; i < count; i++) {
        g_assert_cmphex(qtest_inb(s, MSR), ==, 0xd0);
        bytes[i] = qtest_inb(s, FIFO);
    }
    g_assert_cmphex(qtest_inb(s, MSR), ==, 0x80);
}

static void seek(QTestState *s, uint8_t cylinder)
{
    const uint8_t command[] = {0x0f, 0, cylinder}, sense = 0x08;
    uint8_t result[2];

    give(s, command, sizeof(command));
    g_assert_true(qtest_get_irq(s, IRQ));
    give(s, &sense, 1);
    take(s, result, sizeof(result));
    g_assert_cmphex(result[0], ==, 0x20);
    g_assert_cmpint(result[1], ==, cylinder);
    g_assert_false(qtest_get_irq(s, IRQ));
}

static uint8_t cmos(QTestState *s, uint8_t index)
{
    qtest_outb(s, 0x70, index);
    return qtest_inb(s, 0x71);
}

/* ---- tests ---- */

static void test_controller_is_there_without_drives(void)
{
    const uint8_t recalibrate[] = {0x07, 0}, sense = 0x08;
    uint8_t result[2];
    QTestState *s = start("-nodefaults");

    g_assert_cmphex(qtest_inb(s, MSR), ==, 0x80);
    g_assert_cmphex(qtest_inb(s, DOR), ==, 0x0c);
    give(s, &sense, 1);
    take(s, result, 1);
    g_assert_cmphex(result[0], ==, 0x80);
    give(s, recalibrate, sizeof(recalibrate));
    g_assert_true(qtest_get_irq(s, IRQ));
    give(s, &sense, 1);
    take(s, result, 2);
    g_assert_cmphex(result[0], ==, 0x70);
    qtest_quit(s);
}

static void test_cmos_has_types_and_number(void)
{
    char *path = make_image(SIZE_144);
    static const struct {
        const char *arguments;
        uint8_t types, equipment;
    } cases[] = {
        {"-nodefaults", 0x00, 0x00},
        {"", 0x50, 0x01},
        {"-device floppy", 0x50, 0x01},
        {"-device floppy,drive-type=none", 0x00, 0x00},
        {"-fda %s", 0x40, 0x01},
        {"-nodefaults -fdb %s", 0x04, 0x01},
        {"-fda %s -device floppy,drive-type=120", 0x42, 0x41},
        {"-fda %s -global isa-fdc.fdtypeA=288", 0x50, 0x01},
        {"-global isa-fdc.fallback=144", 0x40, 0x01},
        {"-blockdev raw,node-name=n,file.driver=file,file.filename=%s -global isa-fdc.driveB=n "
         "-nodefaults",
         0x04, 0x01},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(GStrv) parts = g_strsplit(cases[i].arguments, "%s", 2);
        g_autofree char *arguments = g_strjoinv(path, parts);
        QTestState *s = start(arguments);

        g_assert_cmphex(cmos(s, 0x10), ==, cases[i].types);
        g_assert_cmphex(cmos(s, 0x14) & 0xc1, ==, cases[i].equipment);
        qtest_quit(s);
    }
    g_unlink(path);
    g_free(path);
}

static void test_boot_signature_check_can_be_left_out(void)
{
    QTestState *s = start("");

    g_assert_cmphex(cmos(s, 0x38) & 1, ==, 0);
    qtest_quit(s);
    s = start("-no-fd-bootchk");
    g_assert_cmphex(cmos(s, 0x38) & 1, ==, 1);
    qtest_quit(s);
}

static void test_read_without_medium_fails(void)
{
    const uint8_t read[] = {0xe6, 0, 0, 0, 1, 2, 1, 0x1b, 0xff};
    const uint8_t verify[] = {0x16, 0, 0, 0, 1, 2, 1, 0x1b, 0xff};
    uint8_t result[7];
    QTestState *s = start("");

    g_assert_cmphex(qtest_inb(s, DIR) & 0x80, ==, 0x80);
    seek(s, 1);
    g_assert_cmphex(qtest_inb(s, DIR) & 0x80, ==, 0x80);
    give(s, read, sizeof(read));
    take(s, result, sizeof(result));
    g_assert_cmphex(result[0], ==, 0x40);
    g_assert_cmphex(result[1], ==, 0x01);
    give(s, verify, sizeof(verify));
    take(s, result, sizeof(result));
    g_assert_cmphex(result[0], ==, 0x40);
    qtest_quit(s);
}

static void set_dma(QTestState *s, uint32_t address, uint16_t count)
{
    qtest_outb(s, 0x0a, 0x06);
    qtest_outb(s, 0x0c, 0);
    qtest_outb(s, 0x0b, 0x46);
    qtest_outb(s, 0x04, (uint8_t)address);
    qtest_outb(s, 0x04, (uint8_t)(address >> 8));
    qtest_outb(s, 0x81, (uint8_t)(address >> 16));
    qtest_outb(s, 0x05, (uint8_t)(count - 1));
    qtest_outb(s, 0x05, (uint8_t)((count - 1) >> 8));
    qtest_outb(s, 0x0a, 0x02);
}

static void test_read_by_dma(void)
{
    const uint8_t read[] = {0xe6, 0, 10, 0, 3, 2, 18, 0x1b, 0xff};
    char *path = make_image(SIZE_144);
    QTestState *s = start_with(path, "");
    uint8_t result[7], data[4 * SECTOR];
    uint32_t place = (10 * 36 + 2) * SECTOR;

    set_dma(s, 0x8f000, sizeof(data));
    give(s, read, sizeof(read));
    take(s, result, sizeof(result));
    g_assert_cmphex(result[0], ==, 0x20);
    g_assert_cmphex(result[1] | result[2], ==, 0);
    g_assert_cmpint(result[5], ==, 7);
    qtest_memread(s, 0x8f000, data, sizeof(data));
    for (unsigned i = 0; i < sizeof(data); i++) {
        g_assert_cmphex(data[i], ==, (uint8_t)((place + i) * 3 + (place + i) / SECTOR));
    }
    qtest_quit(s);
    g_unlink(path);
    g_free(path);
}

static void test_protected_image_is_a_protected_diskette(void)
{
    const uint8_t write[] = {0xc5, 0, 0, 0, 1, 2, 1, 0x1b, 0xff};
    char *path = make_image(SIZE_144);
    QTestState *s = start_with(path, ",readonly=on");
    uint8_t result[7];

    give(s, write, sizeof(write));
    take(s, result, sizeof(result));
    g_assert_cmphex(result[0], ==, 0x40);
    g_assert_cmphex(result[1], ==, 0x02);
    qtest_quit(s);
    g_unlink(path);
    g_free(path);
}

static void test_bootindex_names_the_drive(void)
{
    QTestState *s = start("-nodefaults -global isa-fdc.bootindexA=2 -global isa-fdc.bootindexB=1");
    uint32_t size;
    g_autofree uint8_t *order = fw_cfg_get_file(s, "bootorder", &size);

    g_assert_cmpstr((char *)order, ==,
                    "/pci@i0cf8/isa@1/fdc@03f0/floppy@1\n/pci@i0cf8/isa@1/fdc@03f0/floppy@0");
    qtest_quit(s);
}

static void test_second_controller(void)
{
    QTestState *s = start("-nodefaults -device isa-fdc,iobase=0x370,irq=5,dma=1 "
                          "-device floppy,bus=floppy-bus.1,unit=1");

    g_assert_cmphex(qtest_inb(s, 0x374), ==, 0x80);
    g_assert_cmphex(qtest_inb(s, 0x370) & 0x40, ==, 0x00); /* it has a second drive */
    g_assert_cmphex(qtest_inb(s, 0x3f0) & 0x40, ==, 0x40);
    qtest_outb(s, 0x372, 0x08);
    qtest_outb(s, 0x372, 0x0c);
    g_assert_true(qtest_get_irq(s, 5));
    g_assert_false(qtest_get_irq(s, IRQ));
    qtest_quit(s);
}

static void test_random_registers(void)
{
    char *path = make_image(SIZE_144);
    QTestState *s = start_with(path, ",snapshot=on");

    for (unsigned i = 0; i < 3000; i++) {
        uint16_t port = (uint16_t)(0x3f0 + g_test_rand_int_range(0, 8));

        qtest_outb(s, port, (uint8_t)g_test_rand_int_range(0, 256));
        qtest_inb(s, port);
    }
    g_assert_true(qtest_probe_child(s));
    qtest_quit(s);
    g_unlink(path);
    g_free(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("fdc/no-drives", test_controller_is_there_without_drives);
    qtest_add_func("fdc/cmos", test_cmos_has_types_and_number);
    qtest_add_func("fdc/boot-check", test_boot_signature_check_can_be_left_out);
    qtest_add_func("fdc/no-medium", test_read_without_medium_fails);
    qtest_add_func("fdc/read", test_read_by_dma);
    qtest_add_func("fdc/protected", test_protected_image_is_a_protected_diskette);
    qtest_add_func("fdc/bootindex", test_bootindex_names_the_drive);
    qtest_add_func("fdc/second-controller", test_second_controller);
    qtest_add_func("fdc/random", test_random_registers);
    return g_test_run();
}
