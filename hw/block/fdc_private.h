/*
 * The floppy disk controller from inside: registers, the command under way, drives.
 *
 * Source: Intel 82078 data sheet (290474), 82077AA data sheet (290166).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_BLOCK_FDC_PRIVATE_H
#define HW_BLOCK_FDC_PRIVATE_H

#include "block/block.h"
#include "floppy_format.h"
#include "hw/block/fdc.h"
#include "hw/dma/i8257.h"
#include "hw/isa/isa.h"

#define FDC_SELECT_COUNT                                                                           \
    4 /* units that a command can name; those from FDC_UNIT_COUNT on are not there */
#define FDC_FIFO_SIZE 17 /* the longest command: RESTORE */
/* Both sides of a track with the highest EOT there is. */
#define FDC_BUFFER_SECTORS (2 * 255)
#define FDC_BUFFER_SIZE    (FDC_BUFFER_SECTORS * FLOPPY_SECTOR_SIZE)

enum {
    DOR_SELECT = 0x03,
    DOR_NOT_RESET = 0x04,
    DOR_DMA_GATE = 0x08,
    DOR_MOTOR0 = 0x10,
    DOR_MOTOR1 = 0x20,

    CONFIG_IMPLIED_SEEK = 0x40,
    CONFIG_FIFO_DISABLE = 0x20,
    CONFIG_POLL_DISABLE = 0x10,
    CONFIG_THRESHOLD = 0x0f,

    SPECIFY2_NON_DMA = 0x01,
    DSR_RATE = 0x03,

    ST0_ABNORMAL = 0x40,
    ST0_INVALID = 0x80,
    ST0_POLLING = 0xc0, /* the ready line of a drive has changed, as it does at reset */
    ST0_SEEK_END = 0x20,
    ST0_EQUIPMENT_CHECK = 0x10,
    ST1_END_OF_CYLINDER = 0x80,
    ST1_DATA_ERROR = 0x20,
    ST1_NO_DATA = 0x04,
    ST1_NOT_WRITABLE = 0x02,
    ST1_MISSING_MARK = 0x01,
    ST2_CONTROL_MARK = 0x40,
    ST2_DATA_ERROR = 0x20,
    ST2_WRONG_CYLINDER = 0x10,
    ST2_SCAN_EQUAL = 0x08,
    ST2_SCAN_NOT = 0x04,
    ST2_BAD_CYLINDER = 0x02,
};

typedef struct _FloppyDrive FloppyDrive;

/* ---- drives ---- */

struct _FloppyDrive {
    Device parent_instance;
    char *drive_property, *type_property;
    uint32_t unit; /* UINT32_MAX: the first free one */
    uint64_t logical_block_size, physical_block_size;
    int32_t write_cache_property;
    bool share_write;

    FDC *fdc;
    BlockBackend *backend;
    FloppyType type;            /* decided at realize */
    const FloppyFormat *format; /* of the medium; without one the type's own */
    uint8_t cylinder;           /* where the heads are */
    uint8_t rotation;           /* the sector that READ ID meets next, from 0 */
    bool changed;               /* the disk change line, apart from there being no medium */
};

GType floppy_drive_get_type(void);
#define HW_FLOPPY_DRIVE(object)                                                                    \
    G_TYPE_CHECK_INSTANCE_CAST((object), floppy_drive_get_type(), FloppyDrive)

bool floppy_drive_has_medium(const FloppyDrive *drive);
bool floppy_drive_is_protected(const FloppyDrive *drive);
bool floppy_drive_is_changed(const FloppyDrive *drive);
/** floppy_drive_step: moves the heads to @cylinder, or as far as they go. True: they moved. */
bool floppy_drive_step(FloppyDrive *drive, unsigned cylinder);

typedef struct _FloppyBus FloppyBus;

struct _FloppyBus {
    Bus parent_instance;
    FDC *fdc;
};

GType floppy_bus_get_type(void);
#define HW_FLOPPY_BUS(object) G_TYPE_CHECK_INSTANCE_CAST((object), floppy_bus_get_type(), FloppyBus)

FloppyBus *floppy_bus_new(FDC *fdc);

/* ---- the command under way ---- */

typedef enum {
    FDC_PHASE_COMMAND,    /* idle */
    FDC_PHASE_PARAMETERS, /* of the command in fifo[0] */
    FDC_PHASE_DISK,       /* the drive is at work */
    FDC_PHASE_TO_HOST,    /* the host takes data */
    FDC_PHASE_FROM_HOST,  /* the host gives data */
    FDC_PHASE_RESULT,
    FDC_PHASE_COUNT
} FDCPhase;

typedef enum {
    FDC_TRANSFER_READ,
    FDC_TRANSFER_WRITE,
    FDC_TRANSFER_VERIFY,
    FDC_TRANSFER_SCAN_EQUAL,
    FDC_TRANSFER_SCAN_LOW,
    FDC_TRANSFER_SCAN_HIGH,
    FDC_TRANSFER_FORMAT,
    FDC_TRANSFER_COUNT
} FDCTransferKind;

typedef struct {
    uint8_t cylinder, head, sector; /* as the ID field of a sector has them */
} FDCSector;

typedef struct {
    uint8_t kind;
    uint8_t unit;
    bool non_dma;
    bool multi_track;
    bool normal_end; /* the count of sectors ends it well even with no terminal count */
    bool terminal_count;
    bool scan_failed, scan_unequal; /* what has been compared of the current sector */
    FDCSector disk;                 /* the next to be read or written */
    FDCSector host;                 /* the next to pass to or from the host: what results tell */
    uint8_t head_done;              /* side of the last one that passed */
    uint8_t eot, step, size_code;
    uint16_t left;           /* sectors that are yet to be read, or asked of the host */
    uint16_t chunk;          /* sectors in the request under way */
    uint32_t fill, position; /* of the buffer: bytes that are to pass, bytes that have passed */
    uint8_t status[3];       /* ST0 without drive and head, ST1, ST2, as far as they are known */
} FDCTransfer;

struct _FDC {
    Device parent_instance;
    uint32_t iobase, irq_number, dma_number;
    bool check_media_rate;
    char *fallback_property;
    char *type_property[FDC_UNIT_COUNT], *drive_property[FDC_UNIT_COUNT];
    int32_t boot_index[FDC_UNIT_COUNT];

    FloppyType fallback;
    FloppyType unit_type[FDC_UNIT_COUNT]; /* of drives that the board makes */
    FloppyBus *bus;
    FloppyDrive *drives[FDC_UNIT_COUNT];
    MemoryRegion ports, control_port;
    IRQLine *irq;
    I8257 *dma;
    uint8_t *buffer;
    bool irq_level;
    bool in_flight; /* a request to the block layer */
    bool abandoned; /* a reset came while it was under way */

    uint8_t dor, tdr, dsr;
    uint8_t specify[2], config, precompensation_track, perpendicular, last_count, power_mode;
    bool locked;
    uint8_t drive_specification[FDC_SELECT_COUNT];
    uint8_t present_cylinder[FDC_SELECT_COUNT];
    uint8_t seek_status[FDC_SELECT_COUNT]; /* ST0 of a seek that has ended and was not yet sensed */
    uint8_t seek_ended;                    /* a bit a unit */
    uint8_t polls_left;                    /* results of the polling after reset, not yet sensed */
    bool poll_interrupt, result_interrupt;
    bool step_toggle, step_inward, write_toggle, read_toggle; /* for SRA and SRB */

    uint8_t phase;
    uint8_t fifo[FDC_FIFO_SIZE];
    uint8_t fifo_position, fifo_length;
    uint8_t command_unit, command_head; /* of the last command that named them */
    FDCTransfer transfer;
};

/* ---- fdc.c ---- */

/** fdc_drive: the drive @unit, or NULL. */
FloppyDrive *fdc_drive(const FDC *fdc, unsigned unit);
void fdc_update_irq(FDC *fdc);
/** fdc_settle_irq: after loading: the line as the state has it. */
void fdc_settle_irq(FDC *fdc);
/** fdc_set_phase: with what follows from it for the interrupt line. */
void fdc_set_phase(FDC *fdc, FDCPhase phase);
/** fdc_result: @count bytes of the FIFO are the result; @interrupt: says so on the line. */
void fdc_result(FDC *fdc, unsigned count, bool interrupt);
/** fdc_drive_gone: no request of @drive's is to go on. */
void fdc_drive_gone(FDC *fdc, FloppyDrive *drive);

/* ---- fdc_commands.c ---- */

/** fdc_command_length: bytes that the command in fifo[0] has in all. */
unsigned fdc_command_length(const FDC *fdc);
/** fdc_command_run: the FIFO holds all of it. */
void fdc_command_run(FDC *fdc);
/** fdc_seek: moves drive @unit, counted by the controller's own register. True: it moved. */
bool fdc_seek(FDC *fdc, unsigned unit, unsigned cylinder);

/* ---- fdc_data_commands.c ---- */

/** fdc_transfer_*: the commands that move data. */
void fdc_transfer_read(FDC *fdc);
void fdc_transfer_read_deleted(FDC *fdc);
void fdc_transfer_read_track(FDC *fdc);
void fdc_transfer_write(FDC *fdc);
void fdc_transfer_verify(FDC *fdc);
void fdc_transfer_scan(FDC *fdc);
void fdc_transfer_format(FDC *fdc);
/** fdc_transfer_read_id: the next ID field that passes. */
void fdc_transfer_read_id(FDC *fdc);

/* ---- fdc_transfer.c ---- */

#define FDC_ID_SIZE 4 /* FORMAT TRACK: C, H, R, N of each sector */

/** fdc_transfer_find_sector: false: the transfer's status says why @at cannot be found. */
bool fdc_transfer_find_sector(FDC *fdc, const FDCSector *at);
/** fdc_transfer_go_on: the next step; when all steps are done, the result. */
void fdc_transfer_go_on(FDC *fdc);
/** fdc_transfer_data_phase: @bytes pass to or from the host, as @phase says, before the next step.
 */
void fdc_transfer_data_phase(FDC *fdc, uint32_t bytes, FDCPhase phase);
/** fdc_transfer_note_error: abnormal end with these bits of ST1 and ST2; no more sectors. */
void fdc_transfer_note_error(FDC *fdc, uint8_t st1, uint8_t st2);
/** fdc_transfer_finish: the result as the status is; fdc_transfer_fail: with an error. */
void fdc_transfer_finish(FDC *fdc);
void fdc_transfer_fail(FDC *fdc, uint8_t st1, uint8_t st2);
/** fdc_transfer_byte_to_host / from_host: the FIFO in the data phase without DMA. */
uint8_t fdc_transfer_byte_to_host(FDC *fdc);
void fdc_transfer_byte_from_host(FDC *fdc, uint8_t byte);
/** fdc_transfer_dma_ready: the DMA channel may have become able to move data. */
void fdc_transfer_dma_ready(void *opaque);

/* ---- fdc_state.c ---- */

GVariant *fdc_save(Device *device);
bool fdc_load(Device *device, GVariant *state, GError **error);

#endif
