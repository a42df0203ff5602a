/*
 * IDE channel: registers, device selection, software reset, interrupt line.
 *
 * Writes to the command block reach both drives; reads come from the selected one. A unit with no
 * drive reads as zeros, which firmware and kernels take for an empty place at once.
 *
 * Source: ATA/ATAPI-7 volume 1 section 5 (registers), volume 2 section 9 (protocols).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "ide_bus.h"

#include "ide_drive.h"
#include "util/bytes.h"
#include "util/trace.h"

BUS_TYPE(IDEBus, ide_bus, TYPE_IDE_BUS)

TRACE_DEFINE(ide_register_write);
TRACE_DEFINE(ide_soft_reset);

/* ---- interrupt ---- */

static bool irq_wanted(IDEBus *bus)
{
    IDEDrive *drive = bus->drives[bus->selected];

    return drive && drive->interrupt_pending && !(bus->control & ATA_CONTROL_NIEN);
}

void ide_bus_update_irq(IDEBus *bus)
{
    bool level = irq_wanted(bus);

    if (level == bus->irq_level) {
        return;
    }
    bus->irq_level = level;
    if (level) {
        bus_master_interrupt(&bus->bus_master);
    }
    irq_set(*bus->irq, level);
}

void ide_bus_settle_irq(IDEBus *bus)
{
    bus->irq_level = irq_wanted(bus);
    irq_set(*bus->irq, bus->irq_level);
}

/* ---- data port ---- */

static uint32_t data_read(IDEBus *bus, unsigned size)
{
    IDEDrive *drive = bus->drives[bus->selected];
    uint32_t value = 0;
    uint32_t step;

    if (G_UNLIKELY(!drive || drive->pio == IDE_PIO_IDLE || ide_drive_pio_is_out(drive->pio))) {
        return UINT32_MAX;
    }
    /* The drive's side is 16 bits wide: reading a byte takes a word. */
    step = MIN(MAX(size, 2), drive->pio_end - drive->pio_position);
    memcpy(&value, drive->buffer + drive->pio_position, step);
    drive->pio_position += step;
    if (drive->pio_position == drive->pio_end) {
        ide_drive_pio_end(drive);
    }
    value = GUINT32_FROM_LE(value);
    return size == 1 ? value & 0xff : value;
}

static void data_write(IDEBus *bus, uint32_t value, unsigned size)
{
    IDEDrive *drive = bus->drives[bus->selected];
    uint32_t step;

    if (G_UNLIKELY(!drive || !ide_drive_pio_is_out(drive->pio))) {
        return;
    }
    value = GUINT32_TO_LE(value);
    step = MIN(MAX(size, 2), drive->pio_end - drive->pio_position);
    memcpy(drive->buffer + drive->pio_position, &value, step);
    drive->pio_position += step;
    if (drive->pio_position == drive->pio_end) {
        ide_drive_pio_end(drive);
    }
}

/* ---- registers ---- */

static uint8_t status_read(IDEBus *bus, IDEDrive *drive)
{
    if (drive->interrupt_pending) {
        drive->interrupt_pending = false;
        ide_bus_update_irq(bus);
    }
    return drive->status;
}

static uint8_t register_read(IDEBus *bus, unsigned offset)
{
    IDEDrive *drive = bus->drives[bus->selected];
    const IDETaskFile *file;

    if (!drive) {
        return 0;
    }
    file = bus->control & ATA_CONTROL_HOB ? &drive->previous : &drive->current;
    switch (offset) {
    case ATA_ERROR:
        return bus->control & ATA_CONTROL_HOB ? 0 : drive->error;
    case ATA_COUNT:
        return file->count;
    case ATA_LBA_LOW:
        return file->lba_low;
    case ATA_LBA_MID:
        return file->lba_mid;
    case ATA_LBA_HIGH:
        return file->lba_high;
    case ATA_DEVICE:
        return drive->device;
    case ATA_STATUS:
        return status_read(bus, drive);
    default:
        return data_read(bus, 1);
    }
}

static void task_file_write(IDEDrive *drive, unsigned offset, uint8_t value)
{
    IDETaskFile *now = &drive->current, *before = &drive->previous;

    if (drive->status & ATA_STATUS_BSY) {
        return;
    }
    switch (offset) {
    case ATA_ERROR:
        before->feature = now->feature;
        now->feature = value;
        break;
    case ATA_COUNT:
        before->count = now->count;
        now->count = value;
        break;
    case ATA_LBA_LOW:
        before->lba_low = now->lba_low;
        now->lba_low = value;
        break;
    case ATA_LBA_MID:
        before->lba_mid = now->lba_mid;
        now->lba_mid = value;
        break;
    case ATA_LBA_HIGH:
        before->lba_high = now->lba_high;
        now->lba_high = value;
        break;
    default:
        drive->device = value | ATA_DEVICE_ONES;
        break;
    }
}

static bool channel_is_idle(IDEBus *bus)
{
    for (unsigned i = 0; i < IDE_UNIT_COUNT; i++) {
        if (bus->drives[i] && !ide_drive_is_idle(bus->drives[i])) {
            return false;
        }
    }
    return true;
}

/* Both drives run it, whichever is selected; drive 0 answers. */
static void run_diagnostic(IDEBus *bus)
{
    for (unsigned i = 0; i < IDE_UNIT_COUNT; i++) {
        if (bus->drives[i]) {
            ide_drive_set_signature(bus->drives[i]);
        }
    }
    bus->selected = 0;
    if (bus->drives[0]) {
        ide_drive_interrupt(bus->drives[0]);
    } else {
        ide_bus_update_irq(bus);
    }
}

/* Two drives on one cable: while one is at work, the channel takes no command but DEVICE RESET. */
static void command_write(IDEBus *bus, uint8_t command)
{
    IDEDrive *drive = bus->drives[bus->selected];

    if (drive && command == ATA_COMMAND_DEVICE_RESET && drive->is_cdrom && !drive->resetting) {
        ide_drive_begin_reset(drive);
        ide_drive_try_finish_reset(drive);
        return;
    }
    if (!channel_is_idle(bus)) {
        return;
    }
    if (command == ATA_COMMAND_DIAGNOSTIC) {
        run_diagnostic(bus);
    } else if (drive) {
        ide_drive_run_command(drive, command);
    }
}

static void register_write(IDEBus *bus, unsigned offset, uint8_t value)
{
    TRACE(ide_register_write, "ide.%u %u <- 0x%02x", bus->channel, offset, value);
    bus->control &= ~ATA_CONTROL_HOB;
    if (offset == ATA_STATUS) {
        command_write(bus, value);
        return;
    }
    for (unsigned i = 0; i < IDE_UNIT_COUNT; i++) {
        if (bus->drives[i]) {
            task_file_write(bus->drives[i], offset, value);
        }
    }
    if (offset == ATA_DEVICE) {
        bus->selected = (value & ATA_DEVICE_DEV1) != 0;
        ide_bus_update_irq(bus);
    }
}

static uint64_t command_block_read(void *opaque, hwaddr offset, unsigned size)
{
    IDEBus *bus = opaque;
    uint64_t value = 0;

    if (offset == ATA_DATA && size > 1) {
        return data_read(bus, size);
    }
    for (unsigned i = 0; i < size && offset + i < ATA_COMMAND_BLOCK_SIZE; i++) {
        value |= (uint64_t)register_read(bus, offset + i) << (8 * i);
    }
    return value;
}

static void command_block_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    IDEBus *bus = opaque;

    if (offset == ATA_DATA) {
        data_write(bus, (uint32_t)value, size);
        return;
    }
    for (unsigned i = 0; i < size && offset + i < ATA_COMMAND_BLOCK_SIZE; i++) {
        register_write(bus, offset + i, (uint8_t)(value >> (8 * i)));
    }
}

const MemoryRegionOps ide_command_block_ops = {
    .read = command_block_read,
    .write = command_block_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
    .valid_unaligned = true,
};

/* ---- control block ---- */

static uint64_t control_block_read(void *opaque, hwaddr offset, unsigned size)
{
    IDEBus *bus = opaque;
    IDEDrive *drive = bus->drives[bus->selected];

    return drive ? drive->status : 0;
}

static void soft_reset(IDEBus *bus, bool asserted)
{
    TRACE(ide_soft_reset, "ide.%u %s", bus->channel, asserted ? "begins" : "ends");
    for (unsigned i = 0; i < IDE_UNIT_COUNT; i++) {
        if (bus->drives[i] && asserted) {
            ide_drive_begin_reset(bus->drives[i]);
        } else if (bus->drives[i]) {
            ide_drive_try_finish_reset(bus->drives[i]);
        }
    }
    bus->selected = 0;
}

static void control_block_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    IDEBus *bus = opaque;
    uint8_t changed = bus->control ^ (uint8_t)value;

    bus->control = (uint8_t)value;
    if (changed & ATA_CONTROL_SRST) {
        soft_reset(bus, value & ATA_CONTROL_SRST);
    }
    ide_bus_update_irq(bus);
}

const MemoryRegionOps ide_control_block_ops = {
    .read = control_block_read,
    .write = control_block_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 1,
};

/* ---- life ---- */

static void bus_master_started(void *opaque)
{
    IDEBus *bus = opaque;

    for (unsigned i = 0; i < IDE_UNIT_COUNT; i++) {
        if (bus->drives[i] && bus->drives[i]->dma_waiting) {
            ide_request_bus_master_started(bus->drives[i]);
            return;
        }
    }
}

IDEBus *ide_bus_new(Machine *machine, Device *owner, unsigned channel, IRQLine **irq,
                    AddressSpace *memory)
{
    IDEBus *bus = g_object_new(ide_bus_get_type(), NULL);
    g_autofree char *name = g_strdup_printf("ide.%u", channel);

    bus->channel = channel;
    bus->irq = irq;
    bus_master_init(&bus->bus_master, memory, bus_master_started, bus);
    bus_setup(HW_BUS(bus), machine, owner, name);
    return bus;
}

static bool ide_bus_check(Bus *base, Device *device, GError **error)
{
    IDEBus *bus = HW_IDE_BUS(base);
    IDEDrive *drive = HW_IDE_DRIVE(device);

    if (drive->unit == UINT32_MAX) {
        drive->unit = bus->realized[0] ? 1 : 0;
        if (bus->realized[drive->unit]) {
            return error_setf(error, "Bus '%s' is full", bus_get_name(base));
        }
    }
    if (drive->unit >= IDE_UNIT_COUNT) {
        return error_setf(error, "Can't create IDE unit %u, bus supports only %u units",
                          drive->unit, IDE_UNIT_COUNT);
    }
    if (bus->realized[drive->unit]) {
        return error_setf(error, "IDE unit %u is in use", drive->unit);
    }
    return true;
}

static char *ide_bus_firmware_path(Bus *base, Device *device G_GNUC_UNUSED)
{
    return g_strdup_printf("drive@%u", HW_IDE_BUS(base)->channel);
}

static void ide_bus_reset(Bus *base)
{
    IDEBus *bus = HW_IDE_BUS(base);

    bus_master_reset(&bus->bus_master);
    bus->selected = 0;
    bus->control = 0;
    ide_bus_update_irq(bus);
}

static const SavedField ide_bus_fields[] = {SAVED(IDEBus, selected), SAVED(IDEBus, control)};

static GVariant *ide_bus_save(Bus *base)
{
    IDEBus *bus = HW_IDE_BUS(base);

    return g_variant_new("(@a{sv}@a{sv})",
                         saved_fields_to_variant(bus, ide_bus_fields, G_N_ELEMENTS(ide_bus_fields)),
                         bus_master_save(&bus->bus_master));
}

/* The interrupt pin follows when the drives are loaded, which is after the buses. */
static bool ide_bus_load(Bus *base, GVariant *state, GError **error)
{
    IDEBus *bus = HW_IDE_BUS(base);
    g_autoptr(GVariant) fields = NULL, master = NULL;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE("(a{sv}a{sv})"))) {
        return error_setf(error, "bus '%s': saved state has type '%s'", bus_get_name(base),
                          g_variant_get_type_string(state));
    }
    g_variant_get(state, "(@a{sv}@a{sv})", &fields, &master);
    if (!saved_fields_from_variant(bus, ide_bus_fields, G_N_ELEMENTS(ide_bus_fields), fields,
                                   error) ||
        !bus_master_load(&bus->bus_master, master, error)) {
        g_prefix_error(error, "bus '%s': ", bus_get_name(base));
        return false;
    }
    if (bus->selected >= IDE_UNIT_COUNT) {
        return error_setf(error, "bus '%s': selected unit %u", bus_get_name(base), bus->selected);
    }
    return true;
}

static void ide_bus_finalize(GObject *object)
{
    bus_master_destroy(&HW_IDE_BUS(object)->bus_master);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_BUS))->finalize(object);
}

static void ide_bus_class_init(BusClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = ide_bus_finalize;
    klass->check = ide_bus_check;
    klass->firmware_path = ide_bus_firmware_path;
    klass->reset = ide_bus_reset;
    klass->save = ide_bus_save;
    klass->load = ide_bus_load;
    klass->max_devices = IDE_UNIT_COUNT;
}
