/*
 * Address spaces: publication of views, and the accesses of vCPUs, devices and loaders.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "util/bytes.h"
#include "util/machine_lock.h"
#include "util/memory_private.h"
#include "util/read_section.h"

struct AddressSpace {
    MemoryRegion *root;
    char *name;
    _Atomic(FlatView *) view;
    GPtrArray *listeners;
};

/* How deep a chip's handler may reach another chip's (a DMA engine pointed at registers). */
#define DISPATCH_DEPTH_MAX 3

static GPtrArray *spaces; /* of AddressSpace */
static unsigned transaction_depth;
static bool changed_in_transaction;
static _Thread_local unsigned dispatch_depth;

static void retire_view(gpointer view)
{
    flat_view_unref(view);
}

static void publish(AddressSpace *space, FlatView *after)
{
    FlatView *before = atomic_load(&space->view);

    for (guint i = 0; i < space->listeners->len; i++) {
        MemoryListener *listener = g_ptr_array_index(space->listeners, i);
        listener->commit(listener, before, after);
    }
    atomic_store(&space->view, after);
    if (before) {
        read_section_retire(before, retire_view);
    }
}

/* Spaces that show the same root share one view: every PCI function has its own space for DMA. */
static void update_all(void)
{
    g_autoptr(GHashTable) rendered =
        g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)flat_view_unref);

    for (guint i = 0; spaces && i < spaces->len; i++) {
        AddressSpace *space = g_ptr_array_index(spaces, i);
        MemoryRegion *root = memory_region_root_of_view(space->root);
        FlatView *before = atomic_load(&space->view);
        FlatView *after = g_hash_table_lookup(rendered, root);

        if (!after) {
            after = flat_view_render(root);
            g_hash_table_insert(rendered, root, after);
        }
        if (!before || !flat_view_equal(before, after)) {
            publish(space, flat_view_ref(after));
        }
    }
}

void memory_changed(void)
{
    if (transaction_depth > 0) {
        changed_in_transaction = true;
    } else {
        update_all();
    }
}

void memory_transaction_begin(void)
{
    transaction_depth++;
}

void memory_transaction_commit(void)
{
    g_assert(transaction_depth > 0);
    if (--transaction_depth == 0 && changed_in_transaction) {
        changed_in_transaction = false;
        update_all();
    }
}

AddressSpace *address_space_new(MemoryRegion *root, const char *name)
{
    AddressSpace *space = g_new0(AddressSpace, 1);

    space->root = root;
    space->name = g_strdup(name);
    space->listeners = g_ptr_array_new();
    if (!spaces) {
        spaces = g_ptr_array_new();
    }
    atomic_init(&space->view, flat_view_render(memory_region_root_of_view(root)));
    g_ptr_array_add(spaces, space);
    return space;
}

void address_space_free(AddressSpace *space)
{
    if (!space) {
        return;
    }
    g_ptr_array_remove(spaces, space);
    read_section_retire(atomic_load(&space->view), retire_view);
    g_ptr_array_unref(space->listeners);
    g_free(space->name);
    g_free(space);
}

void address_space_add_listener(AddressSpace *space, MemoryListener *listener)
{
    g_ptr_array_add(space->listeners, listener);
    listener->commit(listener, NULL, atomic_load(&space->view));
}

void address_space_remove_listener(AddressSpace *space, MemoryListener *listener)
{
    g_ptr_array_remove(space->listeners, listener);
}

const FlatView *address_space_view(AddressSpace *space)
{
    return atomic_load(&space->view);
}

MemoryRegion *address_space_root(AddressSpace *space)
{
    return space->root;
}

static const char *kind_name(const FlatRange *range)
{
    static const char *const kinds[] = {"container", "ram", "rom", "i/o", "alias"};

    if (range->region->ram && range->region->ops) {
        return range->trapped ? "i/o" : "romd";
    }
    return kinds[range->region->kind];
}

void address_space_dump(AddressSpace *space, GString *out)
{
    const FlatView *view;

    read_section_enter();
    view = atomic_load(&space->view);
    g_string_append_printf(out, "address-space: %s\n", space->name);
    for (unsigned i = 0; i < view->count; i++) {
        const FlatRange *range = &view->ranges[i];
        uint64_t last = (uint64_t)(range->start + range->size - 1);

        g_string_append_printf(out, "  %016" G_GINT64_MODIFIER "x-%016" G_GINT64_MODIFIER
                               "x (%s%s): %s @%016" G_GINT64_MODIFIER "x\n",
                               (uint64_t)range->start, last, kind_name(range),
                               range->readonly && range->region->ram ? ", read-only" : "",
                               range->region->name, range->offset);
    }
    read_section_leave();
}

/* ---- access ---- */

static uint8_t *range_host(const FlatRange *range, uint64_t address)
{
    return (uint8_t *)memory_region_host(range->region) + range->offset +
           (address - (uint64_t)range->start);
}

static bool is_plain_ram(const FlatRange *range)
{
    return range->region->ram && !range->trapped;
}

/* False: the chip's handler is to be called. @force: a loader's write. */
static bool goes_to_ram(const FlatRange *range, bool is_write, bool force)
{
    if (!range->region->ram || force) {
        return range->region->ram != NULL;
    }
    return !range->trapped && !(is_write && range->readonly && range->region->ops);
}

/* Bytes of an access at @address that one call of the chip's handler can serve. */
static unsigned chunk_size(const FlatRange *range, uint64_t address, uint64_t length)
{
    const MemoryRegionOps *ops = range->region->ops;
    unsigned maximum = ops && ops->valid_max ? ops->valid_max : 4;
    unsigned __int128 left = range->start + range->size - address;
    uint64_t offset = range->offset + (address - (uint64_t)range->start);
    unsigned size = 8;

    while (size > length || size > left || size > maximum ||
           (!(ops && ops->valid_unaligned) && (offset & (size - 1)))) {
        size /= 2;
    }
    return size;
}

static bool ring_doorbell(const FlatView *view, uint64_t address, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < view->doorbell_count; i++) {
        const Doorbell *bell = &view->doorbells[i];
        uint64_t one = 1;

        if (bell->address == address && (bell->size == 0 || bell->size == size) &&
            (!bell->match || bell->data == value)) {
            /* An eventfd only refuses when its counter is full: then the bell is ringing already. */
            ssize_t written G_GNUC_UNUSED = write(bell->fd, &one, sizeof(one));
            return true;
        }
    }
    return false;
}

typedef struct {
    uint64_t address;
    uint8_t *buffer;
    unsigned size; /* in: up to 8 wanted; out: done */
    bool is_write;
} ChipAccess;

/* One handler call; the range is looked up again because the view may have changed before the lock was ours. */
static bool access_chip_locked(AddressSpace *space, ChipAccess *access, uint64_t length)
{
    const FlatView *view = atomic_load(&space->view);
    const FlatRange *range = flat_view_find(view, access->address);
    uint64_t value = 0;
    uint64_t offset;

    if (!range || goes_to_ram(range, access->is_write, false)) {
        /* RAM appeared here while the lock was awaited: the caller comes round again. */
        access->size = 0;
        if (!range) {
            access->size = 1;
            access->buffer[0] = access->is_write ? access->buffer[0] : 0xff;
        }
        return range != NULL;
    }
    access->size = chunk_size(range, access->address, length);
    offset = range->offset + (access->address - (uint64_t)range->start);
    if (dispatch_depth >= DISPATCH_DEPTH_MAX) {
        if (!access->is_write) {
            memset(access->buffer, 0xff, access->size);
        }
        return false;
    }
    dispatch_depth++;
    if (access->is_write) {
        memcpy(&value, access->buffer, access->size);
        value = GUINT64_FROM_LE(value);
        if (!ring_doorbell(view, access->address, value, access->size)) {
            memory_dispatch_write(range->region, offset, value, access->size);
        }
    } else {
        value = GUINT64_TO_LE(memory_dispatch_read(range->region, offset, access->size));
        memcpy(access->buffer, &value, access->size);
    }
    dispatch_depth--;
    return true;
}

static bool access_chip(AddressSpace *space, ChipAccess *access, uint64_t length, bool lockless)
{
    bool need_lock = !lockless && !machine_lock_held();
    bool done;

    if (need_lock) {
        machine_lock();
    }
    if (lockless) {
        read_section_enter();
    }
    done = access_chip_locked(space, access, length);
    if (lockless) {
        read_section_leave();
    }
    if (need_lock) {
        machine_unlock();
    }
    return done;
}

/* Guest-sized accesses to RAM are single accesses, as a guest that shares the word expects. */
static void copy_ram(void *destination, const void *source, uint64_t length)
{
    bool aligned = (((uintptr_t)destination | (uintptr_t)source) & (length - 1)) == 0;

    if (length == 4 && aligned) {
        *(volatile uint32_t *)destination = *(const volatile uint32_t *)source;
    } else if (length == 8 && aligned) {
        *(volatile uint64_t *)destination = *(const volatile uint64_t *)source;
    } else if (length == 2 && aligned) {
        *(volatile uint16_t *)destination = *(const volatile uint16_t *)source;
    } else {
        memcpy(destination, source, length);
    }
}

/* One step of an access: a stretch of RAM, a hole, or one chip access. Returns the bytes done. */
static uint64_t access_step(AddressSpace *space, uint64_t address, uint8_t *buffer, uint64_t length,
                            bool is_write, bool force, bool *ok)
{
    const FlatRange *range;
    bool lockless = false;
    uint64_t step;

    read_section_enter();
    range = flat_view_find(atomic_load(&space->view), address);
    if (!range) {
        read_section_leave();
        if (!is_write) {
            *buffer = 0xff;
        }
        *ok = false;
        return 1;
    }
    if (goes_to_ram(range, is_write, force)) {
        unsigned __int128 left = range->start + range->size - address;
        step = left < length ? (uint64_t)left : length;
        if (!is_write) {
            copy_ram(buffer, range_host(range, address), step);
        } else if (!range->readonly || force) {
            copy_ram(range_host(range, address), buffer, step);
            ram_dirty_mark(range_host(range, address), step);
        }
        read_section_leave();
        return step;
    }
    lockless = range->region->ops && range->region->ops->lockless;
    read_section_leave();
    {
        ChipAccess access = {address, buffer, 0, is_write};
        *ok &= access_chip(space, &access, length, lockless);
        return access.size;
    }
}

static bool access_bytes(AddressSpace *space, uint64_t address, void *data, uint64_t length,
                         bool is_write, bool force)
{
    uint8_t *buffer = data;
    bool ok = true;

    while (length > 0) {
        uint64_t done = access_step(space, address, buffer, length, is_write, force, &ok);
        address += done;
        buffer += done;
        length -= done;
    }
    return ok;
}

bool address_space_read(AddressSpace *space, hwaddr address, void *buffer, uint64_t length)
{
    return access_bytes(space, address, buffer, length, false, false);
}

bool address_space_write(AddressSpace *space, hwaddr address, const void *buffer, uint64_t length)
{
    return access_bytes(space, address, (void *)(uintptr_t)buffer, length, true, false);
}

bool address_space_write_rom(AddressSpace *space, hwaddr address, const void *buffer,
                             uint64_t length)
{
    return access_bytes(space, address, (void *)(uintptr_t)buffer, length, true, true);
}

bool address_space_fill(AddressSpace *space, hwaddr address, uint8_t value, uint64_t length)
{
    uint8_t block[4096];
    bool ok = true;

    memset(block, value, sizeof(block));
    while (length > 0) {
        uint64_t step = MIN(length, sizeof(block));
        ok &= address_space_write(space, address, block, step);
        address += step;
        length -= step;
    }
    return ok;
}

uint64_t address_space_load(AddressSpace *space, hwaddr address, unsigned size)
{
    uint64_t value = 0;

    address_space_read(space, address, &value, MIN(size, 8));
    return GUINT64_FROM_LE(value);
}

void address_space_store(AddressSpace *space, hwaddr address, uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    address_space_write(space, address, &value, MIN(size, 8));
}

void *address_space_map(AddressSpace *space, hwaddr address, uint64_t *length, bool is_write)
{
    const FlatRange *range;
    void *host = NULL;

    read_section_enter();
    range = flat_view_find(atomic_load(&space->view), address);
    if (range && is_plain_ram(range) && !(is_write && range->readonly)) {
        unsigned __int128 left = range->start + range->size - address;
        *length = left < *length ? (uint64_t)left : *length;
        host = range_host(range, address);
    }
    read_section_leave();
    return host;
}

void address_space_unmap(AddressSpace *space G_GNUC_UNUSED, void *host, uint64_t length,
                         bool is_write)
{
    if (is_write) {
        ram_dirty_mark(host, length);
    }
}
