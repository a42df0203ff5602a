/*
 * cfi.pflash01: a NOR flash chip with the Intel command set and an 8-bit bus, as boards carry their
 * firmware in.
 *
 * Properties: "name" (of the memory region), "num-blocks" and "sector-length" (its size in bytes is
 * their product), "drive" (the image; without one the chip begins erased), "secure" (only System
 * Management Mode may command it, which no guest of ours can enter: the chip then only reads),
 * "id0" to "id3" (two 16-bit identifiers, high byte first). Made by the board, not by -device.
 *
 * Source: Intel 28F640J5 data sheet; JEDEC JESD68 (common flash interface); QEMU's register values.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_PFLASH_CFI01_H
#define HW_BLOCK_PFLASH_CFI01_H

#include "hw/core/device.h"
#include "util/memory.h"

#define TYPE_PFLASH_CFI01 "cfi.pflash01"

DEVICE_DECLARE(PflashCfi01, pflash_cfi01, HW_PFLASH_CFI01)

/** pflash_cfi01_memory: the chip's region, for the board to map; its host memory is what the flash
 * holds. After realize. */
MemoryRegion *pflash_cfi01_memory(PflashCfi01 *flash);

#endif
