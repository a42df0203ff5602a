/*
 * Packet device: transport of packets and their data, and the commands of a CD/DVD-ROM.
 *
 * Source: ATA/ATAPI-7 volume 2 section 9.10 (protocol), MMC-5, SPC-3.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_IDE_ATAPI_H
#define HW_IDE_ATAPI_H

#include "ide_drive.h"

#define CD_SECTOR_SIZE     2048
#define CD_RAW_SECTOR_SIZE 2352
#define CD_PREGAP_FRAMES   150 /* sector 0 is at 00:02:00 */
/* An image larger than an 80-minute CD is a DVD. */
#define CD_SECTORS_MAX (80 * 60 * 75)

/* Sense key << 16 | additional code << 8 | qualifier. */
typedef enum {
    ATAPI_SENSE_NONE = 0x000000,
    ATAPI_SENSE_NO_MEDIUM_TRAY_CLOSED = 0x023a01,
    ATAPI_SENSE_NO_MEDIUM_TRAY_OPEN = 0x023a02,
    ATAPI_SENSE_READ_ERROR = 0x031100,
    ATAPI_SENSE_INVALID_OPCODE = 0x052000,
    ATAPI_SENSE_ADDRESS_OUT_OF_RANGE = 0x052100,
    ATAPI_SENSE_INVALID_FIELD = 0x052400,
    ATAPI_SENSE_INVALID_PARAMETER = 0x052600,
    ATAPI_SENSE_PARAMETER_LENGTH = 0x051a00,
    ATAPI_SENSE_INCOMPATIBLE_MEDIUM = 0x053002,
    ATAPI_SENSE_NO_SAVED_PARAMETERS = 0x053900,
    ATAPI_SENSE_REMOVAL_PREVENTED = 0x055302,
    ATAPI_SENSE_WRONG_TRACK_MODE = 0x056400,
    ATAPI_SENSE_MEDIUM_CHANGED = 0x062800,
    ATAPI_SENSE_ABORTED_COMMAND = 0x0b0000,
} AtapiSense;

/* What GET EVENT STATUS NOTIFICATION tells next. */
enum {
    ATAPI_EVENT_NONE,
    ATAPI_EVENT_EJECT_REQUEST,
    ATAPI_EVENT_NEW_MEDIUM,
    ATAPI_EVENT_MEDIUM_REMOVED,
};

/* ---- atapi.c: transport ---- */

/** atapi_packet_command: PACKET: asks for the 12 bytes. */
void atapi_packet_command(IDEDrive *drive);
void atapi_packet_end(IDEDrive *drive);
void atapi_pio_in_end(IDEDrive *drive);
void atapi_pio_out_end(IDEDrive *drive);
/** atapi_complete: GOOD. atapi_check_condition: CHECK CONDITION with @sense. */
void atapi_complete(IDEDrive *drive);
void atapi_check_condition(IDEDrive *drive, AtapiSense sense);
void atapi_set_sense(IDEDrive *drive, AtapiSense sense);
/** atapi_reply: the buffer's first @length bytes, at most @allocation of them, to the host. */
void atapi_reply(IDEDrive *drive, uint32_t length, uint32_t allocation);
/** atapi_want_data: @length bytes of parameters from the host (to the buffer); then
 * atapi_data_arrived(). */
void atapi_want_data(IDEDrive *drive, uint32_t length);
/** atapi_read_sectors: @count sectors from @address to the host. */
void atapi_read_sectors(IDEDrive *drive, uint32_t address, uint32_t count);
/** atapi_read_raw: the same with the fields of READ CD byte 9, @size bytes of each sector. */
void atapi_read_raw(IDEDrive *drive, uint32_t address, uint32_t count, uint8_t fields,
                    uint16_t size);
void atapi_reset(IDEDrive *drive, bool hard);
/** atapi_sector_count: of the medium in a closed tray, else 0. */
uint32_t atapi_sector_count(IDEDrive *drive);
bool atapi_has_medium(IDEDrive *drive);
/** atapi_move_tray: opens or closes it; the block layer is told. */
void atapi_move_tray(IDEDrive *drive, bool open);

extern const BlockDeviceOps atapi_medium_ops;
extern const IDERequestOps atapi_read_pio_request, atapi_read_dma_request, atapi_raw_request,
    atapi_reply_dma_request, atapi_data_dma_request;

/* ---- atapi_commands.c ---- */

/** atapi_run: drive->packet.packet is complete. */
void atapi_run(IDEDrive *drive);
/** atapi_data_arrived: the parameters that the command asked for are in the buffer. */
void atapi_data_arrived(IDEDrive *drive);

/* ---- atapi_medium.c: what is told of the medium; atapi_mode.c: mode pages, features ---- */

void atapi_read_capacity(IDEDrive *drive);
void atapi_read_toc(IDEDrive *drive);
void atapi_read_subchannel(IDEDrive *drive);
void atapi_read_disc_information(IDEDrive *drive);
void atapi_read_track_information(IDEDrive *drive);
void atapi_read_dvd_structure(IDEDrive *drive);
void atapi_mechanism_status(IDEDrive *drive);
void atapi_get_configuration(IDEDrive *drive);
void atapi_get_event_status(IDEDrive *drive);
void atapi_mode_sense(IDEDrive *drive);
void atapi_mode_select(IDEDrive *drive);
void atapi_mode_select_data(IDEDrive *drive);

/* ---- cd_sector.c ---- */

#define CD_FIELD_SYNC      0x80
#define CD_FIELD_HEADER    0x20
#define CD_FIELD_SUBHEADER 0x40
#define CD_FIELD_USER      0x10
#define CD_FIELD_EDC_ECC   0x08
#define CD_FIELD_ERRORS    0x06

/** cd_address_to_msf: minutes, seconds, frames of sector @address. */
void cd_address_to_msf(uint32_t address, uint8_t msf[3]);
/** cd_sector_size: bytes of a mode 1 sector that READ CD's @fields select; 0: not possible. */
uint16_t cd_sector_size(uint8_t fields);
/** cd_sector_build: a whole mode 1 sector around the 2048 user bytes at @sector + 16. */
void cd_sector_build(uint32_t address, uint8_t sector[CD_RAW_SECTOR_SIZE]);
/** cd_sector_select: copies the selected fields of @sector to @out; returns their length. */
uint16_t cd_sector_select(const uint8_t sector[CD_RAW_SECTOR_SIZE], uint8_t fields, uint8_t *out);

#endif
