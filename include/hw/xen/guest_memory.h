/*
 * The guest's memory as Xen's state machines see it: bounded copies and pinned pages, never a raw
 * address.
 *
 * The implementer supplies a translation and a page look-up; the copies are built on these two, a
 * page at a time, so that no length a guest gives can reach outside its RAM.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_GUEST_MEMORY_H
#define HW_XEN_GUEST_MEMORY_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XEN_PAGE_SHIFT 12
#define XEN_PAGE_SIZE  4096u
#define XEN_GFN_NONE   UINT64_MAX
#define XEN_GPA_NONE   UINT64_MAX

typedef struct GuestMemory GuestMemory;

typedef struct {
    /**
     * translate: @gva of the page tables that @vcpu runs on now, to @gpa. False if not present, or
     * not writable when @write. Called on the thread of @vcpu.
     */
    bool (*translate)(GuestMemory *memory, unsigned vcpu, uint64_t gva, bool write, uint64_t *gpa);
    /**
     * pin: the host address of the page at frame @gfn as the guest sees it (a special page mapped
     * there included), or NULL if that is not memory. It stays valid until unpin(). Any thread.
     */
    void *(*pin)(GuestMemory *memory, uint64_t gfn);
    /** unpin: gives back what pin() gave; @written: the page was changed. */
    void (*unpin)(GuestMemory *memory, uint64_t gfn, void *page, bool written);
} GuestMemoryOps;

struct GuestMemory {
    const GuestMemoryOps *ops;
};

/** guest_read_virtual: copies @length bytes at @gva into @buffer; false if some page cannot be
 * read. */
bool guest_read_virtual(GuestMemory *memory, unsigned vcpu, uint64_t gva, void *buffer,
                        size_t length);
/** guest_write_virtual: the reverse; what precedes the bad page has been written when it returns
 * false. */
bool guest_write_virtual(GuestMemory *memory, unsigned vcpu, uint64_t gva, const void *buffer,
                         size_t length);
/** guest_read_physical, guest_write_physical: the same by guest-physical address. */
bool guest_read_physical(GuestMemory *memory, uint64_t gpa, void *buffer, size_t length);
bool guest_write_physical(GuestMemory *memory, uint64_t gpa, const void *buffer, size_t length);

/** guest_pin, guest_unpin: the ops with a NULL page tolerated. */
void *guest_pin(GuestMemory *memory, uint64_t gfn);
void guest_unpin(GuestMemory *memory, uint64_t gfn, void *page, bool written);
/** guest_frame_is_memory: true if @gfn has a page behind it. */
bool guest_frame_is_memory(GuestMemory *memory, uint64_t gfn);

#endif
