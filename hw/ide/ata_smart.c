/*
 * SMART: attributes of a drive that does not wear, thresholds, error log (empty) and self-test log.
 *
 * Source: ATA/ATAPI-7 volume 1, section 6.54; SFF-8035i for the attribute table.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "ide_drive.h"
#include "util/bytes.h"
#include "util/clock.h"

#define KEY_MID  0x4f
#define KEY_HIGH 0xc2

#define LOG_DIRECTORY     0x00
#define LOG_SUMMARY_ERROR 0x01
#define LOG_SELF_TEST     0x06

#define TEST_ENTRY_SIZE 24

typedef struct {
    uint8_t id;
    uint16_t flags; /* bit 0: below the threshold the drive fails; bit 1: collected online */
    uint8_t value, threshold;
    uint8_t raw;
} SmartAttribute;

static const SmartAttribute attributes[] = {
    {0x01, 0x0003, 100, 6, 0},    /* read error rate */
    {0x03, 0x0003, 100, 0, 16},   /* spin-up time */
    {0x04, 0x0002, 100, 20, 100}, /* starts and stops */
    {0x05, 0x0003, 100, 36, 0},   /* reallocated sectors */
    {0x09, 0x0003, 100, 0, 1},    /* hours of power */
    {0x0c, 0x0003, 100, 0, 0},    /* power cycles */
    {0xbe, 0x0003, 69, 50, 31},   /* temperature of the air, degrees Celsius; value: 100 - it */
};

static uint16_t power_hours(void)
{
    return (uint16_t)(clock_get_ns(CLOCK_VIRTUAL) / NS_PER_SECOND / 3600 + 1);
}

static void send(IDEDrive *drive)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < 511; i++) {
        sum += drive->buffer[i];
    }
    drive->buffer[511] = (uint8_t)-sum;
    ide_drive_reply(drive, ATA_SECTOR_SIZE);
}

static uint8_t *blank(IDEDrive *drive)
{
    memset(drive->buffer, 0, ATA_SECTOR_SIZE);
    return drive->buffer;
}

static void read_data(IDEDrive *drive)
{
    uint8_t *data = blank(drive);

    store_le16(data, 1); /* revision */
    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        uint8_t *entry = data + 2 + 12 * i;

        entry[0] = attributes[i].id;
        store_le16(entry + 1, attributes[i].flags);
        entry[3] = attributes[i].value;
        entry[4] = attributes[i].value; /* worst so far */
        entry[5] = attributes[i].raw;
        if (attributes[i].id == 0x09) {
            store_le16(entry + 5, power_hours());
        }
    }
    data[362] = 0x02;               /* offline collection: complete, without error */
    data[363] = 0x00;               /* self-test: the last one passed */
    store_le16(data + 364, 288);    /* seconds an offline collection takes */
    data[367] = 0x10 | 0x08 | 0x01; /* self-tests, offline collection, both at once */
    store_le16(data + 368, 0x03);   /* attributes are saved on entry to power modes and by timer */
    data[370] = 0x01;               /* there is an error log */
    data[372] = 2;                  /* minutes of the short and the extended self-test */
    data[373] = 54;
    send(drive);
}

static void read_thresholds(IDEDrive *drive)
{
    uint8_t *data = blank(drive);

    store_le16(data, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        data[2 + 12 * i] = attributes[i].id;
        data[3 + 12 * i] = attributes[i].threshold;
    }
    send(drive);
}

static void set_autosave(IDEDrive *drive)
{
    if (drive->current.count != 0x00 && drive->current.count != 0xf1) {
        ide_drive_abort(drive);
        return;
    }
    drive->smart.autosave = drive->current.count == 0xf1;
    ide_drive_complete(drive);
}

static void succeed(IDEDrive *drive)
{
    ide_drive_complete(drive);
}

/* ---- self-tests ---- */

static void log_test(IDEDrive *drive, uint8_t number)
{
    IDESmart *smart = &drive->smart;

    smart->test_number[smart->next_test] = number;
    smart->test_hours[smart->next_test] = power_hours();
    smart->next_test = (uint8_t)((smart->next_test + 1) % SMART_TEST_LOG_ENTRIES);
    smart->tests_logged = (uint8_t)MIN(smart->tests_logged + 1, SMART_TEST_LOG_ENTRIES);
}

/* There is nothing that could have worn out: a test passes at once. */
static void execute_offline(IDEDrive *drive)
{
    uint8_t number = drive->current.lba_low;

    switch (number) {
    case 0x7f: /* abort the test that runs: none does */
    case 0x00: /* collect data */
        break;
    case 0x01: /* short and extended, in the background and captive */
    case 0x02:
    case 0x81:
    case 0x82:
        log_test(drive, number);
        break;
    default:
        ide_drive_abort(drive);
        return;
    }
    if (number & 0x80) { /* a captive test tells its result in the key registers */
        drive->current.lba_mid = KEY_MID;
        drive->current.lba_high = KEY_HIGH;
    }
    ide_drive_complete(drive);
}

static void fill_self_test_log(IDEDrive *drive, uint8_t *data)
{
    IDESmart *smart = &drive->smart;

    store_le16(data, 1);
    for (unsigned i = 0; i < smart->tests_logged; i++) {
        uint8_t *entry = data + 2 + TEST_ENTRY_SIZE * i;

        entry[0] = smart->test_number[i];
        entry[1] = 0x00; /* completed without error */
        store_le16(entry + 2, smart->test_hours[i]);
    }
    if (smart->tests_logged > 0) { /* index of the newest, from 1 */
        data[508] = smart->next_test ? smart->next_test : SMART_TEST_LOG_ENTRIES;
    }
}

static void read_log(IDEDrive *drive)
{
    uint8_t *data = blank(drive);

    if (drive->current.count != 1) {
        ide_drive_abort(drive);
        return;
    }
    switch (drive->current.lba_low) {
    case LOG_DIRECTORY:
        store_le16(data, 1); /* version; then two bytes a log: its sectors */
        data[2 * LOG_SUMMARY_ERROR] = 1;
        data[2 * LOG_SELF_TEST] = 1;
        ide_drive_reply(drive, ATA_SECTOR_SIZE); /* the directory has no checksum */
        return;
    case LOG_SUMMARY_ERROR:
        data[0] = 1; /* version; no entry, no error counted */
        break;
    case LOG_SELF_TEST:
        fill_self_test_log(drive, data);
        break;
    default:
        ide_drive_abort(drive);
        return;
    }
    send(drive);
}

/* ---- on, off, status ---- */

static void enable(IDEDrive *drive)
{
    drive->smart.enabled = true;
    ide_drive_complete(drive);
}

static void disable(IDEDrive *drive)
{
    drive->smart.enabled = false;
    ide_drive_complete(drive);
}

/* The key comes back unchanged: no threshold is passed. */
static void return_status(IDEDrive *drive)
{
    drive->current.lba_mid = KEY_MID;
    drive->current.lba_high = KEY_HIGH;
    ide_drive_complete(drive);
}

#define ENABLE_SUBCOMMAND 0xd8

static const struct {
    uint8_t feature;
    void (*run)(IDEDrive *drive);
} subcommands[] = {
    {0xd0, read_data},           {0xd1, read_thresholds},
    {0xd2, set_autosave},        {0xd3, succeed}, /* SAVE ATTRIBUTE VALUES */
    {0xd4, execute_offline},     {0xd5, read_log},
    {ENABLE_SUBCOMMAND, enable}, {0xd9, disable},
    {0xda, return_status},       {0xdb, succeed}, /* automatic offline collection on, off */
};

void ata_smart(IDEDrive *drive)
{
    uint8_t feature = drive->current.feature;

    if (drive->current.lba_mid != KEY_MID || drive->current.lba_high != KEY_HIGH ||
        (!drive->smart.enabled && feature != ENABLE_SUBCOMMAND)) {
        ide_drive_abort(drive);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(subcommands); i++) {
        if (subcommands[i].feature == feature) {
            subcommands[i].run(drive);
            return;
        }
    }
    ide_drive_abort(drive);
}
