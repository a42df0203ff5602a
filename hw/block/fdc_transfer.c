/*
 * How the commands of the floppy disk controller move data: between the image and the buffer by
 * requests to the block layer, between the buffer and the host by DMA or through the FIFO.
 *
 * A read without DMA gets all its sectors before the host sees the first byte, so that the FIFO
 * never runs dry; every other command goes on track by track, or sector by sector where the host
 * may stop anywhere.
 *
 * Where the data sheet leaves a host in trouble and guests rely on better: a transfer without DMA,
 * which has no terminal count, ends well with its last sector; and with MT a side's last sector is
 * its end even if EOT says more, so that the BIOS's calls that cross to the other side work.
 *
 * Source: Intel 82078 data sheet (290474), chapter 5 and the tables of results.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "fdc_private.h"
#include "util/trace.h"

#define SCAN_WILDCARD 0xff
#define RESULT_LENGTH 7

TRACE_DEFINE(fdc_request);

/* ---- the end ---- */

void fdc_transfer_finish(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;
    const uint8_t result[RESULT_LENGTH] = {
        (uint8_t)(t->status[0] | t->head_done << 2 | t->unit),
        t->status[1],
        t->status[2],
        t->host.cylinder,
        t->host.head,
        t->host.sector,
        t->size_code,
    };

    i8257_set_request(fdc->dma, fdc->dma_number, false);
    fdc_set_phase(fdc, FDC_PHASE_DISK); /* the line falls if data had it up */
    memcpy(fdc->fifo, result, sizeof(result));
    fdc_result(fdc, RESULT_LENGTH, true);
}

void fdc_transfer_note_error(FDC *fdc, uint8_t st1, uint8_t st2)
{
    FDCTransfer *t = &fdc->transfer;

    t->status[0] |= ST0_ABNORMAL;
    t->status[1] |= st1;
    t->status[2] |= st2;
    t->left = 0;
}

void fdc_transfer_fail(FDC *fdc, uint8_t st1, uint8_t st2)
{
    fdc_transfer_note_error(fdc, st1, st2);
    fdc_transfer_finish(fdc);
}

/* All sectors have passed, or the host has had enough. */
static void end_of_sectors(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;

    if (!t->terminal_count && !t->normal_end && !(t->status[0] & ST0_ABNORMAL)) {
        fdc_transfer_note_error(fdc, ST1_END_OF_CYLINDER, 0);
    }
    fdc_transfer_finish(fdc);
}

/* ---- where ---- */

static const FloppyFormat *format_of(const FDC *fdc)
{
    return fdc_drive(fdc, fdc->transfer.unit)->format;
}

/* The next sector of the image; MT goes on with the other side. True: it is on the next cylinder.
 */
static bool advance(const FDCTransfer *t, const FloppyFormat *format, FDCSector *at)
{
    unsigned behind = (unsigned)at->sector + t->step;
    bool last = behind > t->eot || (t->multi_track && behind > format->sectors);

    if (!last) {
        at->sector = (uint8_t)behind;
        return false;
    }
    at->sector = 1;
    if (t->multi_track) {
        at->head ^= 1;
        if (at->head == 1 && format->heads == 2) {
            return false;
        }
        at->head = 0;
    }
    at->cylinder++;
    return true;
}

/* False: the status says why the sector cannot be found. */
bool fdc_transfer_find_sector(FDC *fdc, const FDCSector *at)
{
    FDCTransfer *t = &fdc->transfer;
    const FloppyDrive *drive = fdc_drive(fdc, t->unit);
    const FloppyFormat *format = drive ? drive->format : NULL;

    if (!drive || !floppy_drive_has_medium(drive) || drive->cylinder >= format->cylinders ||
        at->head >= format->heads ||
        (fdc->check_media_rate && (fdc->dsr & DSR_RATE) != format->rate)) {
        fdc_transfer_note_error(fdc, ST1_MISSING_MARK, 0);
        return false;
    }
    if (at->cylinder != drive->cylinder) {
        fdc_transfer_note_error(fdc, ST1_NO_DATA,
                                at->cylinder == UINT8_MAX ? ST2_BAD_CYLINDER : ST2_WRONG_CYLINDER);
        return false;
    }
    if (t->size_code != FLOPPY_SIZE_CODE || at->sector == 0 || at->sector > format->sectors) {
        fdc_transfer_note_error(fdc, ST1_NO_DATA, 0);
        return false;
    }
    return true;
}

static uint64_t image_offset(const FDC *fdc, const FDCSector *at)
{
    const FloppyFormat *format = format_of(fdc);
    uint32_t track = (uint32_t)at->cylinder * format->heads + at->head;

    return ((uint64_t)track * format->sectors + at->sector - 1) * FLOPPY_SECTOR_SIZE;
}

/* Sectors in a row in the image from where the disk is, as far as the command and this side go. */
static unsigned run_length(const FDC *fdc)
{
    const FDCTransfer *t = &fdc->transfer;
    unsigned last = MIN(t->eot, format_of(fdc)->sectors);

    if (t->step != 1 || t->disk.sector > last) {
        return 1;
    }
    return MIN(t->left, last - t->disk.sector + 1u);
}

static unsigned dma_sectors(const FDC *fdc)
{
    uint32_t bytes = i8257_bytes_left(fdc->dma, fdc->dma_number);

    return MAX((bytes + FLOPPY_SECTOR_SIZE - 1) / FLOPPY_SECTOR_SIZE, 1);
}

/* The drive follows where MT leaves the cylinder with sectors yet to come. */
static void advance_disk(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;

    for (unsigned i = 0; i < t->chunk; i++) {
        bool next_cylinder = advance(t, format_of(fdc), &t->disk);

        if (next_cylinder && t->left > 0 && t->multi_track) {
            fdc_seek(fdc, t->unit, t->disk.cylinder);
            t->status[0] |= ST0_SEEK_END;
        }
    }
}

static void advance_host(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;

    t->head_done = t->host.head;
    advance(t, format_of(fdc), &t->host);
}

/* ---- requests ---- */

static void request_ended(void *opaque, int result)
{
    FDC *fdc = opaque;

    fdc->in_flight = false;
    if (fdc->abandoned) {
        fdc->abandoned = false;
        return;
    }
    if (result < 0) {
        fdc_transfer_note_error(fdc, ST1_DATA_ERROR, ST2_DATA_ERROR);
        fdc->transfer.chunk = 0;
    }
    fdc_transfer_go_on(fdc);
}

/* @chunk sectors from where the disk is, into or from the buffer at @position. */
static void submit(FDC *fdc, unsigned chunk, uint32_t position, bool write)
{
    FDCTransfer *t = &fdc->transfer;
    BlockBackend *backend = fdc_drive(fdc, t->unit)->backend;
    struct iovec vector = {fdc->buffer + position, (size_t)chunk * FLOPPY_SECTOR_SIZE};
    uint64_t offset = image_offset(fdc, &t->disk);

    TRACE(fdc_request, "%s cylinder %u head %u sector %u count %u", write ? "write" : "read",
          t->disk.cylinder, t->disk.head, t->disk.sector, chunk);
    t->chunk = (uint16_t)chunk;
    fdc->in_flight = true;
    fdc_set_phase(fdc, FDC_PHASE_DISK);
    if (write) {
        fdc->write_toggle = !fdc->write_toggle;
        block_writev(backend, offset, &vector, 1, 0, request_ended, fdc);
    } else {
        fdc->read_toggle = !fdc->read_toggle;
        block_readv(backend, offset, &vector, 1, request_ended, fdc);
    }
}

/* ---- the host's side ---- */

void fdc_transfer_data_phase(FDC *fdc, uint32_t bytes, FDCPhase phase)
{
    fdc->transfer.fill = bytes;
    fdc->transfer.position = 0;
    fdc_set_phase(fdc, phase);
    if (!fdc->transfer.non_dma) {
        fdc_transfer_dma_ready(fdc);
    }
}

static bool is_scan(const FDCTransfer *t)
{
    return t->kind >= FDC_TRANSFER_SCAN_EQUAL && t->kind <= FDC_TRANSFER_SCAN_HIGH;
}

/* A byte of the host's against the disk's; ones on either side fit anything. */
static void scan_byte(FDC *fdc, uint8_t host)
{
    FDCTransfer *t = &fdc->transfer;
    uint8_t disk = fdc->buffer[t->position];

    if (host == disk || host == SCAN_WILDCARD || disk == SCAN_WILDCARD) {
        return;
    }
    t->scan_unequal = true;
    if (t->kind == FDC_TRANSFER_SCAN_EQUAL ||
        (t->kind == FDC_TRANSFER_SCAN_LOW ? disk > host : disk < host)) {
        t->scan_failed = true;
    }
}

/* One more sector has passed; results then tell of the one behind it. */
static void count_position(FDC *fdc, uint32_t bytes)
{
    FDCTransfer *t = &fdc->transfer;
    uint32_t before = t->position / FLOPPY_SECTOR_SIZE;

    t->position += bytes;
    for (uint32_t n = before; n < t->position / FLOPPY_SECTOR_SIZE; n++) {
        if (t->kind == FDC_TRANSFER_READ) {
            advance_host(fdc);
        }
    }
}

/* The buffer is through, or the terminal count came on the way. */
static void data_done(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;

    i8257_set_request(fdc->dma, fdc->dma_number, false);
    fdc_set_phase(fdc, FDC_PHASE_DISK);
    if (t->kind == FDC_TRANSFER_READ && t->position % FLOPPY_SECTOR_SIZE) {
        advance_host(fdc); /* the rest of the sector is read all the same */
    }
    if (t->terminal_count) {
        t->left = 0;
    }
    fdc_transfer_go_on(fdc);
}

static uint32_t move_from_memory(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;
    uint8_t compared[FLOPPY_SECTOR_SIZE];
    uint32_t wanted = t->fill - t->position;

    if (!is_scan(t)) {
        return i8257_from_memory(fdc->dma, fdc->dma_number, fdc->buffer + t->position, wanted,
                                 &t->terminal_count);
    }
    wanted = i8257_from_memory(fdc->dma, fdc->dma_number, compared, MIN(wanted, sizeof(compared)),
                               &t->terminal_count);
    for (uint32_t i = 0; i < wanted; i++) {
        scan_byte(fdc, compared[i]);
        t->position++;
    }
    t->position -= wanted;
    return wanted;
}

void fdc_transfer_dma_ready(void *opaque)
{
    FDC *fdc = opaque;
    FDCTransfer *t = &fdc->transfer;
    bool to_host = fdc->phase == FDC_PHASE_TO_HOST;
    uint32_t moved;

    if (t->non_dma || (!to_host && fdc->phase != FDC_PHASE_FROM_HOST)) {
        return;
    }
    i8257_set_request(fdc->dma, fdc->dma_number, true);
    if (to_host) {
        moved = i8257_to_memory(fdc->dma, fdc->dma_number, fdc->buffer + t->position,
                                t->fill - t->position, &t->terminal_count);
    } else {
        moved = move_from_memory(fdc);
    }
    count_position(fdc, moved);
    if (t->terminal_count || t->position == t->fill) {
        data_done(fdc);
    }
}

uint8_t fdc_transfer_byte_to_host(FDC *fdc)
{
    uint8_t byte = fdc->buffer[fdc->transfer.position];

    count_position(fdc, 1);
    if (fdc->transfer.position == fdc->transfer.fill) {
        data_done(fdc);
    }
    return byte;
}

void fdc_transfer_byte_from_host(FDC *fdc, uint8_t byte)
{
    if (is_scan(&fdc->transfer)) {
        scan_byte(fdc, byte);
    } else {
        fdc->buffer[fdc->transfer.position] = byte;
    }
    count_position(fdc, 1);
    if (fdc->transfer.position == fdc->transfer.fill) {
        data_done(fdc);
    }
}

/* ---- steps of each kind; each is taken when a request or a data phase has ended ---- */

/* What was read is counted in fill, and passes to the host when there is enough of it. */
static void read_on(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;
    bool enough;

    if (t->position > 0) { /* it has passed */
        t->fill = t->position = 0;
    }
    t->fill += (uint32_t)t->chunk * FLOPPY_SECTOR_SIZE;
    advance_disk(fdc);
    t->chunk = 0;
    enough = t->left == 0 || (!t->non_dma && t->fill > 0);
    if (!enough && fdc_transfer_find_sector(fdc, &t->disk)) {
        unsigned run = run_length(fdc);

        run = t->non_dma ? run : MIN(run, dma_sectors(fdc));
        t->left = (uint16_t)(t->left - run);
        submit(fdc, run, t->fill, false);
    } else if (t->fill > 0) {
        fdc_transfer_data_phase(fdc, t->fill, FDC_PHASE_TO_HOST);
    } else {
        end_of_sectors(fdc);
    }
}

static void verify_on(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;

    advance_disk(fdc);
    for (unsigned i = 0; i < t->chunk; i++) {
        advance_host(fdc);
    }
    t->chunk = 0;
    if (t->left > 0 && fdc_transfer_find_sector(fdc, &t->disk)) {
        unsigned run = run_length(fdc);

        t->left = (uint16_t)(t->left - run);
        submit(fdc, run, 0, false);
    } else {
        end_of_sectors(fdc);
    }
}

/* The host's sectors have come, all or a part of them: to the image, the rest as zeros. */
static void write_sectors(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;
    uint32_t used = (t->position + FLOPPY_SECTOR_SIZE - 1) & ~(FLOPPY_SECTOR_SIZE - 1u);

    memset(fdc->buffer + t->position, 0, used - t->position);
    t->fill = t->position = 0;
    submit(fdc, used / FLOPPY_SECTOR_SIZE, 0, true);
}

static void write_on(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;

    if (t->position > 0) {
        write_sectors(fdc);
        return;
    }
    advance_disk(fdc);
    for (unsigned i = 0; i < t->chunk; i++) {
        advance_host(fdc);
    }
    t->chunk = 0;
    if (t->left > 0 && fdc_transfer_find_sector(fdc, &t->disk)) {
        unsigned run = t->non_dma ? 1 : MIN(run_length(fdc), dma_sectors(fdc));

        t->left = (uint16_t)(t->left - run);
        fdc_transfer_data_phase(fdc, run * FLOPPY_SECTOR_SIZE, FDC_PHASE_FROM_HOST);
    } else {
        end_of_sectors(fdc);
    }
}

/* A sector has been compared. True: it is the one. */
static bool scan_verdict(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;
    bool found = !t->scan_failed;

    t->status[2] &= ~(ST2_SCAN_EQUAL | ST2_SCAN_NOT);
    t->status[2] |= !found ? ST2_SCAN_NOT : !t->scan_unequal ? ST2_SCAN_EQUAL : 0;
    t->scan_failed = t->scan_unequal = false;
    t->position = t->fill = 0;
    return found;
}

static void scan_on(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;

    if (t->chunk > 0) { /* it has been read and waits for the host */
        t->chunk = 0;
        fdc_transfer_data_phase(fdc, FLOPPY_SECTOR_SIZE, FDC_PHASE_FROM_HOST);
        return;
    }
    if (t->position > 0) {
        bool found = scan_verdict(fdc);

        t->head_done = t->host.head;
        if (found) {
            t->left = 0; /* the result names the sector itself */
        } else {
            t->chunk = 1;
            advance_disk(fdc);
            t->chunk = 0;
            advance_host(fdc);
        }
    }
    if (t->left > 0 && fdc_transfer_find_sector(fdc, &t->disk)) {
        t->left--;
        submit(fdc, 1, 0, false);
    } else {
        end_of_sectors(fdc);
    }
}

/* An image can hold a track of its own format only: each sector once, in any order. */
static bool ids_fit(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;
    const FloppyFormat *format = format_of(fdc);
    bool seen[UINT8_MAX + 1] = {false};

    if (t->position != (uint32_t)format->sectors * FDC_ID_SIZE) {
        return false;
    }
    for (const uint8_t *id = fdc->buffer; id < fdc->buffer + t->position; id += FDC_ID_SIZE) {
        if (id[0] != t->disk.cylinder || id[1] != t->disk.head || id[2] == 0 ||
            id[2] > format->sectors || id[3] != FLOPPY_SIZE_CODE || seen[id[2]]) {
            return false;
        }
        seen[id[2]] = true;
    }
    return true;
}

static void format_on(FDC *fdc)
{
    FDCTransfer *t = &fdc->transfer;
    unsigned sectors;

    if (t->position == 0) { /* written, or it has failed */
        t->head_done = t->host.head;
        end_of_sectors(fdc);
        return;
    }
    if (!fdc_transfer_find_sector(fdc, &t->disk)) { /* the medium has gone meanwhile */
        fdc_transfer_finish(fdc);
        return;
    }
    if (!ids_fit(fdc)) {
        t->status[0] |= ST0_EQUIPMENT_CHECK;
        fdc_transfer_fail(fdc, 0, 0);
        return;
    }
    sectors = format_of(fdc)->sectors;
    memset(fdc->buffer, fdc->fifo[5], sectors * FLOPPY_SECTOR_SIZE);
    t->position = t->fill = 0;
    submit(fdc, sectors, 0, true);
}

void fdc_transfer_go_on(FDC *fdc)
{
    static void (*const steps[FDC_TRANSFER_COUNT])(FDC * fdc) = {
        [FDC_TRANSFER_READ] = read_on,     [FDC_TRANSFER_WRITE] = write_on,
        [FDC_TRANSFER_VERIFY] = verify_on, [FDC_TRANSFER_SCAN_EQUAL] = scan_on,
        [FDC_TRANSFER_SCAN_LOW] = scan_on, [FDC_TRANSFER_SCAN_HIGH] = scan_on,
        [FDC_TRANSFER_FORMAT] = format_on,
    };

    if (!fdc_drive(fdc, fdc->transfer.unit)) {
        fdc_transfer_fail(fdc, ST1_MISSING_MARK, 0);
        return;
    }
    steps[fdc->transfer.kind](fdc);
}
