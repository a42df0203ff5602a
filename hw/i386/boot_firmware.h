/*
 * -kernel together with -bios: the firmware starts the kernel through an option ROM of ours.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_BOOT_FIRMWARE_H
#define HW_I386_BOOT_FIRMWARE_H

#include "hw/i386/pc_platform.h"

/* The boot order's name for the ROM. */
#define BOOT_FIRMWARE_ROM_PATH "/rom@genroms/kernel.bin"

/** boot_firmware_add: the kernel's fw_cfg items and the option ROM that reads them. */
bool boot_firmware_add(const PcPlatform *platform, GError **error);

/** option_rom_add: -option-rom: file @path, looked for like firmware, as fw_cfg "genroms/NAME". */
bool option_rom_add(const PcPlatform *platform, const char *path, GError **error);

#endif
