/*
 * What a CD/DVD-ROM tells of its medium: capacity, table of contents, disc, track and DVD
 * structure, events. An image is one data track in one session, closed.
 *
 * Source: MMC-5 sections 6.5 (events), 6.8, 6.21-6.27, 6.31.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "atapi.h"
#include "util/bytes.h"

#define TRACK_LEADOUT 0xaa
#define CONTROL_DATA  0x14 /* ADR 1: position; control 4: data track */

static uint8_t *blank(IDEDrive *drive, uint32_t length)
{
    memset(drive->buffer, 0, length);
    return drive->buffer;
}

static bool is_dvd(IDEDrive *drive)
{
    return atapi_sector_count(drive) > CD_SECTORS_MAX;
}

void atapi_read_capacity(IDEDrive *drive)
{
    uint8_t *data = blank(drive, 8);

    store_be32(data, atapi_sector_count(drive) - 1);
    store_be32(data + 4, CD_SECTOR_SIZE);
    atapi_reply(drive, 8, 8);
}

/* ---- READ TOC/PMA/ATIP ---- */

static void put_address(uint8_t *out, uint32_t address, bool msf)
{
    if (msf) {
        out[0] = 0;
        cd_address_to_msf(address, out + 1);
    } else {
        store_be32(out, address);
    }
}

static uint8_t *put_toc_track(uint8_t *out, uint8_t track, uint32_t address, bool msf)
{
    out[0] = 0;
    out[1] = CONTROL_DATA;
    out[2] = track;
    out[3] = 0;
    put_address(out + 4, address, msf);
    return out + 8;
}

/* Format 0: track 1 and the lead-out, from the track asked for on. Length 0: no such track. */
static uint32_t toc_tracks(IDEDrive *drive, uint8_t *data, bool msf, uint8_t from)
{
    uint8_t *next = data + 4;

    if (from > 1 && from != TRACK_LEADOUT) {
        return 0;
    }
    if (from <= 1) {
        next = put_toc_track(next, 1, 0, msf);
    }
    next = put_toc_track(next, TRACK_LEADOUT, atapi_sector_count(drive), msf);
    return (uint32_t)(next - data);
}

/* Format 1: the first track of the last session. */
static uint32_t toc_session(IDEDrive *drive G_GNUC_UNUSED, uint8_t *data, bool msf,
                            uint8_t from G_GNUC_UNUSED)
{
    return (uint32_t)(put_toc_track(data + 4, 1, 0, msf) - data);
}

static uint8_t *put_raw_entry(uint8_t *out, uint8_t point, const uint8_t position[3])
{
    memset(out, 0, 11);
    out[0] = 1; /* session */
    out[1] = CONTROL_DATA;
    out[3] = point;
    memcpy(out + 8, position, 3);
    return out + 11;
}

/* Format 2: the lead-in's entries: first track, last track, lead-out, track 1. Always in MSF. */
static uint32_t toc_raw(IDEDrive *drive, uint8_t *data, bool msf G_GNUC_UNUSED, uint8_t from)
{
    static const uint8_t track_one[3] = {1, 0, 0};
    uint8_t start[3], end[3];
    uint8_t *next = data + 4;

    if (from > 1) {
        return 0;
    }
    cd_address_to_msf(0, start);
    cd_address_to_msf(atapi_sector_count(drive), end);
    next = put_raw_entry(next, 0xa0, track_one);
    next = put_raw_entry(next, 0xa1, track_one);
    next = put_raw_entry(next, 0xa2, end);
    next = put_raw_entry(next, 0x01, start);
    return (uint32_t)(next - data);
}

void atapi_read_toc(IDEDrive *drive)
{
    static uint32_t (*const formats[])(IDEDrive *, uint8_t *, bool,
                                       uint8_t) = {toc_tracks, toc_session, toc_raw};
    const uint8_t *packet = drive->packet.packet;
    unsigned format = packet[2] & 0x0f;
    uint8_t *data = blank(drive, 64);
    uint32_t length = 0;

    if (format == 0) {
        format = packet[9] >> 6; /* where the format was before MMC */
    }
    if (format < G_N_ELEMENTS(formats)) {
        length = formats[format](drive, data, packet[1] & 0x02, packet[6]);
    }
    if (length == 0) {
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    store_be16(data, (uint16_t)(length - 2));
    data[2] = 1; /* first and last track, or session */
    data[3] = 1;
    atapi_reply(drive, length, load_be16(packet + 7));
}

/* There is no audio to be played: the header says so, and a position is only track 1's start. */
void atapi_read_subchannel(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint8_t *data = blank(drive, 24);
    uint32_t length = 4;

    data[1] = 0x15; /* no audio status to return */
    if (packet[2] & 0x40) {
        if (packet[3] < 1 || packet[3] > 3) {
            atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
            return;
        }
        data[4] = packet[3];
        if (packet[3] == 1) {
            data[5] = CONTROL_DATA;
            data[6] = 1;
            data[7] = 1;
            put_address(data + 8, 0, packet[1] & 0x02);
            put_address(data + 12, 0, packet[1] & 0x02);
            length = 16;
        } else {
            length = 24; /* no catalogue number, no recording code */
        }
        data[3] = (uint8_t)(length - 4);
    }
    atapi_reply(drive, length, load_be16(packet + 7));
}

/* ---- disc and track ---- */

#define DISC_INFORMATION_SIZE  34
#define TRACK_INFORMATION_SIZE 36

void atapi_read_disc_information(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint8_t *data = blank(drive, DISC_INFORMATION_SIZE);

    if ((packet[1] & 7) != 0) {
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    store_be16(data, DISC_INFORMATION_SIZE - 2);
    data[2] = 0x0e; /* last session complete, disc finalized */
    data[3] = 1;    /* first track */
    data[4] = 1;    /* sessions */
    data[5] = 1;    /* first and last track of the last session */
    data[6] = 1;
    data[7] = 0x20;             /* unrestricted use */
    data[8] = 0x00;             /* CD-DA or CD-ROM */
    memset(data + 16, 0xff, 8); /* no more lead-in or lead-out can be written */
    atapi_reply(drive, DISC_INFORMATION_SIZE, load_be16(packet + 7));
}

void atapi_read_track_information(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint32_t number = load_be32(packet + 2), total = atapi_sector_count(drive);
    uint8_t type = packet[1] & 3;
    uint8_t *data = blank(drive, TRACK_INFORMATION_SIZE);

    /* By sector address, or by number of track or session. */
    if (type == 3 || (type == 0 && number >= total) || (type != 0 && number != 1)) {
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    store_be16(data, TRACK_INFORMATION_SIZE - 2);
    data[2] = 1; /* track, session */
    data[3] = 1;
    data[5] = 0x04; /* data track */
    data[6] = 0x01; /* mode 1 */
    store_be32(data + 24, total);
    atapi_reply(drive, TRACK_INFORMATION_SIZE, load_be16(packet + 7));
}

/* ---- READ DVD STRUCTURE ---- */

#define DVD_STRUCTURE_SIZE 2052

static uint32_t dvd_physical(IDEDrive *drive, uint8_t *data)
{
    uint32_t total = atapi_sector_count(drive);

    data[4] = 0x01;                /* DVD-ROM, part version 1 */
    data[5] = 0x0f;                /* 120 mm, no maximum rate told */
    data[6] = 0x01;                /* one layer, read-only */
    data[7] = 0x00;                /* densities */
    store_be32(data + 8, 0x30000); /* first sector of the data area */
    store_be32(data + 12, 0x30000 + total - 1);
    return DVD_STRUCTURE_SIZE;
}

/* Not protected, no region. */
static uint32_t dvd_copyright(IDEDrive *drive G_GNUC_UNUSED, uint8_t *data G_GNUC_UNUSED)
{
    return 8;
}

static uint32_t dvd_manufacturing(IDEDrive *drive G_GNUC_UNUSED, uint8_t *data G_GNUC_UNUSED)
{
    return DVD_STRUCTURE_SIZE;
}

static uint32_t dvd_formats(IDEDrive *drive, uint8_t *data);

static const struct {
    uint8_t format;
    uint16_t size;
    uint32_t (*fill)(IDEDrive *drive, uint8_t *data);
} dvd_structures[] = {
    {0x00, DVD_STRUCTURE_SIZE, dvd_physical},
    {0x01, 8, dvd_copyright},
    {0x04, DVD_STRUCTURE_SIZE, dvd_manufacturing},
    {0xff, 16, dvd_formats},
};

/* The formats there are, without this one: readable (0x40), length with header. */
static uint32_t dvd_formats(IDEDrive *drive G_GNUC_UNUSED, uint8_t *data)
{
    uint8_t *next = data + 4;

    for (unsigned i = 0; i + 1 < G_N_ELEMENTS(dvd_structures); i++) {
        next[0] = dvd_structures[i].format;
        next[1] = 0x40;
        store_be16(next + 2, dvd_structures[i].size);
        next += 4;
    }
    return (uint32_t)(next - data);
}

void atapi_read_dvd_structure(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint8_t *data = blank(drive, DVD_STRUCTURE_SIZE);

    if ((packet[1] & 0x0f) != 0 || packet[6] != 0) { /* Blu-ray; another layer */
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    if (!is_dvd(drive) && packet[7] != 0xff) {
        atapi_check_condition(drive, ATAPI_SENSE_INCOMPATIBLE_MEDIUM);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(dvd_structures); i++) {
        if (dvd_structures[i].format == packet[7]) {
            uint32_t length = dvd_structures[i].fill(drive, data);
            store_be16(data, (uint16_t)(length - 2));
            atapi_reply(drive, length, load_be16(packet + 8));
            return;
        }
    }
    atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
}

/* ---- mechanism and events ---- */

void atapi_mechanism_status(IDEDrive *drive)
{
    uint8_t *data = blank(drive, 8);

    data[1] = drive->packet.tray_open ? 0x10 : 0; /* door */
    atapi_reply(drive, 8, load_be16(drive->packet.packet + 8));
}

#define EVENT_CLASS_MEDIA 4

void atapi_get_event_status(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint32_t allocation = load_be16(packet + 7);
    uint8_t *data = blank(drive, 8);

    if (!(packet[1] & 0x01)) { /* without polling it would wait for an event */
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    data[3] = 1 << EVENT_CLASS_MEDIA;
    if (!(packet[4] & 1 << EVENT_CLASS_MEDIA)) {
        data[2] = 0x80; /* no event of a class asked for */
        store_be16(data, 2);
        atapi_reply(drive, 4, allocation);
        return;
    }
    store_be16(data, 6);
    data[2] = EVENT_CLASS_MEDIA;
    data[4] = drive->packet.media_event;
    data[5] = (drive->packet.tray_open ? 0x01 : 0) | (atapi_has_medium(drive) ? 0x02 : 0);
    if (allocation > 4) { /* a host that asks for the header only has not seen the event */
        drive->packet.media_event = ATAPI_EVENT_NONE;
    }
    atapi_reply(drive, 8, allocation);
}
