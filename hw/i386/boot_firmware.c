/*
 * -kernel together with -bios. The kernel is laid out as for a direct boot, but goes through
 * fw_cfg: items SETUP, KERNEL, INITRD and CMDLINE, each with address, size and data; kernel_rom.S
 * copies and starts it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/boot_firmware.h"

#include <string.h>

#include "hw/i386/boot_image.h"
#include "hw/i386/firmware.h"
#include "util/bytes.h"

#define ROM_FILE          "genroms/kernel.bin"
#define FIRMWARE_HIGH_RAM MiB /* the end of RAM, where firmware keeps its tables */
#define ROM_MAX           (128 * KiB)
#define ROM_UNIT          512
#define PNP_POINTER       0x1a
#define PNP_SIZE          32
#define PNP_CHECKSUM      9

/* kernel_rom.S */
extern const uint8_t kernel_rom_start[], kernel_rom_end[], kernel_rom_variables[];

static bool lay_out_memory(BootImage *image, GError **error)
{
    uint64_t end = image->platform->ram_below_4g;

    image->e820 = e820_copy(image->platform->e820);
    if (!e820_add_legacy_holes(image->e820, error)) {
        return false;
    }
    if (end > 2 * FIRMWARE_HIGH_RAM &&
        !e820_add(image->e820, end - FIRMWARE_HIGH_RAM, FIRMWARE_HIGH_RAM, E820_RESERVED, error)) {
        return false;
    }
    boot_space_init(&image->space, image->e820);
    /* Below are interrupt vectors, BIOS data and the ROM's stack; above BOOT_LOW_END the EBDA may
     * grow. */
    return (boot_space_take(&image->space, 0, BOOT_LOW_START) &&
            boot_space_take(&image->space, BOOT_LOW_END, 0x9f000 - BOOT_LOW_END)) ||
           error_setf(error, "-m: too little memory for -kernel");
}

/* ---- protected-mode kernels ---- */

/* The pieces in [@from, @to) as one block; *@start: its address. NULL: there are none. */
static GByteArray *flatten(BootImage *image, uint64_t from, uint64_t to, uint64_t *start,
                           GError **error)
{
    g_autoptr(GByteArray) block = g_byte_array_new();
    uint64_t end = 0;

    *start = UINT64_MAX;
    for (unsigned i = 0; i < image->pieces->len; i++) {
        const BootPiece *piece = &g_array_index(image->pieces, BootPiece, i);

        if (piece->address >= from && piece->address < to) {
            *start = MIN(*start, piece->address);
            end = MAX(end, piece->address + piece->size);
        }
    }
    if (end == 0) {
        *start = 0;
        return g_steal_pointer(&block);
    }
    g_byte_array_set_size(block, end - *start);
    memset(block->data, 0, block->len);
    for (unsigned i = 0; i < image->pieces->len; i++) {
        const BootPiece *piece = &g_array_index(image->pieces, BootPiece, i);
        uint8_t *place;

        if (piece->address < from || piece->address >= to) {
            continue;
        }
        place = block->data + (piece->address - *start);
        if (!piece->file) {
            memcpy(place, g_bytes_get_data(piece->bytes, NULL), piece->length);
        } else if (!boot_file_read(piece->file, piece->offset, place, piece->length, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&block);
}

static bool add_block(BootImage *image, uint64_t from, uint64_t to, uint16_t address_key,
                      uint16_t size_key, uint16_t data_key, GError **error)
{
    FwCfg *fw_cfg = image->platform->fw_cfg;
    uint64_t start;
    GByteArray *block = flatten(image, from, to, &start, error);
    g_autoptr(GBytes) bytes = NULL;

    if (!block) {
        return false;
    }
    fw_cfg_add_u32(fw_cfg, address_key, start);
    fw_cfg_add_u32(fw_cfg, size_key, block->len);
    bytes = g_byte_array_free_to_bytes(block);
    fw_cfg_add_bytes(fw_cfg, data_key, bytes);
    return true;
}

/* PVH's initrd lies far above the kernel: a block of its own. */
static uint64_t initrd_start(const BootImage *image)
{
    for (unsigned i = 0; i < image->pieces->len && image->files->len > 1; i++) {
        const BootPiece *piece = &g_array_index(image->pieces, BootPiece, i);

        if (piece->file == image->files->pdata[1] && !image->map_has_size) {
            return piece->address;
        }
    }
    return PC_4GIB;
}

static bool add_protected_mode_items(BootImage *image, uint8_t *variables, GError **error)
{
    uint64_t initrd = initrd_start(image);

    store_le32(variables, 1);
    store_le32(variables + 4, image->state.rip);
    store_le32(variables + 8, image->state.rax);
    store_le32(variables + 12, image->state.rbx);
    store_le32(variables + 16, image->map_address);
    store_le32(variables + 20, image->map_count_address);
    store_le32(variables + 24, image->map_unit);
    store_le32(variables + 28, image->map_has_size);
    store_le32(variables + 32, image->rsdp_pointer_address);
    fw_cfg_add_u32(image->platform->fw_cfg, FW_CFG_KERNEL_ENTRY, image->state.rip);
    return add_block(image, 0, MiB, FW_CFG_SETUP_ADDR, FW_CFG_SETUP_SIZE, FW_CFG_SETUP_DATA,
                     error) &&
           add_block(image, MiB, initrd, FW_CFG_KERNEL_ADDR, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA,
                     error) &&
           add_block(image, initrd, PC_4GIB, FW_CFG_INITRD_ADDR, FW_CFG_INITRD_SIZE,
                     FW_CFG_INITRD_DATA, error);
}

/* ---- the ROM ---- */

static bool add_rom(const PcPlatform *platform, GByteArray *rom, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    uint8_t *pnp = rom->data + load_le16(rom->data + PNP_POINTER);

    pnp[PNP_CHECKSUM] = 0;
    pnp[PNP_CHECKSUM] = acpi_checksum(pnp, PNP_SIZE);
    rom->data[rom->len - 1] = 0;
    rom->data[rom->len - 1] = acpi_checksum(rom->data, rom->len);
    bytes = g_bytes_new(rom->data, rom->len);
    return fw_cfg_add_file(platform->fw_cfg, ROM_FILE, bytes, error);
}

bool boot_firmware_add(const PcPlatform *platform, GError **error)
{
    BootImage *image = boot_image_new(platform, error);
    g_autoptr(GByteArray) rom = g_byte_array_new();
    bool good;

    if (!image) {
        return false;
    }
    g_byte_array_append(rom, kernel_rom_start, kernel_rom_end - kernel_rom_start);
    image->through_firmware = true;
    good = lay_out_memory(image, error) && boot_image_load(image, error);
    if (good && image->state.rip != 0) {
        good = add_protected_mode_items(
            image, rom->data + (kernel_rom_variables - kernel_rom_start), error);
    }
    boot_protocol_free(image);
    return good && add_rom(platform, rom, error);
}

bool option_rom_add(const PcPlatform *platform, const char *path, GError **error)
{
    g_autofree char *found = firmware_find(machine_config(platform->machine), path);
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *name = g_strconcat("genroms/", base, NULL);
    g_autoptr(GBytes) bytes = NULL;
    g_autoptr(GError) local = NULL;
    char *contents;
    gsize size;

    if (!g_file_get_contents(found ? found : path, &contents, &size, &local)) {
        return error_setf(error, "-option-rom %s: %s", path, local->message);
    }
    bytes = g_bytes_new_take(contents, size);
    if (size < ROM_UNIT || size > ROM_MAX || (uint8_t)contents[0] != 0x55 ||
        (uint8_t)contents[1] != 0xaa) {
        return error_setf(error, "-option-rom %s: not an option ROM (55 aa, up to 128 KiB)", path);
    }
    return fw_cfg_add_file(platform->fw_cfg, name, bytes, error);
}
