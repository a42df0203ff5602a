/*
 * Firmware in flash memory: up to two chips, from -machine pflash0=, pflash1= or from -drive
 * if=pflash,unit=0 and 1, one below the other with the first one's end at 4 GiB. Where there is
 * one, it stands in for the BIOS ROM.
 *
 * Source: QEMU's memory map of the PC; OVMF's of its flash.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "block/block.h"
#include "hw/block/pflash_cfi01.h"
#include "hw/i386/pc_machine.h"
#include "util/bytes.h"

#define BLOCK_SIZE   (4 * KiB)
#define SIZE_MAX_ALL (8 * MiB) /* below the local APICs */

typedef struct {
    MemoryRegion isa_bios; /* set up only with a first chip */
} FlashView;

/* The drive's name for @unit, from either source; NULL: none. */
static bool find_drive(PcMachine *pc, unsigned unit, const char **name, GError **error)
{
    DriveInfo *drive = drive_get(DRIVE_IF_PFLASH, 0, (int)unit);

    *name = pc->flash_nodes[unit];
    if (!drive) {
        return true;
    }
    if (*name) {
        return error_setf(error, "-drive if=pflash,unit=%u: clashes with -machine pflash%u=%s",
                          unit, unit, *name);
    }
    drive->claimed = true;
    *name = drive->id;
    return true;
}

static bool image_length(const char *name, uint64_t *length, GError **error)
{
    BlockBackend *backend =
        block_backend_attach(name, TYPE_PFLASH_CFI01, (BlockPermissions){.write = false}, error);

    if (!backend) {
        return false;
    }
    *length = block_backend_length(backend);
    block_backend_detach(backend);
    return true;
}

static bool check_length(const char *name, uint64_t length, uint64_t below, GError **error)
{
    if (length == 0 || length % BLOCK_SIZE != 0) {
        return error_setf(error,
                          "system firmware block device %s has invalid size %" G_GUINT64_FORMAT
                          ": it must be a non-zero multiple of 0x1000",
                          name, length);
    }
    if (length > SIZE_MAX_ALL || below + length > SIZE_MAX_ALL) {
        return error_setf(error, "combined size of system firmware exceeds %u bytes",
                          (unsigned)SIZE_MAX_ALL);
    }
    return true;
}

static PflashCfi01 *make_chip(PcMachine *pc, const char *drive, unsigned unit, uint64_t length,
                              GError **error)
{
    Device *chip = device_new(pflash_cfi01_get_type());
    g_autofree char *name = g_strdup_printf("system.flash%u", unit);
    g_autofree char *path = g_strconcat("/machine/", name, NULL);
    g_autofree char *blocks = g_strdup_printf("%" G_GUINT64_FORMAT, length / BLOCK_SIZE);
    const char *const properties[][2] = {
        {"drive", drive},          {"name", name}, {"num-blocks", blocks},
        {"sector-length", "4096"}, {"width", "1"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(properties); i++) {
        if (!device_set_property_text(chip, properties[i][0], properties[i][1], error)) {
            g_object_unref(chip);
            return NULL;
        }
    }
    device_set_path(chip, path);
    return device_realize_and_unref(chip, HW_MACHINE(pc), NULL, error) ? HW_PFLASH_CFI01(chip)
                                                                       : NULL;
}

static void view_free(gpointer data)
{
    FlashView *view = data;

    memory_region_destroy(&view->isa_bios);
    g_free(view);
}

/* Code below 1 MiB runs on while the chip itself answers commands: what is seen there is a copy. */
static bool show_isa_bios(PcMachine *pc, PflashCfi01 *flash, GError **error)
{
    MemoryRegion *chip = pflash_cfi01_memory(flash);
    uint64_t size = memory_region_size(chip);
    uint64_t shown = MIN(size, PC_ISA_BIOS_MAX);
    g_autofree FlashView *view = g_new0(FlashView, 1);

    if (!memory_region_init_rom(&view->isa_bios, "isa-bios", shown, error)) {
        return false;
    }
    memcpy(memory_region_host(&view->isa_bios),
           (const uint8_t *)memory_region_host(chip) + (size - shown), shown);
    memory_region_add_overlap(i440fx_pci_memory(pc->host), PC_ISA_BIOS_END - shown, &view->isa_bios,
                              1);
    g_object_set_data_full(G_OBJECT(pc), "pc-flash", g_steal_pointer(&view), view_free);
    return true;
}

bool pc_flash_build(PcMachine *pc, GError **error)
{
    const char *names[PC_FLASH_CHIPS];
    uint64_t below = 0;

    for (unsigned i = 0; i < PC_FLASH_CHIPS; i++) {
        if (!find_drive(pc, i, &names[i], error)) {
            return false;
        }
    }
    if (names[1] && !names[0]) {
        return error_setf(error, "pflash1 requires pflash0");
    }
    for (unsigned i = 0; i < PC_FLASH_CHIPS && names[i]; i++) {
        uint64_t length;
        PflashCfi01 *flash;

        if (!image_length(names[i], &length, error) ||
            !check_length(names[i], length, below, error)) {
            return false;
        }
        flash = make_chip(pc, names[i], i, length, error);
        if (!flash) {
            return false;
        }
        below += length;
        memory_region_add(i440fx_pci_memory(pc->host), PC_4GIB - below, pflash_cfi01_memory(flash));
        if (i == 0 && !show_isa_bios(pc, flash, error)) {
            return false;
        }
    }
    pc->has_flash = names[0] != NULL;
    return true;
}
