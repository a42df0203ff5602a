/*
 * The CD-ROM on the pc machine: as -cdrom and as a device, empty, read by PIO and by DMA.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide-fixture.h"

#define CD      SECONDARY
#define CD_SIZE (2 * MiB)

static void send_packet(QTestState *s, const uint8_t packet[12], uint16_t limit, bool dma)
{
    qtest_outb(s, CD + 6, 0xa0);
    qtest_outb(s, CD + 1, dma);
    qtest_outb(s, CD + 4, (uint8_t)limit);
    qtest_outb(s, CD + 5, (uint8_t)(limit >> 8));
    qtest_outb(s, CD + 7, 0xa0);
    g_assert_cmphex(wait_ready(s, CD), ==, DRDY | DSC | DRQ);
    g_assert_cmphex(qtest_inb(s, CD + 2) & 7, ==, 1);
    for (unsigned i = 0; i < 12; i += 2) {
        qtest_outw(s, CD, load_le16(packet + i));
    }
}

static void read_packet(uint8_t packet[12], uint32_t address, uint16_t count)
{
    memset(packet, 0, 12);
    packet[0] = 0x28;
    store_be32(packet + 2, address);
    store_be16(packet + 7, count);
}

static void read_by_pio(QTestState *s, uint32_t address, uint16_t count, uint16_t limit)
{
    size_t total = count * 2048u, done = 0;
    g_autofree uint8_t *bytes = g_malloc0(total);
    uint8_t packet[12];

    read_packet(packet, address, count);
    send_packet(s, packet, limit, false);
    while (wait_ready(s, CD) & DRQ) {
        unsigned length = qtest_inb(s, CD + 4) | qtest_inb(s, CD + 5) << 8;

        g_assert_cmpint(length, <=, limit);
        g_assert_cmpint(done + length, <=, total);
        g_assert_cmphex(qtest_inb(s, CD + 2) & 7, ==, 2);
        g_assert_true(qtest_get_irq(s, 15));
        qtest_inb(s, CD + 7);
        read_data(s, CD, bytes + done, length);
        done += length;
    }
    g_assert_cmpint(done, ==, total);
    g_assert_cmphex(qtest_inb(s, CD + 2) & 7, ==, 3);
    check_done(s, CD);
    check_pattern(bytes, address * 2048ull, total);
}

static QTestState *start_with_cdrom(const char *path)
{
    g_autofree char *arguments = g_strdup_printf("-cdrom %s", path);

    return start(arguments);
}

static void test_pio(void)
{
    char *path = make_image(CD_SIZE, true);
    QTestState *s = start_with_cdrom(path);

    read_by_pio(s, 0, 1, 2048);
    read_by_pio(s, 1023, 1, 2048);
    read_by_pio(s, 3, 40, 0xfffe);
    read_by_pio(s, 100, 3, 1026);
    qtest_quit(s);
    remove_image(path);
}

static void test_dma(void)
{
    static const Region regions[] = {{GUEST_DATA, 0x800, false},
                                     {GUEST_DATA + 0x1000, 0x1800, true}};
    char *path = make_image(CD_SIZE, true);
    QTestState *s = start_with_cdrom(path);
    uint8_t packet[12], bytes[0x1800];

    prepare_dma(s, CD, regions, 2);
    read_packet(packet, 77, 4);
    send_packet(s, packet, 0, true);
    start_dma(s, CD, true);
    g_assert_cmphex(wait_dma(s, CD), ==, BM_INTERRUPT);
    check_done(s, CD);
    qtest_memread(s, GUEST_DATA, bytes, 0x800);
    check_pattern(bytes, 77 * 2048, 0x800);
    qtest_memread(s, GUEST_DATA + 0x1000, bytes, 0x1800);
    check_pattern(bytes, 78 * 2048, 0x1800);
    qtest_quit(s);
    remove_image(path);
}

/* CHECK CONDITION; the sense key, code and qualifier. */
static uint32_t sense_after(QTestState *s, const uint8_t packet[12])
{
    static const uint8_t request[12] = {0x03, 0, 0, 0, 18};
    uint8_t bytes[18];

    send_packet(s, packet, 0xfffe, false);
    g_assert_cmphex(wait_ready(s, CD), ==, DRDY | DSC | ERR);
    qtest_inb(s, CD + 7);
    send_packet(s, request, 0xfffe, false);
    g_assert_cmphex(wait_ready(s, CD), ==, DRDY | DSC | DRQ);
    read_data(s, CD, bytes, sizeof(bytes));
    check_done(s, CD);
    return (uint32_t)bytes[2] << 16 | bytes[12] << 8 | bytes[13];
}

static void test_empty_drive(void)
{
    static const uint8_t ready[12] = {0x00};
    uint8_t packet[12];
    QTestState *s = start("-device ide-cd,bus=ide.1,unit=0");

    g_assert_cmphex(sense_after(s, ready), ==, 0x023a01);
    read_packet(packet, 0, 1);
    g_assert_cmphex(sense_after(s, packet), ==, 0x023a01);
    send_command(s, CD, 0xe7, 0, 0, 0); /* FLUSH CACHE: not a packet device's */
    g_assert_cmphex(wait_ready(s, CD), ==, DRDY | DSC | ERR);
    g_assert_cmphex(qtest_inb(s, CD + 1), ==, 0x04);
    qtest_quit(s);
}

static void test_beyond_end(void)
{
    char *path = make_image(CD_SIZE, true);
    QTestState *s = start_with_cdrom(path);
    uint8_t packet[12];

    read_packet(packet, 1024, 1);
    g_assert_cmphex(sense_after(s, packet), ==, 0x052100);
    read_by_pio(s, 1022, 2, 4096);
    qtest_quit(s);
    remove_image(path);
}

static void test_signature(void)
{
    char *path = make_image(CD_SIZE, true);
    QTestState *s = start_with_cdrom(path);

    qtest_outb(s, CD + 0x206, 0x04);
    qtest_outb(s, CD + 0x206, 0x00);
    g_assert_cmphex(wait_ready(s, CD), ==, 0);
    g_assert_cmphex(qtest_inb(s, CD + 4), ==, 0x14);
    g_assert_cmphex(qtest_inb(s, CD + 5), ==, 0xeb);
    send_command(s, CD, 0xec, 0, 0, 0);
    g_assert_cmphex(wait_ready(s, CD), ==, DRDY | DSC | ERR);
    g_assert_cmphex(qtest_inb(s, CD + 4), ==, 0x14);
    qtest_quit(s);
    remove_image(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/cdrom/pio", test_pio);
    qtest_add_func("/cdrom/dma", test_dma);
    qtest_add_func("/cdrom/empty_drive", test_empty_drive);
    qtest_add_func("/cdrom/beyond_end", test_beyond_end);
    qtest_add_func("/cdrom/signature", test_signature);
    return g_test_run();
}
