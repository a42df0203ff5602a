/*
 * IDENTIFY DEVICE and IDENTIFY PACKET DEVICE: 256 words that tell only of what is there.
 *
 * Source: ATA/ATAPI-7 volume 1, sections 6.16 and 6.17; TRIM, sector sizes and rotation rate from
 * ATA8-ACS.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "ide_drive.h"
#include "util/bytes.h"

#define WORDS 256

#define VALID 0x4000 /* bits 15:14 = 01: the word has meaning */

#define LBA28_MAX 0x0fffffff

static void put_text(uint16_t *words, unsigned first, unsigned count, const char *text)
{
    size_t length = strlen(text);

    for (unsigned i = 0; i < count * 2; i++) {
        uint8_t c = i < length ? (uint8_t)text[i] : ' ';
        words[first + i / 2] |= i % 2 ? c : (uint16_t)(c << 8);
    }
}

static void put32(uint16_t *words, unsigned first, uint32_t value)
{
    words[first] = (uint16_t)value;
    words[first + 1] = (uint16_t)(value >> 16);
}

static void put_transfer_modes(IDEDrive *drive, uint16_t *words)
{
    uint8_t number = drive->transfer_mode & 7;

    words[53] = 7; /* words 54-58, 64-70 and 88 are valid */
    words[63] = 0x07;
    words[64] = 0x03; /* PIO 3 and 4 */
    for (unsigned i = 65; i <= 68; i++) {
        words[i] = 120; /* ns of a cycle */
    }
    words[88] = 0x3f;
    switch (drive->transfer_mode & 0xf8) {
    case 0x10:
        words[62] = (uint16_t)(1 << (8 + number));
        break;
    case 0x20:
        words[63] |= (uint16_t)(1 << (8 + number));
        break;
    case 0x40:
        words[88] |= (uint16_t)(1 << (8 + number));
        break;
    default:
        break;
    }
    /* Result of the hardware reset: 80-conductor cable, passed, device number by jumper. */
    words[93] = VALID | 0x2000 | (drive->unit == 0 ? 0x000b : 0x0b00);
}

static void put_names(IDEDrive *drive, uint16_t *words)
{
    put_text(words, 10, 10, drive->serial);
    put_text(words, 23, 4, drive->version);
    put_text(words, 27, 20, drive->model);
    if (drive->world_wide_name) {
        for (unsigned i = 0; i < 4; i++) {
            words[108 + i] = (uint16_t)(drive->world_wide_name >> (48 - 16 * i));
        }
    }
}

static void put_geometry(IDEDrive *drive, uint16_t *words)
{
    uint32_t chs_capacity = (uint32_t)drive->chs_cylinders * drive->chs_heads * drive->chs_sectors;

    words[1] = drive->geometry.cylinders;
    words[3] = drive->geometry.heads;
    words[4] = (uint16_t)(ATA_SECTOR_SIZE * drive->geometry.sectors);
    words[5] = ATA_SECTOR_SIZE;
    words[6] = drive->geometry.sectors;
    words[54] = drive->chs_cylinders;
    words[55] = drive->chs_heads;
    words[56] = drive->chs_sectors;
    put32(words, 57, (uint32_t)MIN(chs_capacity, drive->sector_count));
    put32(words, 60, (uint32_t)MIN(drive->sector_count, LBA28_MAX));
    put32(words, 100, (uint32_t)drive->sector_count);
    put32(words, 102, (uint32_t)(drive->sector_count >> 32));
}

static void put_sector_sizes(IDEDrive *drive, uint16_t *words)
{
    unsigned exponent = 0;

    while (((uint64_t)ATA_SECTOR_SIZE << exponent) < drive->physical_block_size) {
        exponent++;
    }
    words[106] = VALID | (exponent ? 0x2000 : 0) | (uint16_t)exponent;
    words[209] = VALID; /* sector 0 begins a physical one */
}

/* Words 82-84 say what the drive has, 85-87 what of it is on. */
static void put_feature_sets(IDEDrive *drive, uint16_t *words)
{
    uint16_t name = drive->world_wide_name ? 1 << 8 : 0;

    /* NOP, look-ahead, write cache, power management, SMART */
    words[82] = 1 << 14 | 1 << 6 | 1 << 5 | 1 << 3 | 1 << 0;
    /* FLUSH CACHE EXT, FLUSH CACHE, 48-bit addresses */
    words[83] = VALID | 1 << 13 | 1 << 12 | 1 << 10;
    /* WRITE FUA EXT, SMART self-test and error log */
    words[84] = VALID | name | 1 << 6 | 1 << 1 | 1 << 0;
    words[85] = 1 << 14 | 1 << 3;
    words[85] |= drive->look_ahead ? 1 << 6 : 0;
    words[85] |= drive->write_cache ? 1 << 5 : 0;
    words[85] |= drive->smart.enabled ? 1 << 0 : 0;
    words[86] = 1 << 13 | 1 << 12 | 1 << 10;
    words[87] = words[84];
}

static void put_checksum(uint8_t *data)
{
    uint8_t sum = 0;

    data[510] = 0xa5;
    for (unsigned i = 0; i < 511; i++) {
        sum += data[i];
    }
    data[511] = (uint8_t)-sum;
}

static void send(IDEDrive *drive, const uint16_t *words)
{
    for (unsigned i = 0; i < WORDS; i++) {
        store_le16(drive->buffer + 2 * i, words[i]);
    }
    put_checksum(drive->buffer);
    ide_drive_reply(drive, WORDS * 2);
}

void ata_identify(IDEDrive *drive)
{
    uint16_t words[WORDS] = {0};

    words[0] = 0x0040; /* fixed */
    words[20] = 3;     /* cached, dual ported; the next two: its sectors, bytes of ECC */
    words[21] = IDE_BUFFER_SIZE / ATA_SECTOR_SIZE;
    words[22] = 4;
    words[47] = 0x8000 | IDE_MULTIPLE_MAX;
    words[48] = 1; /* the data port takes 32 bits */
    /* standby timer as standard, IORDY, LBA, DMA */
    words[49] = 1 << 13 | 1 << 11 | 1 << 9 | 1 << 8;
    words[50] = VALID;
    words[51] = 0x0200;
    words[52] = 0x0200;
    words[59] = drive->multiple ? 0x100 | drive->multiple : 0;
    words[80] = 0x00f0; /* ATA-4 to ATA-7 */
    words[81] = 0x0021; /* ATA-7 T13 1532D revision 4a */
    put_names(drive, words);
    put_geometry(drive, words);
    put_transfer_modes(drive, words);
    put_feature_sets(drive, words);
    put_sector_sizes(drive, words);
    if (ata_trim_supported(drive)) {
        words[69] = 1 << 14; /* trimmed sectors read the same each time */
        words[105] = IDE_TRIM_BLOCKS;
        words[169] = 1;
    }
    words[217] = drive->rotation_rate;
    send(drive, words);
}

void ata_identify_packet(IDEDrive *drive)
{
    uint16_t words[WORDS] = {0};

    /* ATAPI, CD-ROM, removable, DRQ within 50 us of PACKET, 12-byte packets */
    words[0] = 2 << 14 | 5 << 8 | 1 << 7 | 2 << 5;
    words[20] = 3;
    words[21] = IDE_BUFFER_SIZE / ATA_SECTOR_SIZE;
    words[22] = 4;
    words[48] = 1;
    words[49] = 1 << 11 | 1 << 9 | 1 << 8;
    words[71] = 30; /* ns from PACKET to bus release, from SERVICE to BSY cleared */
    words[72] = 30;
    words[80] = 0x00f0;
    words[81] = 0x0021;
    /* NOP, DEVICE RESET, PACKET, power management */
    words[82] = 1 << 14 | 1 << 9 | 1 << 4 | 1 << 3;
    words[83] = VALID;
    words[84] = VALID | (drive->world_wide_name ? 1 << 8 : 0);
    words[85] = words[82];
    words[87] = words[84];
    put_names(drive, words);
    put_transfer_modes(drive, words);
    send(drive, words);
}
