/*
 * SMBus host controller of PIIX4 on an empty bus: no address is acknowledged, so every transaction
 * ends at once with the device error bit.
 *
 * Source: Intel 82371AB (PIIX4) data sheet (290562) section 7.3.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/acpi/piix4_smbus.h"

#include <string.h>

#include "util/trace.h"

enum {
    HOST_STATUS = 0x00,
    SLAVE_STATUS = 0x01,
    HOST_CONTROL = 0x02,
    HOST_COMMAND = 0x03,
    HOST_ADDRESS = 0x04,
    HOST_DATA0 = 0x05,
    HOST_DATA1 = 0x06,
    BLOCK_DATA = 0x07,
    SLAVE_CONTROL = 0x08,
    SLAVE_EVENT = 0x0a,
};

enum {
    STATUS_INTERRUPT = 0x02,
    STATUS_DEVICE_ERROR = 0x04,
    STATUS_BUS_ERROR = 0x08,
    STATUS_FAILED = 0x10,
    STATUS_ALL = STATUS_INTERRUPT | STATUS_DEVICE_ERROR | STATUS_BUS_ERROR | STATUS_FAILED,
    CONTROL_INTERRUPT = 0x01,
    CONTROL_KILL = 0x02,
    CONTROL_PROTOCOL = 0x1c,
    CONTROL_START = 0x40,
};

/* Which bits of each register a write stores; status and control have rules of their own. */
static const uint8_t writable[PIIX4_SMBUS_SIZE] = {
    [HOST_COMMAND] = 0xff, [HOST_ADDRESS] = 0xff,  [HOST_DATA0] = 0xff,  [HOST_DATA1] = 0xff,
    [BLOCK_DATA] = 0xff,   [SLAVE_CONTROL] = 0x0f, [SLAVE_EVENT] = 0xff, [SLAVE_EVENT + 1] = 0xff,
};

TRACE_DEFINE(piix4_smbus_write);

bool piix4_smbus_irq_level(const Piix4Smbus *smbus)
{
    return (smbus->registers[HOST_CONTROL] & CONTROL_INTERRUPT) &&
           (smbus->registers[HOST_STATUS] & STATUS_ALL);
}

static void write_control(Piix4Smbus *smbus, uint8_t value)
{
    smbus->registers[HOST_CONTROL] = value & (CONTROL_INTERRUPT | CONTROL_KILL | CONTROL_PROTOCOL);
    if (value & CONTROL_KILL) {
        smbus->registers[HOST_STATUS] |= STATUS_FAILED;
    } else if (value & CONTROL_START) {
        smbus->registers[HOST_STATUS] |= STATUS_DEVICE_ERROR;
    }
}

static void smbus_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    Piix4Smbus *smbus = opaque;
    uint8_t *byte = &smbus->registers[offset % PIIX4_SMBUS_SIZE];
    TRACE(piix4_smbus_write, "register 0x%02x value 0x%02x", (unsigned)offset, (unsigned)value);
    switch (offset) {
    case HOST_STATUS:
        *byte &= ~((uint8_t)value & STATUS_ALL);
        break;
    case HOST_CONTROL:
        write_control(smbus, (uint8_t)value);
        break;
    default:
        *byte = (uint8_t)((*byte & ~writable[offset % PIIX4_SMBUS_SIZE]) |
                          (value & writable[offset % PIIX4_SMBUS_SIZE]));
        break;
    }
    smbus->irq(smbus->opaque, piix4_smbus_irq_level(smbus));
}

static uint64_t smbus_read(void *opaque, hwaddr offset, unsigned size)
{
    const Piix4Smbus *smbus = opaque;
    return smbus->registers[offset % PIIX4_SMBUS_SIZE];
}

static const MemoryRegionOps smbus_ops = {
    smbus_read, smbus_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};

void piix4_smbus_init(Piix4Smbus *smbus, void (*irq)(void *opaque, bool level), void *opaque)
{
    smbus->irq = irq;
    smbus->opaque = opaque;
    memory_region_init_io(&smbus->region, &smbus_ops, smbus, "pm-smbus", PIIX4_SMBUS_SIZE);
}

void piix4_smbus_destroy(Piix4Smbus *smbus)
{
    memory_region_destroy(&smbus->region);
}

void piix4_smbus_reset(Piix4Smbus *smbus)
{
    memset(smbus->registers, 0, sizeof(smbus->registers));
}
