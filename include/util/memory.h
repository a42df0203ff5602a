/*
 * The guest's address spaces: a tree of regions, flattened to an immutable sorted view.
 *
 * Regions nest with offsets and priorities; the higher priority hides the lower where they overlap.
 * A change (inside a transaction, under the machine lock) makes a new FlatView; listeners are told both,
 * readers on vCPU threads use whichever is published, without a lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_MEMORY_H
#define UTIL_MEMORY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint64_t hwaddr;
typedef struct MemoryRegion MemoryRegion;
typedef struct AddressSpace AddressSpace;
typedef struct RamBlock RamBlock;

/*
 * What a chip does on an access. @size is 1, 2, 4 or 8 and @offset counts from the region's start. An
 * access outside valid_* reads as all ones and is dropped on write; one outside impl_* is split or
 * widened before the handler sees it. Zero means: valid 1..4 (aligned only), impl 1..4.
 */
typedef struct {
    uint64_t (*read)(void *opaque, hwaddr offset, unsigned size);
    void (*write)(void *opaque, hwaddr offset, uint64_t value, unsigned size);
    unsigned valid_min, valid_max;
    unsigned impl_min, impl_max;
    bool valid_unaligned; /* unaligned accesses reach the handler as they are, if impl allows the size */
    bool lockless;        /* called without the machine lock, on any thread, inside a read section */
} MemoryRegionOps;

typedef enum {
    MEMORY_REGION_CONTAINER,
    MEMORY_REGION_RAM,
    MEMORY_REGION_ROM, /* reads like RAM, writes are dropped; a ROM device's go to ops->write */
    MEMORY_REGION_IO,
    MEMORY_REGION_ALIAS,
} MemoryRegionKind;

/* Fields are private to util/; use the functions. The struct is here so that devices embed it. */
struct MemoryRegion {
    MemoryRegionKind kind;
    char *name;
    unsigned __int128 size; /* a whole 64-bit space is 2^64 */
    const MemoryRegionOps *ops;
    void *opaque;
    RamBlock *ram;
    hwaddr ram_offset; /* of the region's start in @ram */
    MemoryRegion *alias;
    hwaddr alias_offset;
    MemoryRegion *parent;
    hwaddr address; /* in @parent */
    int priority;
    bool enabled;
    bool readonly;
    bool trapped; /* a ROM device whose reads go to ops->read */
    hwaddr coalesced_offset; /* writes to this part may be batched */
    uint64_t coalesced_size; /* 0: none */
    GList *children; /* of MemoryRegion, highest priority first */
    GArray *doorbells;
};

/** memory_region_init: a pure container. @size: bytes, UINT64_MAX means the whole 64-bit space. */
void memory_region_init(MemoryRegion *region, const char *name, uint64_t size);
/** memory_region_init_io: @ops and @opaque must outlive the region. */
void memory_region_init_io(MemoryRegion *region, const MemoryRegionOps *ops, void *opaque,
                           const char *name, uint64_t size);
/** memory_region_init_ram: zeroed RAM of its own (small: ROM copies, VGA, option ROMs). */
bool memory_region_init_ram(MemoryRegion *region, const char *name, uint64_t size, GError **error);
/** memory_region_init_ram_block: a view of @size bytes of @block from @offset; @block is referenced. */
void memory_region_init_ram_block(MemoryRegion *region, const char *name, RamBlock *block,
                                  uint64_t offset, uint64_t size);
/** memory_region_init_rom: zeroed memory that the guest cannot write; fill by memory_region_host(). */
bool memory_region_init_rom(MemoryRegion *region, const char *name, uint64_t size, GError **error);
/**
 * memory_region_init_rom_device: memory that the guest reads at full speed and whose every write goes to @ops (flash).
 * memory_region_set_rom_mode(false) sends the reads there too. @ops and @opaque must outlive the region; the chip
 * itself reads and writes through memory_region_host() and tells ram_dirty_mark().
 */
bool memory_region_init_rom_device(MemoryRegion *region, const MemoryRegionOps *ops, void *opaque,
                                   const char *name, uint64_t size, GError **error);
/** memory_region_set_rom_mode: a ROM device reads as memory (true, the state it begins in) or by its handler. */
void memory_region_set_rom_mode(MemoryRegion *region, bool on);
/** memory_region_init_alias: shows @size bytes of @target from @offset. */
void memory_region_init_alias(MemoryRegion *region, const char *name, MemoryRegion *target,
                              hwaddr offset, uint64_t size);
/** memory_region_destroy: takes the region out of its parent, its children out of it, and releases what it holds. */
void memory_region_destroy(MemoryRegion *region);

/** memory_region_add: puts @child at @address of @parent with priority 0. */
void memory_region_add(MemoryRegion *parent, hwaddr address, MemoryRegion *child);
/** memory_region_add_overlap: the same with @priority (higher wins; may be negative). */
void memory_region_add_overlap(MemoryRegion *parent, hwaddr address, MemoryRegion *child,
                               int priority);
/** memory_region_remove: the reverse; nothing happens if @child is not in a parent. */
void memory_region_remove(MemoryRegion *child);
bool memory_region_is_mapped(const MemoryRegion *region);
void memory_region_set_enabled(MemoryRegion *region, bool enabled);
void memory_region_set_address(MemoryRegion *region, hwaddr address);
void memory_region_set_size(MemoryRegion *region, uint64_t size);
void memory_region_set_alias_offset(MemoryRegion *region, hwaddr offset);
/** memory_region_set_readonly: a RAM region (or alias of one) drops the guest's writes while set. */
void memory_region_set_readonly(MemoryRegion *region, bool readonly);
/**
 * memory_region_set_coalesced: writes to @size bytes at @offset may be batched by the accelerator: the chip sees them
 * in order, before any access that is not batched, and no later than a moment (ACCEL_BATCH_NS) after they were made.
 */
void memory_region_set_coalesced(MemoryRegion *region, hwaddr offset, uint64_t size);
uint64_t memory_region_size(const MemoryRegion *region);
/** memory_region_host: the host address of a RAM or ROM region's first byte. */
void *memory_region_host(MemoryRegion *region);

/**
 * memory_region_add_doorbell: a write of @size bytes at @offset signals @fd instead of calling the handler.
 * @match: only when the value written equals @data. The caller keeps @fd open until removal.
 */
void memory_region_add_doorbell(MemoryRegion *region, hwaddr offset, unsigned size, bool match,
                                uint64_t data, int fd);
void memory_region_remove_doorbell(MemoryRegion *region, hwaddr offset, unsigned size, bool match,
                                   uint64_t data, int fd);

/** memory_transaction_begin / commit: several changes, one new view. They nest. */
void memory_transaction_begin(void);
void memory_transaction_commit(void);

/* ---- flat views ---- */

typedef struct {
    unsigned __int128 start, size; /* in the address space */
    MemoryRegion *region;          /* never an alias or a container */
    hwaddr offset;                 /* of @start in @region */
    bool readonly;
    bool trapped; /* a ROM device: its memory is not there for the guest now */
} FlatRange;

typedef struct {
    hwaddr address; /* in the address space */
    unsigned size;
    bool match;
    uint64_t data;
    int fd;
} Doorbell;

typedef struct {
    unsigned count;
    FlatRange *ranges; /* sorted by start, disjoint */
    unsigned doorbell_count;
    Doorbell *doorbells;
} FlatView;

/** A listener hears of each new view after it is complete and before or while it is published. */
typedef struct MemoryListener MemoryListener;
struct MemoryListener {
    /** commit: @before may be NULL (first call). Under the machine lock. */
    void (*commit)(MemoryListener *listener, const FlatView *before, const FlatView *after);
};

/** address_space_new: an address space over @root. */
AddressSpace *address_space_new(MemoryRegion *root, const char *name);
void address_space_free(AddressSpace *space);
void address_space_add_listener(AddressSpace *space, MemoryListener *listener);
void address_space_remove_listener(AddressSpace *space, MemoryListener *listener);
/** address_space_view: the current view; valid under the machine lock or in a read section. */
const FlatView *address_space_view(AddressSpace *space);
/** flat_view_find: the range that holds @address, or NULL. */
const FlatRange *flat_view_find(const FlatView *view, uint64_t address);
/** address_space_root: the region it was made over. */
MemoryRegion *address_space_root(AddressSpace *space);
/** address_space_dump: "info mtree" text of the flat view, appended to @out. */
void address_space_dump(AddressSpace *space, GString *out);

/** address_space_read: copies @length bytes at @address into @buffer; chips are asked as the guest would
 * ask them. Holes read as ones. False if some byte had nobody behind it. Any thread; takes the machine
 * lock itself for chips when the caller does not hold it. */
bool address_space_read(AddressSpace *space, hwaddr address, void *buffer, uint64_t length);
bool address_space_write(AddressSpace *space, hwaddr address, const void *buffer, uint64_t length);
/** address_space_write_rom: like write, but goes through to ROM and read-only RAM (loaders). */
bool address_space_write_rom(AddressSpace *space, hwaddr address, const void *buffer,
                             uint64_t length);
/** address_space_fill: sets @length bytes to @value. */
bool address_space_fill(AddressSpace *space, hwaddr address, uint8_t value, uint64_t length);
/** One guest-sized access (1, 2, 4, 8 bytes), as a vCPU or the qtest socket makes it. */
uint64_t address_space_load(AddressSpace *space, hwaddr address, unsigned size);
void address_space_store(AddressSpace *space, hwaddr address, uint64_t value, unsigned size);

/**
 * address_space_map: the host address of guest RAM at @address, for direct I/O.
 * @length: in: bytes wanted; out: bytes contiguous there (at least 1)
 * NULL if @address is not RAM (or is read-only and @is_write). RAM stays where it is as long as the
 * process lives; address_space_unmap() marks what was written.
 */
void *address_space_map(AddressSpace *space, hwaddr address, uint64_t *length, bool is_write);
void address_space_unmap(AddressSpace *space, void *host, uint64_t length, bool is_write);

/* ---- RAM ---- */

/** How a RAM block is made: -m, -mem-prealloc, -object memory-backend-*. */
typedef struct {
    const char *name; /* "pc.ram" */
    uint64_t size;    /* bytes, a multiple of the host's page */
    bool memfd;       /* memfd instead of anonymous memory */
    bool share;       /* MAP_SHARED */
    bool prealloc;    /* touch every page now */
    bool merge;       /* MADV_MERGEABLE */
    bool dump;        /* keep it in core dumps */
    const char *path; /* a file to map instead, or NULL */
} RamBlockConfig;

/** ram_block_new: maps the memory, huge-page aligned with MADV_HUGEPAGE. Reference count 1. */
RamBlock *ram_block_new(const RamBlockConfig *config, GError **error);
RamBlock *ram_block_ref(RamBlock *block);
void ram_block_unref(RamBlock *block);
void *ram_block_host(RamBlock *block);
uint64_t ram_block_size(const RamBlock *block);
const char *ram_block_name(const RamBlock *block);
/** ram_block_fd: the memfd or file, or -1. */
int ram_block_fd(const RamBlock *block);
/** ram_block_discard: gives whole pages back to the host; they read as zeros from then on. False: the
 * host cannot. */
bool ram_block_discard(RamBlock *block, uint64_t offset, uint64_t length);
/** ram_block_foreach: every block that exists, under the machine lock (save, dump, statistics). */
void ram_block_foreach(void (*visit)(RamBlock *block, void *opaque), void *opaque);

/* ---- which pages of the RAM blocks are written (migration) ---- */

#define RAM_PAGE_SIZE UINT64_C(4096)

typedef struct RamDirtyLog RamDirtyLog;

/**
 * ram_dirty_log_start: from now on it is noted which pages this process writes; the accelerator adds
 * the guest's. At first every page of every block counts as written. One log at a time; machine
 * lock held, here and in stop. The log keeps the blocks alive.
 */
RamDirtyLog *ram_dirty_log_start(void);
void ram_dirty_log_stop(RamDirtyLog *log);
unsigned ram_dirty_log_blocks(const RamDirtyLog *log);
RamBlock *ram_dirty_log_block(const RamDirtyLog *log, unsigned index);
/** ram_dirty_log_take: bit n: page 64 * @word + n of block @index was written; they are clean then.
 * Any thread. */
uint64_t ram_dirty_log_take(RamDirtyLog *log, unsigned index, uint64_t word);
/** ram_dirty_log_count: how many pages are written now. */
uint64_t ram_dirty_log_count(const RamDirtyLog *log);
/** ram_dirty_mark: this process has written @length bytes of RAM at @host. Any thread; costs nothing
 * while there is no log. */
void ram_dirty_mark(const void *host, uint64_t length);
/** ram_dirty_merge: bit n of @bitmap: the page n after that at @host was written. */
void ram_dirty_merge(const void *host, const uint64_t *bitmap, uint64_t pages);

#endif
