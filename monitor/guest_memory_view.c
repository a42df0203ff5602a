/*
 * Guest memory for monitors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/guest_memory_view.h"

#include <string.h>

#include "util/bytes.h"
#include "util/error.h"

bool guest_view_paging(unsigned index, X86Paging *paging, GError **error)
{
    Vcpu *vcpu = monitor_cpu(index, error);
    X86Registers registers;

    if (!vcpu) {
        return false;
    }
    if (!accel_vcpu_registers(machine_accel(machine_get()), vcpu, &registers)) {
        return error_setf(error, "the accelerator '%s' runs no guest code and has no registers",
                          accel_name(machine_accel(machine_get())));
    }
    *paging = (X86Paging){registers.cr0, registers.cr3, registers.cr4, registers.efer};
    return true;
}

static bool read_entry(void *opaque, uint64_t physical, void *entry, unsigned size)
{
    uint64_t length = size;
    void *host = address_space_map(machine_memory(machine_get()), physical, &length, false);

    if (!host) {
        return false;
    }
    if (length >= size) {
        memcpy(entry, host, size);
    }
    address_space_unmap(machine_memory(machine_get()), host, length, false);
    return length >= size;
}

bool guest_view_translate(const X86Paging *paging, uint64_t address, X86Translation *translation)
{
    return x86_page_walk(paging, address, read_entry, NULL, translation);
}

bool guest_view_read_physical(uint64_t address, void *buffer, uint64_t length)
{
    return address_space_read(machine_memory(machine_get()), address, buffer, length);
}

bool guest_view_read_virtual(const X86Paging *paging, uint64_t address, void *buffer,
                             uint64_t length)
{
    uint8_t *out = buffer;

    while (length > 0) {
        X86Translation page;
        if (!guest_view_translate(paging, address, &page)) {
            return false;
        }
        uint64_t part = MIN(length, page.size - page.physical % page.size);
        if (!guest_view_read_physical(page.physical, out, part)) {
            return false;
        }
        out += part;
        address += part;
        length -= part;
    }
    return true;
}

GArray *guest_view_ram(void)
{
    const FlatView *view = address_space_view(machine_memory(machine_get()));
    GArray *pieces = g_array_new(FALSE, FALSE, sizeof(GuestRamPiece));

    for (unsigned i = 0; i < view->count; i++) {
        const FlatRange *range = &view->ranges[i];
        if (range->region->kind == MEMORY_REGION_RAM && !range->readonly) {
            GuestRamPiece piece = {
                .address = (uint64_t)range->start,
                .length = (uint64_t)range->size,
                .host = (const uint8_t *)memory_region_host(range->region) + range->offset,
            };
            g_array_append_val(pieces, piece);
        }
    }
    return pieces;
}
