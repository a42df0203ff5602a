/*
 * fw_cfg as firmware reads it, over qtest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_QTEST_FW_CFG_GUEST_H
#define TESTS_QTEST_FW_CFG_GUEST_H

#include <string.h>

#include "tests/qtest/libqtest.h"
#include "util/bytes.h"

#define FW_CFG_SELECT   0x510
#define FW_CFG_DATA     0x511
#define FW_CFG_DMA      0x514
#define FW_CFG_FILE_DIR 0x19

/* Where the tests keep DMA descriptors and data. */
#define FW_CFG_DESCRIPTOR 0x1000
#define FW_CFG_BUFFER     0x2000

static inline void fw_cfg_get(QTestState *qts, uint16_t key, void *buffer, size_t size)
{
    qtest_outw(qts, FW_CFG_SELECT, key);
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)buffer)[i] = qtest_inb(qts, FW_CFG_DATA);
    }
}

static inline uint16_t fw_cfg_get_u16(QTestState *qts, uint16_t key)
{
    uint8_t raw[2];

    fw_cfg_get(qts, key, raw, sizeof(raw));
    return load_le16(raw);
}

static inline uint32_t fw_cfg_get_u32(QTestState *qts, uint16_t key)
{
    uint8_t raw[4];

    fw_cfg_get(qts, key, raw, sizeof(raw));
    return load_le32(raw);
}

/* Runs one DMA descriptor and returns its control word. */
static inline uint32_t fw_cfg_dma(QTestState *qts, uint32_t control, uint32_t length,
                                  uint64_t address)
{
    uint8_t raw[16];

    store_be32(raw, control);
    store_be32(raw + 4, length);
    store_be64(raw + 8, address);
    qtest_memwrite(qts, FW_CFG_DESCRIPTOR, raw, sizeof(raw));
    qtest_outl(qts, FW_CFG_DMA, 0);
    qtest_outl(qts, FW_CFG_DMA + 4, GUINT32_TO_BE(FW_CFG_DESCRIPTOR));
    qtest_memread(qts, FW_CFG_DESCRIPTOR, raw, 4);
    return load_be32(raw);
}

/* The content of file @name with a NUL behind it, read by DMA; NULL if there is none. Caller frees.
 */
static inline uint8_t *fw_cfg_get_file(QTestState *qts, const char *name, uint32_t *size)
{
    uint8_t count[4];

    g_assert_cmphex(fw_cfg_dma(qts, FW_CFG_FILE_DIR << 16 | 0x0a, 4, FW_CFG_BUFFER), ==, 0);
    qtest_memread(qts, FW_CFG_BUFFER, count, 4);
    for (unsigned i = 0; i < load_be32(count); i++) {
        uint8_t entry[64], *data;

        g_assert_cmphex(fw_cfg_dma(qts, 0x02, sizeof(entry), FW_CFG_BUFFER), ==, 0);
        qtest_memread(qts, FW_CFG_BUFFER, entry, sizeof(entry));
        if (strcmp((char *)entry + 8, name) != 0) {
            continue;
        }
        *size = load_be32(entry);
        data = g_malloc0(*size + 1);
        g_assert_cmphex(
            fw_cfg_dma(qts, (uint32_t)load_be16(entry + 4) << 16 | 0x0a, *size, FW_CFG_BUFFER), ==,
            0);
        qtest_memread(qts, FW_CFG_BUFFER, data, *size);
        return data;
    }
    *size = 0;
    return NULL;
}

#endif
