/*
 * Image locks, byte for byte as QEMU takes them, so that the two exclude each other.
 *
 * For permission bit n, byte 100+n carries a shared lock while somebody uses that permission, byte
 * 200+n while somebody does not want others to use it. Who needs permission n must find 200+n free
 * of foreign locks, who denies it to others must find 100+n free. Own locks come first and the test
 * second: of two that start together at least one sees the other.
 *
 * Source: fcntl(2), "Open file description locks"; the offsets as seen in /proc/locks.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/image_lock.h"
#include "block/node.h"
#include "util/error.h"

#include <errno.h>
#include <fcntl.h>

#define USED_BASE     100
#define UNSHARED_BASE 200

static int lock_byte(int fd, int command, short type, int byte)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    int result;

    do {
        result = fcntl(fd, command, &lock);
    } while (result < 0 && errno == EINTR);
    if (result < 0) {
        return -errno;
    }
    return command == F_OFD_GETLK && lock.l_type != F_UNLCK ? -EAGAIN : 0;
}

bool image_lock_supported(int fd)
{
    int result = lock_byte(fd, F_OFD_GETLK, F_WRLCK, 0);

    return result == 0 || result == -EAGAIN;
}

/* Locks the bytes of @wanted that are not in *@held; -errno and the byte in *@failed if one fails.
 */
static int add_locks(ImageLock *lock, int base, unsigned wanted, unsigned *held, int *failed)
{
    for (unsigned bit = 0; bit < BLOCK_PERMISSION_COUNT; bit++) {
        unsigned mask = 1u << bit;
        if (!(wanted & mask) || (*held & mask)) {
            continue;
        }
        int result = lock_byte(lock->fd, F_OFD_SETLK, F_RDLCK, base + (int)bit);
        if (result < 0) {
            *failed = base + (int)bit;
            return result;
        }
        *held |= mask;
    }
    return 0;
}

static void drop_locks(ImageLock *lock, int base, unsigned keep, unsigned *held)
{
    for (unsigned bit = 0; bit < BLOCK_PERMISSION_COUNT; bit++) {
        unsigned mask = 1u << bit;
        if ((*held & mask) && !(keep & mask)) {
            lock_byte(lock->fd, F_OFD_SETLK, F_UNLCK, base + (int)bit);
            *held &= ~mask;
        }
    }
}

static bool test_locks(ImageLock *lock, const char *filename, int base, unsigned bits,
                       const char *kind, GError **error)
{
    for (unsigned bit = 0; bit < BLOCK_PERMISSION_COUNT; bit++) {
        if (!(bits & (1u << bit))) {
            continue;
        }
        int result = lock_byte(lock->fd, F_OFD_GETLK, F_WRLCK, base + (int)bit);
        if (result == -EAGAIN) {
            return error_setf(error,
                              "Failed to get %s\"%s\" lock\n"
                              "Is another process using the image [%s]?",
                              kind, block_permission_name(bit), filename);
        }
        if (result < 0) {
            return error_set_errno(error, -result, "Failed to get %s\"%s\" lock", kind,
                                   block_permission_name(bit));
        }
    }
    return true;
}

static bool take_and_test(ImageLock *lock, const char *filename, unsigned permissions,
                          unsigned unshared, GError **error)
{
    int failed = 0;
    int result = add_locks(lock, USED_BASE, permissions, &lock->used, &failed);

    if (result == 0) {
        result = add_locks(lock, UNSHARED_BASE, unshared, &lock->unshared, &failed);
    }
    if (result < 0) {
        return error_set_errno(error, -result, "Failed to lock byte %d of '%s'", failed, filename);
    }
    return test_locks(lock, filename, UNSHARED_BASE, permissions, "", error) &&
           test_locks(lock, filename, USED_BASE, unshared, "shared ", error);
}

bool image_lock_set(ImageLock *lock, const char *filename, unsigned permissions, unsigned shared,
                    GError **error)
{
    unsigned unshared = BLOCK_PERMISSION_ALL & ~shared;
    unsigned old_used = lock->used, old_unshared = lock->unshared;
    bool more = (permissions & ~old_used) || (unshared & ~old_unshared);

    if (more && !take_and_test(lock, filename, permissions, unshared, error)) {
        drop_locks(lock, USED_BASE, old_used, &lock->used);
        drop_locks(lock, UNSHARED_BASE, old_unshared, &lock->unshared);
        return false;
    }
    drop_locks(lock, USED_BASE, permissions, &lock->used);
    drop_locks(lock, UNSHARED_BASE, unshared, &lock->unshared);
    return true;
}
