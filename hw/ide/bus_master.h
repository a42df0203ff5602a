/*
 * Bus master of one IDE channel: three registers, and a walk over the table of physical regions in
 * guest memory that yields host memory for a block request.
 *
 * Source: SFF-8038i (Programming Interface for Bus Master IDE Controller, rev 1.0); Intel 82371SB
 * data sheet.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_IDE_BUS_MASTER_H
#define HW_IDE_BUS_MASTER_H

#include <sys/uio.h>

#include "util/error.h"
#include "util/memory.h"

#define BUS_MASTER_REGISTERS 8 /* bytes of I/O space a channel takes */

#define BUS_MASTER_COMMAND_START 0x01
#define BUS_MASTER_COMMAND_WRITE 0x08 /* towards memory */

#define BUS_MASTER_STATUS_ACTIVE    0x01
#define BUS_MASTER_STATUS_ERROR     0x02
#define BUS_MASTER_STATUS_INTERRUPT 0x04
#define BUS_MASTER_STATUS_CAPABLE   0x60 /* drives 0 and 1: scratch for firmware and driver */

typedef enum {
    BUS_MASTER_DATA,    /* there is memory to move */
    BUS_MASTER_SHORT,   /* the table ends before the drive's data do */
    BUS_MASTER_FAULT,   /* table or region where no memory is */
    BUS_MASTER_STOPPED, /* the start bit is off */
} BusMasterResult;

/* How far the walk is: what is left of the current region, and where the next entry lies. */
typedef struct {
    uint32_t next;
    uint32_t base, left;
    bool last; /* the current region is the table's last */
} BusMasterCursor;

typedef struct {
    uint32_t address, length;
} BusMasterPiece;

typedef struct BusMaster BusMaster;
struct BusMaster {
    AddressSpace *memory;
    /** started: the start bit went on. */
    void (*started)(void *opaque);
    void *opaque;

    uint8_t command, status;
    uint32_t table;
    BusMasterCursor cursor;

    /* The chunk in flight. A stop that comes meanwhile takes effect when its memory is quiet. */
    bool in_flight, stop_pending, to_memory;
    BusMasterCursor after;
    BusMasterPiece *pieces;
    unsigned piece_count;
    uint32_t bytes;
    struct iovec *vector;
    unsigned vector_count;
    uint8_t *bounce;
};

void bus_master_init(BusMaster *master, AddressSpace *memory, void (*started)(void *opaque),
                     void *opaque);
void bus_master_destroy(BusMaster *master);
/** bus_master_reset: registers to power-on; a chunk in flight is stopped when it completes. */
void bus_master_reset(BusMaster *master);
uint8_t bus_master_read(BusMaster *master, unsigned offset);
void bus_master_write(BusMaster *master, unsigned offset, uint8_t value);

bool bus_master_is_active(const BusMaster *master);
/**
 * bus_master_gather: maps the next regions for one block request; master->vector, vector_count and
 * bytes describe them until bus_master_release().
 * @maximum: bytes wanted; @granule: bytes moved are a multiple of this; both even, @granule at most
 * 2048
 * @to_memory: the drive's data go to the guest
 */
BusMasterResult bus_master_gather(BusMaster *master, uint32_t maximum, uint32_t granule,
                                  bool to_memory);
/**
 * bus_master_release: the block request is over; with @done the walk goes past what was moved.
 * BUS_MASTER_FAULT if the data did not reach memory, BUS_MASTER_STOPPED after a stop meanwhile.
 */
BusMasterResult bus_master_release(BusMaster *master, bool done);
/** bus_master_copy: moves @length bytes between @buffer and the next regions at once. */
BusMasterResult bus_master_copy(BusMaster *master, void *buffer, uint32_t length, bool to_memory);
/** bus_master_drive_done: the drive's data phase is over with @result: the Active and Error bits
 * follow. */
void bus_master_drive_done(BusMaster *master, BusMasterResult result);
/** bus_master_interrupt: the channel's interrupt line rose. */
void bus_master_interrupt(BusMaster *master);

/** bus_master_save: floating a{sv}. bus_master_load checks what it reads. */
GVariant *bus_master_save(BusMaster *master);
bool bus_master_load(BusMaster *master, GVariant *state, GError **error);

#endif
