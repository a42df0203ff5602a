/*
 * The Xen platform device on the whole PC: a disk is read by IDE, unplugged, gone, and back after
 * each reset, written data with it; the CD-ROM stays.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide-fixture.h"

#define PLATFORM_SLOT 5
#define MIB           (UINT64_C(1) << 20)

static uint32_t platform_config(QTestState *s, unsigned offset)
{
    qtest_outl(s, 0xcf8, 0x80000000u | PLATFORM_SLOT << 11 | offset);
    return qtest_inl(s, 0xcfc);
}

static void set_platform_config(QTestState *s, unsigned offset, uint32_t value)
{
    qtest_outl(s, 0xcf8, 0x80000000u | PLATFORM_SLOT << 11 | offset);
    qtest_outl(s, 0xcfc, value);
}

static QTestState *start_xen(const char *path)
{
    g_autofree char *arguments = g_strdup_printf("-drive file=%s,if=ide,index=0,format=raw "
                                                 "-drive if=ide,index=2,media=cdrom "
                                                 "-device xen-platform,addr=5",
                                                 path);
    return start(arguments);
}

static void reset(QTestState *s)
{
    qtest_outb(s, 0xcf9, 0x02);
    qtest_outb(s, 0xcf9, 0x06);
    as_firmware(s);
}

static void read_sector(QTestState *s, uint32_t lba, uint8_t sector[512])
{
    send_command(s, PRIMARY, 0x20, 0, lba, 1);
    g_assert_cmphex(wait_ready(s, PRIMARY), ==, DRDY | DSC | DRQ);
    qtest_inb(s, PRIMARY + 7);
    read_data(s, PRIMARY, sector, 512);
}

static void write_sector(QTestState *s, uint32_t lba, const uint8_t sector[512])
{
    send_command(s, PRIMARY, 0x30, 0, lba, 1);
    g_assert_cmphex(wait_ready(s, PRIMARY), ==, DRDY | DSC | DRQ);
    for (unsigned i = 0; i < 512; i += 2) {
        qtest_outw(s, PRIMARY, load_le16(sector + i));
    }
    check_done(s, PRIMARY);
}

static void test_identity_and_ports(void)
{
    char *path = make_image(MIB, true);
    QTestState *s = start_xen(path);

    g_assert_cmphex(platform_config(s, 0x00), ==, 0x00015853);
    g_assert_cmphex(platform_config(s, 0x08), ==, 0xff800001);
    g_assert_cmphex(platform_config(s, 0x2c), ==, 0x00015853);
    g_assert_cmphex(platform_config(s, 0x3c) >> 8 & 0xff, ==, 1);
    g_assert_cmphex(qtest_inw(s, 0x10), ==, 0x49d2);
    g_assert_cmphex(qtest_inb(s, 0x12), ==, 1);
    qtest_outw(s, 0x12, 3);
    qtest_outl(s, 0x10, 0xffffffff);
    g_assert_cmphex(qtest_inw(s, 0x10), ==, 0x49d2);
    set_platform_config(s, 0x14, 0xe0000000);
    g_assert_cmphex(qtest_readl(s, 0xe0000000), ==, 0);
    qtest_writel(s, 0xe0ffff00, 1);
    g_assert_cmphex(qtest_readq(s, 0xe0ffff00), ==, 0);
    qtest_quit(s);
    remove_image(path);
}

static void test_disk_goes_and_every_reset_brings_it_back(void)
{
    char *path = make_image(MIB, true);
    QTestState *s = start_xen(path);
    uint8_t sector[512];

    for (unsigned i = 0; i < 5; i++) {
        g_autofree uint8_t *on_disk = NULL;

        read_sector(s, 9, sector);
        check_pattern(sector, 9 * 512, 512);
        memset(sector, (int)(0x30 + i), sizeof(sector));
        write_sector(s, 100 + i, sector);
        qtest_outw(s, 0x10, 1);
        /* Flushed with the port write, and nothing answers any more. */
        on_disk = read_image(path, (100 + i) * 512, 512);
        g_assert_cmpmem(on_disk, 512, sector, 512);
        qtest_outb(s, PRIMARY + 6, 0xa0);
        qtest_outb(s, PRIMARY + 7, 0xec);
        g_assert_cmphex(qtest_inb(s, PRIMARY + 7), ==, 0);
        /* The CD-ROM does: ABRT and its signature. */
        send_command(s, SECONDARY, 0xec, 0, 0, 0);
        g_assert_cmphex(wait_ready(s, SECONDARY) & ERR, ==, ERR);
        g_assert_cmphex(qtest_inb(s, SECONDARY + 4), ==, 0x14);
        g_assert_cmphex(qtest_inb(s, SECONDARY + 5), ==, 0xeb);
        reset(s);
        memset(sector, 0, sizeof(sector));
        read_sector(s, 100 + i, sector);
        g_assert_cmpmem(on_disk, 512, sector, 512);
    }
    qtest_quit(s);
    remove_image(path);
}

static void test_auxiliary_mask_spares_the_primary_master(void)
{
    char *path = make_image(MIB, true);
    QTestState *s = start_xen(path);
    uint8_t sector[512];

    qtest_outw(s, 0x10, 4);
    read_sector(s, 3, sector);
    check_pattern(sector, 3 * 512, 512);
    qtest_quit(s);
    remove_image(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/xen-platform/identity-and-ports", test_identity_and_ports);
    qtest_add_func("/xen-platform/unplug-and-reset", test_disk_goes_and_every_reset_brings_it_back);
    qtest_add_func("/xen-platform/auxiliary", test_auxiliary_mask_spares_the_primary_master);
    return g_test_run();
}
