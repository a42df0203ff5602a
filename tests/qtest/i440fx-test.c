/*
 * The host bridge and the ISA bridge: configuration mechanism 1, PAM and SMRAM registers, PIRQ routing, port
 * 0xcf9.
 *
 * Source: 82441FX and 82371SB data sheets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <glib.h>

#include "libqtest.h"

#define HOST   0x80000000u
#define BRIDGE 0x80000800u
#define PC     "-machine pc -m 16 -nodefaults"

static uint8_t config_readb(QTestState *qts, uint32_t function, unsigned offset)
{
    qtest_outl(qts, 0xcf8, function | (offset & 0xfc));
    return qtest_inb(qts, (uint16_t)(0xcfc + (offset & 3)));
}

static void config_writeb(QTestState *qts, uint32_t function, unsigned offset, uint8_t value)
{
    qtest_outl(qts, 0xcf8, function | (offset & 0xfc));
    qtest_outb(qts, (uint16_t)(0xcfc + (offset & 3)), value);
}

static void bridges_are_where_guests_look(void)
{
    QTestState *qts = qtest_init(PC);

    qtest_outl(qts, 0xcf8, HOST);
    g_assert_cmphex(qtest_inl(qts, 0xcf8), ==, HOST);
    g_assert_cmphex(qtest_inl(qts, 0xcfc), ==, 0x12378086);
    qtest_outl(qts, 0xcf8, BRIDGE);
    g_assert_cmphex(qtest_inl(qts, 0xcfc), ==, 0x70008086);
    g_assert_cmphex(config_readb(qts, BRIDGE, 0x0e), ==, 0x80);
    g_assert_cmphex(config_readb(qts, BRIDGE, 0x0b), ==, 0x06);
    /* A missing function, a missing bus, and the mechanism switched off. */
    qtest_outl(qts, 0xcf8, 0x8000f800);
    g_assert_cmphex(qtest_inl(qts, 0xcfc), ==, UINT32_MAX);
    qtest_outl(qts, 0xcf8, 0x80010000);
    g_assert_cmphex(qtest_inl(qts, 0xcfc), ==, UINT32_MAX);
    qtest_outl(qts, 0xcf8, 0);
    g_assert_cmphex(qtest_inl(qts, 0xcfc), ==, UINT32_MAX);
    qtest_quit(qts);
}

/* Each segment of the shadowed area in its four modes. */
static void pam_gives_each_segment_its_four_modes(void)
{
    static const struct {
        unsigned reg, shift;
        uint32_t address;
    } segments[] = {
        {0x59, 4, 0xf0000}, {0x5a, 0, 0xc0000}, {0x5a, 4, 0xc4000}, {0x5b, 0, 0xc8000},
        {0x5b, 4, 0xcc000}, {0x5c, 0, 0xd0000}, {0x5c, 4, 0xd4000}, {0x5d, 0, 0xd8000},
        {0x5d, 4, 0xdc000}, {0x5e, 0, 0xe0000}, {0x5e, 4, 0xe4000}, {0x5f, 0, 0xe8000},
        {0x5f, 4, 0xec000},
    };
    QTestState *qts = qtest_init(PC);

    for (unsigned i = 0; i < G_N_ELEMENTS(segments); i++) {
        uint32_t at = segments[i].address;
        unsigned shift = segments[i].shift;

        g_assert_cmphex(config_readb(qts, HOST, segments[i].reg), ==, 0);
        qtest_writeb(qts, at, 0x11);
        g_assert_cmphex(qtest_readb(qts, at), ==, 0xff); /* PCI: nobody there */
        config_writeb(qts, HOST, segments[i].reg, (uint8_t)(3u << shift));
        g_assert_cmphex(qtest_readb(qts, at), ==, 0);
        qtest_writeb(qts, at, 0x22);
        g_assert_cmphex(qtest_readb(qts, at), ==, 0x22);
        config_writeb(qts, HOST, segments[i].reg, (uint8_t)(1u << shift));
        qtest_writeb(qts, at, 0x33);
        g_assert_cmphex(qtest_readb(qts, at), ==, 0x22);
        config_writeb(qts, HOST, segments[i].reg, (uint8_t)(2u << shift));
        qtest_writel(qts, at, 0x47464544);
        g_assert_cmphex(qtest_readb(qts, at), ==, 0xff);
        config_writeb(qts, HOST, segments[i].reg, (uint8_t)(1u << shift));
        g_assert_cmphex(qtest_readl(qts, at), ==, 0x47464544);
        config_writeb(qts, HOST, segments[i].reg, 0);
    }
    qtest_quit(qts);
}

static void smram_opens_and_locks(void)
{
    QTestState *qts = qtest_init(PC);

    g_assert_cmphex(config_readb(qts, HOST, 0x72), ==, 0x02);
    qtest_writeb(qts, 0xa0000, 0x55);
    g_assert_cmphex(qtest_readb(qts, 0xa0000), ==, 0xff);
    config_writeb(qts, HOST, 0x72, 0x4a); /* D_OPEN, G_SMRAME */
    qtest_writeb(qts, 0xa0000, 0x55);
    g_assert_cmphex(qtest_readb(qts, 0xa0000), ==, 0x55);
    config_writeb(qts, HOST, 0x72, 0x1a); /* D_LCK closes it ... */
    g_assert_cmphex(qtest_readb(qts, 0xa0000), ==, 0xff);
    config_writeb(qts, HOST, 0x72, 0x4a); /* ... and keeps it closed */
    g_assert_cmphex(config_readb(qts, HOST, 0x72), ==, 0x1a);
    g_assert_cmphex(qtest_readb(qts, 0xa0000), ==, 0xff);
    qtest_quit(qts);
}

/* The IDE function has no INTx; PM's SCI is wired. PIRQs are seen through the routing registers alone here. */
static void pirq_registers_keep_only_their_bits(void)
{
    QTestState *qts = qtest_init(PC);

    for (unsigned i = 0x60; i < 0x64; i++) {
        g_assert_cmphex(config_readb(qts, BRIDGE, i), ==, 0x80);
        config_writeb(qts, BRIDGE, i, 0x7b);
        g_assert_cmphex(config_readb(qts, BRIDGE, i), ==, 0x0b);
    }
    qtest_quit(qts);
}

static void port_cf9_keeps_srst_and_resets_by_rcpu(void)
{
    QTestState *qts = qtest_init(PC);

    qtest_outb(qts, 0xcf9, 0x02);
    g_assert_cmphex(qtest_inb(qts, 0xcf9), ==, 0x02);
    /* Only a byte access is the south bridge's. */
    qtest_outl(qts, 0xcf8, HOST | 0x0600);
    g_assert_cmphex(qtest_inb(qts, 0xcf9), ==, 0x02);
    config_writeb(qts, HOST, 0x59, 0x30);
    qtest_outb(qts, 0xcf9, 0x06);
    /* The reset is carried out before the next command is read. */
    while (config_readb(qts, HOST, 0x59) != 0) {
        g_usleep(1000);
    }
    g_assert_cmphex(qtest_inb(qts, 0xcf9), ==, 0);
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i440fx/bridges_are_where_guests_look", bridges_are_where_guests_look);
    g_test_add_func("/i440fx/pam_gives_each_segment_its_four_modes",
                    pam_gives_each_segment_its_four_modes);
    g_test_add_func("/i440fx/smram_opens_and_locks", smram_opens_and_locks);
    g_test_add_func("/i440fx/pirq_registers_keep_only_their_bits",
                    pirq_registers_keep_only_their_bits);
    g_test_add_func("/i440fx/port_cf9_keeps_srst_and_resets_by_rcpu",
                    port_cf9_keeps_srst_and_resets_by_rcpu);
    return g_test_run();
}
