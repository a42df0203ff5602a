/*
 * Block layer: nodes (protocol "file"/"host_device", format "raw", "null-co" …) make a graph; a
 * BlockBackend is a device's handle on the top node, with its permissions, error policy, throttling
 * and statistics.
 *
 * Requests complete in the backend's context (the main loop under the machine lock, or an I/O
 * thread). Offsets and lengths are bytes; devices keep to multiples of their sector size.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct BlockBackend BlockBackend;

/* ---- making nodes and drives (command line, QMP) ---- */

/** block_node_add: -blockdev / blockdev-add: @options as parsed (driver, node-name, file, …). */
bool block_node_add(JsonObject *options, GError **error);
/** block_node_delete: blockdev-del; refuses a node in use. */
bool block_node_delete(const char *node_name, GError **error);
bool block_node_exists(const char *node_name);

typedef enum {
    DRIVE_IF_NONE,
    DRIVE_IF_IDE,
    DRIVE_IF_SCSI,
    DRIVE_IF_FLOPPY,
    DRIVE_IF_PFLASH,
    DRIVE_IF_MTD,
    DRIVE_IF_SD,
    DRIVE_IF_VIRTIO,
    DRIVE_IF_XEN,
    DRIVE_IF_COUNT
} DriveInterface;

/* A -drive (or -hda …): what the board needs to make the device. Owned by the block layer. */
typedef struct {
    char *id;
    DriveInterface interface;
    int bus, unit;   /* resolved from index=, bus=, unit= or the next free one */
    bool cdrom;      /* media=cdrom */
    bool has_medium; /* false: empty drive (no file=) */
    char *serial;
    char *device_address; /* addr= */
    bool claimed;         /* a device uses it */
} DriveInfo;

/** drive_add: -drive OPTIONS. @default_interface: the board's (ide). snapshot=on honoured. */
DriveInfo *drive_add(JsonObject *options, DriveInterface default_interface, GError **error);
/** drive_get: the drive at if/bus/unit, or NULL. drive_by_index walks all of an interface. */
DriveInfo *drive_get(DriveInterface interface, int bus, int unit);
DriveInfo *drive_nth(DriveInterface interface, unsigned n);
/** drives_check_claimed: false: a -drive with if= other than none that no device took. */
bool drives_check_claimed(GError **error);
/** drive_set_global_snapshot: -snapshot. */
void drive_set_global_snapshot(bool on);

/* ---- a device's handle ---- */

typedef struct {
    bool write;       /* the device will write */
    bool share_write; /* others may write too (share-rw=on) */
    bool allow_empty; /* removable media: no node is fine */
    bool resize;      /* others may resize the node: the device follows (hard disks do) */
    bool follow_medium; /* a medium that must not be written is only read (floppy drives) */
} BlockPermissions;

/**
 * block_backend_attach: the handle for drive=@name (a -drive id or a node name) of device @owner.
 * @owner_name: the device's type or id, for errors ("Drive 'x' is already in use by another
 * device") Takes the permissions (image lock included); false texts are QEMU's ("Block node is
 * read-only", …).
 */
BlockBackend *block_backend_attach(const char *name, const char *owner_name,
                                   BlockPermissions permissions, GError **error);
/** block_backend_new_empty: a drive without medium for a removable device. */
BlockBackend *block_backend_new_empty(const char *owner_name);
/** block_backend_new_removable: the same for a device that takes media with @permissions. */
BlockBackend *block_backend_new_removable(const char *owner_name, BlockPermissions permissions);
/** block_backend_detach: drains, flushes, gives the permissions back, frees. */
void block_backend_detach(BlockBackend *backend);
/** block_backend_yield_write / _take_write: gives up or regains the write permission (unplug,
 * reset). */
void block_backend_yield_write(BlockBackend *backend);
bool block_backend_take_write(BlockBackend *backend, GError **error);

/**
 * block_backend_set_context: requests complete in @context (an I/O thread's; NULL: the default one)
 * from now on and are submitted only there. With an I/O thread's other I/O threads may submit too;
 * theirs complete with them. Main thread; drains first.
 */
void block_backend_set_context(BlockBackend *backend, GMainContext *context);
/** block_backend_any_thread: several threads may submit; false: an overlay's data belong to one. */
bool block_backend_any_thread(BlockBackend *backend);
/** block_backend_find: the backend of -drive id=@name, used by a device or not, or NULL. */
BlockBackend *block_backend_find(const char *name);
/** block_backend_set_error_policy: the device's rerror=, werror= (auto, report, ignore, enospc,
 * stop); NULL: as it is. */
bool block_backend_set_error_policy(BlockBackend *backend, const char *rerror, const char *werror,
                                    GError **error);

/** block_backend_name: the -drive's id, else the node's name; "" without either. */
const char *block_backend_name(BlockBackend *backend);
/** The top node's name and the file below it (for monitors), or NULL without a medium. */
const char *block_backend_node_name(BlockBackend *backend);
const char *block_backend_filename(BlockBackend *backend);
/** block_backend_length: bytes now (a truncated file shows here), 0 without a medium. */
uint64_t block_backend_length(BlockBackend *backend);
bool block_backend_is_inserted(BlockBackend *backend);
bool block_backend_is_read_only(BlockBackend *backend);
/** block_backend_request_alignment: bytes direct I/O needs (1 when buffered); the layer bounces
 * what does not fit. */
uint32_t block_backend_request_alignment(BlockBackend *backend);
bool block_backend_discard_enabled(BlockBackend *backend);
/** write cache: false (cache=writethrough or the guest's SET FEATURES) makes each write durable
 * before completion. */
bool block_backend_write_cache(BlockBackend *backend);
void block_backend_set_write_cache(BlockBackend *backend, bool on);
/** The geometry hints and serial of the -drive it came from, or 0/NULL. */
const char *block_backend_serial(BlockBackend *backend);

/* Removable media. @changed is called on the main loop when the medium comes or goes (load false:
 * ejected). */
typedef struct {
    void (*medium_changed)(void *opaque, bool load);
    bool (*is_tray_open)(void *opaque);
    bool (*is_medium_locked)(void *opaque);
    void (*eject_request)(void *opaque, bool force);
    void (*resized)(void *opaque);
    /** drained: requests of the device are held back between begin and end. May be NULL. */
    void (*drained_begin)(void *opaque);
    void (*drained_end)(void *opaque);
} BlockDeviceOps;

void block_backend_set_device_ops(BlockBackend *backend, const BlockDeviceOps *ops, void *opaque);
void block_backend_lock_medium(BlockBackend *backend, bool locked);
void block_backend_eject(BlockBackend *backend, bool eject_flag);
/** What the guest last did, as the device's ops or the two calls above say. */
bool block_backend_medium_locked(BlockBackend *backend);
bool block_backend_tray_open(BlockBackend *backend);
/** block_backend_remove_medium / insert_medium: eject and change; the device hears of it. Main
 * thread. */
void block_backend_remove_medium(BlockBackend *backend);
bool block_backend_insert_medium(BlockBackend *backend, const char *node_name, GError **error);

/* ---- I/O ---- */

/** @result: 0 or a negative errno. Called exactly once per request, never from inside the submit
 * call. */
typedef void (*BlockCompletion)(void *opaque, int result);

typedef enum {
    BLOCK_WRITE_FUA = 1 << 0,       /* durable before completion */
    BLOCK_WRITE_MAY_UNMAP = 1 << 1, /* write zeroes may punch a hole */
} BlockWriteFlags;

/*
 * @vector is copied; the memory it names stays valid until completion. Beyond the end: -EIO (a read
 * wholly or partly beyond a shrunk file included). Read-only: -EPERM. No medium: -ENOMEDIUM.
 */
void block_readv(BlockBackend *backend, uint64_t offset, const struct iovec *vector, unsigned count,
                 BlockCompletion done, void *opaque);
void block_writev(BlockBackend *backend, uint64_t offset, const struct iovec *vector,
                  unsigned count, BlockWriteFlags flags, BlockCompletion done, void *opaque);
void block_write_zeroes(BlockBackend *backend, uint64_t offset, uint64_t length,
                        BlockWriteFlags flags, BlockCompletion done, void *opaque);
void block_discard(BlockBackend *backend, uint64_t offset, uint64_t length, BlockCompletion done,
                   void *opaque);
void block_flush(BlockBackend *backend, BlockCompletion done, void *opaque);
/** block_plug / block_unplug: this thread's requests between them are submitted by one system call.
 */
void block_plug(void);
void block_unplug(void);
/** block_pread: synchronous, for start-up only (boot sector, geometry guess). 0 or -errno. */
int block_pread(BlockBackend *backend, uint64_t offset, void *buffer, uint64_t length);
/** block_drain: waits until every request of @backend has completed. Main thread. */
void block_drain(BlockBackend *backend);
/** block_drain_all / block_flush_all: every backend; run state stop and exit. flush: 0 or -errno.
 */
void block_drain_all(void);
int block_flush_all(void);
/**
 * block_deactivate_images: everything is flushed and the images' locks are given up, for another
 * process to take; the machine is stopped. Images opened afterwards are not locked either.
 */
bool block_deactivate_images(GError **error);
/** block_activate_images: takes the locks again; false: somebody else has an image, and all stays
 * as it was. */
bool block_activate_images(GError **error);
/** block_temporary_node: a node whose contents end with the process (snapshot=on), or NULL. */
const char *block_temporary_node(void);
/** block_cleanup: closes every node (locks released); at exit. */
void block_cleanup(void);

/* werror= / rerror= : what a device does about @errnum (positive). */
typedef enum {
    BLOCK_ERROR_REPORT,
    BLOCK_ERROR_IGNORE,
    BLOCK_ERROR_STOP, /* the layer asked the machine to stop (io-error); retry at resume */
} BlockErrorAction;

BlockErrorAction block_error_action(BlockBackend *backend, bool is_read, int errnum);
/** block_set_stop_handler: how the layer asks to stop the machine; set by system/. */
void block_set_stop_handler(void (*stop)(const char *backend_name, bool is_read, int errnum));

/** block_backend_keep_io_status: the device can wait for the host after an error; until it is
 * detached, its backend remembers which one stopped the machine. */
void block_backend_keep_io_status(BlockBackend *backend);
/** block_backend_has_io_status: it does so, and the policies let an error stop the machine. */
bool block_backend_has_io_status(BlockBackend *backend);
/** block_backend_io_status: the errno that stopped the machine (query-block's io-status), or 0: the
 * first one since cont. */
int block_backend_io_status(BlockBackend *backend);
void block_backend_reset_io_status(BlockBackend *backend);

/* Statistics, for query-blockstats and the benches. */
typedef struct {
    uint64_t read_bytes, write_bytes, read_operations, write_operations, flush_operations,
        discard_operations, read_failed, write_failed, read_ns, write_ns, flush_ns;
    uint64_t highest_write_offset;
} BlockStatistics;

void block_backend_statistics(BlockBackend *backend, BlockStatistics *statistics);
void block_backend_foreach(void (*visit)(BlockBackend *backend, void *opaque), void *opaque);

#endif
