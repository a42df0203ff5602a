/*
 * Mode pages and features of a DVD-ROM drive: MODE SENSE and SELECT (6 and 10), GET CONFIGURATION.
 *
 * Source: MMC-5 sections 5 (features), 6.6, 6.11 and 7 (mode pages); page 0x2a from MMC-3.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "atapi.h"
#include "util/bytes.h"

static uint8_t *blank(IDEDrive *drive, uint32_t length)
{
    memset(drive->buffer, 0, length);
    return drive->buffer;
}

/* ---- mode pages ---- */

#define PAGE_ALL           0x3f
#define PAGE_SIZE_MAX      32
#define CONTROL_CURRENT    0
#define CONTROL_CHANGEABLE 1
#define CONTROL_DEFAULT    2
#define CONTROL_SAVED      3

#define DEFAULT_RETRIES 5
#define SPEED_KBYTES    8448 /* 48 times 176 */

static void fill_error_recovery(IDEDrive *drive, uint8_t control, uint8_t *page)
{
    static const uint8_t retries[] = {
        [CONTROL_CHANGEABLE] = 0xff,
        [CONTROL_DEFAULT] = DEFAULT_RETRIES,
    };

    page[3] = control == CONTROL_CURRENT ? drive->packet.retry_count : retries[control];
}

static void fill_timeouts(IDEDrive *drive G_GNUC_UNUSED, uint8_t control, uint8_t *page)
{
    if (control != CONTROL_CHANGEABLE) {
        store_be16(page + 6, 60); /* seconds of a group 1 command */
        store_be16(page + 8, 60);
    }
}

static void fill_nothing(IDEDrive *drive G_GNUC_UNUSED, uint8_t control G_GNUC_UNUSED,
                         uint8_t *page G_GNUC_UNUSED)
{
}

static void fill_capabilities(IDEDrive *drive, uint8_t control, uint8_t *page)
{
    if (control == CONTROL_CHANGEABLE) {
        return;
    }
    page[2] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM */
    page[4] = 0x70; /* several sessions, mode 2 forms 1 and 2 */
    page[6] = 0x29; /* a tray that ejects and locks */
    page[6] |= drive->packet.locked ? 0x02 : 0;
    store_be16(page + 8, SPEED_KBYTES);
    store_be16(page + 12, 512); /* KiB of buffer */
    store_be16(page + 14, SPEED_KBYTES);
}

static const struct {
    uint8_t code, size; /* with the two bytes of header */
    void (*fill)(IDEDrive *drive, uint8_t control, uint8_t *page);
} pages[] = {
    {0x01, 12, fill_error_recovery},
    {0x1a, 12, fill_nothing}, /* power condition: no timers */
    {0x1d, 12, fill_timeouts},
    {0x2a, 20, fill_capabilities},
};

static void fill_page(IDEDrive *drive, unsigned i, uint8_t control, uint8_t *page)
{
    memset(page, 0, pages[i].size);
    page[0] = pages[i].code;
    page[1] = pages[i].size - 2;
    pages[i].fill(drive, control, page);
}

/* Medium type codes of the mode header as drives before MMC-2 had them. */
static uint8_t medium_type(IDEDrive *drive)
{
    if (drive->packet.tray_open) {
        return 0x71;
    }
    return atapi_has_medium(drive) ? 0x01 : 0x70;
}

static bool is_ten_bytes(IDEDrive *drive)
{
    return drive->packet.packet[0] & 0x40;
}

void atapi_mode_sense(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint8_t control = packet[2] >> 6, wanted = packet[2] & 0x3f;
    uint32_t header = is_ten_bytes(drive) ? 8 : 4;
    uint32_t allocation = is_ten_bytes(drive) ? load_be16(packet + 7) : packet[4];
    uint8_t *data = blank(drive, header);
    uint32_t length = header;

    if (control == CONTROL_SAVED) {
        atapi_check_condition(drive, ATAPI_SENSE_NO_SAVED_PARAMETERS);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(pages); i++) {
        if (wanted == PAGE_ALL || wanted == pages[i].code) {
            fill_page(drive, i, control, data + length);
            length += pages[i].size;
        }
    }
    if (length == header) {
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    if (is_ten_bytes(drive)) {
        store_be16(data, (uint16_t)(length - 2));
        data[2] = medium_type(drive);
    } else {
        data[0] = (uint8_t)(length - 1);
        data[1] = medium_type(drive);
    }
    atapi_reply(drive, length, allocation);
}

/* ---- MODE SELECT ---- */

void atapi_mode_select(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint32_t length = is_ten_bytes(drive) ? load_be16(packet + 7) : packet[4];

    if (!(packet[1] & 0x10) || (packet[1] & 0x01)) { /* not the page format; to be saved */
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
    } else if (length == 0) {
        atapi_complete(drive);
    } else {
        atapi_want_data(drive, length);
    }
}

/* Bytes that cannot be changed must be what MODE SENSE tells. */
static AtapiSense check_page(IDEDrive *drive, const uint8_t *page, uint32_t left)
{
    uint8_t current[PAGE_SIZE_MAX], changeable[PAGE_SIZE_MAX];

    for (unsigned i = 0; i < G_N_ELEMENTS(pages); i++) {
        if (pages[i].code != (page[0] & 0x3f)) {
            continue;
        }
        if (page[1] != pages[i].size - 2) {
            return ATAPI_SENSE_INVALID_PARAMETER;
        }
        if (left < pages[i].size) {
            return ATAPI_SENSE_PARAMETER_LENGTH;
        }
        fill_page(drive, i, CONTROL_CURRENT, current);
        fill_page(drive, i, CONTROL_CHANGEABLE, changeable);
        for (unsigned j = 2; j < pages[i].size; j++) {
            if ((page[j] ^ current[j]) & ~changeable[j]) {
                return ATAPI_SENSE_INVALID_PARAMETER;
            }
        }
        return ATAPI_SENSE_NONE;
    }
    return ATAPI_SENSE_INVALID_PARAMETER;
}

/* All pages are checked before any takes effect. */
static AtapiSense select_pages(IDEDrive *drive, const uint8_t *data, uint32_t length, bool apply)
{
    uint32_t header = is_ten_bytes(drive) ? 8 : 4;
    uint32_t descriptors, position;

    if (length < header) {
        return ATAPI_SENSE_PARAMETER_LENGTH;
    }
    descriptors = is_ten_bytes(drive) ? load_be16(data + 6) : data[3];
    position = header + descriptors;
    while (position < length) {
        AtapiSense sense;

        if (length - position < 2) {
            return ATAPI_SENSE_PARAMETER_LENGTH;
        }
        sense = check_page(drive, data + position, length - position);
        if (sense != ATAPI_SENSE_NONE) {
            return sense;
        }
        if (apply && (data[position] & 0x3f) == 0x01) {
            drive->packet.retry_count = data[position + 3];
        }
        position += 2 + data[position + 1];
    }
    return position == length ? ATAPI_SENSE_NONE : ATAPI_SENSE_PARAMETER_LENGTH;
}

void atapi_mode_select_data(IDEDrive *drive)
{
    AtapiSense sense = select_pages(drive, drive->buffer, drive->buffer_fill, false);

    if (sense != ATAPI_SENSE_NONE) {
        atapi_check_condition(drive, sense);
        return;
    }
    select_pages(drive, drive->buffer, drive->buffer_fill, true);
    atapi_complete(drive);
}

/* ---- GET CONFIGURATION ---- */

#define PROFILE_CDROM 0x0008
#define PROFILE_DVD   0x0010

typedef enum { WITH_ANY, WITH_CD, WITH_DVD, WITH_MEDIUM } CurrentWith;

static const struct {
    uint16_t code;
    uint8_t flags; /* version << 2 | persistent << 1 */
    CurrentWith with;
    uint8_t length;
    uint8_t data[12];
} features[] = {
    /* Core: ATAPI, device busy event */
    {0x0001, 2 << 2 | 0x02, WITH_ANY, 8, {0, 0, 0, 2, 0x01}},
    /* Morphing */
    {0x0002, 1 << 2 | 0x02, WITH_ANY, 4, {0}},
    /* Removable medium: tray, eject, lock */
    {0x0003, 0x02, WITH_ANY, 4, {0x29}},
    /* Random readable: 2048 bytes, blocking 16 */
    {0x0010, 0, WITH_MEDIUM, 8, {0, 0, 8, 0, 0, 0x10}},
    /* CD read */
    {0x001e, 2 << 2, WITH_CD, 4, {0}},
    /* DVD read */
    {0x001f, 0, WITH_DVD, 4, {0}},
    /* Power management */
    {0x0100, 0x02, WITH_ANY, 0, {0}},
    /* Timeout */
    {0x0105, 0x02, WITH_ANY, 0, {0}},
};

static uint16_t current_profile(IDEDrive *drive)
{
    uint32_t total = atapi_sector_count(drive);

    if (total == 0) {
        return 0;
    }
    return total > CD_SECTORS_MAX ? PROFILE_DVD : PROFILE_CDROM;
}

static bool is_current(uint16_t profile, CurrentWith with)
{
    switch (with) {
    case WITH_CD:
        return profile == PROFILE_CDROM;
    case WITH_DVD:
        return profile == PROFILE_DVD;
    case WITH_MEDIUM:
        return profile != 0;
    default:
        return true;
    }
}

static uint8_t *put_profiles(uint8_t *out, uint16_t profile)
{
    static const uint16_t profiles[] = {PROFILE_DVD, PROFILE_CDROM};

    store_be16(out, 0x0000);
    out[2] = 0x03; /* persistent, current */
    out[3] = 4 * G_N_ELEMENTS(profiles);
    out += 4;
    for (unsigned i = 0; i < G_N_ELEMENTS(profiles); i++) {
        store_be16(out, profiles[i]);
        out[2] = profiles[i] == profile;
        out[3] = 0;
        out += 4;
    }
    return out;
}

static uint8_t *put_feature(uint8_t *out, unsigned i, bool current)
{
    store_be16(out, features[i].code);
    out[2] = features[i].flags | (current ? 1 : 0);
    out[3] = features[i].length;
    memcpy(out + 4, features[i].data, features[i].length);
    return out + 4 + features[i].length;
}

/* Request type 0: all from the starting feature on; 1: those of them that are current; 2: that one
 * only. */
void atapi_get_configuration(IDEDrive *drive)
{
    const uint8_t *packet = drive->packet.packet;
    uint8_t type = packet[1] & 3;
    uint16_t start = load_be16(packet + 2), profile = current_profile(drive);
    uint8_t *data = blank(drive, 256);
    uint8_t *next = data + 8;

    if (type == 3) {
        atapi_check_condition(drive, ATAPI_SENSE_INVALID_FIELD);
        return;
    }
    store_be16(data + 6, profile);
    if (start == 0) {
        next = put_profiles(next, profile);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        bool current = is_current(profile, features[i].with);

        if (features[i].code < start || (type == 2 && features[i].code != start) ||
            (type == 1 && !current)) {
            continue;
        }
        next = put_feature(next, i, current);
    }
    store_be32(data, (uint32_t)(next - data - 4));
    atapi_reply(drive, (uint32_t)(next - data), load_be16(packet + 7));
}
