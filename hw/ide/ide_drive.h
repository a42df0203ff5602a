/*
 * One drive: registers, settings, PIO buffer and the request under way. Base of "ide-hd" and
 * "ide-cd".
 *
 * A command goes through at most these stages: data out by PIO, requests to the block layer, data
 * in by PIO; or a wait for the bus master and then requests. "request" says which block request is
 * under way or to be tried again, "pio" what the data port moves.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_IDE_IDE_DRIVE_H
#define HW_IDE_IDE_DRIVE_H

#include "ata.h"
#include "block/block.h"
#include "hw/ide/ide.h"
#include "ide_bus.h"

#define TYPE_IDE_DRIVE (ide_drive_get_type())
GType ide_drive_get_type(void);
#define HW_IDE_DRIVE(object) G_TYPE_CHECK_INSTANCE_CAST((object), TYPE_IDE_DRIVE, IDEDrive)

#define IDE_BUFFER_SIZE  (64 * 1024)
#define IDE_MULTIPLE_MAX 16 /* sectors of READ MULTIPLE's block */
#define IDE_TRIM_BLOCKS  8  /* 512-byte blocks of ranges in one DATA SET MANAGEMENT */

/* What the data port moves. */
typedef enum {
    IDE_PIO_IDLE,
    IDE_PIO_REPLY,         /* one block to the host ends the command */
    IDE_PIO_READ_SECTORS,  /* a DRQ block to the host, more may follow */
    IDE_PIO_WRITE_SECTORS, /* a DRQ block from the host */
    IDE_PIO_PACKET,        /* the 12 bytes of a packet */
    IDE_PIO_PACKET_IN,
    IDE_PIO_PACKET_OUT,
    IDE_PIO_COUNT
} IDEPioKind;

typedef enum {
    IDE_REQUEST_NONE,
    IDE_REQUEST_READ_PIO,
    IDE_REQUEST_WRITE_PIO,
    IDE_REQUEST_READ_DMA,
    IDE_REQUEST_WRITE_DMA,
    IDE_REQUEST_VERIFY,
    IDE_REQUEST_FLUSH,
    IDE_REQUEST_TRIM_PAYLOAD, /* ranges from guest memory */
    IDE_REQUEST_TRIM,
    IDE_REQUEST_PACKET_READ_PIO,
    IDE_REQUEST_PACKET_READ_DMA,
    IDE_REQUEST_PACKET_RAW,       /* READ CD: one sector with more than its user data */
    IDE_REQUEST_PACKET_REPLY_DMA, /* a short reply to guest memory */
    IDE_REQUEST_PACKET_DATA_DMA,  /* parameters from guest memory */
    IDE_REQUEST_COUNT
} IDERequest;

typedef struct {
    /** submit: starts the block request at the transfer's position and sets drive->chunk. */
    void (*submit)(IDEDrive *drive);
    /** done: the chunk is moved. */
    void (*done)(IDEDrive *drive);
    /** failed: tells the guest of @errnum (positive). */
    void (*failed)(IDEDrive *drive, int errnum);
    bool is_read;
    bool uses_bus_master;
} IDERequestOps;

typedef struct {
    uint16_t cylinders;
    uint8_t heads, sectors;
    IDETranslation translation;
} IDEGeometry;

/* Registers that the host writes; with 48-bit addresses each holds two values. */
typedef struct {
    uint8_t feature, count, lba_low, lba_mid, lba_high;
} IDETaskFile;

/* A transfer of sectors; position and what is left, in sectors of the medium. */
typedef struct {
    uint64_t position;
    uint32_t left;
    uint32_t chunk;       /* in the block request under way */
    uint32_t chunk_limit; /* lowered while the failing sector is looked for */
    uint32_t host_left;   /* WRITE by PIO: not yet received from the host */
    uint32_t written;     /* bytes of the buffer already on the medium */
    uint16_t block;       /* sectors of a DRQ block */
    bool durable;         /* FUA */
} IDETransfer;

/* SMART of a disk. */
#define SMART_TEST_LOG_ENTRIES 21

typedef struct {
    bool enabled, autosave;
    uint8_t tests_logged, next_test; /* next_test: ring position */
    uint8_t test_number[SMART_TEST_LOG_ENTRIES];
    uint16_t test_hours[SMART_TEST_LOG_ENTRIES];
} IDESmart;

/* The packet device's own state. */
typedef struct {
    uint8_t packet[12];
    bool dma;
    uint16_t byte_limit;
    uint32_t data_out;  /* bytes of parameters wanted from the host */
    uint8_t raw_fields; /* READ CD byte 9 */
    uint16_t raw_size;
    uint8_t sense_key, sense_code, sense_qualifier;
    bool sense_has_address;
    uint32_t sense_address;
    bool tray_open, locked, attention;
    uint8_t media_event;
    uint8_t retry_count; /* mode page 1 */
} IDEPacketState;

struct _IDEDrive {
    Device parent_instance;

    /* Properties. */
    char *drive_property, *serial_property, *model_property, *version_property;
    char *translation_property, *write_error_property, *read_error_property;
    uint32_t unit;
    uint64_t world_wide_name;
    int32_t boot_index;
    int32_t write_cache_property;
    uint64_t logical_block_size, physical_block_size, minimum_io_size, optimal_io_size;
    uint64_t discard_granularity;
    uint32_t cylinders_property, heads_property, sectors_property;
    uint16_t rotation_rate;
    bool share_write;

    /* Fixed at realize. */
    IDEBus *bus;
    BlockBackend *backend;
    bool is_cdrom;
    char *serial, *model, *version;
    IDEGeometry geometry;
    bool default_write_cache;
    uint8_t *buffer; /* IDE_BUFFER_SIZE */

    uint64_t sector_count; /* of a disk, 512 bytes each */

    /* Registers. */
    IDETaskFile current, previous;
    uint8_t device, status, error, command;
    bool interrupt_pending;

    /* What the guest set; reset brings the defaults back. */
    uint8_t multiple;       /* sectors, 0: off */
    uint16_t chs_cylinders; /* INITIALIZE DEVICE PARAMETERS */
    uint8_t chs_heads, chs_sectors;
    uint8_t transfer_mode; /* as SET FEATURES takes it */
    bool look_ahead, write_cache, keep_settings;
    uint8_t power_mode;
    uint8_t standby_period; /* as STANDBY takes it, 0: never */
    int64_t last_access_ns; /* CLOCK_VIRTUAL */
    IDESmart smart;

    /* The command under way. */
    bool wide; /* 48-bit addresses */
    uint8_t pio;
    uint32_t pio_position, pio_end; /* the DRQ block in the buffer */
    uint32_t buffer_fill;           /* valid bytes of the buffer */
    uint8_t request;
    bool dma_waiting; /* for the bus master's start bit */
    IDETransfer transfer;
    IDEPacketState packet;

    /* Life. */
    bool in_flight;     /* the block layer has a request of ours */
    bool retry_pending; /* stopped on an error: submit again on resume */
    bool resetting;     /* busy until the request in flight has ended */
    bool hard_reset;    /* that reset is the machine's */
    bool unplugged;
};

/* ---- ide_drive.c ---- */

/** ide_drive_run_command: the host wrote @command to a drive that can take one. */
void ide_drive_run_command(IDEDrive *drive, uint8_t command);
/** ide_drive_is_idle: no command is under way. */
bool ide_drive_is_idle(const IDEDrive *drive);
/** ide_drive_begin_reset: drops the command and stays busy until ide_drive_try_finish_reset()
 * succeeds. */
void ide_drive_begin_reset(IDEDrive *drive);
void ide_drive_try_finish_reset(IDEDrive *drive);
/** ide_drive_set_signature: registers as after reset: tells disks from packet devices. */
void ide_drive_set_signature(IDEDrive *drive);

/** ide_drive_complete: the command succeeded. */
void ide_drive_complete(IDEDrive *drive);
/** ide_drive_fail: the command ended with @error in the Error register. */
void ide_drive_fail(IDEDrive *drive, uint8_t error);
void ide_drive_abort(IDEDrive *drive);
/** ide_drive_finish: the command is over with @status; no interrupt yet. */
void ide_drive_finish(IDEDrive *drive, uint8_t status, uint8_t error);
void ide_drive_interrupt(IDEDrive *drive);
/** ide_drive_forget_command: nothing is under way any more; nothing may be in flight. */
void ide_drive_forget_command(IDEDrive *drive);

/** ide_drive_pio: DRQ for @length bytes of the buffer from @position, moved as @kind. No interrupt.
 */
void ide_drive_pio(IDEDrive *drive, IDEPioKind kind, uint32_t position, uint32_t length);
/** ide_drive_reply: @length bytes of the buffer to the host, then the command is over. */
void ide_drive_reply(IDEDrive *drive, uint32_t length);
/** ide_drive_pio_end: the host moved the last byte of the DRQ block. */
void ide_drive_pio_end(IDEDrive *drive);
bool ide_drive_pio_is_out(uint8_t pio);

/* ---- ide_request.c ---- */

/** ide_request_begin: the drive is busy with @request. */
void ide_request_begin(IDEDrive *drive, IDERequest request);
/** ide_request_begin_dma: the same when the bus master's start bit is on; waits for it. */
void ide_request_begin_dma(IDEDrive *drive, IDERequest request);
/** ide_request_bus_master_started: the start bit went on. */
void ide_request_bus_master_started(IDEDrive *drive);
/** ide_request_retry: submits again what stopped on an error. */
void ide_request_retry(IDEDrive *drive);
/** ide_request_bus_master_failed: ends the command because of @result, which is not
 * BUS_MASTER_DATA. */
void ide_request_bus_master_failed(IDEDrive *drive, BusMasterResult result);
/* Block requests of the drive; the completion goes to the request's done or failed. */
void ide_request_readv(IDEDrive *drive, uint64_t offset, const struct iovec *vector,
                       unsigned count);
void ide_request_read(IDEDrive *drive, uint64_t offset, void *buffer, uint32_t length);
void ide_request_writev(IDEDrive *drive, uint64_t offset, const struct iovec *vector,
                        unsigned count);
void ide_request_flush(IDEDrive *drive);
void ide_request_discard(IDEDrive *drive, uint64_t offset, uint64_t length);

/* ---- ide_state.c ---- */

GVariant *ide_drive_save(Device *device);
bool ide_drive_load(Device *device, GVariant *state, GError **error);

/* ---- ata_commands.c, ata_transfer.c, ata_features.c, ata_identify.c, ata_smart.c, ata_trim.c ----
 */

/** ata_command_run: by the command table; aborts what is not in it. */
void ata_command_run(IDEDrive *drive, uint8_t command);
/** ata_settings_reset: what a guest can set, as at power-on. */
void ata_settings_reset(IDEDrive *drive);
/** ata_set_address: @sector in the registers, in the form the command used. */
void ata_set_address(IDEDrive *drive, uint64_t sector);

/* How ata_transfer_start() moves. */
#define ATA_TRANSFER_WRITE    0x01
#define ATA_TRANSFER_DMA      0x02
#define ATA_TRANSFER_MULTIPLE 0x04
#define ATA_TRANSFER_FUA      0x08
#define ATA_TRANSFER_VERIFY   0x10
#define ATA_TRANSFER_SEEK     0x20 /* checks the address only */

void ata_transfer_start(IDEDrive *drive, unsigned how);
void ata_pio_read_end(IDEDrive *drive);
void ata_pio_write_end(IDEDrive *drive);
void ata_identify(IDEDrive *drive);
void ata_identify_packet(IDEDrive *drive);
void ata_set_features(IDEDrive *drive);
void ata_smart(IDEDrive *drive);
void ata_data_set_management(IDEDrive *drive);
bool ata_trim_supported(IDEDrive *drive);
/** ata_power_mode: as CHECK POWER MODE reports it. */
uint8_t ata_power_mode(IDEDrive *drive);
void ata_power_command(IDEDrive *drive, uint8_t command);
void ata_power_wake(IDEDrive *drive);
bool ata_power_is_sleeping(IDEDrive *drive);

extern const IDERequestOps ata_read_pio_request, ata_write_pio_request, ata_read_dma_request,
    ata_write_dma_request, ata_verify_request, ata_flush_request, ata_trim_payload_request,
    ata_trim_request;

/* ---- geometry.c ---- */

/** ide_geometry_resolve: from the properties, else from the partition table, else from the size. */
bool ide_geometry_resolve(IDEDrive *drive, GError **error);

#endif
