/*
 * The commands of the floppy disk controller, apart from those that move data.
 *
 * The MFM bit is not looked at: whatever is in the drive is read in the recording it has.
 *
 * Source: Intel 82078 data sheet (290474), chapter 5; 82077AA data sheet (290166) for the SCAN
 * commands, which the 82078 no longer has.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "fdc_private.h"

#define VERSION_ENHANCED    0x90
#define PART_ID             0x41 /* 82078, first stepping */
#define SAVE_LENGTH         16
#define DRIVE_SPEC_DONE     0x80
#define DRIVE_SPEC_NO_REPLY 0x40
#define DRIVE_SPEC_MAX      6 /* command, four drives, the end */
#define RECALIBRATE_STEPS   80
#define UNIT_BITS           0x03
#define HEAD_BIT            0x04
#define SEEK_INWARD         0x40
#define LOCK_BIT            0x80
#define LOCK_RESULT         0x10
#define ST3_PROTECTED       0x40
#define ST3_ALWAYS          0x28
#define ST3_CYLINDER_0      0x10

/* ---- stepping ---- */

bool fdc_seek(FDC *fdc, unsigned unit, unsigned cylinder)
{
    FloppyDrive *drive = fdc_drive(fdc, unit);
    bool moves = cylinder != fdc->present_cylinder[unit];

    if (moves) {
        fdc->step_toggle = !fdc->step_toggle;
        fdc->step_inward = cylinder > fdc->present_cylinder[unit];
    }
    if (drive && moves) {
        /* Pulses, not an address: drive and controller may count differently. */
        int target = drive->cylinder + (int)cylinder - fdc->present_cylinder[unit];
        floppy_drive_step(drive, (unsigned)MAX(target, 0));
    }
    fdc->present_cylinder[unit] = (uint8_t)cylinder;
    return moves;
}

static void seek_done(FDC *fdc, unsigned unit, uint8_t status)
{
    fdc->seek_status[unit] = (uint8_t)(status | unit);
    fdc->seek_ended |= (uint8_t)(1u << unit);
    fdc_result(fdc, 0, false);
}

static uint8_t head_bit(const FDC *fdc)
{
    return fdc->command_head ? HEAD_BIT : 0;
}

static void seek(FDC *fdc)
{
    fdc_seek(fdc, fdc->command_unit, fdc->fifo[2]);
    seek_done(fdc, fdc->command_unit, ST0_SEEK_END | head_bit(fdc));
}

static void relative_seek(FDC *fdc)
{
    unsigned unit = fdc->command_unit;
    int steps = fdc->fifo[0] & SEEK_INWARD ? fdc->fifo[2] : -fdc->fifo[2];

    fdc_seek(fdc, unit, (unsigned)CLAMP(fdc->present_cylinder[unit] + steps, 0, UINT8_MAX));
    seek_done(fdc, unit, ST0_SEEK_END | head_bit(fdc));
}

/* Outwards until the drive says track 0, which one that is not there never does. */
static void recalibrate(FDC *fdc)
{
    unsigned unit = fdc->command_unit;
    FloppyDrive *drive = fdc_drive(fdc, unit);
    uint8_t status = ST0_SEEK_END;

    fdc->step_inward = false;
    if (drive) {
        floppy_drive_step(drive, drive->cylinder - MIN(drive->cylinder, RECALIBRATE_STEPS));
    }
    if (!drive || drive->cylinder > 0) {
        status |= ST0_ABNORMAL | ST0_EQUIPMENT_CHECK;
    }
    fdc->present_cylinder[unit] = 0;
    seek_done(fdc, unit, status);
}

/* ---- status ---- */

static void invalid(FDC *fdc)
{
    fdc->fifo[0] = ST0_INVALID;
    fdc_result(fdc, 1, false);
}

static void sense_interrupt(FDC *fdc)
{
    unsigned unit;

    if (fdc->polls_left > 0) {
        unit = FDC_SELECT_COUNT - fdc->polls_left--;
        fdc->poll_interrupt = false;
        fdc->fifo[0] = (uint8_t)(ST0_POLLING | unit);
    } else if (fdc->seek_ended) {
        unit = (unsigned)__builtin_ctz(fdc->seek_ended);
        fdc->seek_ended &= (uint8_t) ~(1u << unit);
        fdc->fifo[0] = fdc->seek_status[unit];
    } else {
        invalid(fdc);
        return;
    }
    fdc->fifo[1] = fdc->present_cylinder[unit];
    fdc_result(fdc, 2, false);
}

static void sense_drive(FDC *fdc)
{
    const FloppyDrive *drive = fdc_drive(fdc, fdc->command_unit);

    fdc->fifo[0] = (uint8_t)(ST3_ALWAYS | head_bit(fdc) | fdc->command_unit);
    if (drive) {
        fdc->fifo[0] |= floppy_drive_is_protected(drive) ? ST3_PROTECTED : 0;
        fdc->fifo[0] |= drive->cylinder == 0 ? ST3_CYLINDER_0 : 0;
    }
    fdc_result(fdc, 1, false);
}

static void version(FDC *fdc)
{
    fdc->fifo[0] = VERSION_ENHANCED;
    fdc_result(fdc, 1, false);
}

static void part_id(FDC *fdc)
{
    fdc->fifo[0] = PART_ID;
    fdc_result(fdc, 1, false);
}

/* ---- settings ---- */

static void specify(FDC *fdc)
{
    memcpy(fdc->specify, fdc->fifo + 1, sizeof(fdc->specify));
    fdc_result(fdc, 0, false);
}

static void configure(FDC *fdc)
{
    fdc->config = fdc->fifo[2] & 0x7f;
    fdc->precompensation_track = fdc->fifo[3];
    fdc_result(fdc, 0, false);
}

/* OW, which lets the drives' bits be written, is not kept. */
static void perpendicular_mode(FDC *fdc)
{
    uint8_t value = fdc->fifo[1];

    fdc->perpendicular = (uint8_t)((fdc->perpendicular & 0x3c) | (value & 0x03));
    if (value & 0x80) {
        fdc->perpendicular = value & 0x3f;
    }
    fdc_result(fdc, 0, false);
}

static void lock(FDC *fdc)
{
    fdc->locked = fdc->fifo[0] & LOCK_BIT;
    fdc->fifo[0] = fdc->locked ? LOCK_RESULT : 0;
    fdc_result(fdc, 1, false);
}

/* The ten bytes of DUMPREG, which SAVE and RESTORE have too. */
static void put_registers(const FDC *fdc, uint8_t out[10])
{
    memcpy(out, fdc->present_cylinder, 4);
    memcpy(out + 4, fdc->specify, 2);
    out[6] = fdc->last_count;
    out[7] = (uint8_t)((fdc->locked ? 0x80 : 0) | fdc->perpendicular);
    out[8] = fdc->config;
    out[9] = fdc->precompensation_track;
}

static void dump_registers(FDC *fdc)
{
    put_registers(fdc, fdc->fifo);
    fdc_result(fdc, 10, false);
}

static void save(FDC *fdc)
{
    memset(fdc->fifo, 0, SAVE_LENGTH);
    fdc->fifo[0] = fdc->dsr;
    put_registers(fdc, fdc->fifo + 2);
    fdc->fifo[12] = fdc->power_mode;
    fdc_result(fdc, SAVE_LENGTH, false);
}

static void restore(FDC *fdc)
{
    const uint8_t *in = fdc->fifo + 1;

    fdc->dsr = in[0] & 0x1f;
    memcpy(fdc->present_cylinder, in + 2, 4);
    memcpy(fdc->specify, in + 6, 2);
    fdc->last_count = in[8];
    fdc->locked = in[9] & 0x80;
    fdc->perpendicular = in[9] & 0x3f;
    fdc->config = in[10] & 0x7f;
    fdc->precompensation_track = in[11];
    fdc->power_mode = in[12];
    fdc_result(fdc, 0, false);
}

/* ISO: a change of the gap that no image has. */
static void option(FDC *fdc)
{
    fdc_result(fdc, 0, false);
}

static void power_down_mode(FDC *fdc)
{
    fdc->power_mode = fdc->fifo[1];
    fdc->fifo[0] = fdc->power_mode;
    fdc_result(fdc, 1, false);
}

static void drive_specification(FDC *fdc)
{
    uint8_t last = fdc->fifo[fdc->fifo_position - 1];

    for (unsigned i = 1; i < fdc->fifo_position; i++) {
        uint8_t value = fdc->fifo[i];

        if (!(value & DRIVE_SPEC_DONE)) {
            fdc->drive_specification[value >> 5 & UNIT_BITS] = value & 0x1f;
        }
    }
    if (last & DRIVE_SPEC_NO_REPLY) {
        fdc_result(fdc, 0, false);
        return;
    }
    memcpy(fdc->fifo, fdc->drive_specification, sizeof(fdc->drive_specification));
    fdc_result(fdc, sizeof(fdc->drive_specification), false);
}

/* ---- the table ---- */

typedef struct {
    uint8_t code, mask;
    uint8_t length;   /* bytes, the code included */
    bool names_drive; /* the second byte has unit and head */
    void (*run)(FDC *fdc);
} Command;

static const Command commands[] = {
    {0x06, 0x1f, 9, true, fdc_transfer_read},
    {0x05, 0x3f, 9, true, fdc_transfer_write},
    {0x0c, 0x1f, 9, true, fdc_transfer_read_deleted},
    {0x09, 0x3f, 9, true, fdc_transfer_write}, /* an image has no deleted marks */
    {0x02, 0x9f, 9, true, fdc_transfer_read_track},
    {0x16, 0x1f, 9, true, fdc_transfer_verify},
    {0x11, 0x1f, 9, true, fdc_transfer_scan},
    {0x19, 0x1f, 9, true, fdc_transfer_scan},
    {0x1d, 0x1f, 9, true, fdc_transfer_scan},
    {0x0d, 0xbf, 6, true, fdc_transfer_format},
    {0x0a, 0xbf, 2, true, fdc_transfer_read_id},
    {0x07, 0xff, 2, true, recalibrate},
    {0x0f, 0xff, 3, true, seek},
    {0x8f, 0xbf, 3, true, relative_seek},
    {0x08, 0xff, 1, false, sense_interrupt},
    {0x04, 0xff, 2, true, sense_drive},
    {0x03, 0xff, 3, false, specify},
    {0x13, 0xff, 4, false, configure},
    {0x10, 0xff, 1, false, version},
    {0x0e, 0xff, 1, false, dump_registers},
    {0x12, 0xff, 2, false, perpendicular_mode},
    {0x14, 0x7f, 1, false, lock},
    {0x18, 0xff, 1, false, part_id},
    {0x2e, 0xff, 1, false, save},
    {0x4e, 0xff, 17, false, restore},
    {0x33, 0xff, 2, false, option},
    {0x8e, 0xff, 2, false, drive_specification},
    {0x17, 0xff, 2, false, power_down_mode},
};

static const Command invalid_command = {0, 0, 1, false, invalid};

static const Command *find_command(uint8_t code)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if ((code & commands[i].mask) == commands[i].code) {
            return &commands[i];
        }
    }
    return &invalid_command;
}

unsigned fdc_command_length(const FDC *fdc)
{
    const Command *command = find_command(fdc->fifo[0]);
    unsigned given = fdc->fifo_position;

    /* As many drives as the host has, then a byte that says so. */
    if (command->run == drive_specification && given > 1 && given < DRIVE_SPEC_MAX &&
        !(fdc->fifo[given - 1] & DRIVE_SPEC_DONE)) {
        return given + 1;
    }
    return command->run == drive_specification ? MAX(command->length, given) : command->length;
}

void fdc_command_run(FDC *fdc)
{
    const Command *command = find_command(fdc->fifo[0]);

    if (command->names_drive) {
        fdc->command_unit = fdc->fifo[1] & UNIT_BITS;
        fdc->command_head = fdc->fifo[1] & HEAD_BIT ? 1 : 0;
    }
    if (command->run != sense_interrupt) { /* what nobody asked for is not told later */
        fdc->polls_left = 0;
        fdc->poll_interrupt = false;
    }
    command->run(fdc);
}
