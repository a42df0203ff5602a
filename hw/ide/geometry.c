/*
 * Cylinders, heads and sectors of a disk: what the user said, else what the partition table was
 * made with, else the usual 16 heads of 63 sectors.
 *
 * Source: ATA/ATAPI-7 volume 1 annex C (CHS limits); the MBR's layout; the INT 13h translations of
 * the Phoenix Enhanced Disk Drive Specification.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "ide_drive.h"
#include "util/bytes.h"

#define CYLINDERS_MAX      16383
#define PHYSICAL_HEADS_MAX 16
#define BIOS_CYLINDERS_MAX 1024

#define MBR_SIZE            512
#define MBR_PARTITIONS      0x1be
#define MBR_PARTITION_SIZE  16
#define MBR_PARTITION_COUNT 4
#define MBR_SIGNATURE       0xaa55

/* "large" (bit shift) reaches as far as this: cylinders times heads. */
#define LARGE_TRACKS_MAX 131072

static const char *const translation_names[] = {"none", "lba", "large", "rechs"};

static void geometry_from_size(uint64_t sectors, IDEGeometry *geometry)
{
    uint64_t cylinders = sectors / (16 * 63);

    geometry->cylinders = (uint16_t)CLAMP(cylinders, 2, CYLINDERS_MAX);
    geometry->heads = 16;
    geometry->sectors = 63;
}

/* The last head and sector of a partition are those of the translation it was made under. */
static bool geometry_from_partition(const uint8_t *entry, uint64_t sectors, uint32_t *cylinders,
                                    uint32_t *heads, uint32_t *track)
{
    uint32_t length = load_le32(entry + 12);
    uint8_t end_head = entry[5], end_sector = entry[6] & 0x3f;

    if (length == 0 || end_head == 0 || end_sector == 0) {
        return false;
    }
    *heads = end_head + 1;
    *track = end_sector;
    *cylinders = (uint32_t)MIN(sectors / (*heads * *track), UINT32_MAX);
    return *cylinders >= 1 && *cylinders <= CYLINDERS_MAX;
}

static bool read_boot_sector(IDEDrive *drive, uint8_t *sector)
{
    return drive->sector_count > 0 && block_pread(drive->backend, 0, sector, MBR_SIZE) == 0 &&
           load_le16(sector + MBR_SIZE - 2) == MBR_SIGNATURE;
}

static bool geometry_from_table(IDEDrive *drive, uint32_t *cylinders, uint32_t *heads,
                                uint32_t *track)
{
    uint8_t sector[MBR_SIZE];

    if (!read_boot_sector(drive, sector)) {
        return false;
    }
    for (unsigned i = 0; i < MBR_PARTITION_COUNT; i++) {
        const uint8_t *entry = sector + MBR_PARTITIONS + MBR_PARTITION_SIZE * i;

        if (geometry_from_partition(entry, drive->sector_count, cylinders, heads, track)) {
            return true;
        }
    }
    return false;
}

static IDETranslation usual_translation(const IDEGeometry *geometry)
{
    return geometry->cylinders <= BIOS_CYLINDERS_MAX && geometry->heads <= PHYSICAL_HEADS_MAX &&
                   geometry->sectors <= 63
               ? IDE_TRANSLATION_NONE
               : IDE_TRANSLATION_LBA;
}

static void guess(IDEDrive *drive, IDEGeometry *geometry)
{
    uint32_t cylinders, heads, track;

    geometry_from_size(drive->sector_count, geometry);
    if (!geometry_from_table(drive, &cylinders, &heads, &track)) {
        geometry->translation = usual_translation(geometry);
        return;
    }
    if (heads > PHYSICAL_HEADS_MAX) {
        /* Made under a BIOS that translated; the drive itself keeps to 16 heads. */
        uint32_t tracks = (uint32_t)geometry->cylinders * geometry->heads;
        geometry->translation =
            tracks <= LARGE_TRACKS_MAX ? IDE_TRANSLATION_LARGE : IDE_TRANSLATION_LBA;
        return;
    }
    geometry->cylinders = (uint16_t)cylinders;
    geometry->heads = (uint8_t)heads;
    geometry->sectors = (uint8_t)track;
    geometry->translation = IDE_TRANSLATION_NONE;
}

static bool in_range(const char *name, uint32_t value, uint32_t maximum, GError **error)
{
    if (value < 1 || value > maximum) {
        return error_setf(error, "%s must be between 1 and %u", name, maximum);
    }
    return true;
}

static bool from_properties(IDEDrive *drive, IDEGeometry *geometry, GError **error)
{
    if (!in_range("cyls", drive->cylinders_property, 65535, error) ||
        !in_range("heads", drive->heads_property, PHYSICAL_HEADS_MAX, error) ||
        !in_range("secs", drive->sectors_property, 255, error)) {
        return false;
    }
    geometry->cylinders = (uint16_t)drive->cylinders_property;
    geometry->heads = (uint8_t)drive->heads_property;
    geometry->sectors = (uint8_t)drive->sectors_property;
    geometry->translation = usual_translation(geometry);
    return true;
}

static bool apply_translation(IDEDrive *drive, GError **error)
{
    const char *name = drive->translation_property;

    if (!name || strcmp(name, "auto") == 0) {
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(translation_names); i++) {
        if (strcmp(translation_names[i], name) == 0) {
            drive->geometry.translation = i;
            return true;
        }
    }
    return error_setf(error, "Parameter 'bios-chs-trans' does not accept value '%s'", name);
}

bool ide_geometry_resolve(IDEDrive *drive, GError **error)
{
    if (drive->cylinders_property || drive->heads_property || drive->sectors_property) {
        if (!from_properties(drive, &drive->geometry, error)) {
            return false;
        }
    } else {
        guess(drive, &drive->geometry);
    }
    return apply_translation(drive, error);
}
