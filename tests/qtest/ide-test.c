/*
 * The IDE disk on the pc machine: IDENTIFY, PIO, bus master with tables of every kind, TRIM, FLUSH,
 * reset with a transfer under way, a file cut off under the guest, geometry in CMOS, boot order.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide-fixture.h"

#define READ_DMA  0xc8
#define WRITE_DMA 0xca

#define DISK_SIZE (4 * MiB)

/* ---- IDENTIFY ---- */

static void identify(QTestState *s, uint16_t words[256])
{
    uint8_t bytes[512], sum = 0;

    send_command(s, PRIMARY, 0xec, 0, 0, 0);
    g_assert_cmphex(wait_ready(s, PRIMARY), ==, DRDY | DSC | DRQ);
    g_assert_true(qtest_get_irq(s, 14));
    g_assert_cmphex(qtest_inb(s, PRIMARY + 7), ==, DRDY | DSC | DRQ);
    g_assert_false(qtest_get_irq(s, 14));
    read_data(s, PRIMARY, bytes, sizeof(bytes));
    g_assert_cmphex(qtest_inb(s, PRIMARY + 7), ==, DRDY | DSC);
    for (unsigned i = 0; i < 512; i++) {
        sum += bytes[i];
    }
    g_assert_cmphex(sum, ==, 0);
    for (unsigned i = 0; i < 256; i++) {
        words[i] = load_le16(bytes + 2 * i);
    }
}

static void check_text(const uint16_t *words, unsigned first, const char *text)
{
    for (unsigned i = 0; text[i]; i++) {
        uint16_t word = words[first + i / 2];
        g_assert_cmphex(i % 2 ? word & 0xff : word >> 8, ==, text[i]);
    }
}

static void test_identify(void)
{
    char *path = make_image(DISK_SIZE, true);
    g_autofree char *arguments =
        g_strdup_printf("-drive file=%s,if=none,id=d,format=raw "
                        "-device ide-hd,drive=d,bus=ide.0,serial=testdisk,ver=version",
                        path);
    QTestState *s = start(arguments);
    uint16_t words[256];

    identify(s, words);
    check_text(words, 10, "testdisk            ");
    check_text(words, 23, "version ");
    check_text(words, 27, "QEMU HARDDISK       ");
    g_assert_cmphex(words[85] & 0x20, ==, 0x20); /* write cache on */
    g_assert_cmpint(words[60] | words[61] << 16, ==, DISK_SIZE / 512);
    qtest_quit(s);
    remove_image(path);
}

static void test_config_space(void)
{
    QTestState *s = qtest_init("-machine pc");

    g_assert_cmphex(config_read(s, 0x00), ==, 0x70108086);
    g_assert_cmphex(config_read(s, 0x08) >> 8, ==, 0x010180);
    g_assert_cmphex(config_read(s, 0x40), ==, 0);
    g_assert_cmphex(qtest_inb(s, PRIMARY + 7), ==, 0xff); /* not decoded yet */
    as_firmware(s);
    g_assert_cmphex(config_read(s, 0x20), ==, BUS_MASTER | 1);
    g_assert_cmphex(qtest_inb(s, PRIMARY + 7), ==, 0x00); /* decoded, nobody there */
    qtest_quit(s);
}

static void test_diagnostic(void)
{
    char *path = make_image(DISK_SIZE, true);
    QTestState *s = start_with_disk(path, NULL);

    qtest_outb(s, PRIMARY + 6, 0xb0);
    qtest_outb(s, PRIMARY + 7, 0x90);
    g_assert_true(qtest_get_irq(s, 14));
    g_assert_cmphex(qtest_inb(s, PRIMARY + 1), ==, 1);
    g_assert_cmphex(qtest_inb(s, PRIMARY + 2), ==, 1);
    g_assert_cmphex(qtest_inb(s, PRIMARY + 6), ==, 0xa0);
    g_assert_cmphex(qtest_inb(s, PRIMARY + 7), ==, DRDY | DSC);
    g_assert_false(qtest_get_irq(s, 14));
    qtest_quit(s);
    remove_image(path);
}

static void test_pio_read(void)
{
    char *path = make_image(DISK_SIZE, true);
    QTestState *s = start_with_disk(path, NULL);
    uint8_t bytes[512];

    send_command(s, PRIMARY, 0x20, 0, 1000, 3);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(wait_ready(s, PRIMARY), ==, DRDY | DSC | DRQ);
        g_assert_true(qtest_get_irq(s, 14));
        qtest_inb(s, PRIMARY + 7);
        read_data(s, PRIMARY, bytes, sizeof(bytes));
        check_pattern(bytes, (1000 + i) * 512, 512);
    }
    g_assert_cmphex(alternate_status(s, PRIMARY), ==, DRDY | DSC);
    qtest_quit(s);
    remove_image(path);
}

/* ---- bus master ---- */

static uint8_t transfer(QTestState *s, uint8_t command, uint32_t lba, uint8_t count,
                        const Region *regions, unsigned table)
{
    prepare_dma(s, PRIMARY, regions, table);
    send_command(s, PRIMARY, command, 0, lba, count);
    start_dma(s, PRIMARY, command == READ_DMA);
    return wait_dma(s, PRIMARY);
}

static void test_bmdma_simple_rw(void)
{
    static const Region one[] = {{GUEST_DATA, 0x1000, true}};
    char *path = make_image(DISK_SIZE, false);
    QTestState *s = start_with_disk(path, NULL);
    uint8_t out[0x1000], in[0x1000];
    g_autofree uint8_t *stored = NULL;

    fill_pattern(out, 7777, sizeof(out));
    qtest_memwrite(s, GUEST_DATA, out, sizeof(out));
    g_assert_cmphex(transfer(s, WRITE_DMA, 40, 8, one, 1), ==, BM_INTERRUPT);
    check_done(s, PRIMARY);
    qtest_memset(s, GUEST_DATA, 0, sizeof(in));
    g_assert_cmphex(transfer(s, READ_DMA, 40, 8, one, 1), ==, BM_INTERRUPT);
    check_done(s, PRIMARY);
    qtest_memread(s, GUEST_DATA, in, sizeof(in));
    g_assert_cmpmem(in, sizeof(in), out, sizeof(out));
    stored = read_image(path, 40 * 512, sizeof(out));
    g_assert_cmpmem(stored, sizeof(out), out, sizeof(out));
    qtest_quit(s);
    remove_image(path);
}

/* For each size of table (bytes, 0: 64 KiB) and request: too short, exact, or too long. */
static void test_bmdma_various_tables(void)
{
    static const uint32_t sizes[] = {2, 0x1fe, 0x200, 0x202, 0x400, 0xfffe, 0};
    static const uint8_t counts[] = {1, 2, 0}; /* 0: 256 */
    char *path = make_image(DISK_SIZE, true);
    QTestState *s = start_with_disk(path, NULL);

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (unsigned j = 0; j < G_N_ELEMENTS(counts); j++) {
            Region region = {GUEST_DATA, sizes[i], true};
            uint32_t table = sizes[i] ? sizes[i] : 65536;
            uint32_t wanted = (counts[j] ? counts[j] : 256) * 512;
            uint8_t expected = table < wanted ? 0 : BM_INTERRUPT;

            expected |= table > wanted ? BM_ACTIVE : 0;
            g_assert_cmphex(transfer(s, READ_DMA, 0, counts[j], &region, 1), ==, expected);
            g_assert_cmphex(wait_ready(s, PRIMARY), ==, DRDY | DSC);
            qtest_inb(s, PRIMARY + 7);
        }
    }
    qtest_quit(s);
    remove_image(path);
}

/* The start bit goes off at once; the outcome is that of the same request left alone, or a clean
 * abort. */
static void test_bmdma_stop(void)
{
    static const Region one[] = {{GUEST_DATA, 0x1000, true}};
    char *path = make_image(DISK_SIZE, true);
    QTestState *s = start_with_disk(path, NULL);
    uint8_t bytes[512];

    for (unsigned i = 0; i < 20; i++) {
        prepare_dma(s, PRIMARY, one, 1);
        send_command(s, PRIMARY, READ_DMA, 0, i, 1);
        start_dma(s, PRIMARY, true);
        qtest_outb(s, BUS_MASTER, 0);
        g_assert_cmphex(wait_dma(s, PRIMARY), ==, BM_INTERRUPT);
        check_done(s, PRIMARY);
        qtest_memread(s, GUEST_DATA, bytes, sizeof(bytes));
        check_pattern(bytes, i * 512, sizeof(bytes));
    }
    qtest_quit(s);
    remove_image(path);
}

static void test_bmdma_no_bus_master(void)
{
    static const Region one[] = {{GUEST_DATA, 0x1000, true}};
    char *path = make_image(DISK_SIZE, true);
    QTestState *s = start_with_disk(path, NULL);

    qtest_memset(s, GUEST_DATA, 0x77, 512);
    config_write(s, 0x04, 0x0001);
    g_assert_cmphex(transfer(s, READ_DMA, 0, 8, one, 1), ==, BM_ERROR | BM_INTERRUPT);
    g_assert_cmphex(qtest_inb(s, PRIMARY + 7), ==, DRDY | DSC | ERR);
    g_assert_cmphex(qtest_readl(s, GUEST_DATA), ==, 0x77777777);
    qtest_quit(s);
    remove_image(path);
}

static void test_soft_reset_during_dma(void)
{
    Region regions[16];
    char *path = make_image(DISK_SIZE, true);
    QTestState *s = start_with_disk(path, NULL);
    uint8_t bytes[512];

    for (unsigned i = 0; i < 16; i++) {
        regions[i] = (Region){GUEST_DATA + i * 0x2000, 0x2000, i == 15};
    }
    for (unsigned i = 0; i < 20; i++) {
        prepare_dma(s, PRIMARY, regions, 16);
        send_command(s, PRIMARY, READ_DMA, 0, 0, 0);
        start_dma(s, PRIMARY, true);
        qtest_outb(s, PRIMARY + 0x206, 0x04);
        qtest_outb(s, PRIMARY + 0x206, 0x00);
        qtest_outb(s, BUS_MASTER, 0);
        g_assert_cmphex(wait_ready(s, PRIMARY), ==, DRDY | DSC);
        g_assert_cmphex(qtest_inb(s, PRIMARY + 3), ==, 1);
        qtest_memset(s, GUEST_DATA, 0xee, 0x20000);
        g_usleep(2000);
        qtest_memread(s, GUEST_DATA + 0x1fe00, bytes, sizeof(bytes));
        g_assert_cmphex(bytes[0], ==, 0xee); /* nothing comes late */
        g_assert_false(qtest_get_irq(s, 14) && (qtest_inb(s, PRIMARY + 7) & ERR));
    }
    g_assert_cmphex(transfer(s, READ_DMA, 5, 8, regions, 16), ==, BM_ACTIVE | BM_INTERRUPT);
    check_done(s, PRIMARY);
    qtest_memread(s, GUEST_DATA, bytes, sizeof(bytes));
    check_pattern(bytes, 5 * 512, sizeof(bytes));
    qtest_quit(s);
    remove_image(path);
}

static void test_trim(void)
{
    static const Region one[] = {{GUEST_DATA, 512, true}};
    char *path = make_image(DISK_SIZE, true);
    QTestState *s = start_with_disk(path, ",discard=unmap");
    uint16_t words[256];
    g_autofree uint8_t *stored = NULL;

    identify(s, words);
    g_assert_cmpint(words[169], ==, 1);
    qtest_memset(s, GUEST_DATA, 0, 512);
    qtest_writeq(s, GUEST_DATA, 2048 | UINT64_C(16) << 48);
    prepare_dma(s, PRIMARY, one, 1);
    qtest_outb(s, PRIMARY + 2, 0); /* upper half of the count */
    send_command(s, PRIMARY, 0x06, 1, 0, 1);
    start_dma(s, PRIMARY, false);
    g_assert_cmphex(wait_dma(s, PRIMARY), ==, BM_INTERRUPT);
    check_done(s, PRIMARY);
    stored = read_image(path, 2047 * 512, 18 * 512);
    check_pattern(stored, 2047 * 512, 512);
    for (unsigned i = 512; i < 17 * 512; i++) {
        g_assert_cmphex(stored[i], ==, 0);
    }
    check_pattern(stored + 17 * 512, 2064 * 512, 512);
    qtest_quit(s);
    remove_image(path);
}

static void test_flush(void)
{
    char *path = make_image(DISK_SIZE, true);
    QTestState *s = start_with_disk(path, NULL);

    send_command(s, PRIMARY, 0xe7, 0, 0, 0);
    check_done(s, PRIMARY);
    send_command(s, PRIMARY, 0xea, 0, 0, 0);
    check_done(s, PRIMARY);
    qtest_quit(s);
    remove_image(path);
}

static void test_flush_without_disk(void)
{
    QTestState *s = start("");

    send_command(s, PRIMARY, 0xe7, 0, 0, 0);
    g_assert_cmphex(qtest_inb(s, PRIMARY + 7), ==, 0);
    g_assert_false(qtest_get_irq(s, 14));
    qtest_quit(s);
}

/* ---- errors ---- */

static void test_truncated_file(void)
{
    static const Region one[] = {{GUEST_DATA, 0x8000, true}};
    char *path = make_image(DISK_SIZE, true);
    QTestState *s = start_with_disk(path, NULL);
    uint8_t bytes[0x1000];

    g_assert_cmpint(truncate(path, 1024 * 512), ==, 0);
    g_assert_cmphex(transfer(s, READ_DMA, 1016, 64, one, 1) & BM_INTERRUPT, ==, BM_INTERRUPT);
    g_assert_cmphex(qtest_inb(s, PRIMARY + 7), ==, DRDY | DSC | ERR);
    g_assert_cmphex(qtest_inb(s, PRIMARY + 1), ==, 0x40);
    g_assert_cmpint(qtest_inb(s, PRIMARY + 3) | qtest_inb(s, PRIMARY + 4) << 8, ==, 1024);
    qtest_memread(s, GUEST_DATA, bytes, sizeof(bytes));
    check_pattern(bytes, 1016 * 512, sizeof(bytes)); /* what is left of it arrived */
    g_assert_cmphex(transfer(s, READ_DMA, 0, 64, one, 1), ==, BM_INTERRUPT);
    check_done(s, PRIMARY);
    qtest_quit(s);
    remove_image(path);
}

/* ---- what the machine makes of it ---- */

static uint8_t cmos(QTestState *s, uint8_t index)
{
    qtest_outb(s, 0x70, index);
    return qtest_inb(s, 0x71);
}

static void test_geometry_in_cmos(void)
{
    char *path = make_image(100 * MiB, false);
    QTestState *s = start_with_disk(path, NULL);

    g_assert_cmphex(cmos(s, 0x12), ==, 0xf0);
    g_assert_cmphex(cmos(s, 0x19), ==, 47);
    g_assert_cmpint(cmos(s, 0x1b) | cmos(s, 0x1c) << 8, ==, 203);
    g_assert_cmpint(cmos(s, 0x1d), ==, 16);
    g_assert_cmpint(cmos(s, 0x23), ==, 63);
    g_assert_cmphex(cmos(s, 0x39), ==, 0);
    qtest_quit(s);
    remove_image(path);
    path = make_image(2 * GiB, false);
    s = start_with_disk(path, NULL);
    g_assert_cmphex(cmos(s, 0x39), ==, 1); /* LBA */
    qtest_quit(s);
    remove_image(path);
}

/* The text of fw_cfg's file "bootorder", or NULL. */
static char *boot_order(QTestState *s)
{
    uint8_t entry[64];
    uint32_t count;

    qtest_outw(s, 0x510, 0x19);
    for (unsigned i = 0; i < 4; i++) {
        entry[i] = qtest_inb(s, 0x511);
    }
    count = load_be32(entry);
    while (count-- > 0) {
        for (unsigned i = 0; i < sizeof(entry); i++) {
            entry[i] = qtest_inb(s, 0x511);
        }
        if (strcmp((const char *)entry + 8, "bootorder") == 0) {
            uint32_t size = load_be32(entry);
            char *text = g_malloc0(size + 1);

            qtest_outw(s, 0x510, load_be16(entry + 4));
            for (uint32_t i = 0; i < size; i++) {
                text[i] = (char)qtest_inb(s, 0x511);
            }
            return text;
        }
    }
    return NULL;
}

static void test_boot_order(void)
{
    char *path = make_image(DISK_SIZE, false);
    g_autofree char *arguments =
        g_strdup_printf("-drive file=%s,if=none,id=d,format=raw "
                        "-device ide-hd,drive=d,bus=ide.0,unit=1,bootindex=5 "
                        "-device ide-cd,bus=ide.1,unit=0,bootindex=2",
                        path);
    QTestState *s = start(arguments);
    g_autofree char *text = boot_order(s);

    g_assert_cmpstr(text, ==,
                    "/pci@i0cf8/ide@1,1/drive@1/disk@0\n/pci@i0cf8/ide@1,1/drive@0/disk@1");
    qtest_quit(s);
    remove_image(path);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("/ide/config-space", test_config_space);
    qtest_add_func("/ide/identify", test_identify);
    qtest_add_func("/ide/diagnostic", test_diagnostic);
    qtest_add_func("/ide/pio-read", test_pio_read);
    qtest_add_func("/ide/bmdma/simple_rw", test_bmdma_simple_rw);
    qtest_add_func("/ide/bmdma/various_tables", test_bmdma_various_tables);
    qtest_add_func("/ide/bmdma/stop", test_bmdma_stop);
    qtest_add_func("/ide/bmdma/no_bus_master", test_bmdma_no_bus_master);
    qtest_add_func("/ide/bmdma/soft_reset", test_soft_reset_during_dma);
    qtest_add_func("/ide/bmdma/trim", test_trim);
    qtest_add_func("/ide/flush", test_flush);
    qtest_add_func("/ide/flush_without_disk", test_flush_without_disk);
    qtest_add_func("/ide/truncated_file", test_truncated_file);
    qtest_add_func("/ide/geometry", test_geometry_in_cmos);
    qtest_add_func("/ide/boot_order", test_boot_order);
    return g_test_run();
}
