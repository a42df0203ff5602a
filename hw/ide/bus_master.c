/*
 * Bus master IDE: registers, region table, scatter and gather on guest memory.
 *
 * Regions in RAM are given to the block layer as they are. If one lies elsewhere (a chip's memory,
 * ROM) the whole chunk goes through a bounce buffer.
 *
 * Source: SFF-8038i rev 1.0; Intel 82371SB data sheet, section 2.6.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "bus_master.h"

#include "hw/core/saved_state.h"
#include "util/bytes.h"
#include "util/trace.h"

/* Enough for one 2048-byte CD sector in regions of two bytes. */
#define PIECE_MAX  1024
#define VECTOR_MAX 1024
#define BOUNCE_MAX (64 * 1024)

#define ENTRY_SIZE   8
#define ENTRY_LAST   0x8000 /* in the upper half of the second word */
#define REGION_WHOLE 0x10000

TRACE_DEFINE(bus_master_command);
TRACE_DEFINE(bus_master_chunk);

void bus_master_init(BusMaster *master, AddressSpace *memory, void (*started)(void *opaque),
                     void *opaque)
{
    master->memory = memory;
    master->started = started;
    master->opaque = opaque;
    master->pieces = g_new0(BusMasterPiece, PIECE_MAX);
    master->vector = g_new0(struct iovec, VECTOR_MAX);
}

void bus_master_destroy(BusMaster *master)
{
    g_clear_pointer(&master->pieces, g_free);
    g_clear_pointer(&master->vector, g_free);
    g_clear_pointer(&master->bounce, g_free);
}

bool bus_master_is_active(const BusMaster *master)
{
    return (master->status & BUS_MASTER_STATUS_ACTIVE) && !master->stop_pending;
}

/* ---- registers ---- */

static void start(BusMaster *master)
{
    master->status |= BUS_MASTER_STATUS_ACTIVE;
    master->cursor = (BusMasterCursor){.next = master->table};
    master->started(master->opaque);
}

static void stop(BusMaster *master)
{
    if (master->in_flight) {
        master->stop_pending = true;
    } else {
        master->status &= ~BUS_MASTER_STATUS_ACTIVE;
    }
}

void bus_master_reset(BusMaster *master)
{
    master->command = 0;
    master->table = 0;
    stop(master);
    master->status &= BUS_MASTER_STATUS_ACTIVE;
    if (!master->in_flight) {
        master->cursor = (BusMasterCursor){0};
    }
}

static void write_command(BusMaster *master, uint8_t value)
{
    uint8_t changed = master->command ^ value;

    TRACE(bus_master_command, "command 0x%02x table 0x%08x", value, master->table);
    master->command = value & (BUS_MASTER_COMMAND_START | BUS_MASTER_COMMAND_WRITE);
    if (!(changed & BUS_MASTER_COMMAND_START)) {
        return;
    }
    if (!(value & BUS_MASTER_COMMAND_START)) {
        stop(master);
    } else if (!master->stop_pending) {
        start(master);
    } /* else release() starts when the old chunk is through */
}

static void write_status(BusMaster *master, uint8_t value)
{
    uint8_t cleared = value & (BUS_MASTER_STATUS_ERROR | BUS_MASTER_STATUS_INTERRUPT);

    master->status &= ~(cleared | BUS_MASTER_STATUS_CAPABLE);
    master->status |= value & BUS_MASTER_STATUS_CAPABLE;
}

uint8_t bus_master_read(BusMaster *master, unsigned offset)
{
    switch (offset) {
    case 0:
        return master->command;
    case 2:
        return master->status;
    case 4:
    case 5:
    case 6:
    case 7:
        return master->table >> (8 * (offset - 4));
    default:
        return 0;
    }
}

void bus_master_write(BusMaster *master, unsigned offset, uint8_t value)
{
    unsigned shift;

    switch (offset) {
    case 0:
        write_command(master, value);
        break;
    case 2:
        write_status(master, value);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        shift = 8 * (offset - 4);
        master->table &= ~(UINT32_C(0xff) << shift);
        master->table |= (uint32_t)value << shift;
        master->table &= ~UINT32_C(3);
        break;
    default:
        break;
    }
}

/* ---- the walk ---- */

/* The entry is copied once; both address and count have their lowest bit fixed at 0. */
static BusMasterResult next_region(BusMaster *master, BusMasterCursor *cursor)
{
    uint8_t entry[ENTRY_SIZE];

    if (cursor->last) {
        return BUS_MASTER_SHORT;
    }
    if (!address_space_read(master->memory, cursor->next, entry, sizeof(entry))) {
        return BUS_MASTER_FAULT;
    }
    cursor->next += ENTRY_SIZE;
    cursor->base = load_le32(entry) & ~UINT32_C(1);
    cursor->left = load_le16(entry + 4) & 0xfffe;
    if (cursor->left == 0) {
        cursor->left = REGION_WHOLE;
    }
    cursor->last = (load_le16(entry + 6) & ENTRY_LAST) != 0;
    return BUS_MASTER_DATA;
}

/* What fits a whole number of granules, and the walk's state there. */
typedef struct {
    BusMasterCursor cursor;
    uint32_t bytes;
    unsigned piece_count;
    uint32_t last_length;
} WholePart;

static void add_piece(BusMaster *master, uint32_t address, uint32_t length)
{
    BusMasterPiece *last = master->piece_count ? &master->pieces[master->piece_count - 1] : NULL;

    if (last && last->address + last->length == address && address != 0) {
        last->length += length;
        return;
    }
    master->pieces[master->piece_count++] = (BusMasterPiece){address, length};
}

/* Fills pieces, bytes and after. */
static BusMasterResult collect(BusMaster *master, uint32_t maximum, uint32_t granule)
{
    BusMasterCursor cursor = master->cursor;
    WholePart whole = {.cursor = cursor};
    BusMasterResult result = BUS_MASTER_DATA;
    uint32_t total = 0;

    master->piece_count = 0;
    while (total < maximum && master->piece_count < PIECE_MAX) {
        uint32_t take, excess;

        if (cursor.left == 0) {
            result = next_region(master, &cursor);
            if (result != BUS_MASTER_DATA) {
                break;
            }
        }
        take = MIN(cursor.left, maximum - total);
        take = MIN(take, (UINT64_C(1) << 32) - cursor.base); /* addresses wrap at 4 GiB */
        add_piece(master, cursor.base, take);
        cursor.base += take;
        cursor.left -= take;
        total += take;
        excess = total % granule;
        if (total - excess > whole.bytes) {
            whole.bytes = total - excess;
            whole.cursor = cursor;
            whole.cursor.base -= excess;
            whole.cursor.left += excess;
            whole.piece_count = master->piece_count;
            whole.last_length = master->pieces[master->piece_count - 1].length - excess;
        }
    }
    if (whole.bytes == 0) {
        return result == BUS_MASTER_DATA ? BUS_MASTER_FAULT : result;
    }
    master->piece_count = whole.piece_count;
    master->pieces[whole.piece_count - 1].length = whole.last_length;
    master->after = whole.cursor;
    master->bytes = whole.bytes;
    return BUS_MASTER_DATA;
}

static void unmap_vector(BusMaster *master)
{
    for (unsigned i = 0; i < master->vector_count; i++) {
        address_space_unmap(master->memory, master->vector[i].iov_base, master->vector[i].iov_len,
                            master->to_memory);
    }
    master->vector_count = 0;
}

static bool map_piece(BusMaster *master, const BusMasterPiece *piece)
{
    uint64_t address = piece->address, left = piece->length;

    while (left > 0) {
        uint64_t length = left;
        void *host;

        if (master->vector_count == VECTOR_MAX) {
            return false;
        }
        host = address_space_map(master->memory, address, &length, master->to_memory);
        if (!host) {
            return false;
        }
        master->vector[master->vector_count++] = (struct iovec){host, length};
        address += length;
        left -= length;
    }
    return true;
}

static bool map_pieces(BusMaster *master)
{
    master->vector_count = 0;
    for (unsigned i = 0; i < master->piece_count; i++) {
        if (!map_piece(master, &master->pieces[i])) {
            unmap_vector(master);
            return false;
        }
    }
    return true;
}

/* One region after the other, through whatever is mapped there. False: nobody answered. */
static bool copy_pieces(BusMaster *master, uint8_t *buffer, bool to_memory)
{
    for (unsigned i = 0; i < master->piece_count; i++) {
        const BusMasterPiece *piece = &master->pieces[i];
        bool moved =
            to_memory ? address_space_write(master->memory, piece->address, buffer, piece->length)
                      : address_space_read(master->memory, piece->address, buffer, piece->length);
        if (!moved) {
            return false;
        }
        buffer += piece->length;
    }
    return true;
}

static BusMasterResult bounce_pieces(BusMaster *master, uint32_t granule)
{
    if (master->bytes > BOUNCE_MAX) {
        BusMasterResult result = collect(master, BOUNCE_MAX, granule);
        if (result != BUS_MASTER_DATA) {
            return result;
        }
    }
    master->bounce = g_malloc0(master->bytes);
    if (!master->to_memory && !copy_pieces(master, master->bounce, false)) {
        g_clear_pointer(&master->bounce, g_free);
        return BUS_MASTER_FAULT;
    }
    master->vector[0] = (struct iovec){master->bounce, master->bytes};
    master->vector_count = 1;
    return BUS_MASTER_DATA;
}

BusMasterResult bus_master_gather(BusMaster *master, uint32_t maximum, uint32_t granule,
                                  bool to_memory)
{
    BusMasterResult result;

    if (!bus_master_is_active(master) || master->in_flight) {
        return BUS_MASTER_STOPPED;
    }
    result = collect(master, maximum, granule);
    if (result != BUS_MASTER_DATA) {
        return result;
    }
    master->to_memory = to_memory;
    if (!map_pieces(master)) {
        result = bounce_pieces(master, granule);
        if (result != BUS_MASTER_DATA) {
            return result;
        }
    }
    TRACE(bus_master_chunk, "%u bytes in %u regions%s", master->bytes, master->piece_count,
          master->bounce ? ", bounced" : "");
    master->in_flight = true;
    return BUS_MASTER_DATA;
}

BusMasterResult bus_master_release(BusMaster *master, bool done)
{
    BusMasterResult result = BUS_MASTER_DATA;

    if (!master->in_flight) {
        return BUS_MASTER_STOPPED;
    }
    master->in_flight = false;
    if (master->bounce) {
        if (done && master->to_memory && !copy_pieces(master, master->bounce, true)) {
            result = BUS_MASTER_FAULT;
        }
        g_clear_pointer(&master->bounce, g_free);
        master->vector_count = 0;
    } else {
        unmap_vector(master);
    }
    if (done && result == BUS_MASTER_DATA) {
        master->cursor = master->after;
    }
    if (master->stop_pending) {
        master->stop_pending = false;
        master->status &= ~BUS_MASTER_STATUS_ACTIVE;
        if (master->command & BUS_MASTER_COMMAND_START) {
            start(master);
        }
        return BUS_MASTER_STOPPED;
    }
    return result;
}

BusMasterResult bus_master_copy(BusMaster *master, void *buffer, uint32_t length, bool to_memory)
{
    uint8_t *next = buffer;

    if (!bus_master_is_active(master) || master->in_flight) {
        return BUS_MASTER_STOPPED;
    }
    while (length > 0) {
        BusMasterResult result = collect(master, length, 1);

        if (result != BUS_MASTER_DATA) {
            return result;
        }
        if (!copy_pieces(master, next, to_memory)) {
            return BUS_MASTER_FAULT;
        }
        master->cursor = master->after;
        next += master->bytes;
        length -= master->bytes;
    }
    return BUS_MASTER_DATA;
}

void bus_master_drive_done(BusMaster *master, BusMasterResult result)
{
    if (result == BUS_MASTER_FAULT) {
        master->status |= BUS_MASTER_STATUS_ERROR;
    }
    if (result == BUS_MASTER_FAULT || result == BUS_MASTER_SHORT ||
        (master->cursor.last && master->cursor.left == 0)) {
        master->status &= ~BUS_MASTER_STATUS_ACTIVE;
    }
}

void bus_master_interrupt(BusMaster *master)
{
    master->status |= BUS_MASTER_STATUS_INTERRUPT;
}

/* ---- saved state ---- */

static const SavedField bus_master_fields[] = {
    SAVED(BusMaster, command),     SAVED(BusMaster, status),      SAVED(BusMaster, table),
    SAVED(BusMaster, cursor.next), SAVED(BusMaster, cursor.base), SAVED(BusMaster, cursor.left),
    SAVED(BusMaster, cursor.last),
};

GVariant *bus_master_save(BusMaster *master)
{
    return saved_fields_to_variant(master, bus_master_fields, G_N_ELEMENTS(bus_master_fields));
}

bool bus_master_load(BusMaster *master, GVariant *state, GError **error)
{
    if (!saved_fields_from_variant(master, bus_master_fields, G_N_ELEMENTS(bus_master_fields),
                                   state, error)) {
        return false;
    }
    if (master->cursor.left > REGION_WHOLE) {
        return error_setf(error, "bus master region of %u bytes", master->cursor.left);
    }
    master->command &= BUS_MASTER_COMMAND_START | BUS_MASTER_COMMAND_WRITE;
    master->table &= ~UINT32_C(3);
    master->cursor.base &= ~UINT32_C(1);
    return true;
}
