/*
 * The packet command table of a CD/DVD-ROM, and the commands that read sectors or concern the drive
 * itself.
 *
 * Source: MMC-5 section 6, SPC-3 section 6.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "atapi.h"
#include "util/bytes.h"
#include "util/log.h"

#define NEEDS_MEDIUM     0x01
#define BEFORE_ATTENTION 0x02 /* answered although a unit attention is pending */
#define KEEPS_SENSE      0x04

typedef struct {
    void (*run)(IDEDrive *drive);
    uint8_t flags;
} AtapiCommand;

static uint8_t *blank(IDEDrive *drive, uint32_t length)
{
    memset(drive->buffer, 0, length);
    return drive->buffer;
}

/* ---- the drive ---- */

static void test_unit_ready(IDEDrive *drive)
{
    atapi_complete(drive);
}

#define SENSE_SIZE 18

static void request_sense(IDEDrive *drive)
{
    IDEPacketState *packet = &drive->packet;
    uint8_t *data = blank(drive, SENSE_SIZE);

    if (packet->sense_key == 0 && packet->attention) {
        packet->attention = false;
        atapi_set_sense(drive, ATAPI_SENSE_MEDIUM_CHANGED);
    }
    data[0] = 0x70; /* current error, fixed format */
    data[2] = packet->sense_key;
    data[7] = SENSE_SIZE - 8;
    data[12] = packet->sense_code;
    data[13] = packet->sense_qualifier;
    if (packet->sense_has_address) {
        data[0] |= 0x80;
        store_be32(data + 3, packet->sense_address);
    }
    atapi_set_sense(drive, ATAPI_SENSE_NONE);
    atapi_reply(drive, SENSE_SIZE, packet->packet[4]);
}

static void put_padded(uint8_t *out, size_t size, const char *text)
{
    size_t length = MIN(strlen(text), size);

    memset(out, ' ', size);
    memcpy(out, text, length);
}

static void inquiry_page(IDEDrive *drive, uint8_t page, uint32_t allocation)
{
    uint8_t *data = blank(drive, 64);
    size_t length = MIN(strlen(drive->serial), 32);

    data[0] = 0x05;
    data[1] = page;
    switch (page) {
    case 0x00: /* the pages there are */
        data[3] = 3;
        data[5] = 0x80;
        data[6] = 0x83;
        break;
    case 0x80: /* serial number */
        data[3] = (uint8_t)length;
        memcpy(data + 4, drive->serial, length);
        break;
    case 0x83: /* identification: one descriptor, ASCII, vendor specific */
        data[3] = (uint8_t)(length + 4);
        data[4] = 0x02;
        data[7] = (uint8_t)length;
        memcpy(data + 8, drive->serial, length);
        break;
    default:
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    atapi_reply(drive, data[3] + 4u, allocation);
}

#define INQUIRY_SIZE 36

static void inquiry(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint32_t allocation = load_be16(packet + 3);
    uint8_t *data;

    if (packet[1] & 0x01) {
        inquiry_page(drive, packet[2], allocation);
        return;
    }
    if (packet[2] != 0) {
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    data = blank(drive, INQUIRY_SIZE);
    data[0] = 0x05; /* CD-ROM device */
    data[1] = 0x80; /* removable */
    data[3] = 0x21; /* ATAPI version 2, response format 1 */
    data[4] = INQUIRY_SIZE - 5;
    put_padded(data + 8, 8, "QEMU");
    put_padded(data + 16, 16, drive->model);
    put_padded(data + 32, 4, drive->version);
    atapi_reply(drive, INQUIRY_SIZE, allocation);
}

static void start_stop_unit(IDEDrive *drive)
{
    uint8_t what = drive->packet.packet[4];
    bool start = what & 0x01, load_eject = what & 0x02;

    if ((what & 0xf0) != 0 || !load_eject) { /* a power condition, or the motor */
        atapi_complete(drive);
        return;
    }
    if (!start && drive->packet.locked) {
        atapi_check_condition(drive, ATAPI_SENSE_REMOVAL_PREVENTED);
        return;
    }
    atapi_move_tray(drive, !start);
    atapi_complete(drive);
}

static void prevent_allow_removal(IDEDrive *drive)
{
    drive->packet.locked = drive->packet.packet[4] & 0x01;
    block_backend_lock_medium(drive->backend, drive->packet.locked);
    atapi_complete(drive);
}

static void succeed(IDEDrive *drive)
{
    atapi_complete(drive);
}

/* ---- sectors ---- */

static void read_10(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;

    atapi_read_sectors(drive, load_be32(packet + 2), load_be16(packet + 7));
}

static void read_12(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;

    atapi_read_sectors(drive, load_be32(packet + 2), load_be32(packet + 6));
}

/* Only mode 1 tracks: the other sector types that READ CD can insist on are not on the medium. */
static void read_cd_fields(IDEDrive *drive, uint32_t address, uint32_t count)
{
    const uint8_t *packet = drive->packet.packet;
    uint8_t type = packet[1] >> 2 & 7, fields = packet[9];
    uint16_t size = cd_sector_size(fields);

    if (type != 0 && type != 2) {
        atapi_check_condition(drive, ATAPI_SENSE_WRONG_TRACK_MODE);
    } else if ((packet[10] & 7) != 0 || (fields && size == 0 && fields != CD_FIELD_SUBHEADER)) {
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD); /* no sub-channel data */
    } else if (size == 0) {
        atapi_complete(drive);
    } else if (fields == CD_FIELD_USER) {
        atapi_read_sectors(drive, address, count);
    } else {
        atapi_read_raw(drive, address, count, fields, size);
    }
}

static void read_cd(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;

    read_cd_fields(drive, load_be32(packet + 2), load_be32(packet + 5) & 0xffffff);
}

static bool msf_to_address(const uint8_t msf[3], uint32_t *address)
{
    uint32_t frame = ((uint32_t)msf[0] * 60 + msf[1]) * 75 + msf[2];

    *address = frame - CD_PREGAP_FRAMES;
    return msf[1] < 60 && msf[2] < 75 && frame >= CD_PREGAP_FRAMES;
}

static void read_cd_msf(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint32_t start, end;

    if (!msf_to_address(packet + 3, &start) || !msf_to_address(packet + 6, &end) || end < start) {
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    read_cd_fields(drive, start, end - start);
}

static void check_address(IDEDrive *drive, uint32_t address, uint32_t count)
{
    uint32_t total = atapi_sector_count(drive);

    if (address >= total || count > total - address) {
        atapi_check_condition(drive, ATAPI_SENSE_ADDRESS_OUT_OF_RANGE);
    } else {
        atapi_complete(drive);
    }
}

static void seek_10(IDEDrive *drive)
{
    check_address(drive, load_be32(drive->packet.packet + 2), 1);
}

static void verify_10(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;

    check_address(drive, load_be32(packet + 2), load_be16(packet + 7));
}

/* ---- the table ---- */

static const AtapiCommand commands[256] = {
    [0x00] = {test_unit_ready, NEEDS_MEDIUM},
    [0x01] = {succeed, 0}, /* REZERO UNIT */
    [0x03] = {request_sense, BEFORE_ATTENTION | KEEPS_SENSE},
    [0x12] = {inquiry, BEFORE_ATTENTION},
    [0x15] = {atapi_mode_select, 0},
    [0x1a] = {atapi_mode_sense, 0},
    [0x1b] = {start_stop_unit, 0},
    [0x1e] = {prevent_allow_removal, 0},
    [0x25] = {atapi_read_capacity, NEEDS_MEDIUM},
    [0x28] = {read_10, NEEDS_MEDIUM},
    [0x2b] = {seek_10, NEEDS_MEDIUM},
    [0x2f] = {verify_10, NEEDS_MEDIUM},
    [0x42] = {atapi_read_subchannel, NEEDS_MEDIUM},
    [0x43] = {atapi_read_toc, NEEDS_MEDIUM},
    [0x46] = {atapi_get_configuration, BEFORE_ATTENTION},
    [0x4a] = {atapi_get_event_status, BEFORE_ATTENTION},
    [0x4e] = {succeed, NEEDS_MEDIUM}, /* STOP PLAY/SCAN: nothing plays */
    [0x51] = {atapi_read_disc_information, NEEDS_MEDIUM},
    [0x52] = {atapi_read_track_information, NEEDS_MEDIUM},
    [0x55] = {atapi_mode_select, 0},
    [0x5a] = {atapi_mode_sense, 0},
    [0xa8] = {read_12, NEEDS_MEDIUM},
    [0xad] = {atapi_read_dvd_structure, NEEDS_MEDIUM},
    [0xb9] = {read_cd_msf, NEEDS_MEDIUM},
    [0xbb] = {succeed, 0}, /* SET CD SPEED */
    [0xbd] = {atapi_mechanism_status, 0},
    [0xbe] = {read_cd, NEEDS_MEDIUM},
};

void atapi_run(IDEDrive *drive)
{
    const AtapiCommand *row = &commands[drive->packet.packet[0]];

    if (!(row->flags & KEEPS_SENSE)) {
        atapi_set_sense(drive, ATAPI_SENSE_NONE);
    }
    if (!row->run) {
        log_printf(LOG_UNIMP, "%s: packet command 0x%02x refused\n", device_name(HW_DEVICE(drive)),
                   drive->packet.packet[0]);
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_OPCODE);
        return;
    }
    if (drive->packet.attention && !(row->flags & BEFORE_ATTENTION)) {
        drive->packet.attention = false;
        atapi_check_condition(drive, ATAPI_SENSE_MEDIUM_CHANGED);
        return;
    }
    if ((row->flags & NEEDS_MEDIUM) && atapi_sector_count(drive) == 0) {
        atapi_check_condition(drive, drive->packet.tray_open ? ATAPI_SENSE_NO_MEDIUM_TRAY_OPEN
                                                             : ATAPI_SENSE_NO_MEDIUM_TRAY_CLOSED);
        return;
    }
    row->run(drive);
}

/* MODE SELECT is the only command with parameters. */
void atapi_data_arrived(IDEDrive *drive)
{
    atapi_mode_select_data(drive);
}
