/*
 * Memory regions: the tree that boards and chips build.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "util/error.h"
#include "util/machine_lock.h"
#include "util/memory_private.h"
#include "util/read_section.h"

static void region_setup(MemoryRegion *region, MemoryRegionKind kind, const char *name,
                         uint64_t size)
{
    memset(region, 0, sizeof(*region));
    region->kind = kind;
    region->name = g_strdup(name);
    region->size = size == UINT64_MAX ? (unsigned __int128)1 << 64 : size;
    region->enabled = true;
}

void memory_region_init(MemoryRegion *region, const char *name, uint64_t size)
{
    region_setup(region, MEMORY_REGION_CONTAINER, name, size);
}

void memory_region_init_io(MemoryRegion *region, const MemoryRegionOps *ops, void *opaque,
                           const char *name, uint64_t size)
{
    region_setup(region, MEMORY_REGION_IO, name, size);
    region->ops = ops;
    region->opaque = opaque;
}

void memory_region_init_ram_block(MemoryRegion *region, const char *name, RamBlock *block,
                                  uint64_t offset, uint64_t size)
{
    g_assert(offset <= ram_block_size(block) && size <= ram_block_size(block) - offset);
    region_setup(region, MEMORY_REGION_RAM, name, size);
    region->ram = ram_block_ref(block);
    region->ram_offset = offset;
}

bool memory_region_init_ram(MemoryRegion *region, const char *name, uint64_t size, GError **error)
{
    RamBlockConfig config = {.name = name, .size = size};
    RamBlock *block = ram_block_new(&config, error);

    if (!block) {
        return false;
    }
    memory_region_init_ram_block(region, name, block, 0, size);
    ram_block_unref(block);
    return true;
}

bool memory_region_init_rom(MemoryRegion *region, const char *name, uint64_t size, GError **error)
{
    if (!memory_region_init_ram(region, name, size, error)) {
        return false;
    }
    region->kind = MEMORY_REGION_ROM;
    region->readonly = true;
    return true;
}

bool memory_region_init_rom_device(MemoryRegion *region, const MemoryRegionOps *ops, void *opaque,
                                   const char *name, uint64_t size, GError **error)
{
    if (!memory_region_init_rom(region, name, size, error)) {
        return false;
    }
    region->ops = ops;
    region->opaque = opaque;
    return true;
}

void memory_region_set_rom_mode(MemoryRegion *region, bool on)
{
    g_assert(region->ram && region->ops);
    if (region->trapped == on) {
        region->trapped = !on;
        memory_changed();
    }
}

void memory_region_init_alias(MemoryRegion *region, const char *name, MemoryRegion *target,
                              hwaddr offset, uint64_t size)
{
    region_setup(region, MEMORY_REGION_ALIAS, name, size);
    region->alias = target;
    region->alias_offset = offset;
}

void memory_region_destroy(MemoryRegion *region)
{
    bool lockless = region->ops && region->ops->lockless;

    memory_region_remove(region);
    while (region->children) {
        memory_region_remove(region->children->data);
    }
    if (lockless) {
        /* A vCPU may be inside the handler right now. */
        while (read_section_reclaim() > 0) {
            g_thread_yield();
        }
    }
    ram_block_unref(region->ram);
    g_free(region->name);
    if (region->doorbells) {
        g_array_unref(region->doorbells);
    }
    memset(region, 0, sizeof(*region));
}

static gint by_priority(gconstpointer a, gconstpointer b)
{
    const MemoryRegion *left = a, *right = b;

    return (left->priority < right->priority) - (left->priority > right->priority);
}

void memory_region_add_overlap(MemoryRegion *parent, hwaddr address, MemoryRegion *child,
                               int priority)
{
    GList *next;

    g_assert(!child->parent);
    child->parent = parent;
    child->address = address;
    child->priority = priority;
    /* Among equals the latest comes first, so that a later mapping hides an earlier one. */
    for (next = parent->children; next && by_priority(child, next->data) > 0; next = next->next) {
    }
    parent->children = g_list_insert_before(parent->children, next, child);
    memory_changed();
}

void memory_region_add(MemoryRegion *parent, hwaddr address, MemoryRegion *child)
{
    memory_region_add_overlap(parent, address, child, 0);
}

void memory_region_remove(MemoryRegion *child)
{
    if (child->parent) {
        child->parent->children = g_list_remove(child->parent->children, child);
        child->parent = NULL;
        memory_changed();
    }
}

bool memory_region_is_mapped(const MemoryRegion *region)
{
    return region->parent != NULL;
}

void memory_region_set_enabled(MemoryRegion *region, bool enabled)
{
    if (region->enabled != enabled) {
        region->enabled = enabled;
        memory_changed();
    }
}

void memory_region_set_address(MemoryRegion *region, hwaddr address)
{
    if (region->address != address) {
        region->address = address;
        memory_changed();
    }
}

void memory_region_set_size(MemoryRegion *region, uint64_t size)
{
    unsigned __int128 wide = size == UINT64_MAX ? (unsigned __int128)1 << 64 : size;

    g_assert(!region->ram || wide <= ram_block_size(region->ram) - region->ram_offset);
    if (region->size != wide) {
        region->size = wide;
        memory_changed();
    }
}

void memory_region_set_alias_offset(MemoryRegion *region, hwaddr offset)
{
    if (region->alias_offset != offset) {
        region->alias_offset = offset;
        memory_changed();
    }
}

void memory_region_set_readonly(MemoryRegion *region, bool readonly)
{
    if (region->readonly != readonly) {
        region->readonly = readonly;
        memory_changed();
    }
}

void memory_region_set_coalesced(MemoryRegion *region, hwaddr offset, uint64_t size)
{
    g_assert(offset + size <= region->size);
    region->coalesced_offset = offset;
    region->coalesced_size = size;
    memory_changed();
}

uint64_t memory_region_size(const MemoryRegion *region)
{
    return region->size > UINT64_MAX ? UINT64_MAX : (uint64_t)region->size;
}

void *memory_region_host(MemoryRegion *region)
{
    g_assert(region->ram);
    return (uint8_t *)ram_block_host(region->ram) + region->ram_offset;
}

static bool doorbell_equal(const Doorbell *a, const Doorbell *b)
{
    return a->address == b->address && a->size == b->size && a->match == b->match &&
           a->data == b->data && a->fd == b->fd;
}

void memory_region_add_doorbell(MemoryRegion *region, hwaddr offset, unsigned size, bool match,
                                uint64_t data, int fd)
{
    Doorbell doorbell = {offset, size, match, match ? data : 0, fd};

    if (!region->doorbells) {
        region->doorbells = g_array_new(FALSE, FALSE, sizeof(Doorbell));
    }
    g_array_append_val(region->doorbells, doorbell);
    memory_changed();
}

void memory_region_remove_doorbell(MemoryRegion *region, hwaddr offset, unsigned size, bool match,
                                   uint64_t data, int fd)
{
    Doorbell doorbell = {offset, size, match, match ? data : 0, fd};

    for (guint i = 0; region->doorbells && i < region->doorbells->len; i++) {
        if (doorbell_equal(&g_array_index(region->doorbells, Doorbell, i), &doorbell)) {
            g_array_remove_index(region->doorbells, i);
            memory_changed();
            return;
        }
    }
}

MemoryRegion *memory_region_root_of_view(MemoryRegion *root)
{
    for (;;) {
        MemoryRegion *child;

        if (root->kind != MEMORY_REGION_CONTAINER || !root->children || root->children->next) {
            return root;
        }
        child = root->children->data;
        if (child->kind != MEMORY_REGION_ALIAS || !child->enabled || child->address != 0 ||
            child->alias_offset != 0 || child->readonly || child->size != root->size ||
            child->alias->size != root->size || !child->alias->enabled) {
            return root;
        }
        root = child->alias;
    }
}

/* ---- dispatch ---- */

static uint64_t ones(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (size * 8)) - 1;
}

static bool access_valid(const MemoryRegion *region, hwaddr offset, unsigned size)
{
    unsigned minimum = region->ops->valid_min ? region->ops->valid_min : 1;
    unsigned maximum = region->ops->valid_max ? region->ops->valid_max : 4;

    if (size < minimum || size > maximum || offset + size > region->size) {
        return false;
    }
    return region->ops->valid_unaligned || (offset & (size - 1)) == 0;
}

/* The size of the pieces that the chip sees of an access of @size at @offset. */
static unsigned piece_size(const MemoryRegion *region, hwaddr offset, unsigned size)
{
    unsigned minimum = region->ops->impl_min ? region->ops->impl_min : 1;
    unsigned maximum = region->ops->impl_max ? region->ops->impl_max : 4;
    unsigned piece = CLAMP(size, minimum, maximum);

    while (!region->ops->valid_unaligned && piece > minimum && (offset & (piece - 1))) {
        piece /= 2;
    }
    return piece;
}

uint64_t memory_dispatch_read(MemoryRegion *region, hwaddr offset, unsigned size)
{
    unsigned piece;
    uint64_t value = 0;

    if (!region->ops || !region->ops->read || !access_valid(region, offset, size)) {
        return ones(size);
    }
    piece = piece_size(region, offset, size);
    if (piece == size) {
        return region->ops->read(region->opaque, offset, size) & ones(size);
    }
    if (piece > size) {
        /* The chip reads more than was asked for: take the asked part out of the aligned word. */
        hwaddr aligned = offset & ~(hwaddr)(piece - 1);
        value = region->ops->read(region->opaque, aligned, piece);
        return (value >> ((offset - aligned) * 8)) & ones(size);
    }
    for (unsigned done = 0; done < size; done += piece) {
        uint64_t part = region->ops->read(region->opaque, offset + done, piece) & ones(piece);
        value |= part << (done * 8);
    }
    return value;
}

void memory_dispatch_write(MemoryRegion *region, hwaddr offset, uint64_t value, unsigned size)
{
    unsigned piece;

    if (!region->ops || !region->ops->write || !access_valid(region, offset, size)) {
        return;
    }
    piece = piece_size(region, offset, size);
    if (piece == size) {
        region->ops->write(region->opaque, offset, value & ones(size), size);
        return;
    }
    if (piece > size) {
        /* A narrow write to a chip of wide registers: the other bytes are written as zeroes. */
        hwaddr aligned = offset & ~(hwaddr)(piece - 1);
        value = (value & ones(size)) << ((offset - aligned) * 8);
        region->ops->write(region->opaque, aligned, value, piece);
        return;
    }
    for (unsigned done = 0; done < size; done += piece) {
        region->ops->write(region->opaque, offset + done, (value >> (done * 8)) & ones(piece), piece);
    }
}
