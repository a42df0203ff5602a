/*
 * What the IDE tests on the whole machine share: image files, the function at 00:01.1 as firmware
 * sets it up, commands and bus master transfers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_QTEST_IDE_FIXTURE_H
#define TESTS_QTEST_IDE_FIXTURE_H

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "libqtest.h"
#include "util/bytes.h"

#define PRIMARY    0x1f0
#define SECONDARY  0x170
#define BUS_MASTER 0xc000
#define PRD_TABLE  0x100000
#define GUEST_DATA 0x200000

#define BSY  0x80
#define DRDY 0x40
#define DSC  0x10
#define DRQ  0x08
#define ERR  0x01

#define BM_ACTIVE    0x01
#define BM_ERROR     0x02
#define BM_INTERRUPT 0x04

/* ---- images ---- */

static inline uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 5 + offset / 512 * 11 + 3);
}

static inline void fill_pattern(uint8_t *bytes, uint64_t offset, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = pattern(offset + i);
    }
}

static inline void check_pattern(const uint8_t *bytes, uint64_t offset, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != pattern(offset + i)) {
            g_error("byte %zu: 0x%02x instead of 0x%02x", i, bytes[i], pattern(offset + i));
        }
    }
}

/* A temporary file of @size bytes, with the pattern in it or all zeros; caller frees and unlinks.
 */
static inline char *make_image(uint64_t size, bool with_pattern)
{
    char *path = NULL;
    int fd = g_file_open_tmp("ide-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, (off_t)size), ==, 0);
    close(fd);
    if (with_pattern) {
        g_autofree uint8_t *bytes = g_malloc(size);
        fill_pattern(bytes, 0, size);
        g_assert_true(g_file_set_contents(path, (const char *)bytes, (gssize)size, NULL));
    }
    return path;
}

static inline uint8_t *read_image(const char *path, uint64_t offset, size_t length)
{
    uint8_t *bytes = g_malloc0(length);
    FILE *file = fopen(path, "rb");

    g_assert_nonnull(file);
    g_assert_cmpint(fseeko(file, (off_t)offset, SEEK_SET), ==, 0);
    g_assert_cmpint(fread(bytes, 1, length, file), ==, length);
    fclose(file);
    return bytes;
}

static inline void remove_image(char *path)
{
    g_unlink(path);
    g_free(path);
}

/* ---- the function ---- */

static inline void config_write(QTestState *s, unsigned offset, uint32_t value)
{
    qtest_outl(s, 0xcf8, 0x80000900u | offset); /* 00:01.1 */
    qtest_outl(s, 0xcfc, value);
}

static inline uint32_t config_read(QTestState *s, unsigned offset)
{
    qtest_outl(s, 0xcf8, 0x80000900u | offset);
    return qtest_inl(s, 0xcfc);
}

static inline void as_firmware(QTestState *s)
{
    config_write(s, 0x40, 0x80008000); /* both channels decode */
    config_write(s, 0x20, BUS_MASTER);
    config_write(s, 0x04, 0x0005); /* I/O, bus master */
}

static inline QTestState *start(const char *arguments)
{
    QTestState *s = qtest_initf("-machine pc -m 16 %s", arguments);

    qtest_irq_intercept_in(s, "ioapic");
    as_firmware(s);
    return s;
}

static inline QTestState *start_with_disk(const char *path, const char *more)
{
    g_autofree char *arguments =
        g_strdup_printf("-drive file=%s,if=ide,format=raw%s", path, more ? more : "");

    return start(arguments);
}

/* ---- commands ---- */

static inline int irq_of(uint16_t base)
{
    return base == PRIMARY ? 14 : 15;
}

static inline uint8_t alternate_status(QTestState *s, uint16_t base)
{
    return qtest_inb(s, base + 0x206);
}

static inline uint8_t wait_ready(QTestState *s, uint16_t base)
{
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    uint8_t status;

    while ((status = alternate_status(s, base)) & BSY) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return status;
}

static inline void send_command(QTestState *s, uint16_t base, uint8_t command, uint8_t feature,
                                uint32_t lba, uint8_t count)
{
    qtest_outb(s, base + 6, 0xe0 | (lba >> 24 & 0x0f));
    qtest_outb(s, base + 1, feature);
    qtest_outb(s, base + 2, count);
    qtest_outb(s, base + 3, (uint8_t)lba);
    qtest_outb(s, base + 4, (uint8_t)(lba >> 8));
    qtest_outb(s, base + 5, (uint8_t)(lba >> 16));
    qtest_outb(s, base + 7, command);
}

static inline void read_data(QTestState *s, uint16_t base, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i += 2) {
        store_le16(bytes + i, qtest_inw(s, base));
    }
}

/* Done without an error; reading the status takes the interrupt away. */
static inline void check_done(QTestState *s, uint16_t base)
{
    g_assert_cmphex(wait_ready(s, base), ==, DRDY | DSC);
    g_assert_true(qtest_get_irq(s, irq_of(base)));
    qtest_inb(s, base + 7);
    g_assert_false(qtest_get_irq(s, irq_of(base)));
}

/* ---- bus master ---- */

typedef struct {
    uint32_t address, length;
    bool last;
} Region;

static inline void prepare_dma(QTestState *s, uint16_t base, const Region *regions, unsigned count)
{
    uint16_t port = BUS_MASTER + (base == PRIMARY ? 0 : 8);

    for (unsigned i = 0; i < count; i++) {
        qtest_writel(s, PRD_TABLE + 8 * i, regions[i].address);
        qtest_writel(s, PRD_TABLE + 8 * i + 4,
                     (regions[i].length & 0xffff) | (regions[i].last ? 0x80000000u : 0));
    }
    qtest_outb(s, port, 0);
    qtest_outb(s, port + 2, 0x06);
    qtest_outl(s, port + 4, PRD_TABLE);
}

static inline void start_dma(QTestState *s, uint16_t base, bool to_memory)
{
    qtest_outb(s, BUS_MASTER + (base == PRIMARY ? 0 : 8), to_memory ? 0x09 : 0x01);
}

/* Until the transfer has ended one way or another; then the line agrees with the status bit. */
static inline uint8_t wait_dma(QTestState *s, uint16_t base)
{
    uint16_t port = BUS_MASTER + (base == PRIMARY ? 0 : 8);
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    uint8_t status;

    while (((status = qtest_inb(s, port + 2)) & (BM_ACTIVE | BM_INTERRUPT)) == BM_ACTIVE) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    g_assert_cmpint(qtest_get_irq(s, irq_of(base)), ==, (status & BM_INTERRUPT) != 0);
    return status & 0x07;
}

#endif
