/*
 * Channels: poll(2) before each transfer, with an eventfd beside the descriptor that ends a wait.
 *
 * The rate is kept in slices of a tenth of a second: what a slice may carry is written at once,
 * then the writer waits for the next.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "migration/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/error.h"

#define SLICE_US      (G_USEC_PER_SEC / 10)
#define WRITE_MOST    (1u << 20)
#define CHILD_POLL_US 10000

struct MigrationChannel {
    char *name;
    int fd, cancel_fd;
    int old_flags; /* of @fd, put back at the end; -1: not known */
    bool listening, is_socket, is_file;
    GPid child;
    atomic_bool cancelled;
    _Atomic uint64_t rate, transferred;
    int64_t slice_start;
    uint64_t slice_bytes;
};

static void look_at(MigrationChannel *channel)
{
    struct stat status;

    if (fstat(channel->fd, &status) == 0) {
        channel->is_socket = S_ISSOCK(status.st_mode);
        channel->is_file = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode);
    }
    channel->old_flags = fcntl(channel->fd, F_GETFL);
    if (channel->old_flags >= 0 && !channel->is_file) {
        fcntl(channel->fd, F_SETFL, channel->old_flags | O_NONBLOCK);
    }
}

MigrationChannel *channel_new(int fd, const char *name, GPid child)
{
    MigrationChannel *channel = g_new0(MigrationChannel, 1);

    channel->name = g_strdup(name);
    channel->fd = fd;
    channel->child = child;
    channel->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    look_at(channel);
    return channel;
}

MigrationChannel *channel_new_listening(int fd, const char *name)
{
    MigrationChannel *channel = channel_new(fd, name, 0);

    channel->listening = true;
    return channel;
}

void channel_free(MigrationChannel *channel)
{
    if (!channel) {
        return;
    }
    if (channel->fd >= 0) {
        if (channel->old_flags >= 0) {
            fcntl(channel->fd, F_SETFL, channel->old_flags);
        }
        close(channel->fd);
    }
    if (channel->child) {
        g_spawn_close_pid(channel->child);
    }
    close(channel->cancel_fd);
    g_free(channel->name);
    g_free(channel);
}

const char *channel_name(const MigrationChannel *channel)
{
    return channel->name;
}

bool channel_is_socket(const MigrationChannel *channel)
{
    return channel->is_socket;
}

void channel_cancel(MigrationChannel *channel)
{
    uint64_t one = 1;
    ssize_t written G_GNUC_UNUSED;

    atomic_store(&channel->cancelled, true);
    written = write(channel->cancel_fd, &one, sizeof(one)); /* full is set as well */
}

bool channel_is_cancelled(const MigrationChannel *channel)
{
    return atomic_load(&channel->cancelled);
}

void channel_set_rate(MigrationChannel *channel, uint64_t bytes_per_second)
{
    atomic_store(&channel->rate, bytes_per_second);
}

uint64_t channel_transferred(const MigrationChannel *channel)
{
    return atomic_load(&channel->transferred);
}

/* ---- waiting ---- */

static bool say_cancelled(MigrationChannel *channel, GError **error)
{
    return error_setf(error, "%s: cancelled", channel->name);
}

/* Until @fd (-1: nothing) is ready for @events, or @timeout_ms have gone by. */
static bool wait_for(MigrationChannel *channel, int fd, short events, int timeout_ms,
                     GError **error)
{
    struct pollfd fds[] = {{.fd = channel->cancel_fd, .events = POLLIN},
                           {.fd = fd, .events = events}};
    int result;

    do {
        result = poll(fds, G_N_ELEMENTS(fds), timeout_ms);
    } while (result < 0 && errno == EINTR);
    if (channel_is_cancelled(channel)) {
        return say_cancelled(channel, error);
    }
    return result >= 0 || error_set_errno(error, errno, "%s", channel->name);
}

bool channel_accept(MigrationChannel *channel, GError **error)
{
    int fd;

    if (!channel->listening) {
        return true;
    }
    do {
        if (!wait_for(channel, channel->fd, POLLIN, -1, error)) {
            return false;
        }
        fd = accept4(channel->fd, NULL, NULL, SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED));
    if (fd < 0) {
        return error_set_errno(error, errno, "%s: nobody could connect", channel->name);
    }
    close(channel->fd);
    channel->fd = fd;
    channel->listening = false;
    look_at(channel);
    return true;
}

/* How many of @length bytes may go now. */
static bool keep_to_the_rate(MigrationChannel *channel, size_t *length, GError **error)
{
    uint64_t rate = atomic_load(&channel->rate);

    while (rate) {
        uint64_t most = MAX(rate / (G_USEC_PER_SEC / SLICE_US), 1);
        int64_t now = g_get_monotonic_time();

        if (now - channel->slice_start >= SLICE_US) {
            channel->slice_start = now;
            channel->slice_bytes = 0;
        }
        if (channel->slice_bytes < most) {
            *length = MIN(*length, most - channel->slice_bytes);
            return true;
        }
        int64_t left_us = channel->slice_start + SLICE_US - now;
        if (!wait_for(channel, -1, 0, (int)(left_us / 1000) + 1, error)) {
            return false;
        }
        rate = atomic_load(&channel->rate);
    }
    return true;
}

/* ---- bytes ---- */

static bool write_some(MigrationChannel *channel, const uint8_t *data, size_t length, size_t *done,
                       GError **error)
{
    ssize_t written;

    *done = 0;
    length = MIN(length, WRITE_MOST);
    if (!keep_to_the_rate(channel, &length, error) ||
        !wait_for(channel, channel->is_file ? -1 : channel->fd, POLLOUT, channel->is_file ? 0 : -1,
                  error)) {
        return false;
    }
    written = write(channel->fd, data, length);
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
        return error_set_errno(error, errno, "%s: writing the stream failed", channel->name);
    }
    if (written > 0) {
        *done = (size_t)written;
        channel->slice_bytes += *done;
        atomic_fetch_add(&channel->transferred, *done);
    }
    return true;
}

bool channel_write(MigrationChannel *channel, const void *data, size_t length, GError **error)
{
    const uint8_t *at = data;

    while (length > 0) {
        size_t done;

        if (!write_some(channel, at, length, &done, error)) {
            return false;
        }
        at += done;
        length -= done;
    }
    return true;
}

bool channel_read_until_end(MigrationChannel *channel, void *data, size_t length, size_t *got,
                            GError **error)
{
    *got = 0;
    while (*got < length) {
        ssize_t count;

        if (!wait_for(channel, channel->is_file ? -1 : channel->fd, POLLIN,
                      channel->is_file ? 0 : -1, error)) {
            return false;
        }
        count = read(channel->fd, (uint8_t *)data + *got, length - *got);
        if (count == 0) {
            return true;
        }
        if (count < 0 && errno != EINTR && errno != EAGAIN) {
            return error_set_errno(error, errno, "%s: reading the stream failed", channel->name);
        }
        if (count > 0) {
            *got += (size_t)count;
            atomic_fetch_add(&channel->transferred, (uint64_t)count);
        }
    }
    return true;
}

bool channel_read(MigrationChannel *channel, void *data, size_t length, GError **error)
{
    size_t got;

    return channel_read_until_end(channel, data, length, &got, error) &&
           (got == length || error_setf(error, "%s: the stream is cut off", channel->name));
}

/* ---- the end ---- */

static bool wait_for_child(MigrationChannel *channel, GError **error)
{
    GPid child = channel->child;
    int status;

    close(channel->fd); /* it sees the end of its input */
    channel->fd = -1;
    for (;;) {
        pid_t result = waitpid(child, &status, WNOHANG);

        if (result == child) {
            break;
        }
        if (result < 0 && errno != EINTR) {
            return error_set_errno(error, errno, "%s", channel->name);
        }
        if (!wait_for(channel, -1, 0, CHILD_POLL_US / 1000, error)) {
            return false;
        }
    }
    channel->child = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return error_setf(error, "%s: the command ended with %s %d", channel->name,
                          WIFEXITED(status) ? "status" : "signal",
                          WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
    return true;
}

bool channel_finish(MigrationChannel *channel, GError **error)
{
    if (channel->is_file && fdatasync(channel->fd) < 0 && errno != EINVAL && errno != EROFS) {
        return error_set_errno(error, errno, "%s: the stream did not reach the disk",
                               channel->name);
    }
    return !channel->child || wait_for_child(channel, error);
}
