/*
 * Intel 82078 floppy disk controller: registers, phases of a command, resets, the interrupt line.
 *
 * It is ready at power-on, at 500 kbit/s and with implied seeks, which is how firmware and test
 * suites know it from QEMU; a chip would wait in reset for DOR, at 250 kbit/s, and would want to be
 * told. Motors are always up to speed, and heads arrive at once.
 *
 * Source: Intel 82078 data sheet (290474), chapters 2 (registers) and 6 (resets).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fdc_private.h"

#include <string.h>

#include "hw/core/machine.h"
#include "util/trace.h"

#define LOW_PORTS    6 /* from iobase; the next is the IDE channel's */
#define CONTROL_PORT 7

enum { PORT_SRA, PORT_SRB, PORT_DOR, PORT_TDR, PORT_MSR, PORT_FIFO };

enum {
    MSR_READY = 0x80,
    MSR_TO_HOST = 0x40,
    MSR_NON_DMA = 0x20,
    MSR_BUSY = 0x10,
    DSR_RESET = 0x80,
    DSR_KEPT = 0x1f, /* precompensation and rate */
    TDR_TAPE = 0x03,
    DIR_CHANGED = 0x80,
};

TRACE_DEFINE(fdc_register_write);
TRACE_DEFINE(fdc_command);
TRACE_DEFINE(fdc_result);
TRACE_DEFINE(fdc_reset);

DEVICE_TYPE(FDC, fdc, "isa-fdc", TYPE_DEVICE)

FloppyDrive *fdc_drive(const FDC *fdc, unsigned unit)
{
    return unit < FDC_UNIT_COUNT ? fdc->drives[unit] : NULL;
}

static FloppyDrive *selected_drive(const FDC *fdc)
{
    return fdc_drive(fdc, fdc->dor & DOR_SELECT);
}

/* ---- interrupt and phases ---- */

static bool in_data_phase(const FDC *fdc)
{
    return fdc->phase == FDC_PHASE_TO_HOST || fdc->phase == FDC_PHASE_FROM_HOST;
}

static bool irq_wanted(const FDC *fdc)
{
    return fdc->poll_interrupt || fdc->result_interrupt || fdc->seek_ended ||
           (in_data_phase(fdc) && fdc->transfer.non_dma);
}

void fdc_settle_irq(FDC *fdc)
{
    fdc->irq_level = irq_wanted(fdc);
    irq_set(fdc->irq, fdc->irq_level);
}

void fdc_update_irq(FDC *fdc)
{
    bool level = irq_wanted(fdc);

    if (level != fdc->irq_level) {
        fdc->irq_level = level;
        irq_set(fdc->irq, level);
    }
}

void fdc_set_phase(FDC *fdc, FDCPhase phase)
{
    fdc->phase = phase;
    fdc->result_interrupt = fdc->result_interrupt && phase == FDC_PHASE_RESULT;
    fdc_update_irq(fdc);
}

static void command_phase(FDC *fdc)
{
    fdc->fifo_position = 0;
    fdc->fifo_length = 0;
    fdc_set_phase(fdc, FDC_PHASE_COMMAND);
}

void fdc_result(FDC *fdc, unsigned count, bool interrupt)
{
    TRACE(fdc_result, "%u bytes: %02x %02x %02x ...", count, fdc->fifo[0], fdc->fifo[1],
          fdc->fifo[2]);
    if (count == 0) {
        command_phase(fdc);
        return;
    }
    fdc->fifo_position = 0;
    fdc->fifo_length = (uint8_t)count;
    fdc->result_interrupt = interrupt;
    fdc_set_phase(fdc, FDC_PHASE_RESULT);
}

/* ---- resets ---- */

/* A request that is under way keeps the buffer, and the controller busy, until it has ended. */
static void forget_command(FDC *fdc)
{
    fdc->abandoned = fdc->in_flight;
    i8257_set_request(fdc->dma, fdc->dma_number, false);
    fdc->transfer = (FDCTransfer){0};
    fdc->seek_ended = 0;
    fdc->polls_left = 0;
    fdc->poll_interrupt = false;
    command_phase(fdc);
}

static void enter_reset(FDC *fdc)
{
    TRACE(fdc_reset, "dor 0x%02x", fdc->dor);
    if (!fdc->locked) {
        fdc->config |= CONFIG_FIFO_DISABLE;
        fdc->config &= ~CONFIG_THRESHOLD;
        fdc->precompensation_track = 0;
    }
    fdc->perpendicular &= ~0x03; /* GAP and WGATE; the drives' bits stay */
    forget_command(fdc);
}

/*
 * The polling after a reset finds that each of four drives has become ready. The heads are where
 * the controller now counts from: a chip would leave them and want a RECALIBRATE, which guests do
 * not always give it.
 */
static void leave_reset(FDC *fdc)
{
    for (unsigned i = 0; i < FDC_UNIT_COUNT; i++) {
        if (fdc->drives[i]) {
            fdc->drives[i]->cylinder = 0;
        }
    }
    memset(fdc->present_cylinder, 0, sizeof(fdc->present_cylinder));
    fdc->polls_left = FDC_SELECT_COUNT;
    fdc->poll_interrupt = true;
    fdc_update_irq(fdc);
}

static void drain(FDC *fdc)
{
    for (unsigned i = 0; i < FDC_UNIT_COUNT && fdc->in_flight; i++) {
        if (fdc->drives[i]) {
            block_drain(fdc->drives[i]->backend);
        }
    }
}

static void fdc_device_reset(Device *device)
{
    FDC *fdc = HW_FDC(device);

    forget_command(fdc);
    drain(fdc);
    fdc->dor = DOR_NOT_RESET | DOR_DMA_GATE;
    fdc->tdr = 0;
    fdc->dsr = FLOPPY_RATE_500K;
    fdc->config = CONFIG_IMPLIED_SEEK | CONFIG_FIFO_DISABLE;
    fdc->precompensation_track = 0;
    fdc->perpendicular = 0;
    fdc->last_count = 0;
    fdc->power_mode = 0;
    fdc->locked = false;
    fdc->command_unit = 0;
    fdc->command_head = 0;
    fdc->step_toggle = fdc->step_inward = fdc->write_toggle = fdc->read_toggle = false;
    memset(fdc->specify, 0, sizeof(fdc->specify));
    memset(fdc->drive_specification, 0, sizeof(fdc->drive_specification));
    memset(fdc->present_cylinder, 0, sizeof(fdc->present_cylinder));
    memset(fdc->seek_status, 0, sizeof(fdc->seek_status));
    memset(fdc->fifo, 0, sizeof(fdc->fifo));
}

void fdc_drive_gone(FDC *fdc, FloppyDrive *drive)
{
    for (unsigned i = 0; i < FDC_UNIT_COUNT; i++) {
        if (fdc->drives[i] == drive) {
            fdc->drives[i] = NULL;
            forget_command(fdc);
        }
    }
}

/* ---- registers ---- */

/* SRA and SRB as in the PS/2: bits that a drive's lines drive are active low. */
static uint8_t status_a(const FDC *fdc)
{
    const FloppyDrive *drive = selected_drive(fdc);
    uint8_t value = 0x04; /* no index pulse */

    value |= fdc->irq_level ? 0x80 : 0;
    value |= fdc->drives[1] ? 0 : 0x40;
    value |= fdc->step_toggle ? 0x20 : 0;
    value |= drive && drive->cylinder == 0 ? 0 : 0x10;
    value |= fdc->command_head ? 0x08 : 0;
    value |= drive && floppy_drive_is_protected(drive) ? 0 : 0x02;
    value |= fdc->step_inward ? 0x01 : 0;
    return value;
}

static uint8_t status_b(const FDC *fdc)
{
    uint8_t value = 0xc0;

    value |= fdc->dor & 0x01 ? 0x20 : 0;
    value |= fdc->write_toggle ? 0x10 : 0;
    value |= fdc->read_toggle ? 0x08 : 0;
    value |= fdc->dor & DOR_MOTOR1 ? 0x02 : 0;
    value |= fdc->dor & DOR_MOTOR0 ? 0x01 : 0;
    return value;
}

static uint8_t main_status(const FDC *fdc)
{
    static const uint8_t values[FDC_PHASE_COUNT] = {
        [FDC_PHASE_COMMAND] = MSR_READY,
        [FDC_PHASE_PARAMETERS] = MSR_READY | MSR_BUSY,
        [FDC_PHASE_DISK] = MSR_BUSY,
        [FDC_PHASE_TO_HOST] = MSR_READY | MSR_TO_HOST | MSR_NON_DMA | MSR_BUSY,
        [FDC_PHASE_FROM_HOST] = MSR_READY | MSR_NON_DMA | MSR_BUSY,
        [FDC_PHASE_RESULT] = MSR_READY | MSR_TO_HOST | MSR_BUSY,
    };

    if (!(fdc->dor & DOR_NOT_RESET) || fdc->abandoned) {
        return 0;
    }
    if (in_data_phase(fdc) && !fdc->transfer.non_dma) {
        return MSR_BUSY;
    }
    return values[fdc->phase];
}

static uint8_t digital_input(const FDC *fdc)
{
    const FloppyDrive *drive = selected_drive(fdc);

    return drive && floppy_drive_is_changed(drive) ? DIR_CHANGED : 0;
}

static uint8_t fifo_read(FDC *fdc)
{
    uint8_t byte;

    if ((main_status(fdc) & (MSR_READY | MSR_TO_HOST)) != (MSR_READY | MSR_TO_HOST)) {
        return 0;
    }
    if (fdc->phase == FDC_PHASE_TO_HOST) {
        return fdc_transfer_byte_to_host(fdc);
    }
    byte = fdc->fifo[fdc->fifo_position++];
    if (fdc->fifo_position == fdc->fifo_length) {
        command_phase(fdc);
    }
    return byte;
}

static void fifo_write(FDC *fdc, uint8_t byte)
{
    if ((main_status(fdc) & (MSR_READY | MSR_TO_HOST)) != MSR_READY) {
        return;
    }
    if (fdc->phase == FDC_PHASE_FROM_HOST) {
        fdc_transfer_byte_from_host(fdc, byte);
        return;
    }
    fdc->fifo[fdc->fifo_position++] = byte;
    fdc->phase = FDC_PHASE_PARAMETERS;
    if (fdc->fifo_position == fdc_command_length(fdc)) {
        TRACE(fdc_command, "%02x %02x %02x %02x %02x %02x %02x %02x %02x", fdc->fifo[0],
              fdc->fifo[1], fdc->fifo[2], fdc->fifo[3], fdc->fifo[4], fdc->fifo[5], fdc->fifo[6],
              fdc->fifo[7], fdc->fifo[8]);
        fdc_command_run(fdc);
    }
}

static void output_write(FDC *fdc, uint8_t value)
{
    uint8_t changed = fdc->dor ^ value;

    fdc->dor = value;
    if ((changed & DOR_NOT_RESET) && !(value & DOR_NOT_RESET)) {
        enter_reset(fdc);
    } else if (changed & DOR_NOT_RESET) {
        leave_reset(fdc);
    }
}

static void rate_write(FDC *fdc, uint8_t value)
{
    fdc->dsr = value & DSR_KEPT;
    if ((value & DSR_RESET) && (fdc->dor & DOR_NOT_RESET)) {
        enter_reset(fdc);
        leave_reset(fdc);
    }
}

static uint64_t port_read(void *opaque, hwaddr offset, unsigned size G_GNUC_UNUSED)
{
    FDC *fdc = opaque;

    switch (offset) {
    case PORT_SRA:
        return status_a(fdc);
    case PORT_SRB:
        return status_b(fdc);
    case PORT_DOR:
        return fdc->dor;
    case PORT_TDR:
        return fdc->tdr;
    case PORT_MSR:
        return main_status(fdc);
    default:
        return fifo_read(fdc);
    }
}

static void port_write(void *opaque, hwaddr offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    FDC *fdc = opaque;

    TRACE(fdc_register_write, "port %u value 0x%02x", (unsigned)offset, (unsigned)value);
    switch (offset) {
    case PORT_DOR:
        output_write(fdc, (uint8_t)value);
        break;
    case PORT_TDR:
        fdc->tdr = (uint8_t)value & TDR_TAPE;
        break;
    case PORT_MSR:
        rate_write(fdc, (uint8_t)value);
        break;
    case PORT_FIFO:
        fifo_write(fdc, (uint8_t)value);
        break;
    default:
        break; /* SRA and SRB are the drives' lines */
    }
}

static uint64_t control_read(void *opaque, hwaddr offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    return digital_input(opaque);
}

static void control_write(void *opaque, hwaddr offset G_GNUC_UNUSED, uint64_t value,
                          unsigned size G_GNUC_UNUSED)
{
    FDC *fdc = opaque;

    fdc->dsr = (uint8_t)((fdc->dsr & ~DSR_RATE) | (value & DSR_RATE));
}

static const MemoryRegionOps port_ops = {
    .read = port_read,
    .write = port_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 1,
};

static const MemoryRegionOps control_ops = {
    .read = control_read,
    .write = control_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 1,
};

/* ---- drives ---- */

/* Types by property names of QEMU: fdtypeA and fdtypeB for drives made with the board. */
static const char *const type_names[FDC_UNIT_COUNT] = {"fdtypeA", "fdtypeB"};
static const char *const unit_suffixes[FDC_UNIT_COUNT] = {"/floppy@0", "/floppy@1"};

static bool create_drive(FDC *fdc, unsigned unit, const char *block_name, GError **error)
{
    Device *device = device_new(floppy_drive_get_type());

    g_object_set(device, "unit", (guint64)unit, "drive", block_name, "drive-type",
                 fdc->type_property[unit], NULL);
    return device_realize_and_unref(device, device_get_machine(HW_DEVICE(fdc)), HW_BUS(fdc->bus),
                                    error);
}

bool fdc_create_drives(FDC *fdc, GError **error)
{
    for (unsigned unit = 0; unit < FDC_UNIT_COUNT; unit++) {
        DriveInfo *info = drive_get(DRIVE_IF_FLOPPY, 0, (int)unit);

        if (!info || info->claimed) {
            continue;
        }
        info->claimed = true;
        if (!create_drive(fdc, unit, info->id, error)) {
            return false;
        }
    }
    return true;
}

bool fdc_drive_info(FDC *fdc, unsigned unit, FDCDriveInfo *info)
{
    const FloppyDrive *drive = fdc_drive(fdc, unit);
    const FloppyFormat *format;

    if (!drive || drive->type == FLOPPY_TYPE_NONE) {
        return false;
    }
    format = floppy_format_default(drive->type);
    *info = (FDCDriveInfo){floppy_type_cmos(drive->type), format->cylinders, format->heads,
                           format->sectors};
    return true;
}

/* ---- life ---- */

static bool parse_types(FDC *fdc, GError **error)
{
    if (!floppy_type_parse("fallback", fdc->fallback_property, &fdc->fallback, error)) {
        return false;
    }
    if (fdc->fallback == FLOPPY_TYPE_AUTO) {
        return error_setf(error, "Cannot choose a fallback FDrive type of 'auto'");
    }
    for (unsigned i = 0; i < FDC_UNIT_COUNT; i++) {
        if (!floppy_type_parse(type_names[i], fdc->type_property[i], &fdc->unit_type[i], error)) {
            return false;
        }
    }
    return true;
}

static bool find_dma(FDC *fdc, ISABus *bus, GError **error)
{
    fdc->dma = isa_bus_dma(bus);
    if (!fdc->dma) {
        return error_setf(error, "ISA controller does not support DMA");
    }
    if (!i8257_connect(fdc->dma, fdc->dma_number, fdc_transfer_dma_ready, fdc)) {
        return error_setf(error, "DMA channel %u is not free", fdc->dma_number);
    }
    return true;
}

/* The firmware looks for drives below the controller, whether they are there yet or not. */
static bool note_boot_order(FDC *fdc, GError **error)
{
    for (unsigned i = 0; i < FDC_UNIT_COUNT; i++) {
        g_autofree char *suffix = g_strdup_printf("/fdc@%04x%s", fdc->iobase, unit_suffixes[i]);

        if (!boot_order_add(device_get_machine(HW_DEVICE(fdc)), HW_DEVICE(fdc), suffix,
                            fdc->boot_index[i], error)) {
            return false;
        }
    }
    return true;
}

static void release(FDC *fdc)
{
    for (unsigned i = 0; i < FDC_UNIT_COUNT; i++) {
        if (fdc->drives[i]) {
            device_unrealize(HW_DEVICE(fdc->drives[i]));
        }
    }
    i8257_connect(fdc->dma, fdc->dma_number, NULL, NULL);
    memory_region_destroy(&fdc->control_port);
    memory_region_destroy(&fdc->ports);
    g_clear_object(&fdc->bus);
    g_clear_pointer(&fdc->buffer, g_free);
}

static bool create_named_drives(FDC *fdc, GError **error)
{
    for (unsigned i = 0; i < FDC_UNIT_COUNT; i++) {
        if (fdc->drive_property[i] && fdc->drive_property[i][0] &&
            !create_drive(fdc, i, fdc->drive_property[i], error)) {
            return false;
        }
    }
    return true;
}

static bool fdc_realize(Device *device, GError **error)
{
    FDC *fdc = HW_FDC(device);
    ISABus *bus = isa_device_bus(device);

    if (!parse_types(fdc, error) || !find_dma(fdc, bus, error)) {
        return false;
    }
    fdc->irq = isa_bus_irq(bus, fdc->irq_number);
    fdc->buffer = g_malloc0(FDC_BUFFER_SIZE);
    memory_region_init_io(&fdc->ports, &port_ops, fdc, "fdc", LOW_PORTS);
    memory_region_init_io(&fdc->control_port, &control_ops, fdc, "fdc-control", 1);
    memory_region_add(isa_bus_io(bus), fdc->iobase, &fdc->ports);
    memory_region_add(isa_bus_io(bus), fdc->iobase + CONTROL_PORT, &fdc->control_port);
    fdc->bus = floppy_bus_new(fdc);
    if (!note_boot_order(fdc, error) || !create_named_drives(fdc, error)) {
        release(fdc);
        return false;
    }
    return true;
}

static void fdc_unrealize(Device *device)
{
    release(HW_FDC(device));
}

static const DeviceProperty fdc_properties[] = {
    DEVICE_PROPERTY_RANGE(UINT32, "iobase", FDC, iobase, 0, 0xfff8, 0x3f0, "first I/O port"),
    DEVICE_PROPERTY_RANGE(UINT32, "irq", FDC, irq_number, 0, ISA_IRQ_COUNT - 1, 6, "ISA interrupt"),
    DEVICE_PROPERTY_RANGE(UINT32, "dma", FDC, dma_number, 0, 3, 2, "DMA channel"),
    DEVICE_PROPERTY(BOOL, "check_media_rate", FDC, check_media_rate, true,
                    "a medium is read at its own data rate only"),
    DEVICE_PROPERTY_TEXT("fallback", FDC, fallback_property, "288",
                         "type of an auto drive with no medium that tells: 144, 288, 120, none"),
    DEVICE_PROPERTY_TEXT("fdtypeA", FDC, type_property[0], "auto",
                         "type of -fda: 144, 288, 120, none, auto"),
    DEVICE_PROPERTY_TEXT("fdtypeB", FDC, type_property[1], "auto",
                         "type of -fdb: 144, 288, 120, none, auto"),
    DEVICE_PROPERTY_TEXT("driveA", FDC, drive_property[0], NULL,
                         "Node name or ID of a block device for drive 0"),
    DEVICE_PROPERTY_TEXT("driveB", FDC, drive_property[1], NULL,
                         "Node name or ID of a block device for drive 1"),
    DEVICE_PROPERTY(INT32, "bootindexA", FDC, boot_index[0], (uint64_t)-1,
                    "place of drive 0 in the boot order, -1: none"),
    DEVICE_PROPERTY(INT32, "bootindexB", FDC, boot_index[1], (uint64_t)-1,
                    "place of drive 1 in the boot order, -1: none"),
};

static void fdc_class_init(DeviceClass *klass)
{
    klass->description = "virtual floppy controller";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_STORAGE;
    klass->user_creatable = true;
    klass->realize = fdc_realize;
    klass->unrealize = fdc_unrealize;
    klass->reset = fdc_device_reset;
    klass->save = fdc_save;
    klass->load = fdc_load;
    klass->saved_version = 1;
    device_class_add_properties(klass, fdc_properties, G_N_ELEMENTS(fdc_properties));
}

static void fdc_instance_init(FDC *fdc G_GNUC_UNUSED)
{
}
