/*
 * SET FEATURES, and the settings' power-on values.
 *
 * Source: ATA/ATAPI-7 volume 1, section 6.48.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide_drive.h"

#define MODE_UDMA5 0x45

void ata_settings_reset(IDEDrive *drive)
{
    drive->multiple = IDE_MULTIPLE_MAX;
    drive->chs_cylinders = drive->geometry.cylinders;
    drive->chs_heads = drive->geometry.heads;
    drive->chs_sectors = drive->geometry.sectors;
    drive->transfer_mode = MODE_UDMA5;
    drive->look_ahead = true;
    drive->keep_settings = false;
    drive->standby_period = 0;
    drive->write_cache = drive->default_write_cache;
    if (!drive->is_cdrom) {
        block_backend_set_write_cache(drive->backend, drive->write_cache);
    }
}

static void enable_write_cache(IDEDrive *drive)
{
    drive->write_cache = true;
    block_backend_set_write_cache(drive->backend, true);
    ide_drive_complete(drive);
}

static void disable_write_cache(IDEDrive *drive)
{
    drive->write_cache = false;
    block_backend_set_write_cache(drive->backend, false);
    ide_request_begin(drive, IDE_REQUEST_FLUSH); /* what the cache held goes to the medium now */
}

/* The count register: the mode's kind in the upper five bits, its number in the lower three. */
static void set_transfer_mode(IDEDrive *drive)
{
    static const struct {
        uint8_t kind, maximum;
    } modes[] = {
        {0x00, 1}, /* PIO default, with and without IORDY */
        {0x08, 4}, /* PIO with flow control */
        {0x10, 2}, /* single-word DMA */
        {0x20, 2}, /* multiword DMA */
        {0x40, 5}, /* Ultra DMA */
    };
    uint8_t kind = drive->current.count & 0xf8, number = drive->current.count & 0x07;

    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (modes[i].kind != kind || number > modes[i].maximum) {
            continue;
        }
        if (kind >= 0x10) {
            drive->transfer_mode = kind | number; /* a PIO mode leaves the DMA mode as it is */
        }
        ide_drive_complete(drive);
        return;
    }
    ide_drive_abort(drive);
}

static void enable_look_ahead(IDEDrive *drive)
{
    drive->look_ahead = true;
    ide_drive_complete(drive);
}

static void disable_look_ahead(IDEDrive *drive)
{
    drive->look_ahead = false;
    ide_drive_complete(drive);
}

static void keep_settings(IDEDrive *drive)
{
    drive->keep_settings = true;
    ide_drive_complete(drive);
}

static void revert_settings(IDEDrive *drive)
{
    drive->keep_settings = false;
    ide_drive_complete(drive);
}

static const struct {
    uint8_t feature;
    bool disk_only;
    void (*run)(IDEDrive *drive);
} features[] = {
    {0x02, true, enable_write_cache}, {0x82, true, disable_write_cache},
    {0x03, false, set_transfer_mode}, {0x55, true, disable_look_ahead},
    {0xaa, true, enable_look_ahead},  {0x66, false, keep_settings},
    {0xcc, false, revert_settings},
};

void ata_set_features(IDEDrive *drive)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        if (features[i].feature == drive->current.feature &&
            !(features[i].disk_only && drive->is_cdrom)) {
            features[i].run(drive);
            return;
        }
    }
    ide_drive_abort(drive);
}
