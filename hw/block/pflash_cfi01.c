/*
 * cfi.pflash01: see the header.
 *
 * In read-array mode the guest reads the memory itself; only writes come here. Any other mode takes
 * the memory away, and reads give status, identifiers or the query table until the guest writes
 * "read array".
 *
 * Two things are as guests written for QEMU know them and not as in the data sheet: a byte that is
 * programmed takes the value as it is (a real chip can only clear bits), and "clear status" clears
 * the ready bit too, until the next command.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/block/pflash_cfi01.h"

#include <string.h>

#include "hw/block/pflash_image.h"
#include "hw/core/run_state.h"
#include "util/bytes.h"
#include "util/log.h"
#include "util/trace.h"

TRACE_DEFINE(pflash_read)
TRACE_DEFINE(pflash_write)

enum {
    COMMAND_READ_ARRAY = 0x00, /* 0xff and 0xf0 from the guest */
    COMMAND_PROGRAM = 0x10,
    COMMAND_ERASE = 0x20,
    COMMAND_PROGRAM_2 = 0x40,
    COMMAND_CLEAR_STATUS = 0x50,
    COMMAND_LOCK = 0x60,
    COMMAND_READ_STATUS = 0x70,
    COMMAND_READ_ID = 0x90,
    COMMAND_QUERY = 0x98,
    COMMAND_WRITE_BUFFER = 0xe8,
    COMMAND_RESET_AMD = 0xf0, /* what a driver for the other command set tries first */
    COMMAND_READ_ARRAY_INTEL = 0xff,
};

enum {
    CONFIRM = 0xd0,
    LOCK_BLOCK = 0x01,
    UNLOCK_BLOCK = CONFIRM,
};

enum {
    STATUS_PROGRAM_ERROR = 0x10,
    STATUS_ERASE_ERROR = 0x20,
    STATUS_READY = 0x80,
};

/* How far a command of several writes has come. */
enum { CYCLE_COMMAND, CYCLE_SECOND, CYCLE_DATA, CYCLE_CONFIRM };

#define BUFFER_BITS     8
#define BUFFER_SIZE     (1u << BUFFER_BITS)
#define BLOCK_MINIMUM   512 /* bytes; the image is written in such */
#define SIZE_MAXIMUM    (64 * MiB)
#define QUERY_SIZE      0x52
#define IDENTIFIER_MASK 0xff

struct _PflashCfi01 {
    Device parent_instance;
    char *drive, *name;
    uint32_t block_count;
    uint64_t block_size;
    uint8_t width, device_width, device_width_maximum;
    bool big_endian, secure, old_handling;
    uint16_t identifiers[4];

    MemoryRegion region;
    uint8_t *storage;
    uint64_t size;
    PflashImage *image;
    uint8_t query[QUERY_SIZE];
    bool arrived; /* its contents came from another process: the image does not have them yet */

    uint8_t command, cycle, status;
    uint16_t remaining;     /* bytes that the buffer still waits for */
    uint64_t buffer_offset; /* of the buffer in the chip */
    bool buffer_placed;     /* the first byte has said where */
    uint8_t buffer[BUFFER_SIZE];
};

DEVICE_TYPE(PflashCfi01, pflash_cfi01, TYPE_PFLASH_CFI01, TYPE_DEVICE)

MemoryRegion *pflash_cfi01_memory(PflashCfi01 *self)
{
    return &self->region;
}

static bool is_read_only(const PflashCfi01 *self)
{
    return self->image && pflash_image_is_read_only(self->image);
}

/* ---- the array ---- */

static void changed(PflashCfi01 *self, uint64_t offset, uint64_t length)
{
    ram_dirty_mark(self->storage + offset, length);
    if (self->image) {
        pflash_image_changed(self->image, offset, length);
    }
}

static void program(PflashCfi01 *self, uint64_t offset, const void *data, uint64_t length)
{
    if (is_read_only(self)) {
        self->status |= STATUS_PROGRAM_ERROR;
    } else {
        memcpy(self->storage + offset, data, length);
        changed(self, offset, length);
    }
    self->status |= STATUS_READY;
}

static void erase(PflashCfi01 *self, uint64_t offset)
{
    if (is_read_only(self)) {
        self->status |= STATUS_ERASE_ERROR;
    } else {
        offset -= offset % self->block_size;
        memset(self->storage + offset, 0xff, self->block_size);
        changed(self, offset, self->block_size);
    }
    self->status |= STATUS_READY;
}

/* ---- commands ---- */

static void read_array(PflashCfi01 *self)
{
    self->command = COMMAND_READ_ARRAY;
    self->cycle = CYCLE_COMMAND;
    memory_region_set_rom_mode(&self->region, true);
}

static void refuse(PflashCfi01 *self, uint64_t offset, uint8_t value)
{
    log_printf(LOG_GUEST_ERRORS,
               "%s: command 0x%02x, cycle %u: 0x%02x at 0x%" G_GINT64_MODIFIER "x is unknown\n",
               self->name, self->command, self->cycle, value, offset);
    read_array(self);
}

static void begin(PflashCfi01 *self, uint64_t offset, uint8_t value)
{
    uint8_t next = CYCLE_COMMAND;

    switch (value) {
    case COMMAND_PROGRAM:
    case COMMAND_PROGRAM_2:
    case COMMAND_ERASE:
    case COMMAND_LOCK:
        next = CYCLE_SECOND;
        break;
    case COMMAND_WRITE_BUFFER:
        self->status |= STATUS_READY;
        next = CYCLE_SECOND;
        break;
    case COMMAND_READ_STATUS:
    case COMMAND_READ_ID:
    case COMMAND_QUERY:
        break;
    case COMMAND_CLEAR_STATUS:
        self->status = 0;
        read_array(self);
        return;
    case COMMAND_READ_ARRAY:
    case COMMAND_READ_ARRAY_INTEL:
    case COMMAND_RESET_AMD:
        read_array(self);
        return;
    default:
        refuse(self, offset, value);
        return;
    }
    self->command = value;
    self->cycle = next;
    memory_region_set_rom_mode(&self->region, false);
}

static void second(PflashCfi01 *self, uint64_t offset, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    switch (self->command) {
    case COMMAND_PROGRAM:
    case COMMAND_PROGRAM_2:
        store_le64(bytes, value);
        program(self, offset, bytes, size);
        self->cycle = CYCLE_COMMAND;
        return;
    case COMMAND_WRITE_BUFFER:
        self->remaining = (uint16_t)(1 + (value & (BUFFER_SIZE - 1)));
        self->buffer_placed = false;
        self->cycle = CYCLE_DATA;
        return;
    case COMMAND_ERASE:
        if ((uint8_t)value == CONFIRM) {
            erase(self, offset);
            self->cycle = CYCLE_COMMAND;
            return;
        }
        break;
    case COMMAND_LOCK:
        if ((uint8_t)value == LOCK_BLOCK || (uint8_t)value == UNLOCK_BLOCK) {
            self->status |= STATUS_READY; /* a lock bit protects nothing */
            self->cycle = CYCLE_COMMAND;
            return;
        }
        break;
    }
    if ((uint8_t)value == COMMAND_READ_ARRAY_INTEL) {
        read_array(self);
    } else {
        refuse(self, offset, (uint8_t)value);
    }
}

/* The buffer shows the part of the array that it will become. */
static void place_buffer(PflashCfi01 *self, uint64_t offset)
{
    self->buffer_offset = offset & ~(uint64_t)(BUFFER_SIZE - 1);
    self->buffer_placed = true;
    memcpy(self->buffer, self->storage + self->buffer_offset, BUFFER_SIZE);
}

static void fill_buffer(PflashCfi01 *self, uint64_t offset, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    if (!self->buffer_placed) {
        place_buffer(self, offset);
    }
    if (offset < self->buffer_offset || offset + size > self->buffer_offset + BUFFER_SIZE) {
        self->status |= STATUS_PROGRAM_ERROR;
        refuse(self, offset, (uint8_t)value);
        return;
    }
    store_le64(bytes, value);
    memcpy(self->buffer + (offset - self->buffer_offset), bytes, size);
    self->remaining -= (uint16_t)MIN(size, self->remaining);
    if (self->remaining == 0) {
        self->cycle = CYCLE_CONFIRM;
    }
}

static void confirm_buffer(PflashCfi01 *self, uint64_t offset, uint8_t value)
{
    if (value != CONFIRM) {
        refuse(self, offset, value);
        return;
    }
    program(self, self->buffer_offset, self->buffer, BUFFER_SIZE);
    self->cycle = CYCLE_COMMAND;
}

static void flash_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PflashCfi01 *self = HW_PFLASH_CFI01(opaque);

    TRACE(pflash_write,
          "%s: offset 0x%" G_GINT64_MODIFIER "x value 0x%" G_GINT64_MODIFIER
          "x size %u command 0x%02x cycle %u",
          self->name, offset, value, size, self->command, self->cycle);
    if (self->secure) {
        return;
    }
    switch (self->cycle) {
    case CYCLE_COMMAND:
        begin(self, offset, (uint8_t)value);
        break;
    case CYCLE_SECOND:
        second(self, offset, value, size);
        break;
    case CYCLE_DATA:
        fill_buffer(self, offset, value, size);
        break;
    case CYCLE_CONFIRM:
        confirm_buffer(self, offset, (uint8_t)value);
        break;
    }
}

/* ---- reading when it is not the array ---- */

static uint32_t read_identifier(const PflashCfi01 *self, hwaddr offset)
{
    switch (offset & IDENTIFIER_MASK) {
    case 0:
        return (uint32_t)self->identifiers[0] << 8 | self->identifiers[1];
    case 1:
        return (uint32_t)self->identifiers[2] << 8 | self->identifiers[3];
    default:
        return 0;
    }
}

/* A wide access sees two 16-bit chips next to each other. */
static uint32_t read_status(PflashCfi01 *self, unsigned size)
{
    if (self->image && pflash_image_take_failure(self->image)) {
        self->status |= STATUS_PROGRAM_ERROR;
    }
    return size > 2 ? self->status | (uint32_t)self->status << 16 : self->status;
}

static uint64_t flash_read(void *opaque, hwaddr offset, unsigned size)
{
    PflashCfi01 *self = HW_PFLASH_CFI01(opaque);
    uint8_t bytes[8] = {0};
    uint64_t value;

    switch (self->command) {
    case COMMAND_READ_ARRAY: /* the view was changed while this access was on its way */
        memcpy(bytes, self->storage + offset, size);
        value = load_le64(bytes);
        break;
    case COMMAND_READ_ID:
        value = read_identifier(self, offset);
        break;
    case COMMAND_QUERY:
        offset &= IDENTIFIER_MASK;
        value = offset < QUERY_SIZE ? self->query[offset] : 0;
        break;
    default:
        value = read_status(self, size);
        break;
    }
    TRACE(pflash_read,
          "%s: offset 0x%" G_GINT64_MODIFIER "x size %u command 0x%02x value 0x%" G_GINT64_MODIFIER
          "x",
          self->name, offset, size, self->command, value);
    return value;
}

static const MemoryRegionOps flash_ops = {
    .read = flash_read,
    .write = flash_write,
};

/* ---- the query table ---- */

static void fill_query(PflashCfi01 *self)
{
    static const struct {
        uint8_t offset, value;
    } fixed[] = {
        {0x10, 'Q'},         {0x11, 'R'},  {0x12, 'Y'},  {0x13, 0x01}, /* command set: Intel,
                                                                          extended */
        {0x15, 0x31},                                    /* where the extended table begins */
        {0x1b, 0x45},                                    /* supply: 4.5 V ... */
        {0x1c, 0x55},                                    /* ... to 5.5 V */
        {0x1f, 0x07},                                    /* 2^n us to program a byte */
        {0x20, 0x07},                                    /* 2^n us to program the buffer */
        {0x21, 0x0a},                                    /* 2^n ms to erase a block */
        {0x23, 0x04},                                    /* at most 2^n times each of these */
        {0x24, 0x04},        {0x25, 0x04}, {0x28, 0x02}, /* interface: 8 and 16 bits */
        {0x2a, BUFFER_BITS}, {0x2c, 0x01},               /* regions of equal blocks */
        {0x31, 'P'},         {0x32, 'R'},  {0x33, 'I'},  {0x34, '1'},  {0x35, '0'},
        {0x3f, 0x01}, /* protection registers */
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(fixed); i++) {
        self->query[fixed[i].offset] = fixed[i].value;
    }
    self->query[0x27] = (uint8_t)__builtin_ctzll(self->size);
    store_le16(self->query + 0x2d, (uint16_t)(self->block_count - 1));
    store_le16(self->query + 0x2f, (uint16_t)(self->block_size / 256));
}

/* ---- life ---- */

static bool check_properties(PflashCfi01 *self, GError **error)
{
    if (self->block_count == 0) {
        return error_setf(error, "attribute \"num-blocks\" not specified or zero.");
    }
    if (self->block_size == 0) {
        return error_setf(error, "attribute \"sector-length\" not specified or zero.");
    }
    if (!self->name) {
        return error_setf(error, "attribute \"name\" not specified.");
    }
    if (self->block_size < BLOCK_MINIMUM || (self->block_size & (self->block_size - 1)) ||
        self->block_size > SIZE_MAXIMUM || self->block_count > SIZE_MAXIMUM / self->block_size ||
        self->block_count > UINT16_MAX + 1) {
        return error_setf(error,
                          "cfi.pflash01: num-blocks=%u of sector-length=%" G_GUINT64_FORMAT
                          ": blocks are a power of 2 from 512 bytes on, at most 65536 of them and "
                          "64 MiB in all",
                          self->block_count, self->block_size);
    }
    return true;
}

/* Contents that came with a guest belong into this process's image. */
static void run_event(RunEvent event, void *opaque)
{
    PflashCfi01 *self = HW_PFLASH_CFI01(opaque);

    if (event == RUN_EVENT_RESUME && self->arrived) {
        self->arrived = false;
        if (self->image) {
            pflash_image_changed(self->image, 0, self->size);
        }
    }
}

static bool flash_realize(Device *device, GError **error)
{
    PflashCfi01 *self = HW_PFLASH_CFI01(device);

    if (!check_properties(self, error)) {
        return false;
    }
    self->size = self->block_count * self->block_size;
    if (!memory_region_init_rom_device(&self->region, &flash_ops, self, self->name, self->size,
                                       error)) {
        return false;
    }
    self->storage = memory_region_host(&self->region);
    memset(self->storage, 0xff, self->size);
    if (self->drive) {
        self->image = pflash_image_new(self->drive, TYPE_PFLASH_CFI01, device_name(device),
                                       self->storage, self->size, error);
        if (!self->image) {
            memory_region_destroy(&self->region);
            return false;
        }
    }
    fill_query(self);
    run_state_add_handler(run_event, self);
    return true;
}

static void flash_unrealize(Device *device)
{
    PflashCfi01 *self = HW_PFLASH_CFI01(device);

    run_state_remove_handler(run_event, self);
    g_clear_pointer(&self->image, pflash_image_free);
    memory_region_destroy(&self->region);
}

static void flash_reset(Device *device)
{
    PflashCfi01 *self = HW_PFLASH_CFI01(device);

    self->status = STATUS_READY;
    self->remaining = 0;
    self->buffer_placed = false;
    self->buffer_offset = 0;
    memset(self->buffer, 0, sizeof(self->buffer));
    read_array(self);
}

static bool flash_post_load(Device *device, GError **error)
{
    PflashCfi01 *self = HW_PFLASH_CFI01(device);
    bool buffering = self->cycle == CYCLE_DATA || self->cycle == CYCLE_CONFIRM;

    if (self->cycle > CYCLE_CONFIRM || self->remaining > BUFFER_SIZE ||
        self->buffer_offset > self->size - BUFFER_SIZE || self->buffer_offset % BUFFER_SIZE != 0 ||
        (self->command == COMMAND_READ_ARRAY && self->cycle != CYCLE_COMMAND) ||
        (buffering && self->command != COMMAND_WRITE_BUFFER) ||
        (self->cycle == CYCLE_CONFIRM && !self->buffer_placed)) {
        return error_setf(error, "%s: the saved state is not that of a flash chip", self->name);
    }
    self->arrived = true;
    memory_region_set_rom_mode(&self->region, self->command == COMMAND_READ_ARRAY);
    return true;
}

static const SavedField flash_fields[] = {
    SAVED(PflashCfi01, command),       SAVED(PflashCfi01, cycle),
    SAVED(PflashCfi01, status),        SAVED(PflashCfi01, remaining),
    SAVED(PflashCfi01, buffer_offset), SAVED(PflashCfi01, buffer_placed),
    SAVED_ARRAY(PflashCfi01, buffer),
};

static const DeviceProperty flash_properties[] = {
    DEVICE_PROPERTY_TEXT("drive", PflashCfi01, drive, NULL, "Node name or ID of a block device"),
    DEVICE_PROPERTY_TEXT("name", PflashCfi01, name, NULL, "of the memory region"),
    DEVICE_PROPERTY(UINT32, "num-blocks", PflashCfi01, block_count, 0, "erase blocks"),
    DEVICE_PROPERTY(UINT64, "sector-length", PflashCfi01, block_size, 0, "bytes of an erase block"),
    DEVICE_PROPERTY_RANGE(UINT8, "width", PflashCfi01, width, 0, 1, 0, "bytes of the bus, 1"),
    DEVICE_PROPERTY_RANGE(UINT8, "device-width", PflashCfi01, device_width, 0, 1, 0,
                          "bytes of a chip's data pins, 1"),
    DEVICE_PROPERTY_RANGE(UINT8, "max-device-width", PflashCfi01, device_width_maximum, 0, 1, 0,
                          "bytes it could be wired with, 1"),
    DEVICE_PROPERTY(BOOL, "big-endian", PflashCfi01, big_endian, false,
                    "order of bytes on a wider bus; of no effect"),
    DEVICE_PROPERTY(BOOL, "secure", PflashCfi01, secure, false,
                    "only System Management Mode writes: nobody, on this board"),
    DEVICE_PROPERTY(UINT16, "id0", PflashCfi01, identifiers[0], 0, "manufacturer, high byte"),
    DEVICE_PROPERTY(UINT16, "id1", PflashCfi01, identifiers[1], 0, "manufacturer, low byte"),
    DEVICE_PROPERTY(UINT16, "id2", PflashCfi01, identifiers[2], 0, "device, high byte"),
    DEVICE_PROPERTY(UINT16, "id3", PflashCfi01, identifiers[3], 0, "device, low byte"),
    DEVICE_PROPERTY(BOOL, "old-multiple-chip-handling", PflashCfi01, old_handling, false,
                    "how several chips on one bus answer; of no effect"),
};

static void pflash_cfi01_class_init(DeviceClass *klass)
{
    klass->description = "NOR flash, Intel command set";
    klass->category = DEVICE_CATEGORY_STORAGE;
    klass->realize = flash_realize;
    klass->unrealize = flash_unrealize;
    klass->reset = flash_reset;
    klass->post_load = flash_post_load;
    klass->saved_fields = flash_fields;
    klass->saved_field_count = G_N_ELEMENTS(flash_fields);
    klass->saved_version = 1;
    device_class_add_properties(klass, flash_properties, G_N_ELEMENTS(flash_properties));
}

static void pflash_cfi01_instance_init(PflashCfi01 *self G_GNUC_UNUSED)
{
}
