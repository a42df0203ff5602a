/*
 * fw_cfg: the board's way to tell its firmware about itself: items by 16-bit key, files by name,
 * read through a selector and a data port or by DMA.
 *
 * Source: the fw_cfg interface as its guests use it (Linux drivers/firmware/qemu_fw_cfg.c,
 * SeaBIOS).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_FW_CFG_H
#define HW_I386_FW_CFG_H

#include <json-glib/json-glib.h>

#include "hw/core/device.h"

#define TYPE_FW_CFG "fw_cfg_io"

#define FW_CFG_PORT_SELECT 0x510
#define FW_CFG_PORT_DATA   0x511
#define FW_CFG_PORT_DMA    0x514

/* Items with a fixed key. */
enum {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_MACHINE_ID = 0x06,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_KERNEL_CMDLINE = 0x09,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_DEVICE = 0x0c,
    FW_CFG_NUMA = 0x0d,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_ACPI_TABLES = 0x8000,
    FW_CFG_SMBIOS_ENTRIES = 0x8001,
    FW_CFG_IRQ0_OVERRIDE = 0x8002,
    FW_CFG_E820_TABLE = 0x8003,
};

#define FW_CFG_MAX_FILES      128
#define FW_CFG_NAME_LENGTH    56 /* with the NUL that ends it */
#define FW_CFG_MAX_ITEM_BYTES UINT32_MAX

/* Type "fw_cfg_io", no bus: maps its ports into the machine's I/O space when realized. */
DEVICE_DECLARE(FwCfg, fw_cfg, HW_FW_CFG)

/** FwCfgSelect: the guest selected the item; the last moment to fw_cfg_modify_*() its bytes. */
typedef void (*FwCfgSelect)(void *opaque);
/** FwCfgWritten: the guest wrote @length bytes at @offset of a writable file. */
typedef void (*FwCfgWritten)(void *opaque, const uint8_t *data, uint32_t offset, uint32_t length);

/* Items by key. An item that is there already is replaced; a reference to @bytes is taken. */
void fw_cfg_add_bytes(FwCfg *fw_cfg, uint16_t key, GBytes *bytes);
void fw_cfg_add_u16(FwCfg *fw_cfg, uint16_t key, uint16_t value);
void fw_cfg_add_u32(FwCfg *fw_cfg, uint16_t key, uint32_t value);
void fw_cfg_add_u64(FwCfg *fw_cfg, uint16_t key, uint64_t value);

/** fw_cfg_find_device: the machine's, or NULL. */
FwCfg *fw_cfg_find_device(Machine *machine);

/**
 * fw_cfg_add_file: a file of the directory (key FW_CFG_FILE_DIR).
 * @name: at most 55 characters; the guest sees the directory sorted by name
 * @bytes: its content; a reference is taken
 * False: the name is too long, empty or taken, or there are FW_CFG_MAX_FILES already.
 */
bool fw_cfg_add_file(FwCfg *fw_cfg, const char *name, GBytes *bytes, GError **error);

/**
 * fw_cfg_add_file_callback: the same, with handlers.
 * @select: called each time the guest selects the file, or NULL
 * @written: called after the guest wrote by DMA, or NULL
 * @writable: the guest may write @bytes' length of bytes (DMA only); fw_cfg keeps its own copy
 */
bool fw_cfg_add_file_callback(FwCfg *fw_cfg, const char *name, FwCfgSelect select,
                              FwCfgWritten written, void *opaque, GBytes *bytes, bool writable,
                              GError **error);

/** fw_cfg_modify_file: replaces the content of @name, which must exist; its size may change. */
void fw_cfg_modify_file(FwCfg *fw_cfg, const char *name, GBytes *bytes);
/** fw_cfg_has_file: whether @name is in the directory. */
bool fw_cfg_has_file(FwCfg *fw_cfg, const char *name);

/**
 * fw_cfg_add_user_entry: one -fw_cfg [name=]NAME,file=PATH|string=TEXT.
 * Warns of a name that does not begin with "opt/", which could clash with the board's own.
 */
bool fw_cfg_add_user_entry(FwCfg *fw_cfg, JsonObject *options, GError **error);

#endif
