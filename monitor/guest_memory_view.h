/*
 * The guest's memory as a monitor reads it: by physical address, or by a CPU's virtual one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_GUEST_MEMORY_VIEW_H
#define MONITOR_GUEST_MEMORY_VIEW_H

#include "monitor/monitor_private.h"
#include "target/i386/page_walk.h"
#include "target/i386/registers.h"

/** guest_view_paging: the registers that choose CPU @index's paging. False: @error. */
bool guest_view_paging(unsigned index, X86Paging *paging, GError **error);
/** guest_view_translate: one virtual address of CPU @index. */
bool guest_view_translate(const X86Paging *paging, uint64_t address, X86Translation *translation);
/** guest_view_read_physical: false: not all of it is memory; holes read as ones. */
bool guest_view_read_physical(uint64_t address, void *buffer, uint64_t length);
/** guest_view_read_virtual: false: some page is not mapped. */
bool guest_view_read_virtual(const X86Paging *paging, uint64_t address, void *buffer,
                             uint64_t length);

/* A piece of RAM in the guest's physical space. */
typedef struct {
    uint64_t address, length;
    const uint8_t *host;
} GuestRamPiece;

/** guest_view_ram: RAM (no ROM, no device memory), by address; the caller unrefs. */
GArray *guest_view_ram(void);

#endif
