/*
 * -boot and bootindex: what the firmware reads from CMOS and fw_cfg.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib/gstdio.h>
#include <unistd.h>

#include "tests/qtest/fw-cfg-guest.h"

static uint8_t cmos(QTestState *qts, uint8_t index)
{
    qtest_outb(qts, 0x70, index);
    return qtest_inb(qts, 0x71);
}

static void letters_are_nibbles_in_cmos(void)
{
    static const struct {
        const char *option;
        uint8_t first_two, third;
    } cases[] = {
        {"", 0x12, 0x30},
        {"-boot c", 0x02, 0x00},
        {"-boot order=dca", 0x23, 0x10},
        {"-boot n", 0x04, 0x00},
        {"-boot once=d,order=c", 0x03, 0x00},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        QTestState *qts = qtest_initf("-M pc %s", cases[i].option);

        g_assert_cmphex(cmos(qts, 0x3d), ==, cases[i].first_two);
        g_assert_cmphex(cmos(qts, 0x38) & 0xf0, ==, cases[i].third);
        qtest_quit(qts);
    }
}

/* 100 MiB each; what the firmware is told of them, as QEMU tells it. */
static void geometry_and_translation_are_in_cmos(void)
{
    static const struct {
        const char *properties;
        uint8_t types, translation, geometry[9];
    } cases[] = {
        {"unit=0", 0xf0, 0x00, {203, 0, 16, 0xff, 0xff, 0xc8, 203, 0, 63}},
        {"unit=1,bios-chs-trans=lba", 0x0f, 0x04, {203, 0, 16, 0xff, 0xff, 0xc8, 203, 0, 63}},
        {"unit=0,bios-chs-trans=none", 0xf0, 0x00, {203, 0, 16, 0xff, 0xff, 0xc8, 203, 0, 63}},
        {"unit=0,bios-chs-trans=rechs", 0xf0, 0x03, {203, 0, 16, 0xff, 0xff, 0xc8, 203, 0, 63}},
        {"unit=0,cyls=300,heads=8,secs=40,bios-chs-trans=large",
         0xf0, 0x02, {44, 1, 8, 0xff, 0xff, 0xc0, 44, 1, 40}},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        QTestState *qts = qtest_initf("-M pc -blockdev driver=null-co,size=100M,read-zeroes=on,"
                                      "node-name=d -device ide-hd,drive=d,bus=ide.0,%s",
                                      cases[i].properties);
        bool second = cases[i].types == 0x0f;

        g_assert_cmphex(cmos(qts, 0x12), ==, cases[i].types);
        g_assert_cmphex(cmos(qts, second ? 0x1a : 0x19), ==, 47);
        g_assert_cmphex(cmos(qts, 0x39), ==, cases[i].translation);
        for (unsigned j = 0; j < 9; j++) {
            g_assert_cmphex(cmos(qts, (uint8_t)((second ? 0x24 : 0x1b) + j)), ==,
                            cases[i].geometry[j]);
        }
        qtest_quit(qts);
    }
}

static void the_signature_check_can_be_switched_off(void)
{
    static const char *const options[] = {"-M pc", "-M pc,fd-bootchk=off", "-M pc -no-fd-bootchk"};

    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        QTestState *qts = qtest_init(options[i]);

        g_assert_cmphex(cmos(qts, 0x38), ==, 0x30 | (i > 0));
        qtest_quit(qts);
    }
}

static char *make_disk(void)
{
    char *path = NULL;
    int fd = g_file_open_tmp("boot-order-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, MiB), ==, 0);
    close(fd);
    return path;
}

static void bootindex_makes_the_bootorder_file(void)
{
    g_autofree char *disk = make_disk();
    g_autofree uint8_t *order = NULL;
    QTestState *qts;
    uint32_t size;

    qts = qtest_initf("-M pc -nodefaults -boot strict=on "
                      "-drive if=none,id=d0,format=raw,file=%s "
                      "-device ide-hd,drive=d0,bus=ide.0,unit=1,bootindex=2 "
                      "-device ide-cd,bus=ide.1,unit=0,bootindex=1",
                      disk);
    order = fw_cfg_get_file(qts, "bootorder", &size);
    g_assert_cmpstr((char *)order, ==,
                    "/pci@i0cf8/ide@1,1/drive@1/disk@0\n/pci@i0cf8/ide@1,1/drive@0/disk@1\nHALT");
    g_assert_cmpuint(size, ==, strlen((char *)order) + 1);
    qtest_quit(qts);
    g_unlink(disk);
}

static void waiting_times_are_files(void)
{
    QTestState *qts = qtest_init("-M pc -boot menu=on,splash-time=2500,reboot-timeout=12000");
    g_autofree uint8_t *wait = NULL, *reboot = NULL;
    uint32_t size;

    wait = fw_cfg_get_file(qts, "etc/boot-menu-wait", &size);
    g_assert_cmpuint(size, ==, 2);
    g_assert_cmpuint(load_le16(wait), ==, 2500);
    reboot = fw_cfg_get_file(qts, "etc/boot-fail-wait", &size);
    g_assert_cmpuint(size, ==, 4);
    g_assert_cmpuint(load_le32(reboot), ==, 12000);
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("boot-order/letters-are-nibbles-in-cmos", letters_are_nibbles_in_cmos);
    qtest_add_func("boot-order/geometry-and-translation", geometry_and_translation_are_in_cmos);
    qtest_add_func("boot-order/signature-check", the_signature_check_can_be_switched_off);
    qtest_add_func("boot-order/bootindex-makes-the-bootorder-file",
                   bootindex_makes_the_bootorder_file);
    qtest_add_func("boot-order/waiting-times-are-files", waiting_times_are_files);
    return g_test_run();
}
