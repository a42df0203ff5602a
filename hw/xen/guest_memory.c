/*
 * Bounded copies to and from guest memory, built on page look-up.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/xen/guest_memory.h"

void *guest_pin(GuestMemory *memory, uint64_t gfn)
{
    if (gfn > (UINT64_MAX >> XEN_PAGE_SHIFT)) {
        return NULL;
    }
    return memory->ops->pin(memory, gfn);
}

void guest_unpin(GuestMemory *memory, uint64_t gfn, void *page, bool written)
{
    if (page) {
        memory->ops->unpin(memory, gfn, page, written);
    }
}

bool guest_frame_is_memory(GuestMemory *memory, uint64_t gfn)
{
    void *page = guest_pin(memory, gfn);
    guest_unpin(memory, gfn, page, false);
    return page != NULL;
}

/* One access that does not cross a page. */
static bool copy_in_page(GuestMemory *memory, uint64_t gpa, void *buffer, size_t length, bool write)
{
    uint64_t gfn = gpa >> XEN_PAGE_SHIFT;
    uint8_t *page = guest_pin(memory, gfn);
    if (!page) {
        return false;
    }
    uint8_t *place = page + gpa % XEN_PAGE_SIZE;
    if (write) {
        memcpy(place, buffer, length);
    } else {
        memcpy(buffer, place, length);
    }
    guest_unpin(memory, gfn, page, write);
    return true;
}

static bool copy(GuestMemory *memory, int vcpu, uint64_t address, void *buffer, size_t length,
                 bool write)
{
    uint8_t *bytes = buffer;
    while (length > 0) {
        size_t piece = MIN(length, XEN_PAGE_SIZE - address % XEN_PAGE_SIZE);
        uint64_t gpa = address;
        if (vcpu >= 0 && !memory->ops->translate(memory, vcpu, address, write, &gpa)) {
            return false;
        }
        if (!copy_in_page(memory, gpa, bytes, piece, write)) {
            return false;
        }
        bytes += piece;
        address += piece;
        length -= piece;
    }
    return true;
}

bool guest_read_virtual(GuestMemory *memory, unsigned vcpu, uint64_t gva, void *buffer,
                        size_t length)
{
    return copy(memory, vcpu, gva, buffer, length, false);
}

bool guest_write_virtual(GuestMemory *memory, unsigned vcpu, uint64_t gva, const void *buffer,
                         size_t length)
{
    return copy(memory, vcpu, gva, (void *)buffer, length, true);
}

bool guest_read_physical(GuestMemory *memory, uint64_t gpa, void *buffer, size_t length)
{
    return copy(memory, -1, gpa, buffer, length, false);
}

bool guest_write_physical(GuestMemory *memory, uint64_t gpa, const void *buffer, size_t length)
{
    return copy(memory, -1, gpa, (void *)buffer, length, true);
}
