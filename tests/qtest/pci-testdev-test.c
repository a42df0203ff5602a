/*
 * pci-testdev: identity, tests of both BARs, BAR 2.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "libqtest.h"

#define SLOT   4
#define MEMORY 0xe0000000u
#define PORTS  0xc000

static void select_register(QTestState *state, unsigned offset)
{
    qtest_outl(state, 0xcf8, 0x80000000u | SLOT << 11 | offset);
}

static uint32_t config(QTestState *state, unsigned offset)
{
    select_register(state, offset);
    return qtest_inl(state, 0xcfc);
}

static void set_config(QTestState *state, unsigned offset, uint32_t value)
{
    select_register(state, offset);
    qtest_outl(state, 0xcfc, value);
}

static QTestState *start(const char *more)
{
    QTestState *state = qtest_initf("-machine pc -device pci-testdev,addr=4%s", more);

    set_config(state, 0x10, MEMORY);
    set_config(state, 0x14, PORTS);
    set_config(state, 0x04, 0x0003);
    return state;
}

static void identity(void)
{
    QTestState *state = start("");

    g_assert_cmphex(config(state, 0x00), ==, 0x00051b36);
    g_assert_cmphex(config(state, 0x08) >> 16, ==, 0x00ff);
    set_config(state, 0x10, UINT32_MAX);
    g_assert_cmphex(config(state, 0x10), ==, 0xfffff000);
    set_config(state, 0x14, UINT32_MAX);
    g_assert_cmphex(config(state, 0x14), ==, 0xffffff01);
    g_assert_cmphex(config(state, 0x18), ==, 0);
    qtest_quit(state);
}

static char *memory_name(QTestState *state)
{
    char name[32] = "";

    for (unsigned i = 0; i < sizeof(name) - 1; i++) {
        name[i] = (char)qtest_readb(state, MEMORY + 16 + i);
    }
    return g_strdup(name);
}

static void memory_tests_count_their_writes(void)
{
    static const struct {
        const char *name;
        bool matches;
    } tests[] = {
        {"mmio-no-eventfd", true}, {"mmio-wildcard-eventfd", false}, {"mmio-datamatch-eventfd", true}};
    QTestState *state = start("");

    g_assert_cmphex(qtest_readl(state, MEMORY + 4), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *name = NULL;
        qtest_writeb(state, MEMORY, (uint8_t)i);
        g_assert_cmphex(qtest_readb(state, MEMORY), ==, i);
        g_assert_cmphex(qtest_readb(state, MEMORY + 1), ==, 1);
        name = memory_name(state);
        g_assert_cmpstr(name, ==, tests[i].name);
        uint32_t offset = qtest_readl(state, MEMORY + 4), data = qtest_readl(state, MEMORY + 8);
        g_assert_cmphex(offset, ==, 2048 + i);
        g_assert_cmphex(data, ==, tests[i].matches ? 0xfa : 0xce);
        qtest_writeb(state, MEMORY + offset, (uint8_t)data);
        qtest_writeb(state, MEMORY + offset, (uint8_t)data);
        qtest_writeb(state, MEMORY + offset + 1, (uint8_t)data);
        g_assert_cmpuint(qtest_readl(state, MEMORY + 12), ==, 2);
        qtest_writeb(state, MEMORY + offset, 0x11);
        g_assert_cmpuint(qtest_readl(state, MEMORY + 12), ==, tests[i].matches ? 2 : 3);
    }
    /* The ports' tests are not the memory's. */
    qtest_writeb(state, MEMORY, 3);
    g_assert_cmphex(qtest_readl(state, MEMORY + 4), ==, 0);
    qtest_quit(state);
}

static void port_tests_count_theirs(void)
{
    QTestState *state = start("");

    qtest_outb(state, PORTS, 5);
    g_assert_cmphex(qtest_inl(state, PORTS + 4), ==, 128 + 5);
    g_assert_cmphex(qtest_inl(state, PORTS + 8), ==, 0xfa);
    qtest_outb(state, PORTS + 128 + 5, 0xfa);
    qtest_outw(state, PORTS + 128 + 5, 0xfa);
    g_assert_cmpuint(qtest_inl(state, PORTS + 12), ==, 2); /* the word came byte by byte */
    g_assert_cmphex(qtest_inb(state, PORTS + 16), ==, 'p');
    /* Behind the header is nothing; no test, no header; a reset takes the choice back. */
    g_assert_cmphex(qtest_inl(state, PORTS + 64), ==, 0);
    qtest_outb(state, PORTS, 0xff);
    g_assert_cmphex(qtest_inl(state, PORTS + 8), ==, 0);
    qtest_quit(state);
}

static void bar_2_has_the_size_it_is_given(void)
{
    QTestState *state = start(",membar=16M");

    set_config(state, 0x18, UINT32_MAX);
    set_config(state, 0x1c, UINT32_MAX);
    g_assert_cmphex(config(state, 0x18), ==, 0xff00000c);
    g_assert_cmphex(config(state, 0x1c), ==, UINT32_MAX);
    set_config(state, 0x18, 0xd0000000u);
    set_config(state, 0x1c, 0);
    qtest_writel(state, 0xd0000000u, 1);
    g_assert_cmphex(qtest_readl(state, 0xd0000000u), ==, UINT32_MAX);
    qtest_quit(state);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("pci-testdev/identity", identity);
    qtest_add_func("pci-testdev/memory", memory_tests_count_their_writes);
    qtest_add_func("pci-testdev/ports", port_tests_count_theirs);
    qtest_add_func("pci-testdev/membar", bar_2_has_the_size_it_is_given);
    return g_test_run();
}
