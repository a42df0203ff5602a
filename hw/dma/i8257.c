/*
 * The ISA DMA controllers. Channels 0-3 count bytes within 64 KiB, channels 5-7 words within
 * 128 KiB; an address is a page register's byte and sixteen bits that wrap.
 *
 * Left out, as in the PIIX3: memory to memory, rotating priority, compressed timing, line polarity.
 * The first chip's requests pass the cascade, channel 4, whatever its mask says: firmware opens it,
 * and a kernel that was started without firmware relies on that.
 *
 * Source: Intel 8237A data sheet (231466); 82371SB (PIIX3) data sheet, "DMA registers".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/dma/i8257.h"

#include "hw/core/machine.h"
#include "util/trace.h"

#define CHIP_CHANNELS   4
#define CHIP_PORTS      16
#define CHANNEL_PORTS   8 /* address and count of each channel; control registers follow */
#define PAGE_PORT       0x81
#define PAGE_PORTS      15
#define CASCADE_CHANNEL 4
#define REFRESH_PAGE    0x8f

/* Control registers, by their offset from the first; what is read differs from what is written. */
enum {
    CONTROL_COMMAND,  /* read: status */
    CONTROL_REQUEST,  /* read: nothing */
    CONTROL_MASK_ONE, /* read: nothing */
    CONTROL_MODE,     /* read: nothing */
    CONTROL_CLEAR_POINTER,
    CONTROL_MASTER_CLEAR, /* read: temporary register */
    CONTROL_CLEAR_MASK,
    CONTROL_MASK_ALL, /* read: the mask */
};

enum {
    COMMAND_DISABLE = 0x04,
    MODE_TYPE = 0x0c,
    MODE_VERIFY = 0x00,
    MODE_WRITE = 0x04, /* to memory */
    MODE_READ = 0x08,  /* from memory */
    MODE_AUTO = 0x10,
    MODE_DECREMENT = 0x20,
    MODE_CHANNEL = 0x03,
    REQUEST_SET = 0x04,
    MASK_SET = 0x04,
};

typedef struct {
    uint16_t base_address[CHIP_CHANNELS], base_count[CHIP_CHANNELS];
    uint16_t address[CHIP_CHANNELS], count[CHIP_CHANNELS];
    uint8_t mode[CHIP_CHANNELS];
    uint8_t command, mask, requests, lines, terminal_counts;
    bool high_byte; /* the byte pointer: the next access is to the high one */
} Chip;

typedef struct {
    I8257Ready ready;
    void *opaque;
} Client;

struct _I8257 {
    Device parent_instance;
    Chip chips[2]; /* channels 0-3; 4-7 */
    uint8_t pages[PAGE_PORTS];
    Client clients[I8257_CHANNEL_COUNT];
    bool moving; /* a transfer is under way: memory may be a chip that comes back here */
    MemoryRegion ports[2], page_ports;
};

TRACE_DEFINE(i8257_write);
TRACE_DEFINE(i8257_transfer);

DEVICE_TYPE(I8257, i8257, "i8257", TYPE_DEVICE)

static Chip *chip_of(I8257 *dma, unsigned channel)
{
    return &dma->chips[channel / CHIP_CHANNELS];
}

/* ---- who may move ---- */

static bool is_open(I8257 *dma, unsigned channel)
{
    const Chip *chip = chip_of(dma, channel);

    return !(chip->command & COMMAND_DISABLE) && !(chip->mask & 1u << channel % CHIP_CHANNELS);
}

/* Asks every device that waits whether it can go on now. */
static void tell_waiting(I8257 *dma)
{
    for (unsigned channel = 0; channel < I8257_CHANNEL_COUNT; channel++) {
        const Client *client = &dma->clients[channel];
        uint8_t bit = (uint8_t)(1u << channel % CHIP_CHANNELS);

        if (client->ready && (chip_of(dma, channel)->lines & bit) && is_open(dma, channel)) {
            client->ready(client->opaque);
        }
    }
}

bool i8257_connect(I8257 *dma, unsigned channel, I8257Ready ready, void *opaque)
{
    if (channel >= I8257_CHANNEL_COUNT || channel == CASCADE_CHANNEL ||
        (ready && dma->clients[channel].ready)) {
        return false;
    }
    dma->clients[channel] = (Client){ready, opaque};
    return true;
}

void i8257_set_request(I8257 *dma, unsigned channel, bool level)
{
    Chip *chip = chip_of(dma, channel);
    uint8_t bit = (uint8_t)(1u << channel % CHIP_CHANNELS);

    chip->lines = level ? chip->lines | bit : chip->lines & ~bit;
}

/* ---- moving ---- */

static unsigned word_shift(unsigned channel)
{
    return channel / CHIP_CHANNELS; /* channels 5-7 move words */
}

static uint64_t page_of(I8257 *dma, unsigned channel)
{
    static const uint8_t ports[I8257_CHANNEL_COUNT] = {0x87,         0x83, 0x81, 0x82,
                                                       REFRESH_PAGE, 0x8b, 0x89, 0x8a};
    uint8_t page = dma->pages[ports[channel] - PAGE_PORT];

    return (uint64_t)(word_shift(channel) ? page & 0xfe : page) << 16;
}

uint32_t i8257_bytes_left(I8257 *dma, unsigned channel)
{
    if (!is_open(dma, channel)) {
        return 0;
    }
    return ((uint32_t)chip_of(dma, channel)->count[channel % CHIP_CHANNELS] + 1)
           << word_shift(channel);
}

static void end_of_count(Chip *chip, unsigned n)
{
    uint8_t bit = (uint8_t)(1u << n);

    chip->terminal_counts |= bit;
    chip->requests &= ~bit;
    if (chip->mode[n] & MODE_AUTO) {
        chip->address[n] = chip->base_address[n];
        chip->count[n] = chip->base_count[n];
    } else {
        chip->mask |= bit;
    }
}

/* As many units at once as lie in a row: up to where the address wraps, one by one downwards. */
static uint32_t units_in_a_row(const Chip *chip, unsigned n, uint32_t wanted)
{
    return chip->mode[n] & MODE_DECREMENT ? 1 : MIN(wanted, 0x10000u - chip->address[n]);
}

static void copy_units(I8257 *dma, unsigned channel, uint8_t *data, uint32_t bytes, uint8_t type)
{
    const Chip *chip = chip_of(dma, channel);
    AddressSpace *memory = machine_memory(device_get_machine(HW_DEVICE(dma)));
    uint64_t address = page_of(dma, channel) | (uint64_t)chip->address[channel % CHIP_CHANNELS]
                                                   << word_shift(channel);

    if (type == MODE_WRITE) {
        address_space_write(memory, address, data, bytes);
    } else if (type == MODE_READ) {
        address_space_read(memory, address, data, bytes);
    }
}

/* @type: MODE_WRITE or MODE_READ; a channel set to verify counts and touches no memory. */
static uint32_t transfer(I8257 *dma, unsigned channel, uint8_t *data, uint32_t length, uint8_t type,
                         bool *terminal_count)
{
    unsigned n = channel % CHIP_CHANNELS, shift = word_shift(channel);
    Chip *chip = chip_of(dma, channel);
    uint8_t mode = chip->mode[n];
    uint32_t left = MIN(length >> shift, i8257_bytes_left(dma, channel) >> shift);
    uint32_t moved = 0;

    *terminal_count = false;
    if (dma->moving || ((mode & MODE_TYPE) != type && (mode & MODE_TYPE) != MODE_VERIFY)) {
        return 0;
    }
    dma->moving = true;
    while (moved < left) {
        uint32_t units = units_in_a_row(chip, n, left - moved);

        copy_units(dma, channel, data + (moved << shift), units << shift, mode & MODE_TYPE);
        chip->address[n] = (uint16_t)(chip->address[n] + (mode & MODE_DECREMENT ? -1u : units));
        chip->count[n] = (uint16_t)(chip->count[n] - units);
        moved += units;
    }
    dma->moving = false;
    if (moved > 0 && chip->count[n] == UINT16_MAX) {
        *terminal_count = true;
        end_of_count(chip, n);
    }
    TRACE(i8257_transfer, "channel %u mode 0x%02x bytes %u%s", channel, mode, moved << shift,
          *terminal_count ? " terminal count" : "");
    return moved << shift;
}

uint32_t i8257_to_memory(I8257 *dma, unsigned channel, const void *data, uint32_t length,
                         bool *terminal_count)
{
    return transfer(dma, channel, (uint8_t *)data, length, MODE_WRITE, terminal_count);
}

uint32_t i8257_from_memory(I8257 *dma, unsigned channel, void *data, uint32_t length,
                           bool *terminal_count)
{
    return transfer(dma, channel, data, length, MODE_READ, terminal_count);
}

/* ---- registers ---- */

static void chip_clear(Chip *chip)
{
    chip->command = 0;
    chip->requests = 0;
    chip->terminal_counts = 0;
    chip->high_byte = false;
    chip->mask = 0x0f;
}

static uint8_t status_read(Chip *chip)
{
    uint8_t status = (uint8_t)((chip->requests | chip->lines) << 4 | chip->terminal_counts);

    chip->terminal_counts = 0;
    return status;
}

static uint8_t channel_read(Chip *chip, unsigned n, bool count)
{
    uint16_t value = count ? chip->count[n] : chip->address[n];
    uint8_t byte = (uint8_t)(chip->high_byte ? value >> 8 : value);

    chip->high_byte = !chip->high_byte;
    return byte;
}

static uint64_t chip_read(Chip *chip, unsigned n)
{
    if (n < CHANNEL_PORTS) {
        return channel_read(chip, n / 2, n % 2);
    }
    switch (n - CHANNEL_PORTS) {
    case CONTROL_COMMAND:
        return status_read(chip);
    case CONTROL_MASTER_CLEAR:
        return 0;
    case CONTROL_MASK_ALL:
        return 0xf0 | chip->mask;
    default:
        return 0xff;
    }
}

/* A half goes into the base and the current register at once. */
static void channel_write(Chip *chip, unsigned n, bool count, uint8_t byte)
{
    uint16_t *base = count ? &chip->base_count[n] : &chip->base_address[n];
    uint16_t *current = count ? &chip->count[n] : &chip->address[n];

    *base = chip->high_byte ? (uint16_t)((*base & 0xff) | byte << 8)
                            : (uint16_t)((*base & 0xff00) | byte);
    *current = *base;
    chip->high_byte = !chip->high_byte;
}

static void set_bit(uint8_t *bits, uint8_t n, bool on)
{
    *bits = on ? (uint8_t)(*bits | 1u << n) : (uint8_t)(*bits & ~(1u << n));
}

static void control_write(Chip *chip, unsigned control, uint8_t value)
{
    switch (control) {
    case CONTROL_COMMAND:
        chip->command = value;
        break;
    case CONTROL_REQUEST:
        set_bit(&chip->requests, value & MODE_CHANNEL, value & REQUEST_SET);
        break;
    case CONTROL_MASK_ONE:
        set_bit(&chip->mask, value & MODE_CHANNEL, value & MASK_SET);
        break;
    case CONTROL_MODE:
        chip->mode[value & MODE_CHANNEL] = value & ~MODE_CHANNEL;
        break;
    case CONTROL_CLEAR_POINTER:
        chip->high_byte = false;
        break;
    case CONTROL_MASTER_CLEAR:
        chip_clear(chip);
        break;
    case CONTROL_CLEAR_MASK:
        chip->mask = 0;
        break;
    case CONTROL_MASK_ALL:
        chip->mask = value & 0x0f;
        break;
    }
}

static void register_write(I8257 *dma, unsigned which, unsigned n, uint8_t value)
{
    Chip *chip = &dma->chips[which];

    TRACE(i8257_write, "chip %u register 0x%x value 0x%02x", which, n, value);
    if (n < CHANNEL_PORTS) {
        channel_write(chip, n / 2, n % 2, value);
        return;
    }
    control_write(chip, n - CHANNEL_PORTS, value);
    tell_waiting(dma);
}

static uint64_t first_read(void *opaque, hwaddr offset, unsigned size G_GNUC_UNUSED)
{
    return chip_read(&((I8257 *)opaque)->chips[0], (unsigned)offset);
}

static void first_write(void *opaque, hwaddr offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    register_write(opaque, 0, (unsigned)offset, (uint8_t)value);
}

/* The second chip's address lines are shifted by one: its odd ports mirror the even ones. */
static uint64_t second_read(void *opaque, hwaddr offset, unsigned size G_GNUC_UNUSED)
{
    return chip_read(&((I8257 *)opaque)->chips[1], (unsigned)offset / 2);
}

static void second_write(void *opaque, hwaddr offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    register_write(opaque, 1, (unsigned)offset / 2, (uint8_t)value);
}

static uint64_t page_read(void *opaque, hwaddr offset, unsigned size G_GNUC_UNUSED)
{
    return ((I8257 *)opaque)->pages[offset];
}

static void page_write(void *opaque, hwaddr offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    ((I8257 *)opaque)->pages[offset] = (uint8_t)value;
}

#define BYTE_PORTS .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1

static const MemoryRegionOps first_ops = {.read = first_read, .write = first_write, BYTE_PORTS};
static const MemoryRegionOps second_ops = {.read = second_read, .write = second_write, BYTE_PORTS};
static const MemoryRegionOps page_ops = {.read = page_read, .write = page_write, BYTE_PORTS};

/* ---- life ---- */

static bool i8257_realize(Device *device, GError **error G_GNUC_UNUSED)
{
    I8257 *dma = HW_I8257(device);
    ISABus *bus = isa_device_bus(device);
    MemoryRegion *io = isa_bus_io(bus);

    memory_region_init_io(&dma->ports[0], &first_ops, dma, "dma1", CHIP_PORTS);
    memory_region_init_io(&dma->ports[1], &second_ops, dma, "dma2", 2 * CHIP_PORTS);
    memory_region_init_io(&dma->page_ports, &page_ops, dma, "dma-page", PAGE_PORTS);
    memory_region_add(io, 0x00, &dma->ports[0]);
    memory_region_add(io, 0xc0, &dma->ports[1]);
    memory_region_add(io, PAGE_PORT, &dma->page_ports);
    isa_bus_set_dma(bus, dma);
    return true;
}

static void i8257_unrealize(Device *device)
{
    I8257 *dma = HW_I8257(device);

    isa_bus_set_dma(isa_device_bus(device), NULL);
    memory_region_destroy(&dma->page_ports);
    memory_region_destroy(&dma->ports[1]);
    memory_region_destroy(&dma->ports[0]);
}

/* The request lines are the devices'; they outlast this reset, and their own drops them. */
static void i8257_reset(Device *device)
{
    I8257 *dma = HW_I8257(device);

    for (unsigned i = 0; i < G_N_ELEMENTS(dma->chips); i++) {
        dma->chips[i] = (Chip){.lines = dma->chips[i].lines};
        chip_clear(&dma->chips[i]);
    }
    for (unsigned i = 0; i < PAGE_PORTS; i++) {
        dma->pages[i] = 0;
    }
}

static bool i8257_post_load(Device *device, GError **error)
{
    I8257 *dma = HW_I8257(device);

    for (unsigned i = 0; i < G_N_ELEMENTS(dma->chips); i++) {
        const Chip *chip = &dma->chips[i];

        if ((chip->mask | chip->requests | chip->lines | chip->terminal_counts) & 0xf0) {
            return error_setf(error, "bits of channels that are not there");
        }
    }
    return true;
}

#define CHIP_FIELDS(n)                                                                             \
    SAVED_ARRAY(I8257, chips[n].base_address), SAVED_ARRAY(I8257, chips[n].base_count),            \
        SAVED_ARRAY(I8257, chips[n].address), SAVED_ARRAY(I8257, chips[n].count),                  \
        SAVED_ARRAY(I8257, chips[n].mode), SAVED(I8257, chips[n].command),                         \
        SAVED(I8257, chips[n].mask), SAVED(I8257, chips[n].requests),                              \
        SAVED(I8257, chips[n].lines), SAVED(I8257, chips[n].terminal_counts),                      \
        SAVED(I8257, chips[n].high_byte)

static const SavedField i8257_fields[] = {
    CHIP_FIELDS(0),
    CHIP_FIELDS(1),
    SAVED_ARRAY(I8257, pages),
};

static void i8257_class_init(DeviceClass *klass)
{
    klass->description = "ISA DMA controllers";
    klass->bus_type = TYPE_ISA_BUS;
    klass->realize = i8257_realize;
    klass->unrealize = i8257_unrealize;
    klass->reset = i8257_reset;
    klass->post_load = i8257_post_load;
    klass->saved_fields = i8257_fields;
    klass->saved_field_count = G_N_ELEMENTS(i8257_fields);
    klass->saved_version = 1;
}

static void i8257_instance_init(I8257 *dma G_GNUC_UNUSED)
{
}
