/*
 * fw_cfg of the whole machine: items, files, DMA.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tests/qtest/fw-cfg-guest.h"

static void signature_and_features(void)
{
    QTestState *qts = qtest_init("-M pc");
    uint8_t raw[4];

    fw_cfg_get(qts, 0x00, raw, 4);
    g_assert_cmpmem(raw, 4, "QEMU", 4);
    g_assert_cmphex(fw_cfg_get_u32(qts, 0x01), ==, 3);
    g_assert_cmphex(qtest_inl(qts, FW_CFG_DMA), ==, 0x554d4551);
    g_assert_cmphex(qtest_inl(qts, FW_CFG_DMA + 4), ==, 0x47464320);
    qtest_quit(qts);
}

static void the_command_line_shows(void)
{
    QTestState *qts = qtest_init("-M pc -m 96 -smp 2,maxcpus=4 -boot menu=on "
                                 "-uuid 46520f3a-1f1f-4c4c-8d8d-0123456789ab "
                                 "-fw_cfg name=opt/org.test/text,string=some-text");
    g_autofree uint8_t *text = NULL;
    uint8_t uuid[16], ram[8];
    uint32_t size;

    fw_cfg_get(qts, 0x02, uuid, 16);
    g_assert_cmpmem(uuid, 16, "\x46\x52\x0f\x3a\x1f\x1f\x4c\x4c\x8d\x8d\x01\x23\x45\x67\x89\xab",
                    16);
    fw_cfg_get(qts, 0x03, ram, 8);
    g_assert_cmpuint(load_le64(ram), ==, 96 * MiB);
    g_assert_cmpuint(fw_cfg_get_u16(qts, 0x05), ==, 2);
    g_assert_cmpuint(fw_cfg_get_u16(qts, 0x0f), ==, 4);
    g_assert_cmpuint(fw_cfg_get_u16(qts, 0x0e), ==, 1);
    text = fw_cfg_get_file(qts, "opt/org.test/text", &size);
    g_assert_cmpstr((char *)text, ==, "some-text");
    g_assert_cmpuint(size, ==, 9);
    qtest_quit(qts);
}

static void memory_map_has_all_ram(void)
{
    QTestState *qts = qtest_init("-M pc -m 64");
    g_autofree uint8_t *map = NULL;
    uint32_t size;
    uint64_t ram = 0;
    bool kvm_pages = false;

    map = fw_cfg_get_file(qts, "etc/e820", &size);
    g_assert_cmpuint(size % 20, ==, 0);
    for (uint32_t i = 0; i < size; i += 20) {
        ram += load_le32(map + i + 16) == 1 ? load_le64(map + i + 8) : 0;
        kvm_pages |= load_le64(map + i) <= 0xfeffc000 &&
                     load_le64(map + i) + load_le64(map + i + 8) >= 0xff000000 &&
                     load_le32(map + i + 16) == 2;
    }
    g_assert_cmpuint(ram, ==, 64 * MiB);
    g_assert_true(kvm_pages);
    qtest_quit(qts);
}

static void dma_errors_are_reported(void)
{
    QTestState *qts = qtest_init("-M pc -m 64");

    /* Nothing at 1 GiB; no item takes writes; then all is well again. */
    g_assert_cmphex(fw_cfg_dma(qts, 0x0a, 4, GiB), ==, 1);
    g_assert_cmphex(fw_cfg_dma(qts, 0x18, 4, FW_CFG_BUFFER), ==, 1);
    g_assert_cmphex(fw_cfg_dma(qts, 0x02, UINT32_MAX, FW_CFG_BUFFER), ==, 1);
    g_assert_cmphex(fw_cfg_dma(qts, 0x0a, 4, FW_CFG_BUFFER), ==, 0);
    g_assert_cmphex(qtest_readl(qts, FW_CFG_BUFFER), ==, 0x554d4551);
    qtest_quit(qts);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    qtest_add_func("fw-cfg/signature-and-features", signature_and_features);
    qtest_add_func("fw-cfg/the-command-line-shows", the_command_line_shows);
    qtest_add_func("fw-cfg/memory-map-has-all-ram", memory_map_has_all_ram);
    qtest_add_func("fw-cfg/dma-errors-are-reported", dma_errors_are_reported);
    return g_test_run();
}
