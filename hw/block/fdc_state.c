/*
 * Saved state of the floppy disk controller. Requests in flight have ended when a machine is saved;
 * what may be open is a command that is not yet complete, a data phase, and a result.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "fdc_private.h"

static const SavedField fields[] = {
    SAVED(FDC, dor),
    SAVED(FDC, tdr),
    SAVED(FDC, dsr),
    SAVED_ARRAY(FDC, specify),
    SAVED(FDC, config),
    SAVED(FDC, precompensation_track),
    SAVED(FDC, perpendicular),
    SAVED(FDC, last_count),
    SAVED(FDC, power_mode),
    SAVED(FDC, locked),
    SAVED_ARRAY(FDC, drive_specification),
    SAVED_ARRAY(FDC, present_cylinder),
    SAVED_ARRAY(FDC, seek_status),
    SAVED(FDC, seek_ended),
    SAVED(FDC, polls_left),
    SAVED(FDC, poll_interrupt),
    SAVED(FDC, result_interrupt),
    SAVED(FDC, step_toggle),
    SAVED(FDC, step_inward),
    SAVED(FDC, write_toggle),
    SAVED(FDC, read_toggle),
    SAVED(FDC, phase),
    SAVED_ARRAY(FDC, fifo),
    SAVED(FDC, fifo_position),
    SAVED(FDC, fifo_length),
    SAVED(FDC, command_unit),
    SAVED(FDC, command_head),
    SAVED(FDC, transfer.kind),
    SAVED(FDC, transfer.unit),
    SAVED(FDC, transfer.non_dma),
    SAVED(FDC, transfer.multi_track),
    SAVED(FDC, transfer.normal_end),
    SAVED(FDC, transfer.terminal_count),
    SAVED(FDC, transfer.scan_failed),
    SAVED(FDC, transfer.scan_unequal),
    SAVED(FDC, transfer.disk.cylinder),
    SAVED(FDC, transfer.disk.head),
    SAVED(FDC, transfer.disk.sector),
    SAVED(FDC, transfer.host.cylinder),
    SAVED(FDC, transfer.host.head),
    SAVED(FDC, transfer.host.sector),
    SAVED(FDC, transfer.head_done),
    SAVED(FDC, transfer.eot),
    SAVED(FDC, transfer.step),
    SAVED(FDC, transfer.size_code),
    SAVED(FDC, transfer.left),
    SAVED(FDC, transfer.fill),
    SAVED(FDC, transfer.position),
    SAVED_ARRAY(FDC, transfer.status),
};

static bool moves_data(const FDC *fdc)
{
    return fdc->phase == FDC_PHASE_TO_HOST || fdc->phase == FDC_PHASE_FROM_HOST;
}

static uint32_t buffer_used(const FDC *fdc)
{
    return moves_data(fdc) ? fdc->transfer.fill : 0;
}

GVariant *fdc_save(Device *device)
{
    FDC *fdc = HW_FDC(device);

    return g_variant_new(
        "(@a{sv}@ay)", saved_fields_to_variant(fdc, fields, G_N_ELEMENTS(fields)),
        g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, fdc->buffer, buffer_used(fdc), 1));
}

/* ---- checks ---- */

static bool registers_fit(const FDC *fdc)
{
    return fdc->tdr <= 3 && !(fdc->dsr & 0xe0) && fdc->seek_ended < 1u << FDC_SELECT_COUNT &&
           fdc->polls_left <= FDC_SELECT_COUNT && fdc->command_unit < FDC_SELECT_COUNT &&
           fdc->command_head <= 1;
}

static bool fifo_fits(const FDC *fdc)
{
    switch (fdc->phase) {
    case FDC_PHASE_COMMAND:
        return fdc->fifo_position == 0;
    case FDC_PHASE_PARAMETERS:
        return fdc->fifo_position > 0 && fdc->fifo_position < FDC_FIFO_SIZE &&
               fdc->fifo_position < fdc_command_length(fdc);
    case FDC_PHASE_RESULT:
        return fdc->fifo_position < fdc->fifo_length && fdc->fifo_length <= FDC_FIFO_SIZE;
    default:
        return moves_data(fdc); /* not while the drive is at work */
    }
}

static bool kind_fits(const FDC *fdc)
{
    const FDCTransfer *t = &fdc->transfer;

    switch (t->kind) {
    case FDC_TRANSFER_READ:
        return fdc->phase == FDC_PHASE_TO_HOST;
    case FDC_TRANSFER_SCAN_EQUAL:
    case FDC_TRANSFER_SCAN_LOW:
    case FDC_TRANSFER_SCAN_HIGH:
        return fdc->phase == FDC_PHASE_FROM_HOST && t->fill == FLOPPY_SECTOR_SIZE;
    case FDC_TRANSFER_WRITE:
    case FDC_TRANSFER_FORMAT:
        return fdc->phase == FDC_PHASE_FROM_HOST;
    default:
        return false;
    }
}

static bool transfer_fits(const FDC *fdc)
{
    const FDCTransfer *t = &fdc->transfer;

    if (!moves_data(fdc)) {
        return true;
    }
    return kind_fits(fdc) && fdc_drive(fdc, t->unit) && t->position < t->fill &&
           t->fill <= FDC_BUFFER_SIZE && t->left <= FDC_BUFFER_SECTORS && t->head_done <= 1 &&
           (t->step == 1 || t->step == 2);
}

/* ---- load ---- */

static void forget(FDC *fdc)
{
    fdc->phase = FDC_PHASE_COMMAND;
    fdc->fifo_position = fdc->fifo_length = 0;
    fdc->transfer = (FDCTransfer){0};
}

static bool load_buffer(FDC *fdc, GVariant *bytes, GError **error)
{
    gsize length;
    const void *data = g_variant_get_fixed_array(bytes, &length, 1);

    if (length != buffer_used(fdc)) {
        return error_setf(error, "saved buffer has %zu bytes", (size_t)length);
    }
    if (length > 0) {
        memcpy(fdc->buffer, data, length);
    }
    return true;
}

bool fdc_load(Device *device, GVariant *state, GError **error)
{
    FDC *fdc = HW_FDC(device);
    g_autoptr(GVariant) values = NULL, bytes = NULL;
    bool good;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE("(a{sv}ay)"))) {
        return error_setf(error, "saved state has type '%s'", g_variant_get_type_string(state));
    }
    g_variant_get(state, "(@a{sv}@ay)", &values, &bytes);
    fdc->transfer.chunk = 0;
    good = saved_fields_from_variant(fdc, fields, G_N_ELEMENTS(fields), values, error);
    if (good && !(registers_fit(fdc) && fifo_fits(fdc) && transfer_fits(fdc))) {
        good = error_setf(error, "saved command state does not hold together");
    }
    good = good && load_buffer(fdc, bytes, error);
    if (!good) {
        forget(fdc); /* some fields may be loaded already */
        return false;
    }
    i8257_set_request(fdc->dma, fdc->dma_number, moves_data(fdc) && !fdc->transfer.non_dma);
    fdc_settle_irq(fdc);
    return true;
}
